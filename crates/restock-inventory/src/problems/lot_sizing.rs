//! Known demand that changes, in words.

use restock_core::Units;
use serde::Deserialize;

use super::{Chart, Figure, Numbers, PolicyCost, ProblemError, Solved, Watch, not_negative, positive};
use crate::wagner_whitin::wagner_whitin;

/// Known demand of each period, a fixed cost per order, holding cost.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LotSizingProblem {
    /// `[n_periods]`: units.
    demands: Numbers,
    order_cost: f64,
    holding_cost: f64,
}

impl LotSizingProblem {
    pub(super) fn solve(&self, _: Watch<'_>) -> Result<Solved, ProblemError> {
        let order_cost = not_negative("order_cost", self.order_cost)?;
        let holding_cost = positive("holding_cost", self.holding_cost)?;
        let demands = self.demands.list("demands")?;
        for demand in &demands {
            if demand.fract() != 0.0 || !(0.0..=1e9).contains(demand) {
                return Err(ProblemError::OutOfRange {
                    name: "demands",
                    got: *demand,
                    allowed: "whole units, at least 0",
                });
            }
        }
        let demand: Vec<Units> = demands.iter().map(|demand| *demand as Units).collect();
        let best = wagner_whitin(&demand, order_cost, holding_cost);
        let mut figures = vec![Figure::new("cost", best.cost, "currency")];
        let mut on_hand = 0;
        let (mut orders, mut stock, mut wanted) = (Vec::new(), Vec::new(), Vec::new());
        for (period, (order_quantity, demand)) in (1..).zip(best.order_quantity.iter().zip(&demand)) {
            if *order_quantity > 0 {
                figures.push(Figure::new(format!("order in period {period}"), *order_quantity as f64, "units"));
            }
            on_hand += order_quantity - demand;
            orders.push((f64::from(period), *order_quantity as f64));
            stock.push((f64::from(period), on_hand as f64));
            wanted.push((f64::from(period), *demand as f64));
        }
        let n_wanted = demand.iter().filter(|demand| **demand > 0).count();
        let each_period = order_cost * n_wanted as f64;
        Ok(Solved {
            problem: format!("known demand of {} periods", demand.len()),
            method: "dynamic programme over the last order (Wagner & Whitin 1958)",
            convergence: None,
            figures,
            policies: vec![PolicyCost::new("an order in each period", each_period, best.cost)],
            charts: vec![Chart {
                title: "Orders and stock".to_owned(),
                x_label: "period",
                y_label: "units",
                curves: vec![
                    ("order".to_owned(), orders),
                    ("stock at the end".to_owned(), stock),
                    ("demand".to_owned(), wanted),
                ],
            }],
        })
    }
}
