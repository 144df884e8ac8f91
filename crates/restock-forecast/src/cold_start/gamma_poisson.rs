//! Demand at an unknown rate: what similar items say, and what the first sales add.
//!
//! The rate λ (units per period of an average season) is gamma distributed, demand around it negative binomial of size k.
//! Sales that arrive update the rate by the conjugate rule of the gamma-Poisson model (Gelman et al., 2013, section 2.6):
//! shape + Σ demand, rate + Σ exposure, where the exposure of a period is its season factor. A period that was closed,
//! missing or sold out carries no exposure.
//!
//! # Differences from the textbook
//! 1. Retail demand varies more than Poisson, so a period tells less: the likelihood is raised to the power
//!    `1 / (1 + λ / k)` (Ibrahim & Chen, 2000), the share of the information about the rate that a negative binomial
//!    period holds of a Poisson one. At k = ∞ it is the textbook's rule.
//! 2. The gamma distribution stands for a log-normal one of the same mean logarithm and the same variance of the
//!    logarithm, ψ(a) - ln b and ψ'(a): its mean and quantiles then stay where most items are, where equal means would
//!    follow the few largest.
//! 3. The predictive distribution is a negative binomial of the right mean and variance; at k = ∞ it is exact.

use restock_core::finding::in_singular;
use restock_core::forecast::{DemandPrior, Dependence, Observation};
use restock_core::{N_LEVELS, SeriesInput};
use statrs::function::gamma::digamma;

use crate::models::{Predictive, fill_quantiles, phase};

/// What is believed about the rate of demand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GammaPoisson {
    /// Shape a of the gamma distribution of the rate.
    pub shape: f64,
    /// Rate b of the gamma distribution, periods: the mean of the rate is a / b.
    pub exposure: f64,
    /// Size k of the negative binomial around the rate.
    pub size: f64,
    /// Exposure of the data, periods; the rest of `exposure` is the prior's.
    of_data: f64,
}

impl GammaPoisson {
    /// What is believed before any sale.
    pub fn new(prior: &DemandPrior) -> Self {
        let sd = prior.log_rate_sd.clamp(0.05, 3.0);
        let shape = inverse_trigamma(sd * sd);
        let exposure = (digamma(shape) - prior.log_rate).exp();
        Self { shape, exposure, size: prior.size.max(1e-3), of_data: 0.0 }
    }

    /// Mean rate, units per period.
    pub fn mean(&self) -> f64 {
        self.shape / self.exposure
    }

    /// What is believed after `demand` units in periods whose season factors sum to `exposure`.
    pub fn after(&self, demand: f64, exposure: f64) -> Self {
        // How much a period tells depends on the rate, of which prior and data both know something.
        let rate = (self.shape + demand) / (self.exposure + exposure);
        let power = 1.0 / (1.0 + rate / self.size);
        Self {
            shape: self.shape + power * demand,
            exposure: self.exposure + power * exposure,
            of_data: self.of_data + power * exposure,
            ..*self
        }
    }

    /// Share of the mean rate that comes from the item's own sales, 0 to 1.
    pub fn weight_of_data(&self) -> f64 {
        self.of_data / self.exposure
    }

    /// Variance of demand in a period of this season factor.
    pub fn variance(&self, factor: f64) -> f64 {
        let mean = factor * self.mean();
        // (1 + 1/k)(1 + 1/a) - 1: relative variances of demand around the rate and of the rate multiply.
        mean + mean * mean * (1.0 / self.size + (1.0 + 1.0 / self.size) / self.shape)
    }

    /// How periods move together: they share the rate, and nothing else is known.
    pub fn dependence(&self) -> Dependence {
        let mean = self.mean();
        let of_rate = mean * mean / self.shape;
        Dependence { common: (of_rate / self.variance(1.0)).clamp(0.0, 0.95), phi: 0.0 }
    }
}

/// What a series with a prior says about its rate after `end` periods.
///
/// # Panics
/// When `end > series.n_periods()`.
pub fn believed(series: &SeriesInput, prior: &DemandPrior, end: usize) -> GammaPoisson {
    let (mut demand, mut exposure) = (0.0, 0.0);
    for position in (0..end).filter(|position| series.observations[*position] == Observation::Full) {
        if series.demand[position].is_finite() {
            demand += series.demand[position].max(0.0);
            exposure += factor(series, prior, position);
        }
    }
    GammaPoisson::new(prior).after(demand, exposure)
}

