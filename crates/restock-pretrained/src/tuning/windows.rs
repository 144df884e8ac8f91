//! What a fit is trained on and what it is validated on.
//!
//! The last periods of a history are for validation: as many forecast origins as asked for, one horizon apart, the last
//! window ending with the history. Everything before the first of them is for training: a training window is a forecast
//! origin whose whole horizon lies there. Series are cut into patches by the code that forecasts use.

use half::slice::HalfFloatSliceExt;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use restock_core::SeriesInput;
use restock_core::forecast::Observation;
use restock_core::time::Period;

use super::calibration::{Calibration, Head, Residuals, class_of};
use crate::batch::{BatchSource, TrainingBatch};
use crate::config::{MAX_FUTURE_PATCHES, N_STATIC, PATCH, PATCH_WIDTH};
use crate::forecaster::{CONTEXT_PATCHES, Past, Prepared, Pretrained};

/// Where training ends and validation begins, in periods since 1970 as [`SeriesInput::first_period`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// Periods forecast from each origin.
    pub horizon: usize,
    /// Validation origins, one horizon apart.
    pub n_origins: usize,
    /// The first period after training: the first validation origin.
    pub training_end: Period,
    /// The first period after the history.
    pub end: Period,
}

impl Split {
    /// The split of a batch whose longest series ends last.
    ///
    /// # Panics
    /// When there are no series, or `horizon` is not 1 to 256, or `n_origins` is 0.
    pub fn new(batch: &[SeriesInput], horizon: usize, n_origins: usize) -> Self {
        assert!((1..=MAX_FUTURE_PATCHES * PATCH).contains(&horizon) && n_origins > 0);
        let end = batch.iter().map(end_of).max().expect("a split has series");
        Self { horizon, n_origins, training_end: end - (n_origins * horizon) as Period, end }
    }

    /// Series that can be validated: those that go on to the end, and reach back at least one horizon before the last
    /// origin. At most `n_series`, spread evenly.
    pub fn validated<'a>(&self, batch: &'a [SeriesInput], n_series: usize) -> Vec<&'a SeriesInput> {
        let all: Vec<&SeriesInput> =
            (batch.iter()).filter(|series| end_of(series) == self.end && 2 * self.horizon <= n_known(series)).collect();
        let n_kept = n_series.min(all.len());
        (0..n_kept).map(|idx| all[idx * all.len() / n_kept]).collect()
    }
}

/// The first period after a series.
fn end_of(series: &SeriesInput) -> Period {
    series.first_period + series.n_periods() as Period
}

/// Periods from the first that anything is known of.
fn n_known(series: &SeriesInput) -> usize {
    Past::of(series, usize::MAX / PATCH).len()
}

/// The forecast origins of every series whose windows lie before the end of training.
#[derive(Clone, Debug)]
pub struct TrainingWindows<'a> {
    batch: &'a [SeriesInput],
    horizon: usize,
    /// Series, first origin, number of origins so far with those of this series; an origin is the number of periods known.
    origins: Vec<(usize, usize, usize)>,
}

impl<'a> TrainingWindows<'a> {
    /// Windows with a past of at least one horizon, of at most 16 periods.
    pub fn new(batch: &'a [SeriesInput], split: &Split) -> Self {
        let mut origins = Vec::new();
        let mut n_windows = 0;
        for (series_idx, series) in batch.iter().enumerate() {
            let first_known = series.n_periods() - n_known(series);
            let first = first_known + split.horizon.min(PATCH);
            let last = i64::from(split.training_end.min(end_of(series)) - series.first_period) - split.horizon as i64;
            if first as i64 <= last {
                n_windows += last as usize - first + 1;
                origins.push((series_idx, first, n_windows));
            }
        }
        Self { batch, horizon: split.horizon, origins }
    }

    /// The number of windows.
    pub fn n_windows(&self) -> usize {
        self.origins.last().map_or(0, |last| last.2)
    }

    /// The number of series with windows.
    pub fn n_series(&self) -> usize {
        self.origins.len()
    }

    /// A window as (series, origin).
    fn window(&self, idx: usize) -> (usize, usize) {
        let place = self.origins.partition_point(|(_, _, n_so_far)| *n_so_far <= idx);
        let before = place.checked_sub(1).map_or(0, |place| self.origins[place].2);
        (self.origins[place].0, self.origins[place].1 + idx - before)
    }

