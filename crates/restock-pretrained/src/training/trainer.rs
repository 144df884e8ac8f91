//! The training loop: batches made ahead by threads, one step after the other, validation with the averaged weights,
//! checkpoints. Steps are computed by a [`Backend`].

use std::borrow::Cow;
use std::path::PathBuf;

use super::TrainingError;
use super::adamw::{OptimiserState, learning_rate_share};
use super::checkpoint::{self, Kept, TrainingState};
use super::initial::initial_weights;
use super::losses::Losses;
use super::report::{Event, Log, StepsReport, ValidationReport};
use super::validation::Validation;
use crate::batch::{BatchSource, TrainingBatch};
use crate::config::ModelConfig;
use crate::prefetch::Prefetch;

/// Seconds between two reports.
const REPORT_SECONDS: f64 = 5.0;

/// Steps between two looks at the clock of a device, each of which waits for it.
const SYNCHRONISE_EVERY: u64 = 20;

/// Seconds kept free for the last checkpoint when time is limited, beside those of the last validation.
const CLOSING_SECONDS: f64 = 10.0;

/// What a training is told.
#[derive(Clone, Debug)]
pub struct TrainerConfig {
    /// The network.
    pub model: ModelConfig,
    /// Seed of the first weights.
    pub seed: u64,
    /// Stop after this step, counted over all runs.
    pub last_step: u64,
    /// Steps of the whole training, for the learning rate and the progress of the source.
    pub total_steps: u64,
    /// Stop at this time, seconds of the clock; a checkpoint is written before.
    pub last_second: Option<f64>,
    /// The highest learning rate.
    pub learning_rate: f64,
    /// Threads that make batches.
    pub n_threads: usize,
    /// Steps between validations; each ends with a checkpoint.
    pub validate_every: u64,
    /// Batches of the validation.
    pub n_validation_batches: u64,
    /// Folder of the checkpoint and the log; a checkpoint that is there is resumed.
    pub checkpoint: Option<PathBuf>,
}

/// Where the steps of a training are computed: weights, optimiser, gradient.
pub trait Backend {
    /// A batch in the memory that steps read.
    type Prepared: Send;
    /// What it takes to prepare a batch on another thread.
    type Place: Copy + Send + Sync;

    /// Where batches are prepared for.
    fn place(&self) -> Self::Place;

    /// Prepares a batch, on the thread that made it.
    fn prepare(place: Self::Place, batch: TrainingBatch) -> Self::Prepared;

    /// One step, the `step`-th from 0 over all runs. A device may still compute when it returns.
    fn step(&mut self, batch: &Self::Prepared, step: u64, learning_rate: f64);

    /// Figures summed up since they were last taken; waits until every step is computed.
    fn take_figures(&mut self) -> Figures;

    /// Validates the averaged weights.
    fn validate(&self, batches: &[Self::Prepared]) -> Validation;

    /// Weights, average and moments, in the memory of the host.
    fn optimiser(&self) -> Cow<'_, OptimiserState>;

    /// How checkpoints are kept.
    fn kept(&self) -> Kept;
}

/// Sums over steps.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Losses.
    pub losses: Losses,
    /// Lengths of gradients before they were bounded.
    pub gradient_norm: f64,
    /// Steps whose gradient was not finite.
    pub n_broken: u64,
}

impl Figures {
    /// Adds one step. Figures of a broken step are left out.
    pub fn add(&mut self, losses: Losses, gradient_norm: f64) {
        if gradient_norm.is_finite() && losses.total().is_finite() {
            self.losses += losses;
            self.gradient_norm += gradient_norm;
        } else {
            self.n_broken += 1;
        }
    }
}

/// A training under way.
pub struct Trainer<B> {
    config: TrainerConfig,
    backend: B,
    state: TrainingState,
}

/// Sums since the last report.
#[derive(Default)]
struct Sums {
    figures: Figures,
    steps: u64,
    series: u64,
    flops: f64,
    seconds_waited: f64,
    since: f64,
}

impl Sums {
    fn since(now: f64) -> Self {
        Self { since: now, ..Self::default() }
    }

    fn add(&mut self, figures: Figures) {
        self.figures.losses += figures.losses;
        self.figures.gradient_norm += figures.gradient_norm;
        self.figures.n_broken += figures.n_broken;
    }
}

