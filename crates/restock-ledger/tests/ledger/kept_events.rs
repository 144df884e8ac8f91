//! Events that are kept between tables: the tables are those of all events, whatever was kept.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use jiff::tz::{TimeZone, offset};
use proptest::prelude::*;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use restock_core::{Dataset, Event, EventKind, ItemLocation, Quantity, RowsByItem};
use restock_ledger::{
    Batch, CollectedEvents, Files, Incoming, KeptEvents, Ledger, SqliteLedger, tables, tables_of_part,
};

use crate::faulty::Faulty;
use crate::generator::{self, Chain};

/// Where each item is, and the events at no one location.
#[derive(Default)]
struct Index {
    locations: BTreeMap<String, BTreeSet<String>>,
    wide: Vec<Event>,
}

impl Index {
    fn add(&mut self, event: &Event) {
        match event.kind.place() {
            Some(place) => {
                self.locations.entry(place.item_id.clone()).or_default().insert(place.location_id.clone());
            }
            None => self.wide.push(event.clone()),
        }
    }

    fn wide(&self, item_ids: &[String]) -> Vec<Event> {
        let is_about = |event: &&Event| event.kind.item_id().is_none_or(|own| item_ids.iter().any(|id| id == own));
        self.wide.iter().filter(is_about).cloned().collect()
    }
}

fn append(ledger: &mut dyn Ledger, events: &[Event]) {
    let entries = events.iter().cloned().map(Incoming::from_event).collect();
    ledger.append(&Batch::new(entries, generator::now())).unwrap();
}

/// The tables of some events without anything kept.
fn plain(part: &Dataset, files: Files, events: &[Event], item_ids: &[String], zone: &TimeZone) -> String {
    let is_about = |event: &&Event| event.kind.item_id().is_none_or(|own| item_ids.iter().any(|id| id == own));
    let own: Vec<Event> = events.iter().filter(is_about).cloned().collect();
    format!("{:?}", tables_of_part(part, files, &own, zone))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Late, disordered and of several items at once, with much or nothing kept, in one time zone and then in another.
    #[test]
    fn tables_of_kept_events_are_those_of_all_events(seed in any::<u64>(), max_bytes in prop_oneof![Just(0), Just(20_000), Just(usize::MAX)]) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let chain = Chain { n_items: 4, n_locations: 2 };
        let mut events: Vec<Event> = (0..400).map(|number| generator::event(chain, "s", seed, number)).collect();
        let of_files: Vec<Event> = (0..200).map(|number| generator::event(chain, "f", seed, number)).collect();
        let base = tables(&Dataset::default(), generator::now(), &of_files, &TimeZone::UTC);
        let rows = RowsByItem::new(&base);
        let files = Files::of(&base, generator::now() - SignedDuration::from_hours(24 * 200));
        events.shuffle(&mut rng);
        let mut ledger = SqliteLedger::in_memory().unwrap();
        let (mut kept, mut index) = (KeptEvents::new(max_bytes), Index::default());
        let mut n = 0;
        while n < events.len() {
            let end = (n + rng.random_range(1..60)).min(events.len());
            append(&mut ledger, &events[n..end]);
            events[n..end].iter().for_each(|event| index.add(event));
            n = end;
            let zone = if n < 200 { TimeZone::UTC } else { TimeZone::fixed(offset(-7)) };
            // An item that nobody knows among them.
            let item_ids: Vec<String> =
                (0..5).map(|item| format!("item-{item:05}")).filter(|_| rng.random_bool(0.5)).collect();
            let part = rows.part(&base, &item_ids);
            let wide = index.wide(&item_ids);
            let made = kept.tables(&part, files, &item_ids, &index.locations, &wide, &ledger, &zone).unwrap();
            let is_same = format!("{made:?}") == plain(&part, files, &events[..n], &item_ids, &zone);
            prop_assert!(is_same, "after {n} events, of {item_ids:?}");
            let mut collected = CollectedEvents::new(zone.clone());
            events[..n].iter().for_each(|event| collected.add(event.clone()));
            let is_same =
                format!("{:?}", collected.tables(&base, files)) == format!("{:?}", tables_of_part(&base, files, &events[..n], &zone));
            prop_assert!(is_same, "collected: after {n} events");
        }
        if max_bytes == 20_000 {
            prop_assert!(kept.n_bytes() < 100_000, "{} bytes", kept.n_bytes());
        }
    }
}

/// One item with many events, as a till sends them.
fn sales(numbers: std::ops::Range<i64>) -> Vec<Event> {
    let begin = generator::now() - SignedDuration::from_hours(24 * 90);
    let sale = |number: i64| Event {
        event_id: number.to_string(),
        source: "till".to_owned(),
        occurred_at: begin + SignedDuration::from_secs(number),
        kind: EventKind::Sale {
            place: ItemLocation::new("milk", "berlin"),
            quantity: Quantity::from_whole(1),
            unit_price: None,
            lost: None,
        },
        attributes: BTreeMap::new(),
    };
    numbers.map(sale).collect()
}

#[test]
fn an_event_is_read_once() {
    let mut ledger = Faulty::new(SqliteLedger::in_memory().unwrap(), 1, 0);
    let (base, mut kept) = (Dataset::default(), KeptEvents::default());
    let files = Files::of(&base, generator::now());
    let item_ids = ["milk".to_owned()];
    let locations = BTreeMap::from([("milk".to_owned(), BTreeSet::from(["berlin".to_owned()]))]);
    let n_sales = |kept: &mut KeptEvents, ledger: &dyn Ledger| {
        let made = kept.tables(&base, files, &item_ids, &locations, &[], ledger, &TimeZone::UTC);
        made.map(|made| made.sales.len())
    };
    append(&mut ledger, &sales(0..12_000));
    assert_eq!(n_sales(&mut kept, &ledger).unwrap(), 12_000);
    for number in 12_000..12_005 {
        append(&mut ledger, &sales(number..number + 1));
        ledger.n_read.set(0);
        assert_eq!(n_sales(&mut kept, &ledger).unwrap() as i64, number + 1);
        assert_eq!(ledger.n_read.get(), 1);
    }
    // What was read before a fault counts once.
    append(&mut ledger, &sales(12_005..12_006));
    ledger.fails_to_read.set(true);
    assert!(n_sales(&mut kept, &ledger).is_err());
    ledger.fails_to_read.set(false);
    assert_eq!(n_sales(&mut kept, &ledger).unwrap(), 12_006);
    // A bound that one item breaks alone: it is read again for each of its tables.
    let mut kept = KeptEvents::new(1_000);
    for _ in 0..2 {
        ledger.n_read.set(0);
        assert_eq!(n_sales(&mut kept, &ledger).unwrap(), 12_006);
        assert_eq!(ledger.n_read.get(), 12_006);
    }
}
