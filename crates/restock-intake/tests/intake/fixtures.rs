//! A drop folder with a ledger, and an intake that fails when it is told to.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use restock_intake::{Folder, Intake, IntakeError, LedgerIntake, Stop};
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

/// Lines of sales with these numbers.
pub(crate) fn sales(numbers: std::ops::Range<u32>) -> String {
    numbers.map(|number| sale(number) + "\n").collect()
}

pub(crate) struct Inbox {
    pub(crate) path: PathBuf,
    pub(crate) folder: Folder,
    pub(crate) ledger: SqliteLedger,
    pub(crate) now: Timestamp,
    _temporary: tempfile::TempDir,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("inbox");
        std::fs::create_dir(&path).unwrap();
        let folder = Folder::new("inbox", path.clone(), None);
        Self { path, folder, ledger: SqliteLedger::in_memory().unwrap(), now: now(), _temporary: temporary }
    }

    pub(crate) fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path.join(name), content).unwrap();
    }

    /// Looks once, a second later.
    pub(crate) fn look(&mut self) {
        self.now += SignedDuration::from_secs(1);
        let mut intake = LedgerIntake::new(&mut self.ledger, Arc::new(now));
        self.folder.look(&mut intake, self.now, &Stop::new()).unwrap();
    }

    pub(crate) fn look_twice(&mut self) {
        self.look();
        self.look();
    }

    /// Forgets what was seen, as after a kill.
    pub(crate) fn restart(&mut self) {
        self.folder = Folder::new("inbox", self.path.clone(), None);
    }

    /// All files below the folder.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.path.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push(path.strip_prefix(&self.path).unwrap().to_str().unwrap().replace('\\', "/"));
                }
            }
        }
        found.sort();
        found
    }

    pub(crate) fn n_events(&self) -> u64 {
        self.ledger.last_sequence().unwrap()
    }

    /// Where open entries of quarantine were, and why they are there.
    pub(crate) fn quarantine(&self) -> Vec<String> {
        let entries = self.ledger.quarantine(Some(QuarantineState::Open), 1, 10_000).unwrap();
        entries.iter().map(|entry| format!("{} · {}", entry.position, entry.reason)).collect()
    }
}

/// An intake whose call number `fails_at` fails: before anything was written, or after all of it was.
pub(crate) struct Faulty<'a> {
    pub(crate) inner: LedgerIntake<&'a mut SqliteLedger>,
    pub(crate) fails_at: u32,
    pub(crate) has_written: bool,
    pub(crate) n_calls: u32,
}

impl Intake for Faulty<'_> {
    fn append_from(&mut self, entries: Vec<Incoming>, offset: ConsumerOffset) -> Result<Vec<Outcome>, IntakeError> {
        self.n_calls += 1;
        if self.n_calls != self.fails_at {
            return self.inner.append_from(entries, offset);
        }
        if self.has_written {
            self.inner.append_from(entries, offset)?;
        }
        Err(IntakeError::NotNow("the disk is full".to_owned()))
    }

    fn offset(&mut self, consumer: &str, partition: &str) -> Result<Option<u64>, IntakeError> {
        self.inner.offset(consumer, partition)
    }
}
