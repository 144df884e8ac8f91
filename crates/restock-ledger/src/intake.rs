//! What becomes of entries: new events, duplicates, conflicts and quarantine, the same in every store with tables.

use jiff::Timestamp;
use restock_core::Event;

use crate::error::LedgerError;
use crate::incoming::{Refusal, RefusalCode};
use crate::ledger::{Batch, Outcome};
use crate::rows::{Placed, Sql, Value, positive};
use crate::schema::{EVENTS, QUARANTINE};
use crate::wire;

pub(crate) const LAST_SEQUENCE: &str = "SELECT max(sequence) FROM events";
const LAST_QUARANTINE_ID: &str = "SELECT max(quarantine_id) FROM quarantine";

/// The row of an event, without its number.
fn event_row(event: &Event, recorded_at: Timestamp) -> Vec<Value<'_>> {
    vec![
        event.source.as_str().into(),
        event.event_id.as_str().into(),
        event.kind.name().into(),
        event.kind.item_id().into(),
        event.kind.location_id().into(),
        event.occurred_at.as_microsecond().into(),
        recorded_at.as_microsecond().into(),
        wire::write(event).into(),
    ]
}

/// Takes in the entries of a batch; one outcome per entry, in their order.
pub(crate) fn take_in(sql: &dyn Sql, batch: &Batch) -> Result<Vec<Outcome>, LedgerError> {
    // What may be taken in now goes to the store together, because a statement for each costs a server a journey.
    let in_time: Vec<&Event> = batch
        .entries
        .iter()
        .filter_map(|entry| entry.event.as_ref().ok())
        .filter(|event| batch.untimely(event).is_none())
        .collect();
    let rows: Vec<Vec<Value<'_>>> = in_time.iter().map(|event| event_row(event, batch.received_at)).collect();
    let mut placed = insert_events(sql, &rows)?.into_iter();

    let mut outcomes = Vec::with_capacity(batch.entries.len());
    let mut put_aside = Vec::new();
    for (idx, entry) in batch.entries.iter().enumerate() {
        let event = match &entry.event {
            Ok(event) => event,
            Err(refusal) => {
                put_aside.push((idx, refusal.clone()));
                outcomes.push(None);
                continue;
            }
        };
        outcomes.push(if let Some(refusal) = batch.untimely(event) {
            // What has been taken in is not refused when it is sent again, although the clock or the horizon has moved.
            match find_key(sql, event)? {
                Some((sequence, body)) if body == wire::write(event) => Some(Outcome::Duplicate { sequence }),
                _ => {
                    put_aside.push((idx, refusal));
                    None
                }
            }
        } else {
            match placed.next().expect("a place for each event in time") {
                Placed::New(sequence) => Some(Outcome::Accepted { sequence }),
                Placed::There { number, is_same: true } => Some(Outcome::Duplicate { sequence: number }),
                Placed::There { number, is_same: false } => {
                    put_aside.push((idx, conflict(event, number)));
                    // Its number in quarantine is known below.
                    Some(Outcome::Conflict { quarantine_id: 0, sequence: number })
                }
            }
        });
    }
    quarantine(sql, batch, put_aside, &mut outcomes)?;
    Ok(outcomes.into_iter().map(|outcome| outcome.expect("an outcome for each entry")).collect())
}

fn conflict(event: &Event, sequence: u64) -> Refusal {
    let got = format!("source {:?} and id {:?}", event.source, event.event_id);
    let expected = format!("what event {sequence} says, which has the same source and id");
    let fix = "send a correction as an event with an id of its own";
    Refusal::new(RefusalCode::Conflict, "event_id", &got, expected, fix)
}

/// Puts entries into quarantine, each text once per reason, and writes down what became of them.
fn quarantine(
    sql: &dyn Sql,
    batch: &Batch,
    put_aside: Vec<(usize, Refusal)>,
    outcomes: &mut [Option<Outcome>],
) -> Result<(), LedgerError> {
    if put_aside.is_empty() {
        return Ok(());
    }
    let row = |(idx, reason): &(usize, Refusal)| -> Vec<Value<'_>> {
        let entry = &batch.entries[*idx];
        vec![
            batch.received_at.as_microsecond().into(),
            entry.position.to_string().into(),
            reason.code.name().into(),
            reason.field.clone().into(),
            reason.got.clone().into(),
            reason.expected.clone().into(),
            reason.fix.clone().into(),
            entry.raw.as_slice().into(),
            (*blake3::hash(&entry.raw).as_bytes()).into(),
            "open".into(),
            Value::Null,
        ]
    };
    let rows: Vec<_> = put_aside.iter().map(row).collect();
    let placed = sql.insert_new(&QUARANTINE, &rows, sql.number(LAST_QUARANTINE_ID, &[])?)?;
    for ((idx, reason), placed) in put_aside.into_iter().zip(placed) {
        let (Placed::New(quarantine_id) | Placed::There { number: quarantine_id, .. }) = placed;
        outcomes[idx] = Some(match outcomes[idx] {
            Some(Outcome::Conflict { sequence, .. }) => Outcome::Conflict { quarantine_id, sequence },
            _ => Outcome::Quarantined { quarantine_id, reason },
        });
    }
    Ok(())
}

fn insert_events(sql: &dyn Sql, rows: &[Vec<Value<'_>>]) -> Result<Vec<Placed>, LedgerError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    sql.insert_new(&EVENTS, rows, sql.number(LAST_SEQUENCE, &[])?)
}

/// Inserts one event, whatever its time.
pub(crate) fn insert_event(sql: &dyn Sql, event: &Event, recorded_at: Timestamp) -> Result<Placed, LedgerError> {
    let placed = insert_events(sql, &[event_row(event, recorded_at)])?.pop();
    Ok(placed.expect("a place for the event"))
}

fn find_key(sql: &dyn Sql, event: &Event) -> Result<Option<(u64, String)>, LedgerError> {
    let found = sql.rows(
        "SELECT sequence, body FROM events WHERE source = ?1 AND event_id = ?2",
        &[event.source.as_str().into(), event.event_id.as_str().into()],
        |row| Ok((positive(row.integer(0)?, "a sequence number")?, row.string(1)?)),
    )?;
    Ok(found.into_iter().next())
}
