//! Decision problems, one per file: the state, what is decided, what chance decides, and the transition function that
//! simulation, exact dynamic programming and training share.

pub mod backorders;
mod bounded_vectors;
pub mod catalogue;
pub mod check;
pub mod dual_sourcing;
pub mod exponential_lead_times;
pub mod joint_replenishment;
pub mod lost_sales;
pub mod network;
pub mod one_warehouse;
pub mod perishable;
pub mod portfolio;
pub mod random_lead_times;
pub mod random_yield;
pub mod serial;
pub mod stochastic_lead_times;
pub mod warehouse_chain;
pub mod worked_example;

pub use backorders::{BackorderPosition, BackorderState, Backorders};
pub use catalogue::catalogue;
pub use check::{CheckError, check_environment, check_finite_environment};
pub use dual_sourcing::{DualOrder, DualSourcing, DualSourcingState};
pub use exponential_lead_times::{ExponentialLeadTimes, ExponentialLeadTimesState};
pub use joint_replenishment::JointReplenishment;
pub use lost_sales::{LostSales, LostSalesState};
pub use network::{Network, NetworkState};
pub use one_warehouse::{OneWarehouse, OneWarehouseState, ShipAndOrder};
pub use perishable::{IssuedDemand, IssuingLaw, Perishable, PerishableState};
pub use portfolio::{Portfolio, PortfolioState};
pub use random_lead_times::{RandomLeadTimes, RandomLeadTimesState};
pub use random_yield::{RandomYield, Yield};
pub use serial::{Serial, SerialState};
pub use stochastic_lead_times::{StochasticLeadTimes, StochasticLeadTimesState};
pub use warehouse_chain::{WarehouseChain, WarehouseChainState};
pub use worked_example::WorkedExample;
