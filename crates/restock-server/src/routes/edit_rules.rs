//! Rules that edits of people suggest: what it takes to make one, and what somebody dismissed.

use std::sync::{Arc, PoisonError};

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::HeaderMap;
use axum::{Extension, Json};
use restock_adapt::{Direction, Rule, RuleScope};
use restock_core::Day;
use restock_core::master::{MasterKey, MasterTable};
use restock_core::said_demand::OverrideKey;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::authentication::Caller;
use crate::dismissals;
use crate::extract::{Acted, Name, checked_reason, read_json};
use crate::masters::Masters;
use crate::problem::Problem;
use crate::routes::said_demand::known;
use crate::server::App;
use crate::trail::catch_up;

/// Days for which demand is said to differ where a rule is made, a quarter: what people know grows old, and edits that pay
/// afterwards suggest it again, those from before no more.
const RULE_DAYS: i32 = 91;

/// A request to this API.
#[derive(Debug, Serialize, ToSchema)]
struct RequestRow {
    method: &'static str,
    path: String,
    /// As JSON; nothing where the request has none.
    #[schema(value_type = Option<Object>)]
    body: Option<Value>,
}

/// A rule that edits suggest.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RuleRow {
    /// Names a rule about this scope and direction, today and later.
    id: String,
    /// `location`, `category`, `item` or `item_location`.
    scope: &'static str,
    item_id: Option<String>,
    location_id: Option<String>,
    /// A category path, with all below it.
    category: Option<String>,
    /// `more`, `less` or `nothing`: how people changed what the plan wanted.
    direction: &'static str,
    /// What they ordered over what the plan wanted, median; 0 for nothing.
    ratio: f64,
    /// Demand times this makes the plan order as much; 0 where nothing is to be ordered.
    factor: f64,
    /// Edits in this direction.
    n_edits: u64,
    /// All edits of the scope.
    n_all_edits: u64,
    /// Days on which those in this direction were decided.
    n_days: u64,
    /// Item-locations at which they were.
    n_places: u64,
    first_day: String,
    last_day: String,
    /// Edits that cost less than the plan would have.
    n_paid: u64,
    /// What the edits saved in all, currency.
    saved: f64,
    /// Mean saving of an edit, currency.
    mean_saved: f64,
    /// Its confidence interval, where all edits have one mean.
    interval: [f64; 2],
    /// Probability that each of its ends holds.
    confidence: f64,
    /// Judged decisions of the scope to order something since its first edit, edited or not.
    n_decisions: u64,
    /// What the rule would have saved over all of them, currency.
    would_save: f64,
    /// Who edited, most edits first.
    by: Vec<String>,
    /// Reasons that were given, the most frequent first.
    reasons: Vec<String>,
    message: String,
    /// The same in Chinese.
    message_zh: String,
    /// What makes the rule.
    request: RequestRow,
    /// What takes it back then.
    undo: RequestRow,
}

impl RuleRow {
    fn new(rule: Rule, today: Day) -> Self {
        let (request, undo) = requests(&rule, today);
        let text = |text: Option<&str>| text.map(str::to_owned);
        Self {
            id: dismissals::id_of(&rule),
            scope: match rule.scope {
                RuleScope::Location { .. } => "location",
                RuleScope::Category { .. } => "category",
                RuleScope::Item { .. } => "item",
                RuleScope::ItemLocation(_) => "item_location",
            },
            item_id: text(rule.scope.item_id()),
            location_id: text(rule.scope.location_id()),
            category: text(rule.scope.category()),
            direction: match rule.direction {
                Direction::More => "more",
                Direction::Less => "less",
                Direction::Nothing => "nothing",
            },
            ratio: rule.ratio,
            factor: rule.factor,
            n_edits: rule.n_edits,
            n_all_edits: rule.n_all_edits,
            n_days: rule.n_days,
            n_places: rule.n_places,
            first_day: rule.first_day.to_string(),
            last_day: rule.last_day.to_string(),
            n_paid: rule.n_paid,
            saved: rule.saved,
            mean_saved: rule.mean_saved,
            interval: [rule.lower, rule.upper],
            confidence: rule.confidence,
            n_decisions: rule.n_decisions,
            would_save: rule.would_save,
            message: rule.message(),
            message_zh: rule.message_zh(),
            by: rule.by,
            reasons: rule.reasons,
            request,
            undo,
        }
    }
}

