//! Alarms that a forecast no longer fits its demand, with a bound on false alarms that holds at any time and for any
//! number of items.
//!
//! Every item-location bets against its forecast ([`bets`](crate::bets)). The wealth of a bet is an e-detector (Shin,
//! Ramdas & Rinaldo, 2022) that forgets: with `L` the payoff of an outcome,
//!
//! ```text
//! E <- (ρ + (1 - ρ) E) L,   E = 0 at first and after an alarm.
//! ```
//!
//! A new bet of `ρ` begins before each outcome, because the day of the change is not known, and old ones fade. While the
//! forecast is right the mean of `E` stays at most 1 *on every day, for ever*: it is an e-value, and so is the mean over the
//! bets of an item. On each day the e-BH procedure (Wang & Ramdas, 2022) over `n` items raises the `k` largest, where `k` is
//! the largest number with `E₍ₖ₎ >= n / (α k)`.
//!
//! # Guarantees
//! They need forecasts that are right given what was known when they were made, and nothing else: items may depend on each
//! other in any way, demand may be a count or a constant, shelves may be empty.
//! 1. On any day the expected share of false alarms among all alarms is at most `α`.
//! 2. Where nothing drifts, at most `α` false alarms are expected on a day, for all items together, however many they are.
//! 3. An item is falsely alarmed at most once in `1 / (α ρ)` outcomes in the mean, whatever other items do.
//!
//! The third follows from `E[E_t] <= ρ + (1 - ρ) E[E_{t-1}]`, whose sum over `T` outcomes bounds the wealth at alarms by
//! `ρ T`, and from no alarm below `1 / α`.
//!
//! # Intervals that overlap
//! A bet is fair only if the forecast was made after the outcome before it was known. So an outcome whose forecast was made
//! before the end of the last interval that counted is passed over. Daily decisions about a week are then one bet a week.
//! Betting on each of the seven series of weeks and averaging, as is also valid, would find a change no sooner in the mean;
//! forecasts of single days, where they are kept, would.
//!
//! # Segments
//! The mean payoff of the items of a [`Segment`] on one day is a fair bet too. It is blind to a single item and sees what
//! moves all of them a little: that is an alarm about the model. Segments are a family of their own, with their own `α`.

use std::collections::BTreeMap;

use restock_core::finding::ExceptionCode;
use restock_core::{Day, ItemLocation};
use serde::{Deserialize, Serialize};

use crate::bets::{Aspect, BETS, N_BETS, payoffs};
use crate::decision::Seen;
use crate::segment::Segment;

/// How easily alarms are raised.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DriftSettings {
    /// α: expected share of false alarms, and of false alarms a day where nothing drifts.
    pub alpha: f64,
    /// ρ: the inverse of the number of outcomes after which a change should have been found.
    pub forget: f64,
}

impl Default for DriftSettings {
    fn default() -> Self {
        Self { alpha: 0.1, forget: 0.01 }
    }
}

/// Wealth above which more does not matter; it keeps numbers finite.
const MOST_WEALTH: f64 = 1e30;

/// What was seen since a change most likely began: since the logarithms of payoffs last summed to nothing (Page, 1954).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "CompactSince", into = "CompactSince")]
struct SinceChange {
    /// Sum of the logarithms of payoffs since then.
    cusum: f32,
    since: Day,
    n_outcomes: u32,
    demand: f32,
    expected: f32,
}

/// The same without names: a snapshot holds ten for every item-location.
type CompactSince = (f32, Day, u32, f32, f32);

impl From<CompactSince> for SinceChange {
    fn from((cusum, since, n_outcomes, demand, expected): CompactSince) -> Self {
        Self { cusum, since, n_outcomes, demand, expected }
    }
}

impl From<SinceChange> for CompactSince {
    fn from(change: SinceChange) -> Self {
        (change.cusum, change.since, change.n_outcomes, change.demand, change.expected)
    }
}

/// The bets against the forecasts of one item-location or segment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Detector {
    wealth: [f32; N_BETS],
    changes: [SinceChange; N_BETS],
    /// Forecasts made before this day have overlapping intervals.
    free_from: Option<Day>,
    last_alarm: Option<(Aspect, Day)>,
}

