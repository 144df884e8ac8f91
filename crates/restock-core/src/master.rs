//! Master data as systems and people say it: a record, and its fields as texts.
//!
//! Here is the one definition of which fields a record has, what each may say and how it is written. Files have readers of
//! their own, which know more ways of writing; the tables that both fill are the same.
//!
//! # Rules
//! - A field that is cleared is as a file without it has it. A blank text clears.
//! - Items, locations and suppliers keep fields that nobody knows as attributes; the other tables refuse them. A day such as
//!   `2026-12-25` is a field of a calendar: `true` where it counts, `false` where it does not.
//! - A calendar, a unit or a segment can be removed ([`REMOVED`]): what was said before about it, in files too, holds no
//!   more, and what is said later makes it anew.
//! - Every value has one text ([`canonical`]): decimals without zeros at the end, dates as `2026-03-02`, `true` or `false`.

mod slot;
mod terms;

use std::collections::BTreeMap;

use crate::dataset::{
    Calendar, Item, ItemIdx, ItemLocationRow, Location, LocationIdx, Origin, RowRef, SegmentRow, SourceRow, Supplier,
    SupplierIdx, UomRow,
};
use crate::event::{ItemLocation, SupplyOrigin};
use crate::quantity::Quantity;
use crate::time::Day;

pub use slot::Slot;

/// The longest lead time, and the most days of safety, days.
const MAX_DAYS: f64 = 3_650.0;
/// The largest volume, weight or number of days that has no bound of its own.
const MAX_NUMBER: f64 = 1e9;

/// The field by which a record is removed, alone and `true`; of tables that [can be removed](MasterTable::can_be_removed)
/// from.
pub const REMOVED: &str = "removed";

/// What somebody says about a record of master data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MasterChange {
    /// The record; it is made where nobody knew it.
    pub record: MasterKey,
    /// Fields by name, with their [`canonical`] texts; `None` clears a field.
    pub fields: BTreeMap<String, Option<String>>,
}

/// A record of master data, by the ids that name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MasterKey {
    /// An item.
    Item(String),
    /// A location.
    Location(String),
    /// A supplier.
    Supplier(String),
    /// The settings of an item-location.
    ItemLocation(ItemLocation),
    /// A supply lane.
    Source(Lane),
    /// A calendar.
    Calendar(String),
    /// A unit of measure of an item.
    Uom {
        /// The item.
        item_id: String,
        /// The unit, such as `case12`.
        uom: String,
    },
    /// A segment, by its filter.
    Segment(String),
}

/// A supply lane by what names it. Two lanes may differ in their first day alone, so that new terms can be said ahead.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane {
    /// The receiving location; `None` means every location.
    pub to_location: Option<String>,
    /// Where goods come from.
    pub origin: SupplyOrigin,
    /// The item; `None` means every item, of `category` where that is given.
    pub item_id: Option<String>,
    /// The category path prefix that it serves; never beside an item.
    pub category: Option<String>,
    /// The first day on which it may be used; `None` means that it always might.
    pub effective_from: Option<Day>,
}

impl Lane {
    /// A lane that sorts before every other one.
    pub fn first() -> Self {
        let origin = SupplyOrigin::Supplier(String::new());
        Self { to_location: None, origin, item_id: None, category: None, effective_from: None }
    }
}

/// A table of master data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MasterTable {
    /// Items.
    Items,
    /// Locations.
    Locations,
    /// Suppliers.
    Suppliers,
    /// Settings of item-locations.
    ItemLocations,
    /// Supply lanes.
    Sources,
    /// Calendars.
    Calendars,
    /// Units of measure.
    Uoms,
    /// Segments of the settings.
    Segments,
}

impl MasterTable {
    /// All tables.
    pub const ALL: [MasterTable; 8] = [
        Self::Items,
        Self::Locations,
        Self::Suppliers,
        Self::ItemLocations,
        Self::Sources,
        Self::Calendars,
        Self::Uoms,
        Self::Segments,
    ];

