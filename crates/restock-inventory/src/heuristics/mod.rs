//! Policies that are good without being optimal, one per file: pure functions from state and problem to an action, with
//! the search for their parameters.

pub mod base_stock;
pub mod capped_dual_index;

pub use base_stock::{CappedBaseStock, best_base_stock_level};
pub use capped_dual_index::CappedDualIndex;
