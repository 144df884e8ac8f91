//! What really happened, as far as receipts, counts and sales tell.

use restock_core::dataset::Dataset;
use restock_core::{ItemIdx, LocationIdx, Period, Quantity, Units};

use super::Window;
use super::replay::Course;
use crate::play::{PlayedPeriod, Totals};
use crate::unit::PlanningUnit;

/// The actual course of an item-location with at least one receipt during the replay, else `None`.
///
/// Stock is receipts minus sales, and minus what adjustments book out. It starts from the first dated count within the
/// replay, brought back by what came and went; without a count it starts from the lowest stock at which it never falls
/// below zero, which is the least stock that really can have been there, and so speaks for the actual orders.
/// Every receipt counts as one order line. Demand is the same as for everybody; what was not sold of it was lost.
pub(super) fn actual(
    dataset: &Dataset,
    (item, location): (ItemIdx, LocationIdx),
    unit: &PlanningUnit,
    window: &Window,
    course: &Course,
    each: &mut dyn FnMut(usize, &PlayedPeriod),
) -> Option<Totals> {
    let n = window.n_simulated();
    let bucket = window.bucket;
    let decimals = unit.decimals;
    let at = |period: Period| usize::try_from(period - window.start).ok().filter(|t| *t < n);
    let mut received = vec![0; n];
    let mut n_lines = vec![0_u64; n];
    for row in dataset.receipts.iter().filter(|row| row.item == item && row.location == Some(location)) {
        if let Some(t) = at(bucket.period_of(row.received_on))
            && row.quantity > Quantity::ZERO
        {
            received[t] += row.quantity.to_units_floor(decimals);
            n_lines[t] += 1;
        }
    }
    if n_lines.iter().all(|lines| *lines == 0) {
        return None;
    }
    let mut expired = vec![0; n];
    let mut other = vec![0; n];
    for row in dataset.adjustments.iter().filter(|row| row.item == item && row.location == location) {
        let Some(t) = at(bucket.period_of(row.day)) else { continue };
        let units = row.quantity.to_units_floor(decimals);
        match row.reason.as_str() {
            "waste" | "expiry" if units < 0 => expired[t] -= units,
            // A count corrects the books, and the balance here is not the books.
            "count" => {}
            _ => other[t] += units,
        }
    }
    let sold: Vec<Units> = (0..n)
        .map(|t| {
            let recorded = course.recorded[course.n_lookback + t];
            if recorded.is_nan() { 0 } else { (recorded.max(0.0).round() as Units).min(course.demand[t]) }
        })
        .collect();
    let change = |t: usize| received[t] + other[t] - sold[t] - expired[t];

    let counted = (dataset.inventory.iter())
        .filter(|row| row.item == item && row.location == location)
        .filter_map(|row| Some((at(bucket.period_of(row.as_of?))?, row)))
        .min_by_key(|(t, _)| *t)
        .map(|(t, _)| t);
    let mut lowest = 0;
    let mut running = 0;
    for t in 0..n {
        running += change(t);
        lowest = lowest.min(running);
    }
    let start = match counted {
        Some(counted) => {
            let count: Units = (dataset.inventory.iter())
                .filter(|row| row.item == item && row.location == location)
                .filter(|row| row.as_of.is_some_and(|day| at(bucket.period_of(day)) == Some(counted)))
                .map(|row| row.on_hand.to_units_floor(decimals))
                .sum();
            // Counts are taken in the morning of their period here.
            (count - (0..counted).map(change).sum::<Units>()).max(0)
        }
        None => -lowest,
    };

    let mut totals = Totals::default();
    let mut on_hand = start;
    for t in 0..n {
        on_hand = (on_hand + change(t)).max(0);
        if t < course.frame.first_counted {
            continue;
        }
        let played = PlayedPeriod {
            sold: sold[t],
            lost: course.demand[t] - sold[t],
            expired: expired[t],
            received: received[t],
            ordered: received[t],
            on_hand,
        };
        totals.add(&played, &course.frame, t);
        // Several lines on one day are several orders.
        let more = n_lines[t].saturating_sub(1);
        totals.n_orders += more;
        totals.order_cost += course.frame.params.costs.order_cost * more as f64;
        let block = totals.blocks.last_mut().expect("a period was added");
        *block += course.frame.params.costs.order_cost * more as f64;
        each(t, &played);
    }
    Some(totals)
}
