//! Errors as problem documents (RFC 9457), in the words of the ledger's refusals.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use restock_ledger::{LedgerError, Refusal};
use serde::Serialize;
use utoipa::ToSchema;

use crate::limits::RETRY_AFTER_SECONDS;
use crate::tokens::TokenError;
use crate::users::UserError;
use crate::webhooks::WebhookError;
use crate::writer::Failure;

/// Why a request was not done, as `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Problem {
    /// The kind of problem, for programs; it does not change between versions.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "urn:restock:problem:bad-query")]
    pub kind: Box<str>,
    /// The kind of problem, for people.
    pub title: &'static str,
    /// The status of the answer.
    pub status: u16,
    /// What is wrong with this request.
    #[schema(value_type = String)]
    pub detail: Box<str>,
    /// The field, parameter or header at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    pub field: Option<Box<str>>,
    /// What was there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    pub got: Option<Box<str>>,
    /// What is allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    pub expected: Option<Box<str>>,
    /// The way out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    pub fix: Option<Box<str>>,
}

impl Problem {
    /// A problem of the kind `name`, such as `bad-query`.
    pub(crate) fn new(status: StatusCode, name: &str, title: &'static str, detail: impl Into<Box<str>>) -> Self {
        Self {
            kind: format!("urn:restock:problem:{name}").into(),
            title,
            status: status.as_u16(),
            detail: detail.into(),
            field: None,
            got: None,
            expected: None,
            fix: None,
        }
    }

    pub(crate) fn fix(mut self, fix: impl Into<Box<str>>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    pub(crate) fn field(mut self, field: &str, got: impl AsRef<str>, expected: impl Into<Box<str>>) -> Self {
        let got = got.as_ref();
        self.field = Some(field.into());
        self.got = Some(got.chars().take(Refusal::MAX_GOT_CHARS).collect());
        self.expected = Some(expected.into());
        self
    }

    /// A parameter that cannot be read.
    pub(crate) fn bad_query(field: &str, got: impl Into<String>, expected: impl Into<String>) -> Self {
        let (got, expected) = (got.into(), expected.into());
        let detail = format!("{field}: got {got}, expected {expected}");
        Self::new(StatusCode::BAD_REQUEST, "bad-query", "The query cannot be read", detail).field(field, got, expected)
    }

    /// A body that cannot be read.
    pub(crate) fn bad_body(detail: impl Into<Box<str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-body", "The body cannot be read", detail)
    }

    /// Something that does not exist.
    pub(crate) fn not_found(detail: impl Into<Box<str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is no such thing", detail)
    }

    /// Something that passes: the client may send the same request again.
    pub(crate) fn unavailable(name: &str, detail: impl Into<Box<str>>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, name, "The server cannot do it now", detail)
            .fix("send the same request again after a second; what was taken in before counts once")
    }

    /// Our own mistake, or a damaged store.
    pub(crate) fn internal(detail: impl Into<Box<str>>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The server failed", detail)
            .fix("tell whoever runs the server, with the request id of this answer")
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        let Refusal { field, got, expected, fix, .. } = refusal;
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "bad-event", "The event cannot be taken in", detail)
            .field(&field, got, expected)
            .fix(fix)
    }
}

impl From<getrandom::Error> for Problem {
    fn from(error: getrandom::Error) -> Self {
        Self::internal(error.to_string())
    }
}

impl From<&LedgerError> for Problem {
    fn from(error: &LedgerError) -> Self {
        let text = error.to_string();
        let (detail, hint) = match text.split_once("\n\nhint: ") {
            Some((detail, hint)) => (detail, Some(hint)),
            None => (text.as_str(), None),
        };
        let problem = match error {
            LedgerError::Busy { .. } => Self::unavailable("busy", detail),
            LedgerError::DeskMoved { .. } => {
                Self::unavailable("busy", "another program files on the desk all the time")
            }
            // What the store says may name files of the server, so it goes to the log only.
            LedgerError::Storage(_) => return Self::unavailable("storage", "the store of the ledger failed"),
            LedgerError::NoSuchEntry(_) => Self::not_found(detail),
            LedgerError::AlreadyResolved { .. } => {
                Self::new(StatusCode::CONFLICT, "already-resolved", "It was decided before", detail)
                    .fix("read the entry to see what was decided")
            }
            LedgerError::CannotRelease { .. } => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "cannot-release", "The entry cannot be released", detail)
            }
            LedgerError::OutOfRange { .. } => {
                Self::new(StatusCode::BAD_REQUEST, "out-of-range", "A number is too large", detail)
            }
            _ => return Self::internal("the ledger cannot be used"),
        };
        match hint {
            Some(hint) => problem.fix(hint),
            None => problem,
        }
    }
}

