//! Scenarios: the plan under other circumstances, beside the plan as things are.

use std::sync::{Arc, MutexGuard, PoisonError};

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::{Extension, Json};
use jiff::Timestamp;
use restock_engine::scenario::ScenarioChange;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::authentication::Caller;
use crate::extract::{Acted, Name, ValidQuery, page_size, read_json, rows_before};
use crate::jobs::{Job, JobRequest};
use crate::limits::MAX_SCENARIOS;
use crate::names::fresh_name;
use crate::problem::Problem;
use crate::routes::jobs::{JobRow, begin};
use crate::routes::simulations::{few, refused};
use crate::scenarios::{Saying, Scenario, Scenarios, entry};
use crate::server::App;
use crate::trail::catch_up;

/// The longest name of a scenario, and the longest change, characters.
const MAX_TEXT: usize = 300;

/// A scenario.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ScenarioRow {
    scenario_id: String,
    name: String,
    /// What is otherwise, such as `target=0.99 where item.abc == 'A'`.
    changes: Vec<String>,
    /// Who said so last.
    author: String,
    #[schema(value_type = String)]
    at: Timestamp,
    /// The job that plans it, or planned it last; nothing where it was not planned since the start of the server.
    job: Option<JobRow>,
}

impl ScenarioRow {
    fn new(scenario_id: &str, scenario: Scenario, job: Option<&Job>) -> Self {
        let Scenario { saying, author, at, .. } = scenario;
        let (scenario_id, job) = (scenario_id.to_owned(), job.map(JobRow::of));
        Self { scenario_id, name: saying.name, changes: saying.changes, author, at, job }
    }
}

/// A scenario with what it comes to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ScenarioBody {
    #[serde(flatten)]
    scenario: ScenarioRow,
    /// As things are and under the scenario: totals (`summaries`), limits with what one more unit of each would bring
    /// (`limits`), `n_lines` that differ; nothing before it is planned.
    #[schema(value_type = Option<Object>)]
    comparison: Option<Value>,
}

/// Scenarios.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ScenarioPage {
    /// At most 200, the oldest first.
    scenarios: Vec<ScenarioRow>,
}

/// A new scenario.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewScenario {
    #[schema(min_length = 1, max_length = 300)]
    name: String,
    /// What is otherwise: a what-if, `lead_time=+5 where source.id == 'FAR'`, `target=0.99`, `demand=1.2x`, `pack=6`,
    /// `min_order=24`, `review=7`, `price=2.49`, `on_hand=10`; or a limit, `budget=5000`, `budget supplier:FAR=900`,
    /// `volume location:S01=12`, `weight all=900`, `lines all=40`, `containers supplier:FAR=2`.
    #[schema(max_items = 50)]
    changes: Vec<String>,
}

/// What is said otherwise.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScenarioPatch {
    #[schema(min_length = 1, max_length = 300)]
    name: Option<String>,
    /// All changes from now on.
    #[schema(max_items = 50)]
    changes: Option<Vec<String>>,
}

fn scenarios(app: &App) -> MutexGuard<'_, Scenarios> {
    app.scenarios.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The scenario of an id, as the audit trail has it now.
async fn find(app: &App, id: &str) -> Result<Scenario, Problem> {
    catch_up(app, &app.scenarios).await?;
    let found = scenarios(app).find(id).cloned();
    found.ok_or_else(|| Problem::not_found(format!("there is no scenario {id:?}")).fix("GET /v1/scenarios lists them"))
}

fn job_of(app: &App, scenario: &Scenario) -> Option<Arc<Job>> {
    app.jobs.find(scenario.job_id.as_deref()?)
}

fn row(app: &App, id: &str, scenario: Scenario) -> ScenarioRow {
    let job = job_of(app, &scenario);
    ScenarioRow::new(id, scenario, job.as_deref())
}

