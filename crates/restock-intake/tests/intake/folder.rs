//! Drop folders: which files are taken, what becomes of them, and what crashes and faults cannot do.

use std::io::Write;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use restock_intake::{FOLDER_CONSUMER, Folder, LedgerIntake, State, Stop};
use restock_ledger::{Incoming, Ledger, SqliteLedger, StockBook, wire};

use crate::fixtures::{Faulty, Inbox, now, sale, sales};

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_file_is_taken_when_it_has_not_changed_between_two_looks() {
    let mut inbox = Inbox::new();
    inbox.put("a.ndjson", sales(0..2));
    inbox.look();
    assert_eq!(inbox.n_events(), 0, "it may be growing");
    inbox.put("a.ndjson", sales(0..3));
    inbox.look();
    assert_eq!(inbox.n_events(), 0, "it has grown");
    inbox.look();
    assert_eq!(inbox.n_events(), 3);
    assert_eq!(inbox.files(), ["done/2026-03-02/a.ndjson"]);
    let offsets = inbox.ledger.offsets().unwrap();
    assert_eq!(offsets.len(), 1);
    assert_eq!((offsets[0].consumer.as_str(), offsets[0].next_offset), (FOLDER_CONSUMER, sales(0..3).len() as u64));
    let status = inbox.folder.status();
    assert_eq!((status.state, status.n_accepted, status.lag), (State::Waiting, 3, Some(0)));
}

