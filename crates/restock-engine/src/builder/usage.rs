//! What recipes make of a business: who draws from whom, what was used of a component, and what its lack costs.
//!
//! # Where a component's demand comes from
//! A plan forecasts what customers want: dishes, kits and machines, each with its own promotions, prices and launch, and
//! adds up the demand paths of everything that is made of a component, each path times the exact quantity of the recipe
//! (see `batch.rs`). So an offer on one dish reaches its tomatoes, and a recipe that changes today counts today.
//! What is known of the past is exploded the other way: [`UnitBuilder::usage_of`] says what was used of a component,
//! from the sales of everything that is made of it, stock-outs corrected where they were corrected. It tells what is
//! left of a count, what is usual, and what a backtest replays.
//!
//! # What is made when
//! An item of a recipe without a stock, source or stock rule of its own is made when it is sold: it is never ordered, its
//! components are. One with a stock is made ahead: its production is an order of its own, and its orders, not its sales,
//! draw on components; a source from a location to itself says how long that takes and in what lots. One that comes from
//! another location is made there.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use restock_core::forecast::Covariate;
use restock_core::{Day, ItemIdx, LocationIdx, Period, Quantity};
use restock_core::{Money, dataset::Origin, forecast::Observation};
use rust_decimal::Decimal;
use rust_decimal::prelude::{FromPrimitive, ToPrimitive};

use super::{Draw, Pair, UnitBuilder};
use crate::history::{History, max_history_periods};
use crate::plan::Unplanned;
use crate::recipe::Fraction;
use crate::unit::{Component, Lane, PlanningUnit};

/// Days of use that a plan looks back at.
const USED_LATELY: f64 = 182.0;

/// Days of sales that say how the margin of what is made weighs on a component.
const MARGIN_DAYS: i32 = 56;

