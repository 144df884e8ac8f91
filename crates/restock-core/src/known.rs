//! Up to when a business is known.

use std::borrow::Cow;

use crate::settings::PlanSettings;
use crate::{Bucket, Dataset, Day};

/// The morning up to which data are known, and the first stray day after it.
///
/// Without a day in the settings it is the day after the last sale. One mistyped year would move that day by decades,
/// so a handful of rows behind a long gap does not count: at most 0.1 % of the rows behind 60 empty days, at most 2 %
/// behind two empty years (for small files), or at most five rows and less than 1 % behind more than 28 empty days where
/// such gaps are not usual. In the smallest files a single last day with at most a tenth of the rows does not count when
/// it lies more than 28 empty days and four times the longest gap so far behind at least five other days. Neither does a row
/// dated more than a day after the clock, where settings tell it: it has not happened.
pub fn known_as_of(dataset: &Dataset, settings: &PlanSettings) -> (Day, Option<Day>) {
    let sales = &dataset.sales.day;
    // The last day that can have happened; everything can where nothing is earlier: then the clock is wrong.
    let last_possible = settings.today.map_or(Day(i32::MAX), |today| today.plus(1));
    let is_possible = |day: &Day| *day <= last_possible;
    let not_yet = sales.iter().copied().filter(|day| !is_possible(day)).min().filter(|_| sales.iter().any(is_possible));
    if let Some(day) = settings.as_of {
        // A plan of the past looks back: what is later than its day is not wrong, but what is later than the clock is.
        return (day, not_yet);
    }
    let days: Cow<'_, [Day]> = match not_yet {
        Some(_) => sales.iter().copied().filter(is_possible).collect(),
        None => Cow::from(sales),
    };
    let (Some(first), Some(last)) = (days.iter().min(), days.iter().max()) else {
        // Without sales the newest count or receipt is the best clock there is.
        let stock = dataset.inventory.iter().filter_map(|row| row.as_of);
        let receipts = dataset.receipts.iter().map(|row| row.received_on.plus(1));
        let (possible, later): (Vec<Day>, Vec<Day>) = stock.chain(receipts).partition(is_possible);
        return (possible.into_iter().max().or(later.into_iter().max()).unwrap_or_default(), None);
    };
    let mut counts = vec![0_u32; (last.0 - first.0) as usize + 1];
    for day in &*days {
        counts[(day.0 - first.0) as usize] += 1;
    }
    let n_rows = days.len();
    let (mut n_after, mut next) = (0_usize, None::<usize>);
    let mut stray: Option<(usize, usize)> = None;
    let selling: Vec<usize> = (0..counts.len()).filter(|idx| counts[*idx] > 0).collect();
    let mut n_long_gaps = selling.windows(2).filter(|pair| pair[1] - pair[0] - 1 > 28).count();
    let before_last = &selling[..selling.len() - 1];
    let longest_before = before_last.windows(2).map(|pair| pair[1] - pair[0] - 1).max().unwrap_or(0);
    for (n_days_before, idx) in selling.iter().copied().enumerate().rev() {
        if let Some(next) = next {
            let gap = next - idx - 1;
            n_long_gaps -= usize::from(gap > 28);
            let is_few = n_after <= 5 && n_after * 100 < n_rows;
            let is_last_day = n_days_before + 2 == selling.len();
            let is_lone = is_last_day && n_days_before >= 4 && n_after * 10 <= n_rows && gap >= 4 * longest_before;
            let is_stray = gap >= 60 && n_after * 1000 <= n_rows
                || gap >= 730 && n_after * 50 <= n_rows
                || gap > 28 && is_few && n_long_gaps <= 1 && settings.bucket != Bucket::Month
                || gap > 28 && is_lone;
            if is_stray {
                stray = Some((idx, next));
            }
            if n_after * 50 > n_rows {
                break;
            }
        }
        n_after += counts[idx] as usize;
        next = Some(idx);
    }
    match stray {
        Some((last_idx, stray_idx)) => (first.plus(last_idx as i32 + 1), Some(first.plus(stray_idx as i32))),
        None => (last.plus(1), not_yet),
    }
}
