//! Proximal policy optimisation (Schulman et al. 2017) over order quantities, with a categorical law or a squashed
//! Gaussian, and generalised advantages (Schulman et al. 2016).
//! Read top to bottom: `Config`, the networks, an epoch: rollout, advantages, update.
//!
//! # Differences from the paper
//! 1. Costs are minimised instead of rewards maximised, centred and scaled as `costs.rs` says.
//! 2. Problems go on forever: the value of the last state stands for what comes after a rollout, and no episode ends.
//! 3. Policy and values are two networks, whose losses need no weight between them.
//! 4. Gaussian actions are squashed by a hyperbolic tangent into shares of the largest quantities and rounded; ratios of
//!    probabilities are those before squashing, where they are the same.
//! 5. Learning rate and entropy bonus fall with the epochs, so that the policy settles and training can converge.
//! 6. An epoch of training is several iterations of the paper; it restarts the lanes, half in the initial state and half
//!    in any state.
//!
//! # Result
//! Lost sales, lead times up to 4: `cargo run --release -p restock-learning --example learners_table`. On
//! `worked-example` it loses to the base-stock policy: 6.2 % above the optimum with categorical, 3.4 % with Gaussian
//! actions (seed 2), where 1 % is the aim.

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
    /// Replications.
    pub n_lanes: usize,
    /// Periods of a rollout.
    pub n_periods: u64,
    /// Rollouts, each with its updates, of an epoch.
    pub n_iterations: u64,
    /// Times that each rollout is gone through.
    pub n_passes: u64,
    /// Samples of an update.
    pub n_batch: usize,
    /// The decay of advantages (λ).
    pub lambda: f64,
    /// How far the ratio of probabilities may move from 1 before it is clipped (ε).
    pub clip: f64,
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
            n_periods: 64,
            n_iterations: 10,
            n_passes: 4,
            n_batch: 1_024,
            lambda: 0.95,
            clip: 0.2,
            entropy: 0.02,
            learning_rate: 2e-3,
        }
    }
}

/// Both networks being trained.
pub struct Ppo<'a, E: Observed> {
    task: Task<'a, E>,
    config: Config,
    costs: CostScale,
    actor_network: Network,
    critic_network: Network,
    state: State,
}

/// What an epoch changes.
#[derive(Serialize, Deserialize)]
struct State {
    actor: Adam,
    critic: Adam,
}

impl<'a, E: Observed> Ppo<'a, E> {
    /// Untrained networks.
    pub fn new(task: Task<'a, E>, config: Config) -> Self {
        let (n_features, n_hidden) = (task.environment.n_features(), config.n_hidden);
        let n_outputs = config.law.n_outputs(task.environment);
        let actor_network = Network::new(&[n_features, n_hidden, n_hidden, n_outputs], Activation::Elu);
        let critic_network = Network::new(&[n_features, n_hidden, n_hidden, 1], Activation::Elu);
        let seed = |of| Stream::new(task.seed, Purpose::Weights, 0, of, 0).bits();
        let mut actor = actor_network.initial_weights(seed(1));
        // Small weights of the last layer: the first policy favours nothing (Andrychowicz et al. 2021).
        let n_last = (n_hidden + 1) * n_outputs;
        let first_last = actor.len() - n_last;
        actor[first_last..].iter_mut().for_each(|weight| *weight *= 0.01);
        let settings = AdamSettings { max_gradient_norm: 0.5, ..AdamSettings::default() };
        let critic = critic_network.initial_weights(seed(2));
        Self {
            costs: CostScale::new(&task),
            state: State { actor: Adam::new(actor, settings), critic: Adam::new(critic, settings) },
            task,
            config,
            actor_network,
            critic_network,
        }
    }

    /// The advantage of each action, negative where it costs less than expected, and the cost that the critic should
    /// expect: `[n_periods, n_lanes]` each.
    fn advantages(&self, rollout: &Rollout) -> (Vec<f32>, Vec<f32>) {
        let n_lanes = rollout.n_lanes;
        let critic = self.critic_network.load(&self.state.critic.weights);
        let values = batch::outputs(&self.critic_network, &critic, &rollout.features); // [n_periods + 1, n_lanes]
        let discount = self.costs.discount_factor as f32;
        let decay = discount * self.config.lambda as f32;
        let mut advantages = vec![0.0; rollout.costs.len()];
        let mut ahead = vec![0.0; n_lanes];
        for period in (0..rollout.costs.len() / n_lanes).rev() {
            for lane in 0..n_lanes {
                let now = period * n_lanes + lane;
                let surprise = rollout.costs[now] + discount * values[now + n_lanes] - values[now];
                ahead[lane] = surprise + decay * ahead[lane];
                advantages[now] = ahead[lane];
            }
        }
        let expected = advantages.iter().zip(&values).map(|(advantage, value)| advantage + value).collect();
        (advantages, expected)
    }

