//! The nouns of Restock: quantities, time, tables, events, stock, forecasts, policies, proposals.
//!
//! This crate holds data and the few definitions that must exist exactly once (inventory position,
//! quantile levels and their loss, period arithmetic). Verbs live in the crates above it: `restock-forecast`
//! forecasts, `restock-inventory` decides and simulates, `restock-store` reads and writes,
//! `restock-engine` plans. Nothing here reads a file, a clock or a random number.

pub mod dataset;
pub mod environment;
pub mod event;
pub mod filter;
pub mod finding;
pub mod forecast;
pub mod formula;
pub mod known;
pub mod master;
pub mod objective;
pub mod parts;
pub mod policy;
pub mod proposal;
pub mod quantity;
pub mod said_demand;
pub mod score;
pub mod settings;
pub mod stock;
pub mod time;

pub use dataset::{Dataset, ItemIdx, LocationIdx, RowRef, SupplierIdx};
pub use event::{Event, EventKind, ItemLocation};
pub use finding::{Finding, FindingCode, RowError, Severity};
pub use forecast::{DemandPrior, Forecast, ForecastRequest, Forecaster, N_LEVELS, QUANTILE_LEVELS, SeriesInput};
pub use objective::{CostRates, Objective, ServiceType};
pub use parts::RowsByItem;
pub use policy::{Decision, Policy, Review};
pub use quantity::{Money, Quantity, Units};
pub use stock::StockState;
pub use time::{Bucket, Day, Period, WeekdaySet};
