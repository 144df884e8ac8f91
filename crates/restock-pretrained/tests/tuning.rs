//! Tuning as a whole: what is fitted, what is kept, what a file gives back.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Gamma, Poisson};
use restock_core::forecast::{ForecastRequest, Observation};
use restock_core::{Bucket, Forecaster, SeriesInput};
use restock_forecast::evaluate::{EvaluateOptions, score_series};
use restock_forecast::metrics::ScoreSums;
use restock_pretrained::config::{MEDIAN, ModelConfig, N_LEVELS, N_OUTPUTS};
use restock_pretrained::engine::Precision;
use restock_pretrained::forecaster::Pretrained;
use restock_pretrained::shipped;
use restock_pretrained::tuning::adapter::{Adapter, Base, Card, Change, Method};
use restock_pretrained::tuning::low_rank::LowRank;
use restock_pretrained::tuning::tune::{Options, Outcome, tune};
use restock_pretrained::weights::{StoredAs, Weights};

const HORIZON: usize = 10;

/// Daily series of whole units, `mean` by series and day.
fn counts(n_series: usize, n_days: usize, seed: u64, mean: impl Fn(usize, usize) -> f64) -> Vec<SeriesInput> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..n_series)
        .map(|key| {
            let demand: Vec<f64> = (0..n_days)
                .map(|day| Poisson::new(mean(key, day)).expect("a positive mean").sample(&mut rng))
                .collect();
            series(key as u64, demand, true)
        })
        .collect()
}

fn series(key: u64, demand: Vec<f64>, count_valued: bool) -> SeriesInput {
    SeriesInput {
        key,
        sales: demand.clone(),
        observations: vec![Observation::Full; demand.len()],
        first_period: 20_000,
        bucket: Bucket::Day,
        covariates: vec![],
        open_future: vec![1.0; HORIZON],
        count_valued,
        availability: None,
        siblings: None,
        prior: None,
        demand,
    }
}

fn options(methods: &[Method], most_steps: u64) -> Options {
    Options {
        methods: methods.to_vec(),
        most_steps: Some(most_steps),
        // Numbers do not depend on the processor.
        precision: Precision::F32,
        ..Options::new(HORIZON)
    }
}

/// Steps alone decide: this clock stands still.
fn tuned(batch: &[SeriesInput], base: Base, options: &Options) -> Outcome {
    tune(batch, base, options, &|| 0.0, &mut |_| ()).expect("series are long enough")
}

/// Days 8 and 9 of every ten sell a multiple: no shop of the prior has a week of ten days.
#[test]
fn what_the_prior_does_not_know_is_learnt() {
    let batch = counts(60, 120, 1, |key, day| {
        let level = 2.0 + (key % 7) as f64;
        if (day + key) % 10 < 8 { 0.5 * level } else { 5.0 * level }
    });
    let outcome = tuned(&batch, shipped::base(), &options(&[Method::Calibrate, Method::Lora], 24));
    let best = outcome.kept().expect("a gain");
    assert_eq!(best.card.method, Method::Lora);
    let evidence = best.card.evidence.expect("a kept fit has evidence");
    assert!(0.02 < evidence.improvement.low, "{evidence:?}");
    // The file holds what was validated.
    let config = shipped::base().weights.config();
    let read = Adapter::from_bytes(&best.to_bytes(config).unwrap(), shipped::base()).unwrap();
    assert_eq!(&read, best);
}

/// Demand without memory at a level that ten weeks show: the shipped model has little to learn, and luck is no evidence.
#[test]
fn where_nothing_can_be_gained_nothing_is_kept() {
    let batch = counts(40, 110, 2, |key, _| 1.0 + key as f64);
    let outcome = tuned(&batch, shipped::base(), &options(&[Method::Calibrate, Method::Head], 12));
    assert_eq!(outcome.attempts.len(), 2);
    assert!(outcome.kept().is_none(), "{:?}", outcome.best.map(|best| best.card.evidence));
}

#[test]
fn short_histories_say_what_is_needed() {
    let batch = counts(3, 49, 3, |_, _| 4.0);
    let error = tune(&batch, shipped::base(), &options(&[Method::Calibrate], 1), &|| 0.0, &mut |_| ()).unwrap_err();
    insta::assert_snapshot!(error, @"the longest series has 49 periods, tuning with a horizon of 10 needs at least 50: 3 forecast origins for validation, one for training, and 10 periods before it");
}

/// A random network whose medians are far too high; demand is what a gamma distribution gives.
#[test]
fn calibration_restores_coverage() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let gamma = Gamma::new(4.0, 5.0).unwrap();
    let batch: Vec<SeriesInput> = (0..60)
        .map(|key| series(key, (0..150).map(|_| gamma.sample(&mut rng) * (1.0 + rng.random::<f64>())).collect(), false))
        .collect();
    let weights = high_medians();
    let base = Base { weights: &weights, sha256: "of no file" };
    let outcome = tuned(&batch, base, &options(&[Method::Calibrate], 1));
    let best = outcome.kept().expect("a gain");
    assert_eq!(best.card.share, 1.0);
    let test =
        EvaluateOptions { horizon: HORIZON, origin_step: HORIZON, lead_times: vec![], ..EvaluateOptions::default() };
    let coverage = |model: &Pretrained| {
        let mut total = ScoreSums::default();
        score_series(&batch, model, &test, &|_, _| {}).iter().for_each(|sums| total.merge(sums));
        total.coverage()
    };
    let before = coverage(&Pretrained::new(&weights, Precision::F32));
    let after = coverage(&best.forecaster(&weights, Precision::F32).unwrap());
    for (idx, level) in
        restock_core::QUANTILE_LEVELS.iter().enumerate().filter(|(_, level)| (0.05..0.96).contains(*level))
    {
        // 1,800 periods: a standard error of .012 at most, and as much again from the hold-out.
        assert!((after[idx] - level).abs() < 0.06, "the {level} quantile covers {} after {}", after[idx], before[idx]);
    }
    assert!(0.3 < before[6] - 0.5, "the median covered {}", before[6]);
}

