//! Numbers for vectors of counts whose entries and sum are capped, such as stock by age with a cap on all stock.

use restock_core::Units;

/// All vectors of `n_entries` counts in `0..=max_entry` that sum to at most `max_sum`, in lexicographic order.
#[derive(Clone, Debug)]
pub(crate) struct BoundedVectors {
    max_entry: usize,
    max_sum: usize,
    /// `[n_entries + 1][max_sum + 1]`: vectors of so many entries that sum to at most so much.
    counts: Vec<Vec<usize>>,
}

impl BoundedVectors {
    /// Counts saturate: sets too large to number can still be asked for their size.
    pub(crate) fn new(n_entries: usize, max_entry: Units, max_sum: Units) -> Self {
        assert!(max_entry >= 0 && max_sum >= 0);
        let (max_entry, max_sum) = (max_entry as usize, max_sum as usize);
        let mut counts = vec![vec![1_usize; max_sum + 1]];
        for entries in 0..n_entries {
            let fewer = &counts[entries];
            let row = (0..=max_sum)
                .map(|room| (0..=max_entry.min(room)).fold(0_usize, |n, value| n.saturating_add(fewer[room - value])))
                .collect();
            counts.push(row);
        }
        Self { max_entry, max_sum, counts }
    }

    pub(crate) fn len(&self) -> usize {
        self.counts[self.counts.len() - 1][self.max_sum]
    }

    /// The number of a vector of the set.
    pub(crate) fn number(&self, entries: impl IntoIterator<Item = Units>) -> usize {
        let (mut number, mut room, mut left) = (0, self.max_sum, self.counts.len() - 1);
        for entry in entries {
            left -= 1;
            number += (0..entry as usize).map(|value| self.counts[left][room - value]).sum::<usize>();
            room -= entry as usize;
        }
        number
    }

    /// Fills `entries` with the vector of a number.
    pub(crate) fn fill<'a>(&self, mut number: usize, entries: impl IntoIterator<Item = &'a mut Units>) {
        let (mut room, mut left) = (self.max_sum, self.counts.len() - 1);
        for entry in entries {
            left -= 1;
            let mut value = 0;
            while value < self.max_entry.min(room) && number >= self.counts[left][room - value] {
                number -= self.counts[left][room - value];
                value += 1;
            }
            *entry = value as Units;
            room -= value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_vectors_belong_together() {
        for (n_entries, max_entry, max_sum) in [(0, 3, 5), (1, 4, 2), (3, 4, 7), (3, 2, 6), (4, 3, 12)] {
            let set = BoundedVectors::new(n_entries, max_entry, max_sum);
            let mut previous = None;
            for number in 0..set.len() {
                let mut entries = vec![0; n_entries];
                set.fill(number, &mut entries);
                assert_eq!(set.number(entries.iter().copied()), number);
                assert!(entries.iter().all(|entry| *entry <= max_entry) && entries.iter().sum::<Units>() <= max_sum);
                assert!(previous < Some(entries.clone()));
                previous = Some(entries);
            }
        }
        assert_eq!(BoundedVectors::new(3, 2, 6).len(), 27);
    }
}
