//! CPU seconds per series of each model.
//!
//! Without arguments (`cargo bench -p restock-forecast --bench throughput`) on made-up series; with
//! `--series FILE` on the series of a text file, one per line: first day since 1970-01-01, a tab, and the daily
//! quantities separated by commas. `benches/peers/forecast_throughput.py` writes such a file and compares.
//! Each line printed is `method`, number of forecasts, CPU seconds.

#![allow(clippy::print_stdout)]

use restock_core::SeriesInput;
use restock_core::forecast::Observation;
use restock_core::time::Bucket;
use restock_forecast::models::{self, croston, fit_ets, sba, tsb};

const HORIZON: usize = 28;

/// CPU time of this thread, seconds: from Linux' scheduler, elsewhere wall time.
fn cpu_seconds() -> f64 {
    let nanoseconds = std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    nanoseconds.map_or_else(
        || std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0.0, |elapsed| elapsed.as_secs_f64()),
        |nanoseconds| nanoseconds / 1e9,
    )
}

fn series_of(first_period: i32, demand: Vec<f64>) -> SeriesInput {
    SeriesInput {
        key: 0,
        sales: demand.clone(),
        observations: vec![Observation::Full; demand.len()],
        demand,
        first_period,
        bucket: Bucket::Day,
        covariates: Vec::new(),
        open_future: vec![1.0; HORIZON],
        count_valued: true,
        availability: None,
        siblings: None,
        prior: None,
    }
}

/// Slow movers with a weekly pattern, 400 days each.
fn made_up() -> Vec<SeriesInput> {
    let mut state = 1_u64;
    (0..40)
        .map(|item| {
            let demand = (0..400)
                .map(|day| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let uniform = (state >> 11) as f64 / (1_u64 << 53) as f64;
                    let rate = (0.2 + 0.1 * f64::from(item)) * if day % 7 < 2 { 2.0 } else { 1.0 };
                    (-rate * (1.0 - uniform).ln()).floor()
                })
                .collect();
            series_of(16_000, demand)
        })
        .collect()
}

fn measure(name: &str, all: &[SeriesInput], n_repeats: usize, mut forecast: impl FnMut(&SeriesInput) -> f64) {
    let mut checksum = 0.0;
    for series in all.iter().take(3) {
        checksum += forecast(series);
    }
    let begin = cpu_seconds();
    for _ in 0..n_repeats {
        for series in all {
            checksum += forecast(series);
        }
    }
    let seconds = cpu_seconds() - begin;
    assert!(checksum.is_finite(), "forecasts are finite");
    println!("{name}\t{}\t{seconds:.6}", all.len() * n_repeats);
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let file = arguments.iter().position(|argument| argument == "--series").and_then(|at| arguments.get(at + 1));
    let all: Vec<SeriesInput> = match file {
        None => made_up(),
        Some(path) => std::fs::read_to_string(path)
            .expect("the series file is readable")
            .lines()
            .map(|line| {
                let (first, quantities) = line.split_once('\t').expect("a first day, a tab, quantities");
                let demand = quantities.split(',').map(|text| text.parse().expect("a quantity")).collect();
                series_of(first.parse().expect("a day number"), demand)
            })
            .collect(),
    };

    // The same work as the peers: the whole history, mean and variance of each period (ETS), fixed constants (Croston).
    measure("peer:ets", &all, 2, |series| {
        fit_ets(&series.demand, 7, 0, None)
            .map_or(0.0, |fit| fit.moments(HORIZON, series.demand.len() % 7).1[HORIZON - 1])
    });
    let rate = |fit: Option<models::Intermittent>| fit.map_or(0.0, |state| vec![state.rate; HORIZON][HORIZON - 1]);
    measure("peer:croston", &all, 1000, |series| rate(croston(&series.demand, 0.1)));
    measure("peer:sba", &all, 1000, |series| rate(sba(&series.demand, 0.1)));
    measure("peer:tsb", &all, 1000, |series| rate(tsb(&series.demand, 0.1, 0.1)));
    // What a plan calls: chosen constants and all quantiles.
    for model in models::all() {
        let n_repeats = if model.name() == "ets" { 2 } else { 20 };
        measure(model.name(), &all, n_repeats, |series| {
            model.predict(series, series.n_periods(), HORIZON).map_or(0.0, |predictive| predictive.mean[0])
        });
    }
}
