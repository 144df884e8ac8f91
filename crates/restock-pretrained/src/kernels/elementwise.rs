//! Exponentials and what is made of them, for 16 values at a time. Relative error at most 1e-6 against f64.

use fearless_simd::{Level, Simd, dispatch, f32x16, prelude::*, u32x16};

use super::tile::LANES;

/// e^x, for x clamped to [-86, 88].
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, x: f32x16<S>) -> f32x16<S> {
    let splat = |value: f32| f32x16::splat(simd, value);
    let x = x.max(splat(-86.0)).min(splat(88.0));
    // x = n·ln 2 + r with |r| <= ln 2 / 2. Adding 1.5·2²³ rounds to an integer and leaves n in the low bits.
    let magic = splat(12_582_912.0);
    let shifted = x.mul_add(splat(std::f32::consts::LOG2_E), magic);
    let n = shifted - magic;
    let r = n.mul_add(splat(-0.693_359_4), x);
    let r = n.mul_add(splat(2.121_944_4e-4), r);
    // e^r = 1 + r + r²·p(r), the polynomial of Cephes `expf`.
    let mut p = splat(1.987_569_1e-4);
    for coefficient in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = p.mul_add(r, splat(coefficient));
    }
    let e_r = (p * r).mul_add(r, r + splat(1.0));
    let power = shifted.bitcast::<u32x16<S>>() << 23;
    (e_r.bitcast::<u32x16<S>>() + power).bitcast()
}

/// The tanh approximation of GELU, 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))), written as x / (1 + e^(-2u)).
#[inline(always)]
pub(crate) fn gelu<S: Simd>(simd: S, x: f32x16<S>) -> f32x16<S> {
    let splat = |value: f32| f32x16::splat(simd, value);
    // -2u = x·(-2·√(2/π) - 2·√(2/π)·0.044715·x²)
    let minus_two_u = x * (x * x).mul_add(splat(-0.071_354_82), splat(-1.595_769));
    x / (exp(simd, minus_two_u) + splat(1.0))
}

/// The derivative of [`gelu`]: s + x·s·(1 - s)·2u' with s = 1 / (1 + e^(-2u)).
#[inline(always)]
pub(crate) fn gelu_slope<S: Simd>(simd: S, x: f32x16<S>) -> f32x16<S> {
    let splat = |value: f32| f32x16::splat(simd, value);
    let x2 = x * x;
    let e = exp(simd, x * x2.mul_add(splat(-0.071_354_82), splat(-1.595_769)));
    let s = splat(1.0) / (e + splat(1.0));
    let two_u_slope = x2.mul_add(splat(3.0 * 0.071_354_82), splat(1.595_769));
    (x * two_u_slope * (e * s)).mul_add(s, s)
}

/// Replaces every value by a function of it, 16 at a time. A macro, because a function that is passed as an argument is
/// not compiled for the vector instructions of its caller.
macro_rules! replace_all {
    ($simd:ident, $values:ident, $function:ident) => {
        let (vectors, rest) = $values.as_chunks_mut::<LANES>();
        for vector in vectors {
            $function($simd, f32x16::from_slice($simd, vector)).store_slice(vector);
        }
        if !rest.is_empty() {
            let mut vector = [0.0; LANES];
            vector[..rest.len()].copy_from_slice(rest);
            let result: [f32; LANES] = $function($simd, f32x16::from_slice($simd, &vector)).into();
            rest.copy_from_slice(&result[..rest.len()]);
        }
    };
}

#[inline(always)]
fn gelu_slice<S: Simd>(simd: S, values: &mut [f32]) {
    replace_all!(simd, values, gelu);
}

#[inline(always)]
fn softplus_slice<S: Simd>(simd: S, values: &mut [f32]) {
    replace_all!(simd, values, softplus);
}

/// The GELU of every value of `x`, into `output`.
pub(crate) fn gelu_all(level: Level, x: &[f32], output: &mut Vec<f32>) {
    output.clear();
    output.extend_from_slice(x);
    dispatch!(level, simd => gelu_slice(simd, output));
}

/// Multiplies every `d_output` by the slope of the GELU at `x`.
pub(crate) fn gelu_gradient(level: Level, x: &[f32], d_output: &mut [f32]) {
    assert_eq!(x.len(), d_output.len());
    dispatch!(level, simd => gelu_gradient_slice(simd, x, d_output));
}