/// What makes a rule and what takes it back: the item is not ordered at the location, or demand is said to be a multiple of
/// the forecast for [`RULE_DAYS`] from today on.
fn requests(rule: &Rule, today: Day) -> (RequestRow, RequestRow) {
    if let (Direction::Nothing, RuleScope::ItemLocation(place)) = (rule.direction, &rule.scope) {
        let path = format!("/v1/item-locations/{}/{}", in_path(&place.item_id), in_path(&place.location_id));
        let say = |value: Value| RequestRow {
            method: "PATCH",
            path: path.clone(),
            body: Some(json!({"do_not_order": value})),
        };
        return (say(json!(true)), say(Value::Null));
    }
    let text = |text: Option<&str>| text.map(str::to_owned);
    let (item_id, location_id) = (text(rule.scope.item_id()), text(rule.scope.location_id()));
    let (from, to) = (today, today.plus(RULE_DAYS - 1));
    let key = OverrideKey { item_id, location_id, category: text(rule.scope.category()), from, to };
    let mut reason = format!("rule from {} edits by {}", rule.n_edits, rule.by.join(", "));
    if let Some(first) = rule.reasons.first() {
        reason.push_str(&format!(": {first}"));
    }
    let mut body = json!({
        "from": from.to_string(),
        "to": to.to_string(),
        "factor": rule.factor,
        "reason": reason,
    });
    let whom = [("item_id", &key.item_id), ("location_id", &key.location_id), ("category", &key.category)];
    let fields = body.as_object_mut().expect("it is an object");
    fields.extend(whom.into_iter().filter_map(|(name, id)| Some((name.to_owned(), id.clone()?.into()))));
    let say = RequestRow { method: "POST", path: "/v1/forecasts:override".to_owned(), body: Some(body) };
    let path = format!("/v1/forecasts/overrides/{}", key.id());
    (say, RequestRow { method: "DELETE", path, body: None })
}

/// A text as a part of a path.
fn in_path(text: &str) -> String {
    let keeps = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if keeps(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Rules without those that were dismissed or made.
async fn open_rules(app: &App, mut rules: Vec<Rule>) -> Result<Vec<Rule>, Problem> {
    if rules.is_empty() {
        return Ok(rules);
    }
    catch_up(app, &app.dismissals).await?;
    let today = app.today();
    // Before the first plan there are words of events alone.
    let files = app.planning.file_tables().unwrap_or_else(|_| Arc::default());
    let projection = app.writer.projection()?;
    let said = known(&files, projection.masters.demand());
    let n_places = rules.iter().filter(|rule| rule.direction == Direction::Nothing).count();
    let masters = Masters::new(&files, &projection.masters, MasterTable::ItemLocations, n_places);
    let is_made = |rule: &Rule| match (&rule.scope, rule.direction) {
        (RuleScope::ItemLocation(place), Direction::Nothing) => {
            let mut record = masters.record(&MasterKey::ItemLocation(place.clone())).0;
            record.get("do_not_order").as_deref() == Some("true")
        }
        (scope, _) => said.iter().any(|one| {
            (one.from..=one.to).contains(&today)
                && one.item_id.as_deref() == scope.item_id()
                && one.location_id.as_deref() == scope.location_id()
                && one.category.as_deref() == scope.category()
        }),
    };
    let dismissals = app.dismissals.lock().unwrap_or_else(PoisonError::into_inner);
    rules.retain(|rule| !dismissals.hide(rule) && !is_made(rule));
    Ok(rules)
}

/// The same as they are shown.
pub(crate) async fn rows(app: &App, rules: Vec<Rule>) -> Result<Vec<RuleRow>, Problem> {
    let today = app.today();
    let open = open_rules(app, rules).await?;
    Ok(open.into_iter().map(|rule| RuleRow::new(rule, today)).collect())
}

/// Why a rule is not made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DismissBody {
    /// Why; the audit trail keeps it.
    #[schema(min_length = 1, max_length = 1000)]
    reason: String,
}

/// Dismisses a rule that edits suggest: it is not shown again before it has twice as many edits. The answer is the rule as
/// it was.
#[utoipa::path(
    post,
    path = "/v1/adaptation/rules/{id}:dismiss",
    params(("id" = String, Path)),
    request_body = DismissBody,
    responses(
        (status = 200, description = "the rule that is not shown any more", body = RuleRow),
        (status = 404, description = "no such rule now", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn dismiss(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Acted { name: Name(id), .. }: Acted,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Json<RuleRow>, Problem> {
    let DismissBody { reason } = read_json(&headers, bytes)?;
    let reason = checked_reason(reason)?;
    let rules = app.planning.ask(|planner| planner.adaptation()).await?.map_or_else(Vec::new, |report| report.rules);
    let rule = open_rules(&app, rules).await?.into_iter().find(|rule| dismissals::id_of(rule) == id);
    let no_such = || Problem::not_found("there is no such rule now").fix("GET /v1/adaptation lists those there are");
    let rule = rule.ok_or_else(no_such)?;
    let entry = dismissals::entry(&rule, &caller.name, reason, (app.clock)());
    app.writer.write(move |ledger| ledger.record(&entry).map(drop)).await?;
    catch_up(&app, &app.dismissals).await?;
    Ok(Json(RuleRow::new(rule, app.today())))
}
