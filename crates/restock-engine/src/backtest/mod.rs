//! "Prove it on my history": policies replayed side by side over the past, with only what was known then.
//!
//! The replay goes day by day, from origin to origin, a week of days (or a week or month of the data) apart. At each origin the planning units are
//! built anew from rows dated before it, forecasts are made once and shared by all policies, and each policy then
//! decides at every order opportunity until the next origin. Policies, ordering rules and the transition function are
//! the very ones that a plan uses. Work is split into fixed chunks of item-locations, so results do not depend on the
//! number of threads, and only one chunk's forecasts per thread are in memory at a time.
//!
//! # What counts as the truth
//! Demand is what was sold, plus what a stock-out probably kept from being sold (estimated, [`BacktestReport::latent_share`]
//! says how much of it). That estimate, and only that, may use later data; decisions never do. Where sales are known by
//! week or month, they are taken to be even over its open days.
//!
//! A component is replayed by what was used of it: what recipes of today say of everything that was sold of what is made
//! of it, in one series, where a plan adds up the forecasts of those items.
//!
//! # What the replay does not know
//! Prices, promotions, packs, minimum orders, listings and calendars are taken as the tables give them, also for the
//! future of an origin, as a plan would. Sources always deliver in full. Budgets, containers and supplier minimums over
//! several items are not applied. A policy's own stock-outs do not disturb the forecasts.

mod actual;
mod clairvoyant;
mod forecast;
mod replay;
mod report;
mod savings;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use restock_core::dataset::Dataset;
use restock_core::forecast::{Kept, Observation};
use restock_core::settings::PlanSettings;
use restock_core::{
    Bucket, Day, Forecast, ForecastRequest, Forecaster, ItemIdx, LocationIdx, N_LEVELS, Period, SeriesInput,
};
use restock_inventory::item_location::ItemLocationParams;
use restock_inventory::kpi::Ratio;

pub use forecast::{ForecastBacktestOptions, forecast_backtest};
pub use report::{
    BacktestLine, BacktestReport, BoundResult, LineResult, Note, PolicyKind, PolicyResult, ReplayedOrder, Saving,
    Skipped, TimelinePoint, TimelineValue, Verdict,
};

pub use crate::indicators::Kpis;

use crate::batch::adjust;
use crate::builder::UnitBuilder;
use crate::explanation;
use crate::health::LaneIndex;
use crate::history::{HistoryBuilder, plan_day};
use crate::indicators::KpiSums;
use crate::play::{self, Frame, Known, PlayedPeriod, Totals};
use crate::unit::PlanningUnit;
use actual::{Actual, actual};
use clairvoyant::{Bound, Problem, clairvoyant_bound};
use replay::{BLOCK_DAYS, Course, Replay, Rule, Slot};
use savings::{Comparison, CostPair, FEW_ITEMS, saving};

/// The name of the plan's own choice of policy, item-location by item-location.
pub const CONFIGURED: &str = "configured";
/// The name of the simple rule that serves as a baseline.
pub const SHOP_RULE: &str = "shop_rule";
/// The name of the column of what really happened.
pub const ACTUAL: &str = "actual";

/// Item-locations forecast and replayed together; fixed, so that sums do not depend on the number of threads.
const CHUNK: usize = 64;

/// How to replay.
#[derive(Clone, Debug, PartialEq)]
pub struct BacktestOptions {
    /// Policies by name, in the order of the report: any of `restock_learning::POLICY_NAMES`, or `configured` for what
    /// the plan would use. The first is the one the headline is about.
    pub policies: Vec<String>,
    /// First day that counts; `None` goes back `n_periods` from `to`.
    pub from: Option<Day>,
    /// Last day that counts; `None` is the last complete period of the data.
    pub to: Option<Day>,
    /// Periods that count when `from` is not given; `None` is a year, or a third of the data where they are shorter.
    pub n_periods: Option<usize>,
    /// Periods between order opportunities for every item-location; `None` takes suppliers' order days.
    pub review_periods: Option<usize>,
    /// Periods played before the first that counts; `None` is at least four weeks and the longest protection interval.
    pub n_warmup_periods: Option<usize>,
    /// Periods between forecasts; `None` is a week of days, else one.
    pub reforecast_periods: Option<usize>,
    /// Whether to add the simple rule as a baseline.
    pub shop_rule: bool,
    /// Whether to add what really happened where receipts tell.
    pub actual: bool,
    /// Replay at most this many item-locations, spread evenly.
    pub limit: Option<usize>,
    /// Width of the savings intervals.
    pub ci_level: f64,
    /// Seed of lead times and bootstrap.
    pub seed: u64,
    /// Whether to list every replayed order in the report.
    pub keep_orders: bool,
}

impl Default for BacktestOptions {
    fn default() -> Self {
        Self {
            policies: vec![CONFIGURED.to_owned(), "min_max".to_owned()],
            from: None,
            to: None,
            n_periods: None,
            review_periods: None,
            n_warmup_periods: None,
            reforecast_periods: None,
            shop_rule: true,
            actual: true,
            limit: None,
            ci_level: 0.9,
            seed: 42,
            keep_orders: false,
        }
    }
}

