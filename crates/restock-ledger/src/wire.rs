//! Events as JSON and NDJSON: what other systems send, and what the ledger keeps.
//!
//! An event is an object with `event_id`, `source`, `type`, `occurred_at` and the fields of its kind:
//!
//! ```json
//! {"event_id":"t7-4711","source":"till-7","type":"sale","occurred_at":"2026-03-02T14:05:00+01:00",
//!  "item_id":"MILK-1L","location_id":"S01","quantity":"2","unit_price":"0.99"}
//! ```
//!
//! A CloudEvents envelope is read too: `id`, `source`, `type` (its last part, so that `com.example.sale` is a sale),
//! `time`, and the fields of the kind in `data`.
//!
//! # Rules
//! - One bad entry never stops a message: it is handed on with its reason, position and text.
//! - Numbers are JSON numbers or texts of digits with a decimal point, read exactly; `1,5` and `1 000` are refused.
//! - Instants have an offset from UTC; a local time or a bare number is refused, because it can be read in two ways.
//! - Ids are texts, or whole numbers that become their digits; blanks around them are cut, as in imported files.
//! - `null` is the same as an absent field; a field that stands twice is refused.
//! - What changes master data has its fields in an object `fields`: texts, numbers, truths, and `null`, which clears. A
//!   calendar, a unit or a segment is removed by `"fields":{"removed":true}`.
//! - Quantiles of a forecast are an object by level, or fields such as `q0.9`; each level once, rising.
//! - Fields that the kind does not know are kept as attributes with their JSON text; those of a CloudEvents envelope have
//!   `ce-` before their name. They are part of what the event says.
//! - [`write()`] gives every event one text: equal events have equal texts, however they were sent.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;

use jiff::Timestamp;
use restock_core::event::{OrderLine, SupplyOrigin};
use restock_core::master::MasterKey;
use restock_core::said_demand::DemandChange;
use restock_core::{Event, EventKind, ItemLocation};
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::demand_wire;
use crate::fields::{self, Fields, malformed};
use crate::incoming::{Incoming, Position, Refusal};
use crate::master_wire;

/// The longest id, bytes.
pub const MAX_ID_BYTES: usize = 200;
/// The longest reason or unit, bytes.
pub const MAX_TEXT_BYTES: usize = 1_000;
/// The longest event, bytes of its JSON text.
pub const MAX_EVENT_BYTES: usize = 64 * 1024;
/// The most fields of an event that its kind does not know.
pub const MAX_ATTRIBUTES: usize = 64;
/// The longest lead time, days.
pub const MAX_LEAD_TIME_DAYS: i64 = 3_650;
/// Events that say they happened before this are refused: it is a clock that was never set.
pub const EARLIEST: Timestamp = Timestamp::UNIX_EPOCH;

/// Fields of envelopes, so that none of them can be an attribute.
const ENVELOPE: [&str; 5] = ["event_id", "source", "type", "occurred_at", "specversion"];

/// Reads lines of JSON, one event each; blank lines are skipped. The first line is number `first_line`, so that a long
/// file can be read in pieces.
pub fn read_ndjson(message: &[u8], first_line: u64) -> Vec<Incoming> {
    let message = message.strip_prefix(b"\xef\xbb\xbf").unwrap_or(message);
    let lines = message.split(|&byte| byte == b'\n').zip(first_line..);
    lines
        .map(|(line, number)| (line.strip_suffix(b"\r").unwrap_or(line), number))
        .filter(|(line, _)| !line.trim_ascii().is_empty())
        .map(|(line, number)| entry(line, Position::Line(number)))
        .collect()
}

/// Reads a JSON list of events, or one event.
///
/// Where the list breaks off, what was whole is read and the rest is one refused entry.
pub fn read_json(message: &[u8]) -> Vec<Incoming> {
    let Ok(text) = std::str::from_utf8(message) else { return vec![entry(message, Position::Whole)] };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if !text.trim_start().starts_with('[') {
        return vec![entry(text.as_bytes(), Position::Whole)];
    }
    let mut list = List { text, entries: Vec::new(), end: 0 };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let whole = list.deserialize(&mut deserializer).and_then(|()| deserializer.end());
    let List { mut entries, end, .. } = list;
    if let Err(error) = whole {
        let rest = &text[end..];
        let fix = format!("correct the JSON: {error}");
        entries.push(Incoming {
            position: Position::Index(entries.len() as u64),
            raw: rest.as_bytes().to_vec(),
            event: Err(malformed("", &format!("{rest:?}"), "a JSON list of events", fix)),
        });
    }
    entries
}

