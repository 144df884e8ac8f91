//! From a dataset to planning units, partition by partition.
//!
//! A partition is an item with all its locations, and, where bills of materials connect items, all connected items.
//! Partitions do not depend on each other, so they can be planned in any order and on any machine.

mod given;
mod stock;
mod usage;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use restock_core::dataset::{Calendar, Dataset, Item, Origin, ReceiptRow, SourceRow};
use restock_core::policy::OrderingRules;
use restock_core::proposal::{ProposalSource, ProposalType};
use restock_core::settings::{PlanSettings, StockBeliefUse};
use restock_core::{
    Bucket, CostRates, Day, ItemIdx, ItemLocation, LocationIdx, Money, Objective, Quantity, SeriesInput, ServiceType,
    Units,
};
use restock_forecast::classify;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use statrs::distribution::{ContinuousCDF, Normal};

use crate::effects::Effects;
use crate::filter::Filter;
use crate::groups::Groups;
use crate::health::{BelievedRecord, HealthReport};
use crate::history::{History, HistoryBuilder, KnownDays, RowsByPair, rows_by_pair};
use crate::months_of_stock::monthly_consumption;
use crate::newcomers::{Newcomers, RECENT_DAYS, is_launched, source_is_enough, unseen_items};
use crate::past::PAST_DAYS;
use crate::plan::Unplanned;
use crate::recipe::{Fraction, Recipes};
use crate::said_demand::{ActingOverride, EXTERNAL, SaidDemand};
use crate::scenario::{LimitChanges, ScenarioChange};
use crate::unit::{Lane, LearnedLeadTime, PhantomStock, PlanningUnit, StockKnowledge, order_uom};
use crate::what_if::WhatIf;
use stock::StockFound;

/// Receipts from which a lead time of an item is learned, and of a whole source.
const MIN_RECEIPTS: [usize; 2] = [5, 8];

/// Lead-time scenarios of a random lead time; a power of two, so that they divide the demand paths evenly.
const N_LEAD_TIMES: usize = 16;

/// Days without a sale and without stock after which an item is taken for discontinued.
const DORMANT_DAYS: i32 = 180;

type Pair = (ItemIdx, LocationIdx);

/// A source, or a source and an item, or a source, an item and a location.
type LaneKey = (Origin, Option<ItemIdx>, Option<LocationIdx>);

/// Builds planning units from a dataset.
pub struct UnitBuilder<'a> {
    dataset: &'a Dataset,
    settings: &'a PlanSettings,
    /// Histories, and the day of the plan.
    pub history: HistoryBuilder<'a>,
    segments: Vec<(Filter, usize)>,
    /// What is planned as if it were otherwise, and for which item-locations.
    what_ifs: Vec<(WhatIf, Option<Filter>)>,
    /// Whether a scenario sets limits over several lines.
    has_limit_changes: bool,
    lanes_by_item: HashMap<Option<ItemIdx>, Vec<u32>>,
    inventory: RowsByPair,
    item_locations: RowsByPair,
    open_orders: RowsByPair,
    /// Open transfers by sending location.
    outgoing: RowsByPair,
    receipts: RowsByPair,
    adjustments: RowsByPair,
    readings: RowsByPair,
    /// °C by day where a sensor watches the whole storage of a location.
    storage_degrees: HashMap<LocationIdx, BTreeMap<Day, f64>>,
    /// Lead times of the dataset's own items; those of whole sources are in `shared`.
    learned: HashMap<LaneKey, LearnedDays>,
    shared: Arc<Shared>,
    recipes: Recipes,
    /// What is made or used.
    in_recipes: HashSet<ItemIdx>,
    uoms: HashMap<ItemIdx, Vec<u32>>,
    /// What is said about demand to come.
    said: SaidDemand,
    /// Item-locations that others draw from: distribution centres and components.
    upstream: HashSet<Pair>,
    /// By item-location of an item of a recipe: who draws from it.
    drawn_by: HashMap<Pair, Vec<Draw>>,
    calendars: HashMap<&'a str, Arc<Calendar>>,
    partitions: Vec<Vec<Pair>>,
    normal_scores: [f64; N_LEAD_TIMES],
    notes: Vec<String>,
}

/// One item-location that another draws from.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Draw {
    /// Who draws, or what is drawn from.
    pair: Pair,
    /// Base units drawn per base unit.
    factor: Fraction,
    /// As a component of a recipe, and not the item itself.
    is_recipe: bool,
}

#[derive(Clone, Debug)]
struct LearnedDays {
    scenarios: Arc<[f64]>,
    summary: LearnedLeadTime,
}

/// What the plan of a partition takes from all the others. With it, a partition can be planned from its own rows.
#[derive(Default)]
pub(crate) struct Shared {
    known: Arc<KnownDays>,
    /// Lead times of whole sources.
    learned: HashMap<SourceId, LearnedDays>,
    pairs: HashMap<ItemLocation, PairFacts>,
    /// What signals and events do to demand.
    effects: Arc<Effects>,
    /// Item-locations that have hardly sold yet; `None` where there are none.
    newcomers: Option<Newcomers>,
    /// Item-locations that only the items table tells of.
    unseen: BTreeSet<ItemLocation>,
    /// Whether a source of an item says that the item is sold, even if it never was.
    source_is_enough: bool,
    has_sources: bool,
    has_open_orders: bool,
}

/// What the whole says about one item-location.
#[derive(Clone, Debug, Default)]
struct PairFacts {
    abc: &'static str,
    /// Data health, where it was checked.
    health: Option<f64>,
    /// Worst finding in English and Chinese.
    finding: Option<(String, String)>,
    /// What is believed about its stock, where the record is probably wrong.
    phantom_stock: Option<PhantomStock>,
    /// What is believed to be there instead of what the record says, where orders are for that.
    believed: Option<BelievedRecord>,
}

/// A source by its id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum SourceId {
    Supplier(String),
    Location(String),
}

impl SourceId {
    fn of(dataset: &Dataset, origin: Origin) -> Self {
        match origin {
            Origin::Supplier(idx) => Self::Supplier(dataset.suppliers[idx.0 as usize].supplier_id.clone()),
            Origin::Location(idx) => Self::Location(dataset.locations[idx.0 as usize].location_id.clone()),
        }
    }
}

impl<'a> UnitBuilder<'a> {
    /// Reads all tables once. Health scores come from `health`, where given.
    pub fn new(dataset: &'a Dataset, settings: &'a PlanSettings, health: Option<&HealthReport>) -> Self {
        let mut history = HistoryBuilder::new(dataset, settings);
        let effects = history.learn_effects();
        let shared = Shared { effects, ..Shared::of(dataset, &history, health) };
        let mut builder = Self::of_rows(dataset, settings, history, Arc::new(shared));
        builder.find_partitions(true);
        // What only sends goods on has no demand of its own to expect.
        let is_sold = |pair: &Pair| {
            let has_rows = !builder.history.sales_rows(pair.0, pair.1).is_empty();
            !builder.upstream.contains(pair) && (has_rows || builder.is_meant_here(pair.0, pair.1))
        };
        let sold = builder.partitions.iter().flatten().copied().filter(is_sold);
        let newcomers = Newcomers::find(dataset, settings, &builder.history, sold);
        Arc::get_mut(&mut builder.shared).expect("nobody has it yet").newcomers = newcomers;
        builder
    }

