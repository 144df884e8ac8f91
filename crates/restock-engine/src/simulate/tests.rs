//! Simulations of small shops.

use restock_core::dataset::{CapacityRow, Dataset, Origin, SourceRow};
use restock_core::{ItemIdx, LocationIdx, Objective, Quantity, RowRef, ServiceType};

use super::partition::World;
use super::*;
use crate::fixtures::{self, RecentMean};

/// Items with a constant demand per day in every store from 2025-01-01 on for 200 days, cost 2 and price 5, `on_hand`
/// in each.
fn shop(demand: &[i64], n_stores: u32, on_hand: i64) -> Dataset {
    let first: Day = "2025-01-01".parse().unwrap();
    let mut dataset = Dataset {
        files: vec!["sales.csv".to_owned()],
        locations: (0..n_stores).map(|idx| fixtures::location(&format!("S{}", idx + 1))).collect(),
        ..Dataset::default()
    };
    for (idx, quantity) in demand.iter().enumerate() {
        let item = ItemIdx(idx as u32);
        dataset.items.push(fixtures::item(&format!("I{idx:03}"), "2", "5"));
        for store in (0..n_stores).map(LocationIdx) {
            fixtures::sell(&mut dataset, item, store, first, [*quantity; 200]);
            dataset.inventory.push(fixtures::stock(item, store, Quantity::from_whole(on_hand)));
        }
    }
    dataset
}

/// Every store draws from a distribution centre `Z` that holds `on_hand` of each item.
fn chain(demand: &[i64], n_stores: u32, on_hand: i64) -> Dataset {
    let mut dataset = shop(demand, n_stores, 15);
    let centre = LocationIdx(n_stores);
    dataset.locations.push(fixtures::location("Z"));
    for item in (0..demand.len() as u32).map(ItemIdx) {
        dataset.inventory.push(fixtures::stock(item, centre, Quantity::from_whole(on_hand)));
        for store in (0..n_stores).map(LocationIdx) {
            let lane = fixtures::lane(Origin::Location(centre), 1.0);
            dataset.sources.push(SourceRow { item: Some(item), to_location: Some(store), priority: 1, ..lane });
        }
    }
    dataset
}

fn settings() -> PlanSettings {
    PlanSettings {
        objective: Objective::Service { service_type: ServiceType::FillRate, target: 0.95 },
        default_lead_time_days: 2.0,
        order_cost: 1.0,
        policy: "base_stock".to_owned(),
        n_paths: 32,
        ..PlanSettings::default()
    }
}

fn options(shocks: &[&str]) -> SimulateOptions {
    let shocks = shocks.iter().map(|text| Shock::parse(text).unwrap()).collect();
    SimulateOptions { n_paths: 40, n_days: 42, shocks, ..SimulateOptions::default() }
}

fn run(dataset: &Dataset, spread: f64, options: &SimulateOptions) -> SimulationReport {
    simulate(dataset, &settings(), &RecentMean { spread }, options, &|_, _| ()).unwrap()
}

