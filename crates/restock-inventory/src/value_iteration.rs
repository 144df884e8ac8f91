//! Exact solution of a small environment by discounted value iteration.
//!
//! `V(s) = min over a of E[cost(s, a, D) + γ·V(next(s, a, D))]` (Bellman 1957; Puterman 1994, section 6.3). The
//! environment's own transition function is enumerated over states, orders and demands, so the solution is exact for
//! the very problem that is simulated.

use restock_core::Units;
use restock_core::environment::FiniteEnvironment;

use crate::discrete_demand::DiscreteDemand;

/// The optimal value and order of every state.
#[derive(Clone, Debug, PartialEq)]
pub struct Solution {
    /// `[n_states]`: smallest expected discounted cost from each state, currency.
    pub value: Vec<f64>,
    /// `[n_states]`: the smallest optimal order in each state, units.
    pub order_quantity: Vec<Units>,
    /// Sweeps over all states until convergence.
    pub n_sweeps: usize,
    /// Largest change of a value in the last sweep, currency.
    pub last_change: f64,
}

/// Why a problem is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ObjectiveError {
    /// The cheapest thing to do is never to order.
    #[error(
        "the objective of {environment} is cheapest when nothing is ever ordered: its optimal expected cost from the \
         initial state is {optimal_cost:.4} with every order zero, at a stock-out cost of {stockout_cost} per unit; \
         set a stock-out cost above the cost of holding a unit until it sells"
    )]
    NeverOrder {
        /// Id of the environment.
        environment: &'static str,
        /// Optimal expected discounted cost from the initial state.
        optimal_cost: f64,
        /// The stock-out cost that was given, currency per unit.
        stockout_cost: f64,
    },
}

/// Solves an environment under independent, identically distributed demand.
///
/// Stops when no value changes by more than `tolerance · (1 - γ) / (2γ)` in a sweep, so that every value is within
/// `tolerance` of the optimum (Puterman 1994, theorem 6.3.1).
///
/// # Panics
/// Unless `0 < discount_factor < 1` and `tolerance > 0`.
pub fn value_iteration<E: FiniteEnvironment>(
    environment: &E,
    demand: &DiscreteDemand,
    discount_factor: f64,
    tolerance: f64,
) -> Solution {
    assert!(0.0 < discount_factor && discount_factor < 1.0 && tolerance > 0.0);
    let demands: Vec<(Units, f64)> = (0..)
        .zip(demand.probabilities())
        .filter(|(_, probability)| **probability > 0.0)
        .map(|(demand, probability)| (demand, *probability))
        .collect();
    // Expected cost and successors of each state and order, flattened in that order: one call of the transition
    // function per state, order and demand, whatever the number of sweeps.
    let n_states = environment.n_states();
    let mut expected_cost = Vec::new();
    let mut successor = Vec::new();
    let mut first_order = Vec::with_capacity(n_states + 1);
    for state_idx in 0..n_states {
        first_order.push(expected_cost.len());
        let state = environment.state(state_idx);
        for order_quantity in 0..=environment.max_order(&state) {
            let mut cost = 0.0;
            for (demand, probability) in &demands {
                let mut next = state.clone();
                cost += probability * environment.step(&mut next, order_quantity, *demand).cost;
                successor.push(environment.state_idx(&next) as u32);
            }
            expected_cost.push(cost);
        }
    }
    first_order.push(expected_cost.len());

    let threshold = tolerance * (1.0 - discount_factor) / (2.0 * discount_factor);
    let mut value = vec![0.0; n_states];
    let mut order_quantity = vec![0; n_states];
    let mut n_sweeps = 0;
    loop {
        let mut next_value = vec![f64::INFINITY; n_states];
        for state_idx in 0..n_states {
            for choice in first_order[state_idx]..first_order[state_idx + 1] {
                let successors = &successor[choice * demands.len()..(choice + 1) * demands.len()];
                let future: f64 = successors
                    .iter()
                    .zip(&demands)
                    .map(|(next, (_, probability))| probability * value[*next as usize])
                    .sum();
                let total = expected_cost[choice] + discount_factor * future;
                // Ties up to rounding go to the smaller order, so that the policy is well defined.
                if total < next_value[state_idx] - 1e-12 * total.abs().max(1.0) {
                    next_value[state_idx] = total;
                    order_quantity[state_idx] = (choice - first_order[state_idx]) as Units;
                }
            }
        }
        n_sweeps += 1;
        let last_change = value.iter().zip(&next_value).map(|(old, new)| (old - new).abs()).fold(0.0, f64::max);
        value = next_value;
        if last_change <= threshold {
            return Solution { value, order_quantity, n_sweeps, last_change };
        }
    }
}

/// Refuses an objective whose optimum is never to order, from any state.
///
/// # Errors
/// [`ObjectiveError::NeverOrder`], with the numbers that show it.
pub fn check_objective<E: FiniteEnvironment>(
    environment: &E,
    solution: &Solution,
    stockout_cost: f64,
) -> Result<(), ObjectiveError> {
    if solution.order_quantity.iter().any(|order_quantity| *order_quantity > 0) {
        return Ok(());
    }
    let initial = environment.state_idx(&environment.initial_state());
    Err(ObjectiveError::NeverOrder {
        environment: environment.id(),
        optimal_cost: solution.value[initial],
        stockout_cost,
    })
}