    /// For some partitions: `part` holds their rows, `shared` what they take from all others.
    pub(crate) fn of_part(part: &'a Dataset, settings: &'a PlanSettings, shared: Arc<Shared>) -> Self {
        let mut history = HistoryBuilder::with(part, settings, shared.known.clone());
        history.take_effects(shared.effects.clone());
        let mut builder = Self::of_rows(part, settings, history, shared);
        builder.find_partitions(false);
        builder
    }

    /// What others take from the whole that this was made from.
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    fn of_rows(
        dataset: &'a Dataset,
        settings: &'a PlanSettings,
        history: HistoryBuilder<'a>,
        shared: Arc<Shared>,
    ) -> Self {
        let as_of = history.as_of();
        let unknown_from = settings.unknown_from(as_of);
        let mut notes = Vec::new();
        let mut segments = Vec::new();
        let mut what_ifs = Vec::new();
        for change in &settings.scenario {
            match ScenarioChange::parse(change) {
                Ok(ScenarioChange::Lines { what_if, filter }) => what_ifs.push((what_if, filter)),
                Ok(ScenarioChange::Limit { .. }) => {}
                Err(error) => notes.push(format!("a change of the scenario is ignored: {error}")),
            }
        }
        for (idx, segment) in settings.segments.iter().enumerate() {
            match Filter::parse(&segment.filter) {
                Ok(filter) => segments.push((filter, idx)),
                Err(error) => notes.push(format!("segment {} is ignored: {error}", idx + 1)),
            }
        }
        let mut lanes_by_item: HashMap<Option<ItemIdx>, Vec<u32>> = HashMap::new();
        for (idx, row) in dataset.sources.iter().enumerate() {
            let effective =
                row.effective_from.is_none_or(|day| day <= as_of) && row.effective_to.is_none_or(|day| as_of <= day);
            if effective {
                lanes_by_item.entry(row.item).or_default().push(idx as u32);
            }
        }
        let is_open =
            |status: &str| !matches!(status.to_lowercase().as_str(), "cancelled" | "canceled" | "closed" | "received");
        let normal = Normal::standard();
        let normal_scores = std::array::from_fn(|idx| normal.inverse_cdf((idx as f64 + 0.5) / N_LEAD_TIMES as f64));
        let recipes = Recipes::of(dataset);
        let mut uoms: HashMap<ItemIdx, Vec<u32>> = HashMap::new();
        for (idx, row) in dataset.uoms.iter().enumerate() {
            uoms.entry(row.item).or_default().push(idx as u32);
        }
        // In the past only orders placed before the day are known; today all of them are, whatever their date.
        let looks_back = history.looks_back();
        Self {
            dataset,
            settings,
            segments,
            what_ifs,
            has_limit_changes: !LimitChanges::of(settings).is_empty(),
            lanes_by_item,
            inventory: rows_by_pair(&dataset.inventory, |row| Some((row.item, row.location))),
            item_locations: rows_by_pair(&dataset.item_locations, |row| Some((row.item, row.location))),
            open_orders: rows_by_pair(&dataset.open_orders, |row| {
                let known = !looks_back || row.ordered_on.is_none_or(|day| day < as_of);
                (is_open(&row.status) && known).then_some((row.item, row.to_location))
            }),
            outgoing: rows_by_pair(&dataset.open_orders, |row| match row.origin {
                Some(Origin::Location(from)) if is_open(&row.status) && row.status != "shipped" => {
                    Some((row.item, from))
                }
                _ => None,
            }),
            receipts: rows_by_pair(&dataset.receipts, |row| {
                row.location.filter(|_| row.received_on < unknown_from).map(|location| (row.item, location))
            }),
            adjustments: rows_by_pair(&dataset.adjustments, |row| {
                (row.day < unknown_from).then_some((row.item, row.location))
            }),
            readings: rows_by_pair(&dataset.readings, |row| Some((row.item, row.location))),
            storage_degrees: stock::storage_degrees(dataset, unknown_from),
            learned: learn_lead_times(dataset, as_of, true),
            shared,
            in_recipes: recipes.items(),
            recipes,
            uoms,
            said: SaidDemand::new(dataset, settings),
            upstream: HashSet::new(),
            drawn_by: HashMap::new(),
            calendars: dataset.calendars.iter().map(|(id, days)| (id.as_str(), Arc::new(days.clone()))).collect(),
            partitions: Vec::new(),
            normal_scores,
            notes,
            history,
        }
    }

    /// What was assumed or skipped for the plan as a whole, in words.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Item-locations by partition, each by item and location.
    pub fn partitions(&self) -> &[Vec<Pair>] {
        &self.partitions
    }

    /// The index pair of two ids.
    pub(crate) fn find(&self, item_id: &str, location_id: &str) -> Option<Pair> {
        find_pair(self.dataset, item_id, location_id)
    }

