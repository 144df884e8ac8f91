//! The tables of a ledger, and how older ones become them.
//!
//! The statements are plain SQL that every store turns into its own: on a server `INTEGER` is `BIGINT`, `BLOB` is `BYTEA`,
//! texts are compared byte by byte, and the triggers that refuse changes are written in its own language; everything else
//! is the same. Numbers are given by the program inside the transaction, never by the database, so that they are dense
//! everywhere. Instants are microseconds since 1970-01-01 UTC; the exact instant is in the body of the event.

/// Marks a database as a ledger of ours: "rsld" in ASCII.
pub(crate) const APPLICATION_ID: i64 = 0x7273_6c64;

/// What leads from a schema version to the next one.
pub(crate) struct Migration {
    /// New tables and indices.
    pub(crate) statements: &'static str,
    /// What may not happen to rows from then on.
    pub(crate) refusals: &'static [Refused],
}

/// A change of rows that a trigger refuses.
pub(crate) struct Refused {
    /// The name of the trigger.
    pub(crate) trigger: &'static str,
    /// `UPDATE` or `DELETE`.
    pub(crate) change: &'static str,
    /// The table.
    pub(crate) table: &'static str,
    /// What is said to whoever tries.
    pub(crate) message: &'static str,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A number, an instant.
    Integer,
    /// A text.
    Text,
    /// Bytes.
    Bytes,
}

/// A table as it is in the newest version.
#[derive(Debug)]
pub(crate) struct Table {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its columns, those of its primary key first.
    pub(crate) columns: &'static [(&'static str, Kind)],
    /// How many columns the primary key has.
    pub(crate) n_key_columns: usize,
    /// The two columns that are unique together, where rows are known by more than their number.
    pub(crate) unique: Option<[usize; 2]>,
    /// The column in which rows of the same key may differ, if it matters.
    pub(crate) content: Option<usize>,
}

impl Table {
    /// The names of its columns, as in a statement.
    pub(crate) fn column_names(&self) -> String {
        self.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }

    /// The names of the columns of its primary key.
    pub(crate) fn key_names(&self) -> String {
        self.columns[..self.n_key_columns].iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }
}

/// All tables, in the order in which they are copied.
pub(crate) const TABLES: [&Table; 6] = [&EVENTS, &OFFSETS, &QUARANTINE, &SNAPSHOTS, &AUDIT, &DESK];

use Kind::{Bytes, Integer, Text};

pub(crate) const EVENTS: Table = Table {
    name: "events",
    columns: &[
        ("sequence", Integer),
        ("source", Text),
        ("event_id", Text),
        ("kind", Text),
        ("item_id", Text),
        ("location_id", Text),
        ("occurred_at", Integer),
        ("recorded_at", Integer),
        ("body", Text),
    ],
    n_key_columns: 1,
    unique: Some([1, 2]),
    content: Some(8),
};

pub(crate) const OFFSETS: Table = Table {
    name: "offsets",
    columns: &[("consumer", Text), ("partition_name", Text), ("next_offset", Integer)],
    n_key_columns: 2,
    unique: None,
    content: None,
};

pub(crate) const QUARANTINE: Table = Table {
    name: "quarantine",
    columns: &[
        ("quarantine_id", Integer),
        ("received_at", Integer),
        ("position", Text),
        ("code", Text),
        ("field", Text),
        ("got", Text),
        ("expected", Text),
        ("fix", Text),
        ("raw", Bytes),
        ("raw_hash", Bytes),
        ("state", Text),
        ("sequence", Integer),
    ],
    n_key_columns: 1,
    unique: Some([9, 3]),
    content: None,
};

pub(crate) const SNAPSHOTS: Table = Table {
    name: "snapshots",
    columns: &[
        ("name", Text),
        ("last_sequence", Integer),
        ("saved_at", Integer),
        ("state", Bytes),
        ("state_hash", Bytes),
    ],
    n_key_columns: 2,
    unique: None,
    content: None,
};

