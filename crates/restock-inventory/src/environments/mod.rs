//! Decision problems, one per file: the state, what is decided, what chance decides, and the transition function that
//! simulation, exact dynamic programming and training share.

pub mod check;
pub mod lost_sales;
pub mod network;
pub mod serial;
pub mod worked_example;

pub use check::{CheckError, check_environment, check_finite_environment};
pub use lost_sales::{LostSales, LostSalesState};
pub use network::{Network, NetworkState};
pub use serial::{Serial, SerialState};
pub use worked_example::WorkedExample;
