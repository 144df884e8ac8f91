//! The models of one series: each a pure function from a history to a marginal predictive distribution.
//!
//! A [`Model`] keeps no state and draws no random number. It reads `series.demand[..end]` and nothing later, except
//! covariates, which are known ahead; so a rolling-origin evaluation calls it with growing `end` and copies nothing.
//! Periods that are [`Observation::Closed`](restock_core::forecast::Observation) or `Missing` carry no information:
//! they are skipped, but keep their place in the calendar.
//!
//! Every model predicts demand for a period that is *open*; the caller scales closed or half-open future periods
//! (`open_future`), because that is a fact about the calendar and not about demand.

mod croston;
mod distribution;
mod ended;
mod history;
mod negative_binomial;
mod seasonal_naive;
mod simple_smoothing;
mod weighted_quantiles;

pub use croston::{Croston, Intermittent, Sba, Tsb, croston, sba, tsb};
pub use ended::Zero;
pub use negative_binomial::{NegativeBinomial, drivers};
pub use seasonal_naive::SeasonalNaive;
pub use simple_smoothing::{Ses, Smoothed, ses};
pub use weighted_quantiles::WeightedQuantiles;

use history::History;
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
        let slack = if series.count_valued { 2.0 } else { 0.0 };
        let ceiling = (CEILING_MULTIPLE * history.max() + slack) * factor.max(1.0);
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
    &[&Zero, &SeasonalNaive, &WeightedQuantiles, &Ses, &Croston, &Sba, &Tsb, &NegativeBinomial]
}

/// The model of a name.
pub fn by_name(name: &str) -> Option<&'static dyn Model> {
    all().iter().copied().find(|model| model.name() == name)
}
