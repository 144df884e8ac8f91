//! Weights before training.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::config::{MEDIAN, ModelConfig, N_LEVELS, N_OUTPUTS};

/// Weights before training, in the order of [`ModelConfig::tensors`].
///
/// Matrices are normal with standard deviation 0.02, those that write into the residual stream `0.02 / √(2·n_layers)`;
/// norms are 1, biases 0 except those of the quantile increments, which start at -2: increments of 0.13.
pub fn initial_weights(config: &ModelConfig, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut weights = Vec::with_capacity(config.n_parameters());
    for (name, shape) in config.tensors() {
        let n_values: usize = shape.iter().product();
        if shape.len() == 2 {
            let writes_residual = name.ends_with("attention.output.weight") || name.ends_with("mlp.output.weight");
            let deviation = if writes_residual { 0.02 / (2.0 * config.n_layers as f64).sqrt() } else { 0.02 };
            weights.extend((0..n_values).map(|_| {
                let draw: f64 = StandardNormal.sample(&mut rng);
                (deviation * draw) as f32
            }));
        } else if name == "head.output.bias" {
            weights.extend((0..n_values).map(|idx| {
                let output = idx % N_OUTPUTS;
                if output < 2 * N_LEVELS && output % N_LEVELS != MEDIAN { -2.0 } else { 0.0 }
            }));
        } else {
            weights.extend(std::iter::repeat_n(if name.ends_with("norm.weight") { 1.0 } else { 0.0 }, n_values));
        }
    }
    assert_eq!(weights.len(), config.n_parameters());
    weights
}
