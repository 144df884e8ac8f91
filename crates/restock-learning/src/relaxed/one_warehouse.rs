//! [`OneWarehouse`] relaxed, with any number of retailers.
//!
//! A network may want to ship more than there is. What there is is then shared out in proportion to what is wanted; an
//! action in whole units that the plain environment allows never does, so the step is the plain one there.

use restock_core::Units;
use restock_core::environment::Environment;
use restock_inventory::environments::{OneWarehouse, OneWarehouseState, ShipAndOrder};
use restock_inventory::lanes::random::uniform;
use restock_inventory::lanes::{LaneDemand, LaneRng, N_LANES};

use super::{Relaxed, Rows};
use crate::network::Row;

/// The one-warehouse problem with continuous quantities.
///
/// Rows of the state: the warehouse, then the retailers. Rows of the action: what is shipped to each retailer, then what
/// is ordered. Features: units over the scale less 1.
#[derive(Clone, Debug)]
pub struct RelaxedOneWarehouse<const N: usize = 2> {
    plain: OneWarehouse<N>,
    demand: [LaneDemand; N],
    scale: f32,
}

impl<const N: usize> RelaxedOneWarehouse<N> {
    /// The relaxation of a problem.
    ///
    /// # Panics
    /// When demand is too large for lanes.
    pub fn new(plain: OneWarehouse<N>) -> Self {
        let demand = std::array::from_fn(|retailer_idx| LaneDemand::new(&plain.demand()[retailer_idx]));
        let scale = plain.demand().iter().map(|law| law.mean()).sum::<f64>() as f32 / N as f32;
        Self { plain, demand, scale }
    }

    /// The nearest allowed action: shipments are rounded, and while they are more than there is, the one that was
    /// rounded up most, or cut least, is cut by a unit.
    fn rounded(&self, warehouse: Units, wanted: &[f64]) -> ShipAndOrder<N> {
        let (warehouse_capacity, retailer_capacity) = self.plain.capacities();
        let total: f64 = wanted[..N].iter().sum();
        let share = if total > warehouse as f64 { warehouse as f64 / total } else { 1.0 };
        let fair: [f64; N] = std::array::from_fn(|retailer_idx| share * wanted[retailer_idx]);
        let mut shipped = fair.map(|units| (units.round() as Units).clamp(0, retailer_capacity));
        while shipped.iter().sum::<Units>() > warehouse {
            let excess = |retailer_idx: &usize| shipped[*retailer_idx] as f64 - fair[*retailer_idx];
            let candidates = (0..N).filter(|retailer_idx| shipped[*retailer_idx] > 0);
            let most = candidates.max_by(|a, b| excess(a).total_cmp(&excess(b))).expect("something is shipped");
            shipped[most] -= 1;
        }
        let left = warehouse - shipped.iter().sum::<Units>();
        ShipAndOrder { shipped, ordered: (wanted[N].round() as Units).clamp(0, warehouse_capacity - left) }
    }

    /// The share of what is wanted that there is.
    #[inline(always)]
    fn share(&self, state: &[Row], action: &[Row]) -> (Row, Row) {
        let (mut total, mut share) = (Row::ZERO, Row([1.0; N_LANES]));
        for shipped in &action[..N] {
            for lane in 0..N_LANES {
                total.0[lane] += shipped.0[lane];
            }
        }
        for lane in 0..N_LANES {
            if total.0[lane] > state[0].0[lane] {
                share.0[lane] = state[0].0[lane] / total.0[lane];
            }
        }
        (total, share)
    }
}

impl<const N: usize> Relaxed for RelaxedOneWarehouse<N> {
    type Plain = OneWarehouse<N>;

    fn plain(&self) -> &OneWarehouse<N> {
        &self.plain
    }

    fn rows(&self) -> Rows {
        Rows { state: N + 1, features: N + 1, action: N + 1, chance: N }
    }

    fn scale(&self) -> f32 {
        self.scale
    }

    fn cost_scale(&self) -> f32 {
        self.plain.costs().retailer_holding_cost as f32 * self.scale
    }

    /// All units uniform up to three times the scale, or to what there is room for.
    fn sample_state(&self, rng: &mut LaneRng, state: &mut [Row]) {
        let (warehouse_capacity, retailer_capacity) = self.plain.capacities();
        for (row_idx, row) in state.iter_mut().enumerate() {
            let room = if row_idx == 0 { warehouse_capacity } else { retailer_capacity };
            let most = (3.0 * self.scale).min(room as f32);
            row.0 = rng.next_u32().map(|random| most * uniform(random) as f32);
        }
    }

    fn sample_chance(&self, _: &[Row], rng: &mut LaneRng, chance: &mut [Row]) {
        for (row, demand) in chance.iter_mut().zip(&self.demand) {
            row.0 = demand.sample(rng).map(|demand| demand.0 as f32);
        }
    }

