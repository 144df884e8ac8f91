//! Forecasts of demand as joint distributions.
//!
//! A [`Forecaster`](restock_core::Forecaster) takes a batch of demand histories and returns, per series, quantiles of
//! every future period and the dependence between periods; [`paths`] turns that into demand scenarios, from which any
//! lead-time demand is read. Nothing here keeps state, reads a clock or depends on the number of threads.
//!
//! | Module | Verb |
//! |---|---|
//! | [`models`] | predict one series by one model |
//! | [`latent`] | estimate demand where stock-outs cut sales |
//! | [`paths`] | draw joint demand scenarios |
//! | [`classify`] | name the demand pattern |
//! | [`evaluate`] | compare forecasters on history: the leaderboard |
//! | [`metrics`] | score forecasts, one definition each |

pub mod classify;
pub mod evaluate;
pub mod latent;
pub mod metrics;
pub mod models;
pub mod paths;
mod random;
