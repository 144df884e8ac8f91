//! Intermittent demand: Croston's method and its two best-known corrections.
//!
//! * Croston (1972): smooth the size of demands and the interval between them apart; forecast size / interval.
//! * SBA, Syntetos & Boylan (2005), equation 5: Croston's ratio is biased upwards; multiply it by `1 - alpha / 2`.
//! * TSB, Teunter, Syntetos & Babai (2011): smooth the *probability* of demand in every period instead of the
//!   interval, so the forecast falls while nothing sells.
//!
//! The smoothing constants are chosen per series from a small grid by the one-step squared error of the forecast rate.
//! Quantiles come from the compound distribution implied by the smoothed parts: with probability `p` a demand of mean
//! `z` and variance `s²`, so the mean is `p z` and the variance `p (s² + z²) - (p z)²`, as a negative binomial for
//! counts and as a zero-inflated gamma otherwise.

use restock_core::{N_LEVELS, SeriesInput};

use super::distribution::{fill_count_quantiles, fill_intermittent_quantiles};
use super::{History, Model, Predictive};

/// Croston (1972).
pub struct Croston;
/// Syntetos & Boylan (2005).
pub struct Sba;
/// Teunter, Syntetos & Babai (2011).
pub struct Tsb;

/// Smoothing constants tried for sizes and intervals (Syntetos & Boylan recommend 0.05 to 0.2).
const ALPHAS: [f64; 4] = [0.05, 0.1, 0.2, 0.3];
/// Smoothing constants tried for the probability of TSB, which is updated every period and so needs smaller ones.
const PROBABILITY_ALPHAS: [f64; 6] = [0.01, 0.02, 0.04, 0.07, 0.12, 0.2];
const SIZE_ALPHAS: [f64; 2] = [0.05, 0.15];
/// Older periods than this tell nothing about the level any more.
const WINDOW: usize = 730;

/// The state of an intermittent-demand method after the last period.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Intermittent {
    /// Expected demand of a period, units.
    pub rate: f64,
    /// Smoothed size of a demand, units.
    pub size: f64,
    /// Probability of demand in a period.
    pub probability: f64,
    /// Mean squared one-step error of the rate.
    pub mean_squared_error: f64,
}

/// Croston's method with one smoothing constant for sizes and intervals. The first demand starts the sizes, its
/// position (counted from 1) the intervals. `None` without any demand.
pub fn croston(demand: &[f64], alpha: f64) -> Option<Intermittent> {
    croston_scaled(demand, alpha, 1.0)
}

/// The Syntetos-Boylan approximation: Croston's rate times `1 - alpha / 2`.
pub fn sba(demand: &[f64], alpha: f64) -> Option<Intermittent> {
    croston_scaled(demand, alpha, 1.0 - alpha / 2.0)
}

fn croston_scaled(demand: &[f64], alpha: f64, scale: f64) -> Option<Intermittent> {
    let first = demand.iter().position(|units| *units > 0.0)?;
    let (mut size, mut interval) = (demand[first], (first + 1) as f64);
    let mut rate = scale * size / interval;
    let (mut since, mut squared) = (1.0, 0.0);
    for &units in &demand[first + 1..] {
        let error = units - rate;
        squared += error * error;
        if units > 0.0 {
            size += alpha * (units - size);
            interval += alpha * (since - interval);
            rate = scale * size / interval;
            since = 1.0;
        } else {
            since += 1.0;
        }
    }
    let n_errors = (demand.len() - first - 1).max(1) as f64;
    let probability = (1.0 / interval).min(1.0);
    Some(Intermittent { rate, size, probability, mean_squared_error: squared / n_errors })
}

/// The method of Teunter, Syntetos and Babai: `probability_alpha` smooths the indicator of demand in every period,
/// `size_alpha` the sizes where there is demand. Starts from the first indicator and the first size.
pub fn tsb(demand: &[f64], size_alpha: f64, probability_alpha: f64) -> Option<Intermittent> {
    let first = demand.iter().position(|units| *units > 0.0)?;
    let mut size = demand[first];
    let mut probability = if first == 0 { 1.0 } else { 0.0 };
    let mut squared = 0.0;
    for &units in &demand[1..] {
        let error = units - probability * size;
        squared += error * error;
        if units > 0.0 {
            size += size_alpha * (units - size);
            probability += probability_alpha * (1.0 - probability);
        } else {
            probability -= probability_alpha * probability;
        }
    }
    let n_errors = (demand.len() - 1).max(1) as f64;
    Some(Intermittent { rate: probability * size, size, probability, mean_squared_error: squared / n_errors })
}

fn best_croston(demand: &[f64], method: fn(&[f64], f64) -> Option<Intermittent>) -> Option<Intermittent> {
    best(ALPHAS.iter().filter_map(|alpha| method(demand, *alpha)))
}

fn best_tsb(demand: &[f64]) -> Option<Intermittent> {
    best(SIZE_ALPHAS.iter().flat_map(|size_alpha| {
        PROBABILITY_ALPHAS.iter().filter_map(|probability_alpha| tsb(demand, *size_alpha, *probability_alpha))
    }))
}