/// Why there is no backtest.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BacktestError {
    /// A policy nobody knows.
    #[error("policy is {name:?}, must be one of {}, {CONFIGURED}", restock_learning::POLICY_NAMES.join(", "))]
    UnknownPolicy {
        /// The name asked for.
        name: String,
    },
    /// The window does not fit the data.
    #[error(
        "window is {from} to {to}, must lie within {first} to {last}, the days with sales and enough history before \
         them"
    )]
    NoSuchWindow {
        /// First day asked for.
        from: Day,
        /// Last day asked for.
        to: Day,
        /// First day possible.
        first: Day,
        /// Last day possible.
        last: Day,
    },
    /// Not enough data for any window.
    #[error(
        "history is {n_periods} {}, at least {needed} are needed: some to learn from, some to replay",
        bucket.plural()
    )]
    TooShort {
        /// Periods from the first to the last sale.
        n_periods: usize,
        /// Length of a period.
        bucket: Bucket,
        /// Periods needed.
        needed: usize,
    },
    /// No item-location has enough history.
    #[error(
        "item-locations to replay are 0, at least 1 is needed with {needed} {} of history before {from}",
        bucket.plural()
    )]
    NothingToReplay {
        /// Length of a period.
        bucket: Bucket,
        /// First simulated day.
        from: Day,
        /// Periods of history needed.
        needed: usize,
    },
}

/// The days of a replay.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Window {
    /// Period of the data; the days below start one.
    bucket: Bucket,
    /// First simulated day.
    start: Day,
    /// First day that counts.
    counted: Day,
    /// The day after the last.
    end: Day,
}

impl Window {
    fn n_simulated(&self) -> usize {
        (self.end.0 - self.start.0) as usize
    }

    fn n_warmup(&self) -> usize {
        (self.counted.0 - self.start.0) as usize
    }

    /// Periods of the data from one day to another that both start one.
    fn n_periods(&self, from: Day, to: Day) -> usize {
        (self.bucket.period_of(to) - self.bucket.period_of(from)) as usize
    }

    /// The chart point of a day that counts: a week of days, or a period of longer ones.
    fn point_of(&self, day: Day) -> usize {
        match self.bucket {
            Bucket::Day => (day.0 - self.counted.0) as usize / 7,
            _ => self.n_periods(self.counted, day),
        }
    }
}

/// Whether the sales reach back far enough for a backtest of the usual options.
pub fn is_long_enough(dataset: &Dataset, settings: &PlanSettings) -> bool {
    let to = settings.as_of.map(|day| day.plus(-1));
    window(dataset, settings, &BacktestOptions { to, ..BacktestOptions::default() }).is_ok()
}

/// Fewest periods of history before the replay.
fn min_history(bucket: Bucket) -> usize {
    match bucket {
        Bucket::Day => 56,
        Bucket::Week => 12,
        Bucket::Month => 6,
    }
}

/// Replays the past under several policies.
///
/// `progress(done, total)` counts item-locations times origins. The same data, settings, forecaster and options give the
/// same report, on any number of threads.
///
/// # Errors
/// [`BacktestError`] when a policy is unknown or the data cannot fill the window.
pub fn backtest(
    dataset: &Dataset,
    settings: &PlanSettings,
    forecaster: &dyn Forecaster,
    options: &BacktestOptions,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<BacktestReport, BacktestError> {
    // What the learned policy is worth shows where it acts: this is the evidence that it may.
    let settings = &PlanSettings { learned_acts: true, ..settings.clone() };
    let bucket = settings.bucket;
    let slots = slots(options)?;
    let dataset = without_undated_stock(dataset);
    let window = window(&dataset, settings, options)?;
    let start_day = window.start;

    // What was known at the start, and what is known at the end: the truth.
    let at_start = PlanSettings { as_of: Some(start_day), ..settings.clone() };
    let at_end = PlanSettings { as_of: Some(window.end), ..settings.clone() };
    let known_at_start = UnitBuilder::new(&dataset, &at_start, None);
    let known_at_end = UnitBuilder::new(&dataset, &at_end, None);
    let lanes = LaneIndex::new(&dataset, start_day);

    let (pairs, skipped) = eligible(&known_at_start, options);
    if pairs.is_empty() {
        return Err(BacktestError::NothingToReplay { bucket, from: start_day, needed: min_history(bucket) });
    }
    let points = (window.counted.0..window.end.0).map(|day| window.point_of(Day(day))).collect();
    let context = Context { dataset: &dataset, settings, options, window, points, slots: &slots, lanes: &lanes };
    let mut chunks: Vec<Chunk> =
        pairs.par_chunks(CHUNK).map(|pairs| context.chunk(pairs, &known_at_start, &known_at_end)).collect();
    drop(known_at_start);
    drop(known_at_end);

    let reforecast = reforecast_periods(options, bucket);
    let periods = bucket.period_of(window.start)..bucket.period_of(window.end);
    let origins: Vec<Period> = periods.step_by(reforecast).collect();
    let total = pairs.len() * origins.len();
    let done = AtomicUsize::new(0);
    progress(0, total);
    for origin in origins {
        let as_of = PlanSettings { as_of: Some(bucket.first_day(origin)), ..settings.clone() };
        let known = UnitBuilder::new(&dataset, &as_of, None);
        let to = bucket.first_day(origin + reforecast as Period).min(window.end);
        chunks.par_iter_mut().for_each(|chunk| {
            context.play_chunk(chunk, &known, forecaster, (bucket.first_day(origin), to));
            let finished = done.fetch_add(chunk.items.len(), Ordering::Relaxed) + chunk.items.len();
            progress(finished, total);
        });
    }
    chunks.par_iter_mut().flat_map(|chunk| &mut chunk.items).for_each(|item| item.bound = bound_of_item(&item.replay));
    Ok(context.report(&chunks, skipped, forecaster.name(), reforecast))
}

/// Undated stock is the stock of today, which nobody knew in the past.
fn without_undated_stock(dataset: &Dataset) -> Cow<'_, Dataset> {
    if dataset.inventory.iter().all(|row| row.as_of.is_some()) {
        return Cow::Borrowed(dataset);
    }
    let mut dated = dataset.clone();
    dated.inventory.retain(|row| row.as_of.is_some());
    Cow::Owned(dated)
}