/// Reads one event.
///
/// # Errors
/// A [`Refusal`] that says which field holds what, what is allowed and the way out.
///
/// ```
/// use restock_ledger::wire;
///
/// let text = br#"{"event_id":"1","source":"till","type":"sale","occurred_at":"2026-03-02T14:05:00Z",
///     "item_id":"milk","location_id":"berlin","quantity":"1,000"}"#;
/// assert_eq!(
///     wire::read_event(text).unwrap_err().to_string(),
///     "quantity: got \"1,000\", expected a plain decimal number such as 12 or 0.75; \
///      write the digits with a decimal point and without group marks"
/// );
/// ```
pub fn read_event(text: &[u8]) -> Result<Event, Refusal> {
    if text.len() > MAX_EVENT_BYTES {
        let (got, expected) = (format!("{} bytes", text.len()), format!("an event of at most {MAX_EVENT_BYTES} bytes"));
        return Err(malformed("", &got, expected, "send fewer or shorter attributes"));
    }
    let text = std::str::from_utf8(text).map_err(|error| {
        let got = format!("byte {} that is not UTF-8", error.valid_up_to());
        malformed("", &got, "UTF-8", "send the text in UTF-8")
    })?;
    let fields = Fields::parse(text)?;
    if fields.has("specversion") { from_cloud_event(fields) } else { from_plain(fields) }
}

fn entry(raw: &[u8], position: Position) -> Incoming {
    Incoming { position, raw: raw.to_vec(), event: read_event(raw) }
}

/// The entries of a JSON list, as far as it is whole.
struct List<'a> {
    text: &'a str,
    entries: Vec<Incoming>,
    /// Byte of `text` after the last whole entry.
    end: usize,
}

impl<'a> List<'a> {
    fn deserialize<D: Deserializer<'a>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'a> Visitor<'a> for &mut List<'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON list of events")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(value) = list.next_element::<&'a RawValue>()? {
            let raw = value.get();
            self.entries.push(entry(raw.as_bytes(), Position::Index(self.entries.len() as u64)));
            // The value is a part of the text, so its address says where it ends.
            self.end = raw.as_ptr() as usize - self.text.as_ptr() as usize + raw.len();
        }
        Ok(())
    }
}

fn from_plain(mut fields: Fields<'_>) -> Result<Event, Refusal> {
    let event_id = fields.id("event_id")?;
    let source = fields.id("source")?;
    let occurred_at = fields.required("occurred_at", "an instant", fields::instant)?;
    let kind_name = fields.required("type", "the kind of event", fields::text)?;
    let kind = kind(&kind_name, &mut fields)?;
    let attributes = attributes(fields.into_rest().into_iter().map(|(name, value)| (name, value, "")))?;
    Ok(Event { event_id, source, occurred_at, kind, attributes })
}

fn from_cloud_event(mut envelope: Fields<'_>) -> Result<Event, Refusal> {
    let version = envelope.required("specversion", "1.0", fields::text)?;
    if !version.starts_with("1.") && version != "1" {
        return Err(malformed("specversion", &version, "1.0", "send CloudEvents of version 1.0"));
    }
    let event_id = envelope.id("id")?;
    let source = envelope.id("source")?;
    let occurred_at = envelope.required("time", "an instant", fields::instant)?;
    let kind_name = envelope.required("type", "the kind of event", fields::text)?;
    let content = envelope.text("datacontenttype")?;
    if !content.is_empty() && !content.contains("json") {
        return Err(malformed("datacontenttype", &content, "application/json", "send the data as JSON"));
    }
    if envelope.has("data_base64") {
        return Err(malformed("data_base64", "bytes", "the field data", "send the data as a JSON object"));
    }
    let Some(data) = envelope.take("data") else {
        return Err(malformed("data", "nothing", "the fields of the event", "add the field \"data\""));
    };
    let mut fields = Fields::parse(data).map_err(|refusal| Refusal { field: "data".to_owned(), ..refusal })?;
    let kind = kind(kind_name.rsplit('.').next().unwrap_or_default(), &mut fields)?;
    let data = fields.into_rest().into_iter().map(|(name, value)| (name, value, ""));
    let around = envelope.into_rest().into_iter().map(|(name, value)| (name, value, "ce-"));
    let attributes = attributes(data.chain(around))?;
    Ok(Event { event_id, source, occurred_at, kind, attributes })
}

