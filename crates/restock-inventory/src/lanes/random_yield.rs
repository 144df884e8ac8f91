//! [`RandomYield`] in lanes: binomial, all-or-nothing and uniform yields.

use std::num::Wrapping;

use super::policies::InventoryPosition;
use super::{LaneDemand, LaneEnvironment, LaneOutcome, LanePolicy, LaneRng, LaneUnits, Lanes, N_LANES, NO_UNITS};
use super::{lane_units, plain_units};
use crate::environments::RandomYield;
use crate::environments::random_yield::YieldChance;
use crate::heuristics::LinearInflation;

/// The random-yield problem in lanes.
#[derive(Clone, Debug)]
pub struct RandomYieldLanes {
    plain: RandomYield,
    demand: LaneDemand,
    /// `[max_order + 1]`: the law of the good units of each order.
    yields: Vec<LaneDemand>,
    min_net_inventory: LaneUnits,
}

/// What chance decides in each lane.
#[derive(Clone, Debug)]
pub struct YieldLaneChance {
    /// Good units of the order.
    pub yielded: Lanes<LaneUnits>,
    /// Units wanted.
    pub demand: Lanes<LaneUnits>,
}

impl RandomYieldLanes {
    /// The twin of a problem.
    ///
    /// # Panics
    /// When demand or an order is too large for lanes.
    pub fn new(plain: RandomYield) -> Self {
        let demand = LaneDemand::new(plain.demand());
        let yields = plain.yields().iter().map(LaneDemand::new).collect();
        let min_net_inventory = lane_units(plain.min_net_inventory());
        Self { plain, demand, yields, min_net_inventory }
    }
}

impl LaneEnvironment for RandomYieldLanes {
    type Plain = RandomYield;
    /// Net inventory, units: on hand less backordered.
    type State = Lanes<LaneUnits>;
    type Action = Lanes<LaneUnits>;
    type Chance = YieldLaneChance;

    fn plain(&self) -> &RandomYield {
        &self.plain
    }

    fn reset(&self) -> Lanes<LaneUnits> {
        NO_UNITS
    }

    fn no_action(&self) -> Lanes<LaneUnits> {
        NO_UNITS
    }

    #[inline(always)]
    fn sample_chance(
        &self,
        _: &Lanes<LaneUnits>,
        order_quantity: &Lanes<LaneUnits>,
        rng: &mut LaneRng,
    ) -> YieldLaneChance {
        let random = rng.next_u32();
        let mut yielded = NO_UNITS;
        for lane in 0..N_LANES {
            yielded[lane] = self.yields[order_quantity[lane].0 as usize].draw(random[lane]);
        }
        YieldLaneChance { yielded, demand: self.demand.sample(rng) }
    }

    /// The sequence of events of [`RandomYield`]; whether an order is allowed is not checked.
    #[inline(always)]
    fn step(
        &self,
        net_inventory: &mut Lanes<LaneUnits>,
        _: &Lanes<LaneUnits>,
        chance: &YieldLaneChance,
    ) -> LaneOutcome {
        let (holding_cost, stockout_cost) = self.plain.unit_costs();
        let mut outcome = LaneOutcome::NOTHING;
        for lane in 0..N_LANES {
            let available = net_inventory[lane] + chance.yielded[lane];
            let sold = chance.demand[lane].min(available.max(Wrapping(0)));
            let left = available - chance.demand[lane];
            outcome.cost[lane] = holding_cost * f64::from(left.0.max(0)) + stockout_cost * f64::from((-left).0.max(0));
            net_inventory[lane] = left.max(self.min_net_inventory);
            outcome.sold[lane] = sold;
            outcome.lost[lane] = chance.demand[lane] - sold;
        }
        outcome
    }

    fn lane(&self, net_inventory: &Lanes<LaneUnits>, lane: usize) -> i64 {
        plain_units(net_inventory[lane])
    }

    action_is_units!();

    fn no_chance(&self) -> YieldLaneChance {
        YieldLaneChance { yielded: NO_UNITS, demand: NO_UNITS }
    }

    fn set_chance(&self, chance: &mut YieldLaneChance, lane: usize, plain: &YieldChance) {
        chance.yielded[lane] = lane_units(plain.yielded);
        chance.demand[lane] = lane_units(plain.demand);
    }

    fn chance(&self, chance: &YieldLaneChance, lane: usize) -> YieldChance {
        YieldChance { yielded: plain_units(chance.yielded[lane]), demand: plain_units(chance.demand[lane]) }
    }
}

/// Orders arrive at once, so the inventory position is the net inventory.
impl InventoryPosition for RandomYieldLanes {
    #[inline(always)]
    fn inventory_position<'a>(&self, net_inventory: &'a Lanes<LaneUnits>) -> &'a Lanes<LaneUnits> {
        net_inventory
    }
}

/// The rule of [`LinearInflation`] in lanes, within the largest order of each net inventory.
impl LanePolicy<RandomYieldLanes> for LinearInflation {
    #[inline(always)]
    fn act(&self, environment: &RandomYieldLanes, net_inventory: &Lanes<LaneUnits>, order: &mut Lanes<LaneUnits>) {
        for lane in 0..N_LANES {
            let net_inventory = plain_units(net_inventory[lane]);
            let wanted = self.order_quantity(net_inventory).min(environment.plain.max_order(net_inventory));
            order[lane] = lane_units(wanted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discrete_demand::DiscreteDemand;
    use crate::environments::Yield;
    use crate::exact::{Criterion, Settings, evaluate};
    use crate::lanes::{SimulationPlan, check_lanes, check_policy, simulate};

    const POLICY: LinearInflation = LinearInflation { order_up_to_level: 6, inflation: 1.4 };

    fn problem(good: Yield) -> RandomYield {
        RandomYield::new(1.1, 4.3, DiscreteDemand::poisson(2.0, 12), good, 12, -30..=20)
    }

    #[test]
    fn equals_the_plain_environment_and_its_policy() {
        for good in [Yield::Binomial(0.7), Yield::Binomial(1.0), Yield::AllOrNothing(0.8), Yield::Uniform] {
            let plain = problem(good);
            let twin = RandomYieldLanes::new(plain.clone());
            check_lanes(&twin, 5, 300).unwrap();
            let order =
                |net_inventory: &i64| POLICY.order_quantity(*net_inventory).min(plain.max_order(*net_inventory));
            check_policy(&twin, &POLICY, order, 5, 300).unwrap();
        }
    }

    /// The policy's exact cost within four standard errors: yields are drawn by their law.
    #[test]
    fn simulated_costs_agree_with_the_exact_evaluation() {
        let plan = SimulationPlan { n_lanes: 256, n_warm_up: 50, n_periods: 4000, seed: 6 };
        for good in [Yield::Binomial(0.7), Yield::AllOrNothing(0.8), Yield::Uniform] {
            let plain = problem(good);
            let order =
                |net_inventory: &i64| POLICY.order_quantity(*net_inventory).min(plain.max_order(*net_inventory));
            let exact = evaluate(&plain, order, Criterion::Average, &Settings::default()).average_cost.unwrap();
            let simulated = simulate(&RandomYieldLanes::new(plain), &POLICY, &plan);
            let (mean, error) = (simulated.mean(), simulated.standard_error());
            assert!((mean - exact).abs() < 4.0 * error && error < 3e-3 * exact, "{mean} ± {error}, exact {exact}");
        }
    }
}
