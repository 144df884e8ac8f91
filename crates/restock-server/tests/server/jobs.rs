//! Simulations, backtests, curves and scenarios, with a planner that says what it was asked.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::StatusCode;
use jiff::Timestamp;
use restock_core::proposal::Proposal;
use restock_ledger::{Ledger, Need, Recorded, SqliteLedger};
use restock_server::{JobRequest, LivePlanner, PlanningError, Revision, Role, Task};
use serde_json::{Value, json};

use crate::fixtures::{Answer, Fixture};

/// Answers with what it was asked; tasks wait while the gate is closed.
struct Echo {
    last_sequence: u64,
    is_closed: Arc<AtomicBool>,
}

impl LivePlanner for Echo {
    fn last_sequence(&self) -> u64 {
        self.last_sequence
    }

    fn take_in(&mut self, events: &[Recorded], _: Timestamp) -> Result<Option<Revision>, PlanningError> {
        self.last_sequence = events.last().map_or(self.last_sequence, |last| last.sequence);
        Ok(None)
    }

    fn replan(&mut self, _: Timestamp) -> Result<Option<Revision>, PlanningError> {
        Ok(None)
    }

    fn proposal(&mut self, _: &Need) -> Result<Option<Proposal>, PlanningError> {
        Ok(None)
    }

