use std::collections::BTreeMap;

use restock_core::dataset::Origin;
use restock_core::{LocationIdx, Quantity, Units};

use super::*;

fn small() -> ChainConfig {
    ChainConfig { n_items: 120, n_stores: 4, ..ChainConfig::default() }
}

fn histories(config: &ChainConfig, seed: u64) -> Vec<ItemHistory> {
    let mut histories = Vec::new();
    for_each_item(config, seed, |history| histories.push(history.clone()));
    histories
}

fn share(part: usize, of: usize) -> f64 {
    part as f64 / of as f64
}

#[test]
fn sales_are_the_demand_that_the_shelf_could_serve() {
    let (mut n_days, mut n_short, mut demand, mut sold) = (0, 0, 0, 0);
    for history in histories(&small(), 1) {
        for series in history.stores.iter().chain([&history.centre]) {
            let mut on_hand = series.on_hand_at_start;
            for day in 0..series.demand.len() {
                let available = on_hand + series.received[day];
                assert_eq!(series.sold[day], series.demand[day].min(available));
                on_hand = available - series.sold[day] - series.expired[day];
                assert_eq!(series.on_hand[day], on_hand, "units are conserved");
            }
            assert_eq!(series.stock_at_end.on_hand(), on_hand);
        }
        for series in &history.stores {
            n_days += series.demand.len();
            n_short += series.demand.iter().zip(&series.sold).filter(|(demand, sold)| sold < demand).count();
            demand += series.demand.iter().sum::<Units>();
            sold += series.sold.iter().sum::<Units>();
        }
    }
    // Real chains lose 2 % to 10 % of their demand to empty shelves.
    let (short_days, fill_rate) = (share(n_short, n_days), sold as f64 / demand as f64);
    assert!((0.005..0.10).contains(&short_days), "{short_days} of the days had unmet demand");
    assert!((0.85..0.99).contains(&fill_rate), "fill rate {fill_rate}");
}

#[test]
fn what_left_the_centre_arrived_in_the_stores() {
    let config = small();
    for history in histories(&config, 2) {
        let mut shipped = BTreeMap::<Day, Units>::new();
        let mut arrived = BTreeMap::<(usize, Day), Units>::new();
        for order in &history.orders {
            if let Some(store_idx) = order.store_idx {
                *shipped.entry(order.ordered_on).or_default() += order.quantity;
                *arrived.entry((store_idx, order.received_on)).or_default() += order.quantity;
            }
        }
        let first_day = config.last_day.plus(1 - config.n_days as i32);
        for offset in 0..config.n_days {
            let day = first_day.plus(offset as i32);
            assert_eq!(history.centre.sold[offset], shipped.get(&day).copied().unwrap_or(0));
            for (store_idx, series) in history.stores.iter().enumerate() {
                assert_eq!(series.received[offset], arrived.get(&(store_idx, day)).copied().unwrap_or(0));
            }
        }
    }
}

#[test]
fn promotions_raise_demand_by_their_lift() {
    let config = ChainConfig { n_items: 240, share_on_off: 0.0, ..small() };
    let world = World::new(&config, 3);
    let (mut promoted, mut expected, mut weight) = (0.0, 0.0, 0.0);
    for_each_item(&config, 3, |history| {
        let item = &world.items[history.item_idx];
        for promotion in item.promotions.iter().filter(|promotion| promotion.first >= world.history.start + 28) {
            let days = |from: usize, to: usize| -> f64 {
                let range =
                    (from - world.history.start).min(config.n_days)..(to - world.history.start).min(config.n_days);
                history.stores.iter().map(|series| series.demand[range.clone()].iter().sum::<Units>() as f64).sum()
            };
            let n_days = promotion.last + 1 - promotion.first;
            if promotion.last < world.history.end
                && (promotion.first - 28..promotion.first).all(|day_idx| {
                    item.promotion_on(day_idx).is_none()
                        && item.first_day_idx.is_none_or(|first| first + 28 < day_idx)
                        && item.promotion_on(day_idx.saturating_sub(14)).is_none()
                })
            {
                // The same weekdays of the four weeks before are the base.
                let base = (1..=4)
                    .map(|week| days(promotion.first - 7 * week, promotion.first - 7 * week + n_days.min(7)))
                    .sum::<f64>()
                    / 4.0;
                promoted += days(promotion.first, promotion.first + n_days.min(7));
                expected += base * promotion.lift;
                weight += base;
            }
        }
    });
    let (lift, drawn) = (promoted / weight, expected / weight);
    assert!(drawn > 1.2, "promotions in this test lift demand by {drawn}");
    // Competing promotions of the family take some of it; seasons and noise the rest.
    assert!((0.8..1.15).contains(&(lift / drawn)), "measured lift {lift}, drawn {drawn}");
}

