//! Learning to replenish: decision problems in, learned policies out.
//!
//! - [`observed`] is what learners see of a decision problem.
//! - [`training`] runs the epochs of a learner until it has converged or its budget is spent.
//! - [`q_learning`] and [`sarsa`] are the learners, one file each in the order of its paper.
//! - [`grade`] measures what was learned, exactly where the optimum is known.
//! - [`stream`] is where randomness comes from: everything is a function of the seed, whatever the number of threads.

mod action_values;
pub mod grade;
pub mod observed;
pub mod policy;
pub mod q_learning;
pub mod sarsa;
pub mod simulation;
pub mod stream;
pub mod training;

pub use observed::Observed;
pub use policy::LearnedPolicy;
