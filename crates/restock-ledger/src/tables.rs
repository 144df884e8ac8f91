//! The tables that a plan is made from: files, and what events say beyond them.
//!
//! # Rules
//! - The result depends on the set of events, not on their order: they are taken by (instant, source, event id), sales of
//!   one instant by a hash of source and id.
//! - Days are the calendar days of the time zone given.
//! - Files and events add up. Where files say what events say too, it would count twice: make events of such files
//!   ([`events_from_tables`](crate::events_from_tables)), and the ledger sees to it that each counts once.
//! - *Sales and returns* become one row each, returns negative. *Waste*, *adjustments* and units sent to other locations
//!   become adjustments; *receipts*, from other locations too, become receipts that know their order where one is known.
//! - *Stock* of an item-location that events tell of is its latest count, as of the end of its day: a row of the files, or
//!   a count and what moved after it on that day. Rows of files without a day are of the last day that the files tell of.
//!   What moved on later days is in the tables of sales, receipts and adjustments, by which whoever plans brings the
//!   count forward. Without any count, in files or events, there is no row: a sum of sales alone is no stock.
//! - *Open orders* that events tell of are the book's, begun with the rows of the files.
//! - Of *prices* and *promotions* said twice for the same span, the last event stands.
//! - *Sensor readings* without an item become signals: the mean per metric, location and day; those of an item become
//!   readings, the last and the mean of each day.
//! - *Counts* that found nothing before the last count stay rows of stock: days without sales after them are none without
//!   demand.
//! - *Master data*: per field the last word holds, over what files say; records that files do not have are added, and a
//!   calendar, a unit or a segment that is removed is not there until something is said about it again. What is said about
//!   them holds for all days, so it comes before everything else.
//! - *Overrides* of forecasts, and *forecasts* of other systems: the last word about the same holds, over what files say of
//!   it too; what was taken back has no row.
//! - A *lead-time notice* sets the lead time of the supply lanes that it covers, but for a lane whose lead time was said
//!   later.
//! - Items, locations and suppliers that files do not have are added, without attributes.

mod demand;
mod masters;
mod sales;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use restock_core::dataset::{
    AdjustmentRow, InventoryRow, Item, Location, OpenOrderRow, Origin, PriceRow, PromotionRow, ReadingRow, ReceiptRow,
    SignalRow, StockoutRow, Supplier,
};
use restock_core::event::{OrderLine, SupplyOrigin, is_fahrenheit};
use restock_core::{Dataset, Day, Event, EventKind, ItemIdx, ItemLocation, LocationIdx, Quantity, RowRef, SupplierIdx};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::master_words::{MasterWords, Said};
use crate::stock_book::StockBook;
pub use demand::override_key;
use sales::sort_sales;
pub(crate) use sales::{EventSales, Sold};

/// The name in [`Dataset::files`] of what comes from events.
pub const EVENTS_FILE: &str = "events";

/// The tables of `base`, which was read at `base_at`, and of `events`, each given once.
pub fn tables(base: &Dataset, base_at: Timestamp, events: &[Event], time_zone: &TimeZone) -> Dataset {
    tables_of_part(base, Files::of(base, base_at), events, time_zone)
}

/// What all files together tell about their time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Files {
    /// When they were read.
    pub read_at: Timestamp,
    /// The last day with sales.
    pub last_day: Option<Day>,
}

impl Files {
    /// Of all files.
    pub fn of(base: &Dataset, read_at: Timestamp) -> Self {
        Self { read_at, last_day: base.sales.day.iter().max().copied() }
    }
}

/// The same for a part of what the files say: the rows of some items, with the events about them and about all items.
pub fn tables_of_part(base: &Dataset, files: Files, events: &[Event], time_zone: &TimeZone) -> Dataset {
    let (mut sales, mut others) = (EventSales::default(), Vec::new());
    for event in events {
        match Sold::of(event, time_zone) {
            Some((sold, place)) => {
                let place = sales.place(&place.item_id, &place.location_id);
                sales.add(sold, place);
            }
            None => others.push(event),
        }
    }
    tables_of_events(base, files, sales, others, time_zone)
}

