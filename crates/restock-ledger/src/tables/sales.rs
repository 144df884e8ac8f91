//! Sales and returns on their way into the table of sales. Most events are, so they are kept small and take no turns over
//! texts.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use restock_core::dataset::SalesTable;
use restock_core::{Day, Event, EventKind, ItemIdx, ItemLocation, LocationIdx, Quantity, RowRef};
use rust_decimal::prelude::ToPrimitive;
use rustc_hash::FxHashMap;

use super::Builder;

/// What a sale or a return says, but for its place and its key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sold {
    pub(crate) occurred_at: Timestamp,
    pub(crate) day: Day,
    /// Units that left; of a return below 0.
    pub(crate) quantity: Quantity,
    pub(crate) lost: Quantity,
    /// NaN where it is not known.
    pub(crate) unit_price: f32,
    pub(crate) is_return: bool,
}

impl Sold {
    /// A sale or return with its place; `None` for another event.
    pub(crate) fn of<'e>(event: &'e Event, time_zone: &TimeZone) -> Option<(Self, &'e ItemLocation)> {
        let (place, quantity, unit_price, lost, is_return) = match &event.kind {
            EventKind::Sale { place, quantity, unit_price, lost } => (place, *quantity, unit_price, *lost, false),
            EventKind::Return { place, quantity, unit_price } => (place, -*quantity, unit_price, None, true),
            _ => return None,
        };
        let sold = Self {
            occurred_at: event.occurred_at,
            day: event.business_day(time_zone),
            quantity,
            lost: lost.unwrap_or_default(),
            unit_price: unit_price.and_then(|price| price.to_f32()).unwrap_or(f32::NAN),
            is_return,
        };
        Some((sold, place))
    }
}

/// A sale or return with its key.
#[derive(Clone, Copy)]
struct Row<'e> {
    sold: Sold,
    source: &'e str,
    event_id: &'e str,
    /// Number of its place.
    place: u32,
}

/// By what events are ordered: instant, source and id.
pub(super) type Key<'e> = (Timestamp, &'e str, &'e str);

impl<'e> Row<'e> {
    fn key(&self) -> Key<'e> {
        (self.sold.occurred_at, self.source, self.event_id)
    }
}

/// Sales and returns of some places.
#[derive(Default)]
pub(crate) struct EventSales<'e> {
    rows: Vec<Row<'e>>,
    /// Item and location by number.
    places: Vec<(&'e str, &'e str)>,
    numbers: FxHashMap<(&'e str, &'e str), u32>,
}

impl<'e> EventSales<'e> {
    /// The number of a place that has sales.
    pub(crate) fn place(&mut self, item_id: &'e str, location_id: &'e str) -> u32 {
        let key = (item_id, location_id);
        *self.numbers.entry(key).or_insert_with(|| {
            self.places.push(key);
            self.places.len() as u32 - 1
        })
    }

    pub(crate) fn add(&mut self, sold: Sold, source: &'e str, event_id: &'e str, place: u32) {
        self.rows.push(Row { sold, source, event_id, place });
    }

    pub(crate) fn reserve(&mut self, n_rows: usize) {
        self.rows.reserve(n_rows);
    }

    /// By (instant, source, event id); quick where they are nearly sorted.
    pub(super) fn sort(&mut self) {
        self.rows.sort_by_key(Row::key);
    }

    /// Each place with the key of its first row, by that key; the rows are sorted.
    pub(super) fn places_by_first_row(&self) -> Vec<(Key<'e>, u32)> {
        let mut is_seen = vec![false; self.places.len()];
        let mut first_rows = Vec::with_capacity(self.places.len());
        for row in &self.rows {
            if !std::mem::replace(&mut is_seen[row.place as usize], true) {
                first_rows.push((row.key(), row.place));
                if first_rows.len() == self.places.len() {
                    break;
                }
            }
        }
        first_rows
    }

