//! Stock and open orders as the planner sees them: what files say, and what events say beyond it.
//!
//! # Rules
//! They are those of [`tables()`](crate::tables()), for one item-location at a time and without reading events:
//! - The latest count holds: of the files, as of the end of its day, or of the events where its day is later. What moved on
//!   later days, in files and events, is added.
//! - Rows of the files without a day are of the last day that the files tell of, where events tell of the place; otherwise
//!   they are of now, and nothing is added.
//! - Orders that files and events tell of are one order.
//!
//! What is on hand is what was reported: nothing is taken off for lots that expired, and it may be negative.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use restock_core::dataset::OpenOrderRow;
use restock_core::event::OrderLine;
use restock_core::{Dataset, Day, ItemIdx, ItemLocation, LocationIdx, Quantity};
use rustc_hash::FxHashMap;

use crate::stock_book::{OpenOrder, StockBook, shown};
use crate::tables::{FileOrder, Files, morning, origin_of, place_of};

/// What files say about stock and open orders.
#[derive(Clone, Debug)]
pub struct FileStock {
    places: BTreeMap<ItemLocation, InFiles>,
    /// The day of rows without one, where events tell of their place.
    undated: Day,
    time_zone: TimeZone,
}

#[derive(Clone, Debug, Default)]
struct InFiles {
    counted: Option<FileCount>,
    /// Whether a count is known of a day after the one that is asked about.
    is_counted_later: bool,
    /// Moved after the count and before the first day of events, millionths of a base unit.
    moved_before: i128,
    /// Moved on later days, ascending.
    moved: Vec<(Day, i128)>,
    orders: Vec<FileOrder>,
}

#[derive(Clone, Debug)]
struct FileCount {
    /// `None` for rows that do not say it.
    day: Option<Day>,
    lots: Vec<Lot>,
}

/// A part of the stock as a file counted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lot {
    /// Its name; `None` where the file names none.
    pub lot_id: Option<String>,
    /// The last day on which it can be sold.
    pub expiry: Option<Day>,
    /// Units counted; what moved later is not taken off.
    pub counted: Quantity,
}

/// The stock and open orders of an item-location, as the planner sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenStock {
    /// Units on hand; negative when more was reported to leave than to arrive.
    pub on_hand: Quantity,
    /// Whether the last count was one of the files.
    pub is_of_files: bool,
    /// When it was counted last: of files the end of the day, where they say it. `None` where it never was.
    pub counted_at: Option<Timestamp>,
    /// When events last moved units since then.
    pub moved_at: Option<Timestamp>,
    /// The parts that the last count of the files had, where it holds and tells lots apart.
    pub lots: Vec<Lot>,
    /// Orders on their way, by number.
    pub open_orders: Vec<OpenOrder>,
}

impl FileStock {
    /// Of the files of a project, whose days are those of `time_zone`.
    pub fn of(dataset: &Dataset, files: Files, time_zone: &TimeZone) -> Self {
        Self::until(dataset, files, time_zone, Day(i32::MAX))
    }

    /// What the same files say about the end of a day: without what was counted, moved and ordered later. Orders that are
    /// closed by now are not known, because files tell of open ones, and so is the stock of a place that was first counted
    /// later.
    pub fn until(dataset: &Dataset, files: Files, time_zone: &TimeZone, last_day: Day) -> Self {
        let first_day = Day::from_date(time_zone.to_datetime(files.read_at).date());
        let undated = files.last_day.unwrap_or(first_day.plus(-1));
        let mut places: FxHashMap<(ItemIdx, LocationIdx), InFiles> = FxHashMap::default();
        for row in &dataset.inventory {
            if row.as_of.unwrap_or(undated) > last_day {
                places.entry((row.item, row.location)).or_default().is_counted_later = true;
                continue;
            }
            let lot = Lot { lot_id: row.lot_id.clone(), expiry: row.expiry, counted: row.on_hand };
            let counted = &mut places.entry((row.item, row.location)).or_default().counted;
            match counted {
                // A row of now, or of a later day, puts those before it out of date.
                Some(known) if is_later(known.day, row.as_of) => {}
                Some(known) if known.day == row.as_of => known.lots.push(lot),
                _ => *counted = Some(FileCount { day: row.as_of, lots: vec![lot] }),
            }
        }
        let mut later: BTreeMap<(ItemIdx, LocationIdx), BTreeMap<Day, i128>> = BTreeMap::new();
        let mut move_stock = |item, location, day: Day, quantity: Quantity, sign: i128| {
            let known = places.get_mut(&(item, location));
            let since =
                known.as_deref().and_then(|known| known.counted.as_ref()).map(|count| count.day.unwrap_or(undated));
            if day > last_day || since.is_some_and(|since| day <= since) {
                return;
            }
            let amount = sign * i128::from(quantity.micro());
            if day >= first_day {
                *later.entry((item, location)).or_default().entry(day).or_default() += amount;
            } else if let Some(known) = known.filter(|known| known.counted.is_some()) {
                known.moved_before += amount;
            }
        };
        let sales = &dataset.sales;
        for idx in 0..sales.len() {
            move_stock(sales.item[idx], sales.location[idx], sales.day[idx], sales.quantity[idx], -1);
        }
        for row in &dataset.receipts {
            if let Some(location) = row.location {
                move_stock(row.item, location, row.received_on, row.quantity, 1);
            }
        }
        for row in &dataset.adjustments {
            move_stock(row.item, row.location, row.day, row.quantity, 1);
        }
        for (place, days) in later {
            places.entry(place).or_default().moved = days.into_iter().collect();
        }
        let mut orders: BTreeMap<OrderLine, Vec<&OpenOrderRow>> = BTreeMap::new();
        for row in dataset.open_orders.iter().filter(|row| row.ordered_on.unwrap_or(undated) <= last_day) {
            let line =
                OrderLine { order_id: row.order_id.clone(), place: place_of(dataset, row.item, row.to_location) };
            orders.entry(line).or_default().push(row);
        }
        for (line, rows) in orders {
            let origin = rows[0].origin.map(|origin| origin_of(dataset, origin));
            let order = FileOrder::of(line, &rows, origin, files.read_at, time_zone);
            places.entry((rows[0].item, rows[0].to_location)).or_default().orders.push(order);
        }
        let places = places.into_iter().map(|((item, location), said)| (place_of(dataset, item, location), said));
        Self { places: places.collect(), undated, time_zone: time_zone.clone() }
    }

