//! Simple exponential smoothing (Brown 1959; Hyndman, Koehler, Ord & Snyder 2008, section 2.1, model A,N,N).
//!
//! The level follows `level += alpha · error`; `alpha` minimises the one-step squared error. The variance `h` steps
//! ahead is `σ² (1 + (h - 1) alpha²)` (their equation 6.1). It carries no season; where the weekday matters, `ets`
//! and `negative_binomial` do better.

use restock_core::{N_LEVELS, SeriesInput};

use super::distribution::fill_quantiles;
use super::{History, Model, Predictive};

/// Simple exponential smoothing with an optimised smoothing constant.
pub struct Ses;

/// Older periods than this tell nothing about the level any more.
const WINDOW: usize = 730;
/// Smoothing constants of the first pass; the second pass refines around the best one.
const ALPHAS: [f64; 8] = [0.005, 0.02, 0.05, 0.1, 0.2, 0.35, 0.6, 0.9];

/// The result of smoothing one history.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Smoothed {
    /// The level after the last period, units per period.
    pub level: f64,
    /// The smoothing constant.
    pub alpha: f64,
    /// Mean squared one-step error, units².
    pub mean_squared_error: f64,
}

/// Simple exponential smoothing of `values` (at least one) from the level `start` with each of eight constants.
fn smooth(values: &[f64], start: f64, alphas: &[f64; 8]) -> [Smoothed; 8] {
    let (mut levels, mut squared) = ([start; 8], [0.0; 8]);
    for &value in values {
        for lane in 0..8 {
            let error = value - levels[lane];
            squared[lane] += error * error;
            levels[lane] += alphas[lane] * error;
        }
    }
    std::array::from_fn(|lane| Smoothed {
        level: levels[lane],
        alpha: alphas[lane],
        mean_squared_error: squared[lane] / values.len() as f64,
    })
}

/// The smoothing constant with the least one-step squared error, found on a grid and refined once.
pub fn ses(values: &[f64], start: f64) -> Smoothed {
    assert!(!values.is_empty(), "smoothing needs a value");
    let best = |fits: [Smoothed; 8]| {
        (0..8)
            .min_by(|a, b| fits[*a].mean_squared_error.total_cmp(&fits[*b].mean_squared_error))
            .map(|idx| (idx, fits[idx]))
    };
    let (idx, coarse) = best(smooth(values, start, &ALPHAS)).expect("eight fits");
    let low = ALPHAS[idx.saturating_sub(1)];
    let high = if idx == 7 { 1.0 } else { ALPHAS[idx + 1] };
    let finer = std::array::from_fn(|lane| low + (high - low) * (lane as f64 + 0.5) / 8.0);
    let (_, fine) = best(smooth(values, start, &finer)).expect("eight fits");
    if fine.mean_squared_error < coarse.mean_squared_error { fine } else { coarse }
}

impl Model for Ses {
    fn name(&self) -> &'static str {
        "ses"
    }

    fn predict(&self, series: &SeriesInput, end: usize, horizon: usize) -> Option<Predictive> {
        let history = History::new(series, end, WINDOW);
        if history.is_empty() {
            return None;
        }
        let n_start = history.len().min(14);
        let start = history.values[..n_start].iter().sum::<f64>() / n_start as f64;
        let fit = ses(&history.values, start);
        let error_variance = if history.len() < 4 { fit.level.max(1.0) } else { fit.mean_squared_error };
        let mut predictive = Predictive::zero(horizon);
        for step in 0..horizon {
            let variance = error_variance * (1.0 + step as f64 * fit.alpha * fit.alpha);
            predictive.mean[step] = fit.level;
            let quantiles = &mut predictive.quantiles[step * N_LEVELS..(step + 1) * N_LEVELS];
            fill_quantiles(fit.level, variance, series.count_valued, quantiles);
        }
        predictive.guard(series, &history, 1.0);
        Some(predictive)
    }
}
