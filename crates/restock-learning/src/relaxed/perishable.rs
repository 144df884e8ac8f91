//! [`Perishable`] relaxed: any shelf life and lead time it supports, customers who take the oldest, the newest or both.

use restock_core::Units;
use restock_core::environment::Environment;
use restock_inventory::discrete_demand::DiscreteDemand;
use restock_inventory::environments::perishable::{HoldingCharge, SHELF_LIFE_MAX};
use restock_inventory::environments::{IssuedDemand, Perishable, PerishableState};
use restock_inventory::lanes::random::uniform;
use restock_inventory::lanes::{LaneDemand, LaneRng, N_LANES};

use super::{Relaxed, Rows};
use crate::network::Row;

/// The perishable problem with continuous quantities.
///
/// Rows of the state: units that can still be sold in one, two, ... periods, then what arrives in one, two, ... periods.
/// Rows of chance: demand of customers who take the oldest, and of those who take the newest. Features: units over the
/// scale less 1.
#[derive(Clone, Debug)]
pub struct RelaxedPerishable {
    plain: Perishable,
    /// Draws a number of `demands`.
    demand_idx: LaneDemand,
    demands: Vec<[f32; 2]>,
    scale: f32,
}

/// What one kind of customer finds and leaves, age by age in the order in which they take.
struct Taken {
    /// `[SHELF_LIFE_MAX]`: whether an age has less than is still wanted.
    is_emptied: [[bool; N_LANES]; SHELF_LIFE_MAX],
}

impl RelaxedPerishable {
    /// The relaxation of a problem.
    ///
    /// # Panics
    /// When demand is too large for lanes.
    pub fn new(plain: Perishable) -> Self {
        let joint = plain.demand().joint();
        let demands = joint.iter().map(|(demand, _)| [demand.fifo as f32, demand.lifo as f32]).collect();
        let demand_idx = LaneDemand::new(&DiscreteDemand::new(joint.iter().map(|(_, p)| *p).collect()));
        let scale = joint.iter().map(|(demand, p)| (demand.fifo + demand.lifo) as f64 * p).sum::<f64>() as f32;
        Self { plain, demand_idx, demands, scale }
    }

    /// Ages on the shelf when an order is placed: with a lead time of 0 none is of full age yet.
    fn n_ages(&self) -> usize {
        self.plain.shelf_life() - usize::from(self.plain.lead_time() == 0)
    }

    fn n_pipeline(&self) -> usize {
        self.plain.lead_time().saturating_sub(1)
    }

    /// `[SHELF_LIFE_MAX]`: the ages when demand comes, the oldest first.
    #[inline(always)]
    fn available(&self, state: &[Row], action: &[Row]) -> [Row; SHELF_LIFE_MAX] {
        let mut ages = [Row::ZERO; SHELF_LIFE_MAX];
        ages[..self.n_ages()].copy_from_slice(&state[..self.n_ages()]);
        if self.plain.lead_time() == 0 {
            ages[self.plain.shelf_life() - 1] = action[0];
        }
        ages
    }

    /// Both kinds of customers take what they want; what they do not find stays in `demand`.
    #[inline(always)]
    fn serve(&self, ages: &mut [Row; SHELF_LIFE_MAX], demand: &mut [Row; 2]) -> [Taken; 2] {
        let mut taken = [(); 2].map(|()| Taken { is_emptied: [[false; N_LANES]; SHELF_LIFE_MAX] });
        let shelf_life = self.plain.shelf_life();
        for order in 0..shelf_life {
            take(&mut ages[order], &mut demand[0], &mut taken[0].is_emptied[order]);
        }
        for order in 0..shelf_life {
            take(&mut ages[shelf_life - 1 - order], &mut demand[1], &mut taken[1].is_emptied[order]);
        }
        taken
    }
}

#[inline(always)]
fn take(units: &mut Row, wanted: &mut Row, is_emptied: &mut [bool; N_LANES]) {
    for lane in 0..N_LANES {
        let sold = wanted.0[lane].min(units.0[lane]);
        is_emptied[lane] = units.0[lane] < wanted.0[lane];
        units.0[lane] -= sold;
        wanted.0[lane] -= sold;
    }
}

