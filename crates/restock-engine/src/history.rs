//! From sales rows to the demand history of one item-location.
//!
//! A history says for each past period how much was sold, how much was probably wanted, and how it was observed: in
//! full, cut off by an empty shelf, closed, or not at all. It also carries what is known about the future: open days,
//! prices, promotions and holidays.
//!
//! # What is inferred, and how carefully
//! 1. *Closed weekdays.* A location that sold on most days but never (at most 2 % of them) on one weekday over at least
//!    eight weeks is closed on that weekday.
//! 2. *Closures.* A day without a single sale of a location that sells at least five items on at least nine of ten open
//!    days is a closure. A closure on the same date in every past year (at least two) is expected again.
//! 3. *Stock-outs.* Where tables tell (share of the day, stock-out spans, stock counts of zero), they are believed. If
//!    the stock is zero now, it has been zero since the last sale. Where nothing is known, a run of periods without
//!    sales counts as a stock-out only when its probability is below one in a million under the rate before and after.
//! 4. *Late data.* Days between the last sale of any item and the plan are unknown, not days without sales.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use restock_core::dataset::{Dataset, Location, PromotionRow, SignalRow};
use restock_core::forecast::{Covariate, Forecast, Observation};
use restock_core::known::known_as_of;
use restock_core::policy::DemandPaths;
use restock_core::settings::{MissingSales, PlanSettings};
use restock_core::{Bucket, Day, ItemIdx, LocationIdx, Period, Quantity, SeriesInput};
use restock_forecast::disaggregate::disaggregate;
use restock_forecast::paths::sample_paths;
use rust_decimal::prelude::ToPrimitive;

use crate::closures::{LocationFacts, location_facts};
use crate::effects::{ActingEffects, Channel, Channels, Effects, learn};
use crate::recipe::Recipes;

/// Longest history that is handed to forecasters: about three years of days, five of weeks, ten of months.
pub fn max_history_periods(bucket: Bucket) -> usize {
    match bucket {
        Bucket::Day => 1_120,
        Bucket::Week => 260,
        Bucket::Month => 120,
    }
}

/// Share of a period without stock from which its sales count as a lower bound of demand; an hour at night does not.
const CENSORED_SHARE: f64 = 0.1;

/// Probability below which a run without sales is taken for a stock-out.
const STOCKOUT_PROBABILITY: f64 = 1e-6;

/// The history of one item-location.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// Demand history and known future, ready for a forecaster; no periods when nothing was ever sold or listed.
    pub series: SeriesInput,
    /// Latest known selling price per base unit, before the day of the plan.
    pub last_price: Option<f64>,
    /// Periods whose stock-out is known from tables.
    pub n_stockouts_known: usize,
    /// Periods whose stock-out was inferred from sales alone.
    pub n_stockouts_inferred: usize,
    /// Whether the last period before the plan was sold out for its whole length.
    pub sold_out_at_end: bool,
    /// Days from the last sale to the plan; `None` without any sale.
    pub days_since_last_sale: Option<i32>,
    /// Open days left out of demand because the place was closed.
    pub n_closed: usize,
    /// Whether each day of the future periods is open and listed, from the first day of the period of the plan on.
    pub open_days: Vec<bool>,
    /// How many of those days are over by the morning of the plan.
    pub n_days_over: usize,
    /// Units sold on the day of the plan so far, where it has begun: they are no longer expected.
    pub sold_today: f64,
    /// What weather, local events and other signals do to demand; `None` where nothing acts on it.
    pub effects: Option<Box<ActingEffects>>,
}

impl History {
    /// Days from the day of the plan to the end of the last future period: what a plan looks ahead.
    pub fn horizon(&self) -> usize {
        self.open_days.len() - self.n_days_over
    }

    /// Days of each future period, `[n_periods]` lists: 1.0 for open days, 0.0 for closed ones.
    pub(crate) fn day_weights(&self) -> Vec<Vec<f64>> {
        let series = &self.series;
        let first = series.first_period + series.n_periods() as Period;
        let mut days = self.open_days.iter().map(|open| f64::from(u8::from(*open)));
        (first..first + series.open_future.len() as Period)
            .map(|period| {
                let n_days = series.bucket.last_day(period).0 - series.bucket.first_day(period).0 + 1;
                days.by_ref().take(n_days as usize).collect()
            })
            .collect()
    }

    /// Whether each day from the day of the plan on is open and listed, `[horizon]`.
    pub fn future_open_days(&self) -> &[bool] {
        &self.open_days[self.n_days_over..]
    }

    /// What falls on each day from the day of the plan on, `[horizon]`, of one amount per future period, `[n_periods]`,
    /// spread evenly over its open days.
    pub fn by_day(&self, per_period: &[f64]) -> Vec<f64> {
        let mut days = Vec::with_capacity(self.open_days.len());
        for (weights, amount) in self.day_weights().iter().zip(per_period) {
            let n_open = weights.iter().sum::<f64>().max(1.0);
            days.extend(weights.iter().map(|weight| amount * weight / n_open));
        }
        days.split_off(self.n_days_over)
    }

    /// Joint demand scenarios day by day from the day of the plan on, `[n_paths × n_days]`, from a forecast of the
    /// history's periods. A period of several days is spread over them at random (see
    /// [`restock_forecast::disaggregate`]); days of the first period that are over are left out, and so is what was sold
    /// on the first day already.
    pub fn demand_paths(&self, forecast: &Forecast, n_paths: usize, seed: u64) -> DemandPaths {
        let mut paths = self.paths_of_whole_days(forecast, n_paths, seed);
        self.leave_out_sold_today(&mut paths);
        paths
    }

    /// What was sold today is no longer expected.
    pub(crate) fn leave_out_sold_today(&self, paths: &mut DemandPaths) {
        if self.sold_today > 0.0 && paths.horizon > 0 {
            for first in paths.values.iter_mut().step_by(paths.horizon) {
                *first = (*first - self.sold_today as f32).max(0.0);
            }
        }
    }

