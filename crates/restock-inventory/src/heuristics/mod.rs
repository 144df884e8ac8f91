//! Heuristic policies for decision problems, one per file: pure functions from a state and a problem to an action, and
//! the search for their parameters.

pub mod capped_base_stock;
pub mod line_search;
pub mod myopic;
pub mod order_up_to_rule;
pub mod projected_inventory_level;

pub use capped_base_stock::CappedBaseStock;
pub use line_search::line_search;
pub use myopic::myopic_order;
pub use order_up_to_rule::OrderUpToRule;
pub use projected_inventory_level::ProjectedInventoryLevel;
