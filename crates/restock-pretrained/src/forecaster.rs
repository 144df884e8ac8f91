//! The pretrained model as a [`Forecaster`]: series in, marginal quantiles and dependence out.

use std::sync::LazyLock;

use rayon::prelude::*;
use restock_core::forecast::{
    Covariate, Dependence, Forecast, ForecastRequest, N_LEVELS as N_FORECAST_LEVELS, Observation, QUANTILE_LEVELS,
};
use restock_core::{Forecaster, SeriesInput};
use restock_forecast::{dependence, models, normal_quantile};
use restock_inventory::retail_simulator::prior::{N_KNOWN_COVARIATES, Slot};

use crate::config::{LEVELS, MAX_CONTEXT_PATCHES, MAX_FUTURE_PATCHES, MEDIAN, N_LEVELS, N_STATIC, PATCH, PATCH_WIDTH};
use crate::engine::{Engine, Input, Output, Precision};
use crate::features::{Window, calendar_rows, write};
use crate::tuning::calibration::Calibration;
use crate::weights::Weights;

/// Series that are cut into patches together: enough for the engine's threads, few enough for memory.
const CHUNK: usize = 512;

/// Past periods that are read at most, in patches, unless told otherwise.
pub(crate) const CONTEXT_PATCHES: usize = 32;

/// How much higher the ceiling of a forecast is where promotions, prices or events are known.
const PROMOTION_FACTOR: f64 = 3.0;

/// The pretrained model with its weights, ready to forecast.
pub struct Pretrained {
    engine: Engine,
    name: String,
    reason: String,
    context_patches: usize,
    calibration: Option<Calibration>,
}

impl Pretrained {
    /// A forecaster with these weights.
    pub fn new(weights: &Weights, precision: Precision) -> Self {
        Self {
            engine: Engine::new(weights, precision),
            name: weights.config().name.clone(),
            reason: "pretrained on simulated shops, not fitted".to_owned(),
            context_patches: CONTEXT_PATCHES,
            calibration: None,
        }
    }

    /// The same under another name.
    pub fn named(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    /// The same with another reason on its forecasts.
    pub fn because(self, reason: &str) -> Self {
        Self { reason: reason.to_owned(), ..self }
    }

    /// The same with every quantile moved by a calibration.
    pub fn calibrated(self, calibration: Calibration) -> Self {
        Self { calibration: Some(calibration), ..self }
    }

    /// The same, reading at most `context_patches · 16` past periods.
    ///
    /// # Panics
    /// Unless `context_patches` is 1 to [`MAX_CONTEXT_PATCHES`].
    pub fn with_context_patches(self, context_patches: usize) -> Self {
        assert!((1..=MAX_CONTEXT_PATCHES).contains(&context_patches));
        Self { context_patches, ..self }
    }
}

impl Forecaster for Pretrained {
    fn name(&self) -> &str {
        &self.name
    }