/// What is wrong with a token, a user or a webhook, with the way out that the error has behind `hint`.
fn of_account(status: StatusCode, name: &str, title: &'static str, error: &impl std::fmt::Display) -> Problem {
    let text = error.to_string();
    match text.split_once("\n\nhint: ") {
        Some((detail, hint)) => Problem::new(status, name, title, detail).fix(hint),
        None => Problem::new(status, name, title, text),
    }
}

/// A file of the server failed: what it is called goes to the log only.
fn of_file(error: &impl std::fmt::Display) -> Problem {
    tracing::error!(error = %error, "a file of the server failed");
    Problem::internal("a file of the server cannot be read or written")
}

fn not_recorded(error: &impl std::fmt::Display) -> Problem {
    tracing::error!(error = %error, "the audit trail failed");
    Problem::unavailable("not-recorded", "the audit trail cannot be written, so nothing was changed")
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        let (status, name, title) = match error {
            TokenError::NameTaken { .. } => (StatusCode::CONFLICT, "name-taken", "The name is taken"),
            TokenError::NoSuchToken { .. } => return Self::not_found(error.to_string()),
            TokenError::BadName { .. } | TokenError::ReservedName { .. } | TokenError::NoLocations => {
                (StatusCode::UNPROCESSABLE_ENTITY, "bad-token", "The token cannot be made")
            }
            TokenError::NotRecorded(error) => return not_recorded(&error),
            TokenError::File { .. } | TokenError::NoRandomness(_) => return of_file(&error),
        };
        of_account(status, name, title, &error)
    }
}

impl From<UserError> for Problem {
    fn from(error: UserError) -> Self {
        let (status, name, title) = match error {
            UserError::NameTaken { .. } => (StatusCode::CONFLICT, "name-taken", "The name is taken"),
            UserError::LastAdmin { .. } => (StatusCode::CONFLICT, "last-admin", "Somebody must look after users"),
            UserError::NoSuchUser { .. } => return Self::not_found(error.to_string()),
            UserError::BadPassword { .. } => {
                (StatusCode::UNPROCESSABLE_ENTITY, "bad-password", "The password is not taken")
            }
            UserError::BadName { .. }
            | UserError::ReservedName { .. }
            | UserError::NotForPeople
            | UserError::NoLocations => (StatusCode::UNPROCESSABLE_ENTITY, "bad-user", "The user cannot be like this"),
            UserError::NotRecorded(error) => return not_recorded(&error),
            UserError::File { .. } | UserError::NoRandomness(_) => return of_file(&error),
        };
        of_account(status, name, title, &error)
    }
}

impl From<WebhookError> for Problem {
    fn from(error: WebhookError) -> Self {
        let detail = error.to_string();
        let refused = |field: &str, got: &str, expected: &str| {
            let title = "The webhook cannot be made";
            Self::new(StatusCode::UNPROCESSABLE_ENTITY, "bad-webhook", title, detail.clone())
                .field(field, got, expected)
        };
        match error {
            WebhookError::BadUrl { got, expected } => refused("url", &got, expected),
            WebhookError::NoTopics => refused("topics", "nothing", "proposal, order, event or quarantine"),
            WebhookError::TooMany => {
                Self::new(StatusCode::CONFLICT, "too-many-webhooks", "There are too many webhooks", detail)
                    .fix("remove one that nobody needs")
            }
            WebhookError::NoSuchWebhook { .. } => Self::not_found(detail),
            WebhookError::NotRecorded(error) => not_recorded(&error),
            WebhookError::File { .. } | WebhookError::NoRandomness(_) => of_file(&detail),
        }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Starting => Self::unavailable("starting", "the server is reading its events"),
            Failure::Stopping => Self::unavailable("stopping", "the server is shutting down"),
            Failure::Panicked => Self::internal("the request met a mistake of the program"),
            Failure::Full => Self::unavailable("overloaded", "too many requests wait for the ledger"),
            Failure::Ledger(error) => {
                let problem = Self::from(&*error);
                if problem.status >= 500 {
                    tracing::error!(error = %error, "the ledger failed");
                }
                problem
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).expect("made from a status");
        let body = serde_json::to_vec(&self).expect("a problem is JSON");
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"restock\""));
        }
        response
    }
}
