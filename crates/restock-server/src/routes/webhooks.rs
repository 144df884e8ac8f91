//! Webhooks: who is told what, and what became of it.

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::authentication::Caller;
use crate::extract::{Acted, Name, read_json};
use crate::problem::Problem;
use crate::routes::recorded;
use crate::server::App;
use crate::webhooks::{Attempt, NewWebhook, Topic, Webhook, ends, try_out};

/// Another system that is told what happens.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WebhookRow {
    id: String,
    url: String,
    topics: Vec<Topic>,
    /// `active` or `paused`.
    state: &'static str,
    /// Why it is paused.
    paused_because: Option<String>,
    /// Since when every attempt failed.
    #[schema(value_type = Option<String>)]
    failing_since: Option<Timestamp>,
    #[schema(value_type = String)]
    created_at: Timestamp,
}

impl From<Webhook> for WebhookRow {
    fn from(webhook: Webhook) -> Self {
        let Webhook { id, url, topics, created_at, paused, failing_since, .. } = webhook;
        let state = if paused.is_some() { "paused" } else { "active" };
        Self { id, url, topics, state, paused_because: paused, failing_since, created_at }
    }
}

/// All webhooks.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WebhookPage {
    webhooks: Vec<WebhookRow>,
}

/// A webhook to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookBody {
    /// https; http to this machine and to receivers that are listed.
    #[schema(example = "https://erp.example/restock")]
    url: String,
    /// What it is told, from now on.
    #[schema(min_items = 1)]
    topics: Vec<Topic>,
}

/// A new webhook with its secret, which is shown here and nowhere else.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewWebhookRow {
    #[serde(flatten)]
    webhook: WebhookRow,
    /// Deliveries are signed with it, as the Standard Webhooks specification says.
    secret: String,
}

/// The last attempts of a webhook.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryPage {
    /// The newest first, at most 100 since the server started.
    deliveries: Vec<Attempt>,
}

/// All webhooks.
#[utoipa::path(get, path = "/v1/webhooks", responses((status = 200, description = "all webhooks", body = WebhookPage)))]
pub(crate) async fn list(State(app): State<App>) -> Result<Json<WebhookPage>, Problem> {
    let webhooks = app.webhooks.list()?;
    Ok(Json(WebhookPage { webhooks: webhooks.into_iter().map(WebhookRow::from).collect() }))
}

/// Makes a webhook; it is told what happens from now on, and its secret is shown once.
#[utoipa::path(
    post,
    path = "/v1/webhooks",
    request_body = WebhookBody,
    responses(
        (status = 201, description = "the webhook with its secret", body = NewWebhookRow),
        (status = 400, description = "bad body", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "too many webhooks", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "too many bytes", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "another media type", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "the URL is not allowed", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<NewWebhookRow>), Problem> {
    let WebhookBody { url, topics } = read_json(&headers, bytes)?;
    let starts = app.writer.read(|ledger| ends(ledger)).await?;
    let (now, new) = ((app.clock)(), NewWebhook { url, topics, starts });
    let created = recorded(&app, &caller.name, move |app, recorder| app.webhooks.create(new, now, recorder));
    let webhook = created.await?;
    let secret = webhook.secret().to_owned();
    Ok((StatusCode::CREATED, Json(NewWebhookRow { webhook: webhook.into(), secret })))
}

/// Takes a webhook away; it is told nothing more.
#[utoipa::path(
    delete,
    path = "/v1/webhooks/{id}",
    params(("id" = String, Path)),
    responses(
        (status = 204, description = "the webhook is gone"),
        (status = 400, description = "bad id", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "no such webhook", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn remove(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Name(id): Name,
) -> Result<StatusCode, Problem> {
    let now = (app.clock)();
    recorded(&app, &caller.name, move |app, recorder| app.webhooks.remove(&id, now, recorder)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What is done to one webhook, as its path says behind a colon.
pub(crate) async fn act(state: State<App>, caller: Extension<Caller>, Acted { name, action }: Acted) -> Response {
    match action.as_str() {
        "test" => test(state, name).await.into_response(),
        "resume" => resume(state, caller, name).await.into_response(),
        _ => Problem::not_found(format!("{action:?} is nothing that can be done")).into_response(),
    }
}

/// Sends a message `restock.test` now, once, and says what became of it.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}:test",
    params(("id" = String, Path)),
    responses(
        (status = 200, description = "what became of it", body = Attempt),
        (status = 400, description = "bad id", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "no such webhook", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn test(State(app): State<App>, Name(id): Name) -> Result<Json<Attempt>, Problem> {
    let webhook = app.webhooks.find(&id)?;
    try_out(&app, &webhook).await.map(Json).map_err(Problem::internal)
}

/// Goes on delivering from where a webhook was paused: nothing is left out.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}:resume",
    params(("id" = String, Path)),
    responses(
        (status = 200, description = "the webhook, active", body = WebhookRow),
        (status = 400, description = "bad id", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "no such webhook", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn resume(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Name(id): Name,
) -> Result<Json<WebhookRow>, Problem> {
    let now = (app.clock)();
    let resumed = recorded(&app, &caller.name, move |app, recorder| app.webhooks.resume(&id, now, recorder));
    Ok(Json(resumed.await?.into()))
}

/// The last attempts to deliver something.
#[utoipa::path(
    get,
    path = "/v1/webhooks/{id}/deliveries",
    params(("id" = String, Path)),
    responses(
        (status = 200, description = "the last attempts", body = DeliveryPage),
        (status = 400, description = "bad id", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "no such webhook", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn deliveries(State(app): State<App>, Name(id): Name) -> Result<Json<DeliveryPage>, Problem> {
    app.webhooks.find(&id)?;
    Ok(Json(DeliveryPage { deliveries: app.webhooks.attempts(&id) }))
}
