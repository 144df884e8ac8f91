//! What a planner should look at.

use std::cmp::Reverse;
use std::sync::PoisonError;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::{Extension, Json};
use jiff::Timestamp;
use restock_core::finding::PlanException;
use restock_core::{Day, Money};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::authentication::Caller;
use crate::extract::{Acted, Name, ValidQuery, checked_reason, page_size, read_json};
use crate::handling::{Act, Handled, Handling};
use crate::paging::keep_first;
use crate::problem::Problem;
use crate::server::App;
use crate::trail::catch_up;

/// Something to look at.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExceptionRow {
    /// Names this kind at this item-location, today and later.
    id: String,
    /// What kind, such as `STOCKOUT_NOW`.
    code: String,
    item_id: String,
    location_id: String,
    /// Expected money at stake, a decimal.
    expected_money: String,
    /// What happened.
    message: String,
    /// The same in Chinese.
    message_zh: String,
    /// What to do about it.
    action: String,
    /// The same in Chinese.
    action_zh: String,
    /// Who acknowledged it last; for a week.
    acknowledged_by: Option<String>,
    acknowledged_at: Option<String>,
    /// It is left alone until the morning of this day.
    snoozed_until: Option<String>,
    /// Whose it is.
    assigned_to: Option<String>,
    /// The last reason that somebody gave for one of these; empty where nobody did.
    reason: String,
}

/// The id of an exception: a hash of what it is about.
fn id_of(exception: &PlanException) -> String {
    let about = serde_json::to_vec(&(code_of(exception), &exception.item_id, &exception.location_id));
    let hash = blake3::hash(&about.expect("texts are JSON")).to_hex();
    format!("x_{}", &hash[..20])
}

/// The name of a kind as files and filters write it.
pub(crate) fn code_of(exception: &PlanException) -> String {
    let code = serde_json::to_value(exception.code).ok();
    code.and_then(|code| code.as_str().map(str::to_owned)).unwrap_or_default()
}

impl ExceptionRow {
    fn new(exception: PlanException, handling: &Handling, now: Timestamp) -> Self {
        let (id, code) = (id_of(&exception), code_of(&exception));
        let Handled { acknowledged, snoozed_until, assigned_to, reason } = handling.of(&id, now);
        let (acknowledged_by, acknowledged_at) = acknowledged.map(|(by, at)| (by, at.to_string())).unzip();
        let snoozed_until = snoozed_until.map(|day| day.to_string());
        let PlanException { item_id, location_id, expected_money, message, message_zh, action, action_zh, code: _ } =
            exception;
        let expected_money = expected_money.to_string();
        Self {
            id,
            code,
            item_id,
            location_id,
            expected_money,
            message,
            message_zh,
            action,
            action_zh,
            acknowledged_by,
            acknowledged_at,
            snoozed_until,
            assigned_to,
            reason,
        }
    }
}

/// A page of exceptions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExceptionPage {
    exceptions: Vec<ExceptionRow>,
    /// How many there are in all that the query asks for.
    n_found: usize,
    /// Money at stake in all of them, a decimal.
    money_found: String,
    /// What to give as `cursor` for the next page; nothing on the last page.
    next_cursor: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExceptionQuery {
    /// Of this kind only, such as `STOCKOUT_NOW`.
    code: Option<String>,
    /// Of this item only.
    item: Option<String>,
    /// At this location only.
    location: Option<String>,
    /// Whether those that are snoozed today are among them; they are where nothing is said.
    snoozed: Option<bool>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
    /// The most rows.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u64>,
}

/// Where an exception stands among all.
type Place = (Reverse<Money>, String, String, String);

fn place_of(exception: &PlanException) -> Place {
    let PlanException { item_id, location_id, expected_money, .. } = exception;
    (Reverse(*expected_money), item_id.clone(), location_id.clone(), code_of(exception))
}

/// What a planner should look at, the most money at stake first, as of the last events that the planner has taken in.
#[utoipa::path(
    get,
    path = "/v1/exceptions",
    params(ExceptionQuery),
    responses(
        (status = 200, description = "a page of exceptions", body = ExceptionPage),
        (status = 400, description = "bad query", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    ValidQuery(query): ValidQuery<ExceptionQuery>,
) -> Result<Json<ExceptionPage>, Problem> {
    let limit = page_size(query.limit)?;
    let after = cursor_of(query.cursor.as_deref())?;
    let ExceptionQuery { code, item, location, snoozed, .. } = query;
    catch_up(&app, &app.handling).await?;
    let (today, now) = (app.today(), (app.clock)());
    let is_snoozed = |handling: &Handling, exception: &PlanException| {
        handling.of(&id_of(exception), now).snoozed_until.is_some_and(|until| today < until)
    };
    let is_same = |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|wanted| wanted == is);
    let all = app.planning.ask(|planner| planner.exceptions()).await?;
    let handling = app.handling.lock().unwrap_or_else(PoisonError::into_inner);
    let mut found: Vec<(Place, PlanException)> = all
        .into_iter()
        .filter(|exception| {
            caller.covers(Some(&exception.location_id))
                && is_same(&item, &exception.item_id)
                && is_same(&location, &exception.location_id)
                && (code.is_none() || is_same(&code, &code_of(exception)))
                && snoozed.is_none_or(|wanted| wanted == is_snoozed(&handling, exception))
        })
        .map(|exception| (place_of(&exception), exception))
        .collect();
    let n_found = found.len();
    let money_found: Money = found.iter().map(|(_, exception)| exception.expected_money).sum();
    found.retain(|(place, _)| after.as_ref().is_none_or(|after| place > after));
    let has_more = keep_first(&mut found, limit, |one, other| one.0.cmp(&other.0));
    let next_cursor = found.last().filter(|_| has_more).map(|((Reverse(money), item_id, location_id, code), _)| {
        serde_json::to_string(&(money.to_string(), item_id, location_id, code)).expect("texts are JSON")
    });
    let exceptions = found.into_iter().map(|(_, exception)| ExceptionRow::new(exception, &handling, now)).collect();
    Ok(Json(ExceptionPage { exceptions, n_found, money_found: money_found.to_string(), next_cursor }))
}

