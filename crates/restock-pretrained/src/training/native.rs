//! Training on this machine's CPU.

use std::borrow::Cow;

use super::adamw::{AdamW, AdamWSettings, OptimiserState, decays};
use super::checkpoint::Kept;
use super::gradient::{Trainable, taught_loss_and_gradient};
use super::trainer::{Backend, Figures};
use super::validation::{Validation, forecasts, validate};
use crate::batch::TrainingBatch;
use crate::config::ModelConfig;
use crate::engine::{Engine, Precision};
use crate::weights::Weights;

/// Weights and moments in memory. Steps are the same, bit by bit, for any number of threads.
pub struct Native {
    threads: rayon::ThreadPool,
    config: ModelConfig,
    optimiser: AdamW,
    teacher: Option<Engine>,
    gradient: Vec<f32>,
    figures: Figures,
}

impl Native {
    /// Continues from `state` on a number of threads.
    ///
    /// # Panics
    /// When the system has no more threads.
    pub fn new(config: &ModelConfig, state: OptimiserState, n_threads: usize) -> Self {
        let threads = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build();
        Self {
            threads: threads.expect("threads of the system"),
            config: config.clone(),
            gradient: vec![0.0; config.n_parameters()],
            optimiser: AdamW::new(state, decays(config), AdamWSettings::default()),
            teacher: None,
            figures: Figures::default(),
        }
    }

    /// The same with a teacher, whose forecasts the network learns beside what was generated.
    pub fn taught_by(self, teacher: &Weights) -> Self {
        Self { teacher: Some(Engine::new(teacher, Precision::fastest())), ..self }
    }
}

impl Backend for Native {
    type Prepared = TrainingBatch;
    type Place = ();

    fn place(&self) -> Self::Place {}

    fn prepare((): Self::Place, batch: TrainingBatch) -> Self::Prepared {
        batch
    }

    fn step(&mut self, batch: &TrainingBatch, step: u64, learning_rate: f64) {
        let Self { config, optimiser, teacher, gradient, .. } = self;
        let (losses, norm) = self.threads.install(|| {
            let said = teacher.as_ref().map(|teacher| forecasts(teacher, batch));
            let weights = &optimiser.state().weights;
            let losses = taught_loss_and_gradient(weights, config, batch, said.as_ref(), Trainable::All, gradient);
            (losses, optimiser.step(gradient, step, learning_rate))
        });
        self.figures.add(losses, norm);
    }

    fn take_figures(&mut self) -> Figures {
        std::mem::take(&mut self.figures)
    }

    fn validate(&self, batches: &[TrainingBatch]) -> Validation {
        let average = Weights::from_flat(&self.config, &self.optimiser.state().average);
        // A gradient that is not finite counts as zero, so weights stay finite.
        let engine = Engine::new(&average.expect("finite weights"), Precision::F32);
        self.threads.install(|| validate(&engine, batches))
    }

    fn optimiser(&self) -> Cow<'_, OptimiserState> {
        Cow::Borrowed(self.optimiser.state())
    }

    fn kept(&self) -> Kept {
        Kept::Exactly
    }
}
