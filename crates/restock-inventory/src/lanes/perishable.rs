//! [`Perishable`] in lanes: any shelf life and lead time it supports, customers who take the oldest, the newest or both.
//!
//! All lanes grow older together, so the ages and the pipeline are one ring: a period moves its start, not its units.

use std::num::Wrapping;

use super::policies::InventoryPosition;
use super::{LaneDemand, LaneEnvironment, LaneOutcome, LaneRng, LaneUnits, Lanes, N_LANES, NO_UNITS};
use super::{lane_units, plain_units};
use crate::discrete_demand::DiscreteDemand;
use crate::environments::perishable::{HoldingCharge, LEAD_TIME_MAX, SHELF_LIFE_MAX};
use crate::environments::{IssuedDemand, Perishable, PerishableState};

/// Places of the ring, a power of two.
const PLACES_MAX: usize = SHELF_LIFE_MAX + LEAD_TIME_MAX;

/// The perishable problem in lanes.
#[derive(Clone, Debug)]
pub struct PerishableLanes {
    plain: Perishable,
    /// Draws a number of `demands`.
    demand_idx: LaneDemand,
    demands: Vec<[i32; 2]>,
    has_fifo: bool,
    has_lifo: bool,
}

/// Stock at the start of a period, after what was due has arrived.
#[derive(Clone, Debug)]
pub struct PerishableLaneState {
    /// Units on the shelf, of any age.
    pub total_on_hand: Lanes<LaneUnits>,
    /// On hand and on order, units.
    pub inventory_position: Lanes<LaneUnits>,
    /// `[PLACES_MAX, N_LANES]`: a ring of `shelf_life` places for the shelf, the oldest first, and then of what arrives
    /// in one, two, ... periods.
    units: [Lanes<LaneUnits>; PLACES_MAX],
    /// The place of the oldest units.
    first: usize,
}

/// Demand of a period in each lane by what customers take, units.
#[derive(Clone, Debug)]
pub struct IssuedLaneDemand {
    /// Of customers who take, or are given, the oldest units.
    pub fifo: Lanes<LaneUnits>,
    /// Of customers who take the newest.
    pub lifo: Lanes<LaneUnits>,
}

impl PerishableLanes {
    /// The twin of a problem.
    ///
    /// # Panics
    /// When demand is too large for lanes.
    pub fn new(plain: Perishable) -> Self {
        let joint = plain.demand().joint();
        let demands: Vec<_> = joint.iter().map(|(d, _)| [lane_units(d.fifo).0, lane_units(d.lifo).0]).collect();
        let demand_idx = LaneDemand::new(&DiscreteDemand::new(joint.iter().map(|(_, p)| *p).collect()));
        let (has_fifo, has_lifo) = (demands.iter().any(|d| d[0] > 0), demands.iter().any(|d| d[1] > 0));
        Self { plain, demand_idx, demands, has_fifo, has_lifo }
    }

    fn n_places(&self) -> usize {
        self.plain.shelf_life() + self.plain.lead_time().saturating_sub(1)
    }

    /// The place of what can be sold in `periods` periods more, 0 for the oldest.
    #[inline(always)]
    fn place(&self, first: usize, periods: usize) -> usize {
        let place = first + periods;
        (if place >= self.n_places() { place - self.n_places() } else { place }) % PLACES_MAX
    }
}

/// Takes as much of what is wanted as a place holds.
#[inline(always)]
fn take(units: &mut Lanes<LaneUnits>, wanted: &mut Lanes<LaneUnits>) {
    for lane in 0..N_LANES {
        let taken = wanted[lane].min(units[lane]);
        units[lane] -= taken;
        wanted[lane] -= taken;
    }
}

impl LaneEnvironment for PerishableLanes {
    type Plain = Perishable;
    type State = PerishableLaneState;
    type Action = Lanes<LaneUnits>;
    type Chance = IssuedLaneDemand;

