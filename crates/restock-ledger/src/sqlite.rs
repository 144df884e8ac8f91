//! The embedded store: one SQLite file.
//!
//! Writes go to a write-ahead log that is flushed to disk before a call returns (`synchronous = FULL`). One process
//! writes; any number of [`SqliteLedger::open_reader`] read beside it and see whole batches only.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use restock_core::{Event, ItemLocation, Severity};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Row, Transaction, TransactionBehavior, params};

use crate::audit::{self, AuditCheck, AuditEntry, AuditRecord};
use crate::desk::{DeskEntry, Filing};
use crate::error::LedgerError;
use crate::incoming::{Incoming, Refusal, RefusalCode};
use crate::ledger::{
    Batch, ConsumerOffset, Decision, Ledger, LedgerFinding, LedgerFindingCode, Outcome, QuarantineEntry,
    QuarantineState, Recorded, Snapshot, too_old,
};
use crate::schema::{APPLICATION_ID, MIGRATIONS};
use crate::{backup, wire};

/// How long a call waits for another process that writes, milliseconds.
const BUSY_TIMEOUT_MS: u64 = 10_000;
/// Memory for pages, KiB.
const CACHE_KIB: i64 = 65_536;
/// Pages of the log after which they are moved into the file. Many, so that a page that many batches write is moved once.
const LOG_PAGES: i64 = 16_384;
/// How many events are read at once by calls that read all of them.
pub(crate) const EVENTS_PER_READ: usize = 10_000;
/// How many states of a projection are kept.
const KEPT_SNAPSHOTS: i64 = 2;

/// A ledger in one SQLite file.
#[derive(Debug)]
pub struct SqliteLedger {
    connection: Connection,
    is_reader: bool,
}

impl SqliteLedger {
    /// Opens the ledger at `path` and brings its tables up to date; makes it where there is none.
    ///
    /// # Errors
    /// [`LedgerError::Open`], [`LedgerError::NotALedger`] for a file of something else, [`LedgerError::NewerSchema`] for
    /// one that a later version of the program wrote, [`LedgerError::Busy`].
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags).map_err(|error| cannot_open(path, &error))?;
        prepare(&connection, path)?;
        migrate(&mut connection, path)?;
        Ok(Self { connection, is_reader: false })
    }

    /// Opens the existing ledger at `path` to read from it while another connection writes.
    ///
    /// # Errors
    /// As [`SqliteLedger::open`]; a ledger of an older version is refused with [`LedgerError::Open`], because only a
    /// writer may bring it up to date.
    pub fn open_reader(path: &Path) -> Result<Self, LedgerError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(|error| cannot_open(path, &error))?;
        connection.busy_timeout(Duration::from_millis(BUSY_TIMEOUT_MS))?;
        let found = version(&connection, path)?;
        if found < MIGRATIONS.len() as i64 {
            let reason =
                format!("it has schema version {found} and {} is needed; open it for writing once", MIGRATIONS.len());
            return Err(LedgerError::Open { path: path.to_owned(), reason });
        }
        Ok(Self { connection, is_reader: true })
    }

    /// A ledger in memory that is gone when it is dropped, for tests of what uses a ledger.
    ///
    /// # Errors
    /// [`LedgerError::Storage`] when there is no memory.
    pub fn in_memory() -> Result<Self, LedgerError> {
        let mut connection = Connection::open_in_memory()?;
        migrate(&mut connection, Path::new(":memory:"))?;
        Ok(Self { connection, is_reader: false })
    }

    fn write(&mut self) -> Result<Transaction<'_>, LedgerError> {
        if self.is_reader {
            return Err(LedgerError::ReadOnly);
        }
        Ok(self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?)
    }
}

impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { waited_ms: BUSY_TIMEOUT_MS },
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged { what: error.to_string() },
            _ => Self::Storage(Box::new(error)),
        }
    }
}

fn cannot_open(path: &Path, error: &rusqlite::Error) -> LedgerError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => LedgerError::NotALedger { path: path.to_owned() },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => LedgerError::Busy { waited_ms: BUSY_TIMEOUT_MS },
        _ => LedgerError::Open { path: path.to_owned(), reason: error.to_string() },
    }
}

/// Refuses files that are not ours before anything is written, then makes commits durable.
fn prepare(connection: &Connection, path: &Path) -> Result<(), LedgerError> {
    connection.busy_timeout(Duration::from_millis(BUSY_TIMEOUT_MS))?;
    version(connection, path)?;
    let set = || -> rusqlite::Result<String> {
        let mode = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
        Ok(mode)
    };
    let mode = set().map_err(|error| cannot_open(path, &error))?;
    if mode != "wal" {
        let reason = format!("the file system does not support write-ahead logs (mode {mode}); use a local disk");
        return Err(LedgerError::Open { path: path.to_owned(), reason });
    }
    Ok(())
}