    /// Demand scenarios in which all of today is still to come.
    pub(crate) fn paths_of_whole_days(&self, forecast: &Forecast, n_paths: usize, seed: u64) -> DemandPaths {
        let mut weights = self.day_weights();
        weights.truncate(forecast.horizon());
        let n_days = weights.iter().map(Vec::len).sum::<usize>() - self.n_days_over;
        if forecast.mean.iter().chain(&forecast.quantiles).all(|value| *value <= 0.0) {
            return DemandPaths { values: vec![0.0; n_paths * n_days], horizon: n_days };
        }
        let paths = sample_paths(forecast, n_paths, seed);
        if self.series.bucket == Bucket::Day {
            return paths;
        }
        let days = disaggregate(&paths, &weights, forecast, seed);
        if self.n_days_over == 0 { days } else { days.part(self.n_days_over, n_days) }
    }
}

/// What the history of one item-location takes from those of all others.
#[derive(Clone, Debug, Default)]
pub(crate) struct KnownDays {
    /// The morning of the plan.
    pub(crate) as_of: Day,
    /// The last day before the plan with a sales row of any item: of later days nothing is known.
    last_known_day: Option<Day>,
    /// Whether the plan is of a past that is played again: rows of later days were not known then.
    looks_back: bool,
    /// When locations are open, by id; also whether a table tells their stock-outs, so that none need to be inferred.
    locations: HashMap<String, Arc<LocationFacts>>,
}

impl KnownDays {
    /// Reads the sales of all items.
    pub(crate) fn of(dataset: &Dataset, settings: &PlanSettings) -> Self {
        let as_of = plan_day(dataset, settings);
        let sales = &dataset.sales;
        let mut facts = location_facts(dataset, settings, as_of);
        let told = dataset.stockouts.iter().map(|row| row.location);
        let shares = sales.stockout_share.iter().zip(&sales.location).filter(|(share, _)| !share.is_nan());
        for location in told.chain(shares.map(|(_, location)| *location)) {
            facts[location.0 as usize].tells_stockouts = true;
        }
        let ids = dataset.locations.iter().map(|location| location.location_id.clone());
        Self {
            as_of,
            last_known_day: sales.day.iter().copied().filter(|day| *day < as_of).max(),
            looks_back: looks_back(dataset, settings, as_of),
            locations: ids.zip(facts.into_iter().map(Arc::new)).collect(),
        }
    }
}

/// Builds histories from a dataset. Making one reads all tables once; building a history reads only its own rows.
pub struct HistoryBuilder<'a> {
    dataset: &'a Dataset,
    settings: &'a PlanSettings,
    known: Arc<KnownDays>,
    /// Sales rows of each item-location, ascending.
    sales_ranges: Vec<(ItemIdx, LocationIdx, Range<u32>)>,
    /// By [`LocationIdx`].
    locations: Vec<Arc<LocationFacts>>,
    inventory: RowsByPair,
    stockouts: RowsByPair,
    item_locations: RowsByPair,
    prices_by_item: HashMap<ItemIdx, Vec<u32>>,
    promotions_by_item: HashMap<ItemIdx, Vec<u32>>,
    promotions_of_all: Vec<u32>,
    /// Days with an event: day, location, strength, and its row.
    events: Vec<(Day, Option<LocationIdx>, f32, u32)>,
    /// Signals whose future is known, by name.
    signals: Vec<Signal>,
    /// What signals and events do to demand, and those that do.
    effects: Arc<Effects>,
    channels: Channels,
}

/// Rows of a table by item-location.
pub(crate) type RowsByPair = HashMap<(ItemIdx, LocationIdx), Vec<u32>>;

pub(crate) fn rows_by_pair<T>(rows: &[T], pair: impl Fn(&T) -> Option<(ItemIdx, LocationIdx)>) -> RowsByPair {
    let mut by_pair = RowsByPair::new();
    for (idx, row) in rows.iter().enumerate() {
        if let Some(pair) = pair(row) {
            by_pair.entry(pair).or_default().push(idx as u32);
        }
    }
    by_pair
}

/// Known stock-outs by item-location. What is made when it is sold, and so has no stock, is not sold either where a
/// component of it is missing.
fn stockouts(dataset: &Dataset, inventory: &RowsByPair) -> RowsByPair {
    let mut by_pair = rows_by_pair(&dataset.stockouts, |row| Some((row.item, row.location)));
    if dataset.bom.is_empty() || dataset.stockouts.is_empty() {
        return by_pair;
    }
    let made_of = Recipes::of(dataset).made_of();
    for (idx, row) in dataset.stockouts.iter().enumerate() {
        for dish in made_of.get(&row.item).into_iter().flatten() {
            if !inventory.contains_key(&(*dish, row.location)) {
                by_pair.entry((*dish, row.location)).or_default().push(idx as u32);
            }
        }
    }
    by_pair
}

impl<'a> HistoryBuilder<'a> {
    /// Reads the tables once.
    pub fn new(dataset: &'a Dataset, settings: &'a PlanSettings) -> Self {
        Self::with(dataset, settings, Arc::new(KnownDays::of(dataset, settings)))
    }

