//! One item with a shelf life and a lead time; customers take the oldest or the newest stock, and unmet demand is lost.
//!
//! The problem of Nahmias (1975) and Fries (1975) as in the test beds of Haijema & Minner (2019), *International Journal
//! of Production Economics* 208 (FIFO and LIFO customers), De Moor, Gijsbrechts & Boute (2022), *European Journal of
//! Operational Research* 301(2), and Hendrix et al. (2019) (a profit).

use rand::{Rng, RngExt};

use restock_core::Units;
use restock_core::environment::{Environment, FiniteEnvironment, PeriodOutcome};

use super::bounded_vectors::BoundedVectors;
use crate::discrete_demand::DiscreteDemand;

/// Longest shelf life, periods.
pub const SHELF_LIFE_MAX: usize = 8;

/// Longest lead time, periods.
pub const LEAD_TIME_MAX: usize = 8;

/// What a period costs and earns.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PerishableCosts {
    /// Cost of a unit ordered (c).
    pub unit_cost: f64,
    /// What a unit sold earns.
    pub price: f64,
    /// Holding cost per unit at the end of a period (h), see [`HoldingCharge`].
    pub holding_cost: f64,
    /// Cost of a lost unit (p).
    pub stockout_cost: f64,
    /// Cost of a unit that expires (w).
    pub waste_cost: f64,
}

/// Whether units that expire at the end of a period pay its holding cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldingCharge {
    /// They do: holding cost is charged before they are thrown away.
    BeforeExpiry,
    /// They do not.
    AfterExpiry,
}

/// Demand of a period by what customers take, units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct IssuedDemand {
    /// Of customers who take, or are given, the oldest units.
    pub fifo: Units,
    /// Of customers who take the newest.
    pub lifo: Units,
}

/// The joint law of both demands.
#[derive(Clone, Debug, PartialEq)]
pub struct IssuingLaw {
    /// In the order of total demand.
    joint: Vec<(IssuedDemand, f64)>,
}

impl IssuingLaw {
    /// Every customer is given the oldest unit.
    pub fn fifo(demand: &DiscreteDemand) -> Self {
        Self::independent(demand, &DiscreteDemand::constant(0))
    }

    /// Every customer takes the newest unit.
    pub fn lifo(demand: &DiscreteDemand) -> Self {
        Self::independent(&DiscreteDemand::constant(0), demand)
    }

    /// Two independent streams of customers.
    pub fn independent(fifo: &DiscreteDemand, lifo: &DiscreteDemand) -> Self {
        let mut joint = Vec::new();
        for (fifo, fifo_probability) in fifo.probabilities().iter().enumerate() {
            for (lifo, lifo_probability) in lifo.probabilities().iter().enumerate() {
                let demand = IssuedDemand { fifo: fifo as Units, lifo: lifo as Units };
                joint.push((demand, fifo_probability * lifo_probability));
            }
        }
        Self::new(joint)
    }

    /// One stream of customers, each of whom is given the oldest unit with probability `fifo_share` and else takes the
    /// newest.
    ///
    /// # Panics
    /// When `fifo_share` is not in `[0, 1]`.
    pub fn drawn(demand: &DiscreteDemand, fifo_share: f64) -> Self {
        assert!((0.0..=1.0).contains(&fifo_share), "FIFO share {fifo_share} is not in [0, 1]");
        let mut joint = Vec::new();
        // Binomial probabilities of the FIFO customers among `total`, by Pascal's rule.
        let mut binomial = vec![1.0];
        for (total, probability) in demand.probabilities().iter().enumerate() {
            for (fifo, share) in binomial.iter().enumerate() {
                let demand = IssuedDemand { fifo: fifo as Units, lifo: (total - fifo) as Units };
                joint.push((demand, probability * share));
            }
            let mut next = vec![0.0; total + 2];
            for (fifo, share) in binomial.iter().enumerate() {
                next[fifo] += share * (1.0 - fifo_share);
                next[fifo + 1] += share * fifo_share;
            }
            binomial = next;
        }
        Self::new(joint)
    }

    /// Demands that can happen with their probabilities, in the order of total demand.
    pub fn joint(&self) -> &[(IssuedDemand, f64)] {
        &self.joint
    }

    fn new(mut joint: Vec<(IssuedDemand, f64)>) -> Self {
        joint.retain(|(_, probability)| *probability > 0.0);
        joint.sort_by_key(|(demand, _)| (demand.fifo + demand.lifo, demand.fifo));
        Self { joint }
    }

    fn sample(&self, rng: &mut dyn Rng) -> IssuedDemand {
        let uniform: f64 = rng.random();
        let mut below = 0.0;
        for (demand, probability) in &self.joint {
            below += probability;
            if uniform < below {
                return *demand;
            }
        }
        self.joint.last().expect("a law").0
    }