#[inline(always)]
fn gelu_gradient_slice<S: Simd>(simd: S, x: &[f32], d_output: &mut [f32]) {
    let ((x, x_rest), (d, d_rest)) = (x.as_chunks::<LANES>(), d_output.as_chunks_mut::<LANES>());
    for (x, d) in x.iter().zip(d) {
        (f32x16::from_slice(simd, d) * gelu_slope(simd, f32x16::from_slice(simd, x))).store_slice(d);
    }
    if !x_rest.is_empty() {
        let mut vector = [0.0; LANES];
        vector[..x_rest.len()].copy_from_slice(x_rest);
        let slopes: [f32; LANES] = gelu_slope(simd, f32x16::from_slice(simd, &vector)).into();
        d_rest.iter_mut().zip(slopes).for_each(|(d, slope)| *d *= slope);
    }
}

/// ln(1 + e^x) = max(x, 0) + ln(1 + e^(-|x|)).
#[inline(always)]
pub(crate) fn softplus<S: Simd>(simd: S, x: f32x16<S>) -> f32x16<S> {
    let splat = |value: f32| f32x16::splat(simd, value);
    let e = exp(simd, splat(0.0) - x.abs());
    // ln(1 + e) = 2·atanh(s) with s = e / (2 + e) <= 1/3; the first term left out is below 1e-8 of the sum.
    let s = e / (e + splat(2.0));
    let s2 = s * s;
    let mut p = splat(2.0 / 15.0);
    for denominator in [13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0] {
        p = p.mul_add(s2, splat(2.0 / denominator));
    }
    p.mul_add(s, x.max(splat(0.0)))
}

/// ln(1 + e^x) of every value.
pub(crate) fn softplus_all(level: Level, values: &mut [f32]) {
    dispatch!(level, simd => softplus_slice(simd, values));
}

/// 1 / (1 + e^(-x)).
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::super::tile::levels;
    use super::*;

    #[inline(always)]
    fn apply_all<S: Simd>(simd: S, values: &[f32; LANES]) -> [[f32; LANES]; 4] {
        let x = f32x16::from_slice(simd, values);
        [exp(simd, x).into(), gelu(simd, x).into(), softplus(simd, x).into(), gelu_slope(simd, x).into()]
    }

    fn assert_close(level: Level, x: f64, got: f32, expected: f64) {
        let error = (f64::from(got) - expected).abs();
        assert!(error <= 1e-6 * expected.abs() + 1e-30, "{level:?}, x = {x}: got {got}, expected {expected}");
    }

    #[test]
    fn functions_equal_their_definitions() {
        for (level, step) in levels().into_iter().flat_map(|level| (-1000..1000).map(move |step| (level, step))) {
            let values: [f32; LANES] = std::array::from_fn(|lane| step as f32 * 0.08 + lane as f32 * 0.005);
            let [exps, gelus, softpluses, slopes] = dispatch!(level, simd => apply_all(simd, &values));
            for lane in 0..LANES {
                let x = f64::from(values[lane]);
                assert_close(level, x, exps[lane], x.exp());
                assert_close(level, x, softpluses[lane], if x > 30.0 { x + (-x).exp() } else { x.exp().ln_1p() });
                let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x);
                // Far left GELU is a difference of almost equal numbers in its definition: compare absolutely there.
                let expected = 0.5 * x * (1.0 + u.tanh());
                let error = (f64::from(gelus[lane]) - expected).abs();
                assert!(error <= 1e-6 * (1.0 + x.abs()), "{level:?}: gelu({x}) = {}, expected {expected}", gelus[lane]);
                let u_slope = (2.0 / std::f64::consts::PI).sqrt() * (1.0 + 3.0 * 0.044715 * x * x);
                let expected = 0.5 * (1.0 + u.tanh()) + 0.5 * x * u_slope / u.cosh().powi(2);
                let error = (f64::from(slopes[lane]) - expected).abs();
                assert!(error <= 3e-6, "{level:?}: slope of gelu({x}) is {}, expected {expected}", slopes[lane]);
            }
        }
    }

    #[test]
    fn a_slice_of_any_length_is_done_to_its_end() {
        let mut values: Vec<f32> = (0..37).map(|i| i as f32 - 20.0).collect();
        softplus_all(Level::new(), &mut values);
        for (i, &value) in values.iter().enumerate() {
            let expected = (i as f64 - 20.0).exp().ln_1p();
            assert!((f64::from(value) - expected).abs() <= 1e-6 * expected, "{i}: {value} {expected}");
        }
    }
}