/// The schema version of a file that is ours, or 0 for an empty one.
fn version(connection: &Connection, path: &Path) -> Result<i64, LedgerError> {
    let read = || -> rusqlite::Result<(i64, i64, i64)> {
        let application = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
        let version = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        let n_tables = connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
        Ok((application, version, n_tables))
    };
    let (application, found, n_tables) = read().map_err(|error| cannot_open(path, &error))?;
    let is_new = application == 0 && found == 0 && n_tables == 0;
    if !is_new && application != APPLICATION_ID {
        return Err(LedgerError::NotALedger { path: path.to_owned() });
    }
    let known = MIGRATIONS.len() as i64;
    if found > known {
        return Err(LedgerError::NewerSchema { path: path.to_owned(), found, known });
    }
    Ok(found)
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), LedgerError> {
    if version(connection, path)? == MIGRATIONS.len() as i64 {
        return Ok(());
    }
    let write = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Read again inside the transaction: another process may have been faster.
    let found = version(&write, path)?;
    for step in &MIGRATIONS[found as usize..] {
        write.execute_batch(step)?;
    }
    write.pragma_update(None, "application_id", APPLICATION_ID)?;
    write.pragma_update(None, "user_version", MIGRATIONS.len() as i64)?;
    write.commit()?;
    Ok(())
}

impl Ledger for SqliteLedger {
    fn append(&mut self, batch: &Batch) -> Result<Vec<Outcome>, LedgerError> {
        let write = self.write()?;
        let mut next_sequence = last_number(&write, "SELECT max(sequence) FROM events")? + 1;
        let mut outcomes = Vec::with_capacity(batch.entries.len());
        for entry in &batch.entries {
            outcomes.push(take_in(&write, batch, entry, &mut next_sequence)?);
        }
        if let Some(ConsumerOffset { consumer, partition, next_offset }) = &batch.offset {
            let next_offset = i64::try_from(*next_offset)
                .map_err(|_| LedgerError::OutOfRange { what: "the offset of a consumer", got: *next_offset })?;
            write
                .prepare_cached(
                    "INSERT INTO offsets (consumer, partition_name, next_offset) VALUES (?1, ?2, ?3)
                     ON CONFLICT (consumer, partition_name)
                     DO UPDATE SET next_offset = excluded.next_offset WHERE excluded.next_offset > offsets.next_offset",
                )?
                .execute(params![consumer, partition, next_offset])?;
        }
        write.commit()?;
        Ok(outcomes)
    }

    fn last_sequence(&self) -> Result<u64, LedgerError> {
        last_number(&self.connection, "SELECT max(sequence) FROM events")
    }

    fn events(&self, from_sequence: u64, limit: usize) -> Result<Vec<Recorded>, LedgerError> {
        let mut query = self.connection.prepare_cached(
            "SELECT sequence, recorded_at, body FROM events WHERE sequence >= ?1 ORDER BY sequence LIMIT ?2",
        )?;
        collect(query.query(params![number(from_sequence), limit_of(limit)])?, recorded)
    }

    fn events_of(&self, place: &ItemLocation, from_sequence: u64, limit: usize) -> Result<Vec<Recorded>, LedgerError> {
        let mut query = self.connection.prepare_cached(
            "SELECT sequence, recorded_at, body FROM events
             WHERE item_id = ?1 AND location_id = ?2 AND sequence >= ?3 ORDER BY sequence LIMIT ?4",
        )?;
        let rows = query.query(params![place.item_id, place.location_id, number(from_sequence), limit_of(limit)])?;
        collect(rows, recorded)
    }

    fn find(&self, source: &str, event_id: &str) -> Result<Option<Recorded>, LedgerError> {
        let mut query = self
            .connection
            .prepare_cached("SELECT sequence, recorded_at, body FROM events WHERE source = ?1 AND event_id = ?2")?;
        Ok(collect(query.query(params![source, event_id])?, recorded)?.pop())
    }

    fn offset(&self, consumer: &str, partition: &str) -> Result<Option<u64>, LedgerError> {
        let mut query = self
            .connection
            .prepare_cached("SELECT next_offset FROM offsets WHERE consumer = ?1 AND partition_name = ?2")?;
        let next_offset: Option<i64> = query.query_row(params![consumer, partition], |row| row.get(0)).optional()?;
        next_offset.map(|next_offset| positive(next_offset, "the offset of a consumer")).transpose()
    }

