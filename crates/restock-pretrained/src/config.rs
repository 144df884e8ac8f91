//! The shape of the network: what a weights file says about itself.

use serde::{Deserialize, Serialize};

/// Steps in one patch, the unit the transformer reads and writes.
pub const PATCH: usize = 16;

/// Values per step in a patch; channel-major within a patch.
pub const N_CHANNELS: usize = 22;

/// Values of one patch as the embedding sees it: channel-major, `[N_CHANNELS, PATCH]`.
pub const PATCH_WIDTH: usize = N_CHANNELS * PATCH;

/// Values of the static token, in the order of the feature builder.
pub const N_STATIC: usize = 48;

/// Quantile levels of both heads.
pub const LEVELS: [f64; N_LEVELS] = [
    0.01, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.99,
];

/// The number of quantile levels.
pub const N_LEVELS: usize = 21;

/// The index of the median in [`LEVELS`].
pub const MEDIAN: usize = 10;

/// Raw outputs per future step: marginal quantiles, cumulative quantiles, the logit of any demand at all.
pub const N_OUTPUTS: usize = 2 * N_LEVELS + 1;

/// Raw outputs of one future patch, step-major: `[PATCH, N_OUTPUTS]`.
pub const HEAD_WIDTH: usize = PATCH * N_OUTPUTS;

/// Context patches that fit at most.
pub const MAX_CONTEXT_PATCHES: usize = 64;

/// Future patches that fit at most.
pub const MAX_FUTURE_PATCHES: usize = 16;

/// Sizes of a network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelConfig {
    /// Name of the size: `nano`, `base`.
    pub name: String,
    /// Width of a token.
    pub d_model: usize,
    /// Transformer layers.
    pub n_layers: usize,
    /// Attention heads; each has `d_model / n_heads` values.
    pub n_heads: usize,
    /// Width inside a layer's feed-forward block.
    pub d_ff: usize,
    /// Width inside the patch embedding.
    pub d_embed: usize,
    /// Width inside the output block.
    pub d_head: usize,
    /// Base of the rotary position angles.
    pub rope_theta: f64,
}

impl ModelConfig {
    /// About 1.5 million parameters: tests, edge devices, training on a CPU.
    pub fn nano() -> Self {
        Self {
            name: "nano".into(),
            d_model: 128,
            n_layers: 4,
            n_heads: 2,
            d_ff: 512,
            d_embed: 384,
            d_head: 384,
            rope_theta: 1e4,
        }
    }

    /// About 6.3 million parameters; in half precision the file is below 16 MB.
    pub fn base() -> Self {
        Self {
            name: "base".into(),
            d_model: 256,
            n_layers: 6,
            n_heads: 4,
            d_ff: 1024,
            d_embed: 512,
            d_head: 1024,
            rope_theta: 1e4,
        }
    }

    /// Values per attention head.
    pub fn d_k(&self) -> usize {
        self.d_model / self.n_heads
    }

    /// Every tensor of the network with its shape, `[out, in]` for matrices, in the order of the weights file.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let d = self.d_model;
        let mut tensors = vec![
            ("embed.hidden.weight".to_owned(), vec![self.d_embed, PATCH_WIDTH]),
            ("embed.hidden.bias".to_owned(), vec![self.d_embed]),
            ("embed.output.weight".to_owned(), vec![d, self.d_embed]),
            ("embed.output.bias".to_owned(), vec![d]),
            ("embed.residual.weight".to_owned(), vec![d, PATCH_WIDTH]),
            ("static.hidden.weight".to_owned(), vec![d, N_STATIC]),
            ("static.hidden.bias".to_owned(), vec![d]),
            ("static.output.weight".to_owned(), vec![d, d]),
            ("static.output.bias".to_owned(), vec![d]),
        ];
        for layer in 0..self.n_layers {
            let mut push = |name: &str, shape: Vec<usize>| tensors.push((format!("layers.{layer}.{name}"), shape));
            push("attention.norm.weight", vec![d]);
            push("attention.qkv.weight", vec![3 * d, d]);
            push("attention.q_norm.weight", vec![self.d_k()]);
            push("attention.k_norm.weight", vec![self.d_k()]);
            push("attention.output.weight", vec![d, d]);
            push("mlp.norm.weight", vec![d]);
            push("mlp.hidden.weight", vec![self.d_ff, d]);
            push("mlp.output.weight", vec![d, self.d_ff]);
        }
        tensors.extend([
            ("norm.weight".to_owned(), vec![d]),
            ("head.hidden.weight".to_owned(), vec![self.d_head, d]),
            ("head.hidden.bias".to_owned(), vec![self.d_head]),
            ("head.output.weight".to_owned(), vec![HEAD_WIDTH, self.d_head]),
            ("head.output.bias".to_owned(), vec![HEAD_WIDTH]),
            ("head.residual.weight".to_owned(), vec![HEAD_WIDTH, d]),
        ]);
        tensors
    }

    /// Parameters in all tensors.
    pub fn n_parameters(&self) -> usize {
        self.tensors().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_as_stated() {
        assert!(
            (1_300_000..1_700_000).contains(&ModelConfig::nano().n_parameters()),
            "{}",
            ModelConfig::nano().n_parameters()
        );
        assert!(
            (6_000_000..8_000_000).contains(&ModelConfig::base().n_parameters()),
            "{}",
            ModelConfig::base().n_parameters()
        );
        assert_eq!(LEVELS[MEDIAN], 0.5);
    }
}
