//! The published tables beside learned policies: exact optimum, exact cost of the policy of each seed, CPU seconds.
//!
//! `cargo run --release -p restock-learning --example learned_tables -- FAMILY [OPTIONS]`
//!
//! - `FAMILY`, where networks are trained and rollouts improve them: lost_sales, lost_sales_cyclic, dual_sourcing,
//!   one_warehouse, perishable_de_moor, random_yield
//! - `FAMILY`, where policy iteration starts from a simple policy: perishable_haijema_minner, fixed_cost,
//!   fixed_cost_backorders, minimum_order, trucks, lead_times, one_warehouse_iterated, random_yield_iterated
//! - `--rows TEXT`: only rows whose name has TEXT in it
//! - `--seeds N`: so many seeds, 3 by default
//! - `--steps N`, `--lanes N`, `--periods N`, `--head N`, `--tail N`, `--rate R`: of the training
//! - `--generations N`, `--states N`, `--scenarios N`, `--depth N`, `--errors X`: of the rollouts
//! - `--evaluation N`: periods in each of 256 lanes by which policy iteration compares policies
//!
//! A gap is the exact cost of a policy in whole units over the exact optimum, the mean of the seeds and the worst; CPU
//! seconds are those of one seed, on all cores together: of the start, which is a trained network or the best simple
//! policy, and of the rollouts on top of it.

#![allow(clippy::print_stdout)]

use std::hash::Hash;

use restock_core::environment::{Environment, FiniteEnvironment};
use restock_inventory::exact::{PolicyChain, Settings};
use restock_inventory::published::Known;
use restock_learning::pathwise::{PathwiseSettings, Training};
use restock_learning::policy_iteration::{IteratedPolicy, IterationSettings};
use restock_learning::relaxed::Relaxed;
use restock_learning::rollout::{ImprovedPolicy, RolloutSettings};

mod backorders;
mod dual_sourcing;
mod fixed_cost;
mod lead_times;
mod lost_sales;
mod one_warehouse;
mod perishable;
mod random_yield;
#[path = "../shared/mod.rs"]
mod shared;
mod trucks;

use shared::cpu_seconds;

/// Periods in each of 256 lanes by which the parameters of a simple policy are compared.
const N_PERIODS_SEARCH: u64 = 1_000;

/// What the command line says.
#[derive(Clone)]
struct Options {
    family: String,
    rows: String,
    n_seeds: u64,
    settings: PathwiseSettings,
    rollout: RolloutSettings,
    iteration: IterationSettings,
}

impl Options {
    /// The rows that are asked for.
    fn rows<E>(&self, known: Vec<Known<E>>) -> Vec<Known<E>> {
        known.into_iter().filter(|row| row.id.contains(&self.rows)).collect()
    }
}

