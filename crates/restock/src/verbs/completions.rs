//! `restock completions`: a script for the shell.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::error::CliError;
use crate::session::{Output, Session};

pub(crate) fn run(session: &Session, shell: Shell) -> Result<Output, CliError> {
    if session.json {
        return Err(CliError::usage("completions writes a script for a shell, which is never JSON")
            .hint(format!("restock completions {shell}")));
    }
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "restock", &mut script);
    Ok(Output::text(String::from_utf8_lossy(&script)))
}
