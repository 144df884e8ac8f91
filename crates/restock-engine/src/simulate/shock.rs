//! What could happen to demand, lead times, suppliers or prices, written as `demand=2x@2026-12-01`.

use std::fmt;
use std::str::FromStr;

use restock_core::{Bucket, Day};

use crate::backtest::Note;
use crate::filter::{Filter, FilterError};
use crate::what_if::parse_factor;

/// One change of the future, over some days and for some or all item-locations.
///
/// ```text
/// shock  = ( "demand=" ( factor | percent ) | "lead_time=" ( "+" days | "-" days | days | factor | percent )
///          | "supplier=down" | "price=" ( factor | percent ) [ ":" elasticity ] ) "@" span [ " where " filter ]
/// factor = "2x", percent = "+30%" or "-20%"
/// span   = "2026-12-01" (from that day on) | "2026-12-01..2026-12-31" (both included) | "2026-12" (that month)
/// filter = as in a segment of restock.toml: item.abc == 'A' and location.kind == 'store'
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Shock {
    /// What changes.
    pub change: ShockChange,
    /// First day.
    pub from: Day,
    /// Last day; `None` is the end of the simulation.
    pub to: Option<Day>,
    /// The item-locations it happens to; `None` is all of them.
    pub filter: Option<Filter>,
    text: String,
}

/// What a shock changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ShockChange {
    /// Demand times this factor, 0 to 100.
    Demand(f64),
    /// Lead times of orders placed during the shock.
    LeadTime(LeadTimeChange),
    /// Orders placed during the shock leave the source when it is over.
    SupplierDown,
    /// Prices times `factor`, above 0 and at most 100: demand is multiplied by `factor ^ elasticity`. Lost margin is still
    /// counted at the price of today.
    Price {
        /// The new price in shares of the old.
        factor: f64,
        /// Per cent of demand per per cent of price, 0 or less.
        elasticity: f64,
    },
}

/// The price elasticity of demand where a shock names none: the mean of 1,851 estimates (Bijmolt, van Heerde & Pieters
/// 2005, *Journal of Marketing Research* 42, p. 141).
pub const USUAL_ELASTICITY: f64 = -2.62;

/// How a lead time changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LeadTimeChange {
    /// So many days more, or fewer where negative; never below 0 in all.
    Add(f64),
    /// Times this factor.
    Times(f64),
    /// So many days, whatever they were.
    Set(f64),
}

/// Why a text is not a [`Shock`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShockError {
    /// No `=` or no `@`.
    #[error("shock {text:?} has no {missing:?}, write for example demand=2x@2026-12-01")]
    Missing {
        /// The whole text.
        text: String,
        /// What is missing.
        missing: &'static str,
    },
    /// Not something that can be shocked.
    #[error("shock {got:?} is not known, use demand, lead_time, supplier or price")]
    UnknownName {
        /// The name.
        got: String,
    },
    /// Not a change.
    #[error("shock {name} is {got:?}, must be {expected}")]
    BadChange {
        /// What it was for.
        name: &'static str,
        /// The text.
        got: String,
        /// What is allowed.
        expected: &'static str,
    },
    /// Not a day, span or month.
    #[error(
        "days of a shock are {got:?}, must be a day such as 2026-12-01 (from then on), two days such as \
         2026-12-01..2026-12-31 or a month such as 2026-12"
    )]
    BadSpan {
        /// The text.
        got: String,
    },
    /// The last day is before the first.
    #[error("days of a shock are {from} to {to}, the first must not be after the last")]
    Reversed {
        /// First day.
        from: Day,
        /// Last day.
        to: Day,
    },
    /// Not a filter.
    #[error("shock {text:?}: {error}")]
    BadFilter {
        /// The whole text.
        text: String,
        /// What is wrong.
        error: FilterError,
    },
}

