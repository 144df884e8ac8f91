//! The filter: a probability for every on-hand quantity and level.

use super::Invisible;

/// How likely sales were.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Likelihood {
    /// Probability that exactly so many units were wanted: where more stood there than were sold.
    pub exactly: f64,
    /// Probability that at least so many were wanted: where all that stood there was sold.
    pub at_least: f64,
}

/// `K` levels that demand may have.
#[derive(Clone, Debug, PartialEq)]
pub struct Levels<const K: usize> {
    /// Expected demand at each level over the usual one.
    pub demand: [f64; K],
    /// Probability of each at the beginning.
    pub prior: [f64; K],
    /// `[from][to]`: probability of moving between them overnight.
    pub moves: [[f64; K]; K],
}

impl Levels<1> {
    /// Demand is as usual.
    pub const ONE: Self = Self { demand: [1.0], prior: [1.0], moves: [[1.0]] };
}

/// What is believed about one item-location: `P(true on-hand = x and level k)`.
#[derive(Clone, Debug, PartialEq)]
pub struct StockBelief<const K: usize> {
    /// `[n_on_hand][K]`, sums to 1; the last row stands for all that is more.
    cells: Vec<[f64; K]>,
}

impl<const K: usize> StockBelief<K> {
    /// `on_hand` units were counted; beliefs reach up to `most` units.
    ///
    /// # Panics
    /// When `on_hand` is above `most`.
    pub fn counted(on_hand: usize, most: usize, levels: &Levels<K>) -> Self {
        assert!(on_hand <= most, "{on_hand} units were counted, beliefs reach up to {most}");
        let mut cells = vec![[0.0; K]; most + 1];
        cells[on_hand] = levels.prior;
        Self { cells }
    }

    /// The records say `recorded` units, and nobody has counted for `n_days` days in which stock changed unseen.
    ///
    /// # Panics
    /// When `recorded` is above `most`.
    pub fn recorded(recorded: usize, most: usize, n_days: usize, invisible: &Invisible, levels: &Levels<K>) -> Self {
        let mut stock = StockBelief::<1>::counted(recorded, most, &Levels::ONE);
        for _ in 0..n_days {
            stock.change_unseen(invisible);
        }
        Self { cells: stock.cells.iter().map(|[share]| levels.prior.map(|prior| prior * share)).collect() }
    }

    /// Demand may have moved to another level overnight.
    pub fn move_levels(&mut self, levels: &Levels<K>) {
        for cell in &mut self.cells {
            let mut moved = [0.0; K];
            for (share, to) in cell.iter().zip(&levels.moves) {
                for (moved, probability) in moved.iter_mut().zip(to) {
                    *moved += share * probability;
                }
            }
            *cell = moved;
        }
    }

    /// Units came in or left in the way that records say; more cannot leave than is there.
    pub fn move_stock(&mut self, quantity: i64) {
        let top = self.cells.len() - 1;
        if quantity > 0 {
            let by = (quantity as usize).min(top);
            for x in (0..=top).rev() {
                let cell = std::mem::replace(&mut self.cells[x], [0.0; K]);
                add(&mut self.cells[(x + by).min(top)], cell);
            }
        } else if quantity < 0 {
            let by = quantity.unsigned_abs() as usize;
            for x in 0..=top {
                let cell = std::mem::replace(&mut self.cells[x], [0.0; K]);
                add(&mut self.cells[x.saturating_sub(by)], cell);
            }
        }
    }

    /// Units may have been lost or found unseen. Losses end at an empty shelf.
    pub fn change_unseen(&mut self, invisible: &Invisible) {
        let Invisible { rate, loss_share, .. } = *invisible;
        let more = 1.0 - 1.0 / invisible.mean_size.max(1.0);
        let (lost, found) = (rate * loss_share, rate * (1.0 - loss_share));
        let top = self.cells.len() - 1;
        let mut changed: Vec<[f64; K]> = vec![[0.0; K]; top + 1];
        // Losses of geometric size, from the top: `above` is Σ_j b[x + j]·more^(j - 1).
        let mut above = [0.0; K];
        for x in (1..=top).rev() {
            for k in 0..K {
                let here = self.cells[x][k];
                changed[x][k] = here * (1.0 - rate) + lost * (1.0 - more) * above[k];
                above[k] = here + more * above[k];
            }
        }
        // What loses at least what is there is empty: all of `above`, and what was empty stays so.
        for k in 0..K {
            changed[0][k] = self.cells[0][k] * (1.0 - found) + lost * above[k];
        }
        // Finds, from below; what would be more than the top stays there.
        let mut below = [0.0; K];
        for x in 0..top {
            for k in 0..K {
                changed[x][k] += found * (1.0 - more) * below[k];
                below[k] = self.cells[x][k] + more * below[k];
            }
        }
        for k in 0..K {
            changed[top][k] += found * (below[k] + self.cells[top][k]);
        }
        self.cells = changed;
    }

