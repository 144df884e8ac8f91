//! Master data as JSON: the fields of an event about a record, and a record as a row of its own.

use std::collections::BTreeMap;

use restock_core::event::SupplyOrigin;
use restock_core::filter::Filter;
use restock_core::master::{FieldError, Lane, MasterChange, MasterKey, MasterTable, REMOVED, canonical, field_name};
use restock_core::{EventKind, ItemLocation};

use crate::fields::{self, Fields, malformed};
use crate::incoming::Refusal;
use crate::wire::{MAX_EVENT_BYTES, MAX_ID_BYTES};

/// The table of the events that are called `name`.
pub(crate) fn table_of(name: &str) -> Option<MasterTable> {
    let record = name.strip_suffix("_changed")?;
    MasterTable::ALL.into_iter().find(|table| table.record_name() == record)
}

/// Reads the key and the object `fields` of an event.
pub(crate) fn change(table: MasterTable, fields: &mut Fields<'_>) -> Result<EventKind, Refusal> {
    let record = key(table, fields)?;
    let said = fields.take("fields").map(Fields::parse_with_nulls).transpose();
    let said = said.map_err(|refusal| Refusal { field: "fields".to_owned(), ..refusal })?;
    let said = said.map_or_else(Vec::new, Fields::into_rest);
    let fields = texts(table, said)?;
    if fields.len() > 1 && table.can_be_removed() && fields.get(REMOVED).is_some_and(Option::is_some) {
        let (got, expected) = ("true beside other fields", "a removal alone");
        return Err(malformed(REMOVED, got, expected, "say the other fields with a later event, which makes it anew"));
    }
    Ok(EventKind::MasterChange(Box::new(MasterChange { record, fields })))
}

/// Reads a record as a row: the fields that name it beside its others, which may stand in an object `attributes` too (of a
/// calendar `exceptions`). `null` clears a field. Where `given` names the record, the row need not, and must not name another one.
///
/// # Errors
/// A [`Refusal`] that says which field holds what, what is allowed and the way out.
///
/// ```
/// use restock_core::master::MasterTable;
/// use restock_ledger::read_master_row;
///
/// let row = br#"{"item_id":"milk","price":0.990,"brand":null}"#;
/// let change = read_master_row(MasterTable::Items, row, None).unwrap();
/// assert_eq!(change.fields["price"].as_deref(), Some("0.99"));
/// assert_eq!(change.fields["brand"], None);
/// let refused = read_master_row(MasterTable::Items, br#"{"item_id":"milk","price":"cheap"}"#, None).unwrap_err();
/// assert_eq!(refused.field, "price");
/// ```
pub fn read_master_row(table: MasterTable, row: &[u8], given: Option<&MasterKey>) -> Result<MasterChange, Refusal> {
    if row.len() > MAX_EVENT_BYTES {
        let (got, expected) = (format!("{} bytes", row.len()), format!("a row of at most {MAX_EVENT_BYTES} bytes"));
        return Err(malformed("", &got, expected, "send fewer or shorter fields"));
    }
    let text = std::str::from_utf8(row).map_err(|error| {
        let got = format!("byte {} that is not UTF-8", error.valid_up_to());
        malformed("", &got, "UTF-8", "send the text in UTF-8")
    })?;
    let all = Fields::parse_with_nulls(text)?.into_rest();
    let (named, said): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|(name, _)| table.key_fields().contains(&name.as_str()));
    let record = match given {
        None => key(table, &mut Fields::of(named))?,
        Some(given) => {
            check_named(given, &named)?;
            given.clone()
        }
    };
    let mut flat = Vec::new();
    for (name, value) in said {
        if table.object() == Some(&*name) && value.trim_start().starts_with('{') {
            let inner = Fields::parse_with_nulls(value);
            flat.extend(inner.map_err(|refusal| Refusal { field: name, ..refusal })?.into_rest());
        } else {
            flat.push((name, value));
        }
    }
    if table.can_be_removed()
        && let Some((_, json)) = flat.iter().find(|(name, _)| name == REMOVED)
    {
        return Err(malformed(REMOVED, json, "no field of that name", "send DELETE for the record"));
    }
    Ok(MasterChange { record, fields: texts(table, flat)? })
}

