//! Count sheets: stock tables that also have what the records said, to be filled in by whoever counts.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use restock_core::dataset::{AdjustmentRow, InventoryRow};
use restock_core::known::known_as_of;
use restock_core::settings::PlanSettings;
use restock_core::{Dataset, Day, ItemIdx, LocationIdx, Quantity, RowRef};

use crate::import::thousands;
use crate::tables::squash;

/// What the records said when a line was printed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Recorded {
    /// Units, where the line says it.
    pub quantity: Option<Quantity>,
    /// The evening of which; that of the count where the line does not say it.
    pub on: Option<Day>,
}

/// The lines of all count sheets.
#[derive(Debug, Default)]
pub(crate) struct CountSheets {
    /// Rows of the stock table that somebody counted.
    pub counted: BTreeMap<RowRef, Recorded>,
    /// Lines that nobody has counted yet.
    waiting: BTreeSet<RowRef>,
}

/// Whether somebody has filled in a quantity on a count sheet, whatever separates its cells.
///
/// # Examples
/// ```
/// use restock_store::is_filled_in;
/// assert!(!is_filled_in("item_id,recorded,on_hand,as_of\nA,12,,2026-03-24\n"));
/// assert!(is_filled_in("item_id;recorded;on_hand;as_of\nA;12;0;24.03.2026\n"));
/// ```
pub fn is_filled_in(sheet: &str) -> bool {
    [b',', b';', b'\t'].into_iter().any(|delimiter| {
        let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(sheet.as_bytes());
        let column = reader.headers().ok().and_then(|texts| texts.iter().position(|text| squash(text) == "onhand"));
        column.is_some_and(|column| {
            let filled = |row: csv::StringRecord| row.get(column).is_some_and(|text| !text.trim().is_empty());
            reader.records().any(|row| row.is_ok_and(filled))
        })
    })
}

