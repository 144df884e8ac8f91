//! Training: a learner's epochs, validated on chances of their own, until a stated criterion or the budget ends it.
//!
//! Costs are validated after each epoch on the chances of [`Purpose::Validation`](crate::stream::Purpose), the same after
//! every epoch, so that differences between two policies are far more certain than either cost. The policy with the
//! lowest validation cost is the result. Training has converged when that cost has fallen by less than a tolerance over
//! a number of validations. Nothing here reads a clock: time is an argument.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use restock_inventory::exact::Criterion;

use crate::learned_policy::LearnedPolicy;
use crate::observed::Observed;
use crate::simulation::{Plan, simulate};

/// Version of the checkpoints below.
pub const CHECKPOINT_FORMAT: u32 = 1;

/// What an algorithm learns from: a problem, what is minimised, and a seed.
#[derive(Debug)]
pub struct Task<'a, E> {
    /// The problem.
    pub environment: &'a E,
    /// What is minimised; the discount factor is here and nowhere else, environments do not discount.
    pub criterion: Criterion,
    /// Seed of everything random.
    pub seed: u64,
}

impl<E> Clone for Task<'_, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Task<'_, E> {}

/// One epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    /// Periods played.
    pub n_periods: u64,
    /// Mean cost per period while exploring, currency.
    pub training_cost: f64,
}

/// An algorithm that learns in epochs.
///
/// An epoch is a function of what [`Learner::save`] returns, the seed and the number of the epoch: training that is
/// interrupted between epochs and resumed gives the same numbers as training that is not.
pub trait Learner {
    /// The name on the command line.
    fn name(&self) -> &'static str;

    /// Plays and learns for one epoch, numbered from 0.
    fn epoch(&mut self, epoch: u64) -> Epoch;

    /// The policy learned so far, without exploration.
    fn policy(&self) -> LearnedPolicy;

    /// Everything that the next epoch depends on.
    fn save(&self) -> Value;

    /// Restores what [`Learner::save`] returned.
    ///
    /// # Errors
    /// When it belongs to another algorithm or problem.
    fn load(&mut self, saved: &Value) -> Result<(), serde_json::Error>;
}

/// A point of the learning curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Epochs done.
    pub n_epochs: u64,
    /// Periods played in training.
    pub n_periods: u64,
    /// CPU seconds since training began, as the caller's clock counts them; not a part of any result.
    pub cpu_seconds: f64,
    /// Mean cost per period while exploring, currency.
    pub training_cost: f64,
    /// Cost of the policy on the chances of validation, currency: per period, or discounted from the initial state.
    pub validation_cost: f64,
}

/// When training ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Wall-clock seconds.
    pub seconds: f64,
    /// Epochs, over all resumed parts.
    pub n_epochs: u64,
    /// Training has converged when over so many validations ...
    pub patience: usize,
    /// ... the lowest validation cost has fallen by less than this share of it.
    pub tolerance: f64,
}

impl Default for Limits {
    /// Ten minutes; 0.02 % over 15 validations.
    fn default() -> Self {
        Self { seconds: 600.0, n_epochs: u64::MAX, patience: 15, tolerance: 2e-4 }
    }
}

/// Why training ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Verdict {
    /// The criterion is met.
    Converged {
        /// Validations over which the cost was compared.
        n_validations: usize,
        /// Share by which the lowest cost fell over them.
        fell: f64,
        /// The share below which training has converged.
        tolerance: f64,
    },
    /// The time is spent.
    OutOfTime {
        /// The budget, seconds.
        seconds: f64,
        /// Validations over which the cost was compared.
        n_validations: usize,
        /// Share by which the lowest cost fell over them.
        fell: f64,
    },
    /// All epochs are done.
    OutOfEpochs {
        /// The epochs.
        n_epochs: u64,
        /// Validations over which the cost was compared.
        n_validations: usize,
        /// Share by which the lowest cost fell over them.
        fell: f64,
    },
}

impl Verdict {
    /// Whether the criterion of convergence is met.
    pub fn converged(&self) -> bool {
        matches!(self, Self::Converged { .. })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n_validations, fell) = match self {
            Self::Converged { n_validations, fell, tolerance } => {
                return write!(
                    f,
                    "converged: over the last {n_validations} validations the cost fell by {:.3} %, less than {:.3} %",
                    100.0 * fell,
                    100.0 * tolerance
                );
            }
            Self::OutOfTime { seconds, n_validations, fell } => {
                write!(f, "stopped: the budget of {seconds} s is spent")?;
                (n_validations, fell)
            }
            Self::OutOfEpochs { n_epochs, n_validations, fell } => {
                write!(f, "stopped: epoch {n_epochs} was the last one asked for")?;
                (n_validations, fell)
            }
        };
        match n_validations {
            0 | 1 => write!(f, ", there is one validation only"),
            _ => write!(f, ", over the last {n_validations} validations the cost still fell by {:.3} %", 100.0 * fell),
        }
    }
}

/// Training between two epochs, as a file holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// [`CHECKPOINT_FORMAT`].
    pub format: u32,
    /// The algorithm.
    pub algorithm: String,
    /// The problem in words, with its parameters.
    pub problem: String,
    /// The seed.
    pub seed: u64,
    /// The learning curve so far.
    pub curve: Vec<CurvePoint>,
    /// The best policy so far.
    pub best: Option<Best>,
    /// What the learner saved.
    pub learner: Value,
}

