//! Proposals over HTTP: looked at, edited, approved, rejected.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use restock_core::Quantity;
use restock_core::proposal::{ProposalSource, ProposalType};
use restock_ledger::{Desk, Filing, Ledger, Need, OrderStanding, SqliteLedger};
use restock_server::{NewToken, Role};
use serde_json::{Value, json};

use crate::faults::Faulty;
use crate::fixtures::{Answer, Fixture, now, request, token};

/// A need for packs of six from the dairy.
pub(crate) fn need(item: &str, destination: &str, quantity: i64, priority: &str) -> (String, Need) {
    let need = Need {
        plan_id: "pl_1".to_owned(),
        item_id: item.to_owned(),
        destination: destination.to_owned(),
        source: ProposalSource::SupplierId("dairy".to_owned()),
        proposal_type: ProposalType::Purchase,
        quantity: Quantity::from_whole(quantity),
        uom: "each".to_owned(),
        order_multiple: Quantity::from_whole(6),
        order_uom: "pack of 6".to_owned(),
        unit_cost: (item != "gift").then(|| "1.5".parse().unwrap()),
        currency: "EUR".to_owned(),
        order_by: "2026-03-02".parse().unwrap(),
        expected_receipt: "2026-03-04".parse().unwrap(),
        priority: priority.parse().unwrap(),
    };
    (format!("p_{item}_{destination}"), need)
}

/// What a plan of needs writes on an empty desk.
pub(crate) fn publish(ledger: &mut dyn Ledger, wanted: &[(String, Need)]) {
    let desk = Desk::read(ledger).unwrap();
    let entries = desk.revise(wanted, "2026-03-02".parse().unwrap(), &|_| OrderStanding::default());
    ledger.file(&Filing::new(&desk, entries, now())).unwrap();
}

pub(crate) fn wanted() -> Vec<(String, Need)> {
    vec![
        need("milk", "berlin", 12, "9"),
        need("tea", "berlin", 60, "20"),
        need("rye", "paris", 6, "9"),
        need("gift", "paris", 6, "1"),
    ]
}

pub(crate) fn ledger() -> SqliteLedger {
    let mut ledger = SqliteLedger::in_memory().unwrap();
    publish(&mut ledger, &wanted());
    ledger
}

async fn desk() -> Fixture {
    Fixture::with(Box::new(ledger())).await
}

fn ids(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let rows = answer.json()["proposals"].as_array().unwrap().clone();
    rows.iter().map(|row| row["proposal_id"].as_str().unwrap().to_owned()).collect()
}

async fn get(fixture: &Fixture, id: &str) -> Value {
    fixture.get(Role::Viewer, &format!("/v1/proposals/{id}")).await.json()
}

