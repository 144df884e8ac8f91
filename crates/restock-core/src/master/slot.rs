//! Fields of records by their kinds: what each may say, and the one text of it.

use rust_decimal::Decimal;

use super::FieldError;
use crate::dataset::PriceBreak;
use crate::objective::ServiceType;
use crate::policy::{POLICY_NAMES, is_policy_name};
use crate::quantity::{Money, Quantity};
use crate::time::{Day, WeekdaySet};

/// Where a record keeps a field, and what it may say.
pub enum Slot<'a> {
    /// Any text; empty when unknown.
    Text(&'a mut String),
    /// Any text.
    MaybeText(&'a mut Option<String>),
    /// An amount of money.
    Money(&'a mut Option<Money>),
    /// Units, 0 included.
    Quantity(&'a mut Option<Quantity>),
    /// Units of an order; 0 means that there is no rule.
    OrderSize(&'a mut Option<Quantity>),
    /// A number from 0 to a bound.
    Number(&'a mut Option<f64>, f64),
    /// A share, 0 to 1.
    Share(&'a mut Option<f64>),
    /// A service target, 0 to 0.999999.
    Target(&'a mut Option<f64>),
    /// Whole days.
    WholeDays(&'a mut Option<u32>),
    /// A day.
    Day(&'a mut Option<Day>),
    /// Days of the week; all of them when unknown.
    Weekdays(&'a mut WeekdaySet),
    /// A rank, lower first; 0 when unknown.
    Rank(&'a mut i32),
    /// Yes or no; no when unknown.
    Flag(&'a mut bool),
    /// How service is measured.
    Service(&'a mut Option<ServiceType>),
    /// Quantity discounts.
    PriceBreaks(&'a mut Vec<PriceBreak>),
    /// Base units of a unit of measure, above 0; 0 when unknown.
    Factor(&'a mut Quantity),
    /// Whether costs decide; service does when unknown.
    Economics(&'a mut bool),
    /// A service target of a segment, above 0 and at most 0.999999.
    OwnTarget(&'a mut Option<f64>),
    /// The name of a policy.
    Policy(&'a mut Option<String>),
}

const NUMBER: &str = "a plain decimal number such as 12 or 0.75";
const DIGITS: &str = "write the digits with a decimal point and without group marks";

/// Digits with at most one point, exactly.
fn decimal(text: &str) -> Result<Decimal, FieldError> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let value = (are_digits(whole) && are_digits(part)).then(|| Decimal::from_str_exact(text).ok()).flatten();
    value.map(|value| value.normalize()).ok_or_else(|| match text.strip_prefix('-') {
        Some(rest) if decimal(rest).is_ok() => FieldError::new("a number of at least 0", "leave the minus out"),
        _ => FieldError::new(NUMBER, DIGITS),
    })
}

fn quantity(text: &str) -> Result<Quantity, FieldError> {
    let expected = "a quantity within ±9,000,000,000,000 with at most 6 digits after the point";
    let refused = |_| FieldError::new(expected, "use a smaller or larger unit of measure");
    Quantity::from_decimal(decimal(text)?).map_err(refused)
}

fn number(text: &str, max: f64) -> Result<f64, FieldError> {
    decimal(text)?;
    let value = text.parse().ok().filter(|value| (0.0..=max).contains(value));
    value.ok_or_else(|| FieldError::new(format!("a number from 0 to {max}"), "correct the value"))
}

/// Reads a text, where there is one; an empty one is none.
fn read<T>(text: Option<&str>, read: impl Fn(&str) -> Result<T, FieldError>) -> Result<Option<T>, FieldError> {
    text.map(str::trim).filter(|text| !text.is_empty()).map(read).transpose()
}

fn price_breaks(text: &str) -> Result<Vec<PriceBreak>, FieldError> {
    let refused = || {
        let expected = "price breaks such as 100:0.75;500:0.70, a quantity and its cost each";
        FieldError::new(expected, "write quantity:cost pairs separated by semicolons")
    };
    let pairs = text.split(';').map(str::trim).filter(|pair| !pair.is_empty());
    let steps = pairs.map(|pair| {
        let (from, cost) = pair.split_once(':').ok_or_else(refused)?;
        let (from, cost) = (quantity(from.trim()), decimal(cost.trim()));
        Ok(PriceBreak { from_quantity: from.map_err(|_| refused())?, unit_cost: cost.map_err(|_| refused())? })
    });
    let mut steps = steps.collect::<Result<Vec<_>, FieldError>>()?;
    steps.sort_by_key(|step| step.from_quantity);
    Ok(steps)
}

fn service_name(service_type: ServiceType) -> &'static str {
    match service_type {
        ServiceType::Cycle => "cycle",
        ServiceType::FillRate => "fill_rate",
        ServiceType::InStock => "in_stock",
    }
}

impl Slot<'_> {
    pub(super) fn set(self, text: Option<&str>) -> Result<(), FieldError> {
        match self {
            Self::Text(slot) => *slot = text.map(str::trim).unwrap_or_default().to_owned(),
            Self::MaybeText(slot) => *slot = read(text, |text| Ok(text.to_owned()))?,
            Self::Money(slot) => *slot = read(text, decimal)?,
            Self::Quantity(slot) => *slot = read(text, quantity)?,
            Self::OrderSize(slot) => *slot = read(text, quantity)?.filter(|size| *size > Quantity::ZERO),
            Self::Number(slot, max) => *slot = read(text, |text| number(text, max))?,
            Self::Share(slot) => {
                *slot = read(text, |text| {
                    let fix = "divide a percentage by 100";
                    number(text, 1.0).map_err(|_| FieldError::new("a share from 0 to 1", fix))
                })?;
            }
            Self::Target(slot) => {
                *slot = read(text, |text| {
                    let expected = "a service target from 0 to 0.999999, such as 0.98";
                    number(text, 0.999_999).map_err(|_| FieldError::new(expected, "divide a percentage by 100"))
                })?;
            }
            Self::WholeDays(slot) => {
                let refused = |_| FieldError::new("a whole number of days", "round it");
                *slot = read(text, |text| text.parse().map_err(refused))?;
            }
            Self::Day(slot) => {
                *slot = read(text, |text| {
                    let fix = "write year, month and day, with hyphens";
                    let day = (text.len() == 10).then(|| text.parse().ok()).flatten();
                    day.ok_or_else(|| FieldError::new("a date such as 2026-03-02", fix))
                })?;
            }
            Self::Weekdays(slot) => {
                let expected = "days of the week such as mon wed fri, or daily or none";
                let refused = |_| FieldError::new(expected, "write their first three letters with blanks between");
                let days =
                    |text: &str| if text == "none" { Ok(WeekdaySet::NONE) } else { text.parse().map_err(refused) };
                *slot = read(text, days)?.unwrap_or_default();
            }
            Self::Rank(slot) => {
                let refused = |_| FieldError::new("a rank such as 1", "write a whole number");
                *slot = read(text, |text| text.parse().map_err(refused))?.unwrap_or_default();
            }
            Self::Flag(slot) => {
                *slot = read(text, |text| match text {
                    "true" => Ok(true),
                    "false" => Ok(false),
                    _ => Err(FieldError::new("true or false", "write true or false")),
                })?
                .unwrap_or_default();
            }
            Self::Service(slot) => {
                let all = [ServiceType::Cycle, ServiceType::FillRate, ServiceType::InStock];
                *slot = read(text, |text| {
                    let found = all.into_iter().find(|one| service_name(*one) == text);
                    found.ok_or_else(|| FieldError::new("cycle, fill_rate or in_stock", "use one of the three"))
                })?;
            }
            Self::PriceBreaks(slot) => *slot = read(text, price_breaks)?.unwrap_or_default(),
            Self::Factor(slot) => {
                let factor = read(text, quantity)?.unwrap_or_default();
                if text.is_some_and(|text| !text.trim().is_empty()) && factor <= Quantity::ZERO {
                    return Err(FieldError::new("a factor above 0", "say how many base units are in one"));
                }
                *slot = factor;
            }
            Self::Economics(slot) => {
                *slot = read(text, |text| match text {
                    "economics" => Ok(true),
                    "service" => Ok(false),
                    _ => Err(FieldError::new("service or economics", "use one of the two")),
                })?
                .unwrap_or_default();
            }
            Self::OwnTarget(slot) => {
                *slot = read(text, |text| {
                    let expected = "a service target above 0 up to 0.999999, such as 0.98";
                    let target = number(text, 0.999_999).ok().filter(|target| *target > 0.0);
                    target.ok_or_else(|| FieldError::new(expected, "divide a percentage by 100"))
                })?;
            }
            Self::Policy(slot) => {
                *slot = read(text, |text| match is_policy_name(text) {
                    true => Ok(text.to_owned()),
                    false => Err(FieldError::new(format!("one of {}", POLICY_NAMES.join(", ")), "use one of these")),
                })?;
            }
        }
        Ok(())
    }

    pub(super) fn get(self) -> Option<String> {
        match self {
            Self::Text(slot) => Some(slot.clone()).filter(|text| !text.is_empty()),
            Self::MaybeText(slot) | Self::Policy(slot) => slot.clone(),
            Self::Money(slot) => slot.map(|money| money.normalize().to_string()),
            Self::Quantity(slot) | Self::OrderSize(slot) => slot.map(|quantity| quantity.to_string()),
            Self::Number(slot, _) | Self::Share(slot) | Self::Target(slot) | Self::OwnTarget(slot) => {
                slot.map(|number| number.to_string())
            }
            Self::WholeDays(slot) => slot.map(|days| days.to_string()),
            Self::Day(slot) => slot.map(|day| day.to_string()),
            Self::Weekdays(slot) if *slot == WeekdaySet::NONE => Some("none".to_owned()),
            Self::Weekdays(slot) => Some(slot.to_string()).filter(|_| *slot != WeekdaySet::ALL),
            Self::Rank(slot) => Some(slot.to_string()).filter(|_| *slot != 0),
            Self::Flag(slot) => slot.then(|| "true".to_owned()),
            Self::Factor(slot) => (*slot > Quantity::ZERO).then(|| slot.to_string()),
            Self::Economics(slot) => slot.then(|| "economics".to_owned()),
            Self::Service(slot) => slot.map(|service_type| service_name(service_type).to_owned()),
            Self::PriceBreaks(slot) => {
                let step = |step: &PriceBreak| format!("{}:{}", step.from_quantity, step.unit_cost.normalize());
                let steps: Vec<String> = slot.iter().map(step).collect();
                Some(steps.join("; ")).filter(|text| !text.is_empty())
            }
        }
    }
}
