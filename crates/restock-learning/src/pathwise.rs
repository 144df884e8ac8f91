//! Differentiable simulation: the gradient of the mean cost through the rollout
//! (Madeka et al. 2022, "Deep inventory management"; Alvo, Russo & Kanoria 2023, "Neural inventory control in networks via
//! hindsight differentiable policy optimization").
//!
//! Read top to bottom: [`PathwiseSettings`], [`Training`], the rollout of a block, forward and back, [`validate`].
//!
//! A step plays fresh demand paths from random states forward, every period of every lane with the network in it, and
//! then walks back: from the slope of the mean cost by the last state to that by the first, through each period and each
//! decision. The slopes of the weights are what Adam takes a step against.
//!
//! # Differences from the papers
//! 1. Demand is drawn anew from its law in each step, not taken from a data set.
//! 2. Orders of the last `n_tail` periods do not teach: what they lead to lies beyond the horizon. Costs of the first
//!    `n_head` periods do not count: they come from the random start.
//! 3. Costs are divided by that of holding one period's demand, so that one bound on the gradient fits all problems.
//!
//! # Result
//! `RESULTS.md` of this crate: rows of the published tables with their optima, gaps and CPU seconds, and the
//! `learned_tables` commands that print them.
//!
//! # Randomness
//! Each block of lanes of each step has a generator of its own; sums over blocks run in the order of the blocks. So
//! results depend neither on the number of threads nor on where a training was interrupted.

use fearless_simd::{Level, dispatch};
use rayon::prelude::*;
use restock_inventory::lanes::network::Activation;
use restock_inventory::lanes::{LaneRng, N_LANES, SimulatedCost, SimulationPlan};
use serde::{Deserialize, Serialize};

use crate::adam::{Adam, AdamSettings, CosineSchedule};
use crate::network::{Gradient, LoadedNetwork, Network, Row, SlopeRows, Trace};
use crate::policy::NetworkPolicy;
use crate::relaxed::Relaxed;

/// Blocks that one thread takes at a time; fixed, so that sums do not depend on the number of threads.
const BLOCKS_PER_TASK: usize = 4;

/// Periods whose slopes are added together.
const PERIODS_PER_SUM: usize = 10;

/// How a policy is trained. The default is the recipe that the tables of this crate are made with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PathwiseSettings {
    /// Units of each hidden layer.
    pub hidden: Vec<usize>,
    /// Whether hidden layers are ReLU, else ELU.
    pub relu: bool,
    /// Demand paths of a step; rounded up to whole tasks of blocks.
    pub n_lanes: usize,
    /// Periods of a path.
    pub n_periods: usize,
    /// First periods whose cost does not count.
    pub n_head: usize,
    /// Last periods whose orders do not teach.
    pub n_tail: usize,
    /// What a cost one period later counts, 1 for the average cost.
    pub discount_factor: f64,
    /// The learning rate, step by step.
    pub schedule: CosineSchedule,
    /// The optimiser.
    pub adam: AdamSettings,
    /// Steps between two validations.
    pub n_steps_per_validation: u64,
    /// The simulation that validates; its seed is apart from that of the training.
    pub validation: ValidationPlan,
    /// Seed of weights and of all that chance decides in training.
    pub seed: u64,
}

/// How much a validation simulates; as [`SimulationPlan`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidationPlan {
    /// Replications.
    pub n_lanes: usize,
    /// Periods from the initial state that are not counted.
    pub n_warm_up: usize,
    /// Periods that are counted.
    pub n_periods: usize,
    /// Seed of all that chance decides.
    pub seed: u64,
}

impl From<ValidationPlan> for SimulationPlan {
    fn from(plan: ValidationPlan) -> Self {
        let ValidationPlan { n_lanes, n_warm_up, n_periods, seed } = plan;
        Self { n_lanes, n_warm_up, n_periods, seed }
    }
}