    /// What a record of it is called: `item`, `item_location`, ...
    pub fn record_name(self) -> &'static str {
        match self {
            Self::Items => "item",
            Self::Locations => "location",
            Self::Suppliers => "supplier",
            Self::ItemLocations => "item_location",
            Self::Sources => "source",
            Self::Calendars => "calendar",
            Self::Uoms => "uom",
            Self::Segments => "segment",
        }
    }

    /// The fields that name a record.
    pub fn key_fields(self) -> &'static [&'static str] {
        match self {
            Self::Items => &["item_id"],
            Self::Locations => &["location_id"],
            Self::Suppliers => &["supplier_id"],
            Self::ItemLocations => &["item_id", "location_id"],
            Self::Sources => &["to_location", "supplier_id", "from_location", "item_id", "category", "effective_from"],
            Self::Calendars => &["calendar_id"],
            Self::Uoms => &["item_id", "uom"],
            Self::Segments => &["where"],
        }
    }

    /// The fields that it knows, beside those that name a record, attributes and days.
    pub fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Items => Item::FIELDS,
            Self::Locations => Location::FIELDS,
            Self::Suppliers => Supplier::FIELDS,
            Self::ItemLocations => ItemLocationRow::FIELDS,
            Self::Sources => SourceRow::FIELDS,
            Self::Calendars => Calendar::FIELDS,
            Self::Uoms => UomRow::FIELDS,
            Self::Segments => SegmentRow::FIELDS,
        }
    }

    /// Whether fields that it does not know are kept as attributes.
    pub fn has_attributes(self) -> bool {
        matches!(self, Self::Items | Self::Locations | Self::Suppliers)
    }

    /// Whether a record may have a field of this name.
    pub fn may_have(self, name: &str) -> bool {
        let is_day = self == Self::Calendars && terms::day_of(name).is_some();
        self.has_attributes() || is_day || self.fields().contains(&name) || self.can_be_removed() && name == REMOVED
    }

    /// The object in which rows may have fields that stand beside the known ones.
    pub fn object(self) -> Option<&'static str> {
        match self {
            Self::Items | Self::Locations | Self::Suppliers => Some("attributes"),
            Self::Calendars => Some("exceptions"),
            Self::ItemLocations | Self::Sources | Self::Uoms | Self::Segments => None,
        }
    }

    /// Whether a record can be removed; others end on a day.
    pub fn can_be_removed(self) -> bool {
        matches!(self, Self::Calendars | Self::Uoms | Self::Segments)
    }

    /// The most fields that one change says.
    pub fn max_fields(self) -> usize {
        if self == Self::Calendars { 1_000 } else { 64 }
    }
}

impl MasterKey {
    /// The table that the record is in.
    pub fn table(&self) -> MasterTable {
        match self {
            Self::Item(_) => MasterTable::Items,
            Self::Location(_) => MasterTable::Locations,
            Self::Supplier(_) => MasterTable::Suppliers,
            Self::ItemLocation(_) => MasterTable::ItemLocations,
            Self::Source(_) => MasterTable::Sources,
            Self::Calendar(_) => MasterTable::Calendars,
            Self::Uom { .. } => MasterTable::Uoms,
            Self::Segment(_) => MasterTable::Segments,
        }
    }

    /// The one item that it is about.
    pub fn item_id(&self) -> Option<&str> {
        match self {
            Self::Item(item_id) => Some(item_id),
            Self::ItemLocation(place) => Some(&place.item_id),
            Self::Source(lane) => lane.item_id.as_deref(),
            Self::Uom { item_id, .. } => Some(item_id),
            Self::Location(_) | Self::Supplier(_) | Self::Calendar(_) | Self::Segment(_) => None,
        }
    }

    /// The one location that it is about; of a supply lane the receiving one.
    pub fn location_id(&self) -> Option<&str> {
        match self {
            Self::Location(location_id) => Some(location_id),
            Self::ItemLocation(place) => Some(&place.location_id),
            Self::Source(lane) => lane.to_location.as_deref(),
            Self::Item(_) | Self::Supplier(_) | Self::Calendar(_) | Self::Uom { .. } | Self::Segment(_) => None,
        }
    }

