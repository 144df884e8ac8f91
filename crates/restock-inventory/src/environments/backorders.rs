//! One item with a lead time whose unmet demand waits: fixed order cost, minimum order quantity.
//!
//! [`Backorders`] plays net inventory and pipeline, as they happen. Because unmet demand waits, what a decision costs
//! depends on the inventory position alone, `lead_time` periods later (Karlin & Scarf 1958): [`BackorderPosition`] is
//! that reduction, whose states are as few for any lead time. (s, S) rules are optimal for a fixed cost (Scarf 1960) and
//! computed directly by [`crate::zheng_federgruen`]; with a minimum order quantity the optimum has no simple form
//! (Kiesmüller, de Kok & Dabia 2011, *International Journal of Production Economics* 133(1)).

use rand::{Rng, RngExt};

use restock_core::Units;
use restock_core::environment::{Environment, FiniteEnvironment, Law, PeriodOutcome, Run};

use crate::discrete_demand::DiscreteDemand;
use crate::zheng_federgruen::{BackorderProblem, PeriodCost};

/// Longest lead time, periods.
pub const LEAD_TIME_MAX: usize = 16;

/// What both views of the problem share.
#[derive(Clone, Debug)]
struct Parameters {
    problem: BackorderProblem,
    demand: DiscreteDemand,
    /// An order is nothing or at least this, units.
    min_order: Units,
    /// The inventory position after ordering lies in `min_position..=max_position`, units.
    min_position: Units,
    max_position: Units,
}

impl Parameters {
    fn new(problem: BackorderProblem, demand: DiscreteDemand, min_order: Units) -> Self {
        assert!(min_order >= 1, "the smallest order is {min_order} units, must be at least 1");
        // Ordering the minimum whenever the position is below the newsvendor level keeps to levels whose one-period cost
        // is at most `most`; an optimum neither stays below the lowest such level nor aims above the highest.
        let costs = PeriodCost::new(problem, &demand);
        let newsvendor = costs.minimiser();
        let most = problem.order_cost + costs.at(newsvendor).max(costs.at(newsvendor + min_order));
        let (mut min_position, mut max_position) = (newsvendor, newsvendor);
        while costs.at(min_position - 1) <= most {
            min_position -= 1;
        }
        while costs.at(max_position + 1) <= most {
            max_position += 1;
        }
        Self::with_bounds(problem, demand, min_order, min_position, max_position + min_order)
    }

    fn with_bounds(
        problem: BackorderProblem,
        demand: DiscreteDemand,
        min_order: Units,
        min_position: Units,
        max_position: Units,
    ) -> Self {
        assert!(problem.holding_cost > 0.0 && problem.stockout_cost > 0.0 && problem.order_cost >= 0.0, "{problem:?}");
        assert!(problem.lead_time <= LEAD_TIME_MAX, "lead time {}, at most {LEAD_TIME_MAX}", problem.lead_time);
        assert!(min_order >= 1, "the smallest order is {min_order} units, must be at least 1");
        let room = max_position - min_position + 1;
        assert!(room >= min_order, "positions {min_position} to {max_position} have no room for {min_order} units");
        Self { problem, demand, min_order, min_position, max_position }
    }

    fn max_demand(&self) -> Units {
        self.demand.probabilities().len() as Units - 1
    }

    /// The lowest position before ordering.
    fn lowest(&self) -> Units {
        self.min_position - self.max_demand()
    }

    fn n_positions(&self) -> usize {
        (self.max_position - self.lowest() + 1) as usize
    }

    /// Orders allowed at a position: whether nothing may be ordered, and the range of the others.
    fn orders(&self, position: Units) -> (bool, std::ops::RangeInclusive<Units>) {
        let least = self.min_order.max(self.min_position - position);
        (position >= self.min_position, least..=self.max_position - position)
    }

    fn actions(&self, position: Units, actions: &mut Vec<Units>) {
        let (nothing, orders) = self.orders(position);
        actions.clear();
        actions.extend(nothing.then_some(0));
        actions.extend(orders);
    }

