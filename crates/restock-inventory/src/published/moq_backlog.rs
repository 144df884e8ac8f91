//! Minimum order quantity with backorders: the setting of Kiesmüller, de Kok & Dabia (2011), *International Journal of
//! Production Economics* 133(1).

use restock_core::Units;
use serde::Deserialize;

use super::{Case, Comparison, Known, Suite, rows};
use crate::discrete_demand::DiscreteDemand;
use crate::environments::BackorderPosition;
use crate::exact::{Criterion, Settings, evaluate, solve};
use crate::heuristics::MinimumOrderRule;
use crate::zheng_federgruen::BackorderProblem;

/// Six decimals are printed.
const EXACT: f64 = 1e-4;

#[derive(Clone, Debug, Deserialize)]
struct Row {
    id: String,
    demand: String,
    mean: f64,
    var: f64,
    #[serde(rename = "L")]
    lead_time: usize,
    h: f64,
    b: f64,
    moq: Units,
    opt_cost: f64,
    #[serde(rename = "rsq_S")]
    order_up_to_level: Units,
    rsq_cost: f64,
}

impl Row {
    fn problem(&self) -> BackorderPosition {
        let problem = BackorderProblem {
            holding_cost: self.h,
            stockout_cost: self.b,
            order_cost: 0.0,
            lead_time: self.lead_time,
        };
        BackorderPosition::new(problem, demand(&self.demand, self.mean, self.var), self.moq)
    }

    fn compare(&self) -> Vec<Comparison> {
        let environment = self.problem();
        let solution = solve(&environment, Criterion::Average, &Settings::default());
        let (lowest, highest) = environment.bounds();
        let cost = |rule: MinimumOrderRule| {
            // Beyond the bounds, where the rule never goes on its own, it must still do what is allowed.
            let order = |position: &Units| {
                let least = if *position < lowest { lowest - position } else { 0 };
                rule.order_quantity(*position).max(least).min((highest - position).max(0))
            };
            let evaluation = evaluate(&environment, order, Criterion::Average, &Settings::default());
            evaluation.average_cost.expect("an average cost")
        };
        let published = MinimumOrderRule { order_up_to_level: self.order_up_to_level, min_order: self.moq };
        let start = MinimumOrderRule { order_up_to_level: self.order_up_to_level + 3, ..published };
        [
            ("optimal cost", self.opt_cost, solution.average_cost.expect("an average cost")),
            ("(R, S, Qmin) cost", self.rsq_cost, cost(published)),
            ("best (R, S, Qmin) cost", self.rsq_cost, MinimumOrderRule::best(start, cost).1),
        ]
        .map(|(quantity, published, ours)| Comparison { quantity, published, ours, tolerance: EXACT })
        .into()
    }
}

/// The demand laws of the tables of problems with backorders.
pub(super) fn demand(name: &str, mean: f64, variance: f64) -> DiscreteDemand {
    match name {
        "poisson" => DiscreteDemand::poisson(mean, 60),
        "negbin" => DiscreteDemand::negative_binomial(mean, variance, 120),
        other => panic!("demand law {other}"),
    }
}

/// A minimum order quantity with backorders.
pub fn known() -> Vec<Known<BackorderPosition>> {
    let rows: Vec<Row> = rows(include_str!("moq_backlog.csv"));
    rows.into_iter().map(|row| Known { environment: row.problem(), optimum: row.opt_cost, id: row.id }).collect()
}

pub(super) fn suite() -> Suite {
    let rows: Vec<Row> = rows(include_str!("moq_backlog.csv"));
    Suite {
        name: "moq_backlog",
        title: "minimum order quantity with backorders",
        citation: "setting of Kiesmueller, de Kok & Dabia (2011), International Journal of Production Economics 133(1); \
                   exact costs recomputed",
        cases: rows.into_iter().map(|row| Case::new(row.id.clone(), false, move || row.compare())).collect(),
    }
}
