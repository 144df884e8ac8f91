//! Simulations, backtests and the curve of service against stock: each is a job.

use axum::Extension;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use restock_engine::simulate::Shock;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::authentication::Caller;
use crate::extract::{Name, read_json};
use crate::jobs::JobRequest;
use crate::limits::MAX_CHANGES;
use crate::problem::Problem;
use crate::routes::jobs::{Begun, JobBody, JobRow, answer, begun};
use crate::server::App;

/// What cannot be worked on.
pub(crate) fn refused(field: &str, got: impl std::fmt::Display, expected: impl Into<String>) -> Problem {
    let (got, expected) = (got.to_string(), expected.into());
    let detail = format!("{field}: got {got}, expected {expected}");
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "bad-job", "The job cannot be done", detail)
        .field(field, got, expected)
}

/// A number of a job within its bounds, or the usual one.
fn number(field: &str, got: Option<u64>, usual: u64, most: u64, least: u64) -> Result<usize, Problem> {
    let got = got.unwrap_or(usual);
    match (least..=most).contains(&got) {
        true => Ok(got as usize),
        false => Err(refused(field, got, format!("{least} to {most}"))),
    }
}

pub(crate) fn few<T>(field: &str, list: &[T]) -> Result<(), Problem> {
    match list.len() <= MAX_CHANGES {
        true => Ok(()),
        false => Err(refused(field, format!("{} of them", list.len()), format!("at most {MAX_CHANGES}"))),
    }
}

/// Which future is played.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SimulationBody {
    /// What happens besides, such as `demand=+30%@2026-12-01..2026-12-24 where location.kind == 'store'`,
    /// `lead_time=+5@2026-12`, `supplier=down@2026-12-01..2026-12-14` or `price=-10%@2026-12`; the same future without it is
    /// played alongside.
    #[serde(default)]
    #[schema(max_items = 50)]
    shocks: Vec<String>,
    /// Days to play; 90 where nothing is said.
    #[schema(minimum = 1, maximum = 730)]
    days: Option<u64>,
    /// Futures per item-location; 200 where nothing is said.
    #[schema(minimum = 2, maximum = 10000)]
    paths: Option<u64>,
}