    /// For a part of a dataset, of which `known` holds what all of it tells.
    pub(crate) fn with(dataset: &'a Dataset, settings: &'a PlanSettings, known: Arc<KnownDays>) -> Self {
        let sales = &dataset.sales;
        let mut sales_ranges: Vec<(ItemIdx, LocationIdx, Range<u32>)> = Vec::new();
        for row in 0..sales.len() {
            let key = (sales.item[row], sales.location[row]);
            match sales_ranges.last_mut() {
                Some((item, location, range)) if (*item, *location) == key => range.end = row as u32 + 1,
                last => {
                    assert!(last.is_none_or(|last| (last.0, last.1) < key), "sales are sorted by item and location");
                    sales_ranges.push((key.0, key.1, row as u32..row as u32 + 1));
                }
            }
        }
        let mut prices_by_item: HashMap<ItemIdx, Vec<u32>> = HashMap::new();
        for (idx, row) in dataset.prices.iter().enumerate() {
            prices_by_item.entry(row.item).or_default().push(idx as u32);
        }
        let (mut promotions_by_item, mut promotions_of_all) = (HashMap::<ItemIdx, Vec<u32>>::new(), Vec::new());
        for (idx, row) in dataset.promotions.iter().enumerate() {
            match row.item {
                Some(item) => promotions_by_item.entry(item).or_default().push(idx as u32),
                None => promotions_of_all.push(idx as u32),
            }
        }
        let strength = |magnitude: f64| magnitude.clamp(-5.0, 5.0) as f32;
        let rows = dataset.events.iter().zip(0_u32..);
        let mut events: Vec<_> = rows.map(|(row, idx)| (row.day, row.location, strength(row.magnitude), idx)).collect();
        events.sort_by_key(|(day, location, ..)| (*day, *location));
        let inventory = rows_by_pair(&dataset.inventory, |row| Some((row.item, row.location)));
        let facts_of = |location: &Location| known.locations.get(&location.location_id).cloned().unwrap_or_default();
        Self {
            signals: known_signals(dataset, known.as_of),
            dataset,
            settings,
            locations: dataset.locations.iter().map(facts_of).collect(),
            stockouts: stockouts(dataset, &inventory),
            inventory,
            item_locations: rows_by_pair(&dataset.item_locations, |row| Some((row.item, row.location))),
            sales_ranges,
            prices_by_item,
            promotions_by_item,
            promotions_of_all,
            events,
            effects: Arc::default(),
            channels: Channels::default(),
            known,
        }
    }

    /// Learns what signals and events do to demand; histories that are built from now on have it.
    pub(crate) fn learn_effects(&mut self) -> Arc<Effects> {
        let channels = Channels::of(self.dataset, self.settings, self.known.as_of, self.known.looks_back, None);
        let effects = Arc::new(learn(self.dataset, self, &channels));
        self.take_effects(effects.clone());
        effects
    }

    /// Takes what was learned from everything.
    pub(crate) fn take_effects(&mut self, effects: Arc<Effects>) {
        if !effects.is_empty() {
            let (as_of, looks_back) = (self.known.as_of, self.known.looks_back);
            let wanted = effects.acting();
            self.channels = Channels::of(self.dataset, self.settings, as_of, looks_back, Some(&wanted));
        }
        self.effects = effects;
    }

    /// The morning of the plan; only rows dated before it are known.
    pub fn as_of(&self) -> Day {
        self.known.as_of
    }

    /// Whether the plan is of a past that is played again: rows of later days were not known then.
    pub(crate) fn looks_back(&self) -> bool {
        self.known.looks_back
    }

    pub(crate) fn settings(&self) -> &PlanSettings {
        self.settings
    }

    pub(crate) fn known(&self) -> &Arc<KnownDays> {
        &self.known
    }

    /// The item-locations with sales rows, by item and location.
    pub fn pairs_with_sales(&self) -> impl Iterator<Item = (ItemIdx, LocationIdx)> {
        self.sales_ranges.iter().map(|(item, location, _)| (*item, *location))
    }

    /// The sales rows of one item-location, ascending by day.
    pub fn sales_rows(&self, item: ItemIdx, location: LocationIdx) -> Range<usize> {
        match self.sales_ranges.binary_search_by_key(&(item, location), |(item, location, _)| (*item, *location)) {
            Ok(idx) => self.sales_ranges[idx].2.start as usize..self.sales_ranges[idx].2.end as usize,
            Err(_) => 0..0,
        }
    }

    /// The last day before the plan on which something was sold, however long ago.
    pub fn last_sale(&self, item: ItemIdx, location: LocationIdx) -> Option<Day> {
        let sales = &self.dataset.sales;
        let sold = |row: &usize| sales.day[*row] < self.known.as_of && sales.quantity[*row] > Quantity::ZERO;
        self.sales_rows(item, location).rev().find(sold).map(|row| sales.day[row])
    }

    /// Whether a location is open on `day`, from its calendar or from what was seen.
    pub fn is_open(&self, location: LocationIdx, day: Day) -> bool {
        let entity = &self.dataset.locations[location.0 as usize];
        if let Some(calendar) = entity.calendar.as_ref().and_then(|id| self.dataset.calendars.get(id)) {
            return calendar.is_open(day);
        }
        let facts = &self.locations[location.0 as usize];
        if facts.closed_weekdays[day.weekday_idx()] || facts.closures.contains(&day) {
            return false;
        }
        if day < self.known.as_of || facts.yearly_closures.is_empty() {
            return true;
        }
        let date = day.to_date();
        !facts.yearly_closures.contains(&(date.month(), date.day()))
    }

    /// The first day on which the planning period of `horizon[0]` is bought for: the start of the period of `as_of`.
    pub fn first_future_period(&self) -> Period {
        self.settings.bucket.period_of(self.known.as_of)
    }

    /// Future periods that it takes to look at least `n_days` days ahead.
    pub fn periods_ahead(&self, n_days: usize) -> usize {
        let last = self.known.as_of.plus(n_days.clamp(1, 1 << 20) as i32 - 1);
        (self.settings.bucket.period_of(last) - self.first_future_period() + 1) as usize
    }

    /// The history as of the day of the plan, with `horizon` future periods.
    pub fn build(&self, item: ItemIdx, location: LocationIdx, horizon: usize) -> History {
        self.build_as_of(item, location, self.known.as_of, horizon)
    }

    /// The history as it was known on the morning of `as_of`, with `horizon` future periods.
    ///
    /// Period 0 of the future is the one that contains `as_of`; the history ends with the last complete period before.
    pub fn build_as_of(&self, item: ItemIdx, location: LocationIdx, as_of: Day, horizon: usize) -> History {
        self.build_recent(item, location, as_of, horizon, max_history_periods(self.settings.bucket))
    }