/// The same where sales and returns were told apart from the other events; each is given once, in any order.
pub(crate) fn tables_of_events(
    base: &Dataset,
    files: Files,
    mut sales: EventSales<'_>,
    mut others: Vec<&Event>,
    time_zone: &TimeZone,
) -> Dataset {
    sales.sort();
    others.sort_by_key(|event| (event.occurred_at, &event.source, &event.event_id));
    let mut builder = Builder::new(base, files, time_zone);
    let mut words = MasterWords::default();
    others.iter().filter(|event| event.kind.is_word()).for_each(|event| {
        words.add(event);
    });
    builder.add_masters(&words);
    builder.add_demand(words.demand());
    builder.begin_book(&others);
    for event in &others {
        builder.book.apply(event);
    }
    // Items and locations become known in the same order, however events came in: by id, then as other events tell.
    sales.numbers().into_iter().for_each(|place| builder.add_sale_place(&sales, place));
    for event in &others {
        builder.add(event);
    }
    builder.add_sales(&sales);
    builder.finish(&others, &sales)
}

/// The first instant of a day.
pub(crate) fn morning(day: Day, time_zone: &TimeZone) -> Timestamp {
    let midnight = day.to_date().at(0, 0, 0, 0);
    time_zone.to_ambiguous_timestamp(midnight).compatible().expect("a day within years -9999..=9999")
}

/// Where a price or promotion is said: (promotion, item, location, first day).
type Span = (String, Option<ItemIdx>, Option<LocationIdx>, Day);

/// A day of a sensor that watches an item: (item, location, metric, sensor, day).
type SensorDay = (ItemIdx, LocationIdx, String, String, Day);

struct Builder<'a> {
    dataset: Dataset,
    base: &'a Dataset,
    files: Files,
    time_zone: &'a TimeZone,
    items: BTreeMap<String, u32>,
    locations: BTreeMap<String, u32>,
    suppliers: BTreeMap<String, u32>,
    book: StockBook,
    /// Item-locations whose stock events tell of, and lines of orders.
    places: BTreeSet<ItemLocation>,
    lines: BTreeSet<OrderLine>,
    /// Lines of the files that do not say when they were ordered.
    undated: BTreeSet<OrderLine>,
    /// Items and locations of sales, by number of their place.
    sale_places: BTreeMap<u32, (ItemIdx, LocationIdx)>,
    /// Who said the lead time of a lane last, by its row.
    lead_times: BTreeMap<usize, Arc<Said>>,
    prices: BTreeMap<Span, PriceRow>,
    promotions: BTreeMap<Span, PromotionRow>,
    /// Sum and number of readings.
    readings: BTreeMap<(String, String, Day), (Decimal, u32)>,
    /// The same of sensors that watch an item, with the last one and its unit.
    item_readings: BTreeMap<SensorDay, (Decimal, u32, Decimal, String)>,
    /// Number of the row that comes next.
    n_rows: u32,
}

impl<'a> Builder<'a> {
    fn new(base: &'a Dataset, files: Files, time_zone: &'a TimeZone) -> Self {
        let mut dataset = base.clone();
        dataset.files.push(EVENTS_FILE.to_owned());
        let numbered = |ids: Vec<&String>| ids.into_iter().cloned().zip(0..).collect();
        Self {
            items: numbered(base.items.iter().map(|item| &item.item_id).collect()),
            locations: numbered(base.locations.iter().map(|location| &location.location_id).collect()),
            suppliers: numbered(base.suppliers.iter().map(|supplier| &supplier.supplier_id).collect()),
            dataset,
            base,
            files,
            time_zone,
            book: StockBook::new(),
            places: BTreeSet::new(),
            lines: BTreeSet::new(),
            undated: BTreeSet::new(),
            sale_places: BTreeMap::new(),
            lead_times: BTreeMap::new(),
            prices: BTreeMap::new(),
            promotions: BTreeMap::new(),
            readings: BTreeMap::new(),
            item_readings: BTreeMap::new(),
            n_rows: 0,
        }
    }

