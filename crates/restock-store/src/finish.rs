//! From a draft to a dataset: entities sorted by id, indices renamed, sales sorted, copies found, decimals counted.

use restock_core::dataset::SalesTable;
use restock_core::{ItemIdx, LocationIdx, Quantity, RowRef};

use crate::draft::{Draft, Entities};
use crate::import::thousands;
use crate::{Duplicates, Import};

/// Most duplicate rows kept by reference.
const MAX_DUPLICATES: usize = 1_000;
const DROPPED: u32 = u32::MAX;

/// Completes the dataset of `import`.
pub(crate) fn finish(import: &mut Import, mut draft: Draft, duplicates: Duplicates) {
    let files = std::mem::take(&mut import.dataset.files);
    merge_default_location(&mut draft, &mut import.notes);
    draft.split_price_runs();

    // Orphans only mean something where a table defines the entities.
    let mut orphans = Vec::new();
    if draft.items.defined.iter().any(Option::is_some) {
        orphans.extend(draft.items.orphans("item"));
    }
    if draft.locations.defined.iter().any(Option::is_some) {
        orphans.extend(draft.locations.orphans("location"));
    }
    if draft.suppliers.defined.iter().any(Option::is_some) {
        orphans.extend(draft.suppliers.orphans("supplier"));
    }
    for kind in ["item", "location", "supplier"] {
        let n = orphans.iter().filter(|orphan| orphan.kind == kind).count();
        if n > 0 {
            import.notes.push(format!(
                "{} {kind} ids are used but not in the {kind}s table; added without attributes",
                thousands(n as u64)
            ));
        }
    }

    let (item_map, items) = sort_entities(&mut draft.items, |item, id| item.item_id = id);
    let (location_map, locations) = sort_entities(&mut draft.locations, |location, id| location.location_id = id);
    let (supplier_map, suppliers) = sort_entities(&mut draft.suppliers, |supplier, id| supplier.supplier_id = id);
    let mut dataset = std::mem::take(&mut draft.dataset);
    dataset.files = files;
    dataset.items = items;
    dataset.locations = locations;
    dataset.suppliers = suppliers;
    dataset.facts.orphans = orphans;

    dataset.renumber(&item_map, &location_map, &supplier_map);
    // Covariates of places that nothing else mentions say nothing about this business.
    let n_covariates = dataset.events.len() + dataset.signals.len();
    let is_known = |location: Option<LocationIdx>| location.is_none_or(|location| location.0 != DROPPED);
    dataset.events.retain(|row| is_known(row.location));
    dataset.signals.retain(|row| is_known(row.location));
    let n_dropped = n_covariates - dataset.events.len() - dataset.signals.len();
    if n_dropped > 0 {
        import.notes.push(format!(
            "{} events and signals are about locations that no other table mentions, and were left out",
            thousands(n_dropped as u64)
        ));
    }

    let n = dataset.sales.len();
    pad(&mut dataset.sales.unit_price, n, f32::NAN);
    pad(&mut dataset.sales.on_promotion, n, 0);
    pad(&mut dataset.sales.price_ratio, n, f32::NAN);
    pad(&mut dataset.sales.stockout_share, n, f32::NAN);
    pad(&mut dataset.sales.open_share, n, f32::NAN);
    pad(&mut dataset.sales.holiday, n, 0);
    pad(&mut dataset.sales.lost, n, Quantity::ZERO);
    pad(&mut draft.sales_hash, n, 0);
    sort_sales(&mut dataset.sales, &mut draft.sales_hash, dataset.items.len(), dataset.locations.len());

    draft.count_sheets.hold(&mut dataset, (draft.as_of, draft.today), &mut import.notes);

    let copies = find_copies(&dataset.sales, &draft.sales_hash);
    let n_copies = copies.iter().filter(|&&copy| copy).count();
    if n_copies > 0 {
        let rows = dataset.sales.row.iter().zip(&copies).filter(|(_, copy)| **copy).map(|(row, _)| *row);
        draft.duplicates.extend(rows);
        let share = 100.0 * n_copies as f64 / n as f64;
        let advice = if share > 40.0 { "; so many look as if the data had been exported twice" } else { "" };
        match duplicates {
            Duplicates::Keep => import.notes.push(format!(
                "{} sales rows ({share:.1} %) equal an earlier row in every cell and were kept, because an order may hold the \
                 same line twice (duplicates = \"drop\" leaves them out){advice}",
                thousands(n_copies as u64)
            )),
            Duplicates::Drop => {
                for (row, _) in dataset.sales.row.iter().zip(&copies).filter(|(_, copy)| **copy) {
                    let file = &dataset.files[usize::from(row.file_idx)];
                    let mut summaries = import.tables.iter_mut();
                    if let Some(summary) = summaries
                        .find(|table| table.table == "sales" && table.file == *file && table.n_accepted > 0)
                    {
                        summary.n_accepted -= 1;
                        summary.n_duplicates += 1;
                    }
                }
                keep_only(&mut dataset.sales, &copies);
                dataset.facts.duplicates_dropped = true;
                import.notes.push(format!(
                    "{} sales rows ({share:.1} %) equal an earlier row in every cell and were left out{advice}",
                    thousands(n_copies as u64)
                ));
            }
        }
    }
    draft.duplicates.sort_unstable();
    dataset.facts.n_duplicate_rows = draft.duplicates.len();
    draft.duplicates.truncate(MAX_DUPLICATES);
    dataset.facts.duplicate_rows = draft.duplicates;
    if dataset.facts.utc_offsets.len() > 1 {
        let shown: Vec<String> = dataset
            .facts
            .utc_offsets
            .iter()
            .map(|(zone, count)| format!("{zone} ({})", thousands(*count as u64)))
            .collect();
        import.notes.push(format!(
            "time stamps have several offsets from UTC, {}; each row counts on the day it is written with",
            shown.join(", ")
        ));
    }
    dataset.prices.sort_by_key(|row| (row.item, row.location, row.from, row.row));
    count_decimals(&mut dataset);
    import.dataset = dataset;
}