    fn sample_order(&self, position: Units, rng: &mut dyn Rng) -> Units {
        let (nothing, orders) = self.orders(position);
        if orders.is_empty() || nothing && rng.random_bool(0.5) { 0 } else { rng.random_range(orders) }
    }

    fn check_order(&self, position: Units, order_quantity: Units) {
        let (nothing, orders) = self.orders(position);
        assert!(
            order_quantity == 0 && nothing || orders.contains(&order_quantity),
            "an order of {order_quantity} units is not allowed at position {position}"
        );
    }

    fn cost(&self, net_inventory: Units, order_quantity: Units) -> f64 {
        self.problem.holding_cost * net_inventory.max(0) as f64
            + self.problem.stockout_cost * (-net_inventory).max(0) as f64
            + if order_quantity > 0 { self.problem.order_cost } else { 0.0 }
    }

    /// The law of the next position: from the position after ordering down by the demand.
    fn next_positions(&self) -> Law {
        let probabilities = self.demand.probabilities().iter().rev().copied().collect();
        Law { cost: 0.0, probabilities }
    }
}

/// Net inventory and pipeline.
#[derive(Clone, Debug)]
pub struct Backorders {
    parameters: Parameters,
    costs: PeriodCost,
}

/// Net inventory at the start of a period, after what was due has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BackorderState {
    /// On hand less backorders, units.
    pub net_inventory: Units,
    /// `[lead_time - 1]`: what arrives in one, two, ... periods, units; the rest is 0.
    pub pipeline: [Units; LEAD_TIME_MAX],
}

impl BackorderState {
    /// On hand and on order less backorders, units.
    pub fn inventory_position(&self) -> Units {
        self.net_inventory + self.pipeline.iter().sum::<Units>()
    }
}

impl Backorders {
    /// A problem with orders of at least `min_order` units; 1 is no minimum.
    ///
    /// The position after ordering is bounded where no optimum goes; see [`Backorders::with_bounds`] for bounds of your
    /// own.
    ///
    /// # Panics
    /// When holding or stock-out cost is not positive, the order cost is negative, the lead time is above
    /// [`LEAD_TIME_MAX`], `min_order` is below 1 or demand is always zero.
    pub fn new(problem: BackorderProblem, demand: DiscreteDemand, min_order: Units) -> Self {
        Self::from(Parameters::new(problem, demand, min_order))
    }

    /// As [`Backorders::new`], with the lowest and highest inventory position after ordering, units.
    ///
    /// # Panics
    /// As [`Backorders::new`], and when the bounds leave no room for an order.
    pub fn with_bounds(
        problem: BackorderProblem,
        demand: DiscreteDemand,
        min_order: Units,
        min_position: Units,
        max_position: Units,
    ) -> Self {
        Self::from(Parameters::with_bounds(problem, demand, min_order, min_position, max_position))
    }

    fn from(parameters: Parameters) -> Self {
        let of_a_period = BackorderProblem { lead_time: 0, ..parameters.problem };
        let costs = PeriodCost::new(of_a_period, &parameters.demand);
        Self { parameters, costs }
    }

    /// Costs and lead time.
    pub fn problem(&self) -> BackorderProblem {
        self.parameters.problem
    }

    /// The demand law of a period.
    pub fn demand(&self) -> &DiscreteDemand {
        &self.parameters.demand
    }

    fn n_pipeline(&self) -> usize {
        self.parameters.problem.lead_time.saturating_sub(1)
    }

    /// One more than the largest order.
    fn radix(&self) -> usize {
        self.parameters.n_positions()
    }

    fn pipeline_idx(&self, pipeline: &[Units]) -> usize {
        pipeline.iter().rev().fold(0, |idx, quantity| idx * self.radix() + *quantity as usize)
    }
}

impl Environment for Backorders {
    type State = BackorderState;
    type Action = Units;
    type Chance = Units;

