//! The forward pass of the network, quantiles and loss, as libtorch tensors.
//!
//! All parameters are one flat tensor, cut into views here: the gradient comes back as one flat tensor too, so that the
//! optimiser is a handful of elementwise kernels.

use std::collections::HashMap;

use tch::{Device, Kind, Tensor};

use crate::config::{
    LEVELS, MAX_CONTEXT_PATCHES, MAX_FUTURE_PATCHES, MEDIAN, ModelConfig, N_LEVELS, N_OUTPUTS, N_STATIC, PATCH,
    PATCH_WIDTH,
};
use crate::training::losses::{ANY_DEMAND_WEIGHT, CUMULATIVE_WEIGHT, TAIL_WEIGHT};

/// Added to the mean square before its root.
const EPSILON: f64 = 1e-6;

/// A batch on the device of the network.
#[derive(Debug)]
pub struct DeviceBatch {
    /// `[n_series, n_patches, PATCH_WIDTH]`, of the network's kind.
    pub patches: Tensor,
    /// `[n_series, N_STATIC]`, of the network's kind.
    pub statics: Tensor,
    /// `[n_series, horizon, 2]`: demand and cumulative demand in asinh space.
    pub targets: Tensor,
    /// `[n_series, horizon, 2]`: their weights.
    pub weights: Tensor,
    /// Patches of the future.
    pub future_patches: i64,
}

/// The network of one size on one device. It owns constants only; weights are an argument.
#[derive(Debug)]
pub struct Network {
    config: ModelConfig,
    kind: Kind,
    names: Vec<String>,
    shapes: Vec<Vec<i64>>,
    sizes: Vec<i64>,
    /// `[positions, 1, d_k]`: cosine of the rotary angles, twice.
    cosine: Tensor,
    /// `[positions, 1, d_k]`: minus the sine in the first half, the sine in the second.
    sine: Tensor,
    /// `[N_LEVELS]`.
    levels: Tensor,
    /// `[N_LEVELS]`: weight of a level in the loss, divided by the number of levels.
    level_weights: Tensor,
}

/// The pinball losses and the binary loss of a batch, as zero-dimensional tensors.
#[derive(Debug)]
pub struct Losses {
    /// What training minimises.
    pub total: Tensor,
    /// `[3]`, without gradient: marginal pinball, cumulative pinball, binary cross-entropy.
    pub parts: Tensor,
}

/// The parameters of a network by name, as views of one flat tensor.
#[derive(Debug)]
pub struct Weights(HashMap<String, Tensor>);

impl Weights {
    fn get(&self, name: &str) -> &Tensor {
        self.0.get(name).unwrap_or_else(|| panic!("no tensor {name}"))
    }

    fn layer(&self, layer: usize, name: &str) -> &Tensor {
        self.get(&format!("layers.{layer}.{name}"))
    }
}

impl Network {
    /// The network on `device`, its activations of `kind`; outputs and loss are always single precision or better.
    pub fn new(config: &ModelConfig, device: Device, kind: Kind) -> Self {
        let tensors = config.tensors();
        let shapes: Vec<Vec<i64>> =
            tensors.iter().map(|(_, shape)| shape.iter().map(|&size| size as i64).collect()).collect();
        let n_positions = 1 + MAX_CONTEXT_PATCHES + MAX_FUTURE_PATCHES;
        let (d_k, half) = (config.d_k(), config.d_k() / 2);
        assert_eq!(d_k % 2, 0, "values of a head must be even in number");
        let angle =
            |position: usize, j: usize| position as f64 * config.rope_theta.powf(-2.0 * (j % half) as f64 / d_k as f64);
        let table = |value: &dyn Fn(usize, usize) -> f64| {
            let values: Vec<f64> = (0..n_positions * d_k).map(|idx| value(idx / d_k, idx % d_k)).collect();
            Tensor::from_slice(&values).view([n_positions as i64, 1, d_k as i64]).to_device(device).to_kind(kind)
        };
        let exact = if kind == Kind::Double { Kind::Double } else { Kind::Float };
        let mut level_weights = [1.0 / N_LEVELS as f64; N_LEVELS];
        level_weights[0] *= TAIL_WEIGHT;
        level_weights[N_LEVELS - 1] *= TAIL_WEIGHT;
        Self {
            config: config.clone(),
            kind,
            names: tensors.into_iter().map(|(name, _)| name).collect(),
            sizes: shapes.iter().map(|shape| shape.iter().product()).collect(),
            shapes,
            cosine: table(&|position, j| angle(position, j).cos()),
            sine: table(&|position, j| if j < half { -angle(position, j).sin() } else { angle(position, j).sin() }),
            levels: Tensor::from_slice(&LEVELS).to_device(device).to_kind(exact),
            level_weights: Tensor::from_slice(&level_weights).to_device(device).to_kind(exact),
        }
    }

