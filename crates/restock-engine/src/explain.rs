//! Why this quantity: the numbers behind one line, and what it would be if one thing were different.

use std::sync::OnceLock;

use restock_core::finding::PlanException;
use restock_core::forecast::Observation;
use restock_core::policy::DemandPaths;
use restock_core::proposal::{Explanation, Proposal};
use restock_core::settings::PlanSettings;
use restock_core::{Bucket, Dataset, Day, Forecaster, Quantity, Units};
use restock_inventory::item_location::{PlacedOrder, WholeUnits, step};
use serde::{Deserialize, Serialize};

use crate::batch::{Overrides, UnitPlan, Worked, work_out};
use crate::builder::{UnitBuilder, find_pair};
use crate::decide::{Decided, redecide};
use crate::explanation::{self, tidy};
use crate::plan::{PlanLine, plan_id, plan_partitions};
use crate::said_demand::ActingOverride;
use crate::unit::PlanningUnit;
use crate::what_if::WhatIf;

/// Everything about one item-location, for people and charts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LineDetail {
    /// The compact line.
    pub line: PlanLine,
    /// Item name; empty when unknown.
    pub item_name: String,
    /// Base unit of measure.
    pub uom: String,
    /// The morning of the plan.
    pub as_of: Day,
    /// Period of `history` and `forecast`; everything else is by day.
    pub bucket: Bucket,
    /// The proposal; `None` when nothing is ordered.
    pub proposal: Option<Proposal>,
    /// The explanation of the quantity, zero included.
    pub explanation: Explanation,
    /// The last periods, oldest first.
    pub history: Vec<HistoryPoint>,
    /// The horizon, period by period; the first holds what is left of it.
    pub forecast: Vec<ForecastPoint>,
    /// The same without what people say about the forecast of this item-location; empty where nobody says anything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub baseline: Vec<ForecastPoint>,
    /// What people say about it, those that act.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<ActingOverride>,
    /// Open supply and the proposed order.
    pub arrivals: Vec<ArrivalPoint>,
    /// Stock at the end of each day, without and with the order.
    pub projection: Vec<ProjectionPoint>,
    /// Last day of the protection interval.
    pub protection_until: Day,
    /// Why this forecast model.
    pub forecast_reason: String,
    /// Exceptions of this item-location.
    pub exceptions: Vec<PlanException>,
    /// The what-ifs applied, empty for the plan itself.
    pub what_if: Vec<String>,
    /// What the what-ifs changed; empty without any.
    pub changes: Vec<Change>,
}

/// A line as it is planned and, where something was asked, as it would be if that were different.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explained {
    /// As planned.
    pub line: LineDetail,
    /// Under the what-ifs; `None` without any.
    pub what_if: Option<LineDetail>,
}

/// One past period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HistoryPoint {
    /// First day of the period.
    pub day: Day,
    /// Recorded sales, base units.
    pub sales: f64,
    /// Estimated demand, base units; above sales where stock ran out.
    pub demand: f64,
    /// `full`, `censored`, `closed` or `missing`.
    pub observation: String,
}

/// One future period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForecastPoint {
    /// First day of the period.
    pub day: Day,
    /// Expected demand, base units.
    pub mean: f64,
    /// Quantiles at 0.05, 0.1, 0.3, 0.5, 0.7, 0.9 and 0.95, base units.
    pub quantiles: [f64; 7],
}

/// Supply that arrives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArrivalPoint {
    /// Day it can be sold.
    pub day: Day,
    /// Quantity, base units.
    pub quantity: Quantity,
    /// Order number; empty for the proposed order.
    pub order_id: String,
    /// Whether this is the proposed order.
    pub proposed: bool,
}

/// Stock at the end of one day over the demand paths.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProjectionPoint {
    /// First day of the period.
    pub day: Day,
    /// Quantiles 0.1, 0.5 and 0.9 of stock without the order, base units.
    pub without_order: [f64; 3],
    /// The same with the order.
    pub with_order: [f64; 3],
}