    /// Windows drawn at random as a batch: the first decides how many patches of the past all of them have.
    ///
    /// # Panics
    /// Without windows.
    pub fn batch(&self, n_series: usize, seed: u64) -> TrainingBatch {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let n_windows = self.n_windows();
        let past_of = |(series_idx, origin): (usize, usize)| {
            let series = &self.batch[series_idx];
            (origin - (series.n_periods() - n_known(series))).div_ceil(PATCH).min(CONTEXT_PATCHES)
        };
        let mut windows = vec![self.window(rng.random_range(0..n_windows))];
        let context_patches = past_of(windows[0]);
        while windows.len() < n_series {
            let window = self.window(rng.random_range(0..n_windows));
            // A longer past is cut to this length; a shorter one would be padded by more than forecasts ever are.
            if context_patches <= past_of(window) {
                windows.push(window);
            }
        }
        self.cut(&windows, context_patches)
    }

    fn cut(&self, windows: &[(usize, usize)], context_patches: usize) -> TrainingBatch {
        let future_patches = self.horizon.div_ceil(PATCH);
        let mut batch = TrainingBatch::with_shape(windows.len(), context_patches, future_patches);
        let mut patches = vec![0.0; (context_patches + future_patches) * PATCH_WIDTH];
        for (row, (series_idx, origin)) in windows.iter().enumerate() {
            let series = &self.batch[*series_idx];
            let known = series.until(*origin, self.horizon);
            let prepared = Prepared::new(&known, context_patches, self.horizon);
            let statics = &mut batch.statics[row * N_STATIC..][..N_STATIC];
            let scale = prepared.write(&known, context_patches, future_patches, &mut patches, statics);
            batch.patches[row * patches.len()..][..patches.len()].convert_from_f32_slice(&patches);
            Outcome::of(series, *origin, self.horizon).write(&mut batch, row, scale);
        }
        batch.assert_shape();
        batch
    }

    /// Fits calibrations of `model`, one for all series and, where there are series enough, one by class of volume, to at most `n_windows` windows that lie as late as possible. Their origins fall on
    /// every day of the week, so that a step ahead is not taken for a weekday.
    pub fn calibrate(&self, model: &Pretrained, n_windows: usize, seed: u64) -> (Calibration, Option<Calibration>) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let season = self.batch.first().map_or(1, |series| series.bucket.season());
        // 5 and 7 have no common divisor: seven origins five days apart are seven weekdays.
        let (n_back, step) = if season == 7 { (7, 5) } else { (6, 1) };
        let mut windows: Vec<(usize, usize)> = Vec::new();
        for (place, (series_idx, first, n_so_far)) in self.origins.iter().enumerate() {
            let n_origins = n_so_far - place.checked_sub(1).map_or(0, |place| self.origins[place].2);
            let last = first + n_origins - 1;
            windows.extend(
                (0..n_back).filter(|back| back * step < n_origins).map(|back| (*series_idx, last - back * step)),
            );
        }
        // A random part of them, in the order of the batch.
        let n_all = windows.len();
        if n_windows < n_all {
            let mut kept = Vec::with_capacity(n_windows);
            for (idx, window) in windows.into_iter().enumerate() {
                if rng.random_range(0..n_all - idx) < n_windows - kept.len() {
                    kept.push(window);
                }
            }
            windows = kept;
        }
        let known: Vec<SeriesInput> =
            windows.iter().map(|(series_idx, origin)| self.batch[*series_idx].until(*origin, self.horizon)).collect();
        let bounds = self.volume_bounds(&known);
        let mut residuals = Residuals::new(self.horizon, bounds.len() + 1);
        model.run(&known, self.horizon, |members, output, scales| {
            for (row, (idx, scale)) in members.iter().zip(scales).enumerate() {
                let (series_idx, origin) = windows[*idx];
                let class = class_of(&bounds, *scale);
                let outcome = Outcome::of(&self.batch[series_idx], origin, self.horizon);
                outcome.each(*scale, &mut |step, head, demand, censored| {
                    let quantiles = match head {
                        Head::Marginal => output.marginal(row, step),
                        Head::Cumulative => output.cumulative(row, step),
                    };
                    residuals.add(class, head, step, quantiles, demand, censored);
                });
            }
        });
        let by_class = (!bounds.is_empty()).then(|| Calibration::fit_by_class(&residuals, &bounds));
        (Calibration::fit(&residuals), by_class)
    }

    /// Scales that split windows into classes of equal size: as many classes as have enough series, at most
    /// [`N_CLASSES`].
    fn volume_bounds(&self, known: &[SeriesInput]) -> Vec<f32> {
        let n_classes = N_CLASSES.min(self.n_series() / LEAST_SERIES).max(1);
        let mut scales: Vec<f32> = known.iter().map(|series| scale_at_origin(series, self.horizon)).collect();
        scales.sort_unstable_by(f32::total_cmp);
        let mut bounds: Vec<f32> = (1..n_classes).map(|class| scales[class * scales.len() / n_classes]).collect();
        bounds.dedup();
        // A bound at the lowest scale would leave its class empty.
        bounds.retain(|bound| scales[0] < *bound);
        bounds
    }
}

