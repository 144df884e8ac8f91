//! How long an event takes to become revised proposals, beside how many item-locations there are:
//! `cargo run --release -p restock-engine --example live -- [ITEM_LOCATIONS] [EVENTS] [MODEL]`.
//!
//! A generated chain is planned, then sales, receipts and counts of today come in one by one, each planned before the next.
//! Printed: the first plan, the time of each event (median, 99th percentile), how long reading the plan takes (totals, groups
//! of orders, why one line is as it is), settling, and memory.

#![allow(clippy::print_stdout)]

use std::collections::BTreeSet;
use std::time::Instant;

use jiff::tz::TimeZone;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use restock_core::settings::PlanSettings;
use restock_core::{Event, EventKind, ItemLocation, Quantity, RowsByItem};
use restock_engine::{LivePlan, PlanLine, Remembering, Unplanned};
use restock_inventory::retail_simulator::{ChainConfig, chain};
use restock_ledger::{Files, tables, tables_of_part};

fn main() {
    let mut args = std::env::args().skip(1);
    let mut number = |usual: usize| args.next().map_or(usual, |text| text.parse().expect("a number"));
    let (n_places, n_events) = (number(10_000), number(1_000));
    let model = std::env::args().nth(3).unwrap_or_else(|| "ses".to_owned());
    let files = chain(&ChainConfig::with_item_locations(n_places), 20260302);
    let rows = RowsByItem::new(&files);
    let today = files.sales.day.iter().max().expect("sales").plus(1);
    let read_at = TimeZone::UTC.to_timestamp(today.to_date().at(0, 0, 0, 0)).expect("a day");
    let about = Files::of(&files, read_at);
    let settings = PlanSettings { as_of: Some(today), day_has_begun: true, ..PlanSettings::default() };
    let forecaster = Box::new(Remembering::new(restock_forecast::forecaster(&model).expect("a model")));

    let mut events: Vec<Event> = Vec::new();
    let tables_of = |ids: &[String], events: &[Event]| {
        let is_about = |event: &&Event| event.kind.item_id().is_none_or(|item_id| ids.iter().any(|id| id == item_id));
        let own_events: Vec<Event> = events.iter().filter(is_about).cloned().collect();
        tables_of_part(&rows.part(&files, ids), about, &own_events, &TimeZone::UTC)
    };
    let began = Instant::now();
    let mut live = LivePlan::new(&files, &settings, &*forecaster, &mut |ids| tables_of(ids, &[]), &|_, _| {});
    let n_planned = live.n_planned();
    println!("{n_planned} item-locations planned in {:.1} s, {} proposals", seconds(began), live.proposals().len());
    println!("{:.2} kB of memory per item-location", resident_kb() / n_planned as f64);

    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut times = Vec::with_capacity(n_events);
    let mut refreshing = Vec::with_capacity(n_events);
    let mut explaining = Vec::with_capacity(n_events);
    let (mut n_changed, mut n_refreshed) = (0, 0);
    for number in 0..n_events {
        let row = rng.random_range(0..files.inventory.len());
        let stock = &files.inventory[row];
        let place = ItemLocation::new(
            &files.items[stock.item.0 as usize].item_id,
            &files.locations[stock.location.0 as usize].location_id,
        );
        let quantity = Quantity::from_whole(rng.random_range(1..6));
        let kind = match [0, 0, 0, 1, 2].choose(&mut rng) {
            Some(0) => EventKind::Sale { place, quantity, unit_price: None, lost: None },
            Some(1) => EventKind::Receipt { place, quantity, order_id: None, origin: None, unit_cost: None },
            _ => EventKind::Count { place, on_hand: quantity },
        };
        let event = Event {
            event_id: number.to_string(),
            source: "example".to_owned(),
            occurred_at: read_at + jiff::SignedDuration::from_secs(36_000 + number as i64),
            kind,
            attributes: Default::default(),
        };
        let places = BTreeSet::from([event.kind.place().expect("a place").clone()]);
        events.push(event);
        let began = Instant::now();
        let none = BTreeSet::new();
        n_changed += live.update(&places, &none, &*forecaster, &mut |ids| tables_of(ids, &events)).len();
        times.push(seconds(began) * 1e3);
        let began = Instant::now();
        n_refreshed += live.refresh(&*forecaster, &mut |ids| tables_of(ids, &events)).len();
        refreshing.push(seconds(began) * 1e3);
        let place = places.first().expect("one place");
        // Stock of an item whose sale has ended is not planned.
        if live.planned_at(place).is_none() {
            continue;
        }
        let began = Instant::now();
        let explained = live.explain(place, &[], &*forecaster, &mut |ids| tables_of(ids, &events));
        assert!(explained.is_ok_and(|explained| explained.line.line.item_id == place.item_id));
        explaining.push(seconds(began) * 1e3);
    }
    println!("{n_events} events one by one; {n_changed} item-locations planned again");
    print_times("event to proposal", times);
    print_times("who they draw from, after", refreshing);
    println!("  {n_refreshed} item-locations planned again");
    print_times("why a line is as it is", explaining);
    let timed = |read: &dyn Fn() -> usize| {
        let times = (0..20).map(|_| {
            let began = Instant::now();
            assert!(read() > 0);
            seconds(began) * 1e3
        });
        times.collect::<Vec<_>>()
    };
    let by_location = |line: &PlanLine| Some(line.location_id.clone());
    let of_unplanned = |line: &Unplanned| Some(line.location_id.clone());
    print_times("totals by location", timed(&|| live.summaries(&by_location, &of_unplanned).len()));
    print_times("groups of orders", timed(&|| live.order_groups().len()));
    print_times("exceptions", timed(&|| live.exceptions([]).len()));
    let ranked = || {
        let mut found: Vec<(f64, &str)> =
            live.planned().map(|unit| (unit.totals.lost_margin[0], unit.line.item_id.as_str())).collect();
        found.select_nth_unstable_by(100, |one, other| other.0.total_cmp(&one.0));
        found.len()
    };
    print_times("the hundred lines with the most money at risk", timed(&ranked));
    let whole = tables(&files, read_at, &events, &TimeZone::UTC);
    let began = Instant::now();
    let changed = live.settle(&whole, &settings, &*forecaster, &mut |ids| tables_of(ids, &events), &|_, _| {});
    println!("settled in {:.1} s, {} item-locations planned again", seconds(began), changed.len());
    println!("{:.2} kB of memory per item-location", resident_kb() / n_planned as f64);
}

fn print_times(what: &str, mut times: Vec<f64>) {
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    let (median, most, nearly_all, longest) = (at(0.5), at(0.9), at(0.99), at(1.0));
    println!("  {what}: median {median:.1} ms, 90 % {most:.1} ms, 99 % {nearly_all:.1} ms, longest {longest:.1} ms");
}

fn seconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64()
}

/// Memory of this process, kB, where the system tells.
fn resident_kb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_whitespace().nth(1)).and_then(|kb| kb.parse().ok()).unwrap_or(f64::NAN)
}