fn slots(options: &BacktestOptions) -> Result<Vec<Slot>, BacktestError> {
    let mut slots = Vec::new();
    for name in &options.policies {
        let rule = match name.as_str() {
            CONFIGURED => Rule::Configured,
            SHOP_RULE => continue,
            name if restock_learning::policy(name).is_some() => Rule::Named(name.to_owned()),
            name => return Err(BacktestError::UnknownPolicy { name: name.to_owned() }),
        };
        slots.push(Slot { name: name.clone(), rule });
    }
    if options.shop_rule || options.policies.iter().any(|name| name == SHOP_RULE) {
        // A week more than needed: what a careful shopkeeper keeps.
        let buffer_periods = 7;
        slots.push(Slot { name: SHOP_RULE.to_owned(), rule: Rule::MeanSales { buffer_periods } });
    }
    Ok(slots)
}

fn reforecast_periods(options: &BacktestOptions, bucket: Bucket) -> usize {
    let usual = if bucket == Bucket::Day { 7 } else { 1 };
    options.reforecast_periods.unwrap_or(usual).max(1)
}

/// The window that the options and the data allow.
fn window(dataset: &Dataset, settings: &PlanSettings, options: &BacktestOptions) -> Result<Window, BacktestError> {
    let bucket = settings.bucket;
    // The period of the plan is not complete.
    let data_end = bucket.period_of(plan_day(dataset, settings));
    let as_of = bucket.first_day(data_end);
    let first_sale = dataset.sales.day.iter().copied().filter(|day| *day < as_of).min();
    let data_start = first_sale.map_or(data_end, |day| bucket.period_of(day));
    let n_data = (data_end - data_start) as usize;
    let needed = min_history(bucket) + 2 * bucket.periods_ceil(28.0).max(1);
    if n_data < needed {
        return Err(BacktestError::TooShort { n_periods: n_data, bucket, needed });
    }
    let warmup = options.n_warmup_periods.unwrap_or_else(|| bucket.periods_ceil(28.0).max(1));
    let end = options.to.map_or(data_end, |day| bucket.period_of(day) + 1);
    let year = bucket.periods_ceil(365.0);
    let usual = year.min(n_data / 3).max(1);
    let counted = match options.from {
        Some(day) => bucket.period_of(day),
        None => end - options.n_periods.unwrap_or(usual) as Period,
    };
    let start = counted - warmup as Period;
    let earliest = data_start + min_history(bucket) as Period;
    // A window given by length alone shrinks to what the data hold; one given by days does not.
    let (start, counted) = if options.from.is_none() && start < earliest {
        (earliest, earliest + warmup as Period)
    } else {
        (start, counted)
    };
    if start < earliest || counted >= end || end > data_end {
        return Err(BacktestError::NoSuchWindow {
            from: bucket.first_day(counted),
            to: bucket.last_day(end - 1),
            first: bucket.first_day(earliest + warmup as Period),
            last: bucket.last_day(data_end - 1),
        });
    }
    let [start, counted, end] = [start, counted, end].map(|period| bucket.first_day(period));
    Ok(Window { bucket, start, counted, end })
}

type Pair = (ItemIdx, LocationIdx);

/// Item-locations with enough history at the start, and how many were left out and why.
fn eligible(known: &UnitBuilder<'_>, options: &BacktestOptions) -> (Vec<Pair>, Vec<Skipped>) {
    let history = &known.history;
    let mut n_new = 0;
    let mut n_unplanned = 0;
    let candidates: Vec<Pair> =
        history.pairs_with_sales().chain(known.components()).collect::<BTreeSet<_>>().into_iter().collect();
    let verdicts: Vec<Option<bool>> = candidates
        .par_iter()
        .map(|(item, location)| {
            let unit = known.build_alone((*item, *location)).ok()?;
            let series = &unit.history.series;
            let is_planned = !unit.made_to_order && !unit.rules.do_not_order;
            is_planned.then(|| {
                series.n_periods() >= min_history(series.bucket) && series.sales.iter().any(|sold| *sold > 0.0)
            })
        })
        .collect();
    let mut pairs: Vec<Pair> = Vec::new();
    for (pair, verdict) in candidates.into_iter().zip(verdicts) {
        match verdict {
            Some(true) => pairs.push(pair),
            Some(false) => n_new += 1,
            None => n_unplanned += 1,
        }
    }
    let mut skipped = Vec::new();
    let mut skip = |n_item_locations: usize, en: &str, zh: &str| {
        if n_item_locations > 0 {
            skipped.push(Skipped { reason: Note { en: en.to_owned(), zh: zh.to_owned() }, n_item_locations });
        }
    };
    skip(n_new, "too little history before the replay", "回放开始前历史不足");
    skip(
        n_unplanned,
        "not planned then: no sales yet, discontinued, made to order or not to be ordered",
        "当时不在计划内：尚无销售、已停售、按单生产或禁止订货",
    );
    if let Some(limit) = options.limit.filter(|limit| *limit < pairs.len()) {
        let n_all = pairs.len();
        pairs = (0..limit).map(|idx| pairs[idx * n_all / limit]).collect();
        skip(n_all - limit, "left out by the limit asked for", "超出所设数量限制");
    }
    (pairs, skipped)
}

