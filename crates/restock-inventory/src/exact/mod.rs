//! Exact solutions of finite environments by dynamic programming.
//!
//! [`solve`] finds an optimal policy, [`evaluate`] the cost of a given one, both for discounted and for long-run average
//! cost, by enumerating the environment's own transition function.

mod markov;
mod objective;
#[cfg(test)]
mod tests;

pub use markov::{Criterion, Evaluation, Method, Settings, Solution, evaluate, solve};
pub use objective::{ObjectiveError, check_objective};
