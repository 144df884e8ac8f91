//! Low-rank adapters (Hu et al. 2021): a matrix W becomes `W + α / r · B A`, with A `[r, n_in]` and B `[n_out, r]`.
//!
//! Adapted are queries, keys, values and outputs of every attention, and the last matrix of the output block. Queries, keys
//! and values share one matrix of the network but have factors of their own.

use std::collections::BTreeMap;
use std::ops::Range;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::config::{HEAD_WIDTH, ModelConfig};

/// A matrix that is adapted: rows of a tensor of the network.
#[derive(Clone, Debug, PartialEq)]
pub struct Module {
    /// `layers.0.attention.q`, `head.output`: the factors are `….lora_a` and `….lora_b`.
    pub name: String,
    /// The tensor of [`ModelConfig::tensors`].
    pub tensor: String,
    /// Its rows.
    pub rows: Range<usize>,
    /// Its columns.
    pub n_in: usize,
}

/// Every adapted matrix of a network.
pub fn modules(config: &ModelConfig) -> Vec<Module> {
    let d = config.d_model;
    let mut modules = Vec::new();
    for layer in 0..config.n_layers {
        for (part, name) in ["q", "k", "v"].into_iter().enumerate() {
            modules.push(Module {
                name: format!("layers.{layer}.attention.{name}"),
                tensor: format!("layers.{layer}.attention.qkv.weight"),
                rows: part * d..(part + 1) * d,
                n_in: d,
            });
        }
        modules.push(Module {
            name: format!("layers.{layer}.attention.output"),
            tensor: format!("layers.{layer}.attention.output.weight"),
            rows: 0..d,
            n_in: d,
        });
    }
    modules.push(Module {
        name: "head.output".to_owned(),
        tensor: "head.output.weight".to_owned(),
        rows: 0..HEAD_WIDTH,
        n_in: config.d_head,
    });
    modules
}

/// Factors of every adapted matrix, and what multiplies their products.
#[derive(Clone, Debug, PartialEq)]
pub struct LowRank {
    /// r.
    pub rank: usize,
    /// α; products are multiplied by α / r.
    pub alpha: f64,
    /// All factors in a row, A then B of each of [`modules`].
    pub factors: Vec<f32>,
}

/// Where the factors of a module lie in [`LowRank::factors`].
pub struct Place {
    /// The matrix.
    pub module: Module,
    /// A, `[rank, n_in]`.
    pub a: Range<usize>,
    /// B, `[n_out, rank]`.
    pub b: Range<usize>,
}

/// Where the factors of each module lie.
pub fn places(config: &ModelConfig, rank: usize) -> Vec<Place> {
    let mut start = 0;
    let place = |module: Module| {
        let a = start..start + rank * module.n_in;
        let b = a.end..a.end + module.rows.len() * rank;
        start = b.end;
        Place { module, a, b }
    };
    modules(config).into_iter().map(place).collect()
}

/// Where each tensor begins among all parameters in a row.
pub(super) fn tensor_starts(config: &ModelConfig) -> BTreeMap<String, usize> {
    let mut start = 0;
    let mut starts = BTreeMap::new();
    for (name, shape) in config.tensors() {
        starts.insert(name, start);
        start += shape.iter().product::<usize>();
    }
    starts
}

impl LowRank {
    /// Factors before training: A normal with variance 1 / n_in, B zero, so that nothing changes yet.
    pub fn new(config: &ModelConfig, rank: usize, alpha: f64, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let places = places(config, rank);
        let mut factors = vec![0.0; places.last().map_or(0, |place| place.b.end)];
        for place in &places {
            let deviation = 1.0 / (place.module.n_in as f32).sqrt();
            for value in &mut factors[place.a.clone()] {
                let draw: f32 = StandardNormal.sample(&mut rng);
                *value = deviation * draw;
            }
        }
        Self { rank, alpha, factors }
    }

    fn scaling(&self) -> f32 {
        (self.alpha / self.rank as f64) as f32
    }

    /// Adds `share · α / r · B A` to the matrices of `flat`, all parameters in a row.
    pub fn add_to(&self, config: &ModelConfig, share: f32, flat: &mut [f32]) {
        let starts = tensor_starts(config);
        let scaling = share * self.scaling();
        for Place { module, a, b } in places(config, self.rank) {
            let n_in = module.n_in;
            let first = starts[&module.tensor] + module.rows.start * n_in;
            let weight = &mut flat[first..][..module.rows.len() * n_in];
            for (row, b) in weight.chunks_exact_mut(n_in).zip(self.factors[b].chunks_exact(self.rank)) {
                for (factor, a) in b.iter().zip(self.factors[a.clone()].chunks_exact(n_in)) {
                    let factor = scaling * factor;
                    row.iter_mut().zip(a).for_each(|(weight, a)| *weight += factor * a);
                }
            }
        }
    }

