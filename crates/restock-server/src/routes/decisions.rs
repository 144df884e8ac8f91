//! What people decide about proposals: another quantity, yes or no, about one or about many, all or none.

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use restock_core::Quantity;
use restock_core::quantity::QuantityError;
use restock_ledger::{Choice, DeskDecision, DeskEntry, DeskError, Filed};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};

use crate::authentication::Caller;
use crate::extract::{Acted, Name, checked_reason, read_json};
use crate::limits::MAX_IDS;
use crate::problem::Problem;
use crate::routes::proposals::{ProposalRow, filter_of, no_such_proposal};
use crate::server::App;
use crate::writer::Failure;

/// Orders another quantity.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Edit {
    /// Base units, whole order units, above 0: a decimal of at most 6 places, as a text or a number.
    #[schema(schema_with = decimal, example = "24")]
    quantity: Box<RawValue>,
    /// Why: the outcome is compared with it later.
    #[schema(min_length = 1, max_length = 1000)]
    reason: String,
    /// The version that was looked at: where it is another one now, nothing is changed. The header `If-Match` says the
    /// same.
    #[schema(minimum = 1)]
    version: Option<u64>,
}

fn decimal() -> Schema {
    let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some(r"^[0-9]+(\.[0-9]+)?$")).build();
    let number = ObjectBuilder::new().schema_type(Type::Number).build();
    Schema::OneOf(OneOfBuilder::new().item(text).item(number).build())
}

/// A decimal as a text or a number. Numbers are read as they are written, so that none is rounded.
fn quantity_of(raw: &RawValue) -> Result<Quantity, Problem> {
    let written = raw.get();
    let text =
        if written.starts_with('"') { serde_json::from_str(written).unwrap_or_default() } else { written.to_owned() };
    text.parse().map_err(|error: QuantityError| {
        let expected = "a decimal of at most 6 places such as 24 or 12.5, as a number or a text";
        Problem::bad_body(format!("quantity: {error}")).field("quantity", written, expected)
    })
}

/// Keeps the quantity of a proposal.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Firm {
    /// Why.
    #[schema(min_length = 1, max_length = 1000)]
    reason: String,
    /// The version that was looked at.
    #[schema(minimum = 1)]
    version: Option<u64>,
}

/// Lets a proposal be ordered.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Approve {
    /// The version that was looked at.
    #[schema(minimum = 1)]
    version: Option<u64>,
}

/// Does not let a proposal be ordered.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reject {
    /// Why.
    #[schema(min_length = 1, max_length = 1000)]
    reason: String,
    /// The version that was looked at.
    #[schema(minimum = 1)]
    version: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApproveMany {
    ids: Option<Vec<String>>,
    filter: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RejectMany {
    ids: Option<Vec<String>>,
    filter: Option<String>,
    reason: String,
}

/// Which proposals: either their ids or a filter.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what is read field by field")]
#[schema(as = ApproveMany)]
#[serde(untagged)]
pub(crate) enum ApproveManyBody {
    /// These: all of them can be approved, or none is.
    Ids {
        /// At most 10,000.
        #[schema(max_items = 10000, min_items = 1)]
        ids: Vec<String>,
    },
    /// The open ones that a filter holds for.
    Filter {
        /// Such as `value < 200`.
        #[schema(example = "value < 200", min_length = 1)]
        filter: String,
    },
}

/// Which proposals, and why not: either their ids or a filter.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what is read field by field")]
#[schema(as = RejectMany)]
#[serde(untagged)]
pub(crate) enum RejectManyBody {
    /// These: all of them can be rejected, or none is.
    Ids {
        /// At most 10,000.
        #[schema(max_items = 10000, min_items = 1)]
        ids: Vec<String>,
        /// Why.
        #[schema(min_length = 1, max_length = 1000)]
        reason: String,
    },
    /// The open ones that a filter holds for.
    Filter {
        /// Such as `value < 200`.
        #[schema(example = "value < 200", min_length = 1)]
        filter: String,
        /// Why.
        #[schema(min_length = 1, max_length = 1000)]
        reason: String,
    },
}

/// A proposal after a decision.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DecidedRow {
    proposal_id: String,
    /// Where it stands: a proposal that another person must approve too is still proposed.
    state: &'static str,
    version: u64,
}

/// Proposals after a decision about many.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Decided {
    decided: Vec<DecidedRow>,
}

/// Why a decision was not taken, with the proposal as it is now where that is why.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Conflict {
    #[serde(flatten)]
    problem: Problem,
    /// The proposal as it is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<ProposalRow>,
}

/// A [`Conflict`] as an answer.
pub(crate) struct Refused(Box<Conflict>);

