//! Why a file as a whole could not be imported.

use std::path::PathBuf;

use restock_core::RowError;

/// Why an import failed as a whole. Bad rows alone never fail an import unless it is strict.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file could not be opened or read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The content is not a table we can read.
    #[error("{file} is not a table: {reason}\n\nhint: {fix}")]
    NotATable {
        /// The file.
        file: String,
        /// What it looks like instead.
        reason: String,
        /// The way out.
        fix: String,
    },
    /// Required columns were not found.
    #[error("{file} has no column for {} of table {table} (found: {})\n\nhint: {hint}", missing.join(", "), found.join(", "))]
    MissingColumns {
        /// The file.
        file: String,
        /// The table it was read as.
        table: String,
        /// Required fields without a column.
        missing: Vec<String>,
        /// Headers in the file.
        found: Vec<String>,
        /// The closest header or accepted names.
        hint: String,
    },
    /// A column of numbers can be read in two ways.
    #[error(
        "{file} row {row}, column {column:?}: {value:?} is {as_point} or {as_comma}, and {why}\n\nhint: say which: \
         decimal = \".\" reads {as_point}, decimal = \",\" reads {as_comma} (--decimal, or decimal in the mapping file)"
    )]
    AmbiguousNumbers {
        /// The file.
        file: String,
        /// First such row, header = 1.
        row: u64,
        /// Header as written.
        column: String,
        /// The text.
        value: String,
        /// Its value if the point is the decimal mark.
        as_point: String,
        /// Its value if the comma is the decimal mark.
        as_comma: String,
        /// Why the rest of the column does not decide.
        why: String,
    },
    /// A column of dates can be read in two ways.
    #[error(
        "{file} row {row}, column {column:?}: {value:?} is {as_dmy} or {as_mdy}, and {why}\n\nhint: say which: \
         date = \"dmy\" reads {as_dmy}, date = \"mdy\" reads {as_mdy} (--date-format, or date in the mapping file)"
    )]
    AmbiguousDates {
        /// The file.
        file: String,
        /// First such row, header = 1.
        row: u64,
        /// Header as written.
        column: String,
        /// The text.
        value: String,
        /// The date if the day comes first.
        as_dmy: String,
        /// The date if the month comes first.
        as_mdy: String,
        /// Why the rest of the column does not decide.
        why: String,
    },
    /// The mapping file is wrong.
    #[error("mapping {file}: {message}")]
    Mapping {
        /// The mapping file.
        file: String,
        /// What is wrong, and where.
        message: String,
    },
    /// There were row errors and the import is strict.
    #[error("{n_row_errors} rows could not be read and --strict is set, first: {}", first.first().map(ToString::to_string).unwrap_or_default())]
    Strict {
        /// How many in all.
        n_row_errors: usize,
        /// The first of them.
        first: Vec<RowError>,
    },
    /// Every row was bad.
    #[error("none of the {n_row_errors} rows could be read, first: {}", first.first().map(ToString::to_string).unwrap_or_default())]
    NoRowAccepted {
        /// How many.
        n_row_errors: usize,
        /// The first of them.
        first: Vec<RowError>,
    },
    /// No table was found, or all of them were empty.
    #[error("no rows found in {}\n\nhint: give a CSV, Parquet or XLSX file of sales with a date, an item and a quantity, or a folder of such files named by table", sources.join(", "))]
    NothingToImport {
        /// What was looked at.
        sources: Vec<String>,
    },
    /// An option is out of range.
    #[error("{0}")]
    Option(String),
}
