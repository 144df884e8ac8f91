//! [`RandomYield`] relaxed.
//!
//! What is good of an order of `q` units is the quantile of its law at a uniform number, in a line between the quantiles
//! of the two orders in whole units around `q`. On whole units that is the law itself, and it has a slope.

use restock_core::Units;
use restock_inventory::environments::RandomYield;
use restock_inventory::environments::random_yield::YieldChance;
use restock_inventory::lanes::random::uniform;
use restock_inventory::lanes::{LaneDemand, LaneRng, N_LANES};

use super::{Relaxed, Rows};
use crate::network::Row;

/// The random-yield problem with continuous quantities.
///
/// The row of the state is the net inventory. Rows of chance: demand, and the uniform number of the yield. Feature: net
/// inventory over the scale.
#[derive(Clone, Debug)]
pub struct RelaxedRandomYield {
    plain: RandomYield,
    demand: LaneDemand,
    /// `[max_order + 1][max_order]`: the probability that at most so many units of an order are good.
    cumulative: Vec<Vec<f32>>,
    scale: f32,
}

impl RelaxedRandomYield {
    /// The relaxation of a problem.
    ///
    /// # Panics
    /// When demand is too large for lanes.
    pub fn new(plain: RandomYield) -> Self {
        let demand = LaneDemand::new(plain.demand());
        let scale = plain.demand().mean() as f32;
        let cumulate = |probabilities: &[f64]| {
            let sums = probabilities.iter().scan(0.0, |sum, p| {
                *sum += p;
                Some(*sum as f32)
            });
            // The last number is certain.
            sums.take(probabilities.len() - 1).collect()
        };
        let cumulative = plain.yields().iter().map(|law| cumulate(law.probabilities())).collect();
        Self { plain, demand, cumulative, scale }
    }

    /// Good units of an order, and their slope by the order.
    fn good(&self, order_quantity: f32, random: f32) -> (f32, f32) {
        let most = self.cumulative.len() - 1;
        let whole = (order_quantity as usize).min(most - 1);
        let quantile = |quantity: usize| self.cumulative[quantity].partition_point(|sum| *sum < random) as f32;
        let (below, above) = (quantile(whole), quantile(whole + 1));
        // Above the largest order nothing more is good.
        let part = order_quantity.min(most as f32) - whole as f32;
        let slope = if order_quantity < most as f32 { above - below } else { 0.0 };
        (below + part * (above - below), slope)
    }
}

impl Relaxed for RelaxedRandomYield {
    type Plain = RandomYield;

    fn plain(&self) -> &RandomYield {
        &self.plain
    }

    fn rows(&self) -> Rows {
        Rows { state: 1, features: 1, action: 1, chance: 2 }
    }

    fn scale(&self) -> f32 {
        self.scale
    }

    fn cost_scale(&self) -> f32 {
        self.plain.unit_costs().0 as f32 * self.scale
    }

    /// Uniform from four scales below 0 to four above.
    fn sample_state(&self, rng: &mut LaneRng, state: &mut [Row]) {
        state[0].0 = rng.next_u32().map(|random| self.scale * (8.0 * uniform(random) as f32 - 4.0));
    }

    fn sample_chance(&self, _: &[Row], rng: &mut LaneRng, chance: &mut [Row]) {
        chance[0].0 = self.demand.sample(rng).map(|demand| demand.0 as f32);
        chance[1].0 = rng.next_u32().map(|random| uniform(random) as f32);
    }

    #[inline(always)]
    fn features(&self, state: &[Row], features: &mut [Row]) {
        let one = 1.0 / self.scale;
        for lane in 0..N_LANES {
            features[0].0[lane] = state[0].0[lane] * one;
        }
    }

    #[inline(always)]
    fn features_adjoint(&self, _: &[Row], feature_slopes: &[Row], state_slopes: &mut [Row]) {
        let one = 1.0 / self.scale;
        for lane in 0..N_LANES {
            state_slopes[0].0[lane] += one * feature_slopes[0].0[lane];
        }
    }

