//! [`ExponentialLeadTimes`] in lanes: one event of the uniformised process a period.

use std::num::Wrapping;

use super::policies::InventoryPosition;
use super::{LaneEnvironment, LaneOutcome, LaneRng, LaneUnits, Lanes, N_LANES, NO_UNITS};
use super::{lane_units, plain_units};
use crate::environments::exponential_lead_times::Event;
use crate::environments::{ExponentialLeadTimes, ExponentialLeadTimesState};

/// The problem with exponential lead times in lanes.
#[derive(Clone, Debug)]
pub struct ExponentialLeadTimesLanes {
    plain: ExponentialLeadTimes,
    /// Random bits below it are a demand.
    demand_below: u32,
    /// Random bits that each unit on order adds for its delivery.
    delivery_bits: f64,
    min_net_inventory: LaneUnits,
}

/// What is known between two events.
#[derive(Clone, Debug)]
pub struct ExponentialLeadTimesLaneState {
    /// Units on the shelf, less units backordered.
    pub net_inventory: Lanes<LaneUnits>,
    /// Units on order.
    pub on_order: Lanes<LaneUnits>,
    /// Net inventory and units on order.
    pub inventory_position: Lanes<LaneUnits>,
    /// Whether a demand has just come, so that an order may be placed.
    pub ordering: Lanes<bool>,
}

impl ExponentialLeadTimesLanes {
    /// The twin of a problem.
    ///
    /// # Panics
    /// When a cap is too large for lanes.
    pub fn new(plain: ExponentialLeadTimes) -> Self {
        let parameters = plain.parameters();
        let bits = 2_f64.powi(32) / plain.event_rate();
        Self {
            demand_below: (parameters.demand_rate * bits).round() as u32,
            delivery_bits: parameters.delivery_rate * bits,
            min_net_inventory: -lane_units(parameters.max_backorders),
            plain,
        }
    }
}

impl LaneEnvironment for ExponentialLeadTimesLanes {
    type Plain = ExponentialLeadTimes;
    type State = ExponentialLeadTimesLaneState;
    type Action = Lanes<LaneUnits>;
    /// The next event.
    type Chance = Lanes<Event>;

    fn plain(&self) -> &ExponentialLeadTimes {
        &self.plain
    }

    fn reset(&self) -> ExponentialLeadTimesLaneState {
        ExponentialLeadTimesLaneState {
            net_inventory: NO_UNITS,
            on_order: NO_UNITS,
            inventory_position: NO_UNITS,
            ordering: [true; N_LANES],
        }
    }

    fn no_action(&self) -> Lanes<LaneUnits> {
        NO_UNITS
    }

    #[inline(always)]
    fn sample_chance(
        &self,
        state: &ExponentialLeadTimesLaneState,
        order_quantity: &Lanes<LaneUnits>,
        rng: &mut LaneRng,
    ) -> Lanes<Event> {
        let random = rng.next_u32();
        let mut event = [Event::Nothing; N_LANES];
        for lane in 0..N_LANES {
            let on_order = state.on_order[lane] + order_quantity[lane];
            let is_demand = random[lane] < self.demand_below;
            // Bits above those of a demand belong to the deliveries, as many for each unit on order.
            let above = f64::from(random[lane].wrapping_sub(self.demand_below));
            let is_delivery = above < self.delivery_bits * f64::from(on_order.0);
            event[lane] = match (is_demand, is_delivery) {
                (true, _) => Event::Demand,
                (false, true) => Event::Delivery,
                (false, false) => Event::Nothing,
            };
        }
        event
    }

