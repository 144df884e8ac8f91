//! The network of libtorch against a plain one of loops over numbers in double precision.
#![cfg(feature = "torch")]

use std::collections::HashMap;

use restock_pretrained::config::{
    HEAD_WIDTH, LEVELS, MEDIAN, ModelConfig, N_LEVELS, N_OUTPUTS, N_STATIC, PATCH, PATCH_WIDTH,
};
use restock_pretrained::torch::golden::{random_weights, tiny_config};
use restock_pretrained::torch::network::{DeviceBatch, Network, quantiles};
use tch::{Device, Kind, Tensor};

/// Values of every tensor by name.
struct Reference {
    config: ModelConfig,
    tensors: HashMap<String, Vec<f64>>,
}

type Rows = Vec<Vec<f64>>;

impl Reference {
    fn new(config: &ModelConfig, flat: &[f32]) -> Self {
        let mut rest = flat;
        let mut tensors = HashMap::new();
        for (name, shape) in config.tensors() {
            let (values, after) = rest.split_at(shape.iter().product());
            tensors.insert(name, values.iter().map(|&value| f64::from(value)).collect());
            rest = after;
        }
        Self { config: config.clone(), tensors }
    }

    /// y = x Wᵀ + b, the bias if there is one.
    fn linear(&self, x: &Rows, name: &str) -> Rows {
        let weight = &self.tensors[&format!("{name}.weight")];
        let bias = self.tensors.get(&format!("{name}.bias"));
        let width = x[0].len();
        let row = |row: &Vec<f64>| {
            (0..weight.len() / width)
                .map(|out| {
                    let product: f64 = (0..width).map(|idx| row[idx] * weight[out * width + idx]).sum();
                    product + bias.map_or(0.0, |bias| bias[out])
                })
                .collect()
        };
        x.iter().map(row).collect()
    }

    fn rms(&self, x: &[f64], name: &str) -> Vec<f64> {
        let root = (x.iter().map(|value| value * value).sum::<f64>() / x.len() as f64 + 1e-6).sqrt();
        x.iter().zip(&self.tensors[name]).map(|(value, weight)| value / root * weight).collect()
    }

    fn rms_rows(&self, x: &Rows, name: &str) -> Rows {
        x.iter().map(|row| self.rms(row, name)).collect()
    }

    /// Raw outputs `[horizon][N_OUTPUTS]` of one series.
    fn forward(&self, patches: &Rows, statics: &[f64], future_patches: usize) -> Rows {
        let hidden = gelu(self.linear(&vec![statics.to_vec()], "static.hidden"));
        let mut x = self.linear(&hidden, "static.output");
        let hidden = gelu(self.linear(patches, "embed.hidden"));
        x.extend(sum(self.linear(&hidden, "embed.output"), &self.linear(patches, "embed.residual")));
        for layer in 0..self.config.n_layers {
            let name = |part: &str| format!("layers.{layer}.{part}");
            let qkv = self.linear(&self.rms_rows(&x, &name("attention.norm.weight")), &name("attention.qkv"));
            let mixed = self.attention(&qkv, &name("attention"));
            x = sum(x, &self.linear(&mixed, &name("attention.output")));
            let hidden = gelu(self.linear(&self.rms_rows(&x, &name("mlp.norm.weight")), &name("mlp.hidden")));
            x = sum(x, &self.linear(&hidden, &name("mlp.output")));
        }
        let x = self.rms_rows(&x[x.len() - future_patches..].to_vec(), "norm.weight");
        let hidden = gelu(self.linear(&x, "head.hidden"));
        let output = sum(self.linear(&hidden, "head.output"), &self.linear(&x, "head.residual"));
        output.iter().flat_map(|row| row.chunks(N_OUTPUTS).map(<[f64]>::to_vec)).collect()
    }

    fn attention(&self, qkv: &Rows, name: &str) -> Rows {
        let (d_model, d_k) = (self.config.d_model, self.config.d_k());
        let mut mixed = vec![vec![0.0; d_model]; qkv.len()];
        for head in 0..self.config.n_heads {
            let part = |token: usize, group: usize| {
                let first = group * d_model + head * d_k;
                &qkv[token][first..first + d_k]
            };
            let turned = |token: usize, group: usize, norm: &str| {
                self.rotate(&self.rms(part(token, group), &format!("{name}.{norm}.weight")), token)
            };
            let keys: Rows = (0..qkv.len()).map(|token| turned(token, 1, "k_norm")).collect();
            for token in 0..qkv.len() {
                let query = turned(token, 0, "q_norm");
                let score = |key: &Vec<f64>| {
                    (query.iter().zip(key).map(|(q, k)| q * k).sum::<f64>() / (d_k as f64).sqrt()).exp()
                };
                let scores: Vec<f64> = keys.iter().map(score).collect();
                let total: f64 = scores.iter().sum();
                for (other, score) in scores.iter().enumerate() {
                    for j in 0..d_k {
                        mixed[token][head * d_k + j] += score / total * part(other, 2)[j];
                    }
                }
            }
        }
        mixed
    }

