//! One item with lost sales, stationary or cyclic demand and random lead times, in discrete time: orders arrive in the
//! sequence they were placed in, or units may overtake each other.
//!
//! Lost sales with random lead times as in Kaplan (1970) and Nahmias (1979); the test bed of Temizöz et al. (2025), which
//! lets each unit have a lead time of its own where orders cross.

use rand::{Rng, RngExt};

use restock_core::Units;
use restock_core::environment::{Environment, PeriodOutcome};

use crate::discrete_demand::DiscreteDemand;

/// Longest lead time, periods.
pub const LEAD_TIME_MAX: usize = 15;

/// Whether what was ordered later may arrive earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crossing {
    /// Never: each period draws a lead time, and all orders that are at least so old arrive (Kaplan 1970; Nahmias 1979).
    Sequential,
    /// Each unit draws a lead time of its own.
    EachUnit,
}

/// The lost-sales problem with random lead times.
#[derive(Clone, Debug)]
pub struct StochasticLeadTimes {
    holding_cost: f64,
    stockout_cost: f64,
    /// `[cycle_length]`.
    demand: Vec<DiscreteDemand>,
    /// `[lead_time_max + 1]`: probabilities of 0, 1, 2, ... periods.
    lead_time: Vec<f64>,
    /// `[lead_time_max + 1]`: probability of each lead time given that it is not shorter.
    hazard: Vec<f64>,
    crossing: Crossing,
    max_position: Units,
}

/// Stock at the start of a period, after what was due has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StochasticLeadTimesState {
    /// The phase of the demand cycle that this period is in.
    pub phase: usize,
    /// Units on the shelf.
    pub on_hand: Units,
    /// `[LEAD_TIME_MAX]`: units on order that were ordered one, two, ... periods ago.
    pub on_order: [Units; LEAD_TIME_MAX],
}

impl StochasticLeadTimesState {
    /// On hand and on order, units.
    pub fn inventory_position(&self) -> Units {
        self.on_hand + self.on_order.iter().sum::<Units>()
    }
}

/// What chance decides in a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DemandAndDeliveries {
    /// Units wanted.
    pub demand: Units,
    /// Of the order just placed, units that arrive before the demand: their lead time is 0.
    pub at_once: Units,
    /// `[LEAD_TIME_MAX]`: units that arrive at the end of the period of the order just placed (what has not arrived at
    /// once), of the order of one period ago, ...: their lead time is 1, 2, ...
    pub deliveries: [Units; LEAD_TIME_MAX],
}

impl StochasticLeadTimes {
    /// A problem with `lead_time[l]` the probability of a lead time of `l` periods; `max_position` bounds the orders that
    /// [`Environment::sample_action`] draws, units.
    ///
    /// # Panics
    /// When a cost is not above 0, there is no demand law, or the lead time's probabilities are negative, do not sum to
    /// 1 or are too many.
    pub fn new(
        holding_cost: f64,
        stockout_cost: f64,
        demand: Vec<DiscreteDemand>,
        lead_time: Vec<f64>,
        crossing: Crossing,
        max_position: Units,
    ) -> Self {
        assert!(holding_cost > 0.0 && stockout_cost > 0.0, "costs {holding_cost} and {stockout_cost}");
        assert!(!demand.is_empty() && max_position >= 1);
        assert!(lead_time.len() <= LEAD_TIME_MAX + 1, "lead times up to {LEAD_TIME_MAX} periods are supported");
        let total: f64 = lead_time.iter().sum();
        assert!(lead_time.iter().all(|p| *p >= 0.0) && (total - 1.0).abs() < 1e-9, "lead time {lead_time:?}");
        let longest = lead_time.iter().rposition(|p| *p > 0.0).expect("a lead time");
        let lead_time = lead_time[..=longest].to_vec();
        let hazard = (0..=longest)
            .map(|periods| {
                let not_shorter: f64 = lead_time[periods..].iter().sum();
                if periods == longest { 1.0 } else { lead_time[periods] / not_shorter }
            })
            .collect();
        Self { holding_cost, stockout_cost, demand, lead_time, hazard, crossing, max_position }
    }

    /// `[cycle_length]`: the demand law of each phase.
    pub fn demand(&self) -> &[DiscreteDemand] {
        &self.demand
    }