    fn offsets(&self) -> Result<Vec<ConsumerOffset>, LedgerError> {
        let mut query = self.connection.prepare_cached(
            "SELECT consumer, partition_name, next_offset FROM offsets ORDER BY consumer, partition_name",
        )?;
        collect(query.query([])?, |row| {
            let next_offset = positive(row.get(2)?, "the offset of a consumer")?;
            Ok(ConsumerOffset { consumer: row.get(0)?, partition: row.get(1)?, next_offset })
        })
    }

    fn quarantine(
        &self,
        state: Option<QuarantineState>,
        from_id: u64,
        limit: usize,
    ) -> Result<Vec<QuarantineEntry>, LedgerError> {
        let (condition, name) = match state {
            Some(state) => ("state = ?3", state.name()),
            None => ("?3 = ''", ""),
        };
        let mut query = self.connection.prepare_cached(&format!(
            "SELECT {QUARANTINE_COLUMNS} FROM quarantine
             WHERE {condition} AND quarantine_id >= ?1 ORDER BY quarantine_id LIMIT ?2"
        ))?;
        collect(query.query(params![number(from_id), limit_of(limit), name])?, quarantined)
    }

    fn quarantine_size(&self, state: QuarantineState) -> Result<u64, LedgerError> {
        let mut query = self.connection.prepare_cached("SELECT count(*) FROM quarantine WHERE state = ?1")?;
        let size: i64 = query.query_row([state.name()], |row| row.get(0))?;
        positive(size, "the size of the quarantine")
    }

    fn release(
        &mut self,
        quarantine_id: u64,
        corrected: Option<&Event>,
        decision: &Decision,
    ) -> Result<Outcome, LedgerError> {
        let write = self.write()?;
        let entry = open_entry(&write, quarantine_id)?;
        let cannot = |reason: String| LedgerError::CannotRelease { quarantine_id, reason };
        let event = match corrected {
            Some(event) => event.clone(),
            None => wire::read_event(&entry.raw).map_err(|refusal| cannot(refusal.to_string()))?,
        };
        if let Some(refusal) = too_old(&event, decision.counts_from) {
            return Err(cannot(refusal.to_string()));
        }
        let next_sequence = last_number(&write, "SELECT max(sequence) FROM events")? + 1;
        let (outcome, sequence) = match insert_event(&write, &event, next_sequence, decision.at)? {
            Inserted::New => (Outcome::Accepted { sequence: next_sequence }, next_sequence),
            Inserted::Same(sequence) => (Outcome::Duplicate { sequence }, sequence),
            Inserted::Other(sequence) => {
                let Event { source, event_id, .. } = &event;
                return Err(cannot(format!(
                    "event {sequence} has the same source {source:?} and id {event_id:?} and says something else"
                )));
            }
        };
        resolve(&write, &entry, QuarantineState::Released, Some(sequence), decision)?;
        write.commit()?;
        Ok(outcome)
    }

    fn discard(&mut self, quarantine_id: u64, decision: &Decision) -> Result<(), LedgerError> {
        let write = self.write()?;
        let entry = open_entry(&write, quarantine_id)?;
        resolve(&write, &entry, QuarantineState::Discarded, None, decision)?;
        write.commit()?;
        Ok(())
    }

    fn save_snapshot(&mut self, name: &str, snapshot: &Snapshot, at: Timestamp) -> Result<(), LedgerError> {
        let write = self.write()?;
        let last = last_number(&write, "SELECT max(sequence) FROM events")?;
        if snapshot.last_sequence > last {
            return Err(LedgerError::OutOfRange { what: "the last event of a snapshot", got: snapshot.last_sequence });
        }
        let hash = snapshot_hash(name, snapshot.last_sequence, &snapshot.state);
        write.execute(
            "INSERT INTO snapshots (name, last_sequence, saved_at, state, state_hash) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (name, last_sequence)
             DO UPDATE SET saved_at = excluded.saved_at, state = excluded.state, state_hash = excluded.state_hash",
            params![name, number(snapshot.last_sequence), at.as_microsecond(), snapshot.state, hash],
        )?;
        write.execute(
            "DELETE FROM snapshots WHERE name = ?1 AND last_sequence NOT IN
             (SELECT last_sequence FROM snapshots WHERE name = ?1 ORDER BY last_sequence DESC LIMIT ?2)",
            params![name, KEPT_SNAPSHOTS],
        )?;
        write.commit()?;
        Ok(())
    }