    /// Begins the book with what the files say about the orders that events tell of; it is asked for orders alone.
    fn begin_book(&mut self, events: &[&Event]) {
        for event in events {
            let Some(place) = event.kind.place() else { continue };
            if event.kind.movement().is_some() || matches!(event.kind, EventKind::Count { .. }) {
                self.places.insert(place.clone());
            }
            if let Some(line) = line_of(&event.kind) {
                self.lines.insert(line);
            }
        }
        let mut orders: BTreeMap<OrderLine, Vec<&OpenOrderRow>> = BTreeMap::new();
        for row in &self.base.open_orders {
            let line = OrderLine { order_id: row.order_id.clone(), place: self.base_place(row.item, row.to_location) };
            if self.lines.contains(&line) {
                orders.entry(line).or_default().push(row);
            }
        }
        for (line, rows) in orders {
            if rows.iter().all(|row| row.ordered_on.is_none()) {
                self.undated.insert(line.clone());
            }
            let origin = rows[0].origin.map(|origin| origin_of(self.base, origin));
            let said = FileOrder::of(line, &rows, origin, self.files.read_at, self.time_zone);
            said.tell(&mut self.book);
        }
    }

    fn base_place(&self, item: ItemIdx, location: LocationIdx) -> ItemLocation {
        place_of(self.base, item, location)
    }

    fn item(&mut self, id: &str) -> ItemIdx {
        let items = &mut self.dataset.items;
        ItemIdx(number_of(&mut self.items, id, || items.push(Item { item_id: id.to_owned(), ..Item::default() })))
    }

    fn location(&mut self, id: &str) -> LocationIdx {
        let all = &mut self.dataset.locations;
        let add = || all.push(Location { location_id: id.to_owned(), ..Location::default() });
        LocationIdx(number_of(&mut self.locations, id, add))
    }

    fn origin(&mut self, origin: &SupplyOrigin) -> Origin {
        match origin {
            SupplyOrigin::Location(id) => Origin::Location(self.location(id)),
            SupplyOrigin::Supplier(id) => {
                let all = &mut self.dataset.suppliers;
                let add = || all.push(Supplier { supplier_id: id.clone(), ..Supplier::default() });
                Origin::Supplier(SupplierIdx(number_of(&mut self.suppliers, id, add)))
            }
        }
    }

    /// The place of an event, its quantity counted among the decimals of its item.
    fn place(&mut self, place: &ItemLocation, quantity: Quantity) -> (ItemIdx, LocationIdx) {
        let (item, location) = (self.item(&place.item_id), self.location(&place.location_id));
        self.count_decimals(item, quantity);
        (item, location)
    }

    fn count_decimals(&mut self, item: ItemIdx, quantity: Quantity) {
        let item = &mut self.dataset.items[item.0 as usize];
        item.decimals = item.decimals.max(quantity.decimals());
    }

    fn next_row(&mut self) -> RowRef {
        self.n_rows += 1;
        RowRef { file_idx: (self.dataset.files.len() - 1) as u16, row: self.n_rows }
    }

