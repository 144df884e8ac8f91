//! A discrete demand law with a given mean and standard deviation (Adan, van Eenige & Resing 1995, *Probability in the
//! Engineering and Informational Sciences* 9(4), "Fitting discrete distributions on the first two moments").
//!
//! With `a = variance / mean² - 1 / mean`, which is 0 for a Poisson law, the fit is
//!
//! 1. for `-1/k <= a <= -1/(k+1)` a mixture of binomial laws of `k` and `k + 1` trials,
//! 2. for `a = 0` the Poisson law,
//! 3. for `1/(k+1) <= a <= 1/k` a mixture of negative binomial laws of `k` and `k + 1` failures,
//! 4. for `a >= 1` a mixture of two geometric laws;
//!
//! a mixture takes its first law with probability `weight`.

use crate::discrete_demand::DiscreteDemand;

/// Variances within this share of the mean are taken for Poisson: moments are often rounded to six decimals, and
/// mixtures of millions of trials are Poisson to that accuracy.
const POISSON_TOLERANCE: f64 = 2e-6;

/// A law is cut where all demand beyond has less than this probability.
const TAIL: f64 = 1e-13;

/// Why moments cannot be fitted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FitError {
    /// Not a number, infinite, zero or negative.
    #[error(
        "mean demand is {mean} with a standard deviation of {standard_deviation}; the mean must be above 0, the \
         standard deviation 0 or more, both finite"
    )]
    OutOfRange {
        /// Mean, units.
        mean: f64,
        /// Standard deviation, units.
        standard_deviation: f64,
    },
    /// Whole units cannot vary so little around a mean between them.
    #[error(
        "a standard deviation of {standard_deviation} is too small for whole units with a mean of {mean}, must be at \
         least {least:.6}"
    )]
    TooSmall {
        /// Mean, units.
        mean: f64,
        /// Standard deviation, units.
        standard_deviation: f64,
        /// The smallest standard deviation of a law on whole units with this mean.
        least: f64,
    },
}

/// The fitted law.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TwoMomentFit {
    /// `n_trials` trials with probability `weight`, else one more.
    BinomialMixture {
        /// Trials of the first law (k).
        n_trials: u64,
        /// Success probability of a trial.
        success: f64,
        /// Probability of the first law (q).
        weight: f64,
    },
    /// The Poisson law.
    Poisson {
        /// Mean, units.
        mean: f64,
    },
    /// `n_failures` geometric demands with probability `weight`, else one more.
    NegativeBinomialMixture {
        /// Geometric demands in the first law (k).
        n_failures: u64,
        /// `P(d) = (1 - ratio)·ratioᵈ` of each geometric demand.
        ratio: f64,
        /// Probability of the first law (q).
        weight: f64,
    },
    /// A geometric demand of one ratio with probability `weight`, else of the other.
    GeometricMixture {
        /// `P(d) = (1 - ratio)·ratioᵈ` of the two laws.
        ratios: [f64; 2],
        /// Probability of the first law (q).
        weight: f64,
    },
}

