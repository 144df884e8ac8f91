//! `restock solve`: one problem from the command line or a TOML file, solved, with curves to look at.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use restock_inventory::environments::Network;
use restock_inventory::problems::{self, Example, KINDS, Kind, ProblemError, Solved};

use super::plan::open_in_browser;
use crate::chart;
use crate::cli::SolveArgs;
use crate::error::CliError;
use crate::format;
use crate::i18n::Text;
use crate::project::write_file;
use crate::report::page::{escape, shell};
use crate::session::{Output, Session};
use crate::table::{Align, Grid};

/// Digits of levels and costs.
const DECIMALS: usize = 4;

/// Steps that the way to a solution is shown in.
const PROGRESS_STEPS: f64 = 1000.0;

pub(crate) fn run(session: &Session, args: &SolveArgs) -> Result<Output, CliError> {
    let Some(problem) = &args.problem else { return kinds(session) };
    let is_file = [".toml", ".yaml", ".yml"].iter().any(|ending| problem.ends_with(ending));
    let file = is_file.then(|| File::read(problem)).transpose()?;
    let mut table = match &file {
        Some(file) => file.table.clone(),
        None => toml::Table::from_iter([("problem".to_owned(), toml::Value::from(problem.as_str()))]),
    };
    // A pair replaces what the file says.
    let pairs = problems::table_of(args.parameters.iter().map(String::as_str)).map_err(|error| usage(&error))?;
    table.extend(pairs.clone());
    let is_network = !table.contains_key("problem") && table.contains_key("nodes");
    let name = if is_network { Some("network") } else { table.get("problem").and_then(toml::Value::as_str) };
    let name = name.unwrap_or_default().to_owned();
    let progress = session.progress(session.text(Text::Solving));
    let watch = |share: f64| progress.set((PROGRESS_STEPS * share) as u64, PROGRESS_STEPS as u64);
    if let (true, true, Some(file)) = (name == "network", pairs.is_empty(), &file) {
        file.check_network()?;
    }
    let solved = problems::solve_watched(table, &watch).map_err(|error| {
        let of_pair = error.key().is_some_and(|key| pairs.contains_key(key));
        let error = match file.as_ref().filter(|_| !of_pair) {
            Some(file) => file.error(&error),
            None => usage(&error),
        };
        error.hint(hint(&name))
    })?;
    drop(progress);
    let written = args.out.as_deref().map(|out| write(session, out, &name, &solved)).transpose()?;
    if let (true, Some(page)) = (args.open, &written) {
        open_in_browser(page);
    }
    if session.json {
        return Output::json(&solved);
    }
    let mut text = format!("{}\n\n", session.bold(&solved.problem));
    let mut grid = Grid::new().column("", Align::Left).column("", Align::Right).column("", Align::Left);
    for figure in &solved.figures {
        grid.row([figure.name.to_string(), format::plain(figure.value, DECIMALS), figure.unit.to_owned()]);
    }
    text.push_str(&grid.render(session));
    if !solved.policies.is_empty() {
        let mut grid = Grid::new()
            .column(session.text(Text::PolicyWord), Align::Left)
            .column(session.text(Text::Cost), Align::Right)
            .column(session.text(Text::Gap), Align::Right);
        for policy in &solved.policies {
            grid.row([policy.policy.clone(), format::plain(policy.cost, DECIMALS), format::gap(policy.gap, 3)]);
        }
        let _ = write!(text, "\n{}", grid.render(session));
    }
    let _ = write!(text, "\n{}\n", session.dim(solved.method));
    if let Some(convergence) = &solved.convergence {
        let _ = writeln!(text, "{}", session.dim(convergence));
    }
    if let Some(page) = written {
        let _ = writeln!(text, "{}", session.dim(&session.fill(Text::Written, &[&page.display()])));
    }
    Ok(Output::text(text))
}

