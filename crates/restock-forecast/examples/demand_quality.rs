//! Quality of demand distributions, of single periods and of sums over lead times, on several development data sets.
//!
//! ```text
//! cargo run --release -p restock-forecast --example demand_quality -- m5_CA_1 56,84,140 auto,empirical_sums 3
//! ```
//!
//! Arguments: data set (`m5_CA_1`, `m5_TX_1`, `store_item`, `online_retail`, `freshretailnet`, `online_retail_weekly`,
//! `favorita_weekly`, `carparts`, `hospital`, `stallion`); periods between each forecast origin and the end of the data;
//! models; step of the series looked at (1 = all). An origin one horizon before the end is the test window, to be looked at once; develop on earlier ones.
//!
//! `empirical_sums` is the alternative that any joint distribution has to beat: the distribution of past sums over
//! windows of the same length, recent ones weighing more. It has no marginals. With `SCORES=file.csv` the losses of each
//! series are appended to a file, for paired comparisons between two builds.
#![allow(clippy::print_stdout)]

mod datasets;

use std::io::Write;
use std::time::Instant;

use rayon::prelude::*;
use restock_core::{ForecastRequest, Forecaster, SeriesInput};
use restock_forecast::auto::Auto;
use restock_forecast::metrics::{
    LEAD_TIME_LEVELS, LeadTimeSums, N_WQL_LEVELS, ScoreSums, WQL_LEVELS, seasonal_error, seasonal_squared_error,
};
use restock_forecast::paths::sample_paths;

const SEED: u64 = 42;
const N_PATHS: usize = 256;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |idx: usize, default: &str| arguments.get(idx).cloned().unwrap_or_else(|| default.to_owned());
    let name = argument(0, "m5_CA_1");
    let data = datasets::read(&name);
    let backs: Vec<usize> =
        argument(1, "56").split(',').map(|back| back.parse().expect("periods before the end")).collect();
    assert!(backs.iter().all(|back| *back >= data.horizon), "an origin lies a horizon of {} back", data.horizon);
    let step: usize = argument(3, "1").parse().expect("step of series");
    let n_periods_min = 2 * data.horizon;
    let series: Vec<&SeriesInput> = data.series.iter().step_by(step).collect();
    println!("{name}: {} series, origins {backs:?} periods before the end", series.len());

    for model in argument(2, "auto,empirical_sums").split(',') {
        let begin = Instant::now();
        // [n_series]: sums over the origins.
        let scores: Vec<ScoreSums> = series
            .par_iter()
            .map(|series| {
                let mut sums = ScoreSums::default();
                for back in &backs {
                    if let Some(end) = series.n_periods().checked_sub(*back).filter(|end| *end >= n_periods_min) {
                        sums.merge(&score(model, series, end, data.horizon, &data.lead_times));
                    }
                }
                sums
            })
            .collect();
        let mut total = ScoreSums::default();
        scores.iter().for_each(|one| total.merge(one));
        let seconds = begin.elapsed().as_secs_f64();
        println!("{model:22} WQL {:.5} MASE {:.5} bias {:+.3} {seconds:.1} s", total.wql(), total.mase(), total.bias());
        println!("    coverage {}", short(&total.coverage()));
        for (lead_time, sums) in data.lead_times.iter().zip(&total.lead_times) {
            println!(
                "    lead {lead_time:2} at .5 .8 .9 .95 .975 .99: coverage {} pinball {}",
                short(&sums.below.map(|below| below / sums.n_windows)),
                short(&sums.pinball.map(|loss| loss / sums.actual))
            );
        }
        if let Some(path) = std::env::var_os("SCORES") {
            append(&path, &name, model, &data.lead_times, &scores);
        }
    }
}

fn short(values: &[f64]) -> String {
    values.iter().map(|value| format!("{value:.4}")).collect::<Vec<_>>().join(" ")
}

