//! A small network as a policy: two hidden layers over the state, evaluated for a block of lanes at once.
//!
//! Weights and activations are `f32`; each weight meets all lanes of a block, so one load of it serves them all.
//! Exponentials are polynomials of our own in vector instructions: the same on every machine, relative error 2e-7.

use super::{LaneEnvironment, LanePolicy, LaneUnits, Lanes, N_LANES};
use std::num::Wrapping;

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
    /// `[INPUTS, N_LANES]` to `[OUTPUTS, N_LANES]`.
    #[inline(always)]
    fn apply(&self, inputs: &[Lanes<f32>; INPUTS], outputs: &mut [Lanes<f32>; OUTPUTS]) {
        for ((output, weights), bias) in outputs.iter_mut().zip(&self.weights).zip(&self.biases) {
            let mut sum = [*bias; N_LANES];
            for (weight, input) in weights.iter().zip(inputs) {
                for lane in 0..N_LANES {
                    sum[lane] += weight * input[lane];
                }
            }
            *output = sum;
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
    #[inline(always)]
    pub fn apply(&self, inputs: &[Lanes<f32>; INPUTS]) -> Lanes<f32> {
        let (mut first, mut second) = ([[0.0; N_LANES]; HIDDEN], [[0.0; N_LANES]; HIDDEN]);
        self.first.apply(inputs, &mut first);
        activate(self.activation, &mut first);
        self.second.apply(&first, &mut second);
        activate(self.activation, &mut second);
        let mut output = [[0.0; N_LANES]; 1];
        self.output.apply(&second, &mut output);
        output[0]
    }
}

#[inline(always)]
fn activate(activation: Activation, values: &mut [Lanes<f32>]) {
    match activation {
        Activation::Relu => {
            for values in values {
                values.iter_mut().for_each(|value| *value = value.max(0.0));
            }
        }
        Activation::Elu => {
            for values in values {
                values.iter_mut().for_each(|value| *value = value.max(0.0) + (exp_negative(value.min(0.0)) - 1.0));
            }
        }
    }
}

/// `eˣ` for `x <= 0`, with a relative error of 2e-7; below -87 it stays at e⁻⁸⁷.
#[inline(always)]
fn exp_negative(x: f32) -> f32 {
    // Adding 1.5·2²³ rounds to an integer, which is then in the low bits: no rounding instruction and no conversion,
    // which the oldest 64-bit machines lack in vectors.
    const ROUND: f32 = 12_582_912.0;
    let x = x.max(-87.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    // The logarithm of 2 in two parts, so that what is left of x keeps all its digits (Cody & Waite 1980).
    let rest = (x - n * 0.693_359_4) + n * 2.121_944_4e-4;
    // Taylor's polynomial on |rest| <= ln(2)/2.
    let mut series = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        series = series * rest + coefficient;
    }
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127);
    series * f32::from_bits(exponent << 23)
}

/// `ln(1 + eˣ)`, with an absolute error of 2e-7.
#[inline(always)]
fn softplus(x: f32) -> f32 {
    // ln(1 + z) = 2·artanh(z / (2 + z)), and z / (2 + z) <= 1/3.
    let z = exp_negative(-x.abs());
    let s = z / (2.0 + z);
    let square = s * s;
    let mut series = 1.0 / 13.0;
    for coefficient in [1.0 / 11.0, 1.0 / 9.0, 1.0 / 7.0, 0.2, 1.0 / 3.0, 1.0] {
        series = series * square + coefficient;
    }
    x.max(0.0) + 2.0 * s * series
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
        let one = 1.0 / self.scale;
        for input in &mut inputs {
            input.iter_mut().for_each(|value| *value = *value * one - 1.0);
        }
        let output = self.network.apply(&inputs);
        for lane in 0..N_LANES {
            let wanted = self.scale * softplus(output[lane] + 1.0);
            order_quantity[lane] = Wrapping((wanted + 0.5) as i32).min(Wrapping(self.max_order));
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn exponentials_keep_their_digits() {
        for step in 0..=870_000 {
            let x = -1e-4 * step as f32;
            let exact = f64::from(x).exp();
            assert!((f64::from(exp_negative(x)) / exact - 1.0).abs() < 2e-7, "exp({x}) = {}", exp_negative(x));
        }
        assert_eq!(exp_negative(-1e9), exp_negative(-87.0));
        for step in -400_000..=400_000 {
            let x = 1e-4 * step as f32;
            let exact = f64::from(x).exp().ln_1p();
            let error = (f64::from(softplus(x)) - exact).abs();
            assert!(error < 2e-7 * exact.max(1.0), "softplus({x}) = {}, not {exact}", softplus(x));
        }
    }

    /// The plain network in double precision, one lane.
    fn plain(network: &Network<5, 32>, inputs: &[f64]) -> f64 {
        let activate = |x: f64| match network.activation {
            Activation::Relu => x.max(0.0),
            Activation::Elu => if x > 0.0 { x } else { x.exp_m1() },
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
