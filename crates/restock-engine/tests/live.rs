//! A plan that is kept up to date while events come in is the plan of all that is known, made anew.

mod fixtures;

use std::collections::{BTreeMap, BTreeSet};

use fixtures::RecentMean;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use restock_core::dataset::{AdjustmentRow, BomRow, BudgetRow, RowRef, SignalRow};
use restock_core::event::{OrderLine, SupplyOrigin};
use restock_core::master::{Lane, MasterChange, MasterKey};
use restock_core::proposal::{Proposal, WaterfallCode, WaterfallLine};
use restock_core::said_demand::{DemandChange, ForecastOverride, GivenForecast, OverrideKey};
use restock_core::settings::{PlanSettings, StockBeliefUse};
use restock_core::{Bucket, Dataset, Day, Event, EventKind, ItemIdx, ItemLocation, LocationIdx, Quantity, RowsByItem};
use restock_engine::{Explainer, LivePlan, Plan, PlanLine, PlanSummary, WhatIf, Whole, plan};
use restock_inventory::retail_simulator::{ChainConfig, chain};
use restock_ledger::{Files, tables, tables_of_part};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

const FORECASTER: RecentMean = RecentMean { spread: 1.2 };

/// A chain whose orders meet every limit over several lines: supplier minimums, a budget; two items are made of others.
fn business() -> Dataset {
    let config = ChainConfig { n_items: 24, n_stores: 3, n_days: 200, ..ChainConfig::example_shop() };
    let mut dataset = chain(&config, 7);
    for supplier in &mut dataset.suppliers {
        supplier.min_order_value = Some("80".parse().unwrap());
    }
    dataset.budgets.push(BudgetRow {
        scope: "all".to_owned(),
        from: None,
        to: None,
        amount: "100".parse().unwrap(),
        row: RowRef::default(),
    });
    // One item is made when it is sold, of another and of one that is itself made so.
    let made = [ItemIdx(3), ItemIdx(5)];
    dataset.sources.retain(|row| row.item.is_none_or(|item| !made.contains(&item)));
    dataset.inventory.retain(|row| !made.contains(&row.item));
    dataset.item_locations.retain(|row| !made.contains(&row.item));
    dataset.receipts.retain(|row| !made.contains(&row.item));
    for (parent, component, quantity_per, yield_share) in [(3, 9, "2", 1.0), (3, 5, "0.5", 0.9), (5, 9, "0.3", 0.7)] {
        dataset.bom.push(BomRow {
            parent: ItemIdx(parent),
            component: ItemIdx(component),
            quantity_per: quantity_per.parse().unwrap(),
            yield_share,
            scrap_share: 0.02,
            row: RowRef::default(),
        });
    }
    dataset
}

/// Files, what happened since, and the plan that follows it.
struct World {
    files: Dataset,
    rows: RowsByItem,
    read_at: Timestamp,
    events: Vec<Event>,
    settings: PlanSettings,
}

impl World {
    fn new(files: Dataset) -> Self {
        let last = files.sales.day.iter().max().copied().unwrap();
        let today = last.plus(1);
        let settings = PlanSettings { as_of: Some(today), day_has_begun: true, n_paths: 32, ..PlanSettings::default() };
        let read_at = instant(today, 0);
        Self { rows: RowsByItem::new(&files), files, read_at, events: Vec::new(), settings }
    }

    fn whole(&self) -> Dataset {
        tables(&self.files, self.read_at, &self.events, &TimeZone::UTC)
    }

    /// The tables of some items.
    fn part(&self, item_ids: &[String]) -> Dataset {
        let is_about = |event: &&Event| match event.kind.item_id() {
            Some(item_id) => item_ids.iter().any(|id| id == item_id),
            None => true,
        };
        let events: Vec<Event> = self.events.iter().filter(is_about).cloned().collect();
        let part = self.rows.part(&self.files, item_ids);
        tables_of_part(&part, Files::of(&self.files, self.read_at), &events, &TimeZone::UTC)
    }

    fn made_anew(&self) -> Plan {
        plan(&self.whole(), &self.settings, &FORECASTER, &|_, _| {})
    }

    fn live(&self) -> LivePlan {
        LivePlan::new(&self.whole(), &self.settings, &FORECASTER, &mut |ids| self.part(ids), &|_, _| {})
    }

