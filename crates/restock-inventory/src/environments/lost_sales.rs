//! One item with a lead time whose unmet demand is lost: stationary or cyclic demand, with or without order cost.
//!
//! The test bed of Zipkin (2008), *Operations Research* 56(5), and Xin (2021); with order cost Bijvank, Bhulai & Huh
//! (2015); with cyclic demand Temizöz et al. (2024).

use rand::Rng;

use restock_core::Units;
use restock_core::environment::{Environment, FiniteEnvironment, Law, PeriodOutcome, Run};

use crate::discrete_demand::DiscreteDemand;

/// Longest lead time, periods.
pub const LEAD_TIME_MAX: usize = 16;

/// What an order, stock and lost sales cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LostSalesCosts {
    /// Holding cost per unit on the shelf at the end of a period (h).
    pub holding_cost: f64,
    /// Cost of a lost unit (p).
    pub stockout_cost: f64,
    /// Fixed cost of an order (K).
    pub order_cost: f64,
}

/// The lost-sales problem.
#[derive(Clone, Debug)]
pub struct LostSales {
    costs: LostSalesCosts,
    lead_time: usize,
    /// `[cycle_length]`: demand of each phase of the cycle; one for stationary demand.
    demand: Vec<DiscreteDemand>,
    max_order: Units,
    max_position: Units,
    /// `[(max_order + 1)^n_pipeline + 1]`: the number of the first state of each pipeline, within a phase.
    first_state: Vec<u32>,
}

/// Stock at the start of a period, after what was due has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LostSalesState {
    /// The phase of the demand cycle that this period is in.
    pub phase: usize,
    /// Units on the shelf.
    pub on_hand: Units,
    /// `[lead_time - 1]`: what arrives in one, two, ... periods, units; the rest is 0.
    pub pipeline: [Units; LEAD_TIME_MAX],
}

impl LostSalesState {
    /// On hand and on order, units.
    pub fn inventory_position(&self) -> Units {
        self.on_hand + self.pipeline.iter().sum::<Units>()
    }
}

impl LostSales {
    /// A problem whose orders arrive `lead_time` periods after they are placed, in time for the demand of that period.
    ///
    /// Orders and inventory positions are capped where they never bind an optimum without order cost: an order at the
    /// `p/(p+h)` quantile of one period's demand, the position at that of `lead_time + 1` periods (Zipkin 2008,
    /// theorem 5). With an order cost give caps of your own by [`LostSales::with_caps`].
    ///
    /// # Panics
    /// When a cost is negative, holding or stock-out cost is 0, the lead time is above [`LEAD_TIME_MAX`], or there is
    /// no demand law.
    pub fn new(lead_time: usize, costs: LostSalesCosts, demand: Vec<DiscreteDemand>) -> Self {
        assert!(!demand.is_empty(), "a problem needs a demand law");
        let fractile = costs.stockout_cost / (costs.stockout_cost + costs.holding_cost);
        let max_order = demand.iter().map(|law| law.quantile(fractile)).max().expect("a law");
        let max_position = (0..demand.len())
            .map(|from| {
                let laws = (0..=lead_time).map(|offset| &demand[(from + offset) % demand.len()]);
                DiscreteDemand::sum(laws).quantile(fractile)
            })
            .max()
            .expect("a law");
        Self::with_caps(lead_time, costs, demand, max_order.max(1), max_position.max(1))
    }

    /// As [`LostSales::new`], with the largest order and the largest inventory position, units.
    ///
    /// # Panics
    /// As [`LostSales::new`], and when a cap is below 1 or there would be more than 2^31 states.
    pub fn with_caps(
        lead_time: usize,
        costs: LostSalesCosts,
        demand: Vec<DiscreteDemand>,
        max_order: Units,
        max_position: Units,
    ) -> Self {
        assert!(costs.holding_cost > 0.0 && costs.stockout_cost > 0.0 && costs.order_cost >= 0.0, "{costs:?}");
        assert!(lead_time <= LEAD_TIME_MAX, "lead time {lead_time}, at most {LEAD_TIME_MAX} periods are supported");
        assert!(!demand.is_empty() && max_order >= 1 && max_position >= 1);
        let mut problem = Self { costs, lead_time, demand, max_order, max_position, first_state: Vec::new() };
        problem.number_states();
        problem
    }

