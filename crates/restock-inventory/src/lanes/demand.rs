//! Draws from a discrete demand law in lanes, by an alias table (Walker 1977; Vose 1991).
//!
//! The table has a power of two of cells. The high bits of a random word choose a cell, the low bits decide between the
//! cell's own demand and its alias: one word and one look-up a draw, whatever the law. Probabilities are kept to 2^-32.

use std::num::Wrapping;

use super::{LANE_UNITS_MAX, LaneRng, LaneUnits, Lanes, N_LANES};
use crate::discrete_demand::DiscreteDemand;

/// A demand law, ready to be drawn from.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneDemand {
    /// `[n_cells]`, a power of two.
    cells: Vec<Cell>,
    /// Binary logarithm of the number of cells, at least 1.
    cell_bits: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Cell {
    /// Random bits below this keep the demand that is the number of the cell.
    threshold: u32,
    /// The demand otherwise, units.
    alias: i32,
}

impl LaneDemand {
    /// Builds the table.
    ///
    /// # Panics
    /// When demand can be more than [`LANE_UNITS_MAX`] units.
    pub fn new(law: &DiscreteDemand) -> Self {
        let probabilities = law.probabilities();
        assert!(probabilities.len() as i64 <= LANE_UNITS_MAX, "demand up to {} units", probabilities.len() - 1);
        let n_cells = probabilities.len().next_power_of_two().max(2);
        // Vose's algorithm: cells with less than their share are filled up from one that has more.
        let mut share: Vec<f64> = (0..n_cells)
            .map(|cell| probabilities.get(cell).map_or(0.0, |probability| probability * n_cells as f64))
            .collect();
        let mut cells: Vec<Cell> = (0..n_cells).map(|cell| Cell { threshold: 0, alias: cell as i32 }).collect();
        let (mut poor, mut rich): (Vec<usize>, Vec<usize>) = (0..n_cells).partition(|cell| share[*cell] < 1.0);
        while let (Some(from), Some(to)) = (rich.last().copied(), poor.pop()) {
            cells[to] = Cell { threshold: (share[to] * 2_f64.powi(32)).round() as u32, alias: from as i32 };
            share[from] -= 1.0 - share[to];
            if share[from] < 1.0 {
                rich.pop();
                poor.push(from);
            }
        }
        // What is left keeps its own demand whatever the bits: its alias is itself. Rounding can leave a cell that no
        // rich one fills up; where it belongs to no demand, it goes to the most likely one.
        let most_likely = (0..probabilities.len()).max_by(|a, b| probabilities[*a].total_cmp(&probabilities[*b]));
        for cell in poor.into_iter().filter(|cell| probabilities.get(*cell).is_none_or(|p| *p == 0.0)) {
            cells[cell].alias = most_likely.expect("a law") as i32;
        }
        Self { cells, cell_bits: n_cells.trailing_zeros() }
    }

    /// A demand in each lane, units.
    #[inline(always)]
    pub fn sample(&self, rng: &mut LaneRng) -> Lanes<LaneUnits> {
        let random = rng.next_u32();
        let mut demand = [Wrapping(0); N_LANES];
        for lane in 0..N_LANES {
            demand[lane] = self.draw(random[lane]);
        }
        demand
    }

    /// The demand that 32 random bits stand for, units; for lanes whose laws differ.
    #[inline(always)]
    pub fn draw(&self, random: u32) -> LaneUnits {
        let cell_idx = random >> (32 - self.cell_bits);
        let cell = self.cells[cell_idx as usize];
        let keeps = (random << self.cell_bits) < cell.threshold;
        Wrapping(if keeps { cell_idx as i32 } else { cell.alias })
    }

    /// The probability of each demand that the table gives, for tests.
    #[cfg(test)]
    fn probabilities(&self) -> Vec<f64> {
        let mut probabilities = vec![0.0; self.cells.len()];
        // Low bits are multiples of 2^cell_bits: so many of them are below the threshold.
        let n_bits = 2_f64.powi(32 - self.cell_bits as i32);
        for (cell_idx, cell) in self.cells.iter().enumerate() {
            let keeps = u64::from(cell.threshold).div_ceil(1 << self.cell_bits) as f64 / n_bits;
            probabilities[cell_idx] += keeps / self.cells.len() as f64;
            probabilities[cell.alias as usize] += (1.0 - keeps) / self.cells.len() as f64;
        }
        probabilities
    }
}

