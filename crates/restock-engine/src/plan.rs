//! A whole plan: every item-location of a dataset, and what comes out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use restock_core::finding::PlanException;
use restock_core::known::known_as_of;
use restock_core::proposal::{Proposal, ProposalSource};
use restock_core::settings::PlanSettings;
use restock_core::{Bucket, Dataset, Day, Finding, Forecaster, Money, Objective, Quantity};
use serde::{Deserialize, Serialize};

use crate::batch::{Overrides, UnitPlan, plan_batch_with};
use crate::builder::{Masters, UnitBuilder};
use crate::explain::{Explainer, LineDetail, Whole};
use crate::explanation::{money, settings_hash, tidy};
use crate::health::MissingTable;
use crate::history::plan_day;
use crate::judgement::ToJudge;

/// What planning a dataset gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// A hash of the inputs: same data, settings and program give the same id and the same plan.
    pub plan_id: String,
    /// The plan is made on the morning of this day.
    pub as_of: Day,
    /// ISO 4217 code.
    pub currency: String,
    /// Period of the demand histories and forecasts the plan was made from, as in
    /// [`PlanSettings::bucket`]. Stock, lead times and orders are by day whatever it is.
    pub bucket: Bucket,
    /// Orders to place, most money at stake first.
    pub proposals: Vec<Proposal>,
    /// One compact line per planned item-location, by item and location, ordered or not.
    pub lines: Vec<PlanLine>,
    /// What a planner should look at, most money first.
    pub exceptions: Vec<PlanException>,
    /// Item-locations that could not be planned, with the reason.
    pub unplanned: Vec<Unplanned>,
    /// Data-health findings.
    pub findings: Vec<Finding>,
    /// Totals.
    pub summary: PlanSummary,
    /// Proposals grouped by source and destination, earliest order day first.
    pub order_groups: Vec<OrderGroup>,
    /// What one more unit of a limit would bring.
    pub shadow_prices: Vec<ShadowPrice>,
}

impl Plan {
    /// Adds what a planner should look at beside what the plan itself found.
    pub fn add_exceptions(&mut self, more: impl IntoIterator<Item = PlanException>) {
        self.exceptions.extend(more);
        crate::exceptions::rank(&mut self.exceptions);
        self.summary.n_exceptions = self.exceptions.len();
    }
}

/// One planned item-location, ordered or not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanLine {
    /// Item.
    pub item_id: String,
    /// Location.
    pub location_id: String,
    /// Where it would come from.
    pub source: ProposalSource,
    /// Usable units on the shelf.
    pub on_hand: Quantity,
    /// Whether the stock was assumed, because no table tells it.
    pub stock_assumed: bool,
    /// Open supply of any date.
    pub on_order: Quantity,
    /// Inventory position.
    pub position: Quantity,
    /// Mean sales per day over the last eight weeks (or periods of that length) of open days.
    pub recent_demand_per_day: f64,
    /// Expected demand over the protection interval, base units.
    pub expected_demand: f64,
    /// Expected demand per day over the protection interval, base units.
    pub demand_per_day: f64,
    /// Level the order aims at.
    pub target_level: Quantity,
    /// Proposed quantity; zero when nothing is ordered.
    pub quantity: Quantity,
    /// Value of the order, if the cost is known.
    pub value: Option<Money>,
    /// Value of usable stock on hand, if the cost is known.
    pub stock_value: Option<Money>,
    /// Mean lead time, days.
    pub lead_time_days: f64,
    /// Days to the next order opportunity after this one.
    pub review_days: f64,
    /// Probability of a stock-out until the order after this one can arrive, without and with the order.
    pub p_stockout: [f64; 2],
    /// Share of demand met until the order after this one can arrive, without and with the order.
    pub fill_rate: [f64; 2],
    /// Days until expected demand has used up the stock (and what is on order), without and with the order.
    pub days_of_cover: [f64; 2],
    /// Average monthly consumption: what went out in 30 days over the last quarter, had the shelf never been empty; base
    /// units. `None` where nothing is known.
    #[serde(default)]
    pub monthly_consumption: Option<f64>,
    /// Usable units on the shelf / average monthly consumption; `None` without either.
    #[serde(default)]
    pub months_of_stock: Option<f64>,
    /// ABC, XYZ and Syntetos-Boylan class.
    pub classes: [String; 3],
    /// Data health, 0 to 1.
    pub health: f64,
    /// Model that made the forecast.
    pub forecast_model: String,
    /// Policy that decided.
    pub policy: String,
    /// Why nothing is ordered, or which rule decided, in a few words; empty for a plain order.
    pub note: String,
}

