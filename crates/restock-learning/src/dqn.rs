//! Deep Q-learning (Mnih et al. 2015, *Nature* 518) with double estimation (van Hasselt, Guez & Silver 2016), a dueling
//! head (Wang et al. 2016) and costs of several steps (Sutton 1988; as in Hessel et al. 2018).
//! Read top to bottom: `Config`, `Transition`, the network, an epoch: act, remember, sample, learn.
//!
//! # Differences from the papers
//! 1. Costs are minimised instead of rewards maximised, centred and scaled as `costs.rs` says, not clipped.
//! 2. States are numbers, not images: two hidden layers of 64 ELU units; RMSProp is Adam. The Huber loss turns linear
//!    at 10 standard deviations of cost instead of 1: rare costs are what stock is held for, and at 1 the network learns
//!    something between their mean and their median.
//! 3. Many lanes act at once; one update follows one period of all of them. An epoch restarts the lanes, half in the
//!    initial state and half in any state.
//! 4. Values and advantages are outputs of one network rather than of two heads, which do not share their last hidden
//!    layer in the paper. The mean advantage is taken over all actions, the minimum over those allowed.
//! 5. Costs of several steps are not corrected for the actions explored in between, as in Hessel et al.
//! 6. The learning rate falls with the epochs, so that the policy settles and training can converge.
//!
//! # Result
//! Lost sales, lead times up to 4: `cargo run --release -p restock-learning --example learners_table`.

use restock_inventory::lanes::network::Activation;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::adam::{Adam, AdamSettings};
use crate::batch;
use crate::costs::CostScale;
use crate::learned_policy::{Head, LearnedPolicy};
use crate::network::Network;
use crate::observed::Observed;
use crate::q_learning::start_states;
use crate::stream::{Purpose, Stream};
use crate::training::{Epoch, Learner, Task};

/// How to learn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// Units of each hidden layer.
    pub n_hidden: usize,
    /// Replications that act at once.
    pub n_lanes: usize,
    /// Periods, and so updates, of an epoch.
    pub n_periods: u64,
    /// Transitions that are remembered.
    pub n_remembered: usize,
    /// Transitions of an update.
    pub n_batch: usize,
    /// Periods whose costs are summed before a value takes over.
    pub n_steps: usize,
    /// Updates between two copies of the network into the target network.
    pub n_target_updates: u64,
    /// Share of random actions in the first epoch; in epoch `k` it is `exploration / (1 + k/4)` ...
    pub exploration: f64,
    /// ... but at least this.
    pub exploration_min: f64,
    /// Learning rate of Adam in the first epoch; in epoch `k` it is `learning_rate / (1 + k/20)`.
    pub learning_rate: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            n_hidden: 64,
            n_lanes: 64,
            n_periods: 1_000,
            n_remembered: 50_000,
            n_batch: 256,
            n_steps: 3,
            n_target_updates: 250,
            exploration: 0.5,
            exploration_min: 0.05,
            learning_rate: 1e-3,
        }
    }
}

/// Where the Huber loss turns from squared to linear, in standard deviations of the simple policy's cost.
const HUBER: f32 = 10.0;

/// What is remembered of a period and those after it.
#[derive(Clone, Debug)]
struct Transition<S> {
    state: S,
    action: usize,
    /// Discounted sum of scaled costs over the steps.
    cost: f32,
    /// The state after the steps.
    next: S,
}

/// A transition as a checkpoint holds it: numbers of states.
#[derive(Serialize, Deserialize)]
struct Saved {
    adam: Adam,
    target: Vec<f32>,
    n_updates: u64,
    /// Where the next transition goes.
    place: usize,
    /// Number of the state, action, cost, number of the next state.
    memory: Vec<(usize, usize, f32, usize)>,
}

/// A network being trained.
pub struct Dqn<'a, E: Observed> {
    task: Task<'a, E>,
    config: Config,
    costs: CostScale,
    network: Network,
    adam: Adam,
    /// Weights of the target network.
    target: Vec<f32>,
    n_updates: u64,
    memory: Vec<Transition<E::State>>,
    place: usize,
}