impl Default for PathwiseSettings {
    fn default() -> Self {
        Self {
            hidden: vec![32, 32],
            relu: false,
            n_lanes: 256,
            n_periods: 50,
            n_head: 0,
            n_tail: 0,
            discount_factor: 1.0,
            schedule: CosineSchedule { learning_rate: 1e-2, final_share: 0.01, n_warm_up: 100, n_steps: 12_000 },
            adam: AdamSettings::default(),
            n_steps_per_validation: 1_000,
            validation: ValidationPlan { n_lanes: 512, n_warm_up: 100, n_periods: 400, seed: 0x5EED },
            seed: 1,
        }
    }
}

impl PathwiseSettings {
    fn network<R: Relaxed>(&self, relaxed: &R) -> Network {
        let rows = relaxed.rows();
        let sizes: Vec<usize> =
            std::iter::once(rows.features).chain(self.hidden.iter().copied()).chain([rows.action]).collect();
        Network::new(&sizes, if self.relu { Activation::Relu } else { Activation::Elu })
    }

    /// `[n_periods]`: what the cost of each period counts in the mean.
    fn period_weights(&self) -> Vec<f64> {
        let weight = |period: usize| {
            let counted = period.checked_sub(self.n_head);
            counted.map_or(0.0, |counted| self.discount_factor.powi(counted as i32))
        };
        let weights: Vec<f64> = (0..self.n_periods).map(weight).collect();
        let total: f64 = weights.iter().sum();
        weights.into_iter().map(|weight| weight / total).collect()
    }
}

/// A point of the learning curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Steps made.
    pub n_steps: u64,
    /// Mean cost per period of the rollouts since the last point, continuous quantities from random starts, currency.
    pub training_cost: f64,
    /// Mean cost per period of the policy in whole units, currency.
    pub validation_cost: f64,
}

/// A training: what it is, how far it has come and what it has learned. Written to a file and read again it goes on
/// with the same numbers.
///
/// # Examples
/// ```
/// use restock_inventory::discrete_demand::DiscreteDemand;
/// use restock_inventory::environments::{LostSales, lost_sales::LostSalesCosts};
/// use restock_learning::pathwise::{PathwiseSettings, Training};
/// use restock_learning::relaxed::RelaxedLostSales;
///
/// let costs = LostSalesCosts { holding_cost: 1.0, stockout_cost: 4.0, order_cost: 0.0 };
/// let problem = LostSales::new(2, costs, vec![DiscreteDemand::poisson(5.0, 60)]);
/// let relaxed = RelaxedLostSales::new(problem);
/// let mut training = Training::new(&relaxed, PathwiseSettings::default());
/// training.run(&relaxed, 60, |_| {});
/// // The optimum is 4.40.
/// assert!(training.curve.last().unwrap().validation_cost < 5.0);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// How it trains.
    pub settings: PathwiseSettings,
    /// The weights and the optimiser's state.
    pub adam: Adam,
    /// The learning curve so far.
    pub curve: Vec<CurvePoint>,
    /// Sum of the training costs since the last point of the curve.
    cost_since_point: f64,
}

impl Training {
    /// A training before its first step.
    ///
    /// # Panics
    /// When settings leave no period to count or to learn from.
    pub fn new<R: Relaxed>(relaxed: &R, settings: PathwiseSettings) -> Self {
        let weights = settings.network(relaxed).initial_weights(settings.seed);
        Self::from_weights(settings, weights)
    }

    /// A training before its first step that goes on from weights of a network of the settings' shape: fine-tuning.
    ///
    /// # Panics
    /// As [`Training::new`].
    pub fn from_weights(settings: PathwiseSettings, weights: Vec<f32>) -> Self {
        assert!(settings.n_head < settings.n_periods && settings.n_tail < settings.n_periods, "{settings:?}");
        let adam = Adam::new(weights, settings.adam);
        Self { settings, adam, curve: Vec::new(), cost_since_point: 0.0 }
    }