/// The way back through [`take`]: `of_units` and `of_wanted` are slopes by what is left, and become those by what was.
#[inline(always)]
fn take_adjoint(of_units: &mut Row, of_wanted: &mut Row, is_emptied: &[bool; N_LANES]) {
    for lane in 0..N_LANES {
        let of_sold = -of_units.0[lane] - of_wanted.0[lane];
        if is_emptied[lane] {
            of_units.0[lane] += of_sold;
        } else {
            of_wanted.0[lane] += of_sold;
        }
    }
}

impl Relaxed for RelaxedPerishable {
    type Plain = Perishable;

    fn plain(&self) -> &Perishable {
        &self.plain
    }

    fn rows(&self) -> Rows {
        let n_units = self.n_ages() + self.n_pipeline();
        Rows { state: n_units, features: n_units, action: 1, chance: 2 }
    }

    fn scale(&self) -> f32 {
        self.scale
    }

    /// What losing a tenth of a period's demand costs: not every problem has a holding cost.
    fn cost_scale(&self) -> f32 {
        let costs = self.plain.costs();
        0.1 * (costs.stockout_cost + costs.price) as f32 * self.scale
    }

    /// All units uniform up to 1.5 times the scale.
    fn sample_state(&self, rng: &mut LaneRng, state: &mut [Row]) {
        for row in state {
            row.0 = rng.next_u32().map(|random| 1.5 * self.scale * uniform(random) as f32);
        }
    }

    fn sample_chance(&self, _: &[Row], rng: &mut LaneRng, chance: &mut [Row]) {
        let demand_idx = self.demand_idx.sample(rng);
        for lane in 0..N_LANES {
            let [fifo, lifo] = self.demands[demand_idx[lane].0 as usize];
            chance[0].0[lane] = fifo;
            chance[1].0[lane] = lifo;
        }
    }

