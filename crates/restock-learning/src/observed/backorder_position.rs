//! Backorders reduced to the inventory position as learners see them.

use restock_core::Units;
use restock_core::environment::PeriodOutcome;
use restock_inventory::environments::BackorderPosition;
use restock_inventory::environments::backorders::BackorderChance;

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

    /// The inventory position: what is on the shelf where nothing is under way.
    fn on_shelf(&self, position: &Units) -> Units {
        *position
    }

    /// As its cost, a decision's stock is that of the period in which the order arrives.
    fn shelf_after(&self, next: &Units, chance: &BackorderChance) -> Units {
        next - chance.until_arrival
    }

    /// Demand of the periods until the order has arrived is exchangeable: this period's stands for that of the arrival,
    /// and finds what the demand of the others has left.
    fn lost_in(&self, next: &Units, chance: &BackorderChance, _: &PeriodOutcome) -> Units {
        let available = (next + chance.demand - chance.until_arrival).max(0);
        (chance.demand - available).max(0)
    }

    fn at_stock(&self, on_hand: Units) -> Option<Units> {
        (self.numbered(0).max(0)..=self.bounds().1).contains(&on_hand).then_some(on_hand)
    }
}
