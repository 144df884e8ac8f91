//! Learned policies: what training returns, what a file holds, and what plays.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::batch;
use crate::network::Network;
use crate::observed::Observed;

/// States that are put into a table at most; more are asked one by one.
const N_TABULATED_MAX: usize = 8_000_000;

/// States handed to a thread at a time.
const CHUNK: usize = 4_096;

/// A learned policy, a pure function from a state to the number of an action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum LearnedPolicy {
    /// An action for each numbered state.
    Table {
        /// `[n_states]`: numbers of actions.
        actions: Vec<u32>,
    },
    /// A network from an observation to an action.
    Network {
        /// Its shape.
        network: Network,
        /// Its weights.
        weights: Vec<f32>,
        /// What its outputs mean.
        head: Head,
    },
}

/// What the outputs of a network mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Head {
    /// A cost for each action, the lowest is chosen; further outputs are not read.
    LowestCost,
    /// A score for each action, the highest is chosen.
    HighestScore,
    /// Quantities, as what a hyperbolic tangent takes to shares of the largest; further outputs are not read.
    Quantities,
}

impl LearnedPolicy {
    /// The table of a solved problem: `[n_states]` actions.
    pub fn solved<E: Observed>(environment: &E, actions: &[E::Action]) -> Self {
        Self::Table { actions: actions.iter().map(|action| environment.action_idx(action) as u32).collect() }
    }

    /// The number of the action in a state.
    ///
    /// # Panics
    /// When the policy was learned on another problem.
    pub fn act<E: Observed>(&self, environment: &E, state: &E::State) -> usize {
        match self {
            Self::Table { actions } => actions[environment.number(state)] as usize,
            Self::Network { network, weights, head } => {
                let mut features = vec![0.0; environment.n_features()];
                environment.features(state, &mut features);
                let outputs = batch::outputs(network, &network.load(weights), &features);
                head.choose(environment, state, &outputs, &mut Vec::new())
            }
        }
    }

    /// The same policy as a table, where states can be numbered and are not too many: it plays many times faster.
    pub fn tabulated<E: Observed>(&self, environment: &E) -> Self {
        let Self::Network { network, weights, head } = self else { return self.clone() };
        let Some(n_states) = environment.n_numbered().filter(|n| *n <= N_TABULATED_MAX) else { return self.clone() };
        let loaded = network.load(weights);
        let n_features = environment.n_features();
        let n_outputs = network.n_outputs();
        let chunks: Vec<Vec<u32>> = (0..n_states.div_ceil(CHUNK))
            .into_par_iter()
            .map(|chunk_idx| {
                let numbers = chunk_idx * CHUNK..n_states.min((chunk_idx + 1) * CHUNK);
                let states: Vec<E::State> = numbers.map(|number| environment.numbered(number)).collect();
                let mut features = vec![0.0; states.len() * n_features];
                for (state, features) in states.iter().zip(features.chunks_exact_mut(n_features)) {
                    environment.features(state, features);
                }
                let outputs = batch::outputs(network, &loaded, &features);
                let mut allowed = Vec::new();
                let choose = |(state, outputs)| head.choose(environment, state, outputs, &mut allowed) as u32;
                states.iter().zip(outputs.chunks_exact(n_outputs)).map(choose).collect()
            })
            .collect();
        Self::Table { actions: chunks.concat() }
    }
}

impl Head {
    /// The number of the action that outputs `[n_outputs]` choose in a state.
    pub(crate) fn choose<E: Observed>(
        self,
        environment: &E,
        state: &E::State,
        outputs: &[f32],
        allowed: &mut Vec<usize>,
    ) -> usize {
        match self {
            Self::Quantities => {
                let shares: Vec<f32> = outputs[..environment.n_quantities()].iter().map(|x| share_of(*x)).collect();
                environment.nearest(state, &shares)
            }
            Self::LowestCost | Self::HighestScore => {
                environment.allowed(state, allowed);
                let sign = if self == Self::LowestCost { 1.0 } else { -1.0 };
                let lowest = allowed.iter().min_by(|a, b| (sign * outputs[**a]).total_cmp(&(sign * outputs[**b])));
                *lowest.expect("every state allows an action")
            }
        }
    }
}

/// The share of the largest quantity that an output stands for: a hyperbolic tangent, moved to 0 to 1.
pub(crate) fn share_of(output: f32) -> f32 {
    0.5 * (output.tanh() + 1.0)
}
