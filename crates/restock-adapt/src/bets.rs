//! Bets against a forecast: numbers at least 0 whose mean is at most 1 as long as the forecast is right.
//!
//! If `q` is the `τ` quantile, `P(Y > q) <= 1 - τ` and `P(Y < q) <= τ`, whether demand is continuous, a count or a constant.
//! A density `d` over levels, constant between neighbouring levels and with mean 1, pays
//!
//! ```text
//! up      d₀ + Σᵢ (dᵢ₊₁ - dᵢ) 1{Y > qᵢ}                        for a density that rises
//! down    the same, mirrored                                  for one that falls
//! wider   d at the middle, plus the rises outwards on both sides
//! tighter d outermost, plus the rises of 1{q₋ᵢ < Y < qᵢ} towards the middle
//! ```
//!
//! and each has mean at most `Σ dᵢ (τᵢ₊₁ - τᵢ) = 1`. No random number breaks ties, so the same outcomes always pay the same.
//! The densities are those of normal scores: `up` by `δ` standard deviations is the likelihood ratio of `N(δ, 1)` to
//! `N(0, 1)`, averaged between levels, which is the best bet where the normal score of demand has moved by `δ`; `wider` and
//! `tighter` are the ratios of `N(0, σ²)`.
//!
//! A censored outcome pays the least that any demand at or above it would, so bets stay valid and lose money where much is
//! censored.

use std::sync::LazyLock;

use restock_core::{N_LEVELS, QUANTILE_LEVELS};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

use crate::score::IntervalForecast;

/// What a bet says is wrong with a forecast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aspect {
    /// Demand is above the forecast.
    Up,
    /// Demand is below the forecast.
    Down,
    /// Demand strays further than the forecast says.
    Wider,
    /// Demand strays less than the forecast says.
    Tighter,
    /// Nothing is sold, more often than the forecast says.
    Silence,
}

impl Aspect {
    /// All of them.
    pub const ALL: [Aspect; 5] = [Self::Up, Self::Down, Self::Wider, Self::Tighter, Self::Silence];
}

/// The number of bets.
pub const N_BETS: usize = 10;

/// Each bet: what it says, and by how many standard deviations, or by what factor of the standard deviation.
pub const BETS: [(Aspect, f64); N_BETS] = [
    (Aspect::Up, 0.4),
    (Aspect::Up, 1.0),
    (Aspect::Up, 2.0),
    (Aspect::Down, 0.4),
    (Aspect::Down, 1.0),
    (Aspect::Down, 2.0),
    (Aspect::Wider, 1.5),
    (Aspect::Wider, 2.5),
    (Aspect::Tighter, 0.5),
    (Aspect::Silence, 0.5),
];

/// `[N_LEVELS + 1]`: the density of a bet between levels.
type Density = [f64; N_LEVELS + 1];

static DENSITIES: LazyLock<[Density; N_BETS]> = LazyLock::new(|| BETS.map(|(aspect, size)| density(aspect, size)));

fn density(aspect: Aspect, size: f64) -> Density {
    let normal = Normal::standard();
    let (mean, sd) = match aspect {
        Aspect::Up => (size, 1.0),
        Aspect::Down => (-size, 1.0),
        Aspect::Wider | Aspect::Tighter => (0.0, size),
        Aspect::Silence => (0.0, 1.0),
    };
    let below = |level: f64| normal.cdf((normal.inverse_cdf(level) - mean) / sd);
    std::array::from_fn(|idx| {
        let (from, below_from) =
            if idx == 0 { (0.0, 0.0) } else { (QUANTILE_LEVELS[idx - 1], below(QUANTILE_LEVELS[idx - 1])) };
        let (to, below_to) =
            if idx == N_LEVELS { (1.0, 1.0) } else { (QUANTILE_LEVELS[idx], below(QUANTILE_LEVELS[idx])) };
        (below_to - below_from) / (to - from)
    })
}

/// What each bet pays on demand `actual`, units, or on a lower bound of it.
pub fn payoffs(forecast: &IntervalForecast, actual: f64, is_censored: bool) -> [f64; N_BETS] {
    let quantiles = &forecast.quantiles;
    // Demand lies above the first `n_below` quantiles and below the last `n_above`.
    let n_below = quantiles.partition_point(|quantile| *quantile < actual);
    let n_above = if is_censored { 0 } else { N_LEVELS - quantiles.partition_point(|quantile| *quantile <= actual) };
    std::array::from_fn(|bet| {
        let (density, (aspect, size)) = (&DENSITIES[bet], BETS[bet]);
        match aspect {
            Aspect::Up => density[n_below],
            Aspect::Down => density[N_LEVELS - n_above],
            Aspect::Wider => {
                let middle = density[MIDDLE].min(density[MIDDLE + 1]);
                let up = density[n_below.max(MIDDLE + 1)] - density[MIDDLE + 1];
                let down = density[(N_LEVELS - n_above).min(MIDDLE)] - density[MIDDLE];
                middle + up.max(down)
            }
            // Within as many pairs of quantiles as lie on both sides.
            Aspect::Tighter => density[n_below.min(n_above).min(MIDDLE)],
            Aspect::Silence => silence(forecast, actual, is_censored, size),
        }
    })
}

/// The index of the median, which is the middle of the levels.
const MIDDLE: usize = restock_core::forecast::MEDIAN_IDX;