    /// Several passes over a rollout in random batches.
    fn update(&mut self, rollout: &Rollout, epoch: u64, iteration: u64) {
        let config = self.config;
        let n_features = self.task.environment.n_features();
        let n_samples = rollout.costs.len();
        let (mut advantages, expected) = self.advantages(rollout);
        normalise(&mut advantages);
        let learning_rate = config.learning_rate / (1.0 + epoch as f64 / 20.0);
        let entropy_weight = config.entropy / (1.0 + epoch as f64 / 5.0);
        let before = self.log_probabilities(rollout); // [n_samples]
        let mut order: Vec<usize> = (0..n_samples).collect();
        for pass in 0..config.n_passes {
            let place = iteration * config.n_passes + pass;
            shuffle(&mut order, &mut Stream::new(self.task.seed, Purpose::Sampling, epoch, 1, place));
            for batch in order.chunks(config.n_batch) {
                let features: Vec<f32> = batch
                    .iter()
                    .flat_map(|i| &rollout.features[i * n_features..(i + 1) * n_features])
                    .copied()
                    .collect();
                // Actor: minimise E[max(ratio·A, clipped ratio·A)] - entropy, where A is a cost.
                let loss = |sample: usize, outputs: &[f32], slopes: &mut [f32]| {
                    let i = batch[sample];
                    let advantage = f64::from(advantages[i]);
                    let weight = |log_probability: f64| {
                        let ratio = (log_probability - before[i]).exp();
                        let clipped = ratio.clamp(1.0 - config.clip, 1.0 + config.clip);
                        // The slope of the larger of both; a clipped ratio has none.
                        if ratio * advantage >= clipped * advantage { ratio * advantage } else { 0.0 }
                    };
                    config.law.log_probability(outputs, &rollout.drawn[i], weight, -entropy_weight, slopes).0
                };
                let loaded = self.actor_network.load(&self.state.actor.weights);
                let (gradient, _) = batch::mean_slopes(&self.actor_network, &loaded, &features, loss);
                self.state.actor.step(&gradient, learning_rate);
                // Critic: squared error.
                let loss = |sample: usize, outputs: &[f32], slopes: &mut [f32]| {
                    slopes[0] = outputs[0] - expected[batch[sample]];
                    0.5 * f64::from(slopes[0]).powi(2)
                };
                let loaded = self.critic_network.load(&self.state.critic.weights);
                let (gradient, _) = batch::mean_slopes(&self.critic_network, &loaded, &features, loss);
                self.state.critic.step(&gradient, learning_rate);
            }
        }
    }

    /// `[n_samples]`: logarithms of the probabilities of what was drawn.
    fn log_probabilities(&self, rollout: &Rollout) -> Vec<f64> {
        let n_outputs = self.actor_network.n_outputs();
        let n_seen = rollout.costs.len() * self.task.environment.n_features();
        let loaded = self.actor_network.load(&self.state.actor.weights);
        let outputs = batch::outputs(&self.actor_network, &loaded, &rollout.features[..n_seen]);
        let mut slopes = vec![0.0; n_outputs];
        let of = |(outputs, drawn)| self.config.law.log_probability(outputs, drawn, |_| 0.0, 0.0, &mut slopes).0;
        outputs.chunks_exact(n_outputs).zip(&rollout.drawn).map(of).collect()
    }
}

/// Moves and scales numbers to mean 0 and standard deviation 1.
pub(crate) fn normalise(numbers: &mut [f32]) {
    let n = numbers.len() as f64;
    let mean = numbers.iter().map(|x| f64::from(*x)).sum::<f64>() / n;
    let variance = numbers.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / n;
    let deviation = variance.sqrt().max(1e-8);
    numbers.iter_mut().for_each(|x| *x = ((f64::from(*x) - mean) / deviation) as f32);
}

/// A random order (Fisher & Yates; Durstenfeld 1964).
pub(crate) fn shuffle(order: &mut [usize], stream: &mut Stream) {
    for last in (1..order.len()).rev() {
        order.swap(last, stream.below(last + 1));
    }
}

impl<E: Observed> Learner for Ppo<'_, E> {
    fn name(&self) -> &'static str {
        "ppo"
    }

    fn epoch(&mut self, epoch: u64) -> Epoch {
        let config = self.config;
        let mut states = start_states(self.task.environment, self.task.seed, epoch, config.n_lanes as u64);
        let mut total = 0.0;
        for iteration in 0..config.n_iterations {
            let loaded = self.actor_network.load(&self.state.actor.weights);
            let periods = iteration * config.n_periods..(iteration + 1) * config.n_periods;
            let (task, network) = (&self.task, &self.actor_network);
            let rollout = play(task, config.law, network, &loaded, &self.costs, &mut states, epoch, periods);
            total += rollout.total_cost;
            self.update(&rollout, epoch, iteration);
        }
        let n_periods = config.n_iterations * config.n_periods * config.n_lanes as u64;
        Epoch { n_periods, training_cost: total / n_periods as f64 }
    }

    fn policy(&self) -> LearnedPolicy {
        let weights = self.state.actor.weights.clone();
        LearnedPolicy::Network { network: self.actor_network.clone(), weights, head: self.config.law.head() }
    }

    fn save(&self) -> Value {
        serde_json::to_value(&self.state).expect("finite numbers")
    }

    fn load(&mut self, saved: &Value) -> Result<(), serde_json::Error> {
        self.state = serde_json::from_value(saved.clone())?;
        Ok(())
    }
}