    /// [`Self::build_as_of`] of the last `n_past_max` periods alone.
    pub(crate) fn build_recent(
        &self,
        item: ItemIdx,
        location: LocationIdx,
        as_of: Day,
        horizon: usize,
        n_past_max: usize,
    ) -> History {
        let bucket = self.settings.bucket;
        let span = self.listed_span(item, location);
        let sales = &self.dataset.sales;
        let all_rows = self.sales_rows(item, location);
        let rows = all_rows.start..all_rows.start + sales.day[all_rows.clone()].partition_point(|day| *day < as_of);
        let unit = 10_f64.powi(i32::from(self.dataset.items[item.0 as usize].decimals));

        let future = bucket.period_of(as_of);
        let start = self.first_day(location, rows.clone(), span.0, as_of);
        let earliest = future - n_past_max as Period;
        let first_period = start.map_or(future, |start| bucket.period_of(start).max(earliest).min(future));
        let (n_periods, first_day) = ((future - first_period) as usize, bucket.first_day(first_period));
        let n_past_days = (bucket.first_day(future).0 - first_day.0) as usize;

        let mut days = self.days(rows.clone(), first_day, n_past_days, unit);
        net_returns(&mut days.sold);
        let open: Vec<bool> = (0..n_past_days).map(|idx| self.is_open(location, first_day.plus(idx as i32))).collect();
        let sold_today = match self.settings.day_has_begun && as_of == self.known.as_of {
            true => {
                let today = (rows.end..all_rows.end).take_while(|row| sales.day[*row] == as_of);
                (today.map(|row| sales.quantity[row].to_f64()).sum::<f64>() * unit).max(0.0)
            }
            false => 0.0,
        };
        // What sold today was on the shelf this morning.
        let out_now = self.mark_stockouts(&mut days, item, location, first_day, as_of) && sold_today == 0.0;

        let mut history = History {
            series: SeriesInput {
                key: series_key(self.dataset, item, location),
                demand: Vec::with_capacity(n_periods),
                sales: Vec::with_capacity(n_periods),
                observations: Vec::with_capacity(n_periods),
                first_period,
                bucket,
                covariates: Vec::new(),
                open_future: Vec::with_capacity(horizon),
                count_valued: self.dataset.items[item.0 as usize].decimals == 0,
                availability: None,
                siblings: None,
                prior: None,
            },
            last_price: self.last_price(item, location, rows.clone(), as_of),
            n_stockouts_known: 0,
            n_stockouts_inferred: 0,
            sold_out_at_end: false,
            days_since_last_sale: None,
            n_closed: 0,
            open_days: Vec::new(),
            n_days_over: (as_of.0 - bucket.first_day(future).0) as usize,
            sold_today,
            effects: None,
        };
        history.days_since_last_sale =
            (0..n_past_days).rev().find(|idx| days.sold[*idx] > 0.0).map(|idx| as_of.0 - first_day.0 - idx as i32);
        let last_sale_idx = (0..n_past_days).rev().find(|idx| days.sold[*idx] > 0.0);

        let mut in_stock = Vec::with_capacity(n_periods);
        let mut idx = 0;
        for period in first_period..future {
            let n_days = (bucket.last_day(period).0 - bucket.first_day(period).0 + 1) as usize;
            let (mut sold, mut lost, mut out) = (0.0, 0.0, 0.0);
            let (mut n_open, mut n_known) = (0, 0);
            for (day, is_open) in open.iter().enumerate().skip(idx).take(n_days) {
                sold += days.sold[day];
                lost += days.lost[day];
                let day_open = (*is_open && days.open[day] > 0.0) || days.sold[day] > 0.0;
                // Days after the last sale of any item are not days without sales: their sales have not been told yet.
                let told = self.known.last_known_day.is_none_or(|last| first_day.plus(day as i32) <= last);
                let known = days.has_row[day] || (told && self.settings.missing_sales == MissingSales::Zero);
                let listed = days.sold[day] > 0.0 || span.1.is_none_or(|end| first_day.plus(day as i32) <= end);
                let shut = !days.has_row[day] && self.settings.missing_sales == MissingSales::Closed;
                if day_open && listed && !shut {
                    n_open += 1;
                    n_known += usize::from(known);
                    // Zero stock now means zero stock since the last sale: nothing came in between.
                    let since_last_sale = out_now && last_sale_idx.is_some_and(|last| day > last);
                    let share = if since_last_sale { 1.0 } else { f64::from(days.out[day]) };
                    out += share;
                }
            }
            idx += n_days;
            let observation = if n_open == 0 {
                history.n_closed += 1;
                Observation::Closed
            } else if n_known == 0 {
                Observation::Missing
            } else if out / n_open as f64 >= CENSORED_SHARE && lost == 0.0 {
                history.n_stockouts_known += 1;
                Observation::Censored
            } else {
                Observation::Full
            };
            in_stock.push(1.0 - (out / n_open.max(1) as f64) as f32);
            history.sold_out_at_end = n_open > 0 && out / n_open as f64 >= 0.99;
            history.series.sales.push(sold);
            history.series.demand.push(if observation == Observation::Full { sold + lost } else { sold });
            history.series.observations.push(observation);
        }
        // A table of days without stock tells no shares.
        if days.out.iter().any(|share| 0.0 < *share && *share < 1.0) {
            history.series.availability = Some(in_stock);
        }
        if !self.locations[location.0 as usize].tells_stockouts {
            let stock_now = self.inventory.contains_key(&(item, location)) && !out_now;
            history.n_stockouts_inferred = infer_stockouts(&mut history.series, stock_now);
        }
        // Days are open or closed; of longer periods a usual share of days is open.
        let year = &open[n_past_days.saturating_sub(364)..];
        let usual_open = match year.iter().filter(|open| **open).count() {
            n_open if bucket != Bucket::Day && n_open > 0 => n_open as f32 / year.len() as f32,
            _ => 1.0,
        };
        for step in 0..horizon as Period {
            let (from, to) = (bucket.first_day(future + step), bucket.last_day(future + step));
            let is_open = |day: Day| {
                let listed = span.0.is_none_or(|start| day >= start) && span.1.is_none_or(|end| day <= end);
                listed && self.is_open(location, day)
            };
            let days = history.open_days.len();
            history.open_days.extend((from.0..=to.0).map(|day| is_open(Day(day))));
            let n_open = history.open_days[days..].iter().filter(|open| **open).count();
            // Past demand comes from as many open days as are usual, so only what is beyond usual closes a period.
            history.series.open_future.push((n_open as f32 / (to.0 - from.0 + 1) as f32 / usual_open).min(1.0));
        }
        let entity = &self.dataset.items[item.0 as usize];
        if as_of == self.known.as_of && bucket == Bucket::Day && !self.effects.is_empty() {
            let names = (entity.item_id.as_str(), entity.category.as_str());
            history.effects = self.effects.at(&self.channels, names, location, (first_day, n_periods, horizon));
        }
        // What acts by itself is no covariate as well.
        let acting = history.effects.as_ref().map_or(&[][..], |_| self.effects.acting_on(&entity.category));
        self.add_covariates(&mut history.series, &days, (item, location), horizon, acting);
        // Closed and unknown periods say nothing about demand, and forecasters expect a zero there.
        for (demand, observation) in history.series.demand.iter_mut().zip(&history.series.observations) {
            if matches!(observation, Observation::Closed | Observation::Missing) {
                *demand = 0.0;
            }
        }
        if history.series.observations.contains(&Observation::Censored) {
            restock_forecast::latent::estimate_latent(&mut history.series);
            bound_latent(&mut history.series);
        }
        history
    }

