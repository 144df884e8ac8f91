//! A slow and a fast source as learners see them.

use restock_core::Units;
use restock_core::environment::FiniteEnvironment;
use restock_inventory::environments::dual_sourcing::DualOrder;
use restock_inventory::environments::{DualSourcing, DualSourcingState};

use super::{Observed, newsvendor_level, states_are_numbered};

/// Largest quantities, units: regular, and expedited (which may have to cover all backorders).
fn largest(environment: &DualSourcing) -> (Units, Units) {
    let max_demand = environment.demand().probabilities().len() as Units - 1;
    (max_demand, max_demand * (environment.expedited_lead_time() as Units + 1))
}

/// Levels of the dual-index policy at the newsvendor quantiles of either lead time, units.
fn levels(environment: &DualSourcing) -> (Units, Units) {
    let costs = environment.costs();
    let level = |lead_time: usize| {
        newsvendor_level(environment.demand(), lead_time + 1, costs.holding_cost, costs.backorder_cost)
    };
    // Expediting costs a premium, so it waits for what is nearly a stock-out.
    let premium = (costs.expedited_cost - costs.regular_cost).max(0.0);
    let expedited = newsvendor_level(
        environment.demand(),
        environment.expedited_lead_time() + 1,
        costs.holding_cost + premium,
        costs.backorder_cost,
    );
    (level(environment.regular_lead_time()), expedited)
}

impl Observed for DualSourcing {
    /// Net inventory, then what arrives in one, two, ... periods.
    fn n_features(&self) -> usize {
        self.regular_lead_time()
    }

    fn features(&self, state: &DualSourcingState, features: &mut [f32]) {
        let usual = self.demand().mean().max(1.0) as f32;
        features[0] = state.net_inventory as f32 / (2.0 * usual);
        for (feature, units) in features[1..].iter_mut().zip(&state.pipeline) {
            *feature = *units as f32 / usual - 1.0;
        }
    }

    fn n_actions(&self) -> usize {
        let (regular, expedited) = largest(self);
        (regular as usize + 1) * (expedited as usize + 1)
    }

    fn action(&self, action_idx: usize) -> DualOrder {
        let n_regular = largest(self).0 as usize + 1;
        DualOrder { regular: (action_idx % n_regular) as Units, expedited: (action_idx / n_regular) as Units }
    }

    fn action_idx(&self, order: &DualOrder) -> usize {
        order.expedited as usize * (largest(self).0 as usize + 1) + order.regular as usize
    }

    fn allowed(&self, state: &DualSourcingState, allowed: &mut Vec<usize>) {
        let mut orders = Vec::new();
        self.actions(state, &mut orders);
        allowed.clear();
        allowed.extend(orders.iter().map(|order| self.action_idx(order)));
    }

    fn n_quantities(&self) -> usize {
        2
    }

    fn nearest(&self, state: &DualSourcingState, shares: &[f32]) -> usize {
        let (regular, expedited) = largest(self);
        let wanted = (shares[0] * regular as f32, shares[1] * expedited as f32);
        nearest_order(self, state, wanted)
    }

    states_are_numbered!();

    fn heuristic(&self, state: &DualSourcingState) -> usize {
        let (regular_level, expedited_level) = levels(self);
        let expedited = (expedited_level - state.expedited_position(self.expedited_lead_time())).max(0);
        let regular = (regular_level - state.inventory_position() - expedited).max(0);
        nearest_order(self, state, (regular as f32, expedited as f32))
    }

    fn heuristic_name(&self) -> String {
        let (regular, expedited) = levels(self);
        format!("dual-index, levels {regular} and {expedited}")
    }

    fn ordered_units(&self, order: &DualOrder) -> Units {
        order.regular + order.expedited
    }

    fn on_shelf(&self, state: &DualSourcingState) -> Units {
        state.net_inventory
    }

    fn at_stock(&self, on_hand: Units) -> Option<DualSourcingState> {
        let most = largest(self).0 * (self.regular_lead_time() as Units + 1);
        let empty = restock_core::environment::Environment::initial_state(self);
        (0..=most).contains(&on_hand).then_some(DualSourcingState { net_inventory: on_hand, ..empty })
    }
}

/// The allowed order nearest to two quantities.
fn nearest_order(environment: &DualSourcing, state: &DualSourcingState, wanted: (f32, f32)) -> usize {
    let mut orders = Vec::new();
    environment.actions(state, &mut orders);
    let distance =
        |order: &DualOrder| (order.regular as f32 - wanted.0).abs() + 1.5 * (order.expedited as f32 - wanted.1).abs();
    let nearest = orders.iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).expect("an order is allowed");
    environment.action_idx(nearest)
}
