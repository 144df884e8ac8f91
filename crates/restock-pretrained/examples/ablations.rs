//! What parts of the pretraining are worth: networks trained for a few hundred steps, each without one part, on the same
//! validation. The scale is small: see `experiments/ablations.md` for what may be read from it.
//!
//! ```text
//! RAYON_NUM_THREADS=1 cargo run --release -p restock-pretrained --example ablations -- 600 2048 12 baseline,retail_0
//! ```
//!
//! Arguments: steps, tokens in a step, step of the real series looked at, names of runs ([`RUNS`]). Trains on one thread.
//! Validated on 12 batches of the generated series that `restock model pretrain` holds out, on the series among 12 batches
//! of shops with empty shelves that had a stock-out, and on M5 stores CA_1 and TX_1 with the origin 56 days before the end
//! (`$RESTOCK_SHARED/data`; development windows, never the test window).
#![allow(clippy::print_stdout)]

#[path = "../../restock-forecast/examples/datasets/mod.rs"]
mod datasets;

use std::time::Instant;

use half::f16;
use restock_core::forecast::{Dependence, Forecast, ForecastRequest};
use restock_core::{Forecaster, SeriesInput};
use restock_forecast::evaluate::{EvaluateOptions, evaluate};
use restock_pretrained::batch::{BatchSource, TrainingBatch};
use restock_pretrained::config::{MEDIAN, ModelConfig, N_STATIC, PATCH, PATCH_WIDTH};
use restock_pretrained::engine::Precision;
use restock_pretrained::forecaster::Pretrained;
use restock_pretrained::prior::PriorSource;
use restock_pretrained::training::{Native, Trainer, TrainerConfig, Validation};
use restock_pretrained::weights::Weights;

/// Runs, the baseline first.
const RUNS: [&str; 10] = [
    "baseline",
    "baseline_seed_2",
    "retail_0",
    "retail_50",
    "retail_100",
    "no_cumulative_head",
    "no_covariates",
    "no_marks",
    "no_marks_targets_as_recorded",
    "micro",
];

/// What lies between the seed of training and that of validation, as in `restock model pretrain`.
const VALIDATION_SEED: u64 = 1_000_004;
const N_VALIDATION: u64 = 12;
const VALIDATION_TOKENS: usize = 8192;

/// Channels of a patch by `features.rs`, and the place of the share of lower bounds in the static token.
const MARKS: [usize; 2] = [2, 21];
const COVARIATES: std::ops::Range<usize> = 12..20;
const STATIC_MARKS: usize = 25;

/// A source of batches that are told less.
struct Without {
    source: PriorSource,
    marks: bool,
    covariates: bool,
    cumulative: bool,
    /// Series without a stock-out in their past have no weight.
    marked_only: bool,
}

impl Without {
    fn nothing(source: PriorSource) -> Self {
        Self { source, marks: false, covariates: false, cumulative: false, marked_only: false }
    }
}

impl BatchSource for Without {
    fn batch(&self, step: u64, progress: f64) -> TrainingBatch {
        let mut batch = self.source.batch(step, progress);
        if self.marked_only {
            let (horizon, width) = (batch.horizon(), (batch.context_patches + batch.future_patches) * PATCH_WIDTH);
            for (row, patches) in batch.patches.chunks_exact(width).enumerate() {
                let is_marked =
                    |patch: &[f16]| patch[MARKS[0] * PATCH..][..PATCH].iter().any(|mark| *mark != f16::ZERO);
                if !patches.chunks_exact(PATCH_WIDTH).any(is_marked) {
                    batch.demand_weight[row * horizon..][..horizon].fill(0.0);
                    batch.cumulative_weight[row * horizon..][..horizon].fill(0.0);
                }
            }
        }
        for patch in batch.patches.chunks_exact_mut(PATCH_WIDTH) {
            let mut hide = |channel: usize| patch[channel * PATCH..][..PATCH].fill(f16::ZERO);
            if self.marks {
                MARKS.into_iter().for_each(&mut hide);
            }
            if self.covariates {
                COVARIATES.for_each(&mut hide);
            }
        }
        if self.marks {
            batch.statics.chunks_exact_mut(N_STATIC).for_each(|statics| statics[STATIC_MARKS] = 0.0);
        }
        if self.cumulative {
            batch.cumulative_weight.fill(0.0);
        }
        batch
    }
}