    fn add(&mut self, event: &Event) {
        let day = event.business_day(self.time_zone);
        match &event.kind {
            EventKind::Receipt { place, quantity, order_id, origin, unit_cost } => {
                self.receive(day, place, *quantity, order_id.as_ref(), origin.clone(), *unit_cost);
            }
            EventKind::TransferIn { place, quantity, from_location, order_id } => {
                let origin = from_location.clone().map(SupplyOrigin::Location);
                self.receive(day, place, *quantity, order_id.as_ref(), origin, None);
            }
            EventKind::Adjustment { place, quantity, reason } => self.adjust(day, place, *quantity, reason),
            EventKind::Waste { place, quantity, reason } => {
                self.adjust(day, place, -*quantity, if reason.is_empty() { "waste" } else { reason });
            }
            EventKind::TransferOut { place, quantity, .. } => self.adjust(day, place, -*quantity, "transfer"),
            EventKind::PriceChange { item_id, location_id, price, from, to } => {
                let item = self.item(item_id);
                let location = location_id.as_ref().map(|id| self.location(id));
                let from = from.unwrap_or(day);
                let row = PriceRow { item, location, from, to: *to, price: *price, row: self.next_row() };
                self.prices.insert((String::new(), Some(item), location, from), row);
            }
            EventKind::Promotion { promo_id, item_id, location_id, from, to, depth, display, expected_uplift } => {
                let item = item_id.as_ref().map(|id| self.item(id));
                let location = location_id.as_ref().map(|id| self.location(id));
                let row = PromotionRow {
                    promo_id: promo_id.clone(),
                    item,
                    location,
                    from: *from,
                    to: *to,
                    depth: depth.and_then(|depth| depth.to_f64()),
                    display: *display,
                    expected_uplift: expected_uplift.and_then(|uplift| uplift.to_f64()),
                    row: self.next_row(),
                };
                self.promotions.insert((promo_id.clone(), item, location, *from), row);
            }
            EventKind::StockoutObserved { place, to } => {
                let (item, location) = self.place(place, Quantity::ZERO);
                let row =
                    StockoutRow { item, location, from: day, to: to.unwrap_or(day).max(day), row: self.next_row() };
                self.dataset.stockouts.push(row);
            }
            EventKind::LeadTimeNotice { origin, item_id, location_id, lead_time_days } => {
                let origin = self.origin(origin);
                let item = item_id.as_ref().map(|id| self.item(id));
                let location = location_id.as_ref().map(|id| self.location(id));
                let is_covered = |notice: Option<u32>, lane: Option<u32>| notice.is_none() || notice == lane;
                let said = Said::by(event);
                for (row, lane) in self.dataset.sources.iter_mut().enumerate() {
                    if lane.origin == origin
                        && self.lead_times.get(&row).is_none_or(|own| **own < said)
                        && is_covered(item.map(|item| item.0), lane.item.map(|item| item.0))
                        && is_covered(location.map(|idx| idx.0), lane.to_location.map(|idx| idx.0))
                    {
                        lane.lead_time_days = lead_time_days.to_f64();
                        lane.lead_time_told_on = Some(day);
                    }
                }
            }
            EventKind::SensorReading { metric, location_id, item_id: None, value, unit, .. } => {
                // A signal has no unit: temperatures are in °C.
                let above_freezing = value.checked_sub(Decimal::from(32)).filter(|_| is_fahrenheit(unit));
                let value = &above_freezing.map_or(*value, |degrees| degrees / Decimal::new(18, 1));
                let (sum, n) = self.readings.entry((metric.clone(), location_id.clone(), day)).or_default();
                // Beyond the largest decimal the mean means nothing.
                *sum = sum.checked_add(*value).unwrap_or(*sum);
                *n += 1;
            }
            EventKind::SensorReading { sensor_id, metric, location_id, item_id: Some(item_id), value, unit } => {
                let (item, location) = (self.item(item_id), self.location(location_id));
                let of_day = (item, location, metric.clone(), sensor_id.clone(), day);
                let known = self.item_readings.entry(of_day).or_insert((Decimal::ZERO, 0, *value, unit.clone()));
                known.0 = known.0.checked_add(*value).unwrap_or(known.0);
                known.1 += 1;
                (known.2, known.3) = (*value, unit.clone());
            }
            // Stock and open orders come from the book, and sales were added before.
            EventKind::Sale { .. }
            | EventKind::Return { .. }
            | EventKind::Count { .. }
            | EventKind::OrderPlaced { .. }
            | EventKind::OrderConfirmed { .. }
            | EventKind::OrderCancelled { .. }
            | EventKind::OrderShipped { .. }
            // Words came first.
            | EventKind::MasterChange(_)
            | EventKind::ForecastOverride(_)
            | EventKind::ForecastGiven(_) => {}
        }
    }

