//! The user's own items as a decision problem: what a plan knows of each of them becomes an item of the
//! [`Portfolio`](restock_inventory::environments::Portfolio) environment.
//!
//! Stock, lead times, order days, costs and ordering rules are those of the plan of the day, by the plan's own functions.
//! Budgets, containers and minimums over several lines are left out: items are played one by one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use restock_core::dataset::Dataset;
use restock_core::forecast::Observation;
use restock_core::policy::{DemandPaths, Review};
use restock_core::settings::PlanSettings;
use restock_core::{Day, Forecaster, ItemIdx, LocationIdx};
use restock_inventory::environments::portfolio::demand::{Augmentation, SimulatedDemand, bootstrap};
use restock_inventory::environments::portfolio::{ItemPlan, PortfolioItem};

use crate::batch::{Overrides, Worked, work_out};
use crate::builder::{UnitBuilder, find_pair};
use crate::plan::Unplanned;
use crate::play::believed_lead_times;
use crate::unit::PlanningUnit;

/// Days of a block of the past that is played again.
const BLOCK_DAYS: usize = 28;

/// Series of the retail simulator that items are played on.
const N_SIMULATED: usize = 1_024;

/// Where the demand of a portfolio comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DemandSource {
    /// Sample paths of the forecaster.
    Forecast,
    /// The item's own past, drawn again in blocks.
    History(Augmentation),
    /// Series of the retail simulator at the level of the item's forecast.
    Simulator,
}

/// Partitions that are made at a time.
const CHUNK: usize = 64;

/// Days of simulated series beyond those that are played, for the last reviews to look at.
const N_DAYS_BEYOND: usize = 120;

/// What a portfolio is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PortfolioOptions {
    /// Where demand comes from.
    pub source: DemandSource,
    /// Days of a path, at least 1.
    pub n_days: usize,
    /// Paths that are played.
    pub n_paths: usize,
    /// Paths that policies believe in.
    pub n_believed: usize,
    /// Most item-locations: those with the highest value of expected demand come first.
    pub n_items_max: usize,
}

/// Items that can be played, and those that cannot be planned, with the reason.
#[derive(Clone, Debug)]
pub struct PortfolioItems {
    /// Most valuable first.
    pub items: Vec<PortfolioItem>,
    /// Item-locations that are left out because there are more than asked for.
    pub n_left_out: usize,
    /// Item-locations that sell nothing, or are made when they are sold.
    pub n_without_demand: usize,
    /// Item-locations that cannot be planned.
    pub unplanned: Vec<Unplanned>,
    /// The day of the plan.
    pub as_of: Day,
}

/// The items of a dataset as a decision problem. `progress(done, total)` counts item-locations.
///
/// # Panics
/// When no day or no path is asked for.
pub fn portfolio_items(
    dataset: &Dataset,
    settings: &PlanSettings,
    forecaster: &dyn Forecaster,
    options: &PortfolioOptions,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> PortfolioItems {
    assert!(options.n_days >= 1 && options.n_paths >= 1 && options.n_believed >= 1, "{options:?}");
    // The believed and the played paths of an item are drawn at once.
    let settings = PlanSettings { n_paths: options.n_believed + options.n_paths, ..settings.clone() };
    let builder = UnitBuilder::new(dataset, &settings, None);
    let simulated = match options.source {
        DemandSource::Simulator => {
            Some(SimulatedDemand::draw(N_SIMULATED, options.n_days + N_DAYS_BEYOND, settings.seed))
        }
        _ => None,
    };
    let context =
        Context { builder: &builder, settings: &settings, forecaster, options, simulated: simulated.as_ref() };
    let partitions = builder.partitions();
    let total: usize = partitions.iter().map(Vec::len).sum();
    let done = AtomicUsize::new(0);
    progress(0, total);
    let (mut valued, mut n_left_out, mut n_without_demand, mut unplanned) = (Vec::new(), 0, 0, Vec::new());
    for chunk in partitions.chunks(CHUNK) {
        let parts: Vec<Part> = chunk
            .par_iter()
            .map(|partition| {
                let part = context.partition(dataset, partition);
                progress(done.fetch_add(partition.len(), Ordering::Relaxed) + partition.len(), total);
                part
            })
            .collect();
        for part in parts {
            valued.extend(part.plans);
            n_without_demand += part.n_without_demand;
            unplanned.extend(part.unplanned);
        }
        // Demand paths take room: only those of the most valuable items are kept.
        valued.sort_by(|(one, of_one), (other, of_other): &(f64, ItemPlan)| {
            other.total_cmp(one).then_with(|| of_one.name.cmp(&of_other.name))
        });
        n_left_out += valued.len().saturating_sub(options.n_items_max);
        valued.truncate(options.n_items_max);
    }
    unplanned.sort_by(|one, other| (&one.item_id, &one.location_id).cmp(&(&other.item_id, &other.location_id)));
    PortfolioItems {
        items: valued.into_iter().map(|(_, plan)| PortfolioItem::new(plan)).collect(),
        n_left_out,
        n_without_demand,
        unplanned,
        as_of: builder.history.as_of(),
    }
}

/// What a partition gives.
struct Part {
    /// Items with the value of their expected demand a day.
    plans: Vec<(f64, ItemPlan)>,
    n_without_demand: usize,
    unplanned: Vec<Unplanned>,
}

struct Context<'a> {
    builder: &'a UnitBuilder<'a>,
    settings: &'a PlanSettings,
    forecaster: &'a dyn Forecaster,
    options: &'a PortfolioOptions,
    simulated: Option<&'a SimulatedDemand>,
}

