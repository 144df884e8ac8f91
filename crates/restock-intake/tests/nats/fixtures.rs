//! A stream with a publisher, and a source that reads it into a ledger.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::ConnectOptions;
use async_nats::jetstream::stream::{Config, RetentionPolicy, Stream};
use async_nats::jetstream::{self, Context};
use jiff::Timestamp;
use restock_intake::{Intake, IntakeError, LedgerIntake, Source, SourceConfig, Status, Surroundings, start};
use restock_ledger::{ConsumerOffset, Incoming, Ledger, Outcome, QuarantineState, SqliteLedger};
use tokio::runtime::Runtime;

use crate::server::NatsServer;

pub(crate) fn now() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().unwrap()
}

/// A sale of one unit of milk.
pub(crate) fn sale(event_id: impl std::fmt::Display) -> String {
    format!(
        r#"{{"event_id":"{event_id}","source":"till","type":"sale","occurred_at":"2026-03-02T08:00:00Z","item_id":"milk","location_id":"berlin","quantity":1}}"#
    )
}

/// A server, or `None` where there is none.
pub(crate) fn server(arguments: &[&str]) -> Option<NatsServer> {
    let server = NatsServer::start(arguments);
    if server.is_none() {
        assert!(std::env::var_os("RESTOCK_NATS_REQUIRED").is_none(), "there is no nats-server");
        println!("SKIPPED: there is no nats-server");
    }
    server
}

/// A stream `SALES` of the subjects `sales.>` and `other`.
pub(crate) struct Broker {
    pub(crate) server: NatsServer,
    runtime: Runtime,
    context: Context,
}

impl Broker {
    pub(crate) fn new(retention: RetentionPolicy) -> Option<Self> {
        let server = server(&[])?;
        let runtime = Runtime::new().unwrap();
        let context = runtime.block_on(async {
            let client = ConnectOptions::new().connect(server.url()).await.unwrap();
            jetstream::new(client)
        });
        let broker = Self { server, runtime, context };
        broker.make_stream(retention);
        Some(broker)
    }

    pub(crate) fn make_stream(&self, retention: RetentionPolicy) {
        let subjects = vec!["sales.>".to_owned(), "other".to_owned()];
        let config = Config { name: "SALES".to_owned(), subjects, retention, ..Config::default() };
        self.runtime.block_on(self.context.create_stream(config)).unwrap();
    }

    pub(crate) fn delete_stream(&self) {
        self.runtime.block_on(self.context.delete_stream("SALES")).unwrap();
    }

    pub(crate) fn publish_to(&self, subject: &str, messages: impl IntoIterator<Item = impl Into<Vec<u8>>>) {
        self.runtime.block_on(async {
            for message in messages {
                let payload: Vec<u8> = message.into();
                self.context.publish(subject.to_owned(), payload.into()).await.unwrap().await.unwrap();
            }
        });
    }

    pub(crate) fn publish(&self, messages: impl IntoIterator<Item = impl Into<Vec<u8>>>) {
        self.publish_to("sales.berlin", messages);
    }

    pub(crate) fn with_stream<T>(&self, call: impl AsyncFnOnce(Stream) -> T) -> T {
        self.runtime.block_on(async {
            let stream = self.context.get_stream("SALES").await.unwrap();
            call(stream).await
        })
    }

    /// Whether it answers, and finds its stream.
    pub(crate) fn is_up(&self) -> bool {
        self.runtime.block_on(async { self.context.get_stream("SALES").await.is_ok() })
    }

    pub(crate) fn config(&self, more: &str) -> SourceConfig {
        config(&self.server.url(), more)
    }
}

pub(crate) fn config(url: &str, more: &str) -> SourceConfig {
    toml::from_str(&format!("kind = \"nats\"\nurl = \"{url}\"\nstream = \"SALES\"\n{more}")).unwrap()
}

/// A ledger that a source and a test share. Every call whose number is a multiple of `fails_every` fails, in turn before
/// anything was written and after all of it was.
#[derive(Clone)]
pub(crate) struct SharedLedger(pub(crate) Arc<Mutex<Inner>>);

pub(crate) struct Inner {
    pub(crate) ledger: SqliteLedger,
    pub(crate) fails_every: u32,
    pub(crate) n_calls: u32,
}

impl SharedLedger {
    pub(crate) fn new() -> Self {
        let ledger = SqliteLedger::in_memory().unwrap();
        Self(Arc::new(Mutex::new(Inner { ledger, fails_every: u32::MAX, n_calls: 0 })))
    }

    pub(crate) fn n_events(&self) -> u64 {
        self.0.lock().unwrap().ledger.last_sequence().unwrap()
    }

    pub(crate) fn offsets(&self) -> Vec<u64> {
        self.0.lock().unwrap().ledger.offsets().unwrap().iter().map(|offset| offset.next_offset).collect()
    }

    pub(crate) fn quarantine(&self) -> Vec<String> {
        let entries = self.0.lock().unwrap().ledger.quarantine(Some(QuarantineState::Open), 1, 10_000).unwrap();
        entries.iter().map(|entry| format!("{} · {}", entry.position, entry.reason)).collect()
    }

    /// Starts a source that brings its events here.
    pub(crate) fn start(&self, config: &SourceConfig) -> Source {
        self.start_in(config, Path::new("."), &[])
    }

    pub(crate) fn start_in(&self, config: &SourceConfig, folder: &Path, variables: &[(&str, &str)]) -> Source {
        let variables: Vec<(String, String)> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let environment =
            move |name: &str| variables.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone());
        let folder: PathBuf = folder.to_owned();
        let around =
            Surroundings { clock: Arc::new(now), folder, environment: Arc::new(environment), read_table: None };
        start(config, Box::new(self.clone()), &around).unwrap()
    }
}

impl Intake for SharedLedger {
    fn append_from(&mut self, entries: Vec<Incoming>, offset: ConsumerOffset) -> Result<Vec<Outcome>, IntakeError> {
        let inner = &mut *self.0.lock().unwrap();
        inner.n_calls += 1;
        let mut intake = LedgerIntake::new(&mut inner.ledger, Arc::new(now));
        let fault = IntakeError::NotNow("the disk is full".to_owned());
        match (inner.n_calls % inner.fails_every, inner.n_calls / inner.fails_every % 2) {
            (0, 0) => Err(fault),
            (0, _) => intake.append_from(entries, offset).and(Err(fault)),
            _ => intake.append_from(entries, offset),
        }
    }

    fn offset(&mut self, consumer: &str, partition: &str) -> Result<Option<u64>, IntakeError> {
        LedgerIntake::new(&mut self.0.lock().unwrap().ledger, Arc::new(now)).offset(consumer, partition)
    }
}

/// Waits until a source is as expected. It fails after a minute, so that a test ends.
pub(crate) fn wait(source: &Source, is_met: impl Fn(&Status) -> bool) -> Status {
    for _ in 0..6_000 {
        let status = source.status();
        if is_met(&status) {
            return status;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("this was waited for in vain: {:?}", source.status());
}