    fn adjust(&mut self, day: Day, place: &ItemLocation, quantity: Quantity, reason: &str) {
        let (item, location) = self.place(place, quantity);
        let row = AdjustmentRow { day, item, location, quantity, reason: reason.to_owned(), row: self.next_row() };
        self.dataset.adjustments.push(row);
    }

    fn receive(
        &mut self,
        day: Day,
        place: &ItemLocation,
        quantity: Quantity,
        order_id: Option<&String>,
        origin: Option<SupplyOrigin>,
        unit_cost: Option<restock_core::Money>,
    ) {
        let (item, location) = self.place(place, quantity);
        let line = order_id.map(|order_id| OrderLine { order_id: order_id.clone(), place: place.clone() });
        let order = line.as_ref().and_then(|line| self.book.order(line));
        let origin = origin.or_else(|| order.as_ref().and_then(|order| order.origin.clone()));
        let placed_at = order.as_ref().and_then(|order| order.placed_at);
        let ordered_on = line.and_then(|line| self.ordered_on(&line, placed_at));
        let row = ReceiptRow {
            order_id: order_id.cloned().unwrap_or_default(),
            item,
            location: Some(location),
            origin: origin.map(|origin| self.origin(&origin)),
            quantity,
            ordered_on,
            due_on: order.and_then(|order| order.due_on),
            received_on: day,
            unit_cost,
            row: self.next_row(),
        };
        self.dataset.receipts.push(row);
    }

    /// The day on which a line was ordered, where anybody said it.
    fn ordered_on(&self, line: &OrderLine, placed_at: Option<Timestamp>) -> Option<Day> {
        let said = placed_at.filter(|&at| !(self.undated.contains(line) && at == self.files.read_at));
        said.map(|at| Day::from_date(self.time_zone.to_datetime(at).date()))
    }

    fn finish(mut self, others: &[&Event], sales: &EventSales<'_>) -> Dataset {
        self.finish_inventory(others, sales);
        self.finish_open_orders();
        let prices = std::mem::take(&mut self.prices);
        self.dataset.prices.extend(prices.into_values());
        let promotions = std::mem::take(&mut self.promotions);
        self.dataset.promotions.extend(promotions.into_values());
        for ((name, location_id, day), (sum, n)) in std::mem::take(&mut self.readings) {
            let value = (sum / Decimal::from(n)).to_f64().unwrap_or(f64::NAN);
            let location = Some(self.location(&location_id));
            self.dataset.signals.push(SignalRow { name, day, location, value, known_in_future: false });
        }
        for ((item, location, metric, sensor_id, day), (sum, n, last, unit)) in std::mem::take(&mut self.item_readings)
        {
            let number = |value: Decimal| value.to_f64().unwrap_or(f64::NAN);
            let (value, mean) = (number(last), number(sum / Decimal::from(n)));
            let row = self.next_row();
            let reading = ReadingRow { sensor_id, metric, day, item, location, value, mean, unit, row };
            self.dataset.readings.push(reading);
        }
        self.finish_sales(sales);
        sort_entities(&mut self.dataset, self.base.items.len());
        let prices = &mut self.dataset.prices;
        prices.sort_by_key(|row| (row.item, row.location, row.from, row.row));
        sort_sales(&mut self.dataset.sales);
        self.dataset
    }

