//! What readers of brokers share: entries of a message, bringing them to the ledger however often it takes, and secrets.

use std::time::Duration;

use restock_ledger::{ConsumerOffset, Incoming, Position, wire};

use crate::config::Secret;
use crate::entries::Entries;
use crate::intake::{Intake, IntakeError};
use crate::source::Surroundings;
use crate::status::{Board, State};
use crate::stop::Stop;
use crate::{MAX_BATCH_BYTES, MAX_BATCH_ENTRIES};

/// How long a batch waits for more messages after its first.
pub(crate) const LINGER: Duration = Duration::from_millis(50);
/// How often a source that waits looks whether it must stop.
pub(crate) const TICK: Duration = Duration::from_millis(100);
/// The longest pause between two tries.
const MAX_PAUSE: Duration = Duration::from_secs(10);

/// Why a session with a broker ended.
pub(crate) enum End {
    Stopped,
    /// Something failed; another session may go better.
    Failed(String),
}

/// Whatever fails at the broker ends the session.
pub(crate) fn failed(what: &str) -> impl FnOnce(&dyn std::error::Error) -> End {
    let what = what.to_owned();
    move |error| {
        let mut message = format!("{what}: {error}");
        if let Some(source) = error.source() {
            message.push_str(&format!(" ({source})"));
        }
        End::Failed(message)
    }
}

/// The pause before another try, the longer the more have failed.
pub(crate) fn pause_after(n_failures: u32) -> Duration {
    (TICK * 2_u32.saturating_pow(n_failures.min(10))).min(MAX_PAUSE)
}

/// The way of a source into the ledger. Its calls block.
pub(crate) struct Feed<'a> {
    pub(crate) intake: Box<dyn Intake + Send>,
    pub(crate) around: &'a Surroundings,
    pub(crate) board: &'a Board,
    pub(crate) stop: &'a Stop,
    /// Transactions since the start.
    pub(crate) n_commits: u64,
}

impl Feed<'_> {
    pub(crate) fn trouble(&self, message: String) {
        self.board.trouble((self.around.clock)(), message);
    }

    /// Keeps why a session ended; the next one may go better.
    pub(crate) fn retrying(&self, message: String) {
        self.trouble(message);
        self.board.set_state(State::Retrying);
    }

    /// How far was read, asked until the ledger answers.
    pub(crate) fn offset(&mut self, consumer: &str, partition: &str) -> Result<Option<u64>, End> {
        self.ask(|intake| intake.offset(consumer, partition))
    }

    /// Brings entries to the ledger, tried until they are in. There may be more of them than a transaction holds: then the
    /// position moves from `committed` to that of `offset` with the last part.
    pub(crate) fn append(
        &mut self,
        mut entries: Vec<Incoming>,
        committed: u64,
        offset: &ConsumerOffset,
    ) -> Result<(), End> {
        loop {
            let mut n_bytes = 0;
            let is_within = |entry: &&Incoming| {
                n_bytes += entry.raw.len();
                n_bytes <= MAX_BATCH_BYTES
            };
            let n_first = entries.iter().take(MAX_BATCH_ENTRIES).take_while(is_within).count().max(1);
            if n_first >= entries.len() {
                return self.append_part(&entries, offset);
            }
            let rest = entries.split_off(n_first);
            self.append_part(&entries, &ConsumerOffset { next_offset: committed, ..offset.clone() })?;
            entries = rest;
        }
    }

    fn append_part(&mut self, entries: &[Incoming], offset: &ConsumerOffset) -> Result<(), End> {
        let outcomes = self.ask(|intake| intake.append_from(entries.to_vec(), offset.clone()))?;
        self.board.taken_in(&outcomes, offset);
        self.n_commits += 1;
        Ok(())
    }

    fn ask<T>(&mut self, call: impl Fn(&mut dyn Intake) -> Result<T, IntakeError>) -> Result<T, End> {
        let mut n_failures = 0_u32;
        loop {
            match call(&mut *self.intake) {
                Ok(answer) => return Ok(answer),
                Err(IntakeError::Closed) => return Err(End::Stopped),
                Err(error) => self.retrying(error.to_string()),
            }
            n_failures = n_failures.saturating_add(1);
            if self.stop.wait(pause_after(n_failures)) {
                return Err(End::Stopped);
            }
        }
    }

    /// Messages `from` up to before `to` are gone.
    pub(crate) fn tell_missing(&self, what: &str, from: u64, to: u64, is_at_most: bool) {
        let n_missing = to - from;
        let up_to = if is_at_most { "up to " } else { "" };
        self.board.add_missing(n_missing);
        self.trouble(format!(
            "{up_to}{n_missing} messages of {what}, {from} to {}, were removed before they were read; count the stock, and \
             let the broker keep messages longer",
            to - 1
        ));
    }
}

/// The entries of a message: an event, a list or lines. One that holds nothing is refused, as it says nothing.
pub(crate) fn read_message(payload: &[u8], origin: &str) -> Vec<Incoming> {
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

/// Reads a secret; what is said about it does not say it.
pub(crate) fn read_secret(secret: &Secret, around: &Surroundings) -> Result<String, End> {
    match secret {
        Secret::Env(name) => (around.environment)(name)
            .ok_or_else(|| End::Failed(format!("the environment variable {name} of a secret is not set"))),
        Secret::File(path) => {
            let path = around.folder.join(path);
            let text = std::fs::read_to_string(&path);
            let text = text.map_err(|error| failed(&format!("cannot read the secret {}", path.display()))(&error))?;
            Ok(text.trim().to_owned())
        }
    }
}
