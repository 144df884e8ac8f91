//! Costs as networks learn them: centred and scaled by what a simple policy costs, and how the future is weighed.
//!
//! # Average cost and discounting
//! Networks learn values with a discount factor. Where a problem discounts, it is the problem's own and nothing else
//! discounts. Where the average cost is minimised it is [`NEAR_ONE`] on costs less the average cost of the simple policy
//! (reward centring; Naik et al. 2024): values then stay small whatever the discount factor, and the policy that is best
//! for this discount factor is nearly the best on average (Blackwell 1962). Policies are always graded by the problem's
//! own criterion. Taking a constant off the cost of every period changes no comparison of policies.

use restock_inventory::exact::Criterion;

use crate::observed::Observed;
use crate::stream::{Purpose, Stream};
use crate::training::Task;

/// The discount factor that stands for the average cost.
pub const NEAR_ONE: f64 = 0.97;

/// How costs are seen by a network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct CostScale {
    /// Mean cost of the simple policy, currency per period.
    pub(crate) mean: f64,
    /// Standard deviation of its cost, currency.
    pub(crate) deviation: f64,
    /// The discount factor.
    pub(crate) discount_factor: f64,
}

impl CostScale {
    /// From 64 lanes of 200 periods of the simple policy, after 50 of warm-up.
    pub(crate) fn new<E: Observed>(task: &Task<'_, E>) -> Self {
        let environment = task.environment;
        let (mut n, mut sum, mut squares) = (0.0, 0.0, 0.0);
        for lane in 0..64 {
            let mut state = environment.initial_state();
            for period in 0..250 {
                let action_idx = environment.heuristic(&state);
                // Lanes beyond those of any epoch.
                let mut stream = Stream::new(task.seed, Purpose::Training, u64::MAX, lane, period);
                let cost = environment.play(&mut state, action_idx, &mut stream);
                if period >= 50 {
                    n += 1.0;
                    sum += cost;
                    squares += cost * cost;
                }
            }
        }
        let mean: f64 = sum / n;
        let deviation = (squares / n - mean * mean).max(0.0).sqrt().max(1e-6 * mean.abs()).max(1e-9);
        let discount_factor = match task.criterion {
            Criterion::Average => NEAR_ONE,
            Criterion::Discounted { discount_factor } => discount_factor,
        };
        Self { mean, deviation, discount_factor }
    }

    /// A cost as a network sees it.
    pub(crate) fn scaled(&self, cost: f64) -> f32 {
        ((cost - self.mean) / self.deviation) as f32
    }
}