impl Shock {
    /// Reads a shock.
    ///
    /// ```
    /// use restock_engine::simulate::{Shock, ShockChange};
    /// let shock = Shock::parse("demand=+30%@2026-12-01..2026-12-24 where location.kind == 'store'").unwrap();
    /// assert_eq!(shock.change, ShockChange::Demand(1.3));
    /// assert!(Shock::parse("demand=2x").is_err(), "no day");
    /// ```
    ///
    /// # Errors
    /// [`ShockError`] says what is allowed.
    pub fn parse(text: &str) -> Result<Self, ShockError> {
        let missing = |missing| ShockError::Missing { text: text.to_owned(), missing };
        let (head, filter) = match text.split_once(" where ") {
            Some((head, filter)) => {
                let filter =
                    Filter::parse(filter).map_err(|error| ShockError::BadFilter { text: text.to_owned(), error })?;
                (head, Some(filter))
            }
            None => (text, None),
        };
        let (name, rest) = head.split_once('=').ok_or_else(|| missing("="))?;
        let (name, rest) = (name.trim(), rest.trim());
        if !["demand", "lead_time", "supplier", "price"].contains(&name) {
            return Err(ShockError::UnknownName { got: name.to_owned() });
        }
        let (value, span) = rest.split_once('@').ok_or_else(|| missing("@"))?;
        let (value, span) = (value.trim(), span.trim());
        let bad = |name, expected| move || ShockError::BadChange { name, got: value.to_owned(), expected };
        let change = match name {
            "demand" => ShockChange::Demand(
                parse_times(value)
                    .ok_or_else(bad("demand", "a factor such as 2x or a change such as +30% or -20%, at most 100x"))?,
            ),
            "lead_time" => ShockChange::LeadTime(parse_lead_time(value).ok_or_else(bad(
                "lead_time",
                "a change in days such as +5 or -2, a number of days such as 14, a factor such as 2x or a change such as \
                 +30%, at most 3650 days",
            ))?),
            "supplier" if value == "down" => ShockChange::SupplierDown,
            "supplier" => return Err(bad("supplier", "down")()),
            _ => parse_price(value).ok_or_else(bad(
                "price",
                "a change such as +10%, -20% or 1.1x, at most 100x, and the elasticity of demand if it is known, 0 to -20: \
                 +10%:-1.5",
            ))?,
        };
        let (from, to) = parse_span(span)?;
        if let Some(to) = to.filter(|to| *to < from) {
            return Err(ShockError::Reversed { from, to });
        }
        Ok(Self { change, from, to, filter, text: text.trim().to_owned() })
    }

    /// Whether the shock holds on a day.
    pub(crate) fn holds_on(&self, day: Day) -> bool {
        self.from <= day && self.to.is_none_or(|to| day <= to)
    }

    /// The shock in words.
    pub fn describe(&self) -> Note {
        let (en, zh) = match self.change {
            ShockChange::Demand(factor) => (format!("demand × {factor}"), format!("需求 × {factor}")),
            ShockChange::LeadTime(LeadTimeChange::Add(days)) => {
                (format!("lead time {days:+} days"), format!("提前期 {days:+} 天"))
            }
            ShockChange::LeadTime(LeadTimeChange::Times(factor)) => {
                (format!("lead time × {factor}"), format!("提前期 × {factor}"))
            }
            ShockChange::LeadTime(LeadTimeChange::Set(days)) => {
                (format!("lead time of {days} days"), format!("提前期为 {days} 天"))
            }
            ShockChange::SupplierDown => {
                ("the source sends nothing until it is over".to_owned(), "货源停供，恢复后补发".to_owned())
            }
            ShockChange::Price { factor, elasticity } => {
                let demand = (100.0 * factor.powf(elasticity)).round() / 100.0;
                (
                    format!("price × {factor}, demand × {demand} (elasticity {elasticity})"),
                    format!("价格 × {factor}，需求 × {demand}（弹性 {elasticity}）"),
                )
            }
        };
        let from = self.from;
        let (span, span_zh) = match self.to {
            Some(to) => (format!("{from} to {to}"), format!("{from} 至 {to}")),
            None => (format!("from {from} on"), format!("自 {from} 起")),
        };
        let of = self.text.split_once(" where ").map(|(_, filter)| filter.trim());
        let (of, of_zh) = of.map_or_else(Default::default, |of| (format!(", where {of}"), format!("，条件：{of}")));
        Note { en: format!("{en}, {span}{of}"), zh: format!("{zh}，{span_zh}{of_zh}") }
    }
}

impl LeadTimeChange {
    /// A lead time in days after the change. `uniform` in [0, 1) decides between the two whole numbers of days
    /// around a result that is none, so that the mean is right.
    pub(crate) fn apply(self, lead_time: usize, uniform: f64) -> usize {
        let days = match self {
            Self::Add(days) => lead_time as f64 + days,
            Self::Times(factor) => lead_time as f64 * factor,
            Self::Set(days) => days,
        };
        (days.max(0.0) + uniform + 1e-9).floor() as usize
    }
}

/// `2x`, `+30%` or `-20%`.
fn parse_times(value: &str) -> Option<f64> {
    value.ends_with(['x', '%']).then(|| parse_factor(value)).flatten()
}

/// `+10%`, or `+10%:-1.5` with an elasticity.
fn parse_price(value: &str) -> Option<ShockChange> {
    let (times, elasticity) = match value.split_once(':') {
        Some((times, elasticity)) => (times, elasticity.trim().parse().ok()?),
        None => (value, USUAL_ELASTICITY),
    };
    let factor = parse_times(times.trim()).filter(|factor| *factor > 0.0)?;
    (-20.0..=0.0).contains(&elasticity).then_some(ShockChange::Price { factor, elasticity })
}

/// `+5`, `-2`, `14`, `2x`, `+30%`; a trailing `d` for days is allowed.
fn parse_lead_time(value: &str) -> Option<LeadTimeChange> {
    if value.ends_with(['x', '%']) {
        return parse_factor(value).map(LeadTimeChange::Times);
    }
    let days: f64 = value.strip_suffix('d').unwrap_or(value).parse().ok()?;
    if !days.is_finite() || days.abs() > 3650.0 {
        return None;
    }
    Some(if value.starts_with(['+', '-']) { LeadTimeChange::Add(days) } else { LeadTimeChange::Set(days) })
}

