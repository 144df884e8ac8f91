//! Tiles of matrix products in bfloat16 and in integers of 8 bits, with instructions for which no safe wrapper exists.
//!
//! The only module with `unsafe`. An instruction is called after the processor was asked for it, and vectors are read from
//! slices of the right length. Each kernel is tested against the plain sum of products.

#![allow(unsafe_code)]

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

/// Whether this processor multiplies bytes (AVX512-VNNI: AMD since Zen 4, Intel since Cascade Lake).
pub(crate) fn int8_is_supported() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::is_x86_feature_detected!("avx512f") && std::is_x86_feature_detected!("avx512vnni");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Rows of words times a panel `[n_words, PANEL_WIDTH]` of words; a word is two bfloat16 numbers. Sums are in f32.
#[inline(always)]
pub(crate) fn multiply_bf16(rows: [&[u32]; TILE_ROWS], panel: &[u32]) -> [[f32; PANEL_WIDTH]; TILE_ROWS] {
    assert!(bf16_is_supported());
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the processor has the instructions.
    unsafe {
        x86::multiply_bf16(rows, panel)
    }
    #[cfg(not(target_arch = "x86_64"))]
    unreachable!("{} rows, {} words", rows.len(), panel.len())
}

/// Rows of words times a panel `[n_words, PANEL_WIDTH]` of words; a word is four bytes, without sign in rows and with sign
/// in the panel. Sums are exact.
#[inline(always)]
pub(crate) fn multiply_int8(rows: [&[u32]; TILE_ROWS], panel: &[u32]) -> [[i32; PANEL_WIDTH]; TILE_ROWS] {
    assert!(int8_is_supported());
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the processor has the instructions.
    unsafe {
        x86::multiply_int8(rows, panel)
    }
    #[cfg(not(target_arch = "x86_64"))]
    unreachable!("{} rows, {} words", rows.len(), panel.len())
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m512, __m512bh, __m512i, _mm512_dpbf16_ps, _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_set1_epi32,
        _mm512_setzero_ps, _mm512_setzero_si512, _mm512_storeu_ps, _mm512_storeu_si512,
    };

    use super::{PANEL_WIDTH, TILE_ROWS};

    /// Vectors of a panel row.
    const N_VECTORS: usize = PANEL_WIDTH / 16;

    #[target_feature(enable = "avx512f,avx512bf16")]
    pub(super) fn multiply_bf16(rows: [&[u32]; TILE_ROWS], panel: &[u32]) -> [[f32; PANEL_WIDTH]; TILE_ROWS] {
        let n_words = rows[0].len();
        let rows = rows.map(|row| &row[..n_words]);
        let mut sums: [[__m512; N_VECTORS]; TILE_ROWS] = [[_mm512_setzero_ps(); N_VECTORS]; TILE_ROWS];
        for (i, columns) in panel.as_chunks::<PANEL_WIDTH>().0.iter().take(n_words).enumerate() {
            let columns = load(columns);
            for r in 0..TILE_ROWS {
                let word = as_bf16(_mm512_set1_epi32(rows[r][i].cast_signed()));
                for j in 0..N_VECTORS {
                    sums[r][j] = _mm512_dpbf16_ps(sums[r][j], word, as_bf16(columns[j]));
                }
            }
        }
        let mut result = [[0.0; PANEL_WIDTH]; TILE_ROWS];
        for r in 0..TILE_ROWS {
            let (vectors, _) = result[r].as_chunks_mut::<16>();
            for j in 0..N_VECTORS {
                // SAFETY: writes the 64 bytes of the chunk.
                unsafe { _mm512_storeu_ps(vectors[j].as_mut_ptr(), sums[r][j]) };
            }
        }
        result
    }

    #[target_feature(enable = "avx512f,avx512vnni")]
    pub(super) fn multiply_int8(rows: [&[u32]; TILE_ROWS], panel: &[u32]) -> [[i32; PANEL_WIDTH]; TILE_ROWS] {
        let n_words = rows[0].len();
        let rows = rows.map(|row| &row[..n_words]);
        let mut sums: [[__m512i; N_VECTORS]; TILE_ROWS] = [[_mm512_setzero_si512(); N_VECTORS]; TILE_ROWS];
        for (i, columns) in panel.as_chunks::<PANEL_WIDTH>().0.iter().take(n_words).enumerate() {
            let columns = load(columns);
            for r in 0..TILE_ROWS {
                let word = _mm512_set1_epi32(rows[r][i].cast_signed());
                for j in 0..N_VECTORS {
                    sums[r][j] = _mm512_dpbusd_epi32(sums[r][j], word, columns[j]);
                }
            }
        }
        let mut result = [[0; PANEL_WIDTH]; TILE_ROWS];
        for r in 0..TILE_ROWS {
            let (vectors, _) = result[r].as_chunks_mut::<16>();
            for j in 0..N_VECTORS {
                // SAFETY: writes the 64 bytes of the chunk.
                unsafe { _mm512_storeu_si512(vectors[j].as_mut_ptr().cast(), sums[r][j]) };
            }
        }
        result
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load(words: &[u32; PANEL_WIDTH]) -> [__m512i; N_VECTORS] {
        let (chunks, _) = words.as_chunks::<16>();
        let mut vectors = [_mm512_setzero_si512(); N_VECTORS];
        for j in 0..N_VECTORS {
            // SAFETY: reads the 64 bytes of the chunk.
            vectors[j] = unsafe { _mm512_loadu_si512(chunks[j].as_ptr().cast()) };
        }
        vectors
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn as_bf16(bits: __m512i) -> __m512bh {
        // SAFETY: both are 512 bits without invalid values.
        unsafe { std::mem::transmute::<__m512i, __m512bh>(bits) }
    }
}

#[cfg(test)]
mod tests {
    use half::bf16;

    use super::*;

    fn words(n: usize, seed: u32) -> Vec<u32> {
        (0..n as u32).map(|i| (i + 1).wrapping_mul(2_654_435_761).rotate_left(7) ^ seed.wrapping_mul(40_503)).collect()
    }

    fn rows(words: &[u32], n_words: usize) -> [&[u32]; TILE_ROWS] {
        std::array::from_fn(|r| &words[r * n_words..][..n_words])
    }

    #[test]
    fn byte_products_equal_the_plain_sum() {
        if !int8_is_supported() {
            return;
        }
        for n_words in [0, 1, 2, 7, 64] {
            let (row_words, panel) = (words(TILE_ROWS * n_words, 1), words(n_words * PANEL_WIDTH, 2));
            let got = multiply_int8(rows(&row_words, n_words), &panel);
            for r in 0..TILE_ROWS {
                for column in 0..PANEL_WIDTH {
                    let products = (0..n_words).flat_map(|i| {
                        let row = row_words[r * n_words + i].to_le_bytes();
                        let weights = panel[i * PANEL_WIDTH + column].to_le_bytes();
                        (0..4).map(move |byte| i32::from(row[byte]) * i32::from(weights[byte].cast_signed()))
                    });
                    assert_eq!(got[r][column], products.sum::<i32>());
                }
            }
        }
    }

    #[test]
    fn bfloat16_products_equal_the_plain_sum() {
        if !bf16_is_supported() {
            return;
        }
        // Exponents near 1: numbers between 0.5 and 4 of either sign.
        let finite = |word: u32| (word & 0x81ff_81ff) | 0x3f00_3f00;
        for n_words in [0, 1, 2, 7, 64] {
            let row_words: Vec<u32> = words(TILE_ROWS * n_words, 1).into_iter().map(finite).collect();
            let panel: Vec<u32> = words(n_words * PANEL_WIDTH, 2).into_iter().map(finite).collect();
            let got = multiply_bf16(rows(&row_words, n_words), &panel);
            let halves = |word: u32| [word as u16, (word >> 16) as u16].map(|bits| bf16::from_bits(bits).to_f64());
            for r in 0..TILE_ROWS {
                for column in 0..PANEL_WIDTH {
                    let products = (0..n_words).flat_map(|i| {
                        let row = halves(row_words[r * n_words + i]);
                        let weights = halves(panel[i * PANEL_WIDTH + column]);
                        (0..2).map(move |half| row[half] * weights[half])
                    });
                    let (got, expected) = (f64::from(got[r][column]), products.sum::<f64>());
                    assert!((got - expected).abs() <= 1e-5 * n_words as f64, "{n_words}: {got} {expected}");
                }
            }
        }
    }
}
