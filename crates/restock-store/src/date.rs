//! Dates as people write them, read exactly or refused.
//!
//! Like numbers, a text is first read in every way it can be meant; the column decides between day first and month
//! first. A week (`2026-W10`) is its Monday, a month (`2026-03`) its first day. A time of day is checked and dropped,
//! the day is the one written, and an offset from UTC is remembered, so that mixed offsets can be reported.

use restock_core::Day;

/// What a text can mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DateReading {
    /// One day.
    Certain(Day),
    /// Numbers with the year last: day first and month first, where they are dates.
    YearLast {
        /// Day first.
        dmy: Option<Day>,
        /// Month first.
        mdy: Option<Day>,
        /// Written with dots, which nobody does with the month first.
        dotted: bool,
    },
}

/// A text read as a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DateText<'a> {
    /// What it means.
    pub reading: DateReading,
    /// Offset from UTC as written; empty when there is none.
    pub zone: &'a str,
    /// How long a period it names.
    pub precision: Precision,
}

/// How long a period a text names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precision {
    Day,
    Week,
    Month,
}

/// Why a text is not a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DateProblem {
    /// Not a date at all.
    NotADate,
    /// Looks right, but there is no such day.
    NoSuchDay,
    /// Two digits for the year.
    ShortYear,
    /// A bare number that a spreadsheet would show as a date.
    Serial,
    /// The month is where the day should be, or the other way round.
    OtherOrder,
    /// Two meanings in a column that mixes both orders.
    MixedColumn,
}

