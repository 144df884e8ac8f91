//! Decision problems as learners see them: states as numbers, actions by their number, and a simple policy to beat.

mod backorder_position;
mod dual_sourcing;
mod joint_replenishment;
mod lost_sales;
mod one_warehouse;
mod perishable;
mod random_yield;
mod worked_example;

use rand::Rng;
use restock_core::Units;
use restock_core::environment::{Environment, FiniteEnvironment, PeriodOutcome};

use restock_inventory::discrete_demand::DiscreteDemand;

/// A policy from states to the numbers of actions, ready to be asked often.
pub type PreparedPolicy<'a, State> = Box<dyn Fn(&State) -> usize + Sync + 'a>;

/// A decision problem that shows its states as numbers and numbers its actions.
///
/// Observations hold what the state holds and nothing else: learners and heuristics know the same.
pub trait Observed: Environment {
    /// Numbers in an observation.
    fn n_features(&self) -> usize;

    /// Writes a state as numbers, most of them between -1 and 1: `[n_features]`.
    fn features(&self, state: &Self::State, features: &mut [f32]);

    /// Actions of all states together.
    fn n_actions(&self) -> usize;

    /// The action with a number, below [`Observed::n_actions`].
    fn action(&self, action_idx: usize) -> Self::Action;

    /// The number of an action.
    fn action_idx(&self, action: &Self::Action) -> usize;

    /// Replaces `allowed` by the numbers of the actions allowed in a state, at least one.
    fn allowed(&self, state: &Self::State, allowed: &mut Vec<usize>);

    /// Plays one period under the action with a number, with what chance decides drawn from `rng`; the cost, currency.
    fn play(&self, state: &mut Self::State, action_idx: usize, rng: &mut dyn Rng) -> f64 {
        let action = self.action(action_idx);
        let chance = self.sample_chance(state, &action, rng);
        self.step(state, &action, &chance).cost
    }

    /// Quantities that an action consists of.
    fn n_quantities(&self) -> usize;

    /// The allowed action nearest to quantities in shares of the largest, `[n_quantities]`, each from 0 to 1.
    fn nearest(&self, state: &Self::State, shares: &[f32]) -> usize;

    /// A simple policy: where controlled learning starts, and the measure of costs.
    fn heuristic(&self, state: &Self::State) -> usize;

    /// [`Observed::heuristic`] for many states, with what does not depend on the state computed once.
    fn prepared_heuristic(&self) -> PreparedPolicy<'_, Self::State> {
        Box::new(|state| self.heuristic(state))
    }

    /// The simple policy in words, with its parameters.
    fn heuristic_name(&self) -> String;

    /// Units that an action orders from outside.
    fn ordered_units(&self, action: &Self::Action) -> Units;

    /// Net stock on the shelf in a state: on hand of all items in all places, less what waits, units.
    fn on_shelf(&self, state: &Self::State) -> Units;

    /// Net stock on the shelf once a period has ended in `next`, with what has arrived for the period after it, units.
    fn shelf_after(&self, next: &Self::State, chance: &Self::Chance) -> Units {
        let _ = chance;
        self.on_shelf(next)
    }

    /// Units lost, or newly backordered, in a period that has ended in `next`.
    fn lost_in(&self, next: &Self::State, chance: &Self::Chance, outcome: &PeriodOutcome) -> Units {
        let _ = (next, chance);
        outcome.lost
    }

    /// The state with so many units on hand, of each item and at each retailer, and nothing under way; `None` where
    /// there is none.
    fn at_stock(&self, on_hand: Units) -> Option<Self::State>;

    /// The number of states, where they can be numbered.
    fn n_numbered(&self) -> Option<usize> {
        None
    }

    /// The number of a state.
    ///
    /// # Panics
    /// Where states are not numbered.
    fn number(&self, state: &Self::State) -> usize {
        panic!("{} does not number its states: {state:?}", self.id())
    }

    /// The state with a number.
    ///
    /// # Panics
    /// Where states are not numbered.
    fn numbered(&self, number: usize) -> Self::State {
        panic!("{} does not number its states: {number}", self.id())
    }
}

