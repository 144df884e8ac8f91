//! Weighted quantile loss and MASE of models on an M5 store, to compare with `benches/peers/m5_statsforecast.py`.
//!
//! ```text
//! cargo run --release -p restock-forecast --example m5_floor -- CA_1 28 auto,weighted_quantiles
//! ```
//!
//! Arguments: store, periods between the forecast origin and the end of the data (28 is the test window; use 56, 84, ...
//! while developing), models, step of the items looked at (1 = all). Reads `$RESTOCK_SHARED/data/m5`.
#![allow(clippy::print_stdout)]

mod datasets;

use std::time::Instant;

use datasets::DataSet;
use restock_core::{Forecaster, SeriesInput};
use restock_forecast::auto::Auto;
use restock_forecast::evaluate::{EvaluateOptions, evaluate};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |idx: usize, default: &str| arguments.get(idx).cloned().unwrap_or_else(|| default.to_owned());
    let store = argument(0, "CA_1");
    let back: usize = argument(1, "28").parse().expect("periods before the end");
    let names = argument(2, "weighted_quantiles,negative_binomial,auto");
    let step: usize = argument(3, "1").parse().expect("step of items");
    let DataSet { series, horizon, lead_times } = datasets::read(&format!("m5_{store}"));
    let batch: Vec<SeriesInput> = series
        .into_iter()
        .step_by(step)
        .filter(|series| series.n_periods() > back)
        .map(|series| series.until(series.n_periods() - back + horizon, horizon))
        .collect();
    println!("{store}: {} series, origin {back} days before the end", batch.len());
    let options = EvaluateOptions {
        horizon,
        lead_times: lead_times.to_vec(),
        n_origins: 1,
        n_bootstrap: 200,
        n_paths: 256,
        ..EvaluateOptions::default()
    };
    for name in names.split(',') {
        let Some(forecaster) = forecaster(name) else {
            println!("{name}: no such model");
            continue;
        };
        let begin = Instant::now();
        let board = evaluate(&batch, &[&*forecaster], &options, &|_, _| {});
        let seconds = begin.elapsed().as_secs_f64();
        datasets::print_board(name, &board, seconds);
    }
}

/// A model by name, or `auto` with other options: `auto:sharpness=5:windows=3:ses=0.2:tsb=0.1`.
fn forecaster(name: &str) -> Option<Box<dyn Forecaster>> {
    let Some(settings) = name.strip_prefix("auto:") else {
        return restock_forecast::forecaster(name);
    };
    let options = datasets::auto_options(settings)?;
    Some(Box::new(Auto { options, pretrained: None }))
}