    /// The id of an item.
    pub(crate) fn item_id(&self, item: ItemIdx) -> &'a str {
        &self.dataset.items[item.0 as usize].item_id
    }

    /// All items, those without an item-location too, by what bills of materials connect; each ascending.
    pub(crate) fn items_by_partition(&self) -> Vec<Vec<ItemIdx>> {
        let group = connected_items(self.dataset);
        let mut partitions: BTreeMap<u32, Vec<ItemIdx>> = BTreeMap::new();
        for (item, root) in group.into_iter().enumerate() {
            partitions.entry(root).or_default().push(ItemIdx(item as u32));
        }
        partitions.into_values().collect()
    }

    /// The partition of an item-location, if it is planned at all.
    pub fn partition_of(&self, pair: Pair) -> Option<&[Pair]> {
        self.partitions.iter().find(|partition| partition.binary_search(&pair).is_ok()).map(Vec::as_slice)
    }

    /// The units of a partition, and what cannot be planned.
    pub fn build_partition(&self, partition: &[Pair]) -> (Vec<PlanningUnit>, Vec<Unplanned>) {
        let (mut units, mut unplanned) = (Vec::with_capacity(partition.len()), Vec::new());
        for (item, location) in partition {
            match self.build(*item, *location) {
                Ok(unit) => units.push(unit),
                Err(reason) => unplanned.push(*reason),
            }
        }
        (units, unplanned)
    }

    /// The history of an item-location with `horizon` future periods; a new one with what similar items tell.
    pub fn history_of(&self, item: ItemIdx, location: LocationIdx, horizon: usize) -> History {
        let mut history = self.history.build(item, location, horizon);
        if let Some(newcomers) = &self.shared.newcomers {
            let entity = &self.dataset.items[item.0 as usize];
            newcomers.attach(&self.place(item, location), &mut history.series, entity.decimals);
        }
        self.forget_quiet_days((item, location), &mut history);
        history
    }

    fn place(&self, item: ItemIdx, location: LocationIdx) -> ItemLocation {
        place_of(self.dataset, (item, location))
    }

    /// One unit.
    ///
    /// # Errors
    /// [`Unplanned`] says why this item-location has no plan.
    pub fn build(&self, item: ItemIdx, location: LocationIdx) -> Result<PlanningUnit, Box<Unplanned>> {
        let (dataset, settings, as_of) = (self.dataset, self.settings, self.history.as_of());
        let entity = &dataset.items[item.0 as usize];
        let place = &dataset.locations[location.0 as usize];
        let row = self.item_locations.get(&(item, location)).and_then(|rows| rows.last());
        let row = row.map(|idx| &dataset.item_locations[*idx as usize]);
        let decimals = entity.decimals;
        let mut warnings = Vec::new();

        let lane_row = self.lane_of(item, location);
        let components = self.components_of(item, location, lane_row);
        let lane = self.lane(item, location, lane_row, !components.is_empty(), &mut warnings);
        let history = self.history_of(item, location, self.periods_to_look_ahead(item, location, &lane));
        let given = self.said.given_of(dataset, (item, location), &history);
        let overrides = self.said.overrides_of(dataset, (item, location), as_of);
        let is_expected = !given.is_empty() || overrides.iter().any(ActingOverride::is_total);
        let StockFound { stock, unusable, known: mut stock_known, open_orders, believed, cold_break } =
            self.stock((item, location), &history, &lane, &mut warnings);
        let is_upstream = self.upstream.contains(&(item, location));
        let listed = row.is_some_and(|row| !row.do_not_order);
        let min_stock = row.and_then(|row| row.min_stock).map_or(0, |quantity| quantity.to_units_ceil(decimals));
        let display_min = row.and_then(|row| row.display_min).map_or(0, |quantity| quantity.to_units_ceil(decimals));
        let has_stock_rule = min_stock > 0 || display_min > 0;
        let made_to_order = self.is_made_to_order((item, location));
        let unplanned = |reason: String, reason_zh: String| {
            Box::new(Unplanned {
                item_id: entity.item_id.clone(),
                location_id: place.location_id.clone(),
                reason,
                reason_zh,
            })
        };
        let promised = stock.reserved + stock.backorders;
        let is_new = history.days_since_last_sale.is_none() && !is_upstream;
        if is_new && !has_stock_rule && promised == 0 && !is_expected {
            // Older sales than a history holds.
            if let Some(last) = self.history.last_sale(item, location) {
                return Err(unplanned(
                    format!("no sale since {last}: give newer sales, or a minimum stock in item_locations"),
                    format!("自 {last} 以来无销售：请提供更新的销售数据，或在 item_locations 中给出最低库存"),
                ));
            }
            if !self.is_meant_here(item, location) {
                return Err(unplanned(
                    "no sales yet, and no table says that it is sold here: list it in item_locations, or give its \
                     launch day in items"
                        .to_owned(),
                    "尚无销售记录，也没有表说明在此处销售：请在 item_locations 中列出，或在 items 中给出上市日期"
                        .to_owned(),
                ));
            }
            let Some(prior) = &history.series.prior else {
                return Err(unplanned(
                    "no sales yet, and too few items of its unit have sold here for long enough to learn from: give a \
                     minimum stock in item_locations"
                        .to_owned(),
                    "尚无销售记录，且此处以同一单位计量、销售足够久的商品太少，无从参考：请在 item_locations 中给出最低库存".to_owned(),
                ));
            };
            warnings.push(format!("no sales yet: demand is expected like that of {}", prior.source));
            if stock_known == StockKnowledge::Assumed {
                // What never sold and was never counted is not there yet, and not at its target.
                stock_known = StockKnowledge::AssumedEmpty;
            }
        }
        if let Some(days) = history.days_since_last_sale.filter(|days| *days > DORMANT_DAYS) {
            // An empty shelf sells nothing, so silence alone does not end an item; it is ordered for a look first.
            let nothing_known = stock.inventory_position() <= 0 || stock_known == StockKnowledge::Assumed;
            if nothing_known && days <= 2 * DORMANT_DAYS {
                warnings.push(format!("no sale for {days} days: order only if it is still sold"));
            }
            let is_meant = listed || is_upstream || has_stock_rule || is_expected;
            if nothing_known && days > 2 * DORMANT_DAYS && !is_meant {
                return Err(unplanned(
                    format!(
                        "no sale for {days} days and no stock: looks discontinued; list it in item_locations to plan it"
                    ),
                    format!("{days} 天无销售且无库存：疑似停售；如需计划请在 item_locations 中列出"),
                ));
            }
        }
        if is_new && is_expected && stock_known == StockKnowledge::Assumed {
            stock_known = StockKnowledge::AssumedEmpty;
        }
        if made_to_order {
            // It has no stock, and needs none.
            stock_known = StockKnowledge::AssumedEmpty;
            warnings.retain(|warning| !warning.starts_with("D09"));
        } else if stock_known == StockKnowledge::Assumed {
            warnings.push("stock is not known: assumed at its target one review period ago".to_owned());
        }
        if history.n_stockouts_inferred > 0 {
            warnings.push(format!(
                "{} periods without sales were taken for stock-outs (inferred)",
                history.n_stockouts_inferred
            ));
        }

        let (_, planned_end) = self.history.listed_span(item, location);
        let source = lane_row.map(|idx| &dataset.sources[idx as usize]);
        let units_of = |quantity: Quantity| quantity.to_units_ceil(decimals);
        let pack = source.and_then(|lane| lane.pack_size.or(lane.layer_size).or(lane.pallet_size));
        let pack = pack.filter(|pack| *pack > Quantity::ZERO);
        let rules = OrderingRules {
            min_order: source.and_then(|lane| lane.min_order).map_or(0, units_of).max(0),
            order_multiple: pack.map_or(1, units_of).max(1),
            max_order: source
                .and_then(|lane| lane.max_order)
                .filter(|most| *most > Quantity::ZERO)
                .map(|most| most.to_units_floor(decimals)),
            min_stock,
            max_stock: row.and_then(|row| row.max_stock).map(|most| most.to_units_floor(decimals)),
            shelf_capacity: row.and_then(|row| row.shelf_capacity).map(|most| most.to_units_floor(decimals)),
            shelf_life_cap: None,
            end_of_life_cap: None,
            do_not_order: row.is_some_and(|row| row.do_not_order),
        };
        let used = self.usage_lately(item, location);
        let outflow = &used.as_ref().unwrap_or(&history).series;
        let known: Vec<f64> = outflow
            .demand
            .iter()
            .zip(&outflow.observations)
            .filter(|(_, observation)| {
                use restock_core::forecast::Observation::{Censored, Full};
                matches!(observation, Full | Censored)
            })
            .map(|(demand, _)| *demand)
            .collect();
        let recent = &known[known.len().saturating_sub(52 * settings.bucket.season().min(7))..];
        let class = classify::classify(recent);
        let facts = self.shared.pairs.get(&self.place(item, location)).cloned().unwrap_or_default();
        let classes = [facts.abc.to_owned(), format!("{:?}", class.xyz), format!("{:?}", class.pattern).to_lowercase()];
        let fields = |name: &str| self.field(name, entity, location, &lane, &classes);
        let segment = self.segments.iter().find(|(filter, _)| filter.matches(&fields));
        let segment = segment.map(|(_, idx)| &settings.segments[*idx]);
        let is_meant = |filter: &Option<Filter>| filter.as_ref().is_none_or(|filter| filter.matches(&fields));
        let what_ifs: Vec<&WhatIf> =
            self.what_ifs.iter().filter(|(_, filter)| is_meant(filter)).map(|(what_if, _)| what_if).collect();
        let objective = objective_of(
            row.and_then(|row| row.service_type),
            row.and_then(|row| row.service_target),
            segment.and_then(|segment| segment.objective).unwrap_or(settings.objective),
        );
        let policy = row
            .and_then(|row| row.policy.clone())
            .or_else(|| segment.and_then(|segment| segment.policy.clone()))
            .unwrap_or_else(|| settings.policy.clone());
        let price = history.last_price.or_else(|| entity.price.and_then(|price| price.to_f64()));
        let (mut costs, money_known) = cost_rates(settings, &lane, price, decimals);
        let backorder = is_upstream && self.waits((item, location));
        if is_upstream && !backorder {
            // Without it, what is made of it is not sold.
            let margin = self.margin_of_what_is_made((item, location), &lane, price);
            let per_unit = 10_f64.powi(-i32::from(decimals)) * settings.lost_sale_margin_multiple;
            costs.stockout_cost = margin.map_or(costs.stockout_cost, |margin| margin * per_unit);
        }
        if !money_known {
            warnings.push("neither cost nor price is known: money is counted as 1 per unit sold".to_owned());
        }
        let promotions = self
            .history
            .promotions(item, location)
            .filter(|row| row.to >= as_of.plus(-56))
            .map(|row| (row.from, row.to, row.expected_uplift))
            .collect();
        let (last_order, usual_order) = self.past_orders(item, location, decimals);
        let shelf_life = entity.shelf_life_days.filter(|days| *days > 0);
        let surges = |series: &SeriesInput| self.said.past_surges(dataset, (item, location), series, as_of);
        let monthly_consumption = monthly_consumption(outflow, &surges(outflow));
        let surges = surges(&history.series);
        let unit = PlanningUnit {
            item_id: entity.item_id.clone(),
            item_name: entity.name.clone(),
            uom: entity.base_uom.clone(),
            decimals,
            location_id: place.location_id.clone(),
            as_of,
            history,
            stock,
            stock_known,
            unusable,
            open_orders,
            rules,
            layer: source.filter(|lane| lane.pack_size.is_some()).and_then(|lane| lane.layer_size).map_or(0, units_of),
            pallet: source
                .filter(|lane| lane.pack_size.is_some())
                .and_then(|lane| lane.pallet_size)
                .map_or(0, units_of),
            display_min,
            safety_days: row.and_then(|row| row.safety_days).unwrap_or(0.0).clamp(0.0, 3650.0),
            order_uom: self.order_uom(item, entity, pack),
            shelf_life: shelf_life.map(|days| days as usize),
            backorder,
            planned_end,
            monthly_consumption,
            surges,
            promotions,
            overrides,
            given,
            wants_given: settings.forecast_model == EXTERNAL,
            price,
            costs,
            money_known,
            volume: entity.volume.filter(|volume| *volume > 0.0),
            weight: entity.weight.filter(|weight| *weight > 0.0),
            objective,
            policy,
            components,
            made_to_order,
            in_recipe: self.in_recipes.contains(&item),
            used: used.map(Box::new),
            classes,
            health: facts.health.unwrap_or(1.0),
            last_order,
            usual_order,
            wasted: self.wasted((item, location), decimals),
            worst_finding: facts.finding,
            phantom_stock: facts.phantom_stock,
            believed,
            cold_break,
            is_limited: self.is_limited(&lane),
            demand_factor: 1.0,
            warnings,
            lane,
        };
        if what_ifs.is_empty() {
            return Ok(unit);
        }
        let mut unit = what_ifs.into_iter().fold(unit, |unit, what_if| match what_if {
            WhatIf::Demand(factor) => PlanningUnit { demand_factor: unit.demand_factor * factor, ..unit },
            _ => unit.with(what_if),
        });
        // Longer lead times look further ahead.
        let n_periods = self.periods_to_look_ahead(item, location, &unit.lane);
        if n_periods > unit.history.series.open_future.len() {
            unit.history = self.history_of(item, location, n_periods);
        }
        Ok(unit)
    }

    /// The lead time that receipts tell of orders placed since the source gave notice of another one.
    fn learned_since(&self, pair: Pair, origin: Origin, told_on: Day) -> Option<LearnedDays> {
        let rows = self.receipts.get(&pair).into_iter().flatten().map(|idx| &self.dataset.receipts[*idx as usize]);
        let since = rows.filter(|row| row.origin == Some(origin) && row.ordered_on.is_some_and(|day| day >= told_on));
        learned_days(since.filter_map(|row| lead_days_of(row, self.history.as_of())).collect(), MIN_RECEIPTS[0])
    }

    /// What was thrown away in the months that are looked back at.
    fn wasted(&self, pair: (ItemIdx, LocationIdx), decimals: u8) -> Vec<(Day, Units)> {
        let as_of = self.history.as_of();
        let rows = self.adjustments.get(&pair).into_iter().flatten();
        let rows = rows.map(|idx| &self.dataset.adjustments[*idx as usize]).filter(|row| row.is_waste());
        rows.filter(|row| (as_of.plus(-PAST_DAYS)..as_of).contains(&row.day))
            .map(|row| (row.day, (-row.quantity).to_units_ceil(decimals)))
            .collect()
    }

    /// Future periods that the plan of an item-location looks at, where it comes over a lane.
    fn periods_to_look_ahead(&self, item: ItemIdx, location: LocationIdx, lane: &Lane) -> usize {
        let timing = lane.timing(self.history.as_of());
        let last_lead_time = *timing.lead_times.last().expect("a lane has a lead time");
        let n_days = last_lead_time + timing.review_period + self.settings.extra_horizon_days.max(1) as usize;
        // What is made must be known for as long as its components look ahead.
        let n_days = n_days.max(self.days_of_components(item, location));
        rounded_horizon(self.settings.bucket, self.history.periods_ahead(n_days))
    }

    /// Whether a table says that an item that never sold is sold at a location: a row of item_locations, a recent launch,
    /// an open order, a recent receipt, or a source of this item for this location.
    fn is_meant_here(&self, item: ItemIdx, location: LocationIdx) -> bool {
        let pair = (item, location);
        let as_of = self.history.as_of();
        let serves = |idx: &u32| self.dataset.sources[*idx as usize].to_location == Some(location);
        let has_source = || self.lanes_by_item.get(&Some(item)).is_some_and(|lanes| lanes.iter().any(serves));
        let is_recent = |idx: &u32| self.dataset.receipts[*idx as usize].received_on >= as_of.plus(-RECENT_DAYS);
        self.item_locations.contains_key(&pair)
            || is_launched(&self.dataset.items[item.0 as usize], as_of)
            || self.open_orders.contains_key(&pair)
            || self.receipts.get(&pair).is_some_and(|rows| rows.iter().any(is_recent))
            || (self.shared.source_is_enough && has_source())
    }

    /// Whether limits over several lines apply to orders on this lane.
    fn is_limited(&self, lane: &Lane) -> bool {
        if lane.kind != ProposalType::Purchase {
            return false;
        }
        let limits_of_all = self.has_limit_changes
            || self.settings.budget.is_some()
            || !self.dataset.budgets.is_empty()
            || !self.dataset.capacities.is_empty();
        let ProposalSource::SupplierId(id) = &lane.source else { return limits_of_all };
        limits_of_all
            || self.supplier(id).is_some_and(|supplier| {
                supplier.min_order_value.is_some()
                    || supplier.container_volume.is_some()
                    || supplier.container_weight.is_some()
            })
    }

    fn supplier(&self, supplier_id: &str) -> Option<&'a restock_core::dataset::Supplier> {
        Masters::of(self.dataset).supplier(supplier_id)
    }

    fn order_uom(&self, item: ItemIdx, entity: &Item, pack: Option<Quantity>) -> String {
        let named = pack.and_then(|pack| {
            let rows = self.uoms.get(&item)?;
            rows.iter().map(|idx| &self.dataset.uoms[*idx as usize]).find(|row| row.factor == pack)
        });
        named
            .map_or_else(|| order_uom(&entity.base_uom, pack.unwrap_or(Quantity::from_whole(1))), |row| row.uom.clone())
    }

    /// A field of the filter language.
    pub(crate) fn field(
        &self,
        name: &str,
        item: &Item,
        location: LocationIdx,
        lane: &Lane,
        classes: &[String; 3],
    ) -> Option<String> {
        let place = &self.dataset.locations[location.0 as usize];
        let (entity, field) = name.split_once('.')?;
        match (entity, field) {
            ("item", "id" | "item_id") => Some(item.item_id.clone()),
            ("item", "name") => Some(item.name.clone()),
            ("item", "category") => Some(item.category.clone()),
            ("item", "uom" | "base_uom") => Some(item.base_uom.clone()),
            ("item", "unit_cost") => item.unit_cost.map(|cost| cost.to_string()),
            ("item", "price") => item.price.map(|price| price.to_string()),
            ("item", "shelf_life_days") => item.shelf_life_days.map(|days| days.to_string()),
            ("item", "xyz") => item.attributes.get("xyz").or(Some(&classes[1])).cloned(),
            ("item", "pattern") => Some(classes[2].clone()),
            // The user's own class goes before the one computed from sales.
            ("item", "abc") => item.attributes.get("abc").or(Some(&classes[0])).cloned(),
            ("item", field) => item.attributes.get(field).cloned(),
            ("location", "id" | "location_id") => Some(place.location_id.clone()),
            ("location", "name") => Some(place.name.clone()),
            ("location", "kind") => Some(place.kind.clone()),
            ("location", "parent" | "parent_id") => place.parent_id.clone(),
            ("location", field) => place.attributes.get(field).cloned(),
            ("source", "id" | "supplier_id" | "location_id") => Some(lane.source.to_string()),
            ("source", "name") => Some(lane.source_name.clone()),
            ("source", "kind") => Some(format!("{:?}", lane.kind).to_lowercase()),
            ("source", "lead_time_days") => Some(lane.mean_lead_days().to_string()),
            _ => None,
        }
    }

    /// The effective lane that serves an item-location: the most specific, then the lowest priority number, then the
    /// largest share, then the first in the file.
    fn lane_of(&self, item: ItemIdx, location: LocationIdx) -> Option<u32> {
        let category = &self.dataset.items[item.0 as usize].category;
        // What is made is bought only where somebody says so of it: not "everything for this place comes from there". A lane
        // from a place to itself says how long it takes to make, and in what lots.
        let is_made = !self.recipes.components(item).is_empty();
        let serves = |row: &SourceRow| {
            row.to_location.is_none_or(|to| to == location)
                && (row.origin != Origin::Location(location) || (is_made && row.item.is_some()))
                && !(is_made && row.item.is_none() && row.category.is_none())
                && row.category.as_ref().is_none_or(|prefix| {
                    category.strip_prefix(prefix.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                })
        };
        let of_item = self.lanes_by_item.get(&Some(item)).into_iter().flatten();
        let of_all = self.lanes_by_item.get(&None).into_iter().flatten();
        of_item.chain(of_all).copied().filter(|idx| serves(&self.dataset.sources[*idx as usize])).min_by(|a, b| {
            let key = |idx: u32| {
                let row = &self.dataset.sources[idx as usize];
                let category_len = row.category.as_ref().map_or(0, String::len);
                (row.item.is_none(), std::cmp::Reverse(category_len), row.to_location.is_none(), row.priority)
            };
            let share = |idx: u32| self.dataset.sources[idx as usize].share.unwrap_or(0.0);
            key(*a).cmp(&key(*b)).then(share(*b).total_cmp(&share(*a))).then(a.cmp(b))
        })
    }

    /// Where an item-location gets its goods from; `None` where nothing tells, or where they are made.
    fn origin_of(&self, item: ItemIdx, location: LocationIdx, lane_row: Option<u32>) -> Option<Origin> {
        if let Some(idx) = lane_row {
            let origin = self.dataset.sources[idx as usize].origin;
            return (origin != Origin::Location(location)).then_some(origin);
        }
        // Without a lane, the latest receipt or the item's own supplier column tells.
        let from_receipt = self
            .receipts
            .get(&(item, location))
            .into_iter()
            .flatten()
            .map(|idx| &self.dataset.receipts[*idx as usize])
            .filter(|row| row.origin.is_some_and(|origin| origin != Origin::Location(location)))
            .max_by_key(|row| (row.received_on, row.row))
            .and_then(|row| row.origin);
        let from_item = || {
            let attributes = &self.dataset.items[item.0 as usize].attributes;
            let id = attributes.get("supplier_id").or_else(|| attributes.get("supplier"))?;
            let idx = self.dataset.suppliers.binary_search_by(|supplier| supplier.supplier_id.cmp(id)).ok()?;
            Some(Origin::Supplier(restock_core::SupplierIdx(idx as u32)))
        };
        from_receipt.or_else(from_item)
    }

    fn lane(
        &self,
        item: ItemIdx,
        location: LocationIdx,
        lane_row: Option<u32>,
        is_made: bool,
        warnings: &mut Vec<String>,
    ) -> Lane {
        let (dataset, settings, as_of) = (self.dataset, self.settings, self.history.as_of());
        let row = lane_row.map(|idx| &dataset.sources[idx as usize]);
        let origin = self.origin_of(item, location, lane_row);
        let supplier = match origin {
            Some(Origin::Supplier(idx)) => Some(&dataset.suppliers[idx.0 as usize]),
            _ => None,
        };
        let (source, source_name, kind) = match origin {
            Some(Origin::Supplier(idx)) => {
                let supplier = &dataset.suppliers[idx.0 as usize];
                let source = ProposalSource::SupplierId(supplier.supplier_id.clone());
                (source, supplier.name.clone(), ProposalType::Purchase)
            }
            Some(Origin::Location(idx)) => {
                let from = &dataset.locations[idx.0 as usize];
                let source = ProposalSource::LocationId(from.location_id.clone());
                (source, from.name.clone(), ProposalType::Transfer)
            }
            None if is_made => (ProposalSource::Unknown, String::new(), ProposalType::Production),
            None => (ProposalSource::Unknown, String::new(), ProposalType::Purchase),
        };
        if origin.is_none() && !is_made && self.shared.has_sources {
            warnings.push("D17: no source of supply".to_owned());
        }
        let configured = row.and_then(|row| row.lead_time_days).filter(|days| days.is_finite() && *days >= 0.0);
        let of_all = origin.and_then(|origin| {
            let of_item = |location| self.learned.get(&(origin, Some(item), location));
            let of_source = || self.shared.learned.get(&SourceId::of(dataset, origin));
            of_item(Some(location)).or_else(|| of_item(None)).or_else(of_source)
        });
        let told_on = row.and_then(|row| row.lead_time_told_on);
        let since = origin.zip(told_on);
        let since = since.and_then(|(origin, told_on)| self.learned_since((item, location), origin, told_on));
        let learned = if told_on.is_some() { since.as_ref() } else { of_all };
        // A notice moves the lead time; how far deliveries are from it, earlier ones tell too.
        let spread = || of_all.map_or(0.0, |learned| learned.summary.sd_days);
        let lead_days: Arc<[f64]> = match (learned, configured) {
            (Some(learned), _) => learned.scenarios.clone(),
            (None, Some(mean)) => {
                self.random_lead_days(mean, row.and_then(|row| row.lead_time_sd_days).unwrap_or_else(spread))
            }
            (None, None) => Arc::from([settings.default_lead_time_days.max(0.0)]),
        };
        match (learned, configured) {
            (Some(learned), Some(configured))
                if (learned.summary.mean_days - configured).abs() > 0.5 * configured.max(1.0) =>
            {
                warnings.push(format!(
                    "D10: learned lead time {:.1} d vs configured {configured}",
                    learned.summary.mean_days
                ));
            }
            (None, Some(configured)) if let Some(told_on) = told_on => {
                warnings.push(format!(
                    "lead time {configured} d as the source told on {told_on}: earlier orders do not count"
                ));
            }
            (None, None) => {
                warnings.push(format!("D09: no lead time is known, {} days assumed", settings.default_lead_time_days))
            }
            _ => {}
        }

        let review_calendar =
            row.and_then(|row| row.review_calendar.as_ref()).and_then(|id| self.calendars.get(id.as_str()));
        let holidays =
            supplier.and_then(|supplier| supplier.holidays_calendar.as_ref()).and_then(|id| dataset.calendars.get(id));
        let order_days = supplier.map(|supplier| supplier.order_days).unwrap_or_default();
        let has_calendar = review_calendar.is_some() || order_days.len() < 7;
        let allowed = |day: Day| {
            order_days.contains(day)
                && review_calendar.is_none_or(|calendar| calendar.is_open(day))
                && holidays.is_none_or(|calendar| calendar.is_open(day))
        };
        let next_allowed = |from: Day| (0..92).map(|days| from.plus(days)).find(|day| allowed(*day));
        let default_review = settings.default_review_days.ceil().max(1.0) as i32;
        let order_day = next_allowed(as_of).unwrap_or_else(|| {
            warnings.push("D18: no order day within 92 days, today is assumed".to_owned());
            as_of
        });
        let step = if has_calendar { 1 } else { default_review };
        let next_order_day = next_allowed(order_day.plus(step)).unwrap_or(order_day.plus(default_review));

        let price_breaks: Vec<(Units, Money)> = row
            .map(|row| {
                let decimals = dataset.items[item.0 as usize].decimals;
                row.price_breaks
                    .iter()
                    .map(|step| (step.from_quantity.to_units_ceil(decimals), step.unit_cost))
                    .collect()
            })
            .unwrap_or_default();
        let last_receipt_cost = || {
            let rows = self.receipts.get(&(item, location)).into_iter().flatten();
            rows.map(|idx| &dataset.receipts[*idx as usize])
                .filter(|row| row.unit_cost.is_some())
                .max_by_key(|row| (row.received_on, row.row))
                .and_then(|row| row.unit_cost)
        };
        let positive = |cost: &Money| *cost > Decimal::ZERO;
        let unit_cost = row
            .and_then(|row| row.unit_cost)
            .filter(positive)
            .or_else(|| dataset.items[item.0 as usize].unit_cost.filter(positive))
            .or_else(|| last_receipt_cost().filter(positive))
            .or_else(|| self.made_cost(item));
        Lane {
            source,
            source_name,
            kind,
            unit_cost,
            price_breaks,
            lead_days,
            configured_lead_days: configured,
            learned: learned.map(|learned| learned.summary),
            order_day,
            next_order_day,
            order_calendar: review_calendar.filter(|_| kind != ProposalType::Purchase).cloned(),
            cut_off: supplier.and_then(|supplier| supplier.cut_off.clone()).unwrap_or_default(),
            min_order_value: supplier.and_then(|supplier| supplier.min_order_value),
        }
    }

    /// Equally likely lead times with this mean and standard deviation: gamma quantiles, by the cube-root transformation
    /// of Wilson & Hilferty (1931).
    fn random_lead_days(&self, mean: f64, sd: f64) -> Arc<[f64]> {
        if !(sd.is_finite() && sd > 0.01 && mean > 0.0) {
            return Arc::from([mean]);
        }
        let shape = (mean / sd).powi(2).max(0.25);
        let days = |score: f64| {
            let root = 1.0 - 1.0 / (9.0 * shape) + score / (3.0 * shape.sqrt());
            // Whole days: goods arrive in the morning of a day.
            (mean * root.max(0.0).powi(3)).round()
        };
        self.normal_scores.iter().map(|score| days(*score)).collect()
    }

    /// The last and the mean receipt quantity.
    fn past_orders(
        &self,
        item: ItemIdx,
        location: LocationIdx,
        decimals: u8,
    ) -> (Option<Units>, Option<(Units, usize)>) {
        let rows = self.receipts.get(&(item, location)).map_or(&[][..], Vec::as_slice);
        let mut rows: Vec<_> = rows.iter().map(|idx| &self.dataset.receipts[*idx as usize]).collect();
        rows.retain(|row| row.quantity > Quantity::ZERO);
        rows.sort_by_key(|row| (row.received_on, row.row));
        let recent = &rows[rows.len().saturating_sub(12)..];
        let quantities: Vec<Units> = recent.iter().map(|row| row.quantity.to_units_floor(decimals)).collect();
        let mean = quantities.iter().sum::<Units>() as f64 / quantities.len().max(1) as f64;
        (quantities.last().copied(), (quantities.len() >= 3).then_some((mean.round() as Units, quantities.len())))
    }

    /// Groups item-locations into partitions and finds the upstream ones.
    fn find_partitions(&mut self, is_whole: bool) {
        let dataset = self.dataset;
        let mut pairs: BTreeSet<Pair> = self.history.pairs_with_sales().collect();
        pairs.extend(self.inventory.keys());
        pairs.extend(self.item_locations.keys());
        pairs.extend(self.open_orders.keys());
        pairs.extend(self.said.pairs(dataset, self.history.as_of()));
        pairs.extend(dataset.sources.iter().filter_map(|row| Some((row.item?, row.to_location?))));
        if is_whole {
            let unseen = unseen_items(dataset, &self.history, &pairs);
            let shared = Arc::get_mut(&mut self.shared).expect("nobody has it yet");
            shared.unseen = unseen.iter().map(|pair| place_of(dataset, *pair)).collect();
            pairs.extend(unseen);
        } else {
            let of_part = |item: &Item| self.shared.unseen.range(ItemLocation::new(&item.item_id, "")..);
            let unseen =
                dataset.items.iter().flat_map(|item| of_part(item).take_while(|place| place.item_id == item.item_id));
            pairs.extend(unseen.filter_map(|place| find_pair(dataset, &place.item_id, &place.location_id)));
        }
        // Sending locations and components are planned too, however far up.
        let mut queue: Vec<Pair> = pairs.iter().copied().collect();
        while let Some((item, location)) = queue.pop() {
            for draw in self.draws((item, location)) {
                self.upstream.insert(draw.pair);
                if self.in_recipes.contains(&draw.pair.0) {
                    self.drawn_by.entry(draw.pair).or_default().push(Draw { pair: (item, location), ..draw });
                }
                if pairs.insert(draw.pair) {
                    queue.push(draw.pair);
                }
            }
        }
        // The order of the queue is none.
        self.drawn_by.values_mut().for_each(|draws| draws.sort_by_key(|draw| draw.pair));
        let group = connected_items(dataset);
        let mut partitions: BTreeMap<u32, Vec<Pair>> = BTreeMap::new();
        for pair in pairs {
            partitions.entry(group[pair.0.0 as usize]).or_default().push(pair);
        }
        self.partitions = partitions.into_values().collect();
    }
}

