//! One warehouse and two retailers with lost sales.

use restock_inventory::discrete_demand::DiscreteDemand;
use restock_inventory::environments::OneWarehouse;
use restock_inventory::environments::one_warehouse::OneWarehouseCosts;
use restock_learning::relaxed::{Relaxed, RelaxedOneWarehouse};
use serde::Deserialize;

use super::{Line, Options, average_cost, learn, rows};

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

pub(super) fn table(options: &Options, print: &mut impl FnMut(Line)) {
    let table = include_str!("../../../restock-inventory/src/published/owmr_two_retailers.csv");
    for row in rows(table, options, |row: &Row| &row.id) {
        let costs = OneWarehouseCosts {
            warehouse_holding_cost: row.h_warehouse,
            retailer_holding_cost: row.h_retailer,
            stockout_cost: row.p_lost,
        };
        let demand = [row.mean1, row.mean2].map(|mean| DiscreteDemand::poisson(mean, 40));
        let relaxed = RelaxedOneWarehouse::new(OneWarehouse::new(costs, demand, row.warehouse_cap, row.retailer_cap));
        let learned = learn(options, &relaxed, &options.settings, |policy| average_cost(relaxed.plain(), policy));
        print(Line { id: row.id, optimum: row.opt_cost, learned });
    }
}
