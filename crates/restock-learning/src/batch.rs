//! Many samples through a network: outputs, and the slopes of a mean loss.
//!
//! Samples go through in groups of blocks of lanes. A group is a thread's work, and sums over groups are made in the
//! order of the groups, so that results do not depend on the number of threads.

use rayon::prelude::*;

use restock_inventory::lanes::N_LANES;

use crate::network::{LoadedNetwork, Network, Trace};

/// Samples of a group.
const GROUP: usize = 8 * N_LANES;

/// Writes samples `[n, n_inputs]` into the lanes of a block; lanes that are left over are 0.
fn write_inputs(trace: &mut Trace, samples: &[f32], n_inputs: usize) {
    for (input_idx, row) in trace.inputs_mut().iter_mut().enumerate() {
        row.0 = [0.0; N_LANES];
        for (lane, sample) in samples.chunks_exact(n_inputs).enumerate() {
            row.0[lane] = sample[input_idx];
        }
    }
}

/// Reads the outputs of the first `n` lanes: `[n, n_outputs]`.
fn read_outputs(trace: &Trace, n: usize, outputs: &mut Vec<f32>) {
    for lane in 0..n {
        outputs.extend(trace.outputs().iter().map(|row| row.0[lane]));
    }
}

/// Outputs `[n, n_outputs]` of samples `[n, n_inputs]`.
pub(crate) fn outputs(network: &Network, loaded: &LoadedNetwork, samples: &[f32]) -> Vec<f32> {
    let n_inputs = network.n_inputs();
    let group = |samples: &[f32]| {
        let mut trace = network.trace();
        let mut outputs = Vec::with_capacity(samples.len() / n_inputs * network.n_outputs());
        for block in samples.chunks(N_LANES * n_inputs) {
            write_inputs(&mut trace, block, n_inputs);
            loaded.forward(&mut trace);
            read_outputs(&trace, block.len() / n_inputs, &mut outputs);
        }
        outputs
    };
    if samples.len() <= GROUP * n_inputs {
        return group(samples);
    }
    let groups: Vec<Vec<f32>> = samples.par_chunks(GROUP * n_inputs).map(group).collect();
    groups.concat()
}

/// The slopes of the mean loss over samples `[n, n_inputs]` by each weight, and the mean loss.
///
/// `loss` is told the number of a sample and its outputs; it writes the slopes of the sample's loss by its outputs and
/// returns the loss.
pub(crate) fn mean_slopes(
    network: &Network,
    loaded: &LoadedNetwork,
    samples: &[f32],
    loss: impl Fn(usize, &[f32], &mut [f32]) -> f64 + Sync,
) -> (Vec<f32>, f64) {
    let (n_inputs, n_outputs) = (network.n_inputs(), network.n_outputs());
    let n_samples = samples.len() / n_inputs;
    let group = |(group_idx, samples): (usize, &[f32])| {
        let mut traces = Vec::new();
        let (mut total, mut outputs, mut slopes) = (0.0, vec![0.0; n_outputs], vec![0.0; n_outputs]);
        for (block_idx, block) in samples.chunks(N_LANES * n_inputs).enumerate() {
            let mut trace = network.trace();
            write_inputs(&mut trace, block, n_inputs);
            loaded.forward(&mut trace);
            for lane in 0..block.len() / n_inputs {
                for (output, row) in outputs.iter_mut().zip(trace.outputs()) {
                    *output = row.0[lane];
                }
                total += loss(group_idx * GROUP + block_idx * N_LANES + lane, &outputs, &mut slopes);
                for (row, slope) in trace.output_slopes_mut().iter_mut().zip(&slopes) {
                    row.0[lane] = *slope;
                }
            }
            loaded.backward(&mut trace);
            traces.push(trace);
        }
        let mut gradient = network.gradient();
        gradient.add(&traces);
        let mut sum = vec![0.0; network.n_weights()];
        gradient.sum_into(&mut sum);
        (sum, total)
    };
    let groups: Vec<(Vec<f64>, f64)> = if samples.len() <= GROUP * n_inputs {
        vec![group((0, samples))]
    } else {
        samples.par_chunks(GROUP * n_inputs).enumerate().map(group).collect()
    };
    let mut gradient = vec![0.0; network.n_weights()];
    let mut total = 0.0;
    for (sum, loss) in groups {
        gradient.iter_mut().zip(&sum).for_each(|(total, slope)| *total += slope);
        total += loss;
    }
    let share = 1.0 / n_samples as f64;
    (gradient.into_iter().map(|slope| (slope * share) as f32).collect(), total * share)
}

#[cfg(test)]
mod tests {
    use restock_inventory::lanes::network::Activation;

    use super::*;
    use crate::stream::{Purpose, Stream};

    /// Slopes are those of finite differences of the mean loss, for numbers of samples that fill no block.
    #[test]
    fn slopes_are_finite_differences_on_any_number_of_threads() {
        let network = Network::new(&[3, 5, 2], Activation::Elu);
        let weights = network.initial_weights(3);
        let mut stream = Stream::new(1, Purpose::Sampling, 0, 0, 0);
        let samples: Vec<f32> = (0..3 * 700).map(|_| stream.normal() as f32).collect();
        let target = |sample: usize| (sample % 7) as f32 * 0.2 - 0.5;
        let loss = |sample: usize, outputs: &[f32], slopes: &mut [f32]| {
            let errors = [outputs[0] - target(sample), outputs[1] + target(sample)];
            slopes.copy_from_slice(&errors);
            0.5 * errors.iter().map(|error| f64::from(*error).powi(2)).sum::<f64>()
        };
        let loss_at = |weights: &[f32]| mean_slopes(&network, &network.load(weights), &samples, loss);
        let (gradient, _) = loss_at(&weights);
        for weight_idx in (0..weights.len()).step_by(3) {
            let moved = |step: f32| {
                let mut moved = weights.clone();
                moved[weight_idx] += step;
                loss_at(&moved).1
            };
            let difference = (moved(1e-2) - moved(-1e-2)) / 2e-2;
            let slope = f64::from(gradient[weight_idx]);
            assert!((difference - slope).abs() < 2e-4, "weight {weight_idx}: {difference}, not {slope}");
        }
        for n_threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            assert_eq!(pool.install(|| loss_at(&weights)).0, gradient);
        }
        let all = outputs(&network, &network.load(&weights), &samples);
        let one = outputs(&network, &network.load(&weights), &samples[3 * 333..3 * 334]);
        assert_eq!(all[2 * 333..2 * 334], one);
    }
}
