//! A server: the writer of a ledger and the routes that ask it.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use axum::Router;
use jiff::tz::TimeZone;
use restock_core::Day;
use restock_intake::Watch;
use tokio::sync::{Semaphore, watch};

use crate::dismissals::Dismissals;
use crate::handling::Handling;
use crate::idempotency::Keys;
use crate::imports::Imports;
use crate::intake::ServerIntake;
use crate::jobs::Jobs;
use crate::limits::MAX_IMPORTS_AT_ONCE;
use crate::metrics::Metrics;
use crate::options::{Clock, ServerOptions, Translator};
use crate::passwords::PasswordChecks;
use crate::planner::{Planning, Rules};
use crate::rates::{Delays, Limiter};
use crate::scenarios::Scenarios;
use crate::security::Security;
use crate::sessions::Sessions;
use crate::tokens::Tokens;
use crate::webhooks::Webhooks;
use crate::writer::{Handle, State};
use crate::{access, observe, routes};

/// What every request can reach.
#[derive(Clone)]
pub(crate) struct App(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) writer: Handle,
    pub(crate) tokens: Tokens,
    pub(crate) security: Security,
    pub(crate) sessions: Sessions,
    pub(crate) passwords: PasswordChecks,
    pub(crate) limiter: Limiter,
    pub(crate) delays: Delays,
    pub(crate) webhooks: Webhooks,
    pub(crate) keys: Keys,
    /// Where sources of events beside the API stand.
    pub(crate) sources: Mutex<Vec<Watch>>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Clock,
    pub(crate) time_zone: TimeZone,
    pub(crate) rules: Rules,
    pub(crate) planning: Planning,
    pub(crate) jobs: Jobs,
    pub(crate) imports: Option<Arc<dyn Imports>>,
    pub(crate) translator: Option<Translator>,
    /// Who may look at an import or take it in now.
    pub(crate) import_turns: Arc<Semaphore>,
    /// Hash of what the first person shows; nothing once there was one.
    pub(crate) first_code: tokio::sync::Mutex<Option<blake3::Hash>>,
    /// Scenarios that people made.
    pub(crate) scenarios: Mutex<Scenarios>,
    /// What people did about exceptions.
    pub(crate) handling: Mutex<Handling>,
    /// Rules that people dismissed.
    pub(crate) dismissals: Mutex<Dismissals>,
    pub(crate) n_streams: AtomicUsize,
    /// Becomes true when streams must end.
    pub(crate) is_closing: watch::Sender<bool>,
}

impl Inner {
    /// The day on the clock, where the business is.
    pub(crate) fn today(&self) -> Day {
        Day::from_date(self.time_zone.to_datetime((self.clock)()).date())
    }
}

impl std::ops::Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// The server ended before its stock book was up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server stopped before it was ready")]
pub struct NotReady;

/// The HTTP API over a ledger.
pub struct Server {
    pub(crate) app: App,
    writer: JoinHandle<()>,
}

impl Server {
    /// Starts the threads that own the ledger; the server is ready when the stock book has caught up.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn new(options: ServerOptions) -> std::io::Result<Self> {
        let ServerOptions {
            ledger,
            reader,
            tokens,
            security,
            clock,
            time_zone,
            n_approvers,
            auto_approve,
            planner,
            imports,
            translator,
            first_code,
        } = options;
        let metrics = Arc::new(Metrics::default());
        let (handle, writer) = Handle::start(ledger, reader, clock.clone(), metrics.clone())?;
        let is_closing = watch::Sender::new(false);
        let rules = Rules { n_approvers, auto_approve };
        let planning = Planning::start(planner, handle.clone(), is_closing.subscribe(), clock.clone(), rules.clone())?;
        let app = App(Arc::new(Inner {
            writer: handle,
            tokens,
            sessions: Sessions::at(security.sessions.clone()),
            passwords: PasswordChecks::new(),
            limiter: Limiter::new(security.rates),
            delays: Delays::default(),
            webhooks: Webhooks::new(security.webhooks.clone()),
            keys: Keys::default(),
            sources: Mutex::default(),
            security,
            metrics,
            jobs: Jobs::new(clock.clone()),
            imports,
            translator,
            import_turns: Arc::new(Semaphore::new(MAX_IMPORTS_AT_ONCE)),
            first_code: tokio::sync::Mutex::new(first_code.map(|code| blake3::hash(code.as_bytes()))),
            scenarios: Mutex::default(),
            clock,
            time_zone,
            rules,
            planning,
            handling: Mutex::default(),
            dismissals: Mutex::default(),
            n_streams: AtomicUsize::new(0),
            is_closing,
        }));
        Ok(Self { app, writer })
    }

    /// All routes, as they answer over a network too.
    pub fn router(&self) -> Router {
        routes::router()
            .layer(axum::middleware::from_fn_with_state(self.app.clone(), access::check))
            .layer(axum::middleware::from_fn_with_state(self.app.clone(), observe::observe))
            .with_state(self.app.clone())
    }

    /// Where readers of files and brokers bring their events; clones go to the same writer.
    pub fn intake(&self) -> ServerIntake {
        ServerIntake::new(self.app.writer.clone())
    }

    /// Shows in `/metrics` where sources of events beside the API stand.
    pub fn show_sources(&self, sources: Vec<Watch>) {
        *self.app.sources.lock().unwrap_or_else(PoisonError::into_inner) = sources;
    }

    /// Waits until the stock book has caught up with the ledger.
    ///
    /// # Errors
    /// [`NotReady`] when the writer ended before.
    pub async fn ready(&self) -> Result<(), NotReady> {
        let mut progress = self.app.writer.progress();
        match progress.wait_for(|progress| progress.state != State::Starting).await {
            Ok(now) if now.state == State::Ready => Ok(()),
            _ => Err(NotReady),
        }
    }

    /// Ends streams, commits and answers what waits, and saves a snapshot of the stock book. It returns when the ledger is
    /// closed for writing.
    pub async fn shut_down(self) {
        self.app.is_closing.send_replace(true);
        self.app.jobs.close();
        self.app.writer.stop();
        let joined = tokio::task::spawn_blocking(|| self.writer.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            tracing::error!("the writer of the ledger ended in a panic");
        }
    }
}