/// The fields that nobody read, each with what comes before its name.
fn attributes<'a>(
    rest: impl Iterator<Item = (String, &'a str, &'static str)>,
) -> Result<BTreeMap<String, String>, Refusal> {
    let mut attributes = BTreeMap::new();
    for (name, value, prefix) in rest {
        let name = format!("{prefix}{name}");
        if ENVELOPE.contains(&name.as_str()) {
            let fix = "leave it out, because the envelope says it";
            return Err(malformed(&name, value, "no field of that name in data", fix));
        }
        if name.is_empty() || name.len() > MAX_ID_BYTES || name.chars().any(char::is_control) {
            let expected = format!("a name of 1 to {MAX_ID_BYTES} bytes without control characters");
            return Err(malformed("", &format!("the field {name:?}"), expected, "rename or leave out the field"));
        }
        if attributes.insert(name.clone(), compact(value)).is_some() {
            return Err(malformed(&name, "the attribute twice", "each field once", "leave one of them out"));
        }
    }
    if attributes.len() > MAX_ATTRIBUTES {
        let (got, expected) = (format!("{} other fields", attributes.len()), format!("at most {MAX_ATTRIBUTES}"));
        return Err(malformed("", &got, expected, "leave out what a plan does not need"));
    }
    Ok(attributes)
}

/// The JSON text without blanks between its parts.
fn compact(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let (mut in_text, mut is_escaped) = (false, false);
    for character in json.chars() {
        if in_text || !matches!(character, ' ' | '\t' | '\n' | '\r') {
            out.push(character);
        }
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => in_text = !in_text,
            _ => {}
        }
    }
    out
}

