//! The last word about each field of master data, whatever the order in which the words came; those about demand to come
//! are in [`DemandWords`] beside them.
//!
//! A word is of an event: of two about a field the later holds, by (instant, source, event id). What notices of suppliers
//! say about lead times is among them. A removal holds over every earlier word about its record, and over files; a later
//! word makes the record anew. Ten thousand syncs of the same table take as much memory as one.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use jiff::Timestamp;
use restock_core::dataset::{Calendar, SegmentRow};
use restock_core::event::SupplyOrigin;
use restock_core::master::{MasterChange, MasterKey, MasterRecord, REMOVED};
use restock_core::{Event, EventKind};
use rust_decimal::Decimal;

use crate::demand_words::DemandWords;
use crate::incoming::Refusal;
use crate::wire;

/// The field of a lane that notices of lead times are about.
pub(crate) const LEAD_TIME: &str = "lead_time_days";

/// Which event said something. Later events are greater.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Said {
    pub(crate) at: Timestamp,
    pub(crate) source: String,
    pub(crate) event_id: String,
}

impl Said {
    pub(crate) fn by(event: &Event) -> Self {
        Self { at: event.occurred_at, source: event.source.clone(), event_id: event.event_id.clone() }
    }
}

/// What is said about one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) said: Arc<Said>,
    /// Its canonical text; `None` clears it.
    pub(crate) text: Option<String>,
}

/// What is said about one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Words {
    /// The last event about it.
    last: Arc<Said>,
    /// The last event that removed it; no word is earlier.
    removed: Option<Arc<Said>>,
    pub(crate) fields: BTreeMap<String, Word>,
}

impl Words {
    /// Whether what files say about it holds no more.
    pub(crate) fn is_made_anew(&self) -> bool {
        self.removed.is_some()
    }

    /// Whether it was removed and nothing was said since.
    pub(crate) fn is_removed(&self) -> bool {
        self.removed.as_ref() == Some(&self.last)
    }
}

/// Whom a notice of lead times is about: the origin, the item and the receiving location.
type Noticed = (SupplyOrigin, Option<String>, Option<String>);

/// The last words about all records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MasterWords {
    records: BTreeMap<MasterKey, Words>,
    notices: BTreeMap<Noticed, (Said, Decimal)>,
    demand: DemandWords,
}

impl MasterWords {
    /// Takes in an event, in any order, once or again. Returns whether it is about master data or demand to come.
    pub fn add(&mut self, event: &Event) -> bool {
        match &event.kind {
            EventKind::MasterChange(change) => self.add_change(Said::by(event), change),
            EventKind::LeadTimeNotice { origin, item_id, location_id, lead_time_days } => {
                let said = Said::by(event);
                let whom = (origin.clone(), item_id.clone(), location_id.clone());
                match self.notices.entry(whom) {
                    Entry::Vacant(entry) => drop(entry.insert((said, *lead_time_days))),
                    Entry::Occupied(mut entry) if entry.get().0 < said => drop(entry.insert((said, *lead_time_days))),
                    Entry::Occupied(_) => {}
                }
            }
            _ => return self.demand.add(event),
        }
        true
    }

    /// What is said about demand to come.
    pub fn demand(&self) -> &DemandWords {
        &self.demand
    }

    fn add_change(&mut self, said: Said, MasterChange { record, fields }: &MasterChange) {
        let said = Arc::new(said);
        let words = match self.records.entry(record.clone()) {
            Entry::Vacant(entry) => entry.insert(Words { last: said.clone(), removed: None, fields: BTreeMap::new() }),
            Entry::Occupied(entry) => entry.into_mut(),
        };
        words.last = said.clone().max(words.last.clone());
        let can_be_removed = record.table().can_be_removed();
        if can_be_removed && fields.get(REMOVED).is_some_and(Option::is_some) {
            words.removed = words.removed.take().max(Some(said));
            let removed = words.removed.as_ref();
            words.fields.retain(|_, word| Some(&word.said) > removed);
            return;
        }
        if words.removed.as_ref().is_some_and(|removed| said < *removed) {
            return;
        }
        for (name, text) in fields.iter().filter(|(name, _)| !can_be_removed || *name != REMOVED) {
            let word = || Word { said: said.clone(), text: text.clone() };
            match words.fields.entry(name.clone()) {
                Entry::Vacant(entry) => drop(entry.insert(word())),
                Entry::Occupied(mut entry) if entry.get().said < said => drop(entry.insert(word())),
                Entry::Occupied(_) => {}
            }
        }
    }

    /// Whether nothing is said about any record.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Whether anything is said about a record that was not removed.
    pub fn has(&self, record: &MasterKey) -> bool {
        self.records.get(record).is_some_and(|words| !words.is_removed())
    }

    /// Whether what files say about a record holds no more, because it was removed.
    pub fn is_made_anew(&self, record: &MasterKey) -> bool {
        self.records.get(record).is_some_and(Words::is_made_anew)
    }

    /// When anything was said about a record last.
    pub fn last_at(&self, record: &MasterKey) -> Option<Timestamp> {
        self.records.get(record).map(|words| words.last.at)
    }

