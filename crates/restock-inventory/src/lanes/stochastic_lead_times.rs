//! [`StochasticLeadTimes`] in lanes: lost sales with lead times drawn in sequence, or for each unit so that orders cross.

use std::num::Wrapping;

use super::policies::InventoryPosition;
use super::random::uniform;
use super::{LaneDemand, LaneEnvironment, LaneOutcome, LaneRng, LaneUnits, Lanes, N_LANES, NO_UNITS};
use super::{lane_units, plain_units};
use crate::discrete_demand::DiscreteDemand;
use crate::environments::stochastic_lead_times::{Crossing, DemandAndDeliveries, LEAD_TIME_MAX};
use crate::environments::{StochasticLeadTimes, StochasticLeadTimesState};

/// Largest order of one period whose deliveries are drawn from a table; of larger ones they are counted up.
const TABLE_MAX: usize = 63;

/// The lost-sales problem with random lead times in lanes.
#[derive(Clone, Debug)]
pub struct StochasticLeadTimesLanes {
    plain: StochasticLeadTimes,
    /// `[cycle_length]`: demand of each phase.
    demand: Vec<LaneDemand>,
    deliveries: Deliveries,
}

/// How deliveries are drawn.
#[derive(Clone, Debug)]
enum Deliveries {
    /// One lead time a period for all orders.
    Sequential(LaneDemand),
    /// `[lead_time_max + 1][TABLE_MAX + 1]`: how many of so many units arrive, for each age.
    EachUnit(Vec<Vec<LaneDemand>>),
}

/// Stock at the start of a period, after what was due has arrived.
#[derive(Clone, Debug)]
pub struct StochasticLeadTimesLaneState {
    /// The phase of the demand cycle, the same in all lanes.
    pub phase: usize,
    /// Units on the shelf.
    pub on_hand: Lanes<LaneUnits>,
    /// On hand and on order, units.
    pub inventory_position: Lanes<LaneUnits>,
    /// `[LEAD_TIME_MAX, N_LANES]`: units on order that were ordered one, two, ... periods ago.
    on_order: [Lanes<LaneUnits>; LEAD_TIME_MAX],
}

/// What chance decides in each lane; as in [`DemandAndDeliveries`].
#[derive(Clone, Debug)]
pub struct DemandAndLaneDeliveries {
    /// Units wanted.
    pub demand: Lanes<LaneUnits>,
    /// Of the order just placed, units that arrive before the demand.
    pub at_once: Lanes<LaneUnits>,
    /// `[LEAD_TIME_MAX, N_LANES]`: units that arrive at the end of the period, by the age of their order.
    pub deliveries: [Lanes<LaneUnits>; LEAD_TIME_MAX],
}

impl StochasticLeadTimesLanes {
    /// The twin of a problem.
    ///
    /// # Panics
    /// When demand is too large for lanes.
    pub fn new(plain: StochasticLeadTimes) -> Self {
        let demand = plain.demand().iter().map(LaneDemand::new).collect();
        let deliveries = match plain.crossing() {
            Crossing::Sequential => {
                Deliveries::Sequential(LaneDemand::new(&DiscreteDemand::new(plain.lead_time().to_vec())))
            }
            Crossing::EachUnit => {
                let of_age = |hazard: &f64| (0..=TABLE_MAX).map(|units| binomial(units, *hazard)).collect();
                Deliveries::EachUnit(plain.hazard().iter().map(of_age).collect())
            }
        };
        Self { plain, demand, deliveries }
    }

    fn longest(&self) -> usize {
        self.plain.lead_time().len() - 1
    }
}

/// The law of how many of `units` arrive, each with probability `hazard`.
fn binomial(units: usize, hazard: f64) -> LaneDemand {
    if hazard >= 1.0 {
        return LaneDemand::new(&DiscreteDemand::constant(units));
    }
    let odds = hazard / (1.0 - hazard);
    let mut probability = (1.0 - hazard).powi(units as i32);
    let mut probabilities = Vec::with_capacity(units + 1);
    for arriving in 0..=units {
        probabilities.push(probability);
        probability *= odds * (units - arriving) as f64 / (arriving + 1) as f64;
    }
    LaneDemand::new(&DiscreteDemand::new(probabilities))
}

/// How many of `units` arrive, for 32 random bits.
#[inline(always)]
fn arriving(tables: &[LaneDemand], hazard: f64, units: LaneUnits, random: u32) -> LaneUnits {
    match tables.get(units.0 as usize) {
        Some(table) => table.draw(random),
        None => lane_units(StochasticLeadTimes::arriving(plain_units(units), hazard, uniform(random))),
    }
}

impl LaneEnvironment for StochasticLeadTimesLanes {
    type Plain = StochasticLeadTimes;
    type State = StochasticLeadTimesLaneState;
    type Action = Lanes<LaneUnits>;
    type Chance = DemandAndLaneDeliveries;

