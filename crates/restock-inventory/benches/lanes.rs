//! Item-periods per second of the vectorised problems, demand sampling included.
//!
//! - `cargo bench -p restock-inventory --bench lanes` times them by the clock.
//! - `cargo bench -p restock-inventory --bench lanes -- --cpu` prints one line per problem: name, tab, the median and the
//!   best number of item-periods per CPU second of one core, which a busy machine disturbs less (Linux only).

#![allow(clippy::print_stdout)]

use divan::counter::ItemsCount;
use restock_inventory::discrete_demand::DiscreteDemand;
use restock_inventory::environments::dual_sourcing::DualSourcingCosts;
use restock_inventory::environments::lost_sales::LostSalesCosts;
use restock_inventory::environments::perishable::{HoldingCharge, IssuingLaw, PerishableCosts};
use restock_inventory::environments::serial::InTransit;
use restock_inventory::environments::stochastic_lead_times::Crossing;
use restock_inventory::environments::{
    Backorders, DualSourcing, LostSales, Network, Perishable, RandomYield, Serial, StochasticLeadTimes, WorkedExample,
    Yield,
};
use restock_inventory::heuristics::{CappedBaseStock, CappedDualIndex, LinearInflation, LinkBaseStock, OrderUpToRule};
use restock_inventory::lanes::network::{self, Activation, Dense};
use restock_inventory::lanes::{
    BackorderLanes, BaseStock, DualSourcingLanes, LaneEnvironment, LanePolicy, LaneUnits, Lanes, LostSalesLanes,
    NetworkPolicy, PerishableLanes, RandomYieldLanes, SerialBaseStock, SerialLanes, SimulationPlan,
    StochasticLeadTimesLanes, SupplyNetworkLanes, WorkedExampleLanes, simulate,
};
use restock_inventory::zheng_federgruen::BackorderProblem;

/// A quarter of a million item-periods: one task of one thread.
const ONE_TASK: SimulationPlan = SimulationPlan { n_lanes: 256, n_warm_up: 24, n_periods: 1000, seed: 1 };

/// Samples that `--cpu` takes the median of.
const N_SAMPLES: usize = 9;

const NAMES: &[&str] = &[
    "worked example, order up to",
    "lost sales L=1, capped base-stock",
    "lost sales L=4, capped base-stock",
    "lost sales L=10, capped base-stock",
    "lost sales L=4, cyclic, order cost",
    "lost sales L=4, network 2x32 ReLU",
    "lost sales L=4, network 2x32 ELU",
    "backorders L=4, (s, S)",
    "dual sourcing, capped dual index",
    "perishable 5 ages FIFO, base-stock",
    "perishable 5 ages LIFO, base-stock",
    "perishable 5 ages mixed, base-stock",
    "serial 4 stages, echelon base-stock",
    "random yield, linear inflation",
    "lost sales, random lead time in sequence, base-stock",
    "lost sales, random lead time of each unit, base-stock",
    "network of 3 stages, base-stock by link",
];

type Simulation = Box<dyn Fn(&SimulationPlan) -> f64 + Send + Sync>;

fn main() {
    if std::env::args().any(|argument| argument == "--cpu") { cpu_table() } else { divan::main() }
}

#[divan::bench(args = NAMES)]
fn one_core(bencher: divan::Bencher, name: &str) {
    let simulation = simulation(name);
    bencher.counter(ItemsCount::new(ONE_TASK.n_item_periods())).bench(|| simulation(&ONE_TASK));
}

/// The same work on one and on two threads: 32 million item-periods.
#[divan::bench(args = [1, 2], sample_size = 1)]
fn lost_sales_on_cores(bencher: divan::Bencher, n_threads: usize) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().expect("threads");
    let simulation = simulation("lost sales L=4, capped base-stock");
    let plan = SimulationPlan { n_lanes: 128 * ONE_TASK.n_lanes, ..ONE_TASK };
    let bencher = bencher.counter(ItemsCount::new(plan.n_item_periods()));
    bencher.bench_local(|| pool.install(|| simulation(&plan)));
}