    fn settle(&self, live: &mut LivePlan) -> BTreeSet<ItemLocation> {
        live.settle(&self.whole(), &self.settings, &FORECASTER, &mut |ids| self.part(ids), &|_, _| {})
    }

    fn update(&self, live: &mut LivePlan, from: usize) -> BTreeSet<ItemLocation> {
        let new = self.events[from..].iter();
        let places = new.clone().filter_map(|event| event.kind.place().cloned()).collect();
        let wide = new.filter(|event| event.kind.place().is_none());
        let items = wide.filter_map(|event| event.kind.item_id()).map(str::to_owned).collect();
        live.update(&places, &items, &FORECASTER, &mut |ids| self.part(ids))
    }

    fn refresh(&self, live: &mut LivePlan) -> BTreeSet<ItemLocation> {
        live.refresh(&FORECASTER, &mut |ids| self.part(ids))
    }
}

fn instant(day: Day, hour: i8) -> Timestamp {
    TimeZone::UTC.to_timestamp(day.to_date().at(hour, 0, 0, 0)).unwrap()
}

/// Something that happens to an item-location on `day`.
fn random_event(rng: &mut ChaCha8Rng, world: &World, day: Day, number: usize) -> Event {
    let new_item = rng.random_bool(0.03);
    let item = match new_item {
        true => format!("new-{}", rng.random_range(0..3)),
        false => world.files.items.choose(rng).unwrap().item_id.clone(),
    };
    let store = world.files.locations.choose(rng).unwrap().location_id.clone();
    let place = ItemLocation::new(&item, &store);
    let quantity = Quantity::from_whole(rng.random_range(1..15));
    let line = OrderLine { order_id: format!("PO-{}", rng.random_range(0..6)), place: place.clone() };
    let supplier = world.files.suppliers.choose(rng).unwrap().supplier_id.clone();
    let kind = match rng.random_range(0..16) {
        0..6 => EventKind::Sale { place, quantity, unit_price: None, lost: None },
        6 => EventKind::Return { place, quantity: Quantity::from_whole(1), unit_price: None },
        7..9 => EventKind::Receipt { place, quantity, order_id: Some(line.order_id), origin: None, unit_cost: None },
        9 => EventKind::Count { place, on_hand: Quantity::from_whole(rng.random_range(0..40)) },
        10 => EventKind::Waste { place, quantity, reason: "broken".to_owned() },
        11 => EventKind::OrderPlaced {
            line,
            quantity: Quantity::from_whole(rng.random_range(1..60)),
            origin: Some(SupplyOrigin::Supplier(supplier)),
            due_on: Some(day.plus(rng.random_range(1..9))),
        },
        12 => EventKind::OrderCancelled { line, quantity: None },
        13 => EventKind::StockoutObserved { place, to: None },
        14 => EventKind::PriceChange {
            item_id: item,
            location_id: rng.random_bool(0.5).then_some(store),
            price: "2.49".parse().unwrap(),
            from: None,
            to: None,
        },
        _ => EventKind::LeadTimeNotice {
            origin: SupplyOrigin::Supplier(supplier),
            item_id: rng.random_bool(0.5).then_some(item),
            location_id: None,
            lead_time_days: "6".parse().unwrap(),
        },
    };
    Event {
        event_id: number.to_string(),
        source: "test".to_owned(),
        occurred_at: instant(day, rng.random_range(6..22)),
        kind,
        attributes: Default::default(),
    }
}

/// Lines, totals, groups of orders and reasons are those of the plan made anew.
fn reads_as_made_anew(world: &World, live: &LivePlan, anew: &Plan) {
    let mut lines: Vec<_> = live.planned().map(|unit| unit.line.clone()).collect();
    lines.sort_by(|one, other| (&one.item_id, &one.location_id).cmp(&(&other.item_id, &other.location_id)));
    assert_eq!(lines, anew.lines);
    assert_eq!(live.order_groups(), anew.order_groups);
    let mut by_all = live.summaries(&|_| Some(String::new()), &|_| Some(String::new()));
    let n_exceptions = anew.summary.n_exceptions;
    assert_eq!(PlanSummary { n_exceptions, ..by_all.remove("").unwrap() }, anew.summary);
    let by_location = live.summaries(&|line| Some(line.location_id.clone()), &|one| Some(one.location_id.clone()));
    let n_proposals: usize = by_location.values().map(|summary| summary.n_proposals).sum();
    assert_eq!(n_proposals, anew.proposals.len());
    let whole = world.whole();
    let explainer = Explainer::new(&whole, &world.settings, &FORECASTER);
    let what_if = [WhatIf::LeadTime(9.0), WhatIf::Demand(1.5)];
    for line in anew.lines.iter().step_by(7) {
        let place = ItemLocation::new(&line.item_id, &line.location_id);
        let tables = &mut |ids: &[String]| world.part(ids);
        let explained = live.explain(&place, &what_if, &FORECASTER, tables).unwrap();
        let explain = |what_ifs: &[WhatIf]| explainer.explain(&line.item_id, &line.location_id, what_ifs).unwrap();
        assert_eq!(explained.line, explain(&[]));
        assert_eq!(explained.what_if, Some(explain(&what_if)));
    }
}

