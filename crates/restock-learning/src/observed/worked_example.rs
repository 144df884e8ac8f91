//! The tutorial problem as learners see it.

use restock_core::Units;
use restock_inventory::environments::WorkedExample;

use super::{Observed, PreparedPolicy, action_is_units, newsvendor_level, states_are_numbered};

/// The level of the simple policy, units: a unit kept in a usual period costs `0.01·((S+1)² - S²)`, about `0.02·S`.
fn level(environment: &WorkedExample) -> Units {
    let holding_cost = 0.02 * environment.demand.mean();
    newsvendor_level(&environment.demand, 1, holding_cost, environment.stockout_cost)
}

impl Observed for WorkedExample {
    fn n_features(&self) -> usize {
        1
    }

    fn features(&self, stock: &Units, features: &mut [f32]) {
        features[0] = *stock as f32 / self.demand.mean() as f32 - 1.0;
    }

    fn n_actions(&self) -> usize {
        self.max_order as usize + 1
    }

    action_is_units!();

    states_are_numbered!();

    fn heuristic(&self, stock: &Units) -> usize {
        (level(self) - stock).clamp(0, self.max_order) as usize
    }

    fn prepared_heuristic(&self) -> PreparedPolicy<'_, Units> {
        let level = level(self);
        Box::new(move |stock| (level - stock).clamp(0, self.max_order) as usize)
    }

    fn heuristic_name(&self) -> String {
        format!("newsvendor, S = {}", level(self))
    }

    fn on_shelf(&self, stock: &Units) -> Units {
        *stock
    }

    fn at_stock(&self, on_hand: Units) -> Option<Units> {
        (0..=self.max_stock).contains(&on_hand).then_some(on_hand)
    }
}
