//! The pretrained policy beside published optima, tuned policies and exact optima of random items; and what fine-tuning
//! adds.
//!
//! `cargo run --release -p restock-learning --example pretrained_policy -- TABLE [OPTIONS]`
//!
//! - `TABLE`: generalist (lost sales, Temizöz et al. 2024), cyclic (the same, cyclic demand), random (random items that can
//!   be solved exactly), fine_tune (rows of generalist with an optimum)
//! - `--weights FILE`: instead of the shipped weights
//! - `--rows TEXT`: only rows whose name has TEXT in it
//! - `--periods N`: of a simulation, 5 million by default
//! - `--items N`: random items, 200 by default; `--states N`: most states of one, 30,000 by default
//! - `--steps N`, `--rate R`: of fine-tuning, 400 and 1e-3 by default

#![allow(clippy::print_stdout)]

use restock_core::environment::FiniteEnvironment;
use restock_inventory::environments::lost_sales::LostSalesCosts;
use restock_inventory::environments::{LostSales, LostSalesState};
use restock_inventory::exact::{Criterion, Settings, evaluate, solve};
use restock_inventory::lanes::SimulationPlan;
use restock_learning::PretrainedPolicy;
use restock_learning::any_item::generator::GRADING_SEED;
use restock_learning::any_item::{ItemGenerator, ItemProblem, ItemRange, ItemState, Unmet};
use restock_learning::pathwise::validate;
use restock_learning::pretrained_policy::FineTuning;
use restock_learning::relaxed::AnyItem;
use serde::Deserialize;

mod shared;

use shared::cpu_seconds;

const N_LANES: usize = 512;
const N_WARM_UP: usize = 100;

/// Rows with more states are simulated.
const N_STATES_EXACT: usize = 400_000;

/// Standard errors on either side of an estimate that hold the truth with 95 %.
const STANDARD_ERRORS_95: f64 = 1.96;

struct Options {
    table: String,
    policy: PretrainedPolicy,
    rows: String,
    plan: SimulationPlan,
    n_items: usize,
    n_states_max: usize,
    tuning: FineTuning,
}

fn options() -> Options {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option =
        |name: &str| arguments.iter().position(|argument| argument == name).map(|at| arguments[at + 1].clone());
    let number = |name: &str, default: f64| option(name).map_or(default, |value| value.parse().expect("a number"));
    let policy = option("--weights").map_or_else(
        || PretrainedPolicy::shipped().clone(),
        |path| PretrainedPolicy::from_bytes(&std::fs::read(path).expect("a file")).expect("weights of a policy"),
    );
    let n_periods = (number("--periods", 5e6) / N_LANES as f64).ceil() as usize;
    Options {
        table: arguments.first().expect("a table").clone(),
        policy,
        rows: option("--rows").unwrap_or_default(),
        plan: SimulationPlan { n_lanes: N_LANES, n_warm_up: N_WARM_UP, n_periods, seed: 2_026 },
        n_items: number("--items", 200.0) as usize,
        n_states_max: number("--states", 30_000.0) as usize,
        tuning: FineTuning {
            n_steps: number("--steps", 400.0) as u64,
            learning_rate: number("--rate", 1e-3),
            ..FineTuning::default()
        },
    }
}

fn main() {
    let options = options();
    match options.table.as_str() {
        "generalist" => generalist(&options),
        "cyclic" => cyclic(&options),
        "random" => random(&options),
        "fine_tune" => fine_tune(&options),
        other => panic!("table {other}"),
    }
}

#[derive(Deserialize)]
struct Row {
    id: String,
    mean: f64,
    sd: f64,
    h: f64,
    p: f64,
    #[serde(rename = "L")]
    lead_time: usize,
    opt_cost: Option<f64>,
    best_cbs_cost: f64,
    gclsn_zero_shot_cost: f64,
}

