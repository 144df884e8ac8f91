//! Exponential lead times whose orders cross (Stolyar & Wang 2022), from the best base-stock.

use restock_core::Units;
use restock_inventory::environments::ExponentialLeadTimesState;
use restock_inventory::environments::random_lead_times::base_stock_cost;
use restock_inventory::heuristics::line_search;
use restock_inventory::published::{Known, known};
use restock_learning::policy_iteration::IterationSettings;

use super::{Line, Options, iterate};

/// Periods are the times between two events, of which there are up to 40 in a unit of time: a scenario is this many times
/// as long as elsewhere.
const EVENTS: u64 = 12;

pub(super) fn table(options: &Options, print: &mut impl FnMut(Line)) {
    for Known { id, environment, optimum } in options.rows(known::random_lead_times_crossover()) {
        let parameters = environment.parameters();
        let mean_on_order = parameters.demand_rate / parameters.delivery_rate;
        let cost = |level| base_stock_cost(level, mean_on_order, parameters.holding_cost, parameters.backorder_cost);
        let (level, _) = line_search(mean_on_order as Units, 0..=Units::MAX / 2, 1, cost);
        let settings = IterationSettings {
            depth: EVENTS * options.iteration.depth,
            n_periods: EVENTS * options.iteration.n_periods,
            ..options.iteration
        };
        let learned = iterate(options, &environment, &settings, |_| {
            Box::new(|state: &ExponentialLeadTimesState| {
                (level - state.net_inventory - state.on_order).clamp(0, environment.max_order(state))
            })
        });
        print(Line { id, optimum, learned });
    }
}
