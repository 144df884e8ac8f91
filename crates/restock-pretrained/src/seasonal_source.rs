//! A small source of training batches: negative binomial demand with a level, a weekly pattern and a trend.
//! For tests of the trainer; the past says nearly everything about the future, so the loss must fall.

use half::f16;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Gamma, Poisson};

use crate::batch::{BatchSource, TrainingBatch};
use crate::config::{N_STATIC, PATCH, PATCH_WIDTH};

/// Seasonal negative binomial demand. Channel 0 is `asinh(y / s)` in the past and 0 in the future, channel 1 is 1 in the
/// past, channels 2 and 3 are the day of the week as sine and cosine; the other channels are 0.
#[derive(Clone, Debug)]
pub struct SeasonalSource {
    /// Two sources with the same seed give the same batches.
    pub seed: u64,
    /// Windows in each batch.
    pub n_series: usize,
    /// The longest past, patches.
    pub max_context_patches: usize,
    /// The longest future, patches.
    pub max_future_patches: usize,
}

impl BatchSource for SeasonalSource {
    fn batch(&self, step: u64, _progress: f64) -> TrainingBatch {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(step);
        let context_patches = rng.random_range(1..=self.max_context_patches);
        let future_patches = rng.random_range(1..=self.max_future_patches);
        let n_patches = context_patches + future_patches;
        let (n_past, n_future) = (context_patches * PATCH, future_patches * PATCH);
        let mut batch = TrainingBatch {
            n_series: self.n_series,
            context_patches,
            future_patches,
            patches: vec![f16::ZERO; self.n_series * n_patches * PATCH_WIDTH],
            statics: vec![0.0; self.n_series * N_STATIC],
            demand: Vec::with_capacity(self.n_series * n_future),
            cumulative: Vec::with_capacity(self.n_series * n_future),
            demand_weight: vec![1.0; self.n_series * n_future],
            cumulative_weight: vec![1.0; self.n_series * n_future],
            censored: vec![0.0; self.n_series * n_future],
        };
        for series_idx in 0..self.n_series {
            let demand = series(&mut rng, n_past + n_future);
            let scale = (demand[..n_past].iter().sum::<f64>() / n_past as f64).max(0.1);
            let first = series_idx * n_patches * PATCH_WIDTH;
            for t in 0..n_past + n_future {
                let cell = first + t / PATCH * PATCH_WIDTH + t % PATCH;
                let angle = std::f64::consts::TAU * (t % 7) as f64 / 7.0;
                if t < n_past {
                    batch.patches[cell] = f16::from_f64((demand[t] / scale).asinh());
                    batch.patches[cell + PATCH] = f16::ONE;
                }
                batch.patches[cell + 2 * PATCH] = f16::from_f64(angle.sin());
                batch.patches[cell + 3 * PATCH] = f16::from_f64(angle.cos());
            }
            batch.statics[series_idx * N_STATIC] = (scale.ln() / 4.0) as f32;
            let mut total = 0.0;
            for h in 0..n_future {
                let y = demand[n_past + h];
                total += y;
                batch.demand.push((y / scale).asinh() as f32);
                batch.cumulative.push((total / ((h + 1) as f64 * scale)).asinh() as f32);
            }
        }
        batch.assert_shape();
        batch
    }
}

/// Demand of one item in units: a gamma-mixed Poisson draw around level · weekly pattern · trend.
fn series(rng: &mut ChaCha8Rng, n_steps: usize) -> Vec<f64> {
    let level = (rng.random_range(-1.0..4.0f64)).exp();
    let amplitude = rng.random_range(0.0..0.9);
    let phase = rng.random_range(0.0..7.0);
    let growth = rng.random_range(-1.0..1.0);
    let shape: f64 = rng.random_range(1.0..20.0);
    let mixing = Gamma::new(shape, 1.0 / shape).expect("a positive shape");
    (0..n_steps)
        .map(|t| {
            let weekly = 1.0 + amplitude * (std::f64::consts::TAU * (t as f64 - phase) / 7.0).sin();
            let mean = level * weekly * (growth * t as f64 / 365.0).exp() * mixing.sample(rng);
            Poisson::new(mean.max(1e-9)).expect("a positive mean").sample(rng)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_depends_on_seed_and_step_alone() {
        let source = SeasonalSource { seed: 1, n_series: 3, max_context_patches: 4, max_future_patches: 2 };
        assert_eq!(source.batch(5, 0.0), source.batch(5, 0.9));
        assert_ne!(source.batch(5, 0.0), source.batch(6, 0.0));
        let other = SeasonalSource { seed: 2, ..source.clone() };
        assert_ne!(source.batch(5, 0.0), other.batch(5, 0.0));
    }
}