/// A batch ready for a step, and its size.
struct Ready<P> {
    prepared: P,
    n_series: u64,
    flops: f64,
}

impl<B: Backend> Trainer<B> {
    /// A new training, or the one in the checkpoint's folder; `backend` starts from weights and moments.
    ///
    /// # Errors
    /// When the checkpoint cannot be read or is of another network.
    pub fn new(
        config: TrainerConfig,
        backend: impl FnOnce(&ModelConfig, OptimiserState) -> B,
    ) -> Result<Self, TrainingError> {
        let loaded = match &config.checkpoint {
            Some(folder) => checkpoint::load(folder, &config.model)?,
            None => None,
        };
        let (state, optimiser) = loaded.unwrap_or_else(|| {
            let state =
                TrainingState { config: config.model.clone(), step: 0, n_series: 0, seconds: 0.0, seed: config.seed };
            (state, OptimiserState::new(initial_weights(&config.model, config.seed)))
        });
        let backend = backend(&config.model, optimiser);
        Ok(Self { config, backend, state })
    }

    /// Where the training stands.
    pub fn state(&self) -> &TrainingState {
        &self.state
    }

    /// Weights, average and moments.
    pub fn optimiser(&self) -> Cow<'_, OptimiserState> {
        self.backend.optimiser()
    }

    /// Trains until the last step or second. `clock` gives seconds since the start of the run; `observe` hears of every
    /// step and report; figures go to `log.csv` in the checkpoint's folder as well.
    ///
    /// # Errors
    /// When a checkpoint or the log cannot be written.
    pub fn run(
        &mut self,
        source: &dyn BatchSource,
        validation_source: &dyn BatchSource,
        clock: &dyn Fn() -> f64,
        observe: &mut dyn FnMut(&Event),
    ) -> Result<(), TrainingError> {
        let validation_batches = self.validation_batches(validation_source, self.config.n_validation_batches);
        let mut log = Log::open(self.config.checkpoint.as_deref())?;
        let (place, model, total) = (self.backend.place(), self.config.model.clone(), self.config.total_steps);
        let make = |step: u64| {
            let batch = source.batch(step, (step as f64 / total as f64).min(1.0));
            let (n_series, flops) = (batch.n_series as u64, training_flops(&model, &batch));
            Ready { prepared: B::prepare(place, batch), n_series, flops }
        };
        let (n_threads, n_ahead) = (self.config.n_threads, 2 * self.config.n_threads + 2);
        Prefetch::run(self.state.step, n_threads, n_ahead, make, |batches| {
            self.steps(batches, &validation_batches, clock, observe, &mut log)
        })
    }

    fn steps(
        &mut self,
        batches: &Prefetch<Ready<B::Prepared>>,
        validation_batches: &[B::Prepared],
        clock: &dyn Fn() -> f64,
        observe: &mut dyn FnMut(&Event),
        log: &mut Log,
    ) -> Result<(), TrainingError> {
        let (first_step, started) = (self.state.step, clock());
        let seconds_before = self.state.seconds - started;
        let mut sums = Sums::since(started);
        let mut validated_at = None;
        while self.state.step < self.config.last_step {
            let asked = clock();
            let batch = batches.next();
            sums.seconds_waited += clock() - asked;
            let learning_rate = self.learning_rate(self.state.step);
            self.backend.step(&batch.prepared, self.state.step, learning_rate);
            sums.steps += 1;
            sums.series += batch.n_series;
            sums.flops += batch.flops;
            self.state.step += 1;
            self.state.n_series += batch.n_series;
            self.state.seconds = seconds_before + clock();
            observe(&Event::Step(self.state.step));
            let is_validated = self.state.step.is_multiple_of(self.config.validate_every);
            let is_due = sums.since + REPORT_SECONDS <= clock()
                && (self.state.step.is_multiple_of(SYNCHRONISE_EVERY) || sums.steps < SYNCHRONISE_EVERY);
            if is_validated || is_due {
                // Figures come when the device is done, so the clock is right for reports and limits.
                sums.add(self.backend.take_figures());
                self.state.seconds = seconds_before + clock();
                self.report(&sums, clock(), observe, log)?;
                sums = Sums::since(clock());
            }
            if is_validated {
                self.validate_and_save(validation_batches, observe, log)?;
                validated_at = Some(self.state.step);
                sums = Sums::since(clock());
            }
            // A step again, and a third of a step for every batch of the validation: forwards only.
            let seconds_per_step = (clock() - started) / (self.state.step - first_step) as f64;
            let closing = CLOSING_SECONDS + seconds_per_step * (1.0 + validation_batches.len() as f64 / 3.0);
            if self.config.last_second.is_some_and(|last| last - closing <= clock()) {
                observe(&Event::OutOfTime);
                break;
            }
        }
        if 0 < sums.steps {
            sums.add(self.backend.take_figures());
            self.report(&sums, clock(), observe, log)?;
        }
        if validated_at != Some(self.state.step) {
            self.validate_and_save(validation_batches, observe, log)?;
        }
        Ok(())
    }

    fn learning_rate(&self, step: u64) -> f64 {
        self.config.learning_rate * learning_rate_share(step, self.config.total_steps)
    }

    fn report(
        &self,
        sums: &Sums,
        now: f64,
        observe: &mut dyn FnMut(&Event),
        log: &mut Log,
    ) -> Result<(), TrainingError> {
        let (n_good, seconds) = ((sums.steps - sums.figures.n_broken).max(1) as f64, now - sums.since);
        let Losses { marginal, cumulative, any_demand, from_teacher } = sums.figures.losses;
        let report = StepsReport {
            step: self.state.step,
            seconds: self.state.seconds,
            n_series: self.state.n_series,
            losses: Losses {
                marginal: marginal / n_good,
                cumulative: cumulative / n_good,
                any_demand: any_demand / n_good,
                from_teacher: from_teacher / n_good,
            },
            gradient_norm: sums.figures.gradient_norm / n_good,
            learning_rate: self.learning_rate(self.state.step - 1),
            ms_per_step: 1e3 * seconds / sums.steps as f64,
            ms_waited: 1e3 * sums.seconds_waited / sums.steps as f64,
            series_per_second: sums.series as f64 / seconds,
            tflops_per_second: sums.flops / seconds / 1e12,
            n_broken: sums.figures.n_broken,
        };
        log.steps(&report)?;
        observe(&Event::Steps(report));
        Ok(())
    }

    fn validate_and_save(
        &self,
        batches: &[B::Prepared],
        observe: &mut dyn FnMut(&Event),
        log: &mut Log,
    ) -> Result<(), TrainingError> {
        if !batches.is_empty() {
            let TrainingState { step, seconds, n_series, .. } = self.state;
            let report = ValidationReport { step, seconds, n_series, validation: self.backend.validate(batches) };
            log.validation(&report)?;
            observe(&Event::Validated(Box::new(report)));
        }
        if let Some(folder) = &self.config.checkpoint {
            checkpoint::save(folder, &self.state, &self.backend.optimiser(), self.backend.kept())?;
        }
        Ok(())
    }

    /// Validates the averaged weights on the first `n_batches` batches of a source.
    pub fn validate_on(&self, source: &dyn BatchSource, n_batches: u64) -> Validation {
        self.backend.validate(&self.validation_batches(source, n_batches))
    }

    fn validation_batches(&self, source: &dyn BatchSource, n_batches: u64) -> Vec<B::Prepared> {
        (0..n_batches).map(|step| B::prepare(self.backend.place(), source.batch(step, 1.0))).collect()
    }
}

/// Floating-point operations of a step: twice the multiplications of the forward pass, three times over.
fn training_flops(config: &ModelConfig, batch: &TrainingBatch) -> f64 {
    let n_patches = (batch.context_patches + batch.future_patches) as f64;
    let (n_tokens, n_future) = (n_patches + 1.0, batch.future_patches as f64);
    let mut multiplications = 0.0;
    for (name, shape) in config.tensors().iter().filter(|(_, shape)| shape.len() == 2) {
        let last_layer = name.starts_with(&format!("layers.{}.", config.n_layers - 1)) && !name.contains("qkv");
        let n_rows = match name.split('.').next() {
            Some("embed") => n_patches,
            Some("static") => 1.0,
            Some("layers") if !last_layer => n_tokens,
            _ => n_future,
        };
        multiplications += n_rows * shape.iter().product::<usize>() as f64;
    }
    multiplications += 2.0 * config.d_model as f64 * n_tokens * (n_tokens * (config.n_layers - 1) as f64 + n_future);
    6.0 * batch.n_series as f64 * multiplications
}
