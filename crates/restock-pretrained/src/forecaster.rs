//! The pretrained model as a [`Forecaster`]: series in, marginal quantiles and dependence out.

use std::sync::LazyLock;

use rayon::prelude::*;
use restock_core::forecast::{
    Covariate, DemandPrior, Dependence, Forecast, ForecastRequest, N_LEVELS as N_FORECAST_LEVELS, Observation,
    QUANTILE_LEVELS,
};
use restock_core::{Forecaster, SeriesInput};
use restock_forecast::dependence::{self, ScoreShares};
use restock_forecast::{cold_start, models, normal_quantile};
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
        whole
            .zip(batch)
            .map(|(forecast, series)| {
                let forecast = extended(forecast, series, request.horizon);
                match &series.prior {
                    Some(prior) => with_prior(forecast, series, prior),
                    None => forecast,
                }
            })
            .collect()
    }
}

/// Observed periods after which the network and the prior count alike.
const N_PRIOR: f64 = 7.0;

/// A forecast of a short history, its quantiles averaged with those of the prior; the weight of the prior falls from 1
/// without any history as `1 / (1 + (n / 7)²)`. The network has never seen a series of which nothing is known, and
/// forecasts nothing then.
fn with_prior(mut forecast: Forecast, series: &SeriesInput, prior: &DemandPrior) -> Forecast {
    let seen = |observation: &&Observation| matches!(observation, Observation::Full | Observation::Censored);
    let n = series.observations.iter().filter(seen).count();
    let weight = 1.0 / (1.0 + (n as f64 / N_PRIOR).powi(2));
    let predictive = cold_start::predict(series, prior, series.n_periods(), forecast.horizon());
    for step in 0..forecast.horizon() {
        let open = f64::from(u8::from(series.open_future.get(step).copied().unwrap_or(1.0) > 0.0));
        forecast.mean[step] += weight * (predictive.mean[step] * open - forecast.mean[step]);
        for idx in step * N_FORECAST_LEVELS..(step + 1) * N_FORECAST_LEVELS {
            forecast.quantiles[idx] += weight * (predictive.quantiles[idx] * open - forecast.quantiles[idx]);
        }
    }
    let of_prior = cold_start::believed(series, prior, series.n_periods()).dependence();
    let own = forecast.dependence;
    forecast.dependence = Dependence {
        common: own.common + weight * (of_prior.common - own.common),
        phi: own.phi + weight * (of_prior.phi - own.phi),
    };
    forecast.reason = cold_start::reason(prior, n);
    forecast
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
            by_length[Past::of(series, self.context_patches).len().div_ceil(PATCH).max(1)].push(idx);
        }
        for (context_patches, members) in by_length.iter().enumerate() {
            for chunk in members.chunks(CHUNK) {
                let (mut output, mut scales) = self.chunk(batch, chunk, context_patches, future_patches, horizon);
                if context_patches > 1 {
                    let half = context_patches.div_ceil(2);
                    self.look_again(batch, chunk, half, horizon, &mut output, &mut scales);
                }
                each(chunk, &output, &scales);
            }
        }
    }

    /// Asks the network again where it promises demand that the series never showed, this time with the later half of
    /// the past: what it says then counts, unless it promises as much. On a few series in a thousand it takes the tail
    /// for something it saw in training, a run of bulk sales, and a day more or less of history dispels that; what
    /// half of the past bears out stays.
    fn look_again(
        &self,
        batch: &[SeriesInput],
        members: &[usize],
        context_patches: usize,
        horizon: usize,
        output: &mut Output,
        scales: &mut [f32],
    ) {
        let seen: Vec<f32> = members.iter().map(|idx| most_seen(&batch[*idx], self.context_patches)).collect();
        let doubtful: Vec<usize> =
            (0..members.len()).filter(|row| is_unheard_of(output, *row, scales[*row], horizon, seen[*row])).collect();
        if doubtful.is_empty() {
            return;
        }
        let again: Vec<usize> = doubtful.iter().map(|row| members[*row]).collect();
        let (second, second_scales) = self.chunk(batch, &again, context_patches, output.horizon / PATCH, horizon);
        for (second_row, row) in doubtful.into_iter().enumerate() {
            if !is_unheard_of(&second, second_row, second_scales[second_row], horizon, seen[row]) {
                output.copy_series(row, &second, second_row);
                scales[row] = second_scales[second_row];
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
                let prepared = Prepared::new(&batch[*idx], context_patches, horizon);
                prepared.write(&batch[*idx], context_patches, future_patches, patches, statics)
            })
            .collect();
        let input =
            Input { n_series: members.len(), context_patches, future_patches, patches: &patches, statics: &statics };
        let mut output = self.engine.run(&input);
        if let Some(calibration) = &self.calibration {
            calibration.apply(&mut output, &scales);
        }
        (output, scales)
    }

    /// What the cumulative head says of demand over the next `lengths` periods: its quantiles at [`LEVELS`], units,
    /// `[series][length]`.
    ///
    /// # Panics
    /// Unless every length is 1 to [`MAX_FUTURE_PATCHES`] · [`PATCH`].
    pub fn lead_time_quantiles(&self, batch: &[SeriesInput], lengths: &[usize]) -> Vec<Vec<[f64; N_LEVELS]>> {
        let horizon = lengths.iter().copied().max().expect("a length");
        let mut quantiles = vec![Vec::new(); batch.len()];
        self.run(batch, horizon, |members, output, scales| {
            for (row, (idx, scale)) in members.iter().zip(scales).enumerate() {
                let ceiling = models::ceiling(&batch[*idx]).unwrap_or(f64::INFINITY);
                let of_length = |length: &usize| {
                    let n = *length as f32;
                    demand_quantiles(output.cumulative(row, length - 1), scale * n, f64::from(n) * ceiling)
                };
                quantiles[*idx] = lengths.iter().map(of_length).collect();
            }
        });
        quantiles
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
            let moment = Moments::of(&values, series.count_valued);
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

/// The most that was sold in a period of the past that is read.
fn most_seen(series: &SeriesInput, context_patches: usize) -> f32 {
    series.sales[Past::of(series, context_patches).own].iter().copied().fold(0.0, f64::max) as f32
}

/// Whether the highest quantile of a period is far above all sales seen.
fn is_unheard_of(output: &Output, row: usize, scale: f32, horizon: usize, most_seen: f32) -> bool {
    let bound = ((1.5 * most_seen + 2.0) / scale).asinh();
    (0..horizon).any(|step| output.marginal(row, step)[N_LEVELS - 1] > bound)
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
    /// How values depend on normal scores.
    shares: ScoreShares,
}

impl Moments {
    /// Of a count, the part between whole units falls on one of the two.
    fn of(values: &[f64; N_LEVELS], count_valued: bool) -> Self {
        let last = N_LEVELS - 1;
        let rate = (values[last] - values[last - 1]).max(0.0) / 5.0_f64.ln();
        // (weight, value, normal score) of pieces of equal level; the score of a piece is taken at its middle.
        let mut pieces = [[0.0; 3]; N_LEVELS + 1];
        pieces[0] = [LEVELS[0], values[0], SCORES[0]];
        for idx in 1..N_LEVELS {
            pieces[idx] = [LEVELS[idx] - LEVELS[idx - 1], 0.5 * (values[idx] + values[idx - 1]), SCORES[idx]];
        }
        pieces[N_LEVELS] = [1.0 - LEVELS[last], values[last] + rate, SCORES[N_LEVELS]];
        let mean: f64 = pieces.iter().map(|[weight, value, _]| weight * value).sum();
        let of_pieces: f64 = pieces.iter().map(|[weight, value, _]| weight * (value - mean).powi(2)).sum();
        let within_tail = (1.0 - LEVELS[last]) * rate * rate;
        let in_whole_units: f64 =
            pieces.iter().map(|[weight, value, _]| weight * value.fract() * (1.0 - value.fract())).sum();
        let variance = of_pieces + within_tail + if count_valued { in_whole_units } else { 0.0 };
        let shares = ScoreShares::of(&pieces);
        let share_of_pieces = if variance > 0.0 { of_pieces / variance } else { 1.0 };
        let shares =
            ScoreShares { linear: shares.linear * share_of_pieces, quadratic: shares.quadratic * share_of_pieces };
        Self { mean, variance, shares }
    }
}

/// Normal scores at the middles of the pieces of [`Moments`].
static SCORES: LazyLock<[f64; N_LEVELS + 1]> = LazyLock::new(|| {
    std::array::from_fn(|piece| {
        let (low, high) = (piece.checked_sub(1).map_or(0.0, |idx| LEVELS[idx]), *LEVELS.get(piece).unwrap_or(&1.0));
        normal_quantile(0.5 * (low + high))
    })
});

/// Share of the variance of a sum that sample paths get. The cumulative head has longer tails than sums of a Gaussian
/// copula: with all of its variance, quantiles .9 and .95 of sums of 28 days lay 5 % above its own (M5 store CA_1, 140 days
/// before the end). Of 0.7, 0.8, 0.85 and 1 this share forecast lead-time demand best (`models/base.md`).
const SHARE_OF_VARIANCE: f64 = 0.8;

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
        let of_sum = SHARE_OF_VARIANCE * Moments::of(&values, false).variance;
        let (mut deviations, mut variances) = (0.0, 0.0);
        let mut shares = ScoreShares::default();
        for moment in &moments[..length] {
            deviations += moment.variance.sqrt();
            variances += moment.variance;
            shares.linear += moment.variance * moment.shares.linear;
            shares.quadratic += moment.variance * moment.shares.quadratic;
        }
        let products = deviations * deviations - variances;
        if products <= 0.0 {
            return 0.0;
        }
        let shares = ScoreShares { linear: shares.linear / variances, quadratic: shares.quadratic / variances };
        shares.score_correlation((of_sum - variances) / products)
    });
    dependence::fit(lengths, targets)
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

