//! Matrix products in bfloat16: two products for the time of one, summed in f32 (`vdpbf16ps`).
//!
//! The only module with `unsafe`: the instruction is called after the processor was asked for it, and vectors are read
//! from slices whose lengths are checked.

#![allow(unsafe_code)]

use fearless_simd::{Simd, f32x16, prelude::*, u32x16};

use super::tile::{LANES, TILE_ROWS};

/// Columns of a panel.
pub(crate) const PANEL_WIDTH: usize = 64;

/// Whether this processor multiplies bfloat16 (AVX512-BF16: AMD since Zen 4, Intel since Cooper Lake).
pub(crate) fn bf16_is_supported() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::is_x86_feature_detected!("avx512f") && std::is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Inner indices that are paired with each other: i with i + 16.
const GROUP: usize = 2 * LANES;

/// A matrix in bfloat16. Inner indices come in groups of 32, filled up with zeros; pair j of a group holds number j in its
/// low and number j + 16 in its high half, so that two vectors make 16 pairs without moving a lane.
pub(crate) struct Bf16Panels {
    n_pairs: usize,
    /// `[n_panels, n_pairs, PANEL_WIDTH]`.
    pairs: Vec<u32>,
}

/// Pairs of a row of `width` numbers.
pub(crate) fn n_pairs(width: usize) -> usize {
    width.next_multiple_of(GROUP) / 2
}

impl Bf16Panels {
    /// `weight` is `[n_out, n_in]`.
    pub(crate) fn new(weight: &[f32], n_in: usize) -> Self {
        assert!(bf16_is_supported());
        let n_out = weight.len() / n_in;
        let n_pairs = n_pairs(n_in);
        let mut pairs = vec![0; n_out.next_multiple_of(PANEL_WIDTH) * n_pairs];
        for (column, weights) in weight.chunks_exact(n_in).enumerate() {
            let panel = &mut pairs[column / PANEL_WIDTH * PANEL_WIDTH * n_pairs..];
            for (i, &weight) in weights.iter().enumerate() {
                let pair = i / GROUP * LANES + i % LANES;
                panel[pair * PANEL_WIDTH + column % PANEL_WIDTH] |= bf16_bits(weight) << (i % GROUP / LANES * 16);
            }
        }
        Self { n_pairs, pairs }
    }

    pub(crate) fn n_panels(&self) -> usize {
        self.pairs.len() / (self.n_pairs * PANEL_WIDTH)
    }

    /// `[TILE_ROWS, n_pairs]` times panel `panel_idx`.
    #[inline(always)]
    pub(crate) fn multiply(&self, rows: [&[u32]; TILE_ROWS], panel_idx: usize) -> [[f32; PANEL_WIDTH]; TILE_ROWS] {
        let length = self.n_pairs * PANEL_WIDTH;
        let panel = &self.pairs[panel_idx * length..][..length];
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a value of this type exists only where `new` has found the instructions.
        unsafe {
            multiply_bf16(rows, panel)
        }
        #[cfg(not(target_arch = "x86_64"))]
        unreachable!("bfloat16 panels on {} rows of a machine without them: {}", rows.len(), panel.len())
    }
}

/// Rounds to the nearest bfloat16, ties to even; numbers are finite.
fn bf16_bits(value: f32) -> u32 {
    let bits = value.to_bits();
    bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16
}

/// Writes rows of `width` numbers as rows of [`n_pairs`] pairs.
#[inline(always)]
pub(crate) fn to_bf16_pairs<S: Simd>(simd: S, input: &[f32], width: usize, pairs: &mut Vec<u32>) {
    pairs.resize(input.len() / width * n_pairs(width), 0);
    for (row, out) in input.chunks_exact(width).zip(pairs.chunks_exact_mut(n_pairs(width))) {
        let (groups, rest) = row.as_chunks::<GROUP>();
        let (out_groups, _) = out.as_chunks_mut::<LANES>();
        for (group, out) in groups.iter().zip(out_groups.iter_mut()) {
            pair_group(simd, group, out);
        }
        if !rest.is_empty() {
            let mut group = [0.0; GROUP];
            group[..rest.len()].copy_from_slice(rest);
            pair_group(simd, &group, &mut out_groups[groups.len()]);
        }
    }
}

#[inline(always)]
fn pair_group<S: Simd>(simd: S, group: &[f32; GROUP], pairs: &mut [u32; LANES]) {
    let (low, high) = group.split_at(LANES);
    let low = rounded(simd, f32x16::from_slice(simd, low)) >> 16;
    let high = rounded(simd, f32x16::from_slice(simd, high)) & u32x16::splat(simd, 0xffff_0000);
    (low | high).store_slice(pairs);
}

