//! The `auto` forecaster: an ensemble per item-location, weighted by how each model did on the item's own past.
//!
//! Read top to bottom: options, selection (short history, end of life, validation), forecast, single models.
//!
//! Models are compared on the last few forecast windows of the item (rolling origins; Tashman, 2000) by the pinball
//! loss over all levels. Their quantiles are averaged (Lichtendahl, Grushka-Cockayne & Winkler, 2013) with weights
//! `prior · exp(-sharpness · n_windows · (loss / best loss - 1)²)`: a model that was only luckier in few windows gains
//! next to nothing, a model that failed is dropped. (On M5 sharper choices are worse than the prior weights: the past
//! of one item says little about which of several good models is best for it.)
//!
//! Three rules stand around the ensemble. *Short history*: a wide distribution around the mean of the few periods.
//! *Covariates*: where a known promotion, holiday or price differs from the recent past, the models that know about
//! covariates lead: the count regression and the pretrained model. *Silence*: after weeks without demand that the demand
//! before does not explain, the forecast is a mixture of "still silent" and "back as before" (`silence.rs`).
//!
//! The pretrained model, which forecasts whole batches, competes as one more candidate: it is asked about the validation
//! windows of all series first, and from then on is a model like the others, whose forecasts are looked up.

use std::borrow::Cow;
use std::sync::Arc;

use rayon::prelude::*;
use restock_core::forecast::{Dependence, Kept, Observation, Validation};
use restock_core::{Bucket, Forecast, ForecastRequest, Forecaster, N_LEVELS, QUANTILE_LEVELS, SeriesInput};

use crate::classify::DEMAND_INTERVAL_CUT;
use crate::cold_start;
use crate::dependence::{self, estimate_dependence};
use crate::metrics::pinball;
use crate::models::{self, Model, Predictive};
use crate::silence::Silence;

