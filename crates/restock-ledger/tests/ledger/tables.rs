//! Tables from events, beside the tables of the files that say the same.

use jiff::Timestamp;
use jiff::tz::{TimeZone, offset};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use restock_core::dataset::{
    AdjustmentRow, InventoryRow, Item, Location, OpenOrderRow, Origin, PriceRow, PromotionRow, ReadingRow, ReceiptRow,
    SignalRow, SourceRow, StockoutRow, Supplier,
};
use restock_core::event::{OrderLine, SupplyOrigin};
use restock_core::{
    Dataset, Day, Event, EventKind, ItemIdx, ItemLocation, LocationIdx, Money, Quantity, RowRef, SupplierIdx,
};
use restock_ledger::{EVENTS_FILE, events_from_tables, tables, wire};

use crate::generator::{self, Chain};
use crate::{at, sale};

fn q(text: &str) -> Quantity {
    text.parse().unwrap()
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn zone() -> TimeZone {
    TimeZone::fixed(offset(-7))
}

fn now() -> Timestamp {
    generator::now()
}

/// The tables of a business whose files say everything that events can say, sorted as imports and events sort them.
pub(crate) fn business(seed: u64) -> Dataset {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut dataset = Dataset::default();
    let (n_items, n_locations) = (5, 3);
    dataset.items = (0..n_items).map(|idx| Item { item_id: format!("item-{idx}"), ..Item::default() }).collect();
    dataset.locations =
        (0..n_locations).map(|idx| Location { location_id: format!("store-{idx}"), ..Location::default() }).collect();
    dataset.suppliers =
        (0..2).map(|idx| Supplier { supplier_id: format!("supplier-{idx}"), ..Supplier::default() }).collect();
    let today = day("2026-03-02");
    let amount = |rng: &mut ChaCha8Rng| Quantity::from_micro(rng.random_range(1..400) * 500_000);
    let row = RowRef::default();
    for item in (0..n_items).map(ItemIdx) {
        for location in (0..n_locations).map(LocationIdx) {
            for days_ago in (1..30).rev() {
                let sales = &mut dataset.sales;
                sales.item.push(item);
                sales.location.push(location);
                sales.day.push(today.plus(-days_ago));
                let quantity = amount(&mut rng);
                sales.quantity.push(if rng.random_bool(0.1) { -quantity } else { quantity });
                let price = rng.random_range(1..2_000) as f32 / 100.0;
                sales.unit_price.push(if rng.random_bool(0.1) { f32::NAN } else { price });
                let is_short = sales.quantity.last().unwrap() > &Quantity::ZERO && rng.random_bool(0.2);
                sales.lost.push(if is_short { amount(&mut rng) } else { Quantity::ZERO });
                sales.row.push(row);
            }
            dataset.inventory.push(InventoryRow {
                item,
                location,
                on_hand: amount(&mut rng),
                as_of: Some(today),
                lot_id: None,
                expiry: None,
                allocated: Quantity::ZERO,
                blocked: Quantity::ZERO,
                in_transit: Quantity::ZERO,
                row,
            });
            let origin = match rng.random_range(0..3) {
                0 => Origin::Location(LocationIdx(0)),
                idx => Origin::Supplier(SupplierIdx(idx - 1)),
            };
            for number in 0..3 {
                let order_id = format!("po-{}-{}-{number}", item.0, location.0);
                let (ordered_on, due_on) = (Some(today.plus(-9 - number)), Some(today.plus(number - 3)));
                if number > 0 {
                    dataset.receipts.push(ReceiptRow {
                        order_id: order_id.clone(),
                        item,
                        location: Some(location),
                        origin: Some(origin),
                        quantity: q("4"),
                        ordered_on,
                        due_on,
                        received_on: today.plus(-number),
                        unit_cost: rng.random_bool(0.5).then(|| Money::new(rng.random_range(1..999), 2).normalize()),
                        row,
                    });
                }
                if number < 2 {
                    dataset.open_orders.push(OpenOrderRow {
                        order_id,
                        item,
                        to_location: location,
                        origin: Some(origin),
                        quantity: amount(&mut rng) + q("5"),
                        received: if number > 0 { q("4") } else { Quantity::ZERO },
                        ordered_on,
                        due_on,
                        status: ["open", "confirmed", "shipped"][rng.random_range(0..3)].to_owned(),
                        row,
                    });
                }
            }
            dataset.prices.push(PriceRow {
                item,
                location: Some(location),
                from: today.plus(-20),
                to: Some(today.plus(40)),
                price: Money::new(199, 2),
                row,
            });
            dataset.promotions.push(PromotionRow {
                promo_id: String::new(),
                item: Some(item),
                location: Some(location),
                from: today.plus(rng.random_range(-9..9)),
                to: today.plus(10),
                depth: Some(0.15),
                display: rng.random_bool(0.5),
                expected_uplift: Some(1.4),
                row,
            });
            let from = today.plus(rng.random_range(-20..-9));
            dataset.stockouts.push(StockoutRow { item, location, from, to: from.plus(2), row });
            for reason in ["waste", "theft"] {
                let (day, quantity) = (today.plus(-4), -amount(&mut rng));
                dataset.adjustments.push(AdjustmentRow {
                    day,
                    item,
                    location,
                    quantity,
                    reason: reason.to_owned(),
                    row,
                });
            }
        }
    }
    for location in (0..n_locations).map(LocationIdx) {
        let value = rng.random_range(-10.0_f64..30.0).round() / 4.0;
        let (name, day) = ("temperature".to_owned(), today.plus(-1));
        dataset.signals.push(SignalRow { name, day, location: Some(location), value, known_in_future: false });
    }
    for item in (0..n_items).map(ItemIdx) {
        for (metric, unit) in [("temperature", "°C"), ("weight", "kg")] {
            let value = rng.random_range(0.0_f64..30.0).round() / 4.0;
            let (day, location) = (today.plus(-1), LocationIdx(0));
            let (sensor_id, metric, unit) = ("s".to_owned(), metric.to_owned(), unit.to_owned());
            dataset.readings.push(ReadingRow { sensor_id, metric, day, item, location, value, mean: value, unit, row });
        }
    }
    for item in 0..n_items as usize {
        dataset.items[item].decimals = 1;
    }
    normal(dataset)
}

/// Without what says where a row came from, in one order.
fn normal(mut dataset: Dataset) -> Dataset {
    dataset.files.clear();
    dataset.facts.n_returns = 0;
    dataset.sales.row.iter_mut().for_each(|row| *row = RowRef::default());
    dataset.sales.unit_price.iter_mut().filter(|price| price.is_nan()).for_each(|price| *price = -1.0);
    macro_rules! sorted {
        ($($table:ident: $($key:ident),*;)*) => {$(
            dataset.$table.iter_mut().for_each(|row| row.row = RowRef::default());
            dataset.$table.sort_by_key(|row| ($(row.$key.clone()),*));
        )*};
    }
    sorted! {
        inventory: item, location;
        open_orders: item, to_location, order_id;
        receipts: item, location, order_id;
        prices: item, location, from;
        promotions: item, location, from;
        readings: item, location, metric;
        stockouts: item, location, from;
        adjustments: item, location, reason;
    }
    dataset
}

#[test]
fn events_say_what_files_say() {
    for seed in 0..10 {
        let files = business(seed);
        let made = events_from_tables(&files, "files", now(), &zone());
        assert_eq!(made.left_out, Default::default());
        let mut events = made.events;
        // Through the wire, as a ledger keeps them.
        for event in &mut events {
            *event = wire::read_event(wire::write(event).as_bytes()).unwrap();
        }
        events.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        let made = normal(tables(&Dataset::default(), now(), &events, &zone()));
        assert_eq!(made.sales, files.sales);
        assert_eq!(made.open_orders, files.open_orders);
        assert_eq!(made.receipts, files.receipts);
        assert_eq!(made.inventory, files.inventory);
        assert_eq!(made.prices, files.prices);
        assert_eq!(made.promotions, files.promotions);
        assert_eq!(made.stockouts, files.stockouts);
        assert_eq!(made.adjustments, files.adjustments);
        assert_eq!(made.signals, files.signals);
        assert_eq!(made.readings, files.readings);
        assert_eq!(made.suppliers, files.suppliers);
        assert_eq!(made, files);
    }
}

#[test]
fn ids_of_rows_stay_when_the_file_grows() {
    let mut files = business(1);
    let before = events_from_tables(&files, "files", now(), &zone()).events;
    let last = files.adjustments[0].clone();
    files.adjustments.insert(0, AdjustmentRow { day: day("2026-02-01"), ..last.clone() });
    files.adjustments.push(last);
    let after = events_from_tables(&files, "files", now(), &zone()).events;
    let known: std::collections::BTreeSet<&str> = before.iter().map(|event| event.event_id.as_str()).collect();
    assert_eq!(known.len(), before.len(), "ids are unique");
    assert_eq!(after.iter().filter(|event| !known.contains(event.event_id.as_str())).count(), 2);
}

#[test]
fn the_order_of_events_does_not_matter() {
    let chain = Chain { n_items: 4, n_locations: 2 };
    let mut events: Vec<Event> = (0..500).map(|number| generator::event(chain, "s", 3, number)).collect();
    let expected = tables(&business(1), now(), &events, &zone());
    assert_eq!(expected.files, [EVENTS_FILE]);
    assert!(expected.items.is_sorted_by_key(|item| item.item_id.clone()));
    for seed in 0..20 {
        events.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        // Prices that are not known are not equal to themselves.
        assert_eq!(format!("{:?}", tables(&business(1), now(), &events, &zone())), format!("{expected:?}"));
    }
}

#[test]
fn without_events_files_stay_as_they_are() {
    let files = business(2);
    let made = tables(&files, now(), &[], &zone());
    assert_eq!(normal(made), files);
}

/// Milk in Berlin: 10 in lot A until March 5th, 6 in lot B until March 9th; an order of 12, 4 of it received.
fn dairy() -> Dataset {
    let lot = |lot_id: &str, expiry: &str, on_hand: &str| InventoryRow {
        item: ItemIdx(0),
        location: LocationIdx(0),
        on_hand: q(on_hand),
        as_of: Some(day("2026-03-01")),
        lot_id: Some(lot_id.to_owned()),
        expiry: Some(day(expiry)),
        allocated: q("1"),
        blocked: Quantity::ZERO,
        in_transit: Quantity::ZERO,
        row: RowRef::default(),
    };
    let lane = |item: Option<u32>| SourceRow {
        to_location: None,
        origin: Origin::Supplier(SupplierIdx(0)),
        item: item.map(ItemIdx),
        category: None,
        lead_time_days: Some(3.0),
        lead_time_told_on: None,
        lead_time_sd_days: None,
        unit_cost: None,
        min_order: None,
        pack_size: None,
        layer_size: None,
        pallet_size: None,
        max_order: None,
        priority: 1,
        share: None,
        review_calendar: None,
        effective_from: None,
        effective_to: None,
        price_breaks: vec![],
        row: RowRef::default(),
    };
    Dataset {
        items: vec![Item { item_id: "milk".to_owned(), ..Item::default() }],
        locations: vec![Location { location_id: "berlin".to_owned(), ..Location::default() }],
        suppliers: vec![Supplier { supplier_id: "dairy".to_owned(), ..Supplier::default() }],
        inventory: vec![lot("B", "2026-03-09", "6"), lot("A", "2026-03-05", "10")],
        sources: vec![lane(None), lane(Some(0))],
        open_orders: vec![OpenOrderRow {
            order_id: "po-1".to_owned(),
            item: ItemIdx(0),
            to_location: LocationIdx(0),
            origin: Some(Origin::Supplier(SupplierIdx(0))),
            quantity: q("12"),
            received: q("4"),
            ordered_on: None,
            due_on: Some(day("2026-03-04")),
            status: "confirmed".to_owned(),
            row: RowRef::default(),
        }],
        ..Dataset::default()
    }
}

fn milk() -> ItemLocation {
    ItemLocation::new("milk", "berlin")
}

fn event(event_id: &str, occurred_at: &str, kind: EventKind) -> Event {
    Event { occurred_at: at(occurred_at), kind, ..sale(event_id, "1") }
}

fn lots(dataset: &Dataset) -> Vec<(Option<&str>, String)> {
    dataset.inventory.iter().map(|row| (row.lot_id.as_deref(), row.on_hand.to_string())).collect()
}

#[test]
fn stock_of_files_goes_on_with_events() {
    let made = |events: &[Event]| tables(&dairy(), at("2026-03-01T12:00:00Z"), events, &TimeZone::UTC);
    let sold = |id: &str, instant: &str, quantity: &str| Event { occurred_at: at(instant), ..sale(id, quantity) };
    // What the files count stays as it is, lots included: sales of that day and before are in it, those of later days are
    // in the sales, by which a plan brings it forward.
    let lots_of_files = [(Some("B"), "6".to_owned()), (Some("A"), "10".to_owned())];
    let early = sold("1", "2026-02-28T23:00:00Z", "3");
    let today = sold("2", "2026-03-01T09:00:00Z", "12.5");
    let later = sold("7", "2026-03-02T09:00:00Z", "2");
    let made_of = made(&[today.clone(), later, early]);
    assert_eq!(lots(&made_of), lots_of_files);
    assert_eq!((made_of.sales.len(), made_of.items[0].decimals), (3, 1));
    assert!(made_of.inventory.iter().all(|row| row.as_of == Some(day("2026-03-01"))));

    // What comes in is a receipt; its order is done with what is missing.
    let receipt = |id: &str, quantity: &str| {
        event(
            id,
            "2026-03-02T09:00:00Z",
            EventKind::Receipt {
                place: milk(),
                quantity: q(quantity),
                order_id: Some("po-1".to_owned()),
                origin: None,
                unit_cost: None,
            },
        )
    };
    let three = made(&[receipt("3", "5")]);
    assert_eq!((lots(&three), three.receipts.len()), (lots_of_files.to_vec(), 1));
    let order = &three.open_orders[0];
    assert_eq!((order.quantity, order.received, order.status.as_str()), (q("12"), q("9"), "confirmed"));
    assert_eq!((order.ordered_on, order.due_on), (None, Some(day("2026-03-04"))));
    assert_eq!(three.receipts[0].origin, Some(Origin::Supplier(SupplierIdx(0))));
    assert_eq!(made(&[receipt("3", "5"), receipt("4", "3")]).open_orders, []);

    // A count makes everything new: the stock at the end of its day, with what moved after it.
    let count = event("5", "2026-03-02T10:00:00Z", EventKind::Count { place: milk(), on_hand: q("7") });
    let afternoon = sold("8", "2026-03-02T15:00:00Z", "3");
    let four = made(&[count.clone(), today, receipt("3", "5"), afternoon]);
    assert_eq!(lots(&four), [(None, "4".to_owned())]);
    assert_eq!((four.inventory[0].as_of, four.inventory[0].allocated), (Some(day("2026-03-02")), q("2")));

    // The count of a day that the files count at its end is older than theirs.
    let before = Event { occurred_at: at("2026-03-01T10:00:00Z"), event_id: "9".to_owned(), ..count };
    assert_eq!(lots(&made(&[before])), lots_of_files);
}

#[test]
fn new_items_get_rows_and_sales_alone_are_no_stock() {
    let mut other = sale("1", "2");
    other.kind = EventKind::Sale {
        place: ItemLocation::new("bread", "aachen"),
        quantity: q("2"),
        unit_price: Some(Money::new(25, 1)),
        lost: None,
    };
    let made = tables(&dairy(), now(), &[other], &zone());
    let ids: Vec<&str> = made.items.iter().map(|item| item.item_id.as_str()).collect();
    assert_eq!(ids, ["bread", "milk"]);
    assert_eq!(
        (made.sales.item[0], made.sales.location[0], made.sales.unit_price[0]),
        (ItemIdx(0), LocationIdx(0), 2.5)
    );
    assert!(made.inventory.iter().all(|row| row.item == ItemIdx(1) && row.location == LocationIdx(1)));
    assert_eq!(made.sources[1].item, Some(ItemIdx(1)));
}

#[test]
fn a_notice_sets_the_lead_time_of_the_lanes_it_covers() {
    let notice = |id: &str, instant: &str, item_id: Option<&str>, days: i64| {
        event(
            id,
            instant,
            EventKind::LeadTimeNotice {
                origin: SupplyOrigin::Supplier("dairy".to_owned()),
                item_id: item_id.map(str::to_owned),
                location_id: None,
                lead_time_days: Money::from(days),
            },
        )
    };
    let lead_times = |events: &[Event]| -> Vec<Option<f64>> {
        tables(&dairy(), now(), events, &zone()).sources.iter().map(|lane| lane.lead_time_days).collect()
    };
    let (all, milk) =
        (notice("1", "2026-03-01T09:00:00Z", None, 9), notice("2", "2026-03-01T10:00:00Z", Some("milk"), 5));
    assert_eq!(lead_times(std::slice::from_ref(&milk)), [Some(3.0), Some(5.0)]);
    assert_eq!(lead_times(&[milk.clone(), all.clone()]), [Some(9.0), Some(5.0)]);
    let later = notice("3", "2026-03-01T11:00:00Z", None, 4);
    assert_eq!(lead_times(&[later.clone(), milk, all]), [Some(4.0), Some(4.0)]);
    let told = tables(&dairy(), now(), &[later], &zone()).sources;
    assert_eq!(told[0].lead_time_told_on, "2026-03-01".parse().ok(), "receipts of earlier orders do not count");
    assert!(dairy().sources.iter().all(|lane| lane.lead_time_told_on.is_none()));
}

#[test]
fn orders_of_files_can_be_cancelled() {
    // Before the files were read, and after.
    for instant in ["2026-03-02T09:00:00Z", "2026-03-02T12:00:01Z"] {
        let line = OrderLine { order_id: "po-1".to_owned(), place: milk() };
        let cancelled = event("1", instant, EventKind::OrderCancelled { line, quantity: None });
        assert_eq!(tables(&dairy(), now(), &[cancelled], &zone()).open_orders, []);
    }
}

/// An empty shelf that somebody saw stays in the tables after the next count; one that was filled on the same day does not.
#[test]
fn earlier_counts_of_nothing_stay() {
    let count = |id: &str, instant: &str, on_hand: &str| {
        event(id, instant, EventKind::Count { place: milk(), on_hand: q(on_hand) })
    };
    let receipt = |id: &str, instant: &str| {
        let kind =
            EventKind::Receipt { place: milk(), quantity: q("8"), order_id: None, origin: None, unit_cost: None };
        event(id, instant, kind)
    };
    let events = [
        count("1", "2026-03-02T09:00:00Z", "0"),
        count("2", "2026-03-04T09:00:00Z", "0"),
        receipt("3", "2026-03-04T12:00:00Z"),
        count("4", "2026-03-06T09:00:00Z", "5"),
    ];
    let made = tables(&dairy(), at("2026-03-01T12:00:00Z"), &events, &TimeZone::UTC);
    let rows: Vec<(Option<Day>, String)> =
        made.inventory.iter().map(|row| (row.as_of, row.on_hand.to_string())).collect();
    assert_eq!(rows, [(Some(day("2026-03-02")), "0".to_owned()), (Some(day("2026-03-06")), "5".to_owned())]);
}

/// A sensor that watches an item says something about that item; of a day the last reading and the mean are kept.
#[test]
fn readings_of_an_item_are_kept_by_day() {
    let read = |id: &str, instant: &str, value: &str| {
        let kind = EventKind::SensorReading {
            sensor_id: "scale-1".to_owned(),
            metric: "weight".to_owned(),
            location_id: "berlin".to_owned(),
            item_id: Some("milk".to_owned()),
            value: value.parse().unwrap(),
            unit: "kg".to_owned(),
        };
        event(id, instant, kind)
    };
    let events = [read("2", "2026-03-02T19:00:00Z", "4"), read("1", "2026-03-02T09:00:00Z", "10")];
    let made = tables(&dairy(), at("2026-03-01T12:00:00Z"), &events, &TimeZone::UTC);
    let [reading] = &made.readings[..] else { panic!("{:?}", made.readings) };
    assert_eq!((reading.day, reading.value, reading.mean), (day("2026-03-02"), 4.0, 7.0));
    assert_eq!((reading.sensor_id.as_str(), reading.unit.as_str()), ("scale-1", "kg"));
    assert!(made.signals.is_empty());
}

/// A signal has no unit: what a fridge says in Fahrenheit is in °C there.
#[test]
fn temperatures_of_a_location_become_celsius() {
    let read = |id: &str, instant: &str, value: &str, unit: &str| {
        let kind = EventKind::SensorReading {
            sensor_id: "fridge".to_owned(),
            metric: "fridge_temperature".to_owned(),
            location_id: "berlin".to_owned(),
            item_id: None,
            value: value.parse().unwrap(),
            unit: unit.to_owned(),
        };
        event(id, instant, kind)
    };
    let events = [read("1", "2026-03-02T09:00:00Z", "41", "°F"), read("2", "2026-03-02T19:00:00Z", "7", "C")];
    let made = tables(&dairy(), at("2026-03-01T12:00:00Z"), &events, &TimeZone::UTC);
    let [signal] = &made.signals[..] else { panic!("{:?}", made.signals) };
    assert_eq!((signal.day, signal.value), (day("2026-03-02"), 6.0));
}
