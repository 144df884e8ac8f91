//! [`JointReplenishment`] in lanes.

use std::num::Wrapping;

use super::{LaneDemand, LaneEnvironment, LaneOutcome, LaneRng, LaneUnits, Lanes, N_LANES, NO_UNITS};
use super::{lane_units, plain_units};
use crate::environments::JointReplenishment;
use crate::environments::joint_replenishment::{Arrival, N_ITEMS};

/// One number for each item and lane.
type PerItem = [Lanes<LaneUnits>; N_ITEMS];

/// The joint replenishment problem in lanes.
#[derive(Clone, Debug)]
pub struct JointReplenishmentLanes {
    plain: JointReplenishment,
    demand: [LaneDemand; N_ITEMS],
    truck_capacity: u32,
}

impl JointReplenishmentLanes {
    /// The twin of a problem.
    ///
    /// # Panics
    /// When demand or a truck is too large for lanes.
    pub fn new(plain: JointReplenishment) -> Self {
        let demand = std::array::from_fn(|item_idx| LaneDemand::new(&plain.demand()[item_idx]));
        let truck_capacity = lane_units(plain.truck_capacity()).0 as u32;
        Self { plain, demand, truck_capacity }
    }
}

impl LaneEnvironment for JointReplenishmentLanes {
    type Plain = JointReplenishment;
    /// `[N_ITEMS, N_LANES]`: net inventory of each item, units: on hand less backordered.
    type State = PerItem;
    /// `[N_ITEMS, N_LANES]`: units ordered of each item.
    type Action = PerItem;
    /// `[N_ITEMS, N_LANES]`: demand of each item, units.
    type Chance = PerItem;

    fn plain(&self) -> &JointReplenishment {
        &self.plain
    }

    fn reset(&self) -> PerItem {
        [NO_UNITS; N_ITEMS]
    }

    fn no_action(&self) -> PerItem {
        [NO_UNITS; N_ITEMS]
    }

    #[inline(always)]
    fn sample_chance(&self, _: &PerItem, _: &PerItem, rng: &mut LaneRng) -> PerItem {
        std::array::from_fn(|item_idx| self.demand[item_idx].sample(rng))
    }

    /// The sequence of events of [`JointReplenishment`].
    #[inline(always)]
    fn step(&self, state: &mut PerItem, order: &PerItem, demand: &PerItem) -> LaneOutcome {
        let costs = self.plain.costs();
        let before_demand = self.plain.arrival() == Arrival::BeforeDemand;
        let mut outcome = LaneOutcome::NOTHING;
        for lane in 0..N_LANES {
            let (mut total, mut n_items) = (Wrapping(0), 0);
            for quantities in order {
                total += quantities[lane];
                n_items += i32::from(quantities[lane] > Wrapping(0));
            }
            let n_trucks = (total.0 as u32).div_ceil(self.truck_capacity);
            outcome.cost[lane] = costs.truck_cost * f64::from(n_trucks) + costs.item_cost * f64::from(n_items);
        }
        for item_idx in 0..N_ITEMS {
            let (net, quantities, wanted) = (&mut state[item_idx], &order[item_idx], &demand[item_idx]);
            for lane in 0..N_LANES {
                let at_once = if before_demand { quantities[lane] } else { Wrapping(0) };
                let available = net[lane] + at_once;
                let sold = wanted[lane].min(available.max(Wrapping(0)));
                let left = available - wanted[lane];
                outcome.cost[lane] += costs.holding_cost * f64::from(left.0.max(0));
                outcome.cost[lane] += costs.backorder_cost * f64::from((-left).0.max(0));
                net[lane] = left + quantities[lane] - at_once;
                outcome.sold[lane] += sold;
                outcome.lost[lane] += wanted[lane] - sold;
            }
        }
        outcome
    }

    fn lane(&self, state: &PerItem, lane: usize) -> [i64; N_ITEMS] {
        std::array::from_fn(|item_idx| plain_units(state[item_idx][lane]))
    }

    fn set_action(&self, action: &mut PerItem, lane: usize, plain: &[i64; N_ITEMS]) {
        for (quantities, units) in action.iter_mut().zip(plain) {
            quantities[lane] = lane_units(*units);
        }
    }

    fn action(&self, action: &PerItem, lane: usize) -> [i64; N_ITEMS] {
        self.lane(action, lane)
    }

    fn no_chance(&self) -> PerItem {
        [NO_UNITS; N_ITEMS]
    }

    fn set_chance(&self, chance: &mut PerItem, lane: usize, plain: &[i64; N_ITEMS]) {
        self.set_action(chance, lane, plain);
    }

    fn chance(&self, chance: &PerItem, lane: usize) -> [i64; N_ITEMS] {
        self.lane(chance, lane)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discrete_demand::DiscreteDemand;
    use crate::environments::joint_replenishment::JointReplenishmentCosts;
    use crate::lanes::check_lanes;

    #[test]
    fn equals_the_plain_environment() {
        let costs =
            JointReplenishmentCosts { holding_cost: 1.1, backorder_cost: 19.3, truck_cost: 75.0, item_cost: 10.7 };
        for arrival in [Arrival::BeforeDemand, Arrival::AfterDemand] {
            let demand = [DiscreteDemand::uniform(0, 5), DiscreteDemand::uniform(0, 3)];
            let plain = JointReplenishment::new(costs, 6, demand, arrival, 4);
            check_lanes(&JointReplenishmentLanes::new(plain), 3, 500).unwrap();
        }
    }
}