/// [`bf16_bits`] of 16 numbers, in the high halves; the low halves are rubbish.
#[inline(always)]
fn rounded<S: Simd>(simd: S, values: f32x16<S>) -> u32x16<S> {
    let bits = values.bitcast::<u32x16<S>>();
    bits + u32x16::splat(simd, 0x7fff) + ((bits >> 16) & u32x16::splat(simd, 1))
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bf16")]
fn multiply_bf16(rows: [&[u32]; TILE_ROWS], panel: &[u32]) -> [[f32; PANEL_WIDTH]; TILE_ROWS] {
    use std::arch::x86_64::{
        __m512, __m512bh, __m512i, _mm512_dpbf16_ps, _mm512_loadu_si512, _mm512_set1_epi32, _mm512_setzero_ps,
        _mm512_setzero_si512, _mm512_storeu_ps,
    };
    // SAFETY: both are 512 bits without invalid values.
    let as_bf16 = |bits: __m512i| unsafe { std::mem::transmute::<__m512i, __m512bh>(bits) };
    let n_pairs = rows[0].len();
    let rows = rows.map(|row| &row[..n_pairs]);
    let mut sums: [[__m512; 4]; TILE_ROWS] = [[_mm512_setzero_ps(); 4]; TILE_ROWS];
    for (i, columns) in panel.as_chunks::<PANEL_WIDTH>().0.iter().take(n_pairs).enumerate() {
        let (columns, _) = columns.as_chunks::<16>();
        let mut vectors = [as_bf16(_mm512_setzero_si512()); 4];
        for j in 0..4 {
            // SAFETY: reads the 64 bytes of the chunk.
            vectors[j] = as_bf16(unsafe { _mm512_loadu_si512(columns[j].as_ptr().cast()) });
        }
        for r in 0..TILE_ROWS {
            let pair = as_bf16(_mm512_set1_epi32(rows[r][i].cast_signed()));
            for j in 0..4 {
                sums[r][j] = _mm512_dpbf16_ps(sums[r][j], pair, vectors[j]);
            }
        }
    }
    let mut result = [[0.0; PANEL_WIDTH]; TILE_ROWS];
    for r in 0..TILE_ROWS {
        let (vectors, _) = result[r].as_chunks_mut::<16>();
        for j in 0..4 {
            // SAFETY: writes the 64 bytes of the chunk.
            unsafe { _mm512_storeu_ps(vectors[j].as_mut_ptr(), sums[r][j]) };
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use fearless_simd::{Level, dispatch};

    use super::*;

    #[test]
    fn rounding_is_to_the_nearest_even() {
        for value in [0.0, 1.0, -1.0, 19.843_443, 1.003_906_2, 1.011_718_8, -65_504.0, 1e-30, 0.1] {
            assert_eq!(bf16_bits(value), u32::from(half::bf16::from_f32(value).to_bits()), "{value}");
        }
    }

    /// The instruction against the sum of products of the same bfloat16 numbers in f64.
    #[test]
    fn products_equal_the_scalar_sum() {
        if !bf16_is_supported() {
            return;
        }
        let number = |i: usize| ((i * 7919 % 1009) as f32 - 504.0) / 300.0;
        for n_in in [1, 16, 17, 31, 32, 33, 64, 255] {
            let n_out = 70;
            let weight: Vec<f32> = (0..n_out * n_in).map(number).collect();
            let input: Vec<f32> = (0..TILE_ROWS * n_in).map(|i| number(i + 17)).collect();
            let panels = Bf16Panels::new(&weight, n_in);
            let mut pairs = Vec::new();
            dispatch!(Level::new(), simd => to_bf16_pairs(simd, &input, n_in, &mut pairs));
            let rows = std::array::from_fn(|r| &pairs[r * n_pairs(n_in)..][..n_pairs(n_in)]);
            let rounded = |value: f32| half::bf16::from_f32(value).to_f64();
            for panel_idx in 0..panels.n_panels() {
                let got = panels.multiply(rows, panel_idx);
                for r in 0..TILE_ROWS {
                    for column in panel_idx * PANEL_WIDTH..n_out.min((panel_idx + 1) * PANEL_WIDTH) {
                        let products =
                            (0..n_in).map(|i| rounded(input[r * n_in + i]) * rounded(weight[column * n_in + i]));
                        let (got, expected) = (f64::from(got[r][column % PANEL_WIDTH]), products.sum::<f64>());
                        assert!((got - expected).abs() < 1e-5 * n_in as f64, "{n_in} {r} {column}: {got} {expected}");
                    }
                }
            }
        }
    }
}