/// A number that a what-if changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// What, for example `quantity` or `target_level`.
    pub what: String,
    /// In the plan.
    pub before: String,
    /// Under the what-if.
    pub after: String,
}

/// Why a line cannot be explained.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExplainError {
    /// No such item.
    #[error("item {0:?} is not in the data")]
    UnknownItem(String),
    /// No such location.
    #[error("location {0:?} is not in the data")]
    UnknownLocation(String),
    /// The item-location was not planned.
    #[error("{item_id}@{location_id} is not planned: {reason}")]
    NotPlanned {
        /// Item.
        item_id: String,
        /// Location.
        location_id: String,
        /// Why.
        reason: String,
    },
}

/// The name of an observation in exports.
pub(crate) fn observation_name(observation: Observation) -> &'static str {
    match observation {
        Observation::Full => "full",
        Observation::Censored => "censored",
        Observation::Closed => "closed",
        Observation::Missing => "missing",
    }
}

/// Explains one item-location of a dataset, ordered or not, under any number of what-ifs.
///
/// Without what-ifs the proposal is the one of [`crate::plan`], byte for byte. A what-if plans this line again with
/// everything else as it is: the other lines, the stock, and what its source can send. What limits over several lines
/// (budgets, containers, supplier minimums) gave or took stands as in the plan.
///
/// For several lines of the same data use [`Explainer`], which reads the tables once.
///
/// # Errors
/// [`ExplainError`] when the item-location is unknown or not planned.
pub fn explain(
    dataset: &Dataset,
    settings: &PlanSettings,
    forecaster: &dyn Forecaster,
    item_id: &str,
    location_id: &str,
    what_if: &[WhatIf],
) -> Result<LineDetail, ExplainError> {
    Explainer::new(dataset, settings, forecaster).explain(item_id, location_id, what_if)
}

/// Explains lines of one dataset.
pub struct Explainer<'a> {
    dataset: &'a Dataset,
    settings: &'a PlanSettings,
    forecaster: &'a dyn Forecaster,
    builder: UnitBuilder<'a>,
    plan_id: String,
    /// What several lines together tell; worked out when a line needs it, because it takes a whole plan.
    whole: OnceLock<Whole>,
    /// Whether `whole` holds the exceptions of every line, substitutes and transfers included.
    knows_plan: bool,
}

/// What only a whole plan tells.
#[derive(Default)]
pub(crate) struct Whole {
    /// What limits over several lines change.
    pub(crate) overrides: Overrides,
    /// Exceptions that several lines together raise.
    pub(crate) exceptions: Vec<PlanException>,
}

impl<'a> Explainer<'a> {
    /// Reads the tables once.
    pub fn new(dataset: &'a Dataset, settings: &'a PlanSettings, forecaster: &'a dyn Forecaster) -> Self {
        let report = crate::health::check(dataset, settings);
        Self {
            dataset,
            settings,
            forecaster,
            builder: UnitBuilder::new(dataset, settings, Some(&report)),
            plan_id: plan_id(dataset, settings, forecaster.name()),
            whole: OnceLock::new(),
            knows_plan: false,
        }
    }

    /// For the lines of a plan that was just made: what its limits changed is known.
    pub(crate) fn of_plan(
        dataset: &'a Dataset,
        settings: &'a PlanSettings,
        forecaster: &'a dyn Forecaster,
        builder: UnitBuilder<'a>,
        plan_id: String,
        whole: Whole,
    ) -> Self {
        Self { dataset, settings, forecaster, builder, plan_id, whole: OnceLock::from(whole), knows_plan: true }
    }