    fn forecast(&self, batch: &[SeriesInput], request: &ForecastRequest) -> Vec<Forecast> {
        assert!(request.horizon > 0, "a forecast has at least one period");
        let mut forecasts: Vec<Option<Forecast>> = vec![None; batch.len()];
        let horizon = request.horizon.min(MAX_FUTURE_PATCHES * PATCH);
        self.run(batch, horizon, |members, output, scales| {
            let read: Vec<Forecast> = (members.par_iter().zip(scales).enumerate())
                .map(|(row, (idx, scale))| self.read(output, row, &batch[*idx], *scale, horizon))
                .collect();
            for (idx, forecast) in members.iter().zip(read) {
                forecasts[*idx] = Some(forecast);
            }
        });
        let whole = forecasts.into_iter().map(|forecast| forecast.expect("every series is in one chunk"));
        whole.zip(batch).map(|(forecast, series)| extended(forecast, series, request.horizon)).collect()
    }
}

/// A forecast that goes on beyond what the network reads: the last season again and again.
fn extended(mut forecast: Forecast, series: &SeriesInput, horizon: usize) -> Forecast {
    let season = series.bucket.season().min(forecast.horizon());
    for step in forecast.horizon()..horizon {
        let open = series.open_future.get(step).copied().unwrap_or(1.0) > 0.0;
        let usual = step - season;
        forecast.mean.push(if open { forecast.mean[usual] } else { 0.0 });
        for level_idx in 0..N_FORECAST_LEVELS {
            let quantile = forecast.quantiles[usual * N_FORECAST_LEVELS + level_idx];
            forecast.quantiles.push(if open { quantile } else { 0.0 });
        }
    }
    forecast
}

impl Pretrained {
    /// Runs the network over series, chunk by chunk, each series in one chunk: `each` is handed the series of a chunk as
    /// indices into the batch, what the network says of them in asinh space, calibrated, and their scales.
    ///
    /// # Panics
    /// Unless `horizon` is 1 to [`MAX_FUTURE_PATCHES`] · [`PATCH`].
    pub(crate) fn run(&self, batch: &[SeriesInput], horizon: usize, mut each: impl FnMut(&[usize], &Output, &[f32])) {
        let future_patches = horizon.div_ceil(PATCH);
        // Series of equal length share their matrix products.
        let mut by_length: Vec<Vec<usize>> = vec![Vec::new(); self.context_patches + 1];
        for (idx, series) in batch.iter().enumerate() {
            by_length[(known_periods(series, self.context_patches).len().div_ceil(PATCH)).max(1)].push(idx);
        }
        for (context_patches, members) in by_length.iter().enumerate() {
            for chunk in members.chunks(CHUNK) {
                let (output, scales) = self.chunk(batch, chunk, context_patches, future_patches, horizon);
                each(chunk, &output, &scales);
            }
        }
    }

    fn chunk(
        &self,
        batch: &[SeriesInput],
        members: &[usize],
        context_patches: usize,
        future_patches: usize,
        horizon: usize,
    ) -> (Output, Vec<f32>) {
        let width = (context_patches + future_patches) * PATCH_WIDTH;
        let mut patches = vec![0.0; members.len() * width];
        let mut statics = vec![0.0; members.len() * N_STATIC];
        let scales: Vec<f32> = patches
            .par_chunks_mut(width)
            .zip(statics.par_chunks_mut(N_STATIC))
            .zip(members.par_iter())
            .map(|((patches, statics), idx)| {
                let prepared = Prepared::new(&batch[*idx], self.context_patches, horizon);
                prepared.write(&batch[*idx], context_patches, future_patches, patches, statics)
            })
            .collect();
        let input =
            Input { n_series: members.len(), context_patches, future_patches, patches: &patches, statics: &statics };
        let mut output = self.engine.run(&input);
        if let Some(calibration) = &self.calibration {
            calibration.apply(&mut output);
        }
        (output, scales)
    }

