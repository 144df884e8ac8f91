//! The published problems whose optimal cost is known, by family: what learned policies are graded on.

pub use super::dual_sourcing::known as dual_sourcing;
pub use super::joint_replenishment_trucks::known as joint_replenishment_trucks;
pub use super::lost_sales_cyclic_demand::known as lost_sales_cyclic_demand;
pub use super::lost_sales_fixed_cost::known as lost_sales_fixed_cost;
pub use super::lost_sales_zipkin::known as lost_sales_zipkin;
pub use super::moq_backlog::known as moq_backlog;
pub use super::owmr_two_retailers::known as owmr_two_retailers;
pub use super::perishable_de_moor::{DiscountedCost, known as perishable_de_moor};
pub use super::perishable_haijema_minner::known as perishable_haijema_minner;
pub use super::random_lead_times_crossover::known as random_lead_times_crossover;
pub use super::random_yield::known as random_yield;
pub use super::ss_zheng_federgruen::known as ss_zheng_federgruen;

/// A problem of a published table and its optimal cost.
#[derive(Clone, Debug)]
pub struct Known<E> {
    /// The row's name, as that of its [`Case`](super::Case).
    pub id: String,
    /// The problem.
    pub environment: E,
    /// The optimal cost of a period, currency; of perishables after De Moor et al. that of [`DiscountedCost`].
    pub optimum: f64,
}
