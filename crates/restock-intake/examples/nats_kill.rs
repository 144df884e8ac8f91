//! Kills a process that reads a stream of NATS into a ledger, again and again at random moments, and the server of the
//! stream now and then, while a publisher goes on. In the end the ledger must equal that of a process that nobody killed:
//! the same events in the same order, the same quarantine, the same stock.
//!
//! `cargo run --release -p restock-intake --features nats --example nats_kill -- [KILLS] [SEED] [MESSAGES]`
//!
//! It needs the program nats-server. Messages are seeded: events, the same again, conflicts and rubbish. The child is this
//! program again.

#![expect(clippy::print_stdout, reason = "an example reports")]

#[path = "../../restock-ledger/examples/shared/generator.rs"]
mod generator;
#[path = "../../restock-ledger/examples/shared/log.rs"]
mod log;
#[path = "../tests/nats/server.rs"]
mod server;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::jetstream;
use futures_util::future::join_all;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use restock_core::Event;
use restock_intake::{LedgerIntake, Source, SourceConfig, State, Surroundings, start};
use restock_ledger::{Ledger, SqliteLedger, StockBook};

use crate::generator::Chain;
use crate::log::{Entry, Log};
use crate::server::NatsServer;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// The latest moment of a kill, milliseconds after the start of the process.
const MAX_DELAY_MS: f64 = 400.0;
/// Messages that are published together.
const N_TOGETHER: u64 = 100;
/// After so many kills of the reader the server is killed too.
const KILLS_PER_SERVER: u64 = 15;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.first().map(String::as_str) {
        Some("child") => child(Path::new(&arguments[1]), &arguments[2]),
        _ => parent(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("FAILED: {error}");
            ExitCode::FAILURE
        }
    }
}

fn log_of(seed: u64) -> Log {
    Log { chain: Chain { n_items: 300, n_locations: 5 }, partition: "SALES".to_owned(), seed }
}

/// Reads the stream into the ledger at `path`.
fn reader(path: &Path, url: &str) -> Outcome<Source> {
    let config: SourceConfig = toml::from_str(&format!("kind = \"nats\"\nurl = \"{url}\"\nstream = \"SALES\""))?;
    let around = Surroundings {
        clock: Arc::new(generator::now),
        folder: ".".into(),
        environment: Arc::new(|_| None),
        read_table: None,
    };
    let intake = LedgerIntake::new(Box::new(SqliteLedger::open(path)?), Arc::new(generator::now));
    Ok(start(&config, Box::new(intake), &around)?)
}

