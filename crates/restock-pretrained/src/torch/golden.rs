//! Inputs and outputs of a tiny network with random weights, for tests of other implementations.

use std::path::Path;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use tch::{Device, Kind, Tensor};

use super::TrainingError;
use super::checkpoint::{HostTensor, config_metadata, named_tensors, write_tensors};
use super::network::{Network, quantiles};
use crate::config::{ModelConfig, N_STATIC, PATCH_WIDTH};

/// Sizes of the network of a golden file: small, and no two alike that could be swapped by mistake.
pub fn tiny_config() -> ModelConfig {
    ModelConfig {
        name: "tiny".into(),
        d_model: 24,
        n_layers: 2,
        n_heads: 3,
        d_ff: 40,
        d_embed: 28,
        d_head: 20,
        rope_theta: 1e4,
    }
}

/// Weights of which every one matters: normal with a standard deviation of `1/√in`, norms around 1, biases of 0.3.
pub fn random_weights(config: &ModelConfig, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut weights = Vec::with_capacity(config.n_parameters());
    for (name, shape) in config.tensors() {
        let deviation = if shape.len() == 2 { 1.0 / (shape[1] as f64).sqrt() } else { 0.3 };
        let mean = if name.ends_with("norm.weight") { 1.0 } else { 0.0 };
        for _ in 0..shape.iter().product() {
            let draw: f64 = StandardNormal.sample(&mut rng);
            // Rounded to half precision, so that a weights file holds them exactly.
            weights.push(half::f16::from_f64(mean + deviation * draw).to_f32());
        }
    }
    weights
}

/// Writes a safetensors file of a tiny network: its tensors by name in single precision, the metadata `config`, and for
/// each case `c` the tensors `golden.c.patches` `[n, P+F, 352]`, `golden.c.statics` `[n, 48]`, `golden.c.raw`
/// `[n, 16·F, 43]` and `golden.c.quantiles` `[n, 16·F, 2, 21]`; the metadata `future_patches` lists F of every case.
pub fn write_golden(path: &Path, seed: u64) -> Result<(), TrainingError> {
    let config = tiny_config();
    let weights = random_weights(&config, seed);
    let flat = Tensor::from_slice(&weights);
    let network = Network::new(&config, Device::Cpu, Kind::Double);
    let mut tensors = named_tensors(&config, &flat, Kind::Float);
    let cases = [(3i64, 1i64, 1i64), (2, 5, 3), (1, 64, 16)];
    let mut rng = ChaCha8Rng::seed_from_u64(seed + 1);
    for (idx, (n_series, context_patches, future_patches)) in cases.into_iter().enumerate() {
        let n_patches = context_patches + future_patches;
        let mut uniform = |n: i64| (0..n).map(|_| rng.random_range(-2.0f32..2.0)).collect::<Vec<_>>();
        let patches = Tensor::from_slice(&uniform(n_series * n_patches * PATCH_WIDTH as i64)).view([
            n_series,
            n_patches,
            PATCH_WIDTH as i64,
        ]);
        let statics = Tensor::from_slice(&uniform(n_series * N_STATIC as i64)).view([n_series, N_STATIC as i64]);
        let raw = network.forward(
            &network.weights(&flat),
            &patches.to_kind(Kind::Double),
            &statics.to_kind(Kind::Double),
            future_patches,
        );
        let named = [
            ("patches", patches),
            ("statics", statics),
            ("quantiles", quantiles(&raw).to_kind(Kind::Float)),
            ("raw", raw.to_kind(Kind::Float)),
        ];
        tensors.extend(named.map(|(name, tensor)| HostTensor::new(&format!("golden.{idx}.{name}"), &tensor)));
    }
    let mut metadata = config_metadata(&config);
    let futures: Vec<String> = cases.iter().map(|(_, _, future)| future.to_string()).collect();
    metadata.insert("future_patches".to_owned(), futures.join(","));
    write_tensors(path, &tensors, metadata)
}
