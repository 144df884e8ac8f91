//! The grade of a learned policy: its cost against the exact optimum where there is one, else against a simple policy.

use serde::Serialize;

use restock_core::environment::FiniteEnvironment;
use restock_inventory::exact::{Criterion, Settings, Solution, evaluate, solve};

use crate::learned_policy::LearnedPolicy;
use crate::observed::Observed;
use crate::simulation::{Plan, simulate};

/// Standard errors on either side of an estimate that hold the truth with 95 %.
pub const STANDARD_ERRORS_95: f64 = 1.96;

/// Costs as small as this, currency, have no share.
const ZERO_COST: f64 = 1e-9;

/// What a policy is measured by.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Reference {
    /// The exact optimum.
    Optimum,
    /// A simple policy: no optimum is known.
    Heuristic {
        /// The policy with its parameters.
        name: String,
    },
}

/// What a policy costs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Grade {
    /// Its cost, currency: per period, or discounted from the initial state.
    pub cost: f64,
    /// Half the width of the 95 % interval around the cost; 0 where it is exact.
    pub cost_margin: f64,
    /// What it is measured by.
    pub reference: Reference,
    /// The cost of that.
    pub reference_cost: f64,
    /// Cost above the reference, as a share of it; `None` where the reference costs nothing.
    pub gap: Option<f64>,
    /// Half the width of the 95 % interval around the gap; 0 where it is exact.
    pub gap_margin: f64,
    /// The simple policy in words, and its cost on the same terms.
    pub heuristic: (String, f64),
}

/// Grades exactly, by the solver's optimum and the evaluation of the policy in all states.
pub fn grade_exactly<E: Observed + FiniteEnvironment>(
    environment: &E,
    criterion: Criterion,
    policy: &LearnedPolicy,
) -> Grade {
    let optimum = solve(environment, criterion, &Settings::default());
    grade_against(environment, criterion, policy, &optimum)
}

/// As [`grade_exactly`], of a problem that is solved already.
pub fn grade_against<E: Observed + FiniteEnvironment>(
    environment: &E,
    criterion: Criterion,
    policy: &LearnedPolicy,
    optimum: &Solution<E::Action>,
) -> Grade {
    let policy = &policy.tabulated(environment);
    let initial = environment.state_idx(&environment.initial_state());
    let reference_cost = optimum.cost_from(initial);
    let cost_of = |policy: &(dyn Fn(&E::State) -> usize + Sync)| {
        let act = |state: &E::State| environment.action(policy(state));
        evaluate(environment, act, criterion, &Settings::default()).cost_from(initial)
    };
    let cost = cost_of(&|state| policy.act(environment, state));
    let heuristic = cost_of(&|state| environment.heuristic(state));
    Grade {
        cost,
        cost_margin: 0.0,
        reference: Reference::Optimum,
        reference_cost,
        gap: share(cost - reference_cost, reference_cost),
        gap_margin: 0.0,
        heuristic: (environment.heuristic_name(), heuristic),
    }
}

/// Grades by simulation: policy and simple policy meet the same chances, which no learner has met.
pub fn grade_by_simulation<E: Observed>(
    environment: &E,
    criterion: Criterion,
    policy: &LearnedPolicy,
    seed: u64,
) -> Grade {
    let policy = &policy.tabulated(environment);
    let plan = Plan::test(seed);
    let learned = simulate(environment, criterion, &|state| policy.act(environment, state), &plan);
    let simple = simulate(environment, criterion, &*environment.prepared_heuristic(), &plan);
    let difference = learned.minus(&simple);
    let reference_cost = simple.mean();
    Grade {
        cost: learned.mean(),
        cost_margin: STANDARD_ERRORS_95 * learned.standard_error(),
        reference: Reference::Heuristic { name: environment.heuristic_name() },
        reference_cost,
        gap: share(difference.mean(), reference_cost),
        gap_margin: share(STANDARD_ERRORS_95 * difference.standard_error(), reference_cost).unwrap_or(0.0),
        heuristic: (environment.heuristic_name(), reference_cost),
    }
}

fn share(difference: f64, reference: f64) -> Option<f64> {
    (reference.abs() > ZERO_COST).then(|| difference / reference.abs())
}
