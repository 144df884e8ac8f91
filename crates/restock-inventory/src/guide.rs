//! The textbook: a page per family of problems. The code on a page computes its numbers and runs as a test.

#[doc = include_str!("../guide/economic_order_quantity.md")]
pub mod economic_order_quantity {}

#[doc = include_str!("../guide/fixed_order_cost.md")]
pub mod fixed_order_cost {}

#[doc = include_str!("../guide/lost_sales.md")]
pub mod lost_sales {}

#[doc = include_str!("../guide/newsvendor.md")]
pub mod newsvendor {}

#[doc = include_str!("../guide/worked_example.md")]
pub mod worked_example {}
