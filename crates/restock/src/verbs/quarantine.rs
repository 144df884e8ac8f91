//! `restock doctor quarantine`: what could not be taken in, and what people decide about it, in the words of the API.

use std::io::Read;
use std::path::Path;

use restock_core::Event;
use restock_ledger::{DESK_SOURCE, Decision, Ledger, LedgerError, Outcome, QuarantineEntry, QuarantineState, wire};
use serde_json::{Value, json};

use crate::cli::{DecisionArgs, EntryState, QuarantineAction, QuarantineArgs};
use crate::error::CliError;
use crate::i18n::Text;
use crate::ledger::{explained, open};
use crate::project::Project;
use crate::session::{Output, Session};
use crate::table::{Align, Grid};
use crate::verbs::ledger::reader;

pub(crate) fn run(session: &Session, args: &QuarantineArgs) -> Result<Output, CliError> {
    match &args.action {
        QuarantineAction::List { state, from, limit } => list(session, *state, *from, *limit as usize),
        QuarantineAction::Show { id } => show(session, *id),
        QuarantineAction::Release { id, event, decision } => {
            let corrected = event.as_deref().map(read_event).transpose()?;
            let decision = decided(session, decision)?;
            let mut ledger = open(&Project::folder_of(session)?)?;
            let released = ledger.release(*id, corrected.as_ref(), &decision);
            let (outcome, sequence) = match released.map_err(|error| explained(&error))? {
                Outcome::Duplicate { sequence } => ("duplicate", Some(sequence)),
                Outcome::Accepted { sequence } | Outcome::Conflict { sequence, .. } => ("accepted", Some(sequence)),
                Outcome::Quarantined { .. } => ("quarantined", None),
            };
            if session.json {
                return Output::json(&json!({ "quarantine_id": id, "outcome": outcome, "sequence": sequence }));
            }
            let number = sequence.unwrap_or_default();
            Ok(Output::text(session.fill(Text::EntryReleased, &[id, &number]) + "\n"))
        }
        QuarantineAction::Discard { id, decision } => {
            let decision = decided(session, decision)?;
            let mut ledger = open(&Project::folder_of(session)?)?;
            ledger.discard(*id, &decision).map_err(|error| explained(&error))?;
            if session.json {
                return Output::json(&row(&find(&*ledger, *id)?));
            }
            Ok(Output::text(session.fill(Text::EntryDiscarded, &[id]) + "\n"))
        }
    }
}

fn list(session: &Session, state: EntryState, from: u64, limit: usize) -> Result<Output, CliError> {
    let state = match state {
        EntryState::Open => Some(QuarantineState::Open),
        EntryState::Released => Some(QuarantineState::Released),
        EntryState::Discarded => Some(QuarantineState::Discarded),
        EntryState::All => None,
    };
    let entries = reader(session)?.quarantine(state, from, limit).map_err(|error| explained(&error))?;
    if session.json {
        return Output::json(&json!({ "entries": entries.iter().map(row).collect::<Vec<_>>() }));
    }
    if entries.is_empty() {
        return Ok(Output::text(format!("{}\n", session.text(Text::QuarantineEmpty))));
    }
    let mut grid = Grid::new()
        .column(session.text(Text::NumberWord), Align::Right)
        .column(session.text(Text::StateWord), Align::Left)
        .column(session.text(Text::PositionWord), Align::Left)
        .column(session.text(Text::ReasonWord), Align::Text);
    for entry in &entries {
        let reason = entry.reason.to_string();
        grid.row([
            entry.quarantine_id.to_string(),
            entry.state.name().to_owned(),
            entry.position.clone(),
            session.said(&reason).into_owned(),
        ]);
    }
    let mut text = grid.render(session);
    if entries.len() == limit {
        let next = entries.last().map_or(from, |last| last.quarantine_id + 1);
        text.push_str(&format!("{}\n", session.dim(&session.fill(Text::QuarantineFrom, &[&next]))));
    }
    Ok(Output::text(text))
}

fn show(session: &Session, id: u64) -> Result<Output, CliError> {
    let entry = find(&*reader(session)?, id)?;
    if session.json {
        return Output::json(&row(&entry));
    }
    let reason = entry.reason.to_string();
    let state = match entry.sequence {
        Some(sequence) => format!("{} · {}", entry.state.name(), session.fill(Text::EventNumber, &[&sequence])),
        None => entry.state.name().to_owned(),
    };
    Ok(Output::text(format!(
        "{} {id} · {} · {} · {state}\n{}\n\n{}\n",
        session.text(Text::QuarantineWord),
        entry.position,
        entry.received_at,
        session.said(&reason),
        String::from_utf8_lossy(&entry.raw),
    )))
}

fn find(ledger: &dyn Ledger, id: u64) -> Result<QuarantineEntry, CliError> {
    let found = ledger.quarantine(None, id, 1).map_err(|error| explained(&error))?;
    let entry = found.into_iter().find(|entry| entry.quarantine_id == id);
    entry.ok_or_else(|| explained(&LedgerError::NoSuchEntry(id)))
}

/// As `/v1/quarantine` shows it.
fn row(entry: &QuarantineEntry) -> Value {
    let reason = &entry.reason;
    json!({
        "quarantine_id": entry.quarantine_id, "received_at": entry.received_at.to_string(), "position": entry.position,
        "reason": {
            "code": reason.code.name(), "field": reason.field, "got": reason.got, "expected": reason.expected,
            "fix": reason.fix,
        },
        "raw": String::from_utf8_lossy(&entry.raw), "state": entry.state.name(), "sequence": entry.sequence,
    })
}

fn decided(session: &Session, args: &DecisionArgs) -> Result<Decision, CliError> {
    let (actor, reason) = (args.by.trim().to_lowercase(), args.reason.trim().to_owned());
    if actor.is_empty() {
        return Err(CliError::usage("--by is empty").hint("name who decides, for the audit trail"));
    }
    if reason.is_empty() {
        return Err(CliError::usage("--reason is empty").hint("say why, for the audit trail"));
    }
    Ok(Decision { actor, reason, at: session.now, counts_from: None })
}

/// The event as it should have been.
fn read_event(path: &Path) -> Result<Event, CliError> {
    let name = path.display();
    let mut bytes = Vec::new();
    let read = match path == Path::new("-") {
        true => std::io::stdin().lock().read_to_end(&mut bytes),
        false => std::fs::File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)),
    };
    read.map_err(|error| {
        CliError::usage(format!("cannot read {name}: {error}"))
            .hint("give a file with one event as JSON, or - for standard input")
    })?;
    let event = wire::read_event(bytes.trim_ascii()).map_err(|refusal| CliError::data(refusal.to_string()))?;
    if event.source == DESK_SOURCE {
        return Err(CliError::data(format!("the source {DESK_SOURCE:?} belongs to the desk"))
            .hint("name the system that reports as its source"));
    }
    Ok(event)
}