/// The distribution of demand in the periods `end..end + horizon` of a series with a prior.
///
/// # Panics
/// When `end > series.n_periods()`.
pub fn predict(series: &SeriesInput, prior: &DemandPrior, end: usize, horizon: usize) -> Predictive {
    let believed = believed(series, prior, end);
    let mut predictive = Predictive::zero(horizon);
    let steps = predictive.mean.iter_mut().zip(predictive.quantiles.chunks_exact_mut(N_LEVELS));
    for (step, (mean, quantiles)) in steps.enumerate() {
        let factor = factor(series, prior, end + step);
        *mean = factor * believed.mean();
        fill_quantiles(*mean, believed.variance(factor), series.count_valued, quantiles);
    }
    predictive
}

/// Why a forecast is what it is after `n` observed periods, in a few words.
pub fn reason(prior: &DemandPrior, n: usize) -> String {
    match n {
        0 => format!("no sales yet, like {}", prior.source),
        n => in_singular(&format!("{n} periods of history, before that like {}", prior.source)),
    }
}

/// The season factor of a period; 1 where none is known.
fn factor(series: &SeriesInput, prior: &DemandPrior, position: usize) -> f64 {
    prior.season_factors.get(phase(series, position)).copied().unwrap_or(1.0)
}

/// The x with ψ'(x) = `value`, by Newton's method from a start that is below the root (Minka, 2000, appendix C).
fn inverse_trigamma(value: f64) -> f64 {
    let mut x = 0.5 + 1.0 / value;
    for _ in 0..50 {
        let (first, second) = (trigamma(x), tetragamma(x));
        let change = first * (1.0 - first / value) / second;
        x += change;
        if change.abs() < 1e-10 * x {
            break;
        }
    }
    x
}

/// ψ'(x): the recurrence ψ'(x) = ψ'(x + 1) + 1/x² up to 10, then the asymptotic series (Abramowitz & Stegun, 6.4.12).
fn trigamma(mut x: f64) -> f64 {
    let mut sum = 0.0;
    while x < 10.0 {
        sum += 1.0 / (x * x);
        x += 1.0;
    }
    let inverse = 1.0 / (x * x);
    sum + 1.0 / x + 0.5 * inverse + inverse / x * (1.0 / 6.0 - inverse * (1.0 / 30.0 - inverse / 42.0))
}

/// ψ''(x), by the same recurrence and series (Abramowitz & Stegun, 6.4.13).
fn tetragamma(mut x: f64) -> f64 {
    let mut sum = 0.0;
    while x < 10.0 {
        sum -= 2.0 / (x * x * x);
        x += 1.0;
    }
    let inverse = 1.0 / (x * x);
    sum - inverse - inverse / x - inverse * inverse * (0.5 - inverse * (1.0 / 6.0 - inverse / 6.0))
}

#[cfg(test)]
mod tests {
    use restock_core::{Bucket, QUANTILE_LEVELS};
    use statrs::distribution::{DiscreteCDF, NegativeBinomial};

    use super::*;

    fn prior(log_rate: f64, log_rate_sd: f64, size: f64) -> DemandPrior {
        DemandPrior { log_rate, log_rate_sd, season_factors: vec![], size, source: "20 similar items".into() }
    }

    fn series(demand: &[f64], prior: DemandPrior) -> SeriesInput {
        SeriesInput {
            key: 1,
            sales: demand.to_vec(),
            demand: demand.to_vec(),
            observations: vec![Observation::Full; demand.len()],
            // A Monday.
            first_period: 4,
            bucket: Bucket::Day,
            covariates: vec![],
            open_future: vec![1.0; 14],
            count_valued: true,
            availability: None,
            siblings: None,
            prior: Some(prior),
        }
    }

