//! Decision problems to learned policies.
//!
//! Networks and their optimiser are in [`network`] and [`adam`]. Every learner is a file of its own that follows its
//! paper from top to bottom; seeds are arguments, and results do not depend on the number of threads. Between kinds of
//! processors the last digits of sums in `f32` may differ.

pub mod adam;
pub mod elementary;
pub mod network;
pub mod pathwise;
pub mod policy;
pub mod relaxed;
pub mod rollout;
