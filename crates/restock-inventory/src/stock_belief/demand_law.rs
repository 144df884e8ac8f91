//! What is wanted in a day: Poisson, or negative binomial where it varies more.

use super::Likelihood;

/// Negative binomial demand with a fixed ratio of variance to mean, so that the demand of two days has the same ratio;
/// 1 is Poisson.
///
/// With mean `μ` and ratio `v > 1`, `P(0) = v^(-μ / (v - 1))` and
/// `P(d + 1) = P(d) · (1 - 1/v) · (d + μ / (v - 1)) / (d + 1)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DemandLaw {
    variance_to_mean: f64,
}

/// Ratios nearer to 1 than this are taken for Poisson.
const POISSON: f64 = 1e-6;

impl DemandLaw {
    /// A law with this ratio of variance to mean; below 1 it is taken for 1.
    pub fn new(variance_to_mean: f64) -> Self {
        Self { variance_to_mean: if variance_to_mean > 1.0 + POISSON { variance_to_mean } else { 1.0 } }
    }

    /// The law of a history by the method of moments: `expected` and `sold` units of each day.
    ///
    /// The ratio is the sum of squared errors over the sum of what was expected, with one Poisson unit in both, so that a
    /// short history stays near Poisson.
    pub fn of_history(days: impl Iterator<Item = (f64, f64)>) -> Self {
        let (mut squares, mut mean) = (1.0, 1.0);
        for (expected, sold) in days {
            squares += (sold - expected).powi(2);
            mean += expected;
        }
        Self::new(squares / mean)
    }

    /// Variance of a day's demand over its mean, at least 1.
    pub fn variance_to_mean(&self) -> f64 {
        self.variance_to_mean
    }

    /// The law with which nothing is wanted with probability `zero` on a day that expects `mean` units, where that is
    /// more than with this law.
    pub fn at_least_zeros(self, zero: f64, mean: f64) -> Self {
        if mean <= 0.0 || zero <= self.none(mean) || zero >= 1.0 {
            return self;
        }
        // P(0) grows with the ratio, so the ratio is found by halving.
        let (mut low, mut high) = (self.variance_to_mean, 1e4);
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            if Self::new(middle).none(mean) < zero { low = middle } else { high = middle }
        }
        Self::new(low)
    }

    /// P(demand = 0) where `mean` units are expected.
    pub fn none(&self, mean: f64) -> f64 {
        let ratio = self.variance_to_mean;
        if ratio == 1.0 { (-mean).exp() } else { (-mean * ratio.ln() / (ratio - 1.0)).exp() }
    }

    /// P(demand = d) for `d = 0, 1, 2, ...` where `mean` units are expected.
    pub fn probabilities(&self, mean: f64) -> impl Iterator<Item = f64> + use<> {
        let ratio = self.variance_to_mean;
        let mut probability = self.none(mean);
        (0_u32..).map(move |demand| {
            let this = probability;
            let demand = f64::from(demand);
            probability *= if ratio == 1.0 {
                mean / (demand + 1.0)
            } else {
                (1.0 - 1.0 / ratio) * (demand + mean / (ratio - 1.0)) / (demand + 1.0)
            };
            this
        })
    }

    /// How likely it is that `sold` units were wanted, and that at least so many were, where `mean` are expected.
    pub fn of(&self, sold: usize, mean: f64) -> Likelihood {
        let (mut below, mut exactly) = (0.0, 0.0);
        for (demand, probability) in self.probabilities(mean).take(sold + 1).enumerate() {
            if demand == sold {
                exactly = probability;
            } else {
                below += probability;
            }
        }
        // Far out in the tail the difference to 1 is lost to rounding; what is left is no less than one term.
        Likelihood { exactly, at_least: (1.0_f64 - below).max(exactly) }
    }

    /// Expected demand beyond `on_hand` units where `mean` are expected.
    pub fn expected_beyond(&self, on_hand: usize, mean: f64) -> f64 {
        // E(D - x)⁺ = μ - Σ_{j < x} P(D > j).
        let (mut beyond, mut up_to) = (mean, 0.0);
        for probability in self.probabilities(mean).take(on_hand) {
            up_to += probability;
            beyond -= 1.0 - up_to;
            if beyond <= 1e-9 * mean {
                return 0.0;
            }
        }
        beyond.max(0.0)
    }
}
