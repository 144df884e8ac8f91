//! Exact solutions of finite environments by dynamic programming.
//!
//! [`solve`] finds an optimal policy, [`evaluate`] the cost of a given one, both for discounted and for long-run average
//! cost, by enumerating the environment's own transition function. [`PolicyChain`] follows one policy through the states
//! it reaches, which are often few among many.

mod markov;
mod objective;
mod policy_chain;
#[cfg(test)]
mod tests;

pub use markov::{Criterion, Evaluation, Method, Settings, Solution, evaluate, solve, solve_watched};
pub use objective::{ObjectiveError, check_objective};
pub use policy_chain::PolicyChain;
