//! One item in continuous time whose units arrive after exponential lead times and may overtake each other; unmet demand
//! is backordered.
//!
//! The problem of Stolyar & Wang (2022), *Operations Research* 70(3): Poisson demand, orders at demand epochs, each unit
//! with a lead time of its own. Exponential lead times have no memory, so net inventory and the number of units on order
//! are the state. Uniformisation (Lippman 1975) makes of it a problem in discrete time: events come at a constant rate,
//! and some of them are none.

use rand::{Rng, RngExt};

use restock_core::Units;
use restock_core::environment::{Environment, FiniteEnvironment, PeriodOutcome};

/// What is known about demand, supply and costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExponentialLeadTimesParameters {
    /// Demands per unit of time, each of one unit (λ).
    pub demand_rate: f64,
    /// Arrivals per unit of time of a unit on order (μ); the mean lead time is 1/μ.
    pub delivery_rate: f64,
    /// Holding cost per unit and unit of time (h).
    pub holding_cost: f64,
    /// Backorder cost per unit and unit of time (b).
    pub backorder_cost: f64,
    /// Most units ordered at a demand epoch.
    pub max_order: Units,
    /// Most units on order.
    pub max_on_order: Units,
    /// Most units on hand and on order, less backorders.
    pub max_position: Units,
    /// Most units backordered; demand beyond goes elsewhere.
    pub max_backorders: Units,
}

/// The problem, with time uniformised.
#[derive(Clone, Debug)]
pub struct ExponentialLeadTimes {
    parameters: ExponentialLeadTimesParameters,
}

/// What is known between two events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExponentialLeadTimesState {
    /// Units on the shelf, less units backordered.
    pub net_inventory: Units,
    /// Units on order.
    pub on_order: Units,
    /// Whether a demand has just come, so that an order may be placed.
    pub ordering: bool,
}

/// The next event of the uniformised process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A customer wants a unit.
    Demand,
    /// A unit on order arrives.
    Delivery,
    /// Nothing happens.
    Nothing,
}

impl ExponentialLeadTimes {
    /// The problem.
    ///
    /// # Panics
    /// When a rate or cost is not above 0, or a cap is below 1.
    pub fn new(parameters: ExponentialLeadTimesParameters) -> Self {
        let ExponentialLeadTimesParameters { demand_rate, delivery_rate, holding_cost, backorder_cost, .. } =
            parameters;
        let rates = [demand_rate, delivery_rate, holding_cost, backorder_cost];
        assert!(rates.iter().all(|rate| *rate > 0.0 && rate.is_finite()), "{parameters:?}");
        let caps = [parameters.max_order, parameters.max_on_order, parameters.max_position, parameters.max_backorders];
        assert!(caps.iter().all(|cap| *cap >= 1), "{parameters:?}");
        Self { parameters }
    }

    /// What is known about demand, supply and costs.
    pub fn parameters(&self) -> &ExponentialLeadTimesParameters {
        &self.parameters
    }

    /// Values of net inventory that are enumerated.
    fn n_levels(&self) -> usize {
        (self.parameters.max_position + self.parameters.max_backorders + 1) as usize
    }

    /// Events per unit of time, those that are none included.
    pub fn event_rate(&self) -> f64 {
        self.parameters.demand_rate + self.parameters.delivery_rate * self.parameters.max_on_order as f64
    }

    /// The largest order in a state, units: 0 but at demand epochs.
    pub fn max_order(&self, state: &ExponentialLeadTimesState) -> Units {
        if !state.ordering {
            return 0;
        }
        let position = state.net_inventory + state.on_order;
        let room = (self.parameters.max_position - position).min(self.parameters.max_on_order - state.on_order);
        self.parameters.max_order.min(room).max(0)
    }

    /// Probabilities of demand and delivery with so many units on order.
    fn event_probabilities(&self, on_order: Units) -> (f64, f64) {
        let event_rate = self.event_rate();
        (self.parameters.demand_rate / event_rate, self.parameters.delivery_rate * on_order as f64 / event_rate)
    }
}

impl Environment for ExponentialLeadTimes {
    type State = ExponentialLeadTimesState;
    type Action = Units;
    type Chance = Event;

