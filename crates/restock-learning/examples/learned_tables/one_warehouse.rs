//! One warehouse and two retailers with lost sales.

use restock_inventory::environments::OneWarehouseState;
use restock_inventory::published::{Known, known};
use restock_learning::Observed;
use restock_learning::relaxed::RelaxedOneWarehouse;

use super::{Line, Options, iterate, learn_average};

/// By networks.
pub(super) fn table(options: &Options, print: &mut impl FnMut(Line)) {
    for Known { id, environment, optimum } in options.rows(known::owmr_two_retailers()) {
        let learned = learn_average(options, &RelaxedOneWarehouse::new(environment), &options.settings);
        print(Line { id, optimum, learned });
    }
}

/// From echelon base-stock at newsvendor levels.
pub(super) fn iterated(options: &Options, print: &mut impl FnMut(Line)) {
    for Known { id, environment, optimum } in options.rows(known::owmr_two_retailers()) {
        let learned = iterate(options, &environment, &options.iteration, |_| {
            Box::new(|state: &OneWarehouseState| environment.action(environment.heuristic(state)))
        });
        print(Line { id, optimum, learned });
    }
}
