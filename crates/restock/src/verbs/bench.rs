//! `restock bench`: reruns published tables and prints published and own numbers side by side.

use std::fmt::Write;

use restock_inventory::published::{Suite, suites};
use serde_json::json;

use crate::cli::BenchArgs;
use crate::error::CliError;
use crate::format;
use crate::i18n::Text;
use crate::session::{Output, Session};
use crate::table::{Align, Grid};

/// Digits of costs: published tables print up to six.
const DECIMALS: usize = 6;

pub(crate) fn run(session: &Session, args: &BenchArgs) -> Result<Output, CliError> {
    let chosen = chosen(&args.suite)?;
    let runs = |large: bool| args.large || !large;
    let n_cases: usize = chosen.iter().map(|suite| suite.cases.iter().filter(|case| runs(case.large)).count()).sum();
    let progress = session.progress("");
    let (mut done, mut n_numbers, mut n_off) = (0, 0, 0);
    let mut text = String::new();
    let mut rows = Vec::new();
    for suite in &chosen {
        let mut grid = Grid::new()
            .column(session.text(Text::ProblemWord), Align::Left)
            .column(session.text(Text::Quantity), Align::Left)
            .column(session.text(Text::Published), Align::Right)
            .column(session.text(Text::Ours), Align::Right)
            .column(session.text(Text::Gap), Align::Right)
            .optional(session.text(Text::Time), Align::Right, 1)
            .column("", Align::Left);
        for case in suite.cases.iter().filter(|case| runs(case.large)) {
            progress.say(&format!("{} {}", suite.name, case.id));
            progress.set(done, n_cases as u64);
            done += 1;
            let (comparisons, time) = case.run();
            for (place, comparison) in comparisons.iter().enumerate() {
                n_numbers += 1;
                n_off += usize::from(!comparison.holds());
                let first = place == 0;
                grid.row([
                    if first { case.id.clone() } else { String::new() },
                    comparison.quantity.to_owned(),
                    format::plain(comparison.published, DECIMALS),
                    format::plain(comparison.ours, DECIMALS),
                    format!("{:+.4} %", 100.0 * comparison.gap()),
                    if first { format!("{:.2} s", time.as_secs_f64()) } else { String::new() },
                    session.text(if comparison.holds() { Text::Yes } else { Text::Differs }).to_owned(),
                ]);
                rows.push(json!({
                    "suite": suite.name, "problem": case.id, "quantity": comparison.quantity,
                    "published": comparison.published, "ours": comparison.ours, "gap": comparison.gap(),
                    "tolerance": comparison.tolerance, "holds": comparison.holds(),
                    "seconds": time.as_secs_f64(), "citation": suite.citation,
                }));
            }
        }
        let _ = write!(text, "{}: {}\n{}\n\n", session.bold(suite.name), suite.title, session.dim(suite.citation));
        text.push_str(&grid.render(session));
        let left_out = suite.cases.iter().filter(|case| !runs(case.large)).count();
        if left_out > 0 {
            let _ = writeln!(text, "{}", session.fill(Text::LargeLeftOut, &[&left_out]));
        }
        text.push('\n');
    }
    drop(progress);
    let mut output = if session.json {
        Output::json(&rows)?
    } else {
        let n_hold = format::count(n_numbers - n_off);
        let _ = writeln!(text, "{}", session.fill(Text::NumbersHold, &[&n_hold, &format::count(n_numbers)]));
        Output::text(text)
    };
    output.findings = n_off > 0;
    Ok(output)
}

/// The suites of a name, all of them for `all`, or those with a name that begins with it.
fn chosen(name: &str) -> Result<Vec<Suite>, CliError> {
    let normal = name.replace('-', "_");
    let chosen: Vec<Suite> =
        suites().into_iter().filter(|suite| name == "all" || suite.name.starts_with(normal.as_str())).collect();
    if chosen.is_empty() {
        let known: Vec<&str> = suites().iter().map(|suite| suite.name).collect();
        return Err(CliError::usage(format!(
            "suite {name:?} is not known, expected all or one of {}",
            known.join(", ")
        )));
    }
    Ok(chosen)
}
