//! What a little more of a limit would bring, against plans that have it.

mod fixtures;

use fixtures::{RecentMean, item, lane, location, sell, stock};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use restock_core::dataset::{BudgetRow, CapacityRow, Dataset, Origin, Supplier};
use restock_core::settings::PlanSettings;
use restock_core::{Day, ItemIdx, LocationIdx, Quantity, RowRef, SupplierIdx};
use restock_engine::{Plan, ShadowPrice, scenario::with_scenario};
use rust_decimal::prelude::ToPrimitive;

const N_DAYS: i32 = 70;
const N_ITEMS: u32 = 40;
const N_STORES: u32 = 4;

fn first_day() -> Day {
    "2026-01-05".parse().unwrap()
}

/// Forty items of two suppliers in four stores, all short of stock; the second supplier takes no small orders.
fn business(seed: u64) -> Dataset {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut dataset = Dataset::default();
    let supplier = |id: &str, minimum: Option<&str>| Supplier {
        supplier_id: id.to_owned(),
        min_order_value: minimum.map(|text| text.parse().unwrap()),
        ..Supplier::default()
    };
    dataset.suppliers = vec![supplier("FAR", None), supplier("NEAR", Some("60"))];
    dataset.locations = (0..N_STORES).map(|idx| location(&format!("S{idx}"))).collect();
    for idx in 0..N_ITEMS {
        let cost = f64::from(rng.random_range(20..400_u32)) / 100.0;
        let mut item = item(&format!("item-{idx:02}"), &format!("{cost:.2}"), &format!("{:.2}", cost * 1.6));
        item.category = if idx % 3 == 0 { "food/fresh" } else { "food/dry" }.to_owned();
        (item.volume, item.weight) = (Some(rng.random_range(0.001..0.01)), Some(rng.random_range(0.1..2.0)));
        dataset.items.push(item);
        let mut from = lane(Origin::Supplier(SupplierIdx(idx % 2)), 3.0);
        from.item = Some(ItemIdx(idx));
        from.pack_size = Some(Quantity::from_whole(rng.random_range(1..7)));
        dataset.sources.push(from);
        for store in 0..N_STORES {
            let rate = rng.random_range(1..12_i64);
            let sold: Vec<i64> = (0..N_DAYS).map(|_| rng.random_range(0..=2 * rate)).collect();
            sell(&mut dataset, ItemIdx(idx), LocationIdx(store), first_day(), sold);
            let on_hand = Quantity::from_whole(rng.random_range(0..=2 * rate));
            dataset.inventory.push(stock(ItemIdx(idx), LocationIdx(store), on_hand));
        }
    }
    let budget = |scope: &str, amount: i64| BudgetRow {
        scope: scope.to_owned(),
        from: None,
        to: None,
        amount: amount.into(),
        row: RowRef::default(),
    };
    dataset.budgets = vec![budget("supplier:NEAR", 3_000), budget("category:food/fresh", 1_500)];
    let capacity = |scope: &str, volume, weight, lines| CapacityRow {
        scope: scope.to_owned(),
        from: None,
        to: None,
        volume,
        weight,
        lines,
        row: RowRef::default(),
    };
    dataset.capacities = vec![
        capacity("location:S0", Some(3.5), Some(300.0), None),
        capacity("location:S1", Some(2.5), None, None),
        capacity("location:S2", None, None, Some(12)),
    ];
    dataset
}

fn plan(dataset: &Dataset, settings: &PlanSettings) -> Plan {
    restock_engine::plan(dataset, settings, &RecentMean { spread: 0.8 }, &|_, _| {})
}

fn net_gain(plan: &Plan) -> f64 {
    plan.summary.net_gain.to_f64().unwrap()
}

/// The plan with so much more of a limit gains as much more as its price says, to 2 %; also where limits hold one another
/// back, where packs and supplier minimums make steps, and where nothing would be gained.
#[test]
fn a_step_brings_what_its_price_says() {
    let (mut n_checked, mut kinds) = (0, std::collections::BTreeSet::new());
    for seed in 0..4 {
        let dataset = business(seed);
        let settings = PlanSettings { budget: Some(6_000.0), ..PlanSettings::default() };
        let planned = plan(&dataset, &settings);
        assert_eq!(planned.shadow_prices.len(), 7);
        for price in &planned.shadow_prices {
            let ShadowPrice { limit, allowed, price, step, step_gain, n_lines, .. } = price;
            assert!(*step > 0.0 && (step_gain / step - price).abs() <= 0.01 / step, "{limit}: {step_gain} for {step}");
            let more = with_scenario(&settings, &[format!("{limit}={}", allowed + step)]).unwrap();
            // Limits are kept one after another, so a wider one may do harm; then it is worth nothing.
            let brought = (net_gain(&plan(&dataset, &more)) - net_gain(&planned)).max(0.0);
            let tolerance = 0.02 * brought.abs() + 0.011;
            assert!(
                (brought - step_gain).abs() <= tolerance,
                "seed {seed}, {limit}: {step_gain} said, {brought} brought"
            );
            if *n_lines > 0 && *step_gain > 0.0 {
                n_checked += 1;
                kinds.insert(limit.split(' ').next().unwrap().to_owned());
            }
        }
    }
    assert!(n_checked >= 10, "only {n_checked} limits hold anything back");
    assert_eq!(Vec::from_iter(kinds), ["budget", "lines", "volume", "weight"]);
}

/// All that a limit is worth is found step by step: prices of a limit that is raised again and again sum up to what having
/// no limit is worth.
#[test]
fn steps_sum_up_to_no_limit() {
    let mut dataset = business(9);
    dataset.budgets.clear();
    dataset.capacities.clear();
    let limited = |amount: f64| plan(&dataset, &PlanSettings { budget: Some(amount), ..PlanSettings::default() });
    let free = plan(&dataset, &PlanSettings::default());
    let (mut amount, mut sum) = (1_000.0, 0.0);
    let first = net_gain(&limited(amount));
    for n_steps in 0.. {
        assert!(n_steps < 100, "{amount} is not enough");
        let planned = limited(amount);
        let price = &planned.shadow_prices[0];
        if price.n_lines == 0 {
            break;
        }
        sum += price.step_gain;
        amount += price.step;
    }
    assert!((first + sum - net_gain(&free)).abs() < 0.5, "{first} and {sum} of {}", net_gain(&free));
}
