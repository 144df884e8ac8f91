//! The fields of one JSON object, each read once and exactly.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use restock_core::{Day, Money, Quantity};
use rust_decimal::Decimal;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::incoming::{Refusal, RefusalCode};
use crate::wire::{MAX_ID_BYTES, MAX_TEXT_BYTES};

/// Fields in the order of the text; values are still JSON texts.
struct Object<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Vec<(String, &'de RawValue)>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::with_capacity(10);
                while let Some(field) = map.next_entry::<String, &RawValue>()? {
                    fields.push(field);
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Fields).map(Object)
    }
}

/// The fields of an object that have not been read yet.
pub(crate) struct Fields<'a>(Vec<(String, &'a str)>);

impl<'a> Fields<'a> {
    /// The fields of the object that `text` is; a `null` counts as absent.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Refusal> {
        Ok(Self::of(Self::parse_with_nulls(text)?.0))
    }

    /// Fields that were read before; a `null` counts as absent.
    pub(crate) fn of(fields: Vec<(String, &'a str)>) -> Self {
        Self(fields.into_iter().filter(|(_, value)| *value != "null").collect())
    }

    /// The fields of the object that `text` is, those that are `null` too.
    pub(crate) fn parse_with_nulls(text: &'a str) -> Result<Self, Refusal> {
        let Object(fields) = serde_json::from_str(text).map_err(|error| {
            malformed("", &format!("{text:?}"), "a JSON object", format!("correct the JSON: {error}"))
        })?;
        for (idx, (name, _)) in fields.iter().enumerate() {
            if fields[..idx].iter().any(|(earlier, _)| earlier == name) {
                let fix = "leave one of them out";
                return Err(malformed(name, "the field twice", "each field once", fix));
            }
        }
        Ok(Self(fields.into_iter().map(|(name, value)| (name, value.get())).collect()))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(field, _)| field == name)
    }

    /// The names of what nobody read yet.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// What nobody read.
    pub(crate) fn into_rest(self) -> Vec<(String, &'a str)> {
        self.0
    }

    /// The JSON text of a field, which counts as read from now on.
    pub(crate) fn take(&mut self, name: &str) -> Option<&'a str> {
        let idx = self.0.iter().position(|(field, _)| field == name)?;
        Some(self.0.remove(idx).1)
    }

    /// A field that must be there, read by `read`.
    pub(crate) fn required<T>(
        &mut self,
        name: &str,
        expected: &str,
        read: impl Fn(&str) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        match self.take(name) {
            Some(text) => read(text).map_err(|refusal| Refusal { field: name.to_owned(), ..refusal }),
            None => Err(malformed(name, "nothing", expected, format!("add the field {name:?}"))),
        }
    }

    /// A field that may be absent, read by `read`.
    pub(crate) fn optional<T>(
        &mut self,
        name: &str,
        read: impl Fn(&str) -> Result<T, Refusal>,
    ) -> Result<Option<T>, Refusal> {
        self.take(name).map(read).transpose().map_err(|refusal| Refusal { field: name.to_owned(), ..refusal })
    }

    pub(crate) fn id(&mut self, name: &str) -> Result<String, Refusal> {
        self.required(name, "an id", id)
    }

    pub(crate) fn optional_id(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        self.optional(name, id)
    }

    /// A free text, empty when absent.
    pub(crate) fn text(&mut self, name: &str) -> Result<String, Refusal> {
        Ok(self.optional(name, text)?.unwrap_or_default())
    }

    pub(crate) fn quantity(&mut self, name: &str) -> Result<Quantity, Refusal> {
        self.required(name, NUMBER, quantity)
    }

    pub(crate) fn signed_quantity(&mut self, name: &str) -> Result<Quantity, Refusal> {
        self.required(name, NUMBER, signed_quantity)
    }

    pub(crate) fn optional_quantity(&mut self, name: &str) -> Result<Option<Quantity>, Refusal> {
        self.optional(name, quantity)
    }

    pub(crate) fn optional_money(&mut self, name: &str) -> Result<Option<Money>, Refusal> {
        self.optional(name, not_negative)
    }

    pub(crate) fn optional_day(&mut self, name: &str) -> Result<Option<Day>, Refusal> {
        self.optional(name, day)
    }
}

pub(crate) const NUMBER: &str = "a plain decimal number such as 12 or 0.75";

pub(crate) fn malformed(field: &str, got: &str, expected: impl Into<String>, fix: impl Into<String>) -> Refusal {
    Refusal::new(RefusalCode::Malformed, field, got, expected, fix)
}

fn string(json: &str) -> Option<String> {
    if json.starts_with('"') { serde_json::from_str(json).ok() } else { None }
}

/// A text without control characters, blanks around it cut.
pub(crate) fn text(json: &str) -> Result<String, Refusal> {
    let expected = "a text";
    let Some(text) = string(json) else {
        return Err(malformed("", json, expected, "write it between quotation marks"));
    };
    let text = text.trim();
    if text.chars().any(char::is_control) {
        return Err(malformed("", json, "a text without control characters", "leave the control characters out"));
    }
    if text.len() > MAX_TEXT_BYTES {
        let got = format!("{} bytes", text.len());
        return Err(malformed("", &got, format!("at most {MAX_TEXT_BYTES} bytes"), "shorten it"));
    }
    Ok(text.to_owned())
}

