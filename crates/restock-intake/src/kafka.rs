//! A topic of Kafka, or of anything that speaks its protocol: its messages become events, and the positions in the ledger
//! are the only ones that count.
//!
//! Partitions are assigned by hand and read from the positions in the ledger; nothing is committed to the broker, so that
//! a group that others see does not exist. Each partition has a position of its own, and a transaction holds entries of one
//! partition with its position.
//!
//! A position belongs to a cluster, a topic and a partition. A topic that ends before its position was made anew or set
//! back: it is read from its beginning.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{Offset, TopicPartitionList};
use restock_ledger::{ConsumerOffset, Incoming};

use crate::config::KafkaConfig;
use crate::feed::{End, Feed, LINGER, TICK, failed, pause_after, read_message, read_secret};
use crate::intake::Intake;
use crate::source::Surroundings;
use crate::status::{Board, State};
use crate::stop::Stop;
use crate::{MAX_BATCH_BYTES, MAX_BATCH_ENTRIES};

/// The consumer under which positions in topics are kept.
pub const KAFKA_CONSUMER: &str = "kafka";

/// How long the broker may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How often the ends of the partitions are looked at, and whether there are more of them.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// What the client fetches in advance, kilobytes.
const QUEUED_KBYTES: &str = "16384";

pub(crate) fn run(
    config: &KafkaConfig,
    intake: Box<dyn Intake + Send>,
    around: &Surroundings,
    board: &Board,
    stop: &Stop,
) {
    let feed = Feed { intake, around, board, stop, n_commits: 0 };
    Reader { config, feed, told_missing_to: BTreeMap::new() }.read();
}

struct Reader<'a> {
    config: &'a KafkaConfig,
    feed: Feed<'a>,
    /// By partition: messages before this that are gone were told of.
    told_missing_to: BTreeMap<i32, u64>,
}

/// Where the reading of a partition stands.
struct Part {
    /// The name of its position.
    name: String,
    /// The position in the ledger, 0 where there is none yet.
    committed: u64,
    /// The first message that has not been seen.
    next: u64,
    /// The first message that did not exist when it was looked last.
    end: u64,
    /// Messages on their way into the ledger.
    entries: Vec<Incoming>,
}

