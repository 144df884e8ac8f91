//! Item-periods per second of the vectorised problems, demand sampling included:
//! `cargo bench -p restock-inventory --bench lanes`. One core unless the name says how many.

use divan::counter::ItemsCount;
use restock_inventory::discrete_demand::DiscreteDemand;
use restock_inventory::environments::lost_sales::LostSalesCosts;
use restock_inventory::environments::{LostSales, WorkedExample};
use restock_inventory::lanes::network::{Activation, Dense};
use restock_inventory::lanes::{
    CappedBaseStock, LaneEnvironment, LanePolicy, LostSalesLanes, Network, NetworkPolicy, SimulationPlan,
    WorkedExampleLanes, simulate,
};

fn main() {
    divan::main();
}

/// Half a million item-periods: one task of one thread.
const ONE_TASK: SimulationPlan = SimulationPlan { n_lanes: 512, n_warm_up: 24, n_periods: 1000, seed: 1 };

/// A task of a few milliseconds, for slower policies.
const SHORT: SimulationPlan = SimulationPlan { n_lanes: 64, ..ONE_TASK };

fn bench<E: LaneEnvironment>(
    bencher: divan::Bencher,
    environment: &E,
    policy: &impl LanePolicy<E>,
    plan: &SimulationPlan,
) {
    bencher.counter(ItemsCount::new(plan.n_item_periods())).bench(|| simulate(environment, policy, plan).mean());
}

fn lost_sales(lead_time: usize) -> LostSalesLanes {
    let costs = LostSalesCosts { holding_cost: 1.0, stockout_cost: 4.0, order_cost: 0.0 };
    LostSalesLanes::new(LostSales::new(lead_time, costs, vec![DiscreteDemand::poisson(5.0, 60)]))
}

#[divan::bench(args = [1, 4, 10])]
fn lost_sales_capped_base_stock(bencher: divan::Bencher, lead_time: usize) {
    bench(bencher, &lost_sales(lead_time), &CappedBaseStock { base_stock_level: 26, max_order: 6 }, &ONE_TASK);
}

#[divan::bench(args = [1, 2])]
fn lost_sales_capped_base_stock_on_cores(bencher: divan::Bencher, n_threads: usize) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().expect("threads");
    let (environment, policy) = (lost_sales(4), CappedBaseStock { base_stock_level: 26, max_order: 6 });
    let plan = SimulationPlan { n_lanes: 64 * 512, ..ONE_TASK };
    let bencher = bencher.counter(ItemsCount::new(plan.n_item_periods()));
    bencher.bench_local(|| pool.install(|| simulate(&environment, &policy, &plan).mean()));
}

#[divan::bench(args = [Activation::Relu, Activation::Elu])]
fn lost_sales_network_2x32(bencher: divan::Bencher, activation: Activation) {
    let weight = |row: usize, column: usize| ((row * 31 + column * 17) % 13) as f32 / 26.0 - 0.23;
    let network = Network {
        first: Dense { weights: std::array::from_fn(|row| std::array::from_fn(|i| weight(row, i))), biases: [0.1; 32] },
        second: Dense {
            weights: std::array::from_fn(|row| std::array::from_fn(|i| weight(row, i))),
            biases: [0.1; 32],
        },
        output: Dense { weights: [std::array::from_fn(|i| weight(3, i))], biases: [0.0] },
        activation,
    };
    let policy: NetworkPolicy<4, 32> = NetworkPolicy { network, scale: 5.0, max_order: 12 };
    bench(bencher, &lost_sales(4), &policy, &SHORT);
}

#[divan::bench]
fn worked_example_order_up_to(bencher: divan::Bencher) {
    let environment = WorkedExampleLanes::new(WorkedExample::new(5.0, DiscreteDemand::poisson(30.0, 90)));
    let policy = |_: &WorkedExampleLanes, stock: &_, order: &mut _| up_to(40, stock, order);
    bench(bencher, &environment, &policy, &ONE_TASK);
}

fn up_to(
    level: i32,
    stock: &restock_inventory::lanes::Lanes<restock_inventory::lanes::LaneUnits>,
    order: &mut restock_inventory::lanes::Lanes<restock_inventory::lanes::LaneUnits>,
) {
    for (order, stock) in order.iter_mut().zip(stock) {
        order.0 = level.wrapping_sub(stock.0).max(0);
    }
}
