//! [`LostSales`] in lanes: any lead time it supports, stationary or cyclic demand, with or without order cost.

use std::num::Wrapping;

use super::network::Features;
use super::plain_units;
use super::{LaneDemand, LaneEnvironment, LaneOutcome, LaneRng, LaneUnits, Lanes, N_LANES, NO_UNITS};
use crate::environments::lost_sales::LEAD_TIME_MAX;
use crate::environments::{LostSales, LostSalesState};

/// The lost-sales problem in lanes.
#[derive(Clone, Debug)]
pub struct LostSalesLanes {
    plain: LostSales,
    /// `[cycle_length]`: demand of each phase.
    demand: Vec<LaneDemand>,
}

/// Stock at the start of a period, after what was due has arrived.
#[derive(Clone, Debug)]
pub struct LostSalesLaneState {
    /// The phase of the demand cycle, the same in all lanes.
    pub phase: usize,
    /// Units on the shelf.
    pub on_hand: Lanes<LaneUnits>,
    /// On hand and on order, units.
    pub inventory_position: Lanes<LaneUnits>,
    /// `[LEAD_TIME_MAX, N_LANES]`: the pipeline as a ring of `lead_time - 1` periods, so that nothing moves in memory.
    pipeline: [Lanes<LaneUnits>; LEAD_TIME_MAX],
    /// The place in the ring that arrives next.
    first: usize,
}

impl LostSalesLanes {
    /// The twin of a problem.
    ///
    /// # Panics
    /// When demand is too large for lanes.
    pub fn new(plain: LostSales) -> Self {
        let demand = plain.demand().iter().map(LaneDemand::new).collect();
        Self { plain, demand }
    }

    fn n_pipeline(&self) -> usize {
        self.plain.lead_time().saturating_sub(1)
    }

    /// What arrives `periods` after the next receipt, units.
    #[inline(always)]
    fn on_order<'a>(&self, state: &'a LostSalesLaneState, periods: usize) -> &'a Lanes<LaneUnits> {
        let place = state.first + periods;
        let place = if place >= self.n_pipeline() { place - self.n_pipeline() } else { place };
        &state.pipeline[place % LEAD_TIME_MAX]
    }
}

impl LaneEnvironment for LostSalesLanes {
    type Plain = LostSales;
    type State = LostSalesLaneState;
    type Action = Lanes<LaneUnits>;
    type Chance = Lanes<LaneUnits>;

    fn plain(&self) -> &LostSales {
        &self.plain
    }

    fn reset(&self) -> LostSalesLaneState {
        LostSalesLaneState {
            phase: 0,
            on_hand: NO_UNITS,
            inventory_position: NO_UNITS,
            pipeline: [NO_UNITS; LEAD_TIME_MAX],
            first: 0,
        }
    }

    fn no_action(&self) -> Lanes<LaneUnits> {
        NO_UNITS
    }

    #[inline(always)]
    fn sample_chance(&self, state: &LostSalesLaneState, _: &Lanes<LaneUnits>, rng: &mut LaneRng) -> Lanes<LaneUnits> {
        self.demand[state.phase].sample(rng)
    }

    /// The sequence of events of [`LostSales`].
    #[inline(always)]
    fn step(
        &self,
        state: &mut LostSalesLaneState,
        order_quantity: &Lanes<LaneUnits>,
        demand: &Lanes<LaneUnits>,
    ) -> LaneOutcome {
        let costs = self.plain.costs();
        let lead_time = self.plain.lead_time();
        let mut outcome = LaneOutcome::NOTHING;
        if lead_time == 0 {
            for lane in 0..N_LANES {
                state.on_hand[lane] += order_quantity[lane];
            }
        }
        let received = match lead_time {
            0 => NO_UNITS,
            1 => *order_quantity,
            _ => std::mem::replace(&mut state.pipeline[state.first % LEAD_TIME_MAX], *order_quantity),
        };
        for lane in 0..N_LANES {
            let sold = demand[lane].min(state.on_hand[lane]);
            let lost = demand[lane] - sold;
            let on_hand = state.on_hand[lane] - sold;
            let order_cost = if order_quantity[lane] > Wrapping(0) { costs.order_cost } else { 0.0 };
            outcome.cost[lane] =
                costs.holding_cost * f64::from(on_hand.0) + costs.stockout_cost * f64::from(lost.0) + order_cost;
            state.on_hand[lane] = on_hand + received[lane];
            state.inventory_position[lane] += order_quantity[lane] - sold;
            outcome.sold[lane] = sold;
            outcome.lost[lane] = lost;
        }
        state.first = if state.first + 1 >= self.n_pipeline() { 0 } else { state.first + 1 };
        state.phase = if state.phase + 1 == self.demand.len() { 0 } else { state.phase + 1 };
        outcome
    }

    fn lane(&self, state: &LostSalesLaneState, lane: usize) -> LostSalesState {
        let mut pipeline = [0; LEAD_TIME_MAX];
        for (periods, quantity) in pipeline[..self.n_pipeline()].iter_mut().enumerate() {
            *quantity = plain_units(self.on_order(state, periods)[lane]);
        }
        LostSalesState { phase: state.phase, on_hand: plain_units(state.on_hand[lane]), pipeline }
    }

    action_is_units!();

    chance_is_units!();
}

/// On hand, then what arrives in one, two, ... periods.
impl<const N_FEATURES: usize> Features<N_FEATURES> for LostSalesLanes {
    #[inline(always)]
    fn features(&self, state: &LostSalesLaneState, features: &mut [Lanes<f32>; N_FEATURES]) {
        assert!(N_FEATURES == self.n_pipeline() + 1, "{N_FEATURES} features, a state has {}", self.n_pipeline() + 1);
        for (feature_idx, feature) in features.iter_mut().enumerate() {
            let units = if feature_idx == 0 { &state.on_hand } else { self.on_order(state, feature_idx - 1) };
            for lane in 0..N_LANES {
                feature[lane] = units[lane].0 as f32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discrete_demand::DiscreteDemand;
    use crate::environments::lost_sales::LostSalesCosts;
    use crate::lanes::check_lanes;

    #[test]
    fn equals_the_plain_environment() {
        let costs = LostSalesCosts { holding_cost: 1.1, stockout_cost: 4.3, order_cost: 0.7 };
        for lead_time in [0, 1, 2, 3, 4, 7, 16] {
            let laws = vec![DiscreteDemand::poisson(3.0, 40), DiscreteDemand::geometric(2.0, 60)];
            let twin = LostSalesLanes::new(LostSales::with_caps(lead_time, costs, laws, 9, 60));
            check_lanes(&twin, 3, 200).unwrap();
        }
    }
}