#[test]
fn after_settling_a_live_plan_is_the_plan_made_anew() {
    let mut world = World::new(business());
    let first = world.made_anew();
    let mut unlimited = world.files.clone();
    unlimited.budgets.clear();
    let unlimited = plan(&unlimited, &world.settings, &FORECASTER, &|_, _| {});
    assert_ne!(unlimited.proposals.len(), first.proposals.len(), "the budget takes orders away");
    let mut live = world.live();
    assert_eq!(live.proposals(), first.proposals);
    assert_eq!(live.plan_id(), first.plan_id);
    assert!(world.settle(&mut live).is_empty(), "nothing happened");

    let mut rng = ChaCha8Rng::seed_from_u64(20260302);
    let mut today = world.settings.as_of.unwrap();
    let (mut n_alike, mut n_raised) = (0, 0);
    for burst in 0..24 {
        if burst % 8 == 7 {
            today = today.plus(1);
            world.settings.as_of = Some(today);
            world.settle(&mut live);
        }
        let from = world.events.len();
        for _ in 0..rng.random_range(1..12) {
            // A fifth is late.
            let day = today.plus(if rng.random_bool(0.2) { -rng.random_range(1..20) } else { 0 });
            let event = random_event(&mut rng, &world, day, world.events.len());
            world.events.push(event);
        }
        world.update(&mut live, from);
        world.refresh(&mut live);
        assert!(!live.is_stale());
        let anew = world.made_anew();
        let steps = anew.proposals.iter().flat_map(|proposal| &proposal.explanation.waterfall);
        let raised = |step: &&WaterfallLine| step.code == WaterfallCode::SupplierMinimum && step.value > Quantity::ZERO;
        n_raised += steps.filter(raised).count();
        // Most often nothing that is shared has changed, and the quick way is exact already.
        let quantities = |proposals: &[Proposal]| -> Vec<_> {
            let one = |one: &Proposal| (one.item_id.clone(), one.destination.clone(), one.quantity);
            let mut all: Vec<_> = proposals.iter().map(one).collect();
            all.sort();
            all
        };
        n_alike += usize::from(quantities(&live.proposals()) == quantities(&anew.proposals));
        world.settle(&mut live);
        assert_eq!(live.proposals(), anew.proposals, "after burst {burst}");
        assert_eq!(live.plan_id(), anew.plan_id);
        if burst % 4 == 3 {
            reads_as_made_anew(&world, &live, &anew);
        }
    }
    assert!(n_raised > 0, "supplier minimums raise lines");
    assert!(n_alike >= 20, "the quick way gave the quantities of a whole plan {n_alike} times of 24");
}

