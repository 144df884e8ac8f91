//! What a ledger promises, tried out: the suite that every store passes, crashes and damage, messages, properties.

mod book;
mod demand;
mod desk;
mod faulty;
mod file_stock;
mod fuzz;
#[path = "../../examples/shared/generator.rs"]
mod generator;
mod kept_events;
#[path = "../../examples/shared/log.rs"]
mod log;
mod masters;
mod messages;
mod orders;
#[cfg(feature = "postgres")]
mod postgres_store;
mod simulation;
mod sqlite;
mod stores;
mod suite;
mod tables;

use std::path::PathBuf;

use jiff::Timestamp;
use restock_core::{Event, EventKind, ItemLocation};
use restock_ledger::{AuditEntry, Batch, Decision, Incoming, Ledger, Outcome, SqliteLedger};

/// The empty place where a ledger will be, and goes away with the test.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn open(&self) -> SqliteLedger {
        SqliteLedger::open(&self.path("ledger.db")).unwrap()
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    generator::now()
}

/// `quantity` units of milk sold in Berlin.
fn sale(event_id: &str, quantity: &str) -> Event {
    Event {
        event_id: event_id.to_owned(),
        source: "till".to_owned(),
        occurred_at: at("2026-03-01T09:00:00Z"),
        kind: EventKind::Sale {
            place: ItemLocation::new("milk", "berlin"),
            quantity: quantity.parse().unwrap(),
            unit_price: None,
            lost: None,
        },
        attributes: Default::default(),
    }
}

/// What somebody decided about `subject`, for the audit trail.
fn approved(subject: &str) -> AuditEntry {
    AuditEntry {
        at: now(),
        actor: "ada".to_owned(),
        action: "proposal.approve".to_owned(),
        subject: subject.to_owned(),
        reason: String::new(),
        before: String::new(),
        after: String::new(),
    }
}

fn batch(events: impl IntoIterator<Item = Event>) -> Batch {
    Batch::new(events.into_iter().map(Incoming::from_event).collect(), now())
}

fn append(ledger: &mut dyn Ledger, events: impl IntoIterator<Item = Event>) -> Vec<Outcome> {
    ledger.append(&batch(events)).unwrap()
}

fn decision(reason: &str) -> Decision {
    Decision { actor: "ada".to_owned(), reason: reason.to_owned(), at: now(), counts_from: None }
}
