//! The training loop: batches made ahead by threads, one step after the other, validation with the averaged weights,
//! checkpoints.

use std::io::Write;
use std::path::PathBuf;

use tch::{Cuda, Device, Kind, Tensor};

use super::TrainingError;
use super::checkpoint::{self, TrainingState};
use super::network::{DeviceBatch, Network, initial_weights, quantiles};
use super::optimiser::{Optimiser, learning_rate_share};
use crate::batch::{BatchSource, TrainingBatch};
use crate::config::{LEVELS, ModelConfig, N_LEVELS, N_STATIC, PATCH_WIDTH};
use crate::prefetch::Prefetch;

/// Seconds between two lines of the log.
const LOG_SECONDS: f64 = 5.0;

/// Steps between two readings of figures from the device, each of which waits for it.
const SYNCHRONISE_EVERY: u64 = 20;

/// Seconds kept free for the last validation and checkpoint when time is limited.
const CLOSING_SECONDS: f64 = 10.0;

/// What a training is told.
#[derive(Clone, Debug)]
pub struct TrainerConfig {
    /// The network.
    pub model: ModelConfig,
    /// Where it is trained.
    pub device: Device,
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

/// What a validation found; the averaged weights were used.
#[derive(Clone, Debug)]
pub struct Validation {
    /// Twice the pinball loss in asinh space, mean over levels and known cells: marginal, cumulative.
    pub pinball: [f64; 2],
    /// Binary cross-entropy of any demand.
    pub any_demand: f64,
    /// Share of known cells at or below each quantile: marginal, cumulative.
    pub coverage: [[f64; N_LEVELS]; 2],
}

/// A training under way.
pub struct Trainer {
    config: TrainerConfig,
    network: Network,
    optimiser: Optimiser,
    state: TrainingState,
}

/// A batch on the host, in memory that the device can read by itself.
struct HostBatch {
    /// `[n_series, n_patches, PATCH_WIDTH]`, half precision.
    patches: Tensor,
    /// Statics, targets and weights in a row, single precision.
    others: Tensor,
    n_series: i64,
    horizon: i64,
    future_patches: i64,
}

/// Sums since the last line of the log.
struct Sums {
    /// `[5]` on the device: marginal, cumulative and any-demand losses, gradient norm, losses that are not finite.
    values: Tensor,
    steps: u64,
    series: u64,
    flops: f64,
    seconds_waited: f64,
    since: f64,
}

impl Trainer {
    /// A new training, or the one in the checkpoint's folder.
    pub fn new(config: TrainerConfig) -> Result<Self, TrainingError> {
        let kind = if config.device.is_cuda() { Kind::BFloat16 } else { Kind::Float };
        let network = Network::new(&config.model, config.device, kind);
        let loaded = match &config.checkpoint {
            Some(folder) => checkpoint::load(folder, &config.model, config.device)?,
            None => None,
        };
        let (state, optimiser) = loaded.unwrap_or_else(|| {
            let weights = Tensor::from_slice(&initial_weights(&config.model, config.seed)).to_device(config.device);
            let state =
                TrainingState { config: config.model.clone(), step: 0, n_series: 0, seconds: 0.0, seed: config.seed };
            (state, Optimiser::new(&config.model, &weights))
        });
        Ok(Self { config, network, optimiser, state })
    }

    /// Where the training stands.
    pub fn state(&self) -> &TrainingState {
        &self.state
    }

    /// The averaged weights, flat.
    pub fn average(&self) -> &Tensor {
        &self.optimiser.average
    }

    /// Trains until the last step or second. `clock` gives seconds since the start of the run; lines for a reader go to
    /// `output`, figures to `log.csv` in the checkpoint's folder.
    pub fn run(
        &mut self,
        source: &dyn BatchSource,
        validation_source: &dyn BatchSource,
        clock: &dyn Fn() -> f64,
        output: &mut dyn Write,
    ) -> Result<(), TrainingError> {
        let device = self.config.device;
        let validation_batches = self.validation_batches(validation_source, self.config.n_validation_batches);
        let mut log = Log::open(&self.config, output)?;
        let total = self.config.total_steps;
        let make = |step: u64| HostBatch::new(&source.batch(step, (step as f64 / total as f64).min(1.0)), device);
        let (n_threads, n_ahead) = (self.config.n_threads, 2 * self.config.n_threads + 2);
        Prefetch::run(self.state.step, n_threads, n_ahead, make, |batches| {
            self.steps(batches, &validation_batches, clock, &mut log)
        })
    }

