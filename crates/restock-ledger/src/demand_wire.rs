//! What is said about demand to come, as JSON: the fields of an event, and a forecast of another system as a row.

use std::collections::BTreeMap;

use restock_core::master::FieldError;
use restock_core::said_demand::{DemandChange, ForecastOverride, GivenForecast, OverrideKey};
use restock_core::{EventKind, ItemLocation};
use rust_decimal::Decimal;

use crate::fields::{self, Fields, malformed};
use crate::incoming::Refusal;
use crate::wire::MAX_EVENT_BYTES;

/// The object of quantiles by level; their fields may stand beside the others too, with a `q` before the level.
pub(crate) const QUANTILES: &str = "quantiles";

/// Reads the fields of an override.
pub(crate) fn forecast_override(fields: &mut Fields<'_>) -> Result<EventKind, Refusal> {
    Ok(EventKind::ForecastOverride(Box::new(said(fields)?)))
}

/// Reads an override as a request says it: `item_id`, `location_id` or `category`, `from`, `to`, `factor` or `quantity`, and
/// `reason`. Who says it is not among its fields.
///
/// # Errors
/// A [`Refusal`] that says which field holds what, what is allowed and the way out.
///
/// ```
/// use restock_ledger::read_override;
///
/// let body = br#"{"item_id":"milk","from":"2026-03-02","to":"2026-03-08","factor":1.3,"reason":"street party"}"#;
/// assert_eq!(read_override(body, "ann").unwrap().author, "ann");
/// let total = br#"{"item_id":"milk","from":"2026-03-02","to":"2026-03-08","quantity":90,"reason":"street party"}"#;
/// assert_eq!(read_override(total, "ann").unwrap_err().field, "quantity");
/// ```
pub fn read_override(body: &[u8], author: &str) -> Result<ForecastOverride, Refusal> {
    let mut fields = Fields::parse(row_text(body)?)?;
    for name in ["author", "taken_back"] {
        if fields.has(name) {
            let value = fields.take(name).expect("it is there");
            let fix = "leave it out: the author is who asks, and DELETE takes an override back";
            return Err(malformed(name, value, "no field of that name", fix));
        }
    }
    let mut said = said(&mut fields)?;
    author.clone_into(&mut said.author);
    match fields.into_rest().first() {
        Some((name, value)) => {
            let expected = "item_id, location_id, category, from, to, factor (and surge) or quantity, and reason";
            Err(malformed(name, value, expected, "leave the field out"))
        }
        None => Ok(said),
    }
}

/// The text of a row, not too long.
fn row_text(row: &[u8]) -> Result<&str, Refusal> {
    if row.len() > MAX_EVENT_BYTES {
        let (got, expected) = (format!("{} bytes", row.len()), format!("a row of at most {MAX_EVENT_BYTES} bytes"));
        return Err(malformed("", &got, expected, "send fewer or shorter fields"));
    }
    std::str::from_utf8(row).map_err(|error| {
        let got = format!("byte {} that is not UTF-8", error.valid_up_to());
        malformed("", &got, "UTF-8", "send the text in UTF-8")
    })
}

fn said(fields: &mut Fields<'_>) -> Result<ForecastOverride, Refusal> {
    let key = OverrideKey {
        item_id: fields.optional_id("item_id")?,
        location_id: fields.optional_id("location_id")?,
        category: fields.optional_id("category")?,
        from: fields.required("from", "a date", fields::day)?,
        to: fields.required("to", "a date", fields::day)?,
    };
    let factor = fields.optional("factor", fields::not_negative)?;
    let quantity = fields.optional_quantity("quantity")?;
    let is_taken_back = fields.optional("taken_back", fields::flag)?.unwrap_or(false);
    let is_surge = fields.optional("surge", fields::flag)?.unwrap_or(false);
    let change = match (factor, quantity, is_taken_back) {
        (Some(factor), None, false) if is_surge => Some(DemandChange::Surge(factor)),
        (Some(factor), None, false) => Some(DemandChange::Factor(factor)),
        _ if is_surge => {
            return Err(malformed("surge", "true", "a factor beside it", "say how many times the usual: factor 5"));
        }
        (None, Some(quantity), false) => Some(DemandChange::Quantity(quantity)),
        (None, None, true) => None,
        (None, None, false) => {
            let expected = "one of factor, quantity and taken_back";
            return Err(malformed("factor", "nothing", expected, "say how demand differs: factor 1.3 is 30 % more"));
        }
        _ => {
            let expected = "one of factor, quantity and taken_back";
            return Err(malformed("factor", "two of them", expected, "leave all but one of them out"));
        }
    };
    let said = ForecastOverride { key, change, reason: fields.text("reason")?, author: fields.text("author")? };
    match said.problem() {
        Some((field, error)) => Err(of_field(field, &got(&said, field), error)),
        None => Ok(said),
    }
}

