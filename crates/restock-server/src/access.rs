//! Who may do what: one table of endpoints and roles, from which the check and its test come.

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::authentication::{Caller, authenticate, check_csrf, is_unsafe};
use crate::connection::{self, Connection, check_host, is_secure};
use crate::problem::Problem;
use crate::rates::{Budget, Left};
use crate::routes::wrong_method;
use crate::server::App;

/// What a user or the owner of a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
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
    /// Everybody, without a token or session.
    Open,
    /// Users and tokens of these roles; one of some locations sees and changes those locations only.
    ByLocation(&'static [Role]),
    /// Users and tokens of these roles that are about all locations, because the answer cannot be cut down to some.
    Whole(&'static [Role]),
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
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

const fn put(path: &'static str, access: Access) -> Endpoint {
    Endpoint { method: "PUT", path, access }
}

const fn patch(path: &'static str, access: Access) -> Endpoint {
    Endpoint { method: "PATCH", path, access }
}

const fn delete(path: &'static str, access: Access) -> Endpoint {
    Endpoint { method: "DELETE", path, access }
}

const EVERY_ROLE: &[Role] = &Role::ALL;
const PEOPLE: &[Role] = &[Role::Viewer, Role::Planner, Role::Approver, Role::Admin];
const SENDERS: &[Role] = &[Role::Integrator, Role::Admin];
const DECIDERS: &[Role] = &[Role::Planner, Role::Admin];
const WRITERS: &[Role] = &[Role::Planner, Role::Integrator, Role::Admin];
const KEEPERS: &[Role] = &[Role::Planner, Role::Approver, Role::Integrator, Role::Admin];
const AUDITORS: &[Role] = &[Role::Approver, Role::Admin];
const ADMINS: &[Role] = &[Role::Admin];
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
    post("/v1/session", Access::Open),
    get("/v1/session", Access::ByLocation(EVERY_ROLE)),
    post("/v1/session/first", Access::Open),
    delete("/v1/session", Access::ByLocation(EVERY_ROLE)),
    post("/v1/session/password", Access::ByLocation(PEOPLE)),
    get("/v1/users", Access::Whole(ADMINS)),
    post("/v1/users", Access::Whole(ADMINS)),
    patch("/v1/users/{name}", Access::Whole(ADMINS)),
    delete("/v1/users/{name}", Access::Whole(ADMINS)),
    get("/v1/tokens", Access::Whole(ADMINS)),
    post("/v1/tokens", Access::Whole(ADMINS)),
    delete("/v1/tokens/{name}", Access::Whole(ADMINS)),
    get("/v1/webhooks", Access::Whole(SENDERS)),
    post("/v1/webhooks", Access::Whole(SENDERS)),
    delete("/v1/webhooks/{id}", Access::Whole(SENDERS)),
    post("/v1/webhooks/{id}:test", Access::Whole(SENDERS)),
    post("/v1/webhooks/{id}:resume", Access::Whole(ADMINS)),
    get("/v1/webhooks/{id}/deliveries", Access::Whole(SENDERS)),
    get("/v1/proposals", Access::ByLocation(PEOPLE)),
    get("/v1/proposals/{id}", Access::ByLocation(PEOPLE)),
    patch("/v1/proposals/{id}", Access::ByLocation(PLANNERS)),
    get("/v1/proposals/{id}/explanation", Access::ByLocation(PEOPLE)),
    post("/v1/proposals/{id}/explanation", Access::ByLocation(PEOPLE)),
    post("/v1/proposals/{id}:approve", Access::ByLocation(APPROVERS)),
    post("/v1/proposals/{id}:firm", Access::ByLocation(PLANNERS)),
    post("/v1/proposals/{id}:reject", Access::ByLocation(PLANNERS)),
    post("/v1/proposals:approve", Access::ByLocation(APPROVERS)),
    post("/v1/proposals:reject", Access::ByLocation(PLANNERS)),
    get("/v1/orders", Access::ByLocation(EVERY_ROLE)),
    post("/v1/orders", Access::ByLocation(APPROVERS)),
    get("/v1/orders/{id}", Access::ByLocation(EVERY_ROLE)),
    get("/v1/plans", Access::Whole(PEOPLE)),
    post("/v1/plans", Access::Whole(PLANNERS)),
    get("/v1/data-health", Access::Whole(PEOPLE)),
    get("/v1/data-health/findings", Access::ByLocation(PEOPLE)),
    get("/v1/data-health/scores", Access::ByLocation(PEOPLE)),
    get("/v1/count-list", Access::ByLocation(PEOPLE)),
    post("/v1/counts", Access::ByLocation(PLANNERS)),
    post("/v1/messages:translate", Access::ByLocation(EVERY_ROLE)),
    get("/v1/exceptions", Access::ByLocation(PEOPLE)),
    post("/v1/exceptions/{id}:ack", Access::ByLocation(PLANNERS)),
    post("/v1/exceptions/{id}:reopen", Access::ByLocation(PLANNERS)),
    post("/v1/exceptions/{id}:snooze", Access::ByLocation(PLANNERS)),
    post("/v1/exceptions/{id}:assign", Access::ByLocation(PLANNERS)),
    get("/v1/item-locations", Access::ByLocation(PEOPLE)),
    get("/v1/item-locations/{item}/{location}", Access::ByLocation(PEOPLE)),
    get("/v1/forecasts", Access::ByLocation(PEOPLE)),
    post("/v1/forecasts", Access::ByLocation(WRITERS)),
    post("/v1/forecasts:override", Access::ByLocation(WRITERS)),
    get("/v1/forecasts/overrides", Access::ByLocation(EVERY_ROLE)),
    delete("/v1/forecasts/overrides/{id}", Access::ByLocation(WRITERS)),
    get("/v1/kpis", Access::ByLocation(PEOPLE)),
    get("/v1/kpis/past", Access::ByLocation(PEOPLE)),
    get("/v1/order-groups", Access::ByLocation(PEOPLE)),
    post("/v1/item-locations", Access::ByLocation(WRITERS)),
    put("/v1/item-locations/{item}/{location}", Access::ByLocation(WRITERS)),
    patch("/v1/item-locations/{item}/{location}", Access::ByLocation(WRITERS)),
    delete("/v1/item-locations/{item}/{location}", Access::ByLocation(WRITERS)),
    get("/v1/item-locations/{item}/{location}/settings", Access::ByLocation(EVERY_ROLE)),
    get("/v1/items", Access::ByLocation(EVERY_ROLE)),
    post("/v1/items", Access::Whole(WRITERS)),
    get("/v1/items/{id}", Access::ByLocation(EVERY_ROLE)),
    put("/v1/items/{id}", Access::Whole(WRITERS)),
    patch("/v1/items/{id}", Access::Whole(WRITERS)),
    delete("/v1/items/{id}", Access::Whole(WRITERS)),
    get("/v1/locations", Access::ByLocation(EVERY_ROLE)),
    post("/v1/locations", Access::ByLocation(WRITERS)),
    get("/v1/locations/{id}", Access::ByLocation(EVERY_ROLE)),
    put("/v1/locations/{id}", Access::ByLocation(WRITERS)),
    patch("/v1/locations/{id}", Access::ByLocation(WRITERS)),
    get("/v1/suppliers", Access::ByLocation(EVERY_ROLE)),
    post("/v1/suppliers", Access::Whole(WRITERS)),
    get("/v1/suppliers/{id}", Access::ByLocation(EVERY_ROLE)),
    put("/v1/suppliers/{id}", Access::Whole(WRITERS)),
    patch("/v1/suppliers/{id}", Access::Whole(WRITERS)),
    get("/v1/sources", Access::ByLocation(EVERY_ROLE)),
    post("/v1/sources", Access::ByLocation(WRITERS)),
    put("/v1/sources", Access::ByLocation(WRITERS)),
    patch("/v1/sources", Access::ByLocation(WRITERS)),
    delete("/v1/sources", Access::ByLocation(WRITERS)),
    get("/v1/calendars", Access::ByLocation(EVERY_ROLE)),
    post("/v1/calendars", Access::Whole(WRITERS)),
    get("/v1/calendars/{id}", Access::ByLocation(EVERY_ROLE)),
    put("/v1/calendars/{id}", Access::Whole(WRITERS)),
    patch("/v1/calendars/{id}", Access::Whole(WRITERS)),
    delete("/v1/calendars/{id}", Access::Whole(WRITERS)),
    get("/v1/uoms", Access::ByLocation(EVERY_ROLE)),
    post("/v1/uoms", Access::Whole(WRITERS)),
    get("/v1/uoms/{item}/{unit}", Access::ByLocation(EVERY_ROLE)),
    put("/v1/uoms/{item}/{unit}", Access::Whole(WRITERS)),
    patch("/v1/uoms/{item}/{unit}", Access::Whole(WRITERS)),
    delete("/v1/uoms/{item}/{unit}", Access::Whole(WRITERS)),
    get("/v1/segments", Access::ByLocation(EVERY_ROLE)),
    post("/v1/segments", Access::Whole(WRITERS)),
    put("/v1/segments", Access::Whole(WRITERS)),
    patch("/v1/segments", Access::Whole(WRITERS)),
    delete("/v1/segments", Access::Whole(WRITERS)),
    get("/v1/imports", Access::Whole(WRITERS)),
    post("/v1/imports", Access::Whole(WRITERS)),
    get("/v1/imports/{id}", Access::Whole(WRITERS)),
    patch("/v1/imports/{id}", Access::Whole(WRITERS)),
    delete("/v1/imports/{id}", Access::Whole(WRITERS)),
    post("/v1/imports/{id}:apply", Access::Whole(WRITERS)),
    get("/v1/jobs", Access::Whole(PEOPLE)),
    get("/v1/jobs/{id}", Access::Whole(PEOPLE)),
    get("/v1/jobs/{id}/progress", Access::Whole(PEOPLE)),
    post("/v1/jobs/{id}:cancel", Access::Whole(PLANNERS)),
    post("/v1/simulations", Access::Whole(PLANNERS)),
    get("/v1/simulations/{id}", Access::Whole(PEOPLE)),
    post("/v1/backtests", Access::Whole(PLANNERS)),
    get("/v1/backtests/{id}", Access::Whole(PEOPLE)),
    post("/v1/frontiers", Access::Whole(PLANNERS)),
    get("/v1/frontiers/{id}", Access::Whole(PEOPLE)),
    get("/v1/scenarios", Access::Whole(PEOPLE)),
    post("/v1/scenarios", Access::Whole(PLANNERS)),
    get("/v1/scenarios/{id}", Access::Whole(PEOPLE)),
    patch("/v1/scenarios/{id}", Access::Whole(PLANNERS)),
    delete("/v1/scenarios/{id}", Access::Whole(PLANNERS)),
    post("/v1/scenarios/{id}:plan", Access::Whole(PLANNERS)),
    get("/v1/scenarios/{id}/diff", Access::Whole(PEOPLE)),
    get("/v1/models", Access::Whole(PEOPLE)),
    post("/v1/models/{version}:promote", Access::Whole(ADMINS)),
    post("/v1/models:rollback", Access::Whole(ADMINS)),
    get("/v1/policies", Access::Whole(PEOPLE)),
    get("/v1/adaptation", Access::Whole(PEOPLE)),
    post("/v1/adaptation/rules/{id}:dismiss", Access::Whole(DECIDERS)),
];

/// Files of the dashboard, for everybody to read; they are no part of the API.
pub(crate) const PAGES: &[&str] = &["/", "/assets/{name}"];

/// The methods of a path, as the header `allow` lists them; empty when there is no such path.
pub(crate) fn methods(path: &str) -> Vec<&'static str> {
    if PAGES.contains(&path) {
        return vec!["GET"];
    }
    ENDPOINTS.iter().filter(|endpoint| endpoint.path == path).map(|endpoint| endpoint.method).collect()
}

