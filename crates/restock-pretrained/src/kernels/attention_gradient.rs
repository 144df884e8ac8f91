//! Attention of one head with its weights kept, and its gradient.

use fearless_simd::{Level, Simd, dispatch, f32x16, prelude::*};

use super::attention::{Columns, Head, exp_minus_max, multiply_panels, pack_as_columns, pack_as_rows};
use super::tile::{LANES, TILE_ROWS, vectors_per_panel};
use super::weight_gradient::transpose;

/// Memory that both passes use again for every head.
#[derive(Default)]
pub(crate) struct Scratch {
    panels: Vec<f32>,
    tile: Vec<f32>,
    /// `[n_queries, padded(n_keys)]`: the gradient of the scores.
    d_scores: Vec<f32>,
    transposed: Vec<f32>,
}

/// Values of one row of kept weights: keys filled up to whole vectors.
pub(crate) fn padded(n_keys: usize) -> usize {
    n_keys.next_multiple_of(LANES)
}

/// softmax(scale · q kᵀ) v into the columns of `output` that the queries have in their rows; the softmax goes into
/// `weights` `[n_queries, padded(n_keys)]`.
pub(crate) fn attend_and_keep(
    level: Level,
    head: Head,
    weights: &mut [f32],
    output: &mut [f32],
    scratch: &mut Scratch,
) {
    assert!(head.bias.is_none(), "a bias has no gradient here");
    assert_eq!(weights.len(), head.n_queries * padded(head.n_keys));
    match vectors_per_panel(level) {
        1 => dispatch!(level, simd => forward::<_, 1>(simd, head, weights, output, scratch)),
        4 => dispatch!(level, simd => forward::<_, 4>(simd, head, weights, output, scratch)),
        other => unreachable!("panels of {other} vectors"),
    }
}

#[inline(always)]
fn forward<S: Simd, const NR: usize>(
    simd: S,
    head: Head,
    weights: &mut [f32],
    output: &mut [f32],
    scratch: &mut Scratch,
) {
    let Head { d_k, n_queries, n_keys, .. } = head;
    let Scratch { panels, tile, .. } = scratch;
    let stride = padded(n_keys);
    pack_as_columns::<NR>(head.keys, n_keys, d_k, panels);
    products::<S, NR>(simd, head.queries, n_queries, d_k, panels, tile, weights, stride, stride);
    for row in weights.chunks_exact_mut(stride) {
        row[n_keys..].fill(f32::NEG_INFINITY);
        let factor = 1.0 / exp_minus_max(simd, row, head.scale);
        row.iter_mut().for_each(|weight| *weight *= factor);
        row[n_keys..].fill(0.0);
    }
    let weights = Columns { data: weights, stride, start: 0 };
    pack_as_rows::<NR>(head.values, n_keys, d_k, panels);
    let output = &mut output[head.queries.start..];
    products::<S, NR>(simd, weights, n_queries, n_keys, panels, tile, output, head.queries.stride, d_k);
}

/// Gradients of queries, keys and values of one head from that of its output, which lies like the queries.
///
/// `weights` are those that [`attend_and_keep`] kept. The gradients lie like the queries, and like keys and values, which
/// share their rows; they are written, not added.
pub(crate) fn attend_gradient(
    level: Level,
    head: Head,
    weights: &[f32],
    d_output: &[f32],
    d_queries: &mut [f32],
    d_keys_values: &mut [f32],
    scratch: &mut Scratch,
) {
    assert_eq!(head.keys.stride, head.values.stride);
    match vectors_per_panel(level) {
        1 => {
            dispatch!(level, simd => backward::<_, 1>(simd, head, weights, d_output, d_queries, d_keys_values, scratch))
        }
        4 => {
            dispatch!(level, simd => backward::<_, 4>(simd, head, weights, d_output, d_queries, d_keys_values, scratch))
        }
        other => unreachable!("panels of {other} vectors"),
    }
}