/// What is shared is worked out from a state that is over when it is taken, and events come between two steps of settling.
#[test]
fn settling_little_by_little_between_events_comes_to_the_same() {
    let mut world = World::new(business());
    let mut live = world.live();
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut today = world.settings.as_of.unwrap();
    let (mut n_steps, mut n_between) = (0, 0);
    for round in 0..8 {
        if round % 4 == 3 {
            today = today.plus(1);
            world.settings.as_of = Some(today);
        }
        let mut happen = |world: &mut World, live: &mut LivePlan, n: usize| {
            let from = world.events.len();
            for _ in 0..n {
                let event = random_event(&mut rng, world, today, world.events.len());
                world.events.push(event);
            }
            world.update(live, from);
        };
        happen(&mut world, &mut live, 5);
        let gathered = world.whole();
        let rows = RowsByItem::new(&gathered);
        let whole = Whole::of(&gathered, &world.settings, "recent_mean");
        let known = world.events.len();
        happen(&mut world, &mut live, 3);
        live.take_over(whole);
        // What came in since is planned with what was taken over.
        world.update(&mut live, known);
        while !live.is_settled() {
            // What did not change since may come from what was worked out.
            let is_touched = |ids: &[String]| {
                let mut since = world.events[known..].iter();
                since.any(|event| event.kind.item_id().is_none_or(|own| ids.iter().any(|id| id == own)))
            };
            let mut tables = |ids: &[String]| match is_touched(ids) {
                true => world.part(ids),
                false => rows.part(&gathered, ids),
            };
            let n_before = live.n_unsettled();
            live.settle_some(5, &|items| !is_touched(items), &FORECASTER, &mut tables);
            assert!(live.n_unsettled() < n_before);
            n_steps += 1;
            if n_steps % 4 == 0 {
                happen(&mut world, &mut live, 1);
                n_between += 1;
            }
        }
        let anew = world.made_anew();
        assert_ne!(live.plan_id(), anew.plan_id, "it is not the plan of one state yet");
        // Nothing comes in while this one is settled.
        live.take_over(Whole::of(&world.whole(), &world.settings, "recent_mean"));
        while !live.is_settled() {
            live.settle_some(5, &|_| true, &FORECASTER, &mut |ids| world.part(ids));
        }
        assert_eq!(live.proposals(), anew.proposals, "after round {round}");
        assert_eq!(live.plan_id(), anew.plan_id);
        // The rows of everything and the rows of a part make the same planning units: nothing is planned again.
        let whole = world.whole();
        let rows = RowsByItem::new(&whole);
        live.take_over(Whole::of(&whole, &world.settings, "recent_mean"));
        let mut changed = BTreeSet::new();
        while !live.is_settled() {
            changed.extend(live.settle_some(7, &|_| true, &FORECASTER, &mut |ids| rows.part(&whole, ids)));
        }
        assert_eq!(changed, BTreeSet::new());
    }
    assert!(n_steps > 60 && n_between > 15, "{n_steps} {n_between}");
}

/// What somebody says about master data on `day`.
fn random_change(rng: &mut ChaCha8Rng, world: &World, day: Day, number: usize) -> Event {
    let item = world.files.items.choose(rng).unwrap().item_id.clone();
    let item = if rng.random_bool(0.1) { format!("new-{}", rng.random_range(0..3)) } else { item };
    let store = world.files.locations.choose(rng).unwrap().location_id.clone();
    let supplier = world.files.suppliers.choose(rng).unwrap().supplier_id.clone();
    let lane = |item_id: Option<String>, to_location: Option<String>| {
        let origin = SupplyOrigin::Supplier(supplier.clone());
        MasterKey::Source(Lane { to_location, origin, item_id, category: None, effective_from: None })
    };
    let n = rng.random_range(1..9).to_string();
    let (record, fields) = match rng.random_range(0..13) {
        0 => (MasterKey::Item(item), vec![("unit_cost", Some(n))]),
        1 => (MasterKey::Item(item), vec![("shelf_life_days", Some(n))]),
        2 => (MasterKey::Location(store), vec![("kind", Some("store".to_owned()))]),
        3 => (MasterKey::Supplier(supplier), vec![("min_order_value", Some(format!("{n}0")))]),
        4 => {
            let fields = vec![("min_stock", Some(n)), ("service_target", Some("0.9".to_owned()))];
            (MasterKey::ItemLocation(ItemLocation::new(item, store)), fields)
        }
        5 => {
            let fields = vec![("min_stock", None), ("do_not_order", Some(rng.random_bool(0.3).to_string()))];
            (MasterKey::ItemLocation(ItemLocation::new(item, store)), fields)
        }
        6 => (lane(Some(item), Some(store)), vec![("pack_size", Some(n)), ("lead_time_days", Some("4".to_owned()))]),
        7 => (lane(Some(item), None), vec![("moq", Some(n))]),
        8 => {
            let days = ["mon thu", "tue", "none", "fri sat"][rng.random_range(0..4)].to_owned();
            (MasterKey::Calendar("orders".to_owned()), vec![("weekdays", Some(days))])
        }
        9 => {
            let field = if rng.random_bool(0.2) { "removed" } else { "2026-12-25" };
            (MasterKey::Calendar("orders".to_owned()), vec![(field, Some("true".to_owned()))])
        }
        10 => {
            let calendar = rng.random_bool(0.8).then(|| "orders".to_owned());
            (lane(None, None), vec![("review_calendar", calendar)])
        }
        11 => (MasterKey::Uom { item_id: item, uom: format!("case{n}") }, vec![("factor", Some(n))]),
        _ => (lane(None, None), vec![("pack_size", Some(n)), ("priority", Some("5".to_owned()))]),
    };
    let fields = fields.into_iter().map(|(name, text)| (name.to_owned(), text)).collect();
    Event {
        event_id: number.to_string(),
        source: "api".to_owned(),
        occurred_at: instant(day, rng.random_range(6..22)),
        kind: EventKind::MasterChange(Box::new(MasterChange { record, fields })),
        attributes: Default::default(),
    }
}

