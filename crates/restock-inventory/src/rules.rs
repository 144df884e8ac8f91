//! Ordering rules: from what a policy wants to what may be ordered, with every step named.
//!
//! 1. Do-not-order ends it.
//! 2. The position is raised to the minimum stock.
//! 3. Without a need there is no order: minimum orders and packs never create one.
//! 4. The need is raised to the minimum order.
//! 5. It is rounded **up** to the order multiple.
//! 6. Caps cut it, in this order: shelf life, end of life, then maximum order, maximum stock and shelf capacity. A cut
//!    goes **down** to a multiple, so that caps and multiple hold together, exactly.
//! 7. If no quantity satisfies minimum, multiple and caps, nothing is ordered and [`RuledOrder::conflict`] says why.
//!
//! `wanted` plus the steps is `quantity`, always.

use restock_core::Units;
use restock_core::policy::Review;
use restock_core::proposal::WaterfallCode;

/// Why a need leads to no order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RuleConflict {
    /// The smallest multiple is above the cap named by the code.
    MultipleAboveCap(WaterfallCode),
    /// The minimum order is above the cap named by the code.
    MinimumAboveCap(WaterfallCode),
}

/// An order that satisfies the rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuledOrder {
    /// What may be ordered, units.
    pub quantity: Units,
    /// Signed changes from what was wanted, in the order they were applied; none is 0.
    pub steps: Vec<(WaterfallCode, Units)>,
    /// Why a need leads to no order, if it does.
    pub conflict: Option<RuleConflict>,
}

/// Applies the ordering rules of `review` to a wanted order; see the module for the sequence.
///
/// # Panics
/// When `wanted` is negative.
pub fn apply_rules(wanted: Units, review: &Review) -> RuledOrder {
    assert!(wanted >= 0, "a wanted order of {wanted} units must be >= 0");
    let rules = &review.rules;
    let mut order = RuledOrder { quantity: wanted, ..RuledOrder::default() };
    if rules.do_not_order {
        order.go_to(0, WaterfallCode::DoNotOrder);
        return order;
    }
    let position = review.stock.inventory_position();
    order.go_to(wanted.max(rules.min_stock.saturating_sub(position)), WaterfallCode::MinimumStock);
    if order.quantity == 0 {
        return order;
    }

    let multiple = rules.order_multiple.max(1);
    order.go_to(order.quantity.max(rules.min_order), WaterfallCode::Moq);
    order.go_to(round_up(order.quantity, multiple), WaterfallCode::RoundToPack);
    for (code, cap) in caps(review, position) {
        if order.quantity > cap {
            let below = cap.max(0) / multiple * multiple;
            if below == 0 {
                order.conflict = Some(RuleConflict::MultipleAboveCap(code));
                order.go_to(0, code);
                break;
            }
            if below < rules.min_order {
                order.conflict = Some(RuleConflict::MinimumAboveCap(code));
                order.go_to(0, code);
                break;
            }
            order.go_to(below, code);
        }
    }
    order
}

impl RuledOrder {
    /// Moves the quantity and writes down the step.
    fn go_to(&mut self, quantity: Units, code: WaterfallCode) {
        let change = quantity - self.quantity;
        self.quantity = quantity;
        if change == 0 {
            return;
        }
        match self.steps.iter_mut().find(|step| step.0 == code) {
            Some(step) => step.1 += change,
            None => self.steps.push((code, change)),
        }
    }
}

/// The caps on an order in the order they are applied; a cap may be negative.
fn caps(review: &Review, position: Units) -> impl Iterator<Item = (WaterfallCode, Units)> {
    let rules = &review.rules;
    let shelf_room = rules.shelf_capacity.map(|capacity| capacity.saturating_sub(stock_on_arrival(review)));
    let capacity = [rules.max_order, rules.max_stock.map(|most| most.saturating_sub(position)), shelf_room];
    [
        (WaterfallCode::ShelfLifeCap, rules.shelf_life_cap),
        (WaterfallCode::EndOfLifeCap, rules.end_of_life_cap),
        (WaterfallCode::CapacityCap, capacity.into_iter().flatten().min()),
    ]
    .into_iter()
    .filter_map(|(code, cap)| cap.map(|cap| (code, cap)))
}

/// Units expected on the shelf when an order placed now arrives: on hand plus supply due by then, minus what is promised,
/// minus expected demand over the median lead time (rounded down), at least 0.
pub fn stock_on_arrival(review: &Review) -> Units {
    let lead_time = review.lead_times[review.lead_times.len() / 2];
    let due: Units = review
        .stock
        .arrivals
        .iter()
        .filter(|arrival| i64::from(arrival.periods_ahead) <= lead_time as i64)
        .map(|arrival| arrival.quantity)
        .sum();
    let demand = &review.demand;
    let known = lead_time.min(demand.horizon);
    let total: f64 = (0..demand.n_paths())
        .map(|idx| demand.path(idx)[..known].iter().map(|demand| f64::from(*demand)).sum::<f64>())
        .sum();
    let expected_demand = (total / demand.n_paths() as f64 + 1e-9).floor() as Units;
    (review.stock.on_hand() + due - review.stock.reserved - review.stock.backorders - expected_demand).max(0)
}

fn round_up(quantity: Units, multiple: Units) -> Units {
    let packs = quantity / multiple + Units::from(quantity % multiple != 0);
    packs.checked_mul(multiple).expect("order within 9.2e18 units")
}

/// A rule that an order breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Violation {
    /// Below zero.
    Negative,
    /// An item that may not be ordered.
    DoNotOrder,
    /// Not a multiple of the pack.
    NotAMultiple,
    /// Below the minimum order.
    BelowMinimumOrder,
    /// Above the maximum order.
    AboveMaximumOrder,
    /// The position would exceed the maximum stock.
    AboveMaximumStock,
    /// The shelf would not hold it on arrival.
    AboveShelfCapacity,
    /// More than can be sold before expiry.
    AboveShelfLife,
    /// More than is still needed before the item ends.
    AboveEndOfLife,
}

/// The rules that an order of `quantity` units breaks; empty when it may be placed. Written apart from [`apply_rules`],
/// so that each can check the other; an order of 0 breaks nothing.
pub fn violations(quantity: Units, review: &Review) -> Vec<Violation> {
    let rules = &review.rules;
    if quantity == 0 {
        return Vec::new();
    }
    let position_after = review.stock.inventory_position() + quantity;
    [
        (quantity < 0, Violation::Negative),
        (rules.do_not_order, Violation::DoNotOrder),
        (rules.order_multiple > 1 && quantity % rules.order_multiple != 0, Violation::NotAMultiple),
        (quantity < rules.min_order, Violation::BelowMinimumOrder),
        (rules.max_order.is_some_and(|most| quantity > most), Violation::AboveMaximumOrder),
        (rules.max_stock.is_some_and(|most| position_after > most), Violation::AboveMaximumStock),
        (
            rules.shelf_capacity.is_some_and(|most| stock_on_arrival(review) + quantity > most),
            Violation::AboveShelfCapacity,
        ),
        (rules.shelf_life_cap.is_some_and(|most| quantity > most), Violation::AboveShelfLife),
        (rules.end_of_life_cap.is_some_and(|most| quantity > most), Violation::AboveEndOfLife),
    ]
    .into_iter()
    .filter_map(|(broken, violation)| broken.then_some(violation))
    .collect()
}
