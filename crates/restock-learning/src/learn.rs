//! One problem, one algorithm, one result: what `restock train` does.

use serde::Serialize;

use restock_core::environment::FiniteEnvironment;
use restock_inventory::environments::{DualSourcing, LostSales, Perishable, RandomYield};
use restock_inventory::exact::{Criterion, Settings, solve_watched};
use restock_inventory::problems::ProblemEnvironment;

use crate::action_law::ActionLaw;
use crate::algorithm::{Algorithm, Facts, N_STATES_EXACT, table_fits};
use crate::controlled::{self, ControlledLearning};
use crate::differentiable::{self, Differentiable};
use crate::dqn::{self, Dqn};
use crate::grade::{Grade, grade_by_simulation, grade_exactly};
use crate::learned_policy::LearnedPolicy;
use crate::observed::Observed;
use crate::ppo::{self, Ppo};
use crate::q_learning::{self, QLearning};
use crate::reinforce::{self, Reinforce};
use crate::relaxed::{RelaxedDualSourcing, RelaxedLostSales, RelaxedPerishable, RelaxedRandomYield};
use crate::sarsa::Sarsa;
use crate::training::{Checkpoint, CurvePoint, Learner, Limits, ResumeError, Seconds, Task, Training, Verdict};

/// Generations of deep controlled learning, as in its paper.
const N_GENERATIONS: u64 = 3;

/// What is trained, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// The problem in words, with its parameters; a checkpoint must be of the same.
    pub problem: String,
    /// Seed of everything random.
    pub seed: u64,
    /// Wall-clock seconds.
    pub seconds: f64,
    /// Epochs at most, over all resumed parts; the algorithm's own where `None`.
    pub n_epochs: Option<u64>,
}

/// What was learned.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Learned {
    /// Why training ended, in a sentence.
    pub verdict: String,
    /// Whether the criterion of convergence is met.
    pub converged: bool,
    /// The learning curve.
    pub curve: Vec<CurvePoint>,
    /// The grade of the policy.
    pub grade: Grade,
    /// The policy with the lowest validation cost.
    #[serde(skip)]
    pub policy: LearnedPolicy,
    /// Training as it ended; `None` where nothing was trained.
    #[serde(skip)]
    pub checkpoint: Option<Checkpoint>,
}

/// An algorithm that cannot learn a problem, or a checkpoint that does not fit.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LearnError {
    /// The table would be too large.
    #[error("{algorithm} needs a table of {n_entries} entries, at most 20,000,000 fit; use dqn or ppo")]
    TooManyEntries {
        /// The algorithm.
        algorithm: Algorithm,
        /// States times actions.
        n_entries: usize,
    },
    /// Too many states for the solver.
    #[error("exact needs to enumerate {n_states} states, at most 4,000,000 are allowed; use another algorithm")]
    TooManyStates {
        /// States.
        n_states: usize,
    },
    /// The simulation has no derivative.
    #[error(
        "pathwise needs the derivative of the simulation, which {environment} does not have; expected one of \
         dual-sourcing, lost-sales, perishable or random-yield, or another algorithm such as ppo"
    )]
    NoDerivative {
        /// Id of the environment.
        environment: &'static str,
    },
    /// The checkpoint is of something else.
    #[error("{0}")]
    Resume(#[from] ResumeError),
}

/// Sees training: a share of the way for the solver, or a point of the curve and how to get a checkpoint.
pub enum Progress<'a> {
    /// The share of the way, 0 to 1, that the solver has come.
    Solving(f64),
    /// An epoch has ended.
    Epoch(&'a CurvePoint, &'a dyn Fn() -> Checkpoint),
}

/// An environment whose simulation may have a derivative.
trait MaybeDifferentiable: Observed + FiniteEnvironment {
    /// The learner that uses it.
    fn differentiable<'a>(task: Task<'a, Self>, config: differentiable::Config) -> Option<Box<dyn Learner + 'a>>
    where
        Self: Sized,
    {
        let _ = (task, config);
        None
    }
}

