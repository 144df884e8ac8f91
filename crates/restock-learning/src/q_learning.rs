//! Q-learning (Watkins 1989, *Learning from Delayed Rewards*; Watkins & Dayan 1992) in a table.
//! Read top to bottom: `Config`, then an epoch: observe the state, choose the action, execute it, receive the next state
//! and the cost, update `Q`, repeat.
//!
//! `Q(s, a) ← Q(s, a) + α·(c + γ·min over b of Q(s', b) - Q(s, a))`
//!
//! # Differences from the paper
//! 1. Costs are minimised instead of rewards maximised.
//! 2. Where the average cost is minimised nothing is discounted: values are relative to a learned average cost
//!    (differential Q-learning; Wan, Naik & Sutton 2021).
//! 3. Several replications (lanes) share one table and take turns; an epoch restarts all of them, half in the initial
//!    state and half in any state (exploring starts).
//! 4. The learning rate of an entry's n-th visit is `n^-0.77` (Even-Dar & Mansour 2003).
//!
//! # Result
//! `worked-example`, three seeds: `cargo run --release -p restock-learning --example learners_table`.

use serde_json::Value;

use crate::action_values::{ActionValues, AllowedActions};
use crate::learned_policy::LearnedPolicy;
use crate::observed::Observed;
use crate::stream::{Purpose, Stream};
use crate::training::{Epoch, Learner, Task};

/// How to learn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// Replications that share the table.
    pub n_lanes: u64,
    /// Periods that each lane plays in an epoch.
    pub n_periods: u64,
    /// Share of actions chosen at random in the first epoch; in epoch `k` it is `exploration / (1 + k/10)` ...
    pub exploration: f64,
    /// ... but at least this.
    pub exploration_min: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { n_lanes: 64, n_periods: 2_000, exploration: 0.3, exploration_min: 0.05 }
    }
}

impl Config {
    /// The share of actions chosen at random in an epoch.
    pub(crate) fn exploration_in(&self, epoch: u64) -> f64 {
        (self.exploration / (1.0 + 0.1 * epoch as f64)).max(self.exploration_min)
    }
}

/// A table being learned.
pub struct QLearning<'a, E: Observed> {
    task: Task<'a, E>,
    config: Config,
    allowed: AllowedActions,
    values: ActionValues,
}

impl<'a, E: Observed> QLearning<'a, E> {
    /// A table of zeros.
    ///
    /// # Panics
    /// When states are not numbered or do not fit a table.
    pub fn new(task: Task<'a, E>, config: Config) -> Self {
        let n_states = task.environment.n_numbered().expect("a problem with numbered states");
        let values = ActionValues::new(n_states, task.environment.n_actions());
        Self { task, config, allowed: AllowedActions::new(task.environment), values }
    }
}

impl<E: Observed> Learner for QLearning<'_, E> {
    fn name(&self) -> &'static str {
        "q-learning"
    }

    fn epoch(&mut self, epoch: u64) -> Epoch {
        let (environment, seed) = (self.task.environment, self.task.seed);
        let exploration = self.config.exploration_in(epoch);
        let mut states = start_states(environment, seed, epoch, self.config.n_lanes);
        let mut total = 0.0;
        for period in 0..self.config.n_periods {
            for lane in 0..self.config.n_lanes {
                // Observe the state.
                let state = &mut states[lane as usize];
                let number = environment.number(state);
                // Choose the action.
                let mut stream = Stream::new(seed, Purpose::Exploration, epoch, lane, period);
                let action_idx = self.values.explore(&self.allowed, number, exploration, &mut stream);
                // Execute it, receive the next state and the cost.
                let mut stream = Stream::new(seed, Purpose::Training, epoch, lane, period);
                let cost = environment.play(state, action_idx, &mut stream);
                total += cost;
                // Update: what follows is valued as if the best action were taken there.
                let next = environment.number(state);
                let next_value = self.values.value(next, self.values.greedy(&self.allowed, next));
                self.values.update(self.task.criterion, number, action_idx, cost, next_value);
            }
        }
        let n_periods = self.config.n_periods * self.config.n_lanes;
        Epoch { n_periods, training_cost: total / n_periods as f64 }
    }

    fn policy(&self) -> LearnedPolicy {
        self.values.policy(self.task.environment, &self.allowed)
    }

    fn save(&self) -> Value {
        serde_json::to_value(&self.values).expect("a table of finite numbers")
    }

    fn load(&mut self, saved: &Value) -> Result<(), serde_json::Error> {
        self.values = serde_json::from_value(saved.clone())?;
        Ok(())
    }
}

/// The initial state in every other lane, any numbered state in the rest.
pub(crate) fn start_states<E: Observed>(environment: &E, seed: u64, epoch: u64, n_lanes: u64) -> Vec<E::State> {
    let n_states = environment.n_numbered().expect("a problem with numbered states");
    let start = |lane: u64| match lane % 2 {
        0 => environment.initial_state(),
        _ => environment.numbered(Stream::new(seed, Purpose::Sampling, epoch, lane, 0).below(n_states)),
    };
    (0..n_lanes).map(start).collect()
}
