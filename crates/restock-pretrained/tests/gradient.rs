//! The gradient of the network against central differences of its definition in double precision.

mod common;

use common::tiny_config;
use restock_pretrained::batch::{BatchSource, TrainingBatch};
use restock_pretrained::config::{LEVELS, ModelConfig, N_LEVELS, N_OUTPUTS, N_STATIC, PATCH_WIDTH};
use restock_pretrained::engine::network::{forward, monotone_quantiles};
use restock_pretrained::engine::{Engine, Input, Output, Precision};
use restock_pretrained::seasonal_source::SeasonalSource;
use restock_pretrained::training::{
    Losses, Trainable, features, head_loss_and_gradient, loss_and_gradient, taught_loss_and_gradient,
};
use restock_pretrained::weights::Weights;

/// Windows in which some demand is not known and some is a lower bound.
fn batch() -> TrainingBatch {
    let source = SeasonalSource { seed: 3, n_series: 4, max_context_patches: 3, max_future_patches: 2 };
    let mut batch = (0..).map(|step| source.batch(step, 0.0)).find(|batch| batch.future_patches == 2).unwrap();
    for idx in 0..batch.demand.len() {
        let (series, step) = (idx / batch.horizon(), idx % batch.horizon());
        if step % 7 == 5 {
            batch.demand_weight[idx] = 0.0;
        }
        if series == 1 && step > 20 {
            batch.cumulative_weight[idx] = 0.0;
        }
        if series > 1 && step % 5 > 2 {
            batch.censored[idx] = 1.0;
        }
    }
    batch
}

/// The loss as it is defined, in f64.
fn defined_losses(weights: &Weights, batch: &TrainingBatch) -> Losses {
    let n_patches = batch.context_patches + batch.future_patches;
    let (mut sums, mut counts) = (Losses::default(), Losses::default());
    for series in 0..batch.n_series {
        let patches: Vec<f32> = batch.patches[series * n_patches * PATCH_WIDTH..][..n_patches * PATCH_WIDTH]
            .iter()
            .map(|value| value.to_f32())
            .collect();
        let statics = &batch.statics[series * N_STATIC..][..N_STATIC];
        let raw = forward(weights, &patches, statics, batch.future_patches);
        let mut total_is_censored = false;
        for (step, raw) in raw.chunks_exact(N_OUTPUTS).enumerate() {
            let idx = series * batch.horizon() + step;
            let is_censored = batch.censored[idx] > 0.0;
            total_is_censored |= is_censored;
            let weight = f64::from(batch.demand_weight[idx]);
            sums.marginal += weight * pinball(&raw[..N_LEVELS], batch.demand[idx], is_censored);
            counts.marginal += weight;
            let weight = f64::from(batch.cumulative_weight[idx]);
            sums.cumulative += weight * pinball(&raw[N_LEVELS..2 * N_LEVELS], batch.cumulative[idx], total_is_censored);
            counts.cumulative += weight;
            let any = batch.demand[idx] > 0.0;
            let weight = if is_censored && !any { 0.0 } else { f64::from(batch.demand_weight[idx]) };
            let probability = 1.0 / (1.0 + (-raw[2 * N_LEVELS]).exp());
            sums.any_demand -= weight * if any { probability.ln() } else { (1.0 - probability).ln() };
            counts.any_demand += weight;
        }
    }
    Losses {
        marginal: sums.marginal / counts.marginal,
        cumulative: sums.cumulative / counts.cumulative,
        any_demand: sums.any_demand / counts.any_demand,
        from_teacher: 0.0,
    }
}

/// The mean over levels of 2·ρ(y, q), of 2·ρ(y, min(q, y)) where y is a lower bound; the outermost levels count half.
fn pinball(raw: &[f64], observed: f32, is_censored: bool) -> f64 {
    let observed = f64::from(observed);
    let costs = monotone_quantiles(raw).into_iter().zip(LEVELS).map(|(quantile, level)| {
        let quantile = if is_censored { quantile.min(observed) } else { quantile };
        let above = observed - quantile;
        let weight = if (0.02..0.98).contains(&level) { 1.0 } else { 0.5 };
        2.0 * weight * (level * above).max((level - 1.0) * above)
    });
    costs.sum::<f64>() / N_LEVELS as f64
}

