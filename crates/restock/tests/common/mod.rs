//! Runs of the binary.

use std::path::Path;
use std::process::{Command, Output};

pub(crate) fn restock(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_restock"));
    command.args(args).current_dir(dir).env_clear().output().expect("restock runs")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("messages are UTF-8")
}

/// Standard output of a run that must work.
pub(crate) fn stdout(dir: &Path, args: &[&str]) -> String {
    let output = restock(dir, args);
    assert!(output.status.success(), "restock {args:?}\n{}\n{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// Standard error of a run that must fail by a mistake in the command line.
pub(crate) fn refused(dir: &Path, args: &[&str]) -> String {
    let output = restock(dir, args);
    assert_eq!(output.status.code(), Some(2), "restock {args:?}\n{}", text(&output.stdout));
    text(&output.stderr)
}

pub(crate) fn json(dir: &Path, args: &[&str]) -> serde_json::Value {
    serde_json::from_str(&stdout(dir, args)).unwrap()
}
