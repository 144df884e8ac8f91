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
