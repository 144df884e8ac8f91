//! What people and other systems say about demand to come: overrides of forecasts, and forecasts of their own.
//!
//! # Overrides
//! An override is about an item at a location, an item at every location, a category path, or a location, and about the
//! days `from..=to`; after `to` it has expired. It says how demand differs from the forecast: by a factor, or, for an item
//! at a location, by the total that is expected over its days. What is said last about the same [`OverrideKey`] holds, and
//! it can be taken back. Of several overrides of a day the narrowest holds: one of an item before one of a category, the
//! longer category path before the shorter one, a category before a location alone, and of the same items one at a location
//! before one everywhere. Of equally narrow ones the last one said holds; they are not multiplied.
//!
//! A surge is a factor that is no part of how demand usually is, such as an epidemic. While it lasts, what goes out on its
//! days is divided by it before forecasters learn from it, so that what it really comes to corrects the forecast; when it is
//! over, its days count as days of which nothing is known. It should therefore stay said.
//!
//! # Forecasts of others
//! A [`GivenForecast`] is a row: an item at a location, the first day of a period of the plan, the mean or quantiles at any
//! levels. What is said last about the same row holds.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::event::ItemLocation;
use crate::master::FieldError;
use crate::quantity::Quantity;
use crate::time::Day;

/// The largest factor of an override: more is a mistake in the decimal point.
pub const MAX_FACTOR: i64 = 1_000;

/// The largest demand of one period, base units: as large as quantities can be.
pub const MAX_GIVEN: i64 = 9_000_000_000_000;

/// The most quantile levels of one row of a forecast.
pub const MAX_GIVEN_LEVELS: usize = 99;

/// What names an override: whom it is about, and its days.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OverrideKey {
    /// The item; `None` means every item (of `category`, where given).
    pub item_id: Option<String>,
    /// The location; `None` means every location.
    pub location_id: Option<String>,
    /// The category path whose items it is about.
    pub category: Option<String>,
    /// First day.
    pub from: Day,
    /// Last day; the override has expired after it.
    pub to: Day,
}

impl OverrideKey {
    /// A short name that is the same wherever the same key is known: a hash of its parts.
    ///
    /// ```
    /// use restock_core::said_demand::OverrideKey;
    ///
    /// let day = "2026-03-02".parse().unwrap();
    /// let milk = OverrideKey { item_id: Some("milk".into()), location_id: None, category: None, from: day, to: day };
    /// assert!(milk.id().starts_with("fo_") && milk.id().len() == 19);
    /// assert_ne!(milk.id(), OverrideKey { location_id: Some("berlin".into()), ..milk.clone() }.id());
    /// ```
    pub fn id(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for part in [&self.item_id, &self.location_id, &self.category] {
            // An absent part differs from every text.
            hasher.update(&part.as_ref().map_or(u64::MAX, |text| text.len() as u64).to_le_bytes());
            hasher.update(part.as_deref().unwrap_or_default().as_bytes());
        }
        hasher.update(&self.from.0.to_le_bytes()).update(&self.to.0.to_le_bytes());
        format!("fo_{}", &hasher.finalize().to_hex()[..16])
    }
}

/// How demand differs from the forecast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DemandChange {
    /// It is this multiple of it on each day.
    Factor(Decimal),
    /// It is this multiple of the usual on each day, while an emergency lasts.
    Surge(Decimal),
    /// It is this many base units over all days of the override, spread over them as the forecast is.
    Quantity(Quantity),
}

/// Somebody says how demand will differ from the forecast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForecastOverride {
    /// About whom and which days.
    pub key: OverrideKey,
    /// How it differs; `None` takes back what was said about the same key.
    pub change: Option<DemandChange>,
    /// Why.
    pub reason: String,
    /// Who says it; empty when unknown.
    pub author: String,
}

