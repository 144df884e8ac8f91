//! A multi-layer perceptron over blocks of lanes: forward, and backward by hand.
//!
//! A block holds [`N_LANES`] samples side by side, one row of lanes per unit, so that each weight that is loaded serves
//! all of them. Read in this order: [`Network`], [`LoadedNetwork::forward`], [`LoadedNetwork::backward`],
//! [`Gradient::add`].
//!
//! # Weights
//! All weights are one vector, layer by layer: `[inputs, outputs]`, then `[outputs]` biases. An optimiser changes that
//! vector; [`Network::load`] lays it out for the two directions in which the layers are passed.
//!
//! # Arithmetic
//! `f32`, fused where the machine can. Sums over samples run in an order that does not depend on the number of threads.

use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use restock_inventory::lanes::network::Activation;
use restock_inventory::lanes::{Lanes, N_LANES};
use serde::{Deserialize, Serialize};

use crate::elementary::exp_m1_negative;

/// Outputs that are summed together: so many sums fit in registers and do not wait for each other.
const TILE: usize = 8;

/// Sums of a slope that are kept apart while samples are added.
const N_PARTS: usize = 16;

/// The values of one unit in the lanes of a block, aligned to a line of the cache.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
pub struct Row(pub Lanes<f32>);

impl Row {
    /// Zero in every lane.
    pub const ZERO: Self = Self([0.0; N_LANES]);
}

/// The shape of a network: units of each layer and what follows the sums of the hidden ones.
///
/// # Examples
/// ```
/// use restock_inventory::lanes::network::Activation;
/// use restock_learning::network::{Network, Row};
///
/// let network = Network::new(&[2, 32, 32, 1], Activation::Elu);
/// let loaded = network.load(&network.initial_weights(7));
/// let mut trace = network.trace();
/// trace.inputs_mut()[0] = Row([1.0; 32]);
/// loaded.forward(&mut trace);
/// assert!(trace.outputs()[0].0[3].is_finite());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    sizes: Vec<usize>,
    relu: bool,
}

impl Network {
    /// A network with `sizes` units: inputs, hidden layers, outputs.
    ///
    /// # Panics
    /// When there are fewer than two layers or one of them is empty.
    pub fn new(sizes: &[usize], activation: Activation) -> Self {
        assert!(sizes.len() >= 2 && sizes.iter().all(|size| *size > 0), "layers of {sizes:?} units");
        Self { sizes: sizes.to_vec(), relu: activation == Activation::Relu }
    }

    /// `[n_layers + 1]`: units of the inputs, the hidden layers and the outputs.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// What follows the sums of a hidden layer.
    pub fn activation(&self) -> Activation {
        if self.relu { Activation::Relu } else { Activation::Elu }
    }

    /// The number of inputs.
    pub fn n_inputs(&self) -> usize {
        self.sizes[0]
    }

    /// The number of outputs.
    pub fn n_outputs(&self) -> usize {
        self.sizes[self.sizes.len() - 1]
    }

    /// The number of weights, biases included.
    pub fn n_weights(&self) -> usize {
        self.layers().map(|(inputs, outputs)| (inputs + 1) * outputs).sum()
    }

    /// Inputs and outputs of each layer.
    fn layers(&self) -> impl Iterator<Item = (usize, usize)> {
        self.sizes.windows(2).map(|sizes| (sizes[0], sizes[1]))
    }

    /// Units of all layers, inputs included.
    fn n_units(&self) -> usize {
        self.sizes.iter().sum()
    }

