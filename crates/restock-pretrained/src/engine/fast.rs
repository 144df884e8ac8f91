//! The network for blocks of series.

use fearless_simd::Level;
use rayon::prelude::*;

use super::{CUMULATIVE_START, Input, LOGIT, Output, Precision};
use crate::config::{
    MAX_CONTEXT_PATCHES, MAX_FUTURE_PATCHES, MEDIAN, ModelConfig, N_LEVELS, N_OUTPUTS, N_STATIC, PATCH, PATCH_WIDTH,
};
use crate::kernels::attention::{Head, Scratch, attend};
use crate::kernels::elementwise::{sigmoid, softplus_all};
use crate::kernels::linear::{Activations, Format, Linear, Then};
use crate::kernels::norm::{Norm, RotaryTable, norm_and_rotate, rms_norm};
use crate::kernels::residual::ResidualBlock;
use crate::weights::Weights;

/// Added to the mean square of a norm before the root.
const EPSILON: f32 = 1e-6;

/// Tokens of one block: enough to read every weight from the cache many times, few enough that activations stay there.
const TOKENS_PER_BLOCK: usize = 256;

/// A network ready to run: weights in the layout and precision of this machine.
///
/// Shared by threads. Each series is computed on its own, so its forecast depends neither on the other series of the
/// call nor on the number of threads.
pub struct Engine {
    config: ModelConfig,
    level: Level,
    rotary: RotaryTable,
    embed: ResidualBlock,
    static_hidden: Linear,
    static_output: Linear,
    layers: Vec<Layer>,
    norm: Norm,
    head: ResidualBlock,
}

struct Layer {
    attention_norm: Norm,
    query: Linear,
    /// Keys and values, `[2 · d_model, d_model]`.
    key_value: Linear,
    q_norm: Norm,
    k_norm: Norm,
    attention_output: Linear,
    mlp_norm: Norm,
    mlp_hidden: Linear,
    mlp_output: Linear,
}

/// Memory of one block, used again for the next.
#[derive(Default)]
struct Workspace {
    /// Input of a matrix product in the format of its weights.
    scratch: Activations,
    attention: Scratch,
    /// `[n_series · n_tokens, d_model]`.
    tokens: Vec<f32>,
    /// `[n_series · n_queries, d_model]` of tokens that go on.
    last_tokens: Vec<f32>,
    normed: Vec<f32>,
    queries: Vec<f32>,
    keys_values: Vec<f32>,
    attended: Vec<f32>,
    hidden: Vec<f32>,
    embedded: Vec<f32>,
}

impl Engine {
    /// Lays the weights out for this machine.
    ///
    /// # Panics
    /// Where this machine does not support the precision ([`Precision::supported`]).
    pub fn new(weights: &Weights, precision: Precision) -> Self {
        assert!(Precision::supported().contains(&precision), "this machine cannot compute in {precision:?}");
        let (level, config, format) = (Level::new(), weights.config().clone(), precision.format());
        let d = config.d_model;
        let layers = (0..config.n_layers)
            .map(|layer| {
                let tensor = |name: &str| weights.tensor(&format!("layers.{layer}.{name}.weight"));
                let linear = |weight: &[f32], n_in: usize| Linear::new(level, format, weight, n_in, None);
                let (query, key_value) = tensor("attention.qkv").split_at(d * d);
                Layer {
                    attention_norm: Norm::new(tensor("attention.norm"), EPSILON),
                    query: linear(query, d),
                    key_value: linear(key_value, d),
                    q_norm: Norm::new(tensor("attention.q_norm"), EPSILON),
                    k_norm: Norm::new(tensor("attention.k_norm"), EPSILON),
                    attention_output: linear(tensor("attention.output"), d),
                    mlp_norm: Norm::new(tensor("mlp.norm"), EPSILON),
                    mlp_hidden: linear(tensor("mlp.hidden"), d),
                    mlp_output: linear(tensor("mlp.output"), config.d_ff),
                }
            })
            .collect();
        // The static token and the head are a hundredth of the work: they stay in single precision.
        let biased = |format: Format, name: &str, n_in: usize| {
            let bias = weights.tensor(&format!("{name}.bias"));
            Linear::new(level, format, weights.tensor(&format!("{name}.weight")), n_in, Some(bias))
        };
        let residual_block = |format: Format, name: &str, n_in: usize, n_hidden: usize| ResidualBlock {
            hidden: biased(format, &format!("{name}.hidden"), n_in),
            activation: Then::Gelu,
            output: biased(format, &format!("{name}.output"), n_hidden),
            residual: Linear::new(level, format, weights.tensor(&format!("{name}.residual.weight")), n_in, None),
        };
        Self {
            level,
            rotary: RotaryTable::new(1 + MAX_CONTEXT_PATCHES + MAX_FUTURE_PATCHES, config.d_k(), config.rope_theta),
            embed: residual_block(precision.input_format(), "embed", PATCH_WIDTH, config.d_embed),
            static_hidden: biased(Format::F32, "static.hidden", N_STATIC),
            static_output: biased(Format::F32, "static.output", d),
            layers,
            norm: Norm::new(weights.tensor("norm.weight"), EPSILON),
            head: residual_block(Format::F32, "head", d, config.d_head),
            config,
        }
    }

