//! The same history has the same forecast, so it is made once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use restock_core::{Forecast, ForecastRequest, Forecaster, SeriesInput};

use super::fingerprint::of_series;

/// A forecaster that remembers the last forecast of each series. A day's sales do not change the history, which ends the
/// day before, so most plans of a day find their forecasts made. Results are those of the forecaster itself.
pub struct Remembering {
    forecaster: Box<dyn Forecaster>,
    /// By the key of the series: what it was made from, and the forecast.
    known: Mutex<HashMap<u64, (blake3::Hash, Forecast)>>,
}

impl Remembering {
    /// Remembers what `forecaster` says.
    pub fn new(forecaster: Box<dyn Forecaster>) -> Self {
        Self { forecaster, known: Mutex::default() }
    }
}

impl Forecaster for Remembering {
    fn name(&self) -> &str {
        self.forecaster.name()
    }

    fn forecast(&self, batch: &[SeriesInput], request: &ForecastRequest) -> Vec<Forecast> {
        let made_from = |series: &SeriesInput| {
            let mut hasher = blake3::Hasher::new();
            hasher.update(of_series(series).as_bytes());
            hasher.update(format!("{request:?}").as_bytes());
            hasher.finalize()
        };
        let hashes: Vec<blake3::Hash> = batch.iter().map(made_from).collect();
        let mut forecasts: Vec<Option<Forecast>> = {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            let remembered = |(series, hash): (&SeriesInput, &blake3::Hash)| {
                known.get(&series.key).filter(|(from, _)| from == hash).map(|(_, forecast)| forecast.clone())
            };
            batch.iter().zip(&hashes).map(remembered).collect()
        };
        let missing: Vec<usize> = (0..batch.len()).filter(|idx| forecasts[*idx].is_none()).collect();
        if !missing.is_empty() {
            let unknown: Vec<SeriesInput> = missing.iter().map(|idx| batch[*idx].clone()).collect();
            let made = self.forecaster.forecast(&unknown, request);
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            for (idx, forecast) in missing.into_iter().zip(made) {
                known.insert(batch[idx].key, (hashes[idx], forecast.clone()));
                forecasts[idx] = Some(forecast);
            }
        }
        forecasts.into_iter().map(|forecast| forecast.expect("known or made")).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use restock_core::forecast::Dependence;
    use restock_core::{N_LEVELS, forecast::Observation};

    use super::*;

    struct Counting(Arc<AtomicUsize>);

    impl Forecaster for Counting {
        fn name(&self) -> &str {
            "counting"
        }

        fn forecast(&self, batch: &[SeriesInput], request: &ForecastRequest) -> Vec<Forecast> {
            self.0.fetch_add(batch.len(), Ordering::Relaxed);
            let of = |series: &SeriesInput| Forecast {
                mean: vec![series.demand.iter().sum(); request.horizon],
                quantiles: vec![0.0; request.horizon * N_LEVELS],
                dependence: Dependence::default(),
                count_valued: true,
                model: "counting".to_owned(),
                reason: String::new(),
                validation: None,
            };
            batch.iter().map(of).collect()
        }
    }

    #[test]
    fn only_what_is_new_is_forecast_again() {
        let series = |key: u64, last: f64| SeriesInput {
            key,
            demand: vec![1.0, last],
            sales: vec![1.0, last],
            observations: vec![Observation::Full; 2],
            first_period: 0,
            bucket: restock_core::Bucket::Day,
            covariates: Vec::new(),
            open_future: vec![1.0; 3],
            count_valued: true,
            availability: None,
            siblings: None,
            prior: None,
        };
        let n_made = Arc::new(AtomicUsize::new(0));
        let forecaster = Remembering::new(Box::new(Counting(n_made.clone())));
        let request = ForecastRequest { horizon: 3, seed: 1 };
        let first = forecaster.forecast(&[series(1, 2.0), series(2, 3.0)], &request);
        assert_eq!(
            forecaster.forecast(&[series(2, 3.0), series(1, 2.0)], &request),
            [first[1].clone(), first[0].clone()]
        );
        assert_eq!(n_made.load(Ordering::Relaxed), 2);
        let changed = forecaster.forecast(&[series(1, 2.0), series(2, 4.0)], &request);
        assert_eq!((changed[0].mean[0], changed[1].mean[0]), (3.0, 5.0));
        assert_eq!(n_made.load(Ordering::Relaxed), 3);
        let closed = SeriesInput { open_future: vec![1.0, 0.0, 1.0], ..series(1, 2.0) };
        forecaster.forecast(&[closed], &request);
        forecaster.forecast(&[series(1, 2.0)], &ForecastRequest { horizon: 4, seed: 1 });
        assert_eq!(n_made.load(Ordering::Relaxed), 5, "other days and other horizons are other forecasts");
    }
}
