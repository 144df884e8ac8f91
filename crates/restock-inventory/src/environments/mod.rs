//! Decision problems, one per file: the state, what is decided, what chance decides, and the transition function that
//! simulation, exact dynamic programming and training share.

pub mod catalogue;
pub mod check;
pub mod lost_sales;
pub mod worked_example;

pub use catalogue::catalogue;
pub use check::{CheckError, check_environment, check_finite_environment};
pub use lost_sales::{LostSales, LostSalesState};
pub use worked_example::WorkedExample;
