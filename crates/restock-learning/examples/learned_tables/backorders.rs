//! Backorders, on the inventory position: a minimum order quantity (Kiesmüller, de Kok & Dabia 2011) from the best
//! (R, S, Qmin) rule, and a fixed order cost (Zheng & Federgruen 1991) from the power approximation.

use restock_core::Units;
use restock_core::environment::FiniteEnvironment;
use restock_inventory::discrete_demand::DiscreteDemand;
use restock_inventory::environments::BackorderPosition;
use restock_inventory::heuristics::{MinimumOrderRule, power_approximation};
use restock_inventory::published::{Known, known};
use restock_learning::policy_iteration::simulated_cost;

use super::{Line, N_PERIODS_SEARCH, Options, iterate};

/// The allowed order nearest to a wanted one: rules are asked in positions that they never reach.
fn nearest(environment: &BackorderPosition, position: Units, wanted: Units) -> Units {
    let mut orders = Vec::new();
    environment.actions(&position, &mut orders);
    *orders.iter().min_by_key(|order| order.abs_diff(wanted)).expect("an order is allowed")
}

pub(super) fn minimum_order(options: &Options, print: &mut impl FnMut(Line)) {
    for Known { id, environment, optimum } in options.rows(known::moq_backlog()) {
        let (problem, demand) = (environment.problem(), environment.demand().0);
        let fractile = problem.stockout_cost / (problem.stockout_cost + problem.holding_cost);
        let level = DiscreteDemand::sum(vec![demand; problem.lead_time + 1]).quantile(fractile);
        let order = |rule: MinimumOrderRule| {
            let environment = &environment;
            move |position: &Units| nearest(environment, *position, rule.order_quantity(*position))
        };
        let newsvendor = MinimumOrderRule { order_up_to_level: level, min_order: environment.min_order() };
        let learned = iterate(options, &environment, &options.iteration, |seed| {
            let cost = |rule| simulated_cost(&environment, &order(rule), N_PERIODS_SEARCH, seed);
            Box::new(order(MinimumOrderRule::best(newsvendor, cost).0))
        });
        print(Line { id, optimum, learned });
    }
}

pub(super) fn fixed_cost(options: &Options, print: &mut impl FnMut(Line)) {
    for Known { id, environment, optimum } in options.rows(known::ss_zheng_federgruen()) {
        let mean = environment.demand().0.mean();
        let rule = power_approximation(environment.problem(), mean, mean.sqrt());
        let learned = iterate(options, &environment, &options.iteration, |_| {
            Box::new(|position: &Units| nearest(&environment, *position, rule.order_quantity(*position)))
        });
        print(Line { id, optimum, learned });
    }
}
