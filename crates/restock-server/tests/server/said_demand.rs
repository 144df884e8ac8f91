//! What is said about demand to come over HTTP: overrides said, listed, taken back; forecasts of other systems given.

use std::sync::Arc;

use axum::http::StatusCode;
use jiff::SignedDuration;
use restock_core::dataset::{ForecastOverrideRow, GivenForecastRow, Item, Location};
use restock_core::said_demand::DemandChange;
use restock_core::{Dataset, ItemIdx, LocationIdx, RowRef};
use restock_ledger::SqliteLedger;
use restock_server::{NewToken, Role};
use serde_json::{Value, json};

use crate::fixtures::{Fixture, Reader, now, request, token};

/// Milk and rice in Berlin and Paris; a file says something about milk.
fn files() -> Dataset {
    let item = |id: &str| Item { item_id: id.to_owned(), category: "food/cold".to_owned(), ..Item::default() };
    let location = |id: &str| Location { location_id: id.to_owned(), ..Location::default() };
    Dataset {
        items: vec![item("milk"), item("rice")],
        locations: vec![location("berlin"), location("paris")],
        forecast_overrides: vec![ForecastOverrideRow {
            item: Some(ItemIdx(0)),
            location: Some(LocationIdx(0)),
            category: None,
            from: "2026-03-04".parse().unwrap(),
            to: "2026-03-05".parse().unwrap(),
            change: DemandChange::Factor("1.5".parse().unwrap()),
            reason: "fair".to_owned(),
            author: String::new(),
            said_at: None,
            row: RowRef::default(),
        }],
        forecasts: vec![GivenForecastRow {
            item: ItemIdx(0),
            location: LocationIdx(0),
            day: "2026-03-04".parse().unwrap(),
            mean: Some(4.0),
            quantiles: vec![(0.5, 3.5)],
            row: RowRef::default(),
        }],
        ..Dataset::default()
    }
}

