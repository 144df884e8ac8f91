//! Events on their way from a ledger into tables, one by one: a sale takes a fifth of what it takes as an [`Event`], so that
//! years of them fit into memory.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::tz::TimeZone;
use restock_core::{Dataset, Event, EventKind, ItemLocation};
use rustc_hash::FxHashMap;

use crate::master_words::MasterWords;
use crate::tables::{EventSales, Files, Sold, tables_of_events};

/// A sale or return that waits for its table.
pub(crate) struct KeptSale {
    pub(crate) sold: Sold,
    pub(crate) source: Arc<str>,
    pub(crate) event_id: Box<str>,
    /// Number of its place.
    pub(crate) place: u32,
}

/// Names of sources, each once.
#[derive(Default)]
pub(crate) struct Sources(BTreeSet<Arc<str>>);

impl Sources {
    pub(crate) fn shared(&mut self, source: String) -> Arc<str> {
        if let Some(source) = self.0.get(source.as_str()) {
            return source.clone();
        }
        let source: Arc<str> = source.into();
        self.0.insert(source.clone());
        source
    }
}

/// Events that become tables together.
pub struct CollectedEvents {
    time_zone: TimeZone,
    /// Item and location of sales, by number.
    places: Vec<ItemLocation>,
    numbers: FxHashMap<ItemLocation, u32>,
    sources: Sources,
    sales: Vec<KeptSale>,
    others: Vec<Event>,
    /// Of what is said about master data, the last words.
    masters: MasterWords,
}

impl CollectedEvents {
    /// None yet; days are those of the time zone.
    pub fn new(time_zone: TimeZone) -> Self {
        Self {
            time_zone,
            places: Vec::new(),
            numbers: FxHashMap::default(),
            sources: Sources::default(),
            sales: Vec::new(),
            others: Vec::new(),
            masters: MasterWords::default(),
        }
    }

    /// Takes in an event; each is given once, in any order.
    pub fn add(&mut self, event: Event) {
        if matches!(event.kind, EventKind::MasterChange(_)) {
            self.masters.add(&event);
            return;
        }
        let Some((sold, place)) = Sold::of(&event, &self.time_zone) else {
            self.others.push(event);
            return;
        };
        let place = match self.numbers.get(place) {
            Some(number) => *number,
            None => {
                let number = self.places.len() as u32;
                self.places.push(place.clone());
                self.numbers.insert(place.clone(), number);
                number
            }
        };
        let source = self.sources.shared(event.source);
        self.sales.push(KeptSale { sold, source, event_id: event.event_id.into(), place });
    }

    /// The tables of `base` and of all that was taken in: [`tables_of_part`](crate::tables_of_part) of the same events.
    pub fn tables(&self, base: &Dataset, files: Files) -> Dataset {
        let mut sales = EventSales::default();
        sales.reserve(self.sales.len());
        let numbers: Vec<u32> =
            self.places.iter().map(|place| sales.place(&place.item_id, &place.location_id)).collect();
        for KeptSale { sold, source, event_id, place } in &self.sales {
            sales.add(*sold, source, event_id, numbers[*place as usize]);
        }
        let masters = self.masters.events();
        tables_of_events(base, files, sales, self.others.iter().chain(&masters).collect(), &self.time_zone)
    }
}