fn pad<T: Copy>(column: &mut Vec<T>, len: usize, absent: T) {
    if !column.is_empty() {
        column.resize(len, absent);
    }
}

/// Rows without a location belong to the only location there is.
fn merge_default_location(draft: &mut Draft, notes: &mut Vec<String>) {
    let Some(default) = draft.default_location else { return };
    let ids = draft.locations.interner.ids();
    let others: Vec<u32> = (0..ids.len() as u32)
        .filter(|&idx| idx != default && draft.locations.strong.get(idx as usize) == Some(&true))
        .collect();
    let [only] = others[..] else { return };
    notes.push(format!("rows without a location belong to {:?}, the only one there is", ids[only as usize]));
    let sales = draft.dataset.sales.location.iter_mut();
    let inventory = draft.dataset.inventory.iter_mut().map(|row| &mut row.location);
    let item_locations = draft.dataset.item_locations.iter_mut().map(|row| &mut row.location);
    let open_orders = draft.dataset.open_orders.iter_mut().map(|row| &mut row.to_location);
    let stockouts = draft.dataset.stockouts.iter_mut().map(|row| &mut row.location);
    let adjustments = draft.dataset.adjustments.iter_mut().map(|row| &mut row.location);
    let forecasts = draft.dataset.forecasts.iter_mut().map(|row| &mut row.location);
    let settings = item_locations.chain(open_orders);
    for location in sales.chain(inventory).chain(settings).chain(stockouts).chain(adjustments).chain(forecasts) {
        if location.0 == default {
            location.0 = only;
        }
    }
    draft.locations.strong[default as usize] = false;
}