/// `n · r²` below which sales show nothing of a covariate; chance alone is above it once in seventy times.
const STRENGTH_MIN: f64 = 6.0;

/// Past periods below which sales cannot show it.
const N_STRENGTH: usize = 56;

/// The covariates that went with sales in the past that is read, the strongest first: only two without a slot of their own
/// fit. On origins 56, 112 and 168 days before the end of M5 the network forecasts better without the others (weighted
/// quantile loss of CA_1 and TX_1 0.3 % lower in the mean), and Rossmann's promotions and holidays stay.
fn in_order_of_use<'a>(series: &'a SeriesInput, past: &std::ops::Range<usize>) -> Vec<&'a Covariate> {
    let is_known = |position: &usize| matches!(series.observations[*position], Observation::Full | Observation::Closed);
    let known: Vec<usize> = past.clone().filter(is_known).collect();
    let strength = |covariate: &Covariate| {
        let pairs = known.iter().map(|position| (f64::from(covariate.values[*position]), series.sales[*position]));
        known.len() as f64 * squared_correlation(pairs)
    };
    let mut covariates: Vec<(f64, &Covariate)> =
        series.covariates.iter().map(|covariate| (strength(covariate), covariate)).collect();
    covariates.retain(|(strength, _)| *strength >= STRENGTH_MIN || known.len() < N_STRENGTH);
    covariates.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    covariates.into_iter().map(|(_, covariate)| covariate).collect()
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

