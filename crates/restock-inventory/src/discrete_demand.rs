//! Discrete demand laws for exact methods: a probability per whole unit.

use rand::{Rng, RngExt};
use restock_core::Units;
use statrs::distribution::{ContinuousCDF, Discrete, Gamma, Poisson};

/// Demand of one period on `0..=max_demand` units.
#[derive(Clone, Debug, PartialEq)]
pub struct DiscreteDemand {
    probabilities: Vec<f64>,
    /// `[n]`: P(demand <= level), summed from 0 upwards.
    cumulative: Vec<f64>,
}

impl DiscreteDemand {
    /// A law from probabilities of `0, 1, 2, ...` units, renormalised to sum to 1.
    ///
    /// # Panics
    /// When a probability is negative or not finite, or all are zero.
    pub fn new(mut probabilities: Vec<f64>) -> Self {
        assert!(probabilities.iter().all(|probability| probability.is_finite() && *probability >= 0.0));
        let total: f64 = probabilities.iter().sum();
        assert!(total > 0.0, "a demand law needs some probability");
        for probability in &mut probabilities {
            *probability /= total;
        }
        Self::from_normalised(probabilities)
    }

    fn from_normalised(probabilities: Vec<f64>) -> Self {
        let mut below = 0.0;
        let sum_up = |probability: &f64| {
            below += probability;
            below
        };
        let cumulative = probabilities.iter().map(sum_up).collect();
        Self { probabilities, cumulative }
    }

    /// Always the same demand, units.
    pub fn constant(demand: usize) -> Self {
        let mut probabilities = vec![0.0; demand + 1];
        probabilities[demand] = 1.0;
        Self::from_normalised(probabilities)
    }

    /// Poisson demand with a mean in units, truncated to `0..=max_demand` and renormalised.
    ///
    /// # Panics
    /// When `mean` is not positive and finite.
    pub fn poisson(mean: f64, max_demand: usize) -> Self {
        let law = Poisson::new(mean).expect("a positive mean");
        Self::new((0..=max_demand as u64).map(|demand| law.pmf(demand)).collect())
    }

    /// Geometric demand on `0, 1, 2, ...` with a mean in units, truncated to `0..=max_demand` and renormalised:
    /// `P(d) = (1 - θ)·θᵈ` with `θ = mean / (1 + mean)`.
    ///
    /// # Panics
    /// When `mean` is not positive and finite.
    pub fn geometric(mean: f64, max_demand: usize) -> Self {
        assert!(mean > 0.0 && mean.is_finite(), "mean demand {mean} must be positive");
        let theta = mean / (1.0 + mean);
        Self::new((0..=max_demand).map(|demand| theta.powi(demand as i32)).collect())
    }

    /// Negative binomial demand with a mean in units and a variance in units², truncated to `0..=max_demand` and
    /// renormalised: `P(0) = (1 - θ)^r` and `P(d + 1) = P(d)·θ·(d + r)/(d + 1)` with `θ = 1 - mean / variance` and
    /// `r = mean² / (variance - mean)`, which need not be whole.
    ///
    /// # Panics
    /// Unless `mean` is positive and `variance` above it, both finite.
    pub fn negative_binomial(mean: f64, variance: f64, max_demand: usize) -> Self {
        assert!(mean > 0.0 && variance > mean && variance.is_finite(), "mean {mean}, variance {variance}");
        let theta = 1.0 - mean / variance;
        let r = mean * mean / (variance - mean);
        let mut probability = (r * (-theta).ln_1p()).exp();
        let mut probabilities = Vec::with_capacity(max_demand + 1);
        for demand in 0..=max_demand {
            probabilities.push(probability);
            probability *= theta * (demand as f64 + r) / (demand as f64 + 1.0);
        }
        Self::new(probabilities)
    }

    /// Demand on `low..=high`, each as likely, units.
    ///
    /// # Panics
    /// When `low` is above `high`.
    pub fn uniform(low: usize, high: usize) -> Self {
        assert!(low <= high);
        Self::new((0..=high).map(|demand| if demand < low { 0.0 } else { 1.0 }).collect())
    }

    /// Gamma demand with a mean in units and a coefficient of variation, rounded to the nearest unit; all demand beyond
    /// `max_demand` counts as `max_demand`.
    ///
    /// # Panics
    /// When `mean` or `coefficient_of_variation` is not positive and finite.
    pub fn rounded_gamma(mean: f64, coefficient_of_variation: f64, max_demand: usize) -> Self {
        let squared = coefficient_of_variation * coefficient_of_variation;
        let law = Gamma::new(1.0 / squared, 1.0 / (mean * squared)).expect("a positive mean and variation");
        let up_to = |demand: usize| if demand == max_demand { 1.0 } else { law.cdf(demand as f64 + 0.5) };
        let probabilities =
            (0..=max_demand).map(|demand| up_to(demand) - if demand == 0 { 0.0 } else { up_to(demand - 1) });
        Self::new(probabilities.map(|probability| probability.max(0.0)).collect())
    }

