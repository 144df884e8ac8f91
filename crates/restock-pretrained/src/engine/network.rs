//! The network as it is defined, one series and one number at a time, in f64: the oracle of every faster version.

use super::{CUMULATIVE_START, Input, LOGIT, Output};
use crate::config::{MEDIAN, N_LEVELS, N_OUTPUTS, N_STATIC, PATCH, PATCH_WIDTH};
use crate::weights::Weights;

/// Added to the mean square before the root.
const EPSILON: f64 = 1e-6;

/// What [`super::Engine::run`] computes fast.
pub fn run(weights: &Weights, input: &Input) -> Output {
    input.assert_shape();
    let horizon = input.future_patches * PATCH;
    let mut output = Output::zeros(input.n_series, horizon);
    for series_idx in 0..input.n_series {
        let patches = &input.patches[series_idx * input.n_patches() * PATCH_WIDTH..][..input.n_patches() * PATCH_WIDTH];
        let statics = &input.statics[series_idx * N_STATIC..][..N_STATIC];
        let heads = forward(weights, patches, statics, input.future_patches);
        for step in 0..horizon {
            let raw = &heads[step * N_OUTPUTS..][..N_OUTPUTS];
            let out = series_idx * horizon + step;
            let marginal = monotone_quantiles(&raw[..N_LEVELS]);
            let cumulative = monotone_quantiles(&raw[CUMULATIVE_START..][..N_LEVELS]);
            for level in 0..N_LEVELS {
                output.marginal[out * N_LEVELS + level] = marginal[level] as f32;
                output.cumulative[out * N_LEVELS + level] = cumulative[level] as f32;
            }
            output.demand_probability[out] = (1.0 / (1.0 + (-raw[LOGIT]).exp())) as f32;
        }
    }
    output
}

/// Raw outputs of one series, `[future_patches, HEAD_WIDTH]`, which is `[horizon, N_OUTPUTS]`.
pub fn forward(weights: &Weights, patches: &[f32], statics: &[f32], future_patches: usize) -> Vec<f64> {
    let config = weights.config();
    let wide = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect::<Vec<f64>>();

    // [1 + P + F, d_model]
    let hidden = gelu(linear(weights, "static.hidden", &wide(statics)));
    let mut tokens = vec![linear(weights, "static.output", &hidden)];
    for patch in patches.chunks_exact(PATCH_WIDTH) {
        tokens.push(residual_block(weights, "embed", &wide(patch)));
    }

    for layer in 0..config.n_layers {
        let name = |part: &str| format!("layers.{layer}.{part}");
        let attended = attention(weights, &name("attention"), &tokens);
        for (token, attended) in tokens.iter_mut().zip(attended) {
            add(token, &attended);
        }
        for token in &mut tokens {
            let normed = rms_norm(weights.tensor(&name("mlp.norm.weight")), token);
            let hidden = gelu(linear(weights, &name("mlp.hidden"), &normed));
            add(token, &linear(weights, &name("mlp.output"), &hidden));
        }
    }

    tokens[tokens.len() - future_patches..]
        .iter()
        .flat_map(|token| residual_block(weights, "head", &rms_norm(weights.tensor("norm.weight"), token)))
        .collect()
}

