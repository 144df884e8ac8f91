//! Who may do what: one table of endpoints and roles, from which the check and its test come.

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::problem::Problem;
use crate::server::App;
use crate::tokens::Token;

/// What the owner of a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Looks at stock and events.
    Viewer,
    /// Looks after the data and the desk: decides about what lies in quarantine, edits and rejects proposals.
    Planner,
    /// Answers for orders: approves proposals and orders them, and sees the audit trail too.
    Approver,
    /// A system that sends events and reads what became of them.
    Integrator,
    /// Everything.
    Admin,
}

impl Role {
    /// All roles.
    pub const ALL: [Role; 5] = [Self::Viewer, Self::Planner, Self::Approver, Self::Integrator, Self::Admin];

    /// The name in files and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Planner => "planner",
            Self::Approver => "approver",
            Self::Integrator => "integrator",
            Self::Admin => "admin",
        }
    }

    /// Whether a person has it, whose changes go to the audit trail.
    pub(crate) fn is_person(self) -> bool {
        self != Self::Integrator
    }
}

/// Who may use an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody, without a token.
    Open,
    /// Tokens of these roles; one of some locations sees and changes those locations only.
    ByLocation(&'static [Role]),
    /// Tokens of these roles that are about all locations, because the answer cannot be cut down to some.
    Whole(&'static [Role]),
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `GET`, `POST` or `PATCH`.
    pub method: &'static str,
    /// The path, with `{name}` where something varies.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
}

const fn get(path: &'static str, access: Access) -> Endpoint {
    Endpoint { method: "GET", path, access }
}

const fn post(path: &'static str, access: Access) -> Endpoint {
    Endpoint { method: "POST", path, access }
}

const fn patch(path: &'static str, access: Access) -> Endpoint {
    Endpoint { method: "PATCH", path, access }
}

const EVERY_ROLE: &[Role] = &Role::ALL;
const PEOPLE: &[Role] = &[Role::Viewer, Role::Planner, Role::Approver, Role::Admin];
const SENDERS: &[Role] = &[Role::Integrator, Role::Admin];
const DECIDERS: &[Role] = &[Role::Planner, Role::Admin];
const KEEPERS: &[Role] = &[Role::Planner, Role::Approver, Role::Integrator, Role::Admin];
const AUDITORS: &[Role] = &[Role::Approver, Role::Admin];
const PLANNERS: &[Role] = &[Role::Planner, Role::Approver, Role::Admin];
const APPROVERS: &[Role] = &[Role::Approver, Role::Admin];

/// Every endpoint of the server and who may use it. A route that is not here is closed to everybody.
pub const ENDPOINTS: &[Endpoint] = &[
    get("/health", Access::Open),
    get("/ready", Access::Open),
    get("/v1/openapi.json", Access::Open),
    get("/metrics", Access::Whole(EVERY_ROLE)),
    post("/v1/events", Access::ByLocation(SENDERS)),
    get("/v1/events", Access::ByLocation(EVERY_ROLE)),
    get("/v1/events/{sequence}", Access::ByLocation(EVERY_ROLE)),
    get("/v1/inventory", Access::ByLocation(EVERY_ROLE)),
    get("/v1/stream", Access::ByLocation(PEOPLE)),
    get("/v1/quarantine", Access::Whole(KEEPERS)),
    get("/v1/quarantine/{id}", Access::Whole(KEEPERS)),
    post("/v1/quarantine/{id}/release", Access::Whole(DECIDERS)),
    post("/v1/quarantine/{id}/discard", Access::Whole(DECIDERS)),
    get("/v1/audit", Access::Whole(AUDITORS)),
    get("/v1/proposals", Access::ByLocation(PEOPLE)),
    get("/v1/proposals/{id}", Access::ByLocation(PEOPLE)),
    patch("/v1/proposals/{id}", Access::ByLocation(PLANNERS)),
    get("/v1/proposals/{id}/explanation", Access::ByLocation(PEOPLE)),
    post("/v1/proposals/{id}:approve", Access::ByLocation(APPROVERS)),
    post("/v1/proposals/{id}:reject", Access::ByLocation(PLANNERS)),
    post("/v1/proposals:approve", Access::ByLocation(APPROVERS)),
    post("/v1/proposals:reject", Access::ByLocation(PLANNERS)),
    get("/v1/orders", Access::ByLocation(EVERY_ROLE)),
    post("/v1/orders", Access::ByLocation(APPROVERS)),
    get("/v1/orders/{id}", Access::ByLocation(EVERY_ROLE)),
    get("/v1/plans", Access::Whole(PEOPLE)),
    post("/v1/plans", Access::Whole(PLANNERS)),
];

/// The methods of a path, as the header `allow` lists them; empty when there is no such path.
pub(crate) fn methods(path: &str) -> Vec<&'static str> {
    ENDPOINTS.iter().filter(|endpoint| endpoint.path == path).map(|endpoint| endpoint.method).collect()
}

