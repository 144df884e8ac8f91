//! The projected inventory level policy for lost sales: order what raises the stock that is expected when the order
//! arrives to a fixed level (van Jaarsveld & Arts 2024, *Operations Research*, "Projected inventory level policies for
//! lost sales inventory systems").
//!
//! Unlike a base-stock policy it knows that demand in the lead time which is lost does not consume the pipeline. It is
//! asymptotically optimal both for long lead times and for large stock-out costs.

use rayon::prelude::*;
use restock_core::Units;
use restock_core::environment::FiniteEnvironment;

use crate::environments::{LostSales, LostSalesState};
use crate::exact::{Criterion, Settings, evaluate};

/// The policy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProjectedInventoryLevel {
    /// Expected stock right after the order has arrived, units (U); orders are rounded to the nearest unit.
    pub level: f64,
}

impl ProjectedInventoryLevel {
    /// What to order in a state, units.
    ///
    /// # Examples
    /// ```
    /// use restock_inventory::discrete_demand::DiscreteDemand;
    /// use restock_inventory::environments::{LostSales, LostSalesState, lost_sales::LostSalesCosts};
    /// use restock_inventory::heuristics::ProjectedInventoryLevel;
    ///
    /// // Two units are left of ten after a demand of eight.
    /// let costs = LostSalesCosts { holding_cost: 1.0, stockout_cost: 4.0, order_cost: 0.0 };
    /// let problem = LostSales::new(1, costs, vec![DiscreteDemand::constant(8)]);
    /// let state = LostSalesState { phase: 0, on_hand: 10, pipeline: [0; 16] };
    /// assert_eq!(ProjectedInventoryLevel { level: 6.8 }.order_quantity(&problem, &state), 5);
    /// ```
    pub fn order_quantity(&self, problem: &LostSales, state: &LostSalesState) -> Units {
        self.order_for(projected_inventory(problem, state))
    }

    fn order_for(&self, projected_inventory: f64) -> Units {
        (self.level - projected_inventory).round().max(0.0) as Units
    }

    /// Its long-run average cost, exact up to `tolerance`, currency per period. Orders keep to the caps of the problem.
    pub fn average_cost(&self, problem: &LostSales, tolerance: f64) -> f64 {
        Self::best(problem, &[self.level], tolerance).1
    }

    /// The cheapest of the policies with the given levels, exactly evaluated. Orders keep to the caps of the problem.
    ///
    /// # Panics
    /// When there are no levels.
    pub fn best(problem: &LostSales, levels: &[f64], tolerance: f64) -> (Self, f64) {
        // What is expected at arrival does not depend on the level.
        let states = (0..problem.n_states()).into_par_iter();
        let projected: Vec<f64> = states.map(|idx| projected_inventory(problem, &problem.state(idx))).collect();
        let settings = Settings { tolerance, ..Settings::default() };
        let cost = |level: f64| {
            let policy = Self { level };
            let order = |state: &LostSalesState| {
                policy.order_for(projected[problem.state_idx(state)]).min(problem.max_order(state))
            };
            (policy, evaluate(problem, order, Criterion::Average, &settings).average_cost.expect("an average cost"))
        };
        levels.iter().map(|level| cost(*level)).min_by(|a, b| a.1.total_cmp(&b.1)).expect("a level")
    }
}

/// Expected stock when an order placed now arrives, without that order, units.
pub fn projected_inventory(problem: &LostSales, state: &LostSalesState) -> f64 {
    let law = problem.on_hand_at_arrival(state);
    law.iter().enumerate().map(|(left, probability)| left as f64 * probability).sum()
}