/// The methods of [`Observed`] that number the states of a [`FiniteEnvironment`].
macro_rules! states_are_numbered {
    () => {
        fn n_numbered(&self) -> Option<usize> {
            Some(restock_core::environment::FiniteEnvironment::n_states(self))
        }

        fn number(&self, state: &Self::State) -> usize {
            restock_core::environment::FiniteEnvironment::state_idx(self, state)
        }

        fn numbered(&self, number: usize) -> Self::State {
            restock_core::environment::FiniteEnvironment::state(self, number)
        }
    };
}

/// The methods of [`Observed`] for problems whose action is one quantity, numbered by it.
macro_rules! action_is_units {
    () => {
        fn action(&self, action_idx: usize) -> restock_core::Units {
            action_idx as restock_core::Units
        }

        fn action_idx(&self, action: &restock_core::Units) -> usize {
            *action as usize
        }

        fn allowed(&self, state: &Self::State, allowed: &mut Vec<usize>) {
            $crate::observed::allowed_units(self, state, allowed);
        }

        fn n_quantities(&self) -> usize {
            1
        }

        fn nearest(&self, state: &Self::State, shares: &[f32]) -> usize {
            $crate::observed::nearest_units(self, state, shares[0])
        }

        fn ordered_units(&self, action: &restock_core::Units) -> restock_core::Units {
            *action
        }
    };
}

pub(crate) use {action_is_units, states_are_numbered};

/// The quantities that a finite environment allows.
fn allowed_units<E>(environment: &E, state: &E::State, allowed: &mut Vec<usize>)
where
    E: FiniteEnvironment<Action = Units>,
{
    let mut actions = Vec::new();
    environment.actions(state, &mut actions);
    allowed.clear();
    allowed.extend(actions.iter().map(|quantity| *quantity as usize));
}

/// The allowed quantity nearest to a share of the largest.
fn nearest_units<E>(environment: &E, state: &E::State, share: f32) -> usize
where
    E: FiniteEnvironment<Action = Units> + Observed,
{
    let wanted = (share * (environment.n_actions() - 1) as f32).round() as usize;
    let mut allowed = Vec::new();
    environment.allowed(state, &mut allowed);
    nearest_of(&allowed, wanted)
}

/// The allowed number nearest to a wanted one; the smaller of two that are as near.
fn nearest_of(allowed: &[usize], wanted: usize) -> usize {
    let nearest = allowed.iter().min_by_key(|action_idx| action_idx.abs_diff(wanted));
    *nearest.expect("every state allows an action")
}

/// The newsvendor level of the demand of some periods, units: the quantile at `p/(p+h)`.
fn newsvendor_level(demand: &DiscreteDemand, n_periods: usize, holding_cost: f64, stockout_cost: f64) -> Units {
    let total = DiscreteDemand::sum(std::iter::repeat_n(demand, n_periods));
    total.quantile(stockout_cost / (stockout_cost + holding_cost))
}

#[cfg(test)]
mod tests {
    use restock_inventory::environments::backorders::BackorderPosition;
    use restock_inventory::environments::dual_sourcing::{DualSourcing, DualSourcingCosts};
    use restock_inventory::environments::joint_replenishment::{Arrival, JointReplenishment, JointReplenishmentCosts};
    use restock_inventory::environments::lost_sales::{LostSales, LostSalesCosts};
    use restock_inventory::environments::one_warehouse::{OneWarehouse, OneWarehouseCosts};
    use restock_inventory::environments::perishable::{HoldingCharge, IssuingLaw, Perishable, PerishableCosts};
    use restock_inventory::environments::random_yield::{RandomYield, Yield};
    use restock_inventory::environments::worked_example::WorkedExample;
    use restock_inventory::zheng_federgruen::BackorderProblem;

    use super::*;

