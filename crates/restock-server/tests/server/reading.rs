//! What is read of a plan, with a planner whose plan is written down here.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::StatusCode;
use jiff::Timestamp;
use restock_core::dataset::{Item, Location, Supplier};
use restock_core::finding::PlanException;
use restock_core::proposal::{Proposal, ProposalSource};
use restock_core::settings::{PlanSettings, Segment};
use restock_core::{Bucket, Dataset, ItemLocation, N_LEVELS, Period, QUANTILE_LEVELS};
use restock_engine::{
    ExplainError, Explained, HealthReport, LineDetail, OrderGroup, PastFigures, PlanLine, PlanSummary, Ratio,
    Unplanned, WhatIf,
};
use restock_ledger::{Need, Recorded, SqliteLedger};
use restock_server::{
    LivePlanner, ModelChange, ModelOrder, ModelRefusal, ModelRequest, ModelVersion, Models, NewToken, PlannedLine,
    PlanningError, Revision, Role, Standing,
};
use serde_json::{Value, json};

use crate::fixtures::{Fixture, now, request, token};

/// A plan that stands still.
struct Written {
    last_sequence: u64,
    lines: Vec<(PlanLine, f64)>,
    masters: Dataset,
    settings: PlanSettings,
    /// The version of the model that is used.
    used: &'static str,
}

/// Item, location, supplier, ABC class, days of cover, money at risk, quantity.
const LINES: [(&str, &str, &str, &str, f64, f64, i64); 5] = [
    ("milk", "berlin", "dairy", "A", 1.5, 20.00, 12),
    ("milk", "paris", "dairy", "A", 4.0, 7.50, 6),
    ("rice", "berlin", "mill", "B", 9.0, 7.50, 0),
    ("salt", "berlin", "", "C", 400.0, 0.0, 0),
    ("tea", "paris", "mill", "B", 0.0, 3.25, 4),
];

fn line(item: &str, location: &str, supplier: &str, class: &str, cover: f64, quantity: i64) -> PlanLine {
    let source = match supplier {
        "" => ProposalSource::Unknown,
        id => ProposalSource::SupplierId(id.to_owned()),
    };
    serde_json::from_value(json!({
        "item_id": item, "location_id": location, "source": source, "on_hand": "5", "stock_assumed": false,
        "on_order": "0", "position": "5", "recent_demand_per_day": 3.0, "expected_demand": 21.0, "demand_per_day": 3.0,
        "target_level": "24", "quantity": quantity.to_string(), "value": null, "stock_value": "7.50",
        "lead_time_days": 2.0, "review_days": 5.0, "p_stockout": [0.9, 0.1], "fill_rate": [0.5, 0.99],
        "days_of_cover": [cover, cover + 3.0], "classes": [class, "X", "smooth"], "health": 1.0,
        "forecast_model": "ses", "policy": "base_stock", "note": "",
    }))
    .unwrap()
}

impl Written {
    fn new() -> Self {
        let lines = LINES.map(|(item, location, supplier, class, cover, money, quantity)| {
            (line(item, location, supplier, class, cover, quantity), money)
        });
        let item = |id: &&str| Item {
            item_id: (*id).to_owned(),
            name: format!("The {id}"),
            category: if id.starts_with("rice") { "rice" } else { "drinks" }.to_owned(),
            ..Item::default()
        };
        let location = |id: &&str| Location { location_id: (*id).to_owned(), ..Location::default() };
        let supplier = |id: &&str| Supplier {
            supplier_id: (*id).to_owned(),
            name: format!("{id} Ltd"),
            cut_off: Some("14:00".to_owned()),
            ..Supplier::default()
        };
        let masters = Dataset {
            files: vec!["sales.csv".to_owned()],
            items: ["milk", "rice", "rice-2", "salt", "tea"].iter().map(item).collect(),
            locations: ["berlin", "paris"].iter().map(location).collect(),
            suppliers: ["dairy", "mill"].iter().map(supplier).collect(),
            ..Dataset::default()
        };
        let segment =
            Segment { filter: "item.abc == 'C'".to_owned(), objective: None, policy: Some("never".to_owned()) };
        let settings = PlanSettings { segments: vec![segment], ..PlanSettings::default() };
        Self { last_sequence: 0, lines: lines.into(), masters, settings, used: "shipped" }
    }

    fn detail(&self, place: &ItemLocation) -> Option<LineDetail> {
        let found = self
            .lines
            .iter()
            .find(|(line, _)| line.item_id == place.item_id && line.location_id == place.location_id)?;
        let consequence = json!({
            "p_stockout": 0.9, "expected_lost_units": 1.0, "expected_lost_margin": null, "expected_waste_units": 0.0,
            "days_of_cover": 1.0,
        });
        let detail = json!({
            "line": found.0, "item_name": "Milk", "uom": "each", "as_of": "2026-03-02", "bucket": "day",
            "proposal": null,
            "explanation": {
                "sentence": "Why.", "sentence_zh": "", "waterfall": [], "without_order": consequence,
                "with_order": consequence, "marginal": [], "marginal_note": "", "sensitivity": [], "alternatives": [],
                "drivers": [], "warnings": [],
                "lineage": {"data": "", "settings": "", "forecast_model": "", "policy": "", "code": "", "seed": 0},
            },
            "history": [{"day": "2026-03-01", "sales": 2.0, "demand": 3.0, "observation": "censored"}],
            "forecast": [{"day": "2026-03-02", "mean": 3.0, "quantiles": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]}],
            "arrivals": [], "projection": [], "protection_until": "2026-03-08",
            "forecast_reason": "few sales", "exceptions": [], "what_if": [], "changes": [],
        });
        Some(serde_json::from_value(detail).unwrap())
    }
}

