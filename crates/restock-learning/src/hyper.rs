//! Hyper-parameters by name: what each algorithm has, the range of each, and settings that replace the usual ones.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::algorithm::Algorithm;
use crate::stream::{Purpose, Stream};

/// A hyper-parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameter {
    /// Its name, that of the field of the algorithm's `Config`.
    pub name: &'static str,
    /// What it may be.
    pub values: Values,
}

/// What a hyper-parameter may be, and how it is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Values {
    /// A number from low to high; drawn with a uniform logarithm.
    Log(f64, f64),
    /// A number from the first to the last; drawn from these.
    Numbers(&'static [f64]),
    /// A whole number from the first to the last; drawn from these.
    Whole(&'static [u64]),
}

impl Values {
    fn bounds(self) -> (f64, f64) {
        match self {
            Self::Log(low, high) => (low, high),
            Self::Numbers(numbers) => (numbers[0], numbers[numbers.len() - 1]),
            Self::Whole(numbers) => (numbers[0] as f64, numbers[numbers.len() - 1] as f64),
        }
    }

    /// A value from a stream; three digits, so that it can be read and typed.
    fn draw(self, stream: &mut Stream) -> f64 {
        match self {
            Self::Log(low, high) => {
                let drawn = (low.ln() + stream.uniform() * (high / low).ln()).exp();
                format!("{drawn:.2e}").parse::<f64>().expect("a number").clamp(low, high)
            }
            Self::Numbers(numbers) => numbers[stream.below(numbers.len())],
            Self::Whole(numbers) => numbers[stream.below(numbers.len())] as f64,
        }
    }
}

const EXPLORATION: Parameter = Parameter { name: "exploration", values: Values::Log(0.05, 1.0) };
const EXPLORATION_MIN: Parameter = Parameter { name: "exploration_min", values: Values::Log(0.001, 0.2) };
const N_HIDDEN: Parameter = Parameter { name: "n_hidden", values: Values::Whole(&[16, 32, 64, 128]) };
const ENTROPY: Parameter = Parameter { name: "entropy", values: Values::Log(0.001, 0.2) };

/// The space of each algorithm's hyper-parameters; nothing for the solver.
pub fn space(algorithm: Algorithm) -> &'static [Parameter] {
    match algorithm {
        Algorithm::Exact => &[],
        Algorithm::QLearning | Algorithm::Sarsa => {
            &[EXPLORATION, EXPLORATION_MIN, Parameter { name: "n_lanes", values: Values::Whole(&[16, 32, 64, 128]) }]
        }
        Algorithm::Dqn => &[
            EXPLORATION,
            EXPLORATION_MIN,
            Parameter { name: "learning_rate", values: Values::Log(1e-4, 1e-2) },
            Parameter { name: "n_batch", values: Values::Whole(&[64, 128, 256, 512]) },
            N_HIDDEN,
            Parameter { name: "n_steps", values: Values::Whole(&[1, 2, 3, 5, 8]) },
            Parameter { name: "n_target_updates", values: Values::Whole(&[50, 100, 250, 500, 1_000]) },
        ],
        Algorithm::Reinforce => &[
            ENTROPY,
            Parameter { name: "learning_rate", values: Values::Log(3e-4, 3e-2) },
            Parameter { name: "n_after", values: Values::Whole(&[10, 20, 40, 80]) },
            N_HIDDEN,
        ],
        Algorithm::Ppo => &[
            Parameter { name: "clip", values: Values::Numbers(&[0.1, 0.2, 0.3]) },
            ENTROPY,
            Parameter { name: "lambda", values: Values::Numbers(&[0.8, 0.9, 0.95, 0.98, 1.0]) },
            Parameter { name: "learning_rate", values: Values::Log(2e-4, 2e-2) },
            Parameter { name: "n_batch", values: Values::Whole(&[256, 512, 1_024, 2_048]) },
            N_HIDDEN,
            Parameter { name: "n_passes", values: Values::Whole(&[2, 4, 8]) },
        ],
        Algorithm::Pathwise => &[
            Parameter { name: "learning_rate", values: Values::Log(1e-3, 5e-2) },
            N_HIDDEN,
            Parameter { name: "n_periods", values: Values::Whole(&[25, 50, 100]) },
        ],
        Algorithm::Dcl => &[
            Parameter { name: "depth", values: Values::Whole(&[20, 40, 80]) },
            EXPLORATION,
            Parameter { name: "learning_rate", values: Values::Log(2e-4, 5e-3) },
            Parameter { name: "n_hidden", values: Values::Whole(&[32, 64, 128, 256]) },
            Parameter { name: "n_samples", values: Values::Whole(&[500, 1_000, 2_000, 4_000, 8_000]) },
            Parameter { name: "n_scenarios", values: Values::Whole(&[50, 100, 300, 1_000]) },
        ],
    }
}

/// Settings by name; what is not named is as usual.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hyper {
    values: BTreeMap<&'static str, f64>,
}

impl Serialize for Hyper {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.values.iter())
    }
}

