//! What a ledger does, in statements that every store with tables understands.

use std::path::Path;

use jiff::Timestamp;
use restock_core::{Event, ItemLocation};

use crate::audit::{self, AuditCheck, AuditEntry, AuditRecord};
use crate::desk::{DeskEntry, Filing};
use crate::error::LedgerError;
use crate::incoming::{Refusal, RefusalCode};
use crate::intake::{LAST_SEQUENCE, insert_event, take_in};
use crate::ledger::{
    Batch, ConsumerOffset, Decision, Ledger, LedgerFinding, Outcome, QuarantineEntry, QuarantineState, Recorded,
    Snapshot, too_old,
};
use crate::rows::{Placed, Row, Sql, SqlStore, Value, positive};
use crate::schema::{AUDIT, DESK};
use crate::{backup, doctor, wire};

/// How many rows are read at once by calls that read all of them.
const ROWS_PER_READ: usize = 10_000;
/// How many states of a projection are kept.
const KEPT_SNAPSHOTS: usize = 2;

impl<S: SqlStore> Ledger for S {
    fn append(&mut self, batch: &Batch) -> Result<Vec<Outcome>, LedgerError> {
        self.write(|sql| {
            let outcomes = take_in(sql, batch)?;
            if let Some(ConsumerOffset { consumer, partition, next_offset }) = &batch.offset {
                let next_offset = i64::try_from(*next_offset)
                    .map_err(|_| LedgerError::OutOfRange { what: "the offset of a consumer", got: *next_offset })?;
                sql.execute(
                    "INSERT INTO offsets (consumer, partition_name, next_offset) VALUES (?1, ?2, ?3)
                     ON CONFLICT (consumer, partition_name)
                     DO UPDATE SET next_offset = excluded.next_offset WHERE excluded.next_offset > offsets.next_offset",
                    &[consumer.into(), partition.into(), next_offset.into()],
                )?;
            }
            Ok(outcomes)
        })
    }

    fn last_sequence(&self) -> Result<u64, LedgerError> {
        self.read(|sql| sql.number(LAST_SEQUENCE, &[]))
    }

    fn events(&self, from_sequence: u64, limit: usize) -> Result<Vec<Recorded>, LedgerError> {
        self.read(|sql| {
            sql.rows(
                "SELECT sequence, recorded_at, body FROM events WHERE sequence >= ?1 ORDER BY sequence LIMIT ?2",
                &[from_sequence.into(), limit.into()],
                recorded,
            )
        })
    }

    fn events_of(&self, place: &ItemLocation, from_sequence: u64, limit: usize) -> Result<Vec<Recorded>, LedgerError> {
        self.read(|sql| {
            sql.rows(
                "SELECT sequence, recorded_at, body FROM events
                 WHERE item_id = ?1 AND location_id = ?2 AND sequence >= ?3 ORDER BY sequence LIMIT ?4",
                &[(&place.item_id).into(), (&place.location_id).into(), from_sequence.into(), limit.into()],
                recorded,
            )
        })
    }

    fn find(&self, source: &str, event_id: &str) -> Result<Option<Recorded>, LedgerError> {
        let found = self.read(|sql| {
            sql.rows(
                "SELECT sequence, recorded_at, body FROM events WHERE source = ?1 AND event_id = ?2",
                &[source.into(), event_id.into()],
                recorded,
            )
        });
        Ok(found?.pop())
    }

    fn offset(&self, consumer: &str, partition: &str) -> Result<Option<u64>, LedgerError> {
        let found = self.read(|sql| {
            sql.rows(
                "SELECT next_offset FROM offsets WHERE consumer = ?1 AND partition_name = ?2",
                &[consumer.into(), partition.into()],
                |row| positive(row.integer(0)?, "the offset of a consumer"),
            )
        });
        Ok(found?.pop())
    }

    fn offsets(&self) -> Result<Vec<ConsumerOffset>, LedgerError> {
        let mut offsets = self.read(|sql| {
            sql.rows("SELECT consumer, partition_name, next_offset FROM offsets", &[], |row| {
                let next_offset = positive(row.integer(2)?, "the offset of a consumer")?;
                Ok(ConsumerOffset { consumer: row.string(0)?, partition: row.string(1)?, next_offset })
            })
        })?;
        offsets.sort();
        Ok(offsets)
    }

