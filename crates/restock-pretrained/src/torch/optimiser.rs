//! AdamW on one flat tensor: [`crate::training::adamw`] on a device.

use tch::{Device, Kind, Tensor};

use crate::config::ModelConfig;
use crate::training::adamw::{AdamWSettings, MAX_GRADIENT_NORM, OptimiserState, decays};

/// Weights, moments and running average; every tensor is flat, `[n_parameters]`, in single precision.
#[derive(Debug)]
pub struct Optimiser {
    settings: AdamWSettings,
    /// The weights that are trained; they need a gradient.
    pub weights: Tensor,
    /// Running average of the weights: what is validated and exported.
    pub average: Tensor,
    /// Running mean of the gradient.
    pub first_moment: Tensor,
    /// Running mean of the squared gradient.
    pub second_moment: Tensor,
    /// 1 where weights decay, 0 elsewhere.
    decays: Tensor,
}

impl Optimiser {
    /// Continues from `state` on `device`.
    pub fn new(config: &ModelConfig, state: &OptimiserState, device: Device) -> Self {
        let on_device = |values: &[f32]| Tensor::from_slice(values).to_device(device);
        assert_eq!(state.weights.len(), config.n_parameters());
        Self {
            settings: AdamWSettings::default(),
            weights: on_device(&state.weights).set_requires_grad(true),
            average: on_device(&state.average),
            first_moment: on_device(&state.first_moment),
            second_moment: on_device(&state.second_moment),
            decays: on_device(&decays(config)),
        }
    }

    /// A copy on the host.
    pub fn state(&self) -> OptimiserState {
        let on_host = |tensor: &Tensor| {
            Vec::try_from(tensor.detach().to_device(Device::Cpu).to_kind(Kind::Float)).expect("one dimension of floats")
        };
        OptimiserState {
            weights: on_host(&self.weights),
            average: on_host(&self.average),
            first_moment: on_host(&self.first_moment),
            second_moment: on_host(&self.second_moment),
        }
    }

    /// One step, the `step`-th from 0. A gradient that is not finite counts as zero.
    /// Returns the length of the gradient before it was bounded, a tensor without dimensions on the device.
    pub fn step(&mut self, gradient: &Tensor, step: u64, learning_rate: f64) -> Tensor {
        let AdamWSettings { beta_1, beta_2, epsilon, weight_decay, average_decay } = self.settings;
        tch::no_grad(|| {
            let norm = gradient.norm();
            let bound = ((&norm + 1e-6).reciprocal() * MAX_GRADIENT_NORM).clamp_max(1.0);
            let gradient = (gradient * bound).nan_to_num(0.0, 0.0, 0.0);
            let n_steps = (step + 1) as f64;
            let _ = self.first_moment.lerp_(&gradient, 1.0 - beta_1);
            let _ = self.second_moment.lerp_(&(&gradient * &gradient), 1.0 - beta_2);
            let mut deviation = (&self.second_moment / (1.0 - beta_2.powf(n_steps))).sqrt();
            let _ = deviation.g_add_scalar_(epsilon);
            let change = &self.first_moment * (learning_rate / (1.0 - beta_1.powf(n_steps))) / deviation;
            let mut weights = self.weights.detach();
            let change = change + &weights * &self.decays * (learning_rate * weight_decay);
            let _ = weights.g_sub_(&change);
            let decay = average_decay.min((1.0 + step as f64) / (10.0 + step as f64));
            let _ = self.average.lerp_(&weights, 1.0 - decay);
            norm
        })
    }
}
