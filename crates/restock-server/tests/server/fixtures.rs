//! A server with a token of every role.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use restock_core::Dataset;
use restock_core::proposal::Proposal;
use restock_ledger::{Ledger, Need, Recorded, SqliteLedger};
use restock_server::{
    LivePlanner, NewToken, NewUser, PlanningError, Rate, Recorder, Revision, Role, Security, Server, ServerOptions,
    Tokens, User, Users,
};
use serde_json::Value;
use tower::ServiceExt;

pub(crate) struct Fixture {
    pub(crate) server: Server,
    pub(crate) router: Router,
    pub(crate) tokens: Tokens,
    /// Users as another program sees them.
    pub(crate) users: Users,
    secrets: Vec<(Role, String)>,
    /// Seconds since [`now`] on the server's clock.
    pub(crate) elapsed: Arc<AtomicI64>,
    pub(crate) folder: Arc<tempfile::TempDir>,
}

/// A planner that has files and plans nothing.
pub(crate) struct Reader {
    pub(crate) last_sequence: u64,
    pub(crate) tables: Arc<Dataset>,
}

impl LivePlanner for Reader {
    fn last_sequence(&self) -> u64 {
        self.last_sequence
    }

    fn take_in(&mut self, events: &[Recorded], _: Timestamp) -> Result<Option<Revision>, PlanningError> {
        self.last_sequence = events.last().map_or(self.last_sequence, |last| last.sequence);
        Ok(None)
    }

    fn replan(&mut self, _: Timestamp) -> Result<Option<Revision>, PlanningError> {
        Ok(None)
    }

    fn proposal(&mut self, _: &Need) -> Result<Option<Proposal>, PlanningError> {
        Ok(None)
    }

    fn masters(&self) -> Option<&Dataset> {
        Some(&self.tables)
    }

    fn file_tables(&self) -> Option<Arc<Dataset>> {
        Some(self.tables.clone())
    }
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub(crate) const PASSWORD: &str = "four words make one";

pub(crate) fn now() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().unwrap()
}

pub(crate) fn token(name: &str, role: Role) -> NewToken {
    NewToken { name: name.to_owned(), role, locations: None, expires_at: None }
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self::with(Box::new(SqliteLedger::in_memory().unwrap())).await
    }

    pub(crate) async fn with(ledger: Box<dyn Ledger>) -> Self {
        Self::with_options(ledger, |_| ()).await
    }

    pub(crate) async fn with_security(ledger: Box<dyn Ledger>, set: impl FnOnce(&mut Security)) -> Self {
        Self::with_options(ledger, |options| set(&mut options.security)).await
    }

    /// A server whose options were changed.
    pub(crate) async fn with_options(ledger: Box<dyn Ledger>, change: impl FnOnce(&mut ServerOptions)) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let tokens = Tokens::at(folder.path().join("tokens.json"));
        let make = |role: Role| (role, tokens.create(token(role.name(), role), now()).unwrap());
        let secrets = Role::ALL.map(make).into_iter().collect();
        Self::in_folder(folder, ledger, secrets, change).await
    }

    /// The same server after a restart, with what `ledger` has.
    pub(crate) async fn restarted(self, ledger: Box<dyn Ledger>) -> Self {
        self.server.shut_down().await;
        Self::in_folder(self.folder, ledger, self.secrets, |_| ()).await
    }

    pub(crate) async fn in_folder(
        folder: Arc<tempfile::TempDir>,
        ledger: Box<dyn Ledger>,
        secrets: Vec<(Role, String)>,
        change: impl FnOnce(&mut ServerOptions),
    ) -> Self {
        let path = folder.path().join("tokens.json");
        let mut security = Security::in_folder(folder.path());
        // Tables of tests ask more than strangers may.
        security.rates.strangers = Rate::per_second(10_000);
        let elapsed = Arc::new(AtomicI64::new(0));
        let seconds = elapsed.clone();
        let clock = Arc::new(move || now() + SignedDuration::from_secs(seconds.load(Ordering::Relaxed)));
        let mut options = ServerOptions::new(ledger, Tokens::at(&path), security, clock, TimeZone::UTC);
        change(&mut options);
        let server = Server::new(options).unwrap();
        server.ready().await.unwrap();
        let users = Users::at(folder.path().join("users.json"));
        Self { router: server.router(), server, tokens: Tokens::at(&path), users, secrets, elapsed, folder }
    }

    pub(crate) fn wait(&self, duration: SignedDuration) {
        self.elapsed.fetch_add(duration.as_secs(), Ordering::Relaxed);
    }

    /// Makes a user as the command line does, without an audit trail.
    pub(crate) fn user(&self, name: &str, role: Role) -> User {
        let new = NewUser { name: name.to_owned(), role, locations: None };
        self.users.create(new, PASSWORD, now(), &mut Recorder::new("test", &mut |_| Ok(()))).unwrap()
    }

    pub(crate) fn secret(&self, role: Role) -> &str {
        &self.secrets.iter().find(|(other, _)| *other == role).unwrap().1
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Answer { status: head.status, headers: head.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    pub(crate) async fn get(&self, role: Role, path: &str) -> Answer {
        self.send(request("GET", path, Some(self.secret(role)), "", "")).await
    }

    pub(crate) async fn post(&self, role: Role, path: &str, kind: &str, body: &str) -> Answer {
        self.send(request("POST", path, Some(self.secret(role)), kind, body)).await
    }

    /// Sends JSON with another method than GET.
    pub(crate) async fn send_json(&self, method: &str, role: Role, path: &str, body: &str) -> Answer {
        self.send(request(method, path, Some(self.secret(role)), "application/json", body)).await
    }

    /// Sends JSON with events as the integrator.
    pub(crate) async fn events(&self, body: &str) -> Answer {
        self.post(Role::Integrator, "/v1/events", "application/json", body).await
    }
}

pub(crate) fn request(method: &str, path: &str, secret: Option<&str>, kind: &str, body: &str) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(secret) = secret {
        request = request.header("authorization", format!("Bearer {secret}"));
    }
    if !kind.is_empty() {
        request = request.header("content-type", kind);
    }
    request.body(Body::from(body.to_owned())).unwrap()
}

/// A sale of one unit of milk in Berlin.
pub(crate) fn sale(event_id: &str) -> String {
    sale_at(event_id, "berlin")
}

pub(crate) fn sale_at(event_id: &str, location_id: &str) -> String {
    format!(
        r#"{{"event_id":"{event_id}","source":"till","type":"sale","occurred_at":"2026-03-02T08:00:00Z","item_id":"milk","location_id":"{location_id}","quantity":1}}"#
    )
}
