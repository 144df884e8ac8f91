//! softmax(scale · q kᵀ + bias) v of one head of one sequence.
//!
//! Queries go in tiles of [`TILE_ROWS`]: the scores of a tile stay in the first cache until they are used.

use fearless_simd::{Level, Simd, dispatch, f32x16, prelude::*};

use super::elementwise::exp;
use super::tile::{LANES, TILE_ROWS, multiply, vectors_per_panel};

/// Columns `start..start + d_k` of rows that are `stride` apart.
#[derive(Clone, Copy)]
pub(crate) struct Columns<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) stride: usize,
    pub(crate) start: usize,
}

impl<'a> Columns<'a> {
    #[inline(always)]
    pub(super) fn row(&self, row: usize, d_k: usize) -> &'a [f32] {
        &self.data[row * self.stride + self.start..][..d_k]
    }
}

/// Queries `[n_queries, d_k]`, keys and values `[n_keys, d_k]` of one head.
#[derive(Clone, Copy)]
pub(crate) struct Head<'a> {
    pub(crate) d_k: usize,
    pub(crate) n_queries: usize,
    pub(crate) n_keys: usize,
    pub(crate) queries: Columns<'a>,
    pub(crate) keys: Columns<'a>,
    pub(crate) values: Columns<'a>,
    /// What a product of query and key is multiplied with.
    pub(crate) scale: f32,
    /// `[n_queries, n_keys]`, added to the scores.
    pub(crate) bias: Option<&'a [f32]>,
}

impl<'a> Head<'a> {
    /// The head of width `d_k` that begins at column `start` of `queries` `[n_queries, d]` and of `keys_values`
    /// `[n_keys, 2·d]`, a key beside its value; products are divided by √d_k.
    pub(crate) fn of_layer(queries: &'a [f32], keys_values: &'a [f32], d: usize, d_k: usize, start: usize) -> Self {
        Self {
            d_k,
            n_queries: queries.len() / d,
            n_keys: keys_values.len() / (2 * d),
            queries: Columns { data: queries, stride: d, start },
            keys: Columns { data: keys_values, stride: 2 * d, start },
            values: Columns { data: keys_values, stride: 2 * d, start: d + start },
            scale: 1.0 / (d_k as f32).sqrt(),
            bias: None,
        }
    }
}

/// Memory that [`attend`] uses again for every head.
#[derive(Default)]
pub(crate) struct Scratch {
    /// `[n_panels, d_k, width]`.
    keys: Vec<f32>,
    /// `[n_panels, n_keys, width]`.
    values: Vec<f32>,
    /// `[TILE_ROWS, n_keys]`, rows filled up to whole vectors.
    scores: Vec<f32>,
    /// `[TILE_ROWS, d_k]`, rows filled up to whole vectors.
    sums: Vec<f32>,
}

/// Writes the head into columns `out_start..out_start + d_k` of the rows of `output`, which are `out_stride` apart.
pub(crate) fn attend(
    level: Level,
    head: Head,
    output: &mut [f32],
    out_stride: usize,
    out_start: usize,
    scratch: &mut Scratch,
) {
    assert!(head.n_keys > 0 && head.n_queries > 0);
    match vectors_per_panel(level) {
        1 => dispatch!(level, simd => attend_in_panels::<_, 1>(simd, head, output, out_stride, out_start, scratch)),
        4 => dispatch!(level, simd => attend_in_panels::<_, 4>(simd, head, output, out_stride, out_start, scratch)),
        other => unreachable!("panels of {other} vectors"),
    }
}

