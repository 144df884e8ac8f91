//! The weights that come with Restock, inside the binary: no download, no network.
//!
//! Each file has a card beside it in `models/` that says on what data, with what command and how well it was trained.

use std::sync::LazyLock;

use restock_core::Forecaster;

use crate::engine::Precision;
use crate::forecaster::Pretrained;
use crate::weights::Weights;

/// Names of the shipped forecasters, as written in configuration and leaderboards.
pub const NAMES: &[&str] = &["pretrained"];

static BASE: LazyLock<Weights> = LazyLock::new(|| read(include_bytes!("../models/base.safetensors")));

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
///     siblings: None,
///     prior: None,
/// };
/// let forecast = &model.forecast(&[series], &ForecastRequest { horizon: 14, seed: 1 })[0];
/// // Day 61 is the sixth of its week, day 63 the first: nobody told the model of weeks.
/// assert!(forecast.median(1) > 1.5 * forecast.median(3));
/// ```
pub fn forecaster(name: &str) -> Option<Box<dyn Forecaster>> {
    let weights = match name {
        "pretrained" => &*BASE,
        _ => return None,
    };
    Some(Box::new(Pretrained::new(weights, Precision::fastest()).named(name)))
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
    }
}
