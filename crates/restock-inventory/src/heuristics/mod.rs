//! Heuristic policies for decision problems, one per file: pure functions from a state and a problem to an action, and
//! the search for their parameters.

pub mod aggregate_order_up_to;
pub mod capped_base_stock;
pub mod capped_dual_index;
pub mod echelon_base_stock;
pub mod echelon_rationing;
pub mod line_search;
pub mod linear_inflation;
pub mod link_base_stock;
pub mod minimum_order_rule;
pub mod myopic;
pub mod network_base_stock;
pub mod order_up_to_rule;
pub mod power_approximation;
pub mod projected_inventory_level;
pub mod shang_song;

pub use aggregate_order_up_to::AggregateOrderUpTo;
pub use capped_base_stock::CappedBaseStock;
pub use capped_dual_index::CappedDualIndex;
pub use echelon_rationing::EchelonRationing;
pub use line_search::line_search;
pub use linear_inflation::LinearInflation;
pub use link_base_stock::LinkBaseStock;
pub use minimum_order_rule::MinimumOrderRule;
pub use myopic::myopic_order;
pub use order_up_to_rule::OrderUpToRule;
pub use power_approximation::{power_approximation, revised_power_approximation};
pub use projected_inventory_level::ProjectedInventoryLevel;
