//! Events: taken in, and read back.

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::{Extension, Json};
use jiff::Timestamp;
use restock_core::ItemLocation;
use restock_ledger::{DESK_SOURCE, Incoming, Outcome, Recorded, Refusal, wire};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::openapi::schema::{AnyOfBuilder, ObjectBuilder, Schema, Type};
use utoipa::{IntoParams, ToSchema};

use crate::access::forbidden;
use crate::authentication::Caller;
use crate::extract::{Number, ValidQuery, body, first_number, media_type, page_size, too_large};
use crate::idempotency::key_of;
use crate::limits::MAX_ENTRIES;
use crate::problem::Problem;
use crate::server::App;
use crate::writer::Signed;

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";
const CLOUD_EVENT: &str = "application/cloudevents+json";
const CLOUD_EVENTS: &str = "application/cloudevents-batch+json";

/// An event. Every kind has its own fields beside these; fields that a kind does not know are kept.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what the ledger reads and writes as text")]
pub(crate) struct EventBody {
    /// Id given by the source, unique within it; with the source it makes the event known.
    event_id: String,
    /// The system that reports.
    source: String,
    /// The kind: sale, return, receipt, adjustment, count, waste, transfer_out, transfer_in, order_placed,
    /// order_confirmed, order_cancelled, order_shipped, price_change, promotion, stockout_observed, lead_time_notice,
    /// sensor_reading, item_changed, location_changed, supplier_changed, item_location_changed, source_changed,
    /// calendar_changed, uom_changed, segment_changed, forecast_override or forecast_given.
    #[schema(example = "sale")]
    r#type: String,
    /// When it happened, with the offset from UTC.
    #[schema(example = "2026-03-02T14:05:00+01:00")]
    occurred_at: String,
    /// The item.
    item_id: Option<String>,
    /// The location.
    location_id: Option<String>,
    /// Units, as a text or a number.
    #[schema(schema_with = decimal)]
    quantity: Option<String>,
    /// Units counted, as a text or a number.
    #[schema(schema_with = decimal)]
    on_hand: Option<String>,
    /// Order number.
    order_id: Option<String>,
    /// What a change of master data says: texts, numbers and truths by name; `null` clears.
    #[schema(value_type = Option<Object>)]
    fields: Option<String>,
}

fn decimal() -> Schema {
    let text = ObjectBuilder::new().schema_type(Type::String).build();
    let number = ObjectBuilder::new().schema_type(Type::Number).build();
    Schema::AnyOf(AnyOfBuilder::new().item(text).item(number).build())
}

/// One event, or a list of them.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what the ledger reads as text")]
#[schema(as = Events)]
#[serde(untagged)]
pub(crate) enum OneOrMany {
    /// One event.
    One(Box<EventBody>),
    /// At most 10,000 events.
    Many(Vec<EventBody>),
}

/// How many entries became what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Counts {
    /// They are new events.
    pub(crate) accepted: u64,
    /// They were in the ledger before, with the same content.
    pub(crate) duplicate: u64,
    /// They cannot be taken in, and lie in quarantine with the reason.
    pub(crate) quarantined: u64,
    /// Their key belongs to an event that says something else; they lie in quarantine.
    pub(crate) conflict: u64,
}

impl Counts {
    pub(crate) fn of(outcomes: &[Outcome]) -> Self {
        let mut counts = Self::default();
        for outcome in outcomes {
            match outcome {
                Outcome::Accepted { .. } => counts.accepted += 1,
                Outcome::Duplicate { .. } => counts.duplicate += 1,
                Outcome::Quarantined { .. } => counts.quarantined += 1,
                Outcome::Conflict { .. } => counts.conflict += 1,
            }
        }
        counts
    }
}

/// What became of an entry.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EntryOutcome {
    /// `accepted`, `duplicate`, `quarantined` or `conflict`.
    outcome: &'static str,
    /// Where in the request it was: `line 3` of NDJSON, `index 2` of a list, or `message`.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<String>,
    /// The number of the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    /// The number of the entry in quarantine.
    #[serde(skip_serializing_if = "Option::is_none")]
    quarantine_id: Option<u64>,
    /// Why it lies there.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
}

