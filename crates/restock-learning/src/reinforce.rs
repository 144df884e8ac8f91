//! REINFORCE with a baseline (Williams 1992, *Machine Learning* 8) over order quantities.
//! Read top to bottom: `Config`, the networks, an epoch: episodes, costs to go, update.
//!
//! `θ ← θ - α·(G - b(s))·∇ ln π(a | s)`, where `G` is the discounted cost to go and `b` a baseline
//!
//! # Differences from the paper
//! 1. Costs are minimised instead of rewards maximised, centred and scaled as `costs.rs` says.
//! 2. Problems go on forever: an episode is cut after a number of periods, and only actions with enough periods after
//!    them are learned from, so that what is cut off hardly counts.
//! 3. The baseline is a network of the state, fitted to costs to go by squared error; cost to go less baseline is
//!    normalised over all episodes.
//! 4. Updates are Adam's; the entropy bonus that keeps exploration alive is Williams & Peng's (1991). Both rates fall
//!    with the epochs.
//! 5. Episodes start half in the initial state and half in any state.
//!
//! # Result
//! Lost sales, lead times up to 4: `cargo run --release -p restock-learning --example learners_table`.

use restock_inventory::lanes::network::Activation;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::action_law::{ActionLaw, Rollout, play};
use crate::adam::{Adam, AdamSettings};
use crate::batch;
use crate::costs::CostScale;
use crate::learned_policy::LearnedPolicy;
use crate::network::Network;
use crate::observed::Observed;
use crate::ppo::normalise;
use crate::q_learning::start_states;
use crate::stream::{Purpose, Stream};
use crate::training::{Epoch, Learner, Task};

/// How to learn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// The law of actions.
    pub law: ActionLaw,
    /// Units of each hidden layer.
    pub n_hidden: usize,
    /// Episodes of an update.
    pub n_lanes: usize,
    /// Periods of an episode that are learned from.
    pub n_periods: u64,
    /// Periods after them whose costs count as well.
    pub n_after: u64,
    /// Updates of an epoch.
    pub n_updates: u64,
    /// Weight of the entropy in the first epoch; in epoch `k` it is `entropy / (1 + k/5)`.
    pub entropy: f64,
    /// Learning rate of Adam in the first epoch; in epoch `k` it is `learning_rate / (1 + k/20)`.
    pub learning_rate: f64,
}

impl Config {
    /// What works for most problems with a law.
    pub fn new(law: ActionLaw) -> Self {
        Self {
            law,
            n_hidden: 64,
            n_lanes: 64,
            n_periods: 32,
            n_after: 40,
            n_updates: 40,
            entropy: 0.02,
            learning_rate: 3e-3,
        }
    }
}

/// Policy and baseline being trained.
pub struct Reinforce<'a, E: Observed> {
    task: Task<'a, E>,
    config: Config,
    costs: CostScale,
    policy_network: Network,
    baseline_network: Network,
    state: State,
}

/// What an epoch changes.
#[derive(Serialize, Deserialize)]
struct State {
    policy: Adam,
    baseline: Adam,
}

impl<'a, E: Observed> Reinforce<'a, E> {
    /// Untrained networks.
    pub fn new(task: Task<'a, E>, config: Config) -> Self {
        let (n_features, n_hidden) = (task.environment.n_features(), config.n_hidden);
        let n_outputs = config.law.n_outputs(task.environment);
        let policy_network = Network::new(&[n_features, n_hidden, n_hidden, n_outputs], Activation::Elu);
        let baseline_network = Network::new(&[n_features, n_hidden, n_hidden, 1], Activation::Elu);
        let seed = |of| Stream::new(task.seed, Purpose::Weights, 0, of, 0).bits();
        let mut policy = policy_network.initial_weights(seed(1));
        // Small weights of the last layer: the first policy favours nothing.
        let first_last = policy.len() - (n_hidden + 1) * n_outputs;
        policy[first_last..].iter_mut().for_each(|weight| *weight *= 0.01);
        let baseline = baseline_network.initial_weights(seed(2));
        let settings = AdamSettings::default();
        Self {
            costs: CostScale::new(&task),
            state: State { policy: Adam::new(policy, settings), baseline: Adam::new(baseline, settings) },
            task,
            config,
            policy_network,
            baseline_network,
        }
    }