    fn quarantine(
        &self,
        state: Option<QuarantineState>,
        from_id: u64,
        limit: usize,
    ) -> Result<Vec<QuarantineEntry>, LedgerError> {
        let condition = if state.is_some() { "state = ?3 AND" } else { "" };
        let statement = format!(
            "SELECT {QUARANTINE_COLUMNS} FROM quarantine
             WHERE {condition} quarantine_id >= ?1 ORDER BY quarantine_id LIMIT ?2"
        );
        let mut values: Vec<Value<'_>> = vec![from_id.into(), limit.into()];
        values.extend(state.map(|state| state.name().into()));
        self.read(|sql| sql.rows(&statement, &values, quarantined))
    }

    fn quarantine_size(&self, state: QuarantineState) -> Result<u64, LedgerError> {
        self.read(|sql| quarantine_size(sql, state))
    }

    fn release(
        &mut self,
        quarantine_id: u64,
        corrected: Option<&Event>,
        decision: &Decision,
    ) -> Result<Outcome, LedgerError> {
        self.write(|sql| {
            let entry = open_entry(sql, quarantine_id)?;
            let cannot = |reason: String| LedgerError::CannotRelease { quarantine_id, reason };
            let event = match corrected {
                Some(event) => event.clone(),
                None => wire::read_event(&entry.raw).map_err(|refusal| cannot(refusal.to_string()))?,
            };
            if let Some(refusal) = too_old(&event, decision.counts_from) {
                return Err(cannot(refusal.to_string()));
            }
            let (outcome, sequence) = match insert_event(sql, &event, decision.at)? {
                Placed::New(sequence) => (Outcome::Accepted { sequence }, sequence),
                Placed::There { number, is_same: true } => (Outcome::Duplicate { sequence: number }, number),
                Placed::There { number, is_same: false } => {
                    let Event { source, event_id, .. } = &event;
                    return Err(cannot(format!(
                        "event {number} has the same source {source:?} and id {event_id:?} and says something else"
                    )));
                }
            };
            resolve(sql, &entry, QuarantineState::Released, Some(sequence), decision)?;
            Ok(outcome)
        })
    }

    fn discard(&mut self, quarantine_id: u64, decision: &Decision) -> Result<(), LedgerError> {
        self.write(|sql| {
            let entry = open_entry(sql, quarantine_id)?;
            resolve(sql, &entry, QuarantineState::Discarded, None, decision)
        })
    }

    fn save_snapshot(&mut self, name: &str, snapshot: &Snapshot, at: Timestamp) -> Result<(), LedgerError> {
        self.write(|sql| {
            if snapshot.last_sequence > sql.number(LAST_SEQUENCE, &[])? {
                let what = "the last event of a snapshot";
                return Err(LedgerError::OutOfRange { what, got: snapshot.last_sequence });
            }
            let hash = snapshot_hash(name, snapshot.last_sequence, &snapshot.state);
            sql.execute(
                "INSERT INTO snapshots (name, last_sequence, saved_at, state, state_hash) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (name, last_sequence)
                 DO UPDATE SET saved_at = excluded.saved_at, state = excluded.state, state_hash = excluded.state_hash",
                &[
                    name.into(),
                    snapshot.last_sequence.into(),
                    at.as_microsecond().into(),
                    snapshot.state.as_slice().into(),
                    hash.into(),
                ],
            )?;
            sql.execute(
                "DELETE FROM snapshots WHERE name = ?1 AND last_sequence NOT IN
                 (SELECT last_sequence FROM snapshots WHERE name = ?1 ORDER BY last_sequence DESC LIMIT ?2)",
                &[name.into(), KEPT_SNAPSHOTS.into()],
            )?;
            Ok(())
        })
    }

    fn latest_snapshot(&self, name: &str) -> Result<Option<Snapshot>, LedgerError> {
        let kept = self.read(|sql| {
            sql.rows(
                "SELECT last_sequence, state, state_hash FROM snapshots WHERE name = ?1 ORDER BY last_sequence DESC",
                &[name.into()],
                |row| {
                    let last_sequence = positive(row.integer(0)?, "the last event of a snapshot")?;
                    let state = row.bytes(1)?;
                    let is_whole = snapshot_hash(name, last_sequence, &state)[..] == row.bytes(2)?[..];
                    Ok(is_whole.then(|| Snapshot { last_sequence, state: state.into_owned() }))
                },
            )
        });
        Ok(kept?.into_iter().flatten().next())
    }

    fn record(&mut self, entry: &AuditEntry) -> Result<AuditRecord, LedgerError> {
        self.write(|sql| write_audit(sql, entry))
    }

