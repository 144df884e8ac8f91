//! After each restart: what is new in the ledger, held against what was sent and acknowledged.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Mutex;

use restock_core::event::OrderLine;
use restock_core::proposal::ProposalSource;
use restock_core::{EventKind, Quantity};
use restock_ledger::{AuditRecord, DESK_SOURCE, Desk, DeskChange, DeskEntry, Ledger, Recorded, SqliteLedger, restore};

use crate::project::Project;
use crate::world::{Bulk, Decision, Key, Verdict, World, locked};
use crate::{Outcome, ensure};

/// Rows that are read at a time.
pub(crate) const N_AT_A_TIME: usize = 10_000;

/// What was read of a ledger so far.
#[derive(Default)]
pub(crate) struct Read {
    pub(crate) last_sequence: u64,
    /// The fold of all entries.
    pub(crate) desk: Desk,
    keys: HashMap<Key, u64>,
    /// Changes of each proposal with their numbers.
    changes: HashMap<String, Vec<(u64, DeskChange)>>,
    reasons: BTreeSet<String>,
    /// Orders as events, by proposal.
    placed: BTreeMap<String, (OrderLine, Quantity)>,
    n_audit: u64,
    n_decisions_checked: usize,
    n_bulks_checked: usize,
}

/// Everything from a number on.
pub(crate) fn all_events(ledger: &dyn Ledger, from: u64) -> Outcome<Vec<Recorded>> {
    let mut events: Vec<Recorded> = Vec::new();
    loop {
        let page = ledger.events(from + events.len() as u64, N_AT_A_TIME)?;
        let is_last = page.len() < N_AT_A_TIME;
        events.extend(page);
        if is_last {
            return Ok(events);
        }
    }
}

/// The same of the desk.
pub(crate) fn all_entries(ledger: &dyn Ledger, from: u64) -> Outcome<Vec<DeskEntry>> {
    let mut entries: Vec<DeskEntry> = Vec::new();
    loop {
        let page = ledger.desk_entries(from + entries.len() as u64, N_AT_A_TIME)?;
        let is_last = page.len() < N_AT_A_TIME;
        entries.extend(page);
        if is_last {
            return Ok(entries);
        }
    }
}

/// The same of the audit trail.
pub(crate) fn all_audit(ledger: &dyn Ledger) -> Outcome<Vec<AuditRecord>> {
    let mut records: Vec<AuditRecord> = Vec::new();
    loop {
        let page = ledger.audit_trail(1 + records.len() as u64, N_AT_A_TIME)?;
        let is_last = page.len() < N_AT_A_TIME;
        records.extend(page);
        if is_last {
            return Ok(records);
        }
    }
}

/// Looks at what is new, while a server runs that nobody uses yet.
pub(crate) fn look(project: &Project, world: &Mutex<World>, read: &mut Read) -> Outcome<()> {
    let ledger = SqliteLedger::open_reader(&project.ledger())?;
    let mut world = locked(world);
    look_at_events(&ledger, &mut world, read)?;
    look_at_desk(&ledger, &mut world, read)?;
    look_at_decisions(&world, read)?;
    look_at_orders(&world, read)?;
    let audit = ledger.verify_audit()?;
    ensure(audit.broken_at.is_none(), || format!("the audit trail is broken at {:?}", audit.broken_at))?;
    ensure(audit.n_records >= read.n_audit, || {
        format!("the audit trail had {} records and has {}", read.n_audit, audit.n_records)
    })?;
    read.n_audit = audit.n_records;
    look_at_backups(&ledger, &mut world)
}