/// Bursts of what is `said` among other events: after each the plan is as one made anew.
fn says_as_made_anew(
    world: &mut World,
    live: &mut LivePlan,
    seed: u64,
    said: fn(&mut ChaCha8Rng, &World, Day, usize) -> Event,
) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let today = world.settings.as_of.unwrap();
    for burst in 0..12 {
        let from = world.events.len();
        for _ in 0..rng.random_range(1..8) {
            let day = today.plus(if rng.random_bool(0.2) { -rng.random_range(1..20) } else { 0 });
            let number = world.events.len();
            let event = match rng.random_bool(0.7) {
                true => said(&mut rng, world, day, number),
                false => random_event(&mut rng, world, day, number),
            };
            world.events.push(event);
        }
        world.update(live, from);
        world.refresh(live);
        let anew = world.made_anew();
        world.settle(live);
        assert_eq!(live.proposals(), anew.proposals, "after burst {burst}");
        assert_eq!(live.plan_id(), anew.plan_id);
    }
    reads_as_made_anew(world, live, &world.made_anew());
}

#[test]
fn the_past_is_what_was_sold_and_thrown_away_month_by_month() {
    let mut files = business();
    let last = files.sales.day.iter().max().copied().unwrap();
    let place = ItemLocation::new(&files.items[0].item_id, &files.locations[0].location_id);
    let month_of = |day: Day| Bucket::Month.period_of(day);
    files.stockouts.clear();
    for (day, reason) in [(last, "expiry"), (last.plus(-1), "theft"), (last.plus(-1), "waste")] {
        let (item, location, quantity) = (ItemIdx(0), LocationIdx(0), Quantity::from_whole(-2));
        files.adjustments.push(AdjustmentRow {
            day,
            item,
            location,
            quantity,
            reason: reason.to_owned(),
            row: RowRef::default(),
        });
    }
    let world = World::new(files);
    let live = world.live();
    let past = live.past(&|line| Some(line.location_id.clone()));
    let mut sold: BTreeMap<(String, i32), f64> = BTreeMap::new();
    let sales = &world.files.sales;
    for row in 0..sales.len() {
        let location = &world.files.locations[sales.location[row].0 as usize].location_id;
        *sold.entry((location.clone(), month_of(sales.day[row]))).or_default() += sales.quantity[row].to_f64();
    }
    assert!(sold.len() > 15, "stores over half a year");
    for (key, units) in &sold {
        let figures = past[key];
        assert!((figures.fill_rate.numerator - units).abs() < 1e-3 * units, "{key:?}: {figures:?}, {units}");
        let share = figures.in_stock.value().unwrap();
        assert!((0.5..=1.0).contains(&share) && figures.fill_rate.value().unwrap() <= 1.0, "{key:?}: {figures:?}");
        assert!((figures.lost_margin > 0.0) == (figures.fill_rate.value().unwrap() < 1.0), "{key:?}: {figures:?}");
    }
    let of_place = |line: &PlanLine| (ItemLocation::new(&line.item_id, &line.location_id) == place).then(String::new);
    let thrown: Vec<f64> = live.past(&of_place).values().map(|figures| figures.waste_value).collect();
    let cost = world.files.sources.iter().find(|lane| lane.item == Some(ItemIdx(0))).and_then(|lane| lane.unit_cost);
    let cost = cost.expect("the lane has a cost").to_f64().unwrap();
    let all: f64 = thrown.iter().sum();
    assert!((all - 4.0 * cost).abs() < 1e-3, "{all} for four units of {cost}: theft is no waste");
}

