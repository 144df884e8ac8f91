//! The pretrained model beside the forecasters it must beat, on the development data sets.
//!
//! ```text
//! cargo run --release -p restock-pretrained --example leaderboard -- model.safetensors m5_CA_1 56 auto,pretrained 4
//! ```
//!
//! Arguments: weights, data set, periods between the forecast origin and the end of the data (0 = the horizon, the test
//! window; more while developing), models, step of the series looked at (1 = all). `no_covariates:NAME` hides prices,
//! promotions and events. Reads `$RESTOCK_SHARED/data`.
#![allow(clippy::print_stdout)]

#[path = "../../restock-forecast/examples/datasets/mod.rs"]
mod datasets;

use std::path::Path;
use std::time::Instant;

use restock_core::{Forecaster, SeriesInput};
use restock_forecast::MODEL_NAMES;
use restock_forecast::auto::{Auto, AutoOptions, PRETRAINED};
use restock_forecast::evaluate::{EvaluateOptions, evaluate};
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
            let (hidden, name) = match model.strip_prefix("no_covariates:") {
                Some(name) => (true, name),
                None => (false, model),
            };
            let forecaster: Box<dyn Forecaster> = match name {
                "pretrained" => Box::new(Pretrained::new(&weights, Precision::F32)),
                "long" => Box::new(Pretrained::new(&weights, Precision::F32).with_context_patches(64)),
                "short" => Box::new(Pretrained::new(&weights, Precision::F32).with_context_patches(16)),
                "int8" => Box::new(Pretrained::new(&weights, Precision::Int8)),
                "fast" => Box::new(Pretrained::new(&weights, Precision::fastest())),
                other => match other.strip_prefix("auto:") {
                    Some("default") => Box::new(auto("sharpness=5", &weights).expect("options")),
                    Some(settings) => Box::new(auto(settings, &weights).expect("name=weight:…")),
                    None => restock_forecast::forecaster(other).expect("a model"),
                },
            };
            let mut series = batch.clone();
            if hidden {
                series.iter_mut().for_each(|one| one.covariates.clear());
            }
            let begin = Instant::now();
            let board = evaluate(&series, &[&*forecaster], &options, &|_, _| {});
            let seconds = begin.elapsed().as_secs_f64();
            datasets::print_board(model, &board, seconds);
        }
    }
}

/// `auto` with the pretrained model and other options: `sharpness=5:windows=3:negative_binomial=2:pretrained=2`.
fn auto(settings: &str, weights: &Weights) -> Option<Auto> {
    let mut candidates = vec![];
    let mut options = AutoOptions::default();
    let mut context_patches = 32;
    let mut precision = Precision::fastest();
    for setting in settings.split(':') {
        let (key, value) = setting.split_once('=')?;
        let value: f64 = value.parse().ok()?;
        match key {
            "sharpness" => options.sharpness = value,
            "windows" => options.n_windows = value as usize,
            "asked" => options.n_pretrained_windows = value as usize,
            "context" => context_patches = value as usize,
            "int8" => precision = Precision::Int8,
            model => {
                let known = MODEL_NAMES.iter().chain(&[PRETRAINED]).find(|known| **known == model)?;
                candidates.push((*known, value));
            }
        }
    }
    if !candidates.is_empty() {
        options.weekly_candidates.clone_from(&candidates);
        options.monthly_candidates.clone_from(&candidates);
        options.rare_candidates.clone_from(&candidates);
        options.candidates = candidates;
    }
    let pretrained = Pretrained::new(weights, precision).with_context_patches(context_patches);
    Some(Auto { options, pretrained: Some(Arc::new(pretrained)) })
}