/// Sorts entities by id and drops those that nothing but covariates mentions; the map tells where each went.
fn sort_entities<T: Default>(entities: &mut Entities<T>, name: impl Fn(&mut T, String)) -> (Vec<u32>, Vec<T>) {
    let n = entities.interner.ids().len();
    entities.entities.resize_with(n, T::default);
    entities.strong.resize(n, false);
    let ranks = entities.interner.ranks();
    let mut order = vec![0_u32; n];
    for (idx, &rank) in ranks.iter().enumerate() {
        order[rank as usize] = idx as u32;
    }
    let mut map = vec![DROPPED; n];
    let mut sorted = Vec::new();
    for idx in order {
        if entities.strong[idx as usize] {
            map[idx as usize] = sorted.len() as u32;
            let mut entity = std::mem::take(&mut entities.entities[idx as usize]);
            name(&mut entity, entities.interner.ids()[idx as usize].to_string());
            sorted.push(entity);
        }
    }
    (map, sorted)
}

/// Sorts by (item, location, day), keeping the order of rows; three counting sorts, so linear in the rows.
fn sort_sales(sales: &mut SalesTable, hash: &mut Vec<u32>, n_items: usize, n_locations: usize) {
    let n = sales.len();
    let key = |idx: usize| (sales.item[idx], sales.location[idx], sales.day[idx]);
    if (1..n).all(|idx| key(idx - 1) <= key(idx)) {
        return;
    }
    let first_day = sales.day.iter().map(|day| day.0).min().unwrap_or(0);
    let last_day = sales.day.iter().map(|day| day.0).max().unwrap_or(0);
    let n_days = (last_day - first_day) as usize + 1;
    let mut order: Vec<u32> = (0..n as u32).collect();
    counting_sort(&mut order, n_days, |idx| (sales.day[idx].0 - first_day) as usize);
    counting_sort(&mut order, n_locations, |idx| sales.location[idx].0 as usize);
    counting_sort(&mut order, n_items, |idx| sales.item[idx].0 as usize);
    sales.reorder(&order);
    if !hash.is_empty() {
        *hash = order.iter().map(|&idx| hash[idx as usize]).collect();
    }
}

fn counting_sort(order: &mut Vec<u32>, n_keys: usize, key: impl Fn(usize) -> usize) {
    if n_keys <= 1 {
        return;
    }
    let mut starts = vec![0_u32; n_keys + 1];
    for &idx in order.iter() {
        starts[key(idx as usize) + 1] += 1;
    }
    for key in 1..starts.len() {
        starts[key] += starts[key - 1];
    }
    let mut sorted = vec![0_u32; order.len()];
    for &idx in order.iter() {
        let start = &mut starts[key(idx as usize)];
        sorted[*start as usize] = idx;
        *start += 1;
    }
    *order = sorted;
}

/// Marks rows that equal an earlier row of the same file in every cell.
fn find_copies(sales: &SalesTable, hash: &[u32]) -> Vec<bool> {
    let n = sales.len();
    let mut copies = vec![false; n];
    let same_day = |a: usize, b: usize| {
        sales.day[a] == sales.day[b] && sales.location[a] == sales.location[b] && sales.item[a] == sales.item[b]
    };
    let bits = |column: &[f32], idx: usize| column.get(idx).map_or(0, |value| value.to_bits());
    let facts = |idx: usize| {
        (
            sales.row[idx].file_idx,
            hash.get(idx).copied().unwrap_or(0),
            sales.quantity[idx],
            bits(&sales.unit_price, idx),
            bits(&sales.price_ratio, idx),
            bits(&sales.stockout_share, idx),
            bits(&sales.open_share, idx),
        )
    };
    let mut start = 0;
    let mut seen = rustc_hash::FxHashSet::default();
    while start < n {
        let mut end = start + 1;
        while end < n && same_day(start, end) {
            end += 1;
        }
        if end - start > 1 {
            seen.clear();
            for (idx, copy) in copies.iter_mut().enumerate().take(end).skip(start) {
                *copy = !seen.insert(facts(idx));
            }
        }
        start = end;
    }
    copies
}

