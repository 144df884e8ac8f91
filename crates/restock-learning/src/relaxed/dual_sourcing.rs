//! [`DualSourcing`] relaxed: any lead times it supports.

use restock_core::Units;
use restock_core::environment::Environment;
use restock_inventory::environments::DualSourcing;
use restock_inventory::environments::dual_sourcing::{DualOrder, DualSourcingState};
use restock_inventory::lanes::random::uniform;
use restock_inventory::lanes::{LaneDemand, LaneRng, N_LANES};

use super::{Relaxed, Rows};
use crate::network::Row;

/// The dual-sourcing problem with continuous quantities.
///
/// Rows of the state: net inventory, then what arrives in one, two, ... periods. Rows of the action: the regular and the
/// expedited order. Features: units over the scale less 1.
#[derive(Clone, Debug)]
pub struct RelaxedDualSourcing {
    plain: DualSourcing,
    demand: LaneDemand,
    scale: f32,
}

impl RelaxedDualSourcing {
    /// The relaxation of a problem.
    ///
    /// # Panics
    /// When demand is too large for lanes.
    pub fn new(plain: DualSourcing) -> Self {
        let demand = LaneDemand::new(plain.demand());
        let scale = plain.demand().mean() as f32;
        Self { plain, demand, scale }
    }

    /// Rows of a state: as many as the regular lead time.
    fn n_units(&self) -> usize {
        self.plain.regular_lead_time()
    }

    /// Net inventory at the end of the period.
    #[inline(always)]
    fn left(&self, state: &[Row], action: &[Row], chance: &[Row]) -> Row {
        let mut left = state[0];
        let expedited = if self.plain.expedited_lead_time() == 0 { action[1] } else { Row::ZERO };
        for lane in 0..N_LANES {
            left.0[lane] += expedited.0[lane] - chance[0].0[lane];
        }
        left
    }
}

impl Relaxed for RelaxedDualSourcing {
    type Plain = DualSourcing;

    fn plain(&self) -> &DualSourcing {
        &self.plain
    }

    fn rows(&self) -> Rows {
        Rows { state: self.n_units(), features: self.n_units(), action: 2, chance: 1 }
    }

    fn scale(&self) -> f32 {
        self.scale
    }

    fn cost_scale(&self) -> f32 {
        self.plain.costs().holding_cost as f32 * self.scale
    }

    /// Net inventory uniform from one scale below 0 to three above, arrivals up to two.
    fn sample_state(&self, rng: &mut LaneRng, state: &mut [Row]) {
        for (row_idx, row) in state.iter_mut().enumerate() {
            let (low, width) = if row_idx == 0 { (-1.0, 4.0) } else { (0.0, 2.0) };
            row.0 = rng.next_u32().map(|random| self.scale * (low + width * uniform(random) as f32));
        }
    }

    fn sample_chance(&self, _: &[Row], rng: &mut LaneRng, chance: &mut [Row]) {
        chance[0].0 = self.demand.sample(rng).map(|demand| demand.0 as f32);
    }

    /// The sequence of events of [`DualSourcing`].
    #[inline(always)]
    fn step(&self, state: &[Row], action: &[Row], chance: &[Row], next: &mut [Row], cost: &mut Row) {
        let costs = self.plain.costs();
        let (regular_cost, expedited_cost) = (costs.regular_cost as f32, costs.expedited_cost as f32);
        let (holding_cost, backorder_cost) = (costs.holding_cost as f32, costs.backorder_cost as f32);
        let n_units = self.n_units();
        let left = self.left(state, action, chance);
        for lane in 0..N_LANES {
            cost.0[lane] = regular_cost * action[0].0[lane]
                + expedited_cost * action[1].0[lane]
                + holding_cost * left.0[lane].max(0.0)
                + backorder_cost * (-left.0[lane]).max(0.0);
        }
        // `next[place]` takes what arrives in `place + 1` periods of this one, the first of it on the shelf.
        next[..n_units - 1].copy_from_slice(&state[1..]);
        next[n_units - 1] = action[0];
        if let Some(place) = self.plain.expedited_lead_time().checked_sub(1) {
            for lane in 0..N_LANES {
                next[place].0[lane] += action[1].0[lane];
            }
        }
        for lane in 0..N_LANES {
            next[0].0[lane] += left.0[lane];
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
        let costs = self.plain.costs();
        let (of_regular, of_expedited) =
            (cost_slope * costs.regular_cost as f32, cost_slope * costs.expedited_cost as f32);
        let (of_held, of_backorder) =
            (cost_slope * costs.holding_cost as f32, cost_slope * costs.backorder_cost as f32);
        let n_units = self.n_units();
        let left = self.left(state, action, chance);
        for lane in 0..N_LANES {
            let of_left = if left.0[lane] > 0.0 { of_held } else { -of_backorder };
            state_slopes[0].0[lane] = of_left + next_slopes[0].0[lane];
        }
        state_slopes[1..].copy_from_slice(&next_slopes[..n_units - 1]);
        action_slopes[0] = next_slopes[n_units - 1];
        action_slopes[1] = match self.plain.expedited_lead_time() {
            0 => state_slopes[0],
            periods => next_slopes[periods - 1],
        };
        for lane in 0..N_LANES {
            action_slopes[0].0[lane] += of_regular;
            action_slopes[1].0[lane] += of_expedited;
        }
    }

    fn set_state(&self, rows: &mut [Row], lane: usize, plain: &DualSourcingState) {
        rows[0].0[lane] = plain.net_inventory as f32;
        for (row, quantity) in rows[1..].iter_mut().zip(&plain.pipeline) {
            row.0[lane] = *quantity as f32;
        }
    }

    fn state(&self, rows: &[Row], lane: usize) -> DualSourcingState {
        let mut state = self.plain.initial_state();
        state.net_inventory = rows[0].0[lane] as Units;
        for (quantity, row) in state.pipeline.iter_mut().zip(&rows[1..]) {
            *quantity = row.0[lane] as Units;
        }
        state
    }

    fn set_action(&self, rows: &mut [Row], lane: usize, plain: &DualOrder) {
        rows[0].0[lane] = plain.regular as f32;
        rows[1].0[lane] = plain.expedited as f32;
    }

    fn set_chance(&self, rows: &mut [Row], lane: usize, _: &DualOrder, plain: &Units) {
        rows[0].0[lane] = *plain as f32;
    }

    fn nearest(&self, state: &DualSourcingState, wanted: &[f64]) -> DualOrder {
        let (least, most) = self.plain.expedited_range(state);
        let expedited = (wanted[1].round() as Units).clamp(least, most);
        DualOrder {
            regular: (wanted[0].round() as Units).clamp(0, self.plain.max_regular(state, expedited)),
            expedited,
        }
    }
}

#[cfg(test)]
mod tests {
    use restock_inventory::discrete_demand::DiscreteDemand;
    use restock_inventory::environments::dual_sourcing::DualSourcingCosts;

    use super::*;
    use crate::relaxed::check_relaxed;

    #[test]
    fn equals_the_plain_environment_with_the_right_slopes() {
        let costs =
            DualSourcingCosts { regular_cost: 0.3, expedited_cost: 5.0, holding_cost: 2.0, backorder_cost: 19.0 };
        for (regular_lead_time, expedited_lead_time) in [(1, 0), (2, 0), (4, 0), (2, 1), (5, 2)] {
            let plain = DualSourcing::new(regular_lead_time, expedited_lead_time, costs, DiscreteDemand::uniform(0, 4));
            check_relaxed(&RelaxedDualSourcing::new(plain), 3, 60).unwrap();
        }
    }
}
