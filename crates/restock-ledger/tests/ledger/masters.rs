//! What is said about master data: read and refused, and per field the last word in the tables.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use proptest::prelude::*;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use restock_core::dataset::{Origin, OrphanKey};
use restock_core::event::SupplyOrigin;
use restock_core::master::{Lane, MasterChange, MasterKey, MasterRecord, MasterTable, REMOVED};
use restock_core::{Dataset, Event, EventKind, ItemLocation, Quantity, RowRef};
use restock_ledger::{MasterWords, check_record, read_master_row, tables, wire};

use crate::generator::{self, Chain};
use crate::{at, now, sale};

fn said(event_id: &str, occurred_at: &str, record: MasterKey, fields: &[(&str, Option<&str>)]) -> Event {
    let fields = fields.iter().map(|(name, text)| ((*name).to_owned(), text.map(str::to_owned))).collect();
    let kind = EventKind::MasterChange(Box::new(MasterChange { record, fields }));
    Event { occurred_at: at(occurred_at), kind, ..sale(event_id, "1") }
}

fn read(text: &str) -> String {
    match wire::read_event(text.as_bytes()) {
        Ok(event) => {
            let text = wire::write(&event);
            assert_eq!(wire::read_event(text.as_bytes()), Ok(event));
            text
        }
        Err(refusal) => refusal.to_string(),
    }
}

