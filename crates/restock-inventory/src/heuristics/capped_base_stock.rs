//! Capped base-stock (S, r) for lost sales: order up to S, but never more than r (Johansen & Thorstenson 2008; Xin 2021,
//! *Operations Research* 69(1)).
//!
//! After a stock-out a base-stock policy places one large order that arrives when the shortage is over; the cap smooths
//! orders. With `max_order` at least `base_stock_level` it is the plain base-stock policy, with a base-stock level that is
//! never reached the constant-order policy.

use restock_core::Units;

use super::line_search;
use crate::discrete_demand::DiscreteDemand;
use crate::environments::lost_sales::LostSalesCosts;
use crate::environments::{LostSales, LostSalesState};
use crate::exact::{Criterion, Settings, evaluate};

/// Values in a row that may be dearer before a search ends.
const PATIENCE: usize = 2;

/// The policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CappedBaseStock {
    /// The inventory position to reach, units (S).
    pub base_stock_level: Units,
    /// The largest order, units (r).
    pub max_order: Units,
}

impl CappedBaseStock {
    /// The base-stock policy, which knows no cap.
    pub fn uncapped(base_stock_level: Units) -> Self {
        Self { base_stock_level, max_order: base_stock_level }
    }

    /// What to order at an inventory position, units.
    ///
    /// # Examples
    /// ```
    /// use restock_inventory::heuristics::CappedBaseStock;
    /// let policy = CappedBaseStock { base_stock_level: 17, max_order: 5 };
    /// assert_eq!([20, 15, 3].map(|position| policy.order_quantity(position)), [0, 2, 5]);
    /// ```
    pub fn order_quantity(&self, inventory_position: Units) -> Units {
        (self.base_stock_level - inventory_position).clamp(0, self.max_order)
    }

    /// Its long-run average cost in the lost-sales problem, exact up to `tolerance`, currency per period.
    ///
    /// # Panics
    /// When a parameter is below 1, or as [`LostSales::new`].
    pub fn average_cost(
        &self,
        lead_time: usize,
        costs: LostSalesCosts,
        demand: &[DiscreteDemand],
        tolerance: f64,
    ) -> f64 {
        // The policy's own limits are the caps: nothing else can be reached.
        let max_order = self.max_order.min(self.base_stock_level);
        let problem = LostSales::with_caps(lead_time, costs, demand.to_vec(), max_order, self.base_stock_level);
        let policy = |state: &LostSalesState| self.order_quantity(state.inventory_position());
        let settings = Settings { tolerance, ..Settings::default() };
        evaluate(&problem, policy, Criterion::Average, &settings).average_cost.expect("an average cost")
    }

    /// The cheapest base-stock policy by a cost function, exact or simulated with common random numbers, searched around
    /// `start`.
    pub fn best_uncapped(start: Units, mut cost: impl FnMut(Self) -> f64) -> (Self, f64) {
        let (level, cost) =
            line_search(start.max(1), 1..=Units::MAX / 2, PATIENCE, |level| cost(Self::uncapped(level)));
        (Self::uncapped(level), cost)
    }

    /// The cheapest capped policy, searched around `start`: for each base-stock level the best cap.
    pub fn best(start: Self, mut cost: impl FnMut(Self) -> f64) -> (Self, f64) {
        let mut max_order = start.max_order.max(1);
        let mut best = (start, f64::INFINITY);
        line_search(start.base_stock_level.max(1), 1..=Units::MAX / 2, PATIENCE, |base_stock_level| {
            let by_cap = |max_order| cost(Self { base_stock_level, max_order });
            let (cap, cap_cost) = line_search(max_order.min(base_stock_level), 1..=base_stock_level, PATIENCE, by_cap);
            if cap_cost < best.1 {
                max_order = cap;
                best = (Self { base_stock_level, max_order: cap }, cap_cost);
            }
            cap_cost
        });
        best
    }
}
