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
use crate::figures::{Figures, figures};
use crate::grade::{Grade, grade_against, grade_by_simulation, grade_exactly};
use crate::hyper::Hyper;
use crate::learned_policy::LearnedPolicy;
use crate::observed::Observed;
use crate::ppo::{self, Ppo};
use crate::q_learning::{self, QLearning};
use crate::reinforce::{self, Reinforce};
use crate::relaxed::{RelaxedDualSourcing, RelaxedLostSales, RelaxedPerishable, RelaxedRandomYield};
use crate::reward::{Objective, Reward, Rewarded};
use crate::sarsa::Sarsa;
use crate::simulation::Plan;
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
    /// Settings of the algorithm that replace the usual ones.
    pub hyper: Hyper,
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
    /// What it comes to, where a reward is added to the problem's costs.
    pub figures: Option<Figures>,
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
    /// What is added to the costs has no derivative.
    #[error(
        "pathwise knows the derivative of the costs of {environment} alone, not of a stock band, nor of goodwill or a \
         service level where demand waits; use another algorithm such as ppo"
    )]
    NoDerivativeOfReward {
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
pub(crate) trait MaybeDifferentiable: Observed + FiniteEnvironment {
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
            restock_inventory::problems::ProblemEnvironment::BackorderPosition($environment) => $body,
            restock_inventory::problems::ProblemEnvironment::DualSourcing($environment) => $body,
            restock_inventory::problems::ProblemEnvironment::JointReplenishment($environment) => $body,
            restock_inventory::problems::ProblemEnvironment::LostSales($environment) => $body,
            restock_inventory::problems::ProblemEnvironment::OneWarehouse($environment) => $body,
            restock_inventory::problems::ProblemEnvironment::Perishable($environment) => $body,
            restock_inventory::problems::ProblemEnvironment::RandomYield($environment) => $body,
            restock_inventory::problems::ProblemEnvironment::WorkedExample($environment) => $body,
        }
    };
}

pub(crate) use with_environment;

/// What the choice of an algorithm depends on.
pub fn facts(objective: &Objective, model_known: bool) -> Facts {
    let problem = &objective.problem;
    let has_derivative = matches!(
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
        // Derivatives are those of the problem's own costs.
        differentiable: has_derivative && Rewarded::new(environment, objective.terms()).is_plain(),
    })
}

/// Trains, or goes on from a checkpoint, and grades the result.
///
/// # Errors
/// [`LearnError`].
pub fn learn(
    objective: &Objective,
    request: &Request,
    resume: Option<Checkpoint>,
    clock: &dyn Fn() -> Seconds,
    observe: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<Learned, LearnError> {
    check_fits(objective, request.algorithm)?;
    with_environment!(&objective.problem, environment => {
        learn_on(environment, objective, request, resume, clock, observe)
    })
}

/// Checks that an algorithm can hold a problem.
pub(crate) fn check_fits(objective: &Objective, algorithm: Algorithm) -> Result<(), LearnError> {
    let facts = facts(objective, true);
    let n_states = facts.n_states.unwrap_or(usize::MAX);
    match algorithm {
        Algorithm::QLearning | Algorithm::Sarsa if !table_fits(&facts) => {
            Err(LearnError::TooManyEntries { algorithm, n_entries: n_states.saturating_mul(facts.n_actions) })
        }
        Algorithm::Exact if n_states > N_STATES_EXACT => Err(LearnError::TooManyStates { n_states }),
        _ => Ok(()),
    }
}

fn learn_on<E: MaybeDifferentiable>(
    environment: &E,
    objective: &Objective,
    request: &Request,
    resume: Option<Checkpoint>,
    clock: &dyn Fn() -> Seconds,
    observe: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<Learned, LearnError> {
    let rewarded = Rewarded::new(environment, objective.terms());
    if request.algorithm == Algorithm::Exact {
        return Ok(solve_exactly(environment, &rewarded, objective, request.seed, observe));
    }
    let task = Task { environment: &rewarded, criterion: objective.criterion, seed: request.seed };
    let (learner, n_epochs) = learner(environment, task, request.algorithm, &request.hyper)?;
    let problem = format!("{} {}", request.problem, request.hyper).trim_end().to_owned();
    let mut training = Training::new(task, problem, learner);
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
        grade: grade(&rewarded, objective.criterion, &policy, request.seed),
        figures: figures_of(environment, objective, &policy, request.seed),
        policy,
        checkpoint: Some(training.checkpoint()),
    })
}

