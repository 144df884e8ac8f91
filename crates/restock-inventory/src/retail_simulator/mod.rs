//! A seeded simulator of a retail chain: demand, prices, promotions, holidays, and the supply that runs short.
//!
//! [`chain`] returns a [`Dataset`] as a reader would have filled it from files. Customers' demand is drawn around
//! rates with levels, trends, life cycles, weekdays, seasons, holidays, promotions and prices; stores order from one
//! distribution centre, which orders from suppliers with random lead times; what is not on the shelf cannot be sold.
//! The same configuration and seed give the same data on any machine and any number of threads.
//!
//! It is meant for examples, load tests and environments, where the truth must be known: [`for_each_item`] hands over
//! the latent demand next to the sales. It is not a model of one particular business.
//!
//! ```
//! use restock_inventory::retail_simulator::{ChainConfig, chain};
//! let config = ChainConfig { n_items: 3, n_stores: 2, n_days: 30, ..ChainConfig::default() };
//! let dataset = chain(&config, 42);
//! assert_eq!(dataset.items.len(), 3);
//! assert_eq!(dataset.locations.len(), 3, "two stores and the distribution centre");
//! assert_eq!(dataset, chain(&config, 42));
//! ```
//!
//! # Simplifications
//! 1. Past orders ignore the suppliers' minimum order value; only the order of the next plan has to meet it.
//! 2. What the centre cannot ship is not kept as a backorder: the store asks again on its next order day.
//! 3. Goods start a full shelf life at every arrival, as `shelf_life_days` is defined.

mod calendar;
mod catalogue;
mod demand;
mod inaccurate_records;
pub mod prior;
pub(crate) mod random;
mod supply;
mod tables;
mod world;

use rayon::prelude::*;
use restock_core::{Dataset, Day, StockState, Units};

pub use demand::CountModel;
pub use inaccurate_records::{RecordErrors, RecordedSeries, SimulatedCount, inaccurate_chain};
use world::World;

/// The chain to simulate.
#[derive(Clone, Debug, PartialEq)]
pub struct ChainConfig {
    /// Number of items.
    pub n_items: usize,
    /// Number of stores; there is one distribution centre besides.
    pub n_stores: usize,
    /// Days of history.
    pub n_days: usize,
    /// Last day of the history; plans are made on the day after.
    pub last_day: Day,
    /// Days after the history for which promotions and holidays are known.
    pub n_future_days: usize,
    /// Mean of the logarithm of an item's daily demand at a middle store.
    pub log_level_mean: f64,
    /// Standard deviation of that logarithm over items.
    pub log_level_sd: f64,
    /// Share of items launched during the history.
    pub share_launched: f64,
    /// Share of items that end, most during the history and some after it.
    pub share_ended: f64,
    /// Share of items that are ever promoted.
    pub share_promoted: f64,
    /// Share of item-locations whose demand stops and starts again; fresh goods are always wanted.
    pub share_on_off: f64,
    /// Share of stores closed on Sundays.
    pub share_closed_on_sundays: f64,
    /// Share of stores that write down their stock-outs; elsewhere they must be inferred.
    pub share_stores_recording_stockouts: f64,
    /// Days before the end of the history from which deliveries from the centre to stores are in the receipts.
    /// Supplier deliveries are always all there.
    pub n_days_of_transfers: usize,
}

impl Default for ChainConfig {
    /// Twenty items in three stores over a year, as sparse as supermarket data is.
    fn default() -> Self {
        Self {
            n_items: 20,
            n_stores: 3,
            n_days: 365,
            last_day: Day::from_ymd(2026, 3, 22).expect("a day"),
            n_future_days: 56,
            log_level_mean: -0.2,
            log_level_sd: 1.6,
            share_launched: 0.12,
            share_ended: 0.1,
            share_promoted: 0.7,
            share_on_off: 0.2,
            share_closed_on_sundays: 0.6,
            share_stores_recording_stockouts: 0.6,
            n_days_of_transfers: 365,
        }
    }
}