/// The day of a year, month and day of month.
///
/// Days are counted from 1 March of year 0, so that leap days come last (the usual civil-from-days arithmetic, see
/// Richards, 2013, "Calendars", in the Explanatory Supplement to the Astronomical Almanac).
pub(crate) fn day_of(year: i32, month: u32, day: u32) -> Option<Day> {
    const LENGTHS: [u32; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    if !(1800..=2999).contains(&year) || !(1..=12).contains(&month) || day == 0 {
        return None;
    }
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if day > LENGTHS[month as usize - 1] + u32::from(leap && month == 2) {
        return None;
    }
    let (year_from_march, month_from_march) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let days = year_from_march * 365 + year_from_march / 4 - year_from_march / 100 + year_from_march / 400;
    Some(Day(days + day_of_year as i32 - 719_468))
}

/// Whether a day lies in the years that are read, 1800 to 2999.
pub(crate) fn is_in_range(day: Day) -> bool {
    (-62_091..=376_199).contains(&day.0)
}

/// Reads `2026-03-02` and nothing else; `None` asks [`read`].
#[inline]
pub(crate) fn read_iso(text: &[u8]) -> Option<Day> {
    let &[y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = text else { return None };
    let digit = |byte: u8| byte.is_ascii_digit().then(|| u32::from(byte - b'0'));
    let year = digit(y0)? * 1000 + digit(y1)? * 100 + digit(y2)? * 10 + digit(y3)?;
    day_of(year as i32, digit(m0)? * 10 + digit(m1)?, digit(d0)? * 10 + digit(d1)?)
}

/// The day of a whole number written like `20260302`.
pub(crate) fn read_compact(value: i64) -> Option<Day> {
    (18_000_101..=29_991_231)
        .contains(&value)
        .then(|| day_of((value / 10_000) as i32, (value / 100 % 100) as u32, (value % 100) as u32))?
}

/// Reads one text in every way it can be meant.
pub(crate) fn read(text: &str) -> Result<DateText<'_>, DateProblem> {
    let text = text.trim();
    if !text.is_ascii() {
        return read_chinese(text);
    }
    let certain = |day: Day| DateText { reading: DateReading::Certain(day), zone: "", precision: Precision::Day };
    if let Some(day) = read_iso(text.as_bytes()) {
        return Ok(certain(day));
    }
    let (date, zone) = split_time(text)?;
    let date = date.trim_end_matches(',');
    let parts: Vec<&str> = date.split(['-', '/', '.', ' ', ',']).filter(|part| !part.is_empty()).collect();
    let number = |part: &str| {
        (part.len() <= 8 && !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| part.parse::<u32>().ok())
            .flatten()
    };
    let with = |reading: DateReading, precision| Ok(DateText { reading, zone, precision });
    let day = |year: u32, month: u32, day: u32| day_of(year as i32, month, day).ok_or(DateProblem::NoSuchDay);
    match parts[..] {
        [one] => {
            if let Some((year, week)) = one.split_once(['W', 'w']) {
                return week_day(year, week, "1").map(|day| DateText { precision: Precision::Week, ..certain(day) });
            }
            match number(one) {
                Some(value) if one.len() == 8 => {
                    read_compact(i64::from(value)).map(certain).ok_or(DateProblem::NoSuchDay)
                }
                Some(_) if (4..=6).contains(&one.len()) => Err(DateProblem::Serial),
                _ => Err(DateProblem::NotADate),
            }
        }
        [year, week] if week.starts_with(['W', 'w']) => {
            week_day(year, &week[1..], "1").map(|day| DateText { precision: Precision::Week, ..certain(day) })
        }
        [year, week, weekday] if week.starts_with(['W', 'w']) => week_day(year, &week[1..], weekday).map(certain),
        [first, second] => match (number(first), number(second), month_name(first), month_name(second)) {
            (Some(year), Some(month), ..) if first.len() == 4 && second.len() <= 2 => {
                with(DateReading::Certain(day(year, month, 1)?), Precision::Month)
            }
            (Some(month), Some(year), ..) if second.len() == 4 && first.len() <= 2 => {
                with(DateReading::Certain(day(year, month, 1)?), Precision::Month)
            }
            (_, Some(year), Some(month), _) if second.len() == 4 => {
                with(DateReading::Certain(day(year, month, 1)?), Precision::Month)
            }
            _ => Err(DateProblem::NotADate),
        },
        [first, second, third] => {
            let numbers = (number(first), number(second), number(third));
            match numbers {
                (Some(year), Some(month), Some(day_of_month))
                    if first.len() == 4 && second.len() <= 2 && third.len() <= 2 =>
                {
                    with(DateReading::Certain(day(year, month, day_of_month)?), Precision::Day)
                }
                (Some(one), Some(two), Some(year)) if third.len() == 4 && first.len() <= 2 && second.len() <= 2 => {
                    let dmy = day_of(year as i32, two, one);
                    let mdy = day_of(year as i32, one, two);
                    if dmy.is_none() && mdy.is_none() {
                        return Err(DateProblem::NoSuchDay);
                    }
                    if dmy == mdy {
                        return with(DateReading::Certain(dmy.ok_or(DateProblem::NoSuchDay)?), Precision::Day);
                    }
                    with(DateReading::YearLast { dmy, mdy, dotted: date.contains('.') }, Precision::Day)
                }
                (Some(_), Some(_), Some(_)) if first.len() <= 2 && second.len() <= 2 && third.len() <= 2 => {
                    Err(DateProblem::ShortYear)
                }
                (Some(day_of_month), None, Some(year)) if third.len() == 4 && first.len() <= 2 => {
                    let month = month_name(second).ok_or(DateProblem::NotADate)?;
                    with(DateReading::Certain(day(year, month, day_of_month)?), Precision::Day)
                }
                (None, Some(day_of_month), Some(year)) if third.len() == 4 && second.len() <= 2 => {
                    let month = month_name(first).ok_or(DateProblem::NotADate)?;
                    with(DateReading::Certain(day(year, month, day_of_month)?), Precision::Day)
                }
                (Some(year), None, Some(day_of_month)) if first.len() == 4 && third.len() <= 2 => {
                    let month = month_name(second).ok_or(DateProblem::NotADate)?;
                    with(DateReading::Certain(day(year, month, day_of_month)?), Precision::Day)
                }
                _ => Err(DateProblem::NotADate),
            }
        }
        _ => Err(DateProblem::NotADate),
    }
}

/// `2026年3月2日`, `2026年3月` and full-width digits.
fn read_chinese(text: &str) -> Result<DateText<'_>, DateProblem> {
    let plain: String = text
        .chars()
        .map(|character| match character {
            '０'..='９' => char::from(b'0' + (character as u32 - '０' as u32) as u8),
            '年' | '月' | '－' | '／' => '-',
            '日' | '号' | '\u{a0}' | '\u{3000}' => ' ',
            other => other,
        })
        .collect();
    if !plain.is_ascii() {
        return Err(DateProblem::NotADate);
    }
    let read = read(plain.trim().trim_end_matches('-'))?;
    Ok(DateText { reading: read.reading, zone: "", precision: read.precision })
}

