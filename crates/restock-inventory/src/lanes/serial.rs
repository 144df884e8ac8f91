//! [`Serial`] in lanes: as many stages as the type says, any lead times.

use std::num::Wrapping;

use restock_core::Units;

use super::{LaneDemand, LaneEnvironment, LaneOutcome, LanePolicy, LaneRng, LaneUnits, Lanes, N_LANES, NO_UNITS};
use super::{lane_units, plain_units};
use crate::environments::serial::{InTransit, LEAD_TIME_MAX, PerStage, STAGES_MAX};
use crate::environments::{Serial, SerialState};

/// The serial problem of `STAGES` stages in lanes.
#[derive(Clone, Debug)]
pub struct SerialLanes<const STAGES: usize> {
    plain: Serial,
    demand: LaneDemand,
    holding_costs: [f64; STAGES],
    lead_times: [usize; STAGES],
}

/// Stock at the start of a period, after what was due has arrived and gone to waiting customers.
#[derive(Clone, Debug)]
pub struct SerialLaneState<const STAGES: usize> {
    /// `[STAGES, N_LANES]`: units on the shelf of each stage, at the first less those that customers wait for.
    pub net_inventory: [Lanes<LaneUnits>; STAGES],
    /// `[STAGES, N_LANES]`: on hand at a stage and all downstream, on the way to them, less backorders, units.
    pub echelon_inventory_position: [Lanes<LaneUnits>; STAGES],
    /// `[STAGES, N_LANES]`: units on the way to each stage.
    in_transit: [Lanes<LaneUnits>; STAGES],
    /// `[STAGES, LEAD_TIME_MAX, N_LANES]`: what arrives at each stage, a ring of periods.
    pipeline: [[Lanes<LaneUnits>; LEAD_TIME_MAX]; STAGES],
    /// The period, by which the ring is read.
    period: usize,
}

impl<const STAGES: usize> SerialLanes<STAGES> {
    /// The twin of a problem.
    ///
    /// # Panics
    /// When the problem has another number of stages, or demand is too large for lanes.
    pub fn new(plain: Serial) -> Self {
        assert_eq!(plain.n_stages(), STAGES, "the problem has {} stages", plain.n_stages());
        let demand = LaneDemand::new(plain.demand());
        let holding_costs = std::array::from_fn(|stage| plain.holding_costs()[stage]);
        let lead_times = std::array::from_fn(|stage| plain.lead_times()[stage]);
        Self { plain, demand, holding_costs, lead_times }
    }
}

impl<const STAGES: usize> LaneEnvironment for SerialLanes<STAGES> {
    type Plain = Serial;
    type State = SerialLaneState<STAGES>;
    /// `[STAGES, N_LANES]`: units that each stage asks of the stage upstream.
    type Action = [Lanes<LaneUnits>; STAGES];
    type Chance = Lanes<LaneUnits>;

    fn plain(&self) -> &Serial {
        &self.plain
    }

    fn reset(&self) -> SerialLaneState<STAGES> {
        SerialLaneState {
            net_inventory: [NO_UNITS; STAGES],
            echelon_inventory_position: [NO_UNITS; STAGES],
            in_transit: [NO_UNITS; STAGES],
            pipeline: [[NO_UNITS; LEAD_TIME_MAX]; STAGES],
            period: 0,
        }
    }

    fn no_action(&self) -> [Lanes<LaneUnits>; STAGES] {
        [NO_UNITS; STAGES]
    }

    #[inline(always)]
    fn sample_chance(
        &self,
        _: &SerialLaneState<STAGES>,
        _: &[Lanes<LaneUnits>; STAGES],
        rng: &mut LaneRng,
    ) -> Lanes<LaneUnits> {
        self.demand.sample(rng)
    }

    /// The sequence of events of [`Serial`].
    #[inline(always)]
    fn step(
        &self,
        state: &mut SerialLaneState<STAGES>,
        orders: &[Lanes<LaneUnits>; STAGES],
        demand: &Lanes<LaneUnits>,
    ) -> LaneOutcome {
        let mut outcome = LaneOutcome::NOTHING;
        for stage in (0..STAGES).rev() {
            let mut shipped = orders[stage];
            if stage + 1 < STAGES {
                let supply = &mut state.net_inventory[stage + 1];
                for lane in 0..N_LANES {
                    shipped[lane] = shipped[lane].min(supply[lane]);
                    supply[lane] -= shipped[lane];
                }
            }
            for lane in 0..N_LANES {
                state.echelon_inventory_position[stage][lane] += shipped[lane] - demand[lane];
            }
            match self.lead_times[stage] {
                0 => {
                    for lane in 0..N_LANES {
                        state.net_inventory[stage][lane] += shipped[lane];
                    }
                }
                lead_time => {
                    for lane in 0..N_LANES {
                        state.in_transit[stage][lane] += shipped[lane];
                    }
                    state.pipeline[stage][(state.period + lead_time) % LEAD_TIME_MAX] = shipped;
                }
            }
        }
        let mut backorder_cost = [0.0; N_LANES];
        for lane in 0..N_LANES {
            let available = state.net_inventory[0][lane];
            let sold = demand[lane].min(available.max(Wrapping(0)));
            let left = available - demand[lane];
            state.net_inventory[0][lane] = left;
            backorder_cost[lane] = self.plain.backorder_cost() * f64::from((-left).0.max(0));
            outcome.cost[lane] = self.holding_costs[0] * f64::from(left.0.max(0));
            outcome.sold[lane] = sold;
            outcome.lost[lane] = demand[lane] - sold;
        }
        for stage in 1..STAGES {
            for lane in 0..N_LANES {
                outcome.cost[lane] += self.holding_costs[stage] * f64::from(state.net_inventory[stage][lane].0);
            }
        }
        for lane in 0..N_LANES {
            outcome.cost[lane] += backorder_cost[lane];
        }
        if self.plain.in_transit() == InTransit::Charged {
            let mut in_transit_cost = [0.0; N_LANES];
            for stage in 1..STAGES {
                for lane in 0..N_LANES {
                    in_transit_cost[lane] += self.holding_costs[stage] * f64::from(state.in_transit[stage - 1][lane].0);
                }
            }
            for lane in 0..N_LANES {
                outcome.cost[lane] += in_transit_cost[lane];
            }
        }
        state.period += 1;
        for stage in 0..STAGES {
            // What is due with a lead time of `LEAD_TIME_MAX` leaves its place to the next order in the same period.
            let due = std::mem::replace(&mut state.pipeline[stage][state.period % LEAD_TIME_MAX], NO_UNITS);
            for lane in 0..N_LANES {
                state.net_inventory[stage][lane] += due[lane];
                state.in_transit[stage][lane] -= due[lane];
            }
        }
        outcome
    }