/// Panels have NR vectors, the last one as many as are left.
#[inline(always)]
fn attend_in_panels<S: Simd, const NR: usize>(
    simd: S,
    head: Head,
    output: &mut [f32],
    out_stride: usize,
    out_start: usize,
    scratch: &mut Scratch,
) {
    let Head { d_k, n_queries, n_keys, .. } = head;
    let keys_padded = n_keys.next_multiple_of(LANES);
    let values_padded = d_k.next_multiple_of(LANES);
    pack_as_columns::<NR>(head.keys, n_keys, d_k, &mut scratch.keys);
    pack_as_rows::<NR>(head.values, n_keys, d_k, &mut scratch.values);
    scratch.scores.resize(TILE_ROWS * keys_padded, 0.0);
    scratch.sums.resize(TILE_ROWS * values_padded, 0.0);

    for first in (0..n_queries).step_by(TILE_ROWS) {
        let query = |r: usize| (first + r).min(n_queries - 1);
        let mut rows = [&head.queries.data[..0]; TILE_ROWS];
        for r in 0..TILE_ROWS {
            rows[r] = head.queries.row(query(r), d_k);
        }
        multiply_panels::<S, NR>(simd, rows, &scratch.keys, keys_padded, &mut scratch.scores);

        let mut factors = [0.0; TILE_ROWS];
        for r in 0..TILE_ROWS {
            let row = &mut scratch.scores[r * keys_padded..][..keys_padded];
            row[n_keys..].fill(f32::NEG_INFINITY);
            let sum = if let Some(bias) = head.bias {
                let bias = &bias[query(r) * n_keys..][..n_keys];
                for (score, &bias) in row.iter_mut().zip(bias) {
                    *score = *score * head.scale + bias;
                }
                exp_minus_max(simd, row, 1.0)
            } else {
                exp_minus_max(simd, row, head.scale)
            };
            factors[r] = 1.0 / sum;
        }

        let mut rows = [&scratch.scores[..0]; TILE_ROWS];
        for r in 0..TILE_ROWS {
            rows[r] = &scratch.scores[r * keys_padded..][..n_keys];
        }
        multiply_panels::<S, NR>(simd, rows, &scratch.values, values_padded, &mut scratch.sums);
        for r in 0..TILE_ROWS.min(n_queries - first) {
            let out = &mut output[(first + r) * out_stride + out_start..][..d_k];
            for (out, &sum) in out.iter_mut().zip(&scratch.sums[r * values_padded..][..d_k]) {
                *out = sum * factors[r];
            }
        }
    }
}

/// Replaces scores by e^(scale · (score - maximum)) and returns their sum.
#[inline(always)]
pub(super) fn exp_minus_max<S: Simd>(simd: S, scores: &mut [f32], scale: f32) -> f32 {
    let (vectors, _) = scores.as_chunks_mut::<LANES>();
    let mut max = f32x16::splat(simd, f32::NEG_INFINITY);
    for vector in vectors.iter() {
        max = max.max(f32x16::from_slice(simd, vector));
    }
    let max = f32x16::splat(simd, max.reduce_max());
    let scale = f32x16::splat(simd, scale);
    let mut sum = f32x16::splat(simd, 0.0);
    for vector in vectors {
        let e = exp(simd, (f32x16::from_slice(simd, vector) - max) * scale);
        e.store_slice(vector);
        sum += e;
    }
    sum.reduce_sum()
}

/// Rows times panels of NR vectors and a last one of what is left of `width`, into `[TILE_ROWS, width]`.
#[inline(always)]
pub(super) fn multiply_panels<S: Simd, const NR: usize>(
    simd: S,
    rows: [&[f32]; TILE_ROWS],
    panels: &[f32],
    width: usize,
    products: &mut [f32],
) {
    let n_inner = rows[0].len();
    let mut column = 0;
    while column < width {
        let n_vectors = NR.min((width - column) / LANES);
        let panel = &panels[column * n_inner..][..n_vectors * LANES * n_inner];
        let products = &mut products[column..];
        match n_vectors {
            1 => store_tile(&multiply::<S, 1>(simd, rows, panel), width, products),
            2 => store_tile(&multiply::<S, 2>(simd, rows, panel), width, products),
            3 => store_tile(&multiply::<S, 3>(simd, rows, panel), width, products),
            4 => store_tile(&multiply::<S, 4>(simd, rows, panel), width, products),
            other => unreachable!("panels of {other} vectors"),
        }
        column += n_vectors * LANES;
    }
}

#[inline(always)]
fn store_tile<S: Simd, const NR: usize>(tile: &[[f32x16<S>; NR]; TILE_ROWS], stride: usize, products: &mut [f32]) {
    for r in 0..TILE_ROWS {
        for j in 0..NR {
            tile[r][j].store_slice(&mut products[r * stride + j * LANES..][..LANES]);
        }
    }
}

