//! Chronos-Bolt: a T5 encoder over patches of the history and a decoder of one token that forecasts 64 steps at once.
//!
//! Read top to bottom: configuration, weights, encoder, decoder, horizons beyond one block.
//!
//! # Differences from `chronos-forecasting` 2.3.2
//! 1. Patches without any observation are left out instead of masked; nothing sees them there either.
//! 2. Mean and deviation of a history are summed in f64.

use std::path::Path;

use fearless_simd::Level;
use rayon::prelude::*;
use serde::Deserialize;

use super::TOKENS_PER_BLOCK;
use super::checkpoint::{Checkpoint, check_shared, read_json, refuse};
use super::encoder::{FeedForward, Heads, Workspace};
use super::patches::{Scaling, known_patches, last, push_values_and_mask};
use super::quantiles::{QuantileForecast, empirical_quantile};
use crate::engine::Precision;
use crate::kernels::attention::{Columns, Head, attend};
use crate::kernels::linear::{Linear, Then};
use crate::kernels::norm::{Norm, rms_norm};
use crate::kernels::residual::ResidualBlock;
use crate::weights::WeightsError;

#[derive(Deserialize)]
struct Config {
    d_model: usize,
    d_kv: usize,
    d_ff: usize,
    num_layers: usize,
    num_decoder_layers: Option<usize>,
    num_heads: usize,
    #[serde(default = "relu")]
    feed_forward_proj: String,
    layer_norm_epsilon: f32,
    relative_attention_num_buckets: usize,
    relative_attention_max_distance: usize,
    #[serde(default)]
    decoder_start_token_id: usize,
    chronos_config: ChronosConfig,
}

#[derive(Deserialize)]
struct ChronosConfig {
    context_length: usize,
    prediction_length: usize,
    input_patch_size: usize,
    input_patch_stride: usize,
    quantiles: Vec<f64>,
    #[serde(default)]
    use_reg_token: bool,
}

fn relu() -> String {
    "relu".into()
}

/// Rows of the two special embeddings: the start of the decoder is given by the configuration.
const N_SPECIAL: usize = 2;
const REG: usize = 1;

/// A Chronos-Bolt model of any size, ready to forecast.
pub struct ChronosBolt {
    config: Config,
    level: Level,
    heads: Heads,
    /// `[N_SPECIAL, d_model]`.
    special: Vec<f32>,
    input: ResidualBlock,
    encoder: Vec<EncoderLayer>,
    /// `[n_buckets, n_heads]`: what the distance of two tokens adds to their score, in every layer.
    relative_bias: Vec<f32>,
    encoder_norm: Norm,
    decoder: Vec<DecoderLayer>,
    decoder_norm: Norm,
    output: ResidualBlock,
}

struct EncoderLayer {
    norm: Norm,
    qkv: Linear,
    output: Linear,
    feed_forward: FeedForward,
}

struct DecoderLayer {
    /// The one token of the decoder attends to itself alone: its attention is its value.
    self_norm: Norm,
    self_value: Linear,
    self_output: Linear,
    cross_norm: Norm,
    cross_query: Linear,
    cross_key_value: Linear,
    cross_output: Linear,
    feed_forward: FeedForward,
}