    /// First and last day of listing, from the item and the item-location.
    pub(crate) fn listed_span(&self, item: ItemIdx, location: LocationIdx) -> (Option<Day>, Option<Day>) {
        let entity = &self.dataset.items[item.0 as usize];
        let row = self.item_locations.get(&(item, location)).and_then(|rows| rows.last());
        let row = row.map(|idx| &self.dataset.item_locations[*idx as usize]);
        let earliest_end = match (row.and_then(|row| row.listed_to), entity.end) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        (row.and_then(|row| row.listed_from).or(entity.launch), earliest_end)
    }

    /// The first day that tells something about an item-location: of its listing, its demand, or its first row.
    pub(crate) fn first_day_of(&self, item: ItemIdx, location: LocationIdx) -> Option<Day> {
        let rows = self.sales_rows(item, location);
        let first_row = rows.clone().next().map(|row| self.dataset.sales.day[row]);
        let listed_from = self.listed_span(item, location).0;
        let told = self.first_day(location, rows, listed_from, self.known.as_of);
        first_row.into_iter().chain(told).min()
    }

    /// Whether anything was ever sold at a location before the day of the plan.
    pub(crate) fn has_sales_at(&self, location: LocationIdx) -> bool {
        self.locations[location.0 as usize].first_day.is_some()
    }