/// Sequence numbers are dense, keys are unique, every event is one that was sent, and what was acknowledged is where it was
/// acknowledged to be.
fn look_at_events(ledger: &dyn Ledger, world: &mut World, read: &mut Read) -> Outcome<()> {
    let (mut n_silent, mut n_told) = (0, 0);
    for Recorded { sequence, event, .. } in all_events(ledger, read.last_sequence + 1)? {
        ensure(sequence == read.last_sequence + 1, || {
            format!("event {sequence} follows event {}", read.last_sequence)
        })?;
        read.last_sequence = sequence;
        let key = (event.source.clone(), event.event_id.clone());
        if let Some(first) = read.keys.insert(key.clone(), sequence) {
            return Err(format!("{key:?} is event {first} and event {sequence}").into());
        }
        if event.source == DESK_SOURCE {
            let EventKind::OrderPlaced { line, quantity, .. } = event.kind else {
                return Err(format!("event {sequence} of the desk is no order").into());
            };
            read.placed.insert(event.event_id, (line, quantity));
            continue;
        }
        let sent = world.sent.get_mut(&key).ok_or_else(|| format!("event {sequence}, {key:?}, was never sent"))?;
        ensure(sent.event == event, || format!("event {sequence} is not what was sent: {event:?}"))?;
        ensure(sent.sequence.is_none_or(|told| told == sequence), || {
            format!("{key:?} was acknowledged as event {:?} and is event {sequence}", sent.sequence)
        })?;
        n_told += u64::from(sent.is_acknowledged);
        n_silent += u64::from(!sent.is_acknowledged);
        sent.sequence = Some(sequence);
    }
    world.count("events in the ledger without an acknowledgement at the kill", n_silent);
    world.count("events in the ledger that were acknowledged before the kill", n_told);
    ensure(world.last_acknowledged <= read.last_sequence && world.streamed.0 <= read.last_sequence, || {
        let (acknowledged, streamed) = (world.last_acknowledged, world.streamed.0);
        format!(
            "event {acknowledged} was acknowledged and event {streamed} streamed, the ledger ends with {}",
            read.last_sequence
        )
    })?;
    let lost = world.acknowledged.iter().find(|key| !read.keys.contains_key(*key));
    ensure(lost.is_none(), || format!("{lost:?} was acknowledged and is lost"))
}

/// One need is one open proposal, a decision is there once, and a proposal is exported once.
fn look_at_desk(ledger: &dyn Ledger, world: &mut World, read: &mut Read) -> Outcome<()> {
    for entry in all_entries(ledger, read.desk.last_number() + 1)? {
        let number = read.desk.last_number() + 1;
        if let DeskChange::Proposed { need } = &entry.change {
            let place = need.place();
            let other =
                read.desk.live_at(&place).find(|filed| filed.state.is_open() && filed.need.source == need.source);
            ensure(other.is_none(), || {
                format!("change {number} proposes {need:?} again, which is open as {:?}", other.map(|o| &o.proposal_id))
            })?;
        }
        if let DeskChange::Edited { reason, .. } | DeskChange::Rejected { reason, .. } = &entry.change {
            ensure(world.reasons.contains(reason), || format!("nobody gave the reason {reason:?}"))?;
            ensure(read.reasons.insert(reason.clone()), || format!("the decision {reason:?} was filed twice"))?;
        }
        if let DeskChange::Exported { .. } = &entry.change {
            let order_id = read.desk.get(&entry.proposal_id).and_then(|filed| filed.order_id.as_ref());
            ensure(order_id.is_none(), || format!("{} was exported twice", entry.proposal_id))?;
        }
        read.desk.apply(&entry);
        read.changes.entry(entry.proposal_id).or_default().push((number, entry.change));
    }
    let last = read.desk.last_number();
    ensure(world.streamed.1 <= last && world.desk_number <= last, || {
        format!("change {} was streamed, the desk ends with {last}", world.streamed.1)
    })?;
    world.desk_number = last;
    Ok(())
}

/// Every acknowledged decision is in the desk: one that named a version is the next change after it.
fn look_at_decisions(world: &World, read: &mut Read) -> Outcome<()> {
    for decision in &world.decisions[read.n_decisions_checked..] {
        let Decision { proposal_id, version, by, verdict } = decision;
        let changes = read.changes.get(proposal_id).into_iter().flatten();
        let next = changes.clone().find(|(number, _)| number > version).map(|(_, change)| change);
        let is_it = match (verdict, next) {
            (Verdict::Edit { quantity, reason }, Some(DeskChange::Edited { by: who, quantity: is, reason: why })) => {
                who == by && is == quantity && why == reason
            }
            (Verdict::Approve, Some(DeskChange::Approved { by: who, .. })) => who == by,
            (Verdict::Reject { reason }, Some(DeskChange::Rejected { by: who, reason: why })) => {
                who == by && why == reason
            }
            _ => false,
        };
        ensure(is_it, || format!("{decision:?} was acknowledged, and {next:?} is there"))?;
    }
    read.n_decisions_checked = world.decisions.len();
    for bulk in &world.bulks[read.n_bulks_checked..] {
        let Bulk { proposal_id, after, version, by } = bulk;
        let mut changes = read.changes.get(proposal_id).into_iter().flatten();
        let is_there = changes.any(|(number, change)| {
            let is_approval = matches!(change, DeskChange::Approved { by: who, .. } if who == by);
            after < number && number <= version && is_approval
        });
        ensure(is_there, || format!("{bulk:?} was acknowledged and is not in the desk"))?;
    }
    read.n_bulks_checked = world.bulks.len();
    Ok(())
}

