//! Two items that share trucks, in the style of Vanvuchelen, Gijsbrechts & Boute (2020), from full trucks up to newsvendor
//! levels.

use restock_core::Units;
use restock_inventory::discrete_demand::DiscreteDemand;
use restock_inventory::environments::JointReplenishment;
use restock_inventory::environments::joint_replenishment::{Arrival, JointReplenishmentCosts};
use restock_learning::Observed;
use serde::Deserialize;

use super::{Line, Options, iterate, rows};

#[derive(Deserialize)]
struct Row {
    id: String,
    demand1: String,
    demand2: String,
    h: f64,
    b: f64,
    #[serde(rename = "K_per_truck")]
    truck_cost: f64,
    #[serde(rename = "k_minor_per_item")]
    item_cost: f64,
    truck_capacity: Units,
    opt_cost: f64,
}

pub(super) fn table(options: &Options, print: &mut impl FnMut(Line)) {
    let table = include_str!("../../../restock-inventory/src/published/joint_replenishment_trucks.csv");
    for row in rows(table, options, |row: &Row| &row.id) {
        let demand = [&row.demand1, &row.demand2].map(|text| {
            let high = text.strip_prefix("uniform 0..").and_then(|high| high.parse().ok());
            DiscreteDemand::uniform(0, high.expect("a uniform law"))
        });
        let costs = JointReplenishmentCosts {
            holding_cost: row.h,
            backorder_cost: row.b,
            truck_cost: row.truck_cost,
            item_cost: row.item_cost,
        };
        let problem = JointReplenishment::new(costs, row.truck_capacity, demand, Arrival::BeforeDemand, 2);
        let learned = iterate(options, &problem, &options.iteration, |_| {
            Box::new(|state: &[Units; 2]| problem.action(problem.heuristic(state)))
        });
        print(Line { id: row.id, optimum: row.opt_cost, learned });
    }
}
