//! An item as an environment: one transition function, that of [`LostSales`] where demand is lost and of [`Backorders`]
//! where it waits.

use rand::{Rng, RngExt};
use restock_core::Units;
use restock_core::environment::{Environment, PeriodOutcome};
use restock_inventory::environments::backorders::{BackorderState, Backorders};
use restock_inventory::environments::lost_sales::LostSalesCosts;
use restock_inventory::environments::{LostSales, LostSalesState};
use restock_inventory::zheng_federgruen::BackorderProblem;

use super::problem::{ItemProblem, ItemState, LEAD_TIME_MAX, Unmet};

/// Positions that a problem whose demand waits may be in, units: never a bound.
const POSITION_MAX: Units = 1 << 40;

/// An item, played period by period.
#[derive(Clone, Debug)]
pub struct ItemEnvironment {
    item: ItemProblem,
    transition: Transition,
}

#[derive(Clone, Debug)]
enum Transition {
    Lost(LostSales),
    Waits(Box<Backorders>),
}

impl ItemEnvironment {
    /// The environment of an item.
    pub fn new(item: ItemProblem) -> Self {
        let (holding_cost, stockout_cost) = item.unit_costs();
        let lead_time = item.lead_time();
        let transition = match item.unmet() {
            Unmet::Lost => {
                let costs = LostSalesCosts { holding_cost, stockout_cost, order_cost: 0.0 };
                // Caps are for enumeration only, which nobody asks for here.
                Transition::Lost(LostSales::with_caps(lead_time, costs, item.demand().to_vec(), 1, 1))
            }
            Unmet::Waits => {
                let problem = BackorderProblem { holding_cost, stockout_cost, order_cost: 0.0, lead_time };
                let demand = item.demand()[0].clone();
                let bounds = (-POSITION_MAX, POSITION_MAX);
                Transition::Waits(Box::new(Backorders::with_bounds(problem, demand, 1, bounds.0, bounds.1)))
            }
        };
        Self { item, transition }
    }

    /// The item.
    pub fn item(&self) -> &ItemProblem {
        &self.item
    }
}

impl Environment for ItemEnvironment {
    type State = ItemState;
    type Action = Units;
    type Chance = Units;

    fn id(&self) -> &'static str {
        "any-item-v1"
    }

    fn initial_state(&self) -> ItemState {
        ItemState::EMPTY
    }

    fn sample_action(&self, state: &ItemState, rng: &mut dyn Rng) -> Units {
        rng.random_range(0..=self.item.max_order(state))
    }

    fn sample_chance(&self, state: &ItemState, _: &Units, rng: &mut dyn Rng) -> Units {
        self.item.demand()[state.phase].sample(rng)
    }

    /// The sequence of events of [`LostSales`] and [`Backorders`]: 1. order, 2. demand, 3. holding and stock-out cost,
    /// 4. receipt.
    fn step(&self, state: &mut ItemState, order_quantity: &Units, demand: &Units) -> PeriodOutcome {
        let n_phases = self.item.demand().len();
        match &self.transition {
            Transition::Lost(lost_sales) => {
                let mut plain =
                    LostSalesState { phase: state.phase, on_hand: state.on_hand, ..lost_sales.initial_state() };
                plain.pipeline[..LEAD_TIME_MAX - 1].copy_from_slice(&state.pipeline);
                let outcome = lost_sales.step(&mut plain, order_quantity, demand);
                state.pipeline.copy_from_slice(&plain.pipeline[..LEAD_TIME_MAX - 1]);
                (state.phase, state.on_hand) = (plain.phase, plain.on_hand);
                outcome
            }
            Transition::Waits(backorders) => {
                let mut plain = BackorderState { net_inventory: state.on_hand, ..backorders.initial_state() };
                plain.pipeline.fill(0);
                plain.pipeline[..LEAD_TIME_MAX - 1].copy_from_slice(&state.pipeline);
                let outcome = backorders.step(&mut plain, order_quantity, demand);
                state.pipeline.copy_from_slice(&plain.pipeline[..LEAD_TIME_MAX - 1]);
                state.on_hand = plain.net_inventory;
                state.phase = (state.phase + 1) % n_phases;
                outcome
            }
        }
    }

    /// Units on the shelf and on the way; what waits is no unit but the promise of one.
    fn units(&self, state: &ItemState) -> Units {
        state.inventory_position() - state.on_hand.min(0)
    }

    fn ordered(&self, _: &ItemState, order_quantity: &Units, _: &Units) -> Units {
        *order_quantity
    }
}

#[cfg(test)]
mod tests {
    use restock_inventory::environments::check_environment;

    use super::*;

    #[test]
    fn is_an_environment() {
        for unmet in [Unmet::Lost, Unmet::Waits] {
            for lead_time in [0, 1, 2, 5, 12] {
                let moments = [(3.0, 2.0), (5.0, 4.0), (1.0, 1.5)];
                let item = ItemProblem::from_moments(lead_time, unmet, 1.0, 9.0, &moments).unwrap();
                check_environment(&ItemEnvironment::new(item), 3, 3_000).unwrap();
            }
        }
    }
}
