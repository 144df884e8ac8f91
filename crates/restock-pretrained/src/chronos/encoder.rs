//! What encoder and decoder layers of both models share. Sequences of any length lie behind each other as rows.

use std::ops::Range;

use fearless_simd::Level;

use super::checkpoint::Checkpoint;
use crate::kernels::attention::{Columns, Head, Scratch, attend};
use crate::kernels::linear::{Activations, Linear, Then};
use crate::kernels::norm::{Norm, rms_norm};
use crate::weights::WeightsError;

/// Memory of one block, used again for every layer.
#[derive(Default)]
pub(super) struct Workspace {
    pub(super) scratch: Activations,
    pub(super) attention: Scratch,
    pub(super) normed: Vec<f32>,
    /// Queries, keys and values.
    pub(super) projected: Vec<f32>,
    pub(super) attended: Vec<f32>,
    pub(super) hidden: Vec<f32>,
}

/// Heads of an attention: all are `d_k` wide.
#[derive(Clone, Copy)]
pub(super) struct Heads {
    pub(super) n_heads: usize,
    pub(super) d_k: usize,
}

impl Heads {
    pub(super) fn width(self) -> usize {
        self.n_heads * self.d_k
    }

    /// Attention of sequences to themselves; `projected` is `[n_rows, 3 · width]`, scores are not scaled.
    ///
    /// `biases` holds `[n_heads, n, n]` for each sequence of n rows, or nothing.
    pub(super) fn attend_within(
        self,
        level: Level,
        sequences: &[Range<usize>],
        projected: &[f32],
        biases: Option<&[Vec<f32>]>,
        attended: &mut Vec<f32>,
        scratch: &mut Scratch,
    ) {
        let width = self.width();
        attended.resize(projected.len() / 3, 0.0);
        for (sequence_idx, rows) in sequences.iter().enumerate() {
            let data = &projected[rows.start * 3 * width..rows.end * 3 * width];
            let out = &mut attended[rows.start * width..rows.end * width];
            let columns = |start: usize| Columns { data, stride: 3 * width, start };
            for head_idx in 0..self.n_heads {
                let start = head_idx * self.d_k;
                let head = Head {
                    d_k: self.d_k,
                    n_queries: rows.len(),
                    n_keys: rows.len(),
                    queries: columns(start),
                    keys: columns(width + start),
                    values: columns(2 * width + start),
                    scale: 1.0,
                    bias: biases.map(|biases| {
                        let n_scores = rows.len() * rows.len();
                        &biases[sequence_idx][head_idx * n_scores..][..n_scores]
                    }),
                };
                attend(level, head, out, width, start, scratch);
            }
        }
    }
}

/// x += wo·relu(wi·rms(x)).
pub(super) struct FeedForward {
    norm: Norm,
    wi: Linear,
    wo: Linear,
}

impl FeedForward {
    /// `layer` holds `layer_norm`; `block` is the name of the two matrices below it.
    pub(super) fn take(
        checkpoint: &mut Checkpoint,
        layer: &str,
        block: &str,
        [d_model, d_ff]: [usize; 2],
        epsilon: f32,
    ) -> Result<Self, WeightsError> {
        Ok(Self {
            norm: checkpoint.norm(&format!("{layer}.layer_norm"), d_model, epsilon)?,
            wi: checkpoint.linear(&format!("{layer}.{block}.wi"), d_ff, d_model)?,
            wo: checkpoint.linear(&format!("{layer}.{block}.wo"), d_model, d_ff)?,
        })
    }

    pub(super) fn add_to(&self, level: Level, rows: &mut [f32], workspace: &mut Workspace) {
        let Workspace { scratch, normed, hidden, .. } = workspace;
        rms_norm(level, rows, &self.norm, normed);
        self.wi.apply_into(normed, Then::Relu, hidden, scratch);
        self.wo.apply(hidden, Then::Add, rows, scratch);
    }
}
