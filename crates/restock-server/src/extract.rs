//! Parts of requests, with problems where they cannot be read.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use restock_core::master::MasterKey;
use restock_core::{Day, ItemLocation};
use serde::de::DeserializeOwned;

use crate::limits::{MAX_BODY_BYTES, MAX_PAGE, MAX_REASON_BYTES, USUAL_PAGE};
use crate::problem::Problem;

/// What events, entries and records can be numbered with.
const NUMBERS: std::ops::RangeInclusive<u64> = 1..=i64::MAX as u64;

/// The query, read strictly: a parameter that is not known is refused, because a misspelt filter would give everything.
pub(crate) struct ValidQuery<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for ValidQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(query)) => Ok(Self(query)),
            Err(rejection) => {
                let text = rejection.body_text();
                let reason = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
                let (field, reason) = match reason.split_once(": ") {
                    Some((field, reason)) => (field, reason),
                    None => ("query", reason),
                };
                let got = format!("{:?}", parts.uri.query().unwrap_or_default());
                Err(Problem::bad_query(field, got, format!("another value: {reason}")))
            }
        }
    }
}

/// A day of a query; a parameter without a value says nothing.
pub(crate) fn day_of_query(field: &str, text: Option<&str>) -> Result<Option<Day>, Problem> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let day = text.parse().map_err(|_| Problem::bad_query(field, format!("{text:?}"), "a day such as 2026-03-02"))?;
    Ok(Some(day))
}

/// The number at the end of a path.
pub(crate) struct Number(pub(crate) u64);

impl<S: Send + Sync> FromRequestParts<S> for Number {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(text)) => match text.parse() {
                Ok(number) if NUMBERS.contains(&number) => Ok(Self(number)),
                _ => Err(Problem::bad_query("path", format!("{text:?}"), "a whole number from 1")),
            },
            Err(_) => Err(Problem::bad_query("path", format!("{:?}", parts.uri.path()), "a whole number from 1")),
        }
    }
}

/// The name at the end of a path.
pub(crate) struct Name(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(name)) => Ok(Self(name)),
            Err(_) => Err(Problem::bad_query("path", format!("{:?}", parts.uri.path()), "a name in UTF-8")),
        }
    }
}

/// Item and location at the end of a path.
pub(crate) struct Place(pub(crate) ItemLocation);

impl<S: Send + Sync> FromRequestParts<S> for Place {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<(String, String)>::from_request_parts(parts, state).await {
            Ok(Path((item_id, location_id))) => Ok(Self(ItemLocation { item_id, location_id })),
            Err(_) => Err(Problem::bad_query("path", format!("{:?}", parts.uri.path()), "two ids in UTF-8")),
        }
    }
}

/// Item and unit of measure at the end of a path.
pub(crate) struct ItemUnit(pub(crate) MasterKey);

impl<S: Send + Sync> FromRequestParts<S> for ItemUnit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Place(ItemLocation { item_id, location_id: uom }) = Place::from_request_parts(parts, state).await?;
        Ok(Self(MasterKey::Uom { item_id, uom }))
    }
}

/// A name at the end of a path and, behind a colon, what is done to it: `p_1:approve`. Access has let the action pass, so it
/// is one of the table.
pub(crate) struct Acted {
    pub(crate) name: Name,
    pub(crate) action: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Acted {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Name(text) = Name::from_request_parts(parts, state).await?;
        match text.rsplit_once(':') {
            Some((name, action)) => Ok(Self { name: Name(name.to_owned()), action: action.to_owned() }),
            None => Err(Problem::not_found(format!("{text:?} has no action behind a colon"))),
        }
    }
}

/// How many rows a page has.
pub(crate) fn page_size(limit: Option<u64>) -> Result<usize, Problem> {
    match limit {
        None => Ok(USUAL_PAGE),
        Some(limit) if (1..=MAX_PAGE as u64).contains(&limit) => Ok(limit as usize),
        Some(limit) => Err(Problem::bad_query("limit", limit.to_string(), format!("1 to {MAX_PAGE}"))),
    }
}

