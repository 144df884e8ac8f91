//! The network, the optimiser and the trainer of libtorch against those of this crate.
#![cfg(feature = "torch")]

mod common;

use common::{SOURCE, on_cpu, tiny_config, train};
use restock_pretrained::batch::{BatchSource, TrainingBatch};
use restock_pretrained::config::{ModelConfig, N_STATIC, PATCH_WIDTH};
use restock_pretrained::engine::network;
use restock_pretrained::seasonal_source::SeasonalSource;
use restock_pretrained::torch::Torch;
use restock_pretrained::torch::network::{DeviceBatch, Network};
use restock_pretrained::torch::optimiser::Optimiser;
use restock_pretrained::training::adamw::decays;
use restock_pretrained::training::{AdamW, AdamWSettings, OptimiserState, Trainable, loss_and_gradient};
use restock_pretrained::weights::Weights;
use tch::{Device, Kind, Tensor};

/// Windows of which some demand is not known.
fn batch() -> TrainingBatch {
    let source = SeasonalSource { n_series: 5, ..SOURCE };
    let mut batch = (0..).map(|step| source.batch(step, 0.0)).find(|batch| batch.future_patches == 2).unwrap();
    for idx in 0..batch.demand.len() {
        batch.demand_weight[idx] = if idx % 7 == 5 { 0.0 } else { 1.0 };
        batch.cumulative_weight[idx] = if idx % batch.horizon() > 20 && idx < 60 { 0.0 } else { 1.0 };
    }
    batch
}

fn device_batch(batch: &TrainingBatch, kind: Kind) -> DeviceBatch {
    let (n, horizon) = (batch.n_series as i64, batch.horizon() as i64);
    let n_patches = (batch.context_patches + batch.future_patches) as i64;
    let pairs = |first: &[f32], second: &[f32]| {
        let exact = if kind == Kind::Double { Kind::Double } else { Kind::Float };
        let tensor = |values: &[f32]| Tensor::from_slice(values).view([n, horizon]).to_kind(exact);
        Tensor::stack(&[tensor(first), tensor(second)], -1)
    };
    DeviceBatch {
        patches: Tensor::from_slice(&batch.patches).view([n, n_patches, PATCH_WIDTH as i64]).to_kind(kind),
        statics: Tensor::from_slice(&batch.statics).view([n, N_STATIC as i64]).to_kind(kind),
        targets: pairs(&batch.demand, &batch.cumulative),
        weights: pairs(&batch.demand_weight, &batch.cumulative_weight),
        future_patches: batch.future_patches as i64,
    }
}

fn raw(config: &ModelConfig, weights: &Weights, batch: &TrainingBatch, kind: Kind) -> Tensor {
    let network = Network::new(config, Device::Cpu, kind);
    let on_device = device_batch(batch, kind);
    let weights = network.weights(&Tensor::from_slice(&weights.to_flat()));
    network.forward(&weights, &on_device.patches, &on_device.statics, on_device.future_patches)
}

fn numbers(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor.detach().to_kind(Kind::Double).flatten(0, -1)).unwrap()
}

fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn libtorch_computes_the_network_as_it_is_defined() {
    let (config, batch) = (tiny_config(), batch());
    let weights = Weights::random(&config, 1);
    let n_patches = batch.context_patches + batch.future_patches;
    let expected: Vec<f64> = (0..batch.n_series)
        .flat_map(|series| {
            let patches = &batch.patches[series * n_patches * PATCH_WIDTH..][..n_patches * PATCH_WIDTH];
            let patches: Vec<f32> = patches.iter().map(|value| value.to_f32()).collect();
            network::forward(&weights, &patches, &batch.statics[series * N_STATIC..][..N_STATIC], batch.future_patches)
        })
        .collect();
    // Double precision: only the order of sums differs.
    assert!(largest_difference(&numbers(&raw(&config, &weights, &batch, Kind::Double)), &expected) < 1e-11);
    assert!(largest_difference(&numbers(&raw(&config, &weights, &batch, Kind::Float)), &expected) < 3e-5);
    // Bfloat16 has 8 binary digits; outputs here are about 1, errors of a few layers some hundredths.
    let half = raw(&config, &weights, &batch, Kind::BFloat16);
    assert_eq!(half.kind(), Kind::Float);
    let root_mean_square =
        |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
    let error = root_mean_square(&mut numbers(&half).iter().zip(&expected).map(|(a, b)| a - b));
    let size = root_mean_square(&mut expected.iter().copied());
    assert!(error < 0.03 * size, "error {error} of outputs of {size}");
}

