//! The planning kernel: complete partitions in, decisions out. Pure, and the same on any machine.
//!
//! # Sequence
//! 1. One forecast per unit, in batches of equal horizon.
//! 2. What people say about a forecast acts on its demand paths, see [`crate::said_demand`].
//! 3. Units are decided downstream first: a store before the distribution centre it draws from, a made item before its
//!    components. What a unit orders now, and what it will need at its later order opportunities on every demand path,
//!    becomes demand of the unit above it, on top of that unit's own sales.
//! 4. A sending location that cannot serve all wanted transfers from its stock shares what it has, in whole packs: a part in
//!    proportion to what is wanted, the rest where a unit is worth most ([`rationing`]).
//! 5. Every unit gets its explanation.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rayon::prelude::*;
use restock_adapt::IntervalForecast;
use restock_core::finding::PlanException;
use restock_core::policy::{DemandDistribution, OrderingRules, Review};
use restock_core::proposal::{Proposal, ProposalSource, WaterfallCode};
use restock_core::settings::PlanSettings;
use restock_core::{Day, Forecast, ForecastRequest, Forecaster, N_LEVELS, SeriesInput, StockState, Units};
use restock_inventory::item_location::{PlacedOrder, step};
use restock_inventory::rationing::{self, Claim};
use restock_inventory::rules::round_up;

use crate::decide::{Decided, decide};
use crate::explanation::{self, AllocationData};
use crate::judgement::{ToJudge, interval_forecast, recalibrate};
use crate::past::PastMonth;
use crate::plan::PlanLine;
use crate::recipe::Fraction;
use crate::said_demand::{Overridden, override_paths, take_given};
use crate::ties::{Tie, loosen, ties};
use crate::unit::{PlanningUnit, StockKnowledge};

/// What planning one unit gives.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitPlan {
    /// The compact line.
    pub line: PlanLine,
    /// The order, if one is proposed. Its `plan_id` is empty until a plan is put together.
    pub proposal: Option<Proposal>,
    /// What a planner should look at.
    pub exceptions: Vec<PlanException>,
    /// Numbers that add up over units.
    pub totals: UnitTotals,
    /// What became of its demand, month by month, the earliest first.
    pub past: Box<[PastMonth]>,
    /// What is judged of it later, where that can be.
    pub to_judge: Option<Box<ToJudge>>,
    /// The gains of packs, for limits over several lines.
    pub(crate) allocation: Option<AllocationData>,
}

/// Numbers of one unit that add up to the plan's summary; money is 0 where cost and price are not known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct UnitTotals {
    /// Expected demand until the order after this one can arrive, base units.
    pub demand: f64,
    /// Expected demand not met at once without and with the order, base units.
    pub lost: [f64; 2],
    /// The margin of `lost`, currency.
    pub lost_margin: [f64; 2],
    /// Value of usable stock on hand, currency.
    pub stock_value: f64,
    /// Value of stock above the level the plan aims at, currency.
    pub overstock_value: f64,
    /// Value of units expected to expire with the order, currency.
    pub waste_value: f64,
    /// What the order gains over ordering nothing, by its packs.
    pub net_gain: f64,
    /// Whether there is no stock now, by a count.
    pub out_of_stock_now: bool,
    /// Expected unmet demand before an order placed now arrives, base units; a part of `lost`.
    pub lost_before_arrival: f64,
    /// Whether unmet demand waits for the next delivery and is not lost: other locations or production draw from here.
    pub unmet_waits: bool,
    /// Whether the source cannot send all that is wanted.
    pub is_rationed: bool,
    /// Whether recipes connect it with other items.
    pub in_recipe: bool,
    /// Whether its months of stock are within their bounds; `None` where they are not known or have none.
    pub stocked_to_plan: Option<bool>,
}

/// Changes to lines by limits over the whole plan, by item and location id.
pub(crate) type Overrides = HashMap<(String, String), Vec<(WaterfallCode, Units)>>;

/// Plans a batch of units: complete partitions (see [`crate::UnitBuilder`]), in any order.
///
/// The result has one entry per unit, in the order of `units`. Limits over several lines (budgets, containers, supplier
/// minimums) are applied by [`crate::plan`], because they need all partitions.
pub fn plan_batch(units: &[PlanningUnit], settings: &PlanSettings, forecaster: &dyn Forecaster) -> Vec<UnitPlan> {
    plan_batch_with(units, settings, forecaster, &Overrides::new())
}

pub(crate) fn plan_batch_with(
    units: &[PlanningUnit],
    settings: &PlanSettings,
    forecaster: &dyn Forecaster,
    overrides: &Overrides,
) -> Vec<UnitPlan> {
    let worked = work_out(units, settings, forecaster, overrides);
    units.iter().zip(&worked).map(|(unit, worked)| explanation::unit_plan(unit, worked, settings)).collect()
}

