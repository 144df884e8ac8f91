//! Orders of the pretrained policy, behind the rules that every order passes: no rule is ever broken.

use std::sync::Arc;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use restock_core::policy::{DemandPaths, OrderingRules, Policy, Review};
use restock_core::stock::Arrival;
use restock_core::{CostRates, Objective, ServiceType, StockState, Units};
use restock_inventory::rules::{apply_rules, violations};
use restock_learning::PretrainedPolicy;
use restock_learning::any_item::{ItemGenerator, ItemProblem, ItemRange, ItemState};
use restock_learning::guarded::Guarded;

/// Items of a seed that no training and no grading uses.
const ITEMS: ItemGenerator = ItemGenerator { seed: 77, range: ItemRange::ALL };

/// Decisions about an item before the next.
const N_PER_ITEM: usize = 2_000;

fn rules(rng: &mut impl Rng, scale: f64) -> OrderingRules {
    let units = |rng: &mut dyn Rng, most: f64| rng.random_range(0..=(most * scale).ceil() as Units + 1);
    let mut maybe = |share: f64, most: f64| if rng.random_bool(share) { Some(units(rng, most)) } else { None };
    OrderingRules {
        min_order: maybe(0.4, 4.0).unwrap_or(0),
        order_multiple: maybe(0.6, 3.0).unwrap_or(1),
        max_order: maybe(0.4, 6.0),
        min_stock: maybe(0.2, 4.0).unwrap_or(0),
        max_stock: maybe(0.4, 15.0),
        shelf_capacity: maybe(0.3, 10.0),
        shelf_life_cap: maybe(0.3, 8.0),
        end_of_life_cap: maybe(0.2, 8.0),
        do_not_order: maybe(0.02, 1.0).is_some(),
    }
}

fn state(rng: &mut impl Rng, item: &ItemProblem) -> ItemState {
    let most = (4.0 * item.scale()).ceil() as Units + 1;
    let mut state = ItemState { phase: rng.random_range(0..item.demand().len()), ..ItemState::EMPTY };
    state.on_hand = rng.random_range(0..=most);
    for due in &mut state.pipeline[..item.lead_time().saturating_sub(1)] {
        *due = rng.random_range(0..=most / 2);
    }
    state
}

/// The item at a review; demand is its mean.
fn review(item: &ItemProblem) -> Review {
    let horizon = item.lead_time() + 8;
    let mean = |period: usize| item.demand()[period % item.demand().len()].mean() as f32;
    let (holding_cost, stockout_cost) = item.unit_costs();
    Review {
        stock: StockState::with_on_hand(0),
        demand: Arc::new(DemandPaths { values: (0..horizon).map(mean).collect(), horizon }),
        lead_times: Arc::new([item.lead_time()]),
        review_period: 1,
        rules: OrderingRules::default(),
        costs: CostRates { unit_cost: 1.0, holding_cost, stockout_cost, order_cost: 0.0, waste_cost: 0.0 },
        objective: Objective::Economics,
        shelf_life: None,
        backorder: false,
    }
}

fn stock_of(item: &ItemProblem, state: &ItemState) -> StockState {
    let due = state.pipeline[..item.lead_time().saturating_sub(1)].iter().enumerate();
    let arrivals = due.filter(|(_, quantity)| **quantity > 0);
    StockState {
        arrivals: arrivals
            .map(|(idx, quantity)| Arrival { periods_ahead: idx as i32 + 1, quantity: *quantity })
            .collect(),
        ..StockState::with_on_hand(state.on_hand)
    }
}

/// Plays `n_items * N_PER_ITEM` decisions and returns how many orders were above 0.
fn network_orders(n_items: u64) -> usize {
    let of_item = |item_idx: u64| {
        let item = ITEMS.item(item_idx);
        let mut rng = ChaCha8Rng::seed_from_u64(item_idx);
        let states: Vec<ItemState> = (0..N_PER_ITEM).map(|_| state(&mut rng, &item)).collect();
        let decisions: Vec<(&ItemProblem, ItemState)> = states.iter().map(|state| (&item, *state)).collect();
        let mut review = review(&item);
        let mut n_orders = 0;
        for (state, wanted) in states.iter().zip(PretrainedPolicy::shipped().orders(&decisions)) {
            review.stock = stock_of(&item, state);
            review.rules = rules(&mut rng, item.scale());
            let quantity = apply_rules(wanted, &review).quantity;
            let broken = violations(quantity, &review);
            assert!(
                broken.is_empty(),
                "item {item_idx}: {quantity} of {wanted} wanted breaks {broken:?} of {review:?}"
            );
            n_orders += usize::from(quantity > 0);
        }
        n_orders
    };
    (0..n_items).into_par_iter().map(of_item).sum()
}

#[test]
fn orders_break_no_rule() {
    assert!(network_orders(50) > 20_000);
}

/// `cargo test --release -p restock-learning --test constraints -- --ignored`
#[test]
#[ignore = "10^8 decisions take minutes"]
fn a_hundred_million_orders_break_no_rule() {
    assert!(network_orders(50_000) > 20_000_000);
}

/// The same of the policy as the product uses it, with packs and minimums in the comparison.
#[test]
fn guarded_orders_break_no_rule() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let mut n_learned = 0;
    for item_idx in 0..400 {
        let item = ITEMS.item(1_000_000 + item_idx);
        let mut review = review(&item);
        let horizon = review.demand.horizon;
        let draw = |rng: &mut ChaCha8Rng, period: usize| {
            let law = &item.demand()[period % item.demand().len()];
            law.quantile(rng.random_range(0.0..1.0)) as f32
        };
        let values = (0..64 * horizon).map(|idx| draw(&mut rng, idx % horizon)).collect();
        review.demand = Arc::new(DemandPaths { values, horizon });
        review.stock = stock_of(&item, &state(&mut rng, &item));
        review.rules = rules(&mut rng, item.scale());
        if rng.random_bool(0.3) {
            review.objective = Objective::Service { service_type: ServiceType::FillRate, target: 0.95 };
        }
        let decision = Guarded::default().decide(&review);
        let quantity = apply_rules(decision.order_quantity, &review).quantity;
        assert_eq!(violations(quantity, &review), [], "item {item_idx}");
        n_learned += usize::from(decision.adjustment_reason == restock_learning::guarded::REASON);
    }
    assert!(n_learned > 0, "the learned policy never acted");
}