fn gradient_of(
    weights: &[f32],
    config: &ModelConfig,
    batch: &TrainingBatch,
    trainable: Trainable,
) -> (Losses, Vec<f32>) {
    let mut gradient = vec![f32::NAN; weights.len()];
    let losses = loss_and_gradient(weights, config, batch, trainable, &mut gradient);
    (losses, gradient)
}

#[test]
fn every_tensor_has_the_gradient_of_the_definition() {
    let (config, batch) = (tiny_config(), batch());
    let weights = Weights::random(&config, 5);
    let flat = weights.to_flat();
    let (losses, gradient) = gradient_of(&flat, &config, &batch, Trainable::All);
    let expected = defined_losses(&weights, &batch);
    for (got, expected) in [
        (losses.marginal, expected.marginal),
        (losses.cumulative, expected.cumulative),
        (losses.any_demand, expected.any_demand),
    ] {
        assert!((got - expected).abs() < 1e-5 * expected, "{losses:?} {expected:?}");
    }

    let mut start = 0;
    for (name, shape) in config.tensors() {
        let n_values: usize = shape.iter().product();
        let slopes = &gradient[start..start + n_values];
        let size = (slopes.iter().map(|slope| f64::from(*slope).powi(2)).sum::<f64>() / n_values as f64).sqrt();
        assert!(size > 0.0, "{name} has no gradient");
        for draw in 0..8 {
            let idx = (draw * 7919 + 13) % n_values;
            let moved = |step: f32| {
                let mut flat = flat.clone();
                flat[start + idx] += step;
                let loss = defined_losses(&Weights::from_flat(&config, &flat).unwrap(), &batch).total();
                (f64::from(flat[start + idx]), loss)
            };
            let ((low, low_loss), (high, high_loss)) = (moved(-1e-4), moved(1e-4));
            let (expected, got) = ((high_loss - low_loss) / (high - low), f64::from(slopes[idx]));
            // Within the difference a quantile may pass an observation, where the loss has a corner.
            let tolerance = 5e-3 * (expected.abs() + size);
            assert!((got - expected).abs() < tolerance, "{name} {idx}: got {got}, expected {expected}");
        }
        start += n_values;
    }
}

#[test]
fn what_is_not_trained_has_no_gradient_and_the_rest_the_same() {
    let (config, batch) = (tiny_config(), batch());
    let flat = Weights::random(&config, 5).to_flat();
    let (all_losses, all) = gradient_of(&flat, &config, &batch, Trainable::All);
    for trainable in [Trainable::Head, Trainable::HeadAndNorms, Trainable::Adapters] {
        let (losses, gradient) = gradient_of(&flat, &config, &batch, trainable);
        assert_eq!(losses, all_losses);
        let mut start = 0;
        for (name, shape) in config.tensors() {
            let range = start..start + shape.iter().product::<usize>();
            if trainable.includes(&name) {
                assert_eq!(gradient[range.clone()], all[range.clone()], "{trainable:?} {name}");
            } else {
                assert!(gradient[range.clone()].iter().all(|slope| *slope == 0.0), "{trainable:?} {name}");
            }
            start = range.end;
        }
    }
}

#[test]
fn the_gradient_does_not_depend_on_the_number_of_threads() {
    let config = tiny_config();
    let source = SeasonalSource { seed: 4, n_series: 700, max_context_patches: 4, max_future_patches: 3 };
    let batch = source.batch(2, 0.0);
    let flat = Weights::random(&config, 6).to_flat();
    let run = |n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| gradient_of(&flat, &config, &batch, Trainable::All))
    };
    let one = run(1);
    assert!(one.1.iter().all(|slope| slope.is_finite()));
    for n_threads in [2, 3, 5] {
        assert!(run(n_threads) == one, "{n_threads} threads");
    }
}