fn options() -> Options {
    let mut arguments = std::env::args().skip(1);
    let family = arguments.next().expect("a family");
    let mut options = Options {
        family,
        rows: String::new(),
        n_seeds: 3,
        settings: PathwiseSettings::default(),
        rollout: RolloutSettings::default(),
        iteration: IterationSettings::default(),
    };
    while let Some(name) = arguments.next() {
        let value = arguments.next().unwrap_or_else(|| panic!("{name} needs a value"));
        let number = || value.parse::<f64>().unwrap_or_else(|_| panic!("{name} is {value}, not a number"));
        let (settings, rollout, iteration) = (&mut options.settings, &mut options.rollout, &mut options.iteration);
        match name.as_str() {
            "--rows" => options.rows = value,
            "--seeds" => options.n_seeds = number() as u64,
            "--steps" => settings.schedule.n_steps = number() as u64,
            "--lanes" => settings.n_lanes = number() as usize,
            "--periods" => settings.n_periods = number() as usize,
            "--evaluation" => iteration.n_periods = number() as u64,
            "--head" => settings.n_head = number() as usize,
            "--tail" => settings.n_tail = number() as usize,
            "--rate" => settings.schedule.learning_rate = number(),
            "--final" => settings.schedule.final_share = number(),
            "--generations" => {
                (rollout.n_generations, iteration.n_generations) = (number() as usize, number() as u64);
            }
            "--states" => (rollout.n_states, iteration.n_states) = (number() as usize, number() as usize),
            "--scenarios" => (rollout.n_scenarios, iteration.n_scenarios) = (number() as usize, number() as u64),
            "--depth" => (rollout.depth, iteration.depth) = (number() as usize, number() as u64),
            "--errors" => rollout.n_standard_errors = number(),
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
    /// `[n_seeds]`
    learned: Vec<Learned>,
}

/// Exact costs of a start (a trained network or a simple policy) and of its improvement by rollouts, and the CPU seconds of
/// each.
struct Learned {
    cost: f64,
    seconds: f64,
    improved_cost: f64,
    improved_seconds: f64,
}

fn main() {
    let options = options();
    println!(
        "{:<30} {:>10} {:>10} {:>8} {:>8} {:>6} | {:>10} {:>8} {:>8} {:>6}",
        "row", "optimum", "start", "gap %", "worst %", "CPU s", "+ rollouts", "gap %", "worst %", "CPU s"
    );
    let mut gaps = Vec::new();
    let mut print = |line: Line| {
        let of = |value: &dyn Fn(&Learned) -> f64| -> (f64, f64) {
            let values: Vec<f64> = line.learned.iter().map(value).collect();
            (values.iter().sum::<f64>() / values.len() as f64, values.iter().copied().fold(f64::NEG_INFINITY, f64::max))
        };
        let gap = |cost: f64| 100.0 * (cost / line.optimum - 1.0);
        let (network, improved) = (of(&|learned| learned.cost), of(&|learned| learned.improved_cost));
        let (seconds, improved_seconds) = (of(&|learned| learned.seconds), of(&|learned| learned.improved_seconds));
        println!(
            "{:<30} {:>10.4} {:>10.4} {:>8.4} {:>8.4} {:>6.1} | {:>10.4} {:>8.4} {:>8.4} {:>6.1}",
            line.id,
            line.optimum,
            network.0,
            gap(network.0),
            gap(network.1),
            seconds.0,
            improved.0,
            gap(improved.0),
            gap(improved.1),
            improved_seconds.0
        );
        gaps.push([gap(network.0), gap(network.1), seconds.0, gap(improved.0), gap(improved.1), improved_seconds.0]);
    };
    match options.family.as_str() {
        "lost_sales" => lost_sales::zipkin(&options, &mut print),
        "lost_sales_cyclic" => lost_sales::cyclic(&options, &mut print),
        "dual_sourcing" => dual_sourcing::table(&options, &mut print),
        "one_warehouse" => one_warehouse::table(&options, &mut print),
        "one_warehouse_iterated" => one_warehouse::iterated(&options, &mut print),
        "perishable_de_moor" => perishable::de_moor(&options, &mut print),
        "perishable_haijema_minner" => perishable::haijema_minner(&options, &mut print),
        "random_yield" => random_yield::table(&options, &mut print),
        "random_yield_iterated" => random_yield::iterated(&options, &mut print),
        "fixed_cost" => fixed_cost::table(&options, &mut print),
        "fixed_cost_backorders" => backorders::fixed_cost(&options, &mut print),
        "minimum_order" => backorders::minimum_order(&options, &mut print),
        "trucks" => trucks::table(&options, &mut print),
        "lead_times" => lead_times::table(&options, &mut print),
        other => panic!("family {other}"),
    }
    let n = gaps.len() as f64;
    let mean = |column: usize| gaps.iter().map(|of_row| of_row[column]).sum::<f64>() / n;
    let most = |column: usize| gaps.iter().map(|of_row| of_row[column]).fold(f64::NEG_INFINITY, f64::max);
    for (name, first) in [("start", 0), ("start + rollouts", 3)] {
        println!(
            "{n} rows, {name}: mean gap {:.4} %, worst row {:.4} %, worst seed {:.4} %, {:.1} CPU s",
            mean(first),
            most(first),
            most(first + 1),
            mean(first + 2)
        );
    }
}

/// What each seed learns. `cost` is the exact cost of a policy, a function from states to actions.
fn learn<R: Relaxed>(
    options: &Options,
    relaxed: &R,
    settings: &PathwiseSettings,
    cost: impl Fn(&dyn Fn(&<R::Plain as Environment>::State) -> <R::Plain as Environment>::Action) -> f64,
) -> Vec<Learned>
where
    <R::Plain as Environment>::State: Eq + Hash + Ord,
{
    let of_seed = |seed: u64| {
        let begin = cpu_seconds();
        let mut training = Training::new(relaxed, PathwiseSettings { seed, ..settings.clone() });
        training.run(relaxed, settings.schedule.n_steps, |_| {});
        let policy = training.policy(relaxed);
        let trained = cpu_seconds();
        let rollout = RolloutSettings {
            discount_factor: settings.discount_factor,
            // Generations take seeds of their own above this one.
            seed: options.rollout.seed.wrapping_add(1_000 * seed),
            ..options.rollout
        };
        let improved = ImprovedPolicy::new(relaxed, &policy, &rollout);
        let improved_in = cpu_seconds() - trained;
        Learned {
            cost: cost(&|state| policy.action(relaxed, state)),
            seconds: trained - begin,
            improved_cost: cost(&|state| improved.action(relaxed, state)),
            improved_seconds: improved_in,
        }
    };
    (1..=options.n_seeds).map(of_seed).collect()
}

/// [`learn`] for the average cost.
fn learn_average<R: Relaxed<Plain: FiniteEnvironment>>(
    options: &Options,
    relaxed: &R,
    settings: &PathwiseSettings,
) -> Vec<Learned>
where
    <R::Plain as Environment>::State: Eq + Hash + Ord,
{
    learn(options, relaxed, settings, |policy| average_cost(relaxed.plain(), policy))
}

/// A simple policy, a function from states to allowed actions.
type Simple<'a, E> = Box<dyn Fn(&<E as Environment>::State) -> <E as Environment>::Action + Sync + 'a>;

/// What each seed learns by policy iteration. `start` finds a simple policy without knowing the optimum.
fn iterate<'a, E: FiniteEnvironment<State: Eq + Hash>>(
    options: &Options,
    environment: &'a E,
    settings: &IterationSettings,
    start: impl Fn(u64) -> Simple<'a, E>,
) -> Vec<Learned> {
    let of_seed = |seed: u64| {
        let begin = cpu_seconds();
        let start = start(seed);
        let started = cpu_seconds();
        let improved = IteratedPolicy::new(environment, &*start, &IterationSettings { seed, ..*settings });
        let improved_in = cpu_seconds() - started;
        Learned {
            cost: average_cost(environment, &*start),
            seconds: started - begin,
            improved_cost: average_cost(environment, &|state| improved.action(environment, state)),
            improved_seconds: improved_in,
        }
    };
    (1..=options.n_seeds).map(of_seed).collect()
}

/// The exact average cost of a policy from the initial state.
fn average_cost<E: FiniteEnvironment<State: Eq + Hash>>(
    environment: &E,
    policy: &dyn Fn(&E::State) -> E::Action,
) -> f64 {
    let chain = PolicyChain::new(environment, policy);
    let evaluation = chain.average_cost(&Settings::default());
    assert!(evaluation.converged, "{:?}", evaluation.bounds);
    evaluation.average_cost.expect("an average cost")
}
