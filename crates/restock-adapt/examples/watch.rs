//! Adaptation on simulated items: 5,000 items for 200 days, of which a tenth sell 30 % more from day 120 on.
//!
//! `cargo run --release -p restock-adapt --example watch -- SEED SIZE` prints alarms, delays, coverage before and after
//! recalibration, and the day on which a better model is promoted. Demand is negative binomial, from a unit in three days to a
//! hundred a day, with variance `mean + mean² / SIZE`; all items share good and bad days, so that they depend on each other.
//! The forecaster in use knows each item's mean and a `SIZE` three times as large, so it is too sure of itself; the
//! challenger knows the spread too.
#![allow(clippy::print_stdout)]

use std::collections::{BTreeMap, BTreeSet};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Gamma, Poisson, StandardNormal};
use restock_adapt::decision::DayFacts;
use restock_adapt::{
    Adaptation, AdaptationSettings, DecidedBy, DecisionRecord, DriftMonitor, Facts, IntervalForecast, LevelOutcome,
    OutcomeSums, Recalibration, Seen, Segment, ShadowRecord, Subject,
};
use restock_core::{CostRates, Day, ItemLocation, N_LEVELS, QUANTILE_LEVELS, Quantity};
use statrs::distribution::{DiscreteCDF, NegativeBinomial};

const N_ITEMS: usize = 5000;
const N_DAYS: i32 = 200;
const SHIFT_DAY: i32 = 120;
/// How many times the size of the forecaster in use is too large.
const TOO_SURE: f64 = 3.0;
/// Standard deviation of the logarithm of what a day is like for all items.
const DAY_SD: f64 = 0.05;

fn negative_binomial(mean: f64, size: f64) -> IntervalForecast {
    let law = NegativeBinomial::new(size, size / (size + mean)).expect("a positive size");
    let quantiles: [f64; N_LEVELS] = QUANTILE_LEVELS.map(|level| law.inverse_cdf(level) as f64);
    IntervalForecast { mean, quantiles, count_valued: true }
}

struct Item {
    place: ItemLocation,
    mean: f64,
    shifts: bool,
    champion: IntervalForecast,
    challenger: IntervalForecast,
}

fn items(size: f64) -> Vec<Item> {
    (0..N_ITEMS)
        .map(|idx| {
            let mean = 0.3 * (100.0_f64 / 0.3).powf(idx as f64 / (N_ITEMS - 1) as f64);
            Item {
                place: ItemLocation::new(format!("item-{idx:04}"), "store"),
                mean,
                shifts: idx % 10 == 3,
                champion: negative_binomial(mean, TOO_SURE * size),
                challenger: negative_binomial(mean, size),
            }
        })
        .collect()
}

fn demand(rng: &mut ChaCha8Rng, mean: f64, size: f64) -> f64 {
    let rate = Gamma::new(size, mean / size).expect("a positive mean").sample(rng);
    if rate > 0.0 { Poisson::new(rate).expect("a positive rate").sample(rng) } else { 0.0 }
}

fn record(item: &Item, day: i32, is_too_sure: bool) -> DecisionRecord {
    let forecast = if is_too_sure { &item.champion } else { &item.challenger };
    let ordered = Quantity::from_whole(item.champion.quantiles[10] as i64);
    DecisionRecord {
        proposal_id: String::new(),
        place: item.place.clone(),
        decided_on: Day(day),
        from: Day(day),
        to: Day(day + 1),
        forecast: forecast.clone(),
        overridden: None,
        wanted: ordered,
        ordered,
        decided_by: DecidedBy::Plan,
        reason: String::new(),
        category: String::new(),
        position: Quantity::ZERO,
        costs: Some(CostRates {
            unit_cost: 1.0,
            holding_cost: 0.1,
            stockout_cost: 0.9,
            order_cost: 0.0,
            waste_cost: 1.0,
        }),
        expected_lost_units: 0.0,
        expected_waste_units: 0.0,
        model: if is_too_sure { "too sure" } else { "true spread" }.into(),
        policy: "newsvendor".into(),
    }
}

