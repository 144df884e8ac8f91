//! One warehouse and two retailers with lost sales.

use restock_inventory::discrete_demand::DiscreteDemand;
use restock_inventory::environments::one_warehouse::OneWarehouseCosts;
use restock_inventory::environments::{OneWarehouse, OneWarehouseState};
use restock_learning::Observed;
use restock_learning::relaxed::{Relaxed, RelaxedOneWarehouse};
use serde::Deserialize;

use super::{Line, Options, average_cost, iterate, learn, rows};

#[derive(Deserialize)]
struct Row {
    id: String,
    mean1: f64,
    mean2: f64,
    h_warehouse: f64,
    h_retailer: f64,
    p_lost: f64,
    warehouse_cap: i64,
    retailer_cap: i64,
    opt_cost: f64,
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
}

const TABLE: &str = include_str!("../../../restock-inventory/src/published/owmr_two_retailers.csv");

/// By networks.
pub(super) fn table(options: &Options, print: &mut impl FnMut(Line)) {
    for row in rows(TABLE, options, |row: &Row| &row.id) {
        let relaxed = RelaxedOneWarehouse::new(row.problem());
        let learned = learn(options, &relaxed, &options.settings, |policy| average_cost(relaxed.plain(), policy));
        print(Line { id: row.id, optimum: row.opt_cost, learned });
    }
}

/// From echelon base-stock at newsvendor levels.
pub(super) fn iterated(options: &Options, print: &mut impl FnMut(Line)) {
    for row in rows(TABLE, options, |row: &Row| &row.id) {
        let problem = row.problem();
        let learned = iterate(options, &problem, &options.iteration, |_| {
            Box::new(|state: &OneWarehouseState| problem.action(problem.heuristic(state)))
        });
        print(Line { id: row.id, optimum: row.opt_cost, learned });
    }
}
