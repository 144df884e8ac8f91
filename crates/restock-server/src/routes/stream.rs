//! Accepted events as they come, as server-sent events.
//!
//! A stream reads the ledger from a number on and waits at its end. So a client that comes back with `Last-Event-ID` runs
//! the same code as one that never left, and a slow client misses nothing.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::atomic::Ordering;

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream};
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
    /// The number of the event, which is the id of the message too.
    sequence: u64,
    /// The kind of event.
    r#type: &'static str,
    /// The item; nothing when it is about every item.
    item_id: Option<String>,
    /// The location; nothing when it is about every location.
    location_id: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct StreamQuery {
    /// Begin after this event. The header `Last-Event-ID` says the same and goes first; without both, the stream begins
    /// now.
    after: Option<u64>,
}

/// Accepted events as they come: messages `accepted` with the number of the event as their id. A comment every 15 s says
/// that the stream is alive.
#[utoipa::path(
    get,
    path = "/v1/stream",
    params(StreamQuery, ("last-event-id" = Option<u64>, Header, description = "the last message that was seen")),
    responses(
        (status = 200, description = "messages without end", body = Touched, content_type = "text/event-stream"),
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
    let seen = match headers.get("last-event-id") {
        None => query.after,
        Some(id) => match id.to_str().unwrap_or("?") {
            "" => query.after,
            text => match text.parse() {
                Ok(seen) => Some(seen),
                Err(_) => return Err(Problem::bad_query("last-event-id", format!("{text:?}"), "a whole number")),
            },
        },
    };
    let place = Place::take(&app)?;
    let progress = app.writer.progress();
    let closing = app.is_closing.subscribe();
    let last = progress.borrow().last_sequence;
    let seen = seen.unwrap_or(last);
    let follower = Follower { app, caller, seen, waiting: VecDeque::new(), progress, closing, _place: place };
    let messages = stream::unfold(follower, |mut follower| async {
        let message = follower.next().await?;
        Some((Ok(message), follower))
    });
    Ok(Sse::new(messages).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

/// One of the few places for streams, given back when the stream ends.
struct Place(App);

impl Place {
    fn take(app: &App) -> Result<Self, Problem> {
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
    /// The last event that was read.
    seen: u64,
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
            tokio::select! {
                _ = self.closing.wait_for(|is_closing| *is_closing) => return None,
                more = self.progress.wait_for(|progress| progress.last_sequence > self.seen) => drop(more.ok()?),
            }
            if !is_current(&self.app, &self.caller) {
                return None;
            }
            let from = self.seen.checked_add(1)?;
            let events = self.app.writer.read(move |ledger| ledger.events(from, MAX_PAGE)).await.ok()?;
            for recorded in events {
                self.seen = recorded.sequence;
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
                let message = Event::default().event("accepted").id(recorded.sequence.to_string());
                self.waiting.push_back(message.json_data(touched).expect("a message is JSON"));
            }
        }
    }
}