/// ABC classes by the sales value of the last year, per item-location.
fn abc_classes(dataset: &Dataset, history: &HistoryBuilder<'_>) -> HashMap<Pair, &'static str> {
    let sales = &dataset.sales;
    let (from, to) = (history.as_of().plus(-365), history.as_of());
    let mut pairs = Vec::new();
    let mut values = Vec::new();
    for (item, location) in history.pairs_with_sales() {
        let rows = history.sales_rows(item, location);
        let entity = &dataset.items[item.0 as usize];
        let usual_price = entity.price.or(entity.unit_cost).and_then(|price| price.to_f64()).unwrap_or(1.0);
        let first = rows.start + sales.day[rows.clone()].partition_point(|day| *day < from);
        let value: f64 = (first..rows.end)
            .take_while(|row| sales.day[*row] < to)
            .map(|row| {
                let price = sales.unit_price.get(row).map(|price| f64::from(*price)).filter(|price| *price > 0.0);
                sales.quantity[row].to_f64() * price.unwrap_or(usual_price)
            })
            .sum();
        pairs.push((item, location));
        values.push(value);
    }
    let class_name = |class| match class {
        classify::AbcClass::A => "A",
        classify::AbcClass::B => "B",
        classify::AbcClass::C => "C",
    };
    pairs.into_iter().zip(classify::abc(&values).into_iter().map(class_name)).collect()
}

/// What the master tables of a dataset say about ids.
#[derive(Clone, Copy)]
pub(crate) struct Masters<'a> {
    pub(crate) dataset: &'a Dataset,
}