    /// The first day that tells something about demand: listing or launch, else the first sale or known price.
    fn first_day(
        &self,
        location: LocationIdx,
        rows: Range<usize>,
        listed_from: Option<Day>,
        as_of: Day,
    ) -> Option<Day> {
        let sales = &self.dataset.sales;
        let first_seen = rows
            .clone()
            .find(|row| {
                sales.quantity[*row] > restock_core::Quantity::ZERO
                    || sales.unit_price.get(*row).is_some_and(|price| !price.is_nan())
            })
            .map(|row| sales.day[row]);
        let first_told = listed_from
            .zip(self.locations[location.0 as usize].first_day)
            .map(|(listed, data)| listed.max(data))
            .filter(|day| *day < as_of);
        match (first_seen, first_told) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Daily columns of `n_days` days from `first_day`.
    fn days(&self, rows: Range<usize>, first_day: Day, n_days: usize, unit: f64) -> DailyColumns {
        let sales = &self.dataset.sales;
        let mut days = DailyColumns {
            sold: vec![0.0; n_days],
            lost: vec![0.0; n_days],
            has_row: vec![false; n_days],
            out: vec![0.0; n_days],
            open: vec![1.0; n_days],
            price: vec![f32::NAN; n_days],
            price_ratio: vec![f32::NAN; n_days],
            promotion: vec![0.0; n_days],
            holiday: vec![0.0; n_days],
        };
        for row in rows {
            let offset = sales.day[row].0 - first_day.0;
            if offset < 0 || offset as usize >= n_days {
                continue;
            }
            let day = offset as usize;
            days.sold[day] += (sales.quantity[row].to_f64() * unit * 1e6).round() / 1e6;
            days.has_row[day] = true;
            if let Some(lost) = sales.lost.get(row) {
                days.lost[day] += lost.to_f64() * unit;
            }
            if let Some(share) = sales.stockout_share.get(row).filter(|share| !share.is_nan()) {
                days.out[day] = share.clamp(0.0, 1.0);
            }
            if let Some(share) = sales.open_share.get(row).filter(|share| !share.is_nan()) {
                days.open[day] = share.clamp(0.0, 1.0);
            }
            if let Some(price) = sales.unit_price.get(row).filter(|price| **price > 0.0) {
                days.price[day] = *price;
            }
            if let Some(ratio) = sales.price_ratio.get(row).filter(|ratio| **ratio > 0.0) {
                days.price_ratio[day] = *ratio;
            }
            if sales.on_promotion.get(row).is_some_and(|flag| *flag > 0) {
                days.promotion[day] = 1.0;
            }
            if sales.holiday.get(row).is_some_and(|flag| *flag > 0) {
                days.holiday[day] = 1.0;
            }
        }
        days
    }

    /// Marks known stock-outs; returns whether the item-location has no stock at the time of the plan.
    fn mark_stockouts(
        &self,
        days: &mut DailyColumns,
        item: ItemIdx,
        location: LocationIdx,
        first_day: Day,
        as_of: Day,
    ) -> bool {
        let n_days = days.sold.len();
        for idx in self.stockouts.get(&(item, location)).into_iter().flatten() {
            let row = &self.dataset.stockouts[*idx as usize];
            let from = (row.from.0 - first_day.0).max(0) as usize;
            let to = row.to.0.min(as_of.0 - 1) - first_day.0;
            for day in from..(to + 1).max(0).min(n_days as i32) as usize {
                days.out[day] = 1.0;
            }
        }
        // Undated rows mean "now".
        let mut now: Option<i64> = None;
        let mut counts: Vec<(Day, i64)> = Vec::new();
        for idx in self.inventory.get(&(item, location)).into_iter().flatten() {
            let row = &self.dataset.inventory[*idx as usize];
            match row.as_of {
                Some(day) if day <= as_of => counts.push((day, row.on_hand.micro())),
                Some(_) => {}
                None => *now.get_or_insert(0) += row.on_hand.micro(),
            }
        }
        counts.sort_unstable();
        let mut by_day: Vec<(Day, i64)> = Vec::new();
        for (day, micro) in counts {
            match by_day.last_mut() {
                Some((last, sum)) if *last == day => *sum += micro,
                _ => by_day.push((day, micro)),
            }
        }
        for (idx, (day, micro)) in by_day.iter().enumerate() {
            if *micro > 0 {
                continue;
            }
            // A shelf counted empty stays empty until something sells again or the next count, two weeks at most.
            let until = by_day.get(idx + 1).map_or(day.0 + 14, |(next, _)| next.0.min(day.0 + 14)).min(as_of.0);
            for day_idx in day.0..until.max(day.0 + 1) {
                let offset = day_idx - first_day.0;
                if offset < 0 || offset as usize >= n_days {
                    continue;
                }
                if day_idx > day.0 && days.sold[offset as usize] > 0.0 {
                    break;
                }
                days.out[offset as usize] = 1.0;
            }
        }
        let nothing_sold_since = |day: Day| {
            let after = (day.0 + 1 - first_day.0).clamp(0, n_days as i32) as usize;
            days.sold[after..].iter().all(|sold| *sold <= 0.0)
        };
        match now {
            Some(micro) => micro <= 0,
            None => by_day.last().is_some_and(|(day, micro)| *micro <= 0 && nothing_sold_since(*day)),
        }
    }

    /// The latest known selling price before a day.
    pub(crate) fn last_price(
        &self,
        item: ItemIdx,
        location: LocationIdx,
        rows: Range<usize>,
        as_of: Day,
    ) -> Option<f64> {
        let sales = &self.dataset.sales;
        let from_table = self.price_on(item, location, as_of.plus(-1));
        let from_sales = rows
            .rev()
            .take(400)
            .filter_map(|row| sales.unit_price.get(row))
            .find(|price| **price > 0.0)
            .map(|price| f64::from(*price));
        let from_item = self.dataset.items[item.0 as usize].price.and_then(|price| price.to_f64());
        from_table.or(from_sales).or(from_item).filter(|price| *price > 0.0)
    }

    /// The price table's price on a day; a row for the location goes before a row for all locations.
    fn price_on(&self, item: ItemIdx, location: LocationIdx, day: Day) -> Option<f64> {
        self.prices_by_item
            .get(&item)?
            .iter()
            .map(|idx| &self.dataset.prices[*idx as usize])
            .filter(|row| row.location.is_none_or(|own| own == location))
            .filter(|row| row.from <= day && row.to.is_none_or(|to| day <= to))
            .max_by_key(|row| (row.location.is_some(), row.from))
            .and_then(|row| row.price.to_f64())
    }

    /// Promotions of an item-location.
    pub(crate) fn promotions(&self, item: ItemIdx, location: LocationIdx) -> impl Iterator<Item = &'a PromotionRow> {
        let of_item = self.promotions_by_item.get(&item).map_or(&[][..], Vec::as_slice);
        of_item
            .iter()
            .chain(&self.promotions_of_all)
            .map(|idx| &self.dataset.promotions[*idx as usize])
            .filter(move |row| row.location.is_none_or(|own| own == location))
    }

