//! Periods played by a random policy in many lanes: what policy gradients learn from.
//!
//! A policy draws an action: from a categorical law over the allowed actions, or from a normal law that a hyperbolic
//! tangent squashes into shares of the largest quantities and the environment rounds to the nearest allowed action.

use crate::batch;
use crate::costs::CostScale;
use crate::learned_policy::{Head, share_of};
use crate::network::{LoadedNetwork, Network};
use crate::observed::Observed;
use crate::stream::{Purpose, Stream};
use crate::training::Task;

/// The law that actions are drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionLaw {
    /// A score for each action: probabilities are their exponentials, normalised over the allowed actions.
    Categorical,
    /// A mean and a logarithm of the standard deviation for each quantity, before squashing.
    SquashedGaussian,
}

/// Bounds of the logarithm of a standard deviation.
const LOG_DEVIATION: (f32, f32) = (-4.0, 0.5);

impl ActionLaw {
    /// Outputs of a network that describe a law.
    pub(crate) fn n_outputs<E: Observed>(self, environment: &E) -> usize {
        match self {
            Self::Categorical => environment.n_actions(),
            Self::SquashedGaussian => 2 * environment.n_quantities(),
        }
    }

    /// What the outputs mean once nothing is drawn any more.
    pub(crate) fn head(self) -> Head {
        match self {
            Self::Categorical => Head::HighestScore,
            Self::SquashedGaussian => Head::Quantities,
        }
    }

    /// `ln π(drawn)` and, written to `slopes`, its slopes by the outputs times `weight`; to them are added the slopes of
    /// `entropy_weight` times the entropy, which is returned as well.
    pub(crate) fn log_probability(
        self,
        outputs: &[f32],
        drawn: &Drawn,
        weight: impl FnOnce(f64) -> f64,
        entropy_weight: f64,
        slopes: &mut [f32],
    ) -> (f64, f64) {
        match self {
            Self::Categorical => {
                let probabilities = softmax(outputs, &drawn.allowed);
                let log_probability = probabilities[drawn.action].max(1e-30).ln();
                let entropy = -probabilities.iter().filter(|p| **p > 0.0).map(|p| p * p.ln()).sum::<f64>();
                let weight = weight(log_probability);
                for (action, slope) in slopes.iter_mut().enumerate() {
                    let p = probabilities[action];
                    let chosen = if action == drawn.action { 1.0 } else { 0.0 };
                    // The entropy's slope by a score is -p·(ln p + entropy).
                    let of_entropy = if p > 0.0 { -p * (p.ln() + entropy) } else { 0.0 };
                    *slope = (weight * (chosen - p) + entropy_weight * of_entropy) as f32;
                }
                (log_probability, entropy)
            }
            Self::SquashedGaussian => {
                let n = drawn.before_squashing.len();
                let (mut log_probability, mut entropy) = (0.0, 0.0);
                for (quantity, drawn) in drawn.before_squashing.iter().enumerate() {
                    let log_deviation = outputs[n + quantity].clamp(LOG_DEVIATION.0, LOG_DEVIATION.1);
                    let z = f64::from((drawn - outputs[quantity]) / log_deviation.exp());
                    log_probability -= 0.5 * z * z + f64::from(log_deviation);
                    entropy += f64::from(log_deviation);
                }
                let weight = weight(log_probability);
                for (quantity, drawn) in drawn.before_squashing.iter().enumerate() {
                    let raw = outputs[n + quantity];
                    let deviation = raw.clamp(LOG_DEVIATION.0, LOG_DEVIATION.1).exp();
                    let z = f64::from((drawn - outputs[quantity]) / deviation);
                    slopes[quantity] = (weight * z / f64::from(deviation)) as f32;
                    let within = LOG_DEVIATION.0 < raw && raw < LOG_DEVIATION.1;
                    let slope = weight * (z * z - 1.0) + entropy_weight;
                    slopes[n + quantity] = if within { slope as f32 } else { 0.0 };
                }
                (log_probability, entropy)
            }
        }
    }

    /// Draws an action in a state.
    fn draw<E: Observed>(self, environment: &E, state: &E::State, outputs: &[f32], stream: &mut Stream) -> Drawn {
        match self {
            Self::Categorical => {
                let mut allowed = Vec::new();
                environment.allowed(state, &mut allowed);
                let mut drawn = Drawn { action: allowed[0], allowed, before_squashing: Vec::new() };
                let probabilities = softmax(outputs, &drawn.allowed);
                let (uniform, mut below) = (stream.uniform(), 0.0);
                for action in &drawn.allowed {
                    below += probabilities[*action];
                    if probabilities[*action] > 0.0 {
                        drawn.action = *action;
                    }
                    if uniform < below {
                        break;
                    }
                }
                drawn
            }
            Self::SquashedGaussian => {
                let n = environment.n_quantities();
                let before_squashing: Vec<f32> = (0..n)
                    .map(|quantity| {
                        let log_deviation = outputs[n + quantity].clamp(LOG_DEVIATION.0, LOG_DEVIATION.1);
                        outputs[quantity] + log_deviation.exp() * stream.normal() as f32
                    })
                    .collect();
                let shares: Vec<f32> = before_squashing.iter().map(|x| share_of(*x)).collect();
                Drawn { action: environment.nearest(state, &shares), allowed: Vec::new(), before_squashing }
            }
        }
    }
}

