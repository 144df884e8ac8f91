//! Refuses objectives whose optimum is never to order.
//!
//! A simple policy that orders and is surely cheaper than never ordering proves an objective sound in a moment. Only
//! where none is found the optimum is asked: solved and followed from the initial state where states can be enumerated,
//! else by simulation alone.

use restock_core::environment::FiniteEnvironment;
use restock_inventory::exact::{Criterion, Settings, solve};

use crate::algorithm::N_STATES_EXACT;
use crate::learn::with_environment;
use crate::observed::Observed;
use crate::reward::{Objective, Rewarded};
use crate::simple_policies::simple_policies;
use crate::simulation::{Plan, simulate};
use crate::stream::Purpose;

/// Standard errors that make a difference sure.
const SURE: f64 = 4.0;

/// An objective that is cheapest when nothing is ever ordered.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(
    "the objective is cheapest when nothing is ever ordered: that costs {never:.4} {per}, and ordering by {policy} costs \
     {ordering:.4}"
)]
pub struct NeverOrder {
    /// Cost of never ordering, currency.
    pub never: f64,
    /// Cost of the cheapest simple policy that orders, currency.
    pub ordering: f64,
    /// That policy in words.
    pub policy: String,
    /// What the costs are of.
    pub per: &'static str,
}

/// Checks that the optimum of an objective orders something.
///
/// # Errors
/// [`NeverOrder`], with the costs compared.
pub fn check_orders(objective: &Objective, seed: u64) -> Result<(), NeverOrder> {
    if !objective.loses_demand() {
        return Ok(());
    }
    let plan = Plan { n_lanes: 64, n_warm_up: 100, n_periods: 1_000, seed, purpose: Purpose::Validation };
    let never = with_environment!(&objective.problem, environment => {
        let rewarded = Rewarded::new(environment, objective.terms());
        simulate(&rewarded, objective.criterion, &|state| least_order(environment, state), &plan)
    });
    let mut cheapest: Option<(f64, String)> = None;
    for simple in simple_policies(objective) {
        let (costs, name, orders) = with_environment!(&simple.problem, environment => {
            // Played in its own problem, at the costs of the objective.
            let mut terms = simple.terms_paid();
            terms.lost += objective.price;
            let rewarded = Rewarded::new(environment, terms);
            let policy = environment.prepared_heuristic();
            let costs = simulate(&rewarded, objective.criterion, &*policy, &plan);
            let empty = environment.at_stock(0).expect("a problem can be empty");
            let orders = environment.ordered_units(&environment.action(environment.heuristic(&empty))) > 0;
            (costs, environment.heuristic_name(), orders)
        });
        let difference = costs.minus(&never);
        if difference.mean() + SURE * difference.standard_error() < 0.0 {
            return Ok(());
        }
        if orders && cheapest.as_ref().is_none_or(|(cost, _)| costs.mean() < *cost) {
            cheapest = Some((costs.mean(), name));
        }
    }
    let never_orders = with_environment!(&objective.problem, environment => {
        let rewarded = Rewarded::new(environment, objective.terms());
        match environment.n_numbered() {
            Some(n_states) if n_states <= N_STATES_EXACT => optimum_never_orders(&rewarded, objective.criterion),
            _ => cheapest.as_ref().is_some_and(|(cost, _)| never.mean() < *cost),
        }
    });
    match cheapest {
        Some((ordering, policy)) if never_orders => {
            let per = match objective.criterion {
                Criterion::Average => "a period",
                Criterion::Discounted { .. } => "from the first state, discounted",
            };
            Err(NeverOrder { never: never.mean(), ordering, policy, per })
        }
        _ => Ok(()),
    }
}

/// The smallest order that is allowed.
fn least_order<E: Observed>(environment: &E, state: &E::State) -> usize {
    let mut allowed = Vec::new();
    environment.allowed(state, &mut allowed);
    let ordered = |action_idx: &usize| environment.ordered_units(&environment.action(*action_idx));
    allowed.into_iter().min_by_key(ordered).expect("every state allows an action")
}

/// Whether the optimum orders nothing in any state that it reaches. What never orders runs empty, so an empty shelf is
/// among the states reached.
fn optimum_never_orders<E: Observed + FiniteEnvironment>(environment: &E, criterion: Criterion) -> bool {
    let optimum = solve(environment, criterion, &Settings::default());
    let first = environment.state_idx(&environment.initial_state());
    let mut seen = vec![false; environment.n_states()];
    let (mut open, mut chances) = (vec![first], Vec::new());
    seen[first] = true;
    while let Some(number) = open.pop() {
        let (state, action) = (environment.state(number), &optimum.actions[number]);
        if environment.ordered_units(action) > 0 {
            return false;
        }
        environment.chances(&state, action, &mut chances);
        for (chance, _) in &chances {
            let mut next = state.clone();
            environment.step(&mut next, action, chance);
            let number = environment.state_idx(&next);
            if !std::mem::replace(&mut seen[number], true) {
                open.push(number);
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use restock_inventory::problems::table_of;

    use super::*;
    use crate::reward::{Reward, StockBand};

    fn objective(text: &str, reward: Reward) -> Objective {
        Objective::new(&table_of(text.split(' ')).unwrap(), reward, 0.0).unwrap()
    }

    #[test]
    fn an_objective_without_a_reason_to_order_is_refused() {
        let tutorial =
            |stockout_cost: f64| format!("problem=worked-example stockout_cost={stockout_cost} demand=constant:30");
        let error = check_orders(&objective(&tutorial(0.0), Reward::default()), 1).unwrap_err();
        insta::assert_snapshot!(error, @"the objective is cheapest when nothing is ever ordered: that costs 157.7890 from the first state, discounted, and ordering by newsvendor, S = 30 costs 157.7890");
        // The exact optimum of PRODUCT.md, section 5: 157.789 from 100 units.
        assert!((error.never - 157.789).abs() < 5e-3, "{error}");
        check_orders(&objective(&tutorial(1.0), Reward::default()), 1).unwrap();
        check_orders(&objective(&tutorial(0.0), Reward { goodwill: 1.0, band: None }), 1).unwrap();
        // A unit is held for ten periods before it sells: 10 · 1 is more than a lost unit costs.
        let rare = "problem=lost-sales lead_time=1 holding_cost=1 stockout_cost=2 demand=0.9,0.1";
        let error = check_orders(&objective(rare, Reward::default()), 1).unwrap_err();
        assert!(error.never < error.ordering && error.per == "a period", "{error}");
        check_orders(&objective(rare, Reward { goodwill: 30.0, band: None }), 1).unwrap();
        // A band that wants stock on the shelf is a reason to order.
        let band = StockBand { low: 3, high: 6, cost: 5.0 };
        check_orders(&objective(rare, Reward { goodwill: 0.0, band: Some(band) }), 1).unwrap();
    }
}
