//! A drop folder: files that other programs put there become events, and the files are moved away, never deleted.
//!
//! ```text
//! inbox/sales.ndjson ── same size and time on two looks ──> looked through: hash, can anything be read?
//!        │                                                             │
//!        │                              entries in batches, each with the byte that is reached, in one transaction
//!        ├── done/2026-03-02/sales.ndjson  <── everything is taken in ──┤
//!        └── failed/2026-03-02/sales.ndjson + .reason.txt <── nothing in it can be read
//! ```
//!
//! The position of a file is kept under the hash of its content: a crash at any moment leads back to the byte after the
//! last committed batch, and a file that comes again under another name, or compressed, is not read twice.
//! Folders are looked at once a second: that works on network shares too, where systems tell nobody about changes.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use flate2::bufread::MultiGzDecoder;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use restock_ledger::{ConsumerOffset, Incoming, Position, Refusal, RefusalCode};

use crate::entries::Entries;
use crate::intake::{Intake, IntakeError};
use crate::status::{Board, State};
use crate::stop::Stop;
use crate::{MAX_BATCH_BYTES, MAX_BATCH_ENTRIES};

/// The consumer under which positions in files are kept.
pub const FOLDER_CONSUMER: &str = "folder";

/// How often a folder is looked at.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The longest time until a file that could not be read or moved is tried again, seconds.
const MAX_RETRY_SECONDS: i64 = 60;

/// Of a table that cannot be read, so many bytes are shown in quarantine.
const SHOWN_BYTES: u64 = 2_048;

/// Endings of files of events; `.gz` after them is read too.
const EVENT_ENDINGS: [&str; 3] = ["json", "ndjson", "jsonl"];

/// Makes events of a table such as `sales.csv`, at the time of the file for what has no day of its own. The error says
/// what is wrong with the file.
///
/// Where two files of the same name say the same in a row, ids of events must be the same too.
pub type ReadTable = Arc<dyn Fn(&Path, Timestamp) -> Result<Vec<Incoming>, String> + Send + Sync>;

/// A drop folder that is read.
pub struct Folder {
    path: PathBuf,
    read_table: Option<ReadTable>,
    files: BTreeMap<String, Seen>,
    board: Board,
}

/// What is known about a file that has been there before.
struct Seen {
    mark: Mark,
    /// What was found when it was looked through.
    inspected: Option<Inspected>,
    /// It is tried again at this time, after so many times.
    retry: Option<(Timestamp, u32)>,
    /// What was told about it, so that it is told once.
    told: Option<String>,
}

impl Seen {
    fn tell(&mut self, board: &Board, now: Timestamp, message: String) {
        if self.told.as_ref() != Some(&message) {
            board.trouble(now, message.clone());
            self.told = Some(message);
        }
    }
}

/// A file that is being written to does not keep these.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Mark {
    n_bytes: u64,
    modified: Option<SystemTime>,
}

impl Mark {
    fn of(metadata: &Metadata) -> Self {
        Self { n_bytes: metadata.len(), modified: metadata.modified().ok() }
    }
}

/// A file that was looked through once.
#[derive(Clone)]
struct Inspected {
    /// The hash of its content, uncompressed.
    hash: String,
    /// Its size, uncompressed.
    n_bytes: u64,
    /// Why nothing in it can be read, if so.
    refused: Option<String>,
}

/// What a file is, by its name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FileKind {
    Events { is_gzip: bool },
    Table,
}

/// Why a file could not be taken in now.
enum Problem {
    /// The file is at fault, or what is around it; others go on.
    File(String),
    /// It was changed meanwhile: it is looked at again.
    Changed,
    /// The ledger takes nothing in.
    Intake(IntakeError),
    /// The source is being stopped.
    Stopped,
}

impl From<IntakeError> for Problem {
    fn from(error: IntakeError) -> Self {
        Self::Intake(error)
    }
}

impl Folder {
    /// Reads the folder at `path`. Tables (`.csv`) are left alone unless `read_table` reads them.
    pub fn new(name: &str, path: PathBuf, read_table: Option<ReadTable>) -> Self {
        Self::with_board(path, read_table, Board::new(name, "folder"))
    }

    pub(crate) fn with_board(path: PathBuf, read_table: Option<ReadTable>, board: Board) -> Self {
        Self { path, read_table, files: BTreeMap::new(), board }
    }

    /// Where it stands.
    pub fn status(&self) -> crate::Status {
        self.board.get()
    }

