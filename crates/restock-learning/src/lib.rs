//! Decision problems to learned policies.
//!
//! Networks and their optimiser are in [`network`] and [`adam`]. Every learner is a file of its own that follows its
//! paper from top to bottom; seeds are arguments, and results do not depend on the number of threads. Between kinds of
//! processors the last digits of sums in `f32` may differ.
//!
//! Learning from samples: [`observed`] is what learners see of a decision problem, [`training`] runs the epochs of a
//! learner until it has converged or its budget is spent, [`grade`] measures what was learned, exactly where the optimum
//! is known, and [`stream`] is where randomness comes from. The learners are [`q_learning`],
//! [`sarsa`], [`dqn`], [`reinforce`], [`ppo`] and [`controlled`]; [`differentiable`] puts [`pathwise`] beside them,
//! [`policy_iteration`] improves any policy by simulation where states can be numbered,
//! [`pretrained_policy`] decides for any single item without training, [`pretraining`] made its weights,
//! [`algorithm`] is the rule that chooses one, and [`learn`] does all of it for a described problem.
//!
//! What is asked for beyond a problem's costs is in [`reward`]; [`constrained`] and [`service`] reach a service level, [`never_order`]
//! refuses what has no reason to order, [`preview`] shows an optimum before training, and [`tune`] searches settings.

pub mod action_law;
mod action_values;
pub mod adam;
pub mod algorithm;
pub mod any_item;
mod batch;
pub mod constrained;
pub mod controlled;
pub mod costs;
pub mod differentiable;
pub mod dqn;
pub mod elementary;
pub mod figures;
pub mod grade;
pub mod guarded;
pub mod hyper;
pub mod learn;
pub mod learned_policy;
pub mod network;
pub mod never_order;
pub mod observed;
pub mod pathwise;
pub mod policy;
pub mod policy_iteration;
pub mod portfolio;
pub mod ppo;
pub mod pretrained_policy;
pub mod pretraining;
pub mod preview;
pub mod q_learning;
pub mod reinforce;
pub mod relaxed;
pub mod reward;
pub mod rollout;
pub mod sarsa;
pub mod service;
mod simple_policies;
pub mod simulation;
pub mod stream;
pub mod successive_halving;
pub mod training;
pub mod tune;

pub use learned_policy::LearnedPolicy;
pub use observed::Observed;
pub use pretrained_policy::PretrainedPolicy;

pub use restock_core::policy::POLICY_NAMES;

use restock_core::policy::Policy;

/// The policy of a name in [`POLICY_NAMES`], or `None`.
pub fn policy(name: &str) -> Option<Box<dyn Policy>> {
    match name {
        "auto" | guarded::NAME => Some(Box::new(guarded::Guarded::default())),
        name => restock_inventory::policy(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_inventory_and_the_learned_one() {
        assert_eq!(POLICY_NAMES[1..POLICY_NAMES.len() - 1], *restock_inventory::POLICY_NAMES);
        assert_eq!(POLICY_NAMES[POLICY_NAMES.len() - 1], guarded::NAME);
        for name in &POLICY_NAMES[1..] {
            assert_eq!(policy(name).expect("a policy").name(), *name);
        }
        for name in POLICY_NAMES.iter().chain(&["days_of_cover:21", "days_of_cover:0", "days_of_cover:x", "oracle", ""])
        {
            assert_eq!(restock_core::policy::is_policy_name(name), policy(name).is_some(), "{name:?}");
        }
        assert_eq!(policy("auto").expect("a policy").name(), guarded::NAME);
        assert!(policy("oracle").is_none());
    }
}
