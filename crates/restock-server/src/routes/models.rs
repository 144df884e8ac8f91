//! Versions of the demand model and which of them is used; policies and where they act.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::{Extension, Json};
use restock_core::Money;
use restock_core::settings::Segment;
use restock_ledger::AuditEntry;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::authentication::Caller;
use crate::extract::{Acted, Name, checked_reason, read_json};
use crate::models::{ModelChange, ModelOrder, ModelRefusal, ModelRequest, Models};
use crate::problem::Problem;
use crate::routes::adaptation::ContestRow;
use crate::server::App;

/// Versions of the demand model: the shipped one, those fitted to the project, which is used and how it came to that.
#[utoipa::path(
    get,
    path = "/v1/models",
    responses(
        (status = 200, description = "all versions", body = Models),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(State(app): State<App>) -> Result<Json<Models>, Problem> {
    Ok(Json(app.planning.ask_for(|planner| planner.models()).await?))
}

/// Why a version is used.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PromoteBody {
    /// Why; the audit trail keeps it.
    #[schema(min_length = 1, max_length = 1000)]
    reason: String,
    /// Whether it is used although nothing shows that it is better than the model as shipped.
    #[serde(default)]
    without_evidence: bool,
}

/// Uses a version of the demand model from the next plan on, which is made at once.
#[utoipa::path(
    post,
    path = "/v1/models/{version}:promote",
    params(("version" = String, Path)),
    request_body = PromoteBody,
    responses(
        (status = 200, description = "what changed", body = ModelChange),
        (status = 400, description = "bad body", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "no such version", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nothing shows that it is better, or nobody plans", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "too many bytes", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "another media type", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn promote(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Acted { name: Name(version), .. }: Acted,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Json<ModelChange>, Problem> {
    let PromoteBody { reason, without_evidence } = read_json(&headers, bytes)?;
    let reason = checked_reason(reason)?;
    let without_evidence = without_evidence.then(|| reason.clone());
    change(&app, &caller, ModelRequest::Promote { version, without_evidence }, reason).await
}

/// Why a version is used no more.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RollBackBody {
    /// Why; the audit trail keeps it.
    #[schema(min_length = 1, max_length = 1000)]
    reason: String,
}

