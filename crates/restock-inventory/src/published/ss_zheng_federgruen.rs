//! (s, S) policies for Poisson demand: the table of Zheng & Federgruen (1991), *Operations Research* 39(4), with the power
//! approximation.

use restock_core::Units;
use serde::Deserialize;

use super::{Case, Comparison, Known, Suite, rows};
use crate::discrete_demand::DiscreteDemand;
use crate::environments::BackorderPosition;
use crate::exact::{Criterion, Settings, solve};
use crate::heuristics::power_approximation;
use crate::zheng_federgruen::{BackorderProblem, average_cost, optimal_policy};

/// Six decimals are printed.
const EXACT: f64 = 2e-6;

#[derive(Clone, Debug, Deserialize)]
struct Row {
    id: String,
    mean: f64,
    h: f64,
    p: f64,
    #[serde(rename = "K")]
    order_cost: f64,
    #[serde(rename = "L")]
    lead_time: usize,
    #[serde(rename = "opt_s")]
    reorder_point: Units,
    #[serde(rename = "opt_S")]
    order_up_to_level: Units,
    opt_cost: f64,
    recomputed_cost: f64,
    #[serde(rename = "power_approx_s")]
    approximate_reorder_point: Units,
    #[serde(rename = "power_approx_S")]
    approximate_level: Units,
    power_approx_cost: f64,
}

impl Row {
    fn demand(&self) -> DiscreteDemand {
        DiscreteDemand::poisson(self.mean, 200)
    }

    fn problem(&self) -> BackorderPosition {
        let problem = BackorderProblem {
            holding_cost: self.h,
            stockout_cost: self.p,
            order_cost: self.order_cost,
            lead_time: self.lead_time,
        };
        BackorderPosition::new(problem, self.demand(), 1)
    }

    fn compare(&self) -> Vec<Comparison> {
        let demand = self.demand();
        let environment = self.problem();
        let problem = environment.problem();
        let optimum = optimal_policy(problem, &demand);
        let solution = solve(&environment, Criterion::Average, &Settings::default());
        let rule = power_approximation(problem, self.mean, self.mean.sqrt());
        let rule_cost = average_cost(problem, &demand, rule.reorder_point, rule.order_up_to_level);
        let solved = solution.average_cost.expect("an average cost");
        [
            // Three decimals are printed.
            ("optimal cost", self.opt_cost, optimum.average_cost, 0.0005 + 1e-6),
            ("optimal cost, six decimals", self.recomputed_cost, optimum.average_cost, EXACT),
            ("optimal cost, dynamic programming", self.recomputed_cost, solved, EXACT),
            ("optimal s", self.reorder_point as f64, optimum.reorder_point as f64, 0.0),
            ("optimal S", self.order_up_to_level as f64, optimum.order_up_to_level as f64, 0.0),
            ("power approximation s", self.approximate_reorder_point as f64, rule.reorder_point as f64, 0.0),
            ("power approximation S", self.approximate_level as f64, rule.order_up_to_level as f64, 0.0),
            ("power approximation cost", self.power_approx_cost, rule_cost, EXACT),
        ]
        .map(|(quantity, published, ours, tolerance)| Comparison { quantity, published, ours, tolerance })
        .into()
    }
}

/// A fixed order cost with backorders.
pub fn known() -> Vec<Known<BackorderPosition>> {
    let rows: Vec<Row> = rows(include_str!("ss_zheng_federgruen.csv"));
    rows.into_iter().map(|row| Known { environment: row.problem(), optimum: row.recomputed_cost, id: row.id }).collect()
}

pub(super) fn suite() -> Suite {
    let rows: Vec<Row> = rows(include_str!("ss_zheng_federgruen.csv"));
    Suite {
        name: "ss_zheng_federgruen",
        title: "(s, S) with backorders, Poisson demand, K = 64, h = 1, p = 9",
        citation: "Zheng & Federgruen (1991), Operations Research 39(4); power approximation of Ehrhardt & Mosier (1984), \
                   Management Science 30(5), recomputed",
        cases: rows.into_iter().map(|row| Case::new(row.id.clone(), false, move || row.compare())).collect(),
    }
}