impl Context<'_> {
    fn partition(&self, dataset: &Dataset, pairs: &[(ItemIdx, LocationIdx)]) -> Part {
        let (units, unplanned) = self.builder.build_partition(pairs);
        // The forecast reaches over all days to play and what the last review looks at.
        let longest = units.iter().map(PlanningUnit::horizon).max().unwrap_or(0);
        let history = &self.builder.history;
        let long = |unit: &PlanningUnit| {
            let (item, location) = find_pair(dataset, &unit.item_id, &unit.location_id).expect("a unit of the dataset");
            let n_periods = history.periods_ahead(self.options.n_days + longest);
            PlanningUnit { history: history.build(item, location, n_periods), ..unit.clone() }
        };
        let long: Vec<PlanningUnit> = units.iter().map(long).collect();
        let worked = work_out(&long, self.settings, self.forecaster, &Overrides::new());
        let n_units = units.len();
        let of_units = units.iter().zip(&long).zip(&worked);
        let plans: Vec<_> = of_units.filter_map(|((unit, long), worked)| self.item(unit, long, worked)).collect();
        Part { n_without_demand: n_units - plans.len(), plans, unplanned }
    }

    fn item(&self, unit: &PlanningUnit, long: &PlanningUnit, worked: &Worked) -> Option<(f64, ItemPlan)> {
        let PortfolioOptions { n_days, n_paths, n_believed, .. } = *self.options;
        let review = &worked.decided.review;
        let mean = crate::decide::demand_rate(&review.demand, n_days);
        let order_days: Vec<usize> = unit.lane.order_steps(unit.as_of, n_days);
        if mean <= 0.0 || unit.made_to_order || order_days.is_empty() {
            return None;
        }
        let paths = self.paths(long, worked, mean);
        let horizon = paths.horizon;
        let believed = DemandPaths { values: paths.values[..n_believed * horizon].to_vec(), horizon };
        let others = DemandPaths { values: paths.values[n_believed * horizon..].to_vec(), horizon };
        debug_assert_eq!(others.n_paths(), n_paths);
        let mut rules = review.rules.clone();
        // What expires, and what outlives the item, is asked anew on each order day.
        (rules.shelf_life_cap, rules.end_of_life_cap) = (None, None);
        let days_to_end = unit.planned_end.map(|end| (end.0 - unit.as_of.0 + 1).max(0) as usize);
        let plan = ItemPlan {
            name: format!("{}@{}", unit.item_id, unit.location_id),
            review: Review {
                demand: Arc::new(believed),
                lead_times: believed_lead_times(unit),
                rules,
                ..review.clone()
            },
            order_days,
            review_horizon: unit.horizon(),
            days_to_end,
            played: others.part(0, n_days),
        };
        let value = mean * unit.costs.unit_cost.max(f64::MIN_POSITIVE);
        Some((value, plan))
    }

    /// `[n_believed + n_paths × horizon]`: demand of a unit. What other locations and production draw from it comes from
    /// the forecast whatever the source.
    fn paths(&self, long: &PlanningUnit, worked: &Worked, mean: f64) -> DemandPaths {
        let forecast = &worked.decided.review.demand;
        let seed = self.settings.seed ^ long.history.series.key;
        let horizon = forecast.horizon;
        if worked.has_dependents {
            return (**forecast).clone();
        }
        match (self.options.source, self.simulated) {
            (DemandSource::History(augmentation), _) => {
                let past = past_days(long);
                bootstrap(&past, horizon, BLOCK_DAYS, augmentation, forecast.n_paths(), seed)
            }
            (DemandSource::Simulator, Some(simulated)) => {
                let paths = simulated.paths(mean, forecast.n_paths(), seed);
                if paths.horizon > horizon { paths.part(0, horizon) } else { paths }
            }
            _ => (**forecast).clone(),
        }
    }
}

/// Demand of each day of the past, stock-outs made good, up to the day before the plan; NaN where nothing is known.
/// Closed days count as days without demand; a week or month is spread evenly over its days.
fn past_days(unit: &PlanningUnit) -> Vec<f64> {
    let series = &unit.history.series;
    let mut days = Vec::new();
    for (idx, (demand, observation)) in series.demand.iter().zip(&series.observations).enumerate() {
        let period = series.first_period + idx as i32;
        let n_days = (series.bucket.last_day(period).0 - series.bucket.first_day(period).0 + 1).max(1);
        let of_day = match observation {
            Observation::Missing => f64::NAN,
            _ => demand / f64::from(n_days),
        };
        days.extend(std::iter::repeat_n(of_day, n_days as usize));
    }
    let last_day = series.bucket.last_day(series.first_period + series.n_periods() as i32 - 1);
    let n_beyond = (last_day.0 - (unit.as_of.0 - 1)).max(0) as usize;
    days.truncate(days.len().saturating_sub(n_beyond));
    days
}
