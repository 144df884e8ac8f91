//! What happens to every request, whatever its route: an id, a time limit, a log line, counters, security headers.

use std::panic::AssertUnwindSafe;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;

use crate::connection::{Connection, is_secure};
use crate::limits::{IMPORT_TIMEOUT, REQUEST_TIMEOUT};
use crate::names::fresh_name;
use crate::problem::Problem;
use crate::server::App;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id of a request that is accepted from outside, bytes.
const MAX_REQUEST_ID_BYTES: usize = 100;

/// Answers of the API are no pages: browsers shall run, frame and guess nothing. The files of the dashboard say otherwise
/// themselves, for what they need.
const SECURITY: [(HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Where browsers speak TLS, they shall do so for a year whatever a link says.
const STRICT: HeaderValue = HeaderValue::from_static("max-age=31536000");

pub(crate) async fn observe(State(app): State<App>, request: Request, next: Next) -> Response {
    let begin = (app.clock)();
    let request_id = request_id(&request);
    let is_secure = is_secure(request.extensions().get::<Connection>(), &app.security);
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().map_or("other".to_owned(), |path| path.as_str().to_owned());

    let limit = if route.starts_with("/v1/imports") { IMPORT_TIMEOUT } else { REQUEST_TIMEOUT };
    let handled = AssertUnwindSafe(tokio::time::timeout(limit, next.run(request))).catch_unwind().await;
    let mut response = match handled {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => {
            let detail = format!("the request took longer than {} s", limit.as_secs());
            Problem::unavailable("timeout", detail).into_response()
        }
        Err(_) => Problem::internal("the request met a mistake of the program").into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in SECURITY {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if is_secure {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, STRICT);
    }
    headers.insert(REQUEST_ID, request_id.clone());

    // A clock that is set back makes no negative latencies.
    let seconds = (app.clock)().duration_since(begin).as_secs_f64().max(0.0);
    let status = response.status().as_u16();
    app.metrics.count_request(&route, known(&method), status, seconds);
    let request_id = request_id.to_str().unwrap_or_default();
    tracing::info!(request_id, method = method.as_str(), path, route, status, latency_ms = seconds * 1e3, "request");
    response
}

/// The id that the client gave, or a new one.
fn request_id(request: &Request) -> HeaderValue {
    let is_fine = |id: &&HeaderValue| {
        (1..=MAX_REQUEST_ID_BYTES).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
    };
    if let Some(id) = request.headers().get(&REQUEST_ID).filter(is_fine) {
        return id.clone();
    }
    // An id only has to tell requests apart; without randomness they are all the same, and the request still counts.
    let name = fresh_name().unwrap_or_else(|error| {
        tracing::warn!(error = %error, "no random request id");
        "0".repeat(32)
    });
    HeaderValue::from_str(&name).expect("digits are a header")
}

/// The method as a label, so that invented methods make no new counters.
fn known(method: &Method) -> &str {
    match *method {
        Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::PATCH | Method::DELETE | Method::OPTIONS => {
            method.as_str()
        }
        _ => "other",
    }
}