    /// Weights before training: hidden layers uniform with variance `2/inputs` (He et al. 2015), outputs with
    /// `1/inputs`, biases 0.
    pub fn initial_weights(&self, seed: u64) -> Vec<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut weights = Vec::with_capacity(self.n_weights());
        for (layer_idx, (inputs, outputs)) in self.layers().enumerate() {
            let variance = if layer_idx + 2 == self.sizes.len() { 1.0 } else { 2.0 } / inputs as f32;
            // A uniform number on [-a, a] has variance a²/3.
            let bound = (3.0 * variance).sqrt();
            weights.extend((0..inputs * outputs).map(|_| bound * (2.0 * rng.random::<f32>() - 1.0)));
            weights.extend(std::iter::repeat_n(0.0, outputs));
        }
        weights
    }

    /// Lays weights out for use.
    ///
    /// # Panics
    /// Unless there are [`Network::n_weights`] of them.
    pub fn load(&self, weights: &[f32]) -> LoadedNetwork {
        assert_eq!(weights.len(), self.n_weights(), "weights of a network of {:?} units", self.sizes);
        let (mut layers, mut rest) = (Vec::new(), weights);
        for (inputs, outputs) in self.layers() {
            let (matrix, after) = rest.split_at(inputs * outputs);
            let (biases, after) = after.split_at(outputs);
            rest = after;
            let transposed: Vec<f32> =
                (0..outputs * inputs).map(|i| matrix[i % inputs * outputs + i / inputs]).collect();
            layers.push(Layer {
                forward: Packed::new(matrix, inputs, biases.to_vec()),
                backward: Packed::new(&transposed, outputs, vec![0.0; inputs]),
            });
        }
        LoadedNetwork { level: Level::new(), activation: self.activation(), layers }
    }

    /// The outputs for one sample, in double precision: the plain form of the network.
    ///
    /// # Panics
    /// Unless weights and inputs are those of the network.
    pub fn plain(&self, weights: &[f32], inputs: &[f64]) -> Vec<f64> {
        assert!(weights.len() == self.n_weights() && inputs.len() == self.n_inputs());
        let (mut values, mut rest) = (inputs.to_vec(), weights);
        for (layer_idx, (inputs, outputs)) in self.layers().enumerate() {
            let (matrix, after) = rest.split_at(inputs * outputs);
            let (biases, after) = after.split_at(outputs);
            let mut sums: Vec<f64> = biases.iter().map(|bias| f64::from(*bias)).collect();
            for (value, weights) in values.iter().zip(matrix.chunks_exact(outputs)) {
                sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += value * f64::from(*weight));
            }
            if layer_idx + 2 < self.sizes.len() {
                for sum in sums.iter_mut().filter(|sum| **sum < 0.0) {
                    *sum = if self.relu { 0.0 } else { sum.exp_m1() };
                }
            }
            (values, rest) = (sums, after);
        }
        values
    }

    /// Room for what a block of lanes computes.
    pub fn trace(&self) -> Trace {
        let zeros = vec![Row::ZERO; self.n_units()];
        Trace { n_inputs: self.n_inputs(), n_outputs: self.n_outputs(), units: zeros.clone(), slopes: zeros }
    }

    /// A trace without rows for slopes, which it gets by [`Trace::swap_slopes`] before its way back.
    pub(crate) fn trace_without_slopes(&self) -> Trace {
        Trace { slopes: Vec::new(), ..self.trace() }
    }

    pub(crate) fn slope_rows(&self) -> SlopeRows {
        SlopeRows(vec![Row::ZERO; self.n_units()])
    }

    /// The sum of no slopes.
    pub fn gradient(&self) -> Gradient {
        Gradient { level: Level::new(), network: self.clone(), parts: vec![Parts([0.0; N_PARTS]); self.n_weights()] }
    }
}

/// Rows of slopes that traces take in turn, so that those of a few blocks only are in the cache.
#[derive(Clone, Debug)]
pub(crate) struct SlopeRows(Vec<Row>);

/// What one block of lanes computes on its way through a network, and the slopes on the way back.
///
/// Reading it after [`LoadedNetwork::backward`] gives the slopes of the inputs; [`Gradient::add`] takes whole traces.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    n_inputs: usize,
    n_outputs: usize,
    /// `[n_units]`: values of all units after their activation, inputs first.
    units: Vec<Row>,
    /// `[n_units]`: slopes of the loss by the sums of each unit before its activation, and by the inputs.
    slopes: Vec<Row>,
}