    /// The latest count of each item-location holds, that of the files or one of the events, as of the end of its day; what
    /// moved later is in the other tables, and whoever reads them brings the count forward by it.
    fn finish_inventory(&mut self, others: &[&Event], sales: &EventSales<'_>) {
        let mut counted = self.counted(others, sales);
        let mut emptied = self.emptied(others);
        let undated = self.files.last_day;
        let before_events = Day::from_date(self.time_zone.to_datetime(self.files.read_at).date()).plus(-1);
        let mut rows_of: BTreeMap<ItemLocation, Vec<InventoryRow>> = BTreeMap::new();
        for row in std::mem::take(&mut self.dataset.inventory) {
            let place = self.base_place(row.item, row.location);
            match self.places.contains(&place) {
                true => rows_of.entry(place).or_default().push(row),
                false => self.dataset.inventory.push(row),
            }
        }
        for place in std::mem::take(&mut self.places) {
            // What moves after files that do not say when they were true comes after the last day that they tell of.
            let mut rows = rows_of.remove(&place).unwrap_or_default();
            rows.iter_mut().filter(|row| row.as_of.is_none()).for_each(|row| {
                row.as_of = Some(undated.unwrap_or(before_events));
            });
            let of_files = rows.iter().filter_map(|row| row.as_of).max();
            let latest = counted.get(&place).map(|(day, _)| *day).max(of_files);
            for day in emptied.remove(&place).unwrap_or_default() {
                if latest.is_some_and(|latest| day < latest) && rows.iter().all(|row| row.as_of != Some(day)) {
                    let (item, location) = self.place(&place, Quantity::ZERO);
                    let row = self.next_row();
                    self.dataset.inventory.push(empty_shelf(item, location, day, row));
                }
            }
            let Some((day, on_hand)) = counted.remove(&place).filter(|(day, _)| of_files.is_none_or(|own| own < *day))
            else {
                self.dataset.inventory.append(&mut rows);
                continue;
            };
            let (item, location) = self.place(&place, on_hand);
            // Counted anew: what the files say about lots is out of date, what they say about promises is not.
            let sum =
                |amount: fn(&InventoryRow) -> Quantity| rows.iter().fold(Quantity::ZERO, |sum, row| sum + amount(row));
            let (allocated, blocked, in_transit) =
                (sum(|row| row.allocated), sum(|row| row.blocked), sum(|row| row.in_transit));
            let row = self.next_row();
            self.dataset.inventory.push(InventoryRow {
                item,
                location,
                on_hand,
                as_of: Some(day),
                lot_id: None,
                expiry: None,
                allocated,
                blocked,
                in_transit,
                row,
            });
        }
    }

    /// Days on which a count found nothing, and nothing came in after it.
    fn emptied(&self, others: &[&Event]) -> BTreeMap<ItemLocation, BTreeSet<Day>> {
        let mut emptied: BTreeMap<ItemLocation, BTreeSet<Day>> = BTreeMap::new();
        for event in others {
            let Some(place) = event.kind.place() else { continue };
            let day = event.business_day(self.time_zone);
            match &event.kind {
                EventKind::Count { on_hand, .. } if *on_hand <= Quantity::ZERO => {
                    emptied.entry(place.clone()).or_default().insert(day);
                }
                kind if kind.movement().is_some_and(|moved| moved > Quantity::ZERO)
                    || matches!(kind, EventKind::Count { .. }) =>
                {
                    if let Some(days) = emptied.get_mut(place) {
                        days.remove(&day);
                    }
                }
                _ => {}
            }
        }
        emptied
    }

    /// Of each item-location that was counted: the day of the last count, and the stock at the end of that day. At its
    /// instant a count comes first.
    fn counted(&self, others: &[&Event], sales: &EventSales<'_>) -> BTreeMap<ItemLocation, (Day, Quantity)> {
        let mut counted: BTreeMap<ItemLocation, (Timestamp, Day, Quantity)> = BTreeMap::new();
        for event in others {
            if let EventKind::Count { place, on_hand } = &event.kind {
                let day = event.business_day(self.time_zone);
                counted.insert(place.clone(), (event.occurred_at, day, *on_hand));
            }
        }
        for event in others {
            let (Some(place), Some(movement)) = (event.kind.place(), event.kind.movement()) else { continue };
            if let Some((at, day, on_hand)) = counted.get_mut(place)
                && *at <= event.occurred_at
                && event.business_day(self.time_zone) == *day
            {
                *on_hand += movement;
            }
        }
        for (place, sold) in sales.sums(|place| counted.get(place).map(|(at, day, _)| (*at, *day))) {
            counted.get_mut(&place).expect("it was counted").2 += -sold;
        }
        counted.into_iter().map(|(place, (_, day, on_hand))| (place, (day, on_hand))).collect()
    }

