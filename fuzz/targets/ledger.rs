//! Sequences of what is done to a ledger, against a model that is simple enough to be right.
//!
//! Where a sequence opens the ledger again, it lies in a file, otherwise in memory.
#![no_main]

use std::cell::LazyCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arbitrary::Arbitrary;
use jiff::{SignedDuration, Timestamp};
use libfuzzer_sys::fuzz_target;
use restock_core::proposal::{ProposalSource, ProposalType};
use restock_core::{Day, Event, Quantity};
use restock_ledger::{
    AuditEntry, Batch, ConsumerOffset, DESK_SOURCE, Decision, Desk, DeskDecision, Filing, Incoming, Ledger,
    LedgerError, Need, Outcome, Position, QuarantineState, RefusalCode, Snapshot, SqliteLedger, StockBook, wire,
};

/// The most operations of one sequence.
const MAX_OPERATIONS: usize = 24;

#[derive(Arbitrary, Debug)]
enum Operation {
    Append { entries: Vec<Entry>, offset: Option<(bool, u8)>, minutes: u8, counts_from: Option<i8> },
    Release { number: u8, corrected: Option<Entry>, counts_from: Option<i8> },
    Discard { number: u8 },
    SaveSnapshot { name: bool, back: u8 },
    Record { reason: String },
    Revise { wanted: Vec<(u8, u8)>, days: i8 },
    Decide { item: u8, by: bool, decision: Choice },
    FileLate { item: u8 },
    Reopen,
    Backup,
}

#[derive(Arbitrary, Debug)]
struct Entry {
    /// One of sixteen keys.
    key: u8,
    kind: u8,
    quantity: i16,
    hours: i8,
    /// It is damaged at this byte.
    damage: Option<(u8, u8)>,
}

#[derive(Arbitrary, Debug)]
enum Choice {
    Edit(i8),
    Approve(bool),
    Reject,
    Export(u8),
}

fn start() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().expect("an instant")
}

fn hours(number: i8) -> SignedDuration {
    SignedDuration::from_hours(i64::from(number))
}

impl Entry {
    fn incoming(&self, position: u64) -> Incoming {
        let kind = ["sale", "return", "count", "receipt", "adjustment", "waste"][usize::from(self.kind % 6)];
        let field = if kind == "count" { "on_hand" } else { "quantity" };
        let (source, key, item) = (["till", "erp"][usize::from(self.key & 1)], self.key >> 1 & 7, self.kind % 3);
        let order = if kind == "receipt" { r#","order_id":"o1""# } else { "" };
        let at = start() + hours(self.hours / 4);
        let quantity = self.quantity;
        let mut raw = format!(
            r#"{{"event_id":"{key}","source":"{source}","type":"{kind}","occurred_at":"{at}","item_id":"i{item}","location_id":"l","{field}":"{quantity}"{order}}}"#
        )
        .into_bytes();
        if let Some((at, byte)) = self.damage {
            let at = usize::from(at) % raw.len();
            raw[at] = byte;
        }
        Incoming { position: Position::Index(position), event: wire::read_event(&raw), raw }
    }
}

/// What a ledger must hold.
#[derive(Default)]
struct Model {
    events: Vec<Event>,
    by_key: BTreeMap<(String, String), u64>,
    quarantine: Vec<Kept>,
    offsets: BTreeMap<(String, String), u64>,
    snapshots: BTreeMap<String, BTreeMap<u64, Vec<u8>>>,
    n_audit: u64,
    desk: Desk,
}

struct Kept {
    raw: Vec<u8>,
    code: RefusalCode,
    state: QuarantineState,
    sequence: Option<u64>,
}

impl Model {
    fn key(event: &Event) -> (String, String) {
        (event.source.clone(), event.event_id.clone())
    }

    /// The number of an event with the same key, and whether it says the same.
    fn find(&self, event: &Event) -> Option<(u64, bool)> {
        let sequence = *self.by_key.get(&Self::key(event))?;
        Some((sequence, self.events[sequence as usize - 1] == *event))
    }

