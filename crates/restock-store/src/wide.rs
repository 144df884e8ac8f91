//! Wide tables: one column per day, week or month.

use restock_core::Day;

use crate::date;
use crate::mapping::{Step, Wide, matches_pattern};
use crate::source::Input;

/// The columns of a wide table with their days.
pub(crate) fn columns(wide: &Wide, input: &Input) -> Result<Vec<(usize, Day)>, String> {
    let columns: Vec<usize> = (0..input.headers.len())
        .filter(|&idx| matches_pattern(&wide.columns, &input.headers[idx]) && !input.unreadable[idx])
        .collect();
    if columns.is_empty() {
        let found = shorten(&input.headers);
        return Err(format!("{} has no column that fits {:?} (found: {found})", input.file, wide.columns));
    }
    let Some(first) = wide.first.as_ref().and_then(|first| date::read_iso(first.as_bytes())) else {
        let day = |header: &str| {
            date::read_iso(header.as_bytes()).or_else(|| date::read_iso(format!("{header}-01").as_bytes()))
        };
        let dated: Vec<(usize, Day)> =
            columns.iter().filter_map(|&idx| Some((idx, day(&input.headers[idx])?))).collect();
        if dated.is_empty() {
            let header = &input.headers[columns[0]];
            return Err(format!(
                "header {header:?} of {} is no date such as 2026-03-02; state first = \"...\"",
                input.file
            ));
        }
        return Ok(dated);
    };
    let start = first.to_date();
    let day = |nth: i32| match wide.step {
        Step::Day => Some(first.plus(nth)),
        Step::Week => Some(first.plus(7 * nth)),
        Step::Month => {
            let months = i32::from(start.year()) * 12 + i32::from(start.month()) - 1 + nth;
            date::day_of(months.div_euclid(12), months.rem_euclid(12) as u32 + 1, 1)
        }
    };
    columns
        .iter()
        .zip(0..)
        .map(|(&idx, nth)| Some((idx, day(nth)?)))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| format!("{} columns from {first} on go beyond the calendar", columns.len()))
}

/// The first headers, for messages about files with thousands of columns.
pub(crate) fn shorten(headers: &[String]) -> String {
    if headers.len() <= 40 {
        return headers.join(", ");
    }
    format!("{}, ... and {} more", headers[..30].join(", "), headers.len() - 30)
}