impl Row {
    fn item(&self) -> ItemProblem {
        let moments = [(self.mean, self.sd)];
        ItemProblem::from_moments(self.lead_time, Unmet::Lost, self.h, self.p, &moments).expect("an item")
    }
}

fn generalist_rows(options: &Options) -> Vec<Row> {
    let table = shared("lost_sales_generalist_gclsn.csv");
    let rows = csv::Reader::from_reader(table.as_bytes()).into_deserialize();
    rows.map(|row| row.expect("a row of the table")).filter(|row: &Row| row.id.contains(&options.rows)).collect()
}

/// A table of the folder `RESTOCK_SHARED`, beside the repository by default: with the published figures of GC-LSN, which
/// the tables of `restock-inventory` leave out.
fn shared(name: &str) -> String {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let folder = std::env::var("RESTOCK_SHARED").unwrap_or_else(|_| default.to_owned());
    let path = std::path::Path::new(&folder).join("instances").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}; set RESTOCK_SHARED", path.display()))
}

/// Cost of a period by simulation, and half the width of its 95 % interval.
fn simulated(policy: &PretrainedPolicy, item: &ItemProblem, plan: &SimulationPlan) -> (f64, f64) {
    let relaxed = AnyItem::new(vec![item.clone()]);
    let cost = validate(&relaxed, policy.network(), plan);
    (cost.mean() * item.cost_scale(), STANDARD_ERRORS_95 * cost.standard_error() * item.cost_scale())
}

