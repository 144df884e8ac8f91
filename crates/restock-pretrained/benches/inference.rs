//! Series forecast per second: 512 steps of history, 28 steps ahead.
//!
//! `cargo bench -p restock-pretrained --bench inference`

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use restock_pretrained::config::{ModelConfig, N_STATIC, PATCH_WIDTH};
use restock_pretrained::engine::{Engine, Input, Precision};
use restock_pretrained::weights::Weights;

const N_SERIES: usize = 112;
const CONTEXT_PATCHES: usize = 32;
const FUTURE_PATCHES: usize = 2;

fn main() {
    divan::main();
}

fn forecast(bencher: Bencher, config: &ModelConfig, precision: Precision, n_threads: usize) {
    let engine = Engine::new(&Weights::random(config, 1), precision);
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
    let threads = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
    bencher.counter(ItemsCount::new(N_SERIES)).bench_local(|| threads.install(|| engine.run(black_box(&input))));
}

#[divan::bench(args = [1, 2], max_time = 6)]
fn base_f32(bencher: Bencher, n_threads: usize) {
    forecast(bencher, &ModelConfig::base(), Precision::F32, n_threads);
}

#[divan::bench(args = [1, 2], max_time = 6)]
fn base_fastest(bencher: Bencher, n_threads: usize) {
    forecast(bencher, &ModelConfig::base(), Precision::fastest(), n_threads);
}

#[divan::bench(args = [1, 2], max_time = 6)]
fn nano_f32(bencher: Bencher, n_threads: usize) {
    forecast(bencher, &ModelConfig::nano(), Precision::F32, n_threads);
}

#[divan::bench(args = [1, 2], max_time = 6)]
fn nano_fastest(bencher: Bencher, n_threads: usize) {
    forecast(bencher, &ModelConfig::nano(), Precision::fastest(), n_threads);
}
