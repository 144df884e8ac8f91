//! Backorders reduced to the inventory position as learners see them.

use restock_core::Units;
use restock_inventory::environments::BackorderPosition;

use super::{Observed, action_is_units, newsvendor_level, states_are_numbered};

/// The newsvendor level of the demand until an order has arrived and a period after it, units.
fn level(environment: &BackorderPosition) -> Units {
    let problem = environment.problem();
    newsvendor_level(environment.demand().0, problem.lead_time + 1, problem.holding_cost, problem.stockout_cost)
}

impl Observed for BackorderPosition {
    fn n_features(&self) -> usize {
        1
    }

    fn features(&self, position: &Units, features: &mut [f32]) {
        // Positions are seen from the middle of those that orders lead to.
        let (least, most) = self.bounds();
        features[0] = (2 * position - least - most) as f32 / (most - least).max(1) as f32;
    }

    fn n_actions(&self) -> usize {
        (self.bounds().1 - self.numbered(0)) as usize + 1
    }

    action_is_units!();

    states_are_numbered!();

    /// Orders up to the level, or the nearest order that is allowed.
    fn heuristic(&self, position: &Units) -> usize {
        let wanted = (level(self) - position).max(0) as usize;
        let mut allowed = Vec::new();
        self.allowed(position, &mut allowed);
        super::nearest_of(&allowed, wanted)
    }

    fn heuristic_name(&self) -> String {
        format!("newsvendor, S = {}", level(self))
    }
}