/// 10 units a day for certain, 35 on the shelf, lead time 2, review every 7 days, no uncertainty: level (2 + 7) · 10 for
/// a fill rate of 1, a little less for 95 % of the 70 units of a review: 90 - 3 = 87. The position of 35 is raised by 52.
/// Days 0 and 1 end with 25 and 15; 52 arrive on day 2: 57, 47, 37, 27, 17. On day 7 the position is 17, which is 3 short
/// of the 20 wanted before the order arrives; they are lost and left out, so 67 are ordered: 7, 0 (3 short), 57, 47, 37, 27,
/// 17. From then on every week is the same and loses 3 of 70, within the 5 % allowed.
#[test]
fn constant_demand_by_hand() {
    let options = SimulateOptions { n_paths: 2, n_days: 14, ..SimulateOptions::default() };
    let report = run(&shop(&[10], 1, 35), 0.0, &options);
    let kpis = &report.scenarios[0].kpis;
    let stock: Vec<f64> = report.scenarios[0].stock_value.iter().map(|point| point.mean / 2.0).collect();
    assert_eq!(stock, [25.0, 15.0, 57.0, 47.0, 37.0, 27.0, 17.0, 7.0, 0.0, 57.0, 47.0, 37.0, 27.0, 17.0]);
    let exactly = |value: f64| Some(Estimate { mean: value, low: value, high: value });
    assert_eq!(kpis.demand, exactly(140.0));
    assert_eq!(kpis.lost, exactly(3.0));
    assert_eq!(kpis.fill_rate, exactly(137.0 / 140.0));
    assert_eq!(kpis.in_stock, exactly(13.0 / 14.0));
    assert_eq!(kpis.cycle_service, exactly(0.0), "the one cycle from receipt to receipt ran short");
    assert_eq!((kpis.n_orders, kpis.ordered, kpis.order_cost), (exactly(2.0), exactly(119.0), exactly(2.0)));
    assert_eq!(kpis.stockout_cost, exactly(9.0), "3 units at a margin of 3");
    let mean_value = stock.iter().sum::<f64>() * 2.0 / 14.0;
    assert!((kpis.mean_stock_value.unwrap().mean - mean_value).abs() < 1e-9);
    let turns = 137.0 * 2.0 * 365.0 / 14.0 / mean_value;
    assert!((kpis.turns.unwrap().mean - turns).abs() < 1e-9);
    let holding = mean_value * 0.22 / 365.25 * 14.0;
    assert!((kpis.holding_cost.unwrap().mean - holding).abs() < 1e-9);
    assert_eq!(report.scenarios[0].lines[0].lost_margin.mean, 9.0);
    assert_eq!(report.scenarios[0].service[1].fill_rate, exactly(67.0 / 70.0));
}

/// The same by hand, in goods: 52 come on day 2 and 67 on day 9, ten go out every day but the one that is 3 short. A unit has
/// ten litres and half a kilogram, and the dock holds 600 litres.
#[test]
fn goods_that_move_by_hand() {
    let mut dataset = shop(&[10], 1, 35);
    (dataset.items[0].volume, dataset.items[0].weight) = (Some(0.01), Some(0.5));
    let location_id = dataset.locations[0].location_id.clone();
    dataset.capacities.push(CapacityRow {
        scope: format!("location:{location_id}"),
        from: None,
        to: Some(dataset.sales.day.last().unwrap().plus(13)),
        volume: Some(0.6),
        weight: None,
        lines: None,
        row: RowRef::default(),
    });
    let options = SimulateOptions { n_paths: 3, n_days: 14, volumes: true, ..SimulateOptions::default() };
    let report = run(&dataset, 0.0, &options);
    let days = &report.scenarios[0].volumes;
    assert_eq!(days.len(), 14);
    let exactly = |value: f64| Estimate { mean: value, low: value, high: value };
    for (t, day) in days.iter().enumerate() {
        let (arrived, went) = (
            match t {
                2 => 52.0,
                9 => 67.0,
                _ => 0.0,
            },
            if t == 8 { 7.0 } else { 10.0 },
        );
        assert_eq!((day.day, day.location_id.as_str()), (report.from.plus(t as i32), location_id.as_str()));
        assert_eq!(day.inbound.units, exactly(arrived), "day {t}");
        assert_eq!(day.inbound.lines, exactly(f64::from(u8::from(arrived > 0.0))));
        assert_eq!(day.inbound.volume, exactly(arrived / 100.0));
        assert_eq!((day.outbound.units, day.outbound.weight), (exactly(went), exactly(went / 2.0)), "day {t}");
        let expected = (t < 13).then(|| f64::from(u8::from(t == 9)));
        assert_eq!(day.p_over_capacity, expected, "day {t}");
    }
    let not_asked = run(&dataset, 0.0, &SimulateOptions { volumes: false, ..options });
    assert!(not_asked.scenarios[0].volumes.is_empty());
}