impl LivePlanner for Written {
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

    fn standing(&self) -> Option<Standing> {
        let currency = "EUR".to_owned();
        Some(Standing { plan_id: "pl_1".to_owned(), as_of: "2026-03-02".parse().unwrap(), currency })
    }

    fn lines(&self) -> Box<dyn Iterator<Item = PlannedLine<'_>> + '_> {
        // Pages do not lean on the order in which they come.
        let lines = self.lines.iter().rev();
        Box::new(lines.map(|(line, money)| PlannedLine {
            line,
            money_at_risk: *money,
            proposal_id: None,
            exceptions: &[],
        }))
    }

    fn explain(
        &mut self,
        place: &ItemLocation,
        what_ifs: &[WhatIf],
    ) -> Result<Result<Explained, ExplainError>, PlanningError> {
        if place.item_id == "broken" {
            return Err(PlanningError("the ledger is gone".to_owned()));
        }
        let Some(line) = self.detail(place) else {
            return Ok(Err(ExplainError::UnknownItem(place.item_id.clone())));
        };
        let what_if = LineDetail { what_if: what_ifs.iter().map(ToString::to_string).collect(), ..line.clone() };
        Ok(Ok(Explained { line, what_if: (!what_ifs.is_empty()).then_some(what_if) }))
    }

    fn asked_levels(&self, place: &ItemLocation) -> Option<[f64; N_LEVELS]> {
        (place.item_id == "milk").then(|| QUANTILE_LEVELS.map(f64::sqrt))
    }

    fn summaries(
        &self,
        key: &dyn Fn(&PlanLine) -> Option<String>,
        of_unplanned: &dyn Fn(&Unplanned) -> Option<String>,
    ) -> BTreeMap<String, PlanSummary> {
        let mut summaries: BTreeMap<String, PlanSummary> = BTreeMap::new();
        for key in self.lines.iter().filter_map(|(line, _)| key(line)) {
            summaries.entry(key).or_default().n_planned += 1;
        }
        let unplanned = Unplanned {
            item_id: "rice-2".to_owned(),
            location_id: "paris".to_owned(),
            reason: "no sales".to_owned(),
            reason_zh: String::new(),
        };
        if let Some(key) = of_unplanned(&unplanned) {
            summaries.entry(key).or_default().n_unplanned += 1;
        }
        summaries
    }

    fn past(&self, key: &dyn Fn(&PlanLine) -> Option<String>) -> BTreeMap<(String, Period), PastFigures> {
        let mut past: BTreeMap<_, PastFigures> = BTreeMap::new();
        let last = Bucket::Month.period_of("2026-03-02".parse().unwrap());
        for key in self.lines.iter().filter_map(|(line, _)| key(line)) {
            for month in [last - 1, last] {
                let figures = past.entry((key.clone(), month)).or_default();
                figures.n_item_locations += 1;
                figures.in_stock += Ratio::new(9.0, 10.0);
                figures.fill_rate += Ratio::new(4.0, 5.0);
                figures.sales_value += 2.0;
                figures.cost_of_sales += 1.0;
                figures.lost_margin += 0.5;
                figures.waste_value += 0.25;
            }
        }
        past
    }

    fn order_groups(&self) -> Vec<OrderGroup> {
        let group = |destination: &str| OrderGroup {
            source: ProposalSource::SupplierId("dairy".to_owned()),
            source_name: "dairy Ltd".to_owned(),
            destination: destination.to_owned(),
            n_lines: 1,
            value: "18".parse().unwrap(),
            order_by: "2026-03-02".parse().unwrap(),
            cut_off: "14:00".to_owned(),
            volume: 0.0,
            weight: 0.0,
            min_order_value: Some("40".parse().unwrap()),
            source_value: "36".parse().unwrap(),
            minimum_met: false,
        };
        vec![group("berlin"), group("paris")]
    }

    fn settings(&self) -> Option<&PlanSettings> {
        Some(&self.settings)
    }

    fn models(&self) -> Result<Models, PlanningError> {
        let version = |name: &str| ModelVersion {
            version: name.to_owned(),
            method: None,
            base: None,
            sha256: String::new(),
            day: None,
            used: self.used == name,
            evidence: None,
            error: None,
        };
        Ok(Models { versions: ["shipped", "v1"].map(version).into(), history: Vec::new() })
    }

