//! Events from a drop folder and from brokers, each once, with the position of the reader in the same transaction.
//!
//! ```text
//! drop folder ──┐   entries + position    ┌── LedgerIntake: a ledger
//! NATS, Kafka ──┴──────── Intake ─────────┴── the intake of a server: group commits, stock book
//! ```
//!
//! A broker's own memory of what was read is never believed: the position in the ledger is, because it is committed with
//! the events that it stands for. So a crash at any moment loses nothing and takes nothing in twice. What cannot be read
//! lies in quarantine and blocks nobody.
//!
//! [`start`] runs a source on a thread of its own; [`Folder::look`] is one step of a drop folder, for tests and commands.
//! Time, folders and the environment are arguments.

mod config;
mod entries;
#[cfg(any(feature = "kafka", feature = "nats"))]
mod feed;
mod folder;
mod intake;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "nats")]
mod nats;
mod source;
mod status;
mod stop;

pub use config::{ConfigError, FolderConfig, KafkaConfig, NatsConfig, Secret, SourceConfig};
pub use entries::Entries;
pub use folder::{FOLDER_CONSUMER, Folder, ReadTable};
pub use intake::{Clock, Intake, IntakeError, LedgerIntake};
#[cfg(feature = "kafka")]
pub use kafka::KAFKA_CONSUMER;
#[cfg(feature = "nats")]
pub use nats::NATS_CONSUMER;
pub use source::{Environment, Source, StartError, Surroundings, Watch, start};
pub use status::{State, Status, Trouble, metrics_text};
pub use stop::Stop;

/// The most entries of one transaction of a source: as many as make a commit cheap, and few enough that others wait for
/// some milliseconds only.
pub const MAX_BATCH_ENTRIES: usize = 1_000;
/// The most bytes of entries of one transaction of a source, so that a server takes them in beside its requests; the last
/// entry may go beyond.
pub const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;