/// What can be solved, with an example of each.
fn kinds(session: &Session) -> Result<Output, CliError> {
    if session.json {
        let rows = KINDS.iter().map(|kind| {
            let file = if let Example::File(text) = kind.example { Some(text) } else { None };
            serde_json::json!({
                "problem": kind.name, "title": kind.title, "example": kind.example_command(), "file": file,
            })
        });
        return Output::json(&rows.collect::<Vec<_>>());
    }
    let mut text = String::new();
    for kind in KINDS {
        let _ = write!(text, "{}: {}\n  {}\n", session.bold(kind.name), kind.title, kind.example_command());
    }
    for kind in KINDS {
        if let Example::File(file) = kind.example {
            let _ = write!(text, "\n{}\n", session.bold(&format!("{}.toml", kind.name)));
            file.lines().for_each(|line| text.push_str(&format!("  {line}\n")));
        }
    }
    Ok(Output::text(text))
}

/// A problem in a file, with its text to find lines in.
struct File<'a> {
    path: &'a str,
    text: String,
    table: toml::Table,
}

impl<'a> File<'a> {
    fn read(path: &'a str) -> Result<Self, CliError> {
        let text =
            std::fs::read_to_string(path).map_err(|error| CliError::usage(format!("cannot read {path}: {error}")))?;
        let fails = |message: String| CliError::usage(format!("{path}: {message}"));
        let table = if path.ends_with(".toml") {
            text.parse().map_err(|error: toml::de::Error| fails(error.to_string()))?
        } else {
            problems::table_of_yaml(&text).map_err(|error| fails(error.to_string()))?
        };
        Ok(Self { path, text, table })
    }

    /// What is wrong with a network, with the line: as `restock env validate` tells it.
    fn check_network(&self) -> Result<(), CliError> {
        // The description of a network has no key of its kind; an empty line keeps the lines in place.
        let names_kind = |line: &&str| key_of(line) == Some("problem");
        let text: Vec<&str> = self.text.lines().map(|line| if names_kind(&line) { "" } else { line }).collect();
        let text = text.join("\n");
        let network = if self.path.ends_with(".toml") { Network::from_toml(&text) } else { Network::from_yaml(&text) };
        network.map(|_| ()).map_err(|error| CliError::usage(format!("{}: {error}", self.path)))
    }

    /// An error with the file and, where exactly one line sets its key, the line.
    fn error(&self, error: &ProblemError) -> CliError {
        let mut lines = (1..).zip(self.text.lines()).filter(|(_, line)| key_of(line) == error.key()).map(|(n, _)| n);
        match (error.key(), lines.next(), lines.next()) {
            (Some(_), Some(line), None) => CliError::usage(format!("{}: line {line}: {error}", self.path)),
            _ => CliError::usage(format!("{}: {error}", self.path)),
        }
    }
}

/// The key that a line of TOML or YAML sets.
fn key_of(line: &str) -> Option<&str> {
    let (key, _) = line.split_once(['=', ':'])?;
    let key = key.trim().trim_start_matches("- ").trim_matches(['"', '\'']);
    (!key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))).then_some(key)
}

fn usage(error: &ProblemError) -> CliError {
    CliError::usage(error.to_string())
}

/// An example to type; of a problem that needs a file, where to find one.
fn hint(name: &str) -> String {
    match KINDS.iter().find(|kind| kind.name == name) {
        None => "`restock solve` lists every problem with an example".to_owned(),
        Some(Kind { example: Example::File(_), name, .. }) => {
            format!("`restock solve` shows an example file of {name}")
        }
        Some(kind) => kind.example_command(),
    }
}

/// Writes a page with all charts, and each chart as a file of its own; returns the page.
fn write(session: &Session, out: &Path, name: &str, solved: &Solved) -> Result<PathBuf, CliError> {
    let mut body = format!("<main><h1>{}</h1><table>", escape(&solved.problem));
    for figure in &solved.figures {
        let _ = write!(
            body,
            "<tr><td>{}</td><td class=\"n\">{}</td><td>{}</td></tr>",
            escape(&figure.name),
            format::plain(figure.value, DECIMALS),
            escape(figure.unit)
        );
    }
    let _ = write!(body, "</table><p>{}</p>", escape(solved.method));
    for (number, chart) in (1..).zip(&solved.charts) {
        let svg = chart::svg(chart);
        write_file(&out.join(format!("{name}-{number}.svg")), &svg)?;
        let _ = write!(body, "<figure>{svg}</figure>");
    }
    body.push_str("</main>");
    let page = out.join(format!("{name}.html"));
    write_file(&page, &shell(session.lang, &solved.problem, &body, solved))?;
    Ok(page)
}
