//! The network for one block of series, forwards with what the way back needs, and backwards.

use std::collections::HashMap;
use std::ops::Range;

use fearless_simd::Level;

use super::gradient::Trainable;
use crate::config::{MAX_CONTEXT_PATCHES, MAX_FUTURE_PATCHES, ModelConfig, N_STATIC, PATCH_WIDTH};
use crate::kernels::attention::Head;
use crate::kernels::attention_gradient::{self, attend_and_keep, attend_gradient, padded};
use crate::kernels::elementwise::{gelu_all, gelu_gradient};
use crate::kernels::linear::{Activations, Format, Linear, Then};
use crate::kernels::norm::{Norm, RotaryTable, norm_and_rotate, norm_and_rotate_gradient, rms_norm, rms_norm_gradient};
use crate::kernels::weight_gradient::{self, add_products, add_rows};

/// Added to the mean square of a norm before the root.
const EPSILON: f32 = 1e-6;

/// A matrix laid out for the products with activations and with gradients, and where its own gradient lies.
struct Matrix {
    n_in: usize,
    forward: Linear,
    backward: Linear,
    weight: Gradient,
    bias: Gradient,
}

/// A norm and where its gradient lies.
struct TrainedNorm {
    norm: Norm,
    gradient: Gradient,
}

/// Where the gradient of a tensor lies among those of all parameters; `None` where nobody asks for it.
type Gradient = Option<Range<usize>>;

/// Three matrices of an input or output block: W_o·gelu(W_h x + b_h) + b_o + W_r x.
struct Block {
    hidden: Matrix,
    output: Matrix,
    residual: Matrix,
}

struct Layer {
    attention_norm: TrainedNorm,
    query: Matrix,
    /// Keys and values, `[2 · d_model, d_model]`.
    key_value: Matrix,
    q_norm: TrainedNorm,
    k_norm: TrainedNorm,
    attention_output: Matrix,
    mlp_norm: TrainedNorm,
    mlp_hidden: Matrix,
    mlp_output: Matrix,
}

/// The network laid out for one step of training.
pub(super) struct Network {
    config: ModelConfig,
    level: Level,
    trainable: Trainable,
    rotary: RotaryTable,
    embed: Block,
    static_hidden: Matrix,
    static_output: Matrix,
    layers: Vec<Layer>,
    norm: TrainedNorm,
    head: Block,
}

/// Windows of equal length, part of a batch.
#[derive(Clone, Copy)]
pub(super) struct Windows<'a> {
    pub(super) n_series: usize,
    pub(super) context_patches: usize,
    pub(super) future_patches: usize,
    /// `[n_series, n_patches, PATCH_WIDTH]`.
    pub(super) patches: &'a [f32],
    /// `[n_series, N_STATIC]`.
    pub(super) statics: &'a [f32],
}

impl Windows<'_> {
    fn n_patches(&self) -> usize {
        self.context_patches + self.future_patches
    }
}

/// What the way back needs of the way forwards; memory used again for every block.
#[derive(Default)]
pub(super) struct Kept {
    /// `[n_series · n_patches, d_embed]`, before GELU.
    embed_hidden: Vec<f32>,
    /// `[n_series, d_model]`, before GELU.
    static_hidden: Vec<f32>,
    /// `[n_layers + 1]`: what each layer reads, `[n_series · n_tokens, d_model]`, and what the last one says of the
    /// future, `[n_series · future_patches, d_model]`.
    tokens: Vec<Vec<f32>>,
    layers: Vec<KeptLayer>,
    /// `[n_series · future_patches, d_model]`: the last tokens after their norm.
    normed: Vec<f32>,
    /// `[n_series · future_patches, d_head]`, before GELU.
    head_hidden: Vec<f32>,
    /// `[n_series · future_patches, HEAD_WIDTH]`.
    pub(super) raw: Vec<f32>,
    scratch: Scratch,
}

/// Of one layer. n_queries is n_tokens, in the last layer future_patches.
#[derive(Default)]
struct KeptLayer {
    /// `[n_series · n_queries, d_model]`: before norm and rotation, and after.
    raw_queries: Vec<f32>,
    queries: Vec<f32>,
    /// `[n_series · n_tokens, 2 · d_model]`: before norm and rotation of the keys, and after.
    raw_keys_values: Vec<f32>,
    keys_values: Vec<f32>,
    /// `[n_series, n_heads, n_queries, padded(n_tokens)]`: how much every query listens to every token.
    attention: Vec<f32>,
    /// `[n_series · n_queries, d_model]`.
    attended: Vec<f32>,
    /// `[n_series · n_queries, d_model]`: tokens between attention and MLP.
    middle: Vec<f32>,
    /// `[n_series · n_queries, d_ff]`, before GELU.
    hidden: Vec<f32>,
}

