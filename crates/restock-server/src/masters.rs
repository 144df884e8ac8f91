//! Master data as files and events say it together, and what rows of a request change of it.
//!
//! What is said is compared with the files of the planner and with every event that is committed, so that a nightly sync of
//! a whole table writes what differs and nothing else, and no change is lost between a request and the next plan.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};
use restock_core::dataset::{Item, ItemLocationRow, LaneName, Location, Origin, SourceRow, Supplier, UomRow};
use restock_core::event::SupplyOrigin;
use restock_core::master::{FieldError, Lane, MasterChange, MasterKey, MasterRecord, MasterTable, REMOVED};
use restock_core::{Dataset, Event, EventKind, ItemIdx, ItemLocation, LocationIdx, SupplierIdx};
use restock_ledger::{Incoming, MasterWords, Refusal, RefusalCode, check_record};

use crate::authentication::Caller;
use crate::routes::named::Named;

/// A table of entities that are known by one id.
pub(crate) trait Entity: Clone {
    fn all(tables: &Dataset) -> &[Self];
    fn id(&self) -> &str;
    fn name(&self) -> &str;
    fn key(id: &str) -> MasterKey;
    /// The id of a key of this table.
    fn id_of(key: &MasterKey) -> Option<&str>;
    fn into_record(self) -> MasterRecord;
    fn from_record(record: MasterRecord) -> Option<Self>;

    fn find<'a>(tables: &'a Dataset, id: &str) -> Option<&'a Self> {
        let all = Self::all(tables);
        Some(&all[all.binary_search_by(|one| one.id().cmp(id)).ok()?])
    }

    /// This one with what is said about it.
    fn with(self, words: &MasterWords) -> Self {
        let key = Self::key(self.id());
        if !words.has(&key) {
            return self;
        }
        let mut record = self.into_record();
        words.overlay(&key, &mut record);
        Self::from_record(record).expect("it is of the same table")
    }

    /// Those of a table from an id on, ascending, with what is said about them and about others.
    fn known_from<'a>(table: &'a [Self], words: &'a MasterWords, first: &str) -> impl Iterator<Item = Cow<'a, Self>> {
        let mut of_files = table[table.partition_point(|one| one.id() < first)..].iter().peekable();
        let mut said = words.records_from(&Self::key(first)).map_while(Self::id_of).peekable();
        std::iter::from_fn(move || {
            let of_file = of_files.peek().map(|one| one.id());
            if let Some(id) = said.next_if(|id| of_file.is_none_or(|of_file| *id < of_file)) {
                let blank = Self::from_record(MasterRecord::blank(&Self::key(id))).expect("it is of the same table");
                return Some(Cow::Owned(blank.with(words)));
            }
            let one = of_files.next()?;
            Some(match said.next_if(|id| *id == one.id()) {
                Some(_) => Cow::Owned(one.clone().with(words)),
                None => Cow::Borrowed(one),
            })
        })
    }
}

macro_rules! entity {
    ($type:ident, $table:ident, $id:ident) => {
        impl Entity for $type {
            fn all(tables: &Dataset) -> &[Self] {
                &tables.$table
            }

            fn id(&self) -> &str {
                &self.$id
            }

            fn name(&self) -> &str {
                &self.name
            }

            fn key(id: &str) -> MasterKey {
                MasterKey::$type(id.to_owned())
            }

            fn id_of(key: &MasterKey) -> Option<&str> {
                if let MasterKey::$type(id) = key { Some(id) } else { None }
            }

            fn into_record(self) -> MasterRecord {
                MasterRecord::$type(self)
            }

            fn from_record(record: MasterRecord) -> Option<Self> {
                if let MasterRecord::$type(one) = record { Some(one) } else { None }
            }
        }
    };
}

entity!(Item, items, item_id);
entity!(Location, locations, location_id);
entity!(Supplier, suppliers, supplier_id);

fn idx_of<T: Entity>(tables: &Dataset, id: &str) -> Option<u32> {
    T::all(tables).binary_search_by(|one| one.id().cmp(id)).ok().map(|idx| idx as u32)
}