    /// The sequence of events of [`Perishable`].
    #[inline(always)]
    fn step(&self, state: &[Row], action: &[Row], chance: &[Row], next: &mut [Row], cost: &mut Row) {
        let costs = self.plain.costs();
        let (n_ages, shelf_life) = (self.n_ages(), self.plain.shelf_life());
        let mut ages = self.available(state, action);
        let mut demand = [chance[0], chance[1]];
        self.serve(&mut ages, &mut demand);
        let first_held = usize::from(self.plain.holding_charge() == HoldingCharge::AfterExpiry);
        for lane in 0..N_LANES {
            let lost = demand[0].0[lane] + demand[1].0[lane];
            let sold = chance[0].0[lane] + chance[1].0[lane] - lost;
            cost.0[lane] = costs.unit_cost as f32 * action[0].0[lane]
                + costs.stockout_cost as f32 * lost
                + costs.waste_cost as f32 * ages[0].0[lane]
                - costs.price as f32 * sold;
        }
        for age in &ages[first_held..shelf_life] {
            for lane in 0..N_LANES {
                cost.0[lane] += costs.holding_cost as f32 * age.0[lane];
            }
        }
        next[..shelf_life - 1].copy_from_slice(&ages[1..shelf_life]);
        match self.plain.lead_time() {
            0 => {}
            1 => next[n_ages - 1] = action[0],
            _ => {
                let n_pipeline = self.n_pipeline();
                next[n_ages - 1] = state[n_ages];
                next[n_ages..n_ages + n_pipeline - 1].copy_from_slice(&state[n_ages + 1..n_ages + n_pipeline]);
                next[n_ages + n_pipeline - 1] = action[0];
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
        let (n_ages, shelf_life) = (self.n_ages(), self.plain.shelf_life());
        let mut ages = self.available(state, action);
        let mut demand = [chance[0], chance[1]];
        let taken = self.serve(&mut ages, &mut demand);
        // Slopes by what is left of each age, and by what is lost.
        let of_held = cost_slope * costs.holding_cost as f32;
        let first_held = usize::from(self.plain.holding_charge() == HoldingCharge::AfterExpiry);
        let mut of_ages = [Row::ZERO; SHELF_LIFE_MAX];
        of_ages[1..shelf_life].copy_from_slice(&next_slopes[..shelf_life - 1]);
        for age in &mut of_ages[first_held..shelf_life] {
            for lane in 0..N_LANES {
                age.0[lane] += of_held;
            }
        }
        for lane in 0..N_LANES {
            of_ages[0].0[lane] += cost_slope * costs.waste_cost as f32;
        }
        let of_lost = cost_slope * (costs.stockout_cost + costs.price) as f32;
        let mut of_wanted = [Row([of_lost; N_LANES]); 2];
        for order in (0..shelf_life).rev() {
            let age = &mut of_ages[shelf_life - 1 - order];
            take_adjoint(age, &mut of_wanted[1], &taken[1].is_emptied[order]);
        }
        for order in (0..shelf_life).rev() {
            take_adjoint(&mut of_ages[order], &mut of_wanted[0], &taken[0].is_emptied[order]);
        }
        state_slopes[..n_ages].copy_from_slice(&of_ages[..n_ages]);
        action_slopes[0] = match self.plain.lead_time() {
            0 => of_ages[shelf_life - 1],
            1 => next_slopes[n_ages - 1],
            _ => {
                let n_pipeline = self.n_pipeline();
                state_slopes[n_ages] = next_slopes[n_ages - 1];
                state_slopes[n_ages + 1..n_ages + n_pipeline]
                    .copy_from_slice(&next_slopes[n_ages..n_ages + n_pipeline - 1]);
                next_slopes[n_ages + n_pipeline - 1]
            }
        };
        for lane in 0..N_LANES {
            action_slopes[0].0[lane] += cost_slope * costs.unit_cost as f32;
        }
    }

    fn set_state(&self, rows: &mut [Row], lane: usize, plain: &PerishableState) {
        let (ages, pipeline) = rows.split_at_mut(self.n_ages());
        for (row, quantity) in ages.iter_mut().zip(&plain.on_hand).chain(pipeline.iter_mut().zip(&plain.pipeline)) {
            row.0[lane] = *quantity as f32;
        }
    }

    fn state(&self, rows: &[Row], lane: usize) -> PerishableState {
        let mut state = self.plain.initial_state();
        let (ages, pipeline) = rows.split_at(self.n_ages());
        let quantities = state.on_hand.iter_mut().zip(ages).chain(state.pipeline.iter_mut().zip(pipeline));
        quantities.for_each(|(quantity, row)| *quantity = row.0[lane] as Units);
        state
    }

    fn set_action(&self, rows: &mut [Row], lane: usize, plain: &Units) {
        rows[0].0[lane] = *plain as f32;
    }

    fn set_chance(&self, rows: &mut [Row], lane: usize, _: &Units, plain: &IssuedDemand) {
        rows[0].0[lane] = plain.fifo as f32;
        rows[1].0[lane] = plain.lifo as f32;
    }

    fn nearest(&self, state: &PerishableState, wanted: &[f64]) -> Units {
        (wanted[0].round() as Units).clamp(0, self.plain.max_order(state))
    }
}

#[cfg(test)]
mod tests {
    use restock_inventory::environments::perishable::{IssuingLaw, PerishableCosts};

    use super::*;
    use crate::relaxed::check_relaxed;

    #[test]
    fn equals_the_plain_environment_with_the_right_slopes() {
        let costs =
            PerishableCosts { unit_cost: 0.4, price: 0.9, holding_cost: 1.1, stockout_cost: 4.3, waste_cost: 6.1 };
        let demand = DiscreteDemand::poisson(4.0, 20);
        for law in [IssuingLaw::fifo(&demand), IssuingLaw::lifo(&demand), IssuingLaw::independent(&demand, &demand)] {
            for (shelf_life, lead_time) in [(1, 1), (2, 0), (3, 0), (2, 1), (4, 2), (5, 3)] {
                for charge in [HoldingCharge::BeforeExpiry, HoldingCharge::AfterExpiry] {
                    let plain = Perishable::new(shelf_life, lead_time, costs, law.clone(), charge, 9, 30);
                    let relaxed = RelaxedPerishable::new(plain);
                    check_relaxed(&relaxed, 3, 40)
                        .unwrap_or_else(|error| panic!("{error}: shelf life {shelf_life}, lead time {lead_time}"));
                }
            }
        }
    }
}