    /// What was sold from an instant on, on its day, at each place for which both are given.
    pub(super) fn sums(
        &self,
        since: impl Fn(&ItemLocation) -> Option<(Timestamp, Day)>,
    ) -> Vec<(ItemLocation, Quantity)> {
        let mut sums: Vec<_> = self
            .places
            .iter()
            .map(|(item_id, location_id)| {
                let place = ItemLocation::new(*item_id, *location_id);
                since(&place).map(|(at, day)| (place, at, day, Quantity::ZERO))
            })
            .collect();
        for Row { sold, place, .. } in &self.rows {
            if let Some((_, at, day, sum)) = &mut sums[*place as usize]
                && *at <= sold.occurred_at
                && sold.day == *day
            {
                *sum += sold.quantity;
            }
        }
        sums.into_iter().flatten().map(|(place, _, _, sum)| (place, sum)).collect()
    }
}

impl Builder<'_> {
    /// Takes in the item and the location of sales.
    pub(super) fn add_sale_place(&mut self, sales: &EventSales<'_>, number: u32) {
        let (item_id, location_id) = sales.places[number as usize];
        self.places.insert(ItemLocation::new(item_id, location_id));
        let place = (self.item(item_id), self.location(location_id));
        self.sale_places.insert(number, place);
    }

    /// Takes in what is counted about sales; their rows come last.
    pub(super) fn add_sales(&mut self, sales: &EventSales<'_>) {
        let places = self.places_of(sales);
        for Row { sold, place, .. } in &sales.rows {
            let item = places[*place as usize].0;
            self.count_decimals(item, sold.quantity);
            self.count_decimals(item, sold.lost);
            self.dataset.facts.n_returns += usize::from(sold.is_return && sold.quantity < Quantity::ZERO);
        }
    }

    /// By number.
    fn places_of(&self, sales: &EventSales<'_>) -> Vec<(ItemIdx, LocationIdx)> {
        (0..sales.places.len() as u32).map(|number| self.sale_places[&number]).collect()
    }

    pub(super) fn finish_sales(&mut self, sales: &EventSales<'_>) {
        let added = &sales.rows;
        if added.is_empty() {
            return;
        }
        let has_prices = added.iter().any(|row| !row.sold.unit_price.is_nan());
        let has_lost = added.iter().any(|row| row.sold.lost != Quantity::ZERO);
        let places = self.places_of(sales);
        let file_idx = (self.dataset.files.len() - 1) as u16;
        let table = &mut self.dataset.sales;
        let n_before = table.len();
        let n = n_before + added.len();
        if has_prices && table.unit_price.is_empty() {
            table.unit_price.resize(n_before, f32::NAN);
        }
        if has_lost && table.lost.is_empty() {
            table.lost.resize(n_before, Quantity::ZERO);
        }
        // Tables that were not read from files do not say where their rows stood.
        table.row.resize(n_before, RowRef::default());
        let (knows_prices, knows_lost) =
            (has_prices || !table.unit_price.is_empty(), has_lost || !table.lost.is_empty());
        table.item.extend(added.iter().map(|row| places[row.place as usize].0));
        table.location.extend(added.iter().map(|row| places[row.place as usize].1));
        table.day.extend(added.iter().map(|row| row.sold.day));
        table.quantity.extend(added.iter().map(|row| row.sold.quantity));
        table.row.extend((self.n_rows + 1..).take(added.len()).map(|row| RowRef { file_idx, row }));
        self.n_rows += added.len() as u32;
        if knows_prices {
            table.unit_price.extend(added.iter().map(|row| row.sold.unit_price));
        }
        if knows_lost {
            table.lost.extend(added.iter().map(|row| row.sold.lost));
        }
        pad(&mut table.on_promotion, n, 0);
        pad(&mut table.price_ratio, n, f32::NAN);
        pad(&mut table.stockout_share, n, f32::NAN);
        pad(&mut table.open_share, n, f32::NAN);
        pad(&mut table.holiday, n, 0);
    }
}

fn pad<T: Copy>(column: &mut Vec<T>, len: usize, absent: T) {
    if !column.is_empty() {
        column.resize(len, absent);
    }
}

/// Sorts by (item, location, day); rows of files come before rows of events, each in their order.
pub(super) fn sort_sales(sales: &mut SalesTable) {
    let key = |idx: usize| (sales.item[idx], sales.location[idx], sales.day[idx]);
    if (1..sales.len()).all(|idx| key(idx - 1) <= key(idx)) {
        return;
    }
    let mut order: Vec<u32> = (0..sales.len() as u32).collect();
    order.sort_by_key(|&idx| key(idx as usize));
    sales.reorder(&order);
}