/// What names the lane of a row of `tables`.
pub(crate) fn lane_of(tables: &Dataset, row: &SourceRow) -> Lane {
    let location = |idx: LocationIdx| tables.locations[idx.0 as usize].location_id.clone();
    Lane {
        to_location: row.to_location.map(location),
        origin: match row.origin {
            Origin::Supplier(idx) => SupplyOrigin::Supplier(tables.suppliers[idx.0 as usize].supplier_id.clone()),
            Origin::Location(idx) => SupplyOrigin::Location(location(idx)),
        },
        item_id: row.item.map(|idx| tables.items[idx.0 as usize].item_id.clone()),
        category: row.category.clone(),
        effective_from: row.effective_from,
    }
}

/// Files and all that is said about them.
pub(crate) struct Masters<'a> {
    files: &'a Dataset,
    words: &'a MasterWords,
    /// Rows of item-locations, lanes and units by what names them, where many are asked for.
    settings: Option<HashMap<(ItemIdx, LocationIdx), usize>>,
    lanes: Option<HashMap<LaneName, usize>>,
    units: Option<HashMap<(ItemIdx, &'a str), usize>>,
}

/// Rows of a table that are looked for one by one; for more, an index is made first.
const FEW: usize = 4;

impl<'a> Masters<'a> {
    /// To look for `n` records of a table.
    pub(crate) fn new(files: &'a Dataset, words: &'a MasterWords, table: MasterTable, n: usize) -> Self {
        let index = |of| n > FEW && table == of;
        let settings = index(MasterTable::ItemLocations).then(|| {
            let rows = files.item_locations.iter().enumerate();
            rows.map(|(idx, row)| ((row.item, row.location), idx)).collect()
        });
        let lanes = index(MasterTable::Sources)
            .then(|| files.sources.iter().enumerate().map(|(idx, row)| (row.name(), idx)).collect());
        let units = index(MasterTable::Uoms)
            .then(|| files.uoms.iter().enumerate().map(|(idx, row)| ((row.item, &*row.uom), idx)).collect());
        Self { files, words, settings, lanes, units }
    }

    /// A record as it is known, and whether it is known at all. Of rows of files with the same name the last counts, and of
    /// segments the first.
    pub(crate) fn record(&self, key: &MasterKey) -> (MasterRecord, bool) {
        let of_files = self.of_files(key).filter(|_| !self.words.is_made_anew(key));
        let is_known = of_files.is_some() || self.words.has(key);
        let mut record = of_files.unwrap_or_else(|| MasterRecord::blank(key));
        self.words.overlay(key, &mut record);
        (record, is_known)
    }

    /// Whether files have the record.
    pub(crate) fn is_in_files(&self, key: &MasterKey) -> bool {
        self.of_files(key).is_some()
    }

    fn of_files(&self, key: &MasterKey) -> Option<MasterRecord> {
        let files = self.files;
        match key {
            MasterKey::Item(id) => Item::find(files, id).cloned().map(MasterRecord::Item),
            MasterKey::Location(id) => Location::find(files, id).cloned().map(MasterRecord::Location),
            MasterKey::Supplier(id) => Supplier::find(files, id).cloned().map(MasterRecord::Supplier),
            MasterKey::ItemLocation(place) => self.settings_of(place).cloned().map(MasterRecord::ItemLocation),
            MasterKey::Source(lane) => self.row_of(lane).cloned().map(MasterRecord::Source),
            MasterKey::Calendar(id) => files.calendars.get(id).cloned().map(MasterRecord::Calendar),
            MasterKey::Uom { item_id, uom } => self.unit_of(item_id, uom).cloned().map(MasterRecord::Uom),
            MasterKey::Segment(filter) => {
                files.segments.iter().find(|row| row.filter == *filter).cloned().map(MasterRecord::Segment)
            }
        }
    }

    fn unit_of(&self, item_id: &str, uom: &str) -> Option<&UomRow> {
        let item = ItemIdx(idx_of::<Item>(self.files, item_id)?);
        match &self.units {
            Some(rows) => rows.get(&(item, uom)).map(|row| &self.files.uoms[*row]),
            None => self.files.uoms.iter().rfind(|row| row.item == item && row.uom == uom),
        }
    }