/// Checks ids that come from elsewhere than a row, such as a path.
///
/// # Errors
/// A [`Refusal`] for an id that no event may have.
pub fn check_record(record: &MasterKey) -> Result<(), Refusal> {
    let check = |field: &str, text: &str| {
        let json = serde_json::to_string(text).expect("a text is JSON");
        let read = fields::id(&json).map_err(|refusal| Refusal { field: field.to_owned(), ..refusal })?;
        match read == text {
            true => Ok(()),
            false => Err(malformed(field, &json, "an id without blanks around it", "leave the blanks out")),
        }
    };
    match record {
        MasterKey::Item(id) => check("item_id", id),
        MasterKey::Location(id) => check("location_id", id),
        MasterKey::Supplier(id) => check("supplier_id", id),
        MasterKey::Calendar(id) => check("calendar_id", id),
        MasterKey::Uom { item_id, uom } => check("item_id", item_id).and_then(|()| check("uom", uom)),
        MasterKey::Segment(text) => {
            let json = serde_json::to_string(text).expect("a text is JSON");
            let read = filter(&json).map_err(|refusal| Refusal { field: "where".to_owned(), ..refusal })?;
            match read == *text {
                true => Ok(()),
                false => Err(malformed("where", &json, "a filter without blanks around it", "leave the blanks out")),
            }
        }
        MasterKey::ItemLocation(place) => {
            check("item_id", &place.item_id).and_then(|()| check("location_id", &place.location_id))
        }
        MasterKey::Source(lane) => {
            let origin = match &lane.origin {
                SupplyOrigin::Supplier(id) => ("supplier_id", Some(id)),
                SupplyOrigin::Location(id) => ("from_location", Some(id)),
            };
            let others = [
                ("to_location", lane.to_location.as_ref()),
                ("item_id", lane.item_id.as_ref()),
                ("category", lane.category.as_ref()),
            ];
            let named = others.into_iter().chain([origin]).filter_map(|(field, id)| Some((field, id?)));
            named.into_iter().try_for_each(|(field, id)| check(field, id))
        }
    }
}

/// A row may repeat what its path says, and nothing else.
fn check_named(given: &MasterKey, named: &[(String, &str)]) -> Result<(), Refusal> {
    for (name, json) in named {
        let own = match given {
            MasterKey::Item(id) | MasterKey::Location(id) | MasterKey::Supplier(id) | MasterKey::Calendar(id) => {
                Some(id)
            }
            MasterKey::Uom { item_id, .. } if name == "item_id" => Some(item_id),
            MasterKey::Uom { uom, .. } => Some(uom),
            MasterKey::ItemLocation(place) if name == "item_id" => Some(&place.item_id),
            MasterKey::ItemLocation(place) => Some(&place.location_id),
            MasterKey::Source(_) | MasterKey::Segment(_) => None,
        };
        if let Some(own) = own
            && fields::id(json).as_ref() != Ok(own)
        {
            let fix = "leave it out of the row, or send the row to the path of its own record";
            return Err(malformed(name, json, format!("{own:?}, as the path says"), fix));
        }
    }
    Ok(())
}