    fn rotate(&self, x: &[f64], position: usize) -> Vec<f64> {
        let (d_k, half) = (x.len(), x.len() / 2);
        let mut turned = vec![0.0; d_k];
        for j in 0..half {
            let angle = position as f64 * self.config.rope_theta.powf(-2.0 * j as f64 / d_k as f64);
            turned[j] = x[j] * angle.cos() - x[j + half] * angle.sin();
            turned[j + half] = x[j + half] * angle.cos() + x[j] * angle.sin();
        }
        turned
    }
}

fn gelu(x: Rows) -> Rows {
    let value = |x: f64| 0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3))).tanh());
    x.into_iter().map(|row| row.into_iter().map(value).collect()).collect()
}

fn sum(x: Rows, y: &Rows) -> Rows {
    x.into_iter().zip(y).map(|(x, y)| x.into_iter().zip(y).map(|(x, y)| x + y).collect()).collect()
}

fn softplus(x: f64) -> f64 {
    x.exp().ln_1p()
}

fn reference_quantiles(raw: &[f64]) -> Vec<f64> {
    let mut quantiles = vec![raw[MEDIAN]; N_LEVELS];
    for level in MEDIAN + 1..N_LEVELS {
        quantiles[level] = quantiles[level - 1] + softplus(raw[level]);
    }
    for level in (0..MEDIAN).rev() {
        quantiles[level] = quantiles[level + 1] - softplus(raw[level]);
    }
    quantiles
}

/// Values between -2 and 2 without a generator: the fractional parts of multiples of the golden ratio.
fn values(n: usize, seed: usize) -> Vec<f64> {
    (0..n).map(|idx| 4.0 * ((idx + 1000 * seed) as f64 * 0.618_033_988_749_894_9).fract() - 2.0).collect()
}

fn tensor(values: &[f64], shape: &[i64], kind: Kind) -> Tensor {
    Tensor::from_slice(values).view(shape).to_kind(kind)
}

fn flat(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor.detach().to_kind(Kind::Double).flatten(0, -1)).unwrap()
}

fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

struct Case {
    n_series: usize,
    context_patches: usize,
    future_patches: usize,
}

impl Case {
    fn n_patches(&self) -> usize {
        self.context_patches + self.future_patches
    }

    fn patches(&self) -> Vec<f64> {
        values(self.n_series * self.n_patches() * PATCH_WIDTH, 1)
    }

    fn statics(&self) -> Vec<f64> {
        values(self.n_series * N_STATIC, 2)
    }

    fn raw(&self, config: &ModelConfig, weights: &[f32], kind: Kind) -> Tensor {
        let network = Network::new(config, Device::Cpu, kind);
        let (n, n_patches) = (self.n_series as i64, self.n_patches() as i64);
        let patches = tensor(&self.patches(), &[n, n_patches, PATCH_WIDTH as i64], kind);
        let statics = tensor(&self.statics(), &[n, N_STATIC as i64], kind);
        let weights = network.weights(&Tensor::from_slice(weights));
        network.forward(&weights, &patches, &statics, self.future_patches as i64)
    }
}

#[test]
fn libtorch_equals_plain_loops() {
    let config = tiny_config();
    let weights = random_weights(&config, 1);
    let reference = Reference::new(&config, &weights);
    for case in [
        Case { n_series: 2, context_patches: 1, future_patches: 1 },
        Case { n_series: 1, context_patches: 5, future_patches: 3 },
        Case { n_series: 1, context_patches: 2, future_patches: 16 },
    ] {
        let statics = case.statics();
        let patches: Rows = case.patches().chunks(PATCH_WIDTH).map(<[f64]>::to_vec).collect();
        let expected: Rows = (0..case.n_series)
            .flat_map(|idx| {
                let own = patches[idx * case.n_patches()..(idx + 1) * case.n_patches()].to_vec();
                reference.forward(&own, &statics[idx * N_STATIC..(idx + 1) * N_STATIC], case.future_patches)
            })
            .collect();
        let in_double = case.raw(&config, &weights, Kind::Double);
        assert_eq!(in_double.size()[2] as usize * PATCH, HEAD_WIDTH);
        // Double precision: only the order of sums differs.
        assert!(largest_difference(&flat(&in_double), &expected.concat()) < 1e-11);
        let in_single = case.raw(&config, &weights, Kind::Float);
        assert!(largest_difference(&flat(&in_single), &expected.concat()) < 3e-5);
        let expected_quantiles: Vec<f64> = expected
            .iter()
            .flat_map(|raw| [&raw[..N_LEVELS], &raw[N_LEVELS..2 * N_LEVELS]].map(reference_quantiles).concat())
            .collect();
        assert!(largest_difference(&flat(&quantiles(&in_double)), &expected_quantiles) < 1e-7);
    }
}