    /// Trains until `n_steps` steps are made in all, and tells `watch` each new point of the curve; the last step has a
    /// point in any case.
    pub fn run<R: Relaxed>(&mut self, relaxed: &R, n_steps: u64, mut watch: impl FnMut(&CurvePoint)) {
        let mut rollouts = Rollouts::new(relaxed, &self.settings);
        while self.adam.n_steps < n_steps {
            let step = self.adam.n_steps;
            let (cost, gradient) = rollouts.gradient(relaxed, &self.adam.weights, step);
            self.adam.step(&gradient, self.settings.schedule.at(step));
            self.cost_since_point += cost;
            let since = self.adam.n_steps - self.curve.last().map_or(0, |point| point.n_steps);
            if since == self.settings.n_steps_per_validation || self.adam.n_steps == n_steps {
                let validation_cost = validate(relaxed, &self.policy(relaxed), &self.settings.validation.into()).mean();
                let training_cost = self.cost_since_point / since as f64;
                self.curve.push(CurvePoint { n_steps: self.adam.n_steps, training_cost, validation_cost });
                self.cost_since_point = 0.0;
                watch(self.curve.last().expect("a point"));
            }
        }
    }

    /// What has been learned.
    pub fn policy<R: Relaxed>(&self, relaxed: &R) -> NetworkPolicy {
        NetworkPolicy { network: self.settings.network(relaxed), weights: self.adam.weights.clone() }
    }
}

/// The rollouts of a step, with room for everything they compute.
pub struct Rollouts {
    settings: PathwiseSettings,
    network: Network,
    tasks: Vec<Task>,
}

impl Rollouts {
    /// Room for the rollouts of a training.
    pub fn new<R: Relaxed>(relaxed: &R, settings: &PathwiseSettings) -> Self {
        let network = settings.network(relaxed);
        let n_tasks = settings.n_lanes.div_ceil(N_LANES * BLOCKS_PER_TASK);
        let tasks = (0..n_tasks).map(|task_idx| Task::new(relaxed, &network, settings, task_idx)).collect();
        Self { settings: settings.clone(), network, tasks }
    }

    /// The network inside the rollouts.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The mean cost per period of the rollouts of a step, currency, and its slopes by the weights, in units of the cost
    /// scale.
    pub fn gradient<R: Relaxed>(&mut self, relaxed: &R, weights: &[f32], step: u64) -> (f64, Vec<f32>) {
        let network = self.network.load(weights);
        let tasks = self.tasks.par_iter_mut();
        let costs: Vec<f64> = tasks.map(|task| task.run(relaxed, &network, &self.settings, step)).collect();
        let n_lanes = (self.tasks.len() * BLOCKS_PER_TASK * N_LANES) as f64;
        let mut total = vec![0.0; self.network.n_weights()];
        self.tasks.iter().for_each(|task| task.gradient.sum_into(&mut total));
        let gradient = total.into_iter().map(|slope| (slope / n_lanes) as f32).collect();
        (costs.iter().sum::<f64>() / n_lanes, gradient)
    }
}

/// The blocks of lanes that one thread plays after each other, with room for everything they compute.
struct Task {
    task_idx: usize,
    level: Level,
    /// `[n_periods]`
    traces: Vec<Trace>,
    /// `[PERIODS_PER_SUM]`
    slope_rows: Vec<SlopeRows>,
    /// `[n_periods + 1][rows.state]`
    states: Vec<Vec<Row>>,
    /// `[n_periods][rows.action]`
    actions: Vec<Vec<Row>>,
    /// `[n_periods][rows.action]`: slopes of the orders by the outputs.
    action_by_output: Vec<Vec<Row>>,
    /// `[n_periods][rows.chance]`
    chances: Vec<Vec<Row>>,
    state_slopes: Vec<Row>,
    next_slopes: Vec<Row>,
    /// `[rows.action]`
    base: Vec<Row>,
    action_slopes: Vec<Row>,
    gradient: Gradient,
    /// `[n_periods]`
    period_weights: Vec<f64>,
}