    /// `[lead_time_max + 1]`: probabilities of lead times of 0, 1, 2, ... periods.
    pub fn lead_time(&self) -> &[f64] {
        &self.lead_time
    }

    /// Holding and stock-out cost per unit.
    pub fn unit_costs(&self) -> (f64, f64) {
        (self.holding_cost, self.stockout_cost)
    }

    /// `[lead_time_max + 1]`: probability of each lead time given that it is not shorter.
    pub fn hazard(&self) -> &[f64] {
        &self.hazard
    }

    /// Whether what was ordered later may arrive earlier.
    pub fn crossing(&self) -> Crossing {
        self.crossing
    }

    fn longest(&self) -> usize {
        self.lead_time.len() - 1
    }

    /// Units of an order of `quantity` that arrive, each with probability `hazard`: the inverse of the binomial
    /// distribution function at a uniform number, so that each period uses up as many numbers whatever is on order.
    pub(crate) fn arriving(quantity: Units, hazard: f64, uniform: f64) -> Units {
        if quantity == 0 || hazard <= 0.0 {
            return 0;
        }
        if hazard >= 1.0 {
            return quantity;
        }
        let odds = hazard / (1.0 - hazard);
        let mut probability = (1.0 - hazard).powi(quantity as i32);
        let (mut below, mut arriving) = (probability, 0);
        while uniform >= below && arriving < quantity {
            probability *= odds * (quantity - arriving) as f64 / (arriving + 1) as f64;
            below += probability;
            arriving += 1;
        }
        arriving
    }
}

impl Environment for StochasticLeadTimes {
    type State = StochasticLeadTimesState;
    type Action = Units;
    type Chance = DemandAndDeliveries;