    /// Numbers the states of all pipelines: stock varies fastest, so that states reached by neighbouring demands lie
    /// side by side. Problems with too many states to enumerate can still be simulated.
    fn number_states(&mut self) {
        const N_PIPELINES_MAX: usize = 1 << 26;
        let radix = self.max_order as usize + 1;
        let n_pipelines = (0..self.n_pipeline()).try_fold(1_usize, |n, _| n.checked_mul(radix));
        let Some(n_pipelines) = n_pipelines.filter(|n| *n <= N_PIPELINES_MAX) else { return };
        let mut first_state = Vec::with_capacity(n_pipelines + 1);
        let mut n_states = 0_u32;
        for pipeline_idx in 0..n_pipelines {
            first_state.push(n_states);
            let on_order = self.pipeline(pipeline_idx).iter().sum::<Units>();
            n_states += (self.max_position - on_order + 1).max(0) as u32;
        }
        first_state.push(n_states);
        self.first_state = first_state;
    }

    fn n_pipeline(&self) -> usize {
        self.lead_time.saturating_sub(1)
    }

    fn pipeline(&self, mut pipeline_idx: usize) -> [Units; LEAD_TIME_MAX] {
        let radix = self.max_order as usize + 1;
        let mut pipeline = [0; LEAD_TIME_MAX];
        for quantity in &mut pipeline[..self.n_pipeline()] {
            *quantity = (pipeline_idx % radix) as Units;
            pipeline_idx /= radix;
        }
        pipeline
    }

    /// Periods from order to arrival.
    pub fn lead_time(&self) -> usize {
        self.lead_time
    }

    /// The cost rates.
    pub fn costs(&self) -> LostSalesCosts {
        self.costs
    }

    /// `[cycle_length]`: the demand law of each phase.
    pub fn demand(&self) -> &[DiscreteDemand] {
        &self.demand
    }

    /// The law of the stock just before an order placed in `state` arrives: `[on_hand + on_order + 1]`, the probability
    /// of each stock in units.
    pub fn on_hand_at_arrival(&self, state: &LostSalesState) -> Vec<f64> {
        let mut law = vec![0.0; state.inventory_position() as usize + 1];
        law[state.on_hand as usize] = 1.0;
        let mut highest = state.on_hand as usize;
        for period in 0..self.lead_time {
            let demand = self.demand[(state.phase + period) % self.demand.len()].probabilities();
            let due = if period < self.n_pipeline() { state.pipeline[period] as usize } else { 0 };
            let before = law.clone();
            law[..=highest].fill(0.0);
            for (available, probability) in before[..=highest].iter().enumerate().filter(|(_, p)| **p > 0.0) {
                let (mut served, n_served) = (0.0, available.min(demand.len()));
                for (wanted, chance) in demand[..n_served].iter().enumerate() {
                    law[available - wanted] += probability * chance;
                    served += chance;
                }
                law[0] += probability * (1.0 - served).max(0.0);
            }
            if due > 0 {
                law.copy_within(..=highest, due);
                law[..due].fill(0.0);
                highest += due;
            }
        }
        law
    }

    /// The demand law of the period in which an order placed in `state` arrives.
    pub fn demand_at_arrival(&self, state: &LostSalesState) -> &DiscreteDemand {
        &self.demand[(state.phase + self.lead_time) % self.demand.len()]
    }

    /// The largest order and the largest inventory position of any state, units.
    pub fn caps(&self) -> (Units, Units) {
        (self.max_order, self.max_position)
    }

    /// The largest order in a state: none may lift the position above its cap, units.
    pub fn max_order(&self, state: &LostSalesState) -> Units {
        self.max_order.min(self.max_position - state.inventory_position()).max(0)
    }
}

impl Environment for LostSales {
    type State = LostSalesState;
    type Action = Units;
    type Chance = Units;