/// What a policy comes to, where there is a reward or a price.
fn figures_of<E: Observed + FiniteEnvironment>(
    environment: &E,
    objective: &Objective,
    policy: &LearnedPolicy,
    seed: u64,
) -> Option<Figures> {
    let has_reward = objective.reward != Reward::default() || objective.for_service;
    has_reward.then(|| {
        let table = policy.tabulated(environment);
        // Rounds that search for a service level choose by their figures: not on the chances of the test.
        let plan = if objective.for_service { Plan::validation(seed) } else { Plan::test(seed) };
        figures(environment, objective, &|state| table.act(environment, state), &plan)
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
pub(crate) fn grade<E: Observed + FiniteEnvironment>(
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
    rewarded: &Rewarded<'_, E>,
    objective: &Objective,
    seed: u64,
    observe: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Learned {
    let settings = Settings::default();
    let observe = std::sync::Mutex::new(observe);
    let watch = |share: f64| (observe.lock().expect("no panic while watching"))(Progress::Solving(share));
    let solution = solve_watched(rewarded, objective.criterion, &settings, &watch);
    let policy = LearnedPolicy::solved(environment, &solution.actions);
    Learned {
        verdict: format!(
            "solved, not learned: bounds on the optimum are {:.1e} apart, {:.0e} were asked for",
            solution.bounds.1 - solution.bounds.0,
            solution.tolerance
        ),
        converged: solution.converged,
        curve: Vec::new(),
        grade: grade_against(rewarded, objective.criterion, &policy, &solution),
        figures: figures_of(environment, objective, &policy, seed),
        policy,
        checkpoint: None,
    }
}

/// The learner of an algorithm on an environment, whose costs are those of `task`, and the epochs of its own schedule, if
/// it has one.
pub(crate) fn learner<'a, E: MaybeDifferentiable>(
    environment: &'a E,
    task: Task<'a, Rewarded<'a, E>>,
    algorithm: Algorithm,
    hyper: &Hyper,
) -> Result<(Box<dyn Learner + 'a>, Option<u64>), LearnError> {
    // Several quantities are drawn as such, not as one number of many.
    let law = match task.environment.n_quantities() {
        1 => ActionLaw::Categorical,
        _ => ActionLaw::SquashedGaussian,
    };
    let of_table = |usual: q_learning::Config| q_learning::Config {
        n_lanes: hyper.whole("n_lanes", usual.n_lanes),
        exploration: hyper.number("exploration", usual.exploration),
        exploration_min: hyper.number("exploration_min", usual.exploration_min),
        ..usual
    };
    Ok(match algorithm {
        Algorithm::Exact => unreachable!("solved, not learned"),
        Algorithm::QLearning => (Box::new(QLearning::new(task, of_table(q_learning::Config::default()))), None),
        Algorithm::Sarsa => (Box::new(Sarsa::new(task, of_table(Sarsa::<E>::usual_config()))), None),
        Algorithm::Dqn => {
            let usual = dqn::Config::default();
            let config = dqn::Config {
                exploration: hyper.number("exploration", usual.exploration),
                exploration_min: hyper.number("exploration_min", usual.exploration_min),
                learning_rate: hyper.number("learning_rate", usual.learning_rate),
                n_batch: hyper.count("n_batch", usual.n_batch),
                n_hidden: hyper.count("n_hidden", usual.n_hidden),
                n_steps: hyper.count("n_steps", usual.n_steps),
                n_target_updates: hyper.whole("n_target_updates", usual.n_target_updates),
                ..usual
            };
            (Box::new(Dqn::new(task, config)), None)
        }
        Algorithm::Reinforce => {
            let usual = reinforce::Config::new(law);
            let config = reinforce::Config {
                entropy: hyper.number("entropy", usual.entropy),
                learning_rate: hyper.number("learning_rate", usual.learning_rate),
                n_after: hyper.whole("n_after", usual.n_after),
                n_hidden: hyper.count("n_hidden", usual.n_hidden),
                ..usual
            };
            (Box::new(Reinforce::new(task, config)), None)
        }
        Algorithm::Ppo => {
            let usual = ppo::Config::new(law);
            let config = ppo::Config {
                clip: hyper.number("clip", usual.clip),
                entropy: hyper.number("entropy", usual.entropy),
                lambda: hyper.number("lambda", usual.lambda),
                learning_rate: hyper.number("learning_rate", usual.learning_rate),
                n_batch: hyper.count("n_batch", usual.n_batch),
                n_hidden: hyper.count("n_hidden", usual.n_hidden),
                n_passes: hyper.whole("n_passes", usual.n_passes),
                ..usual
            };
            (Box::new(Ppo::new(task, config)), None)
        }
        Algorithm::Dcl => {
            let usual = controlled::Config::default();
            let config = controlled::Config {
                depth: hyper.whole("depth", usual.depth),
                exploration: hyper.number("exploration", usual.exploration),
                learning_rate: hyper.number("learning_rate", usual.learning_rate),
                n_hidden: hyper.count("n_hidden", usual.n_hidden),
                n_samples: hyper.count("n_samples", usual.n_samples),
                n_scenarios: hyper.count("n_scenarios", usual.n_scenarios),
                ..usual
            };
            (Box::new(ControlledLearning::new(task, config)), Some(N_GENERATIONS))
        }
        Algorithm::Pathwise => {
            let usual = differentiable::Config::default();
            let config = differentiable::Config {
                learning_rate: hyper.number("learning_rate", usual.learning_rate),
                n_hidden: hyper.count("n_hidden", usual.n_hidden),
                n_periods: hyper.count("n_periods", usual.n_periods),
                ..usual
            };
            let plain = Task { environment, criterion: task.criterion, seed: task.seed };
            let learner = E::differentiable(plain, config);
            let learner = learner.ok_or(LearnError::NoDerivative { environment: environment.id() })?;
            if !task.environment.is_plain() {
                return Err(LearnError::NoDerivativeOfReward { environment: environment.id() });
            }
            (learner, Some(config.n_epochs()))
        }
    })
}