    fn whole(&self) -> &Whole {
        self.whole.get_or_init(|| {
            let everything: Vec<usize> = (0..self.builder.partitions().len()).collect();
            let planned = plan_partitions(
                &self.builder,
                self.settings,
                self.forecaster,
                &everything,
                &Overrides::new(),
                &|_, _| {},
            );
            let limited = crate::limits::apply(
                planned.units.iter(),
                self.builder.history.as_of(),
                self.dataset,
                self.settings,
                false,
            );
            Whole { overrides: limited.overrides, exceptions: limited.exceptions }
        })
    }

    /// Exceptions of a line that only other lines tell: where a transfer or a substitute could help, and whether its
    /// container leaves half empty.
    fn across(&self, line: &PlanLine, own: &[PlanException], is_limited: bool) -> Vec<PlanException> {
        let is_of_line =
            |exception: &PlanException| exception.item_id == line.item_id && exception.location_id == line.location_id;
        let mut found = Vec::new();
        if self.knows_plan || is_limited {
            found.extend(self.whole().exceptions.iter().filter(|exception| is_of_line(exception)).cloned());
        }
        if !self.knows_plan && own.iter().any(crate::exceptions::runs_out) {
            let partitions = self.related_partitions(line);
            let planned = plan_partitions(
                &self.builder,
                self.settings,
                self.forecaster,
                &partitions,
                &Overrides::new(),
                &|_, _| {},
            );
            let across = crate::exceptions::across_lines(planned.units.iter(), self.dataset, self.settings);
            found.extend(across.into_iter().filter(is_of_line));
        }
        found
    }

    /// Partitions that hold the item anywhere, or a substitute of it at the location.
    fn related_partitions(&self, line: &PlanLine) -> Vec<usize> {
        let dataset = self.dataset;
        let Some((item, location)) = find_pair(dataset, &line.item_id, &line.location_id) else { return Vec::new() };
        let substitutes: Vec<_> =
            dataset.substitutions.iter().filter(|row| row.from == item).map(|row| row.to).collect();
        let is_related = |pair: &(_, _)| pair.0 == item || pair.1 == location && substitutes.contains(&pair.0);
        let partitions = self.builder.partitions().iter().enumerate();
        partitions.filter(|(_, partition)| partition.iter().any(is_related)).map(|(idx, _)| idx).collect()
    }

    /// Explains one line; see [`explain`].
    ///
    /// # Errors
    /// [`ExplainError`] when the item-location is unknown or not planned.
    pub fn explain(&self, item_id: &str, location_id: &str, what_ifs: &[WhatIf]) -> Result<LineDetail, ExplainError> {
        let dataset = self.dataset;
        if dataset.items.binary_search_by(|item| item.item_id.as_str().cmp(item_id)).is_err() {
            return Err(ExplainError::UnknownItem(item_id.to_owned()));
        }
        let not_planned = |reason: &str| ExplainError::NotPlanned {
            item_id: item_id.to_owned(),
            location_id: location_id.to_owned(),
            reason: reason.to_owned(),
        };
        let pair = find_pair(dataset, item_id, location_id)
            .ok_or_else(|| ExplainError::UnknownLocation(location_id.to_owned()))?;
        let partition = self
            .builder
            .partition_of(pair)
            .ok_or_else(|| not_planned("no table says anything about this item at this location"))?;
        let (units, unplanned) = self.builder.build_partition(partition);
        if let Some(unplanned) =
            unplanned.iter().find(|line| line.item_id == item_id && line.location_id == location_id)
        {
            return Err(not_planned(&unplanned.reason));
        }
        let is_limited = units.iter().any(|unit| unit.is_limited);
        let no_overrides = Overrides::new();
        let overrides = if is_limited { &self.whole().overrides } else { &no_overrides };
        let Explained { line, what_if } = self.explain_units(&units, overrides, item_id, location_id, what_ifs);
        Ok(what_if.unwrap_or(line))
    }

