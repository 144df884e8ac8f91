//! What sells together: dishes of one kitchen on a full evening.
//!
//! The demand of a component is the sum of the demand paths of what is made of it. Were those paths drawn apart, a
//! crowded house would fill one dish and not the next, and the sum would vary too little. So items that share components
//! are tied: on a part of the paths, all of them meet the same fortune (the same path of one point set, see
//! `restock_forecast::paths`), on the others each meets its own. With a share `r` of such paths the correlation of any
//! two items' normal scores is `r`, in every period and over every run of periods, and no item's own distribution changes,
//! because the order of its paths means nothing to itself.
//!
//! The share is the mean correlation of pairs of items over the last sixteen weeks, each seen against its own mean of the
//! weekday; it is 0 unless it is twice its standard error.

use std::collections::BTreeMap;

use restock_core::Bucket;
use restock_core::forecast::Observation;
use restock_core::policy::DemandPaths;

use crate::batch::Network;
use crate::groups::Groups;
use crate::play::next_random;
use crate::unit::PlanningUnit;

/// Periods that correlations are taken over.
const N_PERIODS: usize = 112;

/// How the paths of an item are tied to those of others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tie {
    /// The same for all that are tied to each other.
    pub(crate) seed: u64,
    /// Share of the paths on which all meet the same fortune.
    pub(crate) share: f64,
}

/// `[n_units]`: how each unit that is made when it is sold is tied to others that share its components.
pub(crate) fn ties(units: &[PlanningUnit], network: &Network) -> Vec<Option<Tie>> {
    let mut ties = vec![None; units.len()];
    for group in groups(units, network) {
        let sold: Vec<&PlanningUnit> =
            group.iter().map(|idx| &units[*idx]).filter(|unit| unit.history.series.n_periods() > 0).collect();
        let share = mean_correlation(&sold);
        let seed = sold.iter().map(|unit| unit.history.series.key).min();
        if let Some(seed) = seed.filter(|_| share > 0.0) {
            group.iter().for_each(|idx| ties[*idx] = Some(Tie { seed, share }));
        }
    }
    ties
}

/// Units that are made when they are sold, by what components connect.
fn groups(units: &[PlanningUnit], network: &Network) -> Vec<Vec<usize>> {
    let mut connected = Groups::new(units.len());
    let made: Vec<usize> = (0..units.len()).filter(|idx| units[*idx].made_to_order).collect();
    for idx in &made {
        network.above[*idx].iter().for_each(|(above, _)| connected.join(*idx as u32, *above as u32));
    }
    let mut groups: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for idx in made {
        groups.entry(connected.of(idx as u32)).or_default().push(idx);
    }
    groups.into_values().filter(|group| group.len() > 1).collect()
}

/// The mean correlation of pairs of items; 0 where it is not clearly above 0.
fn mean_correlation(units: &[&PlanningUnit]) -> f64 {
    // Of each of the last periods: the sum of residuals, of their squares, and how many items were seen.
    let mut periods: BTreeMap<i32, (f64, f64, f64)> = BTreeMap::new();
    for unit in units {
        let series = &unit.history.series;
        let from = series.n_periods().saturating_sub(N_PERIODS);
        let seen: Vec<(i32, f64)> = (from..series.n_periods())
            .filter(|idx| series.observations[*idx] == Observation::Full)
            .map(|idx| (series.first_period + idx as i32, series.demand[idx]))
            .collect();
        let season = if series.bucket == Bucket::Day { 7 } else { 1 };
        let mut means: BTreeMap<i32, (f64, f64)> = BTreeMap::new();
        for (period, demand) in &seen {
            let mean = means.entry(period.rem_euclid(season)).or_default();
            *mean = (mean.0 + demand, mean.1 + 1.0);
        }
        let residual = |(period, demand): &(i32, f64)| {
            let (sum, n) = means[&period.rem_euclid(season)];
            (*period, demand - sum / n)
        };
        let residuals: Vec<(i32, f64)> = seen.iter().map(residual).collect();
        let n_free = residuals.len() as f64 - means.len() as f64;
        let variance = residuals.iter().map(|(_, residual)| residual * residual).sum::<f64>() / n_free.max(1.0);
        if n_free < 21.0 || variance <= 1e-12 {
            continue;
        }
        for (period, residual) in residuals {
            let sums = periods.entry(period).or_default();
            let score = residual / variance.sqrt();
            *sums = (sums.0 + score, sums.1 + score * score, sums.2 + 1.0);
        }
    }
    let (mut products, mut n_pairs) = (0.0, 0.0);
    for (sum, squares, n) in periods.values() {
        products += (sum * sum - squares) / 2.0;
        n_pairs += n * (n - 1.0) / 2.0;
    }
    if n_pairs < 1.0 {
        return 0.0;
    }
    let correlation = products / n_pairs;
    let clearly = 2.0 / n_pairs.sqrt();
    if correlation > clearly { correlation.min(0.95) } else { 0.0 }
}

/// Ties paths that were drawn with the seed of the tie: those beyond its share change places, by the item's own seed.
pub(crate) fn loosen(paths: &mut DemandPaths, tie: Tie, own_seed: u64) {
    let (n_paths, horizon) = (paths.n_paths(), paths.horizon);
    if horizon == 0 {
        return;
    }
    let mut state = tie.seed ^ 0x7469_6573;
    let mut order: Vec<usize> = (0..n_paths).collect();
    let shuffle = |order: &mut [usize], state: &mut u64| {
        for idx in (1..order.len()).rev() {
            order.swap(idx, (next_random(state) % (idx as u64 + 1)) as usize);
        }
    };
    shuffle(&mut order, &mut state);
    // The first are tied, the same for everybody.
    let n_tied = (tie.share * n_paths as f64).round() as usize;
    let free = &order[n_tied.min(n_paths)..];
    let mut places = free.to_vec();
    let mut state = own_seed ^ 0x006f_776e;
    shuffle(&mut places, &mut state);
    let before = paths.values.clone();
    for (from, to) in free.iter().zip(places) {
        paths.values[to * horizon..(to + 1) * horizon].copy_from_slice(&before[from * horizon..(from + 1) * horizon]);
    }
}
