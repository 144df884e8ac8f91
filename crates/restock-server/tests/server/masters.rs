//! Master data over HTTP: read, said over, synchronised, ended; only what differs is written.

use std::sync::Arc;

use axum::http::StatusCode;
use restock_core::dataset::{
    Calendar, Item, ItemLocationRow, Location, Origin, SegmentRow, SourceRow, Supplier, UomRow,
};
use restock_core::master::Master;
use restock_core::{Dataset, ItemIdx, LocationIdx, Quantity, RowRef, SupplierIdx};
use restock_ledger::{Ledger, SqliteLedger};
use restock_server::{NewToken, Role};
use serde_json::{Value, json};

use crate::fixtures::{Fixture, Reader, now, request, token};

/// Milk and rice in Berlin and Paris, from a dairy.
fn files() -> Dataset {
    let item = |id: &str, price: &str| Item {
        item_id: id.to_owned(),
        name: format!("The {id}"),
        price: Some(price.parse().unwrap()),
        attributes: [("brand".to_owned(), "Acme".to_owned())].into(),
        ..Item::default()
    };
    let location = |id: &str| Location { location_id: id.to_owned(), ..Location::default() };
    let (row, berlin) = (RowRef::default(), LocationIdx(0));
    let origin = Origin::Supplier(SupplierIdx(0));
    let mut source = SourceRow { to_location: Some(berlin), item: Some(ItemIdx(0)), ..SourceRow::new(origin) };
    source.set("pack_size", Some("12")).unwrap();
    source.set("lead_time_days", Some("3")).unwrap();
    let mut settings = ItemLocationRow::new(ItemIdx(0), berlin);
    settings.set("min_stock", Some("4")).unwrap();
    Dataset {
        items: vec![item("milk", "1.20"), item("rice", "2")],
        locations: vec![location("berlin"), location("paris")],
        suppliers: vec![Supplier { supplier_id: "dairy".to_owned(), ..Supplier::default() }],
        sources: vec![source],
        item_locations: vec![settings],
        calendars: [("shop".to_owned(), Calendar { weekdays: "mon tue".parse().unwrap(), ..Calendar::default() })]
            .into(),
        uoms: vec![UomRow { item: ItemIdx(1), uom: "sack".to_owned(), factor: Quantity::from_whole(25), row }],
        segments: vec![
            SegmentRow { policy: Some("min_max".to_owned()), ..SegmentRow::new("item.abc == 'C'") },
            SegmentRow { service_target: Some(0.9), ..SegmentRow::new("location.kind == 'dc'") },
        ],
        ..Dataset::default()
    }
}