impl UnitBuilder<'_> {
    /// What an item-location is made of where it stands; nothing where it comes from another location.
    pub(super) fn components_of(&self, item: ItemIdx, location: LocationIdx, lane: Option<u32>) -> Vec<Component> {
        let parts = self.recipes.components(item);
        if parts.is_empty() || matches!(self.origin_of(item, location, lane), Some(Origin::Location(_))) {
            return Vec::new();
        }
        let of = |(part, factor): &(ItemIdx, Fraction)| Component {
            item_id: self.dataset.items[part.0 as usize].item_id.clone(),
            factor: *factor,
        };
        parts.iter().map(of).collect()
    }

    /// What an item-location draws from: the location that sends it, else its components.
    pub(super) fn draws(&self, (item, location): Pair) -> Vec<Draw> {
        let lane = self.lane_of(item, location);
        if let Some(Origin::Location(from)) = self.origin_of(item, location, lane) {
            return vec![Draw { pair: (item, from), factor: Fraction::ONE, is_recipe: false }];
        }
        let of =
            |(part, factor): &(ItemIdx, Fraction)| Draw { pair: (*part, location), factor: *factor, is_recipe: true };
        self.recipes.components(item).iter().map(of).collect()
    }

    /// Whether it is made when it is sold: a recipe, and no stock, source or stock rule of its own.
    pub(super) fn is_made_to_order(&self, pair: Pair) -> bool {
        let (item, location) = pair;
        if self.recipes.components(item).is_empty() || self.inventory.contains_key(&pair) {
            return false;
        }
        let lane = self.lane_of(item, location);
        let has_stock_rule = || {
            let row = self.item_locations.get(&pair).and_then(|rows| rows.last());
            let row = row.map(|idx| &self.dataset.item_locations[*idx as usize]);
            row.is_some_and(|row| {
                [row.min_stock, row.display_min].into_iter().flatten().any(|stock| stock > Quantity::ZERO)
            })
        };
        lane.is_none()
            && !matches!(self.origin_of(item, location, lane), Some(Origin::Location(_)))
            && !has_stock_rule()
    }

    /// Whether unmet demand of what others draw from waits: that of stores and of production does, that of guests whose
    /// dish cannot be made does not.
    pub(super) fn waits(&self, pair: Pair) -> bool {
        let (mut seen, mut queue) = (BTreeSet::from([pair]), vec![pair]);
        let mut is_drawn = false;
        while let Some(pair) = queue.pop() {
            for draw in self.drawn_by.get(&pair).into_iter().flatten() {
                is_drawn = true;
                if !(draw.is_recipe && self.is_made_to_order(draw.pair)) {
                    return true;
                }
                if seen.insert(draw.pair) {
                    queue.push(draw.pair);
                }
            }
        }
        !is_drawn
    }

    /// Days that everything that an item-location is made of looks ahead; 0 where it is not made.
    pub(super) fn days_of_components(&self, item: ItemIdx, location: LocationIdx) -> usize {
        if self.recipes.components(item).is_empty() {
            return 0;
        }
        let (mut seen, mut queue) = (BTreeSet::from([(item, location)]), vec![(item, location)]);
        let mut most = 0;
        while let Some(pair) = queue.pop() {
            for draw in self.draws(pair) {
                if seen.insert(draw.pair) {
                    let (item, location) = draw.pair;
                    let lane = self.lane(item, location, self.lane_of(item, location), false, &mut Vec::new());
                    let timing = lane.timing(self.history.as_of());
                    let lead_time = timing.lead_times.last().copied().unwrap_or(0);
                    most = most.max(lead_time + timing.review_period);
                    queue.push(draw.pair);
                }
            }
        }
        most + self.settings.extra_horizon_days.max(1) as usize
    }

    /// Who draws from an item-location, directly or through others, with base units drawn per base unit of theirs;
    /// `goes_on` says whether those who draw from one are asked in turn. What runs in circles is left out.
    fn drawing(&self, pair: Pair, goes_on: impl Fn(&Draw) -> bool) -> BTreeMap<Pair, (Fraction, bool)> {
        let below = |pair: &Pair| self.drawn_by.get(pair).map_or(&[][..], Vec::as_slice);
        // How many of those that are asked each one draws from.
        let mut n_open: HashMap<Pair, usize> = HashMap::new();
        let mut queue = vec![pair];
        while let Some(pair) = queue.pop() {
            for draw in below(&pair) {
                let n = n_open.entry(draw.pair).or_default();
                *n += 1;
                if *n == 1 && goes_on(draw) {
                    queue.push(draw.pair);
                }
            }
        }
        let mut total: BTreeMap<Pair, (Fraction, bool)> = BTreeMap::new();
        let mut queue = vec![(pair, Fraction::ONE)];
        while let Some((pair, per_unit)) = queue.pop() {
            for draw in below(&pair) {
                let entry = total.entry(draw.pair).or_insert((Fraction::ZERO, false));
                // Beyond 38 digits nothing is told of the past.
                entry.0 = per_unit.times(draw.factor).and_then(|more| entry.0.plus(more)).unwrap_or(Fraction::ZERO);
                entry.1 = goes_on(draw);
                let n = n_open.get_mut(&draw.pair).expect("it was counted");
                *n -= 1;
                if *n == 0 && goes_on(draw) {
                    queue.push((draw.pair, entry.0));
                }
            }
        }
        total.retain(|pair, (factor, _)| n_open[pair] == 0 && *factor != Fraction::ZERO);
        total
    }

    /// Recorded sales after `after` and before `before`, millionths of a base unit.
    pub(super) fn sold_between(&self, (item, location): Pair, (after, before): (Day, Day)) -> i64 {
        let sales = &self.dataset.sales;
        let rows = self.history.sales_rows(item, location);
        rows.filter(|row| after < sales.day[*row] && sales.day[*row] < before)
            .map(|row| sales.quantity[row].micro())
            .sum()
    }

    /// What was used for others after `after` and before `before`, millionths of a base unit: exactly what recipes say,
    /// for what was sold of things made to order, and received of things made ahead.
    pub(super) fn used_between(&self, pair: Pair, days: (Day, Day)) -> i64 {
        let is_recipe = self.drawn_by.get(&pair).is_some_and(|draws| draws.iter().any(|draw| draw.is_recipe));
        if !is_recipe {
            return 0;
        }
        let drawing = self.drawing(pair, |draw| draw.is_recipe && self.is_made_to_order(draw.pair));
        let used = drawing.into_iter().map(|(pair, (factor, is_made_to_order))| {
            let micro = if is_made_to_order {
                self.sold_between(pair, days)
            } else {
                let rows = self.receipts.get(&pair).into_iter().flatten();
                rows.map(|idx| &self.dataset.receipts[*idx as usize])
                    .filter(|row| days.0 < row.received_on && row.received_on < days.1)
                    .map(|row| row.quantity.micro())
                    .sum()
            };
            factor.of_units(micro, 0).0
        });
        used.sum()
    }

    /// Item-locations of which something is made.
    pub(crate) fn components(&self) -> impl Iterator<Item = Pair> {
        self.drawn_by.iter().filter(|(_, draws)| draws.iter().any(|draw| draw.is_recipe)).map(|(pair, _)| *pair)
    }

    /// What went out of an item-location with `horizon` future periods: what it sold, and what was used of a component.
    pub(crate) fn outflow_of(&self, (item, location): Pair, horizon: usize) -> History {
        let used = self.usage_of(item, location, horizon, max_history_periods(self.settings.bucket));
        used.unwrap_or_else(|| self.history.build(item, location, horizon))
    }

    /// A unit whose history is all that went out of it, to replay it by itself.
    ///
    /// # Errors
    /// As [`UnitBuilder::build`].
    pub(crate) fn build_alone(&self, pair: Pair) -> Result<PlanningUnit, Box<Unplanned>> {
        let mut unit = self.build(pair.0, pair.1)?;
        if unit.used.is_some() {
            unit.history = self.outflow_of(pair, unit.history.series.open_future.len());
        }
        Ok(unit)
    }

    /// [`Self::usage_of`] lately, as the plan of a component shows it.
    pub(super) fn usage_lately(&self, item: ItemIdx, location: LocationIdx) -> Option<History> {
        let bucket = self.settings.bucket;
        let n_past = (USED_LATELY / bucket.days()).ceil() as usize;
        self.usage_of(item, location, 1, n_past.min(max_history_periods(bucket)))
    }

    /// What went out of a component, period by period: its own sales, and what was used for everything that is made of
    /// it; `None` where nothing is. A period is censored where a stock-out kept something from being sold, and known where
    /// that of anything is.
    pub(crate) fn usage_of(
        &self,
        item: ItemIdx,
        location: LocationIdx,
        horizon: usize,
        n_past_max: usize,
    ) -> Option<History> {
        let own = (item, location);
        if !self.drawn_by.get(&own)?.iter().any(|draw| draw.is_recipe) {
            return None;
        }
        let as_of = self.history.as_of();
        let build = |pair: Pair, horizon| self.history.build_recent(pair.0, pair.1, as_of, horizon, n_past_max);
        let mut usage = build(own, horizon);
        let decimals = i32::from(self.dataset.items[item.0 as usize].decimals);
        let mut parts: Vec<(History, Fraction)> = Vec::new();
        if usage.series.n_periods() > 0 {
            parts.push((usage.clone(), Fraction::ONE));
        }
        for (pair, (factor, _)) in self.drawing(own, |_| true) {
            let theirs = i32::from(self.dataset.items[pair.0.0 as usize].decimals);
            let factor = factor.times(Fraction::power_of_ten(decimals - theirs));
            let history = build(pair, horizon);
            if let Some(factor) = factor.filter(|_| history.series.n_periods() > 0) {
                parts.push((history, factor));
            }
        }
        let first = parts.iter().map(|(part, _)| part.series.first_period).min()?;
        let n_past = (usage.series.first_period - first) as usize + usage.series.n_periods();
        // It is no demand of its own.
        usage.effects = None;
        add_up(&mut usage, &parts, first, n_past);
        // Counted are whole units, of which recipes take parts.
        usage.series.count_valued &= parts.iter().all(|(_, factor)| factor.is_whole());
        Some(usage)
    }

    /// The cost of what an item is made of, per base unit; `None` where that of a component is not known.
    pub(super) fn made_cost(&self, item: ItemIdx) -> Option<Money> {
        fn cost_of(builder: &UnitBuilder<'_>, item: ItemIdx, known: &mut HashMap<ItemIdx, Option<f64>>) -> Option<f64> {
            if let Some(cost) = known.get(&item) {
                return *cost;
            }
            let positive = |cost: &Money| *cost > Decimal::ZERO;
            let lanes = || builder.lanes_by_item.get(&Some(item)).into_iter().flatten();
            let stated = builder.dataset.items[item.0 as usize]
                .unit_cost
                .filter(positive)
                .or_else(|| lanes().find_map(|idx| builder.dataset.sources[*idx as usize].unit_cost.filter(positive)));
            let cost = match stated {
                Some(cost) => cost.to_f64(),
                None => {
                    let parts = builder.recipes.components(item);
                    let costs =
                        parts.iter().map(|(part, factor)| Some(cost_of(builder, *part, known)? * factor.to_f64()));
                    costs.sum::<Option<f64>>().filter(|cost| *cost > 0.0)
                }
            };
            known.insert(item, cost);
            cost
        }
        if self.recipes.components(item).is_empty() {
            return None;
        }
        let cost = cost_of(self, item, &mut HashMap::new())?;
        Decimal::from_f64(cost).map(|cost| cost.round_dp(6))
    }

    /// What a missing base unit of a component loses: the margin of everything that cannot be made and sold without it,
    /// weighed by what each used lately. `None` where nothing was sold, or no price is known.
    pub(super) fn margin_of_what_is_made(&self, own: Pair, lane: &Lane, price: Option<f64>) -> Option<f64> {
        let as_of = self.history.as_of();
        let days = (as_of.plus(-MARGIN_DAYS - 1), as_of);
        let (mut used, mut lost) = (0.0, 0.0);
        let mut add = |pair: Pair, factor: f64, price: Option<f64>, cost: Option<f64>| {
            let sold = self.sold_between(pair, days).max(0) as f64;
            let assumed = 1.0 - self.settings.assumed_margin_share.clamp(0.01, 0.99);
            if let Some(price) = price.filter(|price| price.is_finite() && *price > 0.0) {
                let margin = price - cost.unwrap_or(price * assumed);
                used += sold * factor;
                lost += sold * margin.max(price * 0.01);
            }
        };
        add(own, 1.0, price, lane.unit_cost.and_then(|cost| cost.to_f64()));
        for (pair, (factor, _)) in self.drawing(own, |_| true) {
            let stated = self.dataset.items[pair.0.0 as usize].unit_cost.filter(|cost| *cost > Decimal::ZERO);
            let cost = stated.or_else(|| self.made_cost(pair.0)).and_then(|cost| cost.to_f64());
            let rows = self.history.sales_rows(pair.0, pair.1);
            add(pair, factor.to_f64(), self.history.last_price(pair.0, pair.1, rows, as_of), cost);
        }
        (used > 0.0).then(|| lost / used)
    }
}