impl ChronosBolt {
    /// Reads `config.json` and `model.safetensors` of a folder.
    ///
    /// # Errors
    /// [`WeightsError`] where a file is missing or does not hold a Chronos-Bolt model.
    ///
    /// # Panics
    /// Where this machine does not support the precision ([`Precision::supported`]).
    pub fn read(folder: &Path, precision: Precision) -> Result<Self, WeightsError> {
        assert!(Precision::supported().contains(&precision), "this machine cannot compute in {precision:?}");
        let config: Config = read_json(folder, "config.json")?;
        config.check().or_else(|reason| refuse(folder, "config.json", reason))?;
        let mut checkpoint = Checkpoint::read(folder, "Chronos-Bolt", precision)?;
        let heads = Heads { n_heads: config.num_heads, d_k: config.d_kv };
        let (d, width, epsilon) = (config.d_model, heads.width(), config.layer_norm_epsilon);
        let feed_forward = |checkpoint: &mut Checkpoint, layer: &str| {
            FeedForward::take(checkpoint, layer, "DenseReluDense", [d, config.d_ff], epsilon)
        };

        let mut encoder = Vec::new();
        for layer in 0..config.num_layers {
            let name = format!("encoder.block.{layer}.layer");
            encoder.push(EncoderLayer {
                norm: checkpoint.norm(&format!("{name}.0.layer_norm"), d, epsilon)?,
                qkv: checkpoint.stacked(&format!("{name}.0.SelfAttention"), &["q", "k", "v"], width, d)?,
                output: checkpoint.linear(&format!("{name}.0.SelfAttention.o"), d, width)?,
                feed_forward: feed_forward(&mut checkpoint, &format!("{name}.1"))?,
            });
        }
        let mut decoder = Vec::new();
        for layer in 0..config.n_decoder_layers() {
            let name = format!("decoder.block.{layer}.layer");
            decoder.push(DecoderLayer {
                self_norm: checkpoint.norm(&format!("{name}.0.layer_norm"), d, epsilon)?,
                self_value: checkpoint.linear(&format!("{name}.0.SelfAttention.v"), width, d)?,
                self_output: checkpoint.linear(&format!("{name}.0.SelfAttention.o"), d, width)?,
                cross_norm: checkpoint.norm(&format!("{name}.1.layer_norm"), d, epsilon)?,
                cross_query: checkpoint.linear(&format!("{name}.1.EncDecAttention.q"), width, d)?,
                cross_key_value: checkpoint.stacked(&format!("{name}.1.EncDecAttention"), &["k", "v"], width, d)?,
                cross_output: checkpoint.linear(&format!("{name}.1.EncDecAttention.o"), d, width)?,
                feed_forward: feed_forward(&mut checkpoint, &format!("{name}.2"))?,
            });
        }
        let patch = config.chronos_config.input_patch_size;
        let n_values = config.chronos_config.quantiles.len() * config.chronos_config.prediction_length;
        let bias_name = "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight";
        let bolt = Self {
            level: checkpoint.level(),
            heads,
            special: checkpoint.take("shared.weight", &[N_SPECIAL, d])?,
            input: checkpoint.residual_block("input_patch_embedding", [2 * patch, config.d_ff, d])?,
            encoder,
            relative_bias: checkpoint.take(bias_name, &[config.relative_attention_num_buckets, config.num_heads])?,
            encoder_norm: checkpoint.norm("encoder.final_layer_norm", d, epsilon)?,
            decoder,
            decoder_norm: checkpoint.norm("decoder.final_layer_norm", d, epsilon)?,
            output: checkpoint.residual_block("output_patch_embedding", [d, config.d_ff, n_values])?,
            config,
        };
        checkpoint.finish(is_unused)?;
        Ok(bolt)
    }

    /// Quantile levels of the model.
    pub fn levels(&self) -> &[f64] {
        &self.config.chronos_config.quantiles
    }

    /// Forecasts each history, oldest value first, NaN where nothing is known.
    ///
    /// Beyond one block (64 steps in the published models) each quantile is appended to the history and continued; the
    /// quantiles of the continuations are taken over all of them.
    ///
    /// # Panics
    /// Where `horizon` is zero.
    pub fn predict(&self, histories: &[&[f32]], horizon: usize) -> Vec<QuantileForecast> {
        assert!(horizon > 0);
        let context_length = self.config.chronos_config.context_length;
        let histories: Vec<&[f32]> = histories.iter().map(|history| last(history, context_length)).collect();
        let mut forecasts = self.predict_block(&histories);
        let mut blocks = forecasts.clone();
        let n_levels = self.levels().len();
        // Histories continued along each quantile, [n_series · n_levels].
        let mut paths: Vec<Vec<f32>> = histories.iter().flat_map(|history| vec![history.to_vec(); n_levels]).collect();
        while forecasts.first().is_some_and(|forecast| forecast.horizon < horizon) {
            for (path_idx, path) in paths.iter_mut().enumerate() {
                path.extend_from_slice(blocks[path_idx / n_levels].level(path_idx % n_levels));
                *path = last(path, context_length).to_vec();
            }
            let views: Vec<&[f32]> = paths.iter().map(Vec::as_slice).collect();
            let continued = self.predict_block(&views);
            blocks = continued.chunks_exact(n_levels).map(|paths| self.reduce(paths)).collect();
            for (forecast, block) in forecasts.iter_mut().zip(&blocks) {
                forecast.append(block);
            }
        }
        forecasts.iter_mut().for_each(|forecast| forecast.truncate(horizon));
        forecasts
    }

    /// Quantiles over the quantiles of all paths of a series.
    fn reduce(&self, paths: &[QuantileForecast]) -> QuantileForecast {
        let horizon = paths[0].horizon;
        let mut values = vec![0.0; self.levels().len() * horizon];
        for step in 0..horizon {
            let mut samples: Vec<f32> =
                paths.iter().flat_map(|path| (0..self.levels().len()).map(|level| path.level(level)[step])).collect();
            samples.sort_by(f32::total_cmp);
            for (level_idx, &level) in self.levels().iter().enumerate() {
                values[level_idx * horizon + step] = empirical_quantile(&samples, level);
            }
        }
        QuantileForecast { levels: self.levels().to_vec(), horizon, values }
    }