fn cursor_of(text: Option<&str>) -> Result<Option<Place>, Problem> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let read = serde_json::from_str::<(String, String, String, String)>(text).ok();
    let cursor =
        read.and_then(|(money, item, location, code)| Some((Reverse(money.parse().ok()?), item, location, code)));
    let refused = || Problem::bad_query("cursor", format!("{text:?}"), "next_cursor of the page before");
    cursor.map(Some).ok_or_else(refused)
}

/// Why something is done about an exception.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AckBody {
    /// Why; the audit trail keeps it.
    #[schema(min_length = 1, max_length = 1000)]
    reason: String,
}

/// Until when an exception is left alone.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SnoozeBody {
    /// The morning on which it is looked at again; a day that has begun ends it.
    #[schema(value_type = String, format = Date)]
    until: Day,
    /// Why; the audit trail keeps it.
    #[schema(min_length = 1, max_length = 1000)]
    reason: String,
}

/// Whose an exception is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AssignBody {
    /// The name of a user; nothing takes it from whoever has it.
    to: Option<String>,
    /// Why; the audit trail keeps it.
    #[schema(min_length = 1, max_length = 1000)]
    reason: String,
}

/// What is done to one exception, by the name behind the colon.
pub(crate) async fn act(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Acted { name: Name(id), action }: Acted,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Json<ExceptionRow>, Problem> {
    let (act, reason) = match action.as_str() {
        "snooze" => {
            let SnoozeBody { until, reason } = read_json(&headers, bytes)?;
            (Act::Snooze(until), reason)
        }
        "assign" => {
            let AssignBody { to, reason } = read_json(&headers, bytes)?;
            let to = to.unwrap_or_default();
            let is_known = to.is_empty() || app.security.users.list()?.iter().any(|user| user.name == to);
            if !is_known {
                let title = "There is no such user";
                let detail = format!("to: got {to:?}, expected the name of a user");
                return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "no-such-user", title, detail).field(
                    "to",
                    format!("{to:?}"),
                    "the name of a user",
                ));
            }
            (Act::Assign(to), reason)
        }
        kind => {
            let AckBody { reason } = read_json(&headers, bytes)?;
            (if kind == "reopen" { Act::Reopen } else { Act::Acknowledge }, reason)
        }
    };
    let reason = checked_reason(reason)?;
    let (wanted, of_caller) = (id.clone(), caller.clone());
    let exception = app.planning.ask(move |planner| {
        let mut seen = planner.exceptions().into_iter().filter(|one| of_caller.covers(Some(&one.location_id)));
        seen.find(|exception| id_of(exception) == wanted)
    });
    let no_such =
        || Problem::not_found("there is no such exception now").fix("GET /v1/exceptions lists those there are");
    let exception = exception.await?.ok_or_else(no_such)?;
    let about = format!("{} {} at {}", code_of(&exception), exception.item_id, exception.location_id);
    let now = (app.clock)();
    let entry = act.entry(&id, about, &caller.name, reason, now);
    app.writer.write(move |ledger| ledger.record(&entry).map(drop)).await?;
    catch_up(&app, &app.handling).await?;
    let handling = app.handling.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Json(ExceptionRow::new(exception, &handling, now)))
}

/// Says that an exception was seen; it counts as seen for a week.
#[utoipa::path(
    post,
    path = "/v1/exceptions/{id}:ack",
    params(("id" = String, Path)),
    request_body = AckBody,
    responses(
        (status = 200, description = "the exception as it stands now", body = ExceptionRow),
        (status = 400, description = "bad body", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "no such exception now", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "too many bytes", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "another media type", body = Problem, content_type = "application/problem+json"),
    )
)]
#[allow(dead_code, reason = "the description of `act`")]
fn acknowledge() {}

/// Opens an exception again that was acknowledged or snoozed.
#[utoipa::path(
    post,
    path = "/v1/exceptions/{id}:reopen",
    params(("id" = String, Path)),
    request_body = AckBody,
    responses(
        (status = 200, description = "the exception as it stands now", body = ExceptionRow),
        (status = 400, description = "bad body", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "no such exception now", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "too many bytes", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "another media type", body = Problem, content_type = "application/problem+json"),
    )
)]
#[allow(dead_code, reason = "the description of `act`")]
fn reopen() {}

/// Leaves an exception alone until the morning of a day.
#[utoipa::path(
    post,
    path = "/v1/exceptions/{id}:snooze",
    params(("id" = String, Path)),
    request_body = SnoozeBody,
    responses(
        (status = 200, description = "the exception as it stands now", body = ExceptionRow),
        (status = 400, description = "bad body", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "no such exception now", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "too many bytes", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "another media type", body = Problem, content_type = "application/problem+json"),
    )
)]
#[allow(dead_code, reason = "the description of `act`")]
fn snooze() {}

/// Gives an exception to somebody, or takes it back.
#[utoipa::path(
    post,
    path = "/v1/exceptions/{id}:assign",
    params(("id" = String, Path)),
    request_body = AssignBody,
    responses(
        (status = 200, description = "the exception as it stands now", body = ExceptionRow),
        (status = 400, description = "bad body", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "no such exception now", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "too many bytes", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "another media type", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "no such user", body = Problem, content_type = "application/problem+json"),
    )
)]
#[allow(dead_code, reason = "the description of `act`")]
fn assign() {}
