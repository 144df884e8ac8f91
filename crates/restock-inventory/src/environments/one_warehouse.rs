//! One warehouse that supplies retailers, who lose unmet demand; what does not fit into a place vanishes.
//!
//! The smallest divergent system (Clark & Scarf 1960; Federgruen & Zipkin 1984), with lead times of one period from the
//! outside supplier to the warehouse and from the warehouse to the retailers.

use rand::Rng;

use restock_core::Units;
use restock_core::environment::{Environment, FiniteEnvironment, PeriodOutcome};

use crate::discrete_demand::DiscreteDemand;

/// What stock and lost sales cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OneWarehouseCosts {
    /// Holding cost per unit that stays in the warehouse after shipping.
    pub warehouse_holding_cost: f64,
    /// Holding cost per unit on a retailer's shelf at the end of a period.
    pub retailer_holding_cost: f64,
    /// Cost of a unit lost at a retailer (p).
    pub stockout_cost: f64,
}

/// Stock at the start of a period, after what was due has arrived, units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OneWarehouseState<const N: usize = 2> {
    /// In the warehouse.
    pub warehouse: Units,
    /// `[N]`: on the shelf of each retailer.
    pub retailers: [Units; N],
}

/// What the warehouse ships and orders, units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ShipAndOrder<const N: usize = 2> {
    /// `[N]`: shipped to each retailer; no more in sum than is in the warehouse.
    pub shipped: [Units; N],
    /// Ordered from outside by the warehouse.
    pub ordered: Units,
}

/// The one-warehouse problem with `N` retailers: two where the literature has its optima, more for simulation.
#[derive(Clone, Debug)]
pub struct OneWarehouse<const N: usize = 2> {
    costs: OneWarehouseCosts,
    demand: [DiscreteDemand; N],
    warehouse_capacity: Units,
    retailer_capacity: Units,
}

impl<const N: usize> OneWarehouse<N> {
    /// A problem with room for `warehouse_capacity` units in the warehouse and `retailer_capacity` at each retailer.
    ///
    /// # Panics
    /// When a cost is negative or a capacity below 1.
    pub fn new(
        costs: OneWarehouseCosts,
        demand: [DiscreteDemand; N],
        warehouse_capacity: Units,
        retailer_capacity: Units,
    ) -> Self {
        let all = [costs.warehouse_holding_cost, costs.retailer_holding_cost, costs.stockout_cost];
        assert!(all.iter().all(|cost| *cost >= 0.0 && cost.is_finite()), "{costs:?}");
        assert!(warehouse_capacity >= 1 && retailer_capacity >= 1);
        Self { costs, demand, warehouse_capacity, retailer_capacity }
    }

    /// The cost rates.
    pub fn costs(&self) -> OneWarehouseCosts {
        self.costs
    }

    /// Room in the warehouse and at each retailer, units.
    pub fn capacities(&self) -> (Units, Units) {
        (self.warehouse_capacity, self.retailer_capacity)
    }

    /// The demand law of each retailer.
    pub fn demand(&self) -> &[DiscreteDemand; N] {
        &self.demand
    }

    /// The largest order that fits once `left` units stay in the warehouse.
    fn max_ordered(&self, left: Units) -> Units {
        self.warehouse_capacity - left
    }
}

impl<const N: usize> Environment for OneWarehouse<N> {
    type State = OneWarehouseState<N>;
    type Action = ShipAndOrder<N>;
    /// Demand at each retailer, units.
    type Chance = [Units; N];

    fn id(&self) -> &'static str {
        "one-warehouse-v1"
    }

    fn initial_state(&self) -> OneWarehouseState<N> {
        OneWarehouseState { warehouse: 0, retailers: [0; N] }
    }

    fn sample_action(&self, state: &OneWarehouseState<N>, rng: &mut dyn Rng) -> ShipAndOrder<N> {
        let mut left = state.warehouse;
        let shipped = std::array::from_fn(|_| {
            let shipped = (rng.next_u64() % (left.min(self.retailer_capacity) as u64 + 1)) as Units;
            left -= shipped;
            shipped
        });
        let ordered = (rng.next_u64() % (self.max_ordered(left) as u64 + 1)) as Units;
        ShipAndOrder { shipped, ordered }
    }

    fn sample_chance(&self, _: &OneWarehouseState<N>, _: &ShipAndOrder<N>, rng: &mut dyn Rng) -> [Units; N] {
        std::array::from_fn(|retailer_idx| self.demand[retailer_idx].sample(rng))
    }

    /// Sequence of events in a period: 1. the warehouse ships from what it has, and orders; 2. holding cost for what
    /// stays in the warehouse; 3. demand at the retailers, what is not on the shelf is lost; 4. holding cost for what is
    /// left there, stock-out cost for what was lost; 5. shipments and order arrive for the next period, and what does
    /// not fit vanishes.
    ///
    /// # Panics
    /// When more is shipped than is in the warehouse.
    fn step(&self, state: &mut OneWarehouseState<N>, action: &ShipAndOrder<N>, demand: &[Units; N]) -> PeriodOutcome {
        assert!(action.ordered >= 0 && action.shipped.iter().chain(demand).all(|units| *units >= 0));
        let left = state.warehouse - action.shipped.iter().sum::<Units>();
        assert!(left >= 0, "{action:?} ships more than there is in {state:?}");
        let mut outcome =
            PeriodOutcome { cost: self.costs.warehouse_holding_cost * left as f64, ..PeriodOutcome::default() };
        for retailer_idx in 0..N {
            let (on_hand, demand) = (&mut state.retailers[retailer_idx], demand[retailer_idx]);
            let sold = demand.min(*on_hand);
            let lost = demand - sold;
            *on_hand -= sold;
            outcome.cost += self.costs.retailer_holding_cost * *on_hand as f64 + self.costs.stockout_cost * lost as f64;
            let arrived = *on_hand + action.shipped[retailer_idx];
            *on_hand = arrived.min(self.retailer_capacity);
            outcome.expired += arrived - *on_hand;
            outcome.demand += demand;
            outcome.sold += sold;
            outcome.lost += lost;
        }
        let arrived = left + action.ordered;
        state.warehouse = arrived.min(self.warehouse_capacity);
        outcome.expired += arrived - state.warehouse;
        outcome.received = action.ordered;
        outcome
    }

    fn units(&self, state: &OneWarehouseState<N>) -> Units {
        state.warehouse + state.retailers.iter().sum::<Units>()
    }

    fn ordered(&self, _: &OneWarehouseState<N>, action: &ShipAndOrder<N>, _: &[Units; N]) -> Units {
        action.ordered
    }
}

