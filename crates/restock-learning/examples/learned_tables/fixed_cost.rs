//! Lost sales with a fixed order cost (Bijvank, Bhulai & Huh 2015), from the best (s, S) rule.

use restock_core::Units;
use restock_inventory::discrete_demand::DiscreteDemand;
use restock_inventory::environments::lost_sales::LostSalesCosts;
use restock_inventory::environments::{LostSales, LostSalesState};
use restock_inventory::heuristics::OrderUpToRule;
use restock_learning::policy_iteration::simulated_cost;
use serde::Deserialize;

use super::{Line, N_PERIODS_SEARCH, Options, iterate, rows};

#[derive(Deserialize)]
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
    max_position: Units,
}

pub(super) fn table(options: &Options, print: &mut impl FnMut(Line)) {
    let table = include_str!("../../../restock-inventory/src/published/lost_sales_fixed_cost.csv");
    for row in rows(table, options, |row: &Row| &row.id) {
        let demand = match row.demand.as_str() {
            "poisson" => DiscreteDemand::poisson(row.mean, 60),
            _ => DiscreteDemand::geometric(row.mean, 250),
        };
        let fractile = row.p / (row.p + row.h);
        let level = DiscreteDemand::sum(vec![&demand; row.lead_time + 1]).quantile(fractile);
        let economic_quantity = (2.0 * row.order_cost * row.mean / row.h).sqrt().round() as Units;
        let costs = LostSalesCosts { holding_cost: row.h, stockout_cost: row.p, order_cost: row.order_cost };
        let most = row.max_position;
        let problem = LostSales::with_caps(row.lead_time, costs, vec![demand], most, most);
        let order = |rule: OrderUpToRule| {
            let problem = &problem;
            move |state: &LostSalesState| rule.order_quantity(state.inventory_position()).min(problem.max_order(state))
        };
        // From a rule of thumb: the newsvendor level to order at, the economic quantity to order.
        let thumb = OrderUpToRule {
            reorder_point: (level - 1).min(most - 1),
            order_up_to_level: (level + economic_quantity).min(most),
        };
        let learned = iterate(options, &problem, &options.iteration, |seed| {
            let cost = |rule| simulated_cost(&problem, &order(rule), N_PERIODS_SEARCH, seed);
            Box::new(order(OrderUpToRule::best(thumb, most, cost).0))
        });
        print(Line { id: row.id, optimum: row.opt_cost, learned });
    }
}
