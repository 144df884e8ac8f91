//! Trains the pretrained demand model: `pretrain --size nano --steps 1000 --out /tmp/model`.

#![allow(clippy::print_stdout)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use restock_pretrained::batch::{BatchSource, RepeatedSource};
use restock_pretrained::config::ModelConfig;
use restock_pretrained::prior::PriorSource;
use restock_pretrained::torch::TrainingError;
use restock_pretrained::torch::checkpoint::write_model;
use restock_pretrained::torch::golden::write_golden;
use restock_pretrained::torch::trainer::{Trainer, TrainerConfig, device_report};
use tch::{Cuda, Device};

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Size {
    Nano,
    Base,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum On {
    Cpu,
    Cuda,
}

/// Train the pretrained demand model
#[derive(Debug, Parser)]
struct Arguments {
    /// Size of the network
    #[arg(long, value_enum, default_value = "nano")]
    size: Size,
    /// Stop after this step, counted over all runs
    #[arg(long, default_value_t = 1000)]
    steps: u64,
    /// Steps of the whole training, for the learning rate; by default those of --steps
    #[arg(long)]
    total_steps: Option<u64>,
    /// Tokens in each batch, about: a series has one for every 16 steps of past and future
    #[arg(long, default_value_t = 16384)]
    tokens: usize,
    /// Share of series that are not retail, instead of the curriculum
    #[arg(long)]
    share_generic: Option<f64>,
    /// Stop and write a checkpoint before this many minutes have passed
    #[arg(long)]
    minutes: Option<f64>,
    /// Folder of the checkpoint and the log; a checkpoint that is there is resumed
    #[arg(long)]
    checkpoint: Option<PathBuf>,
    /// Folder for the finished weights, model.safetensors
    #[arg(long)]
    out: Option<PathBuf>,
    /// Where to train
    #[arg(long, value_enum, default_value = "cpu")]
    device: On,
    /// Seed of weights and batches
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The highest learning rate
    #[arg(long, default_value_t = 2e-3)]
    learning_rate: f64,
    /// Threads that make batches
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Steps between validations and checkpoints
    #[arg(long, default_value_t = 1000)]
    validate_every: u64,
    /// Batches of each validation
    #[arg(long, default_value_t = 8)]
    validation_batches: u64,
    /// Make only this many different batches and repeat them, to measure the device alone
    #[arg(long)]
    repeat: Option<u64>,
    /// Write inputs and outputs of a tiny network with random weights to this file, and stop
    #[arg(long)]
    golden: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), TrainingError> {
    let started = Instant::now();
    if let Some(path) = &arguments.golden {
        return write_golden(path, arguments.seed);
    }
    let device = match arguments.device {
        On::Cpu => Device::Cpu,
        On::Cuda => Device::Cuda(0),
    };
    if device.is_cuda() {
        // The kernels run on the GPU; threads of the CPU make batches.
        tch::set_num_threads(1);
    }
    println!("{}{}", device_report(device), device_name());
    if device.is_cuda() && !Cuda::is_available() {
        println!(
            "error: no CUDA device is usable\n\nhint: set LD_PRELOAD=libtorch_cuda.so and let LD_LIBRARY_PATH name the folder it is in"
        );
        std::process::exit(1);
    }
    let model = match arguments.size {
        Size::Nano => ModelConfig::nano(),
        Size::Base => ModelConfig::base(),
    };
    println!("{} parameters in size {}", model.n_parameters(), model.name);
    let source = |seed| match arguments.share_generic {
        None => PriorSource::new(seed, arguments.tokens),
        Some(share) => PriorSource::new(seed, arguments.tokens).with_share_generic(share),
    };
    let mut trainer = Trainer::new(TrainerConfig {
        model: model.clone(),
        device,
        seed: arguments.seed,
        last_step: arguments.steps,
        total_steps: arguments.total_steps.unwrap_or(arguments.steps),
        last_second: arguments.minutes.map(|minutes| 60.0 * minutes),
        learning_rate: arguments.learning_rate,
        n_threads: arguments.threads,
        validate_every: arguments.validate_every,
        n_validation_batches: arguments.validation_batches,
        checkpoint: arguments.checkpoint.clone(),
    })?;
    println!("starting after step {}", trainer.state().step);
    let clock = || started.elapsed().as_secs_f64();
    let training_source: Box<dyn BatchSource> = match arguments.repeat {
        None => Box::new(source(arguments.seed)),
        Some(n) => Box::new(RepeatedSource((0..n).map(|step| source(arguments.seed).batch(step, 0.0)).collect())),
    };
    trainer.run(training_source.as_ref(), &source(arguments.seed + 1_000_003), &clock, &mut std::io::stdout())?;
    if let Some(folder) = &arguments.out {
        std::fs::create_dir_all(folder)
            .map_err(|source| TrainingError::File { path: folder.display().to_string(), source })?;
        write_model(&folder.join("model.safetensors"), &model, trainer.average())?;
    }
    Ok(())
}

/// Names of the GPUs as the driver states them.
fn device_name() -> String {
    let mut names = String::new();
    for folder in std::fs::read_dir("/proc/driver/nvidia/gpus").into_iter().flatten().flatten() {
        let text = std::fs::read_to_string(folder.path().join("information")).unwrap_or_default();
        let model = text.lines().find_map(|line| line.strip_prefix("Model:")).unwrap_or(" unknown").trim();
        names += &format!("; {model}");
    }
    names
}