impl<const N: usize> FiniteEnvironment for OneWarehouse<N> {
    fn n_states(&self) -> usize {
        (self.warehouse_capacity as usize + 1) * (self.retailer_capacity as usize + 1).pow(N as u32)
    }

    fn state_idx(&self, state: &OneWarehouseState<N>) -> usize {
        let radix = self.retailer_capacity as usize + 1;
        state.retailers.iter().fold(state.warehouse as usize, |idx, on_hand| idx * radix + *on_hand as usize)
    }

    fn state(&self, mut state_idx: usize) -> OneWarehouseState<N> {
        let radix = self.retailer_capacity as usize + 1;
        let mut state = self.initial_state();
        for on_hand in state.retailers.iter_mut().rev() {
            *on_hand = (state_idx % radix) as Units;
            state_idx /= radix;
        }
        state.warehouse = state_idx as Units;
        state
    }

    fn actions(&self, state: &OneWarehouseState<N>, actions: &mut Vec<ShipAndOrder<N>>) {
        actions.clear();
        let mut shipped = [0; N];
        loop {
            let left = state.warehouse - shipped.iter().sum::<Units>();
            actions.extend((0..=self.max_ordered(left)).map(|ordered| ShipAndOrder { shipped, ordered }));
            // The next shipment in the order of a counter: the last retailer gets one more, or none, and the one before.
            let mut left = left;
            let raised = (0..N).rev().any(|retailer_idx| {
                let fits = left > 0 && shipped[retailer_idx] < self.retailer_capacity;
                if fits {
                    shipped[retailer_idx] += 1;
                } else {
                    left += shipped[retailer_idx];
                    shipped[retailer_idx] = 0;
                }
                fits
            });
            if !raised {
                return;
            }
        }
    }

    fn chances(&self, state: &OneWarehouseState<N>, _: &ShipAndOrder<N>, chances: &mut Vec<([Units; N], f64)>) {
        chances.clear();
        chances.push(([0; N], 1.0));
        let mut law = Vec::new();
        for retailer_idx in 0..N {
            law.clear();
            self.demand[retailer_idx].up_to(state.retailers[retailer_idx], &mut law);
            let before = std::mem::take(chances);
            for (demands, probability) in before {
                chances.extend(law.iter().map(|(demand, p)| {
                    let mut demands = demands;
                    demands[retailer_idx] = *demand;
                    (demands, probability * p)
                }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environments::{check_environment, check_finite_environment};
    use crate::exact::{Criterion, PolicyChain, Settings, solve};
    use crate::heuristics::EchelonRationing;

    fn problem(capacities: (Units, Units)) -> OneWarehouse {
        let costs = OneWarehouseCosts { warehouse_holding_cost: 0.3, retailer_holding_cost: 1.0, stockout_cost: 9.0 };
        let demand = [DiscreteDemand::poisson(1.0, 8), DiscreteDemand::uniform(0, 3)];
        OneWarehouse::new(costs, demand, capacities.0, capacities.1)
    }

    #[test]
    fn is_an_environment() {
        for capacities in [(1, 1), (4, 3), (3, 6)] {
            check_environment(&problem(capacities), 9, 20_000).unwrap();
            check_finite_environment(&problem(capacities), 3).unwrap();
        }
    }

    #[test]
    fn three_retailers_are_an_environment() {
        let demand = [DiscreteDemand::poisson(0.6, 4), DiscreteDemand::uniform(0, 2), DiscreteDemand::poisson(0.3, 3)];
        let problem = OneWarehouse::new(problem((1, 1)).costs(), demand, 4, 2);
        check_environment(&problem, 9, 20_000).unwrap();
        check_finite_environment(&problem, 3).unwrap();
        let optimum = solve(&problem, Criterion::Average, &Settings::default()).average_cost.unwrap();
        let policy = EchelonRationing { echelon_level: 4, retailer_levels: [1, 1, 1] };
        let chain = PolicyChain::new(&problem, |state| policy.action(state));
        let cost = chain.average_cost(&Settings::default()).average_cost.unwrap();
        assert!(cost >= optimum - 1e-6, "{policy:?} costs {cost}, the optimum {optimum}");
    }

    #[test]
    fn no_echelon_base_stock_beats_the_optimum() {
        let problem = problem((6, 5));
        let optimum = solve(&problem, Criterion::Average, &Settings::default()).average_cost.unwrap();
        for echelon_level in 4..=12 {
            let policy = EchelonRationing { echelon_level, retailer_levels: [3, 4] };
            let chain = PolicyChain::new(&problem, |state| policy.action(state));
            let cost = chain.average_cost(&Settings::default()).average_cost.unwrap();
            assert!(cost >= optimum - 1e-6, "{policy:?} costs {cost}, the optimum {optimum}");
        }
    }
}
