//! Time of one decision and of one simulated period: `cargo bench -p restock-inventory`.

use std::sync::Arc;

use divan::counter::ItemsCount;
use restock_core::objective::ServiceType;
use restock_core::policy::{DemandPaths, OrderingRules};
use restock_core::{CostRates, Objective, Review, StockState, Units};
use restock_inventory::allocate::{AllocationLine, Limits, allocate};
use restock_inventory::clark_scarf::{SerialStage, SerialSystem};
use restock_inventory::discrete_demand::DiscreteDemand;
use restock_inventory::environments::LostSales;
use restock_inventory::environments::lost_sales::LostSalesCosts;
use restock_inventory::exact::{Criterion, Settings, solve};
use restock_inventory::grid_demand::GridDemand;
use restock_inventory::item_location::{ItemLocationParams, PlacedOrder, project, step};
use restock_inventory::zheng_federgruen::{BackorderProblem, optimal_policy};
use restock_inventory::{policy, rules};

const COSTS: CostRates =
    CostRates { unit_cost: 10.0, holding_cost: 0.006, stockout_cost: 4.0, order_cost: 1.0, waste_cost: 10.0 };

fn main() {
    divan::main();
}

/// 256 paths of 28 periods, about 3 units a period.
fn review(objective: Objective) -> Review {
    let mut state = 1_u64;
    let values = (0..256 * 28)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 61) as f32
        })
        .collect();
    Review {
        stock: StockState::with_on_hand(20),
        demand: Arc::new(DemandPaths { values, horizon: 28 }),
        lead_times: Arc::new([2, 2, 3, 3, 4, 6]),
        review_period: 7,
        rules: OrderingRules { order_multiple: 6, ..OrderingRules::default() },
        costs: COSTS,
        objective,
        shelf_life: None,
        backorder: false,
    }
}

const SERVICE: Objective = Objective::Service { service_type: ServiceType::FillRate, target: 0.98 };
const IN_STOCK: Objective = Objective::Service { service_type: ServiceType::InStock, target: 0.98 };

#[divan::bench(args = ["base_stock", "R_s_S", "s_Q", "min_max", "days_of_cover", "newsvendor"])]
fn decide_fill_rate(bencher: divan::Bencher, name: &str) {
    let (policy, review) = (policy(name).unwrap(), review(SERVICE));
    bencher.bench(|| policy.decide(&review));
}

#[divan::bench(args = ["base_stock", "R_s_S", "s_Q"])]
fn decide_in_stock(bencher: divan::Bencher, name: &str) {
    let (policy, review) = (policy(name).unwrap(), review(IN_STOCK));
    bencher.bench(|| policy.decide(&review));
}

#[divan::bench(args = ["base_stock", "R_s_S", "s_Q"])]
fn decide_economics(bencher: divan::Bencher, name: &str) {
    let (policy, review) = (policy(name).unwrap(), review(Objective::Economics));
    bencher.bench(|| policy.decide(&review));
}

#[divan::bench]
fn apply_rules(bencher: divan::Bencher) {
    let review = review(SERVICE);
    bencher.bench(|| rules::apply_rules(divan::black_box(31), &review));
}

/// A year of periods, an order every week.
#[divan::bench(args = [false, true])]
fn step_periods(bencher: divan::Bencher, perishable: bool) {
    let review = review(SERVICE);
    let params =
        ItemLocationParams { shelf_life: perishable.then_some(9), ..ItemLocationParams::lost_sales(review.costs) };
    bencher.counter(ItemsCount::new(364_usize)).with_inputs(|| StockState::with_on_hand(20)).bench_refs(|stock| {
        let mut sold = 0;
        for (period, demand) in review.demand.values[..364].iter().enumerate() {
            let quantity = if period % 7 == 0 { 25 } else { 0 };
            sold += step(stock, PlacedOrder { quantity, lead_time: 3 }, *demand as Units, &params).sold;
        }
        sold
    });
}

#[divan::bench(args = [false, true])]
fn project_256_paths_of_28_periods(bencher: divan::Bencher, perishable: bool) {
    let review = review(SERVICE);
    let params =
        ItemLocationParams { shelf_life: perishable.then_some(9), ..ItemLocationParams::lost_sales(review.costs) };
    bencher.bench(|| project(&review.stock, 24, &review.lead_times, &review.demand, 0, 28, &params));
}

/// 100,000 lines of five packs.
#[divan::bench(args = [1, 2, 3], sample_count = 5, sample_size = 1)]
fn allocate_100_000_lines(bencher: divan::Bencher, n_limits: usize) {
    let mut state = 7_u64;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let lines: Vec<AllocationLine> = (0..100_000)
        .map(|_| {
            let first = 1.0 + 20.0 * uniform();
            AllocationLine {
                pack_gains: (0..5).map(|pack| first * 0.7_f64.powi(pack)).collect(),
                min_packs: 1,
                pack_cost: 1.0 + 30.0 * uniform(),
                pack_volume: 0.01 + 0.1 * uniform(),
                pack_weight: 1.0 + 9.0 * uniform(),
            }
        })
        .collect();
    let limits = Limits {
        budget: Some(2_000_000.0),
        volume: (n_limits > 1).then_some(7_500.0),
        weight: (n_limits > 2).then_some(600_000.0),
    };
    bencher.bench(|| allocate(&lines, &limits));
}

/// The exact optimum of lost sales, geometric demand of mean 5, p = 39: 231,595 states at a lead time of 4. With
/// `RAYON_NUM_THREADS=1` on one core.
#[divan::bench(args = [2, 3, 4], sample_count = 3, sample_size = 1)]
fn lost_sales_optimum(lead_time: usize) -> Option<f64> {
    let costs = LostSalesCosts { holding_cost: 1.0, stockout_cost: 39.0, order_cost: 0.0 };
    let problem = LostSales::new(lead_time, costs, vec![DiscreteDemand::geometric(5.0, 250)]);
    solve(&problem, Criterion::Average, &Settings::default()).average_cost
}

/// The exact (s, S) policy of the test bed of Zheng & Federgruen (1991): K = 64, h = 1, p = 9, Poisson demand.
#[divan::bench(args = [10.0, 75.0])]
fn s_s_optimum(bencher: divan::Bencher, mean: f64) {
    let problem = BackorderProblem { holding_cost: 1.0, stockout_cost: 9.0, order_cost: 64.0, lead_time: 0 };
    let demand = DiscreteDemand::poisson(mean, 200);
    bencher.bench(|| optimal_policy(divan::black_box(problem), &demand));
}

/// The exact echelon levels of five stages: Shang & Song's Poisson demand, and problem 6.2a of Snyder & Shen (2019) with
/// normal demand on a grid of a four-hundredth of its standard deviation.
#[divan::bench(args = [false, true])]
fn clark_scarf_optimum(bencher: divan::Bencher, normal: bool) {
    let demand = |time: f64| {
        if normal { GridDemand::normal(64.0 * time, 8.0 * time.sqrt(), 0.02) } else { GridDemand::poisson(16.0 * time) }
    };
    let stages = [2.0, 2.0, 1.0, 1.0, 1.0]
        .map(|echelon_holding_cost| SerialStage { echelon_holding_cost, lead_time_demand: demand(0.5) });
    let system = SerialSystem { stages: stages.to_vec(), backorder_cost: 24.0, review_demand: None };
    bencher.bench(|| divan::black_box(&system).optimum());
}
