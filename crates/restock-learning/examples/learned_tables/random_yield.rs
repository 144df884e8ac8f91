//! Random yield with backorders, the setting of Henig & Gerchak (1990).

use restock_core::Units;
use restock_inventory::published::{Known, known};
use restock_learning::Observed;
use restock_learning::pathwise::PathwiseSettings;
use restock_learning::relaxed::RelaxedRandomYield;

use super::{Line, Options, iterate, learn_average};

/// By networks.
pub(super) fn table(options: &Options, print: &mut impl FnMut(Line)) {
    for Known { id, environment, optimum } in options.rows(known::random_yield()) {
        // A good policy orders twice what is short, so that what one order brings too much the next brings too little:
        // slopes grow from period to period, and long paths drown in their noise.
        let settings =
            PathwiseSettings { n_periods: 12, n_lanes: 4 * options.settings.n_lanes, ..options.settings.clone() };
        let learned = learn_average(options, &RelaxedRandomYield::new(environment), &settings);
        print(Line { id, optimum, learned });
    }
}

/// From the newsvendor level, orders divided by the mean yield.
pub(super) fn iterated(options: &Options, print: &mut impl FnMut(Line)) {
    for Known { id, environment, optimum } in options.rows(known::random_yield()) {
        let learned = iterate(options, &environment, &options.iteration, |_| {
            Box::new(|net_inventory: &Units| environment.action(environment.heuristic(net_inventory)))
        });
        print(Line { id, optimum, learned });
    }
}
