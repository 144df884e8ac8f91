//! Logging in and out, for people with a browser.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use jiff::SignedDuration;
use restock_ledger::AuditEntry;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::access::{Role, too_many};
use crate::authentication::{Caller, cookie};
use crate::connection::{Connection, address, check_origin, is_secure};
use crate::extract::read_json;
use crate::problem::Problem;
use crate::rates::{Budget, Left, Rate};
use crate::routes::{blocking, recorded};
use crate::server::App;
use crate::sessions::{AGE_LIMIT, csrf_token};
use crate::tokens::{MAX_NAME_BYTES, random_bits};
use crate::users::{NewUser, User, UserChange};

/// Who one is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Who {
    name: String,
    role: Role,
    /// The locations that one sees; nothing means all.
    locations: Option<Vec<String>>,
    /// What a page sends as `X-CSRF-Token` with every request that changes something; nothing for a token.
    csrf_token: Option<String>,
}

/// Name and password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogIn {
    name: String,
    password: String,
}

/// The first person of a server.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FirstPerson {
    /// What whoever started the server was told.
    code: String,
    name: String,
    /// At least 12 characters, at most 256 bytes.
    #[schema(min_length = 12, max_length = 256)]
    password: String,
}

/// Another password for oneself.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPassword {
    current_password: String,
    /// At least 12 characters, at most 256 bytes.
    #[schema(min_length = 12, max_length = 256)]
    new_password: String,
}

type SetCookie = [(HeaderName, String); 1];

