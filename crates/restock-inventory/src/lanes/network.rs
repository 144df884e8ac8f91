//! A small network as a policy: two hidden layers over the state, evaluated for a block of lanes at once.
//!
//! Weights and activations are `f32`; each weight meets all lanes of a block, so one load of it serves them all.
//! Exponentials are polynomials of our own in vector instructions: the same on every machine, relative error 2e-7.

use std::num::Wrapping;

use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch};

use super::{LaneEnvironment, LanePolicy, LaneUnits, Lanes, N_LANES};

/// Outputs of a layer that are summed together.
const TILE: usize = 4;

/// A problem that shows its state as numbers.
pub trait Features<const N_FEATURES: usize>: LaneEnvironment {
    /// Writes the state of every lane, `[N_FEATURES, N_LANES]`, in units.
    fn features(&self, state: &Self::State, features: &mut [Lanes<f32>; N_FEATURES]);
}

/// What follows the sums of a hidden layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `max(x, 0)`.
    Relu,
    /// `x` above 0, `eˣ - 1` below (Clevert, Unterthiner & Hochreiter 2016).
    Elu,
}

/// A layer: `output = weights · input + biases`.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense<const INPUTS: usize, const OUTPUTS: usize> {
    /// `[OUTPUTS, INPUTS]`.
    pub weights: [[f32; INPUTS]; OUTPUTS],
    /// `[OUTPUTS]`.
    pub biases: [f32; OUTPUTS],
}

impl<const INPUTS: usize, const OUTPUTS: usize> Dense<INPUTS, OUTPUTS> {
    /// `[INPUTS, N_LANES]` to `[OUTPUTS, N_LANES]`, and what follows the sums.
    #[inline(always)]
    fn apply<S: Simd>(
        &self,
        simd: S,
        activation: Option<Activation>,
        inputs: &[Lanes<f32>; INPUTS],
        outputs: &mut [Lanes<f32>; OUTPUTS],
    ) {
        let mut first = 0;
        while first + TILE <= OUTPUTS {
            self.tile::<S, TILE>(simd, activation, first, inputs, outputs);
            first += TILE;
        }
        for first in first..OUTPUTS {
            self.tile::<S, 1>(simd, activation, first, inputs, outputs);
        }
    }

    /// `N` outputs at once: each input is loaded once for all of them, and their sums do not wait for each other.
    #[inline(always)]
    fn tile<S: Simd, const N: usize>(
        &self,
        simd: S,
        activation: Option<Activation>,
        first: usize,
        inputs: &[Lanes<f32>; INPUTS],
        outputs: &mut [Lanes<f32>; OUTPUTS],
    ) {
        let width = S::f32s::LEN;
        for lane in (0..N_LANES).step_by(2 * width) {
            let (low, high) = (lane..lane + width, lane + width..lane + 2 * width);
            let mut sums: [[S::f32s; 2]; N] =
                std::array::from_fn(|offset| [S::f32s::simd_from(simd, self.biases[first + offset]); 2]);
            for (input_idx, input) in inputs.iter().enumerate() {
                let low = S::f32s::from_slice(simd, &input[low.clone()]);
                let high = S::f32s::from_slice(simd, &input[high.clone()]);
                for (offset, sums) in sums.iter_mut().enumerate() {
                    let weight = self.weights[first + offset][input_idx];
                    sums[0] += low * weight;
                    sums[1] += high * weight;
                }
            }
            for (output, sums) in outputs[first..first + N].iter_mut().zip(sums) {
                activate(simd, activation, sums[0]).store_slice(&mut output[low.clone()]);
                activate(simd, activation, sums[1]).store_slice(&mut output[high.clone()]);
            }
        }
    }
}

/// Two hidden layers of `HIDDEN` and one output.
#[derive(Clone, Debug, PartialEq)]
pub struct Network<const INPUTS: usize, const HIDDEN: usize> {
    /// From the inputs to the first hidden layer.
    pub first: Dense<INPUTS, HIDDEN>,
    /// From the first to the second hidden layer.
    pub second: Dense<HIDDEN, HIDDEN>,
    /// From the second hidden layer to the output.
    pub output: Dense<HIDDEN, 1>,
    /// What follows each hidden layer.
    pub activation: Activation,
}