#[test]
fn both_gradients_are_the_same() {
    let (config, batch) = (tiny_config(), batch());
    let flat = Weights::random(&config, 2).to_flat();
    let mut gradient = vec![0.0; flat.len()];
    let losses = loss_and_gradient(&flat, &config, &batch, Trainable::All, &mut gradient);

    let network = Network::new(&config, Device::Cpu, Kind::Double);
    let on_device = device_batch(&batch, Kind::Double);
    let at = Tensor::from_slice(&flat).to_kind(Kind::Double).set_requires_grad(true);
    let raw = network.forward(&network.weights(&at), &on_device.patches, &on_device.statics, on_device.future_patches);
    let of_torch = network.losses(&raw, &on_device);
    let parts = [losses.marginal, losses.cumulative, losses.any_demand];
    assert!(largest_difference(&numbers(&of_torch.parts), &parts) < 1e-5);
    assert!((of_torch.total.double_value(&[]) - losses.total()).abs() < 1e-5);
    let expected = numbers(&Tensor::run_backward(&[of_torch.total], &[&at], false, false).remove(0));
    let mut start = 0;
    for (name, shape) in config.tensors() {
        let range = start..start + shape.iter().product::<usize>();
        let got: Vec<f64> = gradient[range.clone()].iter().map(|slope| f64::from(*slope)).collect();
        let size = expected[range.clone()].iter().map(|slope| slope.abs()).fold(0.0, f64::max);
        // A quantile within the error of single precision of an observation may fall on its other side.
        let difference = largest_difference(&got, &expected[range.clone()]);
        assert!(difference < 2e-3 * size, "{name}: {difference} of {size}");
        start = range.end;
    }
}

#[test]
fn both_optimisers_are_the_same() {
    let config = ModelConfig { n_layers: 1, d_model: 8, d_ff: 8, d_embed: 8, d_head: 8, ..ModelConfig::nano() };
    let weights = Weights::random(&config, 3).to_flat();
    let state = OptimiserState::new(weights.clone());
    let mut of_torch = Optimiser::new(&config, &state, Device::Cpu);
    let mut ours = AdamW::new(state, decays(&config), AdamWSettings::default());
    for step in 0..20 {
        let scale = if step == 7 { f32::NAN } else { 1e-3 * (step as f32 + 1.0) };
        let gradient: Vec<f32> = weights.iter().enumerate().map(|(idx, w)| scale * (w + (idx % 5) as f32)).collect();
        let norm = ours.step(&gradient, step, 0.01);
        let norm_of_torch = of_torch.step(&Tensor::from_slice(&gradient), step, 0.01).double_value(&[]);
        assert!(norm.is_nan() && norm_of_torch.is_nan() || (norm - norm_of_torch).abs() < 1e-5 * norm);
    }
    let of_torch = of_torch.state();
    for (ours, of_torch) in [
        (&ours.state().weights, &of_torch.weights),
        (&ours.state().average, &of_torch.average),
        (&ours.state().first_moment, &of_torch.first_moment),
        (&ours.state().second_moment, &of_torch.second_moment),
    ] {
        let close = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-5 * a.abs() + 1e-6;
        assert!(ours.iter().zip(of_torch).all(close));
    }
}

/// Steps here, steps there: all ways of 30 steps come to nearly the same weights.
#[test]
fn each_backend_continues_the_checkpoint_of_the_other() {
    let config = tiny_config();
    let on_torch = |config: &ModelConfig, state: OptimiserState| Torch::new(config, &state, Device::Cpu);
    let (whole, _) = train(&config, on_cpu, None, 30);
    let (start, _) = train(&config, on_cpu, None, 0);
    let expected = whole.optimiser().average.clone();
    let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt();
    let way = distance(&expected, &start.optimiser().average);
    let check = |average: &[f32]| {
        // Adam divides by the size of the gradient, so that last digits of small gradients matter.
        let error = distance(&expected, average);
        assert!(error < 0.02 * way, "{error} apart after a way of {way}");
    };
    let folder = tempfile::tempdir().unwrap();
    train(&config, on_torch, Some(folder.path()), 12);
    let (trainer, _) = train(&config, on_cpu, Some(folder.path()), 30);
    check(&trainer.optimiser().average);
    let validation = SeasonalSource { seed: 2, ..SOURCE };
    let here = trainer.validate_on(&validation, 2);

    let folder = tempfile::tempdir().unwrap();
    train(&config, on_cpu, Some(folder.path()), 12);
    let (trainer, _) = train(&config, on_torch, Some(folder.path()), 30);
    check(&trainer.optimiser().average);
    let there = trainer.validate_on(&validation, 2);
    for (here, there) in [
        (here.pinball[0], there.pinball[0]),
        (here.pinball[1], there.pinball[1]),
        (here.any_demand, there.any_demand),
        (here.coverage[0][14], there.coverage[0][14]),
        (here.coverage[1][14], there.coverage[1][14]),
    ] {
        assert!((here - there).abs() < 0.01, "{here} and {there}");
    }
}