/// The path of the table that a request is for. What is done to one thing is written behind a colon, which the router takes
/// for a part of its name: `/v1/webhooks/{id}:test` is matched as `/v1/webhooks/{id}`. A known action makes it another path,
/// whatever the method; [`Acted`](crate::extract::Acted) takes it apart again.
fn template(matched: &str, uri: &Uri) -> String {
    let action = matched.ends_with('}').then(|| uri.path().rsplit_once(':')).flatten();
    let path = action.map(|(_, action)| format!("{matched}:{action}"));
    path.filter(|path| !methods(path).is_empty()).unwrap_or_else(|| matched.to_owned())
}

/// Locations as messages and the audit trail name them.
pub(crate) fn scope_text(locations: Option<&[String]>) -> String {
    locations.map_or("of all locations".to_owned(), |own| format!("of {}", own.join(", ")))
}

/// Lets a request pass or not; who sent it becomes an extension of the request.
pub(crate) async fn check(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let now = (app.clock)();
    let connection = request.extensions().get::<Connection>().copied();
    let authority = request.uri().authority().map(|authority| authority.as_str());
    let host = authority.or_else(|| request.headers().get(header::HOST).and_then(|host| host.to_str().ok()));
    if let Err(problem) = check_host(connection.as_ref(), host, &app.security) {
        return (*problem).into_response();
    }
    let address = connection::address(connection.as_ref(), request.headers(), &app.security);
    let stranger = || app.limiter.take(Budget::Strangers, &address, now);
    // A path that is nowhere is told so by the fallback.
    let Some(matched) = request.extensions().get::<MatchedPath>() else {
        let left = stranger();
        return if left.n.is_some() { next.run(request).await } else { too_many(&left) };
    };
    let path = template(matched.as_str(), request.uri());
    let method = if request.method() == Method::HEAD { "GET" } else { request.method().as_str() };
    let endpoint = ENDPOINTS.iter().find(|endpoint| endpoint.path == path && endpoint.method == method);
    let page = (PAGES.contains(&&*path) && method == "GET").then_some(Access::Open);
    let (roles, is_whole) = match endpoint.map(|endpoint| endpoint.access).or(page) {
        // Whoever watches whether the server lives must always get an answer.
        Some(Access::Open) if matches!(&*path, "/health" | "/ready") => return next.run(request).await,
        Some(Access::Open) => {
            let left = stranger();
            return if left.n.is_some() { next.run(request).await } else { too_many(&left) };
        }
        Some(Access::ByLocation(roles)) => (roles, false),
        Some(Access::Whole(roles)) => (roles, true),
        None if !methods(&path).is_empty() => return wrong_method(request.method(), &path),
        None => return forbidden("nobody may use this route", "use a route of /v1/openapi.json").into_response(),
    };
    let caller = match authenticate(&app, request.headers(), connection.as_ref()).await {
        Ok(caller) => caller,
        Err(problem) => {
            let left = stranger();
            return if left.n.is_some() { (*problem).into_response() } else { too_many(&left) };
        }
    };
    let is_unsafe = is_unsafe(request.method());
    let left = app.limiter.take(if is_unsafe { Budget::Writes } else { Budget::Reads }, &caller.budget_key(), now);
    if left.n.is_none() {
        return too_many(&left);
    }
    let answer = match check_caller(&app, &caller, roles, is_whole, &request, connection.as_ref()) {
        Ok(()) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => (*problem).into_response(),
    };
    with_budget(answer, &left)
}

