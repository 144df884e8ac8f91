//! Series forecast per second: 512 steps of history, 28 steps ahead.
//!
//! `cargo bench -p restock-pretrained --bench inference`, on AMD EPYC with AVX-512 (Zen 4), processor time of one core while
//! others were at work on the machine; with two threads it is the same within 5 %. A series of the base size is 0.325, of
//! the nano size 0.063 billion operations.
//!
//! | size | precision | ms a series | GFLOP/s a core | series a minute on 2 cores |
//! |---|---|---|---|---|
//! | base | f32 | 3.6 | 90 | 33,000 |
//! | base | bf16 | 2.1 | 155 | 57,000 |
//! | base | int8 | 1.5 | 217 | 80,000 |
//! | nano | f32 | 0.74 | 86 | 162,000 |
//! | nano | bf16 | 0.48 | 132 | 250,000 |
//! | nano | int8 | 0.38 | 167 | 315,000 |
//!
//! `one_series` is one update from the history to the forecast, 7 covariates read, on one thread: 6.3 ms in f32, 2.4 in
//! bf16 and 1.7 in int8 for the base size, 0.81, 0.54 and 0.46 for nano (fastest of 100, others at work on the machine).

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use restock_core::forecast::{Covariate, ForecastRequest, Observation};
use restock_core::{Bucket, SeriesInput};
use restock_pretrained::config::{ModelConfig, N_STATIC, PATCH, PATCH_WIDTH};
use restock_pretrained::engine::{Engine, Input, Precision};
use restock_pretrained::shipped;
use restock_pretrained::weights::Weights;

const N_SERIES: usize = 112;
const CONTEXT_PATCHES: usize = 32;
const FUTURE_PATCHES: usize = 2;
const HORIZON: usize = 28;

fn main() {
    divan::main();
}

#[derive(Clone, Copy, Debug)]
struct Setting {
    precision: Precision,
    n_threads: usize,
}

fn settings() -> Vec<Setting> {
    let with_threads = |precision: Precision| [1, 2].map(|n_threads| Setting { precision, n_threads });
    Precision::supported().into_iter().flat_map(with_threads).collect()
}

#[divan::bench(args = settings(), max_time = 5)]
fn base(bencher: Bencher, setting: Setting) {
    forecast(bencher, &ModelConfig::base(), setting);
}

#[divan::bench(args = settings(), max_time = 5)]
fn nano(bencher: Bencher, setting: Setting) {
    forecast(bencher, &ModelConfig::nano(), setting);
}

/// An update of one series, from its history to its forecast, on one thread.
#[divan::bench(args = one_series_settings(), max_time = 5)]
fn one_series(bencher: Bencher, setting: &(&str, Precision)) {
    let (name, precision) = *setting;
    let model = shipped::in_precision(name, precision).expect("a shipped name");
    let n_days = CONTEXT_PATCHES * PATCH;
    let sales: Vec<f64> = (0..n_days).map(|day| f64::from((day * 5 % 11) as u32)).collect();
    let covariate = |name: &str, every: usize| Covariate {
        name: name.to_owned(),
        values: (0..n_days + HORIZON).map(|day| f32::from(u8::from(day.is_multiple_of(every)))).collect(),
    };
    let names = ["price_log_ratio", "promotion", "discount", "display", "holiday", "paid", "rain"];
    let series = SeriesInput {
        key: 1,
        demand: sales.clone(),
        sales,
        observations: vec![Observation::Full; n_days],
        first_period: 20_000,
        bucket: Bucket::Day,
        covariates: names.iter().zip(9..).map(|(name, every)| covariate(name, every)).collect(),
        open_future: vec![1.0; HORIZON],
        count_valued: true,
        availability: None,
        siblings: None,
        prior: None,
    };
    let request = ForecastRequest { horizon: HORIZON, seed: 1 };
    let threads = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    bencher.bench_local(|| threads.install(|| model.forecast_one(black_box(&series), &request)));
}

fn one_series_settings() -> Vec<(&'static str, Precision)> {
    let of_name =
        |name: &&'static str| Precision::supported().into_iter().map(|precision| (*name, precision)).collect();
    shipped::NAMES.iter().flat_map(|name| -> Vec<_> { of_name(name) }).collect()
}

fn forecast(bencher: Bencher, config: &ModelConfig, setting: Setting) {
    let engine = Engine::new(&Weights::random(config, 1), setting.precision);
    let n_patches = N_SERIES * (CONTEXT_PATCHES + FUTURE_PATCHES);
    let patches: Vec<f32> = (0..n_patches * PATCH_WIDTH).map(|i| (i % 97) as f32 / 97.0).collect();
    let statics: Vec<f32> = (0..N_SERIES * N_STATIC).map(|i| (i % 89) as f32 / 89.0).collect();
    let input = Input {
        n_series: N_SERIES,
        context_patches: CONTEXT_PATCHES,
        future_patches: FUTURE_PATCHES,
        patches: &patches,
        statics: &statics,
    };
    let threads = rayon::ThreadPoolBuilder::new().num_threads(setting.n_threads).build().unwrap();
    bencher.counter(ItemsCount::new(N_SERIES)).bench_local(|| threads.install(|| engine.run(black_box(&input))));
}
