//! The stock book against a plain version of its rules, in every order of arrival.

#![expect(clippy::print_stdout, reason = "the figures of a run are worth reading")]

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use restock_core::event::OrderLine;
use restock_core::{Event, EventKind, ItemLocation, Quantity};
use restock_ledger::{OpenOrder, StockBook};

use crate::generator::{self, Chain};
use crate::{at, sale};

fn q(text: &str) -> Quantity {
    text.parse().unwrap()
}

fn milk() -> ItemLocation {
    ItemLocation::new("milk", "berlin")
}

fn event(event_id: &str, occurred_at: &str, kind: EventKind) -> Event {
    Event { occurred_at: at(occurred_at), kind, ..sale(event_id, "1") }
}

fn count(event_id: &str, occurred_at: &str, on_hand: &str) -> Event {
    event(event_id, occurred_at, EventKind::Count { place: milk(), on_hand: q(on_hand) })
}

fn sold(event_id: &str, occurred_at: &str, quantity: &str) -> Event {
    Event { occurred_at: at(occurred_at), ..sale(event_id, quantity) }
}

fn book<'a>(events: impl IntoIterator<Item = &'a Event>) -> StockBook {
    let mut book = StockBook::new();
    for event in events {
        assert!(!book.apply(event).is_too_late);
    }
    book
}

/// Every order of `events` gives the same book; returns it.
fn in_any_order(events: &[Event]) -> StockBook {
    let expected = book(events);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut shuffled: Vec<&Event> = events.iter().collect();
    for _ in 0..200 {
        shuffled.shuffle(&mut rng);
        assert_eq!(book(shuffled.iter().copied()).to_bytes(), expected.to_bytes());
    }
    expected
}

#[test]
fn a_count_sets_the_stock_at_its_instant() {
    let events = [
        count("1", "2026-03-01T10:00:00Z", "20"),
        sold("2", "2026-03-01T09:59:59Z", "7"),
        // At the instant of the count: after it.
        sold("3", "2026-03-01T10:00:00Z", "1"),
        sold("4", "2026-03-01T12:00:00Z", "2.5"),
        count("0", "2026-02-01T10:00:00Z", "500"),
    ];
    let book = in_any_order(&events);
    let stock = book.stock(&milk()).unwrap();
    assert_eq!((stock.on_hand, stock.counted_at), (q("16.5"), Some(at("2026-03-01T10:00:00Z"))));
    // Two counts at one instant: the larger id.
    let mut events = events.to_vec();
    events.push(count("5", "2026-03-01T10:00:00Z", "30"));
    assert_eq!(in_any_order(&events).stock(&milk()).unwrap().on_hand, q("26.5"));
    assert_eq!(book.stock(&ItemLocation::new("milk", "hamburg")), None);
}

#[test]
fn what_changes_is_said() {
    let mut book = StockBook::new();
    let sale = sold("1", "2026-03-01T10:00:00Z", "1");
    let applied = book.apply(&sale);
    assert_eq!((applied.item_id, applied.location_id, applied.has_changed), (Some("milk"), Some("berlin"), true));
    assert!(book.apply(&count("2", "2026-03-01T11:00:00Z", "4")).has_changed);
    // Late, and from before the count.
    assert!(!book.apply(&sold("3", "2026-03-01T10:30:00Z", "1")).has_changed);
    assert!(!book.apply(&count("4", "2026-03-01T10:30:00Z", "9")).has_changed);
    assert!(
        !book
            .apply(&event("5", "2026-03-02T10:30:00Z", EventKind::StockoutObserved { place: milk(), to: None }))
            .has_changed
    );
    assert_eq!(book.stock(&milk()).unwrap().on_hand, q("4"));
}

