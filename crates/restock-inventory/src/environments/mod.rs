//! Decision problems, one per file: the state, what is decided, what chance decides, and the transition function that
//! simulation, exact dynamic programming and training share.

pub mod backorders;
pub mod check;
pub mod lost_sales;
pub mod random_yield;
pub mod worked_example;

pub use backorders::{BackorderPosition, BackorderState, Backorders};
pub use check::{CheckError, check_environment, check_finite_environment};
pub use lost_sales::{LostSales, LostSalesState};
pub use random_yield::{RandomYield, Yield};
pub use worked_example::WorkedExample;