    /// Looks once: what was there at the last look and has not changed since is taken in and moved. A file that cannot be
    /// read or moved is told in the status, tried again later, and does not stop the others.
    ///
    /// # Errors
    /// When the ledger does not take in entries; the next look goes on where this one ended.
    pub fn look(&mut self, intake: &mut dyn Intake, now: Timestamp, stop: &Stop) -> Result<(), IntakeError> {
        let found = match self.list() {
            Ok(found) => found,
            Err(error) => {
                let hint = "make the folder, or correct `path`";
                self.board.trouble(now, format!("cannot list {}: {error}; {hint}", self.path.display()));
                self.board.set_state(State::Retrying);
                return Ok(());
            }
        };
        self.files.retain(|name, _| found.contains_key(name));
        let mut n_waiting = found.len() as u64;
        let mut n_retrying = 0;
        for (name, mark) in found {
            self.board.set_lag(n_waiting);
            match self.look_at(&name, mark, intake, now, stop) {
                Ok(true) => {
                    self.files.remove(&name);
                    n_waiting -= 1;
                }
                Ok(false) => {}
                Err(Problem::Changed) => drop(self.files.remove(&name)),
                Err(Problem::Stopped) => return Ok(()),
                Err(Problem::File(message)) => {
                    n_retrying += 1;
                    let seen = self.files.get_mut(&name).expect("it was seen when it was tried");
                    seen.tell(&self.board, now, message);
                    let n_tries = seen.retry.map_or(1, |(_, n)| n.saturating_add(1));
                    let seconds = 2_i64.saturating_pow(n_tries).min(MAX_RETRY_SECONDS);
                    seen.retry = Some((now + SignedDuration::from_secs(seconds), n_tries));
                }
                Err(Problem::Intake(error)) => {
                    self.board.trouble(now, error.to_string());
                    self.board.set_state(State::Retrying);
                    return Err(error);
                }
            }
        }
        self.board.set_lag(n_waiting);
        let is_retrying = n_retrying > 0 || self.files.values().any(|seen| seen.retry.is_some());
        self.board.set_state(if is_retrying { State::Retrying } else { State::Waiting });
        Ok(())
    }

