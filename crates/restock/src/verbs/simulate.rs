//! `restock simulate`.

use crate::cli::SimulateArgs;
use crate::error::CliError;
use crate::session::{Output, Session};

pub(crate) fn run(_session: &Session, _args: &SimulateArgs) -> Result<Output, CliError> {
    Err(CliError::internal("simulate is not built yet"))
}
