//! What a forecaster receives and returns.
//!
//! A forecast is a *joint distribution* of demand over the horizon: marginal quantiles per period plus the
//! dependence between periods. Quantiles do not add, so every question about several periods (demand over a
//! lead time) is answered from the joint distribution, never by summing marginals.

use std::any::Any;
use std::sync::Arc;

use crate::time::{Bucket, Period};

/// The quantile levels of every forecast.
pub const QUANTILE_LEVELS: [f64; N_LEVELS] = [0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99];

/// The number of quantile levels.
pub const N_LEVELS: usize = 13;

/// The index of the median in [`QUANTILE_LEVELS`].
pub const MEDIAN_IDX: usize = 6;

/// How one past period was observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Observation {
    /// Demand was seen in full.
    Full,
    /// Stock ran out: sales are a lower bound of demand.
    Censored,
    /// Closed or unlisted: nobody could buy, and that says nothing about demand.
    Closed,
    /// Nothing is known about this period.
    Missing,
}

/// One covariate over history and horizon, for example the promotion flag.
#[derive(Clone, Debug, PartialEq)]
pub struct Covariate {
    /// Stable name: `price_log_ratio`, `promotion`, `holiday`, or the column's own name.
    pub name: String,
    /// `[n_periods + horizon]`, oldest first; 0.0 is the neutral value.
    pub values: Vec<f32>,
}

/// The demand history of one item-location, as forecasters see it.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesInput {
    /// Stable key of the item-location, the source of its random seed.
    pub key: u64,
    /// `[n_periods]`, oldest first: estimated demand in units per period. Equal to sales where the observation is
    /// `Full`, an estimate of latent demand where it is `Censored`, 0.0 where it is `Closed` or `Missing`.
    pub demand: Vec<f64>,
    /// `[n_periods]`: recorded sales in units, never changed by estimation.
    pub sales: Vec<f64>,
    /// `[n_periods]`: how each period was observed.
    pub observations: Vec<Observation>,
    /// Period of `demand[0]`.
    pub first_period: Period,
    /// Length of a period.
    pub bucket: Bucket,
    /// Known covariates over history and horizon.
    pub covariates: Vec<Covariate>,
    /// `[horizon]`: share of each future period that is open for sale, 0.0 = closed, 1.0 = open.
    pub open_future: Vec<f32>,
    /// Whether demand comes in whole units (true for everything but quantities measured in fractions).
    pub count_valued: bool,
    /// `[n_periods]`: share of each past period in which the shelf was not empty, 0.0 to 1.0, where shares are told;
    /// a stock-out at night is less than one at noon.
    pub availability: Option<Vec<f32>>,
    /// Mean sales of similar items at the same location, units per period, oldest first; NaN where none was seen. The
    /// last value belongs to the last past period, so there may be more values than `demand` has periods, and an item
    /// without any history can still have siblings.
    pub siblings: Option<Vec<f32>>,
    /// What similar items tell about the demand of an item that has hardly sold yet.
    pub prior: Option<DemandPrior>,
}

/// Demand of an item-location as similar items make it believable, before its own sales say more: the rate of an open
/// period is log-normal over items, and demand around the rate is negative binomial.
#[derive(Clone, Debug, PartialEq)]
pub struct DemandPrior {
    /// Mean of the natural logarithm of the rate, units per open period of an average season.
    pub log_rate: f64,
    /// Standard deviation of the logarithm of the rate: how far an item is from what similar items make of it.
    pub log_rate_sd: f64,
    /// `[season]`: demand of each phase of the season over the mean of all, Monday or January first; empty where
    /// nothing is known of the season.
    pub season_factors: Vec<f64>,
    /// Size k of the negative binomial of one period around its rate µ: the variance is µ + µ² / k.
    pub size: f64,
    /// Whom it is like, in words that end a sentence: `20 similar items, such as X and Y`.
    pub source: String,
}

impl SeriesInput {
    /// The number of past periods.
    pub fn n_periods(&self) -> usize {
        self.demand.len()
    }

    /// The series as it was known after its first `end` periods, with covariates over the next `horizon` periods: what
    /// a rolling-origin evaluation hands to a forecaster. Whether a future period is open comes from its observation,
    /// or from `open_future` beyond the history. A prior is only that of the whole history: an earlier one was not known.
    ///
    /// # Panics
    /// When `end > n_periods`.
    pub fn until(&self, end: usize, horizon: usize) -> SeriesInput {
        assert!(end <= self.n_periods(), "forecast origin {end} within {} periods", self.n_periods());
        let covariates = self.covariates.iter().map(|covariate| Covariate {
            name: covariate.name.clone(),
            values: covariate.values[..(end + horizon).min(covariate.values.len())].to_vec(),
        });
        let open_future = (end..end + horizon).map(|position| match self.observations.get(position) {
            Some(Observation::Closed) => 0.0,
            Some(_) => 1.0,
            None => self.open_future.get(position - self.n_periods()).copied().unwrap_or(1.0),
        });
        SeriesInput {
            key: self.key,
            demand: self.demand[..end].to_vec(),
            sales: self.sales[..end].to_vec(),
            observations: self.observations[..end].to_vec(),
            first_period: self.first_period,
            bucket: self.bucket,
            covariates: covariates.collect(),
            open_future: open_future.collect(),
            count_valued: self.count_valued,
            availability: self.availability.as_ref().map(|availability| availability[..end].to_vec()),
            siblings: self.siblings.as_ref().map(|siblings| {
                let n_later = self.n_periods() - end;
                siblings[..siblings.len().saturating_sub(n_later)].to_vec()
            }),
            prior: self.prior.clone().filter(|_| end == self.n_periods()),
        }
    }
}