fn percent(cost: f64, reference: f64) -> f64 {
    100.0 * (cost / reference - 1.0)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn most(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

fn generalist(options: &Options) {
    println!(
        "{:<30} {:>9} {:>7} {:>9} {:>9} {:>9} {:>8} {:>8} {:>8} {:>8}",
        "row", "ours", "±", "optimum", "capped", "GC-LSN", "opt %", "GC opt %", "cbs %", "GC cbs %"
    );
    let (mut to_optimum, mut gc_to_optimum, mut to_capped, mut gc_to_capped) = (vec![], vec![], vec![], vec![]);
    for row in generalist_rows(options) {
        let item = row.item();
        // Up to a lead time of 4 most rows have few enough states to be evaluated exactly.
        let problem = (row.lead_time <= 4).then(|| lost_sales(&item));
        let (cost, margin) = match problem.filter(|problem| problem.n_states() <= N_STATES_EXACT) {
            Some(problem) => (exact_cost(&options.policy, &item, &problem, &settings(&item)), 0.0),
            None => simulated(&options.policy, &item, &options.plan),
        };
        to_capped.push(percent(cost, row.best_cbs_cost));
        gc_to_capped.push(percent(row.gclsn_zero_shot_cost, row.best_cbs_cost));
        let mut optimum = ["-".to_owned(), "-".to_owned(), "-".to_owned()];
        if let Some(known) = row.opt_cost {
            to_optimum.push(percent(cost, known));
            gc_to_optimum.push(percent(row.gclsn_zero_shot_cost, known));
            let gaps = [&to_optimum, &gc_to_optimum].map(|gaps| format!("{:.3}", gaps[gaps.len() - 1]));
            optimum = [format!("{known:.4}"), gaps[0].clone(), gaps[1].clone()];
        }
        println!(
            "{:<30} {cost:>9.4} {margin:>7.4} {:>9} {:>9.4} {:>9.4} {:>8} {:>8} {:>8.3} {:>8.3}",
            row.id,
            optimum[0],
            row.best_cbs_cost,
            row.gclsn_zero_shot_cost,
            optimum[1],
            optimum[2],
            to_capped[to_capped.len() - 1],
            gc_to_capped[gc_to_capped.len() - 1]
        );
    }
    let wins = |gaps: &[f64]| 100.0 * gaps.iter().filter(|gap| **gap < 0.0).count() as f64 / gaps.len() as f64;
    for (name, to_optimum, to_capped) in
        [("pretrained", &to_optimum, &to_capped), ("GC-LSN, published", &gc_to_optimum, &gc_to_capped)]
    {
        println!(
            "{name}: to the optimum of {} rows mean {:.3} %, worst {:.3} %; to capped base-stock, {} rows, mean {:.3} %, \
             worst {:.3} %, cheaper in {:.1} %",
            to_optimum.len(),
            mean(to_optimum),
            most(to_optimum),
            to_capped.len(),
            mean(to_capped),
            most(to_capped),
            wins(to_capped)
        );
    }
}

/// The problem with numbered states.
fn lost_sales(item: &ItemProblem) -> LostSales {
    let (holding_cost, stockout_cost) = item.unit_costs();
    let costs = LostSalesCosts { holding_cost, stockout_cost, order_cost: 0.0 };
    LostSales::new(item.lead_time(), costs, item.demand().to_vec())
}

/// The exact average cost of the policy.
fn exact_cost(policy: &PretrainedPolicy, item: &ItemProblem, problem: &LostSales, settings: &Settings) -> f64 {
    let states: Vec<LostSalesState> = (0..problem.n_states()).map(|state_idx| problem.state(state_idx)).collect();
    let of_item = |state: &LostSalesState| {
        let mut of_item = ItemState { phase: state.phase, on_hand: state.on_hand, ..ItemState::EMPTY };
        let n = of_item.pipeline.len();
        of_item.pipeline.copy_from_slice(&state.pipeline[..n]);
        of_item
    };
    let decisions: Vec<_> = states.iter().map(|state| (item, of_item(state))).collect();
    let orders = policy.orders(&decisions);
    let order = |state: &LostSalesState| orders[problem.state_idx(state)].min(problem.max_order(state));
    let evaluation = evaluate(problem, order, Criterion::Average, settings);
    assert!(evaluation.converged, "{:?}", evaluation.bounds);
    evaluation.average_cost.expect("an average cost")
}

/// The solver's settings for an item: an error of at most a hundredth of a per cent.
fn settings(item: &ItemProblem) -> Settings {
    Settings { tolerance: 2e-5 * item.cost_scale(), ..Settings::default() }
}

fn cyclic(options: &Options) {
    #[derive(Deserialize)]
    struct Cyclic {
        id: String,
        means: String,
        sds: String,
        h: f64,
        p: f64,
        #[serde(rename = "L")]
        lead_time: usize,
        opt_cost: f64,
        best_stationary_cbs_cost: f64,
        gclsn_zero_shot_cost: f64,
    }
    let table = shared("lost_sales_cyclic_demand.csv");
    let numbers = |list: &str| -> Vec<f64> {
        let numbers = list.trim_matches(['[', ']']).split(',');
        numbers.map(|number| number.trim().parse().expect("a number")).collect()
    };
    println!("{:<20} {:>9} {:>9} {:>8} {:>8} {:>8}", "row", "ours", "optimum", "gap %", "capped %", "GC-LSN %");
    let (mut gaps, mut capped, mut generalist) = (vec![], vec![], vec![]);
    for row in csv::Reader::from_reader(table.as_bytes()).into_deserialize::<Cyclic>() {
        let row = row.expect("a row of the table");
        if !row.id.contains(&options.rows) {
            continue;
        }
        let moments: Vec<(f64, f64)> = numbers(&row.means).into_iter().zip(numbers(&row.sds)).collect();
        let item = ItemProblem::from_moments(row.lead_time, Unmet::Lost, row.h, row.p, &moments).expect("an item");
        let cost = exact_cost(&options.policy, &item, &lost_sales(&item), &settings(&item));
        gaps.push(percent(cost, row.opt_cost));
        capped.push(percent(row.best_stationary_cbs_cost, row.opt_cost));
        generalist.push(percent(row.gclsn_zero_shot_cost, row.opt_cost));
        let last = gaps.len() - 1;
        println!(
            "{:<20} {cost:>9.4} {:>9.4} {:>8.3} {:>8.3} {:>8.3}",
            row.id, row.opt_cost, gaps[last], capped[last], generalist[last]
        );
    }
    for (name, gaps) in [("pretrained", &gaps), ("stationary capped base-stock", &capped), ("GC-LSN", &generalist)] {
        println!("{name}: {} rows, mean gap {:.3} %, worst {:.3} %", gaps.len(), mean(gaps), most(gaps));
    }
}

fn random(options: &Options) {
    let generator = ItemGenerator { seed: GRADING_SEED, range: ItemRange::SOLVABLE };
    println!(
        "{:>6} {:>5} {:>6} {:>7} {:>6} {:>6} {:>8} {:>10} {:>10} {:>8}",
        "item", "lead", "phases", "mean", "cv", "p/h", "states", "ours", "optimum", "gap %"
    );
    let (mut gaps, mut n_too_large) = (Vec::new(), 0);
    for item_idx in 0.. {
        if gaps.len() == options.n_items {
            break;
        }
        let item = generator.item(item_idx);
        let problem = lost_sales(&item);
        if problem.n_states() > options.n_states_max {
            n_too_large += 1;
            continue;
        }
        let solution = solve(&problem, Criterion::Average, &settings(&item));
        assert!(solution.converged, "{:?}", solution.bounds);
        let optimum = solution.average_cost.expect("an average cost");
        let cost = exact_cost(&options.policy, &item, &problem, &settings(&item));
        gaps.push(percent(cost, optimum));
        let law = &item.demand()[0];
        println!(
            "{item_idx:>6} {:>5} {:>6} {:>7.2} {:>6.2} {:>6.1} {:>8} {cost:>10.5} {optimum:>10.5} {:>8.3}",
            item.lead_time(),
            item.demand().len(),
            item.scale(),
            law.variance().sqrt() / law.mean(),
            item.unit_costs().1,
            problem.n_states(),
            gaps[gaps.len() - 1]
        );
    }
    let n = gaps.len();
    let average = mean(&gaps);
    let variance = gaps.iter().map(|gap| (gap - average).powi(2)).sum::<f64>() / (n as f64 - 1.0);
    let margin = STANDARD_ERRORS_95 * (variance / n as f64).sqrt();
    gaps.sort_by(f64::total_cmp);
    println!(
        "{n} items, {n_too_large} left out for more than {} states: mean gap {average:.3} ± {margin:.3} %, median {:.3} %, \
         95th percentile {:.3} %, worst {:.3} %",
        options.n_states_max,
        gaps[n / 2],
        gaps[n * 95 / 100],
        gaps[n - 1]
    );
}

fn fine_tune(options: &Options) {
    println!(
        "{:<30} {:>9} {:>9} {:>8} {:>10} {:>8} {:>6}",
        "row", "optimum", "zero-shot", "gap %", "fine-tuned", "gap %", "CPU s"
    );
    let (mut before, mut after) = (vec![], vec![]);
    for row in generalist_rows(options) {
        let Some(optimum) = row.opt_cost else { continue };
        let item = row.item();
        let (cost, _) = simulated(&options.policy, &item, &options.plan);
        let begin = cpu_seconds();
        let tuned = options.policy.fine_tuned(vec![item.clone()], &options.tuning);
        let seconds = cpu_seconds() - begin;
        let (tuned, _) = simulated(&tuned, &item, &options.plan);
        before.push(percent(cost, optimum));
        after.push(percent(tuned, optimum));
        let last = before.len() - 1;
        println!(
            "{:<30} {optimum:>9.4} {cost:>9.4} {:>8.3} {tuned:>10.4} {:>8.3} {seconds:>6.1}",
            row.id, before[last], after[last]
        );
    }
    println!(
        "{} rows: mean gap {:.3} % before, {:.3} % after; worst {:.3} % and {:.3} %",
        before.len(),
        mean(&before),
        mean(&after),
        most(&before),
        most(&after)
    );
}