    /// Sizes of the network.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Forecasts every series of the input, on the threads of the current rayon pool.
    pub fn run(&self, input: &Input) -> Output {
        input.assert_shape();
        let horizon = input.future_patches * PATCH;
        let mut output = Output::zeros(input.n_series, horizon);
        let n_block = (TOKENS_PER_BLOCK / (1 + input.n_patches())).max(1);
        let quantiles_per_block = n_block * horizon * N_LEVELS;
        output
            .marginal
            .par_chunks_mut(quantiles_per_block)
            .zip(output.cumulative.par_chunks_mut(quantiles_per_block))
            .zip(output.demand_probability.par_chunks_mut(n_block * horizon))
            .zip(input.patches.par_chunks(n_block * input.n_patches() * PATCH_WIDTH))
            .zip(input.statics.par_chunks(n_block * N_STATIC))
            .for_each_init(
                Workspace::default,
                |workspace, ((((marginal, cumulative), demand_probability), patches), statics)| {
                    let n_series = statics.len() / N_STATIC;
                    let block = Input { n_series, patches, statics, ..*input };
                    let raw = self.forward(&block, workspace);
                    to_quantiles(self.level, raw, marginal, cumulative, demand_probability);
                },
            );
        output
    }

    /// Raw outputs `[n_series, future_patches, HEAD_WIDTH]` of one block.
    fn forward<'a>(&self, block: &Input, workspace: &'a mut Workspace) -> &'a mut [f32] {
        let n_tokens = 1 + block.n_patches();
        self.embed(block, workspace);
        for (layer_idx, layer) in self.layers.iter().enumerate() {
            // What the last layer says of the past is not asked for.
            let is_last = layer_idx + 1 == self.layers.len();
            let n_queries = if is_last { block.future_patches } else { n_tokens };
            self.layer(layer, block.n_series, n_tokens, n_queries, workspace);
        }
        let Workspace { scratch, tokens, normed, hidden, embedded, .. } = workspace;
        rms_norm(self.level, tokens, &self.norm, normed);
        self.head.apply(normed, hidden, embedded, scratch);
        embedded
    }

    /// Fills `tokens`: the static token, then past and future patches.
    fn embed(&self, block: &Input, workspace: &mut Workspace) {
        let Workspace { scratch, tokens, normed, hidden, embedded, .. } = workspace;
        let (d, n_patches) = (self.config.d_model, block.n_patches());
        self.embed.apply(block.patches, hidden, embedded, scratch);
        // [n_series, d_model] twice
        self.static_hidden.apply_into(block.statics, Then::Gelu, hidden, scratch);
        self.static_output.apply_into(hidden, Then::Store, normed, scratch);
        tokens.clear();
        for (static_token, patch_tokens) in normed.chunks_exact(d).zip(embedded.chunks_exact(n_patches * d)) {
            tokens.extend_from_slice(static_token);
            tokens.extend_from_slice(patch_tokens);
        }
    }

    /// One layer; only the last `n_queries` tokens of each series ask and go on.
    fn layer(&self, layer: &Layer, n_series: usize, n_tokens: usize, n_queries: usize, workspace: &mut Workspace) {
        let Workspace {
            scratch, attention, tokens, last_tokens, normed, queries, keys_values, attended, hidden, ..
        } = workspace;
        let (d, d_k, n_heads) = (self.config.d_model, self.config.d_k(), self.config.n_heads);

        // Keys and values of all tokens, [n_series · n_tokens, 2 · d_model].
        rms_norm(self.level, tokens, &layer.attention_norm, normed);
        layer.key_value.apply_into(normed, Then::Store, keys_values, scratch);
        let positions: Vec<usize> = (0..n_tokens).collect();
        norm_and_rotate(self.level, keys_values, 2 * d, n_heads, Some(&layer.k_norm), &self.rotary, &positions);

        // Queries of the tokens that go on, [n_series · n_queries, d_model].
        let first_query = n_tokens - n_queries;
        if first_query > 0 {
            keep_last(normed, last_tokens, n_tokens, n_queries, d);
            std::mem::swap(normed, last_tokens);
            keep_last(tokens, last_tokens, n_tokens, n_queries, d);
            std::mem::swap(tokens, last_tokens);
        }
        layer.query.apply_into(normed, Then::Store, queries, scratch);
        let positions = &positions[first_query..];
        norm_and_rotate(self.level, queries, d, n_heads, Some(&layer.q_norm), &self.rotary, positions);

        attended.resize(tokens.len(), 0.0);
        for series in 0..n_series {
            let rows = &keys_values[series * n_tokens * 2 * d..][..n_tokens * 2 * d];
            let attended = &mut attended[series * n_queries * d..][..n_queries * d];
            let queries = &queries[series * n_queries * d..][..n_queries * d];
            for start in (0..d).step_by(d_k) {
                attend(self.level, Head::of_layer(queries, rows, d, d_k, start), attended, d, start, attention);
            }
        }
        layer.attention_output.apply(attended, Then::Add, tokens, scratch);

        rms_norm(self.level, tokens, &layer.mlp_norm, normed);
        layer.mlp_hidden.apply_into(normed, Then::Gelu, hidden, scratch);
        layer.mlp_output.apply(hidden, Then::Add, tokens, scratch);
    }
}

