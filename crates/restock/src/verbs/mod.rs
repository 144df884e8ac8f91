//! One file per verb. Each takes the session and its arguments and returns what to print.

pub(crate) mod backtest;
pub(crate) mod bench;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod config_explain;
pub(crate) mod demo;
pub(crate) mod desk;
pub(crate) mod env;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod forecast;
pub(crate) mod import;
pub(crate) mod ingest;
pub(crate) mod init;
pub(crate) mod ledger;
pub(crate) mod model;
mod objective;
pub(crate) mod plan;
mod portfolio;
mod preview;
pub(crate) mod quarantine;
pub(crate) mod serve;
pub(crate) mod simulate;
pub(crate) mod solve;
pub(crate) mod train;
pub(crate) mod tune;
pub(crate) mod users;
