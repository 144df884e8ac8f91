//! The projected inventory level policy for lost sales: order what raises the stock that is expected when the order
//! arrives to a fixed level (van Jaarsveld & Arts 2024, *Operations Research*, "Projected inventory level policies for
//! lost sales inventory systems").
//!
//! Unlike a base-stock policy it knows that demand in the lead time which is lost does not consume the pipeline. It is
//! asymptotically optimal both for long lead times and for large stock-out costs.

use restock_core::Units;

use crate::environments::{LostSales, LostSalesState};
use crate::exact::{Criterion, Settings, evaluate};
use restock_core::environment::FiniteEnvironment;

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

    /// The same problem with caps that the policy never meets: an order is at most the level, and where one is placed the
    /// position is at most the level and the mean demand of the lead time.
    fn uncapped(&self, problem: &LostSales) -> LostSales {
        let demand = problem.demand();
        let lead_time_demand = |from: usize| -> f64 {
            (0..problem.lead_time()).map(|offset| demand[(from + offset) % demand.len()].mean()).sum()
        };
        let most = (0..demand.len()).map(lead_time_demand).fold(0.0, f64::max);
        let max_order = (self.level + 0.5).floor().max(1.0) as Units;
        let max_position = (self.level + most + 0.5).floor().max(1.0) as Units;
        LostSales::with_caps(problem.lead_time(), problem.costs(), demand.to_vec(), max_order, max_position)
    }

    /// Its long-run average cost, exact up to `tolerance`, currency per period.
    pub fn average_cost(&self, problem: &LostSales, tolerance: f64) -> f64 {
        let problem = self.uncapped(problem);
        let settings = Settings { tolerance, ..Settings::default() };
        let policy = |state: &LostSalesState| self.order_quantity(&problem, state);
        evaluate(&problem, policy, Criterion::Average, &settings).average_cost.expect("an average cost")
    }

    /// The cheapest of the policies with the given levels, exactly evaluated.
    ///
    /// # Panics
    /// When there are no levels, or one is negative or not a number.
    pub fn best(problem: &LostSales, levels: &[f64], tolerance: f64) -> (Self, f64) {
        let highest = levels.iter().copied().fold(f64::NAN, f64::max);
        assert!(levels.iter().all(|level| *level >= 0.0) && highest.is_finite(), "{levels:?}");
        let problem = Self { level: highest }.uncapped(problem);
        let settings = Settings { tolerance, ..Settings::default() };
        // What is expected at arrival does not depend on the level.
        let states = 0..problem.n_states();
        let projected: Vec<f64> = states.map(|idx| projected_inventory(&problem, &problem.state(idx))).collect();
        let cost = |level: f64| {
            let policy = Self { level };
            let order = |state: &LostSalesState| policy.order_for(projected[problem.state_idx(state)]);
            (policy, evaluate(&problem, order, Criterion::Average, &settings).average_cost.expect("an average cost"))
        };
        levels.iter().map(|level| cost(*level)).min_by(|a, b| a.1.total_cmp(&b.1)).expect("a level")
    }
}

/// Expected stock when an order placed now arrives, without that order, units.
pub fn projected_inventory(problem: &LostSales, state: &LostSalesState) -> f64 {
    let law = problem.on_hand_at_arrival(state);
    law.iter().enumerate().map(|(left, probability)| left as f64 * probability).sum()
}