    fn steps(
        &mut self,
        batches: &Prefetch<HostBatch>,
        validation_batches: &[HostBatch],
        clock: &dyn Fn() -> f64,
        log: &mut Log,
    ) -> Result<(), TrainingError> {
        let seconds_before = self.state.seconds - clock();
        let mut sums = Sums::new(self.config.device, clock());
        let mut validated_at = None;
        while self.state.step < self.config.last_step {
            let asked = clock();
            let batch = batches.next();
            sums.seconds_waited += clock() - asked;
            self.step(&batch, &mut sums);
            self.state.seconds = seconds_before + clock();
            if self.state.step.is_multiple_of(SYNCHRONISE_EVERY) {
                // Reading a figure waits for the device, so the clock is right for lines and limits.
                let _ = sums.values.double_value(&[0]);
                if sums.since + LOG_SECONDS <= clock() {
                    self.report(&sums, clock(), log)?;
                    sums = Sums::new(self.config.device, clock());
                }
            }
            let out_of_time = self.config.last_second.is_some_and(|last| last - CLOSING_SECONDS <= clock());
            if self.state.step.is_multiple_of(self.config.validate_every) {
                if 0 < sums.steps {
                    self.report(&sums, clock(), log)?;
                }
                self.validate_and_save(validation_batches, log)?;
                validated_at = Some(self.state.step);
                sums = Sums::new(self.config.device, clock());
            }
            if out_of_time {
                log.line("the time is over")?;
                break;
            }
        }
        if 0 < sums.steps {
            self.report(&sums, clock(), log)?;
        }
        if validated_at != Some(self.state.step) {
            self.validate_and_save(validation_batches, log)?;
        }
        Ok(())
    }

    fn learning_rate(&self, step: u64) -> f64 {
        self.config.learning_rate * learning_rate_share(step, self.config.total_steps)
    }

    /// One line about the steps since the last one.
    fn report(&self, sums: &Sums, now: f64, log: &mut Log) -> Result<(), TrainingError> {
        log.training(&self.state, sums, now, self.learning_rate(self.state.step - 1))
    }

    fn step(&mut self, batch: &HostBatch, sums: &mut Sums) {
        let on_device = batch.upload(self.config.device, self.network.kind());
        let weights = self.network.weights(&self.optimiser.weights);
        let raw = self.network.forward(&weights, &on_device.patches, &on_device.statics, on_device.future_patches);
        let losses = self.network.losses(&raw, &on_device);
        let gradient = Tensor::run_backward(&[losses.total], &[&self.optimiser.weights], false, false).remove(0);
        let norm = self.optimiser.step(&gradient, self.state.step, self.learning_rate(self.state.step));
        let broken = norm.isfinite().logical_not().to_kind(Kind::Float);
        let figures = Tensor::cat(&[losses.parts, norm.view(1), broken.view(1)], 0);
        sums.values = tch::no_grad(|| &sums.values + figures.nan_to_num(0.0, 0.0, 0.0));
        sums.steps += 1;
        sums.series += batch.n_series as u64;
        sums.flops += batch.training_flops(&self.config.model);
        self.state.step += 1;
        self.state.n_series += batch.n_series as u64;
    }

    fn validate_and_save(&self, batches: &[HostBatch], log: &mut Log) -> Result<(), TrainingError> {
        if !batches.is_empty() {
            log.validation(&self.state, &self.validate(batches))?;
        }
        if let Some(folder) = &self.config.checkpoint {
            checkpoint::save(folder, &self.state, &self.optimiser)?;
        }
        Ok(())
    }

    /// Validates the averaged weights on the first `n_batches` batches of a source.
    pub fn validate_on(&self, source: &dyn BatchSource, n_batches: u64) -> Validation {
        self.validate(&self.validation_batches(source, n_batches))
    }

    fn validation_batches(&self, source: &dyn BatchSource, n_batches: u64) -> Vec<HostBatch> {
        (0..n_batches).map(|step| HostBatch::new(&source.batch(step, 1.0), self.config.device)).collect()
    }

