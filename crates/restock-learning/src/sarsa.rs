//! SARSA (Rummery & Niranjan 1994, *On-line Q-learning using connectionist systems*) in a table.
//! Read top to bottom: an epoch: state, action, cost ("reward"), next state, next action.
//!
//! `Q(s, a) ← Q(s, a) + α·(c + γ·Q(s', a') - Q(s, a))`, where `a'` is the action taken next
//!
//! # Differences from the paper
//! 1. Costs are minimised instead of rewards maximised, and the values are a table instead of a network.
//! 2. Where the average cost is minimised nothing is discounted: values are relative to a learned average cost (as in
//!    differential Q-learning; Wan, Naik & Sutton 2021).
//! 3. Lanes, restarts and the learning rate are those of [`q_learning`](crate::q_learning).
//! 4. The values learned are those of a policy that explores. Its share of random actions falls from epoch to epoch
//!    towards 0 (greedy in the limit with infinite exploration; Singh et al. 2000).
//!
//! # Result
//! `worked-example`, three seeds: `cargo run --release -p restock-learning --example learners_table`.

use serde_json::Value;

use crate::action_values::{ActionValues, AllowedActions};
use crate::learned_policy::LearnedPolicy;
use crate::observed::Observed;
use crate::q_learning::{Config, start_states};
use crate::stream::{Purpose, Stream};
use crate::training::{Epoch, Learner, Task};

/// A table being learned.
pub struct Sarsa<'a, E: Observed> {
    task: Task<'a, E>,
    config: Config,
    allowed: AllowedActions,
    values: ActionValues,
}

impl<'a, E: Observed> Sarsa<'a, E> {
    /// A table of zeros.
    ///
    /// # Panics
    /// When states are not numbered or do not fit a table.
    pub fn new(task: Task<'a, E>, config: Config) -> Self {
        let n_states = task.environment.n_numbered().expect("a problem with numbered states");
        let values = ActionValues::new(n_states, task.environment.n_actions());
        Self { task, config, allowed: AllowedActions::new(task.environment), values }
    }

    /// SARSA's usual exploration: it must come to an end, see the head of this file.
    pub fn usual_config() -> Config {
        Config { exploration_min: 0.005, ..Config::default() }
    }
}

impl<E: Observed> Learner for Sarsa<'_, E> {
    fn name(&self) -> &'static str {
        "sarsa"
    }

    fn epoch(&mut self, epoch: u64) -> Epoch {
        let (environment, seed) = (self.task.environment, self.task.seed);
        let exploration = self.config.exploration_in(epoch);
        let choose = |values: &ActionValues, number: usize, lane: u64, period: u64| {
            let mut stream = Stream::new(seed, Purpose::Exploration, epoch, lane, period);
            values.explore(&self.allowed, number, exploration, &mut stream)
        };
        let mut states = start_states(environment, seed, epoch, self.config.n_lanes);
        let mut action_idxs: Vec<usize> = (0..self.config.n_lanes)
            .map(|lane| choose(&self.values, environment.number(&states[lane as usize]), lane, 0))
            .collect();
        let mut total = 0.0;
        for period in 0..self.config.n_periods {
            for lane in 0..self.config.n_lanes {
                let state = &mut states[lane as usize];
                let (number, action_idx) = (environment.number(state), action_idxs[lane as usize]);
                let mut stream = Stream::new(seed, Purpose::Training, epoch, lane, period);
                let cost = environment.play(state, action_idx, &mut stream);
                total += cost;
                // The next action is chosen first; what follows is valued by it.
                let next = environment.number(state);
                let next_action = choose(&self.values, next, lane, period + 1);
                let next_value = self.values.value(next, next_action);
                self.values.update(self.task.criterion, number, action_idx, cost, next_value);
                action_idxs[lane as usize] = next_action;
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