    /// `[n_periods, n_lanes]`: discounted costs to go of the periods that are learned from.
    fn costs_to_go(&self, rollout: &Rollout) -> Vec<f32> {
        let discount = self.costs.discount_factor as f32;
        let mut to_go = rollout.costs.clone();
        for now in (0..to_go.len() - rollout.n_lanes).rev() {
            to_go[now] += discount * to_go[now + rollout.n_lanes];
        }
        to_go.truncate(self.config.n_periods as usize * rollout.n_lanes);
        to_go
    }

    /// One update of policy and baseline.
    fn update(&mut self, rollout: &Rollout, epoch: u64) {
        let config = self.config;
        let learning_rate = config.learning_rate / (1.0 + epoch as f64 / 20.0);
        let entropy_weight = config.entropy / (1.0 + epoch as f64 / 5.0);
        let to_go = self.costs_to_go(rollout); // [n_samples]
        let features = &rollout.features[..to_go.len() * self.task.environment.n_features()];
        let loaded = self.baseline_network.load(&self.state.baseline.weights);
        let baseline = batch::outputs(&self.baseline_network, &loaded, features); // [n_samples]
        let mut advantages: Vec<f32> = to_go.iter().zip(&baseline).map(|(cost, expected)| cost - expected).collect();
        normalise(&mut advantages);
        let loss = |sample: usize, outputs: &[f32], slopes: &mut [f32]| {
            let weight = f64::from(advantages[sample]);
            config.law.log_probability(outputs, &rollout.drawn[sample], |_| weight, -entropy_weight, slopes).0
        };
        let policy = self.policy_network.load(&self.state.policy.weights);
        let (gradient, _) = batch::mean_slopes(&self.policy_network, &policy, features, loss);
        self.state.policy.step(&gradient, learning_rate);
        let loss = |sample: usize, outputs: &[f32], slopes: &mut [f32]| {
            slopes[0] = outputs[0] - to_go[sample];
            0.5 * f64::from(slopes[0]).powi(2)
        };
        let (gradient, _) = batch::mean_slopes(&self.baseline_network, &loaded, features, loss);
        self.state.baseline.step(&gradient, learning_rate);
    }
}

impl<E: Observed> Learner for Reinforce<'_, E> {
    fn name(&self) -> &'static str {
        "reinforce"
    }

    fn epoch(&mut self, epoch: u64) -> Epoch {
        let config = self.config;
        let length = config.n_periods + config.n_after;
        let mut total = 0.0;
        // Lanes of all updates start apart.
        let n_episodes = config.n_lanes * config.n_updates as usize;
        let mut starts = start_states(self.task.environment, self.task.seed, epoch, n_episodes as u64);
        for (update, states) in (0..config.n_updates).zip(starts.chunks_mut(config.n_lanes)) {
            let loaded = self.policy_network.load(&self.state.policy.weights);
            let periods = update * length..(update + 1) * length;
            let (task, network) = (&self.task, &self.policy_network);
            let rollout = play(task, config.law, network, &loaded, &self.costs, states, epoch, periods);
            total += rollout.total_cost;
            self.update(&rollout, epoch);
        }
        let n_periods = config.n_updates * length * config.n_lanes as u64;
        Epoch { n_periods, training_cost: total / n_periods as f64 }
    }

    fn policy(&self) -> LearnedPolicy {
        let weights = self.state.policy.weights.clone();
        LearnedPolicy::Network { network: self.policy_network.clone(), weights, head: self.config.law.head() }
    }

    fn save(&self) -> Value {
        serde_json::to_value(&self.state).expect("finite numbers")
    }

    fn load(&mut self, saved: &Value) -> Result<(), serde_json::Error> {
        self.state = serde_json::from_value(saved.clone())?;
        Ok(())
    }
}