/// Environments with a relaxed twin.
macro_rules! has_derivative {
    ($($plain:ty, $relaxed:ident;)*) => {
        $(impl MaybeDifferentiable for $plain {
            fn differentiable<'a>(
                task: Task<'a, Self>,
                config: differentiable::Config,
            ) -> Option<Box<dyn Learner + 'a>> {
                let relaxed = $relaxed::new(task.environment.clone());
                Some(Box::new(Differentiable::new(task, relaxed, config)))
            }
        })*
    };
}

has_derivative! {
    DualSourcing, RelaxedDualSourcing;
    LostSales, RelaxedLostSales;
    Perishable, RelaxedPerishable;
    RandomYield, RelaxedRandomYield;
}

impl MaybeDifferentiable for restock_inventory::environments::BackorderPosition {}
impl MaybeDifferentiable for restock_inventory::environments::JointReplenishment {}
impl MaybeDifferentiable for restock_inventory::environments::OneWarehouse {}
impl MaybeDifferentiable for restock_inventory::environments::WorkedExample {}

/// Calls a function on the environment, whichever it is.
macro_rules! with_environment {
    ($problem:expr, $environment:ident => $body:expr) => {
        match $problem {
            ProblemEnvironment::BackorderPosition($environment) => $body,
            ProblemEnvironment::DualSourcing($environment) => $body,
            ProblemEnvironment::JointReplenishment($environment) => $body,
            ProblemEnvironment::LostSales($environment) => $body,
            ProblemEnvironment::OneWarehouse($environment) => $body,
            ProblemEnvironment::Perishable($environment) => $body,
            ProblemEnvironment::RandomYield($environment) => $body,
            ProblemEnvironment::WorkedExample($environment) => $body,
        }
    };
}

/// What the choice of an algorithm depends on.
pub fn facts(problem: &ProblemEnvironment, model_known: bool) -> Facts {
    let differentiable = matches!(
        problem,
        ProblemEnvironment::DualSourcing(_)
            | ProblemEnvironment::LostSales(_)
            | ProblemEnvironment::Perishable(_)
            | ProblemEnvironment::RandomYield(_)
    );
    with_environment!(problem, environment => Facts {
        model_known,
        n_states: environment.n_numbered(),
        n_actions: environment.n_actions(),
        n_quantities: environment.n_quantities(),
        differentiable,
    })
}

