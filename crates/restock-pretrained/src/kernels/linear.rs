//! y = x Wᵀ + b for blocks of rows, with weights laid out once for the instructions of the machine.

use fearless_simd::{Level, Simd, dispatch, f32x16, prelude::*};

use super::bf16::{self, Bf16Panels};
use super::elementwise::gelu;
use super::int8::{self, Int8Panels, RowScale};
use super::reduced::PANEL_WIDTH;
use super::tile::{LANES, TILE_ROWS, multiply, tile_rows, vectors_per_panel};

/// How weights and activations are held in a matrix product. Sums are in f32 always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// 24 bits of mantissa.
    F32,
    /// 8 bits of mantissa; needs [`super::reduced::bf16_is_supported`].
    Bf16,
    /// 8 bits between the smallest and the largest number of a row; needs [`super::reduced::int8_is_supported`].
    Int8,
}

/// What happens to x Wᵀ + b.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// It is the output.
    Store,
    /// It is added to what the output holds.
    Add,
    /// Its GELU is the output.
    Gelu,
    /// Its positive part is the output.
    Relu,
}

/// A matrix `[n_out, n_in]` in panels, and its bias.
pub(crate) struct Linear {
    level: Level,
    n_in: usize,
    n_out: usize,
    panels: Panels,
    /// Zero where the layer has no bias; filled up to whole panels.
    bias: Vec<f32>,
}

enum Panels {
    /// `[n_panels, n_in, 16 · vectors_per_panel]`.
    F32(Vec<f32>),
    Bf16(Bf16Panels),
    Int8(Int8Panels),
}

/// Rows of an input in the format of the weights: memory that every product uses again.
#[derive(Default)]
pub(crate) struct Activations {
    words: Vec<u32>,
    row_scales: Vec<RowScale>,
}

impl Linear {
    /// `weight` is `[n_out, n_in]`, `bias` `[n_out]`.
    pub(crate) fn new(level: Level, format: Format, weight: &[f32], n_in: usize, bias: Option<&[f32]>) -> Self {
        let n_out = weight.len() / n_in;
        assert_eq!(weight.len(), n_out * n_in);
        let (panels, panel_width) = match format {
            Format::F32 => {
                let width = LANES * vectors_per_panel(level);
                (Panels::F32(f32_panels(weight, n_in, width)), width)
            }
            Format::Bf16 => (Panels::Bf16(Bf16Panels::new(weight, n_in)), PANEL_WIDTH),
            Format::Int8 => (Panels::Int8(Int8Panels::new(weight, n_in)), PANEL_WIDTH),
        };
        let mut padded_bias = vec![0.0; n_out.next_multiple_of(panel_width)];
        if let Some(bias) = bias {
            padded_bias[..n_out].copy_from_slice(bias);
        }
        Self { level, n_in, n_out, panels, bias: padded_bias }
    }

    /// y = x W for the same `weight` `[n_out, n_in]`: `[n_rows, n_out]` in, `[n_rows, n_in]` out, what carries a gradient
    /// back through [`Linear::new`].
    pub(crate) fn transposed(level: Level, weight: &[f32], n_in: usize) -> Self {
        let n_out = weight.len() / n_in;
        assert_eq!(weight.len(), n_out * n_in);
        let width = LANES * vectors_per_panel(level);
        let mut panels = vec![0.0; n_in.next_multiple_of(width) * n_out];
        for (panel, start) in panels.chunks_exact_mut(n_out * width).zip((0..n_in).step_by(width)) {
            let n_used = width.min(n_in - start);
            for (packed, row) in panel.chunks_exact_mut(width).zip(weight.chunks_exact(n_in)) {
                packed[..n_used].copy_from_slice(&row[start..start + n_used]);
            }
        }
        let bias = vec![0.0; n_in.next_multiple_of(width)];
        Self { level, n_in: n_out, n_out: n_in, panels: Panels::F32(panels), bias }
    }

    /// `input` is `[n_rows, n_in]`, `output` `[n_rows, n_out]`; `scratch` holds the input in the format of the weights.
    pub(crate) fn apply(&self, input: &[f32], then: Then, output: &mut [f32], scratch: &mut Activations) {
        let n_rows = input.len() / self.n_in;
        assert_eq!(input.len(), n_rows * self.n_in);
        assert_eq!(output.len(), n_rows * self.n_out);
        if n_rows == 0 {
            return;
        }
        match &self.panels {
            Panels::F32(panels) => match vectors_per_panel(self.level) {
                1 => dispatch!(self.level, simd => self.apply_f32::<_, 1>(simd, panels, input, then, output)),
                4 => dispatch!(self.level, simd => self.apply_f32::<_, 4>(simd, panels, input, then, output)),
                other => unreachable!("panels of {other} vectors"),
            },
            Panels::Bf16(panels) => {
                dispatch!(self.level, simd => self.apply_bf16(simd, panels, input, then, output, scratch));
            }
            Panels::Int8(panels) => {
                dispatch!(self.level, simd => self.apply_int8(simd, panels, input, then, output, scratch));
            }
        }
    }