    /// Short text for audit trails: `item/MILK`, `item_location/MILK@S01`.
    pub fn subject(&self) -> String {
        let name = self.table().record_name();
        match self {
            Self::Item(id) | Self::Location(id) | Self::Supplier(id) | Self::Calendar(id) | Self::Segment(id) => {
                format!("{name}/{id}")
            }
            Self::Uom { item_id, uom } => format!("{name}/{item_id}:{uom}"),
            Self::ItemLocation(place) => format!("{name}/{}@{}", place.item_id, place.location_id),
            Self::Source(lane) => {
                let (SupplyOrigin::Supplier(from) | SupplyOrigin::Location(from)) = &lane.origin;
                let what = lane.item_id.as_ref().or(lane.category.as_ref()).map_or("*", String::as_str);
                format!("{name}/{what}@{}<{from}", lane.to_location.as_deref().unwrap_or("*"))
            }
        }
    }
}

/// Why a field cannot say something: what is allowed, and the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// What is allowed.
    pub expected: String,
    /// The way out.
    pub fix: &'static str,
}

impl FieldError {
    pub(crate) fn new(expected: impl Into<String>, fix: &'static str) -> Self {
        Self { expected: expected.into(), fix }
    }
}

/// A record whose fields can be read and set by name.
pub trait Master {
    /// The fields that it knows, beside those that name it.
    const FIELDS: &'static [&'static str];

    /// Where it keeps the field `name` of [`Master::FIELDS`].
    fn slot(&mut self, name: &str) -> Option<Slot<'_>>;

    /// Its other fields; `None` where it keeps none.
    fn attributes(&mut self) -> Option<&mut BTreeMap<String, String>> {
        None
    }

    /// Sets a field, or clears it.
    ///
    /// # Errors
    /// [`FieldError`] when it may not say this, or there is no such field; the record is as before then.
    fn set(&mut self, name: &str, text: Option<&str>) -> Result<(), FieldError> {
        if let Some(slot) = self.slot(name) {
            return slot.set(text);
        }
        let Some(attributes) = self.attributes() else {
            return Err(FieldError::new(format!("one of {}", Self::FIELDS.join(", ")), "leave it out"));
        };
        match text.map(str::trim).filter(|text| !text.is_empty()) {
            Some(text) => drop(attributes.insert(name.to_owned(), text.to_owned())),
            None => drop(attributes.remove(name)),
        }
        Ok(())
    }

    /// The [`canonical`] text of a field; `None` where it says nothing.
    fn get(&mut self, name: &str) -> Option<String> {
        match self.slot(name) {
            Some(slot) => slot.get(),
            None => self.attributes()?.get(name).cloned(),
        }
    }
}

impl Master for Item {
    const FIELDS: &'static [&'static str] = &[
        "name",
        "category",
        "base_uom",
        "unit_cost",
        "price",
        "volume",
        "weight",
        "shelf_life_days",
        "launch_date",
        "end_date",
        "successor_id",
    ];

    fn slot(&mut self, name: &str) -> Option<Slot<'_>> {
        Some(match name {
            "name" => Slot::Text(&mut self.name),
            "category" => Slot::Text(&mut self.category),
            "base_uom" => Slot::Text(&mut self.base_uom),
            "unit_cost" => Slot::Money(&mut self.unit_cost),
            "price" => Slot::Money(&mut self.price),
            "volume" => Slot::Number(&mut self.volume, MAX_NUMBER),
            "weight" => Slot::Number(&mut self.weight, MAX_NUMBER),
            "shelf_life_days" => Slot::WholeDays(&mut self.shelf_life_days),
            "launch_date" => Slot::Day(&mut self.launch),
            "end_date" => Slot::Day(&mut self.end),
            "successor_id" => Slot::MaybeText(&mut self.successor_id),
            _ => return None,
        })
    }

    fn attributes(&mut self) -> Option<&mut BTreeMap<String, String>> {
        Some(&mut self.attributes)
    }
}

impl Master for Location {
    const FIELDS: &'static [&'static str] = &["name", "kind", "parent_id", "calendar"];

    fn slot(&mut self, name: &str) -> Option<Slot<'_>> {
        Some(match name {
            "name" => Slot::Text(&mut self.name),
            "kind" => Slot::Text(&mut self.kind),
            "parent_id" => Slot::MaybeText(&mut self.parent_id),
            "calendar" => Slot::MaybeText(&mut self.calendar),
            _ => return None,
        })
    }

    fn attributes(&mut self) -> Option<&mut BTreeMap<String, String>> {
        Some(&mut self.attributes)
    }
}