pub(crate) const AUDIT: Table = Table {
    name: "audit",
    columns: &[
        ("number", Integer),
        ("at", Integer),
        ("actor", Text),
        ("action", Text),
        ("subject", Text),
        ("reason", Text),
        ("state_before", Text),
        ("state_after", Text),
        ("hash", Bytes),
    ],
    n_key_columns: 1,
    unique: None,
    content: None,
};

pub(crate) const DESK: Table = Table {
    name: "desk",
    columns: &[("number", Integer), ("at", Integer), ("proposal_id", Text), ("body", Text)],
    n_key_columns: 1,
    unique: None,
    content: None,
};

/// Step `n` leads from schema version `n` to `n + 1`. A step that was released is never changed.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration {
        statements: VERSION_1,
        refusals: &[
            Refused { trigger: "events_stay", change: "UPDATE", table: "events", message: "events are never changed" },
            Refused {
                trigger: "events_remain",
                change: "DELETE",
                table: "events",
                message: "events are never removed",
            },
            Refused {
                trigger: "audit_stays",
                change: "UPDATE",
                table: "audit",
                message: "the audit trail is never changed",
            },
            Refused {
                trigger: "audit_remains",
                change: "DELETE",
                table: "audit",
                message: "the audit trail is never cut",
            },
        ],
    },
    Migration {
        statements: VERSION_2,
        refusals: &[
            Refused { trigger: "desk_stays", change: "UPDATE", table: "desk", message: "the desk is never changed" },
            Refused { trigger: "desk_remains", change: "DELETE", table: "desk", message: "the desk is never cleared" },
        ],
    },
];

const VERSION_1: &str = "
CREATE TABLE events (
    sequence     INTEGER PRIMARY KEY,
    source       TEXT NOT NULL,
    event_id     TEXT NOT NULL,
    kind         TEXT NOT NULL,
    item_id      TEXT,
    location_id  TEXT,
    occurred_at  INTEGER NOT NULL,
    recorded_at  INTEGER NOT NULL,
    body         TEXT NOT NULL,
    UNIQUE (source, event_id)
);
CREATE INDEX events_by_place ON events (item_id, location_id, sequence)
    WHERE item_id IS NOT NULL AND location_id IS NOT NULL;

CREATE TABLE offsets (
    consumer        TEXT NOT NULL,
    partition_name  TEXT NOT NULL,
    next_offset     INTEGER NOT NULL,
    PRIMARY KEY (consumer, partition_name)
);

CREATE TABLE quarantine (
    quarantine_id  INTEGER PRIMARY KEY,
    received_at    INTEGER NOT NULL,
    position       TEXT NOT NULL,
    code           TEXT NOT NULL,
    field          TEXT NOT NULL,
    got            TEXT NOT NULL,
    expected       TEXT NOT NULL,
    fix            TEXT NOT NULL,
    raw            BLOB NOT NULL,
    raw_hash       BLOB NOT NULL,
    state          TEXT NOT NULL,
    sequence       INTEGER,
    UNIQUE (raw_hash, code)
);
CREATE INDEX quarantine_by_state ON quarantine (state, quarantine_id);

CREATE TABLE snapshots (
    name           TEXT NOT NULL,
    last_sequence  INTEGER NOT NULL,
    saved_at       INTEGER NOT NULL,
    state          BLOB NOT NULL,
    state_hash     BLOB NOT NULL,
    PRIMARY KEY (name, last_sequence)
);

CREATE TABLE audit (
    number   INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    actor    TEXT NOT NULL,
    action   TEXT NOT NULL,
    subject  TEXT NOT NULL,
    reason   TEXT NOT NULL,
    state_before TEXT NOT NULL,
    state_after  TEXT NOT NULL,
    hash     BLOB NOT NULL
);
";

const VERSION_2: &str = "
CREATE TABLE desk (
    number       INTEGER PRIMARY KEY,
    at           INTEGER NOT NULL,
    proposal_id  TEXT NOT NULL,
    body         TEXT NOT NULL
);
CREATE INDEX desk_by_proposal ON desk (proposal_id, number);
";
