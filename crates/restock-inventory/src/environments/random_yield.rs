//! One item whose orders yield a random number of good units; unmet demand waits.
//!
//! Henig & Gerchak (1990), *Operations Research* 38(4): the optimal order is 0 above a critical level, but not of the
//! order-up-to kind; linear inflation (Bollapragada & Morton 1999, *Operations Research* 47(5)) is the usual heuristic.

use rand::{Rng, RngExt};

use restock_core::Units;
use restock_core::environment::{Environment, FiniteEnvironment, Law, PeriodOutcome, Run};

use crate::discrete_demand::{DiscreteDemand, convolve};

/// How many units of an order are good.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Yield {
    /// Each unit on its own, with this probability.
    Binomial(f64),
    /// The whole order with this probability, else nothing.
    AllOrNothing(f64),
    /// Each number from none to all is as likely.
    Uniform,
}

impl Yield {
    /// The law of the good units of an order.
    ///
    /// # Panics
    /// When a probability is not above 0 and at most 1.
    pub fn law(&self, order_quantity: Units) -> DiscreteDemand {
        let quantity = order_quantity as usize;
        match *self {
            Self::Binomial(rate) => {
                assert!(0.0 < rate && rate <= 1.0, "yield rate {rate}");
                let unit = [1.0 - rate, rate];
                DiscreteDemand::new((0..quantity).fold(vec![1.0], |law, _| convolve(&law, &unit)))
            }
            Self::AllOrNothing(rate) => {
                assert!(0.0 < rate && rate <= 1.0, "yield rate {rate}");
                let mut law = vec![0.0; quantity + 1];
                law[0] = 1.0 - rate;
                law[quantity] += rate;
                DiscreteDemand::new(law)
            }
            Self::Uniform => DiscreteDemand::uniform(0, quantity),
        }
    }

    /// Expected share of good units, for a large order.
    pub fn mean_rate(&self) -> f64 {
        match *self {
            Self::Binomial(rate) | Self::AllOrNothing(rate) => rate,
            Self::Uniform => 0.5,
        }
    }
}

/// The random-yield problem. Orders arrive at once.
#[derive(Clone, Debug)]
pub struct RandomYield {
    /// Holding cost per unit and period (h).
    holding_cost: f64,
    /// Backorder cost per unit and period (b).
    stockout_cost: f64,
    demand: DiscreteDemand,
    max_order: Units,
    /// Net inventory stays in `min_net_inventory..=max_net_inventory`, units.
    min_net_inventory: Units,
    max_net_inventory: Units,
    /// `[max_order + 1]`: the law of the good units of each order.
    yields: Vec<DiscreteDemand>,
}

/// What chance decides in a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct YieldChance {
    /// Good units of the order.
    pub yielded: Units,
    /// Units wanted.
    pub demand: Units,
}

impl RandomYield {
    /// A problem whose net inventory is bounded at both ends, units: demand that would take it below the lower end goes
    /// elsewhere at the cost of waiting one period, and no order may lift it above the upper end even if all is good.
    ///
    /// # Panics
    /// When a cost is not positive or the bounds are not around 0.
    pub fn new(
        holding_cost: f64,
        stockout_cost: f64,
        demand: DiscreteDemand,
        good: Yield,
        max_order: Units,
        net_inventory: std::ops::RangeInclusive<Units>,
    ) -> Self {
        assert!(holding_cost > 0.0 && stockout_cost > 0.0, "{holding_cost} {stockout_cost}");
        assert!(net_inventory.contains(&0) && max_order >= 1, "{net_inventory:?} {max_order}");
        let yields = (0..=max_order).map(|order_quantity| good.law(order_quantity)).collect();
        let (min_net_inventory, max_net_inventory) = net_inventory.into_inner();
        Self { holding_cost, stockout_cost, demand, max_order, min_net_inventory, max_net_inventory, yields }
    }

    /// Holding and backorder cost per unit and period.
    pub fn unit_costs(&self) -> (f64, f64) {
        (self.holding_cost, self.stockout_cost)
    }

    /// The demand law.
    pub fn demand(&self) -> &DiscreteDemand {
        &self.demand
    }

    /// `[largest order + 1]`: the law of the good units of each order.
    pub fn yields(&self) -> &[DiscreteDemand] {
        &self.yields
    }

    /// The net inventory below which demand goes elsewhere, units.
    pub fn min_net_inventory(&self) -> Units {
        self.min_net_inventory
    }

    /// The largest order at a net inventory, units.
    pub fn max_order(&self, net_inventory: Units) -> Units {
        self.max_order.min(self.max_net_inventory - net_inventory)
    }

    fn cost(&self, net_inventory: Units) -> f64 {
        self.holding_cost * net_inventory.max(0) as f64 + self.stockout_cost * (-net_inventory).max(0) as f64
    }
}

impl Environment for RandomYield {
    /// On hand less backorders at the start of a period, units.
    type State = Units;
    type Action = Units;
    type Chance = YieldChance;

