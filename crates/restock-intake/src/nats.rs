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
use restock_ledger::{ConsumerOffset, Incoming};
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::config::NatsConfig;
use crate::feed::{End, Feed, LINGER, TICK, failed, pause_after, read_message, read_secret};
use crate::intake::Intake;
use crate::source::Surroundings;
use crate::status::{Board, State};
use crate::stop::Stop;
use crate::{MAX_BATCH_BYTES, MAX_BATCH_ENTRIES};

/// The consumer under which positions in streams are kept.
pub const NATS_CONSUMER: &str = "nats";

/// Ticks of silence between two looks at the stream.
const TICKS_PER_LOOK: u32 = 50;
/// How long the broker waits for an acknowledgement: longer than any commit.
const ACK_WAIT: Duration = Duration::from_secs(60);
/// Messages that are delivered and not acknowledged: the broker must not stop at its usual 1,000.
const MAX_ACK_PENDING: i64 = 20_000;

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
    let feed = Feed { intake, around, board, stop, n_commits: 0 };
    let mut reader = Reader { config, feed, told_missing_to: 0 };
    runtime.block_on(reader.read());
    runtime.shutdown_timeout(Duration::from_secs(1));
}

struct Reader<'a> {
    config: &'a NatsConfig,
    feed: Feed<'a>,
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
    /// The position in the ledger, 0 where there is none yet.
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
            let n_before = self.feed.n_commits;
            match self.session().await {
                Ok(()) | Err(End::Stopped) => return,
                Err(End::Failed(message)) => self.feed.retrying(message),
            }
            n_failures = if self.feed.n_commits > n_before { 1 } else { n_failures.saturating_add(1) };
            let until = Instant::now() + pause_after(n_failures);
            while Instant::now() < until {
                if self.feed.stop.is_set() {
                    return;
                }
                sleep(TICK).await;
            }
        }
    }

    /// Reads until something fails, or until it is time to stop.
    async fn session(&mut self) -> Result<(), End> {
        let mut session = self.begin().await?;
        let messages = session.consumer.stream().max_messages_per_batch(MAX_BATCH_ENTRIES);
        let messages = messages.heartbeat(Duration::from_secs(5)).expires(Duration::from_secs(30)).messages().await;
        let mut messages = messages.map_err(|error| failed("cannot read messages")(&error))?;
        let mut n_quiet_ticks = 0;
        loop {
            if self.feed.stop.is_set() {
                return Ok(());
            }
            let Ok(first) = timeout(TICK, messages.next()).await else {
                self.feed.board.set_state(State::Waiting);
                if n_quiet_ticks % TICKS_PER_LOOK == 0 {
                    self.look(&mut session).await?;
                }
                n_quiet_ticks += 1;
                continue;
            };
            n_quiet_ticks = 0;
            self.feed.board.set_state(State::Reading);
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
        let (partition, stored) = self.position(&info)?;
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
        self.feed.board.set_lag(consumer.cached_info().num_pending);
        tracing::info!(stream = config.stream, from = next, "reading a stream of NATS");
        Ok(Session { stream, consumer, partition, committed: stored.unwrap_or(0), next, n_deliveries: 0 })
    }

    fn options(&self) -> Result<ConnectOptions, End> {
        let config = self.config;
        let secret = |secret| read_secret(secret, self.feed.around);
        let path = |path: &std::path::Path| self.feed.around.folder.join(path);
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
    fn position(&mut self, info: &Info) -> Result<(String, Option<u64>), End> {
        let subject = self.config.subject.as_deref().unwrap_or(">");
        let made = info.created.unix_timestamp_nanos();
        let end = info.state.last_sequence + 1;
        let mut generation = 0_u64;
        loop {
            let partition = match generation {
                0 => format!("{}/{subject}/{made}", self.config.stream),
                _ => format!("{}/{subject}/{made}/{generation}", self.config.stream),
            };
            let stored = block_in_place(|| self.feed.offset(NATS_CONSUMER, &partition))?;
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
        self.feed.board.set_lag(n_pending);
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
        self.append(session, batch.entries)?;
        for message in &batch.messages {
            // The broker that hears of none delivers it again, and it is passed over then.
            message.ack().await.map_err(|error| End::Failed(format!("cannot acknowledge: {error}")))?;
        }
        Ok(())
    }

    /// Commits entries and the position after everything that was seen.
    fn append(&mut self, session: &mut Session, entries: Vec<Incoming>) -> Result<(), End> {
        let (consumer, partition) = (NATS_CONSUMER.to_owned(), session.partition.clone());
        let offset = ConsumerOffset { consumer, partition, next_offset: session.next };
        block_in_place(|| self.feed.append(entries, session.committed, &offset))?;
        session.committed = session.next;
        Ok(())
    }

    /// Looks at a stream that is silent: the position moves over messages of other subjects, so that their end is no alarm.
    async fn look(&mut self, session: &mut Session) -> Result<(), End> {
        let info = session.stream.get_info().await.map_err(|error| failed("cannot look at the stream")(&error))?;
        let consumer = session.consumer.get_info().await;
        let consumer = consumer.map_err(|error| failed("cannot look at the consumer")(&error))?;
        self.feed.board.set_lag(consumer.num_pending);
        let end = info.state.last_sequence + 1;
        let is_all_seen = consumer.num_pending == 0 && consumer.delivered.consumer_sequence == session.n_deliveries;
        if is_all_seen && end > session.committed {
            if self.config.subject.is_none() && info.state.first_sequence > session.next {
                self.tell_missing(session.next, info.state.first_sequence);
            }
            session.next = end;
            self.append(session, Vec::new())?;
        }
        Ok(())
    }

    /// Messages `from` up to before `to` are gone.
    fn tell_missing(&mut self, from: u64, to: u64) {
        if to <= self.told_missing_to {
            return;
        }
        self.told_missing_to = to;
        // Of a part of a stream nobody knows how many were of its subject.
        self.feed.tell_missing(&self.config.stream, from, to, self.config.subject.is_some());
    }
}
