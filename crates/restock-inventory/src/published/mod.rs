//! Published benchmark problems with their costs, and how to reproduce them.
//!
//! Each file holds one family: the rows as published, the environment they describe, and what computes each number.
//! `restock bench` prints them and the tests hold them to their tolerances, so what a user sees is what is tested.

use std::time::{Duration, Instant};

mod dual_sourcing;
mod gym_invmgmt;
mod joint_replenishment_trucks;
pub mod known;
mod lost_sales;
mod lost_sales_cyclic_demand;
mod lost_sales_fixed_cost;
mod lost_sales_generalist_gclsn;
mod lost_sales_zipkin;
mod moq_backlog;
mod owmr_two_retailers;
mod perishable_de_moor;
mod perishable_haijema_minner;
mod perishable_hendrix_one_product;
mod provenance;
mod random_lead_times_crossover;
mod random_yield;
mod serial_clark_scarf;
mod ss_zheng_federgruen;
mod stochastic_lead_time_gclsn;
mod textbook_single_stage;

pub use known::Known;
pub use provenance::Origin;

/// A published number and ours.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// What the number is, such as "optimal cost" or "capped base-stock cost".
    pub quantity: &'static str,
    /// The published value.
    pub published: f64,
    /// The value computed here.
    pub ours: f64,
    /// Largest difference that the published digits, or the published method, allow.
    pub tolerance: f64,
}

impl Comparison {
    /// Whether ours is the published number, as far as its digits and method allow.
    pub fn holds(&self) -> bool {
        (self.ours - self.published).abs() <= self.tolerance
    }

    /// Ours against the published value, as a share of it; negative where ours is smaller, `None` where it is 0.
    pub fn gap(&self) -> Option<f64> {
        // Below its tolerance a published value is 0 as far as it is known.
        let known = self.published != 0.0 && self.published.abs() > self.tolerance;
        known.then(|| (self.ours - self.published) / self.published.abs())
    }
}

/// One problem of a suite.
pub struct Case {
    /// The row's name, stable.
    pub id: String,
    /// Whether it takes more than a few seconds on one core; tests run it on request only.
    pub large: bool,
    /// Where the row comes from.
    pub citation: String,
    run: Box<dyn Fn() -> Vec<Comparison> + Send + Sync>,
}

impl Case {
    /// A problem and what computes its published numbers.
    pub fn new(id: impl Into<String>, large: bool, run: impl Fn() -> Vec<Comparison> + Send + Sync + 'static) -> Self {
        Self { id: id.into(), large, citation: String::new(), run: Box::new(run) }
    }

    /// Computes the numbers, with the wall time it took.
    pub fn run(&self) -> (Vec<Comparison>, Duration) {
        let begin = Instant::now();
        let comparisons = (self.run)();
        (comparisons, begin.elapsed())
    }
}

/// The problems of one publication.
pub struct Suite {
    /// Name for the command line.
    pub name: &'static str,
    /// What the problems are.
    pub title: &'static str,
    /// Where problems and numbers come from.
    pub citation: &'static str,
    /// The problems.
    pub cases: Vec<Case>,
}

impl Suite {
    /// Whether the number beside ours is published or recomputed from published parameters.
    pub fn origin(&self, comparison: &Comparison) -> Origin {
        provenance::origin(self.name, comparison.quantity)
    }

    /// Why a comparison allows the difference that it allows.
    pub fn tolerance_reason(&self, comparison: &Comparison) -> &'static str {
        provenance::tolerance_reason(self.name, comparison)
    }

    /// Whether a comparison allows more than the printed digits do.
    pub fn allows_more_than_digits(&self, comparison: &Comparison) -> bool {
        !provenance::is_of_digits(self.tolerance_reason(comparison))
    }

    /// Gives each case the source of its row; a row may be the start of several cases' names.
    fn cited(mut self, table: &str) -> Self {
        let sources: Vec<Source> = rows(table);
        for case in &mut self.cases {
            let row = sources.iter().filter(|row| case.id.starts_with(&row.id)).max_by_key(|row| row.id.len());
            case.citation = row.expect("a row for each case").source.clone();
        }
        self
    }
}

/// What a row says about where it comes from.
#[derive(serde::Deserialize)]
struct Source {
    id: String,
    source: String,
}

/// All suites, in the order of their names.
pub fn suites() -> Vec<Suite> {
    vec![
        dual_sourcing::suite().cited(include_str!("dual_sourcing.csv")),
        gym_invmgmt::suite().cited(include_str!("gym_invmgmt_profit.csv")),
        joint_replenishment_trucks::suite().cited(include_str!("joint_replenishment_trucks.csv")),
        lost_sales_cyclic_demand::suite().cited(include_str!("lost_sales_cyclic_demand.csv")),
        lost_sales_fixed_cost::suite().cited(include_str!("lost_sales_fixed_cost.csv")),
        lost_sales_generalist_gclsn::suite().cited(include_str!("lost_sales_generalist_gclsn.csv")),
        lost_sales_zipkin::suite().cited(include_str!("lost_sales_zipkin.csv")),
        moq_backlog::suite().cited(include_str!("moq_backlog.csv")),
        owmr_two_retailers::suite().cited(include_str!("owmr_two_retailers.csv")),
        perishable_de_moor::suite().cited(include_str!("perishable_de_moor.csv")),
        perishable_haijema_minner::suite().cited(include_str!("perishable_haijema_minner.csv")),
        perishable_hendrix_one_product::suite().cited(include_str!("perishable_hendrix_one_product.csv")),
        random_lead_times_crossover::suite().cited(include_str!("random_lead_times_crossover.csv")),
        random_yield::suite().cited(include_str!("random_yield.csv")),
        serial_clark_scarf::suite().cited(include_str!("serial_clark_scarf.csv")),
        ss_zheng_federgruen::suite().cited(include_str!("ss_zheng_federgruen.csv")),
        stochastic_lead_time_gclsn::crossover().cited(include_str!("stochastic_lead_time_crossover_gclsn.csv")),
        stochastic_lead_time_gclsn::sequential().cited(include_str!("stochastic_lead_time_sequential_gclsn.csv")),
        textbook_single_stage::suite().cited(include_str!("textbook_single_stage.csv")),
    ]
}

/// The rows of a table that is part of this crate.
///
/// # Panics
/// When the table does not fit the row type, a mistake of ours.
fn rows<R: serde::de::DeserializeOwned>(table: &str) -> Vec<R> {
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    reader.deserialize().map(|row| row.expect("a row of a table of ours")).collect()
}