/// Whom an alarm is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// One item at one location.
    Place(ItemLocation),
    /// All items of a segment.
    Segment(Segment),
}

/// An alarm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// The exception that it is.
    pub code: ExceptionCode,
    /// Whom it is about.
    pub subject: Subject,
    /// What is wrong with the forecast.
    pub aspect: Aspect,
    /// The day of the alarm.
    pub raised_on: Day,
    /// The day on which the change most likely began: the evidence against the forecast comes from outcomes since then. They
    /// are chosen because they stray, so an early alarm overstates how far demand has moved.
    pub since: Day,
    /// Outcomes since then.
    pub n_outcomes: u32,
    /// Demand seen since then, units; less than there was where shelves were empty.
    pub demand: f64,
    /// Demand expected since then, units.
    pub expected: f64,
    /// Evidence: an e-value, of which the mean is at most 1 while the forecast is right.
    pub e_value: f64,
    /// The day of an alarm before it about the same, where there was one.
    pub after: Option<Day>,
}

/// The state of all alarms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DriftMonitor {
    settings: DriftSettings,
    #[serde(with = "crate::pairs")]
    places: BTreeMap<ItemLocation, Detector>,
    #[serde(with = "crate::pairs")]
    segments: BTreeMap<Segment, Detector>,
    /// Outcomes that were passed over because their intervals overlap.
    n_overlapping: u64,
}

impl Default for DriftMonitor {
    fn default() -> Self {
        Self::new(DriftSettings::default())
    }
}

impl DriftMonitor {
    /// One that watches nothing yet.
    ///
    /// # Panics
    /// Unless `alpha` and `forget` are between 0 and 1.
    pub fn new(settings: DriftSettings) -> Self {
        let is_share = |value: f64| 0.0 < value && value < 1.0;
        assert!(is_share(settings.alpha) && is_share(settings.forget), "alpha and forget are between 0 and 1");
        Self { settings, places: BTreeMap::new(), segments: BTreeMap::new(), n_overlapping: 0 }
    }

    /// Item-locations that are watched.
    pub fn n_places(&self) -> usize {
        self.places.len()
    }

    /// Outcomes that were passed over because their intervals overlap.
    pub fn n_overlapping(&self) -> u64 {
        self.n_overlapping
    }

    /// Watches an item-location no more; where it comes back, it begins anew. Where its forecaster was fitted anew, what was
    /// known against the old one is forgotten in this way too.
    pub fn forget(&mut self, place: &ItemLocation) {
        self.places.remove(place);
    }

    /// Learns from the outcomes that became known on `as_of`, and raises the alarms of that day, strongest evidence first.
    pub fn observe<'a>(&mut self, outcomes: impl IntoIterator<Item = Seen<'a>>, as_of: Day) -> Vec<Alarm> {
        let rho = self.settings.forget;
        let mut of_segments: BTreeMap<Segment, Together> = BTreeMap::new();
        for seen in outcomes {
            let segment = Segment::of(seen.forecast);
            let paid = payoffs(seen.forecast, seen.actual, seen.is_censored);
            let free_from = self.segments.get(&segment).and_then(|detector| detector.free_from);
            if free_from.is_none_or(|day| seen.decided_on >= day) {
                of_segments.entry(segment).or_default().add(&seen, &paid);
            }
            let detector = match self.places.get_mut(seen.place) {
                Some(detector) => detector,
                None => self.places.entry(seen.place.clone()).or_default(),
            };
            if detector.free_from.is_some_and(|day| seen.decided_on < day) {
                self.n_overlapping += 1;
                continue;
            }
            detector.step(rho, &paid, seen.from, seen.to, seen.actual, seen.forecast.mean);
        }
        for (segment, together) in of_segments {
            let paid = together.paid.map(|paid| paid / f64::from(together.n));
            let detector = self.segments.entry(segment).or_default();
            detector.step(rho, &paid, together.from, together.to, together.demand, together.expected);
        }
        let mut alarms = raise(&mut self.places, self.settings.alpha, as_of, |place| Subject::Place(place.clone()));
        alarms.extend(raise(&mut self.segments, self.settings.alpha, as_of, |segment| Subject::Segment(*segment)));
        alarms.sort_by(|a, b| b.e_value.total_cmp(&a.e_value).then_with(|| a.subject.cmp(&b.subject)));
        alarms
    }
}

