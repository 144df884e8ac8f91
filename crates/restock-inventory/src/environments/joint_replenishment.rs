//! Two items that share trucks; unmet demand is backordered.
//!
//! The stochastic joint replenishment problem with full truck loads in the style of Vanvuchelen, Gijsbrechts & Boute
//! (2020), *Computers in Industry* 119: a fixed cost per truck, a minor fixed cost per item ordered.

use rand::Rng;

use restock_core::Units;
use restock_core::environment::{Environment, FiniteEnvironment, PeriodOutcome};

use crate::discrete_demand::DiscreteDemand;

/// Items of the problem.
pub const N_ITEMS: usize = 2;

/// What orders, stock and backorders cost; the same for both items.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JointReplenishmentCosts {
    /// Holding cost per unit on the shelf at the end of a period (h).
    pub holding_cost: f64,
    /// Cost per unit backordered at the end of a period (b).
    pub backorder_cost: f64,
    /// Cost of a truck (K), full or not.
    pub truck_cost: f64,
    /// Cost of each item that is ordered (k).
    pub item_cost: f64,
}

/// When an order arrives in the period it is placed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// In time for the period's demand.
    BeforeDemand,
    /// After demand and cost, in time for the next period.
    AfterDemand,
}

/// The joint replenishment problem with trucks.
#[derive(Clone, Debug)]
pub struct JointReplenishment {
    costs: JointReplenishmentCosts,
    truck_capacity: Units,
    demand: [DiscreteDemand; N_ITEMS],
    arrival: Arrival,
    /// Smallest and largest net inventory that is enumerated, units.
    range: [(Units, Units); N_ITEMS],
}

impl JointReplenishment {
    /// A problem whose trucks carry `truck_capacity` units of any mix.
    ///
    /// Enumeration is capped where it does not bind an optimum: stock at the economic order quantity of an item that
    /// pays truck and minor cost alone, on top of the largest demand; backorders at the largest demand of
    /// `max_backorder_periods` periods, beyond which an order is forced.
    ///
    /// # Panics
    /// When a cost is negative, holding or backorder cost is 0, the capacity or the number of periods is below 1, or an
    /// item has no demand.
    pub fn new(
        costs: JointReplenishmentCosts,
        truck_capacity: Units,
        demand: [DiscreteDemand; N_ITEMS],
        arrival: Arrival,
        max_backorder_periods: usize,
    ) -> Self {
        assert!(costs.holding_cost > 0.0 && costs.backorder_cost > 0.0, "{costs:?}");
        assert!(costs.truck_cost >= 0.0 && costs.item_cost >= 0.0, "{costs:?}");
        assert!(truck_capacity >= 1 && max_backorder_periods >= 1);
        let range = std::array::from_fn(|item_idx| {
            let law = &demand[item_idx];
            let max_demand = law.probabilities().len() as Units - 1;
            assert!(max_demand >= 1);
            let order_cost = costs.truck_cost + costs.item_cost;
            let economic_quantity = (2.0 * order_cost * law.mean() / costs.holding_cost).sqrt().ceil() as Units;
            (-max_demand * max_backorder_periods as Units, economic_quantity + max_demand)
        });
        Self { costs, truck_capacity, demand, arrival, range }
    }

    /// The demand law of each item.
    pub fn demand(&self) -> &[DiscreteDemand; N_ITEMS] {
        &self.demand
    }

    /// The cost rates.
    pub fn costs(&self) -> JointReplenishmentCosts {
        self.costs
    }

    /// Largest and smallest demand are far apart: after the order each item must be able to meet the largest demand
    /// without leaving the range.
    fn order_range(&self, state: &[Units; N_ITEMS], item_idx: usize) -> (Units, Units) {
        let max_demand = self.demand[item_idx].probabilities().len() as Units - 1;
        let (least, most) = self.range[item_idx];
        let smallest = (least + max_demand - state[item_idx]).max(0);
        (smallest, (most - state[item_idx]).max(smallest))
    }

    /// Cost of an order: trucks and items.
    pub fn order_cost(&self, order: &[Units; N_ITEMS]) -> f64 {
        let n_trucks = (order.iter().sum::<Units>() as u64).div_ceil(self.truck_capacity as u64);
        let n_items = order.iter().filter(|quantity| **quantity > 0).count();
        self.costs.truck_cost * n_trucks as f64 + self.costs.item_cost * n_items as f64
    }

    fn n_levels(&self, item_idx: usize) -> usize {
        let (least, most) = self.range[item_idx];
        (most - least + 1) as usize
    }
}

impl Environment for JointReplenishment {
    /// Net inventory of each item, units: on hand less backordered.
    type State = [Units; N_ITEMS];
    /// Units ordered of each item.
    type Action = [Units; N_ITEMS];
    /// Demand of each item, units.
    type Chance = [Units; N_ITEMS];