fn child(path: &Path, url: &str) -> Outcome<()> {
    let _source = reader(path, url)?;
    loop {
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// Publishes the log in its order; what was not acknowledged is published again. Returns how many were.
async fn publish(url: String, log: Log, n_messages: u64, n_kills: u64, kills: Arc<AtomicU64>) -> Outcome<u64> {
    let client = async_nats::ConnectOptions::new().retry_on_initial_connect().connect(url).await?;
    let context = jetstream::new(client);
    let (mut n_published, mut n_again) = (0, 0);
    while n_published < n_messages {
        // Messages are spread over the kills, so that every process that is killed has some to read.
        let quota = n_messages * (kills.load(Ordering::Relaxed) + 1) / (n_kills + 1);
        if n_published >= quota {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        }
        let numbers = n_published..(n_published + N_TOGETHER).min(n_messages);
        let mut acknowledgements = Vec::new();
        for number in numbers.clone() {
            match context.publish("sales", log.text(number).into()).await {
                Ok(acknowledgement) => acknowledgements.push(acknowledgement.into_future()),
                Err(_) => break,
            }
        }
        let n_sent = acknowledgements.len() as u64;
        let all = join_all(acknowledgements).await;
        if n_sent == numbers.end - numbers.start && all.iter().all(Result::is_ok) {
            n_published = numbers.end;
        } else {
            n_again += n_sent;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    Ok(n_again)
}

fn parent(arguments: &[String]) -> Outcome<()> {
    let number = |idx: usize, usual: u64| arguments.get(idx).map_or(Ok(usual), |text| text.parse());
    let (n_kills, seed, n_messages) = (number(0, 60)?, number(1, 1)?, number(2, 50_000)?);
    let mut server = NatsServer::start(&[]).ok_or("there is no program nats-server")?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let context = jetstream::new(async_nats::connect(server.url()).await?);
        let subjects = vec!["sales".to_owned()];
        let config = jetstream::stream::Config { name: "SALES".to_owned(), subjects, ..Default::default() };
        context.create_stream(config).await?;
        Outcome::Ok(())
    })?;
    let log = log_of(seed);
    let kills = Arc::new(AtomicU64::new(0));
    let publisher = {
        let (url, log, kills) = (server.url(), log.clone(), kills.clone());
        runtime.spawn(
            async move { publish(url, log, n_messages, n_kills, kills).await.map_err(|error| error.to_string()) },
        )
    };
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("ledger.db");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut last_offset = 0;
    let (mut n_server_kills, mut n_idle) = (0, 0);
    for kill in 1..=n_kills {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["child".as_ref(), path.as_os_str(), server.url().as_ref()])
            .stdin(Stdio::null())
            .spawn()?;
        if kill % KILLS_PER_SERVER == 0 {
            std::thread::sleep(Duration::from_secs_f64(rng.random_range(0.0..0.1)));
            server.kill();
            server.start_again();
            n_server_kills += 1;
        }
        std::thread::sleep(Duration::from_secs_f64(rng.random_range(0.0..MAX_DELAY_MS) / 1_000.0));
        process.kill()?;
        process.wait()?;
        kills.store(kill, Ordering::Relaxed);
        let ledger = SqliteLedger::open(&path)?;
        let offset = ledger.offsets()?.first().map_or(0, |offset| offset.next_offset);
        if offset < last_offset {
            return Err(format!("after kill {kill} the position is {offset}, it was {last_offset}").into());
        }
        n_idle += u64::from(offset == last_offset);
        last_offset = offset;
    }
    let n_again = runtime.block_on(publisher)??;
    let killed = finish(&path, &server.url())?;
    let clean = finish(&folder.path().join("clean.db"), &server.url())?;
    compare(&log, n_messages, &killed, &clean)?;
    println!(
        "{n_messages} messages ({n_again} published again), {n_kills} kills of the reader ({n_idle} before it had \
         committed anything new), {n_server_kills} kills of the server: {} events, {} in quarantine, equal to a clean replay",
        killed.events.len(),
        killed.quarantine.len()
    );
    Ok(())
}

/// Everything a ledger holds that must be the same.
#[derive(PartialEq)]
struct Content {
    events: Vec<Event>,
    quarantine: Vec<(String, Vec<u8>)>,
    next_offset: u64,
    book: Vec<u8>,
}

/// Reads the stream to its end, and looks at the ledger.
fn finish(path: &Path, url: &str) -> Outcome<Content> {
    let source = reader(path, url)?;
    loop {
        let status = source.status();
        if status.state == State::Waiting && status.lag == Some(0) {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    source.stop();
    let ledger = SqliteLedger::open(path)?;
    let findings: Vec<String> = ledger.doctor()?.into_iter().map(|finding| finding.message).collect();
    let mut book = StockBook::new();
    let mut events = Vec::new();
    loop {
        let page = ledger.events(events.len() as u64 + 1, 10_000)?;
        if page.is_empty() {
            break;
        }
        for recorded in page {
            book.apply(&recorded.event);
            events.push(recorded.event);
        }
    }
    let quarantine = ledger.quarantine(None, 1, usize::MAX)?;
    let quarantine: Vec<_> =
        quarantine.into_iter().map(|entry| (entry.reason.code.name().to_owned(), entry.raw)).collect();
    if findings.len() > 1 {
        return Err(format!("the ledger is not well: {findings:?}").into());
    }
    let next_offset = ledger.offsets()?.first().map_or(0, |offset| offset.next_offset);
    Ok(Content { events, quarantine, next_offset, book: book.to_bytes() })
}

fn compare(log: &Log, n_messages: u64, killed: &Content, clean: &Content) -> Outcome<()> {
    // Keys alone: a conflict that is published again before its original takes its place, for both ledgers.
    let key = |event: &Event| (event.source.clone(), event.event_id.clone());
    let expected: Vec<_> = (0..n_messages)
        .filter_map(|number| match log.entry(number) {
            Entry::New(event) => Some(key(&event)),
            Entry::Again(_) | Entry::Bad(..) => None,
        })
        .collect();
    let keys: BTreeSet<_> = killed.events.iter().map(key).collect();
    if keys.len() != killed.events.len() || keys != expected.iter().cloned().collect() {
        let (got, wanted) = (killed.events.len(), expected.len());
        return Err(format!("the ledger has {got} events, which are not the {wanted} that were published").into());
    }
    if killed.events != clean.events {
        return Err("the events are not those of a process that nobody killed, in their order".into());
    }
    if killed.quarantine != clean.quarantine {
        return Err("the quarantine is not that of a process that nobody killed".into());
    }
    if killed != clean {
        return Err("the stock or the position is not that of a process that nobody killed".into());
    }
    Ok(())
}
