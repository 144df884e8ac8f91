//! Weighted quantile loss and MASE of models on an M5 store, to compare with `benches/peers/m5_statsforecast.py`.
//!
//! ```text
//! cargo run --release -p restock-forecast --example m5_floor -- CA_1 28 auto,weighted_quantiles
//! ```
//!
//! Arguments: store, periods between the forecast origin and the end of the data (28 is the test window; use 56, 84, ...
//! while developing), models, step of the items looked at (1 = all). Reads `$RESTOCK_SHARED/data/m5`.
#![allow(clippy::print_stdout)]

use std::fs::File;
use std::path::PathBuf;
use std::time::Instant;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float32Type, Int16Type, Int32Type};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use restock_core::forecast::{Covariate, Observation};
use restock_core::{Bucket, Forecaster, SeriesInput};
use restock_forecast::MODEL_NAMES;
use restock_forecast::auto::{Auto, AutoOptions};
use restock_forecast::evaluate::{EvaluateOptions, evaluate};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |idx: usize, default: &str| arguments.get(idx).cloned().unwrap_or_else(|| default.to_owned());
    let store = argument(0, "CA_1");
    let back: usize = argument(1, "28").parse().expect("periods before the end");
    let names = argument(2, "weighted_quantiles,negative_binomial,auto");
    let step: usize = argument(3, "1").parse().expect("step of items");
    let horizon = 28;

    let shared = std::env::var("RESTOCK_SHARED").unwrap_or_else(|_| "../shared".to_owned());
    let path = PathBuf::from(shared).join(format!("data/m5/sales_{store}.parquet"));
    let all = read(&path);
    let batch: Vec<SeriesInput> = all
        .into_iter()
        .step_by(step)
        .filter(|series| series.n_periods() > back)
        .map(|series| series.until(series.n_periods() - back + horizon, horizon))
        .collect();
    println!("{store}: {} series, origin {back} days before the end", batch.len());
    let options = EvaluateOptions { n_origins: 1, n_bootstrap: 200, n_paths: 256, ..EvaluateOptions::default() };
    for name in names.split(',') {
        let Some(forecaster) = forecaster(name) else {
            println!("{name}: no such model");
            continue;
        };
        let begin = Instant::now();
        let board = evaluate(&batch, &[&*forecaster], &options, &|_, _| {});
        let seconds = begin.elapsed().as_secs_f64();
        for row in &board.rows {
            println!(
                "{:22} {:12} n {:5} WQL {:.5} [{:.5} {:.5}] MASE {:.5} RMSSE {:.4} SQL {:.4} bias {:+.3} {seconds:.1} s",
                name,
                row.group,
                row.n_series,
                row.wql.value,
                row.wql.low,
                row.wql.high,
                row.mase.value,
                row.rmsse,
                row.sql,
                row.bias
            );
            if row.group == "all" {
                let short =
                    |values: &[f64]| values.iter().map(|value| format!("{value:.3}")).collect::<Vec<_>>().join(" ");
                println!("    coverage {}", short(&row.coverage));
                for lead in &row.lead_times {
                    println!(
                        "    lead {:2} at .5 .8 .9 .95 .975 .99: coverage {} pinball {}",
                        lead.lead_time,
                        short(&lead.coverage),
                        short(&lead.pinball)
                    );
                }
            }
        }
    }
}

/// A model by name, or `auto` with other options: `auto:sharpness=5:windows=3:ses=0.2:tsb=0.1`.
fn forecaster(name: &str) -> Option<Box<dyn Forecaster>> {
    let Some(settings) = name.strip_prefix("auto:") else {
        return restock_forecast::forecaster(name);
    };
    let mut options = AutoOptions { candidates: vec![], ..AutoOptions::default() };
    for setting in settings.split(':') {
        let (key, value) = setting.split_once('=')?;
        let value: f64 = value.parse().ok()?;
        match key {
            "sharpness" => options.sharpness = value,
            "windows" => options.n_windows = value as usize,
            "minimum" => options.weight_min = value,
            model => options.candidates.push((MODEL_NAMES.iter().find(|known| **known == model)?, value)),
        }
    }
    Some(Box::new(Auto { options }))
}

/// One series per item, from its first day with a price; covariate: log of the price over its trailing mean.
fn read(path: &PathBuf) -> Vec<SeriesInput> {
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}; set RESTOCK_SHARED", path.display()));
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).expect("a parquet file");
    let mask = ProjectionMask::columns(builder.parquet_schema(), ["item_id", "date", "quantity", "price"]);
    let mut series: Vec<SeriesInput> = Vec::new();
    let mut prices: Vec<Vec<f32>> = Vec::new();
    let mut last_item = String::new();
    for batch in builder.with_projection(mask).with_batch_size(65_536).build().expect("readable") {
        let batch = batch.expect("readable");
        let column = |name: &str| batch.column_by_name(name).expect("a known column");
        let items = column("item_id").as_dictionary::<Int32Type>();
        let names = items.values().as_string::<i32>();
        let days = column("date").as_primitive::<Date32Type>();
        let quantity = column("quantity").as_primitive::<Int16Type>();
        let price = column("price").as_primitive::<Float32Type>();
        for row in 0..batch.num_rows() {
            use arrow_array::Array;
            if price.is_null(row) {
                continue;
            }
            let name = names.value(items.keys().value(row) as usize);
            if name != last_item {
                name.clone_into(&mut last_item);
                prices.push(vec![]);
                series.push(SeriesInput {
                    key: series.len() as u64,
                    demand: vec![],
                    sales: vec![],
                    observations: vec![],
                    first_period: days.value(row),
                    bucket: Bucket::Day,
                    covariates: vec![],
                    open_future: vec![],
                    count_valued: true,
                });
            }
            let one = series.last_mut().expect("a series");
            one.demand.push(f64::from(quantity.value(row)));
            prices.last_mut().expect("a series").push(price.value(row));
        }
    }
    for (one, prices) in series.iter_mut().zip(prices) {
        one.sales.clone_from(&one.demand);
        one.observations = vec![Observation::Full; one.demand.len()];
        let mut usual = prices[0];
        let values = prices
            .iter()
            .map(|price| {
                let ratio = (price / usual).ln();
                usual += 0.02 * (price - usual);
                if ratio.abs() < 0.02 { 0.0 } else { ratio }
            })
            .collect();
        if std::env::var_os("NO_PRICE").is_none() {
            one.covariates.push(Covariate { name: "price_log_ratio".to_owned(), values });
        }
    }
    series
}
