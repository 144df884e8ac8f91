//! What is said about demand to come: read, refused, the last word, and the rows of tables that come of it.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use restock_core::dataset::{ForecastOverrideRow, GivenForecastRow, Item, Location};
use restock_core::said_demand::DemandChange;
use restock_core::{Dataset, Event, ItemIdx, LocationIdx, RowRef};
use restock_ledger::{CollectedEvents, Files, MasterWords, events_from_tables, read_override, tables, wire};

fn now() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().unwrap()
}

/// An event that was sent as JSON, without what every event has.
fn sent(kind: &str, id: &str, at: &str, fields: &str) -> String {
    format!(r#"{{"event_id":"{id}","source":"erp","type":"{kind}","occurred_at":"{at}",{fields}}}"#)
}

fn read(text: &str) -> Event {
    let event = wire::read_event(text.as_bytes()).unwrap();
    assert_eq!(wire::read_event(wire::write(&event).as_bytes()).unwrap(), event, "it is written as it was read");
    event
}

fn said(id: &str, at: &str, fields: &str) -> Event {
    read(&sent("forecast_override", id, at, fields))
}

fn given(id: &str, at: &str, fields: &str) -> Event {
    read(&sent("forecast_given", id, at, fields))
}

/// Milk and rice in Berlin, with an override and a forecast in files.
fn files() -> Dataset {
    let item = |id: &str| Item { item_id: id.to_owned(), category: "food".to_owned(), ..Item::default() };
    Dataset {
        items: vec![item("milk"), item("rice")],
        locations: vec![Location { location_id: "berlin".to_owned(), ..Location::default() }],
        forecast_overrides: vec![ForecastOverrideRow {
            item: Some(ItemIdx(0)),
            location: Some(LocationIdx(0)),
            category: None,
            from: "2026-03-02".parse().unwrap(),
            to: "2026-03-08".parse().unwrap(),
            change: DemandChange::Factor("1.3".parse().unwrap()),
            reason: "fair".to_owned(),
            author: "ann".to_owned(),
            said_at: None,
            row: RowRef::default(),
        }],
        forecasts: vec![GivenForecastRow {
            item: ItemIdx(0),
            location: LocationIdx(0),
            day: "2026-03-03".parse().unwrap(),
            mean: Some(4.5),
            quantiles: vec![(0.5, 4.0), (0.9, 8.25)],
            row: RowRef::default(),
        }],
        ..Dataset::default()
    }
}

fn made(events: &[Event]) -> Dataset {
    tables(&files(), now(), events, &TimeZone::UTC)
}

/// Overrides as `whom days change by`.
fn overrides(dataset: &Dataset) -> Vec<String> {
    let item = |idx: ItemIdx| dataset.items[idx.0 as usize].item_id.clone();
    let text = |row: &ForecastOverrideRow| {
        let whom = row.item.map_or_else(|| row.category.clone().unwrap_or_default(), item);
        let at = row.location.map_or("", |idx| dataset.locations[idx.0 as usize].location_id.as_str());
        let change = match row.change {
            DemandChange::Factor(factor) => format!("x{factor}"),
            DemandChange::Surge(factor) => format!("surge x{factor}"),
            DemandChange::Quantity(quantity) => quantity.to_string(),
        };
        format!("{whom}@{at} {}..{} {change} {} {:?}", row.from, row.to, row.author, row.said_at)
    };
    dataset.forecast_overrides.iter().map(text).collect()
}

const MILK: &str = r#""item_id":"milk","location_id":"berlin","from":"2026-03-02","to":"2026-03-08","reason":"fair""#;

#[test]
fn a_word_stands_in_the_place_of_the_row_of_files_about_the_same() {
    insta::assert_snapshot!(overrides(&made(&[])).join("\n"), @"milk@berlin 2026-03-02..2026-03-08 x1.3 ann None");
    let more = said("1", "2026-03-01T09:00:00Z", &format!(r#"{MILK},"factor":2,"author":"ben""#));
    let back = said("2", "2026-03-01T10:00:00Z", &format!(r#"{MILK},"taken_back":true"#));
    let total = said("3", "2026-03-01T11:00:00Z", &format!(r#"{MILK},"quantity":"90.5""#));
    let wide = said(
        "4",
        "2026-03-01T08:00:00Z",
        r#""category":"food","from":"2026-03-02","to":"2026-03-08","factor":"0.50","reason":"rain""#,
    );
    let all = [&back, &wide, &more].map(Clone::clone);
    insta::assert_snapshot!(overrides(&made(std::slice::from_ref(&more))).join("\n"), @"milk@berlin 2026-03-02..2026-03-08 x2 ben Some(2026-03-01T09:00:00Z)");
    insta::assert_snapshot!(overrides(&made(&all)).join("\n"), @"food@ 2026-03-02..2026-03-08 x0.5  Some(2026-03-01T08:00:00Z)");
    insta::assert_snapshot!(overrides(&made(&[total, back, more])).join("\n"), @"milk@berlin 2026-03-02..2026-03-08 90.5  Some(2026-03-01T11:00:00Z)");
    // Other days are another override.
    let days = MILK.replace("2026-03-08", "2026-03-09");
    let other = said("5", "2026-03-01T08:00:00Z", &format!(r#"{days},"factor":2"#));
    assert_eq!(overrides(&made(&[other])).len(), 2);
}

#[test]
fn of_a_period_the_last_forecast_holds() {
    let of = |id: &str, hour: u8, date: &str, fields: &str| {
        let at = format!("2026-03-01T{hour:02}:00:00Z");
        given(id, &at, &format!(r#""item_id":"milk","location_id":"berlin","date":"{date}",{fields}"#))
    };
    let late = of("1", 11, "2026-03-03", r#""quantiles":{"0.9":9,"0.50":"3"}"#);
    let early = of("2", 10, "2026-03-03", r#""mean":7"#);
    let next = of("3", 9, "2026-03-04", r#""mean":"5.50","q0.05":1"#);
    let rows = |events: &[Event]| -> Vec<String> {
        let row = |row: &GivenForecastRow| format!("{} {:?} {:?}", row.day, row.mean, row.quantiles);
        made(events).forecasts.iter().map(row).collect()
    };
    insta::assert_snapshot!(rows(&[late, early, next]).join("\n"), @r"
    2026-03-03 None [(0.5, 3.0), (0.9, 9.0)]
    2026-03-04 Some(5.5) [(0.05, 1.0)]
    ");
}

/// What is said about demand moves no day, counts as no stock, and is collected as its last words.
#[test]
fn words_are_collected_and_written_down_as_the_last_of_them() {
    let events: Vec<Event> = (0..9)
        .map(|n| said(&n.to_string(), &format!("2026-03-01T0{n}:00:00Z"), &format!(r#"{MILK},"factor":{n}"#)))
        .collect();
    let mut words = MasterWords::default();
    assert!(events.iter().all(|event| words.add(event)));
    assert_eq!(words.events().len(), 1);
    assert_eq!(MasterWords::from_ndjson(&words.to_ndjson()).unwrap(), words);
    let mut collected = CollectedEvents::new(TimeZone::UTC);
    events.iter().rev().for_each(|event| collected.add(event.clone()));
    assert_eq!(collected.tables(&files(), Files::of(&files(), now())), made(&events));
    assert_eq!(made(&events).inventory, []);
}

/// Files as events say what the files say, and say it once.
#[test]
fn files_become_events_that_make_the_same_rows() {
    let made = events_from_tables(&files(), "files", now(), &TimeZone::UTC);
    assert_eq!((made.events.len(), made.left_out.len()), (2, 0));
    let events: Vec<Event> = made.events.iter().map(|event| read(&wire::write(event))).collect();
    let again = events_from_tables(&files(), "files", now(), &TimeZone::UTC);
    assert_eq!(again.events, events);
    let empty = Dataset { forecast_overrides: Vec::new(), forecasts: Vec::new(), ..files() };
    let of_events = tables(&empty, now(), &events, &TimeZone::UTC);
    insta::assert_snapshot!(overrides(&of_events).join("\n"), @"milk@berlin 2026-03-02..2026-03-08 x1.3 ann Some(2026-03-02T00:00:00Z)");
    let row = &of_events.forecasts[0];
    assert_eq!((row.mean, row.quantiles.as_slice()), (Some(4.5), &[(0.5, 4.0), (0.9, 8.25)][..]));
}

#[test]
fn what_nobody_can_mean_is_refused() {
    let refused = |kind: &str, fields: &str| {
        let text = sent(kind, "1", "2026-03-01T09:00:00Z", fields);
        wire::read_event(text.as_bytes()).map_or_else(|refusal| refusal.to_string(), |_| format!("taken: {fields}"))
    };
    let milk = MILK.replace(r#","reason":"fair""#, "");
    let cases = [
        MILK.to_owned(),
        format!(r#"{MILK},"factor":1.3,"quantity":5"#),
        format!(r#"{MILK},"factor":-1"#),
        format!(r#"{MILK},"factor":"30%""#),
        format!(r#"{MILK},"factor":5000"#),
        format!(r#"{milk},"factor":1.3"#),
        format!(r#"{MILK},"category":"food","factor":1.3"#),
        r#""from":"2026-03-02","to":"2026-03-08","factor":1.3,"reason":"fair""#.to_owned(),
        r#""item_id":"milk","from":"2026-03-09","to":"2026-03-08","factor":1.3,"reason":"fair""#.to_owned(),
        r#""item_id":"milk","from":"2026-03-02","to":"2026-03-08","quantity":5,"reason":"fair""#.to_owned(),
        r#""item_id":"milk","from":"2026-03-02","factor":1.3,"reason":"fair""#.to_owned(),
    ];
    insta::assert_snapshot!(cases.map(|fields| refused("forecast_override", &fields)).join("\n"), @r#"
    factor: got nothing, expected one of factor, quantity and taken_back; say how demand differs: factor 1.3 is 30 % more
    factor: got two of them, expected one of factor, quantity and taken_back; leave all but one of them out
    factor: got -1, expected a number of at least 0; send the opposite event for the other direction
    factor: got "30%", expected a plain decimal number such as 12 or 0.75; write the digits with a decimal point and without group marks
    factor: got 5000, expected a multiple of the forecast from 0 to 1000; 1.3 is 30 % more
    reason: got nothing, expected a text that says why; say why demand will differ
    category: got "food", expected an item or a category; leave out item_id or category
    item_id: got nothing, expected an item, a category or a location; say whose demand differs: add item_id, category or location_id
    to: got 2026-03-08, expected a day not before 2026-03-09; swap the days or correct one of them
    quantity: got 5, expected a factor, unless item_id and location_id are given; name one item at one location, or give a factor
    to: got nothing, expected a date; add the field "to"
    "#);
    let of = |fields: &str| {
        refused("forecast_given", &format!(r#""item_id":"milk","location_id":"berlin","date":"2026-03-02",{fields}"#))
    };
    let cases = [
        r#""model":"erp""#,
        r#""mean":-1"#,
        r#""mean":"many""#,
        r#""q0.5":3,"q0.9":2"#,
        r#""quantiles":{"50":3}"#,
        r#""quantiles":{"high":3}"#,
        r#""quantiles":{"0.5":3},"q0.50":4"#,
        r#""quantiles":3"#,
    ];
    insta::assert_snapshot!(cases.map(of).join("\n"), @r#"
    mean: got nothing, expected a mean, or quantiles; give the mean, or quantiles such as q0.5 and q0.9
    mean: got -1, expected a number of at least 0; send the opposite event for the other direction
    mean: got "many", expected a plain decimal number such as 12 or 0.75; write the digits with a decimal point and without group marks
    q0.9: got 2, expected at least 3, the quantile of the level below; quantiles rise with their level, and none is negative: sort or correct them
    q50: got 3, expected a level above 0 and below 1; divide a percentage by 100
    quantiles.high: got high, expected a level above 0 and below 1; name each quantile by its level, such as 0.9
    q0.50: got the level twice, expected each level once; leave one of them out
    quantiles: got "3", expected a JSON object; correct the JSON: invalid type: integer `3`, expected a JSON object at line 1 column 1
    "#);
    let told = |body: &str| {
        read_override(body.as_bytes(), "ann").map_or_else(|refusal| refusal.to_string(), |said| format!("{said:?}"))
    };
    let cases = [
        format!(r#"{{{MILK},"factor":2,"author":"ben"}}"#),
        format!(r#"{{{MILK},"taken_back":true}}"#),
        format!(r#"{{{MILK},"factor":2,"until":"2026-03-09"}}"#),
    ];
    insta::assert_snapshot!(cases.map(|body| told(&body)).join("\n"), @r#"
    author: got "ben", expected no field of that name; leave it out: the author is who asks, and DELETE takes an override back
    taken_back: got true, expected no field of that name; leave it out: the author is who asks, and DELETE takes an override back
    until: got "2026-03-09", expected item_id, location_id, category, from, to, factor (and surge) or quantity, and reason; leave the field out
    "#);
}
