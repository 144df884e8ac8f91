//! Lost sales with a lead time as learners see them.

use restock_core::Units;
use restock_inventory::discrete_demand::DiscreteDemand;
use restock_inventory::environments::{LostSales, LostSalesState};

use super::{Observed, PreparedPolicy, action_is_units, states_are_numbered};

/// Units in the pipeline that a state has room for.
fn n_pipeline(environment: &LostSales) -> usize {
    environment.lead_time().saturating_sub(1)
}

/// Mean demand of the largest phase, units.
fn usual_demand(environment: &LostSales) -> f32 {
    environment.demand().iter().map(DiscreteDemand::mean).fold(1e-3, f64::max) as f32
}

/// The newsvendor level of the demand until an order placed in a phase has been sold from, units.
fn level(environment: &LostSales, phase: usize) -> Units {
    let costs = environment.costs();
    let demand = environment.demand();
    let laws = (0..=environment.lead_time()).map(|period| &demand[(phase + period) % demand.len()]);
    DiscreteDemand::sum(laws).quantile(costs.stockout_cost / (costs.stockout_cost + costs.holding_cost))
}

impl Observed for LostSales {
    /// On hand, the pipeline and, where demand is cyclic, a 1 for the phase.
    fn n_features(&self) -> usize {
        let n_phases = self.demand().len();
        1 + n_pipeline(self) + if n_phases > 1 { n_phases } else { 0 }
    }

    fn features(&self, state: &LostSalesState, features: &mut [f32]) {
        let usual = usual_demand(self);
        let (stock, phases) = features.split_at_mut(1 + n_pipeline(self));
        stock[0] = state.on_hand as f32 / usual - 1.0;
        for (feature, quantity) in stock[1..].iter_mut().zip(&state.pipeline) {
            *feature = *quantity as f32 / usual - 1.0;
        }
        for (phase, feature) in phases.iter_mut().enumerate() {
            *feature = f32::from(u8::from(phase == state.phase));
        }
    }

    fn n_actions(&self) -> usize {
        self.max_order(&restock_core::environment::Environment::initial_state(self)) as usize + 1
    }

    action_is_units!();

    states_are_numbered!();

    fn heuristic(&self, state: &LostSalesState) -> usize {
        (level(self, state.phase) - state.inventory_position()).clamp(0, self.max_order(state)) as usize
    }

    fn prepared_heuristic(&self) -> PreparedPolicy<'_, LostSalesState> {
        let levels: Vec<Units> = (0..self.demand().len()).map(|phase| level(self, phase)).collect();
        Box::new(move |state| {
            (levels[state.phase] - state.inventory_position()).clamp(0, self.max_order(state)) as usize
        })
    }

    fn heuristic_name(&self) -> String {
        format!("newsvendor, S = {}, capped", level(self, 0))
    }

    fn on_shelf(&self, state: &LostSalesState) -> Units {
        state.on_hand
    }

    fn at_stock(&self, on_hand: Units) -> Option<LostSalesState> {
        let empty = restock_core::environment::Environment::initial_state(self);
        (0..=self.caps().1).contains(&on_hand).then_some(LostSalesState { on_hand, ..empty })
    }
}
