//! What tests of training share.
#![allow(dead_code, reason = "every test crate uses its own part")]

use std::path::Path;

use restock_pretrained::config::ModelConfig;
use restock_pretrained::seasonal_source::SeasonalSource;
use restock_pretrained::training::report::Event;
use restock_pretrained::training::{Backend, Native, OptimiserState, Trainer, TrainerConfig};

/// Small windows for small networks.
pub(crate) const SOURCE: SeasonalSource =
    SeasonalSource { seed: 1, n_series: 16, max_context_patches: 4, max_future_patches: 2 };

/// Small, and no two sizes alike that could be swapped by mistake.
pub(crate) fn tiny_config() -> ModelConfig {
    ModelConfig {
        name: "tiny".into(),
        d_model: 24,
        n_layers: 2,
        n_heads: 3,
        d_ff: 40,
        d_embed: 28,
        d_head: 20,
        rope_theta: 1e4,
    }
}

/// Two threads of this machine.
pub(crate) fn on_cpu(config: &ModelConfig, state: OptimiserState) -> Native {
    Native::new(config, state, 2)
}

/// Trains to `last_step` of 30 and returns the trainer and what it said.
pub(crate) fn train<B: Backend>(
    model: &ModelConfig,
    backend: impl FnOnce(&ModelConfig, OptimiserState) -> B,
    checkpoint: Option<&Path>,
    last_step: u64,
) -> (Trainer<B>, Vec<Event>) {
    let config = TrainerConfig {
        model: model.clone(),
        seed: 7,
        last_step,
        total_steps: 30,
        last_second: None,
        learning_rate: 5e-3,
        n_threads: 2,
        validate_every: 30,
        n_validation_batches: 2,
        checkpoint: checkpoint.map(Path::to_owned),
    };
    let mut trainer = Trainer::new(config, backend).unwrap();
    let mut events = Vec::new();
    let validation_source = SeasonalSource { seed: 2, ..SOURCE };
    trainer.run(&SOURCE, &validation_source, &|| 0.0, &mut |event| events.push(event.clone())).unwrap();
    (trainer, events)
}
