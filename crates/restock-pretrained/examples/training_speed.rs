//! Series a second of training, here and with libtorch on the same batches and threads:
//! `cargo run --release -p restock-pretrained --example training_speed -- nano 2`, with `--features torch` for both.
//!
//! Two threads of a busy AMD EPYC with AVX-512, the better of two rounds over three batches: `nano` 873 series a second
//! against 189 of libtorch 2.11, `base` 219 against 68.

#![allow(clippy::print_stdout)]

use std::time::Instant;

use restock_pretrained::batch::{BatchSource, TrainingBatch};
use restock_pretrained::config::ModelConfig;
use restock_pretrained::prior::PriorSource;
use restock_pretrained::training::initial::initial_weights;
use restock_pretrained::training::{Backend, Native, OptimiserState};

/// Tokens of a batch, about.
const N_TOKENS: usize = 8192;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let config = match arguments.next().as_deref() {
        Some("base") => ModelConfig::base(),
        _ => ModelConfig::nano(),
    };
    let n_threads: usize = arguments.next().map_or(2, |n| n.parse().expect("a number of threads"));
    let n_batches: u64 = arguments.next().map_or(8, |n| n.parse().expect("a number of batches"));
    let started = Instant::now();
    let source = PriorSource::new(1, N_TOKENS);
    let batches: Vec<TrainingBatch> = (0..n_batches).map(|step| source.batch(step, 0.5)).collect();
    let n_series: usize = batches.iter().map(|batch| batch.n_series).sum();
    println!(
        "{} series of {n_batches} batches, made in {:.2} s on one thread; size {}, {n_threads} threads",
        n_series,
        started.elapsed().as_secs_f64(),
        config.name
    );
    let state = OptimiserState::new(initial_weights(&config, 1));
    measure("here", Native::new(&config, state.clone(), n_threads), &batches);
    #[cfg(feature = "torch")]
    {
        tch::set_num_threads(n_threads as i32);
        measure("libtorch", restock_pretrained::torch::Torch::new(&config, &state, tch::Device::Cpu), &batches);
    }
}

/// The best of two rounds over the batches: other work on the machine only makes a round slower.
fn measure<B: Backend>(name: &str, mut backend: B, batches: &[TrainingBatch]) {
    let prepared: Vec<B::Prepared> = batches.iter().map(|batch| B::prepare(backend.place(), batch.clone())).collect();
    let mut best = f64::INFINITY;
    let mut step = 0;
    for _ in 0..2 {
        let started = Instant::now();
        for batch in &prepared {
            backend.step(batch, step, 1e-4);
            step += 1;
        }
        let figures = backend.take_figures();
        best = best.min(started.elapsed().as_secs_f64());
        assert_eq!(figures.n_broken, 0);
    }
    let n_series: usize = batches.iter().map(|batch| batch.n_series).sum();
    println!("{name:<10} {:>7.1} series/s  {:>7.1} ms/step", n_series as f64 / best, 1e3 * best / batches.len() as f64);
}
