//! One item in continuous time whose units arrive after random lead times of any law and may overtake each other; unmet
//! demand is backordered.
//!
//! The problem of Stolyar & Wang (2022), *Operations Research* 70(3): Poisson demand, orders at demand epochs, each unit
//! with a lead time of its own. What is known of a unit on order is its age.

use rand::{Rng, RngExt};
use statrs::distribution::{Discrete, Poisson};

use restock_core::Units;
use restock_core::environment::{Environment, PeriodOutcome};

/// The law of the lead time T of a unit, in units of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LeadTimeLaw {
    /// `P(T > t) = exp(-rate·t)`.
    Exponential {
        /// Arrivals per unit of time.
        rate: f64,
    },
    /// Uniform between two times.
    Uniform {
        /// Shortest lead time.
        low: f64,
        /// Longest lead time.
        high: f64,
    },
    /// `P(T > t) = (1 + scale·t)^-shape`, the law of Lomax (1954).
    Pareto {
        /// Inverse of a time.
        scale: f64,
        /// Above 1, for a finite mean.
        shape: f64,
    },
}

impl LeadTimeLaw {
    /// Mean lead time.
    pub fn mean(&self) -> f64 {
        match *self {
            Self::Exponential { rate } => 1.0 / rate,
            Self::Uniform { low, high } => 0.5 * (low + high),
            Self::Pareto { scale, shape } => 1.0 / (scale * (shape - 1.0)),
        }
    }

    /// P(T > t).
    fn survival(&self, time: f64) -> f64 {
        match *self {
            Self::Exponential { rate } => (-rate * time).exp(),
            Self::Uniform { low, high } => ((high - time) / (high - low)).clamp(0.0, 1.0),
            Self::Pareto { scale, shape } => (1.0 + scale * time).powf(-shape),
        }
    }

    /// The time with a survival probability in (0, 1].
    fn quantile(&self, survival: f64) -> f64 {
        match *self {
            Self::Exponential { rate } => -survival.ln() / rate,
            Self::Uniform { low, high } => high - survival * (high - low),
            Self::Pareto { scale, shape } => (survival.powf(-1.0 / shape) - 1.0) / scale,
        }
    }

    /// Time until a unit of an age arrives, for a uniform number in [0, 1).
    pub(crate) fn remaining(&self, age: f64, uniform: f64) -> f64 {
        (self.quantile(self.survival(age) * (1.0 - uniform)) - age).max(0.0)
    }
}

/// What is known about demand, supply and costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RandomLeadTimesParameters {
    /// Demands per unit of time, each of one unit (λ).
    pub demand_rate: f64,
    /// Law of each unit's lead time.
    pub lead_time: LeadTimeLaw,
    /// Holding cost per unit and unit of time (h).
    pub holding_cost: f64,
    /// Backorder cost per unit and unit of time (b).
    pub backorder_cost: f64,
    /// Most units ordered at a demand epoch.
    pub max_order: Units,
    /// Most units on order.
    pub max_on_order: usize,
}

/// The problem with random lead times.
#[derive(Clone, Debug)]
pub struct RandomLeadTimes {
    parameters: RandomLeadTimesParameters,
}

/// What is known at a demand epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct RandomLeadTimesState {
    /// Units on the shelf, less units backordered.
    pub net_inventory: Units,
    /// Ages of the units on order, the oldest first.
    pub ages: Vec<f64>,
}

impl RandomLeadTimesState {
    /// Net inventory and units on order.
    pub fn inventory_position(&self) -> Units {
        self.net_inventory + self.ages.len() as Units
    }
}

/// What chance decides between two demands.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    /// Time to the next demand.
    pub until_demand: f64,
    /// A number in [0, 1) for each unit on order, the oldest first, that fixes when it arrives given its age.
    pub uniforms: Vec<f64>,
}

impl RandomLeadTimes {
    /// The problem.
    ///
    /// # Panics
    /// When a rate, cost or cap is not above 0, or the lead time has no finite positive mean.
    pub fn new(parameters: RandomLeadTimesParameters) -> Self {
        let RandomLeadTimesParameters { demand_rate, holding_cost, backorder_cost, lead_time, .. } = parameters;
        let rates = [demand_rate, holding_cost, backorder_cost, lead_time.mean()];
        assert!(rates.iter().all(|rate| *rate > 0.0 && rate.is_finite()), "{parameters:?}");
        assert!(parameters.max_order >= 1 && parameters.max_on_order >= 1, "{parameters:?}");
        Self { parameters }
    }

    /// What is known about demand, supply and costs.
    pub fn parameters(&self) -> &RandomLeadTimesParameters {
        &self.parameters
    }

    fn max_order(&self, state: &RandomLeadTimesState) -> Units {
        self.parameters.max_order.min(self.parameters.max_on_order.saturating_sub(state.ages.len()) as Units)
    }

    fn cost_rate(&self, net_inventory: Units) -> f64 {
        self.parameters.holding_cost * net_inventory.max(0) as f64
            + self.parameters.backorder_cost * (-net_inventory).max(0) as f64
    }
}

impl Environment for RandomLeadTimes {
    type State = RandomLeadTimesState;
    type Action = Units;
    type Chance = Waiting;