    fn prepare(&mut self, request: JobRequest, _: Timestamp) -> Result<Task, PlanningError> {
        let is_closed = self.is_closed.clone();
        Ok(Box::new(move |steps| {
            steps.set(0, 4);
            while is_closed.load(Ordering::Relaxed) {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            steps.set(4, 4);
            match &request {
                JobRequest::Scenario { changes } if changes.iter().any(|change| change == "target=0.5") => {
                    Err("nothing can be planned".to_owned())
                }
                JobRequest::Scenario { changes } => {
                    let lines: Vec<Value> = (0..7).map(|n| json!({ "item_id": n })).collect();
                    Ok(json!({ "changes": changes, "lines": lines }))
                }
                request => Ok(json!({ "asked": format!("{request:?}") })),
            }
        }))
    }
}

async fn echo(ledger: Box<dyn Ledger>, is_closed: &Arc<AtomicBool>) -> Fixture {
    let planner = Echo { last_sequence: ledger.last_sequence().unwrap(), is_closed: is_closed.clone() };
    Fixture::with_options(ledger, |options| options.planner = Some(Box::new(planner))).await
}

async fn open() -> Fixture {
    echo(Box::new(SqliteLedger::in_memory().unwrap()), &Arc::default()).await
}

async fn post(fixture: &Fixture, path: &str, body: Value) -> Answer {
    fixture.send_json("POST", Role::Planner, path, &body.to_string()).await
}

/// What a viewer reads, once it is over.
async fn over(fixture: &Fixture, path: &str) -> Value {
    for _ in 0..2_000 {
        let answer = fixture.get(Role::Viewer, path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
        let state = answer.json();
        let state = if state["state"].is_null() { state["job"]["state"].clone() } else { state["state"].clone() };
        if state != "waiting" && state != "running" {
            return answer.json();
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("{path} does not end")
}

#[tokio::test]
async fn work_is_asked_for_and_answered_where_the_header_says() {
    let fixture = open().await;
    let cases = [
        ("/v1/simulations", json!({}), "Simulation { shocks: [], n_days: 90, n_paths: 200 }"),
        (
            "/v1/backtests",
            json!({ "policies": ["min_max"], "windows": 8, "limit": 10 }),
            "Backtest { policies: [\"min_max\"], n_weeks: Some(8), limit: Some(10) }",
        ),
        (
            "/v1/backtests",
            json!({ "models": ["ets"] }),
            "ForecastBacktest { models: [\"ets\"], horizon: 14, n_windows: 3, limit: None }",
        ),
        ("/v1/frontiers", json!({ "targets": [0.9, 0.95] }), "Frontier { targets: [0.9, 0.95] }"),
    ];
    for (path, body, expected) in cases {
        let begun = post(&fixture, path, body).await;
        assert_eq!(begun.status, StatusCode::ACCEPTED, "{}", begun.text);
        let href = begun.header("location").to_owned();
        assert!(href.starts_with(&format!("{path}/job_")), "{href}");
        assert_eq!(begun.json()["href"], href);
        let done = over(&fixture, &href).await;
        assert_eq!((&done["state"], &done["result"]["asked"]), (&json!("done"), &json!(expected)));
        assert_eq!((&done["done"], &done["total"], &done["error"]), (&json!(4), &json!(4), &Value::Null));
        // The same by its id alone, and not as something else.
        let id = href.rsplit('/').next().unwrap();
        assert_eq!(fixture.get(Role::Viewer, &format!("/v1/jobs/{id}")).await.json(), done);
        let other = if path == "/v1/frontiers" { "simulations" } else { "frontiers" };
        assert_eq!(fixture.get(Role::Viewer, &format!("/v1/{other}/{id}")).await.status, StatusCode::NOT_FOUND);
    }
    let jobs = fixture.get(Role::Viewer, "/v1/jobs").await.json();
    let kinds: Vec<&str> = jobs["jobs"].as_array().unwrap().iter().map(|job| job["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["frontier", "forecast_backtest", "backtest", "simulation"]);
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_with_what_can() {
    let fixture = open().await;
    for (path, body, field, expected) in [
        ("/v1/simulations", json!({ "days": 0 }), "days", "1 to 730"),
        ("/v1/simulations", json!({ "paths": 1 }), "paths", "2 to 10000"),
        ("/v1/simulations", json!({ "shocks": ["demand=2x"] }), "shocks", "no \"@\""),
        ("/v1/backtests", json!({ "policies": ["a"], "models": ["b"] }), "models", "one job for each"),
        ("/v1/backtests", json!({ "horizon": 3 }), "horizon", "name models"),
        ("/v1/frontiers", json!({ "targets": [95.0] }), "targets", "such as 0.95"),
        ("/v1/frontiers", json!({ "targets": vec![0.9; 51] }), "targets", "at most 50"),
        ("/v1/scenarios", json!({ "name": " ", "changes": [] }), "name", "1 to 300"),
        ("/v1/scenarios", json!({ "name": "x", "changes": ["colour=red"] }), "changes", "budget, volume"),
    ] {
        let answer = post(&fixture, path, body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.text);
        let problem = answer.json();
        assert_eq!(problem["field"], field);
        assert!(problem["expected"].as_str().unwrap().contains(expected), "{problem}");
    }
    assert_eq!(fixture.get(Role::Viewer, "/v1/jobs").await.json()["jobs"], json!([]));
    assert_eq!(fixture.get(Role::Viewer, "/v1/scenarios").await.json()["scenarios"], json!([]));
    for body in [json!({ "dayz": 3 }), json!([[], 30, 20]), json!("x"), Value::Null] {
        assert_eq!(post(&fixture, "/v1/simulations", body).await.status, StatusCode::BAD_REQUEST);
    }
    // A planner that stands still, and none at all.
    let ledger = || Box::new(SqliteLedger::in_memory().unwrap());
    let none = Fixture::with(ledger()).await;
    for path in ["/v1/simulations", "/v1/frontiers"] {
        assert_eq!(post(&none, path, json!({})).await.status, StatusCode::CONFLICT);
    }
    let scenario = json!({ "name": "x", "changes": [] });
    assert_eq!(post(&none, "/v1/scenarios", scenario).await.status, StatusCode::CONFLICT);
    assert_eq!(none.get(Role::Viewer, "/v1/scenarios").await.json()["scenarios"], json!([]), "nothing was written");
}

#[tokio::test]
async fn a_job_is_followed_and_cancelled() {
    let is_closed = Arc::new(AtomicBool::new(true));
    let fixture = echo(Box::new(SqliteLedger::in_memory().unwrap()), &is_closed).await;
    let begun = post(&fixture, "/v1/simulations", json!({})).await.json();
    let id = begun["job_id"].as_str().unwrap().to_owned();
    let behind = post(&fixture, "/v1/backtests", json!({})).await.json()["job_id"].as_str().unwrap().to_owned();
    let cancelled = fixture.send_json("POST", Role::Planner, &format!("/v1/jobs/{behind}:cancel"), "").await;
    assert_eq!(cancelled.status, StatusCode::ACCEPTED, "{}", cancelled.text);
    assert_eq!(over(&fixture, &format!("/v1/backtests/{behind}")).await["state"], "cancelled");
    let asked = fixture.send_json("POST", Role::Planner, &format!("/v1/jobs/{id}:cancel"), "").await;
    assert_eq!(asked.status, StatusCode::ACCEPTED);
    is_closed.store(false, Ordering::Relaxed);
    let ended = over(&fixture, &format!("/v1/simulations/{id}")).await;
    assert_eq!((&ended["state"], &ended["result"]), (&json!("cancelled"), &Value::Null));
    // The stream of one that is over tells so and ends.
    let told = fixture.get(Role::Viewer, &format!("/v1/jobs/{id}/progress")).await;
    let data = told.text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    assert!(told.text.starts_with("event: progress\n"), "{}", told.text);
    assert_eq!(serde_json::from_str::<Value>(data).unwrap()["state"], "cancelled");
    let running = post(&fixture, "/v1/simulations", json!({})).await.json()["job_id"].as_str().unwrap().to_owned();
    let told = fixture.get(Role::Viewer, &format!("/v1/jobs/{running}/progress")).await;
    assert!(told.text.trim_end().lines().last().unwrap().contains("\"state\":\"done\""), "{}", told.text);
    let unknown = fixture.send_json("POST", Role::Planner, "/v1/jobs/job_1_1:cancel", "").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

fn file(dir: &Path) -> Box<dyn Ledger> {
    Box::new(SqliteLedger::open(&dir.join("ledger.db")).unwrap())
}

#[tokio::test]
async fn scenarios_are_kept_planned_and_compared() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = echo(file(dir.path()), &Arc::default()).await;
    let made =
        post(&fixture, "/v1/scenarios", json!({ "name": " more ", "changes": ["target=0.99", "budget=500"] })).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let path = made.header("location").to_owned();
    let done = over(&fixture, &path).await;
    assert_eq!((&done["name"], &done["changes"]), (&json!("more"), &json!(["target=0.99", "budget=500"])));
    assert_eq!(done["comparison"], json!({ "changes": ["target=0.99", "budget=500"], "n_lines": 7 }));
    let mut lines = Vec::new();
    let mut from = json!(0);
    while !from.is_null() {
        let page = fixture.get(Role::Viewer, &format!("{path}/diff?limit=3&from={from}")).await.json();
        assert_eq!(page["n_lines"], 7);
        lines.extend(page["lines"].as_array().unwrap().clone());
        from = page["next_from"].clone();
    }
    assert_eq!(lines.len(), 7);
    assert_eq!(fixture.get(Role::Viewer, &format!("{path}/diff?from=99")).await.json()["lines"], json!([]));

    let changed = fixture.send_json("PATCH", Role::Planner, &path, r#"{"changes":["target=0.5"]}"#).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    let failed = over(&fixture, &path).await;
    assert_eq!((&failed["name"], &failed["comparison"]), (&json!("more"), &Value::Null));
    assert_eq!(failed["job"]["error"], "nothing can be planned");
    let unplanned = fixture.get(Role::Viewer, &format!("{path}/diff")).await;
    assert_eq!(
        (unplanned.status, &unplanned.json()["detail"].as_str().unwrap().contains("failed")),
        (StatusCode::CONFLICT, &true)
    );
    let other = post(&fixture, "/v1/scenarios", json!({ "name": "other", "changes": [] })).await;
    let other = other.header("location").to_owned();

    // After a restart they are there, and are planned when somebody asks.
    drop(fixture);
    let fixture = echo(file(dir.path()), &Arc::default()).await;
    let all = fixture.get(Role::Viewer, "/v1/scenarios").await.json();
    let mut names: Vec<&str> =
        all["scenarios"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["more", "other"]);
    assert!(all["scenarios"].as_array().unwrap().iter().all(|one| one["job"].is_null()));
    let again = fixture.send_json("POST", Role::Planner, &format!("{other}:plan"), "").await;
    assert_eq!(again.status, StatusCode::ACCEPTED, "{}", again.text);
    assert_eq!(over(&fixture, &other).await["comparison"]["n_lines"], 7);
    assert_eq!(fixture.send_json("DELETE", Role::Planner, &path, "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(fixture.get(Role::Viewer, &path).await.status, StatusCode::NOT_FOUND);
    let trail = fixture.get(Role::Admin, "/v1/audit?limit=100").await.text;
    for action in ["scenario.set", "scenario.remove"] {
        assert!(trail.contains(action), "{trail}");
    }
}