    /// [`Linear::apply`] to an output that is given its size.
    pub(crate) fn apply_into(&self, input: &[f32], then: Then, output: &mut Vec<f32>, scratch: &mut Activations) {
        assert!(then != Then::Add, "nothing to add to");
        output.resize(input.len() / self.n_in * self.n_out, 0.0);
        self.apply(input, then, output, scratch);
    }

    #[inline(always)]
    fn apply_f32<S: Simd, const NR: usize>(
        &self,
        simd: S,
        panels: &[f32],
        input: &[f32],
        then: Then,
        output: &mut [f32],
    ) {
        let n_rows = input.len() / self.n_in;
        for (panel_idx, panel) in panels.chunks_exact(self.n_in * LANES * NR).enumerate() {
            for row in (0..n_rows).step_by(TILE_ROWS) {
                let sums = multiply::<S, NR>(simd, tile_rows(input, self.n_in, n_rows, row), panel);
                self.finish(simd, &sums, row, panel_idx * LANES * NR, then, output);
            }
        }
    }

    #[inline(always)]
    fn apply_bf16<S: Simd>(
        &self,
        simd: S,
        panels: &Bf16Panels,
        input: &[f32],
        then: Then,
        output: &mut [f32],
        scratch: &mut Activations,
    ) {
        const NR: usize = PANEL_WIDTH / LANES;
        let n_rows = input.len() / self.n_in;
        let n_words = bf16::n_words(self.n_in);
        bf16::to_bf16(simd, input, self.n_in, &mut scratch.words);
        for panel_idx in 0..panels.n_panels() {
            for row in (0..n_rows).step_by(TILE_ROWS) {
                let sums = panels.multiply(tile_rows(&scratch.words, n_words, n_rows, row), panel_idx);
                let mut vectors = [[f32x16::splat(simd, 0.0); NR]; TILE_ROWS];
                for r in 0..TILE_ROWS {
                    for j in 0..NR {
                        vectors[r][j] = f32x16::from_slice(simd, &sums[r][j * LANES..][..LANES]);
                    }
                }
                self.finish(simd, &vectors, row, panel_idx * PANEL_WIDTH, then, output);
            }
        }
    }

    #[inline(always)]
    fn apply_int8<S: Simd>(
        &self,
        simd: S,
        panels: &Int8Panels,
        input: &[f32],
        then: Then,
        output: &mut [f32],
        scratch: &mut Activations,
    ) {
        const NR: usize = PANEL_WIDTH / LANES;
        let n_rows = input.len() / self.n_in;
        let n_words = int8::n_words(self.n_in);
        int8::to_int8(simd, input, self.n_in, &mut scratch.words, &mut scratch.row_scales);
        for panel_idx in 0..panels.n_panels() {
            for row in (0..n_rows).step_by(TILE_ROWS) {
                let sums = panels.multiply(tile_rows(&scratch.words, n_words, n_rows, row), panel_idx);
                let mut vectors = [[f32x16::splat(simd, 0.0); NR]; TILE_ROWS];
                for r in 0..TILE_ROWS {
                    let row_scale = scratch.row_scales[(row + r).min(n_rows - 1)];
                    for j in 0..NR {
                        let column = panel_idx * PANEL_WIDTH + j * LANES;
                        vectors[r][j] = panels.dequantise(simd, &sums[r][j * LANES..][..LANES], row_scale, column);
                    }
                }
                self.finish(simd, &vectors, row, panel_idx * PANEL_WIDTH, then, output);
            }
        }
    }

    /// Adds the bias to a tile and puts it where it belongs; rows and columns past the end are dropped.
    #[inline(always)]
    fn finish<S: Simd, const NR: usize>(
        &self,
        simd: S,
        sums: &[[f32x16<S>; NR]; TILE_ROWS],
        row: usize,
        column: usize,
        then: Then,
        output: &mut [f32],
    ) {
        let n_rows = output.len() / self.n_out;
        for r in 0..TILE_ROWS.min(n_rows - row) {
            let out_row = &mut output[(row + r) * self.n_out..][..self.n_out];
            for j in 0..NR {
                let column = column + j * LANES;
                if column >= self.n_out {
                    break;
                }
                let sum = sums[r][j] + f32x16::from_slice(simd, &self.bias[column..][..LANES]);
                let value = match then {
                    Then::Store | Then::Add => sum,
                    Then::Gelu => gelu(simd, sum),
                    Then::Relu => sum.max(f32x16::splat(simd, 0.0)),
                };
                let end = (column + LANES).min(self.n_out);
                let out = &mut out_row[column..end];
                if let Ok(out) = <&mut [f32; LANES]>::try_from(&mut *out) {
                    let value = if then == Then::Add { f32x16::from_slice(simd, out) + value } else { value };
                    value.store_slice(out);
                } else {
                    let values: [f32; LANES] = value.into();
                    for (out, value) in out.iter_mut().zip(values) {
                        *out = if then == Then::Add { *out + value } else { value };
                    }
                }
            }
        }
    }
}

