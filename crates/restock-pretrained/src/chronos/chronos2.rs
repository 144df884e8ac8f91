//! Chronos-2: an encoder in which tokens of one row attend to each other, and rows of one group attend to each other at
//! equal positions. Covariates are rows of the group whose future is known.
//!
//! Read top to bottom: configuration, weights, tokens, layers, horizons beyond one pass.
//!
//! # Differences from `chronos-forecasting` 2.3.2
//! 1. Patches without any observation are left out instead of masked; nothing sees them there either.
//! 2. Mean and deviation of a history are summed in f64, rotary angles computed in f64.
//! 3. Categorical covariates are numbers here: the caller encodes them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use fearless_simd::Level;
use rayon::prelude::*;
use serde::Deserialize;

use super::TOKENS_PER_BLOCK;
use super::checkpoint::{Checkpoint, check_shared, read_json, refuse};
use super::encoder::{FeedForward, Heads, Workspace};
use super::patches::{Scaling, known_patches, last, push_values_and_mask};
use super::quantiles::{QuantileForecast, interpolate, probability_masses, weighted_quantiles};
use crate::engine::Precision;
use crate::kernels::linear::{Linear, Then};
use crate::kernels::norm::{Norm, RotaryTable, norm_and_rotate, rms_norm};
use crate::kernels::residual::ResidualBlock;
use crate::weights::WeightsError;

#[derive(Deserialize)]
struct Config {
    d_model: usize,
    d_kv: usize,
    d_ff: usize,
    num_layers: usize,
    num_heads: usize,
    layer_norm_epsilon: f32,
    #[serde(default = "relu")]
    feed_forward_proj: String,
    #[serde(default = "default_theta")]
    rope_theta: f64,
    chronos_config: ChronosConfig,
}

#[derive(Deserialize)]
struct ChronosConfig {
    context_length: usize,
    input_patch_size: usize,
    input_patch_stride: usize,
    output_patch_size: usize,
    quantiles: Vec<f64>,
    #[serde(default)]
    use_reg_token: bool,
    #[serde(default)]
    use_arcsinh: bool,
    #[serde(default = "one")]
    max_output_patches: usize,
    time_encoding_scale: Option<usize>,
}

fn relu() -> String {
    "relu".into()
}

fn default_theta() -> f64 {
    1e4
}

fn one() -> usize {
    1
}

/// Row of the special embeddings that ends the past.
const REG: usize = 1;

/// Quantiles along which histories are continued beyond one pass.
const PATHS: [f64; 9] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

/// A series of a group: a target, or a covariate of the targets beside it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// Values up to the origin, oldest first, NaN where unknown. All rows of a group end at the same time.
    pub past: Vec<f32>,
    /// Values after the origin, NaN where unknown; empty or all NaN for a target, at most the horizon.
    pub future: Vec<f32>,
}

/// A Chronos-2 model of any size, ready to forecast.
pub struct Chronos2 {
    config: Config,
    level: Level,
    heads: Heads,
    rotary: RotaryTable,
    /// `[d_model]`: the token between past and future.
    reg: Vec<f32>,
    input: ResidualBlock,
    layers: Vec<Layer>,
    norm: Norm,
    output: ResidualBlock,
}

struct Layer {
    time: Attention,
    group: Attention,
    feed_forward: FeedForward,
}

struct Attention {
    norm: Norm,
    qkv: Linear,
    output: Linear,
}

/// Tokens of the rows of a block behind each other: known patches, \[REG\], future patches.
struct Tokens {
    /// `[n_tokens, d_model]`.
    values: Vec<f32>,
    /// Tokens of each row.
    rows: Vec<Range<usize>>,
    /// Position of each token in its row.
    positions: Vec<usize>,
    /// Tokens of each group at equal positions, where there is more than one.
    meetings: Vec<Vec<usize>>,
}

impl Chronos2 {
    /// Reads `config.json` and `model.safetensors` of a folder.
    ///
    /// # Errors
    /// [`WeightsError`] where a file is missing or does not hold a Chronos-2 model.
    ///
    /// # Panics
    /// Where this machine does not support the precision ([`Precision::supported`]).
    pub fn read(folder: &Path, precision: Precision) -> Result<Self, WeightsError> {
        Self::build(folder, None, precision)
    }

