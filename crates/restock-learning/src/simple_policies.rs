//! The simple policies of an objective: that of its problem, and those of dearer lost units, whose levels are higher.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::figures::fill_rate;
use crate::learn::with_environment;
use crate::observed::Observed;
use crate::reward::Objective;
use crate::simulation::Plan;
use crate::stream::Purpose;

/// Prices of a lost unit, in [`Objective::unit`]s, at which the level of a simple policy is tried.
const PRICES: [f64; 8] = [0.0, 0.1, 0.5, 1.0, 4.0, 16.0, 64.0, 256.0];

/// Halvings of the step between two prices.
const N_HALVINGS: usize = 6;

/// States whose actions are remembered, at most.
const N_REMEMBERED_MAX: usize = 20_000_000;

/// Not asked yet.
const UNKNOWN: u32 = u32::MAX;

/// The simple policy of an environment, which computes its level anew for every state, remembered by state.
pub(crate) struct Remembered<'a, E> {
    environment: &'a E,
    /// `[n_states]`, or nothing where states are not numbered or too many.
    actions: Vec<AtomicU32>,
}

impl<'a, E: Observed> Remembered<'a, E> {
    pub(crate) fn new(environment: &'a E) -> Self {
        let n_states = environment.n_numbered().filter(|n| *n <= N_REMEMBERED_MAX).unwrap_or(0);
        Self { environment, actions: (0..n_states).map(|_| AtomicU32::new(UNKNOWN)).collect() }
    }

    /// The number of the action in a state.
    pub(crate) fn act(&self, state: &E::State) -> usize {
        if self.actions.is_empty() {
            return self.environment.heuristic(state);
        }
        let place = &self.actions[self.environment.number(state)];
        let known = place.load(Ordering::Relaxed);
        if known != UNKNOWN {
            return known as usize;
        }
        let action_idx = self.environment.heuristic(state);
        place.store(action_idx as u32, Ordering::Relaxed);
        action_idx
    }
}

/// Objectives whose simple policies have levels from low to high.
pub(crate) fn simple_policies(objective: &Objective) -> impl Iterator<Item = Objective> + '_ {
    let unit = objective.unit();
    PRICES.iter().filter_map(move |price| objective.at_price(price * unit).ok())
}

/// The objective at about the lowest price at which its simple policy reaches a fill rate on the chances of validation;
/// the highest fill rate where none does.
pub(crate) fn reaching(objective: &Objective, target: f64, seed: u64) -> Result<Objective, f64> {
    let plan = Plan { n_lanes: 64, n_warm_up: 100, n_periods: 1_000, seed, purpose: Purpose::Validation };
    let filled = |simple: &Objective| {
        with_environment!(&simple.problem, environment => {
            let policy = Remembered::new(environment);
            fill_rate(environment, simple.criterion, &|state| policy.act(state), &plan)
        })
    };
    let (mut misses, mut highest) = (0.0, 0.0_f64);
    let found = simple_policies(objective).find(|simple| {
        let reached = filled(simple);
        highest = highest.max(reached);
        if reached < target {
            misses = simple.price;
        }
        reached >= target
    });
    let mut meets = found.ok_or(highest)?;
    for _ in 0..N_HALVINGS {
        let price = 0.5 * (misses + meets.price);
        match objective.at_price(price).ok().filter(|simple| filled(simple) >= target) {
            Some(simple) => meets = simple,
            None => misses = price,
        }
    }
    Ok(meets)
}