#[tokio::test]
async fn proposals_come_filtered_sorted_and_in_pages() {
    let fixture = desk().await;
    let list = |query: &str| {
        let path = format!("/v1/proposals?{query}");
        let fixture = &fixture;
        async move { ids(&fixture.get(Role::Viewer, &path).await) }
    };
    assert_eq!(list("").await, ["p_tea_berlin", "p_milk_berlin", "p_rye_paris", "p_gift_paris"]);
    assert_eq!(list("sort=value").await, ["p_tea_berlin", "p_milk_berlin", "p_rye_paris", "p_gift_paris"]);
    assert_eq!(list("sort=id&location=paris").await, ["p_gift_paris", "p_rye_paris"]);
    assert_eq!(list("item=milk&source=dairy&state=open").await, ["p_milk_berlin"]);
    assert_eq!(list("state=approved").await, [""; 0]);
    assert_eq!(list("q=value+%3C+20+and+location.id+%3D%3D+%27berlin%27").await, ["p_milk_berlin"]);
    for sort in ["priority", "value", "order_by", "id"] {
        let whole = list(&format!("sort={sort}")).await;
        let (mut pages, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/proposals?sort={sort}&limit=1&cursor={cursor}");
            let page = fixture.get(Role::Viewer, &path).await;
            pages.extend(ids(&page));
            match page.json()["next_cursor"].as_str() {
                Some(next) => cursor = next.replace('"', "%22").replace('[', "%5B").replace(']', "%5D"),
                None => break,
            }
        }
        assert_eq!(pages, whole, "{sort}");
    }
    for query in ["state=lost", "sort=luck", "cursor=x", "q=colour+%3D+1", "colour=red", "limit=0"] {
        let answer = fixture.get(Role::Viewer, &format!("/v1/proposals?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}: {}", answer.text);
    }
    let row = get(&fixture, "p_gift_paris").await;
    let known = json!({
        "proposal_id": "p_gift_paris", "version": 1, "state": "proposed", "type": "purchase", "item_id": "gift",
        "destination": "paris", "supplier_id": "dairy", "from_location": null, "quantity": "6", "plan_wants": "6",
        "uom": "each", "order_multiple": "6", "order_uom": "pack of 6", "unit_cost": null, "value": null,
        "currency": "EUR", "order_by": "2026-03-02", "expected_receipt": "2026-03-04", "priority": "1",
        "plan_id": "pl_1", "approvals": [], "n_approvers": 1, "reason": "", "order_id": null, "received": "0",
    });
    assert_eq!(row, known);
}

#[tokio::test]
async fn a_decision_about_what_has_changed_meanwhile_is_refused_with_what_it_is_now() {
    let fixture = desk().await;
    let path = "/v1/proposals/p_milk_berlin";
    let seen = fixture.get(Role::Planner, path).await;
    let version = seen.json()["version"].as_u64().unwrap();
    assert_eq!(seen.header("etag"), format!("\"{version}\""));
    let edit =
        |quantity: &str| json!({ "quantity": quantity, "reason": "street festival", "version": version }).to_string();
    let edited = fixture.send_json("PATCH", Role::Planner, path, &edit("24")).await;
    assert_eq!(edited.status, StatusCode::OK, "{}", edited.text);
    let now_is = edited.json();
    assert_eq!(
        (&now_is["state"], &now_is["quantity"], &now_is["plan_wants"]),
        (&json!("edited"), &json!("24"), &json!("12"))
    );

    let stale = fixture.send_json("PATCH", Role::Planner, path, &edit("30")).await;
    assert_eq!(stale.status, StatusCode::CONFLICT);
    assert_eq!(stale.header("content-type"), "application/problem+json");
    assert_eq!(stale.json()["type"], "urn:restock:problem:stale");
    assert_eq!(stale.json()["current"], now_is);
    let mut approve =
        request("POST", &format!("{path}:approve"), Some(fixture.secret(Role::Approver)), "application/json", "{}");
    approve.headers_mut().insert("if-match", format!("\"{version}\"").parse().unwrap());
    assert_eq!(fixture.send(approve).await.status, StatusCode::CONFLICT, "the header says the version too");
    let current = json!({ "version": now_is["version"] }).to_string();
    let approved = fixture.send_json("POST", Role::Approver, &format!("{path}:approve"), &current).await;
    assert_eq!(approved.json()["state"], "approved", "{}", approved.text);

    let again = fixture.send_json("POST", Role::Approver, &format!("{path}:approve"), "{}").await;
    assert_eq!((again.status, &again.json()["current"]["state"]), (StatusCode::CONFLICT, &json!("approved")));
    let trail = fixture.get(Role::Admin, "/v1/audit").await.json();
    let said: Vec<_> = trail["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| {
            [&record["actor"], &record["action"], &record["before"], &record["after"], &record["reason"]]
                .map(|part| part.as_str().unwrap().to_owned())
        })
        .collect();
    assert_eq!(
        said,
        [
            ["planner", "proposal.edit", "proposed 12 each", "edited 24 each", "street festival"],
            ["approver", "proposal.approve", "edited 24 each", "approved 24 each", ""],
        ]
        .map(|record| record.map(str::to_owned))
    );
}