    /// [`Chronos2::read`] with a low-rank adapter of another folder merged into the weights (`adapter_config.json` and
    /// `adapter_model.safetensors`, as the Python package writes them after fine-tuning).
    ///
    /// # Errors
    /// As for [`Chronos2::read`], and where the adapter does not fit the model.
    pub fn read_with_adapter(folder: &Path, adapter: &Path, precision: Precision) -> Result<Self, WeightsError> {
        Self::build(folder, Some(adapter), precision)
    }

    fn build(folder: &Path, adapter: Option<&Path>, precision: Precision) -> Result<Self, WeightsError> {
        assert!(Precision::supported().contains(&precision), "this machine cannot compute in {precision:?}");
        let config: Config = read_json(folder, "config.json")?;
        config.check().or_else(|reason| refuse(folder, "config.json", reason))?;
        let mut checkpoint = Checkpoint::read(folder, "Chronos-2", precision)?;
        if let Some(adapter) = adapter {
            checkpoint.merge_adapter(adapter)?;
        }
        let heads = Heads { n_heads: config.num_heads, d_k: config.d_kv };
        let (d, width, epsilon) = (config.d_model, heads.width(), config.layer_norm_epsilon);
        let mut layers = Vec::new();
        for layer in 0..config.num_layers {
            let name = format!("encoder.block.{layer}.layer");
            let mut attention = |idx: usize| {
                Ok::<_, WeightsError>(Attention {
                    norm: checkpoint.norm(&format!("{name}.{idx}.layer_norm"), d, epsilon)?,
                    qkv: checkpoint.stacked(&format!("{name}.{idx}.self_attention"), &["q", "k", "v"], width, d)?,
                    output: checkpoint.linear(&format!("{name}.{idx}.self_attention.o"), d, width)?,
                })
            };
            let (time, group) = (attention(0)?, attention(1)?);
            let sizes = [d, config.d_ff];
            let feed_forward = FeedForward::take(&mut checkpoint, &format!("{name}.2"), "mlp", sizes, epsilon)?;
            layers.push(Layer { time, group, feed_forward });
        }
        let chronos = &config.chronos_config;
        let n_values = chronos.quantiles.len() * chronos.output_patch_size;
        let n_positions = chronos.context_length.div_ceil(chronos.input_patch_size) + 1 + chronos.max_output_patches;
        let special = checkpoint.take("shared.weight", &[2, d])?;
        let input =
            checkpoint.residual_block("input_patch_embedding", [3 * chronos.input_patch_size, config.d_ff, d])?;
        let output = checkpoint.residual_block("output_patch_embedding", [d, config.d_ff, n_values])?;
        let norm = checkpoint.norm("encoder.final_layer_norm", d, epsilon)?;
        let level = checkpoint.level();
        // Rotary frequencies are computed here.
        checkpoint.finish(|name| name.ends_with("rope_embed.inv_freq"))?;
        Ok(Self {
            level,
            heads,
            rotary: RotaryTable::new(n_positions, config.d_kv, config.rope_theta),
            reg: special[REG * d..].to_vec(),
            input,
            layers,
            norm,
            output,
            config,
        })
    }

    /// Quantile levels of the model.
    pub fn levels(&self) -> &[f64] {
        &self.config.chronos_config.quantiles
    }

