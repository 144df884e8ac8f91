//! Many items at once: each lane plays an item of its own, drawn when its path begins, with what a policy is told of it as
//! rows of the state.
//!
//! Everything is in scales of the lane's item, quantities in its mean demand and costs in its own cost: one learning rate
//! and one gradient serve them all.
//!
//! # Orders
//! Theory gives an order and bounds, the network a correction: with the projected stock before arrival of mean `m` and
//! variance `v`, the order is
//! `μ + k·√(v + σ²) - m + σ·output`, no less than 0, no more than lifts the inventory position to the base-stock level,
//! and where demand is lost no more than the newsvendor quantile of the period of arrival (Zipkin 2008, theorem 5). `μ` and
//! `σ` are of demand in the period of arrival, `k` is the standardised quantile of demand until then. Where demand waits and
//! is stationary, an output of 0 is the optimum; where it is lost, it is about the myopic policy (Morton 1971).

use fearless_simd::Simd;
use restock_core::Units;
use restock_inventory::lanes::random::uniform;
use restock_inventory::lanes::{LaneDemand, LaneRng, Lanes, N_LANES};

use super::{Relaxed, Rows};
use crate::any_item::problem::{LEAD_TIME_MAX, N_STATIC_FEATURES, Parameters};
use crate::any_item::projection::{ByPeriod, Pipeline, Projection};
use crate::any_item::{ItemEnvironment, ItemProblem, ItemState, Unmet};
use crate::network::Row;

/// Rows of units: on hand, and what was ordered one, two, ... periods ago.
const N_UNITS: usize = LEAD_TIME_MAX;
const N_PERIODS: usize = LEAD_TIME_MAX + 1;

/// Rows after those of units.
const ITEM: usize = N_UNITS;
const PHASE: usize = ITEM + 1;
const LEAD_TIME: usize = ITEM + 2;
const IS_LOST: usize = ITEM + 3;
const UNIT: usize = ITEM + 4;
const HOLDING_COST: usize = ITEM + 5;
const STOCKOUT_COST: usize = ITEM + 6;
const DEVIATION: usize = ITEM + 7;
const LEVEL: usize = ITEM + 8;
const LEVEL_DEVIATIONS: usize = ITEM + 9;
const ORDER_MAX: usize = ITEM + 10;
/// The demand path that the lane is on, where items have paths.
const PATH: usize = ITEM + 11;
const MEANS: usize = ITEM + 12;
const VARIANCES: usize = MEANS + N_PERIODS;
const FEATURES: usize = VARIANCES + N_PERIODS;

/// Rows of a state.
pub const N_STATE_ROWS: usize = FEATURES + N_STATIC_FEATURES;

/// Features that the state moves: projected mean and variance, what is lost until arrival, the order of theory, what is
/// missing to the base-stock level, and standard deviations of safety in each period until arrival.
const N_DYNAMIC_FEATURES: usize = 5 + LEAD_TIME_MAX;

/// What the network reads.
pub const N_FEATURES: usize = N_STATIC_FEATURES + N_DYNAMIC_FEATURES;

/// Features are squashed to less than this.
const FEATURE_MAX: f32 = 4.0;

/// A set of items, relaxed.
#[derive(Clone, Debug)]
pub struct AnyItem {
    /// The first item, played unit by unit.
    plain: ItemEnvironment,
    items: Vec<ItemProblem>,
    demand: ItemDemand,
}

/// What demand of the items is drawn from.
#[derive(Clone, Debug)]
enum ItemDemand {
    /// `[n_items][cycle_length]`: the laws that the policy is told.
    Laws(Vec<Vec<LaneDemand>>),
    /// `[n_items][n_paths × cycle_length]`: joint paths of a cycle, scales; when one ends the next begins.
    Paths(Vec<Vec<f32>>),
}

impl AnyItem {
    /// Items to be played in lanes; the plain environment is that of the first.
    ///
    /// # Panics
    /// When there is no item, or there are too many to be numbered in `f32`.
    pub fn new(items: Vec<ItemProblem>) -> Self {
        assert!(!items.is_empty() && items.len() < 1 << 24, "{} items", items.len());
        let laws = items.iter().map(|item| item.demand().iter().map(LaneDemand::new).collect()).collect();
        Self { plain: ItemEnvironment::new(items[0].clone()), items, demand: ItemDemand::Laws(laws) }
    }