    fn validate(&self, batches: &[HostBatch]) -> Validation {
        tch::no_grad(|| {
            let weights = self.network.weights(&self.optimiser.average);
            let sums: Vec<Tensor> = batches
                .iter()
                .map(|batch| {
                    let batch = batch.upload(self.config.device, self.network.kind());
                    let raw = self.network.forward(&weights, &batch.patches, &batch.statics, batch.future_patches);
                    let entropy = self.network.losses(&raw, &batch).parts.select(0, 2).to_kind(Kind::Double);
                    let counts = batch.weights.sum_dim_intlist([0i64, 1].as_slice(), false, Kind::Double); // [2]
                    let quantiles = quantiles(&raw); // [n_series, horizon, 2, N_LEVELS]
                    let weight = batch.weights.unsqueeze(-1);
                    let over_cells =
                        |cells: Tensor| cells.sum_dim_intlist([0i64, 1].as_slice(), false, Kind::Double).flatten(0, 1);
                    let pinball = over_cells(self.network.pinball(&quantiles, &batch.targets) * &weight);
                    let covered = batch.targets.unsqueeze(-1).le_tensor(&quantiles).to_kind(Kind::Float);
                    let covered = over_cells(covered * &weight);
                    let entropy = entropy * counts.select(0, 0);
                    Tensor::cat(&[counts, entropy.view(1), pinball, covered], 0)
                })
                .collect();
            let sums = Tensor::stack(&sums, 0).sum_dim_intlist([0i64].as_slice(), false, Kind::Double);
            let sums: Vec<f64> = Vec::try_from(sums.to_device(Device::Cpu)).expect("one dimension of doubles");
            let (pinball, covered) = sums[3..].split_at(2 * N_LEVELS);
            let count = |head: usize| sums[head].max(1.0);
            Validation {
                pinball: [0, 1].map(|head| {
                    pinball[head * N_LEVELS..(head + 1) * N_LEVELS].iter().sum::<f64>()
                        / (count(head) * N_LEVELS as f64)
                }),
                any_demand: sums[2] / count(0),
                coverage: [0, 1]
                    .map(|head| std::array::from_fn(|level| covered[head * N_LEVELS + level] / count(head))),
            }
        })
    }
}

impl HostBatch {
    fn new(batch: &TrainingBatch, device: Device) -> Self {
        batch.assert_shape();
        assert!(batch.censored.iter().all(|censored| *censored == 0.0), "lower bounds are for training on the CPU");
        let n_cells = batch.n_series * batch.horizon();
        let mut others = Vec::with_capacity(batch.n_series * N_STATIC + 4 * n_cells);
        others.extend_from_slice(&batch.statics);
        for idx in 0..n_cells {
            others.extend([batch.demand[idx], batch.cumulative[idx]]);
        }
        for idx in 0..n_cells {
            others.extend([batch.demand_weight[idx], batch.cumulative_weight[idx]]);
        }
        let pinned = |tensor: Tensor| if device.is_cuda() { tensor.pin_memory(device) } else { tensor };
        let n_patches = batch.context_patches + batch.future_patches;
        let shape = [batch.n_series as i64, n_patches as i64, PATCH_WIDTH as i64];
        Self {
            patches: pinned(Tensor::from_slice(&batch.patches).view(shape)),
            others: pinned(Tensor::from_slice(&others)),
            n_series: batch.n_series as i64,
            horizon: batch.horizon() as i64,
            future_patches: batch.future_patches as i64,
        }
    }

    fn upload(&self, device: Device, kind: Kind) -> DeviceBatch {
        let others = self.others.to_device_(device, Kind::Float, true, false);
        let (n, n_statics, n_cells) = (self.n_series, N_STATIC as i64, self.n_series * self.horizon);
        let parts = others.split_with_sizes([n * n_statics, 2 * n_cells, 2 * n_cells], 0);
        DeviceBatch {
            patches: self.patches.to_device_(device, Kind::Half, true, false).to_kind(kind),
            statics: parts[0].view([n, n_statics]).to_kind(kind),
            targets: parts[1].view([n, self.horizon, 2]),
            weights: parts[2].view([n, self.horizon, 2]),
            future_patches: self.future_patches,
        }
    }

    /// Floating-point operations of a step: twice the multiplications of the forward pass, three times over.
    fn training_flops(&self, config: &ModelConfig) -> f64 {
        let n_patches = self.patches.size()[1] as f64;
        let (n_tokens, n_future) = (n_patches + 1.0, self.future_patches as f64);
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
        multiplications +=
            2.0 * config.d_model as f64 * n_tokens * (n_tokens * (config.n_layers - 1) as f64 + n_future);
        6.0 * self.n_series as f64 * multiplications
    }
}

impl Sums {
    fn new(device: Device, since: f64) -> Self {
        let values = Tensor::zeros([5], (Kind::Float, device));
        Self { values, steps: 0, series: 0, flops: 0.0, seconds_waited: 0.0, since }
    }
}

/// Lines for a reader and rows of `log.csv`.
struct Log<'a> {
    output: &'a mut dyn Write,
    rows: Option<std::fs::File>,
    path: String,
}

