//! Events of items, read from a ledger once and kept for the next tables of the same items, so that what a new event costs
//! does not grow with the decoding of all events before it.
//!
//! A sale takes 48 bytes here. Beyond a bound of memory items are forgotten by chance, and read again when they are needed:
//! whoever asks for all items in turn, more than fit, would never find the one that was asked for longest ago.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

use jiff::tz::TimeZone;
use restock_core::{Dataset, Event, ItemLocation};
use rustc_hash::{FxHashMap, FxHasher};

use crate::error::LedgerError;
use crate::ledger::Ledger;
use crate::tables::{EventSales, Files, Sold, tables_of_events};

/// Events that are read at a time.
const N_AT_A_TIME: usize = 10_000;

/// About what an event takes beyond its own size: its texts.
const TEXT_BYTES: usize = 120;

/// Events of items, kept for the next tables of the same items.
pub struct KeptEvents {
    items: FxHashMap<String, Kept>,
    /// Sales know their day there.
    time_zone: TimeZone,
    n_bytes: usize,
    max_bytes: usize,
    /// Counts calls; whom to forget is drawn from it.
    n_calls: u64,
}

/// The events of one item at its locations.
#[derive(Default)]
struct Kept {
    /// Where it is, by number.
    locations: Vec<String>,
    /// By location: its number, and the first event there that was not read.
    next: BTreeMap<String, (u32, u64)>,
    sales: Vec<Sold>,
    others: Vec<Event>,
}

impl Default for KeptEvents {
    /// Keeps at most [`KeptEvents::USUAL_MAX_BYTES`].
    fn default() -> Self {
        Self::new(Self::USUAL_MAX_BYTES)
    }
}

impl KeptEvents {
    /// What is kept where nobody says otherwise, bytes: about 2.5 million sales.
    pub const USUAL_MAX_BYTES: usize = 128 * 1024 * 1024;

    /// Nothing yet, and later at most `max_bytes`, beside what one call needs.
    pub fn new(max_bytes: usize) -> Self {
        Self { items: FxHashMap::default(), time_zone: TimeZone::UTC, n_bytes: 0, max_bytes, n_calls: 0 }
    }

    /// The tables of some items, `base` having their rows of the files, with all that events say of them:
    /// [`tables_of_part`](crate::tables_of_part) of the events in `ledger` at the `locations` of each item, and of `wide`,
    /// which have no [`place`](restock_core::EventKind::place).
    ///
    /// # Errors
    /// What the ledger says.
    #[expect(clippy::too_many_arguments, reason = "what tables are made of, and where the events are")]
    pub fn tables<'a>(
        &'a mut self,
        base: &Dataset,
        files: Files,
        item_ids: &'a [String],
        locations: &BTreeMap<String, BTreeSet<String>>,
        wide: &'a [Event],
        ledger: &dyn Ledger,
        time_zone: &TimeZone,
    ) -> Result<Dataset, LedgerError> {
        if self.time_zone != *time_zone {
            *self = Self { time_zone: time_zone.clone(), ..Self::new(self.max_bytes) };
        }
        self.n_calls += 1;
        self.forget();
        for item_id in item_ids {
            let Some(locations) = locations.get(item_id) else { continue };
            // What is read in part, because the ledger fails, is forgotten.
            let mut kept = self.items.remove(item_id).unwrap_or_default();
            self.n_bytes -= kept.n_bytes();
            kept.read(item_id, locations, ledger, time_zone)?;
            self.n_bytes += kept.n_bytes();
            self.items.insert(item_id.clone(), kept);
        }
        let (mut sales, mut others) = (EventSales::default(), wide.iter().collect::<Vec<_>>());
        let own = || item_ids.iter().filter_map(|item_id| Some((item_id, self.items.get(item_id)?)));
        sales.reserve(own().map(|(_, kept)| kept.sales.len()).sum());
        for (item_id, kept) in own() {
            let mut places = vec![None; kept.locations.len()];
            for sold in &kept.sales {
                let idx = sold.place as usize;
                let place = *places[idx].get_or_insert_with(|| sales.place(item_id, &kept.locations[idx]));
                sales.add(*sold, place);
            }
            others.extend(&kept.others);
        }
        Ok(tables_of_events(base, files, sales, others, time_zone))
    }

    /// Bytes that are kept, about.
    pub fn n_bytes(&self) -> usize {
        self.n_bytes
    }

    /// Forgets some items where too much is kept.
    fn forget(&mut self) {
        if self.n_bytes <= self.max_bytes {
            return;
        }
        let lot = |item_id: &String| {
            let mut hasher = FxHasher::default();
            (self.n_calls, item_id).hash(&mut hasher);
            hasher.finish()
        };
        let mut by_lot: Vec<(u64, String)> = self.items.keys().map(|item_id| (lot(item_id), item_id.clone())).collect();
        by_lot.sort_unstable();
        // Some more than is needed, so that this is not done for each event.
        for (_, item_id) in by_lot {
            if self.n_bytes <= self.max_bytes / 16 * 15 {
                break;
            }
            self.n_bytes -= self.items.remove(&item_id).map_or(0, |kept| kept.n_bytes());
        }
    }
}

impl Kept {
    /// Reads what is new.
    fn read(
        &mut self,
        item_id: &str,
        locations: &BTreeSet<String>,
        ledger: &dyn Ledger,
        time_zone: &TimeZone,
    ) -> Result<(), LedgerError> {
        let (n_sales, n_others) = (self.sales.len(), self.others.len());
        for location_id in locations {
            let (number, mut next) = self.next.get(location_id).copied().unwrap_or_else(|| {
                self.locations.push(location_id.clone());
                (self.locations.len() as u32 - 1, 1)
            });
            let place = ItemLocation::new(item_id, location_id);
            loop {
                let some = ledger.events_of(&place, next, N_AT_A_TIME)?;
                let n_read = some.len();
                let Some(last) = some.last() else { break };
                next = last.sequence + 1;
                some.into_iter().for_each(|recorded| self.add(recorded.event, number, time_zone));
                if n_read < N_AT_A_TIME {
                    break;
                }
            }
            self.next.insert(location_id.clone(), (number, next));
        }
        // Nearly all events come in their order.
        if !self.sales[n_sales.saturating_sub(1)..].is_sorted_by_key(Sold::key) {
            self.sales.sort_by_key(Sold::key);
        }
        if self.others.len() > n_others {
            self.others
                .sort_by(|a, b| (a.occurred_at, &a.source, &a.event_id).cmp(&(b.occurred_at, &b.source, &b.event_id)));
        }
        Ok(())
    }

    fn add(&mut self, event: Event, place: u32, time_zone: &TimeZone) {
        if event.kind.place().is_none() {
            // A price of one location lies in the ledger by item and location, and comes in with what is wide.
            return;
        }
        let Some((sold, _)) = Sold::of(&event, time_zone) else {
            self.others.push(event);
            return;
        };
        self.sales.push(sold.at_place(place));
    }

    /// Bytes that it takes, about.
    fn n_bytes(&self) -> usize {
        self.sales.capacity() * size_of::<Sold>() + self.others.len() * (size_of::<Event>() + TEXT_BYTES)
    }
}