    /// Items to be played on demand paths of their own instead of draws from the laws that the policy is told:
    /// `[n_items][n_paths × cycle_length]`, units.
    ///
    /// # Panics
    /// As [`AnyItem::new`], and when an item has no whole number of paths.
    pub fn on_paths(items: Vec<ItemProblem>, paths: &[Vec<Units>]) -> Self {
        assert_eq!(items.len(), paths.len(), "paths for each item");
        let in_scales = |(item, paths): (&ItemProblem, &Vec<Units>)| -> Vec<f32> {
            let (n, cycle) = (paths.len(), item.demand().len());
            assert!(n >= cycle && n % cycle == 0, "{n} demands in cycles of {cycle}");
            paths.iter().map(|units| (*units as f64 / item.scale()) as f32).collect()
        };
        let paths = items.iter().zip(paths).map(in_scales).collect();
        Self { demand: ItemDemand::Paths(paths), ..Self::new(items) }
    }

    /// The number of demand paths of an item, 1 where its demand is drawn from laws.
    #[inline(always)]
    fn n_paths(&self, item_idx: usize) -> usize {
        match &self.demand {
            ItemDemand::Laws(_) => 1,
            ItemDemand::Paths(paths) => paths[item_idx].len() / self.items[item_idx].demand().len(),
        }
    }

    /// The items.
    pub fn items(&self) -> &[ItemProblem] {
        &self.items
    }
}

/// Writes what a policy is told of an item in a phase.
pub(crate) fn set_item(rows: &mut [Row], lane: usize, item: &ItemProblem, phase: usize) {
    let (holding_cost, stockout_cost) = item.unit_costs();
    let cost = item.scale() / item.cost_scale();
    let mut set = |row: usize, value: f64| rows[row].0[lane] = value as f32;
    set(LEAD_TIME, item.lead_time() as f64);
    set(IS_LOST, f64::from(u8::from(item.unmet() == Unmet::Lost)));
    set(UNIT, 1.0 / item.scale());
    set(HOLDING_COST, holding_cost * cost);
    set(STOCKOUT_COST, stockout_cost * cost);
    set_phase(rows, lane, &item.parameters()[phase], phase);
}

/// Writes what changes with the phase.
#[inline(always)]
fn set_phase(rows: &mut [Row], lane: usize, parameters: &Parameters, phase: usize) {
    rows[PHASE].0[lane] = phase as f32;
    rows[DEVIATION].0[lane] = parameters.deviation;
    rows[LEVEL].0[lane] = parameters.level;
    rows[LEVEL_DEVIATIONS].0[lane] = parameters.level_deviations;
    rows[ORDER_MAX].0[lane] = parameters.order_max;
    for before in 0..N_PERIODS {
        rows[MEANS + before].0[lane] = parameters.means[before];
        rows[VARIANCES + before].0[lane] = parameters.variances[before];
    }
    for (row, feature) in rows[FEATURES..].iter_mut().zip(parameters.features) {
        row.0[lane] = feature;
    }
}

/// Writes stock and orders of an item.
pub(crate) fn set_units(rows: &mut [Row], lane: usize, item: &ItemProblem, state: &ItemState) {
    let one = 1.0 / item.scale();
    rows[0].0[lane] = (state.on_hand as f64 * one) as f32;
    for age in 1..N_UNITS {
        let until = item.lead_time().checked_sub(age + 1);
        rows[age].0[lane] = until.map_or(0.0, |until| (state.pipeline[until] as f64 * one) as f32);
    }
}

/// The rows of a state by their names.
struct Block<'a>(&'a [Row]);