fn kind(name: &str, fields: &mut Fields<'_>) -> Result<EventKind, Refusal> {
    Ok(match name {
        "sale" => EventKind::Sale {
            place: place(fields)?,
            quantity: fields.quantity("quantity")?,
            unit_price: fields.optional_money("unit_price")?,
            lost: fields.optional_quantity("lost")?,
        },
        "return" => EventKind::Return {
            place: place(fields)?,
            quantity: fields.quantity("quantity")?,
            unit_price: fields.optional_money("unit_price")?,
        },
        "receipt" => EventKind::Receipt {
            place: place(fields)?,
            quantity: fields.quantity("quantity")?,
            order_id: fields.optional_id("order_id")?,
            origin: origin(fields)?,
            unit_cost: fields.optional_money("unit_cost")?,
        },
        "adjustment" => EventKind::Adjustment {
            place: place(fields)?,
            quantity: fields.signed_quantity("quantity")?,
            reason: fields.text("reason")?,
        },
        "count" => EventKind::Count { place: place(fields)?, on_hand: fields.signed_quantity("on_hand")? },
        "waste" => EventKind::Waste {
            place: place(fields)?,
            quantity: fields.quantity("quantity")?,
            reason: fields.text("reason")?,
        },
        "transfer_out" => EventKind::TransferOut {
            place: place(fields)?,
            quantity: fields.quantity("quantity")?,
            to_location: fields.optional_id("to_location")?,
            order_id: fields.optional_id("order_id")?,
        },
        "transfer_in" => EventKind::TransferIn {
            place: place(fields)?,
            quantity: fields.quantity("quantity")?,
            from_location: fields.optional_id("from_location")?,
            order_id: fields.optional_id("order_id")?,
        },
        "order_placed" => EventKind::OrderPlaced {
            line: line(fields)?,
            quantity: fields.quantity("quantity")?,
            origin: origin(fields)?,
            due_on: fields.optional_day("due_on")?,
        },
        "order_confirmed" => EventKind::OrderConfirmed {
            line: line(fields)?,
            quantity: fields.optional_quantity("quantity")?,
            due_on: fields.optional_day("due_on")?,
        },
        "order_cancelled" => {
            EventKind::OrderCancelled { line: line(fields)?, quantity: fields.optional_quantity("quantity")? }
        }
        "order_shipped" => EventKind::OrderShipped {
            line: line(fields)?,
            quantity: fields.optional_quantity("quantity")?,
            due_on: fields.optional_day("due_on")?,
        },
        "price_change" => {
            let kind = EventKind::PriceChange {
                item_id: fields.id("item_id")?,
                location_id: fields.optional_id("location_id")?,
                price: fields.required("price", fields::NUMBER, fields::not_negative)?,
                from: fields.optional_day("from")?,
                to: fields.optional_day("to")?,
            };
            if let EventKind::PriceChange { from: Some(from), to: Some(to), .. } = kind
                && to < from
            {
                return Err(backwards(from, to));
            }
            kind
        }
        "promotion" => {
            let (from, to) =
                (fields.required("from", "a date", fields::day)?, fields.required("to", "a date", fields::day)?);
            if to < from {
                return Err(backwards(from, to));
            }
            EventKind::Promotion {
                promo_id: fields.optional_id("promo_id")?.unwrap_or_default(),
                item_id: fields.optional_id("item_id")?,
                location_id: fields.optional_id("location_id")?,
                from,
                to,
                depth: fields.optional("depth", fields::share)?,
                display: fields.optional("display", fields::flag)?.unwrap_or(false),
                expected_uplift: fields.optional("expected_uplift", fields::not_negative)?,
            }
        }
        "stockout_observed" => EventKind::StockoutObserved { place: place(fields)?, to: fields.optional_day("to")? },
        "lead_time_notice" => EventKind::LeadTimeNotice {
            origin: origin(fields)?.ok_or_else(|| {
                let fix = "add the field \"supplier_id\" or \"from_location\"";
                malformed("supplier_id", "nothing", "who supplies", fix)
            })?,
            item_id: fields.optional_id("item_id")?,
            location_id: fields.optional_id("location_id")?,
            lead_time_days: fields.required("lead_time_days", fields::NUMBER, |json| {
                let days = fields::not_negative(json)?;
                let expected = format!("at most {MAX_LEAD_TIME_DAYS} days");
                match days <= MAX_LEAD_TIME_DAYS.into() {
                    true => Ok(days),
                    false => Err(malformed("", json, expected, "give the lead time in days")),
                }
            })?,
        },
        "sensor_reading" => EventKind::SensorReading {
            sensor_id: fields.id("sensor_id")?,
            metric: fields.id("metric")?,
            location_id: fields.id("location_id")?,
            item_id: fields.optional_id("item_id")?,
            value: fields.required("value", fields::NUMBER, fields::decimal)?,
            unit: fields.text("unit")?,
        },
        "forecast_override" => demand_wire::forecast_override(fields)?,
        "forecast_given" => demand_wire::forecast_given(fields)?,
        _ => match master_wire::table_of(name) {
            Some(table) => master_wire::change(table, fields)?,
            None => {
                let expected = format!("one of {}", EventKind::NAMES.join(", "));
                return Err(malformed("type", &format!("{name:?}"), expected, "send a kind of event that is known"));
            }
        },
    })
}

fn backwards(from: restock_core::Day, to: restock_core::Day) -> Refusal {
    malformed("to", &to.to_string(), format!("a day not before {from}"), "swap the days or correct one of them")
}

fn place(fields: &mut Fields<'_>) -> Result<ItemLocation, Refusal> {
    Ok(ItemLocation { item_id: fields.id("item_id")?, location_id: fields.id("location_id")? })
}

fn line(fields: &mut Fields<'_>) -> Result<OrderLine, Refusal> {
    Ok(OrderLine { order_id: fields.id("order_id")?, place: place(fields)? })
}

fn origin(fields: &mut Fields<'_>) -> Result<Option<SupplyOrigin>, Refusal> {
    match (fields.optional_id("supplier_id")?, fields.optional_id("from_location")?) {
        (Some(_), Some(location)) => {
            let fix = "leave \"supplier_id\" or \"from_location\" out";
            Err(malformed("from_location", &format!("{location:?}"), "one origin of the goods", fix))
        }
        (Some(supplier), None) => Ok(Some(SupplyOrigin::Supplier(supplier))),
        (None, Some(location)) => Ok(Some(SupplyOrigin::Location(location))),
        (None, None) => Ok(None),
    }
}

// ---------------------------------------------------------------- writing