    fn id(&self) -> &'static str {
        "backorders-v1"
    }

    fn initial_state(&self) -> BackorderState {
        let start = 0.clamp(self.parameters.lowest(), self.parameters.max_position);
        BackorderState { net_inventory: start, pipeline: [0; LEAD_TIME_MAX] }
    }

    fn sample_action(&self, state: &BackorderState, rng: &mut dyn Rng) -> Units {
        self.parameters.sample_order(state.inventory_position(), rng)
    }

    fn sample_chance(&self, _: &BackorderState, _: &Units, rng: &mut dyn Rng) -> Units {
        self.parameters.demand.sample(rng)
    }

    /// Sequence of events in a period: 1. order, which arrives at the start of the period `lead_time` from now, at once
    /// when that is 0, serves backorders first and pays the order cost; 2. demand, what is not on the shelf waits; 3.
    /// holding cost for what is left, stock-out cost for what waits; 4. receipt of what is due at the start of the next
    /// period, which serves backorders first.
    fn step(&self, state: &mut BackorderState, order_quantity: &Units, demand: &Units) -> PeriodOutcome {
        let (order_quantity, demand) = (*order_quantity, *demand);
        self.parameters.check_order(state.inventory_position(), order_quantity);
        assert!(0 <= demand);
        let n_pipeline = self.n_pipeline();
        let lead_time = self.parameters.problem.lead_time;
        let mut received = 0;
        let mut issued_late = 0;
        let mut receive = |net_inventory: &mut Units, quantity: Units| {
            received += quantity;
            issued_late += quantity.min((-*net_inventory).max(0));
            *net_inventory += quantity;
        };
        if lead_time == 0 {
            receive(&mut state.net_inventory, order_quantity);
        }
        let sold = demand.min(state.net_inventory.max(0));
        state.net_inventory -= demand;
        let cost = self.parameters.cost(state.net_inventory, order_quantity);
        if lead_time == 1 {
            receive(&mut state.net_inventory, order_quantity);
        } else if n_pipeline > 0 {
            let due = state.pipeline[0];
            state.pipeline.copy_within(1..n_pipeline, 0);
            state.pipeline[n_pipeline - 1] = order_quantity;
            receive(&mut state.net_inventory, due);
        }
        PeriodOutcome { demand, sold, lost: demand - sold, received, issued_late, cost, expired: 0 }
    }

    /// Units on the shelf and in the pipeline; backorders are not units but promises of them.
    fn units(&self, state: &BackorderState) -> Units {
        state.net_inventory.max(0) + state.pipeline.iter().sum::<Units>()
    }

    fn ordered(&self, _: &BackorderState, order_quantity: &Units, _: &Units) -> Units {
        *order_quantity
    }
}

impl FiniteEnvironment for Backorders {
    fn n_states(&self) -> usize {
        self.parameters.n_positions() * self.radix().pow(self.n_pipeline() as u32)
    }

    /// The position varies fastest: positions, unlike net inventories, are bounded whatever the pipeline.
    fn state_idx(&self, state: &BackorderState) -> usize {
        let position = (state.inventory_position() - self.parameters.lowest()) as usize;
        self.pipeline_idx(&state.pipeline[..self.n_pipeline()]) * self.parameters.n_positions() + position
    }

    fn state(&self, state_idx: usize) -> BackorderState {
        let n_positions = self.parameters.n_positions();
        let position = self.parameters.lowest() + (state_idx % n_positions) as Units;
        let mut pipeline_idx = state_idx / n_positions;
        let mut pipeline = [0; LEAD_TIME_MAX];
        for quantity in &mut pipeline[..self.n_pipeline()] {
            *quantity = (pipeline_idx % self.radix()) as Units;
            pipeline_idx /= self.radix();
        }
        BackorderState { net_inventory: position - pipeline.iter().sum::<Units>(), pipeline }
    }

    fn actions(&self, state: &BackorderState, actions: &mut Vec<Units>) {
        self.parameters.actions(state.inventory_position(), actions);
    }

    fn chances(&self, _: &BackorderState, _: &Units, chances: &mut Vec<(Units, f64)>) {
        // Demand is never cut short here: all of it moves the position.
        self.parameters.demand.up_to(Units::MAX, chances);
    }

