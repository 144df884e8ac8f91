//! Discrete demand laws for exact methods: a probability per whole unit.

use statrs::distribution::{Discrete, Poisson};

/// Demand of one period on `0..=max_demand` units.
#[derive(Clone, Debug, PartialEq)]
pub struct DiscreteDemand {
    probabilities: Vec<f64>,
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
        Self { probabilities }
    }

    /// Always the same demand, units.
    pub fn constant(demand: usize) -> Self {
        let mut probabilities = vec![0.0; demand + 1];
        probabilities[demand] = 1.0;
        Self { probabilities }
    }

    /// Poisson demand with a mean in units, truncated to `0..=max_demand` and renormalised.
    ///
    /// # Panics
    /// When `mean` is not positive and finite.
    pub fn poisson(mean: f64, max_demand: usize) -> Self {
        let law = Poisson::new(mean).expect("a positive mean");
        Self::new((0..=max_demand as u64).map(|demand| law.pmf(demand)).collect())
    }

    /// The probabilities of `0..=max_demand` units.
    pub fn probabilities(&self) -> &[f64] {
        &self.probabilities
    }

    /// Expected demand, units.
    pub fn mean(&self) -> f64 {
        self.probabilities.iter().enumerate().map(|(demand, probability)| demand as f64 * probability).sum()
    }

    /// P(demand <= level).
    pub fn cdf(&self, level: usize) -> f64 {
        self.probabilities.iter().take(level + 1).sum()
    }

    /// Expected unmet demand E[(demand - level)⁺], units.
    pub fn expected_shortage(&self, level: usize) -> f64 {
        let above = self.probabilities.iter().enumerate().skip(level + 1);
        above.map(|(demand, probability)| (demand - level) as f64 * probability).sum()
    }
}