    /// What is short: each unit of it calls for at least one more.
    #[inline(always)]
    fn base(&self, state: &[Row], base: &mut [Row]) {
        let one = 1.0 / self.scale;
        for lane in 0..N_LANES {
            base[0].0[lane] = -one * state[0].0[lane];
        }
    }

    #[inline(always)]
    fn base_adjoint(&self, base_slopes: &[Row], state_slopes: &mut [Row]) {
        let one = 1.0 / self.scale;
        for lane in 0..N_LANES {
            state_slopes[0].0[lane] -= one * base_slopes[0].0[lane];
        }
    }

    /// The sequence of events of [`RandomYield`].
    #[inline(always)]
    fn step(&self, state: &[Row], action: &[Row], chance: &[Row], next: &mut [Row], cost: &mut Row) {
        let (holding_cost, stockout_cost) = self.plain.unit_costs();
        for lane in 0..N_LANES {
            let (good, _) = self.good(action[0].0[lane], chance[1].0[lane]);
            let left = state[0].0[lane] + good - chance[0].0[lane];
            cost.0[lane] = holding_cost as f32 * left.max(0.0) + stockout_cost as f32 * (-left).max(0.0);
            next[0].0[lane] = left.max(self.plain.min_net_inventory() as f32);
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
        let (holding_cost, stockout_cost) = self.plain.unit_costs();
        for lane in 0..N_LANES {
            let (good, by_order) = self.good(action[0].0[lane], chance[1].0[lane]);
            let left = state[0].0[lane] + good - chance[0].0[lane];
            let of_cost = if left > 0.0 { holding_cost as f32 } else { -stockout_cost as f32 };
            let is_kept = left > self.plain.min_net_inventory() as f32;
            let of_left = cost_slope * of_cost + if is_kept { next_slopes[0].0[lane] } else { 0.0 };
            state_slopes[0].0[lane] = of_left;
            action_slopes[0].0[lane] = of_left * by_order;
        }
    }

    fn set_state(&self, rows: &mut [Row], lane: usize, plain: &Units) {
        rows[0].0[lane] = *plain as f32;
    }

    fn state(&self, rows: &[Row], lane: usize) -> Units {
        rows[0].0[lane] as Units
    }

    fn set_action(&self, rows: &mut [Row], lane: usize, plain: &Units) {
        rows[0].0[lane] = *plain as f32;
    }

    /// The uniform number is the middle of those that lead to the yield.
    fn set_chance(&self, rows: &mut [Row], lane: usize, action: &Units, plain: &YieldChance) {
        rows[0].0[lane] = plain.demand as f32;
        let sums = &self.cumulative[*action as usize];
        let yielded = plain.yielded as usize;
        let below = yielded.checked_sub(1).map_or(0.0, |before| sums[before]);
        let above = sums.get(yielded).copied().unwrap_or(1.0);
        rows[1].0[lane] = 0.5 * (below + above);
    }

    fn nearest(&self, state: &Units, wanted: &[f64]) -> Units {
        (wanted[0].round() as Units).clamp(0, self.plain.max_order(*state).max(0))
    }
}

#[cfg(test)]
mod tests {
    use restock_inventory::discrete_demand::DiscreteDemand;
    use restock_inventory::environments::Yield;

    use super::*;
    use crate::relaxed::check_relaxed;

    #[test]
    fn equals_the_plain_environment_with_the_right_slopes() {
        for good in [Yield::Binomial(0.7), Yield::AllOrNothing(0.8), Yield::Uniform] {
            let plain = RandomYield::new(1.0, 4.0, DiscreteDemand::poisson(4.0, 30), good, 12, -30..=40);
            check_relaxed(&RelaxedRandomYield::new(plain), 3, 60).unwrap_or_else(|error| panic!("{error}: {good:?}"));
        }
    }
}
