//! The last word about demand to come, whatever the order in which the words came: overrides by what they are about, and
//! forecasts of other systems by item, location and day.
//!
//! A word is of an event: of two about the same the later holds, by (instant, source, event id). Plans read the periods to
//! come of what other systems forecast: a period is let go of once it, and the day on which it was said, lie [`N_DAYS_KEPT`]
//! days before the newest such word, so that a year of daily forecasts takes no more memory than a season. The ledger
//! keeps them all.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Bound;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use restock_core::said_demand::{DemandChange, ForecastOverride, GivenForecast, OverrideKey};
use restock_core::{Day, Event, EventKind, ItemLocation};
use rust_decimal::Decimal;

use crate::master_words::{Said, event_of};

/// Days before the newest forecast of another system whose periods are still known.
const N_DAYS_KEPT: i32 = 60;

/// What is said about one key; `None` takes back what files and earlier words say.
#[derive(Clone, Debug, PartialEq, Eq)]
struct OverrideWord {
    said: Said,
    change: Option<DemandChange>,
    reason: String,
    author: String,
}

/// Mean and quantiles of a period.
#[derive(Clone, Debug, PartialEq, Eq)]
struct GivenWord {
    said: Said,
    /// The day of that, UTC.
    said_on: Day,
    mean: Option<Decimal>,
    quantiles: BTreeMap<Decimal, Decimal>,
}

/// What was said about an override last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaidOverride {
    /// What.
    pub said: ForecastOverride,
    /// When.
    pub at: Timestamp,
}

/// The last words about demand to come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DemandWords {
    overrides: BTreeMap<OverrideKey, OverrideWord>,
    given: BTreeMap<(ItemLocation, Day), GivenWord>,
    /// Periods before it that were said before it are let go of; `None` before there are any.
    given_since: Option<Day>,
}

impl DemandWords {
    /// Takes in an event, in any order, once or again. Returns whether it is about demand to come.
    pub fn add(&mut self, event: &Event) -> bool {
        match &event.kind {
            EventKind::ForecastOverride(word) => {
                let ForecastOverride { key, change, reason, author } = (**word).clone();
                keep_last(
                    &mut self.overrides,
                    key,
                    OverrideWord { said: Said::by(event), change, reason, author },
                    |w| &w.said,
                );
            }
            EventKind::ForecastGiven(given) => {
                let GivenForecast { place, day, mean, quantiles } = (**given).clone();
                let said_on = event.business_day(&TimeZone::UTC);
                let since = self.given_since.max(Some(said_on.plus(-N_DAYS_KEPT)));
                if self.given_since < since {
                    self.given_since = since;
                    self.given.retain(|(_, day), word| since <= Some(*day.max(&word.said_on)));
                }
                if since <= Some(day.max(said_on)) {
                    let word = GivenWord { said: Said::by(event), said_on, mean, quantiles };
                    keep_last(&mut self.given, (place, day), word, |word| &word.said);
                }
            }
            _ => return false,
        }
        true
    }

    /// What was said about an override last; what was taken back is among it, with no change.
    pub fn override_of(&self, key: &OverrideKey) -> Option<SaidOverride> {
        self.overrides.get(key).map(|word| said_override(key, word))
    }

    /// What was said about all overrides, by their keys; what was taken back is among it, with no change.
    pub fn overrides(&self) -> impl Iterator<Item = SaidOverride> + '_ {
        self.overrides.iter().map(|(key, word)| said_override(key, word))
    }

    /// What another system said last about a period.
    pub fn given(&self, place: &ItemLocation, day: Day) -> Option<GivenForecast> {
        let key = (place.clone(), day);
        self.given.get(&key).map(|word| given_forecast(&key, word))
    }

    /// All that other systems said last, by item, location and day.
    pub fn all_given(&self) -> impl Iterator<Item = GivenForecast> + '_ {
        self.given.iter().map(|(key, word)| given_forecast(key, word))
    }

    /// All that other systems said last about an item-location from a day on.
    pub fn given_from(&self, place: &ItemLocation, first: Day) -> impl Iterator<Item = GivenForecast> + '_ {
        let from = Bound::Included((place.clone(), first));
        let to = Bound::Included((place.clone(), Day(i32::MAX)));
        self.given.range((from, to)).map(|(key, word)| given_forecast(key, word))
    }

    /// When a period was said last.
    pub fn given_at(&self, place: &ItemLocation, day: Day) -> Option<Timestamp> {
        self.given.get(&(place.clone(), day)).map(|word| word.said.at)
    }

    /// Events that say the same as all that were taken in, one for each key.
    pub fn events(&self) -> impl Iterator<Item = Event> + '_ {
        let overrides = self.overrides.iter().map(|(key, word)| {
            event_of(&word.said, EventKind::ForecastOverride(Box::new(said_override(key, word).said)))
        });
        let given = self
            .given
            .iter()
            .map(|(key, word)| event_of(&word.said, EventKind::ForecastGiven(Box::new(given_forecast(key, word)))));
        overrides.chain(given)
    }
}

fn keep_last<K: Ord, W>(words: &mut BTreeMap<K, W>, key: K, word: W, said: fn(&W) -> &Said) {
    match words.entry(key) {
        Entry::Vacant(entry) => drop(entry.insert(word)),
        Entry::Occupied(mut entry) if said(entry.get()) < said(&word) => drop(entry.insert(word)),
        Entry::Occupied(_) => {}
    }
}

fn said_override(key: &OverrideKey, word: &OverrideWord) -> SaidOverride {
    let OverrideWord { said, change, reason, author } = word.clone();
    SaidOverride { said: ForecastOverride { key: key.clone(), change, reason, author }, at: said.at }
}

fn given_forecast((place, day): &(ItemLocation, Day), word: &GivenWord) -> GivenForecast {
    GivenForecast { place: place.clone(), day: *day, mean: word.mean, quantiles: word.quantiles.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A forecast that is said on one day for another.
    fn forecast(said_on: &str, day: &str) -> Event {
        let given = GivenForecast {
            place: ItemLocation::new("milk", "berlin"),
            day: day.parse().unwrap(),
            mean: Some(Decimal::from(3)),
            quantiles: BTreeMap::new(),
        };
        Event {
            event_id: format!("{said_on} {day}"),
            source: "planner".to_owned(),
            occurred_at: format!("{said_on}T06:00:00Z").parse().unwrap(),
            kind: EventKind::ForecastGiven(Box::new(given)),
            attributes: BTreeMap::new(),
        }
    }

    /// Whatever the order in which they come, the same periods are known, and those of long ago are not.
    #[test]
    fn periods_of_long_ago_are_let_go_of() {
        let mut events: Vec<Event> =
            (1..=9).map(|month| format!("2026-0{month}-10")).map(|day| forecast(&day, &day)).collect();
        events.push(forecast("2026-09-10", "2026-12-24"));
        // Of a project whose data ended long ago.
        events.push(forecast("2026-09-10", "2024-03-02"));
        let words = |events: &mut dyn Iterator<Item = &Event>| {
            let mut words = DemandWords::default();
            events.for_each(|event| assert!(words.add(event)));
            words
        };
        let forward = words(&mut events.iter());
        assert_eq!(forward, words(&mut events.iter().rev()));
        let days: Vec<String> = forward.all_given().map(|given| given.day.to_string()).collect();
        assert_eq!(days, ["2024-03-02", "2026-08-10", "2026-09-10", "2026-12-24"]);
        let again: Vec<Event> = forward.events().collect();
        assert_eq!(forward, words(&mut again.iter()));
    }
}