/// An id: a text that is not empty, or a whole number written in digits alone, which is the text of these digits.
pub(crate) fn id(json: &str) -> Result<String, Refusal> {
    let id = match json.bytes().all(|byte| byte.is_ascii_digit()) {
        true => json.to_owned(),
        false if json.starts_with('"') => text(json)?,
        false => return Err(malformed("", json, "an id", "write the id as a text, between quotation marks")),
    };
    if id.is_empty() {
        return Err(malformed("", json, "an id that is not empty", "name the id, or leave the field out"));
    }
    if id.len() > MAX_ID_BYTES {
        let got = format!("an id of {} bytes", id.len());
        return Err(malformed("", &got, format!("at most {MAX_ID_BYTES} bytes"), "use a shorter id"));
    }
    Ok(id)
}

/// `true` or `false`.
pub(crate) fn flag(json: &str) -> Result<bool, Refusal> {
    match json {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(malformed("", json, "true or false", "write true or false, without quotation marks")),
    }
}

/// An instant: RFC 3339 with an offset from UTC.
pub(crate) fn instant(json: &str) -> Result<Timestamp, Refusal> {
    let expected = "an instant such as 2026-03-02T14:05:00+01:00";
    let refuse = |fix: &str| malformed("", json, expected, fix);
    let Some(text) = string(json) else {
        return Err(refuse("write date, time and offset as a text; a bare number may be seconds or milliseconds"));
    };
    let text = text.trim();
    let Ok(instant) = Timestamp::from_str(text) else {
        let is_local = text.parse::<jiff::civil::DateTime>().is_ok();
        return Err(refuse(match is_local {
            true => "add the offset from UTC, because the time alone can be read in two ways",
            false => "write year, month, day, T, time and offset",
        }));
    };
    if instant < crate::wire::EARLIEST {
        return Err(malformed("", json, "an instant from 1970 on", "send the time at which it happened"));
    }
    Ok(instant)
}

/// A calendar day.
pub(crate) fn day(json: &str) -> Result<Day, Refusal> {
    let refuse = || malformed("", json, "a date such as 2026-03-02", "write year, month and day, with hyphens");
    let text = string(json).ok_or_else(refuse)?;
    let text = text.trim();
    let is_plain = text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(idx, byte)| if idx == 4 || idx == 7 { byte == b'-' } else { byte.is_ascii_digit() });
    if !is_plain {
        return Err(refuse());
    }
    text.parse().map_err(|_| refuse())
}

/// An exact decimal of any sign: a JSON number, or a text of digits with at most one point. The point is the decimal
/// mark, as JSON defines it; commas, blanks and other marks could be read in two ways and are refused.
pub(crate) fn decimal(json: &str) -> Result<Decimal, Refusal> {
    let refuse = || malformed("", json, NUMBER, "write the digits with a decimal point and without group marks");
    let value = match string(json) {
        Some(text) => plain(&text, 0),
        None => match json.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => exponent.parse().ok().and_then(|exponent| plain(mantissa, exponent)),
            None => plain(json, 0),
        },
    };
    value.ok_or_else(refuse)
}

/// `text * 10^exponent`, exactly; `None` when it is not plain digits or too long to be held exactly.
fn plain(text: &str, exponent: i64) -> Option<Decimal> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !are_digits(whole) || !are_digits(part) || exponent.abs() > 60 {
        return None;
    }
    let value = Decimal::from_str_exact(text).ok()?.normalize();
    if exponent == 0 {
        return Some(value);
    }
    let scale = i64::from(value.scale()) - exponent;
    let (mantissa, scale) = match scale {
        ..0 => (value.mantissa().checked_mul(10_i128.checked_pow(scale.unsigned_abs() as u32)?)?, 0),
        _ => (value.mantissa(), scale as u32),
    };
    Decimal::try_from_i128_with_scale(mantissa, scale).ok().map(|value| value.normalize())
}

/// An exact decimal that is at least 0.
pub(crate) fn not_negative(json: &str) -> Result<Decimal, Refusal> {
    let value = decimal(json)?;
    if value.is_sign_negative() && !value.is_zero() {
        return Err(malformed("", json, "a number of at least 0", "send the opposite event for the other direction"));
    }
    Ok(value.abs())
}

/// A share, 0 to 1.
pub(crate) fn share(json: &str) -> Result<Decimal, Refusal> {
    let value = not_negative(json)?;
    if value > Decimal::ONE {
        return Err(malformed("", json, "a share from 0 to 1", "divide a percentage by 100"));
    }
    Ok(value)
}

/// A quantity that is at least 0.
pub(crate) fn quantity(json: &str) -> Result<Quantity, Refusal> {
    to_quantity(json, not_negative(json)?)
}

/// A quantity of any sign.
pub(crate) fn signed_quantity(json: &str) -> Result<Quantity, Refusal> {
    to_quantity(json, decimal(json)?)
}

fn to_quantity(json: &str, value: Decimal) -> Result<Quantity, Refusal> {
    Quantity::from_decimal(value).map_err(|error| {
        use restock_core::quantity::QuantityError::{NotANumber, OutOfRange, TooPrecise};
        let expected = match error {
            NotANumber(_) | OutOfRange(_) => "a quantity within ±9,000,000,000,000",
            TooPrecise(_) => "a quantity with at most 6 digits after the point",
        };
        malformed("", json, expected, "use a smaller or larger unit of measure")
    })
}
