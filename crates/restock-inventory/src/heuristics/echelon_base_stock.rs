//! Echelon base-stock: each stage lifts the inventory position of its echelon, itself and all stages downstream, to a
//! level (Clark & Scarf 1960). Optimal for serial systems with the levels of [`crate::clark_scarf`].

use restock_core::Units;

use crate::environments::serial::{PerStage, STAGES_MAX, SerialState};

/// Orders of a serial system: the echelon level less the echelon inventory position, units; `levels` from the customers
/// upstream.
///
/// # Panics
/// When there are more levels than a serial system has stages.
pub fn serial_orders(state: &SerialState, levels: &[Units]) -> PerStage {
    let mut orders = [0; STAGES_MAX];
    for (j, level) in levels.iter().enumerate() {
        orders[j] = (level - state.echelon_inventory_position(j)).max(0);
    }
    orders
}