    /// The law with all demand of `available` and more carried by two demands that keep its probability and mean: more
    /// demand than that empties the shelf and costs in proportion.
    fn up_to(&self, available: Units, chances: &mut Vec<(IssuedDemand, f64)>) {
        chances.clear();
        let first_above = self.joint.partition_point(|(demand, _)| demand.fifo + demand.lifo < available);
        chances.extend_from_slice(&self.joint[..first_above]);
        let above = &self.joint[first_above..];
        let probability: f64 = above.iter().map(|(_, p)| p).sum();
        let Some((most, _)) = above.last() else { return };
        let most = most.fifo + most.lifo;
        let excess: f64 = above.iter().map(|(d, p)| (d.fifo + d.lifo - available) as f64 * p).sum();
        let at_most = if most == available { 0.0 } else { excess / (most - available) as f64 };
        let at_least = probability - at_most;
        if at_least > 0.0 {
            chances.push((IssuedDemand { fifo: available, lifo: 0 }, at_least));
        }
        if at_most > 0.0 {
            chances.push((IssuedDemand { fifo: most, lifo: 0 }, at_most));
        }
    }
}

/// The perishable problem.
#[derive(Clone, Debug)]
pub struct Perishable {
    costs: PerishableCosts,
    shelf_life: usize,
    lead_time: usize,
    demand: IssuingLaw,
    holding_charge: HoldingCharge,
    max_order: Units,
    max_position: Units,
    numbers: BoundedVectors,
}

/// Stock at the start of a period, after what was due has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PerishableState {
    /// `[shelf_life]`: units that can still be sold in one, two, ... periods; the rest is 0.
    pub on_hand: [Units; SHELF_LIFE_MAX],
    /// `[lead_time - 1]`: what arrives in one, two, ... periods, units; the rest is 0.
    pub pipeline: [Units; LEAD_TIME_MAX],
}

impl PerishableState {
    /// Units on the shelf, of any age.
    pub fn total_on_hand(&self) -> Units {
        self.on_hand.iter().sum()
    }

    /// On hand and on order, units.
    pub fn inventory_position(&self) -> Units {
        self.total_on_hand() + self.pipeline.iter().sum::<Units>()
    }
}

impl Perishable {
    /// A problem whose orders arrive `lead_time` periods after they are placed, in time for the demand of that period,
    /// and can be sold in `shelf_life` periods. An order is at most `max_order` units and may not lift the inventory
    /// position above `max_position`.
    ///
    /// # Panics
    /// When a cost is negative, shelf life or lead time is out of range, or a cap is below 1.
    pub fn new(
        shelf_life: usize,
        lead_time: usize,
        costs: PerishableCosts,
        demand: IssuingLaw,
        holding_charge: HoldingCharge,
        max_order: Units,
        max_position: Units,
    ) -> Self {
        assert!(
            (1..=SHELF_LIFE_MAX).contains(&shelf_life),
            "shelf life {shelf_life}, at most {SHELF_LIFE_MAX} periods"
        );
        assert!(lead_time <= LEAD_TIME_MAX, "lead time {lead_time}, at most {LEAD_TIME_MAX} periods");
        let all = [costs.unit_cost, costs.price, costs.holding_cost, costs.stockout_cost, costs.waste_cost];
        assert!(all.iter().all(|cost| *cost >= 0.0 && cost.is_finite()), "{costs:?}");
        assert!(max_order >= 1 && max_position >= 1);
        // With a lead time of 0 nothing of full age is on the shelf before the order is placed.
        let n_entries = if lead_time == 0 { shelf_life - 1 } else { shelf_life + lead_time - 1 };
        let numbers = BoundedVectors::new(n_entries, max_order, max_position.min(max_order * n_entries as Units));
        Self { costs, shelf_life, lead_time, demand, holding_charge, max_order, max_position, numbers }
    }

    /// The cost rates.
    pub fn costs(&self) -> PerishableCosts {
        self.costs
    }

    /// The law of demand.
    pub fn demand(&self) -> &IssuingLaw {
        &self.demand
    }

    /// Whether units that expire pay the holding cost of their last period.
    pub fn holding_charge(&self) -> HoldingCharge {
        self.holding_charge
    }

    /// Periods in which a unit can be sold.
    pub fn shelf_life(&self) -> usize {
        self.shelf_life
    }

    /// Periods from order to arrival.
    pub fn lead_time(&self) -> usize {
        self.lead_time
    }

    /// The largest order in a state, units.
    pub fn max_order(&self, state: &PerishableState) -> Units {
        self.max_order.min(self.max_position - state.inventory_position()).max(0)
    }

    fn n_ages(&self) -> usize {
        if self.lead_time == 0 { self.shelf_life - 1 } else { self.shelf_life }
    }

    fn n_pipeline(&self) -> usize {
        self.lead_time.saturating_sub(1)
    }

