//! Dual sourcing with backorders: the instances of Böttcher, Asikis & Fragkos (2023).

use restock_inventory::discrete_demand::DiscreteDemand;
use restock_inventory::environments::DualSourcing;
use restock_inventory::environments::dual_sourcing::DualSourcingCosts;
use restock_learning::relaxed::{Relaxed, RelaxedDualSourcing};
use serde::Deserialize;

use super::{Line, Options, average_cost, learn, rows};

#[derive(Deserialize)]
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
}

pub(super) fn table(options: &Options, print: &mut impl FnMut(Line)) {
    let table = include_str!("../../../restock-inventory/src/published/dual_sourcing.csv");
    for row in rows(table, options, |row: &Row| &row.id) {
        let high = row.demand.strip_prefix("discrete uniform 0..").and_then(|high| high.parse().ok());
        let demand = DiscreteDemand::uniform(0, high.expect("a uniform law"));
        let costs = DualSourcingCosts {
            regular_cost: row.c_regular,
            expedited_cost: row.c_expedited,
            holding_cost: row.h,
            backorder_cost: row.b,
        };
        let problem = DualSourcing::new(row.regular_lead_time, row.expedited_lead_time, costs, demand);
        let relaxed = RelaxedDualSourcing::new(problem);
        let learned = learn(options, &relaxed, &options.settings, |policy| average_cost(relaxed.plain(), policy));
        print(Line { id: row.id, optimum: row.opt_cost, learned });
    }
}