impl<'a> Masters<'a> {
    pub(crate) fn of(dataset: &'a Dataset) -> Self {
        Self { dataset }
    }

    pub(crate) fn supplier(&self, supplier_id: &str) -> Option<&'a restock_core::dataset::Supplier> {
        let suppliers = &self.dataset.suppliers;
        let idx = suppliers.binary_search_by(|supplier| supplier.supplier_id.as_str().cmp(supplier_id)).ok()?;
        Some(&suppliers[idx])
    }

    pub(crate) fn location_name(&self, location_id: &str) -> String {
        let locations = &self.dataset.locations;
        let idx = locations.binary_search_by(|location| location.location_id.as_str().cmp(location_id));
        idx.map_or_else(|_| String::new(), |idx| locations[idx].name.clone())
    }

    fn item(&self, item_id: &str) -> Option<&'a Item> {
        let items = &self.dataset.items;
        let idx = items.binary_search_by(|item| item.item_id.as_str().cmp(item_id)).ok()?;
        Some(&items[idx])
    }

    /// Digits after the point of an item's quantities.
    pub(crate) fn decimals(&self, item_id: &str) -> u8 {
        self.item(item_id).map_or(0, |item| item.decimals)
    }

    /// Volume and weight of a base unit; 0 where unknown.
    pub(crate) fn volume_and_weight(&self, item_id: &str) -> (f64, f64) {
        let known = |value: Option<f64>| value.filter(|value| value.is_finite() && *value > 0.0).unwrap_or(0.0);
        self.item(item_id).map_or((0.0, 0.0), |item| (known(item.volume), known(item.weight)))
    }
}