    fn plain(&self) -> &StochasticLeadTimes {
        &self.plain
    }

    fn reset(&self) -> StochasticLeadTimesLaneState {
        StochasticLeadTimesLaneState {
            phase: 0,
            on_hand: NO_UNITS,
            inventory_position: NO_UNITS,
            on_order: [NO_UNITS; LEAD_TIME_MAX],
        }
    }

    fn no_action(&self) -> Lanes<LaneUnits> {
        NO_UNITS
    }

    #[inline(always)]
    fn sample_chance(
        &self,
        state: &StochasticLeadTimesLaneState,
        order_quantity: &Lanes<LaneUnits>,
        rng: &mut LaneRng,
    ) -> DemandAndLaneDeliveries {
        let longest = self.longest();
        let mut chance = self.no_chance();
        chance.demand = self.demand[state.phase].sample(rng);
        match &self.deliveries {
            Deliveries::Sequential(lead_time) => {
                let drawn = lead_time.sample(rng);
                for lane in 0..N_LANES {
                    let at_once = if drawn[lane] == Wrapping(0) { order_quantity[lane] } else { Wrapping(0) };
                    chance.at_once[lane] = at_once;
                    // The rest of the order just placed has a lead time of at least one period.
                    let arrives = longest > 0 && drawn[lane] <= Wrapping(1);
                    chance.deliveries[0][lane] = if arrives { order_quantity[lane] - at_once } else { Wrapping(0) };
                }
                for age in 1..longest {
                    for lane in 0..N_LANES {
                        let arrives = drawn[lane] <= Wrapping(age as i32 + 1);
                        chance.deliveries[age][lane] =
                            if arrives { state.on_order[age - 1][lane] } else { Wrapping(0) };
                    }
                }
            }
            Deliveries::EachUnit(tables) => {
                for (periods, tables) in tables.iter().enumerate() {
                    let (random, hazard) = (rng.next_u32(), self.plain.hazard()[periods]);
                    for lane in 0..N_LANES {
                        let arrived = |units| arriving(tables, hazard, units, random[lane]);
                        match periods {
                            0 => chance.at_once[lane] = arrived(order_quantity[lane]),
                            1 => chance.deliveries[0][lane] = arrived(order_quantity[lane] - chance.at_once[lane]),
                            _ => chance.deliveries[periods - 1][lane] = arrived(state.on_order[periods - 2][lane]),
                        }
                    }
                }
            }
        }
        chance
    }

    /// The sequence of events of [`StochasticLeadTimes`].
    #[inline(always)]
    fn step(
        &self,
        state: &mut StochasticLeadTimesLaneState,
        order_quantity: &Lanes<LaneUnits>,
        chance: &DemandAndLaneDeliveries,
    ) -> LaneOutcome {
        let (holding_cost, stockout_cost) = self.plain.unit_costs();
        let mut outcome = LaneOutcome::NOTHING;
        let mut older = NO_UNITS;
        for lane in 0..N_LANES {
            let available = state.on_hand[lane] + chance.at_once[lane];
            let sold = chance.demand[lane].min(available);
            let lost = chance.demand[lane] - sold;
            let left = available - sold;
            outcome.cost[lane] = holding_cost * f64::from(left.0) + stockout_cost * f64::from(lost.0);
            state.on_hand[lane] = left;
            state.inventory_position[lane] += order_quantity[lane] - sold;
            older[lane] = order_quantity[lane] - chance.at_once[lane];
            outcome.sold[lane] = sold;
            outcome.lost[lane] = lost;
        }
        for age in 0..self.longest() {
            let (on_order, delivered) = (&mut state.on_order[age], &chance.deliveries[age]);
            for lane in 0..N_LANES {
                state.on_hand[lane] += delivered[lane];
                let left = older[lane] - delivered[lane];
                older[lane] = std::mem::replace(&mut on_order[lane], left);
            }
        }
        state.phase = if state.phase + 1 == self.demand.len() { 0 } else { state.phase + 1 };
        outcome
    }

    fn lane(&self, state: &StochasticLeadTimesLaneState, lane: usize) -> StochasticLeadTimesState {
        StochasticLeadTimesState {
            phase: state.phase,
            on_hand: plain_units(state.on_hand[lane]),
            on_order: std::array::from_fn(|age| plain_units(state.on_order[age][lane])),
        }
    }

    action_is_units!();

    fn no_chance(&self) -> DemandAndLaneDeliveries {
        DemandAndLaneDeliveries { demand: NO_UNITS, at_once: NO_UNITS, deliveries: [NO_UNITS; LEAD_TIME_MAX] }
    }

