//! A stream of NATS JetStream: its messages become events, and the position in the ledger is the only one that counts.
//!
//! At the beginning of every session the consumer at the broker is made anew, from the first message that the ledger does
//! not have. A batch is committed with the position after it, then its messages are acknowledged; that is for the operators
//! of the broker and for work queues, which forget what is acknowledged. Deliveries are numbered by the broker: one that
//! got lost ends the session, and the next one begins where the ledger is. So messages that come twice, connections that
//! break and crashes of either side change nothing.
//!
//! A position belongs to a stream, its subject and the time at which it was made: a stream that was made anew is read from
//! its beginning, as is one that was set back to an older state.

use std::time::Duration;

use async_nats::ConnectOptions;
use async_nats::jetstream::consumer::{AckPolicy, Consumer, DeliverPolicy, pull};
use async_nats::jetstream::stream::{Info, RetentionPolicy, Stream};
use async_nats::jetstream::{self, Message};
use futures_util::StreamExt;
use restock_ledger::{ConsumerOffset, Incoming, Position, wire};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::config::{NatsConfig, Secret};
use crate::entries::Entries;
use crate::intake::{Intake, IntakeError};
use crate::source::Surroundings;
use crate::status::{Board, State};
use crate::stop::Stop;
use crate::{MAX_BATCH_BYTES, MAX_BATCH_ENTRIES};

/// The consumer under which positions in streams are kept.
pub const NATS_CONSUMER: &str = "nats";

/// How long a batch waits for more messages after its first.
const LINGER: Duration = Duration::from_millis(50);
/// How often a source that waits looks whether it must stop.
const TICK: Duration = Duration::from_millis(100);
/// Ticks of silence between two looks at the stream.
const TICKS_PER_LOOK: u32 = 50;
/// The longest pause between two tries.
const MAX_PAUSE: Duration = Duration::from_secs(10);
/// How long the broker waits for an acknowledgement: longer than any commit.
const ACK_WAIT: Duration = Duration::from_secs(60);
/// Messages that are delivered and not acknowledged: the broker must not stop at its usual 1,000.
const MAX_ACK_PENDING: i64 = 20_000;

/// Why a session ended.
enum End {
    Stopped,
    /// Something failed; another session may go better.
    Failed(String),
}

/// Whatever fails at the broker ends the session.
fn failed(what: &str) -> impl FnOnce(&dyn std::error::Error) -> End {
    let what = what.to_owned();
    move |error| {
        let mut message = format!("{what}: {error}");
        if let Some(source) = error.source() {
            message.push_str(&format!(" ({source})"));
        }
        End::Failed(message)
    }
}

pub(crate) fn run(
    config: &NatsConfig,
    intake: Box<dyn Intake + Send>,
    around: &Surroundings,
    board: &Board,
    stop: &Stop,
) {
    // The client lives on the worker; this thread may block while the ledger commits.
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return board.trouble((around.clock)(), format!("cannot start a thread: {error}")),
    };
    let mut reader = Reader { config, intake, around, board, stop, n_commits: 0, told_missing_to: 0 };
    runtime.block_on(reader.read());
    runtime.shutdown_timeout(Duration::from_secs(1));
}

struct Reader<'a> {
    config: &'a NatsConfig,
    intake: Box<dyn Intake + Send>,
    around: &'a Surroundings,
    board: &'a Board,
    stop: &'a Stop,
    n_commits: u64,
    /// Messages before this that are gone were told of.
    told_missing_to: u64,
}

/// Messages on their way into the ledger.
struct Batch {
    entries: Vec<Incoming>,
    n_bytes: usize,
    messages: Vec<Message>,
    /// The first message that was expected, and the later one that came instead.
    gap: Option<(u64, u64)>,
}

impl Batch {
    fn new() -> Self {
        Self { entries: Vec::new(), n_bytes: 0, messages: Vec::new(), gap: None }
    }

    fn is_full(&self) -> bool {
        self.entries.len() >= MAX_BATCH_ENTRIES || self.n_bytes >= MAX_BATCH_BYTES
    }
}

/// Where a session stands.
struct Session {
    stream: Stream,
    consumer: Consumer<pull::Config>,
    partition: String,
    /// The first message that has not been committed.
    committed: u64,
    /// The first message that has not been seen.
    next: u64,
    /// Deliveries in this session.
    n_deliveries: u64,
}