/// Master data that is said over is in the plan as it is in one made anew, in whatever order it came.
#[test]
fn what_is_said_about_master_data_is_planned_as_made_anew() {
    let mut world = World::new(business());
    let mut live = world.live();
    let before = world.made_anew();
    says_as_made_anew(&mut world, &mut live, 42, random_change);
    assert_ne!(live.proposals(), before.proposals);
}

/// Somebody says something about demand to come, or takes it back.
fn random_word(rng: &mut ChaCha8Rng, world: &World, day: Day, number: usize) -> Event {
    let item = world.files.items.choose(rng).unwrap();
    let store = world.files.locations.choose(rng).unwrap().location_id.clone();
    let today = world.settings.as_of.unwrap();
    let (from, n_days) = (today.plus(rng.random_range(-3..8)), rng.random_range(0..10));
    let (item_id, location_id) = (Some(item.item_id.clone()), Some(store.clone()));
    let (item_id, location_id, category) = match rng.random_range(0..6) {
        0 => (None, None, Some(item.category.clone()).filter(|path| !path.is_empty())),
        1 => (item_id, None, None),
        2 => (None, location_id, None),
        _ => (item_id, location_id, None),
    };
    let (item_id, location_id) = match (&item_id, &location_id, &category) {
        (None, None, None) => (Some(item.item_id.clone()), None),
        _ => (item_id, location_id),
    };
    let n = rng.random_range(0..30);
    let change = match rng.random_range(0..4) {
        0 if item_id.is_some() && location_id.is_some() => Some(DemandChange::Quantity(Quantity::from_whole(n))),
        1 => None,
        2 | 3 => Some(DemandChange::Surge(rust_decimal::Decimal::new(n, 1))),
        _ => Some(DemandChange::Factor(rust_decimal::Decimal::new(n, 1))),
    };
    let kind = match rng.random_bool(0.3) {
        true => EventKind::ForecastGiven(Box::new(GivenForecast {
            place: ItemLocation::new(&item.item_id, &store),
            day: from,
            mean: Some(n.into()),
            quantiles: Default::default(),
        })),
        false => EventKind::ForecastOverride(Box::new(ForecastOverride {
            key: OverrideKey { item_id, location_id, category, from, to: from.plus(n_days) },
            change,
            reason: "as told".to_owned(),
            author: "ann".to_owned(),
        })),
    };
    Event {
        event_id: number.to_string(),
        source: "api".to_owned(),
        occurred_at: instant(day, rng.random_range(6..22)),
        kind,
        attributes: Default::default(),
    }
}

/// What is said about demand to come is in the plan as it is in one made anew, in whatever order it came; an override of an
/// item changes its plan at once.
#[test]
fn what_is_said_about_demand_is_planned_as_made_anew() {
    let mut world = World::new(business());
    world.settings.forecast_model = "external".to_owned();
    let mut live = world.live();
    let before = world.made_anew();
    let today = world.settings.as_of.unwrap();
    says_as_made_anew(&mut world, &mut live, 11, random_word);
    assert_ne!(live.proposals(), before.proposals);

    // One item, everywhere: the very next plan of it has it.
    let busiest = before.lines.iter().max_by(|one, other| one.demand_per_day.total_cmp(&other.demand_per_day)).unwrap();
    let from = world.events.len();
    let key = OverrideKey {
        item_id: Some(busiest.item_id.clone()),
        location_id: None,
        category: None,
        from: today,
        to: today.plus(60),
    };
    let tenfold = ForecastOverride {
        key,
        change: Some(DemandChange::Factor(10.into())),
        reason: "as told".to_owned(),
        author: String::new(),
    };
    world.events.push(Event {
        event_id: "last".to_owned(),
        source: "api".to_owned(),
        occurred_at: instant(today, 23),
        kind: EventKind::ForecastOverride(Box::new(tenfold)),
        attributes: Default::default(),
    });
    let place = ItemLocation::new(&busiest.item_id, &busiest.location_id);
    let expected = live.planned_at(&place).unwrap().line.expected_demand;
    assert!(world.update(&mut live, from).contains(&place));
    assert!(live.planned_at(&place).unwrap().line.expected_demand > 2.0 * expected);
}