/// `[n_actions]`: exponentials of the scores, normalised over the allowed actions; 0 for the rest.
fn softmax(scores: &[f32], allowed: &[usize]) -> Vec<f64> {
    let highest = allowed.iter().map(|action| scores[*action]).fold(f32::NEG_INFINITY, f32::max);
    let mut probabilities = vec![0.0; scores.len()];
    let mut total = 0.0;
    for action in allowed {
        probabilities[*action] = f64::from(scores[*action] - highest).exp();
        total += probabilities[*action];
    }
    probabilities.iter_mut().for_each(|probability| *probability /= total);
    probabilities
}

/// An action that was drawn.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Drawn {
    /// Its number.
    pub(crate) action: usize,
    /// What was allowed, for a categorical law.
    pub(crate) allowed: Vec<usize>,
    /// `[n_quantities]`: what was drawn before squashing, for a Gaussian law.
    pub(crate) before_squashing: Vec<f32>,
}

/// Periods of all lanes.
pub(crate) struct Rollout {
    pub(crate) n_lanes: usize,
    /// `[n_periods + 1, n_lanes, n_features]`: what was seen; the last row is after the last period.
    pub(crate) features: Vec<f32>,
    /// `[n_periods, n_lanes]`: what was drawn.
    pub(crate) drawn: Vec<Drawn>,
    /// `[n_periods, n_lanes]`: scaled costs.
    pub(crate) costs: Vec<f32>,
    /// Sum of all costs, currency.
    pub(crate) total_cost: f64,
}

/// Plays periods `first_period..first_period + n_periods` of an epoch from `states`, which end where the lanes do.
#[allow(clippy::too_many_arguments)] // What is played, by whom, with which chances.
pub(crate) fn play<E: Observed>(
    task: &Task<'_, E>,
    law: ActionLaw,
    network: &Network,
    loaded: &LoadedNetwork,
    costs: &CostScale,
    states: &mut [E::State],
    epoch: u64,
    periods: std::ops::Range<u64>,
) -> Rollout {
    let environment = task.environment;
    let (n_lanes, n_features, n_outputs) = (states.len(), environment.n_features(), network.n_outputs());
    let mut rollout = Rollout { n_lanes, features: Vec::new(), drawn: Vec::new(), costs: Vec::new(), total_cost: 0.0 };
    let mut seen = vec![0.0; n_lanes * n_features];
    for period in periods {
        observe(environment, states, &mut seen);
        let outputs = batch::outputs(network, loaded, &seen); // [n_lanes, n_outputs]
        rollout.features.extend_from_slice(&seen);
        for (lane, state) in states.iter_mut().enumerate() {
            let outputs = &outputs[lane * n_outputs..(lane + 1) * n_outputs];
            let mut stream = Stream::new(task.seed, Purpose::Exploration, epoch, lane as u64, period);
            let drawn = law.draw(environment, state, outputs, &mut stream);
            let mut stream = Stream::new(task.seed, Purpose::Training, epoch, lane as u64, period);
            let cost = environment.play(state, drawn.action, &mut stream);
            rollout.total_cost += cost;
            rollout.costs.push(costs.scaled(cost));
            rollout.drawn.push(drawn);
        }
    }
    observe(environment, states, &mut seen);
    rollout.features.extend_from_slice(&seen);
    rollout
}

/// Observations `[n_lanes, n_features]` of the states of all lanes.
fn observe<E: Observed>(environment: &E, states: &[E::State], seen: &mut [f32]) {
    for (state, seen) in states.iter().zip(seen.chunks_exact_mut(environment.n_features())) {
        environment.features(state, seen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slopes of `3·ln π + 0.7·entropy` against central finite differences, for both laws.
    #[test]
    fn slopes_are_finite_differences() {
        let categorical = Drawn { action: 2, allowed: vec![0, 2, 3], before_squashing: Vec::new() };
        let gaussian = Drawn { action: 0, allowed: Vec::new(), before_squashing: vec![0.4, -1.0] };
        for (law, drawn, outputs) in [
            (ActionLaw::Categorical, categorical, [0.3, -0.7, 0.9, -0.2]),
            (ActionLaw::SquashedGaussian, gaussian, [0.1, -0.5, -0.6, 0.2]),
        ] {
            let objective = |outputs: &[f32]| {
                let (log_probability, entropy) = law.log_probability(outputs, &drawn, |_| 0.0, 0.0, &mut [0.0; 4]);
                3.0 * log_probability + 0.7 * entropy
            };
            let mut slopes = [0.0; 4];
            law.log_probability(&outputs, &drawn, |_| 3.0, 0.7, &mut slopes);
            for output in 0..4 {
                let moved = |step: f32| {
                    let mut moved = outputs;
                    moved[output] += step;
                    objective(&moved)
                };
                let difference = (moved(1e-3) - moved(-1e-3)) / 2e-3;
                let slope = f64::from(slopes[output]);
                assert!((difference - slope).abs() < 2e-3, "{law:?} {output}: {difference}, not {slope}");
            }
        }
    }

    /// Frequencies are within four standard errors of the probabilities, and what is not allowed is never drawn.
    #[test]
    fn draws_follow_the_probabilities() {
        let scores = [0.3, 5.0, 0.9, -0.2];
        let probabilities = softmax(&scores, &[0, 2, 3]);
        assert_eq!(probabilities[1], 0.0);
        assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!((probabilities[2] / probabilities[0] - 0.6_f64.exp()).abs() < 1e-6);
    }
}
