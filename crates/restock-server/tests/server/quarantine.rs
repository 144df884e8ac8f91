use axum::http::StatusCode;
use restock_server::Role;
use serde_json::{Value, json};

use crate::fixtures::{Fixture, sale};

const BAD: &str = r#"{"event_id":"1","source":"till","type":"sale","occurred_at":"2026-03-02T08:00:00Z","item_id":"milk","location_id":"berlin","quantity":"1,5"}"#;

#[tokio::test]
async fn an_entry_is_released_corrected_and_the_trail_says_who() {
    let fixture = Fixture::new().await;
    fixture.events(BAD).await;
    let entry = fixture.get(Role::Planner, "/v1/quarantine/1").await.json();
    assert_eq!((&entry["state"], &entry["raw"]), (&json!("open"), &json!(BAD)));
    assert_eq!(entry["reason"]["got"], "\"1,5\"");

    let path = "/v1/quarantine/1/release";
    let as_it_is = fixture.post(Role::Planner, path, "application/json", r#"{"reason":"try"}"#).await;
    assert_eq!(as_it_is.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(as_it_is.json()["fix"], "release it with a corrected event, or discard it");

    let event: Value = serde_json::from_str(&BAD.replace("1,5", "1.5")).unwrap();
    let body = json!({"reason": "decimal comma", "event": event}).to_string();
    let released = fixture.post(Role::Planner, path, "application/json", &body).await;
    assert_eq!(released.json(), json!({"outcome": "accepted", "sequence": 1}));
    let again = fixture.post(Role::Planner, path, "application/json", &body).await;
    assert_eq!(
        (again.status, &again.json()["detail"]),
        (StatusCode::CONFLICT, &json!("quarantine entry 1 was already released"))
    );

    let inventory = fixture.get(Role::Viewer, "/v1/inventory").await.json();
    assert_eq!(inventory["inventory"][0]["on_hand"], "-1.5");
    let trail = fixture.get(Role::Admin, "/v1/audit").await.json();
    let record = &trail["records"][0];
    assert_eq!(
        ["actor", "action", "subject", "reason", "before", "after", "at"].map(|name| record[name].as_str().unwrap()),
        ["planner", "quarantine.release", "quarantine/1", "decimal comma", "open", "event 1", "2026-03-02T12:00:00Z"]
    );
    assert_eq!(trail["records"].as_array().unwrap().len(), 1, "refused releases are no decisions");
}

#[tokio::test]
async fn an_entry_is_discarded_and_stays_readable() {
    let fixture = Fixture::new().await;
    fixture.events(&format!("[{BAD},{{}},{}]", sale("2"))).await;
    let page = fixture.get(Role::Integrator, "/v1/quarantine?state=open&limit=1").await.json();
    assert_eq!((&page["next_from"], &page["has_more"]), (&json!(2), &json!(true)));
    let body = r#"{"reason":"a test of the till"}"#;
    let discarded = fixture.post(Role::Admin, "/v1/quarantine/2/discard", "application/json", body).await.json();
    assert_eq!((&discarded["state"], &discarded["sequence"]), (&json!("discarded"), &Value::Null));
    let open = fixture.get(Role::Integrator, "/v1/quarantine?state=open").await.json();
    assert_eq!(open["entries"].as_array().unwrap().len(), 1);
    assert_eq!(fixture.get(Role::Admin, "/v1/audit").await.json()["records"][0]["action"], "quarantine.discard");
}
