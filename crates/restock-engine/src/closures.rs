//! When locations were open, from the number of items that they sold each day.
//!
//! A location without a sale of anything for two weeks or more, which sells on most days else, was closed, or its sales are
//! missing: nothing in the data tells which. Such a gap says nothing about what is usual, so weekdays and single days are
//! judged without it, and data health names it (D28).

use std::collections::{BTreeSet, HashMap};

use restock_core::settings::{MissingSales, PlanSettings};
use restock_core::{Bucket, Dataset, Day, LocationIdx, Quantity};

use crate::history::plan_day;

/// Days in a row without any sale that are a gap.
const GAP_DAYS: usize = 14;

/// When a location is open.
#[derive(Clone, Debug, Default)]
pub(crate) struct LocationFacts {
    /// First day with a sales row.
    pub(crate) first_day: Option<Day>,
    pub(crate) closed_weekdays: [bool; 7],
    /// Past days without any sale, see the text of the module [`history`](crate::history).
    pub(crate) closures: BTreeSet<Day>,
    /// Month and day of closures that come back every year.
    pub(crate) yearly_closures: BTreeSet<(i8, i8)>,
    /// First and last days of gaps, where the location sells on most other days.
    gaps: Vec<[Day; 2]>,
    /// Whether a table tells when it was out of stock.
    pub(crate) tells_stockouts: bool,
}

/// A long time without a sale of anything at a location that sells on most days else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) location: LocationIdx,
    pub(crate) from: Day,
    pub(crate) to: Day,
    pub(crate) taken_for: TakenFor,
}

/// What days of a gap count as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TakenFor {
    Closed,
    NoDemand,
    Unknown,
}

/// Gaps of all locations, before the day of the plan.
pub(crate) fn gaps(dataset: &Dataset, settings: &PlanSettings) -> Vec<Gap> {
    let as_of = plan_day(dataset, settings);
    let last_known = dataset.sales.day.iter().copied().filter(|day| *day < as_of).max();
    let mut found = Vec::new();
    for (idx, facts) in location_facts(dataset, settings, as_of).iter().enumerate() {
        for [from, to] in facts.gaps.iter().copied() {
            let taken_for = match settings.missing_sales {
                _ if last_known.is_some_and(|last| from > last) => TakenFor::Unknown,
                MissingSales::Zero if facts.closures.range(from..=to).next().is_some() => TakenFor::Closed,
                MissingSales::Zero => TakenFor::NoDemand,
                MissingSales::Closed => TakenFor::Closed,
                MissingSales::Unknown => TakenFor::Unknown,
            };
            found.push(Gap { location: LocationIdx(idx as u32), from, to, taken_for });
        }
    }
    found
}

pub(crate) fn location_facts(dataset: &Dataset, settings: &PlanSettings, as_of: Day) -> Vec<LocationFacts> {
    let sales = &dataset.sales;
    let mut facts = vec![LocationFacts::default(); dataset.locations.len()];
    let mut spans: Vec<Option<(Day, Day)>> = vec![None; dataset.locations.len()];
    for row in (0..sales.len()).filter(|row| sales.day[*row] < as_of) {
        let span = &mut spans[sales.location[row].0 as usize];
        let day = sales.day[row];
        *span = Some(span.map_or((day, day), |(first, last)| (first.min(day), last.max(day))));
    }
    // Only days with a sale count as open; with daily data and absent rows as zeros.
    let mut counts: Vec<Vec<u32>> = spans
        .iter()
        .map(|span| span.map_or_else(Vec::new, |(first, _)| vec![0; (as_of.0 - first.0).max(0) as usize]))
        .collect();
    for row in (0..sales.len()).filter(|row| sales.day[*row] < as_of) {
        if sales.quantity[row] > Quantity::ZERO {
            let location = sales.location[row].0 as usize;
            let (first, _) = spans[location].expect("a location with a row has a span");
            counts[location][(sales.day[row].0 - first.0) as usize] += 1;
        }
    }
    for (location, counts) in counts.iter().enumerate() {
        let Some((first, last)) = spans[location] else { continue };
        facts[location].first_day = Some(first);
        if settings.bucket == Bucket::Day {
            let has_calendar = dataset.locations[location].calendar.is_some();
            find_closures(&mut facts[location], first, last, counts, has_calendar);
        }
    }
    facts
}