    fn read(&self, output: &Output, row: usize, series: &SeriesInput, scale: f32, horizon: usize) -> Forecast {
        // A known promotion may sell more than was ever seen, a wild network may not.
        let factor = if series.covariates.is_empty() { 1.0 } else { PROMOTION_FACTOR };
        let ceiling = models::ceiling(series).map_or(f64::INFINITY, |ceiling| factor * ceiling);
        let mut mean = Vec::with_capacity(horizon);
        let mut quantiles = Vec::with_capacity(horizon * N_FORECAST_LEVELS);
        let mut moments = Vec::with_capacity(horizon);
        for step in 0..horizon {
            let open = series.open_future.get(step).copied().unwrap_or(1.0) > 0.0;
            let values = demand_quantiles(output.marginal(row, step), if open { scale } else { 0.0 }, ceiling);
            let moment = Moments::of(&values);
            mean.push(moment.mean);
            moments.push(moment);
            quantiles.extend(FORECAST_LEVELS.map(|level_idx| values[level_idx]));
        }
        let dependence = read_dependence(output, row, scale, ceiling, &moments);
        Forecast {
            mean,
            quantiles,
            dependence,
            count_valued: series.count_valued,
            model: self.name.clone(),
            reason: self.reason.clone(),
            validation: None,
        }
    }
}

/// Where the levels of a [`Forecast`] stand among those of the network.
const FORECAST_LEVELS: [usize; N_FORECAST_LEVELS] = [0, 1, 2, 4, 6, 8, MEDIAN, 12, 14, 16, 18, 19, 20];
const _: () = {
    let mut idx = 0;
    while idx < N_FORECAST_LEVELS {
        assert!(LEVELS[FORECAST_LEVELS[idx]] == QUANTILE_LEVELS[idx]);
        idx += 1;
    }
};

/// Quantiles in units from quantiles in asinh space. Demand is never negative nor above the ceiling.
fn demand_quantiles(values: &[f32], scale: f32, ceiling: f64) -> [f64; N_LEVELS] {
    std::array::from_fn(|idx| (f64::from(scale) * f64::from(values[idx]).sinh()).clamp(0.0, ceiling))
}

/// Moments of a distribution known by its quantiles at [`LEVELS`]: linear between them, level below the first, and
/// exponential above the last.
struct Moments {
    mean: f64,
    variance: f64,
    /// Share of the variance that is linear in normal scores.
    linear_share: f64,
}

impl Moments {
    fn of(values: &[f64; N_LEVELS]) -> Self {
        let last = N_LEVELS - 1;
        let rate = (values[last] - values[last - 1]).max(0.0) / 5.0_f64.ln();
        // (weight, value, normal score) of pieces of equal level; the score of a piece is taken at its middle.
        let mut pieces = [(0.0, 0.0, 0.0); N_LEVELS + 1];
        pieces[0] = (LEVELS[0], values[0], SCORES[0]);
        for idx in 1..N_LEVELS {
            pieces[idx] = (LEVELS[idx] - LEVELS[idx - 1], 0.5 * (values[idx] + values[idx - 1]), SCORES[idx]);
        }
        pieces[N_LEVELS] = (1.0 - LEVELS[last], values[last] + rate, SCORES[N_LEVELS]);
        let mean: f64 = pieces.iter().map(|(weight, value, _)| weight * value).sum();
        let (mut variance, mut covariance, mut score_variance) = (0.0, 0.0, 0.0);
        for (weight, value, score) in pieces {
            variance += weight * (value - mean).powi(2);
            covariance += weight * score * (value - mean);
            score_variance += weight * score * score;
        }
        variance += (1.0 - LEVELS[last]) * rate * rate;
        let linear_share = if variance > 0.0 { covariance * covariance / (variance * score_variance) } else { 1.0 };
        Self { mean, variance, linear_share }
    }
}

/// Normal scores at the middles of the pieces of [`Moments`].
static SCORES: LazyLock<[f64; N_LEVELS + 1]> = LazyLock::new(|| {
    std::array::from_fn(|piece| {
        let (low, high) = (piece.checked_sub(1).map_or(0.0, |idx| LEVELS[idx]), *LEVELS.get(piece).unwrap_or(&1.0));
        normal_quantile(0.5 * (low + high))
    })
});

/// The dependence under which sums of periods vary as the cumulative head says they do.
fn read_dependence(output: &Output, row: usize, scale: f32, ceiling: f64, moments: &[Moments]) -> Dependence {
    let horizon = moments.len();
    if horizon < 2 {
        return Dependence::default();
    }
    let lengths = [horizon.div_ceil(4).max(2), horizon.div_ceil(2).max(2), horizon];
    let targets = lengths.map(|length| {
        let n = length as f32;
        let values = demand_quantiles(output.cumulative(row, length - 1), scale * n, f64::from(n) * ceiling);
        let of_sum = Moments::of(&values).variance;
        let (mut deviations, mut variances, mut linear) = (0.0, 0.0, 0.0);
        for moment in &moments[..length] {
            deviations += moment.variance.sqrt();
            variances += moment.variance;
            linear += moment.variance * moment.linear_share;
        }
        let products = deviations * deviations - variances;
        if products <= 0.0 {
            return 0.0;
        }
        let correlation = (of_sum - variances) / products;
        (correlation / (linear / variances).max(0.2)).clamp(-0.1, 0.95)
    });
    dependence::fit(lengths, targets)
}

/// The past that is read: from the first period something is known of, at most the last `context_patches` patches.
pub(crate) fn known_periods(series: &SeriesInput, context_patches: usize) -> std::ops::Range<usize> {
    let n = series.n_periods();
    let first = series.observations.iter().position(|one| *one != Observation::Missing).unwrap_or(n);
    first.max(n.saturating_sub(context_patches * PATCH))..n
}

/// Names of the covariates that have a slot of their own.
fn slot_of(name: &str) -> Option<Slot> {
    match name {
        "price_log_ratio" => Some(Slot::Price),
        "promotion" => Some(Slot::Promotion),
        "discount" => Some(Slot::Depth),
        "display" => Some(Slot::Display),
        "holiday" => Some(Slot::Event),
        _ => None,
    }
}

/// The covariates; where more of them share the two free slots than fit, those that went with sales come first.
fn in_order_of_use<'a>(series: &'a SeriesInput, past: &std::ops::Range<usize>) -> Vec<&'a Covariate> {
    let mut covariates: Vec<&Covariate> = series.covariates.iter().collect();
    if covariates.iter().filter(|covariate| slot_of(&covariate.name).is_none()).count() > 2 {
        let seen: Vec<usize> =
            past.clone().filter(|position| series.observations[*position] == Observation::Full).collect();
        covariates.sort_by_cached_key(|covariate| {
            let pairs = seen.iter().map(|position| (f64::from(covariate.values[*position]), series.sales[*position]));
            // Millionths, so that a number can be a key.
            -(1e6 * squared_correlation(pairs)) as i64
        });
    }
    covariates
}