/// Bfloat16 has 8 binary digits; outputs here are about 1, errors of a few layers some hundredths.
#[test]
fn bfloat16_is_close_to_single_precision() {
    let case = Case { n_series: 2, context_patches: 5, future_patches: 3 };
    let config = tiny_config();
    let weights = random_weights(&config, 1);
    let (single, half) = (case.raw(&config, &weights, Kind::Float), case.raw(&config, &weights, Kind::BFloat16));
    assert_eq!(half.kind(), Kind::Float);
    let error = (&half - &single).square().mean(None).sqrt().double_value(&[]);
    let size = single.square().mean(None).sqrt().double_value(&[]);
    assert!(error < 0.03 * size, "error {error} of outputs of {size}");
}

/// The gradient of the loss in double precision against differences of the loss, along random directions.
#[test]
fn the_gradient_is_the_slope_of_the_loss() {
    let case = Case { n_series: 2, context_patches: 2, future_patches: 2 };
    let config = tiny_config();
    let network = Network::new(&config, Device::Cpu, Kind::Double);
    let (n, horizon) = (case.n_series as i64, (case.future_patches * PATCH) as i64);
    let patches = tensor(&case.patches(), &[n, case.n_patches() as i64, PATCH_WIDTH as i64], Kind::Double);
    let statics = tensor(&case.statics(), &[n, N_STATIC as i64], Kind::Double);
    let targets = tensor(&values((n * horizon * 2) as usize, 3), &[n, horizon, 2], Kind::Double).clamp_min(0.0);
    let weights = tensor(&values((n * horizon * 2) as usize, 4), &[n, horizon, 2], Kind::Double).gt(-1.0);
    let batch = DeviceBatch {
        patches: patches.shallow_clone(),
        statics: statics.shallow_clone(),
        targets,
        weights: weights.to_kind(Kind::Double),
        future_patches: case.future_patches as i64,
    };
    let loss = |flat: &Tensor| {
        let raw = network.forward(&network.weights(flat), &patches, &statics, batch.future_patches);
        network.losses(&raw, &batch).total
    };
    let at = Tensor::from_slice(&random_weights(&config, 2)).to_kind(Kind::Double).set_requires_grad(true);
    let gradient = Tensor::run_backward(&[loss(&at)], &[&at], false, false).remove(0);
    let at = at.detach();
    for seed in 0..4 {
        let direction = Tensor::from_slice(&values(config.n_parameters(), 10 + seed));
        let step = 1e-6;
        let slope =
            (loss(&(&at + &direction * step)) - loss(&(&at - &direction * step))).double_value(&[]) / (2.0 * step);
        let expected = (&gradient * &direction).sum(None).double_value(&[]);
        // The pinball loss has kinks, so that differences over a step are right to some thousandths.
        assert!((slope - expected).abs() < 5e-3 * (1.0 + expected.abs()), "slope {slope}, gradient {expected}");
    }
}

/// The loss of one cell by hand.
#[test]
fn losses_are_twice_pinball_over_the_cells_that_count() {
    let config = tiny_config();
    let network = Network::new(&config, Device::Cpu, Kind::Float);
    let horizon = PATCH;
    let raw: Vec<f64> = values(horizon * N_OUTPUTS, 5);
    let (demand, cumulative) = (0.7, 1.3);
    let mut targets = vec![9.0; 2 * horizon];
    let mut weights = vec![0.0; 2 * horizon];
    (targets[6], targets[7]) = (demand, cumulative);
    (weights[6], weights[7]) = (1.0, 1.0);
    let shape = [1, horizon as i64, 2];
    let batch = DeviceBatch {
        patches: Tensor::new(),
        statics: Tensor::new(),
        targets: tensor(&targets, &shape, Kind::Float),
        weights: tensor(&weights, &shape, Kind::Float),
        future_patches: 1,
    };
    let losses = network.losses(&tensor(&raw, &[1, horizon as i64, N_OUTPUTS as i64], Kind::Float), &batch);
    let cell = &raw[3 * N_OUTPUTS..4 * N_OUTPUTS];
    let pinball = |raw: &[f64], target: f64| {
        let quantiles = reference_quantiles(raw);
        let level_loss = |level: usize| {
            let (above, tail) = (target - quantiles[level], if level.is_multiple_of(N_LEVELS - 1) { 0.5 } else { 1.0 });
            2.0 * tail * (LEVELS[level] * above).max((LEVELS[level] - 1.0) * above)
        };
        (0..N_LEVELS).map(level_loss).sum::<f64>() / N_LEVELS as f64
    };
    let marginal = pinball(&cell[..N_LEVELS], demand);
    let cumulative = pinball(&cell[N_LEVELS..2 * N_LEVELS], cumulative);
    let entropy = softplus(-cell[2 * N_LEVELS]);
    assert!(largest_difference(&flat(&losses.parts), &[marginal, cumulative, entropy]) < 1e-5);
    let total = marginal + 0.5 * cumulative + 0.1 * entropy;
    assert!((losses.total.double_value(&[]) - total).abs() < 1e-5);
}
