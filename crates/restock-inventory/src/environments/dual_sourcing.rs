//! One item with a slow regular and a fast expedited source; unmet demand is backordered.
//!
//! The problem of Whittemore & Saunders (1977) and Veeraraghavan & Scheller-Wolf (2008), *Operations Research* 56(4), as
//! in the test beds of Sun & Van Mieghem (2019) and Böttcher, Asikis & Fragkos (2023).

use rand::Rng;

use restock_core::Units;
use restock_core::environment::{Environment, FiniteEnvironment, PeriodOutcome};

use crate::discrete_demand::DiscreteDemand;

/// Longest lead time, periods.
pub const LEAD_TIME_MAX: usize = 8;

/// What orders, stock and backorders cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DualSourcingCosts {
    /// Cost of a unit from the regular source (c_r).
    pub regular_cost: f64,
    /// Cost of a unit from the expedited source (c_e).
    pub expedited_cost: f64,
    /// Holding cost per unit on the shelf at the end of a period (h).
    pub holding_cost: f64,
    /// Cost per unit backordered at the end of a period (b).
    pub backorder_cost: f64,
}

/// An order per source, units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DualOrder {
    /// From the regular source.
    pub regular: Units,
    /// From the expedited source.
    pub expedited: Units,
}

/// The dual-sourcing problem.
#[derive(Clone, Debug)]
pub struct DualSourcing {
    costs: DualSourcingCosts,
    regular_lead_time: usize,
    expedited_lead_time: usize,
    demand: DiscreteDemand,
    max_order: Units,
    max_position: Units,
    /// `[n_pipelines + 1]`: the number of the first state of each pipeline.
    first_state: Vec<u32>,
}

/// Stock at the start of a period, after what was due has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DualSourcingState {
    /// Units on the shelf, less units backordered.
    pub net_inventory: Units,
    /// `[regular_lead_time - 1]`: what arrives in one, two, ... periods from either source, units; the rest is 0.
    pub pipeline: [Units; LEAD_TIME_MAX],
}

impl DualSourcingState {
    /// Net inventory and all that is on order, units.
    pub fn inventory_position(&self) -> Units {
        self.net_inventory + self.pipeline.iter().sum::<Units>()
    }

    /// Net inventory and what arrives within `lead_time` periods, units.
    pub fn expedited_position(&self, lead_time: usize) -> Units {
        self.net_inventory + self.pipeline[..lead_time].iter().sum::<Units>()
    }
}

impl DualSourcing {
    /// A problem whose orders arrive a lead time after they are placed, in time for the demand of that period.
    ///
    /// Enumeration is capped where it does not bind an optimum: orders at the largest demand of a period, the position
    /// at the largest demand of `regular_lead_time + 1` periods; and the expedited position is brought to 0 at least,
    /// since a unit expedited now instead of later saves a backorder.
    ///
    /// # Panics
    /// When a cost is negative, holding cost is 0, a backorder costs less than the premium of expediting (nothing would
    /// then bound backorders), or lead times are not `expedited < regular <= LEAD_TIME_MAX`.
    pub fn new(
        regular_lead_time: usize,
        expedited_lead_time: usize,
        costs: DualSourcingCosts,
        demand: DiscreteDemand,
    ) -> Self {
        assert!(
            expedited_lead_time < regular_lead_time && regular_lead_time <= LEAD_TIME_MAX,
            "lead times {regular_lead_time} and {expedited_lead_time}"
        );
        assert!(costs.regular_cost >= 0.0 && costs.expedited_cost >= 0.0 && costs.holding_cost > 0.0, "{costs:?}");
        assert!(costs.backorder_cost >= costs.expedited_cost - costs.regular_cost, "{costs:?}");
        let max_demand = demand.probabilities().len() as Units - 1;
        assert!(max_demand >= 1);
        let max_position = max_demand * (regular_lead_time as Units + 1);
        let first_state = Vec::new();
        let mut problem = Self {
            costs,
            regular_lead_time,
            expedited_lead_time,
            demand,
            max_order: max_demand,
            max_position,
            first_state,
        };
        problem.number_states();
        problem
    }

    /// Numbers the states of all pipelines whose position is within its cap, which no order lifts it above. Problems with
    /// too many states to enumerate can still be simulated.
    fn number_states(&mut self) {
        const N_PIPELINES_MAX: usize = 1 << 24;
        let radices = (0..self.n_pipeline()).map(|place| self.max_arrival(place) as usize + 1);
        let n_pipelines = radices.fold(1_usize, usize::saturating_mul);
        if n_pipelines > N_PIPELINES_MAX {
            return;
        }
        let mut n_states = 0;
        for pipeline_idx in 0..n_pipelines {
            self.first_state.push(n_states);
            let pipeline = self.pipeline(pipeline_idx);
            let most = self.max_position - pipeline.iter().sum::<Units>();
            n_states += (most - self.min_net_inventory_with(&pipeline) + 1).max(0) as u32;
        }
        self.first_state.push(n_states);
    }

