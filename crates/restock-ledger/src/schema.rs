//! The tables of a ledger, and how older ones become them.
//!
//! The statements are plain SQL, so that a server database can have the same tables: there `INTEGER` is written `BIGINT`,
//! `BLOB` is `BYTEA`, and triggers that refuse changes are written in its own language; everything else stays. Numbers
//! are given by the program inside the transaction, never by the database, so that they are dense everywhere. Instants
//! are microseconds since 1970-01-01 UTC; the exact instant is in the body of the event.

/// Marks a database file as a ledger of ours: "rsld" in ASCII.
pub(crate) const APPLICATION_ID: i64 = 0x7273_6c64;

/// Step `n` leads from schema version `n` to `n + 1`. A step that was released is never changed.
pub(crate) const MIGRATIONS: &[&str] = &[VERSION_1, VERSION_2];

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

CREATE TRIGGER events_stay BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
CREATE TRIGGER events_remain BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are never removed'); END;
CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit trail is never changed'); END;
CREATE TRIGGER audit_remains BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit trail is never cut'); END;
";

const VERSION_2: &str = "
CREATE TABLE desk (
    number       INTEGER PRIMARY KEY,
    at           INTEGER NOT NULL,
    proposal_id  TEXT NOT NULL,
    body         TEXT NOT NULL
);
CREATE INDEX desk_by_proposal ON desk (proposal_id, number);

CREATE TRIGGER desk_stays BEFORE UPDATE ON desk BEGIN SELECT RAISE(ABORT, 'the desk is never changed'); END;
CREATE TRIGGER desk_remains BEFORE DELETE ON desk BEGIN SELECT RAISE(ABORT, 'the desk is never cleared'); END;
";
