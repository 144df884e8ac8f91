//! The (R, S, Qmin) rule for a minimum order quantity: below S order up to S, or the minimum where that is more (Kiesmüller,
//! de Kok & Dabia 2011, *International Journal of Production Economics* 133(1)).

use restock_core::Units;

use super::line_search;

/// Values in a row that may be dearer before a search ends.
const PATIENCE: usize = 3;

/// The rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinimumOrderRule {
    /// Order below this inventory position, units (S).
    pub order_up_to_level: Units,
    /// The smallest order, units (Qmin).
    pub min_order: Units,
}

impl MinimumOrderRule {
    /// What to order at an inventory position, units.
    ///
    /// # Examples
    /// ```
    /// use restock_inventory::heuristics::MinimumOrderRule;
    /// let rule = MinimumOrderRule { order_up_to_level: 15, min_order: 20 };
    /// assert_eq!([15, 14, -10].map(|position| rule.order_quantity(position)), [0, 20, 25]);
    /// ```
    pub fn order_quantity(&self, inventory_position: Units) -> Units {
        let missing = self.order_up_to_level - inventory_position;
        if missing > 0 { missing.max(self.min_order) } else { 0 }
    }

    /// The cheapest rule by a cost function, searched around `start`.
    pub fn best(start: Self, mut cost: impl FnMut(Self) -> f64) -> (Self, f64) {
        let range = Units::MIN / 2..=Units::MAX / 2;
        let (order_up_to_level, cost) = line_search(start.order_up_to_level, range, PATIENCE, |order_up_to_level| {
            cost(Self { order_up_to_level, ..start })
        });
        (Self { order_up_to_level, ..start }, cost)
    }
}
