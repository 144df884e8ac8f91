//! Stock as the planner sees it, against the tables that a plan is made from.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use jiff::tz::{TimeZone, offset};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use restock_core::dataset::{AdjustmentRow, InventoryRow};
use restock_core::event::OrderLine;
use restock_core::{Dataset, Day, Event, EventKind, ItemIdx, ItemLocation, LocationIdx, Quantity};
use restock_ledger::{FileStock, Files, StockBook, tables};

use crate::generator;
use crate::tables::business;

/// Files whose counts are of now, of different days or none, with lots, and with stock that moved after them.
fn files(rng: &mut ChaCha8Rng) -> Dataset {
    let mut files = business(rng.random());
    let today = files.inventory[0].as_of.unwrap();
    let mut inventory: Vec<InventoryRow> = Vec::new();
    for row in std::mem::take(&mut files.inventory) {
        match rng.random_range(0..5) {
            0 => {}
            1 => inventory.push(InventoryRow { as_of: None, ..row }),
            2 => {
                let lot = |number: i32| InventoryRow {
                    lot_id: Some(format!("lot-{number}")),
                    expiry: Some(today.plus(number)),
                    as_of: Some(today.plus(-number)),
                    ..row.clone()
                };
                inventory.extend([lot(9), lot(3), InventoryRow { lot_id: None, ..lot(3) }]);
            }
            _ => inventory.push(InventoryRow { as_of: Some(today.plus(-rng.random_range(0..9))), ..row }),
        }
    }
    files.inventory = inventory;
    for _ in 0..20 {
        files.adjustments.push(AdjustmentRow {
            day: today.plus(rng.random_range(-9..3)),
            item: ItemIdx(rng.random_range(0..5)),
            location: LocationIdx(rng.random_range(0..3)),
            quantity: Quantity::from_whole(rng.random_range(-3..4)),
            reason: String::new(),
            row: Default::default(),
        });
    }
    files
}

fn event(rng: &mut ChaCha8Rng, number: u32) -> Event {
    let place =
        ItemLocation::new(format!("item-{}", rng.random_range(0..6)), format!("store-{}", rng.random_range(0..4)));
    let quantity = Quantity::from_whole(rng.random_range(1..9));
    let order_id = format!("po-{}-{}-{}", &place.item_id[5..], &place.location_id[6..], rng.random_range(0..3));
    let line = OrderLine { order_id: order_id.clone(), place: place.clone() };
    let kind = match rng.random_range(0..9) {
        0..=2 => EventKind::Sale { place, quantity, unit_price: None, lost: None },
        3 => EventKind::Return { place, quantity, unit_price: None },
        4 => EventKind::Count { place, on_hand: quantity },
        5 => EventKind::Receipt { place, quantity, order_id: Some(order_id), origin: None, unit_cost: None },
        6 => EventKind::OrderPlaced { line, quantity, origin: None, due_on: None },
        7 => EventKind::OrderCancelled { line, quantity: rng.random_bool(0.5).then_some(quantity) },
        _ => EventKind::OrderConfirmed { line, quantity: None, due_on: None },
    };
    Event {
        event_id: number.to_string(),
        source: "till".to_owned(),
        occurred_at: generator::now() - SignedDuration::from_mins(rng.random_range(0..9 * 24 * 60)),
        kind,
        attributes: BTreeMap::new(),
    }
}

/// What the tables say, as whoever plans brings it forward: the latest count, and what moved on later days.
fn on_hand_of(made: &Dataset, item: ItemIdx, location: LocationIdx) -> Option<Quantity> {
    let rows = || made.inventory.iter().filter(|row| (row.item, row.location) == (item, location));
    let is_now = rows().any(|row| row.as_of.is_none());
    let day = if is_now { None } else { Some(rows().filter_map(|row| row.as_of).max()?) };
    let mut on_hand = rows().filter(|row| row.as_of == day).fold(Quantity::ZERO, |sum, row| sum + row.on_hand);
    let is_later = |moved: Day| day.is_some_and(|day| moved > day);
    let sales = &made.sales;
    for idx in 0..sales.len() {
        if (sales.item[idx], sales.location[idx]) == (item, location) && is_later(sales.day[idx]) {
            on_hand += -sales.quantity[idx];
        }
    }
    let receipts = made.receipts.iter().filter(|row| (row.item, row.location) == (item, Some(location)));
    receipts.filter(|row| is_later(row.received_on)).for_each(|row| on_hand += row.quantity);
    let adjustments = made.adjustments.iter().filter(|row| (row.item, row.location) == (item, location));
    adjustments.filter(|row| is_later(row.day)).for_each(|row| on_hand += row.quantity);
    Some(on_hand)
}

/// Units still to come by order number.
fn open_orders_of(made: &Dataset, item: ItemIdx, location: LocationIdx) -> BTreeMap<String, Quantity> {
    let rows = made.open_orders.iter().filter(|row| (row.item, row.to_location) == (item, location));
    let mut open: BTreeMap<String, Quantity> = BTreeMap::new();
    for row in rows.filter(|row| !matches!(row.status.as_str(), "cancelled" | "closed")) {
        *open.entry(row.order_id.clone()).or_default() += row.quantity + -row.received;
    }
    open.retain(|_, open| *open > Quantity::ZERO);
    open
}