/// An event with these fields beside those that every event has.
fn with(fields: &str) -> String {
    read(&format!(r#"{{"event_id":"1","source":"erp","occurred_at":"2026-03-02T14:05:00Z",{fields}}}"#))
        .replace(r#""event_id":"1","source":"erp","#, "")
        .replace(r#""occurred_at":"2026-03-02T14:05:00Z","#, "")
}

#[test]
fn what_is_said_has_one_text() {
    let texts = [
        with(
            r#""type":"item_changed","item_id":7,"fields":{"price":1.50,"Brand":" Acme ","launch":"2026-03-01","volume":null,"VEN":true}"#,
        ),
        with(r#""type":"location_changed","location_id":"S01","fields":{"parent_id":"hub"}"#),
        with(
            r#""type":"supplier_changed","supplier_id":"dairy","fields":{"order_days":"Friday, 1","min_order_quantity":1e1},"by":"Ada""#,
        ),
        with(
            r#""type":"item_location_changed","item_id":"milk","location_id":"S01","fields":{"do_not_order":false,"min_stock":"3.0"}"#,
        ),
        with(
            r#""type":"source_changed","to_location":"S01","supplier_id":"dairy","item_id":"milk","effective_from":"2026-04-01","fields":{"pack_size":12}"#,
        ),
        with(
            r#""type":"source_changed","from_location":"hub","category":"food","fields":{"moq":0,"price_breaks":"10:1; 5:2"}"#,
        ),
        with(r#""type":"item_changed","item_id":"milk","fields":{}"#),
        with(r#""type":"item_changed","item_id":"milk""#),
        with(
            r#""type":"calendar_changed","calendar_id":"shop","fields":{"weekdays":"Mon,Thu","2026-12-25":false,"2026-12-27":true,"2027-01-01":null}"#,
        ),
        with(r#""type":"calendar_changed","calendar_id":"shop","fields":{"removed":true}"#),
        with(r#""type":"uom_changed","item_id":"milk","uom":"crate","fields":{"factor":12.50}"#),
        with(
            r#""type":"segment_changed","where":" item.abc == 'C' and location.kind == \"dc\" ","fields":{"mode":"service","target":0.9,"type":"cycle","policy":"min_max","priority":-1}"#,
        ),
        with(r#""type":"segment_changed","where":"item.abc == 'C'","fields":{"removed":false}"#),
    ];
    insta::assert_snapshot!(texts.join("\n"), @r#"
    {"type":"item_changed","item_id":"7","fields":{"brand":"Acme","launch_date":"2026-03-01","price":"1.5","ven":"true","volume":null}}
    {"type":"location_changed","location_id":"S01","fields":{"parent_id":"hub"}}
    {"type":"supplier_changed","supplier_id":"dairy","fields":{"min_order_qty":"10","order_days":"mon fri"},"by":"Ada"}
    {"type":"item_location_changed","item_id":"milk","location_id":"S01","fields":{"do_not_order":null,"min_stock":"3"}}
    {"type":"source_changed","to_location":"S01","supplier_id":"dairy","item_id":"milk","effective_from":"2026-04-01","fields":{"pack_size":"12"}}
    {"type":"source_changed","from_location":"hub","category":"food","fields":{"moq":null,"price_breaks":"5:2; 10:1"}}
    {"type":"item_changed","item_id":"milk"}
    {"type":"item_changed","item_id":"milk"}
    {"type":"calendar_changed","calendar_id":"shop","fields":{"2026-12-25":"false","2026-12-27":"true","2027-01-01":null,"weekdays":"mon thu"}}
    {"type":"calendar_changed","calendar_id":"shop","fields":{"removed":"true"}}
    {"type":"uom_changed","item_id":"milk","uom":"crate","fields":{"factor":"12.5"}}
    {"type":"segment_changed","where":"item.abc == 'C' and location.kind == \"dc\"","fields":{"mode":null,"policy":"min_max","priority":"-1","service_target":"0.9","service_type":"cycle"}}
    {"type":"segment_changed","where":"item.abc == 'C'","fields":{"removed":null}}
    "#);
}

#[test]
fn what_cannot_be_said_is_refused_with_the_way_out() {
    let refusals = [
        with(r#""type":"item_changed","fields":{}"#),
        with(r#""type":"item_changed","item_id":"milk","fields":[1]"#),
        with(r#""type":"item_changed","item_id":"milk","fields":{"price":"1,20"}"#),
        with(r#""type":"item_changed","item_id":"milk","fields":{"price":-1}"#),
        with(r#""type":"item_changed","item_id":"milk","fields":{"brand":["a"]}"#),
        with(r#""type":"item_changed","item_id":"milk","fields":{"brand":"a\nb"}"#),
        with(r#""type":"item_changed","item_id":"milk","fields":{"item_id":"tea"}"#),
        with(r#""type":"item_changed","item_id":"milk","fields":{"end":"2026-03-01","end_date":"2026-03-02"}"#),
        with(r#""type":"item_location_changed","item_id":"milk","location_id":"S01","fields":{"colour":"red"}"#),
        with(r#""type":"item_location_changed","item_id":"milk","location_id":"S01","fields":{"service_target":98}"#),
        with(r#""type":"source_changed","to_location":"S01","fields":{"pack_size":12}"#),
        with(r#""type":"source_changed","supplier_id":"a","from_location":"b","fields":{}"#),
        with(r#""type":"source_changed","supplier_id":"a","item_id":"milk","category":"food","fields":{}"#),
        with(r#""type":"source_changed","supplier_id":"a","effective_from":"1.4.2026","fields":{}"#),
        with(r#""type":"place_changed","item_id":"milk","fields":{}"#),
        with(r#""type":"calendar_changed","fields":{"weekdays":"mon"}"#),
        with(r#""type":"calendar_changed","calendar_id":"shop","fields":{"25.12.2026":false}"#),
        with(r#""type":"calendar_changed","calendar_id":"shop","fields":{"2026-02-30":false}"#),
        with(r#""type":"calendar_changed","calendar_id":"shop","fields":{"2026-12-25":"closed"}"#),
        with(r#""type":"calendar_changed","calendar_id":"shop","fields":{"removed":true,"weekdays":"mon"}"#),
        with(r#""type":"uom_changed","item_id":"milk","fields":{"factor":12}"#),
        with(r#""type":"uom_changed","item_id":"milk","uom":"crate","fields":{"factor":0}"#),
        with(r#""type":"uom_changed","item_id":"milk","uom":"crate","fields":{"factor":-12}"#),
        with(r#""type":"segment_changed","fields":{"policy":"auto"}"#),
        with(r#""type":"segment_changed","where":" ","fields":{"policy":"auto"}"#),
        with(r#""type":"segment_changed","where":"abc == 'C'","fields":{"policy":"auto"}"#),
        with(r#""type":"segment_changed","where":"item.abc == 'C'","fields":{"policy":"oracle"}"#),
        with(r#""type":"segment_changed","where":"item.abc == 'C'","fields":{"service_target":1}"#),
        with(r#""type":"segment_changed","where":"item.abc == 'C'","fields":{"removed":"now"}"#),
        with(r#""type":"source_changed","supplier_id":"a","fields":{"removed":true}"#),
    ];
    insta::assert_snapshot!(refusals.join("\n"), @r#"
    item_id: got nothing, expected an id; add the field "item_id"
    fields: got "[1]", expected a JSON object; correct the JSON: invalid type: sequence, expected a JSON object at line 1 column 0
    price: got "1,20", expected a plain decimal number such as 12 or 0.75; write the digits with a decimal point and without group marks
    price: got -1, expected a number of at least 0; leave the minus out
    brand: got ["a"], expected a text, a number, true, false or null; write lists and objects as texts
    brand: got "a\nb", expected a text without control characters; leave the control characters out
    item_id: got "tea", expected no field of that name; name the record beside its fields, and send other fields under their own names
    end_date: got the field twice, expected each field once; leave one of them out
    colour: got a field that is not known, expected one of listed_from, listed_to, service_type, service_target, min_stock, max_stock, display_min, shelf_capacity, safety_days, policy, do_not_order; leave it out
    service_target: got 98, expected a service target from 0 to 0.999999, such as 0.98; divide a percentage by 100
    supplier_id: got nothing, expected who supplies; add the field "supplier_id" or "from_location"
    from_location: got "b", expected one origin of the goods; leave "supplier_id" or "from_location" out
    category: got "food", expected an item or a category; leave "item_id" or "category" out
    effective_from: got "1.4.2026", expected a date such as 2026-03-02; write year, month and day, with hyphens
    type: got "place_changed", expected one of sale, return, receipt, adjustment, count, waste, transfer_out, transfer_in, order_placed, order_confirmed, order_cancelled, order_shipped, price_change, promotion, stockout_observed, lead_time_notice, sensor_reading, item_changed, location_changed, supplier_changed, item_location_changed, source_changed, calendar_changed, uom_changed, segment_changed, forecast_override, forecast_given; send a kind of event that is known
    calendar_id: got nothing, expected an id; add the field "calendar_id"
    25.12.2026: got a field that is not known, expected weekdays, or a day such as 2026-12-25; leave it out
    2026-02-30: got a field that is not known, expected weekdays, or a day such as 2026-12-25; leave it out
    2026-12-25: got "closed", expected true where the day counts, false where it does not; write true or false
    removed: got true beside other fields, expected a removal alone; say the other fields with a later event, which makes it anew
    uom: got nothing, expected an id; add the field "uom"
    factor: got 0, expected a factor above 0; say how many base units are in one
    factor: got -12, expected a number of at least 0; leave the minus out
    where: got nothing, expected a filter such as item.abc == 'C'; add the field "where"
    where: got " ", expected a filter such as item.abc == 'C'; say which item-locations it is for
    where: got "abc" at character 1, expected a field such as item.abc, location.kind or source.id; correct the filter
    policy: got "oracle", expected one of auto, classical, base_stock, s_S, R_s_S, s_Q, min_max, days_of_cover, mto, newsvendor, learned; use one of these
    service_target: got 1, expected a service target above 0 up to 0.999999, such as 0.98; divide a percentage by 100
    removed: got "now", expected true or false; write true or false
    removed: got a field that is not known, expected one of lead_time_days, lead_time_sd, unit_cost, moq, pack_size, layer_size, pallet_size, max_qty, priority, share, review_calendar, effective_to, price_breaks; leave it out
    "#);
}

#[test]
fn a_row_names_its_record_and_says_its_fields() {
    let row = |table, text: &str| read_master_row(table, text.as_bytes(), None);
    let milk = row(
        MasterTable::Items,
        r#"{"item_id":"milk","name":"Milk","attributes":{"brand":"Acme","x":null},"end":null}"#,
    );
    let fields: BTreeMap<String, Option<String>> =
        [("name", Some("Milk")), ("brand", Some("Acme")), ("x", None), ("end_date", None)]
            .into_iter()
            .map(|(name, text)| (name.to_owned(), text.map(str::to_owned)))
            .collect();
    assert_eq!(milk, Ok(MasterChange { record: MasterKey::Item("milk".to_owned()), fields }));
    let lane = row(MasterTable::Sources, r#"{"to_location":"S01","supplier_id":"dairy","item_id":null,"pack_size":6}"#)
        .unwrap();
    assert_eq!(lane.record.subject(), "source/*@S01<dairy");
    let place = MasterKey::ItemLocation(ItemLocation::new("milk", "S01"));
    let given = |text: &str| read_master_row(MasterTable::ItemLocations, text.as_bytes(), Some(&place));
    assert_eq!(given(r#"{"item_id":"milk","min_stock":3}"#).unwrap().record, place);
    assert_eq!(given("{}").unwrap().fields.len(), 0);
    let refusals = [
        given(r#"{"item_id":"tea","min_stock":3}"#).unwrap_err().to_string(),
        given("[1]").unwrap_err().to_string(),
        row(MasterTable::Items, r#"{"name":"Milk"}"#).unwrap_err().to_string(),
        row(MasterTable::Items, r#"{"item_id":"milk","attributes":{"name":"a"},"name":"b"}"#).unwrap_err().to_string(),
        check_record(&MasterKey::Item(" milk".to_owned())).unwrap_err().to_string(),
        check_record(&MasterKey::Item(String::new())).unwrap_err().to_string(),
        row(MasterTable::Calendars, r#"{"calendar_id":"shop","removed":true}"#).unwrap_err().to_string(),
        row(MasterTable::Calendars, r#"{"calendar_id":"shop","exceptions":null}"#).unwrap_err().to_string(),
        check_record(&MasterKey::Segment("item.abc ==".to_owned())).unwrap_err().to_string(),
    ];
    insta::assert_snapshot!(refusals.join("\n"), @r#"
    item_id: got "tea", expected "milk", as the path says; leave it out of the row, or send the row to the path of its own record
    got "[1]", expected a JSON object; correct the JSON: invalid type: sequence, expected a JSON object at line 1 column 0
    item_id: got nothing, expected an id; add the field "item_id"
    name: got the field twice, expected each field once; leave one of them out
    item_id: got " milk", expected an id without blanks around it; leave the blanks out
    item_id: got "", expected an id that is not empty; name the id, or leave the field out
    removed: got true, expected no field of that name; send DELETE for the record
    exceptions: got null, expected no field of that name; name the record beside its fields, and send other fields under their own names
    where: got the end at character 12, expected a value such as 'store' or 10; correct the filter
    "#);
    let shop = row(
        MasterTable::Calendars,
        r#"{"calendar_id":"shop","weekdays":"mon","exceptions":{"2026-12-25":false,"2026-12-27":null}}"#,
    );
    let days: Vec<String> = shop.unwrap().fields.into_iter().map(|(name, text)| format!("{name} {text:?}")).collect();
    assert_eq!(days, [r#"2026-12-25 Some("false")"#, "2026-12-27 None", r#"weekdays Some("mon")"#]);
}

/// A dairy with one item, two lanes and a lane of a category, as files say it.
fn files() -> Dataset {
    let lane = |item: Option<&str>, category: Option<&str>| Lane {
        to_location: Some("berlin".to_owned()),
        origin: SupplyOrigin::Supplier("dairy".to_owned()),
        item_id: item.map(str::to_owned),
        category: category.map(str::to_owned),
        effective_from: None,
    };
    let say = |id: &str, record, fields: &[(&str, Option<&str>)]| said(id, "2026-01-01T00:00:00Z", record, fields);
    let mut files = tables(
        &Dataset::default(),
        now(),
        &[
            say("1", MasterKey::Item("milk".to_owned()), &[("name", Some("Milk")), ("price", Some("1"))]),
            say(
                "2",
                MasterKey::Source(lane(Some("milk"), None)),
                &[("pack_size", Some("12")), ("lead_time_days", Some("3"))],
            ),
            say("3", MasterKey::Source(lane(None, Some("food"))), &[("lead_time_days", Some("3"))]),
        ],
        &TimeZone::UTC,
    );
    files.facts.orphans.push(OrphanKey { kind: "item", id: "milk".to_owned(), row: RowRef::default() });
    files
}

fn lane_of_milk() -> MasterKey {
    MasterKey::Source(Lane {
        to_location: Some("berlin".to_owned()),
        origin: SupplyOrigin::Supplier("dairy".to_owned()),
        item_id: Some("milk".to_owned()),
        category: None,
        effective_from: None,
    })
}

#[test]
fn tables_have_the_last_word_over_what_files_say() {
    let files = files();
    assert_eq!((files.items[0].price, files.sources.len()), (Some("1".parse().unwrap()), 2));
    let make = |events: &[Event]| tables(&files, now(), events, &TimeZone::UTC);
    let item = MasterKey::Item("milk".to_owned());
    let made = make(&[
        said("2", "2026-03-02T09:00:00Z", item.clone(), &[("price", Some("2")), ("name", None)]),
        said("1", "2026-03-01T09:00:00Z", item, &[("price", Some("3")), ("brand", Some("Acme"))]),
        said("3", "2026-03-01T09:00:00Z", lane_of_milk(), &[("pack_size", Some("2.5"))]),
    ]);
    assert_eq!((made.items[0].price, made.items[0].name.as_str()), (Some("2".parse().unwrap()), ""));
    assert_eq!(made.items[0].attributes["brand"], "Acme");
    assert_eq!(made.items[0].decimals, 1, "its quantities have as many digits as its packs");
    let of_milk = made.sources.iter().find(|row| row.item.is_some()).unwrap();
    assert_eq!((of_milk.pack_size, of_milk.lead_time_days), (Some("2.5".parse().unwrap()), Some(3.0)));
    assert_eq!(of_milk.row.file_idx, 0, "it is still the row of the file");
    assert_eq!(made.sources.len(), 2);
    assert!(made.facts.orphans.is_empty(), "what is said defines the item");

    // New terms from a day on are a lane of their own; a lane of another category too.
    let MasterKey::Source(lane) = lane_of_milk() else { unreachable!() };
    let ahead = MasterKey::Source(Lane { effective_from: Some("2026-04-01".parse().unwrap()), ..lane.clone() });
    let other = MasterKey::Source(Lane { item_id: None, category: Some("toys".to_owned()), ..lane });
    let made = make(&[
        said("1", "2026-03-01T09:00:00Z", ahead, &[("pack_size", Some("6"))]),
        said("2", "2026-03-01T09:00:00Z", other, &[]),
    ]);
    let packs: Vec<_> = made.sources.iter().map(|row| row.pack_size.map(|pack| pack.to_string())).collect();
    assert_eq!(packs.iter().flatten().count(), 2, "{packs:?}");
    assert_eq!(made.sources.len(), 4);

    // Words of two times that contradict each other.
    let place = MasterKey::ItemLocation(ItemLocation::new("milk", "rome"));
    let made = make(&[
        said("1", "2026-03-01T09:00:00Z", place.clone(), &[("max_stock", Some("5"))]),
        said("2", "2026-03-02T09:00:00Z", place, &[("min_stock", Some("8"))]),
    ]);
    let row = &made.item_locations[0];
    assert_eq!((row.min_stock, row.max_stock), (Some("8".parse().unwrap()), Some("8".parse().unwrap())));
    assert_eq!(made.locations.iter().filter(|location| location.location_id == "rome").count(), 1);
}

#[test]
fn of_a_lead_time_the_last_word_holds_whoever_says_it() {
    let notice = |id: &str, occurred_at: &str, days: &str| Event {
        occurred_at: at(occurred_at),
        kind: EventKind::LeadTimeNotice {
            origin: SupplyOrigin::Supplier("dairy".to_owned()),
            item_id: None,
            location_id: None,
            lead_time_days: days.parse().unwrap(),
        },
        ..sale(id, "1")
    };
    let of_lane = |events: &[Event]| {
        let made = tables(&files(), now(), events, &TimeZone::UTC);
        let days: Vec<_> = made.sources.iter().map(|row| (row.item.is_some(), row.lead_time_days)).collect();
        let mut words = MasterWords::default();
        events.iter().for_each(|event| prop_assert_word(words.add(event)));
        let row = files().sources.into_iter().find(|row| row.item.is_some()).unwrap();
        let mut record = MasterRecord::Source(row);
        words.overlay(&lane_of_milk(), &mut record);
        let own = days.iter().find(|(is_own, _)| *is_own).unwrap().1;
        assert_eq!(record.get("lead_time_days"), own.map(|days| days.to_string()));
        (own, days.iter().find(|(is_own, _)| !is_own).unwrap().1)
    };
    let (early, late) = (notice("1", "2026-03-01T09:00:00Z", "7"), notice("2", "2026-03-03T09:00:00Z", "9"));
    let own = said("3", "2026-03-02T09:00:00Z", lane_of_milk(), &[("lead_time_days", Some("5"))]);
    let other = said("4", "2026-03-04T09:00:00Z", lane_of_milk(), &[("pack_size", Some("5"))]);
    assert_eq!(of_lane(std::slice::from_ref(&early)), (Some(7.0), Some(7.0)));
    assert_eq!(of_lane(&[early.clone(), own.clone()]), (Some(5.0), Some(7.0)));
    assert_eq!(of_lane(&[late, own.clone(), early.clone()]), (Some(9.0), Some(9.0)));
    assert_eq!(of_lane(&[early.clone(), other]), (Some(7.0), Some(7.0)), "nothing was said about the lead time");
    let cleared = said("5", "2026-03-05T09:00:00Z", lane_of_milk(), &[("lead_time_days", None)]);
    assert_eq!(of_lane(&[early, own, cleared]), (None, Some(7.0)));
}

/// The same with calendars, units and segments, which can be removed.
fn files_with_terms() -> Dataset {
    let say =
        |id: &str, record, field: &str, text: &str| said(id, "2026-01-01T00:00:00Z", record, &[(field, Some(text))]);
    let unit = |uom: &str| MasterKey::Uom { item_id: "item-00000".to_owned(), uom: uom.to_owned() };
    let segment = |filter: &str| MasterKey::Segment(filter.to_owned());
    let events = [
        say("1", MasterKey::Calendar("shop".to_owned()), "2026-12-25", "false"),
        say("2", unit("case"), "factor", "10"),
        say("3", unit("barrel"), "factor", "100"),
        say("4", segment("location.kind == \"dc\""), "service_target", "0.5"),
        say("5", segment("item.abc == 'B'"), "policy", "min_max"),
    ];
    tables(&files(), now(), &events, &TimeZone::UTC)
}

#[test]
fn what_is_removed_is_gone_and_what_is_said_later_makes_it_anew() {
    let base = files_with_terms();
    let removed = |id: &str, at: &str, record: MasterKey| said(id, at, record, &[("removed", Some("true"))]);
    let make = |events: &[Event]| tables(&base, now(), events, &TimeZone::UTC);
    let (shop, case) = (
        MasterKey::Calendar("shop".to_owned()),
        MasterKey::Uom { item_id: "item-00000".to_owned(), uom: "case".to_owned() },
    );
    let of_centres = MasterKey::Segment("location.kind == \"dc\"".to_owned());
    let early = "2026-03-01T09:00:00Z";
    let gone = make(&[
        removed("1", early, shop.clone()),
        removed("2", early, case.clone()),
        removed("3", early, of_centres.clone()),
    ]);
    assert!(gone.calendars.is_empty());
    assert_eq!(gone.uoms.iter().map(|row| &*row.uom).collect::<Vec<_>>(), ["barrel"]);
    assert_eq!(gone.segments.iter().map(|row| &*row.filter).collect::<Vec<_>>(), ["item.abc == 'B'"]);

    // Words before the removal hold no more, whenever they come in; later ones begin anew.
    let events = [
        said("7", "2026-03-02T09:00:00Z", shop.clone(), &[("weekdays", Some("mon"))]),
        said("8", "2026-02-01T09:00:00Z", shop.clone(), &[("2026-12-31", Some("false"))]),
        removed("1", early, shop.clone()),
        said("9", "2026-03-02T09:00:00Z", case.clone(), &[("factor", Some("6"))]),
        removed("2", early, case.clone()),
        said("a", "2026-03-02T09:00:00Z", of_centres.clone(), &[("policy", Some("auto"))]),
        removed("3", early, of_centres),
    ];
    let anew = make(&events);
    let calendar = &anew.calendars["shop"];
    assert_eq!((calendar.weekdays.to_string().as_str(), calendar.exceptions.len()), ("mon", 0));
    let units: Vec<_> = anew.uoms.iter().map(|row| (&*row.uom, row.factor.to_string())).collect();
    assert_eq!(units, [("barrel", "100".to_owned()), ("case", "6".to_owned())]);
    let segments: Vec<_> = anew.segments.iter().map(|row| (&*row.filter, row.service_target)).collect();
    assert_eq!(segments, [("item.abc == 'B'", None), ("location.kind == \"dc\"", None)]);
    // A unit without a factor is none.
    assert_eq!(make(&[said("b", early, case, &[("factor", None)])]).uoms.len(), 1);
}

/// Of segments lower priorities come first, then those of files in their order, and then the others by their filters.
#[test]
fn segments_have_an_order_of_their_own() {
    let mut base = files_with_terms();
    base.segments.reverse();
    let say = |id: &str, filter: &str, priority: Option<&str>| {
        said(id, "2026-03-01T09:00:00Z", MasterKey::Segment(filter.to_owned()), &[("priority", priority)])
    };
    let filters = |events: &[Event]| -> Vec<String> {
        tables(&base, now(), events, &TimeZone::UTC).segments.into_iter().map(|row| row.filter).collect()
    };
    let (z, a) = ("item.xyz == 'Z'", "item.abc == 'A'");
    let of_files = ["location.kind == \"dc\"", "item.abc == 'B'"];
    assert_eq!(filters(&[say("1", z, None), say("2", a, None)]), [of_files[0], of_files[1], a, z]);
    assert_eq!(filters(&[say("1", z, Some("-1")), say("2", of_files[0], Some("3"))]), [z, of_files[1], of_files[0]]);
}

/// Every change applied one by one, in order, to records about which nothing is known; `None` is a removed one.
fn one_by_one(events: &[Event]) -> BTreeMap<MasterKey, Option<MasterRecord>> {
    let mut events: Vec<&Event> = events.iter().collect();
    events.sort_by_key(|event| (event.occurred_at, &event.source, &event.event_id));
    let mut records = BTreeMap::new();
    for event in events {
        let EventKind::MasterChange(change) = &event.kind else { continue };
        let record = records.entry(change.record.clone()).or_insert(None);
        if change.record.table().can_be_removed() && change.fields.contains_key(REMOVED) {
            *record = None;
            continue;
        }
        let record = record.get_or_insert_with(|| MasterRecord::blank(&change.record));
        for (name, text) in &change.fields {
            record.set(name, text.as_deref()).unwrap();
        }
    }
    records
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// In any order, doubled, merged, or written down and read again: the same words, and the same tables.
    #[test]
    fn merged_words_say_what_all_of_them_say(seed in any::<u64>()) {
        let chain = Chain { n_items: 3, n_locations: 2 };
        let mut events: Vec<Event> = (0..1_500).map(|number| generator::event(chain, "s", seed, number)).collect();
        events.retain(|event| {
            event.kind.is_word() || matches!(event.kind, EventKind::LeadTimeNotice { .. })
        });
        let mut words = MasterWords::default();
        events.iter().for_each(|event| prop_assert_word(words.add(event)));
        let base = files_with_terms();
        let made = tables(&base, now(), &events, &TimeZone::UTC);
        events.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        let mut shuffled = MasterWords::default();
        events.iter().chain(&events[..events.len() / 2]).for_each(|event| prop_assert_word(shuffled.add(event)));
        prop_assert_eq!(&shuffled, &words);
        prop_assert_eq!(&MasterWords::from_ndjson(&words.to_ndjson()).unwrap(), &words);
        prop_assert_eq!(&tables(&base, now(), &events, &TimeZone::UTC), &made);

        let merged = words.events();
        let notices = events.iter().filter(|event| matches!(event.kind, EventKind::LeadTimeNotice { .. }));
        let fewer: Vec<Event> = notices.cloned().chain(merged.clone()).collect();
        prop_assert!(fewer.len() <= events.len());
        prop_assert_eq!(&tables(&base, now(), &fewer, &TimeZone::UTC), &made);
        let mut again = MasterWords::default();
        fewer.iter().for_each(|event| prop_assert_word(again.add(event)));
        prop_assert_eq!(&again.events(), &merged);

        // Without notices, tables have what the changes say one after another.
        let changes: Vec<Event> =
            events.iter().filter(|event| matches!(event.kind, EventKind::MasterChange(_))).cloned().collect();
        let made = tables(&Dataset::default(), now(), &changes, &TimeZone::UTC);
        for (key, record) in one_by_one(&changes) {
            let own = row_of(&made, &key);
            // A unit without a factor is none.
            let record = record.filter(|record| !matches!(record, MasterRecord::Uom(row) if row.factor == Quantity::ZERO));
            prop_assert_eq!(own.is_some(), record.is_some(), "{:?}", key);
            let (Some(mut own), Some(mut record)) = (own, record) else { continue };
            let limits = |record: &mut MasterRecord, least: &str, most: &str| -> Option<Quantity> {
                let number = |text: Option<String>| text.and_then(|text| text.parse::<Quantity>().ok());
                number(record.get(most)).map(|value| value.max(number(record.get(least)).unwrap_or_default()))
            };
            for (least, most) in [("moq", "max_qty"), ("min_stock", "max_stock")] {
                let settled = limits(&mut record, least, most).map(|value| value.to_string());
                if key.table().fields().contains(&most) {
                    record.set(most, settled.as_deref()).unwrap();
                }
            }
            prop_assert_eq!(own.fields(), record.fields(), "{:?}", key);
        }
    }
}

fn prop_assert_word(is_word: bool) {
    assert!(is_word);
}

/// The row of a record in tables.
fn row_of(tables: &Dataset, key: &MasterKey) -> Option<MasterRecord> {
    let item = |id: &str| tables.items.iter().find(|item| item.item_id == id).unwrap().clone();
    let item_id = |idx: restock_core::ItemIdx| tables.items[idx.0 as usize].item_id.clone();
    let location_id = |idx: restock_core::LocationIdx| tables.locations[idx.0 as usize].location_id.clone();
    Some(match key {
        MasterKey::Calendar(id) => MasterRecord::Calendar(tables.calendars.get(id)?.clone()),
        MasterKey::Uom { item_id: id, uom } => {
            let is_it = |row: &&restock_core::dataset::UomRow| item_id(row.item) == *id && row.uom == *uom;
            MasterRecord::Uom(tables.uoms.iter().find(is_it)?.clone())
        }
        MasterKey::Segment(filter) => {
            MasterRecord::Segment(tables.segments.iter().find(|row| row.filter == *filter)?.clone())
        }
        MasterKey::Item(id) => MasterRecord::Item(item(id)),
        MasterKey::Location(id) => {
            MasterRecord::Location(tables.locations.iter().find(|one| one.location_id == *id).unwrap().clone())
        }
        MasterKey::Supplier(id) => {
            MasterRecord::Supplier(tables.suppliers.iter().find(|one| one.supplier_id == *id).unwrap().clone())
        }
        MasterKey::ItemLocation(place) => {
            let is_it = |row: &&restock_core::dataset::ItemLocationRow| {
                item_id(row.item) == place.item_id && location_id(row.location) == place.location_id
            };
            MasterRecord::ItemLocation(tables.item_locations.iter().find(is_it).unwrap().clone())
        }
        MasterKey::Source(lane) => {
            let lane_of = |row: &restock_core::dataset::SourceRow| Lane {
                to_location: row.to_location.map(location_id),
                origin: match row.origin {
                    Origin::Supplier(idx) => {
                        SupplyOrigin::Supplier(tables.suppliers[idx.0 as usize].supplier_id.clone())
                    }
                    Origin::Location(idx) => SupplyOrigin::Location(location_id(idx)),
                },
                item_id: row.item.map(item_id),
                category: row.category.clone(),
                effective_from: row.effective_from,
            };
            MasterRecord::Source(tables.sources.iter().find(|row| lane_of(row) == *lane).unwrap().clone())
        }
    })
}
