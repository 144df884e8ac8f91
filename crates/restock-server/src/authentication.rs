//! Who sends a request: the owner of a token, or a person with a session.

use std::fmt::Display;
use std::sync::Arc;

use axum::http::{HeaderMap, Method, StatusCode, header};

use crate::access::Role;
use crate::connection::{Connection, check_origin, is_secure};
use crate::problem::Problem;
use crate::server::App;
use crate::sessions::csrf_token;

/// Name of the cookie on connections that can be overheard; browsers take the longer one over TLS only.
const COOKIE: &str = "restock_session";
const SECURE_COOKIE: &str = "__Host-restock_session";
/// The header with which a page shows that it belongs to the session.
pub(crate) const CSRF_HEADER: &str = "x-csrf-token";

/// Who sends a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The name in the audit trail.
    pub(crate) name: String,
    pub(crate) role: Role,
    /// The locations that it is about; `None` means all.
    pub(crate) locations: Option<Vec<String>>,
    by: Proof,
}

/// How a caller is known; it is looked at again when a stream goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Proof {
    Token(Arc<str>),
    Session(Arc<str>),
}

impl Caller {
    /// Whether the caller is about everything that happens at `location_id`; `None` stands for all locations.
    pub(crate) fn covers(&self, location_id: Option<&str>) -> bool {
        match (&self.locations, location_id) {
            (None, _) => true,
            (Some(own), Some(location_id)) => own.iter().any(|own| own == location_id),
            (Some(_), None) => false,
        }
    }

    /// The secret of the session, where there is one.
    pub(crate) fn session(&self) -> Option<&str> {
        match &self.by {
            Proof::Token(_) => None,
            Proof::Session(secret) => Some(secret),
        }
    }

    /// Whose budget a request is taken from: names of tokens and of users are different ones.
    pub(crate) fn budget_key(&self) -> String {
        match &self.by {
            Proof::Token(_) => format!("token/{}", self.name),
            Proof::Session(_) => format!("user/{}", self.name),
        }
    }
}

/// Why somebody is not let in.
type Refused = Box<Problem>;

fn unauthorized(detail: &str, fix: &str) -> Refused {
    Box::new(Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "A token or session is needed", detail).fix(fix))
}

fn failed(error: impl Display) -> Refused {
    tracing::error!(error = %error, "nobody is let in");
    Box::new(Problem::internal("the server cannot read who may use it"))
}

const SEND: &str = "send the header \"authorization: Bearer TOKEN\" with a token that is valid, or log in";

/// Who sends a request. A token goes before a session: programs have no cookies by accident.
pub(crate) async fn authenticate(
    app: &App,
    headers: &HeaderMap,
    connection: Option<&Connection>,
) -> Result<Caller, Refused> {
    if app.tokens.list().map_err(failed)?.is_empty() && app.security.users.list().map_err(failed)?.is_empty() {
        let fix = "make a user with `restock user create NAME --role admin` and log in, or make a token with `restock token \
                   create NAME --role integrator` and send it as \"authorization: Bearer TOKEN\"";
        return Err(unauthorized("this server has no tokens and no users yet", fix));
    }
    let Some(header) = headers.get(header::AUTHORIZATION) else {
        let is_secure = is_secure(connection, &app.security);
        let Some(secret) = session_cookie(headers, is_secure) else {
            return Err(unauthorized("the request has no token and no session", SEND));
        };
        return of_session(app, secret).await;
    };
    let secret = match header.to_str().unwrap_or_default().split_once(' ') {
        Some((scheme, secret)) if scheme.eq_ignore_ascii_case("bearer") => secret.trim(),
        _ => return Err(unauthorized("the header authorization has no bearer token", SEND)),
    };
    of_token(app, secret)
}

