//! Why a file as a whole could not be imported.

use std::path::PathBuf;

use restock_core::{Day, RowError};

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
        "{0}\n\nhint: say which: decimal = \".\" reads {first}, decimal = \",\" reads {second} (--decimal, or decimal \
         in the mapping file)",
        first = .0.first,
        second = .0.second
    )]
    AmbiguousNumbers(Box<Ambiguity>),
    /// A column of dates can be read in two ways.
    #[error(
        "{0}\n\nhint: say which: date = \"dmy\" reads {first}, date = \"mdy\" reads {second} (--date-format, or date \
         in the mapping file)",
        first = .0.first,
        second = .0.second
    )]
    AmbiguousDates(Box<Ambiguity>),
    /// A column of shares has percent signs in some rows and none in others.
    #[error("{0}\n\nhint: write the percent sign in every row or in none")]
    MixedShares(Box<Ambiguity>),
    /// Every sale is later than the day the import was asked to look back from.
    #[error(
        "there is no history before {as_of}: the first sale is on {first_day}\n\nhint: name a day after {first_day}, or \
         leave --as-of out to plan on the morning after the last sale"
    )]
    NoHistory {
        /// The day.
        as_of: Day,
        /// The day of the first sale.
        first_day: Day,
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

/// A cell that can be read in two ways, in a column that does not say which.
#[derive(Debug)]
pub struct Ambiguity {
    /// The file.
    pub file: String,
    /// First such row, header = 1.
    pub row: u64,
    /// Header as written.
    pub column: String,
    /// The text.
    pub value: String,
    /// Its value with the point as decimal mark, with the day first, or as a percentage.
    pub first: String,
    /// Its value with the comma as decimal mark, with the month first, or as a share.
    pub second: String,
    /// Why the rest of the column does not decide.
    pub why: String,
}

impl std::fmt::Display for Ambiguity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { file, row, column, value, first, second, why } = self;
        write!(f, "{file} row {row}, column {column:?}: {value:?} is {first} or {second}, and {why}")
    }
}