    /// One block ahead of each history of at most the context length.
    fn predict_block(&self, histories: &[&[f32]]) -> Vec<QuantileForecast> {
        let longest = histories.iter().map(|history| history.len()).max().unwrap_or(0);
        let n_tokens = 1 + longest.div_ceil(self.config.chronos_config.input_patch_size);
        histories
            .par_chunks((TOKENS_PER_BLOCK / n_tokens).max(1))
            .map_init(Workspace::default, |workspace, histories| self.forward(histories, workspace))
            .flatten()
            .collect()
    }

    fn forward(&self, histories: &[&[f32]], workspace: &mut Workspace) -> Vec<QuantileForecast> {
        let (d, width, patch) = (self.config.d_model, self.heads.width(), self.config.chronos_config.input_patch_size);
        let special = |row: usize| &self.special[row * d..][..d];

        // Tokens of a series: its known patches, then [REG].
        let mut inputs = Vec::new();
        let mut scalings = Vec::new();
        let mut positions: Vec<Vec<usize>> = Vec::new();
        for history in histories {
            let scaling = Scaling::of(history, false);
            let patches = known_patches(history, patch);
            for (_, values) in &patches {
                push_values_and_mask(values, &scaling, &mut inputs);
            }
            let reg_position = history.len().div_ceil(patch);
            positions.push(patches.iter().map(|(position, _)| *position).chain([reg_position]).collect());
            scalings.push(scaling);
        }
        let mut embedded = Vec::new();
        self.input.apply(&inputs, &mut workspace.hidden, &mut embedded, &mut workspace.scratch);
        let mut tokens = Vec::with_capacity(embedded.len() + histories.len() * d);
        let mut sequences = Vec::new();
        let mut rest = embedded.as_slice();
        for positions in &positions {
            let start = tokens.len() / d;
            let (patches, others) = rest.split_at((positions.len() - 1) * d);
            tokens.extend_from_slice(patches);
            tokens.extend_from_slice(special(REG));
            sequences.push(start..start + positions.len());
            rest = others;
        }

        let biases: Vec<Vec<f32>> = positions.iter().map(|positions| self.bias_matrix(positions)).collect();
        for layer in &self.encoder {
            let Workspace { scratch, attention, normed, projected, attended, .. } = workspace;
            rms_norm(self.level, &tokens, &layer.norm, normed);
            layer.qkv.apply_into(normed, Then::Store, projected, scratch);
            self.heads.attend_within(self.level, &sequences, projected, Some(&biases), attended, attention);
            layer.output.apply(attended, Then::Add, &mut tokens, scratch);
            layer.feed_forward.add_to(self.level, &mut tokens, workspace);
        }
        let mut encoded = Vec::new();
        rms_norm(self.level, &tokens, &self.encoder_norm, &mut encoded);

        // One decoder token per series, [n_series, d_model].
        let mut states = special(self.config.decoder_start_token_id).repeat(histories.len());
        for layer in &self.decoder {
            let Workspace { scratch, attention, normed, projected, attended, hidden } = workspace;
            rms_norm(self.level, &states, &layer.self_norm, normed);
            layer.self_value.apply_into(normed, Then::Store, attended, scratch);
            layer.self_output.apply(attended, Then::Add, &mut states, scratch);

            rms_norm(self.level, &states, &layer.cross_norm, normed);
            layer.cross_query.apply_into(normed, Then::Store, hidden, scratch);
            layer.cross_key_value.apply_into(&encoded, Then::Store, projected, scratch);
            attended.resize(hidden.len(), 0.0);
            for (series_idx, rows) in sequences.iter().enumerate() {
                let keys_values = &projected[rows.start * 2 * width..rows.end * 2 * width];
                let query = &hidden[series_idx * width..][..width];
                for start in (0..width).step_by(self.heads.d_k) {
                    let head = Head {
                        d_k: self.heads.d_k,
                        n_queries: 1,
                        n_keys: rows.len(),
                        queries: Columns { data: query, stride: width, start },
                        keys: Columns { data: keys_values, stride: 2 * width, start },
                        values: Columns { data: keys_values, stride: 2 * width, start: width + start },
                        scale: 1.0,
                        bias: None,
                    };
                    attend(self.level, head, &mut attended[series_idx * width..][..width], width, start, attention);
                }
            }
            layer.cross_output.apply(attended, Then::Add, &mut states, scratch);
            layer.feed_forward.add_to(self.level, &mut states, workspace);
        }
        let Workspace { scratch, normed, hidden, projected: output, .. } = workspace;
        rms_norm(self.level, &states, &self.decoder_norm, normed);
        self.output.apply(normed, hidden, output, scratch);

        // [n_series, n_levels, prediction_length]
        let horizon = self.config.chronos_config.prediction_length;
        output
            .chunks_exact(self.levels().len() * horizon)
            .zip(scalings)
            .map(|(values, scaling)| QuantileForecast {
                levels: self.levels().to_vec(),
                horizon,
                values: values.iter().map(|&value| scaling.invert(value)).collect(),
            })
            .collect()
    }