/// `[n_panels, n_in, width]` of `[n_out, n_in]`, with zeros in columns past the end.
fn f32_panels(weight: &[f32], n_in: usize, width: usize) -> Vec<f32> {
    let n_out = weight.len() / n_in;
    let mut panels = vec![0.0; n_out.next_multiple_of(width) * n_in];
    for (column, weights) in weight.chunks_exact(n_in).enumerate() {
        let panel = &mut panels[column / width * width * n_in..];
        for (i, &w) in weights.iter().enumerate() {
            panel[i * width + column % width] = w;
        }
    }
    panels
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::reduced::{bf16_is_supported, int8_is_supported};
    use super::super::tile::levels;
    use super::*;

    fn numbers(n: usize, seed: u32) -> Vec<f32> {
        (0..n as u32).map(|i| ((i.wrapping_mul(2_654_435_761) ^ seed) >> 8) as f32 / (1 << 24) as f32 - 0.5).collect()
    }

    fn check(level: Level, format: Format, n_rows: usize, n_in: usize, n_out: usize, then: Then, tolerance: f64) {
        let (input, weight) = (numbers(n_rows * n_in, 1), numbers(n_out * n_in, 2));
        let (bias, start) = (numbers(n_out, 3), numbers(n_rows * n_out, 4));
        let mut output = start.clone();
        let linear = Linear::new(level, format, &weight, n_in, Some(&bias));
        linear.apply(&input, then, &mut output, &mut Activations::default());
        for row in 0..n_rows {
            for column in 0..n_out {
                let products =
                    (0..n_in).map(|i| f64::from(input[row * n_in + i]) * f64::from(weight[column * n_in + i]));
                let sum = f64::from(bias[column]) + products.sum::<f64>();
                let expected = match then {
                    Then::Store => sum,
                    Then::Add => f64::from(start[row * n_out + column]) + sum,
                    Then::Relu => sum.max(0.0),
                    Then::Gelu => {
                        0.5 * sum
                            * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (sum + 0.044715 * sum.powi(3))).tanh())
                    }
                };
                let got = f64::from(output[row * n_out + column]);
                assert!((got - expected).abs() < tolerance, "{level:?} {row} {column}: got {got}, expected {expected}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn products_equal_their_definition(n_rows in 1..14_usize, n_in in 1..90_usize, n_out in 1..150_usize, then_idx in 0..4_usize) {
            let then = [Then::Store, Then::Add, Then::Gelu, Then::Relu][then_idx];
            for level in levels() {
                check(level, Format::F32, n_rows, n_in, n_out, then, 1e-5);
            }
            if bf16_is_supported() {
                // Each factor is off by at most 2^-9 of itself, and every product is below a quarter.
                check(Level::new(), Format::Bf16, n_rows, n_in, n_out, then, n_in as f64 * 0.25 / 256.0);
            }
            if int8_is_supported() {
                // Half a step of 1 / 255 on one side, of 1 / 254 on the other, factors below a half.
                check(Level::new(), Format::Int8, n_rows, n_in, n_out, then, n_in as f64 * 0.5 / 250.0);
            }
        }
    }

    #[test]
    fn the_transpose_equals_its_definition() {
        for (n_in, n_out, level) in
            levels().into_iter().flat_map(|level| [(5, 3, level), (64, 70, level), (130, 17, level)])
        {
            let (input, weight) = (numbers(7 * n_out, 8), numbers(n_out * n_in, 9));
            let mut output = vec![0.0; 7 * n_in];
            Linear::transposed(level, &weight, n_in).apply(
                &input,
                Then::Store,
                &mut output,
                &mut Activations::default(),
            );
            for (row, output) in input.chunks_exact(n_out).zip(output.chunks_exact(n_in)) {
                for (column, &got) in output.iter().enumerate() {
                    let expected: f64 =
                        (0..n_out).map(|o| f64::from(row[o]) * f64::from(weight[o * n_in + column])).sum();
                    assert!(
                        (f64::from(got) - expected).abs() < 1e-5,
                        "{level:?} {column}: got {got}, expected {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_row_does_not_depend_on_its_block() {
        let (n_in, n_out) = (40, 70);
        let weight = numbers(n_out * n_in, 5);
        for (format, is_supported) in
            [(Format::F32, true), (Format::Bf16, bf16_is_supported()), (Format::Int8, int8_is_supported())]
        {
            if !is_supported {
                continue;
            }
            let linear = Linear::new(Level::new(), format, &weight, n_in, None);
            let input = numbers(13 * n_in, 6);
            let mut together = vec![0.0; 13 * n_out];
            linear.apply(&input, Then::Store, &mut together, &mut Activations::default());
            for row in 0..13 {
                let mut alone = vec![0.0; n_out];
                linear.apply(&input[row * n_in..][..n_in], Then::Store, &mut alone, &mut Activations::default());
                assert_eq!(alone, together[row * n_out..][..n_out]);
            }
        }
    }
}