    fn add_covariates(
        &self,
        series: &mut SeriesInput,
        days: &DailyColumns,
        (item, location): (ItemIdx, LocationIdx),
        horizon: usize,
        acting: &[Channel],
    ) {
        let wanted = |name: &str| self.settings.covariates.iter().any(|covariate| covariate == name);
        let bucket = series.bucket;
        let n_past_days = days.sold.len();
        let first_day = bucket.first_day(series.first_period);
        let n_periods = series.n_periods();
        let end = bucket.first_day(series.first_period + (n_periods + horizon) as Period);
        let n_days = (end.0 - first_day.0) as usize;
        let per_period = |daily: &[f32]| -> Vec<f32> {
            if bucket == Bucket::Day {
                return daily.to_vec();
            }
            (0..(n_periods + horizon) as Period)
                .map(|step| {
                    let from = (bucket.first_day(series.first_period + step).0 - first_day.0) as usize;
                    let to = (bucket.first_day(series.first_period + step + 1).0 - first_day.0) as usize;
                    daily[from..to].iter().sum::<f32>() / (to - from) as f32
                })
                .collect()
        };
        let mut add = |name: &str, daily: &[f32]| {
            if daily.iter().any(|value| *value != 0.0) {
                series.covariates.push(Covariate { name: name.to_owned(), values: per_period(daily) });
            }
        };
        if wanted("price") {
            let mut ratio = vec![0.0_f32; n_days];
            if days.price_ratio.iter().any(|value| !value.is_nan()) {
                for (out, ratio) in ratio.iter_mut().zip(&days.price_ratio) {
                    *out = if ratio.is_nan() { 0.0 } else { dead_zone(ratio.ln()) };
                }
            } else {
                let mut price = days.price.clone();
                price.resize(n_days, f32::NAN);
                if self.prices_by_item.contains_key(&item) {
                    for (idx, price) in price.iter_mut().enumerate() {
                        if let Some(told) = self.price_on(item, location, first_day.plus(idx as i32)) {
                            *price = told as f32;
                        }
                    }
                }
                price_log_ratio(&price, n_past_days, &mut ratio);
            }
            add("price_log_ratio", &ratio);
        }
        if wanted("promotion") {
            let mut promotion = days.promotion.clone();
            promotion.resize(n_days, 0.0);
            for row in self.promotions(item, location) {
                let from = (row.from.0 - first_day.0).max(0);
                let to = (row.to.0 - first_day.0 + 1).min(n_days as i32);
                for idx in from..to {
                    promotion[idx as usize] = 1.0;
                }
            }
            add("promotion", &promotion);
        }
        if wanted("holiday") {
            let mut holiday = days.holiday.clone();
            holiday.resize(n_days, 0.0);
            let from = self.events.partition_point(|(day, ..)| *day < first_day);
            for (day, at, strength, row) in &self.events[from..] {
                if *day >= end {
                    break;
                }
                let event = &self.dataset.events[*row as usize];
                let is_acting = acting.iter().any(|channel| channel.holds(&event.kind, &event.name));
                if at.is_none_or(|at| at == location) && !is_acting {
                    holiday[(day.0 - first_day.0) as usize] = *strength;
                }
            }
            add("holiday", &holiday);
        }
        if wanted("signal") {
            let is_acting = |name: &str| acting.iter().any(|channel| *channel == Channel::Signal(name.to_owned()));
            for signal in self.signals.iter().filter(|signal| !is_acting(&signal.name)) {
                let mut values = vec![0.0; n_days];
                // What is said of the location itself comes last and stays.
                for at in [None, Some(location)] {
                    let rows = signal.rows.get(&at).map_or(&[][..], Vec::as_slice);
                    let from = rows.partition_point(|(day, _)| *day < first_day);
                    for (day, value) in rows[from..].iter().take_while(|(day, _)| *day < end) {
                        values[(day.0 - first_day.0) as usize] = *value;
                    }
                }
                add(&signal.name, &values);
            }
        }
    }
}

/// A named covariate whose future is known, such as days on which benefits are paid.
struct Signal {
    name: String,
    /// Days in order and values by location; 0 is as usual.
    rows: HashMap<Option<LocationIdx>, Vec<(Day, f32)>>,
}

/// The signals that are known in advance, at most [`N_SIGNALS_MAX`], by name: flags as they are, other values as
/// standard deviations from the mean of the days before the plan.
fn known_signals(dataset: &Dataset, as_of: Day) -> Vec<Signal> {
    let mut by_name: BTreeMap<&str, Vec<&SignalRow>> = BTreeMap::new();
    for row in dataset.signals.iter().filter(|row| row.known_in_future && row.value.is_finite()) {
        by_name.entry(&row.name).or_default().push(row);
    }
    let signals = by_name.into_iter().filter_map(|(name, signal_rows)| {
        let past = || signal_rows.iter().filter(|row| row.day < as_of).map(|row| row.value);
        let n = past().count() as f64;
        let is_flag = signal_rows.iter().all(|row| row.value == 0.0 || row.value == 1.0);
        let mean = past().sum::<f64>() / n;
        let spread = (past().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt();
        // What never changed before the plan has no known effect; nor has what is not known before it.
        if spread.is_nan() || spread <= 1e-9 {
            return None;
        }
        let scaled = |value: f64| if is_flag { value } else { ((value - mean) / spread).clamp(-5.0, 5.0) };
        let mut rows: HashMap<Option<LocationIdx>, Vec<(Day, f32)>> = HashMap::new();
        for row in signal_rows {
            rows.entry(row.location).or_default().push((row.day, scaled(row.value) as f32));
        }
        rows.values_mut().for_each(|rows| rows.sort_by_key(|(day, _)| *day));
        Some(Signal { name: name.to_owned(), rows })
    });
    signals.take(N_SIGNALS_MAX).collect()
}

/// Signals that forecasts read at most.
const N_SIGNALS_MAX: usize = 8;

/// One value per day.
struct DailyColumns {
    sold: Vec<f64>,
    lost: Vec<f64>,
    has_row: Vec<bool>,
    out: Vec<f32>,
    open: Vec<f32>,
    price: Vec<f32>,
    price_ratio: Vec<f32>,
    promotion: Vec<f32>,
    holiday: Vec<f32>,
}

/// The morning of the plan: the day the settings name, else the day after the last sale, moved to the start of the next
/// period where periods are longer than a day, because data by week or month are dated at the start of their period.
pub fn plan_day(dataset: &Dataset, settings: &PlanSettings) -> Day {
    let day = crate::health::known_as_of(dataset, settings);
    match (settings.as_of, settings.bucket) {
        (Some(day), _) => day,
        (None, Bucket::Day) => day,
        (None, bucket) => bucket.first_day(bucket.period_of(day.plus(-1)) + 1),
    }
}

/// Whether a plan of `as_of` is of a past that is played again, so that rows of later days were not known then. Sales with a
/// mistyped date do not tell it.
fn looks_back(dataset: &Dataset, settings: &PlanSettings, as_of: Day) -> bool {
    let (unknown_from, stray_from) = (settings.unknown_from(as_of), known_as_of(dataset, settings).1);
    let is_later = |day: &Day| *day >= unknown_from && stray_from.is_none_or(|stray_from| *day < stray_from);
    dataset.facts.n_later_sales > 0 || dataset.sales.day.iter().any(is_later)
}

/// The planning period that suits the dates of the sales: a month or a week when every item-location has at most one
/// sales day in each, else a day.
pub fn suggest_bucket(dataset: &Dataset) -> Bucket {
    let sales = &dataset.sales;
    let mut gaps: Vec<i32> = Vec::new();
    let step = (sales.len() / 200_000).max(1);
    for row in (1..sales.len()).step_by(step) {
        if (sales.item[row], sales.location[row]) == (sales.item[row - 1], sales.location[row - 1]) {
            gaps.push(sales.day[row].0 - sales.day[row - 1].0);
        }
    }
    gaps.retain(|gap| *gap > 0);
    if gaps.len() < 10 {
        return Bucket::Day;
    }
    let share_at_least = |days: i32| gaps.iter().filter(|gap| **gap >= days).count() as f64 / gaps.len() as f64;
    // Weekly data have one weekday, monthly data one day of the month (or the last one).
    let one_weekday = sales.day.iter().step_by(step).all(|day| day.weekday_idx() == sales.day[0].weekday_idx());
    let month_edge = |day: &Day| {
        Bucket::Month.first_day(Bucket::Month.period_of(*day)) == *day
            || Bucket::Month.last_day(Bucket::Month.period_of(*day)) == *day
    };
    if share_at_least(28) == 1.0 && sales.day.iter().step_by(step).all(month_edge) {
        Bucket::Month
    } else if share_at_least(7) == 1.0 && one_weekday {
        Bucket::Week
    } else {
        Bucket::Day
    }
}

/// A key that depends on the ids only, so that seeds survive changes elsewhere in the data.
pub(crate) fn series_key(dataset: &Dataset, item: ItemIdx, location: LocationIdx) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(dataset.items[item.0 as usize].item_id.as_bytes());
    hasher.update(&[0]);
    hasher.update(dataset.locations[location.0 as usize].location_id.as_bytes());
    let bytes = hasher.finalize();
    u64::from_le_bytes(bytes.as_bytes()[..8].try_into().expect("a hash has 32 bytes"))
}