#[test]
fn demand_comes_in_all_classes() {
    // Syntetos, Boylan & Croston (2005): ADI against 1.32 and CV² of the sizes against 0.49.
    let mut classes = [0_usize; 4];
    let mut n = 0;
    for history in histories(&ChainConfig { n_items: 300, ..small() }, 4) {
        for series in &history.stores {
            let sizes: Vec<f64> = series.demand.iter().filter(|&&units| units > 0).map(|&units| units as f64).collect();
            if sizes.len() < 2 {
                continue;
            }
            let mean = sizes.iter().sum::<f64>() / sizes.len() as f64;
            let variance = sizes.iter().map(|size| (size - mean).powi(2)).sum::<f64>() / sizes.len() as f64;
            let interval = series.demand.len() as f64 / sizes.len() as f64;
            classes[usize::from(interval >= 1.32) * 2 + usize::from(variance / (mean * mean) >= 0.49)] += 1;
            n += 1;
        }
    }
    let [smooth, erratic, intermittent, lumpy] = classes.map(|count| share(count, n));
    // Single items in single stores, day by day, are mostly intermittent; the other classes must be there too.
    assert!(
        smooth > 0.05 && erratic > 0.04 && intermittent > 0.3 && lumpy > 0.15,
        "smooth {smooth:.2}, erratic {erratic:.2}, intermittent {intermittent:.2}, lumpy {lumpy:.2}"
    );
}

/// Nobody stocks fresh goods in packs that mostly spoil: at least two packs sell before one expires, in three of four
/// stores and always at the centre, unless the pack is a single piece.
#[test]
fn fresh_packs_sell_before_they_expire() {
    let config = ChainConfig::example_shop();
    let world = World::new(&config, 2026);
    let mut packs_per_life = Vec::new();
    for_each_item(&config, 2026, |history| {
        let item = &world.items[history.item_idx];
        let Some(shelf_life) = item.shelf_life() else { return };
        let per_life = |series: &SeriesHistory| {
            let sold = series.demand.iter().sum::<Units>() as f64;
            sold / series.demand.len() as f64 * shelf_life as f64
        };
        for series in &history.stores {
            let pack = item.pack_units();
            if pack > item.units_per_base {
                packs_per_life.push(per_life(series) / pack as f64);
            }
        }
        if item.case_units() > item.units_per_base && item.first_day_idx.is_none() && item.last_day_idx.is_none() {
            let cases = per_life(&history.centre) / item.case_units() as f64;
            assert!(cases > 2.0, "{} sells {cases} cases before one expires", item.id);
        }
    });
    packs_per_life.sort_by(f64::total_cmp);
    assert!(packs_per_life.len() > 20, "{packs_per_life:?}");
    assert!(packs_per_life[packs_per_life.len() / 4] > 2.0, "{packs_per_life:?}");
}

#[test]
fn any_number_of_threads_gives_the_same_chain() {
    let config = ChainConfig { n_items: 40, n_days: 120, ..small() };
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap().install(|| chain(&config, 9));
    let together = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap().install(|| chain(&config, 9));
    assert_eq!(alone, together);
    assert_ne!(alone, chain(&config, 10));
}

#[test]
fn an_item_does_not_depend_on_its_neighbours_supply() {
    // The item's demand depends on its id; only promotions of its family reach it from outside.
    let alone = ChainConfig { n_items: 60, share_promoted: 0.0, ..small() };
    let among_others = ChainConfig { n_items: 120, share_promoted: 0.0, ..small() };
    let demand_of = |config: &ChainConfig| {
        let world = World::new(config, 6);
        let idx = world.items.iter().position(|item| item.id == "milk-1l").unwrap();
        histories(config, 6)[idx].stores[0].demand.clone()
    };
    assert_eq!(demand_of(&alone), demand_of(&among_others));
}

