//! The days of a simulated chain: weekdays, paydays and holidays, fixed and moving.

use restock_core::Day;

/// A recurring holiday or shopping date.
pub(super) struct HolidayRule {
    pub(super) name: &'static str,
    /// Shops are closed.
    pub(super) closed: bool,
    date: Date,
}

enum Date {
    Fixed(i8, i8),
    /// Days after Easter Sunday.
    Easter(i32),
    /// The second Sunday of May.
    MothersDay,
}

#[rustfmt::skip]
pub(super) const HOLIDAYS: [HolidayRule; 13] = [
    HolidayRule { name: "New Year", closed: true, date: Date::Fixed(1, 1) },
    HolidayRule { name: "Valentine's Day", closed: false, date: Date::Fixed(2, 14) },
    HolidayRule { name: "Good Friday", closed: true, date: Date::Easter(-2) },
    HolidayRule { name: "Easter Saturday", closed: false, date: Date::Easter(-1) },
    HolidayRule { name: "Easter Monday", closed: true, date: Date::Easter(1) },
    HolidayRule { name: "Labour Day", closed: true, date: Date::Fixed(5, 1) },
    HolidayRule { name: "Mother's Day", closed: false, date: Date::MothersDay },
    HolidayRule { name: "Whit Monday", closed: true, date: Date::Easter(50) },
    HolidayRule { name: "National Day", closed: true, date: Date::Fixed(10, 3) },
    HolidayRule { name: "Halloween", closed: false, date: Date::Fixed(10, 31) },
    HolidayRule { name: "Christmas Day", closed: true, date: Date::Fixed(12, 25) },
    HolidayRule { name: "Boxing Day", closed: true, date: Date::Fixed(12, 26) },
    HolidayRule { name: "New Year's Eve", closed: false, date: Date::Fixed(12, 31) },
];

/// One day of one holiday.
#[derive(Clone, Copy)]
pub(super) struct Holiday {
    pub(super) day: Day,
    /// Index into [`HOLIDAYS`].
    pub(super) rule_idx: usize,
}

/// What demand and shops need to know of each simulated day.
pub(super) struct Calendar {
    pub(super) first_day: Day,
    /// `[n_days]`: share of the year gone by, 0.0 to below 1.0.
    pub(super) year_share: Vec<f64>,
    /// `[n_days]`: how much closer to payday than usual, 0.0 to 1.0.
    pub(super) payday: Vec<f64>,
    /// Every holiday from half a month before the first to half a month after the last day, in order.
    pub(super) holidays: Vec<Holiday>,
}

impl Calendar {
    pub(super) fn new(first_day: Day, n_days: usize) -> Self {
        let days = (0..n_days as i32).map(|offset| first_day.plus(offset).to_date());
        let year_share = days.clone().map(|date| f64::from(date.day_of_year() - 1) / f64::from(date.days_in_year()));
        let payday = days.clone().map(|date| match date.day() {
            1 | 15 => 1.0,
            2 | 16 => 0.5,
            day if day == date.days_in_month() => 1.0,
            _ => 0.0,
        });
        let (from, to) = (first_day.plus(-15), first_day.plus(n_days as i32 + 15));
        let mut holidays = Vec::new();
        for year in from.to_date().year()..=to.to_date().year() {
            for (rule_idx, rule) in HOLIDAYS.iter().enumerate() {
                let day = rule.date.in_year(year);
                if from <= day && day <= to {
                    holidays.push(Holiday { day, rule_idx });
                }
            }
        }
        holidays.sort_by_key(|holiday| holiday.day);
        Self { first_day, year_share: year_share.collect(), payday: payday.collect(), holidays }
    }

    pub(super) fn n_days(&self) -> usize {
        self.year_share.len()
    }

    pub(super) fn day(&self, day_idx: usize) -> Day {
        self.first_day.plus(day_idx as i32)
    }
}

impl Date {
    fn in_year(&self, year: i16) -> Day {
        let day = |month, day| Day::from_ymd(year, month, day).expect("a day of every year");
        match *self {
            Date::Fixed(month, day_of_month) => day(month, day_of_month),
            Date::Easter(offset) => easter_sunday(year).plus(offset),
            Date::MothersDay => {
                let first = day(5, 1);
                first.plus(6 - first.weekday_idx() as i32 + 7)
            }
        }
    }
}

/// Easter Sunday of the Gregorian calendar, by the rule of Meeus, *Astronomical Algorithms* (1991), chapter 8.
fn easter_sunday(year: i16) -> Day {
    let y = i32::from(year);
    let (a, b, c) = (y % 19, y / 100, y % 100);
    let (d, e) = (b / 4, b % 4);
    let g = (b - (b + 8) / 25 + 1) / 3;
    let h = (19 * a + b - d - g + 15) % 30;
    let l = (32 + 2 * e + 2 * (c / 4) - h - c % 4) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let month_and_day = h + l - 7 * m + 114;
    Day::from_ymd(year, (month_and_day / 31) as i8, (month_and_day % 31 + 1) as i8).expect("Easter is a day")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Dates as published in the calendars of these years.
    #[test]
    fn moving_feasts_fall_on_their_published_days() {
        for (year, published) in
            [(2016, "2016-03-27"), (2024, "2024-03-31"), (2025, "2025-04-20"), (2026, "2026-04-05")]
        {
            assert_eq!(easter_sunday(year).to_string(), published);
        }
        assert_eq!(Date::MothersDay.in_year(2026).to_string(), "2026-05-10");
        assert_eq!(Date::Easter(50).in_year(2026).to_string(), "2026-05-25", "Whit Monday");
    }

    #[test]
    fn holidays_of_the_days_around_the_simulation_are_known() {
        let calendar = Calendar::new(Day::from_ymd(2026, 3, 20).unwrap(), 10);
        let names: Vec<&str> = calendar.holidays.iter().map(|holiday| HOLIDAYS[holiday.rule_idx].name).collect();
        assert_eq!(names, ["Good Friday", "Easter Saturday", "Easter Monday"]);
    }
}