pub(crate) fn month_name(text: &str) -> Option<u32> {
    const NAMES: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    const FULL: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let lower = text.to_ascii_lowercase();
    let idx = NAMES
        .iter()
        .position(|name| *name == lower)
        .or_else(|| FULL.iter().position(|name| *name == lower))
        .or_else(|| (lower == "sept").then_some(8))?;
    Some(idx as u32 + 1)
}

fn week_day(year: &str, week: &str, weekday: &str) -> Result<Day, DateProblem> {
    let year = year.trim_end_matches('-');
    let number = |text: &str, max_len: usize| {
        (!text.is_empty() && text.len() <= max_len && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| text.parse::<i32>().ok())
            .flatten()
            .ok_or(DateProblem::NotADate)
    };
    if year.len() != 4 {
        return Err(DateProblem::NotADate);
    }
    let (year, week, weekday) = (number(year, 4)?, number(week, 2)?, number(weekday, 1)?);
    // ISO 8601: week 1 holds 4 January.
    let first = day_of(year, 1, 4).ok_or(DateProblem::NoSuchDay)?;
    let next = day_of(year + 1, 1, 4).ok_or(DateProblem::NoSuchDay)?;
    let monday = |day: Day| day.plus(-(day.weekday_idx() as i32));
    let n_weeks = (monday(next).0 - monday(first).0) / 7;
    if !(1..=n_weeks).contains(&week) || !(1..=7).contains(&weekday) {
        return Err(DateProblem::NoSuchDay);
    }
    Ok(monday(first).plus((week - 1) * 7 + weekday - 1))
}

/// Splits off a time of day and an offset from UTC, both checked.
fn split_time(text: &str) -> Result<(&str, &str), DateProblem> {
    let Some(colon) = text.find(':') else {
        // "20260302T00", a date alone, or "2026-03-02T" cut short.
        return Ok((text, ""));
    };
    let start = text[..colon].rfind([' ', 'T', 't']).ok_or(DateProblem::NotADate)?;
    let (date, time) = (text[..start].trim_end(), &text[start + 1..]);
    let zone_at = time.find(['Z', 'z', '+']).or_else(|| time.rfind('-'));
    let (clock, zone) = match zone_at {
        Some(idx) => (time[..idx].trim_end(), &time[idx..]),
        None => (time, ""),
    };
    let zone_fits = match zone.as_bytes() {
        [] | [b'Z' | b'z'] => true,
        [b'+' | b'-', rest @ ..] => {
            matches!(rest.len(), 2 | 4 | 5)
                && rest
                    .iter()
                    .enumerate()
                    .all(|(idx, byte)| byte.is_ascii_digit() || (*byte == b':' && idx == 2 && rest.len() == 5))
        }
        _ => false,
    };
    let (clock, half) = match clock.len().checked_sub(2).and_then(|at| clock.split_at_checked(at)) {
        Some((rest, half)) if half.eq_ignore_ascii_case("am") || half.eq_ignore_ascii_case("pm") => {
            (rest.trim_end(), true)
        }
        _ => (clock, false),
    };
    let mut limits = [if half { 12 } else { 24 }, 59, 60].into_iter();
    let clock_fits = clock.split(':').count() <= 3
        && clock.split(':').all(|part| {
            let whole = part.split_once(['.', ',']).map_or(part, |(whole, fraction)| {
                if fraction.bytes().all(|byte| byte.is_ascii_digit()) { whole } else { "x" }
            });
            (1..=2).contains(&whole.len())
                && whole.parse::<u32>().is_ok_and(|value| limits.next().is_some_and(|limit| value <= limit))
        });
    if zone_fits && clock_fits { Ok((date, zone)) } else { Err(DateProblem::NotADate) }
}

/// Reads with a strftime-like format of `%Y %y %m %d %b %B %H %M %S` and plain text.
pub(crate) fn read_with_format(text: &str, format: &str) -> Option<Day> {
    let mut rest = text.trim();
    let (mut year, mut month, mut day) = (None, None, Some(1));
    let mut formats = format.trim().chars();
    while let Some(character) = formats.next() {
        if character != '%' {
            rest = rest.strip_prefix(character)?;
            continue;
        }
        let code = formats.next()?;
        let max_len = match code {
            'Y' => 4,
            'y' | 'm' | 'd' | 'H' | 'M' | 'S' => 2,
            'b' | 'B' => {
                let len = rest.find(|character: char| !character.is_ascii_alphabetic()).unwrap_or(rest.len());
                month = Some(month_name(&rest[..len])?);
                rest = &rest[len..];
                continue;
            }
            '%' => {
                rest = rest.strip_prefix('%')?;
                continue;
            }
            _ => return None,
        };
        let len = rest.bytes().take(max_len).take_while(u8::is_ascii_digit).count();
        let value: u32 = rest[..len].parse().ok()?;
        rest = &rest[len..];
        match code {
            'Y' => year = Some(value as i32),
            // POSIX: 69 to 99 are the 1900s.
            'y' => year = Some(if value >= 69 { 1900 } else { 2000 } + value as i32),
            'm' => month = Some(value),
            'd' => day = Some(value),
            _ => {}
        }
    }
    rest.is_empty().then(|| day_of(year?, month?, day?))?
}

