//! `restock env`: the decision problems that policies are simulated, solved and trained on.

use std::fmt::Write;

use restock_inventory::environments::catalogue;
use restock_inventory::environments::catalogue::Entry;
use serde_json::json;

use crate::cli::{EnvAction, EnvArgs};
use crate::error::CliError;
use crate::i18n::Text;
use crate::session::{Output, Session};
use crate::table::{Align, Grid};

pub(crate) fn run(session: &Session, args: &EnvArgs) -> Result<Output, CliError> {
    match &args.action {
        EnvAction::List => list(session),
        EnvAction::Show { id } => show(session, &entry(id)?),
        EnvAction::Validate { ids, steps, seed } => validate(session, ids, *steps as usize, *seed),
    }
}

/// The entry of an id; the version may be left out.
fn entry(id: &str) -> Result<Entry, CliError> {
    let mut entries = catalogue();
    let place =
        entries.iter().position(|entry| entry.id == id || entry.id.rsplit_once("-v").is_some_and(|e| e.0 == id));
    place.map(|place| entries.swap_remove(place)).ok_or_else(|| {
        let known: Vec<&str> = catalogue().iter().map(|entry| entry.id).collect();
        CliError::usage(format!("environment {id:?} is not known, expected one of {}", known.join(", ")))
            .hint("`restock env list` says what each is")
    })
}

fn as_json(entry: &Entry) -> serde_json::Value {
    json!({
        "id": entry.id, "title": entry.title, "state": entry.state, "action": entry.action, "chance": entry.chance,
        "finite": entry.finite, "events": entry.events(),
    })
}

fn list(session: &Session) -> Result<Output, CliError> {
    let entries = catalogue();
    if session.json {
        return Output::json(&entries.iter().map(as_json).collect::<Vec<_>>());
    }
    let mut grid = Grid::new()
        .column(session.text(Text::EnvironmentWord), Align::Left)
        .column(session.text(Text::Meaning), Align::Text)
        .optional(session.text(Text::SolvedExactly), Align::Left, 1);
    for entry in &entries {
        let exact = session.text(if entry.finite { Text::Yes } else { Text::No });
        grid.row([entry.id.to_owned(), entry.title.to_owned(), exact.to_owned()]);
    }
    Ok(Output::text(grid.render(session)))
}

fn show(session: &Session, entry: &Entry) -> Result<Output, CliError> {
    if session.json {
        return Output::json(&as_json(entry));
    }
    let mut text = format!("{}: {}\n\n", session.bold(entry.id), entry.title);
    for (label, value) in [(Text::State, entry.state), (Text::Action, entry.action), (Text::Chance, entry.chance)] {
        let _ = writeln!(text, "{}: {value}", session.text(label));
    }
    let _ = write!(text, "\n{}\n", session.bold(session.text(Text::Events)));
    for (number, event) in (1..).zip(entry.events()) {
        let _ = writeln!(text, "  {number}. {event}");
    }
    Ok(Output::text(text))
}

fn validate(session: &Session, ids: &[String], n_steps: usize, seed: u64) -> Result<Output, CliError> {
    let entries =
        if ids.is_empty() { catalogue() } else { ids.iter().map(|id| entry(id)).collect::<Result<_, _>>()? };
    let progress = session.progress(session.text(Text::Checking));
    let n_entries = entries.len() as u64;
    let mut results = Vec::new();
    for (done, entry) in (0..).zip(&entries) {
        progress.set(done, n_entries);
        results.push((entry.id, entry.validate(seed, n_steps).err()));
    }
    drop(progress);
    let findings = results.iter().any(|(_, error)| error.is_some());
    let mut output = if session.json {
        let rows = results.iter().map(|(id, error)| {
            json!({ "id": id, "holds": error.is_none(), "error": error.as_ref().map(ToString::to_string) })
        });
        Output::json(&rows.collect::<Vec<_>>())?
    } else {
        let mut grid = Grid::new()
            .column(session.text(Text::EnvironmentWord), Align::Left)
            .column(session.text(Text::Found), Align::Text);
        for (id, error) in &results {
            let found = error.as_ref().map_or(session.text(Text::Holds).to_owned(), ToString::to_string);
            grid.row([(*id).to_owned(), found]);
        }
        Output::text(grid.render(session))
    };
    output.findings = findings;
    Ok(output)
}
