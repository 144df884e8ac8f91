//! Values of signals and events by day and location, and how far they are from what is usual.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use restock_core::dataset::{Dataset, SignalRow};
use restock_core::settings::PlanSettings;
use restock_core::{Bucket, Day, LocationIdx};

/// One thing that may move demand.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Channel {
    /// A signal, by name.
    Signal(String),
    /// Events of a kind.
    Kind(String),
    /// Events of a kind with the same name.
    Named(String, String),
}

impl Channel {
    /// What people call it.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Signal(name) | Self::Kind(name) | Self::Named(_, name) => name.clone(),
        }
    }

    /// Whether it stands for an event.
    pub(crate) fn holds(&self, kind: &str, name: &str) -> bool {
        match self {
            Self::Signal(_) => false,
            Self::Kind(own) => own == kind,
            Self::Named(own, own_name) => own == kind && own_name == name,
        }
    }
}

/// Whether events of a kind are holidays, which forecasters know: the same days for everybody, year by year.
pub(crate) fn is_holiday(kind: &str) -> bool {
    let kind = kind.trim().to_lowercase();
    kind.is_empty() || kind.contains("holiday") || kind.contains("节假日") || kind.contains("法定")
}

/// Days around a day that say what is usual, on either side.
const AROUND: i32 = 28;

/// Past days that say what is usual on a weekday.
const YEAR: i32 = 364;

/// Largest anomaly, standard deviations.
const ANOMALY_MAX: f32 = 4.0;

/// Channels that are tried, the first by name.
const N_CHANNELS_MAX: usize = 16;

/// A value is none, but a typo or a sensor that failed, where it is this many times as far from the middle as half of those
/// that differ from it, and
const N_SCALES_MAX: f64 = 30.0;
/// this many times as far as the next one: a campaign among quiet days, or a large shop among small ones, is not alone, and
const N_NEXT_MAX: f64 = 10.0;
/// where at most one of so many is.
const N_PER_WRONG: usize = 200;

/// Past days on which an event must have been.
const N_EVENTS_MIN: usize = 4;

/// What tables say of signals and events.
#[derive(Debug, Default)]
pub(crate) struct Channels {
    as_of: Day,
    by_channel: BTreeMap<Channel, Values>,
}

#[derive(Debug)]
struct Values {
    /// Days in order and standardised values, by location; the location itself goes before everywhere.
    rows: HashMap<Option<LocationIdx>, Vec<(Day, f32)>>,
    /// Of an event, which is not there on days without a row.
    is_event: bool,
}

/// How far the days of a channel are from usual.
#[derive(Debug, PartialEq)]
pub(crate) struct Anomalies {
    /// `[n_days]`: 0 where nothing is known.
    pub(crate) values: Vec<f32>,
    /// Days from the first one on up to the last of which something is known.
    pub(crate) n_known: usize,
}

impl Channels {
    /// Those of a dataset that settings want; `looks_back` where later rows are those of a past that is played again.
    pub(crate) fn of(
        dataset: &Dataset,
        settings: &PlanSettings,
        as_of: Day,
        looks_back: bool,
        wanted: Option<&BTreeSet<Channel>>,
    ) -> Self {
        let mut by_channel = BTreeMap::new();
        let uses = |name: &str| settings.covariates.iter().any(|covariate| covariate == name);
        if settings.bucket == Bucket::Day && uses("signal") {
            by_channel.extend(signals(dataset, as_of, looks_back));
        }
        if settings.bucket == Bucket::Day && uses("holiday") {
            by_channel.extend(events(dataset, as_of));
        }
        match wanted {
            Some(wanted) => by_channel.retain(|channel, _| wanted.contains(channel)),
            None => {
                let beyond: Vec<Channel> = by_channel.keys().skip(N_CHANNELS_MAX).cloned().collect();
                beyond.iter().for_each(|channel| drop(by_channel.remove(channel)));
            }
        }
        Self { as_of, by_channel }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_channel.is_empty()
    }