    /// Explains one of some units that are planned together.
    pub(crate) fn explain_units(
        &self,
        units: &[PlanningUnit],
        overrides: &Overrides,
        item_id: &str,
        location_id: &str,
        what_ifs: &[WhatIf],
    ) -> Explained {
        let worked = work_out(units, self.settings, self.forecaster, overrides);
        let (unit, worked) = units
            .iter()
            .zip(&worked)
            .find(|(unit, _)| unit.item_id == item_id && unit.location_id == location_id)
            .expect("a pair of a partition is planned or unplanned");
        let line = self.detail(unit, worked);
        if what_ifs.is_empty() {
            return Explained { line, what_if: None };
        }
        let (changed, decided) = redecide(unit, &worked.decided, self.settings, what_ifs);
        let mut forecast = worked.forecast.clone();
        for factor in what_ifs.iter().filter_map(|what_if| match what_if {
            WhatIf::Demand(factor) => Some(*factor),
            _ => None,
        }) {
            forecast.mean.iter_mut().chain(&mut forecast.quantiles).for_each(|value| *value *= factor);
        }
        let worked = Worked { decided, forecast, ..worked.clone() };
        let mut detail = self.detail(&changed, &worked);
        detail.what_if = what_ifs.iter().map(ToString::to_string).collect();
        detail.changes = changes(&line, &detail);
        Explained { line, what_if: Some(detail) }
    }

    fn detail(&self, unit: &PlanningUnit, worked: &Worked) -> LineDetail {
        let UnitPlan { line, mut proposal, mut exceptions, .. } = explanation::unit_plan(unit, worked, self.settings);
        exceptions.extend(self.across(&line, &exceptions, unit.is_limited));
        if let Some(proposal) = &mut proposal {
            proposal.plan_id.clone_from(&self.plan_id);
        }
        let explanation = match &proposal {
            Some(proposal) => proposal.explanation.clone(),
            None => explanation::explanation(unit, worked, self.settings),
        };
        let decided = &worked.decided;
        let arrivals = unit
            .open_orders
            .iter()
            .map(|order| ArrivalPoint {
                day: if order.overdue { unit.future_day(1) } else { order.due },
                quantity: unit.quantity(order.quantity),
                order_id: order.order_id.clone(),
                proposed: false,
            })
            .chain(proposal.iter().map(|proposal| ArrivalPoint {
                day: proposal.expected_receipt,
                quantity: proposal.quantity,
                order_id: String::new(),
                proposed: true,
            }))
            .collect();
        LineDetail {
            item_name: unit.item_name.clone(),
            uom: unit.uom.clone(),
            as_of: unit.as_of,
            bucket: unit.history.series.bucket,
            history: history_tail(unit),
            forecast: forecast_points(unit, &decided.review.demand),
            baseline: worked.overridden.as_ref().map_or_else(Vec::new, |of| forecast_points(unit, &of.baseline)),
            overrides: explanation::acting(worked).cloned().collect(),
            arrivals,
            projection: projection(unit, decided),
            protection_until: unit.future_day(decided.protection).plus(-1),
            forecast_reason: worked.forecast.reason.clone(),
            exceptions,
            what_if: Vec::new(),
            changes: Vec::new(),
            line,
            proposal,
            explanation,
        }
    }
}

/// The last half year of days, two years of weeks, or all months.
fn history_tail(unit: &PlanningUnit) -> Vec<HistoryPoint> {
    let series = &unit.outflow().series;
    let n_shown = match series.bucket {
        Bucket::Day => 182,
        Bucket::Week => 104,
        Bucket::Month => 120,
    };
    let n_periods = series.n_periods();
    (n_periods.saturating_sub(n_shown)..n_periods)
        .map(|idx| HistoryPoint {
            day: series.bucket.first_day(series.first_period + idx as i32),
            sales: tidy(unit.base(series.sales[idx]), 4),
            demand: tidy(unit.base(series.demand[idx]), 4),
            observation: observation_name(series.observations[idx]).to_owned(),
        })
        .collect()
}

