//! [`Backorders`] and [`BackorderPosition`] in lanes: fixed order cost, minimum order quantity, any lead time they
//! support.

use std::num::Wrapping;

use restock_core::environment::Environment;

use super::policies::InventoryPosition;
use super::{LaneDemand, LaneEnvironment, LaneOutcome, LanePolicy, LaneRng, LaneUnits, Lanes, N_LANES, NO_UNITS};
use super::{lane_units, plain_units};
use crate::environments::backorders::BackorderChance;
use crate::environments::backorders::LEAD_TIME_MAX;
use crate::environments::{BackorderPosition, BackorderState, Backorders};
use crate::heuristics::{MinimumOrderRule, OrderUpToRule};

/// The problem with backorders in lanes.
#[derive(Clone, Debug)]
pub struct BackorderLanes {
    plain: Backorders,
    demand: LaneDemand,
}

/// Net inventory at the start of a period, after what was due has arrived.
#[derive(Clone, Debug)]
pub struct BackorderLaneState {
    /// On hand less backorders, units.
    pub net_inventory: Lanes<LaneUnits>,
    /// On hand and on order less backorders, units.
    pub inventory_position: Lanes<LaneUnits>,
    /// `[LEAD_TIME_MAX, N_LANES]`: the pipeline as a ring of `lead_time - 1` periods.
    pipeline: [Lanes<LaneUnits>; LEAD_TIME_MAX],
    /// The place in the ring that arrives next.
    first: usize,
}

impl BackorderLanes {
    /// The twin of a problem.
    ///
    /// # Panics
    /// When demand is too large for lanes.
    pub fn new(plain: Backorders) -> Self {
        let demand = LaneDemand::new(plain.demand());
        Self { plain, demand }
    }

    fn n_pipeline(&self) -> usize {
        self.plain.problem().lead_time.saturating_sub(1)
    }
}

impl LaneEnvironment for BackorderLanes {
    type Plain = Backorders;
    type State = BackorderLaneState;
    type Action = Lanes<LaneUnits>;
    type Chance = Lanes<LaneUnits>;

    fn plain(&self) -> &Backorders {
        &self.plain
    }

    fn reset(&self) -> BackorderLaneState {
        let start = [lane_units(self.plain.initial_state().net_inventory); N_LANES];
        let pipeline = [NO_UNITS; LEAD_TIME_MAX];
        BackorderLaneState { net_inventory: start, inventory_position: start, pipeline, first: 0 }
    }

    fn no_action(&self) -> Lanes<LaneUnits> {
        NO_UNITS
    }

    #[inline(always)]
    fn sample_chance(&self, _: &BackorderLaneState, _: &Lanes<LaneUnits>, rng: &mut LaneRng) -> Lanes<LaneUnits> {
        self.demand.sample(rng)
    }

    /// The sequence of events of [`Backorders`]; whether an order is allowed is not checked.
    #[inline(always)]
    fn step(
        &self,
        state: &mut BackorderLaneState,
        order_quantity: &Lanes<LaneUnits>,
        demand: &Lanes<LaneUnits>,
    ) -> LaneOutcome {
        let problem = self.plain.problem();
        let mut outcome = LaneOutcome::NOTHING;
        let (at_once, received) = match problem.lead_time {
            0 => (*order_quantity, NO_UNITS),
            1 => (NO_UNITS, *order_quantity),
            _ => {
                let place = &mut state.pipeline[state.first % LEAD_TIME_MAX];
                (NO_UNITS, std::mem::replace(place, *order_quantity))
            }
        };
        for lane in 0..N_LANES {
            let available = state.net_inventory[lane] + at_once[lane];
            let sold = demand[lane].min(available.max(Wrapping(0)));
            let left = available - demand[lane];
            let order_cost = if order_quantity[lane] > Wrapping(0) { problem.order_cost } else { 0.0 };
            outcome.cost[lane] = problem.holding_cost * f64::from(left.0.max(0))
                + problem.stockout_cost * f64::from((-left).0.max(0))
                + order_cost;
            state.net_inventory[lane] = left + received[lane];
            state.inventory_position[lane] += order_quantity[lane] - demand[lane];
            outcome.sold[lane] = sold;
            outcome.lost[lane] = demand[lane] - sold;
        }
        state.first = if state.first + 1 >= self.n_pipeline() { 0 } else { state.first + 1 };
        outcome
    }