#[test]
fn unfinished_files_and_others_are_left() {
    let mut inbox = Inbox::new();
    for name in [".a.ndjson", "b.ndjson.part", "c.ndjson.tmp", "d.xml", "e.csv"] {
        inbox.put(name, sales(0..1));
    }
    std::fs::create_dir(inbox.path.join("f.ndjson")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(inbox.path.join(".a.ndjson"), inbox.path.join("g.ndjson")).unwrap();
    for _ in 0..3 {
        inbox.look();
    }
    assert_eq!(inbox.n_events(), 0);
    assert!(!inbox.path.join("done").exists());
    let status = inbox.folder.status();
    insta::assert_snapshot!(
        status.last_error.unwrap().message,
        @"e.csv is left where it is: files that end in .json, .ndjson or .jsonl, perhaps with .gz, are read"
    );
    // Finished by a rename, as good senders do.
    std::fs::rename(inbox.path.join("b.ndjson.part"), inbox.path.join("b.ndjson")).unwrap();
    inbox.look_twice();
    assert_eq!(inbox.n_events(), 1);
}

#[test]
fn every_shape_is_read() {
    let mut inbox = Inbox::new();
    inbox.put("lines.jsonl", format!("\u{feff}{}\r\n\r\n{}", sale("a"), sale("b")));
    inbox.put("list.json", format!("[{},\n{}]\n", sale("c"), sale("d")));
    inbox.put("one.json", sale("e").replace(',', ",\n  "));
    inbox.put("lines.json", format!("{}\n{}\n", sale("f"), sale("g")));
    inbox.put("packed.NDJSON.gz", gzip(&sales(0..10)));
    inbox.put("empty.ndjson", "");
    inbox.look_twice();
    assert_eq!(inbox.quarantine(), Vec::<String>::new());
    assert_eq!(inbox.n_events(), 17);
    assert_eq!(inbox.files().iter().filter(|name| name.starts_with("done/")).count(), 6);
}

#[test]
fn bad_entries_are_in_quarantine_by_file_and_line() {
    let mut inbox = Inbox::new();
    inbox.put("late.ndjson", format!("{}\n\nnot json\n{}\n", sale("a"), sale("b").replace("2026", "2027")));
    inbox.put("list.json", format!("[{},{{\"event_id\":7}},{}", sale("c"), sale("d")));
    inbox.look_twice();
    insta::assert_snapshot!(inbox.quarantine().join("\n"), @r#"
    late.ndjson line 3 · got "not json", expected a JSON object; correct the JSON: expected ident at line 1 column 2
    late.ndjson line 4 · occurred_at: got 2027-03-02T08:00:00Z, expected an instant up to 2026-03-02T12:05:00Z; set the clock of the source, or release it when it has happened
    list.json index 1 · source: got nothing, expected an id; add the field "source"
    list.json index 3 · got the end of the text, expected more entries, or the ] of a JSON list; send the whole list again; entries that came whole are known then
    "#);
    assert_eq!(inbox.n_events(), 3);
    assert!(inbox.files().iter().all(|name| name.starts_with("done/")));
}

#[test]
fn a_file_without_any_event_fails_with_its_reason() {
    let mut inbox = Inbox::new();
    inbox.put("orders.json", "<orders>\n".repeat(5_000));
    inbox.look_twice();
    assert_eq!(inbox.files(), ["failed/2026-03-02/orders.json", "failed/2026-03-02/orders.json.reason.txt"]);
    let reason = std::fs::read_to_string(inbox.path.join("failed/2026-03-02/orders.json.reason.txt")).unwrap();
    insta::assert_snapshot!(reason, @r#"
    none of its 5000 entries can be read, the first one
    line 1: got "<orders>", expected a JSON object; correct the JSON: expected value at line 1 column 1
    "#);
    // The same text refused for the same reason is one entry.
    assert_eq!(inbox.quarantine().len(), 1);
    // Different rubbish shows in part.
    inbox.put("numbers.json", (0..5_000).map(|number| format!("{number}\n")).collect::<String>());
    inbox.look_twice();
    assert_eq!(inbox.quarantine().len(), 1 + 1_000);
}

#[test]
fn a_damaged_archive_fails_as_a_whole() {
    let mut inbox = Inbox::new();
    let packed = gzip(&sales(0..2_000));
    inbox.put("cut.ndjson.gz", &packed[..packed.len() - 10]);
    inbox.put("none.ndjson.gz", "not an archive");
    inbox.look_twice();
    assert_eq!(inbox.n_events(), 0);
    let files = inbox.files();
    assert!(files.len() == 4 && files.iter().all(|name| name.starts_with("failed/")), "{files:?}");
    // Sent again whole, it is taken in.
    inbox.put("cut.ndjson.gz", &packed);
    inbox.look_twice();
    assert_eq!(inbox.n_events(), 2_000);
}

#[test]
fn the_same_file_under_another_name_is_not_read_again() {
    let mut inbox = Inbox::new();
    inbox.put("a.ndjson", sales(0..5));
    inbox.look_twice();
    inbox.put("a.ndjson", sales(0..5));
    inbox.put("b.ndjson", sales(0..5));
    inbox.put("b.ndjson.gz", gzip(&sales(0..5)));
    // A longer file has the same events and more.
    inbox.put("c.ndjson", sales(0..7));
    inbox.look_twice();
    let day = "done/2026-03-02";
    let names = ["a-2.ndjson", "a.ndjson", "b.ndjson", "b.ndjson.gz", "c.ndjson"].map(|name| format!("{day}/{name}"));
    assert_eq!(inbox.files(), names);
    assert_eq!(inbox.n_events(), 7);
    let status = inbox.folder.status();
    assert_eq!((status.n_accepted, status.n_duplicate), (7, 5));
}

/// A file of several batches is cut off at each of them, before and after its transaction, and at the move.
#[test]
fn a_crash_at_any_moment_loses_nothing_and_takes_nothing_in_twice() {
    const N_SALES: u32 = 3_500;
    let text = format!("{}rubbish\n{}", sales(0..2_500), sales(2_500..N_SALES));
    for (name, content) in [("a.ndjson", text.clone().into_bytes()), ("a.ndjson.gz", gzip(&text))] {
        for fails_at in 1..=5 {
            for has_written in [false, true] {
                let mut inbox = Inbox::new();
                inbox.put(name, &content);
                inbox.look();
                let inner = LedgerIntake::new(&mut inbox.ledger, Arc::new(now));
                let mut faulty = Faulty { inner, fails_at, has_written, n_calls: 0 };
                let looked = inbox.folder.look(&mut faulty, now(), &Stop::new());
                assert_eq!(looked.is_err(), fails_at <= 4);
                if fails_at <= 4 {
                    assert_eq!(inbox.folder.status().state, State::Retrying);
                }
                inbox.restart();
                inbox.look_twice();
                assert_eq!(inbox.files(), [format!("done/2026-03-02/{name}")]);
                assert_eq!(inbox.n_events(), u64::from(N_SALES));
                let status = inbox.folder.status();
                // What was committed before the crash is not read again, so that nothing is a duplicate.
                assert_eq!(status.n_duplicate, 0, "{name} {fails_at} {has_written}");
                assert_eq!(inbox.quarantine().len(), 1);
                assert!(inbox.quarantine()[0].starts_with(&format!("{name} line 2501 · ")), "{:?}", inbox.quarantine());
                let mut book = StockBook::new();
                for recorded in inbox.ledger.events(1, 10_000).unwrap() {
                    book.apply(&recorded.event);
                }
                let place = restock_core::ItemLocation::new("milk", "berlin");
                assert_eq!(book.stock(&place).unwrap().on_hand.to_string(), format!("-{N_SALES}"));
            }
        }
    }
}

#[test]
fn a_crash_before_the_move_only_moves() {
    let mut inbox = Inbox::new();
    inbox.put("a.ndjson", sales(0..5));
    inbox.look_twice();
    // As if the move had not reached the disk.
    std::fs::rename(inbox.path.join("done/2026-03-02/a.ndjson"), inbox.path.join("a.ndjson")).unwrap();
    inbox.restart();
    inbox.look_twice();
    assert_eq!(inbox.files(), ["done/2026-03-02/a.ndjson"]);
    assert_eq!(inbox.folder.status().n_accepted + inbox.folder.status().n_duplicate, 0);
}

#[test]
fn a_file_that_cannot_be_moved_is_told_once_and_stops_nobody() {
    let mut inbox = Inbox::new();
    std::fs::create_dir(inbox.path.join("failed")).unwrap();
    inbox.put("failed/2026-03-02", "a file where a folder must be");
    inbox.put("a.ndjson", "rubbish\n");
    inbox.put("b.ndjson", sales(0..5));
    inbox.look_twice();
    assert_eq!(inbox.files(), ["a.ndjson", "done/2026-03-02/b.ndjson", "failed/2026-03-02"]);
    let status = inbox.folder.status();
    assert_eq!((status.state, status.lag), (State::Retrying, Some(1)));
    let told = status.last_error.unwrap();
    assert!(told.message.starts_with("cannot move ") && told.message.contains("a.ndjson"), "{told:?}");
    for _ in 0..10 {
        inbox.look();
    }
    assert_eq!(inbox.folder.status().last_error.unwrap(), told, "it is told once");
    std::fs::remove_file(inbox.path.join("failed/2026-03-02")).unwrap();
    for _ in 0..60 {
        inbox.look();
    }
    assert_eq!(inbox.folder.status().state, State::Waiting);
    let expected = ["done/2026-03-02/b.ndjson", "failed/2026-03-02/a.ndjson", "failed/2026-03-02/a.ndjson.reason.txt"];
    assert_eq!(inbox.files(), expected);
    assert_eq!(inbox.quarantine().len(), 1);
}

#[test]
fn a_folder_that_is_not_there_is_waited_for() {
    let mut inbox = Inbox::new();
    std::fs::remove_dir(&inbox.path).unwrap();
    inbox.look_twice();
    let status = inbox.folder.status();
    assert_eq!(status.state, State::Retrying);
    assert!(status.last_error.unwrap().message.ends_with("make the folder, or correct `path`"));
    std::fs::create_dir(&inbox.path).unwrap();
    inbox.put("a.ndjson", sales(0..1));
    inbox.look_twice();
    assert_eq!((inbox.n_events(), inbox.folder.status().state), (1, State::Waiting));
}

#[test]
fn tables_are_read_by_whoever_knows_them() {
    let mut inbox = Inbox::new();
    // Each line is an item that sold once at the time of the file.
    let read_table = |path: &std::path::Path, at: Timestamp| {
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
        let mut lines = text.lines();
        if lines.next() != Some("item_id") {
            return Err("sales.csv line 1: the column item_id is missing".to_owned());
        }
        let events = lines.map(|item| {
            let text = sale(format!("{item}-{at}")).replace("milk", item);
            wire::read_event(text.as_bytes()).map(Incoming::from_event).map_err(|refusal| refusal.to_string())
        });
        events.collect()
    };
    inbox.folder = Folder::new("inbox", inbox.path.clone(), Some(Arc::new(read_table)));
    inbox.put("sales.csv", "item_id\nmilk\nrye bread\n");
    inbox.put("stock.csv", "item\nmilk\n");
    inbox.look_twice();
    assert_eq!(inbox.n_events(), 2);
    assert_eq!(
        inbox.files(),
        ["done/2026-03-02/sales.csv", "failed/2026-03-02/stock.csv", "failed/2026-03-02/stock.csv.reason.txt"]
    );
    let reason = std::fs::read_to_string(inbox.path.join("failed/2026-03-02/stock.csv.reason.txt")).unwrap();
    assert_eq!(reason, "sales.csv line 1: the column item_id is missing\n");
    // It is seen where people look, once, and the same file may come again.
    let waits = "stock.csv · got a table, expected one that can be read; correct it and put it into the folder again: \
                 sales.csv line 1: the column item_id is missing";
    assert_eq!(inbox.quarantine(), [waits]);
    inbox.put("stock.csv", "item\nmilk\n");
    inbox.look_twice();
    assert_eq!((inbox.quarantine().len(), inbox.files().len()), (1, 5));
}

#[test]
fn it_stops_between_batches_and_goes_on_there() {
    struct Stopping<'a> {
        inner: LedgerIntake<&'a mut SqliteLedger>,
        stop: Stop,
    }
    impl restock_intake::Intake for Stopping<'_> {
        fn append_from(
            &mut self,
            entries: Vec<Incoming>,
            offset: restock_ledger::ConsumerOffset,
        ) -> Result<Vec<restock_ledger::Outcome>, restock_intake::IntakeError> {
            self.stop.set();
            self.inner.append_from(entries, offset)
        }
        fn offset(&mut self, consumer: &str, partition: &str) -> Result<Option<u64>, restock_intake::IntakeError> {
            self.inner.offset(consumer, partition)
        }
    }
    let mut inbox = Inbox::new();
    inbox.put("a.ndjson", sales(0..2_500));
    inbox.look();
    let stop = Stop::new();
    let mut intake = Stopping { inner: LedgerIntake::new(&mut inbox.ledger, Arc::new(now)), stop: stop.clone() };
    inbox.folder.look(&mut intake, now(), &stop).unwrap();
    assert_eq!(inbox.n_events(), 1_000);
    inbox.restart();
    inbox.look_twice();
    assert_eq!((inbox.n_events(), inbox.folder.status().n_accepted), (2_500, 1_500));
}