/// Whether a format can give a date.
pub(crate) fn is_format(format: &str) -> bool {
    ["%Y", "%y"].iter().any(|code| format.contains(code)) && ["%m", "%b", "%B"].iter().any(|code| format.contains(code))
}

/// How a column writes its dates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum DateStyle {
    /// Year first, names, or day first.
    #[default]
    DayFirst,
    /// Month first.
    MonthFirst,
    /// A stated format.
    Format(String),
}

/// What the cells of one column say about the order of day and month.
#[derive(Clone, Debug, Default)]
pub(crate) struct DateColumn {
    /// The style in use.
    pub style: DateStyle,
    /// Cells with two meanings are refused, because the column mixes both orders.
    pub refuse_either: bool,
    /// The style was stated.
    pub fixed: bool,
    /// Cells that are only dates with the day first.
    pub n_dmy: u64,
    /// Cells that are only dates with the month first.
    pub n_mdy: u64,
    /// Cells with two meanings.
    pub n_either: u64,
    /// Those of them written with dots.
    pub n_dotted: u64,
    /// The first cell with two meanings: row and text.
    pub first_either: Option<(u64, String)>,
    /// Cells that name a week, and a month.
    pub n_weeks: u64,
    /// Cells that name a month.
    pub n_months: u64,
    /// The last text read and its day.
    pub last: (Vec<u8>, Day),
    /// Offsets from UTC with their number of cells.
    pub zones: Vec<(String, usize)>,
}

/// What the order turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DateVerdict {
    /// Month first where `true`; the second tells whether cells with two meanings must be refused.
    Known(bool, bool),
    /// Nothing but cells with two meanings.
    Open,
    /// Both orders in similar numbers.
    Mixed,
}

impl DateColumn {
    /// The day meant by a text, counting the evidence.
    #[inline]
    pub(crate) fn parse(&mut self, text: &[u8], row: u64) -> Result<Day, DateProblem> {
        if self.last.0 == text && !text.is_empty() {
            return Ok(self.last.1);
        }
        if let DateStyle::Format(format) = &self.style {
            let text = std::str::from_utf8(text).map_err(|_| DateProblem::NotADate)?;
            // A date with the year first means one thing, whatever the others are written like.
            let day = read_with_format(text, format).or_else(|| read_iso(text.as_bytes()));
            return day.ok_or(DateProblem::NotADate);
        }
        if let Some(day) = read_iso(text) {
            self.last.0.clear();
            self.last.0.extend_from_slice(text);
            self.last.1 = day;
            return Ok(day);
        }
        let text = std::str::from_utf8(text).map_err(|_| DateProblem::NotADate)?;
        let read = read(text)?;
        match read.precision {
            Precision::Day => {}
            Precision::Week => self.n_weeks += 1,
            Precision::Month => self.n_months += 1,
        }
        if !read.zone.is_empty() {
            self.count_zone(read.zone);
        }
        let (dmy, mdy, dotted) = match read.reading {
            DateReading::Certain(day) => return Ok(day),
            DateReading::YearLast { dmy, mdy, dotted } => (dmy, mdy, dotted),
        };
        match (dmy, mdy) {
            (Some(_), None) => self.n_dmy += 1,
            (None, Some(_)) => self.n_mdy += 1,
            _ => {
                if self.n_either == 0 {
                    self.first_either = Some((row, text.to_owned()));
                }
                self.n_either += 1;
                self.n_dotted += u64::from(dotted);
                if self.refuse_either {
                    return Err(DateProblem::MixedColumn);
                }
            }
        }
        if self.style == DateStyle::MonthFirst { mdy } else { dmy }.ok_or(DateProblem::OtherOrder)
    }