/// Memory of single steps.
#[derive(Default)]
struct Scratch {
    attention: attention_gradient::Scratch,
    products: weight_gradient::Scratch,
    normed: Vec<f32>,
    normed_queries: Vec<f32>,
    gelu: Vec<f32>,
    embedded: Vec<f32>,
    d_hidden: Vec<f32>,
    d_tokens: Vec<f32>,
    d_normed: Vec<f32>,
    d_normed_queries: Vec<f32>,
    d_attended: Vec<f32>,
    d_queries: Vec<f32>,
    d_keys_values: Vec<f32>,
}

/// Cuts all parameters in a row into parts of the network.
struct Parts<'a> {
    level: Level,
    trainable: Trainable,
    weights: &'a [f32],
    ranges: HashMap<String, Range<usize>>,
}

impl Parts<'_> {
    fn gradient(&self, name: &str) -> Gradient {
        self.trainable.includes(name).then(|| self.ranges[name].clone())
    }

    fn norm(&self, name: &str) -> TrainedNorm {
        let name = format!("{name}.weight");
        let norm = Norm::new(&self.weights[self.ranges[&name].clone()], EPSILON);
        TrainedNorm { norm, gradient: self.gradient(&name) }
    }

    /// Rows `rows` of the matrix `name`, all of them where there are no `rows`.
    fn matrix_rows(&self, name: &str, n_in: usize, rows: Option<Range<usize>>) -> Matrix {
        let weight_name = format!("{name}.weight");
        let bias_name = format!("{name}.bias");
        let whole = self.ranges[&weight_name].clone();
        let range = rows.map_or(whole.clone(), |rows| whole.start + rows.start * n_in..whole.start + rows.end * n_in);
        let weight = &self.weights[range.clone()];
        let bias = self.ranges.get(&bias_name).map(|range| &self.weights[range.clone()]);
        Matrix {
            n_in,
            forward: Linear::new(self.level, Format::F32, weight, n_in, bias),
            backward: Linear::transposed(self.level, weight, n_in),
            weight: self.trainable.includes(&weight_name).then_some(range),
            bias: bias.and_then(|_| self.gradient(&bias_name)),
        }
    }

    fn matrix(&self, name: &str, n_in: usize) -> Matrix {
        self.matrix_rows(name, n_in, None)
    }

    fn block(&self, name: &str, n_in: usize, n_hidden: usize) -> Block {
        Block {
            hidden: self.matrix(&format!("{name}.hidden"), n_in),
            output: self.matrix(&format!("{name}.output"), n_hidden),
            residual: self.matrix(&format!("{name}.residual"), n_in),
        }
    }
}

impl Matrix {
    fn apply(&self, input: &[f32], output: &mut Vec<f32>) {
        self.forward.apply_into(input, Then::Store, output, &mut Activations::default());
    }

    /// The gradient of the input from that of the output.
    fn apply_back(&self, d_output: &[f32], d_input: &mut Vec<f32>) {
        self.backward.apply_into(d_output, Then::Store, d_input, &mut Activations::default());
    }

    /// Adds what `d_output` says of the matrix and its bias to the gradient of all parameters.
    fn add_gradient(
        &self,
        level: Level,
        d_output: &[f32],
        input: &[f32],
        gradient: &mut [f32],
        scratch: &mut weight_gradient::Scratch,
    ) {
        if let Some(range) = &self.weight {
            add_products(level, d_output, input, self.n_in, &mut gradient[range.clone()], scratch);
        }
        if let Some(range) = &self.bias {
            add_rows(d_output, &mut gradient[range.clone()]);
        }
    }
}

impl Block {
    /// Keeps `hidden`, the values before GELU.
    fn forward(&self, level: Level, input: &[f32], hidden: &mut Vec<f32>, output: &mut Vec<f32>, gelu: &mut Vec<f32>) {
        self.hidden.apply(input, hidden);
        gelu_all(level, hidden, gelu);
        self.output.apply(gelu, output);
        self.residual.forward.apply(input, Then::Add, output, &mut Activations::default());
    }

