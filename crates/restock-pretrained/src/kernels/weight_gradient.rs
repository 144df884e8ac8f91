//! The gradient of a matrix: sums over rows of outer products.

use fearless_simd::{Level, Simd, dispatch, f32x16, prelude::*};

use super::attention::{Columns, pack_as_rows};
use super::tile::{LANES, TILE_ROWS, vectors_per_panel};

/// Memory that [`add_products`] uses again.
#[derive(Default)]
pub(crate) struct Scratch {
    /// `[n_tiles, n_rows, TILE_ROWS]`: columns of the gradient of the output.
    tiles: Vec<f32>,
    /// `[n_panels, n_rows, width]`.
    panels: Vec<f32>,
}

/// Adds d_outputᵀ · input to `gradient` `[n_out, n_in]`; `d_output` is `[n_rows, n_out]`, `input` `[n_rows, n_in]`.
pub(crate) fn add_products(
    level: Level,
    d_output: &[f32],
    input: &[f32],
    n_in: usize,
    gradient: &mut [f32],
    scratch: &mut Scratch,
) {
    let (n_rows, n_out) = (input.len() / n_in, gradient.len() / n_in);
    assert_eq!((input.len(), gradient.len(), d_output.len()), (n_rows * n_in, n_out * n_in, n_rows * n_out));
    if n_rows == 0 {
        return;
    }
    pack_tiles(d_output, n_rows, n_out, &mut scratch.tiles);
    let input = Columns { data: input, stride: n_in, start: 0 };
    let Scratch { tiles, panels } = scratch;
    match vectors_per_panel(level) {
        1 => {
            pack_as_rows::<1>(input, n_rows, n_in, panels);
            dispatch!(level, simd => add_panels::<_, 1>(simd, tiles, panels, n_rows, n_in, gradient));
        }
        4 => {
            pack_as_rows::<4>(input, n_rows, n_in, panels);
            dispatch!(level, simd => add_panels::<_, 4>(simd, tiles, panels, n_rows, n_in, gradient));
        }
        other => unreachable!("panels of {other} vectors"),
    }
}

#[inline(always)]
fn add_panels<S: Simd, const NR: usize>(
    simd: S,
    tiles: &[f32],
    panels: &[f32],
    n_rows: usize,
    n_in: usize,
    gradient: &mut [f32],
) {
    let n_out = gradient.len() / n_in;
    let n_padded = n_in.next_multiple_of(LANES);
    for start in (0..n_padded).step_by(NR * LANES) {
        let n_vectors = NR.min((n_padded - start) / LANES);
        let panel = &panels[start * n_rows..][..n_vectors * LANES * n_rows];
        for (tile, row) in tiles.chunks_exact(n_rows * TILE_ROWS).zip((0..n_out).step_by(TILE_ROWS)) {
            let gradient = &mut gradient[row * n_in..];
            match n_vectors {
                1 => add_tile(simd, &outer_products::<S, 1>(simd, tile, panel), start, n_in, gradient),
                2 => add_tile(simd, &outer_products::<S, 2>(simd, tile, panel), start, n_in, gradient),
                3 => add_tile(simd, &outer_products::<S, 3>(simd, tile, panel), start, n_in, gradient),
                4 => add_tile(simd, &outer_products::<S, 4>(simd, tile, panel), start, n_in, gradient),
                other => unreachable!("panels of {other} vectors"),
            }
        }
    }
}

/// The sum over rows of a tile's columns times the panel's: [`super::tile::multiply`] for a tile that is laid out for it.
#[inline(always)]
fn outer_products<S: Simd, const NR: usize>(simd: S, tile: &[f32], panel: &[f32]) -> [[f32x16<S>; NR]; TILE_ROWS] {
    let mut sums = [[f32x16::splat(simd, 0.0); NR]; TILE_ROWS];
    for (values, columns) in tile.as_chunks::<TILE_ROWS>().0.iter().zip(panel.chunks_exact(LANES * NR)) {
        let mut vectors = [f32x16::splat(simd, 0.0); NR];
        for j in 0..NR {
            vectors[j] = f32x16::from_slice(simd, &columns[j * LANES..][..LANES]);
        }
        for r in 0..TILE_ROWS {
            let value = f32x16::splat(simd, values[r]);
            for j in 0..NR {
                sums[r][j] = value.mul_add(vectors[j], sums[r][j]);
            }
        }
    }
    sums
}

