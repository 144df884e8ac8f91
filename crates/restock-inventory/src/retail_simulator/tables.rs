//! The simulated chain as the tables a reader would have filled.

use std::collections::BTreeMap;

use restock_core::dataset::{
    Calendar, EventRow, InventoryRow, Item, ItemLocationRow, Location, OpenOrderRow, Origin, PriceRow, PromotionRow,
    ReceiptRow, SourceRow, StockoutRow, Supplier,
};
use restock_core::{Dataset, Day, ItemIdx, LocationIdx, Money, Quantity, RowRef, SupplierIdx, Units, WeekdaySet};

use super::calendar::HOLIDAYS;
use super::catalogue::{CATEGORIES, SUPPLIERS};
use super::world::{FRESH_ORDER_WEEKDAYS, SimulatedItem, Store, World};
use super::{ChainConfig, ItemHistory, SeriesHistory};

/// The calendar of what every store may order daily.
const FRESH_ORDER_CALENDAR: &str = "orders-fresh";

const CENTRE: LocationIdx = LocationIdx(0);

fn store_location(store_idx: usize) -> LocationIdx {
    LocationIdx(store_idx as u32 + 1)
}

fn cents(cents: i64) -> Money {
    Money::new(cents, 2)
}

impl SimulatedItem {
    fn decimals(&self) -> u8 {
        if self.product.by_weight { 1 } else { 0 }
    }

    pub(super) fn quantity(&self, units: Units) -> Quantity {
        Quantity::from_units(units, self.decimals())
    }

    fn supplier_idx(&self) -> SupplierIdx {
        SupplierIdx(CATEGORIES[self.product.category_idx].supplier_idx as u32)
    }
}