    fn id(&self) -> &'static str {
        "lost-sales-v1"
    }

    fn initial_state(&self) -> LostSalesState {
        LostSalesState { phase: 0, on_hand: 0, pipeline: [0; LEAD_TIME_MAX] }
    }

    fn sample_action(&self, state: &LostSalesState, rng: &mut dyn Rng) -> Units {
        (rng.next_u64() % (self.max_order(state) as u64 + 1)) as Units
    }

    fn sample_chance(&self, state: &LostSalesState, _: &Units, rng: &mut dyn Rng) -> Units {
        self.demand[state.phase].sample(rng)
    }

    /// Sequence of events in a period: 1. order, which arrives at the start of the period `lead_time` from now, at once
    /// when that is 0, and pays the order cost; 2. demand, what is not on the shelf is lost; 3. holding cost for what is
    /// left, stock-out cost for what was lost; 4. receipt of what is due at the start of the next period.
    fn step(&self, state: &mut LostSalesState, order_quantity: &Units, demand: &Units) -> PeriodOutcome {
        let (order_quantity, demand) = (*order_quantity, *demand);
        assert!(0 <= order_quantity && 0 <= demand);
        let n_pipeline = self.n_pipeline();
        if self.lead_time == 0 {
            state.on_hand += order_quantity;
        }
        let sold = demand.min(state.on_hand);
        let lost = demand - sold;
        state.on_hand -= sold;
        let cost = self.costs.holding_cost * state.on_hand as f64
            + self.costs.stockout_cost * lost as f64
            + if order_quantity > 0 { self.costs.order_cost } else { 0.0 };
        let received = match self.lead_time {
            0 => 0,
            1 => order_quantity,
            _ => {
                let due = state.pipeline[0];
                state.pipeline.copy_within(1..n_pipeline, 0);
                state.pipeline[n_pipeline - 1] = order_quantity;
                due
            }
        };
        state.on_hand += received;
        state.phase = if state.phase + 1 == self.demand.len() { 0 } else { state.phase + 1 };
        let received = if self.lead_time == 0 { order_quantity } else { received };
        PeriodOutcome { demand, sold, lost, received, cost, ..PeriodOutcome::default() }
    }

    fn units(&self, state: &LostSalesState) -> Units {
        state.inventory_position()
    }

    fn ordered(&self, _: &LostSalesState, order_quantity: &Units, _: &Units) -> Units {
        *order_quantity
    }
}

impl FiniteEnvironment for LostSales {
    /// # Panics
    /// When there are too many states to number.
    fn n_states(&self) -> usize {
        let last = self.first_state.last().expect("a problem small enough to number its states");
        *last as usize * self.demand.len()
    }

    fn state_idx(&self, state: &LostSalesState) -> usize {
        let radix = self.max_order as usize + 1;
        let pipeline = state.pipeline[..self.n_pipeline()].iter().rev();
        let pipeline_idx = pipeline.fold(0, |idx, quantity| idx * radix + *quantity as usize);
        let n_states_per_phase = self.first_state[self.first_state.len() - 1] as usize;
        state.phase * n_states_per_phase + self.first_state[pipeline_idx] as usize + state.on_hand as usize
    }

    fn state(&self, state_idx: usize) -> LostSalesState {
        let n_states_per_phase = self.first_state[self.first_state.len() - 1] as usize;
        let (phase, state_idx) = (state_idx / n_states_per_phase, (state_idx % n_states_per_phase) as u32);
        let pipeline_idx = self.first_state.partition_point(|first| *first <= state_idx) - 1;
        let on_hand = Units::from(state_idx - self.first_state[pipeline_idx]);
        LostSalesState { phase, on_hand, pipeline: self.pipeline(pipeline_idx) }
    }

    fn actions(&self, state: &LostSalesState, actions: &mut Vec<Units>) {
        actions.clear();
        actions.extend(0..=self.max_order(state));
    }