/// What a centre sends is what its stores get later, and what goes out of each place is what it sold and sent.
#[test]
fn goods_are_conserved() {
    let dataset = chain(&[4, 9], 3, 300);
    let options = SimulateOptions { volumes: true, ..options(&["demand=2x@2025-08-01"]) };
    for scenario in run(&dataset, 2.0, &options).scenarios {
        for location in &scenario.locations {
            let days = scenario.volumes.iter().filter(|day| day.location_id == location.location_id);
            let went: f64 = days.map(|day| day.outbound.units.mean).sum();
            let sold = location.kpis.sold.unwrap().mean;
            assert!((went - sold).abs() < 1e-6 * sold.max(1.0), "{}: {went} went, {sold} sold", location.location_id);
        }
    }
}

#[test]
fn the_first_orders_are_those_of_the_plan() {
    let dataset = shop(&[3, 8, 1, 14], 2, 12);
    let plan = crate::plan(&dataset, &settings(), &RecentMean { spread: 2.0 }, &|_, _| ());
    let ordered: f64 = plan.proposals.iter().map(|proposal| proposal.quantity.to_f64()).sum();
    assert!(ordered > 0.0);
    // On one day nothing but the plan's orders is placed.
    let one_day = SimulateOptions { n_days: 1, ..options(&[]) };
    let report = run(&dataset, 2.0, &one_day);
    assert_eq!(report.scenarios[0].kpis.ordered.unwrap(), Estimate { mean: ordered, low: ordered, high: ordered });
}

#[test]
fn the_report_does_not_depend_on_threads() {
    let demand: Vec<i64> = (0..70).map(|idx| 1 + idx % 9).collect();
    let dataset = chain(&demand, 3, 60);
    let options = options(&["demand=2x@2025-08-01", "lead_time=+3@2025-08-01"]);
    let on = |n_threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        let options = SimulateOptions { volumes: true, ..options.clone() };
        pool.install(|| serde_json::to_string(&run(&dataset, 2.0, &options)).unwrap())
    };
    let one = on(1);
    assert!(one == on(4), "the same bytes on one and on four threads");
    let seeded = PlanSettings { seed: 7, ..settings() };
    let other = simulate(&dataset, &seeded, &RecentMean { spread: 2.0 }, &options, &|_, _| ()).unwrap();
    assert!(one != serde_json::to_string(&other).unwrap(), "another seed is another future");
}

/// On every path: what was there and came in was sold, sent, expired or is still there; what was ordered arrived or is
/// on its way; and what stores ordered is what the centre sent.
#[test]
fn units_are_conserved() {
    for on_hand in [0, 30, 4_000] {
        let mut dataset = chain(&[4, 9], 3, on_hand);
        // What expires in the centre cannot be sent.
        dataset.items[1].shelf_life_days = (on_hand < 4_000).then_some(5);
        let options = options(&["demand=+50%@2025-07-25"]);
        let (settings, forecaster) = (settings(), RecentMean { spread: 2.0 });
        let mut n_short = 0;
        super::partition::inspect(&dataset, &settings, &forecaster, &options, &mut |starts, world: &World| {
            let n_places = starts.len();
            for path in 0..options.n_paths {
                let [mut sent_by_stores, mut waiting] = [0; 2];
                for idx in 0..n_places {
                    let player = &world.players[idx][path];
                    let (start, end, totals) = (&starts[idx], &player.stock, &player.totals);
                    let issued = start.reserved + start.backorders - end.reserved - end.backorders;
                    assert_eq!(
                        start.on_hand() + totals.received,
                        totals.sold + issued + totals.expired + end.on_hand()
                    );
                    assert_eq!(start.on_order() + totals.ordered, totals.received + end.on_order());
                    assert_eq!(totals.demand, totals.sold + totals.lost);
                    // The centre comes last.
                    if idx + 1 < n_places {
                        sent_by_stores += totals.ordered;
                        waiting += world.waiting[idx][path];
                    } else {
                        assert_eq!(world.sent[idx][path], sent_by_stores);
                        // A request counts once, however often it is asked again until it is sent.
                        assert!(world.asked[idx][path] >= sent_by_stores + waiting);
                        assert!(world.asked[idx][path] <= sent_by_stores + world.not_sent[idx][path]);
                        n_short += world.not_sent[idx][path];
                    }
                }
            }
        });
        assert_eq!(n_short > 0, on_hand < 4_000, "a centre with {on_hand} units");
    }
}

