//! The proof that a twin plays the same periods as its plain environment, for every twin.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use restock_core::environment::{Environment, PeriodOutcome};

use super::{LaneEnvironment, LaneOutcome, LanePolicy, LaneRng, N_LANES, plain_units};

/// Where a twin differs from its plain environment, or breaks what holds in every environment.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{environment} in lanes: {what}, after {n_periods} periods, in lane {lane}, state {state}")]
pub struct LaneCheckError {
    /// Id of the plain environment.
    pub environment: &'static str,
    /// What does not hold.
    pub what: String,
    /// The lane.
    pub lane: usize,
    /// The state before the period, as Rust prints it.
    pub state: String,
    /// Periods played before.
    pub n_periods: usize,
}

/// Plays `n_periods` periods of random actions in a block of lanes, and each lane beside it in the plain environment:
/// states, units and costs are equal, costs to the last bit, and units are conserved.
///
/// Chances come from the plain law and from the twin's own sampler in turn, so that both are known to fit the problem.
///
/// # Errors
/// The first thing that does not hold.
pub fn check_lanes<T: LaneEnvironment>(twin: &T, seed: u64, n_periods: usize) -> Result<(), LaneCheckError> {
    let environment = twin.plain();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut lane_rng = LaneRng::new(seed, 0);
    let mut states = twin.reset();
    let (mut actions, mut own_chances) = (twin.no_action(), twin.no_chance());
    let mut plain_states = vec![environment.initial_state(); N_LANES];
    for period in 0..n_periods {
        let mut plain_actions = Vec::with_capacity(N_LANES);
        for (lane, state) in plain_states.iter().enumerate() {
            let action = environment.sample_action(state, &mut rng);
            twin.set_action(&mut actions, lane, &action);
            plain_actions.push(action);
        }
        let sampled = twin.sample_chance(&states, &actions, &mut lane_rng);
        let uses_twin = period % 2 == 1;
        let mut plain_chances = Vec::with_capacity(N_LANES);
        for (lane, (state, action)) in plain_states.iter().zip(&plain_actions).enumerate() {
            let chance = if uses_twin {
                twin.chance(&sampled, lane)
            } else {
                environment.sample_chance(state, action, &mut rng)
            };
            twin.set_chance(&mut own_chances, lane, &chance);
            plain_chances.push(chance);
        }
        let chances = if uses_twin { &sampled } else { &own_chances };
        let outcome = twin.step(&mut states, &actions, chances);
        for lane in 0..N_LANES {
            let before = plain_states[lane].clone();
            let (action, chance) = (&plain_actions[lane], &plain_chances[lane]);
            let fails = |what: String| LaneCheckError {
                environment: environment.id(),
                what: format!("{what}, by {action:?} with {chance:?}"),
                lane,
                state: format!("{before:?}"),
                n_periods: period,
            };
            if twin.action(&actions, lane) != *action {
                return Err(fails(format!("the action became {:?}", twin.action(&actions, lane))));
            }
            if twin.chance(chances, lane) != *chance {
                return Err(fails(format!("the chance became {:?}", twin.chance(chances, lane))));
            }
            let plain_outcome = environment.step(&mut plain_states[lane], action, chance);
            let state = twin.lane(&states, lane);
            if state != plain_states[lane] {
                return Err(fails(format!("leads to {state:?}, the plain step to {:?}", plain_states[lane])));
            }
            if let Some(difference) = difference(&outcome, lane, &plain_outcome) {
                return Err(fails(difference));
            }
            let entered = environment.units(&before) + environment.ordered(&before, action, chance);
            let left = plain_outcome.sold + plain_outcome.issued_late + plain_outcome.expired;
            if entered != environment.units(&state) + left {
                return Err(fails(format!("{entered} units became {}", environment.units(&state) + left)));
            }
            let counts = [outcome.sold[lane], outcome.lost[lane], outcome.expired[lane]];
            if counts.iter().any(|count| count.0 < 0) {
                return Err(fails(format!("a count is negative in {plain_outcome:?}")));
            }
        }
    }
    Ok(())
}

/// Plays a policy in a block of lanes and compares its actions with those of its plain form, lane by lane.
///
/// # Errors
/// The first action that differs.
pub fn check_policy<T: LaneEnvironment>(
    twin: &T,
    policy: &impl LanePolicy<T>,
    plain: impl Fn(&<T::Plain as Environment>::State) -> <T::Plain as Environment>::Action,
    seed: u64,
    n_periods: usize,
) -> Result<(), LaneCheckError> {
    let mut rng = LaneRng::new(seed, 0);
    let mut states = twin.reset();
    let mut actions = twin.no_action();
    for period in 0..n_periods {
        policy.act(twin, &states, &mut actions);
        for lane in 0..N_LANES {
            let state = twin.lane(&states, lane);
            let (ours, expected) = (twin.action(&actions, lane), plain(&state));
            if ours != expected {
                return Err(LaneCheckError {
                    environment: twin.plain().id(),
                    what: format!("the policy does {ours:?}, its plain form {expected:?}"),
                    lane,
                    state: format!("{state:?}"),
                    n_periods: period,
                });
            }
        }
        let chances = twin.sample_chance(&states, &actions, &mut rng);
        twin.step(&mut states, &actions, &chances);
    }
    Ok(())
}

/// What differs between the outcome of a lane and that of the plain step.
fn difference(outcome: &LaneOutcome, lane: usize, plain: &PeriodOutcome) -> Option<String> {
    for (name, ours, plain) in [
        ("sold", outcome.sold[lane], plain.sold),
        ("lost", outcome.lost[lane], plain.lost),
        ("expired", outcome.expired[lane], plain.expired),
    ] {
        if plain_units(ours) != plain {
            return Some(format!("{name} is {ours}, {plain} in the plain step"));
        }
    }
    // Bits, because costs are computed in the same order; 0 and -0 are one cost.
    (outcome.cost[lane] != plain.cost)
        .then(|| format!("costs {}, {} in the plain step", outcome.cost[lane], plain.cost))
}
