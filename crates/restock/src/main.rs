//! The `restock` command: reads flags, clock and terminal, and hands everything else to the verbs.
#![doc = include_str!("overview.md")]

mod adaptation;
mod catalogue;
mod chart;
mod cli;
mod config;
mod error;
mod fitted;
mod format;
mod i18n;
mod imports;
mod ledger;
mod live;
mod model_versions;
mod project;
mod report;
#[cfg(test)]
mod samples;
mod session;
mod shadow;
mod table;
mod verbs;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use session::{Surroundings, run};

fn main() -> ExitCode {
    let surroundings = Surroundings {
        today: restock_core::Day::from_date(jiff::ZonedDateTime::now().date()),
        now: jiff::Timestamp::now(),
        locale: ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(|name| std::env::var(name).ok()).unwrap_or_default(),
        no_color: std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
        stdout_is_terminal: std::io::stdout().is_terminal(),
        stderr_is_terminal: std::io::stderr().is_terminal(),
        width: console::Term::stdout().size_checked().map(|(_, columns)| usize::from(columns)),
    };
    let outcome = run(std::env::args_os(), &surroundings);
    // A closed pipe (`restock plan | head`) is the reader's choice, not an error.
    let _ = std::io::stdout().write_all(outcome.stdout.as_bytes());
    let _ = std::io::stdout().flush();
    let _ = std::io::stderr().write_all(outcome.stderr.as_bytes());
    ExitCode::from(outcome.exit as u8)
}
