//! Real transactions sent as events, doubled and out of order, lead to the plan that the import of their file leads to.
//!
//! The file may not be shipped; it is read from the folder in `RESTOCK_SHARED`, and the test skips without it.

#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use restock_core::dataset::SalesTable;
use restock_core::proposal::Proposal;
use restock_core::settings::PlanSettings;
use restock_core::{Dataset, Day, Event, ItemIdx, LocationIdx, Quantity};
use restock_engine::{Plan, PlanLine, plan};
use restock_ledger::{Batch, Incoming, Ledger, Outcome, SqliteLedger, events_from_tables, tables};
use restock_store::{ImportOptions, import};

/// Units of all lines, returns and corrections of stock included, as the manifest of the data set states them.
const SUM_OF_THE_MANIFEST: i64 = 2_601_625;

const BATCH: usize = 5_000;

/// What is known without the lines of the file, which the events have to bring back.
fn without_lines(dataset: &Dataset) -> Dataset {
    Dataset { sales: SalesTable::default(), adjustments: Vec::new(), ..dataset.clone() }
}

/// Adjustments by item, location, day and quantity, sorted.
fn adjustments(dataset: &Dataset) -> Vec<(ItemIdx, LocationIdx, Day, Quantity)> {
    let rows = dataset.adjustments.iter();
    let mut rows: Vec<_> = rows.map(|row| (row.item, row.location, row.day, row.quantity)).collect();
    rows.sort_unstable();
    rows
}

/// `[(item, location, day)] -> rows`, each with quantity and price, sorted: the order of rows of a day means nothing.
fn rows(dataset: &Dataset) -> BTreeMap<(String, String, Day), Vec<(Quantity, u32)>> {
    let sales = &dataset.sales;
    let mut rows = BTreeMap::<_, Vec<_>>::new();
    for idx in 0..sales.len() {
        let item_id = dataset.items[sales.item[idx].0 as usize].item_id.clone();
        let location_id = dataset.locations[sales.location[idx].0 as usize].location_id.clone();
        // Two corrections of the books have a negative price, which no event can say.
        let price = sales.unit_price.get(idx).copied().filter(|price| *price >= 0.0).unwrap_or(f32::NAN);
        rows.entry((item_id, location_id, sales.day[idx])).or_default().push((sales.quantity[idx], price.to_bits()));
    }
    rows.values_mut().for_each(|of_day| of_day.sort_unstable());
    rows
}

#[test]
fn online_retail_as_a_stream_is_online_retail_as_a_file() {
    let shared = std::env::var("RESTOCK_SHARED").unwrap_or_else(|_| "../../../shared".to_owned());
    let path = std::path::Path::new(&shared).join("data/online_retail");
    if !path.is_dir() {
        println!("skipped: data/online_retail is not in RESTOCK_SHARED");
        return;
    }
    let of_file = import(&[path], None, &ImportOptions::default(), &|_, _, _| {}).expect("the file is read").dataset;
    let corrected = of_file.adjustments.iter().map(|row| row.quantity);
    let total = of_file.sales.quantity.iter().copied().chain(corrected).fold(Quantity::ZERO, |sum, units| sum + units);
    assert_eq!(total, Quantity::from_whole(SUM_OF_THE_MANIFEST), "units of the manifest");

    let now = "2011-09-01T06:00:00Z".parse().unwrap();
    let made = events_from_tables(&of_file, "file", now, &TimeZone::UTC);
    let n_rows = of_file.sales.len() + of_file.adjustments.len();
    assert_eq!(made.events.len(), n_rows, "an event for each row: {:?}", made.left_out);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut stream: Vec<Event> = made.events.clone();
    // A twentieth is delivered twice, and nothing in order.
    stream.extend(made.events.iter().filter(|_| rng.random_bool(0.05)).cloned().collect::<Vec<_>>());
    stream.shuffle(&mut rng);
    let mut ledger = SqliteLedger::in_memory().unwrap();
    let mut n_duplicates = 0;
    for batch in stream.chunks(BATCH) {
        let entries = batch.iter().cloned().map(Incoming::from_event).collect();
        let outcomes = ledger.append(&Batch::new(entries, now)).unwrap();
        n_duplicates += outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Duplicate { .. })).count();
    }
    assert_eq!(n_duplicates, stream.len() - made.events.len());
    let events: Vec<Event> = ledger.events(1, usize::MAX).unwrap().into_iter().map(|recorded| recorded.event).collect();
    let of_stream = tables(&without_lines(&of_file), now, &events, &TimeZone::UTC);
    let (streamed, filed) = (rows(&of_stream), rows(&of_file));
    assert_eq!(streamed.len(), filed.len());
    for (place_and_day, rows_of_file) in &filed {
        assert_eq!(streamed.get(place_and_day), Some(rows_of_file), "{place_and_day:?}");
    }
    assert_eq!(adjustments(&of_stream), adjustments(&of_file));

    // The same history, so the same proposals, number for number.
    let settings = PlanSettings { as_of: Some("2011-09-01".parse().unwrap()), ..PlanSettings::default() };
    let forecaster = restock_forecast::forecaster("ses").expect("a forecaster");
    let plan_of = |dataset: &Dataset| plan(dataset, &settings, forecaster.as_ref(), &|_, _| {});
    let (one, other) = (plan_of(&of_file), plan_of(&of_stream));
    // Health looks at what came first within a day, which rows of a day do not tell: returns before their sale.
    let n_other_health = one.lines.iter().zip(&other.lines).filter(|(one, other)| one.health != other.health).count();
    assert!(n_other_health <= 10, "{n_other_health} lines have another health");
    let without_health =
        |plan: &Plan| -> Vec<_> { plan.lines.iter().map(|line| PlanLine { health: 1.0, ..line.clone() }).collect() };
    assert_eq!(without_health(&one), without_health(&other));
    assert!(one.proposals.len() > 1_000, "{} proposals", one.proposals.len());
    // Their order is that of money at risk, at the last price of a day, which is another row of the same day.
    let quantities = |plan: &Plan| -> BTreeMap<(String, String), Quantity> {
        let of = |proposal: &Proposal| (proposal.item_id.clone(), proposal.destination.clone());
        plan.proposals.iter().map(|proposal| (of(proposal), proposal.quantity)).collect()
    };
    assert_eq!(quantities(&one), quantities(&other));
}