    /// The sequence of events of [`ExponentialLeadTimes`]; whether an order is allowed is not checked.
    #[inline(always)]
    fn step(
        &self,
        state: &mut ExponentialLeadTimesLaneState,
        order_quantity: &Lanes<LaneUnits>,
        event: &Lanes<Event>,
    ) -> LaneOutcome {
        let parameters = self.plain.parameters();
        let (none, one) = (Wrapping(0), Wrapping(1));
        let mut outcome = LaneOutcome::NOTHING;
        for lane in 0..N_LANES {
            let net_inventory = state.net_inventory[lane];
            outcome.cost[lane] = parameters.holding_cost * f64::from(net_inventory.0.max(0))
                + parameters.backorder_cost * f64::from((-net_inventory).0.max(0));
            let demand = if event[lane] == Event::Demand { one } else { none };
            let delivered = if event[lane] == Event::Delivery { one } else { none };
            let sold = demand.min(net_inventory.max(none));
            state.ordering[lane] = event[lane] == Event::Demand;
            state.net_inventory[lane] = (net_inventory - demand).max(self.min_net_inventory) + delivered;
            state.on_order[lane] += order_quantity[lane] - delivered;
            state.inventory_position[lane] = state.net_inventory[lane] + state.on_order[lane];
            outcome.sold[lane] = sold;
            outcome.lost[lane] = demand - sold;
        }
        outcome
    }

    fn lane(&self, state: &ExponentialLeadTimesLaneState, lane: usize) -> ExponentialLeadTimesState {
        ExponentialLeadTimesState {
            net_inventory: plain_units(state.net_inventory[lane]),
            on_order: plain_units(state.on_order[lane]),
            ordering: state.ordering[lane],
        }
    }

    action_is_units!();

    fn no_chance(&self) -> Lanes<Event> {
        [Event::Nothing; N_LANES]
    }

    fn set_chance(&self, event: &mut Lanes<Event>, lane: usize, plain: &Event) {
        event[lane] = *plain;
    }

    fn chance(&self, event: &Lanes<Event>, lane: usize) -> Event {
        event[lane]
    }
}

impl InventoryPosition for ExponentialLeadTimesLanes {
    #[inline(always)]
    fn inventory_position<'a>(&self, state: &'a ExponentialLeadTimesLaneState) -> &'a Lanes<LaneUnits> {
        &state.inventory_position
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environments::exponential_lead_times::ExponentialLeadTimesParameters;
    use crate::environments::random_lead_times::base_stock_cost;
    use crate::lanes::{SimulationPlan, check_lanes, simulate};

    fn problem() -> ExponentialLeadTimes {
        ExponentialLeadTimes::new(ExponentialLeadTimesParameters {
            demand_rate: 3.0,
            delivery_rate: 0.5,
            holding_cost: 1.1,
            backorder_cost: 4.3,
            max_order: 8,
            max_on_order: 26,
            max_position: 16,
            max_backorders: 14,
        })
    }

    #[test]
    fn equals_the_plain_environment() {
        check_lanes(&ExponentialLeadTimesLanes::new(problem()), 2, 3_000).unwrap();
    }

    /// Palm's theorem (1938): with base-stock the units on order are Poisson, so the cost is known.
    #[test]
    fn base_stock_costs_what_palm_says() {
        let order_up_to_8 =
            |_: &ExponentialLeadTimesLanes, state: &ExponentialLeadTimesLaneState, order: &mut Lanes<LaneUnits>| {
                for lane in 0..N_LANES {
                    let wanted = (Wrapping(8) - state.inventory_position[lane]).max(Wrapping(0));
                    order[lane] = if state.ordering[lane] { wanted } else { Wrapping(0) };
                }
            };
        let plan = SimulationPlan { n_lanes: 256, n_warm_up: 2_000, n_periods: 20_000, seed: 3 };
        let simulated = simulate(&ExponentialLeadTimesLanes::new(problem()), &order_up_to_8, &plan);
        let (mean, error) = (simulated.mean(), simulated.standard_error());
        let expected = base_stock_cost(8, 6.0, 1.1, 4.3);
        // Backorders beyond 14, which have a probability of 1e-4 at most, are left out.
        assert!((mean - expected).abs() < 4.0 * error + 2e-3, "{mean} ± {error}, by Palm's theorem {expected}");
        assert!(error < 5e-3 * mean, "{error} of {mean}");
    }
}