    fn plain(&self) -> &Perishable {
        &self.plain
    }

    fn reset(&self) -> PerishableLaneState {
        PerishableLaneState {
            total_on_hand: NO_UNITS,
            inventory_position: NO_UNITS,
            units: [NO_UNITS; PLACES_MAX],
            first: 0,
        }
    }

    fn no_action(&self) -> Lanes<LaneUnits> {
        NO_UNITS
    }

    #[inline(always)]
    fn sample_chance(&self, _: &PerishableLaneState, _: &Lanes<LaneUnits>, rng: &mut LaneRng) -> IssuedLaneDemand {
        let demand_idx = self.demand_idx.sample(rng);
        let mut demand = self.no_chance();
        for lane in 0..N_LANES {
            let [fifo, lifo] = self.demands[demand_idx[lane].0 as usize];
            demand.fifo[lane] = Wrapping(fifo);
            demand.lifo[lane] = Wrapping(lifo);
        }
        demand
    }

    /// The sequence of events of [`Perishable`].
    #[inline(always)]
    fn step(
        &self,
        state: &mut PerishableLaneState,
        order_quantity: &Lanes<LaneUnits>,
        demand: &IssuedLaneDemand,
    ) -> LaneOutcome {
        let (costs, shelf_life, lead_time) = (self.plain.costs(), self.plain.shelf_life(), self.plain.lead_time());
        let mut outcome = LaneOutcome::NOTHING;
        if lead_time == 0 {
            let freshest = &mut state.units[self.place(state.first, shelf_life - 1)];
            for lane in 0..N_LANES {
                freshest[lane] += order_quantity[lane];
                state.total_on_hand[lane] += order_quantity[lane];
            }
        }
        let (mut fifo, mut lifo) = (demand.fifo, demand.lifo);
        if self.has_fifo {
            for age in 0..shelf_life {
                take(&mut state.units[self.place(state.first, age)], &mut fifo);
            }
        }
        if self.has_lifo {
            for age in (0..shelf_life).rev() {
                take(&mut state.units[self.place(state.first, age)], &mut lifo);
            }
        }
        // The oldest units leave; with a lead time their place is the one of the new order.
        let enters = if lead_time == 0 { NO_UNITS } else { *order_quantity };
        let expired = std::mem::replace(&mut state.units[state.first % PLACES_MAX], enters);
        state.first = self.place(state.first, 1);
        let received = if lead_time == 0 { NO_UNITS } else { state.units[self.place(state.first, shelf_life - 1)] };
        let expiring_are_held = self.plain.holding_charge() == HoldingCharge::BeforeExpiry;
        for lane in 0..N_LANES {
            let lost = fifo[lane] + lifo[lane];
            let sold = demand.fifo[lane] + demand.lifo[lane] - lost;
            let left = state.total_on_hand[lane] - sold;
            let kept = left - expired[lane];
            let held = if expiring_are_held { left } else { kept };
            outcome.cost[lane] = costs.unit_cost * f64::from(order_quantity[lane].0)
                + costs.stockout_cost * f64::from(lost.0)
                + costs.waste_cost * f64::from(expired[lane].0)
                + costs.holding_cost * f64::from(held.0)
                - costs.price * f64::from(sold.0);
            state.total_on_hand[lane] = kept + received[lane];
            state.inventory_position[lane] += order_quantity[lane] - sold - expired[lane];
            outcome.sold[lane] = sold;
            outcome.lost[lane] = lost;
        }
        outcome.expired = expired;
        outcome
    }

    fn lane(&self, state: &PerishableLaneState, lane: usize) -> PerishableState {
        let mut plain = PerishableState { on_hand: [0; SHELF_LIFE_MAX], pipeline: [0; LEAD_TIME_MAX] };
        let (shelf, pipeline) = (&mut plain.on_hand[..self.plain.shelf_life()], &mut plain.pipeline);
        for (periods, units) in shelf.iter_mut().chain(pipeline).take(self.n_places()).enumerate() {
            *units = plain_units(state.units[self.place(state.first, periods)][lane]);
        }
        plain
    }

