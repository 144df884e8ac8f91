//! [`WarehouseChain`] in lanes.

use std::num::Wrapping;

use restock_core::Units;
use statrs::distribution::{ContinuousCDF, Normal};

use super::random::uniform;
use super::supply_network::poisson_quantile;
use super::{LaneEnvironment, LaneOutcome, LaneRng, LaneUnits, Lanes, N_LANES, NO_UNITS, lane_units, plain_units};
use crate::environments::network::DemandDescription;
use crate::environments::{WarehouseChain, WarehouseChainState};

/// The chain of warehouses in lanes.
#[derive(Clone, Debug)]
pub struct WarehouseChainLanes {
    plain: WarehouseChain,
    /// `[n_items]`: volume of a unit.
    volumes: Vec<LaneUnits>,
}

/// The chain at the start of a period.
#[derive(Clone, Debug)]
pub struct WarehouseChainLaneState {
    /// The period, from 0, the same in all lanes.
    pub period: usize,
    /// `[n_warehouses * n_items, N_LANES]`: units on each shelf.
    pub on_hand: Vec<Lanes<LaneUnits>>,
    /// `[Σ lead times, N_LANES]`: rings, whose place `period % lead_time` is due next.
    pipeline: Vec<Lanes<LaneUnits>>,
    /// `[n_warehouses * n_items, N_LANES]`: what a period ships, kept so that no period allocates.
    shipped: Vec<Lanes<LaneUnits>>,
}

impl WarehouseChainLanes {
    /// The twin of a chain.
    ///
    /// # Panics
    /// When a volume is too large for lanes.
    pub fn new(plain: WarehouseChain) -> Self {
        let volumes = plain.description().items.iter().map(|item| lane_units(item.volume)).collect();
        Self { plain, volumes }
    }

    fn set_units(units: &mut [Lanes<LaneUnits>], lane: usize, plain: &[Units]) {
        for (units, plain) in units.iter_mut().zip(plain) {
            units[lane] = lane_units(*plain);
        }
    }

    fn units(units: &[Lanes<LaneUnits>], lane: usize) -> Vec<Units> {
        units.iter().map(|units| plain_units(units[lane])).collect()
    }
}

impl LaneEnvironment for WarehouseChainLanes {
    type Plain = WarehouseChain;
    type State = WarehouseChainLaneState;
    /// `[n_warehouses * n_items, N_LANES]`: units ordered.
    type Action = Vec<Lanes<LaneUnits>>;
    /// `[n_items, N_LANES]`: units that customers want.
    type Chance = Vec<Lanes<LaneUnits>>;

    fn plain(&self) -> &WarehouseChain {
        &self.plain
    }

    fn reset(&self) -> WarehouseChainLaneState {
        let (n_warehouses, n_items) = self.plain.shape();
        let places = (0..n_warehouses * n_items)
            .map(|idx| self.plain.description().items[idx % n_items].places[idx / n_items].initial_stock);
        WarehouseChainLaneState {
            period: 0,
            on_hand: places.map(|units| [lane_units(units); N_LANES]).collect(),
            pipeline: vec![NO_UNITS; self.plain.n_pipeline()],
            shipped: vec![NO_UNITS; n_warehouses * n_items],
        }
    }

    fn no_action(&self) -> Vec<Lanes<LaneUnits>> {
        let (n_warehouses, n_items) = self.plain.shape();
        vec![NO_UNITS; n_warehouses * n_items]
    }

    #[inline(always)]
    fn sample_chance(
        &self,
        state: &WarehouseChainLaneState,
        _: &Vec<Lanes<LaneUnits>>,
        rng: &mut LaneRng,
    ) -> Vec<Lanes<LaneUnits>> {
        let mut demands = self.no_chance();
        for (item_idx, demand) in demands.iter_mut().enumerate() {
            let mean = self.plain.mean_demand(item_idx, state.period);
            let rounded = |units: f64| Wrapping(units.round().max(0.0) as i32);
            *demand = match &self.plain.description().items[item_idx].demand {
                DemandDescription::Constant { .. } => [rounded(mean); N_LANES],
                DemandDescription::Normal { std_dev, .. } => {
                    let standard = Normal::standard();
                    rng.next_u32().map(|random| rounded(mean + std_dev * standard.inverse_cdf(uniform(random))))
                }
                _ => rng.next_u32().map(|random| poisson_quantile(mean, uniform(random))),
            };
        }
        demands
    }

