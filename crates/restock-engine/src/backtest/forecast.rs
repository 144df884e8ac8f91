//! Forecasts side by side on the user's history.

use rayon::prelude::*;
use restock_core::dataset::Dataset;
use restock_core::settings::PlanSettings;
use restock_core::{Forecaster, SeriesInput};
use restock_forecast::evaluate::{EvaluateOptions, Leaderboard, evaluate};

use crate::history::HistoryBuilder;

/// How to compare forecasts.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ForecastBacktestOptions {
    /// Horizon, origins, lead times, bootstrap.
    pub evaluate: EvaluateOptions,
    /// Evaluate at most this many item-locations, spread evenly.
    pub limit: Option<usize>,
}

impl ForecastBacktestOptions {
    /// Usual options for a planning period: `horizon` periods from each of `n_origins` origins, one horizon apart;
    /// lead times of a quarter, half and all of the horizon.
    ///
    /// # Panics
    /// When `horizon` or `n_origins` is 0.
    pub fn new(horizon: usize, n_origins: usize) -> Self {
        assert!(horizon > 0 && n_origins > 0);
        let mut lead_times = vec![horizon.div_ceil(4), horizon.div_ceil(2), horizon];
        lead_times.dedup();
        let evaluate =
            EvaluateOptions { horizon, n_origins, origin_step: horizon, lead_times, ..EvaluateOptions::default() };
        Self { evaluate, limit: None }
    }
}

/// Compares forecasters on the histories of a dataset, origin by origin; `progress(done, total)` counts forecasts.
///
/// Every item-location with sales takes part. A forecaster sees the history as it stood at each origin, except that
/// stock-outs and closures are recognised with the whole history in hand, so that forecasts are scored on the same
/// periods for everybody.
pub fn forecast_backtest(
    dataset: &Dataset,
    settings: &PlanSettings,
    models: &[&dyn Forecaster],
    options: &ForecastBacktestOptions,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Leaderboard {
    let histories = HistoryBuilder::new(dataset, settings);
    let mut pairs: Vec<_> = histories.pairs_with_sales().collect();
    if let Some(limit) = options.limit.filter(|limit| *limit < pairs.len()) {
        let n_all = pairs.len();
        pairs = (0..limit).map(|idx| pairs[idx * n_all / limit]).collect();
    }
    let series: Vec<SeriesInput> = pairs
        .par_iter()
        .map(|(item, location)| histories.build(*item, *location, options.evaluate.horizon).series)
        .filter(|series| series.n_periods() > 0)
        .collect();
    evaluate(&series, models, &options.evaluate, progress)
}