impl<'a> Block<'a> {
    #[inline(always)]
    fn of(&self, row: usize) -> &'a Lanes<f32> {
        &self.0[row].0
    }

    #[inline(always)]
    fn pipeline(&self) -> Pipeline<'a> {
        Pipeline {
            on_hand: &self.0[0],
            on_order: &self.0[1..N_UNITS],
            lead_time: &self.0[LEAD_TIME],
            is_lost: &self.0[IS_LOST],
            means: &self.0[MEANS..VARIANCES],
            variances: &self.0[VARIANCES..FEATURES],
        }
    }

    #[inline(always)]
    fn projection(&self) -> Projection {
        let mut projection = Projection::EMPTY;
        projection.run(self.pipeline());
        projection
    }

    /// On hand and on order.
    #[inline(always)]
    fn position(&self) -> Lanes<f32> {
        let mut position = [0.0; N_LANES];
        for row in &self.0[..N_UNITS] {
            for lane in 0..N_LANES {
                position[lane] += row.0[lane];
            }
        }
        position
    }

    /// The order of theory, without bounds, and its slope by the variance of the projected stock.
    #[inline(always)]
    fn wanted(&self, projection: &Projection, lane: usize) -> (f32, f32) {
        let deviation = self.of(DEVIATION)[lane];
        let spread = (projection.variance[lane] + deviation * deviation).sqrt();
        let deviations = self.of(LEVEL_DEVIATIONS)[lane];
        (self.of(MEANS)[lane] + deviations * spread - projection.mean[lane], 0.5 * deviations / spread)
    }
}

/// `x / (1 + |x|/4)` and its slope.
#[inline(always)]
fn squashed(x: f32) -> (f32, f32) {
    let one_by = 1.0 / (1.0 + x.abs() * (1.0 / FEATURE_MAX));
    (x * one_by, one_by * one_by)
}

/// What the network reads of a block.
#[inline(always)]
pub(crate) fn features(state: &[Row], features: &mut [Row]) {
    let block = Block(state);
    let projection = block.projection();
    let position = block.position();
    let (of_item, moving) = features.split_at_mut(N_STATIC_FEATURES);
    of_item.copy_from_slice(&state[FEATURES..]);
    for lane in 0..N_LANES {
        let one_by = 1.0 / block.of(DEVIATION)[lane];
        let mut demand = 0.0;
        for before in 1..N_PERIODS {
            demand += block.of(MEANS + before)[lane];
        }
        let (wanted, _) = block.wanted(&projection, lane);
        let lost = projection.mean[lane] - (position[lane] - demand);
        moving[0].0[lane] = squashed(projection.mean[lane] * one_by).0;
        moving[1].0[lane] = squashed(projection.variance[lane] * one_by * one_by).0;
        moving[2].0[lane] = squashed(lost * one_by).0;
        moving[3].0[lane] = squashed(wanted * one_by).0;
        moving[4].0[lane] = squashed((block.of(LEVEL)[lane] - position[lane]) * one_by).0;
    }
    for before in 1..N_PERIODS {
        for lane in 0..N_LANES {
            moving[4 + before].0[lane] = squashed(projection.z[before][lane]).0;
        }
    }
}

#[inline(always)]
fn features_adjoint(state: &[Row], feature_slopes: &[Row], state_slopes: &mut [Row]) {
    let block = Block(state);
    let projection = block.projection();
    let position = block.position();
    let slopes = &feature_slopes[N_STATIC_FEATURES..];
    let (mut by_mean, mut by_variance, mut by_position) = ([0.0; N_LANES], [0.0; N_LANES], [0.0; N_LANES]);
    for lane in 0..N_LANES {
        let one_by = 1.0 / block.of(DEVIATION)[lane];
        let mut demand = 0.0;
        for before in 1..N_PERIODS {
            demand += block.of(MEANS + before)[lane];
        }
        let (wanted, wanted_by_variance) = block.wanted(&projection, lane);
        let lost = projection.mean[lane] - (position[lane] - demand);
        let of = |feature: usize, x: f32| slopes[feature].0[lane] * squashed(x).1 * one_by;
        let of_mean = of(0, projection.mean[lane] * one_by);
        let of_variance = of(1, projection.variance[lane] * one_by * one_by) * one_by;
        let of_lost = of(2, lost * one_by);
        let of_wanted = of(3, wanted * one_by);
        let of_missing = of(4, (block.of(LEVEL)[lane] - position[lane]) * one_by);
        by_mean[lane] = of_mean + of_lost - of_wanted;
        by_variance[lane] = of_variance + of_wanted * wanted_by_variance;
        by_position[lane] = -of_lost - of_missing;
    }
    let mut by_z: ByPeriod = [[0.0; N_LANES]; N_PERIODS];
    for before in 1..N_PERIODS {
        for lane in 0..N_LANES {
            by_z[before][lane] = slopes[4 + before].0[lane] * squashed(projection.z[before][lane]).1;
        }
    }
    back_to_units(&block, &projection, &by_mean, &by_variance, &by_z, &by_position, state_slopes);
}