    fn change_model(
        &mut self,
        order: &ModelOrder,
        _: Timestamp,
    ) -> Result<Result<ModelChange, ModelRefusal>, PlanningError> {
        let (action, to) = match &order.request {
            ModelRequest::Promote { version, .. } if version != "v1" => {
                return Ok(Err(ModelRefusal::Unknown(format!("version {version:?} is not known"))));
            }
            ModelRequest::Promote { without_evidence: None, .. } => {
                return Ok(Err(ModelRefusal::NotBetter("nothing shows that it is better".to_owned())));
            }
            ModelRequest::Promote { .. } => ("promote", "v1"),
            ModelRequest::RollBack if self.used == "shipped" => {
                return Ok(Err(ModelRefusal::NothingBefore("nothing to roll back".to_owned())));
            }
            ModelRequest::RollBack => ("rollback", "shipped"),
        };
        let (from, day) = (self.used.to_owned(), order.day.to_string());
        if !order.is_rehearsal {
            self.used = to;
        }
        Ok(Ok(ModelChange { action: action.to_owned(), from, to: to.to_owned(), day, reason: None }))
    }

    fn exceptions(&self) -> Vec<PlanException> {
        let exception = |(line, money): &(PlanLine, f64)| {
            let exception = json!({
                "code": "STOCKOUT_NOW", "item_id": line.item_id, "location_id": line.location_id,
                "expected_money": money.to_string(), "message": "it runs out", "message_zh": "", "action": "order",
                "action_zh": "",
            });
            serde_json::from_value(exception).unwrap()
        };
        self.lines.iter().take(3).map(exception).collect()
    }

    fn masters(&self) -> Option<&Dataset> {
        Some(&self.masters)
    }

    fn file_tables(&self) -> Option<Arc<Dataset>> {
        Some(Arc::default())
    }

    fn health(&self) -> Option<Arc<HealthReport>> {
        let score = |item: &str, location: &str, score: f64| json!({"item_id": item, "location_id": location, "score": score, "codes": ["D07"], "stock_known": true});
        let finding = |code: &str, severity: &str, location: Option<&str>| {
            json!({
                "code": code, "severity": severity, "message": "found", "message_zh": "发现", "fix": "look",
                "fix_zh": "看", "item_id": location.map(|_| "milk"), "location_id": location,
                "rows": [{"file_idx": 0, "row": 7}, {"file_idx": 9, "row": 8}], "n_rows": 2,
            })
        };
        let line = |location: &str, saving: f64| {
            json!({
                "item_id": "milk", "item_name": "The milk", "location_id": location, "recorded": "12",
                "probability_empty": 0.9, "expected_on_hand": 0.5, "lost_per_day": 2.0, "saving": saving,
                "n_quiet_days": 9, "expected_when_quiet": 18.0, "reason": "quiet", "reason_zh": "安静",
            })
        };
        let report = json!({
            "as_of": "2026-03-02",
            "findings": [
                finding("D01", "error", Some("berlin")), finding("D07", "warning", Some("paris")),
                finding("D07", "info", Some("berlin")), finding("D16", "info", None),
            ],
            "scores": [score("milk", "berlin", 0.9), score("milk", "paris", 0.5), score("tea", "paris", 1.0)],
            "table_scores": {"sales": 0.75},
            "missing_tables": [{"table": "inventory", "improves": "stock", "improves_zh": "库存", "n_affected": 3}],
            "count_list": [line("paris", 20.0), line("berlin", 8.0)],
        });
        Some(Arc::new(serde_json::from_value(report).unwrap()))
    }
}

async fn written() -> Fixture {
    let ledger = Box::new(SqliteLedger::in_memory().unwrap());
    Fixture::with_options(ledger, |options| options.planner = Some(Box::new(Written::new()))).await
}

async fn read(fixture: &Fixture, path: &str) -> Value {
    let answer = fixture.get(Role::Viewer, path).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
    answer.json()
}

/// What a request is refused with: status, kind, detail.
async fn refused(fixture: &Fixture, path: &str) -> (u16, String, String) {
    let answer = fixture.get(Role::Viewer, path).await;
    let text = |name: &str| answer.json()[name].as_str().unwrap().to_owned();
    (answer.status.as_u16(), text("type").replace("urn:restock:problem:", ""), text("detail"))
}

fn places(page: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let rows = page["lines"].as_array().unwrap().iter();
    rows.map(|row| format!("{}@{}", text(&row["item_id"]), text(&row["location_id"]))).collect()
}

fn escaped(cursor: &str) -> String {
    [('"', "%22"), ('[', "%5B"), (']', "%5D")]
        .iter()
        .fold(cursor.to_owned(), |text, (one, with)| text.replace(*one, with))
}

/// Places of all pages of so many rows.
async fn all_pages(fixture: &Fixture, query: &str, limit: usize) -> Vec<String> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/item-locations?limit={limit}&cursor={}{query}", escaped(&cursor));
        let page = read(fixture, &path).await;
        assert!(page["lines"].as_array().unwrap().len() <= limit);
        found.extend(places(&page));
        let Some(next) = page["next_cursor"].as_str() else { return found };
        cursor = next.to_owned();
    }
}

