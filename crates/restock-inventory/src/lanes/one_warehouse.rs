//! [`OneWarehouse`] in lanes.

use super::{LaneDemand, LaneEnvironment, LaneOutcome, LaneRng, LaneUnits, Lanes, N_LANES, NO_UNITS};
use super::{lane_units, plain_units};
use crate::environments::{OneWarehouse, OneWarehouseState, ShipAndOrder};

/// The one-warehouse problem in lanes.
#[derive(Clone, Debug)]
pub struct OneWarehouseLanes<const N: usize = 2> {
    plain: OneWarehouse<N>,
    demand: [LaneDemand; N],
    warehouse_capacity: LaneUnits,
    retailer_capacity: LaneUnits,
}

/// Stock at the start of a period, after what was due has arrived, units.
#[derive(Clone, Debug)]
pub struct OneWarehouseLaneState<const N: usize = 2> {
    /// In the warehouse.
    pub warehouse: Lanes<LaneUnits>,
    /// `[N, N_LANES]`: on the shelf of each retailer.
    pub retailers: [Lanes<LaneUnits>; N],
}

/// What the warehouse ships and orders in each lane, units.
#[derive(Clone, Debug)]
pub struct ShipAndOrderLanes<const N: usize = 2> {
    /// `[N, N_LANES]`: shipped to each retailer.
    pub shipped: [Lanes<LaneUnits>; N],
    /// Ordered from outside by the warehouse.
    pub ordered: Lanes<LaneUnits>,
}

impl<const N: usize> OneWarehouseLanes<N> {
    /// The twin of a problem.
    ///
    /// # Panics
    /// When demand or a capacity is too large for lanes.
    pub fn new(plain: OneWarehouse<N>) -> Self {
        let demand = std::array::from_fn(|retailer_idx| LaneDemand::new(&plain.demand()[retailer_idx]));
        let (warehouse_capacity, retailer_capacity) = plain.capacities();
        let (warehouse_capacity, retailer_capacity) = (lane_units(warehouse_capacity), lane_units(retailer_capacity));
        Self { plain, demand, warehouse_capacity, retailer_capacity }
    }
}

impl<const N: usize> LaneEnvironment for OneWarehouseLanes<N> {
    type Plain = OneWarehouse<N>;
    type State = OneWarehouseLaneState<N>;
    type Action = ShipAndOrderLanes<N>;
    /// `[N, N_LANES]`: demand at each retailer, units.
    type Chance = [Lanes<LaneUnits>; N];

    fn plain(&self) -> &OneWarehouse<N> {
        &self.plain
    }

    fn reset(&self) -> OneWarehouseLaneState<N> {
        OneWarehouseLaneState { warehouse: NO_UNITS, retailers: [NO_UNITS; N] }
    }

    fn no_action(&self) -> ShipAndOrderLanes<N> {
        ShipAndOrderLanes { shipped: [NO_UNITS; N], ordered: NO_UNITS }
    }

    #[inline(always)]
    fn sample_chance(&self, _: &OneWarehouseLaneState<N>, _: &ShipAndOrderLanes<N>, rng: &mut LaneRng) -> Self::Chance {
        std::array::from_fn(|retailer_idx| self.demand[retailer_idx].sample(rng))
    }

    /// The sequence of events of [`OneWarehouse`]; whether the warehouse has what it ships is not checked.
    #[inline(always)]
    fn step(
        &self,
        state: &mut OneWarehouseLaneState<N>,
        action: &ShipAndOrderLanes<N>,
        demand: &Self::Chance,
    ) -> LaneOutcome {
        let costs = self.plain.costs();
        let mut outcome = LaneOutcome::NOTHING;
        let mut left = state.warehouse;
        for lane in 0..N_LANES {
            for retailer_idx in 0..N {
                left[lane] -= action.shipped[retailer_idx][lane];
            }
            outcome.cost[lane] = costs.warehouse_holding_cost * f64::from(left[lane].0);
            let arrived = left[lane] + action.ordered[lane];
            state.warehouse[lane] = arrived.min(self.warehouse_capacity);
            outcome.expired[lane] = arrived - state.warehouse[lane];
        }
        for retailer_idx in 0..N {
            let on_hand = &mut state.retailers[retailer_idx];
            for lane in 0..N_LANES {
                let wanted = demand[retailer_idx][lane];
                let sold = wanted.min(on_hand[lane]);
                let kept = on_hand[lane] - sold;
                outcome.cost[lane] += costs.retailer_holding_cost * f64::from(kept.0)
                    + costs.stockout_cost * f64::from((wanted - sold).0);
                let arrived = kept + action.shipped[retailer_idx][lane];
                on_hand[lane] = arrived.min(self.retailer_capacity);
                outcome.expired[lane] += arrived - on_hand[lane];
                outcome.sold[lane] += sold;
                outcome.lost[lane] += wanted - sold;
            }
        }
        outcome
    }

