//! Count sheets: stock tables that also have what the records said, to be filled in by whoever counts.

use std::collections::{BTreeSet, HashSet};

use restock_core::dataset::InventoryRow;
use restock_core::{Dataset, Day, ItemIdx, LocationIdx, RowRef};

use crate::import::thousands;

/// The lines of all count sheets.
#[derive(Debug, Default)]
pub(crate) struct CountSheets {
    /// Rows of the stock table that somebody counted.
    pub counted: BTreeSet<RowRef>,
    /// Lines that nobody has counted yet.
    waiting: BTreeSet<RowRef>,
}

impl CountSheets {
    /// Notes a line of which nobody has said how much is there; whether it may be so, which it may on a count sheet.
    pub(crate) fn waits(&mut self, is_count: bool, at: RowRef) -> bool {
        if is_count {
            self.waiting.insert(at);
        }
        is_count
    }

    /// Forgets the lines of a file.
    pub(crate) fn forget(&mut self, file_idx: u16) {
        self.counted.retain(|row| row.file_idx != file_idx);
        self.waiting.retain(|row| row.file_idx != file_idx);
    }

    /// What somebody counted holds over what records say of the same day, and over records without a day where it was
    /// counted on the last day with sales or later.
    pub(crate) fn hold(&self, dataset: &mut Dataset, notes: &mut Vec<String>) {
        if !self.waiting.is_empty() {
            notes.push(format!("{} lines are not counted yet (count sheets)", thousands(self.waiting.len() as u64)));
        }
        if self.counted.is_empty() {
            return;
        }
        let last_day = dataset.sales.day.iter().max().copied();
        let counted: HashSet<(ItemIdx, LocationIdx, Option<Day>)> = (dataset.inventory.iter())
            .filter(|row| self.counted.contains(&row.row))
            .flat_map(|row| {
                let is_news = row.as_of >= last_day;
                let now = is_news.then_some((row.item, row.location, None));
                [Some((row.item, row.location, row.as_of)), now].into_iter().flatten()
            })
            .collect();
        let n = dataset.inventory.len();
        let is_record = |row: &InventoryRow| !self.counted.contains(&row.row);
        dataset.inventory.retain(|row| !(is_record(row) && counted.contains(&(row.item, row.location, row.as_of))));
        let n_replaced = n - dataset.inventory.len();
        if n_replaced > 0 {
            notes.push(format!("{} stock records are replaced by counts", thousands(n_replaced as u64)));
        }
    }
}