fn check_caller(
    app: &App,
    caller: &Caller,
    roles: &[Role],
    is_whole: bool,
    request: &Request,
    connection: Option<&Connection>,
) -> Result<(), Box<Problem>> {
    if is_unsafe(request.method()) {
        check_csrf(caller, request.headers(), is_secure(connection, &app.security))?;
    }
    if !roles.contains(&caller.role) {
        let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
        let detail = format!("a token with the role {} may not do this", caller.role.name());
        let fix = "use a token with an allowed role; whoever runs the server can make one";
        return Err(Box::new(forbidden(&detail, fix).field("role", caller.role.name(), names.join(" or "))));
    }
    if is_whole && caller.locations.is_some() {
        let detail = "a token of some locations may not do this, because it is about all of them";
        return Err(Box::new(forbidden(detail, "use a token without a list of locations")));
    }
    Ok(())
}

pub(crate) fn forbidden(detail: &str, fix: &str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "forbidden", "The token does not allow it", detail).fix(fix)
}

/// The answer to a request beyond a budget.
pub(crate) fn too_many(left: &Left) -> Response {
    let detail = format!("the budget {} is {} requests in {:#}", left.budget.name(), left.rate.n, left.rate.per);
    let title = "Too many requests";
    let fix = format!("send the same request again after {} s; spread requests evenly", left.seconds());
    let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", title, detail).fix(fix);
    let mut answer = with_budget(problem.into_response(), left);
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(left.seconds()));
    answer
}

/// Says what is left of a budget, as the draft of the IETF on rate limits writes it.
fn with_budget(mut answer: Response, left: &Left) -> Response {
    let name = left.budget.name();
    let policy = format!("\"{name}\";q={};w={}", left.rate.n, left.rate.per.as_secs().max(1));
    let state = format!("\"{name}\";r={};t={}", left.n.unwrap_or(0), left.seconds());
    for (name, value) in [("ratelimit-policy", policy), ("ratelimit", state)] {
        answer.headers_mut().insert(name, HeaderValue::from_str(&value).expect("names and digits are a header"));
    }
    answer
}
