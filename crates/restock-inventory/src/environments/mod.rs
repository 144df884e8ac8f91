//! Decision problems, one per file: the state, what is decided, what chance decides, and the transition function that
//! simulation, exact dynamic programming and training share.

mod bounded_vectors;
pub mod check;
pub mod dual_sourcing;
pub mod lost_sales;
pub mod perishable;
pub mod worked_example;

pub use check::{CheckError, check_environment, check_finite_environment};
pub use dual_sourcing::{DualOrder, DualSourcing, DualSourcingState};
pub use lost_sales::{LostSales, LostSalesState};
pub use perishable::{IssuedDemand, IssuingLaw, Perishable, PerishableState};
pub use worked_example::WorkedExample;