/// How `auto` chooses. The defaults were chosen on origins before the last horizon of each data set with
/// `examples/demand_quality.rs`: for days M5, for weeks Favorita and Online Retail, for months Hospital and Stallion, for
/// rare demand car parts and Online Retail. The weight of the pretrained model was chosen in the same way, on Rossmann,
/// FreshRetailNet and the item demand of stores too.
#[derive(Clone, Debug, PartialEq)]
pub struct AutoOptions {
    /// Candidate models for days with their prior weights; a name that does not exist is left out. [`PRETRAINED`] is the
    /// name of [`Auto::pretrained`].
    pub candidates: Vec<(&'static str, f64)>,
    /// Candidate models for weeks.
    pub weekly_candidates: Vec<(&'static str, f64)>,
    /// Candidate models for months, whose series are short and smooth.
    pub monthly_candidates: Vec<(&'static str, f64)>,
    /// Candidate models for weeks and months of rare demand: an average demand interval of at least
    /// [`DEMAND_INTERVAL_CUT`].
    pub rare_candidates: Vec<(&'static str, f64)>,
    /// How fast a weight falls with the squared relative loss, per window.
    pub sharpness: f64,
    /// Most validation windows.
    pub n_windows: usize,
    /// Most of them, the newest, in which [`Auto::pretrained`] is asked: it costs more than the others together.
    pub n_pretrained_windows: usize,
    /// Weights below this share are dropped.
    pub weight_min: f64,
}

impl Default for AutoOptions {
    fn default() -> Self {
        Self {
            candidates: vec![
                (PRETRAINED, 4.0),
                (COVARIATE_MODEL, 2.0),
                ("weighted_quantiles", 1.0),
                ("theta", 0.2),
                ("tsb", 0.1),
            ],
            weekly_candidates: vec![
                (PRETRAINED, 3.0),
                (COVARIATE_MODEL, 0.5),
                ("weighted_quantiles", 2.0),
                ("theta", 1.0),
            ],
            monthly_candidates: vec![
                (PRETRAINED, 3.0),
                (COVARIATE_MODEL, 1.0),
                ("ets", 1.0),
                ("theta", 1.0),
                ("weighted_quantiles", 0.5),
                ("tsb", 0.5),
            ],
            rare_candidates: vec![(PRETRAINED, 0.5), (COVARIATE_MODEL, 0.5), ("weighted_quantiles", 2.0), ("tsb", 1.0)],
            sharpness: 5.0,
            n_windows: 3,
            n_pretrained_windows: 1,
            weight_min: 0.02,
        }
    }
}

/// The classical model that knows about covariates.
const COVARIATE_MODEL: &str = "negative_binomial";

/// Whether a model knows about covariates.
fn knows_covariates(name: &str) -> bool {
    name == COVARIATE_MODEL || name == PRETRAINED
}

/// Where known covariates differ from the recent past, the other models keep this share of their weight.
const OTHERS_SHARE: f64 = 0.15;

/// The name of [`Auto::pretrained`] among the candidates.
pub const PRETRAINED: &str = "pretrained";

/// Series that [`Auto::pretrained`] is asked about at once: enough for its threads, few enough to copy.
const BATCH: usize = 512;

/// Forecasts from a choice before it is made anew: a quarter of a year of weekly origins.
const FORECASTS_PER_CHOICE: usize = 13;

/// Chooses an ensemble per item-location.
#[derive(Clone, Default)]
pub struct Auto {
    /// How to choose.
    pub options: AutoOptions,
    /// The forecaster of whole batches that competes too.
    pub pretrained: Option<Arc<dyn Forecaster>>,
}

/// What [`Auto::pretrained`] said of one series: a model whose forecasts are looked up.
#[derive(Clone, Default)]
struct Foreseen {
    /// Origins, and the forecasts from there.
    forecasts: Vec<(usize, Forecast)>,
}

impl Foreseen {
    fn at(&self, end: usize) -> Option<&Forecast> {
        self.forecasts.iter().find(|(origin, _)| *origin == end).map(|(_, forecast)| forecast)
    }
}

impl Model for Foreseen {
    fn name(&self) -> &'static str {
        PRETRAINED
    }

    fn predict(&self, _: &SeriesInput, end: usize, horizon: usize) -> Option<Predictive> {
        let forecast = self.at(end)?;
        Some(Predictive {
            mean: forecast.mean.get(..horizon)?.to_vec(),
            quantiles: forecast.quantiles.get(..horizon * N_LEVELS)?.to_vec(),
        })
    }
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
    /// Errors of the chosen mixture over the validation windows.
    pub validation: Option<Validation>,
}

/// A window of the past that candidates are compared on.
struct ValidationWindow {
    origin: usize,
    length: usize,
    /// Steps after the origin that were seen in full.
    known: Vec<usize>,
}

/// What candidates forecast in the validation windows, the newest window first.
struct Validated {
    /// `[n_candidates][n_windows]`: how each did; `None` where it had nothing to say or was not asked.
    scores: Vec<Vec<Option<WindowScore>>>,
    /// `[n_windows][n_known]`: demand of the scored periods.
    actual: Vec<Vec<f64>>,
}

/// How a candidate did in a window.
struct WindowScore {
    /// Pinball loss over all levels and scored periods.
    loss: f64,
    /// `[n_known]`: expected demand of the scored periods.
    means: Vec<f64>,
}

impl Validated {
    fn n_windows(&self) -> usize {
        self.actual.len()
    }

    /// Loss of a candidate over the newest `n` windows; infinite where it had nothing to say in one of them.
    fn loss(&self, candidate: usize, n: usize) -> f64 {
        self.scores[candidate][..n].iter().map(|score| score.as_ref().map_or(f64::INFINITY, |score| score.loss)).sum()
    }

    /// How much worse than the best a candidate did in the newest `n` windows, as a share of the best loss.
    fn excess(&self, candidate: usize, n: usize) -> f64 {
        let loss = self.loss(candidate, n);
        let best = (0..self.scores.len()).map(|other| self.loss(other, n)).fold(f64::INFINITY, f64::min);
        match best > 0.0 {
            true => (loss / best - 1.0).max(0.0),
            false if loss > 0.0 => f64::INFINITY,
            false => 0.0,
        }
    }

    /// Errors of the mixture with these weights; in each window, of those of its models that were asked there.
    fn errors(&self, weights: &[(&'static str, f64)], candidates: &[(&dyn Model, f64)]) -> Option<Validation> {
        let mut validation = Validation {
            n_periods: 0,
            demand: 0.0,
            absolute_error: 0.0,
            window_errors: Vec::with_capacity(self.n_windows()),
        };
        for (window, actual) in self.actual.iter().enumerate() {
            let mut expected = vec![0.0; actual.len()];
            let mut total = 0.0;
            for (name, weight) in weights {
                let idx = candidates.iter().position(|(model, _)| model.name() == *name)?;
                let Some(score) = &self.scores[idx][window] else { continue };
                total += weight;
                for (expected, mean) in expected.iter_mut().zip(&score.means) {
                    *expected += weight * mean;
                }
            }
            if total <= 0.0 {
                return None;
            }
            let errors = || expected.iter().zip(actual).map(|(expected, actual)| expected / total - actual);
            validation.n_periods += actual.len();
            validation.demand += actual.iter().sum::<f64>();
            validation.absolute_error += errors().map(f64::abs).sum::<f64>();
            validation.window_errors.push(errors().sum());
        }
        (validation.n_periods > 0).then_some(validation)
    }
}

/// Fewest usable periods for a choice of models: two weeks of days.
const N_MIN: usize = 14;

/// Usable days below which similar items and the days themselves say more than a choice of models. With
/// `restock-pretrained/examples/cold_start.rs`, at origins before the test windows, they were 0.3 to 17 % better after 7
/// and 14 days, and after 28 days better at one origin and worse at another; at M5 TX_1 they lose 1 to 4 % in the test
/// window. Weeks and months were not measured and keep their fewest.
const N_PRIOR: usize = 28;

impl Auto {
    /// Chooses models for each series of a batch, for forecasts of about `horizon` periods.
    ///
    /// # Panics
    /// When `horizon` is 0.
    pub fn select(&self, batch: &[&SeriesInput], horizon: usize) -> Vec<Selection> {
        assert!(horizon > 0);
        let windows: Vec<Vec<ValidationWindow>> =
            batch.par_iter().map(|series| self.validation_windows(series, horizon)).collect();
        let n_asked = self.options.n_pretrained_windows;
        let origins: Vec<(usize, usize)> = (windows.iter().enumerate())
            .flat_map(|(idx, windows)| windows.iter().map(move |window| (idx, window.origin)).take(n_asked))
            .collect();
        let foreseen = self.foresee(batch, &origins, validation_length(batch, horizon));
        batch
            .par_iter()
            .zip(&windows)
            .zip(&foreseen)
            .map(|((series, windows), foreseen)| self.select_one(series, windows, foreseen))
            .collect()
    }

    /// What [`Auto::pretrained`] says of each series from the origins `(series, origin)`; nothing where there is none.
    fn foresee(&self, batch: &[&SeriesInput], origins: &[(usize, usize)], horizon: usize) -> Vec<Foreseen> {
        let mut foreseen = vec![Foreseen::default(); batch.len()];
        let Some(pretrained) = &self.pretrained else { return foreseen };
        for chunk in origins.chunks(BATCH) {
            let inputs: Vec<SeriesInput> =
                chunk.par_iter().map(|(idx, origin)| batch[*idx].until(*origin, horizon)).collect();
            let forecasts = pretrained.forecast(&inputs, &ForecastRequest { horizon, seed: 0 });
            for ((idx, origin), forecast) in chunk.iter().zip(forecasts) {
                foreseen[*idx].forecasts.push((*origin, forecast));
            }
        }
        foreseen
    }

    fn select_one(&self, series: &SeriesInput, windows: &[ValidationWindow], foreseen: &Foreseen) -> Selection {
        let end = series.n_periods();
        let n_usable = n_usable(series, end);
        let (n_min, n_prior) = if series.bucket == Bucket::Day { (N_MIN, N_PRIOR) } else { (8, 8) };
        if let Some(prior) = series.prior.as_ref().filter(|_| n_usable < n_prior) {
            let reason = cold_start::reason(prior, n_usable);
            let dependence = cold_start::believed(series, prior, end).dependence();
            return Selection { weights: vec![], reason, dependence, validation: None };
        }
        if n_usable < n_min {
            let reason = match n_usable {
                0 => "no history".to_owned(),
                1 => "only 1 period of history".to_owned(),
                n => format!("only {n} periods of history"),
            };
            return Selection { weights: vec![], reason, dependence: dependence::DEFAULT, validation: None };
        }
        let dependence = estimate_dependence(series, end);
        let candidates: Vec<(&dyn Model, f64)> = self
            .options
            .candidates_of(series, end)
            .iter()
            .filter_map(|(name, prior)| self.model(name, foreseen).map(|model| (model, *prior)))
            .collect();
        let validated = validate(series, windows, &candidates);
        let n_windows = validated.n_windows();
        let mut left_out = String::new();
        let mut weights: Vec<(&'static str, f64)> = Vec::with_capacity(candidates.len());
        for (idx, (model, prior)) in candidates.iter().enumerate() {
            let name = model.name();
            let n = if name == PRETRAINED { n_windows.min(self.options.n_pretrained_windows) } else { n_windows };
            let excess = if n > 0 { validated.excess(idx, n) } else { 0.0 };
            let weight = prior * (-self.options.sharpness * n as f64 * excess * excess).exp();
            if name == PRETRAINED && weight < self.options.weight_min {
                left_out = format!("; {PRETRAINED} left out, its loss was {:.0} % above the best", 100.0 * excess);
            }
            weights.push((name, weight));
        }
        normalise(&mut weights, 0.0);
        normalise(&mut weights, self.options.weight_min);
        let by = match n_windows {
            0 => "prior weights, history too short to validate".to_owned(),
            1 => "by pinball loss on 1 validation window".to_owned(),
            n => format!("by pinball loss on {n} validation windows"),
        };
        let reason = by + &left_out;
        let validation = validated.errors(&weights, &candidates);
        Selection { weights, reason, dependence, validation }
    }

    /// The model of a name.
    fn model<'a>(&self, name: &str, foreseen: &'a Foreseen) -> Option<&'a dyn Model> {
        match name {
            PRETRAINED => self.pretrained.is_some().then_some(foreseen),
            name => models::by_name(name),
        }
    }

    fn validation_windows(&self, series: &SeriesInput, horizon: usize) -> Vec<ValidationWindow> {
        let end = series.n_periods();
        let length = validation_length(&[series], horizon);
        let mut windows = Vec::new();
        for back in 1..=self.options.n_windows {
            let Some(origin) = end.checked_sub(back * length) else { break };
            // A window must not take more history than it leaves.
            if n_usable(series, origin) < (2 * length).min(28) {
                break;
            }
            let known: Vec<usize> =
                (0..length).filter(|step| series.observations[origin + step] == Observation::Full).collect();
            if known.len() * 2 >= length {
                windows.push(ValidationWindow { origin, length, known });
            }
        }
        windows
    }

    /// The forecasts of the `horizon` periods after each series by models chosen before.
    ///
    /// # Panics
    /// When `horizon` is 0 or there is not one selection per series.
    pub fn forecast_with(&self, batch: &[&SeriesInput], selections: &[&Selection], horizon: usize) -> Vec<Forecast> {
        assert!(horizon > 0 && batch.len() == selections.len());
        let origins: Vec<(usize, usize)> = (batch.iter().zip(selections).enumerate())
            .filter(|(_, (_, selection))| selection.weights.iter().any(|(name, _)| *name == PRETRAINED))
            .map(|(idx, (series, _))| (idx, series.n_periods()))
            .collect();
        let foreseen = self.foresee(batch, &origins, horizon);
        batch
            .par_iter()
            .zip(selections)
            .zip(&foreseen)
            .map(|((series, selection), foreseen)| self.forecast_one(series, selection, foreseen, horizon))
            .collect()
    }

    fn forecast_one(
        &self,
        series: &SeriesInput,
        selection: &Selection,
        foreseen: &Foreseen,
        horizon: usize,
    ) -> Forecast {
        let end = series.n_periods();
        let Some(silence) = Silence::find(series, end) else {
            return self.forecast_usual(series, selection, foreseen, horizon);
        };
        let usual = || {
            let usual = self.forecast_usual(series, selection, foreseen, horizon);
            Predictive { mean: usual.mean, quantiles: usual.quantiles }
        };
        let predictive = silence.forecast(series, end, horizon, usual);
        let dependence = Silence::dependence(selection.dependence);
        finish(series, end, predictive, dependence, "auto: silence", &silence.reason(horizon))
    }

    /// The forecast of an item that sells as it does.
    fn forecast_usual(
        &self,
        series: &SeriesInput,
        selection: &Selection,
        foreseen: &Foreseen,
        horizon: usize,
    ) -> Forecast {
        let end = series.n_periods();
        let mut parts: Vec<(&'static str, f64, Predictive)> = Vec::new();
        for (name, weight) in &selection.weights {
            let predictive = self.model(name, foreseen).and_then(|model| model.predict(series, end, horizon));
            // A model that returns nonsense is left out like one that returns nothing.
            let sane = |predictive: &Predictive| {
                predictive.mean.iter().chain(&predictive.quantiles).all(|value| value.is_finite() && *value >= 0.0)
            };
            if let Some(predictive) = predictive.filter(sane) {
                parts.push((name, *weight, predictive));
            }
        }
        if parts.is_empty() {
            let reason = if selection.weights.is_empty() { &selection.reason } else { "no model could forecast" };
            let model = if series.prior.is_some() { "auto: similar items" } else { "auto: fallback" };
            return finish(series, end, fallback(series, end, horizon), selection.dependence, model, reason);
        }
        parts.sort_by(|a, b| b.1.total_cmp(&a.1));
        let total: f64 = parts.iter().map(|(_, weight, _)| weight).sum();

        let unusual = if parts.iter().any(|(name, ..)| knows_covariates(name)) {
            unusual_steps(series, end, horizon)
        } else {
            vec![false; horizon]
        };
        let mut mixture = Predictive::zero(horizon);
        for step in 0..horizon {
            let factor_of = |name: &str| if unusual[step] && !knows_covariates(name) { OTHERS_SHARE } else { 1.0 };
            let total: f64 = parts.iter().map(|(name, weight, _)| weight * factor_of(name)).sum();
            for (name, weight, part) in &parts {
                let weight = weight * factor_of(name) / total;
                mixture.mean[step] += weight * part.mean[step];
                for idx in step * N_LEVELS..(step + 1) * N_LEVELS {
                    mixture.quantiles[idx] += weight * part.quantiles[idx];
                }
            }
        }
        if let Some((_, _, empirical)) = parts.iter().find(|(name, ..)| *name == EMPIRICAL_MODEL) {
            lift_tail(&mut mixture, empirical, &unusual);
        }
        let mut reason = selection.reason.clone();
        if unusual.contains(&true) {
            reason.push_str("; known promotions, holidays or prices lead in some periods");
        }
        let names: Vec<String> =
            parts.iter().map(|(name, weight, _)| format!("{:.2} {name}", weight / total)).collect();
        let model = format!("auto: {}", names.join(" + "));
        let dependence = match parts.iter().find(|(name, ..)| *name == EMPIRICAL_MODEL) {
            Some((_, _, empirical)) => {
                dependence::widen(selection.dependence, spread_ratio(empirical, &mixture), horizon)
            }
            None => selection.dependence,
        };
        let dependence = match (foreseen.at(end), parts.iter().find(|(name, ..)| *name == PRETRAINED)) {
            (Some(forecast), Some((_, weight, _))) => {
                dependence::blend(dependence, forecast.dependence, weight / total, horizon)
            }
            _ => dependence,
        };
        let forecast = finish(series, end, mixture, dependence, &model, &reason);
        Forecast { validation: selection.validation.clone(), ..forecast }
    }
}

/// Periods of a validation window: as many as are planned, up to a month of days, eight weeks or half a year.
fn validation_length(batch: &[&SeriesInput], horizon: usize) -> usize {
    horizon.min(batch.iter().map(|series| series.bucket.usual_horizon()).max().unwrap_or(1))
}

/// Forecasts of every candidate over the validation windows.
fn validate(series: &SeriesInput, windows: &[ValidationWindow], candidates: &[(&dyn Model, f64)]) -> Validated {
    let score = |model: &dyn Model, ValidationWindow { origin, length, known }: &ValidationWindow| {
        let predictive = model.predict(series, *origin, *length)?;
        let mut score = WindowScore { loss: 0.0, means: known.iter().map(|step| predictive.mean[*step]).collect() };
        for step in known {
            let quantiles = &predictive.quantiles[step * N_LEVELS..(step + 1) * N_LEVELS];
            let actual = series.demand[origin + step];
            score.loss += QUANTILE_LEVELS
                .iter()
                .zip(quantiles)
                .map(|(level, value)| pinball(*level, actual, *value))
                .sum::<f64>();
        }
        Some(score)
    };
    let demand =
        |window: &ValidationWindow| window.known.iter().map(|step| series.demand[window.origin + step]).collect();
    Validated {
        scores: candidates
            .iter()
            .map(|(model, _)| windows.iter().map(|window| score(*model, window)).collect())
            .collect(),
        actual: windows.iter().map(demand).collect(),
    }
}

/// The model whose spread holds what past levels did, not only what one period does around a level.
const EMPIRICAL_MODEL: &str = "weighted_quantiles";

/// Lifts the levels above .9 half of the way to the empirical ones, where these are higher: a distribution around one
/// level knows nothing of the levels that demand has jumped to before.
fn lift_tail(mixture: &mut Predictive, empirical: &Predictive, unusual: &[bool]) {
    for step in (0..unusual.len()).filter(|step| !unusual[*step]) {
        for idx in (0..N_LEVELS).filter(|idx| QUANTILE_LEVELS[*idx] > 0.9) {
            let at = step * N_LEVELS + idx;
            mixture.quantiles[at] += 0.5 * (empirical.quantiles[at] - mixture.quantiles[at]).max(0.0);
        }
    }
}

/// Variance of `a` over that of `b`, both for demand of the same mean: variances of demand grow with the mean.
fn spread_ratio(a: &Predictive, b: &Predictive) -> f64 {
    let sums = |predictive: &Predictive| -> (f64, f64) {
        let variance = predictive.quantiles.chunks_exact(N_LEVELS).map(quantile_variance).sum();
        (predictive.mean.iter().sum(), variance)
    };
    let ((mean_a, variance_a), (mean_b, variance_b)) = (sums(a), sums(b));
    if mean_a > 0.0 && mean_b > 0.0 && variance_b > 0.0 { variance_a / variance_b * mean_b / mean_a } else { 1.0 }
}

/// The variance of a distribution that is linear between its known quantiles up to .95; what lies beyond is left out,
/// because there the quantiles of a short history are extrapolated.
fn quantile_variance(quantiles: &[f64]) -> f64 {
    let (mut weight, mut first, mut second) = (0.0, 0.0, 0.0);
    for idx in 1..N_LEVELS - 1 {
        let share = QUANTILE_LEVELS[idx] - QUANTILE_LEVELS[idx - 1];
        let (low, high) = (quantiles[idx - 1], quantiles[idx]);
        weight += share;
        first += share * 0.5 * (low + high);
        second += share * (low * low + low * high + high * high) / 3.0;
    }
    (second / weight - (first / weight).powi(2)).max(0.0)
}

impl AutoOptions {
    fn candidates_of(&self, series: &SeriesInput, end: usize) -> &[(&'static str, f64)] {
        let usual = match series.bucket {
            Bucket::Day => return &self.candidates,
            Bucket::Week => &self.weekly_candidates,
            Bucket::Month => &self.monthly_candidates,
        };
        let (mut n, mut n_sales) = (0_u32, 0_u32);
        for position in (0..end).filter(|position| models::is_usable(series.observations[*position])) {
            n += 1;
            n_sales += u32::from(series.demand[position] > 0.0);
        }
        if f64::from(n) < DEMAND_INTERVAL_CUT * f64::from(n_sales) { usual } else { &self.rare_candidates }
    }
}

/// `[horizon]`: whether some covariate differs from its mean over the last four seasons by more than its standard
/// deviation over the last year: a promotion ahead, or one that just ended.
fn unusual_steps(series: &SeriesInput, end: usize, horizon: usize) -> Vec<bool> {
    let mut unusual = vec![false; horizon];
    let begin = end.saturating_sub((365.0 / series.bucket.days()) as usize);
    let recent = end.saturating_sub((28.0 / series.bucket.days()).max(4.0) as usize);
    for covariate in &series.covariates {
        let Some(past) = covariate.values.get(begin..end).filter(|past| past.len() >= 8) else { continue };
        let mean_of = |values: &[f32]| values.iter().map(|value| f64::from(*value)).sum::<f64>() / values.len() as f64;
        let mean = mean_of(past);
        let variance = past.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum::<f64>() / past.len() as f64;
        let spread = variance.sqrt();
        // Something that never happened has no known effect; this also leaves out covariates that are not numbers.
        if spread.is_nan() || spread <= 1e-6 {
            continue;
        }
        let recent = mean_of(&covariate.values[recent..end]);
        for (step, unusual) in unusual.iter_mut().enumerate() {
            let value = covariate.values.get(end + step).map_or(recent, |value| f64::from(*value));
            *unusual |= (value - recent).abs() > spread;
        }
    }
    unusual
}

impl Forecaster for Auto {
    fn name(&self) -> &str {
        "auto"
    }

    fn forecast(&self, batch: &[SeriesInput], request: &ForecastRequest) -> Vec<Forecast> {
        self.forecast_keeping(batch, request, &mut vec![None; batch.len()])
    }

    /// What `auto` has chosen for a series is kept for a quarter of a year of origins, because choosing costs many times
    /// what forecasting does.
    fn forecast_keeping(
        &self,
        batch: &[SeriesInput],
        request: &ForecastRequest,
        kept: &mut [Option<Kept>],
    ) -> Vec<Forecast> {
        assert_eq!(batch.len(), kept.len());
        let cut: Vec<Cow<'_, SeriesInput>> = batch.par_iter().map(without_blow_ups).collect();
        let batch: Vec<&SeriesInput> = cut.iter().map(|series| &**series).collect();
        // [n_series]: the choice and how often it was used.
        let mut choices: Vec<Option<(Arc<Selection>, usize)>> = (kept.iter())
            .map(|kept| kept.as_ref()?.downcast_ref::<(Arc<Selection>, usize)>().cloned())
            .map(|choice| choice.filter(|(_, n_used)| *n_used < FORECASTS_PER_CHOICE))
            .collect();
        let open: Vec<usize> = (0..batch.len()).filter(|idx| choices[*idx].is_none()).collect();
        let undecided: Vec<&SeriesInput> = open.iter().map(|idx| batch[*idx]).collect();
        for (idx, selection) in open.into_iter().zip(self.select(&undecided, request.horizon)) {
            choices[idx] = Some((Arc::new(selection), 0));
        }
        let choices: Vec<(Arc<Selection>, usize)> = choices.into_iter().flatten().collect();
        let selections: Vec<&Selection> = choices.iter().map(|(selection, _)| &**selection).collect();
        let forecasts = self.forecast_with(&batch, &selections, request.horizon);
        for (kept, (selection, n_used)) in kept.iter_mut().zip(choices) {
            *kept = Some(Arc::new((selection, n_used + 1)));
        }
        forecasts
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
                let series = &*without_blow_ups(series);
                let end = series.n_periods();
                let dependence = estimate_dependence(series, end);
                match self.0.predict(series, end, request.horizon) {
                    Some(predictive) => finish(series, end, predictive, dependence, self.0.name(), "as configured"),
                    None => {
                        let (model, reason, dependence) = match &series.prior {
                            Some(prior) => {
                                let dependence = cold_start::believed(series, prior, end).dependence();
                                ("similar items", cold_start::reason(prior, n_usable(series, end)), dependence)
                            }
                            None => ("fallback", format!("history too short for {}", self.0.name()), dependence),
                        };
                        finish(series, end, fallback(series, end, request.horizon), dependence, model, &reason)
                    }
                }
            })
            .collect()
    }
}

/// A period above this many times the 95 % quantile of the periods that sold something is cut to that before a model
/// sees it: a typing error or a once-in-a-lifetime order must not become a forecast.
const BLOW_UP: f64 = 20.0;

/// The series with periods beyond [`BLOW_UP`] cut; the same series where there are none.
fn without_blow_ups(series: &SeriesInput) -> Cow<'_, SeriesInput> {
    let mut sold: Vec<f64> = series.demand.iter().copied().filter(|demand| *demand > 0.0).collect();
    if sold.len() < 10 {
        return Cow::Borrowed(series);
    }
    let idx = (sold.len() as f64 * 0.95) as usize - 1;
    let most = BLOW_UP * *sold.select_nth_unstable_by(idx, f64::total_cmp).1;
    if series.demand.iter().all(|demand| *demand <= most) {
        return Cow::Borrowed(series);
    }
    let mut cut = series.clone();
    cut.demand.iter_mut().chain(&mut cut.sales).for_each(|value| *value = value.min(most));
    Cow::Owned(cut)
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
        validation: None,
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
///
/// A history of days with a single sale says how much is bought at once and not how often: the sale is taken to come back
/// after as long again as is known, two weeks at least.
///
/// Where similar items tell what to expect, the few periods correct that instead.
fn fallback(series: &SeriesInput, end: usize, horizon: usize) -> Predictive {
    if let Some(prior) = &series.prior {
        return cold_start::predict(series, prior, end, horizon);
    }
    let known: Vec<f64> = (0..end)
        .filter(|position| matches!(series.observations[*position], Observation::Full | Observation::Censored))
        .map(|position| series.demand[position])
        .filter(|demand| demand.is_finite())
        .collect();
    let mut predictive = Predictive::zero(horizon);
    let n = known.len() as f64;
    let n_sales = known.iter().filter(|demand| **demand > 0.0).count();
    let is_single_sale = n_sales == 1 && series.bucket == Bucket::Day;
    let span = if is_single_sale { (2.0 * n).max(14.0) } else { n.max(1.0) };
    let mean = known.iter().sum::<f64>() / span;
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn series(bucket: Bucket, demand: Vec<f64>) -> SeriesInput {
        SeriesInput {
            key: 1,
            sales: demand.clone(),
            observations: vec![Observation::Full; demand.len()],
            demand,
            first_period: 0,
            bucket,
            covariates: vec![],
            open_future: vec![1.0; 14],
            count_valued: true,
            availability: None,
            siblings: None,
            prior: None,
        }
    }

    /// Twelve bought once, yesterday, are no twelve a day.
    #[test]
    fn a_single_sale_does_not_come_back_every_day() {
        let mean = |demand: Vec<f64>| fallback(&series(Bucket::Day, demand.clone()), demand.len(), 1).mean[0];
        assert_eq!(mean(vec![12.0]), 12.0 / 14.0);
        assert_eq!(mean([vec![12.0], vec![0.0; 9]].concat()), 12.0 / 20.0);
        assert_eq!(mean(vec![12.0, 0.0, 6.0]), 6.0, "two sales tell how often");
    }

    /// Says the same of every period of every series, 8 units more or less, and counts how often it is asked about one.
    struct Constant {
        units: f64,
        n_asked: AtomicUsize,
    }

    impl Forecaster for Constant {
        fn name(&self) -> &str {
            "constant"
        }

        fn forecast(&self, batch: &[SeriesInput], request: &ForecastRequest) -> Vec<Forecast> {
            self.n_asked.fetch_add(batch.len(), Ordering::Relaxed);
            let one = |series: &SeriesInput| Forecast {
                mean: vec![self.units; request.horizon],
                quantiles: QUANTILE_LEVELS
                    .map(|level| (self.units + 16.0 * (level - 0.5)).max(0.0))
                    .repeat(request.horizon),
                dependence: Dependence::default(),
                count_valued: series.count_valued,
                model: self.name().to_owned(),
                reason: String::new(),
                validation: None,
            };
            batch.iter().map(one).collect()
        }
    }

    fn auto_with(units: f64) -> (Auto, Arc<Constant>) {
        let constant = Arc::new(Constant { units, n_asked: AtomicUsize::new(0) });
        (Auto { pretrained: Some(Arc::clone(&constant) as Arc<dyn Forecaster>), ..Auto::default() }, constant)
    }

    /// Demand that nothing of its own past tells: the sum of two cycles of 11 and 13 days, around 20.
    fn irregular(n: usize) -> SeriesInput {
        series(Bucket::Day, (0..n).map(|t| 20.0 + (t % 11) as f64 - (t % 13) as f64).collect())
    }

    /// The pretrained model has the say where it is good, and none, for a stated reason, where it is not.
    #[test]
    fn the_pretrained_model_competes() {
        let request = ForecastRequest { horizon: 14, seed: 1 };
        let forecast = |units| auto_with(units).0.forecast(&[irregular(200)], &request).remove(0);
        let (good, bad) = (forecast(19.0), forecast(60.0));
        assert!(good.model.contains("pretrained"), "{}", good.model);
        assert!(!bad.model.contains("pretrained"), "{}", bad.model);
        assert!(bad.reason.contains("pretrained left out, its loss was"), "{}", bad.reason);
        assert_eq!(bad.quantiles, Auto::default().forecast(&[irregular(200)], &request)[0].quantiles);
        // Too short a history to compare anything: nobody is asked.
        let (auto, constant) = auto_with(19.0);
        assert_eq!(auto.forecast(&[irregular(5)], &request)[0].model, "auto: fallback");
        assert_eq!(constant.n_asked.load(Ordering::Relaxed), 0);
    }

    /// Together or one by one, the forecasts are the same; a choice that is kept is not made again.
    #[test]
    fn batches_and_kept_choices_change_nothing() {
        let request = ForecastRequest { horizon: 7, seed: 1 };
        let batch = [irregular(200), series(Bucket::Day, vec![3.0; 90]), irregular(10), irregular(400)];
        let (auto, constant) = auto_with(20.0);
        let together = auto.forecast(&batch, &request);
        for (series, forecast) in batch.iter().zip(&together) {
            assert_eq!(auto.forecast(std::slice::from_ref(series), &request)[0], *forecast);
        }
        let mut kept = vec![None; batch.len()];
        assert_eq!(auto.forecast_keeping(&batch, &request, &mut kept), together);
        let n_before = constant.n_asked.load(Ordering::Relaxed);
        assert_eq!(auto.forecast_keeping(&batch, &request, &mut kept), together);
        // Constant demand of 3 leaves the model out, ten days are too few: of the other two only the future is asked.
        assert_eq!(constant.n_asked.load(Ordering::Relaxed) - n_before, 2);
        for _ in 2..FORECASTS_PER_CHOICE {
            auto.forecast_keeping(&batch, &request, &mut kept);
        }
        let n_before = constant.n_asked.load(Ordering::Relaxed);
        auto.forecast_keeping(&batch, &request, &mut kept);
        assert_eq!(constant.n_asked.load(Ordering::Relaxed) - n_before, 3 + 2, "a choice is made anew after a quarter");
    }

    const BUCKETS: [Bucket; 3] = [Bucket::Day, Bucket::Week, Bucket::Month];

    /// The forecast of 14 periods and its total over 256 paths.
    fn forecast_and_total(series: &SeriesInput) -> (Forecast, restock_core::policy::DemandDistribution) {
        let request = ForecastRequest { horizon: 14, seed: 1 };
        let forecast = Auto::default().forecast(std::slice::from_ref(series), &request).remove(0);
        let paths = crate::paths::sample_paths(&forecast, 256, 1);
        assert!(paths.values.iter().all(|demand| demand.is_finite() && *demand >= 0.0), "{forecast:?}");
        (forecast, paths.total(0, 14))
    }

    #[test]
    fn nothing_is_forecast_where_nothing_ever_sold() {
        for bucket in BUCKETS {
            for n in [0, 1, 5, 30, 400] {
                let (forecast, total) = forecast_and_total(&series(bucket, vec![0.0; n]));
                assert!(forecast.mean.iter().chain(&forecast.quantiles).all(|value| *value == 0.0), "{n} {forecast:?}");
                assert_eq!(total.quantile(1.0), 0.0);
            }
        }
    }

    /// One week or month says about how much, and not how certain: the mean stays, and no quantile runs away.
    #[test]
    fn a_single_observation_gives_a_wide_forecast_around_it() {
        for bucket in [Bucket::Week, Bucket::Month] {
            for demand in [1.0, 10.0, 5000.0] {
                let (forecast, total) = forecast_and_total(&series(bucket, vec![demand]));
                assert!(forecast.mean.iter().all(|mean| (mean - demand).abs() < 1e-9), "{forecast:?}");
                assert!(forecast.period_quantiles(0)[N_LEVELS - 1] <= 9.0 * demand, "{forecast:?}");
                assert!(total.quantile(0.99) < 50.0 * demand, "14 periods of {demand}: {}", total.quantile(0.99));
                assert!(total.quantile(0.9) > 14.0 * demand, "{demand}: {}", total.quantile(0.9));
            }
        }
    }

    /// A few periods of a steady item: the total lies around the rate, with room on both sides.
    #[test]
    fn short_histories_stay_near_their_mean() {
        for bucket in BUCKETS {
            for n in [3, 7, 13, 20] {
                let demand: Vec<f64> = (0..n).map(|t| 8.0 + 2.0 * (t % 3) as f64).collect();
                let (_, total) = forecast_and_total(&series(bucket, demand));
                assert!((90.0..200.0).contains(&total.mean()), "{bucket:?} {n}: {}", total.mean());
                assert!(total.quantile(0.99) < 6.0 * 140.0, "{bucket:?} {n}: {}", total.quantile(0.99));
            }
        }
    }

    /// A single sale ever, early, midway or lately, must not become large demand: hardly more than one in 14 periods is
    /// expected, and even at P99 no more than one a period, as if the item had just been launched.
    #[test]
    fn one_sale_ever_is_not_much_demand() {
        for bucket in BUCKETS {
            for (n, at) in [(400, 0), (400, 200), (400, 390), (60, 0), (60, 30), (60, 59)] {
                for size in [1.0, 500.0] {
                    let mut demand = vec![0.0; n];
                    demand[at] = size;
                    let (forecast, total) = forecast_and_total(&series(bucket, demand));
                    let context = format!("{bucket:?} {n} periods, sale of {size} at {at}");
                    assert!(total.mean() < 1.6 * size, "{context}: mean {} {}", total.mean(), forecast.model);
                    assert!(forecast.median(0) < 0.001 * size.max(500.0), "{context}: median {}", forecast.median(0));
                    assert!(total.quantile(0.99) <= 14.0 * size, "{context}: P99 {}", total.quantile(0.99));
                }
            }
        }
    }

    /// An item that sold for a year and has been gone for more than half a year (months: two) is over.
    #[test]
    fn the_end_of_life_is_zero() {
        for (bucket, gone) in [(Bucket::Day, 190), (Bucket::Week, 30), (Bucket::Month, 26)] {
            let mut demand: Vec<f64> = (0..365).map(|t| 20.0 + (t % 7) as f64).collect();
            demand.extend(vec![0.0; gone]);
            let (forecast, total) = forecast_and_total(&series(bucket, demand));
            assert!(forecast.mean.iter().all(|mean| *mean == 0.0), "{bucket:?} {forecast:?}");
            assert_eq!(total.quantile(1.0), 0.0);
        }
    }

    /// What never varied is forecast as it was, and one absurd day in a year does not become a forecast.
    #[test]
    fn constants_stay_and_typing_errors_do_not_spread() {
        for bucket in BUCKETS {
            let (_, total) = forecast_and_total(&series(bucket, vec![10.0; 60]));
            assert!((130.0..150.0).contains(&total.quantile(0.5)), "{bucket:?} {}", total.quantile(0.5));
            assert!(total.quantile(0.99) < 160.0, "{bucket:?} {}", total.quantile(0.99));
        }
        let request = ForecastRequest { horizon: 14, seed: 1 };
        let constant = &Auto::default().forecast(&[series(Bucket::Day, vec![10.0; 200])], &request)[0];
        assert!(constant.quantiles.iter().all(|quantile| (quantile - 10.0).abs() < 0.5), "{:?}", constant.quantiles);
        let mut demand = vec![10.0; 200];
        demand[150] = 1e6;
        let spiked = &Auto::default().forecast(&[series(Bucket::Day, demand)], &request)[0];
        assert!(spiked.mean.iter().all(|mean| *mean < 25.0), "{:?}", spiked.mean);
    }
}