/// A decided unit with its forecast.
#[derive(Clone, Debug)]
pub(crate) struct Worked {
    pub(crate) forecast: Forecast,
    pub(crate) decided: Decided,
    /// Its own demand over the protection interval as the model said it, not recalibrated.
    pub(crate) own_interval: Option<IntervalForecast>,
    /// The level that was asked of it for a nominal .9, where it was recalibrated.
    pub(crate) asked_for_90: Option<f64>,
    /// What people changed of its demand; its paths are with demand from below, as those of `decided` are.
    pub(crate) overridden: Option<Overridden>,
    /// Its own demand over the protection interval with what people changed, where they did.
    pub(crate) overridden_interval: Option<IntervalForecast>,
    /// Orders from below that are planned now, units.
    pub(crate) dependent_now: Units,
    /// Whether demand from below is part of the demand.
    pub(crate) has_dependents: bool,
    /// `[horizon]` by item: expected units that are used of this one for another, down to what customers buy or what has
    /// a stock of its own.
    pub(crate) used_for: BTreeMap<String, Vec<f64>>,
    /// The surge that its order is for, its own or one of those that draw from it: how many times the usual, and its last
    /// day.
    pub(crate) surge: Option<(String, Day)>,
    /// Further warnings.
    pub(crate) warnings: Vec<String>,
}

/// Forecasts and decides a batch.
pub(crate) fn work_out(
    units: &[PlanningUnit],
    settings: &PlanSettings,
    forecaster: &dyn Forecaster,
    overrides: &Overrides,
) -> Vec<Worked> {
    let forecasts = forecasts_and_warnings(units, settings, forecaster);
    let network = Network::new(units);
    let ties = ties(units, &network);
    let n_paths = settings.n_paths.max(1);
    let mut dependents: Vec<Option<Dependent>> = vec![None; units.len()];
    let mut worked: Vec<Option<Worked>> = vec![None; units.len()];

    // Units of a level do not draw from each other; what they pass up is added in one order, because sums of floats
    // depend on it.
    for level in network.levels() {
        let work = |(idx, dependent): (usize, Option<Dependent>)| {
            let (unit, (forecast, missing)) = (&units[idx], forecasts[idx].clone());
            (idx, work_out_one(unit, forecast, missing, dependent, settings, (network.in_cycle[idx], ties[idx])))
        };
        let inputs: Vec<(usize, Option<Dependent>)> = level.iter().map(|idx| (*idx, dependents[*idx].take())).collect();
        let done: Vec<(usize, Worked)> = inputs.into_par_iter().with_min_len(4).map(work).collect();
        for (idx, below) in done {
            for (above, factor) in &network.above[idx] {
                if !network.in_cycle[*above] {
                    pass_up(&units[idx], &below, &units[*above], *factor, n_paths, &mut dependents[*above]);
                }
            }
            worked[idx] = Some(below);
        }
    }
    let mut worked: Vec<Worked> = worked.into_iter().map(|worked| worked.expect("every unit is decided")).collect();
    for idx in 0..units.len() {
        ration(units, &mut worked, idx, &network.below[idx], settings.fair_share);
    }
    for (unit, worked) in units.iter().zip(&mut worked) {
        if overrides.is_empty() {
            break;
        }
        if let Some(steps) = overrides.get(&(unit.item_id.clone(), unit.location_id.clone())) {
            for (code, change) in steps {
                worked.decided.add_step(*code, *change);
            }
        }
    }
    worked
}