/// `[n_tokens, d_model]`: every token asks every token.
fn attention(weights: &Weights, name: &str, tokens: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let config = weights.config();
    let (d, d_k) = (config.d_model, config.d_k());
    let norm = weights.tensor(&format!("{name}.norm.weight"));
    let qkv: Vec<Vec<f64>> =
        tokens.iter().map(|token| linear(weights, &format!("{name}.qkv"), &rms_norm(norm, token))).collect();
    let mut concatenated = vec![vec![0.0; d]; tokens.len()];
    for head in 0..config.n_heads {
        let turned = |part: usize, norm: &str| -> Vec<Vec<f64>> {
            let norm = weights.tensor(&format!("{name}.{norm}.weight"));
            qkv.iter()
                .enumerate()
                .map(|(position, row)| {
                    rotate(&rms_norm(norm, &row[part * d + head * d_k..][..d_k]), position, config.rope_theta)
                })
                .collect()
        };
        let (queries, keys) = (turned(0, "q_norm"), turned(1, "k_norm"));
        for (query, out) in queries.iter().zip(&mut concatenated) {
            let scores: Vec<f64> = keys.iter().map(|key| dot(query, key) / (d_k as f64).sqrt()).collect();
            let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let exps: Vec<f64> = scores.iter().map(|score| (score - max).exp()).collect();
            let sum: f64 = exps.iter().sum();
            for (exp, row) in exps.iter().zip(&qkv) {
                for j in 0..d_k {
                    out[head * d_k + j] += exp / sum * row[2 * d + head * d_k + j];
                }
            }
        }
    }
    concatenated.iter().map(|row| linear(weights, &format!("{name}.output"), row)).collect()
}

/// Pairs (a_j, a_{j + d_k/2}) turned by position · theta^(-2j / d_k).
fn rotate(head: &[f64], position: usize, theta: f64) -> Vec<f64> {
    let half = head.len() / 2;
    let mut turned = head.to_vec();
    for j in 0..half {
        let angle = position as f64 * theta.powf(-2.0 * j as f64 / head.len() as f64);
        turned[j] = head[j] * angle.cos() - head[j + half] * angle.sin();
        turned[j + half] = head[j + half] * angle.cos() + head[j] * angle.sin();
    }
    turned
}

/// W_o·gelu(W_h x + b_h) + b_o + W_r x.
fn residual_block(weights: &Weights, name: &str, x: &[f64]) -> Vec<f64> {
    let hidden = gelu(linear(weights, &format!("{name}.hidden"), x));
    let mut y = linear(weights, &format!("{name}.output"), &hidden);
    add(&mut y, &linear(weights, &format!("{name}.residual"), x));
    y
}

/// W x + b, where the network has a b.
fn linear(weights: &Weights, name: &str, x: &[f64]) -> Vec<f64> {
    let bias_name = format!("{name}.bias");
    let has_bias = !name.starts_with("layers") && !name.ends_with("residual");
    let bias = has_bias.then(|| weights.tensor(&bias_name));
    weights
        .tensor(&format!("{name}.weight"))
        .chunks_exact(x.len())
        .enumerate()
        .map(|(out, row)| {
            let products = row.iter().zip(x).map(|(&w, &x)| f64::from(w) * x);
            products.sum::<f64>() + bias.map_or(0.0, |bias| f64::from(bias[out]))
        })
        .collect()
}

fn rms_norm(weight: &[f32], x: &[f64]) -> Vec<f64> {
    let factor = 1.0 / (dot(x, x) / x.len() as f64 + EPSILON).sqrt();
    x.iter().zip(weight).map(|(&x, &w)| x * factor * f64::from(w)).collect()
}

fn gelu(mut values: Vec<f64>) -> Vec<f64> {
    for x in &mut values {
        let u = (2.0 / std::f64::consts::PI).sqrt() * (*x + 0.044715 * x.powi(3));
        *x *= 0.5 * (1.0 + u.tanh());
    }
    values
}

/// The median as it is; every further level lies above or below its neighbour by a softplus.
pub fn monotone_quantiles(raw: &[f64]) -> [f64; N_LEVELS] {
    let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
    let mut quantiles = [raw[MEDIAN]; N_LEVELS];
    for level in MEDIAN + 1..N_LEVELS {
        quantiles[level] = quantiles[level - 1] + softplus(raw[level]);
    }
    for level in (0..MEDIAN).rev() {
        quantiles[level] = quantiles[level + 1] - softplus(raw[level]);
    }
    quantiles
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(x: &mut [f64], y: &[f64]) {
    for (x, y) in x.iter_mut().zip(y) {
        *x += y;
    }
}