    /// The kind of activations.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Cuts a flat tensor of all parameters into named views of the network's kind.
    pub fn weights(&self, flat: &Tensor) -> Weights {
        let views = flat.to_kind(self.kind).split_with_sizes(&self.sizes, 0);
        let shaped = views.iter().zip(&self.shapes).map(|(view, shape)| view.view(shape.as_slice()));
        Weights(self.names.iter().cloned().zip(shaped).collect())
    }

    /// Raw outputs `[n_series, horizon, N_OUTPUTS]`, in single precision or better.
    pub fn forward(&self, weights: &Weights, patches: &Tensor, statics: &Tensor, future_patches: i64) -> Tensor {
        let (n_series, n_patches, width) = patches.size3().expect("patches have three dimensions");
        let n_tokens = 1 + n_patches;
        assert_eq!((width, statics.size()), (PATCH_WIDTH as i64, vec![n_series, N_STATIC as i64]));
        assert!(0 < future_patches && future_patches < n_patches);
        let (cosine, sine) = (self.cosine.narrow(0, 0, n_tokens), self.sine.narrow(0, 0, n_tokens));
        let embedded = self.embed(weights, patches); // [n_series, n_patches, d_model]
        let hidden = linear(statics, weights, "static.hidden").gelu("tanh");
        let first = linear(&hidden, weights, "static.output").unsqueeze(1); // [n_series, 1, d_model]
        let mut x = Tensor::cat(&[first, embedded], 1); // [n_series, n_tokens, d_model]
        for layer in 0..self.config.n_layers {
            // Later layers read every token; after the last one only the future is read.
            let n_kept = if layer + 1 == self.config.n_layers { future_patches } else { n_tokens };
            let attended = self.attention(weights, layer, &x, &cosine, &sine, n_kept);
            x = x.narrow(1, n_tokens - n_kept, n_kept) + attended;
            let normed = self.rms(&x, weights.layer(layer, "mlp.norm.weight"));
            let hidden = matmul(&normed, weights.layer(layer, "mlp.hidden.weight")).gelu("tanh");
            // Not in place: the gradient of the norm needs `x` as it was.
            x = x.g_add(&matmul(&hidden, weights.layer(layer, "mlp.output.weight")));
        }
        let x = self.rms(&x, weights.get("norm.weight")); // [n_series, future_patches, d_model]
        self.head(weights, &x).view([n_series, future_patches * PATCH as i64, N_OUTPUTS as i64])
    }

    fn embed(&self, weights: &Weights, patches: &Tensor) -> Tensor {
        let hidden = linear(patches, weights, "embed.hidden").gelu("tanh");
        linear(&hidden, weights, "embed.output") + matmul(patches, weights.get("embed.residual.weight"))
    }

    /// What the last `n_kept` tokens read from all tokens, `[n_series, n_kept, d_model]`.
    fn attention(
        &self,
        weights: &Weights,
        layer: usize,
        x: &Tensor,
        cosine: &Tensor,
        sine: &Tensor,
        n_kept: i64,
    ) -> Tensor {
        let (n_series, n_tokens, d_model) = x.size3().expect("tokens have three dimensions");
        let (n_heads, d_k) = (self.config.n_heads as i64, self.config.d_k() as i64);
        let normed = self.rms(x, weights.layer(layer, "attention.norm.weight"));
        let qkv = matmul(&normed, weights.layer(layer, "attention.qkv.weight"));
        let parts = qkv.split_with_sizes([2 * d_model, d_model], -1);
        // Queries and keys pass norm and rotation together: [n_series, n_tokens, 2 · n_heads, d_k].
        let qk = parts[0].reshape([n_series, n_tokens, 2 * n_heads, d_k]);
        let qk = qk.rms_norm([d_k], None::<&Tensor>, EPSILON).view([n_series, n_tokens, 2, n_heads, d_k]);
        let scale = Tensor::stack(
            &[weights.layer(layer, "attention.q_norm.weight"), weights.layer(layer, "attention.k_norm.weight")],
            0,
        );
        let qk = qk * scale.view([2, 1, d_k]);
        let (cosine, sine) = (cosine.unsqueeze(1), sine.unsqueeze(1)); // [n_tokens, 1, 1, d_k]
        let rotated = (&qk * cosine).addcmul(&qk.roll([d_k / 2], [-1]), &sine);
        let mut heads = rotated.unbind(2); // [n_series, n_tokens, n_heads, d_k] each
        let key = heads.remove(1).transpose(1, 2);
        let query = heads.remove(0).narrow(1, n_tokens - n_kept, n_kept).transpose(1, 2);
        let value = parts[1].view([n_series, n_tokens, n_heads, d_k]).transpose(1, 2);
        let mixed =
            Tensor::scaled_dot_product_attention(&query, &key, &value, None::<&Tensor>, 0.0, false, None, false);
        let mixed = mixed.transpose(1, 2).reshape([n_series, n_kept, d_model]);
        matmul(&mixed, weights.layer(layer, "attention.output.weight"))
    }