/// Takes returns off the sales they most likely belong to: those of the same day, then of the days before.
fn net_returns(sold: &mut [f64]) {
    let mut owed = 0.0;
    for sold in sold.iter_mut().rev() {
        let net = *sold - owed;
        owed = (-net).max(0.0);
        *sold = net.max(0.0);
    }
}

fn dead_zone(log_ratio: f32) -> f32 {
    if log_ratio.abs() < 0.01 { 0.0 } else { log_ratio.clamp(-1.5, 1.5) }
}

/// Log of price over its trailing median of 91 days. Future days without a known price keep the last price when it has
/// held for two weeks, and are neutral otherwise. All neutral when prices differ on most days: such prices tell who
/// bought, not what was offered.
fn price_log_ratio(price: &[f32], n_past_days: usize, ratio: &mut [f32]) {
    const WINDOW: usize = 91;
    let mut window: Vec<f32> = Vec::with_capacity(WINDOW + 1);
    let mut queue: std::collections::VecDeque<f32> = std::collections::VecDeque::with_capacity(WINDOW + 1);
    let (mut last, mut held) = (f32::NAN, 0);
    let (mut n_known, mut n_moved) = (0, 0);
    for idx in 0..price.len() {
        let mut today = price[idx];
        if idx < n_past_days {
            if today.is_nan() {
                today = last;
            }
            held = if today == last { held + 1 } else { 0 };
            last = today;
        } else if today.is_nan() && held >= 14 {
            today = last;
        }
        if today.is_nan() {
            continue;
        }
        if !window.is_empty() {
            let median = window[window.len() / 2];
            ratio[idx] = dead_zone((today / median).ln());
            if idx < n_past_days {
                n_known += 1;
                n_moved += usize::from(ratio[idx].abs() > 0.02);
            }
        }
        let at = window.partition_point(|price| *price < today);
        window.insert(at, today);
        queue.push_back(today);
        if queue.len() > WINDOW {
            let oldest = queue.pop_front().expect("the queue is not empty");
            let at = window.partition_point(|price| *price < oldest);
            window.remove(at);
        }
    }
    if n_moved * 2 > n_known {
        ratio.fill(0.0);
    }
}

/// An estimate of demand behind an empty shelf never goes beyond twice the best period ever seen: what lies further out
/// is the shape of a distribution, not data.
fn bound_latent(series: &mut SeriesInput) {
    let best = series.sales.iter().copied().fold(0.0, f64::max);
    for (demand, sales) in series.demand.iter_mut().zip(&series.sales) {
        *demand = demand.min((2.0 * best).max(*sales));
    }
}

/// Marks improbable runs without sales as stock-outs; see the module text. Returns how many periods were marked.
///
/// `stock_now` says that there is stock at the end, so that a last run without sales is no stock-out.
fn infer_stockouts(series: &mut SeriesInput, stock_now: bool) -> usize {
    let (window, min_window, max_run) = match series.bucket {
        Bucket::Day => (56, 28, 60),
        Bucket::Week => (26, 12, 8),
        Bucket::Month => (12, 8, 3),
    };
    let max_last_run = max_run / 2;
    // Only periods that were seen count; `known` holds their positions.
    let known: Vec<usize> =
        (0..series.n_periods()).filter(|idx| series.observations[*idx] == Observation::Full).collect();
    let sold: Vec<bool> = known.iter().map(|idx| series.sales[*idx] > 0.0).collect();
    let share = |range: Range<usize>| -> f64 {
        let n_sold = sold[range.clone()].iter().filter(|sold| **sold).count();
        n_sold as f64 / range.len() as f64
    };
    let mut n_marked = 0;
    let mut start = 0;
    while start < known.len() {
        if sold[start] {
            start += 1;
            continue;
        }
        let end = (start..known.len()).find(|idx| sold[*idx]).unwrap_or(known.len());
        let run = end - start;
        let is_last = end == known.len();
        let before = start.saturating_sub(window)..start;
        if before.len() >= min_window && run <= if is_last { max_last_run } else { max_run } && !(is_last && stock_now)
        {
            let mut rate = share(before);
            if !is_last {
                let after = end..(end + min_window).min(known.len());
                rate = rate.min(share(after));
            }
            if (1.0 - rate).max(1e-9).powi(run as i32) < STOCKOUT_PROBABILITY && run >= 2 {
                for idx in &known[start..end] {
                    series.observations[*idx] = Observation::Censored;
                }
                n_marked += run;
            }
        }
        start = end;
    }
    n_marked
}