proptest! {
    #[test]
    fn stock_is_that_of_the_tables(seed in any::<u64>(), n_events in 0_u32..120) {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let zone = TimeZone::fixed(offset(-7));
        let files = files(rng);
        let events: Vec<Event> = (0..n_events).map(|number| event(rng, number)).collect();
        let first = events.iter().map(|event| event.occurred_at).min();
        let read_at = first.map_or_else(generator::now, |first| first - SignedDuration::from_nanos(1));
        let made = tables(&files, read_at, &events, &zone);
        let seen = FileStock::of(&files, Files::of(&files, read_at), &zone);
        let mut book = StockBook::new();
        for event in &events {
            book.apply(event);
        }
        for (item, location) in (0..made.items.len()).flat_map(|item| (0..made.locations.len()).map(move |l| (item, l))) {
            let place = ItemLocation::new(&made.items[item].item_id, &made.locations[location].location_id);
            let (item, location) = (ItemIdx(item as u32), LocationIdx(location as u32));
            let shown = seen.seen(&place, &book);
            let counted = shown.as_ref().filter(|shown| shown.is_of_files || shown.counted_at.is_some());
            prop_assert_eq!(counted.map(|shown| shown.on_hand), on_hand_of(&made, item, location), "{:?}", place);
            let open = shown.map(|shown| shown.open_orders).unwrap_or_default();
            let open: BTreeMap<String, Quantity> = open.iter().map(|order| (order.order_id.clone(), order.open())).collect();
            prop_assert_eq!(open, open_orders_of(&made, item, location), "{:?}", place);
        }
    }
}

/// Of a past day files say what they would have said then, had they been written at its end.
#[test]
fn a_past_day_knows_nothing_of_later_ones() {
    let (zone, n_days) = (TimeZone::UTC, 40);
    for seed in 0..50 {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let files = files(rng);
        let about = Files::of(&files, generator::now());
        let undated = about.last_day.unwrap();
        let shown = |seen: FileStock| {
            let book = StockBook::new();
            let places: Vec<ItemLocation> = seen.places_from(std::ops::Bound::Unbounded).cloned().collect();
            places.into_iter().map(|place| (seen.seen(&place, &book), place)).collect::<Vec<_>>()
        };
        let mut n_stocks = Vec::new();
        for last_day in (0..n_days).map(|n| undated.plus(5 - n)) {
            let mut then = files.clone();
            then.inventory.retain(|row| row.as_of.unwrap_or(undated) <= last_day);
            then.open_orders.retain(|row| row.ordered_on.unwrap_or(undated) <= last_day);
            then.receipts.retain(|row| row.received_on <= last_day);
            then.adjustments.retain(|row| row.day <= last_day);
            for idx in 0..then.sales.len() {
                if then.sales.day[idx] > last_day {
                    then.sales.quantity[idx] = Quantity::ZERO;
                }
            }
            let past = shown(FileStock::until(&files, about, &zone, last_day));
            n_stocks.push(past.len());
            // What was first counted later is not known, though orders for it are.
            let is_known = |place: &ItemLocation| {
                let of_place = |rows: &Dataset| {
                    rows.inventory.iter().any(|row| {
                        files.items[row.item.0 as usize].item_id == place.item_id
                            && files.locations[row.location.0 as usize].location_id == place.location_id
                    })
                };
                of_place(&then) || !of_place(&files)
            };
            let expected = shown(FileStock::of(&then, about, &zone)).into_iter();
            let expected: Vec<_> = expected.map(|(seen, place)| (seen.filter(|_| is_known(&place)), place)).collect();
            assert_eq!(past, expected, "{last_day}, seed {seed}");
        }
        assert_eq!(
            shown(FileStock::until(&files, about, &zone, undated.plus(99))),
            shown(FileStock::of(&files, about, &zone))
        );
        assert!(n_stocks.last() < n_stocks.first(), "something was counted on those days");
    }
}

/// A place of files alone shows its lots as they were counted; a later count of events says nothing about lots.
#[test]
fn lots_are_those_of_the_last_count() {
    let zone = TimeZone::UTC;
    let mut files = business(1);
    let day = files.inventory[0].as_of.unwrap();
    files.inventory.truncate(1);
    files.inventory[0].lot_id = Some("a".to_owned());
    files.inventory[0].as_of = Some(day.plus(-1));
    let place = ItemLocation::new("item-0", "store-0");
    let seen = FileStock::of(&files, Files::of(&files, generator::now()), &zone);
    let mut book = StockBook::new();
    let shown = seen.seen(&place, &book).unwrap();
    assert_eq!((shown.is_of_files, shown.lots.len()), (true, 1));
    assert_eq!(shown.counted_at.unwrap().to_string(), "2026-03-01T23:59:59.999999999Z");
    let count = Event {
        event_id: "1".to_owned(),
        source: "till".to_owned(),
        occurred_at: generator::now(),
        kind: EventKind::Count { place: place.clone(), on_hand: Quantity::from_whole(7) },
        attributes: BTreeMap::new(),
    };
    book.apply(&count);
    let shown = seen.seen(&place, &book).unwrap();
    assert_eq!((shown.is_of_files, shown.lots.len(), shown.on_hand), (false, 0, Quantity::from_whole(7)));
    assert_eq!(seen.places_from(std::ops::Bound::Unbounded).next(), Some(&place));
    assert_eq!(seen.seen(&ItemLocation::new("tea", "berlin"), &book), None);
}