/// Everything that stays the same during a replay.
struct Context<'a> {
    dataset: &'a Dataset,
    settings: &'a PlanSettings,
    options: &'a BacktestOptions,
    window: Window,
    /// Chart point of each day that counts.
    points: Vec<usize>,
    slots: &'a [Slot],
    lanes: &'a LaneIndex<'a>,
}

/// Item-locations that are replayed together.
struct Chunk {
    items: Vec<Item>,
    /// `[n_points × n_slots]` of each chart point and column.
    timeline: Vec<TimelineValue>,
    /// Demand of each chart point, base units.
    timeline_demand: Vec<f64>,
}

/// One item-location in the replay.
struct Item {
    pair: Pair,
    replay: Replay,
    bound: Bound,
    actual: Actual,
    /// Units per base unit.
    units_per_base: f64,
    money_known: bool,
    /// Demand estimated beyond sales, units.
    latent: f64,
    /// What the forecaster keeps from origin to origin.
    kept: Option<Kept>,
}

impl Context<'_> {
    fn n_points(&self) -> usize {
        self.points.last().map_or(0, |last| last + 1)
    }

    /// The truth, the order opportunities and the lead times of a chunk, before anything is played.
    fn chunk(&self, pairs: &[Pair], at_start: &UnitBuilder<'_>, at_end: &UnitBuilder<'_>) -> Chunk {
        let mut chunk = Chunk {
            items: Vec::with_capacity(pairs.len()),
            timeline: vec![TimelineValue::default(); self.n_points() * (self.slots.len() + 1)],
            timeline_demand: vec![0.0; self.n_points()],
        };
        for pair in pairs {
            let Some(mut item) = self.item(*pair, at_start, at_end) else { continue };
            if self.options.actual {
                let unit = at_start.build(pair.0, pair.1).expect("built a moment ago");
                let book = &mut self.booking(&mut chunk.timeline, &item.replay.course, item.units_per_base);
                item.actual =
                    actual(self.dataset, *pair, &unit, &self.window, &item.replay.course, &mut |t, played| {
                        book(t, self.slots.len(), played);
                    });
            }
            chunk.items.push(item);
        }
        chunk
    }

    /// Adds what a player did in a period to the charts.
    fn booking<'t>(
        &'t self,
        timeline: &'t mut [TimelineValue],
        course: &Course,
        units_per_base: f64,
    ) -> impl FnMut(usize, usize, &PlayedPeriod) + use<'t> {
        let (first_counted, costs) = (course.frame.first_counted, course.frame.params.costs);
        let n_columns = self.slots.len() + 1;
        move |t, column, played| {
            let value = &mut timeline[self.points[t - first_counted] * n_columns + column];
            value.sold += played.sold as f64 / units_per_base;
            value.stock_value += played.on_hand as f64 * costs.unit_cost;
            value.cost += played.cost(&costs);
        }
    }

    fn item(&self, pair: Pair, at_start: &UnitBuilder<'_>, at_end: &UnitBuilder<'_>) -> Option<Item> {
        let (item, location) = pair;
        let window = self.window;
        let unit = at_start.build_alone(pair).ok()?;
        let truth = at_end.outflow_of(pair, 1).series;
        let bucket = window.bucket;
        let n_lookback = if bucket == Bucket::Month { 91 } else { 28 };
        let n_simulated = window.n_simulated();

        let at = |period: Period| usize::try_from(period - truth.first_period).ok().filter(|t| *t < truth.n_periods());
        // Each day with its period in the history and its share of the period's demand.
        let from = window.start.plus(-n_lookback);
        let shares = day_shares(&at_end.history, location, bucket, (from, window.end));
        let days: Vec<(Option<usize>, f64)> =
            (from.0..window.end.0).map(|day| at(bucket.period_of(Day(day)))).zip(shares).collect();
        let n_lookback = n_lookback as usize;
        let counts_on = |(t, share): &(Option<usize>, f64)| {
            let observed = t.map_or(Observation::Missing, |t| truth.observations[t]);
            *share > 0.0 && matches!(observed, Observation::Full | Observation::Censored)
        };
        let of_day = |values: &[f64], (t, share): &(Option<usize>, f64)| t.map_or(0.0, |t| values[t] * share);
        let demand: Vec<f64> = days[n_lookback..].iter().map(|day| of_day(&truth.demand, day)).collect();
        let recorded: Vec<f64> =
            days.iter().map(|day| if counts_on(day) { of_day(&truth.sales, day) } else { f64::NAN }).collect();
        let counts: Vec<bool> = days[n_lookback..].iter().map(counts_on).collect();
        let latent = (bucket.period_of(window.counted)..bucket.period_of(window.end))
            .filter_map(&at)
            .filter(|t| truth.observations[*t] == Observation::Censored)
            .map(|t| (truth.demand[t] - truth.sales[t]).max(0.0))
            .sum();

        // Deliveries take as long as receipts say they do, whatever was believed at the time.
        let real = at_end.build(item, location).unwrap_or_else(|_| unit.clone());
        let lead_times = play::draw_lead_times(
            &play::believed_lead_times(&PlanningUnit { as_of: unit.as_of, ..real }),
            n_simulated,
            self.options.seed ^ truth.key,
        );
        let params = ItemLocationParams { costs: play::checked(unit.costs), ..explanation::params(&unit) };
        let course = Course {
            demand: play::whole_units(&demand),
            recorded,
            n_lookback,
            review_periods: self.review_periods(&unit, pair),
            lead_times,
            frame: Frame { counts, params, first_counted: window.n_warmup(), block: BLOCK_DAYS },
        };
        Some(Item {
            pair,
            bound: Bound::default(),
            actual: Actual::NoReceipts,
            units_per_base: 10_f64.powi(i32::from(unit.decimals)),
            money_known: unit.money_known,
            latent,
            kept: None,
            replay: Replay::new(course, self.slots.len()),
        })
    }

    /// Days to the next order opportunity for days that have one, 0 for the others.
    fn review_periods(&self, unit: &PlanningUnit, pair: Pair) -> Vec<usize> {
        let Window { bucket, start, .. } = self.window;
        let n_simulated = self.window.n_simulated();
        match self.options.review_periods {
            Some(periods) => {
                let every = (periods.max(1) as f64 * bucket.days()).round() as usize;
                play::gaps(&(0..n_simulated).map(|t| t % every == 0).collect::<Vec<_>>(), every)
            }
            None => {
                let every = self.settings.default_review_days.ceil().max(1.0) as usize;
                play::review_periods(self.lanes, unit, pair, (start, n_simulated), every)
            }
        }
    }

    /// Forecasts a chunk from what was known at `from` and plays it until `to`.
    fn play_chunk(
        &self,
        chunk: &mut Chunk,
        known: &UnitBuilder<'_>,
        forecaster: &dyn Forecaster,
        (from, to): (Day, Day),
    ) {
        let mut units: Vec<Option<PlanningUnit>> =
            chunk.items.iter().map(|item| known.build_alone(item.pair).ok()).collect();
        let extra = (to.0 - from.0) as usize;
        let horizons: Vec<usize> =
            units.iter().map(|unit| unit.as_ref().map_or(0, |unit| horizon(unit, extra))).collect();
        let horizon = horizons.iter().copied().max().unwrap_or(0).max(1);
        for (unit, item) in units.iter_mut().zip(&chunk.items) {
            if let Some(unit) = unit
                && unit.horizon() < horizon
            {
                let n_periods = known.history.periods_ahead(horizon);
                unit.history = match unit.used {
                    Some(_) => known.outflow_of(item.pair, n_periods),
                    None => known.history.build(item.pair.0, item.pair.1, n_periods),
                };
            }
        }
        let n_periods = known.history.periods_ahead(horizon);
        let forecasts = self.forecasts(&mut chunk.items, &mut units, forecaster, n_periods);

        let start = self.window.start;
        let (from, to) = ((from.0 - start.0) as usize, (to.0 - start.0) as usize);
        for (((item, unit), forecast), horizon) in chunk.items.iter_mut().zip(units).zip(forecasts).zip(horizons) {
            let first_counted = item.replay.course.frame.first_counted;
            for t in from.max(first_counted)..to {
                chunk.timeline_demand[self.points[t - first_counted]] +=
                    item.replay.course.demand[t] as f64 / item.units_per_base;
            }
            let mut book = self.booking(&mut chunk.timeline, &item.replay.course, item.units_per_base);
            match (unit, forecast) {
                (Some(unit), Some(mut forecast)) => {
                    adjust(&unit, &mut forecast);
                    let n_periods = known.history.periods_ahead(horizon);
                    forecast.mean.truncate(n_periods);
                    forecast.quantiles.truncate(n_periods * N_LEVELS);
                    let seed = self.settings.seed ^ unit.history.series.key;
                    let paths = unit.history.demand_paths(&forecast, self.settings.n_paths.max(1), seed);
                    let mut known = Known::new(self.settings, unit, Arc::new(paths), start);
                    item.replay.play(self.slots, &mut known, (from, to), &mut book);
                }
                // Discontinued since: nothing is ordered any more.
                _ => item.replay.play_without_orders((from, to), &mut book),
            }
        }
    }

    /// One forecast per unit.
    fn forecasts(
        &self,
        items: &mut [Item],
        units: &mut [Option<PlanningUnit>],
        forecaster: &dyn Forecaster,
        horizon: usize,
    ) -> Vec<Option<Forecast>> {
        // A forecaster takes the series out of the units and gives them back.
        let mut batch: Vec<SeriesInput> = Vec::with_capacity(units.len());
        let mut kept: Vec<Option<Kept>> = Vec::with_capacity(units.len());
        for (unit, item) in units.iter_mut().zip(&mut *items) {
            let Some(unit) = unit else { continue };
            if unit.history.effects.is_some() {
                batch.push(unit.history.without_effects().into_owned());
            } else {
                let empty = unit.history.series.until(0, 0);
                batch.push(std::mem::replace(&mut unit.history.series, empty));
            }
            kept.push(item.kept.take());
        }
        let request = ForecastRequest { horizon, seed: self.settings.seed };
        let forecasts = forecaster.forecast_keeping(&batch, &request, &mut kept);
        assert_eq!(forecasts.len(), batch.len(), "{} returns one forecast per series", forecaster.name());
        let mut forecasts = forecasts.into_iter().zip(batch).zip(kept);
        units
            .iter_mut()
            .zip(items)
            .map(|(unit, item)| {
                let unit = unit.as_mut()?;
                let ((mut forecast, series), kept) = forecasts.next().expect("one forecast per unit");
                match unit.history.effects.is_some() {
                    true => unit.history.with_effects(&mut forecast),
                    false => unit.history.series = series,
                }
                item.kept = kept;
                Some(forecast)
            })
            .collect()
    }
}

