//! Weekday- and recency-weighted empirical quantiles.
//!
//! The predictive distribution of a future period is the weighted distribution of past demand: recent periods weigh
//! more and periods at the same place in the season weigh more. It is exact about zeros, ties and tails, needs no
//! model, and is the honest floor on intermittent retail demand.
//!
//! # Differences from the plain version (`benches/peers/m5_statsforecast.py`)
//! 1. Age is discounted by the mean of a fast and a slow exponential, so the level follows recent weeks while the
//!    tails still rest on a year of evidence. On M5 origins before the test window this lowers the weighted quantile
//!    loss by about 1 %.
//! 2. Levels above .9 that so few periods cannot show are extrapolated: beyond the largest demand seen lies the
//!    probability `1 / (n + 1)` of `n` periods of equal weight (Weibull's plotting position; `n` is Kish's effective
//!    sample size, 1965), and the tail there is exponential; its scale is the standard deviation of demand above
//!    the .8 quantile, which for an exponential tail is its mean and for a single sale 0.
//! 3. The expected value is the same weighted mean.

use restock_core::{N_LEVELS, QUANTILE_LEVELS, SeriesInput};

use super::history::{phase, usable_season};
use super::{History, Model, Predictive};

/// Weighted empirical quantiles.
pub struct WeightedQuantiles;

/// Half-lives of the two discounts, in days: chosen on M5 origins 2 to 13 months before the end.
const HALF_LIFE_DAYS: [f64; 2] = [14.0, 90.0];
/// Weight of a period at the same place in the season, relative to the others.
const SAME_PHASE_WEIGHT: f64 = 3.0;
/// Weeks and months are few: their half-lives are at least this many periods.
const HALF_LIFE_PERIODS_MIN: [f64; 2] = [4.0, 12.0];
const WINDOW_DAYS: f64 = 364.0;
const WINDOW_PERIODS_MIN: f64 = 60.0;

impl Model for WeightedQuantiles {
    fn name(&self) -> &'static str {
        "weighted_quantiles"
    }

    fn predict(&self, series: &SeriesInput, end: usize, horizon: usize) -> Option<Predictive> {
        let period_days = series.bucket.days();
        let window = (WINDOW_DAYS / period_days).max(WINDOW_PERIODS_MIN) as usize;
        let history = History::new(series, end, window);
        if history.is_empty() {
            return None;
        }
        let season = usable_season(series, &history);
        let mut decays = [0.0; 2];
        for (idx, decay) in decays.iter_mut().enumerate() {
            let half_life = (HALF_LIFE_DAYS[idx] / period_days).max(HALF_LIFE_PERIODS_MIN[idx]);
            *decay = 0.5_f64.powf(1.0 / half_life);
        }
        // Each discount sums to about 1 over an endless past, so both get the same say.
        let mut ranked: Vec<Weighted> = history
            .values
            .iter()
            .zip(&history.positions)
            .map(|(&value, &position)| {
                let age = (end - position) as i32;
                let weight = (1.0 - decays[0]) * decays[0].powi(age) + (1.0 - decays[1]) * decays[1].powi(age);
                Weighted { value, weight, phase: if season == 1 { 0 } else { phase(series, position) } }
            })
            .collect();
        ranked.sort_unstable_by(|a, b| a.value.total_cmp(&b.value));

        // Every step at the same phase has the same distribution.
        let mut by_phase: Vec<Option<usize>> = vec![None; season];
        let mut predictive = Predictive::zero(horizon);
        for step in 0..horizon {
            let target = if season == 1 { 0 } else { phase(series, end + step) };
            let from = step * N_LEVELS;
            if let Some(same) = by_phase[target] {
                predictive.mean[step] = predictive.mean[same];
                predictive.quantiles.copy_within(same * N_LEVELS..(same + 1) * N_LEVELS, from);
            } else {
                predictive.mean[step] =
                    weighted_quantiles(&ranked, target, &mut predictive.quantiles[from..from + N_LEVELS]);
                by_phase[target] = Some(step);
            }
        }
        predictive.guard(series, &history, 1.0);
        Some(predictive)
    }
}

/// Index of the level above which the standard deviation of demand is the scale of the tail.
const HIGH_IDX: usize = 9;
/// Levels above this one are extrapolated where they lie beyond what was seen.
const TAIL_LEVEL: f64 = 0.9;

struct Weighted {
    value: f64,
    weight: f64,
    phase: usize,
}

/// Fills the quantiles at one phase from values in ascending order; returns the mean.
fn weighted_quantiles(ranked: &[Weighted], target: usize, quantiles: &mut [f64]) -> f64 {
    let weight_of = |entry: &Weighted| entry.weight * if entry.phase == target { SAME_PHASE_WEIGHT } else { 1.0 };
    let (mut total, mut squares, mut sum) = (0.0, 0.0, 0.0);
    for entry in ranked {
        let weight = weight_of(entry);
        total += weight;
        squares += weight * weight;
        sum += weight * entry.value;
    }
    let (mut cumulative, mut level_idx) = (0.0, 0);
    for entry in ranked {
        cumulative += weight_of(entry);
        while level_idx < N_LEVELS && cumulative >= (QUANTILE_LEVELS[level_idx] - 1e-12) * total {
            quantiles[level_idx] = entry.value;
            level_idx += 1;
        }
    }
    let largest = ranked.last().map_or(0.0, |entry| entry.value);
    quantiles[level_idx..].fill(largest);

    // Of n + 1 equally likely values the next one is the largest with probability 1 / (n + 1).
    let beyond = squares / (squares + total * total);
    let high = quantiles[HIGH_IDX];
    let (mut weight_above, mut first, mut second) = (0.0, 0.0, 0.0);
    for entry in ranked.iter().rev().take_while(|entry| entry.value > high) {
        let (weight, excess) = (weight_of(entry), entry.value - high);
        weight_above += weight;
        first += weight * excess;
        second += weight * excess * excess;
    }
    if weight_above > 0.0 {
        let scale = (second / weight_above - (first / weight_above).powi(2)).max(0.0).sqrt();
        for (quantile, level) in quantiles.iter_mut().zip(QUANTILE_LEVELS).filter(|(_, level)| *level > TAIL_LEVEL) {
            if 1.0 - level < beyond {
                *quantile = quantile.max(largest) + scale * (beyond / (1.0 - level)).ln();
            }
        }
    }
    sum / total
}
