//! Random yield with backorders, the setting of Henig & Gerchak (1990).

use restock_inventory::discrete_demand::DiscreteDemand;
use restock_inventory::environments::{RandomYield, Yield};
use restock_learning::pathwise::PathwiseSettings;
use restock_learning::relaxed::{Relaxed, RelaxedRandomYield};
use serde::Deserialize;

use super::{Line, Options, average_cost, learn, rows};

#[derive(Deserialize)]
struct Row {
    id: String,
    demand: String,
    mean: f64,
    var: f64,
    h: f64,
    b: f64,
    yield_model: String,
    max_order: i64,
    opt_cost: f64,
}

pub(super) fn table(options: &Options, print: &mut impl FnMut(Line)) {
    let table = include_str!("../../../restock-inventory/src/published/random_yield.csv");
    for row in rows(table, options, |row: &Row| &row.id) {
        let rate = |text: &str| text.parse().expect("a yield rate");
        let good = if let Some(text) = row.yield_model.strip_prefix("binomial") {
            Yield::Binomial(rate(text))
        } else if let Some(text) = row.yield_model.strip_prefix("allornothing") {
            Yield::AllOrNothing(rate(text))
        } else {
            Yield::Uniform
        };
        let demand = match row.demand.as_str() {
            "poisson" => DiscreteDemand::poisson(row.mean, 60),
            _ => DiscreteDemand::negative_binomial(row.mean, row.var, 120),
        };
        // A good policy orders twice what is short, so that what one order brings too much the next brings too little:
        // slopes grow from period to period, and long paths drown in their noise.
        let settings =
            PathwiseSettings { n_periods: 12, n_lanes: 4 * options.settings.n_lanes, ..options.settings.clone() };
        // Net inventories far from any that an optimum visits.
        let relaxed = RelaxedRandomYield::new(RandomYield::new(row.h, row.b, demand, good, row.max_order, -150..=90));
        let learned = learn(options, &relaxed, &settings, |policy| average_cost(relaxed.plain(), policy));
        print(Line { id: row.id, optimum: row.opt_cost, learned });
    }
}
