//! Root-mean-square norms and rotary positions of rows.

use fearless_simd::{Level, Simd, dispatch, f32x16, prelude::*};

use super::tile::LANES;

/// Weights of a norm, and what is added to the mean square before the root.
pub(crate) struct Norm {
    weight: Vec<f32>,
    epsilon: f32,
}

impl Norm {
    pub(crate) fn new(weight: &[f32], epsilon: f32) -> Self {
        Self { weight: weight.to_vec(), epsilon }
    }
}

/// x / √(mean x² + ε) · w of every row; `output` becomes `[n_rows, width]` like `input`.
pub(crate) fn rms_norm(level: Level, input: &[f32], norm: &Norm, output: &mut Vec<f32>) {
    output.resize(input.len(), 0.0);
    assert_eq!(input.len() % norm.weight.len(), 0);
    dispatch!(level, simd => rms_norm_rows(simd, input, norm, output));
}

#[inline(always)]
fn rms_norm_rows<S: Simd>(simd: S, input: &[f32], norm: &Norm, output: &mut [f32]) {
    let width = norm.weight.len();
    for (row, out) in input.chunks_exact(width).zip(output.chunks_exact_mut(width)) {
        let factor = inverse_root_mean_square(simd, row, norm.epsilon);
        for ((out, &x), &w) in out.iter_mut().zip(row).zip(&norm.weight) {
            *out = x * factor * w;
        }
    }
}

