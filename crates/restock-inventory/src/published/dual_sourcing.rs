//! Dual sourcing with backorders: the instances of Veeraraghavan & Scheller-Wolf (2008) and Sun & Van Mieghem (2019), as
//! run by Böttcher, Asikis & Fragkos (2023), *INFORMS Journal on Computing*, 2022.0136.

use restock_core::Units;
use serde::Deserialize;

use super::{Case, Comparison, Known, Suite, rows};
use crate::discrete_demand::DiscreteDemand;
use crate::environments::DualSourcing;
use crate::environments::dual_sourcing::DualSourcingCosts;
use crate::exact::{Criterion, Settings, solve};
use crate::heuristics::CappedDualIndex;

#[derive(Clone, Debug, Deserialize)]
struct Row {
    id: String,
    demand: String,
    #[serde(rename = "L_regular")]
    regular_lead_time: usize,
    #[serde(rename = "L_expedited")]
    expedited_lead_time: usize,
    c_regular: f64,
    c_expedited: f64,
    h: f64,
    b: f64,
    opt_cost: f64,
    #[serde(rename = "best_cdi_Se")]
    best_expedited_level: Units,
    #[serde(rename = "best_cdi_Sr")]
    best_regular_level: Units,
    #[serde(rename = "best_cdi_cap")]
    best_regular_cap: Units,
    best_cdi_cost: f64,
    #[serde(rename = "pub_cdi_Se")]
    published_expedited_level: Units,
    #[serde(rename = "pub_cdi_Sr")]
    published_regular_level: Units,
    #[serde(rename = "pub_cdi_cap")]
    published_regular_cap: Units,
    pub_cdi_exact_eval: f64,
}

impl Row {
    fn problem(&self) -> DualSourcing {
        let high = self.demand.strip_prefix("discrete uniform 0..").and_then(|high| high.parse().ok());
        let costs = DualSourcingCosts {
            regular_cost: self.c_regular,
            expedited_cost: self.c_expedited,
            holding_cost: self.h,
            backorder_cost: self.b,
        };
        let demand = DiscreteDemand::uniform(0, high.expect("a uniform law"));
        DualSourcing::new(self.regular_lead_time, self.expedited_lead_time, costs, demand)
    }

    fn compare(&self) -> Vec<Comparison> {
        let problem = self.problem();
        let optimum = solve(&problem, Criterion::Average, &Settings::default()).average_cost.expect("average cost");
        let best = CappedDualIndex {
            expedited_level: self.best_expedited_level,
            regular_level: self.best_regular_level,
            regular_cap: self.best_regular_cap,
        };
        let published = CappedDualIndex {
            expedited_level: self.published_expedited_level,
            regular_level: self.published_regular_level,
            regular_cap: self.published_regular_cap,
        };
        let fractile = self.b / (self.b + self.h);
        let (_, searched) = CappedDualIndex::search(&problem, fractile);
        // Six decimals are printed, of costs known to a span of 1e-6.
        let digits = 0.5e-6 + 1e-6;
        vec![
            Comparison { quantity: "optimal cost", published: self.opt_cost, ours: optimum, tolerance: 1e-4 },
            Comparison {
                quantity: "capped dual index cost",
                published: self.best_cdi_cost,
                ours: best.average_cost(&problem),
                tolerance: digits,
            },
            Comparison {
                quantity: "capped dual index cost, searched",
                published: self.best_cdi_cost,
                ours: searched,
                tolerance: digits,
            },
            Comparison {
                quantity: "capped dual index cost, published parameters",
                published: self.pub_cdi_exact_eval,
                ours: published.average_cost(&problem),
                tolerance: digits,
            },
        ]
    }
}

/// Dual sourcing with backorders.
pub fn known() -> Vec<Known<DualSourcing>> {
    let rows: Vec<Row> = rows(include_str!("dual_sourcing.csv"));
    rows.into_iter().map(|row| Known { environment: row.problem(), optimum: row.opt_cost, id: row.id }).collect()
}

pub(super) fn suite() -> Suite {
    let rows: Vec<Row> = rows(include_str!("dual_sourcing.csv"));
    Suite {
        name: "dual_sourcing",
        title: "regular and expedited source with backorders, uniform demand",
        citation: "Veeraraghavan & Scheller-Wolf (2008), Operations Research 56(4); Sun & Van Mieghem (2019); instances and \
                   capped dual index parameters of Böttcher, Asikis & Fragkos (2023), INFORMSJoC/2022.0136; exact costs \
                   recomputed by relative value iteration",
        cases: rows
            .into_iter()
            .map(|row| {
                let large = row.regular_lead_time > 3 && row.demand.ends_with('8');
                Case::new(row.id.clone(), large, move || row.compare())
            })
            .collect(),
    }
}
