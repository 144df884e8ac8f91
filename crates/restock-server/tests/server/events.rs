use axum::http::StatusCode;
use restock_ledger::{Ledger, SqliteLedger};
use restock_server::{Role, SNAPSHOT_NAME};
use serde_json::{Value, json};

use crate::fixtures::{Fixture, request, sale, sale_at};

fn counts(answer: &Value) -> [u64; 4] {
    ["accepted", "duplicate", "quarantined", "conflict"].map(|name| answer[name].as_u64().unwrap())
}

#[tokio::test]
async fn a_request_that_is_sent_again_counts_once() {
    let fixture = Fixture::new().await;
    let body = format!("[{},{}]", sale("1"), sale("2"));
    let first = fixture.events(&body).await;
    assert_eq!(first.status, StatusCode::ACCEPTED);
    assert_eq!(counts(&first.json()), [2, 0, 0, 0]);
    assert_eq!(first.json()["outcomes"][1], json!({"outcome": "accepted", "position": "index 1", "sequence": 2}));
    let second = fixture.events(&body).await;
    assert_eq!(second.status, StatusCode::ACCEPTED);
    assert_eq!(counts(&second.json()), [0, 2, 0, 0]);
    let other = fixture.events(&sale_at("1", "paris")).await.json();
    assert_eq!(counts(&other), [0, 0, 0, 1]);
    assert_eq!(other["outcomes"][0]["sequence"], 1);
    let inventory = fixture.get(Role::Viewer, "/v1/inventory").await.json();
    assert_eq!(inventory["inventory"][0]["on_hand"], "-2");
}

/// The client goes away before it has its answer, and sends again.
#[tokio::test]
async fn a_lost_answer_makes_no_double() {
    let fixture = Fixture::new().await;
    let mut n_were_in = 0;
    for number in 0..50 {
        let body = sale(&number.to_string());
        let lost = tokio::time::timeout(std::time::Duration::ZERO, fixture.events(&body)).await;
        drop(lost);
        let answer = fixture.events(&body).await.json();
        assert_eq!(answer["outcomes"][0]["sequence"], number + 1);
        n_were_in += answer["duplicate"].as_u64().unwrap();
    }
    assert!(n_were_in > 0, "every client went away before its request was read");
    let inventory = fixture.get(Role::Viewer, "/v1/inventory").await.json();
    assert_eq!(inventory["inventory"][0]["on_hand"], "-50");
    assert_eq!(inventory["last_sequence"], 50);
}

