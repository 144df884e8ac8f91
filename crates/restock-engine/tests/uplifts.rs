//! Promotions and holidays raise orders before they begin, by the lead time, and let them down in time: a shop whose truth is
//! known is played day by day, with the tables that tell of them and without.

#![expect(clippy::print_stdout, reason = "what each day gives is read where a bound fails")]

mod fixtures;
#[path = "channels/shop.rs"]
#[allow(dead_code, reason = "channels need more of it")]
mod shop;

use restock_core::dataset::{EventRow, ForecastOverrideRow, PromotionRow, RowRef};
use restock_core::said_demand::DemandChange;
use restock_core::settings::PlanSettings;
use shop::{Arm, Shop, ShopDay, play_days};

const N_HISTORY: usize = 364;
const N_PLAYED: usize = 56;
const LEAD_TIME: usize = 3;
/// The first day of the last uplift, of those that are played.
const START: usize = 31;
/// What an uplift does to demand.
const TIMES: f64 = 3.0;

/// Days of the uplifts, every six weeks; the last one while the shop is played.
fn uplifts(length: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    let last = N_HISTORY + START;
    (0..9).map(move |n| last - 42 * n).rev().map(move |start| start..start + length)
}

fn shop(length: usize) -> Shop {
    let mut shop = Shop::new(&[12.0, 20.0, 9.0, 15.0, 25.0, 10.0], (N_HISTORY, N_PLAYED), 7);
    shop.lead_time = LEAD_TIME as i32;
    shop.is_ample = true;
    shop.demand_times(20.0, |_, day| if uplifts(length).any(|days| days.contains(&day)) { TIMES } else { 1.0 });
    shop
}

/// Orders every day; tables tell of the uplifts or not.
fn played(shop: &Shop, has_tables: bool) -> Vec<ShopDay> {
    let settings = PlanSettings {
        default_review_days: 1.0,
        n_paths: 128,
        policy: "classical".to_owned(),
        forecast_model: "negative_binomial".to_owned(),
        extra_horizon_days: 14,
        ..PlanSettings::default()
    };
    play_days(shop, &Arm { has_tables, ..Arm::of(settings) }).1
}

/// What must be true of an uplift of some days that tables tell of.
fn orders_rise_before_and_fall_in_time(name: &str, shop: &Shop, length: usize) {
    let [without, with] = [false, true].map(|has_tables| played(shop, has_tables));
    let end = START + length;
    for (day, (without, with)) in without.iter().zip(&with).enumerate() {
        let is_uplift = (START..end).contains(&day);
        println!("{name} {day:2} {} {without:?} {with:?}", if is_uplift { "*" } else { " " });
    }
    let mean = |days: &[ShopDay], of: fn(&ShopDay) -> i64| {
        days.iter().map(|day| of(day) as f64).sum::<f64>() / days.len() as f64
    };
    // Until then the shelves of the history have emptied.
    let usual_orders = mean(&with[START - 14..START - LEAD_TIME - 1], |day| day.ordered);
    // The first order that can arrive in time is the first that is large, and none comes long before it is needed.
    let is_large = |day: &ShopDay| day.ordered as f64 > 1.6 * usual_orders;
    let first_large = START - 14 + with[START - 14..].iter().position(is_large).unwrap();
    let in_time = START - LEAD_TIME;
    assert!((in_time - 1..=in_time).contains(&first_large), "{name}: the first large order is on day {first_large}");
    let lost = |days: &[ShopDay]| days[START..end].iter().map(|day| day.lost).sum::<i64>() as f64;
    let demand = with[START..end].iter().map(|day| day.demand).sum::<i64>() as f64;
    assert!(lost(&with) <= 0.06 * demand, "{name}: {} of {demand} are lost", lost(&with));
    assert!(lost(&without) >= 3.0 * lost(&with), "{name}: unknown {} lost, known {}", lost(&without), lost(&with));
    // No mountain is left: two days after it the shelf holds what it held before.
    let usual_stock = mean(&with[START - 12..START - 1], |day| day.on_hand);
    let after = mean(&with[end + 2..end + 9], |day| day.on_hand);
    assert!(after <= 1.35 * usual_stock, "{name}: {after} on the shelf after it, {usual_stock} before");
    let demand_per_day = mean(&with[..START], |day| day.demand);
    let excess_days = (with[end - 1].on_hand as f64 - usual_stock) / demand_per_day;
    assert!(excess_days <= 3.0, "{name}: {excess_days} days of demand too much at its end");
    // Orders that arrive after it are small as soon as they can be.
    let next: f64 = mean(&with[end - LEAD_TIME..end + 2], |day| day.ordered);
    assert!(next <= 1.1 * usual_orders, "{name}: {next} a day are ordered for the days after it, usual {usual_orders}");
}

