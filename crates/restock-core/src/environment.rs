//! Decision problems as environments, with everything that chance decides as an argument.
//!
//! A decision problem minimises E[Σ γᵗ·Cₜ], or the long-run average of the costs Cₜ: in each period a state is seen, an
//! action is chosen, chance decides, and one transition function makes of the three the next state and a cost. Chance
//! is an argument of that function, so simulation, exact dynamic programming, training, backtests and tests share it.

use std::fmt::Debug;

use rand::Rng;

use crate::quantity::Units;

/// What happened in one period; sums over items and places where a problem has several.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PeriodOutcome {
    /// Units wanted.
    pub demand: Units,
    /// Units sold or issued.
    pub sold: Units,
    /// Units of demand lost (or newly backordered, where the environment backorders).
    pub lost: Units,
    /// Units that expired, or were thrown away because there was no room for them.
    pub expired: Units,
    /// Units that arrived and went on the shelf.
    pub received: Units,
    /// Units issued to reservations and backorders of earlier periods, on top of `sold`.
    pub issued_late: Units,
    /// Cost of the period, currency; a profit is a negative cost.
    pub cost: f64,
}

/// A decision problem.
///
/// Each implementation documents its sequence of events, numbered, on [`Environment::step`].
pub trait Environment: Sync {
    /// What is known when an action is chosen.
    type State: Clone + PartialEq + Debug + Send + Sync;

    /// What is decided in a period: an order quantity, or one per source, item or place.
    type Action: Clone + PartialEq + Debug + Send + Sync;

    /// What chance decides in a period: demand and, where the problem has them, yields, lead times, the lots that
    /// customers choose.
    type Chance: Clone + PartialEq + Debug + Send + Sync;

    /// Stable, versioned id such as `worked-example-v1`.
    fn id(&self) -> &'static str;

    /// The state an episode starts in.
    fn initial_state(&self) -> Self::State;

    /// An action allowed in `state`, drawn at random; every allowed action has a chance.
    fn sample_action(&self, state: &Self::State, rng: &mut dyn Rng) -> Self::Action;

    /// What chance decides after `action` in `state`, drawn from the problem's law.
    fn sample_chance(&self, state: &Self::State, action: &Self::Action, rng: &mut dyn Rng) -> Self::Chance;

    /// Plays one period.
    fn step(&self, state: &mut Self::State, action: &Self::Action, chance: &Self::Chance) -> PeriodOutcome;

    /// Units in the system: on the shelves and on the way to them.
    ///
    /// Units are conserved in every period: units before + [`Environment::ordered`] = `sold` + `issued_late` +
    /// `expired` + units after.
    fn units(&self, state: &Self::State) -> Units;

    /// Units that enter the system in a period: what is ordered from outside and, where the yield is random, good.
    fn ordered(&self, state: &Self::State, action: &Self::Action, chance: &Self::Chance) -> Units;
}

/// A law over consecutive states, for environments that know their transitions in closed form.
#[derive(Clone, Debug, PartialEq)]
pub struct Law {
    /// Expected cost of the period, currency.
    pub cost: f64,
    /// Probabilities of the first successor, the one numbered after it, and so on; they sum to 1.
    pub probabilities: Vec<f64>,
}

/// What an action leads to: the successors are numbered from `first` and follow one of the environment's laws.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Run {
    /// The number of the first successor.
    pub first: u32,
    /// The law, an index into [`FiniteEnvironment::laws`].
    pub law: u32,
    /// What the action costs on top of the law's cost, currency.
    pub extra_cost: f64,
}

/// An environment whose states, actions and chances can be enumerated, for exact dynamic programming.
///
/// Enumeration through [`Environment::step`] is the definition. An environment whose successors lie side by side may
/// also name them by [`FiniteEnvironment::laws`] and [`FiniteEnvironment::run`], which solvers read many times faster;
/// `check_finite_environment` proves the two equal.
pub trait FiniteEnvironment: Environment {
    /// The number of states.
    fn n_states(&self) -> usize;

    /// The number of a state, below [`FiniteEnvironment::n_states`].
    fn state_idx(&self, state: &Self::State) -> usize;

    /// The state with a number.
    fn state(&self, state_idx: usize) -> Self::State;

    /// Replaces `actions` by those allowed in `state`, at least one, the smallest order first.
    fn actions(&self, state: &Self::State, actions: &mut Vec<Self::Action>);

    /// Replaces `chances` by what can happen after `action` in `state`, with probabilities above 0 that sum to 1.
    ///
    /// Where all demand beyond a point leads to the same next state at a cost linear in demand, the two ends of that
    /// range may carry its probability and mean: expectations stay exact and enumeration short.
    fn chances(&self, state: &Self::State, action: &Self::Action, chances: &mut Vec<(Self::Chance, f64)>);

    /// The laws that [`FiniteEnvironment::run`] refers to; empty where the environment only enumerates.
    fn laws(&self) -> Vec<Law> {
        Vec::new()
    }

    /// What `action` in `state` leads to; asked only where there are laws.
    fn run(&self, state: &Self::State, action: &Self::Action) -> Run {
        panic!("{} names no laws: {state:?}, {action:?}", self.id())
    }
}
