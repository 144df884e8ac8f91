//! The gradient of a matrix: sums over rows of outer products.

use fearless_simd::{Level, Simd, dispatch, f32x16, prelude::*};

use super::attention::{Columns, pack_as_rows};
use super::tile::{LANES, TILE_ROWS, multiply, tile_rows, vectors_per_panel};

/// Memory that [`add_products`] uses again.
#[derive(Default)]
pub(crate) struct Scratch {
    /// `[n_out, n_rows]`.
    transposed: Vec<f32>,
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
    transpose(d_output, n_rows, n_out, &mut scratch.transposed);
    let input = Columns { data: input, stride: n_in, start: 0 };
    let Scratch { transposed, panels } = scratch;
    match vectors_per_panel(level) {
        1 => {
            pack_as_rows::<1>(input, n_rows, n_in, panels);
            dispatch!(level, simd => add_panels::<_, 1>(simd, transposed, panels, n_rows, n_in, gradient));
        }
        4 => {
            pack_as_rows::<4>(input, n_rows, n_in, panels);
            dispatch!(level, simd => add_panels::<_, 4>(simd, transposed, panels, n_rows, n_in, gradient));
        }
        other => unreachable!("panels of {other} vectors"),
    }
}

#[inline(always)]
fn add_panels<S: Simd, const NR: usize>(
    simd: S,
    transposed: &[f32],
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
        for row in (0..n_out).step_by(TILE_ROWS) {
            let rows = tile_rows(transposed, n_rows, n_out, row);
            let gradient = &mut gradient[row * n_in..];
            match n_vectors {
                1 => add_tile(simd, &multiply::<S, 1>(simd, rows, panel), start, n_in, gradient),
                2 => add_tile(simd, &multiply::<S, 2>(simd, rows, panel), start, n_in, gradient),
                3 => add_tile(simd, &multiply::<S, 3>(simd, rows, panel), start, n_in, gradient),
                4 => add_tile(simd, &multiply::<S, 4>(simd, rows, panel), start, n_in, gradient),
                other => unreachable!("panels of {other} vectors"),
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