    fn finish_open_orders(&mut self) {
        for row in std::mem::take(&mut self.dataset.open_orders) {
            let line = OrderLine { order_id: row.order_id.clone(), place: self.base_place(row.item, row.to_location) };
            if !self.lines.contains(&line) {
                self.dataset.open_orders.push(row);
            }
        }
        let places: BTreeSet<ItemLocation> =
            std::mem::take(&mut self.lines).into_iter().map(|line| line.place).collect();
        for place in places {
            for order in self.book.open_orders(&place) {
                let line = OrderLine { order_id: order.order_id.clone(), place: place.clone() };
                let ordered_on = self.ordered_on(&line, order.placed_at);
                let (item, to_location) = self.place(&place, order.quantity);
                self.count_decimals(item, order.received);
                let row = OpenOrderRow {
                    item,
                    to_location,
                    origin: order.origin.as_ref().map(|origin| self.origin(origin)),
                    quantity: order.quantity,
                    received: order.received,
                    ordered_on,
                    due_on: order.due_on,
                    status: order.status.to_owned(),
                    row: self.next_row(),
                    order_id: order.order_id,
                };
                self.dataset.open_orders.push(row);
            }
        }
    }
}

/// What a count of nothing says.
fn empty_shelf(item: ItemIdx, location: LocationIdx, day: Day, row: RowRef) -> InventoryRow {
    InventoryRow {
        item,
        location,
        on_hand: Quantity::ZERO,
        as_of: Some(day),
        lot_id: None,
        expiry: None,
        allocated: Quantity::ZERO,
        blocked: Quantity::ZERO,
        in_transit: Quantity::ZERO,
        row,
    }
}

fn number_of(numbers: &mut BTreeMap<String, u32>, id: &str, add: impl FnOnce()) -> u32 {
    if let Some(number) = numbers.get(id) {
        return *number;
    }
    let number = numbers.len() as u32;
    numbers.insert(id.to_owned(), number);
    add();
    number
}

fn line_of(kind: &EventKind) -> Option<OrderLine> {
    match kind {
        EventKind::OrderPlaced { line, .. }
        | EventKind::OrderConfirmed { line, .. }
        | EventKind::OrderCancelled { line, .. }
        | EventKind::OrderShipped { line, .. } => Some(line.clone()),
        EventKind::Receipt { place, order_id: Some(order_id), .. }
        | EventKind::TransferIn { place, order_id: Some(order_id), .. } => {
            Some(OrderLine { order_id: order_id.clone(), place: place.clone() })
        }
        _ => None,
    }
}

/// What files say about a line of an order, for a book.
#[derive(Clone, Debug)]
pub(crate) struct FileOrder {
    line: OrderLine,
    said: Vec<Event>,
    received: Quantity,
}

