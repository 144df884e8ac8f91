//! One series brought up to date: a new period is appended and the series is forecast again, without the rest of its batch.
//!
//! The network reads patches of 16 periods that end at the forecast origin, and every token attends to every other. A new
//! period moves the borders of all patches, so nothing of the last forecast can be used again: what an update saves is all
//! other series. It costs one run of the network for one series (`benches/inference.rs`, `one_series`), on the thread that
//! asks: the matrix products of one series are too small to be shared out.
//!
//! ```
//! use restock_core::forecast::{ForecastRequest, Observation, SeriesInput};
//! use restock_pretrained::update::{NewPeriod, append};
//! use restock_pretrained::{engine::Precision, shipped};
//!
//! let sales: Vec<f64> = (0..60).map(|day| if day % 7 < 5 { 10.0 } else { 30.0 }).collect();
//! let mut series = SeriesInput {
//!     key: 1,
//!     demand: sales.clone(),
//!     observations: vec![Observation::Full; sales.len()],
//!     sales,
//!     first_period: 20_000,
//!     bucket: restock_core::Bucket::Day,
//!     covariates: vec![],
//!     open_future: vec![1.0; 7],
//!     count_valued: true,
//!     availability: None,
//!     siblings: None,
//!     prior: None,
//! };
//! let model = shipped::pretrained(Precision::fastest());
//! let request = ForecastRequest { horizon: 7, seed: 1 };
//! let before = model.forecast_one(&series, &request);
//! append(&mut series, &NewPeriod::sold(10.0));
//! let after = model.forecast_one(&series, &request);
//! // What was the second day ahead is the first.
//! assert!((after.mean[0] - before.mean[1]).abs() < 0.3 * before.mean[1]);
//! ```

use restock_core::forecast::{Forecast, ForecastRequest, Observation};
use restock_core::{Forecaster, SeriesInput};

use crate::forecaster::Pretrained;

/// What is known of the period after the last one of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct NewPeriod {
    /// Recorded sales, units.
    pub sales: f64,
    /// Demand with a stock-out made good, units; sales where there was none.
    pub demand: f64,
    /// How it was observed.
    pub observation: Observation,
    /// Share of the period in stock, 0 to 1; read where the series has shares.
    pub availability: f32,
    /// Mean sales of the siblings, units; NaN where none was observed. Read where the series has siblings.
    pub siblings: f32,
    /// Values of covariates, in the order of the series, of the period that the forecast now reaches for the first time;
    /// none where the series knows its covariates further ahead than it is forecast.
    pub covariates: Vec<f32>,
    /// Share of that period in which one can buy, 0 to 1.
    pub open: f32,
}

impl NewPeriod {
    /// A period in which this was sold, always in stock, with nothing new known of the future.
    pub fn sold(sales: f64) -> Self {
        Self {
            sales,
            demand: sales,
            observation: Observation::Full,
            availability: 1.0,
            siblings: f32::NAN,
            covariates: Vec::new(),
            open: 1.0,
        }
    }
}

/// Appends a period to a series: the forecast origin moves on by one.
///
/// # Panics
/// Unless the period has a value for every covariate of the series, or none.
pub fn append(series: &mut SeriesInput, period: &NewPeriod) {
    series.sales.push(period.sales);
    series.demand.push(period.demand);
    series.observations.push(period.observation);
    if let Some(shares) = &mut series.availability {
        shares.push(period.availability);
    }
    if let Some(siblings) = &mut series.siblings {
        siblings.push(period.siblings);
    }
    if !period.covariates.is_empty() {
        assert_eq!(period.covariates.len(), series.covariates.len(), "one value for each covariate");
        for (covariate, value) in series.covariates.iter_mut().zip(&period.covariates) {
            covariate.values.push(*value);
        }
    }
    if !series.open_future.is_empty() {
        series.open_future.remove(0);
        series.open_future.push(period.open);
    }
}

impl Pretrained {
    /// The forecast of one series, bit for bit the one that [`Forecaster::forecast`] makes of it within any batch.
    ///
    /// # Panics
    /// When the horizon is 0.
    pub fn forecast_one(&self, series: &SeriesInput, request: &ForecastRequest) -> Forecast {
        self.forecast(std::slice::from_ref(series), request).remove(0)
    }
}