#[test]
fn orders_come_in_any_order() {
    let line = || OrderLine { order_id: "po-1".to_owned(), place: milk() };
    let placed = |id: &str, instant: &str, quantity: &str| {
        event(
            id,
            instant,
            EventKind::OrderPlaced {
                line: line(),
                quantity: q(quantity),
                origin: None,
                due_on: "2026-03-09".parse().ok(),
            },
        )
    };
    let receipt = |id: &str, quantity: &str| {
        event(
            id,
            "2026-03-05T08:00:00Z",
            EventKind::Receipt {
                place: milk(),
                quantity: q(quantity),
                order_id: Some("po-1".to_owned()),
                origin: None,
                unit_cost: None,
            },
        )
    };
    let open = |events: &[Event]| -> Vec<OpenOrder> { in_any_order(events).open_orders(&milk()) };

    // A receipt before its order is known.
    let mut events = vec![receipt("r1", "4")];
    assert_eq!(open(&events), []);
    events.push(placed("p1", "2026-03-01T08:00:00Z", "12"));
    let order = &open(&events)[0];
    assert_eq!((order.quantity, order.received, order.open()), (q("12"), q("4"), q("8")));
    assert_eq!((order.status, order.due_on.unwrap().to_string()), ("open", "2026-03-09".to_owned()));
    assert_eq!(order.placed_at, Some(at("2026-03-01T08:00:00Z")));

    // Confirmed with less, and later; then shipped.
    let confirmed =
        EventKind::OrderConfirmed { line: line(), quantity: Some(q("10")), due_on: "2026-03-11".parse().ok() };
    events.push(event("c1", "2026-03-02T08:00:00Z", confirmed));
    events.push(event(
        "s1",
        "2026-03-03T08:00:00Z",
        EventKind::OrderShipped { line: line(), quantity: None, due_on: None },
    ));
    let order = &open(&events)[0];
    assert_eq!((order.quantity, order.open(), order.status), (q("10"), q("6"), "shipped"));
    assert_eq!(order.due_on.unwrap().to_string(), "2026-03-11");

    // One unit less, then the rest arrives.
    events.push(event(
        "x1",
        "2026-03-03T09:00:00Z",
        EventKind::OrderCancelled { line: line(), quantity: Some(q("1")) },
    ));
    assert_eq!(open(&events)[0].open(), q("5"));
    let mut received = events.clone();
    received.push(receipt("r2", "5"));
    assert_eq!(open(&received), []);
    // More than ordered leaves nothing open, and is in stock.
    received.push(receipt("r3", "5"));
    assert_eq!(open(&received), []);
    assert_eq!(in_any_order(&received).stock(&milk()).unwrap().on_hand, q("14"));

    // Cancelled as a whole, and ordered anew later.
    events.push(event("x2", "2026-03-04T09:00:00Z", EventKind::OrderCancelled { line: line(), quantity: None }));
    assert_eq!(open(&events), []);
    events.push(placed("p2", "2026-03-05T08:00:00Z", "20"));
    assert_eq!(open(&events)[0].open(), q("15"));
}

/// The clocks of two systems differ, and what they send comes late.
#[test]
fn a_cancellation_ends_its_order_whenever_the_two_are_dated() {
    let line = || OrderLine { order_id: "po-1".to_owned(), place: milk() };
    let placed = |id: &str, instant: &str| {
        let kind = EventKind::OrderPlaced { line: line(), quantity: q("12"), origin: None, due_on: None };
        event(id, instant, kind)
    };
    let cancelled = |instant: &str| event("x1", instant, EventKind::OrderCancelled { line: line(), quantity: None });
    let confirmed = |instant: &str| {
        event("c1", instant, EventKind::OrderConfirmed { line: line(), quantity: Some(q("10")), due_on: None })
    };
    let n_open = |events: &[Event]| in_any_order(events).open_orders(&milk()).len();
    let p1 = placed("p1", "2026-03-02T08:00:00Z");
    for instant in ["2026-03-01T08:00:00Z", "2026-03-02T08:00:00Z", "2026-03-03T08:00:00Z"] {
        assert_eq!(n_open(&[p1.clone(), cancelled(instant)]), 0, "cancelled at {instant}");
        // A confirmation that crossed it opens nothing.
        assert_eq!(n_open(&[p1.clone(), cancelled(instant), confirmed("2026-03-04T08:00:00Z")]), 0);
        assert_eq!(n_open(&[cancelled(instant), confirmed("2026-03-04T08:00:00Z")]), 0);
    }
    // Said twice, as of the same order, both after the cancellation.
    let again = placed("p2", "2026-03-05T08:00:00Z");
    assert_eq!(n_open(&[cancelled("2026-03-01T08:00:00Z"), p1.clone(), again.clone()]), 0);
    // Placed, cancelled and placed again under its number.
    assert_eq!(n_open(&[cancelled("2026-03-03T08:00:00Z"), p1, again]), 1);
}

#[test]
fn snapshots_of_another_version_are_refused() {
    insta::assert_snapshot!(
        StockBook::from_bytes(b"[3,null,[]]").unwrap_err(),
        @"the snapshot is a stock book of version 3, must be 2"
    );
    // Books had no version once, and did not know what was cancelled.
    assert!(StockBook::from_bytes(b"[null,[]]").is_err());
}