/// Decides one unit, with the demand from below.
fn work_out_one(
    unit: &PlanningUnit,
    mut forecast: Forecast,
    missing: Option<String>,
    dependent: Option<Dependent>,
    settings: &PlanSettings,
    (is_in_cycle, tie): (bool, Option<Tie>),
) -> Worked {
    let seed = settings.seed ^ unit.history.series.key;
    let drawn_with = tie.map_or(seed, |tie| settings.seed ^ tie.seed);
    let mut paths = unit.history.paths_of_whole_days(&forecast, settings.n_paths.max(1), drawn_with);
    if let Some(tie) = tie {
        loosen(&mut paths, tie, seed);
    }
    let own_interval = interval_forecast(unit, &paths);
    let asked_for_90 = own_interval.as_ref().and_then(|own| recalibrate(unit, &mut paths, own, settings));
    let mut overridden = override_paths(unit, &mut forecast, &mut paths);
    let overridden_interval = overridden.as_ref().and_then(|_| interval_forecast(unit, &paths));
    for paths in [&mut paths].into_iter().chain(overridden.as_mut().map(|overridden| &mut overridden.baseline)) {
        unit.history.leave_out_sold_today(paths);
        if let Some(dependent) = &dependent {
            for (value, below) in paths.values.iter_mut().zip(&dependent.values) {
                *value += *below;
            }
        }
    }
    let paths = Arc::new(paths);
    let review = unit.timing().review_period;
    let sold = recent_sales(unit, review)
        + dependent.as_ref().map_or(0, |dependent| (dependent.rate * review as f64).round() as Units);
    let mut decided = decide(unit, &paths, settings, None, sold);
    let own_surge = overridden.as_ref().and_then(|overridden| overridden.surge(unit.as_of, decided.protection));
    let surge = own_surge.or_else(|| dependent.as_ref().and_then(|dependent| dependent.surge.clone()));
    let mut warnings = overridden.as_mut().map_or_else(Vec::new, |overridden| std::mem::take(&mut overridden.warnings));
    warnings.extend(missing);
    if is_in_cycle {
        warnings.push("D16: circular supply lanes, demand from below is left out".to_owned());
    }
    if unit.made_to_order {
        // The components are ordered, not the item.
        let wanted = decided.ruled.quantity;
        decided.ruled.quantity = 0;
        if wanted > 0 {
            decided.ruled.steps.push((WaterfallCode::DoNotOrder, -wanted));
        }
    }
    Worked {
        forecast,
        decided,
        own_interval,
        asked_for_90,
        overridden,
        overridden_interval,
        dependent_now: dependent.as_ref().map_or(0, |dependent| dependent.now),
        has_dependents: dependent.is_some(),
        used_for: dependent.map_or_else(BTreeMap::new, |dependent| dependent.used_for),
        surge,
        warnings,
    }
}

/// One forecast per unit.
pub(crate) fn forecasts(units: &[PlanningUnit], settings: &PlanSettings, forecaster: &dyn Forecaster) -> Vec<Forecast> {
    forecasts_and_warnings(units, settings, forecaster).into_iter().map(|(forecast, _)| forecast).collect()
}

/// One forecast per unit, and what is missing of those of another system where they are wanted.
fn forecasts_and_warnings(
    units: &[PlanningUnit],
    settings: &PlanSettings,
    forecaster: &dyn Forecaster,
) -> Vec<(Forecast, Option<String>)> {
    let mut by_horizon: std::collections::BTreeMap<usize, Vec<usize>> = std::collections::BTreeMap::new();
    for (idx, unit) in units.iter().enumerate() {
        if unit.history.series.n_periods() > 0 || unit.history.series.prior.is_some() {
            by_horizon.entry(unit.history.series.open_future.len()).or_default().push(idx);
        }
    }
    let mut forecasts: Vec<Option<Forecast>> = vec![None; units.len()];
    for (horizon, indices) in by_horizon {
        let batch: Vec<SeriesInput> = indices.iter().map(|idx| units[*idx].usual_series()).collect();
        let request = ForecastRequest { horizon, seed: settings.seed };
        let batch_forecasts = forecaster.forecast(&batch, &request);
        assert_eq!(batch_forecasts.len(), batch.len(), "a forecaster returns one forecast per series");
        for (idx, mut forecast) in indices.into_iter().zip(batch_forecasts) {
            assert_eq!(forecast.horizon(), horizon, "a forecast covers the horizon");
            units[idx].history.with_effects(&mut forecast);
            forecasts[idx] = Some(forecast);
        }
    }
    let of_unit = |(forecast, unit): (Option<Forecast>, &PlanningUnit)| {
        let mut forecast = forecast.unwrap_or_else(|| no_demand(unit));
        let open_future = &unit.history.series.open_future;
        let missing = if unit.wants_given { take_given(&unit.given, open_future, &mut forecast) } else { None };
        adjust(unit, &mut forecast);
        (forecast, missing)
    };
    forecasts.into_iter().zip(units).map(of_unit).collect()
}

/// The model of a unit that sells nothing by itself, such as a distribution centre.
pub(crate) const NO_MODEL: &str = "none";

/// The forecast of a unit without any history: nothing sells here by itself.
fn no_demand(unit: &PlanningUnit) -> Forecast {
    Forecast {
        mean: vec![0.0; unit.history.series.open_future.len()],
        quantiles: vec![0.0; unit.history.series.open_future.len() * N_LEVELS],
        dependence: restock_core::forecast::Dependence::default(),
        count_valued: unit.history.series.count_valued,
        model: NO_MODEL.to_owned(),
        reason: "no sales of its own".to_owned(),
        validation: None,
    }
}

