//! Training as a whole on small networks: the loss falls, and a training resumed is the training uninterrupted.

mod common;

use std::path::Path;

use common::{SOURCE, on_cpu, tiny_config, train};
use restock_pretrained::config::ModelConfig;
use restock_pretrained::seasonal_source::SeasonalSource;
use restock_pretrained::training::checkpoint::{self, Kept, read_model};
use restock_pretrained::training::report::Event;
use restock_pretrained::training::{Native, Trainer};

fn train_here(model: &ModelConfig, checkpoint: Option<&Path>, last_step: u64) -> (Trainer<Native>, Vec<Event>) {
    train(model, on_cpu, checkpoint, last_step)
}

fn file_names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_training_resumed_is_the_training_uninterrupted_bit_by_bit() {
    let config = tiny_config();
    let folder = tempfile::tempdir().unwrap();
    let (whole, _) = train_here(&config, None, 30);
    let (first_part, _) = train_here(&config, Some(folder.path()), 11);
    assert_eq!(first_part.state().step, 11);
    let (second_part, _) = train_here(&config, Some(folder.path()), 30);
    assert_eq!((second_part.state().step, second_part.state().n_series), (30, 30 * 16));
    assert!(whole.optimiser() == second_part.optimiser());

    insta::assert_snapshot!(file_names(folder.path()).join("\n"), @r"
    average-30-0.safetensors
    first_moment-30-0.safetensors
    log.csv
    model-30.safetensors
    second_moment-30-0.safetensors
    state.json
    weights-30-0.safetensors
    ");
    let model = read_model(&folder.path().join("model-30.safetensors"), &config).unwrap();
    for (stored, exact) in model.iter().zip(&second_part.optimiser().average) {
        assert!((stored - exact).abs() <= 1e-3 * exact.abs() + 1e-6);
    }
}

#[test]
fn a_compact_checkpoint_is_smaller_and_nearly_the_same() {
    let config = tiny_config();
    let folder = tempfile::tempdir().unwrap();
    let (trainer, _) = train_here(&config, None, 30);
    checkpoint::save(folder.path(), trainer.state(), &trainer.optimiser(), Kept::Compactly).unwrap();
    assert_eq!(file_names(folder.path()).len(), 5, "the average is in the model file alone");
    let (state, optimiser) = checkpoint::load(folder.path(), &config).unwrap().unwrap();
    assert_eq!(state, *trainer.state());
    assert_eq!(optimiser.weights, trainer.optimiser().weights);
    let exact = trainer.optimiser();
    for (kept, exact, tolerance) in [
        (&optimiser.average, &exact.average, 1e-3),
        (&optimiser.first_moment, &exact.first_moment, 5e-3),
        (&optimiser.second_moment, &exact.second_moment, 5e-3),
    ] {
        let close = |(kept, exact): (&f32, &f32)| (kept - exact).abs() <= tolerance * exact.abs() + 1e-7;
        assert!(kept.iter().zip(exact).all(close));
    }
}

#[test]
fn checkpoints_of_other_networks_and_damaged_ones_are_refused() {
    let config = tiny_config();
    let folder = tempfile::tempdir().unwrap();
    assert!(checkpoint::load(folder.path(), &config).unwrap().is_none());
    train_here(&config, Some(folder.path()), 1);
    let refusal = |config: &ModelConfig| {
        let error = checkpoint::load(folder.path(), config).unwrap_err().to_string();
        error.replace(&folder.path().display().to_string(), "DIR")
    };
    insta::assert_snapshot!(
        refusal(&ModelConfig { n_layers: 3, ..tiny_config() }),
        @r#"DIR/state.json: checkpoint of ModelConfig { name: "tiny", d_model: 24, n_layers: 2, n_heads: 3, d_ff: 40, d_embed: 28, d_head: 20, rope_theta: 10000.0 }, expected one of ModelConfig { name: "tiny", d_model: 24, n_layers: 3, n_heads: 3, d_ff: 40, d_embed: 28, d_head: 20, rope_theta: 10000.0 }"#
    );
    std::fs::write(folder.path().join("weights-1-0.safetensors"), b"PK").unwrap();
    insta::assert_snapshot!(refusal(&config), @"DIR/weights-1-0.safetensors: header too small");
}

#[test]
fn the_loss_falls() {
    let (trainer, _) = train_here(&ModelConfig::nano(), None, 0);
    let before = validation_loss(&trainer);
    let (trainer, events) = train_here(&ModelConfig::nano(), None, 30);
    let after = validation_loss(&trainer);
    assert!(after < 0.8 * before, "from {before} to {after}\n{events:?}");
}

fn validation_loss(trainer: &Trainer<Native>) -> f64 {
    let validation = trainer.validate_on(&SeasonalSource { seed: 2, ..SOURCE }, 2);
    validation.pinball[0] + validation.pinball[1]
}

#[test]
fn time_that_is_over_ends_a_training_with_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let config = restock_pretrained::training::TrainerConfig {
        model: tiny_config(),
        seed: 7,
        last_step: 1000,
        total_steps: 1000,
        last_second: Some(60.0),
        learning_rate: 5e-3,
        n_threads: 1,
        validate_every: 1000,
        n_validation_batches: 1,
        checkpoint: Some(folder.path().to_owned()),
    };
    let mut trainer = Trainer::new(config.clone(), on_cpu).unwrap();
    // Every look at the clock takes half a second.
    let looks = std::cell::Cell::new(0);
    let clock = || {
        looks.set(looks.get() + 1);
        0.5 * f64::from(looks.get())
    };
    let mut events = Vec::new();
    trainer.run(&SOURCE, &SOURCE, &clock, &mut |event| events.push(event.clone())).unwrap();
    let step = trainer.state().step;
    assert!((5..60).contains(&step), "{step} steps");
    assert!(events.contains(&Event::OutOfTime));
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Validated(_))).count(), 1);
    assert!(events.iter().filter(|event| matches!(event, Event::Steps(_))).count() > 2);
    assert_eq!(Trainer::new(config, on_cpu).unwrap().state().step, step);
    let log = std::fs::read_to_string(folder.path().join("log.csv")).unwrap();
    let columns: Vec<usize> = log.lines().map(|line| line.split(',').count()).collect();
    assert!(columns.len() > 4 && columns.iter().all(|n| *n == 16 + 42), "{columns:?}");
}