/// Coverage of three levels by two ways of asking.
#[derive(Default)]
struct Coverage {
    raw: OutcomeSums,
    recalibrated: OutcomeSums,
}

fn main() {
    let seed: u64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let size: f64 = std::env::args().nth(2).and_then(|text| text.parse().ok()).unwrap_or(10.0);
    let items = items(size);
    // Decisions cover one day, so a day is an observation of the trial; four weeks of them are the least.
    let mut settings = AdaptationSettings { grace_days: 0, ..AdaptationSettings::default() };
    settings.contest.trial.period_days = 1;
    settings.contest.trial.min_periods = 28;
    settings.contest.watch_periods = 84;
    let mut adaptation = Adaptation::new(settings, "too sure", "newsvendor");
    adaptation.models().enter("true spread", Day(0)).expect("nothing else is on trial");
    // Alarms are shown for a forecaster whose spread is right, so that what is false can be told from what is true.
    let mut monitor = DriftMonitor::default();
    // And levels of the one that is too sure go on being learnt when it has been replaced.
    let mut recalibration = Recalibration::default();
    let mut of_champion = [0_usize; 2];
    let (mut n_true, mut n_false, mut first_alarm) = (0, 0, BTreeMap::new());
    let mut wrong_since = Vec::new();
    let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
    let mut changes = Vec::new();
    for day in 0..N_DAYS {
        let common: f64 = StandardNormal.sample(&mut rng);
        let common = (DAY_SD * common - 0.5 * DAY_SD * DAY_SD).exp();
        let mut facts = Facts::default();
        let mut demands = Vec::with_capacity(N_ITEMS);
        let is_too_sure = adaptation.models().champion() == "too sure";
        let mut outcomes = Vec::with_capacity(N_ITEMS);
        for item in &items {
            let shift = if item.shifts && day >= SHIFT_DAY { 1.3 } else { 1.0 };
            let demand = demand(&mut rng, item.mean * common * shift, size);
            demands.push(demand);
            adaptation.decide(record(item, day, is_too_sure)).expect("a valid decision");
            adaptation.shadow(ShadowRecord {
                decided_on: Day(day),
                place: item.place.clone(),
                version: if is_too_sure { "true spread" } else { "too sure" }.into(),
                would_order: None,
                forecast: Some(if is_too_sure { item.challenger.clone() } else { item.champion.clone() }),
            });
            let sold = Quantity::from_whole(demand as i64);
            let facts_of_day = [(Day(day), DayFacts { sold, ..DayFacts::default() })].into();
            facts.days.insert(item.place.clone(), facts_of_day);
            let pit = item.champion.pit(demand);
            outcomes.push(LevelOutcome { segment: Segment::of(&item.champion), pit, is_censored: false });
            // Coverage is scored before anything is learnt from the day.
            if (20..SHIFT_DAY).contains(&day) {
                let segment = Segment::of(&item.champion);
                let levels = recalibration.levels(segment);
                let quantiles = levels.map(|level| item.champion.quantile_at(level.min(0.9999)));
                let recalibrated = IntervalForecast { quantiles, ..item.champion.clone() };
                let of_segment: &mut Coverage = before.entry(segment).or_default();
                of_segment.raw.add(&item.champion, demand, false);
                of_segment.recalibrated.add(&recalibrated, demand, false);
                let of_segment: &mut OutcomeSums = after.entry(segment).or_default();
                of_segment.add(&item.challenger, demand, false);
            }
        }
        recalibration.learn(&outcomes);
        let result = adaptation.day(&facts, Day(day + 1));
        changes.extend(result.model_change);
        for alarm in result.alarms {
            of_champion[usize::from(matches!(alarm.subject, Subject::Segment(_)))] += 1;
        }
        let seen = items.iter().zip(&demands).map(|(item, demand)| Seen {
            place: &item.place,
            decided_on: Day(day),
            from: Day(day),
            to: Day(day + 1),
            forecast: &item.challenger,
            actual: *demand,
            is_censored: false,
        });
        for alarm in monitor.observe(seen, Day(day + 1)) {
            let Subject::Place(place) = &alarm.subject else { continue };
            let idx: usize = place.item_id[5..].parse().expect("a number");
            if items[idx].shifts && day >= SHIFT_DAY {
                n_true += 1;
                first_alarm.entry(idx).or_insert(day - SHIFT_DAY + 1);
                wrong_since.push((alarm.since.0 - SHIFT_DAY).abs());
            } else {
                n_false += 1;
            }
        }
    }

    println!(
        "seed {seed}, size {size}, {N_ITEMS} items, {N_DAYS} days, a tenth of them 30 % up from day {SHIFT_DAY} on\n"
    );
    println!("alarms about items, spread forecast right: {n_true} true (repeats included), {n_false} false");
    println!("mean demand a day    items up   found   days to the alarm: median   nine in ten");
    for (low, high) in [(0.0, 1.0), (1.0, 5.0), (5.0, 20.0), (20.0, f64::INFINITY)] {
        let is_in = |idx: usize| (low..high).contains(&items[idx].mean);
        let n_up = (0..N_ITEMS).filter(|idx| items[*idx].shifts && is_in(*idx)).count();
        let mut delays: Vec<i32> =
            first_alarm.iter().filter(|(idx, _)| is_in(**idx)).map(|(_, delay)| *delay).collect();
        delays.sort_unstable();
        // Those that were not found have a delay beyond the days that there are.
        let at = |share: f64| {
            let rank = (share * n_up as f64) as usize;
            delays.get(rank).map_or("> 80".to_owned(), i32::to_string)
        };
        let range = if high.is_finite() { format!("{low} to {high}") } else { format!("{low} and more") };
        println!("{range:<19} {n_up:>9} {:>7} {:>27} {:>13}", delays.len(), at(0.5), at(0.9));
    }
    wrong_since.sort_unstable();
    if let Some(error) = wrong_since.get(wrong_since.len() / 2) {
        println!("days between the change and the day that an alarm names, median: {error}");
    }
    println!(
        "alarms about the model in use, too sure until it was replaced: {} of items, {} of segments\n",
        of_champion[0], of_champion[1]
    );

    println!("share of outcomes below, and at or below, the quantile, days 20 to {SHIFT_DAY}");
    println!("segment   level   too sure         recalibrated     true spread");
    let mut shown = BTreeSet::new();
    for (segment, Coverage { raw, recalibrated }) in &before {
        let truth = after.get(segment).and_then(OutcomeSums::coverage).expect("outcomes");
        let (raw_coverage, new_coverage) =
            (raw.coverage().expect("outcomes"), recalibrated.coverage().expect("outcomes"));
        for idx in [2, 6, 10, 11, 12] {
            let pair = |(below, at): (f64, f64)| format!("{below:.3} to {at:.3}");
            println!(
                "{:<9} {:>5}   {:<16} {:<16} {}",
                segment.name(),
                QUANTILE_LEVELS[idx],
                pair(raw_coverage[idx]),
                pair(new_coverage[idx]),
                pair(truth[idx])
            );
        }
        shown.insert(format!(
            "{:<9} WQL {:.4} as forecast, {:.4} recalibrated, {:.4} with the true spread",
            segment.name(),
            raw.wql().unwrap_or(f64::NAN),
            recalibrated.wql().unwrap_or(f64::NAN),
            after.get(segment).and_then(OutcomeSums::wql).unwrap_or(f64::NAN)
        ));
    }
    shown.iter().for_each(|line| println!("{line}"));
    println!();
    for change in &changes {
        let message = change.verdict.as_ref().map_or(String::new(), restock_adapt::Verdict::message);
        println!("{}: {:?}, in use {}: {message}", change.day, change.kind, change.champion);
    }
    for contest in adaptation.report(Day(N_DAYS)).contests {
        println!("{}, phase {}: {}", contest.of, contest.phase, contest.message.unwrap_or_default());
    }
    let bytes = serde_json::to_vec(&monitor).expect("plain data").len();
    println!("snapshot of the alarms: {} bytes an item as JSON", bytes / N_ITEMS);
}
