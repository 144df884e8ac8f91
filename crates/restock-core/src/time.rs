//! Days, planning buckets and weekday sets.
//!
//! A [`Day`] is a calendar day, a [`Period`] is one planning bucket (a day, a week or a month) on a
//! running index, so that time arithmetic inside planning is integer arithmetic.

use std::fmt;
use std::str::FromStr;

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A calendar day, counted from 1970-01-01.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Day(pub i32);

impl Day {
    const EPOCH: Date = jiff::civil::date(1970, 1, 1);

    /// The day of a civil date.
    pub fn from_date(date: Date) -> Self {
        let days = date.since((jiff::Unit::Day, Self::EPOCH)).expect("dates differ by days");
        Self(days.get_days())
    }

    /// The day of a year, month and day of month; `None` when there is no such day.
    pub fn from_ymd(year: i16, month: i8, day: i8) -> Option<Self> {
        Date::new(year, month, day).ok().map(Self::from_date)
    }

    /// The civil date of this day.
    ///
    /// # Panics
    /// Outside the years -9999 to 9999.
    pub fn to_date(self) -> Date {
        Self::EPOCH.checked_add(self.0.days()).expect("day within years -9999..=9999")
    }

    /// 0 for Monday to 6 for Sunday.
    pub fn weekday_idx(self) -> usize {
        // 1970-01-01 was a Thursday, index 3.
        (self.0 + 3).rem_euclid(7) as usize
    }

    /// This day plus `days` days.
    pub fn plus(self, days: i32) -> Self {
        Self(self.0 + days)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_date().fmt(f)
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_date().fmt(f)
    }
}

impl FromStr for Day {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        text.parse::<Date>().map(Self::from_date).map_err(|_| format!("{text:?} is not a date such as 2026-03-02"))
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// One planning bucket on a running index; its meaning depends on the [`Bucket`].
pub type Period = i32;

/// The length of a planning period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bucket {
    /// One calendar day.
    #[default]
    Day,
    /// Seven days from Monday to Sunday.
    Week,
    /// One calendar month.
    Month,
}

impl Bucket {
    /// The period that contains `day`.
    pub fn period_of(self, day: Day) -> Period {
        match self {
            Bucket::Day => day.0,
            // Day -3 (1969-12-29) is a Monday.
            Bucket::Week => (day.0 + 3).div_euclid(7),
            Bucket::Month => {
                let date = day.to_date();
                i32::from(date.year()) * 12 + i32::from(date.month()) - 1
            }
        }
    }

    /// The first day of `period`.
    pub fn first_day(self, period: Period) -> Day {
        match self {
            Bucket::Day => Day(period),
            Bucket::Week => Day(period * 7 - 3),
            Bucket::Month => {
                let (year, month) = (period.div_euclid(12), period.rem_euclid(12) + 1);
                Day::from_ymd(year as i16, month as i8, 1).expect("month within years -9999..=9999")
            }
        }
    }

    /// The last day of `period`.
    pub fn last_day(self, period: Period) -> Day {
        self.first_day(period + 1).plus(-1)
    }

    /// The mean number of days in a period: 1, 7 or 30.4375.
    pub fn days(self) -> f64 {
        match self {
            Bucket::Day => 1.0,
            Bucket::Week => 7.0,
            Bucket::Month => 30.4375,
        }
    }

    /// What several periods are called: `days`, `weeks`, `months`.
    pub fn plural(self) -> &'static str {
        match self {
            Bucket::Day => "days",
            Bucket::Week => "weeks",
            Bucket::Month => "months",
        }
    }

    /// Periods that are forecast when nobody says how many: four weeks of days, eight weeks, half a year.
    pub fn usual_horizon(self) -> usize {
        match self {
            Bucket::Day => 28,
            Bucket::Week => 8,
            Bucket::Month => 6,
        }
    }

    /// How many periods make the usual season: 7 days, 52 weeks, 12 months.
    pub fn season(self) -> usize {
        match self {
            Bucket::Day => 7,
            Bucket::Week => 52,
            Bucket::Month => 12,
        }
    }

    /// A duration in days as whole periods, rounded up; zero stays zero.
    pub fn periods_ceil(self, days: f64) -> usize {
        (days / self.days() - 1e-9).ceil().max(0.0) as usize
    }
}

/// A set of weekdays, such as the days on which a supplier takes orders.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WeekdaySet(u8);

impl WeekdaySet {
    /// Every day of the week.
    pub const ALL: WeekdaySet = WeekdaySet(0b111_1111);
    /// No day.
    pub const NONE: WeekdaySet = WeekdaySet(0);

    /// This set with the weekday of index 0 (Monday) to 6 (Sunday) added.
    pub fn with(self, weekday_idx: usize) -> Self {
        assert!(weekday_idx < 7);
        Self(self.0 | 1 << weekday_idx)
    }

    /// Whether the weekday of `day` is in the set.
    pub fn contains(self, day: Day) -> bool {
        self.0 >> day.weekday_idx() & 1 == 1
    }

    /// Whether no weekday is in the set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many weekdays are in the set.
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }
}

impl Default for WeekdaySet {
    fn default() -> Self {
        Self::ALL
    }
}

impl fmt::Debug for WeekdaySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for WeekdaySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let names: Vec<&str> = (0..7).filter(|idx| self.0 >> idx & 1 == 1).map(|idx| NAMES[idx]).collect();
        f.write_str(&names.join(" "))
    }
}

impl FromStr for WeekdaySet {
    type Err = String;
    /// Reads names separated by spaces, commas, semicolons or bars, such as `mon wed fri` or `Monday;Friday`;
    /// ISO numbers 1 (Monday) to 7 (Sunday) and `daily` are accepted too.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut set = Self::NONE;
        for word in text.split([' ', ',', ';', '|', '/']).filter(|word| !word.is_empty()) {
            let lower = word.to_lowercase();
            let idx = match lower.get(..3).unwrap_or(&lower) {
                "mon" | "1" => 0,
                "tue" | "2" => 1,
                "wed" | "3" => 2,
                "thu" | "4" => 3,
                "fri" | "5" => 4,
                "sat" | "6" => 5,
                "sun" | "7" => 6,
                "dai" | "all" => return Ok(Self::ALL),
                _ => return Err(format!("{word:?} is not a weekday such as mon or 1")),
            };
            set = set.with(idx);
        }
        Ok(set)
    }
}

impl From<Weekday> for WeekdaySet {
    fn from(weekday: Weekday) -> Self {
        Self::NONE.with(weekday.to_monday_zero_offset() as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_days() {
        let day: Day = "2026-03-02".parse().unwrap();
        assert_eq!(day.weekday_idx(), 0, "2 March 2026 is a Monday");
        assert_eq!(Bucket::Week.first_day(Bucket::Week.period_of(day.plus(6))), day);
        assert_eq!(Bucket::Month.last_day(Bucket::Month.period_of(day)).to_string(), "2026-03-31");
        assert_eq!("Mon, thu".parse::<WeekdaySet>().unwrap().to_string(), "mon thu");
    }

    proptest! {
        #[test]
        fn a_day_lies_in_its_period(day in -100_000_i32..100_000) {
            for bucket in [Bucket::Day, Bucket::Week, Bucket::Month] {
                let period = bucket.period_of(Day(day));
                prop_assert!(bucket.first_day(period) <= Day(day) && Day(day) <= bucket.last_day(period));
                prop_assert_eq!(bucket.last_day(period).plus(1), bucket.first_day(period + 1));
            }
            prop_assert_eq!(Day::from_date(Day(day).to_date()), Day(day));
        }
    }
}