    fn laws(&self) -> Vec<Law> {
        vec![self.parameters.next_positions()]
    }

    fn run(&self, state: &BackorderState, order_quantity: &Units) -> Run {
        let n_pipeline = self.n_pipeline();
        let mut pipeline = state.pipeline;
        if n_pipeline > 0 {
            pipeline.copy_within(1..n_pipeline, 0);
            pipeline[n_pipeline - 1] = *order_quantity;
        }
        // The lowest next position follows the highest demand.
        let above = state.inventory_position() + order_quantity - self.parameters.min_position;
        let at_once = if self.parameters.problem.lead_time == 0 { *order_quantity } else { 0 };
        let order_cost = if *order_quantity > 0 { self.parameters.problem.order_cost } else { 0.0 };
        let pipeline_idx = self.pipeline_idx(&pipeline[..n_pipeline]);
        Run {
            first: (pipeline_idx * self.parameters.n_positions()) as u32 + above as u32,
            law: 0,
            extra_cost: self.costs.at(state.net_inventory + at_once) + order_cost,
        }
    }
}

/// The inventory position alone.
///
/// The cost of a decision is charged when it is taken, though it falls `lead_time` periods later; long-run averages are
/// the same. What demand does until then is part of the chance.
#[derive(Clone, Debug)]
pub struct BackorderPosition {
    parameters: Parameters,
    /// Demand of the periods between this one and the arrival of an order, those included in which it arrives.
    until_arrival: DiscreteDemand,
    costs: PeriodCost,
}

/// What chance decides about a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackorderChance {
    /// Demand of this period, units.
    pub demand: Units,
    /// Demand of the `lead_time` periods after it, units.
    pub until_arrival: Units,
}

impl BackorderPosition {
    /// As [`Backorders::new`].
    ///
    /// # Panics
    /// As [`Backorders::new`].
    ///
    /// # Examples
    /// ```
    /// use restock_inventory::discrete_demand::DiscreteDemand;
    /// use restock_inventory::environments::BackorderPosition;
    /// use restock_inventory::exact::{Criterion, Settings, solve};
    /// use restock_inventory::zheng_federgruen::{BackorderProblem, optimal_policy};
    ///
    /// let problem = BackorderProblem { holding_cost: 1.0, stockout_cost: 9.0, order_cost: 20.0, lead_time: 2 };
    /// let demand = DiscreteDemand::poisson(3.0, 30);
    /// let solution = solve(&BackorderPosition::new(problem, demand.clone(), 1), Criterion::Average, &Settings::default());
    /// let optimum = optimal_policy(problem, &demand).average_cost;
    /// assert!((solution.average_cost.unwrap() - optimum).abs() < 1e-6);
    /// ```
    pub fn new(problem: BackorderProblem, demand: DiscreteDemand, min_order: Units) -> Self {
        Self::from(Parameters::new(problem, demand, min_order))
    }

    /// As [`Backorders::with_bounds`].
    ///
    /// # Panics
    /// As [`Backorders::with_bounds`].
    pub fn with_bounds(
        problem: BackorderProblem,
        demand: DiscreteDemand,
        min_order: Units,
        min_position: Units,
        max_position: Units,
    ) -> Self {
        Self::from(Parameters::with_bounds(problem, demand, min_order, min_position, max_position))
    }

    fn from(parameters: Parameters) -> Self {
        let costs = PeriodCost::new(parameters.problem, &parameters.demand);
        let until_arrival = DiscreteDemand::sum((0..parameters.problem.lead_time).map(|_| &parameters.demand));
        Self { parameters, until_arrival, costs }
    }

    /// The lowest and the highest inventory position after ordering, units.
    pub fn bounds(&self) -> (Units, Units) {
        (self.parameters.min_position, self.parameters.max_position)
    }

    /// Costs and lead time.
    pub fn problem(&self) -> BackorderProblem {
        self.parameters.problem
    }