#[inline(always)]
fn inverse_root_mean_square<S: Simd>(simd: S, row: &[f32], epsilon: f32) -> f32 {
    let mut sums = f32x16::splat(simd, 0.0);
    let (vectors, rest) = row.as_chunks::<LANES>();
    for vector in vectors {
        let x = f32x16::from_slice(simd, vector);
        sums = x.mul_add(x, sums);
    }
    let square = sums.reduce_sum() + rest.iter().map(|x| x * x).sum::<f32>();
    1.0 / (square / row.len() as f32 + epsilon).sqrt()
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

/// Norms the heads of rows (where a norm is given), then turns them by their position, in place.
///
/// `rows` is `[n_rows, stride]`; the heads are the first `n_heads · d_k` columns; positions start again where there are
/// more rows than positions.
pub(crate) fn norm_and_rotate(
    level: Level,
    rows: &mut [f32],
    stride: usize,
    n_heads: usize,
    norm: Option<&Norm>,
    table: &RotaryTable,
    positions: &[usize],
) {
    assert!(n_heads * table.d_k <= stride);
    assert_eq!(rows.len() % (stride * positions.len()), 0);
    dispatch!(level, simd => norm_and_rotate_rows(simd, rows, stride, n_heads, norm, table, positions));
}

#[inline(always)]
fn norm_and_rotate_rows<S: Simd>(
    simd: S,
    rows: &mut [f32],
    stride: usize,
    n_heads: usize,
    norm: Option<&Norm>,
    table: &RotaryTable,
    positions: &[usize],
) {
    let (d_k, half) = (table.d_k, table.d_k / 2);
    for (row, &position) in rows.chunks_exact_mut(stride).zip(positions.iter().cycle()) {
        let cosines = &table.cosines[position * half..][..half];
        let sines = &table.sines[position * half..][..half];
        for head in row[..n_heads * d_k].chunks_exact_mut(d_k) {
            if let Some(norm) = norm {
                let factor = inverse_root_mean_square(simd, head, norm.epsilon);
                for (x, &w) in head.iter_mut().zip(&norm.weight) {
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

/// The gradient of [`rms_norm`]: `d_output` becomes the gradient of its input, `d_weight` `[width]` gains that of the
/// weights.
pub(crate) fn rms_norm_gradient(
    level: Level,
    input: &[f32],
    norm: &Norm,
    d_output: &mut [f32],
    d_weight: Option<&mut [f32]>,
) {
    assert_eq!(input.len(), d_output.len());
    let mut unused = vec![0.0; norm.weight.len()];
    let d_weight = d_weight.unwrap_or(&mut unused);
    dispatch!(level, simd => rms_norm_gradient_rows(simd, input, norm, d_output, d_weight));
}

#[inline(always)]
fn rms_norm_gradient_rows<S: Simd>(simd: S, input: &[f32], norm: &Norm, d_output: &mut [f32], d_weight: &mut [f32]) {
    let width = norm.weight.len();
    for (row, d_row) in input.chunks_exact(width).zip(d_output.chunks_exact_mut(width)) {
        norm_row_gradient(simd, row, norm, d_row, d_weight);
    }
}

/// With g = dy·w and f = 1 / √(mean x² + ε): dx = f·g - x·f³·mean(g·x), dw = dy·x·f.
#[inline(always)]
fn norm_row_gradient<S: Simd>(simd: S, row: &[f32], norm: &Norm, d_row: &mut [f32], d_weight: &mut [f32]) {
    let factor = inverse_root_mean_square(simd, row, norm.epsilon);
    for (((d_w, d_y), &x), &w) in d_weight.iter_mut().zip(d_row.iter_mut()).zip(row).zip(&norm.weight) {
        *d_w += *d_y * x * factor;
        *d_y *= w;
    }
    let pull = dot(simd, d_row, row) / row.len() as f32 * factor * factor * factor;
    for (d_y, &x) in d_row.iter_mut().zip(row) {
        *d_y = *d_y * factor - x * pull;
    }
}

#[inline(always)]
fn dot<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    let mut sums = f32x16::splat(simd, 0.0);
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        sums = f32x16::from_slice(simd, a).mul_add(f32x16::from_slice(simd, b), sums);
    }
    sums.reduce_sum() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

/// The gradient of [`norm_and_rotate`] with a norm: `d_rows` becomes the gradient of `rows` as they were before it;
/// `d_weight` `[d_k]` gains that of the weights. Columns beyond the heads stay as they are.
#[expect(clippy::too_many_arguments, reason = "the arguments of the forward pass and two gradients")]
pub(crate) fn norm_and_rotate_gradient(
    level: Level,
    rows: &[f32],
    stride: usize,
    n_heads: usize,
    norm: &Norm,
    table: &RotaryTable,
    positions: &[usize],
    d_rows: &mut [f32],
    d_weight: Option<&mut [f32]>,
) {
    assert_eq!(rows.len(), d_rows.len());
    assert_eq!(rows.len() % (stride * positions.len()), 0);
    let mut unused = vec![0.0; table.d_k];
    let d_weight = d_weight.unwrap_or(&mut unused);
    dispatch!(level, simd => norm_and_rotate_gradient_rows(simd, rows, stride, n_heads, norm, table, positions, d_rows, d_weight));
}

#[expect(clippy::too_many_arguments, reason = "the arguments of the forward pass and two gradients")]
#[inline(always)]
fn norm_and_rotate_gradient_rows<S: Simd>(
    simd: S,
    rows: &[f32],
    stride: usize,
    n_heads: usize,
    norm: &Norm,
    table: &RotaryTable,
    positions: &[usize],
    d_rows: &mut [f32],
    d_weight: &mut [f32],
) {
    let (d_k, half) = (table.d_k, table.d_k / 2);
    let pairs = rows.chunks_exact(stride).zip(d_rows.chunks_exact_mut(stride));
    for ((row, d_row), &position) in pairs.zip(positions.iter().cycle()) {
        let cosines = &table.cosines[position * half..][..half];
        let sines = &table.sines[position * half..][..half];
        let heads = row[..n_heads * d_k].chunks_exact(d_k).zip(d_row[..n_heads * d_k].chunks_exact_mut(d_k));
        for (head, d_head) in heads {
            // A turn is undone by the turn back.
            let (first, second) = d_head.split_at_mut(half);
            for (((a, b), &cos), &sin) in first.iter_mut().zip(second).zip(cosines).zip(sines) {
                (*a, *b) = (*a * cos + *b * sin, *b * cos - *a * sin);
            }
            norm_row_gradient(simd, head, norm, d_head, d_weight);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tile::levels;
    use super::*;

    #[test]
    fn norms_and_turns_equal_their_definitions() {
        for (level, d_k, n_heads) in
            levels().into_iter().flat_map(|level| [(2, 3), (6, 2), (32, 1), (38, 2)].map(|(d_k, n)| (level, d_k, n)))
        {
            let (width, positions, theta) = (n_heads * d_k + 1, [0, 3, 40], 100.0);
            let weight: Vec<f32> = (0..d_k).map(|j| 1.0 + j as f32 / 10.0).collect();
            let rows: Vec<f32> = (0..6 * width).map(|i| (i * 7919 % 1009) as f32 / 300.0 - 1.5).collect();
            let (norm, table) = (Norm::new(&weight, 1e-6), RotaryTable::new(41, d_k, theta));
            let mut got = rows.clone();
            norm_and_rotate(level, &mut got, width, n_heads, Some(&norm), &table, &positions);
            for (row_idx, (got, row)) in got.chunks_exact(width).zip(rows.chunks_exact(width)).enumerate() {
                assert_eq!(got[width - 1], row[width - 1], "beyond the heads nothing changes");
                for head in (0..n_heads).map(|head| head * d_k..(head + 1) * d_k) {
                    let square: f64 = row[head.clone()].iter().map(|&x| f64::from(x).powi(2)).sum();
                    let factor = 1.0 / (square / d_k as f64 + 1e-6).sqrt();
                    let normed = |j: usize| f64::from(row[head.start + j]) * factor * f64::from(weight[j]);
                    let mut alone = Vec::new();
                    rms_norm(level, &row[head.clone()], &norm, &mut alone);
                    for j in 0..d_k {
                        assert!((f64::from(alone[j]) - normed(j)).abs() < 1e-5);
                        let half = d_k / 2;
                        let angle = positions[row_idx % 3] as f64 * theta.powf(-2.0 * (j % half) as f64 / d_k as f64);
                        let expected = if j < half {
                            normed(j) * angle.cos() - normed(j + half) * angle.sin()
                        } else {
                            normed(j) * angle.cos() + normed(j - half) * angle.sin()
                        };
                        let got = f64::from(got[head.start + j]);
                        assert!((got - expected).abs() < 1e-5, "{level:?} {row_idx} {j}: {got} {expected}");
                    }
                }
            }
        }
    }
}