/// The path of the table: the matched one, with the action behind the colon where there is a known one, because the router
/// matches whole segments.
pub(crate) fn path_of(matched: &str, path: &str) -> String {
    if let Some((_, action)) = path.rsplit_once(':').filter(|_| matched.ends_with('}')) {
        let with_action = format!("{matched}:{action}");
        if ENDPOINTS.iter().any(|endpoint| endpoint.path == with_action) {
            return with_action;
        }
    }
    matched.to_owned()
}

/// Lets a request pass or not; who sent it becomes an extension of the request.
pub(crate) async fn check(State(app): State<App>, mut request: Request, next: Next) -> Response {
    // A path that is nowhere is told so by the fallback.
    let Some(matched) = request.extensions().get::<MatchedPath>() else { return next.run(request).await };
    // Actions are of POST alone: with another method, the colon belongs to the id.
    let path = match *request.method() {
        Method::POST => path_of(matched.as_str(), request.uri().path()),
        _ => matched.as_str().to_owned(),
    };
    let method = if request.method() == Method::HEAD { "GET" } else { request.method().as_str() };
    let endpoint = ENDPOINTS.iter().find(|endpoint| endpoint.path == path && endpoint.method == method);
    let (roles, is_whole) = match endpoint.map(|endpoint| endpoint.access) {
        Some(Access::Open) => return next.run(request).await,
        Some(Access::ByLocation(roles)) => (roles, false),
        Some(Access::Whole(roles)) => (roles, true),
        // A known path with another method is told so by the fallback.
        None if !methods(&path).is_empty() => return next.run(request).await,
        None => return forbidden("nobody may use this route", "use a route of /v1/openapi.json").into_response(),
    };
    let header = request.headers().get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
    let token = match authenticate(&app, header) {
        Ok(token) => token,
        Err(problem) => return (*problem).into_response(),
    };
    if !roles.contains(&token.role) {
        let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
        let detail = format!("a token with the role {} may not do this", token.role.name());
        let fix = "use a token with an allowed role; whoever runs the server can make one";
        return forbidden(&detail, fix).field("role", token.role.name(), names.join(" or ")).into_response();
    }
    if is_whole && token.locations.is_some() {
        let detail = "a token of some locations may not do this, because it is about all of them";
        return forbidden(detail, "use a token without a list of locations").into_response();
    }
    request.extensions_mut().insert(token);
    next.run(request).await
}

pub(crate) fn forbidden(detail: &str, fix: &str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "forbidden", "The token does not allow it", detail).fix(fix)
}

fn authenticate(app: &App, header: Option<&str>) -> Result<Token, Box<Problem>> {
    let refused = |detail: &str, fix: &str| {
        let title = "A token is needed";
        Box::new(Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", title, detail).fix(fix))
    };
    let failed = |error: crate::tokens::TokenError| {
        tracing::error!(error = %error, "nobody is let in");
        Box::new(Problem::internal("the server cannot read its tokens"))
    };
    const SEND: &str = "send the header \"authorization: Bearer TOKEN\" with a token that is valid";
    if app.tokens.list().map_err(failed)?.is_empty() {
        let fix =
            "make a token with `restock token create --role admin`, and send it as \"authorization: Bearer TOKEN\"";
        return Err(refused("this server has no tokens yet", fix));
    }
    let Some(header) = header else { return Err(refused("the request has no token", SEND)) };
    let secret = match header.split_once(' ') {
        Some((scheme, secret)) if scheme.eq_ignore_ascii_case("bearer") => secret.trim(),
        _ => return Err(refused("the header authorization has no bearer token", SEND)),
    };
    let Some(token) = app.tokens.find(secret).map_err(failed)? else {
        return Err(refused("the token is not known: it was revoked, or belongs to another server", SEND));
    };
    match token.expires_at {
        Some(expires_at) if expires_at <= (app.clock)() => {
            Err(refused(&format!("the token expired at {expires_at}"), "use a token that is still valid"))
        }
        _ => Ok(token),
    }
}

/// Whether a token that was let in before would still be.
pub(crate) fn is_current(app: &App, token: &Token) -> bool {
    let is_listed = app.tokens.list().is_ok_and(|tokens| tokens.contains(token));
    is_listed && token.expires_at.is_none_or(|expires_at| (app.clock)() < expires_at)
}
