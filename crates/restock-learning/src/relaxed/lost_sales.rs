//! [`LostSales`] relaxed: any lead time it supports, stationary or cyclic demand; without its order cost, which has no
//! slope.

use restock_core::Units;
use restock_core::environment::Environment;
use restock_inventory::environments::lost_sales::LostSalesCosts;
use restock_inventory::environments::{LostSales, LostSalesState};
use restock_inventory::lanes::random::uniform;
use restock_inventory::lanes::{LaneDemand, LaneRng, N_LANES};

use super::{Relaxed, Rows, in_scales, in_scales_adjoint};
use crate::network::Row;

/// The lost-sales problem with continuous quantities.
///
/// Rows of the state: on hand, what arrives in one, two, ... periods, and the phase of the cycle where it is longer
/// than one period. Features: units over the scale less 1, and a 1 in the row of the phase.
#[derive(Clone, Debug)]
pub struct RelaxedLostSales {
    plain: LostSales,
    /// `[cycle_length]`: demand of each phase.
    demand: Vec<LaneDemand>,
    scale: f32,
}

impl RelaxedLostSales {
    /// The relaxation of a problem.
    ///
    /// # Panics
    /// When demand is too large for lanes or mostly 0, or orders have a cost.
    pub fn new(plain: LostSales) -> Self {
        assert!(plain.costs().order_cost == 0.0, "an order cost has no slope");
        let demand = plain.demand().iter().map(LaneDemand::new).collect();
        let total: f64 = plain.demand().iter().map(|law| law.mean()).sum();
        let scale = (total / plain.demand().len() as f64) as f32;
        assert!(scale > 0.0, "there is no demand");
        Self { plain, demand, scale }
    }

    fn n_pipeline(&self) -> usize {
        self.plain.lead_time().saturating_sub(1)
    }

    /// Rows of units in a state.
    fn n_units(&self) -> usize {
        1 + self.n_pipeline()
    }

    fn is_cyclic(&self) -> bool {
        self.demand.len() > 1
    }

    /// Units on the shelf when demand comes.
    #[inline(always)]
    fn available(&self, state: &[Row], action: &[Row]) -> Row {
        let mut available = state[0];
        if self.plain.lead_time() == 0 {
            for lane in 0..N_LANES {
                available.0[lane] += action[0].0[lane];
            }
        }
        available
    }
}

impl Relaxed for RelaxedLostSales {
    type Plain = LostSales;

    fn plain(&self) -> &LostSales {
        &self.plain
    }

    fn rows(&self) -> Rows {
        let phases = if self.is_cyclic() { self.demand.len() } else { 0 };
        Rows {
            state: self.n_units() + usize::from(self.is_cyclic()),
            features: self.n_units() + phases,
            action: 1,
            chance: 1,
        }
    }

    fn scale(&self) -> f32 {
        self.scale
    }

    fn cost_scale(&self) -> f32 {
        self.plain.costs().holding_cost as f32 * self.scale
    }

    /// All units uniform up to twice the scale, all phases as likely.
    fn sample_state(&self, rng: &mut LaneRng, state: &mut [Row]) {
        for row in &mut state[..self.n_units()] {
            let random = rng.next_u32();
            row.0 = random.map(|random| 2.0 * self.scale * uniform(random) as f32);
        }
        if self.is_cyclic() {
            let n_phases = self.demand.len() as f64;
            state[self.n_units()].0 = rng.next_u32().map(|random| (n_phases * uniform(random)).floor() as f32);
        }
    }

    fn sample_chance(&self, state: &[Row], rng: &mut LaneRng, chance: &mut [Row]) {
        let random = rng.next_u32();
        for lane in 0..N_LANES {
            let phase = if self.is_cyclic() { state[self.n_units()].0[lane] as usize } else { 0 };
            chance[0].0[lane] = self.demand[phase].draw(random[lane]).0 as f32;
        }
    }

    #[inline(always)]
    fn features(&self, state: &[Row], features: &mut [Row]) {
        in_scales(self.scale, state, &mut features[..self.n_units()]);
        for (phase, feature) in features[self.n_units()..].iter_mut().enumerate() {
            for lane in 0..N_LANES {
                feature.0[lane] = f32::from(u8::from(state[self.n_units()].0[lane] == phase as f32));
            }
        }
    }

    #[inline(always)]
    fn features_adjoint(&self, _: &[Row], feature_slopes: &[Row], state_slopes: &mut [Row]) {
        in_scales_adjoint(self.scale, feature_slopes, &mut state_slopes[..self.n_units()]);
    }