impl Master for Supplier {
    const FIELDS: &'static [&'static str] = &[
        "name",
        "min_order_value",
        "min_order_qty",
        "order_days",
        "cut_off",
        "container_volume",
        "container_weight",
        "holidays_calendar",
    ];

    fn slot(&mut self, name: &str) -> Option<Slot<'_>> {
        Some(match name {
            "name" => Slot::Text(&mut self.name),
            "min_order_value" => Slot::Money(&mut self.min_order_value),
            "min_order_qty" => Slot::Quantity(&mut self.min_order_quantity),
            "order_days" => Slot::Weekdays(&mut self.order_days),
            "cut_off" => Slot::MaybeText(&mut self.cut_off),
            "container_volume" => Slot::Number(&mut self.container_volume, MAX_NUMBER),
            "container_weight" => Slot::Number(&mut self.container_weight, MAX_NUMBER),
            "holidays_calendar" => Slot::MaybeText(&mut self.holidays_calendar),
            _ => return None,
        })
    }

    fn attributes(&mut self) -> Option<&mut BTreeMap<String, String>> {
        Some(&mut self.attributes)
    }
}

impl Master for ItemLocationRow {
    const FIELDS: &'static [&'static str] = &[
        "listed_from",
        "listed_to",
        "service_type",
        "service_target",
        "min_stock",
        "max_stock",
        "display_min",
        "shelf_capacity",
        "safety_days",
        "policy",
        "do_not_order",
    ];

    fn slot(&mut self, name: &str) -> Option<Slot<'_>> {
        Some(match name {
            "listed_from" => Slot::Day(&mut self.listed_from),
            "listed_to" => Slot::Day(&mut self.listed_to),
            "service_type" => Slot::Service(&mut self.service_type),
            "service_target" => Slot::Target(&mut self.service_target),
            "min_stock" => Slot::Quantity(&mut self.min_stock),
            "max_stock" => Slot::Quantity(&mut self.max_stock),
            "display_min" => Slot::Quantity(&mut self.display_min),
            "shelf_capacity" => Slot::Quantity(&mut self.shelf_capacity),
            "safety_days" => Slot::Number(&mut self.safety_days, MAX_DAYS),
            "policy" => Slot::Policy(&mut self.policy),
            "do_not_order" => Slot::Flag(&mut self.do_not_order),
            _ => return None,
        })
    }
}

impl Master for SourceRow {
    const FIELDS: &'static [&'static str] = &[
        "lead_time_days",
        "lead_time_sd",
        "unit_cost",
        "moq",
        "pack_size",
        "layer_size",
        "pallet_size",
        "max_qty",
        "priority",
        "share",
        "review_calendar",
        "effective_to",
        "price_breaks",
    ];

    fn slot(&mut self, name: &str) -> Option<Slot<'_>> {
        Some(match name {
            "lead_time_days" => Slot::Number(&mut self.lead_time_days, MAX_DAYS),
            "lead_time_sd" => Slot::Number(&mut self.lead_time_sd_days, MAX_DAYS),
            "unit_cost" => Slot::Money(&mut self.unit_cost),
            "moq" => Slot::OrderSize(&mut self.min_order),
            "pack_size" => Slot::OrderSize(&mut self.pack_size),
            "layer_size" => Slot::OrderSize(&mut self.layer_size),
            "pallet_size" => Slot::OrderSize(&mut self.pallet_size),
            "max_qty" => Slot::OrderSize(&mut self.max_order),
            "priority" => Slot::Rank(&mut self.priority),
            "share" => Slot::Share(&mut self.share),
            "review_calendar" => Slot::MaybeText(&mut self.review_calendar),
            "effective_to" => Slot::Day(&mut self.effective_to),
            "price_breaks" => Slot::PriceBreaks(&mut self.price_breaks),
            _ => return None,
        })
    }
}

/// A record of any table.
#[derive(Clone, Debug, PartialEq)]
pub enum MasterRecord {
    /// An item.
    Item(Item),
    /// A location.
    Location(Location),
    /// A supplier.
    Supplier(Supplier),
    /// Settings of an item-location; its indices mean nothing.
    ItemLocation(ItemLocationRow),
    /// A supply lane; its indices mean nothing.
    Source(SourceRow),
    /// A calendar.
    Calendar(Calendar),
    /// A unit of measure; its index means nothing, and its factor is 0 where nothing is said about it.
    Uom(UomRow),
    /// A segment.
    Segment(SegmentRow),
}

