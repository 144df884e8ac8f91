//! Lost sales with a fixed order cost (Bijvank, Bhulai & Huh 2015), from the best (s, S) rule.

use restock_core::Units;
use restock_core::environment::Environment;
use restock_inventory::discrete_demand::DiscreteDemand;
use restock_inventory::environments::LostSalesState;
use restock_inventory::environments::lost_sales::LostSalesCosts;
use restock_inventory::heuristics::OrderUpToRule;
use restock_inventory::published::{Known, known};
use restock_learning::policy_iteration::simulated_cost;

use super::{Line, N_PERIODS_SEARCH, Options, iterate};

pub(super) fn table(options: &Options, print: &mut impl FnMut(Line)) {
    for Known { id, environment, optimum } in options.rows(known::lost_sales_fixed_cost()) {
        let LostSalesCosts { holding_cost, stockout_cost, order_cost } = environment.costs();
        let demand = &environment.demand()[0];
        let fractile = stockout_cost / (stockout_cost + holding_cost);
        let level = DiscreteDemand::sum(vec![demand; environment.lead_time() + 1]).quantile(fractile);
        let economic_quantity = (2.0 * order_cost * demand.mean() / holding_cost).sqrt().round() as Units;
        // The cap on an order is that on the position.
        let most = environment.max_order(&environment.initial_state());
        let order = |rule: OrderUpToRule| {
            let problem = &environment;
            move |state: &LostSalesState| rule.order_quantity(state.inventory_position()).min(problem.max_order(state))
        };
        // From a rule of thumb: the newsvendor level to order at, the economic quantity to order.
        let thumb = OrderUpToRule {
            reorder_point: (level - 1).min(most - 1),
            order_up_to_level: (level + economic_quantity).min(most),
        };
        let learned = iterate(options, &environment, &options.iteration, |seed| {
            let cost = |rule| simulated_cost(&environment, &order(rule), N_PERIODS_SEARCH, seed);
            Box::new(order(OrderUpToRule::best(thumb, most, cost).0))
        });
        print(Line { id, optimum, learned });
    }
}