/// The outcomes of a segment on one day.
#[derive(Default)]
struct Together {
    n: u32,
    paid: [f64; N_BETS],
    from: Day,
    to: Day,
    demand: f64,
    expected: f64,
}

impl Together {
    fn add(&mut self, seen: &Seen<'_>, paid: &[f64; N_BETS]) {
        self.from = if self.n == 0 { seen.from } else { self.from.min(seen.from) };
        self.to = if self.n == 0 { seen.to } else { self.to.max(seen.to) };
        self.n += 1;
        self.demand += seen.actual;
        self.expected += seen.forecast.mean;
        for (sum, paid) in self.paid.iter_mut().zip(paid) {
            *sum += paid;
        }
    }
}

/// The e-BH procedure over a family of detectors; those that are raised begin anew.
fn raise<K: Ord>(
    family: &mut BTreeMap<K, Detector>,
    alpha: f64,
    as_of: Day,
    subject: impl Fn(&K) -> Subject,
) -> Vec<Alarm> {
    let n = family.len() as f64;
    // No e-value below 1 / α is ever raised.
    let mut values: Vec<f64> = family.values().map(Detector::e_value).filter(|value| *value >= 1.0 / alpha).collect();
    values.sort_by(|a, b| b.total_cmp(a));
    let raised = (1..=values.len()).rev().find(|k| values[k - 1] >= n / (alpha * *k as f64));
    let Some(least) = raised.map(|k| values[k - 1]) else { return Vec::new() };
    family
        .iter_mut()
        .filter(|(_, detector)| detector.e_value() >= least)
        .map(|(key, detector)| detector.alarm(subject(key), as_of))
        .collect()
}

impl Detector {
    fn e_value(&self) -> f64 {
        self.wealth.iter().map(|wealth| f64::from(*wealth)).sum::<f64>() / N_BETS as f64
    }

    fn step(&mut self, rho: f64, paid: &[f64; N_BETS], from: Day, to: Day, demand: f64, expected: f64) {
        self.free_from = Some(to);
        for (bet, paid) in paid.iter().enumerate() {
            let change = &mut self.changes[bet];
            if change.cusum <= 0.0 {
                *change = SinceChange { since: from, ..SinceChange::default() };
            }
            change.cusum = (change.cusum + paid.ln() as f32).clamp(-1.0, f32::MAX);
            change.n_outcomes += 1;
            change.demand += demand as f32;
            change.expected += expected as f32;
            let staked = rho + (1.0 - rho) * f64::from(self.wealth[bet]);
            self.wealth[bet] = (staked * paid).min(MOST_WEALTH) as f32;
        }
    }

    fn alarm(&mut self, subject: Subject, raised_on: Day) -> Alarm {
        let strongest = (0..N_BETS).max_by(|a, b| self.wealth[*a].total_cmp(&self.wealth[*b])).expect("there are bets");
        let (aspect, size) = BETS[strongest];
        let SinceChange { since, n_outcomes, demand, expected, .. } = self.changes[strongest];
        let after = self.last_alarm.filter(|(of, _)| *of == aspect).map(|(_, day)| day);
        let alarm = Alarm {
            code: code(&subject, aspect, size),
            subject,
            aspect,
            raised_on,
            since,
            n_outcomes,
            demand: f64::from(demand),
            expected: f64::from(expected),
            e_value: self.e_value(),
            after,
        };
        *self = Self { free_from: self.free_from, last_alarm: Some((aspect, raised_on)), ..Self::default() };
        alarm
    }
}

/// A shift of less than a standard deviation that has gone on is a bias; a larger one is news about demand.
fn code(subject: &Subject, aspect: Aspect, size: f64) -> ExceptionCode {
    match (subject, aspect) {
        (Subject::Segment(_), _) | (_, Aspect::Wider | Aspect::Tighter) => ExceptionCode::ModelDrift,
        (_, Aspect::Silence) => ExceptionCode::DemandDrop,
        (_, Aspect::Up | Aspect::Down) if size < 1.0 => ExceptionCode::ForecastBias,
        (_, Aspect::Up) => ExceptionCode::DemandSpike,
        (_, Aspect::Down) => ExceptionCode::DemandDrop,
    }
}

