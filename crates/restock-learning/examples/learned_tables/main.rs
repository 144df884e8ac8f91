//! The published tables beside learned policies: exact optimum, exact cost of the policy of each seed, CPU seconds.
//!
//! `cargo run --release -p restock-learning --example learned_tables -- FAMILY [OPTIONS]`
//!
//! - `FAMILY`: lost_sales, lost_sales_cyclic, dual_sourcing, perishable_de_moor, perishable_haijema_minner, random_yield
//! - `--rows TEXT`: only rows whose name has TEXT in it
//! - `--seeds N`: so many seeds, 3 by default
//! - `--steps N`, `--lanes N`, `--periods N`, `--head N`, `--tail N`, `--rate R`: of the training
//!
//! A gap is the cost of the policy in whole units, evaluated exactly, over the exact optimum; seconds are those of the
//! training of one policy on all cores, optimum and evaluation apart.

#![allow(clippy::print_stdout)]

use std::hash::Hash;

use restock_core::environment::{Environment, FiniteEnvironment};
use restock_inventory::exact::{PolicyChain, Settings};
use restock_learning::pathwise::{PathwiseSettings, Training};
use restock_learning::policy::NetworkPolicy;
use restock_learning::relaxed::Relaxed;

mod dual_sourcing;
mod lost_sales;
mod perishable;
mod random_yield;

/// What the command line says.
struct Options {
    family: String,
    rows: String,
    n_seeds: u64,
    settings: PathwiseSettings,
}

fn options() -> Options {
    let mut arguments = std::env::args().skip(1);
    let family = arguments.next().expect("a family");
    let mut options = Options { family, rows: String::new(), n_seeds: 3, settings: PathwiseSettings::default() };
    while let Some(name) = arguments.next() {
        let value = arguments.next().unwrap_or_else(|| panic!("{name} needs a value"));
        let number = || value.parse::<f64>().unwrap_or_else(|_| panic!("{name} is {value}, not a number"));
        let settings = &mut options.settings;
        match name.as_str() {
            "--rows" => options.rows = value,
            "--seeds" => options.n_seeds = number() as u64,
            "--steps" => settings.schedule.n_steps = number() as u64,
            "--lanes" => settings.n_lanes = number() as usize,
            "--periods" => settings.n_periods = number() as usize,
            "--head" => settings.n_head = number() as usize,
            "--tail" => settings.n_tail = number() as usize,
            "--rate" => settings.schedule.learning_rate = number(),
            "--final" => settings.schedule.final_share = number(),
            other => panic!("option {other}"),
        }
    }
    options
}

/// One line of a table.
struct Line {
    id: String,
    /// As in the table, recomputed exactly there.
    optimum: f64,
    /// `[n_seeds]`: cost and CPU seconds.
    learned: Vec<(f64, f64)>,
}

fn main() {
    let options = options();
    println!("{:<24} {:>11} {:>11} {:>9} {:>9} {:>7}", "row", "optimum", "learned", "gap %", "worst %", "CPU s");
    let mut gaps = Vec::new();
    let mut print = |line: Line| {
        let of_seeds: Vec<f64> = line.learned.iter().map(|(cost, _)| 100.0 * (cost / line.optimum - 1.0)).collect();
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let (cost, seconds): (Vec<f64>, Vec<f64>) = line.learned.iter().copied().unzip();
        let worst = of_seeds.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        println!(
            "{:<24} {:>11.4} {:>11.4} {:>9.4} {:>9.4} {:>7.1}",
            line.id,
            line.optimum,
            mean(&cost),
            mean(&of_seeds),
            worst,
            mean(&seconds)
        );
        gaps.push((mean(&of_seeds), worst, mean(&seconds)));
    };
    match options.family.as_str() {
        "lost_sales" => lost_sales::zipkin(&options, &mut print),
        "lost_sales_cyclic" => lost_sales::cyclic(&options, &mut print),
        "dual_sourcing" => dual_sourcing::table(&options, &mut print),
        "perishable_de_moor" => perishable::de_moor(&options, &mut print),
        "perishable_haijema_minner" => perishable::haijema_minner(&options, &mut print),
        "random_yield" => random_yield::table(&options, &mut print),
        other => panic!("family {other}"),
    }
    let n = gaps.len() as f64;
    let mean = gaps.iter().map(|gap| gap.0).sum::<f64>() / n;
    let worst_mean = gaps.iter().map(|gap| gap.0).fold(f64::NEG_INFINITY, f64::max);
    let worst = gaps.iter().map(|gap| gap.1).fold(f64::NEG_INFINITY, f64::max);
    let seconds = gaps.iter().map(|gap| gap.2).sum::<f64>() / n;
    println!(
        "{n} rows: mean gap {mean:.4} %, worst row {worst_mean:.4} %, worst seed {worst:.4} %, {seconds:.1} CPU s"
    );
}

/// Cost and CPU seconds of the policy of each seed.
fn learn<R: Relaxed>(
    options: &Options,
    relaxed: &R,
    settings: &PathwiseSettings,
    cost: impl Fn(&NetworkPolicy) -> f64,
) -> Vec<(f64, f64)> {
    let of_seed = |seed: u64| {
        let begin = cpu_seconds();
        let mut training = Training::new(relaxed, PathwiseSettings { seed, ..settings.clone() });
        training.run(relaxed, settings.schedule.n_steps, |_| {});
        let policy = training.policy(relaxed);
        let seconds = cpu_seconds() - begin;
        (cost(&policy), seconds)
    };
    (1..=options.n_seeds).map(of_seed).collect()
}

/// The exact average cost of a policy from the initial state.
fn average_cost<R: Relaxed>(relaxed: &R, policy: &NetworkPolicy) -> f64
where
    R::Plain: FiniteEnvironment,
    <R::Plain as Environment>::State: Eq + Hash,
{
    let chain = PolicyChain::new(relaxed.plain(), |state| policy.action(relaxed, state));
    let evaluation = chain.average_cost(&Settings::default());
    assert!(evaluation.converged, "{:?}", evaluation.bounds);
    evaluation.average_cost.expect("an average cost")
}

/// CPU seconds of this process so far.
fn cpu_seconds() -> f64 {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let after_name = stat.rsplit(')').next().expect("a name in brackets");
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    // User and system time are the 14th and 15th field; the first two are before the bracket.
    let ticks: f64 = fields[11..=12].iter().map(|field| field.parse::<f64>().expect("ticks")).sum();
    ticks / TICKS_PER_SECOND
}

/// The rows of a table of `restock-inventory` that are asked for.
fn rows<R: serde::de::DeserializeOwned>(table: &str, options: &Options, id: impl Fn(&R) -> &str) -> Vec<R> {
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let rows = reader.deserialize().map(|row| row.expect("a row of a table of ours"));
    rows.filter(|row| id(row).contains(&options.rows)).collect()
}
