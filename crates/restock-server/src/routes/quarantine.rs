//! Quarantine: what could not be taken in, and what people decide about it.

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::HeaderMap;
use axum::{Extension, Json};
use jiff::Timestamp;
use restock_ledger::{DESK_SOURCE, QuarantineEntry, QuarantineState, wire};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use crate::authentication::Caller;
use crate::extract::{Number, ValidQuery, checked_reason, first_number, page_size, read_json};
use crate::problem::Problem;
use crate::routes::events::{EntryOutcome, EventBody, Reason, reserved_source};
use crate::server::App;

/// An entry in quarantine.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QuarantineRow {
    /// Its number: 1 for the first, without gaps.
    quarantine_id: u64,
    /// When it came in first.
    #[schema(value_type = String)]
    received_at: Timestamp,
    /// Where in its request it was.
    position: String,
    /// Why it is here.
    reason: Reason,
    /// Its text; bytes that are not UTF-8 show as `\u{FFFD}`.
    raw: String,
    /// `open`, `released` or `discarded`.
    state: &'static str,
    /// The event that it became when it was released.
    sequence: Option<u64>,
}

impl From<QuarantineEntry> for QuarantineRow {
    fn from(entry: QuarantineEntry) -> Self {
        Self {
            quarantine_id: entry.quarantine_id,
            received_at: entry.received_at,
            position: entry.position,
            reason: entry.reason.into(),
            raw: String::from_utf8_lossy(&entry.raw).into_owned(),
            state: entry.state.name(),
            sequence: entry.sequence,
        }
    }
}

/// A page of the quarantine.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QuarantinePage {
    entries: Vec<QuarantineRow>,
    /// Where the next page begins.
    next_from: u64,
    /// Whether there may be entries on it already.
    has_more: bool,
}

/// A state to look for.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum StateName {
    Open,
    Released,
    Discarded,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct QuarantineQuery {
    /// Entries in this state only.
    #[param(inline)]
    state: Option<StateName>,
    /// The first number.
    #[param(minimum = 1)]
    from: Option<u64>,
    /// The most entries.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u64>,
}

/// What could not be taken in.
#[utoipa::path(
    get,
    path = "/v1/quarantine",
    params(QuarantineQuery),
    responses(
        (status = 200, description = "a page of entries", body = QuarantinePage),
        (status = 400, description = "bad query", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    ValidQuery(query): ValidQuery<QuarantineQuery>,
) -> Result<Json<QuarantinePage>, Problem> {
    let (from, limit) = (first_number(query.from)?, page_size(query.limit)?);
    let state = query.state.map(|state| match state {
        StateName::Open => QuarantineState::Open,
        StateName::Released => QuarantineState::Released,
        StateName::Discarded => QuarantineState::Discarded,
    });
    let entries = app.writer.read(move |ledger| ledger.quarantine(state, from, limit)).await?;
    let next_from = entries.last().map_or(from, |last| last.quarantine_id + 1);
    let has_more = entries.len() == limit;
    Ok(Json(QuarantinePage { entries: entries.into_iter().map(QuarantineRow::from).collect(), next_from, has_more }))
}

/// One entry.
#[utoipa::path(
    get,
    path = "/v1/quarantine/{id}",
    params(("id" = u64, Path, minimum = 1)),
    responses(
        (status = 200, description = "the entry", body = QuarantineRow),
        (status = 400, description = "bad number", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "no such entry", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn one(State(app): State<App>, Number(id): Number) -> Result<Json<QuarantineRow>, Problem> {
    Ok(Json(find(&app, id).await?.into()))
}

async fn find(app: &App, id: u64) -> Result<QuarantineEntry, Problem> {
    let found = app.writer.read(move |ledger| ledger.quarantine(None, id, 1)).await?;
    let entry = found.into_iter().find(|entry| entry.quarantine_id == id);
    entry.ok_or_else(|| Problem::not_found(format!("there is no quarantine entry {id}")))
}

/// Takes an entry in after all.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Release {
    /// Why, for the audit trail.
    #[schema(min_length = 1, max_length = 1000)]
    reason: String,
    /// The event as it should have been; without it, the entry is taken in as it is.
    #[schema(value_type = Option<EventBody>)]
    event: Option<Box<RawValue>>,
}

/// Decides that an entry will never be taken in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Discard {
    /// Why, for the audit trail.
    #[schema(min_length = 1, max_length = 1000)]
    reason: String,
}

/// Takes an entry in after all: as it is, whatever the clock says, or corrected. The audit trail says who did and why.
#[utoipa::path(
    post,
    path = "/v1/quarantine/{id}/release",
    params(("id" = u64, Path, minimum = 1)),
    request_body = Release,
    responses(
        (status = 200, description = "it is an event now, or was before", body = EntryOutcome),
        (status = 400, description = "bad number or body", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "no such entry", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "decided before", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "too many bytes", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "another media type", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "still not an event", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn release(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Number(id): Number,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Json<EntryOutcome>, Problem> {
    let Release { reason, event } = read_json(&headers, bytes)?;
    let reason = checked_reason(reason)?;
    let corrected = event.map(|event| wire::read_event(event.get().as_bytes())).transpose()?;
    if corrected.as_ref().is_some_and(|event| event.source == DESK_SOURCE) {
        return Err(reserved_source(""));
    }
    let outcome = app.writer.release(id, corrected, caller.name, reason).await?;
    Ok(Json(EntryOutcome::new(None, outcome)))
}

/// Decides that an entry will never be taken in; it stays readable. The audit trail says who did and why.
#[utoipa::path(
    post,
    path = "/v1/quarantine/{id}/discard",
    params(("id" = u64, Path, minimum = 1)),
    request_body = Discard,
    responses(
        (status = 200, description = "the entry as it is now", body = QuarantineRow),
        (status = 400, description = "bad number or body", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "no such entry", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "decided before", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "too many bytes", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "another media type", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn discard(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Number(id): Number,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Json<QuarantineRow>, Problem> {
    let Discard { reason } = read_json(&headers, bytes)?;
    app.writer.discard(id, caller.name, checked_reason(reason)?).await?;
    Ok(Json(find(&app, id).await?.into()))
}
