//! AdamW on one flat tensor, with a bound on the gradient and a running average of the weights (Loshchilov & Hutter, 2019).

use tch::{Kind, Tensor};

use crate::config::ModelConfig;

/// Decay of the first moment.
const BETA_1: f64 = 0.9;
/// Decay of the second moment.
const BETA_2: f64 = 0.98;
/// Added to the root of the second moment.
const EPSILON: f64 = 1e-8;
/// Decay of matrices; biases and norms have none.
const WEIGHT_DECAY: f64 = 0.05;
/// Longest gradient; a longer one is shortened to it.
const MAX_GRADIENT_NORM: f64 = 1.0;
/// Decay of the running average, once it is warm.
const AVERAGE_DECAY: f64 = 0.9995;

/// Weights, moments and running average; every tensor is flat, `[n_parameters]`, in single precision.
#[derive(Debug)]
pub struct Optimiser {
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
    /// Moments of zero and an average equal to the weights.
    pub fn new(config: &ModelConfig, weights: &Tensor) -> Self {
        let decays: Vec<f32> = (config.tensors().iter())
            .flat_map(|(_, shape)| {
                std::iter::repeat_n(if shape.len() == 2 { 1.0 } else { 0.0 }, shape.iter().product())
            })
            .collect();
        assert_eq!(weights.size(), [config.n_parameters() as i64]);
        assert_eq!(weights.kind(), Kind::Float);
        Self {
            average: weights.detach().copy(),
            first_moment: weights.detach().zeros_like(),
            second_moment: weights.detach().zeros_like(),
            decays: Tensor::from_slice(&decays).to_device(weights.device()),
            weights: weights.detach().copy().set_requires_grad(true),
        }
    }

    /// One step, the `step`-th from 0. A gradient that is not finite counts as zero.
    /// Returns the length of the gradient before it was bounded, a tensor without dimensions on the device.
    pub fn step(&mut self, gradient: &Tensor, step: u64, learning_rate: f64) -> Tensor {
        tch::no_grad(|| {
            let norm = gradient.norm();
            let bound = ((&norm + 1e-6).reciprocal() * MAX_GRADIENT_NORM).clamp_max(1.0);
            let gradient = (gradient * bound).nan_to_num(0.0, 0.0, 0.0);
            let n_steps = (step + 1) as f64;
            let _ = self.first_moment.lerp_(&gradient, 1.0 - BETA_1);
            let _ = self.second_moment.lerp_(&(&gradient * &gradient), 1.0 - BETA_2);
            let mut deviation = (&self.second_moment / (1.0 - BETA_2.powf(n_steps))).sqrt();
            let _ = deviation.g_add_scalar_(EPSILON);
            let change = &self.first_moment * (learning_rate / (1.0 - BETA_1.powf(n_steps))) / deviation;
            let mut weights = self.weights.detach();
            let change = change + &weights * &self.decays * (learning_rate * WEIGHT_DECAY);
            let _ = weights.g_sub_(&change);
            let decay = AVERAGE_DECAY.min((1.0 + step as f64) / (10.0 + step as f64));
            let _ = self.average.lerp_(&weights, 1.0 - decay);
            norm
        })
    }
}

/// The learning rate of a step as a share of its peak: warm-up, constant to 70 % of the training, then `1 - √progress`
/// down to 0 (Hägele et al., 2024).
pub fn learning_rate_share(step: u64, total_steps: u64) -> f64 {
    let total = total_steps as f64;
    let warm_up = (0.03 * total).clamp(1.0, 1000.0);
    let decay_start = 0.7 * total;
    let warm = ((step + 1) as f64 / warm_up).min(1.0);
    let progress = ((step as f64 - decay_start) / (total - decay_start)).clamp(0.0, 1.0);
    warm * (1.0 - progress.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn learning_rate_rises_stays_and_falls() {
        let share = |step| learning_rate_share(step, 10_000);
        assert_eq!((share(149), share(299), share(6_999)), (0.5, 1.0, 1.0));
        assert!((share(7_750) - 0.5).abs() < 1e-12);
        assert_eq!(share(10_000), 0.0);
        assert_eq!(learning_rate_share(999, 1_000_000), 1.0);
    }

    /// The first step of Adam moves every weight by the learning rate, whatever the gradient.
    #[test]
    fn first_step_is_the_learning_rate() {
        let config = ModelConfig { n_layers: 1, d_model: 8, d_ff: 8, d_embed: 8, d_head: 8, ..ModelConfig::nano() };
        let weights = Tensor::zeros([config.n_parameters() as i64], (Kind::Float, tch::Device::Cpu));
        let mut optimiser = Optimiser::new(&config, &weights);
        let gradient = weights.ones_like() * -1e-4;
        let norm = optimiser.step(&gradient, 0, 0.01);
        assert!((norm.double_value(&[]) - 1e-4 * (config.n_parameters() as f64).sqrt()).abs() < 1e-4);
        let (least, most) = (optimiser.weights.min().double_value(&[]), optimiser.weights.max().double_value(&[]));
        assert!((least - 0.01).abs() < 1e-5 && (most - 0.01).abs() < 1e-5, "{least} to {most}");
        let before = optimiser.weights.detach().copy();
        let _ = optimiser.step(&(weights.ones_like() * f64::NAN), 1, 0.01);
        assert!(optimiser.weights.isfinite().all().int64_value(&[]) == 1);
        assert!(before.allclose(&optimiser.weights, 1e-5, 0.02, false));
    }
}
