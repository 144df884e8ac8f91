//! One warehouse and two retailers with lost sales; exact costs recomputed for this table.

use restock_core::Units;
use serde::Deserialize;

use super::{Case, Comparison, Known, Suite, rows};
use crate::discrete_demand::DiscreteDemand;
use crate::environments::OneWarehouse;
use crate::environments::one_warehouse::OneWarehouseCosts;
use crate::exact::{Criterion, PolicyChain, Settings, solve};
use crate::heuristics::EchelonRationing;

#[derive(Clone, Debug, Deserialize)]
struct Row {
    id: String,
    mean1: f64,
    mean2: f64,
    h_warehouse: f64,
    h_retailer: f64,
    p_lost: f64,
    warehouse_cap: Units,
    retailer_cap: Units,
    opt_cost: f64,
    #[serde(rename = "echelon_bs_SW")]
    echelon_level: Units,
    #[serde(rename = "echelon_bs_S1")]
    first_level: Units,
    #[serde(rename = "echelon_bs_S2")]
    second_level: Units,
    echelon_bs_cost: f64,
}

impl Row {
    fn problem(&self) -> OneWarehouse {
        let costs = OneWarehouseCosts {
            warehouse_holding_cost: self.h_warehouse,
            retailer_holding_cost: self.h_retailer,
            stockout_cost: self.p_lost,
        };
        let demand = [self.mean1, self.mean2].map(|mean| DiscreteDemand::poisson(mean, 40));
        OneWarehouse::new(costs, demand, self.warehouse_cap, self.retailer_cap)
    }

    fn compare_optimum(&self) -> Vec<Comparison> {
        let solution = solve(&self.problem(), Criterion::Average, &Settings::default());
        let ours = solution.average_cost.expect("average cost");
        vec![Comparison { quantity: "optimal cost", published: self.opt_cost, ours, tolerance: 1e-4 }]
    }

    fn compare_echelon_base_stock(&self) -> Vec<Comparison> {
        let policy = EchelonRationing {
            echelon_level: self.echelon_level,
            retailer_levels: [self.first_level, self.second_level],
        };
        let chain = PolicyChain::new(&self.problem(), |state| policy.action(state));
        let ours = chain.average_cost(&Settings::default()).average_cost.expect("average cost");
        // The table says "proportional rationing" only. Of some forty readings, equal shares of the retailers' levels is
        // the one that all rows agree with: ours is below the published cost by 1e-4 to 4e-4 in each, which a few ties or
        // an evaluation that stopped early would explain; the next best reading misses a row by 0.003. Ours agrees to
        // six decimals with an independent computation from the stationary distribution.
        let tolerance = 5e-4;
        vec![Comparison { quantity: "echelon base-stock cost", published: self.echelon_bs_cost, ours, tolerance }]
    }
}

/// One warehouse and two retailers.
pub fn known() -> Vec<Known<OneWarehouse>> {
    let rows: Vec<Row> = rows(include_str!("owmr_two_retailers.csv"));
    rows.into_iter().map(|row| Known { environment: row.problem(), optimum: row.opt_cost, id: row.id }).collect()
}

pub(super) fn suite() -> Suite {
    let rows: Vec<Row> = rows(include_str!("owmr_two_retailers.csv"));
    let cases = rows.into_iter().flat_map(|row| {
        let optimum = row.clone();
        [
            Case::new(format!("{}_optimum", row.id), true, move || optimum.compare_optimum()),
            Case::new(format!("{}_echelon", row.id), false, move || row.compare_echelon_base_stock()),
        ]
    });
    Suite {
        name: "owmr_two_retailers",
        title: "one warehouse, two retailers, Poisson demand, lost sales",
        citation: "echelon base-stock of Clark & Scarf (1960) with proportional rationing; exact costs recomputed by \
                   relative value iteration",
        cases: cases.collect(),
    }
}