impl FileOrder {
    /// Of the rows about one line; those without a day count as ordered when the files were read.
    pub(crate) fn of(
        line: OrderLine,
        rows: &[&OpenOrderRow],
        origin: Option<SupplyOrigin>,
        read_at: Timestamp,
        time_zone: &TimeZone,
    ) -> Self {
        let sum =
            |amount: fn(&OpenOrderRow) -> Quantity| rows.iter().fold(Quantity::ZERO, |sum, row| sum + amount(row));
        let ordered_on = rows.iter().filter_map(|row| row.ordered_on).min();
        let at = ordered_on.map_or(read_at, |day| morning(day, time_zone));
        let placed = EventKind::OrderPlaced {
            line: line.clone(),
            quantity: sum(|row| row.quantity),
            origin,
            due_on: rows.iter().filter_map(|row| row.due_on).max(),
        };
        let mut said = vec![file_event(at, placed)];
        let all_are = |status: &str| rows.iter().all(|row| row.status == status);
        let further = match () {
            () if all_are("confirmed") => {
                Some(EventKind::OrderConfirmed { line: line.clone(), quantity: None, due_on: None })
            }
            () if all_are("shipped") => {
                Some(EventKind::OrderShipped { line: line.clone(), quantity: None, due_on: None })
            }
            () if all_are("cancelled") || all_are("closed") => {
                Some(EventKind::OrderCancelled { line: line.clone(), quantity: None })
            }
            () => None,
        };
        said.extend(further.map(|kind| file_event(at, kind)));
        Self { line, said, received: sum(|row| row.received) }
    }

    /// Tells a book, in which order among the events does not matter.
    pub(crate) fn tell(&self, book: &mut StockBook) {
        for event in &self.said {
            book.apply(event);
        }
        book.received_before(&self.line, self.received);
    }
}

/// The names of an item-location of `dataset`.
pub(crate) fn place_of(dataset: &Dataset, item: ItemIdx, location: LocationIdx) -> ItemLocation {
    let item_id = dataset.items[item.0 as usize].item_id.clone();
    ItemLocation { item_id, location_id: dataset.locations[location.0 as usize].location_id.clone() }
}

/// The names of an origin of `dataset`.
pub(crate) fn origin_of(dataset: &Dataset, origin: Origin) -> SupplyOrigin {
    match origin {
        Origin::Supplier(idx) => SupplyOrigin::Supplier(dataset.suppliers[idx.0 as usize].supplier_id.clone()),
        Origin::Location(idx) => SupplyOrigin::Location(dataset.locations[idx.0 as usize].location_id.clone()),
    }
}

/// What a file says, for the book. Its key sorts before every key of a source, so that an event at the same instant wins.
fn file_event(occurred_at: Timestamp, kind: EventKind) -> Event {
    Event { event_id: String::new(), source: String::new(), occurred_at, kind, attributes: BTreeMap::new() }
}

/// Sorts items, locations and suppliers by id again and renames them in every table.
fn sort_entities(dataset: &mut Dataset, n_base_items: usize) {
    let items = ranks(&mut dataset.items, |item| &item.item_id);
    let locations = ranks(&mut dataset.locations, |location| &location.location_id);
    let suppliers = ranks(&mut dataset.suppliers, |supplier| &supplier.supplier_id);
    sort_text_vectors(&mut dataset.text_vectors, n_base_items, &items);
    dataset.renumber(&items, &locations, &suppliers);
}

/// Sorts entities by id; entry `n` tells where number `n` went.
fn ranks<T>(entities: &mut Vec<T>, id: impl Fn(&T) -> &String) -> Vec<u32> {
    let mut order: Vec<(usize, T)> = std::mem::take(entities).into_iter().enumerate().collect();
    order.sort_by(|(_, a), (_, b)| id(a).cmp(id(b)));
    let mut ranks = vec![0; order.len()];
    for (rank, (idx, entity)) in order.into_iter().enumerate() {
        ranks[idx] = rank as u32;
        entities.push(entity);
    }
    ranks
}

/// New items have no text and so the vector of zeros.
fn sort_text_vectors(vectors: &mut Vec<f32>, n_before: usize, ranks: &[u32]) {
    if vectors.is_empty() {
        return;
    }
    let width = vectors.len() / n_before;
    let before = std::mem::replace(vectors, vec![0.0; ranks.len() * width]);
    for (vector, &rank) in before.chunks(width).zip(ranks) {
        let begin = rank as usize * width;
        vectors[begin..begin + width].copy_from_slice(vector);
    }
}
