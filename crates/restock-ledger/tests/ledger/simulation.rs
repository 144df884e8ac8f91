//! Consumers read logs full of duplicates, disorder and rubbish into a ledger whose store fails and that is closed at
//! random; in the end it holds every event once, and the book equals a clean replay.

#![expect(clippy::print_stdout, reason = "the figures of a run are worth reading")]

use std::collections::BTreeMap;

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use restock_core::Event;
use restock_ledger::{Batch, ConsumerOffset, Ledger, LedgerFindingCode, Recorded, Snapshot, StockBook, wire};

use crate::faulty::Faulty;
use crate::generator::Chain;
use crate::log::{Entry, Log};
use crate::now;
use crate::stores::{Store, over_every_store};

const BOOK: &str = "stock_book";

/// The projection of a server: a book and the last event in it.
struct Projection {
    book: StockBook,
    last_sequence: u64,
}

impl Projection {
    fn resume(ledger: &dyn Ledger) -> Self {
        match ledger.latest_snapshot(BOOK).unwrap() {
            Some(Snapshot { last_sequence, state }) => {
                Self { book: StockBook::from_bytes(&state).unwrap(), last_sequence }
            }
            None => Self { book: StockBook::new(), last_sequence: 0 },
        }
    }

    fn catch_up(&mut self, ledger: &dyn Ledger) {
        loop {
            let events = ledger.events(self.last_sequence + 1, 1_000).unwrap();
            let Some(last) = events.last() else { return };
            self.last_sequence = last.sequence;
            for Recorded { event, .. } in &events {
                self.book.apply(event);
            }
        }
    }
}

fn simulate(store: &impl Store, n_entries: u64, seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let chain = Chain { n_items: 200, n_locations: 5 };
    let logs: Vec<Log> = (0..3)
        .map(|number| Log { chain, partition: format!("sales/{number}"), seed: seed.wrapping_add(number) })
        .collect();
    let length = n_entries / logs.len() as u64;
    let open = |rng: &mut ChaCha8Rng| Faulty::new(store.open(), rng.random(), 12);
    let mut ledger = open(&mut rng);
    let mut projection = Projection::resume(&ledger);
    let (mut n_faults, mut n_restarts) = (0, 0);
    loop {
        let waiting: Vec<&Log> = logs
            .iter()
            .filter(|log| ledger.offset("simulation", &log.partition).unwrap().unwrap_or(0) < length)
            .collect();
        let Some(&log) = waiting.get(rng.random_range(0..waiting.len().max(1))) else { break };
        let from = ledger.offset("simulation", &log.partition).unwrap().unwrap_or(0);
        // A consumer that was moved elsewhere may read again what another has read.
        let from = from.saturating_sub(if rng.random_bool(0.1) { rng.random_range(0..500) } else { 0 });
        let to = length.min(from + rng.random_range(1..3_000));
        let lines: Vec<Vec<u8>> = (from..to).map(|number| log.text(number)).collect();
        let mut batch = Batch::new(wire::read_ndjson(&lines.join(&b'\n'), from), now());
        assert_eq!(batch.entries.len() as u64, to - from);
        batch.offset = Some(ConsumerOffset {
            consumer: "simulation".to_owned(),
            partition: log.partition.clone(),
            next_offset: to,
        });
        let _ = ledger.append(&batch);
        if rng.random_bool(0.2) {
            projection.catch_up(&ledger);
            let snapshot = Snapshot { last_sequence: projection.last_sequence, state: projection.book.to_bytes() };
            let _ = ledger.save_snapshot(BOOK, &snapshot, now());
        }
        if rng.random_bool(0.1) {
            n_faults += ledger.n_faults;
            n_restarts += 1;
            drop(ledger);
            ledger = open(&mut rng);
            projection = Projection::resume(&ledger);
        }
    }
    n_faults += ledger.n_faults;
    projection.catch_up(&ledger);

    // What the logs say must be there, each once, and nothing else.
    let mut expected: BTreeMap<(String, String), Event> = BTreeMap::new();
    let mut bad: BTreeMap<Vec<u8>, &str> = BTreeMap::new();
    for log in &logs {
        for number in 0..length {
            match log.entry(number) {
                Entry::New(event) => drop(expected.insert((event.source.clone(), event.event_id.clone()), event)),
                Entry::Again(_) => {}
                Entry::Bad(code, raw) => drop(bad.insert(raw, code)),
            }
        }
    }
    let mut events: Vec<Event> = Vec::new();
    let mut from = 1;
    loop {
        let page = ledger.events(from, 50_000).unwrap();
        if page.is_empty() {
            break;
        }
        for Recorded { sequence, event, .. } in page {
            assert_eq!(sequence, from, "sequence numbers are dense");
            from += 1;
            events.push(event);
        }
    }
    assert_eq!(events.len(), expected.len());
    for event in &events {
        let key = (event.source.clone(), event.event_id.clone());
        assert_eq!(expected.remove(&key).as_ref(), Some(event), "{key:?} is there once, as it was sent");
    }
    let quarantine = ledger.quarantine(None, 1, usize::MAX).unwrap();
    assert_eq!(quarantine.len(), bad.len());
    for entry in &quarantine {
        assert_eq!(bad.get(&entry.raw).copied(), Some(entry.reason.code.name()));
    }
    for log in &logs {
        assert_eq!(ledger.offset("simulation", &log.partition).unwrap(), Some(length));
    }
    events.shuffle(&mut rng);
    let mut replay = StockBook::new();
    for event in &events {
        replay.apply(event);
    }
    assert!(replay.to_bytes() == projection.book.to_bytes(), "the book equals a clean replay in another order");
    let findings = ledger.doctor().unwrap();
    assert_eq!(findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), [LedgerFindingCode::QuarantineOpen]);
    println!(
        "{n_entries} entries: {} events, {} in quarantine, {n_faults} faults, {n_restarts} restarts",
        events.len(),
        bad.len()
    );
    assert!(n_faults > 0 && n_restarts > 0 && !bad.is_empty());
}

fn a_hundred_thousand_entries_with_faults(store: &impl Store) {
    simulate(store, 100_000, 20_260_302);
}

/// `cargo test --release -p restock-ledger -- --ignored million`
fn a_million_entries_with_faults(store: &impl Store) {
    simulate(store, 1_000_000, 7);
}

over_every_store! {
    a_hundred_thousand_entries_with_faults,
    #[ignore = "a minute or two"] a_million_entries_with_faults,
}
