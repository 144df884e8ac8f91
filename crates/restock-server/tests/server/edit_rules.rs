//! Rules that edits of people suggest over HTTP: shown, made with the request that each carries, taken back, dismissed.

use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use jiff::Timestamp;
use restock_adapt::{AdaptationReport, Direction, Rule, RuleScope};
use restock_core::dataset::{Item, Location};
use restock_core::proposal::Proposal;
use restock_core::{Dataset, Day, ItemLocation};
use restock_ledger::{Need, Recorded, SqliteLedger};
use restock_server::{LivePlanner, PlanningError, Revision, Role};
use serde_json::{Value, json};

use crate::fixtures::{Fixture, Reader};

/// A planner that has files and has learnt rules.
struct Learner {
    reader: Reader,
    rules: Arc<Mutex<Vec<Rule>>>,
}

impl LivePlanner for Learner {
    fn last_sequence(&self) -> u64 {
        self.reader.last_sequence()
    }

    fn take_in(&mut self, events: &[Recorded], now: Timestamp) -> Result<Option<Revision>, PlanningError> {
        self.reader.take_in(events, now)
    }

    fn replan(&mut self, now: Timestamp) -> Result<Option<Revision>, PlanningError> {
        self.reader.replan(now)
    }

    fn proposal(&mut self, need: &Need) -> Result<Option<Proposal>, PlanningError> {
        self.reader.proposal(need)
    }

    fn masters(&self) -> Option<&Dataset> {
        self.reader.masters()
    }

    fn file_tables(&self) -> Option<Arc<Dataset>> {
        self.reader.file_tables()
    }

    fn adaptation(&self) -> Option<AdaptationReport> {
        Some(AdaptationReport { rules: self.rules.lock().unwrap().clone(), ..AdaptationReport::default() })
    }
}

fn rule(scope: RuleScope, direction: Direction, factor: f64) -> Rule {
    Rule {
        scope,
        direction,
        ratio: factor,
        factor,
        n_edits: 12,
        n_all_edits: 13,
        n_days: 9,
        n_places: 3,
        first_day: Day(20_000),
        last_day: Day(20_020),
        n_paid: 10,
        saved: 60.0,
        mean_saved: 5.0,
        lower: 1.0,
        upper: 9.0,
        confidence: 0.95,
        n_decisions: 40,
        would_save: 80.0,
        by: vec!["ann".to_owned(), "bob".to_owned()],
        reasons: vec!["the fair".to_owned()],
    }
}

/// Demand of food is above the forecast, and a strange item in a strange place is not to be ordered.
fn rules() -> Vec<Rule> {
    let place = ItemLocation::new("brown rice/1", "paris");
    vec![
        rule(RuleScope::Category { category: "food".to_owned() }, Direction::More, 1.15),
        rule(RuleScope::ItemLocation(place), Direction::Nothing, 0.0),
    ]
}