impl Reader<'_> {
    fn read(&mut self) {
        let mut n_failures = 0_u32;
        loop {
            let n_before = self.feed.n_commits;
            match self.session() {
                Ok(()) | Err(End::Stopped) => return,
                Err(End::Failed(message)) => self.feed.retrying(message),
            }
            n_failures = if self.feed.n_commits > n_before { 1 } else { n_failures.saturating_add(1) };
            if self.feed.stop.wait(pause_after(n_failures)) {
                return;
            }
        }
    }

    /// Reads until something fails, or until it is time to stop.
    fn session(&mut self) -> Result<(), End> {
        let consumer: BaseConsumer =
            self.options()?.create().map_err(|error| failed("cannot make a client")(&error))?;
        let mut parts = self.begin(&consumer)?;
        let mut looked = Instant::now();
        while !self.feed.stop.is_set() {
            if looked.elapsed() > LOOK_EVERY {
                looked = Instant::now();
                if n_partitions(&consumer, self.config)? != parts.len() {
                    tracing::info!(topic = self.config.topic, "the topic has other partitions now");
                    parts = self.begin(&consumer)?;
                }
                self.look_at_ends(&consumer, &mut parts)?;
            }
            let Some(first) = consumer.poll(TICK) else {
                self.feed.board.set_state(State::Waiting);
                continue;
            };
            let (mut n_entries, mut n_bytes) = (0, 0);
            let mut add = |message: KafkaResult<BorrowedMessage<'_>>, parts: &mut BTreeMap<i32, Part>| {
                let (entries, bytes) = self.add(message, parts)?;
                n_entries += entries;
                n_bytes += bytes;
                Ok(n_entries >= MAX_BATCH_ENTRIES || n_bytes >= MAX_BATCH_BYTES)
            };
            let until = Instant::now() + LINGER;
            let mut is_full = add(first, &mut parts)?;
            while !is_full {
                let Some(message) = consumer.poll(until.saturating_duration_since(Instant::now())) else { break };
                is_full = add(message, &mut parts)?;
            }
            for part in parts.values_mut().filter(|part| part.next > part.committed) {
                let (consumer, partition) = (KAFKA_CONSUMER.to_owned(), part.name.clone());
                let offset = ConsumerOffset { consumer, partition, next_offset: part.next };
                if !part.entries.is_empty() {
                    self.feed.board.set_state(State::Reading);
                    self.feed.append(std::mem::take(&mut part.entries), part.committed, &offset)?;
                    part.committed = part.next;
                }
            }
            self.feed.board.set_lag(lag(&parts));
        }
        Ok(())
    }

    fn options(&self) -> Result<ClientConfig, End> {
        let config = self.config;
        let mut options = ClientConfig::new();
        options
            .set("bootstrap.servers", &config.brokers)
            .set("client.id", "restock")
            // The client wants a group; nothing is ever committed to it.
            .set("group.id", format!("restock-{}", config.name.as_ref().unwrap_or(&config.topic)))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            // A position that does not exist any more is told of, not passed over.
            .set("auto.offset.reset", "error")
            .set("queued.max.messages.kbytes", QUEUED_KBYTES);
        let protocol = match (config.tls, config.user.is_some()) {
            (false, false) => "plaintext",
            (false, true) => "sasl_plaintext",
            (true, false) => "ssl",
            (true, true) => "sasl_ssl",
        };
        options.set("security.protocol", protocol);
        if let (Some(user), Some(password)) = (&config.user, &config.password) {
            let mechanism = config.mechanism.as_deref().unwrap_or("PLAIN");
            let password = read_secret(password, self.feed.around)?;
            options.set("sasl.mechanism", mechanism).set("sasl.username", user).set("sasl.password", password);
        }
        if let Some(authorities) = &config.ca {
            options.set("ssl.ca.location", self.feed.around.folder.join(authorities).to_string_lossy());
        }
        Ok(options)
    }

    /// Assigns all partitions, each from its position in the ledger.
    fn begin(&mut self, consumer: &BaseConsumer) -> Result<BTreeMap<i32, Part>, End> {
        let n_partitions = n_partitions(consumer, self.config)?;
        let cluster = consumer.client().fetch_cluster_id(TIMEOUT);
        let cluster = cluster.ok_or_else(|| End::Failed("the brokers do not say which cluster they are".to_owned()))?;
        let mut parts = BTreeMap::new();
        let mut assigned = TopicPartitionList::new();
        for partition in 0..i32::try_from(n_partitions).expect("partitions are counted by small numbers") {
            let (first, end) = watermarks(consumer, self.config, partition)?;
            let (name, stored) = self.position(&cluster, partition, end)?;
            if let Some(stored) = stored.filter(|stored| *stored < first) {
                self.tell_missing(partition, stored, first);
            }
            let next = stored.unwrap_or(first).max(first);
            let offset = Offset::Offset(i64::try_from(next).expect("the end of a partition was not below it"));
            let added = assigned.add_partition_offset(&self.config.topic, partition, offset);
            added.map_err(|error| failed("cannot assign a partition")(&error))?;
            parts.insert(partition, Part { name, committed: stored.unwrap_or(0), next, end, entries: Vec::new() });
        }
        consumer.assign(&assigned).map_err(|error| failed("cannot assign the partitions")(&error))?;
        self.feed.board.set_lag(lag(&parts));
        tracing::info!(topic = self.config.topic, n_partitions, "reading a topic of Kafka");
        Ok(parts)
    }

    /// The name of the position in this partition, and the first message that has not been taken in.
    fn position(&mut self, cluster: &str, partition: i32, end: u64) -> Result<(String, Option<u64>), End> {
        let topic = &self.config.topic;
        let mut generation = 0_u64;
        loop {
            let name = match generation {
                0 => format!("{cluster}/{topic}/{partition}"),
                _ => format!("{cluster}/{topic}/{partition}/{generation}"),
            };
            match self.feed.offset(KAFKA_CONSUMER, &name)? {
                // What comes now has numbers that were read before: it has a position of its own.
                Some(stored) if stored > end => {
                    let message = format!(
                        "partition {partition} of {topic} ends before message {end}, and message {} was read: the topic \
                         was made anew or set back, and is read from its beginning",
                        stored - 1
                    );
                    tracing::warn!(message);
                    generation += 1;
                }
                stored => return Ok((name, stored)),
            }
        }
    }

    /// Adds a message to those of its partition; returns how many entries and bytes came with it.
    fn add(
        &self,
        message: KafkaResult<BorrowedMessage<'_>>,
        parts: &mut BTreeMap<i32, Part>,
    ) -> Result<(usize, usize), End> {
        let message = match message {
            Ok(message) => message,
            Err(KafkaError::PartitionEOF(_)) => return Ok((0, 0)),
            Err(error) => return Err(failed("reading was broken off")(&error)),
        };
        let partition = message.partition();
        let (Some(part), Ok(offset)) = (parts.get_mut(&partition), u64::try_from(message.offset())) else {
            return Err(End::Failed(format!("a message of partition {partition} came, which is not read")));
        };
        if offset < part.next {
            return Ok((0, 0));
        }
        part.next = offset + 1;
        part.end = part.end.max(part.next);
        let origin = format!("{} partition {partition} message {offset}", self.config.topic);
        let entries = read_message(message.payload().unwrap_or_default(), &origin);
        let n_bytes = entries.iter().map(|entry| entry.raw.len()).sum();
        let n_entries = entries.len();
        part.entries.extend(entries);
        Ok((n_entries, n_bytes))
    }

    fn look_at_ends(&self, consumer: &BaseConsumer, parts: &mut BTreeMap<i32, Part>) -> Result<(), End> {
        for (partition, part) in parts.iter_mut() {
            let (_, end) = watermarks(consumer, self.config, *partition)?;
            part.end = end.max(part.next);
        }
        self.feed.board.set_lag(lag(parts));
        Ok(())
    }

    fn tell_missing(&mut self, partition: i32, from: u64, to: u64) {
        let told = self.told_missing_to.entry(partition).or_default();
        if to > *told {
            *told = to;
            // Compacted topics and transactions leave numbers out.
            self.feed.tell_missing(&format!("{} partition {partition}", self.config.topic), from, to, true);
        }
    }
}

fn lag(parts: &BTreeMap<i32, Part>) -> u64 {
    parts.values().map(|part| part.end.saturating_sub(part.next)).sum()
}

fn n_partitions(consumer: &BaseConsumer, config: &KafkaConfig) -> Result<usize, End> {
    let topic = &config.topic;
    let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT);
    let metadata = metadata.map_err(|error| failed(&format!("cannot reach {}", config.brokers))(&error))?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    match found {
        Some(found) if found.error().is_none() && !found.partitions().is_empty() => Ok(found.partitions().len()),
        _ => Err(End::Failed(format!("there is no topic {topic} at {}, or no right to read it", config.brokers))),
    }
}

/// The first message of a partition that is left, and the first that does not exist yet.
fn watermarks(consumer: &BaseConsumer, config: &KafkaConfig, partition: i32) -> Result<(u64, u64), End> {
    let found = consumer.fetch_watermarks(&config.topic, partition, TIMEOUT);
    let (first, end) = found.map_err(|error| failed(&format!("cannot look at partition {partition}"))(&error))?;
    let number = |offset: i64| u64::try_from(offset).unwrap_or(0);
    Ok((number(first), number(end)))
}
