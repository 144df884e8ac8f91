//! What is delivered: entries of the ledger, each as a message with an id of its own.

use jiff::Timestamp;
use restock_ledger::{DeskChange, DeskEntry, Ledger, LedgerError};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use utoipa::ToSchema;

use crate::routes::events::RecordedEvent;
use crate::routes::quarantine::QuarantineRow;

/// What a webhook is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Topic {
    /// What happens to proposals until they are orders.
    Proposal,
    /// Proposals that became orders, and what becomes of these.
    Order,
    /// Events that were accepted.
    Event,
    /// Entries that could not be taken in.
    Quarantine,
}

/// A part of the ledger whose entries are numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stream {
    Events,
    Desk,
    Quarantine,
}

/// The first entry of each stream that a webhook is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Starts {
    pub(crate) events: u64,
    pub(crate) desk: u64,
    pub(crate) quarantine: u64,
}

/// An entry as it is delivered; one that the webhook is not told has no body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) number: u64,
    pub(crate) topic: Topic,
    pub(crate) body: Option<Vec<u8>>,
}

impl Stream {
    pub(crate) const ALL: [Self; 3] = [Self::Events, Self::Desk, Self::Quarantine];

    /// The name of its position in the ledger, and a part of the ids of its messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Events => "event",
            Self::Desk => "desk",
            Self::Quarantine => "quarantine",
        }
    }

    pub(crate) fn is_about(self, topics: &[Topic]) -> bool {
        topics.iter().any(|topic| match topic {
            Topic::Event => self == Self::Events,
            Topic::Proposal | Topic::Order => self == Self::Desk,
            Topic::Quarantine => self == Self::Quarantine,
        })
    }

    pub(crate) fn start(self, starts: Starts) -> u64 {
        match self {
            Self::Events => starts.events,
            Self::Desk => starts.desk,
            Self::Quarantine => starts.quarantine,
        }
    }

    /// The id of an entry for a webhook: the same however often it is delivered.
    pub(crate) fn message_id(self, webhook_id: &str, number: u64) -> String {
        format!("{webhook_id}-{}-{number}", self.name())
    }

    /// At most `limit` entries from number `from` on, in order.
    pub(crate) fn read(
        self,
        ledger: &dyn Ledger,
        webhook_id: &str,
        topics: &[Topic],
        from: u64,
        limit: usize,
    ) -> Result<Vec<Message>, LedgerError> {
        let message = |number: u64, topic: Topic, body: &dyn Fn(String) -> Vec<u8>| Message {
            number,
            topic,
            body: topics.contains(&topic).then(|| body(self.message_id(webhook_id, number))),
        };
        Ok(match self {
            Self::Events => {
                let events = ledger.events(from, limit)?;
                let told = events.into_iter().map(|recorded| {
                    let (number, at, name) = (recorded.sequence, recorded.recorded_at, recorded.event.kind.name());
                    let data = raw(&RecordedEvent::from(recorded));
                    message(number, Topic::Event, &|id| body(id, "event.accepted", Some(name), Some(at), &data))
                });
                told.collect()
            }
            Self::Desk => {
                let entries = ledger.desk_entries(from, limit)?;
                let told = (from..).zip(entries).map(|(number, entry)| {
                    let (topic, kind) = match topic_of(&entry) {
                        Topic::Order => (Topic::Order, "order.changed"),
                        topic => (topic, "proposal.changed"),
                    };
                    let data = raw(&Numbered { number, entry: &entry });
                    message(number, topic, &|id| body(id, kind, Some(&entry.proposal_id), None, &data))
                });
                told.collect()
            }
            Self::Quarantine => {
                let entries = ledger.quarantine(None, from, limit)?;
                let told = entries.into_iter().map(|entry| {
                    let (number, at) = (entry.quarantine_id, entry.received_at);
                    let data = raw(&QuarantineRow::from(entry));
                    message(number, Topic::Quarantine, &|id| body(id, "quarantine.added", None, Some(at), &data))
                });
                told.collect()
            }
        })
    }
}

fn topic_of(entry: &DeskEntry) -> Topic {
    match entry.change {
        DeskChange::Exported { .. } | DeskChange::Acknowledged | DeskChange::Received { .. } => Topic::Order,
        _ => Topic::Proposal,
    }
}

#[derive(Serialize)]
struct Numbered<'a> {
    number: u64,
    #[serde(flatten)]
    entry: &'a DeskEntry,
}

fn raw(data: &impl Serialize) -> Box<RawValue> {
    to_raw_value(data).expect("records are JSON")
}

/// A CloudEvent of version 1.0.
pub(crate) fn body(id: String, kind: &str, subject: Option<&str>, time: Option<Timestamp>, data: &RawValue) -> Vec<u8> {
    #[derive(Serialize)]
    struct CloudEvent<'a> {
        specversion: &'static str,
        id: String,
        source: &'static str,
        r#type: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        subject: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        time: Option<Timestamp>,
        datacontenttype: &'static str,
        data: &'a RawValue,
    }
    let event = CloudEvent {
        specversion: "1.0",
        id,
        source: "/restock",
        r#type: format!("restock.{kind}"),
        subject,
        time,
        datacontenttype: "application/json",
        data,
    };
    serde_json::to_vec(&event).expect("a message is JSON")
}

/// The numbers that the next entries will have.
pub(crate) fn ends(ledger: &dyn Ledger) -> Result<Starts, LedgerError> {
    Ok(Starts {
        events: ledger.last_sequence()? + 1,
        desk: first_free(|number| Ok(!ledger.desk_entries(number, 1)?.is_empty()))?,
        quarantine: first_free(|number| Ok(!ledger.quarantine(None, number, 1)?.is_empty()))?,
    })
}

/// The first number that is not taken, where numbers are taken without gaps from 1 on.
fn first_free(is_taken: impl Fn(u64) -> Result<bool, LedgerError>) -> Result<u64, LedgerError> {
    let mut free = 1;
    while is_taken(free)? {
        free *= 2;
    }
    let mut taken = free / 2;
    while free - taken > 1 {
        let middle = taken + (free - taken) / 2;
        if is_taken(middle)? {
            taken = middle;
        } else {
            free = middle;
        }
    }
    Ok(free)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_stream_is_found_wherever_it_is() {
        for last in (0..70).chain([1_000_000, 1_048_575, 1_048_576]) {
            assert_eq!(first_free(|number| Ok(number <= last)).unwrap(), last + 1);
        }
    }
}