/// Trains, or goes on from a checkpoint, and grades the result.
///
/// # Errors
/// [`LearnError`].
pub fn learn(
    problem: &ProblemEnvironment,
    criterion: Criterion,
    request: &Request,
    resume: Option<Checkpoint>,
    clock: &dyn Fn() -> Seconds,
    observe: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<Learned, LearnError> {
    let facts = facts(problem, true);
    let n_states = facts.n_states.unwrap_or(usize::MAX);
    match request.algorithm {
        Algorithm::QLearning | Algorithm::Sarsa if !table_fits(&facts) => {
            let n_entries = n_states.saturating_mul(facts.n_actions);
            return Err(LearnError::TooManyEntries { algorithm: request.algorithm, n_entries });
        }
        Algorithm::Exact if n_states > N_STATES_EXACT => return Err(LearnError::TooManyStates { n_states }),
        _ => {}
    }
    with_environment!(problem, environment => learn_on(environment, criterion, request, resume, clock, observe))
}

fn learn_on<E: MaybeDifferentiable>(
    environment: &E,
    criterion: Criterion,
    request: &Request,
    resume: Option<Checkpoint>,
    clock: &dyn Fn() -> Seconds,
    observe: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<Learned, LearnError> {
    let task = Task { environment, criterion, seed: request.seed };
    if request.algorithm == Algorithm::Exact {
        return Ok(solve_exactly(environment, criterion, observe));
    }
    let (learner, n_epochs) = learner(task, request.algorithm)?;
    let mut training = Training::new(task, request.problem.as_str(), learner);
    if let Some(checkpoint) = resume {
        training.resume(checkpoint)?;
    }
    let limits = Limits {
        seconds: request.seconds,
        n_epochs: request.n_epochs.or(n_epochs).unwrap_or(u64::MAX),
        ..Limits::default()
    };
    let verdict = training.run(&limits, clock, &mut |training, point| {
        observe(Progress::Epoch(point, &|| training.checkpoint()));
    });
    let policy = training.best().expect("one epoch is always done").policy.clone();
    Ok(Learned {
        verdict: said(&verdict, n_epochs),
        converged: verdict.converged(),
        curve: training.curve().to_vec(),
        grade: grade(environment, criterion, &policy, request.seed),
        policy,
        checkpoint: Some(training.checkpoint()),
    })
}

/// The verdict; where an algorithm has a schedule of its own, its end is no lack of time.
fn said(verdict: &Verdict, n_epochs: Option<u64>) -> String {
    match verdict {
        Verdict::OutOfEpochs { n_epochs: done, .. } if n_epochs == Some(*done) => {
            verdict.to_string().replacen("was the last one asked for", "is the last one of the schedule", 1)
        }
        _ => verdict.to_string(),
    }
}

/// The grade: exact where all states can be enumerated, else by simulation.
fn grade<E: Observed + FiniteEnvironment>(
    environment: &E,
    criterion: Criterion,
    policy: &LearnedPolicy,
    seed: u64,
) -> Grade {
    if environment.n_states() <= N_STATES_EXACT {
        grade_exactly(environment, criterion, policy)
    } else {
        grade_by_simulation(environment, criterion, policy, seed)
    }
}

/// The optimum, not learned.
fn solve_exactly<E: Observed + FiniteEnvironment>(
    environment: &E,
    criterion: Criterion,
    observe: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Learned {
    let settings = Settings::default();
    let observe = std::sync::Mutex::new(observe);
    let watch = |share: f64| (observe.lock().expect("no panic while watching"))(Progress::Solving(share));
    let solution = solve_watched(environment, criterion, &settings, &watch);
    let number = |action: &E::Action| environment.action_idx(action) as u32;
    let policy = LearnedPolicy::Table { actions: solution.actions.iter().map(number).collect() };
    Learned {
        verdict: format!(
            "solved, not learned: bounds on the optimum are {:.1e} apart, {:.0e} were asked for",
            solution.bounds.1 - solution.bounds.0,
            solution.tolerance
        ),
        converged: solution.converged,
        curve: Vec::new(),
        grade: grade_exactly(environment, criterion, &policy),
        policy,
        checkpoint: None,
    }
}

/// The learner of an algorithm, and the epochs of its own schedule, if it has one.
fn learner<'a, E: MaybeDifferentiable>(
    task: Task<'a, E>,
    algorithm: Algorithm,
) -> Result<(Box<dyn Learner + 'a>, Option<u64>), LearnError> {
    // Several quantities are drawn as such, not as one number of many.
    let law = match task.environment.n_quantities() {
        1 => ActionLaw::Categorical,
        _ => ActionLaw::SquashedGaussian,
    };
    Ok(match algorithm {
        Algorithm::Exact => unreachable!("solved, not learned"),
        Algorithm::QLearning => (Box::new(QLearning::new(task, q_learning::Config::default())), None),
        Algorithm::Sarsa => (Box::new(Sarsa::new(task, Sarsa::<E>::usual_config())), None),
        Algorithm::Dqn => (Box::new(Dqn::new(task, dqn::Config::default())), None),
        Algorithm::Reinforce => (Box::new(Reinforce::new(task, reinforce::Config::new(law))), None),
        Algorithm::Ppo => (Box::new(Ppo::new(task, ppo::Config::new(law))), None),
        Algorithm::Dcl => (Box::new(ControlledLearning::new(task, controlled::Config::default())), Some(N_GENERATIONS)),
        Algorithm::Pathwise => {
            let config = differentiable::Config::default();
            let environment = task.environment.id();
            let learner = E::differentiable(task, config).ok_or(LearnError::NoDerivative { environment })?;
            (learner, Some(config.n_epochs()))
        }
    })
}