#[test]
fn sums_beyond_all_limits_stay_sums() {
    let most = "9000000000000";
    let mut events: Vec<Event> =
        (0..40).map(|number| sold(&number.to_string(), "2026-03-01T10:00:00Z", most)).collect();
    let found = || EventKind::Adjustment { place: milk(), quantity: q(most), reason: String::new() };
    events.extend((0..40).map(|number| event(&format!("a{number}"), "2026-03-01T10:00:00Z", found())));
    events.push(sold("last", "2026-03-01T11:00:00Z", "3"));
    assert_eq!(in_any_order(&events).stock(&milk()).unwrap().on_hand, q("-3"));
    events.truncate(40);
    assert_eq!(book(&events).stock(&milk()).unwrap().on_hand, q("-9000000000000"));
}

#[test]
fn counts_from_before_the_horizon_are_too_late() {
    let mut book = StockBook::new();
    book.apply(&sold("1", "2026-03-01T10:00:00Z", "1"));
    book.apply(&sold("2", "2026-03-01T12:00:00Z", "2"));
    book.compact(at("2026-03-02T00:00:00Z"));
    let late = count("3", "2026-03-01T11:00:00Z", "50");
    assert!(book.apply(&late).is_too_late);
    assert_eq!(book.stock(&milk()).unwrap().on_hand, q("-3"));
    // Sums do not mind: a late sale still counts.
    assert!(book.apply(&sold("4", "2026-03-01T09:00:00Z", "4")).has_changed);
    assert_eq!(book.stock(&milk()).unwrap().on_hand, q("-7"));
    // A count after everything that was summed is exact.
    assert!(book.apply(&count("5", "2026-03-01T12:30:00Z", "10")).has_changed);
    assert_eq!(book.stock(&milk()).unwrap().on_hand, q("10"));
}

/// The rules word for word, from all events at once.
fn plain_on_hand(events: &[Event], place: &ItemLocation) -> i128 {
    let here = || events.iter().filter(|event| event.kind.place() == Some(place));
    let counts = here().filter_map(|event| match &event.kind {
        EventKind::Count { on_hand, .. } => Some((event.occurred_at, &event.source, &event.event_id, *on_hand)),
        _ => None,
    });
    let last = counts.max();
    let counted = last.map_or(0, |(.., on_hand)| i128::from(on_hand.micro()));
    let moved: i128 = here()
        .filter(|event| last.is_none_or(|(counted_at, ..)| event.occurred_at >= counted_at))
        .filter_map(|event| event.kind.movement())
        .map(|quantity| i128::from(quantity.micro()))
        .sum();
    counted + moved
}

/// Of the lines of orders at a place: those that were cancelled as a whole, and not placed both before and after.
fn plain_cancelled(events: &[Event], place: &ItemLocation) -> BTreeSet<String> {
    let lines = |wanted: fn(&EventKind) -> Option<&OrderLine>| -> Vec<(&str, Timestamp)> {
        let all = events.iter().filter_map(|event| Some((wanted(&event.kind)?, event.occurred_at)));
        all.filter(|(line, _)| line.place == *place).map(|(line, at)| (line.order_id.as_str(), at)).collect()
    };
    let placed = lines(|kind| if let EventKind::OrderPlaced { line, .. } = kind { Some(line) } else { None });
    let cancelled = lines(|kind| match kind {
        EventKind::OrderCancelled { line, quantity: None } => Some(line),
        _ => None,
    });
    let last_of = |id: &str| cancelled.iter().filter(|(order_id, _)| *order_id == id).map(|(_, at)| *at).max();
    let is_placed =
        |id: &str, is_at: &dyn Fn(Timestamp) -> bool| placed.iter().any(|(order_id, at)| *order_id == id && is_at(*at));
    let ended = cancelled.iter().filter(|(id, _)| {
        let last = last_of(id).expect("it is one of them");
        !(is_placed(id, &|at| at <= last) && is_placed(id, &|at| at > last))
    });
    ended.map(|(id, _)| (*id).to_owned()).collect()
}

const CHAIN: Chain = Chain { n_items: 2, n_locations: 2 };

