//! Training batches from the retail prior, deterministic in the step.

use half::f16;
use half::slice::HalfFloatSliceExt;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use restock_core::forecast::Observation;
use restock_inventory::retail_simulator::prior::{PriorGroup, PriorOptions, PriorSeries, draw_group};

use crate::batch::{BatchSource, TrainingBatch};
use crate::config::{MAX_CONTEXT_PATCHES, N_STATIC, PATCH, PATCH_WIDTH};
use crate::features::{Window, calendar_rows, write};

/// Batches from the retail prior.
#[derive(Clone, Debug)]
pub struct PriorSource {
    seed: u64,
    /// Tokens in a batch, about; the number of series follows from the length of the windows.
    tokens: usize,
    /// Share of generic series at every progress, instead of the curriculum.
    share_generic: Option<f64>,
    /// Share of retail groups whose shelves can run empty, instead of the curriculum.
    share_with_stockouts: Option<f64>,
    /// Whether targets are what was recorded after the origin, not what was wanted.
    targets_as_recorded: bool,
}

impl PriorSource {
    /// Batches of about `tokens` tokens.
    pub fn new(seed: u64, tokens: usize) -> Self {
        Self { seed, tokens, share_generic: None, share_with_stockouts: None, targets_as_recorded: false }
    }

    /// The same with a fixed share of series that are not retail, for ablations.
    pub fn with_share_generic(self, share_generic: f64) -> Self {
        Self { share_generic: Some(share_generic), ..self }
    }

    /// The same with a fixed share of shops whose shelves can run empty, for ablations.
    pub fn with_share_of_stockouts(self, share_with_stockouts: f64) -> Self {
        Self { share_with_stockouts: Some(share_with_stockouts), ..self }
    }

    /// The same with sales as recorded for targets, as a training on real histories has them that takes sales for demand:
    /// shelves run empty after the origin too. For ablations.
    pub fn with_targets_as_recorded(self) -> Self {
        Self { targets_as_recorded: true, ..self }
    }

    fn options(&self, progress: f64) -> PriorOptions {
        let mut options = PriorOptions::default();
        // First what any series does, then retail and what hides demand.
        (options.share_generic, options.share_with_stockouts) = match progress {
            ..0.2 => (0.4, 0.25),
            0.2..0.7 => (0.25, 0.45),
            _ => (0.15, 0.45),
        };
        if let Some(share) = self.share_generic {
            options.share_generic = share;
        }
        if let Some(share) = self.share_with_stockouts {
            options.share_with_stockouts = share;
        }
        options
    }
}

/// Past and future patches of a batch: a third are short histories, a few are very long.
fn draw_shape(rng: &mut ChaCha8Rng) -> (usize, usize) {
    let context = match rng.random_range(0..100) {
        0..35 => rng.random_range(1..=12),
        35..65 => rng.random_range(12..=24),
        65..92 => rng.random_range(20..=34),
        _ => rng.random_range(34..=MAX_CONTEXT_PATCHES),
    };
    let future = match rng.random_range(0..100) {
        0..20 => 1,
        20..60 => 2,
        60..80 => rng.random_range(3..=4),
        80..97 => rng.random_range(4..=6),
        _ => rng.random_range(7..=16),
    };
    (context, future)
}

impl BatchSource for PriorSource {
    fn batch(&self, step: u64, progress: f64) -> TrainingBatch {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ step);
        let (context_patches, future_patches) = draw_shape(&mut rng);
        let n_series = (self.tokens / (1 + context_patches + future_patches)).clamp(1, self.tokens / 12 + 1);
        let options = self.options(progress);
        let mut batch = TrainingBatch::with_shape(n_series, context_patches, future_patches);
        let mut patches = vec![0.0; (context_patches + future_patches) * PATCH_WIDTH];
        let mut n_written = 0;
        let mut group_idx = 0_u64;
        while n_written < n_series {
            let n_past = (context_patches - 1) * PATCH + rng.random_range(1..=PATCH);
            let n_future = future_patches * PATCH;
            let n_periods = n_past + n_future;
            // What is recorded of the periods after the origin is drawn as a past is.
            let (n_recorded, n_latent) = if self.targets_as_recorded { (n_periods, 1) } else { (n_past, n_future) };
            let group = draw_group(&options, n_recorded, n_latent, self.seed ^ (step << 20), group_idx);
            group_idx += 1;
            let rows = calendar_rows(group.bucket, group.calendar.first_days[0], n_periods);
            let siblings = Siblings::of(&group, n_past);
            for series in group.series.iter().take(n_series - n_written) {
                let left_out = siblings.without(series);
                let hide_siblings = rng.random_bool(0.4);
                let window = Window {
                    bucket: group.bucket,
                    sales: &series.sales[..n_past],
                    observations: &series.observations[..n_past],
                    availability: series.availability.as_ref().map(|shares| &shares[..n_past]),
                    siblings: if hide_siblings { None } else { left_out.as_deref() },
                    covariates: std::array::from_fn(|slot_idx| {
                        series.covariates[slot_idx].as_ref().map(|values| &values[..n_periods])
                    }),
                    count_valued: series.count_valued,
                    pack: if rng.random_bool(0.5) { series.pack } else { 1.0 },
                    text: None,
                };
                let statics = &mut batch.statics[n_written * N_STATIC..][..N_STATIC];
                let scale = write(&window, &rows, context_patches, future_patches, &mut patches, statics);
                let start = n_written * patches.len();
                batch.patches[start..start + patches.len()].convert_from_f32_slice(&patches);
                if self.targets_as_recorded {
                    let recorded: Vec<f32> = (n_past..n_periods)
                        .map(
                            |t| if series.observations[t] == Observation::Missing { f32::NAN } else { series.sales[t] },
                        )
                        .collect();
                    batch.write_targets(n_written, &recorded, scale);
                } else {
                    batch.write_targets(n_written, &series.demand[n_past..], scale);
                }
                n_written += 1;
            }
        }
        batch.assert_shape();
        batch
    }
}

