//! The weights that come with Restock, inside the binary: no download, no network.
//!
//! Each file has a card beside it in `models/` that says on what data, with what command and how well it was trained.

use std::sync::LazyLock;

use restock_core::Forecaster;

use crate::engine::Precision;
use crate::forecaster::Pretrained;
use crate::tuning::adapter::{Base, sha256};
use crate::weights::Weights;

/// Names of the shipped forecasters, as written in configuration and leaderboards: the base size, which adapters change and
/// `auto` weighs, and the nano size, learnt from it: a quarter of the parameters, several times as fast.
pub const NAMES: &[&str] = &["pretrained", "pretrained_nano"];

static NANO_BYTES: &[u8] = include_bytes!("../models/nano.safetensors");

static NANO: LazyLock<Weights> = LazyLock::new(|| read(NANO_BYTES));

static NANO_SHA256: LazyLock<String> = LazyLock::new(|| sha256(NANO_BYTES));

static BASE_BYTES: &[u8] = include_bytes!("../models/base.safetensors");

static BASE: LazyLock<Weights> = LazyLock::new(|| read(BASE_BYTES));

static BASE_SHA256: LazyLock<String> = LazyLock::new(|| sha256(BASE_BYTES));

/// The shipped weights that adapters change.
pub fn base() -> Base<'static> {
    Base { weights: &BASE, sha256: &BASE_SHA256 }
}

/// The weights of a shipped forecaster; `None` for a name not in [`NAMES`].
pub fn weights(name: &str) -> Option<Base<'static>> {
    match name {
        "pretrained" => Some(base()),
        "pretrained_nano" => Some(Base { weights: &NANO, sha256: &NANO_SHA256 }),
        _ => None,
    }
}

/// The SHA-256 that the card of shipped weights states; `None` for a name not in [`NAMES`].
pub fn stated_sha256(name: &str) -> Option<&'static str> {
    let card = match name {
        "pretrained" => include_str!("../models/base.md"),
        "pretrained_nano" => include_str!("../models/nano.md"),
        _ => return None,
    };
    card.split(|c: char| !c.is_ascii_hexdigit()).find(|word| word.len() == 64)
}

fn read(bytes: &[u8]) -> Weights {
    Weights::from_bytes(bytes).expect("shipped weights are whole: a test reads them")
}

/// The shipped forecaster of a name, in the fastest precision of this machine; `None` for a name not in [`NAMES`].
///
/// ```
/// use restock_core::forecast::{ForecastRequest, Observation, SeriesInput};
/// let model = restock_pretrained::shipped::forecaster("pretrained").unwrap();
/// let sales: Vec<f64> = (0..60).map(|day| if day % 7 < 5 { 10.0 } else { 30.0 }).collect();
/// let series = SeriesInput {
///     key: 1,
///     demand: sales.clone(),
///     observations: vec![Observation::Full; sales.len()],
///     sales,
///     first_period: 20_000,
///     bucket: restock_core::Bucket::Day,
///     covariates: vec![],
///     open_future: vec![1.0; 14],
///     count_valued: true,
///     availability: None,
///     siblings: None,
///     prior: None,
/// };
/// let forecast = &model.forecast(&[series], &ForecastRequest { horizon: 14, seed: 1 })[0];
/// // Day 61 is the sixth of its week, day 63 the first: nobody told the model of weeks.
/// assert!(forecast.median(1) > 1.5 * forecast.median(3));
/// ```
pub fn forecaster(name: &str) -> Option<Box<dyn Forecaster>> {
    in_precision(name, Precision::fastest()).map(|model| Box::new(model) as Box<dyn Forecaster>)
}

/// The shipped forecaster of a name, computing in some precision; `None` for a name not in [`NAMES`].
pub fn in_precision(name: &str, precision: Precision) -> Option<Pretrained> {
    weights(name).map(|shipped| Pretrained::new(shipped.weights, precision).named(name))
}

/// The shipped forecaster, computing in some precision.
pub fn pretrained(precision: Precision) -> Pretrained {
    Pretrained::new(&BASE, precision).named("pretrained")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_its_weights() {
        for name in NAMES {
            assert_eq!(forecaster(name).unwrap().name(), *name);
            assert_eq!(Some(weights(name).unwrap().sha256), stated_sha256(name));
        }
        let nano = weights("pretrained_nano").unwrap().weights.config();
        assert_eq!(*nano, crate::config::ModelConfig::nano());
        assert!((6_300_000..6_400_000).contains(&BASE.config().n_parameters()), "{}", BASE.config().n_parameters());
        assert!(forecaster("oracle").is_none());
        assert_eq!(base().sha256, weights(NAMES[0]).unwrap().sha256);
        assert!(weights("oracle").is_none() && stated_sha256("oracle").is_none());
    }
}