impl Shared {
    /// What `dataset` says as a whole; newcomers are found later, because they need partitions.
    fn of(dataset: &Dataset, history: &HistoryBuilder<'_>, health: Option<&HealthReport>) -> Self {
        let mut pairs: HashMap<ItemLocation, PairFacts> = HashMap::new();
        for (pair, abc) in abc_classes(dataset, history) {
            pairs.insert(place_of(dataset, pair), PairFacts { abc, ..PairFacts::default() });
        }
        if let Some(report) = health {
            for score in &report.scores {
                let place = ItemLocation::new(&score.item_id, &score.location_id);
                pairs.entry(place).or_default().health = Some(score.score);
            }
            // Findings come worst first.
            for finding in &report.findings {
                let (Some(item_id), Some(location_id)) = (&finding.item_id, &finding.location_id) else { continue };
                let facts = pairs.entry(ItemLocation::new(item_id, location_id)).or_default();
                let code = finding.code;
                facts.finding.get_or_insert_with(|| {
                    (format!("{code:?}: {}", finding.message), format!("{code:?}：{}", finding.message_zh))
                });
            }
            // Exceptions tell what findings (D07) tell; the list of `restock check --counts` has less certain lines too.
            let is_told = history.settings().stock_belief != StockBeliefUse::Off;
            if history.settings().stock_belief == StockBeliefUse::Use {
                for believed in report.beliefs.iter().filter(|believed| believed.is_used()) {
                    let place = ItemLocation::new(&believed.item_id, &believed.location_id);
                    pairs.entry(place).or_default().believed = Some(believed.clone());
                }
            }
            for line in report.count_list.iter().filter(|line| is_told && line.is_probably_empty()) {
                let place = ItemLocation::new(&line.item_id, &line.location_id);
                pairs.entry(place).or_default().phantom_stock = Some(PhantomStock {
                    probability_empty: line.probability_empty,
                    saving: line.saving,
                    reason: (line.reason.clone(), line.reason_zh.clone()),
                });
            }
        }
        let of_sources = learn_lead_times(dataset, history.as_of(), false).into_iter();
        Self {
            known: history.known().clone(),
            learned: of_sources.map(|((origin, ..), days)| (SourceId::of(dataset, origin), days)).collect(),
            pairs,
            effects: Arc::default(),
            newcomers: None,
            unseen: BTreeSet::new(),
            source_is_enough: source_is_enough(dataset, history),
            has_sources: !dataset.sources.is_empty(),
            has_open_orders: !dataset.open_orders.is_empty(),
        }
    }
}

