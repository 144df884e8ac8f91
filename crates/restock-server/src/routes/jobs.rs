//! Jobs: how far they are, and ending them.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;
use utoipa::ToSchema;

use crate::authentication::Caller;
use crate::extract::{Acted, Name};
use crate::jobs::{Job, JobRequest, JobStanding};
use crate::limits::HEARTBEAT;
use crate::problem::Problem;
use crate::routes::stream::Place;
use crate::server::App;

/// A job: what was asked for, and how far it is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobRow {
    job_id: String,
    /// `simulation`, `backtest`, `forecast_backtest`, `scenario` or `frontier`.
    kind: &'static str,
    /// `waiting`, `running`, `done`, `failed` or `cancelled`.
    state: &'static str,
    /// Steps that are made.
    done: usize,
    /// Steps in all, so far as they are known.
    total: usize,
    /// Who asked.
    author: String,
    #[schema(value_type = String)]
    asked_at: Timestamp,
    #[schema(value_type = Option<String>)]
    ended_at: Option<Timestamp>,
    /// Why there is no answer.
    error: Option<String>,
    /// Where the answer is.
    href: String,
}

impl JobRow {
    pub(crate) fn of(job: &Job) -> Self {
        let JobStanding { state, done, total } = *job.standing.borrow();
        let ended = job.ended();
        let id = &job.job_id;
        let href = match job.request {
            JobRequest::Simulation { .. } => format!("/v1/simulations/{id}"),
            JobRequest::Backtest { .. } | JobRequest::ForecastBacktest { .. } => format!("/v1/backtests/{id}"),
            JobRequest::Frontier { .. } => format!("/v1/frontiers/{id}"),
            JobRequest::Scenario { .. } => format!("/v1/jobs/{id}"),
        };
        Self {
            job_id: id.clone(),
            kind: job.request.kind(),
            state: state.name(),
            done,
            total,
            author: job.author.clone(),
            asked_at: job.asked_at,
            ended_at: ended.as_ref().map(|ended| ended.at),
            error: ended.and_then(|ended| ended.answer.err()),
            href,
        }
    }
}

/// A job with its answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobBody {
    #[serde(flatten)]
    job: JobRow,
    /// The answer; nothing before the job is done.
    #[schema(value_type = Option<Object>)]
    result: Option<Arc<Value>>,
}

/// Jobs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobPage {
    /// At most 50 since the start of the server, the latest first.
    jobs: Vec<JobRow>,
}

/// Asks the planner for work, and lets it wait for its turn.
pub(crate) async fn begin(app: &App, caller: &Caller, request: JobRequest) -> Result<Arc<Job>, Problem> {
    let (asked, at) = (request.clone(), (app.clock)());
    let task = app.planning.ask_for(move |planner| planner.prepare(asked, at)).await?;
    app.jobs.add(request, caller.name.clone(), task).map_err(|_| {
        let detail = "too many jobs wait for their turn";
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-jobs", "Too many jobs", detail)
            .fix("wait until some are over, or cancel one: GET /v1/jobs lists them")
    })
}

/// Answer to a request for work.
pub(crate) type Begun = (StatusCode, [(HeaderName, String); 1], Json<JobRow>);

pub(crate) async fn begun(app: &App, caller: &Caller, request: JobRequest) -> Result<Begun, Problem> {
    let row = JobRow::of(&*begin(app, caller, request).await?);
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, row.href.clone())], Json(row)))
}

fn no_such(job_id: &str) -> Problem {
    Problem::not_found(format!("there is no job {job_id:?} of that kind, or its answer was dropped"))
        .fix("GET /v1/jobs lists those there are; answers are kept until the server ends, the last 50 of them")
}

/// A job of some kinds with its answer.
pub(crate) fn answer(
    app: &App,
    job_id: &str,
    is_meant: impl Fn(&JobRequest) -> bool,
) -> Result<Json<JobBody>, Problem> {
    let job = app.jobs.find(job_id).filter(|job| is_meant(&job.request)).ok_or_else(|| no_such(job_id))?;
    Ok(Json(JobBody { job: JobRow::of(&job), result: job.answer() }))
}

/// Jobs that were asked for, and how far they are.
#[utoipa::path(get, path = "/v1/jobs", responses((status = 200, description = "the last jobs", body = JobPage)))]
pub(crate) async fn list(State(app): State<App>) -> Json<JobPage> {
    Json(JobPage { jobs: app.jobs.all().iter().map(|job| JobRow::of(job)).collect() })
}

/// A job with its answer, whatever its kind.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}",
    params(("id" = String, Path)),
    responses(
        (status = 200, description = "the job", body = JobBody),
        (status = 404, description = "no such job", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn one(State(app): State<App>, Name(id): Name) -> Result<Json<JobBody>, Problem> {
    answer(&app, &id, |_| true)
}

/// Ends a job at its next step; one that is over stays as it is.
#[utoipa::path(
    post,
    path = "/v1/jobs/{id}:cancel",
    params(("id" = String, Path)),
    responses(
        (status = 202, description = "it ends", body = JobRow),
        (status = 404, description = "no such job", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn cancel(
    State(app): State<App>,
    Acted { name: Name(id), .. }: Acted,
) -> Result<(StatusCode, Json<JobRow>), Problem> {
    let job = app.jobs.find(&id).ok_or_else(|| no_such(&id))?;
    app.jobs.cancel(&job);
    Ok((StatusCode::ACCEPTED, Json(JobRow::of(&job))))
}

/// How often the progress of a job is told at most.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// How far a job is, as it goes on: messages `progress`, until it is over.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}/progress",
    params(("id" = String, Path)),
    responses(
        (status = 200, description = "messages until the job is over", body = JobRow, content_type = "text/event-stream"),
        (status = 404, description = "no such job", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn follow(
    State(app): State<App>,
    Name(id): Name,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let job = app.jobs.find(&id).ok_or_else(|| no_such(&id))?;
    let place = Place::take(&app)?;
    let standing = job.standing.clone();
    let closing = app.is_closing.subscribe();
    let begin = Some((job, standing, closing, place, false));
    let messages = stream::unfold(begin, |state| async {
        let (job, mut standing, mut closing, place, was_told) = state?;
        if was_told {
            tokio::time::sleep(TELL_EVERY).await;
            tokio::select! {
                changed = standing.changed() => changed.ok()?,
                _ = closing.wait_for(|is_closing| *is_closing) => return None,
            }
        }
        let is_over = is_over(&mut standing);
        let message = Event::default().event("progress").json_data(JobRow::of(&job)).expect("a job is JSON");
        Some((Ok(message), (!is_over).then_some((job, standing, closing, place, true))))
    });
    Ok(Sse::new(messages).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

fn is_over(standing: &mut watch::Receiver<JobStanding>) -> bool {
    standing.borrow_and_update().state.is_over()
}
