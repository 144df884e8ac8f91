//! Average cost of a policy by simulation in lanes, with a standard error and common random numbers.
//!
//! Every lane is an independent replication: it plays a warm-up that is not counted and then a number of periods, whose
//! mean cost is the lane's. Lanes are independent, so their spread gives the standard error without any assumption on
//! how periods depend on each other (replication-deletion; Law 2015, section 9.5).
//!
//! Two simulations with the same plan meet the same chances, lane by lane. The difference of two policies is then far
//! more certain than either cost ([`SimulatedCost::minus`]).

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

/// Simulates a policy; the same plan gives the same costs on any number of threads.
///
/// # Panics
/// When there is nothing to simulate.
pub fn simulate<E: LaneEnvironment>(
    environment: &E,
    policy: &impl LanePolicy<E>,
    plan: &SimulationPlan,
) -> SimulatedCost {
    assert!(plan.n_lanes >= 2 && plan.n_periods >= 1, "{plan:?} simulates nothing");
    let item_periods_per_block = N_LANES * (plan.n_warm_up + plan.n_periods);
    let blocks_per_task = ITEM_PERIODS_PER_TASK.div_ceil(item_periods_per_block);
    let blocks = (0..plan.n_blocks()).into_par_iter().with_min_len(blocks_per_task);
    let block_costs: Vec<Lanes<f64>> = blocks.map(|block_idx| block(environment, policy, plan, block_idx)).collect();
    SimulatedCost { lane_costs: block_costs.into_iter().flatten().collect() }
}

/// Mean cost per period of each lane of a block.
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