impl ForecastOverride {
    /// The first field that may not say what it says, with what is allowed.
    pub fn problem(&self) -> Option<(&'static str, FieldError)> {
        let OverrideKey { item_id, location_id, category, from, to } = &self.key;
        let wrong = |field, expected: String, fix| Some((field, FieldError { expected, fix }));
        if to < from {
            return wrong("to", format!("a day not before {from}"), "swap the days or correct one of them");
        }
        if item_id.is_some() && category.is_some() {
            return wrong("category", "an item or a category".to_owned(), "leave out item_id or category");
        }
        if item_id.is_none() && category.is_none() && location_id.is_none() {
            let expected = "an item, a category or a location".to_owned();
            return wrong("item_id", expected, "say whose demand differs: add item_id, category or location_id");
        }
        match self.change {
            Some(DemandChange::Factor(factor)) if factor < Decimal::ZERO || factor > Decimal::from(MAX_FACTOR) => {
                wrong("factor", format!("a multiple of the forecast from 0 to {MAX_FACTOR}"), "1.3 is 30 % more")
            }
            Some(DemandChange::Surge(factor)) if factor <= Decimal::ZERO || factor > Decimal::from(MAX_FACTOR) => {
                wrong(
                    "factor",
                    format!("a multiple of the usual above 0, up to {MAX_FACTOR}"),
                    "5 is five times the usual",
                )
            }
            Some(DemandChange::Quantity(quantity)) if quantity < Quantity::ZERO => {
                wrong("quantity", "base units of at least 0".to_owned(), "give the total expected over all days")
            }
            Some(DemandChange::Quantity(_)) if item_id.is_none() || location_id.is_none() => {
                let expected = "a factor, unless item_id and location_id are given".to_owned();
                wrong("quantity", expected, "name one item at one location, or give a factor")
            }
            Some(_) if self.reason.is_empty() => {
                wrong("reason", "a text that says why".to_owned(), "say why demand will differ")
            }
            _ => None,
        }
    }
}

/// Another system says what demand it expects in one period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenForecast {
    /// Item and location.
    pub place: ItemLocation,
    /// First day of the period.
    pub day: Day,
    /// Expected demand, base units.
    pub mean: Option<Decimal>,
    /// Quantiles by level, base units.
    pub quantiles: BTreeMap<Decimal, Decimal>,
}

impl GivenForecast {
    /// The first field that may not say what it says, with what is allowed.
    pub fn problem(&self) -> Option<(String, FieldError)> {
        let wrong =
            |field: String, expected: &str, fix| Some((field, FieldError { expected: expected.to_owned(), fix }));
        if self.mean.is_none() && self.quantiles.is_empty() {
            return wrong(
                "mean".to_owned(),
                "a mean, or quantiles",
                "give the mean, or quantiles such as q0.5 and q0.9",
            );
        }
        if self.mean.is_some_and(|mean| mean < Decimal::ZERO) {
            return wrong("mean".to_owned(), "a number of at least 0", "demand is never negative");
        }
        let most = Decimal::from(MAX_GIVEN);
        if self.mean.iter().chain(self.quantiles.values()).any(|value| *value > most) {
            let expected = "demand of at most 9,000,000,000,000 base units";
            return wrong("mean".to_owned(), expected, "use a larger unit of measure");
        }
        if self.quantiles.len() > MAX_GIVEN_LEVELS {
            return wrong(
                "quantiles".to_owned(),
                "at most 99 levels",
                "leave levels out: those between are interpolated",
            );
        }
        let mut before = Decimal::ZERO;
        for (level, value) in &self.quantiles {
            let field = format!("q{}", level.normalize());
            if *level <= Decimal::ZERO || *level >= Decimal::ONE {
                return wrong(field, "a level above 0 and below 1", "divide a percentage by 100");
            }
            if *value < before {
                let expected = format!("at least {}, the quantile of the level below", before.normalize());
                let fix = "quantiles rise with their level, and none is negative: sort or correct them";
                return wrong(field, &expected, fix);
            }
            before = *value;
        }
        None
    }
}

