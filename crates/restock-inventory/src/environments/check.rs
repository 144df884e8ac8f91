//! One checker for every environment.

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use restock_core::environment::{Environment, FiniteEnvironment};

/// What is wrong with an environment.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{environment}: {what}, after {n_steps} steps, in state {state}")]
pub struct CheckError {
    /// Id of the environment.
    pub environment: &'static str,
    /// What does not hold.
    pub what: String,
    /// The state before the step, as Rust prints it.
    pub state: String,
    /// Steps played before.
    pub n_steps: usize,
}

/// Plays random actions and checks what holds in every environment: the same step gives the same result, units are
/// conserved, demand is sold or not, no count is negative, costs are finite.
///
/// # Errors
/// The first thing that does not hold.
pub fn check_environment<E: Environment>(environment: &E, seed: u64, n_steps: usize) -> Result<(), CheckError> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut state = environment.initial_state();
    for step_idx in 0..n_steps {
        let fails = |what: String| CheckError {
            environment: environment.id(),
            what,
            state: format!("{state:?}"),
            n_steps: step_idx,
        };
        let action = environment.sample_action(&state, &mut rng);
        let chance = environment.sample_chance(&state, &action, &mut rng);
        let (mut next, mut again) = (state.clone(), state.clone());
        let outcome = environment.step(&mut next, &action, &chance);
        if environment.step(&mut again, &action, &chance) != outcome || again != next {
            return Err(fails(format!("action {action:?} with {chance:?} does not always give the same result")));
        }
        if !outcome.cost.is_finite() {
            return Err(fails(format!("the cost is {}", outcome.cost)));
        }
        let counts =
            [outcome.demand, outcome.sold, outcome.lost, outcome.expired, outcome.received, outcome.issued_late];
        if counts.iter().any(|count| *count < 0) {
            return Err(fails(format!("a count is negative in {outcome:?}")));
        }
        if outcome.sold + outcome.lost != outcome.demand {
            return Err(fails(format!("sold and lost are not the demand in {outcome:?}")));
        }
        let before = environment.units(&state) + environment.ordered(&state, &action, &chance);
        let after = environment.units(&next) + outcome.sold + outcome.issued_late + outcome.expired;
        if before != after {
            return Err(fails(format!("{before} units became {after} by action {action:?} with {chance:?}")));
        }
        state = next;
    }
    Ok(())
}

/// Checks an enumeration, on every `stride`-th state: numbers and states belong together, probabilities sum to 1, every
/// successor has a number, and runs, where the environment names them, say the same as enumeration.
///
/// # Errors
/// The first thing that does not hold.
pub fn check_finite_environment<E: FiniteEnvironment>(environment: &E, stride: usize) -> Result<(), CheckError> {
    let n_states = environment.n_states();
    let laws = environment.laws();
    let (mut actions, mut chances) = (Vec::new(), Vec::new());
    for state_idx in (0..n_states).step_by(stride.max(1)) {
        let state = environment.state(state_idx);
        let fails = |what: String| CheckError {
            environment: environment.id(),
            what,
            state: format!("{state:?}"),
            n_steps: state_idx,
        };
        if environment.state_idx(&state) != state_idx {
            return Err(fails(format!("state {state_idx} is numbered {}", environment.state_idx(&state))));
        }
        environment.actions(&state, &mut actions);
        if actions.is_empty() {
            return Err(fails("no action is allowed".to_owned()));
        }
        for action in &actions {
            environment.chances(&state, action, &mut chances);
            let total: f64 = chances.iter().map(|chance| chance.1).sum();
            if (total - 1.0).abs() > 1e-9 || chances.iter().any(|chance| chance.1.is_nan() || chance.1 <= 0.0) {
                return Err(fails(format!("the probabilities after {action:?} sum to {total}")));
            }
            let (mut cost, mut successors) = (0.0, BTreeMap::new());
            for (chance, probability) in &chances {
                let mut next = state.clone();
                cost += probability * environment.step(&mut next, action, chance).cost;
                let next_idx = environment.state_idx(&next);
                if next_idx >= n_states || environment.state(next_idx) != next {
                    return Err(fails(format!("{action:?} with {chance:?} leads to {next:?}, which has no number")));
                }
                *successors.entry(next_idx).or_insert(0.0) += probability;
            }
            if !laws.is_empty() {
                let run = environment.run(&state, action);
                let law = &laws[run.law as usize];
                let named = |idx: usize| {
                    let offset = idx.checked_sub(run.first as usize);
                    offset.and_then(|offset| law.probabilities.get(offset)).copied().unwrap_or(0.0)
                };
                let same = successors.iter().all(|(idx, probability)| (named(*idx) - probability).abs() < 1e-9);
                let total: f64 = law.probabilities.iter().sum();
                let named_cost = law.cost + run.extra_cost;
                if !same || (total - 1.0).abs() > 1e-9 || (named_cost - cost).abs() > 1e-9 * cost.abs().max(1.0) {
                    return Err(fails(format!(
                        "{action:?} costs {cost} and leads to {successors:?}, its run costs {named_cost} and is {run:?}"
                    )));
                }
            }
        }
    }
    Ok(())
}
