//! Fitting by every method within a budget, and keeping the best if it is better than the model as shipped.
//! Read top to bottom: `Options`, `tune`, one function per method, the training loop, selection.
//!
//! 1. Series are split into training and validation windows ([`super::windows`]).
//! 2. Each method is fitted from the shipped weights; the weights trained are validated four times on the way.
//! 3. The best of a method is mixed with the shipped weights, a quarter, half, three quarters and all of it ("WiSE-FT",
//!    Wortsman et al. 2022), and the best share is kept.
//! 4. The best method faces the shipped model on more series; it is handed back with that evidence.
//!
//! # Differences from full-size fine-tuning
//! 1. The output block is trained on what the layers say of each window, computed once: a step costs a hundredth.
//! 2. Steps of low-rank adapters and of all weights have 32 windows, not 256: a processor takes 8 times as many of them in
//!    its budget. Learning rates are three times those usual for 256 windows and thousands of steps, and the running average
//!    of the parameters counts.

use restock_core::SeriesInput;
use restock_forecast::evaluate::{EvaluateOptions, score_series};
use restock_forecast::metrics::ScoreSums;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::adapter::{Adapter, AdapterError, Base, Card, Change, Method, replaced_tensors};
use super::calibration::{Calibration, class_of};
use super::low_rank::LowRank;
use super::score::Evidence;
use super::windows::{Split, TrainingWindows, scale_at_origin};
use crate::batch::TrainingBatch;
use crate::config::{ModelConfig, PATCH};
use crate::engine::Precision;
use crate::forecaster::Pretrained;
use crate::training::{
    AdamW, AdamWSettings, OptimiserState, Trainable, features, head_loss_and_gradient, loss_and_gradient,
};

/// Rank and α of low-rank adapters.
const RANK: usize = 8;
const ALPHA: f64 = 16.0;

/// Windows in a step of the output block, and windows kept for it at most.
const HEAD_WINDOWS: usize = 128;
const MOST_HEAD_WINDOWS: usize = 8_192;

/// Windows in a step through all layers.
const LAYER_WINDOWS: usize = 32;

/// Windows of a calibration at most.
const CALIBRATION_WINDOWS: usize = 4_000;

/// Steps of a method at most, unless told otherwise.
const MOST_STEPS: u64 = 2_000;

/// Decay of the running average of parameters, which is what counts: steps are few and their batches small.
const AVERAGE_DECAY: f64 = 0.98;

/// Shares of the whole training after which weights are validated.
const VALIDATIONS: [f64; 4] = [0.25, 0.5, 0.75, 1.0];

/// Validations without a gain that end a training.
const PATIENCE: usize = 2;

/// Positions between the shipped weights and the fit, besides the fit itself.
const SHARES: [f64; 3] = [0.25, 0.5, 0.75];

/// How to tune.
#[derive(Clone, Debug)]
pub struct Options {
    /// What to try.
    pub methods: Vec<Method>,
    /// Periods forecast from each origin, 1 to 256.
    pub horizon: usize,
    /// Validation origins.
    pub n_origins: usize,
    /// Seconds of the clock that all of it may take, about.
    pub seconds: f64,
    /// Steps of a method at most; with enough time, results depend on this and the seed alone.
    pub most_steps: Option<u64>,
    /// Highest learning rate, in place of the method's own.
    pub learning_rate: Option<f64>,
    /// Seed of every draw.
    pub seed: u64,
    /// Series that methods are compared on.
    pub n_selection_series: usize,
    /// Series that the best method faces the shipped model on.
    pub n_evidence_series: usize,
    /// Precision of the forecasts that are validated.
    pub precision: Precision,
    /// The day, for the card.
    pub day: String,
    /// The version used so far, for the card.
    pub parent: Option<String>,
}

impl Options {
    /// All methods, three origins, ten minutes.
    pub fn new(horizon: usize) -> Self {
        Self {
            methods: Method::ALL.to_vec(),
            horizon,
            n_origins: 3,
            seconds: 600.0,
            most_steps: None,
            learning_rate: None,
            seed: 1,
            n_selection_series: 300,
            n_evidence_series: 2_000,
            precision: Precision::fastest(),
            day: String::new(),
            parent: None,
        }
    }
}

