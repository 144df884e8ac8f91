//! What a policy costs, by simulation of the plain environment with common random numbers.

use rayon::prelude::*;

use restock_inventory::exact::Criterion;
use restock_inventory::lanes::SimulatedCost;

use crate::observed::Observed;
use crate::stream::{Purpose, Stream};

/// Discounted costs are summed until the discount has come down to this.
const DISCOUNT_MIN: f64 = 1e-5;

/// How much is simulated, and with which chances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Replications.
    pub n_lanes: usize,
    /// Periods from the initial state that are not counted; for average cost only.
    pub n_warm_up: usize,
    /// Periods that are counted; discounted costs are counted until the discount is 1e-5.
    pub n_periods: usize,
    /// Seed of the chances.
    pub seed: u64,
    /// What the simulation is for: validation and test have no chances in common.
    pub purpose: Purpose,
}

impl Plan {
    /// A tenth of a second of validation on one core.
    pub fn validation(seed: u64) -> Self {
        Self { n_lanes: 128, n_warm_up: 100, n_periods: 4_000, seed, purpose: Purpose::Validation }
    }

    /// The final grade: 5 million periods.
    pub fn test(seed: u64) -> Self {
        Self { n_lanes: 1_000, n_warm_up: 100, n_periods: 5_000, seed, purpose: Purpose::Test }
    }
}

/// The cost of a policy in each lane: the mean per period, or the discounted sum from the initial state.
///
/// A policy is a function from a state to the number of an allowed action. The same plan gives the same costs on any
/// number of threads, and two policies meet the same chances.
///
/// # Panics
/// When there are less than two lanes or no periods.
pub fn simulate<E: Observed>(
    environment: &E,
    criterion: Criterion,
    policy: &(dyn Fn(&E::State) -> usize + Sync),
    plan: &Plan,
) -> SimulatedCost {
    assert!(plan.n_lanes >= 2 && plan.n_periods >= 1, "{plan:?} simulates nothing");
    let lanes = (0..plan.n_lanes as u64).into_par_iter();
    let lane_costs = lanes.map(|lane| lane_cost(environment, criterion, policy, plan, lane)).collect();
    SimulatedCost { lane_costs }
}

fn lane_cost<E: Observed>(
    environment: &E,
    criterion: Criterion,
    policy: &(dyn Fn(&E::State) -> usize + Sync),
    plan: &Plan,
    lane: u64,
) -> f64 {
    let (n_warm_up, n_periods, discount_factor) = match criterion {
        Criterion::Average => (plan.n_warm_up, plan.n_periods, 1.0),
        Criterion::Discounted { discount_factor } => {
            (0, (DISCOUNT_MIN.ln() / discount_factor.ln()).ceil() as usize, discount_factor)
        }
    };
    let mut state = environment.initial_state();
    let (mut total, mut discount) = (0.0, 1.0);
    for period in 0..n_warm_up + n_periods {
        let action_idx = policy(&state);
        let mut stream = Stream::new(plan.seed, plan.purpose, 0, lane, period as u64);
        let cost = environment.play(&mut state, action_idx, &mut stream);
        if period >= n_warm_up {
            total += discount * cost;
            discount *= discount_factor;
        }
    }
    match criterion {
        Criterion::Average => total / n_periods as f64,
        Criterion::Discounted { .. } => total,
    }
}

#[cfg(test)]
mod tests {
    use restock_core::environment::FiniteEnvironment;
    use restock_inventory::discrete_demand::DiscreteDemand;
    use restock_inventory::environments::lost_sales::{LostSales, LostSalesCosts};
    use restock_inventory::environments::worked_example::{DISCOUNT_FACTOR, WorkedExample};
    use restock_inventory::exact::{Settings, evaluate};

    use super::*;

    /// Four standard errors; the seed is fixed. Costs of an environment are undiscounted and the criterion discounts
    /// them once, so that simulated and exactly evaluated costs are the same number.
    #[test]
    fn simulated_costs_are_the_exact_ones_and_are_discounted_once() {
        let plan = Plan { n_lanes: 400, n_warm_up: 50, n_periods: 1_000, ..Plan::test(5) };
        let tutorial = WorkedExample::new(5.0, DiscreteDemand::poisson(30.0, 90));
        let costs = LostSalesCosts { holding_cost: 1.0, stockout_cost: 4.0, order_cost: 0.0 };
        let lost_sales = LostSales::new(2, costs, vec![DiscreteDemand::poisson(5.0, 60)]);
        check(&tutorial, Criterion::Discounted { discount_factor: DISCOUNT_FACTOR }, &plan);
        check(&lost_sales, Criterion::Average, &plan);
    }

    fn check<E: Observed + FiniteEnvironment>(environment: &E, criterion: Criterion, plan: &Plan) {
        let exact = evaluate(
            environment,
            |state| environment.action(environment.heuristic(state)),
            criterion,
            &Settings::default(),
        );
        let initial = environment.state_idx(&environment.initial_state());
        let exact = exact.cost_from(initial);
        let heuristic = |state: &E::State| environment.heuristic(state);
        let simulated = simulate(environment, criterion, &heuristic, plan);
        let (mean, error) = (simulated.mean(), simulated.standard_error());
        assert!((mean - exact).abs() < 4.0 * error, "{}: {mean} ± {error}, exact {exact}", environment.id());
        assert!(error < 0.01 * exact, "{error} of {exact}: the plan is too short to say anything");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        assert_eq!(pool.install(|| simulate(environment, criterion, &heuristic, plan)), simulated);
    }
}