/// The record that fields name.
fn key(table: MasterTable, fields: &mut Fields<'_>) -> Result<MasterKey, Refusal> {
    Ok(match table {
        MasterTable::Items => MasterKey::Item(fields.id("item_id")?),
        MasterTable::Locations => MasterKey::Location(fields.id("location_id")?),
        MasterTable::Suppliers => MasterKey::Supplier(fields.id("supplier_id")?),
        MasterTable::Calendars => MasterKey::Calendar(fields.id("calendar_id")?),
        MasterTable::Uoms => MasterKey::Uom { item_id: fields.id("item_id")?, uom: fields.id("uom")? },
        MasterTable::Segments => MasterKey::Segment(fields.required("where", FILTER, filter)?),
        MasterTable::ItemLocations => {
            MasterKey::ItemLocation(ItemLocation::new(fields.id("item_id")?, fields.id("location_id")?))
        }
        MasterTable::Sources => {
            let to_location = fields.optional_id("to_location")?;
            let origin = match (fields.optional_id("supplier_id")?, fields.optional_id("from_location")?) {
                (Some(supplier), None) => SupplyOrigin::Supplier(supplier),
                (None, Some(location)) => SupplyOrigin::Location(location),
                (Some(_), Some(location)) => {
                    let fix = "leave \"supplier_id\" or \"from_location\" out";
                    return Err(malformed("from_location", &format!("{location:?}"), "one origin of the goods", fix));
                }
                (None, None) => {
                    let fix = "add the field \"supplier_id\" or \"from_location\"";
                    return Err(malformed("supplier_id", "nothing", "who supplies", fix));
                }
            };
            let (item_id, category) = (fields.optional_id("item_id")?, fields.optional_id("category")?);
            if let (Some(_), Some(category)) = (&item_id, &category) {
                let fix = "leave \"item_id\" or \"category\" out";
                return Err(malformed("category", &format!("{category:?}"), "an item or a category", fix));
            }
            let effective_from = fields.optional_day("effective_from")?;
            MasterKey::Source(Lane { to_location, origin, item_id, category, effective_from })
        }
    })
}

const FILTER: &str = "a filter such as item.abc == 'C'";

/// A filter that can be read, blanks around it cut.
fn filter(json: &str) -> Result<String, Refusal> {
    let text = fields::text(json)?;
    if text.is_empty() {
        return Err(malformed("", json, FILTER, "say which item-locations it is for"));
    }
    match Filter::parse(&text) {
        Ok(_) => Ok(text),
        Err(error) => {
            let got = format!("{} at character {}", error.got, error.at);
            Err(malformed("", &got, error.expected, "correct the filter"))
        }
    }
}

/// The texts of fields, each checked.
fn texts(table: MasterTable, said: Vec<(String, &str)>) -> Result<BTreeMap<String, Option<String>>, Refusal> {
    let mut all = BTreeMap::new();
    for (name, json) in said {
        let known = field_name(table, &name);
        if table.key_fields().contains(&known) || table.object() == Some(known) {
            let fix = "name the record beside its fields, and send other fields under their own names";
            return Err(malformed(&name, json, "no field of that name", fix));
        }
        if known.is_empty() || known.len() > MAX_ID_BYTES || known.chars().any(char::is_control) {
            let expected = format!("a name of 1 to {MAX_ID_BYTES} bytes without control characters");
            return Err(malformed("", &format!("the field {name:?}"), expected, "rename or leave out the field"));
        }
        let text = text_of(json).map_err(|refusal| Refusal { field: name.clone(), ..refusal })?;
        let text = canonical(table, known, text.as_deref()).map_err(|FieldError { expected, fix }| {
            malformed(&name, if table.may_have(known) { json } else { "a field that is not known" }, expected, fix)
        })?;
        if all.insert(known.to_owned(), text).is_some() {
            return Err(malformed(&name, "the field twice", "each field once", "leave one of them out"));
        }
    }
    if all.len() > table.max_fields() {
        let (got, expected) = (format!("{} fields", all.len()), format!("at most {} fields", table.max_fields()));
        return Err(malformed("", &got, expected, "leave out what a plan does not need"));
    }
    Ok(all)
}

/// The text of a value: a text, a number or a truth.
fn text_of(json: &str) -> Result<Option<String>, Refusal> {
    Ok(match json.as_bytes().first() {
        _ if json == "null" => None,
        _ if matches!(json, "true" | "false") => Some(json.to_owned()),
        Some(b'"') => Some(fields::text(json)?),
        Some(b'-' | b'0'..=b'9') => Some(fields::decimal(json)?.to_string()),
        _ => {
            return Err(malformed(
                "",
                json,
                "a text, a number, true, false or null",
                "write lists and objects as texts",
            ));
        }
    })
}
