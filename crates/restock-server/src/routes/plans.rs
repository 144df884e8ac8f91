//! Runs of the planner: the last ones, and a plan of everything on request.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use jiff::Timestamp;
use restock_ledger::AuditEntry;
use serde::Serialize;
use utoipa::ToSchema;

use crate::authentication::Caller;
use crate::planner::Run;
use crate::problem::Problem;
use crate::server::App;

/// A run of the planner.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlanRow {
    /// When its proposals were filed, or when it failed.
    #[schema(value_type = String)]
    at: Timestamp,
    /// `filed` or `failed`.
    outcome: &'static str,
    /// The plan.
    plan_id: Option<String>,
    /// The day of the plan.
    as_of: Option<String>,
    /// `everything` or `places`: what it looked at.
    scope: Option<&'static str>,
    /// Item-locations that it looked at; nothing when it was everything.
    n_places: Option<usize>,
    /// Events that it took in.
    n_events: usize,
    /// Changes of proposals that it made.
    n_changed: usize,
    /// Seconds of planning.
    seconds: f64,
    /// Why it failed.
    error: Option<String>,
    /// What was wrong with the data that it was made from: files that could not be read, of which what was read before
    /// stands, and rows that were left out.
    problems: Vec<String>,
}

impl From<Run> for PlanRow {
    fn from(run: Run) -> Self {
        let Run { at, n_events, seconds, problems, result } = run;
        let (planned, error) = match result {
            Ok(planned) => (Some(planned), None),
            Err(error) => (None, Some(error)),
        };
        Self {
            at,
            outcome: if error.is_none() { "filed" } else { "failed" },
            plan_id: planned.as_ref().map(|planned| planned.plan_id.clone()),
            as_of: planned.as_ref().map(|planned| planned.as_of.to_string()),
            scope: planned.as_ref().map(|planned| if planned.n_places.is_none() { "everything" } else { "places" }),
            n_places: planned.as_ref().and_then(|planned| planned.n_places),
            n_events,
            n_changed: planned.map_or(0, |planned| planned.n_changed),
            seconds,
            error,
            problems,
        }
    }
}

/// The last runs of the planner.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlanPage {
    /// At most 100 since the start of the server, the latest first.
    plans: Vec<PlanRow>,
}

/// The last runs of the planner that changed something or failed.
#[utoipa::path(
    get,
    path = "/v1/plans",
    responses((status = 200, description = "the last runs", body = PlanPage))
)]
pub(crate) async fn list(State(app): State<App>) -> Json<PlanPage> {
    Json(PlanPage { plans: app.planning.runs().into_iter().map(PlanRow::from).collect() })
}

/// What was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Asked {
    /// `accepted`.
    status: &'static str,
}

/// Asks for a plan of everything; its proposals come later, and the stream tells of them.
#[utoipa::path(
    post,
    path = "/v1/plans",
    responses(
        (status = 202, description = "it will be planned", body = Asked),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn replan(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Result<(StatusCode, Json<Asked>), Problem> {
    app.planning.replan()?;
    let entry = AuditEntry {
        at: (app.clock)(),
        actor: caller.name,
        action: "plan.request".to_owned(),
        subject: "plan".to_owned(),
        reason: String::new(),
        before: String::new(),
        after: String::new(),
    };
    app.writer.write(move |ledger| ledger.record(&entry).map(drop)).await?;
    Ok((StatusCode::ACCEPTED, Json(Asked { status: "accepted" })))
}