/// Gaps, and where no calendar tells them closed weekdays and closures, from the number of items sold per day.
fn find_closures(facts: &mut LocationFacts, first: Day, last: Day, counts: &[u32], has_calendar: bool) {
    let day_of = |idx: usize| first.plus(idx as i32);
    let mut in_gap = vec![false; counts.len()];
    let mut end = 0;
    for run in counts.chunk_by(|one, other| (*one == 0) == (*other == 0)) {
        let start = end;
        end += run.len();
        if run[0] == 0 && run.len() >= GAP_DAYS {
            in_gap[start..end].fill(true);
            facts.gaps.push([day_of(start), day_of(end - 1)]);
        }
    }
    let usual: Vec<usize> = (0..=(last.0 - first.0) as usize).filter(|idx| !in_gap[*idx]).collect();
    let (mut n_days, mut n_sold) = ([0_u32; 7], [0_u32; 7]);
    for idx in &usual {
        let weekday = day_of(*idx).weekday_idx();
        n_days[weekday] += 1;
        n_sold[weekday] += u32::from(counts[*idx] > 0);
    }
    let share = |weekday: usize| f64::from(n_sold[weekday]) / f64::from(n_days[weekday].max(1));
    let busy = (0..7).filter(|weekday| share(*weekday) >= 0.8).count();
    let closed_weekdays: [bool; 7] =
        std::array::from_fn(|weekday| busy >= 4 && n_days[weekday] >= 8 && share(weekday) <= 0.02);
    let is_closed = |idx: usize| closed_weekdays[day_of(idx).weekday_idx()];
    let open: Vec<usize> = usual.into_iter().filter(|idx| !is_closed(*idx)).collect();
    let n_open_sold = open.iter().filter(|idx| counts[**idx] > 0).count();
    if n_open_sold * 10 < open.len() * 8 || open.len() < 28 {
        facts.gaps.clear();
    }
    if has_calendar {
        return;
    }
    facts.closed_weekdays = closed_weekdays;
    let n_rows: u64 = counts.iter().map(|count| u64::from(*count)).sum();
    let regular = n_open_sold * 10 >= open.len() * 9 && n_rows >= 5 * n_open_sold as u64 && open.len() >= 28;
    if !regular {
        return;
    }
    facts.closures = (0..counts.len()).filter(|idx| counts[*idx] == 0 && !is_closed(*idx)).map(day_of).collect();
    let mut by_date: HashMap<(i8, i8), (u32, u32)> = HashMap::new();
    for day in (0..=(last.0 - first.0) as usize).filter(|idx| !is_closed(*idx)).map(day_of) {
        let date = day.to_date();
        let seen = by_date.entry((date.month(), date.day())).or_default();
        seen.0 += 1;
        seen.1 += u32::from(facts.closures.contains(&day));
    }
    facts.yearly_closures =
        by_date.into_iter().filter(|(_, (n, closed))| *n >= 2 && n == closed).map(|(date, _)| date).collect();
    // A place that is closed in the same season each year is known to be.
    let is_yearly = |day: i32| {
        let date = Day(day).to_date();
        facts.yearly_closures.contains(&(date.month(), date.day()))
    };
    facts.gaps.retain(|[from, to]| !(from.0..=to.0).all(is_yearly));
}

#[cfg(test)]
mod tests {
    use restock_core::dataset::{Item, Location};
    use restock_core::{ItemIdx, RowRef};

    use super::*;

    /// Each item sells one a day at one place on the days that `is_open` says.
    fn shop(n_items: u32, n_days: i32, is_open: impl Fn(i32) -> bool) -> Dataset {
        let mut dataset = Dataset {
            items: (0..n_items).map(|idx| Item { item_id: idx.to_string(), ..Item::default() }).collect(),
            locations: vec![Location { location_id: "S1".to_owned(), ..Location::default() }],
            ..Dataset::default()
        };
        let first = "2026-01-01".parse::<Day>().unwrap();
        for item in (0..n_items).map(ItemIdx) {
            for day in (0..n_days).filter(|day| is_open(*day)).map(|day| first.plus(day)) {
                let sales = &mut dataset.sales;
                sales.item.push(item);
                sales.location.push(LocationIdx(0));
                sales.day.push(day);
                sales.quantity.push(Quantity::from_whole(1));
                sales.row.push(RowRef::default());
            }
        }
        dataset
    }

    fn found(dataset: &Dataset, settings: &PlanSettings) -> Vec<(String, String, TakenFor)> {
        let gaps = gaps(dataset, settings).into_iter();
        gaps.map(|gap| (gap.from.to_string(), gap.to.to_string(), gap.taken_for)).collect()
    }

    #[test]
    fn a_gap_longer_than_all_that_is_known_is_a_closure_and_sundays_stay_sundays() {
        let is_open = |day: i32| !(60..300).contains(&day) && day % 7 != 3;
        let (dataset, settings) = (shop(6, 330, is_open), PlanSettings::default());
        // The gap begins and ends with the closed days beside it.
        assert_eq!(found(&dataset, &settings), [("2026-03-01".into(), "2026-10-27".into(), TakenFor::Closed)]);
        let facts = &location_facts(&dataset, &settings, plan_day(&dataset, &settings))[0];
        assert_eq!(facts.closed_weekdays.iter().filter(|closed| **closed).count(), 1);
        assert!(facts.closures.contains(&"2026-06-02".parse().unwrap()));
    }

    #[test]
    fn what_a_gap_counts_as_is_told_as_it_is() {
        let settings = PlanSettings::default();
        // Of two items nobody knows whether the place was closed.
        let few = shop(2, 120, |day| !(60..90).contains(&day));
        assert_eq!(found(&few, &settings)[0].2, TakenFor::NoDemand);
        let unknown = PlanSettings { missing_sales: MissingSales::Unknown, ..PlanSettings::default() };
        assert_eq!(found(&few, &unknown)[0].2, TakenFor::Unknown);
        // The data end long before the plan.
        let late = PlanSettings { as_of: "2026-08-01".parse().ok(), ..PlanSettings::default() };
        let old = shop(6, 100, |_| true);
        assert_eq!(found(&old, &late), [("2026-04-11".into(), "2026-07-31".into(), TakenFor::Unknown)]);
        // Somebody sold one thing since.
        let mut touched = old.clone();
        let row = 99;
        touched.sales.day[row] = "2026-07-30".parse().unwrap();
        assert_eq!(found(&touched, &late)[0], ("2026-04-11".into(), "2026-07-29".into(), TakenFor::Closed));
        assert_eq!(found(&old, &settings), []);
        // A place that sells now and then has no gaps.
        assert_eq!(found(&shop(6, 200, |day| day % 20 == 0), &settings), []);
        assert_eq!(found(&shop(6, 200, |day| !(60..73).contains(&day)), &settings), []);
    }
}