fn got(said: &ForecastOverride, field: &str) -> String {
    let text = |id: &Option<String>| id.as_ref().map_or("nothing".to_owned(), |id| format!("{id:?}"));
    match (field, said.change) {
        ("to", _) => said.key.to.to_string(),
        ("category", _) => text(&said.key.category),
        ("item_id", _) => text(&said.key.item_id),
        ("factor", Some(DemandChange::Factor(factor) | DemandChange::Surge(factor))) => factor.normalize().to_string(),
        ("quantity", Some(DemandChange::Quantity(quantity))) => quantity.to_string(),
        _ => "nothing".to_owned(),
    }
}

/// Reads the fields of a forecast of another system.
pub(crate) fn forecast_given(fields: &mut Fields<'_>) -> Result<EventKind, Refusal> {
    Ok(EventKind::ForecastGiven(Box::new(given(fields)?)))
}

fn given(fields: &mut Fields<'_>) -> Result<GivenForecast, Refusal> {
    let place = ItemLocation { item_id: fields.id("item_id")?, location_id: fields.id("location_id")? };
    let day = fields.required("date", "a date", fields::day)?;
    let mean = fields.optional("mean", fields::not_negative)?;
    let mut quantiles = BTreeMap::new();
    let mut add = |field: &str, level: &str, value: &str| -> Result<(), Refusal> {
        let named = |refusal: Refusal| Refusal { field: field.to_owned(), ..refusal };
        let level = fields::decimal(level).map_err(|_| {
            let fix = "name each quantile by its level, such as 0.9";
            malformed(field, level, "a level above 0 and below 1", fix)
        })?;
        let value = fields::not_negative(value).map_err(named)?;
        match quantiles.insert(level.normalize(), value.normalize()) {
            Some(_) => Err(malformed(field, "the level twice", "each level once", "leave one of them out")),
            None => Ok(()),
        }
    };
    if let Some(object) = fields.take(QUANTILES) {
        let inner = Fields::parse(object).map_err(|refusal| Refusal { field: QUANTILES.to_owned(), ..refusal })?;
        for (level, value) in inner.into_rest() {
            add(&format!("{QUANTILES}.{level}"), &level, value)?;
        }
    }
    for name in fields.names().filter(|name| level_of(name).is_some()).map(str::to_owned).collect::<Vec<_>>() {
        let value = fields.take(&name).expect("it was named");
        add(&name, level_of(&name).expect("it is one"), value)?;
    }
    let given = GivenForecast { place, day, mean: mean.map(|mean| mean.normalize()), quantiles };
    match given.problem() {
        Some((field, error)) => {
            let level = field.strip_prefix('q').and_then(|level| level.parse::<Decimal>().ok());
            let value = level.and_then(|level| given.quantiles.get(&level));
            let got = value.or(given.mean.as_ref()).map_or("nothing".to_owned(), ToString::to_string);
            Err(of_field(&field, &got, error))
        }
        None => Ok(given),
    }
}

/// The level that a field such as `q0.95` is the quantile of.
fn level_of(name: &str) -> Option<&str> {
    name.strip_prefix('q').filter(|level| level.starts_with(|first: char| first.is_ascii_digit() || first == '.'))
}

/// Reads a forecast of another system as a row: `item_id`, `location_id`, `date`, `mean`, and quantiles as `q0.05` or in
/// an object `quantiles`. A column `model`, which exports have, says nothing here.
///
/// # Errors
/// A [`Refusal`] that says which field holds what, what is allowed and the way out.
///
/// ```
/// use restock_ledger::read_forecast_row;
///
/// let row = br#"{"item_id":"milk","location_id":"berlin","date":"2026-03-02","mean":3.5,"q0.5":3,"q0.9":"7"}"#;
/// assert_eq!(read_forecast_row(row).unwrap().quantiles.len(), 2);
/// let crossed = br#"{"item_id":"milk","location_id":"berlin","date":"2026-03-02","q0.5":3,"q0.9":2}"#;
/// assert_eq!(
///     read_forecast_row(crossed).unwrap_err().to_string(),
///     "q0.9: got 2, expected at least 3, the quantile of the level below; quantiles rise with their level, and none is \
///      negative: sort or correct them"
/// );
/// ```
pub fn read_forecast_row(row: &[u8]) -> Result<GivenForecast, Refusal> {
    let mut fields = Fields::parse(row_text(row)?)?;
    let given = given(&mut fields)?;
    fields.take("model");
    match fields.into_rest().first() {
        Some((name, value)) => {
            let expected = "item_id, location_id, date, mean, and quantiles such as q0.9";
            Err(malformed(name, value, expected, "leave the field out"))
        }
        None => Ok(given),
    }
}

fn of_field(field: &str, got: &str, FieldError { expected, fix }: FieldError) -> Refusal {
    malformed(field, got, expected, fix)
}
