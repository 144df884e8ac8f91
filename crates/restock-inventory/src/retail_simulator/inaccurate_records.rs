//! Stores whose records are wrong, with the truth beside them.
//!
//! Customers want what they want in [`chain`](super::chain), and stores order by the same rule, but on what the books
//! say: stock is lost and found unseen, deliveries lack packs, and only counts set the books right. Where the shelf is
//! empty and the books are not, nothing sells and nothing is ordered: the item is frozen until somebody sees it.
//!
//! # Simplifications
//! 1. The distribution centre has everything.
//! 2. Items that expire are left out: somebody looks at them every day.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Gamma};
use rayon::prelude::*;
use restock_core::dataset::{AdjustmentRow, InventoryRow, OpenOrderRow, Origin, ReceiptRow};
use restock_core::stock::{Arrival, Lot};
use restock_core::{Dataset, ItemIdx, LocationIdx, Quantity, RowRef, StockState, Units};

use super::random::stream;
use super::supply::{StoreRule, demands, store_request};
use super::world::{SimulatedItem, Store, Subject, World, key_of};
use super::{ChainConfig, tables};

/// How records go wrong, and how they are set right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecordErrors {
    /// Unseen changes per item-location and day, in the mean; each item-location has its own rate, drawn from an
    /// exponential law.
    pub changes_per_day: f64,
    /// Mean units of a change, geometric from 1.
    pub mean_size: f64,
    /// Share of changes that are losses.
    pub loss_share: f64,
    /// Share of deliveries of which a pack is missing and is booked all the same.
    pub short_deliveries: f64,
    /// Mean days between two counts of an item-location, which come at random.
    pub days_between_counts: f64,
    /// Probability that an empty shelf, in the books of which there is stock, is seen and set right on a day.
    pub seen_per_day: f64,
}

impl Default for RecordErrors {
    /// 60 % of the records are wrong after a year: DeHoratius & Raman (2008), *Management Science* 54(4), found 65 %.
    fn default() -> Self {
        Self {
            changes_per_day: 0.022,
            mean_size: 2.5,
            loss_share: 0.6,
            short_deliveries: 0.01,
            days_between_counts: 300.0,
            seen_per_day: 0.04,
        }
    }
}

/// One item in one store: what the books say, and what is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedSeries {
    /// Index in [`Dataset::items`].
    pub item_idx: usize,
    /// Index among the stores; its location comes one later, after the distribution centre.
    pub store_idx: usize,
    /// `[n_days]`: units wanted.
    pub demand: Vec<Units>,
    /// `[n_days]`: units sold.
    pub sold: Vec<Units>,
    /// `[n_days]`: units that the books say came in.
    pub booked: Vec<Units>,
    /// Counts, the earliest first.
    pub counts: Vec<SimulatedCount>,
    /// What the books say after the last day, units.
    pub recorded: Units,
    /// What is there after the last day, units.
    pub on_hand: Units,
    /// Days from the last one to the arrivals that the books expect, with their units.
    pub arrivals: Vec<Arrival>,
}

/// Somebody counted at the end of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimulatedCount {
    /// Index of the day.
    pub day_idx: usize,
    /// Units counted.
    pub on_hand: Units,
    /// Units by which the count corrected the books.
    pub corrected: Units,
}

/// Simulates stores with wrong records and returns their tables, and the truth for each item-location with a stock of
/// its own. The tables hold sales, all deliveries to stores, counts as adjustments with the reason `count`, and the
/// stock as the books have it; stock-outs are not written down.
pub fn inaccurate_chain(config: &ChainConfig, errors: &RecordErrors, seed: u64) -> (Dataset, Vec<RecordedSeries>) {
    let world = World::new(config, seed);
    let mut dataset = tables::without_history(config, &world);
    let keeps: Vec<usize> = (0..world.items.len()).filter(|idx| world.items[*idx].shelf_life().is_none()).collect();
    let series: Vec<Vec<RecordedSeries>> =
        keeps.into_par_iter().map(|item_idx| simulate_item(&world, errors, item_idx)).collect();
    let series: Vec<RecordedSeries> = series.into_iter().flatten().collect();
    series.iter().for_each(|series| append(&world, series, &mut dataset));
    tables::finish(&mut dataset);
    (dataset, series)
}

fn simulate_item(world: &World, errors: &RecordErrors, item_idx: usize) -> Vec<RecordedSeries> {
    let item = &world.items[item_idx];
    let demands = demands(world, item);
    let mut rng = stream(world.seed, &[Subject::Supply as u64, key_of(&item.id)]);
    let rules = StoreRule::draw(item, &demands, &mut rng);
    let stores = world.stores.iter().zip(demands).zip(rules).enumerate();
    stores
        .map(|(store_idx, ((store, demand), rule))| {
            let rng = stream(world.seed, &[Subject::Records as u64, key_of(&item.id), store_idx as u64]);
            let series = Series { world, errors, item, store, rule, rng };
            RecordedSeries { item_idx, store_idx, ..series.simulate(&demand) }
        })
        .collect()
}

struct Series<'a> {
    world: &'a World,
    errors: &'a RecordErrors,
    item: &'a SimulatedItem,
    store: &'a Store,
    rule: StoreRule,
    rng: ChaCha8Rng,
}

