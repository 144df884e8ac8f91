//! Steps per second of differentiable simulation: 4,096 lanes of 50 periods of lost sales with lead time 4, a network
//! 2x32 inside, forward and back.
//!
//! - `cargo bench -p restock-learning --bench pathwise` times them by the clock, on one thread.
//! - `cargo bench -p restock-learning --bench pathwise -- --cpu` prints one line per case: name, tab, the median and the
//!   best number of steps per CPU second of one core, which a busy machine disturbs less (Linux only).

#![allow(clippy::print_stdout)]

use std::sync::OnceLock;

use divan::counter::ItemsCount;
use restock_inventory::discrete_demand::DiscreteDemand;
use restock_inventory::environments::LostSales;
use restock_inventory::environments::lost_sales::LostSalesCosts;
use restock_learning::pathwise::{PathwiseSettings, Rollouts};
use restock_learning::relaxed::RelaxedLostSales;

const N_LANES: usize = 4_096;
const N_PERIODS: usize = 50;
const NAMES: &[&str] = &["ReLU", "ELU"];
const N_SAMPLES: usize = 9;

fn main() {
    if std::env::args().any(|argument| argument == "--cpu") { cpu_table() } else { divan::main() }
}

struct Rollout {
    relaxed: RelaxedLostSales,
    rollouts: Rollouts,
    weights: Vec<f32>,
    step: u64,
}

impl Rollout {
    fn new(name: &str) -> Self {
        let costs = LostSalesCosts { holding_cost: 1.0, stockout_cost: 4.0, order_cost: 0.0 };
        let relaxed = RelaxedLostSales::new(LostSales::new(4, costs, vec![DiscreteDemand::poisson(5.0, 60)]));
        let settings = PathwiseSettings {
            relu: name == "ReLU",
            n_lanes: N_LANES,
            n_periods: N_PERIODS,
            n_head: 0,
            n_tail: 0,
            ..PathwiseSettings::default()
        };
        let rollouts = Rollouts::new(&relaxed, &settings);
        let weights = rollouts.network().initial_weights(1);
        Self { relaxed, rollouts, weights, step: 0 }
    }

    fn run(&mut self) -> f64 {
        self.step += 1;
        self.rollouts.gradient(&self.relaxed, &self.weights, self.step).0
    }
}

#[divan::bench(args = NAMES)]
fn one_core(bencher: divan::Bencher, name: &str) {
    let pool = one_thread();
    let mut rollout = Rollout::new(name);
    let bencher = bencher.counter(ItemsCount::new(N_LANES * N_PERIODS));
    bencher.bench_local(|| pool.install(|| rollout.run()));
}

/// The one pool of the one thread that measures.
fn one_thread() -> &'static rayon::ThreadPool {
    static POOL: OnceLock<rayon::ThreadPool> = OnceLock::new();
    POOL.get_or_init(|| rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build().expect("a thread"))
}

fn cpu_table() {
    let pool = one_thread();
    for name in NAMES {
        let mut rollout = Rollout::new(name);
        let mut speeds: Vec<f64> = (0..N_SAMPLES)
            .map(|_| {
                const N_STEPS: usize = 8;
                let begin = cpu_seconds();
                (0..N_STEPS).for_each(|_| _ = divan::black_box(pool.install(|| rollout.run())));
                (N_STEPS * N_LANES * N_PERIODS) as f64 / (cpu_seconds() - begin)
            })
            .collect();
        speeds.sort_by(f64::total_cmp);
        println!("{name}\t{:.0}\t{:.0}", speeds[N_SAMPLES / 2], speeds[N_SAMPLES - 1]);
    }
}

/// Seconds that this thread has been on a core.
fn cpu_seconds() -> f64 {
    let status = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let nanoseconds = status.split(' ').next().and_then(|on_core| on_core.parse::<f64>().ok());
    nanoseconds.expect("time on a core comes first") * 1e-9
}