/// A network of a third of the parameters of `nano`.
fn micro() -> ModelConfig {
    ModelConfig {
        name: "micro".into(),
        d_model: 64,
        n_layers: 3,
        n_heads: 2,
        d_ff: 256,
        d_embed: 192,
        d_head: 192,
        ..ModelConfig::nano()
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |idx: usize, default: &str| arguments.get(idx).cloned().unwrap_or_else(|| default.to_owned());
    let n_steps: u64 = argument(0, "600").parse().expect("steps");
    let tokens: usize = argument(1, "2048").parse().expect("tokens");
    let step: usize = argument(2, "12").parse().expect("step of series");
    let names = argument(3, &RUNS.join(","));
    let real: Vec<(&str, Vec<SeriesInput>)> = ["m5_CA_1", "m5_TX_1"].map(|name| (name, window(name, step))).into();
    for name in names.split(',') {
        assert!(RUNS.contains(&name), "{name} is not one of {}", RUNS.join(", "));
        run(name, n_steps, tokens, &real);
    }
}

/// Series up to 28 days after the origin 56 days before the end.
fn window(name: &str, step: usize) -> Vec<SeriesInput> {
    let data = datasets::read(name);
    let (horizon, back) = (data.horizon, 2 * data.horizon);
    let series = data.series.into_iter().step_by(step).filter(|series| series.n_periods() > back);
    series
        .map(|series| {
            let mut series = series.until(series.n_periods() - back + horizon, horizon);
            series.covariates.clear();
            series
        })
        .collect()
}

fn run(name: &str, n_steps: u64, tokens: usize, real: &[(&str, Vec<SeriesInput>)]) {
    let seed = if name == "baseline_seed_2" { 2 } else { 1 };
    let mut source = PriorSource::new(seed, tokens);
    source = match name {
        "retail_0" => source.with_share_generic(1.0),
        "retail_50" => source.with_share_generic(0.5),
        "retail_100" => source.with_share_generic(0.0),
        "no_marks_targets_as_recorded" => source.with_targets_as_recorded(),
        _ => source,
    };
    let without = |source: PriorSource| Without {
        marks: name.starts_with("no_marks"),
        covariates: name == "no_covariates",
        ..Without::nothing(source)
    };
    let training = Without { cumulative: name == "no_cumulative_head", ..without(source) };
    let config = if name == "micro" { micro() } else { ModelConfig::nano() };
    let trainer_config = TrainerConfig {
        model: config.clone(),
        seed,
        last_step: n_steps,
        total_steps: n_steps,
        last_second: None,
        learning_rate: 2e-3,
        n_threads: 1,
        validate_every: n_steps,
        n_validation_batches: 0,
        checkpoint: None,
    };
    let begin = Instant::now();
    let clock = || begin.elapsed().as_secs_f64();
    let mut trainer =
        Trainer::new(trainer_config, |config, state| Native::new(config, state, 1)).expect("nothing is read");
    let held_out = PriorSource::new(VALIDATION_SEED, VALIDATION_TOKENS);
    let with_stockouts = held_out.clone().with_share_generic(0.0).with_share_of_stockouts(1.0);
    trainer.run(&training, &held_out, &clock, &mut |_| ()).expect("nothing is written");
    let seconds = clock();
    let all = trainer.validate_on(&without(held_out), N_VALIDATION);
    let marked = trainer.validate_on(&Without { marked_only: true, ..without(with_stockouts) }, N_VALIDATION);
    let line = |of: &Validation| {
        let [marginal, cumulative] = of.pinball;
        let covered = of.coverage.map(|coverage| coverage[MEDIAN]);
        format!(
            "pinball {marginal:.4} {cumulative:.4}, covered by the median {:.3} {:.3}, by .9 {:.3} {:.3}",
            covered[0], covered[1], of.coverage[0][18], of.coverage[1][18]
        )
    };
    println!(
        "{name}: {} parameters, {n_steps} steps of {tokens} tokens, {} series, {seconds:.0} s",
        config.n_parameters(),
        trainer.state().n_series
    );
    println!("    held out: {}", line(&all));
    println!("    with stock-outs: {}", line(&marked));
    let weights = Weights::from_flat(&config, &trainer.optimiser().average).expect("finite weights");
    for (data, series) in real {
        let model = Pretrained::new(&weights, Precision::F32);
        let options = EvaluateOptions {
            horizon: 28,
            n_origins: 1,
            lead_times: vec![7, 28],
            min_periods: 1,
            n_bootstrap: 200,
            n_paths: 256,
            ..EvaluateOptions::default()
        };
        let models: [&dyn Forecaster; 2] = [&model, &Independent(&model)];
        let board = evaluate(series, &models, &options, &|_, _| {});
        for row in board.rows.iter().filter(|row| row.group == "all") {
            let (wql, mase, lead) = (row.wql, row.mase, &row.lead_times[1]);
            println!(
                "    {data} {:11} n {} WQL {:.4} [{:.4} {:.4}] MASE {:.4} bias {:+.3}, 28 days at .9 .95: {:.4} {:.4}",
                row.model,
                row.n_series,
                wql.value,
                wql.low,
                wql.high,
                mase.value,
                row.bias,
                lead.pinball[2],
                lead.pinball[3]
            );
        }
    }
}

/// A forecaster whose periods are taken for independent.
struct Independent<'a>(&'a Pretrained);

impl Forecaster for Independent<'_> {
    fn name(&self) -> &str {
        "independent"
    }

    fn forecast(&self, batch: &[SeriesInput], request: &ForecastRequest) -> Vec<Forecast> {
        let independent = |forecast| Forecast { dependence: Dependence::default(), ..forecast };
        self.0.forecast(batch, request).into_iter().map(independent).collect()
    }
}