    /// The total of independent demands.
    pub fn sum<'a>(laws: impl IntoIterator<Item = &'a DiscreteDemand>) -> Self {
        let total = laws.into_iter().fold(vec![1.0], |total, law| convolve(&total, &law.probabilities));
        Self::new(total)
    }

    /// The probabilities of `0..=max_demand` units.
    pub fn probabilities(&self) -> &[f64] {
        &self.probabilities
    }

    /// Variance of demand, units².
    pub fn variance(&self) -> f64 {
        let mean = self.mean();
        let terms = self.probabilities.iter().enumerate();
        terms.map(|(demand, probability)| (demand as f64 - mean).powi(2) * probability).sum()
    }

    /// Expected demand, units.
    pub fn mean(&self) -> f64 {
        self.probabilities.iter().enumerate().map(|(demand, probability)| demand as f64 * probability).sum()
    }

    /// P(demand <= level).
    pub fn cdf(&self, level: usize) -> f64 {
        self.cumulative[level.min(self.cumulative.len() - 1)]
    }

    /// The smallest demand whose distribution function is at least `quantile_level`, units.
    pub fn quantile(&self, quantile_level: f64) -> Units {
        let demand = self.cumulative.partition_point(|below| *below < quantile_level - 1e-12);
        demand.min(self.cumulative.len() - 1) as Units
    }

    /// A demand drawn from the law, units: one uniform number of the generator, looked up by halving in the distribution
    /// function. So a generator from a seed gives the same demands on every machine, and a draw uses as many random bits
    /// whatever the law.
    pub fn sample(&self, rng: &mut dyn Rng) -> Units {
        self.inverse(rng.random())
    }

    /// The smallest demand whose distribution function is above a uniform number in [0, 1), units.
    fn inverse(&self, uniform: f64) -> Units {
        let demand = self.cumulative.partition_point(|below| *below <= uniform);
        if demand < self.cumulative.len() {
            return demand as Units;
        }
        // The probabilities sum to 1 up to rounding; what is left belongs to the last demand that can happen.
        self.probabilities.iter().rposition(|probability| *probability > 0.0).expect("a law") as Units
    }

    /// Replaces `chances` by the law with all demand of at least `available` carried by two demands, such that its
    /// probability and mean are kept: exact wherever more demand than is available changes nothing but a cost that is
    /// linear in it.
    pub fn up_to(&self, available: Units, chances: &mut Vec<(Units, f64)>) {
        chances.clear();
        let first_above = (available.max(0) as usize).min(self.probabilities.len());
        let below = self.probabilities[..first_above].iter().enumerate();
        chances.extend(below.filter(|(_, p)| **p > 0.0).map(|(demand, p)| (demand as Units, *p)));
        let above = &self.probabilities[first_above..];
        let probability: f64 = above.iter().sum();
        if probability <= 0.0 {
            return;
        }
        let excess: f64 = above.iter().enumerate().map(|(excess, p)| excess as f64 * p).sum();
        let most = above.len() - 1;
        let at_most = if most == 0 { 0.0 } else { excess / most as f64 };
        let at_least = probability - at_most;
        if at_least > 0.0 {
            chances.push((first_above as Units, at_least));
        }
        if at_most > 0.0 {
            chances.push(((first_above + most) as Units, at_most));
        }
    }

    /// Expected unmet demand E[(demand - level)⁺], units.
    pub fn expected_shortage(&self, level: usize) -> f64 {
        let above = self.probabilities.iter().enumerate().skip(level + 1);
        above.map(|(demand, probability)| (demand - level) as f64 * probability).sum()
    }
}

/// Probabilities of the sum of two independent demands.
pub(crate) fn convolve(a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut sum = vec![0.0; a.len() + b.len() - 1];
    for (i, x) in a.iter().enumerate() {
        for (j, y) in b.iter().enumerate() {
            sum[i + j] += x * y;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Looking up by halving finds what adding up one by one finds, for uniform numbers at and between the steps.
        #[test]
        fn look_ups_agree_with_adding_up(
            weights in prop::collection::vec(prop_oneof![Just(0.0), 0.0_f64..1.0], 1..40).prop_filter(
                "some probability", |weights| weights.iter().sum::<f64>() > 0.0), uniform in 0.0_f64..1.0,
        ) {
            let law = DiscreteDemand::new(weights);
            let steps: Vec<f64> = law.cumulative.iter().copied().filter(|below| *below < 1.0).collect();
            for uniform in steps.into_iter().chain([0.0, uniform, 1.0 - f64::EPSILON / 2.0]) {
                let mut below = 0.0;
                let added_up = law.probabilities().iter().position(|probability| {
                    below += probability;
                    uniform < below
                });
                let last = law.probabilities().iter().rposition(|probability| *probability > 0.0).unwrap();
                prop_assert_eq!(law.inverse(uniform), added_up.unwrap_or(last) as Units);
                prop_assert!(law.probabilities()[law.inverse(uniform) as usize] > 0.0);
            }
        }
    }
}