    /// The demand of a period, and that of the `lead_time` periods after it.
    pub fn demand(&self) -> (&DiscreteDemand, &DiscreteDemand) {
        (&self.parameters.demand, &self.until_arrival)
    }

    /// The smallest order, units.
    pub fn min_order(&self) -> Units {
        self.parameters.min_order
    }
}

impl Environment for BackorderPosition {
    /// On hand and on order less backorders at the start of a period, units.
    type State = Units;
    type Action = Units;
    type Chance = BackorderChance;

    fn id(&self) -> &'static str {
        "backorder-position-v1"
    }

    fn initial_state(&self) -> Units {
        0.clamp(self.parameters.lowest(), self.parameters.max_position)
    }

    fn sample_action(&self, position: &Units, rng: &mut dyn Rng) -> Units {
        self.parameters.sample_order(*position, rng)
    }

    fn sample_chance(&self, _: &Units, _: &Units, rng: &mut dyn Rng) -> BackorderChance {
        BackorderChance { demand: self.parameters.demand.sample(rng), until_arrival: self.until_arrival.sample(rng) }
    }

    /// Sequence of events in a period: 1. order, 2. demand, which will be served sooner or later, 3. the order cost, and
    /// the holding or stock-out cost of the period in which the order arrives, after the demand until then.
    fn step(&self, position: &mut Units, order_quantity: &Units, chance: &BackorderChance) -> PeriodOutcome {
        self.parameters.check_order(*position, *order_quantity);
        assert!(0 <= chance.demand && 0 <= chance.until_arrival);
        *position += order_quantity - chance.demand;
        let cost = self.parameters.cost(*position - chance.until_arrival, *order_quantity);
        PeriodOutcome { demand: chance.demand, sold: chance.demand, cost, ..PeriodOutcome::default() }
    }

    /// The inventory position: units less promises of them.
    fn units(&self, position: &Units) -> Units {
        *position
    }

    fn ordered(&self, _: &Units, order_quantity: &Units, _: &BackorderChance) -> Units {
        *order_quantity
    }
}

impl FiniteEnvironment for BackorderPosition {
    fn n_states(&self) -> usize {
        self.parameters.n_positions()
    }

    fn state_idx(&self, position: &Units) -> usize {
        (position - self.parameters.lowest()) as usize
    }

    fn state(&self, state_idx: usize) -> Units {
        self.parameters.lowest() + state_idx as Units
    }

    fn actions(&self, position: &Units, actions: &mut Vec<Units>) {
        self.parameters.actions(*position, actions);
    }

    fn chances(&self, _: &Units, _: &Units, chances: &mut Vec<(BackorderChance, f64)>) {
        chances.clear();
        for (demand, probability) in self.parameters.demand.probabilities().iter().enumerate() {
            for (until_arrival, other) in self.until_arrival.probabilities().iter().enumerate() {
                let chance = BackorderChance { demand: demand as Units, until_arrival: until_arrival as Units };
                if probability * other > 0.0 {
                    chances.push((chance, probability * other));
                }
            }
        }
    }

    fn laws(&self) -> Vec<Law> {
        vec![self.parameters.next_positions()]
    }