#[cfg(test)]
mod tests {
    use statrs::distribution::{ChiSquared, ContinuousCDF};

    use super::*;

    fn laws() -> Vec<DiscreteDemand> {
        vec![
            DiscreteDemand::poisson(5.0, 60),
            DiscreteDemand::geometric(5.0, 250),
            DiscreteDemand::uniform(0, 4),
            DiscreteDemand::uniform(3, 8),
            DiscreteDemand::constant(0),
            DiscreteDemand::constant(30),
            DiscreteDemand::new(vec![0.5, 0.0, 0.0, 0.5]),
            DiscreteDemand::poisson(400.0, 700),
        ]
    }

    #[test]
    fn the_table_holds_the_law() {
        for law in laws() {
            let table = LaneDemand::new(&law).probabilities();
            for (demand, ours) in table.iter().enumerate() {
                let probability = law.probabilities().get(demand).copied().unwrap_or(0.0);
                // 2^-32 from each of the cells that share in a demand.
                let tolerance = table.len() as f64 * 2_f64.powi(-32);
                assert!((ours - probability).abs() <= tolerance, "P({demand}) = {ours}, not {probability}");
                assert!(probability > 0.0 || *ours == 0.0, "demand {demand} cannot happen");
            }
        }
    }

    /// Pearson's test: a right sampler fails one law of eight in a thousand seeds at this level.
    #[test]
    fn draws_follow_the_law() {
        const N_DRAWS: usize = 1 << 20;
        for (law_idx, law) in laws().iter().enumerate() {
            let table = LaneDemand::new(law);
            let mut counts = vec![0_u32; law.probabilities().len()];
            for block_idx in 0..4 {
                let mut rng = LaneRng::new(11 + law_idx as u64, block_idx);
                for _ in 0..N_DRAWS / N_LANES / 4 {
                    table.sample(&mut rng).iter().for_each(|demand| counts[demand.0 as usize] += 1);
                }
            }
            let p_value = chi_square_p_value(law.probabilities(), &counts);
            assert!(p_value > 1e-4, "law {law_idx}: p-value {p_value}");
        }
    }

    /// The test can fail: draws of one law are not those of another of nearly the same shape.
    #[test]
    fn draws_of_another_law_are_found_out() {
        let table = LaneDemand::new(&DiscreteDemand::poisson(5.02, 60));
        let law = DiscreteDemand::poisson(5.0, 60);
        let mut counts = vec![0_u32; 61];
        let mut rng = LaneRng::new(5, 0);
        for _ in 0..(1 << 20) / N_LANES {
            table.sample(&mut rng).iter().for_each(|demand| counts[demand.0 as usize] += 1);
        }
        assert!(chi_square_p_value(law.probabilities(), &counts) < 1e-6);
    }

    /// Demands that are expected less than ten times are one class.
    fn chi_square_p_value(probabilities: &[f64], counts: &[u32]) -> f64 {
        let n_draws: f64 = counts.iter().map(|count| f64::from(*count)).sum();
        let (mut statistic, mut n_classes) = (0.0, 0);
        let (mut rest_expected, mut rest_count) = (0.0, 0.0);
        for (probability, count) in probabilities.iter().zip(counts) {
            let (expected, count) = (probability * n_draws, f64::from(*count));
            if expected < 10.0 {
                rest_expected += expected;
                rest_count += count;
            } else {
                statistic += (count - expected).powi(2) / expected;
                n_classes += 1;
            }
        }
        if rest_expected > 0.0 {
            statistic += (rest_count - rest_expected).powi(2) / rest_expected.max(1.0);
            n_classes += 1;
        }
        if n_classes < 2 {
            return if statistic == 0.0 { 1.0 } else { 0.0 };
        }
        1.0 - ChiSquared::new(f64::from(n_classes - 1)).expect("a law").cdf(statistic)
    }
}