impl<'a> Log<'a> {
    /// Appends to the log that is there.
    fn open(config: &TrainerConfig, output: &'a mut dyn Write) -> Result<Self, TrainingError> {
        let Some(folder) = &config.checkpoint else {
            return Ok(Self { output, rows: None, path: String::new() });
        };
        let path = folder.join("log.csv");
        let failed = |source| TrainingError::File { path: path.display().to_string(), source };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let is_new = !path.exists();
        let mut rows = std::fs::OpenOptions::new().create(true).append(true).open(&path).map_err(failed)?;
        if is_new {
            let mut header = "step,seconds,series,loss,loss_marginal,loss_cumulative,loss_any_demand,gradient_norm,\
                learning_rate,ms_per_step,ms_waited,series_per_second,tflops_per_second,\
                validation_marginal,validation_cumulative,validation_any_demand"
                .to_owned();
            for head in ["marginal", "cumulative"] {
                header.extend(LEVELS.iter().map(|level| format!(",coverage_{head}_{level}")));
            }
            writeln!(rows, "{header}").map_err(failed)?;
        }
        Ok(Self { output, rows: Some(rows), path: path.display().to_string() })
    }

    fn line(&mut self, text: &str) -> Result<(), TrainingError> {
        let failed = |source| TrainingError::File { path: "output".into(), source };
        writeln!(self.output, "{text}").and_then(|()| self.output.flush()).map_err(failed)
    }

    fn row(&mut self, text: &str) -> Result<(), TrainingError> {
        let Some(rows) = &mut self.rows else { return Ok(()) };
        writeln!(rows, "{text}").map_err(|source| TrainingError::File { path: self.path.clone(), source })
    }

    fn training(
        &mut self,
        state: &TrainingState,
        sums: &Sums,
        now: f64,
        learning_rate: f64,
    ) -> Result<(), TrainingError> {
        let values: Vec<f32> = Vec::try_from(sums.values.to_device(Device::Cpu)).expect("one dimension of floats");
        let steps = sums.steps as f64;
        let [marginal, cumulative, any_demand, norm] = [0, 1, 2, 3].map(|idx| f64::from(values[idx]) / steps);
        let loss = marginal + 0.5 * cumulative + 0.1 * any_demand;
        let seconds = now - sums.since;
        let (ms, ms_waited) = (1e3 * seconds / steps, 1e3 * sums.seconds_waited / steps);
        let (series_per_second, tflops) = (sums.series as f64 / seconds, sums.flops / seconds / 1e12);
        self.line(&format!(
            "step {:>7}  {:>6.0} s  loss {loss:.4} (marginal {marginal:.4}, cumulative {cumulative:.4}, any {any_demand:.4})  \
             gradient {norm:.3}  rate {learning_rate:.2e}  {ms:.1} ms/step, {ms_waited:.1} waiting  \
             {series_per_second:.0} series/s  {tflops:.2} TFLOP/s{}",
            state.step,
            state.seconds,
            if 0.0 < values[4] { format!("  {} GRADIENTS NOT FINITE", values[4]) } else { String::new() },
        ))?;
        self.row(&format!(
            "{},{:.1},{},{loss:.6},{marginal:.6},{cumulative:.6},{any_demand:.6},{norm:.5},{learning_rate:.4e},{ms:.3},\
             {ms_waited:.3},{series_per_second:.1},{tflops:.3},,,{}",
            state.step,
            state.seconds,
            state.n_series,
            ",".repeat(2 * N_LEVELS)
        ))
    }

    fn validation(&mut self, state: &TrainingState, validation: &Validation) -> Result<(), TrainingError> {
        let [marginal, cumulative] = validation.pinball;
        let [at_marginal, at_cumulative] = &validation.coverage;
        let shown = |coverage: &[f64; N_LEVELS]| {
            [0, 2, 6, 10, 14, 18, 20].map(|level| format!("{:.3}", coverage[level])).join(" ")
        };
        self.line(&format!(
            "validation at step {}: marginal {marginal:.4}, cumulative {cumulative:.4}, any {:.4}; coverage of \
             .01 .1 .3 .5 .7 .9 .99: {} and {}",
            state.step,
            validation.any_demand,
            shown(at_marginal),
            shown(at_cumulative),
        ))?;
        let coverage: Vec<String> =
            at_marginal.iter().chain(at_cumulative).map(|share| format!("{share:.5}")).collect();
        self.row(&format!(
            "{},{:.1},{},{}{marginal:.6},{cumulative:.6},{:.6},{}",
            state.step,
            state.seconds,
            state.n_series,
            ",".repeat(10),
            validation.any_demand,
            coverage.join(",")
        ))
    }
}

/// What libtorch sees of the machine, for the first lines of a run.
pub fn device_report(device: Device) -> String {
    let kernels = if Cuda::is_available() { "available" } else { "not available" };
    format!(
        "training on {device:?}; CUDA {kernels}, {} devices, cuDNN {}, {} CPU threads of libtorch",
        Cuda::device_count(),
        if Cuda::cudnn_is_available() { "available" } else { "not available" },
        tch::get_num_threads(),
    )
}