#[tokio::test]
async fn a_proposal_is_kept_as_it_is() {
    let fixture = desk().await;
    let path = "/v1/proposals/p_milk_berlin:firm";
    let body = r#"{"reason":"promised to the customer"}"#;
    assert_eq!(fixture.send_json("POST", Role::Planner, path, "{}").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(fixture.send_json("POST", Role::Viewer, path, body).await.status, StatusCode::FORBIDDEN);
    let firmed = fixture.send_json("POST", Role::Planner, path, body).await.json();
    assert_eq!(
        (&firmed["state"], &firmed["quantity"], &firmed["reason"]),
        (&json!("edited"), &json!("12"), &json!("promised to the customer"))
    );
    let again = fixture.send_json("POST", Role::Planner, path, body).await;
    assert_eq!((again.status, &again.json()["current"]), (StatusCode::CONFLICT, &firmed));
}

/// A quantity is a decimal, as a text or a number, and none is rounded.
#[tokio::test]
async fn quantities_are_texts_or_numbers() {
    let fixture = desk().await;
    let path = "/v1/proposals/p_milk_berlin";
    for (written, quantity) in [("24", "24"), ("\"24\"", "24"), ("30.0", "30"), ("\"36.000\"", "36")] {
        let body = format!(r#"{{"quantity":{written},"reason":"x"}}"#);
        let edited = fixture.send_json("PATCH", Role::Planner, path, &body).await;
        assert_eq!(edited.json()["quantity"], quantity, "{written}: {}", edited.text);
    }
    for written in ["12.0000001", "\"12.0000001\"", "1e2", "99999999999999", "true", "null", "[6]", "\"\""] {
        let body = format!(r#"{{"quantity":{written},"reason":"x"}}"#);
        let refused = fixture.send_json("PATCH", Role::Planner, path, &body).await;
        assert_eq!(
            (refused.status, &refused.json()["field"]),
            (StatusCode::BAD_REQUEST, &json!("quantity")),
            "{written}"
        );
    }
    let refused = fixture.send_json("PATCH", Role::Planner, path, r#"{"quantity":12.0000001,"reason":"x"}"#).await;
    insta::assert_snapshot!(refused.text, @r##"{"type":"urn:restock:problem:bad-body","title":"The body cannot be read","status":400,"detail":"quantity: 12.0000001 has more than 6 digits after the decimal point","field":"quantity","got":"12.0000001","expected":"a decimal of at most 6 places such as 24 or 12.5, as a number or a text"}"##);
    let document = fixture.get(Role::Viewer, "/v1/openapi.json").await.json();
    let kinds = &document["components"]["schemas"]["Edit"]["properties"]["quantity"]["oneOf"];
    assert_eq!((&kinds[0]["type"], &kinds[1]["type"]), (&json!("string"), &json!("number")));
}

#[tokio::test]
async fn what_cannot_be_decided_is_said() {
    let fixture = desk().await;
    let send = |method: &'static str, path: &'static str, body: &'static str| {
        fixture.send_json(method, Role::Admin, path, body)
    };
    let cases = [
        ("PATCH", "/v1/proposals/p_milk_berlin", r#"{"quantity":"10","reason":"x"}"#, 422, "not-whole"),
        ("PATCH", "/v1/proposals/p_milk_berlin", r#"{"quantity":"ten","reason":"x"}"#, 400, "bad-body"),
        ("PATCH", "/v1/proposals/p_milk_berlin", r#"{"quantity":"6","reason":" "}"#, 400, "bad-body"),
        ("PATCH", "/v1/proposals/p_nothing", r#"{"quantity":"6","reason":"x"}"#, 404, "not-found"),
        ("POST", "/v1/proposals/p_milk_berlin:reject", "{}", 400, "bad-body"),
        ("POST", "/v1/proposals/p_nothing:approve", "{}", 404, "not-found"),
        ("POST", "/v1/proposals/p_milk_berlin:burn", "{}", 405, "wrong-method"),
        ("POST", "/v1/proposals/p_milk_berlin", "{}", 405, "wrong-method"),
        ("POST", "/v1/proposals:approve", "{}", 400, "bad-body"),
        ("POST", "/v1/proposals:approve", r#"{"filter":" "}"#, 400, "bad-body"),
        ("POST", "/v1/proposals:approve", r#"{"filter":"colour == 1"}"#, 400, "bad-body"),
        ("POST", "/v1/proposals:approve", r#"{"ids":[]}"#, 400, "bad-body"),
        ("POST", "/v1/proposals:approve", r#"{"ids":["p_milk_berlin"],"filter":"value > 1"}"#, 400, "bad-body"),
    ];
    for (method, path, body, status, kind) in cases {
        let answer = send(method, path, body).await;
        assert_eq!(answer.status.as_u16(), status, "{method} {path} {body}: {}", answer.text);
        assert_eq!(answer.json()["type"], format!("urn:restock:problem:{kind}"));
    }
    insta::assert_snapshot!(send("PATCH", "/v1/proposals/p_milk_berlin", r#"{"quantity":"10","reason":"x"}"#).await.text, @r##"{"type":"urn:restock:problem:not-whole","title":"It cannot be ordered so","status":422,"detail":"quantity is 10, proposal p_milk_berlin is ordered in whole pack of 6, at least one: reject it to order nothing","field":"quantity","got":"10","expected":"a multiple of 6 (pack of 6), above 0"}"##);
    // Without a token an unknown action is no way in.
    for path in ["/v1/proposals/p_milk_berlin:burn", "/v1/proposals/p_milk_berlin:approve"] {
        let answer = fixture.send(request("POST", path, None, "application/json", "{}")).await;
        assert!([StatusCode::UNAUTHORIZED, StatusCode::METHOD_NOT_ALLOWED].contains(&answer.status), "{path}");
    }
    assert_eq!(get(&fixture, "p_milk_berlin").await["state"], "proposed");
}

#[tokio::test]
async fn four_eyes_are_those_of_two_tokens() {
    let fixture = Fixture::with_options(Box::new(ledger()), |options| {
        options.n_approvers = Arc::new(|filed| if filed.quantity > Quantity::from_whole(50) { 2 } else { 1 });
    })
    .await;
    let path = "/v1/proposals/p_tea_berlin:approve";
    let first = fixture.send_json("POST", Role::Approver, path, "{}").await.json();
    assert_eq!((&first["state"], &first["n_approvers"]), (&json!("proposed"), &json!(2)));
    let again = fixture.send_json("POST", Role::Approver, path, "{}").await;
    assert_eq!(
        (again.status, &again.json()["type"]),
        (StatusCode::CONFLICT, &json!("urn:restock:problem:same-person"))
    );
    let all =
        fixture.send_json("POST", Role::Approver, "/v1/proposals:approve", r#"{"filter":"value > 0"}"#).await.json();
    let names: Vec<_> =
        all["decided"].as_array().unwrap().iter().map(|row| row["proposal_id"].as_str().unwrap()).collect();
    assert_eq!(names, ["p_milk_berlin", "p_rye_paris"], "what the same person approved is passed over");
    assert_eq!(fixture.send_json("POST", Role::Admin, path, "{}").await.json()["state"], "approved");
}

#[tokio::test]
async fn of_many_all_are_decided_or_none() {
    let fixture = desk().await;
    fixture.send_json("POST", Role::Approver, "/v1/proposals/p_tea_berlin:approve", "{}").await;
    let body = r#"{"ids":["p_milk_berlin","p_tea_berlin"]}"#;
    let refused = fixture.send_json("POST", Role::Approver, "/v1/proposals:approve", body).await;
    assert_eq!(
        (refused.status, &refused.json()["current"]["proposal_id"]),
        (StatusCode::CONFLICT, &json!("p_tea_berlin"))
    );
    assert_eq!(get(&fixture, "p_milk_berlin").await["state"], "proposed");
    let body = r#"{"filter":"location.id == 'paris'","reason":"closed on Tuesday"}"#;
    let rejected = fixture.send_json("POST", Role::Planner, "/v1/proposals:reject", body).await.json();
    assert_eq!(rejected["decided"].as_array().unwrap().len(), 2);
    assert_eq!(get(&fixture, "p_rye_paris").await["reason"], "closed on Tuesday");
}

#[tokio::test]
async fn a_token_of_a_location_sees_and_decides_its_own_proposals_only() {
    let fixture = desk().await;
    let of_paris = NewToken { locations: Some(vec!["paris".to_owned()]), ..token("paris", Role::Approver) };
    let secret = fixture.tokens.create(of_paris, now()).unwrap();
    let send = |method: &'static str, path: &'static str, body: &'static str| {
        fixture.send(request(method, path, Some(&secret), "application/json", body))
    };
    assert_eq!(ids(&send("GET", "/v1/proposals", "").await), ["p_rye_paris", "p_gift_paris"]);
    assert_eq!(send("GET", "/v1/proposals/p_milk_berlin", "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(send("GET", "/v1/proposals/p_milk_berlin/explanation", "").await.status, StatusCode::NOT_FOUND);
    let edit = r#"{"quantity":"6","reason":"x"}"#;
    assert_eq!(send("PATCH", "/v1/proposals/p_milk_berlin", edit).await.status, StatusCode::NOT_FOUND);
    assert_eq!(send("POST", "/v1/proposals/p_milk_berlin:approve", "{}").await.status, StatusCode::NOT_FOUND);
    let both = r#"{"ids":["p_milk_berlin","p_rye_paris"]}"#;
    assert_eq!(send("POST", "/v1/proposals:approve", both).await.status, StatusCode::NOT_FOUND);
    let all = send("POST", "/v1/proposals:approve", r#"{"filter":"quantity > 0"}"#).await.json();
    assert_eq!(all["decided"].as_array().unwrap().len(), 2);
    assert_eq!(get(&fixture, "p_milk_berlin").await["state"], "proposed");

    fixture.send_json("POST", Role::Approver, "/v1/proposals/p_milk_berlin:approve", "{}").await;
    let exported = send("POST", "/v1/orders", "").await.json();
    assert_eq!(
        (exported["orders"].as_array().unwrap().len(), &exported["orders"][0]["destination"]),
        (1, &json!("paris"))
    );
    let rest = fixture.send_json("POST", Role::Approver, "/v1/orders", "").await.json();
    let of_berlin = rest["orders"][0]["order_id"].as_str().unwrap();
    assert_eq!(send("GET", "/v1/orders", "").await.json()["orders"].as_array().unwrap().len(), 1);
    let hidden: Request<Body> = request("GET", &format!("/v1/orders/{of_berlin}"), Some(&secret), "", "");
    assert_eq!(fixture.send(hidden).await.status, StatusCode::NOT_FOUND);
}

/// Another process files while the server runs: nothing of it is lost, and nothing is decided on what it was before.
#[tokio::test]
async fn the_command_line_may_file_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let mut other = SqliteLedger::open(&path).unwrap();
    publish(&mut other, &wanted());
    let fixture = Fixture::with(Box::new(SqliteLedger::open(&path).unwrap())).await;
    let mut more = wanted();
    more.push(need("oil", "berlin", 6, "2"));
    publish(&mut other, &more);
    let approved = fixture.send_json("POST", Role::Approver, "/v1/proposals/p_milk_berlin:approve", "{}").await;
    assert_eq!((approved.status, &approved.json()["version"]), (StatusCode::OK, &json!(6)), "{}", approved.text);
    assert_eq!(get(&fixture, "p_oil_berlin").await["version"], 5);
    assert_eq!(Desk::read(&other).unwrap().last_number(), 6);
}

/// The store fails before or after the commit of a decision: it is taken once, with one audit record, and a client that is
/// told of a failure may send it again.
#[tokio::test]
async fn a_decision_is_taken_once_whatever_fails() {
    let faults = Arc::new(AtomicU32::new(0));
    let fixture = Fixture::with(Box::new(Faulty::filing(ledger(), faults.clone()))).await;
    let path = "/v1/proposals/p_milk_berlin:approve";
    // The next filing fails after the commit, and is found.
    faults.store(2, Ordering::Relaxed);
    let approved = fixture.send_json("POST", Role::Approver, path, "{}").await;
    assert_eq!(approved.status, StatusCode::OK, "{}", approved.text);
    // The one after it before the commit.
    let path = "/v1/proposals/p_tea_berlin:approve";
    let failed = fixture.send_json("POST", Role::Approver, path, "{}").await;
    assert_eq!(failed.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!failed.text.contains("secret"), "the store's words stay in the log");
    assert_eq!(fixture.send_json("POST", Role::Approver, path, "{}").await.status, StatusCode::OK);
    let trail = fixture.get(Role::Admin, "/v1/audit").await.json();
    assert_eq!(trail["records"].as_array().unwrap().len(), 2);
}
