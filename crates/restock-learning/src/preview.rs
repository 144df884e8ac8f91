//! What the optimum of an objective looks like, before anything is trained: solved where the problem is small, else the
//! best of simple policies by simulation.

use serde::Serialize;

use restock_core::Units;
use restock_core::environment::FiniteEnvironment;
use restock_inventory::exact::{Settings, solve};

use crate::constrained::ConstraintError;
use crate::figures::{Figures, N_STATES_FIGURES, figures};
use crate::learn::with_environment;
use crate::learned_policy::LearnedPolicy;
use crate::observed::Observed;
use crate::reward::{Objective, RewardError, Rewarded};
use crate::service::solve_to_service;
use crate::simple_policies::{reaching, simple_policies};
use crate::simulation::{Plan, simulate};
use crate::stream::Purpose;

/// States up to which a service level is solved for: that takes ten solutions, of problems that grow with the price.
const N_STATES_SERVICE: usize = 5_000;

/// Stocks of a curve at most.
const N_STOCKS_MAX: Units = 1_000;

/// Orders of an optimum, or of a policy near it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Preview {
    /// `optimum`, or the simple policy in words.
    pub policy: String,
    /// Whether it was solved.
    pub solved: bool,
    /// What it comes to.
    pub figures: Figures,
    /// Stock on hand with nothing under way, and the order, units.
    pub orders: Vec<(Units, Units)>,
    /// The price of a lost unit that it is best at: 0 without a service level.
    pub price: f64,
    /// What no policy that reaches the service level costs less than.
    pub bound: Option<f64>,
}

/// Chances of a preview.
fn plan(seed: u64) -> Plan {
    Plan { n_lanes: 128, n_warm_up: 100, n_periods: 1_000, seed, purpose: Purpose::Validation }
}

/// The preview of an objective, with a fill rate that must be reached.
///
/// # Errors
/// [`ConstraintError`], where no policy reaches it.
pub fn preview(
    objective: &Objective,
    service: Option<f64>,
    seed: u64,
) -> Result<Preview, ConstraintError<RewardError>> {
    let n_states = with_environment!(&objective.problem, environment => environment.n_states());
    let Some(target) = service else {
        return Ok(if n_states <= N_STATES_FIGURES {
            solved(objective, seed)
        } else {
            cheapest_simple(objective, seed)
        });
    };
    if n_states <= N_STATES_SERVICE {
        let found = solve_to_service(objective, target, &mut |_| ())?;
        let (objective, policy) = &found.best.policy;
        return Ok(Preview { bound: found.bound, price: found.multiplier, ..of_policy(objective, policy, seed) });
    }
    match reaching(objective, target, seed) {
        Ok(simple) => Ok(of_simple_policy(&simple, simple.price, seed)),
        Err(reached) => Err(ConstraintError::Unreachable { target, reached, price: f64::INFINITY }),
    }
}

fn solved(objective: &Objective, seed: u64) -> Preview {
    let policy = with_environment!(&objective.problem, environment => {
        let solution = solve(&Rewarded::new(environment, objective.terms()), objective.criterion, &Settings::default());
        LearnedPolicy::solved(environment, &solution.actions)
    });
    of_policy(objective, &policy, seed)
}

/// The preview of an optimum.
fn of_policy(objective: &Objective, policy: &LearnedPolicy, seed: u64) -> Preview {
    with_environment!(&objective.problem, environment => {
        let act = |state: &_| policy.act(environment, state);
        Preview {
            policy: "optimum".to_owned(),
            solved: true,
            figures: figures(environment, objective, &act, &plan(seed)),
            orders: orders(environment, &act),
            price: objective.price,
            bound: None,
        }
    })
}

/// The cheapest simple policy. Each plays its own problem, which differs in its stock-out cost alone, at the costs of this
/// one.
fn cheapest_simple(objective: &Objective, seed: u64) -> Preview {
    let costed = simple_policies(objective).chain([objective.clone()]).map(|simple| {
        let cost = with_environment!(&simple.problem, environment => {
            let policy = environment.prepared_heuristic();
            let rewarded = Rewarded::new(environment, simple.terms_paid());
            simulate(&rewarded, simple.criterion, &*policy, &plan(seed)).mean()
        });
        (cost, simple)
    });
    let (_, best) = costed.min_by(|a, b| a.0.total_cmp(&b.0)).expect("a simple policy");
    of_simple_policy(&best, 0.0, seed)
}

fn of_simple_policy(objective: &Objective, price: f64, seed: u64) -> Preview {
    with_environment!(&objective.problem, environment => {
        let policy = environment.prepared_heuristic();
        let act = |state: &_| policy(state);
        Preview {
            policy: environment.heuristic_name(),
            solved: false,
            figures: figures(environment, objective, &act, &plan(seed)),
            orders: orders(environment, &act),
            price,
            bound: None,
        }
    })
}

/// What is ordered with each stock on hand and nothing under way, up to the first two stocks of which all above order
/// nothing.
pub fn orders<E: Observed>(environment: &E, policy: &dyn Fn(&E::State) -> usize) -> Vec<(Units, Units)> {
    let states = (0..N_STOCKS_MAX).filter_map(|on_hand| environment.at_stock(on_hand).map(|state| (on_hand, state)));
    let order = |state: &E::State| environment.ordered_units(&environment.action(policy(state)));
    let all: Vec<(Units, Units)> = states.map(|(on_hand, state)| (on_hand, order(&state))).collect();
    let last = all.iter().rposition(|(_, order)| *order > 0).unwrap_or(0);
    all[..all.len().min(last + 3)].to_vec()
}