#[tokio::test]
async fn a_bad_line_stops_no_other() {
    let fixture = Fixture::new().await;
    let body = format!("{}\n\n{{\"event_id\":\"x\"}}\n{}\n", sale("1"), sale("2"));
    let answer = fixture.post(Role::Integrator, "/v1/events", "application/x-ndjson", &body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(counts(&answer.json()), [2, 0, 1, 0]);
    let bad = &answer.json()["outcomes"][1];
    assert_eq!((&bad["position"], &bad["quarantine_id"]), (&json!("line 3"), &json!(1)));
    assert_eq!((&bad["reason"]["code"], &bad["reason"]["field"]), (&json!("malformed"), &json!("source")));
}

#[tokio::test]
async fn cloud_events_are_read() {
    let fixture = Fixture::new().await;
    let event = json!({
        "specversion": "1.0", "id": "1", "source": "till", "type": "com.example.sale", "time": "2026-03-02T08:00:00Z",
        "data": {"item_id": "milk", "location_id": "berlin", "quantity": 1}
    });
    let send = async |kind, body: Value| {
        counts(&fixture.post(Role::Integrator, "/v1/events", kind, &body.to_string()).await.json())
    };
    assert_eq!(send("application/cloudevents+json; charset=utf-8", event.clone()).await, [1, 0, 0, 0]);
    assert_eq!(send("application/cloudevents-batch+json", json!([event.clone(), event])).await, [0, 2, 0, 0]);
}

#[tokio::test]
async fn events_are_read_in_pages() {
    let fixture = Fixture::new().await;
    let events: Vec<String> = (0..5).map(|number| sale_at(&number.to_string(), ["a", "b"][number % 2])).collect();
    fixture.events(&format!("[{}]", events.join(","))).await;
    let page = fixture.get(Role::Viewer, "/v1/events?from=2&limit=3").await.json();
    assert_eq!(page["events"].as_array().unwrap().len(), 3);
    assert_eq!(page["events"][0]["event"]["event_id"], "1");
    assert_eq!((&page["next_from"], &page["has_more"]), (&json!(5), &json!(true)));
    let rest = fixture.get(Role::Viewer, "/v1/events?from=5").await.json();
    assert_eq!((&rest["next_from"], &rest["has_more"]), (&json!(6), &json!(false)));
    let of_place = fixture.get(Role::Viewer, "/v1/events?item_id=milk&location_id=b").await.json();
    assert_eq!(of_place["events"].as_array().unwrap().len(), 2);
    let one = fixture.get(Role::Viewer, "/v1/events/4").await.json();
    assert_eq!((&one["sequence"], &one["event"]["location_id"]), (&json!(4), &json!("b")));
}

#[tokio::test]
async fn inventory_shows_stock_and_open_orders_page_by_page() {
    let fixture = Fixture::new().await;
    let ndjson = r#"
{"event_id":"1","source":"erp","type":"count","occurred_at":"2026-03-01T06:00:00Z","item_id":"milk","location_id":"berlin","on_hand":20}
{"event_id":"2","source":"erp","type":"sale","occurred_at":"2026-03-01T08:00:00Z","item_id":"milk","location_id":"berlin","quantity":"2.5"}
{"event_id":"3","source":"erp","type":"order_placed","occurred_at":"2026-02-20T08:00:00Z","order_id":"po-1","item_id":"milk","location_id":"berlin","quantity":12,"supplier_id":"dairy","due_on":"2026-03-01"}
{"event_id":"4","source":"erp","type":"order_placed","occurred_at":"2026-02-20T08:00:00Z","order_id":"po-2","item_id":"milk","location_id":"berlin","quantity":8,"due_on":"2026-03-02"}
{"event_id":"5","source":"erp","type":"count","occurred_at":"2026-03-01T06:00:00Z","item_id":"milk","location_id":"paris","on_hand":1}
{"event_id":"6","source":"erp","type":"count","occurred_at":"2026-03-01T06:00:00Z","item_id":"bread","location_id":"berlin","on_hand":3}
"#;
    fixture.post(Role::Integrator, "/v1/events", "application/x-ndjson", ndjson).await;
    let first = fixture.get(Role::Viewer, "/v1/inventory?limit=2").await.json();
    let names = |page: &Value| -> Vec<String> {
        let rows = page["inventory"].as_array().unwrap().iter();
        rows.map(|row| format!("{}@{}", row["item_id"].as_str().unwrap(), row["location_id"].as_str().unwrap()))
            .collect()
    };
    assert_eq!(names(&first), ["bread@berlin", "milk@berlin"]);
    let milk = &first["inventory"][1];
    assert_eq!((&milk["on_hand"], &milk["on_order"]), (&json!("17.5"), &json!("20")));
    assert_eq!(milk["counted_at"], "2026-03-01T06:00:00Z");
    assert_eq!(milk["moved_at"], "2026-03-01T08:00:00Z");
    assert_eq!(milk["open_orders"][0]["supplier_id"], "dairy");
    assert_eq!((&milk["open_orders"][0]["is_late"], &milk["open_orders"][1]["is_late"]), (&json!(true), &json!(false)));
    let after = first["next_after"].as_str().unwrap().replace('"', "%22");
    let second = fixture.get(Role::Viewer, &format!("/v1/inventory?limit=2&after={after}")).await.json();
    assert_eq!((names(&second), &second["next_after"]), (vec!["milk@paris".to_owned()], &Value::Null));
    assert_eq!(names(&fixture.get(Role::Viewer, "/v1/inventory?location_id=berlin").await.json()).len(), 2);
    assert_eq!(names(&fixture.get(Role::Viewer, "/v1/inventory?item_id=milk").await.json()).len(), 2);
    let one = fixture.get(Role::Viewer, "/v1/inventory?item_id=milk&location_id=paris").await.json();
    assert_eq!(names(&one), ["milk@paris"]);
    assert_eq!(names(&fixture.get(Role::Viewer, "/v1/inventory?item_id=mil").await.json()), [""; 0]);
    // By the end of an earlier day the orders were placed, and nothing was counted.
    let past = fixture.get(Role::Viewer, "/v1/inventory?as_of=2026-02-28").await.json();
    assert_eq!((names(&past), &past["as_of"]), (vec!["milk@berlin".to_owned()], &json!("2026-02-28")));
    let milk = &past["inventory"][0];
    assert_eq!((&milk["on_hand"], &milk["on_order"], &milk["counted_in"]), (&json!("0"), &json!("20"), &Value::Null));
    assert_eq!(milk["open_orders"][0]["is_late"], json!(false), "it was not late then");
    let counted = fixture.get(Role::Viewer, "/v1/inventory?as_of=2026-03-01&item_id=milk").await.json();
    assert_eq!(counted["inventory"][0]["on_hand"], "17.5");
    let today = fixture.get(Role::Viewer, "/v1/inventory?as_of=2026-03-02").await.json();
    assert_eq!((names(&today).len(), &today["as_of"]), (3, &Value::Null), "today is now");
    for wrong in ["2026-03-03", "yesterday"] {
        let refused = fixture.get(Role::Viewer, &format!("/v1/inventory?as_of={wrong}")).await;
        assert_eq!((refused.status, refused.json()["field"].clone()), (StatusCode::BAD_REQUEST, json!("as_of")));
    }
}

/// What a person sends is in the audit trail; what a system sends is not.
#[tokio::test]
async fn events_of_a_person_are_audited() {
    let fixture = Fixture::new().await;
    fixture.events(&sale("1")).await;
    fixture.post(Role::Admin, "/v1/events", "application/json", &sale("2")).await;
    let trail = fixture.get(Role::Approver, "/v1/audit").await.json();
    assert_eq!(trail["records"].as_array().unwrap().len(), 1);
    assert_eq!(trail["records"][0]["actor"], "admin");
    assert_eq!(trail["records"][0]["after"], r#"{"accepted":1,"duplicate":0,"quarantined":0,"conflict":0}"#);
}

#[tokio::test]
async fn many_requests_share_commits() {
    let fixture = Fixture::new().await;
    let requests = (0..500).map(|number| {
        let (router, secret) = (fixture.router.clone(), fixture.secret(Role::Integrator).to_owned());
        tokio::spawn(async move {
            let request = request("POST", "/v1/events", Some(&secret), "application/json", &sale(&number.to_string()));
            tower::ServiceExt::oneshot(router, request).await.unwrap().status()
        })
    });
    for request in requests.collect::<Vec<_>>() {
        assert_eq!(request.await.unwrap(), StatusCode::ACCEPTED);
    }
    let metrics = fixture.get(Role::Viewer, "/metrics").await;
    assert!(metrics.header("content-type").starts_with("text/plain"));
    let value = |name: &str| -> u64 {
        let line = metrics.text.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
        line.unwrap_or_else(|| panic!("{name} is not in {}", metrics.text)).rsplit(' ').next().unwrap().parse().unwrap()
    };
    assert_eq!(value("restock_events_total{outcome=\"accepted\"}"), 500);
    assert_eq!(value("restock_committed_requests_total"), 500);
    assert!(value("restock_commits_total") < 500, "no request shared a commit");
    assert_eq!(value("restock_requests_total{route=\"/v1/events\",method=\"POST\",status=\"202\"}"), 500);
    assert_eq!(value("restock_last_sequence"), 500);
    assert_eq!(value("restock_waiting_requests"), 0);
}

/// A server that starts again goes on where the other ended, from its snapshot.
#[tokio::test]
async fn stock_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let fixture = Fixture::with(Box::new(SqliteLedger::open(&path).unwrap())).await;
    fixture.events(&sale("1")).await;
    let Fixture { server, router, .. } = fixture;
    server.shut_down().await;
    let answer = tower::ServiceExt::oneshot(router, request("GET", "/ready", None, "", "")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let ledger = SqliteLedger::open(&path).unwrap();
    assert_eq!(ledger.latest_snapshot(SNAPSHOT_NAME).unwrap().unwrap().last_sequence, 1);
    let fixture = Fixture::with(Box::new(ledger)).await;
    let inventory = fixture.get(Role::Viewer, "/v1/inventory").await.json();
    assert_eq!((&inventory["last_sequence"], &inventory["inventory"][0]["on_hand"]), (&json!(1), &json!("-1")));
}

/// Movements of long ago are summed when the server ends: a count from before that comes too late, and is kept for people.
#[tokio::test]
async fn counts_of_long_ago_come_too_late_after_a_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let open = || Box::new(SqliteLedger::open(&path).unwrap());
    let fixture = Fixture::with(open()).await;
    let event = |id: &str, kind: &str, at: &str, field: &str, n: u32| {
        format!(
            r#"{{"event_id":"{id}","source":"till","type":"{kind}","occurred_at":"{at}","item_id":"tea","location_id":"main","{field}":{n}}}"#
        )
    };
    let old = |id: &str| event(id, "count", "2026-02-01T09:00:00Z", "on_hand", 50);
    for body in [old("1"), event("2", "sale", "2026-02-03T09:00:00Z", "quantity", 4)] {
        fixture.events(&body).await;
    }
    let fixture = fixture.restarted(open()).await;
    let answer = fixture.events(&old("3")).await.json();
    assert_eq!((&answer["accepted"], &answer["quarantined"]), (&json!(0), &json!(1)), "{answer}");
    let answer = fixture.events(&event("4", "sale", "2026-02-02T09:00:00Z", "quantity", 1)).await.json();
    assert_eq!(answer["accepted"], 1, "sales of any age are taken in: {answer}");
    let inventory = fixture.get(Role::Viewer, "/v1/inventory").await.json();
    assert_eq!(inventory["inventory"][0]["on_hand"], "45");
    let answer = fixture.events(&event("5", "count", "2026-02-28T09:00:00Z", "on_hand", 30)).await.json();
    assert_eq!(answer["accepted"], 1, "{answer}");
    let inventory = fixture.get(Role::Viewer, "/v1/inventory").await.json();
    assert_eq!(inventory["inventory"][0]["on_hand"], "30");
}
