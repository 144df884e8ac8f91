//! Two items that share trucks as learners see them.

use restock_core::Units;
use restock_core::environment::FiniteEnvironment;
use restock_inventory::environments::JointReplenishment;

use super::{Observed, newsvendor_level, states_are_numbered};

/// Largest order of each item, units: from the lowest to the highest level, by the corners of the states.
fn largest(environment: &JointReplenishment) -> [Units; 2] {
    let (first, last) = (environment.state(0), environment.state(environment.n_states() - 1));
    [last[0] - first[0], last[1] - first[1]]
}

/// The newsvendor levels of two periods, units.
fn levels(environment: &JointReplenishment) -> [Units; 2] {
    let costs = environment.costs();
    [0, 1].map(|idx| newsvendor_level(&environment.demand()[idx], 2, costs.holding_cost, costs.backorder_cost))
}

/// The allowed order nearest to two quantities.
fn nearest_order(environment: &JointReplenishment, state: &[Units; 2], wanted: [f32; 2]) -> usize {
    let mut orders = Vec::new();
    environment.actions(state, &mut orders);
    let distance = |order: &[Units; 2]| (order[0] as f32 - wanted[0]).abs() + (order[1] as f32 - wanted[1]).abs();
    let nearest = orders.iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).expect("an order is allowed");
    environment.action_idx(nearest)
}

impl Observed for JointReplenishment {
    /// Net inventory of each item.
    fn n_features(&self) -> usize {
        2
    }

    fn features(&self, state: &[Units; 2], features: &mut [f32]) {
        for ((feature, net), law) in features.iter_mut().zip(state).zip(self.demand()) {
            *feature = (*net as f64 / (5.0 * law.mean().max(1.0))) as f32;
        }
    }

    fn n_actions(&self) -> usize {
        let [first, second] = largest(self);
        (first as usize + 1) * (second as usize + 1)
    }

    fn action(&self, action_idx: usize) -> [Units; 2] {
        let n_second = largest(self)[1] as usize + 1;
        [(action_idx / n_second) as Units, (action_idx % n_second) as Units]
    }

    fn action_idx(&self, order: &[Units; 2]) -> usize {
        order[0] as usize * (largest(self)[1] as usize + 1) + order[1] as usize
    }

    fn allowed(&self, state: &[Units; 2], allowed: &mut Vec<usize>) {
        let mut orders = Vec::new();
        self.actions(state, &mut orders);
        allowed.clear();
        allowed.extend(orders.iter().map(|order| self.action_idx(order)));
    }

    fn n_quantities(&self) -> usize {
        2
    }

    fn nearest(&self, state: &[Units; 2], shares: &[f32]) -> usize {
        let [first, second] = largest(self);
        nearest_order(self, state, [shares[0] * first as f32, shares[1] * second as f32])
    }

    states_are_numbered!();

    /// Each item up to its level, once together they fill a truck; before that nothing that is not needed.
    fn heuristic(&self, state: &[Units; 2]) -> usize {
        let levels = levels(self);
        let missing = [0, 1].map(|idx| (levels[idx] - state[idx]).max(0));
        let fills = missing.iter().sum::<Units>() >= self.truck_capacity() || state.iter().any(|net| *net < 0);
        let wanted = if fills { missing.map(|units| units as f32) } else { [0.0; 2] };
        nearest_order(self, state, wanted)
    }

    fn heuristic_name(&self) -> String {
        let [first, second] = levels(self);
        format!("full trucks up to levels {first} and {second}")
    }

    fn ordered_units(&self, order: &[Units; 2]) -> Units {
        order.iter().sum()
    }

    fn on_shelf(&self, state: &[Units; 2]) -> Units {
        state.iter().sum()
    }

    fn at_stock(&self, on_hand: Units) -> Option<[Units; 2]> {
        let most = self.state(self.n_states() - 1);
        (0..=most[0].min(most[1])).contains(&on_hand).then_some([on_hand; 2])
    }
}