fn best(candidates: impl Iterator<Item = Intermittent>) -> Option<Intermittent> {
    candidates.min_by(|a, b| a.mean_squared_error.total_cmp(&b.mean_squared_error))
}

fn predict(
    series: &SeriesInput,
    end: usize,
    horizon: usize,
    fit: impl Fn(&[f64]) -> Option<Intermittent>,
) -> Option<Predictive> {
    let history = History::new(series, end, WINDOW);
    if history.is_empty() {
        return None;
    }
    let mut predictive = Predictive::zero(horizon);
    let Some(state) = fit(&history.values) else {
        // No demand was ever seen.
        return Some(predictive);
    };
    let rate = state.rate;
    let probability = if state.size > 0.0 { (rate / state.size).clamp(1e-9, 1.0) } else { 1.0 };
    let size_variance = size_variance(&history.values, state.size);
    let mut quantiles = [0.0; N_LEVELS];
    if series.count_valued {
        let variance = probability * (size_variance + state.size * state.size) - rate * rate;
        fill_count_quantiles(rate, variance, &mut quantiles);
    } else {
        fill_intermittent_quantiles(probability, state.size, size_variance, &mut quantiles);
    }
    predictive.mean.fill(rate);
    for chunk in predictive.quantiles.chunks_exact_mut(N_LEVELS) {
        chunk.copy_from_slice(&quantiles);
    }
    predictive.guard(series, &history, 1.0);
    Some(predictive)
}

/// The variance of demand sizes around the smoothed size, recent sizes weighing more.
fn size_variance(demand: &[f64], size: f64) -> f64 {
    const DECAY: f64 = 0.97;
    let (mut weight, mut total, mut squared) = (1.0, 0.0, 0.0);
    for units in demand.iter().rev().filter(|units| **units > 0.0) {
        total += weight;
        squared += weight * (units - size) * (units - size);
        weight *= DECAY;
    }
    if total > 0.0 { squared / total } else { 0.0 }
}

impl Model for Croston {
    fn name(&self) -> &'static str {
        "croston"
    }

    fn predict(&self, series: &SeriesInput, end: usize, horizon: usize) -> Option<Predictive> {
        predict(series, end, horizon, |demand| best_croston(demand, croston))
    }
}

impl Model for Sba {
    fn name(&self) -> &'static str {
        "sba"
    }

    fn predict(&self, series: &SeriesInput, end: usize, horizon: usize) -> Option<Predictive> {
        predict(series, end, horizon, |demand| best_croston(demand, sba))
    }
}

impl Model for Tsb {
    fn name(&self) -> &'static str {
        "tsb"
    }

    fn predict(&self, series: &SeriesInput, end: usize, horizon: usize) -> Option<Predictive> {
        predict(series, end, horizon, best_tsb)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// statsforecast 2.1.1: CrostonClassic, CrostonSBA, TSB(0.2, 0.1) with their fixed smoothing constants.
    #[test]
    fn fixed_constants_match_statsforecast() {
        let sparse = [0., 0., 2., 0., 0., 5., 1., 0., 0., 0., 3., 0., 0., 4., 0., 0., 0., 0., 6., 0.];
        let short = [3., 0., 2., 0., 0., 5., 1.];
        for (demand, classic, corrected, probability) in
            [(&sparse[..], 0.88827826, 0.84386435, 0.837187), (&short[..], 2.29896907, 2.18402062, 2.19744639)]
        {
            let close = |ours: Option<Intermittent>, theirs: f64| (ours.unwrap().rate - theirs).abs() < 1e-6;
            assert!(close(croston(demand, 0.1), classic));
            assert!(close(sba(demand, 0.1), corrected));
            assert!(close(tsb(demand, 0.2, 0.1), probability));
        }
    }

    /// By hand, alpha = 0.5: sizes 4 → 4 + 0.5 (2 - 4) = 3, intervals 2 → 2 + 0.5 (3 - 2) = 2.5, rate 3 / 2.5 = 1.2.
    #[test]
    fn croston_by_hand() {
        assert!((croston(&[0.0, 4.0, 0.0, 0.0, 2.0], 0.5).unwrap().rate - 1.2).abs() < 1e-12);
        assert!((sba(&[0.0, 4.0, 0.0, 0.0, 2.0], 0.5).unwrap().rate - 0.9).abs() < 1e-12);
    }

    /// Croston's forecast stands still while nothing sells; that of TSB falls.
    #[test]
    fn only_tsb_forgets() {
        let mut demand = vec![0.0, 3.0, 0.0, 3.0, 0.0, 3.0];
        let before = (croston(&demand, 0.1).unwrap().rate, tsb(&demand, 0.1, 0.1).unwrap().rate);
        demand.extend([0.0; 30]);
        let after = (croston(&demand, 0.1).unwrap().rate, tsb(&demand, 0.1, 0.1).unwrap().rate);
        assert_eq!(before.0, after.0);
        assert!(after.1 < 0.1 * before.1);
    }
}