impl<'a, E: Observed> Dqn<'a, E> {
    /// An untrained network.
    pub fn new(task: Task<'a, E>, config: Config) -> Self {
        let environment = task.environment;
        // An advantage for each action, then the value of the state.
        let sizes = [environment.n_features(), config.n_hidden, config.n_hidden, environment.n_actions() + 1];
        let network = Network::new(&sizes, Activation::Elu);
        let seed = Stream::new(task.seed, Purpose::Weights, 0, 0, 0).bits();
        let weights = network.initial_weights(seed);
        let settings = AdamSettings { max_gradient_norm: 10.0, ..AdamSettings::default() };
        Self {
            costs: CostScale::new(&task),
            target: weights.clone(),
            adam: Adam::new(weights, settings),
            task,
            config,
            network,
            n_updates: 0,
            memory: Vec::new(),
            place: 0,
        }
    }

    /// Observations `[n, n_features]` of states.
    fn observe<'s>(&self, states: impl Iterator<Item = &'s E::State>) -> Vec<f32>
    where
        E::State: 's,
    {
        let mut features = Vec::new();
        let mut of_state = vec![0.0; self.task.environment.n_features()];
        for state in states {
            self.task.environment.features(state, &mut of_state);
            features.extend_from_slice(&of_state);
        }
        features
    }

    /// Remembers, in place of the oldest once the memory is full.
    fn remember(&mut self, transition: Transition<E::State>) {
        if self.memory.len() < self.config.n_remembered {
            self.memory.push(transition);
        } else {
            self.memory[self.place] = transition;
        }
        self.place = (self.place + 1) % self.config.n_remembered;
    }

    /// One update on a sample of the memory.
    fn update(&mut self, epoch: u64, period: u64, learning_rate: f64) {
        let environment = self.task.environment;
        let n_actions = environment.n_actions();
        let mut stream = Stream::new(self.task.seed, Purpose::Sampling, epoch, 1, period);
        let sample: Vec<&Transition<E::State>> =
            (0..self.config.n_batch).map(|_| &self.memory[stream.below(self.memory.len())]).collect();
        // Double estimation: the online network chooses the next action, the target network values it.
        let next_features = self.observe(sample.iter().map(|transition| &transition.next)); // [n_batch, n_features]
        let online = self.network.load(&self.adam.weights);
        let chosen_by = batch::outputs(&self.network, &online, &next_features); // [n_batch, n_actions + 1]
        let valued_by = batch::outputs(&self.network, &self.network.load(&self.target), &next_features);
        let weight = self.costs.discount_factor.powi(self.config.n_steps as i32) as f32;
        let mut allowed = Vec::new();
        let targets: Vec<f32> = sample
            .iter()
            .zip(chosen_by.chunks_exact(n_actions + 1).zip(valued_by.chunks_exact(n_actions + 1)))
            .map(|(transition, (chosen_by, valued_by))| {
                let action = Head::LowestCost.choose(environment, &transition.next, chosen_by, &mut allowed);
                transition.cost + weight * value_of(valued_by, action)
            })
            .collect(); // [n_batch]
        let features = self.observe(sample.iter().map(|transition| &transition.state)); // [n_batch, n_features]
        let actions: Vec<usize> = sample.iter().map(|transition| transition.action).collect();
        let loss = |sample: usize, outputs: &[f32], slopes: &mut [f32]| {
            let error = value_of(outputs, actions[sample]) - targets[sample];
            // Huber: squared up to a bound, then linear.
            let slope = error.clamp(-HUBER, HUBER);
            slopes[..n_actions].fill(-slope / n_actions as f32);
            slopes[actions[sample]] += slope;
            slopes[n_actions] = slope;
            f64::from(slope * (error - 0.5 * slope))
        };
        let (gradient, _) = batch::mean_slopes(&self.network, &online, &features, loss);
        self.adam.step(&gradient, learning_rate);
        self.n_updates += 1;
        if self.n_updates.is_multiple_of(self.config.n_target_updates) {
            self.target.clone_from(&self.adam.weights);
        }
    }
}

