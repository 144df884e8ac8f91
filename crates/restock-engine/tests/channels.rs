//! What each channel is worth: the same shop with it and without it, on several seeds; and that a channel which says nothing
//! changes nothing.

#![expect(clippy::print_stdout, reason = "what each seed gives is read where a ratio fails")]

mod fixtures;
#[path = "channels/shop.rs"]
mod shop;

use fixtures::RecentMean;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use restock_core::dataset::{EventRow, ReadingRow, RowRef, SignalRow};
use restock_core::finding::{ExceptionCode, FindingCode};
use restock_core::settings::{ColdChain, PlanSettings, StockBeliefUse};
use restock_core::{Dataset, Day, ItemIdx, LocationIdx, Objective, Quantity};
use restock_engine::{Plan, plan};
use shop::{Arm, Counts, Outcome, Shop, draw, median, play};

/// A shop that orders every day.
fn settings() -> PlanSettings {
    PlanSettings {
        default_review_days: 1.0,
        n_paths: 128,
        policy: "classical".to_owned(),
        extra_horizon_days: 7,
        ..PlanSettings::default()
    }
}

/// Costs decide, as they do for fresh food.
fn fresh() -> PlanSettings {
    PlanSettings { objective: Objective::Economics, ..settings() }
}

/// The median over seeds of the cost with a channel over that without, and the costs.
fn cost_ratio(seeds: std::ops::Range<u64>, mut run: impl FnMut(u64) -> (Outcome, Outcome)) -> f64 {
    let ratios: Vec<f64> = seeds
        .map(|seed| {
            let (without, with) = run(seed);
            println!("seed {seed}: {:.0} {without:?} -> {:.0} {with:?}", without.cost(), with.cost());
            with.cost() / without.cost()
        })
        .collect();
    println!("ratios {ratios:.3?}");
    median(ratios)
}

const N_HISTORY: usize = 300;
const N_PLAYED: usize = 42;

fn signal(shop: &Shop, name: &str, known_in_future: bool, value: impl Fn(usize) -> f64) -> Vec<SignalRow> {
    let row = |day: usize| SignalRow {
        name: name.to_owned(),
        day: shop.first.plus(day as i32),
        location: Some(Shop::place()),
        value: value(day),
        known_in_future,
    };
    (0..shop.n_days + 14).map(row).collect()
}

/// Fresh goods of which more is wanted on some days: with `strength` as the logarithm of the factor.
fn fresh_shop(seed: u64, is_on: &[bool], strength: f64) -> Shop {
    let means = [6.0, 9.0, 4.0, 12.0];
    let mut shop = Shop::new(&means, (N_HISTORY, N_PLAYED), seed);
    shop.shelf_life = Some(2);
    shop.demand_times(20.0, |_, day| if is_on[day] { strength.exp() } else { 1.0 });
    shop
}

/// Days with rain, in spells.
fn rain(seed: u64) -> Vec<bool> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x4a14);
    let mut wet = false;
    let mut days = Vec::new();
    for _ in 0..N_HISTORY + N_PLAYED + 14 {
        wet = if wet { rng.random_bool(0.55) } else { rng.random_bool(0.25) };
        days.push(wet);
    }
    days
}

fn without_and_with(shop: &Shop, settings: &PlanSettings) -> (Outcome, Outcome) {
    let without = Arm::of(settings.clone());
    (play(shop, &without), play(shop, &Arm { has_tables: true, ..without.clone() }))
}

/// Millimetres of rain, measured until yesterday and forecast for a week; rainy days want 1.8 times as much. Goods keep for
/// two days. At least a tenth of lost margins, waste and holding must be saved.
#[test]
fn a_forecast_of_the_weather_saves_a_tenth() {
    let ratio = cost_ratio(1..6, |seed| {
        let wet = rain(seed);
        let mut shop = fresh_shop(seed, &wet, 0.6);
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x3a);
        let rain: Vec<f64> = wet.iter().map(|wet| if *wet { rng.random_range(4.0..8.0) } else { 0.0 }).collect();
        shop.signals = signal(&shop, "rain", false, |day| rain[day]);
        without_and_with(&shop, &fresh())
    });
    assert!(ratio <= 0.9, "{ratio}");
}

