//! AdamW on parameters in a row, with a bound on the gradient and a running average of the weights
//! (Loshchilov & Hutter, 2019).

use rayon::prelude::*;

use crate::config::ModelConfig;

/// Longest gradient; a longer one is shortened to it.
pub const MAX_GRADIENT_NORM: f64 = 1.0;

/// Values of one piece of work; sums run piece by piece, so they are the same for any number of threads.
const CHUNK: usize = 1 << 14;

/// Settings of AdamW. The default is what the pretrained model was trained with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWSettings {
    /// Decay of the first moment.
    pub beta_1: f64,
    /// Decay of the second moment.
    pub beta_2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Decay of those weights that decay, per step and unit of learning rate.
    pub weight_decay: f64,
    /// Decay of the running average, once it is warm.
    pub average_decay: f64,
}

impl Default for AdamWSettings {
    fn default() -> Self {
        Self { beta_1: 0.9, beta_2: 0.98, epsilon: 1e-8, weight_decay: 0.05, average_decay: 0.9995 }
    }
}

/// Everything an optimiser carries from step to step; all arrays are of one length.
#[derive(Clone, Debug, PartialEq)]
pub struct OptimiserState {
    /// The weights that are trained.
    pub weights: Vec<f32>,
    /// Running average of the weights: what is validated and exported.
    pub average: Vec<f32>,
    /// Running mean of the gradient.
    pub first_moment: Vec<f32>,
    /// Running mean of the squared gradient.
    pub second_moment: Vec<f32>,
}

impl OptimiserState {
    /// Moments of zero and an average equal to the weights.
    pub fn new(weights: Vec<f32>) -> Self {
        let zeros = vec![0.0; weights.len()];
        Self { average: weights.clone(), first_moment: zeros.clone(), second_moment: zeros, weights }
    }
}

/// The optimiser on a CPU.
#[derive(Clone, Debug)]
pub struct AdamW {
    settings: AdamWSettings,
    state: OptimiserState,
    /// 1 where weights decay, 0 elsewhere.
    decays: Vec<f32>,
}

/// 1 for every parameter of a matrix, which decays, 0 for those of biases and norms, which do not.
pub fn decays(config: &ModelConfig) -> Vec<f32> {
    let of_tensor = |(_, shape): (String, Vec<usize>)| {
        std::iter::repeat_n(if shape.len() == 2 { 1.0 } else { 0.0 }, shape.iter().product())
    };
    config.tensors().into_iter().flat_map(of_tensor).collect()
}

impl AdamW {
    /// `decays` is 1 where weights decay and 0 elsewhere.
    ///
    /// # Panics
    /// Unless all arrays are of one length.
    pub fn new(state: OptimiserState, decays: Vec<f32>, settings: AdamWSettings) -> Self {
        for array in [&state.average, &state.first_moment, &state.second_moment, &decays] {
            assert_eq!(array.len(), state.weights.len());
        }
        Self { settings, state, decays }
    }

    /// Weights, average and moments.
    pub fn state(&self) -> &OptimiserState {
        &self.state
    }