/// The value of an action: that of the state, and how much more the action costs than the mean of all.
fn value_of(outputs: &[f32], action: usize) -> f32 {
    let (advantages, value) = outputs.split_at(outputs.len() - 1);
    let mean = advantages.iter().sum::<f32>() / advantages.len() as f32;
    value[0] + advantages[action] - mean
}

impl<E: Observed> Learner for Dqn<'_, E> {
    fn name(&self) -> &'static str {
        "dqn"
    }

    fn epoch(&mut self, epoch: u64) -> Epoch {
        let (environment, seed) = (self.task.environment, self.task.seed);
        let n_lanes = self.config.n_lanes;
        let exploration = (self.config.exploration / (1.0 + 0.25 * epoch as f64)).max(self.config.exploration_min);
        let learning_rate = self.config.learning_rate / (1.0 + epoch as f64 / 20.0);
        let mut states = start_states(environment, seed, epoch, n_lanes as u64);
        // The last periods of each lane: state, action, scaled cost.
        let mut recent: Vec<Vec<(E::State, usize, f32)>> = vec![Vec::new(); n_lanes];
        let (mut total, mut allowed) = (0.0, Vec::new());
        for period in 0..self.config.n_periods {
            // Act.
            let features = self.observe(states.iter()); // [n_lanes, n_features]
            let loaded = self.network.load(&self.adam.weights);
            let outputs = batch::outputs(&self.network, &loaded, &features); // [n_lanes, n_actions + 1]
            for lane in 0..n_lanes {
                let state = &mut states[lane];
                let outputs = &outputs[lane * self.network.n_outputs()..][..self.network.n_outputs()];
                let mut stream = Stream::new(seed, Purpose::Exploration, epoch, lane as u64, period);
                let mut action_idx = Head::LowestCost.choose(environment, state, outputs, &mut allowed);
                if stream.uniform() < exploration {
                    action_idx = allowed[stream.below(allowed.len())];
                }
                let before = state.clone();
                let mut stream = Stream::new(seed, Purpose::Training, epoch, lane as u64, period);
                let cost = environment.play(state, action_idx, &mut stream);
                total += cost;
                // Remember, once the costs of all steps are known.
                let recent = &mut recent[lane];
                recent.push((before, action_idx, self.costs.scaled(cost)));
                if recent.len() == self.config.n_steps {
                    let discount = self.costs.discount_factor as f32;
                    let cost = recent.iter().rev().fold(0.0, |sum, (_, _, cost)| cost + discount * sum);
                    let (first, action, _) = recent.remove(0);
                    let transition = Transition { state: first, action, cost, next: state.clone() };
                    self.remember(transition);
                }
            }
            // Learn.
            if self.memory.len() >= self.config.n_batch {
                self.update(epoch, period, learning_rate);
            }
        }
        let n_periods = self.config.n_periods * n_lanes as u64;
        Epoch { n_periods, training_cost: total / n_periods as f64 }
    }

    fn policy(&self) -> LearnedPolicy {
        let weights = self.adam.weights.clone();
        LearnedPolicy::Network { network: self.network.clone(), weights, head: Head::LowestCost }
    }

    fn save(&self) -> Value {
        let number = |state: &E::State| self.task.environment.number(state);
        let memory = self.memory.iter().map(|t| (number(&t.state), t.action, t.cost, number(&t.next))).collect();
        let saved = Saved {
            adam: self.adam.clone(),
            target: self.target.clone(),
            n_updates: self.n_updates,
            place: self.place,
            memory,
        };
        serde_json::to_value(saved).expect("finite numbers")
    }

    fn load(&mut self, saved: &Value) -> Result<(), serde_json::Error> {
        let saved: Saved = serde_json::from_value(saved.clone())?;
        let state = |number: usize| self.task.environment.numbered(number);
        self.memory = saved
            .memory
            .into_iter()
            .map(|(from, action, cost, to)| Transition { state: state(from), action, cost, next: state(to) })
            .collect();
        (self.adam, self.target) = (saved.adam, saved.target);
        (self.n_updates, self.place) = (saved.n_updates, saved.place);
        Ok(())
    }
}