/// Demand of the prior's kind, but for small sellers the network is wrong in one way and for large ones in another: what
/// all series together miss helps neither.
#[test]
fn a_calibration_by_volume_is_kept_where_it_wins() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let batch: Vec<SeriesInput> = (0..90_usize)
        .map(|key| {
            // Large sellers sell nothing on two days of three, then all at once; small ones are as steady as clocks.
            let demand = (0..150_usize).map(|day| match key % 3 {
                0 => 0.05 * (20.0 + rng.random::<f64>()),
                1 => 5.0 + rng.random::<f64>(),
                _ => {
                    if (day * 7 + key).is_multiple_of(3) {
                        900.0 * (1.0 + rng.random::<f64>())
                    } else {
                        1.0
                    }
                }
            });
            series(key as u64, demand.collect(), false)
        })
        .collect();
    let weights = high_medians();
    let base = Base { weights: &weights, sha256: "of no file" };
    let outcome = tuned(&batch, base, &options(&[Method::Calibrate], 1));
    let best = outcome.kept().expect("a gain");
    assert_eq!(best.card.volume_bounds.len(), 2, "{:?}", best.card);
    let Change::Calibration(by_class) = &best.change else { panic!("a calibration") };
    let medians: Vec<f32> = (0..3).map(|class| by_class.marginal[class * HORIZON * N_LEVELS + MEDIAN]).collect();
    assert!((medians[0] - medians[2]).abs() > 0.1, "{medians:?}");
    // The file says so too.
    let read = Adapter::from_bytes(&best.to_bytes(weights.config()).unwrap(), base).unwrap();
    assert_eq!(&read, best);
}

fn high_medians() -> Weights {
    let config = ModelConfig::nano();
    let weights = Weights::random(&config, 1);
    let flat: Vec<f32> = (config.tensors().iter())
        .flat_map(|(name, _)| {
            let mut values = weights.tensor(name).to_vec();
            match name.as_str() {
                "head.output.bias" => (0..).zip(&mut values).for_each(|(idx, value): (usize, _)| {
                    let output = idx % N_OUTPUTS;
                    *value = match output {
                        _ if output == MEDIAN || output == N_LEVELS + MEDIAN => 4.0,
                        _ => -2.0,
                    }
                }),
                "head.output.weight" | "head.residual.weight" => values.iter_mut().for_each(|value| *value *= 0.05),
                _ => {}
            }
            values
        })
        .collect();
    Weights::from_flat(&config, &flat).unwrap()
}

fn card(method: Method, base: Base) -> Card {
    Card {
        method,
        base: base.weights.config().name.clone(),
        base_sha256: base.sha256.to_owned(),
        parent: None,
        day: "2026-03-02".into(),
        data: String::new(),
        n_series: 1,
        n_windows: 1,
        bucket: Bucket::Day,
        horizon: HORIZON,
        seed: 1,
        steps: 1,
        windows_per_step: 1,
        learning_rate: 1e-4,
        seconds: 1.0,
        share: 0.75,
        rank: Some(4),
        alpha: Some(8.0),
        volume_bounds: Vec::new(),
        evidence: None,
    }
}

/// Low-rank factors before training forecast as the base does; after it, their merged weights, written and read, forecast
/// as the adapter does.
#[test]
fn merged_weights_forecast_as_the_adapter() {
    let weights = Weights::random(&ModelConfig::nano(), 2);
    let base = Base { weights: &weights, sha256: "of no file" };
    let mut factors = LowRank::new(weights.config(), 4, 8.0, 1);
    let batch = counts(5, 70, 5, |key, _| 1.0 + key as f64);
    let request = ForecastRequest { horizon: HORIZON, seed: 1 };
    let forecast = |model: &Pretrained| model.forecast(&batch, &request);
    let adapter =
        |factors: &LowRank| Adapter { card: card(Method::Lora, base), change: Change::LowRank(factors.clone()) };
    let before = forecast(&Pretrained::new(&weights, Precision::F32));
    assert_eq!(forecast(&adapter(&factors).forecaster(&weights, Precision::F32).unwrap()), before);

    (0..).zip(&mut factors.factors).for_each(|(idx, value): (usize, _)| *value += ((idx % 11) as f32 - 5.0) * 0.02);
    let adapter = adapter(&factors);
    let after = forecast(&adapter.forecaster(&weights, Precision::F32).unwrap());
    assert_ne!(after, before);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("merged.safetensors");
    adapter.merged(&weights).unwrap().write(&path, StoredAs::F32).unwrap();
    assert_eq!(forecast(&Pretrained::new(&Weights::read(&path).unwrap(), Precision::F32)), after);
}
