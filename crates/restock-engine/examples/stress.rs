//! The learned policy under stress: seeded scenarios of shifts, spikes, failing suppliers and faulty data, each played
//! under the classical policy and under `auto` where the learned policy may act behind its guard.
//!
//! `cargo run --release -p restock-engine --example stress -- [SCENARIOS] [PATHS]` (200 scenarios of 20 paths by default).
//!
//! Scenario `i` of kind `i mod 5`: demand shifts for good, data are faulty (rows are missing, counts are typed ten-fold; both
//! replay a history, forecast anew every week), demand spikes for some days, the supplier is down, lead times change (these
//! are simulated on common random numbers; orders know nothing of the shock). Chains, costs, lead times, review periods and
//! shocks follow from the number of the scenario. Lead times are believed to be certain and nothing expires, so that the
//! guard lets the learned policy act at all; cost is the objective. "Best classical" is the cheapest of the classical
//! choice, base-stock and min-max in hindsight, scenario by scenario; the guard itself compares with the classical choice.

#![allow(clippy::print_stdout)]

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use restock_core::dataset::{Dataset, Origin, SourceRow};
use restock_core::settings::PlanSettings;
use restock_core::{Day, Forecaster, Objective, Quantity};
use restock_engine::backtest::{BacktestOptions, backtest};
use restock_engine::simulate::{Shock, SimulateOptions, simulate};
use restock_inventory::retail_simulator::{ChainConfig, chain};

const KINDS: [&str; 5] = ["demand shifts", "faulty data", "demand spikes", "supplier down", "lead times change"];

/// Classical policies; the first is what the guard falls back to.
const CLASSICAL: [&str; 3] = ["classical", "base_stock", "min_max"];

/// Days that are simulated or replayed.
const N_DAYS: usize = 56;

/// Costs of one scenario.
struct Outcome {
    scenario: u64,
    guarded: f64,
    /// `[CLASSICAL]`
    classical: Vec<f64>,
}

impl Outcome {
    fn to_choice(&self) -> f64 {
        self.guarded / self.classical[0]
    }