    fn audit_trail(&self, from_number: u64, limit: usize) -> Result<Vec<AuditRecord>, LedgerError> {
        self.read(|sql| audit_trail(sql, from_number, limit))
    }

    fn verify_audit(&self) -> Result<AuditCheck, LedgerError> {
        self.read_moment(verify_audit)
    }

    fn file(&mut self, filing: &Filing) -> Result<u64, LedgerError> {
        self.write(|sql| {
            let found = sql.number("SELECT max(number) FROM desk", &[])?;
            if found != filing.after {
                return Err(LedgerError::DeskMoved { seen: filing.after, found });
            }
            let mut rows = Vec::with_capacity(filing.entries.len());
            for (number, entry) in (found + 1..).zip(&filing.entries) {
                let body =
                    serde_json::to_string(&entry.change).map_err(|error| LedgerError::Storage(Box::new(error)))?;
                let at = filing.at.as_microsecond();
                rows.push(vec![number.into(), at.into(), (&entry.proposal_id).into(), body.into()]);
            }
            sql.insert(&DESK, &rows)?;
            for entry in &filing.audit {
                write_audit(sql, entry)?;
            }
            if let Some(orders) = &filing.orders {
                // An order that does not count would be placed again: then nothing of the filing is written.
                for outcome in take_in(sql, orders)? {
                    if !matches!(outcome, Outcome::Accepted { .. }) {
                        return Err(LedgerError::OrderNotTaken { outcome: format!("{outcome:?}") });
                    }
                }
            }
            Ok(found + filing.entries.len() as u64)
        })
    }

    fn desk_entries(&self, from_number: u64, limit: usize) -> Result<Vec<DeskEntry>, LedgerError> {
        self.read(|sql| {
            sql.rows(
                "SELECT number, proposal_id, body FROM desk WHERE number >= ?1 ORDER BY number LIMIT ?2",
                &[from_number.into(), limit.into()],
                |row| {
                    let change = serde_json::from_str(&row.text(2)?).map_err(|error| LedgerError::Damaged {
                        what: format!(
                            "entry {} of the desk cannot be read: {error}",
                            row.integer(0).unwrap_or_default()
                        ),
                    })?;
                    Ok(DeskEntry { proposal_id: row.string(1)?, change })
                },
            )
        })
    }

    fn backup(&self, path: &Path) -> Result<(), LedgerError> {
        backup::write_whole(path, |partial| self.copy_to(partial))
    }

    fn doctor(&self) -> Result<Vec<LedgerFinding>, LedgerError> {
        // One moment, so that what is looked at does not change meanwhile.
        self.read_moment(doctor::examine)
    }
}

// ---------------------------------------------------------------- writing

fn open_entry(sql: &dyn Sql, quarantine_id: u64) -> Result<QuarantineEntry, LedgerError> {
    let statement = format!("SELECT {QUARANTINE_COLUMNS} FROM quarantine WHERE quarantine_id = ?1");
    let entry = sql.rows(&statement, &[quarantine_id.into()], quarantined)?.pop();
    let entry = entry.ok_or(LedgerError::NoSuchEntry(quarantine_id))?;
    match entry.state {
        QuarantineState::Open => Ok(entry),
        resolved => Err(LedgerError::AlreadyResolved { quarantine_id, state: resolved.name() }),
    }
}