    /// Files that may be taken, by name.
    fn list(&self) -> io::Result<BTreeMap<String, Mark>> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            // A file that has gone, and a name that is no text, are nobody's.
            let (Ok(metadata), Ok(name)) = (entry.metadata(), entry.file_name().into_string()) else { continue };
            let is_unfinished = name.starts_with('.') || name.ends_with(".part") || name.ends_with(".tmp");
            if metadata.is_file() && !is_unfinished {
                found.insert(name, Mark::of(&metadata));
            }
        }
        Ok(found)
    }

    /// Whether the file was taken in and moved.
    fn look_at(
        &mut self,
        name: &str,
        mark: Mark,
        intake: &mut dyn Intake,
        now: Timestamp,
        stop: &Stop,
    ) -> Result<bool, Problem> {
        let kind = self.kind_of(name);
        let Some(seen) = self.files.get_mut(name).filter(|seen| seen.mark == mark) else {
            let seen = Seen { mark, inspected: None, retry: None, told: None };
            self.files.insert(name.to_owned(), seen);
            return Ok(false);
        };
        let Some(kind) = kind else {
            let tables = if self.read_table.is_some() { ", and tables in .csv" } else { "" };
            let endings = format!("files that end in .json, .ndjson or .jsonl, perhaps with .gz{tables}, are read");
            seen.tell(&self.board, now, format!("{name} is left where it is: {endings}"));
            return Ok(false);
        };
        if seen.retry.is_some_and(|(at, _)| now < at) {
            return Ok(false);
        }
        self.board.set_state(State::Reading);
        let path = self.path.join(name);
        let cannot = |verb: &str, error: &io::Error| {
            Problem::File(format!("cannot {verb} {}: {error}; check its rights", path.display()))
        };
        let inspected = match &seen.inspected {
            Some(inspected) => inspected.clone(),
            None => {
                let inspected = inspect(&path, kind, stop).map_err(|error| cannot("read", &error))?;
                if stop.is_set() {
                    return Err(Problem::Stopped);
                }
                seen.inspected.insert(inspected).clone()
            }
        };
        let is_changed = || fs::symlink_metadata(&path).map_or(true, |metadata| Mark::of(&metadata) != mark);
        if is_changed() {
            return Err(Problem::Changed);
        }
        let refused = self.take_in(name, kind, mark, &inspected, intake, stop)?;
        if is_changed() {
            return Err(Problem::Changed);
        }
        self.put_away(name, refused, now).map_err(|error| {
            let way_out = "it is taken in already; check the rights of the folder";
            Problem::File(format!("cannot move {}: {error}; {way_out}", path.display()))
        })?;
        Ok(true)
    }

    fn kind_of(&self, name: &str) -> Option<FileKind> {
        let lower = name.to_ascii_lowercase();
        let (stem, is_gzip) = lower.strip_suffix(".gz").map_or((lower.as_str(), false), |stem| (stem, true));
        let ending = stem.rsplit_once('.').map_or("", |(_, ending)| ending);
        match ending {
            "csv" if !is_gzip && self.read_table.is_some() => Some(FileKind::Table),
            _ if EVENT_ENDINGS.contains(&ending) => Some(FileKind::Events { is_gzip }),
            _ => None,
        }
    }

    /// Takes in what is left of a file. Returns why nothing in it can be read, if so.
    fn take_in(
        &self,
        name: &str,
        kind: FileKind,
        mark: Mark,
        inspected: &Inspected,
        intake: &mut dyn Intake,
        stop: &Stop,
    ) -> Result<Option<String>, Problem> {
        let path = self.path.join(name);
        let cannot = |error: io::Error| Problem::File(format!("cannot read {}: {error}", path.display()));
        let from = intake.offset(FOLDER_CONSUMER, &inspected.hash)?.unwrap_or(0);
        let end = inspected.n_bytes;
        if from >= end {
            return Ok(inspected.refused.clone());
        }
        let mut batch =
            FileBatch { board: &self.board, intake, name, hash: &inspected.hash, entries: Vec::new(), n_bytes: 0 };
        if kind == FileKind::Table {
            let at = mark.modified.and_then(|at| Timestamp::try_from(at).ok()).unwrap_or(Timestamp::UNIX_EPOCH);
            let read = self.read_table.as_ref().expect("a table is none without it");
            let entries = match read(&path, at) {
                Ok(entries) => entries,
                Err(reason) => {
                    // It lies in quarantine too, where people look; its position stays, so that it may come again.
                    batch.add(refused_table(&path, &reason).map_err(cannot)?);
                    batch.commit(0)?;
                    return Ok(Some(reason));
                }
            };
            // Rows are known by their content, so that a table that was cut off is read again from its beginning.
            for entry in entries {
                if batch.is_full() {
                    batch.commit(0)?;
                }
                batch.add(entry);
                if stop.is_set() {
                    return Err(Problem::Stopped);
                }
            }
            batch.commit(end)?;
            return Ok(None);
        }
        let mut entries = Entries::new(open(&path, kind).map_err(cannot)?).map_err(cannot)?;
        entries.skip_to(from).map_err(cannot)?;
        while let Some(entry) = entries.next().map_err(cannot)? {
            batch.add(entry);
            if batch.is_full() {
                if inspected.refused.is_some() {
                    // What nobody can read is shown in part, so that it does not fill the quarantine.
                    break;
                }
                batch.commit(entries.n_bytes().min(end))?;
                if stop.is_set() {
                    return Err(Problem::Stopped);
                }
            }
        }
        batch.commit(end)?;
        Ok(inspected.refused.clone())
    }

    /// Moves a file to `done`, or to `failed` with the reason beside it.
    fn put_away(&self, name: &str, refused: Option<String>, now: Timestamp) -> io::Result<()> {
        let folder = if refused.is_some() { "failed" } else { "done" };
        let day = TimeZone::UTC.to_datetime(now).date().to_string();
        let folder = self.path.join(folder).join(day);
        fs::create_dir_all(&folder)?;
        let mut target = folder.join(name);
        let mut number = 1;
        // A name that is taken belongs to a file that must stay.
        while fs::symlink_metadata(&target).is_ok() {
            number += 1;
            target = folder.join(numbered(name, number));
        }
        if let Some(reason) = &refused {
            let mut beside = target.clone().into_os_string();
            beside.push(".reason.txt");
            fs::write(beside, format!("{reason}\n"))?;
        }
        fs::rename(self.path.join(name), target)?;
        match refused {
            Some(reason) => tracing::warn!(file = name, reason, "a file of the drop folder is refused"),
            None => tracing::info!(file = name, folder = %folder.display(), "a file of the drop folder is taken in"),
        }
        Ok(())
    }
}

/// `sales-2.ndjson` of `sales.ndjson`.
fn numbered(name: &str, number: u32) -> String {
    match name.split_once('.') {
        Some((stem, endings)) => format!("{stem}-{number}.{endings}"),
        None => format!("{name}-{number}"),
    }
}

/// Entries of a file on their way.
struct FileBatch<'a> {
    board: &'a Board,
    intake: &'a mut dyn Intake,
    name: &'a str,
    hash: &'a str,
    entries: Vec<Incoming>,
    n_bytes: usize,
}