impl MasterRecord {
    /// The record of a key about which nothing is said.
    pub fn blank(key: &MasterKey) -> Self {
        let (item, location) = (ItemIdx(0), LocationIdx(0));
        match key {
            MasterKey::Item(id) => Self::Item(Item { item_id: id.clone(), ..Item::default() }),
            MasterKey::Location(id) => Self::Location(Location { location_id: id.clone(), ..Location::default() }),
            MasterKey::Supplier(id) => Self::Supplier(Supplier { supplier_id: id.clone(), ..Supplier::default() }),
            MasterKey::ItemLocation(_) => Self::ItemLocation(ItemLocationRow::new(item, location)),
            MasterKey::Source(lane) => {
                let origin = match lane.origin {
                    SupplyOrigin::Supplier(_) => Origin::Supplier(SupplierIdx(0)),
                    SupplyOrigin::Location(_) => Origin::Location(location),
                };
                let (category, effective_from) = (lane.category.clone(), lane.effective_from);
                Self::Source(SourceRow { category, effective_from, ..SourceRow::new(origin) })
            }
            MasterKey::Calendar(_) => Self::Calendar(Calendar::default()),
            MasterKey::Uom { uom, .. } => {
                Self::Uom(UomRow { item, uom: uom.clone(), factor: Quantity::ZERO, row: RowRef::default() })
            }
            MasterKey::Segment(filter) => Self::Segment(SegmentRow::new(filter)),
        }
    }

    /// Sets a field, or clears it.
    ///
    /// # Errors
    /// As [`Master::set`].
    pub fn set(&mut self, name: &str, text: Option<&str>) -> Result<(), FieldError> {
        match self {
            Self::Item(record) => record.set(name, text),
            Self::Location(record) => record.set(name, text),
            Self::Supplier(record) => record.set(name, text),
            Self::ItemLocation(record) => record.set(name, text),
            Self::Source(record) => record.set(name, text),
            Self::Calendar(record) => record.set(name, text),
            Self::Uom(record) => record.set(name, text),
            Self::Segment(record) => record.set(name, text),
        }
    }

    /// The [`canonical`] text of a field; `None` where it says nothing.
    pub fn get(&mut self, name: &str) -> Option<String> {
        match self {
            Self::Item(record) => record.get(name),
            Self::Location(record) => record.get(name),
            Self::Supplier(record) => record.get(name),
            Self::ItemLocation(record) => record.get(name),
            Self::Source(record) => record.get(name),
            Self::Calendar(record) => record.get(name),
            Self::Uom(record) => record.get(name),
            Self::Segment(record) => record.get(name),
        }
    }

    /// Every field that says something, with its [`canonical`] text.
    pub fn fields(&mut self) -> BTreeMap<String, String> {
        let (table, others) = match self {
            Self::Item(item) => (MasterTable::Items, item.attributes.clone()),
            Self::Location(location) => (MasterTable::Locations, location.attributes.clone()),
            Self::Supplier(supplier) => (MasterTable::Suppliers, supplier.attributes.clone()),
            Self::ItemLocation(_) => (MasterTable::ItemLocations, BTreeMap::new()),
            Self::Source(_) => (MasterTable::Sources, BTreeMap::new()),
            Self::Calendar(calendar) => {
                let days = calendar.exceptions.iter();
                let days = days.map(|(day, is_open)| (day.to_string(), terms::open_text(*is_open)));
                (MasterTable::Calendars, days.collect())
            }
            Self::Uom(_) => (MasterTable::Uoms, BTreeMap::new()),
            Self::Segment(_) => (MasterTable::Segments, BTreeMap::new()),
        };
        let known = table.fields().iter().filter_map(|name| Some(((*name).to_owned(), self.get(name)?)));
        known.chain(others).collect()
    }