/// Whether a category is that of a path, or below it: `food/dairy` is in `food`, `foodstuff` is not.
pub fn is_in_category(category: &str, path: &str) -> bool {
    category.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn milk(change: Option<DemandChange>) -> ForecastOverride {
        let key = OverrideKey {
            item_id: Some("milk".to_owned()),
            location_id: Some("berlin".to_owned()),
            category: None,
            from: Day(10),
            to: Day(12),
        };
        ForecastOverride { key, change, reason: "street party".to_owned(), author: "ann".to_owned() }
    }

    fn told(said: &ForecastOverride) -> String {
        said.problem().map_or_else(String::new, |(field, error)| format!("{field}: {} ({})", error.expected, error.fix))
    }

    #[test]
    fn overrides_say_whom_they_are_about_and_what_they_change() {
        let factor = |text: &str| Some(DemandChange::Factor(text.parse().unwrap()));
        let good = milk(factor("1.3"));
        assert_eq!(told(&good), "");
        assert_eq!(told(&milk(None)), "");
        insta::assert_snapshot!(told(&milk(factor("-0.1"))), @"factor: a multiple of the forecast from 0 to 1000 (1.3 is 30 % more)");
        insta::assert_snapshot!(told(&milk(factor("1300"))), @"factor: a multiple of the forecast from 0 to 1000 (1.3 is 30 % more)");
        let total = ForecastOverride { change: Some(DemandChange::Quantity(Quantity::from_whole(5))), ..good.clone() };
        assert_eq!(told(&total), "");
        let everywhere = OverrideKey { location_id: None, ..good.key.clone() };
        insta::assert_snapshot!(told(&ForecastOverride { key: everywhere.clone(), ..total }), @"quantity: a factor, unless item_id and location_id are given (name one item at one location, or give a factor)");
        let all = OverrideKey { item_id: None, ..everywhere };
        insta::assert_snapshot!(told(&ForecastOverride { key: all, ..good.clone() }), @"item_id: an item, a category or a location (say whose demand differs: add item_id, category or location_id)");
        let backwards = OverrideKey { to: Day(9), ..good.key.clone() };
        insta::assert_snapshot!(told(&ForecastOverride { key: backwards, ..good.clone() }), @"to: a day not before 1970-01-11 (swap the days or correct one of them)");
        insta::assert_snapshot!(told(&ForecastOverride { reason: String::new(), ..good }), @"reason: a text that says why (say why demand will differ)");
    }

    #[test]
    fn quantiles_rise_with_their_level() {
        let of = |quantiles: &[(&str, &str)], mean: Option<&str>| {
            let number = |text: &str| text.parse::<Decimal>().unwrap();
            let given = GivenForecast {
                place: ItemLocation::new("milk", "berlin"),
                day: Day(1),
                mean: mean.map(number),
                quantiles: quantiles.iter().map(|(level, value)| (number(level), number(value))).collect(),
            };
            given.problem().map_or_else(String::new, |(field, error)| format!("{field}: {}", error.expected))
        };
        assert_eq!(of(&[("0.1", "0"), ("0.5", "3"), ("0.9", "3")], None), "");
        assert_eq!(of(&[], Some("2.5")), "");
        insta::assert_snapshot!(of(&[("0.5", "3"), ("0.90", "2")], Some("2")), @"q0.9: at least 3, the quantile of the level below");
        insta::assert_snapshot!(of(&[("50", "3")], None), @"q50: a level above 0 and below 1");
        insta::assert_snapshot!(of(&[], None), @"mean: a mean, or quantiles");
    }

    #[test]
    fn a_category_path_holds_what_is_below_it() {
        assert!(is_in_category("food/dairy", "food") && is_in_category("food", "food"));
        assert!(!is_in_category("foodstuff", "food") && !is_in_category("food", "food/dairy"));
    }
}