fn checked(saying: Saying) -> Result<Saying, Problem> {
    let name = saying.name.trim().to_owned();
    if name.is_empty() || name.chars().count() > MAX_TEXT {
        return Err(refused("name", format!("{} characters", name.chars().count()), format!("1 to {MAX_TEXT}")));
    }
    few("changes", &saying.changes)?;
    for change in &saying.changes {
        if change.chars().count() > MAX_TEXT {
            return Err(refused(
                "changes",
                format!("{} characters", change.chars().count()),
                format!("at most {MAX_TEXT}"),
            ));
        }
        ScenarioChange::parse(change).map_err(|error| refused("changes", format!("{change:?}"), error.to_string()))?;
    }
    Ok(Saying { name, changes: saying.changes.iter().map(|change| change.trim().to_owned()).collect() })
}

/// Writes down what a scenario says; `None` removes it.
async fn record(
    app: &App,
    caller: &Caller,
    id: &str,
    before: Option<&Saying>,
    after: Option<&Saying>,
) -> Result<(), Problem> {
    let entry = entry(id, before, after, &caller.name, (app.clock)());
    app.writer.write(move |ledger| ledger.record(&entry).map(drop)).await?;
    catch_up(app, &app.scenarios).await
}

/// Begins to plan a scenario.
async fn plan(app: &App, caller: &Caller, id: &str, saying: &Saying) -> Result<(), Problem> {
    let before = scenarios(app).find(id).and_then(|scenario| job_of(app, scenario));
    if let Some(before) = before {
        // Nobody waits for what was asked before.
        app.jobs.cancel(&before);
    }
    let job = begin(app, caller, JobRequest::Scenario { changes: saying.changes.clone() }).await?;
    scenarios(app).set_job(id, &job.job_id);
    Ok(())
}

/// Scenarios that people made.
#[utoipa::path(get, path = "/v1/scenarios", responses((status = 200, description = "all scenarios", body = ScenarioPage)))]
pub(crate) async fn list(State(app): State<App>) -> Result<Json<ScenarioPage>, Problem> {
    catch_up(&app, &app.scenarios).await?;
    let all: Vec<(String, Scenario)> = scenarios(&app).all().map(|(id, one)| (id.clone(), one.clone())).collect();
    Ok(Json(ScenarioPage { scenarios: all.into_iter().map(|(id, one)| row(&app, &id, one)).collect() }))
}

/// Makes a scenario and begins to plan it. Data and settings stay as they are.
#[utoipa::path(
    post,
    path = "/v1/scenarios",
    request_body = NewScenario,
    responses(
        (status = 201, description = "the scenario; its job says when it is planned", body = ScenarioRow),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "not a scenario, or one too many", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<ScenarioRow>), Problem> {
    let NewScenario { name, changes } = read_json(&headers, bytes)?;
    let saying = checked(Saying { name, changes })?;
    catch_up(&app, &app.scenarios).await?;
    let n = scenarios(&app).len();
    if n >= MAX_SCENARIOS {
        return Err(refused("scenarios", format!("{n} of them"), format!("at most {MAX_SCENARIOS}: remove some")));
    }
    // Nobody plans: said before anything is written.
    app.planning.ask(|planner| planner.standing().is_some()).await?;
    let id = format!("sc_{}", &fresh_name()?[..12]);
    record(&app, &caller, &id, None, Some(&saying)).await?;
    plan(&app, &caller, &id, &saying).await?;
    let row = row(&app, &id, find(&app, &id).await?);
    Ok((StatusCode::CREATED, [(header::LOCATION, format!("/v1/scenarios/{id}"))], Json(row)))
}