#[test]
fn a_promotion_is_ordered_for_before_it_begins_and_leaves_no_mountain() {
    let mut shop = shop(7);
    shop.promotions = uplifts(7)
        .map(|days| PromotionRow {
            promo_id: String::new(),
            item: None,
            location: None,
            from: shop.first.plus(days.start as i32),
            to: shop.first.plus(days.end as i32 - 1),
            depth: Some(0.25),
            display: false,
            expected_uplift: None,
            row: RowRef::default(),
        })
        .collect();
    orders_rise_before_and_fall_in_time("promotion", &shop, 7);
}

#[test]
fn a_holiday_is_ordered_for_before_it_begins_and_leaves_no_mountain() {
    let mut shop = shop(3);
    let event = |day: usize| EventRow {
        day: shop.first.plus(day as i32),
        location: None,
        name: "Feast".to_owned(),
        kind: "holiday".to_owned(),
        magnitude: 1.0,
        row: RowRef::default(),
    };
    shop.events = uplifts(3).flatten().map(event).collect();
    orders_rise_before_and_fall_in_time("holiday", &shop, 3);
}

/// A surge of six weeks that was declared as five times the usual and comes to three and a half: it is believed at first and
/// corrected by what goes out, and when it is over orders are what they were. A plain factor would multiply what
/// the model has learnt from the surge itself.
#[test]
fn a_surge_is_met_corrected_and_forgotten() {
    const LENGTH: usize = 42;
    let (begin, end) = (N_HISTORY + 7, N_HISTORY + 7 + LENGTH);
    let mut shop = Shop::new(&[12.0, 20.0, 9.0, 15.0, 25.0, 10.0], (N_HISTORY, 84), 11);
    shop.lead_time = LEAD_TIME as i32;
    shop.demand_times(20.0, |_, day| if (begin..end).contains(&day) { 3.5 } else { 1.0 });
    let mut played_as = |change: Option<DemandChange>| {
        shop.overrides = change
            .into_iter()
            .map(|change| ForecastOverrideRow {
                item: None,
                location: Some(Shop::place()),
                category: None,
                from: shop.first.plus(begin as i32),
                to: shop.first.plus(end as i32 - 1),
                change,
                reason: "epidemic".to_owned(),
                author: String::new(),
                said_at: None,
                row: RowRef::default(),
            })
            .collect();
        let settings = PlanSettings {
            default_review_days: 1.0,
            n_paths: 128,
            policy: "classical".to_owned(),
            extra_horizon_days: 14,
            ..PlanSettings::default()
        };
        play_days(&shop, &Arm { has_tables: true, ..Arm::of(settings) }).1
    };
    let nothing = played_as(None);
    let factor = played_as(Some(DemandChange::Factor(5.into())));
    let surge = played_as(Some(DemandChange::Surge(5.into())));
    for day in 0..84 {
        println!("{day:2} {:?} {:?} {:?}", nothing[day], factor[day], surge[day]);
    }
    let sum = |days: &[ShopDay], of: fn(&ShopDay) -> i64| days.iter().map(of).sum::<i64>() as f64;
    let during = |days: &[ShopDay]| sum(&days[7..7 + LENGTH], |day| day.lost);
    let demand = sum(&surge[7..7 + LENGTH], |day| day.demand);
    assert!(during(&surge) <= 0.03 * demand, "{} of {demand} are lost", during(&surge));
    assert!(during(&nothing) >= 3.0 * during(&surge), "{} are lost where nobody declared it", during(&nothing));
    // Its last two weeks: the shelf holds what three and a half times the usual needs, as it held before.
    let stock = |days: &[ShopDay], from: usize, to: usize| sum(&days[from..to], |day| day.on_hand) / (to - from) as f64;
    let (before, late) = (stock(&surge, 0, 7), stock(&surge, 35, 7 + LENGTH));
    assert!(late <= 3.5 * 1.6 * before, "{late} on the shelf late in it, {before} before");
    assert!(stock(&factor, 35, 7 + LENGTH) >= 2.0 * late, "a factor piles up {}", stock(&factor, 35, 7 + LENGTH));
    // When it is over, orders and sales are at once what they were, and after two weeks the shelf too: neither more nor less.
    let after = stock(&surge, 7 + LENGTH + 14, 84);
    assert!(after <= 1.5 * before, "{after} on the shelf after it, {before} before");
    let over = &surge[7 + LENGTH..];
    let lost = sum(over, |day| day.lost);
    assert!(lost <= 0.03 * sum(over, |day| day.demand), "{lost} are lost after it");
    let ordered = sum(&over[14..], |day| day.ordered) / sum(&over[14..], |day| day.demand);
    assert!((0.75..1.25).contains(&ordered), "{ordered} of what is wanted is ordered after it");
}
