//! Accepted events and changes of proposals as they come, as server-sent events.
//!
//! A stream reads the ledger from a number of events and a number of changes on, and waits at its end. So a client that
//! comes back with `Last-Event-ID` runs the same code as one that never left, and a slow client misses nothing.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::atomic::Ordering;

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream, StreamExt};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use utoipa::{IntoParams, ToSchema};

use crate::authentication::{Caller, is_current};
use crate::extract::ValidQuery;
use crate::limits::{HEARTBEAT, MAX_PAGE, MAX_STREAMS};
use crate::problem::Problem;
use crate::server::App;
use crate::writer::Progress;

/// The data of a message: which event was accepted, and what it touched.
#[derive(Serialize, ToSchema)]
pub(crate) struct Touched {
    /// The number of the event, with which the id of the message begins.
    sequence: u64,
    /// The kind of event.
    r#type: &'static str,
    /// The item; nothing when it is about every item.
    item_id: Option<String>,
    /// The location; nothing when it is about every location.
    location_id: Option<String>,
}

/// The data of a message about a proposal: what was changed, and where it stands now.
#[derive(Serialize, ToSchema)]
pub(crate) struct Changed {
    /// The number of the change.
    number: u64,
    proposal_id: String,
    /// Where the proposal stands now.
    state: &'static str,
    /// The number of its last change.
    version: u64,
    item_id: String,
    /// The location that receives it.
    location_id: String,
}

/// How far a stream has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    /// The last event that was read.
    sequence: u64,
    /// The last change of a proposal that was read.
    desk_number: u64,
}

impl Seen {
    /// `12` after event 12 and no change of a proposal, `12.5` after event 12 and change 5.
    fn parse(text: &str) -> Option<Self> {
        let (sequence, desk_number) = text.split_once('.').unwrap_or((text, "0"));
        Some(Self { sequence: sequence.parse().ok()?, desk_number: desk_number.parse().ok()? })
    }