/// Periods of its own below which a series is read beside all that is known of its siblings: with
/// `examples/cold_start.rs` that was better after 7 and 14 days, and worse after 28.
const N_LONG_SIBLINGS: usize = 28;

/// The past that is read: from the first period that something is known of, of the series or of its siblings, at most the
/// last `context_patches` patches.
pub(crate) struct Past {
    /// Periods of siblings before the first of the series.
    n_before: usize,
    /// Periods of the series.
    own: std::ops::Range<usize>,
}

impl Past {
    pub(crate) fn of(series: &SeriesInput, context_patches: usize) -> Self {
        let (n, n_read) = (series.n_periods(), context_patches * PATCH);
        let first = series.observations.iter().position(|one| *one != Observation::Missing).unwrap_or(n);
        let own = first.max(n.saturating_sub(n_read))..n;
        let n_siblings = series.siblings.as_ref().map_or(0, Vec::len).min(n_read);
        // Siblings may go back further: the series itself was not seen then.
        let n_more = if own.len() < N_LONG_SIBLINGS { n_siblings.saturating_sub(own.len()) } else { 0 };
        let n_own_more = n_more.min(own.start);
        Self { n_before: n_more - n_own_more, own: own.start - n_own_more..n }
    }

    pub(crate) fn len(&self) -> usize {
        self.n_before + self.own.len()
    }
}

/// What a window borrows; training on real histories cuts them by the same code.
pub(crate) struct Prepared {
    past: Past,
    sales: Vec<f32>,
    observations: Vec<Observation>,
    availability: Option<Vec<f32>>,
    siblings: Option<Vec<f32>>,
    covariates: [Option<Vec<f32>>; N_KNOWN_COVARIATES],
}