fn of_token(app: &App, secret: &str) -> Result<Caller, Refused> {
    let Some(token) = app.tokens.find(secret).map_err(failed)? else {
        return Err(unauthorized("the token is not known: it was revoked, or belongs to another server", SEND));
    };
    match token.expires_at {
        Some(expires_at) if expires_at <= (app.clock)() => {
            Err(unauthorized(&format!("the token expired at {expires_at}"), "use a token that is still valid"))
        }
        _ => Ok(Caller {
            name: token.name,
            role: token.role,
            locations: token.locations,
            by: Proof::Token(secret.into()),
        }),
    }
}

async fn of_session(app: &App, secret: &str) -> Result<Caller, Refused> {
    let (caller, is_stale) = find_session(app, secret)?;
    if is_stale {
        let (app, secret, now) = (app.clone(), secret.to_owned(), (app.clock)());
        let kept = tokio::task::spawn_blocking(move || app.sessions.keep(&secret, now)).await;
        if !matches!(kept, Ok(Ok(()))) {
            tracing::warn!("the use of a session could not be written down, it may end early");
        }
    }
    Ok(caller)
}

fn find_session(app: &App, secret: &str) -> Result<(Caller, bool), Refused> {
    let over = || unauthorized("the session is over: it ended, or the password changed", "log in again");
    let found = app.sessions.find(secret, (app.clock)()).map_err(|error| failed(error.reason))?;
    let found = found.ok_or_else(over)?;
    let user = app.security.users.find(&found.user).map_err(failed)?;
    let user = user.filter(|user| !user.is_disabled && user.session_key() == found.session_key).ok_or_else(over)?;
    let by = Proof::Session(secret.into());
    Ok((Caller { name: user.name, role: user.role, locations: user.locations, by }, found.is_stale))
}

/// Whether a caller that was let in before would still be, as the same.
pub(crate) fn is_current(app: &App, caller: &Caller) -> bool {
    let now = match &caller.by {
        Proof::Token(secret) => of_token(app, secret),
        Proof::Session(secret) => find_session(app, secret).map(|(caller, _)| caller),
    };
    now.is_ok_and(|now| now == *caller)
}

/// Whether a request changes something, by its method.
pub(crate) fn is_unsafe(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// A browser sends the cookie with requests of any page; one that changes something must come from ours, twice over: it
/// carries what only our pages can read, and the browser says so. A token is sent by nobody by accident.
pub(crate) fn check_csrf(caller: &Caller, headers: &HeaderMap, is_secure: bool) -> Result<(), Refused> {
    let Some(secret) = caller.session() else { return Ok(()) };
    let refused = |detail: &str| {
        let fix =
            "send x-csrf-token as GET /v1/session gives it, and, outside a browser, the header origin of this server";
        let title = "The request does not come from a page of this server";
        Box::new(Problem::new(StatusCode::FORBIDDEN, "csrf", title, detail).fix(fix))
    };
    check_origin(headers, is_secure).map_err(refused)?;
    let got = headers.get(CSRF_HEADER).ok_or_else(|| refused("the header x-csrf-token is missing"))?;
    // The equality of blake3 hashes takes the same time wherever they differ.
    if !blake3::Hash::from_hex(got.as_bytes()).is_ok_and(|got| got == csrf_token(secret)) {
        return Err(refused("the header x-csrf-token is not that of the session"));
    }
    Ok(())
}

/// The secret of a session in the cookies of a request.
pub(crate) fn session_cookie(headers: &HeaderMap, is_secure: bool) -> Option<&str> {
    let name = if is_secure { SECURE_COOKIE } else { COOKIE };
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
    pairs.filter(|(own, _)| *own == name).map(|(_, secret)| secret).next()
}

/// The cookie that keeps a session for `seconds`; 0 takes it away.
pub(crate) fn cookie(secret: &str, seconds: i64, is_secure: bool) -> String {
    let (name, secure) = if is_secure { (SECURE_COOKIE, "; Secure") } else { (COOKIE, "") };
    format!("{name}={secret}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}