/// The share of its period's demand that falls on each day `from..to`: even over the days on which the place was open, or
/// over all days where it was never open.
fn day_shares(history: &HistoryBuilder<'_>, location: LocationIdx, bucket: Bucket, (from, to): (Day, Day)) -> Vec<f64> {
    if bucket == Bucket::Day {
        return vec![1.0; (to.0 - from.0) as usize];
    }
    let mut shares = Vec::with_capacity((to.0 - from.0) as usize);
    for period in bucket.period_of(from)..=bucket.period_of(to.plus(-1)) {
        let (first, last) = (bucket.first_day(period), bucket.last_day(period));
        let open: Vec<bool> = (first.0..=last.0).map(|day| history.is_open(location, Day(day))).collect();
        let n_open = open.iter().filter(|open| **open).count();
        for (day, open) in (first.0..=last.0).zip(open) {
            if from.0 <= day && day < to.0 {
                let n_days = if n_open > 0 { n_open } else { (last.0 - first.0 + 1) as usize };
                shares.push(if open || n_open == 0 { 1.0 / n_days as f64 } else { 0.0 });
            }
        }
    }
    shares
}

/// Days that the reviews up to the next origin can look ahead.
fn horizon(unit: &PlanningUnit, extra: usize) -> usize {
    let longest_lead = play::believed_lead_times(unit).iter().copied().max().unwrap_or(0);
    let review = unit.timing().review_period;
    let shelf_life = unit.shelf_life.unwrap_or(0).min(28);
    longest_lead + review.max(shelf_life) + review + extra
}