    fn take<'a>(ages: impl Iterator<Item = &'a mut Units>, mut demand: Units) -> Units {
        let mut taken = 0;
        for units in ages {
            let sold = demand.min(*units);
            *units -= sold;
            demand -= sold;
            taken += sold;
        }
        taken
    }
}

impl Environment for Perishable {
    type State = PerishableState;
    type Action = Units;
    type Chance = IssuedDemand;

    fn id(&self) -> &'static str {
        "perishable-v1"
    }

    fn initial_state(&self) -> PerishableState {
        PerishableState { on_hand: [0; SHELF_LIFE_MAX], pipeline: [0; LEAD_TIME_MAX] }
    }

    fn sample_action(&self, state: &PerishableState, rng: &mut dyn Rng) -> Units {
        (rng.next_u64() % (self.max_order(state) as u64 + 1)) as Units
    }

    fn sample_chance(&self, _: &PerishableState, _: &Units, rng: &mut dyn Rng) -> IssuedDemand {
        self.demand.sample(rng)
    }

    /// Sequence of events in a period: 1. order, which arrives at the start of the period `lead_time` from now, at once
    /// when that is 0; 2. demand, FIFO customers take the oldest units and LIFO customers the newest, what is not on
    /// the shelf is lost; 3. what could be sold in this period for the last time expires; 4. cost of the order, of lost
    /// and of expired units, holding cost by [`HoldingCharge`], less the price of what was sold; 5. what is left grows
    /// older, and what is due at the start of the next period arrives fresh.
    fn step(&self, state: &mut PerishableState, order_quantity: &Units, demand: &IssuedDemand) -> PeriodOutcome {
        let order_quantity = *order_quantity;
        assert!(0 <= order_quantity && 0 <= demand.fifo && 0 <= demand.lifo);
        let freshest = self.shelf_life - 1;
        if self.lead_time == 0 {
            state.on_hand[freshest] += order_quantity;
        }
        let ages = &mut state.on_hand[..self.shelf_life];
        let total = demand.fifo + demand.lifo;
        let sold = Self::take(ages.iter_mut(), demand.fifo);
        let sold = sold + Self::take(ages.iter_mut().rev(), demand.lifo);
        let lost = total - sold;
        let expired = ages[0];
        let left: Units = ages.iter().sum();
        let held = match self.holding_charge {
            HoldingCharge::BeforeExpiry => left,
            HoldingCharge::AfterExpiry => left - expired,
        };
        let cost = self.costs.unit_cost * order_quantity as f64
            + self.costs.stockout_cost * lost as f64
            + self.costs.waste_cost * expired as f64
            + self.costs.holding_cost * held as f64
            - self.costs.price * sold as f64;
        ages.copy_within(1.., 0);
        ages[freshest] = 0;
        let received = match self.lead_time {
            0 => order_quantity,
            1 => order_quantity,
            _ => {
                let n_pipeline = self.lead_time - 1;
                let due = state.pipeline[0];
                state.pipeline.copy_within(1..n_pipeline, 0);
                state.pipeline[n_pipeline - 1] = order_quantity;
                due
            }
        };
        if self.lead_time > 0 {
            ages[freshest] = received;
        }
        PeriodOutcome { demand: total, sold, lost, expired, received, issued_late: 0, cost }
    }

    fn units(&self, state: &PerishableState) -> Units {
        state.inventory_position()
    }

    fn ordered(&self, _: &PerishableState, order_quantity: &Units, _: &IssuedDemand) -> Units {
        *order_quantity
    }
}

impl FiniteEnvironment for Perishable {
    fn n_states(&self) -> usize {
        self.numbers.len()
    }

    fn state_idx(&self, state: &PerishableState) -> usize {
        let pipeline = state.pipeline[..self.n_pipeline()].iter().rev();
        self.numbers.number(pipeline.chain(state.on_hand[..self.n_ages()].iter().rev()).copied())
    }

    fn state(&self, state_idx: usize) -> PerishableState {
        let mut state = self.initial_state();
        let pipeline = state.pipeline[..self.n_pipeline()].iter_mut().rev();
        self.numbers.fill(state_idx, pipeline.chain(state.on_hand[..self.n_ages()].iter_mut().rev()));
        state
    }

    fn actions(&self, state: &PerishableState, actions: &mut Vec<Units>) {
        actions.clear();
        actions.extend(0..=self.max_order(state));
    }