    /// The gradient by the factors from that by all parameters, G by each matrix: `α / r · Bᵀ G` by A, `α / r · G Aᵀ`
    /// by B.
    pub fn gradient(&self, config: &ModelConfig, by_weights: &[f32], by_factors: &mut [f32]) {
        let starts = tensor_starts(config);
        let scaling = self.scaling();
        by_factors.fill(0.0);
        for Place { module, a, b } in places(config, self.rank) {
            let n_in = module.n_in;
            let first = starts[&module.tensor] + module.rows.start * n_in;
            let by_weight = &by_weights[first..][..module.rows.len() * n_in];
            for (out, slopes) in by_weight.chunks_exact(n_in).enumerate() {
                for j in 0..self.rank {
                    let a = a.start + j * n_in..a.start + (j + 1) * n_in;
                    let at_b = b.start + out * self.rank + j;
                    let product: f32 = slopes.iter().zip(&self.factors[a.clone()]).map(|(g, a)| g * a).sum();
                    by_factors[at_b] = scaling * product;
                    let factor = scaling * self.factors[at_b];
                    by_factors[a].iter_mut().zip(slopes).for_each(|(sum, slope)| *sum += factor * slope);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::Weights;

    fn tiny() -> ModelConfig {
        ModelConfig { d_model: 8, n_layers: 2, n_heads: 2, d_ff: 8, d_embed: 8, d_head: 8, ..ModelConfig::nano() }
    }

    fn flat(config: &ModelConfig) -> Vec<f32> {
        Weights::random(config, 1).to_flat()
    }

    #[test]
    fn base_has_as_many_factors_as_stated() {
        let config = ModelConfig::base();
        let n_attention: usize = places(&config, 8)
            .iter()
            .filter(|place| place.module.name != "head.output")
            .map(|p| p.a.len() + p.b.len())
            .sum();
        assert_eq!(n_attention, 6 * 4 * 2 * 8 * 256);
    }

    #[test]
    fn factors_before_training_change_nothing() {
        let config = tiny();
        let mut merged = flat(&config);
        LowRank::new(&config, 2, 4.0, 1).add_to(&config, 1.0, &mut merged);
        assert_eq!(merged, flat(&config));
    }

    /// Values lie behind queries and keys in their common matrix.
    #[test]
    fn factors_of_values_change_the_rows_of_values() {
        let config = tiny();
        let mut adapter = LowRank::new(&config, 1, 3.0, 1);
        adapter.factors.fill(0.0);
        let place = places(&config, 1).into_iter().find(|place| place.module.name == "layers.1.attention.v").unwrap();
        adapter.factors[place.a.start + 2] = 5.0;
        adapter.factors[place.b.start + 4] = 7.0;
        let (before, mut after) = (flat(&config), flat(&config));
        adapter.add_to(&config, 0.5, &mut after);
        let changed: Vec<usize> = (0..before.len()).filter(|idx| before[*idx] != after[*idx]).collect();
        let expected = tensor_starts(&config)["layers.1.attention.qkv.weight"] + (2 * 8 + 4) * 8 + 2;
        assert_eq!(changed, [expected]);
        assert!((after[expected] - before[expected] - 0.5 * 3.0 * 35.0).abs() < 1e-3);
    }

    /// A loss that is linear in the weights has the same gradient everywhere: differences along the factors show it.
    #[test]
    fn gradients_by_factors_equal_differences() {
        let config = tiny();
        let mut adapter = LowRank::new(&config, 2, 4.0, 1);
        for (idx, value) in adapter.factors.iter_mut().enumerate() {
            *value += (idx as f32 * 0.7).sin() * 0.2;
        }
        let base = flat(&config);
        let by_weights: Vec<f32> = (0..base.len()).map(|idx| (idx as f32 * 1.3).cos()).collect();
        let loss = |adapter: &LowRank| {
            let mut change = vec![0.0; base.len()];
            adapter.add_to(&config, 1.0, &mut change);
            change.iter().zip(&by_weights).map(|(w, g)| f64::from(w * g)).sum::<f64>()
        };
        let mut gradient = vec![0.0; adapter.factors.len()];
        adapter.gradient(&config, &by_weights, &mut gradient);
        for idx in (0..gradient.len()).step_by(11) {
            let moved = |step: f32| {
                let mut moved = adapter.clone();
                moved.factors[idx] += step;
                loss(&moved)
            };
            // Linear in each factor, so a long step is exact but for rounding.
            let expected = (moved(0.5) - moved(-0.5)) as f32;
            assert!(
                (gradient[idx] - expected).abs() < 1e-3 * (1.0 + expected.abs()),
                "{idx}: {} {expected}",
                gradient[idx]
            );
        }
    }
}