proptest! {
    /// Any order gives the same book, the plain rules give the same stock, and snapshots on the way change nothing.
    #[test]
    fn the_book_is_a_function_of_the_set_of_events(seed in any::<u64>(), n_events in 1_u64..300) {
        let mut events: Vec<Event> = (0..n_events).map(|number| generator::event(CHAIN, "s", seed, number)).collect();
        let expected = book(&events);
        events.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        let middle = events.len() / 2;
        let first_half = book(&events[..middle]);
        let mut resumed = StockBook::from_bytes(&first_half.to_bytes()).unwrap();
        for event in &events[middle..] {
            resumed.apply(event);
        }
        prop_assert_eq!(resumed.to_bytes(), expected.to_bytes());
        for place in expected.places() {
            let on_hand = expected.stock(&place).unwrap().on_hand;
            prop_assert_eq!(i128::from(on_hand.micro()), plain_on_hand(&events, &place));
            let cancelled = plain_cancelled(&events, &place);
            for order in expected.open_orders(&place) {
                prop_assert!(order.open() > Quantity::ZERO);
                prop_assert!(!cancelled.contains(&order.order_id), "{} was cancelled", order.order_id);
            }
        }
    }

    /// An event that reports no change changes neither the stock nor the open orders of any place, and the place that it
    /// names is the only one that it changes.
    #[test]
    fn only_what_was_said_changes(seed in any::<u64>()) {
        let mut book = StockBook::new();
        let places: Vec<ItemLocation> = (0..2)
            .flat_map(|item| (0..2).map(move |location| ItemLocation::new(format!("item-{item:05}"), format!("store-{location:03}"))))
            .collect();
        let look = |book: &StockBook| -> Vec<_> {
            places.iter().map(|place| (book.stock(place).map(|stock| stock.on_hand), book.open_orders(place))).collect()
        };
        for number in 0..200 {
            let before = look(&book);
            let event = generator::event(CHAIN, "s", seed, number);
            let applied = book.apply(&event);
            for ((place, before), after) in places.iter().zip(before).zip(look(&book)) {
                let is_named = event.kind.place() == Some(place);
                if !(is_named && applied.has_changed) {
                    let is_new = is_named && before.0.is_none() && after.0 == Some(Quantity::ZERO);
                    prop_assert!(before == after || is_new, "{event:?}: {before:?} {after:?}");
                }
            }
        }
    }

    /// Compacted on the way to horizons that no later count undercuts, the book shows what the plain rules show.
    #[test]
    fn compaction_is_exact_inside_the_horizon(seed in any::<u64>(), n_events in 1_u64..300) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut events: Vec<Event> = (0..n_events).map(|number| generator::event(CHAIN, "s", seed, number)).collect();
        events.shuffle(&mut rng);
        let (mut book, mut taken_in) = (StockBook::new(), Vec::new());
        let mut horizon = generator::now() - SignedDuration::from_hours(24 * 500);
        for event in events {
            if rng.random_bool(0.1) {
                horizon += SignedDuration::from_hours(24 * rng.random_range(0..60));
                book.compact(horizon);
            }
            // What the ledger does with `counts_from`.
            if matches!(event.kind, EventKind::Count { .. }) && event.occurred_at < horizon {
                continue;
            }
            prop_assert!(!book.apply(&event).is_too_late);
            taken_in.push(event);
        }
        let places: BTreeSet<ItemLocation> = taken_in.iter().filter_map(|event| event.kind.place().cloned()).collect();
        for place in &places {
            let on_hand = book.stock(place).map_or(0, |stock| i128::from(stock.on_hand.micro()));
            prop_assert_eq!(on_hand, plain_on_hand(&taken_in, place));
        }
        // Compacted to the same horizon, a replay has the same bytes.
        let mut replay = super::book::book(&taken_in);
        replay.compact(horizon);
        book.compact(horizon);
        prop_assert_eq!(replay.to_bytes(), book.to_bytes());
        prop_assert_eq!(StockBook::from_bytes(&book.to_bytes()).unwrap().horizon(), Some(horizon));
    }
}

#[test]
fn a_place_takes_little_memory() {
    let chain = Chain { n_items: 1_000, n_locations: 10 };
    let mut book = StockBook::new();
    for number in 0..200_000 {
        book.apply(&generator::event(chain, "s", 5, number));
    }
    book.compact(generator::now() - SignedDuration::from_hours(24 * 45));
    let per_place = book.memory_bytes() / book.n_places();
    println!("{per_place} bytes per item-location, {} of them", book.n_places());
    assert!(per_place < 2_000, "{per_place} bytes");
    assert_eq!(book.n_places(), 10_000);
}
