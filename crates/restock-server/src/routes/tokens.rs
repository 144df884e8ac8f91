//! API tokens, as admins look after them.

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::access::Role;
use crate::authentication::Caller;
use crate::extract::{Name, read_json};
use crate::problem::Problem;
use crate::routes::recorded;
use crate::routes::users::taken;
use crate::server::App;
use crate::tokens::{NewToken, Token};

/// A token without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenRow {
    name: String,
    role: Role,
    /// The locations that it is about; nothing means all.
    locations: Option<Vec<String>>,
    #[schema(value_type = String)]
    created_at: Timestamp,
    /// From when on it is refused; nothing means never.
    #[schema(value_type = Option<String>)]
    expires_at: Option<Timestamp>,
}

impl From<Token> for TokenRow {
    fn from(token: Token) -> Self {
        let Token { name, role, locations, created_at, expires_at, .. } = token;
        Self { name, role, locations, created_at, expires_at }
    }
}

/// All tokens.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenPage {
    tokens: Vec<TokenRow>,
}

/// A token to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenBody {
    /// Unique among tokens and users.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    role: Role,
    /// The locations that it is about; nothing means all.
    #[schema(min_items = 1)]
    locations: Option<Vec<String>>,
    /// From when on it is refused; nothing means never.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// A new token with its secret, which is shown here and nowhere else.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewTokenRow {
    name: String,
    role: Role,
    /// What programs send as `Authorization: Bearer TOKEN`.
    token: String,
}

/// All tokens in the order in which they were made.
#[utoipa::path(get, path = "/v1/tokens", responses((status = 200, description = "all tokens", body = TokenPage)))]
pub(crate) async fn list(State(app): State<App>) -> Result<Json<TokenPage>, Problem> {
    let tokens = app.tokens.list()?;
    Ok(Json(TokenPage { tokens: tokens.iter().cloned().map(TokenRow::from).collect() }))
}

/// Makes a token; its secret is shown once.
#[utoipa::path(
    post,
    path = "/v1/tokens",
    request_body = TokenBody,
    responses(
        (status = 201, description = "the token with its secret", body = NewTokenRow),
        (status = 400, description = "bad body", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "the name is taken", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "too many bytes", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "another media type", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "something is not taken", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<NewTokenRow>), Problem> {
    let TokenBody { name, role, locations, expires_at } = read_json(&headers, bytes)?;
    let folded = name.to_lowercase();
    if app.security.users.list()?.iter().any(|user| user.name.to_lowercase() == folded) {
        return Err(taken("user", &name));
    }
    let (now, new) = ((app.clock)(), NewToken { name: name.clone(), role, locations, expires_at });
    let created = recorded(&app, &caller.name, move |app, recorder| app.tokens.create_recorded(new, now, recorder));
    Ok((StatusCode::CREATED, Json(NewTokenRow { name, role, token: created.await? })))
}

/// Takes a token away; it is refused from now on.
#[utoipa::path(
    delete,
    path = "/v1/tokens/{name}",
    params(("name" = String, Path)),
    responses(
        (status = 204, description = "the token is gone"),
        (status = 400, description = "bad name", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "no such token", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn revoke(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Name(name): Name,
) -> Result<StatusCode, Problem> {
    let now = (app.clock)();
    let revoked = recorded(&app, &caller.name, move |app, recorder| app.tokens.revoke_recorded(&name, now, recorder));
    revoked.await?;
    Ok(StatusCode::NO_CONTENT)
}
