//! Perishable items: De Moor, Gijsbrechts & Boute (2022), discounted cost after a burn-in, by networks, and Haijema & Minner
//! (2019), average cost, from the best base-stock.

use restock_core::Units;
use restock_inventory::discrete_demand::DiscreteDemand;
use restock_inventory::environments::perishable::{HoldingCharge, IssuingLaw, PerishableCosts};
use restock_inventory::environments::{Perishable, PerishableState};
use restock_inventory::exact::PolicyChain;
use restock_inventory::heuristics::line_search;
use restock_inventory::two_moment_fit::TwoMomentFit;
use restock_learning::policy_iteration::simulated_cost;
use restock_learning::relaxed::{Relaxed, RelaxedPerishable};
use serde::Deserialize;

use super::{Line, N_PERIODS_SEARCH, Options, iterate, learn, rows};

/// Periods played before costs count.
const BURN_IN: usize = 100;

#[derive(Deserialize)]
struct DeMoor {
    id: String,
    shelf_life: usize,
    #[serde(rename = "L")]
    lead_time: usize,
    issuing: String,
    c_order: f64,
    c_short: f64,
    c_waste: f64,
    c_hold: f64,
    max_order: i64,
    gamma: f64,
    horizon: usize,
    opt_disc_cost_burnin100: f64,
}

pub(super) fn de_moor(options: &Options, print: &mut impl FnMut(Line)) {
    let table = include_str!("../../../restock-inventory/src/published/perishable_de_moor.csv");
    for row in rows(table, options, |row: &DeMoor| &row.id) {
        let costs = PerishableCosts {
            unit_cost: row.c_order,
            price: 0.0,
            holding_cost: row.c_hold,
            stockout_cost: row.c_short,
            waste_cost: row.c_waste,
        };
        let demand = DiscreteDemand::rounded_gamma(4.0, 0.5, 100);
        let law = if row.issuing == "fifo" { IssuingLaw::fifo(&demand) } else { IssuingLaw::lifo(&demand) };
        let max_position = row.max_order * (row.shelf_life + row.lead_time) as i64;
        let charge = HoldingCharge::AfterExpiry;
        let problem = Perishable::new(row.shelf_life, row.lead_time, costs, law, charge, row.max_order, max_position);
        let relaxed = RelaxedPerishable::new(problem);
        let learned = learn(options, &relaxed, &options.settings, |policy| {
            let chain = PolicyChain::new(relaxed.plain(), policy);
            let costs = chain.expected_costs(BURN_IN + row.horizon);
            costs[BURN_IN..].iter().rev().fold(0.0, |later, cost| cost + row.gamma * later)
        });
        print(Line { id: row.id, optimum: row.opt_disc_cost_burnin100, learned });
    }
}

#[derive(Deserialize)]
struct HaijemaMinner {
    id: String,
    shelf_life: usize,
    #[serde(rename = "L")]
    lead_time: usize,
    mean: f64,
    cvr: f64,
    fifo_fraction: f64,
    c_waste: f64,
    c_short: f64,
    c_hold: f64,
    opt_cost: Option<f64>,
}

impl HaijemaMinner {
    /// The demand of a share of the customers, its tail cut where it adds up to 1e-12.
    fn demand(&self, share: f64) -> DiscreteDemand {
        if share == 0.0 {
            return DiscreteDemand::constant(0);
        }
        let mean = self.mean * share;
        let law = TwoMomentFit::new(mean, self.cvr * mean.sqrt()).expect("moments that can be fitted").demand();
        let mut probabilities = law.probabilities().to_vec();
        let mut tail = 0.0;
        while tail + probabilities.last().expect("a law") < 1e-12 {
            tail += probabilities.pop().expect("a law");
        }
        DiscreteDemand::new(probabilities)
    }
}

pub(super) fn haijema_minner(options: &Options, print: &mut impl FnMut(Line)) {
    let table = include_str!("../../../restock-inventory/src/published/perishable_haijema_minner.csv");
    for row in rows(table, options, |row: &HaijemaMinner| &row.id) {
        let Some(optimum) = row.opt_cost else { continue };
        let costs = PerishableCosts {
            holding_cost: row.c_hold,
            stockout_cost: row.c_short,
            waste_cost: row.c_waste,
            ..PerishableCosts::default()
        };
        let (fifo, lifo) = (row.demand(row.fifo_fraction), row.demand(1.0 - row.fifo_fraction));
        let laws = std::iter::repeat_n([&fifo, &lifo], row.lead_time + row.shelf_life + 1).flatten();
        let max_position = DiscreteDemand::sum(laws).quantile(row.c_short / (row.c_short + row.c_waste));
        let law = IssuingLaw::independent(&fifo, &lifo);
        let charge = HoldingCharge::BeforeExpiry;
        let problem = Perishable::new(row.shelf_life, row.lead_time, costs, law, charge, max_position, max_position);
        let order = |level: Units| {
            let problem = &problem;
            move |state: &PerishableState| (level - state.inventory_position()).clamp(0, problem.max_order(state))
        };
        let thumb = (row.mean * (row.lead_time as f64 + 1.5)) as Units;
        let learned = iterate(options, &problem, &options.iteration, |seed| {
            let cost = |level| simulated_cost(&problem, &order(level), N_PERIODS_SEARCH, seed);
            Box::new(order(line_search(thumb, 1..=max_position, 2, cost).0))
        });
        print(Line { id: row.id, optimum, learned });
    }
}
