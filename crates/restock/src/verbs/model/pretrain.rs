//! `restock model pretrain`: a demand model trained from nothing on generated series.

use std::path::Path;
use std::time::Instant;

use restock_inventory::problems::Chart;
use restock_pretrained::config::{LEVELS, ModelConfig};
use restock_pretrained::prior::PriorSource;
use restock_pretrained::shipped;
use restock_pretrained::training::checkpoint::write_model;
use restock_pretrained::training::report::{Curves, Event, read_curves};
use restock_pretrained::training::{
    Backend, Native, OptimiserState, Trainer, TrainerConfig, TrainingError, Validation,
};
use restock_pretrained::tuning::adapter::sha256;
use restock_pretrained::tuning::registry::SHIPPED;
use restock_pretrained::weights::Weights;
use serde_json::json;

use crate::chart;
use crate::cli::{ModelSize, PretrainArgs, TrainOn};
use crate::error::CliError;
use crate::format;
use crate::i18n::Text;
use crate::project::{shell_word, write_file};
use crate::session::{Output, Session};
use crate::table::{Align, Grid};

/// Names of the files in the folder of `--out`.
const MODEL_FILE: &str = "model.safetensors";
const CARD_FILE: &str = "model.md";
const CHART_FILE: &str = "training.svg";

/// Levels whose coverage the card states, by their place in [`LEVELS`].
const CARD_LEVELS: [usize; 9] = [0, 1, 2, 5, 10, 15, 18, 19, 20];

/// What lies between the seed of training and that of validation.
const VALIDATION_SEED: u64 = 1_000_003;

/// CPU threads that train while one makes batches: a batch is made in a fraction of the time of a step.
const TRAINING_THREADS_PER_MAKER: usize = 8;

pub(super) fn run(session: &Session, args: &PretrainArgs) -> Result<Output, CliError> {
    if args.total_steps.is_some_and(|total| total < args.steps) {
        return Err(CliError::usage(format!(
            "--total-steps is {}, must be at least --steps, {}",
            args.total_steps.unwrap_or_default(),
            args.steps
        )));
    }
    let n_threads = n_threads(args);
    match (args.device, &args.teacher) {
        (TrainOn::Cpu, teacher) => {
            let teacher = teacher.as_deref().map(Teacher::read).transpose()?;
            let backend = |config: &ModelConfig, state: OptimiserState| {
                let native = Native::new(config, state, n_threads);
                match &teacher {
                    Some(teacher) => native.taught_by(&teacher.weights),
                    None => native,
                }
            };
            train(session, args, teacher.as_ref(), n_threads.div_ceil(TRAINING_THREADS_PER_MAKER), backend)
        }
        (TrainOn::Cuda, None) => train_on_gpu(session, args, n_threads),
        (TrainOn::Cuda, Some(_)) => {
            Err(CliError::usage("--teacher is for CPUs, --device is cuda").hint("leave one of them out"))
        }
    }
}

/// The model whose forecasts are learnt.
struct Teacher {
    weights: Weights,
    sha256: String,
}

impl Teacher {
    /// The shipped model, or that of a file.
    fn read(name: &Path) -> Result<Self, CliError> {
        if name == Path::new(SHIPPED) {
            let base = shipped::base();
            return Ok(Self { weights: base.weights.clone(), sha256: base.sha256.to_owned() });
        }
        let bytes =
            std::fs::read(name).map_err(|error| CliError::usage(format!("cannot read {}: {error}", name.display())))?;
        let weights =
            Weights::from_bytes(&bytes).map_err(|error| CliError::data(format!("{}: {error}", name.display())))?;
        Ok(Self { weights, sha256: sha256(&bytes) })
    }
}

fn n_threads(args: &PretrainArgs) -> usize {
    let of_machine = || std::thread::available_parallelism().map_or(1, usize::from);
    args.threads.map_or_else(of_machine, |n| n as usize)
}

#[cfg(feature = "cuda")]
fn train_on_gpu(session: &Session, args: &PretrainArgs, n_threads: usize) -> Result<Output, CliError> {
    use restock_pretrained::torch::{Torch, first_gpu};

    let device = first_gpu().ok_or_else(|| {
        CliError::usage("libtorch finds no GPU on this machine")
            .hint("set LD_PRELOAD=libtorch_cuda.so, and let LD_LIBRARY_PATH name the folder it is in")
    })?;
    train(session, args, None, n_threads, |config, state| Torch::new(config, &state, device))
}

