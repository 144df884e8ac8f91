//! Planning while events come in, with a planner that orders up to ten.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::StatusCode;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use restock_core::dataset::{InventoryRow, Item, Location, OpenOrderRow};
use restock_core::proposal::{Proposal, ProposalSource, ProposalType};
use restock_core::{Dataset, Day, ItemIdx, ItemLocation, LocationIdx, Quantity, RowRef};
use restock_ledger::{FileStock, Files, Ledger, Need, Recorded, SqliteLedger, StockBook};
use restock_server::{LivePlanner, PlanningError, Revision, Role, Scope};
use serde_json::json;

use crate::faults::Faulty;
use crate::fixtures::{Fixture, sale, sale_at};

/// What a test does to its planner.
#[derive(Default)]
struct Control {
    n_fail: AtomicU32,
    n_panic: AtomicU32,
    n_calls: AtomicU32,
    problems: Mutex<Vec<String>>,
    files: Mutex<Option<Arc<FileStock>>>,
    /// The planner says that it has planned, and waits for leave to go on.
    gate: Mutex<Option<(Sender<()>, Receiver<()>)>>,
}

/// Orders every place up to ten units; half from each of two sources in Rome.
struct UpToTen {
    control: Arc<Control>,
    book: StockBook,
    last_sequence: u64,
    has_planned: bool,
}

const ORDER_UP_TO: i64 = 10;

impl UpToTen {
    fn new(control: &Arc<Control>) -> Box<Self> {
        Box::new(Self { control: control.clone(), book: StockBook::new(), last_sequence: 0, has_planned: false })
    }

    fn needs(&self, place: &ItemLocation) -> Vec<(String, Need)> {
        let on_hand = self.book.stock(place).map_or(0, |stock| stock.on_hand.to_units_floor(0));
        let orders = self.book.open_orders(place);
        let on_order: i64 = orders.iter().map(|order| order.open().to_units_floor(0)).sum();
        let missing = ORDER_UP_TO - on_hand - on_order;
        let suppliers: &[&str] = if place.location_id == "rome" { &["dairy", "hub"] } else { &["dairy"] };
        let each = missing / suppliers.len() as i64;
        if each <= 0 {
            return Vec::new();
        }
        let need = |supplier: &&str| {
            let need = Need {
                plan_id: format!("pl_{}", self.last_sequence),
                item_id: place.item_id.clone(),
                destination: place.location_id.clone(),
                source: ProposalSource::SupplierId((*supplier).to_owned()),
                proposal_type: ProposalType::Purchase,
                quantity: Quantity::from_whole(each),
                uom: "each".to_owned(),
                order_multiple: Quantity::ZERO,
                order_uom: "each".to_owned(),
                unit_cost: Some("1.5".parse().unwrap()),
                currency: "EUR".to_owned(),
                order_by: "2026-03-02".parse().unwrap(),
                expected_receipt: "2026-03-04".parse().unwrap(),
                priority: "9".parse().unwrap(),
            };
            (format!("p_{}_{}_{supplier}", place.item_id, place.location_id), need)
        };
        suppliers.iter().map(need).collect()
    }

    fn revision(&self, scope: Scope) -> Revision {
        let places: BTreeSet<ItemLocation> = match &scope {
            Scope::Everything => self.book.places().into_iter().collect(),
            Scope::Places(places) => places.clone(),
        };
        let as_of: Day = "2026-03-02".parse().unwrap();
        let wanted = places.iter().flat_map(|place| self.needs(place)).collect();
        Revision { plan_id: format!("pl_{}", self.last_sequence), as_of, wanted, scope }
    }
}

impl LivePlanner for UpToTen {
    fn last_sequence(&self) -> u64 {
        self.last_sequence
    }

