//! The encoder of BERT (Devlin et al., 2019), and the mean of what it says about the pieces of a text.
//!
//! Texts of any length lie behind each other as rows; only attention looks at one text at a time.

use std::path::Path;

use fearless_simd::Level;
use serde::Deserialize;

use crate::chronos::checkpoint::{Checkpoint, read_json, refuse};
use crate::engine::Precision;
use crate::kernels::attention::{Columns, Head, Scratch, attend};
use crate::kernels::linear::{Activations, Linear, Then};
use crate::weights::{WeightsError, check_sizes};

/// What `config.json` says.
#[derive(Deserialize)]
struct Config {
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    max_position_embeddings: usize,
    vocab_size: usize,
    #[serde(default = "two")]
    type_vocab_size: usize,
    #[serde(default = "small")]
    layer_norm_eps: f32,
    #[serde(default = "gelu_name")]
    hidden_act: String,
    #[serde(default = "absolute_name")]
    position_embedding_type: String,
}

fn two() -> usize {
    2
}

fn small() -> f32 {
    1e-12
}

fn gelu_name() -> String {
    "gelu".to_owned()
}

fn absolute_name() -> String {
    "absolute".to_owned()
}

/// Scale and shift after subtracting the mean of a row and dividing by its standard deviation (Ba et al., 2016).
struct LayerNorm {
    weight: Vec<f32>,
    bias: Vec<f32>,
    epsilon: f32,
}

struct Layer {
    /// Queries, keys and values, `[3 · width, width]`.
    projection: [Linear; 3],
    attended: Linear,
    attention_norm: LayerNorm,
    inner: Linear,
    outer: Linear,
    output_norm: LayerNorm,
}

/// An encoder with its weights.
pub(super) struct Bert {
    level: Level,
    width: usize,
    n_heads: usize,
    n_positions: usize,
    vocabulary_size: usize,
    /// `[vocabulary_size, width]`.
    words: Vec<f32>,
    /// `[n_positions, width]`, the embedding of the first kind of sentence added.
    positions: Vec<f32>,
    embedding_norm: LayerNorm,
    layers: Vec<Layer>,
}