    fn lane(&self, state: &OneWarehouseLaneState<N>, lane: usize) -> OneWarehouseState<N> {
        let retailers = std::array::from_fn(|retailer_idx| plain_units(state.retailers[retailer_idx][lane]));
        OneWarehouseState { warehouse: plain_units(state.warehouse[lane]), retailers }
    }

    fn set_action(&self, action: &mut ShipAndOrderLanes<N>, lane: usize, plain: &ShipAndOrder<N>) {
        for (shipped, quantity) in action.shipped.iter_mut().zip(plain.shipped) {
            shipped[lane] = lane_units(quantity);
        }
        action.ordered[lane] = lane_units(plain.ordered);
    }

    fn action(&self, action: &ShipAndOrderLanes<N>, lane: usize) -> ShipAndOrder<N> {
        let shipped = std::array::from_fn(|retailer_idx| plain_units(action.shipped[retailer_idx][lane]));
        ShipAndOrder { shipped, ordered: plain_units(action.ordered[lane]) }
    }

    fn no_chance(&self) -> Self::Chance {
        [NO_UNITS; N]
    }

    fn set_chance(&self, chance: &mut Self::Chance, lane: usize, plain: &[i64; N]) {
        for (demand, units) in chance.iter_mut().zip(plain) {
            demand[lane] = lane_units(*units);
        }
    }

    fn chance(&self, chance: &Self::Chance, lane: usize) -> [i64; N] {
        std::array::from_fn(|retailer_idx| plain_units(chance[retailer_idx][lane]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discrete_demand::DiscreteDemand;
    use crate::environments::one_warehouse::OneWarehouseCosts;
    use crate::exact::{PolicyChain, Settings};
    use crate::heuristics::EchelonRationing;
    use crate::lanes::{PlainPolicy, SimulationPlan, check_lanes, check_policy, simulate};

    const POLICY: EchelonRationing = EchelonRationing { echelon_level: 13, retailer_levels: [5, 5] };

    fn problem() -> OneWarehouse {
        let costs = OneWarehouseCosts { warehouse_holding_cost: 0.3, retailer_holding_cost: 1.1, stockout_cost: 4.7 };
        let demand = [DiscreteDemand::poisson(2.0, 20), DiscreteDemand::geometric(2.0, 40)];
        OneWarehouse::new(costs, demand, 15, 13)
    }

    #[test]
    fn equals_the_plain_environment_and_its_policy() {
        let twin = OneWarehouseLanes::new(problem());
        check_lanes(&twin, 3, 500).unwrap();
        check_policy(&twin, &PlainPolicy(|state: &_| POLICY.action(state)), |state| POLICY.action(state), 3, 100)
            .unwrap();
        let demand = [0.5, 2.0, 1.0, 3.0].map(|mean| DiscreteDemand::poisson(mean, 12));
        check_lanes(&OneWarehouseLanes::new(OneWarehouse::new(problem().costs(), demand, 15, 9)), 3, 200).unwrap();
    }

    /// Simulated cost within four standard errors of the exact evaluation.
    #[test]
    fn simulated_cost_is_that_of_the_exact_evaluation() {
        let chain = PolicyChain::new(&problem(), |state| POLICY.action(state));
        let exact = chain.average_cost(&Settings::default()).average_cost.unwrap();
        let plan = SimulationPlan { n_lanes: 256, n_warm_up: 50, n_periods: 2000, seed: 2 };
        let policy = PlainPolicy(|state: &_| POLICY.action(state));
        let simulated = simulate(&OneWarehouseLanes::new(problem()), &policy, &plan);
        let (mean, error) = (simulated.mean(), simulated.standard_error());
        assert!((mean - exact).abs() < 4.0 * error && error < 2e-3 * exact, "{mean} ± {error}, exact {exact}");
    }
}
