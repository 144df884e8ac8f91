//! What really happened, as far as receipts, counts and sales tell.

use restock_core::dataset::Dataset;
use restock_core::stock::{Lot, StockState};
use restock_core::{Day, ItemIdx, LocationIdx, Quantity, Units};
use restock_inventory::item_location::{ItemLocationParams, PlacedOrder, step};

use super::Window;
use super::replay::Course;
use crate::play::{PlayedPeriod, Totals};
use crate::unit::PlanningUnit;

/// Share of what left the shelf that receipts and stock may leave unexplained.
const MAX_UNEXPLAINED: f64 = 0.1;

/// What is known about the actual orders of an item-location.
pub(super) enum Actual {
    /// No receipt during the replay, or not asked for.
    NoReceipts,
    /// Receipts begin on this day, too late to cover the replay.
    BeginLate(Day),
    /// Receipts do not explain what was sold: some must be missing.
    Incomplete,
    /// The actual course.
    Known(Totals),
}

impl Actual {
    pub(super) fn totals(&self) -> Option<&Totals> {
        match self {
            Self::Known(totals) => Some(totals),
            _ => None,
        }
    }
}

/// The actual course of an item-location whose receipts cover the replay.
///
/// Stock is receipts minus sales, and minus what adjustments book out. It starts from the first dated count within the
/// replay, brought back by what came and went; without a count it starts from the lowest stock at which it never falls
/// below zero, which is the least stock that really can have been there, and so speaks for the actual orders.
/// Every receipt counts as one order line. Demand is the same as for everybody; what was not sold of it was lost.
/// Stock expires by shelf life unless adjustments record waste.
///
/// Receipts cover the replay when the first comes at most one review period after the first day that counts, the stock
/// at the start is no more than was sold before the first receipt, the largest receipt and four weeks of sales together,
/// and no more than [`MAX_UNEXPLAINED`] of what left the shelf was never there.
pub(super) fn actual(
    dataset: &Dataset,
    (item, location): (ItemIdx, LocationIdx),
    unit: &PlanningUnit,
    window: &Window,
    course: &Course,
    each: &mut dyn FnMut(usize, &PlayedPeriod),
) -> Actual {
    let n = window.n_simulated();
    let decimals = unit.decimals;
    let at = |day: Day| usize::try_from(day.0 - window.start.0).ok().filter(|t| *t < n);
    let mut received = vec![0; n];
    let mut n_lines = vec![0_u64; n];
    let (mut first_receipt, mut largest) = (None::<Day>, 0);
    for row in dataset.receipts.iter().filter(|row| row.item == item && row.location == Some(location)) {
        if row.quantity <= Quantity::ZERO {
            continue;
        }
        first_receipt = Some(first_receipt.map_or(row.received_on, |first| first.min(row.received_on)));
        if let Some(t) = at(row.received_on) {
            let units = row.quantity.to_units_floor(decimals);
            received[t] += units;
            largest = largest.max(units);
            n_lines[t] += 1;
        }
    }
    let (Some(first_receipt), Some(first_t)) = (first_receipt, n_lines.iter().position(|lines| *lines > 0)) else {
        return Actual::NoReceipts;
    };
    let review_periods = course.review_periods.iter().copied().max().unwrap_or(1);
    if first_receipt > window.counted.plus(review_periods as i32) {
        return Actual::BeginLate(first_receipt);
    }
    let mut expired = vec![0; n];
    let mut other = vec![0; n];
    for row in dataset.adjustments.iter().filter(|row| row.item == item && row.location == location) {
        let Some(t) = at(row.day) else { continue };
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
        .filter_map(|row| Some((at(row.as_of?)?, row)))
        .min_by_key(|(t, _)| *t)
        .map(|(t, _)| t);
    let mut lowest = 0;
    let mut running = 0;
    for t in 0..n {
        running += change(t);
        lowest = lowest.min(running);
    }
    let count: Option<Units> = counted.map(|counted| {
        (dataset.inventory.iter())
            .filter(|row| row.item == item && row.location == location)
            .filter(|row| row.as_of.is_some_and(|day| at(day) == Some(counted)))
            .map(|row| row.on_hand.to_units_floor(decimals))
            .sum()
    });
    let start = match counted.zip(count) {
        // Counts are taken in the morning of their period here.
        Some((counted, count)) => (count - (0..counted).map(change).sum::<Units>()).max(0),
        None => -lowest,
    };
    let total_sold: Units = sold.iter().sum();
    let four_weeks = total_sold * course.n_lookback.min(n) as Units / n as Units;
    let sold_before: Units = sold[..first_t].iter().sum();
    if start - count.unwrap_or(0) > sold_before + largest + four_weeks {
        return Actual::Incomplete;
    }

    let waste_is_recorded = expired.iter().any(|units| *units > 0);
    let params = ItemLocationParams {
        shelf_life: course.frame.params.shelf_life.filter(|_| !waste_is_recorded),
        ..course.frame.params
    };
    let periods_left = params.shelf_life.map_or(i32::MAX, |periods| periods as i32 - 1);
    let mut stock = StockState::default();
    if start > 0 {
        stock.lots = vec![Lot { periods_left, quantity: start }];
    }
    let (mut left, mut unexplained) = (0, 0);
    let mut periods = Vec::with_capacity(n);
    for t in 0..n {
        let arriving = PlacedOrder { quantity: received[t] + other[t].max(0), lead_time: 0 };
        let leaving = sold[t] + expired[t] + (-other[t]).max(0);
        let outcome = step(&mut stock, arriving, leaving, &params);
        left += leaving;
        unexplained += leaving - outcome.sold;
        periods.push(PlayedPeriod {
            sold: sold[t],
            lost: course.demand[t] - sold[t],
            expired: expired[t] + outcome.expired,
            received: received[t],
            ordered: received[t],
            on_hand: stock.on_hand(),
        });
    }
    if unexplained as f64 > MAX_UNEXPLAINED * left as f64 {
        return Actual::Incomplete;
    }
    let mut totals = Totals::default();
    for (t, played) in periods.iter().enumerate().skip(course.frame.first_counted) {
        totals.add(played, &course.frame, t);
        // Several lines on one day are several orders.
        let more = n_lines[t].saturating_sub(1);
        totals.n_orders += more;
        totals.order_cost += course.frame.params.costs.order_cost * more as f64;
        let block = totals.blocks.last_mut().expect("a period was added");
        *block += course.frame.params.costs.order_cost * more as f64;
        each(t, played);
    }
    Actual::Known(totals)
}