/// Uses again what was used before the last promotion, from the next plan on, which is made at once.
#[utoipa::path(
    post,
    path = "/v1/models:rollback",
    request_body = RollBackBody,
    responses(
        (status = 200, description = "what changed", body = ModelChange),
        (status = 400, description = "bad body", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "the version before is gone", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nothing was promoted before, or nobody plans", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "too many bytes", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "another media type", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn roll_back(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Json<ModelChange>, Problem> {
    let RollBackBody { reason } = read_json(&headers, bytes)?;
    let reason = checked_reason(reason)?;
    change(&app, &caller, ModelRequest::RollBack, reason).await
}

/// Finds out what would change, writes that to the audit trail, and does it.
async fn change(
    app: &App,
    caller: &Caller,
    request: ModelRequest,
    reason: String,
) -> Result<Json<ModelChange>, Problem> {
    let at = (app.clock)();
    let day = app.time_zone.to_datetime(at).date();
    let order = |is_rehearsal| ModelOrder { request: request.clone(), day, is_rehearsal };
    let rehearsal = order(true);
    let would = app.planning.ask_for(move |planner| planner.change_model(&rehearsal, at)).await??;
    let entry = AuditEntry {
        at,
        actor: caller.name.clone(),
        action: format!("model.{}", would.action),
        subject: format!("model/{}", would.to),
        reason,
        before: would.from,
        after: would.to,
    };
    app.writer.write(move |ledger| ledger.record(&entry).map(drop)).await?;
    let order = order(false);
    let changed = app.planning.ask_for(move |planner| planner.change_model(&order, at)).await??;
    Ok(Json(changed))
}

impl From<ModelRefusal> for Problem {
    fn from(refusal: ModelRefusal) -> Self {
        let detail: String = refusal.to_string().chars().take(400).collect();
        let conflict = |name, title, fix: &str| Self::new(StatusCode::CONFLICT, name, title, detail.as_str()).fix(fix);
        match refusal {
            ModelRefusal::Unknown(_) => Self::not_found(detail.as_str()).fix("GET /v1/models lists all versions"),
            ModelRefusal::NotBetter(_) => {
                conflict("not-better", "Nothing shows that it is better", "set without_evidence, and give the reason")
            }
            ModelRefusal::NothingBefore(_) => {
                conflict("nothing-before", "There is nothing before", "GET /v1/models shows what is used")
            }
            ModelRefusal::Damaged(_) => {
                conflict("damaged", "The version cannot be used", "promote another version, such as shipped")
            }
        }
    }
}

/// A segment of the settings.
#[derive(Debug, Serialize, ToSchema)]
struct SegmentRule {
    /// The filter of its item-locations.
    r#where: String,
    /// The policy for these, where it says one.
    policy: Option<String>,
    /// The objective for these, where it says one.
    #[schema(value_type = Option<Object>)]
    objective: Option<serde_json::Value>,
}

impl From<&Segment> for SegmentRule {
    fn from(segment: &Segment) -> Self {
        let objective = segment.objective.map(|objective| serde_json::to_value(objective).unwrap_or_default());
        Self { r#where: segment.filter.clone(), policy: segment.policy.clone(), objective }
    }
}

/// A policy that decides somewhere.
#[derive(Debug, Serialize, ToSchema)]
struct ActingRow {
    /// Its name, as lines have it: `GET /v1/item-locations?q=policy == '…'` lists where.
    policy: String,
    /// Item-locations that it decides for.
    n_lines: usize,
    /// Those for which it orders something.
    n_ordered: usize,
    /// Value of these orders where the cost is known, a decimal.
    order_value: String,
}

/// Which policies are set, how they are guarded, and where they act.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PolicyBody {
    /// The policy where no segment says another; nothing before the first plan.
    policy: Option<String>,
    /// What orders should achieve where no segment says otherwise.
    #[schema(value_type = Option<Object>)]
    objective: Option<serde_json::Value>,
    /// Whether the learned policy may act under `auto`; else it only watches.
    learned_acts: bool,
    /// Largest order of the learned policy as a multiple of the classical one.
    learned_max_ratio: Option<f64>,
    /// Largest order as days of expected demand, where there is such a guard.
    max_days_of_cover: Option<f64>,
    /// The first whose filter holds counts.
    segments: Vec<SegmentRule>,
    /// Policies that decide, by name.
    acting: Vec<ActingRow>,
    /// The contest of policies, where one is held.
    contest: Option<ContestRow>,
}

/// Which policies are set, how they are guarded, where they act, and how the contest between them stands.
#[utoipa::path(
    get,
    path = "/v1/policies",
    responses(
        (status = 200, description = "policies", body = PolicyBody),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn policies(State(app): State<App>) -> Result<Json<PolicyBody>, Problem> {
    let asked = app.planning.ask(|planner| {
        let mut acting: BTreeMap<&str, (usize, usize, Money)> = BTreeMap::new();
        for planned in planner.lines() {
            let (n_lines, n_ordered, value) = acting.entry(&planned.line.policy).or_default();
            *n_lines += 1;
            *n_ordered += usize::from(planned.proposal_id.is_some());
            *value += planned.line.value.filter(|_| planned.proposal_id.is_some()).unwrap_or_default();
        }
        let row = |(policy, (n_lines, n_ordered, value)): (&str, (usize, usize, Money))| ActingRow {
            policy: policy.to_owned(),
            n_lines,
            n_ordered,
            order_value: value.to_string(),
        };
        let acting = acting.into_iter().map(row).collect();
        let settings = planner.settings();
        let contests = planner.adaptation().map_or_else(Vec::new, |report| report.contests);
        PolicyBody {
            policy: settings.map(|settings| settings.policy.clone()),
            objective: settings.map(|settings| serde_json::to_value(settings.objective).unwrap_or_default()),
            learned_acts: settings.is_some_and(|settings| settings.learned_acts),
            learned_max_ratio: settings.map(|settings| settings.learned_max_ratio),
            max_days_of_cover: settings.and_then(|settings| settings.max_days_of_cover),
            segments: settings.map_or_else(Vec::new, |settings| settings.segments.iter().map(Into::into).collect()),
            acting,
            contest: contests.into_iter().find(|contest| contest.of == "policy").map(Into::into),
        }
    });
    Ok(Json(asked.await?))
}