type Pair = (ItemIdx, LocationIdx);

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
        self.counted.retain(|row, _| row.file_idx != file_idx);
        self.waiting.retain(|row| row.file_idx != file_idx);
    }

    /// What somebody counted holds over what records say of the same day, and over records without a day where it was
    /// counted on the last day with sales, or where they go on as if nobody had counted. What else records say, such as
    /// lots and what is in transit, stays. How far the records were wrong becomes an adjustment of the day of the count.
    ///
    /// `as_of` is the morning up to which data are known, `None` where the sales tell it; `today` is the day on the clock.
    pub(crate) fn hold(
        &self,
        dataset: &mut Dataset,
        (as_of, today): (Option<Day>, Option<Day>),
        notes: &mut Vec<String>,
    ) {
        if !self.waiting.is_empty() {
            notes.push(format!("{} lines are not counted yet (count sheets)", thousands(self.waiting.len() as u64)));
        }
        if self.counted.is_empty() {
            return;
        }
        self.restore_ids(dataset, notes);
        let (as_of, _) = known_as_of(dataset, &PlanSettings { as_of, today, ..PlanSettings::default() });
        // Lines with a location of their own, or several lots, are one count of a day.
        let mut counts: BTreeMap<Pair, BTreeMap<Day, Vec<usize>>> = BTreeMap::new();
        let mut n_early = 0;
        for (idx, row) in dataset.inventory.iter().enumerate().filter(|(_, row)| self.counted.contains_key(&row.row)) {
            // Without a day it was counted now.
            let day = row.as_of.unwrap_or(as_of);
            n_early += u64::from(day > as_of);
            if day <= as_of {
                counts.entry((row.item, row.location)).or_default().entry(day).or_default().push(idx);
            }
        }
        if n_early > 0 {
            notes.push(format!(
                "{} lines are dated after {as_of}, up to which the data are known, and not used before (count sheets)",
                thousands(n_early)
            ));
        }
        let data: &Dataset = dataset;
        let moves = Moves::of(data, counts.keys().copied().collect());
        let mut records: HashMap<Pair, Vec<usize>> = HashMap::new();
        for (idx, row) in data.inventory.iter().enumerate().filter(|(_, row)| !self.counted.contains_key(&row.row)) {
            if counts.contains_key(&(row.item, row.location)) {
                records.entry((row.item, row.location)).or_default().push(idx);
            }
        }

        let (mut replaced, mut added): (HashSet<usize>, Vec<InventoryRow>) = (HashSet::new(), Vec::new());
        let (mut adjustments, mut n_replaced) = (Vec::new(), 0);
        for (pair, days) in &counts {
            let records = records.get(pair).map_or(&[][..], Vec::as_slice);
            let latest = days.keys().max().copied();
            for (day, lines) in days {
                let rows = || lines.iter().map(|idx| &data.inventory[*idx]);
                let found = sum(rows().map(|row| row.on_hand));
                // What the records would have said on the evening of the count.
                let recorded = rows().map(|row| self.counted[&row.row]).find_map(|recorded| {
                    let quantity = recorded.quantity?;
                    let on = recorded.on.unwrap_or(*day);
                    Some(quantity + moves.between(data, *pair, on, *day) + -moves.between(data, *pair, *day, on))
                });
                let first = &data.inventory[lines[0]];
                if let (Some(recorded), true) = (recorded, first.as_of.is_some()) {
                    let quantity = found + -recorded;
                    if !moves.is_adjusted(data, *pair, *day, quantity) {
                        let (item, location) = *pair;
                        let (reason, row) = ("count".to_owned(), first.row);
                        adjustments.push(AdjustmentRow { day: *day, item, location, quantity, reason, row });
                    }
                }
                let of =
                    |as_of: Option<Day>| records.iter().copied().filter(move |idx| data.inventory[*idx].as_of == as_of);
                let now: Vec<usize> = of(None).collect();
                let is_news = *day >= as_of.plus(-1);
                let goes_on = || {
                    let since = moves.between(data, *pair, *day, as_of.plus(-1));
                    let books = sum(now.iter().map(|idx| data.inventory[*idx].on_hand));
                    // More was sold than was counted: something came in, and only the records know of it.
                    let is_possible = found + since >= Quantity::ZERO;
                    is_possible && recorded.is_some_and(|then| then != found && books == then + since)
                };
                let yields = latest == Some(*day) && !now.is_empty() && (is_news || goes_on());
                let same_day: Vec<usize> = if first.as_of.is_some() { of(first.as_of).collect() } else { Vec::new() };
                let kept: &[usize] = if yields { &now } else { &same_day };
                n_replaced += same_day.len() + if yields { now.len() } else { 0 };
                if let ([line], false) = (&lines[..], kept.is_empty()) {
                    let count = &data.inventory[*line];
                    let kept: Vec<InventoryRow> = kept.iter().map(|idx| data.inventory[*idx].clone()).collect();
                    added.extend(spread(count, kept));
                    replaced.insert(*line);
                }
                replaced.extend(same_day);
                if yields {
                    replaced.extend(now);
                }
            }
        }
        let mut idx = 0;
        dataset.inventory.retain(|_| {
            idx += 1;
            !replaced.contains(&(idx - 1))
        });
        dataset.inventory.append(&mut added);
        dataset.adjustments.append(&mut adjustments);
        if n_replaced > 0 {
            notes.push(format!("{} stock records are replaced by counts", thousands(n_replaced as u64)));
        }
    }

    /// Spreadsheets turn an id like 0012 into 12: where only one id of the other tables can be meant, it is that one.
    fn restore_ids(&self, dataset: &mut Dataset, notes: &mut Vec<String>) {
        let is_record = |row: &&InventoryRow| !self.counted.contains_key(&row.row);
        let records = || dataset.inventory.iter().filter(is_record);
        let used_items = dataset.sales.item.iter().copied().chain(records().map(|row| row.item)).map(|item| item.0);
        let used_locations =
            dataset.sales.location.iter().copied().chain(records().map(|row| row.location)).map(|location| location.0);
        let item_ids: Vec<&str> = dataset.items.iter().map(|item| item.item_id.as_str()).collect();
        let location_ids: Vec<&str> = dataset.locations.iter().map(|place| place.location_id.as_str()).collect();
        let items = without_zeros(&item_ids, used_items.collect());
        let locations = without_zeros(&location_ids, used_locations.collect());
        let mut restored: BTreeSet<(&'static str, String, String)> = BTreeSet::new();
        for row in dataset.inventory.iter_mut().filter(|row| self.counted.contains_key(&row.row)) {
            if let Some(meant) = items.get(&row.item.0) {
                restored.insert((
                    "item",
                    item_ids[row.item.0 as usize].to_owned(),
                    item_ids[*meant as usize].to_owned(),
                ));
                row.item = ItemIdx(*meant);
            }
            if let Some(meant) = locations.get(&row.location.0) {
                let (read, meant_id) = (location_ids[row.location.0 as usize], location_ids[*meant as usize]);
                restored.insert(("location", read.to_owned(), meant_id.to_owned()));
                row.location = LocationIdx(*meant);
            }
        }
        for (kind, read, meant) in &restored {
            notes.push(format!("count sheets: {kind} {read} is read as {meant}, the only one without its zeros"));
        }
        dataset
            .facts
            .orphans
            .retain(|orphan| !restored.iter().any(|(kind, read, _)| *kind == orphan.kind && *read == orphan.id));
    }
}

