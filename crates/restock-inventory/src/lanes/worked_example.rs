//! [`WorkedExample`] in lanes.

use restock_core::Units;

use super::{LaneDemand, LaneEnvironment, LaneOutcome, LaneRng, LaneUnits, Lanes, N_LANES};
use super::{NO_UNITS, lane_units, plain_units};
use crate::environments::WorkedExample;

/// Largest stock whose square a lane can hold, units.
const STOCK_MAX: Units = 46_340;

/// The repaired tutorial problem in lanes.
#[derive(Clone, Debug)]
pub struct WorkedExampleLanes {
    plain: WorkedExample,
    demand: LaneDemand,
    initial_stock: LaneUnits,
    max_stock: LaneUnits,
}

impl WorkedExampleLanes {
    /// The twin of a problem.
    ///
    /// # Panics
    /// When stock is above 46,340 units, the largest whose square fits a lane, or demand is too large for lanes.
    pub fn new(plain: WorkedExample) -> Self {
        assert!(plain.initial_stock.max(plain.max_stock) <= STOCK_MAX, "stock is at most {STOCK_MAX} units in lanes");
        let demand = LaneDemand::new(&plain.demand);
        let (initial_stock, max_stock) = (lane_units(plain.initial_stock), lane_units(plain.max_stock));
        Self { plain, demand, initial_stock, max_stock }
    }
}

impl LaneEnvironment for WorkedExampleLanes {
    type Plain = WorkedExample;
    /// Units on hand at the start of a period.
    type State = Lanes<LaneUnits>;
    type Action = Lanes<LaneUnits>;
    type Chance = Lanes<LaneUnits>;

    fn plain(&self) -> &WorkedExample {
        &self.plain
    }

    fn reset(&self) -> Lanes<LaneUnits> {
        [self.initial_stock; N_LANES]
    }

    fn no_action(&self) -> Lanes<LaneUnits> {
        NO_UNITS
    }

    #[inline(always)]
    fn sample_chance(&self, _: &Lanes<LaneUnits>, _: &Lanes<LaneUnits>, rng: &mut LaneRng) -> Lanes<LaneUnits> {
        self.demand.sample(rng)
    }

    /// The sequence of events of [`WorkedExample`].
    #[inline(always)]
    fn step(
        &self,
        stock: &mut Lanes<LaneUnits>,
        order_quantity: &Lanes<LaneUnits>,
        demand: &Lanes<LaneUnits>,
    ) -> LaneOutcome {
        let mut outcome = LaneOutcome::NOTHING;
        for lane in 0..N_LANES {
            let start_cost = 0.01 * f64::from((stock[lane] * stock[lane]).0);
            let available = stock[lane] + order_quantity[lane];
            let sold = available.min(demand[lane]);
            let lost = demand[lane] - sold;
            let left = available - sold;
            stock[lane] = left.min(self.max_stock);
            outcome.cost[lane] = start_cost + self.plain.stockout_cost * f64::from(lost.0);
            outcome.sold[lane] = sold;
            outcome.lost[lane] = lost;
            outcome.expired[lane] = left - stock[lane];
        }
        outcome
    }

    fn lane(&self, stock: &Lanes<LaneUnits>, lane: usize) -> Units {
        plain_units(stock[lane])
    }

    action_is_units!();

    chance_is_units!();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discrete_demand::DiscreteDemand;
    use crate::lanes::check_lanes;

    #[test]
    fn equals_the_plain_environment() {
        for demand in [DiscreteDemand::constant(30), DiscreteDemand::poisson(30.0, 90)] {
            check_lanes(&WorkedExampleLanes::new(WorkedExample::new(5.0, demand)), 9, 500).unwrap();
        }
    }
}