/// Nothing sells while closed or delisted, and a planner's uplift counts where the model has never seen a promotion.
pub(crate) fn adjust(unit: &PlanningUnit, forecast: &mut Forecast) {
    let series = &unit.history.series;
    let n_periods = series.n_periods();
    let promotion = series.covariates.iter().find(|covariate| covariate.name == "promotion");
    let seen = promotion.is_some_and(|covariate| covariate.values[..n_periods].iter().any(|value| *value > 0.0));
    for step in 0..forecast.horizon() {
        let mut factor = if series.open_future[step] <= 0.0 { 0.0 } else { unit.demand_factor };
        if !seen && !unit.is_given(step) {
            let period = series.first_period + (n_periods + step) as i32;
            let (from, to) = (series.bucket.first_day(period), series.bucket.last_day(period));
            let promotion = unit.promotions.iter().find(|(first, last, _)| *first <= to && from <= *last);
            if let Some((first, last, Some(uplift))) =
                promotion.filter(|promotion| promotion.2.is_some_and(f64::is_finite))
            {
                // A promotion of some days lifts that share of a week or a month.
                let n_days = last.0.min(to.0) - first.0.max(from.0) + 1;
                let share = f64::from(n_days) / f64::from(to.0 - from.0 + 1);
                factor *= 1.0 + (uplift.clamp(0.0, 20.0) - 1.0) * share;
            }
        }
        if factor != 1.0 {
            forecast.mean[step] *= factor;
            for quantile in &mut forecast.quantiles[step * N_LEVELS..(step + 1) * N_LEVELS] {
                *quantile *= factor;
            }
        }
    }
}

/// Recorded sales of the last `n_days` days of the history, units; of a longer period the share of its days.
fn recent_sales(unit: &PlanningUnit, n_days: usize) -> Units {
    let series = &unit.history.series;
    let (mut left, mut sold) = (n_days as f64, 0.0);
    for (idx, sales) in series.sales.iter().enumerate().rev() {
        if left <= 0.0 {
            break;
        }
        let period = series.first_period + idx as i32;
        let days = f64::from(series.bucket.last_day(period).0 - series.bucket.first_day(period).0 + 1);
        sold += sales * (left / days).min(1.0);
        left -= days;
    }
    sold.round() as Units
}

/// Who draws from whom, and the order in which to decide.
pub(crate) struct Network {
    /// Units in deciding order.
    pub(crate) order: Vec<usize>,
    /// `[n_units]`: the units above, with units of theirs per unit of this one.
    pub(crate) above: Vec<Vec<(usize, Fraction)>>,
    /// `[n_units]`: the units that draw transfers from this one.
    pub(crate) below: Vec<Vec<usize>>,
    pub(crate) in_cycle: Vec<bool>,
    /// `[n_units]`: how many units are below it at most, one under the other.
    depth: Vec<usize>,
}

impl Network {
    /// The units in deciding order, those together that do not wait for each other.
    fn levels(&self) -> impl Iterator<Item = &[usize]> {
        self.order.chunk_by(|one, other| self.depth[*one] == self.depth[*other])
    }

    pub(crate) fn new(units: &[PlanningUnit]) -> Self {
        let n_units = units.len();
        let (mut above, mut below) = (vec![Vec::new(); n_units], vec![Vec::new(); n_units]);
        let is_connected = |unit: &PlanningUnit| {
            matches!(unit.lane.source, ProposalSource::LocationId(_)) || !unit.components.is_empty()
        };
        if units.iter().any(is_connected) {
            let by_ids: HashMap<(&str, &str), usize> = units
                .iter()
                .enumerate()
                .map(|(idx, unit)| ((unit.item_id.as_str(), unit.location_id.as_str()), idx))
                .collect();
            for (idx, unit) in units.iter().enumerate() {
                if let ProposalSource::LocationId(from) = &unit.lane.source
                    && let Some(source) = by_ids.get(&(unit.item_id.as_str(), from.as_str()))
                {
                    above[idx].push((*source, Fraction::ONE));
                    below[*source].push(idx);
                    continue;
                }
                for component in &unit.components {
                    if let Some(source) = by_ids.get(&(component.item_id.as_str(), unit.location_id.as_str())) {
                        let scale = i32::from(units[*source].decimals) - i32::from(unit.decimals);
                        let factor = component.factor.times(Fraction::power_of_ten(scale));
                        above[idx].extend(factor.map(|factor| (*source, factor)));
                    }
                }
            }
        }
        let mut n_open = vec![0_usize; n_units];
        for sources in &above {
            for (source, _) in sources {
                n_open[*source] += 1;
            }
        }
        let mut order: Vec<usize> = (0..n_units).filter(|idx| n_open[*idx] == 0).collect();
        let mut depth = vec![0; n_units];
        let mut next = 0;
        while next < order.len() {
            for (source, _) in &above[order[next]] {
                depth[*source] = depth[*source].max(depth[order[next]] + 1);
                n_open[*source] -= 1;
                if n_open[*source] == 0 {
                    order.push(*source);
                }
            }
            next += 1;
        }
        let in_cycle: Vec<bool> = n_open.iter().map(|n_open| *n_open > 0).collect();
        // What runs in circles comes last, one by one.
        for idx in (0..n_units).filter(|idx| in_cycle[*idx]) {
            depth[idx] = n_units + idx;
            order.push(idx);
        }
        Self { order, above, below, in_cycle, depth }
    }
}

