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

/// The smallest multiple of `multiple`, at least 1, that is not below `quantity`, at least 0; units.
///
/// # Panics
/// When it is beyond 9.2e18 units.
pub fn round_up(quantity: Units, multiple: Units) -> Units {
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use restock_core::policy::{DemandPaths, OrderingRules};
    use restock_core::stock::Arrival;
    use restock_core::{CostRates, Objective, StockState};

    use super::*;

    fn review(on_hand: Units, rules: OrderingRules) -> Review {
        Review {
            stock: StockState::with_on_hand(on_hand),
            demand: Arc::new(DemandPaths { values: vec![1.0, 2.0, 3.0, 2.0], horizon: 2 }),
            lead_times: Arc::new([1]),
            review_period: 1,
            rules,
            costs: CostRates {
                unit_cost: 1.0,
                holding_cost: 0.1,
                stockout_cost: 1.0,
                order_cost: 0.0,
                waste_cost: 0.0,
            },
            objective: Objective::Economics,
            shelf_life: None,
            backorder: false,
        }
    }

    #[test]
    fn every_step_is_named() {
        use WaterfallCode::{CapacityCap, DoNotOrder, MinimumStock, Moq, RoundToPack, ShelfLifeCap};
        let rules = OrderingRules { min_order: 10, order_multiple: 6, ..OrderingRules::default() };
        let order = apply_rules(4, &review(0, rules.clone()));
        assert_eq!((order.quantity, order.steps), (12, vec![(Moq, 6), (RoundToPack, 2)]));
        assert_eq!(apply_rules(0, &review(0, rules.clone())), RuledOrder::default(), "a minimum creates no need");

        let display = OrderingRules { min_stock: 9, ..OrderingRules::default() };
        assert_eq!(apply_rules(2, &review(5, display)).steps, [(MinimumStock, 2)]);

        let stop = OrderingRules { do_not_order: true, min_stock: 9, ..rules.clone() };
        assert_eq!(apply_rules(7, &review(0, stop)).steps, [(DoNotOrder, -7)]);

        let capped = OrderingRules { shelf_life_cap: Some(20), max_stock: Some(19), ..rules.clone() };
        let order = apply_rules(30, &review(2, capped));
        assert_eq!((order.quantity, order.steps), (12, vec![(ShelfLifeCap, -12), (CapacityCap, -6)]));
    }

    #[test]
    fn conflicting_rules_order_nothing_and_say_why() {
        use WaterfallCode::{CapacityCap, ShelfLifeCap};
        let rules = OrderingRules { order_multiple: 12, shelf_life_cap: Some(10), ..OrderingRules::default() };
        let order = apply_rules(4, &review(0, rules));
        assert_eq!((order.quantity, order.conflict), (0, Some(RuleConflict::MultipleAboveCap(ShelfLifeCap))));
        let rules = OrderingRules { min_order: 24, max_order: Some(20), ..OrderingRules::default() };
        let order = apply_rules(4, &review(0, rules));
        assert_eq!((order.quantity, order.conflict), (0, Some(RuleConflict::MinimumAboveCap(CapacityCap))));
    }

    #[test]
    fn the_shelf_must_hold_the_order_when_it_arrives() {
        let rules = OrderingRules { shelf_capacity: Some(20), ..OrderingRules::default() };
        let mut review = review(10, rules);
        review.stock.arrivals =
            vec![Arrival { periods_ahead: 1, quantity: 5 }, Arrival { periods_ahead: 2, quantity: 50 }];
        // 10 + 5 on the shelf, 2 expected to sell before arrival: room for 7.
        assert_eq!(stock_on_arrival(&review), 13);
        assert_eq!(apply_rules(30, &review).quantity, 7);
    }

    /// A small deterministic generator, so that 10^6 decisions take a moment.
    struct Draws(u64);

    impl Draws {
        fn below(&mut self, n: Units) -> Units {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((self.0 >> 33) as Units) % n
        }

        fn option(&mut self, n: Units) -> Option<Units> {
            if self.below(3) == 0 { Some(self.below(n)) } else { None }
        }
    }

    /// No rule is ever broken, the steps always sum, an order of 0 has a reason, and where a larger lawful order that
    /// covers the need exists, the need is covered.
    #[test]
    fn a_million_random_decisions_break_no_rule() {
        let mut draws = Draws(20_260_302);
        let mut review = review(0, OrderingRules::default());
        let mut n_orders = 0;
        for _ in 0..1_000_000 {
            review.stock = StockState::with_on_hand(draws.below(60));
            review.stock.arrivals.push(Arrival { periods_ahead: draws.below(4) as i32, quantity: draws.below(30) });
            review.stock.backorders = draws.below(4);
            review.rules = OrderingRules {
                min_order: draws.below(40),
                order_multiple: draws.below(13),
                max_order: draws.option(90),
                min_stock: draws.below(30),
                max_stock: draws.option(120),
                shelf_capacity: draws.option(100),
                shelf_life_cap: draws.option(80),
                end_of_life_cap: draws.option(80),
                do_not_order: draws.below(40) == 0,
            };
            let wanted = draws.below(80);
            let order = apply_rules(wanted, &review);
            assert_eq!(violations(order.quantity, &review), [], "{wanted} wanted, {review:?}");
            assert_eq!(wanted + order.steps.iter().map(|step| step.1).sum::<Units>(), order.quantity);
            assert!(order.steps.iter().all(|step| step.1 != 0));
            n_orders += usize::from(order.quantity > 0);
            let need = wanted.max(review.rules.min_stock - review.stock.inventory_position());
            if need == 0 {
                assert_eq!(order.quantity, 0, "no order without a need");
            } else if order.quantity < need {
                // Brute force: the next lawful order that covers the need would have been better.
                let lawful = (need..need + 60).find(|quantity| violations(*quantity, &review).is_empty());
                assert_eq!(lawful, None, "{wanted} wanted, {} ordered, {review:?}", order.quantity);
            }
            assert!(order.quantity > 0 || need == 0 || review.rules.do_not_order || order.conflict.is_some());
        }
        assert!((200_000..900_000).contains(&n_orders), "{n_orders} orders");
    }
}
