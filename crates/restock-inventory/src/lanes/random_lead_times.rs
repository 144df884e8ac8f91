//! [`RandomLeadTimes`] in lanes: the time between two demands a period, lead times of any law.
//!
//! Units on order are a list of their own in each lane, and each asks the law for its time of arrival, so lanes save
//! memory traffic and threads here, but few instructions.

use std::num::Wrapping;

use super::plain_units;
use super::policies::InventoryPosition;
use super::random::uniform;
use super::{LaneEnvironment, LaneOutcome, LaneRng, LaneUnits, Lanes, N_LANES, NO_UNITS};
use crate::environments::random_lead_times::Waiting;
use crate::environments::{RandomLeadTimes, RandomLeadTimesState};

/// The problem with random lead times in lanes.
#[derive(Clone, Debug)]
pub struct RandomLeadTimesLanes {
    plain: RandomLeadTimes,
}

/// What is known at a demand epoch.
#[derive(Clone, Debug)]
pub struct RandomLeadTimesLaneState {
    /// Units on the shelf, less units backordered.
    pub net_inventory: Lanes<LaneUnits>,
    /// Net inventory and units on order.
    pub inventory_position: Lanes<LaneUnits>,
    /// Units on order.
    n_on_order: Lanes<usize>,
    /// `[max_on_order, N_LANES]`: ages of the units on order, the oldest first, in units of time.
    ages: Vec<Lanes<f64>>,
    /// `[max_on_order]`: arrivals of a period in one lane.
    arrivals: Vec<f64>,
}

/// What chance decides between two demands.
#[derive(Clone, Debug)]
pub struct LaneWaiting {
    /// Time to the next demand.
    pub until_demand: Lanes<f64>,
    /// Units on order, the order just placed included.
    n_on_order: Lanes<usize>,
    /// `[max_on_order, N_LANES]`: a number in [0, 1) for each unit on order, the oldest first.
    uniforms: Vec<Lanes<f64>>,
}

impl RandomLeadTimesLanes {
    /// The twin of a problem.
    pub fn new(plain: RandomLeadTimes) -> Self {
        Self { plain }
    }
}

impl LaneEnvironment for RandomLeadTimesLanes {
    type Plain = RandomLeadTimes;
    type State = RandomLeadTimesLaneState;
    type Action = Lanes<LaneUnits>;
    type Chance = LaneWaiting;

    fn plain(&self) -> &RandomLeadTimes {
        &self.plain
    }

    fn reset(&self) -> RandomLeadTimesLaneState {
        let max_on_order = self.plain.parameters().max_on_order;
        RandomLeadTimesLaneState {
            net_inventory: NO_UNITS,
            inventory_position: NO_UNITS,
            n_on_order: [0; N_LANES],
            ages: vec![[0.0; N_LANES]; max_on_order],
            arrivals: Vec::with_capacity(max_on_order),
        }
    }

    fn no_action(&self) -> Lanes<LaneUnits> {
        NO_UNITS
    }

    /// Draws a number for each unit that could be on order, so that the numbers do not depend on how many there are.
    #[inline(always)]
    fn sample_chance(
        &self,
        state: &RandomLeadTimesLaneState,
        order_quantity: &Lanes<LaneUnits>,
        rng: &mut LaneRng,
    ) -> LaneWaiting {
        let demand_rate = self.plain.parameters().demand_rate;
        let mut waiting = self.no_chance();
        let random = rng.next_u32();
        for lane in 0..N_LANES {
            waiting.until_demand[lane] = -uniform(random[lane]).ln() / demand_rate;
            waiting.n_on_order[lane] = state.n_on_order[lane] + order_quantity[lane].0 as usize;
        }
        for uniforms in &mut waiting.uniforms {
            *uniforms = rng.next_u32().map(uniform);
        }
        waiting
    }

