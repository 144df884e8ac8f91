//! Values of actions in a table, one for each numbered state and action: what Q-learning and SARSA learn.
//!
//! A value is the expected cost from taking an action in a state: discounted, or for average cost relative to the average
//! (differential values), so that nothing is discounted where the problem is not.

use serde::{Deserialize, Serialize};

use restock_inventory::exact::Criterion;

use crate::learned_policy::LearnedPolicy;
use crate::observed::Observed;
use crate::stream::Stream;

/// Most entries of a table.
pub(crate) const N_ENTRIES_MAX: usize = 20_000_000;

/// The exponent of the learning rate `n^-ω` of an entry's n-th visit (Even-Dar & Mansour 2003).
const LEARNING_RATE_EXPONENT: f64 = 0.77;

/// Learning rate of the average cost as a share of that of values (η of Wan, Naik & Sutton 2021).
const AVERAGE_COST_RATE: f64 = 0.02;

/// Values and visits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ActionValues {
    n_actions: usize,
    /// `[n_states · n_actions]`: expected cost, currency; 0 is better than any cost, so what is new is tried.
    values: Vec<f32>,
    /// `[n_states · n_actions]`: visits.
    visits: Vec<u32>,
    /// Estimated average cost per period, currency; 0 where costs are discounted.
    average_cost: f64,
}

/// Actions that each numbered state allows.
#[derive(Clone, Debug)]
pub(crate) struct AllowedActions {
    /// `[n_states + 1]`: where each state's actions start.
    first: Vec<usize>,
    actions: Vec<u32>,
}

impl AllowedActions {
    pub(crate) fn new<E: Observed>(environment: &E) -> Self {
        let n_states = environment.n_numbered().expect("a problem with numbered states");
        let mut allowed = Vec::new();
        let mut all = Self { first: vec![0], actions: Vec::new() };
        for number in 0..n_states {
            environment.allowed(&environment.numbered(number), &mut allowed);
            all.actions.extend(allowed.iter().map(|action_idx| *action_idx as u32));
            all.first.push(all.actions.len());
        }
        all
    }

    pub(crate) fn of(&self, state: usize) -> &[u32] {
        &self.actions[self.first[state]..self.first[state + 1]]
    }

    fn n_states(&self) -> usize {
        self.first.len() - 1
    }
}

impl ActionValues {
    /// # Panics
    /// When there would be more than [`N_ENTRIES_MAX`] entries.
    pub(crate) fn new(n_states: usize, n_actions: usize) -> Self {
        let n_entries = n_states * n_actions;
        assert!(n_entries <= N_ENTRIES_MAX, "{n_states} states of {n_actions} actions do not fit a table");
        Self { n_actions, values: vec![0.0; n_entries], visits: vec![0; n_entries], average_cost: 0.0 }
    }

    pub(crate) fn value(&self, state: usize, action: usize) -> f64 {
        f64::from(self.values[state * self.n_actions + action])
    }

    /// The action with the lowest value; the first of several.
    pub(crate) fn greedy(&self, allowed: &AllowedActions, state: usize) -> usize {
        let row = &self.values[state * self.n_actions..(state + 1) * self.n_actions];
        let (mut best, mut best_value) = (0, f32::INFINITY);
        for action in allowed.of(state) {
            let value = row[*action as usize];
            if value < best_value {
                (best, best_value) = (*action as usize, value);
            }
        }
        best
    }

    /// The greedy action or, with probability `exploration`, any.
    pub(crate) fn explore(
        &self,
        allowed: &AllowedActions,
        state: usize,
        exploration: f64,
        stream: &mut Stream,
    ) -> usize {
        if stream.uniform() < exploration {
            let actions = allowed.of(state);
            return actions[stream.below(actions.len())] as usize;
        }
        self.greedy(allowed, state)
    }

    /// Moves a value towards a cost and the value of what follows.
    pub(crate) fn update(&mut self, criterion: Criterion, state: usize, action: usize, cost: f64, next_value: f64) {
        let entry = state * self.n_actions + action;
        self.visits[entry] = self.visits[entry].saturating_add(1);
        let learning_rate = f64::from(self.visits[entry]).powf(-LEARNING_RATE_EXPONENT);
        let value = f64::from(self.values[entry]);
        let error = match criterion {
            Criterion::Discounted { discount_factor } => cost + discount_factor * next_value - value,
            Criterion::Average => cost - self.average_cost + next_value - value,
        };
        self.values[entry] = (value + learning_rate * error) as f32;
        if criterion == Criterion::Average {
            self.average_cost += AVERAGE_COST_RATE * learning_rate * error;
        }
    }

    /// The greedy policy over actions that were tried; the simple policy where none was.
    pub(crate) fn policy<E: Observed>(&self, environment: &E, allowed: &AllowedActions) -> LearnedPolicy {
        let action = |state: usize| {
            let entry = |action: u32| state * self.n_actions + action as usize;
            let tried = allowed.of(state).iter().filter(|action| self.visits[entry(**action)] > 0);
            let best = tried.min_by(|a, b| self.values[entry(**a)].total_cmp(&self.values[entry(**b)]));
            best.copied().unwrap_or_else(|| environment.heuristic(&environment.numbered(state)) as u32)
        };
        LearnedPolicy::Table { actions: (0..allowed.n_states()).map(action).collect() }
    }
}
