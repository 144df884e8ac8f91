//! `restock completions`: a script for the shell.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::session::Output;

pub(crate) fn run(shell: Shell) -> Output {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "restock", &mut script);
    Output::text(String::from_utf8_lossy(&script))
}