#[test]
fn a_store_is_planned_by_itself_and_its_centre_soon_after() {
    let mut files = business();
    (files.budgets, files.bom) = (Vec::new(), Vec::new());
    files.suppliers.iter_mut().for_each(|supplier| supplier.min_order_value = None);
    let mut world = World::new(files);
    let today = world.settings.as_of.unwrap();
    let mut live = world.live();
    let quantity_of = |proposals: &[Proposal], place: &ItemLocation| {
        let of_place = |one: &&Proposal| one.item_id == place.item_id && one.destination == place.location_id;
        proposals.iter().find(of_place).map_or(Quantity::ZERO, |one| one.quantity)
    };
    let before = world.made_anew();
    // A store that draws from a centre with plenty.
    let is_ample = |line: &&restock_engine::PlanLine| {
        let centre = before.lines.iter().find(|other| other.item_id == line.item_id && other.location_id == "dc");
        line.location_id != "dc" && centre.is_some_and(|centre| centre.on_hand > Quantity::from_whole(100))
    };
    let line = before.lines.iter().filter(is_ample).max_by_key(|line| line.on_hand).unwrap();
    let place = ItemLocation::new(&line.item_id, &line.location_id);
    world.events.push(Event {
        event_id: "1".to_owned(),
        source: "test".to_owned(),
        occurred_at: instant(today, 9),
        kind: EventKind::Count { place: place.clone(), on_hand: Quantity::ZERO },
        attributes: Default::default(),
    });
    let changed = world.update(&mut live, 0);
    assert_eq!(changed, BTreeSet::from([place.clone()]), "nobody else was planned");
    assert!(live.is_stale());
    let anew = world.made_anew();
    let wanted = quantity_of(&anew.proposals, &place);
    assert!(wanted > quantity_of(&before.proposals, &place));
    assert_eq!(quantity_of(&live.proposals(), &place), wanted);
    let centre = ItemLocation::new(&place.item_id, "dc");
    assert!(world.refresh(&mut live).contains(&centre), "the centre is asked for more");
    for proposal in &anew.proposals {
        let own = ItemLocation::new(&proposal.item_id, &proposal.destination);
        assert_eq!(quantity_of(&live.proposals(), &own), proposal.quantity, "{own:?}");
    }
    assert!(world.refresh(&mut live).is_empty());
}

#[test]
fn a_sale_of_today_counts_in_the_stock_and_is_expected_no_more() {
    let mut files = business();
    files.budgets.clear();
    let mut world = World::new(files);
    let today = world.settings.as_of.unwrap();
    let line_of = |plan: &Plan, place: &ItemLocation| {
        let is_it =
            |line: &&restock_engine::PlanLine| line.item_id == place.item_id && line.location_id == place.location_id;
        plan.lines.iter().find(is_it).cloned().unwrap()
    };
    let before = world.made_anew();
    let in_stock =
        before.lines.iter().filter(|line| line.on_hand > Quantity::from_whole(20) && line.location_id != "dc");
    let line = in_stock.max_by(|one, other| one.demand_per_day.total_cmp(&other.demand_per_day)).unwrap();
    assert!(line.demand_per_day > 1.0);
    let place = ItemLocation::new(&line.item_id, &line.location_id);
    let expected = line.expected_demand;
    let sell = |number: usize, units: i64| Event {
        event_id: number.to_string(),
        source: "test".to_owned(),
        occurred_at: instant(today, 9),
        kind: EventKind::Sale {
            place: place.clone(),
            quantity: Quantity::from_whole(units),
            unit_price: None,
            lost: None,
        },
        attributes: Default::default(),
    };
    world.events.push(sell(1, 1));
    let after = line_of(&world.made_anew(), &place);
    assert_eq!(after.on_hand, line.on_hand + -Quantity::from_whole(1));
    assert!(after.expected_demand <= expected && after.expected_demand >= expected - 1.0);
    // Far more than expected of the day: the rest of the demand is that of the days after.
    world.events.push(sell(2, 15));
    let busy = line_of(&world.made_anew(), &place);
    assert_eq!(busy.on_hand, line.on_hand + -Quantity::from_whole(16));
    assert!(busy.expected_demand < after.expected_demand, "{busy:?} {after:?}");
    assert_eq!(busy.recent_demand_per_day, line.recent_demand_per_day, "the day is not over");
}

