//! Random yield with backorders: the setting of Henig & Gerchak (1990), *Operations Research* 38(4), with linear inflation.

use restock_core::Units;
use serde::Deserialize;

use super::moq_backlog::demand;
use super::{Case, Comparison, Known, Suite, rows};
use crate::environments::{RandomYield, Yield};
use crate::exact::{Criterion, Settings, evaluate, solve};
use crate::heuristics::LinearInflation;

/// Published costs of all-or-nothing yields lie 3e-5 above a heuristic that cannot be better: their net inventory was cut
/// where it still mattered a little.
const EXACT: f64 = 1e-4;

/// Net inventories far from any that an optimum visits.
const MIN_NET_INVENTORY: Units = -150;
const MAX_NET_INVENTORY: Units = 90;

#[derive(Clone, Debug, Deserialize)]
struct Row {
    id: String,
    demand: String,
    mean: f64,
    var: f64,
    h: f64,
    b: f64,
    yield_model: String,
    max_order: Units,
    opt_cost: f64,
    #[serde(rename = "lir_S")]
    order_up_to_level: Units,
    #[serde(rename = "lir_F")]
    inflation: f64,
    lir_cost: f64,
}

impl Row {
    fn good(&self) -> Yield {
        let rate = |text: &str| text.parse().expect("a yield rate");
        if let Some(text) = self.yield_model.strip_prefix("binomial") {
            Yield::Binomial(rate(text))
        } else if let Some(text) = self.yield_model.strip_prefix("allornothing") {
            Yield::AllOrNothing(rate(text))
        } else {
            assert_eq!(self.yield_model, "uniform");
            Yield::Uniform
        }
    }

    fn problem(&self) -> RandomYield {
        let demand = demand(&self.demand, self.mean, self.var);
        let bounds = MIN_NET_INVENTORY..=MAX_NET_INVENTORY;
        RandomYield::new(self.h, self.b, demand, self.good(), self.max_order, bounds)
    }

    fn compare(&self) -> Vec<Comparison> {
        let environment = self.problem();
        let solution = solve(&environment, Criterion::Average, &Settings::default());
        let rule = LinearInflation { order_up_to_level: self.order_up_to_level, inflation: self.inflation };
        let cost = |rule: LinearInflation| {
            let order =
                |net_inventory: &Units| rule.order_quantity(*net_inventory).min(environment.max_order(*net_inventory));
            let evaluation = evaluate(&environment, order, Criterion::Average, &Settings::default());
            evaluation.average_cost.expect("an average cost")
        };
        [
            ("optimal cost", self.opt_cost, solution.average_cost.expect("an average cost")),
            ("linear inflation cost", self.lir_cost, cost(rule)),
        ]
        .map(|(quantity, published, ours)| Comparison { quantity, published, ours, tolerance: EXACT })
        .into()
    }
}

/// Random yield with backorders.
pub fn known() -> Vec<Known<RandomYield>> {
    let rows: Vec<Row> = rows(include_str!("random_yield.csv"));
    rows.into_iter().map(|row| Known { environment: row.problem(), optimum: row.opt_cost, id: row.id }).collect()
}

pub(super) fn suite() -> Suite {
    let rows: Vec<Row> = rows(include_str!("random_yield.csv"));
    Suite {
        name: "random_yield",
        title: "random yield with backorders",
        citation: "setting of Henig & Gerchak (1990), Operations Research 38(4); linear inflation of Bollapragada & Morton \
                   (1999), Operations Research 47(5); exact costs recomputed",
        cases: rows.into_iter().map(|row| Case::new(row.id.clone(), false, move || row.compare())).collect(),
    }
}