    /// Item-locations whose stock or orders files tell of, sorted, from `begin` on.
    pub fn places_from<'a>(
        &'a self,
        begin: std::ops::Bound<&'a ItemLocation>,
    ) -> impl Iterator<Item = &'a ItemLocation> + 'a {
        let said = self.places.range::<ItemLocation, _>((begin, std::ops::Bound::Unbounded));
        said.filter(|(_, said)| said.counted.is_some() || !said.orders.is_empty()).map(|(place, _)| place)
    }

    /// The stock of an item-location with what `book` knows of events; `None` where neither tells of it.
    pub fn seen(&self, place: &ItemLocation, book: &StockBook) -> Option<SeenStock> {
        let of_events = book.stock(place);
        let Some(said) = self.places.get(place) else { return seen_in_events(place, book) };
        let is_counted = said.counted.is_some() || of_events.is_some_and(|stock| stock.counted_at.is_some());
        if said.is_counted_later && !is_counted {
            // The sum of what moved is no stock, and the count was of another day.
            return None;
        }
        if of_events.is_none() && said.counted.is_none() && said.orders.is_empty() {
            return None;
        }
        let mut own = book.of_place(place);
        said.orders.iter().for_each(|order| order.tell(&mut own));
        let open_orders = own.open_orders(place);
        let day_of = |at: Timestamp| Day::from_date(self.time_zone.to_datetime(at).date());
        let counted_by_events = of_events.and_then(|stock| stock.counted_at).map(|at| (at, day_of(at)));
        let moves_of_events = of_events.is_some_and(|stock| stock.counted_at.is_some() || stock.moved_at.is_some());
        let day_of_files = said.counted.as_ref().map(|count| count.day.unwrap_or(self.undated));
        let files_hold = day_of_files.is_some_and(|own| counted_by_events.is_none_or(|(_, day)| own >= day));
        let Some(count) = said.counted.as_ref().filter(|_| files_hold) else {
            // Where files tell of orders alone it is nothing.
            let stock = own.stock(place)?;
            // Without any count a sum of files would be no stock.
            let since = counted_by_events.map(|(_, day)| day);
            let moved: i128 = said
                .moved
                .iter()
                .filter(|(day, _)| since.is_some_and(|since| *day > since))
                .map(|(_, amount)| amount)
                .sum();
            return Some(SeenStock {
                on_hand: shown(i128::from(stock.on_hand.micro()) + moved),
                is_of_files: false,
                counted_at: stock.counted_at,
                moved_at: stock.moved_at,
                lots: Vec::new(),
                open_orders,
            });
        };
        let counted: i128 = count.lots.iter().map(|lot| i128::from(lot.counted.micro())).sum();
        let has_lots = count.lots.iter().any(|lot| lot.lot_id.is_some() || lot.expiry.is_some());
        let lots = if has_lots { count.lots.clone() } else { Vec::new() };
        let is_of_now = count.day.is_none() && !moves_of_events;
        let end = morning(count.day.unwrap_or(self.undated).plus(1), &self.time_zone);
        let (moved, moved_at) = if is_of_now {
            (0, None)
        } else {
            let (by_events, moved_at) = own.moved_since(place, end);
            let by_files: i128 = said.moved.iter().map(|(_, amount)| amount).sum();
            (by_events + by_files + said.moved_before, moved_at)
        };
        let counted_at = if is_of_now { None } else { end.checked_sub(jiff::SignedDuration::from_nanos(1)).ok() };
        Some(SeenStock { on_hand: shown(counted + moved), is_of_files: true, counted_at, moved_at, lots, open_orders })
    }
}

/// The same where there are no files.
pub fn seen_in_events(place: &ItemLocation, book: &StockBook) -> Option<SeenStock> {
    let stock = book.stock(place)?;
    Some(SeenStock {
        on_hand: stock.on_hand,
        is_of_files: false,
        counted_at: stock.counted_at,
        moved_at: stock.moved_at,
        lots: Vec::new(),
        open_orders: book.open_orders(place),
    })
}

/// Whether a count of `known` is later than one of `day`; rows without a day are of now.
fn is_later(known: Option<Day>, day: Option<Day>) -> bool {
    match (known, day) {
        (None, other) => other.is_some(),
        (Some(known), Some(day)) => known > day,
        (Some(_), None) => false,
    }
}