    action_is_units!();

    #[inline(always)]
    fn no_chance(&self) -> IssuedLaneDemand {
        IssuedLaneDemand { fifo: NO_UNITS, lifo: NO_UNITS }
    }

    fn set_chance(&self, chance: &mut IssuedLaneDemand, lane: usize, plain: &IssuedDemand) {
        chance.fifo[lane] = lane_units(plain.fifo);
        chance.lifo[lane] = lane_units(plain.lifo);
    }

    fn chance(&self, chance: &IssuedLaneDemand, lane: usize) -> IssuedDemand {
        IssuedDemand { fifo: plain_units(chance.fifo[lane]), lifo: plain_units(chance.lifo[lane]) }
    }
}

impl InventoryPosition for PerishableLanes {
    #[inline(always)]
    fn inventory_position<'a>(&self, state: &'a PerishableLaneState) -> &'a Lanes<LaneUnits> {
        &state.inventory_position
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environments::perishable::{IssuingLaw, PerishableCosts};
    use crate::exact::{PolicyChain, Settings};
    use crate::heuristics::CappedBaseStock;
    use crate::lanes::{BaseStock, SimulationPlan, check_lanes, check_policy, simulate};

    const COSTS: PerishableCosts =
        PerishableCosts { unit_cost: 1.1, price: 2.3, holding_cost: 0.7, stockout_cost: 4.9, waste_cost: 3.1 };

    fn laws() -> [IssuingLaw; 4] {
        let demand = DiscreteDemand::poisson(2.0, 12);
        [
            IssuingLaw::fifo(&demand),
            IssuingLaw::lifo(&demand),
            IssuingLaw::independent(&demand, &DiscreteDemand::geometric(1.0, 9)),
            IssuingLaw::drawn(&demand, 0.3),
        ]
    }

    #[test]
    fn equals_the_plain_environment_and_its_policy() {
        let policy = CappedBaseStock { base_stock_level: 7, max_order: 4 };
        for law in laws() {
            for (shelf_life, lead_time) in [(1, 0), (1, 1), (2, 0), (3, 1), (2, 3), (5, 2), (8, 8)] {
                for charge in [HoldingCharge::BeforeExpiry, HoldingCharge::AfterExpiry] {
                    let plain = Perishable::new(shelf_life, lead_time, COSTS, law.clone(), charge, 4, 9);
                    let twin = PerishableLanes::new(plain);
                    check_lanes(&twin, 3, 100).unwrap();
                    let order = |state: &PerishableState| (7 - state.inventory_position()).clamp(0, 4);
                    check_policy(&twin, &policy, order, 3, 100).unwrap();
                }
            }
        }
    }

    /// Simulated cost within four standard errors of the exact evaluation.
    #[test]
    fn simulated_cost_is_that_of_the_exact_evaluation() {
        let plan = SimulationPlan { n_lanes: 256, n_warm_up: 50, n_periods: 4000, seed: 2 };
        for law in laws() {
            let plain = Perishable::new(3, 1, COSTS, law, HoldingCharge::AfterExpiry, 8, 8);
            let chain = PolicyChain::new(&plain, |state| 8 - state.inventory_position());
            let exact = chain.average_cost(&Settings::default()).average_cost.unwrap();
            let simulated = simulate(&PerishableLanes::new(plain), &BaseStock { base_stock_level: 8 }, &plan);
            let (mean, error) = (simulated.mean(), simulated.standard_error());
            assert!((mean - exact).abs() < 4.0 * error, "{mean} ± {error}, exact {exact}");
            // Sales, losses and waste of a period are worth about ten; revenue takes most of it off again.
            assert!(error < 0.01, "{error}: the plan is too short to say anything");
        }
    }
}