    fn id(&self) -> &'static str {
        "random-lead-times-v1"
    }

    fn initial_state(&self) -> RandomLeadTimesState {
        RandomLeadTimesState { net_inventory: 0, ages: Vec::new() }
    }

    fn sample_action(&self, state: &RandomLeadTimesState, rng: &mut dyn Rng) -> Units {
        (rng.next_u64() % (self.max_order(state) as u64 + 1)) as Units
    }

    fn sample_chance(&self, state: &RandomLeadTimesState, order_quantity: &Units, rng: &mut dyn Rng) -> Waiting {
        let uniform: f64 = rng.random();
        let until_demand = -(1.0 - uniform).ln() / self.parameters.demand_rate;
        let n_on_order = state.ages.len() + *order_quantity as usize;
        Waiting { until_demand, uniforms: (0..n_on_order).map(|_| rng.random()).collect() }
    }

    /// Sequence of events in a period, which is the time between two demands: 1. order of units, each with a lead time
    /// of its own; 2. units on order arrive, backorders first, and stock and backorders cost as time passes; 3. a unit
    /// is demanded, and met from the shelf or backordered.
    ///
    /// The cost is that of the period times the demand rate, so that the average over periods is the average cost per
    /// unit of time.
    ///
    /// # Panics
    /// Unless there is a number for each unit on order.
    fn step(&self, state: &mut RandomLeadTimesState, order_quantity: &Units, waiting: &Waiting) -> PeriodOutcome {
        assert!(*order_quantity >= 0);
        state.ages.extend((0..*order_quantity).map(|_| 0.0));
        assert_eq!(state.ages.len(), waiting.uniforms.len(), "one number for each unit on order");
        let mut arrivals = Vec::new();
        let mut uniforms = waiting.uniforms.iter();
        let law = self.parameters.lead_time;
        state.ages.retain_mut(|age| {
            let remaining = law.remaining(*age, *uniforms.next().expect("as many as units on order"));
            *age += waiting.until_demand;
            if remaining <= waiting.until_demand {
                arrivals.push(remaining);
                return false;
            }
            true
        });
        arrivals.sort_by(f64::total_cmp);
        let (mut cost, mut now, mut issued_late) = (0.0, 0.0, 0);
        for arrival in &arrivals {
            cost += self.cost_rate(state.net_inventory) * (arrival - now);
            now = *arrival;
            issued_late += Units::from(state.net_inventory < 0);
            state.net_inventory += 1;
        }
        cost += self.cost_rate(state.net_inventory) * (waiting.until_demand - now);
        let sold = Units::from(state.net_inventory > 0);
        state.net_inventory -= 1;
        PeriodOutcome {
            demand: 1,
            sold,
            lost: 1 - sold,
            expired: 0,
            received: arrivals.len() as Units,
            issued_late,
            cost: cost * self.parameters.demand_rate,
        }
    }

    fn units(&self, state: &RandomLeadTimesState) -> Units {
        state.net_inventory.max(0) + state.ages.len() as Units
    }

    fn ordered(&self, _: &RandomLeadTimesState, order_quantity: &Units, _: &Waiting) -> Units {
        *order_quantity
    }
}

/// Average cost per unit of time of a base-stock policy, for any law of lead times: units on order are Poisson with mean
/// `mean_on_order`, demand rate times mean lead time (Palm 1938).
///
/// # Panics
/// When `mean_on_order` is not positive and finite.
pub fn base_stock_cost(base_stock_level: Units, mean_on_order: f64, holding_cost: f64, backorder_cost: f64) -> f64 {
    let law = Poisson::new(mean_on_order).expect("a positive mean");
    let most = (mean_on_order + 12.0 * mean_on_order.sqrt() + 40.0) as u64;
    (0..=most)
        .map(|on_order| {
            let net_inventory = (base_stock_level - on_order as Units) as f64;
            law.pmf(on_order) * (holding_cost * net_inventory.max(0.0) + backorder_cost * (-net_inventory).max(0.0))
        })
        .sum()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::environments::check_environment;

    pub(crate) const LAWS: [LeadTimeLaw; 3] = [
        LeadTimeLaw::Exponential { rate: 0.5 },
        LeadTimeLaw::Uniform { low: 0.0, high: 4.0 },
        LeadTimeLaw::Pareto { scale: 0.25, shape: 3.0 },
    ];

    pub(crate) fn problem(lead_time: LeadTimeLaw) -> RandomLeadTimes {
        RandomLeadTimes::new(RandomLeadTimesParameters {
            demand_rate: 3.0,
            lead_time,
            holding_cost: 1.1,
            backorder_cost: 4.3,
            max_order: 6,
            max_on_order: 40,
        })
    }

    #[test]
    fn is_an_environment() {
        for law in LAWS {
            assert_eq!(law.mean(), 2.0);
            check_environment(&problem(law), 4, 20_000).unwrap();
        }
    }

    #[test]
    fn quantiles_undo_survival() {
        for law in LAWS {
            for time in [0.1, 1.0, 3.9] {
                assert!((law.quantile(law.survival(time)) - time).abs() < 1e-12, "{law:?} at {time}");
            }
            let (age, uniform) = (1.5, 0.3);
            let later = age + law.remaining(age, uniform);
            assert!((law.survival(later) / law.survival(age) - 0.7).abs() < 1e-12, "{law:?}");
        }
    }
}
