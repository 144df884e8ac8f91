//! An endless log of messages, entry by entry from a seed: events, the same again, and entries that are none.
//!
//! Whoever knows the seed knows what a ledger that has read so far must hold.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use restock_core::Event;
use restock_ledger::wire;

use crate::generator::{self, Chain};

/// One part of a stream.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    pub(crate) chain: Chain,
    pub(crate) partition: String,
    pub(crate) seed: u64,
}

/// What an entry of the log is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Entry {
    /// An event that was not sent before.
    New(Event),
    /// The event that entry number .. sent.
    Again(u64),
    /// No event that can be taken in; it belongs into quarantine with this code.
    Bad(&'static str, Vec<u8>),
}

impl Log {
    /// Entry `number`, from 0.
    pub(crate) fn entry(&self, number: u64) -> Entry {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed ^ number.rotate_left(32) ^ 0x1096);
        let event = || generator::event(self.chain, &self.partition, self.seed, number);
        let chance = rng.random_range(0..100);
        // A conflict is sent after the event that it contradicts, so that every order of partitions gives the same.
        let is_repeat = chance <= 15 && number > 0;
        let earlier = if is_repeat { self.original(rng.random_range(0..number)) } else { None };
        match (chance, earlier) {
            (0..=14, Some(first)) => Entry::Again(first),
            (15, Some(first)) => {
                let mut other = generator::event(self.chain, &self.partition, self.seed, first);
                other.attributes.insert("changed".to_owned(), number.to_string());
                Entry::Bad("conflict", wire::write(&other).into_bytes())
            }
            (16 | 17, _) => {
                let text = wire::write(&event());
                let mut raw = text.into_bytes();
                raw.truncate(raw.len() - 1 - rng.random_range(0..raw.len() / 2));
                Entry::Bad("malformed", raw)
            }
            (18, _) => {
                let mut late = event();
                late.occurred_at = generator::now() + jiff::SignedDuration::from_hours(1 + number as i64 % 1000);
                Entry::Bad("future_dated", wire::write(&late).into_bytes())
            }
            _ => Entry::New(event()),
        }
    }

    /// The text of an entry.
    pub(crate) fn text(&self, number: u64) -> Vec<u8> {
        match self.entry(number) {
            Entry::New(event) => wire::write(&event).into_bytes(),
            Entry::Again(first) => {
                let event = generator::event(self.chain, &self.partition, self.seed, first);
                wire::write(&event).into_bytes()
            }
            Entry::Bad(_, raw) => raw,
        }
    }

    /// The entry that first sent what `number` sends, if it sends an event that can be taken in.
    fn original(&self, number: u64) -> Option<u64> {
        match self.entry(number) {
            Entry::New(_) => Some(number),
            Entry::Again(first) => Some(first),
            Entry::Bad(..) => None,
        }
    }
}
