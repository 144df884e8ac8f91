//! The Theta method (Assimakopoulos & Nikolopoulos, 2000) in the form of Hyndman & Billah (2003): simple exponential
//! smoothing with a drift of half the slope of a straight line through the history.
//!
//! With slope `b`, smoothing constant `a` and `n` periods, the forecast `h` periods ahead is
//! `level + b/2 · (h - 1 + 1/a - (1 - a)^n / a)` (their equation 7). The season is taken out first by classical
//! decomposition, where the autocorrelation at its lag is significant at 90 %.
//!
//! # Differences from the paper
//! 1. Data with zeros are deseasonalised by differences instead of ratios.
//! 2. The variance is that of simple smoothing, as for `ses`, scaled by the season.

use restock_core::{N_LEVELS, SeriesInput};

use super::distribution::fill_quantiles;
use super::ets::season_indices;
use super::history::{phase, usable_season};
use super::simple_smoothing::ses;
use super::{History, Model, Predictive};

/// The Theta method.
pub struct Theta;

/// Longest history used: three years of days.
const WINDOW: usize = 1096;
/// Seasons longer than this (weeks) are taken out as smoothed indices.
const SEASON_MAX: usize = 24;

/// Seasonal states by phase, and whether they multiply.
struct Season {
    states: Vec<f64>,
    multiplicative: bool,
}

impl Season {
    fn remove(&self, value: f64, at: usize) -> f64 {
        if self.multiplicative { value / self.states[at] } else { value - self.states[at] }
    }

    fn apply(&self, value: f64, at: usize) -> f64 {
        if self.multiplicative { value * self.states[at] } else { value + self.states[at] }
    }
}

/// Point forecasts of the Theta method without season, and the one-step error variance and smoothing constant.
pub fn theta_forecast(values: &[f64], horizon: usize) -> Option<(Vec<f64>, f64, f64)> {
    let n = values.len();
    if n < 4 {
        return None;
    }
    let count = n as f64;
    let mean_x = (count - 1.0) / 2.0;
    let mean_y = values.iter().sum::<f64>() / count;
    let covariance: f64 = values.iter().enumerate().map(|(row, value)| (row as f64 - mean_x) * (value - mean_y)).sum();
    let slope = covariance / (count * (count * count - 1.0) / 12.0);
    let n_start = n.min(10);
    let start = values[..n_start].iter().sum::<f64>() / n_start as f64;
    let fit = ses(values, start);
    let lag = (1.0 - (1.0 - fit.alpha).powi(n as i32)) / fit.alpha;
    let forecasts = (0..horizon).map(|step| fit.level + slope / 2.0 * (step as f64 + lag)).collect();
    Some((forecasts, fit.mean_squared_error, fit.alpha))
}

/// Whether the autocorrelation at the season's lag stands out at 90 %: above `1.645 √((1 + 2 Σ r²) / n)` with the
/// autocorrelations of all smaller lags, as in the M3 and M4 entries of the method.
fn is_seasonal(values: &[f64], period: usize) -> bool {
    let n = values.len();
    let mean = values.iter().sum::<f64>() / n as f64;
    let variance: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    if !(variance > 0.0) {
        return false;
    }
    let correlation =
        |lag: usize| (lag..n).map(|row| (values[row] - mean) * (values[row - lag] - mean)).sum::<f64>() / variance;
    let smaller: f64 = (1..period).map(|lag| correlation(lag).powi(2)).sum();
    correlation(period).abs() > 1.645 * ((1.0 + 2.0 * smaller) / n as f64).sqrt()
}