/// The policy with the lowest validation cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Its cost.
    pub validation_cost: f64,
    /// Epochs after which it was found.
    pub n_epochs: u64,
    /// The policy.
    pub policy: LearnedPolicy,
}

/// Seconds since training began.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Seconds {
    /// By the clock on the wall.
    pub wall: f64,
    /// Of all threads of the process together.
    pub cpu: f64,
}

/// A checkpoint that does not fit what is to be trained.
#[derive(Clone, Debug, PartialEq)]
pub struct ResumeError(String);

impl fmt::Display for ResumeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ResumeError {}

/// A learner with what it has come to.
pub struct Training<'a, E: Observed> {
    task: Task<'a, E>,
    problem: String,
    learner: Box<dyn Learner + 'a>,
    curve: Vec<CurvePoint>,
    best: Option<Best>,
    /// CPU seconds of earlier parts.
    cpu_before: f64,
}

impl<'a, E: Observed> Training<'a, E> {
    /// Training from nothing; `problem` is the problem in words.
    pub fn new(task: Task<'a, E>, problem: impl Into<String>, learner: Box<dyn Learner + 'a>) -> Self {
        Self { task, problem: problem.into(), learner, curve: Vec::new(), best: None, cpu_before: 0.0 }
    }

    /// Goes on from a checkpoint.
    ///
    /// # Errors
    /// When it belongs to another algorithm, problem or seed.
    pub fn resume(&mut self, checkpoint: Checkpoint) -> Result<(), ResumeError> {
        let fits = [
            ("format", checkpoint.format.to_string(), CHECKPOINT_FORMAT.to_string()),
            ("algorithm", checkpoint.algorithm, self.learner.name().to_owned()),
            ("problem", checkpoint.problem, self.problem.clone()),
            ("seed", checkpoint.seed.to_string(), self.task.seed.to_string()),
        ];
        if let Some((name, got, expected)) = fits.iter().find(|(_, got, expected)| got != expected) {
            return Err(ResumeError(format!("{name} of the checkpoint is {got}, must be {expected}")));
        }
        self.learner.load(&checkpoint.learner).map_err(|error| ResumeError(format!("checkpoint: {error}")))?;
        self.cpu_before = checkpoint.curve.last().map_or(0.0, |point| point.cpu_seconds);
        self.curve = checkpoint.curve;
        self.best = checkpoint.best;
        Ok(())
    }

    /// Training as a file holds it.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            format: CHECKPOINT_FORMAT,
            algorithm: self.learner.name().to_owned(),
            problem: self.problem.clone(),
            seed: self.task.seed,
            curve: self.curve.clone(),
            best: self.best.clone(),
            learner: self.learner.save(),
        }
    }

    /// The learning curve.
    pub fn curve(&self) -> &[CurvePoint] {
        &self.curve
    }

    /// The policy with the lowest validation cost, once there is one.
    pub fn best(&self) -> Option<&Best> {
        self.best.as_ref()
    }

    /// Trains until a limit is reached or training has converged; `after` sees training after each epoch.
    pub fn run(
        &mut self,
        limits: &Limits,
        clock: &dyn Fn() -> Seconds,
        after: &mut dyn FnMut(&Self, &CurvePoint),
    ) -> Verdict {
        let plan = Plan::validation(self.task.seed);
        loop {
            let n_epochs = self.curve.len() as u64;
            let fell = self.fell(limits.patience);
            let n_validations = limits.patience.min(self.curve.len());
            if self.curve.len() > limits.patience && fell < limits.tolerance {
                return Verdict::Converged { n_validations, fell, tolerance: limits.tolerance };
            }
            // One epoch is always done: there is always a policy.
            if n_epochs >= limits.n_epochs.max(1) {
                return Verdict::OutOfEpochs { n_epochs, n_validations, fell };
            }
            if n_epochs > 0 && clock().wall >= limits.seconds {
                return Verdict::OutOfTime { seconds: limits.seconds, n_validations, fell };
            }
            let epoch = self.learner.epoch(n_epochs);
            let policy = self.learner.policy();
            let table = policy.tabulated(self.task.environment);
            let environment = self.task.environment;
            let act = |state: &E::State| table.act(environment, state);
            let validation_cost = simulate(environment, self.task.criterion, &act, &plan).mean();
            if self.best.as_ref().is_none_or(|best| validation_cost < best.validation_cost) {
                self.best = Some(Best { validation_cost, n_epochs: n_epochs + 1, policy });
            }
            let point = CurvePoint {
                n_epochs: n_epochs + 1,
                n_periods: self.curve.last().map_or(0, |point| point.n_periods) + epoch.n_periods,
                cpu_seconds: self.cpu_before + clock().cpu,
                training_cost: epoch.training_cost,
                validation_cost,
            };
            self.curve.push(point);
            after(self, &point);
        }
    }

    /// Share by which the lowest validation cost fell over the last validations.
    fn fell(&self, n_validations: usize) -> f64 {
        let lowest = |points: &[CurvePoint]| points.iter().map(|point| point.validation_cost).fold(f64::MAX, f64::min);
        let before = self.curve.len().saturating_sub(n_validations).max(1);
        if self.curve.len() < 2 {
            return 0.0;
        }
        let (then, now) = (lowest(&self.curve[..before]), lowest(&self.curve));
        (then - now) / then.abs().max(1e-12)
    }
}