/// A batch in blocks is the mean of its series.
#[test]
fn blocks_add_up() {
    let config = tiny_config();
    let source = SeasonalSource { seed: 4, n_series: 300, max_context_patches: 4, max_future_patches: 3 };
    let batch = source.batch(2, 0.0);
    let weights = Weights::random(&config, 6);
    let (losses, _) = gradient_of(&weights.to_flat(), &config, &batch, Trainable::Head);
    let expected = defined_losses(&weights, &batch);
    assert!((losses.total() - expected.total()).abs() < 1e-5 * expected.total(), "{losses:?} {expected:?}");
}

/// The output block alone, from what the layers said before, without the layers' weights.
#[test]
fn the_head_learns_the_same_from_features() {
    let (config, batch) = (tiny_config(), batch());
    let weights = Weights::random(&config, 5);
    let mut whole = vec![0.0; config.n_parameters()];
    let losses = loss_and_gradient(&weights.to_flat(), &config, &batch, Trainable::Head, &mut whole);
    let features = features(&weights.to_flat(), &config, &batch);
    let without_layers = ModelConfig { n_layers: 0, ..config.clone() };
    let flat: Vec<f32> = without_layers.tensors().iter().flat_map(|(name, _)| weights.tensor(name)).copied().collect();
    let mut gradient = vec![0.0; flat.len()];
    let from_features = head_loss_and_gradient(&flat, &without_layers, &features, &batch, &mut gradient);
    assert!((from_features.total() - losses.total()).abs() < 1e-9 * losses.total());
    // The embedding comes before the layers and the output block after them.
    let n_embedded = config
        .tensors()
        .iter()
        .take_while(|(name, _)| !name.starts_with("layers"))
        .map(|(_, s)| s.iter().product::<usize>())
        .sum();
    let n_after = flat.len() - n_embedded;
    assert_eq!(gradient[..n_embedded], whole[..n_embedded]);
    // Blocks are cut elsewhere, so sums are rounded elsewhere.
    for (a, b) in gradient[n_embedded..].iter().zip(&whole[whole.len() - n_after..]) {
        assert!((a - b).abs() < 1e-5 * (1e-2 + b.abs()), "{a} {b}");
    }
}

/// A student that is its own teacher has only the entropy of its probabilities of any demand left to pay.
#[test]
fn a_teacher_that_says_the_same_is_no_distance_away() {
    let config = tiny_config();
    let source = SeasonalSource { seed: 4, n_series: 30, max_context_patches: 4, max_future_patches: 3 };
    let batch = source.batch(2, 0.0);
    let said_by = |weights: &Weights| {
        let patches: Vec<f32> = batch.patches.iter().map(|value| value.to_f32()).collect();
        Engine::new(weights, Precision::F32).run(&Input {
            n_series: batch.n_series,
            context_patches: batch.context_patches,
            future_patches: batch.future_patches,
            patches: &patches,
            statics: &batch.statics,
        })
    };
    let weights = Weights::random(&config, 6);
    let flat = weights.to_flat();
    let mut gradient = vec![0.0; flat.len()];
    let mut taught =
        |said: &Output| taught_loss_and_gradient(&flat, &config, &batch, Some(said), Trainable::All, &mut gradient);
    let said = said_by(&weights);
    let entropies = said.demand_probability.iter().map(|&p| {
        let p = f64::from(p);
        -p * p.ln() - (1.0 - p) * (1.0 - p).ln()
    });
    let entropy = entropies.sum::<f64>() / said.demand_probability.len() as f64;
    let same = taught(&said);
    assert!((same.from_teacher - 0.1 * entropy).abs() < 1e-6, "{same:?} {entropy}");
    let other = taught(&said_by(&Weights::random(&config, 7)));
    assert!(other.from_teacher > 0.1 + same.from_teacher, "{other:?}");
    assert_eq!((other.marginal, other.cumulative, other.any_demand), (same.marginal, same.cumulative, same.any_demand));
}
