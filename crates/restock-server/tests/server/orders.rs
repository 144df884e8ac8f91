//! Orders over HTTP.

use axum::http::StatusCode;
use restock_ledger::{OrderFormat, SqliteLedger};
use restock_server::Role;
use serde_json::{Value, json};

use crate::desk::{ledger, publish, wanted};
use crate::fixtures::{Answer, Fixture, request, sale};

async fn approved() -> Fixture {
    let fixture = Fixture::with(Box::new(ledger())).await;
    let body = r#"{"filter":"quantity > 0"}"#;
    let all = fixture.send_json("POST", Role::Approver, "/v1/proposals:approve", body).await;
    assert_eq!(all.json()["decided"].as_array().unwrap().len(), 4, "{}", all.text);
    fixture
}

async fn export(fixture: &Fixture, key: &str) -> Answer {
    export_with(fixture, key, "").await
}

async fn export_with(fixture: &Fixture, key: &str, body: &str) -> Answer {
    let mut request = request("POST", "/v1/orders", Some(fixture.secret(Role::Approver)), "application/json", body);
    request.headers_mut().insert("idempotency-key", key.parse().unwrap());
    fixture.send(request).await
}

fn order_ids(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let orders = answer.json()["orders"].as_array().unwrap().clone();
    orders.iter().map(|order| order["order_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_same_key_gives_the_same_orders() {
    let fixture = approved().await;
    let first = export(&fixture, "monday").await;
    let expected = ["000009-dairy-paris", "000010-dairy-berlin"];
    assert_eq!(
        (order_ids(&first), &first.json()["n_lines"], &first.json()["n_late"]),
        (expected.map(str::to_owned).into(), &json!(4), &json!(0))
    );
    let again = export(&fixture, "monday").await;
    assert_eq!(again.text, first.text);
    assert!(order_ids(&export(&fixture, "tuesday").await).is_empty(), "nothing is left to order");
    // The desk's own events, one per line and once.
    let events = fixture.get(Role::Viewer, "/v1/events").await.json();
    assert_eq!(events["events"].as_array().unwrap().len(), 4);
    let bad = export(&fixture, &"k".repeat(201)).await;
    assert_eq!(bad.status, StatusCode::BAD_REQUEST);
}

/// Another request under a used key is a mistake of its sender, whether the first one ordered something or not.
#[tokio::test]
async fn a_key_with_another_body_is_refused() {
    let fixture = approved().await;
    let first = export_with(&fixture, "monday", r#"{"note":"first"}"#).await;
    assert_eq!(order_ids(&first).len(), 2);
    let reused = export_with(&fixture, "monday", r#"{"note":"second"}"#).await;
    insta::assert_snapshot!(reused.text, @r##"{"type":"urn:restock:problem:idempotency-key-reused","title":"The key belongs to another request","status":422,"detail":"the Idempotency-Key belongs to an earlier request with another body; nothing was done","field":"idempotency-key","got":"the key of a request with another body","expected":"a key that was not used","fix":"give every new request a new key; only the same request, sent again, keeps its key"}"##);
    assert_eq!(export_with(&fixture, "monday", r#"{"note":"first"}"#).await.text, first.text);
    // Nothing was left to order.
    assert!(order_ids(&export_with(&fixture, "tuesday", "{}").await).is_empty());
    assert_eq!(export_with(&fixture, "tuesday", "[]").await.status, StatusCode::UNPROCESSABLE_ENTITY);

    let send = |key: &'static str, body: String| {
        let secret = Some(fixture.secret(Role::Integrator));
        let mut request = request("POST", "/v1/events", secret, "application/json", &body);
        request.headers_mut().insert("idempotency-key", key.parse().unwrap());
        fixture.send(request)
    };
    // The same key of another client, on another route, is another key.
    assert_eq!(send("monday", sale("1")).await.json()["accepted"], 1);
    assert_eq!(send("monday", sale("1")).await.json()["duplicate"], 1);
    let reused = send("monday", sale("2")).await;
    assert_eq!(reused.json()["type"], "urn:restock:problem:idempotency-key-reused");
    assert_eq!(send("tuesday", sale("2")).await.json()["accepted"], 1);
    // What was refused may be corrected under its key.
    assert_eq!(send("wednesday", "[".to_owned()).await.json()["quarantined"], 1);
    assert_eq!(send("thursday", " ".to_owned()).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(send("thursday", sale("3")).await.json()["accepted"], 1);
}

/// A key holds over a restart, because the ledger keeps it.
#[tokio::test]
async fn a_key_outlives_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    publish(&mut SqliteLedger::open(&path).unwrap(), &wanted());
    let mut answers: Vec<String> = Vec::new();
    for _ in 0..2 {
        let fixture = Fixture::with(Box::new(SqliteLedger::open(&path).unwrap())).await;
        fixture.send_json("POST", Role::Approver, "/v1/proposals:approve", r#"{"filter":"value > 0"}"#).await;
        answers.push(export(&fixture, "monday").await.text);
        assert_eq!(export_with(&fixture, "monday", "{}").await.status, StatusCode::UNPROCESSABLE_ENTITY);
        fixture.server.shut_down().await;
    }
    assert_eq!(answers[0], answers[1]);
    assert!(answers[0].contains("dairy-berlin"));
}

#[tokio::test]
async fn orders_are_listed_and_written_in_every_format() {
    let fixture = approved().await;
    let ids = order_ids(&export(&fixture, "k").await);
    let page = fixture.get(Role::Integrator, "/v1/orders?limit=1").await;
    assert_eq!(order_ids(&page), ids[1..]);
    let next = page.json()["next_cursor"].as_str().unwrap().to_owned();
    let page = fixture.get(Role::Integrator, &format!("/v1/orders?limit=1&cursor={next}")).await;
    assert_eq!((order_ids(&page), &page.json()["next_cursor"]), (ids[..1].to_vec(), &Value::Null));
    for format in OrderFormat::ALL {
        let answer = fixture.get(Role::Integrator, &format!("/v1/orders/{}?format={}", ids[1], format.name())).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let kind = if format == OrderFormat::Json { "application/json" } else { "text/csv; charset=utf-8" };
        assert_eq!(answer.header("content-type"), kind);
        assert!(answer.header("content-disposition").contains(&ids[1]));
        assert!(answer.text.contains("milk") && answer.text.contains("tea") && !answer.text.contains("rye"));
    }
    let lines = fixture.get(Role::Viewer, &format!("/v1/orders/{}", ids[1])).await.json();
    assert_eq!(lines["lines"].as_array().unwrap().len(), 2);
    assert_eq!(fixture.get(Role::Viewer, "/v1/orders/none").await.status, StatusCode::NOT_FOUND);
    let bad = fixture.get(Role::Viewer, &format!("/v1/orders/{}?format=edi", ids[1])).await;
    assert_eq!(bad.status, StatusCode::BAD_REQUEST);
}

/// Confirmations and receipts that come in as events move the proposal on, without a plan.
#[tokio::test]
async fn an_order_is_followed_until_it_has_arrived() {
    let fixture = approved().await;
    let order_id = order_ids(&export(&fixture, "k").await)[1].clone();
    let event = |id: &str, kind: &str, quantity: &str| {
        format!(
            r#"{{"event_id":"{id}","source":"erp","type":"{kind}","occurred_at":"2026-03-02T11:00:00Z","item_id":"milk","location_id":"berlin","order_id":"{order_id}"{quantity}}}"#
        )
    };
    let mut seen = Vec::new();
    for (id, kind, quantity) in
        [("1", "order_confirmed", ""), ("2", "receipt", r#","quantity":5"#), ("3", "receipt", r#","quantity":7"#)]
    {
        let answer = fixture.events(&event(id, kind, quantity)).await;
        assert_eq!(answer.json()["accepted"], 1, "{}", answer.text);
        let row = fixture.get(Role::Viewer, "/v1/proposals/p_milk_berlin").await.json();
        seen.push((row["state"].as_str().unwrap().to_owned(), row["received"].as_str().unwrap().to_owned()));
    }
    let expected = [("acknowledged", "0"), ("partially_received", "5"), ("closed", "12")];
    assert_eq!(seen, expected.map(|(state, received)| (state.to_owned(), received.to_owned())));
}

#[tokio::test]
async fn the_source_of_the_desk_is_its_own() {
    let fixture = Fixture::new().await;
    let posed = sale("2").replace("\"till\"", "\"restock-desk\"");
    let refused = fixture.events(&format!("[{},{posed}]", sale("1"))).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    insta::assert_snapshot!(refused.text, @r##"{"type":"urn:restock:problem:reserved-source","title":"The name of the source is taken","status":422,"detail":"index 1: the source \"restock-desk\" belongs to the desk; nothing was taken in","field":"source","got":"\"restock-desk\"","expected":"the name of the system that reports","fix":"send events under another source; POST /v1/orders orders what is approved"}"##);
    let inventory = fixture.get(Role::Viewer, "/v1/inventory").await.json();
    assert_eq!(inventory["last_sequence"], 0, "nothing was taken in");
    let quarantine = fixture.get(Role::Planner, "/v1/quarantine").await.json();
    assert!(quarantine["entries"].as_array().unwrap().is_empty());
}
