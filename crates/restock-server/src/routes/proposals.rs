//! Proposals of the desk: pages of them, one, and why.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::{Extension, Json};
use restock_core::filter::Filter;
use restock_core::finding::PlanException;
use restock_core::proposal::{Proposal, ProposalSource, ProposalType};
use restock_core::{ItemLocation, Money};
use restock_engine::{LineDetail, WhatIf};
use restock_ledger::{Filed, LINE_FIELDS, ProposalState, line_field};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::authentication::Caller;
use crate::extract::{Name, ValidQuery, page_size, read_json};
use crate::paging::keep_first;
use crate::planner::{LivePlanner, PlannedLine, Rules, Unanswered};
use crate::problem::Problem;
use crate::routes::exceptions::code_of;
use crate::routes::masters::item_of;
use crate::server::App;

/// A proposal on the desk.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ProposalRow {
    proposal_id: String,
    /// The number of its last change; an edit that names another one is refused.
    version: u64,
    /// `proposed`, `edited`, `approved`, `exported`, `acknowledged`, `partially_received`, `closed`, `rejected`, `expired`
    /// or `superseded`.
    state: &'static str,
    /// `purchase`, `transfer` or `production`.
    r#type: &'static str,
    item_id: String,
    /// The location that receives it.
    destination: String,
    /// The supplier that it comes from.
    supplier_id: Option<String>,
    /// The location that it comes from.
    from_location: Option<String>,
    /// What is or will be ordered, base units, a decimal.
    quantity: String,
    /// What the last plan wants, base units, a decimal.
    plan_wants: String,
    /// The base unit.
    uom: String,
    /// Base units of an order unit, a decimal; 0 where it is ordered by the unit.
    order_multiple: String,
    /// The order unit.
    order_uom: String,
    /// Cost per base unit, a decimal.
    unit_cost: Option<String>,
    /// Value of what is or will be ordered, a decimal.
    value: Option<String>,
    /// ISO 4217 code.
    currency: String,
    /// Last day to place the order.
    order_by: String,
    /// Day the goods can be sold.
    expected_receipt: String,
    /// Money at stake when it is not ordered, a decimal.
    priority: String,
    /// The plan that wants it last.
    plan_id: String,
    /// Who approved it.
    approvals: Vec<String>,
    /// How many different persons must approve it.
    n_approvers: u32,
    /// The last reason that a person gave; empty when none did.
    reason: String,
    /// The order that it became.
    order_id: Option<String>,
    /// What has arrived, base units, a decimal.
    received: String,
    /// How its item-location is planned; only where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    planned: Option<PlannedFacts>,
}

/// What an item-location looks like in the plan, as of the last events that the planner has taken in.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct PlannedFacts {
    /// Empty when unknown.
    item_name: String,
    /// Usable units on the shelf, a decimal.
    on_hand: String,
    /// Inventory position, base units, a decimal.
    position: String,
    /// Expected demand over the protection interval, base units.
    expected_demand: f64,
    /// Probability of a stock-out until the order after this one can arrive, without and with the order that is planned.
    p_stockout: [f64; 2],
    /// Days until expected demand has used up the stock and what is on order, without and with the order that is planned.
    days_of_cover: [f64; 2],
    /// Data health, 0 to 1.
    health: f64,
    /// Codes of its exceptions, the most money first: what a person should look at before it is ordered.
    exception_codes: Vec<String>,
}

impl PlannedFacts {
    fn of(planner: &dyn LivePlanner, place: &ItemLocation) -> Option<Self> {
        let PlannedLine { line, exceptions, .. } = planner.line(place)?;
        let item = planner.masters().and_then(|masters| item_of(masters, &line.item_id));
        let mut exceptions: Vec<&PlanException> = exceptions.iter().collect();
        exceptions.sort_by_key(|exception| Reverse(exception.expected_money));
        Some(Self {
            item_name: item.map_or_else(String::new, |item| item.name.clone()),
            on_hand: line.on_hand.to_string(),
            position: line.position.to_string(),
            expected_demand: line.expected_demand,
            p_stockout: line.p_stockout,
            days_of_cover: line.days_of_cover,
            health: line.health,
            exception_codes: exceptions.into_iter().map(code_of).collect(),
        })
    }
}