fn keep_only(sales: &mut SalesTable, dropped: &[bool]) {
    fn retain<T>(column: &mut Vec<T>, dropped: &[bool]) {
        let mut idx = 0;
        column.retain(|_| {
            idx += 1;
            !dropped[idx - 1]
        });
    }
    retain(&mut sales.item, dropped);
    retain(&mut sales.location, dropped);
    retain(&mut sales.day, dropped);
    retain(&mut sales.quantity, dropped);
    retain(&mut sales.unit_price, dropped);
    retain(&mut sales.on_promotion, dropped);
    retain(&mut sales.price_ratio, dropped);
    retain(&mut sales.stockout_share, dropped);
    retain(&mut sales.open_share, dropped);
    retain(&mut sales.holiday, dropped);
    retain(&mut sales.lost, dropped);
    retain(&mut sales.row, dropped);
}

/// The fewest digits after the point that write every quantity of an item.
fn count_decimals(dataset: &mut restock_core::Dataset) {
    let items = &mut dataset.items;
    let mut count = |item: ItemIdx, quantity: Quantity| {
        // Whole numbers, the usual case, need no digits.
        if quantity.micro() % 1_000_000 != 0 {
            let item = &mut items[item.0 as usize];
            item.decimals = item.decimals.max(quantity.decimals());
        }
    };
    for (item, quantity) in dataset.sales.item.iter().zip(&dataset.sales.quantity) {
        count(*item, *quantity);
    }
    for (item, lost) in dataset.sales.item.iter().zip(&dataset.sales.lost) {
        count(*item, *lost);
    }
    for row in &dataset.inventory {
        [row.on_hand, row.allocated, row.blocked, row.in_transit]
            .iter()
            .for_each(|quantity| count(row.item, *quantity));
    }
    for row in &dataset.sources {
        if let Some(item) = row.item {
            let sizes = [row.min_order, row.pack_size, row.layer_size, row.pallet_size, row.max_order];
            sizes.iter().flatten().for_each(|quantity| count(item, *quantity));
            row.price_breaks.iter().for_each(|step| count(item, step.from_quantity));
        }
    }
    for row in &dataset.item_locations {
        let stocks = [row.min_stock, row.max_stock, row.display_min, row.shelf_capacity];
        stocks.iter().flatten().for_each(|quantity| count(row.item, *quantity));
    }
    for row in &dataset.open_orders {
        count(row.item, row.quantity);
        count(row.item, row.received);
    }
    for row in &dataset.receipts {
        count(row.item, row.quantity);
    }
    for row in &dataset.bom {
        count(row.component, row.quantity_per);
    }
    for row in &dataset.adjustments {
        count(row.item, row.quantity);
    }
    for row in &dataset.uoms {
        count(row.item, row.factor);
    }
}

impl Draft {
    /// A run of equal prices that another price interrupts is resumed at its last known day.
    fn split_price_runs(&mut self) {
        if self.price_run_ends.is_empty() {
            return;
        }
        let mut runs: Vec<(ItemIdx, Option<LocationIdx>, restock_core::Day, restock_core::Day, usize)> = self
            .dataset
            .prices
            .iter()
            .enumerate()
            .map(|(idx, row)| {
                let end = self.price_run_ends.get(&idx).copied().unwrap_or(row.from);
                (row.item, row.location, row.from, end, idx)
            })
            .collect();
        runs.sort_unstable();
        let mut resumed = Vec::new();
        for pair in runs.windows(2) {
            let (item, location, _, end, idx) = pair[0];
            let (next_item, next_location, next_from, ..) = pair[1];
            if item == next_item && location == next_location && end > next_from {
                let mut row = self.dataset.prices[idx].clone();
                row.from = end;
                row.row = RowRef { file_idx: row.row.file_idx, row: row.row.row };
                resumed.push(row);
            }
        }
        self.dataset.prices.extend(resumed);
    }
}