/// Every table that does not depend on what happened: entities, lanes, prices, promotions, holidays, calendars.
pub(super) fn without_history(config: &ChainConfig, world: &World) -> Dataset {
    let mut dataset = Dataset::default();
    let from = world.day(world.history.start);
    let last = config.last_day;
    let until = last.plus(config.n_future_days as i32);

    for item in &world.items {
        let product = item.product;
        let mut attributes = BTreeMap::new();
        attributes.insert("brand".to_owned(), product.brand.to_owned());
        dataset.items.push(Item {
            item_id: item.id.clone(),
            name: item.name.clone(),
            category: CATEGORIES[product.category_idx].path.to_owned(),
            base_uom: if product.by_weight { "kg" } else { "each" }.to_owned(),
            decimals: item.decimals(),
            unit_cost: Some(cents(product.cost_cents)),
            price: Some(cents(item.price_on(world.history.end - 1))),
            // Litres in thousandths of a cubic metre.
            volume: Some(product.litres / 1000.0),
            weight: None,
            shelf_life_days: item.shelf_life().map(|days| days as u32),
            launch: item.first_day_idx.map(|day_idx| world.day(day_idx)),
            end: item.last_day_idx.map(|day_idx| world.day(day_idx)),
            successor_id: None,
            attributes,
        });
    }

    dataset.locations.push(Location {
        location_id: "dc".to_owned(),
        name: "Distribution centre".to_owned(),
        kind: "dc".to_owned(),
        ..Location::default()
    });
    for store in &world.stores {
        let open = format!("open-{}", store.id);
        dataset.locations.push(Location {
            location_id: store.id.clone(),
            name: store.name.clone(),
            kind: "store".to_owned(),
            parent_id: Some("dc".to_owned()),
            calendar: Some(open.clone()),
            ..Location::default()
        });
        dataset.calendars.insert(open, store.open_calendar(world));
        let orders =
            Calendar { weekdays: weekdays(|idx| store.dry_order_weekdays()[idx]), exceptions: BTreeMap::new() };
        dataset.calendars.insert(store.order_calendar_id(), orders);
    }
    let daily = Calendar { weekdays: weekdays(|idx| FRESH_ORDER_WEEKDAYS[idx]), exceptions: BTreeMap::new() };
    dataset.calendars.insert(FRESH_ORDER_CALENDAR.to_owned(), daily);

    for supplier in &SUPPLIERS {
        dataset.suppliers.push(Supplier {
            supplier_id: supplier.id.to_owned(),
            name: supplier.name.to_owned(),
            min_order_value: Some(Money::from(supplier.min_order_value)),
            order_days: weekdays(|idx| supplier.order_weekdays.contains(&idx)),
            cut_off: Some(supplier.cut_off.to_owned()),
            container_volume: Some(supplier.truck_volume),
            ..Supplier::default()
        });
    }

    for (item_idx, item) in world.items.iter().enumerate() {
        let item_idx = ItemIdx(item_idx as u32);
        dataset.sources.push(supplier_lane(item_idx, item));
        for (store_idx, store) in world.stores.iter().enumerate() {
            dataset.sources.push(store_lane(item_idx, item, store_idx, store));
        }
        for (idx, &(day_idx, price)) in item.prices.iter().enumerate() {
            let next_from = item.prices.get(idx + 1).map(|(day_idx, _)| world.day(*day_idx));
            // Prices that ended before the history are not in the books; the one that ran starts with them.
            if next_from.is_some_and(|next| next <= from) || world.day(day_idx) > last {
                continue;
            }
            dataset.prices.push(PriceRow {
                item: item_idx,
                location: None,
                from: world.day(day_idx).max(from),
                to: None,
                price: cents(price),
                row: RowRef::default(),
            });
        }
        for promotion in &item.promotions {
            let first = world.day(promotion.first);
            if world.day(promotion.last) < from || first > until {
                continue;
            }
            dataset.promotions.push(PromotionRow {
                promo_id: format!("{}-{first}", item.id),
                item: Some(item_idx),
                location: None,
                from: first,
                to: world.day(promotion.last),
                depth: Some((promotion.depth * 100.0).round() / 100.0),
                display: promotion.display,
                expected_uplift: None,
                row: RowRef::default(),
            });
        }
    }

    for holiday in &world.calendar.holidays {
        if from <= holiday.day && holiday.day <= until {
            dataset.events.push(EventRow {
                day: holiday.day,
                location: None,
                name: HOLIDAYS[holiday.rule_idx].name.to_owned(),
                kind: "holiday".to_owned(),
                magnitude: 1.0,
                row: RowRef::default(),
            });
        }
    }
    dataset
}

fn weekdays(contains: impl Fn(usize) -> bool) -> WeekdaySet {
    (0..7).filter(|&idx| contains(idx)).fold(WeekdaySet::NONE, WeekdaySet::with)
}

impl Store {
    fn order_calendar_id(&self) -> String {
        format!("orders-{}", self.id)
    }

    fn open_calendar(&self, world: &World) -> Calendar {
        let weekdays = weekdays(|idx| !(self.closed_on_sundays && idx == 6));
        let exceptions = (world.history.start..world.calendar.n_days())
            .map(|day_idx| (world.day(day_idx), self.open[day_idx]))
            .filter(|&(day, open)| weekdays.contains(day) != open)
            .collect();
        Calendar { weekdays, exceptions }
    }
}

impl SimulatedItem {
    /// The regular price on a day, hundredths.
    fn price_on(&self, day_idx: usize) -> i64 {
        self.prices.iter().rev().find(|(from, _)| *from <= day_idx).expect("a price from the first day").1
    }
}

fn lane(item: ItemIdx, to_location: LocationIdx, origin: Origin, unit_cost: Money) -> SourceRow {
    SourceRow {
        to_location: Some(to_location),
        item: Some(item),
        unit_cost: Some(unit_cost),
        priority: 1,
        ..SourceRow::new(origin)
    }
}

fn supplier_lane(item_idx: ItemIdx, item: &SimulatedItem) -> SourceRow {
    let (lead_time, lead_time_sd) = item.supplier.lead_time_days;
    let case = item.case_units();
    SourceRow {
        lead_time_days: Some(lead_time),
        lead_time_sd_days: Some(lead_time_sd),
        min_order: Some(item.quantity(case * item.min_order_cases)),
        pack_size: Some(item.quantity(case)),
        ..lane(item_idx, CENTRE, Origin::Supplier(item.supplier_idx()), cents(item.product.cost_cents))
    }
}