impl Task {
    fn new<R: Relaxed>(relaxed: &R, network: &Network, settings: &PathwiseSettings, task_idx: usize) -> Self {
        let rows = relaxed.rows();
        let n_periods = settings.n_periods;
        let of = |n_rows: usize, n_periods: usize| vec![vec![Row::ZERO; n_rows]; n_periods];
        Self {
            task_idx,
            level: Level::new(),
            traces: vec![network.trace_without_slopes(); n_periods],
            slope_rows: vec![network.slope_rows(); PERIODS_PER_SUM],
            states: of(rows.state, n_periods + 1),
            actions: of(rows.action, n_periods),
            action_by_output: of(rows.action, n_periods),
            chances: of(rows.chance, n_periods),
            state_slopes: vec![Row::ZERO; rows.state],
            next_slopes: vec![Row::ZERO; rows.state],
            base: vec![Row::ZERO; rows.action],
            action_slopes: vec![Row::ZERO; rows.action],
            gradient: network.gradient(),
            period_weights: settings.period_weights(),
        }
    }

    /// Plays all blocks forward and back; returns the sum over lanes of the mean cost per period, currency.
    fn run<R: Relaxed>(&mut self, relaxed: &R, network: &LoadedNetwork, settings: &PathwiseSettings, step: u64) -> f64 {
        self.gradient.clear();
        let mut lane_costs = [0.0; N_LANES];
        for block in 0..BLOCKS_PER_TASK {
            let block_idx = (self.task_idx * BLOCKS_PER_TASK + block) as u64;
            let seed = settings.seed ^ (step + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let mut rng = LaneRng::new(seed, block_idx);
            relaxed.sample_state(&mut rng, &mut self.states[0]);
            for period in 0..settings.n_periods {
                self.forward(relaxed, network, period, &mut rng, &mut lane_costs);
            }
            self.next_slopes.fill(Row::ZERO);
            let last_taught = settings.n_periods - settings.n_tail;
            for first in (0..settings.n_periods).step_by(PERIODS_PER_SUM).rev() {
                let end = (first + PERIODS_PER_SUM).min(settings.n_periods);
                for period in (first..end).rev() {
                    self.traces[period].swap_slopes(&mut self.slope_rows[period - first]);
                    self.backward(relaxed, network, period);
                }
                self.gradient.add(&self.traces[first..end.min(last_taught).max(first)]);
                for period in first..end {
                    self.traces[period].swap_slopes(&mut self.slope_rows[period - first]);
                }
            }
        }
        lane_costs.iter().sum()
    }

    /// One period; adds to the weighted costs of each lane, currency.
    fn forward<R: Relaxed>(
        &mut self,
        relaxed: &R,
        network: &LoadedNetwork,
        period: usize,
        rng: &mut LaneRng,
        lane_costs: &mut [f64; N_LANES],
    ) {
        let trace = &mut self.traces[period];
        let (before, after) = self.states.split_at_mut(period + 1);
        let (state, next) = (&before[period], &mut after[0]);
        let (action, chance) = (&mut self.actions[period], &mut self.chances[period]);
        let by_output = &mut self.action_by_output[period];
        dispatch!(self.level, _ => relaxed.features(state, trace.inputs_mut()));
        network.forward(trace);
        let (base, mut cost, weight) = (&mut self.base, Row::ZERO, self.period_weights[period]);
        dispatch!(self.level, simd => {
            relaxed.orders(simd, state, trace.outputs(), base, action, by_output);
            relaxed.sample_chance(state, rng, chance);
            relaxed.step(state, action, chance, next, &mut cost);
            for lane in 0..N_LANES {
                lane_costs[lane] += weight * f64::from(cost.0[lane]);
            }
        });
    }

    /// The way back through one period.
    fn backward<R: Relaxed>(&mut self, relaxed: &R, network: &LoadedNetwork, period: usize) {
        let trace = &mut self.traces[period];
        let (state, action, chance) = (&self.states[period], &self.actions[period], &self.chances[period]);
        let by_output = &self.action_by_output[period];
        let cost_slope = self.period_weights[period] as f32 / relaxed.cost_scale();
        let (state_slopes, action_slopes) = (&mut self.state_slopes, &mut self.action_slopes);
        let next_slopes = &self.next_slopes;
        dispatch!(self.level, _ => {
            relaxed.step_adjoint(state, action, chance, next_slopes, cost_slope, state_slopes, action_slopes);
            let (outputs, output_slopes) = trace.outputs_and_slopes_mut();
            relaxed.orders_adjoint(state, outputs, by_output, action_slopes, output_slopes, state_slopes);
        });
        network.backward(trace);
        dispatch!(self.level, _ => relaxed.features_adjoint(state, trace.input_slopes(), state_slopes));
        std::mem::swap(&mut self.state_slopes, &mut self.next_slopes);
    }
}

/// The average cost of a policy in whole units, by simulation from the initial state. Two policies with one plan meet the
/// same chances.
///
/// On whole units a relaxed problem is the plain one, so this is the cost of what is deployed, without caps on orders.
pub fn validate<R: Relaxed>(relaxed: &R, policy: &NetworkPolicy, plan: &SimulationPlan) -> SimulatedCost {
    let network = policy.network.load(&policy.weights);
    let blocks = (0..plan.n_lanes.div_ceil(N_LANES)).into_par_iter().with_min_len(BLOCKS_PER_TASK);
    let costs: Vec<_> =
        blocks.map(|block_idx| validate_block(relaxed, &network, policy.network.trace(), plan, block_idx)).collect();
    SimulatedCost { lane_costs: costs.into_iter().flatten().collect() }
}

fn validate_block<R: Relaxed>(
    relaxed: &R,
    network: &LoadedNetwork,
    trace: Trace,
    plan: &SimulationPlan,
    block_idx: usize,
) -> [f64; N_LANES] {
    let mut player = Player::new(relaxed, trace);
    let mut rng = LaneRng::new(plan.seed, block_idx as u64);
    player.restart(relaxed, block_idx);
    let mut total = [0.0; N_LANES];
    for period in 0..plan.n_warm_up + plan.n_periods {
        player.decide(relaxed, network);
        let cost = player.step(relaxed, &mut rng);
        if period >= plan.n_warm_up {
            total.iter_mut().zip(&cost.0).for_each(|(total, cost)| *total += f64::from(*cost));
        }
    }
    total.map(|total| total / plan.n_periods as f64)
}

/// A block of lanes that plays a policy in whole units.
pub(crate) struct Player {
    level: Level,
    trace: Trace,
    /// `[rows.state]`
    pub(crate) state: Vec<Row>,
    /// `[rows.action]`: what is done in the next period, whole units.
    pub(crate) action: Vec<Row>,
    next: Vec<Row>,
    chance: Vec<Row>,
    base: Vec<Row>,
    by_output: Vec<Row>,
}

impl Player {
    pub(crate) fn new<R: Relaxed>(relaxed: &R, trace: Trace) -> Self {
        let rows = relaxed.rows();
        let of = |n_rows: usize| vec![Row::ZERO; n_rows];
        Self {
            level: Level::new(),
            trace,
            state: of(rows.state),
            action: of(rows.action),
            next: of(rows.state),
            chance: of(rows.chance),
            base: of(rows.action),
            by_output: of(rows.action),
        }
    }