fn cpu_table() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build().expect("a thread");
    for name in NAMES {
        let simulation = simulation(name);
        let mut speeds: Vec<f64> = (0..N_SAMPLES).map(|_| pool.install(|| sample(&simulation))).collect();
        speeds.sort_by(f64::total_cmp);
        println!("{name}\t{:.0}\t{:.0}", speeds[N_SAMPLES / 2], speeds[N_SAMPLES - 1]);
    }
}

/// Item-periods per CPU second; the scheduler counts in ticks of milliseconds, so a sample is many of them.
fn sample(simulation: &Simulation) -> f64 {
    const SECONDS: f64 = 0.1;
    let begin = cpu_seconds();
    let mut n_item_periods = 0;
    loop {
        divan::black_box(simulation(&ONE_TASK));
        n_item_periods += ONE_TASK.n_item_periods();
        let seconds = cpu_seconds() - begin;
        if seconds >= SECONDS {
            return n_item_periods as f64 / seconds;
        }
    }
}

/// Seconds that this thread has been on a core.
fn cpu_seconds() -> f64 {
    let status = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let nanoseconds = status.split(' ').next().and_then(|on_core| on_core.parse::<f64>().ok());
    nanoseconds.expect("time on a core comes first") * 1e-9
}

fn simulation(name: &str) -> Simulation {
    match name {
        "worked example, order up to" => of(
            WorkedExampleLanes::new(WorkedExample::new(5.0, DiscreteDemand::poisson(30.0, 90))),
            |_: &WorkedExampleLanes, stock: &Lanes<LaneUnits>, order: &mut Lanes<LaneUnits>| up_to(40, stock, order),
        ),
        "lost sales L=1, capped base-stock" => of(lost_sales(1, 1, 0.0), CAPPED),
        "lost sales L=4, capped base-stock" => of(lost_sales(4, 1, 0.0), CAPPED),
        "lost sales L=10, capped base-stock" => of(lost_sales(10, 1, 0.0), CAPPED),
        "lost sales L=4, cyclic, order cost" => {
            of(lost_sales(4, 7, 50.0), OrderUpToRule { reorder_point: 20, order_up_to_level: 40 })
        }
        "lost sales L=4, network 2x32 ReLU" => of(lost_sales(4, 1, 0.0), network(Activation::Relu)),
        "lost sales L=4, network 2x32 ELU" => of(lost_sales(4, 1, 0.0), network(Activation::Elu)),
        "backorders L=4, (s, S)" => {
            let problem = BackorderProblem { holding_cost: 1.0, stockout_cost: 9.0, order_cost: 64.0, lead_time: 4 };
            let plain = Backorders::new(problem, DiscreteDemand::poisson(5.0, 40), 1);
            of(BackorderLanes::new(plain), OrderUpToRule { reorder_point: 24, order_up_to_level: 46 })
        }
        "dual sourcing, capped dual index" => {
            let costs =
                DualSourcingCosts { regular_cost: 0.0, expedited_cost: 5.0, holding_cost: 5.0, backorder_cost: 95.0 };
            let plain = DualSourcing::new(2, 0, costs, DiscreteDemand::uniform(0, 4));
            of(DualSourcingLanes::new(plain), CappedDualIndex { expedited_level: 4, regular_level: 7, regular_cap: 2 })
        }
        "perishable 5 ages FIFO, base-stock" => perishable(IssuingLaw::fifo(&DiscreteDemand::poisson(5.0, 20))),
        "perishable 5 ages LIFO, base-stock" => perishable(IssuingLaw::lifo(&DiscreteDemand::poisson(5.0, 20))),
        "perishable 5 ages mixed, base-stock" => perishable(IssuingLaw::drawn(&DiscreteDemand::poisson(5.0, 20), 0.5)),
        "serial 4 stages, echelon base-stock" => {
            let demand = DiscreteDemand::poisson(5.0, 40);
            let plain = Serial::new(vec![1.0, 0.75, 0.5, 0.25], vec![1, 2, 1, 2], 9.0, InTransit::Charged, demand);
            let policy = SerialBaseStock { echelon_base_stock_levels: [13, 24, 30, 41] };
            of(SerialLanes::<4>::new(plain), policy)
        }
        "random yield, linear inflation" => {
            let demand = DiscreteDemand::poisson(5.0, 40);
            let plain = RandomYield::new(1.0, 9.0, demand, Yield::Binomial(0.8), 30, -60..=40);
            of(RandomYieldLanes::new(plain), LinearInflation { order_up_to_level: 10, inflation: 1.25 })
        }
        "lost sales, random lead time in sequence, base-stock" => random_lead_time(Crossing::Sequential),
        "lost sales, random lead time of each unit, base-stock" => random_lead_time(Crossing::EachUnit),
        "network of 3 stages, base-stock by link" => {
            let plain = Network::from_toml(include_str!("../src/problems/network.toml").replace(KEY, "").as_str());
            let twin = SupplyNetworkLanes::new(plain.expect("a network of ours"));
            of(twin, LinkBaseStock { levels: vec![75, 30, 35] })
        }
        other => panic!("{other} is not in the list"),
    }
}

