//! The algorithms by name, and the rule that chooses one.

use std::fmt;

use serde::Serialize;

use crate::action_values::N_ENTRIES_MAX;

/// States of which a model is small: the solver enumerates them in seconds to minutes.
pub const N_STATES_EXACT: usize = 4_000_000;

/// States times actions of which a table is learned well: each entry must be visited many times.
pub const N_ENTRIES_TABULAR: usize = 100_000;

/// Actions that an output of a network each still makes sense for.
pub const N_ACTIONS_DISCRETE: usize = 256;

/// An algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// Modified policy iteration over all states: not learning, the optimum.
    Exact,
    /// [`q_learning`](crate::q_learning).
    QLearning,
    /// [`sarsa`](crate::sarsa).
    Sarsa,
    /// [`dqn`](crate::dqn).
    Dqn,
    /// [`reinforce`](crate::reinforce).
    Reinforce,
    /// [`ppo`](crate::ppo).
    Ppo,
    /// [`differentiable`](crate::differentiable).
    Pathwise,
    /// [`controlled`](crate::controlled).
    Dcl,
}

impl Algorithm {
    /// All algorithms, in the order of the choice among them.
    pub const ALL: [Self; 8] =
        [Self::Exact, Self::QLearning, Self::Sarsa, Self::Dqn, Self::Reinforce, Self::Ppo, Self::Pathwise, Self::Dcl];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::QLearning => "q-learning",
            Self::Sarsa => "sarsa",
            Self::Dqn => "dqn",
            Self::Reinforce => "reinforce",
            Self::Ppo => "ppo",
            Self::Pathwise => "pathwise",
            Self::Dcl => "dcl",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the choice depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// Whether the model may be used: transitions and probabilities, not samples alone.
    pub model_known: bool,
    /// States, where they can be numbered.
    pub n_states: Option<usize>,
    /// Actions of all states together.
    pub n_actions: usize,
    /// Quantities that an action consists of.
    pub n_quantities: usize,
    /// Whether the simulation has a derivative.
    pub differentiable: bool,
}

/// A rule of the choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// When it holds.
    pub when: &'static str,
    /// What it chooses.
    pub algorithm: Algorithm,
    /// Whether it is the first that holds.
    pub applies: bool,
}

/// The rules in order; exactly one applies, the first that holds.
pub fn rules(facts: &Facts) -> Vec<Rule> {
    let small = facts.n_states.is_some_and(|n| n <= N_STATES_EXACT);
    let fits_table = facts.n_states.is_some_and(|n| n.saturating_mul(facts.n_actions) <= N_ENTRIES_TABULAR);
    let discrete = facts.n_quantities == 1 && facts.n_actions <= N_ACTIONS_DISCRETE;
    let conditions = [
        ("the model is known and has at most 4,000,000 states", Algorithm::Exact, facts.model_known && small),
        ("states times actions are at most 100,000: a table", Algorithm::QLearning, fits_table),
        (
            "the simulation has a derivative and the model is known",
            Algorithm::Pathwise,
            facts.differentiable && facts.model_known,
        ),
        ("one quantity with at most 256 choices", Algorithm::Dqn, discrete),
        ("several quantities, or more choices", Algorithm::Ppo, true),
    ];
    let first = conditions.iter().position(|(_, _, holds)| *holds).expect("the last rule always holds");
    let rule = |(idx, (when, algorithm, _))| Rule { when, algorithm, applies: idx == first };
    conditions.into_iter().enumerate().map(rule).collect()
}

/// Whether a table of values fits.
pub(crate) fn table_fits(facts: &Facts) -> bool {
    facts.n_states.is_some_and(|n| n.saturating_mul(facts.n_actions) <= N_ENTRIES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_holds_chooses() {
        let facts =
            Facts { model_known: true, n_states: Some(201), n_actions: 101, n_quantities: 1, differentiable: false };
        let chosen = |facts: Facts| {
            let applying: Vec<Rule> = rules(&facts).into_iter().filter(|rule| rule.applies).collect();
            assert_eq!(applying.len(), 1, "{facts:?}");
            applying[0].algorithm
        };
        assert_eq!(chosen(facts), Algorithm::Exact);
        let samples = Facts { model_known: false, ..facts };
        assert_eq!(chosen(samples), Algorithm::QLearning);
        let large = Facts { n_states: Some(10_000_000), ..samples };
        assert_eq!(chosen(large), Algorithm::Dqn);
        assert_eq!(chosen(Facts { n_quantities: 3, ..large }), Algorithm::Ppo);
        assert_eq!(chosen(Facts { n_states: None, ..large }), Algorithm::Dqn);
        assert_eq!(chosen(Facts { differentiable: true, ..large }), Algorithm::Dqn, "a derivative is of the model");
        assert_eq!(chosen(Facts { differentiable: true, model_known: true, ..large }), Algorithm::Pathwise);
    }
}