impl EntryOutcome {
    pub(crate) fn new(position: Option<String>, outcome: Outcome) -> Self {
        let (outcome, sequence, quarantine_id, reason) = match outcome {
            Outcome::Accepted { sequence } => ("accepted", Some(sequence), None, None),
            Outcome::Duplicate { sequence } => ("duplicate", Some(sequence), None, None),
            Outcome::Conflict { quarantine_id, sequence } => ("conflict", Some(sequence), Some(quarantine_id), None),
            Outcome::Quarantined { quarantine_id, reason } => {
                ("quarantined", None, Some(quarantine_id), Some(reason.into()))
            }
        };
        Self { outcome, position, sequence, quarantine_id, reason }
    }
}

/// Why an entry cannot be taken in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Reason {
    /// `malformed`, `future_dated`, `too_old` or `conflict`.
    code: &'static str,
    /// The field at fault; empty when it is the whole entry.
    field: String,
    /// What was there.
    got: String,
    /// What is allowed.
    expected: String,
    /// The way out.
    fix: String,
}

impl From<Refusal> for Reason {
    fn from(refusal: Refusal) -> Self {
        let Refusal { code, field, got, expected, fix } = refusal;
        Self { code: code.name(), field, got, expected, fix }
    }
}

/// What became of a request with events.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Appended {
    #[serde(flatten)]
    counts: Counts,
    /// One outcome per entry, in their order.
    outcomes: Vec<EntryOutcome>,
}