    fn chances(&self, state: &PerishableState, order_quantity: &Units, chances: &mut Vec<(IssuedDemand, f64)>) {
        let available = state.total_on_hand() + if self.lead_time == 0 { *order_quantity } else { 0 };
        self.demand.up_to(available, chances);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environments::{check_environment, check_finite_environment};
    use crate::exact::{Criterion, Settings, solve};

    const COSTS: PerishableCosts =
        PerishableCosts { unit_cost: 1.0, price: 2.0, holding_cost: 0.5, stockout_cost: 4.0, waste_cost: 3.0 };

    #[test]
    fn is_an_environment() {
        let demand = DiscreteDemand::poisson(2.0, 12);
        let laws = [
            IssuingLaw::fifo(&demand),
            IssuingLaw::lifo(&demand),
            IssuingLaw::independent(&demand, &DiscreteDemand::geometric(1.0, 9)),
            IssuingLaw::drawn(&demand, 0.3),
        ];
        for law in laws {
            for (shelf_life, lead_time) in [(1, 0), (1, 1), (2, 0), (3, 1), (2, 3), (4, 2)] {
                for charge in [HoldingCharge::BeforeExpiry, HoldingCharge::AfterExpiry] {
                    let problem = Perishable::new(shelf_life, lead_time, COSTS, law.clone(), charge, 4, 9);
                    check_environment(&problem, 3, 4_000).unwrap();
                    check_finite_environment(&problem, 1 + problem.n_states() / 200).unwrap();
                }
            }
        }
    }

    #[test]
    fn demands_beyond_the_stock_keep_probability_and_mean() {
        let law = IssuingLaw::drawn(&DiscreteDemand::poisson(3.0, 20), 0.4);
        let mean = |chances: &[(IssuedDemand, f64)]| -> f64 {
            chances.iter().map(|(demand, p)| (demand.fifo + demand.lifo) as f64 * p).sum()
        };
        for available in 0..=25 {
            let mut chances = Vec::new();
            law.up_to(available, &mut chances);
            assert!((chances.iter().map(|chance| chance.1).sum::<f64>() - 1.0).abs() < 1e-12);
            assert!((mean(&chances) - mean(&law.joint)).abs() < 1e-12, "available {available}");
        }
    }

    /// Two old and three new units, a FIFO and two LIFO customers: one old and one new unit are left; the old one
    /// expires.
    #[test]
    fn customers_take_from_both_ends() {
        let law = IssuingLaw::fifo(&DiscreteDemand::constant(1));
        let problem = Perishable::new(2, 1, COSTS, law, HoldingCharge::AfterExpiry, 9, 9);
        let mut state = problem.initial_state();
        state.on_hand[..2].copy_from_slice(&[2, 3]);
        let outcome = problem.step(&mut state, &4, &IssuedDemand { fifo: 1, lifo: 2 });
        assert_eq!((outcome.sold, outcome.lost, outcome.expired, outcome.received), (3, 0, 1, 4));
        assert_eq!(state.on_hand[..2], [1, 4]);
        // 4 ordered at 1, 1 expired at 3, 1 held at 0.5, less 3 sold at 2.
        assert_eq!(outcome.cost, 4.0 + 3.0 + 0.5 - 6.0);
    }

    /// What can be sold in one period only, and arrives at once, is the newsvendor's problem.
    #[test]
    fn a_shelf_life_of_one_period_is_the_newsvendor() {
        let costs = PerishableCosts { stockout_cost: 7.0, waste_cost: 3.0, ..PerishableCosts::default() };
        let demand = DiscreteDemand::poisson(4.0, 30);
        let cost = |quantity: usize| {
            let shortage = demand.expected_shortage(quantity);
            3.0 * (quantity as f64 - demand.mean() + shortage) + 7.0 * shortage
        };
        let newsvendor = (0..=20).map(cost).fold(f64::INFINITY, f64::min);
        for law in [IssuingLaw::fifo(&demand), IssuingLaw::lifo(&demand), IssuingLaw::drawn(&demand, 0.5)] {
            let problem = Perishable::new(1, 0, costs, law, HoldingCharge::AfterExpiry, 20, 20);
            let optimum = solve(&problem, Criterion::Average, &Settings::default()).average_cost.unwrap();
            assert!((optimum - newsvendor).abs() < 1e-6, "{optimum}, the newsvendor's cost is {newsvendor}");
        }
    }

    /// A customer who takes the newest unit leaves older ones to expire: the more do so, the dearer it is.
    #[test]
    fn lifo_costs_more_than_fifo() {
        let costs = PerishableCosts { stockout_cost: 10.0, waste_cost: 10.0, ..PerishableCosts::default() };
        let demand = DiscreteDemand::poisson(2.0, 12);
        let optimum = |fifo_share| {
            let law = IssuingLaw::drawn(&demand, fifo_share);
            let problem = Perishable::new(2, 1, costs, law, HoldingCharge::AfterExpiry, 6, 12);
            solve(&problem, Criterion::Average, &Settings::default()).average_cost.unwrap()
        };
        let optima = [1.0, 0.5, 0.0].map(optimum);
        assert!(optima.is_sorted(), "{optima:?}");
    }
}