/// An item-location that was not planned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unplanned {
    /// Item.
    pub item_id: String,
    /// Location.
    pub location_id: String,
    /// Why, in words.
    pub reason: String,
    /// The same in Chinese.
    pub reason_zh: String,
}

/// Totals of a plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanSummary {
    /// Item-locations planned.
    pub n_planned: usize,
    /// Item-locations not planned.
    pub n_unplanned: usize,
    /// Proposals.
    pub n_proposals: usize,
    /// Value of all proposals whose cost is known.
    pub order_value: Money,
    /// Proposals without a known cost.
    pub n_without_cost: usize,
    /// Expected share of demand met until the orders after these can arrive, by units, without and with the orders.
    /// Lines whose unmet demand waits are left out: what they send on is met or lost where it is sold.
    pub fill_rate: [f64; 2],
    /// Item-locations more likely than not to run out, without and with the orders.
    pub n_stockouts: [usize; 2],
    /// Item-locations without stock now (counted, not assumed).
    pub n_out_of_stock_now: usize,
    /// Item-locations whose stock had to be assumed.
    pub n_stock_assumed: usize,
    /// Value of usable stock on hand, where known.
    pub stock_value: Money,
    /// Value of stock above the level the plan aims at, where known.
    pub overstock_value: Money,
    /// Expected value of units that expire before the orders after these can arrive, with the orders.
    pub waste_value: Money,
    /// Expected margin lost without and with the orders.
    pub lost_margin: [Money; 2],
    /// What the orders gain over ordering nothing, by the packs of each: unmet demand that they spare, less what holding
    /// them and their waste cost.
    #[serde(default)]
    pub net_gain: Money,
    /// Margin of what other locations and production ask for and have to wait for, without and with the orders.
    #[serde(default)]
    pub waiting_margin: [Money; 2],
    /// Item-locations whose months of stock are known and have bounds, and those of them within the bounds.
    #[serde(default, skip_serializing_if = "is_none")]
    pub stocked_to_plan: [usize; 2],
    /// How many exceptions there are.
    pub n_exceptions: usize,
}

fn is_none(stocked_to_plan: &[usize; 2]) -> bool {
    stocked_to_plan[0] == 0
}

/// Proposals that go to one source for one destination.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderGroup {
    /// Where the goods come from.
    pub source: ProposalSource,
    /// Name of the source; empty when unknown.
    pub source_name: String,
    /// Receiving location.
    pub destination: String,
    /// Lines in the order.
    pub n_lines: usize,
    /// Value of the lines whose cost is known.
    pub value: Money,
    /// Last day to place the order.
    pub order_by: Day,
    /// Time of day by which it must be placed; empty when unknown.
    pub cut_off: String,
    /// Volume, cubic metres, of the lines whose volume is known.
    pub volume: f64,
    /// Weight, kilograms, of the lines whose weight is known.
    pub weight: f64,
    /// Smallest value of one order to this source, over all destinations.
    pub min_order_value: Option<Money>,
    /// Value of all lines to this source, over all destinations.
    pub source_value: Money,
    /// Whether the source's minimum is met (true where there is none).
    pub minimum_met: bool,
}

/// What one more unit of a limit would bring.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShadowPrice {
    /// The limit: `budget`, `budget supplier:ID`, `container ID`, `capacity location:ID`.
    pub limit: String,
    /// Amount allowed.
    pub allowed: f64,
    /// Amount used.
    pub used: f64,
    /// Expected gain per extra unit of the limit (per unit of currency, cubic metre, kilogram or line), over the next
    /// `step` of them.
    pub price: f64,
    /// A little more of the limit, in its own unit.
    #[serde(default)]
    pub step: f64,
    /// What `step` more would bring: how much [`PlanSummary::net_gain`] of a plan with it would be higher, currency.
    #[serde(default)]
    pub step_gain: f64,
    /// Lines cut or raised because of it.
    pub n_lines: usize,
}

