//! Where a source stands, for pages and metrics.

use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use restock_ledger::{ConsumerOffset, Outcome};
use serde::Serialize;

/// What a source is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It has not reached its folder or broker yet.
    Starting,
    /// It reads.
    Reading,
    /// It has read everything and waits for more.
    Waiting,
    /// Something failed, and it tries again.
    Retrying,
    /// It was stopped.
    Stopped,
}

impl State {
    /// All states.
    pub const ALL: [State; 5] = [Self::Starting, Self::Reading, Self::Waiting, Self::Retrying, Self::Stopped];

    /// The name in metrics, for example `retrying`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Reading => "reading",
            Self::Waiting => "waiting",
            Self::Retrying => "retrying",
            Self::Stopped => "stopped",
        }
    }
}

/// Something that went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// When, as text in UTC.
    pub at: String,
    /// What, without secrets.
    pub message: String,
}

/// Where a source stands. Counts are since its start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Its name.
    pub name: String,
    /// `folder`, `nats` or `kafka`.
    pub kind: &'static str,
    /// What it is doing.
    pub state: State,
    /// The part that was read last: a file's content or a stream. Empty before the first.
    pub partition: String,
    /// The first position of that part that has not been taken in: a byte of a file, a message of a stream.
    pub next_offset: u64,
    /// What waits: files of a folder, messages of a stream. `None` while it is not known.
    pub lag: Option<u64>,
    /// Entries that became events.
    pub n_accepted: u64,
    /// Entries that were events before.
    pub n_duplicate: u64,
    /// Entries in quarantine, conflicts included.
    pub n_quarantined: u64,
    /// Messages that the broker had removed before they were read.
    pub n_missing: u64,
    /// What went wrong last, even if it is well again.
    pub last_error: Option<Trouble>,
}

/// A status that its source writes and others read.
#[derive(Clone, Debug)]
pub(crate) struct Board(Arc<Mutex<Status>>);

impl Board {
    pub(crate) fn new(name: &str, kind: &'static str) -> Self {
        Self(Arc::new(Mutex::new(Status {
            name: name.to_owned(),
            kind,
            state: State::Starting,
            partition: String::new(),
            next_offset: 0,
            lag: None,
            n_accepted: 0,
            n_duplicate: 0,
            n_quarantined: 0,
            n_missing: 0,
            last_error: None,
        })))
    }

    pub(crate) fn get(&self) -> Status {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Status> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_state(&self, state: State) {
        self.lock().state = state;
    }

    pub(crate) fn set_lag(&self, lag: u64) {
        self.lock().lag = Some(lag);
    }

    pub(crate) fn taken_in(&self, outcomes: &[Outcome], offset: &ConsumerOffset) {
        let mut status = self.lock();
        for outcome in outcomes {
            *match outcome {
                Outcome::Accepted { .. } => &mut status.n_accepted,
                Outcome::Duplicate { .. } => &mut status.n_duplicate,
                Outcome::Conflict { .. } | Outcome::Quarantined { .. } => &mut status.n_quarantined,
            } += 1;
        }
        status.partition.clone_from(&offset.partition);
        status.next_offset = offset.next_offset;
    }

    #[cfg(any(feature = "kafka", feature = "nats"))]
    pub(crate) fn add_missing(&self, n_messages: u64) {
        self.lock().n_missing += n_messages;
    }

    /// Keeps what went wrong, and logs it unless it was the last thing that went wrong too.
    pub(crate) fn trouble(&self, at: Timestamp, message: String) {
        let mut status = self.lock();
        let is_new = status.last_error.as_ref().is_none_or(|last| last.message != message);
        if is_new {
            tracing::warn!(source = status.name, message, "a source of events");
        }
        status.last_error = Some(Trouble { at: at.to_string(), message });
    }
}

/// The statuses of all sources in the text format of Prometheus, version 0.0.4; empty without sources.
pub fn metrics_text(statuses: &[Status]) -> String {
    let mut out = String::new();
    let mut family = |name: &str, kind: &str, help: &str, rows: &mut dyn Iterator<Item = (String, u64)>| {
        let mut rows = rows.peekable();
        if rows.peek().is_some() {
            writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}").expect("writing to a string");
        }
        for (labels, value) in rows {
            writeln!(out, "{name}{{{labels}}} {value}").expect("writing to a string");
        }
    };
    // Names of sources are letters, digits, - and _, so that they need no escapes.
    let source = |status: &Status| format!("source=\"{}\",kind=\"{}\"", status.name, status.kind);
    let states = statuses.iter().flat_map(|status| {
        State::ALL
            .map(|state| (format!("{},state=\"{}\"", source(status), state.name()), u64::from(status.state == state)))
    });
    family("restock_intake_state", "gauge", "1 for what a source is doing.", &mut { states });
    let lags = statuses.iter().filter_map(|status| Some((source(status), status.lag?)));
    family("restock_intake_lag", "gauge", "Files or messages that wait to be read.", &mut { lags });
    let entries = statuses.iter().flat_map(|status| {
        [("accepted", status.n_accepted), ("duplicate", status.n_duplicate), ("quarantined", status.n_quarantined)]
            .map(|(outcome, n)| (format!("{},outcome=\"{outcome}\"", source(status)), n))
    });
    family("restock_intake_entries_total", "counter", "Entries read by what became of them.", &mut { entries });
    let missing = statuses.iter().map(|status| (source(status), status.n_missing));
    let help = "Messages that the broker had removed before they were read.";
    family("restock_intake_missing_total", "counter", help, &mut { missing });
    out
}