fn resolve(
    sql: &dyn Sql,
    entry: &QuarantineEntry,
    state: QuarantineState,
    sequence: Option<u64>,
    decision: &Decision,
) -> Result<(), LedgerError> {
    sql.execute(
        "UPDATE quarantine SET state = ?2, sequence = ?3 WHERE quarantine_id = ?1",
        &[entry.quarantine_id.into(), state.name().into(), sequence.into()],
    )?;
    let verb = if state == QuarantineState::Released { "release" } else { "discard" };
    write_audit(
        sql,
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

fn write_audit(sql: &dyn Sql, entry: &AuditEntry) -> Result<AuditRecord, LedgerError> {
    let last = sql.rows("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1", &[], |row| {
        let number = positive(row.integer(0)?, "a number of the audit trail")?;
        Ok((number, audit_hash(row, 1, number)?))
    })?;
    let (last_number, previous) = last.into_iter().next().unwrap_or((0, audit::NO_HASH));
    let record = audit::next_record(last_number + 1, previous, entry);
    let AuditEntry { at, actor, action, subject, reason, before, after } = &record.entry;
    let row = vec![
        record.number.into(),
        at.as_microsecond().into(),
        actor.into(),
        action.into(),
        subject.into(),
        reason.into(),
        before.into(),
        after.into(),
        record.hash.into(),
    ];
    sql.insert(&AUDIT, &[row])?;
    Ok(record)
}

// ---------------------------------------------------------------- reading

const QUARANTINE_COLUMNS: &str =
    "quarantine_id, received_at, position, code, field, got, expected, fix, raw, state, sequence";

fn quarantined(row: &dyn Row) -> Result<QuarantineEntry, LedgerError> {
    let quarantine_id = positive(row.integer(0)?, "a number of the quarantine")?;
    let damaged = |what: &str, got: &str| LedgerError::Damaged {
        what: format!("quarantine entry {quarantine_id} has the unknown {what} {got:?}"),
    };
    let (code, state) = (row.text(3)?, row.text(9)?);
    let known = RefusalCode::ALL.into_iter().find(|known| known.name() == code);
    let states = [QuarantineState::Open, QuarantineState::Released, QuarantineState::Discarded];
    Ok(QuarantineEntry {
        quarantine_id,
        received_at: instant(row.integer(1)?, "the quarantine")?,
        position: row.string(2)?,
        reason: Refusal {
            code: known.ok_or_else(|| damaged("reason", &code))?,
            field: row.string(4)?,
            got: row.string(5)?,
            expected: row.string(6)?,
            fix: row.string(7)?,
        },
        raw: row.bytes(8)?.into_owned(),
        state: states.into_iter().find(|known| known.name() == state).ok_or_else(|| damaged("state", &state))?,
        sequence: row.maybe_integer(10)?.map(|sequence| positive(sequence, "a sequence number")).transpose()?,
    })
}

fn recorded(row: &dyn Row) -> Result<Recorded, LedgerError> {
    let sequence = positive(row.integer(0)?, "a sequence number")?;
    let event = wire::read_stored(&row.text(2)?)
        .map_err(|refusal| LedgerError::Damaged { what: format!("event {sequence} cannot be read: {refusal}") })?;
    Ok(Recorded { sequence, recorded_at: instant(row.integer(1)?, "an event")?, event })
}

fn audit_trail(sql: &dyn Sql, from_number: u64, limit: usize) -> Result<Vec<AuditRecord>, LedgerError> {
    sql.rows(
        "SELECT number, at, actor, action, subject, reason, state_before, state_after, hash FROM audit
         WHERE number >= ?1 ORDER BY number LIMIT ?2",
        &[from_number.into(), limit.into()],
        |row| {
            let entry = AuditEntry {
                at: instant(row.integer(1)?, "the audit trail")?,
                actor: row.string(2)?,
                action: row.string(3)?,
                subject: row.string(4)?,
                reason: row.string(5)?,
                before: row.string(6)?,
                after: row.string(7)?,
            };
            let number = positive(row.integer(0)?, "a number of the audit trail")?;
            Ok(AuditRecord { number, entry, hash: audit_hash(row, 8, number)? })
        },
    )
}

fn audit_hash(row: &dyn Row, idx: usize, number: u64) -> Result<[u8; 32], LedgerError> {
    row.bytes(idx)?[..].try_into().map_err(|_| LedgerError::Damaged {
        what: format!("record {number} of the audit trail has a hash of another length"),
    })
}

pub(crate) fn verify_audit(sql: &dyn Sql) -> Result<AuditCheck, LedgerError> {
    let mut verifier = audit::Verifier::new();
    let mut from_number = 1;
    loop {
        let records = audit_trail(sql, from_number, ROWS_PER_READ)?;
        let Some(last) = records.last() else { return Ok(verifier.finish()) };
        from_number = last.number + 1;
        records.iter().for_each(|record| verifier.add(record));
    }
}

pub(crate) fn quarantine_size(sql: &dyn Sql, state: QuarantineState) -> Result<u64, LedgerError> {
    sql.number("SELECT count(*) FROM quarantine WHERE state = ?1", &[state.name().into()])
}

fn instant(microseconds: i64, what: &str) -> Result<Timestamp, LedgerError> {
    Timestamp::from_microsecond(microseconds)
        .map_err(|error| LedgerError::Damaged { what: format!("{what} has an instant that is none: {error}") })
}

pub(crate) fn snapshot_hash(name: &str, last_sequence: u64, state: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(name.len() as u64).to_le_bytes());
    hasher.update(name.as_bytes());
    hasher.update(&last_sequence.to_le_bytes());
    hasher.update(state);
    hasher.finalize().into()
}