/// Adds what slopes by the projection and the position mean for on hand and on order.
#[inline(always)]
fn back_to_units(
    block: &Block,
    projection: &Projection,
    by_mean: &Lanes<f32>,
    by_variance: &Lanes<f32>,
    by_z: &ByPeriod,
    by_position: &Lanes<f32>,
    state_slopes: &mut [Row],
) {
    let (on_hand, on_order) = state_slopes[..N_UNITS].split_at_mut(1);
    projection.adjoint(block.pipeline(), by_mean, by_variance, by_z, &mut on_hand[0], on_order);
    for row in &mut state_slopes[..N_UNITS] {
        for lane in 0..N_LANES {
            row.0[lane] += by_position[lane];
        }
    }
}

/// Orders in scales, and their slopes by the outputs: 0 where a bound holds.
#[inline(always)]
pub(crate) fn orders(state: &[Row], outputs: &Row, orders: &mut Row, by_output: &mut Row) {
    let block = Block(state);
    let projection = block.projection();
    let position = block.position();
    for lane in 0..N_LANES {
        let deviation = block.of(DEVIATION)[lane];
        let wanted = block.wanted(&projection, lane).0 + deviation * outputs.0[lane];
        let most = (block.of(LEVEL)[lane] - position[lane]).min(block.of(ORDER_MAX)[lane]).max(0.0);
        orders.0[lane] = wanted.max(0.0).min(most);
        by_output.0[lane] = if wanted > 0.0 && wanted < most { deviation } else { 0.0 };
    }
}

#[inline(always)]
fn orders_adjoint(state: &[Row], outputs: &Row, order_slopes: &Row, output_slopes: &mut Row, state_slopes: &mut [Row]) {
    let block = Block(state);
    let projection = block.projection();
    let position = block.position();
    let (mut by_mean, mut by_variance, mut by_position) = ([0.0; N_LANES], [0.0; N_LANES], [0.0; N_LANES]);
    for lane in 0..N_LANES {
        let deviation = block.of(DEVIATION)[lane];
        let (theory, by_projected_variance) = block.wanted(&projection, lane);
        let wanted = theory + deviation * outputs.0[lane];
        let missing = block.of(LEVEL)[lane] - position[lane];
        let most = missing.min(block.of(ORDER_MAX)[lane]).max(0.0);
        let slope = order_slopes.0[lane];
        let is_free = wanted > 0.0 && wanted < most;
        let is_at_level = wanted >= most && missing > 0.0 && missing < block.of(ORDER_MAX)[lane];
        output_slopes.0[lane] = if is_free { slope * deviation } else { 0.0 };
        by_mean[lane] = if is_free { -slope } else { 0.0 };
        by_variance[lane] = if is_free { slope * by_projected_variance } else { 0.0 };
        by_position[lane] = if is_at_level { -slope } else { 0.0 };
    }
    let by_z = [[0.0; N_LANES]; N_PERIODS];
    back_to_units(&block, &projection, &by_mean, &by_variance, &by_z, &by_position, state_slopes);
}

impl Relaxed for AnyItem {
    type Plain = ItemEnvironment;

    fn plain(&self) -> &ItemEnvironment {
        &self.plain
    }

    fn rows(&self) -> Rows {
        Rows { state: N_STATE_ROWS, features: N_FEATURES, action: 1, chance: 1 }
    }

    /// Units are in scales already.
    fn scale(&self) -> f32 {
        1.0
    }

    /// Costs are in scales already.
    fn cost_scale(&self) -> f32 {
        1.0
    }

    /// Costs are in shares of the cost of the item; that of the first.
    fn currency(&self) -> f64 {
        self.items[0].cost_scale()
    }

    fn n_moving_rows(&self) -> usize {
        N_UNITS
    }

