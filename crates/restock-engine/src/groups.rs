//! Things that are joined in pairs, and the groups that they come to (Tarjan 1975, *J. ACM* 22(2), with path halving).

/// Groups of numbers; each is known by its smallest.
pub(crate) struct Groups(Vec<u32>);

impl Groups {
    /// Each of `n` by itself.
    pub(crate) fn new(n: usize) -> Self {
        Self((0..n as u32).collect())
    }

    /// The smallest number of the group of `one`.
    pub(crate) fn of(&mut self, one: u32) -> u32 {
        let mut top = one as usize;
        while self.0[top] as usize != top {
            self.0[top] = self.0[self.0[top] as usize];
            top = self.0[top] as usize;
        }
        top as u32
    }

    /// Makes one group of those of two numbers.
    pub(crate) fn join(&mut self, one: u32, other: u32) {
        let (one, other) = (self.of(one), self.of(other));
        self.0[one.max(other) as usize] = one.min(other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_in_any_order_the_smallest_names_them() {
        let mut groups = Groups::new(7);
        for (one, other) in [(6, 5), (3, 4), (5, 4), (1, 2), (2, 1), (0, 0)] {
            groups.join(one, other);
        }
        assert_eq!((0..7).map(|one| groups.of(one)).collect::<Vec<_>>(), [0, 1, 1, 3, 3, 3, 3]);
    }
}
