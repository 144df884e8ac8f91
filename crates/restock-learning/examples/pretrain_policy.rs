//! Trains the pretrained policy, from nothing or from where a checkpoint left off.
//!
//! `cargo run --release -p restock-learning --example pretrain_policy -- --steps N --seed 1 --checkpoint DIR`
//!
//! `DIR` gets `checkpoint.json`, `curve.csv` (steps, costs in shares of the items', CPU seconds of this run) and
//! `policy.safetensors` after each set of items. Other options: `--lanes N`, `--periods N`, `--rate R`,
//! `--steps-per-set N`, `--until N` to stop before the last step.

#![allow(clippy::print_stdout)]

use std::fmt::Write;
use std::path::PathBuf;

use restock_learning::PretrainedPolicy;
use restock_learning::pretraining::{Pretraining, PretrainingSettings};

mod shared;

use shared::cpu_seconds;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option =
        |name: &str| arguments.iter().position(|argument| argument == name).map(|at| arguments[at + 1].clone());
    let number = |name: &str| option(name).map(|value| value.parse::<f64>().expect("a number"));
    let folder = PathBuf::from(option("--checkpoint").expect("--checkpoint DIR"));
    let n_steps = number("--steps").expect("--steps N") as u64;
    let mut settings = PretrainingSettings::new(n_steps, number("--seed").unwrap_or(1.0) as u64);
    let pathwise = &mut settings.pathwise;
    pathwise.n_lanes = number("--lanes").map_or(pathwise.n_lanes, |n| n as usize);
    pathwise.n_periods = number("--periods").map_or(pathwise.n_periods, |n| n as usize);
    pathwise.schedule.learning_rate = number("--rate").unwrap_or(pathwise.schedule.learning_rate);
    settings.n_steps_per_set = number("--steps-per-set").map_or(settings.n_steps_per_set, |n| n as u64);
    let file = folder.join("checkpoint.json");
    std::fs::create_dir_all(&folder).expect("a folder");
    let mut pretraining = match std::fs::read_to_string(&file) {
        Ok(text) => serde_json::from_str(&text).expect("a checkpoint of this version"),
        Err(_) => Pretraining::new(settings.clone()),
    };
    assert_eq!(pretraining.settings, settings, "the checkpoint has other settings");
    let begin = cpu_seconds();
    pretraining.run(number("--until").map_or(n_steps, |n| n as u64), |pretraining| {
        let point = pretraining.curve.last().expect("a point");
        let seconds = cpu_seconds() - begin;
        println!(
            "{} steps: {:.5} in training, {:.5} in whole units on other items, {seconds:.0} CPU s",
            point.n_steps, point.training_cost, point.validation_cost
        );
        let mut curve = "steps,training_cost,validation_cost\n".to_owned();
        for point in &pretraining.curve {
            writeln!(curve, "{},{:.6},{:.6}", point.n_steps, point.training_cost, point.validation_cost).expect("text");
        }
        write(&folder.join("curve.csv"), curve.as_bytes());
        write(&folder.join("policy.safetensors"), &PretrainedPolicy::new(pretraining.policy()).to_bytes());
        write(&file, serde_json::to_string(pretraining).expect("finite numbers").as_bytes());
    });
}

/// Writes a file that is whole or not there.
fn write(path: &std::path::Path, bytes: &[u8]) {
    let beside = path.with_extension("new");
    std::fs::write(&beside, bytes).and_then(|()| std::fs::rename(&beside, path)).expect("a file");
}