/// A match brings 2.5 times the usual demand, once or twice in two weeks; its calendar is known.
#[test]
fn local_events_save_a_tenth() {
    let ratio = cost_ratio(1..6, |seed| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0xe7e);
        let days: Vec<bool> = (0..N_HISTORY + N_PLAYED + 14).map(|_| rng.random_bool(0.1)).collect();
        let mut shop = fresh_shop(seed, &days, 0.9);
        let event = |day: usize| EventRow {
            day: shop.first.plus(day as i32),
            location: Some(Shop::place()),
            name: format!("guest {}", day % 5),
            kind: "match".to_owned(),
            magnitude: 40_000.0,
            row: RowRef::default(),
        };
        shop.events = (0..days.len()).filter(|day| days[*day]).map(event).collect();
        without_and_with(&shop, &fresh())
    });
    assert!(ratio <= 0.9, "{ratio}");
}

/// A flag of the calendar that is known ahead, such as days on which wages are paid.
#[test]
fn a_signal_that_is_known_ahead_saves_a_tenth() {
    let ratio = cost_ratio(1..6, |seed| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0xf1a9);
        let days: Vec<bool> = (0..N_HISTORY + N_PLAYED + 14).map(|_| rng.random_bool(0.2)).collect();
        let mut shop = fresh_shop(seed, &days, 0.5);
        shop.signals = signal(&shop, "payday", true, |day| f64::from(u8::from(days[day])));
        without_and_with(&shop, &fresh())
    });
    assert!(ratio <= 0.9, "{ratio}");
}

/// Three signals that have nothing to do with demand: at most one of eight shops takes one for something, and none pays one
/// in a hundred more for it in the median.
#[test]
fn noise_does_no_harm() {
    let mut n_changed = 0;
    let ratio = cost_ratio(1..9, |seed| {
        let mut shop = fresh_shop(seed, &[false; N_HISTORY + N_PLAYED + 14], 0.0);
        for name in ["humidity", "moon", "pollen"] {
            let mut rng = ChaCha8Rng::seed_from_u64(seed ^ name.len() as u64 ^ 0x9e);
            let noise: Vec<f64> = (0..shop.n_days + 14).map(|_| rng.random_range(-1.0..1.0)).collect();
            let rows = signal(&shop, name, name == "moon", |day| noise[day]);
            shop.signals.extend(rows);
        }
        let (without, with) = without_and_with(&shop, &fresh());
        n_changed += u32::from(without != with);
        (without, with)
    });
    assert!(ratio <= 1.01 && n_changed <= 4, "{ratio}, {n_changed} changed");
}

/// A shop with wrong records: units vanish, and nobody counts. It orders for two days of lead time.
fn wrong_shop(seed: u64) -> Shop {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let means: Vec<f64> = (0..16).map(|_| rng.random_range(0.4..2.5)).collect();
    let mut shop = Shop::new(&means, (200, 56), seed);
    shop.lead_time = 2;
    shop.lose(0.02, 4.0);
    shop
}

fn use_belief(stock_belief: StockBeliefUse) -> Arm {
    Arm::of(PlanSettings { stock_belief, ..settings() })
}

/// Orders for what is believed to be there cost at least a tenth less than those for what records say.
#[test]
fn the_belief_about_stock_saves_a_tenth() {
    let ratio = cost_ratio(1..6, |seed| {
        let shop = wrong_shop(seed);
        (play(&shop, &use_belief(StockBeliefUse::Warn)), play(&shop, &use_belief(StockBeliefUse::Use)))
    });
    assert!(ratio <= 0.9, "{ratio}");
}

