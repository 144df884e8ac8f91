//! `restock bench`: reruns published tables and prints published and own numbers side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use restock_inventory::published::{Comparison, Origin, Suite, suites};
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
        let mut notes = Notes::default();
        for case in suite.cases.iter().filter(|case| runs(case.large)) {
            progress.say(&format!("{} {}", suite.name, case.id));
            progress.set(done, n_cases as u64);
            done += 1;
            let (comparisons, time) = case.run();
            notes.sources.entry(case.citation.clone()).or_default().push(case.id.clone());
            for (place, comparison) in comparisons.iter().enumerate() {
                n_numbers += 1;
                n_off += usize::from(!comparison.holds());
                let first = place == 0;
                notes.add(suite, comparison);
                grid.row([
                    if first { case.id.clone() } else { String::new() },
                    comparison.quantity.to_owned(),
                    format::plain(comparison.published, DECIMALS),
                    format::plain(comparison.ours, DECIMALS),
                    format::gap(comparison.gap(), 4),
                    if first { format!("{:.2} s", time.as_secs_f64()) } else { String::new() },
                    session.text(if comparison.holds() { Text::Yes } else { Text::Differs }).to_owned(),
                ]);
                rows.push(json!({
                    "suite": suite.name, "problem": case.id, "quantity": comparison.quantity,
                    "published": comparison.published, "ours": comparison.ours, "gap": comparison.gap(),
                    "tolerance": comparison.tolerance, "holds": comparison.holds(),
                    "tolerance_reason": suite.tolerance_reason(comparison), "origin": suite.origin(comparison).name(),
                    "seconds": time.as_secs_f64(), "citation": case.citation, "suite_citation": suite.citation,
                }));
            }
        }
        let _ = write!(text, "{}: {}\n{}\n\n", session.bold(suite.name), suite.title, session.dim(suite.citation));
        text.push_str(&grid.render(session));
        notes.write(session, &mut text);
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

/// What is told under a table.
#[derive(Default)]
struct Notes {
    /// By quantity and reason: the least and the largest difference allowed beyond printed digits.
    tolerances: BTreeMap<(&'static str, &'static str), (f64, f64)>,
    /// Quantities whose numbers are printed in no paper.
    recomputed: BTreeSet<&'static str>,
    /// The problems of each source.
    sources: BTreeMap<String, Vec<String>>,
}

impl Notes {
    fn add(&mut self, suite: &Suite, comparison: &Comparison) {
        if suite.origin(comparison) == Origin::Recomputed {
            self.recomputed.insert(comparison.quantity);
        }
        if suite.allows_more_than_digits(comparison) {
            let key = (comparison.quantity, suite.tolerance_reason(comparison));
            let (low, high) = self.tolerances.entry(key).or_insert((f64::INFINITY, 0.0));
            (*low, *high) = (low.min(comparison.tolerance), high.max(comparison.tolerance));
        }
    }

    fn write(&self, session: &Session, text: &mut String) {
        let mut line = |line: String| {
            let _ = writeln!(text, "{}", session.dim(&line));
        };
        for ((quantity, reason), (low, high)) in &self.tolerances {
            let most = if low == high { format!("{high:.1e}") } else { format!("{low:.1e} to {high:.1e}") };
            line(session.fill(Text::MayDiffer, &[quantity, &most, reason]));
        }
        if !self.recomputed.is_empty() {
            let quantities: Vec<&str> = self.recomputed.iter().copied().collect();
            line(session.fill(Text::RecomputedNumbers, &[&quantities.join("; ")]));
        }
        for (source, ids) in &self.sources {
            let ids = match (self.sources.len(), ids.as_slice()) {
                (1, _) => session.text(Text::AllProblems).to_owned(),
                (_, ids) => ids.join(", "),
            };
            line(session.fill(Text::SourceOf, &[&ids, source]));
        }
    }
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
