//! Backorders, on the inventory position: a minimum order quantity (Kiesmüller, de Kok & Dabia 2011) from the best
//! (R, S, Qmin) rule, and a fixed order cost (Zheng & Federgruen 1991) from the power approximation.

use restock_core::Units;
use restock_core::environment::FiniteEnvironment;
use restock_inventory::discrete_demand::DiscreteDemand;
use restock_inventory::environments::BackorderPosition;
use restock_inventory::heuristics::{MinimumOrderRule, power_approximation};
use restock_inventory::zheng_federgruen::BackorderProblem;
use restock_learning::policy_iteration::simulated_cost;
use serde::Deserialize;

use super::{Line, N_PERIODS_SEARCH, Options, iterate, rows};

/// The allowed order nearest to a wanted one: rules are asked in positions that they never reach.
fn nearest(environment: &BackorderPosition, position: Units, wanted: Units) -> Units {
    let mut orders = Vec::new();
    environment.actions(&position, &mut orders);
    *orders.iter().min_by_key(|order| order.abs_diff(wanted)).expect("an order is allowed")
}

#[derive(Deserialize)]
struct MinimumOrder {
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
}

pub(super) fn minimum_order(options: &Options, print: &mut impl FnMut(Line)) {
    let table = include_str!("../../../restock-inventory/src/published/moq_backlog.csv");
    for row in rows(table, options, |row: &MinimumOrder| &row.id) {
        let demand = match row.demand.as_str() {
            "poisson" => DiscreteDemand::poisson(row.mean, 60),
            _ => DiscreteDemand::negative_binomial(row.mean, row.var, 120),
        };
        let level = DiscreteDemand::sum(vec![&demand; row.lead_time + 1]).quantile(row.b / (row.b + row.h));
        let problem =
            BackorderProblem { holding_cost: row.h, stockout_cost: row.b, order_cost: 0.0, lead_time: row.lead_time };
        let environment = BackorderPosition::new(problem, demand, row.moq);
        let order = |rule: MinimumOrderRule| {
            let environment = &environment;
            move |position: &Units| nearest(environment, *position, rule.order_quantity(*position))
        };
        let newsvendor = MinimumOrderRule { order_up_to_level: level, min_order: row.moq };
        let learned = iterate(options, &environment, &options.iteration, |seed| {
            let cost = |rule| simulated_cost(&environment, &order(rule), N_PERIODS_SEARCH, seed);
            Box::new(order(MinimumOrderRule::best(newsvendor, cost).0))
        });
        print(Line { id: row.id, optimum: row.opt_cost, learned });
    }
}

#[derive(Deserialize)]
struct FixedCost {
    id: String,
    mean: f64,
    h: f64,
    p: f64,
    #[serde(rename = "K")]
    order_cost: f64,
    #[serde(rename = "L")]
    lead_time: usize,
    recomputed_cost: f64,
}

pub(super) fn fixed_cost(options: &Options, print: &mut impl FnMut(Line)) {
    let table = include_str!("../../../restock-inventory/src/published/ss_zheng_federgruen.csv");
    for row in rows(table, options, |row: &FixedCost| &row.id) {
        let demand = DiscreteDemand::poisson(row.mean, 200);
        let problem = BackorderProblem {
            holding_cost: row.h,
            stockout_cost: row.p,
            order_cost: row.order_cost,
            lead_time: row.lead_time,
        };
        let rule = power_approximation(problem, row.mean, row.mean.sqrt());
        let environment = BackorderPosition::new(problem, demand, 1);
        let learned = iterate(options, &environment, &options.iteration, |_| {
            Box::new(|position: &Units| nearest(&environment, *position, rule.order_quantity(*position)))
        });
        print(Line { id: row.id, optimum: row.recomputed_cost, learned });
    }
}