    /// One step, the `step`-th from 0. A gradient that is not finite counts as zero.
    /// Returns the length of the gradient before it was bounded.
    ///
    /// ```
    /// use restock_pretrained::training::{AdamW, OptimiserState};
    ///
    /// // The first step of Adam moves a weight by the learning rate, whatever the gradient.
    /// let mut optimiser = AdamW::new(OptimiserState::new(vec![1.0]), vec![0.0], Default::default());
    /// assert_eq!(optimiser.step(&[3.0], 0, 0.25), 3.0);
    /// assert!((optimiser.state().weights[0] - 0.75).abs() < 1e-6);
    /// ```
    pub fn step(&mut self, gradient: &[f32], step: u64, learning_rate: f64) -> f64 {
        assert_eq!(gradient.len(), self.decays.len());
        let squares: Vec<f64> =
            gradient.par_chunks(CHUNK).map(|chunk| chunk.iter().map(|slope| f64::from(*slope).powi(2)).sum()).collect();
        let norm = squares.iter().sum::<f64>().sqrt();
        let bound = if norm.is_finite() { (MAX_GRADIENT_NORM / (norm + 1e-6)).min(1.0) as f32 } else { 0.0 };
        let AdamWSettings { beta_1, beta_2, epsilon, weight_decay, average_decay } = self.settings;
        let n_steps = (step + 1) as f64;
        let (mix_1, mix_2) = ((1.0 - beta_1) as f32, (1.0 - beta_2) as f32);
        let second_scale = (1.0 / (1.0 - beta_2.powf(n_steps))) as f32;
        let rate = (learning_rate / (1.0 - beta_1.powf(n_steps))) as f32;
        let decay = (learning_rate * weight_decay) as f32;
        let average_mix = (1.0 - average_decay.min((1.0 + step as f64) / (10.0 + step as f64))) as f32;
        let epsilon = epsilon as f32;
        let OptimiserState { weights, average, first_moment, second_moment } = &mut self.state;
        weights
            .par_chunks_mut(CHUNK)
            .zip(average.par_chunks_mut(CHUNK))
            .zip(first_moment.par_chunks_mut(CHUNK).zip(second_moment.par_chunks_mut(CHUNK)))
            .zip(gradient.par_chunks(CHUNK).zip(self.decays.par_chunks(CHUNK)))
            .for_each(|(((weights, average), (first, second)), (gradient, decays))| {
                for idx in 0..weights.len() {
                    let slope = if bound > 0.0 { gradient[idx] * bound } else { 0.0 };
                    first[idx] += (slope - first[idx]) * mix_1;
                    second[idx] += (slope * slope - second[idx]) * mix_2;
                    let deviation = (second[idx] * second_scale).sqrt() + epsilon;
                    weights[idx] -= first[idx] * rate / deviation + weights[idx] * decays[idx] * decay;
                    average[idx] += (weights[idx] - average[idx]) * average_mix;
                }
            });
        norm
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

    /// Adam by hand for one weight of 2 with gradients 0.5 and -0.25, learning rate 0.1, no decay of weights.
    #[test]
    fn two_steps_by_hand() {
        let settings = AdamWSettings { weight_decay: 0.0, average_decay: 0.9, ..AdamWSettings::default() };
        let mut optimiser = AdamW::new(OptimiserState::new(vec![2.0]), vec![1.0], settings);
        optimiser.step(&[0.5], 0, 0.1);
        optimiser.step(&[-0.25], 1, 0.1);
        let first = 0.1 * 0.5 * 0.9 - 0.1 * 0.25;
        let second = 0.02 * 0.25 * 0.98 + 0.02 * 0.0625;
        let change = first / (1.0 - 0.81) / f64::sqrt(second / (1.0 - 0.98 * 0.98));
        let state = optimiser.state();
        assert!((f64::from(state.weights[0]) - (1.9 - 0.1 * change)).abs() < 1e-6, "{state:?}");
        // The average is cold: it takes nine tenths of the first change and 9 of 11 parts of the second.
        let average = 2.0 - 0.1 * 0.9;
        let expected = average + (f64::from(state.weights[0]) - average) * 9.0 / 11.0;
        assert!((f64::from(state.average[0]) - expected).abs() < 1e-6, "{state:?}");
    }

    #[test]
    fn a_long_gradient_is_shortened_and_a_broken_one_counts_as_zero() {
        let mut optimiser = AdamW::new(OptimiserState::new(vec![1.0; 4]), vec![0.0; 4], AdamWSettings::default());
        assert_eq!(optimiser.step(&[30.0, 40.0, 0.0, 0.0], 0, 0.0), 50.0);
        let first = &optimiser.state().first_moment;
        assert!((first[0] - 0.06).abs() < 1e-6 && (first[1] - 0.08).abs() < 1e-6, "{first:?}");
        assert!(optimiser.step(&[f32::NAN, 1.0, 1.0, 1.0], 1, 0.1).is_nan());
        assert!(optimiser.state().weights.iter().all(|weight| weight.is_finite()));
        assert_eq!(optimiser.state().first_moment[2], 0.0);
    }

    #[test]
    fn only_weights_that_decay_decay() {
        let mut optimiser = AdamW::new(OptimiserState::new(vec![1.0; 2]), vec![1.0, 0.0], AdamWSettings::default());
        optimiser.step(&[0.0, 0.0], 0, 0.1);
        assert_eq!(optimiser.state().weights, [1.0 - 0.005, 1.0]);
    }
}