    /// The sequence of events of [`LostSales`].
    #[inline(always)]
    fn step(&self, state: &[Row], action: &[Row], chance: &[Row], next: &mut [Row], cost: &mut Row) {
        let LostSalesCosts { holding_cost, stockout_cost, .. } = self.plain.costs();
        let (holding_cost, stockout_cost) = (holding_cost as f32, stockout_cost as f32);
        let (available, demand) = (self.available(state, action), chance[0]);
        let received = match self.plain.lead_time() {
            0 => Row::ZERO,
            1 => action[0],
            _ => state[1],
        };
        for lane in 0..N_LANES {
            let left = (available.0[lane] - demand.0[lane]).max(0.0);
            let lost = (demand.0[lane] - available.0[lane]).max(0.0);
            cost.0[lane] = holding_cost * left + stockout_cost * lost;
            next[0].0[lane] = left + received.0[lane];
        }
        if self.n_pipeline() > 0 {
            next[1..self.n_pipeline()].copy_from_slice(&state[2..=self.n_pipeline()]);
            next[self.n_pipeline()] = action[0];
        }
        if self.is_cyclic() {
            let n_phases = self.demand.len() as f32;
            for lane in 0..N_LANES {
                let phase = state[self.n_units()].0[lane] + 1.0;
                next[self.n_units()].0[lane] = if phase == n_phases { 0.0 } else { phase };
            }
        }
    }

    #[inline(always)]
    fn step_adjoint(
        &self,
        state: &[Row],
        action: &[Row],
        chance: &[Row],
        next_slopes: &[Row],
        cost_slope: f32,
        state_slopes: &mut [Row],
        action_slopes: &mut [Row],
    ) {
        let LostSalesCosts { holding_cost, stockout_cost, .. } = self.plain.costs();
        let (of_left, of_lost) = (cost_slope * holding_cost as f32, cost_slope * stockout_cost as f32);
        let (available, demand) = (self.available(state, action), chance[0]);
        for lane in 0..N_LANES {
            let is_left = available.0[lane] > demand.0[lane];
            state_slopes[0].0[lane] = if is_left { of_left + next_slopes[0].0[lane] } else { -of_lost };
        }
        match self.plain.lead_time() {
            0 => action_slopes[0] = state_slopes[0],
            1 => action_slopes[0] = next_slopes[0],
            _ => {
                state_slopes[1] = next_slopes[0];
                state_slopes[2..=self.n_pipeline()].copy_from_slice(&next_slopes[1..self.n_pipeline()]);
                action_slopes[0] = next_slopes[self.n_pipeline()];
            }
        }
        if self.is_cyclic() {
            // The phase goes on whatever is done; a slope by it has no use but is that of the step.
            state_slopes[self.n_units()] = next_slopes[self.n_units()];
        }
    }

    fn set_state(&self, rows: &mut [Row], lane: usize, plain: &LostSalesState) {
        rows[0].0[lane] = plain.on_hand as f32;
        for (row, quantity) in rows[1..self.n_units()].iter_mut().zip(&plain.pipeline) {
            row.0[lane] = *quantity as f32;
        }
        if self.is_cyclic() {
            rows[self.n_units()].0[lane] = plain.phase as f32;
        }
    }

    fn state(&self, rows: &[Row], lane: usize) -> LostSalesState {
        let mut state = self.plain.initial_state();
        state.on_hand = rows[0].0[lane] as Units;
        for (quantity, row) in state.pipeline.iter_mut().zip(&rows[1..self.n_units()]) {
            *quantity = row.0[lane] as Units;
        }
        state.phase = if self.is_cyclic() { rows[self.n_units()].0[lane] as usize } else { 0 };
        state
    }

    fn set_action(&self, rows: &mut [Row], lane: usize, plain: &Units) {
        rows[0].0[lane] = *plain as f32;
    }

    fn set_chance(&self, rows: &mut [Row], lane: usize, _: &Units, plain: &Units) {
        rows[0].0[lane] = *plain as f32;
    }

    fn nearest(&self, state: &LostSalesState, wanted: &[f64]) -> Units {
        (wanted[0].round() as Units).clamp(0, self.plain.max_order(state))
    }
}

#[cfg(test)]
mod tests {
    use restock_inventory::discrete_demand::DiscreteDemand;

    use super::*;
    use crate::relaxed::check_relaxed;

    #[test]
    fn equals_the_plain_environment_with_the_right_slopes() {
        let costs = LostSalesCosts { holding_cost: 1.1, stockout_cost: 4.3, order_cost: 0.0 };
        for lead_time in [0, 1, 2, 3, 6] {
            for n_phases in [1, 3] {
                let laws = (0..n_phases).map(|phase| DiscreteDemand::poisson(3.0 + f64::from(phase), 40)).collect();
                let relaxed = RelaxedLostSales::new(LostSales::with_caps(lead_time, costs, laws, 9, 40));
                check_relaxed(&relaxed, 5, 60).unwrap();
            }
        }
    }
}