/// Which index each unused id without leading zeros stands for.
fn without_zeros(ids: &[&str], used: HashSet<u32>) -> HashMap<u32, u32> {
    let mut meant: HashMap<&str, Vec<u32>> = HashMap::new();
    for idx in &used {
        let id = ids[*idx as usize];
        let short = id.trim_start_matches('0');
        if short.len() < id.len() {
            meant.entry(short).or_default().push(*idx);
        }
    }
    let unused = (0..ids.len() as u32).filter(|idx| !used.contains(idx));
    unused
        .filter_map(|idx| match meant.get(ids[idx as usize]).map(Vec::as_slice) {
            Some([one]) => Some((idx, *one)),
            _ => None,
        })
        .collect()
}

/// Receipts and adjustments of the pairs that were counted.
struct Moves {
    receipts: HashMap<Pair, Vec<usize>>,
    adjustments: HashMap<Pair, Vec<usize>>,
}

impl Moves {
    fn of(dataset: &Dataset, pairs: HashSet<Pair>) -> Self {
        let mut moves = Self { receipts: HashMap::new(), adjustments: HashMap::new() };
        for (idx, row) in dataset.receipts.iter().enumerate() {
            if let Some(location) = row.location.filter(|location| pairs.contains(&(row.item, *location))) {
                moves.receipts.entry((row.item, location)).or_default().push(idx);
            }
        }
        for (idx, row) in dataset.adjustments.iter().enumerate() {
            if pairs.contains(&(row.item, row.location)) {
                moves.adjustments.entry((row.item, row.location)).or_default().push(idx);
            }
        }
        moves
    }

    /// What records gain after `after` up to and with `until`.
    fn between(&self, dataset: &Dataset, pair: Pair, after: Day, until: Day) -> Quantity {
        let is_within = |day: Day| after < day && day <= until;
        let sales = &dataset.sales;
        // Sales are sorted by item, location and day.
        let key = |row: usize| (sales.item[row], sales.location[row], sales.day[row]);
        let (mut start, mut end) = (0, sales.len());
        while start < end {
            let middle = start + (end - start) / 2;
            if key(middle) <= (pair.0, pair.1, after) { start = middle + 1 } else { end = middle }
        }
        let sold = sum((start..sales.len())
            .take_while(|row| key(*row) <= (pair.0, pair.1, until))
            .map(|row| sales.quantity[row]));
        let rows = |index: &HashMap<Pair, Vec<usize>>| index.get(&pair).cloned().unwrap_or_default().into_iter();
        let receipts = rows(&self.receipts).map(|idx| &dataset.receipts[idx]);
        let adjustments = rows(&self.adjustments).map(|idx| &dataset.adjustments[idx]);
        let received = sum(receipts.filter(|row| is_within(row.received_on)).map(|row| row.quantity));
        let adjusted = sum(adjustments.filter(|row| is_within(row.day)).map(|row| row.quantity));
        received + adjusted + -sold
    }

    /// Whether a table of adjustments already has this one.
    fn is_adjusted(&self, dataset: &Dataset, pair: Pair, day: Day, quantity: Quantity) -> bool {
        let rows = self.adjustments.get(&pair).into_iter().flatten().map(|idx| &dataset.adjustments[*idx]);
        rows.into_iter().any(|row| row.day == day && row.quantity == quantity && quantity != Quantity::ZERO)
    }
}

fn sum(quantities: impl Iterator<Item = Quantity>) -> Quantity {
    quantities.fold(Quantity::ZERO, |total, quantity| total + quantity)
}

/// What was counted on the rows of the record, which keep what else they say. What is missing is missing of the lots that
/// expire first, which are sold first; what is there beyond the record belongs to the last.
fn spread(count: &InventoryRow, mut rows: Vec<InventoryRow>) -> Vec<InventoryRow> {
    rows.sort_by_key(|row| (row.expiry.unwrap_or(Day(i32::MAX)), row.row));
    rows.iter_mut().for_each(|row| row.on_hand = row.on_hand.max(Quantity::ZERO));
    let mut missing = sum(rows.iter().map(|row| row.on_hand)) + -count.on_hand;
    let last = rows.len() - 1;
    for (idx, row) in rows.iter_mut().enumerate() {
        let taken = if idx == last { missing } else { missing.clamp(Quantity::ZERO, row.on_hand) };
        row.on_hand += -taken;
        missing += -taken;
        row.blocked = row.blocked.min(row.on_hand.max(Quantity::ZERO));
        (row.as_of, row.row) = (count.as_of, count.row);
    }
    // What the sheet itself says of the count holds.
    let first = &mut rows[0];
    first.allocated = first.allocated.max(count.allocated);
    first.blocked = first.blocked.max(count.blocked);
    first.in_transit = first.in_transit.max(count.in_transit);
    if last == 0 {
        first.lot_id = count.lot_id.clone().or(first.lot_id.take());
        first.expiry = count.expiry.or(first.expiry);
    }
    rows
}