impl Reader<'_> {
    async fn read(&mut self) {
        let mut n_failures = 0_u32;
        loop {
            let n_before = self.n_commits;
            match self.session().await {
                End::Stopped => return,
                End::Failed(message) => {
                    self.board.trouble((self.around.clock)(), message);
                    self.board.set_state(State::Retrying);
                }
            }
            n_failures = if self.n_commits > n_before { 1 } else { n_failures.saturating_add(1) };
            if self.pause(n_failures).await {
                return;
            }
        }
    }

    /// Waits before another try, the longer the more have failed; says whether it is time to stop.
    async fn pause(&self, n_failures: u32) -> bool {
        let until = Instant::now() + (TICK * 2_u32.saturating_pow(n_failures.min(10))).min(MAX_PAUSE);
        while !self.stop.is_set() && Instant::now() < until {
            sleep(TICK).await;
        }
        self.stop.is_set()
    }

    async fn session(&mut self) -> End {
        match self.try_session().await {
            Ok(()) => End::Stopped,
            Err(end) => end,
        }
    }

    async fn try_session(&mut self) -> Result<(), End> {
        let mut session = self.begin().await?;
        let messages = session.consumer.stream().max_messages_per_batch(MAX_BATCH_ENTRIES);
        let messages = messages.heartbeat(Duration::from_secs(5)).expires(Duration::from_secs(30)).messages().await;
        let mut messages = messages.map_err(|error| failed("cannot read messages")(&error))?;
        let mut n_quiet_ticks = 0;
        loop {
            if self.stop.is_set() {
                return Ok(());
            }
            let Ok(first) = timeout(TICK, messages.next()).await else {
                self.board.set_state(State::Waiting);
                if n_quiet_ticks % TICKS_PER_LOOK == 0 {
                    self.look(&mut session).await?;
                }
                n_quiet_ticks += 1;
                continue;
            };
            n_quiet_ticks = 0;
            self.board.set_state(State::Reading);
            let mut batch = Batch::new();
            self.add(&mut session, &mut batch, first)?;
            let until = Instant::now() + LINGER;
            while !batch.is_full() {
                let Ok(message) = timeout_at(until, messages.next()).await else { break };
                self.add(&mut session, &mut batch, message)?;
            }
            self.commit(&mut session, batch).await?;
        }
    }

    /// Connects, and makes the consumer anew where the ledger is.
    async fn begin(&mut self) -> Result<Session, End> {
        let config = self.config;
        let options = self.options()?;
        let servers: Vec<&str> = config.url.split(',').map(str::trim).collect();
        let client = options.connect(servers).await;
        let client = client.map_err(|error| failed(&format!("cannot connect to {}", config.url))(&error))?;
        let stream = jetstream::new(client).get_stream(&config.stream).await;
        let stream = stream.map_err(|error| failed(&format!("cannot find the stream {}", config.stream))(&error))?;
        let info = stream.get_info().await.map_err(|error| failed("cannot look at the stream")(&error))?;
        let retention = info.config.retention;
        if retention == RetentionPolicy::Interest {
            return Err(End::Failed(format!(
                "the stream {} forgets messages while nobody reads; give it the retention limits or workqueue",
                config.stream
            )));
        }
        let (partition, stored) = self.position(&info).await?;
        let first = info.state.first_sequence.max(1);
        let next = stored.unwrap_or(first).max(first);
        if let Some(stored) = stored.filter(|stored| *stored < first) {
            self.tell_missing(stored, first);
        }
        let name = format!("restock-{}", config.name.as_ref().unwrap_or(&config.stream));
        // Most often there is one of an earlier session; where there is none, that is an error that means nothing.
        let _ = stream.delete_consumer(&name).await;
        let deliver_policy = match retention {
            // It holds what was not acknowledged, and allows nothing else.
            RetentionPolicy::WorkQueue => DeliverPolicy::All,
            _ => DeliverPolicy::ByStartSequence { start_sequence: next },
        };
        let consumer = stream.create_consumer(pull::Config {
            durable_name: Some(name),
            description: Some("made anew by restock at each start; its position is in the ledger".to_owned()),
            deliver_policy,
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_WAIT,
            max_ack_pending: MAX_ACK_PENDING,
            filter_subject: config.subject.clone().unwrap_or_default(),
            ..Default::default()
        });
        let consumer = consumer.await.map_err(|error| failed("cannot make a consumer")(&error))?;
        self.board.set_lag(consumer.cached_info().num_pending);
        tracing::info!(stream = config.stream, from = next, "reading a stream of NATS");
        Ok(Session { stream, consumer, partition, committed: next, next, n_deliveries: 0 })
    }

    fn options(&self) -> Result<ConnectOptions, End> {
        let config = self.config;
        let secret = |secret: &Secret| read_secret(secret, self.around).map_err(End::Failed);
        let path = |path: &std::path::Path| self.around.folder.join(path);
        let mut options = ConnectOptions::new().name("restock").require_tls(config.tls);
        if let (Some(user), Some(password)) = (&config.user, &config.password) {
            options = options.user_and_password(user.clone(), secret(password)?);
        }
        if let Some(token) = &config.token {
            options = options.token(secret(token)?);
        }
        if let Some(seed) = &config.nkey {
            options = options.nkey(secret(seed)?);
        }
        if let Some(credentials) = &config.credentials {
            // What is wrong with it might be part of what it says.
            let read = options.credentials(&secret(credentials)?);
            options = read.map_err(|_| End::Failed("the credentials are not those of a .creds file".to_owned()))?;
        }
        if let Some(authorities) = &config.ca {
            options = options.add_root_certificates(path(authorities));
        }
        if let (Some(certificate), Some(key)) = (&config.certificate, &config.key) {
            options = options.add_client_certificate(path(certificate), path(key));
        }
        Ok(options)
    }

    /// The name of the position in this stream, and the first message that has not been taken in.
    async fn position(&mut self, info: &Info) -> Result<(String, Option<u64>), End> {
        let subject = self.config.subject.as_deref().unwrap_or(">");
        let made = info.created.unix_timestamp_nanos();
        let end = info.state.last_sequence + 1;
        let mut generation = 0_u64;
        loop {
            let partition = match generation {
                0 => format!("{}/{subject}/{made}", self.config.stream),
                _ => format!("{}/{subject}/{made}/{generation}", self.config.stream),
            };
            let stored = self.ask(|intake| intake.offset(NATS_CONSUMER, &partition)).await?;
            match stored {
                // The stream was set back: what comes now has numbers that were read before. It is read from its
                // beginning, under a name of its own; what was there before is known by its keys.
                Some(stored) if stored > end => {
                    let message = format!(
                        "the stream {} ends before message {end}, and message {} was read: it was set back to an older \
                         state and is read from its beginning",
                        self.config.stream,
                        stored - 1
                    );
                    tracing::warn!(message);
                    generation += 1;
                }
                stored => return Ok((partition, stored)),
            }
        }
    }

    /// Asks the ledger until it answers.
    async fn ask<T>(&mut self, mut call: impl FnMut(&mut dyn Intake) -> Result<T, IntakeError>) -> Result<T, End> {
        let mut n_failures = 0_u32;
        loop {
            match tokio::task::block_in_place(|| call(&mut *self.intake)) {
                Ok(answer) => return Ok(answer),
                Err(IntakeError::Closed) => return Err(End::Stopped),
                Err(error) => {
                    self.board.trouble((self.around.clock)(), error.to_string());
                    self.board.set_state(State::Retrying);
                }
            }
            n_failures = n_failures.saturating_add(1);
            if self.pause(n_failures).await {
                return Err(End::Stopped);
            }
        }
    }

    fn add(
        &self,
        session: &mut Session,
        batch: &mut Batch,
        message: Option<Result<Message, pull::MessagesError>>,
    ) -> Result<(), End> {
        let message = message.ok_or_else(|| End::Failed("the messages ended".to_owned()))?;
        let message = message.map_err(|error| failed("reading was broken off")(&error))?;
        let info = message.info().map_err(|error| End::Failed(format!("a message is not of a stream: {error}")))?;
        let (sequence, delivery, n_pending) = (info.stream_sequence, info.consumer_sequence, info.pending);
        if delivery != session.n_deliveries + 1 {
            let expected = session.n_deliveries + 1;
            return Err(End::Failed(format!("delivery {expected} got lost, {delivery} came; reading them again")));
        }
        session.n_deliveries = delivery;
        self.board.set_lag(n_pending);
        // A message that was delivered before has been seen by this session, or committed by an earlier one.
        if sequence >= session.next {
            if sequence > session.next && batch.gap.is_none() {
                batch.gap = Some((session.next, sequence));
            }
            session.next = sequence + 1;
            let origin = format!("{} message {sequence}", self.config.stream);
            let before = batch.entries.len();
            batch.entries.extend(read_message(&message.payload, &origin));
            batch.n_bytes += batch.entries[before..].iter().map(|entry| entry.raw.len()).sum::<usize>();
        }
        batch.messages.push(message);
        Ok(())
    }

    async fn commit(&mut self, session: &mut Session, batch: Batch) -> Result<(), End> {
        if let Some((expected, came)) = batch.gap {
            let info = session.stream.get_info().await.map_err(|error| failed("cannot look at the stream")(&error))?;
            let first = info.state.first_sequence.min(came);
            if first > expected {
                self.tell_missing(expected, first);
            }
        }
        // A message may hold more than a transaction does: then the position moves with its last part.
        let mut entries = batch.entries;
        while entries.len() > MAX_BATCH_ENTRIES || n_bytes(&entries) > MAX_BATCH_BYTES && entries.len() > 1 {
            let mut size = 0;
            let is_within = |entry: &&Incoming| {
                size += entry.raw.len();
                size <= MAX_BATCH_BYTES
            };
            let n_first = entries.iter().take(MAX_BATCH_ENTRIES).take_while(is_within).count().max(1);
            let rest = entries.split_off(n_first);
            self.append(session, entries, session.committed).await?;
            entries = rest;
        }
        self.append(session, entries, session.next).await?;
        session.committed = session.next;
        for message in &batch.messages {
            // The broker that hears of none delivers it again, and it is passed over then.
            message.ack().await.map_err(|error| End::Failed(format!("cannot acknowledge: {error}")))?;
        }
        Ok(())
    }

    async fn append(&mut self, session: &Session, entries: Vec<Incoming>, next_offset: u64) -> Result<(), End> {
        let (consumer, partition) = (NATS_CONSUMER.to_owned(), session.partition.clone());
        let offset = ConsumerOffset { consumer, partition, next_offset };
        let outcomes = self.ask(|intake| intake.append_from(entries.clone(), offset.clone())).await?;
        self.board.taken_in(&outcomes, &offset);
        self.n_commits += 1;
        Ok(())
    }

    /// Looks at a stream that is silent: the position moves over messages of other subjects, so that their end is no alarm.
    async fn look(&mut self, session: &mut Session) -> Result<(), End> {
        let info = session.stream.get_info().await.map_err(|error| failed("cannot look at the stream")(&error))?;
        let consumer = session.consumer.get_info().await;
        let consumer = consumer.map_err(|error| failed("cannot look at the consumer")(&error))?;
        self.board.set_lag(consumer.num_pending);
        let end = info.state.last_sequence + 1;
        let is_all_seen = consumer.num_pending == 0 && consumer.delivered.consumer_sequence == session.n_deliveries;
        if is_all_seen && end > session.committed {
            if self.config.subject.is_none() && info.state.first_sequence > session.committed {
                self.tell_missing(session.committed, info.state.first_sequence);
            }
            session.next = end;
            self.append(session, Vec::new(), end).await?;
            session.committed = end;
        }
        Ok(())
    }

    /// Messages `from` up to before `to` are gone.
    fn tell_missing(&mut self, from: u64, to: u64) {
        if to <= self.told_missing_to {
            return;
        }
        self.told_missing_to = to;
        let n_missing = to - from;
        // Of a part of a stream nobody knows how many were of its subject.
        let up_to = if self.config.subject.is_some() { "up to " } else { "" };
        let message = format!(
            "{up_to}{n_missing} messages of {}, {from} to {}, were removed before they were read; count the stock, and let \
             the stream keep messages longer",
            self.config.stream,
            to - 1
        );
        self.board.add_missing(n_missing);
        self.board.trouble((self.around.clock)(), message);
    }
}

