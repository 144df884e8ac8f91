//! Dual sourcing with backorders: the instances of Böttcher, Asikis & Fragkos (2023).

use restock_inventory::published::{Known, known};
use restock_learning::relaxed::RelaxedDualSourcing;

use super::{Line, Options, learn_average};

pub(super) fn table(options: &Options, print: &mut impl FnMut(Line)) {
    for Known { id, environment, optimum } in options.rows(known::dual_sourcing()) {
        let learned = learn_average(options, &RelaxedDualSourcing::new(environment), &options.settings);
        print(Line { id, optimum, learned });
    }
}
