//! The models of one series: each a pure function from a history to a marginal predictive distribution.
//!
//! A [`Model`] keeps no state and draws no random number. It reads `series.demand[..end]` and nothing later, except
//! covariates, which are known ahead; so a rolling-origin evaluation calls it with growing `end` and copies nothing.
//! Periods that are [`Observation::Closed`](restock_core::forecast::Observation) or `Missing` carry no information:
//! they are skipped, but keep their place in the calendar.
//!
//! Every model predicts demand for a period that is *open*; the caller scales closed or half-open future periods
//! (`open_future`), because that is a fact about the calendar and not about demand.

// A negated comparison is how these files send NaN down the safe branch.
#![allow(clippy::neg_cmp_op_on_partial_ord)]

mod croston;
mod distribution;
mod ended;
mod ets;
mod history;
mod negative_binomial;
mod seasonal_naive;
mod simple_smoothing;
mod theta;
mod weighted_quantiles;

pub use croston::{Croston, Intermittent, Sba, Tsb, croston, sba, tsb};
pub use ended::Zero;
pub use ets::{ErrorKind, Ets, EtsFit, EtsParameters, EtsSpec, SeasonKind, TrendKind, fit_ets};
pub use negative_binomial::{NegativeBinomial, drivers};
pub use seasonal_naive::SeasonalNaive;
pub use simple_smoothing::{Ses, Smoothed, ses};
pub use theta::{Theta, theta_forecast};
pub use weighted_quantiles::WeightedQuantiles;

pub(crate) use distribution::{fill_quantiles, interpolate_level};
use history::History;
pub(crate) use history::{is_usable, phase};
use restock_core::{N_LEVELS, SeriesInput};

/// Marginal predictive distribution of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictive {
    /// `[horizon]`: expected demand, units per period.
    pub mean: Vec<f64>,
    /// `[horizon × N_LEVELS]`, period-major: quantiles at [`restock_core::QUANTILE_LEVELS`], never negative,
    /// non-decreasing within a period.
    pub quantiles: Vec<f64>,
}

impl Predictive {
    /// The distribution that is 0 for sure, over `horizon` periods.
    pub fn zero(horizon: usize) -> Self {
        Self { mean: vec![0.0; horizon], quantiles: vec![0.0; horizon * N_LEVELS] }
    }

    /// Makes the distribution safe to plan with: finite, not negative, monotone, and no
    /// higher than a small multiple of anything seen. `factor` raises that ceiling where known covariates, such as a
    /// planned promotion, say that demand will be higher than usual.
    pub(crate) fn guard(&mut self, series: &SeriesInput, history: &History, factor: f64) {
        let ceiling = ceiling_above(series, history.max()) * factor.max(1.0);
        for (mean, quantiles) in self.mean.iter_mut().zip(self.quantiles.chunks_exact_mut(N_LEVELS)) {
            *mean = if mean.is_finite() { mean.clamp(0.0, ceiling) } else { history.mean() };
            let mut below = 0.0_f64;
            for quantile in quantiles {
                // `max` also replaces NaN.
                below = below.max(quantile.min(ceiling));
                *quantile = below;
            }
        }
    }
}

/// No forecast exceeds this multiple of the largest demand seen.
const CEILING_MULTIPLE: f64 = 3.0;

/// The highest demand of a period, units, that a forecast of this series may name without knowing of a promotion: a
/// small multiple of the largest demand seen. `None` where no period was seen.
pub fn ceiling(series: &SeriesInput) -> Option<f64> {
    let history = History::new(series, series.n_periods(), series.n_periods());
    (!history.is_empty()).then(|| ceiling_above(series, history.max()))
}

fn ceiling_above(series: &SeriesInput, max: f64) -> f64 {
    CEILING_MULTIPLE * max + if series.count_valued { 2.0 } else { 0.0 }
}

/// One model: a pure function from a history to predictive quantiles.
pub trait Model: Send + Sync {
    /// Stable name, as written in configuration and leaderboards.
    fn name(&self) -> &'static str;

    /// The distribution of demand in the periods `end..end + horizon`, from `series.demand[..end]` and the
    /// covariates of `..end + horizon`; `None` when the history is too short for this model.
    ///
    /// # Panics
    /// When `end > series.n_periods()`.
    fn predict(&self, series: &SeriesInput, end: usize, horizon: usize) -> Option<Predictive>;
}

/// Every model, the cheapest and most robust first.
pub fn all() -> &'static [&'static dyn Model] {
    &[&Zero, &SeasonalNaive, &WeightedQuantiles, &Ses, &Croston, &Sba, &Tsb, &NegativeBinomial, &Theta, &Ets]
}