/// Demand from below.
#[derive(Clone, Debug)]
struct Dependent {
    n_paths: usize,
    /// `[n_paths × horizon]` of the upper unit, units of the upper unit.
    values: Vec<f32>,
    /// Orders placed now, units.
    now: Units,
    /// Mean later demand per period.
    rate: f64,
    /// `[horizon]` by item, see [`Worked::used_for`].
    used_for: BTreeMap<String, Vec<f64>>,
    /// See [`Worked::surge`].
    surge: Option<(String, Day)>,
}

impl Dependent {
    /// `[horizon]`: the mean over the paths.
    fn mean(&self) -> Vec<f64> {
        let horizon = self.values.len() / self.n_paths;
        let mut mean = vec![0.0; horizon];
        for path in self.values.chunks_exact(horizon) {
            mean.iter_mut().zip(path).for_each(|(mean, units)| *mean += f64::from(*units));
        }
        mean.iter_mut().for_each(|mean| *mean /= self.n_paths as f64);
        mean
    }

    /// Adds what is used of the upper unit for `item_id`, from step 0 on.
    fn use_for(&mut self, item_id: &str, units: impl Iterator<Item = f64>) {
        let horizon = self.values.len() / self.n_paths;
        let used = self.used_for.entry(item_id.to_owned()).or_insert_with(|| vec![0.0; horizon]);
        used.iter_mut().zip(units).for_each(|(used, units)| *used += units);
    }
}

/// Adds what `unit` orders now and later to the demand of the unit above.
///
/// After its order, a unit orders at each later opportunity as its policy does: back up to its target, or from its
/// reorder point, both moving with the demand expected then, in whole packs and at least the minimum order. So the unit
/// above sees demand as it comes to it, in packs, and not as it is spread over customers. What expires is ordered again.
fn pass_up(
    unit: &PlanningUnit,
    below: &Worked,
    upper: &PlanningUnit,
    factor: Fraction,
    n_paths: usize,
    dependent: &mut Option<Dependent>,
) {
    let horizon = upper.horizon();
    let dependent = dependent.get_or_insert_with(|| Dependent {
        n_paths,
        values: vec![0.0; n_paths * horizon],
        now: 0,
        rate: 0.0,
        used_for: BTreeMap::new(),
        surge: None,
    });
    if dependent.surge.is_none() {
        dependent.surge.clone_from(&below.surge);
    }
    let scale = factor.to_f64();
    let decided = &below.decided;
    let demand = &decided.review.demand;
    let mean = crate::decide::demand_rate(demand, demand.horizon);
    dependent.rate += mean * scale;
    let at = |path: &[f32], step: usize| path.get(step).map_or(mean, |demand| f64::from(*demand));
    if unit.made_to_order {
        for path_idx in 0..n_paths {
            let path = demand.path(path_idx);
            for step in 0..horizon {
                dependent.values[path_idx * horizon + step] += (at(path, step) * scale) as f32;
            }
        }
        // What is made of it in turn is named, and it itself for the rest.
        let mut rest = explanation::mean_demand(&decided.review);
        for (item_id, used) in &below.used_for {
            rest.iter_mut().zip(used).for_each(|(rest, used)| *rest -= used);
            dependent.use_for(item_id, used.iter().map(|used| used * scale));
        }
        let is_used = |units: &f64| *units > 1e-6 * mean;
        if rest.iter().any(is_used) {
            dependent.use_for(&unit.item_id, rest.iter().map(|units| units.max(0.0) * scale));
        }
        return;
    }
    let order_now = decided.quantity();
    // Component needs are rounded up to whole units of the component, exactly.
    let now = factor.of_units_ceil(order_now);
    let steps = unit.lane.order_steps(unit.as_of, horizon);
    dependent.now += now;
    let expected = explanation::mean_demand(&decided.review);
    let expected_at = |step: usize| expected.get(step).copied().unwrap_or(mean);
    let orders = LaterOrders::new(unit, decided, order_now, &expected_at, &steps);
    let before: Option<Vec<f64>> = (!unit.components.is_empty()).then(|| dependent.mean());
    for path_idx in 0..n_paths {
        let values = &mut dependent.values[path_idx * horizon..(path_idx + 1) * horizon];
        if let Some(first) = steps.first() {
            values[*first] += now as f32;
        }
        let path = demand.path(path_idx);
        let mut add = |step: usize, order: Units| values[step] += (order as f64 * scale) as f32;
        match unit.shelf_life {
            None => orders.of_goods_that_keep(|step| at(path, step), &mut add),
            Some(_) => {
                let lead_time = decided.timing.lead_times[path_idx % decided.timing.lead_times.len()];
                orders.of_fresh_goods(|step| at(path, step), lead_time, &mut add);
            }
        }
    }
    if let Some(before) = before {
        let after = dependent.mean();
        dependent.use_for(&unit.item_id, after.iter().zip(before).map(|(after, before)| after - before));
    }
}