#[test]
fn twice_the_demand_loses_more_and_orders_more() {
    let report = run(&shop(&[3, 8, 1], 2, 20), 2.0, &options(&["demand=2x@2025-08-01"]));
    let [baseline, shock] = report.scenarios.as_slice() else { panic!("baseline and shock") };
    assert_eq!((baseline.name.as_str(), shock.name.as_str()), ("baseline", "shock"));
    let mean = |value: Option<Estimate>| value.unwrap().mean;
    assert!(mean(shock.kpis.lost) > mean(baseline.kpis.lost));
    assert!(mean(shock.kpis.ordered) > mean(baseline.kpis.ordered));
    let difference = report.difference.as_ref().unwrap();
    assert!((mean(difference.lost) - (mean(shock.kpis.lost) - mean(baseline.kpis.lost))).abs() < 1e-9);
    assert!(difference.lost.unwrap().low >= 0.0, "on common random numbers no path loses less");
    // Before the shock, both futures are the same.
    assert_eq!(baseline.stock_value[..10], shock.stock_value[..10]);
    assert_eq!(report.shocks[0].en, "demand × 2, from 2025-08-01 on");
}

#[test]
fn a_shock_of_nothing_changes_nothing_and_no_demand_sells_nothing() {
    let dataset = shop(&[3, 8], 1, 20);
    let report = run(&dataset, 2.0, &options(&["demand=+0%@2025-07-20"]));
    let [baseline, shock] = report.scenarios.as_slice() else { panic!("baseline and shock") };
    assert_eq!((&baseline.kpis, &baseline.lines), (&shock.kpis, &shock.lines));
    let report = run(&dataset, 2.0, &options(&["demand=0x@2025-07-20"]));
    let shock = &report.scenarios[1];
    assert_eq!((shock.kpis.demand.unwrap().high, shock.kpis.lost.unwrap().high), (0.0, 0.0));
    assert_eq!(shock.kpis.fill_rate, None, "no demand, no fill rate");
    assert!(shock.service.iter().all(|point| point.fill_rate.is_none()));
}

#[test]
fn longer_lead_times_lose_sales() {
    let report = run(&shop(&[6; 5], 1, 40), 2.0, &options(&["lead_time=+10@2025-07-20..2025-08-10"]));
    assert!(report.difference.unwrap().lost.unwrap().mean > 0.0);
}

#[test]
fn a_shock_of_one_place_leaves_the_others_alone() {
    let report = run(&shop(&[3], 2, 20), 2.0, &options(&["demand=3x@2025-07-25 where location.id == 'S2'"]));
    let locations = |idx: usize| &report.scenarios[idx].locations;
    assert_eq!(locations(0)[0], locations(1)[0]);
    assert_ne!(locations(0)[1], locations(1)[1]);
}

/// Totals count customers; the centre's own row counts what it sends.
#[test]
fn transfers_are_not_counted_twice() {
    let report = run(&chain(&[5], 2, 500), 2.0, &options(&[]));
    let scenario = &report.scenarios[0];
    let centre = &scenario.locations[2];
    assert_eq!((centre.location_id.as_str(), centre.n_item_locations), ("Z", 1));
    assert!(centre.kpis.demand.unwrap().mean > 0.0);
    let stores: f64 = scenario.locations[..2].iter().map(|location| location.kpis.demand.unwrap().mean).sum();
    assert!((scenario.kpis.demand.unwrap().mean - stores).abs() < 1e-9);
    assert!((stores - 2.0 * 5.0 * 42.0).abs() < 5.0, "{stores}");
}