    /// The field that another one of the record contradicts, with what it may say: ends before beginnings, most below
    /// least, and a unit without a factor.
    pub fn contradiction(&self) -> Option<(&'static str, FieldError)> {
        let days = |name, from: Option<Day>, to: Option<Day>| {
            let (from, to) = (from?, to?);
            let expected = format!("a day not before {from}");
            (to < from).then(|| (name, FieldError::new(expected, "correct one of the two days")))
        };
        let amounts = |name, least: Option<Quantity>, most: Option<Quantity>| {
            let (least, most) = (least?, most?);
            let expected = format!("a quantity not below the smallest of {least}");
            (most < least).then(|| (name, FieldError::new(expected, "swap or correct the two")))
        };
        match self {
            Self::Item(item) => days("end_date", item.launch, item.end),
            Self::ItemLocation(row) => days("listed_to", row.listed_from, row.listed_to)
                .or_else(|| amounts("max_stock", row.min_stock, row.max_stock)),
            Self::Source(row) => days("effective_to", row.effective_from, row.effective_to)
                .or_else(|| amounts("max_qty", row.min_order, row.max_order)),
            Self::Uom(row) => {
                let error = || FieldError::new("a factor above 0", "say how many base units are in one");
                (row.factor <= Quantity::ZERO).then(|| ("factor", error()))
            }
            Self::Location(_) | Self::Supplier(_) | Self::Calendar(_) | Self::Segment(_) => None,
        }
    }
}

/// The name under which a table knows a field: what `/v1/items` and its like call it, and known attributes in any spelling.
pub fn field_name(table: MasterTable, name: &str) -> &str {
    match (table, name) {
        (MasterTable::Items, "launch") => "launch_date",
        (MasterTable::Items, "end") => "end_date",
        (MasterTable::Suppliers, "min_order_quantity") => "min_order_qty",
        (MasterTable::Sources, "min_order") => "moq",
        (MasterTable::Sources, "max_order") => "max_qty",
        (MasterTable::Sources, "lead_time_sd_days") => "lead_time_sd",
        (MasterTable::Segments, "type") => "service_type",
        (MasterTable::Segments, "target") => "service_target",
        _ if table.has_attributes() => {
            const KNOWN: [&str; 9] = ["abc", "xyz", "ven", "brand", "gtin", "status", "timezone", "gln", "currency"];
            KNOWN.into_iter().find(|known| known.eq_ignore_ascii_case(name)).unwrap_or(name)
        }
        _ => name,
    }
}

