//! Heuristic policies in lanes, for problems with one order quantity.

use std::num::Wrapping;

use restock_core::Units;
use restock_core::environment::Environment;

use crate::heuristics::CappedBaseStock;

use super::{LaneEnvironment, LanePolicy, LaneUnits, Lanes, LostSalesLanes, N_LANES, lane_units};

/// A problem whose inventory position is known in lanes.
pub trait InventoryPosition: LaneEnvironment<Action = Lanes<LaneUnits>> {
    /// On hand and on order minus backorders, units.
    fn inventory_position<'a>(&self, state: &'a Self::State) -> &'a Lanes<LaneUnits>;
}

impl InventoryPosition for LostSalesLanes {
    #[inline(always)]
    fn inventory_position<'a>(&self, state: &'a Self::State) -> &'a Lanes<LaneUnits> {
        &state.inventory_position
    }
}

/// Orders up to `base_stock_level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BaseStock {
    /// Inventory position after the order (S), units.
    pub base_stock_level: Units,
}

impl<E: InventoryPosition> LanePolicy<E> for BaseStock {
    #[inline(always)]
    fn act(&self, environment: &E, state: &E::State, order_quantity: &mut Lanes<LaneUnits>) {
        let level = lane_units(self.base_stock_level);
        let position = environment.inventory_position(state);
        for lane in 0..N_LANES {
            order_quantity[lane] = (level - position[lane]).max(Wrapping(0));
        }
    }
}

impl<E: InventoryPosition> LanePolicy<E> for CappedBaseStock {
    #[inline(always)]
    fn act(&self, environment: &E, state: &E::State, order_quantity: &mut Lanes<LaneUnits>) {
        let (level, max_order) = (lane_units(self.base_stock_level), lane_units(self.max_order));
        let position = environment.inventory_position(state);
        for lane in 0..N_LANES {
            order_quantity[lane] = (level - position[lane]).max(Wrapping(0)).min(max_order);
        }
    }
}

/// A policy of the plain environment, asked lane by lane: any policy works in lanes at once, at the speed of its plain
/// form.
#[derive(Clone, Copy, Debug)]
pub struct PlainPolicy<F>(pub F);

impl<E, F> LanePolicy<E> for PlainPolicy<F>
where
    E: LaneEnvironment,
    F: Fn(&<E::Plain as Environment>::State) -> <E::Plain as Environment>::Action + Sync,
{
    fn act(&self, environment: &E, state: &E::State, action: &mut E::Action) {
        for lane in 0..N_LANES {
            environment.set_action(action, lane, &self.0(&environment.lane(state, lane)));
        }
    }
}