    /// What an observation must be: numbers of a sensible size, other states other numbers, allowed actions those of the
    /// environment, and every number an action that leads back to it.
    fn check<E: Observed + FiniteEnvironment>(environment: &E) {
        let n_states = environment.n_states();
        let mut seen = std::collections::HashMap::new();
        let (mut features, mut allowed) = (vec![0.0; environment.n_features()], Vec::new());
        let mut actions = Vec::new();
        let prepared = environment.prepared_heuristic();
        for state_idx in (0..n_states).step_by((n_states / 3_000).max(1)) {
            let state = environment.state(state_idx);
            features.fill(f32::NAN);
            environment.features(&state, &mut features);
            assert!(features.iter().all(|x| x.abs() <= 8.0), "{}: {features:?} in {state:?}", environment.id());
            let bits: Vec<u32> = features.iter().map(|x| x.to_bits()).collect();
            if let Some(other) = seen.insert(bits, state.clone()) {
                panic!("{}: {state:?} and {other:?} look alike", environment.id());
            }
            environment.allowed(&state, &mut allowed);
            environment.actions(&state, &mut actions);
            assert_eq!(allowed.len(), actions.len(), "{}: {state:?}", environment.id());
            for (action_idx, action) in allowed.iter().zip(&actions) {
                assert!(*action_idx < environment.n_actions(), "{}: {action_idx} in {state:?}", environment.id());
                assert_eq!(environment.action(*action_idx), *action, "{}: {state:?}", environment.id());
                assert_eq!(environment.action_idx(action), *action_idx, "{}: {state:?}", environment.id());
            }
            let heuristic = environment.heuristic(&state);
            assert!(allowed.contains(&heuristic), "{}: heuristic in {state:?}", environment.id());
            assert_eq!(prepared(&state), heuristic, "{}: prepared heuristic in {state:?}", environment.id());
            for share in [0.0, 0.3, 1.0] {
                let nearest = environment.nearest(&state, &vec![share; environment.n_quantities()]);
                assert!(allowed.contains(&nearest), "{}: nearest to {share} in {state:?}", environment.id());
            }
            assert_eq!(environment.number(&environment.numbered(state_idx)), state_idx);
            assert!(environment.on_shelf(&state) <= environment.units(&state), "{}: {state:?}", environment.id());
        }
        let at_stock = |on_hand: Units| environment.at_stock(on_hand).map(|state| (on_hand, state));
        let at_stock: Vec<(Units, E::State)> = (0..1_000).filter_map(at_stock).collect();
        assert!(at_stock.len() > 1, "{} has states with nothing under way", environment.id());
        for (on_hand, state) in &at_stock {
            assert_eq!(environment.numbered(environment.number(state)), *state);
            let shelf = environment.on_shelf(state);
            assert!(shelf >= *on_hand && shelf == environment.units(state), "{}: {state:?}", environment.id());
        }
        assert!(!environment.heuristic_name().is_empty());
    }

    #[test]
    fn observations_tell_states_apart_and_actions_are_those_allowed() {
        let poisson = |mean, most| DiscreteDemand::poisson(mean, most);
        check(&WorkedExample::new(5.0, poisson(30.0, 90)));
        let costs = LostSalesCosts { holding_cost: 1.0, stockout_cost: 4.0, order_cost: 0.0 };
        check(&LostSales::new(3, costs, vec![poisson(3.0, 40), DiscreteDemand::geometric(2.0, 60)]));
        let problem = BackorderProblem { holding_cost: 1.0, stockout_cost: 9.0, order_cost: 3.0, lead_time: 2 };
        check(&BackorderPosition::new(problem, DiscreteDemand::uniform(0, 4), 3));
        let costs =
            DualSourcingCosts { regular_cost: 0.0, expedited_cost: 10.0, holding_cost: 5.0, backorder_cost: 95.0 };
        check(&DualSourcing::new(3, 0, costs, DiscreteDemand::uniform(0, 4)));
        check(&DualSourcing::new(3, 1, costs, DiscreteDemand::uniform(0, 3)));
        let costs =
            PerishableCosts { unit_cost: 1.0, price: 2.0, holding_cost: 0.5, stockout_cost: 4.0, waste_cost: 3.0 };
        let issuing = IssuingLaw::fifo(&poisson(2.0, 12));
        check(&Perishable::new(3, 1, costs, issuing, HoldingCharge::BeforeExpiry, 4, 9));
        check(&RandomYield::new(1.0, 4.0, poisson(2.0, 12), Yield::Binomial(0.7), 12, -30..=20));
        let costs = OneWarehouseCosts { warehouse_holding_cost: 0.3, retailer_holding_cost: 1.0, stockout_cost: 9.0 };
        check(&OneWarehouse::new(costs, [poisson(1.0, 8), DiscreteDemand::uniform(0, 3)], 4, 3));
        let costs =
            JointReplenishmentCosts { holding_cost: 1.0, backorder_cost: 9.0, truck_cost: 12.0, item_cost: 3.0 };
        let demand = [DiscreteDemand::uniform(0, 3), poisson(1.0, 4)];
        check(&JointReplenishment::new(costs, 4, demand, Arrival::BeforeDemand, 3));
    }
}
