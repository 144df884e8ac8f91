//! The tutorial problem `worked-example-v1`: one item, 100 units at the start, about 30 wanted a period.
//!
//! Read literally, the tutorial has no stock-out cost and never subtracts demand; [`literal`] keeps that arithmetic for
//! the record. [`WorkedExample`] is the repaired problem: orders arrive at once, unmet demand is lost at a cost, and
//! stock costs `0.01·S²` per period.

use rand::Rng;

use restock_core::Units;
use restock_core::environment::{Environment, FiniteEnvironment, PeriodOutcome};

use crate::discrete_demand::DiscreteDemand;

/// The tutorial's discount factor γ.
pub const DISCOUNT_FACTOR: f64 = 0.9;

/// The repaired tutorial problem.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkedExample {
    /// Cost of one unit of unmet demand, currency (p).
    pub stockout_cost: f64,
    /// Stock at the start of an episode, units.
    pub initial_stock: Units,
    /// Stock above this is given away, so that states can be numbered, units.
    pub max_stock: Units,
    /// Largest order, units.
    pub max_order: Units,
    /// Demand of a period.
    pub demand: DiscreteDemand,
}

impl WorkedExample {
    /// The tutorial's numbers: 100 units at the start, at most 200 in stock, at most 100 in an order.
    ///
    /// # Panics
    /// When `stockout_cost` is negative or not finite.
    pub fn new(stockout_cost: f64, demand: DiscreteDemand) -> Self {
        assert!(stockout_cost.is_finite() && stockout_cost >= 0.0);
        Self { stockout_cost, initial_stock: 100, max_stock: 200, max_order: 100, demand }
    }
}

/// Cost of starting a period with `stock` units: `0.01·S²`, currency.
pub fn stock_cost(stock: Units) -> f64 {
    0.01 * (stock * stock) as f64
}

impl Environment for WorkedExample {
    /// Units on hand at the start of a period.
    type State = Units;
    /// Units ordered.
    type Action = Units;
    /// Units wanted.
    type Chance = Units;

    fn id(&self) -> &'static str {
        "worked-example-v1"
    }

    fn initial_state(&self) -> Units {
        self.initial_stock
    }

    fn sample_action(&self, _: &Units, rng: &mut dyn Rng) -> Units {
        (rng.next_u64() % (self.max_order as u64 + 1)) as Units
    }

    fn sample_chance(&self, _: &Units, _: &Units, rng: &mut dyn Rng) -> Units {
        self.demand.sample(rng)
    }

    /// Sequence of events in a period: 1. cost of the stock at the start, 2. order, which arrives at once, 3. demand;
    /// what is not on the shelf is lost at a cost, 4. the rest, at most `max_stock`, starts the next period.
    fn step(&self, stock: &mut Units, order_quantity: &Units, demand: &Units) -> PeriodOutcome {
        let (order_quantity, demand) = (*order_quantity, *demand);
        assert!((0..=self.max_order).contains(&order_quantity) && 0 <= demand);
        let start_cost = stock_cost(*stock);
        let available = *stock + order_quantity;
        let sold = available.min(demand);
        let lost = demand - sold;
        let left = available - sold;
        *stock = left.min(self.max_stock);
        PeriodOutcome {
            demand,
            sold,
            lost,
            expired: left - *stock,
            received: order_quantity,
            cost: start_cost + self.stockout_cost * lost as f64,
            ..PeriodOutcome::default()
        }
    }

    fn units(&self, stock: &Units) -> Units {
        *stock
    }

    fn ordered(&self, _: &Units, order_quantity: &Units, _: &Units) -> Units {
        *order_quantity
    }
}

impl FiniteEnvironment for WorkedExample {
    fn n_states(&self) -> usize {
        self.max_stock as usize + 1
    }

    fn state_idx(&self, stock: &Units) -> usize {
        *stock as usize
    }

    fn state(&self, state_idx: usize) -> Units {
        state_idx as Units
    }

    fn actions(&self, _: &Units, actions: &mut Vec<Units>) {
        actions.clear();
        actions.extend(0..=self.max_order);
    }

    fn chances(&self, stock: &Units, order_quantity: &Units, chances: &mut Vec<(Units, f64)>) {
        self.demand.up_to(stock + order_quantity, chances);
    }
}

/// The tutorial's arithmetic taken literally: stock grows by 70 units a period and nobody buys.
pub mod literal {
    /// Stock cost in period `t` when stock is `100 + 70·t` units, currency.
    pub fn cost(period: usize) -> f64 {
        super::stock_cost(100 + 70 * period as i64)
    }

