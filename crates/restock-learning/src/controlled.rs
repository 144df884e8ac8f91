//! Deep controlled learning (Temizöz et al. 2025, *European Journal of Operational Research*): policy iteration in which
//! rollouts on common random numbers find the best action of sampled states, and a network learns to choose it.
//! Read top to bottom: `Config`, a generation: sample states, compare actions, learn to classify.
//!
//! # Differences from the paper
//! 1. The first period's chances are enumerated with their probabilities instead of drawn; what follows is drawn.
//! 2. A state that is sampled several times is compared once, with as many times the scenarios (up to 32 times), and
//!    counts as often.
//! 3. Where states can be numbered, the policy of a generation is put into a table before it is rolled out.
//! 4. The network has two hidden layers of 128 ELU units instead of four of 256 to 128 ReLU units, and begins each
//!    generation anew.
//! 5. Before a state is sampled, some actions are random, so that the next policy knows its way back.
//! 6. Of more actions than [`Config::n_candidates`] a random choice is compared, always with that of the current policy.
//! 7. Defaults are a small budget: 4,000 states and 300 scenarios instead of 5,000 and 1,000.
//!
//! # Average cost
//! Rollouts are cut after a number of periods and nothing is discounted: the common random numbers have brought the
//! states after different first actions together by then. Where a problem discounts, rollouts discount once.
//!
//! # Result
//! Lost sales, lead times 2 to 4, beside the published gaps:
//! `cargo run --release -p restock-learning --example learners_table`.

use std::collections::BTreeMap;

use rayon::prelude::*;
use restock_core::environment::FiniteEnvironment;
use restock_inventory::exact::Criterion;
use restock_inventory::lanes::network::Activation;
use serde_json::Value;

use crate::adam::{Adam, AdamSettings};
use crate::batch;
use crate::learned_policy::{Head, LearnedPolicy};
use crate::network::Network;
use crate::observed::Observed;
use crate::ppo::shuffle;
use crate::stream::{Purpose, Stream};
use crate::training::{Epoch, Learner, Task};

/// How to learn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// States sampled in a generation (N).
    pub n_samples: usize,
    /// Scenarios that an action gets on average (M).
    pub n_scenarios: usize,
    /// Periods of a rollout (H).
    pub depth: u64,
    /// Periods before a state is sampled.
    pub n_warm_up: u64,
    /// Share of random actions in them.
    pub exploration: f64,
    /// Actions that are compared in a state at most.
    pub n_candidates: usize,
    /// Units of each hidden layer.
    pub n_hidden: usize,
    /// Samples of an update.
    pub n_batch: usize,
    /// Learning ends when the loss on held-out samples has not fallen in so many passes.
    pub patience: usize,
    /// Passes over the samples at most.
    pub n_passes: u64,
    /// Learning rate of Adam.
    pub learning_rate: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            n_samples: 4_000,
            n_scenarios: 300,
            depth: 40,
            n_warm_up: 60,
            exploration: 0.1,
            n_candidates: 64,
            n_hidden: 128,
            n_batch: 64,
            patience: 15,
            n_passes: 200,
            learning_rate: 1e-3,
        }
    }
}

/// A state that was sampled more often than this gets no more scenarios.
const REPEATS_MAX: u32 = 32;

/// Updates of a pass over the samples, at least.
const UPDATES_PER_PASS: usize = 50;

/// Share of samples that are held out to end learning.
const HELD_OUT: f64 = 0.1;

/// The policy of the last generation.
pub struct ControlledLearning<'a, E: Observed + FiniteEnvironment> {
    task: Task<'a, E>,
    config: Config,
    network: Network,
    /// `None` before the first generation: the simple policy.
    policy: Option<LearnedPolicy>,
}

/// A state with how often it was sampled and the action that was found best.
struct Labelled {
    /// `[n_features]`
    features: Vec<f32>,
    /// Numbers of the allowed actions.
    allowed: Vec<usize>,
    action: usize,
    weight: f64,
}

