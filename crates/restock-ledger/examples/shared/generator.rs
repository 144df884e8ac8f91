//! Events of a small chain, any of them from a seed and a number, for tests and measurements.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use restock_core::event::{OrderLine, SupplyOrigin};
use restock_core::master::{Lane, MasterChange, MasterKey, REMOVED, canonical};
use restock_core::said_demand::{DemandChange, ForecastOverride, GivenForecast, OverrideKey};
use restock_core::{Day, Event, EventKind, ItemLocation, Money, Quantity};

/// The clock of whoever takes the events in: all of them happened in the 400 days before.
pub(crate) fn now() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().unwrap()
}

/// The size of the chain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chain {
    pub(crate) n_items: u32,
    pub(crate) n_locations: u32,
}

/// Event number `number` of a source. Numbers give ids, so no two events have the same key.
pub(crate) fn event(chain: Chain, source: &str, seed: u64, number: u64) -> Event {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let rng = &mut rng;
    let place = ItemLocation::new(
        format!("item-{:05}", rng.random_range(0..chain.n_items)),
        format!("store-{:03}", rng.random_range(0..chain.n_locations)),
    );
    // Few orders per place, so that lines meet their confirmations and receipts; instants repeat, so that ties happen.
    let order_id = format!("po-{}", rng.random_range(0..6));
    let occurred_at = now() - SignedDuration::from_mins(10 * rng.random_range(0..57_600));
    let line = OrderLine { order_id: order_id.clone(), place: place.clone() };
    let kind = match rng.random_range(0..42) {
        0..=17 => EventKind::Sale { place, quantity: quantity(rng), unit_price: money(rng), lost: maybe_quantity(rng) },
        18 => EventKind::Return { place, quantity: quantity(rng), unit_price: None },
        19..=21 => EventKind::Receipt {
            place,
            quantity: quantity(rng),
            order_id: rng.random_bool(0.8).then_some(order_id),
            origin: origin(rng),
            unit_cost: money(rng),
        },
        22 => EventKind::Adjustment {
            place,
            quantity: if rng.random_bool(0.5) { -quantity(rng) } else { quantity(rng) },
            reason: ["", "theft", "found \"behind\" a shelf\\"][rng.random_range(0..3)].to_owned(),
        },
        23 | 24 => EventKind::Count { place, on_hand: quantity(rng) },
        25 => EventKind::Waste { place, quantity: quantity(rng), reason: "expiry".to_owned() },
        26 => EventKind::TransferOut { place, quantity: quantity(rng), to_location: None, order_id: None },
        27 => EventKind::TransferIn {
            place,
            quantity: quantity(rng),
            from_location: Some("hub".to_owned()),
            order_id: rng.random_bool(0.5).then_some(order_id),
        },
        28 | 29 => {
            EventKind::OrderPlaced { line, quantity: quantity(rng), origin: origin(rng), due_on: maybe_day(rng) }
        }
        30 => EventKind::OrderConfirmed { line, quantity: maybe_quantity(rng), due_on: maybe_day(rng) },
        31 => EventKind::OrderCancelled { line, quantity: maybe_quantity(rng) },
        32 => EventKind::OrderShipped { line, quantity: maybe_quantity(rng), due_on: maybe_day(rng) },
        33 => {
            let from = maybe_day(rng);
            EventKind::PriceChange {
                item_id: place.item_id,
                location_id: rng.random_bool(0.5).then_some(place.location_id),
                price: money(rng).unwrap_or_default(),
                from,
                to: from.filter(|_| rng.random_bool(0.5)).map(|from| from.plus(6)),
            }
        }
        34 => {
            let from = day(rng);
            EventKind::Promotion {
                promo_id: "spring".to_owned(),
                item_id: rng.random_bool(0.8).then_some(place.item_id),
                location_id: rng.random_bool(0.5).then_some(place.location_id),
                from,
                to: from.plus(rng.random_range(0..14)),
                depth: rng.random_bool(0.5).then(|| Money::new(rng.random_range(0..=100), 2)),
                display: rng.random_bool(0.5),
                expected_uplift: rng.random_bool(0.3).then(|| Money::new(rng.random_range(10..40), 1)),
            }
        }
        35 => EventKind::StockoutObserved { place, to: maybe_day(rng) },
        36 => EventKind::LeadTimeNotice {
            origin: origin(rng).unwrap_or(SupplyOrigin::Supplier("dairy".to_owned())),
            item_id: rng.random_bool(0.3).then_some(place.item_id),
            location_id: rng.random_bool(0.3).then_some(place.location_id),
            lead_time_days: Money::new(rng.random_range(0..60), 1),
        },
        40 => EventKind::ForecastOverride(Box::new(forecast_override(rng, place))),
        41 => EventKind::ForecastGiven(Box::new(GivenForecast {
            place,
            day: day(rng),
            mean: money(rng),
            quantiles: [(5, 10), (50, 25), (95, 60)].map(|(level, n)| (Money::new(level, 2), Money::new(n, 1))).into(),
        })),
        38 | 39 => EventKind::MasterChange(Box::new(master_change(rng, place))),
        _ => EventKind::SensorReading {
            sensor_id: "t-1".to_owned(),
            metric: "temperature".to_owned(),
            location_id: place.location_id,
            item_id: None,
            value: Money::new(rng.random_range(-300..300), 1),
            unit: "°C".to_owned(),
        },
    };
    let attributes = match rng.random_range(0..10) {
        0 => BTreeMap::from([("till".to_owned(), rng.random_range(1..9).to_string())]),
        1 => BTreeMap::from([("note".to_owned(), "\"said: {\\\"a\\\": 1}\"".to_owned())]),
        _ => BTreeMap::new(),
    };
    Event { event_id: number.to_string(), source: source.to_owned(), occurred_at, kind, attributes }
}