#[test]
fn shocks_that_change_nothing_are_refused() {
    let dataset = shop(&[3, 8], 1, 20);
    let error = |shock: &str| {
        simulate(&dataset, &settings(), &RecentMean { spread: 2.0 }, &options(&[shock]), &|_, _| ())
            .unwrap_err()
            .to_string()
    };
    insta::assert_snapshot!(error("demand=2x@2026-12-01"),
        @r#"shock "demand=2x@2026-12-01" holds on none of the days 2025-07-20 to 2025-08-30 that are played"#);
    insta::assert_snapshot!(error("demand=2x@2025-08-01 where location.id == 'S9'"),
        @r#"shock "demand=2x@2025-08-01 where location.id == 'S9'" matches none of 2 item-locations"#);
}

#[test]
fn weeks_are_played_too() {
    let settings = PlanSettings { bucket: Bucket::Week, ..settings() };
    let report =
        simulate(&shop(&[2], 1, 40), &settings, &RecentMean { spread: 1.0 }, &options(&[]), &|_, _| ()).unwrap();
    assert_eq!((report.n_periods, report.scenarios[0].service.len()), (42, 6), "weeks are played day by day");
    let demand = report.scenarios[0].kpis.demand.unwrap().mean;
    assert!((demand - 6.0 * 14.0).abs() < 2.0, "{demand}");
}

/// In the example shop every shock moves what a planner expects it to move.
#[test]
fn shocks_of_the_example_shop_act_in_the_direction_expected() {
    use restock_inventory::retail_simulator;
    let dataset = retail_simulator::chain(&retail_simulator::ChainConfig::example_shop(), 2026);
    // What changes by the shock on average, in all and at the distribution centre.
    let changes = |shock: &str| {
        let options =
            SimulateOptions { n_paths: 4, n_days: 28, shocks: vec![Shock::parse(shock).unwrap()], ..options(&[]) };
        let report = simulate(&dataset, &settings(), &RecentMean { spread: 2.0 }, &options, &|_, _| ()).unwrap();
        let kpis = report.difference.expect("there is a shock");
        let mean = |value: Option<Estimate>| value.expect("a value").mean;
        let fill_rate = report.scenarios.iter().map(|scenario| scenario.kpis.fill_rate.unwrap().mean);
        let fill_rate: Vec<f64> = fill_rate.collect();
        [mean(kpis.demand), mean(kpis.ordered), mean(kpis.lost), mean(kpis.mean_stock), fill_rate[1] - fill_rate[0]]
    };
    let [demand, ordered, lost, stock, fill_rate] = changes("demand=2x@2026-03-30");
    assert!(demand > 0.0 && ordered > 0.0 && lost > 0.0 && stock < 0.0 && fill_rate < 0.0);
    let [demand, ordered, lost, stock, fill_rate] = changes("demand=-50%@2026-03-30");
    assert!(demand < 0.0 && ordered < 0.0 && lost < 0.0 && stock > 0.0 && fill_rate > 0.0);
    let [demand, _, lost, stock, fill_rate] = changes("lead_time=+5@2026-03-23");
    assert!(demand == 0.0 && lost > 0.0 && stock < 0.0 && fill_rate < 0.0);
    // A supplier that is down for two weeks: what is ordered then comes when it is up again.
    let [demand, _, lost, stock, fill_rate] =
        changes("supplier=down@2026-03-23..2026-04-05 where source.id == 'dairy-and-meat'");
    assert!(demand == 0.0 && lost > 0.0 && stock < 0.0 && fill_rate < 0.0);
    // A price that is not met by demand moves what a shock of demand moves.
    assert_eq!(changes("price=+100%:-1@2026-03-30"), changes("demand=-50%@2026-03-30"));
    assert_eq!(changes("price=+10%:0@2026-03-30"), [0.0; 5]);
}

/// Orders placed while the source is down arrive as if they were placed on the day after, and not at all where it stays
/// down.
#[test]
fn a_source_that_is_down_sends_later() {
    let dataset = shop(&[6; 5], 1, 40);
    let lost = |shock: &str| run(&dataset, 2.0, &options(&[shock])).difference.unwrap().lost.unwrap().mean;
    let one_day = lost("supplier=down@2025-07-27..2025-07-27");
    assert_eq!(one_day, lost("lead_time=+1@2025-07-27..2025-07-27"));
    assert!(one_day < lost("supplier=down@2025-07-20..2025-08-10"));
    assert!(lost("supplier=down@2025-07-20..2025-08-10") < lost("supplier=down@2025-07-20"));
}