fn parse_span(span: &str) -> Result<(Day, Option<Day>), ShockError> {
    let bad = || ShockError::BadSpan { got: span.to_owned() };
    if let Some((from, to)) = span.split_once("..") {
        let day = |text: &str| text.trim().parse::<Day>().map_err(|_| bad());
        return Ok((day(from)?, Some(day(to)?)));
    }
    if let Ok(day) = span.parse::<Day>() {
        return Ok((day, None));
    }
    // A month: its first day exists when the month does.
    let is_month = span.len() == 7 && span.as_bytes()[4] == b'-';
    let first = is_month.then(|| format!("{span}-01").parse::<Day>().ok()).flatten().ok_or_else(bad)?;
    Ok((first, Some(Bucket::Month.last_day(Bucket::Month.period_of(first)))))
}

impl FromStr for Shock {
    type Err = ShockError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Shock {
    /// The text it was read from.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shocks_are_read_and_described() {
        let en = |text: &str| Shock::parse(text).unwrap().describe().en;
        assert_eq!(en("demand=2x@2026-12-01"), "demand × 2, from 2026-12-01 on");
        assert_eq!(en("demand=-20%@2026-12"), "demand × 0.8, 2026-12-01 to 2026-12-31");
        assert_eq!(en("lead_time=+5@2026-02-01..2026-02-28"), "lead time +5 days, 2026-02-01 to 2026-02-28");
        assert_eq!(
            en("lead_time=14d@2026-02-01 where location.id == 'S1'"),
            "lead time of 14 days, from 2026-02-01 on, where location.id == 'S1'"
        );
        assert_eq!(
            en("supplier=down@2026-12-01..2026-12-20 where source.id == 'DAIRY'"),
            "the source sends nothing until it is over, 2026-12-01 to 2026-12-20, where source.id == 'DAIRY'"
        );
        assert_eq!(en("price=+10%:-2@2026-12-01"), "price × 1.1, demand × 0.83 (elasticity -2), from 2026-12-01 on");
        assert_eq!(
            Shock::parse("price=-20%@2026-12").unwrap().change,
            ShockChange::Price { factor: 0.8, elasticity: USUAL_ELASTICITY }
        );
        assert_eq!(Shock::parse("lead_time=2x@2026-12").unwrap().describe().zh, "提前期 × 2，2026-12-01 至 2026-12-31");
    }

    #[test]
    fn bad_shocks_say_the_way_out() {
        let error = |text: &str| Shock::parse(text).unwrap_err().to_string();
        insta::assert_snapshot!(error("demand"), @r#"shock "demand" has no "=", write for example demand=2x@2026-12-01"#);
        insta::assert_snapshot!(error("demand=2x"), @r#"shock "demand=2x" has no "@", write for example demand=2x@2026-12-01"#);
        insta::assert_snapshot!(error("weather=2x@2026-12-01"), @r#"shock "weather" is not known, use demand, lead_time, supplier or price"#);
        insta::assert_snapshot!(error("supplier=up@2026-12-01"), @r#"shock supplier is "up", must be down"#);
        for price in ["free", "-100%", "+10%:2", "1.1", "200x"] {
            assert!(error(&format!("price={price}@2026-12-01")).contains("a change such as +10%"), "{price}");
        }
        insta::assert_snapshot!(error("demand=2@2026-12-01"), @r#"shock demand is "2", must be a factor such as 2x or a change such as +30% or -20%, at most 100x"#);
        insta::assert_snapshot!(error("lead_time=soon@2026-12-01"), @r#"shock lead_time is "soon", must be a change in days such as +5 or -2, a number of days such as 14, a factor such as 2x or a change such as +30%, at most 3650 days"#);
        insta::assert_snapshot!(error("demand=2x@tomorrow"), @r#"days of a shock are "tomorrow", must be a day such as 2026-12-01 (from then on), two days such as 2026-12-01..2026-12-31 or a month such as 2026-12"#);
        insta::assert_snapshot!(error("demand=2x@2026-12-31..2026-12-01"), @"days of a shock are 2026-12-31 to 2026-12-01, the first must not be after the last");
        assert!(error("demand=2x@2026-12-01 where item.abc").contains("expected"));
    }

    #[test]
    fn a_shock_holds_on_its_days_only() {
        let shock = Shock::parse("demand=2x@2026-03-04..2026-03-05").unwrap();
        let day = |text: &str| text.parse::<Day>().unwrap();
        let days = ["2026-03-03", "2026-03-04", "2026-03-05", "2026-03-06"];
        assert_eq!(days.map(|text| shock.holds_on(day(text))), [false, true, true, false]);
        assert_eq!(LeadTimeChange::Add(-9.0).apply(3, 0.99), 0, "never before it is placed");
        assert_eq!(LeadTimeChange::Add(7.0).apply(1, 0.5), 8);
        assert_eq!([0.1, 0.9].map(|uniform| LeadTimeChange::Times(1.5).apply(1, uniform)), [1, 2]);
    }
}