    /// The states that a block starts from.
    pub(crate) fn restart<R: Relaxed>(&mut self, relaxed: &R, block_idx: usize) {
        relaxed.start(block_idx, &mut self.state);
    }

    /// The network's orders, rounded.
    pub(crate) fn decide<R: Relaxed>(&mut self, relaxed: &R, network: &LoadedNetwork) {
        let Self { level, trace, state, action, base, by_output, .. } = self;
        dispatch!(*level, _ => relaxed.features(state, trace.inputs_mut()));
        network.forward(trace);
        dispatch!(*level, simd => {
            relaxed.orders(simd, state, trace.outputs(), base, action, by_output);
            relaxed.round(state, action);
        });
    }

    /// Plays one period; returns its cost, currency.
    pub(crate) fn step<R: Relaxed>(&mut self, relaxed: &R, rng: &mut LaneRng) -> Row {
        let Self { level, state, action, next, chance, .. } = self;
        let mut cost = Row::ZERO;
        dispatch!(*level, _ => {
            relaxed.sample_chance(state, rng, chance);
            relaxed.step(state, action, chance, next, &mut cost);
        });
        std::mem::swap(state, next);
        cost
    }
}

#[cfg(test)]
mod tests {
    use restock_inventory::discrete_demand::DiscreteDemand;
    use restock_inventory::environments::LostSales;
    use restock_inventory::environments::lost_sales::LostSalesCosts;