    /// ψ'(1) = π²/6, ψ'(1/2) = π²/2, ψ''(1) = -2 ζ(3).
    #[test]
    fn polygammas_match_their_closed_forms() {
        let pi2 = std::f64::consts::PI.powi(2);
        assert!((trigamma(1.0) - pi2 / 6.0).abs() < 1e-9);
        assert!((trigamma(0.5) - pi2 / 2.0).abs() < 1e-9);
        assert!((tetragamma(1.0) + 2.0 * 1.202_056_903_159_594).abs() < 1e-8);
        for x in [0.05, 0.3, 1.0, 4.0, 70.0] {
            assert!((inverse_trigamma(trigamma(x)) / x - 1.0).abs() < 1e-8, "{x}");
        }
    }

    /// Moments of the logarithm of a gamma variable are ψ(a) - ln b and ψ'(a).
    #[test]
    fn the_gamma_has_the_moments_of_the_logarithm() {
        for (mean, sd) in [(-1.0, 0.3), (0.5, 1.0), (3.0, 2.0)] {
            let belief = GammaPoisson::new(&prior(mean, sd, 2.0));
            assert!((digamma(belief.shape) - belief.exposure.ln() - mean).abs() < 1e-9);
            assert!((trigamma(belief.shape) - sd * sd).abs() < 1e-9);
        }
    }

    /// Around a Poisson rate the predictive is NB(a + Σy, (b + n) / (b + n + 1)) (Gelman et al., 2013, section 2.6).
    #[test]
    fn the_predictive_is_the_closed_form() {
        let prior = prior(1.2, 0.7, 1e12);
        let before = GammaPoisson::new(&prior);
        let sold = [3.0, 0.0, 7.0, 2.0, 4.0];
        let predictive = predict(&series(&sold, prior.clone()), &prior, 5, 2);
        let (a, b) = (before.shape + 16.0, before.exposure + 5.0);
        let closed = NegativeBinomial::new(a, b / (b + 1.0)).unwrap();
        for (level_idx, level) in QUANTILE_LEVELS.iter().enumerate() {
            assert_eq!(predictive.quantiles[level_idx], closed.inverse_cdf(*level) as f64, "{level}");
        }
        assert!((predictive.mean[0] - a / b).abs() < 1e-6);
    }

    #[test]
    fn the_prior_fades_as_sales_arrive() {
        let prior = prior(2.0, 0.8, 3.0);
        let mut last = 0.0;
        for n in [0, 1, 7, 14, 28, 100, 10_000] {
            let belief = believed(&series(&vec![1.0; n], prior.clone()), &prior, n);
            let weight = belief.weight_of_data();
            assert!(weight >= last && weight < 1.0, "{n}: {weight}");
            last = weight;
            // The mean moves from the prior's to the data's and never beyond.
            assert!((1.0 - 1e-9..=GammaPoisson::new(&prior).mean() + 1e-9).contains(&belief.mean()), "{n}");
        }
        assert!(last > 0.999, "{last}");
    }

    #[test]
    fn closed_and_sold_out_periods_carry_no_exposure() {
        let prior = prior(1.0, 0.8, 3.0);
        let mut one = series(&[2.0, 0.0, 0.0, 1.0], prior.clone());
        one.observations[1] = Observation::Closed;
        one.observations[2] = Observation::Missing;
        one.observations[3] = Observation::Censored;
        assert_eq!(believed(&one, &prior, 4), believed(&series(&[2.0], prior.clone()), &prior, 1));
    }

    #[test]
    fn day_one_has_a_week() {
        let mut prior = prior(1.0, 0.8, 3.0);
        prior.season_factors = vec![0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.5];
        let predictive = predict(&series(&[], prior.clone()), &prior, 0, 14);
        assert!((predictive.mean[6] / predictive.mean[0] - 3.0).abs() < 1e-9, "Sunday over Monday");
        assert_eq!(predictive.mean[..7], predictive.mean[7..]);
        assert!(predictive.quantiles.chunks_exact(N_LEVELS).all(|levels| levels[12] > levels[6]));
        // Two Sundays sold: in terms of an average day that is less.
        let sold = believed(&series(&[3.0; 7], prior.clone()), &prior, 7);
        assert!((sold.weight_of_data() * 1e9).round() > 0.0);
    }
}