/// A setting that an algorithm does not have, or that is out of its range.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum HyperError {
    /// No such hyper-parameter.
    #[error("hyper-parameter {got} is not known to {algorithm}, expected one of {known}")]
    Unknown {
        /// What was given.
        got: String,
        /// The algorithm.
        algorithm: Algorithm,
        /// Its hyper-parameters.
        known: String,
    },
    /// Not a number in the range.
    #[error("{name} is {got}, must be {allowed} from {low} to {high}")]
    OutOfRange {
        /// The hyper-parameter.
        name: &'static str,
        /// What was given.
        got: String,
        /// `a number` or `a whole number`.
        allowed: &'static str,
        /// The least.
        low: f64,
        /// The most.
        high: f64,
    },
    /// The solver has none.
    #[error("exact solves and has no hyper-parameters; name another algorithm with --algo, such as ppo")]
    None,
}

impl Hyper {
    /// Sets a hyper-parameter of an algorithm.
    ///
    /// # Errors
    /// [`HyperError`], with the names or the range that are allowed.
    ///
    /// # Examples
    /// ```
    /// use restock_learning::algorithm::Algorithm;
    /// use restock_learning::hyper::Hyper;
    ///
    /// let mut hyper = Hyper::default();
    /// hyper.set(Algorithm::Ppo, "learning_rate", "0.001")?;
    /// assert!(hyper.set(Algorithm::Ppo, "n_passes", "2.5").is_err());
    /// assert_eq!(hyper.to_string(), "learning_rate=0.001");
    /// # Ok::<(), restock_learning::hyper::HyperError>(())
    /// ```
    pub fn set(&mut self, algorithm: Algorithm, name: &str, value: &str) -> Result<(), HyperError> {
        let space = space(algorithm);
        if space.is_empty() {
            return Err(HyperError::None);
        }
        let Some(parameter) = space.iter().find(|parameter| parameter.name == name) else {
            let known: Vec<&str> = space.iter().map(|parameter| parameter.name).collect();
            return Err(HyperError::Unknown { got: name.to_owned(), algorithm, known: known.join(", ") });
        };
        let ((low, high), whole) = (parameter.values.bounds(), matches!(parameter.values, Values::Whole(_)));
        let fits = |number: &f64| (low..=high).contains(number) && (!whole || number.fract() == 0.0);
        let Some(number) = value.parse::<f64>().ok().filter(fits) else {
            let allowed = if whole { "a whole number" } else { "a number" };
            return Err(HyperError::OutOfRange { name: parameter.name, got: value.to_owned(), allowed, low, high });
        };
        self.values.insert(parameter.name, number);
        Ok(())
    }

    /// Settings drawn from the whole space of an algorithm; the same for the same seed and number.
    pub fn draw(algorithm: Algorithm, seed: u64, number: u64) -> Self {
        let mut stream = Stream::new(seed, Purpose::Sampling, u64::MAX, number, 0);
        Self { values: space(algorithm).iter().map(|p| (p.name, p.values.draw(&mut stream))).collect() }
    }

    /// Whether all is as usual.
    pub fn is_usual(&self) -> bool {
        self.values.is_empty()
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, f64)> {
        self.values.iter().map(|(name, value)| (*name, *value))
    }

    /// A number, or the usual one.
    pub(crate) fn number(&self, name: &'static str, usual: f64) -> f64 {
        self.values.get(name).copied().unwrap_or(usual)
    }

    /// A whole number, or the usual one.
    pub(crate) fn whole(&self, name: &'static str, usual: u64) -> u64 {
        self.values.get(name).map_or(usual, |value| *value as u64)
    }

    /// A number of things, or the usual one.
    pub(crate) fn count(&self, name: &'static str, usual: usize) -> usize {
        self.whole(name, usual as u64) as usize
    }
}

/// `learning_rate=0.001 n_hidden=64`.
impl std::fmt::Display for Hyper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let pairs: Vec<String> = self.iter().map(|(name, value)| format!("{name}={value}")).collect();
        f.write_str(&pairs.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_settings_are_allowed_and_depend_on_seed_and_number() {
        for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| *algorithm != Algorithm::Exact) {
            let mut distinct = std::collections::BTreeSet::new();
            for number in 0..50 {
                let drawn = Hyper::draw(algorithm, 3, number);
                assert_eq!(drawn, Hyper::draw(algorithm, 3, number));
                distinct.insert(drawn.to_string());
                let mut typed = Hyper::default();
                for (name, value) in drawn.iter() {
                    typed.set(algorithm, name, &value.to_string()).unwrap();
                }
                assert_eq!(typed, drawn, "{algorithm}");
            }
            assert!(distinct.len() > 20, "{algorithm}: {}", distinct.len());
            assert_ne!(Hyper::draw(algorithm, 3, 1), Hyper::draw(algorithm, 4, 1));
        }
        assert!(Hyper::draw(Algorithm::Exact, 1, 1).is_usual());
    }

    #[test]
    fn what_is_not_allowed_says_what_is() {
        let error =
            |name: &str, value: &str| Hyper::default().set(Algorithm::Ppo, name, value).unwrap_err().to_string();
        insta::assert_snapshot!(error("learning", "0.1"), @"hyper-parameter learning is not known to ppo, expected one of clip, entropy, lambda, learning_rate, n_batch, n_hidden, n_passes");
        insta::assert_snapshot!(error("learning_rate", "fast"), @"learning_rate is fast, must be a number from 0.0002 to 0.02");
        insta::assert_snapshot!(error("n_passes", "2.5"), @"n_passes is 2.5, must be a whole number from 2 to 8");
        insta::assert_snapshot!(Hyper::default().set(Algorithm::Exact, "clip", "0.1").unwrap_err(), @"exact solves and has no hyper-parameters; name another algorithm with --algo, such as ppo");
    }
}
