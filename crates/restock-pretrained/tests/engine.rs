//! The fast engine against the network as it is defined.

use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use restock_pretrained::config::{ModelConfig, N_STATIC, PATCH_WIDTH};
use restock_pretrained::engine::{Engine, Input, Output, Precision, network};
use restock_pretrained::weights::{StoredAs, Weights};

/// Odd sizes: heads of 6 values, widths that fill no vector.
fn tiny() -> ModelConfig {
    ModelConfig {
        name: "tiny".into(),
        d_model: 18,
        n_layers: 2,
        n_heads: 3,
        d_ff: 37,
        d_embed: 21,
        d_head: 19,
        rope_theta: 1e4,
    }
}

/// Nano, but with two layers so that the plain network has done in time.
fn small() -> ModelConfig {
    ModelConfig { name: "small".into(), n_layers: 2, d_ff: 256, ..ModelConfig::nano() }
}

struct Series {
    n_series: usize,
    context_patches: usize,
    future_patches: usize,
    patches: Vec<f32>,
    statics: Vec<f32>,
}

impl Series {
    fn random(n_series: usize, context_patches: usize, future_patches: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut normals = |n: usize| (0..n).map(|_| StandardNormal.sample(&mut rng)).collect::<Vec<f32>>();
        let patches = normals(n_series * (context_patches + future_patches) * PATCH_WIDTH);
        let statics = normals(n_series * N_STATIC);
        Self { n_series, context_patches, future_patches, patches, statics }
    }

    fn input(&self) -> Input<'_> {
        Input {
            n_series: self.n_series,
            context_patches: self.context_patches,
            future_patches: self.future_patches,
            patches: &self.patches,
            statics: &self.statics,
        }
    }
}

/// The largest difference, in asinh space and in probability.
fn largest_difference(a: &Output, b: &Output) -> f32 {
    let pairs = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert_eq!((a.n_series, a.horizon), (b.n_series, b.horizon));
    pairs(&a.marginal, &b.marginal)
        .max(pairs(&a.cumulative, &b.cumulative))
        .max(pairs(&a.demand_probability, &b.demand_probability))
}

/// √(mean (a - b)² / mean b²) over both heads.
fn relative_error(a: &Output, b: &Output) -> f64 {
    let values = |output: &Output| {
        output.marginal.iter().chain(&output.cumulative).map(|&value| f64::from(value)).collect::<Vec<_>>()
    };
    let (a, b) = (values(a), values(b));
    let error: f64 = a.iter().zip(&b).map(|(a, b)| (a - b).powi(2)).sum();
    (error / b.iter().map(|b| b * b).sum::<f64>()).sqrt()
}

fn assert_monotone(output: &Output) {
    for series_idx in 0..output.n_series {
        for step in 0..output.horizon {
            assert!(output.marginal(series_idx, step).is_sorted());
            assert!(output.cumulative(series_idx, step).is_sorted());
        }
    }
}

/// Quantiles of random networks spread over about ±15, so 1e-5 is about a millionth of them; sums of 20 increments and
/// up to 512 products in f32 explain as much.
#[test]
fn the_engine_equals_the_network() {
    for (config, n_series, context_patches, future_patches) in [
        (tiny(), 5, 1, 1),
        (tiny(), 2, 64, 16),
        (tiny(), 3, 1, 16),
        (tiny(), 3, 64, 1),
        (small(), 1, 1, 1),
        (small(), 3, 5, 2),
        (small(), 1, 64, 16),
    ] {
        let weights = Weights::random(&config, 3);
        let series = Series::random(n_series, context_patches, future_patches);
        let exact = network::run(&weights, &series.input());
        let fast = Engine::new(&weights, Precision::F32).run(&series.input());
        let difference = largest_difference(&fast, &exact);
        assert!(difference < 1e-5, "{} {context_patches} {future_patches}: {difference}", config.name);
        assert_monotone(&fast);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    // Heads are at least 8 wide: the norm of two or three numbers that nearly cancel multiplies rounding errors.

    #[test]
    fn any_shape_equals_the_network(
        heads in 1..4_usize, half in 4..9_usize, d_ff in 1..40_usize, d_embed in 1..40_usize, d_head in 1..40_usize,
        n_layers in 1..4_usize, n_series in 0..4_usize, context_patches in 1..9_usize, future_patches in 1..4_usize,
    ) {
        let config = ModelConfig {
            name: "any".into(), d_model: heads * half * 2, n_layers, n_heads: heads, d_ff, d_embed, d_head,
            rope_theta: 1e4,
        };
        let weights = Weights::random(&config, 5);
        let series = Series::random(n_series, context_patches, future_patches);
        let exact = network::run(&weights, &series.input());
        let fast = Engine::new(&weights, Precision::F32).run(&series.input());
        prop_assert!(largest_difference(&fast, &exact) < 3e-5, "{}", largest_difference(&fast, &exact));
    }
}

/// A forecast depends on its series alone: on no other series of the call and on no number of threads, to the last bit.
#[test]
fn a_series_does_not_depend_on_its_company() {
    let weights = Weights::random(&small(), 11);
    let series = Series::random(60, 7, 2);
    for precision in Precision::supported() {
        let engine = Engine::new(&weights, precision);
        let on = |n_threads: usize| {
            let threads = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            threads.install(|| engine.run(&series.input()))
        };
        let together = on(1);
        assert_eq!(on(3), together);
        let n_values = together.marginal.len() / 60;
        for series_idx in [0, 27, 59] {
            let patches = &series.patches[series_idx * 9 * PATCH_WIDTH..][..9 * PATCH_WIDTH];
            let statics = &series.statics[series_idx * N_STATIC..][..N_STATIC];
            let alone = engine.run(&Input { n_series: 1, patches, statics, ..series.input() });
            assert_eq!(alone.marginal, together.marginal[series_idx * n_values..][..n_values]);
        }
    }
}

/// Measured on random weights: 1.7e-3 in bfloat16, whose factors are off by up to 3.9e-3 of themselves, and 5.1e-3 in 8
/// bits; at the base size 1.8e-3 and 5.9e-3.
#[test]
fn reduced_precision_is_close() {
    let weights = Weights::random(&ModelConfig::nano(), 13);
    let series = Series::random(4, 20, 2);
    let exact = Engine::new(&weights, Precision::F32).run(&series.input());
    for precision in Precision::supported() {
        let reduced = Engine::new(&weights, precision).run(&series.input());
        assert_monotone(&reduced);
        let error = relative_error(&reduced, &exact);
        let allowed = match precision {
            Precision::F32 => 0.0,
            Precision::Bf16 => 3e-3,
            Precision::Int8 => 1e-2,
        };
        assert!(error <= allowed, "{precision:?}: {error}");
    }
}

/// Half precision keeps 11 bits: what the published file loses.
#[test]
fn a_network_survives_its_file() {
    let weights = Weights::random(&small(), 17);
    let halved = Weights::from_bytes(&weights.to_bytes(StoredAs::F16).unwrap()).unwrap();
    let series = Series::random(2, 6, 1);
    let before = Engine::new(&weights, Precision::F32).run(&series.input());
    let after = Engine::new(&halved, Precision::F32).run(&series.input());
    let error = relative_error(&after, &before);
    assert!(0.0 < error && error < 1e-3, "{error}");
}
