//! A pretrained model of demand: one transformer that has seen many simulated shops and forecasts an unseen item without
//! training, as quantiles of every period and of cumulative demand.

pub mod batch;
pub mod chronos;
pub mod config;
pub mod engine;
pub mod features;
pub mod forecaster;
mod kernels;
pub mod prefetch;
pub mod prior;
pub mod seasonal_source;
pub mod shipped;
pub mod text;
#[cfg(feature = "torch")]
pub mod torch;
pub mod training;
pub mod tuning;
pub mod update;
pub mod weights;
