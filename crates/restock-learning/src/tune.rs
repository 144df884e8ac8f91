//! Hyper-parameters of a learner searched within a budget: `restock tune`.
//!
//! Settings are compared by [`successive_halving`] on validation costs with common random numbers. The seed of the test
//! comes in after the search has ended, with the two policies that are graded: what was found, and the usual settings
//! trained as long.

use std::cell::{Cell, RefCell};

use serde::Serialize;

use crate::algorithm::Algorithm;
use crate::grade::Grade;
use crate::hyper::Hyper;
use crate::learn::{LearnError, MaybeDifferentiable, check_fits, grade, learner, with_environment};
use crate::learned_policy::LearnedPolicy;
use crate::observed::Observed;
use crate::reward::{Objective, Rewarded};
use crate::successive_halving::{Budget, Search, Trial, Until, successive_halving};
use crate::training::{CurvePoint, Limits, Seconds, Task, Training};

/// What is searched, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// The problem in words.
    pub problem: String,
    /// Seed of training, validation and of the settings that are drawn.
    pub seed: u64,
    /// Seed of the grade.
    pub test_seed: u64,
    /// Settings to compare, the usual ones among them.
    pub n_configurations: usize,
    /// What the search may use.
    pub budget: Budget,
}

/// A setting with what it came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Configuration {
    /// What is set; the usual settings set nothing.
    pub hyper: Hyper,
    /// Its lowest validation cost.
    pub validation_cost: f64,
    /// The learning curve.
    pub curve: Vec<CurvePoint>,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tuned {
    /// `[n_configurations]`: the usual settings first.
    pub configurations: Vec<Configuration>,
    /// The search.
    pub search: Search,
    /// The grade of the best settings.
    pub grade: Grade,
    /// The grade of the usual settings, trained as long.
    pub usual_grade: Grade,
    /// The policy of the best settings.
    #[serde(skip)]
    pub policy: LearnedPolicy,
}

/// Where a search is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// The rung, from 0.
    pub rung: usize,
    /// The setting that trains.
    pub trial: usize,
    /// The validation cost of its last epoch, once there is one.
    pub validation_cost: Option<f64>,
    /// Epochs of all trials together.
    pub n_epochs: u64,
}

/// Searches, and grades what is found.
///
/// # Errors
/// [`LearnError`], where the algorithm cannot learn the problem.
///
/// # Panics
/// When there is nothing to compare, or the algorithm is the solver.
pub fn tune(
    objective: &Objective,
    request: &Request,
    clock: &dyn Fn() -> Seconds,
    observe: &mut dyn FnMut(Place),
) -> Result<Tuned, LearnError> {
    assert!(request.n_configurations >= 1 && request.algorithm != Algorithm::Exact, "{request:?}");
    check_fits(objective, request.algorithm)?;
    with_environment!(&objective.problem, environment => tune_on(environment, objective, request, clock, observe))
}

fn tune_on<E: MaybeDifferentiable>(
    environment: &E,
    objective: &Objective,
    request: &Request,
    clock: &dyn Fn() -> Seconds,
    observe: &mut dyn FnMut(Place),
) -> Result<Tuned, LearnError> {
    let rewarded = Rewarded::new(environment, objective.terms());
    let task = Task { environment: &rewarded, criterion: objective.criterion, seed: request.seed };
    let hyper_of = |trial: usize| match trial {
        0 => Hyper::default(),
        _ => Hyper::draw(request.algorithm, request.seed, trial as u64),
    };
    let observe = RefCell::new(observe);
    let at = Cell::new(Place { rung: 0, trial: 0, validation_cost: None, n_epochs: 0 });
    let go_to = |place: Place| {
        at.set(place);
        (observe.borrow_mut())(place);
    };
    let after_epoch = |point: &CurvePoint| {
        let now = at.get();
        go_to(Place { validation_cost: Some(point.validation_cost), n_epochs: now.n_epochs + 1, ..now });
    };
    let mut trials = Vec::with_capacity(request.n_configurations);
    for trial in 0..request.n_configurations {
        let (learner, schedule) = learner(environment, task, request.algorithm, &hyper_of(trial))?;
        let training = Training::new(task, request.problem.as_str(), learner);
        let n_epochs_max = schedule.unwrap_or(u64::MAX);
        trials.push(Trained { training, n_epochs_max, spent: Seconds::default(), clock, after_epoch: &after_epoch });
    }
    let search = successive_halving(&mut trials, request.budget, &mut |rung, trial| {
        go_to(Place { rung, trial, validation_cost: None, ..at.get() });
    });
    // The search is over: here, and not before, the seed of the test is used.
    let policy = |trial: usize| trials[trial].training.best().expect("trained").policy.clone();
    let graded = |policy: &LearnedPolicy| grade(&rewarded, objective.criterion, policy, request.test_seed);
    let best = policy(search.winner);
    let best_grade = graded(&best);
    let usual_grade = if search.winner == 0 { best_grade.clone() } else { graded(&policy(0)) };
    let configurations = trials.iter().enumerate().map(|(trial, trained)| Configuration {
        hyper: hyper_of(trial),
        validation_cost: trained.validation_cost(),
        curve: trained.training.curve().to_vec(),
    });
    Ok(Tuned { configurations: configurations.collect(), search, grade: best_grade, usual_grade, policy: best })
}

/// A training as a trial of the search.
struct Trained<'a, 'c, E: Observed> {
    training: Training<'a, E>,
    /// The end of the algorithm's own schedule.
    n_epochs_max: u64,
    /// Time it has trained.
    spent: Seconds,
    clock: &'c dyn Fn() -> Seconds,
    after_epoch: &'c dyn Fn(&CurvePoint),
}

impl<E: Observed> Trial for Trained<'_, '_, E> {
    fn train_until(&mut self, until: Until) {
        let (seconds, n_epochs) = match until {
            Until::Seconds(seconds) => (seconds, self.n_epochs_max),
            Until::Epochs(n_epochs) => (f64::INFINITY, n_epochs.min(self.n_epochs_max)),
        };
        let limits = Limits { seconds, n_epochs, ..Limits::default() };
        // Its own clock: time stands still while others train.
        let (then, before, clock) = ((self.clock)(), self.spent, self.clock);
        let own = || {
            let now = clock();
            Seconds { wall: before.wall + now.wall - then.wall, cpu: before.cpu + now.cpu - then.cpu }
        };
        let after_epoch = self.after_epoch;
        self.training.run(&limits, &own, &mut |_, point| after_epoch(point));
        self.spent = own();
    }

    fn validation_cost(&self) -> f64 {
        self.training.best().map_or(f64::INFINITY, |best| best.validation_cost)
    }

    fn n_epochs(&self) -> u64 {
        self.training.curve().len() as u64
    }
}