fn store_lane(item_idx: ItemIdx, item: &SimulatedItem, store_idx: usize, store: &Store) -> SourceRow {
    let order_calendar =
        if item.is_delivered_daily() { FRESH_ORDER_CALENDAR.to_owned() } else { store.order_calendar_id() };
    SourceRow {
        lead_time_days: Some(store.lead_time_days(item) as f64),
        lead_time_sd_days: Some(0.0),
        pack_size: Some(item.quantity(item.pack_units())),
        review_calendar: Some(order_calendar),
        ..lane(item_idx, store_location(store_idx), Origin::Location(CENTRE), cents(item.product.cost_cents))
    }
}

/// Adds what happened to one item.
pub(super) fn append(config: &ChainConfig, world: &World, history: &ItemHistory, dataset: &mut Dataset) {
    let item = &world.items[history.item_idx];
    let item_idx = ItemIdx(history.item_idx as u32);
    let last = config.last_day;
    let is_planned = item.last_day_idx.is_none_or(|end| world.day(end) > last);

    for (store_idx, series) in history.stores.iter().enumerate() {
        let location = store_location(store_idx);
        for (offset, &sold) in series.sold.iter().enumerate() {
            if sold > 0 {
                dataset.sales.item.push(item_idx);
                dataset.sales.location.push(location);
                dataset.sales.day.push(world.day(world.history.start + offset));
                dataset.sales.quantity.push(item.quantity(sold));
            }
        }
        if world.stores[store_idx].records_stockouts {
            append_stockouts(world, item, item_idx, store_idx, series, dataset);
        }
        // Goods with eyes on them: a part of the assortment must fill its shelf, and shelves end somewhere.
        if is_planned && (history.item_idx + store_idx).is_multiple_of(5) {
            dataset.item_locations.push(shelf_settings(item, item_idx, location, series));
        }
    }

    for (location, series) in std::iter::once((CENTRE, &history.centre))
        .chain(history.stores.iter().enumerate().map(|(idx, series)| (store_location(idx), series)))
    {
        append_inventory(config, item, item_idx, location, series, dataset);
    }

    let first_transfer = last.plus(1 - config.n_days_of_transfers as i32);
    for order in &history.orders {
        let (to_location, origin, order_id) = match order.store_idx {
            None => (
                CENTRE,
                Origin::Supplier(item.supplier_idx()),
                format!("P{}-{}", compact(order.ordered_on), item.supplier.id),
            ),
            Some(store_idx) => (
                store_location(store_idx),
                Origin::Location(CENTRE),
                format!("T{}-{}", compact(order.ordered_on), world.stores[store_idx].id),
            ),
        };
        if order.received_on > last {
            dataset.open_orders.push(OpenOrderRow {
                order_id,
                item: item_idx,
                to_location,
                origin: Some(origin),
                quantity: item.quantity(order.quantity),
                received: Quantity::ZERO,
                ordered_on: Some(order.ordered_on),
                due_on: Some(order.due_on),
                status: "confirmed".to_owned(),
                row: RowRef::default(),
            });
        } else if order.received_on >= world.day(world.history.start)
            && (order.store_idx.is_none() || order.ordered_on >= first_transfer)
        {
            dataset.receipts.push(ReceiptRow {
                order_id,
                item: item_idx,
                location: Some(to_location),
                origin: Some(origin),
                quantity: item.quantity(order.quantity),
                ordered_on: Some(order.ordered_on),
                due_on: Some(order.due_on),
                received_on: order.received_on,
                unit_cost: order.store_idx.is_none().then(|| cents(item.product.cost_cents)),
                row: RowRef::default(),
            });
        }
    }
}

fn compact(day: Day) -> String {
    day.to_string().replace('-', "")
}