    /// Adds the gradients of the three matrices; `d_input` becomes that of the input, where it is asked for.
    #[expect(clippy::too_many_arguments, reason = "what the block saw, and two gradients")]
    fn backward(
        &self,
        level: Level,
        input: &[f32],
        hidden: &[f32],
        d_output: &[f32],
        gradient: &mut [f32],
        d_input: Option<&mut Vec<f32>>,
        scratch: &mut Scratch,
    ) {
        let Scratch { products, gelu, d_hidden, .. } = scratch;
        gelu_all(level, hidden, gelu);
        self.output.add_gradient(level, d_output, gelu, gradient, products);
        self.residual.add_gradient(level, d_output, input, gradient, products);
        self.output.apply_back(d_output, d_hidden);
        gelu_gradient(level, hidden, d_hidden);
        self.hidden.add_gradient(level, d_hidden, input, gradient, products);
        if let Some(d_input) = d_input {
            self.hidden.apply_back(d_hidden, d_input);
            self.residual.backward.apply(d_output, Then::Add, d_input, &mut Activations::default());
        }
    }
}

impl TrainedNorm {
    /// Turns the gradient of the norm's output into that of its input.
    fn backward(&self, level: Level, input: &[f32], d_output: &mut [f32], gradient: &mut [f32]) {
        let d_weight = self.gradient.clone().map(|range| &mut gradient[range]);
        rms_norm_gradient(level, input, &self.norm, d_output, d_weight);
    }
}

impl Network {
    /// `weights` are all parameters in the order of [`ModelConfig::tensors`].
    pub(super) fn new(config: &ModelConfig, weights: &[f32], trainable: Trainable) -> Self {
        assert_eq!(weights.len(), config.n_parameters());
        let level = Level::new();
        let mut ranges = HashMap::new();
        let mut start = 0;
        for (name, shape) in config.tensors() {
            let end = start + shape.iter().product::<usize>();
            ranges.insert(name, start..end);
            start = end;
        }
        let parts = Parts { level, trainable, weights, ranges };
        let d = config.d_model;
        let layers = (0..config.n_layers)
            .map(|layer| {
                let name = |part: &str| format!("layers.{layer}.{part}");
                Layer {
                    attention_norm: parts.norm(&name("attention.norm")),
                    query: parts.matrix_rows(&name("attention.qkv"), d, Some(0..d)),
                    key_value: parts.matrix_rows(&name("attention.qkv"), d, Some(d..3 * d)),
                    q_norm: parts.norm(&name("attention.q_norm")),
                    k_norm: parts.norm(&name("attention.k_norm")),
                    attention_output: parts.matrix(&name("attention.output"), d),
                    mlp_norm: parts.norm(&name("mlp.norm")),
                    mlp_hidden: parts.matrix(&name("mlp.hidden"), d),
                    mlp_output: parts.matrix(&name("mlp.output"), config.d_ff),
                }
            })
            .collect();
        Self {
            level,
            trainable,
            rotary: RotaryTable::new(1 + MAX_CONTEXT_PATCHES + MAX_FUTURE_PATCHES, config.d_k(), config.rope_theta),
            embed: parts.block("embed", PATCH_WIDTH, config.d_embed),
            static_hidden: parts.matrix("static.hidden", N_STATIC),
            static_output: parts.matrix("static.output", d),
            layers,
            norm: parts.norm("norm"),
            head: parts.block("head", d, config.d_head),
            config: config.clone(),
        }
    }

