//! One series brought up to date is forecast as within its batch.

use restock_core::forecast::{Covariate, ForecastRequest, Observation};
use restock_core::{Bucket, Forecaster, SeriesInput};
use restock_pretrained::engine::Precision;
use restock_pretrained::shipped;
use restock_pretrained::update::{NewPeriod, append};

const HORIZON: usize = 28;
const REQUEST: ForecastRequest = ForecastRequest { horizon: HORIZON, seed: 1 };

fn sales_of(key: usize, day: usize) -> f64 {
    ((day * (5 + key % 4) + key * 3) % 11) as f64 * if day % 7 < 5 { 1.0 } else { 1.5 } + (key % 5) as f64
}

/// The first `n` days of a series that ends on day 20,000 after `n_all` days.
fn series(key: usize, n: usize, n_all: usize) -> SeriesInput {
    let sales: Vec<f64> = (0..n).map(|day| sales_of(key, day)).collect();
    let promotion = |day: usize| f32::from(u8::from((day + key).is_multiple_of(13)));
    let mut observations = vec![Observation::Full; n];
    if key.is_multiple_of(3) && n > 20 {
        observations[20] = Observation::Censored;
    }
    SeriesInput {
        key: key as u64,
        demand: sales.clone(),
        sales,
        observations,
        first_period: 20_000 - n_all as i32,
        bucket: Bucket::Day,
        covariates: vec![Covariate { name: "promotion".into(), values: (0..n + HORIZON).map(promotion).collect() }],
        open_future: (0..HORIZON).map(|step| f32::from(u8::from((n + step) % 10 != 9))).collect(),
        count_valued: true,
        availability: key.is_multiple_of(2).then(|| (0..n).map(|day| if day % 17 == 3 { 0.5 } else { 1.0 }).collect()),
        siblings: (key % 4 == 1).then(|| (0..n).map(|day| (day % 6) as f32).collect()),
        prior: None,
    }
}

/// Days of the series with this key: most of one length, some short, some longer than what is read.
fn n_days(key: usize) -> usize {
    match key % 8 {
        0 => 40,
        1 => 700,
        _ => 512,
    }
}

/// A series with one day more: what the network reads of the others is no part of it. With 7 series in a block of the
/// engine, 1, 7 and 64 fill a part of a block, one, and nine and a part.
#[test]
fn one_series_is_forecast_as_in_its_batch() {
    let model = shipped::pretrained(Precision::F32);
    for n_series in [1, 7, 64] {
        let mut batch: Vec<SeriesInput> = (0..n_series).map(|key| series(key, n_days(key), n_days(key) + 1)).collect();
        let before = model.forecast(&batch, &REQUEST);
        let changed = n_series / 2;
        let n = n_days(changed);
        let whole = series(changed, n + 1, n + 1);
        append(
            &mut batch[changed],
            &NewPeriod {
                availability: if n % 17 == 3 { 0.5 } else { 1.0 },
                siblings: (n % 6) as f32,
                covariates: whole.covariates[0].values.last().copied().into_iter().collect(),
                open: *whole.open_future.last().unwrap(),
                ..NewPeriod::sold(sales_of(changed, n))
            },
        );
        assert_eq!(batch[changed], whole, "appended is as read whole");
        let after = model.forecast(&batch, &REQUEST);
        for idx in 0..n_series {
            assert_eq!(after[idx] == before[idx], idx != changed, "series {idx} of {n_series}");
            assert_eq!(model.forecast_one(&batch[idx], &REQUEST), after[idx], "series {idx} of {n_series}");
        }
    }
}

/// The other precisions of this machine keep the same promise.
#[test]
fn every_precision_forecasts_one_as_many() {
    let batch: Vec<SeriesInput> = (0..9).map(|key| series(key, n_days(key), n_days(key))).collect();
    for precision in Precision::supported() {
        let model = shipped::pretrained(precision);
        let together = model.forecast(&batch, &REQUEST);
        for (series, forecast) in batch.iter().zip(together) {
            assert_eq!(model.forecast_one(series, &REQUEST), forecast, "{precision:?}");
        }
    }
}
