//! Published benchmark problems with their costs, and how to reproduce them.
//!
//! Each file holds one family: the rows as published, the environment they describe, and what computes each number.
//! `restock bench` prints them and the tests hold them to their tolerances, so what a user sees is what is tested.

use std::time::{Duration, Instant};

mod dual_sourcing;
mod gym_invmgmt;
mod joint_replenishment_trucks;
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
mod random_lead_times_crossover;
mod random_yield;
mod serial_clark_scarf;
mod ss_zheng_federgruen;
mod stochastic_lead_time_gclsn;
mod textbook_single_stage;

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

    /// Ours against the published value, as a share of it; negative where ours is smaller.
    pub fn gap(&self) -> f64 {
        (self.ours - self.published) / self.published.abs().max(f64::MIN_POSITIVE)
    }
}

/// One problem of a suite.
pub struct Case {
    /// The row's name, stable.
    pub id: String,
    /// Whether it takes more than a few seconds on one core; tests run it on request only.
    pub large: bool,
    run: Box<dyn Fn() -> Vec<Comparison> + Send + Sync>,
}

impl Case {
    /// A problem and what computes its published numbers.
    pub fn new(id: impl Into<String>, large: bool, run: impl Fn() -> Vec<Comparison> + Send + Sync + 'static) -> Self {
        Self { id: id.into(), large, run: Box::new(run) }
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

/// All suites, in the order of their names.
pub fn suites() -> Vec<Suite> {
    vec![
        dual_sourcing::suite(),
        gym_invmgmt::suite(),
        joint_replenishment_trucks::suite(),
        lost_sales_cyclic_demand::suite(),
        lost_sales_fixed_cost::suite(),
        lost_sales_generalist_gclsn::suite(),
        lost_sales_zipkin::suite(),
        moq_backlog::suite(),
        owmr_two_retailers::suite(),
        perishable_de_moor::suite(),
        perishable_haijema_minner::suite(),
        perishable_hendrix_one_product::suite(),
        random_lead_times_crossover::suite(),
        random_yield::suite(),
        serial_clark_scarf::suite(),
        ss_zheng_federgruen::suite(),
        stochastic_lead_time_gclsn::crossover(),
        stochastic_lead_time_gclsn::sequential(),
        textbook_single_stage::suite(),
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
