//! Random yield as learners see it.

use restock_core::Units;
use restock_inventory::environments::RandomYield;

use super::{Observed, action_is_units, newsvendor_level, states_are_numbered};

/// The newsvendor level of a period and the next, units, and good units per unit ordered.
fn level(environment: &RandomYield) -> (Units, f64) {
    let (holding_cost, stockout_cost) = environment.unit_costs();
    let largest = environment.yields().len() - 1;
    let rate = environment.yields()[largest].mean() / largest as f64;
    (newsvendor_level(environment.demand(), 1, holding_cost, stockout_cost), rate)
}

impl Observed for RandomYield {
    fn n_features(&self) -> usize {
        1
    }

    fn features(&self, net_inventory: &Units, features: &mut [f32]) {
        let usual = self.demand().mean().max(1.0) * 5.0;
        features[0] = (*net_inventory as f64 / usual) as f32;
    }

    fn n_actions(&self) -> usize {
        self.yields().len()
    }

    action_is_units!();

    states_are_numbered!();

    /// What is missing from the level, more by what is usually lost of an order.
    fn heuristic(&self, net_inventory: &Units) -> usize {
        let (level, rate) = level(self);
        let wanted = ((level - net_inventory).max(0) as f64 / rate).round() as Units;
        wanted.clamp(0, self.max_order(*net_inventory)) as usize
    }

    fn heuristic_name(&self) -> String {
        let (level, rate) = level(self);
        format!("newsvendor, S = {level}, orders divided by the mean yield {rate:.2}")
    }

    fn on_shelf(&self, net_inventory: &Units) -> Units {
        *net_inventory
    }

    fn at_stock(&self, on_hand: Units) -> Option<Units> {
        let most = self.numbered(restock_core::environment::FiniteEnvironment::n_states(self) - 1);
        (0..=most).contains(&on_hand).then_some(on_hand)
    }
}
