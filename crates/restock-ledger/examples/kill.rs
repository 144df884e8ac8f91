//! Kills a process that writes to a ledger, again and again at random moments, and looks whether the ledger kept what it
//! promises: every acknowledged event is there, none is there twice, positions of consumers equal their events, the
//! stock book equals a clean replay, the audit trail is whole, and backups are complete or absent.
//!
//! `cargo run --release -p restock-ledger --example kill -- [KILLS] [SEED]` for ledgers in files; with
//! `--features postgres` and `-- [KILLS] [SEED] postgres://HOST/DATABASE [RESTART]` for ledgers on a server. `RESTART` is a
//! command that stops the server at once and starts it again, `pg_ctl -D DATA -m immediate -w restart`; it is run in every
//! other run at a random moment, while the process writes on and appends again what it got no answer for.
//!
//! The child is this program again. It reads endless logs of seeded entries (duplicates, conflicts, rubbish) and prints
//! a line for everything that was acknowledged. SIGKILL takes the process, not the machine: what a power cut does to
//! pages that the disk has not written is up to `synchronous = FULL`, or `fsync` of the server, and the disk.

#![expect(clippy::print_stdout, reason = "an example reports")]

#[path = "shared/generator.rs"]
mod generator;
#[path = "shared/log.rs"]
mod log;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use restock_core::{Event, Severity};
use restock_ledger::{
    AuditEntry, Batch, ConsumerOffset, Decision, LedgerAddress, LedgerError, QuarantineState, Recorded, Snapshot,
    StockBook, wire,
};

use crate::generator::Chain;
use crate::log::{Entry, Log};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const CONSUMER: &str = "kill";
const BOOK: &str = "stock_book";
const N_PARTITIONS: u64 = 3;
/// After so many kills a new ledger begins, so that first steps are killed too and files stay small.
const KILLS_PER_LEDGER: u64 = 50;
/// The latest moment of a kill, milliseconds after the start of the process.
const MAX_DELAY_MS: f64 = 120.0;
/// The same where the process must connect to a server first.
const MAX_DELAY_ON_SERVER_MS: f64 = 400.0;
/// How long a process waits before it tries again what the server did not do.
const PAUSE: Duration = Duration::from_millis(20);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.first().map(String::as_str) {
        Some("child") => {
            let [_, address, folder, seed, run] = &arguments[..] else { panic!("what the parent gives") };
            let (seed, run) = (seed.parse().expect("a seed"), run.parse().expect("a run"));
            child(&LedgerAddress::from(address.as_str()), Path::new(folder), seed, run)
        }
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

fn logs(seed: u64) -> Vec<Log> {
    let chain = Chain { n_items: 300, n_locations: 5 };
    (0..N_PARTITIONS)
        .map(|number| Log {
            chain,
            partition: format!("sales/{number}"),
            seed: seed.wrapping_mul(31).wrapping_add(number),
        })
        .collect()
}

// ---------------------------------------------------------------- the process that is killed

/// Prints a line once it is certain, in one write.
fn acknowledge(line: &str) -> Outcome<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes())?;
    Ok(out.flush()?)
}

/// Calls until the server answers: whatever gets no answer is done again. A file that fails fails at once.
fn until_answered<T>(
    address: &LedgerAddress,
    mut call: impl FnMut() -> Result<T, LedgerError>,
) -> Result<T, LedgerError> {
    loop {
        match (call(), address) {
            (Err(LedgerError::Storage(_) | LedgerError::Open { .. }), LedgerAddress::Postgres(_)) => {
                std::thread::sleep(PAUSE);
            }
            (done, _) => return done,
        }
    }
}

