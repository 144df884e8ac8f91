//! Events as other systems send them: JSON, NDJSON and CloudEvents, over HTTP and in files of a drop folder.
//!
//! Beside "no panic": what is accepted is written and read back as the same event, no byte of a message disappears, the
//! drop folder and the server read the same, and stock does not depend on the order of events.
#![no_main]

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;
use restock_core::{Dataset, Event};
use restock_intake::Entries;
use restock_ledger::{Incoming, Position, Refusal, StockBook, tables, wire};
use serde_json::value::RawValue;

const BOM: &[u8] = b"\xef\xbb\xbf";

fuzz_target!(|message: &[u8]| {
    let lines = wire::read_ndjson(message, 1);
    let list = wire::read_json(message);
    let (from_file, ends) = read_file(message);
    for entry in lines.iter().chain(&list).chain(&from_file) {
        check(entry);
    }
    nothing_disappears(message, &lines, b"\r\n\t \x0c");
    nothing_disappears(message, &list, b"\r\n\t ,[]");
    nothing_disappears(message, &from_file, b"\r\n\t \x0c,[]");
    resumes(message, &from_file, &ends);
    same_in_files(message, &lines, &list, &from_file);

    let mut seen = BTreeSet::new();
    let events: Vec<&Event> = lines
        .iter()
        .filter_map(|entry| entry.event.as_ref().ok())
        .filter(|event| seen.insert((event.source.clone(), event.event_id.clone())))
        .collect();
    in_any_order(&events);
    if let Ok(book) = StockBook::from_bytes(message) {
        let bytes = book.to_bytes();
        let again = StockBook::from_bytes(&bytes).expect("a book reads its own bytes");
        assert_eq!(again.to_bytes(), bytes);
    }
});

/// An entry is an event that is written and read back, or has a reason that helps.
fn check(entry: &Incoming) {
    match &entry.event {
        Ok(event) => {
            assert_eq!(wire::read_event(&entry.raw).as_ref(), Ok(event), "its text is what it was read from");
            let text = wire::write(event);
            assert!(!text.contains(['\n', '\r']), "it is one line: {text:?}");
            // A text at the limit may grow by the quotation marks around its numbers; the ledger has no limit.
            if text.len() <= wire::MAX_EVENT_BYTES {
                assert_eq!(wire::read_event(text.as_bytes()).as_ref(), Ok(event), "{text}");
            }
        }
        Err(Refusal { got, expected, fix, .. }) => {
            assert!(got.chars().count() <= Refusal::MAX_GOT_CHARS + 1, "{got:?}");
            assert!(!expected.is_empty() && !fix.is_empty());
        }
    }
}

/// The texts of entries are in the message one after another, byte for byte, with separators between.
fn nothing_disappears(message: &[u8], entries: &[Incoming], separators: &[u8]) {
    let is_cut = |entry: &Incoming| entry.raw.len() > wire::MAX_EVENT_BYTES;
    if entries.iter().any(is_cut) {
        return;
    }
    // A mark of UTF-8 at the start is left out, except where the whole message is one entry because it is not UTF-8.
    let without_mark = message.strip_prefix(BOM).unwrap_or(message);
    let found = one_after_another(without_mark, entries, separators);
    let found = found.or_else(|_| one_after_another(message, entries, separators));
    assert_eq!(found, Ok(()));
}

fn one_after_another(mut rest: &[u8], entries: &[Incoming], separators: &[u8]) -> Result<(), String> {
    for entry in entries {
        while !rest.starts_with(&entry.raw) {
            match rest.split_first() {
                Some((byte, after)) if separators.contains(byte) => rest = after,
                got => return Err(format!("{got:?} disappears before {:?}", entry.raw)),
            }
        }
        rest = &rest[entry.raw.len()..];
    }
    match rest.iter().find(|byte| !separators.contains(byte)) {
        Some(byte) => Err(format!("byte {byte} at the end disappears: {rest:?}")),
        None => Ok(()),
    }
}

/// The entries of a file, and how many bytes had been read after each.
fn read_file(message: &[u8]) -> (Vec<Incoming>, Vec<u64>) {
    let mut reader = Entries::new(message).expect("memory can be read");
    let (mut entries, mut ends) = (Vec::new(), Vec::new());
    while let Some(entry) = reader.next().expect("memory can be read") {
        entries.push(entry);
        ends.push(reader.n_bytes());
    }
    assert_eq!(reader.n_bytes(), message.len() as u64, "all of it was read");
    (entries, ends)
}

/// A reader that was stopped goes on where it was.
fn resumes(message: &[u8], entries: &[Incoming], ends: &[u64]) {
    let middle = entries.len() / 2;
    if middle == 0 {
        return;
    }
    let mut reader = Entries::new(message).expect("memory can be read");
    reader.skip_to(ends[middle - 1]).expect("memory can be read");
    assert_eq!(reader.next().expect("memory can be read").as_ref(), entries.get(middle));
}

/// The server and the drop folder read a message as the same entries.
fn same_in_files(message: &[u8], lines: &[Incoming], list: &[Incoming], from_file: &[Incoming]) {
    let raws = |entries: &[Incoming]| entries.iter().map(|entry| entry.raw.clone()).collect::<Vec<_>>();
    if let Ok(text) = std::str::from_utf8(message)
        && serde_json::from_str::<Vec<&RawValue>>(text.strip_prefix('\u{feff}').unwrap_or(text)).is_ok()
    {
        assert_eq!(raws(from_file), raws(list), "a whole list");
    } else if from_file.iter().all(|entry| matches!(entry.position, Position::Line(_))) && !from_file.is_empty() {
        assert_eq!(from_file, lines, "lines");
    }
}

/// Stock, open orders and tables do not depend on the order in which events come in.
fn in_any_order(events: &[&Event]) {
    if events.is_empty() {
        return;
    }
    let (mut one, mut other) = (StockBook::new(), StockBook::new());
    for event in events {
        one.apply(event);
    }
    for event in events.iter().rev() {
        other.apply(event);
    }
    assert_eq!(one.to_bytes(), other.to_bytes());
    let again = StockBook::from_bytes(&one.to_bytes()).expect("a book reads its own bytes");
    for place in one.places() {
        assert_eq!(one.stock(&place), again.stock(&place));
        assert_eq!(one.open_orders(&place), again.open_orders(&place));
    }
    let owned: Vec<Event> = events.iter().map(|event| (*event).clone()).collect();
    let dataset = tables(&Dataset::default(), Timestamp::UNIX_EPOCH, &owned, &TimeZone::UTC);
    assert!(dataset.sales.len() <= 2 * events.len());
}