    /// Forecasts every row of every group; what is known of a covariate's future does not change its own forecast's form.
    ///
    /// Beyond one pass (1,024 steps in the published models) nine quantiles are appended to the histories and continued.
    ///
    /// # Panics
    /// Where `horizon` is zero, or a row knows more of the future than the horizon.
    pub fn predict(&self, groups: &[Vec<Row>], horizon: usize) -> Vec<Vec<QuantileForecast>> {
        assert!(horizon > 0);
        assert!(groups.iter().flatten().all(|row| row.future.len() <= horizon), "future beyond the horizon");
        let chronos = &self.config.chronos_config;
        let n_patches = |n_steps: usize| n_steps.div_ceil(chronos.output_patch_size).min(chronos.max_output_patches);
        let mut current: Vec<Vec<Row>> = groups
            .iter()
            .map(|rows| {
                rows.iter()
                    .map(|row| Row {
                        past: last(&row.past, chronos.context_length).to_vec(),
                        future: row.future.clone(),
                    })
                    .collect()
            })
            .collect();
        let mut forecasts = self.pass(&current, n_patches(horizon));
        let mut blocks = forecasts.clone();
        let mut done = n_patches(horizon) * chronos.output_patch_size;
        if done < horizon {
            // Each group once per path, [n_groups · n_paths].
            current = current.into_iter().flat_map(|rows| vec![rows; PATHS.len()]).collect();
        }
        while done < horizon {
            for (path_idx, rows) in current.iter_mut().enumerate() {
                let (group_idx, level) = (path_idx / PATHS.len(), PATHS[path_idx % PATHS.len()]);
                for (row, block) in rows.iter_mut().zip(&blocks[group_idx]) {
                    row.advance(block, level, chronos.context_length);
                }
            }
            let continued = self.pass(&current, n_patches(horizon - done));
            blocks = continued.chunks_exact(PATHS.len()).map(|paths| self.reduce(paths)).collect();
            for (forecast, block) in forecasts.iter_mut().flatten().zip(blocks.iter().flatten()) {
                forecast.append(block);
            }
            done += n_patches(horizon - done) * chronos.output_patch_size;
        }
        forecasts.iter_mut().flatten().for_each(|forecast| forecast.truncate(horizon));
        forecasts
    }

    /// Quantiles over the quantiles of all paths, each with the probability that path and level stand for.
    fn reduce(&self, paths: &[Vec<QuantileForecast>]) -> Vec<QuantileForecast> {
        let level_masses = probability_masses(self.levels());
        let weights: Vec<f64> = probability_masses(&PATHS)
            .iter()
            .flat_map(|path_mass| level_masses.iter().map(move |level_mass| path_mass * level_mass))
            .collect();
        let n_levels = self.levels().len();
        (0..paths[0].len())
            .map(|row_idx| {
                let horizon = paths[0][row_idx].horizon;
                let mut values = vec![0.0; n_levels * horizon];
                for step in 0..horizon {
                    let samples: Vec<f32> = paths
                        .iter()
                        .flat_map(|rows| (0..n_levels).map(|level| rows[row_idx].level(level)[step]))
                        .collect();
                    for (level, quantile) in weighted_quantiles(&samples, &weights, self.levels()).iter().enumerate() {
                        values[level * horizon + step] = *quantile;
                    }
                }
                QuantileForecast { levels: self.levels().to_vec(), horizon, values }
            })
            .collect()
    }

    /// One pass over all groups, `n_output_patches` ahead.
    fn pass(&self, groups: &[Vec<Row>], n_output_patches: usize) -> Vec<Vec<QuantileForecast>> {
        let n_tokens = |rows: &[Row]| {
            let n_past = |row: &Row| row.past.len().div_ceil(self.config.chronos_config.input_patch_size);
            rows.iter().map(|row| n_past(row) + 1 + n_output_patches).sum::<usize>()
        };
        // Neighbouring groups until a block is full.
        let mut blocks: Vec<Range<usize>> = Vec::new();
        let mut n_block = 0;
        for (group_idx, rows) in groups.iter().enumerate() {
            match blocks.last_mut() {
                Some(block) if n_block + n_tokens(rows) <= TOKENS_PER_BLOCK => block.end += 1,
                _ => {
                    blocks.push(group_idx..group_idx + 1);
                    n_block = 0;
                }
            }
            n_block += n_tokens(rows);
        }
        blocks
            .into_par_iter()
            .map_init(Workspace::default, |workspace, block| self.forward(&groups[block], n_output_patches, workspace))
            .flatten()
            .collect()
    }