    /// The sequence of events of [`OneWarehouse`].
    #[inline(always)]
    fn step(&self, state: &[Row], action: &[Row], chance: &[Row], next: &mut [Row], cost: &mut Row) {
        let costs = self.plain.costs();
        let (warehouse_capacity, retailer_capacity) = self.plain.capacities();
        let (total, share) = self.share(state, action);
        for lane in 0..N_LANES {
            let left = (state[0].0[lane] - total.0[lane]).max(0.0);
            cost.0[lane] = costs.warehouse_holding_cost as f32 * left;
            next[0].0[lane] = (left + action[N].0[lane]).min(warehouse_capacity as f32);
        }
        for retailer_idx in 0..N {
            for lane in 0..N_LANES {
                let (on_hand, demand) = (state[1 + retailer_idx].0[lane], chance[retailer_idx].0[lane]);
                let left = (on_hand - demand).max(0.0);
                let lost = (demand - on_hand).max(0.0);
                cost.0[lane] += costs.retailer_holding_cost as f32 * left + costs.stockout_cost as f32 * lost;
                let arrived = left + share.0[lane] * action[retailer_idx].0[lane];
                next[1 + retailer_idx].0[lane] = arrived.min(retailer_capacity as f32);
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
        let costs = self.plain.costs();
        let (warehouse_capacity, retailer_capacity) = self.plain.capacities();
        let (total, share) = self.share(state, action);
        let of_held = cost_slope * costs.retailer_holding_cost as f32;
        let of_lost = cost_slope * costs.stockout_cost as f32;
        // What a unit shipped is worth on the average of all that is wanted.
        let mut of_average = Row::ZERO;
        for retailer_idx in 0..N {
            for lane in 0..N_LANES {
                let (on_hand, demand) = (state[1 + retailer_idx].0[lane], chance[retailer_idx].0[lane]);
                let wanted = action[retailer_idx].0[lane];
                let arrived = (on_hand - demand).max(0.0) + share.0[lane] * wanted;
                let fits = arrived < retailer_capacity as f32;
                let of_arrived = if fits { next_slopes[1 + retailer_idx].0[lane] } else { 0.0 };
                state_slopes[1 + retailer_idx].0[lane] = if on_hand > demand { of_held + of_arrived } else { -of_lost };
                action_slopes[retailer_idx].0[lane] = of_arrived;
                of_average.0[lane] += of_arrived * wanted / total.0[lane].max(f32::MIN_POSITIVE);
            }
        }
        for lane in 0..N_LANES {
            let left = (state[0].0[lane] - total.0[lane]).max(0.0);
            let fits = left + action[N].0[lane] < warehouse_capacity as f32;
            let of_arrived = if fits { next_slopes[0].0[lane] } else { 0.0 };
            let of_left = cost_slope * costs.warehouse_holding_cost as f32 + of_arrived;
            action_slopes[N].0[lane] = of_arrived;
            let is_scarce = total.0[lane] > state[0].0[lane];
            state_slopes[0].0[lane] = if is_scarce { of_average.0[lane] } else { of_left };
            for slopes in &mut action_slopes[..N] {
                let of_shipped = slopes.0[lane];
                slopes.0[lane] =
                    if is_scarce { share.0[lane] * (of_shipped - of_average.0[lane]) } else { of_shipped - of_left };
            }
        }
    }

    fn set_state(&self, rows: &mut [Row], lane: usize, plain: &OneWarehouseState<N>) {
        rows[0].0[lane] = plain.warehouse as f32;
        for (row, on_hand) in rows[1..].iter_mut().zip(&plain.retailers) {
            row.0[lane] = *on_hand as f32;
        }
    }

    fn state(&self, rows: &[Row], lane: usize) -> OneWarehouseState<N> {
        let mut state = self.plain.initial_state();
        state.warehouse = rows[0].0[lane] as Units;
        for (on_hand, row) in state.retailers.iter_mut().zip(&rows[1..]) {
            *on_hand = row.0[lane] as Units;
        }
        state
    }

    fn set_action(&self, rows: &mut [Row], lane: usize, plain: &ShipAndOrder<N>) {
        for (row, shipped) in rows.iter_mut().zip(&plain.shipped) {
            row.0[lane] = *shipped as f32;
        }
        rows[N].0[lane] = plain.ordered as f32;
    }

    fn set_chance(&self, rows: &mut [Row], lane: usize, _: &ShipAndOrder<N>, plain: &[Units; N]) {
        for (row, demand) in rows.iter_mut().zip(plain) {
            row.0[lane] = *demand as f32;
        }
    }

    fn round(&self, state: &[Row], action: &mut [Row]) {
        for lane in 0..N_LANES {
            let wanted: Vec<f64> = action.iter().map(|row| f64::from(row.0[lane])).collect();
            let rounded = self.rounded(state[0].0[lane] as Units, &wanted);
            self.set_action(action, lane, &rounded);
        }
    }

    fn nearest(&self, state: &OneWarehouseState<N>, wanted: &[f64]) -> ShipAndOrder<N> {
        self.rounded(state.warehouse, wanted)
    }
}

#[cfg(test)]
mod tests {
    use restock_inventory::discrete_demand::DiscreteDemand;
    use restock_inventory::environments::one_warehouse::OneWarehouseCosts;

    use super::*;
    use crate::relaxed::check_relaxed;

    #[test]
    fn equals_the_plain_environment_with_the_right_slopes() {
        let costs = OneWarehouseCosts { warehouse_holding_cost: 0.4, retailer_holding_cost: 1.1, stockout_cost: 5.0 };
        let demand = [2.0, 3.0].map(|mean| DiscreteDemand::poisson(mean, 20));
        let relaxed = RelaxedOneWarehouse::new(OneWarehouse::new(costs, demand, 12, 9));
        check_relaxed(&relaxed, 3, 200).unwrap();
    }
}