impl<'a, E: Observed + FiniteEnvironment> ControlledLearning<'a, E> {
    /// The simple policy of the problem, before any generation.
    pub fn new(task: Task<'a, E>, config: Config) -> Self {
        let sizes = [task.environment.n_features(), config.n_hidden, config.n_hidden, task.environment.n_actions()];
        Self { network: Network::new(&sizes, Activation::Elu), task, config, policy: None }
    }

    /// States that the policy visits, with how often.
    fn sample_states(&self, act: &(dyn Fn(&E::State) -> usize + Sync), generation: u64) -> (BTreeMap<usize, u32>, f64) {
        let (environment, config) = (self.task.environment, self.config);
        let lanes = (0..config.n_samples as u64).into_par_iter();
        let sampled: Vec<(usize, f64)> = lanes
            .map(|lane| {
                let mut state = environment.initial_state();
                let mut allowed = Vec::new();
                // Cyclic problems are sampled in every phase.
                let n_periods = config.n_warm_up + lane % 16;
                let mut total = 0.0;
                for period in 0..n_periods {
                    let mut stream = Stream::new(self.task.seed, Purpose::Exploration, generation, lane, period);
                    let mut action_idx = act(&state);
                    if stream.uniform() < config.exploration {
                        environment.allowed(&state, &mut allowed);
                        action_idx = allowed[stream.below(allowed.len())];
                    }
                    let mut stream = Stream::new(self.task.seed, Purpose::Sampling, generation, lane, period);
                    total += environment.play(&mut state, action_idx, &mut stream);
                }
                (environment.number(&state), total / n_periods as f64)
            })
            .collect();
        let mut counts = BTreeMap::new();
        sampled.iter().for_each(|(number, _)| *counts.entry(*number).or_insert(0) += 1);
        (counts, sampled.iter().map(|(_, cost)| cost).sum::<f64>() / sampled.len() as f64)
    }

    /// The best action of a state by sequential halving (Karnin, Koren & Somekh 2013): in each round all actions that are
    /// left meet the same scenarios, then the dearer half is dropped.
    fn best_action(
        &self,
        act: &(dyn Fn(&E::State) -> usize + Sync),
        generation: u64,
        number: usize,
        repeats: u32,
    ) -> usize {
        let environment = self.task.environment;
        let state = environment.numbered(number);
        let mut left = self.candidates(act, generation, number, &state);
        let n_rounds = (left.len() as f64).log2().ceil().max(1.0);
        let budget = (self.config.n_scenarios * left.len()) as f64 * f64::from(repeats);
        let mut compared: Vec<Compared<E>> =
            left.drain(..).map(|action| Compared::new(environment, &state, action)).collect();
        let mut n_played = 0;
        while compared.len() > 1 {
            let n_scenarios = (budget / n_rounds / compared.len() as f64).ceil() as u64;
            for action in &mut compared {
                action.play(self, act, generation, number, n_played..n_played + n_scenarios);
            }
            n_played += n_scenarios;
            // Ties go to the smaller action: the order is stable.
            compared.sort_by(|a, b| a.cost().total_cmp(&b.cost()));
            compared.truncate(compared.len().div_ceil(2));
        }
        compared[0].action
    }

    /// The actions that are compared in a state, in order.
    fn candidates(
        &self,
        act: &(dyn Fn(&E::State) -> usize + Sync),
        generation: u64,
        number: usize,
        state: &E::State,
    ) -> Vec<usize> {
        let mut allowed = Vec::new();
        self.task.environment.allowed(state, &mut allowed);
        if allowed.len() > self.config.n_candidates {
            let current = act(state);
            let mut stream = Stream::new(self.task.seed, Purpose::Sampling, generation, u64::MAX, number as u64);
            shuffle(&mut allowed, &mut stream);
            allowed.truncate(self.config.n_candidates - 1);
            allowed.push(current);
            allowed.sort_unstable();
            allowed.dedup();
        }
        allowed
    }