/// The one text of what a field of a record says: `None` where it clears the field.
///
/// # Errors
/// [`FieldError`] when the field may not say this, or the table has no such field.
///
/// ```
/// use restock_core::master::{MasterTable, canonical};
///
/// assert_eq!(canonical(MasterTable::Sources, "pack_size", Some("12.0")).unwrap(), Some("12".to_owned()));
/// assert_eq!(canonical(MasterTable::Items, "brand", Some(" ")).unwrap(), None);
/// assert_eq!(canonical(MasterTable::Items, "price", Some("1,20")).unwrap_err().expected, "a plain decimal number such as 12 or 0.75");
/// ```
pub fn canonical(table: MasterTable, name: &str, text: Option<&str>) -> Result<Option<String>, FieldError> {
    let key = match table {
        MasterTable::Items => MasterKey::Item(String::new()),
        MasterTable::Locations => MasterKey::Location(String::new()),
        MasterTable::Suppliers => MasterKey::Supplier(String::new()),
        MasterTable::ItemLocations => MasterKey::ItemLocation(ItemLocation::new("", "")),
        MasterTable::Sources => MasterKey::Source(Lane::first()),
        MasterTable::Calendars => MasterKey::Calendar(String::new()),
        MasterTable::Uoms => MasterKey::Uom { item_id: String::new(), uom: String::new() },
        MasterTable::Segments => MasterKey::Segment(String::new()),
    };
    if table.can_be_removed() && name == REMOVED {
        let mut is_removed = false;
        Slot::Flag(&mut is_removed).set(text)?;
        return Ok(Slot::Flag(&mut is_removed).get());
    }
    let mut record = MasterRecord::blank(&key);
    record.set(name, text)?;
    Ok(record.get(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::{Objective, ServiceType};
    use crate::settings::Segment;

    /// What a field of each kind may say, with its one text, and what it may not.
    #[test]
    fn every_field_has_one_text_and_refuses_the_rest() {
        use MasterTable::{Calendars, ItemLocations, Items, Locations, Segments, Sources, Suppliers, Uoms};
        for (table, name, given, expected) in [
            (Items, "name", " Milk ", Some("Milk")),
            (Items, "price", "1.50", Some("1.5")),
            (Items, "volume", "0.0010", Some("0.001")),
            (Items, "shelf_life_days", "12", Some("12")),
            (Items, "end_date", "2026-03-02", Some("2026-03-02")),
            (Items, "brand", "", None),
            (Locations, "parent_id", "hub", Some("hub")),
            (Suppliers, "order_days", "Fri, mon", Some("mon fri")),
            (Suppliers, "order_days", "daily", None),
            (ItemLocations, "do_not_order", "true", Some("true")),
            (ItemLocations, "do_not_order", "false", None),
            (ItemLocations, "service_type", "fill_rate", Some("fill_rate")),
            (ItemLocations, "min_stock", "0", Some("0")),
            (Sources, "moq", "0", None),
            (Sources, "priority", "-2", Some("-2")),
            (Sources, "price_breaks", "500:0.70;100:0.750", Some("100:0.75; 500:0.7")),
            (Calendars, "weekdays", "Mon,thu", Some("mon thu")),
            (Calendars, "weekdays", "none", Some("none")),
            (Calendars, "2026-12-25", "false", Some("false")),
            (Calendars, "2026-12-27", "true", Some("true")),
            (Calendars, "2026-12-27", " ", None),
            (Calendars, "removed", "true", Some("true")),
            (Uoms, "factor", "12.50", Some("12.5")),
            (Uoms, "factor", "", None),
            (Segments, "mode", "economics", Some("economics")),
            (Segments, "mode", "service", None),
            (Segments, "service_target", "0.980", Some("0.98")),
            (Segments, "policy", "days_of_cover:21", Some("days_of_cover:21")),
            (Segments, "priority", "-1", Some("-1")),
            (Segments, "removed", "false", None),
        ] {
            let said = canonical(table, name, Some(given)).unwrap();
            assert_eq!(said.as_deref(), expected, "{name} {given:?}");
            assert_eq!(canonical(table, name, said.as_deref()).unwrap(), said, "{name}: its text is its text");
        }
        let refusals: Vec<String> = [
            (Items, "price", "1,20"),
            (Items, "price", "-1"),
            (Items, "price", "1e3"),
            (Items, "shelf_life_days", "1.5"),
            (Items, "end_date", "02.03.2026"),
            (Items, "weight", "99999999999"),
            (Suppliers, "order_days", "someday"),
            (ItemLocations, "colour", "red"),
            (ItemLocations, "service_target", "98"),
            (ItemLocations, "service_type", "type 2"),
            (ItemLocations, "do_not_order", "yes"),
            (Sources, "share", "40"),
            (Sources, "pack_size", "0.0000001"),
            (Sources, "priority", "first"),
            (Sources, "price_breaks", "100=0.75"),
            (Calendars, "25.12.2026", "false"),
            (Calendars, "2026-12-25", "closed"),
            (Calendars, "removed", "yes"),
            (Uoms, "factor", "0"),
            (Uoms, "factor", "-12"),
            (Uoms, "removed", "1"),
            (Segments, "mode", "cheap"),
            (Segments, "service_target", "0"),
            (Segments, "policy", "oracle"),
            (Segments, "colour", "red"),
            (Sources, "removed", "true"),
        ]
        .into_iter()
        .map(|(table, name, given)| {
            let FieldError { expected, fix } = canonical(table, name, Some(given)).unwrap_err();
            format!("{name} {given}: {expected}; {fix}")
        })
        .collect();
        assert_eq!(
            refusals,
            [
                "price 1,20: a plain decimal number such as 12 or 0.75; write the digits with a decimal point and without group marks",
                "price -1: a number of at least 0; leave the minus out",
                "price 1e3: a plain decimal number such as 12 or 0.75; write the digits with a decimal point and without group marks",
                "shelf_life_days 1.5: a whole number of days; round it",
                "end_date 02.03.2026: a date such as 2026-03-02; write year, month and day, with hyphens",
                "weight 99999999999: a number from 0 to 1000000000; correct the value",
                "order_days someday: days of the week such as mon wed fri, or daily or none; write their first three letters with blanks between",
                "colour red: one of listed_from, listed_to, service_type, service_target, min_stock, max_stock, display_min, shelf_capacity, safety_days, policy, do_not_order; leave it out",
                "service_target 98: a service target from 0 to 0.999999, such as 0.98; divide a percentage by 100",
                "service_type type 2: cycle, fill_rate or in_stock; use one of the three",
                "do_not_order yes: true or false; write true or false",
                "share 40: a share from 0 to 1; divide a percentage by 100",
                "pack_size 0.0000001: a quantity within ±9,000,000,000,000 with at most 6 digits after the point; use a smaller or larger unit of measure",
                "priority first: a rank such as 1; write a whole number",
                "price_breaks 100=0.75: price breaks such as 100:0.75;500:0.70, a quantity and its cost each; write quantity:cost pairs separated by semicolons",
                "25.12.2026 false: weekdays, or a day such as 2026-12-25; leave it out",
                "2026-12-25 closed: true where the day counts, false where it does not; write true or false",
                "removed yes: true or false; write true or false",
                "factor 0: a factor above 0; say how many base units are in one",
                "factor -12: a number of at least 0; leave the minus out",
                "removed 1: true or false; write true or false",
                "mode cheap: service or economics; use one of the two",
                "service_target 0: a service target above 0 up to 0.999999, such as 0.98; divide a percentage by 100",
                "policy oracle: one of auto, classical, base_stock, s_S, R_s_S, s_Q, min_max, days_of_cover, mto, newsvendor, learned; use one of these",
                "colour red: one of mode, service_type, service_target, policy, priority; leave it out",
                "removed true: one of lead_time_days, lead_time_sd, unit_cost, moq, pack_size, layer_size, pallet_size, max_qty, priority, share, review_calendar, effective_to, price_breaks; leave it out",
            ]
        );
    }

    #[test]
    fn every_field_of_a_table_can_be_set_and_read() {
        for table in MasterTable::ALL {
            for name in table.fields() {
                let found = ["3", "2026-03-02", "0.5", "true", "cycle", "mon", "1:2", "economics", "auto"]
                    .iter()
                    .any(|text| canonical(table, name, Some(text)).is_ok_and(|said| said.as_deref() == Some(text)));
                assert!(found, "{table:?} {name}");
            }
        }
    }

    #[test]
    fn contradictions_name_the_field_and_the_way_out() {
        let mut row = MasterRecord::blank(&MasterKey::ItemLocation(ItemLocation::new("milk", "berlin")));
        row.set("min_stock", Some("10")).unwrap();
        row.set("max_stock", Some("4")).unwrap();
        let (field, error) = row.contradiction().unwrap();
        assert_eq!((field, error.expected.as_str()), ("max_stock", "a quantity not below the smallest of 10"));
        row.set("max_stock", None).unwrap();
        assert_eq!(row.contradiction(), None);
        let unit = MasterKey::Uom { item_id: "milk".to_owned(), uom: "crate".to_owned() };
        assert_eq!(MasterRecord::blank(&unit).contradiction().unwrap().0, "factor");
    }

    /// A segment of settings is the same after it was a record; what a record leaves open is as for all others.
    #[test]
    fn a_segment_says_what_its_record_says() {
        let of_all = Objective::Service { service_type: ServiceType::InStock, target: 0.9 };
        let service = Objective::Service { service_type: ServiceType::Cycle, target: 0.7 };
        for objective in [None, Some(Objective::Economics), Some(service)] {
            for policy in [None, Some("min_max".to_owned())] {
                let segment = Segment { filter: "item.abc == 'C'".to_owned(), objective, policy };
                assert_eq!(SegmentRow::from(&segment).segment(of_all), segment);
            }
        }
        let mut row = SegmentRow::new(" item.abc == 'A' ");
        row.set("service_target", Some("0.99")).unwrap();
        let expected = Objective::Service { service_type: ServiceType::InStock, target: 0.99 };
        assert_eq!(row.segment(of_all).objective, Some(expected));
        row.set("mode", Some("economics")).unwrap();
        assert_eq!(row.segment(of_all).objective, Some(Objective::Economics));
        assert_eq!(row.segment(of_all).filter, "item.abc == 'A'");
    }
}