    fn forward(
        &self,
        groups: &[Vec<Row>],
        n_output_patches: usize,
        workspace: &mut Workspace,
    ) -> Vec<Vec<QuantileForecast>> {
        let (d, width) = (self.config.d_model, self.heads.width());
        let rows: Vec<&Row> = groups.iter().flatten().collect();
        let scalings: Vec<Scaling> =
            rows.iter().map(|row| Scaling::of(&row.past, self.config.chronos_config.use_arcsinh)).collect();
        let mut tokens = self.tokens(groups, &scalings, n_output_patches, workspace);
        for layer in &self.layers {
            let Workspace { scratch, attention, normed, projected, attended, .. } = workspace;
            rms_norm(self.level, &tokens.values, &layer.time.norm, normed);
            layer.time.qkv.apply_into(normed, Then::Store, projected, scratch);
            // Queries and keys are the first two thirds of a row.
            norm_and_rotate(
                self.level,
                projected,
                3 * width,
                2 * self.heads.n_heads,
                None,
                &self.rotary,
                &tokens.positions,
            );
            self.heads.attend_within(self.level, &tokens.rows, projected, None, attended, attention);
            layer.time.output.apply(attended, Then::Add, &mut tokens.values, scratch);
            self.group_attention(&layer.group, &mut tokens, workspace);
            layer.feed_forward.add_to(self.level, &mut tokens.values, workspace);
        }

        let Workspace { scratch, normed, hidden, projected: output, .. } = workspace;
        let mut futures = Vec::with_capacity(rows.len() * n_output_patches * d);
        for row in &tokens.rows {
            futures.extend_from_slice(&tokens.values[(row.end - n_output_patches) * d..row.end * d]);
        }
        rms_norm(self.level, &futures, &self.norm, normed);
        self.output.apply(normed, hidden, output, scratch);
        let mut forecasts = self.unscale(output, &scalings, n_output_patches).into_iter();
        groups.iter().map(|rows| forecasts.by_ref().take(rows.len()).collect()).collect()
    }

    /// Tokens of all rows, embedded.
    fn tokens(
        &self,
        groups: &[Vec<Row>],
        scalings: &[Scaling],
        n_output_patches: usize,
        workspace: &mut Workspace,
    ) -> Tokens {
        let chronos = &self.config.chronos_config;
        let (d, patch) = (self.config.d_model, chronos.input_patch_size);
        let time_scale = chronos.time_encoding_scale.unwrap_or(chronos.context_length) as f32;
        let mut inputs = Vec::new();
        let mut sequences = Vec::new();
        let mut positions = Vec::new();
        let mut meetings = Vec::new();
        let mut scalings = scalings.iter();
        for rows in groups {
            // Rows are aligned at their end: the longest gives the position of [REG] in all of them.
            let n_past = rows.iter().map(|row| row.past.len().div_ceil(patch)).max().unwrap_or(0);
            let mut by_position: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
            for row in rows {
                let scaling = scalings.next().expect("one scaling per row");
                let start = positions.len();
                let first_position = n_past - row.past.len().div_ceil(patch);
                for (position, values) in known_patches(&row.past, patch) {
                    let position = first_position + position;
                    positions.push(position);
                    let steps_to_origin = ((n_past - position) * patch) as f32;
                    inputs.extend((0..patch).map(|step| (step as f32 - steps_to_origin) / time_scale));
                    push_values_and_mask(&values, scaling, &mut inputs);
                }
                positions.push(n_past);
                for output_patch in 0..n_output_patches {
                    positions.push(n_past + 1 + output_patch);
                    let steps = output_patch * patch..(output_patch + 1) * patch;
                    inputs.extend(steps.clone().map(|step| step as f32 / time_scale));
                    let known: Vec<f32> = steps.map(|step| row.future.get(step).copied().unwrap_or(f32::NAN)).collect();
                    push_values_and_mask(&known, scaling, &mut inputs);
                }
                sequences.push(start..positions.len());
                for token in start..positions.len() {
                    by_position.entry(positions[token]).or_default().push(token);
                }
            }
            meetings.extend(by_position.into_values().filter(|tokens| tokens.len() > 1));
        }

        let mut embedded = Vec::new();
        self.input.apply(&inputs, &mut workspace.hidden, &mut embedded, &mut workspace.scratch);
        let mut values = Vec::with_capacity(positions.len() * d);
        let mut rest = embedded.as_slice();
        for row in &sequences {
            let (past, others) = rest.split_at((row.len() - 1 - n_output_patches) * d);
            let (future, others) = others.split_at(n_output_patches * d);
            values.extend_from_slice(past);
            values.extend_from_slice(&self.reg);
            values.extend_from_slice(future);
            rest = others;
        }
        Tokens { values, rows: sequences, positions, meetings }
    }

