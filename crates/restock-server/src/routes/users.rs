//! Users, as admins look after them.

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::access::Role;
use crate::authentication::Caller;
use crate::extract::{Name, read_json};
use crate::problem::Problem;
use crate::routes::recorded;
use crate::server::App;
use crate::users::{NewUser, User, UserChange, UserError};

/// A person who may use the server.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserRow {
    name: String,
    role: Role,
    /// The locations that the person looks after; nothing means all.
    locations: Option<Vec<String>>,
    /// Whether the person is kept out.
    is_disabled: bool,
    #[schema(value_type = String)]
    created_at: Timestamp,
}

impl From<User> for UserRow {
    fn from(user: User) -> Self {
        let User { name, role, locations, is_disabled, created_at, .. } = user;
        Self { name, role, locations, is_disabled, created_at }
    }
}

/// All users.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserPage {
    users: Vec<UserRow>,
}

/// A user to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserBody {
    /// Unique, in capitals or not.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// Not `integrator`.
    role: Role,
    /// The locations that the person looks after; nothing means all.
    #[schema(min_items = 1)]
    locations: Option<Vec<String>>,
    /// At least 12 characters, at most 256 bytes.
    #[schema(min_length = 12, max_length = 256)]
    password: String,
}

/// What changes; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserPatch {
    /// Not `integrator`.
    role: Option<Role>,
    /// The locations that the person looks after; null means all.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<String>>, min_items = 1)]
    locations: Option<Option<Vec<String>>>,
    /// Whether the person is kept out.
    is_disabled: Option<bool>,
    /// At least 12 characters, at most 256 bytes.
    #[schema(min_length = 12, max_length = 256)]
    password: Option<String>,
}

/// Tells null from what is left out.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Vec<String>>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// All users in the order in which they were made.
#[utoipa::path(get, path = "/v1/users", responses((status = 200, description = "all users", body = UserPage)))]
pub(crate) async fn list(State(app): State<App>) -> Result<Json<UserPage>, Problem> {
    let users = app.security.users.list()?;
    Ok(Json(UserPage { users: users.iter().cloned().map(UserRow::from).collect() }))
}

/// Makes a user.
#[utoipa::path(
    post,
    path = "/v1/users",
    request_body = UserBody,
    responses(
        (status = 201, description = "the user", body = UserRow),
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
) -> Result<(StatusCode, Json<UserRow>), Problem> {
    let UserBody { name, role, locations, password } = read_json(&headers, bytes)?;
    let folded = name.to_lowercase();
    if app.tokens.list()?.iter().any(|token| token.name.to_lowercase() == folded) {
        return Err(taken("token", &name));
    }
    let now = (app.clock)();
    let created = recorded(&app, &caller.name, move |app, recorder| {
        app.security.users.create(NewUser { name, role, locations }, &password, now, recorder)
    });
    Ok((StatusCode::CREATED, Json(created.await?.into())))
}

/// The audit trail has names only, so nobody shall have the name of something else.
pub(crate) fn taken(by: &str, name: &str) -> Problem {
    let detail = format!("there is a {by} {name:?} already");
    let fix = "choose another name: the audit trail tells users and tokens apart by it";
    Problem::new(StatusCode::CONFLICT, "name-taken", "The name is taken", detail).fix(fix)
}

/// Changes a user. Another password, or being kept out, ends the person's sessions.
#[utoipa::path(
    patch,
    path = "/v1/users/{name}",
    params(("name" = String, Path)),
    request_body = UserPatch,
    responses(
        (status = 200, description = "the user as it is now", body = UserRow),
        (status = 400, description = "bad body", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "no such user", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "the last admin", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "too many bytes", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "another media type", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "something is not taken", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn change(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Name(name): Name,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Json<UserRow>, Problem> {
    let UserPatch { role, locations, is_disabled, password } = read_json(&headers, bytes)?;
    let now = (app.clock)();
    let changed = recorded(&app, &caller.name, move |app, recorder| {
        let ends_sessions = password.is_some() || is_disabled == Some(true);
        let change = UserChange { role, locations, is_disabled, password };
        let user = app.security.users.change(&name, change, now, recorder)?;
        if ends_sessions {
            app.sessions.end_all_of(&name)?;
        }
        Ok::<_, UserError>(user)
    });
    Ok(Json(changed.await?.into()))
}

/// Takes a user away; the person's sessions end. What the person did stays in the audit trail.
#[utoipa::path(
    delete,
    path = "/v1/users/{name}",
    params(("name" = String, Path)),
    responses(
        (status = 204, description = "the user is gone"),
        (status = 400, description = "bad name", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "no such user", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "the last admin", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn remove(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Name(name): Name,
) -> Result<StatusCode, Problem> {
    let now = (app.clock)();
    let removed = recorded(&app, &caller.name, move |app, recorder| {
        app.security.users.remove(&name, now, recorder)?;
        app.sessions.end_all_of(&name)?;
        Ok::<_, UserError>(())
    });
    removed.await?;
    Ok(StatusCode::NO_CONTENT)
}