    fn id(&self) -> &'static str {
        "random-yield-v1"
    }

    fn initial_state(&self) -> Units {
        0
    }

    fn sample_action(&self, net_inventory: &Units, rng: &mut dyn Rng) -> Units {
        rng.random_range(0..=self.max_order(*net_inventory))
    }

    fn sample_chance(&self, _: &Units, order_quantity: &Units, rng: &mut dyn Rng) -> YieldChance {
        let yielded = self.yields[*order_quantity as usize].sample(rng);
        YieldChance { yielded, demand: self.demand.sample(rng) }
    }

    /// Sequence of events in a period: 1. order; 2. its good units arrive and serve backorders first; 3. demand, what is
    /// not on the shelf waits; 4. holding cost for what is left, stock-out cost for what waits; 5. what waits beyond the
    /// lower bound goes elsewhere.
    fn step(&self, net_inventory: &mut Units, order_quantity: &Units, chance: &YieldChance) -> PeriodOutcome {
        let YieldChance { yielded, demand } = *chance;
        assert!(0 <= yielded && yielded <= *order_quantity && *order_quantity <= self.max_order(*net_inventory));
        assert!(0 <= demand);
        let issued_late = yielded.min((-*net_inventory).max(0));
        *net_inventory += yielded;
        let sold = demand.min((*net_inventory).max(0));
        *net_inventory -= demand;
        let cost = self.cost(*net_inventory);
        *net_inventory = (*net_inventory).max(self.min_net_inventory);
        PeriodOutcome { demand, sold, lost: demand - sold, received: yielded, issued_late, cost, expired: 0 }
    }

    /// Units on the shelf.
    fn units(&self, net_inventory: &Units) -> Units {
        (*net_inventory).max(0)
    }

    /// Only good units enter the system.
    fn ordered(&self, _: &Units, _: &Units, chance: &YieldChance) -> Units {
        chance.yielded
    }
}

impl FiniteEnvironment for RandomYield {
    fn n_states(&self) -> usize {
        (self.max_net_inventory - self.min_net_inventory + 1) as usize
    }

    fn state_idx(&self, net_inventory: &Units) -> usize {
        (net_inventory - self.min_net_inventory) as usize
    }

    fn state(&self, state_idx: usize) -> Units {
        self.min_net_inventory + state_idx as Units
    }

    fn actions(&self, net_inventory: &Units, actions: &mut Vec<Units>) {
        actions.clear();
        actions.extend(0..=self.max_order(*net_inventory));
    }

    fn chances(&self, _: &Units, order_quantity: &Units, chances: &mut Vec<(YieldChance, f64)>) {
        chances.clear();
        let yields = self.yields[*order_quantity as usize].probabilities().iter().enumerate();
        for (yielded, probability) in yields.filter(|(_, p)| **p > 0.0) {
            let demands = self.demand.probabilities().iter().enumerate();
            for (demand, other) in demands.filter(|(_, p)| **p > 0.0) {
                let chance = YieldChance { yielded: yielded as Units, demand: demand as Units };
                chances.push((chance, probability * other));
            }
        }
    }

    /// One law for each net inventory and order.
    fn laws(&self) -> Vec<Law> {
        let falling: Vec<f64> = self.demand.probabilities().iter().rev().copied().collect();
        let max_demand = falling.len() as Units - 1;
        let mut laws = Vec::new();
        for net_inventory in self.min_net_inventory..=self.max_net_inventory {
            for order_quantity in 0..=self.max_order {
                // `[change + max_demand]`: by what the net inventory changes.
                let changes = convolve(self.yields[order_quantity as usize].probabilities(), &falling);
                let first = (net_inventory - max_demand).max(self.min_net_inventory);
                let mut probabilities = vec![0.0; (net_inventory + order_quantity - first + 1) as usize];
                let mut cost = 0.0;
                for (idx, probability) in changes.iter().enumerate() {
                    let next = net_inventory - max_demand + idx as Units;
                    cost += probability * self.cost(next);
                    probabilities[(next.max(first) - first) as usize] += probability;
                }
                laws.push(Law { cost, probabilities });
            }
        }
        laws
    }

    fn run(&self, net_inventory: &Units, order_quantity: &Units) -> Run {
        let max_demand = self.demand.probabilities().len() as Units - 1;
        let first = (net_inventory - max_demand).max(self.min_net_inventory);
        let above = net_inventory - self.min_net_inventory;
        Run {
            first: (first - self.min_net_inventory) as u32,
            law: (above * (self.max_order + 1) + order_quantity) as u32,
            extra_cost: 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environments::{check_environment, check_finite_environment};
    use crate::exact::{Criterion, Settings, solve};
    use crate::zheng_federgruen::{BackorderProblem, optimal_policy};

    #[test]
    fn is_an_environment() {
        for good in [Yield::Binomial(0.7), Yield::AllOrNothing(0.8), Yield::Uniform] {
            let demand = DiscreteDemand::poisson(2.0, 12);
            let problem = RandomYield::new(1.0, 4.0, demand, good, 12, -30..=20);
            check_environment(&problem, 5, 20_000).unwrap();
            check_finite_environment(&problem, 1).unwrap();
        }
    }

    #[test]
    fn yields_have_their_means() {
        for good in [Yield::Binomial(0.7), Yield::AllOrNothing(0.8), Yield::Uniform] {
            assert!((good.law(20).mean() - 20.0 * good.mean_rate()).abs() < 1e-9);
            assert_eq!(good.law(0), DiscreteDemand::constant(0));
        }
    }

    /// Where every unit is good this is the plain backorder problem.
    #[test]
    fn a_full_yield_is_no_yield_problem() {
        let demand = DiscreteDemand::poisson(3.0, 30);
        let problem = RandomYield::new(1.0, 9.0, demand.clone(), Yield::Binomial(1.0), 60, -40..=30);
        let solution = solve(&problem, Criterion::Average, &Settings::default());
        let plain = BackorderProblem { holding_cost: 1.0, stockout_cost: 9.0, order_cost: 0.0, lead_time: 0 };
        let exact = optimal_policy(plain, &demand).average_cost;
        assert!((solution.average_cost.unwrap() - exact).abs() < 1e-6, "{:?}, exact {exact}", solution.average_cost);
    }
}
