//! Exponential lead times whose orders cross (Stolyar & Wang 2022), from the best base-stock.

use restock_core::Units;
use restock_inventory::environments::exponential_lead_times::ExponentialLeadTimesParameters;
use restock_inventory::environments::random_lead_times::base_stock_cost;
use restock_inventory::environments::{ExponentialLeadTimes, ExponentialLeadTimesState};
use restock_inventory::heuristics::line_search;
use restock_learning::policy_iteration::IterationSettings;
use serde::Deserialize;

use super::{Line, Options, iterate, rows};

/// Most units ordered at a demand epoch, as published.
const MAX_ORDER: Units = 6;

/// Periods are the times between two events, of which there are up to 40 in a unit of time: a scenario is this many times
/// as long as elsewhere.
const EVENTS: u64 = 12;

#[derive(Deserialize)]
struct Row {
    id: String,
    lead_time_dist: String,
    demand_rate: f64,
    h: f64,
    b: f64,
    opt_cost: Option<f64>,
}

pub(super) fn table(options: &Options, print: &mut impl FnMut(Line)) {
    let table = include_str!("../../../restock-inventory/src/published/random_lead_times_crossover.csv");
    for row in rows(table, options, |row: &Row| &row.id) {
        let rate = row.lead_time_dist.strip_prefix("exponential rate ").map(|rate| rate.parse().expect("a rate"));
        let (Some(delivery_rate), Some(optimum)) = (rate, row.opt_cost) else { continue };
        let mean_on_order: f64 = row.demand_rate / delivery_rate;
        let deviation = mean_on_order.sqrt();
        // The caps are those of the published optima.
        let problem = ExponentialLeadTimes::new(ExponentialLeadTimesParameters {
            demand_rate: row.demand_rate,
            delivery_rate,
            holding_cost: row.h,
            backorder_cost: row.b,
            max_order: MAX_ORDER,
            max_on_order: (mean_on_order + 8.0 * deviation).ceil() as Units,
            max_position: (mean_on_order + 9.0 * deviation).ceil() as Units + 3,
            max_backorders: (6.0 * deviation).ceil() as Units + 3,
        });
        let cost = |level| base_stock_cost(level, mean_on_order, row.h, row.b);
        let (level, _) = line_search(mean_on_order as Units, 0..=Units::MAX / 2, 1, cost);
        let settings = IterationSettings {
            depth: EVENTS * options.iteration.depth,
            n_periods: EVENTS * options.iteration.n_periods,
            ..options.iteration
        };
        let learned = iterate(options, &problem, &settings, |_| {
            Box::new(|state: &ExponentialLeadTimesState| {
                (level - state.net_inventory - state.on_order).clamp(0, problem.max_order(state))
            })
        });
        print(Line { id: row.id, optimum, learned });
    }
}