    fn take_in(&mut self, events: &[Recorded], _: Timestamp) -> Result<Option<Revision>, PlanningError> {
        self.control.n_calls.fetch_add(1, Ordering::Relaxed);
        let take = |n: &AtomicU32| n.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok();
        if take(&self.control.n_fail) {
            return Err(PlanningError("no forecast".to_owned()));
        }
        if take(&self.control.n_panic) {
            panic!("a mistake of the planner");
        }
        let mut touched = BTreeSet::new();
        for recorded in events {
            assert_eq!(recorded.sequence, self.last_sequence + 1, "in order and without gaps");
            self.last_sequence = recorded.sequence;
            self.book.apply(&recorded.event);
            touched.extend(recorded.event.kind.place().cloned());
        }
        let is_first = !std::mem::replace(&mut self.has_planned, true);
        if touched.is_empty() && !is_first {
            return Ok(None);
        }
        let revision = self.revision(if is_first { Scope::Everything } else { Scope::Places(touched) });
        if let Some((planned, leave)) = self.control.gate.lock().unwrap().take() {
            planned.send(()).unwrap();
            leave.recv().unwrap();
        }
        Ok(Some(revision))
    }

    fn replan(&mut self, _: Timestamp) -> Result<Option<Revision>, PlanningError> {
        Ok(Some(self.revision(Scope::Everything)))
    }

    fn proposal(&mut self, need: &Need) -> Result<Option<Proposal>, PlanningError> {
        let is_wanted = self.needs(&need.place()).iter().any(|(_, now)| now.source == need.source);
        Ok(is_wanted.then(|| record(need)))
    }

    fn problems(&self) -> Vec<String> {
        self.control.problems.lock().unwrap().clone()
    }

    fn files(&self) -> Option<Arc<FileStock>> {
        self.control.files.lock().unwrap().clone()
    }
}

/// A whole record with little in it.
fn record(need: &Need) -> Proposal {
    let consequence = json!({
        "p_stockout": 0.0, "expected_lost_units": 0.0, "expected_lost_margin": null, "expected_waste_units": 0.0,
        "days_of_cover": 1.0,
    });
    let explanation = json!({
        "sentence": "Order up to ten.", "sentence_zh": "", "waterfall": [], "without_order": consequence,
        "with_order": consequence, "marginal": [], "marginal_note": "", "sensitivity": [], "alternatives": [],
        "drivers": [], "warnings": [],
        "lineage": {"data": "", "settings": "", "forecast_model": "", "policy": "", "code": "", "seed": 0},
    });
    serde_json::from_value(json!({
        "proposal_id": "p", "plan_id": need.plan_id, "as_of": "2026-03-02", "type": "purchase", "item_id": need.item_id,
        "item_name": "", "destination": need.destination, "source": need.source, "quantity": need.quantity, "uom": "each",
        "order_units": {"quantity": need.quantity, "uom": "each"}, "unit_cost": "1.5", "value": "15", "currency": "EUR",
        "order_by": "2026-03-02", "expected_receipt": "2026-03-04", "next_opportunity": "2026-03-03",
        "status": "proposed", "automation": "review", "health": 1.0, "confidence": 1.0, "priority": "9",
        "classes": ["A", "X", "smooth"],
        "explanation": explanation,
    }))
    .unwrap()
}

async fn planned(ledger: Box<dyn Ledger>, control: &Arc<Control>) -> Fixture {
    let planner = UpToTen::new(control);
    Fixture::with_options(ledger, |options| options.planner = Some(planner)).await
}

