//! Training as a whole on small networks: the loss falls, and a training resumed is the training uninterrupted.
#![cfg(feature = "torch")]

use std::path::Path;

use restock_pretrained::config::ModelConfig;
use restock_pretrained::seasonal_source::SeasonalSource;
use restock_pretrained::torch::checkpoint::{read_model, write_model};
use restock_pretrained::torch::golden::{tiny_config, write_golden};
use restock_pretrained::torch::trainer::{Trainer, TrainerConfig};
use tch::{Device, Kind};

const SOURCE: SeasonalSource = SeasonalSource { seed: 1, n_series: 16, max_context_patches: 4, max_future_patches: 2 };

/// Trains to `last_step` of 30 and returns the trainer and what it said.
fn train(model: &ModelConfig, checkpoint: Option<&Path>, last_step: u64) -> (Trainer, String) {
    let mut trainer = Trainer::new(TrainerConfig {
        model: model.clone(),
        device: Device::Cpu,
        seed: 7,
        last_step,
        total_steps: 30,
        last_second: None,
        learning_rate: 5e-3,
        n_threads: 2,
        validate_every: 30,
        n_validation_batches: 2,
        checkpoint: checkpoint.map(Path::to_owned),
    })
    .unwrap();
    let mut output = Vec::new();
    let validation_source = SeasonalSource { seed: 2, ..SOURCE };
    trainer.run(&SOURCE, &validation_source, &|| 0.0, &mut output).unwrap();
    (trainer, String::from_utf8(output).unwrap())
}

#[test]
fn a_training_resumed_is_the_training_uninterrupted() {
    let config = tiny_config();
    let folder = tempfile::tempdir().unwrap();
    let (whole, _) = train(&config, None, 30);
    let (first_part, _) = train(&config, Some(folder.path()), 11);
    assert_eq!(first_part.state().step, 11);
    let (second_part, _) = train(&config, Some(folder.path()), 30);
    assert_eq!((second_part.state().step, second_part.state().n_series), (30, 30 * 16));
    let distance = |a: &Trainer, b: &Trainer| (a.average() - b.average()).norm().double_value(&[]);
    // Moments are kept in bfloat16 and the average in half precision: an error of some thousandths of the way.
    let (error, way) = (distance(&whole, &second_part), distance(&whole, &first_part));
    assert!(error < 0.02 * way, "{error} apart after a way of {way}");

    let names: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names.len(), 6, "{names:?}");
    let model = read_model(&folder.path().join("model-30.safetensors"), &config).unwrap();
    assert!(model.allclose(second_part.average(), 1e-3, 1e-6, false));
    let Err(error) = read_model(&folder.path().join("model-30.safetensors"), &ModelConfig::nano()) else {
        panic!("weights of another network were read")
    };
    assert!(error.to_string().ends_with("embed.hidden.weight has shape [28, 352], expected [384, 352]"), "{error}");
}

#[test]
fn the_loss_falls() {
    let (trainer, _) = train(&ModelConfig::nano(), None, 0);
    let before = validation_loss(&trainer);
    let (trainer, output) = train(&ModelConfig::nano(), None, 30);
    let after = validation_loss(&trainer);
    assert!(after < 0.8 * before, "from {before} to {after}\n{output}");
}

fn validation_loss(trainer: &Trainer) -> f64 {
    let validation = trainer.validate_on(&SeasonalSource { seed: 2, ..SOURCE }, 2);
    validation.pinball[0] + validation.pinball[1]
}

#[test]
fn a_golden_file_holds_a_model_and_its_cases() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("golden.safetensors");
    write_golden(&path, 3).unwrap();
    let weights = read_model(&path, &tiny_config()).unwrap();
    let copy = folder.path().join("copy.safetensors");
    write_model(&copy, &tiny_config(), &weights).unwrap();
    // Weights are rounded to half precision when they are drawn.
    assert_eq!(read_model(&copy, &tiny_config()).unwrap(), weights);
    let bytes = std::fs::read(&path).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.tensor("golden.1.raw").unwrap().shape(), [2, 48, 43]);
    assert_eq!(weights.kind(), Kind::Float);
}
