//! Goods that come in and go out of each location on each day of the simulated futures: what docks and routes are planned
//! with.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};

use restock_core::dataset::{CapacityRow, Dataset};
use restock_core::{Day, LocationIdx};
use serde::{Deserialize, Serialize};

use super::report::Estimate;
use crate::limits::holds_on;

/// Goods that move, over the simulated futures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Goods {
    /// Item-locations of which anything moves.
    pub lines: Estimate,
    /// Base units, of all items together.
    pub units: Estimate,
    /// Cubic metres of items that say theirs.
    pub volume: Estimate,
    /// Kilograms of items that say theirs.
    pub weight: Estimate,
}

/// One location on one day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SiteDay {
    /// Location.
    pub location_id: String,
    /// Day.
    pub day: Day,
    /// What arrives.
    pub inbound: Goods,
    /// What is sold and sent to other locations.
    pub outbound: Goods,
    /// Share of the futures in which more arrives than a capacity of the location holds; `None` where it has none that day.
    pub p_over_capacity: Option<f64>,
}

/// Direction of goods.
#[derive(Clone, Copy)]
pub(super) enum Direction {
    Inbound,
    Outbound,
}

/// Lines, units, volume and weight.
const N_MEASURES: usize = 4;

/// Sums are whole millionths, so that they do not depend on the order in which they are made.
const SCALE: f64 = 1e6;

/// Sums over item-locations, made by many threads.
pub(super) struct Volumes {
    n_paths: usize,
    n_periods: usize,
    /// `[n_scenarios][n_locations][n_periods × n_paths × 2 × N_MEASURES]`, where anything is there at all.
    cells: Vec<Vec<OnceLock<Box<[AtomicI64]>>>>,
}

impl Volumes {
    pub(super) fn new(n_scenarios: usize, n_locations: usize, n_periods: usize, n_paths: usize) -> Self {
        let scenario = |_| (0..n_locations).map(|_| OnceLock::new()).collect();
        Self { n_paths, n_periods, cells: (0..n_scenarios).map(scenario).collect() }
    }

    /// Adds `units` base units of `volume` cubic metres and `weight` kilograms each.
    pub(super) fn add(
        &self,
        (scenario, location): (usize, LocationIdx),
        (t, path): (usize, usize),
        direction: Direction,
        units: f64,
        (volume, weight): (f64, f64),
    ) {
        let n_cells = self.n_periods * self.n_paths * 2 * N_MEASURES;
        let cells =
            self.cells[scenario][location.0 as usize].get_or_init(|| (0..n_cells).map(|_| AtomicI64::new(0)).collect());
        let at = ((t * self.n_paths + path) * 2 + direction as usize) * N_MEASURES;
        for (cell, amount) in cells[at..at + N_MEASURES].iter().zip([1.0, units, units * volume, units * weight]) {
            cell.fetch_add((amount * SCALE).round() as i64, Ordering::Relaxed);
        }
    }

    /// Every location with item-locations, day by day, by id.
    pub(super) fn report(&self, scenario: usize, dataset: &Dataset, start: Day) -> Vec<SiteDay> {
        let places = dataset.locations.iter().zip(&self.cells[scenario]);
        let known = places.filter_map(|(location, cells)| Some((location, cells.get()?)));
        known
            .flat_map(|(location, cells)| {
                let scope = format!("location:{}", location.location_id);
                let capacities: Vec<&CapacityRow> =
                    dataset.capacities.iter().filter(|row| row.scope == scope).collect();
                (0..self.n_periods).map(move |t| {
                    let day = start.plus(t as i32);
                    let amount = |path: usize, direction: Direction, measure: usize| {
                        let at = ((t * self.n_paths + path) * 2 + direction as usize) * N_MEASURES + measure;
                        cells[at].load(Ordering::Relaxed) as f64 / SCALE
                    };
                    let goods = |direction: Direction| {
                        let of = |measure: usize| {
                            let paths = (0..self.n_paths).map(|path| amount(path, direction, measure));
                            Estimate::of(paths.collect()).unwrap_or_default()
                        };
                        Goods { lines: of(0), units: of(1), volume: of(2), weight: of(3) }
                    };
                    let today: Vec<&&CapacityRow> =
                        capacities.iter().filter(|row| holds_on(day, row.from, row.to)).collect();
                    let is_over = |path: usize| {
                        let more = |measure: usize, most: Option<f64>| {
                            most.is_some_and(|most| amount(path, Direction::Inbound, measure) > most + 1e-6)
                        };
                        let is_over = |row: &&&CapacityRow| {
                            more(0, row.lines.map(f64::from)) || more(2, row.volume) || more(3, row.weight)
                        };
                        today.iter().any(is_over)
                    };
                    let n_over = (0..self.n_paths).filter(|path| is_over(*path)).count();
                    SiteDay {
                        location_id: location.location_id.clone(),
                        day,
                        inbound: goods(Direction::Inbound),
                        outbound: goods(Direction::Outbound),
                        p_over_capacity: (!today.is_empty()).then(|| n_over as f64 / self.n_paths as f64),
                    }
                })
            })
            .collect()
    }
}
