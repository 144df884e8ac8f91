//! What readers see: the stock book, its item-locations in order, what is said about master data, the event up to which all
//! are right, and the desk.

use std::collections::BTreeSet;

use restock_core::ItemLocation;
use restock_ledger::{Desk, DeskEntry, MasterWords, Recorded, Snapshot, StockBook};

/// The name under which snapshots of the stock book are kept in the ledger.
pub const SNAPSHOT_NAME: &str = "stock_book";

/// A stock book is one line of JSON; the lines behind it are about master data.
const END_OF_BOOK: u8 = b'\n';

/// The stock after an event.
#[derive(Debug, Default)]
pub(crate) struct Projection {
    pub(crate) book: StockBook,
    /// All item-locations of the book, sorted, so that a page is found without sorting.
    pub(crate) places: BTreeSet<ItemLocation>,
    pub(crate) masters: MasterWords,
    pub(crate) last_sequence: u64,
    /// The desk after the last of its entries.
    pub(crate) desk: Desk,
    /// Places where an order may stand elsewhere than the desk knows.
    pub(crate) to_follow: BTreeSet<ItemLocation>,
}

impl Projection {
    /// The state of a snapshot; without one, or with one of another version, the state before all events.
    pub(crate) fn restore(snapshot: Option<Snapshot>) -> Self {
        let Some(Snapshot { last_sequence, state }) = snapshot else { return Self::default() };
        let restored = || {
            // Snapshots of earlier versions know nothing about master data.
            let end = state.iter().position(|byte| *byte == END_OF_BOOK).ok_or("it is of an earlier version")?;
            let said = std::str::from_utf8(&state[end + 1..]).map_err(|error| error.to_string())?;
            let masters = MasterWords::from_ndjson(said).map_err(|refusal| refusal.to_string())?;
            Ok::<_, String>((StockBook::from_bytes(&state[..end])?, masters))
        };
        match restored() {
            Ok((book, masters)) => {
                let places = book.places().into_iter().collect();
                Self { places, book, masters, last_sequence, ..Self::default() }
            }
            Err(reason) => {
                tracing::warn!(reason, "the stock book is computed from all events");
                Self::default()
            }
        }
    }

    /// Takes in the next events.
    pub(crate) fn apply(&mut self, events: &[Recorded]) {
        for Recorded { sequence, event, .. } in events {
            assert_eq!(*sequence, self.last_sequence + 1, "sequence numbers are dense");
            self.last_sequence = *sequence;
            self.book.apply(event);
            self.masters.add(event);
            if let Some(place) = event.kind.place()
                && self.desk.live_at(place).any(|filed| filed.state.is_ordered())
            {
                self.to_follow.insert(place.clone());
            }
            if let Some(place) = event.kind.place()
                && !self.places.contains(place)
                && self.book.stock(place).is_some()
            {
                self.places.insert(place.clone());
            }
        }
    }

    /// Takes in the next entries of the desk.
    pub(crate) fn apply_entries(&mut self, entries: &[DeskEntry]) {
        for entry in entries {
            self.desk.apply(entry);
        }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut state = self.book.to_bytes();
        state.push(END_OF_BOOK);
        state.extend(self.masters.to_ndjson().bytes());
        Snapshot { last_sequence: self.last_sequence, state }
    }
}