    /// Cost of a rollout with the policy.
    fn rollout(
        &self,
        act: &(dyn Fn(&E::State) -> usize + Sync),
        generation: u64,
        mut state: E::State,
        scenario: u64,
    ) -> f64 {
        let environment = self.task.environment;
        let discount_factor = match self.task.criterion {
            Criterion::Average => 1.0,
            Criterion::Discounted { discount_factor } => discount_factor,
        };
        let (mut total, mut discount) = (0.0, discount_factor);
        for period in 1..=self.config.depth {
            let action_idx = act(&state);
            let mut stream = Stream::new(self.task.seed, Purpose::Training, generation, scenario, period);
            total += discount * environment.play(&mut state, action_idx, &mut stream);
            discount *= discount_factor;
        }
        total
    }

    /// A network that chooses the labelled actions: cross-entropy over allowed actions, by Adam, until the loss on
    /// held-out samples has not fallen for some passes.
    fn classify(&self, mut labelled: Vec<Labelled>, generation: u64) -> LearnedPolicy {
        let config = self.config;
        let mut order: Vec<usize> = (0..labelled.len()).collect();
        shuffle(&mut order, &mut Stream::new(self.task.seed, Purpose::Sampling, generation, u64::MAX - 1, 0));
        let mean = labelled.iter().map(|sample| sample.weight).sum::<f64>() / labelled.len() as f64;
        labelled.iter_mut().for_each(|sample| sample.weight /= mean);
        // Few distinct states are all learned: there is nothing between them to hold out.
        let n_held_out = if labelled.len() < 500 { 0 } else { (HELD_OUT * labelled.len() as f64) as usize };
        let (held_out, learned) = order.split_at(n_held_out);
        let held_out = if n_held_out == 0 { learned } else { held_out };
        let mut learned = learned.to_vec();
        let seed = Stream::new(self.task.seed, Purpose::Weights, generation, 0, 0).bits();
        let mut adam = Adam::new(self.network.initial_weights(seed), AdamSettings::default());
        let features = |samples: &[usize]| -> Vec<f32> {
            samples.iter().flat_map(|sample| &labelled[*sample].features).copied().collect()
        };
        let held_out_features = features(held_out);
        let mut best = (f64::INFINITY, adam.weights.clone(), 0);
        // Few samples are gone through several times, so that passes are as long for all.
        let n_rounds = UPDATES_PER_PASS.div_ceil(learned.len().div_ceil(config.n_batch));
        for pass in 0..config.n_passes {
            shuffle(&mut learned, &mut Stream::new(self.task.seed, Purpose::Sampling, generation, u64::MAX - 2, pass));
            let updates = (0..n_rounds).flat_map(|_| learned.chunks(config.n_batch));
            for batch in updates {
                let loss = |sample: usize, outputs: &[f32], slopes: &mut [f32]| {
                    cross_entropy(&labelled[batch[sample]], outputs, slopes)
                };
                let loaded = self.network.load(&adam.weights);
                let (gradient, _) = batch::mean_slopes(&self.network, &loaded, &features(batch), loss);
                let rate = config.learning_rate / (1.0 + pass as f64 / 30.0);
                adam.step(&gradient, rate);
            }
            let loaded = self.network.load(&adam.weights);
            let outputs = batch::outputs(&self.network, &loaded, &held_out_features);
            let n_actions = self.network.n_outputs();
            let mut slopes = vec![0.0; n_actions];
            let total: f64 = held_out
                .iter()
                .zip(outputs.chunks_exact(n_actions))
                .map(|(sample, outputs)| cross_entropy(&labelled[*sample], outputs, &mut slopes))
                .sum();
            if total < best.0 {
                best = (total, adam.weights.clone(), pass);
            } else if pass - best.2 >= config.patience as u64 {
                break;
            }
        }
        LearnedPolicy::Network { network: self.network.clone(), weights: best.1, head: Head::HighestScore }
    }
}

/// The weighted cross-entropy of a sample, `-w·ln p(action)`, with its slopes by the scores.
fn cross_entropy(sample: &Labelled, scores: &[f32], slopes: &mut [f32]) -> f64 {
    let highest = sample.allowed.iter().map(|action| scores[*action]).fold(f32::NEG_INFINITY, f32::max);
    let total: f32 = sample.allowed.iter().map(|action| (scores[*action] - highest).exp()).sum();
    slopes.fill(0.0);
    for action in &sample.allowed {
        slopes[*action] = sample.weight as f32 * (scores[*action] - highest).exp() / total;
    }
    slopes[sample.action] -= sample.weight as f32;
    sample.weight * f64::from(total.ln() - (scores[sample.action] - highest))
}