fn score(model: &str, series: &SeriesInput, end: usize, horizon: usize, lead_times: &[usize]) -> ScoreSums {
    let actual = &series.demand[end..end + horizon];
    let mut sums = ScoreSums::default();
    let mut add_sums = |lead_time: usize, quantiles: [f64; LEAD_TIME_LEVELS.len()]| {
        let mut one = LeadTimeSums::default();
        one.add(actual[..lead_time].iter().sum(), &quantiles);
        sums.lead_times.push(one);
    };
    if model == "empirical_sums" {
        for lead_time in lead_times {
            add_sums(*lead_time, empirical_sums(&series.demand[..end], *lead_time, series.bucket.days()));
        }
        return sums;
    }
    let forecaster = forecaster(model).unwrap_or_else(|| panic!("no model {model}"));
    let input = series.until(end, horizon);
    let forecast = &forecaster.forecast(&[input], &ForecastRequest { horizon, seed: SEED })[0];
    let paths = sample_paths(forecast, N_PATHS, SEED ^ series.key);
    for lead_time in lead_times {
        let distribution = paths.total(0, *lead_time);
        add_sums(*lead_time, LEAD_TIME_LEVELS.map(|level| distribution.quantile(level)));
    }
    let past = &series.demand[..end];
    let season = if past.len() > series.bucket.season() { series.bucket.season() } else { 1 };
    let (scale, squared) = (seasonal_error(past, season), seasonal_squared_error(past, season));
    sums.add(actual, &forecast.mean, &forecast.quantiles, scale, squared);
    sums
}

/// A model by name, or `auto` with other options: `auto:sharpness=5:windows=3:negative_binomial=2:tsb=0.1`.
fn forecaster(name: &str) -> Option<Box<dyn Forecaster>> {
    let Some(settings) = name.strip_prefix("auto:") else {
        return restock_forecast::forecaster(name);
    };
    let options = datasets::auto_options(settings)?;
    Some(Box::new(Auto { options, pretrained: None }))
}

/// Quantiles of past sums over `length` periods, weighed like single periods in `weighted_quantiles`.
fn empirical_sums(past: &[f64], length: usize, period_days: f64) -> [f64; LEAD_TIME_LEVELS.len()] {
    let decays = [14.0, 90.0].map(|half_life: f64| 0.5_f64.powf((period_days / half_life).min(0.25)));
    let first = past.len().saturating_sub((364.0 / period_days).max(60.0) as usize);
    let mut windows: Vec<(f64, f64)> = past[first..]
        .windows(length)
        .rev()
        .enumerate()
        .map(|(age, window)| {
            let weight = decays.iter().map(|decay| (1.0 - decay) * decay.powi(age as i32)).sum();
            (window.iter().sum(), weight)
        })
        .collect();
    windows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = windows.iter().map(|window| window.1).sum();
    LEAD_TIME_LEVELS.map(|level| {
        let mut below = 0.0;
        for (sum, weight) in &windows {
            below += weight;
            if below >= level * total {
                return *sum;
            }
        }
        windows.last().map_or(0.0, |window| window.0)
    })
}

fn append(path: &std::ffi::OsStr, name: &str, model: &str, lead_times: &[usize], scores: &[ScoreSums]) {
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).expect("a file to append to");
    for (idx, sums) in scores.iter().enumerate().filter(|(_, sums)| !sums.lead_times.is_empty()) {
        let loss = 2.0 * sums.pinball[WQL_LEVELS].iter().sum::<f64>() / N_WQL_LEVELS as f64;
        let mut line = format!("{name},{model},{idx},{loss},{},{},{}", sums.actual, sums.mase, sums.n_scaled);
        for (lead_time, sums) in lead_times.iter().zip(&sums.lead_times) {
            line += &format!(",{lead_time},{},{}", sums.actual, sums.n_windows);
            for (loss, below) in sums.pinball.iter().zip(&sums.below) {
                line += &format!(",{loss},{below}");
            }
        }
        writeln!(file, "{line}").expect("written");
    }
}
