//! Weekday- and recency-weighted empirical quantiles.
//!
//! The predictive distribution of a future period is the weighted distribution of past demand: recent periods weigh
//! more (an exponential decay) and periods at the same place in the season weigh more. It is exact about zeros, ties
//! and tails, needs no model, and is the honest floor on intermittent retail demand.

use restock_core::{N_LEVELS, QUANTILE_LEVELS, SeriesInput};

use super::history::{phase, usable_season};
use super::{History, Model, Predictive};

/// Weighted empirical quantiles.
pub struct WeightedQuantiles;

impl Model for WeightedQuantiles {
    fn name(&self) -> &'static str {
        "weighted_quantiles"
    }

    fn predict(&self, series: &SeriesInput, end: usize, horizon: usize) -> Option<Predictive> {
        let p = [28.0, 90.0, 0.0, 3.0, 182.0];
        let history = History::new(series, end, p[4] as usize);
        if history.is_empty() {
            return None;
        }
        let season = usable_season(series, &history);
        let mut order: Vec<usize> = (0..history.len()).collect();
        order.sort_by(|a, b| history.values[*a].total_cmp(&history.values[*b]));
        let weights: Vec<f64> = history
            .positions
            .iter()
            .map(|pos| {
                let age = (end - pos) as f64;
                (1.0 - p[2]) * 0.5_f64.powf(age / p[0]) / p[0] + p[2] * 0.5_f64.powf(age / p[1]) / p[1]
            })
            .collect();
        let mut predictive = Predictive::zero(horizon);
        for step in 0..horizon {
            let target = phase(series, end + step);
            let w = |i: usize| {
                weights[i] * if season > 1 && phase(series, history.positions[i]) == target { p[3] } else { 1.0 }
            };
            let total: f64 = (0..history.len()).map(w).sum();
            let mut cum = 0.0;
            let mut level = 0;
            let mut mean = 0.0;
            for &i in &order {
                cum += w(i) / total;
                mean += w(i) / total * history.values[i];
                while level < N_LEVELS && cum >= QUANTILE_LEVELS[level] - 1e-12 {
                    predictive.quantiles[step * N_LEVELS + level] = history.values[i];
                    level += 1;
                }
            }
            while level < N_LEVELS {
                predictive.quantiles[step * N_LEVELS + level] = history.max();
                level += 1;
            }
            predictive.mean[step] = mean;
        }
        predictive.guard(series, &history, 1.0);
        Some(predictive)
    }
}
