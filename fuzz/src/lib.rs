//! What the fuzzers of files share: a folder in memory, the import of one file, and the way there and back.

use std::fs;
use std::path::{Path, PathBuf};

use restock_core::Dataset;
use restock_store::write::{self, Format};
use restock_store::{Import, ImportError, ImportOptions, import};

/// Every table by its name, and a name that says nothing.
pub const TABLES: [&str; 25] = [
    "sales",
    "items",
    "locations",
    "suppliers",
    "inventory",
    "sources",
    "item_locations",
    "open_orders",
    "receipts",
    "prices",
    "promotions",
    "calendars",
    "events",
    "signals",
    "stockouts",
    "bom",
    "adjustments",
    "substitutions",
    "budgets",
    "capacities",
    "uoms",
    "data",
    "forecast_overrides",
    "forecasts",
    "readings",
];

/// The table that a letter names, `a` for the first; other bytes name one too.
pub fn table_of(letter: u8) -> &'static str {
    TABLES[usize::from(letter.wrapping_sub(b'a')) % TABLES.len()]
}

/// A folder that is emptied for every input.
pub struct Folder(tempfile::TempDir);

impl Folder {
    /// A new folder; `TMPDIR` says where, best in memory.
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder can be made"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Imports one file, alone in its folder. Whatever it holds, no row of it disappears.
    pub fn import_one(&self, name: &str, content: &[u8]) -> Result<Import, ImportError> {
        let folder = self.path("in");
        empty(&folder);
        fs::write(folder.join(name), content).expect("a file can be written");
        import_folder(&folder)
    }

    /// Writes what was accepted and reads it back: it must be the same.
    pub fn there_and_back(&self, import: &Import, format: Format) {
        let dataset = &import.dataset;
        let folder = self.path("out");
        empty(&folder);
        if write::dataset(dataset, &folder, format).expect("what was read can be written").is_empty() {
            // Events and signals of locations that no other table mentions are left out, with a note.
            return;
        }
        let again = import_folder(&folder).unwrap_or_else(|error| panic!("{format:?} is not read back: {error}"));
        let errors: Vec<String> = again.row_errors.iter().map(ToString::to_string).collect();
        assert!(errors.is_empty(), "{format:?}: {}", errors.join("\n"));
        let is_cut = import.tables.iter().any(|table| !table.unused.is_empty());
        if is_cut && again.tables.iter().any(|table| table.n_duplicates > 0) {
            // Rows that only a column without a meaning told apart: what is written has no such column.
            return;
        }
        let (one, other) = (without_rows(dataset), without_rows(&again.dataset));
        for (line, written) in one.lines().zip(other.lines()) {
            assert_eq!(line, written, "{format:?}");
        }
        assert_eq!(one.lines().count(), other.lines().count(), "{format:?}");
    }
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

fn empty(folder: &Path) {
    // It is not there the first time.
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).expect("a folder can be made");
}

fn import_folder(folder: &Path) -> Result<Import, ImportError> {
    let options = ImportOptions { max_row_errors: usize::MAX, ..ImportOptions::default() };
    let import = import(&[folder.to_owned()], None, &options, &|_, _, _| {}).inspect_err(|error| {
        assert!(!error.to_string().is_empty());
    })?;
    for table in &import.tables {
        let known = table.n_accepted + table.n_duplicates + table.n_filtered + table.n_row_errors;
        assert_eq!(table.n_rows, known, "no row disappears: {table:?}");
    }
    assert_eq!(import.row_errors.len(), import.n_row_errors);
    assert!(import.row_errors.iter().all(|error| !error.expected.is_empty()), "{:?}", import.row_errors);
    Ok(import)
}

/// A dataset as text, without the places that its rows came from.
fn without_rows(dataset: &Dataset) -> String {
    let mut dataset = dataset.clone();
    dataset.files.clear();
    dataset.facts = Default::default();
    let text = format!("{dataset:#?}");
    let is_place = |line: &&str| !["file_idx:", "row:"].iter().any(|start| line.trim_start().starts_with(start));
    text.lines().filter(is_place).collect::<Vec<_>>().join("\n")
}
