//! Files that people and systems bring, from the upload to the data folder of the project.
//!
//! ```text
//! upload ── stage ──> a folder of its own ── look, choose ──> a preview ── apply ──> the data folder, and a plan of it
//! ```
//!
//! The work is that of whoever knows files and the project ([`Imports`]); the server brings the bytes, keeps to limits and
//! writes the audit trail.

use std::collections::BTreeMap;
use std::io::Read;

use axum::body::{Body, Bytes};
use futures_util::StreamExt;
use jiff::Timestamp;
use restock_engine::MissingTable;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use utoipa::ToSchema;

use crate::limits::MAX_UPLOAD_BYTES;

/// Takes files into a project. The server calls it on threads that may block, several at once.
pub trait Imports: Send + Sync {
    /// What waits, the oldest first, and what else would improve the plan.
    ///
    /// # Errors
    /// [`ImportRefusal`].
    fn list(&self) -> Result<ImportList, ImportRefusal>;

    /// Keeps the content of a file until somebody decides about it; nothing of it is used before.
    ///
    /// # Errors
    /// [`ImportRefusal`], and when `content` breaks off; then nothing is kept.
    fn stage(&self, upload: Upload, content: &mut dyn Read) -> Result<(), ImportRefusal>;

    /// What a file would become, as things are decided now.
    ///
    /// # Errors
    /// [`ImportRefusal`].
    fn look(&self, import_id: &str) -> Result<ImportPreview, ImportRefusal>;

    /// Decides something about a file, and looks again.
    ///
    /// # Errors
    /// [`ImportRefusal`]; then everything is as decided before.
    fn choose(&self, import_id: &str, changes: ImportChanges) -> Result<ImportPreview, ImportRefusal>;

    /// Takes the file into the data folder of the project, durably, with how it is read. What it replaces is kept elsewhere.
    ///
    /// # Errors
    /// [`ImportRefusal`].
    fn apply(&self, import_id: &str) -> Result<AppliedImport, ImportRefusal>;

    /// Forgets a file that was not taken in.
    ///
    /// # Errors
    /// [`ImportRefusal`].
    fn discard(&self, import_id: &str) -> Result<(), ImportRefusal>;
}

/// A file that comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// What it is called from now on: `im_` and 32 hexadecimal digits.
    pub import_id: String,
    /// The name that its sender gives it, whatever that is.
    pub file: String,
    /// Who sends it.
    pub author: String,
    /// When.
    pub at: Timestamp,
}

/// Why something is not done about an import.
#[derive(Debug, thiserror::Error)]
pub enum ImportRefusal {
    /// There is none of this id: it was never there, taken in or discarded.
    #[error("there is no import {0:?}: it was taken in, discarded, or never there")]
    NoSuchImport(String),
    /// A name that no table can have.
    #[error("the file is called {got:?}, expected {expected}")]
    BadName {
        /// The name.
        got: String,
        /// What is allowed.
        expected: String,
    },
    /// The content is no table.
    #[error("{detail}")]
    NotATable {
        /// What is wrong.
        detail: String,
        /// The way out.
        fix: String,
    },
    /// A choice about something that is not there.
    #[error("{0}")]
    BadChoice(String),
    /// It cannot be taken in as it stands.
    #[error("{detail}")]
    NotReady {
        /// What is open.
        detail: String,
        /// The way out.
        fix: String,
    },
    /// As many wait as may.
    #[error("{0} files wait to be taken in, more are not kept")]
    TooMany(usize),
    /// A file cannot be read or written. It may name files of the server, so it goes to the log only.
    #[error("{0}")]
    Storage(String),
}

/// A file that waits to be taken in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct StagedImport {
    /// Its id.
    pub import_id: String,
    /// The name of the file, without what names of files may not have.
    pub file: String,
    /// Who brought it.
    pub author: String,
    /// When.
    #[schema(value_type = String)]
    pub uploaded_at: Timestamp,
    /// Its size, bytes.
    pub n_bytes: u64,
}

/// What waits, and what else would improve the plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct ImportList {
    /// Files that wait to be taken in, the oldest first.
    pub imports: Vec<StagedImport>,
    /// Tables that the project does not have, the most useful first; none before the first plan.
    pub missing_tables: Vec<MissingTableRow>,
}

