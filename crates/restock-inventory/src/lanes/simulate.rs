//! Average cost of a policy by simulation in lanes, with a standard error and common random numbers.
//!
//! Every lane is an independent replication: it plays a warm-up that is not counted and then a number of periods, whose
//! mean cost is the lane's. Lanes are independent, so their spread gives the standard error without any assumption on
//! how periods depend on each other (replication-deletion; Law 2015, section 9.5).
//!
//! Two simulations with the same plan meet the same chances, lane by lane. The difference of two policies is then far
//! more certain than either cost ([`SimulatedCost::minus`]).

use fearless_simd::{Level, dispatch};
use rayon::prelude::*;

use super::{LaneEnvironment, LanePolicy, LaneRng, Lanes, N_LANES};

/// Item-periods that a thread takes at a time, at least: milliseconds of work, so that handing it out costs nothing.
const ITEM_PERIODS_PER_TASK: usize = 1 << 19;

/// How much is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimulationPlan {
    /// Replications; rounded up to a multiple of [`N_LANES`].
    pub n_lanes: usize,
    /// Periods from the initial state that are not counted.
    pub n_warm_up: usize,
    /// Periods that are counted.
    pub n_periods: usize,
    /// Seed of everything that chance decides.
    pub seed: u64,
}

impl SimulationPlan {
    /// Item-periods played, warm-up included.
    pub fn n_item_periods(&self) -> usize {
        self.n_blocks() * N_LANES * (self.n_warm_up + self.n_periods)
    }

    fn n_blocks(&self) -> usize {
        self.n_lanes.div_ceil(N_LANES)
    }
}

/// What a simulation says about an average cost.
#[derive(Clone, Debug, PartialEq)]
pub struct SimulatedCost {
    /// `[n_lanes]`: mean cost per period of each lane, currency.
    pub lane_costs: Vec<f64>,
}

impl SimulatedCost {
    /// The estimated average cost per period, currency.
    pub fn mean(&self) -> f64 {
        self.lane_costs.iter().sum::<f64>() / self.lane_costs.len() as f64
    }

    /// The standard error of [`SimulatedCost::mean`], currency.
    pub fn standard_error(&self) -> f64 {
        let (mean, n_lanes) = (self.mean(), self.lane_costs.len() as f64);
        let squares: f64 = self.lane_costs.iter().map(|cost| (cost - mean).powi(2)).sum();
        (squares / (n_lanes - 1.0) / n_lanes).sqrt()
    }

    /// How much more this policy costs than another that met the same chances, lane by lane.
    ///
    /// # Panics
    /// When the numbers of lanes differ.
    pub fn minus(&self, other: &Self) -> Self {
        assert_eq!(self.lane_costs.len(), other.lane_costs.len(), "simulations of different plans");
        Self { lane_costs: self.lane_costs.iter().zip(&other.lane_costs).map(|(cost, other)| cost - other).collect() }
    }
}

/// Simulates a policy; the same plan gives the same costs on any number of threads and with any vector
/// instructions.
///
/// # Panics
/// When there is nothing to simulate.
///
/// # Examples
/// ```
/// use restock_inventory::discrete_demand::DiscreteDemand;
/// use restock_inventory::environments::{LostSales, lost_sales::LostSalesCosts};
/// use restock_inventory::heuristics::CappedBaseStock;
/// use restock_inventory::lanes::{LostSalesLanes, SimulationPlan, simulate};
///
/// let costs = LostSalesCosts { holding_cost: 1.0, stockout_cost: 4.0, order_cost: 0.0 };
/// let demand = vec![DiscreteDemand::poisson(5.0, 60)];
/// let policy = CappedBaseStock { base_stock_level: 17, max_order: 5 };
/// let exact = policy.average_cost(2, costs, &demand, 1e-6);
///
/// let problem = LostSalesLanes::new(LostSales::new(2, costs, demand));
/// let plan = SimulationPlan { n_lanes: 128, n_periods: 1_000, n_warm_up: 50, seed: 1 };
/// let simulated = simulate(&problem, &policy, &plan);
/// assert!((simulated.mean() - exact).abs() < 4.0 * simulated.standard_error());
/// ```
pub fn simulate<E: LaneEnvironment>(
    environment: &E,
    policy: &impl LanePolicy<E>,
    plan: &SimulationPlan,
) -> SimulatedCost {
    simulate_at(Level::new(), environment, policy, plan)
}