    pub(crate) fn count_zone(&mut self, zone: &str) {
        match self.zones.iter_mut().find(|(known, _)| known == zone) {
            Some((_, count)) => *count += 1,
            None => self.zones.push((zone.to_owned(), 1)),
        }
    }

    /// Offsets from UTC with their number of cells.
    pub(crate) fn zones(&self) -> &[(String, usize)] {
        &self.zones
    }

    /// The order that the cells seen so far prove.
    pub(crate) fn verdict(&self) -> DateVerdict {
        if self.fixed {
            return DateVerdict::Known(self.style == DateStyle::MonthFirst, false);
        }
        match (self.n_dmy, self.n_mdy) {
            // Dates with dots put the day first wherever they are in use.
            (0, 0) if self.n_either > self.n_dotted => DateVerdict::Open,
            (_, 0) => DateVerdict::Known(false, false),
            (0, _) => DateVerdict::Known(true, false),
            (dmy, mdy) if dmy >= 2 * mdy => DateVerdict::Known(false, true),
            (dmy, mdy) if mdy >= 2 * dmy => DateVerdict::Known(true, true),
            (dmy, mdy) if self.n_either == 0 => DateVerdict::Known(mdy > dmy, true),
            _ => DateVerdict::Mixed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_agree_with_the_core_crate() {
        for day in -60_000..60_000 {
            let text = Day(day).to_string();
            assert_eq!(read_iso(text.as_bytes()), Some(Day(day)), "{text}");
        }
        for (year, is_in) in [(1799_i32, false), (1800, true), (2999, true), (3000, false)] {
            let new_year = (year - 1970) * 365 + (year - 1969).div_euclid(4) - (year - 1901).div_euclid(100)
                + (year - 1601).div_euclid(400);
            assert_eq!(is_in_range(Day(new_year)), is_in, "{year}");
        }
        assert_eq!(day_of(2023, 2, 29), None);
        assert_eq!(day_of(1900, 2, 29), None);
        assert!(day_of(2000, 2, 29).is_some());
    }

    #[test]
    fn every_way_to_write_a_date_is_decided() {
        let texts = [
            "2026-03-02",
            "2026/3/2",
            "2026.03.02",
            "20260302",
            "2026-03-02T08:26",
            "2026-03-02 08:26:59.123",
            "2026-03-02T08:26:00Z",
            "2026-03-02T08:26:00+08:00",
            "2026-03-02 08:26 -0500",
            "3/14/2026 8:26 PM",
            "25/03/2026",
            "03/25/2026",
            "03/04/2026",
            "05/05/2026",
            "03.04.2026",
            "3-4-2026",
            "03/04/26",
            "2026-W10",
            "2026W10",
            "2026-W10-3",
            "2026-W54",
            "2026-03",
            "03/2026",
            "Mar 2026",
            "2 Mar 2026",
            "02-Mar-2026",
            "Mar 2, 2026",
            "2026年3月2日",
            "2026年3月",
            "２０２６-０３-０２",
            "2026-02-30",
            "31/02/2026",
            "45000",
            "2026",
            "yesterday",
            "",
            "2026-13-01",
            "2026-03-02T25:00",
            "2026-03-02T08:26+99:99:99",
            "0000-00-00",
        ];
        let shown: Vec<String> = texts
            .iter()
            .map(|text| match read(text) {
                Ok(DateText { reading: DateReading::Certain(day), zone, precision }) => {
                    format!("{text:?} = {day} {precision:?} {zone}").trim_end().to_owned()
                }
                Ok(DateText { reading: DateReading::YearLast { dmy, mdy, dotted }, .. }) => {
                    format!("{text:?} = dmy {dmy:?}, mdy {mdy:?}{}", if dotted { ", dotted" } else { "" })
                }
                Err(problem) => format!("{text:?}: {problem:?}"),
            })
            .collect();
        insta::assert_snapshot!(shown.join("\n"));
    }

    #[test]
    fn a_stated_format_is_followed_to_the_letter() {
        let march = day_of(2026, 3, 4);
        assert_eq!(read_with_format("04/03/26", "%d/%m/%y"), march);
        assert_eq!(read_with_format("04-Mar-2026 08:15", "%d-%b-%Y %H:%M"), march);
        assert_eq!(read_with_format("04/03/26 x", "%d/%m/%y"), None);
        assert_eq!(read_with_format("1/13/26", "%d/%m/%y"), None);
        assert!(is_format("%d.%m.%y") && !is_format("dmy"));
    }
}