impl Context<'_> {
    /// Sums up, always in the order of the item-locations.
    fn report(&self, chunks: &[Chunk], skipped: Vec<Skipped>, forecaster: &str, reforecast: usize) -> BacktestReport {
        let items: Vec<&Item> = chunks.iter().flat_map(|chunk| &chunk.items).collect();
        let window = self.window;
        let has_actual = items.iter().any(|item| item.actual.totals().is_some());
        let n_columns = self.slots.len() + usize::from(has_actual);
        let column_of = |item: &'_ Item, column: usize| -> Option<Totals> {
            match item.replay.players.get(column) {
                Some(player) => Some(player.totals.clone()),
                None => item.actual.totals().cloned(),
            }
        };
        let names: Vec<&str> =
            self.slots.iter().map(|slot| slot.name.as_str()).chain(has_actual.then_some(ACTUAL)).collect();

        let policies: Vec<PolicyResult> = (0..n_columns)
            .map(|column| {
                let covered: Vec<(&Item, Totals)> =
                    items.iter().filter_map(|item| Some((*item, column_of(item, column)?))).collect();
                let kind = match self.slots.get(column).map(|slot| &slot.rule) {
                    Some(Rule::MeanSales { .. }) => PolicyKind::Baseline,
                    Some(_) => PolicyKind::Policy,
                    None => PolicyKind::Actual,
                };
                let bound: f64 = covered.iter().map(|(item, _)| item.bound.cost()).sum();
                let kpis = self.kpis(&covered);
                let above_bound = (kind != PolicyKind::Actual).then_some(kpis.cost - bound);
                PolicyResult {
                    policy: names[column].to_owned(),
                    kind,
                    n_item_locations: covered.len(),
                    above_bound,
                    gap_to_bound: above_bound.filter(|_| kpis.cost > 0.0).map(|above| above / kpis.cost),
                    kpis,
                }
            })
            .collect();

        let savings = self.savings(&items, &names, &column_of);
        let baseline_of_headline =
            if items.iter().filter(|item| item.actual.totals().is_some()).count() * 2 >= items.len() {
                ACTUAL
            } else {
                SHOP_RULE
            };
        let headline = savings
            .iter()
            .filter(|saving| saving.policy == names[0])
            .max_by_key(|saving| saving.baseline == baseline_of_headline);
        let (headline, headline_zh) = match headline {
            Some(saving) => (saving.sentence.clone(), saving.sentence_zh.clone()),
            None => ("no baseline to compare with".to_owned(), "没有可比较的基准".to_owned()),
        };

        let (latent, demand) = items.iter().fold((0.0, 0.0), |(latent, demand), item| {
            (latent + item.latent / item.units_per_base, demand + item.bound.demand as f64 / item.units_per_base)
        });
        let latent_share = if demand > 0.0 { (latent / demand).min(1.0) } else { 0.0 };
        let costs_assumed = items.iter().any(|item| !item.money_known);
        let dataset = self.dataset;
        let bucket = window.bucket;
        BacktestReport {
            from: window.counted,
            to: window.end.plus(-1),
            bucket,
            n_periods: window.n_periods(window.counted, window.end),
            n_warmup_periods: window.n_periods(window.start, window.counted),
            n_item_locations: items.len(),
            skipped,
            forecaster: forecaster.to_owned(),
            reforecast_periods: reforecast,
            currency: self.settings.currency.clone(),
            costs_assumed,
            latent_share,
            seed: self.options.seed,
            ci_level: self.options.ci_level,
            bound: bound_of(&items),
            headline,
            headline_zh,
            notes: self.notes(&items, latent_share, costs_assumed),
            timeline: self.timeline(chunks, n_columns),
            lines: items
                .iter()
                .map(|item| {
                    let (item_idx, location_idx) = item.pair;
                    BacktestLine {
                        item_id: dataset.items[item_idx.0 as usize].item_id.clone(),
                        location_id: dataset.locations[location_idx.0 as usize].location_id.clone(),
                        demand: item.bound.demand as f64 / item.units_per_base,
                        bound: item.bound.cost(),
                        policies: (0..n_columns)
                            .map(|column| column_of(item, column).map(|totals| line_result(item, &totals)))
                            .collect(),
                    }
                })
                .collect(),
            orders: if self.options.keep_orders { self.orders(&items) } else { Vec::new() },
            policies,
            savings,
        }
    }

    /// Indicators over item-locations: numerators and denominators are summed, ratios are never averaged.
    fn kpis(&self, covered: &[(&Item, Totals)]) -> Kpis {
        let n_days = f64::from(self.window.end.0 - self.window.counted.0);
        let mut sums = KpiSums::default();
        for (item, totals) in covered {
            sums.add(totals, item.units_per_base, item.replay.course.frame.params.costs.unit_cost);
        }
        sums.kpis(n_days)
    }

    /// Every policy against every baseline, over the item-locations that both cover.
    fn savings(
        &self,
        items: &[&Item],
        names: &[&str],
        column_of: &dyn Fn(&Item, usize) -> Option<Totals>,
    ) -> Vec<Saving> {
        let is_baseline = |name: &str| name == SHOP_RULE || name == ACTUAL;
        let mut savings = Vec::new();
        for (policy, policy_name) in names.iter().enumerate().filter(|(_, name)| **name != ACTUAL) {
            for (baseline, baseline_name) in names.iter().enumerate().filter(|(_, name)| is_baseline(name)) {
                if policy == baseline {
                    continue;
                }
                let both: Vec<(&Item, Totals, Totals)> = items
                    .iter()
                    .filter_map(|item| Some((*item, column_of(item, policy)?, column_of(item, baseline)?)))
                    .collect();
                // An item's locations share their luck, so the item is the unit; few items are cut into stretches.
                let n_items =
                    both.iter().map(|(item, _, _)| item.pair.0).collect::<std::collections::BTreeSet<_>>().len();
                let by_block = n_items < FEW_ITEMS;
                let mut units: BTreeMap<(ItemIdx, usize), CostPair> = BTreeMap::new();
                for (item, policy, baseline) in &both {
                    for block in 0..policy.blocks.len().max(baseline.blocks.len()) {
                        let unit = units.entry((item.pair.0, if by_block { block } else { 0 })).or_default();
                        unit.policy += policy.blocks.get(block).copied().unwrap_or(0.0);
                        unit.baseline += baseline.blocks.get(block).copied().unwrap_or(0.0);
                    }
                }
                let units: Vec<CostPair> = units.into_values().collect();
                savings.push(saving(
                    &units,
                    &Comparison {
                        policy: policy_name,
                        baseline: baseline_name,
                        currency: &self.settings.currency,
                        n_item_locations: both.len(),
                        ci_level: self.options.ci_level,
                        seed: self.options.seed,
                    },
                ));
            }
        }
        savings
    }

    fn timeline(&self, chunks: &[Chunk], n_columns: usize) -> Vec<TimelinePoint> {
        let mut first = 0;
        (0..self.n_points())
            .map(|point| {
                let n_days = self.points[first..].iter().take_while(|of_day| **of_day == point).count();
                let day = self.window.counted.plus(first as i32);
                first += n_days;
                let mut policies = vec![TimelineValue::default(); n_columns];
                let mut demand = 0.0;
                for chunk in chunks {
                    demand += chunk.timeline_demand[point];
                    let columns = &chunk.timeline[point * (self.slots.len() + 1)..];
                    for (sum, value) in policies.iter_mut().zip(columns) {
                        sum.sold += value.sold;
                        sum.stock_value += value.stock_value / n_days as f64;
                        sum.cost += value.cost;
                    }
                }
                TimelinePoint { day, demand, policies }
            })
            .collect()
    }

    fn orders(&self, items: &[&Item]) -> Vec<ReplayedOrder> {
        let mut orders = Vec::new();
        for item in items {
            for (slot, placed) in self.slots.iter().zip(&item.replay.orders) {
                for (t, quantity) in placed {
                    orders.push(ReplayedOrder {
                        policy: slot.name.clone(),
                        item_id: self.dataset.items[item.pair.0.0 as usize].item_id.clone(),
                        location_id: self.dataset.locations[item.pair.1.0 as usize].location_id.clone(),
                        day: self.window.start.plus(*t as i32),
                        quantity: *quantity as f64 / item.units_per_base,
                    });
                }
            }
        }
        orders
    }

    /// How it was done and what it does not know.
    fn notes(&self, items: &[&Item], latent_share: f64, costs_assumed: bool) -> Vec<Note> {
        let mut notes = Vec::new();
        let mut note = |en: String, zh: String| notes.push(Note { en, zh });
        let warmup = self.window.n_periods(self.window.start, self.window.counted);
        note(
            format!(
                "every policy starts with the same stock, its base-stock level; the first {warmup} periods are played \
                 and not counted"
            ),
            format!("各策略以相同的库存（基础库存水平）起步，最初 {warmup} 个周期仅作预热，不计入指标"),
        );
        note(
            "decisions use only what was known on their day; planned prices, promotions, packs, minimum orders and \
             calendars are taken as the tables give them"
                .to_owned(),
            "每个决策只使用当日已知的数据；计划价格、促销、包装、起订量与日历按数据表取值".to_owned(),
        );
        if self.window.bucket != Bucket::Day {
            note(
                "sales known by week or month are taken to be even over its open days; orders, lead times and stock go day by \
                 day"
                    .to_owned(),
                "按周或按月记录的销量视为在营业日内均匀分布；订货、提前期与库存按日推演".to_owned(),
            );
        }
        if latent_share > 0.0005 {
            let percent = latent_share * 100.0;
            note(
                format!("{percent:.1} % of demand is estimated, because stock-outs kept it from being sold"),
                format!("{percent:.1}% 的需求为估计值，因缺货未能售出"),
            );
        }
        note(
            "demand not met is lost, or waits at places that others draw from; suppliers deliver in full; budgets, \
             containers and minimums over several items are not applied"
                .to_owned(),
            "未满足的需求视为流失，在为其他地点供货的地点则等待；供应商足量交货；不考虑跨商品的预算、装箱与最低订购额"
                .to_owned(),
        );
        if costs_assumed {
            note(
                "some costs and prices are not known; money is counted with an assumed margin".to_owned(),
                "部分成本或价格未知，金额按假定毛利计算".to_owned(),
            );
        }
        let n_actual = items.iter().filter(|item| item.actual.totals().is_some()).count();
        let n_all = items.len();
        let first_receipt = items.iter().filter_map(|item| match item.actual {
            Actual::BeginLate(day) => Some(day),
            _ => None,
        });
        if n_actual > 0 {
            note(
                format!(
                    "actual orders are comparable for {n_actual} of {n_all} item-locations, those whose receipts cover \
                     the replay and explain their sales; their stock is receipts minus sales from a stock count, or \
                     from the lowest start that never falls below zero, and expires like that of the policies where no \
                     waste is recorded"
                ),
                format!(
                    "{n_all} 个商品-地点中有 {n_actual} 个的实际订货可比较，其收货记录覆盖回放期并能解释销量；库存由盘点（或不出现负数的\
                     最低起始库存）加收货减销售推算，未记录损耗的按保质期过期"
                ),
            );
        } else if let Some(day) = first_receipt.min() {
            note(
                format!("actual orders: not comparable, receipts begin on {day}"),
                format!("实际订货：无法比较，收货记录自 {day} 开始"),
            );
        } else if items.iter().any(|item| matches!(item.actual, Actual::Incomplete)) {
            note(
                "actual orders: not comparable, receipts do not explain what was sold".to_owned(),
                "实际订货：无法比较，收货记录不足以解释销量".to_owned(),
            );
        }
        let n_exact = items.iter().filter(|item| item.bound.is_exact).count();
        note(
            format!(
                "the bound is the least cost with perfect foresight under the same order days, lead times, packs, minimum \
                 and maximum orders and shelf lives; nobody knows that much. It is exact for {n_exact} of {n_all} \
                 item-locations; for the others stock and shelf limits count in part, or quantities are too large for \
                 packs to be counted, and it may be lower than any orders could reach"
            ),
            format!(
                "下界为在相同订货日、提前期、包装、起订量、最大订货量与保质期下完全预知需求的最低成本，无人能预知至此；{n_all} 个\
                 商品-地点中 {n_exact} 个为精确值，其余只部分考虑库存与货架上限，或因数量过大不计包装，可能低于任何订货所能达到的成本"
            ),
        );
        notes
    }
}