async fn reading(ledger: Box<dyn Ledger>) -> Fixture {
    let reader = Box::new(Reader { last_sequence: ledger.last_sequence().unwrap(), tables: Arc::new(files()) });
    let fixture = Fixture::with_options(ledger, |options| options.planner = Some(reader)).await;
    while fixture.get(Role::Viewer, "/v1/calendars").await.status != StatusCode::OK {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    fixture
}

async fn fixture() -> Fixture {
    reading(Box::new(SqliteLedger::in_memory().unwrap())).await
}

async fn read(fixture: &Fixture, path: &str) -> Value {
    let answer = fixture.get(Role::Viewer, path).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
    answer.json()
}

/// Sends a change as the planner; the status and the answer.
async fn say(fixture: &Fixture, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let answer = fixture.send_json(method, Role::Planner, path, &body.to_string()).await;
    (answer.status.as_u16(), answer.json())
}

/// How many events there are, and how many records of the audit trail are about master data.
async fn written(fixture: &Fixture) -> (usize, usize) {
    let events = fixture.get(Role::Admin, "/v1/events?limit=1000").await.json();
    let trail = fixture.get(Role::Admin, "/v1/audit?limit=1000").await.json();
    let of_masters = trail["records"].as_array().unwrap().iter().filter(|record| record["action"] == "master.change");
    (events["events"].as_array().unwrap().len(), of_masters.count())
}

#[tokio::test]
async fn one_record_is_read_said_over_and_read_again() {
    let fixture = fixture().await;
    let milk = read(&fixture, "/v1/items/milk").await;
    assert_eq!((&milk["price"], &milk["attributes"]["brand"]), (&json!("1.20"), &json!("Acme")));
    let (status, changed) =
        say(&fixture, "PATCH", "/v1/items/milk", &json!({"price": 1.5, "shelf_life_days": 9})).await;
    assert_eq!((status, &changed["price"], &changed["shelf_life_days"]), (200, &json!("1.5"), &json!(9)));
    assert_eq!(changed["name"], "The milk", "what is not named stays");
    assert_eq!(read(&fixture, "/v1/items/milk").await, changed);
    assert_eq!(read(&fixture, "/v1/items?text=milk").await["items"][0], changed);
    // The event and the trail say who said it.
    let event = fixture.get(Role::Admin, "/v1/events/1").await.json()["event"].clone();
    assert_eq!((&event["type"], &event["source"]), (&json!("item_changed"), &json!("api/planner")));
    assert_eq!(event["fields"], json!({"price": "1.5", "shelf_life_days": "9"}));
    let trail = fixture.get(Role::Admin, "/v1/audit").await.json();
    let record = trail["records"].as_array().unwrap().iter().find(|one| one["action"] == "master.change").unwrap();
    assert_eq!((&record["actor"], &record["subject"]), (&json!("planner"), &json!("item/milk")));
    assert_eq!(record["before"], r#"{"price":"1.2","shelf_life_days":null}"#);
    assert_eq!(record["after"], r#"{"price":"1.5","shelf_life_days":"9"}"#);

    // What it is already is written once, however it is spelt; what was read can be sent back.
    assert_eq!(written(&fixture).await, (1, 1));
    assert_eq!(say(&fixture, "PATCH", "/v1/items/milk", &json!({"price": "1.50"})).await.0, 200);
    assert_eq!(say(&fixture, "PUT", "/v1/items/milk", &changed).await, (200, changed.clone()));
    assert_eq!(written(&fixture).await, (1, 1));

    // The clock stands still, and the later word holds all the same.
    for price in ["3", "1.2", "4"] {
        let (_, answer) = say(&fixture, "PATCH", "/v1/items/milk", &json!({"price": price})).await;
        assert_eq!(answer["price"], price);
        assert_eq!(read(&fixture, "/v1/items/milk").await["price"], price);
    }
    // All of it: what is not named is cleared.
    let (status, whole) = say(&fixture, "PUT", "/v1/items/milk", &json!({"name": "Milk"})).await;
    assert_eq!(
        (status, &whole["name"], &whole["price"], &whole["attributes"]),
        (200, &json!("Milk"), &Value::Null, &json!({}))
    );
    let (status, tea) = say(&fixture, "PUT", "/v1/items/tea", &json!({"item_id": "tea", "name": "Tea"})).await;
    assert_eq!((status, &tea["item_id"]), (201, &json!("tea")));
    let ids: Vec<Value> = read(&fixture, "/v1/items").await["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["item_id"].clone())
        .collect();
    assert_eq!(ids, ["milk", "rice", "tea"]);
}

#[tokio::test]
async fn every_table_can_be_said_over() {
    let fixture = fixture().await;
    for (method, path, body, status, field, value) in [
        ("PATCH", "/v1/locations/paris", json!({"kind": "store"}), 200, "kind", json!("store")),
        ("PUT", "/v1/locations/rome", json!({"name": "Rome"}), 201, "name", json!("Rome")),
        (
            "PATCH",
            "/v1/suppliers/dairy",
            json!({"min_order_quantity": 40, "order_days": "Mon Thu"}),
            200,
            "order_days",
            json!("mon thu"),
        ),
        ("PUT", "/v1/suppliers/mill", json!({}), 201, "supplier_id", json!("mill")),
        ("PATCH", "/v1/item-locations/milk/berlin", json!({"max_stock": 60}), 200, "min_stock", json!("4")),
        ("PUT", "/v1/item-locations/rice/paris", json!({"do_not_order": true}), 201, "do_not_order", json!(true)),
        (
            "PATCH",
            "/v1/sources",
            json!({"to_location": "berlin", "supplier_id": "dairy", "item_id": "milk", "pack_size": 6}),
            200,
            "lead_time_days",
            json!(3.0),
        ),
        (
            "PUT",
            "/v1/sources",
            json!({"from_location": "berlin", "to_location": "paris", "lead_time_days": 1}),
            201,
            "from_location",
            json!("berlin"),
        ),
        ("PATCH", "/v1/calendars/shop", json!({"weekdays": "Tue"}), 200, "weekdays", json!("tue")),
        (
            "PUT",
            "/v1/calendars/orders",
            json!({"weekdays": "none", "exceptions": {"2026-03-10": true}}),
            201,
            "exceptions",
            json!({"2026-03-10": true}),
        ),
        ("PUT", "/v1/uoms/rice/pallet", json!({"factor": "500.0"}), 201, "factor", json!("500")),
        ("PATCH", "/v1/uoms/tea/box%2F20", json!({"factor": 20}), 201, "uom", json!("box/20")),
        (
            "PATCH",
            "/v1/segments",
            json!({"where": "location.kind == 'dc'", "service_type": "cycle"}),
            200,
            "service_target",
            json!(0.9),
        ),
        (
            "PUT",
            "/v1/segments",
            json!({"where": "item.ven == 'V'", "mode": "economics"}),
            201,
            "mode",
            json!("economics"),
        ),
    ] {
        let (got, answer) = say(&fixture, method, path, &body).await;
        assert_eq!((got, &answer[field]), (status, &value), "{method} {path}: {answer}");
        let (events, _) = written(&fixture).await;
        assert_eq!(say(&fixture, method, path, &body).await, (200, answer), "again");
        assert_eq!(written(&fixture).await.0, events, "{method} {path}");
    }
    assert_eq!(read(&fixture, "/v1/locations/rome").await["name"], "Rome");
    assert_eq!(read(&fixture, "/v1/suppliers/dairy").await["min_order_quantity"], "40");
    assert_eq!(read(&fixture, "/v1/item-locations/milk/berlin/settings").await["max_stock"], "60");
    let lanes = read(&fixture, "/v1/sources").await;
    let packs: Vec<&Value> = lanes["sources"].as_array().unwrap().iter().map(|lane| &lane["pack_size"]).collect();
    assert_eq!(packs, [&json!("6"), &Value::Null]);
    let first = read(&fixture, "/v1/sources?limit=1").await;
    assert_eq!((first["sources"].as_array().unwrap().len(), &first["next_from"]), (1, &json!(1)));
    assert_eq!(read(&fixture, "/v1/sources?from=1").await["sources"][0]["to_location"], "paris");
    assert_eq!(read(&fixture, "/v1/sources?item_id=milk").await["sources"].as_array().unwrap().len(), 1);
    let calendars = read(&fixture, "/v1/calendars").await;
    let days: Vec<&Value> = calendars["calendars"].as_array().unwrap().iter().map(|row| &row["weekdays"]).collect();
    assert_eq!(days, ["none", "tue"]);
    assert_eq!(read(&fixture, "/v1/calendars/shop").await, calendars["calendars"][1]);
    let units = read(&fixture, "/v1/uoms").await;
    let factors: Vec<&Value> = units["uoms"].as_array().unwrap().iter().map(|row| &row["factor"]).collect();
    assert_eq!(factors, ["25", "500", "20"]);
    assert_eq!(read(&fixture, "/v1/uoms?from=1&limit=1").await["uoms"][0]["uom"], "pallet");
    assert_eq!(read(&fixture, "/v1/uoms/tea/box%2F20").await["factor"], "20");
    let segments = read(&fixture, "/v1/segments").await;
    let filters: Vec<&Value> = segments["segments"].as_array().unwrap().iter().map(|row| &row["where"]).collect();
    assert_eq!(filters, ["item.abc == 'C'", "location.kind == 'dc'", "item.ven == 'V'"]);
    // What was read can be sent back.
    let (before, _) = written(&fixture).await;
    for (path, row) in [
        ("/v1/calendars/orders", &calendars["calendars"][0]),
        ("/v1/uoms/rice/sack", &units["uoms"][0]),
        ("/v1/segments", &segments["segments"][0]),
        ("/v1/segments", &segments["segments"][1]),
    ] {
        assert_eq!(say(&fixture, "PUT", path, row).await, (200, row.clone()), "{path}");
    }
    assert_eq!(written(&fixture).await.0, before);
    assert_eq!(
        read(&fixture, "/v1/uoms?item_id=rice").await["uoms"][0],
        json!({"item_id": "rice", "uom": "sack", "factor": "25"})
    );
    assert_eq!(read(&fixture, "/v1/segments").await["segments"][1]["service_target"], json!(0.9));
    assert_eq!(fixture.get(Role::Viewer, "/v1/item-locations/rice/berlin/settings").await.status, 404);
}

async fn sync(fixture: &Fixture, path: &str, lines: &str) -> Value {
    let answer = fixture.post(Role::Integrator, path, "application/x-ndjson", lines).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.json()
}

#[tokio::test]
async fn a_sync_writes_what_differs_and_a_bad_row_stops_nothing() {
    let fixture = fixture().await;
    let lines = r#"
{"item_id":"milk","price":1.20,"name":"The milk"}
{"item_id":"rice","price":"2,5"}
{"item_id":"tea","price":3}
{"name":"nobody"}
{"item_id":"rice","price":2.5}
{"item_id":"rice","price":2.6}
{"item_id":"tea","launch":"2026-05-01","end":"2026-04-01"}
not JSON
"#;
    let answer = sync(&fixture, "/v1/items", lines).await;
    assert_eq!(answer["n_changed"], 3, "{answer}");
    assert_eq!((&answer["n_new"], &answer["n_same"], &answer["n_refused"]), (&json!(1), &json!(1), &json!(4)));
    let refused: Vec<String> = answer["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| format!("{}: {}", row["position"].as_str().unwrap(), row["reason"]["field"].as_str().unwrap()))
        .collect();
    assert_eq!(refused, ["line 3: price", "line 5: item_id", "line 8: end_date", "line 9: "]);
    assert_eq!(read(&fixture, "/v1/items/rice").await["price"], "2.6", "of two rows the later holds");
    assert_eq!(read(&fixture, "/v1/items/rice").await["name"], "The rice");
    // A system's requests are no decisions of people; the events are there.
    assert_eq!(written(&fixture).await, (3, 0));

    // Nothing new, nothing written.
    let again = "{\"item_id\":\"milk\",\"price\":1.2}\r\n{\"item_id\":\"rice\",\"price\":2.60}\n{\"item_id\":\"tea\",\"price\":\"3\"}";
    let answer = sync(&fixture, "/v1/items", again).await;
    assert_eq!((&answer["n_same"], &answer["n_changed"]), (&json!(3), &json!(0)), "{answer}");
    assert_eq!(written(&fixture).await, (3, 0));

    // Many rows of lanes and of item-locations, found by an index.
    let lanes: String = (0..50)
        .map(|n| {
            format!(
                "{{\"to_location\":\"berlin\",\"supplier_id\":\"dairy\",\"effective_from\":\"2027-01-{:02}\",\"item_id\":\"{}\",\"pack_size\":{n}}}\n",
                n % 25 + 1,
                if n < 25 { "milk" } else { "rice" },
            )
        })
        .collect();
    let lane = "{\"to_location\":\"berlin\",\"supplier_id\":\"dairy\",\"item_id\":\"milk\",\"pack_size\":12}\n";
    let answer = sync(&fixture, "/v1/sources", &format!("{lanes}{lane}")).await;
    assert_eq!((&answer["n_changed"], &answer["n_new"], &answer["n_same"]), (&json!(50), &json!(50), &json!(1)));
    let answer = sync(&fixture, "/v1/sources", &lanes).await;
    assert_eq!((&answer["n_changed"], &answer["n_same"]), (&json!(0), &json!(50)));
    let settings = "{\"item_id\":\"milk\",\"location_id\":\"berlin\",\"min_stock\":4}\n".repeat(9);
    assert_eq!(sync(&fixture, "/v1/item-locations", &settings).await["n_same"], 9);
    // A person's sync is one record of the trail.
    let rows = "{\"location_id\":\"a\"}\n{\"location_id\":\"b\",\"kind\":\"dc\"}\n";
    fixture.post(Role::Planner, "/v1/locations", "application/x-ndjson", rows).await;
    assert_eq!(written(&fixture).await, (55, 1));
    let too_many = "{}\n".repeat(10_001);
    let answer = fixture.post(Role::Integrator, "/v1/items", "application/x-ndjson", &too_many).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    let answer = fixture.post(Role::Integrator, "/v1/items", "application/json", "[]").await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn what_may_not_be_said_is_refused_and_nothing_is_written() {
    let fixture = fixture().await;
    for (method, path, body, status, field) in [
        ("PATCH", "/v1/items/milk", json!({"price": "cheap"}), 422, "price"),
        ("PATCH", "/v1/items/milk", json!({"item_id": "rice"}), 422, "item_id"),
        ("PATCH", "/v1/item-locations/milk/berlin", json!({"max_stock": 3}), 422, "max_stock"),
        ("PATCH", "/v1/item-locations/milk/berlin", json!({"colour": "red"}), 422, "colour"),
        ("PATCH", "/v1/item-locations/milk/berlin", json!({"policy": "oracle"}), 422, "policy"),
        ("PUT", "/v1/items/%20tea", json!({}), 422, "item_id"),
        ("PATCH", "/v1/sources", json!({"pack_size": 3}), 422, "supplier_id"),
        ("PUT", "/v1/sources", json!({"to_location": "berlin", "supplier_id": "diary"}), 422, "supplier_id"),
        ("PUT", "/v1/sources", json!({"to_location": "rome", "supplier_id": "dairy"}), 422, "to_location"),
        ("PUT", "/v1/sources", json!({"to_location": "berlin", "from_location": "rome"}), 422, "from_location"),
        ("PATCH", "/v1/sources", json!({"supplier_id": "dairy", "item_id": "mlik"}), 422, "item_id"),
        ("PATCH", "/v1/sources", json!({"supplier_id": "dairy", "category": "fodo"}), 422, "category"),
        ("PATCH", "/v1/calendars/shop", json!({"exceptions": {"25 December": false}}), 422, "25 December"),
        ("PATCH", "/v1/calendars/shop", json!({"removed": true}), 422, "removed"),
        ("PUT", "/v1/calendars/shop", json!({"calendar_id": "other"}), 422, "calendar_id"),
        ("PUT", "/v1/uoms/rice/pallet", json!({}), 422, "factor"),
        ("PUT", "/v1/uoms/rice/pallet", json!({"uom": "sack", "factor": 3}), 422, "uom"),
        ("PATCH", "/v1/uoms/rice/sack", json!({"factor": 0}), 422, "factor"),
        ("PATCH", "/v1/uoms/rice/sack", json!({"factor": null}), 422, "factor"),
        ("PUT", "/v1/segments", json!({"policy": "auto"}), 422, "where"),
        ("PUT", "/v1/segments", json!({"where": "abc = C"}), 422, "where"),
        ("PUT", "/v1/segments", json!({"where": "item.abc == 'C'", "policy": "oracle"}), 422, "policy"),
        ("PUT", "/v1/segments", json!({"where": "item.abc == 'C'", "target": 98}), 422, "target"),
    ] {
        let (got, problem) = say(&fixture, method, path, &body).await;
        assert_eq!((got, &problem["field"]), (status, &json!(field)), "{method} {path}: {problem}");
        assert_eq!(problem["type"], "urn:restock:problem:bad-record");
        assert!(!problem["fix"].as_str().unwrap().is_empty());
    }
    assert_eq!(written(&fixture).await, (0, 0));
}

#[tokio::test]
async fn records_end_and_what_others_refer_to_stays() {
    let fixture = fixture().await;
    let end = |path: &'static str| fixture.send(request("DELETE", path, Some(fixture.secret(Role::Planner)), "", ""));
    for (path, field) in [
        ("/v1/items/milk", "end"),
        ("/v1/item-locations/milk/berlin", "listed_to"),
        ("/v1/sources?to_location=berlin&supplier_id=dairy&item_id=milk", "effective_to"),
    ] {
        let answer = end(path).await;
        assert_eq!((answer.status, &answer.json()[field]), (StatusCode::OK, &json!("2026-03-01")), "{path}");
        let before = written(&fixture).await;
        assert_eq!(end(path).await.json()[field], "2026-03-01");
        assert_eq!(written(&fixture).await, before, "{path}: it had ended");
    }
    for path in ["/v1/items/nothing", "/v1/item-locations/milk/paris", "/v1/sources?supplier_id=dairy"] {
        assert_eq!(end(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(end("/v1/sources").await.status, StatusCode::BAD_REQUEST);
    for path in ["/v1/suppliers/dairy", "/v1/locations/berlin"] {
        let answer = end(path).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
        assert!(answer.json()["fix"].as_str().unwrap().contains("DELETE /v1/sources"), "{}", answer.text);
    }
}

#[tokio::test]
async fn terms_are_removed_where_nobody_refers_to_them_and_begin_anew() {
    let fixture = fixture().await;
    let remove =
        |path: &'static str| fixture.send(request("DELETE", path, Some(fixture.secret(Role::Planner)), "", ""));
    // Who refers to a calendar is said, whoever said so: files, or events.
    for (path, field, user) in [
        ("/v1/locations/paris", "calendar", "location/paris"),
        ("/v1/suppliers/dairy", "holidays_calendar", "supplier/dairy"),
        ("/v1/sources", "review_calendar", "source/milk@berlin<dairy"),
    ] {
        let mut body = json!({field: "shop"});
        if path == "/v1/sources" {
            body = json!({"to_location": "berlin", "supplier_id": "dairy", "item_id": "milk", field: "shop"});
        }
        assert_eq!(say(&fixture, "PATCH", path, &body).await.0, 200);
        let before = written(&fixture).await;
        let answer = remove("/v1/calendars/shop").await;
        assert_eq!(
            (answer.status, &answer.json()["type"]),
            (StatusCode::CONFLICT, &json!("urn:restock:problem:in-use"))
        );
        assert_eq!(answer.json()["detail"], format!("calendar/shop is used by {user}"));
        assert_eq!(written(&fixture).await, before);
        body[field] = Value::Null;
        assert_eq!(say(&fixture, "PATCH", path, &body).await.0, 200);
    }
    let of_c = "/v1/segments?where=item.abc%20%3D%3D%20%27C%27";
    for (path, read_at) in [
        ("/v1/calendars/shop", "/v1/calendars/shop"),
        ("/v1/uoms/rice/sack", "/v1/uoms/rice/sack"),
        (of_c, "/v1/nothing"),
    ] {
        let (events, trail) = written(&fixture).await;
        let answer = remove(path).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{path}: {}", answer.text);
        assert_eq!(remove(path).await.status, StatusCode::NOT_FOUND, "{path}: it is gone");
        assert_eq!(written(&fixture).await, (events + 1, trail + 1), "{path}");
        assert_eq!(fixture.get(Role::Viewer, read_at).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(read(&fixture, "/v1/calendars").await, json!({"calendars": []}));
    assert_eq!(read(&fixture, "/v1/uoms").await["uoms"], json!([]));
    assert_eq!(read(&fixture, "/v1/segments").await["segments"].as_array().unwrap().len(), 1);
    let trail = fixture.get(Role::Admin, "/v1/audit?limit=1000").await.json();
    let last = trail["records"].as_array().unwrap().iter().rfind(|one| one["action"] == "master.change").unwrap();
    assert_eq!(
        (&last["subject"], &last["after"]),
        (&json!("segment/item.abc == 'C'"), &json!(r#"{"removed":"true"}"#))
    );

    // Nothing of before comes back.
    let (status, shop) =
        say(&fixture, "PATCH", "/v1/calendars/shop", &json!({"exceptions": {"2026-12-25": false}})).await;
    assert_eq!((status, &shop["weekdays"]), (201, &json!("mon tue wed thu fri sat sun")));
    assert_eq!(say(&fixture, "PATCH", "/v1/uoms/rice/sack", &json!({})).await.0, 422, "it has no factor now");
    let lines =
        "{\"item_id\":\"rice\",\"uom\":\"sack\",\"factor\":25}\n{\"item_id\":\"rice\",\"uom\":\"bag\",\"factor\":-1}\n";
    let answer = sync(&fixture, "/v1/uoms", lines).await;
    assert_eq!((&answer["n_new"], &answer["n_refused"]), (&json!(1), &json!(1)), "{answer}");
    assert_eq!(sync(&fixture, "/v1/uoms", lines.lines().next().unwrap()).await["n_same"], 1);
    let line = "{\"where\":\"item.abc == 'C'\",\"policy\":\"auto\",\"priority\":-1}";
    assert_eq!(sync(&fixture, "/v1/segments", line).await["n_new"], 1);
    assert_eq!(sync(&fixture, "/v1/segments", line).await["n_same"], 1);
    assert_eq!(read(&fixture, "/v1/segments").await["segments"][0]["policy"], "auto");
    let days = "{\"calendar_id\":\"shop\",\"exceptions\":{\"2026-12-25\":false}}\n{\"calendar_id\":\"shop\",\"2026-12-26\":false}";
    let answer = sync(&fixture, "/v1/calendars", days).await;
    assert_eq!((&answer["n_same"], &answer["n_changed"]), (&json!(1), &json!(1)), "{answer}");
}

/// A year of days is one request; more at once than an event holds is refused, and nothing is written.
#[tokio::test]
async fn a_calendar_of_a_year_is_said_at_once() {
    let fixture = fixture().await;
    let first = restock_core::Day(20_000);
    let days = |n: i32| -> Value {
        let days: serde_json::Map<String, Value> =
            (0..n).map(|idx| (first.plus(idx).to_string(), json!(idx % 2 == 0))).collect();
        json!({"exceptions": days})
    };
    assert_eq!(say(&fixture, "PUT", "/v1/calendars/year", &days(1_000)).await.0, 201);
    let again = say(&fixture, "PUT", "/v1/calendars/year", &days(1_000)).await;
    assert_eq!((again.0, again.1["exceptions"].as_object().unwrap().len()), (200, 1_000));
    assert_eq!(written(&fixture).await, (1, 1));
    let (status, problem) = say(&fixture, "PUT", "/v1/calendars/year", &days(1_001)).await;
    assert_eq!((status, &problem["expected"]), (422, &json!("at most 1000 fields")));
    // What is cleared counts too.
    let (status, problem) = say(&fixture, "PUT", "/v1/calendars/year", &json!({"weekdays": "mon"})).await;
    assert_eq!((status, &problem["got"]), (422, &json!("1001 fields")));
    assert_eq!(written(&fixture).await, (1, 1));
}

#[tokio::test]
async fn a_token_of_a_location_says_what_is_there_and_no_more() {
    let fixture = fixture().await;
    let of_paris = NewToken { locations: Some(vec!["paris".to_owned()]), ..token("paris", Role::Planner) };
    let secret = fixture.tokens.create(of_paris, now()).unwrap();
    let send = |method: &'static str, path: &'static str, kind: &'static str, body: &'static str| {
        fixture.send(request(method, path, Some(&secret), kind, body))
    };
    let json = "application/json";
    assert_eq!(send("PATCH", "/v1/locations/paris", json, r#"{"kind":"store"}"#).await.status, StatusCode::OK);
    assert_eq!(send("PUT", "/v1/item-locations/milk/paris", json, "{}").await.status, StatusCode::CREATED);
    let lane = r#"{"to_location":"paris","supplier_id":"dairy"}"#;
    assert_eq!(send("PUT", "/v1/sources", json, lane).await.status, StatusCode::CREATED);
    for (method, path, body) in [
        ("PATCH", "/v1/locations/berlin", r#"{"kind":"store"}"#),
        ("PUT", "/v1/item-locations/milk/berlin", "{}"),
        ("PUT", "/v1/sources", r#"{"to_location":"berlin","supplier_id":"dairy"}"#),
        ("PUT", "/v1/sources", r#"{"supplier_id":"dairy"}"#),
        ("PATCH", "/v1/items/milk", r#"{"price":1}"#),
        ("PATCH", "/v1/suppliers/dairy", "{}"),
        ("PATCH", "/v1/calendars/shop", "{}"),
        ("PUT", "/v1/uoms/rice/sack", r#"{"factor":20}"#),
        ("PUT", "/v1/segments", r#"{"where":"item.abc == 'C'"}"#),
    ] {
        assert_eq!(send(method, path, json, body).await.status, StatusCode::FORBIDDEN, "{method} {path}");
    }
    let rows = "{\"location_id\":\"paris\",\"kind\":\"dc\"}\n{\"location_id\":\"berlin\",\"kind\":\"dc\"}\n";
    let answer = send("POST", "/v1/locations", "application/x-ndjson", rows).await.json();
    assert_eq!((&answer["n_changed"], &answer["n_refused"]), (&json!(1), &json!(1)), "{answer}");
    assert_eq!(answer["refused"][0]["reason"]["field"], "location_id");
    let hidden = ["/v1/locations/berlin", "/v1/item-locations/milk/berlin/settings"];
    for path in hidden {
        assert_eq!(send("GET", path, "", "").await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(send("DELETE", "/v1/item-locations/milk/berlin", "", "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(send("DELETE", "/v1/calendars/shop", "", "").await.status, StatusCode::FORBIDDEN);
    assert_eq!(send("GET", "/v1/calendars/shop", "", "").await.status, StatusCode::OK);
    let lanes = send("GET", "/v1/sources", "", "").await.json();
    assert_eq!(lanes["sources"].as_array().unwrap().len(), 1, "{lanes}");
    assert_eq!(written(&fixture).await.0, 4);
}

/// What was said is known again after a restart, from the snapshot and from events behind it.
#[tokio::test]
async fn a_server_that_starts_again_knows_what_was_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let first = reading(Box::new(SqliteLedger::open(&path).unwrap())).await;
    let notice = r#"{"event_id":"1","source":"dairy","type":"lead_time_notice","occurred_at":"2026-03-02T08:00:00Z","supplier_id":"dairy","lead_time_days":8}"#;
    first.events(notice).await;
    assert_eq!(say(&first, "PATCH", "/v1/items/milk", &json!({"price": 7})).await.0, 200);
    assert_eq!(say(&first, "PATCH", "/v1/calendars/shop", &json!({"2026-12-25": false})).await.0, 200);
    let removed = first.send(request("DELETE", "/v1/uoms/rice/sack", Some(first.secret(Role::Planner)), "", "")).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT);
    let Fixture { server, .. } = first;
    server.shut_down().await;
    let again = reading(Box::new(SqliteLedger::open(&path).unwrap())).await;
    assert_eq!(sync(&again, "/v1/items", "{\"item_id\":\"milk\",\"price\":7.0}").await["n_same"], 1);
    assert_eq!(read(&again, "/v1/items/milk").await["price"], "7");
    assert_eq!(written(&again).await.0, 4);
    assert_eq!(read(&again, "/v1/calendars/shop").await["exceptions"], json!({"2026-12-25": false}));
    assert_eq!(read(&again, "/v1/uoms").await["uoms"], json!([]));
    // The supplier's notice is the last word about the lane, so the number of the files says something new.
    assert_eq!(read(&again, "/v1/sources").await["sources"][0]["lead_time_days"], 8.0);
    let lane = "{\"to_location\":\"berlin\",\"supplier_id\":\"dairy\",\"item_id\":\"milk\",\"lead_time_days\":3}";
    assert_eq!(sync(&again, "/v1/sources", lane).await["n_changed"], 1);
    assert_eq!(read(&again, "/v1/sources").await["sources"][0]["lead_time_days"], 3.0);
    assert_eq!(sync(&again, "/v1/sources", lane).await["n_same"], 1);
}

#[tokio::test]
async fn without_a_planner_nothing_is_said() {
    let fixture = Fixture::new().await;
    let (status, problem) = say(&fixture, "PATCH", "/v1/items/milk", &json!({"price": 1})).await;
    assert_eq!((status, &problem["type"]), (409, &json!("urn:restock:problem:no-planner")));
    assert_eq!(written(&fixture).await, (0, 0));
}
