//! What is said about master data, laid over what files say.

use std::collections::{BTreeSet, HashMap};

use restock_core::dataset::{ItemLocationRow, Origin, SourceRow, UomRow};
use restock_core::event::SupplyOrigin;
use restock_core::master::{Lane, Master, MasterKey};
use restock_core::{ItemIdx, LocationIdx, Quantity};

use super::Builder;
use crate::master_words::{LEAD_TIME, MasterWords, Word};

/// Fields are checked when they come in; what a newer version let in and this one does not know stays unsaid.
fn set<'a>(record: &mut impl Master, fields: impl IntoIterator<Item = (&'a String, &'a Word)>) {
    for (name, word) in fields {
        let _ = record.set(name, word.text.as_deref());
    }
}

/// Rows by what names them; files may have a name twice.
fn rows_by<K: Eq + std::hash::Hash, T>(table: &[T], key: impl Fn(&T) -> K) -> HashMap<K, Vec<usize>> {
    let mut rows: HashMap<K, Vec<usize>> = HashMap::new();
    for (row, entry) in table.iter().enumerate() {
        rows.entry(key(entry)).or_default().push(row);
    }
    rows
}

impl Builder<'_> {
    /// Records in the order of their keys, so that new rows of a part stand as they do in the whole.
    pub(super) fn add_masters(&mut self, words: &MasterWords) {
        if words.is_empty() {
            return;
        }
        let has = |is: fn(&MasterKey) -> bool| words.all().any(|(record, _)| is(record));
        let mut settings = match has(|record| matches!(record, MasterKey::ItemLocation(_))) {
            true => rows_by(&self.dataset.item_locations, |row| (row.item, row.location)),
            false => HashMap::new(),
        };
        let mut lanes = match has(|record| matches!(record, MasterKey::Source(_))) {
            true => rows_by(&self.dataset.sources, SourceRow::name),
            false => HashMap::new(),
        };
        let mut units = match has(|record| matches!(record, MasterKey::Uom { .. })) {
            true => rows_by(&self.dataset.uoms, |row| (row.item, row.uom.clone())),
            false => HashMap::new(),
        };
        let mut ended = BTreeSet::new();
        words.say_calendars(&mut self.dataset.calendars);
        words.say_segments(&mut self.dataset.segments);
        for (record, said) in words.all() {
            let fields = &said.fields;
            match record {
                // They were said above.
                MasterKey::Calendar(_) | MasterKey::Segment(_) => {}
                MasterKey::Uom { item_id, uom } => {
                    if said.is_removed() && !self.items.contains_key(item_id) {
                        continue;
                    }
                    let item = self.item(item_id);
                    let rows = units.entry((item, uom.clone())).or_default();
                    if said.is_made_anew() {
                        ended.extend(rows.drain(..));
                    }
                    if rows.is_empty() && !said.is_removed() {
                        rows.push(self.dataset.uoms.len());
                        let row = self.next_row();
                        self.dataset.uoms.push(UomRow { item, uom: uom.clone(), factor: Quantity::ZERO, row });
                    }
                    for row in &*rows {
                        set(&mut self.dataset.uoms[*row], fields);
                        let factor = self.dataset.uoms[*row].factor;
                        self.count_decimals(item, factor);
                        // Without a factor it is no unit.
                        ended.extend((factor <= Quantity::ZERO).then_some(*row));
                    }
                }
                MasterKey::Item(id) => {
                    let idx = self.item(id);
                    set(&mut self.dataset.items[idx.0 as usize], fields);
                    self.is_defined("item", id);
                }
                MasterKey::Location(id) => {
                    let idx = self.location(id);
                    set(&mut self.dataset.locations[idx.0 as usize], fields);
                    self.is_defined("location", id);
                }
                MasterKey::Supplier(id) => {
                    let origin = self.origin(&SupplyOrigin::Supplier(id.clone()));
                    let Origin::Supplier(idx) = origin else { unreachable!("made from a supplier") };
                    set(&mut self.dataset.suppliers[idx.0 as usize], fields);
                    self.is_defined("supplier", id);
                }
                MasterKey::ItemLocation(place) => {
                    let (item, location) = (self.item(&place.item_id), self.location(&place.location_id));
                    let rows = settings.entry((item, location)).or_default();
                    if rows.is_empty() {
                        rows.push(self.dataset.item_locations.len());
                        let row = ItemLocationRow { row: self.next_row(), ..ItemLocationRow::new(item, location) };
                        self.dataset.item_locations.push(row);
                    }
                    for row in &*rows {
                        set(&mut self.dataset.item_locations[*row], fields);
                        self.settle_item_location(*row);
                    }
                }
                MasterKey::Source(lane) => {
                    let (to_location, origin, item) = self.ends(lane);
                    let key = (to_location, origin, item, lane.category.clone(), lane.effective_from);
                    let rows = lanes.entry(key).or_default();
                    if rows.is_empty() {
                        rows.push(self.dataset.sources.len());
                        let (category, effective_from, row) =
                            (lane.category.clone(), lane.effective_from, self.next_row());
                        let row =
                            SourceRow { to_location, item, category, effective_from, row, ..SourceRow::new(origin) };
                        self.dataset.sources.push(row);
                    }
                    for row in &*rows {
                        set(&mut self.dataset.sources[*row], fields);
                        if let Some(word) = fields.get(LEAD_TIME) {
                            self.lead_times.insert(*row, word.said.clone());
                        }
                        self.settle_source(*row);
                    }
                }
            }
        }
        let mut row = 0..;
        self.dataset.uoms.retain(|_| row.next().is_some_and(|row| !ended.contains(&row)));
    }

    fn ends(&mut self, lane: &Lane) -> (Option<LocationIdx>, Origin, Option<ItemIdx>) {
        let to_location = lane.to_location.as_ref().map(|id| self.location(id));
        (to_location, self.origin(&lane.origin), lane.item_id.as_ref().map(|id| self.item(id)))
    }

    /// An id that no file defines is defined by what is said about it.
    fn is_defined(&mut self, kind: &str, id: &str) {
        self.dataset.facts.orphans.retain(|orphan| orphan.kind != kind || orphan.id != id);
    }

    /// Where words of different times contradict each other, the most is the least.
    fn settle_item_location(&mut self, row: usize) {
        let row = &mut self.dataset.item_locations[row];
        let ItemLocationRow { item, min_stock, max_stock, display_min, shelf_capacity, .. } = row;
        not_below(max_stock, *min_stock);
        let (item, stocks) = (*item, [*min_stock, *max_stock, *display_min, *shelf_capacity]);
        stocks.into_iter().flatten().for_each(|quantity| self.count_decimals(item, quantity));
    }

    /// The same for a lane.
    fn settle_source(&mut self, row: usize) {
        let row = &mut self.dataset.sources[row];
        not_below(&mut row.max_order, row.min_order);
        let Some(item) = row.item else { return };
        let sizes = [row.min_order, row.pack_size, row.layer_size, row.pallet_size, row.max_order];
        let steps: Vec<Quantity> = row.price_breaks.iter().map(|step| step.from_quantity).collect();
        sizes.into_iter().flatten().chain(steps).for_each(|quantity| self.count_decimals(item, quantity));
    }
}

fn not_below(most: &mut Option<Quantity>, least: Option<Quantity>) {
    if let (Some(most), Some(least)) = (most, least) {
        *most = (*most).max(least);
    }
}