impl Series<'_> {
    fn simulate(mut self, demand: &[Units]) -> RecordedSeries {
        let (world, errors, item) = (self.world, self.errors, self.item);
        let own_rate = Gamma::new(1.0, errors.changes_per_day).expect("a positive rate").sample(&mut self.rng);
        let count_chance = 1.0 / errors.days_between_counts;
        let pack = item.pack_units();
        let mut out = RecordedSeries {
            item_idx: 0,
            store_idx: 0,
            demand: Vec::new(),
            sold: Vec::new(),
            booked: Vec::new(),
            counts: Vec::new(),
            recorded: 0,
            on_hand: 0,
            arrivals: Vec::new(),
        };
        for day_idx in 0..world.history.end {
            // In the morning: what was ordered is booked as it was ordered, what came may be less.
            out.arrivals.iter_mut().for_each(|arrival| arrival.periods_ahead -= 1);
            let booked: Units =
                out.arrivals.iter().filter(|arrival| arrival.periods_ahead <= 0).map(|arrival| arrival.quantity).sum();
            out.arrivals.retain(|arrival| arrival.periods_ahead > 0);
            out.recorded += booked;
            out.on_hand += booked;
            if booked > 0 && self.rng.random_bool(errors.short_deliveries) {
                out.on_hand -= pack.min(out.on_hand);
            }
            self.change_unseen(own_rate, &mut out.on_hand);

            // The store orders on what the books say.
            if self.store.order_weekdays(item)[world.day(day_idx).weekday_idx()] {
                let lots = vec![Lot { periods_left: i32::MAX, quantity: out.recorded.max(0) }];
                let stock = StockState { lots, arrivals: out.arrivals.clone(), ..StockState::default() };
                let quantity = store_request(world, item, self.store, &self.rule, &stock, day_idx);
                if quantity > 0 {
                    let periods_ahead = self.store.lead_time_days(item) as i32;
                    out.arrivals.push(Arrival { periods_ahead, quantity });
                }
            }

            let wanted = demand[day_idx];
            let sold = wanted.min(out.on_hand);
            out.on_hand -= sold;
            let had_stock = out.recorded > 0;
            // More sold than the books have is booked as it is: they go below zero until a count.
            out.recorded -= sold;
            self.rule.learn(world, item, self.store, day_idx, had_stock || sold > 0, sold);

            let is_seen = out.on_hand == 0 && out.recorded > 0 && self.rng.random_bool(errors.seen_per_day);
            let is_counted = is_seen || self.rng.random_bool(count_chance);
            if is_counted && world.history.contains(&day_idx) {
                let (on_hand, corrected) = (out.on_hand, out.on_hand - out.recorded);
                out.counts.push(SimulatedCount { day_idx: day_idx - world.history.start, on_hand, corrected });
            }
            if is_counted {
                out.recorded = out.on_hand;
            }
            if world.history.contains(&day_idx) {
                out.demand.push(wanted);
                out.sold.push(sold);
                out.booked.push(booked);
            }
        }
        out
    }

    fn change_unseen(&mut self, own_rate: f64, on_hand: &mut Units) {
        if self.rng.random::<f64>() >= own_rate {
            return;
        }
        let more = 1.0 - 1.0 / self.errors.mean_size;
        let mut size = self.item.units_per_base;
        while self.rng.random::<f64>() < more {
            size += self.item.units_per_base;
        }
        *on_hand =
            if self.rng.random_bool(self.errors.loss_share) { (*on_hand - size).max(0) } else { *on_hand + size };
    }
}

fn append(world: &World, series: &RecordedSeries, dataset: &mut Dataset) {
    let item = &world.items[series.item_idx];
    let (item_idx, location) = (ItemIdx(series.item_idx as u32), LocationIdx(series.store_idx as u32 + 1));
    let day = |offset: usize| world.day(world.history.start + offset);
    let origin = Some(Origin::Location(LocationIdx(0)));
    let row = RowRef::default();
    for (offset, sold) in series.sold.iter().enumerate().filter(|(_, sold)| **sold > 0) {
        dataset.sales.item.push(item_idx);
        dataset.sales.location.push(location);
        dataset.sales.day.push(day(offset));
        dataset.sales.quantity.push(item.quantity(*sold));
    }
    for (offset, booked) in series.booked.iter().enumerate().filter(|(_, booked)| **booked > 0) {
        dataset.receipts.push(ReceiptRow {
            order_id: format!("T{}-{}", day(offset).to_string().replace('-', ""), store_id(world, series)),
            item: item_idx,
            location: Some(location),
            origin,
            quantity: item.quantity(*booked),
            ordered_on: None,
            due_on: None,
            received_on: day(offset),
            unit_cost: None,
            row,
        });
    }
    for count in &series.counts {
        let (day, quantity) = (day(count.day_idx), item.quantity(count.corrected));
        let reason = "count".to_owned();
        dataset.adjustments.push(AdjustmentRow { day, item: item_idx, location, quantity, reason, row });
    }
    let last = day(series.sold.len() - 1);
    for arrival in &series.arrivals {
        let due_on = last.plus(arrival.periods_ahead);
        dataset.open_orders.push(OpenOrderRow {
            order_id: format!("T{}-{}", due_on.to_string().replace('-', ""), store_id(world, series)),
            item: item_idx,
            to_location: location,
            origin,
            quantity: item.quantity(arrival.quantity),
            received: Quantity::ZERO,
            ordered_on: None,
            due_on: Some(due_on),
            status: "confirmed".to_owned(),
            row,
        });
    }
    dataset.inventory.push(InventoryRow {
        item: item_idx,
        location,
        on_hand: item.quantity(series.recorded),
        as_of: Some(last),
        lot_id: None,
        expiry: None,
        allocated: Quantity::ZERO,
        blocked: Quantity::ZERO,
        in_transit: Quantity::ZERO,
        row,
    });
}

fn store_id<'a>(world: &'a World, series: &RecordedSeries) -> &'a str {
    &world.stores[series.store_idx].id
}