    use super::*;
    use crate::relaxed::RelaxedLostSales;

    fn lost_sales() -> RelaxedLostSales {
        let costs = LostSalesCosts { holding_cost: 1.0, stockout_cost: 9.0, order_cost: 0.0 };
        RelaxedLostSales::new(LostSales::new(3, costs, vec![DiscreteDemand::poisson(5.0, 60)]))
    }

    fn small() -> PathwiseSettings {
        PathwiseSettings {
            n_lanes: 256,
            n_periods: 18,
            n_head: 2,
            n_tail: 0,
            discount_factor: 0.98,
            n_steps_per_validation: 4,
            ..PathwiseSettings::default()
        }
    }

    /// The whole gradient against central differences of the mean cost on the same demand paths.
    #[test]
    fn the_gradient_is_a_finite_difference_of_the_rollout() {
        let relaxed = lost_sales();
        let mut rollouts = Rollouts::new(&relaxed, &small());
        let weights = rollouts.network().initial_weights(3);
        let (_, slopes) = rollouts.gradient(&relaxed, &weights, 7);
        const STEP: f32 = 2e-3;
        let (mut squares, mut errors) = (0.0, 0.0);
        for weight_idx in (0..weights.len()).step_by(13) {
            let mut cost = |shift: f32| {
                let mut moved = weights.clone();
                moved[weight_idx] += shift;
                rollouts.gradient(&relaxed, &moved, 7).0 / f64::from(relaxed.cost_scale())
            };
            let difference = (cost(STEP) - cost(-STEP)) / (2.0 * f64::from(STEP));
            squares += f64::from(slopes[weight_idx]).powi(2);
            errors += (difference - f64::from(slopes[weight_idx])).powi(2);
        }
        // Corners that a step crosses and the rounding of f32 leave a little.
        assert!(squares > 1e-4 && errors < 4e-4 * squares, "errors {errors}, squares {squares}");
    }

    #[test]
    fn threads_change_nothing() {
        let relaxed = lost_sales();
        let train = |n_threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            let mut training = Training::new(&relaxed, small());
            pool.install(|| training.run(&relaxed, 6, |_| {}));
            training
        };
        let one = train(1);
        assert_eq!(one, train(2));
        assert_eq!(one, train(3));
        let mut other = Training::new(&relaxed, PathwiseSettings { seed: 2, ..small() });
        other.run(&relaxed, 6, |_| {});
        assert_ne!(one.adam.weights, other.adam.weights);
    }

    /// A training that was written in the middle and read again makes the numbers of one that was not interrupted.
    #[test]
    fn a_resumed_training_is_the_uninterrupted_one() {
        let relaxed = lost_sales();
        let mut whole = Training::new(&relaxed, small());
        whole.run(&relaxed, 12, |_| {});
        let mut half = Training::new(&relaxed, small());
        half.run(&relaxed, 4, |_| {});
        let mut resumed: Training = serde_json::from_str(&serde_json::to_string(&half).unwrap()).unwrap();
        let mut n_points = 0;
        resumed.run(&relaxed, 12, |_| n_points += 1);
        assert_eq!((&resumed, n_points), (&whole, 2));
    }
}