/// Plans every item-location of a dataset.
///
/// `progress(done, total)` counts item-locations. Same data, settings and forecaster give the same plan, on any number
/// of threads. Segments whose filter cannot be read match nothing; [`check_settings`] finds them beforehand.
pub fn plan(
    dataset: &Dataset,
    settings: &PlanSettings,
    forecaster: &dyn Forecaster,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Plan {
    plan_with_details(dataset, settings, forecaster, 0, progress).plan
}

/// A plan, the details behind its first proposals, and the tables that would improve it.
#[derive(Clone, Debug, PartialEq)]
pub struct DetailedPlan {
    /// The plan.
    pub plan: Plan,
    /// Details of the first proposals, in their order.
    pub details: Vec<LineDetail>,
    /// Tables that were not given, most useful first.
    pub missing_tables: Vec<MissingTable>,
    /// What can be judged by what comes of it, by item and location.
    pub to_judge: Vec<ToJudge>,
}

/// The same as [`plan`], with the details (charts and numbers) of its first `n_details` proposals. What limits changed
/// is known here, so this is much faster than explaining the lines one by one.
pub fn plan_with_details(
    dataset: &Dataset,
    settings: &PlanSettings,
    forecaster: &dyn Forecaster,
    n_details: usize,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> DetailedPlan {
    let report = crate::health::check(dataset, settings);
    let builder = UnitBuilder::new(dataset, settings, Some(&report));
    let everything: Vec<usize> = (0..builder.partitions().len()).collect();
    let mut planned = plan_partitions(&builder, settings, forecaster, &everything, &Overrides::new(), progress);

    let limited = crate::limits::apply(planned.units.iter(), builder.history.as_of(), dataset, settings, true);
    if !limited.overrides.is_empty() {
        // Lines that a limit changed are planned again with the change, so that their explanation is about what is
        // proposed. Nothing else moves.
        let changed: BTreeSet<usize> = planned
            .units
            .iter()
            .zip(&planned.partition_of)
            .filter(|(unit, _)| {
                limited.overrides.contains_key(&(unit.line.item_id.clone(), unit.line.location_id.clone()))
            })
            .map(|(_, partition)| *partition)
            .collect();
        let changed: Vec<usize> = changed.into_iter().collect();
        let again = plan_partitions(&builder, settings, forecaster, &changed, &limited.overrides, &|_, _| {});
        let mut by_partition: BTreeMap<usize, std::vec::IntoIter<UnitPlan>> = BTreeMap::new();
        let mut grouped: BTreeMap<usize, Vec<UnitPlan>> = BTreeMap::new();
        for (unit, partition) in again.units.into_iter().zip(again.partition_of) {
            grouped.entry(partition).or_default().push(unit);
        }
        by_partition.extend(grouped.into_iter().map(|(partition, units)| (partition, units.into_iter())));
        for (unit, partition) in planned.units.iter_mut().zip(&planned.partition_of) {
            if let Some(units) = by_partition.get_mut(partition) {
                *unit = units.next().expect("planning again gives the same units");
            }
        }
    }

    let plan_id = plan_id(dataset, settings, forecaster.name());
    let mut plan = Plan {
        plan_id: plan_id.clone(),
        as_of: builder.history.as_of(),
        currency: settings.currency.clone(),
        bucket: settings.bucket,
        proposals: Vec::new(),
        lines: Vec::with_capacity(planned.units.len()),
        exceptions: Vec::new(),
        unplanned: planned.unplanned,
        findings: report.findings,
        summary: PlanSummary::default(),
        order_groups: Vec::new(),
        shadow_prices: limited.shadow_prices,
    };
    plan.summary = summarise(planned.units.iter(), plan.unplanned.len());
    plan.order_groups = order_groups(planned.units.iter(), Masters::of(dataset));
    let mut across = crate::exceptions::across_lines(planned.units.iter(), dataset, settings);
    across.extend(limited.exceptions);
    plan.exceptions.clone_from(&across);
    let mut to_judge = Vec::with_capacity(planned.units.len());
    for unit in planned.units {
        if let Some(mut proposal) = unit.proposal {
            proposal.plan_id.clone_from(&plan_id);
            plan.proposals.push(proposal);
        }
        plan.exceptions.extend(unit.exceptions);
        plan.lines.push(unit.line);
        to_judge.extend(unit.to_judge.map(|to_judge| *to_judge));
    }
    to_judge.sort_by(|a, b| a.record.place.cmp(&b.record.place));
    plan.lines.sort_by(|a, b| (&a.item_id, &a.location_id).cmp(&(&b.item_id, &b.location_id)));
    plan.unplanned.sort_by(|a, b| (&a.item_id, &a.location_id).cmp(&(&b.item_id, &b.location_id)));
    sort_proposals(&mut plan.proposals);
    plan.add_exceptions([]);
    let whole = Whole { overrides: limited.overrides, exceptions: across };
    let explainer = Explainer::of_plan(dataset, settings, forecaster, builder, plan_id, whole);
    let details = plan.proposals[..n_details.min(plan.proposals.len())]
        .par_iter()
        .map(|proposal| {
            let detail = explainer.explain(&proposal.item_id, &proposal.destination, &[]);
            detail.expect("a proposed line is planned")
        })
        .collect();
    DetailedPlan { plan, details, missing_tables: report.missing_tables, to_judge }
}

/// Most money at stake first.
pub(crate) fn sort_proposals(proposals: &mut [Proposal]) {
    proposals.sort_by(|a, b| {
        b.priority.cmp(&a.priority).then_with(|| {
            (&a.item_id, &a.destination, &a.proposal_id).cmp(&(&b.item_id, &b.destination, &b.proposal_id))
        })
    });
}

/// Why settings cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// No policy of that name.
    #[error("policy {got:?} is not known, use one of {}", restock_learning::POLICY_NAMES.join(", "))]
    UnknownPolicy {
        /// The name.
        got: String,
    },
    /// A segment's filter cannot be read.
    #[error("segment {number}: {error}")]
    BadFilter {
        /// Which segment, from 1.
        number: usize,
        /// What is wrong.
        error: crate::filter::FilterError,
    },
    /// A change of the scenario cannot be read.
    #[error(transparent)]
    BadScenario(#[from] crate::scenario::ScenarioError),
    /// A service target outside 0 to 1.
    #[error("service target is {got}, must be above 0 and below 1 (0.98 is 98 %)")]
    BadTarget {
        /// The number as text.
        got: String,
    },
}

/// Finds settings that cannot be used.
///
/// # Errors
/// The first [`SettingsError`].
pub fn check_settings(settings: &PlanSettings) -> Result<(), SettingsError> {
    let policies =
        std::iter::once(&settings.policy).chain(settings.segments.iter().filter_map(|segment| segment.policy.as_ref()));
    for name in policies {
        if restock_learning::policy(name).is_none() {
            return Err(SettingsError::UnknownPolicy { got: name.clone() });
        }
    }
    let objectives =
        std::iter::once(settings.objective).chain(settings.segments.iter().filter_map(|segment| segment.objective));
    for objective in objectives {
        if let Objective::Service { target, .. } = objective
            && !(0.0 < target && target < 1.0)
        {
            return Err(SettingsError::BadTarget { got: target.to_string() });
        }
    }
    for (idx, segment) in settings.segments.iter().enumerate() {
        crate::filter::Filter::parse(&segment.filter)
            .map_err(|error| SettingsError::BadFilter { number: idx + 1, error })?;
    }
    for change in &settings.scenario {
        crate::scenario::ScenarioChange::parse(change)?;
    }
    Ok(())
}

/// Planned units in the order of partitions.
pub(crate) struct Planned {
    pub(crate) units: Vec<UnitPlan>,
    /// `[n_units]`: index of the partition of each unit.
    pub(crate) partition_of: Vec<usize>,
    pub(crate) unplanned: Vec<Unplanned>,
}

/// Units that go through a forecaster together.
const BATCH: usize = 64;

/// Ranges of partitions of these sizes that go through a forecaster together.
pub(crate) fn batches(sizes: &[usize]) -> Vec<std::ops::Range<usize>> {
    let mut batches = Vec::new();
    let (mut start, mut size) = (0, 0);
    for (idx, n_pairs) in sizes.iter().enumerate() {
        size += n_pairs;
        if size >= BATCH || idx + 1 == sizes.len() {
            batches.push(start..idx + 1);
            (start, size) = (idx + 1, 0);
        }
    }
    batches
}

/// Plans some partitions on all threads, in batches, keeping only what a plan keeps.
pub(crate) fn plan_partitions(
    builder: &UnitBuilder<'_>,
    settings: &PlanSettings,
    forecaster: &dyn Forecaster,
    partitions: &[usize],
    overrides: &Overrides,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Planned {
    let sizes: Vec<usize> = partitions.iter().map(|idx| builder.partitions()[*idx].len()).collect();
    let total: usize = sizes.iter().sum();
    let done = AtomicUsize::new(0);
    let results: Vec<Planned> = batches(&sizes)
        .into_par_iter()
        .map(|batch| {
            let (mut units, mut partition_of, mut unplanned) = (Vec::new(), Vec::new(), Vec::new());
            let mut n_pairs = 0;
            for idx in &partitions[batch] {
                let partition = &builder.partitions()[*idx];
                let (built, skipped) = builder.build_partition(partition);
                partition_of.extend(std::iter::repeat_n(*idx, built.len()));
                units.extend(built);
                unplanned.extend(skipped);
                n_pairs += partition.len();
            }
            let units = plan_batch_with(&units, settings, forecaster, overrides);
            progress(done.fetch_add(n_pairs, Ordering::Relaxed) + n_pairs, total);
            Planned { units, partition_of, unplanned }
        })
        .collect();
    let mut planned = Planned { units: Vec::with_capacity(total), partition_of: Vec::new(), unplanned: Vec::new() };
    for result in results {
        planned.units.extend(result.units);
        planned.partition_of.extend(result.partition_of);
        planned.unplanned.extend(result.unplanned);
    }
    planned
}

/// Totals of some units; exceptions are counted by the caller.
pub(crate) fn summarise<'a>(units: impl Iterator<Item = &'a UnitPlan>, n_unplanned: usize) -> PlanSummary {
    let mut summary = PlanSummary { n_unplanned, ..PlanSummary::default() };
    let (mut demand, mut lost, mut lost_margin, mut waiting_margin) = (0.0, [0.0; 2], [0.0; 2], [0.0; 2]);
    let (mut stock_value, mut overstock_value, mut waste_value, mut net_gain) = (0.0, 0.0, 0.0, 0.0);
    for unit in units {
        summary.n_planned += 1;
        if unit.proposal.is_some() {
            summary.n_proposals += 1;
            match unit.line.value {
                Some(value) => summary.order_value += value,
                None => summary.n_without_cost += 1,
            }
        }
        let totals = &unit.totals;
        if !totals.unmet_waits {
            demand += totals.demand;
        }
        stock_value += totals.stock_value;
        overstock_value += totals.overstock_value;
        waste_value += totals.waste_value;
        net_gain += totals.net_gain;
        for idx in 0..2 {
            if totals.unmet_waits {
                waiting_margin[idx] += totals.lost_margin[idx];
            } else {
                lost[idx] += totals.lost[idx];
                lost_margin[idx] += totals.lost_margin[idx];
            }
            summary.n_stockouts[idx] += usize::from(unit.line.p_stockout[idx] > 0.5);
        }
        if let Some(is_within) = totals.stocked_to_plan {
            summary.stocked_to_plan[0] += 1;
            summary.stocked_to_plan[1] += usize::from(is_within);
        }
        summary.n_out_of_stock_now += usize::from(totals.out_of_stock_now);
        summary.n_stock_assumed += usize::from(unit.line.stock_assumed);
    }
    let fill = |lost: f64| if demand > 0.0 { tidy((1.0 - lost / demand).clamp(0.0, 1.0), 4) } else { 1.0 };
    summary.fill_rate = lost.map(fill);
    summary.lost_margin = lost_margin.map(money);
    summary.waiting_margin = waiting_margin.map(money);
    summary.stock_value = money(stock_value);
    summary.overstock_value = money(overstock_value);
    summary.waste_value = money(waste_value);
    summary.net_gain = money(net_gain);
    summary
}

/// Proposals of some units by order day, source and destination.
pub(crate) fn order_groups<'a>(units: impl Iterator<Item = &'a UnitPlan>, masters: Masters<'_>) -> Vec<OrderGroup> {
    let mut groups: BTreeMap<(Day, ProposalSource, String), OrderGroup> = BTreeMap::new();
    let mut source_values: BTreeMap<(Day, ProposalSource), Money> = BTreeMap::new();
    for proposal in units.filter_map(|unit| unit.proposal.as_ref()) {
        let key = (proposal.order_by, proposal.source.clone(), proposal.destination.clone());
        let value = proposal.value.unwrap_or_default();
        *source_values.entry((key.0, key.1.clone())).or_default() += value;
        let supplier = match &proposal.source {
            ProposalSource::SupplierId(id) => masters.supplier(id),
            _ => None,
        };
        let group = groups.entry(key).or_insert_with(|| OrderGroup {
            source: proposal.source.clone(),
            source_name: match &proposal.source {
                ProposalSource::SupplierId(_) => supplier.map_or_else(String::new, |supplier| supplier.name.clone()),
                ProposalSource::LocationId(id) => masters.location_name(id),
                ProposalSource::Unknown => String::new(),
            },
            destination: proposal.destination.clone(),
            n_lines: 0,
            value: Money::ZERO,
            order_by: proposal.order_by,
            cut_off: supplier.and_then(|supplier| supplier.cut_off.clone()).unwrap_or_default(),
            volume: 0.0,
            weight: 0.0,
            min_order_value: supplier.and_then(|supplier| supplier.min_order_value),
            source_value: Money::ZERO,
            minimum_met: true,
        });
        group.n_lines += 1;
        group.value += value;
        let (volume, weight) = masters.volume_and_weight(&proposal.item_id);
        group.volume += volume * proposal.quantity.to_f64();
        group.weight += weight * proposal.quantity.to_f64();
    }
    groups
        .into_iter()
        .map(|((day, source, _), mut group)| {
            group.source_value = source_values[&(day, source)];
            group.minimum_met = group.min_order_value.is_none_or(|minimum| group.source_value >= minimum);
            group.volume = tidy(group.volume, 4);
            group.weight = tidy(group.weight, 3);
            group
        })
        .collect()
}

/// A hash of everything a plan is made from.
pub(crate) fn plan_id(dataset: &Dataset, settings: &PlanSettings, forecaster: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    hash_dataset(dataset, &mut hasher);
    hasher.update(settings_hash(settings).as_bytes());
    hasher.update(forecaster.as_bytes());
    hasher.update(env!("CARGO_PKG_VERSION").as_bytes());
    // Where rows have not happened yet, the clock says which.
    if settings.today.is_some()
        && let (_, Some(day)) = known_as_of(dataset, settings)
    {
        hasher.update(format!("{day} {}", plan_day(dataset, settings)).as_bytes());
    }
    format!("pl_{}", &hasher.finalize().to_hex()[..16])
}

/// Hashes the tables. Sales rows count without their place in a file.
fn hash_dataset(dataset: &Dataset, hasher: &mut blake3::Hasher) {
    struct Writer<'a>(&'a mut blake3::Hasher, Vec<u8>);
    impl Writer<'_> {
        fn bytes(&mut self, bytes: &[u8]) {
            self.1.extend_from_slice(bytes);
            if self.1.len() > 1 << 16 {
                self.flush();
            }
        }
        fn flush(&mut self) {
            self.0.update(&self.1);
            self.1.clear();
        }
    }
    impl std::fmt::Write for Writer<'_> {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            self.bytes(text.as_bytes());
            Ok(())
        }
    }
    let mut out = Writer(hasher, Vec::with_capacity(1 << 17));
    let sales = &dataset.sales;
    for row in 0..sales.len() {
        out.bytes(&sales.item[row].0.to_le_bytes());
        out.bytes(&sales.location[row].0.to_le_bytes());
        out.bytes(&sales.day[row].0.to_le_bytes());
        out.bytes(&sales.quantity[row].micro().to_le_bytes());
    }
    for column in [&sales.unit_price, &sales.price_ratio, &sales.stockout_share, &sales.open_share] {
        for value in column {
            out.bytes(&value.to_le_bytes());
        }
        out.bytes(&[0xff]);
    }
    for flags in [&sales.on_promotion, &sales.holiday] {
        out.bytes(flags);
        out.bytes(&[0xff]);
    }
    for lost in &sales.lost {
        out.bytes(&lost.micro().to_le_bytes());
    }
    let mut debug = |text: std::fmt::Arguments<'_>| {
        std::fmt::Write::write_fmt(&mut out, text).expect("writing to a hash never fails");
    };
    debug(format_args!("{:?}{:?}{:?}", dataset.items, dataset.locations, dataset.suppliers));
    debug(format_args!("{:?}{:?}{:?}", dataset.inventory, dataset.sources, dataset.item_locations));
    debug(format_args!("{:?}{:?}{:?}", dataset.open_orders, dataset.receipts, dataset.prices));
    debug(format_args!("{:?}{:?}{:?}", dataset.promotions, dataset.calendars, dataset.events));
    debug(format_args!("{:?}{:?}{:?}", dataset.signals, dataset.stockouts, dataset.bom));
    debug(format_args!("{:?}{:?}{:?}", dataset.budgets, dataset.capacities, dataset.uoms));
    if !dataset.readings.is_empty() {
        debug(format_args!("{:?}", dataset.readings));
    }
    if !dataset.substitutions.is_empty() {
        debug(format_args!("{:?}", dataset.substitutions));
    }
    if !dataset.forecast_overrides.is_empty() || !dataset.forecasts.is_empty() {
        debug(format_args!("{:?}{:?}", dataset.forecast_overrides, dataset.forecasts));
    }
    for value in &dataset.text_vectors {
        out.bytes(&value.to_le_bytes());
    }
    out.flush();
}