/// Classes of volume of a calibration at most: their quantiles need hundreds of residuals each.
const N_CLASSES: usize = 3;

/// Series that a class of volume has at least.
const LEAST_SERIES: usize = 20;

/// The scale of a forecast from the end of a series, units per period: about its mean demand.
pub(super) fn scale_at_origin(known: &SeriesInput, horizon: usize) -> f32 {
    let prepared = Prepared::new(known, CONTEXT_PATCHES, horizon);
    let future_patches = horizon.div_ceil(PATCH);
    let mut patches = vec![0.0; (CONTEXT_PATCHES + future_patches) * PATCH_WIDTH];
    prepared.write(known, CONTEXT_PATCHES, future_patches, &mut patches, &mut [0.0; N_STATIC])
}

/// What happened in the periods after an origin.
struct Outcome<'a> {
    /// `[horizon]`: sales in units.
    sales: &'a [f64],
    /// `[horizon]`.
    observations: &'a [Observation],
}

impl<'a> Outcome<'a> {
    fn of(series: &'a SeriesInput, origin: usize, horizon: usize) -> Self {
        let future = origin..origin + horizon;
        Self { sales: &series.sales[future.clone()], observations: &series.observations[future] }
    }

    /// Hands over every target that is known: its step, its head, demand as the head says it (in asinh space) and whether
    /// that is a lower bound. A closed period says nothing of its own and adds nothing to a total; after a period that
    /// nothing is known of, totals are not known.
    fn each(&self, scale: f32, target: &mut dyn FnMut(usize, Head, f32, bool)) {
        let (mut total, mut total_is_known, mut total_is_bound) = (0.0, true, false);
        for (step, (sales, observation)) in self.sales.iter().zip(self.observations).enumerate() {
            let censored = *observation == Observation::Censored;
            match observation {
                Observation::Full | Observation::Censored => {
                    total += sales;
                    target(step, Head::Marginal, (*sales as f32 / scale).asinh(), censored);
                }
                Observation::Closed => {}
                Observation::Missing => total_is_known = false,
            }
            total_is_bound |= censored;
            if total_is_known {
                let mean = (total / (step + 1) as f64) as f32;
                target(step, Head::Cumulative, (mean / scale).asinh(), total_is_bound);
            }
        }
    }

    /// Writes the targets of one window of a batch.
    fn write(&self, batch: &mut TrainingBatch, row: usize, scale: f32) {
        let start = row * batch.horizon();
        self.each(scale, &mut |step, head, demand, censored| match head {
            Head::Marginal => {
                batch.demand[start + step] = demand;
                batch.demand_weight[start + step] = 1.0;
                batch.censored[start + step] = f32::from(u8::from(censored));
            }
            // A total is a lower bound from the first censored step on: the loss knows.
            Head::Cumulative => {
                batch.cumulative[start + step] = demand;
                batch.cumulative_weight[start + step] = 1.0;
            }
        });
    }
}

/// Batches of training windows: a batch depends on seed and step alone.
#[derive(Clone, Debug)]
pub struct WindowSource<'a> {
    /// Where windows are drawn from.
    pub windows: &'a TrainingWindows<'a>,
    /// Windows in a batch.
    pub n_series: usize,
    /// Seed of the draws.
    pub seed: u64,
}