/// Begins a session. Its cookie is `restock_session`, over TLS `__Host-restock_session`; it ends after 12 hours without a
/// request, and after 7 days.
#[utoipa::path(
    post,
    path = "/v1/session",
    request_body = LogIn,
    responses(
        (status = 200, description = "the session has begun; its cookie is set", body = Who),
        (status = 400, description = "bad body", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "wrong name or password", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "from a page of another site", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "too many bytes", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "another media type", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn begin(
    State(app): State<App>,
    connection: Option<Extension<Connection>>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<(SetCookie, Json<Who>), Response> {
    let connection = connection.map(|Extension(connection)| connection);
    let is_secure = is_secure(connection.as_ref(), &app.security);
    // A page of another site shall not log somebody in as somebody else.
    if ["sec-fetch-site", "origin"].iter().any(|name| headers.contains_key(*name)) {
        check_origin(&headers, is_secure).map_err(|detail| foreign(detail).into_response())?;
    }
    let LogIn { name, password } = read_json(&headers, bytes).map_err(Problem::into_response)?;
    let address = address(connection.as_ref(), &headers, &app.security);
    let user = check_password(&app, &name, &address, password).await?;
    begin_of(&app, user, &address, is_secure).await
}

/// Begins the session of a user.
async fn begin_of(app: &App, user: User, address: &str, is_secure: bool) -> Result<(SetCookie, Json<Who>), Response> {
    let secret = random_bits().map_err(|error| failed(error).into_response())?.to_hex().to_string();
    let who = Who {
        name: user.name.clone(),
        role: user.role,
        locations: user.locations.clone(),
        csrf_token: Some(csrf_token(&secret).to_hex().to_string()),
    };
    let now = (app.clock)();
    let entry = AuditEntry {
        at: now,
        actor: user.name.clone(),
        action: "session.begin".to_owned(),
        subject: format!("user/{}", user.name),
        reason: String::new(),
        before: String::new(),
        after: format!("from {address}"),
    };
    let recorded = app.writer.write(move |ledger| ledger.record(&entry).map(drop)).await;
    recorded.map_err(|failure| Problem::from(failure).into_response())?;
    let kept = secret.clone();
    let begun = blocking(app, move |app| app.sessions.begin(&user, &kept, now)).await;
    begun.map_err(Problem::into_response)?.map_err(|error| failed(error.reason).into_response())?;
    Ok(([(header::SET_COOKIE, cookie(&secret, AGE_LIMIT.as_secs(), is_secure))], Json(who)))
}

/// The first person of a server that nobody may use yet becomes its admin, and their session begins. The code is what
/// whoever started the server was told; it works once.
#[utoipa::path(
    post,
    path = "/v1/session/first",
    request_body = FirstPerson,
    responses(
        (status = 200, description = "the session has begun; its cookie is set", body = Who),
        (status = 400, description = "bad body", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "wrong code, or from a page of another site", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "there is somebody already", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "too many bytes", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "another media type", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "name or password is not taken", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn begin_first(
    State(app): State<App>,
    connection: Option<Extension<Connection>>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<(SetCookie, Json<Who>), Response> {
    let connection = connection.map(|Extension(connection)| connection);
    let is_secure = is_secure(connection.as_ref(), &app.security);
    if ["sec-fetch-site", "origin"].iter().any(|name| headers.contains_key(*name)) {
        check_origin(&headers, is_secure).map_err(|detail| foreign(detail).into_response())?;
    }
    let FirstPerson { code, name, password } = read_json(&headers, bytes).map_err(Problem::into_response)?;
    let address = address(connection.as_ref(), &headers, &app.security);
    let left = app.limiter.take(Budget::LogInsOfAddress, &address, (app.clock)());
    if left.n.is_none() {
        return Err(too_many(&left));
    }
    // Two who show it at the same time are two in turn.
    let mut wanted = app.first_code.lock().await;
    let is_somebody = !app.security.users.list().map_err(|error| failed(error).into_response())?.is_empty()
        || app
            .tokens
            .list()
            .map_err(|error| failed(error).into_response())?
            .iter()
            .any(|token| token.role == Role::Admin);
    let Some(right) = wanted.filter(|_| !is_somebody) else {
        let detail = "there is somebody already who may use this server, or it takes no first person";
        let problem = Problem::new(StatusCode::CONFLICT, "not-first", "Nobody is the first here", detail);
        return Err(problem.fix("log in; who has no account gets one from an admin").into_response());
    };
    // Hashes are compared in constant time.
    if blake3::hash(code.as_bytes()) != right {
        tracing::warn!(address, "a wrong code for the first person");
        let detail = "this is not the code that the server said when it started";
        let problem = Problem::new(StatusCode::FORBIDDEN, "wrong-code", "The code is wrong", detail);
        let fix = "open the link that `restock serve` shows; it is another one after every start";
        return Err(problem.fix(fix).into_response());
    }
    let now = (app.clock)();
    let actor = name.clone();
    let made = recorded(&app, &actor, move |app, recorder| {
        let new = NewUser { name, role: Role::Admin, locations: None };
        app.security.users.create(new, &password, now, recorder)
    });
    let user = made.await.map_err(Problem::into_response)?;
    *wanted = None;
    drop(wanted);
    begin_of(&app, user, &address, is_secure).await
}

fn foreign(detail: &str) -> Problem {
    let title = "The request does not come from a page of this server";
    Problem::new(StatusCode::FORBIDDEN, "csrf", title, detail).fix("log in on a page of this server")
}

fn failed(error: impl std::fmt::Display) -> Problem {
    tracing::error!(error = %error, "a session cannot be kept");
    Problem::internal("the session cannot be kept")
}

/// The user with a name and a password. Who is unknown, kept out or mistaken cannot be told apart, by words or by time.
async fn check_password(app: &App, name: &str, address: &str, password: String) -> Result<User, Response> {
    let now = (app.clock)();
    let key: String = name.chars().take(MAX_NAME_BYTES).collect();
    for (budget, key) in [(Budget::LogInsOfAddress, address), (Budget::LogIns, &format!("{address} {key}"))] {
        let left = app.limiter.take(budget, key, now);
        if left.n.is_none() {
            return Err(too_many(&left));
        }
    }
    let wait = app.delays.wait(&key, address, now);
    if wait > SignedDuration::ZERO {
        let rate = Rate { n: 1, per: wait };
        return Err(too_many(&Left { budget: Budget::LogIns, rate, n: None, wait }));
    }
    let user = app.security.users.find(name).map_err(|error| failed(error).into_response())?;
    let user = user.filter(|user| !user.is_disabled);
    let kept = user.as_ref().map(User::kept_password);
    let is_right = app.passwords.is_right(kept, password).await.map_err(Problem::into_response)?;
    match user {
        Some(user) if is_right => {
            app.delays.forget(&key, address);
            Ok(user)
        }
        _ => {
            app.delays.add(&key, address, now);
            // The name may be a password in the wrong field, so the log does not have it.
            tracing::warn!(address, "a log-in failed");
            let title = "Name or password is wrong";
            let detail = "there is no user with this name and password who may log in";
            let problem = Problem::new(StatusCode::UNAUTHORIZED, "wrong-password", title, detail);
            Err(problem.fix("try again; whoever runs the server can set another password").into_response())
        }
    }
}

/// Who one is, and what a page needs to change something.
#[utoipa::path(
    get,
    path = "/v1/session",
    responses((status = 200, description = "who one is", body = Who))
)]
pub(crate) async fn who(Extension(caller): Extension<Caller>) -> Json<Who> {
    let csrf_token = caller.session().map(|secret| csrf_token(secret).to_hex().to_string());
    Json(Who { name: caller.name, role: caller.role, locations: caller.locations, csrf_token })
}

fn secret_of(caller: &Caller) -> Result<String, Problem> {
    let none = || Problem::not_found("the request has a token and no session").fix("log in with POST /v1/session");
    caller.session().map(str::to_owned).ok_or_else(none)
}

fn no_cookie(app: &App, request: Option<&Connection>) -> SetCookie {
    [(header::SET_COOKIE, cookie("", 0, is_secure(request, &app.security)))]
}

/// Ends the session.
#[utoipa::path(
    delete,
    path = "/v1/session",
    responses(
        (status = 204, description = "the session has ended"),
        (status = 404, description = "a token has no session", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn end(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<(StatusCode, SetCookie), Problem> {
    let secret = secret_of(&caller)?;
    blocking(&app, move |app| app.sessions.end(&secret)).await?.map_err(|error| failed(error.reason))?;
    Ok((StatusCode::NO_CONTENT, no_cookie(&app, request.extensions().get::<Connection>())))
}

/// Sets another password for oneself; all one's sessions end.
#[utoipa::path(
    post,
    path = "/v1/session/password",
    request_body = NewPassword,
    responses(
        (status = 204, description = "the password is another one; log in with it"),
        (status = 400, description = "bad body", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "a token has no password", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "too many bytes", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "another media type", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "the password is not taken", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn change_password(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    connection: Option<Extension<Connection>>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, SetCookie), Response> {
    secret_of(&caller).map_err(Problem::into_response)?;
    let NewPassword { current_password, new_password } = read_json(&headers, bytes).map_err(Problem::into_response)?;
    let connection = connection.map(|Extension(connection)| connection);
    let address = address(connection.as_ref(), &headers, &app.security);
    check_password(&app, &caller.name, &address, current_password).await?;
    let (name, now) = (caller.name.clone(), (app.clock)());
    let changed = recorded(&app, &caller.name, move |app, recorder| {
        let change = UserChange { password: Some(new_password), ..UserChange::default() };
        app.security.users.change(&name, change, now, recorder)?;
        app.sessions.end_all_of(&name)?;
        Ok::<_, crate::users::UserError>(())
    });
    changed.await.map_err(Problem::into_response)?;
    Ok((StatusCode::NO_CONTENT, no_cookie(&app, connection.as_ref())))
}
