//! Project chores: `cargo xtask generate` writes what is generated, `cargo xtask tidy` checks what no compiler checks.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod generate;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask generate [--check] | cargo xtask tidy

  generate          write examples/shop/data from the retail simulator, and the pictures of the guide
  generate --check  fail where the committed files differ from what would be written
  tidy              layers, sizes, headers, licences and other rules of this repository";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let problems = match arguments[..] {
        ["generate"] => generate::write(&root()),
        ["generate", "--check"] => generate::check(&root()),
        ["tidy"] => tidy::problems(&root()),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    for problem in &problems {
        eprintln!("{problem}");
    }
    match problems.len() {
        0 => ExitCode::SUCCESS,
        n => {
            eprintln!("error: {n} {}", if n == 1 { "problem" } else { "problems" });
            ExitCode::FAILURE
        }
    }
}

/// The folder of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace").to_owned()
}
