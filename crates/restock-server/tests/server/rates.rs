use axum::http::StatusCode;
use jiff::SignedDuration;
use restock_ledger::SqliteLedger;
use restock_server::{Rate, Role};

use crate::fixtures::{Fixture, request, sale};
use crate::sessions::try_log_in;

async fn fixture() -> Fixture {
    let ledger = Box::new(SqliteLedger::in_memory().unwrap());
    Fixture::with_security(ledger, |security| {
        security.rates.reads = Rate::per_second(3);
        security.rates.writes = Rate::per_second(2);
        security.rates.strangers = Rate::per_second(2);
    })
    .await
}

#[tokio::test]
async fn reads_and_writes_have_budgets_of_their_own() {
    let fixture = fixture().await;
    for left in [2, 1, 0] {
        let answer = fixture.get(Role::Viewer, "/v1/inventory").await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(
            answer.header("ratelimit").starts_with(&format!("\"reads\";r={left};")),
            "{}",
            answer.header("ratelimit")
        );
        assert_eq!(answer.header("ratelimit-policy"), "\"reads\";q=3;w=1");
    }
    let answer = fixture.get(Role::Viewer, "/v1/inventory").await;
    assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "1"));
    insta::assert_snapshot!(answer.text, @r#"{"type":"urn:restock:problem:too-many-requests","title":"Too many requests","status":429,"detail":"the budget reads is 3 requests in 1s","fix":"send the same request again after 1 s; spread requests evenly"}"#);
    assert_eq!(fixture.get(Role::Planner, "/v1/inventory").await.status, StatusCode::OK, "another token");

    for (id, expected) in [("1", 202), ("2", 202), ("3", 429)] {
        assert_eq!(fixture.events(&sale(id)).await.status.as_u16(), expected);
    }
    assert_eq!(
        fixture.get(Role::Integrator, "/v1/inventory").await.status,
        StatusCode::OK,
        "reads have another budget"
    );
    fixture.wait(SignedDuration::from_secs(1));
    assert_eq!(fixture.get(Role::Viewer, "/v1/inventory").await.status, StatusCode::OK);
    assert_eq!(fixture.events(&sale("3")).await.status, StatusCode::ACCEPTED, "what was refused is sent again");
}

#[tokio::test]
async fn strangers_are_slowed_down_and_whoever_watches_is_not() {
    let fixture = fixture().await;
    let get = |path: &'static str, secret: &'static str| fixture.send(request("GET", path, Some(secret), "", ""));
    for expected in [401, 401, 429, 429] {
        assert_eq!(get("/v1/inventory", "restock_guess").await.status.as_u16(), expected);
    }
    assert_eq!(get("/nowhere", "").await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(get("/v1/openapi.json", "").await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(get("/health", "").await.status, StatusCode::OK);
    assert_eq!(get("/ready", "").await.status, StatusCode::OK);
    assert_eq!(fixture.get(Role::Viewer, "/v1/inventory").await.status, StatusCode::OK, "a token that is known passes");
}

#[tokio::test]
async fn log_ins_have_a_budget_for_each_name() {
    let ledger = Box::new(SqliteLedger::in_memory().unwrap());
    let fixture = Fixture::with_security(ledger, |security| {
        security.rates.log_ins = Rate::per_minute(2);
        security.rates.log_ins_of_address = Rate::per_minute(4);
    })
    .await;
    for (name, expected) in [("a", 401), ("a", 401), ("a", 429), ("b", 401), ("c", 429)] {
        assert_eq!(try_log_in(&fixture, name, "wrong password").await.status.as_u16(), expected, "{name}");
    }
}