    /// Of a mean demand.
    fn slope_step(&self) -> f32 {
        1.0 / 512.0
    }

    /// A lane for each item in turn, empty, each time on the next of its demand paths.
    fn start(&self, block_idx: usize, state: &mut [Row]) {
        for lane in 0..N_LANES {
            let lane_idx = block_idx * N_LANES + lane;
            let item_idx = lane_idx % self.items.len();
            state[ITEM].0[lane] = item_idx as f32;
            state[PATH].0[lane] = (lane_idx / self.items.len() % self.n_paths(item_idx)) as f32;
            set_item(state, lane, &self.items[item_idx], 0);
            set_units(state, lane, &self.items[item_idx], &ItemState::EMPTY);
        }
    }

    /// An item and a phase at random, each as likely; orders of the pipeline up to twice the scale, on hand up to twice the
    /// safety stock of the base-stock level and a period's demand.
    fn sample_state(&self, rng: &mut LaneRng, state: &mut [Row]) {
        let (items, phases) = (rng.next_u32(), rng.next_u32());
        for lane in 0..N_LANES {
            let item_idx = (self.items.len() as f64 * uniform(items[lane])) as usize;
            let item = &self.items[item_idx];
            state[ITEM].0[lane] = item_idx as f32;
            set_item(state, lane, item, (item.demand().len() as f64 * uniform(phases[lane])) as usize);
        }
        if let ItemDemand::Paths(_) = &self.demand {
            let paths = rng.next_u32();
            for lane in 0..N_LANES {
                let n_paths = self.n_paths(state[ITEM].0[lane] as usize);
                state[PATH].0[lane] = (n_paths as f64 * uniform(paths[lane])).floor() as f32;
            }
        }
        for age in 1..N_UNITS {
            let random = rng.next_u32();
            for lane in 0..N_LANES {
                let is_on_order = state[LEAD_TIME].0[lane] > age as f32;
                state[age].0[lane] = if is_on_order { 2.0 * uniform(random[lane]) as f32 } else { 0.0 };
            }
        }
        let random = rng.next_u32();
        for lane in 0..N_LANES {
            let demand: f32 = (0..N_PERIODS).map(|before| state[MEANS + before].0[lane]).sum();
            let safety = (state[LEVEL].0[lane] - demand).max(0.0);
            state[0].0[lane] = 2.0 * (safety + 1.0) * uniform(random[lane]) as f32;
        }
    }

    #[inline(always)]
    fn sample_chance(&self, state: &[Row], rng: &mut LaneRng, chance: &mut [Row]) {
        let random = rng.next_u32();
        for lane in 0..N_LANES {
            let (item_idx, phase) = (state[ITEM].0[lane] as usize, state[PHASE].0[lane] as usize);
            chance[0].0[lane] = match &self.demand {
                ItemDemand::Laws(laws) => laws[item_idx][phase].draw(random[lane]).0 as f32 * state[UNIT].0[lane],
                ItemDemand::Paths(paths) => {
                    let cycle = self.items[item_idx].demand().len();
                    paths[item_idx][state[PATH].0[lane] as usize * cycle + phase]
                }
            };
        }
    }

    #[inline(always)]
    fn features(&self, state: &[Row], features: &mut [Row]) {
        self::features(state, features);
    }

    #[inline(always)]
    fn features_adjoint(&self, state: &[Row], feature_slopes: &[Row], state_slopes: &mut [Row]) {
        self::features_adjoint(state, feature_slopes, state_slopes);
    }

    #[inline(always)]
    fn orders<S: Simd>(
        &self,
        _: S,
        state: &[Row],
        outputs: &[Row],
        _: &mut [Row],
        orders: &mut [Row],
        by_output: &mut [Row],
    ) {
        self::orders(state, &outputs[0], &mut orders[0], &mut by_output[0]);
    }

    #[inline(always)]
    fn orders_adjoint(
        &self,
        state: &[Row],
        outputs: &[Row],
        _: &[Row],
        order_slopes: &[Row],
        output_slopes: &mut [Row],
        state_slopes: &mut [Row],
    ) {
        self::orders_adjoint(state, &outputs[0], &order_slopes[0], &mut output_slopes[0], state_slopes);
    }

