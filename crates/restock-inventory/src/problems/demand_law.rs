//! Demand laws as users write them: `poisson:5`, `geometric:5`, `uniform:0..4`, `constant:30`, `normal:120,10`, or the
//! probabilities of 0, 1, 2, ... units.

use std::fmt;
use std::str::FromStr;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::discrete_demand::DiscreteDemand;

/// Probability beyond which a law on all whole numbers is cut off.
const TAIL: f64 = 1e-13;

/// A demand law of one period, units.
#[derive(Clone, Debug, PartialEq)]
pub enum DemandLaw {
    /// Poisson with this mean.
    Poisson(f64),
    /// Geometric on 0, 1, 2, ... with this mean.
    Geometric(f64),
    /// Each of `low..=high` as likely.
    Uniform(usize, usize),
    /// Always the same.
    Constant(usize),
    /// Normal with mean and standard deviation; for problems that need no whole units.
    Normal(f64, f64),
    /// `[n]`: the probabilities of 0, 1, 2, ... units.
    Probabilities(Vec<f64>),
}

/// A demand law that cannot be read.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(
    "demand {0:?} is not a law, expected poisson:MEAN, geometric:MEAN, uniform:LOW..HIGH, constant:UNITS, \
     normal:MEAN,SD, or probabilities of 0, 1, 2, ... units such as 0.2,0.5,0.3"
)]
pub struct DemandLawError(String);

impl FromStr for DemandLaw {
    type Err = DemandLawError;

    fn from_str(text: &str) -> Result<Self, DemandLawError> {
        let error = || DemandLawError(text.to_owned());
        let number = |part: &str| part.trim().parse::<f64>().ok().filter(|n| n.is_finite()).ok_or_else(error);
        let positive = |part: &str| number(part).and_then(|n| if n > 0.0 { Ok(n) } else { Err(error()) });
        let whole = |part: &str| part.trim().parse::<usize>().map_err(|_| error());
        let Some((name, rest)) = text.split_once(':') else {
            let probabilities = text.split(',').map(number).collect::<Result<Vec<f64>, _>>()?;
            return Self::Probabilities(probabilities).checked().ok_or_else(error);
        };
        let law = match name.trim() {
            "poisson" => Self::Poisson(positive(rest)?),
            "geometric" => Self::Geometric(positive(rest)?),
            "constant" => Self::Constant(whole(rest)?),
            "uniform" => {
                let (low, high) = rest.split_once("..").ok_or_else(error)?;
                Self::Uniform(whole(low)?, whole(high)?)
            }
            "normal" => {
                let (mean, std_dev) = rest.split_once(',').ok_or_else(error)?;
                Self::Normal(positive(mean)?, positive(std_dev)?)
            }
            _ => return Err(error()),
        };
        law.checked().ok_or_else(error)
    }
}

impl DemandLaw {
    fn checked(self) -> Option<Self> {
        let fine = match &self {
            Self::Poisson(mean) | Self::Geometric(mean) => *mean <= 1e6,
            Self::Uniform(low, high) => low <= high && *high <= 1_000_000,
            Self::Constant(units) => *units <= 1_000_000,
            Self::Normal(..) => true,
            Self::Probabilities(probabilities) => {
                probabilities.iter().all(|p| *p >= 0.0) && (probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-6
            }
        };
        fine.then_some(self)
    }

    /// The law on whole units, cut off where less than 1e-13 is left; `None` for a normal law.
    pub fn discrete(&self) -> Option<DiscreteDemand> {
        Some(match self {
            // Chernoff: beyond mean + 10·√mean + 40 less than the tail is left.
            Self::Poisson(mean) => DiscreteDemand::poisson(*mean, (mean + 10.0 * mean.sqrt() + 40.0) as usize),
            Self::Geometric(mean) => {
                let n = TAIL.ln() / (mean / (1.0 + mean)).ln();
                DiscreteDemand::geometric(*mean, n.ceil() as usize)
            }
            Self::Uniform(low, high) => DiscreteDemand::uniform(*low, *high),
            Self::Constant(units) => DiscreteDemand::constant(*units),
            Self::Probabilities(probabilities) => DiscreteDemand::new(probabilities.clone()),
            Self::Normal(..) => return None,
        })
    }
}

impl fmt::Display for DemandLaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Poisson(mean) => write!(f, "poisson:{mean}"),
            Self::Geometric(mean) => write!(f, "geometric:{mean}"),
            Self::Uniform(low, high) => write!(f, "uniform:{low}..{high}"),
            Self::Constant(units) => write!(f, "constant:{units}"),
            Self::Normal(mean, std_dev) => write!(f, "normal:{mean},{std_dev}"),
            Self::Probabilities(probabilities) => {
                let texts: Vec<String> = probabilities.iter().map(f64::to_string).collect();
                f.write_str(&texts.join(","))
            }
        }
    }
}

impl<'de> Deserialize<'de> for DemandLaw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LawVisitor)
    }
}

/// Reads a law from its text or from a list of probabilities.
struct LawVisitor;

impl<'de> Visitor<'de> for LawVisitor {
    type Value = DemandLaw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a law such as poisson:5 or the probabilities of 0, 1, 2, ... units such as 0.2,0.5,0.3")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<DemandLaw, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<DemandLaw, A::Error> {
        let mut probabilities = Vec::new();
        while let Some(probability) = numbers.next_element::<f64>()? {
            probabilities.push(probability);
        }
        let law = DemandLaw::Probabilities(probabilities);
        let text = law.to_string();
        law.checked().ok_or_else(|| serde::de::Error::custom(DemandLawError(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn laws_are_read_and_written() {
        for text in ["poisson:5", "geometric:2.5", "uniform:0..4", "constant:30", "normal:120,10", "0.25,0.5,0.25"] {
            assert_eq!(text.parse::<DemandLaw>().unwrap().to_string(), text);
        }
        for text in ["", "poisson", "poisson:-1", "poisson:0", "uniform:4..1", "normal:3", "0.5,0.4", "weird:3"] {
            assert!(text.parse::<DemandLaw>().is_err(), "{text:?} is no law");
        }
        insta::assert_snapshot!("poisson:five".parse::<DemandLaw>().unwrap_err(), @r#"demand "poisson:five" is not a law, expected poisson:MEAN, geometric:MEAN, uniform:LOW..HIGH, constant:UNITS, normal:MEAN,SD, or probabilities of 0, 1, 2, ... units such as 0.2,0.5,0.3"#);
    }

    #[test]
    fn cut_off_laws_keep_their_mean() {
        for (text, mean) in [("poisson:5", 5.0), ("poisson:300", 300.0), ("geometric:5", 5.0), ("uniform:0..4", 2.0)] {
            let law = text.parse::<DemandLaw>().unwrap().discrete().unwrap();
            assert!((law.mean() - mean).abs() < 1e-9 * mean, "{text}: {}", law.mean());
        }
    }
}
