//! Heuristic policies for decision problems, one per file: pure functions from a state and a problem to an action.

pub mod echelon_base_stock;
pub mod network_base_stock;
pub mod shang_song;