/// Plays the future under the plan's policy many times, with and without shocks: fill rate, cost and stock with their
/// intervals, by location and item-location (the 1,000 that lose most).
#[utoipa::path(
    post,
    path = "/v1/simulations",
    request_body = SimulationBody,
    responses(
        (status = 202, description = "it will be played; the header location says where the answer is", body = JobRow),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "not a future", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn simulate(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Begun, Problem> {
    let SimulationBody { shocks, days, paths } = read_json(&headers, bytes)?;
    few("shocks", &shocks)?;
    let read =
        |text: &String| Shock::parse(text).map_err(|error| refused("shocks", format!("{text:?}"), error.to_string()));
    let request = JobRequest::Simulation {
        shocks: shocks.iter().map(read).collect::<Result<_, _>>()?,
        n_days: number("days", days, 90, 730, 1)?,
        n_paths: number("paths", paths, 200, 10_000, 2)?,
    };
    begun(&app, &caller, request).await
}

/// A simulation and, once it is done, what it found.
#[utoipa::path(
    get,
    path = "/v1/simulations/{id}",
    params(("id" = String, Path)),
    responses(
        (status = 200, description = "the simulation", body = JobBody),
        (status = 404, description = "no such simulation", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn simulation(State(app): State<App>, Name(id): Name) -> Result<Json<JobBody>, Problem> {
    answer(&app, &id, |request| matches!(request, JobRequest::Simulation { .. }))
}

/// What is replayed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BacktestBody {
    /// Policies by name, such as `base_stock`, `min_max` or `configured` for what plans use; empty: `configured` and
    /// `min_max`.
    #[serde(default)]
    #[schema(max_items = 50)]
    policies: Vec<String>,
    /// Models by name, such as `auto` or `ets`: forecasts are compared then, and not policies.
    #[serde(default)]
    #[schema(max_items = 50)]
    models: Vec<String>,
    /// Weeks that count; of forecasts the origins, 3 where nothing is said.
    #[schema(minimum = 1, maximum = 520)]
    windows: Option<u64>,
    /// Periods ahead of each origin, of forecasts; 14 where nothing is said.
    #[schema(minimum = 1, maximum = 366)]
    horizon: Option<u64>,
    /// The most item-locations, spread evenly; all of them where nothing is said.
    #[schema(minimum = 1, maximum = 1000000)]
    limit: Option<u64>,
}

/// Replays policies, or forecasts, on the own history.
#[utoipa::path(
    post,
    path = "/v1/backtests",
    request_body = BacktestBody,
    responses(
        (status = 202, description = "it will be replayed; the header location says where the answer is", body = JobRow),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "not a replay", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn backtest(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Begun, Problem> {
    let BacktestBody { policies, models, windows, horizon, limit } = read_json(&headers, bytes)?;
    few("policies", &policies)?;
    few("models", &models)?;
    if !policies.is_empty() && !models.is_empty() {
        return Err(refused("models", "policies beside them", "policies or models, one job for each"));
    }
    let limit = limit.map(|limit| number("limit", Some(limit), 1, 1_000_000, 1)).transpose()?;
    let request = if models.is_empty() {
        if let Some(horizon) = horizon {
            return Err(refused("horizon", horizon, "nothing: a horizon is that of forecasts, name models"));
        }
        let n_weeks = windows.map(|windows| number("windows", Some(windows), 1, 520, 1)).transpose()?;
        JobRequest::Backtest { policies, n_weeks, limit }
    } else {
        let n_windows = number("windows", windows, 3, 520, 1)?;
        JobRequest::ForecastBacktest { models, horizon: number("horizon", horizon, 14, 366, 1)?, n_windows, limit }
    };
    begun(&app, &caller, request).await
}

/// A backtest and, once it is done, what it found.
#[utoipa::path(
    get,
    path = "/v1/backtests/{id}",
    params(("id" = String, Path)),
    responses(
        (status = 200, description = "the backtest", body = JobBody),
        (status = 404, description = "no such backtest", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn backtested(State(app): State<App>, Name(id): Name) -> Result<Json<JobBody>, Problem> {
    let is_meant =
        |request: &JobRequest| matches!(request, JobRequest::Backtest { .. } | JobRequest::ForecastBacktest { .. });
    answer(&app, &id, is_meant)
}

/// Service targets where nothing is said.
const USUAL_TARGETS: [f64; 9] = [0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.98, 0.99, 0.995];

/// Which service targets are compared.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FrontierBody {
    /// Each above 0 and below 1; nine of them from .8 to .995 where nothing is said.
    #[serde(default)]
    #[schema(max_items = 50)]
    targets: Vec<f64>,
}

/// Plans for each of some service targets: what more service costs in orders and stock, beside the plan as things are.
#[utoipa::path(
    post,
    path = "/v1/frontiers",
    request_body = FrontierBody,
    responses(
        (status = 202, description = "it will be planned; the header location says where the answer is", body = JobRow),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "not a service target", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn frontier(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Begun, Problem> {
    let FrontierBody { mut targets } = read_json(&headers, bytes)?;
    few("targets", &targets)?;
    if targets.is_empty() {
        targets = USUAL_TARGETS.to_vec();
    }
    if let Some(target) = targets.iter().find(|target| !(0.0 < **target && **target < 1.0)) {
        return Err(refused("targets", target, "shares above 0 and below 1, such as 0.95"));
    }
    begun(&app, &caller, JobRequest::Frontier { targets }).await
}

/// A curve of service against stock, once it is done.
#[utoipa::path(
    get,
    path = "/v1/frontiers/{id}",
    params(("id" = String, Path)),
    responses(
        (status = 200, description = "the curve", body = JobBody),
        (status = 404, description = "no such curve", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn frontier_of(State(app): State<App>, Name(id): Name) -> Result<Json<JobBody>, Problem> {
    answer(&app, &id, |request| matches!(request, JobRequest::Frontier { .. }))
}