    fn add(&mut self, event: &Event) -> u64 {
        self.events.push(event.clone());
        let sequence = self.events.len() as u64;
        self.by_key.insert(Self::key(event), sequence);
        sequence
    }

    /// The number of an entry in quarantine; the same text for the same reason is one entry.
    fn put_aside(&mut self, raw: &[u8], code: RefusalCode) -> u64 {
        let there = self.quarantine.iter().position(|kept| kept.raw == raw && kept.code == code);
        let idx = there.unwrap_or_else(|| {
            let raw = raw.to_vec();
            self.quarantine.push(Kept { raw, code, state: QuarantineState::Open, sequence: None });
            self.quarantine.len() - 1
        });
        idx as u64 + 1
    }

    fn append(&mut self, batch: &Batch, outcomes: &[Outcome]) {
        assert_eq!(batch.entries.len(), outcomes.len(), "an outcome for each entry");
        let latest = batch.received_at + batch.future_tolerance;
        for (entry, outcome) in batch.entries.iter().zip(outcomes) {
            let untimely = |event: &Event| {
                if event.occurred_at > latest {
                    return Some(RefusalCode::FutureDated);
                }
                let is_old = batch.counts_from.is_some_and(|oldest| event.occurred_at < oldest);
                (is_old && event.kind.name() == "count").then_some(RefusalCode::TooOld)
            };
            match (&entry.event, outcome) {
                (Err(refusal), Outcome::Quarantined { quarantine_id, reason }) => {
                    assert_eq!(reason, refusal);
                    assert_eq!(*quarantine_id, self.put_aside(&entry.raw, refusal.code));
                }
                (Ok(event), outcome) => match (untimely(event), outcome) {
                    (_, Outcome::Duplicate { sequence }) => assert_eq!(self.find(event), Some((*sequence, true))),
                    (None, Outcome::Accepted { sequence }) => {
                        assert_eq!(self.find(event), None);
                        assert_eq!(self.add(event), *sequence);
                    }
                    (None, Outcome::Conflict { quarantine_id, sequence }) => {
                        assert_eq!(self.find(event), Some((*sequence, false)));
                        assert_eq!(*quarantine_id, self.put_aside(&entry.raw, RefusalCode::Conflict));
                    }
                    (Some(code), Outcome::Quarantined { quarantine_id, reason }) => {
                        assert_eq!(reason.code, code);
                        assert_eq!(*quarantine_id, self.put_aside(&entry.raw, code));
                    }
                    (_, outcome) => panic!("{event:?} became {outcome:?}"),
                },
                (Err(_), outcome) => panic!("what cannot be read became {outcome:?}"),
            }
        }
        if let Some(ConsumerOffset { consumer, partition, next_offset }) = &batch.offset {
            let kept = self.offsets.entry((consumer.clone(), partition.clone())).or_default();
            *kept = (*kept).max(*next_offset);
        }
    }