    fn run(&self, position: &Units, order_quantity: &Units) -> Run {
        let raised = position + order_quantity;
        let order_cost = if *order_quantity > 0 { self.parameters.problem.order_cost } else { 0.0 };
        let first = (raised - self.parameters.min_position) as u32;
        Run { first, law: 0, extra_cost: self.costs.at(raised) + order_cost }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environments::{check_environment, check_finite_environment};
    use crate::exact::{Criterion, Settings, solve};
    use crate::zheng_federgruen::optimal_policy;
    use proptest::prelude::*;

    fn problem(order_cost: f64, lead_time: usize) -> BackorderProblem {
        BackorderProblem { holding_cost: 1.0, stockout_cost: 9.0, order_cost, lead_time }
    }

    fn optimal_cost<E: FiniteEnvironment>(environment: &E) -> f64 {
        let solution = solve(environment, Criterion::Average, &Settings::default());
        assert!(solution.converged);
        solution.average_cost.unwrap()
    }

    #[test]
    fn are_environments() {
        for (lead_time, min_order) in [(0, 1), (1, 1), (2, 4), (3, 1)] {
            let demand = DiscreteDemand::uniform(0, 2);
            let plain = Backorders::with_bounds(problem(3.0, lead_time), demand.clone(), min_order, -1, 4);
            check_environment(&plain, 3, 20_000).unwrap();
            check_finite_environment(&plain, 1 + 5 * lead_time).unwrap();
            let reduced = BackorderPosition::new(problem(3.0, lead_time), demand, min_order);
            check_environment(&reduced, 3, 20_000).unwrap();
            check_finite_environment(&reduced, 1).unwrap();
        }
    }

    /// Net inventory with its pipeline, the inventory position alone and the algorithm of Zheng & Federgruen have one
    /// optimum.
    #[test]
    fn the_position_is_all_that_matters() {
        for lead_time in 0..=2 {
            let demand = DiscreteDemand::new(vec![0.3, 0.4, 0.2, 0.1]);
            let published = optimal_policy(problem(4.0, lead_time), &demand).average_cost;
            let reduced = optimal_cost(&BackorderPosition::new(problem(4.0, lead_time), demand.clone(), 1));
            let (low, high) = (-2, 2 * lead_time as Units + 7);
            let plain = optimal_cost(&Backorders::with_bounds(problem(4.0, lead_time), demand, 1, low, high));
            assert!((reduced - published).abs() < 1e-6, "L = {lead_time}: {reduced}, published algorithm {published}");
            assert!((plain - published).abs() < 1e-6, "L = {lead_time}: {plain}, published algorithm {published}");
        }
    }

    /// Near the actions of the first sweeps this problem falls apart: some positions never order enough to leave.
    #[test]
    fn a_minimum_order_of_several_periods_of_demand_converges() {
        let problem =
            BackorderProblem { holding_cost: 1.0, stockout_cost: 2.0, order_cost: 48.00012238439246, lead_time: 0 };
        let demand = DiscreteDemand::poisson(0.8586141226032066, 40);
        let free = optimal_cost(&BackorderPosition::new(problem, demand.clone(), 1));
        let environment = BackorderPosition::new(problem, demand.clone(), 4);
        let (low, high) = environment.bounds();
        let wide = optimal_cost(&BackorderPosition::with_bounds(problem, demand, 4, low - 20, high + 30));
        let with_minimum = optimal_cost(&environment);
        assert!((wide - with_minimum).abs() < 2e-6, "{with_minimum}, with wider bounds {wide}");
        assert!(with_minimum > free - 2e-6, "{with_minimum} with a minimum, {free} without");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(25))]
        /// The optimum over all policies is the best (s, S) rule, and bounds do not bind: wider ones change nothing.
        #[test]
        fn s_s_is_optimal_and_bounds_do_not_bind(
            mean in 0.5_f64..8.0, order_cost in 0.0_f64..60.0, stockout_cost in 2.0_f64..40.0, lead_time in 0_usize..5,
            min_order in 1_i64..15,
        ) {
            let problem = BackorderProblem { holding_cost: 1.0, stockout_cost, order_cost, lead_time };
            let demand = DiscreteDemand::poisson(mean, 40);
            let ours = optimal_cost(&BackorderPosition::new(problem, demand.clone(), 1));
            let exact = optimal_policy(problem, &demand).average_cost;
            prop_assert!((ours - exact).abs() < 2e-6, "{ours}, exact {exact}");
            let environment = BackorderPosition::new(problem, demand.clone(), min_order);
            let (low, high) = environment.bounds();
            let wide = BackorderPosition::with_bounds(problem, demand, min_order, low - 20, high + 30);
            let (narrow, wide) = (optimal_cost(&environment), optimal_cost(&wide));
            prop_assert!((narrow - wide).abs() < 2e-6, "{narrow}, with wider bounds {wide}");
            prop_assert!(narrow > ours - 2e-6, "{narrow} with a minimum is less than {ours} without");
        }
    }
}
