//! Two items that share trucks, in the style of Vanvuchelen, Gijsbrechts & Boute (2020), from full trucks up to newsvendor
//! levels.

use restock_core::Units;
use restock_inventory::published::{Known, known};
use restock_learning::Observed;

use super::{Line, Options, iterate};

pub(super) fn table(options: &Options, print: &mut impl FnMut(Line)) {
    for Known { id, environment, optimum } in options.rows(known::joint_replenishment_trucks()) {
        let learned = iterate(options, &environment, &options.iteration, |_| {
            Box::new(|state: &[Units; 2]| environment.action(environment.heuristic(state)))
        });
        print(Line { id, optimum, learned });
    }
}
