//! Training of the pretrained policy: differentiable simulation over random items, a new set of them every few thousand
//! steps.
//!
//! All that chance decides follows from the seed and the number of the step, so a training that is written to a file and
//! read again makes the numbers of one that was not interrupted.

use serde::{Deserialize, Serialize};

use crate::any_item::generator::TRAINING_SEED;
use crate::any_item::{ItemGenerator, ItemRange};
use crate::pathwise::{CurvePoint, PathwiseSettings, Training, ValidationPlan, validate};
use crate::policy::NetworkPolicy;
use crate::relaxed::AnyItem;

/// Items that validation costs are of; no training meets them.
pub const VALIDATION_SEED: u64 = 3;

/// How the pretrained policy is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PretrainingSettings {
    /// Network, paths and optimiser.
    pub pathwise: PathwiseSettings,
    /// Items of a set.
    pub n_items: usize,
    /// Steps with a set.
    pub n_steps_per_set: u64,
    /// Items of the validation.
    pub n_validation_items: usize,
}

impl PretrainingSettings {
    /// The settings of the shipped weights, but for the number of steps and the seed.
    pub fn new(n_steps: u64, seed: u64) -> Self {
        let mut pathwise = PathwiseSettings {
            hidden: vec![64, 64],
            n_lanes: 256,
            n_periods: 64,
            n_head: 0,
            n_tail: 18,
            seed,
            // What is validated here is validated on other items: see `Pretraining::run`.
            n_steps_per_validation: u64::MAX,
            validation: ValidationPlan { n_lanes: 32, n_warm_up: 0, n_periods: 1, seed: 0 },
            ..PathwiseSettings::default()
        };
        pathwise.schedule.n_steps = n_steps;
        pathwise.schedule.learning_rate = 3e-3;
        pathwise.schedule.n_warm_up = 200;
        Self { pathwise, n_items: 4_096, n_steps_per_set: 2_500, n_validation_items: 2_048 }
    }
}

/// A training of the pretrained policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pretraining {
    /// How it trains.
    pub settings: PretrainingSettings,
    /// Weights and optimiser.
    pub training: Training,
    /// A point for each set: costs in shares of those of the items, see [`crate::any_item::ItemProblem::cost_scale`].
    pub curve: Vec<CurvePoint>,
}

impl Pretraining {
    /// A training before its first step.
    pub fn new(settings: PretrainingSettings) -> Self {
        let item = ItemGenerator { seed: VALIDATION_SEED, range: ItemRange::ALL }.item(0);
        let training = Training::new(&AnyItem::new(vec![item]), settings.pathwise.clone());
        Self { settings, training, curve: Vec::new() }
    }

    /// Trains until `n_steps` steps are made in all, and tells `watch` after each set.
    pub fn run(&mut self, n_steps: u64, mut watch: impl FnMut(&Self)) {
        let PretrainingSettings { n_items, n_steps_per_set, n_validation_items, .. } = self.settings;
        let seed = TRAINING_SEED + self.settings.pathwise.seed;
        let training_items = ItemGenerator { seed, range: ItemRange::ALL };
        let validation_items = ItemGenerator { seed: VALIDATION_SEED, ..training_items };
        let held_out = AnyItem::new(validation_items.items(0, n_validation_items));
        while self.training.adam.n_steps < n_steps {
            let set_idx = self.training.adam.n_steps / n_steps_per_set;
            let items = AnyItem::new(training_items.items(set_idx * n_items as u64, n_items));
            self.training.run(&items, ((set_idx + 1) * n_steps_per_set).min(n_steps), |_| {});
            let plan = ValidationPlan { n_lanes: n_validation_items, n_warm_up: 100, n_periods: 200, seed: 0x5EED };
            let validation_cost = validate(&held_out, &self.policy(), &plan.into()).mean();
            let training_cost = self.training.curve.last().map_or(0.0, |point| point.training_cost);
            self.curve.push(CurvePoint { n_steps: self.training.adam.n_steps, training_cost, validation_cost });
            watch(self);
        }
    }

    /// What has been learned.
    pub fn policy(&self) -> NetworkPolicy {
        let item = ItemGenerator { seed: VALIDATION_SEED, range: ItemRange::ALL }.item(0);
        self.training.policy(&AnyItem::new(vec![item]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> PretrainingSettings {
        let mut settings = PretrainingSettings::new(12, 4);
        settings.pathwise.hidden = vec![8];
        settings.pathwise.n_lanes = 128;
        settings.pathwise.n_periods = 16;
        settings.pathwise.n_tail = 2;
        PretrainingSettings { n_items: 40, n_steps_per_set: 5, n_validation_items: 32, ..settings }
    }

    /// Interrupted within a set and read from text, it ends with the weights of a training that ran through.
    #[test]
    fn a_resumed_pretraining_is_the_uninterrupted_one() {
        let mut whole = Pretraining::new(small());
        whole.run(12, |_| {});
        let mut half = Pretraining::new(small());
        half.run(7, |_| {});
        let mut resumed: Pretraining = serde_json::from_str(&serde_json::to_string(&half).unwrap()).unwrap();
        resumed.run(12, |_| {});
        assert_eq!(resumed.training.adam, whole.training.adam);
        assert_eq!(resumed.curve.last().unwrap().validation_cost, whole.curve.last().unwrap().validation_cost);
        assert_ne!(half.training.adam.weights, whole.training.adam.weights);
        let mut other = Pretraining::new(PretrainingSettings { n_items: 41, ..small() });
        other.run(12, |_| {});
        assert_ne!(other.training.adam.weights, whole.training.adam.weights);
    }
}