/// The one text of an event: compact JSON, fields in a fixed order, quantities and money as texts.
///
/// ```
/// use restock_ledger::wire;
///
/// let sent = br#"{"type": "count", "on_hand": 1.50e1, "item_id": 7, "location_id": "S01",
///     "occurred_at": "2026-03-02T06:00:00+01:00", "source": "erp", "event_id": "c-1", "by": "Ada"}"#;
/// let event = wire::read_event(sent).unwrap();
/// assert_eq!(
///     wire::write(&event),
///     r#"{"event_id":"c-1","source":"erp","type":"count","occurred_at":"2026-03-02T05:00:00Z","item_id":"7","location_id":"S01","on_hand":"15","by":"Ada"}"#
/// );
/// assert_eq!(wire::read_event(wire::write(&event).as_bytes()).unwrap(), event);
/// ```
pub fn write(event: &Event) -> String {
    let mut out = Object(String::with_capacity(256));
    out.text("event_id", &event.event_id);
    out.text("source", &event.source);
    out.text("type", event.kind.name());
    out.plain("occurred_at", event.occurred_at);
    match &event.kind {
        EventKind::Sale { place, quantity, unit_price, lost } => {
            out.place(place);
            out.plain("quantity", quantity);
            out.optional("unit_price", unit_price.map(|price| price.normalize()));
            out.optional("lost", *lost);
        }
        EventKind::Return { place, quantity, unit_price } => {
            out.place(place);
            out.plain("quantity", quantity);
            out.optional("unit_price", unit_price.map(|price| price.normalize()));
        }
        EventKind::Receipt { place, quantity, order_id, origin, unit_cost } => {
            out.place(place);
            out.plain("quantity", quantity);
            out.optional_text("order_id", order_id);
            out.origin(origin.as_ref());
            out.optional("unit_cost", unit_cost.map(|cost| cost.normalize()));
        }
        EventKind::Adjustment { place, quantity, reason } | EventKind::Waste { place, quantity, reason } => {
            out.place(place);
            out.plain("quantity", quantity);
            out.text_unless_empty("reason", reason);
        }
        EventKind::Count { place, on_hand } => {
            out.place(place);
            out.plain("on_hand", on_hand);
        }
        EventKind::TransferOut { place, quantity, to_location, order_id } => {
            out.place(place);
            out.plain("quantity", quantity);
            out.optional_text("to_location", to_location);
            out.optional_text("order_id", order_id);
        }
        EventKind::TransferIn { place, quantity, from_location, order_id } => {
            out.place(place);
            out.plain("quantity", quantity);
            out.optional_text("from_location", from_location);
            out.optional_text("order_id", order_id);
        }
        EventKind::OrderPlaced { line, quantity, origin, due_on } => {
            out.line(line);
            out.plain("quantity", quantity);
            out.origin(origin.as_ref());
            out.optional("due_on", *due_on);
        }
        EventKind::OrderConfirmed { line, quantity, due_on } | EventKind::OrderShipped { line, quantity, due_on } => {
            out.line(line);
            out.optional("quantity", *quantity);
            out.optional("due_on", *due_on);
        }
        EventKind::OrderCancelled { line, quantity } => {
            out.line(line);
            out.optional("quantity", *quantity);
        }
        EventKind::PriceChange { item_id, location_id, price, from, to } => {
            out.text("item_id", item_id);
            out.optional_text("location_id", location_id);
            out.plain("price", price.normalize());
            out.optional("from", *from);
            out.optional("to", *to);
        }
        EventKind::Promotion { promo_id, item_id, location_id, from, to, depth, display, expected_uplift } => {
            out.text_unless_empty("promo_id", promo_id);
            out.optional_text("item_id", item_id);
            out.optional_text("location_id", location_id);
            out.plain("from", from);
            out.plain("to", to);
            out.optional("depth", depth.map(|depth| depth.normalize()));
            if *display {
                out.json("display", "true");
            }
            out.optional("expected_uplift", expected_uplift.map(|uplift| uplift.normalize()));
        }
        EventKind::StockoutObserved { place, to } => {
            out.place(place);
            out.optional("to", *to);
        }
        EventKind::LeadTimeNotice { origin, item_id, location_id, lead_time_days } => {
            out.origin(Some(origin));
            out.optional_text("item_id", item_id);
            out.optional_text("location_id", location_id);
            out.plain("lead_time_days", lead_time_days.normalize());
        }
        EventKind::SensorReading { sensor_id, metric, location_id, item_id, value, unit } => {
            out.text("sensor_id", sensor_id);
            out.text("metric", metric);
            out.text("location_id", location_id);
            out.optional_text("item_id", item_id);
            out.plain("value", value.normalize());
            out.text_unless_empty("unit", unit);
        }
        EventKind::MasterChange(change) => {
            out.record(&change.record);
            let mut fields = Object(String::new());
            for (name, text) in &change.fields {
                match text {
                    Some(text) => fields.text(name, text),
                    None => fields.json(name, "null"),
                }
            }
            if !change.fields.is_empty() {
                out.json("fields", &(fields.0 + "}"));
            }
        }
        EventKind::ForecastOverride(said) => {
            out.optional_text("item_id", &said.key.item_id);
            out.optional_text("location_id", &said.key.location_id);
            out.optional_text("category", &said.key.category);
            out.plain("from", said.key.from);
            out.plain("to", said.key.to);
            match said.change {
                Some(DemandChange::Factor(factor)) => out.plain("factor", factor.normalize()),
                Some(DemandChange::Surge(factor)) => {
                    out.plain("factor", factor.normalize());
                    out.json("surge", "true");
                }
                Some(DemandChange::Quantity(quantity)) => out.plain("quantity", quantity),
                None => out.json("taken_back", "true"),
            }
            out.text_unless_empty("reason", &said.reason);
            out.text_unless_empty("author", &said.author);
        }
        EventKind::ForecastGiven(given) => {
            out.place(&given.place);
            out.plain("date", given.day);
            out.optional("mean", given.mean.map(|mean| mean.normalize()));
            let mut quantiles = Object(String::new());
            for (level, value) in &given.quantiles {
                quantiles.plain(&level.normalize().to_string(), value.normalize());
            }
            if !given.quantiles.is_empty() {
                out.json(demand_wire::QUANTILES, &(quantiles.0 + "}"));
            }
        }
    }
    for (name, value) in &event.attributes {
        out.json(name, value);
    }
    out.0.push('}');
    out.0
}