impl<const INPUTS: usize, const HIDDEN: usize> Network<INPUTS, HIDDEN> {
    /// `[INPUTS, N_LANES]` to `[N_LANES]`.
    pub fn apply(&self, inputs: &[Lanes<f32>; INPUTS]) -> Lanes<f32> {
        dispatch!(Level::new(), simd => self.apply_in(simd, inputs))
    }

    #[inline(always)]
    fn apply_in<S: Simd>(&self, simd: S, inputs: &[Lanes<f32>; INPUTS]) -> Lanes<f32> {
        let (mut first, mut second) = ([[0.0; N_LANES]; HIDDEN], [[0.0; N_LANES]; HIDDEN]);
        let mut output = [[0.0; N_LANES]; 1];
        self.first.apply(simd, Some(self.activation), inputs, &mut first);
        self.second.apply(simd, Some(self.activation), &first, &mut second);
        self.output.apply(simd, None, &second, &mut output);
        output[0]
    }
}

#[inline(always)]
fn activate<S: Simd>(simd: S, activation: Option<Activation>, sums: S::f32s) -> S::f32s {
    let zero = S::f32s::simd_from(simd, 0.0);
    match activation {
        None => sums,
        Some(Activation::Relu) => sums.max(zero),
        Some(Activation::Elu) => sums.max(zero) + (exp_negative(simd, sums.min(zero)) - 1.0),
    }
}

/// `eˣ` for `x <= 0`, with a relative error of 2e-7; below -87 it stays at e⁻⁸⁷.
#[inline(always)]
fn exp_negative<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    // Adding 1.5·2²³ rounds to an integer, which is then in the low bits: no rounding instruction and no conversion,
    // which the oldest 64-bit machines lack in vectors.
    const ROUND: f32 = 12_582_912.0;
    let x = x.max(S::f32s::simd_from(simd, -87.0));
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    // The logarithm of 2 in two parts, so that what is left of x keeps all its digits (Cody & Waite 1980).
    let rest = (x - n * 0.693_359_4) + n * 2.121_944_4e-4;
    // Taylor's polynomial on |rest| <= ln(2)/2.
    let mut series = S::f32s::simd_from(simd, 1.0 / 5040.0);
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        series = series * rest + coefficient;
    }
    let power_of_two = (shifted.to_bits() - ROUND.to_bits() + 127) << 23_u32;
    series * S::f32s::from_bits(power_of_two)
}

/// `ln(1 + eˣ)`, with an absolute error of 2e-7.
#[inline(always)]
fn softplus<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let zero = S::f32s::simd_from(simd, 0.0);
    // ln(1 + z) = 2·artanh(z / (2 + z)), and z / (2 + z) <= 1/3.
    let z = exp_negative(simd, x.min(-x));
    let s = z / (z + 2.0);
    let square = s * s;
    let mut series = S::f32s::simd_from(simd, 1.0 / 13.0);
    for coefficient in [1.0 / 11.0, 1.0 / 9.0, 1.0 / 7.0, 0.2, 1.0 / 3.0, 1.0] {
        series = series * square + coefficient;
    }
    x.max(zero) + s * series * 2.0
}

/// Orders what a network says: the state over `scale` minus 1 goes in, `scale·softplus(output + 1)` comes out, rounded to
/// whole units and capped. With a scale of the mean demand a fresh network orders about that much.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkPolicy<const INPUTS: usize, const HIDDEN: usize> {
    /// The network.
    pub network: Network<INPUTS, HIDDEN>,
    /// Units that count as one, such as the mean demand of a period.
    pub scale: f32,
    /// The largest order, units.
    pub max_order: i32,
}

impl<const INPUTS: usize, const HIDDEN: usize, E> LanePolicy<E> for NetworkPolicy<INPUTS, HIDDEN>
where
    E: Features<INPUTS, Action = Lanes<LaneUnits>>,
{
    #[inline(always)]
    fn act(&self, environment: &E, state: &E::State, order_quantity: &mut Lanes<LaneUnits>) {
        let mut inputs = [[0.0; N_LANES]; INPUTS];
        environment.features(state, &mut inputs);
        let wanted = dispatch!(Level::new(), simd => self.wanted(simd, &mut inputs));
        for lane in 0..N_LANES {
            order_quantity[lane] = Wrapping((wanted[lane] + 0.5) as i32).min(Wrapping(self.max_order));
        }
    }
}