impl ChainConfig {
    /// The chain that ships in `examples/shop`: every product of the catalogue in three stores, small enough to read.
    pub fn example_shop() -> Self {
        Self {
            n_items: 60,
            n_stores: 3,
            n_days: 350,
            log_level_mean: -0.5,
            log_level_sd: 1.35,
            share_launched: 0.06,
            share_ended: 0.06,
            share_closed_on_sundays: 1.0,
            n_days_of_transfers: 7,
            ..Self::default()
        }
    }

    /// A chain with at least `n_item_locations` pairs of item and store over a year, for load tests: at most 50 stores,
    /// the distribution centre not counted, transfers left out of the receipts.
    pub fn with_item_locations(n_item_locations: usize) -> Self {
        let n_stores = (n_item_locations / 2000).clamp(3, 50);
        let n_items = n_item_locations.div_ceil(n_stores).max(1);
        Self { n_items, n_stores, n_days_of_transfers: 0, ..Self::default() }
    }
}

/// What happened to one item at one place, by day of the history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeriesHistory {
    /// `[n_days]`: units wanted: latent demand at a store, units asked for by stores at the distribution centre.
    pub demand: Vec<Units>,
    /// `[n_days]`: units sold or shipped, at most the demand.
    pub sold: Vec<Units>,
    /// `[n_days]`: units that arrived.
    pub received: Vec<Units>,
    /// `[n_days]`: units that expired at the end of the day.
    pub expired: Vec<Units>,
    /// `[n_days]`: units on the shelf at the end of the day.
    pub on_hand: Vec<Units>,
    /// Units on the shelf before the first day.
    pub on_hand_at_start: Units,
    /// The stock as it stands after the last day; arrivals count from the day after.
    pub stock_at_end: StockState,
}

impl SeriesHistory {
    fn with_capacity(n_days: usize) -> Self {
        let days = || Vec::with_capacity(n_days);
        Self { demand: days(), sold: days(), received: days(), expired: days(), on_hand: days(), ..Self::default() }
    }

    fn ended_with(self, stock_at_end: StockState) -> Self {
        Self { stock_at_end, ..self }
    }
}

/// An order of the past: to a supplier, or from a store to the distribution centre.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SupplyOrder {
    /// The store that gets it; `None` is the distribution centre.
    pub store_idx: Option<usize>,
    /// Units.
    pub quantity: Units,
    /// Day of the order.
    pub ordered_on: Day,
    /// Day promised.
    pub due_on: Day,
    /// Day of arrival; after the end of the history the order is still open.
    pub received_on: Day,
}

/// What happened to one item in the whole chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemHistory {
    /// Index of the item in [`Dataset::items`].
    pub item_idx: usize,
    /// `[n_stores]`, in the order of the stores in [`Dataset::locations`], where the distribution centre comes first.
    pub stores: Vec<SeriesHistory>,
    /// The distribution centre.
    pub centre: SeriesHistory,
    /// Every order placed, by day, those of the days before the history included.
    pub orders: Vec<SupplyOrder>,
}

/// Items simulated at a time: enough to keep every thread busy, few enough to keep memory small.
const CHUNK: usize = 256;

/// Simulates a chain and returns its tables.
pub fn chain(config: &ChainConfig, seed: u64) -> Dataset {
    let world = World::new(config, seed);
    let mut dataset = tables::without_history(config, &world);
    simulate(&world, |history| tables::append(config, &world, history, &mut dataset));
    tables::finish(&mut dataset);
    dataset
}

/// Simulates a chain item by item, in the order of [`Dataset::items`], without keeping any of it.
pub fn for_each_item(config: &ChainConfig, seed: u64, visit: impl FnMut(&ItemHistory)) {
    simulate(&World::new(config, seed), visit);
}

fn simulate(world: &World, mut visit: impl FnMut(&ItemHistory)) {
    let n_items = world.items.len();
    for start in (0..n_items).step_by(CHUNK) {
        let item_idxs = start..(start + CHUNK).min(n_items);
        let histories: Vec<ItemHistory> =
            item_idxs.into_par_iter().map(|item_idx| supply::simulate_item(world, item_idx)).collect();
        histories.iter().for_each(&mut visit);
    }
}

#[cfg(test)]
mod tests;
