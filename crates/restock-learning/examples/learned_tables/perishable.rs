//! Perishable items: De Moor, Gijsbrechts & Boute (2022), discounted cost after a burn-in, by networks, and Haijema & Minner
//! (2019), average cost, from the best base-stock.

use restock_core::Units;
use restock_core::environment::Environment;
use restock_inventory::environments::PerishableState;
use restock_inventory::exact::PolicyChain;
use restock_inventory::heuristics::line_search;
use restock_inventory::published::{Known, known};
use restock_learning::policy_iteration::simulated_cost;
use restock_learning::relaxed::{Relaxed, RelaxedPerishable};

use super::{Line, N_PERIODS_SEARCH, Options, iterate, learn};

pub(super) fn de_moor(options: &Options, print: &mut impl FnMut(Line)) {
    let rows = known::perishable_de_moor().into_iter().filter(|(row, _)| row.id.contains(&options.rows));
    for (Known { id, environment, optimum }, cost) in rows {
        let relaxed = RelaxedPerishable::new(environment);
        let learned =
            learn(options, &relaxed, &options.settings, |policy| cost.of(&PolicyChain::new(relaxed.plain(), policy)));
        print(Line { id, optimum, learned });
    }
}

pub(super) fn haijema_minner(options: &Options, print: &mut impl FnMut(Line)) {
    for Known { id, environment, optimum } in options.rows(known::perishable_haijema_minner()) {
        let order = |level: Units| {
            let problem = &environment;
            move |state: &PerishableState| (level - state.inventory_position()).clamp(0, problem.max_order(state))
        };
        let wanted = environment.demand().joint().iter();
        let mean: f64 = wanted.map(|(demand, probability)| (demand.fifo + demand.lifo) as f64 * probability).sum();
        let thumb = (mean * (environment.lead_time() as f64 + 1.5) + 1e-6) as Units;
        // The cap on an order is that on the position.
        let most = environment.max_order(&environment.initial_state());
        let learned = iterate(options, &environment, &options.iteration, |seed| {
            let cost = |level| simulated_cost(&environment, &order(level), N_PERIODS_SEARCH, seed);
            Box::new(order(line_search(thumb, 1..=most, 2, cost).0))
        });
        print(Line { id, optimum, learned });
    }
}