    /// `Σ factorᵗ·cost(t)` over the first `n_periods` periods, with the first cost given, currency.
    pub fn discounted_cost(first_cost: f64, factor: f64, n_periods: usize) -> f64 {
        let later = (1..n_periods).map(|period| factor.powi(period as i32) * cost(period));
        first_cost + later.sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environments::{check_environment, check_finite_environment};
    use crate::exact::{Criterion, Settings, Solution, check_objective, solve};

    fn solution(stockout_cost: f64, demand: &DiscreteDemand) -> Solution<Units> {
        let criterion = Criterion::Discounted { discount_factor: DISCOUNT_FACTOR };
        solve(&WorkedExample::new(stockout_cost, demand.clone()), criterion, &Settings::default())
    }

    #[test]
    fn is_an_environment() {
        let environment = WorkedExample::new(5.0, DiscreteDemand::poisson(30.0, 90));
        check_environment(&environment, 1, 10_000).unwrap();
        check_finite_environment(&environment, 1).unwrap();
    }

    fn assert_close(got: f64, published: f64, tolerance: f64) {
        assert!((got - published).abs() <= tolerance, "got {got}, published {published}");
    }

    #[test]
    fn literal_arithmetic() {
        assert_close(literal::cost(0), 100.0, 1e-12);
        assert_close(literal::cost(1), 289.0, 1e-12);
        assert_close(literal::discounted_cost(100.0, 0.9, 1_000), 97_390.0, 1e-6);
        assert_close(literal::discounted_cost(100.0, 0.09, 100), 131.484492, 5e-7);
        assert_close(literal::discounted_cost(10.0, 0.09, 100), 41.484492, 5e-7);
        assert_close(literal::discounted_cost(10.0, 0.09, 2), 36.01, 1e-9);
        assert_close(literal::discounted_cost(100.0, 0.09, 2), 126.01, 1e-9);
        assert_close(literal::discounted_cost(100.0, 0.9, 2), 360.10, 1e-9);
    }

    #[test]
    fn constant_demand() {
        let never = solution(0.0, &DiscreteDemand::constant(30));
        assert_close(never.values[100], 157.789, 1e-6);
        assert_close(never.values[0], 0.0, 1e-9);
        assert!(never.actions.iter().all(|order_quantity| *order_quantity == 0));
        for stockout_cost in [1.0, 5.0] {
            let solved = solution(stockout_cost, &DiscreteDemand::constant(30));
            assert_close(solved.values[100], 157.789, 1e-6);
            assert_eq!([100, 70, 40, 10, 0].map(|stock: usize| solved.actions[stock]), [0, 0, 0, 20, 30]);
        }
    }

    /// The table prints four decimals of the values and five of the service levels.
    #[test]
    fn poisson_demand_matches_the_published_table() {
        let demand = DiscreteDemand::poisson(30.0, 90);
        for (stockout_cost, value_100, value_0, level, fill_rate, cycle_service) in [
            (0.5, 164.7808, 7.5219, 35, 0.98092, 0.84262),
            (1.0, 166.5840, 9.8886, 36, 0.98617, 0.88037),
            (2.0, 168.5853, 12.4943, 38, 0.99312, 0.93516),
            (5.0, 171.6269, 16.4212, 40, 0.99683, 0.96769),
            (10.0, 174.2054, 19.7235, 42, 0.99864, 0.98518),
        ] {
            let solved = solution(stockout_cost, &demand);
            assert_close(solved.values[100], value_100, 1e-4);
            assert_close(solved.values[0], value_0, 1e-4);
            for stock in 0..=200 {
                let base_stock_order = (level - stock).max(0);
                assert_eq!(solved.actions[stock as usize], base_stock_order, "stock {stock}");
            }
            assert_close(1.0 - demand.expected_shortage(level as usize) / demand.mean(), fill_rate, 5e-6);
            assert_close(demand.cdf(level as usize), cycle_service, 5e-6);
        }
    }

    #[test]
    fn never_ordering_is_refused() {
        let demand = DiscreteDemand::constant(30);
        let environment = WorkedExample::new(0.0, demand.clone());
        let never = solution(0.0, &demand);
        insta::assert_snapshot!(check_objective(&environment, &never, 0.0).unwrap_err(), @"the objective of worked-example-v1 is cheapest when nothing is ever ordered: its optimal expected cost from the initial state is 157.7890 with every order zero, at a stock-out cost of 0 per unit; set a stock-out cost above the cost of holding a unit until it sells");
        assert!(check_objective(&environment, &solution(5.0, &demand), 5.0).is_ok());
    }
}