/// Scales under the shelves: at least a fifth less than the belief without them.
#[test]
fn shelf_weights_save_a_fifth_more() {
    let ratio = cost_ratio(1..6, |seed| {
        let shop = wrong_shop(seed);
        let believes = use_belief(StockBeliefUse::Use);
        (play(&shop, &believes), play(&shop, &Arm { has_scales: true, ..believes.clone() }))
    });
    assert!(ratio <= 0.8, "{ratio}");
}

/// One count a day from the top of the list: at least a fifth less than no counts, and less than as many at random.
#[test]
fn counts_from_the_top_of_the_list_pay() {
    let top = Arm { counts: Counts::Top(1), ..use_belief(StockBeliefUse::Warn) };
    let ratio = cost_ratio(1..6, |seed| {
        let shop = wrong_shop(seed);
        (play(&shop, &use_belief(StockBeliefUse::Warn)), play(&shop, &top))
    });
    assert!(ratio <= 0.8, "{ratio}");
    let ratio = cost_ratio(1..6, |seed| {
        let shop = wrong_shop(seed);
        (play(&shop, &Arm { counts: Counts::Random(1), ..top.clone() }), play(&shop, &top))
    });
    assert!(ratio <= 0.95, "against counts at random: {ratio}");
}

/// A fridge that fails now and then: a plan that knows it orders again before the goods are thrown away, and fewer sales are
/// lost. That is not much where an order takes three of the seven days that the goods keep, so all seeds are taken together:
/// a thirtieth at least.
#[test]
fn a_thermometer_saves_some_lost_sales() {
    let lost: Vec<[f64; 2]> = (1..6)
        .map(|seed| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0xc01d);
            let means: Vec<f64> = (0..6).map(|_| rng.random_range(3.0..9.0)).collect();
            let mut shop = Shop::new(&means, (120, 84), seed);
            (shop.shelf_life, shop.lead_time) = (Some(7), 3);
            for day in 0..shop.n_days {
                if rng.random_bool(0.08) {
                    shop.degrees[day] = 16.0 + rng.random_range(0.0..4.0);
                }
            }
            let without = Arm::of(settings());
            let (without, with) =
                (play(&shop, &without), play(&shop, &Arm { has_thermometer: true, ..without.clone() }));
            println!("seed {seed}: {without:?} -> {with:?}");
            [with.lost as f64, without.lost as f64]
        })
        .collect();
    let [with, without] = [0, 1].map(|arm| lost.iter().map(|of| of[arm]).sum::<f64>());
    assert!(with <= 0.97 * without, "{with} {without}");
    assert!(lost.iter().all(|[with, without]| *with <= 1.02 * without), "it never costs much: {lost:?}");
}

/// A small shop of one item, with what a test adds.
fn one_item(change: impl FnOnce(&mut Dataset)) -> Dataset {
    let first: Day = "2025-09-01".parse().unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut item = fixtures::item("milk", "1", "3");
    (item.weight, item.shelf_life_days) = (Some(1.0), Some(8));
    item.attributes.insert("max_temperature".to_owned(), "6".to_owned());
    let mut dataset = Dataset { items: vec![item], locations: vec![fixtures::location("S1")], ..Dataset::default() };
    fixtures::sell(&mut dataset, ItemIdx(0), LocationIdx(0), first, (0..200).map(|_| draw(&mut rng, 5.0, None)));
    dataset.inventory.push(fixtures::stock(ItemIdx(0), LocationIdx(0), Quantity::from_whole(12)));
    change(&mut dataset);
    dataset
}

fn as_of(dataset: &Dataset) -> Day {
    dataset.sales.day.last().unwrap().plus(1)
}

fn planned(dataset: &Dataset, settings: &PlanSettings) -> Plan {
    let mut planned = plan(dataset, settings, &RecentMean { spread: 1.4 }, &|_, _| {});
    // Other tables have another name.
    planned.plan_id.clear();
    planned.proposals.iter_mut().for_each(|proposal| proposal.plan_id.clear());
    planned
}

