//! Learners beside the exact optimum and published gaps, losses included.
//!
//! `cargo run --release -p restock-learning --example learners_table -- [OPTIONS]`
//!
//! - `--algos LIST`: q-learning,sarsa,dqn,reinforce,ppo,pathwise,dcl; all of them by default
//! - `--rows LIST`: rows whose name begins with one of these; worked-example and ls_ (lost sales) by default
//! - `--lead-time N`: lost sales up to this lead time, 4 by default
//! - `--seeds N`: so many seeds, 3 by default
//! - `--seconds S`: the budget of one training, 60 by default
//!
//! Optimum and learned cost are exact. The gap is the mean over seeds, `worst` the largest of them; `published` is the
//! gap of deep controlled learning with 5,000 states on 128 threads (Temizöz et al. 2025), for the rows that it has. CPU
//! seconds are those of the training of one policy, all threads together.

#![allow(clippy::print_stdout)]

use std::time::Instant;

use restock_inventory::discrete_demand::DiscreteDemand;
use restock_inventory::environments::worked_example::{DISCOUNT_FACTOR, WorkedExample};
use restock_inventory::exact::Criterion;
use restock_inventory::problems::ProblemEnvironment;
use restock_inventory::published::{Known, known};
use restock_learning::algorithm::Algorithm;
use restock_learning::hyper::Hyper;
use restock_learning::learn::{Request, learn};
use restock_learning::reward::Objective;
use restock_learning::training::Seconds;

mod shared;

use shared::cpu_seconds;

/// Gaps of deep controlled learning with 5,000 states, per cent (Temizöz et al. 2025, output `lostsales-DCL.out` of
/// DynaPlex); rows of other lead times and those without a published run are left out.
const PUBLISHED_GAPS: &[(&str, f64)] = &[
    ("ls_poisson_p4_L2", 0.008),
    ("ls_poisson_p39_L4", 0.090),
    ("ls_geometric_p4_L2", 0.013),
    ("ls_geometric_p4_L3", 0.011),
    ("ls_geometric_p9_L3", 0.014),
    ("ls_geometric_p9_L4", 0.042),
    ("ls_geometric_p19_L2", 0.014),
    ("ls_geometric_p19_L3", 0.023),
    ("ls_geometric_p19_L4", 0.036),
    ("ls_geometric_p39_L2", 0.023),
    ("ls_geometric_p39_L3", 0.027),
];

/// What the command line says.
struct Options {
    algorithms: Vec<Algorithm>,
    rows: Vec<String>,
    lead_time: usize,
    n_seeds: u64,
    seconds: f64,
}

fn options() -> Options {
    let learners = Algorithm::ALL.into_iter().filter(|algorithm| *algorithm != Algorithm::Exact).collect();
    let rows = vec!["worked-example".to_owned(), "ls_".to_owned()];
    let mut options = Options { algorithms: learners, rows, lead_time: 4, n_seeds: 3, seconds: 60.0 };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().unwrap_or_else(|| panic!("{name} needs a value"));
        let number = || value.parse::<f64>().unwrap_or_else(|_| panic!("{name} is {value}, not a number"));
        let algorithm = |name: &str| {
            let found = Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == name);
            found.unwrap_or_else(|| panic!("algorithm {name}"))
        };
        match name.as_str() {
            "--algos" => options.algorithms = value.split(',').map(algorithm).collect(),
            "--rows" => options.rows = value.split(',').map(str::to_owned).collect(),
            "--lead-time" => options.lead_time = number() as usize,
            "--seeds" => options.n_seeds = number() as u64,
            "--seconds" => options.seconds = number(),
            other => panic!("option {other}"),
        }
    }
    options
}

/// A problem with what is published about it.
struct Row {
    id: String,
    problem: ProblemEnvironment,
    criterion: Criterion,
    /// Published gap of deep controlled learning, per cent.
    published_gap: Option<f64>,
}

fn rows(options: &Options) -> Vec<Row> {
    let mut rows = vec![Row {
        id: "worked-example".to_owned(),
        problem: ProblemEnvironment::WorkedExample(WorkedExample::new(5.0, DiscreteDemand::poisson(30.0, 90))),
        criterion: Criterion::Discounted { discount_factor: DISCOUNT_FACTOR },
        published_gap: None,
    }];
    for Known { id, environment, .. } in known::lost_sales_zipkin() {
        if environment.lead_time() > options.lead_time {
            continue;
        }
        let published = PUBLISHED_GAPS.iter().find(|(row, _)| *row == id);
        rows.push(Row {
            id,
            problem: ProblemEnvironment::LostSales(environment),
            criterion: Criterion::Average,
            published_gap: published.map(|(_, gap)| *gap),
        });
    }
    rows.retain(|row| options.rows.iter().any(|wanted| row.id.starts_with(wanted.as_str())));
    rows
}

fn main() {
    let options = options();
    println!(
        "{:<24} {:<10} {:>10} {:>10} {:>9} {:>9} {:>11} {:>7} {:>9}",
        "row", "algorithm", "optimum", "learned", "gap %", "worst %", "published %", "CPU s", "converged"
    );
    for row in rows(&options) {
        for algorithm in &options.algorithms {
            line(&options, &row, *algorithm);
        }
    }
}

fn line(options: &Options, row: &Row, algorithm: Algorithm) {
    let objective = Objective::plain(row.problem.clone(), row.criterion);
    let (mut costs, mut gaps, mut seconds, mut n_converged, mut optimum) = (0.0, Vec::new(), 0.0, 0, 0.0);
    for seed in 1..=options.n_seeds {
        let request = Request {
            algorithm,
            problem: row.id.clone(),
            seed,
            seconds: options.seconds,
            n_epochs: None,
            hyper: Hyper::default(),
        };
        let started = Instant::now();
        let cpu_started = cpu_seconds();
        let clock = || Seconds { wall: started.elapsed().as_secs_f64(), cpu: cpu_seconds() - cpu_started };
        let learned = learn(&objective, &request, None, &clock, &mut |_| ()).expect("a small problem");
        costs += learned.grade.cost / options.n_seeds as f64;
        gaps.push(100.0 * learned.grade.gap.expect("an optimum above 0"));
        seconds += learned.curve.last().expect("an epoch").cpu_seconds / options.n_seeds as f64;
        n_converged += usize::from(learned.converged);
        optimum = learned.grade.reference_cost;
    }
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let worst = gaps.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let published = match (algorithm, row.published_gap) {
        (Algorithm::Dcl, Some(gap)) => format!("{gap:.3}"),
        _ => String::new(),
    };
    println!(
        "{:<24} {:<10} {:>10.4} {:>10.4} {:>9.3} {:>9.3} {:>11} {:>7.1} {:>6} of {}",
        row.id,
        algorithm.name(),
        optimum,
        costs,
        mean,
        worst,
        published,
        seconds,
        n_converged,
        options.n_seeds
    );
}