impl Prepared {
    pub(crate) fn new(series: &SeriesInput, context_patches: usize, horizon: usize) -> Self {
        let past = Past::of(series, context_patches);
        let (own, n_before) = (past.own.clone(), past.n_before);
        let before = |value: f32| std::iter::repeat_n(value, n_before);
        let sales = before(0.0).chain(series.sales[own.clone()].iter().map(|sales| *sales as f32)).collect();
        let observations: Vec<Observation> = std::iter::repeat_n(Observation::Missing, n_before)
            .chain(series.observations[own.clone()].iter().copied())
            .collect();
        let availability = series.availability.as_ref();
        let availability = availability.map(|shares| before(1.0).chain(shares[own.clone()].iter().copied()).collect());
        let siblings = series.siblings.as_ref().map(|siblings| {
            let last = &siblings[siblings.len().saturating_sub(past.len())..];
            std::iter::repeat_n(f32::NAN, past.len() - last.len()).chain(last.iter().copied()).collect()
        });
        let mut covariates = [const { None }; N_KNOWN_COVARIATES];
        let mut generic = [Slot::GenericA, Slot::GenericB].into_iter();
        for covariate in in_order_of_use(series, &own) {
            let slot = slot_of(&covariate.name).or_else(|| generic.next());
            if let Some(slot) = slot {
                let end = covariate.values.len().min(own.end + horizon);
                let values = before(0.0).chain(covariate.values[own.start..end].iter().copied());
                covariates[slot as usize] = Some(values.collect());
            }
        }
        let is_closed_before = observations.contains(&Observation::Closed);
        if is_closed_before || series.open_future.iter().take(horizon).any(|open| *open < 1.0) {
            let past_open = observations.iter().map(|one| f32::from(u8::from(*one != Observation::Closed)));
            let open = past_open.chain(series.open_future.iter().copied().take(horizon));
            covariates[Slot::Open as usize] = Some(open.collect());
        }
        Self { past, sales, observations, availability, siblings, covariates }
    }

    pub(crate) fn write(
        &self,
        series: &SeriesInput,
        context_patches: usize,
        future_patches: usize,
        patches: &mut [f32],
        statics: &mut [f32],
    ) -> f32 {
        let first_period = series.first_period + self.past.own.start as i32 - self.past.n_before as i32;
        let first_day = series.bucket.first_day(first_period);
        let rows = calendar_rows(series.bucket, first_day, self.past.len() + future_patches * PATCH);
        let window = Window {
            bucket: series.bucket,
            sales: &self.sales,
            observations: &self.observations,
            availability: self.availability.as_deref(),
            siblings: self.siblings.as_deref(),
            covariates: std::array::from_fn(|slot_idx| self.covariates[slot_idx].as_deref()),
            count_valued: series.count_valued,
            pack: 1.0,
            text: None,
        };
        write(&window, &rows, context_patches, future_patches, patches, statics)
    }
}

#[cfg(test)]
mod tests {
    use restock_core::Bucket;

    use super::*;

    fn series(n: usize) -> SeriesInput {
        let sales: Vec<f64> = (0..n).map(|day| 3.0 + f64::from(day as u32 % 7)).collect();
        SeriesInput {
            key: 1,
            demand: sales.clone(),
            observations: vec![Observation::Full; n],
            sales,
            first_period: 20_000 - n as i32,
            bucket: Bucket::Day,
            covariates: vec![],
            open_future: [vec![1.0; 13], vec![0.0]].concat(),
            count_valued: true,
            availability: None,
            siblings: None,
            prior: None,
        }
    }

    fn forecast(series: SeriesInput) -> Forecast {
        let model = crate::shipped::forecaster("pretrained").expect("shipped");
        model.forecast(&[series], &ForecastRequest { horizon: 14, seed: 1 }).remove(0)
    }

    fn prior(rate: f64) -> DemandPrior {
        let source = "20 similar items, such as A, B, C".to_owned();
        DemandPrior { log_rate: rate.ln(), log_rate_sd: 0.8, season_factors: vec![], size: 3.0, source }
    }

    /// A network that was never told of a series must not make up demand: nothing sold in a year is nothing much.
    #[test]
    fn forecasts_stay_near_what_was_sold() {
        let silent = SeriesInput { sales: vec![0.0; 365], demand: vec![0.0; 365], ..series(365) };
        let most = |forecast: &Forecast| forecast.quantiles.iter().copied().fold(0.0, f64::max);
        assert!(most(&forecast(silent.clone())) <= models::ceiling(&silent).unwrap(), "two units at most");
        let wild = demand_quantiles(&[9.0; N_LEVELS], 10.0, models::ceiling(&series(60)).unwrap());
        assert_eq!(wild, [3.0 * 9.0 + 2.0; N_LEVELS]);
        assert_eq!(models::ceiling(&series(0)), None, "nothing is known, so nothing is too much");
    }