impl Trace {
    /// Takes rows for slopes, or gives them back.
    pub(crate) fn swap_slopes(&mut self, rows: &mut SlopeRows) {
        std::mem::swap(&mut self.slopes, &mut rows.0);
    }

    /// `[n_inputs]`: where the inputs are written before the way forward.
    pub fn inputs_mut(&mut self) -> &mut [Row] {
        &mut self.units[..self.n_inputs]
    }

    /// `[n_outputs]`: the outputs after the way forward.
    pub fn outputs(&self) -> &[Row] {
        &self.units[self.units.len() - self.n_outputs..]
    }

    /// `[n_outputs]`: where the slopes of the loss by the outputs are written before the way back.
    pub fn output_slopes_mut(&mut self) -> &mut [Row] {
        let first = self.slopes.len() - self.n_outputs;
        &mut self.slopes[first..]
    }

    /// `[n_outputs]` each: the outputs, and where the slopes of the loss by them are written.
    pub fn outputs_and_slopes_mut(&mut self) -> (&[Row], &mut [Row]) {
        let (units, slopes) = (self.units.len() - self.n_outputs, self.slopes.len() - self.n_outputs);
        (&self.units[units..], &mut self.slopes[slopes..])
    }

    /// `[n_inputs]`: the slopes of the loss by the inputs, after the way back.
    pub fn input_slopes(&self) -> &[Row] {
        &self.slopes[..self.n_inputs]
    }
}

/// A network with weights.
#[derive(Clone, Debug)]
pub struct LoadedNetwork {
    level: Level,
    activation: Activation,
    layers: Vec<Layer>,
}

#[derive(Clone, Debug)]
struct Layer {
    /// From inputs to sums.
    forward: Packed,
    /// From slopes of the sums to slopes of the inputs: the transposed weights.
    backward: Packed,
}

/// A matrix in the order in which it is read.
#[derive(Clone, Debug)]
struct Packed {
    n_rows: usize,
    /// Tiles of [`TILE`] columns, each `[n_rows, TILE]`, then the columns that are left, each `[n_rows]`.
    values: Vec<f32>,
    /// `[n_columns]`: added to the sums.
    biases: Vec<f32>,
}

/// What follows the sums of a layer.
#[derive(Clone, Copy)]
enum After<'a> {
    Nothing,
    Activate(Activation),
    /// Times the slope of the activation at units whose values these are.
    Slope(Activation, &'a [Row]),
}

impl Packed {
    /// From `[n_rows, n_columns]`.
    fn new(matrix: &[f32], n_rows: usize, biases: Vec<f32>) -> Self {
        let n_columns = biases.len();
        let n_tiled = n_columns - n_columns % TILE;
        let mut values = Vec::with_capacity(matrix.len());
        for first in (0..n_tiled).step_by(TILE) {
            (0..n_rows).for_each(|row| values.extend(&matrix[row * n_columns + first..][..TILE]));
        }
        for column in n_tiled..n_columns {
            values.extend((0..n_rows).map(|row| matrix[row * n_columns + column]));
        }
        Self { n_rows, values, biases }
    }

    /// `outputs = matrixᵀ · inputs + biases`, lane by lane, and what follows.
    #[inline(always)]
    fn apply<S: Simd>(&self, simd: S, after: After, inputs: &[Row], outputs: &mut [Row]) {
        assert!(inputs.len() == self.n_rows && outputs.len() == self.biases.len());
        // Registers hold twice as many sums on machines with wide vectors.
        match S::f32s::LEN {
            16 => self.apply_in::<S, 2>(simd, after, inputs, outputs),
            _ => self.apply_in::<S, 1>(simd, after, inputs, outputs),
        }
    }