/// The squared correlation of pairs; 0 where one of them does not vary.
fn squared_correlation(pairs: impl Iterator<Item = (f64, f64)> + Clone) -> f64 {
    let n = pairs.clone().count() as f64;
    let (sum_x, sum_y) = pairs.clone().fold((0.0, 0.0), |sums, (x, y)| (sums.0 + x, sums.1 + y));
    let (mean_x, mean_y) = (sum_x / n, sum_y / n);
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (x, y) in pairs {
        xx += (x - mean_x).powi(2);
        yy += (y - mean_y).powi(2);
        xy += (x - mean_x) * (y - mean_y);
    }
    if xx > 0.0 && yy > 0.0 { xy * xy / (xx * yy) } else { 0.0 }
}

/// What a window borrows; training on real histories cuts them by the same code.
pub(crate) struct Prepared {
    past: std::ops::Range<usize>,
    sales: Vec<f32>,
    covariates: [Option<Vec<f32>>; N_KNOWN_COVARIATES],
}

impl Prepared {
    pub(crate) fn new(series: &SeriesInput, context_patches: usize, horizon: usize) -> Self {
        let past = known_periods(series, context_patches);
        let sales = series.sales[past.clone()].iter().map(|sales| *sales as f32).collect();
        let mut covariates = [const { None }; N_KNOWN_COVARIATES];
        let mut generic = [Slot::GenericA, Slot::GenericB].into_iter();
        for covariate in in_order_of_use(series, &past) {
            let slot = slot_of(&covariate.name).or_else(|| generic.next());
            if let Some(slot) = slot {
                let end = covariate.values.len().min(past.end + horizon);
                covariates[slot as usize] = Some(covariate.values[past.start..end].to_vec());
            }
        }
        let closed_past = || series.observations[past.clone()].contains(&Observation::Closed);
        if closed_past() || series.open_future.iter().take(horizon).any(|open| *open < 1.0) {
            let past_open =
                series.observations[past.clone()].iter().map(|one| f32::from(u8::from(*one != Observation::Closed)));
            let open = past_open.chain(series.open_future.iter().copied().take(horizon));
            covariates[Slot::Open as usize] = Some(open.collect());
        }
        Self { past, sales, covariates }
    }

    pub(crate) fn write(
        &self,
        series: &SeriesInput,
        context_patches: usize,
        future_patches: usize,
        patches: &mut [f32],
        statics: &mut [f32],
    ) -> f32 {
        let first_day = series.bucket.first_day(series.first_period + self.past.start as i32);
        let rows = calendar_rows(series.bucket, first_day, self.past.len() + future_patches * PATCH);
        let window = Window {
            bucket: series.bucket,
            sales: &self.sales,
            observations: &series.observations[self.past.clone()],
            availability: None,
            siblings: None,
            covariates: std::array::from_fn(|slot_idx| self.covariates[slot_idx].as_deref()),
            count_valued: series.count_valued,
            pack: 1.0,
            text: None,
        };
        write(&window, &rows, context_patches, future_patches, patches, statics)
    }
}
