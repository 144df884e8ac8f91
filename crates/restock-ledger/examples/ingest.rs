//! Durable events per second by size of batch: JSON lines are read, checked, written and flushed to disk.
//!
//! `cargo run --release -p restock-ledger --example ingest -- [FOLDER]`, where the folder is on the disk to measure; with
//! `--features postgres` and `-- FOLDER postgres://HOST/DATABASE` a server is measured beside the file.

#![expect(clippy::print_stdout, reason = "an example reports")]

#[path = "shared/generator.rs"]
mod generator;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use restock_ledger::{Batch, ConsumerOffset, Ledger, LedgerAddress, StockBook, wire};

use crate::generator::Chain;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const CHAIN: Chain = Chain { n_items: 10_000, n_locations: 10 };
const SIZES: [(usize, u64); 5] = [(1, 2_000), (10, 20_000), (100, 100_000), (1_000, 500_000), (10_000, 500_000)];

/// Where the ledger of a size of batches lies, empty.
trait Place {
    fn fresh(&self, size: usize) -> Outcome<LedgerAddress>;
    /// What the ledger takes on disk, bytes.
    fn bytes_on_disk(&self, size: usize) -> Outcome<u64>;
}

struct Files<'a>(&'a Path);

impl Place for Files<'_> {
    fn fresh(&self, size: usize) -> Outcome<LedgerAddress> {
        Ok(LedgerAddress::File(self.0.join(format!("{size}.db"))))
    }
    fn bytes_on_disk(&self, size: usize) -> Outcome<u64> {
        Ok(std::fs::metadata(self.0.join(format!("{size}.db")))?.len())
    }
}

#[cfg(feature = "postgres")]
struct Server<'a>(&'a str);

#[cfg(feature = "postgres")]
impl Place for Server<'_> {
    fn fresh(&self, size: usize) -> Outcome<LedgerAddress> {
        let drop = format!("SET client_min_messages = error; DROP SCHEMA IF EXISTS ingest_{size} CASCADE");
        postgres::Client::connect(self.0, postgres::NoTls)?.batch_execute(&drop)?;
        let separator = if self.0.contains('?') { '&' } else { '?' };
        Ok(LedgerAddress::Postgres(format!("{}{separator}schema=ingest_{size}", self.0)))
    }
    fn bytes_on_disk(&self, size: usize) -> Outcome<u64> {
        let table = format!("ingest_{size}.events");
        let asked = "SELECT pg_total_relation_size($1::text::regclass)";
        let row = postgres::Client::connect(self.0, postgres::NoTls)?.query_one(asked, &[&table])?;
        Ok(u64::try_from(row.get::<_, i64>(0))?)
    }
}

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let parent = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(parent)?;
    println!("in a file");
    measure(&Files(folder.path()), folder.path())?;
    if let Some(url) = arguments.next() {
        println!("on a server");
        #[cfg(feature = "postgres")]
        measure(&Server(&url), folder.path())?;
        #[cfg(not(feature = "postgres"))]
        return Err(format!("{url}: built without PostgreSQL; add --features postgres").into());
    }
    Ok(())
}

fn measure(place: &dyn Place, folder: &Path) -> Outcome<()> {
    println!("batch   events   durable events/s   with reading JSON   bytes/event on disk   bytes/event of JSON");
    for (size, n_events) in SIZES {
        let mut ledger = place.fresh(size)?.open()?;
        let lines: Vec<String> =
            (0..n_events).map(|number| wire::write(&generator::event(CHAIN, "till", 1, number))).collect();
        let messages: Vec<Vec<u8>> = lines.chunks(size).map(|lines| lines.join("\n").into_bytes()).collect();
        let json_bytes: usize = lines.iter().map(String::len).sum();
        drop(lines);

        let begin = Instant::now();
        let mut reading = Duration::ZERO;
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
        if size == 1_000 {
            read_all(&*ledger, folder)?;
        }
        drop(ledger);
        let bytes = place.bytes_on_disk(size)?;
        println!(
            "{size:>5} {n_events:>8} {:>18.0} {:>19.0} {:>21} {:>21}",
            n_events as f64 / (all - reading).as_secs_f64(),
            n_events as f64 / all.as_secs_f64(),
            bytes / n_events,
            json_bytes as u64 / n_events
        );
    }
    Ok(())
}

/// What reading everything costs.
fn read_all(ledger: &dyn Ledger, folder: &Path) -> Outcome<()> {
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
    let backup = folder.join("backup.db");
    ledger.backup(&backup)?;
    println!("backup of {} events: {:.1} s", from - 1, begin.elapsed().as_secs_f64());
    std::fs::remove_file(backup)?;
    let begin = Instant::now();
    assert!(ledger.doctor()?.is_empty());
    println!("doctor over {} events: {:.1} s", from - 1, begin.elapsed().as_secs_f64());
    Ok(())
}