/// `[n_items]`: the smallest index of the items that bills of materials connect each item to, itself included.
fn connected_items(dataset: &Dataset) -> Vec<u32> {
    let mut groups = Groups::new(dataset.items.len());
    dataset.bom.iter().for_each(|row| groups.join(row.parent.0, row.component.0));
    (0..dataset.items.len() as u32).map(|idx| groups.of(idx)).collect()
}

/// The ids of an index pair.
pub(crate) fn place_of(dataset: &Dataset, (item, location): Pair) -> ItemLocation {
    ItemLocation {
        item_id: dataset.items[item.0 as usize].item_id.clone(),
        location_id: dataset.locations[location.0 as usize].location_id.clone(),
    }
}

/// The index pair of two ids.
pub(crate) fn find_pair(dataset: &Dataset, item_id: &str, location_id: &str) -> Option<Pair> {
    let item = dataset.items.binary_search_by(|item| item.item_id.as_str().cmp(item_id)).ok()?;
    let location =
        dataset.locations.binary_search_by(|location| location.location_id.as_str().cmp(location_id)).ok()?;
    Some((ItemIdx(item as u32), LocationIdx(location as u32)))
}

/// Horizons come in a few lengths, so that a forecaster sees few different requests.
fn rounded_horizon(bucket: Bucket, n_periods: usize) -> usize {
    let (step, most) = match bucket {
        Bucket::Day => (14, 364),
        Bucket::Week => (4, 104),
        Bucket::Month => (3, 36),
    };
    n_periods.div_ceil(step).saturating_mul(step).min(most)
}