    fn id(&self) -> &'static str {
        "stochastic-lead-times-v1"
    }

    fn initial_state(&self) -> StochasticLeadTimesState {
        StochasticLeadTimesState { phase: 0, on_hand: 0, on_order: [0; LEAD_TIME_MAX] }
    }

    fn sample_action(&self, state: &StochasticLeadTimesState, rng: &mut dyn Rng) -> Units {
        let most = (self.max_position - state.inventory_position()).max(0);
        (rng.next_u64() % (most as u64 + 1)) as Units
    }

    fn sample_chance(
        &self,
        state: &StochasticLeadTimesState,
        order_quantity: &Units,
        rng: &mut dyn Rng,
    ) -> DemandAndDeliveries {
        let demand = self.demand[state.phase].sample(rng);
        let mut chance = DemandAndDeliveries { demand, at_once: 0, deliveries: [0; LEAD_TIME_MAX] };
        let on_order = |age: usize| if age == 0 { *order_quantity } else { state.on_order[age - 1] };
        match self.crossing {
            Crossing::Sequential => {
                let uniform: f64 = rng.random();
                let mut below = 0.0;
                let drawn = self.lead_time.iter().position(|probability| {
                    below += probability;
                    uniform < below
                });
                let drawn = drawn.unwrap_or(self.longest());
                if drawn == 0 {
                    chance.at_once = *order_quantity;
                }
                for age in 0..self.longest() {
                    if age + 1 >= drawn {
                        chance.deliveries[age] = on_order(age);
                    }
                }
                chance.deliveries[0] -= if self.longest() > 0 { chance.at_once } else { 0 };
            }
            Crossing::EachUnit => {
                for periods in 0..=self.longest() {
                    let uniform: f64 = rng.random();
                    if periods == 0 {
                        chance.at_once = Self::arriving(*order_quantity, self.hazard[0], uniform);
                    } else {
                        let left = on_order(periods - 1) - if periods == 1 { chance.at_once } else { 0 };
                        chance.deliveries[periods - 1] = Self::arriving(left, self.hazard[periods], uniform);
                    }
                }
            }
        }
        chance
    }

    /// Sequence of events in a period: 1. order; 2. what has a lead time of 0 arrives; 3. demand, what is not on the
    /// shelf is lost; 4. holding cost for what is left, stock-out cost for what was lost; 5. what else is delivered
    /// arrives for the next period, and what is still on order grows older.
    ///
    /// # Panics
    /// When more is delivered than is on order.
    fn step(
        &self,
        state: &mut StochasticLeadTimesState,
        order_quantity: &Units,
        chance: &DemandAndDeliveries,
    ) -> PeriodOutcome {
        assert!(0 <= *order_quantity && 0 <= chance.at_once && chance.at_once <= *order_quantity && 0 <= chance.demand);
        state.on_hand += chance.at_once;
        let sold = chance.demand.min(state.on_hand);
        let lost = chance.demand - sold;
        state.on_hand -= sold;
        let cost = self.holding_cost * state.on_hand as f64 + self.stockout_cost * lost as f64;
        let mut received = chance.at_once;
        let mut older = order_quantity - chance.at_once;
        for (on_order, delivered) in state.on_order.iter_mut().zip(chance.deliveries) {
            assert!(0 <= delivered && delivered <= older, "{chance:?} delivers more than is on order");
            received += delivered;
            state.on_hand += delivered;
            older = std::mem::replace(on_order, older - delivered);
        }
        assert_eq!(older, 0, "nothing is on order for more than {LEAD_TIME_MAX} periods");
        state.phase = (state.phase + 1) % self.demand.len();
        PeriodOutcome { demand: chance.demand, sold, lost, received, cost, ..PeriodOutcome::default() }
    }

    fn units(&self, state: &StochasticLeadTimesState) -> Units {
        state.inventory_position()
    }

    fn ordered(&self, _: &StochasticLeadTimesState, order_quantity: &Units, _: &DemandAndDeliveries) -> Units {
        *order_quantity
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environments::check_environment;

    fn problem(lead_time: &[f64], crossing: Crossing) -> StochasticLeadTimes {
        let demand = vec![DiscreteDemand::poisson(3.0, 30), DiscreteDemand::geometric(2.0, 60)];
        StochasticLeadTimes::new(1.0, 9.0, demand, lead_time.to_vec(), crossing, 30)
    }

    #[test]
    fn is_an_environment() {
        for lead_time in [&[1.0][..], &[0.0, 1.0], &[0.3, 0.2, 0.5], &[0.0, 0.0, 0.5, 0.0, 0.5], &[0.1, 0.9, 0.0]] {
            for crossing in [Crossing::Sequential, Crossing::EachUnit] {
                check_environment(&problem(lead_time, crossing), 6, 20_000).unwrap();
            }
        }
    }

    /// The share of a large order that has arrived after each period is the distribution function of the lead time.
    #[test]
    fn units_arrive_by_the_law_of_the_lead_time() {
        use rand::SeedableRng;
        let law = [0.1, 0.0, 0.4, 0.3, 0.2];
        for crossing in [Crossing::Sequential, Crossing::EachUnit] {
            let problem = problem(&law, crossing);
            let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(5);
            let mut arrived = [0; 5];
            for _ in 0..2_000 {
                let mut state = problem.initial_state();
                for period in 0..5 {
                    let order = if period == 0 { 40 } else { 0 };
                    let chance = problem.sample_chance(&state, &order, &mut rng);
                    arrived[0] += if period == 0 { chance.at_once } else { 0 };
                    if period < 4 {
                        arrived[period + 1] += chance.deliveries[period];
                    }
                    problem.step(&mut state, &order, &chance);
                }
                assert_eq!(state.on_order, [0; LEAD_TIME_MAX]);
            }
            let shares = arrived.map(|units| units as f64 / (2_000.0 * 40.0));
            // In sequence an order arrives in the first period whose draw is no longer than its lead time would be; lead
            // times of 0 and 1 belong to the draw of one period.
            let (mut waiting, mut up_to) = (1.0, 0.0);
            for (periods, (share, probability)) in shares.iter().zip(law).enumerate() {
                up_to += probability;
                let expected = match crossing {
                    Crossing::EachUnit => probability,
                    Crossing::Sequential if periods <= 1 => probability,
                    Crossing::Sequential => waiting * up_to,
                };
                waiting -= expected;
                // Four standard errors of 2,000 orders that arrive whole.
                assert!((share - expected).abs() < 4.0 * 0.5 / 2_000_f64.sqrt(), "{crossing:?}: {shares:?}");
            }
        }
    }
}