    /// The output block, in single precision: quantiles are sums of its values.
    fn head(&self, weights: &Weights, x: &Tensor) -> Tensor {
        let exact = self.levels.kind();
        let hidden = linear(x, weights, "head.hidden").gelu("tanh").to_kind(exact);
        let weight = |name: &str| weights.get(name).to_kind(exact);
        let output = hidden.linear(&weight("head.output.weight"), Some(weight("head.output.bias")));
        output + x.to_kind(exact).linear(&weight("head.residual.weight"), None::<&Tensor>)
    }

    fn rms(&self, x: &Tensor, weight: &Tensor) -> Tensor {
        x.rms_norm([self.config.d_model as i64], Some(weight), EPSILON)
    }

    /// Losses of a batch: the mean over levels of twice the pinball loss in asinh space for both heads, and the binary
    /// cross-entropy of any demand; each the mean over the cells that count.
    pub fn losses(&self, raw: &Tensor, batch: &DeviceBatch) -> Losses {
        let pinball = self.pinball(&quantiles(raw), &batch.targets) * &self.level_weights;
        let cells = pinball.sum_dim_intlist(-1, false, None) * &batch.weights; // [n_series, horizon, 2]
        let any_demand = batch.targets.select(-1, 0).gt(0.0).to_kind(raw.kind()); // [n_series, horizon]
        let logit = raw.select(-1, N_OUTPUTS as i64 - 1);
        let entropy = logit.softplus() - logit * any_demand;
        let entropy = (entropy * batch.weights.select(-1, 0)).sum(None);
        let sums = Tensor::cat(&[cells.sum_dim_intlist([0i64, 1].as_slice(), false, None), entropy.view(1)], 0);
        let counts = batch.weights.sum_dim_intlist([0i64, 1].as_slice(), false, None).clamp_min(1.0);
        let parts = sums / Tensor::cat(&[&counts, &counts.narrow(0, 0, 1)], 0); // [3]
        let total =
            parts.select(0, 0) + parts.select(0, 1) * CUMULATIVE_WEIGHT + parts.select(0, 2) * ANY_DEMAND_WEIGHT;
        Losses { total, parts: parts.detach() }
    }

    /// Twice the pinball loss, `[n_series, horizon, 2, N_LEVELS]`.
    pub fn pinball(&self, quantiles: &Tensor, targets: &Tensor) -> Tensor {
        let above = targets.unsqueeze(-1) - quantiles;
        (&above * &self.levels + (-above).relu()) * 2.0
    }
}

/// Quantiles of both heads `[n_series, horizon, 2, N_LEVELS]` from raw outputs: the median, and increments away from it.
pub fn quantiles(raw: &Tensor) -> Tensor {
    let (n_series, horizon, _) = raw.size3().expect("raw outputs have three dimensions");
    let (n_levels, median) = (N_LEVELS as i64, MEDIAN as i64);
    let groups = raw.narrow(-1, 0, 2 * n_levels).reshape([n_series, horizon, 2, n_levels]);
    let parts = groups.split_with_sizes([median, 1, n_levels - median - 1], -1);
    let below = parts[0].softplus().flip([-1]).cumsum(-1, None).flip([-1]);
    let above = parts[2].softplus().cumsum(-1, None);
    Tensor::cat(&[&parts[1] - below, parts[1].shallow_clone(), &parts[1] + above], -1)
}

fn matmul(x: &Tensor, weight: &Tensor) -> Tensor {
    x.linear(weight, None::<&Tensor>)
}

fn linear(x: &Tensor, weights: &Weights, name: &str) -> Tensor {
    x.linear(weights.get(&format!("{name}.weight")), Some(weights.get(&format!("{name}.bias"))))
}
