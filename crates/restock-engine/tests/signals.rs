//! What histories are told beside sales: signals that are known ahead become covariates, shares of days with stock are
//! handed on.

mod fixtures;

use fixtures::{item, location, sell};
use restock_core::dataset::{Dataset, SignalRow};
use restock_core::settings::PlanSettings;
use restock_core::{Day, ItemIdx, LocationIdx};
use restock_engine::HistoryBuilder;

const N_PAST: i32 = 100;
const HORIZON: usize = 7;

fn first_day() -> Day {
    Day::from_ymd(2026, 1, 5).unwrap()
}

fn row(name: &str, day: i32, at: Option<u32>, value: f64, known_in_future: bool) -> SignalRow {
    SignalRow {
        name: name.to_owned(),
        day: first_day().plus(day),
        location: at.map(LocationIdx),
        value,
        known_in_future,
    }
}

/// Names and values of the covariates of the one item at a location.
fn covariates(signals: Vec<SignalRow>, at: u32, settings: &PlanSettings) -> Vec<(String, Vec<f32>)> {
    let mut dataset = Dataset {
        items: vec![item("MILK", "1", "2")],
        locations: vec![location("S01"), location("S02")],
        signals,
        ..Dataset::default()
    };
    for location in [LocationIdx(0), LocationIdx(1)] {
        sell(&mut dataset, ItemIdx(0), location, first_day(), (0..N_PAST).map(|day| 3 + i64::from(day % 4)));
    }
    let builder = HistoryBuilder::new(&dataset, settings);
    let series = builder.build(ItemIdx(0), LocationIdx(at), HORIZON).series;
    assert_eq!(series.n_periods(), N_PAST as usize);
    series.covariates.into_iter().map(|covariate| (covariate.name, covariate.values)).collect()
}

#[test]
fn flags_stay_flags_and_a_location_has_the_last_word() {
    let days = 0..N_PAST + HORIZON as i32;
    let mut signals: Vec<SignalRow> =
        days.map(|day| row("benefits", day, None, f64::from(u8::from(day % 10 == 0)), true)).collect();
    signals.push(row("benefits", 105, Some(1), 1.0, true));
    let settings = PlanSettings::default();
    let everywhere = covariates(signals.clone(), 0, &settings);
    assert_eq!(everywhere.len(), 1);
    assert_eq!((everywhere[0].0.as_str(), everywhere[0].1.len()), ("benefits", 107));
    let set = |values: &[f32]| -> Vec<usize> { (0..values.len()).filter(|idx| values[*idx] == 1.0).collect() };
    assert_eq!(set(&everywhere[0].1), [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
    let here = covariates(signals.clone(), 1, &settings);
    assert_eq!(set(&here[0].1), [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 105]);

    let without = PlanSettings { covariates: vec!["price".to_owned()], ..settings };
    assert!(covariates(signals, 0, &without).is_empty());
}

/// Degrees become standard deviations from the mean of the past, so that a forecaster reads any unit.
#[test]
fn numbers_are_standardised_over_the_past() {
    let degrees = |day: i32| if day % 2 == 0 { 10.0 } else { 20.0 };
    let signals: Vec<SignalRow> = (0..N_PAST + 1)
        .map(|day| row("temperature", day, None, if day == N_PAST { 25.0 } else { degrees(day) }, true))
        .collect();
    let found = covariates(signals, 0, &PlanSettings::default());
    assert_eq!(found[0].1[..4], [-1.0, 1.0, -1.0, 1.0]);
    assert_eq!(found[0].1[N_PAST as usize..][..2], [2.0, 0.0], "25 degrees, and a day nothing is said of");
}

#[test]
fn what_is_not_known_ahead_or_never_changed_is_left_out() {
    let signals = (0..N_PAST)
        .flat_map(|day| [row("measured", day, None, f64::from(day), false), row("constant", day, None, 4.0, true)])
        .chain([row("new", N_PAST + 1, None, 1.0, true)])
        .collect();
    assert!(covariates(signals, 0, &PlanSettings::default()).is_empty());
}

/// Hours without stock are told as shares; a table that knows whole days only tells none.
#[test]
fn shares_of_days_in_stock_are_handed_on() {
    let history = |share_of: fn(i32) -> f32| {
        let mut dataset =
            Dataset { items: vec![item("MILK", "1", "2")], locations: vec![location("S01")], ..Dataset::default() };
        sell(&mut dataset, ItemIdx(0), LocationIdx(0), first_day(), (0..N_PAST).map(|day| 3 + i64::from(day % 4)));
        dataset.sales.stockout_share = (0..N_PAST).map(share_of).collect();
        HistoryBuilder::new(&dataset, &PlanSettings::default()).build(ItemIdx(0), LocationIdx(0), HORIZON).series
    };
    let in_hours = history(|day| if day % 10 == 3 { 0.25 } else { 0.0 });
    let availability = in_hours.availability.as_ref().expect("shares are told");
    assert_eq!(availability[..5], [1.0, 1.0, 1.0, 0.75, 1.0]);
    assert_eq!(in_hours.until(50, HORIZON).availability.map(|shares| shares.len()), Some(50));
    assert_eq!(history(|day| f32::from(day % 10 == 3)).availability, None);
}