/// How a unit orders after the order it places now.
struct LaterOrders<'a> {
    unit: &'a PlanningUnit,
    stock: &'a StockState,
    order_now: Units,
    /// Orders bring the inventory position back up to this level, units.
    target: Units,
    /// An order is placed once the position is at or below this level, units.
    reorder_point: Units,
    /// Demand until this order arrives that is lost and so does not use up the position, units.
    lost_before_arrival: Units,
    /// Days from now to each order opportunity, ascending; the order placed now goes out at the first.
    steps: &'a [usize],
    /// `[n_steps]`: how much more is expected until the order after an order at this opportunity arrives than is expected
    /// now; both levels rise by it, so that stores fill up before a promotion or a weekend without order days.
    rise: Vec<Units>,
}

impl<'a> LaterOrders<'a> {
    fn new(
        unit: &'a PlanningUnit,
        decided: &'a Decided,
        order_now: Units,
        expected: &dyn Fn(usize) -> f64,
        steps: &'a [usize],
    ) -> Self {
        let Review { stock, rules, .. } = &decided.review;
        let review = decided.timing.review_period;
        let now: f64 = (0..decided.protection).map(expected).sum();
        // A later order does not wait for its day.
        let wait = steps.first().copied().unwrap_or(0);
        let lead_time = decided.protection.saturating_sub(wait + review);
        let until_next = |idx: usize| steps.get(idx + 1).map_or(review, |next| next - steps[idx]);
        let rise = (0..steps.len())
            .map(|idx| {
                let later: f64 = (steps[idx]..steps[idx] + lead_time + until_next(idx)).map(expected).sum();
                (later - now).round() as Units
            })
            .collect();
        let target = decided.decision.target_level.max(rules.min_stock);
        // What would expire is not ordered, neither now nor later.
        let most = rules.shelf_life_cap.map_or(Units::MAX, |cap| stock.inventory_position() + cap.max(order_now));
        let target = target.min(most);
        let reorder_point = decided.decision.reorder_point.map_or(target - 1, |point| point.max(rules.min_stock - 1));
        let lost_before_arrival = decided.decision.left_out(stock.inventory_position());
        Self {
            unit,
            stock,
            order_now,
            target,
            reorder_point: reorder_point.min(target - 1),
            lost_before_arrival,
            steps,
            rise,
        }
    }

    /// The order at an opportunity and a position, which need not be whole because demand on a path is not.
    fn order_at(&self, step_idx: usize, position: f64) -> Units {
        // A position of 20 - 0.3 · 30 is 11, and not a little less.
        const ROUNDING: f64 = 1e-6;
        let rise = self.rise[step_idx];
        if position > (self.reorder_point + rise) as f64 + ROUNDING {
            return 0;
        }
        let rules = &self.unit.rules;
        let missing = ((self.target + rise) as f64 - position - ROUNDING).ceil() as Units;
        let pack = rules.order_multiple.max(1);
        if missing <= 0 {
            return 0;
        }
        let wanted = missing.max(rules.min_order);
        round_up(wanted, pack)
    }

    /// Calls `add` with the day and the size of every order at the opportunities after the first.
    fn of_goods_that_keep(&self, demand: impl Fn(usize) -> f64, add: &mut impl FnMut(usize, Units)) {
        let mut position = (self.stock.inventory_position() + self.order_now + self.lost_before_arrival) as f64;
        let mut from = 0;
        for (step_idx, opportunity) in self.steps.iter().copied().enumerate().skip(1) {
            position -= (from..opportunity).map(&demand).sum::<f64>();
            from = opportunity;
            let order = self.order_at(step_idx, position);
            if order > 0 {
                add(opportunity, order);
                position += order as f64;
            }
        }
    }

    /// The same, with stock that expires.
    fn of_fresh_goods(&self, demand: impl Fn(usize) -> f64, lead_time: usize, add: &mut impl FnMut(usize, Units)) {
        let (Some(first), Some(last)) = (self.steps.first(), self.steps.last()) else { return };
        let unit = self.unit;
        let params = explanation::params(unit);
        let mut stock = self.stock.clone();
        // The lead time counts from today, the order may have to wait for its day.
        let lead_time = lead_time.saturating_sub(*first);
        let (mut cumulative, mut counted) = (0.0_f64, 0);
        for day in 0..=*last {
            let quantity = match self.steps.binary_search(&day) {
                Ok(0) => self.order_now,
                Ok(step_idx) => self.order_at(step_idx, stock.inventory_position() as f64),
                Err(_) => 0,
            };
            if day > *first && quantity > 0 {
                add(day, quantity);
            }
            cumulative += demand(day);
            let wanted = (cumulative + 0.5) as Units - counted;
            counted += wanted;
            step(&mut stock, PlacedOrder { quantity, lead_time }, wanted, &params);
        }
    }
}

