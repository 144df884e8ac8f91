//! CSV files of every table. The first byte says which table the file is named after, the rest is the file.
//!
//! No row disappears, and what was accepted is written and read back unchanged.
#![no_main]

use std::cell::LazyCell;

use libfuzzer_sys::fuzz_target;
use restock_fuzz::{Folder, table_of};
use restock_store::write::Format;

thread_local! {
    static FOLDER: LazyCell<Folder> = const { LazyCell::new(Folder::new) };
}

fuzz_target!(|data: &[u8]| {
    let Some((letter, content)) = data.split_first() else { return };
    FOLDER.with(|folder| {
        if let Ok(import) = folder.import_one(&format!("{}.csv", table_of(*letter)), content) {
            folder.there_and_back(&import, Format::Csv);
        }
    });
});