    /// All of them.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Channel> {
        self.by_channel.keys()
    }

    /// How far `n_days` days from `from` are from usual at a location; `None` where nothing is known of it there.
    pub(crate) fn anomalies(
        &self,
        channel: &Channel,
        location: LocationIdx,
        from: Day,
        n_days: usize,
    ) -> Option<Anomalies> {
        let values = self.by_channel.get(channel)?;
        let (first, last) = values.known(location)?;
        let end = from.plus(n_days as i32);
        // Of events everything is known.
        let known_end = if values.is_event { end.max(self.as_of) } else { last.plus(1) };
        let start = from.min(self.as_of.plus(-YEAR)).plus(-AROUND);
        let until = end.max(self.as_of).plus(AROUND).min(known_end);
        let n_read = (until.0 - start.0).max(0) as usize;
        let read = values.read(location, start, n_read);
        let (mut sums, mut counts) = (vec![0.0_f64; n_read + 1], vec![0_u32; n_read + 1]);
        for (idx, value) in read.iter().enumerate() {
            let is_known = !value.is_nan();
            sums[idx + 1] = sums[idx] + if is_known { f64::from(*value) } else { 0.0 };
            counts[idx + 1] = counts[idx] + u32::from(is_known);
        }
        let from_usual = |idx: usize| {
            let (low, high) = (idx.saturating_sub(AROUND as usize), (idx + AROUND as usize + 1).min(n_read));
            let n = f64::from(counts[high] - counts[low]).max(1.0);
            f64::from(read[idx]) - (sums[high] - sums[low]) / n
        };
        let (mut of_weekday, mut n_of_weekday) = ([0.0; 7], [0.0; 7]);
        for day in first.0.max(self.as_of.0 - YEAR)..self.as_of.0.min(until.0) {
            let idx = (day - start.0) as usize;
            if !read[idx].is_nan() {
                let weekday = Day(day).weekday_idx();
                of_weekday[weekday] += from_usual(idx);
                n_of_weekday[weekday] += 1.0;
            }
        }
        let value_of = |day: i32| {
            if day < start.0 || day >= until.0 {
                return 0.0;
            }
            let idx = (day - start.0) as usize;
            if read[idx].is_nan() {
                return 0.0;
            }
            let weekday = Day(day).weekday_idx();
            let usual = of_weekday[weekday] / f64::max(n_of_weekday[weekday], 1.0);
            ((from_usual(idx) - usual) as f32).clamp(-ANOMALY_MAX, ANOMALY_MAX)
        };
        Some(Anomalies {
            values: (from.0..end.0).map(value_of).collect(),
            n_known: (known_end.0.min(end.0) - from.0).max(0) as usize,
        })
    }

    /// `[n_days]`: whether any local event is at a location on each day from `from` on.
    pub(crate) fn event_days(&self, location: LocationIdx, from: Day, n_days: usize) -> Vec<bool> {
        let mut days = vec![false; n_days];
        for values in self.by_channel.values().filter(|values| values.is_event) {
            for (day, value) in days.iter_mut().zip(values.read(location, from, n_days)) {
                *day |= value != 0.0;
            }
        }
        days
    }

    /// Days from the day of the plan on of which a channel is known at a location.
    pub(crate) fn n_ahead(&self, channel: &Channel, location: LocationIdx) -> usize {
        let Some(values) = self.by_channel.get(channel) else { return 0 };
        match values.known(location) {
            Some(_) if values.is_event => usize::MAX,
            Some((_, last)) => (last.0 - self.as_of.0 + 1).max(0) as usize,
            None => 0,
        }
    }
}

impl Values {
    fn at(&self, location: LocationIdx) -> impl Iterator<Item = &Vec<(Day, f32)>> {
        [None, Some(location)].into_iter().filter_map(|at| self.rows.get(&at))
    }

    /// The first and the last day of which something is known at a location.
    fn known(&self, location: LocationIdx) -> Option<(Day, Day)> {
        let first = self.at(location).filter_map(|rows| rows.first()).map(|(day, _)| *day).min()?;
        let last = self.at(location).filter_map(|rows| rows.last()).map(|(day, _)| *day).max()?;
        Some((first, last))
    }

    /// `[n_days]`: values; NaN where nothing is known.
    fn read(&self, location: LocationIdx, from: Day, n_days: usize) -> Vec<f32> {
        let mut read = vec![if self.is_event { 0.0 } else { f32::NAN }; n_days];
        // What is said of the location itself comes last and stays.
        for rows in self.at(location) {
            let begin = rows.partition_point(|(day, _)| *day < from);
            for (day, value) in rows[begin..].iter().take_while(|(day, _)| day.0 - from.0 < n_days as i32) {
                read[(day.0 - from.0) as usize] = *value;
            }
        }
        read
    }
}