/// A business whose weather moves demand, with a forecast of it for a week, and goods that scales and thermometers watch.
fn watched_business() -> Dataset {
    let mut dataset = business();
    let today = dataset.sales.day.iter().max().unwrap().plus(1);
    for location in 0..dataset.locations.len() as u32 {
        let location = LocationIdx(location);
        for ahead in -190..7 {
            let day = today.plus(ahead);
            let is_hot = (ahead + 400) % 5 < 2;
            if is_hot && ahead < 0 {
                let sales = &mut dataset.sales;
                for row in 0..sales.len() {
                    if sales.day[row] == day && sales.location[row] == location {
                        sales.quantity[row] = sales.quantity[row] + sales.quantity[row];
                    }
                }
            }
            let value = if is_hot { 28.0 } else { 18.0 };
            let name = "temperature".to_owned();
            dataset.signals.push(SignalRow { name, day, location: Some(location), value, known_in_future: false });
        }
    }
    for item in &mut dataset.items {
        item.weight = Some(0.5);
        item.shelf_life_days = item.shelf_life_days.or(Some(20));
        item.attributes.insert("max_temperature".to_owned(), "6".to_owned());
    }
    dataset
}

/// Readings of scales, thermometers and of the weather reach the plan as they reach the one made anew, and those of a place
/// change nothing elsewhere.
#[test]
fn readings_and_weather_reach_a_live_plan_and_stay_where_they_are() {
    let mut world = World::new(watched_business());
    world.settings.stock_belief = StockBeliefUse::Use;
    let first = world.made_anew();
    let mut live = world.live();
    assert_eq!(live.proposals(), first.proposals);
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let today = world.settings.as_of.unwrap();
    let (mut n_changed, mut n_moved, mut before_all) = (0, 0, first);
    for burst in 0..12 {
        let from = world.events.len();
        let location_id = world.files.locations.choose(&mut rng).unwrap().location_id.clone();
        let item_id = world.files.items.choose(&mut rng).unwrap().item_id.clone();
        let (metric, item_id, value) = match burst % 3 {
            0 => ("weight", Some(item_id), Decimal::new(rng.random_range(0..90), 1)),
            1 => ("temperature", Some(item_id), Decimal::new(rng.random_range(100..250), 1)),
            _ => ("temperature", None, Decimal::new(rng.random_range(0..400), 1)),
        };
        let reading = EventKind::SensorReading {
            sensor_id: "s".to_owned(),
            metric: metric.to_owned(),
            location_id: location_id.clone(),
            item_id: item_id.clone(),
            value,
            unit: String::new(),
        };
        // A fridge was too warm yesterday; the weather and the weight are those of today.
        let day = if burst % 3 == 1 { today.plus(-1) } else { today };
        let mut event = random_event(&mut rng, &world, day, world.events.len());
        event.kind = reading;
        world.events.push(event);
        world.update(&mut live, from);
        let before = live.proposals();
        let mut changed = world.settle(&mut live);
        let anew = world.made_anew();
        assert_eq!(live.proposals(), anew.proposals, "after burst {burst}");
        assert_eq!(live.plan_id(), anew.plan_id);
        n_changed += usize::from(before != live.proposals() || !changed.is_empty());
        // Weather is that of one location: other stores expect what they did, but for what all learn of its effect and
        // for the odd unit of the 32 paths that it moves.
        if item_id.is_none() {
            let expected = |is_meant: &dyn Fn(&PlanLine) -> bool| -> Vec<(f64, f64)> {
                let of = |plan: &Plan| -> Vec<f64> {
                    plan.lines.iter().filter(|line| is_meant(line)).map(|line| line.demand_per_day).collect()
                };
                of(&before_all).into_iter().zip(of(&anew)).collect()
            };
            let is_alike = |(before, after): &(f64, f64)| (before - after).abs() <= 0.02 * before.max(2.0);
            n_moved += usize::from(!expected(&|line| line.location_id == location_id).iter().all(is_alike));
            changed.retain(|place| place.location_id != location_id && !place.location_id.starts_with("dc"));
            let is_elsewhere = |line: &PlanLine| changed.contains(&ItemLocation::new(&line.item_id, &line.location_id));
            for pair in expected(&is_elsewhere) {
                assert!(is_alike(&pair), "{pair:?} of {changed:?}");
            }
        }
        before_all = anew;
    }
    assert!(n_changed >= 4, "{n_changed} of 12 readings changed anything");
    assert!(n_moved >= 1, "no weather changed what is expected where it is");
}
