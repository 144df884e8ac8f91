//! The cheapest value of one whole-number parameter.

use restock_core::Units;

/// Walks from `start` up and then down, within `from..=to`, and stops in each direction after `patience` values in a row
/// that are not cheaper than the cheapest so far. Returns the cheapest value, the smallest of equals on the way, with its
/// cost.
///
/// Costs of one-parameter policies have one valley up to small ripples, which `patience` steps over. Where costs are
/// simulated, common random numbers make their differences far smaller than their errors.
///
/// # Panics
/// Unless `from <= start <= to`.
///
/// # Examples
/// ```
/// use restock_inventory::heuristics::line_search;
/// assert_eq!(line_search(0, -20..=20, 2, |x| ((x - 7) * (x - 7)) as f64), (7, 0.0));
/// ```
pub fn line_search(
    start: Units,
    range: std::ops::RangeInclusive<Units>,
    patience: usize,
    mut cost: impl FnMut(Units) -> f64,
) -> (Units, f64) {
    assert!(range.contains(&start), "{start} is not in {range:?}");
    let (mut best, mut best_cost) = (start, cost(start));
    for direction in [1, -1] {
        let mut n_dearer = 0;
        let mut value = start + direction;
        while range.contains(&value) && n_dearer < patience {
            let value_cost = cost(value);
            if value_cost < best_cost {
                (best, best_cost, n_dearer) = (value, value_cost, 0);
            } else {
                n_dearer += 1;
            }
            value += direction;
        }
    }
    (best, best_cost)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_over_ripples_and_stays_in_range() {
        let ripple = |x: Units| if x == 3 { 9.5 } else { (10 - x).abs() as f64 };
        assert_eq!(line_search(0, 0..=20, 2, ripple), (10, 0.0));
        assert_eq!(line_search(15, 0..=20, 2, ripple), (10, 0.0));
        assert_eq!(line_search(5, 0..=8, 3, ripple), (8, 2.0));
        assert_eq!(line_search(4, 4..=4, 3, ripple), (4, 6.0));
    }
}