    fn pipeline(&self, mut pipeline_idx: usize) -> [Units; LEAD_TIME_MAX] {
        let mut pipeline = [0; LEAD_TIME_MAX];
        for (place, quantity) in pipeline[..self.n_pipeline()].iter_mut().enumerate() {
            let radix = self.max_arrival(place) as usize + 1;
            *quantity = (pipeline_idx % radix) as Units;
            pipeline_idx /= radix;
        }
        pipeline
    }

    /// The cost rates.
    pub fn costs(&self) -> DualSourcingCosts {
        self.costs
    }

    /// Periods until an expedited order arrives.
    pub fn expedited_lead_time(&self) -> usize {
        self.expedited_lead_time
    }

    /// Periods until a regular order arrives.
    pub fn regular_lead_time(&self) -> usize {
        self.regular_lead_time
    }

    /// The demand law of a period.
    pub fn demand(&self) -> &DiscreteDemand {
        &self.demand
    }

    fn n_pipeline(&self) -> usize {
        self.regular_lead_time - 1
    }

    /// The largest quantity in a place of the pipeline. Regular and expedited orders may meet there, and an expedited
    /// order may have to cover all backorders.
    fn max_arrival(&self, place: usize) -> Units {
        if place + 1 < self.expedited_lead_time { self.max_order - self.min_net_inventory() } else { self.max_order }
    }

    /// The least net inventory with any pipeline.
    fn min_net_inventory(&self) -> Units {
        -self.max_order * (self.expedited_lead_time as Units + 1)
    }

    /// The least net inventory with a pipeline: orders keep the position with all that arrives within an expedited lead
    /// time at 0 or above, so that with what arrives within `periods` it lacks the demand of the periods since at most.
    fn min_net_inventory_with(&self, pipeline: &[Units; LEAD_TIME_MAX]) -> Units {
        let mut arriving = 0;
        let mut least = self.min_net_inventory();
        for periods in 1..=self.expedited_lead_time {
            arriving += pipeline[periods - 1];
            let n_demands = (self.expedited_lead_time + 1 - periods) as Units;
            least = least.max(-self.max_order * n_demands - arriving);
        }
        least
    }

    /// The smallest and largest expedited order in a state, units.
    pub fn expedited_range(&self, state: &DualSourcingState) -> (Units, Units) {
        let least = (-state.expedited_position(self.expedited_lead_time)).max(0);
        let most = self.max_order.max(least).min((self.max_position - state.inventory_position()).max(least));
        (least, most)
    }

    /// The largest regular order in a state beside an expedited one, units.
    pub fn max_regular(&self, state: &DualSourcingState, expedited: Units) -> Units {
        self.max_order.min(self.max_position - state.inventory_position() - expedited).max(0)
    }

    /// Puts what was due on the shelf; returns what went to backorders.
    fn receive(net_inventory: &mut Units, quantity: Units) -> Units {
        let issued_late = quantity.min((-*net_inventory).max(0));
        *net_inventory += quantity;
        issued_late
    }
}

impl Environment for DualSourcing {
    type State = DualSourcingState;
    type Action = DualOrder;
    type Chance = Units;

    fn id(&self) -> &'static str {
        "dual-sourcing-v1"
    }

    fn initial_state(&self) -> DualSourcingState {
        DualSourcingState { net_inventory: 0, pipeline: [0; LEAD_TIME_MAX] }
    }

    fn sample_action(&self, state: &DualSourcingState, rng: &mut dyn Rng) -> DualOrder {
        let (least, most) = self.expedited_range(state);
        let expedited = least + (rng.next_u64() % (most - least + 1) as u64) as Units;
        let regular = (rng.next_u64() % (self.max_regular(state, expedited) as u64 + 1)) as Units;
        DualOrder { regular, expedited }
    }

    fn sample_chance(&self, _: &DualSourcingState, _: &DualOrder, rng: &mut dyn Rng) -> Units {
        self.demand.sample(rng)
    }

    /// Sequence of events in a period: 1. orders, which arrive at the start of the period that is their lead time from
    /// now, an expedited order at once when that is 0; what arrives serves backorders first; 2. demand, what is not on
    /// the shelf is backordered; 3. cost of the orders, of what is left and of what is backordered; 4. receipt of what
    /// is due at the start of the next period.
    ///
    /// `lost` counts units newly backordered, `issued_late` units that served backorders.
    fn step(&self, state: &mut DualSourcingState, order: &DualOrder, demand: &Units) -> PeriodOutcome {
        let demand = *demand;
        assert!(0 <= order.regular && 0 <= order.expedited && 0 <= demand);
        // `pipeline[place]` arrives in `place + 1` periods; the place of the new regular order is free.
        state.pipeline[self.regular_lead_time - 1] += order.regular;
        let (mut issued_late, mut received) = (0, 0);
        if self.expedited_lead_time == 0 {
            issued_late += Self::receive(&mut state.net_inventory, order.expedited);
            received += order.expedited;
        } else {
            state.pipeline[self.expedited_lead_time - 1] += order.expedited;
        }
        let sold = demand.min(state.net_inventory.max(0));
        let lost = demand - sold;
        state.net_inventory -= demand;
        let cost = self.costs.regular_cost * order.regular as f64
            + self.costs.expedited_cost * order.expedited as f64
            + self.costs.holding_cost * state.net_inventory.max(0) as f64
            + self.costs.backorder_cost * (-state.net_inventory).max(0) as f64;
        let due = state.pipeline[0];
        state.pipeline.copy_within(1.., 0);
        state.pipeline[LEAD_TIME_MAX - 1] = 0;
        issued_late += Self::receive(&mut state.net_inventory, due);
        received += due;
        PeriodOutcome { demand, sold, lost, expired: 0, received, issued_late, cost }
    }

    fn units(&self, state: &DualSourcingState) -> Units {
        state.net_inventory.max(0) + state.pipeline.iter().sum::<Units>()
    }

    fn ordered(&self, _: &DualSourcingState, order: &DualOrder, _: &Units) -> Units {
        order.regular + order.expedited
    }
}