/// Classical decomposition: mean ratio (difference) to the centred moving average, by phase.
fn decompose(history: &History, phases: &[usize], period: usize, multiplicative: bool) -> Season {
    let (mut sums, mut counts) = (vec![0.0; period], vec![0.0; period]);
    let n = history.len();
    let half = period / 2;
    for (row, &at) in phases.iter().enumerate().take(n.saturating_sub(half)).skip(half) {
        let around = &history.values[row - half..=row + half];
        let mut sum: f64 = around.iter().sum();
        if period.is_multiple_of(2) {
            // A 2 × m average: the two ends stand for the same phase.
            sum -= 0.5 * (around[0] + around[around.len() - 1]);
        }
        let mean = sum / period as f64;
        if multiplicative {
            sums[at] += history.values[row] / mean.max(1e-9);
        } else {
            sums[at] += history.values[row] - mean;
        }
        counts[at] += 1.0;
    }
    let neutral = if multiplicative { 1.0 } else { 0.0 };
    let mut states: Vec<f64> =
        sums.iter().zip(&counts).map(|(sum, count)| if *count > 0.0 { sum / count } else { neutral }).collect();
    let mean = states.iter().sum::<f64>() / period as f64;
    for state in &mut states {
        *state = if multiplicative { (*state / mean).max(0.01) } else { *state - mean };
    }
    Season { states, multiplicative }
}

impl Model for Theta {
    fn name(&self) -> &'static str {
        "theta"
    }

    fn predict(&self, series: &SeriesInput, end: usize, horizon: usize) -> Option<Predictive> {
        let history = History::new(series, end, WINDOW);
        if history.len() < 4 {
            return None;
        }
        if history.max() <= 0.0 {
            return Some(Predictive::zero(horizon));
        }
        let period = usable_season(series, &history);
        let phases: Vec<usize> = history.positions.iter().map(|position| phase(series, *position) % period).collect();
        let season = if period == 1 {
            None
        } else if period > SEASON_MAX {
            Some(Season { states: season_indices(series, &history, period), multiplicative: true })
        } else if is_seasonal(&history.values, period) {
            let positive = history.values.iter().all(|value| *value > 0.0);
            Some(decompose(&history, &phases, period, positive))
        } else {
            None
        };
        let adjusted: Vec<f64> = match &season {
            Some(season) => history.values.iter().zip(&phases).map(|(value, at)| season.remove(*value, *at)).collect(),
            None => history.values.clone(),
        };
        // Periods without information at the very end lengthen the horizon.
        let gap = end - 1 - history.positions[history.len() - 1];
        let (points, error_variance, alpha) = theta_forecast(&adjusted, horizon + gap)?;
        let mut predictive = Predictive::zero(horizon);
        for step in 0..horizon {
            let variance = error_variance * (1.0 + (gap + step) as f64 * alpha * alpha);
            let (mut mean, mut scale) = (points[gap + step], 1.0);
            if let Some(season) = &season {
                let at = phase(series, end + step) % period;
                mean = season.apply(mean, at);
                scale = if season.multiplicative { season.states[at] } else { 1.0 };
            }
            let mean = mean.max(0.0);
            predictive.mean[step] = mean;
            let quantiles = &mut predictive.quantiles[step * N_LEVELS..(step + 1) * N_LEVELS];
            fill_quantiles(mean, variance * scale * scale, series.count_valued, quantiles);
        }
        predictive.guard(series, &history, 1.0);
        Some(predictive)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{AIR_PASSENGERS, monthly};
    use super::*;

    /// statsforecast 2.1.1, `Theta(season_length=12)` on AirPassengers. It also optimises the starting level and
    /// decomposes with other end weights; 2 % covers both.
    #[test]
    fn theta_matches_statsforecast() {
        let reference = [
            440.969, 429.249, 490.693, 476.660, 480.631, 546.456, 603.953, 602.295, 524.990, 457.529, 398.738, 448.525,
        ];
        let predictive = Theta.predict(&monthly(&AIR_PASSENGERS), 144, 12).unwrap();
        for (ours, theirs) in predictive.mean.iter().zip(reference) {
            assert!((ours / theirs - 1.0_f64).abs() < 0.02, "{ours} {theirs}");
        }
    }

    /// The same package with `season_length=1`: 432.929 and 447.544 for steps 1 and 12.
    #[test]
    fn theta_without_season_matches_statsforecast() {
        let (points, _, _) = theta_forecast(&AIR_PASSENGERS, 12).unwrap();
        assert!((points[0] / 432.929 - 1.0).abs() < 0.005, "{}", points[0]);
        assert!((points[11] / 447.544 - 1.0).abs() < 0.005, "{}", points[11]);
    }
}
