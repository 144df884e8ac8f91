//! What was sent and what was acknowledged.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use restock_core::{Event, Quantity};

use crate::{Outcome, ensure};

/// More faults than these tell nothing new.
const N_SHOWN: usize = 5;

/// Source and id of an event.
pub(crate) type Key = (String, String);

/// An event that was sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) event: Event,
    pub(crate) text: String,
    /// Its number, once an answer or the ledger told it.
    pub(crate) sequence: Option<u64>,
    /// Whether an answer told it.
    pub(crate) is_acknowledged: bool,
}

/// What a person decided about one proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Edit { quantity: Quantity, reason: String },
    Approve,
    Reject { reason: String },
}

/// A decision that named the version that was looked at, so that it can only be the next change of the proposal.
#[derive(Clone, Debug)]
pub(crate) struct Decision {
    pub(crate) proposal_id: String,
    pub(crate) version: u64,
    pub(crate) by: &'static str,
    pub(crate) verdict: Verdict,
}

/// A proposal approved with many others.
#[derive(Clone, Debug)]
pub(crate) struct Bulk {
    pub(crate) proposal_id: String,
    /// The approval is among the changes after this one,
    pub(crate) after: u64,
    /// and not after this one.
    pub(crate) version: u64,
    pub(crate) by: &'static str,
}

/// Requests that called themselves by one key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Export {
    /// Orders and their numbers of lines, as the first answer that had any told them.
    pub(crate) orders: BTreeMap<String, u64>,
}

/// A backup by the command line.
#[derive(Clone, Debug)]
pub(crate) struct Backup {
    pub(crate) path: PathBuf,
    /// Whether the command said that it was done.
    pub(crate) is_done: bool,
    /// The last event that was acknowledged before it began.
    pub(crate) from_sequence: u64,
}

/// Everything that the clients know.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) sent: HashMap<Key, Sent>,
    /// Keys of acknowledged events, to send some again.
    pub(crate) acknowledged: Vec<Key>,
    /// Events without an answer.
    pub(crate) unanswered: VecDeque<Key>,
    n_ids: u64,
    pub(crate) last_acknowledged: u64,
    pub(crate) decisions: Vec<Decision>,
    pub(crate) lost_decisions: VecDeque<Decision>,
    pub(crate) bulks: Vec<Bulk>,
    /// Reasons that were sent, each with one decision.
    pub(crate) reasons: BTreeSet<String>,
    pub(crate) n_rejections: u64,
    pub(crate) exports: BTreeMap<String, Export>,
    pub(crate) lost_keys: VecDeque<String>,
    pub(crate) backups: Vec<Backup>,
    /// The last event and the last change of a proposal that the stream told of.
    pub(crate) streamed: (u64, u64),
    /// Changes of proposals that were in the ledger when this life began.
    pub(crate) desk_number: u64,
    /// What a server did that it must not do.
    pub(crate) faults: Vec<String>,
    /// Acknowledgements as they came, for whoever looks into a failure.
    pub(crate) history: Vec<String>,
    /// Numbers for the report.
    pub(crate) done: BTreeMap<&'static str, u64>,
}

impl World {
    pub(crate) fn count(&mut self, name: &'static str, n: u64) {
        *self.done.entry(name).or_default() += n;
    }

    pub(crate) fn fault(&mut self, what: String) {
        self.faults.push(what);
    }

    /// # Errors
    /// When a server did what it must not do.
    pub(crate) fn check_faults(&self) -> Outcome<()> {
        let shown: Vec<&str> = self.faults.iter().take(N_SHOWN).map(String::as_str).collect();
        ensure(shown.is_empty(), || format!("{} faults, first: {}", self.faults.len(), shown.join("; ")))
    }

    pub(crate) fn next_id(&mut self) -> u64 {
        self.n_ids += 1;
        self.n_ids
    }

    /// Takes in that an event is number `sequence`, as an answer said.
    pub(crate) fn acknowledge(&mut self, key: &Key, outcome: &str, sequence: u64) {
        let Some(sent) = self.sent.get_mut(key) else {
            return self.fault(format!("an answer about {key:?}, which was never sent"));
        };
        match sent.sequence {
            Some(before) if before != sequence || outcome != "duplicate" => {
                let fault = format!("{key:?} was event {before}, and is {outcome} as event {sequence}");
                self.faults.push(fault);
            }
            _ => {}
        }
        sent.sequence = Some(sequence);
        if !sent.is_acknowledged {
            sent.is_acknowledged = true;
            self.acknowledged.push(key.clone());
            self.count("events acknowledged", 1);
            self.history.push(format!("event {sequence} {}/{}", key.0, key.1));
        }
        self.last_acknowledged = self.last_acknowledged.max(sequence);
        match outcome {
            "duplicate" => self.count("answers that an event was there already", 1),
            "accepted" => {}
            other => self.fault(format!("{key:?} is {other}")),
        }
    }
}

pub(crate) fn locked(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}
