//! The weights that come with Restock, inside the binary: no download, no network.
//!
//! Each file has a card beside it in `models/` that says on what data, with what command and how well it was trained.

use std::sync::LazyLock;

use restock_core::Forecaster;

use crate::engine::Precision;
use crate::forecaster::Pretrained;
use crate::tuning::adapter::{Base, sha256};
use crate::weights::Weights;

/// Names of the shipped forecasters, as written in configuration and leaderboards.
pub const NAMES: &[&str] = &["pretrained"];

static BASE_BYTES: &[u8] = include_bytes!("../models/base.safetensors");

static BASE: LazyLock<Weights> = LazyLock::new(|| read(BASE_BYTES));

static BASE_SHA256: LazyLock<String> = LazyLock::new(|| sha256(BASE_BYTES));

/// The shipped weights that adapters change.
pub fn base() -> Base<'static> {
    Base { weights: &BASE, sha256: &BASE_SHA256 }
}

/// The SHA-256 that the card of the shipped weights states.
pub fn stated_sha256() -> &'static str {
    let words = include_str!("../models/base.md").split(|c: char| !c.is_ascii_hexdigit());
    words.into_iter().find(|word| word.len() == 64).unwrap_or_default()
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
    (name == "pretrained").then(|| Box::new(pretrained(Precision::fastest())) as Box<dyn Forecaster>)
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
        }
        assert!((6_300_000..6_400_000).contains(&BASE.config().n_parameters()), "{}", BASE.config().n_parameters());
        assert!(forecaster("oracle").is_none());
        assert_eq!(base().sha256, stated_sha256());
    }
}