    fn compare(&self, ledger: &dyn Ledger) {
        let recorded = ledger.events(1, 100_000).expect("events are read");
        let events: Vec<Event> = recorded.iter().map(|recorded| recorded.event.clone()).collect();
        assert_eq!(events, self.events);
        assert!(recorded.iter().zip(1..).all(|(recorded, number)| recorded.sequence == number), "numbers are dense");
        assert_eq!(ledger.last_sequence().expect("a number"), self.events.len() as u64);
        let kept = ledger.quarantine(None, 1, 100_000).expect("quarantine is read");
        assert_eq!(kept.len(), self.quarantine.len());
        for (entry, known) in kept.iter().zip(&self.quarantine) {
            assert_eq!(
                (&entry.raw, entry.reason.code, entry.state, entry.sequence),
                (&known.raw, known.code, known.state, known.sequence)
            );
        }
        let offsets = ledger.offsets().expect("positions are read").into_iter();
        let offsets: BTreeMap<_, _> = offsets.map(|at| ((at.consumer, at.partition), at.next_offset)).collect();
        assert_eq!(offsets, self.offsets);
        for (name, kept) in &self.snapshots {
            let latest = kept.last_key_value().map(|(last, state)| (*last, state.clone()));
            let snapshot = ledger.latest_snapshot(name).expect("snapshots are read");
            assert_eq!(snapshot.map(|snapshot| (snapshot.last_sequence, snapshot.state)), latest);
        }
        let check = ledger.verify_audit().expect("the trail is read");
        assert_eq!((check.n_records, check.broken_at), (self.n_audit, None));
        assert_eq!(Desk::read(ledger).expect("the desk is read"), self.desk);
        for finding in ledger.doctor().expect("a ledger can be looked at") {
            assert_eq!(finding.code, restock_ledger::LedgerFindingCode::QuarantineOpen, "{}", finding.message);
        }
        let (mut book, mut reversed) = (StockBook::new(), StockBook::new());
        events.iter().for_each(|event| {
            book.apply(event);
        });
        events.iter().rev().for_each(|event| {
            reversed.apply(event);
        });
        assert_eq!(book.to_bytes(), reversed.to_bytes());
    }
}

fn decision(counts_from: Option<i8>) -> Decision {
    let counts_from = counts_from.map(|number| start() + hours(number / 4));
    Decision { actor: "ada".to_owned(), reason: "looked at".to_owned(), at: start(), counts_from }
}

fn need(item: u8, packs: u8, order_by: Day) -> (String, Need) {
    let need = Need {
        plan_id: format!("pl_{packs}"),
        item_id: format!("i{}", item % 4),
        destination: "l".to_owned(),
        source: ProposalSource::SupplierId("dairy".to_owned()),
        proposal_type: ProposalType::Purchase,
        quantity: Quantity::from_whole(i64::from(packs) * 6 + 6),
        uom: "each".to_owned(),
        order_multiple: Quantity::from_whole(6),
        order_uom: "pack of 6".to_owned(),
        unit_cost: None,
        currency: "EUR".to_owned(),
        order_by,
        expected_receipt: order_by.plus(2),
        priority: "9".parse().expect("a decimal"),
    };
    (format!("p_i{}", item % 4), need)
}

/// Files entries with all that belongs to them, in the ledger and in the model.
fn file(ledger: &mut dyn Ledger, model: &mut Model, filing: &Filing) {
    match ledger.file(filing) {
        Ok(last) => {
            assert_eq!(filing.after, model.desk.last_number(), "nothing came in between");
            filing.entries.iter().for_each(|entry| model.desk.apply(entry));
            assert_eq!(last, model.desk.last_number());
            model.n_audit += filing.audit.len() as u64;
            for entry in filing.orders.iter().flat_map(|orders| &orders.entries) {
                model.add(entry.event.as_ref().expect("an order is an event"));
            }
        }
        Err(LedgerError::DeskMoved { seen, found }) => {
            assert_ne!(seen, found);
            assert_eq!((seen, found), (filing.after, model.desk.last_number()));
        }
        Err(error) => panic!("{error}"),
    }
}

fn step(ledger: &mut dyn Ledger, model: &mut Model, clock: &mut Timestamp, operation: &Operation) {
    match operation {
        Operation::Append { entries, offset, minutes, counts_from } => {
            *clock += SignedDuration::from_mins(i64::from(*minutes));
            let entries = entries.iter().take(32).zip(0..).map(|(entry, idx)| entry.incoming(idx)).collect();
            let mut batch = Batch::new(entries, *clock);
            batch.counts_from = counts_from.map(|number| start() + hours(number / 4));
            batch.offset = offset.map(|(is_first, next_offset)| ConsumerOffset {
                consumer: "kafka".to_owned(),
                partition: if is_first { "sales/1" } else { "sales/2" }.to_owned(),
                next_offset: u64::from(next_offset),
            });
            let outcomes = ledger.append(&batch).expect("a batch is taken in");
            model.append(&batch, &outcomes);
            let again = ledger.append(&batch).expect("a batch is taken in");
            assert!(!again.iter().any(|outcome| matches!(outcome, Outcome::Accepted { .. })), "nothing is new");
            model.append(&batch, &again);
        }
        Operation::Release { number, corrected, counts_from } => {
            let id = u64::from(*number % 8);
            let corrected = corrected.as_ref().and_then(|entry| entry.incoming(0).event.ok());
            let released = ledger.release(id, corrected.as_ref(), &decision(*counts_from));
            let Some(kept) = id.checked_sub(1).and_then(|idx| model.quarantine.get(idx as usize)) else {
                assert!(matches!(released, Err(LedgerError::NoSuchEntry(_))), "{released:?}");
                return;
            };
            if kept.state != QuarantineState::Open {
                assert!(matches!(released, Err(LedgerError::AlreadyResolved { .. })), "{released:?}");
                return;
            }
            let event = corrected.map_or_else(|| wire::read_event(&kept.raw).ok(), Some);
            let sequence = match (released, event) {
                (Ok(Outcome::Accepted { sequence }), Some(event)) => {
                    assert_eq!(model.find(&event), None);
                    assert_eq!(model.add(&event), sequence);
                    sequence
                }
                (Ok(Outcome::Duplicate { sequence }), Some(event)) => {
                    assert_eq!(model.find(&event), Some((sequence, true)));
                    sequence
                }
                (Err(LedgerError::CannotRelease { .. }), None) => return,
                (Err(LedgerError::CannotRelease { .. }), Some(event)) => {
                    let is_other = model.find(&event).is_some_and(|(_, is_same)| !is_same);
                    assert!(is_other || counts_from.is_some(), "{event:?} could be released");
                    return;
                }
                (released, event) => panic!("{event:?} became {released:?}"),
            };
            let kept = &mut model.quarantine[id as usize - 1];
            (kept.state, kept.sequence) = (QuarantineState::Released, Some(sequence));
            model.n_audit += 1;
        }
        Operation::Discard { number } => {
            let id = u64::from(*number % 8);
            let discarded = ledger.discard(id, &decision(None));
            match id.checked_sub(1).and_then(|idx| model.quarantine.get_mut(idx as usize)) {
                None => assert!(matches!(discarded, Err(LedgerError::NoSuchEntry(_))), "{discarded:?}"),
                Some(kept) if kept.state == QuarantineState::Open => {
                    discarded.expect("an open entry can be discarded");
                    kept.state = QuarantineState::Discarded;
                    model.n_audit += 1;
                }
                Some(_) => assert!(matches!(discarded, Err(LedgerError::AlreadyResolved { .. })), "{discarded:?}"),
            }
        }
        Operation::SaveSnapshot { name, back } => {
            let mut book = StockBook::new();
            let last = (model.events.len() as u64).saturating_sub(u64::from(*back % 4));
            model.events[..last as usize].iter().for_each(|event| {
                book.apply(event);
            });
            let (name, state) = (if *name { "stock" } else { "other" }, book.to_bytes());
            ledger
                .save_snapshot(name, &Snapshot { last_sequence: last, state: state.clone() }, *clock)
                .expect("a snapshot is kept");
            let kept = model.snapshots.entry(name.to_owned()).or_default();
            kept.insert(last, state);
            while kept.len() > 2 {
                kept.pop_first();
            }
            let late = Snapshot { last_sequence: model.events.len() as u64 + 1, state: Vec::new() };
            assert!(ledger.save_snapshot(name, &late, *clock).is_err(), "of events that are not there");
        }
        Operation::Record { reason } => {
            let entry = AuditEntry {
                at: *clock,
                actor: "ada".to_owned(),
                action: "plan.request".to_owned(),
                subject: "plan".to_owned(),
                reason: reason.clone(),
                before: String::new(),
                after: reason.to_uppercase(),
            };
            let record = ledger.record(&entry).expect("the trail is written");
            model.n_audit += 1;
            assert_eq!(record.number, model.n_audit);
            assert_eq!(ledger.audit_trail(record.number, 1).expect("the trail is read"), [record]);
        }
        Operation::Revise { wanted, days } => {
            let today: Day = "2026-03-02".parse().expect("a day");
            let as_of = today.plus(i32::from(days / 16));
            let wanted: BTreeMap<String, Need> =
                wanted.iter().map(|(item, packs)| need(*item, *packs, as_of)).collect();
            let wanted: Vec<(String, Need)> = wanted.into_iter().collect();
            let mut book = StockBook::new();
            model.events.iter().for_each(|event| {
                book.apply(event);
            });
            let entries = model.desk.revise(&wanted, as_of, &|line| book.standing(line));
            let filing = Filing::new(&model.desk, entries, *clock);
            file(ledger, model, &filing);
            let again = model.desk.revise(&wanted, as_of, &|line| book.standing(line));
            assert_eq!(again, [], "the same plan changes nothing more");
        }
        Operation::Decide { item, by, decision } => {
            let decision = match decision {
                Choice::Edit(packs) => {
                    let quantity = Quantity::from_whole(i64::from(*packs) * 3);
                    DeskDecision::Edit { quantity, reason: "festival".to_owned() }
                }
                Choice::Approve(both) => DeskDecision::Approve { n_needed: if *both { 2 } else { 1 } },
                Choice::Reject => DeskDecision::Reject { reason: "enough".to_owned() },
                Choice::Export(order) => DeskDecision::Export { order_id: format!("o{}", order % 4) },
            };
            let ids: Vec<String> = model.desk.all().map(|filed| filed.proposal_id.clone()).collect();
            let Some(id) = ids.get(usize::from(*item) % ids.len().max(1)) else { return };
            if let Ok(entry) = model.desk.decide(id, if *by { "Ada" } else { "bob " }, &decision) {
                let filing = Filing::new(&model.desk, vec![entry], *clock);
                file(ledger, model, &filing);
            }
        }
        Operation::FileLate { item } => {
            let desk = Desk::new();
            let entries = desk.revise(&[need(*item, 0, Day(20_000))], Day(20_000), &|_| Default::default());
            let filing = Filing::new(&desk, entries, *clock);
            file(ledger, model, &filing);
        }
        Operation::Reopen | Operation::Backup => unreachable!("handled outside"),
    }
}

thread_local! {
    static FOLDER: LazyCell<tempfile::TempDir> =
        const { LazyCell::new(|| tempfile::tempdir().expect("a folder can be made")) };
}

fn clear(path: &Path) {
    for end in ["", "-wal", "-shm"] {
        // Most of them are not there.
        let _ = std::fs::remove_file(PathBuf::from(format!("{}{end}", path.display())));
    }
}

fuzz_target!(|operations: Vec<Operation>| {
    let operations = &operations[..operations.len().min(MAX_OPERATIONS)];
    let is_in_file = operations.iter().any(|operation| matches!(operation, Operation::Reopen | Operation::Backup));
    let (path, copy) = FOLDER.with(|folder| (folder.path().join("ledger"), folder.path().join("copy")));
    clear(&path);
    let mut ledger = match is_in_file {
        true => SqliteLedger::open(&path).expect("a new ledger"),
        false => SqliteLedger::in_memory().expect("a new ledger"),
    };
    let (mut model, mut clock) = (Model::default(), start());
    for operation in operations {
        match operation {
            Operation::Reopen => {
                drop(ledger);
                ledger = SqliteLedger::open(&path).expect("the ledger is there");
                model.compare(&ledger);
            }
            Operation::Backup => {
                clear(&copy);
                ledger.backup(&copy).expect("a copy is written");
                model.compare(&SqliteLedger::open_reader(&copy).expect("a copy is a ledger"));
            }
            operation => step(&mut ledger, &mut model, &mut clock, operation),
        }
    }
    model.compare(&ledger);
    assert!(model.events.iter().all(|event| event.source != DESK_SOURCE || event.kind.name() == "order_placed"));
});
