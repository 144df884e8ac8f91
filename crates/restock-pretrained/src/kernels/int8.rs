//! Matrices and activations in 8 bits: four products for the time of one, summed exactly.
//!
//! A weight is `scale · q` with q from -127 to 127 and one scale per column. An activation is `min + scale · u` with u from
//! 0 to 255, from the smallest to the largest number of its row. A row x times a column w is then
//! `scale_w · (scale_x · Σ u·q + min_x · Σ q)`.

use fearless_simd::{Simd, f32x16, prelude::*, u32x16};

use super::reduced::{PANEL_WIDTH, multiply_int8};
use super::tile::{LANES, TILE_ROWS};

/// Inner indices that share words: i, i + 16, i + 32 and i + 48.
const GROUP: usize = 4 * LANES;

/// A matrix in 8 bits. Inner indices come in groups of 64, filled up with zeros; word j of a group holds numbers j,
/// j + 16, j + 32 and j + 48, lowest byte first.
pub(crate) struct Int8Panels {
    n_words: usize,
    /// `[n_panels, n_words, PANEL_WIDTH]`.
    words: Vec<u32>,
    /// Scale of each column, filled up to whole panels.
    scales: Vec<f32>,
    /// Scale times Σ q of each column.
    scaled_sums: Vec<f32>,
}

/// Smallest number of a row, and what a step of its bytes stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct RowScale {
    min: f32,
    scale: f32,
}

/// Words of a row of `width` numbers.
pub(crate) fn n_words(width: usize) -> usize {
    width.next_multiple_of(GROUP) / 4
}

impl Int8Panels {
    /// `weight` is `[n_out, n_in]`.
    pub(crate) fn new(weight: &[f32], n_in: usize) -> Self {
        let n_out = weight.len() / n_in;
        let n_words = n_words(n_in);
        let n_columns = n_out.next_multiple_of(PANEL_WIDTH);
        let mut words = vec![0; n_columns * n_words];
        let (mut scales, mut scaled_sums) = (vec![0.0; n_columns], vec![0.0; n_columns]);
        for (column, weights) in weight.chunks_exact(n_in).enumerate() {
            let max = weights.iter().fold(0.0_f32, |max, weight| max.max(weight.abs()));
            let scale = max / 127.0;
            let panel = &mut words[column / PANEL_WIDTH * PANEL_WIDTH * n_words..];
            let mut sum = 0;
            for (i, &weight) in weights.iter().enumerate() {
                let q = if scale > 0.0 { (weight / scale).round_ties_even() as i8 } else { 0 };
                let word = i / GROUP * LANES + i % LANES;
                panel[word * PANEL_WIDTH + column % PANEL_WIDTH] |=
                    u32::from(q.cast_unsigned()) << (i % GROUP / LANES * 8);
                sum += i32::from(q);
            }
            (scales[column], scaled_sums[column]) = (scale, scale * sum as f32);
        }
        Self { n_words, words, scales, scaled_sums }
    }

    pub(crate) fn n_panels(&self) -> usize {
        self.words.len() / (self.n_words * PANEL_WIDTH)
    }

    /// `[TILE_ROWS, n_words]` times panel `panel_idx`.
    #[inline(always)]
    pub(crate) fn multiply(&self, rows: [&[u32]; TILE_ROWS], panel_idx: usize) -> [[i32; PANEL_WIDTH]; TILE_ROWS] {
        let length = self.n_words * PANEL_WIDTH;
        multiply_int8(rows, &self.words[panel_idx * length..][..length])
    }

    /// What 16 sums of a row mean, from `column` on.
    #[inline(always)]
    pub(crate) fn dequantise<S: Simd>(&self, simd: S, sums: &[i32], row: RowScale, column: usize) -> f32x16<S> {
        let sums = i32x16_to_f32(simd, sums) * f32x16::splat(simd, row.scale);
        let scales = f32x16::from_slice(simd, &self.scales[column..][..LANES]);
        let scaled_sums = f32x16::from_slice(simd, &self.scaled_sums[column..][..LANES]);
        scales.mul_add(sums, f32x16::splat(simd, row.min) * scaled_sums)
    }
}

