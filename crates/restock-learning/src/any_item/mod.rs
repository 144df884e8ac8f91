//! Any single item without order cost: what the pretrained policy is trained on and decides for.
//!
//! Read in this order: [`problem`] says what an item is and what a policy is told of it, [`environment`] plays it,
//! [`projection`] computes what stock will be when an order arrives, [`generator`] draws random items. The relaxation
//! that trains is [`crate::relaxed::any_item`], the policy [`crate::pretrained_policy`].

pub mod environment;
pub mod generator;
pub mod problem;
pub mod projection;

pub use environment::ItemEnvironment;
pub use generator::{ItemGenerator, ItemRange};
pub use problem::{ItemProblem, ItemProblemError, ItemState, LEAD_TIME_MAX, Unmet};