#[test]
fn the_tables_fit_together() {
    let config = small();
    let dataset = chain(&config, 5);
    let histories = histories(&config, 5);
    assert!(dataset.items.is_sorted_by(|a, b| a.item_id < b.item_id));
    assert!(dataset.locations.is_sorted_by(|a, b| a.location_id < b.location_id));
    assert!(dataset.suppliers.is_sorted_by(|a, b| a.supplier_id < b.supplier_id));
    let sales = &dataset.sales;
    let keys: Vec<_> = (0..sales.len()).map(|row| (sales.item[row], sales.location[row], sales.day[row])).collect();
    assert!(keys.is_sorted_by(|a, b| a < b));
    assert_eq!(*sales.day.iter().max().unwrap(), config.last_day, "a plan without a date is for the day after");

    let decimals = |item: restock_core::ItemIdx| dataset.items[item.0 as usize].decimals;
    let sold: Units =
        (0..sales.len()).map(|row| sales.quantity[row].to_units(decimals(sales.item[row])).expect("whole units")).sum();
    let all_sold: Units = histories.iter().flat_map(|history| &history.stores).flat_map(|series| &series.sold).sum();
    assert_eq!(sold, all_sold);

    for (item_idx, history) in histories.iter().enumerate() {
        for (location_idx, series) in [&history.centre].into_iter().chain(&history.stores).enumerate() {
            let is_here = |item: restock_core::ItemIdx, location: LocationIdx| {
                (item.0 as usize, location.0 as usize) == (item_idx, location_idx)
            };
            let counted: Quantity = dataset
                .inventory
                .iter()
                .filter(|row| is_here(row.item, row.location))
                .fold(Quantity::ZERO, |sum, row| sum + row.on_hand);
            assert_eq!(
                counted.to_units(decimals(restock_core::ItemIdx(item_idx as u32))),
                Some(series.stock_at_end.on_hand())
            );
            let on_order = dataset
                .open_orders
                .iter()
                .filter(|row| is_here(row.item, row.to_location))
                .fold(Quantity::ZERO, |sum, row| sum + row.quantity);
            assert_eq!(
                on_order.to_units(decimals(restock_core::ItemIdx(item_idx as u32))),
                Some(series.stock_at_end.on_order())
            );
        }
    }
    for lane in &dataset.sources {
        let (item, pack) = (&dataset.items[lane.item.unwrap().0 as usize], lane.pack_size.unwrap());
        assert!(pack.to_units(item.decimals).unwrap() > 0);
        let from_supplier = matches!(lane.origin, Origin::Supplier(_));
        assert_eq!(lane.to_location == Some(LocationIdx(0)), from_supplier, "stores are fed by the centre");
    }
    assert!(dataset.promotions.iter().any(|row| row.from > config.last_day), "promotions are planned ahead");
    assert!(dataset.events.iter().any(|row| row.day > config.last_day), "a holiday lies ahead");
    assert!(!dataset.stockouts.is_empty() && dataset.items.iter().any(|item| item.shelf_life_days.is_some()));
    // An empty shelf may sell on the day on which it runs out, and on no day after it.
    let sales = &dataset.sales;
    let sold: std::collections::HashSet<_> =
        (0..sales.len()).map(|row| (sales.item[row], sales.location[row], sales.day[row])).collect();
    for row in &dataset.stockouts {
        let sold_within =
            (1..=row.to.0 - row.from.0).any(|n| sold.contains(&(row.item, row.location, row.from.plus(n))));
        assert!(!sold_within, "{row:?} sold while it was empty");
    }
    for row in &dataset.inventory {
        assert!(row.expiry.is_none_or(|expiry| expiry > config.last_day), "expired goods have left the shelf");
    }
}

/// The lead times in the receipts are those of the suppliers: gamma with the mean of the lane, rounded.
#[test]
fn receipts_teach_the_lead_times() {
    let dataset = chain(&ChainConfig { n_items: 300, ..small() }, 7);
    for lane in dataset.sources.iter().filter(|lane| matches!(lane.origin, Origin::Supplier(_))).take(60) {
        let Origin::Supplier(supplier) = lane.origin else { unreachable!("filtered") };
        let days: Vec<f64> = dataset
            .receipts
            .iter()
            .filter(|row| row.origin == Some(Origin::Supplier(supplier)))
            .map(|row| f64::from(row.received_on.0 - row.ordered_on.unwrap().0))
            .collect();
        let mean = days.iter().sum::<f64>() / days.len() as f64;
        assert!((mean / lane.lead_time_days.unwrap() - 1.0).abs() < 0.06, "{supplier:?}: {mean}");
    }
}

#[test]
fn a_load_test_chain_has_the_size_asked_for() {
    for n in [1, 7, 1000, 3049, 100_000] {
        let config = ChainConfig::with_item_locations(n);
        assert!(config.n_items * config.n_stores >= n);
        assert!(config.n_items * config.n_stores < n + config.n_stores.max(3));
    }
}