/// What is asked of a forecaster.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ForecastRequest {
    /// Number of future periods, at least 1.
    pub horizon: usize,
    /// Seed of the run; combined with [`SeriesInput::key`] wherever randomness is needed.
    pub seed: u64,
}

/// How demands of different periods move together: a Gaussian copula with correlation
/// `common + (1 - common) · phi^|s - t|` between the normal scores of periods `s` and `t`.
///
/// `common = phi = 0` is independence; `common = 1` is full dependence.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Dependence {
    /// Share of variance common to all periods (uncertainty about the level), 0 to 1.
    pub common: f64,
    /// Correlation of the remaining part from one period to the next, 0 to below 1.
    pub phi: f64,
}

/// The forecast of one item-location.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// `[horizon]`: expected demand, units per period.
    pub mean: Vec<f64>,
    /// `[horizon × N_LEVELS]`, period-major: quantiles at [`QUANTILE_LEVELS`], never negative, non-decreasing
    /// within a period.
    pub quantiles: Vec<f64>,
    /// Dependence between periods.
    pub dependence: Dependence,
    /// Whether demand comes in whole units; sample paths are whole numbers then.
    pub count_valued: bool,
    /// The model that made it, for example `auto: 0.5 ets + 0.5 weighted_quantiles`.
    pub model: String,
    /// Why this model, or why a fallback was used, in a few words.
    pub reason: String,
    /// How forecasts made the same way did on the last periods; `None` where the forecaster does not look back.
    pub validation: Option<Validation>,
}

/// Errors of expected demand over the validation windows of a forecaster, each window forecast from its own origin.
/// An error is forecast less demand, so it is positive for over-forecast.
#[derive(Clone, Debug, PartialEq)]
pub struct Validation {
    /// Periods scored: open, known and not out of stock.
    pub n_periods: usize,
    /// Demand of those periods, units.
    pub demand: f64,
    /// Sum of absolute errors, units.
    pub absolute_error: f64,
    /// `[n_windows]`: sum of errors in each window, units.
    pub window_errors: Vec<f64>,
}

impl Validation {
    /// Sum of errors, units.
    pub fn cumulative_error(&self) -> f64 {
        self.window_errors.iter().sum()
    }

    /// Cumulative error over mean absolute deviation (Brown, 1959); 0 where nothing was ever wrong.
    pub fn tracking_signal(&self) -> f64 {
        let mad = self.absolute_error / self.n_periods.max(1) as f64;
        if mad > 0.0 { self.cumulative_error() / mad } else { 0.0 }
    }

    /// Whether expected demand is off for good and not by chance: in at least three windows, all in the same direction,
    /// by a fifth of demand or more, and by more than three standard errors. Of `n` independent normal errors the
    /// tracking signal has standard deviation `1.25 √n`, because their MAD is 0.8 standard deviations.
    pub fn is_biased(&self) -> bool {
        let error = self.cumulative_error();
        let same_sign = self.window_errors.iter().all(|window| *window * error > 0.0);
        self.window_errors.len() >= 3
            && same_sign
            && error.abs() >= 0.2 * self.demand
            && self.tracking_signal().abs() > 3.0 * 1.25 * (self.n_periods as f64).sqrt()
    }
}

impl Forecast {
    /// The number of periods.
    pub fn horizon(&self) -> usize {
        self.mean.len()
    }

    /// The quantiles of one period, `[N_LEVELS]`.
    pub fn period_quantiles(&self, step: usize) -> &[f64] {
        &self.quantiles[step * N_LEVELS..(step + 1) * N_LEVELS]
    }

    /// The median of one period.
    pub fn median(&self, step: usize) -> f64 {
        self.period_quantiles(step)[MEDIAN_IDX]
    }
}

/// A demand model. It is handed whole batches, because neural forecasters are fast only in batches, and keeps no
/// state between calls: the same input, request and binary give the same forecasts, in any order, on any thread.
pub trait Forecaster: Send + Sync {
    /// Stable name, as written in configuration and leaderboards.
    fn name(&self) -> &str;

    /// One forecast per series, in the order of the batch. A series that cannot be forecast well gets a wide
    /// fallback with a `reason`; it never fails the batch.
    fn forecast(&self, batch: &[SeriesInput], request: &ForecastRequest) -> Vec<Forecast>;

    /// Like [`forecast`](Self::forecast), for one origin after the other of the same series: what is kept of a series
    /// (`[n_series]`, `None` at first) spares work at its later origins. The caller holds it, so the forecaster still
    /// has no state.
    fn forecast_keeping(
        &self,
        batch: &[SeriesInput],
        request: &ForecastRequest,
        kept: &mut [Option<Kept>],
    ) -> Vec<Forecast> {
        assert_eq!(batch.len(), kept.len());
        self.forecast(batch, request)
    }
}

/// What a forecaster keeps of a series between origins, such as a choice of models; only it knows the type.
pub type Kept = Arc<dyn Any + Send + Sync>;
