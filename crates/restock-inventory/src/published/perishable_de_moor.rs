//! Perishable item with discounted cost: De Moor, Gijsbrechts & Boute (2022), *European Journal of Operational Research*
//! 301(2), as scenario A of Farrington et al. (2025).

use restock_core::Units;
use serde::Deserialize;

use super::{Case, Comparison, Known, Suite, rows};
use crate::discrete_demand::DiscreteDemand;
use crate::environments::perishable::{HoldingCharge, IssuingLaw, Perishable, PerishableCosts, PerishableState};
use crate::exact::{Criterion, PolicyChain, Settings, solve};
use crate::heuristics::{CappedBaseStock, line_search};

/// Periods played before costs count, so that episodes do not depend on the empty start.
const BURN_IN: usize = 100;

/// Expected discounted cost of some periods after a burn-in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DiscountedCost {
    /// What a cost one period later counts.
    pub discount_factor: f64,
    /// Periods that count.
    pub n_periods: usize,
    /// Periods before them.
    pub burn_in: usize,
}

impl DiscountedCost {
    /// The cost of a policy, currency.
    pub fn of(&self, chain: &PolicyChain<PerishableState>) -> f64 {
        let costs = chain.expected_costs(self.burn_in + self.n_periods);
        costs[self.burn_in..].iter().rev().fold(0.0, |later, cost| cost + self.discount_factor * later)
    }
}

#[derive(Clone, Debug, Deserialize)]
struct Row {
    id: String,
    shelf_life: usize,
    #[serde(rename = "L")]
    lead_time: usize,
    issuing: String,
    c_order: f64,
    c_short: f64,
    c_waste: f64,
    c_hold: f64,
    max_order: Units,
    gamma: f64,
    horizon: usize,
    opt_disc_cost_burnin100: f64,
    opt_disc_cost_from_empty: f64,
    #[serde(rename = "best_base_stock_S")]
    base_stock_level: Units,
    best_base_stock_disc_cost_burnin100: f64,
}

impl Row {
    fn problem(&self) -> Perishable {
        let costs = PerishableCosts {
            unit_cost: self.c_order,
            price: 0.0,
            holding_cost: self.c_hold,
            stockout_cost: self.c_short,
            waste_cost: self.c_waste,
        };
        let demand = DiscreteDemand::rounded_gamma(4.0, 0.5, 100);
        let law = match self.issuing.as_str() {
            "fifo" => IssuingLaw::fifo(&demand),
            "lifo" => IssuingLaw::lifo(&demand),
            other => panic!("issuing {other}"),
        };
        let charge = HoldingCharge::AfterExpiry;
        // The position is not capped: it never exceeds what as many largest orders as are alive add up to.
        let max_position = self.max_order * (self.shelf_life + self.lead_time) as Units;
        Perishable::new(self.shelf_life, self.lead_time, costs, law, charge, self.max_order, max_position)
    }

    fn cost(&self, burn_in: usize) -> DiscountedCost {
        DiscountedCost { discount_factor: self.gamma, n_periods: self.horizon, burn_in }
    }

    fn discounted(&self, chain: &PolicyChain<PerishableState>, burn_in: usize) -> f64 {
        self.cost(burn_in).of(chain)
    }

    fn base_stock_cost(&self, problem: &Perishable, level: Units) -> f64 {
        let policy = CappedBaseStock { base_stock_level: level, max_order: self.max_order };
        let chain = PolicyChain::new(problem, |state| policy.order_quantity(state.inventory_position()));
        self.discounted(&chain, BURN_IN)
    }

    fn compare(&self) -> Vec<Comparison> {
        let problem = self.problem();
        let criterion = Criterion::Discounted { discount_factor: self.gamma };
        let solution = solve(&problem, criterion, &Settings { tolerance: 1e-5, ..Settings::default() });
        let chain = PolicyChain::new(&problem, |state| solution.action(&problem, state));
        let level = self.base_stock_level;
        let (best_level, _) = line_search(level, 0..=10 * level, 2, |level| self.base_stock_cost(&problem, level));
        // Four decimals are printed.
        let digits = 0.5e-4 + 1e-6;
        vec![
            Comparison {
                quantity: "optimal cost",
                published: self.opt_disc_cost_burnin100,
                ours: self.discounted(&chain, BURN_IN),
                tolerance: 1e-4,
            },
            Comparison {
                quantity: "optimal cost from an empty shelf",
                published: self.opt_disc_cost_from_empty,
                ours: self.discounted(&chain, 0),
                tolerance: 1e-4,
            },
            Comparison {
                quantity: "base-stock cost",
                published: self.best_base_stock_disc_cost_burnin100,
                ours: self.base_stock_cost(&problem, level),
                tolerance: digits,
            },
            Comparison {
                quantity: "best base-stock level",
                published: level as f64,
                ours: best_level as f64,
                tolerance: 0.0,
            },
        ]
    }
}

/// Perishables with the cost that is their optimum.
pub fn known() -> Vec<(Known<Perishable>, DiscountedCost)> {
    let rows: Vec<Row> = rows(include_str!("perishable_de_moor.csv"));
    let known = |row: Row| {
        let cost = row.cost(BURN_IN);
        (Known { environment: row.problem(), optimum: row.opt_disc_cost_burnin100, id: row.id }, cost)
    };
    rows.into_iter().map(known).collect()
}

pub(super) fn suite() -> Suite {
    let rows: Vec<Row> = rows(include_str!("perishable_de_moor.csv"));
    Suite {
        name: "perishable_de_moor",
        title: "perishable item, FIFO or LIFO, discounted cost of 365 days after 100 days of burn-in",
        citation: "De Moor, Gijsbrechts & Boute (2022), European Journal of Operational Research 301(2); Farrington et al. \
                   (2025), scenario A; exact costs recomputed by value iteration",
        cases: rows
            .into_iter()
            .map(|row| {
                let large = row.shelf_life + row.lead_time > 4;
                Case::new(row.id.clone(), large, move || row.compare())
            })
            .collect(),
    }
}
