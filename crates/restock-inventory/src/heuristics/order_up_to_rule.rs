//! The (s, S) rule on the inventory position: once it is at or below s, order up to S.
//!
//! Optimal where unmet demand waits (Scarf 1960), a good heuristic where it is lost.

use restock_core::Units;

use super::line_search;

/// Values in a row that may be dearer before a search ends: costs of (s, S) rules have ripples.
const PATIENCE: usize = 3;

/// The rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderUpToRule {
    /// Order at or below this inventory position, units (s).
    pub reorder_point: Units,
    /// Order up to this inventory position, units (S).
    pub order_up_to_level: Units,
}

impl OrderUpToRule {
    /// What to order at an inventory position, units.
    ///
    /// # Examples
    /// ```
    /// use restock_inventory::heuristics::OrderUpToRule;
    /// let rule = OrderUpToRule { reorder_point: 6, order_up_to_level: 40 };
    /// assert_eq!([7, 6, -2].map(|position| rule.order_quantity(position)), [0, 34, 42]);
    /// ```
    pub fn order_quantity(&self, inventory_position: Units) -> Units {
        if inventory_position <= self.reorder_point { (self.order_up_to_level - inventory_position).max(0) } else { 0 }
    }

    /// The cheapest rule by a cost function, searched around `start`: for each reorder point at or above 0 the best level
    /// up to `max_level`.
    pub fn best(start: Self, max_level: Units, mut cost: impl FnMut(Self) -> f64) -> (Self, f64) {
        let mut best = (start, f64::INFINITY);
        line_search(start.reorder_point.max(0), 0..=max_level - 1, PATIENCE, |reorder_point| {
            let by_level = |order_up_to_level| cost(Self { reorder_point, order_up_to_level });
            let from = best.0.order_up_to_level.clamp(reorder_point + 1, max_level);
            let (level, level_cost) = line_search(from, reorder_point + 1..=max_level, PATIENCE, by_level);
            if level_cost < best.1 {
                best = (Self { reorder_point, order_up_to_level: level }, level_cost);
            }
            level_cost
        });
        best
    }
}