impl Alarm {
    /// Demand over what was expected since the change; `None` where nothing was expected.
    pub fn ratio(&self) -> Option<f64> {
        (self.expected > 0.0).then(|| self.demand / self.expected)
    }

    /// What happened, in one sentence without a full stop.
    pub fn message(&self) -> String {
        let Self { since, n_outcomes, demand, expected, .. } = self;
        let percent = self.ratio().map_or(0.0, |ratio| 100.0 * (ratio - 1.0).abs());
        let what = match self.aspect {
            Aspect::Up | Aspect::Down => {
                let side = if demand >= expected { "above" } else { "below" };
                format!("demand is {percent:.0} % {side} the forecast")
            }
            Aspect::Wider => "demand strays further from the forecast than it says".to_owned(),
            Aspect::Tighter => "demand strays less from the forecast than it says".to_owned(),
            Aspect::Silence => "nothing is sold more often than the forecast says".to_owned(),
        };
        let whom = match &self.subject {
            Subject::Place(_) => String::new(),
            Subject::Segment(segment) => format!("over all items of segment {}, ", segment.name()),
        };
        let outcomes = if *n_outcomes == 1 { "outcome" } else { "outcomes" };
        let again = self.after.map_or(String::new(), |day| format!(", again after {day}"));
        format!(
            "{whom}{what} since {since}{again}: {demand:.0} units in {n_outcomes} {outcomes}, {expected:.0} expected; evidence \
             {:.0} to 1 against the forecast",
            self.e_value
        )
    }
}

impl Alarm {
    /// The same in Chinese.
    pub fn message_zh(&self) -> String {
        let Self { since, n_outcomes, demand, expected, .. } = self;
        let percent = self.ratio().map_or(0.0, |ratio| 100.0 * (ratio - 1.0).abs());
        let what = match self.aspect {
            Aspect::Up | Aspect::Down => {
                let side = if demand >= expected { "高于" } else { "低于" };
                format!("需求{side}预测 {percent:.0} %")
            }
            Aspect::Wider => "需求偏离预测的幅度大于预测所示".to_owned(),
            Aspect::Tighter => "需求偏离预测的幅度小于预测所示".to_owned(),
            Aspect::Silence => "无销售的时段多于预测所示".to_owned(),
        };
        let whom = match &self.subject {
            Subject::Place(_) => String::new(),
            Subject::Segment(segment) => format!("分组 {} 的全部商品：", segment.name()),
        };
        let again = self.after.map_or(String::new(), |day| format!("（{day} 之后再次出现）"));
        format!(
            "{whom}自 {since} 起{what}{again}：{n_outcomes} 次结果共 {demand:.0} 件，预期 {expected:.0} 件；不利于预测的证据为 {:.0} 比 1",
            self.e_value
        )
    }
}

#[cfg(test)]
mod tests {
    use restock_core::N_LEVELS;

    use super::*;
    use crate::score::IntervalForecast;

    fn forecast() -> IntervalForecast {
        let quantiles = std::array::from_fn(|idx| 14.0 + idx as f64);
        IntervalForecast { mean: 20.0, quantiles, count_valued: false }
    }

    fn seen<'a>(place: &'a ItemLocation, forecast: &'a IntervalForecast, day: i32, actual: f64) -> Seen<'a> {
        let (decided_on, to) = (Day(day), Day(day + 1));
        Seen { place, decided_on, from: decided_on, to, forecast, actual, is_censored: false }
    }