#[inline(always)]
fn i32x16_to_f32<S: Simd>(simd: S, values: &[i32]) -> f32x16<S> {
    fearless_simd::i32x16::from_slice(simd, values).to_float()
}

/// Writes rows of `width` numbers as rows of [`n_words`] words.
#[inline(always)]
pub(crate) fn to_int8<S: Simd>(
    simd: S,
    input: &[f32],
    width: usize,
    words: &mut Vec<u32>,
    row_scales: &mut Vec<RowScale>,
) {
    words.resize(input.len() / width * n_words(width), 0);
    row_scales.clear();
    for (row, out) in input.chunks_exact(width).zip(words.chunks_exact_mut(n_words(width))) {
        let (min, max) = min_max(simd, row);
        let scale = (max - min) / 255.0;
        // A row of one number has no steps: every byte is 0.
        let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
        row_scales.push(RowScale { min, scale });
        let (groups, rest) = row.as_chunks::<GROUP>();
        let (out_groups, _) = out.as_chunks_mut::<LANES>();
        for (group, out) in groups.iter().zip(out_groups.iter_mut()) {
            quantise(simd, group, min, inverse, out);
        }
        if !rest.is_empty() {
            // What a row is filled up with meets weights of zero.
            let mut group = [min; GROUP];
            group[..rest.len()].copy_from_slice(rest);
            quantise(simd, &group, min, inverse, &mut out_groups[groups.len()]);
        }
    }
}

#[inline(always)]
fn min_max<S: Simd>(simd: S, row: &[f32]) -> (f32, f32) {
    let (vectors, rest) = row.as_chunks::<LANES>();
    let mut min = f32x16::splat(simd, f32::INFINITY);
    let mut max = f32x16::splat(simd, f32::NEG_INFINITY);
    for vector in vectors {
        let values = f32x16::from_slice(simd, vector);
        min = min.min(values);
        max = max.max(values);
    }
    rest.iter().fold((min.reduce_min(), max.reduce_max()), |(min, max), &value| (min.min(value), max.max(value)))
}

#[inline(always)]
fn quantise<S: Simd>(simd: S, group: &[f32; GROUP], min: f32, inverse: f32, words: &mut [u32; LANES]) {
    let (min, inverse) = (f32x16::splat(simd, min), f32x16::splat(simd, inverse));
    let (vectors, _) = group.as_chunks::<LANES>();
    let mut packed = u32x16::splat(simd, 0);
    for (byte, vector) in vectors.iter().enumerate() {
        // From 0 to 255; adding a half rounds.
        let steps = (f32x16::from_slice(simd, vector) - min).mul_add(inverse, f32x16::splat(simd, 0.5));
        let steps: u32x16<S> = steps.min(f32x16::splat(simd, 255.0)).to_int();
        packed |= steps << (8 * byte as u32);
    }
    packed.store_slice(words);
}

#[cfg(test)]
mod tests {
    use fearless_simd::{Level, dispatch};

    use super::*;

    /// Every byte stands for its number within half a step.
    #[test]
    fn activations_are_off_by_half_a_step() {
        for width in [1, 16, 63, 64, 65, 200] {
            let input: Vec<f32> = (0..3 * width).map(|i| (i * 7919 % 1009) as f32 / 100.0 - 3.0).collect();
            let (mut words, mut scales) = (Vec::new(), Vec::new());
            dispatch!(Level::new(), simd => to_int8(simd, &input, width, &mut words, &mut scales));
            for row in 0..3 {
                for i in 0..width {
                    let word = words[row * n_words(width) + i / GROUP * LANES + i % LANES];
                    let byte = word.to_le_bytes()[i % GROUP / LANES];
                    let got = scales[row].min + scales[row].scale * f32::from(byte);
                    let expected = input[row * width + i];
                    assert!((got - expected).abs() <= 0.501 * scales[row].scale + 1e-6, "{got} {expected}");
                }
            }
        }
    }
}
