//! What the network is trained on: a batch of windows of the same shape.

use half::f16;

use crate::config::{N_STATIC, PATCH, PATCH_WIDTH};

/// Windows of equal length, cut into patches. Every number is finite.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingBatch {
    /// Windows.
    pub n_series: usize,
    /// Patches of the past in each window.
    pub context_patches: usize,
    /// Patches of the future in each window.
    pub future_patches: usize,
    /// `[n_series, context_patches + future_patches, PATCH_WIDTH]`, a patch channel-major.
    pub patches: Vec<f16>,
    /// `[n_series, N_STATIC]`.
    pub statics: Vec<f32>,
    /// `[n_series, future_patches · PATCH]`: demand of the step, as `asinh(y / s)`.
    pub demand: Vec<f32>,
    /// `[n_series, future_patches · PATCH]`: demand from the origin to the end of the step, as `asinh(Σy / (h·s))`.
    pub cumulative: Vec<f32>,
    /// `[n_series, future_patches · PATCH]`: 1.0 where `demand` is known, 0.0 where it is not.
    pub demand_weight: Vec<f32>,
    /// `[n_series, future_patches · PATCH]`: 1.0 where every step up to this one is known.
    pub cumulative_weight: Vec<f32>,
    /// `[n_series, future_patches · PATCH]`: 1.0 where `demand` is what was sold until the stock ran out, a lower bound;
    /// cumulative demand is one from the first such step on. Generated batches know demand and have none.
    pub censored: Vec<f32>,
}

impl TrainingBatch {
    /// Steps of the future in each window.
    pub fn horizon(&self) -> usize {
        self.future_patches * PATCH
    }

    /// Panics unless every array has the length its shape says.
    pub fn assert_shape(&self) {
        let (n, h) = (self.n_series, self.horizon());
        assert_eq!(self.patches.len(), n * (self.context_patches + self.future_patches) * PATCH_WIDTH);
        assert_eq!(self.statics.len(), n * N_STATIC);
        for array in [&self.demand, &self.cumulative, &self.demand_weight, &self.cumulative_weight, &self.censored] {
            assert_eq!(array.len(), n * h);
        }
    }
}

/// Where training batches come from. A batch depends on its arguments alone, so training can be resumed at any step and
/// batches can be made ahead by any number of threads.
pub trait BatchSource: Send + Sync {
    /// The batch of a step. `progress` is the share of the training that is over, 0 to 1.
    fn batch(&self, step: u64, progress: f64) -> TrainingBatch;
}

/// The same few batches again and again: what a device can do when it need not wait for batches.
#[derive(Clone, Debug)]
pub struct RepeatedSource(pub Vec<TrainingBatch>);

impl BatchSource for RepeatedSource {
    fn batch(&self, step: u64, _progress: f64) -> TrainingBatch {
        self.0[step as usize % self.0.len()].clone()
    }
}