    fn plain_orders(&self, state: &[Row], outputs: &[f64]) -> Vec<f64> {
        let (mut order, mut slope) = (Row::ZERO, Row::ZERO);
        self::orders(state, &Row([outputs[0] as f32; N_LANES]), &mut order, &mut slope);
        vec![f64::from(order.0[0])]
    }

    /// The sequence of events of [`ItemEnvironment`].
    #[inline(always)]
    fn step(&self, state: &[Row], action: &[Row], chance: &[Row], next: &mut [Row], cost: &mut Row) {
        let block = Block(state);
        let (lead_time, is_lost) = (block.of(LEAD_TIME), block.of(IS_LOST));
        next[N_UNITS..].copy_from_slice(&state[N_UNITS..]);
        let mut received = [0.0; N_LANES];
        for age in 0..N_UNITS {
            let ordered = if age == 0 { &action[0].0 } else { &state[age].0 };
            for lane in 0..N_LANES {
                received[lane] += if lead_time[lane] == (age + 1) as f32 { ordered[lane] } else { 0.0 };
            }
            if age + 1 < N_UNITS {
                for lane in 0..N_LANES {
                    let stays = lead_time[lane] > (age + 1) as f32;
                    next[age + 1].0[lane] = if stays { ordered[lane] } else { 0.0 };
                }
            }
        }
        for lane in 0..N_LANES {
            let at_once = if lead_time[lane] == 0.0 { action[0].0[lane] } else { 0.0 };
            let left = state[0].0[lane] + at_once - chance[0].0[lane];
            cost.0[lane] =
                block.of(HOLDING_COST)[lane] * left.max(0.0) + block.of(STOCKOUT_COST)[lane] * (-left).max(0.0);
            next[0].0[lane] = if is_lost[lane] > 0.5 { left.max(0.0) } else { left } + received[lane];
        }
        for lane in 0..N_LANES {
            let item_idx = state[ITEM].0[lane] as usize;
            let parameters = self.items[item_idx].parameters();
            let phase = state[PHASE].0[lane] as usize + 1;
            let is_over = phase == parameters.len();
            if parameters.len() > 1 {
                let phase = if is_over { 0 } else { phase };
                set_phase(next, lane, &parameters[phase], phase);
            }
            if is_over {
                let path = state[PATH].0[lane] as usize + 1;
                next[PATH].0[lane] = if path == self.n_paths(item_idx) { 0.0 } else { path as f32 };
            }
        }
    }

    #[inline(always)]
    fn step_adjoint(
        &self,
        state: &[Row],
        action: &[Row],
        chance: &[Row],
        next_slopes: &[Row],
        cost_slope: f32,
        state_slopes: &mut [Row],
        action_slopes: &mut [Row],
    ) {
        let block = Block(state);
        let (lead_time, is_lost) = (block.of(LEAD_TIME), block.of(IS_LOST));
        for lane in 0..N_LANES {
            let at_once = if lead_time[lane] == 0.0 { action[0].0[lane] } else { 0.0 };
            let left = state[0].0[lane] + at_once - chance[0].0[lane];
            let by_next = if left > 0.0 || is_lost[lane] < 0.5 { next_slopes[0].0[lane] } else { 0.0 };
            let by_cost =
                if left > 0.0 { block.of(HOLDING_COST)[lane] } else { -block.of(STOCKOUT_COST)[lane] } * cost_slope;
            state_slopes[0].0[lane] = by_next + by_cost;
            action_slopes[0].0[lane] = if lead_time[lane] == 0.0 { by_next + by_cost } else { 0.0 };
        }
        for age in 0..N_UNITS {
            for lane in 0..N_LANES {
                let arrives = lead_time[lane] == (age + 1) as f32;
                let mut slope = if arrives { next_slopes[0].0[lane] } else { 0.0 };
                if age + 1 < N_UNITS {
                    let stays = lead_time[lane] > (age + 1) as f32;
                    slope += if stays { next_slopes[age + 1].0[lane] } else { 0.0 };
                }
                if age == 0 {
                    action_slopes[0].0[lane] += slope;
                } else {
                    state_slopes[age].0[lane] = slope;
                }
            }
        }
        // Nobody asks for slopes by parameters.
        state_slopes[N_UNITS..].fill(Row::ZERO);
    }