    fn latest_snapshot(&self, name: &str) -> Result<Option<Snapshot>, LedgerError> {
        let mut query = self.connection.prepare_cached(
            "SELECT last_sequence, state, state_hash FROM snapshots WHERE name = ?1 ORDER BY last_sequence DESC",
        )?;
        let mut rows = query.query([name])?;
        while let Some(row) = rows.next()? {
            let last_sequence = positive(row.get(0)?, "the last event of a snapshot")?;
            let (state, hash): (Vec<u8>, Vec<u8>) = (row.get(1)?, row.get(2)?);
            if snapshot_hash(name, last_sequence, &state)[..] == hash[..] {
                return Ok(Some(Snapshot { last_sequence, state }));
            }
        }
        Ok(None)
    }

    fn record(&mut self, entry: &AuditEntry) -> Result<AuditRecord, LedgerError> {
        let write = self.write()?;
        let record = write_audit(&write, entry)?;
        write.commit()?;
        Ok(record)
    }

    fn audit_trail(&self, from_number: u64, limit: usize) -> Result<Vec<AuditRecord>, LedgerError> {
        let mut query = self.connection.prepare_cached(
            "SELECT number, at, actor, action, subject, reason, state_before, state_after, hash FROM audit
             WHERE number >= ?1 ORDER BY number LIMIT ?2",
        )?;
        collect(query.query(params![number(from_number), limit_of(limit)])?, |row| {
            let entry = AuditEntry {
                at: instant(row.get(1)?, "the audit trail")?,
                actor: row.get(2)?,
                action: row.get(3)?,
                subject: row.get(4)?,
                reason: row.get(5)?,
                before: row.get(6)?,
                after: row.get(7)?,
            };
            let number = positive(row.get(0)?, "a number of the audit trail")?;
            let hash: Vec<u8> = row.get(8)?;
            let hash = hash.try_into().map_err(|_| LedgerError::Damaged {
                what: format!("record {number} of the audit trail has a hash of another length"),
            })?;
            Ok(AuditRecord { number, entry, hash })
        })
    }

    fn verify_audit(&self) -> Result<AuditCheck, LedgerError> {
        let mut verifier = audit::Verifier::new();
        let mut from_number = 1;
        loop {
            let records = self.audit_trail(from_number, EVENTS_PER_READ)?;
            let Some(last) = records.last() else { return Ok(verifier.finish()) };
            from_number = last.number + 1;
            records.iter().for_each(|record| verifier.add(record));
        }
    }