/// The model of a name.
pub fn by_name(name: &str) -> Option<&'static dyn Model> {
    all().iter().copied().find(|model| model.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use restock_core::Bucket;
    use restock_core::forecast::{Covariate, Observation};

    /// Monthly international airline passengers 1949-1960, thousands (Box & Jenkins, 1976, series G).
    #[rustfmt::skip]
    pub(super) const AIR_PASSENGERS: [f64; 144] = [
        112., 118., 132., 129., 121., 135., 148., 148., 136., 119., 104., 118., 115., 126., 141., 135., 125., 149., 170.,
        170., 158., 133., 114., 140., 145., 150., 178., 163., 172., 178., 199., 199., 184., 162., 146., 166., 171., 180.,
        193., 181., 183., 218., 230., 242., 209., 191., 172., 194., 196., 196., 236., 235., 229., 243., 264., 272., 237.,
        211., 180., 201., 204., 188., 235., 227., 234., 264., 302., 293., 259., 229., 203., 229., 242., 233., 267., 269.,
        270., 315., 364., 347., 312., 274., 237., 278., 284., 277., 317., 313., 318., 374., 413., 405., 355., 306., 271.,
        306., 315., 301., 356., 348., 355., 422., 465., 467., 404., 347., 305., 336., 340., 318., 362., 348., 363., 435.,
        491., 505., 404., 359., 310., 337., 360., 342., 406., 396., 420., 472., 548., 559., 463., 407., 362., 405., 417.,
        391., 419., 461., 472., 535., 622., 606., 508., 461., 390., 432.,
    ];

    pub(super) fn daily(demand: &[f64]) -> SeriesInput {
        SeriesInput {
            key: 1,
            demand: demand.to_vec(),
            sales: demand.to_vec(),
            observations: vec![Observation::Full; demand.len()],
            first_period: 18_000, // a Sunday
            bucket: Bucket::Day,
            covariates: Vec::new(),
            open_future: vec![1.0; 56],
            count_valued: true,
            availability: None,
            siblings: None,
            prior: None,
        }
    }

    pub(super) fn monthly(demand: &[f64]) -> SeriesInput {
        SeriesInput { first_period: 600, bucket: Bucket::Month, count_valued: false, ..daily(demand) }
    }

    /// Deterministic Poisson-like counts for tests: mean `rate(t)`.
    pub(super) fn counts(n: usize, seed: u64, rate: impl Fn(usize) -> f64) -> Vec<f64> {
        let mut state = seed;
        let mut uniform = move || {
            // Steele, Lea & Flood (2014): splitmix64.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
        };
        (0..n)
            .map(|t| {
                let (mut count, mut product, limit) = (-1.0, 1.0, (-rate(t)).exp());
                while product > limit {
                    product *= uniform();
                    count += 1.0;
                }
                count
            })
            .collect()
    }

    fn assert_sound(model: &dyn Model, series: &SeriesInput, end: usize, horizon: usize) {
        let Some(predictive) = model.predict(series, end, horizon) else { return };
        let name = model.name();
        assert_eq!(predictive.mean.len(), horizon, "{name}");
        assert_eq!(predictive.quantiles.len(), horizon * N_LEVELS, "{name}");
        let largest = series.demand[..end].iter().copied().fold(0.0, f64::max);
        for (mean, quantiles) in predictive.mean.iter().zip(predictive.quantiles.chunks(N_LEVELS)) {
            assert!(mean.is_finite() && *mean >= 0.0, "{name}: mean {mean}");
            assert!(quantiles[0] >= 0.0, "{name}: {quantiles:?}");
            assert!(quantiles.windows(2).all(|pair| pair[0] <= pair[1]), "{name}: {quantiles:?}");
            let ceiling = (CEILING_MULTIPLE * largest + 2.0) * 8.0;
            assert!(
                *mean <= ceiling && quantiles[N_LEVELS - 1] <= ceiling,
                "{name}: {mean} {quantiles:?} of {largest}"
            );
        }
    }

    #[test]
    fn awkward_histories_give_sound_forecasts() {
        let mut spike = vec![0.0; 200];
        spike[150] = 3240.0;
        let mut stop = vec![40.0; 400];
        stop[300..].fill(0.0);
        let huge: Vec<f64> = (0..100).map(|t| 1e12 * f64::from(t % 5)).collect();
        let histories = [
            vec![],
            vec![5.0],
            vec![0.0, 3.0],
            vec![0.0; 60],
            vec![7.0; 90],
            spike,
            stop,
            huge,
            (0..800).map(|t| (t as f64).exp2().min(1e9)).collect(),
        ];
        for history in histories {
            for bucket in [Bucket::Day, Bucket::Week, Bucket::Month] {
                for count_valued in [true, false] {
                    let series = SeriesInput { bucket, count_valued, ..daily(&history) };
                    for model in all() {
                        assert_sound(*model, &series, history.len(), 28);
                    }
                    assert!(drivers(&series, history.len(), 28).iter().all(|(_, units)| units.is_finite()));
                }
            }
        }
    }

    #[test]
    fn every_model_forecasts_a_usual_history() {
        let series = daily(&counts(400, 1, |t| 3.0 + f64::from(u8::from(t % 7 == 0)) * 4.0));
        for model in all() {
            let predictive = model.predict(&series, 400, 28).expect("a long history suffices");
            if model.name() != "zero" {
                let total: f64 = predictive.mean.iter().sum();
                assert!((50.0..200.0).contains(&total), "{} expects {total}, the truth is 100", model.name());
            }
            assert_eq!(by_name(model.name()).map(|found| found.name()), Some(model.name()));
        }
        assert!(by_name("crystal_ball").is_none());
    }

    /// A constant history leaves nothing uncertain.
    #[test]
    fn a_constant_history_is_forecast_exactly() {
        let series = SeriesInput { count_valued: false, ..daily(&[7.0; 120]) };
        for name in ["seasonal_naive", "weighted_quantiles", "ses", "ets", "theta"] {
            let predictive = by_name(name).unwrap().predict(&series, 120, 14).unwrap();
            assert!(
                predictive.quantiles.iter().all(|quantile| (quantile - 7.0).abs() < 0.01),
                "{name}: {predictive:?}"
            );
        }
    }

    /// Fractional quantities have no natural unit: grams or kilograms, the forecast is the same.
    #[test]
    fn forecasts_of_fractions_scale_with_the_unit() {
        let demand: Vec<f64> =
            counts(300, 2, |t| 6.0 + 3.0 * f64::from(u8::from(t % 7 > 4))).iter().map(|y| y + 0.5).collect();
        let scaled: Vec<f64> = demand.iter().map(|y| y * 1000.0).collect();
        let (series, large) = (
            SeriesInput { count_valued: false, ..daily(&demand) },
            SeriesInput { count_valued: false, ..daily(&scaled) },
        );
        for name in ["seasonal_naive", "weighted_quantiles", "ses", "croston", "sba", "tsb", "theta", "ets"] {
            let model = by_name(name).unwrap();
            let (small, big) = (model.predict(&series, 300, 28).unwrap(), model.predict(&large, 300, 28).unwrap());
            for (a, b) in small.quantiles.iter().zip(&big.quantiles) {
                assert!((a * 1000.0 - b).abs() < 1e-3 * (1.0 + b), "{name}: {a} {b}");
            }
        }
    }

    /// Closed days carry no information: marking a weekday closed and zero leaves the forecast of the others alone.
    #[test]
    fn closed_days_do_not_lower_the_forecast() {
        let open = counts(280, 3, |_| 10.0);
        let mut closed = daily(&open);
        for t in (0..280).filter(|t| t % 7 == 0) {
            closed.demand[t] = 0.0;
            closed.observations[t] = Observation::Closed;
        }
        for model in all().iter().filter(|model| model.name() != "zero") {
            let predictive = model.predict(&closed, 280, 7).unwrap();
            // Day 280 is a closed weekday; of the others the truth is 10 each.
            let mean = predictive.mean[1..].iter().sum::<f64>() / 6.0;
            assert!(mean > 8.9, "{} {:?}", model.name(), predictive.mean);
        }
    }

    /// The future is not looked at: later demand changes nothing.
    #[test]
    fn only_the_past_counts() {
        let demand = counts(300, 4, |_| 4.0);
        let mut changed = demand.clone();
        changed[200..].fill(1e6);
        for model in all() {
            assert_eq!(
                model.predict(&daily(&demand), 200, 28),
                model.predict(&daily(&changed), 200, 28),
                "{}",
                model.name()
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn random_histories_give_sound_forecasts(
            demand in prop::collection::vec(prop_oneof![3 => Just(0.0), 3 => 0.0..20.0_f64, 1 => 0.0..1e6_f64], 0..220),
            observed in prop::collection::vec(0..12_u8, 220),
            covariate in prop::collection::vec(-3.0..3.0_f32, 260),
            count_valued in any::<bool>(),
            horizon in 1..40_usize,
        ) {
            let mut series = daily(&demand);
            series.count_valued = count_valued;
            if count_valued {
                series.demand.iter_mut().for_each(|units| *units = units.round());
            }
            for (t, kind) in observed.iter().take(demand.len()).enumerate() {
                series.observations[t] = match kind {
                    0 => Observation::Closed,
                    1 => Observation::Missing,
                    2 => Observation::Censored,
                    _ => Observation::Full,
                };
            }
            series.covariates = vec![Covariate { name: "promotion".into(), values: covariate }];
            for model in all() {
                assert_sound(*model, &series, demand.len(), horizon);
            }
        }
    }
}
