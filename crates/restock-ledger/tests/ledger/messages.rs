//! What senders are told about entries that cannot be read.

use restock_core::event::SupplyOrigin;
use restock_core::{Event, EventKind};
use restock_ledger::{Incoming, Position, wire};

const SALE: &str = r#"{"event_id":"1","source":"till","type":"sale","occurred_at":"2026-03-02T14:05:00Z","item_id":"milk","location_id":"berlin","quantity":"2"}"#;

fn read(text: &str) -> String {
    match wire::read_event(text.as_bytes()) {
        Ok(event) => format!("read as {}", wire::write(&event)),
        Err(refusal) => refusal.to_string(),
    }
}

/// The message about a sale with one part replaced.
fn with(part: &str, other: &str) -> String {
    assert!(SALE.contains(part), "{part}");
    read(&SALE.replacen(part, other, 1))
}

#[test]
fn numbers_are_exact_or_refused() {
    let quantity = |json: &str| with(r#""2""#, json);
    let cases = [
        r#""1,000""#,
        r#""1,5""#,
        r#""1 000""#,
        r#""""#,
        r#""-2""#,
        "-2",
        r#""0x1""#,
        r#""1_000""#,
        r#""+1""#,
        r#""1e3""#,
        "true",
        "[2]",
        "0.1234567",
        "1e13",
        "79228162514264337593543950335",
        "1e99",
        "1e9999999999999999999",
        r#""٣""#,
        r#"".5""#,
        r#""5.""#,
    ];
    insta::assert_snapshot!(cases.map(quantity).join("\n"), @r#"
    quantity: got "1,000", expected a plain decimal number such as 12 or 0.75; write the digits with a decimal point and without group marks
    quantity: got "1,5", expected a plain decimal number such as 12 or 0.75; write the digits with a decimal point and without group marks
    quantity: got "1 000", expected a plain decimal number such as 12 or 0.75; write the digits with a decimal point and without group marks
    quantity: got "", expected a plain decimal number such as 12 or 0.75; write the digits with a decimal point and without group marks
    quantity: got "-2", expected a number of at least 0; send the opposite event for the other direction
    quantity: got -2, expected a number of at least 0; send the opposite event for the other direction
    quantity: got "0x1", expected a plain decimal number such as 12 or 0.75; write the digits with a decimal point and without group marks
    quantity: got "1_000", expected a plain decimal number such as 12 or 0.75; write the digits with a decimal point and without group marks
    quantity: got "+1", expected a plain decimal number such as 12 or 0.75; write the digits with a decimal point and without group marks
    quantity: got "1e3", expected a plain decimal number such as 12 or 0.75; write the digits with a decimal point and without group marks
    quantity: got true, expected a plain decimal number such as 12 or 0.75; write the digits with a decimal point and without group marks
    quantity: got [2], expected a plain decimal number such as 12 or 0.75; write the digits with a decimal point and without group marks
    quantity: got 0.1234567, expected a quantity with at most 6 digits after the point; use a smaller or larger unit of measure
    quantity: got 1e13, expected a quantity within ±9,000,000,000,000; use a smaller or larger unit of measure
    quantity: got 79228162514264337593543950335, expected a quantity within ±9,000,000,000,000; use a smaller or larger unit of measure
    quantity: got 1e99, expected a plain decimal number such as 12 or 0.75; write the digits with a decimal point and without group marks
    quantity: got 1e9999999999999999999, expected a plain decimal number such as 12 or 0.75; write the digits with a decimal point and without group marks
    quantity: got "٣", expected a plain decimal number such as 12 or 0.75; write the digits with a decimal point and without group marks
    quantity: got ".5", expected a plain decimal number such as 12 or 0.75; write the digits with a decimal point and without group marks
    quantity: got "5.", expected a plain decimal number such as 12 or 0.75; write the digits with a decimal point and without group marks
    "#);
    for (json, exact) in [
        ("2", "2"),
        ("2.50", "2.5"),
        ("1e3", "1000"),
        ("12.5E-1", "1.25"),
        ("1e-06", "0.000001"),
        ("-0.0", "0"),
        ("9000000000000", "9000000000000"),
        ("0.100000000000000000000000000", "0.1"),
        (r#""007""#, "7"),
        // One that floating point would change.
        ("9007199254.740993", "9007199254.740993"),
    ] {
        assert!(quantity(json).contains(&format!(r#""quantity":"{exact}""#)), "{json}: {}", quantity(json));
    }
}

#[test]
fn instants_have_an_offset() {
    let instant = |json: &str| with(r#""2026-03-02T14:05:00Z""#, json);
    let cases = [
        r#""2026-03-02T14:05:00""#,
        r#""2026-03-02""#,
        r#""02.03.2026 14:05""#,
        "1772460300",
        r#""1772460300""#,
        r#""0001-01-01T00:00:00Z""#,
    ];
    insta::assert_snapshot!(cases.map(instant).join("\n"), @r#"
    occurred_at: got "2026-03-02T14:05:00", expected an instant such as 2026-03-02T14:05:00+01:00; add the offset from UTC, because the time alone can be read in two ways
    occurred_at: got "2026-03-02", expected an instant such as 2026-03-02T14:05:00+01:00; add the offset from UTC, because the time alone can be read in two ways
    occurred_at: got "02.03.2026 14:05", expected an instant such as 2026-03-02T14:05:00+01:00; write year, month, day, T, time and offset
    occurred_at: got 1772460300, expected an instant such as 2026-03-02T14:05:00+01:00; write date, time and offset as a text; a bare number may be seconds or milliseconds
    occurred_at: got "1772460300", expected an instant such as 2026-03-02T14:05:00+01:00; write year, month, day, T, time and offset
    occurred_at: got "0001-01-01T00:00:00Z", expected an instant from 1970 on; send the time at which it happened
    "#);
    assert!(instant(r#""2026-03-02T14:05:00.123456789+01:00""#).contains("2026-03-02T13:05:00.123456789Z"));
}

#[test]
fn every_message_has_a_way_out() {
    let long = "x".repeat(201);
    let cases = [
        read("{"),
        read("[1]"),
        read("{}"),
        with(r#""event_id":"1","#, ""),
        with(r#""event_id":"1""#, r#""event_id":" ""#),
        with(r#""event_id":"1""#, r#""event_id":1.0"#),
        with(r#""item_id":"milk""#, r#""item_id":"mi\nlk""#),
        with(r#""item_id":"milk""#, &format!(r#""item_id":"{long}""#)),
        with(r#""item_id":"milk""#, r#""item_id":null"#),
        with(r#""item_id":"milk""#, r#""item_id":"milk","item_id":"milk""#),
        with(r#""sale""#, r#""sold""#),
        with(r#""sale""#, r#""count""#),
        with(r#""sale""#, r#""lead_time_notice","lead_time_days":3"#),
        with(r#""sale""#, r#""lead_time_notice","supplier_id":"a","from_location":"b","lead_time_days":3"#),
        with(r#""sale""#, r#""lead_time_notice","supplier_id":"a","lead_time_days":99999"#),
        with(r#""sale""#, r#""promotion","from":"2026-03-05","to":"2026-03-04""#),
        with(r#""sale""#, r#""promotion","from":"5.3.2026","to":"2026-03-04""#),
        with(r#""sale""#, r#""promotion","from":"2026-02-30","to":"2026-03-04""#),
        with(r#""sale""#, r#""promotion","from":"2026-03-01","to":"2026-03-04","depth":20"#),
        with(r#""sale""#, r#""promotion","from":"2026-03-01","to":"2026-03-04","display":1"#),
        read(&SALE.replacen('{', &format!(r#"{{"note":"{}","#, "y".repeat(70_000)), 1)),
    ];
    insta::assert_snapshot!(cases.join("\n"), @r#"
    got "{", expected a JSON object; correct the JSON: EOF while parsing an object at line 1 column 1
    got "[1]", expected a JSON object; correct the JSON: invalid type: sequence, expected a JSON object at line 1 column 0
    event_id: got nothing, expected an id; add the field "event_id"
    event_id: got nothing, expected an id; add the field "event_id"
    event_id: got " ", expected an id that is not empty; name the id, or leave the field out
    event_id: got 1.0, expected an id; write the id as a text, between quotation marks
    item_id: got "mi\nlk", expected a text without control characters; leave the control characters out
    item_id: got an id of 201 bytes, expected at most 200 bytes; use a shorter id
    item_id: got nothing, expected an id; add the field "item_id"
    item_id: got the field twice, expected each field once; leave one of them out
    type: got "sold", expected one of sale, return, receipt, adjustment, count, waste, transfer_out, transfer_in, order_placed, order_confirmed, order_cancelled, order_shipped, price_change, promotion, stockout_observed, lead_time_notice, sensor_reading, item_changed, location_changed, supplier_changed, item_location_changed, source_changed, calendar_changed, uom_changed, segment_changed, forecast_override, forecast_given; send a kind of event that is known
    on_hand: got nothing, expected a plain decimal number such as 12 or 0.75; add the field "on_hand"
    supplier_id: got nothing, expected who supplies; add the field "supplier_id" or "from_location"
    from_location: got "b", expected one origin of the goods; leave "supplier_id" or "from_location" out
    lead_time_days: got 99999, expected at most 3650 days; give the lead time in days
    to: got 2026-03-04, expected a day not before 2026-03-05; swap the days or correct one of them
    from: got "5.3.2026", expected a date such as 2026-03-02; write year, month and day, with hyphens
    from: got "2026-02-30", expected a date such as 2026-03-02; write year, month and day, with hyphens
    depth: got 20, expected a share from 0 to 1; divide a percentage by 100
    display: got 1, expected true or false; write true or false, without quotation marks
    got 70148 bytes, expected an event of at most 65536 bytes; send fewer or shorter attributes
    "#);
}

#[test]
fn other_fields_are_kept() {
    insta::assert_snapshot!(with(r#""quantity":"2""#, r#""quantity":2,"till":7,"basket":{"id": "a b" ,"n":[1, 2]},"gone":null"#), @r#"read as {"event_id":"1","source":"till","type":"sale","occurred_at":"2026-03-02T14:05:00Z","item_id":"milk","location_id":"berlin","quantity":"2","basket":{"id":"a b","n":[1,2]},"till":7}"#);
    let many: String = (0..65).map(|number| format!(r#","f{number}":1"#)).collect();
    insta::assert_snapshot!(with(r#""quantity":"2""#, &format!(r#""quantity":2{many}"#)), @"got 65 other fields, expected at most 64; leave out what a plan does not need");
}

#[test]
fn cloud_events_are_read() {
    let cloud = r#"{"specversion":"1.0","id":"1","source":"/till/7","type":"com.example.sale","time":"2026-03-02T14:05:00Z","subject":"milk","datacontenttype":"application/json","data":{"item_id":"milk","location_id":"berlin","quantity":2,"till":7}}"#;
    insta::assert_snapshot!(read(cloud), @r#"read as {"event_id":"1","source":"/till/7","type":"sale","occurred_at":"2026-03-02T14:05:00Z","item_id":"milk","location_id":"berlin","quantity":"2","ce-subject":"milk","till":7}"#);
    let cases = [
        read(&cloud.replace(r#""specversion":"1.0""#, r#""specversion":"2.0""#)),
        read(&cloud.replace("application/json", "text/xml")),
        read(&cloud.replace(r#""data":{"#, r#""data_base64":"aGk=","date":{"#)),
        read(&cloud.replace(r#""data":{"#, r#""date":{"#)),
        read(&cloud.replace(r#""data":{"#, r#""data":{"source":"x","#)),
        read(&cloud.replace(r#""data":{"#, r#""data":{"ce-subject":"x","#)),
        read(&cloud.replace(r#""data":{"item_id":"milk""#, r#""data":"x","date":{"#)),
        read(&cloud.replace(r#""quantity":2"#, r#""quantity":"two""#)),
    ];
    insta::assert_snapshot!(cases.join("\n"), @r#"
    specversion: got 2.0, expected 1.0; send CloudEvents of version 1.0
    datacontenttype: got text/xml, expected application/json; send the data as JSON
    data_base64: got bytes, expected the field data; send the data as a JSON object
    data: got nothing, expected the fields of the event; add the field "data"
    source: got "x", expected no field of that name in data; leave it out, because the envelope says it
    ce-subject: got the attribute twice, expected each field once; leave one of them out
    got "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/till/7\",\"type\":\"com.exa…, expected a JSON object; correct the JSON: key must be a string at line 1 column 179
    quantity: got "two", expected a plain decimal number such as 12 or 0.75; write the digits with a decimal point and without group marks
    "#);
}

#[test]
fn lists_and_lines_say_where() {
    let show = |entries: Vec<Incoming>| -> String {
        let lines: Vec<String> = entries
            .iter()
            .map(|entry| {
                let what =
                    entry.event.as_ref().map_or_else(ToString::to_string, |event: &Event| event.event_id.clone());
                format!("{}: {what} <- {:?}", entry.position, String::from_utf8_lossy(&entry.raw))
            })
            .collect();
        lines.join("\n")
    };
    let short = r#"{"event_id":"1","source":"s","type":"count","occurred_at":"2026-03-02T14:05:00Z","item_id":"i","location_id":"l","on_hand":2}"#;
    insta::assert_snapshot!(show(wire::read_json(format!("\u{feff} [ {short} ,\n 7, {short}, {{\"a\": ").as_bytes())), @r#"
    index 0: 1 <- "{\"event_id\":\"1\",\"source\":\"s\",\"type\":\"count\",\"occurred_at\":\"2026-03-02T14:05:00Z\",\"item_id\":\"i\",\"location_id\":\"l\",\"on_hand\":2}"
    index 1: got "7", expected a JSON object; correct the JSON: invalid type: integer `7`, expected a JSON object at line 1 column 1 <- "7"
    index 2: 1 <- "{\"event_id\":\"1\",\"source\":\"s\",\"type\":\"count\",\"occurred_at\":\"2026-03-02T14:05:00Z\",\"item_id\":\"i\",\"location_id\":\"l\",\"on_hand\":2}"
    index 3: got ", {\"a\": ", expected a JSON list of events; correct the JSON: EOF while parsing a value at line 2 column 137 <- ", {\"a\": "
    "#);
    insta::assert_snapshot!(show(wire::read_json(format!("[{short}] x").as_bytes())), @r#"
    index 0: 1 <- "{\"event_id\":\"1\",\"source\":\"s\",\"type\":\"count\",\"occurred_at\":\"2026-03-02T14:05:00Z\",\"item_id\":\"i\",\"location_id\":\"l\",\"on_hand\":2}"
    index 1: got "] x", expected a JSON list of events; correct the JSON: trailing characters at line 1 column 129 <- "] x"
    "#);
    insta::assert_snapshot!(show(wire::read_json(b"")), @r#"message: got "", expected a JSON object; correct the JSON: EOF while parsing a value at line 1 column 0 <- """#);
    assert_eq!(wire::read_json(b"[]"), []);
    assert_eq!(wire::read_ndjson(b"\n \r\n", 1), []);
    insta::assert_snapshot!(show(wire::read_ndjson(format!("\u{feff}{short}\r\n\n{{}}").as_bytes(), 10)), @r#"
    line 10: 1 <- "{\"event_id\":\"1\",\"source\":\"s\",\"type\":\"count\",\"occurred_at\":\"2026-03-02T14:05:00Z\",\"item_id\":\"i\",\"location_id\":\"l\",\"on_hand\":2}"
    line 12: event_id: got nothing, expected an id; add the field "event_id" <- "{}"
    "#);
    let single = wire::read_json(format!("\n{short}\n").as_bytes());
    assert_eq!((single.len(), &single[0].position), (1, &Position::Whole));
    assert_eq!(single[0].raw, format!("\n{short}\n").as_bytes());
}

#[test]
fn origins_are_one_of_two() {
    let event = wire::read_event(SALE.replace("sale", r#"receipt","from_location":"hub"#).as_bytes()).unwrap();
    let EventKind::Receipt { origin, .. } = event.kind else { panic!("{event:?}") };
    assert_eq!(origin, Some(SupplyOrigin::Location("hub".to_owned())));
}