    /// The sequence of events of [`RandomLeadTimes`].
    ///
    /// # Panics
    /// When more units are on order than the problem allows.
    #[inline(always)]
    fn step(
        &self,
        state: &mut RandomLeadTimesLaneState,
        order_quantity: &Lanes<LaneUnits>,
        waiting: &LaneWaiting,
    ) -> LaneOutcome {
        let parameters = self.plain.parameters();
        let mut outcome = LaneOutcome::NOTHING;
        for lane in 0..N_LANES {
            let ordered = order_quantity[lane].0 as usize;
            let n_on_order = state.n_on_order[lane] + ordered;
            for ages in &mut state.ages[state.n_on_order[lane]..n_on_order] {
                ages[lane] = 0.0;
            }
            let until_demand = waiting.until_demand[lane];
            state.arrivals.clear();
            let mut n_left = 0;
            for unit in 0..n_on_order {
                let age = state.ages[unit][lane];
                let remaining = parameters.lead_time.remaining(age, waiting.uniforms[unit][lane]);
                if remaining <= until_demand {
                    state.arrivals.push(remaining);
                } else {
                    state.ages[n_left][lane] = age + until_demand;
                    n_left += 1;
                }
            }
            state.arrivals.sort_by(f64::total_cmp);
            let cost_rate = |net_inventory: LaneUnits| {
                parameters.holding_cost * f64::from(net_inventory.0.max(0))
                    + parameters.backorder_cost * f64::from((-net_inventory).0.max(0))
            };
            let (mut cost, mut now) = (0.0, 0.0);
            for arrival in &state.arrivals {
                cost += cost_rate(state.net_inventory[lane]) * (arrival - now);
                now = *arrival;
                state.net_inventory[lane] += Wrapping(1);
            }
            cost += cost_rate(state.net_inventory[lane]) * (until_demand - now);
            let sold = Wrapping(i32::from(state.net_inventory[lane] > Wrapping(0)));
            state.net_inventory[lane] -= Wrapping(1);
            state.inventory_position[lane] += order_quantity[lane] - Wrapping(1);
            state.n_on_order[lane] = n_left;
            outcome.sold[lane] = sold;
            outcome.lost[lane] = Wrapping(1) - sold;
            outcome.cost[lane] = cost * parameters.demand_rate;
        }
        outcome
    }

    fn lane(&self, state: &RandomLeadTimesLaneState, lane: usize) -> RandomLeadTimesState {
        let ages = state.ages[..state.n_on_order[lane]].iter().map(|ages| ages[lane]).collect();
        RandomLeadTimesState { net_inventory: plain_units(state.net_inventory[lane]), ages }
    }

    action_is_units!();

    fn no_chance(&self) -> LaneWaiting {
        LaneWaiting {
            until_demand: [0.0; N_LANES],
            n_on_order: [0; N_LANES],
            uniforms: vec![[0.0; N_LANES]; self.plain.parameters().max_on_order],
        }
    }

    fn set_chance(&self, waiting: &mut LaneWaiting, lane: usize, plain: &Waiting) {
        waiting.until_demand[lane] = plain.until_demand;
        waiting.n_on_order[lane] = plain.uniforms.len();
        for (uniforms, plain) in waiting.uniforms.iter_mut().zip(&plain.uniforms) {
            uniforms[lane] = *plain;
        }
    }

    fn chance(&self, waiting: &LaneWaiting, lane: usize) -> Waiting {
        let uniforms = waiting.uniforms[..waiting.n_on_order[lane]].iter().map(|uniforms| uniforms[lane]).collect();
        Waiting { until_demand: waiting.until_demand[lane], uniforms }
    }
}

impl InventoryPosition for RandomLeadTimesLanes {
    #[inline(always)]
    fn inventory_position<'a>(&self, state: &'a RandomLeadTimesLaneState) -> &'a Lanes<LaneUnits> {
        &state.inventory_position
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environments::random_lead_times::base_stock_cost;
    use crate::environments::random_lead_times::tests::{LAWS, problem};
    use crate::heuristics::CappedBaseStock;
    use crate::lanes::{SimulationPlan, check_lanes, simulate};

    #[test]
    fn equals_the_plain_environment() {
        for law in LAWS {
            check_lanes(&RandomLeadTimesLanes::new(problem(law)), 4, 500).unwrap();
        }
    }

    /// Palm's theorem (1938): base-stock costs the same for every law with the same mean.
    #[test]
    fn base_stock_costs_what_palm_says() {
        let expected = base_stock_cost(8, 6.0, 1.1, 4.3);
        let plan = SimulationPlan { n_lanes: 256, n_warm_up: 400, n_periods: 4_000, seed: 8 };
        // Forty units on order and six an order bind base-stock with a probability below 1e-6.
        let policy = CappedBaseStock { base_stock_level: 8, max_order: 6 };
        for law in LAWS {
            let simulated = simulate(&RandomLeadTimesLanes::new(problem(law)), &policy, &plan);
            let (mean, error) = (simulated.mean(), simulated.standard_error());
            assert!((mean - expected).abs() < 4.0 * error, "{law:?}: {mean} ± {error}, by Palm's theorem {expected}");
        }
    }
}
