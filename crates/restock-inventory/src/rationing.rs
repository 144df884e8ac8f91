//! Scarce stock of a sending location, shared among the places that ask for it.
//!
//! A part of it, the floor, is shared in proportion to what is wanted, so that nobody is left without. The rest goes pack by
//! pack to where a unit is worth most: the cost of a lost unit times the probability that it would be missed,
//! `c · P(D > x)`, where `x` is what the place has and gets and `D` its demand until the order after this one can arrive.
//! Values fall with every pack, so pack by pack is optimal up to the last one (Fox 1966, "Discrete optimization via marginal
//! analysis", *Management Science* 13(3)). Where all lost units cost the same, it makes the probabilities of a stock-out equal
//! (Eppen & Schrage 1981, "Centralized ordering policies in a multi-warehouse system with lead times and random demand",
//! *TIMS Studies in the Management Sciences* 16).

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use restock_core::Units;
use restock_core::policy::DemandDistribution;

/// What a place wants of a scarce stock.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// Units wanted.
    pub wanted: Units,
    /// Units in a pack, at least 1.
    pub order_multiple: Units,
    /// Fewest units that are sent, if any are.
    pub min_order: Units,
    /// Inventory position without what is wanted, units.
    pub position: Units,
    /// Demand until the order after this one can arrive, units.
    pub demand: &'a DemandDistribution,
    /// Cost of a lost unit, currency.
    pub lost_unit: f64,
}

impl Claim<'_> {
    /// Worth of the units from `from` to `to` of what it gets, per unit.
    fn worth(&self, from: Units, to: Units) -> f64 {
        let lost_at = |granted: Units| self.demand.expected_shortage((self.position + granted) as f64);
        self.lost_unit * (lost_at(from) - lost_at(to)) / (to - from) as f64
    }

    /// What it has with `granted` units, in shares of expected demand.
    fn cover(&self, granted: Units) -> f64 {
        (self.position + granted) as f64 / self.demand.mean().max(1e-9)
    }
}

/// The next pack of a claim. The one that is worth most comes first; of packs that are worth the same, that of the place with
/// the least cover.
#[derive(PartialEq)]
struct Next {
    worth: f64,
    cover: f64,
    idx: usize,
}

impl Eq for Next {}