impl Bert {
    pub(super) fn read(folder: &Path) -> Result<Self, WeightsError> {
        let config: Config = read_json(folder, "config.json")?;
        let sizes = [
            ("hidden_size", config.hidden_size, 1, 4096),
            ("num_hidden_layers", config.num_hidden_layers, 1, 48),
            ("num_attention_heads", config.num_attention_heads, 1, 64),
            ("intermediate_size", config.intermediate_size, 1, 16_384),
            ("max_position_embeddings", config.max_position_embeddings, 2, 8192),
            ("vocab_size", config.vocab_size, 3, 1_000_000),
            ("type_vocab_size", config.type_vocab_size, 1, 16),
        ];
        check_sizes(&sizes).or_else(|reason| refuse(folder, "config.json", reason))?;
        if !config.hidden_size.is_multiple_of(config.num_attention_heads) {
            return refuse(folder, "config.json", "has a hidden_size that num_attention_heads does not divide");
        }
        for (what, got, only) in [
            ("hidden_act", &config.hidden_act, "gelu"),
            ("position_embedding_type", &config.position_embedding_type, "absolute"),
        ] {
            if got != only {
                return refuse(folder, "config.json", format!("has {what} = {got:?}, only {only:?} is supported"));
            }
        }
        let (width, n_positions) = (config.hidden_size, config.max_position_embeddings);
        let mut checkpoint = Checkpoint::read(folder, "BERT", Precision::F32)?;
        // Some files keep the name of the whole model before each tensor.
        let root = if checkpoint.has("bert.embeddings.word_embeddings.weight") { "bert." } else { "" };
        let embeddings = format!("{root}embeddings");
        let words = checkpoint.take(&format!("{embeddings}.word_embeddings.weight"), &[config.vocab_size, width])?;
        let mut positions =
            checkpoint.take(&format!("{embeddings}.position_embeddings.weight"), &[n_positions, width])?;
        let kinds =
            checkpoint.take(&format!("{embeddings}.token_type_embeddings.weight"), &[config.type_vocab_size, width])?;
        for row in positions.chunks_exact_mut(width) {
            row.iter_mut().zip(&kinds[..width]).for_each(|(value, kind)| *value += kind);
        }
        let epsilon = config.layer_norm_eps;
        let embedding_norm = LayerNorm::take(&mut checkpoint, &format!("{embeddings}.LayerNorm"), width, epsilon)?;
        let mut layers = Vec::with_capacity(config.num_hidden_layers);
        for layer in 0..config.num_hidden_layers {
            let name = format!("{root}encoder.layer.{layer}");
            let mut linear = |part: &str, n_out: usize, n_in: usize| {
                checkpoint.linear_with_bias(&format!("{name}.{part}"), n_out, n_in)
            };
            let projection = [
                linear("attention.self.query", width, width)?,
                linear("attention.self.key", width, width)?,
                linear("attention.self.value", width, width)?,
            ];
            let attended = linear("attention.output.dense", width, width)?;
            let inner = linear("intermediate.dense", config.intermediate_size, width)?;
            let outer = linear("output.dense", width, config.intermediate_size)?;
            let mut norm = |part: &str| LayerNorm::take(&mut checkpoint, &format!("{name}.{part}"), width, epsilon);
            let (attention_norm, output_norm) = (norm("attention.output.LayerNorm")?, norm("output.LayerNorm")?);
            layers.push(Layer { projection, attended, attention_norm, inner, outer, output_norm });
        }
        let level = checkpoint.level();
        checkpoint
            .finish(|name| name.contains("pooler.") || name.ends_with("position_ids") || name.starts_with("cls."))?;
        Ok(Self {
            level,
            width,
            n_heads: config.num_attention_heads,
            n_positions,
            vocabulary_size: config.vocab_size,
            words,
            positions,
            embedding_norm,
            layers,
        })
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn n_positions(&self) -> usize {
        self.n_positions
    }

    pub(super) fn vocabulary_size(&self) -> usize {
        self.vocabulary_size
    }

    /// `[n_texts × width]`: the mean of the states of each text, of length 1.
    pub(super) fn vectors(&self, texts: &[&[u32]]) -> Vec<f32> {
        let width = self.width;
        // [n_pieces of all texts, width]
        let mut rows: Vec<f32> = Vec::with_capacity(texts.iter().map(|text| text.len()).sum::<usize>() * width);
        for text in texts {
            for (position, piece) in text.iter().enumerate() {
                let word = &self.words[*piece as usize * width..][..width];
                let place = &self.positions[position * width..][..width];
                rows.extend(word.iter().zip(place).map(|(word, place)| word + place));
            }
        }
        self.embedding_norm.apply(&mut rows);
        let mut workspace = Workspace::default();
        for layer in &self.layers {
            self.apply(layer, texts, &mut rows, &mut workspace);
        }
        let mut vectors = Vec::with_capacity(texts.len() * width);
        let mut rest = rows.as_slice();
        for text in texts {
            let (states, later) = rest.split_at(text.len() * width);
            rest = later;
            let mut sums = vec![0.0_f64; width];
            for state in states.chunks_exact(width) {
                sums.iter_mut().zip(state).for_each(|(sum, value)| *sum += f64::from(*value));
            }
            let length = sums.iter().map(|sum| sum * sum).sum::<f64>().sqrt().max(1e-30);
            vectors.extend(sums.iter().map(|sum| (sum / length) as f32));
        }
        vectors
    }

    /// One layer: x ← norm(x + attention(x)), then x ← norm(x + W₂ gelu(W₁ x)).
    fn apply(&self, layer: &Layer, texts: &[&[u32]], rows: &mut [f32], workspace: &mut Workspace) {
        let Workspace { activations, scratch, queries, keys, values, attended, hidden } = workspace;
        let width = self.width;
        for (linear, output) in layer.projection.iter().zip([&mut *queries, &mut *keys, &mut *values]) {
            linear.apply_into(rows, Then::Store, output, activations);
        }
        attended.resize(rows.len(), 0.0);
        let d_k = width / self.n_heads;
        let mut first = 0;
        for text in texts {
            let (start, end) = (first * width, (first + text.len()) * width);
            first += text.len();
            for head_idx in 0..self.n_heads {
                let columns = |data| Columns { data, stride: width, start: head_idx * d_k };
                let head = Head {
                    d_k,
                    n_queries: text.len(),
                    n_keys: text.len(),
                    queries: columns(&queries[start..end]),
                    keys: columns(&keys[start..end]),
                    values: columns(&values[start..end]),
                    scale: 1.0 / (d_k as f32).sqrt(),
                    bias: None,
                };
                attend(self.level, head, &mut attended[start..end], width, head_idx * d_k, scratch);
            }
        }
        layer.attended.apply(attended, Then::Add, rows, activations);
        layer.attention_norm.apply(rows);
        layer.inner.apply_into(rows, Then::Store, hidden, activations);
        hidden.iter_mut().for_each(|value| *value = gelu(*value));
        layer.outer.apply(hidden, Then::Add, rows, activations);
        layer.output_norm.apply(rows);
    }
}

/// Memory of one block, used again for every layer.
#[derive(Default)]
struct Workspace {
    activations: Activations,
    scratch: Scratch,
    queries: Vec<f32>,
    keys: Vec<f32>,
    values: Vec<f32>,
    attended: Vec<f32>,
    hidden: Vec<f32>,
}

impl LayerNorm {
    fn take(checkpoint: &mut Checkpoint, name: &str, width: usize, epsilon: f32) -> Result<Self, WeightsError> {
        let weight = checkpoint.take(&format!("{name}.weight"), &[width])?;
        let bias = checkpoint.take(&format!("{name}.bias"), &[width])?;
        Ok(Self { weight, bias, epsilon })
    }

    fn apply(&self, rows: &mut [f32]) {
        let width = self.weight.len();
        for row in rows.chunks_exact_mut(width) {
            let mean = row.iter().sum::<f32>() / width as f32;
            let variance = row.iter().map(|value| (value - mean) * (value - mean)).sum::<f32>() / width as f32;
            let factor = 1.0 / (variance + self.epsilon).sqrt();
            for ((value, weight), bias) in row.iter_mut().zip(&self.weight).zip(&self.bias) {
                *value = (*value - mean) * factor * weight + bias;
            }
        }
    }
}

/// x Φ(x), with the error function of Abramowitz & Stegun (7.1.26), which is right to 1.5e-7.
fn gelu(x: f32) -> f32 {
    let z = (x * std::f32::consts::FRAC_1_SQRT_2).abs();
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let series = t * (0.254_829_6 + t * (-0.284_496_74 + t * (1.421_413_7 + t * (-1.453_152 + t * 1.061_405_4))));
    let erf = (1.0 - series * (-z * z).exp()).copysign(x);
    0.5 * x * (1.0 + erf)
}