fn of<E: LaneEnvironment + Send + 'static>(environment: E, policy: impl LanePolicy<E> + Send + 'static) -> Simulation {
    Box::new(move |plan| simulate(&environment, &policy, plan).mean())
}

const CAPPED: CappedBaseStock = CappedBaseStock { base_stock_level: 26, max_order: 6 };

fn lost_sales(lead_time: usize, cycle_length: usize, order_cost: f64) -> LostSalesLanes {
    let costs = LostSalesCosts { holding_cost: 1.0, stockout_cost: 4.0, order_cost };
    let laws = (0..cycle_length).map(|phase| DiscreteDemand::poisson(5.0 + phase as f64 / 2.0, 60)).collect();
    LostSalesLanes::new(LostSales::with_caps(lead_time, costs, laws, 60, 60))
}

/// What `restock solve` needs and a network alone has not.
const KEY: &str = "problem = \"network\"";

fn random_lead_time(crossing: Crossing) -> Simulation {
    let demand = vec![DiscreteDemand::poisson(5.0, 40)];
    let plain = StochasticLeadTimes::new(1.0, 9.0, demand, vec![0.0, 0.3, 0.5, 0.2], crossing, 60);
    of(StochasticLeadTimesLanes::new(plain), BaseStock { base_stock_level: 18 })
}

fn network(activation: Activation) -> NetworkPolicy<4, 32> {
    let weight = |row: usize, column: usize| ((row * 31 + column * 17) % 13) as f32 / 26.0 - 0.23;
    let network = network::Network {
        first: Dense { weights: std::array::from_fn(|row| std::array::from_fn(|i| weight(row, i))), biases: [0.1; 32] },
        second: Dense {
            weights: std::array::from_fn(|row| std::array::from_fn(|i| weight(row, i))),
            biases: [0.1; 32],
        },
        output: Dense { weights: [std::array::from_fn(|i| weight(3, i))], biases: [0.0] },
        activation,
    };
    NetworkPolicy { network, scale: 5.0, max_order: 12 }
}

fn perishable(law: IssuingLaw) -> Simulation {
    let costs = PerishableCosts { holding_cost: 1.0, stockout_cost: 5.0, waste_cost: 7.0, ..Default::default() };
    let plain = Perishable::new(5, 2, costs, law, HoldingCharge::AfterExpiry, 20, 60);
    of(PerishableLanes::new(plain), BaseStock { base_stock_level: 17 })
}

fn up_to(level: i32, stock: &Lanes<LaneUnits>, order: &mut Lanes<LaneUnits>) {
    for (order, stock) in order.iter_mut().zip(stock) {
        order.0 = level.wrapping_sub(stock.0).max(0);
    }
}