impl PartialOrd for Next {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Next {
    fn cmp(&self, other: &Self) -> Ordering {
        self.worth
            .total_cmp(&other.worth)
            .then_with(|| other.cover.total_cmp(&self.cover))
            .then_with(|| other.idx.cmp(&self.idx))
    }
}

/// `[n_claims]`: units for each of the claims, whole packs, never below a minimum order and never more than wanted. `floor`,
/// 0 to 1, is the share of `available` units that is shared in proportion to what is wanted.
///
/// ```
/// use restock_core::policy::DemandDistribution;
/// use restock_inventory::rationing::{Claim, share};
/// // Both want 20. One has nothing, the other enough for its demand of 10.
/// let demand = DemandDistribution::from_scenarios(vec![10.0; 8]);
/// let claim = |position| Claim {
///     wanted: 20, order_multiple: 1, min_order: 0, position, demand: &demand, lost_unit: 2.0,
/// };
/// assert_eq!(share(&[claim(0), claim(10)], 12, 0.0), [11, 1]);
/// assert_eq!(share(&[claim(0), claim(10)], 12, 0.5), [9, 3]);
/// assert_eq!(share(&[claim(0), claim(10)], 12, 1.0), [6, 6]);
/// ```
pub fn share(claims: &[Claim<'_>], available: Units, floor: f64) -> Vec<Units> {
    let mut active: Vec<bool> = claims.iter().map(|claim| claim.wanted > 0).collect();
    loop {
        let granted = share_among(claims, &active, available, floor);
        // A claim below its minimum order gets nothing; the smallest such claim gives way first.
        let below_minimum = (0..claims.len())
            .filter(|idx| active[*idx] && granted[*idx] < claims[*idx].min_order)
            .min_by_key(|idx| (granted[*idx], *idx));
        match below_minimum {
            Some(idx) => active[idx] = false,
            None => return granted,
        }
    }
}

fn share_among(claims: &[Claim<'_>], active: &[bool], available: Units, floor: f64) -> Vec<Units> {
    let total: Units = claims.iter().zip(active).filter(|(_, active)| **active).map(|(claim, _)| claim.wanted).sum();
    let shared = (available as f64 * floor.clamp(0.0, 1.0)) as Units;
    let of_floor = |(claim, active): (&Claim<'_>, &bool)| {
        if !active {
            return 0;
        }
        let share = i128::from(shared) * i128::from(claim.wanted) / i128::from(total);
        (share as Units).min(claim.wanted) / claim.order_multiple * claim.order_multiple
    };
    let mut granted: Vec<Units> = claims.iter().zip(active).map(of_floor).collect();
    let mut left = available - granted.iter().sum::<Units>();
    let next = |idx: usize, granted: Units| {
        let claim = &claims[idx];
        let to = granted + claim.order_multiple;
        (to <= claim.wanted).then(|| Next { worth: claim.worth(granted, to), cover: claim.cover(granted), idx })
    };
    let mut waiting: BinaryHeap<Next> =
        (0..claims.len()).filter(|idx| active[*idx]).filter_map(|idx| next(idx, granted[idx])).collect();
    while let Some(Next { idx, .. }) = waiting.pop() {
        let pack = claims[idx].order_multiple;
        // A pack that does not fit now never will.
        if pack <= left {
            granted[idx] += pack;
            left -= pack;
            waiting.extend(next(idx, granted[idx]));
        }
    }
    granted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn claim<'a>(wanted: Units, position: Units, demand: &'a DemandDistribution) -> Claim<'a> {
        Claim { wanted, order_multiple: 1, min_order: 0, position, demand, lost_unit: 1.0 }
    }

    fn poisson_like(mean: f64) -> DemandDistribution {
        // Quantiles of a triangle from 0 to twice the mean.
        let scenarios = (0..200).map(|idx| {
            let level = (f64::from(idx) + 0.5) / 200.0;
            mean * if level < 0.5 { (2.0 * level).sqrt() } else { 2.0 - (2.0 * (1.0 - level)).sqrt() }
        });
        DemandDistribution::from_scenarios(scenarios.collect())
    }

    #[test]
    fn equal_costs_make_stockouts_equally_likely() {
        let (small, large) = (poisson_like(100.0), poisson_like(1_000.0));
        let claims = [claim(2_000, 20, &small), claim(2_000, 0, &large)];
        let granted = share(&claims, 800, 0.0);
        assert_eq!(granted.iter().sum::<Units>(), 800);
        let covered = |claim: &Claim<'_>, granted: Units| (claim.position + granted) as f64 / claim.demand.mean();
        // The same fraction of two distributions of one shape.
        assert!((covered(&claims[0], granted[0]) - covered(&claims[1], granted[1])).abs() < 0.02, "{granted:?}");
    }

    #[test]
    fn a_lost_unit_that_costs_more_is_served_first() {
        let demand = poisson_like(50.0);
        let vital = Claim { lost_unit: 10.0, ..claim(80, 0, &demand) };
        let granted = share(&[claim(80, 0, &demand), vital], 60, 0.0);
        assert!(granted[1] > 2 * granted[0], "{granted:?}");
        let with_floor = share(&[claim(80, 0, &demand), vital], 60, 0.6);
        assert!(with_floor[0] >= 18, "half of 60 % at least: {with_floor:?}");
    }

    #[test]
    fn minimum_orders_hold_and_the_smallest_gives_way() {
        let demand = poisson_like(10.0);
        let with_minimum = |position| Claim { min_order: 6, order_multiple: 2, ..claim(10, position, &demand) };
        assert_eq!(share(&[with_minimum(4), with_minimum(0)], 9, 0.0), [0, 8]);
        assert_eq!(share(&[with_minimum(0), with_minimum(0)], 5, 0.5), [0, 0]);
    }

    proptest! {
        /// Nothing is sent that is not there, in whole packs, and where packs are single units nothing is kept back.
        #[test]
        fn what_is_there_is_shared(
            raw in prop::collection::vec((0_i64..40, 1_i64..5, 0_i64..6, -5_i64..30, 1_u32..40, 1_u32..9), 1..6),
            available in 0_i64..120,
            floor in 0.0_f64..1.0,
        ) {
            let demands: Vec<DemandDistribution> = raw.iter().map(|one| poisson_like(f64::from(one.4))).collect();
            let claims: Vec<Claim<'_>> = raw
                .iter()
                .zip(&demands)
                .map(|(one, demand)| Claim {
                    wanted: one.0 / one.1 * one.1,
                    order_multiple: one.1,
                    min_order: one.2,
                    position: one.3,
                    demand,
                    lost_unit: f64::from(one.5),
                })
                .collect();
            let granted = share(&claims, available, floor);
            prop_assert!(granted.iter().sum::<Units>() <= available);
            for (claim, granted) in claims.iter().zip(&granted) {
                prop_assert!(*granted <= claim.wanted && granted % claim.order_multiple == 0);
                prop_assert!(*granted == 0 || *granted >= claim.min_order);
            }
            let single: Vec<Claim<'_>> =
                claims.iter().map(|claim| Claim { order_multiple: 1, min_order: 0, ..*claim }).collect();
            let wanted: Units = single.iter().map(|claim| claim.wanted).sum();
            prop_assert_eq!(share(&single, available, floor).iter().sum::<Units>(), available.min(wanted));
        }

        /// No other way to share single units loses less in expectation.
        #[test]
        fn nothing_is_shared_better(
            raw in prop::collection::vec((1_i64..7, 0_i64..5, 1_u32..8, 1_u32..9), 3),
            available in 0_i64..15,
        ) {
            let demands: Vec<DemandDistribution> = raw.iter().map(|one| poisson_like(f64::from(one.2))).collect();
            let claims: Vec<Claim<'_>> = raw
                .iter()
                .zip(&demands)
                .map(|(one, demand)| Claim { lost_unit: f64::from(one.3), ..claim(one.0, one.1, demand) })
                .collect();
            let loss = |granted: &[Units]| -> f64 {
                claims
                    .iter()
                    .zip(granted)
                    .map(|(claim, granted)| {
                        claim.lost_unit * claim.demand.expected_shortage((claim.position + granted) as f64)
                    })
                    .sum()
            };
            let ours = loss(&share(&claims, available, 0.0));
            for first in 0..=claims[0].wanted {
                for second in 0..=claims[1].wanted {
                    let third = (available - first - second).clamp(0, claims[2].wanted);
                    if first + second + third <= available {
                        prop_assert!(ours <= loss(&[first, second, third]) + 1e-9);
                    }
                }
            }
        }
    }
}