impl TwoMomentFit {
    /// Fits a mean and a standard deviation, units.
    ///
    /// # Errors
    /// [`FitError`] when no law on whole units has these moments.
    ///
    /// # Examples
    /// ```
    /// use restock_inventory::two_moment_fit::TwoMomentFit;
    /// let law = TwoMomentFit::new(7.5, 2.291288).unwrap().demand();
    /// assert!((law.mean() - 7.5).abs() < 1e-9);
    /// assert!((law.variance().sqrt() - 2.291288).abs() < 1e-9);
    /// ```
    pub fn new(mean: f64, standard_deviation: f64) -> Result<Self, FitError> {
        if !(mean > 0.0 && mean.is_finite() && standard_deviation >= 0.0 && standard_deviation.is_finite()) {
            return Err(FitError::OutOfRange { mean, standard_deviation });
        }
        let variance = standard_deviation * standard_deviation;
        let above = mean - mean.floor();
        let least_variance = above * (1.0 - above);
        if variance < least_variance * (1.0 - 1e-6) {
            return Err(FitError::TooSmall { mean, standard_deviation, least: least_variance.sqrt() });
        }
        if (variance - mean).abs() <= POISSON_TOLERANCE * mean {
            return Ok(Self::Poisson { mean });
        }
        let a = variance / (mean * mean) - 1.0 / mean;
        Ok(if a < 0.0 {
            // Below -1 there is no law; rounded moments may say otherwise.
            let n_trials = (-1.0 / a).floor().max(1.0);
            // The paper's q with its common factor cancelled, which is exact at both ends of the range of `a`.
            let beyond = (-a * (1.0 + n_trials) - 1.0).max(0.0).sqrt();
            let weight = ((1.0 + n_trials) * beyond / (n_trials.sqrt() + beyond)).clamp(0.0, 1.0);
            let success = (mean / (n_trials + 1.0 - weight)).min(1.0);
            Self::BinomialMixture { n_trials: n_trials as u64, success, weight }
        } else if a < 1.0 {
            let n_failures = (1.0 / a).floor();
            let root = ((1.0 + n_failures) * (1.0 - a * n_failures)).max(0.0).sqrt();
            let weight = (((1.0 + n_failures) * a - root) / (1.0 + a)).clamp(0.0, 1.0);
            let ratio = mean / (n_failures + 1.0 - weight + mean);
            Self::NegativeBinomialMixture { n_failures: n_failures as u64, ratio, weight }
        } else {
            let root = (a * a - 1.0).sqrt();
            let (more, less) = (mean * (1.0 + a + root), mean * (1.0 + a - root));
            Self::GeometricMixture {
                ratios: [more / (2.0 + more), less / (2.0 + less)],
                weight: 1.0 / (1.0 + a + root),
            }
        })
    }

    /// The law, cut where demand beyond has less than 1e-13 of probability, and renormalised.
    pub fn demand(&self) -> DiscreteDemand {
        DiscreteDemand::new(match *self {
            Self::BinomialMixture { n_trials, success, weight } => {
                mix(weight, binomial(n_trials, success), binomial(n_trials + 1, success))
            }
            Self::Poisson { mean } => from_mode(mean.floor(), |demand| mean / (demand + 1.0)),
            Self::NegativeBinomialMixture { n_failures, ratio, weight } => mix(
                weight,
                negative_binomial(n_failures as f64, ratio),
                negative_binomial(n_failures as f64 + 1.0, ratio),
            ),
            Self::GeometricMixture { ratios, weight } => {
                mix(weight, negative_binomial(1.0, ratios[0]), negative_binomial(1.0, ratios[1]))
            }
        })
    }
}

fn mix(weight: f64, first: Vec<f64>, second: Vec<f64>) -> Vec<f64> {
    let at = |law: &[f64], demand: usize| law.get(demand).copied().unwrap_or(0.0);
    let both = (0..first.len().max(second.len()))
        .map(|demand| weight * at(&first, demand) + (1.0 - weight) * at(&second, demand));
    let mut law: Vec<f64> = both.collect();
    law.truncate(law.iter().rposition(|probability| *probability > 0.0).map_or(0, |last| last + 1));
    law
}

fn binomial(n_trials: u64, success: f64) -> Vec<f64> {
    let n_trials = n_trials as f64;
    if success >= 1.0 {
        return DiscreteDemand::constant(n_trials as usize).probabilities().to_vec();
    }
    let odds = success / (1.0 - success);
    from_mode(((n_trials + 1.0) * success).floor().min(n_trials), |demand| {
        (n_trials - demand).max(0.0) / (demand + 1.0) * odds
    })
}

/// Demand until `n_failures` failures of trials that succeed with probability `ratio`; its parameter may be fractional.
fn negative_binomial(n_failures: f64, ratio: f64) -> Vec<f64> {
    let mode = ((n_failures - 1.0) * ratio / (1.0 - ratio)).floor().max(0.0);
    from_mode(mode, |demand| (demand + n_failures) / (demand + 1.0) * ratio)
}