    fn chances(&self, state: &LostSalesState, order_quantity: &Units, chances: &mut Vec<(Units, f64)>) {
        let available = state.on_hand + if self.lead_time == 0 { *order_quantity } else { 0 };
        self.demand[state.phase].up_to(available, chances);
    }

    /// One law for each phase and each stock that demand meets: what is left runs from nothing to all of it.
    fn laws(&self) -> Vec<Law> {
        let mut laws = Vec::with_capacity(self.demand.len() * (self.max_position as usize + 1));
        for demand in &self.demand {
            for available in 0..=self.max_position as usize {
                let mut probabilities = vec![0.0; available + 1];
                for (wanted, probability) in demand.probabilities().iter().enumerate() {
                    probabilities[available.saturating_sub(wanted)] += probability;
                }
                let left: f64 = probabilities.iter().enumerate().map(|(left, p)| left as f64 * p).sum();
                let lost = left + demand.mean() - available as f64;
                let cost = self.costs.holding_cost * left + self.costs.stockout_cost * lost;
                laws.push(Law { cost, probabilities });
            }
        }
        laws
    }

    fn run(&self, state: &LostSalesState, order_quantity: &Units) -> Run {
        let n_pipeline = self.n_pipeline();
        let (available, due) = match self.lead_time {
            0 => (state.on_hand + order_quantity, 0),
            1 => (state.on_hand, *order_quantity),
            _ => (state.on_hand, state.pipeline[0]),
        };
        let mut pipeline_idx = 0;
        if n_pipeline > 0 {
            let radix = self.max_order as usize + 1;
            let pipeline = state.pipeline[1..n_pipeline].iter().rev();
            pipeline_idx = pipeline.fold(*order_quantity as usize, |idx, quantity| idx * radix + *quantity as usize);
        }
        let next_phase = if state.phase + 1 == self.demand.len() { 0 } else { state.phase + 1 };
        let n_states_per_phase = self.first_state[self.first_state.len() - 1];
        Run {
            first: next_phase as u32 * n_states_per_phase + self.first_state[pipeline_idx] + due as u32,
            law: (state.phase * (self.max_position as usize + 1) + available as usize) as u32,
            extra_cost: if *order_quantity > 0 { self.costs.order_cost } else { 0.0 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environments::{check_environment, check_finite_environment};
    use crate::exact::{Criterion, Settings, solve};

    const COSTS: LostSalesCosts = LostSalesCosts { holding_cost: 1.0, stockout_cost: 4.0, order_cost: 0.0 };
    const ORDER_COST: LostSalesCosts = LostSalesCosts { order_cost: 7.0, ..COSTS };

    fn optimal_cost(lead_time: usize, stockout_cost: f64, demand: DiscreteDemand) -> f64 {
        let problem = LostSales::new(lead_time, LostSalesCosts { stockout_cost, ..COSTS }, vec![demand]);
        let solution = solve(&problem, Criterion::Average, &Settings::default());
        assert!(solution.converged);
        solution.average_cost.unwrap()
    }

    /// Zipkin (2008) prints two decimals; the others were computed by an independent exact solver.
    #[test]
    fn optima_match_zipkin_2008() {
        for (lead_time, stockout_cost, printed, exact) in [(1, 4.0, 4.04, 4.040711), (2, 4.0, 4.40, 4.395295)] {
            let cost = optimal_cost(lead_time, stockout_cost, DiscreteDemand::poisson(5.0, 60));
            assert!((cost - printed).abs() <= 0.005 + 1e-6, "L = {lead_time}: {cost}, printed {printed}");
            assert!((cost - exact).abs() <= 2e-6, "L = {lead_time}: {cost}, exact {exact}");
        }
    }

    #[test]
    fn is_an_environment() {
        for lead_time in 0..=3 {
            let laws = vec![DiscreteDemand::poisson(3.0, 40), DiscreteDemand::geometric(2.0, 60)];
            let problem = LostSales::new(lead_time, ORDER_COST, laws);
            check_environment(&problem, 7, 20_000).unwrap();
            check_finite_environment(&problem, 1 + 13 * lead_time).unwrap();
        }
    }
}