/// [`simulate`] with the vector instructions of a level.
fn simulate_at<E: LaneEnvironment>(
    level: Level,
    environment: &E,
    policy: &impl LanePolicy<E>,
    plan: &SimulationPlan,
) -> SimulatedCost {
    assert!(plan.n_lanes >= 2 && plan.n_periods >= 1, "{plan:?} simulates nothing");
    let item_periods_per_block = N_LANES * (plan.n_warm_up + plan.n_periods);
    let blocks_per_task = ITEM_PERIODS_PER_TASK.div_ceil(item_periods_per_block);
    let blocks = (0..plan.n_blocks()).into_par_iter().with_min_len(blocks_per_task);
    let costs: Vec<_> = blocks.map(|block_idx| block_at(level, environment, policy, plan, block_idx)).collect();
    SimulatedCost { lane_costs: costs.into_iter().flatten().collect() }
}

/// [`block`] compiled once for each width of vectors; the machine's widest is chosen when the program runs.
fn block_at<E: LaneEnvironment>(
    level: Level,
    environment: &E,
    policy: &impl LanePolicy<E>,
    plan: &SimulationPlan,
    block_idx: usize,
) -> Lanes<f64> {
    dispatch!(level, _ => block(environment, policy, plan, block_idx))
}

/// Mean cost per period of each lane of a block.
#[inline(always)]
fn block<E: LaneEnvironment>(
    environment: &E,
    policy: &impl LanePolicy<E>,
    plan: &SimulationPlan,
    block_idx: usize,
) -> Lanes<f64> {
    let mut rng = LaneRng::new(plan.seed, block_idx as u64);
    let mut states = environment.reset();
    let mut actions = environment.no_action();
    let mut total = [0.0; N_LANES];
    for period in 0..plan.n_warm_up + plan.n_periods {
        policy.act(environment, &states, &mut actions);
        let chances = environment.sample_chance(&states, &actions, &mut rng);
        let cost = environment.step(&mut states, &actions, &chances).cost;
        if period >= plan.n_warm_up {
            for lane in 0..N_LANES {
                total[lane] += cost[lane];
            }
        }
    }
    total.map(|total| total / plan.n_periods as f64)
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::discrete_demand::DiscreteDemand;
    use crate::environments::lost_sales::LostSalesCosts;
    use crate::environments::{LostSales, LostSalesState};
    use crate::exact::{Criterion, Settings, evaluate};
    use crate::heuristics::CappedBaseStock;
    use crate::lanes::network::{Activation, Dense, Network, NetworkPolicy};
    use crate::lanes::search::search;
    use crate::lanes::{BaseStock, LostSalesLanes};

    const PLAN: SimulationPlan = SimulationPlan { n_lanes: 200, n_warm_up: 20, n_periods: 300, seed: 3 };

    fn problem(lead_time: usize, stockout_cost: f64, demand: DiscreteDemand, cap: i64) -> LostSales {
        let costs = LostSalesCosts { holding_cost: 1.0, stockout_cost, order_cost: 0.0 };
        LostSales::with_caps(lead_time, costs, vec![demand], cap, cap)
    }

    fn network(rng: &mut ChaCha8Rng, activation: Activation) -> NetworkPolicy<4, 32> {
        let mut weight = || 0.6 * rng.random::<f32>() - 0.3;
        let network = Network {
            first: Dense {
                weights: std::array::from_fn(|_| std::array::from_fn(|_| weight())),
                biases: std::array::from_fn(|_| weight()),
            },
            second: Dense {
                weights: std::array::from_fn(|_| std::array::from_fn(|_| weight())),
                biases: std::array::from_fn(|_| weight()),
            },
            output: Dense { weights: [std::array::from_fn(|_| weight())], biases: [0.0] },
            activation,
        };
        NetworkPolicy { network, scale: 5.0, max_order: 12 }
    }

    /// Threads, vector instructions and the number of lanes beside it change nothing in a lane.
    #[test]
    fn threads_and_machines_give_the_same_costs() {
        let environment = LostSalesLanes::new(problem(4, 4.0, DiscreteDemand::poisson(5.0, 60), 60));
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for activation in [Activation::Relu, Activation::Elu] {
            let policy = network(&mut rng, activation);
            let here = simulate(&environment, &policy, &PLAN);
            assert_eq!(here.lane_costs.len(), 224);
            for n_threads in [1, 2, 5] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
                assert_eq!(pool.install(|| simulate(&environment, &policy, &PLAN)), here);
            }
            let levels = [Some(Level::baseline()), Level::new().as_avx2().map(Level::Avx2), Some(Level::new())];
            for level in levels.into_iter().flatten() {
                assert_eq!(simulate_at(level, &environment, &policy, &PLAN), here, "{level:?}");
            }
            let more = simulate(&environment, &policy, &SimulationPlan { n_lanes: 320, ..PLAN });
            assert_eq!(more.lane_costs[..224], here.lane_costs);
        }
        let policy = CappedBaseStock { base_stock_level: 26, max_order: 6 };
        assert_ne!(
            simulate(&environment, &policy, &PLAN),
            simulate(&environment, &policy, &SimulationPlan { seed: 4, ..PLAN })
        );
    }

    /// Rows of the test bed of Zipkin (2008): base-stock and capped base-stock. Four standard errors are exceeded by
    /// chance once in 16,000 times; the seed is fixed, so the test does not flicker.
    #[test]
    fn simulated_costs_agree_with_the_exact_evaluation() {
        let poisson = || DiscreteDemand::poisson(5.0, 60);
        let geometric = || DiscreteDemand::geometric(5.0, 250);
        let plan = SimulationPlan { n_lanes: 512, n_warm_up: 100, n_periods: 4000, seed: 20 };
        for (lead_time, stockout_cost, demand, base_stock_level, max_order) in [
            (1, 4.0, poisson(), 12, 6),
            (2, 4.0, poisson(), 17, 5),
            (3, 9.0, poisson(), 24, 7),
            (1, 9.0, geometric(), 22, 11),
            (2, 39.0, geometric(), 45, 20),
        ] {
            let problem = problem(lead_time, stockout_cost, demand, base_stock_level);
            let position = |state: &LostSalesState| state.inventory_position();
            let exact = |order: &(dyn Fn(i64) -> i64 + Sync)| {
                let policy = |state: &LostSalesState| order(position(state));
                evaluate(&problem, policy, Criterion::Average, &Settings::default()).average_cost.unwrap()
            };
            let base_stock_exact = exact(&|position| base_stock_level - position);
            let capped_exact = exact(&|position| (base_stock_level - position).min(max_order));
            let lanes = LostSalesLanes::new(problem.clone());
            for (exact, simulated) in [
                (base_stock_exact, simulate(&lanes, &BaseStock { base_stock_level }, &plan)),
                (capped_exact, simulate(&lanes, &CappedBaseStock { base_stock_level, max_order }, &plan)),
            ] {
                let (mean, error) = (simulated.mean(), simulated.standard_error());
                assert!((mean - exact).abs() < 4.0 * error, "{mean} ± {error}, exact {exact}");
                assert!(error < 2e-3 * exact, "{error} of {exact}: the plan is too short to say anything");
            }
        }
    }

    /// The published best levels of Zipkin's test bed (2008), lead time 2, are where the search ends.
    #[test]
    fn search_with_common_random_numbers_finds_the_best_levels() {
        let lanes = LostSalesLanes::new(problem(2, 4.0, DiscreteDemand::poisson(5.0, 60), 60));
        let plan = SimulationPlan { n_lanes: 256, n_warm_up: 50, n_periods: 2000, seed: 7 };
        let found = search([10, 10], [(1, 60), (1, 30)], 8, |[base_stock_level, max_order]| {
            let policy = CappedBaseStock { base_stock_level: *base_stock_level, max_order: *max_order };
            simulate(&lanes, &policy, &plan).mean()
        });
        assert_eq!(found.parameters, [17, 5], "{found:?}");
    }

    /// A difference is known far better with common random numbers than without.
    #[test]
    fn common_random_numbers_sharpen_differences() {
        let lanes = LostSalesLanes::new(problem(2, 4.0, DiscreteDemand::poisson(5.0, 60), 60));
        let with = |seed, max_order| {
            let policy = CappedBaseStock { base_stock_level: 17, max_order };
            simulate(&lanes, &policy, &SimulationPlan { seed, ..PLAN })
        };
        let common = with(1, 6).minus(&with(1, 5)).standard_error();
        let independent = with(1, 6).minus(&with(2, 5)).standard_error();
        assert!(2.0 * common < independent, "{common} with common random numbers, {independent} without");
    }
}