/// The law whose probabilities have the given ratio `P(demand + 1) / P(demand)`, falling beyond the mode. Working
/// outwards from the mode neither underflows nor needs factorials.
fn from_mode(mode: f64, ratio: impl Fn(f64) -> f64) -> Vec<f64> {
    let n_below = mode as usize;
    let mut law = vec![1.0; n_below + 1];
    for demand in (0..n_below).rev() {
        law[demand] = law[demand + 1] / ratio(demand as f64);
    }
    let mut total: f64 = law.iter().sum();
    for demand in n_below.. {
        let step = ratio(demand as f64);
        let next = law[demand] * step;
        // Beyond the mode the ratios are bounded by one that is below 1, so the tail is less than a geometric series.
        let bound = step.max(ratio(demand as f64 + 1e9));
        if next == 0.0 || (bound < 1.0 && next / (1.0 - bound) < TAIL * total) {
            break;
        }
        law.push(next);
        total += next;
    }
    law.iter_mut().for_each(|probability| *probability /= total);
    law
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn assert_moments(mean: f64, standard_deviation: f64, tolerance: f64) {
        let law = TwoMomentFit::new(mean, standard_deviation).unwrap().demand();
        assert!((law.mean() - mean).abs() <= tolerance, "mean {} of {mean}", law.mean());
        let got = law.variance().sqrt();
        assert!((got - standard_deviation).abs() <= tolerance, "mean {mean}: sd {got} of {standard_deviation}");
    }

    /// The four cases of the paper, and the seams between them.
    #[test]
    fn known_laws_are_found() {
        let law = |mean: f64, sd: f64| TwoMomentFit::new(mean, sd).unwrap();
        assert_eq!(law(5.0, 5.0_f64.sqrt()), TwoMomentFit::Poisson { mean: 5.0 });
        // Six printed decimals are Poisson too.
        assert_eq!(law(3.0, 1.732051), TwoMomentFit::Poisson { mean: 3.0 });
        // A geometric law of mean 5 has variance 30.
        let geometric = law(5.0, 30.0_f64.sqrt()).demand();
        for (fitted, exact) in geometric.probabilities().iter().zip(DiscreteDemand::geometric(5.0, 400).probabilities())
        {
            assert!((fitted - exact).abs() < 1e-12);
        }
        // Binomial, 17 trials: variance 5·(1 - 5/17).
        let binomial_law = law(5.0, (5.0_f64 * 12.0 / 17.0).sqrt()).demand();
        let exact = binomial(17, 5.0 / 17.0);
        for (demand, exact) in exact.iter().enumerate() {
            assert!((binomial_law.probabilities()[demand] - exact).abs() < 1e-6, "{demand}");
        }
        // No variance at all.
        assert_eq!(law(4.0, 0.0).demand(), DiscreteDemand::constant(4));
    }

    #[test]
    fn impossible_moments_are_refused() {
        insta::assert_snapshot!(
            TwoMomentFit::new(2.5, 0.3).unwrap_err(),
            @"a standard deviation of 0.3 is too small for whole units with a mean of 2.5, must be at least 0.500000"
        );
        assert!(TwoMomentFit::new(2.5, 0.5).is_ok());
        for (mean, sd) in [(0.0, 1.0), (-1.0, 1.0), (f64::NAN, 1.0), (1.0, f64::INFINITY), (1.0, -1.0)] {
            assert!(matches!(TwoMomentFit::new(mean, sd), Err(FitError::OutOfRange { .. })), "{mean} {sd}");
        }
    }

    proptest! {
        /// Every law has the moments that were asked for; dispersions from nearly none to that of a wild item.
        #[test]
        fn moments_are_met(mean in 0.05_f64..60.0, dispersion in 0.0_f64..12.0) {
            let above = mean - mean.floor();
            let least = above * (1.0 - above);
            let variance = (dispersion * mean).max(least);
            assert_moments(mean, variance.sqrt(), 1e-5 * (1.0 + mean));
        }
    }
}