    fn id(&self) -> &'static str {
        "joint-replenishment-v1"
    }

    fn initial_state(&self) -> [Units; N_ITEMS] {
        [0; N_ITEMS]
    }

    fn sample_action(&self, state: &[Units; N_ITEMS], rng: &mut dyn Rng) -> [Units; N_ITEMS] {
        std::array::from_fn(|item_idx| {
            let (least, most) = self.order_range(state, item_idx);
            least + (rng.next_u64() % (most - least + 1) as u64) as Units
        })
    }

    fn sample_chance(&self, _: &[Units; N_ITEMS], _: &[Units; N_ITEMS], rng: &mut dyn Rng) -> [Units; N_ITEMS] {
        std::array::from_fn(|item_idx| self.demand[item_idx].sample(rng))
    }

    /// Sequence of events in a period: 1. order of both items, which pays its trucks and items; 2. it arrives, if
    /// [`Arrival::BeforeDemand`], and serves backorders first; 3. demand, what is not on the shelf is backordered;
    /// 4. holding cost for what is left, backorder cost for what is backordered; 5. the order arrives, if
    /// [`Arrival::AfterDemand`].
    fn step(&self, state: &mut [Units; N_ITEMS], order: &[Units; N_ITEMS], demand: &[Units; N_ITEMS]) -> PeriodOutcome {
        assert!(order.iter().chain(demand).all(|units| *units >= 0));
        let mut outcome = PeriodOutcome { cost: self.order_cost(order), ..PeriodOutcome::default() };
        for item_idx in 0..N_ITEMS {
            let (net, quantity, demand) = (&mut state[item_idx], order[item_idx], demand[item_idx]);
            if self.arrival == Arrival::BeforeDemand {
                outcome.issued_late += quantity.min((-*net).max(0));
                *net += quantity;
            }
            let sold = demand.min((*net).max(0));
            *net -= demand;
            outcome.cost += self.costs.holding_cost * (*net).max(0) as f64;
            outcome.cost += self.costs.backorder_cost * (-*net).max(0) as f64;
            if self.arrival == Arrival::AfterDemand {
                outcome.issued_late += quantity.min((-*net).max(0));
                *net += quantity;
            }
            outcome.demand += demand;
            outcome.sold += sold;
            outcome.lost += demand - sold;
            outcome.received += quantity;
        }
        outcome
    }

    fn units(&self, state: &[Units; N_ITEMS]) -> Units {
        state.iter().map(|net| (*net).max(0)).sum()
    }

    fn ordered(&self, _: &[Units; N_ITEMS], order: &[Units; N_ITEMS], _: &[Units; N_ITEMS]) -> Units {
        order.iter().sum()
    }
}

impl FiniteEnvironment for JointReplenishment {
    fn n_states(&self) -> usize {
        self.n_levels(0) * self.n_levels(1)
    }

    fn state_idx(&self, state: &[Units; N_ITEMS]) -> usize {
        let level = |item_idx: usize| (state[item_idx] - self.range[item_idx].0) as usize;
        level(0) * self.n_levels(1) + level(1)
    }

    fn state(&self, state_idx: usize) -> [Units; N_ITEMS] {
        let levels = [state_idx / self.n_levels(1), state_idx % self.n_levels(1)];
        std::array::from_fn(|item_idx| levels[item_idx] as Units + self.range[item_idx].0)
    }

    fn actions(&self, state: &[Units; N_ITEMS], actions: &mut Vec<[Units; N_ITEMS]>) {
        actions.clear();
        let ranges: [(Units, Units); N_ITEMS] = std::array::from_fn(|item_idx| self.order_range(state, item_idx));
        for first in ranges[0].0..=ranges[0].1 {
            actions.extend((ranges[1].0..=ranges[1].1).map(|second| [first, second]));
        }
    }

    fn chances(&self, _: &[Units; N_ITEMS], _: &[Units; N_ITEMS], chances: &mut Vec<([Units; N_ITEMS], f64)>) {
        chances.clear();
        for (first, p) in self.demand[0].probabilities().iter().enumerate().filter(|(_, p)| **p > 0.0) {
            let second = self.demand[1].probabilities().iter().enumerate().filter(|(_, q)| **q > 0.0);
            chances.extend(second.map(|(second, q)| ([first as Units, second as Units], p * q)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environments::{check_environment, check_finite_environment};

    const COSTS: JointReplenishmentCosts =
        JointReplenishmentCosts { holding_cost: 1.0, backorder_cost: 9.0, truck_cost: 12.0, item_cost: 3.0 };

    #[test]
    fn is_an_environment() {
        for arrival in [Arrival::BeforeDemand, Arrival::AfterDemand] {
            let demand = [DiscreteDemand::uniform(0, 3), DiscreteDemand::poisson(1.0, 4)];
            let problem = JointReplenishment::new(COSTS, 4, demand, arrival, 3);
            check_environment(&problem, 5, 20_000).unwrap();
            check_finite_environment(&problem, 37).unwrap();
        }
    }

    #[test]
    fn trucks_and_items_are_paid() {
        let demand = [DiscreteDemand::constant(1), DiscreteDemand::constant(1)];
        let problem = JointReplenishment::new(COSTS, 4, demand, Arrival::BeforeDemand, 1);
        let costs = [[0, 0], [1, 0], [4, 0], [4, 1], [5, 4]].map(|order| problem.order_cost(&order));
        assert_eq!(costs, [0.0, 15.0, 15.0, 30.0, 42.0]);
    }
}