    #[inline(always)]
    fn apply_in<S: Simd, const N_VECTORS: usize>(&self, simd: S, after: After, inputs: &[Row], outputs: &mut [Row]) {
        let n_tiles = self.biases.len() / TILE;
        let (tiled, left) = self.values.split_at(n_tiles * TILE * self.n_rows);
        for (tile_idx, tile) in tiled.chunks_exact(TILE * self.n_rows).enumerate() {
            let first = tile_idx * TILE;
            self.tile::<S, TILE, N_VECTORS>(simd, after, tile, first, inputs, outputs);
        }
        for (offset, column) in left.chunks_exact(self.n_rows).enumerate() {
            let first = n_tiles * TILE + offset;
            self.tile::<S, 1, N_VECTORS>(simd, after, column, first, inputs, outputs);
        }
    }

    /// `N` outputs at once: each input is loaded once for all of them.
    #[inline(always)]
    fn tile<S: Simd, const N: usize, const N_VECTORS: usize>(
        &self,
        simd: S,
        after: After,
        tile: &[f32],
        first: usize,
        inputs: &[Row],
        outputs: &mut [Row],
    ) {
        let width = S::f32s::LEN;
        let biases: &[f32; N] = self.biases[first..first + N].try_into().expect("N biases");
        let outputs: &mut [Row; N] = (&mut outputs[first..first + N]).try_into().expect("N outputs");
        let (tile, _) = tile.as_chunks::<N>();
        for lane in (0..N_LANES).step_by(N_VECTORS * width) {
            // Plain loops over indices: the compiler keeps the sums in registers.
            let mut sums = [[S::f32s::simd_from(simd, 0.0); N_VECTORS]; N];
            for output in 0..N {
                for vector in 0..N_VECTORS {
                    sums[output][vector] = S::f32s::simd_from(simd, biases[output]);
                }
            }
            // A single output would wait for its own sum: every other input goes to a second one.
            let mut others = [S::f32s::simd_from(simd, 0.0); N_VECTORS];
            for (input_idx, (input, weights)) in inputs.iter().zip(tile).enumerate() {
                if N == 1 && input_idx % 2 == 1 {
                    for vector in 0..N_VECTORS {
                        let first = lane + vector * width;
                        let value = S::f32s::from_slice(simd, &input.0[first..first + width]);
                        others[vector] = value.mul_add(weights[0], others[vector]);
                    }
                    continue;
                }
                for vector in 0..N_VECTORS {
                    let first = lane + vector * width;
                    let value = S::f32s::from_slice(simd, &input.0[first..first + width]);
                    for output in 0..N {
                        sums[output][vector] = value.mul_add(weights[output], sums[output][vector]);
                    }
                }
            }
            for vector in 0..N_VECTORS {
                sums[0][vector] += others[vector];
            }
            for output in 0..N {
                for vector in 0..N_VECTORS {
                    let lanes = lane + vector * width..lane + (vector + 1) * width;
                    let sum = sums[output][vector];
                    let result = match after {
                        After::Nothing => sum,
                        After::Activate(activation) => activate(simd, activation, sum),
                        After::Slope(activation, units) => {
                            let value = S::f32s::from_slice(simd, &units[first + output].0[lanes.clone()]);
                            sum * activation_slope(simd, activation, value)
                        }
                    };
                    result.store_slice(&mut outputs[output].0[lanes]);
                }
            }
        }
    }
}

/// ReLU, or the exponential linear unit (Clevert, Unterthiner & Hochreiter 2016).
#[inline(always)]
fn activate<S: Simd>(simd: S, activation: Activation, sum: S::f32s) -> S::f32s {
    let zero = S::f32s::simd_from(simd, 0.0);
    match activation {
        Activation::Relu => sum.max(zero),
        Activation::Elu => sum.max(zero) + exp_m1_negative(simd, sum.min(zero)),
    }
}

/// The slope of an activation where it has a value: `eˣ` is the value of an ELU plus 1.
#[inline(always)]
fn activation_slope<S: Simd>(simd: S, activation: Activation, value: S::f32s) -> S::f32s {
    let (zero, one) = (S::f32s::simd_from(simd, 0.0), S::f32s::simd_from(simd, 1.0));
    match activation {
        Activation::Relu => value.simd_gt(zero).select(one, zero),
        Activation::Elu => value.min(zero) + 1.0,
    }
}

