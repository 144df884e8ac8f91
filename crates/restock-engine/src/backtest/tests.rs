//! Backtests of small shops.

use restock_core::dataset::{Dataset, InventoryRow, ReceiptRow};
use restock_core::settings::PlanSettings;
use restock_core::{Bucket, Day, ItemIdx, LocationIdx, N_LEVELS, Objective, QUANTILE_LEVELS, Quantity, RowRef};

use super::*;
use crate::fixtures::{self, RecentMean};
use crate::play::{self, next_random};

/// Items in one store from 2025-01-01 on, one row a day, cost 2 and price 5.
fn shop(series: &[Vec<i64>]) -> Dataset {
    let mut dataset = Dataset {
        files: vec!["sales.csv".to_owned()],
        locations: vec![fixtures::location("S1")],
        ..Dataset::default()
    };
    for (idx, quantities) in series.iter().enumerate() {
        dataset.items.push(fixtures::item(&format!("I{idx:03}"), "2", "5"));
        fixtures::sell(&mut dataset, ItemIdx(idx as u32), LocationIdx(0), first_day(), quantities.iter().copied());
    }
    dataset
}

fn first_day() -> Day {
    "2025-01-01".parse().unwrap()
}

/// Deterministic demand between `low` and `high`.
fn demand(n: usize, low: i64, high: i64, seed: u64) -> Vec<i64> {
    let mut state = seed;
    (0..n).map(|_| low + (next_random(&mut state) % (high - low + 1) as u64) as i64).collect()
}

fn settings() -> PlanSettings {
    PlanSettings {
        objective: Objective::Economics,
        default_lead_time_days: 2.0,
        order_cost: 1.0,
        n_paths: 32,
        ..PlanSettings::default()
    }
}

fn run(dataset: &Dataset, settings: &PlanSettings, options: &BacktestOptions) -> BacktestReport {
    backtest(dataset, settings, &RecentMean { spread: 2.0 }, options, &|_, _| ()).unwrap()
}

fn policies(names: &[&str]) -> BacktestOptions {
    BacktestOptions {
        policies: names.iter().map(|name| (*name).to_owned()).collect(),
        keep_orders: true,
        ..BacktestOptions::default()
    }
}

/// Ten units every day, lead time 2, weekly reviews. With a constant demand the shop rule keeps (2 + 7 + 7)·10 = 160
/// units in position at each review, and so sells everything.
#[test]
fn constant_demand_by_hand() {
    let dataset = shop(&[vec![10; 400]]);
    let report = run(&dataset, &settings(), &policies(&["base_stock"]));
    let rule = report.policies.iter().find(|column| column.policy == SHOP_RULE).unwrap();
    assert_eq!((report.n_periods, rule.kind), (133, PolicyKind::Baseline));
    assert_eq!((rule.kpis.demand, rule.kpis.sold, rule.kpis.fill_rate), (1330.0, 1330.0, Some(1.0)));
    // A review raises the position to 160, so the days of a cycle end with a position of 150, 140, ..., 90, on average
    // 120; an order of 70 is on its way at the end of 2 of 7 days, which leaves 100 on the shelf.
    let n_orders = rule.kpis.n_orders;
    assert_eq!(n_orders, 19, "one order a week in 133 days");
    assert!((rule.kpis.mean_stock - 100.0).abs() < 1.5, "{}", rule.kpis.mean_stock);
    // Holding cost: 22 % a year of a cost of 2 per unit.
    let per_day = 2.0 * 0.22 / 365.25;
    assert!((rule.kpis.holding_cost - rule.kpis.mean_stock * per_day * 133.0).abs() < 1e-9);
    assert_eq!(rule.kpis.order_cost, 19.0);
    assert_eq!(rule.kpis.cost, rule.kpis.holding_cost + 19.0);
    assert_eq!(rule.kpis.waste, 0.0);
    let turns = 365.0 * 10.0 / rule.kpis.mean_stock;
    assert!((rule.kpis.turns.unwrap() - turns).abs() < 1e-9);
}