/// A JSON object that is being written.
struct Object(String);

impl Object {
    fn json(&mut self, name: &str, json: &str) {
        self.name(name);
        self.0.push_str(json);
    }

    fn name(&mut self, name: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        self.quoted(name);
        self.0.push(':');
    }

    fn quoted(&mut self, text: &str) {
        let is_plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
        if text.bytes().all(is_plain) {
            self.0.push('"');
            self.0.push_str(text);
            self.0.push('"');
        } else {
            self.0.push_str(&serde_json::to_string(text).expect("a text is JSON"));
        }
    }

    fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        self.quoted(text);
    }

    fn text_unless_empty(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            self.text(name, text);
        }
    }

    fn optional_text(&mut self, name: &str, text: &Option<String>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    /// A value whose text needs no escapes.
    fn plain(&mut self, name: &str, value: impl fmt::Display) {
        self.name(name);
        write!(self.0, "\"{value}\"").expect("writing to a string");
    }

    fn optional(&mut self, name: &str, value: Option<impl fmt::Display>) {
        if let Some(value) = value {
            self.plain(name, value);
        }
    }

    fn place(&mut self, place: &ItemLocation) {
        self.text("item_id", &place.item_id);
        self.text("location_id", &place.location_id);
    }

    fn line(&mut self, line: &OrderLine) {
        self.text("order_id", &line.order_id);
        self.place(&line.place);
    }

    fn record(&mut self, record: &MasterKey) {
        match record {
            MasterKey::Item(id) => self.text("item_id", id),
            MasterKey::Location(id) => self.text("location_id", id),
            MasterKey::Supplier(id) => self.text("supplier_id", id),
            MasterKey::ItemLocation(place) => self.place(place),
            MasterKey::Source(lane) => {
                self.optional_text("to_location", &lane.to_location);
                self.origin(Some(&lane.origin));
                self.optional_text("item_id", &lane.item_id);
                self.optional_text("category", &lane.category);
                self.optional("effective_from", lane.effective_from);
            }
            MasterKey::Calendar(id) => self.text("calendar_id", id),
            MasterKey::Uom { item_id, uom } => {
                self.text("item_id", item_id);
                self.text("uom", uom);
            }
            MasterKey::Segment(filter) => self.text("where", filter),
        }
    }

    fn origin(&mut self, origin: Option<&SupplyOrigin>) {
        match origin {
            Some(SupplyOrigin::Supplier(id)) => self.text("supplier_id", id),
            Some(SupplyOrigin::Location(id)) => self.text("from_location", id),
            None => {}
        }
    }
}

/// Reads back what [`write()`] wrote.
pub(crate) fn read_stored(body: &str) -> Result<Event, Refusal> {
    from_plain(Fields::parse(body)?)
}