impl LoadedNetwork {
    /// As [`Network::load`], with the vector instructions of a level; for tests.
    #[cfg(test)]
    fn at(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// Computes all units of a block from its inputs.
    pub fn forward(&self, trace: &mut Trace) {
        dispatch!(self.level, simd => self.forward_in(simd, trace));
    }

    #[inline(always)]
    fn forward_in<S: Simd>(&self, simd: S, trace: &mut Trace) {
        let mut units = trace.units.as_mut_slice();
        for (layer_idx, layer) in self.layers.iter().enumerate() {
            let is_last = layer_idx + 1 == self.layers.len();
            let after = if is_last { After::Nothing } else { After::Activate(self.activation) };
            let (inputs, rest) = units.split_at_mut(layer.forward.n_rows);
            layer.forward.apply(simd, after, inputs, &mut rest[..layer.backward.n_rows]);
            units = rest;
        }
    }

    /// Computes the slopes of the loss by all units of a block from its [`Trace::output_slopes_mut`].
    pub fn backward(&self, trace: &mut Trace) {
        dispatch!(self.level, simd => self.backward_in(simd, trace));
    }

    #[inline(always)]
    fn backward_in<S: Simd>(&self, simd: S, trace: &mut Trace) {
        let mut slopes = trace.slopes.as_mut_slice();
        for (layer_idx, layer) in self.layers.iter().enumerate().rev() {
            let (before, of_outputs) = slopes.split_at_mut(slopes.len() - layer.backward.n_rows);
            let first = before.len() - layer.forward.n_rows;
            let units = &trace.units[first..before.len()];
            let after = if layer_idx == 0 { After::Nothing } else { After::Slope(self.activation, units) };
            layer.backward.apply(simd, after, of_outputs, &mut before[first..]);
            slopes = before;
        }
    }
}

/// A sum over samples in [`N_PARTS`] parts, one for each place in a vector.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
struct Parts([f32; N_PARTS]);

/// The slopes of a loss by all weights, summed over blocks of lanes.
#[derive(Clone, Debug)]
pub struct Gradient {
    level: Level,
    network: Network,
    /// `[n_weights]`
    parts: Vec<Parts>,
}

impl Gradient {
    /// Adds the slopes of blocks that have been forward and back.
    pub fn add(&mut self, traces: &[Trace]) {
        /// So many blocks stay in the first cache.
        const N_BLOCKS: usize = 5;
        let Self { level, network, parts } = self;
        for traces in traces.chunks(N_BLOCKS) {
            dispatch!(*level, simd => add_in(simd, network, parts, traces));
        }
    }

    /// The number of weights.
    pub fn n_weights(&self) -> usize {
        self.parts.len()
    }

    /// Forgets everything that was added.
    pub fn clear(&mut self) {
        self.parts.fill(Parts([0.0; N_PARTS]));
    }

    /// Adds the sum over all samples to `total`, `[n_weights]`, in the order of the weights.
    pub fn sum_into(&self, total: &mut [f64]) {
        assert_eq!(total.len(), self.parts.len());
        for (total, parts) in total.iter_mut().zip(&self.parts) {
            *total += parts.0.iter().map(|part| f64::from(*part)).sum::<f64>();
        }
    }