/// The bound holds for every policy on every item, and units are conserved over the window.
#[test]
fn nobody_beats_the_bound_and_units_are_conserved() {
    let series: Vec<Vec<i64>> = (0..30).map(|idx| demand(300, 0, 1 + idx % 9, idx as u64)).collect();
    let dataset = shop(&series);
    for (objective, order_cost) in [
        (Objective::Economics, 0.0),
        (Objective::Economics, 3.0),
        (Objective::Service { service_type: restock_core::ServiceType::FillRate, target: 0.9 }, 0.5),
    ] {
        let settings = PlanSettings { objective, order_cost, ..settings() };
        let report = run(&dataset, &settings, &policies(&["base_stock", "R_s_S", "min_max", "days_of_cover"]));
        assert_eq!(report.n_item_locations, 30);
        for column in &report.policies {
            let gap = column.gap_to_bound.unwrap();
            assert!(gap >= 0.0, "{} is {gap} from the bound", column.policy);
            let kpis = &column.kpis;
            assert_eq!(kpis.demand, kpis.sold + kpis.lost);
        }
        for line in &report.lines {
            for result in line.policies.iter().flatten() {
                assert!(line.bound <= result.cost + 1e-9, "{}: {} beats {}", line.item_id, result.cost, line.bound);
            }
        }
    }
}

/// What happens after a day changes no order at or before it.
#[test]
fn nothing_is_known_in_advance() {
    let series: Vec<Vec<i64>> = (0..6).map(|idx| demand(300, 2, 9, idx)).collect();
    let changed_from = 250;
    let mut later = series.clone();
    for quantities in &mut later {
        for quantity in &mut quantities[changed_from..] {
            *quantity = *quantity * 7 + 3;
        }
    }
    // Equal windows: both datasets end on the same day.
    let options = policies(&["base_stock", "min_max"]);
    let (before, after) = (shop(&series), shop(&later));
    let (before, after) = (run(&before, &settings(), &options), run(&after, &settings(), &options));
    let day: Day = "2025-01-01".parse::<Day>().unwrap().plus(changed_from as i32);
    let until = |report: &BacktestReport| -> Vec<ReplayedOrder> {
        report.orders.iter().filter(|order| order.day <= day).cloned().collect()
    };
    let (orders, orders_after) = (until(&before), until(&after));
    assert!(orders.len() > 100, "{} orders are enough to tell", orders.len());
    assert_eq!(orders, orders_after);
    assert_ne!(before.orders, after.orders, "later orders do react");
}

#[test]
fn the_report_does_not_depend_on_threads() {
    let series: Vec<Vec<i64>> = (0..150).map(|idx| demand(200, 0, 4, idx)).collect();
    let dataset = shop(&series);
    let options = policies(&["auto", "min_max"]);
    let on = |n_threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| run(&dataset, &settings(), &options))
    };
    let (one, four) = (on(1), on(4));
    assert_eq!(one, four);
    // Sums of money are the same to the last bit, so the text is the same.
    assert_eq!(serde_json::to_string(&one).unwrap(), serde_json::to_string(&four).unwrap());
}

/// A policy against itself saves nothing, and the report says so in both languages.
#[test]
fn no_saving_is_said_out_loud() {
    let series: Vec<Vec<i64>> = (0..40).map(|idx| demand(300, 0, 5, idx)).collect();
    let dataset = shop(&series);
    let same = run(&dataset, &settings(), &policies(&["shop_rule"]));
    assert_eq!(same.savings, [], "a baseline is not compared with itself");
    // What the shop would do anyway: cover of lead time, review and a week, from the same recent mean.
    let settings = PlanSettings { order_cost: 0.0, ..settings() };
    let report = run(&dataset, &settings, &policies(&["days_of_cover:16"]));
    let saving = &report.savings[0];
    assert_eq!((saving.policy.as_str(), saving.baseline.as_str()), ("days_of_cover:16", SHOP_RULE));
    assert!(saving.share.abs() < 0.05, "{}", saving.share);
    assert_eq!(saving.verdict, Verdict::NoSavingFound, "{}", saving.sentence);
    assert!(report.headline.starts_with("no saving found"), "{}", report.headline);
    assert!(report.headline_zh.starts_with("未发现节省"), "{}", report.headline_zh);
}

