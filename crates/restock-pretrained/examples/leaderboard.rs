//! The pretrained model beside the forecasters it must beat, on the development data sets.
//!
//! ```text
//! cargo run --release -p restock-pretrained --example leaderboard -- model.safetensors m5_CA_1 56 auto,pretrained 4
//! ```
//!
//! Arguments: weights, data set, periods between the forecast origin and the end of the data (0 = the horizon, the test
//! window; more while developing), models, step of the series looked at (1 = all). `auto` is the choice without the
//! pretrained model, `auto:default` with it. Before a name, `no_covariates:` hides prices, promotions and events, `blind:`
//! takes periods with a stock-out for whole ones, `marks:` hides which share of them was in stock, and `independent:` takes periods for independent of each other. Reads
//! `$RESTOCK_SHARED/data`.
#![allow(clippy::print_stdout)]

#[path = "../../restock-forecast/examples/datasets/mod.rs"]
mod datasets;

use std::path::Path;
use std::time::Instant;

use restock_core::forecast::{Dependence, Observation};
use restock_core::{Forecast, ForecastRequest, Forecaster, SeriesInput};
use restock_forecast::auto::{Auto, AutoOptions};
use restock_forecast::evaluate::{EvaluateOptions, evaluate};
use restock_forecast::metrics::{LEAD_TIME_LEVELS, LeadTimeSums};
use restock_pretrained::config::LEVELS;
use restock_pretrained::engine::Precision;
use restock_pretrained::forecaster::Pretrained;
use restock_pretrained::weights::Weights;
use std::sync::Arc;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |idx: usize, default: &str| arguments.get(idx).cloned().unwrap_or_else(|| default.to_owned());
    let weights = Weights::read(Path::new(&argument(0, "model.safetensors"))).expect("weights");
    let names = argument(1, "m5_CA_1");
    let back: usize = argument(2, "0").parse().expect("periods before the end");
    let models = argument(3, "auto,pretrained");
    let step: usize = argument(4, "1").parse().expect("step of series");
    for name in names.split(',') {
        let data = datasets::read(name);
        let horizon = data.horizon;
        let back = back.max(horizon);
        let batch: Vec<SeriesInput> = (data.series.into_iter().step_by(step))
            .filter(|series| series.n_periods() > back)
            .map(|series| series.until(series.n_periods() - back + horizon, horizon))
            .collect();
        println!("{name}: {} series, horizon {horizon}, origin {back} periods before the end", batch.len());
        let options = EvaluateOptions {
            horizon,
            n_origins: 1,
            lead_times: data.lead_times.to_vec(),
            min_periods: 1,
            n_bootstrap: 200,
            n_paths: 256,
            ..EvaluateOptions::default()
        };
        for model in models.split(',') {
            let mut name = model;
            let mut without = |prefix: &str| match name.strip_prefix(prefix) {
                Some(rest) => {
                    name = rest;
                    true
                }
                None => false,
            };
            let (hidden, blind, independent) = (without("no_covariates:"), without("blind:"), without("independent:"));
            let marks = without("marks:");
            if name == "cumulative_head" {
                cumulative_head(&Pretrained::new(&weights, Precision::fastest()), &batch, horizon, &data.lead_times);
                continue;
            }
            let common = name.strip_prefix("common=").map(|rest| {
                let (value, rest) = rest.split_once(':').expect("common=share:model");
                name = rest;
                value.parse::<f64>().expect("a share")
            });
            let forecaster: Box<dyn Forecaster> = match name {
                "pretrained" => Box::new(Pretrained::new(&weights, Precision::F32)),
                "long" => Box::new(Pretrained::new(&weights, Precision::F32).with_context_patches(64)),
                "short" => Box::new(Pretrained::new(&weights, Precision::F32).with_context_patches(16)),
                "int8" => Box::new(Pretrained::new(&weights, Precision::Int8)),
                "fast" => Box::new(Pretrained::new(&weights, Precision::fastest())),
                other => match other.strip_prefix("auto:") {
                    Some(settings) => {
                        let options = match settings {
                            "default" => AutoOptions::default(),
                            settings => datasets::auto_options(settings).expect("name=weight:…"),
                        };
                        let pretrained = Pretrained::new(&weights, Precision::fastest());
                        Box::new(Auto { options, pretrained: Some(Arc::new(pretrained)) })
                    }
                    None => restock_forecast::forecaster(other).expect("a model"),
                },
            };
            let forecaster: Box<dyn Forecaster> = Box::new(Changed { forecaster, blind, independent, common });
            let mut series = batch.clone();
            if marks {
                series.iter_mut().for_each(|one| one.availability = None);
            }
            if hidden {
                series.iter_mut().for_each(|one| one.covariates.clear());
            }
            let begin = Instant::now();
            let board = evaluate(&series, &[&*forecaster], &options, &|_, _| {});
            let seconds = begin.elapsed().as_secs_f64();
            datasets::print_board(model, &board, seconds);
            if batch.iter().any(|series| series.availability.is_some()) {
                sales_while_in_stock(&*forecaster, &series, &batch, horizon);
            }
        }
    }
}

