//! Rolling-origin evaluation of forecasters: the leaderboard.
//!
//! Every forecaster sees, at every origin, only what was known then. Scored are periods whose demand was seen in full:
//! closed and missing periods say nothing, and where stock ran out the truth is unknown. Intervals are bootstrapped by
//! series (Efron & Tibshirani 1993, chapter 6), because the periods of one series are not independent.

use rayon::prelude::*;
use restock_core::forecast::Observation;
use restock_core::{ForecastRequest, Forecaster, SeriesInput};
use serde::{Deserialize, Serialize};

use crate::classify::{DemandPattern, classify};
use crate::metrics::{LEAD_TIME_LEVELS, LeadTimeSums, ScoreSums, seasonal_error, seasonal_squared_error};
use crate::paths::sample_paths;
use crate::random::SplitMix;

/// How to evaluate.
#[derive(Clone, Debug, PartialEq)]
pub struct EvaluateOptions {
    /// Periods forecast from each origin, at least 1.
    pub horizon: usize,
    /// Number of origins; the last one ends with the history.
    pub n_origins: usize,
    /// Periods between origins.
    pub origin_step: usize,
    /// Lead times at which total demand is scored, periods, each at most `horizon`.
    pub lead_times: Vec<usize>,
    /// Fewest past periods at an origin; shorter ones are left out.
    pub min_periods: usize,
    /// Demand paths per forecast, for lead-time demand.
    pub n_paths: usize,
    /// Seed of sampling and bootstrap.
    pub seed: u64,
    /// Bootstrap replications; 0 gives no intervals.
    pub n_bootstrap: usize,
    /// Level of the intervals, for example 0.9.
    pub ci_level: f64,
}

impl Default for EvaluateOptions {
    fn default() -> Self {
        Self {
            horizon: 28,
            n_origins: 3,
            origin_step: 28,
            lead_times: vec![7, 14, 28],
            min_periods: 28,
            n_paths: 200,
            seed: 42,
            n_bootstrap: 500,
            ci_level: 0.9,
        }
    }
}

/// A number with its bootstrap interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The value over all series.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// Accuracy of lead-time demand at one lead time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeadTimeScore {
    /// Periods.
    pub lead_time: usize,
    /// Quantile levels.
    pub levels: Vec<f64>,
    /// Pinball loss as a share of demand, per level.
    pub pinball: Vec<f64>,
    /// Share of windows whose demand was at or below the quantile, per level.
    pub coverage: Vec<f64>,
}

/// One line of the leaderboard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeaderboardRow {
    /// Forecaster.
    pub model: String,
    /// `all` or a demand pattern: `smooth`, `erratic`, `intermittent`, `lumpy`, `none`.
    pub group: String,
    /// Series in the group.
    pub n_series: usize,
    /// Weighted quantile loss over levels .1 to .9.
    pub wql: Estimate,
    /// Mean absolute scaled error of the median.
    pub mase: Estimate,
    /// Root mean squared scaled error of the mean.
    pub rmsse: f64,
    /// Scaled quantile loss.
    pub sql: f64,
    /// Weighted absolute percentage error of the median.
    pub wape: f64,
    /// Relative bias of the mean, positive for over-forecast.
    pub bias: f64,
    /// Cumulative error of the mean, `Σ(ŷ − y)`, units; positive for over-forecast.
    pub cumulative_error: f64,
    /// Cumulative error over the mean absolute deviation of the mean.
    pub tracking_signal: f64,
    /// Periods in stock of the mean (Wallström & Segerstedt, 2010), unit-periods, summed over windows; positive where
    /// the forecast leaves stock lying.
    pub periods_in_stock: f64,
    /// Forecast value added: weighted quantile loss of [`BASELINE`] less that of this model, positive where the model is
    /// better; `None` for the baseline itself and where it was not evaluated.
    pub value_added: Option<Estimate>,
    /// Share of periods at or below the quantiles of `QUANTILE_LEVELS`.
    pub coverage: Vec<f64>,
    /// Total demand over lead times.
    pub lead_times: Vec<LeadTimeScore>,
    /// Wall-clock is not measured here; the caller may fill in seconds.
    pub seconds: Option<f64>,
}