    fn to_best(&self) -> f64 {
        self.guarded / self.classical.iter().copied().fold(f64::INFINITY, f64::min)
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |usual: u64| arguments.next().map_or(usual, |text| text.parse().expect("a number"));
    let (n_scenarios, n_paths) = (number(200), number(20) as usize);
    let outcomes: Vec<Outcome> = (0..n_scenarios).into_par_iter().map(|scenario| play(scenario, n_paths)).collect();
    println!(
        "{:<20} {:>4} {:>7} {:>9} {:>9} {:>9} {:>9}",
        "scenarios", "n", "changed", "mean", "95 %", "worst", "to best"
    );
    for (kind, name) in KINDS.iter().enumerate() {
        let of_kind = |outcome: &&Outcome| outcome.scenario as usize % KINDS.len() == kind;
        line(name, &outcomes.iter().filter(of_kind).collect::<Vec<_>>());
    }
    line("all", &outcomes.iter().collect::<Vec<_>>());
}

/// Cost of the guarded policy over that of the classical choice, and over the best in hindsight.
fn line(name: &str, outcomes: &[&Outcome]) {
    let mut ratios: Vec<f64> = outcomes.iter().map(|outcome| outcome.to_choice()).collect();
    ratios.sort_by(f64::total_cmp);
    let n = ratios.len();
    let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / n as f64;
    let changed = ratios.iter().filter(|ratio| (*ratio - 1.0).abs() > 1e-12).count();
    let (p95, worst) = (ratios[(n * 95).div_ceil(100) - 1], ratios[n - 1]);
    let (to_choice, to_best) =
        (mean(&mut ratios.iter().copied()), mean(&mut outcomes.iter().map(|outcome| outcome.to_best())));
    println!("{name:<20} {n:>4} {changed:>7} {to_choice:>9.4} {p95:>9.4} {worst:>9.4} {to_best:>9.4}");
}

fn play(scenario: u64, n_paths: usize) -> Outcome {
    let mut rng = ChaCha8Rng::seed_from_u64(0x57_12E5_5000 + scenario);
    let (mut dataset, settings) = business(scenario, &mut rng);
    let forecaster = restock_forecast::forecaster(&settings.forecast_model).expect("a model");
    let kind = scenario as usize % KINDS.len();
    if kind <= 1 {
        match kind {
            0 => shift(&mut dataset, &mut rng),
            _ => spoil(&mut dataset, &mut rng),
        }
        return replay(scenario, &dataset, &settings, forecaster.as_ref());
    }
    let first = ChainConfig::default().last_day.plus(1 + rng.random_range(0..21));
    let until = |days: i32| format!("{first}..{}", first.plus(days - 1));
    let shock = match kind {
        2 => format!("demand={:.1}x@{}", rng.random_range(2.0..8.0), until(rng.random_range(1..=7))),
        // One of the suppliers for one to four weeks.
        3 => {
            let supplier = supplier_of(&dataset, rng.random_range(0..dataset.items.len()));
            format!("supplier=down@{} where source.id == '{supplier}'", until(rng.random_range(7..=28)))
        }
        _ => format!("lead_time={:+}@{first}", [-2, 2, 3, 5, 7, 14][rng.random_range(0..6)]),
    };
    let shock = Shock::parse(&shock).unwrap_or_else(|error| panic!("{shock}: {error}"));
    let options = SimulateOptions { n_paths, n_days: N_DAYS, shocks: vec![shock], volumes: false };
    let cost = |policy: &str| {
        let settings = PlanSettings { policy: policy.to_owned(), learned_acts: true, ..settings.clone() };
        let report = simulate(&dataset, &settings, forecaster.as_ref(), &options, &|_, _| {}).expect("a simulation");
        report.scenarios[1].kpis.cost.expect("a cost").mean
    };
    Outcome { scenario, guarded: cost("auto"), classical: CLASSICAL.map(cost).to_vec() }
}

/// The supplier that an item comes from.
fn supplier_of(dataset: &Dataset, item: usize) -> &str {
    let serves = |lane: &&SourceRow| match (lane.item, &lane.category) {
        (Some(own), _) => own.0 as usize == item,
        (None, Some(category)) => dataset.items[item].category.starts_with(category.as_str()),
        (None, None) => true,
    };
    let mut suppliers = dataset.sources.iter().filter(serves).filter_map(|lane| match lane.origin {
        Origin::Supplier(supplier) => Some(supplier),
        Origin::Location(_) => None,
    });
    let supplier = suppliers.next_back().expect("every item has a supplier");
    &dataset.suppliers[supplier.0 as usize].supplier_id
}

/// A chain of stores whose sources deliver after one to four reviews, as far as anyone knows.
fn business(scenario: u64, rng: &mut ChaCha8Rng) -> (Dataset, PlanSettings) {
    let config = ChainConfig { n_items: 4, n_stores: 1, n_days: 240, log_level_mean: 0.6, ..ChainConfig::default() };
    let mut dataset = chain(&config, 1_000 + scenario);
    let review_days = [1, 2, 7][rng.random_range(0..3)];
    for lane in &mut dataset.sources {
        let n_reviews = if review_days == 7 { rng.random_range(1..=2) } else { rng.random_range(1..=6) };
        lane.lead_time_days = Some(f64::from(review_days * n_reviews));
        lane.lead_time_sd_days = Some(0.0);
        lane.review_calendar = None;
        if matches!(lane.origin, Origin::Location(_)) {
            lane.min_order = None;
        }
    }
    dataset.receipts.clear();
    for item in &mut dataset.items {
        item.shelf_life_days = None;
    }
    let settings = PlanSettings {
        objective: Objective::Economics,
        forecast_model: "weighted_quantiles".to_owned(),
        default_review_days: f64::from(review_days),
        carrying_cost_per_year: rng.random_range(0.2..4.0),
        lost_sale_margin_multiple: rng.random_range(0.5..2.0),
        n_paths: 128,
        seed: scenario,
        ..PlanSettings::default()
    };
    (dataset, settings)
}

/// From a day of the replay on, demand of all items is another.
fn shift(dataset: &mut Dataset, rng: &mut ChaCha8Rng) {
    let from = ChainConfig::default().last_day.plus(-rng.random_range(14..N_DAYS as i32));
    let factor = [0.3, 0.6, 1.5, 2.0, 3.0][rng.random_range(0..5)];
    change_sales(dataset, |day, sold| if day >= from { factor * sold } else { sold });
}

/// Rows that are missing, counts that are typed ten-fold.
fn spoil(dataset: &mut Dataset, rng: &mut ChaCha8Rng) {
    let (missing, typed) = (rng.random_range(0.0..0.15), rng.random_range(0.0..0.01));
    change_sales(dataset, |_, sold| match rng.random_range(0.0..1.0) {
        chance if chance < missing => 0.0,
        chance if chance < missing + typed => 10.0 * sold,
        _ => sold,
    });
}

/// Each quantity sold replaced, in whole units.
fn change_sales(dataset: &mut Dataset, mut change: impl FnMut(Day, f64) -> f64) {
    let sales = &mut dataset.sales;
    for (quantity, day) in sales.quantity.iter_mut().zip(&sales.day) {
        let sold = quantity.to_string().parse::<f64>().expect("a number");
        *quantity = Quantity::from_micro(change(*day, sold).round() as i64 * 1_000_000);
    }
}

fn replay(scenario: u64, dataset: &Dataset, settings: &PlanSettings, forecaster: &dyn Forecaster) -> Outcome {
    let policies = CLASSICAL.iter().chain(&["auto"]).map(|name| (*name).to_owned()).collect();
    let options = BacktestOptions {
        policies,
        n_periods: Some(N_DAYS),
        shop_rule: false,
        actual: false,
        seed: scenario,
        ..BacktestOptions::default()
    };
    let report = backtest(dataset, settings, forecaster, &options, &|_, _| {}).expect("a replay");
    let cost = |name: &str| {
        report.policies.iter().find(|result| result.policy == name).expect("a policy that was asked for").kpis.cost
    };
    Outcome { scenario, guarded: cost("auto"), classical: CLASSICAL.map(cost).to_vec() }
}