/// An action of a state with what its rollouts have cost.
struct Compared<E: FiniteEnvironment> {
    action: usize,
    /// For each chance of the first period: its probability, its cost, the next state, rollouts played and their cost.
    chances: Vec<(f64, f64, E::State, u64, f64)>,
}

impl<E: Observed + FiniteEnvironment> Compared<E> {
    fn new(environment: &E, state: &E::State, action_idx: usize) -> Self {
        let action = environment.action(action_idx);
        let mut chances = Vec::new();
        environment.chances(state, &action, &mut chances);
        let played = chances.into_iter().map(|(chance, probability)| {
            let mut next = state.clone();
            let cost = environment.step(&mut next, &action, &chance).cost;
            (probability, cost, next, 0, 0.0)
        });
        Self { action: action_idx, chances: played.collect() }
    }

    /// Plays scenarios: each chance gets its share of them, at least one.
    fn play(
        &mut self,
        learning: &ControlledLearning<'_, E>,
        act: &(dyn Fn(&E::State) -> usize + Sync),
        generation: u64,
        number: usize,
        scenarios: std::ops::Range<u64>,
    ) {
        let n_scenarios = (scenarios.end - scenarios.start) as f64;
        for (probability, _, next, n_played, total) in &mut self.chances {
            let n = (*probability * n_scenarios).ceil() as u64;
            for scenario in scenarios.start..scenarios.start + n {
                let lane = (number as u64) << 24 | scenario;
                *total += learning.rollout(act, generation, next.clone(), lane);
            }
            *n_played += n;
        }
    }

    /// Expected cost of the first period and the rollout.
    fn cost(&self) -> f64 {
        self.chances.iter().map(|(p, cost, _, n_played, total)| p * (cost + total / *n_played as f64)).sum()
    }
}

impl<E: Observed + FiniteEnvironment> Learner for ControlledLearning<'_, E> {
    fn name(&self) -> &'static str {
        "dcl"
    }

    /// A generation.
    fn epoch(&mut self, generation: u64) -> Epoch {
        let environment = self.task.environment;
        let policy = Learner::policy(self).tabulated(environment);
        let act = |state: &E::State| policy.act(environment, state);
        let (counts, training_cost) = self.sample_states(&act, generation);
        let counts: Vec<(usize, u32)> = counts.into_iter().collect();
        let labelled: Vec<Labelled> = counts
            .par_iter()
            .with_max_len(4)
            .map(|(number, count)| {
                let state = environment.numbered(*number);
                let mut features = vec![0.0; environment.n_features()];
                environment.features(&state, &mut features);
                let mut allowed = Vec::new();
                environment.allowed(&state, &mut allowed);
                let action = self.best_action(&act, generation, *number, (*count).min(REPEATS_MAX));
                Labelled { features, allowed, action, weight: f64::from(*count) }
            })
            .collect();
        let n_rollouts = |sample: &Labelled| {
            let n_actions = sample.allowed.len().min(self.config.n_candidates);
            (n_actions * self.config.n_scenarios) as f64 * sample.weight.min(f64::from(REPEATS_MAX))
        };
        let n_periods = labelled.iter().map(n_rollouts).sum::<f64>() as u64 * self.config.depth;
        self.policy = Some(self.classify(labelled, generation));
        Epoch { n_periods, training_cost }
    }

    fn policy(&self) -> LearnedPolicy {
        let policy = self.policy.clone();
        policy.unwrap_or_else(|| {
            let environment = self.task.environment;
            let states = (0..environment.n_states()).into_par_iter();
            let action = |number| environment.heuristic(&environment.numbered(number)) as u32;
            LearnedPolicy::Table { actions: states.map(action).collect() }
        })
    }

    fn save(&self) -> Value {
        serde_json::to_value(&self.policy).expect("finite numbers")
    }

    fn load(&mut self, saved: &Value) -> Result<(), serde_json::Error> {
        self.policy = serde_json::from_value(saved.clone())?;
        Ok(())
    }
}