/// Takes in events, each once and durably: when the answer comes, they are on disk. What cannot be read lies in quarantine
/// and stops nothing else. Send a request again when its answer was lost: its events are duplicates then.
#[utoipa::path(
    post,
    path = "/v1/events",
    params(("idempotency-key" = Option<String>, Header, min_length = 1, max_length = 200, description = "what the request calls itself; events are known by their own ids too")),
    request_body(content(
        (OneOrMany = "application/json"),
        (String = "application/x-ndjson"),
        (Object = "application/cloudevents+json"),
        (Vec<Object> = "application/cloudevents-batch+json"),
    )),
    responses(
        (status = 202, description = "every entry is an event now, or was before, or lies in quarantine", body = Appended),
        (status = 400, description = "the body is empty or broke off", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "too many bytes or entries", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "another media type", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "a source that is the desk's, or a key that belongs to a request with another body", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn append(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Appended>), Problem> {
    let media_type = media_type(&headers, &[JSON, NDJSON, CLOUD_EVENT, CLOUD_EVENTS])?;
    let bytes = body(bytes)?;
    let request = key_of(&headers, &caller, &bytes)?;
    if let Some(request) = &request {
        app.keys.check("events", request)?;
    }
    let entries = if media_type == NDJSON { wire::read_ndjson(&bytes, 1) } else { wire::read_json(&bytes) };
    if entries.len() > MAX_ENTRIES {
        return Err(too_large(format!("the request has {} entries, at most {MAX_ENTRIES} are taken", entries.len())));
    }
    check_source(&entries)?;
    check_locations(&caller, &entries)?;
    let positions: Vec<String> = entries.iter().map(|entry| entry.position.to_string()).collect();
    let person = caller.role.is_person().then(|| Signed::sender(caller.name));
    let outcomes = app.writer.append(entries, person).await?;
    if let Some(request) = &request {
        app.keys.remember("events", request);
    }
    let counts = Counts::of(&outcomes);
    let rows = positions.into_iter().zip(outcomes);
    let outcomes = rows.map(|(position, outcome)| EntryOutcome::new(Some(position), outcome)).collect();
    Ok((StatusCode::ACCEPTED, Json(Appended { counts, outcomes })))
}

/// Orders that the desk exported are its own to report; the request is refused before anything is taken in.
fn check_source(entries: &[Incoming]) -> Result<(), Problem> {
    for entry in entries {
        if let Ok(event) = &entry.event
            && event.source == DESK_SOURCE
        {
            return Err(reserved_source(&format!("{}: ", entry.position)));
        }
    }
    Ok(())
}

pub(crate) fn reserved_source(position: &str) -> Problem {
    let detail = format!("{position}the source {DESK_SOURCE:?} belongs to the desk; nothing was taken in");
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    Problem::new(status, "reserved-source", "The name of the source is taken", detail)
        .field("source", format!("{DESK_SOURCE:?}"), "the name of the system that reports")
        .fix("send events under another source; POST /v1/orders orders what is approved")
}

/// A token of some locations sends events of those only; the request is refused before anything is taken in.
fn check_locations(caller: &Caller, entries: &[Incoming]) -> Result<(), Problem> {
    for entry in entries {
        if let Ok(event) = &entry.event
            && !caller.covers(event.kind.location_id())
        {
            let got = event.kind.location_id().unwrap_or("every location");
            let expected = caller.locations.as_deref().unwrap_or_default().join(" or ");
            let detail = format!("{}: the token is not about {got:?}; nothing was taken in", entry.position);
            let fix = "send events of the token's locations, or use another token";
            return Err(forbidden(&detail, fix).field("location_id", got, expected));
        }
    }
    Ok(())
}

/// An event in the ledger.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecordedEvent {
    /// Its number: 1 for the first, without gaps.
    sequence: u64,
    /// When it was taken in.
    #[schema(value_type = String)]
    recorded_at: Timestamp,
    /// What happened.
    #[schema(value_type = EventBody)]
    event: Box<RawValue>,
}

impl From<Recorded> for RecordedEvent {
    fn from(recorded: Recorded) -> Self {
        let event = RawValue::from_string(wire::write(&recorded.event)).expect("an event is written as JSON");
        Self { sequence: recorded.sequence, recorded_at: recorded.recorded_at, event }
    }
}

/// A page of events.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventPage {
    /// Events in their order.
    events: Vec<RecordedEvent>,
    /// Where the next page begins.
    next_from: u64,
    /// Whether there may be events on it already.
    has_more: bool,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventQuery {
    /// The first number.
    #[param(minimum = 1)]
    from: Option<u64>,
    /// The most events.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u64>,
    /// Events of this item only; goes with `location_id`.
    item_id: Option<String>,
    /// Events of this location only; goes with `item_id`.
    location_id: Option<String>,
}

/// Events in the order in which they were taken in.
#[utoipa::path(
    get,
    path = "/v1/events",
    params(EventQuery),
    responses(
        (status = 200, description = "a page of events", body = EventPage),
        (status = 400, description = "bad query", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    ValidQuery(query): ValidQuery<EventQuery>,
) -> Result<Json<EventPage>, Problem> {
    let (from, limit) = (first_number(query.from)?, page_size(query.limit)?);
    let place = match (query.item_id, query.location_id) {
        (Some(item_id), Some(location_id)) => Some(ItemLocation { item_id, location_id }),
        (None, None) => None,
        (Some(_), None) => return Err(Problem::bad_query("location_id", "nothing", "a location beside item_id")),
        (None, Some(_)) => return Err(Problem::bad_query("item_id", "nothing", "an item beside location_id")),
    };
    let read = app.writer.read(move |ledger| match &place {
        Some(place) => ledger.events_of(place, from, limit),
        None => ledger.events(from, limit),
    });
    let events = read.await?;
    let next_from = events.last().map_or(from, |last| last.sequence + 1);
    let has_more = events.len() == limit;
    let seen = events.into_iter().filter(|recorded| caller.covers(recorded.event.kind.location_id()));
    Ok(Json(EventPage { events: seen.map(RecordedEvent::from).collect(), next_from, has_more }))
}

/// One event.
#[utoipa::path(
    get,
    path = "/v1/events/{sequence}",
    params(("sequence" = u64, Path, minimum = 1)),
    responses(
        (status = 200, description = "the event", body = RecordedEvent),
        (status = 400, description = "bad number", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "no such event", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn one(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Number(sequence): Number,
) -> Result<Json<RecordedEvent>, Problem> {
    let found = app.writer.read(move |ledger| ledger.events(sequence, 1)).await?;
    // The event of another location is told apart from none by nobody.
    let is_it = |recorded: &Recorded| recorded.sequence == sequence && caller.covers(recorded.event.kind.location_id());
    let recorded = found.into_iter().find(is_it);
    recorded
        .map(|recorded| Json(recorded.into()))
        .ok_or_else(|| Problem::not_found(format!("there is no event {sequence}")))
}
