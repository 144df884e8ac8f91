//! Random items, each found by the seed and its number: what the pretrained policy is trained and graded on.
//!
//! Mean demand, dispersion, cost ratio and lead time are drawn wide; laws are those of two moments (Adan, van Eenige &
//! Resing 1995: binomial, Poisson, negative binomial and geometric mixtures), intermittent ones, rounded gamma and uniform
//! ones. Training, validation and grading have seeds of their own ([`TRAINING_SEED`], [`GRADING_SEED`]).

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use restock_inventory::discrete_demand::DiscreteDemand;
use restock_inventory::two_moment_fit::TwoMomentFit;

use super::problem::{ItemProblem, LEAD_TIME_MAX, Unmet};

/// Seeds of generators for training begin here.
pub const TRAINING_SEED: u64 = 1 << 32;

/// The seed of the items that policies are graded on.
pub const GRADING_SEED: u64 = 101;

/// Where random items come from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ItemRange {
    /// Mean demand of a period, units.
    pub mean: (f64, f64),
    /// Variance over mean of demand, units.
    pub dispersion: (f64, f64),
    /// Stock-out over holding cost.
    pub cost_ratio: (f64, f64),
    /// Lead time, periods, both ends included.
    pub lead_time: (usize, usize),
    /// Share of items whose demand is lost.
    pub share_lost: f64,
    /// Share of items with a cycle, of two to seven periods.
    pub share_cyclic: f64,
}

impl ItemRange {
    /// All that the policy is trained for.
    pub const ALL: Self = Self {
        mean: (0.3, 50.0),
        dispersion: (0.15, 15.0),
        cost_ratio: (1.5, 150.0),
        lead_time: (0, LEAD_TIME_MAX),
        share_lost: 0.8,
        share_cyclic: 0.35,
    };

    /// Lost sales with few enough states for an exact solver, before those that have too many are left out.
    pub const SOLVABLE: Self = Self { mean: (0.3, 12.0), lead_time: (0, 4), share_lost: 1.0, ..Self::ALL };
}

/// A sequence of random items.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ItemGenerator {
    /// The seed.
    pub seed: u64,
    /// Where they come from.
    pub range: ItemRange,
}

impl ItemGenerator {
    /// The item with a number.
    pub fn item(&self, item_idx: u64) -> ItemProblem {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(item_idx);
        let range = self.range;
        let lead_time = rng.random_range(range.lead_time.0..=range.lead_time.1);
        let unmet = if rng.random_bool(range.share_lost) { Unmet::Lost } else { Unmet::Waits };
        let stockout_cost = log_uniform(&mut rng, range.cost_ratio);
        // Half of the items sell some units a period, where whole units matter most.
        let middle = (range.mean.0.max(1.5), range.mean.1.min(15.0));
        let mean = if rng.random_bool(0.5) { log_uniform(&mut rng, middle) } else { log_uniform(&mut rng, range.mean) };
        let n_phases = if rng.random_bool(range.share_cyclic) { rng.random_range(2..=7) } else { 1 };
        let swing = rng.random_range(0.1..0.6);
        let family = rng.random_range(0..20);
        let dispersion = log_uniform(&mut rng, range.dispersion);
        let demand = (0..n_phases).map(|_| {
            let mean = if n_phases == 1 { mean } else { mean * (swing * normal(&mut rng)).exp() };
            let mean = mean.clamp(range.mean.0, range.mean.1);
            let dispersion = if n_phases == 1 { dispersion } else { dispersion * (0.4 * normal(&mut rng)).exp() };
            law(family, mean, dispersion, &mut rng)
        });
        let demand = demand.collect();
        ItemProblem::new(lead_time, unmet, 1.0, stockout_cost, demand).expect("an item within its range")
    }

    /// The items with the numbers from `first` on.
    pub fn items(&self, first: u64, n_items: usize) -> Vec<ItemProblem> {
        use rayon::prelude::*;
        (first..first + n_items as u64).into_par_iter().map(|item_idx| self.item(item_idx)).collect()
    }
}

/// A law of a family with a mean and about a dispersion, variance over mean, units.
fn law(family: u32, mean: f64, dispersion: f64, rng: &mut ChaCha8Rng) -> DiscreteDemand {
    // No wilder than three times the mean.
    let dispersion = dispersion.min(9.0 * mean).max(0.02);
    match family {
        0..=13 => two_moments(mean, dispersion),
        14..=16 => {
            // Nothing in a share of the periods.
            let nothing = rng.random_range(0.2..0.8);
            let some = two_moments((mean / (1.0 - nothing)).max(0.3), dispersion);
            let mut probabilities: Vec<f64> = some.probabilities().iter().map(|p| (1.0 - nothing) * p).collect();
            probabilities[0] += nothing;
            DiscreteDemand::new(probabilities)
        }
        17..=18 => {
            let variation = (dispersion / mean).sqrt().clamp(0.1, 1.5);
            let law =
                DiscreteDemand::rounded_gamma(mean, variation, (mean * (1.0 + 9.0 * variation)).ceil() as usize + 2);
            if law.mean() > 0.05 { law } else { two_moments(mean, dispersion) }
        }
        _ => {
            let high = (2.0 * mean).round().max(1.0) as usize;
            DiscreteDemand::uniform(rng.random_range(0..=high / 2), high)
        }
    }
}

fn two_moments(mean: f64, dispersion: f64) -> DiscreteDemand {
    let above = mean - mean.floor();
    let variance = (dispersion * mean).max(above * (1.0 - above) * 1.0001).max(1e-6);
    TwoMomentFit::new(mean, variance.sqrt()).expect("moments of a law").demand()
}

fn log_uniform(rng: &mut impl Rng, (low, high): (f64, f64)) -> f64 {
    (low.ln() + (high / low).ln() * rng.random::<f64>()).exp()
}

/// A number of the standard normal law (Box & Muller 1958).
fn normal(rng: &mut impl Rng) -> f64 {
    let (radius, angle): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_found_by_their_number_and_are_many() {
        let generator = ItemGenerator { seed: 5, range: ItemRange::ALL };
        let items = generator.items(10, 300);
        assert_eq!(items[7], generator.item(17));
        assert_ne!(items[7], ItemGenerator { seed: 6, ..generator }.item(17));
        let share = |is: &dyn Fn(&ItemProblem) -> bool| items.iter().filter(|item| is(item)).count() as f64 / 300.0;
        // Four standard errors of a share of 300.
        assert!((share(&|item| item.unmet() == Unmet::Lost) - 0.8).abs() < 0.1);
        assert!((share(&|item| item.demand().len() > 1) - 0.35).abs() < 0.12);
        assert!(share(&|item| item.scale() < 1.5) > 0.08 && share(&|item| item.scale() > 15.0) > 0.08);
        assert!(share(&|item| item.lead_time() == LEAD_TIME_MAX) > 0.02);
        for item in &items {
            assert!(item.cost_scale() > 0.0 && item.cost_scale().is_finite());
            assert!(item.parameters().iter().all(|of| of.features.iter().all(|feature| feature.abs() < 6.0)));
        }
    }
}