#[cfg(not(feature = "cuda"))]
fn train_on_gpu(_: &Session, _: &PretrainArgs, _: usize) -> Result<Output, CliError> {
    Err(CliError::usage("this restock was built without GPUs, --device cuda is not possible").hint(
        "leave --device out, or build it with libtorch 2.11: LIBTORCH=DIR cargo build --release -p restock --features cuda",
    ))
}

/// What is said of a training at its end.
struct Trained {
    config: ModelConfig,
    step: u64,
    n_series: u64,
    seconds: f64,
    validation: Validation,
    /// Bytes of the weights file and their hash.
    n_bytes: usize,
    sha256: String,
    out_of_time: bool,
}

fn train<B: Backend>(
    session: &Session,
    args: &PretrainArgs,
    teacher: Option<&Teacher>,
    n_makers: usize,
    backend: impl FnOnce(&ModelConfig, OptimiserState) -> B,
) -> Result<Output, CliError> {
    let started = Instant::now();
    let config = match args.size {
        ModelSize::Nano => ModelConfig::nano(),
        ModelSize::Base => ModelConfig::base(),
    };
    let folder = args.checkpoint.clone().unwrap_or_else(|| args.out.join("checkpoint"));
    let source = |seed| {
        let source = PriorSource::new(seed, args.tokens as usize);
        args.share_generic.map_or(source.clone(), |share| source.with_share_generic(share))
    };
    let trainer_config = TrainerConfig {
        model: config.clone(),
        seed: args.seed,
        last_step: args.steps,
        total_steps: args.total_steps.unwrap_or(args.steps),
        last_second: args.minutes.map(|minutes| 60.0 * minutes),
        learning_rate: args.learning_rate,
        n_threads: n_makers,
        validate_every: args.validate_every,
        n_validation_batches: u64::from(args.validation_batches),
        checkpoint: Some(folder.clone()),
    };
    let mut trainer = Trainer::new(trainer_config, backend).map_err(|error| training_error(&error))?;
    let first_step = trainer.state().step;
    if first_step > 0 && trainer.state().seed != args.seed {
        let seed = trainer.state().seed;
        return Err(CliError::usage(format!(
            "checkpoint {} is of seed {seed}, --seed is {}",
            folder.display(),
            args.seed
        ))
        .hint(format!("train with --seed {seed}, or name another folder with --checkpoint")));
    }

    let bar = session.progress(session.text(Text::Training));
    let clock = || started.elapsed().as_secs_f64();
    let (mut validation, mut out_of_time) = (None, false);
    let mut observe = |event: &Event| match event {
        Event::Step(step) => bar.set(*step, expected_steps(args, *step - first_step, *step, clock())),
        Event::Steps(report) => {
            bar.say(&session.fill(Text::TrainingLoss, &[&format!("{:.4}", report.losses.total())]));
        }
        Event::Validated(report) => validation = Some(report.validation.clone()),
        Event::OutOfTime => out_of_time = true,
    };
    let (training, held_out) = (source(args.seed), source(args.seed.wrapping_add(VALIDATION_SEED)));
    trainer.run(&training, &held_out, &clock, &mut observe).map_err(|error| training_error(&error))?;
    drop(bar);

    let path = args.out.join(MODEL_FILE);
    std::fs::create_dir_all(&args.out)
        .map_err(|error| CliError::usage(format!("cannot write {}: {error}", args.out.display())))?;
    write_model(&path, &config, &trainer.optimiser().average).map_err(|error| training_error(&error))?;
    let bytes =
        std::fs::read(&path).map_err(|error| CliError::internal(format!("cannot read {}: {error}", path.display())))?;
    let state = trainer.state();
    let trained = Trained {
        step: state.step,
        n_series: state.n_series,
        seconds: state.seconds,
        validation: validation.expect("every run ends with a validation"),
        n_bytes: bytes.len(),
        sha256: sha256(&bytes),
        out_of_time,
        config,
    };
    let curves = read_curves(&folder).map_err(|error| training_error(&error))?;
    write_file(&args.out.join(CHART_FILE), &chart::svg(&loss_chart(session, &curves)))?;
    write_file(&args.out.join(CARD_FILE), &card(session, args, teacher, &trained))?;
    if session.json {
        return Output::json(&json!({
            "size": trained.config.name, "step": trained.step, "steps": args.steps, "n_series": trained.n_series,
            "seconds": trained.seconds, "out_of_time": trained.out_of_time, "sha256": trained.sha256,
            "validation": {
                "pinball": trained.validation.pinball, "any_demand": trained.validation.any_demand,
                "levels": LEVELS, "coverage": trained.validation.coverage,
            },
            "model": path, "card": args.out.join(CARD_FILE), "chart": args.out.join(CHART_FILE), "checkpoint": folder,
        }));
    }
    Ok(Output::text(summary(session, args, &trained)))
}