    /// `sold` units were sold; `likelihoods` say how likely that was at each level of demand. Returns the probability that
    /// the belief gave to it.
    ///
    /// Where it was impossible, such as sales of more than could be there, the stock left is taken for small and unknown,
    /// each unit half as likely as the one before, and levels keep their probabilities.
    pub fn sell(&mut self, sold: usize, likelihoods: &[Likelihood; K]) -> f64 {
        self.sell_from(sold, sold, likelihoods)
    }

    /// As [`Self::sell`] where what was sold is less than the quantity that one row stands for: rows stay, but the shelf was
    /// not empty.
    pub fn sell_part(&mut self, likelihoods: &[Likelihood; K]) -> f64 {
        self.sell_from(1, 0, likelihoods)
    }

    /// At least `least` were there, and `sold` left.
    fn sell_from(&mut self, least: usize, sold: usize, likelihoods: &[Likelihood; K]) -> f64 {
        let top = self.cells.len() - 1;
        let mut left = vec![[0.0; K]; top + 1];
        let mut total = 0.0;
        for x in least..=top {
            for k in 0..K {
                let likelihood = if x == sold { likelihoods[k].at_least } else { likelihoods[k].exactly };
                let share = self.cells[x][k] * likelihood;
                left[x - sold][k] = share;
                total += share;
            }
        }
        if total > 1e-290 {
            left.iter_mut().flatten().for_each(|share| *share /= total);
        } else {
            let levels = self.level_probabilities();
            let halves = 1.0 - 0.5_f64.powi(top as i32 + 1);
            for (x, cell) in left.iter_mut().enumerate() {
                *cell = levels.map(|level| level * 0.5_f64.powi(x as i32 + 1) / halves);
            }
            total = 0.0;
        }
        self.cells = left;
        total
    }

    /// Nobody said that the shelf is empty, which somebody does with probability `seen` on a day when it is.
    pub fn nobody_saw_it_empty(&mut self, seen: f64) {
        let empty: f64 = self.cells[0].iter().sum();
        let total = 1.0 - seen * empty;
        if total > 1e-9 {
            self.cells[0].iter_mut().for_each(|share| *share *= 1.0 - seen);
            self.cells.iter_mut().flatten().for_each(|share| *share /= total);
        }
    }

    /// Somebody counted `on_hand` units; levels at which that was likely become likelier. Where it was impossible, levels
    /// keep their probabilities.
    ///
    /// # Panics
    /// When `on_hand` is more than beliefs reach up to.
    pub fn count(&mut self, on_hand: usize) {
        let seen = self.cells[on_hand];
        let total: f64 = seen.iter().sum();
        let levels = if total > 1e-290 { seen.map(|share| share / total) } else { self.level_probabilities() };
        self.cells.fill([0.0; K]);
        self.cells[on_hand] = levels;
    }

    /// Something was measured: `likelihood` says how likely that was at each on-hand quantity. Where it was impossible, the
    /// belief stays.
    pub fn measure(&mut self, likelihood: impl Fn(usize) -> f64) {
        let likelihoods: Vec<f64> = (0..self.cells.len()).map(likelihood).collect();
        let shares = self.cells.iter().map(|cell| cell.iter().sum::<f64>());
        let total: f64 = shares.zip(&likelihoods).map(|(share, likelihood)| share * likelihood).sum();
        if total > 1e-290 {
            for (cell, likelihood) in self.cells.iter_mut().zip(likelihoods) {
                cell.iter_mut().for_each(|share| *share *= likelihood / total);
            }
        }
    }

    /// Probability that nothing is there.
    pub fn probability_empty(&self) -> f64 {
        self.cells[0].iter().sum::<f64>().min(1.0)
    }

    /// Expected units there.
    pub fn expected_on_hand(&self) -> f64 {
        self.cells.iter().enumerate().map(|(x, cell)| x as f64 * cell.iter().sum::<f64>()).sum()
    }

    /// `[K]`: probability of each level.
    pub fn level_probabilities(&self) -> [f64; K] {
        self.cells.iter().fold([0.0; K], |mut sums, cell| {
            add(&mut sums, *cell);
            sums
        })
    }

    /// `[n_on_hand][K]`: probability of each on-hand quantity and level.
    pub fn cells(&self) -> &[[f64; K]] {
        &self.cells
    }
}

fn add<const K: usize>(to: &mut [f64; K], from: [f64; K]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
}