/// A forecaster that is told less, or whose forecasts say less.
struct Changed {
    forecaster: Box<dyn Forecaster>,
    blind: bool,
    independent: bool,
    common: Option<f64>,
}

impl Forecaster for Changed {
    fn name(&self) -> &str {
        self.forecaster.name()
    }

    fn forecast(&self, batch: &[SeriesInput], request: &ForecastRequest) -> Vec<Forecast> {
        let mut batch = batch.to_vec();
        if self.blind {
            batch.iter_mut().for_each(|series| series.availability = None);
            for observation in batch.iter_mut().flat_map(|series| &mut series.observations) {
                if *observation == Observation::Censored {
                    *observation = Observation::Full;
                }
            }
        }
        let mut forecasts = self.forecaster.forecast(&batch, request);
        if self.independent {
            forecasts.iter_mut().for_each(|forecast| forecast.dependence = Dependence::default());
        }
        if let Some(common) = self.common {
            forecasts.iter_mut().for_each(|forecast| forecast.dependence = Dependence { common, phi: 0.0 });
        }
        forecasts
    }
}

/// Errors of forecasts of all periods, those with a stock-out too: a forecast of demand times the share of the period in
/// stock is one of sales. Only whole periods in stock would be the periods of low demand.
fn sales_while_in_stock(forecaster: &dyn Forecaster, series: &[SeriesInput], batch: &[SeriesInput], horizon: usize) {
    let inputs: Vec<SeriesInput> =
        series.iter().map(|series| series.until(series.n_periods() - horizon, horizon)).collect();
    let forecasts = forecaster.forecast(&inputs, &ForecastRequest { horizon, seed: 1 });
    let (mut absolute, mut of_median, mut error, mut sold) = (0.0, 0.0, 0.0, 0.0);
    for (forecast, whole) in forecasts.iter().zip(batch) {
        let origin = whole.n_periods() - horizon;
        let Some(availability) = &whole.availability else { continue };
        for step in 0..horizon {
            let (share, sales) = (f64::from(availability[origin + step]), whole.sales[origin + step]);
            let expected = forecast.mean[step] * share;
            absolute += (expected - sales).abs();
            of_median += (forecast.median(step) * share - sales).abs();
            error += expected - sales;
            sold += sales;
        }
    }
    println!(
        "    sales while in stock: WAPE {:.4} (of the median {:.4}), bias {:+.4}",
        absolute / sold,
        of_median / sold,
        error / sold
    );
}

/// The quantiles of the cumulative head itself, without sample paths between.
fn cumulative_head(model: &Pretrained, batch: &[SeriesInput], horizon: usize, lengths: &[usize]) {
    let inputs: Vec<SeriesInput> =
        batch.iter().map(|series| series.until(series.n_periods() - horizon, horizon)).collect();
    let mut sums = vec![LeadTimeSums::default(); lengths.len()];
    for (series, quantiles) in batch.iter().zip(model.lead_time_quantiles(&inputs, lengths)) {
        let origin = series.n_periods() - horizon;
        for ((sums, length), quantiles) in sums.iter_mut().zip(lengths).zip(quantiles) {
            let window = origin..origin + length;
            let known = |one: &Observation| matches!(one, Observation::Full | Observation::Closed);
            if series.observations[window.clone()].iter().all(known) {
                let at = |level: f64| {
                    let above = LEVELS.iter().position(|one| *one >= level - 1e-9).expect("a level");
                    let share = (LEVELS[above] - level) / (LEVELS[above] - LEVELS[above - 1]);
                    quantiles[above] + share * (quantiles[above - 1] - quantiles[above])
                };
                sums.add(series.demand[window].iter().sum(), &LEAD_TIME_LEVELS.map(at));
            }
        }
    }
    println!("cumulative_head all          n {}", batch.len());
    for (sums, length) in sums.iter().zip(lengths) {
        let line = |values: [f64; 6], per: f64| values.map(|value| format!("{:.3}", value / per)).join(" ");
        let (below, pinball) = (line(sums.below, sums.n_windows), line(sums.pinball, sums.actual));
        println!("    lead {length:2} at .5 .8 .9 .95 .975 .99: coverage {below} pinball {pinball}");
    }
}