    /// `[n_heads, n, n]`: what the distance from query to key adds to their score.
    fn bias_matrix(&self, positions: &[usize]) -> Vec<f32> {
        let n_heads = self.heads.n_heads;
        let mut bias = Vec::with_capacity(n_heads * positions.len() * positions.len());
        for head in 0..n_heads {
            for &query in positions {
                bias.extend(positions.iter().map(|&key| {
                    let bucket = relative_bucket(
                        key as i64 - query as i64,
                        self.config.relative_attention_num_buckets,
                        self.config.relative_attention_max_distance,
                    );
                    self.relative_bias[bucket * n_heads + head]
                }));
            }
        }
        bias
    }
}

/// Tensors that published files hold and no forecast needs: copies of the embeddings, and queries, keys and position
/// biases of a decoder that has one token only.
fn is_unused(name: &str) -> bool {
    name == "lm_head.weight"
        || name.ends_with("embed_tokens.weight")
        || name.starts_with("decoder.block.")
            && ["q", "k", "relative_attention_bias"]
                .iter()
                .any(|part| name.ends_with(&format!(".layer.0.SelfAttention.{part}.weight")))
}

/// Bucket of a distance in both directions (Raffel et al., 2020): half of the buckets look ahead; in each half the nearer
/// half holds one distance each and the others grow logarithmically up to `max_distance`.
fn relative_bucket(distance: i64, n_buckets: usize, max_distance: usize) -> usize {
    let half = n_buckets / 2;
    let offset = if distance > 0 { half } else { 0 };
    let distance = distance.unsigned_abs() as usize;
    let n_exact = half / 2;
    if distance < n_exact {
        return offset + distance;
    }
    // In f32 like the original, so that powers of two fall on the same side.
    let share = (distance as f32 / n_exact as f32).ln() / (max_distance as f64 / n_exact as f64).ln() as f32;
    let bucket = n_exact + (share * (half - n_exact) as f32) as usize;
    offset + bucket.min(half - 1)
}

impl Config {
    fn n_decoder_layers(&self) -> usize {
        self.num_decoder_layers.unwrap_or(self.num_layers)
    }

    fn check(&self) -> Result<(), String> {
        let chronos = &self.chronos_config;
        let sizes = [
            ("d_model", self.d_model, 1, 8192),
            ("d_kv", self.d_kv, 1, 1024),
            ("d_ff", self.d_ff, 1, 65_536),
            ("num_heads", self.num_heads, 1, 256),
            ("num_layers", self.num_layers, 1, 128),
            ("num_decoder_layers", self.n_decoder_layers(), 1, 128),
            ("relative_attention_num_buckets", self.relative_attention_num_buckets, 4, 1024),
            ("relative_attention_max_distance", self.relative_attention_max_distance, 2, 1 << 20),
            ("decoder_start_token_id", self.decoder_start_token_id, 0, N_SPECIAL - 1),
            ("context_length", chronos.context_length, 1, 1 << 20),
            ("prediction_length", chronos.prediction_length, 1, 1 << 16),
            ("input_patch_size", chronos.input_patch_size, 1, 1024),
            ("number of quantiles", chronos.quantiles.len(), 1, 999),
        ];
        check_shared(&self.feed_forward_proj, chronos.use_reg_token, &sizes, &chronos.quantiles)?;
        if chronos.input_patch_size != chronos.input_patch_stride {
            return Err(format!(
                "has input_patch_size = {} and input_patch_stride = {}, must be equal",
                chronos.input_patch_size, chronos.input_patch_stride
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of `T5Attention._relative_position_bucket` with 32 buckets up to distance 128.
    #[test]
    fn buckets_are_those_of_t5() {
        for (distance, bucket) in [
            (0, 0),
            (-1, 1),
            (-7, 7),
            (-8, 8),
            (-11, 8),
            (-12, 9),
            (-15, 9),
            (-16, 10),
            (-32, 12),
            (-64, 14),
            (-127, 15),
            (-4000, 15),
            (1, 17),
            (7, 23),
            (8, 24),
            (128, 31),
        ] {
            assert_eq!(relative_bucket(distance, 32, 128), bucket, "{distance}");
        }
    }
}
