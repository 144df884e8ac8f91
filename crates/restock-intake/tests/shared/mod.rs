//! A ledger that a source and a test share, for the tests of brokers.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use restock_intake::{Intake, IntakeError, LedgerIntake, Source, SourceConfig, Status, Surroundings, start};
use restock_ledger::{ConsumerOffset, Incoming, Ledger, Outcome, QuarantineState, SqliteLedger};

pub(crate) fn now() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().unwrap()
}

/// A sale of one unit of milk.
pub(crate) fn sale(event_id: impl std::fmt::Display) -> String {
    format!(
        r#"{{"event_id":"{event_id}","source":"till","type":"sale","occurred_at":"2026-03-02T08:00:00Z","item_id":"milk","location_id":"berlin","quantity":1}}"#
    )
}

/// A ledger that a source and a test share. Every call whose number is a multiple of `fails_every` fails, in turn before
/// anything was written and after all of it was.
#[derive(Clone)]
pub(crate) struct SharedLedger(pub(crate) Arc<Mutex<Inner>>);

pub(crate) struct Inner {
    pub(crate) ledger: SqliteLedger,
    pub(crate) fails_every: u32,
    pub(crate) n_calls: u32,
}

impl SharedLedger {
    pub(crate) fn new() -> Self {
        let ledger = SqliteLedger::in_memory().unwrap();
        Self(Arc::new(Mutex::new(Inner { ledger, fails_every: u32::MAX, n_calls: 0 })))
    }

    pub(crate) fn n_events(&self) -> u64 {
        self.0.lock().unwrap().ledger.last_sequence().unwrap()
    }

    pub(crate) fn offsets(&self) -> Vec<u64> {
        self.0.lock().unwrap().ledger.offsets().unwrap().iter().map(|offset| offset.next_offset).collect()
    }

    pub(crate) fn quarantine(&self) -> Vec<String> {
        let entries = self.0.lock().unwrap().ledger.quarantine(Some(QuarantineState::Open), 1, 10_000).unwrap();
        entries.iter().map(|entry| format!("{} · {}", entry.position, entry.reason)).collect()
    }

    /// Starts a source that brings its events here.
    pub(crate) fn start(&self, config: &SourceConfig) -> Source {
        self.start_in(config, Path::new("."), &[])
    }

    pub(crate) fn start_in(&self, config: &SourceConfig, folder: &Path, variables: &[(&str, &str)]) -> Source {
        let variables: Vec<(String, String)> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let environment =
            move |name: &str| variables.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone());
        let folder: PathBuf = folder.to_owned();
        let around =
            Surroundings { clock: Arc::new(now), folder, environment: Arc::new(environment), read_table: None };
        start(config, Box::new(self.clone()), &around).unwrap()
    }
}

impl Intake for SharedLedger {
    fn append_from(&mut self, entries: Vec<Incoming>, offset: ConsumerOffset) -> Result<Vec<Outcome>, IntakeError> {
        let inner = &mut *self.0.lock().unwrap();
        inner.n_calls += 1;
        let mut intake = LedgerIntake::new(&mut inner.ledger, Arc::new(now));
        let fault = IntakeError::NotNow("the disk is full".to_owned());
        match (inner.n_calls % inner.fails_every, inner.n_calls / inner.fails_every % 2) {
            (0, 0) => Err(fault),
            (0, _) => intake.append_from(entries, offset).and(Err(fault)),
            _ => intake.append_from(entries, offset),
        }
    }

    fn offset(&mut self, consumer: &str, partition: &str) -> Result<Option<u64>, IntakeError> {
        LedgerIntake::new(&mut self.0.lock().unwrap().ledger, Arc::new(now)).offset(consumer, partition)
    }
}

/// Waits until a source is as expected. It fails after a minute, so that a test ends.
pub(crate) fn wait(source: &Source, is_met: impl Fn(&Status) -> bool) -> Status {
    for _ in 0..6_000 {
        let status = source.status();
        if is_met(&status) {
            return status;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("this was waited for in vain: {:?}", source.status());
}