    fn id(self) -> String {
        match self.desk_number {
            0 => self.sequence.to_string(),
            number => format!("{}.{number}", self.sequence),
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct StreamQuery {
    /// Begin after this message: the number of an event, or that and the number of a change of a proposal behind a full
    /// stop. The header `Last-Event-ID` says the same and goes first; without both, the stream begins now.
    #[param(pattern = r"^[0-9]+(\.[0-9]+)?$", example = "12.5")]
    after: Option<String>,
}

/// Accepted events and changes of proposals as they come: messages `accepted` and `proposal`. A comment every 15 s says that
/// the stream is alive.
#[utoipa::path(
    get,
    path = "/v1/stream",
    params(StreamQuery, ("last-event-id" = Option<String>, Header, description = "the last message that was seen")),
    responses(
        (status = 200, description = "messages without end", body = StreamMessage, content_type = "text/event-stream"),
        (status = 400, description = "bad query", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn follow(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    ValidQuery(query): ValidQuery<StreamQuery>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    drop(app.writer.projection()?);
    let header = headers.get("last-event-id").map(|id| id.to_str().unwrap_or("?"));
    let (field, text) = match header.filter(|id| !id.is_empty()) {
        Some(id) => ("last-event-id", Some(id)),
        None => ("after", query.after.as_deref()),
    };
    let refused = |text: &str| Problem::bad_query(field, format!("{text:?}"), "a number such as 12 or 12.5");
    let seen = text.map(|text| Seen::parse(text).ok_or_else(|| refused(text))).transpose()?;
    let place = Place::take(&app)?;
    let progress = app.writer.progress();
    let closing = app.is_closing.subscribe();
    let now = *progress.borrow();
    let seen = seen.unwrap_or(Seen { sequence: now.last_sequence, desk_number: now.desk_number });
    let follower = Follower { app, caller, seen, waiting: VecDeque::new(), progress, closing, _place: place };
    // Something at once, so that the client knows that it is connected.
    let begin = stream::iter([Ok(Event::default().comment("ready"))]);
    let messages = stream::unfold(follower, |mut follower| async {
        let message = follower.next().await?;
        Some((Ok(message), follower))
    });
    Ok(Sse::new(begin.chain(messages)).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

/// The data of a message.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes messages of two kinds")]
#[schema(as = StreamMessage)]
#[serde(untagged)]
pub(crate) enum StreamMessage {
    /// Of a message `accepted`.
    Accepted(Touched),
    /// Of a message `proposal`.
    Proposal(Changed),
}

/// One of the few places for streams, given back when the stream ends.
pub(crate) struct Place(App);

impl Place {
    pub(crate) fn take(app: &App) -> Result<Self, Problem> {
        let place = Self(app.clone());
        if app.n_streams.fetch_add(1, Ordering::Relaxed) >= MAX_STREAMS {
            return Err(Problem::unavailable("overloaded", format!("{MAX_STREAMS} streams are open already")));
        }
        Ok(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.n_streams.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Follower {
    app: App,
    caller: Caller,
    /// What was read.
    seen: Seen,
    waiting: VecDeque<Event>,
    progress: watch::Receiver<Progress>,
    closing: watch::Receiver<bool>,
    _place: Place,
}

impl Follower {
    /// The next message; `None` ends the stream, and the client may come back with `Last-Event-ID`.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(message) = self.waiting.pop_front() {
                return Some(message);
            }
            let seen = self.seen;
            let is_more =
                |progress: &Progress| progress.last_sequence > seen.sequence || progress.desk_number > seen.desk_number;
            let now = tokio::select! {
                _ = self.closing.wait_for(|is_closing| *is_closing) => return None,
                more = self.progress.wait_for(is_more) => *more.ok()?,
            };
            if !is_current(&self.app, &self.caller) {
                return None;
            }
            if now.last_sequence > seen.sequence {
                self.read_events().await?;
            } else {
                self.read_changes().await?;
            }
        }
    }

    async fn read_events(&mut self) -> Option<()> {
        let from = self.seen.sequence.checked_add(1)?;
        let events = self.app.writer.read(move |ledger| ledger.events(from, MAX_PAGE)).await.ok()?;
        for recorded in events {
            self.seen.sequence = recorded.sequence;
            let kind = &recorded.event.kind;
            if !self.caller.covers(kind.location_id()) {
                continue;
            }
            let touched = Touched {
                sequence: recorded.sequence,
                r#type: kind.name(),
                item_id: kind.item_id().map(str::to_owned),
                location_id: kind.location_id().map(str::to_owned),
            };
            let message = Event::default().event("accepted").id(self.seen.id());
            self.waiting.push_back(message.json_data(touched).expect("a message is JSON"));
        }
        Some(())
    }

    async fn read_changes(&mut self) -> Option<()> {
        let from = self.seen.desk_number.checked_add(1)?;
        let entries = self.app.writer.read(move |ledger| ledger.desk_entries(from, MAX_PAGE)).await.ok()?;
        let app = self.app.clone();
        let projection = app.writer.projection().ok()?;
        for (entry, number) in entries.iter().zip(from..) {
            // What the desk has not taken in yet comes with the next turn.
            if number > projection.desk.last_number() {
                break;
            }
            self.seen.desk_number = number;
            let Some(filed) = projection.desk.get(&entry.proposal_id) else { continue };
            if !self.caller.covers(Some(&filed.need.destination)) {
                continue;
            }
            let changed = Changed {
                number,
                proposal_id: filed.proposal_id.clone(),
                state: filed.state.name(),
                version: filed.version,
                item_id: filed.need.item_id.clone(),
                location_id: filed.need.destination.clone(),
            };
            let message = Event::default().event("proposal").id(self.seen.id());
            self.waiting.push_back(message.json_data(changed).expect("a message is JSON"));
        }
        Some(())
    }
}
