//! Lost sales with lead time and a fixed order cost: the setting of Bijvank, Bhulai & Huh (2015), *European Journal of
//! Operational Research* 247(2).

use restock_core::Units;
use serde::Deserialize;

use super::lost_sales::{EXACT, optimal_cost};
use super::{Case, Comparison, Known, Suite, rows};
use crate::discrete_demand::DiscreteDemand;
use crate::environments::lost_sales::LostSalesCosts;
use crate::environments::{LostSales, LostSalesState};
use crate::exact::{Criterion, Settings, evaluate};
use crate::heuristics::OrderUpToRule;

#[derive(Clone, Debug, Deserialize)]
struct Row {
    id: String,
    demand: String,
    mean: f64,
    h: f64,
    p: f64,
    #[serde(rename = "L")]
    lead_time: usize,
    #[serde(rename = "K")]
    order_cost: f64,
    opt_cost: f64,
    #[serde(rename = "best_sS_s")]
    reorder_point: Units,
    #[serde(rename = "best_sS_S")]
    order_up_to_level: Units,
    #[serde(rename = "best_sS_cost")]
    rule_cost: f64,
    max_position: Units,
}

impl Row {
    fn problem(&self) -> LostSales {
        let demand = match self.demand.as_str() {
            "poisson" => DiscreteDemand::poisson(self.mean, 60),
            "geometric" => DiscreteDemand::geometric(self.mean, 250),
            other => panic!("demand law {other}"),
        };
        let costs = LostSalesCosts { holding_cost: self.h, stockout_cost: self.p, order_cost: self.order_cost };
        LostSales::with_caps(self.lead_time, costs, vec![demand], self.max_position, self.max_position)
    }

    fn compare(&self) -> Vec<Comparison> {
        let problem = self.problem();
        let rule_cost = |rule: OrderUpToRule| {
            let order = |state: &LostSalesState| rule.order_quantity(state.inventory_position());
            let evaluation = evaluate(&problem, order, Criterion::Average, &Settings::default());
            evaluation.average_cost.expect("an average cost")
        };
        let published = OrderUpToRule { reorder_point: self.reorder_point, order_up_to_level: self.order_up_to_level };
        let start = OrderUpToRule {
            reorder_point: self.reorder_point - 2,
            order_up_to_level: (self.order_up_to_level + 2).min(self.max_position),
        };
        let (_, best_cost) = OrderUpToRule::best(start, self.max_position, rule_cost);
        [
            ("optimal cost", self.opt_cost, optimal_cost(&problem)),
            ("(s, S) cost", self.rule_cost, rule_cost(published)),
            ("best (s, S) cost", self.rule_cost, best_cost),
        ]
        .map(|(quantity, published, ours)| Comparison { quantity, published, ours, tolerance: EXACT })
        .into()
    }
}

/// Lost sales with a fixed order cost.
pub fn known() -> Vec<Known<LostSales>> {
    let rows: Vec<Row> = rows(include_str!("lost_sales_fixed_cost.csv"));
    rows.into_iter().map(|row| Known { environment: row.problem(), optimum: row.opt_cost, id: row.id }).collect()
}

pub(super) fn suite() -> Suite {
    let rows: Vec<Row> = rows(include_str!("lost_sales_fixed_cost.csv"));
    Suite {
        name: "lost_sales_fixed_cost",
        title: "lost sales with lead time and a fixed order cost",
        citation: "setting of Bijvank, Bhulai & Huh (2015), European Journal of Operational Research 247(2); exact \
                   costs recomputed",
        cases: rows.into_iter().map(|row| Case::new(row.id.clone(), false, move || row.compare())).collect(),
    }
}