/// Shares the stock of a sending location that cannot serve all wanted transfers.
fn ration(units: &[PlanningUnit], worked: &mut [Worked], source: usize, below: &[usize], fair_share: f64) {
    let wanted: Vec<Units> = below.iter().map(|idx| worked[*idx].decided.quantity()).collect();
    let total: Units = wanted.iter().sum();
    if total == 0 || !matches!(units[source].stock_known, StockKnowledge::Counted { .. }) {
        return;
    }
    let stock = &worked[source].decided.review.stock;
    let arriving: Units =
        stock.arrivals.iter().filter(|arrival| arrival.periods_ahead <= 0).map(|arrival| arrival.quantity).sum();
    let available = (stock.on_hand() + arriving - stock.reserved - stock.backorders).max(0);
    if total <= available {
        return;
    }
    let demands: Vec<DemandDistribution> = below.iter().map(|idx| worked[*idx].decided.protected_demand()).collect();
    let claims: Vec<Claim<'_>> = below
        .iter()
        .zip(&demands)
        .map(|(idx, demand)| {
            let Decided { review, .. } = &worked[*idx].decided;
            claim(
                &units[*idx],
                &review.rules,
                worked[*idx].decided.quantity(),
                review.stock.inventory_position(),
                demand,
            )
        })
        .collect();
    let granted = rationing::share(&claims, available, fair_share);
    for ((idx, granted), wanted) in below.iter().zip(granted).zip(wanted) {
        let decided = &mut worked[*idx].decided;
        decided.source_cap = Some(granted);
        decided.add_step(WaterfallCode::SourceShortage, granted - wanted);
    }
}

/// What a unit with a position wants of a stock that is scarce.
pub(crate) fn claim<'a>(
    unit: &PlanningUnit,
    rules: &OrderingRules,
    wanted: Units,
    position: Units,
    demand: &'a DemandDistribution,
) -> Claim<'a> {
    Claim {
        wanted,
        order_multiple: rules.order_multiple.max(1),
        min_order: rules.min_order,
        position,
        demand,
        lost_unit: unit.lost_unit(),
    }
}

#[cfg(test)]
mod tests {
    use restock_core::dataset::{Calendar, Dataset, Origin, SourceRow};
    use restock_core::{Day, ItemIdx, LocationIdx, Quantity, WeekdaySet};

    use super::*;
    use crate::builder::UnitBuilder;
    use crate::fixtures::{self, RecentMean};

    /// A demand of the recent mean for certain, and twice as much from step 10 on.
    struct TwiceFromDay10;

    impl Forecaster for TwiceFromDay10 {
        fn name(&self) -> &str {
            "twice_from_day_10"
        }

        fn forecast(&self, batch: &[SeriesInput], request: &ForecastRequest) -> Vec<Forecast> {
            let mut forecasts = RecentMean { spread: 0.0 }.forecast(batch, request);
            for forecast in &mut forecasts {
                forecast.mean.iter_mut().skip(10).for_each(|mean| *mean *= 2.0);
                forecast.quantiles.iter_mut().skip(10 * N_LEVELS).for_each(|quantile| *quantile *= 2.0);
            }
            forecasts
        }
    }

    /// What a store that sells `per_day` for certain asks of its centre, by day; it may order every day.
    fn asked_of_the_centre(per_day: i64, pack: i64, shelf_life_days: Option<u32>) -> Vec<f32> {
        asked_under(&RecentMean { spread: 0.0 }, per_day, pack, shelf_life_days)
    }

    fn asked_under(forecaster: &dyn Forecaster, per_day: i64, pack: i64, shelf_life_days: Option<u32>) -> Vec<f32> {
        asked_with(forecaster, per_day, pack, shelf_life_days, None)
    }

    fn asked_with(
        forecaster: &dyn Forecaster,
        per_day: i64,
        pack: i64,
        shelf_life_days: Option<u32>,
        order_days: Option<Calendar>,
    ) -> Vec<f32> {
        let (settings, units) = store_and_centre(per_day, pack, shelf_life_days, order_days);
        let worked = work_out(&units, &settings, forecaster, &Overrides::new());
        let centre = units.iter().position(|unit| unit.location_id == "DC").expect("the centre is planned");
        worked[centre].decided.review.demand.values.clone()
    }

