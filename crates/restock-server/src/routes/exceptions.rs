//! What a planner should look at.

use std::cmp::Reverse;

use axum::extract::State;
use axum::{Extension, Json};
use restock_core::Money;
use restock_core::finding::PlanException;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::authentication::Caller;
use crate::extract::{ValidQuery, page_size};
use crate::problem::Problem;
use crate::server::App;

/// Something to look at.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExceptionRow {
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
}

/// The name of a kind as files and filters write it.
fn code_of(exception: &PlanException) -> String {
    let code = serde_json::to_value(exception.code).ok();
    code.and_then(|code| code.as_str().map(str::to_owned)).unwrap_or_default()
}

impl From<PlanException> for ExceptionRow {
    fn from(exception: PlanException) -> Self {
        let code = code_of(&exception);
        let PlanException { item_id, location_id, expected_money, message, message_zh, action, action_zh, code: _ } =
            exception;
        let expected_money = expected_money.to_string();
        Self { code, item_id, location_id, expected_money, message, message_zh, action, action_zh }
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
    let ExceptionQuery { code, item, location, .. } = query;
    let is_same = |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|wanted| wanted == is);
    let all = app.planning.ask(|planner| planner.exceptions()).await?;
    let mut found: Vec<(Place, PlanException)> = all
        .into_iter()
        .filter(|exception| {
            caller.covers(Some(&exception.location_id))
                && is_same(&item, &exception.item_id)
                && is_same(&location, &exception.location_id)
                && (code.is_none() || is_same(&code, &code_of(exception)))
        })
        .map(|exception| (place_of(&exception), exception))
        .collect();
    let n_found = found.len();
    let money_found: Money = found.iter().map(|(_, exception)| exception.expected_money).sum();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found.retain(|(place, _)| after.as_ref().is_none_or(|after| place > after));
    let next_cursor = (found.len() > limit).then(|| {
        let (Reverse(money), item_id, location_id, code) = &found[limit - 1].0;
        serde_json::to_string(&(money.to_string(), item_id, location_id, code)).expect("texts are JSON")
    });
    found.truncate(limit);
    let exceptions = found.into_iter().map(|(_, exception)| exception.into()).collect();
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
