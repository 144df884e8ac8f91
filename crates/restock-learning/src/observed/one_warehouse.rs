//! One warehouse and two retailers as learners see them.

use restock_core::Units;
use restock_core::environment::FiniteEnvironment;
use restock_inventory::environments::one_warehouse::{OneWarehouse, OneWarehouseState, ShipAndOrder};

use super::{Observed, newsvendor_level, states_are_numbered};

/// Levels of the simple policy, units: of all stock, and of each retailer with what is on the way.
fn levels(environment: &OneWarehouse<2>) -> (Units, [Units; 2]) {
    let costs = environment.costs();
    let (warehouse_capacity, retailer_capacity) = environment.capacities();
    let retailers = std::array::from_fn(|idx| {
        let law = &environment.demand()[idx];
        newsvendor_level(law, 2, costs.retailer_holding_cost, costs.stockout_cost).min(retailer_capacity)
    });
    let mean: f64 = environment.demand().iter().map(|law| law.mean()).sum();
    let all = retailers.iter().sum::<Units>() + mean.round() as Units;
    (all.min(warehouse_capacity + 2 * retailer_capacity), retailers)
}

impl Observed for OneWarehouse<2> {
    /// Stock in the warehouse and at each retailer.
    fn n_features(&self) -> usize {
        3
    }

    fn features(&self, state: &OneWarehouseState<2>, features: &mut [f32]) {
        let (warehouse_capacity, retailer_capacity) = self.capacities();
        features[0] = 2.0 * state.warehouse as f32 / warehouse_capacity as f32 - 1.0;
        for (feature, units) in features[1..].iter_mut().zip(&state.retailers) {
            *feature = 2.0 * *units as f32 / retailer_capacity as f32 - 1.0;
        }
    }

    fn n_actions(&self) -> usize {
        let (warehouse_capacity, retailer_capacity) = self.capacities();
        (warehouse_capacity as usize + 1) * (retailer_capacity as usize + 1).pow(2)
    }

    fn action(&self, action_idx: usize) -> ShipAndOrder<2> {
        let radix = self.capacities().1 as usize + 1;
        let shipped = [(action_idx / radix % radix) as Units, (action_idx % radix) as Units];
        ShipAndOrder { shipped, ordered: (action_idx / radix / radix) as Units }
    }

    fn action_idx(&self, action: &ShipAndOrder<2>) -> usize {
        let radix = self.capacities().1 as usize + 1;
        (action.ordered as usize * radix + action.shipped[0] as usize) * radix + action.shipped[1] as usize
    }

    fn allowed(&self, state: &OneWarehouseState<2>, allowed: &mut Vec<usize>) {
        let mut actions = Vec::new();
        self.actions(state, &mut actions);
        allowed.clear();
        allowed.extend(actions.iter().map(|action| self.action_idx(action)));
    }

    fn n_quantities(&self) -> usize {
        3
    }

    /// Shares of what the retailers have room for, and of the warehouse; what is not there is shared out as asked.
    fn nearest(&self, state: &OneWarehouseState<2>, shares: &[f32]) -> usize {
        let (warehouse_capacity, retailer_capacity) = self.capacities();
        let mut asked = [0, 1].map(|idx| (shares[idx] * retailer_capacity as f32).round() as Units);
        while asked.iter().sum::<Units>() > state.warehouse {
            let larger = usize::from(asked[1] > asked[0]);
            asked[larger] -= 1;
        }
        let left = state.warehouse - asked.iter().sum::<Units>();
        let ordered = ((shares[2] * warehouse_capacity as f32).round() as Units).min(warehouse_capacity - left);
        self.action_idx(&ShipAndOrder { shipped: asked, ordered })
    }

    states_are_numbered!();

    /// Retailers are raised to their level as far as the warehouse has stock; all stock together is ordered up to its.
    fn heuristic(&self, state: &OneWarehouseState<2>) -> usize {
        let (all, retailers) = levels(self);
        let (warehouse_capacity, retailer_capacity) = self.capacities();
        let mut shipped = [0; 2];
        let mut left = state.warehouse;
        loop {
            let missing = |idx: usize| retailers[idx] - state.retailers[idx] - shipped[idx];
            let most = usize::from(missing(1) > missing(0));
            if left == 0 || missing(most) <= 0 || shipped[most] >= retailer_capacity {
                break;
            }
            shipped[most] += 1;
            left -= 1;
        }
        let total = state.warehouse + state.retailers.iter().sum::<Units>();
        let ordered = (all - total).clamp(0, warehouse_capacity - left);
        self.action_idx(&ShipAndOrder { shipped, ordered })
    }

    fn heuristic_name(&self) -> String {
        let (all, retailers) = levels(self);
        format!("echelon base-stock, levels {all}, {} and {}", retailers[0], retailers[1])
    }

    fn ordered_units(&self, action: &ShipAndOrder<2>) -> Units {
        action.ordered
    }

    fn on_shelf(&self, state: &OneWarehouseState<2>) -> Units {
        state.warehouse + state.retailers.iter().sum::<Units>()
    }

    /// With an empty warehouse.
    fn at_stock(&self, on_hand: Units) -> Option<OneWarehouseState<2>> {
        let state = OneWarehouseState { warehouse: 0, retailers: [on_hand; 2] };
        (0..=self.capacities().1).contains(&on_hand).then_some(state)
    }
}
