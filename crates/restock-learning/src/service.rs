//! A service level reached by solving or learning at the price of a lost unit that it takes; see
//! [`constrained`](crate::constrained).

use restock_core::environment::FiniteEnvironment;
use restock_inventory::exact::{Settings, evaluate, solve};

use crate::algorithm::Algorithm;
use crate::constrained::{Constrained, ConstraintError, Round, constrained};
use crate::figures::{Figures, figures};
use crate::grade::Reference;
use crate::learn::{LearnError, Learned, Progress, Request, check_fits, learn, with_environment};
use crate::learned_policy::LearnedPolicy;
use crate::observed::Observed;
use crate::reward::{Objective, RewardError, Rewarded, Terms};
use crate::simple_policies::reaching;
use crate::simulation::Plan;
use crate::training::Seconds;

/// Rounds of a learner, each with the same share of the budget.
pub const N_ROUNDS_LEARNED: usize = 6;

/// Rounds of the solver, at most; most problems take ten.
const N_ROUNDS_EXACT: usize = 60;

/// A round that failed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RoundError {
    /// The problem cannot be described at a price.
    #[error("{0}")]
    Reward(#[from] RewardError),
    /// The algorithm cannot learn it.
    #[error("{0}")]
    Learn(#[from] LearnError),
}

/// Solves until a fill rate is reached at the least cost; `observe` sees the number of each round.
///
/// # Errors
/// [`ConstraintError`], with the best that was reached where the target is out of reach.
pub fn solve_to_service(
    objective: &Objective,
    target: f64,
    observe: &mut dyn FnMut(usize),
) -> Result<Constrained<(Objective, LearnedPolicy)>, ConstraintError<RewardError>> {
    let (mut n, mut demand) = (0, None);
    constrained(target, 1e-2 * objective.unit(), N_ROUNDS_EXACT, &mut |price| {
        observe(n);
        n += 1;
        let objective = objective.at_price(price)?;
        let (least, lost, wanted, policy) = with_environment!(&objective.problem, environment => {
            solved(environment, &objective, demand)
        });
        // What is wanted does not depend on what is ordered.
        demand = Some(wanted);
        let cost = least - price * lost;
        Ok(Round { price, cost, lost, demand: wanted, least: Some(least), policy: (objective, policy) })
    })
}

/// The least cost, units lost and wanted at it, and the policy; `demand` where it is known.
fn solved<E: Observed + FiniteEnvironment>(
    environment: &E,
    objective: &Objective,
    demand: Option<f64>,
) -> (f64, f64, f64, LearnedPolicy) {
    let settings = Settings::default();
    let first = environment.state_idx(&environment.initial_state());
    let solution = solve(&Rewarded::new(environment, objective.terms()), objective.criterion, &settings);
    let measure = |terms: Terms| {
        let act = |state: &E::State| solution.actions[environment.state_idx(state)].clone();
        evaluate(&Rewarded::new(environment, terms), act, objective.criterion, &settings).cost_from(first)
    };
    let lost = measure(Terms { lost: 1.0, ..Terms::NONE });
    let demand = demand.unwrap_or_else(|| measure(Terms { demand: 1.0, ..Terms::NONE }));
    (solution.cost_from(first), lost, demand, LearnedPolicy::solved(environment, &solution.actions))
}

/// Solves or learns until a fill rate is reached at the least cost; `observe` sees the number of the round as well.
///
/// # Errors
/// [`ConstraintError`], with the best that was reached where the target is out of reach.
pub fn learn_to_service(
    objective: &Objective,
    target: f64,
    request: &Request,
    clock: &dyn Fn() -> Seconds,
    observe: &mut (dyn FnMut(usize, Progress<'_>) + Send),
) -> Result<Constrained<(Objective, Learned)>, ConstraintError<RoundError>> {
    if request.algorithm == Algorithm::Exact {
        check_fits(objective, Algorithm::Exact).map_err(|error| ConstraintError::Round(error.into()))?;
        let found = solve_to_service(objective, target, &mut |round| observe(round, Progress::Solving(0.0)));
        let found = found.map_err(|error| match error {
            ConstraintError::Unreachable { target, reached, price } => {
                ConstraintError::Unreachable { target, reached, price }
            }
            ConstraintError::Round(error) => ConstraintError::Round(error.into()),
        })?;
        let objective = found.best.policy.0.clone();
        let last = found.rounds.len();
        let learned = learn(&objective, request, None, clock, &mut |progress| observe(last, progress))
            .map_err(|error| ConstraintError::Round(error.into()))?;
        return Ok(found.with_policy((objective, learned)));
    }
    let first_price = reaching(objective, target, request.seed).map_or(objective.unit(), |simple| simple.price);
    let first_price = if first_price > 0.0 { first_price } else { objective.unit() };
    let request = Request { seconds: request.seconds / N_ROUNDS_LEARNED as f64, ..request.clone() };
    let mut n = 0;
    constrained(target, first_price, N_ROUNDS_LEARNED, &mut |price| {
        let objective = objective.at_price(price).map_err(RoundError::Reward)?;
        let began = clock();
        let own = || {
            let now = clock();
            Seconds { wall: now.wall - began.wall, cpu: now.cpu - began.cpu }
        };
        let learned = learn(&objective, &request, None, &own, &mut |progress| observe(n, progress))?;
        n += 1;
        let Figures { cost, lost, demand, .. } = learned.figures.clone().expect("figures of a round");
        let least = (learned.grade.reference == Reference::Optimum).then_some(learned.grade.reference_cost);
        Ok(Round { price, cost, lost, demand, least, policy: (objective, learned) })
    })
}

/// The figures of a policy on chances that no learner and no choice has met.
pub fn test_figures(objective: &Objective, policy: &LearnedPolicy, seed: u64) -> Figures {
    with_environment!(&objective.problem, environment => {
        let table = policy.tabulated(environment);
        figures(environment, objective, &|state| table.act(environment, state), &Plan::test(seed))
    })
}