/// One method, at its best step and share.
#[derive(Clone, Debug, Serialize)]
pub struct Attempt {
    /// The method.
    pub method: Method,
    /// Best position between the shipped weights and the fit; 0 where every other is worse than the shipped model.
    pub share: f64,
    /// Steps up to the best weights.
    pub steps: u64,
    /// Seconds of training and validation.
    pub seconds: f64,
    /// Against the shipped model on the series of the selection.
    pub evidence: Evidence,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// Series with training windows, and their windows.
    pub n_series: usize,
    /// Windows that training could draw.
    pub n_windows: usize,
    /// Every method that was tried.
    pub attempts: Vec<Attempt>,
    /// The best fit, with evidence on its card. Whether it may be kept is [`Evidence::is_better`].
    pub best: Option<Adapter>,
}

impl Outcome {
    /// The fit that may be kept.
    pub fn kept(&self) -> Option<&Adapter> {
        self.best.as_ref().filter(|best| best.card.evidence.is_some_and(|evidence| evidence.is_better()))
    }
}

/// Where it stands.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Share of the budget that is used, 0 to 1.
    pub done: f64,
    /// What is being fitted.
    pub method: Option<Method>,
    /// Steps of it.
    pub step: u64,
    /// Loss of the last step.
    pub loss: f64,
    /// Its best scaled quantile loss so far over that of the shipped model.
    pub relative: f64,
}

/// Why nothing can be tuned.
#[derive(Debug, thiserror::Error)]
pub enum TuneError {
    /// No series has windows for both.
    #[error(
        "the longest series has {longest} periods, tuning with a horizon of {horizon} needs at least {needed}: \
         {n_origins} forecast origins for validation, one for training, and {past} periods before it"
    )]
    TooShort {
        /// Periods of the longest series.
        longest: usize,
        /// Periods that are forecast.
        horizon: usize,
        /// Periods that a series needs.
        needed: usize,
        /// Validation origins.
        n_origins: usize,
        /// Periods before the first training origin.
        past: usize,
    },
    /// A fit cannot be used.
    #[error(transparent)]
    Adapter(#[from] AdapterError),
}

/// Tunes the shipped model to series. `clock` gives seconds since some moment.
///
/// # Errors
/// [`TuneError`] where no series is long enough.
///
/// # Panics
/// When a number of the options is out of its range.
pub fn tune(
    batch: &[SeriesInput],
    base: Base,
    options: &Options,
    clock: &dyn Fn() -> f64,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Outcome, TuneError> {
    let too_short = || {
        let past = options.horizon.min(PATCH);
        TuneError::TooShort {
            longest: batch.iter().map(SeriesInput::n_periods).max().unwrap_or(0),
            horizon: options.horizon,
            needed: past + (options.n_origins + 1) * options.horizon,
            n_origins: options.n_origins,
            past,
        }
    };
    if batch.is_empty() {
        return Err(too_short());
    }
    let split = Split::new(batch, options.horizon, options.n_origins);
    let windows = TrainingWindows::new(batch, &split);
    let selected = Selection::new(batch, &split, options, options.n_selection_series);
    if windows.n_windows() == 0 || selected.series.is_empty() {
        return Err(too_short());
    }
    let start = clock();
    let shipped = Pretrained::new(base.weights, options.precision);
    let zero_shot = selected.score(&shipped);
    // The last comparison is of more series, twice.
    let evidence = Selection::new(batch, &split, options, options.n_evidence_series);
    let more = evidence.series.len() as f64 / selected.series.len() as f64;
    let is_same = evidence.series.len() == selected.series.len();
    let reserve = if is_same { 0.0 } else { 2.0 * more * (clock() - start) };
    let mut tuner = Tuner {
        base,
        options,
        windows: &windows,
        selection: &selected,
        zero_shot: &zero_shot,
        clock,
        progress,
        start,
        data: digest_of(batch),
    };
    let mut attempts = Vec::new();
    let mut best: Option<(f64, Adapter)> = None;
    for (idx, method) in options.methods.iter().enumerate() {
        let now = clock();
        let weights: f64 = options.methods[idx..].iter().map(|method| effort(*method)).sum();
        let left = (options.seconds - reserve - (now - start)).max(0.0);
        // A method that would get no time is not tried, unless steps alone decide.
        if left == 0.0 && options.seconds > 0.0 && *method != Method::Calibrate {
            continue;
        }
        let until = now + left * effort(*method) / weights;
        let (attempt, relative, adapter) = tuner.attempt(*method, until)?;
        if relative < best.as_ref().map_or(1.0, |(least, _)| *least) {
            best = Some((relative, adapter));
        }
        attempts.push(attempt);
    }
    let best = match best {
        None => None,
        Some((_, mut adapter)) => {
            let found = if is_same {
                attempts.iter().find(|attempt| attempt.method == adapter.card.method).map(|attempt| attempt.evidence)
            } else {
                let tuned = evidence.score(&adapter.forecaster(base.weights, options.precision)?);
                Some(Evidence::new(&evidence.score(&shipped), &tuned, &evidence.options))
            };
            adapter.card.evidence = found;
            Some(adapter)
        }
    };
    Ok(Outcome { n_series: windows.n_series(), n_windows: windows.n_windows(), attempts, best })
}

/// Time that methods get in proportion to one another.
fn effort(method: Method) -> f64 {
    match method {
        Method::Calibrate => 0.0,
        Method::Head => 0.25,
        Method::Lora => 0.35,
        Method::Full => 0.4,
    }
}

/// Series on which models are compared.
struct Selection {
    series: Vec<SeriesInput>,
    options: EvaluateOptions,
}

impl Selection {
    fn new(batch: &[SeriesInput], split: &Split, options: &Options, n_series: usize) -> Self {
        let series = split.validated(batch, n_series).into_iter().cloned().collect();
        let options = EvaluateOptions {
            horizon: split.horizon,
            n_origins: split.n_origins,
            origin_step: split.horizon,
            lead_times: Vec::new(),
            min_periods: split.horizon.min(PATCH),
            seed: options.seed,
            ..EvaluateOptions::default()
        };
        Self { series, options }
    }

    fn score(&self, model: &Pretrained) -> Vec<ScoreSums> {
        score_series(&self.series, model, &self.options, &|_, _| {})
    }
}

struct Tuner<'a> {
    base: Base<'a>,
    options: &'a Options,
    windows: &'a TrainingWindows<'a>,
    selection: &'a Selection,
    zero_shot: &'a [ScoreSums],
    clock: &'a dyn Fn() -> f64,
    progress: &'a mut dyn FnMut(&Progress),
    start: f64,
    data: String,
}