    /// Who refers to a calendar: locations by their open days, suppliers by their holidays, lanes by their order days.
    pub(crate) fn users_of_calendar(&self, calendar_id: &str) -> BTreeSet<String> {
        let (files, words) = (self.files, self.words);
        let is_it = |id: &Option<String>| id.as_deref() == Some(calendar_id);
        let locations = Location::known_from(&files.locations, words, "").filter(|one| is_it(&one.calendar));
        let locations = locations.map(|one| Location::key(&one.location_id));
        let suppliers = Supplier::known_from(&files.suppliers, words, "").filter(|one| is_it(&one.holidays_calendar));
        let suppliers = suppliers.map(|one| Supplier::key(&one.supplier_id));
        let of_files = files.sources.iter().filter(|row| is_it(&row.review_calendar)).map(|row| lane_of(files, row));
        let said = words.records_from(&MasterKey::Source(Lane::first())).filter_map(|key| match key {
            MasterKey::Source(lane) => Some(lane.clone()),
            _ => None,
        });
        let lanes = of_files
            .chain(said)
            .map(MasterKey::Source)
            .filter(|key| matches!(self.record(key).0, MasterRecord::Source(row) if is_it(&row.review_calendar)));
        locations.chain(suppliers).chain(lanes).map(|key| key.subject()).collect()
    }

    fn settings_of(&self, place: &ItemLocation) -> Option<&ItemLocationRow> {
        let item = ItemIdx(idx_of::<Item>(self.files, &place.item_id)?);
        let location = LocationIdx(idx_of::<Location>(self.files, &place.location_id)?);
        match &self.settings {
            Some(rows) => rows.get(&(item, location)).map(|row| &self.files.item_locations[*row]),
            None => self.files.item_locations.iter().rfind(|row| (row.item, row.location) == (item, location)),
        }
    }

    fn row_of(&self, lane: &Lane) -> Option<&SourceRow> {
        let location = |id: &String| idx_of::<Location>(self.files, id).map(LocationIdx);
        let to_location = match &lane.to_location {
            Some(id) => Some(location(id)?),
            None => None,
        };
        let origin = match &lane.origin {
            SupplyOrigin::Supplier(id) => Origin::Supplier(SupplierIdx(idx_of::<Supplier>(self.files, id)?)),
            SupplyOrigin::Location(id) => Origin::Location(location(id)?),
        };
        let item = match &lane.item_id {
            Some(id) => Some(ItemIdx(idx_of::<Item>(self.files, id)?)),
            None => None,
        };
        let key = (to_location, origin, item, lane.category.clone(), lane.effective_from);
        match &self.lanes {
            Some(rows) => rows.get(&key).map(|row| &self.files.sources[*row]),
            None => self.files.sources.iter().rfind(|row| row.name() == key),
        }
    }
}

/// What a field said, and what it says now.
#[derive(Clone, Debug)]
pub(crate) struct FieldChange {
    pub(crate) before: Option<String>,
    pub(crate) now: Option<String>,
}

/// What a row of a request comes to.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    pub(crate) key: MasterKey,
    /// The record with what the row says.
    pub(crate) record: MasterRecord,
    /// Fields that say something else than before.
    pub(crate) changed: BTreeMap<String, FieldChange>,
    /// Nobody knew the record.
    pub(crate) is_new: bool,
}

impl Judged {
    /// Whether there is anything to write.
    pub(crate) fn is_change(&self) -> bool {
        self.is_new || !self.changed.is_empty()
    }
}