    /// The records that something is said about from `first` on, removed ones too, ascending.
    pub fn records_from<'a>(&'a self, first: &MasterKey) -> impl Iterator<Item = &'a MasterKey> + use<'a> {
        self.records.range((Bound::Included(first), Bound::Unbounded)).map(|(record, _)| record)
    }

    /// What is said about every record, ascending.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&MasterKey, &Words)> {
        self.records.iter()
    }

    /// Says over calendars of files, by id.
    pub fn say_calendars(&self, calendars: &mut BTreeMap<String, Calendar>) {
        for key in self.records_from(&MasterKey::Calendar(String::new())) {
            let MasterKey::Calendar(id) = key else { break };
            let mut record = MasterRecord::Calendar(calendars.remove(id).unwrap_or_default());
            self.overlay(key, &mut record);
            if let MasterRecord::Calendar(calendar) = record
                && self.has(key)
            {
                calendars.insert(id.clone(), calendar);
            }
        }
    }

    /// Says over segments of the settings: those of files in their order, and then the others by their filters; of all
    /// these lower priorities come first.
    pub fn say_segments(&self, segments: &mut Vec<SegmentRow>) {
        segments.retain(|row| !self.is_made_anew(&MasterKey::Segment(row.filter.clone())));
        let of_files: BTreeSet<String> = segments.iter().map(|row| row.filter.clone()).collect();
        let said = self.records_from(&MasterKey::Segment(String::new())).filter(|key| self.has(key));
        segments.extend(said.filter_map(|key| match key {
            MasterKey::Segment(filter) if !of_files.contains(filter) => Some(SegmentRow::new(filter)),
            _ => None,
        }));
        for row in segments.iter_mut() {
            let mut record = MasterRecord::Segment(row.clone());
            self.overlay(&MasterKey::Segment(row.filter.clone()), &mut record);
            if let MasterRecord::Segment(said) = record {
                *row = said;
            }
        }
        segments.sort_by_key(|row| row.priority);
    }

    /// Lays what is said about a record over what else is known of it, where that still holds; of a lane its lead time by
    /// notices too.
    pub fn overlay(&self, key: &MasterKey, record: &mut MasterRecord) {
        if self.is_made_anew(key) {
            *record = MasterRecord::blank(key);
        }
        let words = self.records.get(key).map(|words| &words.fields);
        for (name, word) in words.into_iter().flatten() {
            // What an event of a newer version says and this one does not know stays unsaid.
            let _ = record.set(name, word.text.as_deref());
        }
        let MasterKey::Source(lane) = key else { return };
        let own = words.and_then(|words| words.get(LEAD_TIME)).map(|word| &*word.said);
        let to = lane.to_location.as_ref();
        // A notice about an item or a location is about the lanes of exactly these.
        let noticed = |item: Option<&String>, to: Option<&String>| {
            self.notices.get(&(lane.origin.clone(), item.cloned(), to.cloned()))
        };
        let item = lane.item_id.as_ref();
        let about = [noticed(None, None), noticed(item, None), noticed(None, to), noticed(item, to)];
        let last = about.into_iter().flatten().max_by_key(|(said, _)| said);
        if let Some((said, days)) = last
            && own.is_none_or(|own| own < said)
        {
            let _ = record.set(LEAD_TIME, Some(&days.normalize().to_string()));
        }
    }

    /// Events that say the same as all that were taken in, as few as that takes; those of notices are not among them.
    pub fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        for (record, words) in &self.records {
            let mut by_event: BTreeMap<&Said, BTreeMap<String, Option<String>>> = BTreeMap::new();
            for (name, word) in &words.fields {
                by_event.entry(&word.said).or_default().insert(name.clone(), word.text.clone());
            }
            by_event.entry(&words.last).or_default();
            if let Some(removed) = &words.removed {
                by_event.entry(removed).or_default().insert(REMOVED.to_owned(), Some("true".to_owned()));
            }
            events.extend(by_event.into_iter().map(|(said, fields)| {
                let change = MasterChange { record: record.clone(), fields };
                event_of(said, EventKind::MasterChange(Box::new(change)))
            }));
        }
        events.extend(self.demand.events());
        events
    }

    /// All of it as lines of JSON, for snapshots.
    pub fn to_ndjson(&self) -> String {
        let notices = self.notices.iter().map(|((origin, item_id, location_id), (said, lead_time_days))| {
            let (item_id, location_id) = (item_id.clone(), location_id.clone());
            let (origin, lead_time_days) = (origin.clone(), *lead_time_days);
            event_of(said, EventKind::LeadTimeNotice { origin, item_id, location_id, lead_time_days })
        });
        self.events().into_iter().chain(notices).map(|event| wire::write(&event) + "\n").collect()
    }

    /// Reads back what [`MasterWords::to_ndjson`] gave.
    ///
    /// # Errors
    /// A [`Refusal`] when a line is something else.
    pub fn from_ndjson(text: &str) -> Result<Self, Refusal> {
        let mut words = Self::default();
        for line in text.lines() {
            words.add(&wire::read_stored(line)?);
        }
        Ok(words)
    }
}

pub(crate) fn event_of(said: &Said, kind: EventKind) -> Event {
    let Said { at, source, event_id } = said.clone();
    Event { event_id, source, occurred_at: at, kind, attributes: BTreeMap::new() }
}
