//! The `auto` forecaster: an ensemble per item-location, weighted by how each model did on the item's own past.
//!
//! Read top to bottom: options, selection (short history, end of life, validation), forecast, single models.
//!
//! Models are compared on the last few forecast windows of the item (rolling origins; Tashman, 2000) by the pinball
//! loss over all levels. Their quantiles are averaged (Lichtendahl, Grushka-Cockayne & Winkler, 2013) with weights
//! `prior · exp(-sharpness · n_windows · (loss / best loss - 1))`: a model that was only luckier in few windows gains
//! little, a model that failed is dropped.

use rayon::prelude::*;
use restock_core::forecast::{Dependence, Observation};
use restock_core::{Bucket, Forecast, ForecastRequest, Forecaster, N_LEVELS, QUANTILE_LEVELS, SeriesInput};

use crate::dependence::{self, estimate_dependence};
use crate::metrics::pinball;
use crate::models::{self, Model, Predictive};

/// How `auto` chooses. The defaults were chosen on M5 origins before its last 28 days, and on generated demand.
#[derive(Clone, Debug, PartialEq)]
pub struct AutoOptions {
    /// Candidate models with their prior weights; a name that does not exist is left out.
    pub candidates: Vec<(&'static str, f64)>,
    /// How fast a weight falls with the relative loss, per window.
    pub sharpness: f64,
    /// Most validation windows.
    pub n_windows: usize,
    /// Weights below this share are dropped.
    pub weight_min: f64,
}

impl Default for AutoOptions {
    fn default() -> Self {
        Self {
            candidates: vec![("negative_binomial", 1.0), ("weighted_quantiles", 1.0), ("ses", 0.3), ("tsb", 0.3)],
            sharpness: 3.0,
            n_windows: 4,
            weight_min: 0.05,
        }
    }
}

/// Chooses an ensemble per item-location.
#[derive(Clone, Debug, Default)]
pub struct Auto {
    /// How to choose.
    pub options: AutoOptions,
}

/// What `auto` chose for one item-location; it can be used again for later origins of the same series.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// Models and their weights, which sum to 1; empty for the wide fallback of a short history.
    pub weights: Vec<(&'static str, f64)>,
    /// Why, in a few words.
    pub reason: String,
    /// Dependence between periods.
    pub dependence: Dependence,
}

/// Fewest usable periods for a choice of models: two weeks of days.
const N_MIN: usize = 14;

impl Auto {
    /// Chooses models for a series from `series.demand[..end]`, for forecasts of about `horizon` periods.
    ///
    /// # Panics
    /// When `end > series.n_periods()` or `horizon` is 0.
    pub fn select(&self, series: &SeriesInput, end: usize, horizon: usize) -> Selection {
        assert!(end <= series.n_periods() && horizon > 0);
        let n_usable = n_usable(series, end);
        let n_min = if series.bucket == Bucket::Day { N_MIN } else { 8 };
        if n_usable < n_min {
            let reason = match n_usable {
                0 => "no history".to_owned(),
                n => format!("only {n} periods of history"),
            };
            return Selection { weights: vec![], reason, dependence: dependence::DEFAULT };
        }
        let dependence = estimate_dependence(series, end);
        let candidates: Vec<(&'static dyn Model, f64)> = self
            .options
            .candidates
            .iter()
            .filter_map(|(name, prior)| models::by_name(name).map(|model| (model, *prior)))
            .collect();
        let (losses, n_windows) = self.validate(series, end, horizon, &candidates);
        let best = losses.iter().copied().fold(f64::INFINITY, f64::min);
        let mut weights: Vec<(&'static str, f64)> = candidates
            .iter()
            .zip(&losses)
            .map(|((model, prior), loss)| {
                let excess = if best > 0.0 { (loss / best - 1.0).max(0.0) } else { 0.0 };
                let factor =
                    if n_windows == 0 { 1.0 } else { (-self.options.sharpness * n_windows as f64 * excess).exp() };
                (model.name(), if loss.is_finite() || n_windows == 0 { prior * factor } else { 0.0 })
            })
            .collect();
        normalise(&mut weights, 0.0);
        normalise(&mut weights, self.options.weight_min);
        let reason = match n_windows {
            0 => "prior weights, history too short to validate".to_owned(),
            1 => "by pinball loss on 1 validation window".to_owned(),
            n => format!("by pinball loss on {n} validation windows"),
        };
        Selection { weights, reason, dependence }
    }

    /// Pinball loss per candidate summed over validation windows, infinite where a candidate had nothing to say, and
    /// the number of windows.
    fn validate(
        &self,
        series: &SeriesInput,
        end: usize,
        horizon: usize,
        candidates: &[(&'static dyn Model, f64)],
    ) -> (Vec<f64>, usize) {
        let length = horizon.min(match series.bucket {
            Bucket::Day => 28,
            Bucket::Week => 8,
            Bucket::Month => 6,
        });
        let mut losses = vec![0.0_f64; candidates.len()];
        let mut n_windows = 0;
        for window in 1..=self.options.n_windows {
            let Some(origin) = end.checked_sub(window * length) else { break };
            // A window must not take more history than it leaves.
            if n_usable(series, origin) < (2 * length).min(28) {
                break;
            }
            let known: Vec<usize> =
                (0..length).filter(|step| series.observations[origin + step] == Observation::Full).collect();
            if known.len() * 2 < length {
                continue;
            }
            n_windows += 1;
            for (loss, (model, _)) in losses.iter_mut().zip(candidates) {
                if !loss.is_finite() {
                    continue;
                }
                let Some(predictive) = model.predict(series, origin, length) else {
                    *loss = f64::INFINITY;
                    continue;
                };
                for step in &known {
                    let actual = series.demand[origin + step];
                    for (level, quantile) in
                        QUANTILE_LEVELS.iter().zip(&predictive.quantiles[step * N_LEVELS..(step + 1) * N_LEVELS])
                    {
                        *loss += pinball(*level, actual, *quantile);
                    }
                }
            }
        }
        (losses, n_windows)
    }

    /// The forecast of the periods `end..end + horizon` by models chosen before.
    ///
    /// # Panics
    /// When `end > series.n_periods()` or `horizon` is 0.
    pub fn forecast_with(&self, series: &SeriesInput, selection: &Selection, end: usize, horizon: usize) -> Forecast {
        assert!(end <= series.n_periods() && horizon > 0);
        let mut mixture = Predictive::zero(horizon);
        let mut used: Vec<(&'static str, f64)> = Vec::new();
        for (name, weight) in &selection.weights {
            let Some(predictive) = models::by_name(name).and_then(|model| model.predict(series, end, horizon)) else {
                continue;
            };
            if predictive.mean.iter().chain(&predictive.quantiles).any(|value| !value.is_finite()) {
                continue;
            }
            add_scaled(&mut mixture.mean, &predictive.mean, *weight);
            add_scaled(&mut mixture.quantiles, &predictive.quantiles, *weight);
            used.push((name, *weight));
        }
        let total: f64 = used.iter().map(|(_, weight)| weight).sum();
        if total <= 0.0 {
            let reason = if selection.weights.is_empty() { &selection.reason } else { "no model could forecast" };
            return finish(series, end, fallback(series, end, horizon), selection.dependence, "auto: fallback", reason);
        }
        mixture.mean.iter_mut().chain(&mut mixture.quantiles).for_each(|value| *value /= total);
        used.sort_by(|a, b| b.1.total_cmp(&a.1));
        let parts: Vec<String> = used.iter().map(|(name, weight)| format!("{:.2} {name}", weight / total)).collect();
        let model = format!("auto: {}", parts.join(" + "));
        finish(series, end, mixture, selection.dependence, &model, &selection.reason)
    }
}

impl Forecaster for Auto {
    fn name(&self) -> &str {
        "auto"
    }

    fn forecast(&self, batch: &[SeriesInput], request: &ForecastRequest) -> Vec<Forecast> {
        batch
            .par_iter()
            .map(|series| {
                let end = series.n_periods();
                let selection = self.select(series, end, request.horizon);
                self.forecast_with(series, &selection, end, request.horizon)
            })
            .collect()
    }
}

/// One model as a forecaster, with a wide fallback where its history is too short.
pub struct Single(&'static dyn Model);

impl Single {
    /// The forecaster of one model.
    pub fn new(model: &'static dyn Model) -> Self {
        Self(model)
    }
}

impl Forecaster for Single {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn forecast(&self, batch: &[SeriesInput], request: &ForecastRequest) -> Vec<Forecast> {
        batch
            .par_iter()
            .map(|series| {
                let end = series.n_periods();
                let dependence = estimate_dependence(series, end);
                match self.0.predict(series, end, request.horizon) {
                    Some(predictive) => finish(series, end, predictive, dependence, self.0.name(), "as configured"),
                    None => {
                        let reason = format!("history too short for {}", self.0.name());
                        finish(series, end, fallback(series, end, request.horizon), dependence, "fallback", &reason)
                    }
                }
            })
            .collect()
    }
}

/// The number of periods before `end` that say something about demand.
fn n_usable(series: &SeriesInput, end: usize) -> usize {
    series.observations[..end]
        .iter()
        .filter(|observation| matches!(observation, Observation::Full | Observation::Censored))
        .count()
}

/// Drops weights below a share of the whole and makes the rest sum to 1.
fn normalise(weights: &mut Vec<(&'static str, f64)>, share_min: f64) {
    weights.retain(|(_, weight)| *weight > 0.0 && *weight >= share_min);
    let total: f64 = weights.iter().map(|(_, weight)| weight).sum();
    weights.iter_mut().for_each(|(_, weight)| *weight /= total);
}

fn add_scaled(sum: &mut [f64], values: &[f64], weight: f64) {
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum += weight * value;
    }
}

/// Closes what is closed, restores order after rounding errors, and gives the forecast its name.
fn finish(
    series: &SeriesInput,
    end: usize,
    mut predictive: Predictive,
    dependence: Dependence,
    model: &str,
    reason: &str,
) -> Forecast {
    for (step, (mean, quantiles)) in
        predictive.mean.iter_mut().zip(predictive.quantiles.chunks_exact_mut(N_LEVELS)).enumerate()
    {
        let open = open_share(series, end + step);
        *mean = (*mean * open).max(0.0);
        let mut below = 0.0_f64;
        for quantile in quantiles {
            below = below.max(*quantile * open);
            *quantile = below;
        }
    }
    Forecast {
        mean: predictive.mean,
        quantiles: predictive.quantiles,
        dependence,
        count_valued: series.count_valued,
        model: model.to_owned(),
        reason: reason.to_owned(),
    }
}

/// Share of a period that is open for sale; past periods, in an evaluation, are known from their observation.
fn open_share(series: &SeriesInput, position: usize) -> f64 {
    match series.observations.get(position) {
        Some(Observation::Closed) => 0.0,
        Some(_) => 1.0,
        None => {
            f64::from(series.open_future.get(position - series.n_periods()).copied().unwrap_or(1.0)).clamp(0.0, 1.0)
        }
    }
}

/// What can be said after a few periods: a negative binomial (gamma for fractions) around their mean, as wide as the
/// uncertainty about the rate makes it (gamma-Poisson with one pseudo-period at the mean of the known ones). Without
/// any observation there is nothing to say, and the forecast is zero.
fn fallback(series: &SeriesInput, end: usize, horizon: usize) -> Predictive {
    let known: Vec<f64> = (0..end)
        .filter(|position| matches!(series.observations[*position], Observation::Full | Observation::Censored))
        .map(|position| series.demand[position])
        .filter(|demand| demand.is_finite())
        .collect();
    let mut predictive = Predictive::zero(horizon);
    let n = known.len() as f64;
    let mean = known.iter().sum::<f64>() / n.max(1.0);
    if mean <= 0.0 {
        return predictive;
    }
    // Half the variance of a usual shop item (0.5·mean²) plus what a rate seen `n` times may be off (mean²/n).
    let spread = 0.5 + 1.0 / n;
    let quantiles: [f64; N_LEVELS] = if series.count_valued && mean < 1e4 {
        use statrs::distribution::{DiscreteCDF, NegativeBinomial};
        let size = 1.0 / spread;
        match NegativeBinomial::new(size, size / (size + mean)) {
            Ok(distribution) => QUANTILE_LEVELS.map(|level| distribution.inverse_cdf(level) as f64),
            Err(_) => [mean; N_LEVELS],
        }
    } else {
        use statrs::distribution::{ContinuousCDF, Gamma};
        match Gamma::new(1.0 / spread, 1.0 / (spread * mean)) {
            Ok(distribution) => QUANTILE_LEVELS.map(|level| distribution.inverse_cdf(level)),
            Err(_) => [mean; N_LEVELS],
        }
    };
    predictive.mean.fill(mean);
    for step in predictive.quantiles.chunks_exact_mut(N_LEVELS) {
        step.copy_from_slice(&quantiles);
    }
    predictive
}
