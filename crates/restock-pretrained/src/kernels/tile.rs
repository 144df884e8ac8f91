//! The innermost loop of every matrix product: a tile of [`TILE_ROWS`] rows times one panel of columns, in registers.
//!
//! A panel holds `16 · NR` columns of the right-hand matrix, `[n_inner, 16 · NR]`, so that it is read from start to end.
//! With AVX-512 a tile of 6 x 64 keeps 24 sums in registers and comes to 98 to 114 GFLOP/s on one core, where the crate
//! `gemm`, which packs at every call, comes to 51 to 98 (AMD EPYC with AVX-512, busy machine).

use fearless_simd::{Level, Simd, f32x16, prelude::*};

/// Rows of a tile.
pub(crate) const TILE_ROWS: usize = 6;

/// Values of one vector.
pub(crate) const LANES: usize = 16;

/// Vectors side by side in the widest panel that keeps all sums of a tile in registers.
pub(crate) fn vectors_per_panel(level: Level) -> usize {
    #[cfg(target_arch = "x86_64")]
    if level.as_avx512().is_some() {
        return 4;
    }
    let _ = level;
    1
}

/// The rows of a tile that starts at `row`; rows past the end repeat the last row and are computed in vain.
#[inline(always)]
pub(crate) fn tile_rows<T>(rows: &[T], width: usize, n_rows: usize, row: usize) -> [&[T]; TILE_ROWS] {
    let mut tile = [&rows[..0]; TILE_ROWS];
    for r in 0..TILE_ROWS {
        let row = (row + r).min(n_rows - 1);
        tile[r] = &rows[row * width..(row + 1) * width];
    }
    tile
}

/// `[TILE_ROWS, n_inner]` times a panel `[n_inner, 16 · NR]`: every sum runs from the first inner index to the last.
#[inline(always)]
pub(crate) fn multiply<S: Simd, const NR: usize>(
    simd: S,
    rows: [&[f32]; TILE_ROWS],
    panel: &[f32],
) -> [[f32x16<S>; NR]; TILE_ROWS] {
    let n_inner = rows[0].len();
    let rows = rows.map(|row| &row[..n_inner]);
    let mut sums = [[f32x16::splat(simd, 0.0); NR]; TILE_ROWS];
    for (i, columns) in panel.chunks_exact(LANES * NR).take(n_inner).enumerate() {
        let mut vectors = [f32x16::splat(simd, 0.0); NR];
        for j in 0..NR {
            vectors[j] = f32x16::from_slice(simd, &columns[j * LANES..][..LANES]);
        }
        for r in 0..TILE_ROWS {
            let value = f32x16::splat(simd, rows[r][i]);
            for j in 0..NR {
                sums[r][j] = value.mul_add(vectors[j], sums[r][j]);
            }
        }
    }
    sums
}

/// Every level this machine has, the plainest included.
#[cfg(test)]
pub(crate) fn levels() -> Vec<Level> {
    let mut levels = vec![Level::baseline(), Level::new()];
    #[cfg(target_arch = "x86_64")]
    {
        levels.extend(Level::new().as_sse4_2().map(Level::Sse4_2));
        levels.extend(Level::new().as_avx2().map(Level::Avx2));
    }
    levels
}