#[inline(always)]
fn backward<S: Simd, const NR: usize>(
    simd: S,
    head: Head,
    weights: &[f32],
    d_output: &[f32],
    d_queries: &mut [f32],
    d_keys_values: &mut [f32],
    scratch: &mut Scratch,
) {
    let Head { d_k, n_queries, n_keys, .. } = head;
    let Scratch { panels, tile, d_scores, transposed } = scratch;
    let (stride, row_stride) = (padded(n_keys), head.keys.stride);
    let d_output = Columns { data: d_output, ..head.queries };

    // Scores: dS = P ∘ (dO Vᵀ - rowsum(P ∘ dO Vᵀ)) · scale.
    d_scores.resize(n_queries * stride, 0.0);
    pack_as_columns::<NR>(head.values, n_keys, d_k, panels);
    products::<S, NR>(simd, d_output, n_queries, d_k, panels, tile, d_scores, stride, stride);
    for (row, weights) in d_scores.chunks_exact_mut(stride).zip(weights.chunks_exact(stride)) {
        let mean = dot(simd, row, weights);
        for (d_score, &weight) in row.iter_mut().zip(weights) {
            *d_score = weight * (*d_score - mean) * head.scale;
        }
    }

    // dQ = dS K
    pack_as_rows::<NR>(head.keys, n_keys, d_k, panels);
    let rows = Columns { data: d_scores, stride, start: 0 };
    let out = &mut d_queries[head.queries.start..];
    products::<S, NR>(simd, rows, n_queries, n_keys, panels, tile, out, head.queries.stride, d_k);

    // dK = dSᵀ Q
    transpose(d_scores, n_queries, stride, transposed);
    pack_as_rows::<NR>(head.queries, n_queries, d_k, panels);
    let rows = Columns { data: transposed, stride: n_queries, start: 0 };
    let out = &mut d_keys_values[head.keys.start..];
    products::<S, NR>(simd, rows, n_keys, n_queries, panels, tile, out, row_stride, d_k);

    // dV = Pᵀ dO
    transpose(weights, n_queries, stride, transposed);
    pack_as_rows::<NR>(d_output, n_queries, d_k, panels);
    let rows = Columns { data: transposed, stride: n_queries, start: 0 };
    let out = &mut d_keys_values[head.values.start..];
    products::<S, NR>(simd, rows, n_keys, n_queries, panels, tile, out, row_stride, d_k);
}

/// `rows` `[n_rows, n_inner]` times packed columns, the first `width` of them into rows of `output`.
#[expect(clippy::too_many_arguments, reason = "two matrices and where the third goes")]
#[inline(always)]
fn products<S: Simd, const NR: usize>(
    simd: S,
    rows: Columns,
    n_rows: usize,
    n_inner: usize,
    panels: &[f32],
    tile: &mut Vec<f32>,
    output: &mut [f32],
    out_stride: usize,
    width: usize,
) {
    let n_padded = width.next_multiple_of(LANES);
    tile.resize(TILE_ROWS * n_padded, 0.0);
    for first in (0..n_rows).step_by(TILE_ROWS) {
        let mut tile_rows = [&rows.data[..0]; TILE_ROWS];
        for r in 0..TILE_ROWS {
            tile_rows[r] = rows.row((first + r).min(n_rows - 1), n_inner);
        }
        multiply_panels::<S, NR>(simd, tile_rows, panels, n_padded, tile);
        for r in 0..TILE_ROWS.min(n_rows - first) {
            output[(first + r) * out_stride..][..width].copy_from_slice(&tile[r * n_padded..][..width]);
        }
    }
}

/// The sum of products of two slices of whole vectors.
#[inline(always)]
fn dot<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    let mut sums = f32x16::splat(simd, 0.0);
    for (a, b) in a.as_chunks::<LANES>().0.iter().zip(b.as_chunks::<LANES>().0) {
        sums = f32x16::from_slice(simd, a).mul_add(f32x16::from_slice(simd, b), sums);
    }
    sums.reduce_sum()
}
