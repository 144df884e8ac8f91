//! Events on their way from a ledger into tables, one by one: a sale takes 48 bytes, and twelve times that as an [`Event`],
//! so years of them fit into memory.

use jiff::tz::TimeZone;
use restock_core::{Dataset, Event, ItemLocation};
use rustc_hash::FxHashMap;

use crate::master_words::MasterWords;
use crate::tables::{EventSales, Files, Sold, tables_of_events};

/// Events that become tables together.
pub struct CollectedEvents {
    time_zone: TimeZone,
    /// Item and location of sales, by number.
    places: Vec<ItemLocation>,
    numbers: FxHashMap<ItemLocation, u32>,
    sales: Vec<Sold>,
    others: Vec<Event>,
    /// Of what is said about master data and demand to come, the last words.
    masters: MasterWords,
}

impl CollectedEvents {
    /// None yet; days are those of the time zone.
    pub fn new(time_zone: TimeZone) -> Self {
        Self {
            time_zone,
            places: Vec::new(),
            numbers: FxHashMap::default(),
            sales: Vec::new(),
            others: Vec::new(),
            masters: MasterWords::default(),
        }
    }

    /// Takes in an event; each is given once, in any order.
    pub fn add(&mut self, event: Event) {
        if event.kind.is_word() {
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
        self.sales.push(sold.at_place(place));
    }

    /// The tables of `base` and of all that was taken in: [`tables_of_part`](crate::tables_of_part) of the same events.
    pub fn tables(&self, base: &Dataset, files: Files) -> Dataset {
        let mut sales = EventSales::default();
        sales.reserve(self.sales.len());
        let numbers: Vec<u32> =
            self.places.iter().map(|place| sales.place(&place.item_id, &place.location_id)).collect();
        for sold in &self.sales {
            sales.add(*sold, numbers[sold.place as usize]);
        }
        let masters = self.masters.events();
        tables_of_events(base, files, sales, self.others.iter().chain(&masters).collect(), &self.time_zone)
    }
}