/// The number of the first row of a page.
pub(crate) fn first_number(from: Option<u64>) -> Result<u64, Problem> {
    match from {
        Some(from) if !NUMBERS.contains(&from) => {
            Err(Problem::bad_query("from", from.to_string(), format!("a whole number from 1 to {}", i64::MAX)))
        }
        from => Ok(from.unwrap_or(1)),
    }
}

/// How many rows are passed over.
pub(crate) fn rows_before(from: Option<u64>) -> Result<usize, Problem> {
    let from = from.unwrap_or(0);
    usize::try_from(from)
        .ok()
        .filter(|_| i64::try_from(from).is_ok())
        .ok_or_else(|| Problem::bad_query("from", from.to_string(), format!("a whole number from 0 to {}", i64::MAX)))
}

/// The media type of a body, without parameters; one of `allowed`.
pub(crate) fn media_type<'a>(headers: &HeaderMap, allowed: &[&'a str]) -> Result<&'a str, Problem> {
    let refused =
        |field: &str, got: &str, expected: String| {
            let detail = format!("{field}: got {got:?}, expected {expected}");
            Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", "The body has another media type", detail)
                .field(field, format!("{got:?}"), expected)
        };
    let text = |name| headers.get(name).map_or("", |value| value.to_str().unwrap_or("?"));
    let encoding = text(header::CONTENT_ENCODING);
    if !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity") {
        return Err(refused("content-encoding", encoding, "a body that is not compressed".to_owned()));
    }
    let content = text(header::CONTENT_TYPE);
    let mut parts = content.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    let Some(known) = allowed.iter().find(|known| known.eq_ignore_ascii_case(kind)) else {
        return Err(refused("content-type", content, allowed.join(" or ")));
    };
    for parameter in parts {
        if let Some((name, value)) = parameter.split_once('=')
            && name.eq_ignore_ascii_case("charset")
            && !value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        {
            return Err(refused("content-type", content, "UTF-8".to_owned()));
        }
    }
    Ok(known)
}

/// The body, not empty.
pub(crate) fn body(read: Result<Bytes, BytesRejection>) -> Result<Bytes, Problem> {
    match any_body(read)? {
        body if body.trim_ascii().is_empty() => Err(Problem::bad_body("the body is empty")),
        body => Ok(body),
    }
}

/// The body, perhaps empty.
pub(crate) fn any_body(read: Result<Bytes, BytesRejection>) -> Result<Bytes, Problem> {
    match read {
        Ok(body) => Ok(body),
        Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            let expected = format!("at most {MAX_BODY_BYTES} bytes");
            Err(too_large(format!("the body is too large, {expected} are taken")))
        }
        Err(rejection) => Err(Problem::bad_body(format!("the body broke off: {}", rejection.body_text()))),
    }
}

/// The body, a JSON object of one shape.
pub(crate) fn read_json<T: DeserializeOwned>(
    headers: &HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<T, Problem> {
    media_type(headers, &["application/json"])?;
    let body = body(bytes)?;
    // A list would be read as the fields in their order.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(Problem::bad_body("got JSON of another shape, or none; expected an object"));
    }
    serde_json::from_slice(&body).map_err(|error| Problem::bad_body(error.to_string()))
}

pub(crate) fn too_large(detail: String) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The request is too large", detail)
        .fix("send it in several requests")
}

/// Why something is done, for the audit trail.
pub(crate) fn checked_reason(reason: String) -> Result<String, Problem> {
    if (1..=MAX_REASON_BYTES).contains(&reason.trim().len()) {
        return Ok(reason.trim().to_owned());
    }
    let got = format!("{} bytes", reason.trim().len());
    let expected = format!("1 to {MAX_REASON_BYTES} bytes that say why");
    Err(Problem::bad_body(format!("reason: got {got}, expected {expected}")).field("reason", got, expected))
}