#[tokio::test]
async fn planned_lines_come_sorted_and_in_pages_that_lose_none() {
    let fixture = written().await;
    let by_money = ["milk@berlin", "milk@paris", "rice@berlin", "tea@paris", "salt@berlin"];
    let by_cover = ["tea@paris", "milk@berlin", "milk@paris", "rice@berlin", "salt@berlin"];
    let by_id = ["milk@berlin", "milk@paris", "rice@berlin", "salt@berlin", "tea@paris"];
    for (query, expected) in [("", by_money), ("&sort=days_of_cover", by_cover), ("&sort=id", by_id)] {
        for limit in [1, 2, 4, 5, 100] {
            assert_eq!(all_pages(&fixture, query, limit).await, expected, "{query} {limit}");
        }
    }
    let page = read(&fixture, "/v1/item-locations?limit=1").await;
    assert_eq!(
        [&page["n_found"], &page["plan_id"], &page["as_of"], &page["currency"]],
        [&json!(5), &json!("pl_1"), &json!("2026-03-02"), &json!("EUR")]
    );
    let row = &page["lines"][0];
    assert_eq!((&row["item_name"], &row["supplier_name"]), (&json!("The milk"), &json!("dairy Ltd")));
    assert_eq!((&row["money_at_risk"], &row["quantity"]), (&json!("20.00"), &json!("12")));
}

#[tokio::test]
async fn the_health_of_the_data_is_told_and_its_findings_come_in_pages() {
    let fixture = written().await;
    let health = read(&fixture, "/v1/data-health").await;
    assert_eq!((&health["as_of"], &health["n_item_locations"]), (&json!("2026-03-02"), &json!(3)));
    assert!((health["score"].as_f64().unwrap() - 0.8).abs() < 1e-9);
    assert_eq!((&health["n_with_findings"], &health["n_to_count"]), (&json!(2), &json!(2)));
    assert_eq!(health["missing_tables"][0]["table"], "inventory");
    let codes: Vec<_> =
        health["codes"].as_array().unwrap().iter().map(|row| (&row["code"], &row["n_findings"])).collect();
    assert_eq!(codes, [(&json!("D01"), &json!(1)), (&json!("D07"), &json!(2)), (&json!("D16"), &json!(1))]);
    assert_eq!(health["codes"][1]["severity"], "warning", "the worst of the two");
    let found = |page: &Value| -> Vec<String> {
        let rows = page["findings"].as_array().unwrap().iter();
        rows.map(|row| format!("{} {}", row["code"].as_str().unwrap(), row["severity"].as_str().unwrap())).collect()
    };
    let all = read(&fixture, "/v1/data-health/findings").await;
    assert_eq!(found(&all), ["D01 error", "D07 warning", "D07 info", "D16 info"]);
    assert_eq!(all["next_cursor"], Value::Null);
    // A row of a file that nobody knows has no name, and is told all the same.
    assert_eq!(all["findings"][0]["rows"], json!([{"file": "sales.csv", "row": 7}, {"file": "", "row": 8}]));
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = read(&fixture, &format!("/v1/data-health/findings?limit=3&cursor={cursor}")).await;
        assert_eq!(page["n_found"], 4);
        rows.extend(found(&page));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = next.to_owned();
    }
    assert_eq!(rows, found(&all));
    for (query, expected) in [
        ("code=D07", &["D07 warning", "D07 info"][..]),
        ("severity=info", &["D07 info", "D16 info"]),
        ("item=milk&location=berlin", &["D01 error", "D07 info"]),
        ("code=D99", &[]),
        ("cursor=100", &[]),
    ] {
        assert_eq!(found(&read(&fixture, &format!("/v1/data-health/findings?{query}")).await), expected, "{query}");
    }
    for (query, field) in [("severity=bad", "severity"), ("cursor=x", "cursor"), ("limit=0", "limit")] {
        let (status, kind, detail) = refused(&fixture, &format!("/v1/data-health/findings?{query}")).await;
        assert_eq!((status, kind.as_str()), (400, "bad-query"), "{query}");
        assert!(detail.contains(field), "{detail}");
    }
    let scores = read(&fixture, "/v1/data-health/scores").await;
    let worst: Vec<_> = scores["scores"].as_array().unwrap().iter().map(|row| row["score"].as_f64().unwrap()).collect();
    assert_eq!(worst, [0.5, 0.9, 1.0]);
    let list = read(&fixture, "/v1/count-list?location=berlin").await;
    assert_eq!((&list["n_found"], &list["lines"][0]["saving"]), (&json!(1), &json!(8.0)));
}