async fn fixture() -> Fixture {
    let reader = Box::new(Reader { last_sequence: 0, tables: Arc::new(files()) });
    let ledger = Box::new(SqliteLedger::in_memory().unwrap());
    let fixture = Fixture::with_options(ledger, |options| options.planner = Some(reader)).await;
    while fixture.get(Role::Viewer, "/v1/forecasts/overrides").await.status != StatusCode::OK {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    fixture
}

const SAY: &str = "/v1/forecasts:override";
const LIST: &str = "/v1/forecasts/overrides";

async fn say(fixture: &Fixture, body: &Value) -> (u16, Value) {
    let answer = fixture.send_json("POST", Role::Planner, SAY, &body.to_string()).await;
    (answer.status.as_u16(), answer.json())
}

async fn listed(fixture: &Fixture, query: &str) -> Vec<Value> {
    let answer = fixture.get(Role::Viewer, &format!("{LIST}{query}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.json()["overrides"].as_array().unwrap().clone()
}

async fn n_events(fixture: &Fixture) -> usize {
    fixture.get(Role::Admin, "/v1/events?limit=1000").await.json()["events"].as_array().unwrap().len()
}

fn milk(change: &str, value: Value) -> Value {
    let mut body = json!({"item_id": "milk", "location_id": "paris", "from": "2026-03-03", "to": "2026-03-08",
        "reason": "street party"});
    body[change] = value;
    body
}

#[tokio::test]
async fn an_override_is_said_listed_said_anew_and_taken_back() {
    let fixture = fixture().await;
    let (status, made) = say(&fixture, &milk("factor", json!(1.3))).await;
    assert_eq!((status, &made["factor"], &made["author"]), (201, &json!("1.3"), &json!("planner")));
    assert_eq!((&made["quantity"], &made["said_at"]), (&Value::Null, &json!("2026-03-02T12:00:00Z")));
    let ids = |rows: &[Value]| -> Vec<Value> { rows.iter().map(|row| row["id"].clone()).collect() };
    let all = listed(&fixture, "").await;
    assert_eq!((all.len(), &all[0]), (2, &made), "that of the file stands beside it, by first day");
    assert_eq!((&all[1]["reason"], &all[1]["said_at"]), (&json!("fair"), &Value::Null));
    // Said again it is the same; said otherwise it is the same override with another word.
    let (status, same) = say(&fixture, &milk("factor", json!("1.30"))).await;
    assert_eq!((status, &same, n_events(&fixture).await), (200, &made, 1));
    let (status, other) = say(&fixture, &milk("quantity", json!(90))).await;
    assert_eq!((status, &other["id"], &other["quantity"]), (201, &made["id"], &json!("90")));
    assert_eq!((&other["factor"], listed(&fixture, "").await.len()), (&Value::Null, 2));
    // The event and the trail say who said what.
    let event = fixture.get(Role::Admin, "/v1/events/2").await.json()["event"].clone();
    assert_eq!((&event["type"], &event["source"]), (&json!("forecast_override"), &json!("api/planner")));
    assert_eq!(event["occurred_at"], "2026-03-02T12:00:00.000001Z", "it comes after the word before");
    let trail = fixture.get(Role::Admin, "/v1/audit").await.json();
    let record = trail["records"].as_array().unwrap().iter().rfind(|one| one["action"] == "forecast.override").unwrap();
    let side = |name: &str| serde_json::from_str::<Value>(record[name].as_str().unwrap()).unwrap();
    assert_eq!((&record["actor"], &record["subject"]), (&json!("planner"), &made["id"]));
    assert_eq!((&side("before")["factor"], &side("after")["quantity"]), (&json!("1.3"), &json!("90")));

    let path = format!("{LIST}/{}", made["id"].as_str().unwrap());
    let gone = fixture.send_json("DELETE", Role::Planner, &path, "").await;
    assert_eq!((gone.status, &gone.json()["quantity"]), (StatusCode::OK, &json!("90")));
    assert_eq!(fixture.send_json("DELETE", Role::Planner, &path, "").await.status, StatusCode::NOT_FOUND);
    // That of a file can be taken back too, and said again.
    let of_file = listed(&fixture, "").await;
    let path = format!("{LIST}/{}", of_file[0]["id"].as_str().unwrap());
    assert_eq!(fixture.send_json("DELETE", Role::Admin, &path, "").await.status, StatusCode::OK);
    assert_eq!(ids(&listed(&fixture, "").await), [] as [Value; 0]);
    let again = json!({"item_id": "milk", "location_id": "berlin", "from": "2026-03-04", "to": "2026-03-05",
        "reason": "fair", "factor": 1.5});
    assert_eq!(say(&fixture, &again).await.0, 201);
    assert_eq!(ids(&listed(&fixture, "").await), ids(&of_file));
    // A day after its last it has expired, and is still told of where somebody asks.
    fixture.wait(SignedDuration::from_hours(4 * 24));
    assert_eq!(listed(&fixture, "").await.len(), 0);
    assert_eq!(listed(&fixture, "?expired=true&item=milk&location=berlin").await.len(), 1);
}

#[tokio::test]
async fn what_nobody_can_mean_is_refused_with_the_way_out() {
    let fixture = fixture().await;
    let with = |name: &str, value: Value| {
        let mut body = milk("factor", json!(2));
        body[name] = value;
        body
    };
    for (body, field) in [
        (with("item_id", json!("milch")), "item_id"),
        (with("location_id", json!("rome")), "location_id"),
        (with("category", json!("food")), "category"),
        (with("quantity", json!(5)), "factor"),
        (with("factor", json!(-1)), "factor"),
        (with("reason", json!("  ")), "reason"),
        (with("reason", json!("one\ntwo")), "reason"),
        (with("to", json!("2026-03-01")), "to"),
        (with("until", json!("2026-03-09")), "until"),
        (with("author", json!("ben")), "author"),
        (
            json!({"category": "drinks", "from": "2026-03-03", "to": "2026-03-04", "factor": 2, "reason": "x"}),
            "category",
        ),
        (
            json!({"item_id": "milk", "from": "2026-03-03", "to": "2026-03-04", "quantity": 2, "reason": "x"}),
            "quantity",
        ),
    ] {
        let (status, problem) = say(&fixture, &body).await;
        assert_eq!((status, &problem["field"]), (422, &json!(field)), "{body}: {problem}");
    }
    assert_eq!(say(&fixture, &json!([])).await.0, 422);
    assert_eq!(n_events(&fixture).await, 0);
    let category = json!({"category": "food", "from": "2026-03-03", "to": "2026-03-04", "factor": 2, "reason": "x"});
    assert_eq!(say(&fixture, &category).await.0, 201);
    for query in ["?cursor=x", "?limit=0", "?expired=maybe", "?of=milk"] {
        let answer = fixture.get(Role::Viewer, &format!("{LIST}{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}: {}", answer.text);
    }
    let first = fixture.get(Role::Viewer, &format!("{LIST}?limit=1")).await.json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = fixture.get(Role::Viewer, &format!("{LIST}?limit=1&cursor={cursor}")).await.json();
    assert_eq!((second["overrides"].as_array().unwrap().len(), &second["next_cursor"]), (1, &Value::Null));
    assert_ne!(first["overrides"], second["overrides"]);
}

#[tokio::test]
async fn roles_and_locations_say_who_may_say_what() {
    let fixture = fixture().await;
    for (role, status) in [
        (Role::Viewer, StatusCode::FORBIDDEN),
        (Role::Approver, StatusCode::FORBIDDEN),
        (Role::Integrator, StatusCode::CREATED),
        (Role::Admin, StatusCode::CREATED),
    ] {
        let answer = fixture.send_json("POST", role, SAY, &milk("factor", json!(2)).to_string()).await;
        assert_eq!(answer.status, status, "{role:?}: {}", answer.text);
    }
    let of_paris = NewToken { locations: Some(vec!["paris".to_owned()]), ..token("paris", Role::Planner) };
    let secret = fixture.tokens.create(of_paris, now()).unwrap();
    let send = async |method: &str, path: &str, kind: &str, body: &str| {
        fixture.send(request(method, path, Some(&secret), kind, body)).await
    };
    let mut elsewhere = milk("factor", json!(3));
    elsewhere["location_id"] = json!("berlin");
    let mut everywhere = milk("factor", json!(3));
    everywhere["location_id"] = Value::Null;
    for body in [&elsewhere, &everywhere] {
        let answer = send("POST", SAY, "application/json", &body.to_string()).await;
        assert_eq!((answer.status, &answer.json()["field"]), (StatusCode::FORBIDDEN, &json!("location_id")));
    }
    assert_eq!(
        send("POST", SAY, "application/json", &milk("factor", json!(3)).to_string()).await.status,
        StatusCode::CREATED
    );
    let (_, wide) = say(&fixture, &everywhere).await;
    let seen = send("GET", LIST, "", "").await.json();
    let locations: Vec<&Value> = seen["overrides"].as_array().unwrap().iter().map(|row| &row["location_id"]).collect();
    assert_eq!((locations.len(), locations.contains(&&json!("berlin"))), (2, false), "{seen}");
    let path = |id: &Value| format!("{LIST}/{}", id.as_str().unwrap());
    assert_eq!(send("DELETE", &path(&wide["id"]), "", "").await.status, StatusCode::FORBIDDEN);
    let of_file = listed(&fixture, "?location=berlin").await;
    assert_eq!(send("DELETE", &path(&of_file[0]["id"]), "", "").await.status, StatusCode::NOT_FOUND, "it is not seen");
    let row = |location: &str| {
        json!({"item_id": "milk", "location_id": location, "date": "2026-03-04", "mean": 5}).to_string()
    };
    let rows = format!("{}\n{}\n", row("paris"), row("berlin"));
    let answer = send("POST", "/v1/forecasts", "application/x-ndjson", &rows).await.json();
    assert_eq!((&answer["n_changed"], &answer["n_refused"]), (&json!(1), &json!(1)));
    assert_eq!(answer["refused"][0]["reason"]["field"], "location_id");
}

#[tokio::test]
async fn forecasts_of_another_system_are_taken_in_once() {
    let fixture = fixture().await;
    let rows = [
        r#"{"item_id":"milk","location_id":"berlin","date":"2026-03-04","mean":4,"q0.5":3.5}"#,
        r#"{"item_id":"milk","location_id":"berlin","date":"2026-03-05","mean":"4.50","quantiles":{"0.5":4,"0.9":8},"model":"erp"}"#,
        r#"{"item_id":"milk","location_id":"berlin","date":"2026-03-06","q0.5":4,"q0.9":3}"#,
        r#"{"item_id":"milk","location_id":"berlin","date":"2026-03-07","q0.5":4,"price":3}"#,
        "nonsense",
    ];
    let give =
        async |body: &str| fixture.post(Role::Integrator, "/v1/forecasts", "application/x-ndjson", body).await.json();
    let first = give(&rows.join("\n")).await;
    assert_eq!((&first["n_changed"], &first["n_new"], &first["n_same"]), (&json!(1), &json!(1), &json!(1)), "{first}");
    let refused: Vec<&Value> = first["refused"].as_array().unwrap().iter().map(|row| &row["position"]).collect();
    assert_eq!(refused, ["line 3", "line 4", "line 5"]);
    let again = give(&rows[..2].join("\n")).await;
    assert_eq!((&again["n_changed"], &again["n_same"], n_events(&fixture).await), (&json!(0), &json!(2), 1));
    // Of two rows about a period the last one holds; the next night says that they are the same.
    let more = give(&format!("{}\n{}", rows[1].replace("4.50", "5"), rows[1].replace("4.50", "6"))).await;
    assert_eq!((&more["n_changed"], &more["n_new"]), (&json!(2), &json!(0)));
    let last = give(&rows[1].replace("4.50", "6")).await;
    assert_eq!((&last["n_same"], n_events(&fixture).await), (&json!(1), 3));
    let whole = fixture.send_json("POST", Role::Planner, "/v1/forecasts", rows[1]).await;
    assert_eq!((whole.status, &whole.json()["n_changed"]), (StatusCode::OK, &json!(1)));
    let event = fixture.get(Role::Admin, "/v1/events/1").await.json()["event"].clone();
    assert_eq!((&event["type"], &event["quantiles"]), (&json!("forecast_given"), &json!({"0.5": "4", "0.9": "8"})));
    let viewer = fixture.post(Role::Viewer, "/v1/forecasts", "application/x-ndjson", rows[0]).await;
    assert_eq!(viewer.status, StatusCode::FORBIDDEN);
    let kind = fixture.post(Role::Planner, "/v1/forecasts", "text/csv", rows[0]).await;
    assert_eq!(kind.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn without_a_planner_nothing_is_said() {
    let fixture = Fixture::new().await;
    let said = fixture.send_json("POST", Role::Planner, SAY, &milk("factor", json!(2)).to_string()).await;
    let row = r#"{"item_id":"milk","location_id":"berlin","date":"2026-03-04","mean":4}"#;
    let given = fixture.send_json("POST", Role::Planner, "/v1/forecasts", row).await;
    let listed = fixture.get(Role::Viewer, LIST).await;
    let gone = fixture.send_json("DELETE", Role::Planner, &format!("{LIST}/fo_1"), "").await;
    for answer in [said, given, listed, gone] {
        assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.text);
    }
}
