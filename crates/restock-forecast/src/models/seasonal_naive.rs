//! Seasonal naive: the last season repeats, with the errors that rule made in the past.

use restock_core::{N_LEVELS, QUANTILE_LEVELS, SeriesInput};

use super::history::{is_usable, phase, usable_season};
use super::{History, Model, Predictive};

/// Repeats the last season. The quantiles add the empirical errors of the same rule over the recent history.
pub struct SeasonalNaive;

/// Errors are taken from at most this many recent periods.
const ERROR_WINDOW: usize = 730;

impl Model for SeasonalNaive {
    fn name(&self) -> &'static str {
        "seasonal_naive"
    }

    fn predict(&self, series: &SeriesInput, end: usize, horizon: usize) -> Option<Predictive> {
        let history = History::new(series, end, ERROR_WINDOW);
        if history.is_empty() {
            return None;
        }
        let season = usable_season(series, &history);
        // The latest usable value of each phase, as it stood before each position.
        let mut latest = vec![f64::NAN; season];
        let mut errors = Vec::with_capacity(history.len());
        for (&value, &position) in history.values.iter().zip(&history.positions) {
            let slot = if season == 1 { 0 } else { phase(series, position) };
            if !latest[slot].is_nan() {
                errors.push(value - latest[slot]);
            }
            latest[slot] = value;
        }
        debug_assert!(history.positions.iter().all(|position| is_usable(series.observations[*position])));
        let fallback = history.mean();
        errors.sort_unstable_by(f64::total_cmp);
        let mut predictive = Predictive::zero(horizon);
        for step in 0..horizon {
            let slot = if season == 1 { 0 } else { phase(series, end + step) };
            let center = if latest[slot].is_nan() { fallback } else { latest[slot] };
            predictive.mean[step] = center;
            for (idx, level) in QUANTILE_LEVELS.iter().enumerate() {
                let error = empirical(&errors, *level, center);
                predictive.quantiles[step * N_LEVELS + idx] = center + error;
            }
        }
        predictive.guard(series, &history, 1.0);
        Some(predictive)
    }
}

/// The empirical quantile of sorted errors; without errors, as uncertain as a Poisson count.
fn empirical(errors: &[f64], level: f64, center: f64) -> f64 {
    if errors.len() < 8 {
        let idx = QUANTILE_LEVELS.iter().position(|known| *known == level).expect("a known level");
        return super::distribution::NORMAL_SCORES[idx] * center.max(1.0).sqrt();
    }
    let idx = (level * errors.len() as f64).ceil() as usize;
    errors[idx.clamp(1, errors.len()) - 1]
}
