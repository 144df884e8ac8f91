//! Matrix products in bfloat16: two products for the time of one, summed in f32 (`vdpbf16ps`).
//!
//! The only module with `unsafe`: the instruction is called after the processor was asked for it, and vectors are read
//! from slices whose lengths are checked.

#![allow(unsafe_code)]

use fearless_simd::Simd;

use super::tile::TILE_ROWS;

/// Columns of a panel.
pub(crate) const PANEL_WIDTH: usize = 64;

/// Whether this processor multiplies bfloat16 (AVX512-BF16: AMD since Zen 4, Intel since Cooper Lake).
pub(crate) fn bf16_is_supported() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::is_x86_feature_detected!("avx512f") && std::is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// A matrix in bfloat16; two weights of the same column and neighbouring inner indices make one `u32`, the first in its
/// low half.
pub(crate) struct Bf16Panels {
    n_pairs: usize,
    /// `[n_panels, n_pairs, PANEL_WIDTH]`.
    pairs: Vec<u32>,
}

impl Bf16Panels {
    /// `weight` is `[n_out, n_in]`.
    pub(crate) fn new(weight: &[f32], n_in: usize) -> Self {
        assert!(bf16_is_supported());
        let n_out = weight.len() / n_in;
        let n_pairs = n_in.div_ceil(2);
        let mut pairs = vec![0; n_out.next_multiple_of(PANEL_WIDTH) * n_pairs];
        for (column, weights) in weight.chunks_exact(n_in).enumerate() {
            let panel = &mut pairs[column / PANEL_WIDTH * PANEL_WIDTH * n_pairs..];
            for (i, pair) in weights.chunks(2).enumerate() {
                panel[i * PANEL_WIDTH + column % PANEL_WIDTH] = bf16_pair(pair);
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
#[inline(always)]
fn bf16_bits(value: f32) -> u32 {
    let bits = value.to_bits();
    bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16
}

#[inline(always)]
fn bf16_pair(pair: &[f32]) -> u32 {
    bf16_bits(pair[0]) | pair.get(1).map_or(0, |&second| bf16_bits(second) << 16)
}

/// Writes rows of `width` numbers as rows of pairs; an odd last number is paired with zero.
#[inline(always)]
pub(crate) fn to_bf16_pairs<S: Simd>(_simd: S, input: &[f32], width: usize, pairs: &mut Vec<u32>) {
    pairs.clear();
    if width.is_multiple_of(2) {
        pairs.extend(input.as_chunks::<2>().0.iter().map(|pair| bf16_bits(pair[0]) | (bf16_bits(pair[1]) << 16)));
    } else {
        pairs.extend(input.chunks_exact(width).flat_map(|row| row.chunks(2)).map(bf16_pair));
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bf16")]
fn multiply_bf16(rows: [&[u32]; TILE_ROWS], panel: &[u32]) -> [[f32; PANEL_WIDTH]; TILE_ROWS] {
    use std::arch::x86_64::{
        __m512, __m512bh, __m512i, _mm512_dpbf16_ps, _mm512_loadu_si512, _mm512_set1_epi32, _mm512_setzero_ps,
        _mm512_storeu_ps,
    };
    // SAFETY: both are 512 bits without invalid values.
    let as_bf16 = |bits: __m512i| unsafe { std::mem::transmute::<__m512i, __m512bh>(bits) };
    let n_pairs = rows[0].len();
    let rows = rows.map(|row| &row[..n_pairs]);
    let mut sums: [[__m512; 4]; TILE_ROWS] = [[_mm512_setzero_ps(); 4]; TILE_ROWS];
    for (i, columns) in panel.as_chunks::<PANEL_WIDTH>().0.iter().take(n_pairs).enumerate() {
        let (columns, _) = columns.as_chunks::<16>();
        let columns: [__m512bh; 4] = [0, 1, 2, 3].map(|j| {
            // SAFETY: reads the 64 bytes of the chunk.
            as_bf16(unsafe { _mm512_loadu_si512(columns[j].as_ptr().cast()) })
        });
        for r in 0..TILE_ROWS {
            let pair = as_bf16(_mm512_set1_epi32(rows[r][i].cast_signed()));
            for j in 0..4 {
                sums[r][j] = _mm512_dpbf16_ps(sums[r][j], pair, columns[j]);
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
        for n_in in [1, 2, 7, 64, 255] {
            let n_out = 70;
            let weight: Vec<f32> = (0..n_out * n_in).map(number).collect();
            let input: Vec<f32> = (0..TILE_ROWS * n_in).map(|i| number(i + 17)).collect();
            let panels = Bf16Panels::new(&weight, n_in);
            let mut pairs = Vec::new();
            dispatch!(Level::new(), simd => to_bf16_pairs(simd, &input, n_in, &mut pairs));
            let rows = std::array::from_fn(|r| &pairs[r * n_in.div_ceil(2)..][..n_in.div_ceil(2)]);
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
