//! How the server is: health, readiness, metrics, and the description of the API.

use std::sync::PoisonError;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, header};
use axum::response::IntoResponse;
use restock_intake::{Watch, metrics_text};
use serde::Serialize;
use utoipa::ToSchema;

use crate::openapi::document;
use crate::problem::Problem;
use crate::server::App;
use crate::writer::{Failure, State as WriterState};

/// How the server is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Status {
    /// `ok`.
    status: &'static str,
}

/// Whether the process answers.
#[utoipa::path(get, path = "/health", responses((status = 200, description = "the process answers", body = Status)))]
pub(crate) async fn health() -> Json<Status> {
    Json(Status { status: "ok" })
}

/// Whether requests are answered, and how planning goes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// `ready`.
    status: &'static str,
    /// How the last plan went: `planned`, `with_problems` where files or rows could not be read, or `failed`; `/v1/plans` says
    /// more. Nothing before the first plan, and where nobody plans.
    #[serde(skip_serializing_if = "Option::is_none")]
    planning: Option<&'static str>,
}

/// Whether the stock book has caught up with the ledger, so that requests are answered. A plan with problems, or none, keeps
/// nobody from sending events.
#[utoipa::path(get, path = "/ready", responses((status = 200, description = "requests are answered", body = Readiness)))]
pub(crate) async fn ready(State(app): State<App>) -> Result<Json<Readiness>, Problem> {
    let state = app.writer.progress().borrow().state;
    match (state, *app.is_closing.borrow()) {
        (WriterState::Ready, false) => Ok(Json(Readiness {
            status: "ready",
            planning: app.planning.last_run().map(|run| match &run.result {
                Err(_) => "failed",
                Ok(_) if !run.problems.is_empty() => "with_problems",
                Ok(_) => "planned",
            }),
        })),
        (WriterState::Starting, false) => Err(Failure::Starting.into()),
        _ => Err(Failure::Stopping.into()),
    }
}

/// Counters in the text format of Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    responses((status = 200, description = "counters", body = String, content_type = "text/plain"))
)]
pub(crate) async fn metrics(State(app): State<App>) -> impl IntoResponse {
    let last_sequence = app.writer.progress().borrow().last_sequence;
    let text = app.metrics.text(app.writer.n_waiting(), last_sequence, app.passwords.n_checks())
        + &app.planning.metrics(last_sequence)
        + &intake_metrics(&app);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}

/// Sources of events beside the API.
fn intake_metrics(app: &App) -> String {
    let sources = app.sources.lock().unwrap_or_else(PoisonError::into_inner);
    metrics_text(&sources.iter().map(Watch::status).collect::<Vec<_>>())
}

/// The description of this API.
#[utoipa::path(
    get,
    path = "/v1/openapi.json",
    responses((status = 200, description = "OpenAPI 3.1", body = Object, content_type = "application/json"))
)]
pub(crate) async fn openapi() -> ([(HeaderName, &'static str); 1], String) {
    ([(header::CONTENT_TYPE, "application/json")], document())
}
