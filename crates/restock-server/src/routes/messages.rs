//! Messages of the program in other languages: explanations, reasons and problems are told in English, and a page shows them
//! in the language of whoever reads.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::extract::read_json;
use crate::limits::{MAX_MESSAGE_BYTES, MAX_MESSAGES};
use crate::problem::Problem;
use crate::server::App;

/// A language that messages are said in.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
enum Language {
    #[serde(rename = "zh-CN")]
    ZhCn,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MessagesBody {
    language: Language,
    /// English messages as this API told them, at most 200.
    #[schema(max_items = 200)]
    messages: Vec<String>,
}

/// Messages in another language.
#[derive(Serialize, ToSchema)]
pub(crate) struct Translated {
    /// In the order of the request; nothing where no other words are known.
    messages: Vec<Option<String>>,
}

/// Says messages of this API in another language: warnings and notes of explanations, reasons of forecasts, problems of plans.
#[utoipa::path(
    post,
    path = "/v1/messages:translate",
    request_body = MessagesBody,
    responses(
        (status = 200, description = "the messages", body = Translated),
        (status = 400, description = "too many or too long", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn translate(
    State(app): State<App>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Json<Translated>, Problem> {
    let MessagesBody { language: Language::ZhCn, messages } = read_json(&headers, bytes)?;
    if messages.len() > MAX_MESSAGES {
        let expected = format!("at most {MAX_MESSAGES} messages");
        let detail = format!("messages: got {}, expected {expected}", messages.len());
        return Err(Problem::bad_body(detail).field("messages", messages.len().to_string(), expected));
    }
    let say = |message: &String| {
        let is_short = message.len() <= MAX_MESSAGE_BYTES;
        app.translator.as_ref().filter(|_| is_short).and_then(|translator| translator(message, "zh-CN"))
    };
    Ok(Json(Translated { messages: messages.iter().map(say).collect() }))
}
