//! The dashboard's files. They are no part of the API: what they show, they ask `/v1` for like everybody else.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use restock_dashboard::{Asset, CONTENT_SECURITY_POLICY, asset, page};

use crate::extract::Name;
use crate::problem::Problem;

/// The page changes with the program, so a browser asks each time whether it has.
const ASK: HeaderValue = HeaderValue::from_static("no-cache");
/// The name of a file has the hash of its content.
const KEEP: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// The page.
pub(crate) async fn index(headers: HeaderMap) -> Response {
    answer(page(), &headers, ASK)
}

/// A file of the page.
pub(crate) async fn file(Name(name): Name, headers: HeaderMap) -> Response {
    match asset(&name) {
        Some(found) => answer(found, &headers, KEEP),
        None => Problem::not_found("the dashboard has no such file").into_response(),
    }
}

fn answer(asset: &'static Asset, headers: &HeaderMap, cache: HeaderValue) -> Response {
    let has = |name: HeaderName, token: &str| {
        let listed = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        listed.flat_map(|list| list.split(',')).any(|one| one.trim() == token)
    };
    let tag = format!("\"{}\"", asset.hash);
    let is_known = has(header::IF_NONE_MATCH, &tag) || has(header::IF_NONE_MATCH, &format!("W/{tag}"));
    let packed = asset.gzipped.as_deref().filter(|_| has(header::ACCEPT_ENCODING, "gzip"));
    let mut response = match (is_known, packed) {
        (true, _) => StatusCode::NOT_MODIFIED.into_response(),
        (false, Some(packed)) => Body::from(packed).into_response(),
        (false, None) => Body::from(asset.bytes).into_response(),
    };
    let own = response.headers_mut();
    own.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type));
    own.insert(header::CACHE_CONTROL, cache);
    own.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    own.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    own.insert(header::ETAG, HeaderValue::from_str(&tag).expect("digits in quotes are a header"));
    if !is_known && packed.is_some() {
        own.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}