impl BatchSource for WindowSource<'_> {
    fn batch(&self, step: u64, _progress: f64) -> TrainingBatch {
        self.windows.batch(self.n_series, self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restock_core::Bucket;
    use restock_core::forecast::Covariate;

    const HORIZON: usize = 20;

    /// Series of different lengths that end on the same day but for the last, which ends 50 days earlier.
    fn batch() -> Vec<SeriesInput> {
        let mut batch: Vec<SeriesInput> = [400, 150, 90, 85, 60, 300]
            .into_iter()
            .enumerate()
            .map(|(key, n)| SeriesInput {
                key: key as u64,
                demand: (0..n).map(|t| ((t * 7 + key) % 5) as f64).collect(),
                sales: (0..n).map(|t| ((t * 7 + key) % 5) as f64).collect(),
                observations: vec![Observation::Full; n],
                first_period: 20_000 - n as Period,
                bucket: Bucket::Day,
                covariates: vec![Covariate { name: "promotion".into(), values: vec![0.5; n + HORIZON] }],
                open_future: vec![1.0; HORIZON],
                count_valued: true,
                availability: None,
                siblings: None,
                prior: None,
            })
            .collect();
        batch[5].first_period -= 50;
        batch
    }

    #[test]
    fn training_ends_where_validation_begins() {
        let batch = batch();
        let split = Split::new(&batch, HORIZON, 3);
        assert_eq!((split.training_end, split.end), (19_940, 20_000));
        let windows = TrainingWindows::new(&batch, &split);
        for idx in 0..windows.n_windows() {
            let (series_idx, origin) = windows.window(idx);
            let series = &batch[series_idx];
            assert!(series.first_period + (origin + HORIZON) as Period <= split.training_end);
            assert!(PATCH <= origin);
        }
        // Series 3 has 25 days before validation, less than past and horizon; of the one that ended early all days count.
        let mut with_windows: Vec<usize> = windows.origins.iter().map(|(series_idx, _, _)| *series_idx).collect();
        with_windows.dedup();
        assert_eq!(with_windows, [0, 1, 5]);
        assert_eq!(windows.window(windows.n_windows() - 1), (5, 290 - HORIZON));
        assert_eq!(split.validated(&batch, 99).iter().map(|series| series.key).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        assert_eq!(split.validated(&batch, 2).len(), 2);
    }

    /// What happens after the end of training changes neither batches nor calibrations.
    #[test]
    fn nothing_leaks_from_the_validation() {
        let batch = batch();
        let split = Split::new(&batch, HORIZON, 3);
        let mut changed = batch.clone();
        for series in &mut changed {
            for t in 0..series.n_periods() {
                if split.training_end <= series.first_period + t as Period {
                    (series.demand[t], series.sales[t]) = (1e6, 1e6);
                    series.observations[t] = Observation::Censored;
                    series.covariates[0].values[t] = 7.0;
                }
            }
            let n = series.n_periods();
            series.covariates[0].values[n..].fill(7.0);
            series.open_future.fill(0.0);
        }
        let (before, after) = (TrainingWindows::new(&batch, &split), TrainingWindows::new(&changed, &split));
        for seed in 0..20 {
            assert_eq!(before.batch(16, seed), after.batch(16, seed));
        }
        let weights = crate::weights::Weights::random(&crate::config::ModelConfig::nano(), 3);
        let model = Pretrained::new(&weights, crate::engine::Precision::F32);
        assert_eq!(before.calibrate(&model, 30, 1), after.calibrate(&model, 30, 1));
    }

    /// Patches of a training window are those that a forecast from its origin reads.
    #[test]
    fn windows_are_cut_as_forecasts_cut_them() {
        let batch = batch();
        let windows = TrainingWindows::new(&batch, &Split::new(&batch, HORIZON, 3));
        let cut = windows.cut(&[(1, 60)], 4);
        let known = batch[1].until(60, HORIZON);
        let (mut patches, mut statics) = (vec![0.0; 6 * PATCH_WIDTH], vec![0.0; N_STATIC]);
        let scale = Prepared::new(&known, CONTEXT_PATCHES, HORIZON).write(&known, 4, 2, &mut patches, &mut statics);
        let read: Vec<f32> = cut.patches.iter().map(|value| value.to_f32()).collect();
        assert!(read.iter().zip(&patches).all(|(a, b)| (a - b).abs() < 1e-3), "half precision keeps three digits");
        assert_eq!(cut.statics, statics);
        let expected = (batch[1].sales[60] as f32 / scale).asinh();
        assert_eq!((cut.demand[0], cut.demand_weight[HORIZON - 1], cut.demand_weight[HORIZON]), (expected, 1.0, 0.0));
    }

    #[test]
    fn what_is_not_known_has_no_weight() {
        let mut batch = batch();
        batch[1].observations[61] = Observation::Closed;
        batch[1].observations[63] = Observation::Missing;
        batch[1].observations[65] = Observation::Censored;
        (batch[1].sales[61], batch[1].sales[63]) = (0.0, 0.0);
        let windows = TrainingWindows::new(&batch, &Split::new(&batch, HORIZON, 3));
        let cut = windows.cut(&[(1, 60)], 4);
        assert_eq!(cut.demand_weight[..5], [1.0, 0.0, 1.0, 0.0, 1.0]);
        assert_eq!(cut.cumulative_weight[..5], [1.0, 1.0, 1.0, 0.0, 0.0]);
        assert_eq!(cut.censored[..6], [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
    }
}