    /// `[n_weights]`: the sum over all samples.
    pub fn sum(&self) -> Vec<f32> {
        let mut total = vec![0.0; self.parts.len()];
        self.sum_into(&mut total);
        total.into_iter().map(|slope| slope as f32).collect()
    }
}

#[inline(always)]
fn add_in<S: Simd>(simd: S, network: &Network, parts: &mut [Parts], traces: &[Trace]) {
    let (mut first_unit, mut first_weight) = (0, 0);
    for (inputs, outputs) in network.layers() {
        let first_sum = first_unit + inputs;
        let (of_matrix, rest) = parts[first_weight..].split_at_mut(inputs * outputs);
        let at = |input: usize, output: usize| (first_unit + input, first_sum + output);
        let n_tiled = inputs - inputs % 4;
        for input in (0..n_tiled).step_by(4) {
            add_inputs::<S, 4>(simd, &mut of_matrix[input * outputs..], outputs, at(input, 0), traces);
        }
        for input in n_tiled..inputs {
            add_inputs::<S, 1>(simd, &mut of_matrix[input * outputs..], outputs, at(input, 0), traces);
        }
        for (output, parts) in rest[..outputs].iter_mut().enumerate() {
            let mut sum = S::f32s::from_slice(simd, &parts.0[..S::f32s::LEN]);
            for trace in traces {
                for slopes in trace.slopes[first_sum + output].0.chunks_exact(S::f32s::LEN) {
                    sum += S::f32s::from_slice(simd, slopes);
                }
            }
            sum.store_slice(&mut parts.0[..S::f32s::LEN]);
        }
        first_unit = first_sum;
        first_weight += (inputs + 1) * outputs;
    }
}

/// The slopes of all weights of `INPUTS` units, from their first weight on.
#[inline(always)]
fn add_inputs<S: Simd, const INPUTS: usize>(
    simd: S,
    parts: &mut [Parts],
    n_outputs: usize,
    (first_unit, first_sum): (usize, usize),
    traces: &[Trace],
) {
    let n_tiled = n_outputs - n_outputs % 4;
    for output in (0..n_tiled).step_by(4) {
        add_tile::<S, INPUTS, 4>(simd, &mut parts[output..], n_outputs, (first_unit, first_sum + output), traces);
    }
    for output in n_tiled..n_outputs {
        add_tile::<S, INPUTS, 1>(simd, &mut parts[output..], n_outputs, (first_unit, first_sum + output), traces);
    }
}

/// The slopes of `INPUTS` by `OUTPUTS` weights: unit times slope of the sum, over the lanes of all blocks.
#[inline(always)]
fn add_tile<S: Simd, const INPUTS: usize, const OUTPUTS: usize>(
    simd: S,
    parts: &mut [Parts],
    stride: usize,
    (first_unit, first_sum): (usize, usize),
    traces: &[Trace],
) {
    let width = S::f32s::LEN;
    // Plain loops over indices: the compiler keeps the sums in registers.
    let mut sums = [[S::f32s::simd_from(simd, 0.0); OUTPUTS]; INPUTS];
    for input in 0..INPUTS {
        for output in 0..OUTPUTS {
            sums[input][output] = S::f32s::from_slice(simd, &parts[input * stride + output].0[..width]);
        }
    }
    for trace in traces {
        let units: &[Row; INPUTS] = trace.units[first_unit..first_unit + INPUTS].try_into().expect("rows");
        let slopes: &[Row; OUTPUTS] = trace.slopes[first_sum..first_sum + OUTPUTS].try_into().expect("rows");
        for lane in (0..N_LANES).step_by(width) {
            let mut of_outputs = [S::f32s::simd_from(simd, 0.0); OUTPUTS];
            for output in 0..OUTPUTS {
                of_outputs[output] = S::f32s::from_slice(simd, &slopes[output].0[lane..lane + width]);
            }
            for input in 0..INPUTS {
                let value = S::f32s::from_slice(simd, &units[input].0[lane..lane + width]);
                for output in 0..OUTPUTS {
                    sums[input][output] = value.mul_add(of_outputs[output], sums[input][output]);
                }
            }
        }
    }
    for input in 0..INPUTS {
        for output in 0..OUTPUTS {
            sums[input][output].store_slice(&mut parts[input * stride + output].0[..width]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The network in double precision, one sample: values of all units, and the slopes of the weighted sum of the
    /// outputs by the weights and by the inputs.
    struct Plain {
        outputs: Vec<f64>,
        weight_slopes: Vec<f64>,
        input_slopes: Vec<f64>,
    }

    fn plain(network: &Network, weights: &[f64], inputs: &[f64], output_slopes: &[f64]) -> Plain {
        let is_relu = network.activation() == Activation::Relu;
        let value = |sum: f64| if sum > 0.0 { sum } else { f64::from(u8::from(!is_relu)) * sum.exp_m1() };
        let slope = |sum: f64| if sum > 0.0 { 1.0 } else { f64::from(u8::from(!is_relu)) * sum.exp() };
        let sizes = network.sizes();
        let n_layers = sizes.len() - 1;
        let mut values = vec![inputs.to_vec()];
        let mut sums = vec![inputs.to_vec()];
        let mut firsts = vec![0];
        for layer in 0..n_layers {
            let (n_in, n_out, first) = (sizes[layer], sizes[layer + 1], firsts[layer]);
            let of_layer: Vec<f64> = (0..n_out)
                .map(|output| {
                    let bias = weights[first + n_in * n_out + output];
                    bias + (0..n_in).map(|i| weights[first + i * n_out + output] * values[layer][i]).sum::<f64>()
                })
                .collect();
            values.push(of_layer.iter().map(|sum| if layer + 1 == n_layers { *sum } else { value(*sum) }).collect());
            sums.push(of_layer);
            firsts.push(first + (n_in + 1) * n_out);
        }
        let mut weight_slopes = vec![0.0; weights.len()];
        let mut slopes = output_slopes.to_vec();
        for layer in (0..n_layers).rev() {
            let (n_in, n_out, first) = (sizes[layer], sizes[layer + 1], firsts[layer]);
            for output in 0..n_out {
                weight_slopes[first + n_in * n_out + output] = slopes[output];
                for input in 0..n_in {
                    weight_slopes[first + input * n_out + output] = slopes[output] * values[layer][input];
                }
            }
            slopes = (0..n_in)
                .map(|i| {
                    let by_value: f64 = (0..n_out).map(|o| weights[first + i * n_out + o] * slopes[o]).sum();
                    by_value * if layer == 0 { 1.0 } else { slope(sums[layer][i]) }
                })
                .collect();
        }
        Plain { outputs: values.pop().expect("outputs"), weight_slopes, input_slopes: slopes }
    }

    fn networks() -> Vec<Network> {
        let shapes: [&[usize]; 5] = [&[4, 32, 32, 1], &[3, 9, 5], &[1, 1, 1, 1], &[7, 16, 8, 24, 3], &[5, 2]];
        [Activation::Relu, Activation::Elu]
            .into_iter()
            .flat_map(|activation| shapes.map(|sizes| Network::new(sizes, activation)))
            .collect()
    }

    fn wide(values: &[f32]) -> Vec<f64> {
        values.iter().map(|value| f64::from(*value)).collect()
    }

    /// A few blocks with random inputs and output slopes.
    fn blocks(network: &Network, rng: &mut ChaCha8Rng) -> Vec<Trace> {
        let mut traces = vec![network.trace(); 6];
        for trace in &mut traces {
            trace.inputs_mut().iter_mut().for_each(|row| row.0.fill_with(|| 4.0 * rng.random::<f32>() - 2.0));
            trace.output_slopes_mut().iter_mut().for_each(|row| row.0.fill_with(|| rng.random::<f32>() - 0.5));
        }
        traces
    }

    /// Outputs, input slopes and weight slopes of every lane against the plain network; rounding of `f32` only.
    #[test]
    fn lanes_equal_the_plain_network() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        for network in networks() {
            let mut weights = network.initial_weights(3);
            weights.iter_mut().for_each(|weight| *weight += 0.2 * rng.random::<f32>() - 0.1);
            let traces = blocks(&network, &mut rng);
            let levels = [Some(Level::baseline()), Level::new().as_avx2().map(Level::Avx2), Some(Level::new())];
            for level in levels.into_iter().flatten() {
                let loaded = network.load(&weights).at(level);
                let mut traces = traces.clone();
                let mut expected = vec![0.0; weights.len()];
                for trace in &mut traces {
                    loaded.forward(trace);
                    loaded.backward(trace);
                    for lane in 0..N_LANES {
                        let of_lane =
                            |rows: &[Row]| rows.iter().map(|row| f64::from(row.0[lane])).collect::<Vec<f64>>();
                        let inputs = of_lane(&trace.units[..network.n_inputs()]);
                        let slopes = of_lane(&trace.slopes[network.n_units() - network.n_outputs()..]);
                        let plain = plain(&network, &wide(&weights), &inputs, &slopes);
                        let outputs = of_lane(trace.outputs());
                        for (ours, plain) in outputs.iter().zip(&plain.outputs) {
                            assert!((ours - plain).abs() < 2e-5, "output {ours}, not {plain}: {network:?}");
                        }
                        let input_slopes = of_lane(trace.input_slopes());
                        for (ours, plain) in input_slopes.iter().zip(&plain.input_slopes) {
                            assert!((ours - plain).abs() < 2e-5, "input slope {ours}, not {plain}: {network:?}");
                        }
                        expected.iter_mut().zip(&plain.weight_slopes).for_each(|(sum, slope)| *sum += slope);
                    }
                }
                let mut gradient = Gradient { level, ..network.gradient() };
                gradient.add(&traces);
                for (ours, expected) in gradient.sum().iter().zip(&expected) {
                    let tolerance = 1e-4 * expected.abs().max(1.0);
                    assert!((f64::from(*ours) - expected).abs() < tolerance, "slope {ours}, not {expected}");
                }
                gradient.clear();
                assert_eq!(gradient.sum(), vec![0.0; weights.len()]);
            }
        }
    }

    /// The plain slopes that lanes are compared with are central finite differences of the plain outputs.
    #[test]
    fn plain_slopes_are_finite_differences() {
        let mut rng = ChaCha8Rng::seed_from_u64(8);
        for network in networks() {
            let weights = wide(&network.initial_weights(5));
            let inputs: Vec<f64> = (0..network.n_inputs()).map(|_| 2.0 * rng.random::<f64>() - 1.0).collect();
            let slopes: Vec<f64> = (0..network.n_outputs()).map(|_| rng.random::<f64>() - 0.5).collect();
            let loss = |weights: &[f64], inputs: &[f64]| -> f64 {
                let outputs = plain(&network, weights, inputs, &slopes).outputs;
                outputs.iter().zip(&slopes).map(|(output, slope)| output * slope).sum()
            };
            let exact = plain(&network, &weights, &inputs, &slopes);
            let outputs = network.plain(&network.initial_weights(5), &inputs);
            for (ours, plain) in outputs.iter().zip(&exact.outputs) {
                assert!((ours - plain).abs() < 1e-12, "{ours}, not {plain}: {network:?}");
            }
            const STEP: f64 = 1e-6;
            for (values, of_values, is_weight) in
                [(&weights, &exact.weight_slopes, true), (&inputs, &exact.input_slopes, false)]
            {
                for (idx, slope) in of_values.iter().enumerate() {
                    let at = |sign: f64| {
                        let mut moved = values.clone();
                        moved[idx] += sign * STEP;
                        if is_weight { loss(&moved, &inputs) } else { loss(&weights, &moved) }
                    };
                    let difference = (at(1.0) - at(-1.0)) / (2.0 * STEP);
                    assert!((difference - slope).abs() < 1e-6, "{difference}, not {slope}: {network:?}");
                }
            }
        }
    }

    #[test]
    fn initial_weights_have_their_variance_and_their_seed() {
        let network = Network::new(&[100, 300, 50], Activation::Elu);
        let weights = network.initial_weights(1);
        let variance = |weights: &[f32]| wide(weights).iter().map(|w| w * w).sum::<f64>() / weights.len() as f64;
        let (hidden, rest) = weights.split_at(30_000);
        let (biases, outputs) = rest.split_at(300);
        assert!((variance(hidden) / 0.02 - 1.0).abs() < 0.03, "{}", variance(hidden));
        assert!((variance(&outputs[..15_000]) * 300.0 - 1.0).abs() < 0.03, "{}", variance(outputs));
        assert!(biases.iter().all(|bias| *bias == 0.0));
        assert_eq!(weights, network.initial_weights(1));
        assert_ne!(weights, network.initial_weights(2));
    }
}
