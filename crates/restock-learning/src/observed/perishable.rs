//! Goods with a shelf life as learners see them.

use restock_core::Units;
use restock_core::environment::Environment;
use restock_inventory::discrete_demand::DiscreteDemand;
use restock_inventory::environments::{Perishable, PerishableState};

use super::{Observed, PreparedPolicy, action_is_units, states_are_numbered};

/// Places of the state on the shelf and in the pipeline.
fn n_places(environment: &Perishable) -> (usize, usize) {
    let n_ages = environment.shelf_life() - usize::from(environment.lead_time() == 0);
    (n_ages, environment.lead_time().saturating_sub(1))
}

/// The law of all demand of a period.
fn demand(environment: &Perishable) -> DiscreteDemand {
    let joint = environment.demand().joint();
    let most = joint.iter().map(|(wanted, _)| wanted.fifo + wanted.lifo).max().unwrap_or(0);
    let mut probabilities = vec![0.0; most as usize + 1];
    for (wanted, probability) in joint {
        probabilities[(wanted.fifo + wanted.lifo) as usize] += probability;
    }
    DiscreteDemand::new(probabilities)
}

/// The newsvendor level of the lead time and one period, where a unit too many is spoilt or held, units.
fn level(environment: &Perishable) -> Units {
    let costs = environment.costs();
    let underage = (costs.price + costs.stockout_cost - costs.unit_cost).max(1e-9);
    let spoilt = (costs.unit_cost + costs.waste_cost) / environment.shelf_life() as f64;
    let overage = (costs.holding_cost + spoilt).max(1e-9);
    super::newsvendor_level(&demand(environment), environment.lead_time() + 1, overage, underage)
}

impl Observed for Perishable {
    /// On hand by age, then the pipeline.
    fn n_features(&self) -> usize {
        let (n_ages, n_pipeline) = n_places(self);
        // A state without places still shows something: a constant.
        (n_ages + n_pipeline).max(1)
    }

    fn features(&self, state: &PerishableState, features: &mut [f32]) {
        let (n_ages, n_pipeline) = n_places(self);
        let usual = 0.5 * self.max_order(&self.initial_state()) as f32;
        features.fill(0.0);
        let units = state.on_hand[..n_ages].iter().chain(&state.pipeline[..n_pipeline]);
        for (feature, units) in features.iter_mut().zip(units) {
            *feature = *units as f32 / usual - 1.0;
        }
    }

    fn n_actions(&self) -> usize {
        self.max_order(&self.initial_state()) as usize + 1
    }

    action_is_units!();

    states_are_numbered!();

    fn heuristic(&self, state: &PerishableState) -> usize {
        (level(self) - state.inventory_position()).clamp(0, self.max_order(state)) as usize
    }

    fn prepared_heuristic(&self) -> PreparedPolicy<'_, PerishableState> {
        let level = level(self);
        Box::new(move |state| (level - state.inventory_position()).clamp(0, self.max_order(state)) as usize)
    }

    fn heuristic_name(&self) -> String {
        format!("newsvendor, S = {}", level(self))
    }

    fn on_shelf(&self, state: &PerishableState) -> Units {
        state.total_on_hand()
    }

    /// All of the freshest that can be on the shelf when an order is placed.
    fn at_stock(&self, on_hand: Units) -> Option<PerishableState> {
        let mut state = self.initial_state();
        let (n_ages, _) = n_places(self);
        match n_ages {
            0 => (on_hand == 0).then_some(state),
            _ => {
                state.on_hand[n_ages - 1] = on_hand;
                (0..=self.max_order(&self.initial_state())).contains(&on_hand).then_some(state)
            }
        }
    }
}