/// A key gave one set of orders, an exported proposal is one line of one order and one event, and there are no others.
fn look_at_orders(world: &World, read: &Read) -> Outcome<()> {
    for (key, export) in &world.exports {
        let under: BTreeSet<String> =
            read.desk.exported_under(&format!("token/approver/{key}")).cloned().unwrap_or_default();
        let told: BTreeSet<String> = export.orders.keys().cloned().collect();
        ensure(told.is_empty() || told == under, || {
            format!("{key} was answered with {told:?}, and ordered {under:?}")
        })?;
        for (order_id, n_lines) in &export.orders {
            let n_there = read.desk.order_named(order_id).map_or(0, |order| order.lines.len() as u64);
            ensure(n_there == *n_lines, || {
                format!("order {order_id} was answered with {n_lines} lines, it has {n_there}")
            })?;
        }
    }
    let mut lines = BTreeSet::new();
    let mut n_exported = 0;
    for filed in read.desk.all() {
        let Some(order_id) = &filed.order_id else { continue };
        n_exported += 1;
        let line = OrderLine { order_id: order_id.clone(), place: filed.need.place() };
        let placed = read.placed.get(&filed.proposal_id);
        ensure(placed == Some(&(line.clone(), filed.quantity)), || {
            format!("{} is exported as {line:?}, {} units, and placed as {placed:?}", filed.proposal_id, filed.quantity)
        })?;
        ensure(lines.insert(line.clone()), || format!("{line:?} is two proposals"))?;
    }
    ensure(n_exported == read.placed.len(), || {
        format!("{n_exported} proposals are exported, {} orders are placed", read.placed.len())
    })
}

/// One open proposal per item, source and destination.
pub(crate) fn look_at_open(desk: &Desk) -> Outcome<()> {
    let mut open: BTreeSet<(&str, &ProposalSource, &str)> = BTreeSet::new();
    for filed in desk.all().filter(|filed| filed.state.is_open()) {
        let need = &filed.need;
        ensure(open.insert((&need.item_id, &need.source, &need.destination)), || {
            format!("{} for {} is open twice", need.item_id, need.destination)
        })?;
    }
    Ok(())
}

/// Finished backups are there; every one that is there is whole and the beginning of the ledger.
fn look_at_backups(ledger: &dyn Ledger, world: &mut World) -> Outcome<()> {
    for backup in std::mem::take(&mut world.backups) {
        let name = backup.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !backup.path.exists() {
            ensure(!backup.is_done, || format!("{name} was finished and is not there"))?;
            world.count("backups that were killed and are absent", 1);
            continue;
        }
        let n_events = look_at_backup(&backup.path, ledger).map_err(|error| format!("{name}: {error}"))?;
        ensure(n_events >= backup.from_sequence, || {
            format!(
                "{name} ends with event {n_events}, event {} was acknowledged before it began",
                backup.from_sequence
            )
        })?;
        std::fs::remove_file(&backup.path)?;
        world.count("backups whole, each the beginning of its ledger", 1);
    }
    Ok(())
}

fn look_at_backup(path: &Path, ledger: &dyn Ledger) -> Outcome<u64> {
    let folder = tempfile::tempdir()?;
    let restored = folder.path().join("ledger.db");
    restore(path, &restored)?;
    let copy = SqliteLedger::open_reader(&restored)?;
    let (events, entries, audit) = (all_events(&copy, 1)?, all_entries(&copy, 1)?, all_audit(&copy)?);
    ensure(all_events(ledger, 1)?.starts_with(&events), || "its events are not those of the ledger".to_owned())?;
    ensure(all_entries(ledger, 1)?.starts_with(&entries), || "its desk is not that of the ledger".to_owned())?;
    ensure(all_audit(ledger)?.starts_with(&audit), || "its audit trail is not that of the ledger".to_owned())?;
    Ok(events.len() as u64)
}
