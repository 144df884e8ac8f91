//! The tests that every store passes.

use jiff::SignedDuration;
use restock_core::{Event, EventKind, ItemLocation};
use restock_ledger::{
    AuditEntry, Batch, ConsumerOffset, Decision, Incoming, Ledger, LedgerError, LedgerFindingCode, Outcome,
    QuarantineState, RefusalCode, Snapshot, wire,
};

use crate::stores::{Store, over_every_store};
use crate::{append, at, batch, decision, now, sale};

fn events(ledger: &dyn Ledger) -> Vec<Event> {
    ledger.events(1, usize::MAX).unwrap().into_iter().map(|recorded| recorded.event).collect()
}

fn an_event_is_taken_in_once(store: &impl Store) {
    let mut ledger = store.open();
    assert_eq!(ledger.last_sequence().unwrap(), 0);
    let outcomes = append(&mut ledger, [sale("1", "2"), sale("2", "3"), sale("1", "2")]);
    let accepted = |sequence| Outcome::Accepted { sequence };
    assert_eq!(outcomes, [accepted(1), accepted(2), Outcome::Duplicate { sequence: 1 }]);
    drop(ledger);

    let mut ledger = store.open();
    let mut elsewhere = sale("1", "2");
    elsewhere.source = "erp".to_owned();
    let outcomes = append(&mut ledger, [sale("2", "3"), elsewhere.clone(), sale("3", "1")]);
    assert_eq!(outcomes, [Outcome::Duplicate { sequence: 2 }, accepted(3), accepted(4)]);
    assert_eq!(events(&ledger), [sale("1", "2"), sale("2", "3"), elsewhere, sale("3", "1")]);
    assert_eq!(ledger.last_sequence().unwrap(), 4);
    let page = ledger.events(2, 2).unwrap();
    assert_eq!(page.iter().map(|recorded| recorded.sequence).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(page[0].recorded_at, now());
    assert_eq!(ledger.find("till", "3").unwrap().unwrap().sequence, 4);
    assert_eq!(ledger.find("till", "4").unwrap(), None);
}

/// The same content in another notation is the same event.
fn notation_does_not_matter(store: &impl Store) {
    let mut ledger = store.open();
    let texts: [&[u8]; 2] = [
        br#"{"event_id":"1","source":"till","type":"sale","occurred_at":"2026-03-01T10:00:00+01:00","item_id":"milk","location_id":"berlin","quantity":2.50,"x":[1, 2]}"#,
        br#"{"x":[1,2], "type":"sale","source":"till","quantity":"2.5","occurred_at":"2026-03-01T09:00:00Z","location_id":" berlin","item_id":"milk","event_id":1, "lost": null}"#,
    ];
    let entries = texts.iter().flat_map(|text| wire::read_json(text)).collect();
    let outcomes = ledger.append(&Batch::new(entries, now())).unwrap();
    assert_eq!(outcomes, [Outcome::Accepted { sequence: 1 }, Outcome::Duplicate { sequence: 1 }]);
}

fn a_key_with_other_content_is_a_conflict(store: &impl Store) {
    let mut ledger = store.open();
    append(&mut ledger, [sale("1", "2")]);
    for _ in 0..2 {
        let outcomes = append(&mut ledger, [sale("1", "3")]);
        assert_eq!(outcomes, [Outcome::Conflict { quarantine_id: 1, sequence: 1 }]);
    }
    assert_eq!(events(&ledger), [sale("1", "2")]);
    let entries = ledger.quarantine(Some(QuarantineState::Open), 1, 10).unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].reason.code, RefusalCode::Conflict);
    insta::assert_snapshot!(entries[0].reason,
        @r#"event_id: got source "till" and id "1", expected what event 1 says, which has the same source and id; send a correction as an event with an id of its own"#);
    insta::assert_snapshot!(ledger.release(1, None, &decision("typing error")).unwrap_err(), @r#"
    quarantine entry 1 cannot be released: event 1 has the same source "till" and id "1" and says something else

    hint: release it with a corrected event, or discard it
    "#);
    let outcome = ledger.release(1, Some(&sale("1-corrected", "1")), &decision("one more was sold")).unwrap();
    assert_eq!(outcome, Outcome::Accepted { sequence: 2 });
}

fn what_cannot_be_read_is_kept_byte_for_byte(store: &impl Store) {
    let mut ledger = store.open();
    let good = wire::write(&sale("1", "2"));
    let message =
        [good.as_bytes(), b"\r\n\n{\"a\":\xff}  \r\nnot json\n", wire::write(&sale("2", "2")).as_bytes()].concat();
    let outcomes = ledger.append(&Batch::new(wire::read_ndjson(&message, 1), now())).unwrap();
    assert!(matches!(outcomes[0], Outcome::Accepted { sequence: 1 }));
    assert!(matches!(outcomes[3], Outcome::Accepted { sequence: 2 }), "{outcomes:?}");
    let entries = ledger.quarantine(None, 1, 10).unwrap();
    assert_eq!(entries.iter().map(|entry| entry.position.as_str()).collect::<Vec<_>>(), ["line 3", "line 4"]);
    assert_eq!(entries[0].raw, b"{\"a\":\xff}  ");
    assert_eq!(entries[1].raw, b"not json");
    assert_eq!(entries[0].received_at, now());
    assert_eq!(ledger.quarantine_size(QuarantineState::Open).unwrap(), 2);
    // Sent again, it is the same entry; decided once, it stays decided.
    ledger.discard(2, &decision("a test of the sender")).unwrap();
    let again = ledger.append(&Batch::new(wire::read_ndjson(&message, 1), now())).unwrap();
    assert!(matches!(again[1], Outcome::Quarantined { quarantine_id: 1, .. }));
    assert!(matches!(again[2], Outcome::Quarantined { quarantine_id: 2, .. }));
    assert_eq!(ledger.quarantine_size(QuarantineState::Open).unwrap(), 1);
    assert_eq!(ledger.quarantine(Some(QuarantineState::Discarded), 1, 10).unwrap()[0].quarantine_id, 2);
}

fn the_future_waits_in_quarantine(store: &impl Store) {
    let mut ledger = store.open();
    let tolerance = SignedDuration::from_mins(5);
    let dated = |event_id: &str, occurred_at| Event { occurred_at, ..sale(event_id, "1") };
    let last = dated("1", now() + tolerance);
    let beyond = dated("2", now() + tolerance + SignedDuration::from_nanos(1));
    let outcomes = append(&mut ledger, [last, beyond.clone()]);
    assert_eq!(outcomes[0], Outcome::Accepted { sequence: 1 });
    let Outcome::Quarantined { quarantine_id: 1, reason } = &outcomes[1] else { panic!("{outcomes:?}") };
    insta::assert_snapshot!(reason, @"occurred_at: got 2026-03-02T12:05:00.000000001Z, expected an instant up to 2026-03-02T12:05:00Z; set the clock of the source, or release it when it has happened");
    let outcome = ledger.release(1, None, &decision("the clock was right")).unwrap();
    assert_eq!(outcome, Outcome::Accepted { sequence: 2 });
    assert_eq!(append(&mut ledger, [beyond.clone()]), [Outcome::Duplicate { sequence: 2 }]);
    assert_eq!(events(&ledger)[1], beyond);

    // What comes again once it has happened is taken in, and the entry can still be closed.
    let later = dated("3", now() + SignedDuration::from_hours(1));
    append(&mut ledger, [later.clone()]);
    let in_time = Batch { received_at: now() + SignedDuration::from_hours(2), ..batch([later]) };
    assert_eq!(ledger.append(&in_time).unwrap(), [Outcome::Accepted { sequence: 3 }]);
    assert_eq!(ledger.release(2, None, &decision("happened")).unwrap(), Outcome::Duplicate { sequence: 3 });
}

fn old_counts_wait_in_quarantine(store: &impl Store) {
    let mut ledger = store.open();
    let count = |event_id: &str, instant: &str| Event {
        occurred_at: at(instant),
        kind: EventKind::Count { place: ItemLocation::new("milk", "berlin"), on_hand: "4".parse().unwrap() },
        ..sale(event_id, "1")
    };
    let horizon = at("2026-02-01T00:00:00Z");
    let mut in_time = batch([count("1", "2026-02-01T00:00:00Z"), count("2", "2026-01-31T23:59:59Z"), sale("3", "1")]);
    in_time.counts_from = Some(horizon);
    let Event { occurred_at, .. } = sale("4", "1");
    assert!(occurred_at > horizon);
    let old_sale = Event { occurred_at: at("2025-01-01T00:00:00Z"), ..sale("4", "1") };
    in_time.entries.push(Incoming::from_event(old_sale));
    let outcomes = ledger.append(&in_time).unwrap();
    let codes: Vec<_> = outcomes
        .iter()
        .map(|outcome| if let Outcome::Quarantined { reason, .. } = outcome { Some(reason.code) } else { None })
        .collect();
    assert_eq!(codes, [None, Some(RefusalCode::TooOld), None, None]);
    // Nobody can release it past the horizon; before a book is compacted there is none.
    let late = Decision { counts_from: Some(horizon), ..decision("found the sheet") };
    insta::assert_snapshot!(ledger.release(1, None, &late).unwrap_err(), @r"
    quarantine entry 1 cannot be released: occurred_at: got 2026-01-31T23:59:59Z, expected a count from 2026-02-01T00:00:00Z on; count again; sales and receipts of that age are still taken in

    hint: release it with a corrected event, or discard it
    ");
    assert_eq!(ledger.release(1, None, &decision("no horizon yet")).unwrap(), Outcome::Accepted { sequence: 4 });
}

fn a_consumer_and_its_events_move_together(store: &impl Store) {
    let offset = |next_offset| {
        Some(ConsumerOffset { consumer: "kafka".to_owned(), partition: "sales/0".to_owned(), next_offset })
    };
    let mut ledger = store.open();
    assert_eq!(ledger.offset("kafka", "sales/0").unwrap(), None);
    ledger.append(&Batch { offset: offset(7), ..batch([sale("1", "1")]) }).unwrap();
    ledger.append(&Batch { offset: offset(3), ..batch([sale("1", "1")]) }).unwrap();
    drop(ledger);
    let mut ledger = store.open();
    assert_eq!(ledger.offset("kafka", "sales/0").unwrap(), Some(7), "an offset never goes back");
    assert_eq!(ledger.offset("kafka", "sales/1").unwrap(), None);
    // A position that cannot be kept takes its events with it.
    let failed = ledger.append(&Batch { offset: offset(u64::MAX), ..batch([sale("2", "1")]) });
    insta::assert_snapshot!(failed.unwrap_err(),
        @"the offset of a consumer is 18446744073709551615, at most 9223372036854775807 is supported");
    assert_eq!(events(&ledger), [sale("1", "1")]);
    assert_eq!(ledger.offsets().unwrap(), [offset(7).unwrap()]);
    assert_eq!(append(&mut ledger, [sale("2", "1")]), [Outcome::Accepted { sequence: 2 }], "no number was used up");
}

fn decisions_are_made_once_and_audited(store: &impl Store) {
    let mut ledger = store.open();
    ledger.append(&Batch::new(wire::read_ndjson(b"a\nb\nc\n", 1), now())).unwrap();
    insta::assert_snapshot!(ledger.release(1, None, &decision("")).unwrap_err(), @r#"
    quarantine entry 1 cannot be released: got "a", expected a JSON object; correct the JSON: expected value at line 1 column 1

    hint: release it with a corrected event, or discard it
    "#);
    assert!(ledger.audit_trail(1, 10).unwrap().is_empty(), "what failed did not happen");
    ledger.release(1, Some(&sale("1", "1")), &decision("read from the receipt")).unwrap();
    ledger.discard(2, &decision("noise")).unwrap();
    insta::assert_snapshot!(ledger.discard(1, &decision("")).unwrap_err(), @"quarantine entry 1 was already released");
    insta::assert_snapshot!(ledger.release(2, None, &decision("")).unwrap_err(), @"quarantine entry 2 was already discarded");
    insta::assert_snapshot!(ledger.discard(9, &decision("")).unwrap_err(), @"there is no quarantine entry 9");
    let trail: Vec<String> = ledger
        .audit_trail(1, 10)
        .unwrap()
        .into_iter()
        .map(|record| {
            let AuditEntry { actor, action, subject, reason, before, after, .. } = record.entry;
            format!("{} {actor} {action} {subject} {reason:?} {before} -> {after}", record.number)
        })
        .collect();
    insta::assert_snapshot!(trail.join("\n"), @r#"
    1 ada quarantine.release quarantine/1 "read from the receipt" open -> event 1
    2 ada quarantine.discard quarantine/2 "noise" open -> discarded
    "#);
    let released = &ledger.quarantine(Some(QuarantineState::Released), 1, 10).unwrap()[0];
    assert_eq!((released.quarantine_id, released.sequence), (1, Some(1)));
    assert_eq!(ledger.quarantine(None, 1, 2).unwrap().len(), 2);
    assert_eq!(ledger.quarantine(None, 3, 2).unwrap()[0].raw, b"c");
}

fn the_audit_trail_is_a_chain(store: &impl Store) {
    let entry = |subject: &str| AuditEntry {
        at: now(),
        actor: "ada".to_owned(),
        action: "proposal.approve".to_owned(),
        subject: subject.to_owned(),
        reason: String::new(),
        before: "proposed".to_owned(),
        after: "approved".to_owned(),
    };
    let mut ledger = store.open();
    assert_eq!(ledger.verify_audit().unwrap().n_records, 0);
    let first = ledger.record(&entry("p_1")).unwrap();
    let second = ledger.record(&entry("p_1")).unwrap();
    assert_ne!(first.hash, second.hash, "the same deed twice is two records");
    drop(ledger);
    let mut ledger = store.open();
    let third = ledger.record(&entry("p_2")).unwrap();
    let check = ledger.verify_audit().unwrap();
    assert_eq!((check.n_records, check.head, check.broken_at), (3, third.hash, None));
    assert_eq!(ledger.audit_trail(1, 10).unwrap(), [first, second, third]);
}

fn the_latest_snapshots_are_kept(store: &impl Store) {
    let mut ledger = store.open();
    assert_eq!(ledger.latest_snapshot("book").unwrap(), None);
    append(&mut ledger, (1..=5).map(|number| sale(&number.to_string(), "1")));
    let snapshot = |last_sequence, state: &[u8]| Snapshot { last_sequence, state: state.to_vec() };
    for last_sequence in [1, 3, 2] {
        ledger.save_snapshot("book", &snapshot(last_sequence, &[last_sequence as u8]), now()).unwrap();
    }
    ledger.save_snapshot("book", &snapshot(3, b"again"), now()).unwrap();
    ledger.save_snapshot("other", &snapshot(5, b""), now()).unwrap();
    drop(ledger);
    let mut ledger = store.open();
    assert_eq!(ledger.latest_snapshot("book").unwrap(), Some(snapshot(3, b"again")));
    assert_eq!(ledger.latest_snapshot("other").unwrap(), Some(snapshot(5, b"")));
    let ahead = ledger.save_snapshot("book", &snapshot(6, b""), now()).unwrap_err();
    assert!(matches!(ahead, LedgerError::OutOfRange { .. }), "a snapshot cannot be ahead of the events: {ahead}");
}

fn events_of_an_item_location(store: &impl Store) {
    let mut ledger = store.open();
    let mut elsewhere = sale("2", "1");
    elsewhere.kind = EventKind::Count { place: ItemLocation::new("milk", "hamburg"), on_hand: "1".parse().unwrap() };
    append(&mut ledger, [sale("1", "1"), elsewhere, sale("3", "1"), sale("4", "1")]);
    let place = ItemLocation::new("milk", "berlin");
    let numbers = |from, limit| -> Vec<u64> {
        ledger.events_of(&place, from, limit).unwrap().iter().map(|recorded| recorded.sequence).collect()
    };
    assert_eq!(numbers(1, 10), [1, 3, 4]);
    assert_eq!(numbers(2, 1), [3]);
    assert_eq!(numbers(u64::MAX, 1), [0_u64; 0]);
}

fn a_doctor_finds_nothing_wrong(store: &impl Store) {
    let mut ledger = store.open();
    assert_eq!(ledger.doctor().unwrap(), []);
    append(&mut ledger, [sale("1", "1")]);
    ledger.append(&Batch::new(wire::read_ndjson(b"?", 1), now())).unwrap();
    ledger.save_snapshot("book", &Snapshot { last_sequence: 1, state: vec![1] }, now()).unwrap();
    let findings = ledger.doctor().unwrap();
    assert_eq!(findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), [LedgerFindingCode::QuarantineOpen]);
    insta::assert_snapshot!(findings[0].message, @"entries in quarantine: 1");
}

/// A batch leaves what its entries would leave one by one: numbers, duplicates, conflicts and quarantine.
fn a_batch_is_its_entries_one_by_one<S: Store>(store: &S) {
    let future = |event_id: &str, quantity: &str| Event {
        occurred_at: now() + SignedDuration::from_hours(1),
        ..sale(event_id, quantity)
    };
    let mut entries: Vec<Incoming> = [
        sale("1", "1"),
        sale("1", "2"),
        future("2", "1"),
        sale("2", "1"),
        future("2", "1"),
        sale("1", "1"),
        sale("1", "2"),
        sale("2", "3"),
        sale("3", "1"),
    ]
    .map(Incoming::from_event)
    .into();
    entries.splice(3..3, wire::read_ndjson(b"?\n!\n?", 7));
    let at_once = store.open().append(&Batch::new(entries.clone(), now())).unwrap();
    let Some(other) = S::new() else { return };
    let mut ledger = other.open();
    let one_by_one: Vec<Outcome> =
        entries.into_iter().flat_map(|entry| ledger.append(&Batch::new(vec![entry], now())).unwrap()).collect();
    assert_eq!(at_once, one_by_one);
    assert_eq!(store.open().quarantine(None, 1, 99).unwrap(), ledger.quarantine(None, 1, 99).unwrap());
    assert_eq!(store.open().events(1, 99).unwrap(), ledger.events(1, 99).unwrap());
    assert_eq!((ledger.last_sequence().unwrap(), ledger.quarantine(None, 1, 99).unwrap().len()), (3, 5));
}

/// Texts with characters that a database treats in its own way, and names that differ in them alone.
fn any_text_comes_back(store: &impl Store) {
    let mut ledger = store.open();
    let texts = [
        "a\0b",
        "a0b",
        "\u{10FFFD}0",
        "\u{10FFFD}",
        "",
        "\\000",
        "'; DROP TABLE events; --",
        "?1 $1",
        "Ä",
        "ä",
        "a\u{308}",
    ];
    for (number, text) in texts.into_iter().enumerate() {
        let mut event = sale(&number.to_string(), "1");
        event.attributes.insert("note".to_owned(), serde_json::to_string(text).unwrap());
        assert_eq!(append(&mut ledger, [event]), [Outcome::Accepted { sequence: number as u64 + 1 }]);
        let record = ledger
            .record(&AuditEntry {
                at: now(),
                actor: text.to_owned(),
                action: text.to_owned(),
                subject: text.to_owned(),
                reason: text.to_owned(),
                before: text.to_owned(),
                after: text.to_owned(),
            })
            .unwrap();
        assert_eq!(ledger.audit_trail(record.number, 1).unwrap(), [record]);
        ledger.save_snapshot(text, &Snapshot { last_sequence: 1, state: text.into() }, now()).unwrap();
        let offset = ConsumerOffset { consumer: text.to_owned(), partition: text.to_owned(), next_offset: 1 };
        ledger.append(&Batch { offset: Some(offset), ..batch([]) }).unwrap();
    }
    drop(ledger);
    let ledger = store.open();
    let raws = [b"\0".as_slice(), b"\xff", b"\\x00"];
    let refused: Vec<Incoming> = raws.iter().flat_map(|raw| wire::read_json(raw)).collect();
    store.open().append(&Batch::new(refused, now())).unwrap();
    let kept = ledger.quarantine(None, 1, 9).unwrap();
    assert_eq!(kept.iter().map(|entry| entry.raw.as_slice()).collect::<Vec<_>>(), raws);
    for text in texts {
        assert_eq!(ledger.latest_snapshot(text).unwrap().unwrap().state, text.as_bytes());
        assert_eq!(ledger.offset(text, text).unwrap(), Some(1));
    }
    assert_eq!(ledger.last_sequence().unwrap(), texts.len() as u64);
    let offsets = ledger.offsets().unwrap();
    assert!(offsets.is_sorted(), "byte by byte, not as a language sorts");
    assert_eq!(offsets.len(), texts.len());
    let codes: Vec<_> = ledger.doctor().unwrap().into_iter().map(|finding| finding.code).collect();
    assert_eq!(codes, [LedgerFindingCode::QuarantineOpen]);
}

/// Several processes may write: each waits for its turn, and numbers stay dense.
fn writers_take_turns<S: Store>(store: &S) {
    drop(store.open());
    std::thread::scope(|scope| {
        for writer in 0..3 {
            scope.spawn(move || {
                let mut ledger = store.open();
                for number in 0..40 {
                    append(&mut ledger, [sale(&format!("{writer}-{number}"), "1"), sale("shared", "1")]);
                    let entry = AuditEntry {
                        at: now(),
                        actor: writer.to_string(),
                        action: "turn".to_owned(),
                        subject: number.to_string(),
                        reason: String::new(),
                        before: String::new(),
                        after: String::new(),
                    };
                    ledger.record(&entry).unwrap();
                }
            });
        }
    });
    let ledger = store.open();
    assert_eq!(ledger.last_sequence().unwrap(), 121);
    let check = ledger.verify_audit().unwrap();
    assert_eq!((check.n_records, check.broken_at), (120, None));
    assert_eq!(ledger.doctor().unwrap(), []);
}

over_every_store! {
    an_event_is_taken_in_once, notation_does_not_matter, a_key_with_other_content_is_a_conflict,
    what_cannot_be_read_is_kept_byte_for_byte, the_future_waits_in_quarantine, old_counts_wait_in_quarantine,
    a_consumer_and_its_events_move_together, decisions_are_made_once_and_audited, the_audit_trail_is_a_chain,
    the_latest_snapshots_are_kept, events_of_an_item_location, a_doctor_finds_nothing_wrong,
    a_batch_is_its_entries_one_by_one, any_text_comes_back, writers_take_turns,
}