/// What somebody says about a forecast, or takes back.
fn forecast_override(rng: &mut ChaCha8Rng, place: ItemLocation) -> ForecastOverride {
    let from = day(rng);
    let location_id = rng.random_bool(0.7).then_some(place.location_id);
    let (item_id, category) = match rng.random_bool(0.8) {
        true => (Some(place.item_id), None),
        false => (None, Some("food/dairy".to_owned())),
    };
    let change = match rng.random_range(0..4) {
        0 => None,
        1 if item_id.is_some() && location_id.is_some() => Some(DemandChange::Quantity(quantity(rng))),
        2 => Some(DemandChange::Surge(Money::new(rng.random_range(1..90), 1))),
        _ => Some(DemandChange::Factor(Money::new(rng.random_range(0..30), 1))),
    };
    let key = OverrideKey { item_id, location_id, category, from, to: from.plus(rng.random_range(0..3)) };
    let author = ["", "ann"][rng.random_range(0..2)].to_owned();
    ForecastOverride { key, change, reason: "street \"party\"".to_owned(), author }
}

/// What is said about a record: some of its fields, some of them cleared.
fn master_change(rng: &mut ChaCha8Rng, place: ItemLocation) -> MasterChange {
    let record = match rng.random_range(0..8) {
        0 => MasterKey::Item(place.item_id),
        1 => MasterKey::Location(place.location_id),
        2 => MasterKey::Supplier(format!("supplier-{}", rng.random_range(0..3))),
        3 => MasterKey::ItemLocation(place),
        4 => MasterKey::Calendar(["shop", "holidays"][rng.random_range(0..2)].to_owned()),
        5 => MasterKey::Uom { item_id: place.item_id, uom: ["case", "pallet"][rng.random_range(0..2)].to_owned() },
        6 => MasterKey::Segment(["item.abc == 'A'", "location.kind == \"dc\""][rng.random_range(0..2)].to_owned()),
        _ => {
            let item_id = rng.random_bool(0.6).then_some(place.item_id);
            let category = (item_id.is_none() && rng.random_bool(0.3)).then(|| "food/dairy".to_owned());
            MasterKey::Source(Lane {
                to_location: rng.random_bool(0.7).then_some(place.location_id),
                origin: origin(rng).unwrap_or(SupplyOrigin::Supplier("dairy".to_owned())),
                item_id,
                category,
                effective_from: rng.random_bool(0.2).then(|| day(rng)),
            })
        }
    };
    let table = record.table();
    if table.can_be_removed() && rng.random_bool(0.2) {
        return MasterChange { record, fields: [(REMOVED.to_owned(), Some("true".to_owned()))].into() };
    }
    let others: &[&str] = match record {
        MasterKey::Calendar(_) => &["2026-12-25", "2026-12-26"],
        _ if table.has_attributes() => &["brand"],
        _ => &[],
    };
    let names = table.fields().iter().chain(others).copied();
    let mut fields = BTreeMap::new();
    for name in names {
        if rng.random_bool(0.25) {
            let texts = [
                "2026-03-02",
                "0.5",
                "4",
                "12.5",
                "true",
                "fill_rate",
                "mon \"x\" thu",
                "mon fri",
                "10:0.75",
                "economics",
                "min_max",
            ];
            let first = rng.random_range(0..texts.len());
            let known = (0..texts.len()).map(|idx| texts[(first + idx) % texts.len()]);
            let mut said = known.filter_map(|text| canonical(table, name, Some(text)).ok());
            let text = said.next().flatten().filter(|_| rng.random_bool(0.8));
            fields.insert(name.to_owned(), text);
        }
    }
    MasterChange { record, fields }
}

fn quantity(rng: &mut ChaCha8Rng) -> Quantity {
    match rng.random_range(0..4) {
        0 => Quantity::from_micro(rng.random_range(0..50_000_000)),
        _ => Quantity::from_whole(rng.random_range(0..40)),
    }
}

fn maybe_quantity(rng: &mut ChaCha8Rng) -> Option<Quantity> {
    rng.random_bool(0.4).then(|| quantity(rng))
}

fn money(rng: &mut ChaCha8Rng) -> Option<Money> {
    rng.random_bool(0.6).then(|| Money::new(rng.random_range(0..10_000), 2).normalize())
}

fn day(rng: &mut ChaCha8Rng) -> Day {
    Day(20_000 + rng.random_range(0..500))
}

fn maybe_day(rng: &mut ChaCha8Rng) -> Option<Day> {
    rng.random_bool(0.6).then(|| day(rng))
}

fn origin(rng: &mut ChaCha8Rng) -> Option<SupplyOrigin> {
    match rng.random_range(0..4) {
        0 => None,
        1 => Some(SupplyOrigin::Location("hub".to_owned())),
        _ => Some(SupplyOrigin::Supplier(format!("supplier-{}", rng.random_range(0..3)))),
    }
}