impl<const INPUTS: usize, const HIDDEN: usize> NetworkPolicy<INPUTS, HIDDEN> {
    /// What is wanted before it is rounded, units.
    #[inline(always)]
    fn wanted<S: Simd>(&self, simd: S, inputs: &mut [Lanes<f32>; INPUTS]) -> Lanes<f32> {
        let one = 1.0 / self.scale;
        for input in inputs.iter_mut() {
            input.iter_mut().for_each(|value| *value = *value * one - 1.0);
        }
        let mut output = self.network.apply_in(simd, inputs);
        for values in output.chunks_exact_mut(S::f32s::LEN) {
            let wanted = softplus(simd, S::f32s::from_slice(simd, values) + 1.0) * self.scale;
            wanted.store_slice(values);
        }
        output
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn exponentials_keep_their_digits() {
        fn exp<S: Simd>(simd: S, x: f32) -> f32 {
            exp_negative(simd, S::f32s::simd_from(simd, x)).as_slice()[0]
        }
        fn ln_1p_exp<S: Simd>(simd: S, x: f32) -> f32 {
            softplus(simd, S::f32s::simd_from(simd, x)).as_slice()[0]
        }
        dispatch!(Level::new(), simd => {
            for step in 0..=870_000 {
                let x = -1e-4 * step as f32;
                let (ours, exact) = (exp(simd, x), f64::from(x).exp());
                assert!((f64::from(ours) / exact - 1.0).abs() < 2e-7, "exp({x}) = {ours}, not {exact}");
            }
            assert_eq!(exp(simd, -1e9), exp(simd, -87.0));
            for step in -400_000..=400_000 {
                let x = 1e-4 * step as f32;
                let (ours, exact) = (ln_1p_exp(simd, x), f64::from(x).exp().ln_1p());
                assert!((f64::from(ours) - exact).abs() < 2e-7 * exact.max(1.0), "softplus({x}) = {ours}, not {exact}");
            }
        });
    }

    /// The plain network in double precision, one lane.
    fn plain(network: &Network<5, 32>, inputs: &[f64]) -> f64 {
        let activate = |x: f64| match network.activation {
            Activation::Relu => x.max(0.0),
            Activation::Elu => {
                if x > 0.0 {
                    x
                } else {
                    x.exp_m1()
                }
            }
        };
        fn layer(weights: &[impl AsRef<[f32]>], biases: &[f32], inputs: &[f64]) -> Vec<f64> {
            let sum = |weights: &[f32]| weights.iter().zip(inputs).map(|(w, x)| f64::from(*w) * x).sum::<f64>();
            weights.iter().zip(biases).map(|(weights, bias)| sum(weights.as_ref()) + f64::from(*bias)).collect()
        }
        let first: Vec<f64> =
            layer(&network.first.weights, &network.first.biases, inputs).into_iter().map(activate).collect();
        let second: Vec<f64> =
            layer(&network.second.weights, &network.second.biases, &first).into_iter().map(activate).collect();
        layer(&network.output.weights, &network.output.biases, &second)[0]
    }

    #[test]
    fn lanes_equal_the_plain_network() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        for activation in [Activation::Relu, Activation::Elu] {
            let mut network = Network {
                first: Dense { weights: [[0.0; 5]; 32], biases: [0.0; 32] },
                second: Dense { weights: [[0.0; 32]; 32], biases: [0.0; 32] },
                output: Dense { weights: [[0.0; 32]; 1], biases: [0.0; 1] },
                activation,
            };
            let mut draw = |value: &mut f32| *value = 0.6 * rng.random::<f32>() - 0.3;
            network.first.weights.iter_mut().flatten().for_each(&mut draw);
            network.second.weights.iter_mut().flatten().for_each(&mut draw);
            network.output.weights.iter_mut().flatten().for_each(&mut draw);
            network.first.biases.iter_mut().chain(&mut network.second.biases).for_each(&mut draw);
            let mut inputs = [[0.0; N_LANES]; 5];
            inputs.iter_mut().flatten().for_each(|value| *value = 20.0 * rng.random::<f32>() - 1.0);
            let outputs = network.apply(&inputs);
            for lane in 0..N_LANES {
                let of_lane: Vec<f64> = inputs.iter().map(|values| f64::from(values[lane])).collect();
                let expected = plain(&network, &of_lane);
                assert!((f64::from(outputs[lane]) - expected).abs() < 1e-4, "{} {expected}", outputs[lane]);
            }
        }
    }
}
