//! What a network is worth on batches it was not trained on.

use half::slice::HalfFloatSliceExt;

use crate::batch::TrainingBatch;
use crate::config::{LEVELS, N_LEVELS};
use crate::engine::{Engine, Input, Output};

/// What a validation found.
#[derive(Clone, Debug, PartialEq)]
pub struct Validation {
    /// Twice the pinball loss in asinh space, mean over levels and known cells: marginal, cumulative.
    pub pinball: [f64; 2],
    /// Binary cross-entropy of any demand.
    pub any_demand: f64,
    /// Share of known cells at or below each quantile: marginal, cumulative.
    pub coverage: [[f64; N_LEVELS]; 2],
}

/// Sums over batches.
#[derive(Default)]
struct Sums {
    /// Weights of known cells: marginal, cumulative.
    counts: [f64; 2],
    pinball: [f64; 2],
    covered: [[f64; N_LEVELS]; 2],
    any_demand: f64,
}

/// Validates on the current rayon pool. Batches whose demand is a lower bound anywhere are not for this.
pub fn validate<'a>(engine: &Engine, batches: impl IntoIterator<Item = &'a TrainingBatch>) -> Validation {
    let mut sums = Sums::default();
    for batch in batches {
        assert!(batch.censored.iter().all(|censored| *censored == 0.0), "what was wanted is known in validations");
        sums.add(batch, &forecasts(engine, batch));
    }
    let counts = sums.counts.map(|count| count.max(1.0));
    Validation {
        pinball: [0, 1].map(|head| sums.pinball[head] / counts[head]),
        any_demand: sums.any_demand / counts[0],
        coverage: [0, 1].map(|head| sums.covered[head].map(|covered| covered / counts[head])),
    }
}

/// What a network says about the windows of a batch.
pub(super) fn forecasts(engine: &Engine, batch: &TrainingBatch) -> Output {
    engine.run(&Input {
        n_series: batch.n_series,
        context_patches: batch.context_patches,
        future_patches: batch.future_patches,
        patches: &batch.patches.to_f32_vec(),
        statics: &batch.statics,
    })
}

impl Sums {
    fn add(&mut self, batch: &TrainingBatch, output: &Output) {
        let heads = [
            (&batch.demand, &batch.demand_weight, &output.marginal),
            (&batch.cumulative, &batch.cumulative_weight, &output.cumulative),
        ];
        for (head, (targets, weights, quantiles)) in heads.into_iter().enumerate() {
            for ((&target, &weight), quantiles) in targets.iter().zip(weights).zip(quantiles.chunks_exact(N_LEVELS)) {
                let weight = f64::from(weight);
                self.counts[head] += weight;
                for (idx, (&quantile, level)) in quantiles.iter().zip(LEVELS).enumerate() {
                    let above = f64::from(target) - f64::from(quantile);
                    self.pinball[head] += weight * 2.0 * (level * above).max((level - 1.0) * above) / N_LEVELS as f64;
                    self.covered[head][idx] += if target <= quantile { weight } else { 0.0 };
                }
            }
        }
        let steps = batch.demand.iter().zip(&batch.demand_weight).zip(&output.demand_probability);
        for ((&demand, &weight), &probability) in steps {
            // A probability in single precision that is rounded to 0 or 1 is not taken at its word.
            let probability = f64::from(probability).clamp(1e-7, 1.0 - 1e-7);
            let said = if demand > 0.0 { probability } else { 1.0 - probability };
            self.any_demand -= f64::from(weight) * said.ln();
        }
    }
}