    fn lane(&self, state: &BackorderLaneState, lane: usize) -> BackorderState {
        let n_pipeline = self.n_pipeline();
        let mut pipeline = [0; LEAD_TIME_MAX];
        for (periods, quantity) in pipeline[..n_pipeline].iter_mut().enumerate() {
            *quantity = plain_units(state.pipeline[(state.first + periods) % n_pipeline][lane]);
        }
        BackorderState { net_inventory: plain_units(state.net_inventory[lane]), pipeline }
    }

    action_is_units!();

    chance_is_units!();
}

impl InventoryPosition for BackorderLanes {
    #[inline(always)]
    fn inventory_position<'a>(&self, state: &'a BackorderLaneState) -> &'a Lanes<LaneUnits> {
        &state.inventory_position
    }
}

impl<E: InventoryPosition> LanePolicy<E> for OrderUpToRule {
    #[inline(always)]
    fn act(&self, environment: &E, state: &E::State, order_quantity: &mut Lanes<LaneUnits>) {
        let (reorder_point, level) = (lane_units(self.reorder_point), lane_units(self.order_up_to_level));
        let position = environment.inventory_position(state);
        for lane in 0..N_LANES {
            let wanted = level - position[lane];
            order_quantity[lane] = if position[lane] <= reorder_point { wanted } else { Wrapping(0) };
        }
    }
}

impl<E: InventoryPosition> LanePolicy<E> for MinimumOrderRule {
    #[inline(always)]
    fn act(&self, environment: &E, state: &E::State, order_quantity: &mut Lanes<LaneUnits>) {
        let (level, min_order) = (lane_units(self.order_up_to_level), lane_units(self.min_order));
        let position = environment.inventory_position(state);
        for lane in 0..N_LANES {
            let missing = level - position[lane];
            order_quantity[lane] = if missing > Wrapping(0) { missing.max(min_order) } else { Wrapping(0) };
        }
    }
}

/// The problem with backorders, reduced to its inventory position, in lanes.
#[derive(Clone, Debug)]
pub struct BackorderPositionLanes {
    plain: BackorderPosition,
    demand: LaneDemand,
    until_arrival: LaneDemand,
}

/// What chance decides in each lane; as in [`BackorderChance`].
#[derive(Clone, Debug)]
pub struct BackorderLaneChance {
    /// Demand of this period, units.
    pub demand: Lanes<LaneUnits>,
    /// Demand of the `lead_time` periods after it, units.
    pub until_arrival: Lanes<LaneUnits>,
}

impl BackorderPositionLanes {
    /// The twin of a problem.
    ///
    /// # Panics
    /// When demand is too large for lanes.
    pub fn new(plain: BackorderPosition) -> Self {
        let (demand, until_arrival) = plain.demand();
        let (demand, until_arrival) = (LaneDemand::new(demand), LaneDemand::new(until_arrival));
        Self { plain, demand, until_arrival }
    }
}

impl LaneEnvironment for BackorderPositionLanes {
    type Plain = BackorderPosition;
    /// The inventory position, units.
    type State = Lanes<LaneUnits>;
    type Action = Lanes<LaneUnits>;
    type Chance = BackorderLaneChance;

    fn plain(&self) -> &BackorderPosition {
        &self.plain
    }

    fn reset(&self) -> Lanes<LaneUnits> {
        [lane_units(self.plain.initial_state()); N_LANES]
    }

    fn no_action(&self) -> Lanes<LaneUnits> {
        NO_UNITS
    }

    #[inline(always)]
    fn sample_chance(&self, _: &Lanes<LaneUnits>, _: &Lanes<LaneUnits>, rng: &mut LaneRng) -> BackorderLaneChance {
        BackorderLaneChance { demand: self.demand.sample(rng), until_arrival: self.until_arrival.sample(rng) }
    }

    /// The sequence of events of [`BackorderPosition`]; whether an order is allowed is not checked.
    #[inline(always)]
    fn step(
        &self,
        position: &mut Lanes<LaneUnits>,
        order_quantity: &Lanes<LaneUnits>,
        chance: &BackorderLaneChance,
    ) -> LaneOutcome {
        let problem = self.plain.problem();
        let mut outcome = LaneOutcome::NOTHING;
        for lane in 0..N_LANES {
            position[lane] += order_quantity[lane] - chance.demand[lane];
            let on_arrival = position[lane] - chance.until_arrival[lane];
            let order_cost = if order_quantity[lane] > Wrapping(0) { problem.order_cost } else { 0.0 };
            outcome.cost[lane] = problem.holding_cost * f64::from(on_arrival.0.max(0))
                + problem.stockout_cost * f64::from((-on_arrival).0.max(0))
                + order_cost;
            outcome.sold[lane] = chance.demand[lane];
        }
        outcome
    }