    fn file(&mut self, filing: &Filing) -> Result<u64, LedgerError> {
        let write = self.write()?;
        let found = last_number(&write, "SELECT max(number) FROM desk")?;
        if found != filing.after {
            return Err(LedgerError::DeskMoved { seen: filing.after, found });
        }
        let mut next = found;
        for entry in &filing.entries {
            next += 1;
            let body = serde_json::to_string(&entry.change).map_err(|error| LedgerError::Storage(Box::new(error)))?;
            write
                .prepare_cached("INSERT INTO desk (number, at, proposal_id, body) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![number(next), filing.at.as_microsecond(), entry.proposal_id, body])?;
        }
        for entry in &filing.audit {
            write_audit(&write, entry)?;
        }
        if let Some(orders) = &filing.orders {
            let mut next_sequence = last_number(&write, "SELECT max(sequence) FROM events")? + 1;
            for order in &orders.entries {
                // An order that does not count would be placed again: then nothing of the filing is written.
                let outcome = take_in(&write, orders, order, &mut next_sequence)?;
                if !matches!(outcome, Outcome::Accepted { .. }) {
                    return Err(LedgerError::OrderNotTaken { outcome: format!("{outcome:?}") });
                }
            }
        }
        write.commit()?;
        Ok(next)
    }

    fn desk_entries(&self, from_number: u64, limit: usize) -> Result<Vec<DeskEntry>, LedgerError> {
        let mut query = self
            .connection
            .prepare_cached("SELECT number, proposal_id, body FROM desk WHERE number >= ?1 ORDER BY number LIMIT ?2")?;
        collect(query.query(params![number(from_number), limit_of(limit)])?, |row| {
            let (entry, body): (i64, String) = (row.get(0)?, row.get(2)?);
            let change = serde_json::from_str(&body).map_err(|error| LedgerError::Damaged {
                what: format!("entry {entry} of the desk cannot be read: {error}"),
            })?;
            Ok(DeskEntry { proposal_id: row.get(1)?, change })
        })
    }

    fn backup(&self, path: &Path) -> Result<(), LedgerError> {
        backup::write_whole(path, |partial: &PathBuf| {
            let partial = partial.to_str().ok_or("its name is not UTF-8; choose another name")?;
            // A copy of one moment, made inside a reading transaction: writers go on.
            self.connection.execute("VACUUM INTO ?1", [partial]).map_err(|error| error.to_string())?;
            Ok(())
        })
    }

    fn doctor(&self) -> Result<Vec<LedgerFinding>, LedgerError> {
        let mut findings = Vec::new();
        // One transaction, so that what is looked at does not change meanwhile.
        let _read = self.connection.unchecked_transaction()?;
        self.check_store(&mut findings)?;
        self.check_events(&mut findings)?;
        match self.verify_audit() {
            Ok(AuditCheck { broken_at: Some(number), n_records, .. }) => findings.push(LedgerFinding {
                code: LedgerFindingCode::AuditBroken,
                severity: Severity::Error,
                message: format!("record {number} of {n_records} of the audit trail is not the one that was written"),
                fix: "compare with a backup, and find out who could write to the file".into(),
            }),
            Ok(_) => {}
            Err(LedgerError::Damaged { what }) => findings.push(LedgerFinding {
                code: LedgerFindingCode::AuditBroken,
                severity: Severity::Error,
                message: what,
                fix: "compare with a backup, and find out who could write to the file".into(),
            }),
            Err(error) => return Err(error),
        }
        self.check_snapshots(&mut findings)?;
        let n_open = self.quarantine_size(QuarantineState::Open)?;
        if n_open > 0 {
            findings.push(LedgerFinding {
                code: LedgerFindingCode::QuarantineOpen,
                severity: Severity::Warning,
                message: format!("entries in quarantine: {n_open}"),
                fix: "release them, corrected where needed, or discard them".into(),
            });
        }
        Ok(findings)
    }
}

impl SqliteLedger {
    fn check_store(&self, findings: &mut Vec<LedgerFinding>) -> Result<(), LedgerError> {
        let mut query = self.connection.prepare("PRAGMA integrity_check(20)")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let line: String = row.get(0)?;
            if line != "ok" {
                findings.push(LedgerFinding {
                    code: LedgerFindingCode::StoreDamaged,
                    severity: Severity::Error,
                    message: line,
                    fix: "restore a backup, and check the disk".into(),
                });
            }
        }
        Ok(())
    }

    /// Every event is there, can be read and is what its columns say.
    fn check_events(&self, findings: &mut Vec<LedgerFinding>) -> Result<(), LedgerError> {
        /// More than so many damaged events tell nothing new.
        const MAX_FINDINGS: usize = 20;
        let mut query = self.connection.prepare(
            "SELECT sequence, body, source, event_id, kind, item_id, location_id, occurred_at FROM events ORDER BY sequence",
        )?;
        let mut rows = query.query([])?;
        let (mut expected, mut n_damaged) = (1, 0);
        while let Some(row) = rows.next()? {
            let sequence = positive(row.get(0)?, "a sequence number")?;
            if sequence != expected {
                let message = match sequence - expected {
                    1 => format!("event {expected} is missing"),
                    _ => format!("events {expected} to {} are missing", sequence - 1),
                };
                findings.push(LedgerFinding {
                    code: LedgerFindingCode::SequenceGap,
                    severity: Severity::Error,
                    message,
                    fix: "restore a backup, and have the sources send again what came after it".into(),
                });
            }
            expected = sequence + 1;
            let body: String = row.get(1)?;
            let problem = match wire::read_stored(&body) {
                Ok(event) => {
                    let columns: (String, String, String, Option<String>, Option<String>, i64) =
                        (row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?, row.get(7)?);
                    let item_id = event.kind.item_id().map(str::to_owned);
                    let location_id = event.kind.location_id().map(str::to_owned);
                    let kind = event.kind.name().to_owned();
                    let occurred_at = event.occurred_at.as_microsecond();
                    let says = (event.source, event.event_id, kind, item_id, location_id, occurred_at);
                    (columns != says).then(|| "its columns say something else than its body".to_owned())
                }
                Err(refusal) => Some(refusal.to_string()),
            };
            if let Some(problem) = problem {
                n_damaged += 1;
                if n_damaged <= MAX_FINDINGS {
                    findings.push(LedgerFinding {
                        code: LedgerFindingCode::EventDamaged,
                        severity: Severity::Error,
                        message: format!("event {sequence} is damaged: {problem}"),
                        fix: "restore a backup, and have the sources send again what came after it".into(),
                    });
                }
            }
        }
        Ok(())
    }