impl FileBatch<'_> {
    fn add(&mut self, mut entry: Incoming) {
        entry.position = entry.position.within(self.name);
        self.n_bytes += entry.raw.len();
        self.entries.push(entry);
    }

    fn is_full(&self) -> bool {
        self.entries.len() >= MAX_BATCH_ENTRIES || self.n_bytes >= MAX_BATCH_BYTES
    }

    /// Commits the entries and the byte that is reached with them.
    fn commit(&mut self, next_offset: u64) -> Result<(), IntakeError> {
        let (consumer, partition) = (FOLDER_CONSUMER.to_owned(), self.hash.to_owned());
        let offset = ConsumerOffset { consumer, partition, next_offset };
        self.n_bytes = 0;
        let outcomes = self.intake.append_from(std::mem::take(&mut self.entries), offset.clone())?;
        self.board.taken_in(&outcomes, &offset);
        Ok(())
    }
}

/// A table that cannot be read, as one entry with its first bytes.
fn refused_table(path: &Path, reason: &str) -> io::Result<Incoming> {
    let mut raw = Vec::new();
    File::open(path)?.take(SHOWN_BYTES).read_to_end(&mut raw)?;
    let refusal = Refusal {
        code: RefusalCode::Malformed,
        field: String::new(),
        got: "a table".to_owned(),
        expected: "one that can be read".to_owned(),
        fix: format!("correct it and put it into the folder again: {reason}"),
    };
    Ok(Incoming { position: Position::Whole, raw, event: Err(refusal) })
}

fn open(path: &Path, kind: FileKind) -> io::Result<Box<dyn BufRead>> {
    let file = BufReader::new(File::open(path)?);
    Ok(match kind {
        FileKind::Events { is_gzip: true } => Box::new(BufReader::new(MultiGzDecoder::new(file))),
        _ => Box::new(file),
    })
}

/// Reads a file once: its hash, and whether anything in it can be read. Nothing of a damaged archive is taken in.
fn inspect(path: &Path, kind: FileKind, stop: &Stop) -> io::Result<Inspected> {
    let tally = Rc::new(RefCell::new((blake3::Hasher::new(), 0_u64)));
    let hashed = Hashed { inner: open(path, kind)?, tally: tally.clone(), stop: stop.clone() };
    let read = |input: Hashed| -> io::Result<Option<String>> {
        if kind == FileKind::Table {
            let mut input = input;
            io::copy(&mut input, &mut io::sink())?;
            return Ok(None);
        }
        let mut entries = Entries::new(BufReader::new(input))?;
        let mut first_refusal = None;
        let mut n_refused = 0_u64;
        loop {
            match entries.next()? {
                Some(Incoming { event: Ok(_), .. }) => {
                    first_refusal = None;
                    break;
                }
                Some(Incoming { event: Err(refusal), position, .. }) => {
                    n_refused += 1;
                    first_refusal.get_or_insert_with(|| format!("{position}: {refusal}"));
                }
                None => break,
            }
        }
        io::copy(&mut entries.into_rest(), &mut io::sink())?;
        Ok(first_refusal.map(|first| format!("none of its {n_refused} entries can be read, the first one\n{first}")))
    };
    let (refused, is_damaged) = match read(hashed) {
        Ok(refused) => (refused, false),
        Err(error) if kind == (FileKind::Events { is_gzip: true }) && is_damage(&error) => {
            let reason =
                format!("the archive is damaged or cut off: {error}\nsend it again; nothing of it was taken in");
            (Some(reason), true)
        }
        Err(error) => return Err(error),
    };
    let (hasher, n_bytes) = Rc::try_unwrap(tally).map_or_else(|tally| tally.borrow().clone(), RefCell::into_inner);
    let n_bytes = if is_damaged { 0 } else { n_bytes };
    Ok(Inspected { hash: hasher.finalize().to_hex().to_string(), n_bytes, refused })
}

fn is_damage(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof)
}

/// Hashes what is read through it.
struct Hashed {
    inner: Box<dyn BufRead>,
    tally: Rc<RefCell<(blake3::Hasher, u64)>>,
    stop: Stop,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.is_set() {
            // A large file that is only looked through does not hold up a stop.
            return Ok(0);
        }
        let n_read = self.inner.read(buffer)?;
        let (hasher, n_bytes) = &mut *self.tally.borrow_mut();
        hasher.update(&buffer[..n_read]);
        *n_bytes += n_read as u64;
        Ok(n_read)
    }
}