    /// Covariates that moved nothing are left out, and of three without a slot of their own the weakest comes last; of a
    /// short past nothing can be said.
    #[test]
    fn slots_go_to_what_moves_sales() {
        let mut one = series(140);
        let covariate = |name: &str, value: &dyn Fn(usize) -> f32| Covariate {
            name: name.to_owned(),
            values: (0..154).map(value).collect(),
        };
        one.covariates = vec![
            covariate("irrelevant", &|day| f32::from(u8::from(day % 11 == 0))),
            covariate("monday", &|day| f32::from(u8::from(day % 7 == 0))),
            covariate("promotion", &|_| 0.0),
            covariate("weekend", &|day| f32::from(u8::from(day % 7 >= 5))),
            covariate("day of week", &|day| (day % 7) as f32),
        ];
        let names = |past| -> Vec<&str> { in_order_of_use(&one, &past).iter().map(|one| one.name.as_str()).collect() };
        assert_eq!(names(0..140), ["day of week", "weekend", "monday"]);
        assert_eq!(names(100..140).len(), 5, "forty days tell nothing");
    }

    /// A promise of demand never seen counts only where the later half of the past bears it out.
    #[test]
    fn what_was_never_seen_needs_a_second_look() {
        let model = crate::shipped::pretrained(crate::engine::Precision::F32);
        let one = series(320);
        let (members, horizon) = ([0], 14);
        let half = |wild: f32| {
            let (mut output, mut scales) = model.chunk(std::slice::from_ref(&one), &members, 20, 1, horizon);
            let first = output.clone();
            output.marginal[N_LEVELS - 1] = wild;
            model.look_again(std::slice::from_ref(&one), &members, 10, horizon, &mut output, &mut scales);
            (first, output)
        };
        let (first, calm) = half(0.9);
        assert_eq!(first.marginal[N_LEVELS..], calm.marginal[N_LEVELS..], "nothing unheard of, no second look");
        let (first, second) = half(5.0);
        assert_ne!(first.marginal[N_LEVELS..], second.marginal[N_LEVELS..]);
        let (of_half, scales) = model.chunk(std::slice::from_ref(&one), &members, 10, 1, horizon);
        assert_eq!(second, of_half, "the half past speaks");
        assert!(!is_unheard_of(&of_half, 0, scales[0], horizon, most_seen(&one, 32)));
        // Had sales never been seen at all, half of the past promises as much: the first look stays.
        let unseen = SeriesInput { sales: vec![0.0; 320], ..one.clone() };
        assert!(is_unheard_of(&of_half, 0, scales[0], horizon, most_seen(&unseen, 32)));
    }

    /// On day one the prior is all there is, and every later day it counts less.
    #[test]
    fn the_prior_leads_on_day_one_and_fades() {
        let new = SeriesInput { prior: Some(prior(20.0)), siblings: Some(vec![20.0; 100]), ..series(0) };
        let of_prior = cold_start::predict(&new, &prior(20.0), 0, 14);
        let first = forecast(new);
        assert_eq!(first.quantiles[..13 * N_FORECAST_LEVELS], of_prior.quantiles[..13 * N_FORECAST_LEVELS]);
        assert_eq!(first.mean[13], 0.0, "closed on the last day");
        assert_eq!(first.reason, "no sales yet, like 20 similar items, such as A, B, C");
        for n in [3, 14, 56] {
            let new = SeriesInput { prior: Some(prior(20.0)), ..series(n) };
            let of_prior = cold_start::predict(&new, &prior(20.0), n, 14).mean[0];
            let (both, alone) = (forecast(new).mean[0], forecast(series(n)).mean[0]);
            let weight = 49.0 / (49.0 + (n * n) as f64);
            assert!((both - weight * of_prior - (1.0 - weight) * alone).abs() < 1e-9, "{n}: {both} {of_prior} {alone}");
        }
    }

    /// Siblings may be longer or shorter than the history; a series that has its own says more than they do.
    #[test]
    fn siblings_of_any_length_are_read() {
        for n_siblings in [0, 5, 40, 700] {
            let siblings: Vec<f32> = (0..n_siblings).map(|day| 50.0 + (day % 7) as f32).collect();
            let forecast = forecast(SeriesInput { siblings: Some(siblings), ..series(40) });
            assert!((3.0..12.0).contains(&forecast.mean[0]), "{n_siblings}: {}", forecast.mean[0]);
        }
        let past = |n: usize| Past::of(&SeriesInput { siblings: Some(vec![1.0; 700]), ..series(n) }, 4);
        assert_eq!((past(20).n_before, past(20).own.clone(), past(20).len()), (44, 0..20, 64));
        assert_eq!((past(40).n_before, past(40).len()), (0, 40), "its own says more");
    }
}