    fn check_snapshots(&self, findings: &mut Vec<LedgerFinding>) -> Result<(), LedgerError> {
        let last = self.last_sequence()?;
        let mut query = self.connection.prepare("SELECT name, last_sequence, state, state_hash FROM snapshots")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let (name, last_sequence): (String, i64) = (row.get(0)?, row.get(1)?);
            let (state, hash): (Vec<u8>, Vec<u8>) = (row.get(2)?, row.get(3)?);
            let last_sequence = positive(last_sequence, "the last event of a snapshot")?;
            if snapshot_hash(&name, last_sequence, &state)[..] != hash[..] || last_sequence > last {
                findings.push(LedgerFinding {
                    code: LedgerFindingCode::SnapshotDamaged,
                    severity: Severity::Warning,
                    message: format!("snapshot {name:?} after event {last_sequence} is not the one that was saved"),
                    fix: "nothing is lost: it is passed over, and the next one is computed from the events".into(),
                });
            }
        }
        Ok(())
    }
}

// ---------------------------------------------------------------- writing

fn take_in(
    write: &Connection,
    batch: &Batch,
    entry: &Incoming,
    next_sequence: &mut u64,
) -> Result<Outcome, LedgerError> {
    let event = match &entry.event {
        Ok(event) => event,
        Err(refusal) => return put_aside(write, batch, entry, refusal.clone()),
    };
    if let Some(refusal) = batch.untimely(event) {
        // What has been taken in is not refused when it is sent again, although the clock or the horizon has moved.
        return match find_key(write, event)? {
            Some((sequence, body)) if body == wire::write(event) => Ok(Outcome::Duplicate { sequence }),
            _ => put_aside(write, batch, entry, refusal),
        };
    }
    match insert_event(write, event, *next_sequence, batch.received_at)? {
        Inserted::New => {
            *next_sequence += 1;
            Ok(Outcome::Accepted { sequence: *next_sequence - 1 })
        }
        Inserted::Same(sequence) => Ok(Outcome::Duplicate { sequence }),
        Inserted::Other(sequence) => {
            let got = format!("source {:?} and id {:?}", event.source, event.event_id);
            let expected = format!("what event {sequence} says, which has the same source and id");
            let fix = "send a correction as an event with an id of its own";
            let refusal = Refusal::new(RefusalCode::Conflict, "event_id", &got, expected, fix);
            match put_aside(write, batch, entry, refusal)? {
                Outcome::Quarantined { quarantine_id, .. } => Ok(Outcome::Conflict { quarantine_id, sequence }),
                other => Ok(other),
            }
        }
    }
}

enum Inserted {
    New,
    /// The key is there, with the same content.
    Same(u64),
    /// The key is there, with other content.
    Other(u64),
}