/// A scenario and what it comes to.
#[utoipa::path(
    get,
    path = "/v1/scenarios/{id}",
    params(("id" = String, Path)),
    responses(
        (status = 200, description = "the scenario", body = ScenarioBody),
        (status = 404, description = "no such scenario", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn one(State(app): State<App>, Name(id): Name) -> Result<Json<ScenarioBody>, Problem> {
    let scenario = find(&app, &id).await?;
    let answer = job_of(&app, &scenario).and_then(|job| job.answer());
    let comparison = answer.and_then(|answer| {
        let mut totals = answer.as_object()?.clone();
        let n_lines = totals.remove("lines").and_then(|lines| Some(lines.as_array()?.len()));
        totals.insert("n_lines".to_owned(), n_lines.into());
        Some(Value::Object(totals))
    });
    Ok(Json(ScenarioBody { scenario: row(&app, &id, scenario), comparison }))
}

/// Says something else in a scenario, and begins to plan it.
#[utoipa::path(
    patch,
    path = "/v1/scenarios/{id}",
    params(("id" = String, Path)),
    request_body = ScenarioPatch,
    responses(
        (status = 200, description = "the scenario; its job says when it is planned", body = ScenarioRow),
        (status = 404, description = "no such scenario", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "not a scenario", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn change(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Name(id): Name,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Json<ScenarioRow>, Problem> {
    let ScenarioPatch { name, changes } = read_json(&headers, bytes)?;
    let before = find(&app, &id).await?.saying;
    let named = before.clone();
    let saying = checked(Saying { name: name.unwrap_or(named.name), changes: changes.unwrap_or(named.changes) })?;
    if saying != before {
        record(&app, &caller, &id, Some(&before), Some(&saying)).await?;
    }
    plan(&app, &caller, &id, &saying).await?;
    Ok(Json(row(&app, &id, find(&app, &id).await?)))
}

/// Forgets a scenario; the audit trail keeps what it said.
#[utoipa::path(
    delete,
    path = "/v1/scenarios/{id}",
    params(("id" = String, Path)),
    responses(
        (status = 204, description = "it is forgotten"),
        (status = 404, description = "no such scenario", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn remove(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Name(id): Name,
) -> Result<StatusCode, Problem> {
    let scenario = find(&app, &id).await?;
    if let Some(job) = job_of(&app, &scenario) {
        app.jobs.cancel(&job);
    }
    record(&app, &caller, &id, Some(&scenario.saying), None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Plans a scenario again, with what is known now.
#[utoipa::path(
    post,
    path = "/v1/scenarios/{id}:plan",
    params(("id" = String, Path)),
    responses(
        (status = 202, description = "the scenario; its job says when it is planned", body = ScenarioRow),
        (status = 404, description = "no such scenario", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn plan_again(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Acted { name: Name(id), .. }: Acted,
) -> Result<(StatusCode, Json<ScenarioRow>), Problem> {
    let scenario = find(&app, &id).await?;
    plan(&app, &caller, &id, &scenario.saying).await?;
    Ok((StatusCode::ACCEPTED, Json(row(&app, &id, find(&app, &id).await?))))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DiffQuery {
    /// Rows that are passed over: `next_from` of the page before.
    #[param(minimum = 0)]
    from: Option<u64>,
    /// The most rows.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u64>,
}

/// Item-locations whose order differs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DiffPage {
    /// The largest difference in money first: item, location, source, and as things are and under the scenario quantity,
    /// value, expected demand, probability of a stock-out and days of cover.
    #[schema(value_type = Vec<Object>)]
    lines: Vec<Value>,
    /// How many there are.
    n_lines: usize,
    /// What to give as `from` for the next page; nothing on the last page.
    next_from: Option<u64>,
}

/// How the orders of a scenario differ from those as things are.
#[utoipa::path(
    get,
    path = "/v1/scenarios/{id}/diff",
    params(("id" = String, Path), DiffQuery),
    responses(
        (status = 200, description = "a page of item-locations", body = DiffPage),
        (status = 400, description = "bad query", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "no such scenario", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "it is not planned yet", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn diff(
    State(app): State<App>,
    Name(id): Name,
    ValidQuery(query): ValidQuery<DiffQuery>,
) -> Result<Json<DiffPage>, Problem> {
    let (limit, from) = (page_size(query.limit)?, rows_before(query.from)?);
    let scenario = find(&app, &id).await?;
    let job = job_of(&app, &scenario);
    let Some(answer) = job.as_ref().and_then(|job| job.answer()) else {
        let state = job.map_or("not asked for", |job| job.standing.borrow().state.name());
        let detail = format!("the plan of scenario {id} is {state}");
        return Err(Problem::new(StatusCode::CONFLICT, "not-planned", "The scenario is not planned", detail)
            .fix(format!("wait for its job, or POST /v1/scenarios/{id}:plan")));
    };
    let lines = answer.get("lines").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let first = from.min(lines.len());
    let page: Vec<Value> = lines[first..].iter().take(limit).cloned().collect();
    let end = first + page.len();
    let next_from = (end < lines.len()).then_some(end as u64);
    Ok(Json(DiffPage { lines: page, n_lines: lines.len(), next_from }))
}
