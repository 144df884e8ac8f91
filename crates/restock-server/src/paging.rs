//! Pages of what each request puts into an order of its own.

use std::cmp::Ordering;

/// Keeps the first `limit` of `all` in an order, sorted, and tells whether there were more. No more is sorted than is kept.
pub(crate) fn keep_first<T>(all: &mut Vec<T>, limit: usize, order: impl Fn(&T, &T) -> Ordering) -> bool {
    let has_more = all.len() > limit;
    if has_more {
        all.select_nth_unstable_by(limit, &order);
        all.truncate(limit);
    }
    all.sort_unstable_by(order);
    has_more
}

#[cfg(test)]
mod tests {
    use super::keep_first;

    #[test]
    fn the_first_are_kept_in_order() {
        for limit in 1..12 {
            let mut all: Vec<u64> = (0..10).map(|n| n * 7 % 10).collect();
            let has_more = keep_first(&mut all, limit, u64::cmp);
            let expected: Vec<u64> = (0..10).take(limit).collect();
            assert_eq!((all, has_more), (expected, limit < 10), "{limit}");
        }
    }
}