    fn lane(&self, position: &Lanes<LaneUnits>, lane: usize) -> i64 {
        plain_units(position[lane])
    }

    action_is_units!();

    fn no_chance(&self) -> BackorderLaneChance {
        BackorderLaneChance { demand: NO_UNITS, until_arrival: NO_UNITS }
    }

    fn set_chance(&self, chance: &mut BackorderLaneChance, lane: usize, plain: &BackorderChance) {
        chance.demand[lane] = lane_units(plain.demand);
        chance.until_arrival[lane] = lane_units(plain.until_arrival);
    }

    fn chance(&self, chance: &BackorderLaneChance, lane: usize) -> BackorderChance {
        let (demand, until_arrival) = (plain_units(chance.demand[lane]), plain_units(chance.until_arrival[lane]));
        BackorderChance { demand, until_arrival }
    }
}

impl InventoryPosition for BackorderPositionLanes {
    #[inline(always)]
    fn inventory_position<'a>(&self, position: &'a Lanes<LaneUnits>) -> &'a Lanes<LaneUnits> {
        position
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discrete_demand::DiscreteDemand;
    use crate::lanes::{SimulationPlan, check_lanes, simulate};
    use crate::zheng_federgruen::{BackorderProblem, optimal_policy};

    fn problem(lead_time: usize) -> BackorderProblem {
        BackorderProblem { holding_cost: 1.1, stockout_cost: 9.3, order_cost: 20.7, lead_time }
    }

    #[test]
    fn equals_the_plain_environment() {
        for (lead_time, min_order) in [(0, 1), (1, 1), (2, 4), (3, 1), (16, 2)] {
            let plain =
                Backorders::with_bounds(problem(lead_time), DiscreteDemand::poisson(3.0, 20), min_order, -9, 40);
            check_lanes(&BackorderLanes::new(plain), 5, 200).unwrap();
            let demand = DiscreteDemand::poisson(3.0, 20);
            let plain = BackorderPosition::with_bounds(problem(lead_time), demand, min_order, -9, 40);
            check_lanes(&BackorderPositionLanes::new(plain), 5, 200).unwrap();
        }
    }

    /// A minimum order costs the same on the net inventory and on the position, within four standard errors.
    #[test]
    fn a_minimum_order_costs_the_same_on_the_position() {
        let (demand, lead_time) = (DiscreteDemand::poisson(5.0, 40), 3);
        let policy = MinimumOrderRule { order_up_to_level: 24, min_order: 12 };
        let plan = SimulationPlan { n_lanes: 256, n_warm_up: 100, n_periods: 4000, seed: 2 };
        let played = BackorderLanes::new(Backorders::new(problem(lead_time), demand.clone(), 12));
        let reduced = BackorderPositionLanes::new(BackorderPosition::new(problem(lead_time), demand, 12));
        let (played, reduced) = (simulate(&played, &policy, &plan), simulate(&reduced, &policy, &plan));
        let error = played.standard_error().hypot(reduced.standard_error());
        assert!((played.mean() - reduced.mean()).abs() < 4.0 * error, "{} {}", played.mean(), reduced.mean());
        assert!(error < 5e-3 * played.mean());
    }

    /// The optimal rule costs in simulation what the algorithm of Zheng & Federgruen (1991) says; four standard errors.
    #[test]
    fn the_optimal_rule_costs_what_zheng_and_federgruen_say() {
        for lead_time in [0, 1, 4] {
            let demand = DiscreteDemand::poisson(5.0, 40);
            let optimum = optimal_policy(problem(lead_time), &demand);
            let environment = BackorderLanes::new(Backorders::new(problem(lead_time), demand, 1));
            let policy =
                OrderUpToRule { reorder_point: optimum.reorder_point, order_up_to_level: optimum.order_up_to_level };
            let plan = SimulationPlan { n_lanes: 256, n_warm_up: 100, n_periods: 4000, seed: 2 };
            let simulated = simulate(&environment, &policy, &plan);
            let (mean, error) = (simulated.mean(), simulated.standard_error());
            assert!((mean - optimum.average_cost).abs() < 4.0 * error, "{mean} ± {error}, {}", optimum.average_cost);
            assert!(error < 2e-3 * mean);
        }
    }
}
