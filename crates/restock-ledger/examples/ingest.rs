//! Durable events per second by size of batch: JSON lines are read, checked, written and flushed to disk.
//!
//! `cargo run --release -p restock-ledger --example ingest -- [FOLDER]`, where the folder is on the disk to measure.

#![expect(clippy::print_stdout, reason = "an example reports")]

#[path = "shared/generator.rs"]
mod generator;

use std::path::PathBuf;
use std::time::Instant;

use restock_ledger::{Batch, ConsumerOffset, Ledger, SqliteLedger, StockBook, wire};

use crate::generator::Chain;

const CHAIN: Chain = Chain { n_items: 10_000, n_locations: 10 };

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let parent = std::env::args().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(parent)?;
    println!("batch   events   durable events/s   with reading JSON   bytes/event on disk   bytes/event of JSON");
    for (size, n_events) in [(1, 2_000), (10, 20_000), (100, 100_000), (1_000, 500_000), (10_000, 500_000)] {
        let path = folder.path().join(format!("{size}.db"));
        let mut ledger = SqliteLedger::open(&path)?;
        let lines: Vec<String> =
            (0..n_events).map(|number| wire::write(&generator::event(CHAIN, "till", 1, number))).collect();
        let messages: Vec<Vec<u8>> = lines.chunks(size).map(|lines| lines.join("\n").into_bytes()).collect();
        let json_bytes: usize = lines.iter().map(String::len).sum();
        drop(lines);

        let begin = Instant::now();
        let mut reading = std::time::Duration::ZERO;
        for (number, message) in (1..).zip(&messages) {
            let read = Instant::now();
            let entries = wire::read_ndjson(message, 1);
            reading += read.elapsed();
            let mut batch = Batch::new(entries, generator::now());
            batch.offset = Some(ConsumerOffset {
                consumer: "ingest".to_owned(),
                partition: "0".to_owned(),
                next_offset: number * size as u64,
            });
            ledger.append(&batch)?;
        }
        let all = begin.elapsed();
        assert_eq!(ledger.last_sequence()?, n_events);
        drop(ledger);
        let bytes = std::fs::metadata(&path)?.len();
        println!(
            "{size:>5} {n_events:>8} {:>18.0} {:>19.0} {:>21} {:>21}",
            n_events as f64 / (all - reading).as_secs_f64(),
            n_events as f64 / all.as_secs_f64(),
            bytes / n_events,
            json_bytes as u64 / n_events
        );
    }

    let ledger = SqliteLedger::open(&folder.path().join("1000.db"))?;
    let begin = Instant::now();
    let mut book = StockBook::new();
    let mut from = 1;
    loop {
        let events = ledger.events(from, 10_000)?;
        let Some(last) = events.last() else { break };
        from = last.sequence + 1;
        for recorded in &events {
            book.apply(&recorded.event);
        }
    }
    println!(
        "replay into the stock book: {:.0} events/s, {} item-locations of {} bytes",
        (from - 1) as f64 / begin.elapsed().as_secs_f64(),
        book.n_places(),
        book.memory_bytes() / book.n_places()
    );
    let begin = Instant::now();
    ledger.backup(&folder.path().join("backup.db"))?;
    println!("backup of {} events: {:.1} s", from - 1, begin.elapsed().as_secs_f64());
    let begin = Instant::now();
    assert!(ledger.doctor()?.is_empty());
    println!("doctor over {} events: {:.1} s", from - 1, begin.elapsed().as_secs_f64());
    Ok(())
}