/// Forecasters side by side, best weighted quantile loss first, over all series and per demand pattern.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Leaderboard {
    /// Lines: group `all` first, then the patterns.
    pub rows: Vec<LeaderboardRow>,
    /// Series that were evaluated.
    pub n_series: usize,
    /// Series too short for any origin.
    pub n_too_short: usize,
    /// Windows (a series at an origin) that were scored.
    pub n_windows: usize,
    /// Periods forecast from each origin.
    pub horizon: usize,
    /// Origins.
    pub n_origins: usize,
    /// Level of the intervals.
    pub ci_level: f64,
}

const PATTERNS: [(DemandPattern, &str); 5] = [
    (DemandPattern::Smooth, "smooth"),
    (DemandPattern::Erratic, "erratic"),
    (DemandPattern::Intermittent, "intermittent"),
    (DemandPattern::Lumpy, "lumpy"),
    (DemandPattern::None, "none"),
];

/// The model that others must beat to be worth their trouble.
pub const BASELINE: &str = "seasonal_naive";

/// Series handed to a forecaster at once.
const BATCH: usize = 512;

/// Evaluates forecasters on a batch of series. `progress(done, total)` counts forecasts.
///
/// # Panics
/// When `horizon` or `n_origins` is 0, or a lead time is 0 or above the horizon.
pub fn evaluate(
    batch: &[SeriesInput],
    forecasters: &[&dyn Forecaster],
    options: &EvaluateOptions,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Leaderboard {
    let windows = windows_of(batch, options);
    let n_evaluated = batch.len()
        - (0..batch.len()).filter(|idx| windows.binary_search_by_key(idx, |window| window.0).is_err()).count();
    let patterns: Vec<DemandPattern> =
        batch.par_iter().map(|series| classify(&usable(series, series.n_periods())).pattern).collect();
    let total = windows.len() * forecasters.len();
    // Per forecaster, [n_series].
    let all_sums: Vec<Vec<ScoreSums>> = (0..)
        .zip(forecasters)
        .map(|(idx, forecaster)| {
            score_windows(batch, &windows, *forecaster, options, &|done| {
                progress(idx * windows.len() + done, total);
            })
        })
        .collect();
    let baseline = forecasters.iter().position(|forecaster| forecaster.name() == BASELINE);
    let mut rows = Vec::new();
    for (idx, forecaster) in forecasters.iter().enumerate() {
        let baseline = baseline.filter(|baseline| *baseline != idx).map(|baseline| all_sums[baseline].as_slice());
        rows.extend(rows_of(forecaster.name(), &all_sums[idx], baseline, &patterns, options));
    }
    // Groups in their order, within a group the best first; a model that could not be scored comes last.
    let place = |group: &str| PATTERNS.iter().position(|(_, name)| *name == group).map_or(0, |idx| idx + 1);
    rows.sort_by(|a, b| place(&a.group).cmp(&place(&b.group)).then(a.wql.value.total_cmp(&b.wql.value)));
    Leaderboard {
        rows,
        n_series: n_evaluated,
        n_too_short: batch.len() - n_evaluated,
        n_windows: windows.len(),
        horizon: options.horizon,
        n_origins: options.n_origins,
        ci_level: options.ci_level,
    }
}

/// `[n_series]`: the sums of each series over its windows, those of a leaderboard of one forecaster. Sums of series too
/// short for any origin are empty. `progress(done, total)` counts forecasts.
///
/// # Panics
/// As [`evaluate`].
pub fn score_series(
    batch: &[SeriesInput],
    forecaster: &dyn Forecaster,
    options: &EvaluateOptions,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Vec<ScoreSums> {
    let windows = windows_of(batch, options);
    score_windows(batch, &windows, forecaster, options, &|done| progress(done, windows.len()))
}

/// Windows as (series, origin), the origins of a series oldest first; windows of one series follow one another.
fn windows_of(batch: &[SeriesInput], options: &EvaluateOptions) -> Vec<(usize, usize)> {
    assert!(options.horizon > 0 && options.n_origins > 0);
    assert!(options.lead_times.iter().all(|lead_time| (1..=options.horizon).contains(lead_time)));
    batch
        .iter()
        .enumerate()
        .flat_map(|(series_idx, series)| {
            (0..options.n_origins)
                .rev()
                .filter_map(move |back| series.n_periods().checked_sub(options.horizon + back * options.origin_step))
                .filter(|end| *end >= options.min_periods)
                .map(move |end| (series_idx, end))
        })
        .collect()
}

fn score_windows(
    batch: &[SeriesInput],
    windows: &[(usize, usize)],
    forecaster: &dyn Forecaster,
    options: &EvaluateOptions,
    progress: &dyn Fn(usize),
) -> Vec<ScoreSums> {
    let mut sums: Vec<ScoreSums> = vec![ScoreSums::default(); batch.len()];
    let mut done = 0;
    for chunk in windows.chunks(BATCH) {
        let inputs: Vec<SeriesInput> =
            chunk.iter().map(|(series_idx, end)| batch[*series_idx].until(*end, options.horizon)).collect();
        let request = ForecastRequest { horizon: options.horizon, seed: options.seed };
        let forecasts = forecaster.forecast(&inputs, &request);
        let scored: Vec<(usize, ScoreSums)> = chunk
            .par_iter()
            .zip(&inputs)
            .zip(&forecasts)
            .map(|(((series_idx, end), input), forecast)| {
                (*series_idx, score_window(&batch[*series_idx], *end, input, forecast, options))
            })
            .collect();
        for (series_idx, window) in scored {
            sums[series_idx].merge(&window);
        }
        done += chunk.len();
        progress(done);
    }
    sums
}

/// Demand of the open and known periods before `end`.
fn usable(series: &SeriesInput, end: usize) -> Vec<f64> {
    (0..end)
        .filter(|t| matches!(series.observations[*t], Observation::Full | Observation::Censored))
        .map(|t| series.demand[t])
        .collect()
}

fn score_window(
    series: &SeriesInput,
    end: usize,
    input: &SeriesInput,
    forecast: &restock_core::Forecast,
    options: &EvaluateOptions,
) -> ScoreSums {
    let past = usable(input, end);
    let season = series.bucket.season();
    let season = if past.len() > season { season } else { 1 };
    let (mut actual, mut mean, mut quantiles) = (Vec::new(), Vec::new(), Vec::new());
    for step in 0..options.horizon {
        if series.observations[end + step] == Observation::Full {
            actual.push(series.demand[end + step]);
            mean.push(forecast.mean[step]);
            quantiles.extend_from_slice(forecast.period_quantiles(step));
        }
    }
    let mut sums = ScoreSums::default();
    sums.add(&actual, &mean, &quantiles, seasonal_error(&past, season), seasonal_squared_error(&past, season));
    if options.lead_times.is_empty() {
        return sums;
    }
    let paths = sample_paths(forecast, options.n_paths, options.seed ^ series.key);
    for lead_time in &options.lead_times {
        let mut lead_time_sums = LeadTimeSums::default();
        let known = series.observations[end..end + lead_time]
            .iter()
            .all(|observation| matches!(observation, Observation::Full | Observation::Closed));
        if known {
            let total = paths.total(0, *lead_time);
            let actual: f64 = series.demand[end..end + lead_time].iter().sum();
            lead_time_sums.add(actual, &LEAD_TIME_LEVELS.map(|level| total.quantile(level)));
        }
        sums.lead_times.push(lead_time_sums);
    }
    sums
}

fn rows_of(
    model: &str,
    sums: &[ScoreSums],
    baseline: Option<&[ScoreSums]>,
    patterns: &[DemandPattern],
    options: &EvaluateOptions,
) -> Vec<LeaderboardRow> {
    let mut groups: Vec<(&str, Vec<usize>)> = vec![("all", (0..sums.len()).collect())];
    for (pattern, name) in PATTERNS {
        groups.push((name, (0..sums.len()).filter(|idx| patterns[*idx] == pattern).collect()));
    }
    let mut rows = Vec::new();
    for (group, members) in groups {
        let members: Vec<usize> = members.into_iter().filter(|idx| sums[*idx].n_periods > 0.0).collect();
        if members.is_empty() {
            continue;
        }
        let mut total = ScoreSums::default();
        for idx in &members {
            total.merge(&sums[*idx]);
        }
        let interval = |value: f64, ratio: &(dyn Fn(&ScoreSums) -> (f64, f64) + Sync)| {
            let pairs: Vec<(f64, f64)> = members.iter().map(|idx| ratio(&sums[*idx])).collect();
            bootstrap(value, &pairs, options)
        };
        let loss_and_demand = |sums: &ScoreSums| {
            // A series without demand has no WQL of its own; its loss still counts.
            let loss: f64 = 2.0 * sums.pinball[crate::metrics::WQL_LEVELS].iter().sum::<f64>();
            (loss / crate::metrics::N_WQL_LEVELS as f64, sums.actual)
        };
        rows.push(LeaderboardRow {
            model: model.to_owned(),
            group: group.to_owned(),
            n_series: members.len(),
            wql: interval(total.wql(), &loss_and_demand),
            mase: interval(total.mase(), &|sums| (sums.mase, sums.n_scaled)),
            rmsse: total.rmsse(),
            sql: total.sql(),
            wape: total.wape(),
            bias: total.bias(),
            cumulative_error: total.error,
            tracking_signal: total.tracking_signal(),
            periods_in_stock: total.periods_in_stock,
            value_added: baseline.map(|baseline| {
                let pairs: Vec<(f64, f64)> = members
                    .iter()
                    .map(|idx| {
                        let (loss, demand) = loss_and_demand(&sums[*idx]);
                        (loss_and_demand(&baseline[*idx]).0 - loss, demand)
                    })
                    .collect();
                let (gained, demand) = pairs.iter().fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
                bootstrap(gained / demand, &pairs, options)
            }),
            coverage: total.coverage().to_vec(),
            lead_times: options
                .lead_times
                .iter()
                .zip(&total.lead_times)
                .map(|(lead_time, sums)| LeadTimeScore {
                    lead_time: *lead_time,
                    levels: LEAD_TIME_LEVELS.to_vec(),
                    pinball: sums.pinball.iter().map(|loss| loss / sums.actual).collect(),
                    coverage: sums.below.iter().map(|below| below / sums.n_windows).collect(),
                })
                .collect(),
            seconds: None,
        });
    }
    rows
}

/// Percentile interval of `Σ numerator / Σ denominator` by resampling the pairs, one of each series.
pub fn bootstrap(value: f64, pairs: &[(f64, f64)], options: &EvaluateOptions) -> Estimate {
    let mut ratios: Vec<f64> = (0..options.n_bootstrap)
        .into_par_iter()
        .map(|replication| {
            let mut random = SplitMix::new(options.seed ^ (replication as u64 + 1).wrapping_mul(0x9e37_79b9));
            let (mut numerator, mut denominator) = (0.0, 0.0);
            for _ in 0..pairs.len() {
                let pair = pairs[random.below(pairs.len())];
                numerator += pair.0;
                denominator += pair.1;
            }
            numerator / denominator
        })
        .filter(|ratio| ratio.is_finite())
        .collect();
    if ratios.is_empty() {
        return Estimate { value, low: value, high: value };
    }
    ratios.sort_unstable_by(f64::total_cmp);
    let at = |level: f64| ratios[((level * (ratios.len() - 1) as f64).round() as usize).min(ratios.len() - 1)];
    let tail = (1.0 - options.ci_level) / 2.0;
    Estimate { value, low: at(tail), high: at(1.0 - tail) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restock_core::forecast::Dependence;
    use restock_core::{Bucket, Forecast, N_LEVELS};

    /// Knows nothing but a constant, whatever the history.
    struct Constant(f64);

    impl Forecaster for Constant {
        fn name(&self) -> &str {
            if self.0 > 4.0 { BASELINE } else { "right" }
        }

        fn forecast(&self, batch: &[SeriesInput], request: &ForecastRequest) -> Vec<Forecast> {
            batch
                .iter()
                .map(|series| {
                    assert!(series.demand.iter().all(|demand| *demand < 99.0), "the test window is never shown");
                    Forecast {
                        mean: vec![self.0; request.horizon],
                        quantiles: vec![self.0; request.horizon * N_LEVELS],
                        dependence: Dependence::default(),
                        count_valued: true,
                        model: String::new(),
                        reason: String::new(),
                        validation: None,
                    }
                })
                .collect()
        }
    }

    fn series(key: u64, demand: Vec<f64>, observations: Vec<Observation>) -> SeriesInput {
        SeriesInput {
            key,
            sales: demand.clone(),
            demand,
            observations,
            first_period: 0,
            bucket: Bucket::Day,
            covariates: Vec::new(),
            open_future: Vec::new(),
            count_valued: true,
            availability: None,
            siblings: None,
            prior: None,
        }
    }

    fn options() -> EvaluateOptions {
        EvaluateOptions { horizon: 7, n_origins: 3, origin_step: 7, lead_times: vec![7], ..EvaluateOptions::default() }
    }

    /// Demand 3, 5, 3, 5, ...: its mean absolute seasonal difference (season 7) is 2. A constant 3 errs by 0 or 2.
    #[test]
    fn metrics_by_hand() {
        let demand: Vec<f64> = (0..70).map(|t| if t % 2 == 0 { 3.0 } else { 5.0 }).collect();
        let n = demand.len();
        let batch = [series(1, demand, vec![Observation::Full; n])];
        let board = evaluate(&batch, &[&Constant(8.0), &Constant(3.0)], &options(), &|_, _| {});
        assert_eq!((board.n_series, board.n_windows, board.n_too_short), (1, 3, 0));
        let best = &board.rows[0];
        assert_eq!((best.model.as_str(), best.group.as_str()), ("right", "all"));
        // 21 periods from position 49 on: 11 are odd and cost |5 - 3| = 2; demand is 11·5 + 10·3 = 85.
        assert!((best.wape - 22.0 / 85.0).abs() < 1e-12);
        assert!((best.bias + 22.0 / 85.0).abs() < 1e-12);
        // WQL of a point forecast below the truth: mean over .1 to .9 of 2·τ·error is the error itself.
        assert!((best.wql.value - 22.0 / 85.0).abs() < 1e-12);
        assert!((best.mase.value - 22.0 / 21.0 / 2.0).abs() < 1e-12);
        assert_eq!(best.cumulative_error, -22.0);
        assert!((best.tracking_signal + 21.0).abs() < 1e-12, "every error has the same sign");
        // A constant 8 errs by 5 in ten periods and by 3 in eleven: 83.
        let added = best.value_added.expect("there is a baseline");
        assert!((added.value - 61.0 / 85.0).abs() < 1e-12 && added.low <= added.value && added.value <= added.high);
        let baseline = board.rows.iter().find(|row| row.model == BASELINE).unwrap();
        assert!(baseline.value_added.is_none());
        // Each week of demand is at least 27, above the forecast of 21.
        assert_eq!(best.lead_times[0].coverage, [0.0; 6]);
        assert!(best.wql.low <= best.wql.value && best.wql.value <= best.wql.high);
        assert_eq!(board.rows.len(), 4, "two models over all series and over the smooth ones");
    }

    #[test]
    fn censored_and_closed_periods_are_not_scored() {
        let mut demand = vec![3.0; 70];
        let mut observations = vec![Observation::Full; 70];
        for t in [65, 66] {
            demand[t] = 99.0;
            observations[t] = Observation::Censored;
        }
        let batch = [series(1, demand, observations), series(2, vec![3.0; 20], vec![Observation::Full; 20])];
        let board = evaluate(&batch, &[&Constant(3.0)], &options(), &|_, _| {});
        assert_eq!(board.rows[0].wape, 0.0);
        assert_eq!((board.n_series, board.n_too_short), (1, 1));
    }
}