fn reading(dataset: &Dataset, metric: &str, days_ago: i32, value: f64, unit: &str) -> ReadingRow {
    ReadingRow {
        sensor_id: "s".to_owned(),
        metric: metric.to_owned(),
        day: as_of(dataset).plus(-days_ago),
        item: ItemIdx(0),
        location: LocationIdx(0),
        value,
        mean: value,
        unit: unit.to_owned(),
        row: RowRef::default(),
    }
}

/// Signals of other places, of which nothing changes, or that are not wanted, and readings that cannot be right, leave every
/// byte of lines and proposals as it was.
#[test]
fn a_channel_that_says_nothing_changes_nothing() {
    let settings = PlanSettings { stock_belief: StockBeliefUse::Use, ..settings() };
    let plain = planned(&one_item(|_| {}), &settings);
    let same = |dataset: &Dataset, settings: &PlanSettings, what: &str| {
        let other = planned(dataset, settings);
        assert_eq!(format!("{:?}", other.lines), format!("{:?}", plain.lines), "{what}");
        assert_eq!(format!("{:?}", other.proposals), format!("{:?}", plain.proposals), "{what}");
        other
    };
    let with_rain = |location: Option<u32>, value: fn(i32) -> f64| {
        one_item(|data| {
            data.locations.push(fixtures::location("S2"));
            let first = data.sales.day[0];
            data.signals = (0..207)
                .map(|day| SignalRow {
                    name: "rain".to_owned(),
                    day: first.plus(day),
                    location: location.map(LocationIdx),
                    value: value(day),
                    known_in_future: false,
                })
                .collect();
        })
    };
    same(&with_rain(Some(1), |day| f64::from(day % 5)), &settings, "elsewhere");
    same(&with_rain(None, |_| 3.0), &settings, "never changes");
    same(&with_rain(None, |_| f64::NAN), &settings, "no numbers");
    let broken = one_item(|data| {
        let rows = [
            reading(data, "weight", 1, -3.0, "kg"),
            reading(data, "weight", 2, f64::INFINITY, "kg"),
            reading(data, "weight", 3, 9.0, "stone"),
            reading(data, "humidity", 1, 9.0, ""),
            reading(data, "temperature", 1, 900.0, ""),
            reading(data, "temperature", 1, 4.0, ""),
        ];
        data.readings.extend(rows);
        let stuck: Vec<ReadingRow> = (5..15).map(|days_ago| reading(data, "weight", days_ago, 40.0, "kg")).collect();
        data.readings.extend(stuck);
    });
    let other = planned(&broken, &settings);
    let quantity = |plan: &Plan| plan.lines[0].quantity;
    assert_eq!((quantity(&other), other.lines[0].on_hand), (quantity(&plain), plain.lines[0].on_hand));
    let found = other.findings.iter().filter(|finding| finding.code == FindingCode::D27);
    assert_eq!(found.count(), 4, "{:?}", other.findings);
    let no_weight = one_item(|data| {
        data.items[0].weight = None;
        data.readings = vec![reading(data, "weight", 1, 30.0, "kg")];
    });
    let other = planned(&no_weight, &settings);
    assert_eq!((quantity(&other), other.lines[0].on_hand), (quantity(&plain), plain.lines[0].on_hand));
}

