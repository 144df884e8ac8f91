//! Refuses problems whose optimum is to do nothing.

use restock_core::Units;
use restock_core::environment::FiniteEnvironment;

use super::Solution;

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

/// Refuses an objective whose optimum is never to order, from any state.
///
/// # Errors
/// [`ObjectiveError::NeverOrder`], with the numbers that show it.
pub fn check_objective<E: FiniteEnvironment<Action = Units>>(
    environment: &E,
    solution: &Solution<Units>,
    stockout_cost: f64,
) -> Result<(), ObjectiveError> {
    if solution.actions.iter().any(|order_quantity| *order_quantity > 0) {
        return Ok(());
    }
    let initial = environment.state_idx(&environment.initial_state());
    Err(ObjectiveError::NeverOrder {
        environment: environment.id(),
        optimal_cost: solution.values[initial],
        stockout_cost,
    })
}
