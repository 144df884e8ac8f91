//! A pretrained model of demand: one transformer that has seen many simulated shops and forecasts an unseen item without
//! training, as quantiles of every period and of cumulative demand.

pub mod batch;
pub mod chronos;
pub mod config;
pub mod engine;
mod kernels;
pub mod weights;
