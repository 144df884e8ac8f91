//! Learned policies: what training returns, what a file holds, and what plays.

use serde::{Deserialize, Serialize};

use crate::observed::Observed;

/// A learned policy, a pure function from a state to the number of an action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum LearnedPolicy {
    /// An action for each numbered state.
    Table {
        /// `[n_states]`: numbers of actions.
        actions: Vec<u32>,
    },
}

impl LearnedPolicy {
    /// The number of the action in a state.
    ///
    /// # Panics
    /// When the policy was learned on another problem.
    pub fn act<E: Observed>(&self, environment: &E, state: &E::State) -> usize {
        match self {
            Self::Table { actions } => actions[environment.number(state)] as usize,
        }
    }
}
