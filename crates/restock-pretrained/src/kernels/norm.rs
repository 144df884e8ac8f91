//! Root-mean-square norms and rotary positions of rows.

use fearless_simd::{Level, Simd, dispatch, f32x16, prelude::*};

use super::tile::LANES;

/// Added to the mean square before the root.
pub(crate) const EPSILON: f32 = 1e-6;

/// x / √(mean x² + ε) · w of every row; `input` and `output` are `[n_rows, weight.len()]`.
pub(crate) fn rms_norm(level: Level, input: &[f32], weight: &[f32], output: &mut [f32]) {
    assert_eq!(input.len(), output.len());
    assert_eq!(input.len() % weight.len(), 0);
    dispatch!(level, simd => rms_norm_rows(simd, input, weight, output));
}

#[inline(always)]
fn rms_norm_rows<S: Simd>(simd: S, input: &[f32], weight: &[f32], output: &mut [f32]) {
    let width = weight.len();
    for (row, out) in input.chunks_exact(width).zip(output.chunks_exact_mut(width)) {
        let factor = inverse_root_mean_square(simd, row);
        for ((out, &x), &w) in out.iter_mut().zip(row).zip(weight) {
            *out = x * factor * w;
        }
    }
}

#[inline(always)]
fn inverse_root_mean_square<S: Simd>(simd: S, row: &[f32]) -> f32 {
    let mut sums = f32x16::splat(simd, 0.0);
    let (vectors, rest) = row.as_chunks::<LANES>();
    for vector in vectors {
        let x = f32x16::from_slice(simd, vector);
        sums = x.mul_add(x, sums);
    }
    let square = sums.reduce_sum() + rest.iter().map(|x| x * x).sum::<f32>();
    1.0 / (square / row.len() as f32 + EPSILON).sqrt()
}

/// Cosines and sines of rotary positions: pair j of a head turns by position · theta^(-2j / d_k).
pub(crate) struct RotaryTable {
    d_k: usize,
    /// `[n_positions, d_k / 2]`.
    cosines: Vec<f32>,
    /// `[n_positions, d_k / 2]`.
    sines: Vec<f32>,
}

impl RotaryTable {
    pub(crate) fn new(n_positions: usize, d_k: usize, theta: f64) -> Self {
        let angles = (0..n_positions)
            .flat_map(|position| (0..d_k / 2).map(move |j| position as f64 * theta.powf(-2.0 * j as f64 / d_k as f64)));
        let (cosines, sines) = angles.map(|angle: f64| (angle.cos() as f32, angle.sin() as f32)).unzip();
        Self { d_k, cosines, sines }
    }
}

/// Norms the heads of rows (where `weight` is given), then turns them by their position, in place.
///
/// `rows` is `[n_sequences · n_positions, stride]`; the heads are the first `n_heads · d_k` columns; row i of a sequence
/// has position `first_position + i`.
pub(crate) fn norm_and_rotate(
    level: Level,
    rows: &mut [f32],
    stride: usize,
    n_heads: usize,
    weight: Option<&[f32]>,
    table: &RotaryTable,
    positions: std::ops::Range<usize>,
) {
    assert!(n_heads * table.d_k <= stride);
    assert!(positions.end * table.d_k / 2 <= table.cosines.len());
    assert_eq!(rows.len() % (stride * positions.len()), 0);
    dispatch!(level, simd => norm_and_rotate_rows(simd, rows, stride, n_heads, weight, table, positions.clone()));
}

#[inline(always)]
fn norm_and_rotate_rows<S: Simd>(
    simd: S,
    rows: &mut [f32],
    stride: usize,
    n_heads: usize,
    weight: Option<&[f32]>,
    table: &RotaryTable,
    positions: std::ops::Range<usize>,
) {
    let (d_k, half) = (table.d_k, table.d_k / 2);
    for (i, row) in rows.chunks_exact_mut(stride).enumerate() {
        let position = positions.start + i % positions.len();
        let cosines = &table.cosines[position * half..][..half];
        let sines = &table.sines[position * half..][..half];
        for head in row[..n_heads * d_k].chunks_exact_mut(d_k) {
            if let Some(weight) = weight {
                let factor = inverse_root_mean_square(simd, head);
                for (x, &w) in head.iter_mut().zip(weight) {
                    *x = *x * factor * w;
                }
            }
            let (first, second) = head.split_at_mut(half);
            for (((a, b), &cos), &sin) in first.iter_mut().zip(second).zip(cosines).zip(sines) {
                (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
            }
        }
    }
}
