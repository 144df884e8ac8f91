//! The models of one series: each a pure function from a history to a marginal predictive distribution.
//!
//! A [`Model`] keeps no state and draws no random number. It reads `series.demand[..end]` and nothing later, except
//! covariates, which are known ahead; so a rolling-origin evaluation calls it with growing `end` and copies nothing.
//! Periods that are [`Observation::Closed`](restock_core::forecast::Observation) or `Missing` carry no information:
//! they are skipped, but keep their place in the calendar.
//!
//! Every model predicts demand for a period that is *open*; the caller scales closed or half-open future periods
//! (`open_future`), because that is a fact about the calendar and not about demand.

mod ended;

pub use ended::Zero;

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
    &[&Zero]
}

/// The model of a name.
pub fn by_name(name: &str) -> Option<&'static dyn Model> {
    all().iter().copied().find(|model| model.name() == name)
}