/// Waits until something is so; a test that waits for what never comes is ended by whoever runs it.
async fn until<F: Future<Output = bool>>(mut is_so: impl FnMut() -> F) {
    while !is_so().await {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn row(fixture: &Fixture, id: &str) -> Option<(String, String)> {
    let answer = fixture.get(Role::Viewer, &format!("/v1/proposals/{id}")).await;
    let text = |name: &str| answer.json()[name].as_str().unwrap().to_owned();
    (answer.status == StatusCode::OK).then(|| (text("state"), text("quantity")))
}

async fn until_row(fixture: &Fixture, id: &str, state: &str, quantity: &str) {
    until(|| async { row(fixture, id).await == Some((state.to_owned(), quantity.to_owned())) }).await;
}

/// Until the planner has seen every event, and its word is on the desk.
async fn until_planned(fixture: &Fixture) {
    until(|| async {
        let text = fixture.get(Role::Admin, "/metrics").await.text;
        text.contains("restock_planner_lag_events 0\n")
    })
    .await;
    // Answers to questions come after the turn that is under way.
    fixture.get(Role::Viewer, "/v1/proposals/p_milk_berlin_dairy/explanation").await;
}

const BERLIN: &str = "p_milk_berlin_dairy";

fn count(id: &str, location: &str, on_hand: i64) -> String {
    format!(
        r#"{{"event_id":"{id}","source":"till","type":"count","occurred_at":"2026-03-02T07:00:00Z","item_id":"milk","location_id":"{location}","on_hand":{on_hand}}}"#
    )
}

#[tokio::test]
async fn proposals_follow_events_and_leave_what_people_decided() {
    let control = Arc::default();
    let fixture = planned(Box::new(SqliteLedger::in_memory().unwrap()), &control).await;
    fixture
        .events(&format!("[{},{},{}]", count("1", "berlin", 4), count("2", "paris", 3), count("3", "rome", 2)))
        .await;
    until_row(&fixture, BERLIN, "proposed", "6").await;
    until_row(&fixture, "p_milk_paris_dairy", "proposed", "7").await;
    // Two sources of one place are two proposals.
    until_row(&fixture, "p_milk_rome_dairy", "proposed", "4").await;
    until_row(&fixture, "p_milk_rome_hub", "proposed", "4").await;
    fixture.events(&sale("4")).await;
    until_row(&fixture, BERLIN, "proposed", "7").await;

    let edit = r#"{"quantity":"20","reason":"street festival"}"#;
    fixture.send_json("PATCH", Role::Planner, &format!("/v1/proposals/{BERLIN}"), edit).await;
    let no = r#"{"reason":"shelf is full"}"#;
    fixture.send_json("POST", Role::Planner, "/v1/proposals/p_milk_paris_dairy:reject", no).await;
    fixture.events(&format!("[{},{}]", sale("5"), sale_at("6", "paris"))).await;
    until_planned(&fixture).await;
    until(|| async { fixture.get(Role::Viewer, &format!("/v1/proposals/{BERLIN}")).await.json()["plan_wants"] == "8" })
        .await;
    assert_eq!(row(&fixture, BERLIN).await.unwrap(), ("edited".to_owned(), "20".to_owned()));
    let page = fixture.get(Role::Viewer, "/v1/proposals?location=paris").await.json();
    let states: Vec<_> = page["proposals"].as_array().unwrap().iter().map(|row| row["state"].clone()).collect();
    assert_eq!(states, ["rejected"], "what was rejected is not proposed again");

    let why = fixture.get(Role::Viewer, &format!("/v1/proposals/{BERLIN}/explanation")).await;
    assert_eq!((why.status, &why.json()["item_id"]), (StatusCode::OK, &json!("milk")), "{}", why.text);
    // Whoever may read may ask what would be if something were different.
    let path = format!("/v1/proposals/{BERLIN}/explanation");
    let ask = |role: Role, body: &'static str| fixture.send_json("POST", role, &path, body);
    let mut asked = ask(Role::Viewer, "{}").await.json();
    assert_eq!(asked.as_object_mut().unwrap().remove("what_if"), Some(json!(null)));
    assert_eq!(asked, why.json(), "where nothing is different, it is what GET says");
    for (body, detail) in [
        (r#"{"what_if":{"lead_time":-5e9}}"#, "what-if lead_time is \"-5000000000.0\", must be"),
        (r#"{"what_if":{"target":95}}"#, "what-if target is \"95\", must be a share above 0 and below 1, such as 0.95"),
        (r#"{"what_if":{"colour":"red"}}"#, "what-if \"colour\" is not known, use one of lead_time, review"),
        (r#"{"what_if":{"demand":[2]}}"#, "demand: got [2], expected a number or a text, such as 5 or \"1.2x\""),
        (r#"{"what_ifs":{}}"#, "unknown field `what_ifs`"),
        ("[]", "got JSON of another shape"),
    ] {
        let refused = ask(Role::Planner, body).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{body}");
        assert!(refused.json()["detail"].as_str().unwrap().contains(detail), "{}", refused.text);
    }
    assert_eq!(ask(Role::Integrator, "{}").await.status, StatusCode::FORBIDDEN);
    fixture.events(&count("7", "rome", 50).replace("07:00", "09:00")).await;
    until_row(&fixture, "p_milk_rome_hub", "superseded", "4").await;
    let gone = fixture.get(Role::Viewer, "/v1/proposals/p_milk_rome_hub/explanation").await;
    assert_eq!(
        (gone.status, &gone.json()["type"]),
        (StatusCode::CONFLICT, &json!("urn:restock:problem:no-longer-needed"))
    );
}

#[tokio::test]
async fn plans_are_listed_counted_and_asked_for() {
    let control: Arc<Control> = Arc::default();
    let fixture = planned(Box::new(SqliteLedger::in_memory().unwrap()), &control).await;
    fixture.events(&count("1", "berlin", 4)).await;
    until_row(&fixture, BERLIN, "proposed", "6").await;
    let n_plans = || async { fixture.get(Role::Viewer, "/v1/plans").await.json()["plans"].as_array().unwrap().len() };
    let before = n_plans().await;
    assert_eq!(fixture.send_json("POST", Role::Planner, "/v1/plans", "").await.status, StatusCode::ACCEPTED);
    until(|| async { n_plans().await > before }).await;
    let last = fixture.get(Role::Viewer, "/v1/plans").await.json()["plans"][0].clone();
    let known = [&last["plan_id"], &last["scope"], &last["n_events"], &last["n_changed"], &last["outcome"]];
    assert_eq!(known, [&json!("pl_1"), &json!("everything"), &json!(0), &json!(0), &json!("filed")]);
    let metrics = fixture.get(Role::Admin, "/metrics").await.text;
    for line in [
        "restock_commit_to_proposals_seconds_bucket{le=\"+Inf\"} 1\n",
        "restock_planner_changes_total 1\n",
        "restock_planner_failures_total 0\n",
        "restock_planner_lag_events 0\n",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    let trail = fixture.get(Role::Admin, "/v1/audit").await.json();
    assert_eq!(trail["records"][0]["action"], "plan.request");
    let without = Fixture::new().await;
    let refused = without.send_json("POST", Role::Planner, "/v1/plans", "").await;
    assert_eq!(
        (refused.status, &refused.json()["type"]),
        (StatusCode::CONFLICT, &json!("urn:restock:problem:no-planner"))
    );
}

/// Files that cannot be read stop no plan, but nobody takes it for a plan of all data.
#[tokio::test]
async fn what_is_wrong_with_the_data_is_said() {
    let control: Arc<Control> = Arc::default();
    let fixture = planned(Box::new(SqliteLedger::in_memory().unwrap()), &control).await;
    let ready = || async { fixture.get(Role::Viewer, "/ready").await.text };
    until(|| async { ready().await == r#"{"status":"ready","planning":"planned"}"# }).await;
    *control.problems.lock().unwrap() = vec!["sales.csv: 2 rows could not be taken in".to_owned()];
    fixture.events(&count("1", "berlin", 4)).await;
    until(|| async { ready().await == r#"{"status":"ready","planning":"with_problems"}"# }).await;
    let last = fixture.get(Role::Viewer, "/v1/plans").await.json()["plans"][0].clone();
    assert_eq!(last["problems"], json!(["sales.csv: 2 rows could not be taken in"]));
    control.problems.lock().unwrap().clear();
    control.n_fail.store(1, Ordering::Relaxed);
    fixture.events(&sale("2")).await;
    until(|| async { ready().await == r#"{"status":"ready","planning":"failed"}"# }).await;
    until(|| async { ready().await == r#"{"status":"ready","planning":"planned"}"# }).await;
    assert_eq!(Fixture::new().await.get(Role::Viewer, "/ready").await.text, r#"{"status":"ready"}"#);
}

/// Places of files and of events are one list, page by page, each seen by those who may.
#[tokio::test]
async fn inventory_is_what_the_planner_sees() {
    let counted = |item: u32, location: u32, on_hand: i64, lot: Option<&str>| InventoryRow {
        item: ItemIdx(item),
        location: LocationIdx(location),
        on_hand: Quantity::from_whole(on_hand),
        as_of: "2026-03-01".parse().ok(),
        lot_id: lot.map(str::to_owned),
        expiry: None,
        allocated: Quantity::ZERO,
        blocked: Quantity::ZERO,
        in_transit: Quantity::ZERO,
        row: RowRef::default(),
    };
    let order = OpenOrderRow {
        order_id: "po-1".to_owned(),
        item: ItemIdx(1),
        to_location: LocationIdx(1),
        origin: None,
        quantity: Quantity::from_whole(12),
        received: Quantity::ZERO,
        ordered_on: None,
        due_on: None,
        status: "open".to_owned(),
        row: RowRef::default(),
    };
    let files = Dataset {
        items: ["milk", "tea"].map(|id| Item { item_id: id.to_owned(), ..Item::default() }).into(),
        locations: ["berlin", "paris"].map(|id| Location { location_id: id.to_owned(), ..Location::default() }).into(),
        inventory: vec![
            counted(0, 0, 8, None),
            counted(0, 1, 5, None),
            counted(1, 1, 2, Some("a")),
            counted(1, 1, 3, Some("b")),
        ],
        open_orders: vec![order],
        ..Dataset::default()
    };
    let read_at = "2026-03-02T00:00:00Z".parse().unwrap();
    let stock = FileStock::of(&files, Files::of(&files, read_at), &TimeZone::UTC);
    let control: Arc<Control> = Arc::default();
    *control.files.lock().unwrap() = Some(Arc::new(stock));
    let fixture = planned(Box::new(SqliteLedger::in_memory().unwrap()), &control).await;
    fixture.events(&format!("[{},{}]", sale("1"), count("2", "rome", 4))).await;
    until_planned(&fixture).await;
    let received = r#"{"event_id":"3","source":"erp","type":"receipt","occurred_at":"2026-03-02T11:00:00Z","item_id":"tea","location_id":"paris","order_id":"po-1","quantity":5}"#;
    assert_eq!(fixture.events(received).await.json()["accepted"], 1);
    let (mut rows, mut after) = (Vec::new(), String::new());
    loop {
        let page = fixture.get(Role::Viewer, &format!("/v1/inventory?limit=1&after={after}")).await.json();
        rows.extend(page["inventory"].as_array().unwrap().clone());
        let Some(next) = page["next_after"].as_str() else { break };
        after = next.replace('"', "%22").replace('[', "%5B").replace(']', "%5D");
    }
    let seen: Vec<_> = rows
        .iter()
        .map(|row| {
            let text = |name: &str| row[name].as_str().unwrap_or("-").to_owned();
            [text("item_id"), text("location_id"), text("on_hand"), text("on_order"), text("counted_in")].join(" ")
        })
        .collect();
    assert_eq!(seen, ["milk berlin 7 0 files", "milk paris 5 0 files", "milk rome 4 0 events", "tea paris 10 7 files"]);
    assert_eq!(rows[3]["lots"][1], json!({"lot_id": "b", "expiry": null, "counted": "3"}));
    assert_eq!(rows[3]["counted_at"], "2026-03-01T23:59:59.999999999Z");
}

#[tokio::test]
async fn a_planner_that_fails_is_asked_again_and_the_server_goes_on() {
    let control: Arc<Control> = Arc::default();
    control.n_fail.store(1, Ordering::Relaxed);
    control.n_panic.store(1, Ordering::Relaxed);
    let fixture = planned(Box::new(SqliteLedger::in_memory().unwrap()), &control).await;
    fixture.events(&count("1", "berlin", 4)).await;
    assert_eq!(fixture.get(Role::Viewer, "/ready").await.status, StatusCode::OK);
    until_row(&fixture, BERLIN, "proposed", "6").await;
    let plans = fixture.get(Role::Viewer, "/v1/plans").await.json();
    let failed: Vec<_> =
        plans["plans"].as_array().unwrap().iter().filter(|plan| plan["outcome"] == "failed").cloned().collect();
    assert_eq!(failed.len(), 2, "{plans}");
    assert_eq!(failed[1]["error"], "no forecast");
    assert!(fixture.get(Role::Admin, "/metrics").await.text.contains("restock_planner_failures_total 2\n"));
}

/// What is ordered while a plan is made is not proposed once more by that plan.
#[tokio::test]
async fn a_plan_that_has_not_seen_an_order_does_not_order_it_twice() {
    let control: Arc<Control> = Arc::default();
    let fixture = planned(Box::new(SqliteLedger::in_memory().unwrap()), &control).await;
    fixture.events(&format!("[{},{}]", count("1", "berlin", 4), count("2", "paris", 4))).await;
    until_row(&fixture, BERLIN, "proposed", "6").await;
    fixture.send_json("POST", Role::Approver, &format!("/v1/proposals/{BERLIN}:approve"), "{}").await;
    let (planned, is_planned) = channel();
    let (leave, may_leave) = channel();
    *control.gate.lock().unwrap() = Some((planned, may_leave));
    fixture.events(&format!("[{},{}]", sale("3"), sale_at("4", "paris"))).await;
    tokio::task::spawn_blocking(move || is_planned.recv().unwrap()).await.unwrap();
    // The plan wants seven for Berlin and knows of no order.
    fixture.send_json("POST", Role::Approver, "/v1/orders", "").await;
    leave.send(()).unwrap();
    until_row(&fixture, "p_milk_paris_dairy", "proposed", "7").await;
    // Six are on their way, and the sale leaves one to be ordered.
    until_row(&fixture, "p_milk_berlin_dairy-2", "proposed", "1").await;
    assert_eq!(row(&fixture, BERLIN).await.unwrap(), ("exported".to_owned(), "6".to_owned()));
    // Two proposals, an approval, an order, Paris revised, the one of Berlin: seven were never proposed.
    assert_eq!(fixture.get(Role::Viewer, "/v1/proposals").await.json()["last_number"], 6);
}

/// A revision that the store did not take is filed later, once.
#[tokio::test]
async fn a_revision_survives_a_store_that_fails() {
    let control: Arc<Control> = Arc::default();
    let faults = Arc::new(AtomicU32::new(0));
    let ledger = Faulty::filing(SqliteLedger::in_memory().unwrap(), faults.clone());
    let fixture = planned(Box::new(ledger), &control).await;
    until_planned(&fixture).await;
    faults.store(2, Ordering::Relaxed);
    fixture.events(&count("1", "berlin", 4)).await;
    until_row(&fixture, BERLIN, "proposed", "6").await;
    fixture.events(&sale("2")).await;
    until_row(&fixture, BERLIN, "proposed", "7").await;
    let page = fixture.get(Role::Viewer, "/v1/proposals").await.json();
    assert_eq!((page["proposals"].as_array().unwrap().len(), &page["last_number"]), (1, &json!(2)));
}

#[tokio::test]
async fn a_rule_approves_at_once_what_no_person_touched() {
    let control = Arc::default();
    let planner = UpToTen::new(&control);
    let fixture = Fixture::with_options(Box::new(SqliteLedger::in_memory().unwrap()), |options| {
        options.planner = Some(planner);
        options.auto_approve = Some(Arc::new(|filed| filed.quantity < Quantity::from_whole(9)));
        // Paris wants four eyes, which no rule replaces.
        options.n_approvers = Arc::new(|filed| if filed.need.destination == "paris" { 2 } else { 1 });
    })
    .await;
    fixture
        .events(&format!("[{},{},{}]", count("1", "berlin", 4), count("2", "paris", 4), count("3", "oslo", 0)))
        .await;
    until_row(&fixture, BERLIN, "approved", "6").await;
    until_row(&fixture, "p_milk_paris_dairy", "proposed", "6").await;
    until_row(&fixture, "p_milk_oslo_dairy", "proposed", "10").await;
    let trail = fixture.get(Role::Admin, "/v1/audit").await.json();
    let record = &trail["records"][0];
    let said = [&record["actor"], &record["action"], &record["after"]];
    assert_eq!(said, [&json!("restock-rule"), &json!("proposal.approve"), &json!("approved 6 each")]);
}

/// A server that ends without notice: the next one, with a planner that starts anew, changes nothing that is so already.
#[tokio::test]
async fn a_new_planner_on_an_old_desk_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let control: Arc<Control> = Arc::default();
    let mut numbers = Vec::new();
    for round in 0..3 {
        let fixture = planned(Box::new(SqliteLedger::open(&path).unwrap()), &control).await;
        if round == 0 {
            fixture.events(&format!("[{},{}]", count("1", "berlin", 4), count("2", "rome", 1))).await;
            until_row(&fixture, "p_milk_rome_hub", "proposed", "4").await;
            let edit = r#"{"quantity":"20","reason":"street festival"}"#;
            fixture.send_json("PATCH", Role::Planner, &format!("/v1/proposals/{BERLIN}"), edit).await;
        }
        until_planned(&fixture).await;
        numbers.push(fixture.get(Role::Viewer, "/v1/proposals").await.json()["last_number"].clone());
    }
    assert_eq!(numbers, [4, 4, 4]);
}