    fn lane(&self, state: &SerialLaneState<STAGES>, lane: usize) -> SerialState {
        let mut plain =
            SerialState { on_hand: [0; STAGES_MAX], pipeline: [[0; LEAD_TIME_MAX]; STAGES_MAX], backorders: 0 };
        for stage in 0..STAGES {
            plain.on_hand[stage] = plain_units(state.net_inventory[stage][lane]).max(0);
            for periods in 1..=LEAD_TIME_MAX {
                let place = (state.period + periods) % LEAD_TIME_MAX;
                plain.pipeline[stage][periods - 1] = plain_units(state.pipeline[stage][place][lane]);
            }
        }
        plain.backorders = (-plain_units(state.net_inventory[0][lane])).max(0);
        plain
    }

    fn set_action(&self, action: &mut [Lanes<LaneUnits>; STAGES], lane: usize, plain: &PerStage) {
        for (orders, order_quantity) in action.iter_mut().zip(plain) {
            orders[lane] = lane_units(*order_quantity);
        }
    }

    fn action(&self, action: &[Lanes<LaneUnits>; STAGES], lane: usize) -> PerStage {
        let mut plain = [0; STAGES_MAX];
        for (order_quantity, orders) in plain.iter_mut().zip(action) {
            *order_quantity = plain_units(orders[lane]);
        }
        plain
    }

    chance_is_units!();
}

/// Each stage lifts the inventory position of its echelon to a level; as
/// [`crate::heuristics::echelon_base_stock::serial_orders`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SerialBaseStock<const STAGES: usize> {
    /// `[STAGES]`: echelon levels from the customers upstream, units.
    pub echelon_base_stock_levels: [Units; STAGES],
}

impl<const STAGES: usize> LanePolicy<SerialLanes<STAGES>> for SerialBaseStock<STAGES> {
    #[inline(always)]
    fn act(&self, _: &SerialLanes<STAGES>, state: &SerialLaneState<STAGES>, orders: &mut [Lanes<LaneUnits>; STAGES]) {
        for stage in 0..STAGES {
            let level = lane_units(self.echelon_base_stock_levels[stage]);
            for lane in 0..N_LANES {
                let wanted = level - state.echelon_inventory_position[stage][lane];
                orders[stage][lane] = wanted.max(Wrapping(0));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discrete_demand::DiscreteDemand;
    use crate::heuristics::echelon_base_stock::serial_orders;
    use crate::lanes::{SimulationPlan, check_lanes, check_policy, simulate};

    fn problem(lead_times: &[usize], in_transit: InTransit) -> Serial {
        let holding_costs = [1.1, 0.6, 0.25, 0.13][..lead_times.len()].to_vec();
        Serial::new(holding_costs, lead_times.to_vec(), 9.3, in_transit, DiscreteDemand::poisson(4.0, 40))
    }

    fn check<const STAGES: usize>(lead_times: [usize; STAGES]) {
        for in_transit in [InTransit::Charged, InTransit::Free] {
            let twin = SerialLanes::<STAGES>::new(problem(&lead_times, in_transit));
            check_lanes(&twin, 3, 200).unwrap();
            let echelon_base_stock_levels = std::array::from_fn(|stage| 6 + 7 * stage as Units);
            let policy = SerialBaseStock { echelon_base_stock_levels };
            check_policy(&twin, &policy, |state| serial_orders(state, &echelon_base_stock_levels), 3, 200).unwrap();
        }
    }

    #[test]
    fn equals_the_plain_environment_and_its_policy() {
        check([0]);
        check([2]);
        check([1, 0]);
        check([0, 0, 3]);
        check([1, 8, 2, 1]);
    }

    /// The optimal levels cost in simulation what the recursion of Clark & Scarf (1960) says; four standard errors.
    #[test]
    fn the_optimal_levels_cost_what_the_recursion_says() {
        let problem = problem(&[1, 3, 4, 2], InTransit::Charged);
        let optimum = problem.system().optimum();
        let echelon_base_stock_levels =
            std::array::from_fn(|stage| optimum.echelon_base_stock_levels[stage].round() as Units);
        let policy = SerialBaseStock { echelon_base_stock_levels };
        let plan = SimulationPlan { n_lanes: 512, n_warm_up: 200, n_periods: 4000, seed: 2 };
        let simulated = simulate(&SerialLanes::<4>::new(problem), &policy, &plan);
        let (mean, error) = (simulated.mean(), simulated.standard_error());
        assert!((mean - optimum.average_cost).abs() < 4.0 * error, "{mean} ± {error}, {}", optimum.average_cost);
        assert!(error < 2e-3 * mean);
    }
}