    /// The sequence of events of [`WarehouseChain`].
    #[inline(always)]
    fn step(
        &self,
        state: &mut WarehouseChainLaneState,
        orders: &Vec<Lanes<LaneUnits>>,
        demands: &Vec<Lanes<LaneUnits>>,
    ) -> LaneOutcome {
        let (n_warehouses, n_items) = self.plain.shape();
        let description = self.plain.description();
        let mut outcome = LaneOutcome::NOTHING;
        let mut profit = [0.0; N_LANES];
        state.shipped.copy_from_slice(orders);
        for idx in 0..n_warehouses * n_items {
            let (warehouse_idx, item_idx) = (idx / n_items, idx % n_items);
            let place = &description.items[item_idx].places[warehouse_idx];
            let wanted = if warehouse_idx == 0 { &demands[item_idx] } else { &orders[idx - n_items] };
            for lane in 0..N_LANES {
                let sold = wanted[lane].min(state.on_hand[idx][lane]);
                let lost = wanted[lane] - sold;
                state.on_hand[idx][lane] -= sold;
                profit[lane] += place.unit_price * f64::from(sold.0) - place.stockout_cost * f64::from(lost.0);
                if warehouse_idx == 0 {
                    outcome.sold[lane] += sold;
                    outcome.lost[lane] += lost;
                } else {
                    state.shipped[idx - n_items][lane] = sold;
                }
            }
        }
        for (warehouse_idx, warehouse) in description.warehouses.iter().enumerate() {
            let (mut volume_arrived, mut volume_on_hand) = (NO_UNITS, NO_UNITS);
            for (item_idx, item) in description.items.iter().enumerate() {
                let (idx, place) = (warehouse_idx * n_items + item_idx, &item.places[warehouse_idx]);
                let last = warehouse_idx + 1 == n_warehouses;
                let price = if last { place.unit_cost } else { item.places[warehouse_idx + 1].unit_price };
                for lane in 0..N_LANES {
                    let order_cost = if orders[idx][lane] > Wrapping(0) { place.order_cost } else { 0.0 };
                    profit[lane] -= price * f64::from(state.shipped[idx][lane].0) + order_cost;
                }
                // What is due takes the place of what was shipped.
                if place.lead_time > 0 {
                    let at = self.plain.pipelines()[idx] + state.period % place.lead_time;
                    std::mem::swap(&mut state.pipeline[at], &mut state.shipped[idx]);
                }
                for lane in 0..N_LANES {
                    volume_arrived[lane] += self.volumes[item_idx] * state.shipped[idx][lane];
                    volume_on_hand[lane] += self.volumes[item_idx] * state.on_hand[idx][lane];
                }
            }
            for (item_idx, item) in description.items.iter().enumerate() {
                let (idx, place) = (warehouse_idx * n_items + item_idx, &item.places[warehouse_idx]);
                let held = place.holding_cost + warehouse.storage_cost * item.volume as f64;
                for lane in 0..N_LANES {
                    let arrived = state.shipped[idx][lane];
                    let room = warehouse.capacity - plain_units(volume_on_hand[lane]);
                    let volume = plain_units(volume_arrived[lane]);
                    let accepted = Wrapping(WarehouseChain::accepted(plain_units(arrived), room, volume) as i32);
                    state.on_hand[idx][lane] += accepted;
                    outcome.expired[lane] += arrived - accepted;
                    profit[lane] -= held * f64::from(state.on_hand[idx][lane].0);
                }
            }
        }
        state.period += 1;
        outcome.cost = profit.map(|profit| -profit);
        outcome
    }

    fn lane(&self, state: &WarehouseChainLaneState, lane: usize) -> WarehouseChainState {
        let (_, n_items) = self.plain.shape();
        let mut pipeline = vec![0; self.plain.n_pipeline()];
        for (idx, first) in self.plain.pipelines().iter().enumerate() {
            let lead_time = self.plain.description().items[idx % n_items].places[idx / n_items].lead_time;
            for periods in 0..lead_time {
                let place = first + (state.period + periods) % lead_time;
                pipeline[first + periods] = plain_units(state.pipeline[place][lane]);
            }
        }
        WarehouseChainState { period: state.period, on_hand: Self::units(&state.on_hand, lane), pipeline }
    }

    fn set_action(&self, orders: &mut Vec<Lanes<LaneUnits>>, lane: usize, plain: &Vec<Units>) {
        Self::set_units(orders, lane, plain);
    }

    fn action(&self, orders: &Vec<Lanes<LaneUnits>>, lane: usize) -> Vec<Units> {
        Self::units(orders, lane)
    }

    fn no_chance(&self) -> Vec<Lanes<LaneUnits>> {
        vec![NO_UNITS; self.plain.description().items.len()]
    }

    fn set_chance(&self, demands: &mut Vec<Lanes<LaneUnits>>, lane: usize, plain: &Vec<Units>) {
        Self::set_units(demands, lane, plain);
    }

    fn chance(&self, demands: &Vec<Lanes<LaneUnits>>, lane: usize) -> Vec<Units> {
        Self::units(demands, lane)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::check_lanes;

    #[test]
    fn equals_the_plain_environment() {
        let chain = include_str!("../environments/warehouse_chain.toml");
        for text in
            [chain.to_owned(), chain.replace("lead_time = 2", "lead_time = 0"), chain.replace("poisson", "constant")]
        {
            let twin = WarehouseChainLanes::new(WarehouseChain::from_toml(&text).unwrap());
            check_lanes(&twin, 7, 400).unwrap();
        }
    }
}