/// The loss of a step under parameters; it leaves its gradient by them in the last argument.
type Loss<'a> = dyn FnMut(&[f32], u64, &mut [f32]) -> f64 + 'a;

/// Parameters at the best validation of a training.
struct Trained {
    parameters: Vec<f32>,
    steps: u64,
}

impl Tuner<'_> {
    /// One method at its best, with its scores relative to those of the shipped model.
    fn attempt(&mut self, method: Method, until: f64) -> Result<(Attempt, f64, Adapter), TuneError> {
        let begin = (self.clock)();
        self.say(Some(method), 0, f64::NAN, f64::NAN);
        let (change, steps, windows_per_step, learning_rate) = match method {
            Method::Calibrate => (self.calibrate()?, 0, 0, 0.0),
            Method::Head => self.head(until)?,
            Method::Lora => self.lora(until)?,
            Method::Full => self.full(until)?,
        };
        let mut adapter = self.adapter(method, change);
        (adapter.card.steps, adapter.card.windows_per_step) = (steps, windows_per_step);
        adapter.card.learning_rate = learning_rate;
        // What is validated is what the file will say.
        adapter = Adapter::from_bytes(&adapter.to_bytes(self.base.weights.config())?, self.base)?;
        let mut best = (f64::INFINITY, 0.0, Vec::new());
        for share in [1.0].into_iter().chain(SHARES) {
            adapter.card.share = share;
            let sums = self.selection.score(&adapter.forecaster(self.base.weights, self.options.precision)?);
            let relative = relative(&sums, self.zero_shot);
            if relative < best.0 {
                best = (relative, share, sums);
            }
            self.say(Some(method), steps, f64::NAN, best.0);
        }
        let (mut relative, share, mut sums) = best;
        adapter.card.share = share;
        if relative >= 1.0 {
            // A share of 0 is the shipped model.
            (relative, adapter.card.share, sums) = (1.0, 0.0, self.zero_shot.to_vec());
        }
        adapter.card.seconds = (self.clock)() - begin;
        let evidence = Evidence::new(self.zero_shot, &sums, &self.selection.options);
        let attempt = Attempt { method, share: adapter.card.share, steps, seconds: adapter.card.seconds, evidence };
        Ok((attempt, relative, adapter))
    }

    fn adapter(&self, method: Method, change: Change) -> Adapter {
        let is_lora = method == Method::Lora;
        let volume_bounds = match &change {
            Change::Calibration(calibration) => calibration.bounds.clone(),
            _ => Vec::new(),
        };
        let card = Card {
            method,
            base: self.base.weights.config().name.clone(),
            base_sha256: self.base.sha256.to_owned(),
            parent: self.options.parent.clone(),
            day: self.options.day.clone(),
            data: self.data.clone(),
            n_series: self.windows.n_series(),
            n_windows: self.windows.n_windows(),
            bucket: self.selection.series[0].bucket,
            horizon: self.options.horizon,
            seed: self.options.seed,
            steps: 0,
            windows_per_step: 0,
            learning_rate: 0.0,
            seconds: 0.0,
            share: 1.0,
            rank: is_lora.then_some(RANK),
            alpha: is_lora.then_some(ALPHA),
            volume_bounds,
            evidence: None,
        };
        Adapter { card, change }
    }

    /// A calibration of all series alike, or by class of volume where that is better on the series of the selection. Each
    /// class takes what its own series ask for: its own shifts, those of all series, half of either, or none.
    fn calibrate(&self) -> Result<Change, TuneError> {
        let model = Pretrained::new(self.base.weights, self.options.precision);
        let (whole, by_class) = self.windows.calibrate(&model, CALIBRATION_WINDOWS, self.options.seed);
        let Some(by_class) = by_class else { return Ok(Change::Calibration(whole)) };
        let score = |calibration: &Calibration, share: f32| -> Result<Vec<ScoreSums>, TuneError> {
            let adapter = self.adapter(Method::Calibrate, Change::Calibration(calibration.scaled(share)));
            Ok(self.selection.score(&adapter.forecaster(self.base.weights, self.options.precision)?))
        };
        let mut candidates: Vec<(&Calibration, f32, Vec<ScoreSums>)> = vec![(&whole, 0.0, self.zero_shot.to_vec())];
        for (calibration, share) in [(&whole, 0.5), (&whole, 1.0), (&by_class, 0.5), (&by_class, 1.0)] {
            candidates.push((calibration, share, score(calibration, share)?));
        }
        // A series is of the class that it is in at the last origin.
        let horizon = self.options.horizon;
        let class_of_series = |series: &SeriesInput| {
            let known = series.until(series.n_periods() - horizon, horizon);
            class_of(&by_class.bounds, scale_at_origin(&known, horizon))
        };
        let classes: Vec<usize> = self.selection.series.iter().map(class_of_series).collect();
        let choices: Vec<(&Calibration, f32)> = (0..by_class.n_classes())
            .map(|class| {
                let members = |sums: &[ScoreSums]| -> Vec<ScoreSums> {
                    sums.iter().zip(&classes).filter(|(_, of)| **of == class).map(|(sums, _)| sums.clone()).collect()
                };
                let shipped = members(self.zero_shot);
                let mut best = (1.0, &candidates[0]);
                for candidate in &candidates[1..] {
                    let relative = relative(&members(&candidate.2), &shipped);
                    if relative < best.0 {
                        best = (relative, candidate);
                    }
                }
                (best.1.0, best.1.1)
            })
            .collect();
        let chosen = Calibration::chosen(&by_class.bounds, &choices);
        let of_whole = candidates[1..3].iter().map(|(_, _, sums)| relative(sums, self.zero_shot));
        let is_better = relative(&score(&chosen, 1.0)?, self.zero_shot) < of_whole.fold(1.0, f64::min);
        Ok(Change::Calibration(if is_better { chosen } else { whole }))
    }

    /// The output block and the norm before it, on features of windows that are computed once.
    fn head(&mut self, until: f64) -> Result<(Change, u64, usize, f64), TuneError> {
        let base_config = self.base.weights.config().clone();
        let flat = self.base.weights.to_flat();
        let begin = (self.clock)();
        let mut batches: Vec<(TrainingBatch, Vec<f32>)> = Vec::new();
        let n_wanted = MOST_HEAD_WINDOWS.min(self.windows.n_windows()).div_ceil(HEAD_WINDOWS);
        // Features may take half of the time.
        while batches.len() < n_wanted && (batches.is_empty() || (self.clock)() - begin <= 0.5 * (until - begin)) {
            let mut batch = self.windows.batch(HEAD_WINDOWS, self.seed_of(Method::Head, batches.len() as u64));
            let features = features(&flat, &base_config, &batch);
            (batch.patches, batch.statics) = (Vec::new(), Vec::new());
            batches.push((batch, features));
            self.say(Some(Method::Head), 0, f64::NAN, f64::NAN);
        }
        // The layers have done their work.
        let config = ModelConfig { n_layers: 0, ..base_config.clone() };
        let parameters =
            config.tensors().iter().flat_map(|(name, _)| self.base.weights.tensor(name)).copied().collect();
        let tensors_of = |parameters: &[f32]| {
            let mut rest = parameters;
            let mut tensors = std::collections::BTreeMap::new();
            for (name, shape) in config.tensors() {
                let (values, after) = rest.split_at(shape.iter().product());
                tensors.insert(name, values.to_vec());
                rest = after;
            }
            let replaced = replaced_tensors(&base_config, Method::Head);
            Change::Tensors(replaced.into_iter().map(|(name, _)| (name.clone(), tensors[&name].clone())).collect())
        };
        let learning_rate = self.options.learning_rate.unwrap_or(1e-3);
        let seed = self.seed_of(Method::Head, 1 << 40);
        let mut loss = |parameters: &[f32], step: u64, gradient: &mut [f32]| {
            // A full round takes every batch once, in an order of its own.
            let (round, place) = (step as usize / batches.len(), step as usize % batches.len());
            let offset = (seed as usize).wrapping_add(round.wrapping_mul(7)) % batches.len();
            let (batch, features) = &batches[(place + offset) % batches.len()];
            head_loss_and_gradient(parameters, &config, features, batch, gradient).total()
        };
        let trained = self.train(Method::Head, parameters, learning_rate, until, &mut loss, &tensors_of)?;
        Ok((tensors_of(&trained.parameters), trained.steps, HEAD_WINDOWS, learning_rate))
    }

    fn lora(&mut self, until: f64) -> Result<(Change, u64, usize, f64), TuneError> {
        let config = self.base.weights.config().clone();
        let flat = self.base.weights.to_flat();
        let start = LowRank::new(&config, RANK, ALPHA, self.seed_of(Method::Lora, 1 << 40));
        let change_of = |factors: &[f32]| Change::LowRank(LowRank { factors: factors.to_vec(), ..start.clone() });
        let windows = self.windows;
        let seed = self.seed_of(Method::Lora, 0);
        let mut by_weights = vec![0.0; flat.len()];
        let mut loss = |factors: &[f32], step: u64, gradient: &mut [f32]| {
            let factors = LowRank { factors: factors.to_vec(), ..start.clone() };
            let mut merged = flat.clone();
            factors.add_to(&config, 1.0, &mut merged);
            let batch = windows.batch(LAYER_WINDOWS, seed ^ step);
            let losses = loss_and_gradient(&merged, &config, &batch, Trainable::Adapters, &mut by_weights);
            factors.gradient(&config, &by_weights, gradient);
            losses.total()
        };
        let learning_rate = self.options.learning_rate.unwrap_or(1e-3);
        let trained = self.train(Method::Lora, start.factors.clone(), learning_rate, until, &mut loss, &change_of)?;
        Ok((change_of(&trained.parameters), trained.steps, LAYER_WINDOWS, learning_rate))
    }

    fn full(&mut self, until: f64) -> Result<(Change, u64, usize, f64), TuneError> {
        let config = self.base.weights.config().clone();
        let change_of = |flat: &[f32]| {
            let weights = crate::weights::Weights::from_flat(&config, flat).expect("steps are finite");
            Change::Tensors(
                config.tensors().into_iter().map(|(name, _)| (name.clone(), weights.tensor(&name).to_vec())).collect(),
            )
        };
        let windows = self.windows;
        let seed = self.seed_of(Method::Full, 0);
        let mut loss = |flat: &[f32], step: u64, gradient: &mut [f32]| {
            let batch = windows.batch(LAYER_WINDOWS, seed ^ step);
            loss_and_gradient(flat, &config, &batch, Trainable::All, gradient).total()
        };
        let learning_rate = self.options.learning_rate.unwrap_or(5e-5);
        let flat = self.base.weights.to_flat();
        let trained = self.train(Method::Full, flat, learning_rate, until, &mut loss, &change_of)?;
        Ok((change_of(&trained.parameters), trained.steps, LAYER_WINDOWS, learning_rate))
    }

    /// Trains parameters until the last step or second and hands back those of the best validation.
    ///
    /// The learning rate rises over the first twentieth and falls to a tenth at the end, which is the last step or the last
    /// second, whichever comes first.
    fn train(
        &mut self,
        method: Method,
        parameters: Vec<f32>,
        learning_rate: f64,
        until: f64,
        loss: &mut Loss,
        change_of: &dyn Fn(&[f32]) -> Change,
    ) -> Result<Trained, TuneError> {
        let most_steps = self.options.most_steps.unwrap_or(MOST_STEPS);
        let begin = (self.clock)();
        // A fit that ends early needs no other pull towards the shipped weights than the mixture with them.
        let settings = AdamWSettings { weight_decay: 0.0, average_decay: AVERAGE_DECAY, ..AdamWSettings::default() };
        let mut gradient = vec![0.0; parameters.len()];
        let mut best = Trained { parameters: parameters.clone(), steps: 0 };
        let mut optimiser = AdamW::new(OptimiserState::new(parameters), gradient.clone(), settings);
        let (mut least, mut n_without_gain) = (f64::INFINITY, 0);
        let mut n_validated = 0;
        let mut step = 0;
        loop {
            let by_time = ((self.clock)() - begin) / (until - begin).max(1e-9);
            let done = (step as f64 / most_steps as f64).max(by_time);
            if step > 0 && VALIDATIONS[n_validated] <= done {
                n_validated = VALIDATIONS.iter().filter(|share| **share <= done).count();
                let adapter = self.adapter(method, change_of(&optimiser.state().average));
                let model = adapter.forecaster(self.base.weights, self.options.precision)?;
                let relative = relative(&self.selection.score(&model), self.zero_shot);
                if relative < least {
                    (least, n_without_gain) = (relative, 0);
                    best = Trained { parameters: optimiser.state().average.clone(), steps: step };
                } else {
                    n_without_gain += 1;
                }
                if n_validated == VALIDATIONS.len() || n_without_gain == PATIENCE {
                    return Ok(best);
                }
            }
            let value = loss(&optimiser.state().weights, step, &mut gradient);
            let share = (done / 0.05).clamp(0.1, 1.0) * (1.0 - 0.9 * done.min(1.0));
            optimiser.step(&gradient, step, learning_rate * share);
            step += 1;
            self.say(Some(method), step, value, least);
        }
    }

    fn seed_of(&self, method: Method, idx: u64) -> u64 {
        let stream = self.options.seed.wrapping_mul(4).wrapping_add(method as u64);
        stream.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(idx.wrapping_mul(0xd134_2543_de82_ef95))
    }

    fn say(&mut self, method: Option<Method>, step: u64, loss: f64, relative: f64) {
        let done = (((self.clock)() - self.start) / self.options.seconds.max(1e-9)).clamp(0.0, 1.0);
        (self.progress)(&Progress { done, method, step, loss, relative });
    }
}

