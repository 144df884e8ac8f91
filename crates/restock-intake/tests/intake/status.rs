//! What metrics say about sources, and a source on its own thread.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use restock_intake::{Intake, IntakeError, LedgerIntake, SourceConfig, State, Surroundings, metrics_text, start};
use restock_ledger::{ConsumerOffset, Incoming, Ledger, Outcome, SqliteLedger};

use crate::fixtures::{Inbox, now, sales};

#[test]
fn metrics_are_lines_of_prometheus() {
    let mut inbox = Inbox::new();
    inbox.put("a.ndjson", sales(0..5) + "rubbish\n");
    inbox.look_twice();
    insta::assert_snapshot!(metrics_text(&[inbox.folder.status()]), @r#"
    # HELP restock_intake_state 1 for what a source is doing.
    # TYPE restock_intake_state gauge
    restock_intake_state{source="inbox",kind="folder",state="starting"} 0
    restock_intake_state{source="inbox",kind="folder",state="reading"} 0
    restock_intake_state{source="inbox",kind="folder",state="waiting"} 1
    restock_intake_state{source="inbox",kind="folder",state="retrying"} 0
    restock_intake_state{source="inbox",kind="folder",state="stopped"} 0
    # HELP restock_intake_lag Files or messages that wait to be read.
    # TYPE restock_intake_lag gauge
    restock_intake_lag{source="inbox",kind="folder"} 0
    # HELP restock_intake_entries_total Entries read by what became of them.
    # TYPE restock_intake_entries_total counter
    restock_intake_entries_total{source="inbox",kind="folder",outcome="accepted"} 5
    restock_intake_entries_total{source="inbox",kind="folder",outcome="duplicate"} 0
    restock_intake_entries_total{source="inbox",kind="folder",outcome="quarantined"} 1
    # HELP restock_intake_missing_total Messages that the broker had removed before they were read.
    # TYPE restock_intake_missing_total counter
    restock_intake_missing_total{source="inbox",kind="folder"} 0
    "#);
    assert_eq!(metrics_text(&[]), "");
}

/// A ledger that a thread and a test share.
#[derive(Clone)]
struct Shared(Arc<Mutex<SqliteLedger>>);

impl Intake for Shared {
    fn append_from(&mut self, entries: Vec<Incoming>, offset: ConsumerOffset) -> Result<Vec<Outcome>, IntakeError> {
        LedgerIntake::new(&mut *self.0.lock().unwrap(), Arc::new(now)).append_from(entries, offset)
    }

    fn offset(&mut self, consumer: &str, partition: &str) -> Result<Option<u64>, IntakeError> {
        LedgerIntake::new(&mut *self.0.lock().unwrap(), Arc::new(now)).offset(consumer, partition)
    }
}

fn surroundings(folder: &std::path::Path) -> Surroundings {
    Surroundings { clock: Arc::new(now), folder: folder.to_owned(), environment: Arc::new(|_| None), read_table: None }
}

#[test]
fn a_source_runs_until_it_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("inbox")).unwrap();
    std::fs::write(folder.path().join("inbox/a.ndjson"), sales(0..5)).unwrap();
    let ledger = Shared(Arc::new(Mutex::new(SqliteLedger::in_memory().unwrap())));
    let config: SourceConfig = toml::from_str("kind = \"folder\"\npath = \"inbox\"").unwrap();
    let source = start(&config, Box::new(ledger.clone()), &surroundings(folder.path())).unwrap();
    while ledger.0.lock().unwrap().last_sequence().unwrap() < 5 || source.status().state != State::Waiting {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(source.status().n_accepted, 5);
    source.stop();
}

#[cfg(not(feature = "nats"))]
#[test]
fn a_source_that_was_not_built_says_so() {
    let ledger = Shared(Arc::new(Mutex::new(SqliteLedger::in_memory().unwrap())));
    let config: SourceConfig =
        toml::from_str("kind = \"nats\"\nurl = \"nats://localhost\"\nstream = \"SALES\"").unwrap();
    let error = start(&config, Box::new(ledger), &surroundings(std::path::Path::new("."))).unwrap_err();
    assert!(matches!(error, restock_intake::StartError::NotBuilt { .. }));
    insta::assert_snapshot!(error, @r#"
    intake "SALES": this program was built without nats

    hint: build it with the feature `nats`
    "#);
}