impl<T: Into<Problem>> From<T> for Refused {
    fn from(problem: T) -> Self {
        Self(Box::new(Conflict { problem: problem.into(), current: None }))
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        if self.0.current.is_none() {
            return self.0.problem.into_response();
        }
        let status = StatusCode::from_u16(self.0.problem.status).expect("made from a status");
        let kind = HeaderValue::from_static("application/problem+json");
        let body = serde_json::to_vec(&*self.0).expect("a problem is JSON");
        (status, [(header::CONTENT_TYPE, kind)], body).into_response()
    }
}

/// Why the desk does not take a decision.
enum NotDecided {
    Desk(DeskError, Option<Box<Filed>>),
    Stale(Box<Filed>, u64),
}

impl From<DeskError> for Problem {
    fn from(error: DeskError) -> Self {
        let detail = error.to_string();
        match error {
            DeskError::NoSuchProposal { proposal_id } => no_such_proposal(&proposal_id),
            DeskError::WrongState { state, allowed, .. } => {
                Self::new(StatusCode::CONFLICT, "wrong-state", "It stands where this cannot be done", detail)
                    .field("state", state.name(), allowed)
                    .fix("read the proposal to see what was decided")
            }
            DeskError::SamePerson { by, .. } => {
                Self::new(StatusCode::CONFLICT, "same-person", "Another person must approve it too", detail).field(
                    "by",
                    by,
                    "another person",
                )
            }
            DeskError::NotWhole { quantity, order_multiple, order_uom, .. } => {
                let expected = match order_multiple > Quantity::ZERO {
                    true => format!("a multiple of {order_multiple} ({order_uom}), above 0"),
                    false => "a quantity above 0, as fine as plans order it".to_owned(),
                };
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "not-whole", "It cannot be ordered so", detail).field(
                    "quantity",
                    quantity.to_string(),
                    expected,
                )
            }
            DeskError::NoName | DeskError::NoReason => Self::bad_body(detail),
        }
    }
}