    /// As forecast for 30 days, then 26 for ever.
    #[test]
    fn an_alarm_says_what_since_when_and_how_strongly() {
        let (place, forecast) = (ItemLocation::new("milk", "berlin"), forecast());
        let mut monitor = DriftMonitor::default();
        let mut alarms = Vec::new();
        for day in 0..80 {
            let actual = if day < 30 { forecast.quantile_at((0.618 * f64::from(day)).fract()) } else { 26.0 };
            alarms.extend(monitor.observe([seen(&place, &forecast, day, actual)], Day(day + 1)));
        }
        let of_place: Vec<&Alarm> =
            alarms.iter().filter(|alarm| alarm.subject == Subject::Place(place.clone())).collect();
        assert_eq!(of_place[0].code, ExceptionCode::DemandSpike);
        assert!((28..=30).contains(&of_place[0].since.0), "{}", of_place[0].since);
        insta::assert_snapshot!(of_place[0].message(), @"demand is 29 % above the forecast since 1970-01-30: 154 units in 6 outcomes, 120 expected; evidence 58 to 1 against the forecast");
        insta::assert_snapshot!(of_place[1].message(), @"demand is 30 % above the forecast since 1970-02-05, again after 1970-02-05: 130 units in 5 outcomes, 100 expected; evidence 17 to 1 against the forecast");
        let of_segment = alarms.iter().find(|alarm| alarm.subject == Subject::Segment(Segment::Medium)).unwrap();
        assert_eq!(of_segment.code, ExceptionCode::ModelDrift);
        insta::assert_snapshot!(of_segment.message(), @"over all items of segment medium, demand is 29 % above the forecast since 1970-01-30: 154 units in 6 outcomes, 120 expected; evidence 58 to 1 against the forecast");
    }

    #[test]
    fn a_constant_never_raises_an_alarm() {
        let place = ItemLocation::new("milk", "berlin");
        for level in [0.0, 1.0, 7.0] {
            let forecast = IntervalForecast { mean: level, quantiles: [level; N_LEVELS], count_valued: true };
            let mut monitor = DriftMonitor::default();
            for day in 0..1000 {
                assert_eq!(monitor.observe([seen(&place, &forecast, day, level)], Day(day + 1)), []);
            }
        }
    }

    #[test]
    fn overlapping_intervals_are_passed_over() {
        let (place, forecast) = (ItemLocation::new("milk", "berlin"), forecast());
        let mut monitor = DriftMonitor::default();
        for day in 0..70 {
            let week = Seen { to: Day(day + 7), ..seen(&place, &forecast, day, 40.0) };
            monitor.observe([week], Day(day + 8));
        }
        assert_eq!(monitor.n_overlapping(), 60);
    }

    #[test]
    fn empty_shelves_raise_no_alarm_about_low_demand() {
        let (place, forecast) = (ItemLocation::new("milk", "berlin"), forecast());
        let mut monitor = DriftMonitor::default();
        for day in 0..500 {
            let censored = Seen { is_censored: true, ..seen(&place, &forecast, day, 3.0) };
            assert_eq!(monitor.observe([censored], Day(day + 1)), []);
        }
    }

    #[test]
    fn e_bh_raises_more_together_than_alone() {
        let detector = |wealth| Detector { wealth: [wealth; N_BETS], ..Detector::default() };
        let family = |wealths: &[f32]| -> BTreeMap<usize, Detector> {
            wealths.iter().enumerate().map(|(idx, wealth)| (idx, detector(*wealth))).collect()
        };
        let n_raised =
            |wealths: &[f32]| raise(&mut family(wealths), 0.1, Day(0), |_| Subject::Segment(Segment::Fast)).len();
        // Of four items, one needs 40, two need 20 each, four need 10 each.
        assert_eq!(n_raised(&[39.0, 1.0, 1.0, 1.0]), 0);
        assert_eq!(n_raised(&[40.0, 1.0, 1.0, 1.0]), 1);
        assert_eq!(n_raised(&[20.0, 20.0, 1.0, 1.0]), 2);
        assert_eq!(n_raised(&[10.0, 10.0, 10.0, 10.0]), 4);
        assert_eq!(n_raised(&[9.9, 9.9, 9.9, 9.9]), 0);
    }

    #[test]
    fn the_state_survives_a_snapshot() {
        let (place, forecast) = (ItemLocation::new("milk", "berlin"), forecast());
        let mut monitor = DriftMonitor::default();
        for day in 0..7 {
            monitor.observe([seen(&place, &forecast, day, 26.0)], Day(day + 1));
        }
        let text = serde_json::to_string(&monitor).unwrap();
        assert_eq!(serde_json::from_str::<DriftMonitor>(&text).unwrap(), monitor);
    }
}