/// The mean of scaled and weighted quantile loss over those of the shipped model: the first speaks for every series, the
/// second for the big sellers. Infinite where either is not a number.
fn relative(tuned: &[ScoreSums], zero_shot: &[ScoreSums]) -> f64 {
    let total = |sums: &[ScoreSums]| {
        let mut total = ScoreSums::default();
        sums.iter().for_each(|sums| total.merge(sums));
        total
    };
    let (tuned, zero_shot) = (total(tuned), total(zero_shot));
    let mean = 0.5 * (tuned.sql() / zero_shot.sql() + tuned.wql() / zero_shot.wql());
    if mean.is_finite() { mean } else { f64::INFINITY }
}

/// SHA-256 of what a fit reads of series.
fn digest_of(batch: &[SeriesInput]) -> String {
    let mut hash = Sha256::new();
    for series in batch {
        hash.update(series.key.to_le_bytes());
        hash.update(series.first_period.to_le_bytes());
        hash.update((series.n_periods() as u64).to_le_bytes());
        for (sales, observation) in series.sales.iter().zip(&series.observations) {
            hash.update(sales.to_le_bytes());
            hash.update([*observation as u8]);
        }
        for covariate in &series.covariates {
            hash.update(covariate.name.as_bytes());
            covariate.values.iter().for_each(|value| hash.update(value.to_le_bytes()));
        }
    }
    format!("{:x}", hash.finalize())
}