/// Adds up what parts used, from period `first` on for `n_past` periods.
fn add_up(usage: &mut History, parts: &[(History, Fraction)], first: Period, n_past: usize) {
    let series = &mut usage.series;
    let horizon = series.open_future.len();
    series.first_period = first;
    (series.demand, series.sales) = (vec![0.0; n_past], vec![0.0; n_past]);
    series.availability = None;
    let mut seen: Vec<[bool; 4]> = vec![[false; 4]; n_past];
    // By name: weighted values and weights of each period.
    let mut covariates: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut weights = vec![0.0; n_past + horizon];
    for (part, factor) in parts {
        let from = (part.series.first_period - first) as usize;
        let of = |units: f64| {
            // Recorded units are whole millionths, so that their explosion is exact.
            let micro = units * 1e6;
            let whole = micro.round();
            if (micro - whole).abs() < 1e-3 && whole.abs() < 1e15 {
                let (whole, rest) = factor.of_units(whole as i64, 0);
                (whole as f64 + factor.part_of_unit(rest)) / 1e6
            } else {
                units * factor.to_f64()
            }
        };
        for t in 0..part.series.n_periods() {
            series.demand[from + t] += of(part.series.demand[t]);
            series.sales[from + t] += of(part.series.sales[t]);
            seen[from + t][part.series.observations[t] as usize] = true;
        }
        let weight = part.series.demand.iter().sum::<f64>() * factor.to_f64();
        weights[from..].iter_mut().for_each(|sum| *sum += weight);
        for covariate in &part.series.covariates {
            let sums = covariates.entry(&covariate.name).or_insert_with(|| vec![0.0; n_past + horizon]);
            for (sum, value) in sums[from..].iter_mut().zip(&covariate.values) {
                *sum += weight * f64::from(*value);
            }
        }
    }
    let observed = |seen: &[bool; 4]| {
        let any = |observation: Observation| seen[observation as usize];
        match () {
            () if any(Observation::Censored) => Observation::Censored,
            () if any(Observation::Full) => Observation::Full,
            () if any(Observation::Missing) => Observation::Missing,
            () => Observation::Closed,
        }
    };
    series.observations = seen.iter().map(observed).collect();
    let of = |(name, sums): (&str, Vec<f64>)| Covariate {
        name: name.to_owned(),
        values: sums.iter().zip(&weights).map(|(sum, weight)| (sum / weight.max(1e-12)) as f32).collect(),
    };
    series.covariates = covariates.into_iter().map(of).collect();
    usage.days_since_last_sale = parts.iter().filter_map(|(part, _)| part.days_since_last_sale).min();
    usage.n_stockouts_known = seen.iter().filter(|seen| seen[Observation::Censored as usize]).count();
    usage.n_stockouts_inferred = 0;
    usage.n_closed = series.observations.iter().filter(|seen| **seen == Observation::Closed).count();
}
