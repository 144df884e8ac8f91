//! What came in: an event or the reason why it is none, with the text that it was read from.

use std::fmt;
use std::sync::Arc;

use restock_core::Event;

use crate::wire;

/// One entry of a message, as it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// Where in the message it was.
    pub position: Position,
    /// Its text, byte for byte.
    pub raw: Vec<u8>,
    /// What it says, or why it cannot be read.
    pub event: Result<Event, Refusal>,
}

impl Incoming {
    /// An event made by a program; its text is the one that [`wire::write`] gives.
    pub fn from_event(event: Event) -> Self {
        Self { position: Position::Whole, raw: wire::write(&event).into_bytes(), event: Ok(event) }
    }
}

/// A place in a message.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Position {
    /// The whole message.
    Whole,
    /// A line of NDJSON, counted from 1.
    Line(u64),
    /// An entry of a JSON list, counted from 0 as programs count.
    Index(u64),
    /// A place that its reader has named, for example `sales.ndjson line 3`: somebody who finds it in quarantine was
    /// not there when it came in.
    Named(Arc<str>),
}

impl Position {
    /// The same place within `origin`, a file or a message of a broker.
    ///
    /// ```
    /// use restock_ledger::Position;
    /// assert_eq!(Position::Line(3).within("sales.ndjson").to_string(), "sales.ndjson line 3");
    /// assert_eq!(Position::Whole.within("SALES message 12").to_string(), "SALES message 12");
    /// ```
    pub fn within(&self, origin: &str) -> Self {
        match self {
            Self::Whole => Self::Named(origin.into()),
            inner => Self::Named(format!("{origin} {inner}").into()),
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("message"),
            Self::Line(line) => write!(f, "line {line}"),
            Self::Index(index) => write!(f, "index {index}"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

/// Why an entry is in quarantine, in general.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefusalCode {
    /// It is not an event that we can read.
    Malformed,
    /// It says that it happens later than the clock allows.
    FutureDated,
    /// It is a count from before the time that counts are taken for.
    TooOld,
    /// Its key belongs to an event that says something else.
    Conflict,
}

impl RefusalCode {
    /// All codes.
    pub const ALL: [RefusalCode; 4] = [Self::Malformed, Self::FutureDated, Self::TooOld, Self::Conflict];

    /// The name in stores and messages, for example `future_dated`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::FutureDated => "future_dated",
            Self::TooOld => "too_old",
            Self::Conflict => "conflict",
        }
    }
}

/// Why an entry is in quarantine, in words that help its sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reason in general.
    pub code: RefusalCode,
    /// The field at fault; empty when it is the whole entry.
    pub field: String,
    /// What was there, at most [`Refusal::MAX_GOT_CHARS`] characters of it.
    pub got: String,
    /// What is allowed.
    pub expected: String,
    /// The way out.
    pub fix: String,
}

impl Refusal {
    /// The most characters that a refusal repeats of what was there.
    pub const MAX_GOT_CHARS: usize = 80;

    pub(crate) fn new(
        code: RefusalCode,
        field: impl Into<String>,
        got: &str,
        expected: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        let mut shown: String = got.chars().take(Self::MAX_GOT_CHARS).collect();
        if shown.len() < got.len() {
            shown.push('…');
        }
        Self { code, field: field.into(), got: shown, expected: expected.into(), fix: fix.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, got, expected, fix, .. } = self;
        if !field.is_empty() {
            write!(f, "{field}: ")?;
        }
        write!(f, "got {got}, expected {expected}; {fix}")
    }
}