    /// Fills `kept.raw`, `[n_series, future_patches, HEAD_WIDTH]`, and what [`Network::backward`] needs.
    pub(super) fn forward(&self, windows: &Windows, kept: &mut Kept) {
        let (level, d, n_layers) = (self.level, self.config.d_model, self.config.n_layers);
        let n_tokens = 1 + windows.n_patches();
        let Kept { embed_hidden, static_hidden, tokens, layers, scratch, .. } = kept;
        tokens.resize_with(n_layers + 1, Vec::new);
        layers.resize_with(n_layers, KeptLayer::default);

        // [n_series · n_patches, d_model] and [n_series, d_model], then both as [n_series · n_tokens, d_model]
        self.embed.forward(level, windows.patches, embed_hidden, &mut scratch.embedded, &mut scratch.gelu);
        self.static_hidden.apply(windows.statics, static_hidden);
        gelu_all(level, static_hidden, &mut scratch.gelu);
        self.static_output.apply(&scratch.gelu, &mut scratch.normed);
        tokens[0].clear();
        let series = scratch.normed.chunks_exact(d).zip(scratch.embedded.chunks_exact(windows.n_patches() * d));
        for (static_token, patch_tokens) in series {
            tokens[0].extend_from_slice(static_token);
            tokens[0].extend_from_slice(patch_tokens);
        }

        for (idx, layer) in self.layers.iter().enumerate() {
            let (inputs, outputs) = tokens.split_at_mut(idx + 1);
            let shape = self.shape(idx, windows);
            self.layer_forward(layer, shape, &inputs[idx], &mut layers[idx], &mut outputs[0], scratch);
        }
        assert_eq!(tokens[n_layers].len(), windows.n_series * windows.future_patches * d);
        assert!(n_tokens <= 1 + MAX_CONTEXT_PATCHES + MAX_FUTURE_PATCHES);
        self.head_forward(kept);
    }

    /// The output block, from what the last layer says of the future.
    pub(super) fn head_forward(&self, kept: &mut Kept) {
        let Kept { tokens, normed, head_hidden, raw, scratch, .. } = kept;
        rms_norm(self.level, &tokens[self.layers.len()], &self.norm.norm, normed);
        self.head.forward(self.level, normed, head_hidden, raw, &mut scratch.gelu);
    }

    /// The way back through the output block and the norm before it; their gradients are added to `gradient`, that of
    /// what the last layer says is left in `d_tokens`.
    pub(super) fn head_backward(&self, kept: &mut Kept, d_raw: &[f32], gradient: &mut [f32], d_tokens: &mut Vec<f32>) {
        let Kept { tokens, normed, head_hidden, scratch, .. } = kept;
        self.head.backward(self.level, normed, head_hidden, d_raw, gradient, Some(d_tokens), scratch);
        self.norm.backward(self.level, &tokens[self.layers.len()], d_tokens, gradient);
    }

