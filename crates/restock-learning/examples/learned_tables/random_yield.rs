//! Random yield with backorders, the setting of Henig & Gerchak (1990).

use restock_core::Units;
use restock_inventory::discrete_demand::DiscreteDemand;
use restock_inventory::environments::{RandomYield, Yield};
use restock_learning::Observed;
use restock_learning::pathwise::PathwiseSettings;
use restock_learning::relaxed::{Relaxed, RelaxedRandomYield};
use serde::Deserialize;

use super::{Line, Options, average_cost, iterate, learn, rows};

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

impl Row {
    fn problem(&self) -> RandomYield {
        let rate = |text: &str| text.parse().expect("a yield rate");
        let good = if let Some(text) = self.yield_model.strip_prefix("binomial") {
            Yield::Binomial(rate(text))
        } else if let Some(text) = self.yield_model.strip_prefix("allornothing") {
            Yield::AllOrNothing(rate(text))
        } else {
            Yield::Uniform
        };
        let demand = match self.demand.as_str() {
            "poisson" => DiscreteDemand::poisson(self.mean, 60),
            _ => DiscreteDemand::negative_binomial(self.mean, self.var, 120),
        };
        // Net inventories far from any that an optimum visits.
        RandomYield::new(self.h, self.b, demand, good, self.max_order, -150..=90)
    }
}

const TABLE: &str = include_str!("../../../restock-inventory/src/published/random_yield.csv");

/// By networks.
pub(super) fn table(options: &Options, print: &mut impl FnMut(Line)) {
    for row in rows(TABLE, options, |row: &Row| &row.id) {
        // A good policy orders twice what is short, so that what one order brings too much the next brings too little:
        // slopes grow from period to period, and long paths drown in their noise.
        let settings =
            PathwiseSettings { n_periods: 12, n_lanes: 4 * options.settings.n_lanes, ..options.settings.clone() };
        let relaxed = RelaxedRandomYield::new(row.problem());
        let learned = learn(options, &relaxed, &settings, |policy| average_cost(relaxed.plain(), policy));
        print(Line { id: row.id, optimum: row.opt_cost, learned });
    }
}

/// From the newsvendor level, orders divided by the mean yield.
pub(super) fn iterated(options: &Options, print: &mut impl FnMut(Line)) {
    for row in rows(TABLE, options, |row: &Row| &row.id) {
        let problem = row.problem();
        let learned = iterate(options, &problem, &options.iteration, |_| {
            Box::new(|net_inventory: &Units| problem.action(problem.heuristic(net_inventory)))
        });
        print(Line { id: row.id, optimum: row.opt_cost, learned });
    }
}