/// A count becomes an event; sent again it counts once; what cannot be a count is refused with its field.
#[tokio::test]
async fn what_is_counted_becomes_stock_once() {
    let fixture = written().await;
    let count = async |body: Value| fixture.send_json("POST", Role::Planner, "/v1/counts", &body.to_string()).await;
    // Nothing is counted before the first plan says what there is.
    while count(json!({"item_id": "?", "location_id": "berlin", "on_hand": "1"})).await.status.as_u16() == 503 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let first =
        json!({"item_id": "milk", "location_id": "berlin", "on_hand": "3", "counted_at": "2026-03-02T05:00:00Z"});
    let answer = count(first.clone()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    assert_eq!(answer.json()["on_hand"], "3");
    assert_eq!(count(first).await.status, StatusCode::OK);
    let other =
        json!({"item_id": "milk", "location_id": "berlin", "on_hand": "4", "counted_at": "2026-03-02T05:00:00Z"});
    assert_eq!(count(other).await.status, StatusCode::CONFLICT);
    // Another person, who counted at the same moment, is told and not passed over.
    let other =
        json!({"item_id": "milk", "location_id": "berlin", "on_hand": "4", "counted_at": "2026-03-02T05:00:00Z"});
    let answer = fixture.send_json("POST", Role::Approver, "/v1/counts", &other.to_string()).await;
    assert_eq!(
        (answer.status, answer.json()["type"].clone()),
        (StatusCode::CONFLICT, json!("urn:restock:problem:counted-otherwise"))
    );
    let stock = read(&fixture, "/v1/inventory?item_id=milk").await;
    assert_eq!((&stock["inventory"][0]["on_hand"], &stock["last_sequence"]), (&json!("3"), &json!(1)));
    let trail = async || fixture.get(Role::Admin, "/v1/audit").await.json()["records"].as_array().unwrap().len();
    let n_recorded = trail().await;
    let list = read(&fixture, "/v1/count-list").await;
    assert_eq!(list["lines"][1]["counted_at"], "2026-03-02T05:00:00Z");
    assert_eq!(list["lines"][0]["counted_at"], Value::Null);
    for (field, body) in [
        ("on_hand", json!({"item_id": "milk", "location_id": "berlin", "on_hand": "-1"})),
        ("item_id", json!({"item_id": "mlik", "location_id": "berlin", "on_hand": "1"})),
        ("location_id", json!({"item_id": "milk", "location_id": "rome", "on_hand": "1"})),
        (
            "counted_at",
            json!({"item_id": "milk", "location_id": "berlin", "on_hand": "1", "counted_at": "2126-03-02T05:00:00Z"}),
        ),
    ] {
        let answer = count(body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}: {}", answer.text);
        assert_eq!(answer.json()["field"], field, "{}", answer.text);
    }
    assert_eq!(count(json!({"item_id": "milk", "location_id": "berlin"})).await.status, StatusCode::BAD_REQUEST);
    let after = read(&fixture, "/v1/inventory?item_id=milk").await;
    assert_eq!(after["last_sequence"], 1, "nothing refused was written");
    assert_eq!(trail().await, n_recorded, "and nothing refused is in the trail");
    // A count from before the last one is kept, and it is said that it changes nothing.
    let earlier =
        json!({"item_id": "milk", "location_id": "berlin", "on_hand": "9", "counted_at": "2026-03-02T04:00:00Z"});
    let answer = count(earlier).await;
    assert_eq!((answer.status, answer.json()["later"].clone()), (StatusCode::CREATED, json!("2026-03-02T05:00:00Z")));
    assert_eq!(read(&fixture, "/v1/inventory?item_id=milk").await["inventory"][0]["on_hand"], "3");
}

#[tokio::test]
async fn planned_lines_are_found_by_what_they_have() {
    let fixture = written().await;
    for (query, expected) in [
        ("item=milk", &["milk@berlin", "milk@paris"][..]),
        ("location=paris", &["milk@paris", "tea@paris"]),
        ("supplier=mill", &["rice@berlin", "tea@paris"]),
        ("q=item.abc%20%3D%3D%20'B'%20and%20days_of_cover%20%3C%201", &["tea@paris"]),
        ("q=quantity%20%3E%200&location=berlin", &["milk@berlin"]),
        ("item=cocoa", &[]),
    ] {
        let page = read(&fixture, &format!("/v1/item-locations?{query}")).await;
        assert_eq!(places(&page), expected, "{query}");
        assert_eq!(page["n_found"], expected.len());
    }
    let (status, kind, detail) = refused(&fixture, "/v1/item-locations?q=state%20%3D%3D%20'x'").await;
    assert_eq!((status, kind.as_str()), (400, "bad-query"));
    assert!(detail.contains("money_at_risk"), "{detail}");
    for query in ["cursor=1", "limit=0", "sort=name", "colour=red"] {
        assert_eq!(refused(&fixture, &format!("/v1/item-locations?{query}")).await.0, 400, "{query}");
    }
}

#[tokio::test]
async fn one_line_is_told_whole_and_as_it_would_be() {
    let fixture = written().await;
    let whole = read(&fixture, "/v1/item-locations/milk/berlin").await;
    assert_eq!((&whole["line"]["line"]["quantity"], &whole["what_if"]), (&json!("12"), &Value::Null));
    let what_if = read(&fixture, "/v1/item-locations/milk/berlin?what_if=lead_time=5,demand=-20%25").await;
    assert_eq!(what_if["what_if"]["what_if"], json!(["lead_time=5", "demand=-20%"]));
    let bad = refused(&fixture, "/v1/item-locations/milk/berlin?what_if=target=95").await;
    assert_eq!((bad.0, bad.1.as_str()), (400, "bad-query"));
    assert!(bad.2.contains("a share above 0 and below 1"), "{}", bad.2);
    let unknown = refused(&fixture, "/v1/item-locations/cocoa/berlin").await;
    assert_eq!(unknown, (404, "not-found".to_owned(), "item \"cocoa\" is not in the data".to_owned()));
    let failed = fixture.get(Role::Viewer, "/v1/item-locations/broken/berlin").await;
    assert_eq!(failed.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!failed.text.contains("ledger"), "what failed inside goes to the log: {}", failed.text);
}

#[tokio::test]
async fn a_forecast_says_what_it_is_made_from_and_what_is_asked_for() {
    let fixture = written().await;
    let forecast = read(&fixture, "/v1/forecasts?item=milk&location=berlin").await;
    assert_eq!([&forecast["model"], &forecast["reason"], &forecast["bucket"]], ["ses", "few sales", "day"]);
    assert_eq!(forecast["forecast"][0]["quantiles"][5], 5.0);
    assert_eq!(forecast["levels"][5], 0.9);
    assert_eq!(forecast["history"][0]["observation"], "censored");
    let asked = forecast["recalibration"].as_array().unwrap();
    assert_eq!((asked.len(), &asked[0]["level"]), (N_LEVELS, &json!(QUANTILE_LEVELS[0])));
    assert_eq!(asked[0]["asked"], QUANTILE_LEVELS[0].sqrt());
    let plain = read(&fixture, "/v1/forecasts?item=tea&location=paris").await;
    assert_eq!(plain["recalibration"], json!([]));
    assert_eq!(refused(&fixture, "/v1/forecasts?item=milk").await.0, 400);
    assert_eq!(refused(&fixture, "/v1/forecasts?item=milk&location=rome").await.0, 404);
}

#[tokio::test]
async fn key_figures_are_told_by_location_supplier_and_class() {
    let fixture = written().await;
    for (query, expected) in [
        ("", &[(None, 5, 1)][..]),
        ("?by=location", &[(Some("berlin"), 3, 0), (Some("paris"), 2, 1)]),
        ("?by=supplier", &[(Some("dairy"), 2, 0), (Some("mill"), 2, 0)]),
        ("?by=class", &[(Some("A"), 2, 0), (Some("B"), 2, 0), (Some("C"), 1, 0)]),
        ("?by=category", &[(Some("drinks"), 4, 0), (Some("rice"), 1, 1)]),
        ("?q=item.abc%20%3D%3D%20'B'", &[(None, 2, 0)]),
        ("?by=location&q=location.id%20%3D%3D%20'paris'", &[(Some("paris"), 2, 0)]),
    ] {
        let body = read(&fixture, &format!("/v1/kpis{query}")).await;
        let rows: Vec<_> = body["kpis"].as_array().unwrap().iter().collect();
        let rows: Vec<_> = rows
            .iter()
            .map(|row| (row["key"].as_str(), row["n_planned"].as_u64().unwrap(), row["n_unplanned"].as_u64().unwrap()))
            .collect();
        assert_eq!(rows, expected, "{query}");
    }
    assert_eq!(read(&fixture, "/v1/kpis?by=supplier").await["kpis"][0]["name"], "dairy Ltd");
    for query in ["by=colour", "q=money_at_risk%20%3E%201"] {
        assert_eq!(refused(&fixture, &format!("/v1/kpis?{query}")).await.0, 400, "{query}");
    }
    let past = async |query: &str| read(&fixture, &format!("/v1/kpis/past?{query}")).await["kpis"].clone();
    assert_eq!(
        past("").await[1],
        json!({"key": null, "name": "", "from": "2026-03-01", "to": "2026-03-01", "n_item_locations": 5, "n_open": 50.0,
            "n_stockouts": 5.0, "in_stock": 0.9, "fill_rate": 0.8, "sales_value": "10.00", "cost_of_sales": "5.00",
            "lost_margin": "2.50", "waste_value": "1.25"})
    );
    let of_paris = past("by=location&q=location.id%20%3D%3D%20'paris'&to=2026-02-28").await;
    let told = |row: &Value| json!([row["key"], row["from"], row["to"], row["n_item_locations"]]);
    assert_eq!(
        of_paris.as_array().unwrap().iter().map(told).collect::<Vec<_>>(),
        [json!(["paris", "2026-02-01", "2026-02-28", 2])]
    );
    assert_eq!(past("from=2026-03-01&by=supplier").await.as_array().unwrap().len(), 2);
    for query in ["by=colour", "from=march"] {
        assert_eq!(refused(&fixture, &format!("/v1/kpis/past?{query}")).await.0, 400, "{query}");
    }
    let groups = read(&fixture, "/v1/order-groups").await;
    let group = &groups["order_groups"][0];
    assert_eq!((&group["supplier_id"], &group["cut_off"]), (&json!("dairy"), &json!("14:00")));
    assert_eq!((&group["min_order_value"], &group["minimum_met"]), (&json!("40"), &json!(false)));
}

#[tokio::test]
async fn an_admin_changes_the_model_and_the_trail_says_why() {
    let fixture = written().await;
    let used = || async {
        let models = read(&fixture, "/v1/models").await;
        let versions = models["versions"].as_array().unwrap().iter();
        versions.filter(|one| one["used"] == true).map(|one| one["version"].clone()).collect::<Vec<_>>()
    };
    let send = |role, path: &'static str, body: &'static str| fixture.send_json("POST", role, path, body);
    let why = r#"{"reason":"a trial in two shops"}"#;
    assert_eq!(send(Role::Planner, "/v1/models/v1:promote", why).await.status, StatusCode::FORBIDDEN);
    for (path, body, status, kind) in [
        ("/v1/models/v7:promote", why, 404, "not-found"),
        ("/v1/models/v1:promote", why, 409, "not-better"),
        ("/v1/models/v1:promote", r#"{"reason":" "}"#, 400, "bad-body"),
        ("/v1/models:rollback", why, 409, "nothing-before"),
    ] {
        let answer = send(Role::Admin, path, body).await;
        let of = format!("urn:restock:problem:{kind}");
        assert_eq!((answer.status.as_u16(), &answer.json()["type"]), (status, &json!(of)), "{path}");
    }
    assert_eq!(used().await, ["shipped"]);
    let trail = || async { fixture.get(Role::Admin, "/v1/audit").await.json()["records"].as_array().unwrap().clone() };
    assert!(trail().await.is_empty(), "what was refused is no change");

    let forced = r#"{"reason":"a trial in two shops","without_evidence":true}"#;
    let changed = send(Role::Admin, "/v1/models/v1:promote", forced).await.json();
    assert_eq!(
        (&changed["from"], &changed["to"], &changed["day"]),
        (&json!("shipped"), &json!("v1"), &json!("2026-03-02"))
    );
    assert_eq!(used().await, ["v1"]);
    let back = send(Role::Admin, "/v1/models:rollback", r#"{"reason":"too many orders"}"#).await.json();
    assert_eq!((&back["action"], &back["to"]), (&json!("rollback"), &json!("shipped")));
    assert_eq!(used().await, ["shipped"]);
    let told: Vec<_> = trail()
        .await
        .iter()
        .map(|record| {
            let text = |name: &str| record[name].as_str().unwrap().to_owned();
            [text("action"), text("subject"), text("reason"), text("before"), text("after")].join(" | ")
        })
        .collect();
    assert!(told.contains(&"model.promote | model/v1 | a trial in two shops | shipped | v1".to_owned()), "{told:?}");
    assert!(told.contains(&"model.rollback | model/shipped | too many orders | v1 | shipped".to_owned()), "{told:?}");
    assert_eq!(told.len(), 2);
}

#[tokio::test]
async fn what_people_do_about_exceptions_is_kept_in_the_trail_and_outlives_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let start = || {
        let ledger = Box::new(SqliteLedger::open(&path).unwrap());
        Fixture::with_options(ledger, |options| options.planner = Some(Box::new(Written::new())))
    };
    let fixture = start().await;
    fixture.user("ada", Role::Planner);
    let exceptions = read(&fixture, "/v1/exceptions").await;
    let id = |idx: usize| exceptions["exceptions"][idx]["id"].as_str().unwrap().to_owned();
    assert_ne!(id(0), id(1));
    assert_eq!(exceptions["exceptions"][0]["acknowledged_by"], Value::Null);
    let send = |id: String, action: &'static str, body: &'static str| {
        let path = format!("/v1/exceptions/{id}:{action}");
        let fixture = &fixture;
        async move { fixture.send_json("POST", Role::Planner, &path, body).await }
    };
    let acknowledged = send(id(0), "ack", r#"{"reason":"the truck is late"}"#).await;
    assert_eq!(acknowledged.status, StatusCode::OK, "{}", acknowledged.text);
    assert_eq!(acknowledged.json()["acknowledged_by"], "planner");
    send(id(0), "assign", r#"{"to":"ada","reason":"she knows the supplier"}"#).await;
    send(id(1), "snooze", r#"{"until":"2026-03-04","reason":"shop is closed"}"#).await;
    for (id, action, body, status) in [
        ("x_none".to_owned(), "ack", r#"{"reason":"why"}"#, 404),
        (id(0), "ack", r#"{"reason":""}"#, 400),
        (id(0), "snooze", r#"{"until":"soon","reason":"why"}"#, 400),
        (id(0), "assign", r#"{"to":"bob","reason":"why"}"#, 422),
    ] {
        assert_eq!(send(id, action, body).await.status.as_u16(), status, "{action} {body}");
    }
    let of_paris = NewToken { locations: Some(vec!["paris".to_owned()]), ..token("paris", Role::Planner) };
    let secret = fixture.tokens.create(of_paris, now()).unwrap();
    let ack = format!("/v1/exceptions/{}:ack", id(0));
    let hidden = fixture.send(request("POST", &ack, Some(&secret), "application/json", r#"{"reason":"why"}"#)).await;
    assert_eq!(hidden.status, StatusCode::NOT_FOUND, "it is of Berlin");

    let check = async |fixture: &Fixture| {
        let rows = read(fixture, "/v1/exceptions").await["exceptions"].as_array().unwrap().clone();
        assert_eq!((&rows[0]["acknowledged_by"], &rows[0]["assigned_to"]), (&json!("planner"), &json!("ada")));
        assert_eq!(rows[0]["reason"], "she knows the supplier");
        assert_eq!((&rows[1]["snoozed_until"], &rows[1]["assigned_to"]), (&json!("2026-03-04"), &Value::Null));
        let n_found = async |query: &str| read(fixture, &format!("/v1/exceptions?{query}")).await["n_found"].clone();
        assert_eq!((n_found("snoozed=true").await, n_found("snoozed=false").await), (json!(1), json!(2)));
    };
    check(&fixture).await;
    fixture.server.shut_down().await;
    let fixture = start().await;
    check(&fixture).await;
    fixture.wait(jiff::SignedDuration::from_hours(48));
    assert_eq!(read(&fixture, "/v1/exceptions?snoozed=true").await["n_found"], 0, "its morning has come");
    let first = async || read(&fixture, "/v1/exceptions").await["exceptions"][0].clone();
    assert_eq!(first().await["acknowledged_by"], "planner");
    fixture.wait(jiff::SignedDuration::from_hours(6 * 24));
    assert_eq!(first().await["acknowledged_by"], Value::Null, "what is still there after a week is news");
    let act = async |action: &str| {
        let path = format!("/v1/exceptions/{}:{action}", id(0));
        fixture.send_json("POST", Role::Planner, &path, r#"{"reason":"why"}"#).await.json()["acknowledged_by"].clone()
    };
    assert_eq!((act("ack").await, act("reopen").await), (json!("planner"), Value::Null));
    assert_eq!(first().await["assigned_to"], "ada", "it stays whose it is");
}

#[tokio::test]
async fn policies_say_what_is_set_and_what_acts() {
    let fixture = written().await;
    let policies = read(&fixture, "/v1/policies").await;
    assert_eq!((&policies["policy"], &policies["learned_acts"]), (&json!("auto"), &json!(false)));
    assert_eq!(policies["segments"][0]["where"], "item.abc == 'C'");
    assert_eq!(policies["segments"][0]["policy"], "never");
    assert_eq!(policies["objective"]["mode"], "service");
    let acting = json!([{"policy": "base_stock", "n_lines": 5, "n_ordered": 0, "order_value": "0"}]);
    assert_eq!((&policies["acting"], &policies["contest"]), (&acting, &Value::Null));
}

#[tokio::test]
async fn masters_are_found_by_prefix_and_text() {
    let fixture = written().await;
    for (query, expected, next) in [
        ("", &["milk", "rice", "rice-2", "salt", "tea"][..], None),
        ("?prefix=rice", &["rice", "rice-2"], None),
        ("?prefix=rice&limit=1", &["rice"], Some("rice")),
        ("?prefix=rice&limit=1&cursor=rice", &["rice-2"], None),
        ("?text=THE%20T", &["tea"], None),
        ("?limit=2&cursor=rice", &["rice-2", "salt"], Some("salt")),
        ("?prefix=z", &[], None),
    ] {
        let page = read(&fixture, &format!("/v1/items{query}")).await;
        let ids: Vec<_> = page["items"].as_array().unwrap().iter().map(|row| row["item_id"].clone()).collect();
        assert_eq!(ids, expected, "{query}");
        assert_eq!(page["next_cursor"].as_str(), next, "{query}");
    }
    assert_eq!(read(&fixture, "/v1/suppliers?text=mill").await["suppliers"][0]["cut_off"], "14:00");
    assert_eq!(read(&fixture, "/v1/locations").await["locations"].as_array().unwrap().len(), 2);
    assert_eq!(refused(&fixture, "/v1/items?limit=1001").await.0, 400);
}

#[tokio::test]
async fn a_token_of_a_location_reads_the_plan_of_that_one_only() {
    let fixture = written().await;
    let of_paris = NewToken { locations: Some(vec!["paris".to_owned()]), ..token("paris", Role::Planner) };
    let secret = fixture.tokens.create(of_paris, now()).unwrap();
    let get = |path: &'static str| fixture.send(request("GET", path, Some(&secret), "", ""));
    let page = get("/v1/item-locations?sort=id").await.json();
    assert_eq!((places(&page), &page["n_found"]), (vec!["milk@paris".to_owned(), "tea@paris".to_owned()], &json!(2)));
    assert_eq!(get("/v1/item-locations/milk/paris").await.status, StatusCode::OK);
    for path in ["/v1/item-locations/milk/berlin", "/v1/forecasts?item=milk&location=berlin"] {
        let hidden = get(path).await;
        assert_eq!(hidden.status, StatusCode::NOT_FOUND);
        assert_eq!(hidden.json()["detail"], "location \"berlin\" is not in the data");
    }
    let kpis = get("/v1/kpis?by=location").await.json();
    assert_eq!((kpis["kpis"].as_array().unwrap().len(), &kpis["kpis"][0]["key"]), (1, &json!("paris")));
    assert_eq!(get("/v1/kpis").await.json()["kpis"][0]["n_planned"], 2);
    let groups = get("/v1/order-groups").await.json();
    assert_eq!(
        (groups["order_groups"].as_array().unwrap().len(), &groups["order_groups"][0]["destination"]),
        (1, &json!("paris"))
    );
    let locations = get("/v1/locations").await.json();
    assert_eq!((locations["locations"].as_array().unwrap().len(), &locations["next_cursor"]), (1, &Value::Null));
}

#[tokio::test]
async fn without_a_planner_nothing_is_read_and_the_way_out_is_said() {
    let fixture = Fixture::new().await;
    for path in [
        "item-locations",
        "item-locations/tea/berlin",
        "kpis",
        "order-groups",
        "items",
        "items/tea",
        "locations",
        "suppliers",
        "sources",
        "calendars",
        "uoms",
        "segments",
        "models",
        "policies",
    ] {
        let (status, kind, _) = refused(&fixture, &format!("/v1/{path}")).await;
        assert_eq!((status, kind.as_str()), (409, "no-planner"), "{path}");
    }
}