impl FiniteEnvironment for DualSourcing {
    /// # Panics
    /// When there are too many states to number.
    fn n_states(&self) -> usize {
        *self.first_state.last().expect("a problem small enough to number its states") as usize
    }

    fn state_idx(&self, state: &DualSourcingState) -> usize {
        let pipeline_idx = (0..self.n_pipeline())
            .rev()
            .fold(0, |idx, place| idx * (self.max_arrival(place) as usize + 1) + state.pipeline[place] as usize);
        let offset = state.net_inventory - self.min_net_inventory_with(&state.pipeline);
        self.first_state[pipeline_idx] as usize + offset as usize
    }

    fn state(&self, state_idx: usize) -> DualSourcingState {
        let pipeline_idx = self.first_state.partition_point(|first| *first as usize <= state_idx) - 1;
        let offset = state_idx - self.first_state[pipeline_idx] as usize;
        let pipeline = self.pipeline(pipeline_idx);
        let net_inventory = offset as Units + self.min_net_inventory_with(&pipeline);
        DualSourcingState { net_inventory, pipeline }
    }

    fn actions(&self, state: &DualSourcingState, actions: &mut Vec<DualOrder>) {
        actions.clear();
        let (least, most) = self.expedited_range(state);
        for expedited in least..=most {
            let regular = 0..=self.max_regular(state, expedited);
            actions.extend(regular.map(|regular| DualOrder { regular, expedited }));
        }
    }

    fn chances(&self, _: &DualSourcingState, _: &DualOrder, chances: &mut Vec<(Units, f64)>) {
        chances.clear();
        let law = self.demand.probabilities().iter().enumerate();
        chances.extend(law.filter(|(_, p)| **p > 0.0).map(|(demand, p)| (demand as Units, *p)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environments::{check_environment, check_finite_environment};
    use crate::exact::{Criterion, Settings, solve};

    const COSTS: DualSourcingCosts =
        DualSourcingCosts { regular_cost: 0.0, expedited_cost: 10.0, holding_cost: 5.0, backorder_cost: 95.0 };

    #[test]
    fn is_an_environment() {
        for (regular_lead_time, expedited_lead_time) in [(1, 0), (2, 0), (3, 1), (4, 2)] {
            let demand = DiscreteDemand::uniform(0, 3);
            let problem = DualSourcing::new(regular_lead_time, expedited_lead_time, COSTS, demand);
            check_environment(&problem, 11, 20_000).unwrap();
            // With many states every 17th has a turn.
            check_finite_environment(&problem, 1 + 16 * (regular_lead_time / 3)).unwrap();
        }
    }

    /// With both lead times apart by one period and no premium, expediting always is as good as waiting: the cost is
    /// that of a newsvendor without lead time.
    #[test]
    fn without_a_premium_it_is_the_newsvendor() {
        let costs = DualSourcingCosts { expedited_cost: 0.0, ..COSTS };
        let demand = DiscreteDemand::uniform(0, 4);
        let newsvendor = (0..=4)
            .map(|level| {
                let expected = |cost: &dyn Fn(i64) -> f64| (0..=4).map(|d| cost(level - d)).sum::<f64>() / 5.0;
                expected(&|left| 5.0 * left.max(0) as f64 + 95.0 * (-left).max(0) as f64)
            })
            .fold(f64::INFINITY, f64::min);
        let solution = solve(&DualSourcing::new(2, 0, costs, demand), Criterion::Average, &Settings::default());
        assert!((solution.average_cost.unwrap() - newsvendor).abs() < 1e-6);
    }
}