/// The transpose of `[n_rows, d_k]` in panels `[n_panels, d_k, width]`, `n_rows` filled up to whole vectors by zeros.
#[inline(always)]
pub(super) fn pack_as_columns<const NR: usize>(rows: Columns, n_rows: usize, d_k: usize, panels: &mut Vec<f32>) {
    let n_padded = n_rows.next_multiple_of(LANES);
    panels.resize(n_padded * d_k, 0.0);
    let mut start = 0;
    while start < n_padded {
        let width = (NR * LANES).min(n_padded - start);
        let panel = &mut panels[start * d_k..][..width * d_k];
        for column in 0..width {
            if start + column < n_rows {
                for (packed, &value) in panel.chunks_exact_mut(width).zip(rows.row(start + column, d_k)) {
                    packed[column] = value;
                }
            } else {
                panel.chunks_exact_mut(width).for_each(|packed| packed[column] = 0.0);
            }
        }
        start += width;
    }
}

/// `[n_rows, d_k]` in panels `[n_panels, n_rows, width]`, `d_k` filled up to whole vectors by zeros.
#[inline(always)]
pub(super) fn pack_as_rows<const NR: usize>(rows: Columns, n_rows: usize, d_k: usize, panels: &mut Vec<f32>) {
    let n_padded = d_k.next_multiple_of(LANES);
    panels.resize(n_padded * n_rows, 0.0);
    let mut start = 0;
    while start < n_padded {
        let width = (NR * LANES).min(n_padded - start);
        let panel = &mut panels[start * n_rows..][..width * n_rows];
        let n_used = width.min(d_k - start);
        for (row, packed) in panel.chunks_exact_mut(width).enumerate() {
            packed[..n_used].copy_from_slice(&rows.row(row, d_k)[start..start + n_used]);
            packed[n_used..].fill(0.0);
        }
        start += width;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tile::levels;
    use super::*;

    fn check(level: Level, d_k: usize, n_queries: usize, n_keys: usize, with_bias: bool) {
        let number = |i: usize| ((i * 7919 % 1009) as f32 - 504.0) / 300.0;
        let stride = d_k + 3;
        let data = |n: usize, offset: usize| (0..n * stride).map(|i| number(i + offset)).collect::<Vec<_>>();
        let (queries, keys, values) = (data(n_queries, 0), data(n_keys, 100), data(n_keys, 200));
        let bias: Vec<f32> = (0..n_queries * n_keys).map(|i| number(i + 300)).collect();
        let columns = |data| Columns { data, stride, start: 2 };
        let head = Head {
            d_k,
            n_queries,
            n_keys,
            queries: columns(&queries),
            keys: columns(&keys),
            values: columns(&values),
            scale: 0.3,
            bias: with_bias.then_some(&bias),
        };
        let mut output = vec![7.0; n_queries * stride];
        attend(level, head, &mut output, stride, 1, &mut Scratch::default());
        for query in 0..n_queries {
            let weights: Vec<f64> = (0..n_keys)
                .map(|key| {
                    let product: f64 = (0..d_k)
                        .map(|j| f64::from(queries[query * stride + 2 + j]) * f64::from(keys[key * stride + 2 + j]))
                        .sum();
                    let bias = if with_bias { f64::from(bias[query * n_keys + key]) } else { 0.0 };
                    (f64::from(0.3_f32) * product + bias).exp()
                })
                .collect();
            let sum: f64 = weights.iter().sum();
            for j in 0..stride {
                let got = output[query * stride + j];
                if j == 0 || j > d_k {
                    assert_eq!(got, 7.0, "wrote outside of the head");
                    continue;
                }
                let expected: f64 =
                    (0..n_keys).map(|key| weights[key] / sum * f64::from(values[key * stride + 1 + j])).sum();
                assert!((f64::from(got) - expected).abs() < 1e-5, "{level:?} {query} {j}: {got} {expected}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn attention_equals_its_definition(
            d_k in 1..70_usize, n_queries in 1..14_usize, n_keys in 1..90_usize, with_bias: bool,
        ) {
            for level in levels() {
                check(level, d_k, n_queries, n_keys, with_bias);
            }
        }
    }
}
