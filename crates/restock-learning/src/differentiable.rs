//! Differentiable simulation ([`pathwise`]) as a learner beside those that learn from samples.
//!
//! An epoch is a number of gradient steps. What is validated and returned is the network's order rounded to the nearest
//! allowed one, in every numbered state.

use rayon::prelude::*;
use serde_json::Value;

use restock_inventory::exact::Criterion;

use crate::learned_policy::LearnedPolicy;
use crate::observed::Observed;
use crate::pathwise::{self, PathwiseSettings, ValidationPlan};
use crate::relaxed::Relaxed;
use crate::stream::{Purpose, Stream};
use crate::training::{Epoch, Learner, Task};

/// How to learn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// Gradient steps of an epoch.
    pub n_steps: u64,
    /// Gradient steps in all, over which the learning rate falls.
    pub n_all_steps: u64,
    /// The highest learning rate.
    pub learning_rate: f64,
    /// Units of each hidden layer.
    pub n_hidden: usize,
    /// Periods of a path.
    pub n_periods: usize,
}

impl Default for Config {
    /// 40 epochs of 100 steps, the rest as usual ([`PathwiseSettings`]).
    fn default() -> Self {
        Self { n_steps: 100, n_all_steps: 4_000, learning_rate: 1e-2, n_hidden: 32, n_periods: 50 }
    }
}

impl Config {
    /// Epochs until all steps are made.
    pub fn n_epochs(&self) -> u64 {
        self.n_all_steps / self.n_steps
    }
}

/// A network trained through the simulation.
pub struct Differentiable<'a, E: Observed, R: Relaxed<Plain = E>> {
    task: Task<'a, E>,
    config: Config,
    relaxed: R,
    training: pathwise::Training,
}

impl<'a, E: Observed, R: Relaxed<Plain = E>> Differentiable<'a, E, R> {
    /// An untrained network.
    pub fn new(task: Task<'a, E>, relaxed: R, config: Config) -> Self {
        let mut settings = PathwiseSettings { seed: task.seed, ..PathwiseSettings::default() };
        settings.schedule.n_steps = config.n_all_steps;
        settings.schedule.learning_rate = config.learning_rate;
        settings.hidden = vec![config.n_hidden; 2];
        settings.n_periods = config.n_periods;
        if let Criterion::Discounted { discount_factor } = task.criterion {
            settings.discount_factor = discount_factor;
        }
        // Validation is the trainer's, after each epoch; that of a step is as short as can be.
        settings.n_steps_per_validation = u64::MAX;
        let seed = Stream::new(task.seed, Purpose::Validation, 1, 0, 0).bits();
        settings.validation = ValidationPlan { n_lanes: 32, n_warm_up: 0, n_periods: 1, seed };
        let training = pathwise::Training::new(&relaxed, settings);
        Self { task, config, relaxed, training }
    }
}

impl<E: Observed, R: Relaxed<Plain = E>> Learner for Differentiable<'_, E, R> {
    fn name(&self) -> &'static str {
        "pathwise"
    }

    fn epoch(&mut self, epoch: u64) -> Epoch {
        self.training.run(&self.relaxed, (epoch + 1) * self.config.n_steps, |_| {});
        let settings = &self.training.settings;
        let n_periods = self.config.n_steps * (settings.n_lanes * settings.n_periods) as u64;
        Epoch { n_periods, training_cost: self.training.curve.last().map_or(0.0, |point| point.training_cost) }
    }

    fn policy(&self) -> LearnedPolicy {
        let environment = self.task.environment;
        let n_states = environment.n_numbered().expect("a problem with numbered states");
        let policy = self.training.policy(&self.relaxed);
        let action = |number: usize| {
            let action = policy.action(&self.relaxed, &environment.numbered(number));
            environment.action_idx(&action) as u32
        };
        LearnedPolicy::Table { actions: (0..n_states).into_par_iter().map(action).collect() }
    }

    fn save(&self) -> Value {
        serde_json::to_value(&self.training).expect("finite numbers")
    }

    fn load(&mut self, saved: &Value) -> Result<(), serde_json::Error> {
        self.training = serde_json::from_value(saved.clone())?;
        Ok(())
    }
}
