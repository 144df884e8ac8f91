//! `restock backtest`.

use crate::cli::BacktestArgs;
use crate::error::CliError;
use crate::session::{Output, Session};

pub(crate) fn run(_session: &Session, _args: &BacktestArgs) -> Result<Output, CliError> {
    Err(CliError::internal("backtest is not built yet"))
}
