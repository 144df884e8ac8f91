//! [`DualSourcing`] in lanes.

use std::num::Wrapping;

use super::{LaneDemand, LaneEnvironment, LaneOutcome, LanePolicy, LaneRng, LaneUnits, Lanes, N_LANES, NO_UNITS};
use super::{lane_units, plain_units};
use crate::environments::dual_sourcing::LEAD_TIME_MAX;
use crate::environments::{DualOrder, DualSourcing, DualSourcingState};
use crate::heuristics::CappedDualIndex;

/// The dual-sourcing problem in lanes.
#[derive(Clone, Debug)]
pub struct DualSourcingLanes {
    plain: DualSourcing,
    demand: LaneDemand,
}

/// Stock at the start of a period, after what was due has arrived.
#[derive(Clone, Debug)]
pub struct DualSourcingLaneState {
    /// Units on the shelf, less units backordered.
    pub net_inventory: Lanes<LaneUnits>,
    /// Net inventory and all that is on order, units.
    pub inventory_position: Lanes<LaneUnits>,
    /// Net inventory and what arrives within the expedited lead time, units.
    pub expedited_position: Lanes<LaneUnits>,
    /// `[LEAD_TIME_MAX, N_LANES]`: the pipeline of both sources as a ring of `regular_lead_time` periods.
    pipeline: [Lanes<LaneUnits>; LEAD_TIME_MAX],
    /// The place in the ring that arrives next.
    first: usize,
}

/// An order per source in each lane, units.
#[derive(Clone, Debug)]
pub struct DualLaneOrder {
    /// From the regular source.
    pub regular: Lanes<LaneUnits>,
    /// From the expedited source.
    pub expedited: Lanes<LaneUnits>,
}

impl DualSourcingLanes {
    /// The twin of a problem.
    ///
    /// # Panics
    /// When demand is too large for lanes.
    pub fn new(plain: DualSourcing) -> Self {
        let demand = LaneDemand::new(plain.demand());
        Self { plain, demand }
    }

    /// The place in the ring of what arrives in `periods` periods, counted from 1.
    #[inline(always)]
    fn place(&self, first: usize, periods: usize) -> usize {
        let (place, n_places) = (first + periods - 1, self.plain.regular_lead_time());
        (if place >= n_places { place - n_places } else { place }) % LEAD_TIME_MAX
    }
}

impl LaneEnvironment for DualSourcingLanes {
    type Plain = DualSourcing;
    type State = DualSourcingLaneState;
    type Action = DualLaneOrder;
    type Chance = Lanes<LaneUnits>;

    fn plain(&self) -> &DualSourcing {
        &self.plain
    }

    fn reset(&self) -> DualSourcingLaneState {
        DualSourcingLaneState {
            net_inventory: NO_UNITS,
            inventory_position: NO_UNITS,
            expedited_position: NO_UNITS,
            pipeline: [NO_UNITS; LEAD_TIME_MAX],
            first: 0,
        }
    }

    fn no_action(&self) -> DualLaneOrder {
        DualLaneOrder { regular: NO_UNITS, expedited: NO_UNITS }
    }

    #[inline(always)]
    fn sample_chance(&self, _: &DualSourcingLaneState, _: &DualLaneOrder, rng: &mut LaneRng) -> Lanes<LaneUnits> {
        self.demand.sample(rng)
    }

    /// The sequence of events of [`DualSourcing`].
    #[inline(always)]
    fn step(&self, state: &mut DualSourcingLaneState, order: &DualLaneOrder, demand: &Lanes<LaneUnits>) -> LaneOutcome {
        let costs = self.plain.costs();
        let (regular_lead_time, expedited_lead_time) =
            (self.plain.regular_lead_time(), self.plain.expedited_lead_time());
        // The place of the new regular order was emptied when it arrived a cycle ago.
        state.pipeline[self.place(state.first, regular_lead_time)] = order.regular;
        let at_once = if expedited_lead_time == 0 {
            order.expedited
        } else {
            let place = &mut state.pipeline[self.place(state.first, expedited_lead_time)];
            for lane in 0..N_LANES {
                place[lane] += order.expedited[lane];
            }
            NO_UNITS
        };
        let due = state.pipeline[self.place(state.first, 1)];
        // What comes within the expedited lead time once a period has passed.
        let next_place = self.place(state.first, expedited_lead_time + 1);
        let in_reach = state.pipeline[next_place];
        let mut outcome = LaneOutcome::NOTHING;
        for lane in 0..N_LANES {
            let available = state.net_inventory[lane] + at_once[lane];
            let sold = demand[lane].min(available.max(Wrapping(0)));
            let left = available - demand[lane];
            outcome.cost[lane] = costs.regular_cost * f64::from(order.regular[lane].0)
                + costs.expedited_cost * f64::from(order.expedited[lane].0)
                + costs.holding_cost * f64::from(left.0.max(0))
                + costs.backorder_cost * f64::from((-left).0.max(0));
            state.net_inventory[lane] = left + due[lane];
            state.inventory_position[lane] += order.regular[lane] + order.expedited[lane] - demand[lane];
            state.expedited_position[lane] += order.expedited[lane] - demand[lane] + in_reach[lane];
            outcome.sold[lane] = sold;
            outcome.lost[lane] = demand[lane] - sold;
        }
        state.first = if state.first + 1 == regular_lead_time { 0 } else { state.first + 1 };
        outcome
    }