/// Judges the rows of one request.
pub(crate) struct Judge<'a> {
    masters: Masters<'a>,
    caller: &'a Caller,
    /// Of what lanes name: what nobody knows.
    unknown: Named,
    /// Records as earlier rows of the request leave them.
    earlier: HashMap<MasterKey, MasterRecord>,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(masters: Masters<'a>, caller: &'a Caller, unknown: Named) -> Self {
        Self { masters, caller, unknown, earlier: HashMap::new() }
    }

    /// What a row changes. Where it `is_whole`, fields that it does not name are cleared.
    pub(crate) fn judge(&mut self, row: MasterChange, is_whole: bool) -> Result<Judged, Refusal> {
        let MasterChange { record: key, mut fields } = row;
        if !self.caller.covers(key.location_id()) {
            let field = if key.table() == MasterTable::Sources { "to_location" } else { "location_id" };
            return Err(not_covered(self.caller, field, key.location_id()));
        }
        check_record(&key)?;
        if key.table().can_be_removed() && fields.contains_key(REMOVED) {
            let record = self.masters.record(&key).0;
            let removal = FieldChange { before: None, now: Some("true".to_owned()) };
            return Ok(Judged { key, record, changed: [(REMOVED.to_owned(), removal)].into(), is_new: false });
        }
        let (before, is_known) = match self.earlier.get(&key) {
            Some(record) => (record.clone(), true),
            None => self.masters.record(&key),
        };
        if let (MasterKey::Source(lane), false) = (&key, is_known)
            && let Some(refusal) = self.unknown.refusal_of(lane)
        {
            return Err(refusal);
        }
        if is_whole {
            for name in before.clone().fields().into_keys() {
                fields.entry(name).or_default();
            }
        }
        let (mut old, mut record) = (before.clone(), before);
        let mut changed = BTreeMap::new();
        for (name, text) in fields {
            let was = old.get(&name);
            if was == text {
                continue;
            }
            // What is said about a field was checked when it was read.
            record.set(&name, text.as_deref()).map_err(|error| of_field(&name, text.as_deref(), error))?;
            changed.insert(name, FieldChange { before: was, now: text });
        }
        let max_fields = key.table().max_fields();
        if changed.len() > max_fields {
            let (got, expected) = (format!("{} fields", changed.len()), format!("at most {max_fields} fields"));
            return Err(refusal("", &got, expected, "say them in several requests, each a part of them"));
        }
        if (!changed.is_empty() || !is_known)
            && let Some((field, error)) = record.contradiction()
        {
            return Err(of_field(field, record.get(field).as_deref(), error));
        }
        self.earlier.insert(key.clone(), record.clone());
        Ok(Judged { key, record, changed, is_new: !is_known })
    }
}

fn of_field(field: &str, got: Option<&str>, FieldError { expected, fix }: FieldError) -> Refusal {
    refusal(field, &got.map_or("nothing".to_owned(), |got| format!("{got:?}")), expected, fix)
}

/// Refuses what is about a location that is not the caller's.
pub(crate) fn not_covered(caller: &Caller, field: &str, location_id: Option<&str>) -> Refusal {
    let own = caller.locations.as_deref().unwrap_or_default().join(" or ");
    let got = location_id.map_or("every location".to_owned(), |id| format!("{id:?}"));
    refusal(field, &got, own, "use a token or user of that location")
}

/// When something is said after what was said about the same before: what is said last holds, also where clocks differ or
/// stand still.
pub(crate) fn said_after(last: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let after = last.and_then(|last| last.checked_add(SignedDuration::from_micros(1)).ok());
    after.map_or(now, |after| after.max(now))
}

/// What is wrong with a field, and the way out.
pub(crate) fn refusal(field: &str, got: &str, expected: String, fix: &str) -> Refusal {
    let got = got.chars().take(Refusal::MAX_GOT_CHARS).collect();
    Refusal { code: RefusalCode::Malformed, field: field.to_owned(), got, expected, fix: fix.to_owned() }
}

/// Events that say what rows change, in the order of the rows; `request` is a name that no other request has.
pub(crate) fn events<'a>(
    changes: impl Iterator<Item = &'a Judged>,
    words: &MasterWords,
    source: &str,
    request: &str,
    now: Timestamp,
) -> Vec<Incoming> {
    let event = |(idx, change): (usize, &Judged)| {
        let fields = change.changed.iter().map(|(name, field)| (name.clone(), field.now.clone())).collect();
        let said = MasterChange { record: change.key.clone(), fields };
        Incoming::from_event(Event {
            event_id: format!("{request}-{idx:05}"),
            source: source.to_owned(),
            occurred_at: said_after(words.last_at(&change.key), now),
            kind: EventKind::MasterChange(Box::new(said)),
            attributes: BTreeMap::new(),
        })
    };
    changes.enumerate().map(event).collect()
}
