//! What users hand over, and what becomes of it: every cell is read exactly, refused with its row, or in quarantine.

mod behaviour;
mod broken;
mod fuzz;
mod headers;
mod parquet_columns;
mod round_trip;
mod workbooks;

use std::path::PathBuf;

use restock_store::{Import, ImportError, ImportOptions, Mapping};

/// A folder of input files that goes away with the test.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn with(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        std::fs::write(self.0.path().join(name), content).unwrap();
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn import(&self) -> Result<Import, ImportError> {
        self.import_with(None, &ImportOptions::default())
    }

    fn import_with(&self, mapping: Option<&str>, options: &ImportOptions) -> Result<Import, ImportError> {
        let mapping = mapping.map(|text| Mapping::from_toml("map.toml", text)).transpose()?;
        restock_store::import(&[self.0.path().to_owned()], mapping.as_ref(), options, &|_, _, _| {})
    }
}

/// One file imported on its own.
fn import_one(name: &str, content: impl AsRef<[u8]>) -> Result<Import, ImportError> {
    Folder::new().with(name, content).import()
}

/// The rows of `sales` as `day item location quantity`.
fn sales(import: &Import) -> Vec<String> {
    let dataset = &import.dataset;
    let sales = &dataset.sales;
    (0..sales.len())
        .map(|row| {
            format!(
                "{} {} {} {}",
                sales.day[row],
                dataset.items[sales.item[row].0 as usize].item_id,
                dataset.locations[sales.location[row].0 as usize].location_id,
                sales.quantity[row]
            )
        })
        .collect()
}

/// No row is lost silently: every row seen is accepted, left out as a copy or by a filter, or in quarantine.
fn assert_nothing_is_lost(import: &Import) {
    for table in &import.tables {
        assert_eq!(
            table.n_rows,
            table.n_accepted + table.n_duplicates + table.n_filtered + table.n_row_errors,
            "{table:?}"
        );
    }
}