/// The bound of an item-location that has been played to the end.
fn bound_of_item(replay: &Replay) -> Bound {
    let Replay { course, opportunities, start, .. } = replay;
    let Frame { first_counted, params, .. } = &course.frame;
    clairvoyant_bound(&Problem {
        demand: &course.demand,
        first: *first_counted,
        opportunities,
        start,
        shelf_life: params.shelf_life,
        costs: &params.costs,
    })
}

fn bound_of(items: &[&Item]) -> BoundResult {
    let mut bound = BoundResult::default();
    let mut fill = Ratio::default();
    for item in items {
        bound.cost += item.bound.cost();
        bound.holding_cost += item.bound.holding_cost;
        bound.stockout_cost += item.bound.stockout_cost;
        bound.order_cost += item.bound.order_cost;
        bound.waste_cost += item.bound.waste_cost;
        bound.n_exact += usize::from(item.bound.is_exact);
        let demand = item.bound.demand as f64 / item.units_per_base;
        fill += Ratio::new(demand - item.bound.lost as f64 / item.units_per_base, demand);
    }
    bound.fill_rate = fill.value();
    bound
}

fn line_result(item: &Item, totals: &Totals) -> LineResult {
    let unit_cost = item.replay.course.frame.params.costs.unit_cost;
    LineResult {
        fill_rate: Ratio::new(totals.sold as f64, totals.demand as f64).value(),
        mean_stock_value: totals.on_hand as f64 * unit_cost / totals.n_periods.max(1) as f64,
        n_orders: totals.n_orders,
        cost: totals.cost(),
    }
}