    fn id(&self) -> &'static str {
        "exponential-lead-times-v1"
    }

    fn initial_state(&self) -> ExponentialLeadTimesState {
        ExponentialLeadTimesState { net_inventory: 0, on_order: 0, ordering: true }
    }

    fn sample_action(&self, state: &ExponentialLeadTimesState, rng: &mut dyn Rng) -> Units {
        (rng.next_u64() % (self.max_order(state) as u64 + 1)) as Units
    }

    fn sample_chance(&self, state: &ExponentialLeadTimesState, order_quantity: &Units, rng: &mut dyn Rng) -> Event {
        let (demand, delivery) = self.event_probabilities(state.on_order + order_quantity);
        let uniform: f64 = rng.random();
        if uniform < demand {
            Event::Demand
        } else if uniform < demand + delivery {
            Event::Delivery
        } else {
            Event::Nothing
        }
    }

    /// Sequence of events in a period, which is the time to the next event: 1. order, if a demand has just come; 2. cost
    /// of the time that passes; 3. the event: a demand, met from the shelf or backordered, or the arrival of a unit on
    /// order, which serves a backorder first.
    ///
    /// The cost is the cost rate, currency per unit of time, so that the average over periods, which are equally long on
    /// average, is the average cost per unit of time.
    fn step(&self, state: &mut ExponentialLeadTimesState, order_quantity: &Units, event: &Event) -> PeriodOutcome {
        assert!(*order_quantity >= 0 && (state.ordering || *order_quantity == 0), "{order_quantity} in {state:?}");
        state.on_order += order_quantity;
        let held = self.parameters.holding_cost * state.net_inventory.max(0) as f64;
        let cost = held + self.parameters.backorder_cost * (-state.net_inventory).max(0) as f64;
        let mut outcome = PeriodOutcome { cost, ..PeriodOutcome::default() };
        state.ordering = *event == Event::Demand;
        match event {
            Event::Demand => {
                outcome.demand = 1;
                outcome.sold = Units::from(state.net_inventory > 0);
                outcome.lost = 1 - outcome.sold;
                state.net_inventory = (state.net_inventory - 1).max(-self.parameters.max_backorders);
            }
            Event::Delivery => {
                assert!(state.on_order > 0, "a delivery with nothing on order");
                outcome.received = 1;
                outcome.issued_late = Units::from(state.net_inventory < 0);
                state.on_order -= 1;
                state.net_inventory += 1;
            }
            Event::Nothing => {}
        }
        outcome
    }

    fn units(&self, state: &ExponentialLeadTimesState) -> Units {
        state.net_inventory.max(0) + state.on_order
    }

    fn ordered(&self, _: &ExponentialLeadTimesState, order_quantity: &Units, _: &Event) -> Units {
        *order_quantity
    }
}

impl FiniteEnvironment for ExponentialLeadTimes {
    fn n_states(&self) -> usize {
        2 * (self.parameters.max_on_order as usize + 1) * self.n_levels()
    }

    fn state_idx(&self, state: &ExponentialLeadTimesState) -> usize {
        let n_levels = self.n_levels();
        let level = (state.net_inventory + self.parameters.max_backorders) as usize;
        2 * (state.on_order as usize * n_levels + level) + usize::from(state.ordering)
    }

    fn state(&self, state_idx: usize) -> ExponentialLeadTimesState {
        let n_levels = self.n_levels();
        let net_inventory = (state_idx / 2 % n_levels) as Units - self.parameters.max_backorders;
        let on_order = (state_idx / 2 / n_levels) as Units;
        ExponentialLeadTimesState { net_inventory, on_order, ordering: state_idx % 2 == 1 }
    }

    fn actions(&self, state: &ExponentialLeadTimesState, actions: &mut Vec<Units>) {
        actions.clear();
        actions.extend(0..=self.max_order(state));
    }

    fn chances(&self, state: &ExponentialLeadTimesState, order_quantity: &Units, chances: &mut Vec<(Event, f64)>) {
        chances.clear();
        // No position that an order may lead to is above its cap; in other states, which nothing leads to, deliveries
        // that would lift net inventory out of its range do not happen.
        let on_order = state.on_order + order_quantity;
        let (demand, delivery) = self.event_probabilities(on_order);
        let delivery = if state.net_inventory < self.parameters.max_position { delivery } else { 0.0 };
        chances.push((Event::Demand, demand));
        if delivery > 0.0 {
            chances.push((Event::Delivery, delivery));
        }
        let nothing = 1.0 - demand - delivery;
        if nothing > 0.0 {
            chances.push((Event::Nothing, nothing));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environments::random_lead_times::base_stock_cost;
    use crate::environments::{check_environment, check_finite_environment};
    use crate::exact::{PolicyChain, Settings};

    fn problem() -> ExponentialLeadTimes {
        ExponentialLeadTimes::new(ExponentialLeadTimesParameters {
            demand_rate: 3.0,
            delivery_rate: 0.5,
            holding_cost: 1.0,
            backorder_cost: 4.0,
            max_order: 3,
            max_on_order: 26,
            max_position: 16,
            max_backorders: 14,
        })
    }

    #[test]
    fn is_an_environment() {
        check_environment(&problem(), 2, 50_000).unwrap();
        check_finite_environment(&problem(), 7).unwrap();
    }

    /// Palm's theorem: with base-stock the units on order are Poisson.
    #[test]
    fn base_stock_costs_what_palm_says() {
        let problem = problem();
        for level in [5, 8, 10] {
            let order = |state: &ExponentialLeadTimesState| {
                if state.ordering { (level - state.net_inventory - state.on_order).clamp(0, 3) } else { 0 }
            };
            let chain = PolicyChain::new(&problem, order);
            let cost = chain.average_cost(&Settings::default()).average_cost.unwrap();
            let expected = base_stock_cost(level, 6.0, 1.0, 4.0);
            // Backorders beyond 14 are left out; the next would have a probability of 1e-4 at most.
            assert!((cost - expected).abs() < 2e-3, "level {level}: {cost}, by Palm's theorem {expected}");
        }
    }
}