/// The shop orders far too much of everything: a policy that balances costs saves, and the interval says so.
#[test]
fn a_real_saving_is_found() {
    let series: Vec<Vec<i64>> = (0..40).map(|idx| demand(400, 0, 5, idx)).collect();
    let mut dataset = shop(&series);
    let settings = PlanSettings { order_cost: 0.0, carrying_cost_per_year: 3.0, ..settings() };
    // Actual orders: 400 units of each item on one day, once.
    for idx in 0..40 {
        let day = "2025-09-20".parse().unwrap();
        dataset.receipts.push(fixtures::receipt(ItemIdx(idx), LocationIdx(0), 1000, day));
    }
    let report = run(&dataset, &settings, &policies(&["base_stock"]));
    let actual = report.policies.iter().find(|column| column.policy == ACTUAL).unwrap();
    assert_eq!((actual.kind, actual.n_item_locations, actual.gap_to_bound), (PolicyKind::Actual, 40, None));
    assert_eq!(actual.kpis.fill_rate, Some(1.0));
    let saving = report.savings.iter().find(|saving| saving.baseline == ACTUAL).unwrap();
    assert_eq!(saving.verdict, Verdict::Saves, "{}", saving.sentence);
    assert_eq!(report.headline, saving.sentence);
}

/// Actual stock by hand: 10 units counted, 5 received, 3 sold a day.
#[test]
fn actual_stock_follows_counts_receipts_and_sales() {
    let mut dataset = shop(&[vec![3; 200]]);
    let options = BacktestOptions { n_periods: Some(4), n_warmup_periods: Some(1), ..policies(&["base_stock"]) };
    // The window counts days 196..=199, and day 195 is played before.
    let stock = fixtures::stock(ItemIdx(0), LocationIdx(0), Quantity::from_whole(10));
    dataset.inventory.push(InventoryRow { as_of: Some(first_day().plus(196)), ..stock });
    dataset.receipts.push(receipt(197, 5));
    dataset.receipts.push(receipt(197, 1));
    let report = run(&dataset, &settings(), &options);
    let actual = report.policies.iter().find(|column| column.policy == ACTUAL).unwrap();
    // Ends of days 196..=199: 7, 10, 7, 4.
    assert_eq!(actual.kpis.mean_stock, 7.0);
    assert_eq!((actual.kpis.n_orders, actual.kpis.ordered, actual.kpis.order_cost), (2, 6.0, 2.0));
    // Without a count: the lowest start that never falls below zero is 15 - 6 = 9 on day 195, so 0 at the end.
    dataset.inventory.clear();
    let report = run(&dataset, &settings(), &options);
    let actual = report.policies.iter().find(|column| column.policy == ACTUAL).unwrap();
    // Days 195..=199 end at 6, 3, 6, 3, 0.
    assert_eq!(actual.kpis.mean_stock, 3.0);
}

fn receipt(day: i32, quantity: i64) -> ReceiptRow {
    fixtures::receipt(ItemIdx(0), LocationIdx(0), quantity, first_day().plus(day))
}

/// Receipts of the last four weeks, or of every other week only, tell nothing about the orders of a third of a year.
#[test]
fn receipts_that_do_not_cover_the_replay_are_not_compared() {
    let mut dataset = shop(&[vec![3; 400]]);
    dataset.receipts.extend((372..400).step_by(7).map(|day| receipt(day, 21)));
    let report = run(&dataset, &settings(), &policies(&["base_stock"]));
    assert!(report.policies.iter().all(|column| column.policy != ACTUAL));
    let expected = "actual orders: not comparable, receipts begin on 2026-01-08";
    assert!(report.notes.iter().any(|note| note.en == expected), "{:?}", report.notes);
    dataset.receipts = (200..400).step_by(14).map(|day| receipt(day, 21)).collect();
    let report = run(&dataset, &settings(), &policies(&["base_stock"]));
    let expected = "actual orders: not comparable, receipts do not explain what was sold";
    assert!(report.notes.iter().any(|note| note.en == expected), "{:?}", report.notes);
}

/// 28 units come every week, 3 a day are sold, and what is left of the 28 expires on the seventh day.
#[test]
fn actual_stock_expires() {
    let mut dataset = shop(&[vec![3; 400]]);
    dataset.items[0].shelf_life_days = Some(7);
    dataset.receipts = (200..400).step_by(7).map(|day| receipt(day, 28)).collect();
    let report = run(&dataset, &settings(), &policies(&["base_stock"]));
    let actual = report.policies.iter().find(|column| column.policy == ACTUAL).unwrap();
    assert_eq!(actual.kpis.waste, 19.0 * 7.0, "19 weeks of 7 units");
    assert!(report.notes.iter().any(|note| note.en.starts_with("actual orders are comparable for 1 of 1 ")));
}