    /// A state of the first item.
    fn set_state(&self, rows: &mut [Row], lane: usize, plain: &ItemState) {
        rows[ITEM].0[lane] = 0.0;
        set_item(rows, lane, &self.items[0], plain.phase);
        set_units(rows, lane, &self.items[0], plain);
    }

    fn state(&self, rows: &[Row], lane: usize) -> ItemState {
        let item = &self.items[rows[ITEM].0[lane] as usize];
        let units = |row: usize| (f64::from(rows[row].0[lane]) * item.scale()).round() as Units;
        let mut state = ItemState { phase: rows[PHASE].0[lane] as usize, on_hand: units(0), ..ItemState::EMPTY };
        for age in 1..item.lead_time() {
            state.pipeline[item.lead_time() - age - 1] = units(age);
        }
        state
    }

    fn set_action(&self, rows: &mut [Row], lane: usize, plain: &Units) {
        rows[0].0[lane] = (*plain as f64 / self.items[0].scale()) as f32;
    }

    fn set_chance(&self, rows: &mut [Row], lane: usize, _: &Units, plain: &Units) {
        rows[0].0[lane] = (*plain as f64 / self.items[0].scale()) as f32;
    }

    fn round(&self, state: &[Row], action: &mut [Row]) {
        for lane in 0..N_LANES {
            let unit = state[UNIT].0[lane];
            action[0].0[lane] = (action[0].0[lane] / unit + 0.5) as i32 as f32 * unit;
        }
    }

    fn nearest(&self, state: &ItemState, wanted: &[f64]) -> Units {
        ((wanted[0] * self.items[0].scale()).round() as Units).clamp(0, self.items[0].max_order(state))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::any_item::{ItemGenerator, ItemRange};
    use crate::relaxed::check_relaxed;

    /// Random items, each against its plain environment; slopes of steps, features and orders by finite differences, whose
    /// step must be small beside the deviation of demand: items that vary less are left out.
    #[test]
    fn equals_the_plain_environment_with_the_right_slopes() {
        let generator = ItemGenerator { seed: 11, range: ItemRange::ALL };
        let is_wide = |item: &ItemProblem| item.parameters().iter().all(|of| of.deviation > 0.3);
        let mut n_items = 0;
        for item_idx in 0..80 {
            let item = generator.item(item_idx);
            if !is_wide(&item) {
                continue;
            }
            n_items += 1;
            let what = format!("{:?}, lead time {}, mean {}", item.unmet(), item.lead_time(), item.scale());
            let relaxed = AnyItem::new(vec![item]);
            check_relaxed(&relaxed, item_idx, 12).unwrap_or_else(|error| panic!("item {item_idx}, {what}: {error}"));
        }
        assert!(n_items > 40, "{n_items} items");
    }

    /// The paths of an item are played period by period, one after the other, and then again.
    #[test]
    fn paths_follow_each_other() {
        let moments = [(2.0, 1.0), (5.0, 2.0), (3.0, 2.0)];
        let item = ItemProblem::from_moments(2, Unmet::Lost, 1.0, 9.0, &moments).unwrap();
        let paths = [vec![1, 2, 3, 4, 5, 6]];
        let relaxed = AnyItem::on_paths(vec![item.clone()], &paths);
        let mut rng = LaneRng::new(1, 0);
        let (mut state, mut next) = (vec![Row::ZERO; N_STATE_ROWS], vec![Row::ZERO; N_STATE_ROWS]);
        relaxed.start(0, &mut state);
        let mut played = Vec::new();
        for _ in 0..7 {
            let (mut chance, mut cost) = ([Row::ZERO], Row::ZERO);
            relaxed.sample_chance(&state, &mut rng, &mut chance);
            played.push([0, 1].map(|lane| (f64::from(chance[0].0[lane]) * item.scale()).round() as Units));
            relaxed.step(&state, &[Row::ZERO], &chance, &mut next, &mut cost);
            std::mem::swap(&mut state, &mut next);
        }
        assert_eq!(played, [[1, 4], [2, 5], [3, 6], [4, 1], [5, 2], [6, 3], [1, 4]], "lanes begin on paths in turn");
    }
}