    fn lane(&self, state: &DualSourcingLaneState, lane: usize) -> DualSourcingState {
        let mut pipeline = [0; LEAD_TIME_MAX];
        for periods in 1..self.plain.regular_lead_time() {
            pipeline[periods - 1] = plain_units(state.pipeline[self.place(state.first, periods)][lane]);
        }
        DualSourcingState { net_inventory: plain_units(state.net_inventory[lane]), pipeline }
    }

    fn set_action(&self, action: &mut DualLaneOrder, lane: usize, plain: &DualOrder) {
        action.regular[lane] = lane_units(plain.regular);
        action.expedited[lane] = lane_units(plain.expedited);
    }

    fn action(&self, action: &DualLaneOrder, lane: usize) -> DualOrder {
        DualOrder { regular: plain_units(action.regular[lane]), expedited: plain_units(action.expedited[lane]) }
    }

    chance_is_units!();
}

/// The policy of [`CappedDualIndex`] in lanes.
impl LanePolicy<DualSourcingLanes> for CappedDualIndex {
    #[inline(always)]
    fn act(&self, _: &DualSourcingLanes, state: &DualSourcingLaneState, order: &mut DualLaneOrder) {
        let expedited_level = lane_units(self.expedited_level);
        let (regular_level, regular_cap) = (lane_units(self.regular_level), lane_units(self.regular_cap));
        for lane in 0..N_LANES {
            let expedited = (expedited_level - state.expedited_position[lane]).max(Wrapping(0));
            let wanted = regular_level - state.inventory_position[lane] - expedited;
            order.expedited[lane] = expedited;
            order.regular[lane] = wanted.max(Wrapping(0)).min(regular_cap);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discrete_demand::DiscreteDemand;
    use crate::environments::dual_sourcing::DualSourcingCosts;
    use crate::lanes::{SimulationPlan, check_lanes, check_policy, simulate};

    const COSTS: DualSourcingCosts =
        DualSourcingCosts { regular_cost: 0.3, expedited_cost: 5.1, holding_cost: 5.2, backorder_cost: 95.7 };
    const POLICY: CappedDualIndex = CappedDualIndex { expedited_level: 4, regular_level: 7, regular_cap: 2 };

    #[test]
    fn equals_the_plain_environment_and_its_policy() {
        for (regular, expedited) in [(1, 0), (2, 0), (3, 1), (4, 2), (8, 0), (8, 7)] {
            let plain = DualSourcing::new(regular, expedited, COSTS, DiscreteDemand::uniform(0, 4));
            let twin = DualSourcingLanes::new(plain.clone());
            check_lanes(&twin, 5, 200).unwrap();
            check_policy(&twin, &POLICY, |state| POLICY.order(&plain, state), 5, 200).unwrap();
        }
    }

    /// A published row of Böttcher, Asikis & Fragkos (2023): the policy's exact cost within four standard errors.
    #[test]
    fn simulated_cost_is_that_of_the_exact_evaluation() {
        let costs =
            DualSourcingCosts { regular_cost: 0.0, expedited_cost: 5.0, holding_cost: 5.0, backorder_cost: 95.0 };
        let plain = DualSourcing::new(2, 0, costs, DiscreteDemand::uniform(0, 4));
        let exact = POLICY.average_cost(&plain);
        assert!((exact - 16.782407).abs() < 1e-5, "{exact}");
        let plan = SimulationPlan { n_lanes: 256, n_warm_up: 50, n_periods: 4000, seed: 2 };
        let simulated = simulate(&DualSourcingLanes::new(plain), &POLICY, &plan);
        let (mean, error) = (simulated.mean(), simulated.standard_error());
        assert!((mean - exact).abs() < 4.0 * error && error < 2e-3 * exact, "{mean} ± {error}, exact {exact}");
    }
}
