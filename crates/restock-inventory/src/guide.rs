//! The textbook: a page per family of problems. The code on a page computes its numbers and runs as a test.

#[doc = include_str!("../guide/dual_sourcing.md")]
pub mod dual_sourcing {}

#[doc = include_str!("../guide/economic_order_quantity.md")]
pub mod economic_order_quantity {}

#[doc = include_str!("../guide/fixed_order_cost.md")]
pub mod fixed_order_cost {}

#[doc = include_str!("../guide/guaranteed_service.md")]
pub mod guaranteed_service {}

#[doc = include_str!("../guide/lost_sales.md")]
pub mod lost_sales {}

#[doc = include_str!("../guide/lot_sizing.md")]
pub mod lot_sizing {}

#[doc = include_str!("../guide/minimum_order.md")]
pub mod minimum_order {}

#[doc = include_str!("../guide/networks.md")]
pub mod networks {}

#[doc = include_str!("../guide/newsvendor.md")]
pub mod newsvendor {}

#[doc = include_str!("../guide/one_warehouse.md")]
pub mod one_warehouse {}

#[doc = include_str!("../guide/perishable.md")]
pub mod perishable {}

#[doc = include_str!("../guide/random_lead_times.md")]
pub mod random_lead_times {}

#[doc = include_str!("../guide/random_yield.md")]
pub mod random_yield {}

#[doc = include_str!("../guide/serial.md")]
pub mod serial {}

#[doc = include_str!("../guide/trucks.md")]
pub mod trucks {}

#[doc = include_str!("../guide/worked_example.md")]
pub mod worked_example {}