impl ProposalRow {
    pub(crate) fn new(filed: &Filed, rules: &Rules) -> Self {
        let need = &filed.need;
        let (supplier_id, from_location) = origin(&need.source);
        Self {
            proposal_id: filed.proposal_id.clone(),
            version: filed.version,
            state: filed.state.name(),
            r#type: type_name(need.proposal_type),
            item_id: need.item_id.clone(),
            destination: need.destination.clone(),
            supplier_id,
            from_location,
            quantity: filed.quantity.to_string(),
            plan_wants: need.quantity.to_string(),
            uom: need.uom.clone(),
            order_multiple: need.order_multiple.to_string(),
            order_uom: need.order_uom.clone(),
            unit_cost: need.unit_cost.map(|cost| cost.to_string()),
            value: filed.value().map(|value| value.to_string()),
            currency: need.currency.clone(),
            order_by: need.order_by.to_string(),
            expected_receipt: need.expected_receipt.to_string(),
            priority: need.priority.to_string(),
            plan_id: need.plan_id.clone(),
            approvals: filed.approvals.clone(),
            n_approvers: (rules.n_approvers)(filed).max(1),
            reason: filed.reason.clone(),
            order_id: filed.order_id.clone(),
            received: filed.received.to_string(),
            planned: None,
        }
    }
}

pub(crate) fn type_name(proposal_type: ProposalType) -> &'static str {
    match proposal_type {
        ProposalType::Purchase => "purchase",
        ProposalType::Transfer => "transfer",
        ProposalType::Production => "production",
    }
}

/// Supplier and location of a source.
pub(crate) fn origin(source: &ProposalSource) -> (Option<String>, Option<String>) {
    match source {
        ProposalSource::SupplierId(id) => (Some(id.clone()), None),
        ProposalSource::LocationId(id) => (None, Some(id.clone())),
        ProposalSource::Unknown => (None, None),
    }
}

/// A page of proposals.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProposalPage {
    proposals: Vec<ProposalRow>,
    /// What to give as `cursor` for the next page; nothing on the last page.
    next_cursor: Option<String>,
    /// The number of the last change that the page knows.
    last_number: u64,
}

/// Where proposals stand.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum StateQuery {
    /// Proposed, edited or approved: it waits to become an order.
    Open,
    Proposed,
    Edited,
    Approved,
    Exported,
    Acknowledged,
    PartiallyReceived,
    Closed,
    Rejected,
    Expired,
    Superseded,
}

impl StateQuery {
    fn has(self, state: ProposalState) -> bool {
        match self {
            Self::Open => state.is_open(),
            Self::Proposed => state == ProposalState::Proposed,
            Self::Edited => state == ProposalState::Edited,
            Self::Approved => state == ProposalState::Approved,
            Self::Exported => state == ProposalState::Exported,
            Self::Acknowledged => state == ProposalState::Acknowledged,
            Self::PartiallyReceived => state == ProposalState::PartiallyReceived,
            Self::Closed => state == ProposalState::Closed,
            Self::Rejected => state == ProposalState::Rejected,
            Self::Expired => state == ProposalState::Expired,
            Self::Superseded => state == ProposalState::Superseded,
        }
    }
}

/// What comes first.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Sort {
    /// The most at stake.
    #[default]
    Priority,
    /// The most money; what has no value comes last.
    Value,
    /// The earliest day to order.
    OrderBy,
    /// The smallest id.
    Id,
}

