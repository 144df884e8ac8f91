//! Files in and out: CSV, Parquet and XLSX tables into a [`Dataset`], and proposals into files.
//!
//! [`import`] reads any number of files or folders. A table is found by its file name (`sales.csv`, `inventory.xlsx`)
//! or, where the name says nothing, by its columns; columns are found by their headers, English or Chinese, or by a
//! [`Mapping`]. Three rules hold everywhere:
//!
//! 1. **No magnitude changes silently.** A number or date that can be read in two ways is decided by the rest of its
//!    column, or refused with the row shown ([`ImportError::AmbiguousNumbers`], [`ImportError::AmbiguousDates`]).
//! 2. **One bad row never stops the import.** It becomes a [`RowError`] with file, row, column, value, expectation and
//!    way out; [`ImportOptions::strict`] turns the first of them into a failure.
//! 3. **Whatever was guessed is said in words**, in [`Import::notes`].
//!
//! # Rules for rows
//! - *Ids* keep their text: `00123`, `1E5` and long GTINs stay as they are; only blanks around them are cut.
//! - *Returns* are sales rows with a negative quantity. A row marked as a return counts as negative whatever its sign.
//! - *Duplicates* (equal in every cell) are reported. In the sales table they are kept unless
//!   [`Duplicates::Drop`] is asked for, because an order may hold the same line twice; in tables that describe a state
//!   (inventory, items, locations, suppliers, ...) the copy is left out.
//! - *Title rows* above the header of a CSV file are skipped, with a note.
//! - *Texts that a spreadsheet would run as a formula* are written with an apostrophe before them and read without it.
//! - *More than six decimals* are rounded to six, and the count is a note.
//! - *Rows without a location* belong to the location [`DEFAULT_LOCATION_ID`], or to the only location there is.

mod count_sheets;
mod date;
mod draft;
mod error;
mod finish;
mod import;
mod intern;
mod job;
mod languages;
mod look;
mod mapping;
mod number;
mod readings;
mod source;
mod tables;
mod weekdays;
mod wide;
pub mod write;

use std::path::{Path, PathBuf};

use restock_core::time::Bucket;
use restock_core::{Dataset, Day, RowError};

pub use count_sheets::is_filled_in;
pub use error::{Ambiguity, ImportError};
pub use look::{ALL_SHEETS, Choices, Doubt, Entry, Look, LookColumn, content_hash, known_tables, look};
pub use mapping::{Mapping, OWN_MAPPING};

/// The location of rows that name none.
pub const DEFAULT_LOCATION_ID: &str = "main";

/// What [`import`] hands back.
#[derive(Clone, Debug, Default)]
pub struct Import {
    /// The tables.
    pub dataset: Dataset,
    /// Rows that could not be taken in, at most [`ImportOptions::max_row_errors`] of them, in file order.
    pub row_errors: Vec<RowError>,
    /// How many rows could not be taken in, all counted.
    pub n_row_errors: usize,
    /// What was recognised, assumed or left out, one sentence each.
    pub notes: Vec<String>,
    /// One entry per table read from a file.
    pub tables: Vec<TableSummary>,
    /// BLAKE3 of the files' contents, of the mapping and of the options, 64 hexadecimal digits.
    pub hash: String,
    /// The planning period that the dates suggest or the mapping states; `None` for daily data.
    pub bucket: Option<Bucket>,
    /// The mapping's `[settings]`: hints for the plan, in the names of `PlanSettings`.
    pub settings: toml::Table,
}

/// How one table was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableSummary {
    /// Table name, for example `sales`.
    pub table: String,
    /// File name.
    pub file: String,
    /// Rows seen, blank rows aside: accepted, duplicate, filtered and in quarantine.
    pub n_rows: u64,
    /// Rows taken in.
    pub n_accepted: u64,
    /// Rows left out because they repeat an earlier row.
    pub n_duplicates: u64,
    /// Rows left out by a filter of the mapping, or because they are later than [`ImportOptions::as_of`].
    pub n_filtered: u64,
    /// Rows in quarantine.
    pub n_row_errors: u64,
    /// What was read from what: field and header, for example `("item_id", "sku")`.
    pub columns: Vec<(String, String)>,
    /// Headers that no field took.
    pub unused: Vec<String>,
    /// Headers of the file, in its order.
    pub headers: Vec<String>,
}

/// How to import.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportOptions {
    /// Any row error is a failure.
    pub strict: bool,
    /// How many row errors to keep; all are counted.
    pub max_row_errors: usize,
    /// The decimal mark, `'.'` or `','`, of every text number; `None` finds it out column by column.
    pub decimal: Option<char>,
    /// The order of day and month in numeric dates, `dmy` or `mdy`, or a format such as `%d/%m/%y`; `None` finds it out
    /// column by column.
    pub date_format: Option<String>,
    /// What to do with sales rows equal in every cell; `None` follows the mapping, or keeps them.
    pub duplicates: Option<Duplicates>,
    /// Look back from the morning of this day: sales dated on or after it are not yet known and are left out.
    pub as_of: Option<Day>,
    /// The day on the clock, where there is one: see [`restock_core::settings::PlanSettings::today`].
    pub today: Option<Day>,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self {
            strict: false,
            max_row_errors: 1_000,
            decimal: None,
            date_format: None,
            duplicates: None,
            as_of: None,
            today: None,
        }
    }
}

/// What to do with sales rows that are equal in every cell, order number included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Duplicates {
    /// Keep and report them: an order may hold the same line twice.
    #[default]
    Keep,
    /// Leave the copies out and report them.
    Drop,
}

/// Reads files and folders into a [`Dataset`].
///
/// `sources` are files or folders; of a folder, every CSV, TSV, Parquet and XLSX file is looked at. `progress` is called
/// with the file name, the rows read and, where known, the rows in all.
///
/// # Errors
/// [`ImportError`] where a file as a whole cannot be used; bad rows are in [`Import::row_errors`] instead.
pub fn import(
    sources: &[PathBuf],
    mapping: Option<&Mapping>,
    options: &ImportOptions,
    progress: &dyn Fn(&str, u64, Option<u64>),
) -> Result<Import, ImportError> {
    import::import(sources, mapping, options, progress)
}

/// The files that [`import`] looks at in a folder, by name.
///
/// # Errors
/// When the folder cannot be read.
pub fn files_of(folder: &Path) -> Result<Vec<PathBuf>, ImportError> {
    import::list_files(&[folder.to_owned()], &mut Vec::new())
}