fn objective_of(service_type: Option<ServiceType>, target: Option<f64>, base: Objective) -> Objective {
    let target = target.filter(|target| 0.0 < *target && *target < 1.0);
    match (base, service_type, target) {
        (base, None, None) => base,
        (Objective::Service { service_type: usual_type, target: usual }, service_type, target) => {
            Objective::Service { service_type: service_type.unwrap_or(usual_type), target: target.unwrap_or(usual) }
        }
        (Objective::Economics, service_type, Some(target)) => {
            Objective::Service { service_type: service_type.unwrap_or(ServiceType::FillRate), target }
        }
        (Objective::Economics, Some(_), None) => Objective::Economics,
    }
}

/// Cost rates per unit and day, and whether a cost or price is known. What is not known follows from the assumed
/// margin; with neither, one base unit sells for 1.
fn cost_rates(settings: &PlanSettings, lane: &Lane, price: Option<f64>, decimals: u8) -> (CostRates, bool) {
    let margin_share = settings.assumed_margin_share.clamp(0.01, 0.99);
    let price = price.filter(|price| price.is_finite() && *price > 0.0);
    let cost = lane.unit_cost.and_then(|cost| cost.to_f64());
    let (cost, price, known) = match (cost, price) {
        (Some(cost), Some(price)) => (cost, price, true),
        (Some(cost), None) => (cost, cost / (1.0 - margin_share), true),
        (None, Some(price)) => (price * (1.0 - margin_share), price, true),
        (None, None) => (1.0 - margin_share, 1.0, false),
    };
    let per_unit = 10_f64.powi(-i32::from(decimals));
    // An item sold below cost still loses its price when it is missing, so the stock-out cost stays above zero.
    let margin = if price > cost { price - cost } else { price * 0.01 };
    let rates = CostRates {
        unit_cost: cost * per_unit,
        holding_cost: cost * per_unit * settings.carrying_cost_per_year / 365.25,
        stockout_cost: margin * settings.lost_sale_margin_multiple * per_unit,
        order_cost: settings.order_cost,
        waste_cost: cost * per_unit,
    };
    (rates, known)
}

/// Lead times from receipts that tell both days: of items, per source, item and location and per source and item; or of
/// whole sources.
fn learn_lead_times(dataset: &Dataset, as_of: Day, of_items: bool) -> HashMap<LaneKey, LearnedDays> {
    let mut days: BTreeMap<LaneKey, Vec<(Day, i32)>> = BTreeMap::new();
    for row in &dataset.receipts {
        let (Some(origin), Some(entry)) = (row.origin, lead_days_of(row, as_of)) else { continue };
        if !of_items {
            days.entry((origin, None, None)).or_default().push(entry);
            continue;
        }
        days.entry((origin, Some(row.item), None)).or_default().push(entry);
        if row.location.is_some() {
            days.entry((origin, Some(row.item), row.location)).or_default().push(entry);
        }
    }
    let mut learned = HashMap::new();
    for (key, entries) in days {
        let min_receipts = if key.1.is_some() { MIN_RECEIPTS[0] } else { MIN_RECEIPTS[1] };
        learned.extend(learned_days(entries, min_receipts).map(|days| (key, days)));
    }
    learned
}

/// The lead times of receipts: the day of each, and how long it took. Too few tell nothing.
fn learned_days(mut entries: Vec<(Day, i32)>, min_receipts: usize) -> Option<LearnedDays> {
    if entries.len() < min_receipts {
        return None;
    }
    // The latest hundred tell how the source delivers now.
    entries.sort_unstable();
    let mut recent: Vec<f64> =
        entries[entries.len().saturating_sub(100)..].iter().map(|(_, days)| f64::from(*days)).collect();
    recent.sort_unstable_by(f64::total_cmp);
    let n = recent.len();
    let mean = recent.iter().sum::<f64>() / n as f64;
    let variance = recent.iter().map(|days| (days - mean).powi(2)).sum::<f64>() / n as f64;
    let scenario = |idx: usize| {
        let position = (idx as f64 + 0.5) / N_LEAD_TIMES as f64 * n as f64;
        recent[(position as usize).min(n - 1)]
    };
    let scenarios: Arc<[f64]> =
        if variance == 0.0 { Arc::from([mean]) } else { (0..N_LEAD_TIMES).map(scenario).collect() };
    let summary = LearnedLeadTime { mean_days: mean, sd_days: variance.sqrt(), n_receipts: entries.len() };
    Some(LearnedDays { scenarios, summary })
}

/// The day of a receipt and how long it took, where both days are told and make sense.
fn lead_days_of(row: &ReceiptRow, as_of: Day) -> Option<(Day, i32)> {
    let lead_days = row.received_on.0 - row.ordered_on?.0;
    (row.received_on < as_of && (0..=1000).contains(&lead_days)).then_some((row.received_on, lead_days))
}