/// A table that the project does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct MissingTableRow {
    /// For example `inventory`.
    pub table: String,
    /// What it would improve.
    pub improves: String,
    /// The same in Chinese.
    pub improves_zh: String,
    /// How many it concerns; `improves` says what is counted.
    pub n_affected: usize,
}

impl From<MissingTable> for MissingTableRow {
    fn from(MissingTable { table, improves, improves_zh, n_affected }: MissingTable) -> Self {
        Self { table, improves, improves_zh, n_affected }
    }
}

/// What a file would become.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ImportPreview {
    /// The file.
    #[serde(flatten)]
    pub staged: StagedImport,
    /// The table that it is taken for; nothing where several sheets are, or a mapping of the project says.
    pub table: Option<String>,
    /// The fields of the table.
    pub fields: Vec<ImportField>,
    /// The columns of the file, in its order.
    pub columns: Vec<ImportColumn>,
    /// Required fields that no column gives.
    pub missing: Vec<String>,
    /// What can be answered, open or not.
    pub questions: Vec<ImportQuestion>,
    /// What would be read, one entry for each table.
    pub read: Vec<ImportedTable>,
    /// The first day of its sales.
    pub first_day: Option<String>,
    /// The last day of its sales.
    pub last_day: Option<String>,
    /// Items that it names.
    pub n_items: usize,
    /// Locations that it names.
    pub n_locations: usize,
    /// Rows that would be left out because they cannot be read.
    pub n_quarantined: usize,
    /// The first of them, at most 5.
    pub row_errors: Vec<ImportRowError>,
    /// What was recognised, assumed or left out.
    pub notes: Vec<ImportNote>,
    /// Why it cannot be read as it stands.
    pub problem: Option<ImportProblem>,
    /// The mapping of the project that says how files of this name are read; there is nothing to choose then.
    pub mapped_by: Option<String>,
    /// What the file will be called in the data folder.
    pub becomes: String,
    /// The file of the data folder that it takes the place of.
    pub replaces: Option<String>,
    /// Whether it can be taken in.
    pub is_ready: bool,
}

/// A field of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ImportField {
    /// For example `quantity`.
    pub field: String,
    /// Whether there is no row without it.
    pub is_required: bool,
}

/// A column of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ImportColumn {
    /// Its header.
    pub column: String,
    /// The field that it becomes.
    pub field: Option<String>,
    /// Whether it is kept as an attribute, where it becomes no field.
    pub is_attribute: bool,
    /// Its first texts, at most 3.
    pub samples: Vec<String>,
}

/// Something that a person knows better than a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ImportQuestion {
    /// `table`, `sheet`, `decimal`, `date`, or `place`: beside the files of the table that are there, or instead of one.
    pub question: String,
    /// The column that it is about.
    pub column: Option<String>,
    /// The first row that it is about, header = 1.
    pub row: Option<u64>,
    /// Why it is asked.
    pub why: String,
    /// Of `place`: rows in the files of the project that are about the same as rows of this one: sales of an item, location
    /// and day, stock of an item, location and day, and lines of an open order.
    pub n_overlapping: Option<u64>,
    /// What can be said.
    pub answers: Vec<ImportAnswer>,
    /// What was said, or holds where nobody says; nothing while it is open.
    pub answer: Option<String>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ImportAnswer {
    /// Of `decimal` `.` or `,`, of `date` `dmy` or `mdy`, of `place` `add` or `replace:FILE`, of `sheet` a sheet or `*` for
    /// all, of `table` a table.
    pub answer: String,
    /// What it makes of cells of the file.
    pub examples: Vec<ImportExample>,
}

/// What an answer makes of a cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ImportExample {
    /// The text of the cell.
    pub cell: String,
    /// What it is read as.
    pub reading: String,
}

/// A table that would be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ImportedTable {
    /// For example `sales`.
    pub table: String,
    /// The file, and its sheet where there are several.
    pub file: String,
    /// Rows in all.
    pub n_rows: u64,
    /// Rows that are taken in.
    pub n_accepted: u64,
    /// Rows that repeat another.
    pub n_duplicates: u64,
    /// Rows that a mapping leaves out.
    pub n_left_out: u64,
    /// Rows that cannot be read.
    pub n_quarantined: u64,
}