#[test]
fn a_window_that_does_not_fit_is_refused() {
    let error = |dataset: &Dataset, options: &BacktestOptions| {
        backtest(dataset, &settings(), &RecentMean { spread: 2.0 }, options, &|_, _| ()).unwrap_err().to_string()
    };
    let dataset = shop(&[vec![5; 200]]);
    let early = BacktestOptions { from: Some("2025-01-10".parse().unwrap()), ..policies(&["auto"]) };
    insta::assert_snapshot!(error(&dataset, &early), @"window is 2025-01-10 to 2025-07-19, must lie within 2025-03-26 to 2025-07-19, the days with sales and enough history before them");
    insta::assert_snapshot!(error(&shop(&[vec![5; 60]]), &policies(&["auto"])),
        @"history is 60 days, at least 112 are needed: some to learn from, some to replay");
    assert!(
        !is_long_enough(&shop(&[vec![5; 111]]), &settings()) && is_long_enough(&shop(&[vec![5; 112]]), &settings())
    );
    insta::assert_snapshot!(error(&dataset, &policies(&["crystal_ball"])), @r#"policy is "crystal_ball", must be one of auto, classical, base_stock, s_S, R_s_S, s_Q, min_max, days_of_cover, mto, newsvendor, learned, configured"#);
}

#[test]
fn weeks_and_months_are_replayed_too() {
    let first: Day = "2020-01-06".parse().unwrap();
    for (bucket, n, step) in [(Bucket::Week, 120, 7), (Bucket::Month, 60, 0)] {
        let mut dataset = shop(&[vec![20; n]]);
        for (t, day) in dataset.sales.day.iter_mut().enumerate() {
            *day = match bucket {
                Bucket::Month => Day::from_ymd(2020 + t as i16 / 12, t as i8 % 12 + 1, 1).unwrap(),
                _ => first.plus(step * t as i32),
            };
        }
        let settings = PlanSettings { bucket, ..settings() };
        let report = run(&dataset, &settings, &policies(&["base_stock"]));
        let kpis = &report.policies[0].kpis;
        assert_eq!(kpis.demand, 20.0 * report.n_periods as f64, "{bucket:?}");
        assert!(kpis.fill_rate.unwrap() > 0.95, "{bucket:?}: {kpis:?}");
        assert_eq!(report.timeline.len(), report.n_periods);
    }
}

/// Sales stop for three weeks in the middle of the window: the shelf was empty, so demand there is estimated.
#[test]
fn demand_lost_to_stockouts_counts_as_demand() {
    let mut quantities = vec![8; 300];
    quantities[250..270].fill(0);
    let mut dataset = shop(&[quantities, vec![4; 300]]);
    let first: Day = "2025-01-01".parse().unwrap();
    dataset.stockouts.push(restock_core::dataset::StockoutRow {
        item: ItemIdx(0),
        location: LocationIdx(0),
        from: first.plus(250),
        to: first.plus(269),
        row: RowRef::default(),
    });
    let report = run(&dataset, &settings(), &policies(&["base_stock"]));
    let line = &report.lines[0];
    let expected = 8.0 * report.n_periods as f64;
    assert!((line.demand / expected - 1.0).abs() < 0.05, "{} of {expected}", line.demand);
    assert!(report.latent_share > 0.05, "{}", report.latent_share);
    assert!(report.notes.iter().any(|note| note.en.contains("estimated, because stock-outs")));
}

#[test]
fn limits_spread_and_are_reported() {
    let series: Vec<Vec<i64>> = (0..40).map(|idx| demand(200, 0, 5, idx)).collect();
    let dataset = shop(&series);
    let options = BacktestOptions { limit: Some(10), ..policies(&["base_stock"]) };
    let report = run(&dataset, &settings(), &options);
    assert_eq!(report.n_item_locations, 10);
    assert_eq!(report.skipped.iter().map(|skipped| skipped.n_item_locations).sum::<usize>(), 30);
    assert_eq!(report.lines[1].item_id, "I004");
}

#[test]
fn whole_units_keep_their_total() {
    assert_eq!(play::whole_units(&[3.0, 0.0, 2.0]), [3, 0, 2]);
    let thirds = play::whole_units(&[1.0 / 3.0; 9]);
    assert_eq!(thirds.iter().sum::<i64>(), 3);
    assert_eq!(N_LEVELS, QUANTILE_LEVELS.len());
}
