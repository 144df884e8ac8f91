//! Exponentials of vectors, as polynomials: no call leaves the vector registers.
//!
//! They are fused where the machine can, so their last digit may differ between kinds of processors. The policies in
//! `restock_inventory::lanes` have versions of their own that are the same on every machine.

use fearless_simd::prelude::*;

/// `eˣ` for `x <= 0`, with an absolute error of 2e-7; below -87 it stays at e⁻⁸⁷.
#[inline(always)]
pub fn exp_negative<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let (series, power_of_two) = exp_negative_parts(simd, x);
    series * power_of_two
}

/// `eˣ - 1` for `x <= 0`, with an absolute error of 2e-7.
#[inline(always)]
pub fn exp_m1_negative<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let (series, power_of_two) = exp_negative_parts(simd, x);
    series.mul_sub(power_of_two, 1.0)
}

/// `eˣ` as a number between the roots of 1/2 and 2 and a power of two.
#[inline(always)]
fn exp_negative_parts<S: Simd>(simd: S, x: S::f32s) -> (S::f32s, S::f32s) {
    // Adding 1.5·2²³ rounds to an integer, which is then in the low bits.
    const ROUND: f32 = 12_582_912.0;
    /// 2ᶠ on |f| <= 1/2 with the least largest relative error, 7.5e-8, of all polynomials of this degree.
    const COEFFICIENTS: [f32; 5] = [0.009_675_542, 0.055_507_133, 0.240_221_2, 0.693_146_97, 1.000_000_1];
    let x = x.max(S::f32s::simd_from(simd, -87.0));
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let rest = x.mul_sub(std::f32::consts::LOG2_E, shifted - ROUND);
    let mut series = S::f32s::simd_from(simd, 0.001_327_647_2);
    for coefficient in COEFFICIENTS {
        series = series.mul_add(rest, coefficient);
    }
    let power_of_two = (shifted.to_bits() - ROUND.to_bits() + 127) << 23_u32;
    (series, S::f32s::from_bits(power_of_two))
}

/// `ln(1 + eˣ)`, with an absolute error of 3e-7, and its slope `1/(1 + e⁻ˣ)`.
#[inline(always)]
pub fn softplus<S: Simd>(simd: S, x: S::f32s) -> (S::f32s, S::f32s) {
    let zero = S::f32s::simd_from(simd, 0.0);
    let one = S::f32s::simd_from(simd, 1.0);
    // ln(1 + z) = 2·artanh(z / (2 + z)), and z / (2 + z) <= 1/3.
    let z = exp_negative(simd, x.min(-x));
    let s = z / (z + 2.0);
    let square = s * s;
    let mut series = S::f32s::simd_from(simd, 1.0 / 13.0);
    for coefficient in [1.0 / 11.0, 1.0 / 9.0, 1.0 / 7.0, 0.2, 1.0 / 3.0, 1.0] {
        series = series.mul_add(square, coefficient);
    }
    let slope = x.simd_ge(zero).select(one, z) / (z + 1.0);
    ((s * 2.0).mul_add(series, x.max(zero)), slope)
}

#[cfg(test)]
mod tests {
    use fearless_simd::{Level, dispatch};

    use super::*;

    #[test]
    fn exponentials_keep_their_digits() {
        fn exp<S: Simd>(simd: S, x: f32) -> f32 {
            exp_negative(simd, S::f32s::simd_from(simd, x)).as_slice()[0]
        }
        fn exp_m1<S: Simd>(simd: S, x: f32) -> f32 {
            exp_m1_negative(simd, S::f32s::simd_from(simd, x)).as_slice()[0]
        }
        fn softplus_and_slope<S: Simd>(simd: S, x: f32) -> (f32, f32) {
            let (value, slope) = softplus(simd, S::f32s::simd_from(simd, x));
            (value.as_slice()[0], slope.as_slice()[0])
        }
        for level in [Level::new(), Level::baseline()] {
            dispatch!(level, simd => {
                for step in 0..87_000 {
                    let x = -1e-3 * step as f32;
                    let exact = f64::from(x).exp();
                    let (exp, exp_m1) = (exp(simd, x), exp_m1(simd, x));
                    assert!((f64::from(exp) - exact).abs() < 2e-7, "exp({x}) = {exp}, not {exact}");
                    assert!((f64::from(exp) / exact - 1.0).abs() < 2e-5, "exp({x}) = {exp}, not {exact}");
                    assert!((f64::from(exp_m1) + 1.0 - exact).abs() < 2e-7, "exp_m1({x}) = {exp_m1}");
                }
                assert_eq!(exp(simd, -1e9), exp(simd, -87.0));
                for step in -40_000..=40_000 {
                    let x = 1e-3 * step as f32;
                    let (ours, slope) = softplus_and_slope(simd, x);
                    let exact = f64::from(x).exp().ln_1p();
                    let exact_slope = 1.0 / (1.0 + (-f64::from(x)).exp());
                    assert!((f64::from(ours) - exact).abs() < 3e-7 * exact.max(1.0), "softplus({x}) = {ours}");
                    assert!((f64::from(slope) - exact_slope).abs() < 3e-7, "its slope at {x} is {slope}");
                }
            });
        }
    }
}