/// Steps that will be done in all runs, as far as one can tell after `n_done` of this run.
fn expected_steps(args: &PretrainArgs, n_done: u64, step: u64, seconds: f64) -> u64 {
    let Some(minutes) = args.minutes else { return args.steps };
    let remaining = (60.0 * minutes - seconds).max(0.0);
    let more = remaining / seconds * n_done as f64;
    (step + more as u64).min(args.steps)
}

fn training_error(error: &TrainingError) -> CliError {
    match error {
        TrainingError::File { .. } => CliError::usage(error.to_string()),
        TrainingError::Content { .. } | TrainingError::Weights(_) => CliError::data(error.to_string())
            .hint("name another folder with --checkpoint, or train the size that is there"),
    }
}

fn summary(session: &Session, args: &PretrainArgs, trained: &Trained) -> String {
    let title = session.fill(
        Text::TrainedSteps,
        &[
            &trained.config.name,
            &format::count(trained.config.n_parameters()),
            &format::count(trained.step as usize),
            &format::count(args.steps as usize),
            &format::count(trained.n_series as usize),
            &format::float(trained.seconds, 0),
        ],
    );
    let mut grid = Grid::new().column("", Align::Left).column(session.text(Text::PinballLoss), Align::Right);
    let levels = [10, 18, 20];
    for level in levels {
        grid = grid.column(session.fill(Text::CoverageOf, &[&LEVELS[level]]), Align::Right);
    }
    for (head, name) in [Text::Periods, Text::CumulativeDemand].into_iter().enumerate() {
        let mut row = vec![session.text(name).to_owned(), format::float(trained.validation.pinball[head], 4)];
        row.extend(levels.map(|level| format::float(trained.validation.coverage[head][level], 3)));
        grid.row(row);
    }
    let note = session.dim(session.text(Text::TrainingNote));
    let mut text = format!("{}\n\n{}\n{note}\n\n", session.bold(&title), grid.render(session));
    for file in [MODEL_FILE, CARD_FILE, CHART_FILE] {
        let written = session.fill(Text::Written, &[&args.out.join(file).display()]);
        text.push_str(&format!("{}\n", session.dim(&written)));
    }
    if trained.out_of_time {
        text.push_str(&format!("{}\n", session.fill(Text::TrainingStopped, &[&trained.step])));
    }
    text
}

fn loss_chart(session: &Session, curves: &Curves) -> Chart {
    let curve = |name: &str, points: &[(f64, [f64; 2])], head: usize| {
        (name.to_owned(), points.iter().map(|(step, losses)| (*step, losses[head])).collect::<Vec<_>>())
    };
    let mut all = vec![
        curve("training, periods", &curves.training, 0),
        curve("training, cumulative demand", &curves.training, 1),
        curve("validation, periods", &curves.validation, 0),
        curve("validation, cumulative demand", &curves.validation, 1),
    ];
    all.retain(|(_, points)| !points.is_empty());
    Chart {
        title: session.text(Text::LossByStep).to_owned(),
        x_label: "step",
        y_label: "pinball loss in asinh space",
        curves: all,
    }
}