/// Quantile of sorted values, linear between them.
fn quantile(sorted: &[f64], level: f64) -> f64 {
    let position = level * (sorted.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (position - below as f64)
}

/// Demand by period over the paths the decision was made from, demand from below included.
fn forecast_points(unit: &PlanningUnit, demand: &DemandPaths) -> Vec<ForecastPoint> {
    let bucket = unit.history.series.bucket;
    let days: Vec<usize> = (0..demand.horizon).collect();
    let mut values = vec![0.0; demand.n_paths()];
    days.chunk_by(|a, b| bucket.period_of(unit.future_day(*a)) == bucket.period_of(unit.future_day(*b)))
        .map(|days| {
            let step = days[0];
            for (path_idx, value) in values.iter_mut().enumerate() {
                *value = demand.path(path_idx)[step..step + days.len()].iter().map(|demand| f64::from(*demand)).sum();
            }
            values.sort_unstable_by(f64::total_cmp);
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            ForecastPoint {
                day: unit.future_day(step),
                mean: tidy(unit.base(mean), 4),
                quantiles: [0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95]
                    .map(|level| tidy(unit.base(quantile(&values, level)), 4)),
            }
        })
        .collect()
}

/// Stock at the end of each day, without and with the order, with nothing ordered afterwards.
fn projection(unit: &PlanningUnit, decided: &Decided) -> Vec<ProjectionPoint> {
    let review = &decided.review;
    let demand = &review.demand;
    let (n_paths, horizon) = (demand.n_paths(), demand.horizon);
    let params = explanation::params(unit);
    let play = |quantity: Units| -> Vec<[f64; 3]> {
        let mut on_hand = vec![0.0; n_paths * horizon]; // [horizon × n_paths]
        for path_idx in 0..n_paths {
            let mut stock = review.stock.clone();
            let lead_time = review.lead_times[path_idx % review.lead_times.len()];
            let mut order = PlacedOrder { quantity, lead_time };
            let mut whole = WholeUnits::default();
            for (step_idx, wanted) in demand.path(path_idx).iter().enumerate() {
                step(&mut stock, order, whole.next(*wanted), &params);
                order = PlacedOrder::NONE;
                on_hand[step_idx * n_paths + path_idx] = unit.base(stock.on_hand() as f64);
            }
        }
        on_hand
            .chunks_exact_mut(n_paths)
            .map(|values| {
                values.sort_unstable_by(f64::total_cmp);
                [0.1, 0.5, 0.9].map(|level| tidy(quantile(values, level), 4))
            })
            .collect()
    };
    let without = play(0);
    let with = if decided.quantity() == 0 { without.clone() } else { play(decided.quantity()) };
    without
        .into_iter()
        .zip(with)
        .enumerate()
        .map(|(step, (without_order, with_order))| ProjectionPoint {
            day: unit.future_day(step),
            without_order,
            with_order,
        })
        .collect()
}

/// Numbers that differ between the plan and the what-if.
fn changes(base: &LineDetail, changed: &LineDetail) -> Vec<Change> {
    let numbers = |detail: &LineDetail| -> Vec<(&'static str, String)> {
        let line = &detail.line;
        vec![
            ("quantity", line.quantity.to_string()),
            ("value", line.value.map_or_else(String::new, |value| value.to_string())),
            ("target_level", line.target_level.to_string()),
            ("expected_demand", line.expected_demand.to_string()),
            ("on_hand", line.on_hand.to_string()),
            ("lead_time_days", line.lead_time_days.to_string()),
            ("review_days", line.review_days.to_string()),
            ("protection_until", detail.protection_until.to_string()),
            ("p_stockout", line.p_stockout[1].to_string()),
            ("fill_rate", line.fill_rate[1].to_string()),
            ("days_of_cover", line.days_of_cover[1].to_string()),
        ]
    };
    numbers(base)
        .into_iter()
        .zip(numbers(changed))
        .filter(|((_, before), (_, after))| before != after)
        .map(|((what, before), (_, after))| Change { what: what.to_owned(), before, after })
        .collect()
}
