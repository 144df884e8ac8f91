//! Matrices and activations in bfloat16: two products for the time of one, summed in f32.

use fearless_simd::{Simd, f32x16, prelude::*, u32x16};

use super::reduced::{PANEL_WIDTH, multiply_bf16};
use super::tile::{LANES, TILE_ROWS};

/// Inner indices that are paired with each other: i with i + 16.
const GROUP: usize = 2 * LANES;

/// A matrix in bfloat16. Inner indices come in groups of 32, filled up with zeros; word j of a group holds number j in its
/// low and number j + 16 in its high half, so that two vectors make 16 words without moving a lane.
pub(crate) struct Bf16Panels {
    n_words: usize,
    /// `[n_panels, n_words, PANEL_WIDTH]`.
    words: Vec<u32>,
}

/// Words of a row of `width` numbers.
pub(crate) fn n_words(width: usize) -> usize {
    width.next_multiple_of(GROUP) / 2
}

impl Bf16Panels {
    /// `weight` is `[n_out, n_in]`.
    pub(crate) fn new(weight: &[f32], n_in: usize) -> Self {
        let n_out = weight.len() / n_in;
        let n_words = n_words(n_in);
        let mut words = vec![0; n_out.next_multiple_of(PANEL_WIDTH) * n_words];
        for (column, weights) in weight.chunks_exact(n_in).enumerate() {
            let panel = &mut words[column / PANEL_WIDTH * PANEL_WIDTH * n_words..];
            for (i, &weight) in weights.iter().enumerate() {
                let word = i / GROUP * LANES + i % LANES;
                panel[word * PANEL_WIDTH + column % PANEL_WIDTH] |= bf16_bits(weight) << (i % GROUP / LANES * 16);
            }
        }
        Self { n_words, words }
    }

    pub(crate) fn n_panels(&self) -> usize {
        self.words.len() / (self.n_words * PANEL_WIDTH)
    }

    /// `[TILE_ROWS, n_words]` times panel `panel_idx`.
    #[inline(always)]
    pub(crate) fn multiply(&self, rows: [&[u32]; TILE_ROWS], panel_idx: usize) -> [[f32; PANEL_WIDTH]; TILE_ROWS] {
        let length = self.n_words * PANEL_WIDTH;
        multiply_bf16(rows, &self.words[panel_idx * length..][..length])
    }
}

/// Rounds to the nearest bfloat16, ties to even; numbers are finite.
fn bf16_bits(value: f32) -> u32 {
    let bits = value.to_bits();
    bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16
}

/// Writes rows of `width` numbers as rows of [`n_words`] words.
#[inline(always)]
pub(crate) fn to_bf16<S: Simd>(simd: S, input: &[f32], width: usize, words: &mut Vec<u32>) {
    words.resize(input.len() / width * n_words(width), 0);
    for (row, out) in input.chunks_exact(width).zip(words.chunks_exact_mut(n_words(width))) {
        let (groups, rest) = row.as_chunks::<GROUP>();
        let (out_groups, _) = out.as_chunks_mut::<LANES>();
        for (group, out) in groups.iter().zip(out_groups.iter_mut()) {
            pair(simd, group, out);
        }
        if !rest.is_empty() {
            let mut group = [0.0; GROUP];
            group[..rest.len()].copy_from_slice(rest);
            pair(simd, &group, &mut out_groups[groups.len()]);
        }
    }
}

#[inline(always)]
fn pair<S: Simd>(simd: S, group: &[f32; GROUP], words: &mut [u32; LANES]) {
    let (low, high) = group.split_at(LANES);
    let low = rounded(simd, f32x16::from_slice(simd, low)) >> 16;
    let high = rounded(simd, f32x16::from_slice(simd, high)) & u32x16::splat(simd, 0xffff_0000);
    (low | high).store_slice(words);
}

/// [`bf16_bits`] of 16 numbers, in the high halves; the low halves are rubbish.
#[inline(always)]
fn rounded<S: Simd>(simd: S, values: f32x16<S>) -> u32x16<S> {
    let bits = values.bitcast::<u32x16<S>>();
    bits + u32x16::splat(simd, 0x7fff) + ((bits >> 16) & u32x16::splat(simd, 1))
}

#[cfg(test)]
mod tests {
    use fearless_simd::{Level, dispatch};
    use half::bf16;

    use super::*;

    #[test]
    fn rounding_is_to_the_nearest_even() {
        let values = [0.0, 1.0, -1.0, 19.843_443, 1.003_906_2, 1.011_718_8, -65_504.0, 1e-30, 0.1];
        let mut words = Vec::new();
        dispatch!(Level::new(), simd => to_bf16(simd, &values, 1, &mut words));
        for (row, value) in words.chunks_exact(n_words(1)).zip(values) {
            let expected = u32::from(bf16::from_f32(value).to_bits());
            assert_eq!((bf16_bits(value), row[0]), (expected, expected), "{value}");
        }
    }
}