/// Signals, in standard deviations from the mean of the days before the plan.
fn signals(dataset: &Dataset, as_of: Day, looks_back: bool) -> BTreeMap<Channel, Values> {
    type Rows = BTreeMap<(Option<LocationIdx>, Day), (f64, bool)>;
    let mut by_name: BTreeMap<&str, Rows> = BTreeMap::new();
    for row in dataset.signals.iter().filter(|row| row.value.is_finite() && !row.name.is_empty()) {
        let is_known = row.known_in_future || row.day < as_of || !looks_back;
        if is_known {
            by_name.entry(&row.name).or_default().insert((row.location, row.day), (row.value, row.known_in_future));
        }
    }
    let mut found = BTreeMap::new();
    for (name, mut known) in by_name {
        // A reading of today alone is not that of the whole day.
        let last = known.keys().map(|(_, day)| *day).max().expect("a row");
        if last == as_of {
            known.retain(|(_, day), (_, in_future)| *day < as_of || *in_future);
        }
        let past = || known.iter().filter(|((_, day), _)| *day < as_of).map(|(_, (value, _))| *value);
        let plausible = plausible(past().collect());
        known.retain(|_, (value, _)| plausible.0 <= *value && *value <= plausible.1);
        let past = || known.iter().filter(|((_, day), _)| *day < as_of).map(|(_, (value, _))| *value);
        // What was never seen does at most what the most extreme of what was seen does.
        let (low, high) = past().fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
        let n = past().count() as f64;
        let mean = past().sum::<f64>() / n;
        let spread = (past().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt();
        // What never changed before the plan has no known effect.
        if spread.is_nan() || spread <= 1e-9 * mean.abs().max(1e-3) {
            continue;
        }
        let mut rows: HashMap<Option<LocationIdx>, Vec<(Day, f32)>> = HashMap::new();
        for ((location, day), (value, _)) in known {
            rows.entry(location).or_default().push((day, ((value.clamp(low, high) - mean) / spread) as f32));
        }
        found.insert(Channel::Signal(name.to_owned()), Values { rows, is_event: false });
    }
    found
}

/// Between which bounds values can be right, by those of the past.
fn plausible(mut values: Vec<f64>) -> (f64, f64) {
    let all = (f64::MIN, f64::MAX);
    values.sort_by(f64::total_cmp);
    let Some(centre) = values.get(values.len() / 2) else { return all };
    // Many signals are nothing on most days: only days that differ say how far others may.
    let mut far: Vec<f64> = values.iter().map(|value| (value - centre).abs()).filter(|far| *far > 0.0).collect();
    far.sort_by(f64::total_cmp);
    let Some(scale) = far.get(far.len() / 2) else { return all };
    let is_alone = |idx: &usize| far[*idx] > N_SCALES_MAX * scale && far[*idx] > N_NEXT_MAX * far[idx - 1];
    let n_wrong_max = (values.len() / N_PER_WRONG).max(1);
    let first = (1..far.len()).find(is_alone).filter(|first| far.len() - first <= n_wrong_max);
    let farthest = far[first.unwrap_or(far.len()) - 1];
    let most = (N_SCALES_MAX * scale).max(N_NEXT_MAX * farthest);
    (centre - most, centre + most)
}

/// Values of a signal that cannot be right, as [`signals`] leaves them out: how many, and one of them with its day.
pub(crate) fn implausible(dataset: &Dataset, as_of: Day) -> BTreeMap<&str, (usize, Day, f64)> {
    let mut by_name: BTreeMap<&str, Vec<&SignalRow>> = BTreeMap::new();
    for row in dataset.signals.iter().filter(|row| row.value.is_finite() && !row.name.is_empty()) {
        by_name.entry(&row.name).or_default().push(row);
    }
    let wrong = |(name, rows): (_, Vec<&SignalRow>)| {
        let (low, high) = plausible(rows.iter().filter(|row| row.day < as_of).map(|row| row.value).collect());
        let mut wrong = rows.iter().filter(|row| row.value < low || row.value > high);
        let first = wrong.next()?;
        Some((name, (1 + wrong.count(), first.day, first.value)))
    };
    by_name.into_iter().filter_map(wrong).collect()
}

/// Local events by kind and name, in parts of the largest magnitude; several on a day add up.
fn events(dataset: &Dataset, as_of: Day) -> BTreeMap<Channel, Values> {
    type Rows = BTreeMap<(Option<LocationIdx>, Day), f64>;
    let mut found: BTreeMap<Channel, Rows> = BTreeMap::new();
    for row in dataset.events.iter().filter(|row| row.magnitude.is_finite() && !is_holiday(&row.kind)) {
        let kind = Channel::Kind(row.kind.clone());
        let named = Channel::Named(row.kind.clone(), row.name.clone());
        for channel in [kind, named] {
            *found.entry(channel).or_default().entry((row.location, row.day)).or_default() += row.magnitude;
        }
    }
    let n_past = |rows: &Rows| {
        let days: BTreeSet<Day> = rows.keys().map(|(_, day)| *day).filter(|day| *day < as_of).collect();
        days.len()
    };
    // A kind of which all events have the same name is tried once.
    let kinds: Vec<(String, Rows)> = found
        .iter()
        .filter_map(|(channel, rows)| match channel {
            Channel::Kind(kind) => Some((kind.clone(), rows.clone())),
            _ => None,
        })
        .collect();
    found.retain(|channel, rows| {
        let is_whole_kind =
            matches!(channel, Channel::Named(kind, _) if kinds.iter().any(|(own, all)| own == kind && all == rows));
        !is_whole_kind && n_past(rows) >= N_EVENTS_MIN
    });
    found
        .into_iter()
        .filter_map(|(channel, known)| {
            let largest = known.values().map(|value| value.abs()).fold(0.0, f64::max);
            let mut rows: HashMap<Option<LocationIdx>, Vec<(Day, f32)>> = HashMap::new();
            for ((location, day), value) in known {
                rows.entry(location).or_default().push((day, (value / largest.max(1e-12)) as f32));
            }
            (largest > 0.0).then_some((channel, Values { rows, is_event: true }))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use restock_core::dataset::{EventRow, RowRef, SignalRow};

    use super::*;

    const HERE: LocationIdx = LocationIdx(0);

    fn row(day: i32, location: Option<LocationIdx>, value: f64, known_in_future: bool) -> SignalRow {
        SignalRow { name: "rain".to_owned(), day: Day(day), location, value, known_in_future }
    }

    fn channels(signals: Vec<SignalRow>, looks_back: bool) -> Channels {
        let dataset = Dataset { signals, ..Dataset::default() };
        Channels::of(&dataset, &PlanSettings::default(), Day(100), looks_back, None)
    }

    fn n_ahead(channels: &Channels) -> usize {
        channels.n_ahead(&Channel::Signal("rain".to_owned()), HERE)
    }

    #[test]
    fn a_value_that_cannot_be_right_is_none_and_a_new_extreme_is_like_the_last() {
        let rain = |day: i32| if day % 3 == 0 { 10.0 } else { 0.0 };
        let days = |wrong: Option<(i32, f64)>| {
            let value = move |day: i32| wrong.filter(|(at, _)| *at == day).map_or(rain(day), |(_, value)| value);
            channels((0..105).map(|day| row(day, None, value(day), false)).collect(), false)
        };
        let read = |channels: &Channels| {
            channels.anomalies(&Channel::Signal("rain".to_owned()), HERE, Day(0), 105).unwrap().values
        };
        let right = read(&days(None));
        for (at, wrong) in [(50, 1e12), (103, 1e12), (103, -500.0), (103, 1000.0)] {
            let found = read(&days(Some((at, wrong))));
            assert_eq!(found[at as usize], 0.0, "nothing is known of day {at}");
            for (day, (found, right)) in found.iter().zip(&right).enumerate().filter(|(day, _)| *day != at as usize) {
                assert!((found - right).abs() < 0.2, "day {day}: {found}, {right} without {wrong} on day {at}");
            }
        }
        // A slip of the unit on a day to come does what rain does.
        let slipped = read(&days(Some((102, 100.0))));
        assert!((slipped[102] - right[102]).abs() < 1e-6, "{} {}", slipped[102], right[102]);
    }

    /// Values that are rare and large are none the less right where there are several, or others lie between.
    #[test]
    fn what_is_large_and_not_alone_is_right() {
        let is_right = |values: Vec<f64>| {
            let (low, high) = plausible(values.clone());
            values.iter().all(|value| low <= *value && *value <= high)
        };
        let wobble = |day: i32| f64::from(day.rem_euclid(7)) - 3.0;
        let shops = (0..365)
            .flat_map(|day| (0..30).map(move |shop| if shop == 0 { 2_000.0 } else { 100.0 + wobble(day + shop) }));
        assert!(is_right(shops.collect()), "a large shop");
        let campaigns = (0..365).map(|day| if day % 10 == 0 { 500.0 } else { 20.0 + 0.1 * wobble(day) });
        assert!(is_right(campaigns.collect()), "days of a campaign");
        let drizzle = (0..365).map(|day| if day % 3 == 0 { 0.2 * 1.15_f64.powi(day / 9) } else { 0.0 });
        assert!(is_right(drizzle.collect()), "rain of every strength");
        let slip = (0..365).map(|day| if day == 100 { 2_100.0 } else { 20.0 + wobble(day) });
        assert!(!is_right(slip.collect()), "a slip of the decimal point, alone");
    }

    #[test]
    fn rows_of_days_to_come_are_known_where_the_plan_is_for_now_or_they_say_so() {
        let days = |known: bool| (0..105).map(move |day| row(day, None, f64::from(day % 3), known)).collect();
        assert_eq!(n_ahead(&channels(days(false), false)), 5, "a forecast of the weather");
        assert_eq!(n_ahead(&channels(days(false), true)), 0, "what came later was not known then");
        assert_eq!(n_ahead(&channels(days(true), true)), 5);
        let until_today = (0..101).map(|day| row(day, None, f64::from(day % 3), false)).collect();
        assert_eq!(n_ahead(&channels(until_today, false)), 0, "a reading of today alone is not that of the day");
    }

    /// A step of the level is usual after a while, and what is usual on a weekday is no anomaly.
    #[test]
    fn anomalies_are_from_the_days_around_and_the_weekday() {
        let weekday = |day: i32| if Day(day).weekday_idx() == 5 { 10.0 } else { 0.0 };
        let rain = Channel::Signal("rain".to_owned());
        let rhythm = channels((-300..110).map(|day| row(day, Some(HERE), weekday(day), false)).collect(), false);
        let found = rhythm.anomalies(&rain, HERE, Day(30), 75).unwrap();
        assert_eq!((found.values.len(), found.n_known), (75, 75));
        assert!(found.values[..70].iter().all(|value| value.abs() < 0.3), "{found:?}");
        let once = |day: i32| if matches!(day, -200 | 103) { 8.0 } else { f64::from(day.rem_euclid(2)) };
        let spike = channels((-300..110).map(|day| row(day, Some(HERE), once(day), false)).collect(), false);
        let found = spike.anomalies(&rain, HERE, Day(100), 20).unwrap();
        assert_eq!((found.n_known, found.values[3], found.values[12]), (10, ANOMALY_MAX, 0.0));
        assert_eq!(spike.anomalies(&rain, LocationIdx(1), Day(100), 20), None, "nothing is known elsewhere");
    }

    #[test]
    fn local_events_are_tried_by_kind_and_name_and_holidays_are_not() {
        let event = |day: i32, name: &str, kind: &str, magnitude: f64| EventRow {
            day: Day(day),
            location: Some(HERE),
            name: name.to_owned(),
            kind: kind.to_owned(),
            magnitude,
            row: RowRef::default(),
        };
        let mut events: Vec<EventRow> = (0..6).map(|n| event(n * 10, "derby", "match", 40_000.0)).collect();
        events.extend((0..6).map(|n| event(n * 10 + 3, &format!("guest {n}"), "match", 20_000.0)));
        events.extend((0..6).map(|n| event(n * 12 + 5, "fair", "market", 1.0)));
        events.extend((0..6).map(|n| event(n * 11, "Easter", "holiday", 1.0)));
        events.push(event(104, "derby", "match", 30_000.0));
        let dataset = Dataset { events, ..Dataset::default() };
        let found = Channels::of(&dataset, &PlanSettings::default(), Day(100), false, None);
        let names: Vec<&Channel> = found.names().collect();
        let kind = |kind: &str| Channel::Kind(kind.to_owned());
        let derby = Channel::Named("match".to_owned(), "derby".to_owned());
        assert_eq!(names, [&kind("market"), &kind("match"), &derby]);
        let ahead = found.anomalies(&derby, HERE, Day(100), 10).unwrap();
        assert!(ahead.n_known == 10 && ahead.values[4] > 0.6 && ahead.values[5].abs() < 0.1, "{ahead:?}");
    }
}