impl Sort {
    /// Smaller keys come first; equal ones by id.
    fn key(self, filed: &Filed) -> Money {
        match self {
            Self::Priority => -filed.need.priority,
            Self::Value => filed.value().map_or(Money::MAX, |value| -value),
            Self::OrderBy => Money::from(filed.need.order_by.0),
            Self::Id => Money::ZERO,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ProposalQuery {
    /// Proposals in this state only.
    #[param(inline)]
    state: Option<StateQuery>,
    /// Of this item only.
    item: Option<String>,
    /// For this location only.
    location: Option<String>,
    /// From this supplier or location only.
    source: Option<String>,
    /// Those that a filter holds for, such as `value < 200 and source.id == 'dairy'`. Its fields are item.id, location.id,
    /// quantity, source.id, state and value.
    q: Option<String>,
    /// What comes first.
    #[param(inline)]
    sort: Option<Sort>,
    /// Whether each row tells how its item-location is planned (`planned`); it waits for the first plan then.
    planned: Option<bool>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
    /// The most rows.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u64>,
}

/// Proposals of the desk, the most at stake first.
#[utoipa::path(
    get,
    path = "/v1/proposals",
    params(ProposalQuery),
    responses(
        (status = 200, description = "a page of proposals", body = ProposalPage),
        (status = 400, description = "bad query", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "asked how it is planned, and nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    ValidQuery(query): ValidQuery<ProposalQuery>,
) -> Result<Json<ProposalPage>, Problem> {
    let ProposalPage { mut proposals, next_cursor, last_number } = page(&app, &caller, &query)?;
    if query.planned.unwrap_or(false) {
        let asked = app.planning.ask(move |planner| {
            for row in &mut proposals {
                row.planned = PlannedFacts::of(planner, &ItemLocation::new(&row.item_id, &row.destination));
            }
            proposals
        });
        proposals = asked.await?;
    }
    Ok(Json(ProposalPage { proposals, next_cursor, last_number }))
}

fn page(app: &App, caller: &Caller, query: &ProposalQuery) -> Result<ProposalPage, Problem> {
    let limit = page_size(query.limit)?;
    let filter = filter_of("q", query.q.as_deref())?;
    let after = cursor_of(query.cursor.as_deref())?;
    let sort = query.sort.unwrap_or_default();
    let projection = app.writer.projection()?;
    let is_same = |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|wanted| wanted == is);
    let mut found: Vec<(Money, &Filed)> = projection
        .desk
        .all()
        .filter(|filed| {
            let need = &filed.need;
            caller.covers(Some(&need.destination))
                && query.state.is_none_or(|state| state.has(filed.state))
                && is_same(&query.item, &need.item_id)
                && is_same(&query.location, &need.destination)
                && (query.source.is_none() || is_same(&query.source, &need.source.to_string()))
                && filter.as_ref().is_none_or(|filter| filter.matches(&|name| line_field(filed, name)))
        })
        .map(|filed| (sort.key(filed), filed))
        .filter(|(key, filed)| {
            let place = (*key, filed.proposal_id.as_str());
            after.as_ref().is_none_or(|(key, id)| place > (*key, id.as_str()))
        })
        .collect();
    let has_more = keep_first(&mut found, limit, |(key, filed), (other_key, other)| {
        (key, &filed.proposal_id).cmp(&(other_key, &other.proposal_id))
    });
    let next_cursor = found
        .last()
        .filter(|_| has_more)
        .map(|(key, filed)| serde_json::to_string(&(key.to_string(), &filed.proposal_id)).expect("texts are JSON"));
    let proposals = found.into_iter().map(|(_, filed)| ProposalRow::new(filed, &app.rules)).collect();
    Ok(ProposalPage { proposals, next_cursor, last_number: projection.desk.last_number() })
}

/// A filter of lines; an empty text is none.
pub(crate) fn filter_of(field: &str, text: Option<&str>) -> Result<Option<Filter>, Problem> {
    filter_of_fields(field, text, LINE_FIELDS)
}

/// A filter of things that have these fields; an empty text is none.
pub(crate) fn filter_of_fields(field: &str, text: Option<&str>, fields: &[&str]) -> Result<Option<Filter>, Problem> {
    let Some(text) = text.filter(|text| !text.trim().is_empty()) else { return Ok(None) };
    Filter::parse_of_lines(text, fields).map(Some).map_err(|error| {
        let expected = format!("a filter of {}", fields.join(", "));
        let mut problem = Problem::bad_query(field, format!("{text:?}"), expected);
        problem.detail = error.to_string().into();
        problem
    })
}

fn cursor_of(text: Option<&str>) -> Result<Option<(Money, String)>, Problem> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let read = serde_json::from_str::<(String, String)>(text).ok();
    let cursor = read.and_then(|(key, id)| Some((key.parse().ok()?, id)));
    let refused = || Problem::bad_query("cursor", format!("{text:?}"), "next_cursor of the page before");
    cursor.map(Some).ok_or_else(refused)
}

/// The proposal with an id that the caller may see; what it may not see is not there.
pub(crate) fn find(app: &App, caller: &Caller, id: &str) -> Result<Filed, Problem> {
    let projection = app.writer.projection()?;
    let found = projection.desk.get(id).filter(|filed| caller.covers(Some(&filed.need.destination)));
    found.cloned().ok_or_else(|| no_such_proposal(id))
}

pub(crate) fn no_such_proposal(id: &str) -> Problem {
    let id: String = id.chars().take(200).collect();
    Problem::not_found(format!("there is no proposal {id:?}"))
}

/// One proposal; the header `etag` has its version.
#[utoipa::path(
    get,
    path = "/v1/proposals/{id}",
    params(("id" = String, Path)),
    responses(
        (status = 200, description = "the proposal", body = ProposalRow),
        (status = 400, description = "bad id", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "no such proposal", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn one(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Name(id): Name,
) -> Result<([(HeaderName, String); 1], Json<ProposalRow>), Problem> {
    let row = ProposalRow::new(&find(&app, &caller, &id)?, &app.rules);
    Ok(([(header::ETAG, format!("\"{}\"", row.version))], Json(row)))
}

/// The whole record behind a proposal, as of the last events that the planner has taken in: why this quantity.
#[utoipa::path(
    get,
    path = "/v1/proposals/{id}/explanation",
    params(("id" = String, Path)),
    responses(
        (status = 200, description = "the record with its explanation", body = Object),
        (status = 400, description = "bad id", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "no such proposal", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nothing of the kind is needed any more, or nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn explanation(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Name(id): Name,
) -> Result<Json<Proposal>, Problem> {
    let filed = find(&app, &caller, &id)?;
    match app.planning.explain(filed.need).await? {
        Some(proposal) => Ok(Json(proposal)),
        None => {
            let detail = format!("proposal {id} is {}, the planner wants nothing of the kind now", filed.state.name());
            Err(Problem::new(StatusCode::CONFLICT, "no-longer-needed", "It is not needed any more", detail)
                .fix("GET /v1/proposals?state=open lists what is proposed now"))
        }
    }
}

/// What could be different.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WhatIfBody {
    /// Names and values, such as `{"lead_time": 5, "demand": "1.2x"}`. Known are lead_time, review, target, demand, pack,
    /// min_order, on_hand and price.
    #[serde(default)]
    #[schema(value_type = Object)]
    what_if: BTreeMap<String, Value>,
}

impl WhatIfBody {
    fn read(self) -> Result<Vec<WhatIf>, Problem> {
        let read = |(name, value): (String, Value)| {
            let expected = "a number or a text, such as 5 or \"1.2x\"";
            let refused = |detail: String| Problem::bad_body(detail).field(&name, value.to_string(), expected);
            let text = match &value {
                Value::Number(number) => number.to_string(),
                Value::String(text) => text.clone(),
                _ => return Err(refused(format!("{name}: got {value}, expected {expected}"))),
            };
            WhatIf::parse(&format!("{name}={text}")).map_err(|error| refused(error.to_string()))
        };
        self.what_if.into_iter().map(read).collect()
    }
}

/// The record behind a proposal, and its line as it would be.
#[derive(Serialize)]
pub(crate) struct WhatIfAnswer {
    #[serde(flatten)]
    proposal: Proposal,
    /// Nothing where nothing is different.
    what_if: Option<LineDetail>,
}

/// The whole record behind a proposal as `GET` gives it, and as `what_if` what its item-location would be if something were
/// different: what `GET /v1/item-locations/{item}/{location}` answers to the same question. Nothing is changed by it.
#[utoipa::path(
    post,
    path = "/v1/proposals/{id}/explanation",
    params(("id" = String, Path)),
    request_body = WhatIfBody,
    responses(
        (status = 200, description = "the record with its explanation, and `what_if`, nothing where nothing is different", body = Object),
        (status = 404, description = "no such proposal", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nothing of the kind is needed any more, or nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn what_if(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Name(id): Name,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Json<WhatIfAnswer>, Problem> {
    let what_ifs = read_json::<WhatIfBody>(&headers, bytes)?.read()?;
    let Json(proposal) = explanation(State(app.clone()), Extension(caller), Name(id)).await?;
    if what_ifs.is_empty() {
        return Ok(Json(WhatIfAnswer { proposal, what_if: None }));
    }
    let place = ItemLocation::new(&proposal.item_id, &proposal.destination);
    let explained = app.planning.ask_for(move |planner| planner.explain(&place, &what_ifs)).await?;
    Ok(Json(WhatIfAnswer { proposal, what_if: explained?.what_if }))
}

impl From<Unanswered> for Problem {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::NoPlanner => {
                let detail = "this server does not plan";
                Self::new(StatusCode::CONFLICT, "no-planner", "There is no planner", detail)
                    .fix("plan with `restock plan --publish`, or serve with live planning")
            }
            Unanswered::NotYet => Self::unavailable("not-planned", "the first plan is being made"),
            Unanswered::Full => Self::unavailable("overloaded", "too many requests wait for the planner"),
            Unanswered::Stopping => Self::unavailable("stopping", "the server is shutting down"),
            Unanswered::Failed(error) => {
                tracing::error!(error = %error, "the planner could not answer");
                Self::internal("the planner could not answer")
            }
        }
    }
}