    /// A store that sells `per_day` and draws from a centre; without order days it may order every day.
    fn store_and_centre(
        per_day: i64,
        pack: i64,
        shelf_life_days: Option<u32>,
        order_days: Option<Calendar>,
    ) -> (PlanSettings, Vec<PlanningUnit>) {
        let first: Day = "2025-01-01".parse().unwrap();
        let (item, store, centre) = (ItemIdx(0), LocationIdx(0), LocationIdx(1));
        let mut dataset = Dataset {
            locations: vec![fixtures::location("S1"), fixtures::location("DC")],
            items: vec![restock_core::dataset::Item { shelf_life_days, ..fixtures::item("bread", "1", "3") }],
            ..Dataset::default()
        };
        fixtures::sell(&mut dataset, item, store, first, vec![per_day; 200]);
        for location in [store, centre] {
            dataset.inventory.push(fixtures::stock(item, location, Quantity::ZERO));
        }
        dataset.sources.push(SourceRow {
            to_location: Some(store),
            pack_size: Some(Quantity::from_whole(pack)),
            review_calendar: order_days.is_some().then(|| "orders".to_owned()),
            ..fixtures::lane(Origin::Location(centre), 1.0)
        });
        dataset.calendars.extend(order_days.map(|days| ("orders".to_owned(), days)));
        let settings = PlanSettings { default_review_days: 1.0, n_paths: 1, ..PlanSettings::default() };
        let builder = UnitBuilder::new(&dataset, &settings, None);
        let (units, _) = builder.build_partition(&[(item, store), (item, centre)]);
        (settings, units)
    }

    #[test]
    fn a_store_asks_its_centre_for_whole_packs_and_no_more_than_it_sells() {
        let asked = asked_of_the_centre(3, 24, None);
        assert!(asked.len() > 16, "{asked:?}");
        assert!(asked.iter().all(|units| units % 24.0 == 0.0), "{asked:?}");
        // The first order fills the shelf; after it a pack of 24 lasts eight days.
        let n_packs = asked[1..].iter().sum::<f32>() / 24.0;
        let expected = (asked.len() - 1) as f32 / 8.0;
        assert!((n_packs - expected).abs() <= 1.0, "{n_packs} packs, {expected} are sold: {asked:?}");
    }

    /// A store with a lead time and a review of a day fills up two days before it sells more.
    #[test]
    fn a_store_asks_before_it_sells() {
        let asked = asked_under(&TwiceFromDay10, 3, 1, None);
        assert_eq!(asked[2..8], [3.0; 6], "{asked:?}");
        // What is asked up to day 10 covers the 6 a day of days 10 and 11.
        assert!(asked[8..11].iter().sum::<f32>() >= 14.0, "{asked:?}");
        assert_eq!(asked[12..15], [6.0; 3], "{asked:?}");
    }

    /// A store that may order from Monday to Saturday asks for nothing on Sundays and for two days on Saturdays.
    #[test]
    fn a_store_asks_on_its_order_days() {
        let lane = |calendar: Option<Calendar>| {
            let (_, units) = store_and_centre(3, 1, None, calendar);
            let store = units.iter().find(|unit| unit.location_id == "S1").expect("the store is planned");
            (store.as_of, store.lane.clone())
        };
        let weekdays = (0..6).fold(WeekdaySet::NONE, WeekdaySet::with);
        let calendar = Calendar { weekdays, ..Calendar::default() };
        let (as_of, with_calendar) = lane(Some(calendar.clone()));
        let steps = with_calendar.order_steps(as_of, 28);
        assert_eq!(steps.len(), 24, "{steps:?}");
        assert!(steps.iter().all(|step| calendar.is_open(as_of.plus(*step as i32))));
        assert_eq!(lane(None).1.order_steps(as_of, 5), [0, 1, 2, 3, 4]);

        let asked = asked_with(&RecentMean { spread: 0.0 }, 3, 1, None, Some(calendar.clone()));
        for (day, units) in asked.iter().enumerate().skip(7).take(14) {
            let (today, tomorrow) = (as_of.plus(day as i32), as_of.plus(day as i32 + 1));
            let expected = match (calendar.is_open(today), calendar.is_open(tomorrow)) {
                (false, _) => 0.0,
                // The level rises by the Sunday, and falls again on Monday.
                (true, false) => 6.0,
                (true, true) => 3.0,
            };
            assert_eq!(*units, expected, "{today}: {asked:?}");
        }
    }

    #[test]
    fn what_expires_in_the_store_is_asked_for_again() {
        let (fresh, keeps) = (asked_of_the_centre(2, 10, Some(3)), asked_of_the_centre(2, 10, None));
        // A pack of 10 sells 6 in the three days that it keeps and is asked for again on the fourth, not on the fifth.
        let n = fresh.len().min(keeps.len());
        let n_packs = |asked: &[f32]| asked[1..n].iter().sum::<f32>() / 10.0;
        assert!((n_packs(&keeps) - (n - 1) as f32 / 5.0).abs() <= 1.0, "{keeps:?}");
        assert!((n_packs(&fresh) - (n - 1) as f32 / 4.0).abs() <= 1.0 && n > 20, "{fresh:?}");
        assert!(n_packs(&fresh) > n_packs(&keeps), "{fresh:?} {keeps:?}");
    }
}