/// Copies the last `n_kept` of every `n_tokens` rows.
fn keep_last(rows: &[f32], kept: &mut Vec<f32>, n_tokens: usize, n_kept: usize, width: usize) {
    kept.clear();
    for sequence in rows.chunks_exact(n_tokens * width) {
        kept.extend_from_slice(&sequence[(n_tokens - n_kept) * width..]);
    }
}

/// Raw outputs of steps, `[n_steps, N_OUTPUTS]`, to quantiles `[n_steps, N_LEVELS]` and probabilities `[n_steps]`.
fn to_quantiles(
    level: Level,
    raw: &mut [f32],
    marginal: &mut [f32],
    cumulative: &mut [f32],
    demand_probability: &mut [f32],
) {
    // The two medians and the logit of each step are free, everything else is an increment.
    let free: Vec<[f32; 3]> =
        raw.chunks_exact(N_OUTPUTS).map(|step| [step[MEDIAN], step[CUMULATIVE_START + MEDIAN], step[LOGIT]]).collect();
    softplus_all(level, raw);
    let steps = raw.chunks_exact(N_OUTPUTS).zip(free);
    let outputs = marginal.chunks_exact_mut(N_LEVELS).zip(cumulative.chunks_exact_mut(N_LEVELS));
    for (((increments, free), (marginal, cumulative)), probability) in steps.zip(outputs).zip(demand_probability) {
        stack_increments(free[0], &increments[..N_LEVELS], marginal);
        stack_increments(free[1], &increments[CUMULATIVE_START..][..N_LEVELS], cumulative);
        *probability = sigmoid(free[2]);
    }
}

/// Quantiles from the median outwards.
fn stack_increments(median: f32, increments: &[f32], quantiles: &mut [f32]) {
    quantiles[MEDIAN] = median;
    for level in MEDIAN + 1..N_LEVELS {
        quantiles[level] = quantiles[level - 1] + increments[level];
    }
    for level in (0..MEDIAN).rev() {
        quantiles[level] = quantiles[level + 1] - increments[level];
    }
}