/// What the file is, where it comes from and what it is worth, for whoever finds it.
fn card(session: &Session, args: &PretrainArgs, teacher: Option<&Teacher>, trained: &Trained) -> String {
    let Trained { config, validation, .. } = trained;
    let device = match args.device {
        TrainOn::Cpu => format!("{} CPU threads", n_threads(args)),
        TrainOn::Cuda => "a GPU, in bfloat16".to_owned(),
    };
    let generic = args.share_generic.map_or_else(
        || {
            "40 % of series outside retail in the first fifth of the training, 25 % to seven tenths, then 15 %"
                .to_owned()
        },
        |share| format!("{} % of series outside retail", format::plain(100.0 * share, 1)),
    );
    let mut rows = vec![
        (
            "file",
            format!(
                "`{MODEL_FILE}`, half precision, {} bytes, SHA-256 `{}`",
                format::count(trained.n_bytes),
                trained.sha256
            ),
        ),
        (
            "network",
            format!(
                "patch transformer of restock {}, size `{}`: {} parameters, {} wide, {} layers",
                env!("CARGO_PKG_VERSION"),
                config.name,
                format::count(config.n_parameters()),
                config.d_model,
                config.n_layers
            ),
        ),
        ("training data", format!("generated by the retail prior, seed {}: {generic}; no real series", args.seed)),
        (
            "training",
            format!(
                "{} of {} steps of about {} tokens, {} series, AdamW with peak rate {}, {} s on {device}",
                format::count(trained.step as usize),
                format::count(args.total_steps.unwrap_or(args.steps) as usize),
                format::count(args.tokens as usize),
                format::count(trained.n_series as usize),
                args.learning_rate,
                format::count(trained.seconds.round() as usize),
            ),
        ),
        ("command", format!("`{}`", command(args))),
        ("date", session.today.to_string()),
        (
            "validation",
            format!(
                "{} of generated series of another seed: pinball loss in asinh space {} for periods, {} for cumulative \
                 demand; cross-entropy of any demand {}",
                if args.validation_batches == 1 {
                    "1 batch".to_owned()
                } else {
                    format!("{} batches", args.validation_batches)
                },
                format::float(validation.pinball[0], 4),
                format::float(validation.pinball[1], 4),
                format::float(validation.any_demand, 4),
            ),
        ),
    ];
    if let Some(Teacher { weights, sha256 }) = teacher {
        let what = format!(
            "size `{}`, SHA-256 `{sha256}`: its quantiles and its probability of any demand are learnt beside the series",
            weights.config().name
        );
        rows.insert(3, ("teacher", what));
    }
    let mut text = format!("# Model card: demand model `{}`\n\n| | |\n|---|---|\n", config.name);
    for (name, value) in rows {
        text.push_str(&format!("| {name} | {value} |\n"));
    }
    let cells = |cell: &dyn Fn(usize) -> String| CARD_LEVELS.map(cell).join(" | ");
    text.push_str("\nShare of demand at or below each quantile on the series of the validation:\n\n");
    text.push_str(&format!("| quantile | {} |\n", cells(&|level| LEVELS[level].to_string())));
    text.push_str(&format!("|---{}|\n", "|---".repeat(CARD_LEVELS.len())));
    for (head, name) in ["periods", "cumulative demand"].into_iter().enumerate() {
        let coverage = cells(&|level| format::float(validation.coverage[head][level], 3));
        text.push_str(&format!("| {name} | {coverage} |\n"));
    }
    text.push_str(&format!("\n![Pinball loss by step]({CHART_FILE})\n"));
    text
}

/// The command that trains the same weights.
fn command(args: &PretrainArgs) -> String {
    let size = if args.size == ModelSize::Nano { "nano" } else { "base" };
    let mut text = format!("restock model pretrain --size {size} --steps {}", args.steps);
    if let Some(total) = args.total_steps {
        text.push_str(&format!(" --total-steps {total}"));
    }
    text.push_str(&format!(" --tokens {}", args.tokens));
    if let Some(share) = args.share_generic {
        text.push_str(&format!(" --share-generic {share}"));
    }
    text.push_str(&format!(" --learning-rate {} --seed {}", args.learning_rate, args.seed));
    if let Some(teacher) = &args.teacher {
        text.push_str(&format!(" --teacher {}", shell_word(&teacher.display().to_string())));
    }
    if args.device == TrainOn::Cuda {
        text.push_str(" --device cuda");
    }
    text
}
