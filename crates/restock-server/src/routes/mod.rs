//! The routes, a file per resource.

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath};
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};

use crate::access::{methods, path_of};
use crate::limits::MAX_BODY_BYTES;
use crate::problem::Problem;
use crate::server::App;

pub(crate) mod audit;
pub(crate) mod decisions;
pub(crate) mod events;
pub(crate) mod inventory;
pub(crate) mod operations;
pub(crate) mod orders;
pub(crate) mod plans;
pub(crate) mod proposals;
pub(crate) mod quarantine;
pub(crate) mod stream;

/// All routes; who may use them is in [`crate::access::ENDPOINTS`].
pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/health", get(operations::health))
        .route("/ready", get(operations::ready))
        .route("/metrics", get(operations::metrics))
        .route("/v1/openapi.json", get(operations::openapi))
        .route("/v1/events", get(events::list).post(events::append))
        .route("/v1/events/{sequence}", get(events::one))
        .route("/v1/inventory", get(inventory::list))
        .route("/v1/stream", get(stream::follow))
        .route("/v1/quarantine", get(quarantine::list))
        .route("/v1/quarantine/{id}", get(quarantine::one))
        .route("/v1/quarantine/{id}/release", post(quarantine::release))
        .route("/v1/quarantine/{id}/discard", post(quarantine::discard))
        .route("/v1/audit", get(audit::list))
        .route("/v1/proposals", get(proposals::list))
        .route("/v1/proposals:approve", post(decisions::approve_many))
        .route("/v1/proposals:reject", post(decisions::reject_many))
        .route("/v1/proposals/{id}", get(proposals::one).patch(decisions::edit).post(decisions::act))
        .route("/v1/proposals/{id}/explanation", get(proposals::explanation))
        .route("/v1/orders", get(orders::list).post(orders::export))
        .route("/v1/orders/{id}", get(orders::one))
        .route("/v1/plans", get(plans::list).post(plans::replan))
        .method_not_allowed_fallback(wrong_method)
        .fallback(unknown)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
}

async fn unknown(uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(200).collect();
    let detail = format!("there is no route {path:?}");
    Problem::new(StatusCode::NOT_FOUND, "unknown-route", "There is no such route", detail)
        .fix("/v1/openapi.json lists all routes")
}

pub(crate) async fn wrong_method(method: Method, matched: MatchedPath, uri: Uri) -> impl IntoResponse {
    let path = path_of(matched.as_str(), uri.path());
    let allow = methods(&path).join(", ");
    let detail = format!("{path} cannot be {method}");
    let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "wrong-method", "The route has other methods", detail)
        .field("method", method.as_str(), allow.clone());
    ([(header::ALLOW, allow)], problem)
}
