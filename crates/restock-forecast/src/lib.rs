//! Forecasts of demand as joint distributions.
//!
//! A [`Forecaster`] takes a batch of demand histories and returns, per series, quantiles of
//! every future period and the dependence between periods; [`paths`] turns that into demand scenarios, from which any
//! lead-time demand is read. Nothing here keeps state, reads a clock or depends on the number of threads.
//!
//! | Module | Verb |
//! |---|---|
//! | [`models`] | predict one series by one model |
//! | [`cold_start`] | borrow demand from similar items while an item is new |
//! | [`auto`] | choose and mix models per item-location |
//! | [`dependence`] | measure how neighbouring periods move together |
//! | [`latent`] | estimate demand where stock-outs cut sales |
//! | [`paths`] | draw joint demand scenarios |
//! | [`classify`] | name the demand pattern |
//! | [`evaluate`] | compare forecasters on history: the leaderboard |
//! | [`metrics`] | score forecasts, one definition each |

pub mod auto;
pub mod classify;
pub mod cold_start;
pub mod dependence;
pub mod disaggregate;
pub mod evaluate;
pub mod latent;
pub mod linear;
pub mod metrics;
pub mod models;
pub mod paths;
mod random;
mod silence;

pub use random::normal_quantile;
use restock_core::Forecaster;

/// Names of the forecasters that [`forecaster`] knows.
pub const MODEL_NAMES: &[&str] = &[
    "auto",
    "weighted_quantiles",
    "negative_binomial",
    "ets",
    "theta",
    "ses",
    "tsb",
    "sba",
    "croston",
    "seasonal_naive",
    "zero",
];

/// The forecaster of a name: `auto`, or one model for every item-location; `None` for a name that is not in
/// [`MODEL_NAMES`].
///
/// ```
/// assert_eq!(restock_forecast::forecaster("auto").unwrap().name(), "auto");
/// assert!(restock_forecast::forecaster("crystal_ball").is_none());
/// ```
pub fn forecaster(name: &str) -> Option<Box<dyn Forecaster>> {
    if name == "auto" {
        return Some(Box::new(auto::Auto::default()));
    }
    models::by_name(name).map(|model| Box::new(auto::Single::new(model)) as Box<dyn Forecaster>)
}
