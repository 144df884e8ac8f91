//! Sales and returns on their way into the table of sales. Most events are, so they are kept small and take no turns over
//! texts.

use std::hash::{Hash, Hasher};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use restock_core::dataset::SalesTable;
use restock_core::{Day, Event, EventKind, ItemIdx, ItemLocation, LocationIdx, Quantity, RowRef};
use rust_decimal::prelude::ToPrimitive;
use rustc_hash::{FxHashMap, FxHasher};

use super::Builder;

/// A sale or a return: 48 bytes, because there are so many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sold {
    /// When it happened, nanoseconds since 1970.
    at: i64,
    /// A hash of source and id, by which those of one instant are ordered.
    tie: u64,
    /// Units that left; of a return below 0.
    quantity: Quantity,
    lost: Quantity,
    day: Day,
    /// NaN where it is not known.
    unit_price: f32,
    /// Number of its place.
    pub(crate) place: u32,
    is_return: bool,
}

impl Sold {
    /// A sale or return with its place, whose number is 0 so far; `None` for another event.
    pub(crate) fn of<'e>(event: &'e Event, time_zone: &TimeZone) -> Option<(Self, &'e ItemLocation)> {
        let (place, quantity, unit_price, lost, is_return) = match &event.kind {
            EventKind::Sale { place, quantity, unit_price, lost } => (place, *quantity, unit_price, *lost, false),
            EventKind::Return { place, quantity, unit_price } => (place, -*quantity, unit_price, None, true),
            _ => return None,
        };
        let mut hasher = FxHasher::default();
        (&event.source, &event.event_id).hash(&mut hasher);
        let sold = Self {
            at: nanoseconds(event.occurred_at),
            tie: hasher.finish(),
            quantity,
            lost: lost.unwrap_or_default(),
            day: event.business_day(time_zone),
            unit_price: unit_price.and_then(|price| price.to_f32()).unwrap_or(f32::NAN),
            place: 0,
            is_return,
        };
        Some((sold, place))
    }

    /// The same at the place of a number.
    pub(crate) fn at_place(self, place: u32) -> Self {
        Self { place, ..self }
    }

    /// By what sales are ordered.
    pub(crate) fn key(&self) -> (i64, u64) {
        (self.at, self.tie)
    }
}

/// Nanoseconds since 1970; beyond the years 1678 to 2262 the nearest that there is.
fn nanoseconds(at: Timestamp) -> i64 {
    let nanoseconds = at.as_nanosecond();
    i64::try_from(nanoseconds).unwrap_or(if nanoseconds < 0 { i64::MIN } else { i64::MAX })
}

/// Sales and returns of some places.
#[derive(Default)]
pub(crate) struct EventSales<'e> {
    rows: Vec<Sold>,
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

    pub(crate) fn add(&mut self, sold: Sold, place: u32) {
        self.rows.push(sold.at_place(place));
    }

    pub(crate) fn reserve(&mut self, n_rows: usize) {
        self.rows.reserve(n_rows);
    }

    /// By instant; quick where they are nearly sorted.
    pub(super) fn sort(&mut self) {
        self.rows.sort_by_key(Sold::key);
    }

    /// Numbers of all places, by item and location.
    pub(super) fn numbers(&self) -> Vec<u32> {
        let mut numbers: Vec<u32> = (0..self.places.len() as u32).collect();
        numbers.sort_unstable_by_key(|number| self.places[*number as usize]);
        numbers
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
                since(&place).map(|(at, day)| (place, nanoseconds(at), day, Quantity::ZERO))
            })
            .collect();
        for sold in &self.rows {
            if let Some((_, at, day, sum)) = &mut sums[sold.place as usize]
                && *at <= sold.at
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
        for sold in &sales.rows {
            let item = places[sold.place as usize].0;
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
        let has_prices = added.iter().any(|row| !row.unit_price.is_nan());
        let has_lost = added.iter().any(|row| row.lost != Quantity::ZERO);
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
        table.day.extend(added.iter().map(|row| row.day));
        table.quantity.extend(added.iter().map(|row| row.quantity));
        table.row.extend((self.n_rows + 1..).take(added.len()).map(|row| RowRef { file_idx, row }));
        self.n_rows += added.len() as u32;
        if knows_prices {
            table.unit_price.extend(added.iter().map(|row| row.unit_price));
        }
        if knows_lost {
            table.lost.extend(added.iter().map(|row| row.lost));
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