    /// What the last layer says of the future, `[n_series · future_patches, d_model]`.
    pub(super) fn features<'a>(&self, kept: &'a Kept) -> &'a [f32] {
        &kept.tokens[self.layers.len()]
    }

    /// Puts features of before in the place of those that a way forwards would leave.
    pub(super) fn set_features(&self, features: &[f32], kept: &mut Kept) {
        kept.tokens.resize_with(self.layers.len() + 1, Vec::new);
        copy(features, &mut kept.tokens[self.layers.len()]);
    }

    /// After the last layer only the future is read.
    fn shape(&self, layer_idx: usize, windows: &Windows) -> Shape {
        let n_tokens = 1 + windows.n_patches();
        let is_last = layer_idx + 1 == self.layers.len();
        Shape {
            n_series: windows.n_series,
            n_tokens,
            n_queries: if is_last { windows.future_patches } else { n_tokens },
        }
    }

    fn layer_forward(
        &self,
        layer: &Layer,
        shape: Shape,
        input: &[f32],
        kept: &mut KeptLayer,
        output: &mut Vec<f32>,
        scratch: &mut Scratch,
    ) {
        let (level, d, n_heads) = (self.level, self.config.d_model, self.config.n_heads);
        let Shape { n_series, n_tokens, n_queries } = shape;
        let positions: Vec<usize> = (0..n_tokens).collect();

        // [n_series · n_tokens, 2 · d_model] and [n_series · n_queries, d_model]
        rms_norm(level, input, &layer.attention_norm.norm, &mut scratch.normed);
        layer.key_value.apply(&scratch.normed, &mut kept.raw_keys_values);
        copy(&kept.raw_keys_values, &mut kept.keys_values);
        let norm = Some(&layer.k_norm.norm);
        norm_and_rotate(level, &mut kept.keys_values, 2 * d, n_heads, norm, &self.rotary, &positions);
        keep_last(&scratch.normed, &mut scratch.normed_queries, shape, d);
        layer.query.apply(&scratch.normed_queries, &mut kept.raw_queries);
        copy(&kept.raw_queries, &mut kept.queries);
        let (norm, positions) = (Some(&layer.q_norm.norm), &positions[n_tokens - n_queries..]);
        norm_and_rotate(level, &mut kept.queries, d, n_heads, norm, &self.rotary, positions);

        kept.attention.resize(n_series * n_heads * n_queries * padded(n_tokens), 0.0);
        kept.attended.resize(n_series * n_queries * d, 0.0);
        let per_head = n_queries * padded(n_tokens);
        for series in 0..n_series {
            for head_idx in 0..n_heads {
                let head = self.head_of(shape, series, head_idx, &kept.queries, &kept.keys_values);
                let attention = &mut kept.attention[(series * n_heads + head_idx) * per_head..][..per_head];
                let attended = &mut kept.attended[series * n_queries * d..][..n_queries * d];
                attend_and_keep(level, head, attention, attended, &mut scratch.attention);
            }
        }
        keep_last(input, &mut kept.middle, shape, d);
        layer.attention_output.forward.apply(&kept.attended, Then::Add, &mut kept.middle, &mut Activations::default());

        rms_norm(level, &kept.middle, &layer.mlp_norm.norm, &mut scratch.normed);
        layer.mlp_hidden.apply(&scratch.normed, &mut kept.hidden);
        gelu_all(level, &kept.hidden, &mut scratch.gelu);
        copy(&kept.middle, output);
        layer.mlp_output.forward.apply(&scratch.gelu, Then::Add, output, &mut Activations::default());
    }

    /// One head of one series.
    fn head_of<'a>(
        &self,
        shape: Shape,
        series: usize,
        head_idx: usize,
        queries: &'a [f32],
        keys_values: &'a [f32],
    ) -> Head<'a> {
        let (d, d_k) = (self.config.d_model, self.config.d_k());
        let Shape { n_tokens, n_queries, .. } = shape;
        let rows = &keys_values[series * n_tokens * 2 * d..][..n_tokens * 2 * d];
        let queries = &queries[series * n_queries * d..][..n_queries * d];
        Head::of_layer(queries, rows, d, d_k, head_idx * d_k)
    }

    /// Adds the gradient of every trainable parameter to `gradient`, from that of the raw outputs `d_raw`.
    pub(super) fn backward(&self, windows: &Windows, kept: &mut Kept, d_raw: &[f32], gradient: &mut [f32]) {
        let (level, d) = (self.level, self.config.d_model);
        let mut d_tokens = std::mem::take(&mut kept.scratch.d_tokens);
        self.head_backward(kept, d_raw, gradient, &mut d_tokens);
        let Kept { embed_hidden, static_hidden, tokens, layers, scratch, .. } = kept;
        if self.trainable.reaches_layers() {
            for (idx, layer) in self.layers.iter().enumerate().rev() {
                let shape = self.shape(idx, windows);
                self.layer_backward(layer, shape, &tokens[idx], &layers[idx], &mut d_tokens, gradient, scratch);
            }
        }
        if self.trainable.reaches_input() {
            let n_tokens = 1 + windows.n_patches();
            let (mut d_statics, mut d_patches) = (Vec::new(), Vec::with_capacity(d_tokens.len()));
            for series in d_tokens.chunks_exact(n_tokens * d) {
                d_statics.extend_from_slice(&series[..d]);
                d_patches.extend_from_slice(&series[d..]);
            }
            self.embed.backward(level, windows.patches, embed_hidden, &d_patches, gradient, None, scratch);
            gelu_all(level, static_hidden, &mut scratch.gelu);
            self.static_output.add_gradient(level, &d_statics, &scratch.gelu, gradient, &mut scratch.products);
            self.static_output.apply_back(&d_statics, &mut scratch.d_hidden);
            gelu_gradient(level, static_hidden, &mut scratch.d_hidden);
            let d_hidden = &scratch.d_hidden;
            self.static_hidden.add_gradient(level, d_hidden, windows.statics, gradient, &mut scratch.products);
        }
        scratch.d_tokens = d_tokens;
    }

    /// Turns the gradient of what a layer says into that of what it reads.
    #[expect(clippy::too_many_arguments, reason = "a layer, what it saw, and two gradients")]
    fn layer_backward(
        &self,
        layer: &Layer,
        shape: Shape,
        input: &[f32],
        kept: &KeptLayer,
        d_tokens: &mut Vec<f32>,
        gradient: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let (level, d, n_heads) = (self.level, self.config.d_model, self.config.n_heads);
        let Shape { n_series, n_tokens, n_queries } = shape;
        let Scratch {
            attention,
            products,
            normed,
            normed_queries,
            gelu,
            d_hidden,
            d_normed,
            d_normed_queries,
            d_attended,
            d_queries,
            d_keys_values,
            ..
        } = scratch;

        // MLP.
        gelu_all(level, &kept.hidden, gelu);
        layer.mlp_output.add_gradient(level, d_tokens, gelu, gradient, products);
        layer.mlp_output.apply_back(d_tokens, d_hidden);
        gelu_gradient(level, &kept.hidden, d_hidden);
        rms_norm(level, &kept.middle, &layer.mlp_norm.norm, normed);
        layer.mlp_hidden.add_gradient(level, d_hidden, normed, gradient, products);
        layer.mlp_hidden.apply_back(d_hidden, d_normed);
        layer.mlp_norm.backward(level, &kept.middle, d_normed, gradient);
        add(d_tokens, d_normed);

        // Attention.
        layer.attention_output.add_gradient(level, d_tokens, &kept.attended, gradient, products);
        layer.attention_output.apply_back(d_tokens, d_attended);
        d_queries.resize(n_series * n_queries * d, 0.0);
        d_keys_values.resize(n_series * n_tokens * 2 * d, 0.0);
        let per_head = n_queries * padded(n_tokens);
        for series in 0..n_series {
            for head_idx in 0..n_heads {
                let head = self.head_of(shape, series, head_idx, &kept.queries, &kept.keys_values);
                attend_gradient(
                    level,
                    head,
                    &kept.attention[(series * n_heads + head_idx) * per_head..][..per_head],
                    &d_attended[series * n_queries * d..][..n_queries * d],
                    &mut d_queries[series * n_queries * d..][..n_queries * d],
                    &mut d_keys_values[series * n_tokens * 2 * d..][..n_tokens * 2 * d],
                    attention,
                );
            }
        }
        let positions: Vec<usize> = (0..n_tokens).collect();
        for (norm, raw, stride, positions, d_rows) in [
            (&layer.q_norm, &kept.raw_queries, d, &positions[n_tokens - n_queries..], &mut *d_queries),
            (&layer.k_norm, &kept.raw_keys_values, 2 * d, &positions[..], &mut *d_keys_values),
        ] {
            let d_weight = norm.gradient.clone().map(|range| &mut gradient[range]);
            let (norm, table) = (&norm.norm, &self.rotary);
            norm_and_rotate_gradient(level, raw, stride, n_heads, norm, table, positions, d_rows, d_weight);
        }
        rms_norm(level, input, &layer.attention_norm.norm, normed);
        keep_last(normed, normed_queries, shape, d);
        layer.query.add_gradient(level, d_queries, normed_queries, gradient, products);
        layer.key_value.add_gradient(level, d_keys_values, normed, gradient, products);
        layer.query.apply_back(d_queries, d_normed_queries);
        layer.key_value.apply_back(d_keys_values, d_normed);
        add_to_last(d_normed_queries, d_normed, shape, d);
        layer.attention_norm.backward(level, input, d_normed, gradient);
        add_to_last(d_tokens, d_normed, shape, d);
        std::mem::swap(d_tokens, d_normed);
    }
}

/// Sizes of one layer: only the last `n_queries` tokens of each series ask and go on.
#[derive(Clone, Copy)]
struct Shape {
    n_series: usize,
    n_tokens: usize,
    n_queries: usize,
}

fn copy(from: &[f32], to: &mut Vec<f32>) {
    to.clear();
    to.extend_from_slice(from);
}

/// The last `n_queries` of every `n_tokens` rows.
fn keep_last(rows: &[f32], kept: &mut Vec<f32>, shape: Shape, width: usize) {
    kept.clear();
    for sequence in rows.chunks_exact(shape.n_tokens * width) {
        kept.extend_from_slice(&sequence[(shape.n_tokens - shape.n_queries) * width..]);
    }
}

/// Adds rows to the last `n_queries` of every `n_tokens` rows.
fn add_to_last(rows: &[f32], sums: &mut [f32], shape: Shape, width: usize) {
    let sequences = sums.chunks_exact_mut(shape.n_tokens * width).zip(rows.chunks_exact(shape.n_queries * width));
    for (sums, rows) in sequences {
        add(&mut sums[(shape.n_tokens - shape.n_queries) * width..], rows);
    }
}

fn add(sums: &mut [f32], values: &[f32]) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}