/// A row that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ImportRowError {
    /// The row, header = 1.
    pub row: u64,
    /// The header of its column; empty for the whole row.
    pub column: String,
    /// What is there.
    pub value: String,
    /// What is allowed.
    pub expected: String,
    /// The same in Chinese.
    pub expected_zh: String,
    /// The way out.
    pub fix: String,
    /// The same in Chinese.
    pub fix_zh: String,
}

/// Something that was recognised, assumed or left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ImportNote {
    /// A sentence.
    pub note: String,
    /// The same in Chinese.
    pub note_zh: String,
}

/// Why a file cannot be read as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ImportProblem {
    /// What is wrong.
    pub detail: String,
    /// The same in Chinese.
    pub detail_zh: String,
    /// The way out.
    pub fix: Option<String>,
    /// The same in Chinese.
    pub fix_zh: Option<String>,
}

/// What somebody decides about a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ImportChanges {
    /// The field that a column becomes, by its header; `null` leaves the column out. Columns that are not named stay as they
    /// are.
    pub columns: BTreeMap<String, Option<String>>,
    /// Answers by question; `null` takes an answer back. Another table keeps the columns that it has fields for, another
    /// sheet begins anew.
    pub answers: BTreeMap<String, Option<String>>,
}

/// A file that was taken in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AppliedImport {
    /// The import, which is over.
    pub import_id: String,
    /// What the file is called in the data folder.
    pub file: String,
    /// The file that it took the place of; it is kept outside of the data folder.
    pub replaced: Option<String>,
    /// What is read from it.
    pub read: Vec<ImportedTable>,
}

impl AppliedImport {
    /// What was done, for the audit trail.
    pub(crate) fn text(&self) -> String {
        let tables: Vec<String> =
            self.read.iter().map(|table| format!("{} rows of {}", table.n_accepted, table.table)).collect();
        let replaced = self.replaced.as_ref().map_or(String::new(), |file| format!(", in place of {file}"));
        format!("{}: {}{replaced}", self.file, tables.join(", "))
    }
}

/// Why an upload ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// It is larger than allowed.
    TooLarge,
    /// The client has gone.
    BrokeOff,
}

/// What a thread that may block reads while the body of a request comes in.
pub(crate) struct BodyReader {
    parts: mpsc::Receiver<Part>,
    part: Bytes,
    has_ended: bool,
}

enum Part {
    Bytes(Bytes),
    End,
}

/// How much of a body may wait for the disk, parts of some 16 KB.
const WAITING_PARTS: usize = 16;

/// A reader of a body, and what has to run beside it. What is dropped before its end is never taken for a whole file.
pub(crate) fn reader(body: Body) -> (BodyReader, impl Future<Output = Result<(), Broken>>) {
    let (sender, parts) = mpsc::channel(WAITING_PARTS);
    let bring = async move {
        let mut stream = body.into_data_stream();
        let mut n_bytes = 0_u64;
        while let Some(part) = stream.next().await {
            let part = part.map_err(|_| Broken::BrokeOff)?;
            n_bytes += part.len() as u64;
            if n_bytes > MAX_UPLOAD_BYTES {
                return Err(Broken::TooLarge);
            }
            // Nobody reads on where the file is refused; the answer says why.
            if sender.send(Part::Bytes(part)).await.is_err() {
                return Ok(());
            }
        }
        let _ = sender.send(Part::End).await;
        Ok(())
    };
    (BodyReader { parts, part: Bytes::new(), has_ended: false }, bring)
}

impl Read for BodyReader {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        while self.part.is_empty() {
            if self.has_ended {
                return Ok(0);
            }
            match self.parts.blocking_recv() {
                Some(Part::Bytes(part)) => self.part = part,
                Some(Part::End) => self.has_ended = true,
                None => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let n = into.len().min(self.part.len());
        into[..n].copy_from_slice(&self.part.split_to(n));
        Ok(n)
    }
}