/// Columns of `[n_rows, width]` in tiles of [`TILE_ROWS`], `[n_tiles, n_rows, TILE_ROWS]`; columns past the end are zero.
fn pack_tiles(rows: &[f32], n_rows: usize, width: usize, tiles: &mut Vec<f32>) {
    tiles.clear();
    tiles.resize(width.div_ceil(TILE_ROWS) * n_rows * TILE_ROWS, 0.0);
    for (tile, first) in tiles.chunks_exact_mut(n_rows * TILE_ROWS).zip((0..width).step_by(TILE_ROWS)) {
        let n_used = TILE_ROWS.min(width - first);
        for (packed, row) in tile.chunks_exact_mut(TILE_ROWS).zip(rows.chunks_exact(width)) {
            if n_used == TILE_ROWS {
                packed.copy_from_slice(&row[first..first + TILE_ROWS]);
            } else {
                packed[..n_used].copy_from_slice(&row[first..]);
            }
        }
    }
}

/// Adds a tile to the first rows of `gradient`; rows and columns past the end are dropped.
#[inline(always)]
fn add_tile<S: Simd, const NR: usize>(
    simd: S,
    tile: &[[f32x16<S>; NR]; TILE_ROWS],
    start: usize,
    n_in: usize,
    gradient: &mut [f32],
) {
    for (sums, row) in tile.iter().zip(gradient.chunks_exact_mut(n_in)) {
        for (j, &sum) in sums.iter().enumerate() {
            let first = start + j * LANES;
            let out = &mut row[first..(first + LANES).min(n_in)];
            if let Ok(out) = <&mut [f32; LANES]>::try_from(&mut *out) {
                (f32x16::from_slice(simd, out) + sum).store_slice(out);
            } else {
                let sums: [f32; LANES] = sum.into();
                out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum);
            }
        }
    }
}

/// `[n_rows, width]` to `[width, n_rows]`, in squares that stay in the first cache.
pub(super) fn transpose(rows: &[f32], n_rows: usize, width: usize, transposed: &mut Vec<f32>) {
    const SIDE: usize = 16;
    transposed.resize(n_rows * width, 0.0);
    for first_row in (0..n_rows).step_by(SIDE) {
        for first_column in (0..width).step_by(SIDE) {
            for column in first_column..(first_column + SIDE).min(width) {
                let out = &mut transposed[column * n_rows..][..n_rows];
                for row in first_row..(first_row + SIDE).min(n_rows) {
                    out[row] = rows[row * width + column];
                }
            }
        }
    }
}

/// Adds every row of `rows` `[n_rows, width]` to `sums` `[width]`: the gradient of a bias.
pub(crate) fn add_rows(rows: &[f32], sums: &mut [f32]) {
    for row in rows.chunks_exact(sums.len()) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tile::levels;
    use super::*;

    #[test]
    fn products_equal_their_definition() {
        let number = |i: usize| ((i * 7919 % 1009) as f32 - 504.0) / 300.0;
        let shapes = [(1, 1, 1), (5, 7, 3), (33, 20, 130), (17, 65, 64)];
        for (level, (n_rows, n_out, n_in)) in levels().into_iter().flat_map(|level| shapes.map(|shape| (level, shape)))
        {
            let numbers = |n: usize, first: usize| (first..first + n).map(number).collect::<Vec<_>>();
            let (d_output, input) = (numbers(n_rows * n_out, 0), numbers(n_rows * n_in, 50));
            let mut gradient = vec![2.0; n_out * n_in];
            add_products(level, &d_output, &input, n_in, &mut gradient, &mut Scratch::default());
            for out in 0..n_out {
                for i in 0..n_in {
                    let products = (0..n_rows)
                        .map(|row| f64::from(d_output[row * n_out + out]) * f64::from(input[row * n_in + i]));
                    let expected = 2.0 + products.sum::<f64>();
                    let got = f64::from(gradient[out * n_in + i]);
                    assert!((got - expected).abs() < 1e-4, "{level:?} {out} {i}: got {got}, expected {expected}");
                }
            }
        }
    }
}