    fn set_chance(&self, chance: &mut DemandAndLaneDeliveries, lane: usize, plain: &DemandAndDeliveries) {
        chance.demand[lane] = lane_units(plain.demand);
        chance.at_once[lane] = lane_units(plain.at_once);
        for (deliveries, delivered) in chance.deliveries.iter_mut().zip(plain.deliveries) {
            deliveries[lane] = lane_units(delivered);
        }
    }

    fn chance(&self, chance: &DemandAndLaneDeliveries, lane: usize) -> DemandAndDeliveries {
        DemandAndDeliveries {
            demand: plain_units(chance.demand[lane]),
            at_once: plain_units(chance.at_once[lane]),
            deliveries: std::array::from_fn(|age| plain_units(chance.deliveries[age][lane])),
        }
    }
}

impl InventoryPosition for StochasticLeadTimesLanes {
    #[inline(always)]
    fn inventory_position<'a>(&self, state: &'a StochasticLeadTimesLaneState) -> &'a Lanes<LaneUnits> {
        &state.inventory_position
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environments::lost_sales::LostSalesCosts;
    use crate::heuristics::CappedBaseStock;
    use crate::lanes::{SimulationPlan, check_lanes, simulate};

    fn problem(lead_time: &[f64], crossing: Crossing, max_position: i64) -> StochasticLeadTimes {
        let demand = vec![DiscreteDemand::poisson(3.0, 30), DiscreteDemand::geometric(2.0, 60)];
        StochasticLeadTimes::new(1.1, 9.3, demand, lead_time.to_vec(), crossing, max_position)
    }

    #[test]
    fn equals_the_plain_environment() {
        for lead_time in [&[1.0][..], &[0.0, 1.0], &[0.3, 0.2, 0.5], &[0.0, 0.0, 0.5, 0.0, 0.5], &[0.1, 0.9, 0.0]] {
            for crossing in [Crossing::Sequential, Crossing::EachUnit] {
                // With 300 units at most, orders beyond the tables come as well.
                for max_position in [30, 300] {
                    let twin = StochasticLeadTimesLanes::new(problem(lead_time, crossing, max_position));
                    check_lanes(&twin, 6, 300).unwrap();
                }
            }
        }
    }

    /// Units arrive by the law of the lead time, from tables and beyond them: the mean number of periods on order is the
    /// mean lead time by Little's law.
    #[test]
    fn units_are_on_order_for_the_mean_lead_time() {
        let law = [0.1, 0.0, 0.4, 0.3, 0.2];
        for order in [3, 63, 64, 200] {
            let twin = StochasticLeadTimesLanes::new(problem(&law, Crossing::EachUnit, 1_000));
            let mut rng = LaneRng::new(9, 0);
            let mut state = twin.reset();
            let orders = [Wrapping(order); N_LANES];
            let (mut on_order, n_periods) = (0_i64, 4_000);
            for period in 0..n_periods + 5 {
                let chance = twin.sample_chance(&state, &orders, &mut rng);
                twin.step(&mut state, &orders, &chance);
                if period >= 5 {
                    let of_lane = |lane: usize| twin.lane(&state, lane).on_order.iter().sum::<i64>();
                    on_order += (0..N_LANES).map(of_lane).sum::<i64>();
                }
            }
            let periods_on_order = on_order as f64 / (f64::from(order) * f64::from(n_periods) * N_LANES as f64);
            // What arrives at the end of a period after its order was placed is not seen on order after that period.
            let expected: f64 = law.iter().enumerate().map(|(periods, p)| p * (periods as f64 - 1.0).max(0.0)).sum();
            // Lead times have a standard deviation of about one period; at least 384,000 units are seen.
            assert!((periods_on_order - expected).abs() < 0.01, "{order}: {periods_on_order}, expected {expected}");
        }
    }

    /// Without chance in the lead time both kinds are the lost-sales problem, whose cost is known exactly.
    #[test]
    fn fixed_lead_times_cost_what_lost_sales_cost() {
        let costs = LostSalesCosts { holding_cost: 1.1, stockout_cost: 9.3, order_cost: 0.0 };
        let policy = CappedBaseStock { base_stock_level: 13, max_order: 5 };
        let plan = SimulationPlan { n_lanes: 256, n_warm_up: 50, n_periods: 2_000, seed: 3 };
        for (lead_time, law) in [(0, &[1.0][..]), (1, &[0.0, 1.0]), (2, &[0.0, 0.0, 1.0])] {
            for crossing in [Crossing::Sequential, Crossing::EachUnit] {
                let problem = problem(law, crossing, 30);
                let exact = policy.average_cost(lead_time, costs, problem.demand(), 1e-6);
                let simulated = simulate(&StochasticLeadTimesLanes::new(problem), &policy, &plan);
                let (mean, error) = (simulated.mean(), simulated.standard_error());
                assert!((mean - exact).abs() < 4.0 * error, "L = {lead_time}: {mean} ± {error}, exact {exact}");
            }
        }
    }
}