/// Orders another quantity than the plan wants. A plan never changes it afterwards.
#[utoipa::path(
    patch,
    path = "/v1/proposals/{id}",
    params(("id" = String, Path), ("if-match" = Option<String>, Header, pattern = r#"^"?[0-9]{1,18}"?$"#, description = "the version that was looked at")),
    request_body = Edit,
    responses(
        (status = 200, description = "the proposal as it is now", body = ProposalRow),
        (status = 400, description = "bad body", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "no such proposal", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "it is another version now, or stands where it cannot be edited", body = Conflict, content_type = "application/problem+json"),
        (status = 413, description = "too many bytes", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "another media type", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "not whole order units", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn edit(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Name(id): Name,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Json<ProposalRow>, Refused> {
    let Edit { quantity, reason, version } = read_json(&headers, bytes)?;
    let quantity = quantity_of(&quantity)?;
    decide_because(&app, caller, id, &headers, version, reason, |reason| DeskDecision::Edit { quantity, reason }).await
}

/// What is decided about one proposal, as its path says behind a colon.
pub(crate) async fn act(
    state: State<App>,
    caller: Extension<Caller>,
    Acted { name, action }: Acted,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Response {
    match action.as_str() {
        "approve" => approve(state, caller, name, headers, bytes).await.into_response(),
        "firm" => firm(state, caller, name, headers, bytes).await.into_response(),
        "reject" => reject(state, caller, name, headers, bytes).await.into_response(),
        _ => Problem::not_found(format!("{action:?} is nothing that can be done")).into_response(),
    }
}

/// Lets a proposal be ordered. Where several persons must do so, it is approved with the last of them.
#[utoipa::path(
    post,
    path = "/v1/proposals/{id}:approve",
    params(("id" = String, Path), ("if-match" = Option<String>, Header, pattern = r#"^"?[0-9]{1,18}"?$"#, description = "the version that was looked at")),
    request_body = Approve,
    responses(
        (status = 200, description = "the proposal as it is now", body = ProposalRow),
        (status = 400, description = "bad body", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "no such proposal", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "it is another version now, or stands where it cannot be approved", body = Conflict, content_type = "application/problem+json"),
        (status = 413, description = "too many bytes", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "another media type", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn approve(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Name(id): Name,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Json<ProposalRow>, Refused> {
    let Approve { version } = read_json(&headers, bytes)?;
    let version = version_of(&headers, version)?;
    let rules = app.rules.clone();
    decide_one(&app, caller, id, version, move |filed| rules.approval(filed)).await
}

/// Keeps the quantity of a proposal whatever later plans want, until its day to order is over: it becomes `edited`.
#[utoipa::path(
    post,
    path = "/v1/proposals/{id}:firm",
    params(("id" = String, Path), ("if-match" = Option<String>, Header, pattern = r#"^"?[0-9]{1,18}"?$"#, description = "the version that was looked at")),
    request_body = Firm,
    responses(
        (status = 200, description = "the proposal as it is now", body = ProposalRow),
        (status = 400, description = "bad body", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "no such proposal", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "it is another version now, or it is no longer `proposed`", body = Conflict, content_type = "application/problem+json"),
        (status = 413, description = "too many bytes", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "another media type", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn firm(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Name(id): Name,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Json<ProposalRow>, Refused> {
    let Firm { reason, version } = read_json(&headers, bytes)?;
    decide_because(&app, caller, id, &headers, version, reason, |reason| DeskDecision::Firm { reason }).await
}

/// Does not let a proposal be ordered: it is not proposed again until its day to order is over.
#[utoipa::path(
    post,
    path = "/v1/proposals/{id}:reject",
    params(("id" = String, Path), ("if-match" = Option<String>, Header, pattern = r#"^"?[0-9]{1,18}"?$"#, description = "the version that was looked at")),
    request_body = Reject,
    responses(
        (status = 200, description = "the proposal as it is now", body = ProposalRow),
        (status = 400, description = "bad body", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "no such proposal", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "it is another version now, or stands where it cannot be rejected", body = Conflict, content_type = "application/problem+json"),
        (status = 413, description = "too many bytes", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "another media type", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn reject(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Name(id): Name,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Json<ProposalRow>, Refused> {
    let Reject { reason, version } = read_json(&headers, bytes)?;
    decide_because(&app, caller, id, &headers, version, reason, |reason| DeskDecision::Reject { reason }).await
}

/// Lets many proposals be ordered, all or none. Of a filter's proposals, those that are decided already are passed over.
#[utoipa::path(
    post,
    path = "/v1/proposals:approve",
    request_body = ApproveManyBody,
    responses(
        (status = 200, description = "what was approved", body = Decided),
        (status = 400, description = "bad body", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "no such proposal", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "one of them stands where it cannot be approved", body = Conflict, content_type = "application/problem+json"),
        (status = 413, description = "too many bytes", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "another media type", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn approve_many(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Json<Decided>, Refused> {
    let ApproveMany { ids, filter } = read_json(&headers, bytes)?;
    let choice = choice_of(ids, filter)?;
    let rules = app.rules.clone();
    decide_many(&app, caller, choice, move |filed| rules.approval(filed)).await
}

/// Does not let many proposals be ordered, all or none.
#[utoipa::path(
    post,
    path = "/v1/proposals:reject",
    request_body = RejectManyBody,
    responses(
        (status = 200, description = "what was rejected", body = Decided),
        (status = 400, description = "bad body", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "no such proposal", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "one of them stands where it cannot be rejected", body = Conflict, content_type = "application/problem+json"),
        (status = 413, description = "too many bytes", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "another media type", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn reject_many(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Json<Decided>, Refused> {
    let RejectMany { ids, filter, reason } = read_json(&headers, bytes)?;
    let choice = choice_of(ids, filter)?;
    let decision = DeskDecision::Reject { reason: checked_reason(reason)? };
    decide_many(&app, caller, choice, move |_| decision.clone()).await
}

fn choice_of(ids: Option<Vec<String>>, filter: Option<String>) -> Result<Choice, Problem> {
    let refused = |got: &str| {
        let expected = "either ids or a filter such as \"value < 200\"";
        Problem::bad_body(format!("got {got}, expected {expected}")).field("ids", got, expected)
    };
    match (ids, filter) {
        (Some(_), Some(_)) => Err(refused("both ids and a filter")),
        (None, None) => Err(refused("neither ids nor a filter")),
        (Some(ids), None) if ids.is_empty() => Err(refused("no ids")),
        (Some(ids), None) if ids.len() > MAX_IDS => {
            let (got, expected) = (format!("{} ids", ids.len()), format!("at most {MAX_IDS}"));
            Err(Problem::bad_body(format!("ids: got {got}, expected {expected}")).field("ids", got, expected))
        }
        (Some(ids), None) => Ok(Choice::Ids(ids)),
        // Everything must be asked for in words: an empty filter may be a mistake.
        (None, Some(text)) => match filter_of("filter", Some(&text)) {
            Ok(Some(filter)) => Ok(Choice::Open(Some(filter))),
            Ok(None) => Err(refused("an empty filter")),
            Err(problem) => Err(Problem::bad_body(problem.detail.clone()).field("filter", text, "a filter of lines")),
        },
    }
}

/// The version that the client looked at: in the body or in the header `If-Match`.
fn version_of(headers: &HeaderMap, in_body: Option<u64>) -> Result<Option<u64>, Problem> {
    let Some(header) = headers.get(header::IF_MATCH) else { return Ok(in_body) };
    let text = header.to_str().unwrap_or("?").trim();
    if text == "*" {
        return Ok(in_body);
    }
    let number = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text).parse().ok();
    let refused = || Problem::bad_query("if-match", format!("{text:?}"), "the version of the proposal");
    let number: u64 = number.ok_or_else(refused)?;
    match in_body {
        Some(in_body) if in_body != number => {
            Err(Problem::bad_query("if-match", number.to_string(), format!("{in_body} as in the body")))
        }
        _ => Ok(Some(number)),
    }
}

/// Decides about one proposal for a reason that is given.
async fn decide_because(
    app: &App,
    caller: Caller,
    id: String,
    headers: &HeaderMap,
    version: Option<u64>,
    reason: String,
    decision: impl FnOnce(String) -> DeskDecision,
) -> Result<Json<ProposalRow>, Refused> {
    let decision = decision(checked_reason(reason)?);
    decide_one(app, caller, id, version_of(headers, version)?, move |_| decision.clone()).await
}

async fn decide_one(
    app: &App,
    caller: Caller,
    id: String,
    version: Option<u64>,
    decision: impl Fn(&Filed) -> DeskDecision + Send + 'static,
) -> Result<Json<ProposalRow>, Refused> {
    let named = id.clone();
    let filed = app.writer.file(move |projection| {
        let found = projection.desk.get(&id).filter(|filed| caller.covers(Some(&filed.need.destination)));
        let Some(filed) = found else {
            return Err(NotDecided::Desk(DeskError::NoSuchProposal { proposal_id: id.clone() }, None));
        };
        if let Some(version) = version.filter(|version| *version != filed.version) {
            return Err(NotDecided::Stale(Box::new(filed.clone()), version));
        }
        let entry = projection.desk.decide(&id, &caller.name, &decision(filed));
        entry.map(|entry| vec![entry]).map_err(|error| NotDecided::Desk(error, Some(Box::new(filed.clone()))))
    });
    taken(app, filed.await)?;
    let projection = app.writer.projection()?;
    let filed = projection.desk.get(&named).expect("it was decided about");
    Ok(Json(ProposalRow::new(filed, &app.rules)))
}

async fn decide_many(
    app: &App,
    caller: Caller,
    choice: Choice,
    decision: impl Fn(&Filed) -> DeskDecision + Send + 'static,
) -> Result<Json<Decided>, Refused> {
    let filed = app.writer.file(move |projection| {
        let covers = |filed: &Filed| caller.covers(Some(&filed.need.destination));
        projection.desk.decide_all(&choice, &caller.name, &covers, &decision).map_err(|error| {
            let current = match &error {
                DeskError::WrongState { proposal_id, .. } | DeskError::SamePerson { proposal_id, .. } => {
                    projection.desk.get(proposal_id).cloned().map(Box::new)
                }
                _ => None,
            };
            NotDecided::Desk(error, current)
        })
    });
    let entries = taken(app, filed.await)?;
    let projection = app.writer.projection()?;
    let decided = entries.iter().filter_map(|entry| projection.desk.get(&entry.proposal_id));
    let row = |filed: &Filed| DecidedRow {
        proposal_id: filed.proposal_id.clone(),
        state: filed.state.name(),
        version: filed.version,
    };
    Ok(Json(Decided { decided: decided.map(row).collect() }))
}

/// The entries that were filed, or why not.
fn taken(app: &App, filed: Result<Result<Vec<DeskEntry>, NotDecided>, Failure>) -> Result<Vec<DeskEntry>, Refused> {
    let (problem, current) = match filed? {
        Ok(entries) => return Ok(entries),
        Err(NotDecided::Desk(error, current)) => (Problem::from(error), current),
        Err(NotDecided::Stale(current, version)) => {
            let detail = format!(
                "version {version} of proposal {} was looked at, it is version {} now",
                current.proposal_id, current.version
            );
            let problem = Problem::new(StatusCode::CONFLICT, "stale", "It has changed meanwhile", detail)
                .field("version", version.to_string(), current.version.to_string())
                .fix("look at what it is now, and decide again with its version");
            (problem, Some(current))
        }
    };
    let current = current.filter(|_| problem.status == StatusCode::CONFLICT.as_u16());
    let current = current.map(|filed| ProposalRow::new(&filed, &app.rules));
    Err(Refused(Box::new(Conflict { problem, current })))
}