/// Writes down the runs of listed days that ended with an empty shelf. A day that sold was supplied in the morning: it
/// begins a run of its own, because the shelf was not empty since the day before.
fn append_stockouts(
    world: &World,
    item: &SimulatedItem,
    item_idx: ItemIdx,
    store_idx: usize,
    series: &SeriesHistory,
    dataset: &mut Dataset,
) {
    let mut run: Option<(Day, Day)> = None;
    for (offset, &on_hand) in series.on_hand.iter().enumerate() {
        let day_idx = world.history.start + offset;
        let day = world.day(day_idx);
        let is_out = on_hand == 0 && item.is_listed(day_idx);
        let stays_out = is_out && series.sold[offset] == 0;
        if let Some(ended) = run.filter(|_| !stays_out) {
            dataset.stockouts.push(stockout(item_idx, store_idx, ended));
            run = None;
        }
        if is_out {
            run = Some((run.map_or(day, |(first, _)| first), day));
        }
    }
    if let Some(ended) = run {
        dataset.stockouts.push(stockout(item_idx, store_idx, ended));
    }
}

fn stockout(item: ItemIdx, store_idx: usize, (from, to): (Day, Day)) -> StockoutRow {
    StockoutRow { item, location: store_location(store_idx), from, to, row: RowRef::default() }
}

fn shelf_settings(
    item: &SimulatedItem,
    item_idx: ItemIdx,
    location: LocationIdx,
    series: &SeriesHistory,
) -> ItemLocationRow {
    let pack = item.pack_units();
    let peak = series.on_hand.iter().copied().max().unwrap_or(0);
    // Room for the fullest day of the past in whole packs, and at least for three packs.
    let capacity = ((peak + pack - 1) / pack).max(3) * pack;
    let display = (item.shelf_life().is_none() && item_idx.0.is_multiple_of(2)).then_some(item.units_per_base * 2);
    ItemLocationRow {
        item: item_idx,
        location,
        listed_from: None,
        listed_to: None,
        service_type: None,
        service_target: None,
        min_stock: None,
        max_stock: None,
        display_min: display.map(|units| item.quantity(units)),
        shelf_capacity: Some(item.quantity(capacity)),
        safety_days: None,
        policy: None,
        do_not_order: false,
        row: RowRef::default(),
    }
}

/// The count after the last day: one row per lot of fresh goods, one row otherwise, 0 on an empty shelf.
fn append_inventory(
    config: &ChainConfig,
    item: &SimulatedItem,
    item_idx: ItemIdx,
    location: LocationIdx,
    series: &SeriesHistory,
    dataset: &mut Dataset,
) {
    let row = InventoryRow {
        item: item_idx,
        location,
        on_hand: Quantity::ZERO,
        as_of: Some(config.last_day),
        lot_id: None,
        expiry: None,
        allocated: Quantity::ZERO,
        blocked: Quantity::ZERO,
        in_transit: Quantity::ZERO,
        row: RowRef::default(),
    };
    let lots = &series.stock_at_end.lots;
    if lots.is_empty() {
        dataset.inventory.push(row);
        return;
    }
    for lot in lots {
        // After the last day, a lot with 0 periods left can still be sold on the day after it.
        let expiry = (lot.periods_left != i32::MAX).then(|| config.last_day.plus(1 + lot.periods_left));
        dataset.inventory.push(InventoryRow {
            on_hand: item.quantity(lot.quantity),
            lot_id: expiry.map(|expiry| format!("L{}", compact(expiry))),
            expiry,
            ..row.clone()
        });
    }
}

/// Sorts what was added item by item into the order of its kind, and names the files.
pub(super) fn finish(dataset: &mut Dataset) {
    dataset.files = vec!["simulated".to_owned()];
    dataset.open_orders.sort_by(|a, b| (&a.order_id, a.item).cmp(&(&b.order_id, b.item)));
    dataset.receipts.sort_by(|a, b| (a.received_on, &a.order_id, a.item).cmp(&(b.received_on, &b.order_id, b.item)));
}
