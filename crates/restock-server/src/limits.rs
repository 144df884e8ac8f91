//! What one request may ask for, and how much may wait. Each limit keeps one sender from taking the memory or the time of
//! the others.

use std::time::Duration;

/// The largest body, bytes: [`MAX_ENTRIES`] events of 800 bytes, four times a usual sale.
pub const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;
/// The largest file that is brought, bytes: some 4 million rows of sales, which take about 2 GB of memory to look at. Larger
/// ones go into the data folder by hand.
pub const MAX_UPLOAD_BYTES: u64 = 128 * 1024 * 1024;
/// The longest name of a file that is brought, bytes: what file systems take.
pub const MAX_FILE_NAME_BYTES: usize = 255;
/// The most files that wait to be taken in: with [`MAX_UPLOAD_BYTES`] at most 2.5 GiB of disk.
pub const MAX_STAGED_IMPORTS: usize = 20;
/// Imports that are looked at or taken in at once: each may hold a whole table in memory.
pub(crate) const MAX_IMPORTS_AT_ONCE: usize = 2;
/// The same as [`REQUEST_TIMEOUT`] for requests about imports: a large file takes minutes over a slow line, and is read
/// several times.
pub(crate) const IMPORT_TIMEOUT: Duration = Duration::from_secs(600);
/// The most entries of one request: they are one transaction, and everybody waits for it (some 20 ms).
pub const MAX_ENTRIES: usize = 10_000;
/// Rows of master data that cannot be taken in and are told of one by one.
pub const MAX_REFUSED_ROWS: usize = 1_000;
/// The most rows of one page: a page is read while others wait for the reader.
pub const MAX_PAGE: usize = 1_000;
/// How long an exception counts as seen: longer than a delivery is usually waited for, and short enough that the same trouble
/// of next month is seen again.
pub const ACKNOWLEDGED_FOR: jiff::SignedDuration = jiff::SignedDuration::from_hours(7 * 24);
/// The most messages that are said in another language at once.
pub const MAX_MESSAGES: usize = 200;
/// The longest of them, bytes.
pub const MAX_MESSAGE_BYTES: usize = 4_000;
/// The most rows of a page of the stock of a past day: the events of each are read again.
pub const MAX_PAGE_OF_PAST: usize = 100;
/// Rows of a page where nobody says how many.
pub const USUAL_PAGE: usize = 100;
/// The longest reason of a decision, bytes: the audit trail keeps it for ever.
pub const MAX_REASON_BYTES: usize = 1_000;
/// The most requests that wait for the writer: at 2,000 requests/s they wait for two seconds, less than any sender's
/// patience.
pub(crate) const MAX_WAITING_REQUESTS: usize = 4_096;
/// The most bytes of events that wait for the writer, so that large batches do not fill the memory.
pub(crate) const MAX_WAITING_BYTES: usize = 64 * 1024 * 1024;
/// The most entries that are committed together: more would not make a commit cheaper per event, only later.
pub(crate) const MAX_GROUP_ENTRIES: usize = 10_000;
/// How often a filing is made again because another process filed before it: the command line files once in a while.
pub(crate) const MAX_FILING_ATTEMPTS: u32 = 5;
/// The most proposals that one request may name.
pub const MAX_IDS: usize = 10_000;
/// The longest key that a request may call itself by, bytes.
pub const MAX_KEY_BYTES: usize = 200;
/// Keys of requests that are remembered, beside those of orders: at most some 20 MB.
pub(crate) const MAX_REMEMBERED_KEYS: usize = 50_000;
/// The most events that the planner is given at once: some 100 MB.
pub(crate) const MAX_PLANNED_EVENTS: usize = 200_000;
/// The planner looks at the clock this often, so that a new business day is planned, and what can wait.
pub(crate) const PLANNER_TICK: Duration = Duration::from_secs(1);
/// How long a planner that failed waits at first, and at most; the wait doubles with every failure.
pub(crate) const PLANNER_PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));
/// Runs of the planner that are remembered.
pub(crate) const MAX_RUNS: usize = 100;
/// Jobs whose answers are kept.
pub(crate) const MAX_JOBS: usize = 50;
/// The most bytes of answers of jobs that are kept, as text.
pub(crate) const MAX_JOBS_BYTES: usize = 64 * 1024 * 1024;
/// The most jobs that wait for their turn in a lane.
pub(crate) const MAX_WAITING_JOBS: usize = 16;
/// The most changes of a scenario, service targets of a curve, and shocks, policies or models of a job.
pub const MAX_CHANGES: usize = 50;
/// The most scenarios that are kept.
pub const MAX_SCENARIOS: usize = 200;
/// The most questions that wait for the planner.
pub(crate) const MAX_PLANNER_JOBS: usize = 64;
/// Counts of stock that are older than this are refused: what moved before is summed when a snapshot is saved, since each
/// movement takes 32 bytes of memory otherwise.
pub(crate) const COUNTS_ARE_TAKEN_FOR: jiff::SignedDuration = jiff::SignedDuration::from_hours(14 * 24);
/// A snapshot is saved after this many events: reading them again takes about half a second.
pub(crate) const SNAPSHOT_EVERY_EVENTS: u64 = 200_000;
/// Events that are read at once when the stock book catches up, so that readers get their turn between.
pub(crate) const CATCH_UP_PAGE: usize = 10_000;
/// A request that takes longer is answered with 503.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// A client that takes longer to send the head of a request, or to begin its next one, is cut off.
pub(crate) const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// A client that takes longer to begin TLS is cut off.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a server that shuts down waits for its clients.
pub(crate) const DRAIN_TIMEOUT: Duration = Duration::from_secs(35);
/// The most connections; others wait in the queue of the operating system.
pub(crate) const MAX_CONNECTIONS: usize = 1_024;
/// The most streams: each reads every event.
pub(crate) const MAX_STREAMS: usize = 64;
/// A stream says that it is alive this often: proxies cut what is silent for a minute.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a client should wait before it tries again, seconds.
pub(crate) const RETRY_AFTER_SECONDS: u64 = 1;