    /// Tokens of a group at the same position attend to each other; one that is alone attends to itself.
    fn group_attention(&self, layer: &Attention, tokens: &mut Tokens, workspace: &mut Workspace) {
        let width = self.heads.width();
        let Workspace { scratch, attention, normed, projected, attended, hidden } = workspace;
        rms_norm(self.level, &tokens.values, &layer.norm, normed);
        layer.qkv.apply_into(normed, Then::Store, projected, scratch);
        let mut result: Vec<f32> =
            projected.chunks_exact(3 * width).flat_map(|row| &row[2 * width..]).copied().collect();
        for meeting in &tokens.meetings {
            hidden.clear();
            for &token in meeting {
                hidden.extend_from_slice(&projected[token * 3 * width..][..3 * width]);
            }
            let rows = 0..meeting.len();
            self.heads.attend_within(self.level, std::slice::from_ref(&rows), hidden, None, attended, attention);
            for (&token, row) in meeting.iter().zip(attended.chunks_exact(width)) {
                result[token * width..][..width].copy_from_slice(row);
            }
        }
        layer.output.apply(&result, Then::Add, &mut tokens.values, scratch);
    }

    /// From `[n_rows, n_output_patches, n_levels, patch]` to a forecast per row.
    fn unscale(&self, output: &[f32], scalings: &[Scaling], n_output_patches: usize) -> Vec<QuantileForecast> {
        let (n_levels, patch) = (self.levels().len(), self.config.chronos_config.output_patch_size);
        output
            .chunks_exact(n_output_patches * n_levels * patch)
            .zip(scalings)
            .map(|(output, scaling)| {
                let mut values = Vec::with_capacity(output.len());
                for level in 0..n_levels {
                    for output in output.chunks_exact(n_levels * patch) {
                        values.extend(output[level * patch..][..patch].iter().map(|&value| scaling.invert(value)));
                    }
                }
                QuantileForecast { levels: self.levels().to_vec(), horizon: n_output_patches * patch, values }
            })
            .collect()
    }
}

impl Row {
    /// Moves the origin to the end of a forecast block: what was known of the future becomes past, the quantile at
    /// `level` becomes past where nothing was known.
    fn advance(&mut self, block: &QuantileForecast, level: f64, context_length: usize) {
        for step in 0..block.horizon {
            let known = self.future.get(step).copied().filter(|value| !value.is_nan());
            let values: Vec<f32> = (0..block.levels.len()).map(|level| block.level(level)[step]).collect();
            self.past.push(known.unwrap_or_else(|| interpolate(&block.levels, &values, level)));
        }
        self.past = last(&self.past, context_length).to_vec();
        self.future.drain(..block.horizon.min(self.future.len()));
    }
}

impl Config {
    fn check(&self) -> Result<(), String> {
        let chronos = &self.chronos_config;
        let sizes = [
            ("d_model", self.d_model, 1, 8192),
            ("d_kv", self.d_kv, 2, 1024),
            ("d_ff", self.d_ff, 1, 65_536),
            ("num_heads", self.num_heads, 1, 256),
            ("num_layers", self.num_layers, 1, 128),
            ("context_length", chronos.context_length, 1, 1 << 20),
            ("input_patch_size", chronos.input_patch_size, 1, 1024),
            ("max_output_patches", chronos.max_output_patches, 1, 4096),
            ("number of quantiles", chronos.quantiles.len(), 1, 999),
        ];
        check_shared(&self.feed_forward_proj, chronos.use_reg_token, &sizes, &chronos.quantiles)?;
        if chronos.input_patch_size != chronos.input_patch_stride
            || chronos.input_patch_size != chronos.output_patch_size
        {
            return Err(format!(
                "has input_patch_size = {}, input_patch_stride = {} and output_patch_size = {}, must be equal",
                chronos.input_patch_size, chronos.input_patch_stride, chronos.output_patch_size
            ));
        }
        if !self.d_kv.is_multiple_of(2) {
            return Err(format!("has d_kv = {}, must be even", self.d_kv));
        }
        Ok(())
    }
}
