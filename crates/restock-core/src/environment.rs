//! Decision problems as environments, with demand as an argument.

use crate::quantity::Units;

/// What happened in one period.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PeriodOutcome {
    /// Units wanted.
    pub demand: Units,
    /// Units sold or issued.
    pub sold: Units,
    /// Units of demand lost (or newly backordered, where the environment backorders).
    pub lost: Units,
    /// Units that expired.
    pub expired: Units,
    /// Units that arrived and went on the shelf.
    pub received: Units,
    /// Units issued to reservations and backorders of earlier periods, on top of `sold`.
    pub issued_late: Units,
    /// Cost of the period, currency.
    pub cost: f64,
}

/// A single-item decision problem. Demand is an argument of the one transition function, so that simulation, exact
/// dynamic programming, training, backtests and tests share it.
pub trait Environment {
    /// What is known at the start of a period.
    type State: Clone;

    /// Stable, versioned id such as `worked-example-v1`.
    fn id(&self) -> &'static str;

    /// The state an episode starts in.
    fn initial_state(&self) -> Self::State;

    /// The largest order that may be placed in `state`, units; the smallest is 0.
    fn max_order(&self, state: &Self::State) -> Units;

    /// Play one period: order, demand, cost. The numbered sequence of events is part of the documentation of each
    /// implementation.
    fn step(&self, state: &mut Self::State, order_quantity: Units, demand: Units) -> PeriodOutcome;
}

/// An environment whose states can be numbered, for exact dynamic programming.
pub trait FiniteEnvironment: Environment {
    /// The number of states.
    fn n_states(&self) -> usize;

    /// The number of a state, below [`FiniteEnvironment::n_states`].
    fn state_idx(&self, state: &Self::State) -> usize;

    /// The state with a number.
    fn state(&self, state_idx: usize) -> Self::State;
}