async fn fixture() -> (Fixture, Arc<Mutex<Vec<Rule>>>) {
    let item = |id: &str| Item { item_id: id.to_owned(), category: "food/cold".to_owned(), ..Item::default() };
    let location = |id: &str| Location { location_id: id.to_owned(), ..Location::default() };
    let tables = Dataset {
        items: vec![item("brown rice/1"), item("milk")],
        locations: vec![location("berlin"), location("paris")],
        ..Dataset::default()
    };
    let rules = Arc::new(Mutex::new(rules()));
    let planner =
        Box::new(Learner { reader: Reader { last_sequence: 0, tables: Arc::new(tables) }, rules: rules.clone() });
    let ledger = Box::new(SqliteLedger::in_memory().unwrap());
    let fixture = Fixture::with_options(ledger, |options| options.planner = Some(planner)).await;
    while fixture.get(Role::Viewer, "/v1/forecasts/overrides").await.status != StatusCode::OK {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    (fixture, rules)
}

async fn shown(fixture: &Fixture) -> Vec<Value> {
    let answer = fixture.get(Role::Viewer, "/v1/adaptation").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.json()["rules"].as_array().unwrap().clone()
}

/// Sends the request that a rule carries, as a planner.
async fn send(fixture: &Fixture, request: &Value) -> StatusCode {
    let text = |name: &str| request[name].as_str().unwrap();
    let body = if request["body"].is_null() { String::new() } else { request["body"].to_string() };
    fixture.send_json(text("method"), Role::Planner, text("path"), &body).await.status
}

#[tokio::test]
async fn a_rule_is_made_with_its_request_and_taken_back() {
    let (fixture, _) = fixture().await;
    let all = shown(&fixture).await;
    assert_eq!(all.len(), 2);
    let more = &all[0];
    assert_eq!(
        (&more["scope"], &more["category"], &more["item_id"]),
        (&json!("category"), &json!("food"), &Value::Null)
    );
    assert_eq!((&more["interval"], &more["would_save"]), (&json!([1.0, 9.0]), &json!(80.0)));
    assert_eq!(
        more["request"],
        json!({"method": "POST", "path": "/v1/forecasts:override", "body": {"category": "food", "factor": 1.15,
            "from": "2026-03-02", "to": "2026-05-31", "reason": "rule from 12 edits by ann, bob: the fair"}})
    );
    // Made, it is an override like any other, in the trail, and is not suggested any more; taken back, it is again.
    assert_eq!(send(&fixture, &more["request"]).await, StatusCode::CREATED);
    let left = shown(&fixture).await;
    assert_eq!((left.len(), &left[0]), (1, &all[1]));
    let listed = fixture.get(Role::Viewer, "/v1/forecasts/overrides").await.json();
    assert_eq!(
        (&listed["overrides"][0]["factor"], &listed["overrides"][0]["author"]),
        (&json!("1.15"), &json!("planner"))
    );
    let trail = fixture.get(Role::Admin, "/v1/audit").await.json();
    assert!(trail["records"].as_array().unwrap().iter().any(|one| one["action"] == "forecast.override"));
    assert_eq!(send(&fixture, &more["undo"]).await, StatusCode::OK);
    assert_eq!(shown(&fixture).await, all);
    // Stopping orders is a setting of the item-location, whatever it is called.
    let nothing = &all[1];
    assert_eq!(nothing["request"]["path"], "/v1/item-locations/brown%20rice%2F1/paris");
    assert_eq!(send(&fixture, &nothing["request"]).await, StatusCode::CREATED);
    assert_eq!(shown(&fixture).await, all[..1]);
    assert_eq!(send(&fixture, &nothing["undo"]).await, StatusCode::OK);
    assert_eq!(shown(&fixture).await, all);
}

#[tokio::test]
async fn a_dismissed_rule_comes_back_with_twice_as_many_edits() {
    let (fixture, rules) = fixture().await;
    let id = shown(&fixture).await[0]["id"].as_str().unwrap().to_owned();
    let path = |id: &str| format!("/v1/adaptation/rules/{id}:dismiss");
    let dismiss = async |role: Role, id: &str, body: &str| fixture.send_json("POST", role, &path(id), body).await;
    let why = r#"{"reason": "the fair is over"}"#;
    assert_eq!(dismiss(Role::Viewer, &id, why).await.status, StatusCode::FORBIDDEN);
    assert_eq!(dismiss(Role::Planner, "r_0", why).await.status, StatusCode::NOT_FOUND);
    let silent = dismiss(Role::Planner, &id, r#"{"reason": " "}"#).await;
    assert_eq!(silent.status, StatusCode::BAD_REQUEST, "{}", silent.text);
    assert_eq!(shown(&fixture).await.len(), 2, "nothing was dismissed yet");
    let answer = dismiss(Role::Planner, &id, why).await;
    assert_eq!((answer.status, &answer.json()["id"]), (StatusCode::OK, &json!(id)));
    assert_eq!(shown(&fixture).await.len(), 1);
    assert_eq!(dismiss(Role::Planner, &id, why).await.status, StatusCode::NOT_FOUND, "it is dismissed already");
    let trail = fixture.get(Role::Admin, "/v1/audit").await.json();
    let record = trail["records"].as_array().unwrap().iter().find(|one| one["action"] == "rule.dismiss").unwrap();
    assert_eq!((&record["actor"], &record["reason"]), (&json!("planner"), &json!("the fair is over")));
    assert_eq!((&record["subject"], &record["after"]), (&json!(format!("rule/{id}")), &json!("12")));
    // The same scope in the other direction is another rule; of this one twice as many edits are news.
    rules.lock().unwrap()[0].direction = Direction::Less;
    assert_eq!(shown(&fixture).await.len(), 2);
    rules.lock().unwrap()[0].direction = Direction::More;
    for (n_edits, n_shown) in [(23, 1), (24, 2)] {
        rules.lock().unwrap()[0].n_edits = n_edits;
        assert_eq!(shown(&fixture).await.len(), n_shown, "{n_edits} edits");
    }
}