fn insert_event(
    write: &Connection,
    event: &Event,
    sequence: u64,
    recorded_at: Timestamp,
) -> Result<Inserted, LedgerError> {
    let body = wire::write(event);
    let n_inserted = write
        .prepare_cached(
            "INSERT INTO events
             (sequence, source, event_id, kind, item_id, location_id, occurred_at, recorded_at, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (source, event_id) DO NOTHING",
        )?
        .execute(params![
            number(sequence),
            event.source,
            event.event_id,
            event.kind.name(),
            event.kind.item_id(),
            event.kind.location_id(),
            event.occurred_at.as_microsecond(),
            recorded_at.as_microsecond(),
            body,
        ])?;
    if n_inserted == 1 {
        return Ok(Inserted::New);
    }
    let (sequence, first) = find_key(write, event)?.expect("a key that is there");
    Ok(if first == body { Inserted::Same(sequence) } else { Inserted::Other(sequence) })
}

fn find_key(write: &Connection, event: &Event) -> Result<Option<(u64, String)>, LedgerError> {
    let mut query = write.prepare_cached("SELECT sequence, body FROM events WHERE source = ?1 AND event_id = ?2")?;
    let found: Option<(i64, String)> =
        query.query_row(params![event.source, event.event_id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    found.map(|(sequence, body)| Ok((positive(sequence, "a sequence number")?, body))).transpose()
}

/// Puts an entry into quarantine, once.
fn put_aside(write: &Connection, batch: &Batch, entry: &Incoming, reason: Refusal) -> Result<Outcome, LedgerError> {
    let raw_hash = *blake3::hash(&entry.raw).as_bytes();
    let next_id = last_number(write, "SELECT max(quarantine_id) FROM quarantine")? + 1;
    let n_inserted = write
        .prepare_cached(
            "INSERT INTO quarantine
             (quarantine_id, received_at, position, code, field, got, expected, fix, raw, raw_hash, state)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'open') ON CONFLICT (raw_hash, code) DO NOTHING",
        )?
        .execute(params![
            number(next_id),
            batch.received_at.as_microsecond(),
            entry.position.to_string(),
            reason.code.name(),
            reason.field,
            reason.got,
            reason.expected,
            reason.fix,
            entry.raw,
            raw_hash,
        ])?;
    if n_inserted == 1 {
        return Ok(Outcome::Quarantined { quarantine_id: next_id, reason });
    }
    let first: i64 = write
        .prepare_cached("SELECT quarantine_id FROM quarantine WHERE raw_hash = ?1 AND code = ?2")?
        .query_row(params![raw_hash, reason.code.name()], |row| row.get(0))?;
    Ok(Outcome::Quarantined { quarantine_id: positive(first, "a number of the quarantine")?, reason })
}

fn open_entry(write: &Connection, quarantine_id: u64) -> Result<QuarantineEntry, LedgerError> {
    let mut query =
        write.prepare_cached(&format!("SELECT {QUARANTINE_COLUMNS} FROM quarantine WHERE quarantine_id = ?1"))?;
    let entry = collect(query.query([number(quarantine_id)])?, quarantined)?.pop();
    let entry = entry.ok_or(LedgerError::NoSuchEntry(quarantine_id))?;
    match entry.state {
        QuarantineState::Open => Ok(entry),
        resolved => Err(LedgerError::AlreadyResolved { quarantine_id, state: resolved.name() }),
    }
}

fn resolve(
    write: &Connection,
    entry: &QuarantineEntry,
    state: QuarantineState,
    sequence: Option<u64>,
    decision: &Decision,
) -> Result<(), LedgerError> {
    write
        .prepare_cached("UPDATE quarantine SET state = ?2, sequence = ?3 WHERE quarantine_id = ?1")?
        .execute(params![number(entry.quarantine_id), state.name(), sequence.map(number)])?;
    let verb = if state == QuarantineState::Released { "release" } else { "discard" };
    write_audit(
        write,
        &AuditEntry {
            at: decision.at,
            actor: decision.actor.clone(),
            action: format!("quarantine.{verb}"),
            subject: format!("quarantine/{}", entry.quarantine_id),
            reason: decision.reason.clone(),
            before: entry.state.name().to_owned(),
            after: sequence.map_or_else(|| state.name().to_owned(), |sequence| format!("event {sequence}")),
        },
    )?;
    Ok(())
}

fn write_audit(write: &Connection, entry: &AuditEntry) -> Result<AuditRecord, LedgerError> {
    let last: Option<(i64, [u8; 32])> = write
        .prepare_cached("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (last_number, previous) = last.unwrap_or((0, audit::NO_HASH));
    let record = audit::next_record(positive(last_number, "a number of the audit trail")? + 1, previous, entry);
    let AuditEntry { at, actor, action, subject, reason, before, after } = &record.entry;
    write
        .prepare_cached(
            "INSERT INTO audit (number, at, actor, action, subject, reason, state_before, state_after, hash)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            number(record.number),
            at.as_microsecond(),
            actor,
            action,
            subject,
            reason,
            before,
            after,
            record.hash
        ])?;
    Ok(record)
}

// ---------------------------------------------------------------- reading

const QUARANTINE_COLUMNS: &str =
    "quarantine_id, received_at, position, code, field, got, expected, fix, raw, state, sequence";

fn quarantined(row: &Row<'_>) -> Result<QuarantineEntry, LedgerError> {
    let quarantine_id = positive(row.get(0)?, "a number of the quarantine")?;
    let damaged = |what: &str, got: &str| LedgerError::Damaged {
        what: format!("quarantine entry {quarantine_id} has the unknown {what} {got:?}"),
    };
    let (code, state): (String, String) = (row.get(3)?, row.get(9)?);
    let known = RefusalCode::ALL.into_iter().find(|known| known.name() == code);
    let states = [QuarantineState::Open, QuarantineState::Released, QuarantineState::Discarded];
    let sequence: Option<i64> = row.get(10)?;
    Ok(QuarantineEntry {
        quarantine_id,
        received_at: instant(row.get(1)?, "the quarantine")?,
        position: row.get(2)?,
        reason: Refusal {
            code: known.ok_or_else(|| damaged("reason", &code))?,
            field: row.get(4)?,
            got: row.get(5)?,
            expected: row.get(6)?,
            fix: row.get(7)?,
        },
        raw: row.get(8)?,
        state: states.into_iter().find(|known| known.name() == state).ok_or_else(|| damaged("state", &state))?,
        sequence: sequence.map(|sequence| positive(sequence, "a sequence number")).transpose()?,
    })
}

fn recorded(row: &Row<'_>) -> Result<Recorded, LedgerError> {
    let sequence = positive(row.get(0)?, "a sequence number")?;
    let body = row
        .get_ref(2)?
        .as_str()
        .map_err(|error| LedgerError::Damaged { what: format!("event {sequence} is not a text: {error}") })?;
    let event = wire::read_stored(body)
        .map_err(|refusal| LedgerError::Damaged { what: format!("event {sequence} cannot be read: {refusal}") })?;
    Ok(Recorded { sequence, recorded_at: instant(row.get(1)?, "an event")?, event })
}

fn collect<T>(
    mut rows: rusqlite::Rows<'_>,
    read: impl Fn(&Row<'_>) -> Result<T, LedgerError>,
) -> Result<Vec<T>, LedgerError> {
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(read(row)?);
    }
    Ok(all)
}

/// The result of a `max`, 0 for an empty table.
fn last_number(connection: &Connection, query: &str) -> Result<u64, LedgerError> {
    let last: Option<i64> = connection.prepare_cached(query)?.query_row([], |row| row.get(0))?;
    positive(last.unwrap_or(0), "the last number")
}

fn positive(stored: i64, what: &str) -> Result<u64, LedgerError> {
    u64::try_from(stored).map_err(|_| LedgerError::Damaged { what: format!("{what} is {stored}, below 0") })
}

/// Numbers beyond the largest that can be stored are as good as it: nothing lies there.
fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn limit_of(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn instant(microseconds: i64, what: &str) -> Result<Timestamp, LedgerError> {
    Timestamp::from_microsecond(microseconds)
        .map_err(|error| LedgerError::Damaged { what: format!("{what} has an instant that is none: {error}") })
}

fn snapshot_hash(name: &str, last_sequence: u64, state: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(name.len() as u64).to_le_bytes());
    hasher.update(name.as_bytes());
    hasher.update(&last_sequence.to_le_bytes());
    hasher.update(state);
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use restock_core::EventKind;

    use super::*;

    fn count(number: usize) -> Incoming {
        Incoming::from_event(Event {
            event_id: number.to_string(),
            source: "till".to_owned(),
            occurred_at: Timestamp::UNIX_EPOCH,
            kind: EventKind::Count { place: ItemLocation::new("milk", "berlin"), on_hand: Default::default() },
            attributes: [("note".to_owned(), format!("\"{}\"", "x".repeat(500)))].into(),
        })
    }

    /// A batch that no longer fits is not in by half, its position neither, and the ledger goes on once there is room.
    #[test]
    fn a_full_disk_takes_a_batch_as_a_whole_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = SqliteLedger::open(&folder.path().join("ledger.db")).unwrap();
        ledger.connection.pragma_update(None, "max_page_count", 100).unwrap();
        let batch = |number: usize| {
            let entries = (0..50).map(|entry| count(number * 50 + entry)).collect();
            let mut batch = Batch::new(entries, Timestamp::UNIX_EPOCH);
            batch.offset = Some(ConsumerOffset {
                consumer: "kafka".to_owned(),
                partition: "0".to_owned(),
                next_offset: (number as u64 + 1) * 50,
            });
            batch
        };
        let n_batches = (0..).find(|&number| ledger.append(&batch(number)).is_err()).unwrap();
        assert!(n_batches > 1);
        for _ in 0..2 {
            assert!(matches!(ledger.append(&batch(n_batches)), Err(LedgerError::Storage(_))));
            assert_eq!(ledger.last_sequence().unwrap(), n_batches as u64 * 50);
            assert_eq!(ledger.offset("kafka", "0").unwrap(), Some(n_batches as u64 * 50));
        }
        assert_eq!(ledger.doctor().unwrap(), []);
        ledger.connection.pragma_update(None, "max_page_count", 1_000_000).unwrap();
        let outcomes = ledger.append(&batch(n_batches)).unwrap();
        assert_eq!(outcomes[0], Outcome::Accepted { sequence: n_batches as u64 * 50 + 1 });
    }

    #[test]
    fn commits_reach_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = SqliteLedger::open(&folder.path().join("ledger.db")).unwrap();
        let pragma = |name: &str| -> String {
            ledger
                .connection
                .query_row(&format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}"), [], |row| row.get(0))
                .unwrap()
        };
        assert_eq!((pragma("journal_mode").as_str(), pragma("synchronous").as_str()), ("wal", "2"), "2 is FULL");
    }
}