/// `1 - s + s 1{Y = 0} / p`, where `p` is a level whose quantile is above 0, and so at least the probability of nothing.
fn silence(forecast: &IntervalForecast, actual: f64, is_censored: bool, share: f64) -> f64 {
    let Some(first) = forecast.quantiles.iter().position(|quantile| *quantile > 0.0) else { return 1.0 };
    let is_zero = actual <= 0.0 && !is_censored;
    1.0 - share + if is_zero { share / QUANTILE_LEVELS[first].max(LEAST_PROBABILITY_OF_NOTHING) } else { 0.0 }
}

/// Where nothing was hardly ever expected, one interval without sales still pays no more than for this probability: a till
/// that was not read looks the same.
const LEAST_PROBABILITY_OF_NOTHING: f64 = 0.1;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Mean payoff of each bet where demand has these probabilities of 0, 1, 2, … and the forecast its true quantiles.
    fn mean_payoffs(probabilities: &[f64], is_censored: impl Fn(usize) -> Option<usize>) -> [f64; N_BETS] {
        let total: f64 = probabilities.iter().sum();
        let quantiles = QUANTILE_LEVELS.map(|level| {
            let mut below = 0.0;
            let at = probabilities.iter().position(|p| {
                below += p / total;
                below >= level - 1e-12
            });
            at.unwrap_or(probabilities.len() - 1) as f64
        });
        let forecast = IntervalForecast { mean: 0.0, quantiles, count_valued: true };
        let mut means = [0.0; N_BETS];
        for (demand, probability) in probabilities.iter().enumerate() {
            let paid = match is_censored(demand) {
                Some(seen) => payoffs(&forecast, seen as f64, true),
                None => payoffs(&forecast, demand as f64, false),
            };
            for (mean, paid) in means.iter_mut().zip(paid) {
                *mean += probability / total * paid;
            }
        }
        means
    }

    #[test]
    fn densities_have_mean_one_and_the_shape_that_makes_them_valid() {
        for (density, (aspect, _)) in DENSITIES.iter().zip(BETS) {
            let mut from = 0.0;
            let mut mean = 0.0;
            for (value, to) in density.iter().zip(QUANTILE_LEVELS.into_iter().chain([1.0])) {
                mean += value * (to - from);
                from = to;
            }
            assert!((mean - 1.0).abs() < 1e-9, "{aspect:?}: {mean}");
            assert!(density.iter().all(|value| *value >= 0.0));
            let rises = |pair: &[f64]| pair[0] <= pair[1] + 1e-9;
            let (low, high) = density.split_at(MIDDLE + 1);
            let mirrored: Vec<f64> = low.iter().rev().copied().collect();
            match aspect {
                Aspect::Up => assert!(density.windows(2).all(rises)),
                Aspect::Down => assert!(density.windows(2).all(|pair| pair[0] >= pair[1])),
                Aspect::Wider => assert!(high.windows(2).all(rises) && mirrored.windows(2).all(rises)),
                Aspect::Tighter => assert!(low.windows(2).all(rises)),
                Aspect::Silence => {}
            }
        }
    }

    #[test]
    fn many_small_units_are_nearly_fair_bets() {
        let means = mean_payoffs(&[1.0; 1000], |_| None);
        for (mean, (aspect, size)) in means.iter().zip(BETS) {
            let least = if aspect == Aspect::Silence { 0.5 } else { 0.95 };
            assert!((least..=1.0 + 1e-9).contains(mean), "{aspect:?} {size}: {mean}");
        }
    }

    #[test]
    fn a_constant_pays_nothing() {
        let forecast = IntervalForecast { mean: 7.0, quantiles: [7.0; N_LEVELS], count_valued: true };
        assert!(payoffs(&forecast, 7.0, false).iter().all(|paid| *paid <= 1.0));
        let nothing = IntervalForecast { mean: 0.0, quantiles: [0.0; N_LEVELS], count_valued: true };
        assert!(payoffs(&nothing, 0.0, false).iter().all(|paid| *paid <= 1.0));
    }

    proptest! {
        /// Whatever the law of demand, a right forecast is never a source of money, empty shelves included.
        #[test]
        fn bets_against_a_right_forecast_do_not_pay(
            probabilities in prop::collection::vec(0.0_f64..1.0, 1..30).prop_filter("some demand", |p| p.iter().sum::<f64>() > 0.1),
            stock in 0_usize..40,
        ) {
            for mean in mean_payoffs(&probabilities, |_| None) {
                prop_assert!(mean <= 1.0 + 1e-9, "{mean}");
            }
            // Demand of more than the stock is seen as the stock, with an empty shelf.
            for mean in mean_payoffs(&probabilities, |demand| (demand >= stock).then_some(stock)) {
                prop_assert!(mean <= 1.0 + 1e-9, "{mean} with {stock} in stock");
            }
        }

        #[test]
        fn more_demand_never_pays_less_upwards(mut quantiles in prop::collection::vec(0.0_f64..20.0, N_LEVELS), actual in 0_u32..30) {
            quantiles.sort_by(f64::total_cmp);
            let forecast = IntervalForecast { mean: 0.0, quantiles: quantiles.try_into().unwrap(), count_valued: false };
            let (less, more) = (payoffs(&forecast, f64::from(actual), false), payoffs(&forecast, f64::from(actual + 1), false));
            for (bet, (aspect, _)) in BETS.iter().enumerate() {
                match aspect {
                    Aspect::Up => prop_assert!(less[bet] <= more[bet]),
                    Aspect::Down => prop_assert!(less[bet] >= more[bet]),
                    _ => {}
                }
            }
        }
    }
}