fn n_bytes(entries: &[Incoming]) -> usize {
    entries.iter().map(|entry| entry.raw.len()).sum()
}

/// The entries of a message: an event, a list or lines. One that holds nothing is refused, as it says nothing.
fn read_message(payload: &[u8], origin: &str) -> Vec<Incoming> {
    let mut entries = Entries::new(payload).expect("memory can be read");
    let mut found = Vec::new();
    while let Some(mut entry) = entries.next().expect("memory can be read") {
        entry.position = match entry.position {
            // Most messages are one event in one line.
            Position::Line(1) => Position::Whole.within(origin),
            position => position.within(origin),
        };
        found.push(entry);
    }
    if found.is_empty() {
        let (position, event) = (Position::Whole.within(origin), wire::read_event(payload));
        found.push(Incoming { position, raw: payload.to_vec(), event });
    }
    found
}

fn read_secret(secret: &Secret, around: &Surroundings) -> Result<String, String> {
    match secret {
        Secret::Env(name) => {
            (around.environment)(name).ok_or_else(|| format!("the environment variable {name} of a secret is not set"))
        }
        Secret::File(path) => {
            let path = around.folder.join(path);
            let text = std::fs::read_to_string(&path);
            let text = text.map_err(|error| format!("cannot read the secret {}: {error}", path.display()))?;
            Ok(text.trim().to_owned())
        }
    }
}