fn child(address: &LedgerAddress, folder: &Path, seed: u64, run: u64) -> Outcome<()> {
    let logs = logs(seed);
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ run.wrapping_mul(0x9E37_79B9));
    let mut ledger = until_answered(address, || address.open())?;
    let (mut book, mut in_book) = match until_answered(address, || ledger.latest_snapshot(BOOK))? {
        Some(snapshot) => (StockBook::from_bytes(&snapshot.state)?, snapshot.last_sequence),
        None => (StockBook::new(), 0),
    };
    for round in 0_u64.. {
        let log = &logs[rng.random_range(0..logs.len())];
        let from = until_answered(address, || ledger.offset(CONSUMER, &log.partition))?.unwrap_or(0);
        // Some entries come again, as after a consumer's own crash.
        let from = from.saturating_sub(if rng.random_bool(0.2) { rng.random_range(0..50) } else { 0 });
        let to = from + [1, 10, 100, 400][rng.random_range(0..4)];
        let lines: Vec<Vec<u8>> = (from..to).map(|number| log.text(number)).collect();
        let mut batch = Batch::new(wire::read_ndjson(&lines.join(&b'\n'), 1), generator::now());
        batch.offset =
            Some(ConsumerOffset { consumer: CONSUMER.to_owned(), partition: log.partition.clone(), next_offset: to });
        until_answered(address, || ledger.append(&batch))?;
        acknowledge(&format!("events {} {to}", log.partition))?;
        match rng.random_range(0..16) {
            0 | 1 => {
                let entry = AuditEntry {
                    at: generator::now(),
                    actor: "kill".to_owned(),
                    action: "round".to_owned(),
                    subject: format!("run/{run}"),
                    reason: String::new(),
                    before: String::new(),
                    after: round.to_string(),
                };
                let record = until_answered(address, || ledger.record(&entry))?;
                acknowledge(&format!("audit {}", record.number))?;
            }
            2 => {
                let open = until_answered(address, || ledger.quarantine(Some(QuarantineState::Open), 1, 1))?;
                if let Some(entry) = open.first() {
                    let decision = Decision {
                        actor: "kill".to_owned(),
                        reason: "rubbish".to_owned(),
                        at: generator::now(),
                        counts_from: None,
                    };
                    match until_answered(address, || ledger.discard(entry.quarantine_id, &decision)) {
                        // It was done when the answer was lost.
                        Ok(()) | Err(LedgerError::AlreadyResolved { .. }) => {}
                        Err(error) => return Err(error.into()),
                    }
                    acknowledge(&format!("discarded {}", entry.quarantine_id))?;
                }
            }
            3 => {
                loop {
                    let events = until_answered(address, || ledger.events(in_book + 1, 1_000))?;
                    let Some(last) = events.last() else { break };
                    in_book = last.sequence;
                    for recorded in &events {
                        book.apply(&recorded.event);
                    }
                }
                let snapshot = Snapshot { last_sequence: in_book, state: book.to_bytes() };
                until_answered(address, || ledger.save_snapshot(BOOK, &snapshot, generator::now()))?;
                acknowledge(&format!("snapshot {in_book}"))?;
            }
            4 => {
                let name = format!("backup-{run}-{round}.db");
                acknowledge(&format!("backing-up {name}"))?;
                match ledger.backup(&folder.join(&name)) {
                    Ok(()) => acknowledge(&format!("backup {name}"))?,
                    // The server went away in the middle; there is no file then.
                    Err(LedgerError::Backup { .. } | LedgerError::Storage(_))
                        if matches!(address, LedgerAddress::Postgres(_)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            _ => {}
        }
    }
    Ok(())
}

// ---------------------------------------------------------------- the process that kills and looks

/// What the child acknowledged, and what is known to be in the ledger.
#[derive(Default)]
struct Known {
    offsets: BTreeMap<String, u64>,
    n_audit: u64,
    discarded: BTreeSet<u64>,
    last_snapshot: u64,
    backups: BTreeSet<String>,
    /// Up to here the ledger was compared with the logs.
    checked: BTreeMap<String, u64>,
    last_sequence: u64,
    n_quarantine: u64,
}

/// What happened, for the report.
#[derive(Default)]
struct Counts {
    n_kills: u64,
    n_events: u64,
    n_acknowledgements: u64,
    n_unacknowledged: u64,
    n_during_backup: u64,
    n_before_first: u64,
    n_backups: u64,
    n_restarts: u64,
}

/// The place of ledger `number`, empty.
fn fresh(base: Option<&str>, folder: &Path, seed: u64, number: u64) -> Outcome<LedgerAddress> {
    let Some(base) = base else { return Ok(LedgerAddress::File(folder.join("ledger.db"))) };
    let schema = format!("kill_{seed}_{number}");
    drop_schema(base, &schema)?;
    let separator = if base.contains('?') { '&' } else { '?' };
    Ok(LedgerAddress::Postgres(format!("{base}{separator}schema={schema}")))
}

#[cfg(feature = "postgres")]
fn drop_schema(base: &str, schema: &str) -> Outcome<()> {
    let mut client = postgres::Client::connect(base, postgres::NoTls)?;
    Ok(client.batch_execute(&format!("SET client_min_messages = error; DROP SCHEMA IF EXISTS {schema} CASCADE"))?)
}

#[cfg(not(feature = "postgres"))]
fn drop_schema(_: &str, _: &str) -> Outcome<()> {
    Err("built without PostgreSQL; add --features postgres".into())
}

fn parent(arguments: &[String]) -> Outcome<()> {
    let n_kills: u64 = arguments.first().map_or(Ok(100), |text| text.parse())?;
    let seed: u64 = arguments.get(1).map_or(Ok(1), |text| text.parse())?;
    let base = arguments.get(2).map(String::as_str);
    let restart = arguments.get(3).map(String::as_str);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let progress = ProgressBar::new(n_kills)
        .with_style(ProgressStyle::with_template("{bar:40} {pos}/{len} kills, {msg} ({elapsed} elapsed, {eta} left)")?);
    let mut counts = Counts::default();
    let mut ledger_number = 0;
    while counts.n_kills < n_kills {
        let log_seed = seed.wrapping_mul(1_000).wrapping_add(ledger_number);
        ledger_number += 1;
        let folder = tempfile::tempdir()?;
        let address = fresh(base, folder.path(), seed, ledger_number)?;
        let logs = logs(log_seed);
        let mut known = Known::default();
        for run in 0..KILLS_PER_LEDGER.min(n_kills - counts.n_kills) {
            let where_ = format!("kill {} (seed {seed}, ledger {ledger_number}, run {run})", counts.n_kills + 1);
            let max_delay_ms = if base.is_some() { MAX_DELAY_ON_SERVER_MS } else { MAX_DELAY_MS };
            let mut delay = || Duration::from_secs_f64(rng.random_range(0.0..max_delay_ms) / 1_000.0);
            let kill = Kill { before: delay(), restart: restart.filter(|_| run % 2 == 1), after: delay() };
            let arguments = ["child".to_owned(), text_of(&address), folder.path().display().to_string()];
            let numbers = [log_seed.to_string(), run.to_string()];
            kill_once(&[&arguments[..], &numbers].concat(), &kill, &mut known, &mut counts)
                .map_err(|error| format!("{where_}: {error}"))?;
            look(&address, folder.path(), &logs, &mut known, &mut counts).map_err(|error| {
                let kept = keep(&folder);
                format!("{where_}: {error}; the ledger is kept in {} or {address:?}", kept.display())
            })?;
            counts.n_kills += 1;
            progress.set_message(format!("{} events", counts.n_events + known.last_sequence));
            progress.inc(1);
        }
        look_at_all(&address, &logs, &known, &mut rng).map_err(|error| {
            format!(
                "ledger {ledger_number} (seed {seed}) as a whole: {error}; it is kept in {}",
                keep(&folder).display()
            )
        })?;
        counts.n_events += known.last_sequence;
        if let Some(base) = base {
            drop_schema(base, &format!("kill_{seed}_{ledger_number}"))?;
        }
    }
    progress.finish_and_clear();
    println!(
        "{} kills of {ledger_number} ledgers, seed {seed}: {} events, {} acknowledgements, all there; none twice; {} of the \
         last batches were in without their acknowledgement; {} kills came before the first acknowledgement, {} during a \
         backup; {} backups whole; {} times the server was stopped at once meanwhile",
        counts.n_kills,
        counts.n_events,
        counts.n_acknowledgements,
        counts.n_unacknowledged,
        counts.n_before_first,
        counts.n_during_backup,
        counts.n_backups,
        counts.n_restarts
    );
    Ok(())
}

/// Copies a ledger that failed to where it is not removed.
fn keep(folder: &tempfile::TempDir) -> PathBuf {
    let kept = std::env::temp_dir().join(format!("restock-kill-{}", std::process::id()));
    let _ = std::fs::create_dir_all(&kept);
    for entry in std::fs::read_dir(folder.path()).into_iter().flatten().flatten() {
        let _ = std::fs::copy(entry.path(), kept.join(entry.file_name()));
    }
    kept
}

/// When a process is killed, and what happens to the server before.
struct Kill<'a> {
    before: Duration,
    restart: Option<&'a str>,
    after: Duration,
}

/// The address as an argument of the child.
fn text_of(address: &LedgerAddress) -> String {
    match address {
        LedgerAddress::File(path) => path.display().to_string(),
        LedgerAddress::Postgres(url) => url.clone(),
    }
}

fn kill_once(arguments: &[String], kill: &Kill<'_>, known: &mut Known, counts: &mut Counts) -> Outcome<()> {
    let mut child =
        Command::new(std::env::current_exe()?).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let out = child.stdout.take().expect("a pipe");
    // Lines are read while the child runs, so that a full pipe never holds it up; the reader ends with the child.
    let reader =
        std::thread::spawn(move || -> Vec<String> { BufReader::new(out).lines().map_while(Result::ok).collect() });
    std::thread::sleep(kill.before);
    if let Some(restart) = kill.restart {
        let done = Command::new("sh").args(["-c", restart]).stdout(Stdio::null()).status()?;
        ensure(done.success(), || format!("the server did not come back ({done})"))?;
        counts.n_restarts += 1;
        std::thread::sleep(kill.after);
    }
    if let Some(status) = child.try_wait()? {
        let mut message = String::new();
        child.stderr.take().expect("a pipe").read_to_string(&mut message)?;
        let lines = reader.join().expect("the reader of lines");
        return Err(format!("the child ended by itself ({status}): {message}{}", lines.join(" | ")).into());
    }
    child.kill()?;
    child.wait()?;
    let lines = reader.join().expect("the reader of lines");
    if lines.is_empty() {
        counts.n_before_first += 1;
    }
    let mut backing_up = None;
    for line in &lines {
        counts.n_acknowledgements += 1;
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["events", partition, next] => {
                let offset = known.offsets.entry(partition.to_owned()).or_default();
                *offset = (*offset).max(next.parse()?);
            }
            ["audit", number] => known.n_audit = known.n_audit.max(number.parse()?),
            ["discarded", id] => {
                known.discarded.insert(id.parse()?);
                known.n_audit += 1;
            }
            ["snapshot", last] => known.last_snapshot = known.last_snapshot.max(last.parse()?),
            ["backing-up", name] => backing_up = Some(name.to_owned()),
            ["backup", name] => {
                known.backups.insert(name.to_owned());
                backing_up = None;
            }
            _ => return Err(format!("the child said {line:?}").into()),
        }
    }
    counts.n_during_backup += u64::from(backing_up.is_some());
    Ok(())
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Outcome<()> {
    if holds { Ok(()) } else { Err(what().into()) }
}

/// What must be in quarantine and in the ledger from entries `range` of a log.
fn expected_of(log: &Log, range: std::ops::Range<u64>) -> (Vec<Event>, u64) {
    let (mut events, mut n_bad) = (Vec::new(), 0);
    for number in range {
        match log.entry(number) {
            Entry::New(event) => events.push(event),
            Entry::Again(_) => {}
            Entry::Bad(..) => n_bad += 1,
        }
    }
    (events, n_bad)
}

/// After a kill: what is new in the ledger is exactly what the positions of the consumer say.
fn look(address: &LedgerAddress, folder: &Path, logs: &[Log], known: &mut Known, counts: &mut Counts) -> Outcome<()> {
    let mut ledger = address.open()?;
    // A server may still be committing what the killed process asked for last. Whoever writes waits for that.
    ledger.append(&Batch::new(Vec::new(), generator::now()))?;
    let mut expected: BTreeMap<(String, String), Event> = BTreeMap::new();
    for log in logs {
        let offset = ledger.offset(CONSUMER, &log.partition)?.unwrap_or(0);
        let acknowledged = known.offsets.get(&log.partition).copied().unwrap_or(0);
        ensure(acknowledged <= offset, || {
            format!("{}: entries up to {acknowledged} were acknowledged, the ledger has {offset}", log.partition)
        })?;
        counts.n_unacknowledged += u64::from(acknowledged < offset);
        known.offsets.insert(log.partition.clone(), offset);
        let checked = known.checked.insert(log.partition.clone(), offset).unwrap_or(0);
        let (events, n_bad) = expected_of(log, checked..offset);
        expected.extend(events.into_iter().map(|event| ((event.source.clone(), event.event_id.clone()), event)));
        known.n_quarantine += n_bad;
    }
    for Recorded { sequence, event, .. } in ledger.events(known.last_sequence + 1, usize::MAX)? {
        known.last_sequence += 1;
        ensure(sequence == known.last_sequence, || {
            format!("event {sequence} follows event {}", known.last_sequence - 1)
        })?;
        let key = (event.source.clone(), event.event_id.clone());
        ensure(expected.remove(&key).as_ref() == Some(&event), || {
            format!("event {sequence} {key:?} is there twice, is not what was sent, or is ahead of its consumer")
        })?;
    }
    ensure(expected.is_empty(), || {
        format!("{} events are missing, first {:?}", expected.len(), expected.keys().next())
    })?;
    let n_quarantine: u64 = [QuarantineState::Open, QuarantineState::Released, QuarantineState::Discarded]
        .into_iter()
        .map(|state| ledger.quarantine_size(state))
        .sum::<Result<_, _>>()?;
    ensure(n_quarantine == known.n_quarantine, || {
        format!("{n_quarantine} entries are in quarantine, {} belong there", known.n_quarantine)
    })?;
    let discarded: BTreeSet<u64> = ledger
        .quarantine(Some(QuarantineState::Discarded), 1, usize::MAX)?
        .into_iter()
        .map(|entry| entry.quarantine_id)
        .collect();
    ensure(known.discarded.is_subset(&discarded), || "a decision about the quarantine is lost".to_owned())?;
    known.discarded = discarded;
    let audit = ledger.verify_audit()?;
    ensure(audit.broken_at.is_none(), || format!("the audit trail is broken at {:?}", audit.broken_at))?;
    ensure(known.n_audit <= audit.n_records, || {
        format!("{} audit records were acknowledged, {} are there", known.n_audit, audit.n_records)
    })?;
    known.n_audit = audit.n_records;
    let n_discards =
        ledger.audit_trail(1, usize::MAX)?.iter().filter(|record| record.entry.action == "quarantine.discard").count();
    ensure(n_discards == known.discarded.len(), || {
        format!("{} entries are discarded, {n_discards} of them in the audit trail", known.discarded.len())
    })?;
    if known.last_snapshot > 0 {
        let last = ledger.latest_snapshot(BOOK)?.map_or(0, |snapshot| snapshot.last_sequence);
        ensure(known.last_snapshot <= last, || {
            format!("snapshot {} was acknowledged, {last} is there", known.last_snapshot)
        })?;
    }
    drop(ledger);
    look_at_backups(folder, known, counts)
}

/// Backups that appeared are whole; those that were acknowledged appeared.
fn look_at_backups(folder: &Path, known: &mut Known, counts: &mut Counts) -> Outcome<()> {
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let path = folder.join(&name);
        if name.ends_with(".partial") || name.contains(".partial-") {
            std::fs::remove_file(path)?;
        } else if name.starts_with("backup-") && name.ends_with(".db") {
            known.backups.remove(&name);
            let restored = folder.join("restored.db");
            restock_ledger::restore(&path, &restored).map_err(|error| format!("{name}: {error}"))?;
            std::fs::remove_file(restored)?;
            std::fs::remove_file(path)?;
            counts.n_backups += 1;
        }
    }
    ensure(known.backups.is_empty(), || format!("backups are missing: {:?}", known.backups))
}