/// Sums over a family, so that each member can be left out of its own mean.
struct Siblings {
    /// `[n_past]`.
    sum: Vec<f32>,
    /// `[n_past]`.
    count: Vec<f32>,
}

fn seen(series: &PriorSeries, t: usize) -> bool {
    series.observations[t] == Observation::Full
}

impl Siblings {
    fn of(group: &PriorGroup, n_past: usize) -> Self {
        let (mut sum, mut count) = (vec![0.0; n_past], vec![0.0; n_past]);
        for series in &group.series {
            for t in (0..n_past).filter(|t| seen(series, *t)) {
                sum[t] += series.sales[t];
                count[t] += 1.0;
            }
        }
        Self { sum, count }
    }

    /// `[n_past]`: the mean of the others; `None` when there is no other.
    fn without(&self, series: &PriorSeries) -> Option<Vec<f32>> {
        let means: Vec<f32> = (0..self.sum.len())
            .map(|t| {
                let (sum, count) = match seen(series, t) {
                    true => (self.sum[t] - series.sales[t], self.count[t] - 1.0),
                    false => (self.sum[t], self.count[t]),
                };
                if count > 0.0 { (sum / count).max(0.0) } else { f32::NAN }
            })
            .collect();
        means.iter().any(|mean| mean.is_finite()).then_some(means)
    }
}

impl TrainingBatch {
    /// An empty batch of a shape.
    pub fn with_shape(n_series: usize, context_patches: usize, future_patches: usize) -> Self {
        let cells = n_series * future_patches * PATCH;
        Self {
            n_series,
            context_patches,
            future_patches,
            patches: vec![f16::ZERO; n_series * (context_patches + future_patches) * PATCH_WIDTH],
            statics: vec![0.0; n_series * N_STATIC],
            demand: vec![0.0; cells],
            cumulative: vec![0.0; cells],
            demand_weight: vec![0.0; cells],
            cumulative_weight: vec![0.0; cells],
            censored: vec![0.0; cells],
        }
    }

    /// Writes the targets of a series from its demand after the origin, units per period; NaN where it is not known.
    pub fn write_targets(&mut self, series_idx: usize, demand: &[f32], scale: f32) {
        let horizon = self.horizon();
        let start = series_idx * horizon;
        let mut total = 0.0_f64;
        let mut whole = true;
        for (step, value) in demand.iter().take(horizon).enumerate() {
            whole &= value.is_finite();
            if value.is_finite() {
                self.demand[start + step] = (value / scale).asinh();
                self.demand_weight[start + step] = 1.0;
                total += f64::from(*value);
            }
            if whole {
                let mean = total / (step + 1) as f64;
                self.cumulative[start + step] = (mean as f32 / scale).asinh();
                self.cumulative_weight[start + step] = 1.0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_depend_on_seed_and_step_alone() {
        let source = PriorSource::new(3, 2000);
        assert_eq!(source.batch(17, 0.5), source.batch(17, 0.5));
        assert_ne!(source.batch(17, 0.5), source.batch(18, 0.5));
    }

    #[test]
    fn every_number_is_finite_and_small() {
        let source = PriorSource::new(1, 3000);
        for step in 0..25 {
            let batch = source.batch(step, step as f64 / 25.0);
            assert!(batch.patches.iter().all(|value| value.is_finite() && value.to_f32().abs() < 20.0));
            assert!(batch.statics.iter().all(|value| value.is_finite() && value.abs() < 20.0));
            assert!(batch.demand.iter().chain(&batch.cumulative).all(|value| value.is_finite() && *value < 20.0));
            assert!(batch.demand_weight.iter().all(|weight| *weight == 1.0));
        }
    }

    /// Where shelves run empty after the origin, recorded targets are lower than those of demand.
    #[test]
    fn recorded_targets_are_sales() {
        let source = PriorSource::new(5, 4000).with_share_generic(0.0).with_share_of_stockouts(1.0);
        let mean = |source: &PriorSource| {
            let (mut sum, mut count) = (0.0, 0.0);
            for batch in (0..12).map(|step| source.batch(step, 1.0)) {
                sum += batch.demand.iter().map(|value| f64::from(*value)).sum::<f64>();
                count += batch.demand_weight.iter().map(|weight| f64::from(*weight)).sum::<f64>();
            }
            sum / count
        };
        let (wanted, sold) = (mean(&source), mean(&source.clone().with_targets_as_recorded()));
        assert!(sold < 0.97 * wanted, "{sold} of {wanted}");
    }

    #[test]
    fn targets_add_up_from_the_origin() {
        let mut batch = TrainingBatch::with_shape(1, 1, 1);
        batch.write_targets(0, &[2.0, 4.0, f32::NAN, 6.0], 2.0);
        let sinh = |value: f32| value.sinh() * 2.0;
        assert!((sinh(batch.demand[1]) - 4.0).abs() < 1e-5);
        assert!((sinh(batch.cumulative[1]) * 2.0 - 6.0).abs() < 1e-5);
        assert_eq!(batch.demand_weight[..5], [1.0, 1.0, 0.0, 1.0, 0.0]);
        assert_eq!(batch.cumulative_weight[..5], [1.0, 1.0, 0.0, 0.0, 0.0]);
    }
}
