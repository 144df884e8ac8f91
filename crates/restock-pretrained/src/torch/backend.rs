//! Steps of a training on a device of libtorch.

use std::borrow::Cow;

use tch::{Cuda, Device, Kind, Tensor};

use super::network::{DeviceBatch, Network, quantiles};
use super::optimiser::Optimiser;
use crate::batch::TrainingBatch;
use crate::config::{ModelConfig, N_LEVELS, N_STATIC, PATCH_WIDTH};
use crate::training::adamw::OptimiserState;
use crate::training::checkpoint::Kept;
use crate::training::losses::Losses;
use crate::training::trainer::{Backend, Figures};
use crate::training::validation::Validation;

/// Weights and moments on a device.
#[derive(Debug)]
pub struct Torch {
    device: Device,
    network: Network,
    optimiser: Optimiser,
    /// `[5]` on the device: marginal, cumulative and any-demand losses, gradient norm, steps that are not finite.
    figures: Tensor,
}

/// A batch on the host, in memory that the device can read by itself.
#[derive(Debug)]
pub struct HostBatch {
    /// `[n_series, n_patches, PATCH_WIDTH]`, half precision.
    patches: Tensor,
    /// Statics, targets and weights in a row, single precision.
    others: Tensor,
    n_series: i64,
    horizon: i64,
    future_patches: i64,
}

impl Torch {
    /// Continues from `state` on `device`; activations are bfloat16 on a GPU.
    pub fn new(config: &ModelConfig, state: &OptimiserState, device: Device) -> Self {
        let kind = if device.is_cuda() { Kind::BFloat16 } else { Kind::Float };
        Self {
            device,
            network: Network::new(config, device, kind),
            optimiser: Optimiser::new(config, state, device),
            figures: Tensor::zeros([5], (Kind::Float, device)),
        }
    }
}

impl Backend for Torch {
    type Prepared = HostBatch;
    type Place = Device;

    fn place(&self) -> Device {
        self.device
    }

    fn prepare(device: Device, batch: TrainingBatch) -> HostBatch {
        HostBatch::new(&batch, device)
    }

    fn step(&mut self, batch: &HostBatch, step: u64, learning_rate: f64) {
        let on_device = batch.upload(self.device, self.network.kind());
        let weights = self.network.weights(&self.optimiser.weights);
        let raw = self.network.forward(&weights, &on_device.patches, &on_device.statics, on_device.future_patches);
        let losses = self.network.losses(&raw, &on_device);
        let gradient = Tensor::run_backward(&[losses.total], &[&self.optimiser.weights], false, false).remove(0);
        let norm = self.optimiser.step(&gradient, step, learning_rate);
        let is_good = norm.isfinite().to_kind(Kind::Float);
        let figures = Tensor::cat(&[losses.parts, norm.view(1)], 0) * &is_good;
        let figures = Tensor::cat(&[figures.nan_to_num(0.0, 0.0, 0.0), is_good.logical_not().view(1)], 0);
        self.figures = tch::no_grad(|| &self.figures + figures);
    }

    fn take_figures(&mut self) -> Figures {
        let values: Vec<f32> = Vec::try_from(self.figures.to_device(Device::Cpu)).expect("one dimension of floats");
        self.figures = self.figures.zeros_like();
        let [marginal, cumulative, any_demand, gradient_norm] = [0, 1, 2, 3].map(|idx| f64::from(values[idx]));
        Figures {
            losses: Losses { marginal, cumulative, any_demand, from_teacher: 0.0 },
            gradient_norm,
            n_broken: values[4] as u64,
        }
    }

    fn validate(&self, batches: &[HostBatch]) -> Validation {
        tch::no_grad(|| {
            let weights = self.network.weights(&self.optimiser.average);
            let sums: Vec<Tensor> = batches.iter().map(|batch| self.validation_sums(&weights, batch)).collect();
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

    fn optimiser(&self) -> Cow<'_, OptimiserState> {
        Cow::Owned(self.optimiser.state())
    }

    fn kept(&self) -> Kept {
        if self.device.is_cuda() { Kept::Compactly } else { Kept::Exactly }
    }
}

impl Torch {
    /// `[3 + 4 · N_LEVELS]`: counts of known cells of both heads, cross-entropy, pinball losses and covered cells by head
    /// and level.
    fn validation_sums(&self, weights: &super::network::Weights, batch: &HostBatch) -> Tensor {
        let batch = batch.upload(self.device, self.network.kind());
        let raw = self.network.forward(weights, &batch.patches, &batch.statics, batch.future_patches);
        let entropy = self.network.losses(&raw, &batch).parts.select(0, 2).to_kind(Kind::Double);
        let counts = batch.weights.sum_dim_intlist([0i64, 1].as_slice(), false, Kind::Double); // [2]
        let quantiles = quantiles(&raw); // [n_series, horizon, 2, N_LEVELS]
        let weight = batch.weights.unsqueeze(-1);
        let over_cells = |cells: Tensor| cells.sum_dim_intlist([0i64, 1].as_slice(), false, Kind::Double).flatten(0, 1);
        let pinball = over_cells(self.network.pinball(&quantiles, &batch.targets) * &weight);
        let covered = batch.targets.unsqueeze(-1).le_tensor(&quantiles).to_kind(Kind::Float);
        let covered = over_cells(covered * &weight);
        let entropy = entropy * counts.select(0, 0);
        Tensor::cat(&[counts, entropy.view(1), pinball, covered], 0)
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
}

/// The first GPU that libtorch can use. Threads of the CPU are then for making batches.
pub fn first_gpu() -> Option<Device> {
    if !Cuda::is_available() {
        return None;
    }
    tch::set_num_threads(1);
    Some(Device::Cuda(0))
}
