//! Policies that are good without being optimal, one per file: pure functions from state and problem to an action, with
//! the search for their parameters.

pub mod aggregate_order_up_to;
pub mod base_stock;
pub mod capped_dual_index;
pub mod echelon_base_stock;

pub use aggregate_order_up_to::AggregateOrderUpTo;
pub use base_stock::{CappedBaseStock, best_base_stock_level};
pub use capped_dual_index::CappedDualIndex;
pub use echelon_base_stock::EchelonBaseStock;