/// The ledger as a whole: nothing twice, the book equals a clean replay of the logs in another order, and the snapshot
/// that killed processes handed on to each other equals a replay up to its event.
fn look_at_all(address: &LedgerAddress, logs: &[Log], known: &Known, rng: &mut ChaCha8Rng) -> Outcome<()> {
    let ledger = address.open()?;
    let snapshot = ledger.latest_snapshot(BOOK)?;
    let mut book = StockBook::new();
    let mut keys = BTreeSet::new();
    for Recorded { sequence, event, .. } in ledger.events(1, usize::MAX)? {
        ensure(keys.insert((event.source.clone(), event.event_id.clone())), || {
            format!("event {sequence} is there twice")
        })?;
        book.apply(&event);
        if let Some(snapshot) = snapshot.as_ref().filter(|snapshot| snapshot.last_sequence == sequence) {
            ensure(book.to_bytes() == snapshot.state, || {
                format!("the snapshot after event {sequence} is not its replay")
            })?;
        }
    }
    let mut sent: Vec<Event> = logs
        .iter()
        .flat_map(|log| expected_of(log, 0..known.offsets.get(&log.partition).copied().unwrap_or(0)).0)
        .collect();
    ensure(sent.len() == keys.len(), || format!("{} events were sent, {} are there", sent.len(), keys.len()))?;
    rand::seq::SliceRandom::shuffle(&mut sent[..], rng);
    let mut replay = StockBook::new();
    for event in &sent {
        replay.apply(event);
    }
    ensure(replay.to_bytes() == book.to_bytes(), || "the stock book is not a clean replay".to_owned())?;
    let findings = ledger.doctor()?;
    let error = findings.iter().find(|finding| finding.severity == Severity::Error);
    ensure(error.is_none(), || format!("doctor: {error:?}"))
}