/// The explanation names rain, the day and by how much; without the table it names nothing.
#[test]
fn the_explanation_names_the_signal_and_the_day() {
    let dataset = one_item(|data| {
        let wet = rain(4);
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let n = data.sales.len();
        for day in 0..n {
            let mean = if wet[day] { 12.0 } else { 5.0 };
            data.sales.quantity[day] = Quantity::from_whole(draw(&mut rng, mean, None));
        }
        let first = data.sales.day[0];
        data.signals = (0..n + 7)
            .map(|day| SignalRow {
                name: "rain".to_owned(),
                day: first.plus(day as i32),
                location: None,
                // It will rain on every day.
                value: f64::from(u8::from(day >= n || wet[day])),
                known_in_future: false,
            })
            .collect();
        data.inventory.clear();
        data.inventory.push(fixtures::stock(ItemIdx(0), LocationIdx(0), Quantity::ZERO));
    });
    let drivers = |settings: &PlanSettings| planned(&dataset, settings).proposals[0].explanation.drivers.clone();
    let named = drivers(&settings());
    let (name, units) = named.iter().find(|(name, _)| name.starts_with("signal:rain")).expect("rain is named");
    let words: Vec<&str> = name.split(' ').collect();
    let [_, day, percent, "%"] = words[..] else { panic!("{name}") };
    let day: Day = day.parse().unwrap();
    assert!((as_of(&dataset)..as_of(&dataset).plus(7)).contains(&day) && percent.starts_with('+'), "{name}");
    assert!(*units > 1.0, "{named:?}");
    let unwanted = PlanSettings { covariates: vec!["price".to_owned()], ..settings() };
    assert!(drivers(&unwanted).iter().all(|(name, _)| !name.starts_with("signal:")));
}

/// The record says 12, and the scale next to nothing: the waterfall begins with what is believed and says so.
#[test]
fn a_scale_moves_the_belief_and_not_the_record() {
    let dataset = one_item(|data| {
        data.receipts = vec![fixtures::receipt(ItemIdx(0), LocationIdx(0), 40, data.sales.day[0])];
        data.readings = vec![reading(data, "weight", 1, 0.1, "kg")];
    });
    let uses = PlanSettings { stock_belief: StockBeliefUse::Use, ..settings() };
    let plan_of = |settings: &PlanSettings| planned(&dataset, settings);
    let (warned, used) = (plan_of(&settings()), plan_of(&uses));
    assert_eq!(warned.lines[0].on_hand, Quantity::from_whole(12));
    assert!(used.lines[0].on_hand <= Quantity::from_whole(1), "{:?}", used.lines[0].on_hand);
    let evidence: Vec<(String, String)> =
        used.proposals[0].explanation.waterfall.iter().flat_map(|line| line.evidence.clone()).collect();
    assert!(evidence.contains(&("recorded".to_owned(), "12".to_owned())), "{evidence:?}");
    assert!(evidence.iter().any(|(name, _)| name == "p_empty"), "{evidence:?}");
}

/// Goods that stood too warm keep for less long or are not sold any more, and somebody is told.
#[test]
fn a_warm_fridge_shortens_or_blocks_what_stood_in_it() {
    let dataset = one_item(|data| {
        data.readings = vec![reading(data, "temperature", 1, 20.0, "")];
    });
    // What is ordered now comes before what is there is sold.
    let with = |cold_chain: ColdChain| {
        planned(&dataset, &PlanSettings { cold_chain, default_lead_time_days: 1.0, ..settings() })
    };
    let told = |plan: &Plan| {
        let found = plan.exceptions.iter().find(|found| found.message.contains("°C"));
        found.map(|found| (found.code, found.message.clone()))
    };
    let (off, shorter, blocked) = (with(ColdChain::Off), with(ColdChain::Shorten), with(ColdChain::Block));
    assert_eq!(told(&off), None);
    assert_eq!(off.lines[0].on_hand, Quantity::from_whole(12));
    assert_eq!(blocked.lines[0].on_hand, Quantity::ZERO);
    assert!(blocked.lines[0].quantity > off.lines[0].quantity);
    let (code, message) = told(&shorter).expect("somebody is told");
    assert_eq!(code, ExceptionCode::ExpiryRisk);
    // A day at 14 degrees too much takes 3.7 more off the eight days that milk keeps.
    assert!(message.starts_with("stood at up to 20.0 °C between 2026-03-19 and 2026-03-19, at most 6 °C"), "{message}");
    assert!(message.ends_with("12 keep for less long"), "{message}");
    assert!(told(&blocked).is_some());
}
