//! What people and other systems say about demand to come is in what is ordered, and in why.

mod fixtures;

use fixtures::RecentMean;
use restock_core::dataset::{BomRow, Dataset, ForecastOverrideRow, GivenForecastRow, Origin, PromotionRow, Supplier};
use restock_core::finding::ExceptionCode;
use restock_core::proposal::WaterfallCode;
use restock_core::said_demand::DemandChange;
use restock_core::settings::PlanSettings;
use restock_core::{Bucket, Day, ItemIdx, LocationIdx, Quantity, RowRef, SupplierIdx};
use restock_engine::{Explainer, ForecastPoint, LineDetail, OVERRIDE_BY, PlanningUnit, UnitBuilder, WhatIf};

const UNCERTAIN: RecentMean = RecentMean { spread: 1.0 };
const SHOP: LocationIdx = LocationIdx(0);
const N_DAYS: i32 = 140;

fn as_of() -> Day {
    "2026-03-02".parse().unwrap()
}

fn settings() -> PlanSettings {
    PlanSettings { as_of: Some(as_of()), default_review_days: 7.0, n_paths: 64, ..PlanSettings::default() }
}

/// Items that sell some units a day in a shop, in the order of their ids, delivered within two days.
fn shop(items: &[(&str, i64)]) -> Dataset {
    let mut dataset = Dataset {
        items: items.iter().map(|(id, _)| fixtures::item(id, "1", "3")).collect(),
        locations: vec![fixtures::location("S1")],
        suppliers: vec![Supplier { supplier_id: "MILL".to_owned(), ..Supplier::default() }],
        ..Dataset::default()
    };
    for (idx, (_, per_day)) in items.iter().enumerate() {
        let item = ItemIdx(idx as u32);
        if *per_day > 0 {
            fixtures::sell(&mut dataset, item, SHOP, as_of().plus(-N_DAYS), vec![*per_day; N_DAYS as usize]);
        }
        dataset.inventory.push(fixtures::stock(item, SHOP, Quantity::ZERO));
    }
    dataset.sources.push(fixtures::lane(Origin::Supplier(SupplierIdx(0)), 2.0));
    dataset
}

fn factor(text: &str) -> DemandChange {
    DemandChange::Factor(text.parse().unwrap())
}

fn total(units: i64) -> DemandChange {
    DemandChange::Quantity(Quantity::from_whole(units))
}

/// An override of the item at the shop for days after the day of the plan.
fn said(item: u32, (from, to): (i32, i32), change: DemandChange) -> ForecastOverrideRow {
    ForecastOverrideRow {
        item: Some(ItemIdx(item)),
        location: Some(SHOP),
        category: None,
        from: as_of().plus(from),
        to: as_of().plus(to),
        change,
        reason: "street party".to_owned(),
        author: "ann".to_owned(),
        said_at: None,
        row: RowRef::default(),
    }
}

fn explained(dataset: &Dataset, settings: &PlanSettings, item: &str) -> LineDetail {
    let detail = Explainer::new(dataset, settings, &UNCERTAIN).explain(item, "S1", &[]).unwrap();
    let waterfall = &detail.explanation.waterfall;
    let sum = waterfall.iter().fold(Quantity::ZERO, |sum, line| sum + line.value);
    let ordered = detail.proposal.as_ref().map_or(Quantity::ZERO, |proposal| proposal.quantity);
    assert_eq!(sum, ordered, "the waterfall sums exactly: {waterfall:?}");
    detail
}

fn means(points: &[ForecastPoint]) -> Vec<f64> {
    points.iter().map(|point| point.mean).collect()
}

fn of_days(points: &[ForecastPoint], days: std::ops::RangeInclusive<usize>) -> f64 {
    points[days].iter().map(|point| point.mean).sum()
}

#[test]
fn a_factor_multiplies_the_days_it_names_and_no_others() {
    let mut dataset = shop(&[("bread", 10)]);
    let plain = explained(&dataset, &settings(), "bread");
    assert!(plain.baseline.is_empty() && plain.overrides.is_empty());
    dataset.forecast_overrides.push(said(0, (3, 5), factor("2")));
    let doubled = explained(&dataset, &settings(), "bread");
    assert_eq!(doubled.baseline, plain.forecast, "what it was without the override is kept beside it");
    for (day, (now, before)) in doubled.forecast.iter().zip(&plain.forecast).enumerate() {
        let times = if (3..=5).contains(&day) { 2.0 } else { 1.0 };
        assert_eq!(
            (now.mean, now.quantiles),
            (before.mean * times, before.quantiles.map(|units| units * times)),
            "{day}"
        );
    }
    assert_eq!(doubled.overrides.len(), 1);
    assert_eq!((doubled.overrides[0].author.as_str(), doubled.overrides[0].reason.as_str()), ("ann", "street party"));
    let ordered = |detail: &LineDetail| detail.proposal.as_ref().unwrap().quantity.to_f64();
    // Three days of ten more units within the protection interval of nine days.
    assert!(
        (25.0..=40.0).contains(&(ordered(&doubled) - ordered(&plain))),
        "{} {}",
        ordered(&doubled),
        ordered(&plain)
    );
    // After its last day nothing is left of it.
    dataset.forecast_overrides[0] = said(0, (-9, -1), factor("5"));
    let expired = explained(&dataset, &settings(), "bread");
    assert_eq!((expired.explanation, expired.forecast), (plain.explanation, plain.forecast));
    assert!(expired.overrides.is_empty() && expired.baseline.is_empty());
}

#[test]
fn the_explanation_says_who_changed_the_forecast_and_why() {
    let mut dataset = shop(&[("bread", 10)]);
    dataset.forecast_overrides.push(said(0, (0, 3), factor("1.5")));
    let detail = explained(&dataset, &settings(), "bread");
    let expected = &detail.explanation.waterfall[0];
    assert_eq!((expected.code, expected.value), (WaterfallCode::ExpectedDemand, "110".parse().unwrap()));
    let evidence = |name: &str| {
        expected.evidence.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    assert_eq!(evidence("without_overrides"), "90");
    assert_eq!(evidence(&format!("{OVERRIDE_BY} ann")), "street party (×1.5, 2026-03-02 to 2026-03-05)");
    let explanation = &detail.explanation;
    assert!(explanation.sentence.contains("90 without the override by ann (street party)"), "{}", explanation.sentence);
    assert!(
        explanation.sentence_zh.contains("未经 ann 的预测调整（street party）为 90"),
        "{}",
        explanation.sentence_zh
    );
    assert!(explanation.drivers.contains(&("override".to_owned(), 20.0)), "{:?}", explanation.drivers);
    let sum: f64 = explanation.drivers.iter().map(|(_, units)| units).sum();
    assert!((sum - 110.0).abs() < 0.05, "drivers sum to expected demand: {:?}", explanation.drivers);
    // A what-if scales what is expected with the override.
    let settings = settings();
    let what_if = Explainer::new(&dataset, &settings, &UNCERTAIN);
    let half = what_if.explain("bread", "S1", &[WhatIf::Demand(0.5)]).unwrap();
    assert_eq!(half.line.expected_demand, 55.0);
}

#[test]
fn a_total_is_kept_exactly_and_spread_as_the_forecast_is() {
    let mut dataset = shop(&[("bread", 10)]);
    dataset.forecast_overrides.push(said(0, (2, 6), total(77)));
    let detail = explained(&dataset, &settings(), "bread");
    assert!((of_days(&detail.forecast, 2..=6) - 77.0).abs() < 5e-4, "{:?}", means(&detail.forecast));
    // A fifth of it on each of five days alike, to what 64 paths of whole units can say.
    for day in 2..=6 {
        assert!((detail.forecast[day].mean - 15.4).abs() < 0.2, "{:?}", means(&detail.forecast));
    }
    assert_eq!(detail.forecast[1], detail.baseline[1]);
    // Uncertainty grows with it.
    let spread = |point: &ForecastPoint| point.quantiles[5] - point.quantiles[1];
    assert!(spread(&detail.forecast[4]) > 1.3 * spread(&detail.baseline[4]));
    // Two of four days are over: half of it is still to come.
    dataset.forecast_overrides[0] = said(0, (-2, 1), total(100));
    let begun = explained(&dataset, &settings(), "bread");
    assert!((of_days(&begun.forecast, 0..=1) - 50.0).abs() < 5e-4, "{:?}", means(&begun.forecast));
    // What never sold gets it too, evenly.
    let mut dataset = shop(&[("bread", 10), ("cake", 0)]);
    dataset.forecast_overrides.push(said(1, (1, 4), total(8)));
    let new = explained(&dataset, &settings(), "cake");
    assert_eq!(means(&new.forecast)[..6], [0.0, 2.0, 2.0, 2.0, 2.0, 0.0]);
    // Two of them are wanted before an order arrives, and lost.
    assert_eq!(new.proposal.as_ref().unwrap().quantity, Quantity::from_whole(6));
}

/// Units stay whole on every path, whatever the factor, and their sum over paths is that of exact numbers.
#[test]
fn whole_units_stay_whole() {
    for text in ["1.37", "0.4", "0", "3.333"] {
        let mut dataset = shop(&[("bread", 3)]);
        let plain = explained(&dataset, &settings(), "bread");
        dataset.forecast_overrides.push(said(0, (0, 9), factor(text)));
        let detail = explained(&dataset, &settings(), "bread");
        let exact = of_days(&plain.forecast, 0..=9) * text.parse::<f64>().unwrap();
        assert!((of_days(&detail.forecast, 0..=9) - exact).abs() <= 0.5 / 64.0 + 1e-3, "{text}");
        let medians = detail.forecast.iter().map(|point| point.quantiles[3]);
        assert!(medians.into_iter().all(|median| median.fract() == 0.0 || median.fract() == 0.5), "{text}");
    }
}

#[test]
fn of_several_overrides_of_a_day_the_narrowest_holds_and_then_the_last() {
    let mut dataset = shop(&[("bread", 10)]);
    dataset.items[0].category = "food/bakery".to_owned();
    let wide = |category: Option<&str>, location: Option<LocationIdx>, change| ForecastOverrideRow {
        item: None,
        category: category.map(str::to_owned),
        location,
        ..said(0, (0, 6), change)
    };
    let times = |dataset: &Dataset| -> Vec<i64> {
        let points = explained(dataset, &settings(), "bread").forecast;
        means(&points)[..8].iter().map(|mean| (mean / 10.0).round() as i64).collect()
    };
    dataset.forecast_overrides.push(wide(None, Some(SHOP), factor("3")));
    assert_eq!(times(&dataset), [3, 3, 3, 3, 3, 3, 3, 1]);
    dataset.forecast_overrides.insert(0, wide(Some("food"), None, factor("4")));
    assert_eq!(times(&dataset), [4, 4, 4, 4, 4, 4, 4, 1]);
    dataset.forecast_overrides.push(wide(Some("foo"), None, factor("9")));
    dataset.forecast_overrides.insert(0, wide(Some("food/bakery"), None, factor("5")));
    assert_eq!(times(&dataset), [5, 5, 5, 5, 5, 5, 5, 1], "a longer path is narrower, and foo is another category");
    let at = |text: &str| Some(text.parse().unwrap());
    let early = ForecastOverrideRow { said_at: at("2026-03-01T08:00:00Z"), ..said(0, (1, 3), factor("6")) };
    let late = ForecastOverrideRow { said_at: at("2026-03-01T09:00:00Z"), ..said(0, (3, 4), factor("7")) };
    dataset.forecast_overrides.extend([late, early]);
    assert_eq!(times(&dataset), [5, 6, 6, 7, 7, 5, 5, 1]);
    let acting = explained(&dataset, &settings(), "bread").overrides;
    assert_eq!(acting.len(), 3, "those that hold on no day do not act: {acting:?}");
}

/// A sandwich is made when it sells, of two slices; what is said about it reaches them.
#[test]
fn ingredients_follow_their_dish() {
    let mut dataset = shop(&[("sandwich", 10), ("slice", 0)]);
    dataset.inventory.retain(|row| row.item == ItemIdx(1));
    dataset.bom.push(BomRow {
        parent: ItemIdx(0),
        component: ItemIdx(1),
        quantity_per: Quantity::from_whole(2),
        yield_share: 1.0,
        scrap_share: 0.0,
        row: RowRef::default(),
    });
    let plain = explained(&dataset, &settings(), "slice");
    dataset.forecast_overrides.push(said(0, (3, 5), factor("2")));
    let busy = explained(&dataset, &settings(), "slice");
    for (day, (now, before)) in means(&busy.forecast).iter().zip(means(&plain.forecast)).enumerate() {
        let times = if (3..=5).contains(&day) { 2.0 } else { 1.0 };
        assert!((now - before * times).abs() < 1e-6, "day {day}: {now} {before}");
    }
    assert!(busy.overrides.is_empty(), "nobody says anything about slices themselves");
}

/// While a surge lasts, what it comes to corrects the forecast; when it is over, nothing is learnt from it. Those who supply it
/// are in it too, and what is exempted is not.
#[test]
fn a_surge_is_of_its_days_and_of_those_who_supply_it() {
    let surge = |text: &str| DemandChange::Surge(text.parse().unwrap());
    let mut dataset = shop(&[("candle", 10), ("gloves", 10)]);
    let n = dataset.sales.len();
    for row in n - 14..n {
        dataset.sales.quantity[row] = Quantity::from_whole(40);
    }
    let mean = |dataset: &Dataset| means(&explained(dataset, &settings(), "gloves").forecast)[10];
    assert!((mean(&dataset) - 25.0).abs() < 0.01, "two weeks of four are believed");
    dataset.forecast_overrides = vec![said(1, (-14, 40), surge("5"))];
    assert!((mean(&dataset) - 45.0).abs() < 0.01, "five times nine: it comes to four times for half of what is known");
    let monthly = explained(&dataset, &settings(), "gloves").line.monthly_consumption;
    assert_eq!(monthly, Some(300.0), "the usual month");
    dataset.forecast_overrides = vec![said(1, (-14, -1), surge("5"))];
    assert!((mean(&dataset) - 10.0).abs() < 0.01, "it is over");

    let is_in_surge = |dataset: &Dataset, item: &str| {
        let detail = explained(dataset, &settings(), item);
        detail.exceptions.iter().any(|exception| exception.code == ExceptionCode::SurgeMode)
    };
    dataset.forecast_overrides =
        vec![ForecastOverrideRow { item: None, ..said(1, (0, 40), surge("3")) }, said(0, (0, 40), factor("1"))];
    assert!(is_in_surge(&dataset, "gloves") && !is_in_surge(&dataset, "candle"));
    dataset.forecast_overrides[0].from = as_of().plus(30);
    assert!(!is_in_surge(&dataset, "gloves"), "it begins after the order after this one arrives");

    let mut dataset = shop(&[("sandwich", 10), ("slice", 0)]);
    dataset.inventory.retain(|row| row.item == ItemIdx(1));
    dataset.bom.push(BomRow {
        parent: ItemIdx(0),
        component: ItemIdx(1),
        quantity_per: Quantity::from_whole(2),
        yield_share: 1.0,
        scrap_share: 0.0,
        row: RowRef::default(),
    });
    assert!(!is_in_surge(&dataset, "slice"));
    dataset.forecast_overrides.push(said(0, (0, 40), surge("3")));
    assert!(is_in_surge(&dataset, "slice"), "the order of slices is for it");
}

/// Orders come to the months of stock that are asked for when they arrive, and a target is not lowered by them.
#[test]
fn months_of_stock_bound_what_orders_lead_to() {
    let mut dataset = shop(&[("gloves", 10)]);
    dataset.sources[0].lead_time_days = Some(60.0);
    // An empty shelf loses what is wanted until the order comes; a full one is empty then.
    for on_hand in [0, 600] {
        dataset.inventory[0].on_hand = Quantity::from_whole(on_hand);
        let arrives = |settings: &PlanSettings| explained(&dataset, settings, "gloves").line.quantity.to_f64();
        let plain = arrives(&settings());
        let within = |months: [f64; 2]| arrives(&PlanSettings { months_of_stock: Some(months), ..settings() });
        assert!((70.0..200.0).contains(&plain), "{plain} for a week");
        assert_eq!(within([0.0, 4.0]), plain, "bounds that hold anyway change nothing");
        assert!((within([3.0, 5.0]) - 900.0).abs() <= 12.0, "{}", within([3.0, 5.0]));
        assert!((within([0.0, 0.1]) - 30.0).abs() <= 12.0, "{}", within([0.0, 0.1]));
    }
    let arrives = |settings: &PlanSettings| explained(&dataset, settings, "gloves").line.quantity;
    let min_max = PlanSettings { policy: "min_max".to_owned(), months_of_stock: Some([0.0, 9.0]), ..settings() };
    let own = arrives(&PlanSettings { months_of_stock: None, ..min_max.clone() });
    assert_eq!(arrives(&min_max), own, "the levels of a policy are its own");
}

/// A week of which two of seven days are doubled has two sevenths more.
#[test]
fn weeks_are_changed_by_the_share_of_their_days() {
    let mut dataset = shop(&[("bread", 10)]);
    let settings = PlanSettings { bucket: Bucket::Week, ..settings() };
    let plain = explained(&dataset, &settings, "bread");
    dataset.forecast_overrides.push(said(0, (7, 8), factor("2")));
    let detail = explained(&dataset, &settings, "bread");
    assert!(
        (detail.forecast[1].mean / plain.forecast[1].mean - 9.0 / 7.0).abs() < 0.05,
        "{:?}",
        means(&detail.forecast)
    );
    assert_eq!(detail.forecast[0], plain.forecast[0]);
    assert_eq!(detail.forecast[2], plain.forecast[2]);
}

fn external() -> PlanSettings {
    PlanSettings { forecast_model: "external".to_owned(), ..settings() }
}

fn given(day: i32, mean: Option<f64>, quantiles: &[(f64, f64)]) -> GivenForecastRow {
    GivenForecastRow {
        item: ItemIdx(0),
        location: SHOP,
        day: as_of().plus(day),
        mean,
        quantiles: quantiles.to_vec(),
        row: RowRef::default(),
    }
}

fn unit(dataset: &Dataset, settings: &PlanSettings) -> PlanningUnit {
    UnitBuilder::new(dataset, settings, None).build(ItemIdx(0), SHOP).unwrap()
}

#[test]
fn quantiles_of_another_system_are_those_of_the_plan() {
    let mut dataset = shop(&[("bread", 10)]);
    let n_days = unit(&dataset, &external()).horizon() as i32;
    let known = [(0.05, 10.0), (0.1, 12.0), (0.3, 18.0), (0.5, 20.0), (0.7, 25.0), (0.9, 32.0), (0.95, 40.0)];
    dataset.forecasts = (0..n_days).map(|day| given(day, Some(21.8), &known)).collect();
    let many = PlanSettings { n_paths: 1_024, ..external() };
    let detail = explained(&dataset, &many, "bread");
    assert_eq!(
        (detail.line.forecast_model.as_str(), detail.forecast_reason.as_str()),
        ("external", "forecast of another system")
    );
    for point in &detail.forecast {
        for (idx, (level, value)) in known.iter().enumerate() {
            assert!((point.quantiles[idx] - value).abs() <= 1.0, "{level}: {point:?}");
        }
        assert!((point.mean - 21.8).abs() < 0.3, "{point:?}");
    }
    assert!(detail.explanation.warnings.is_empty(), "{:?}", detail.explanation.warnings);
    // Without the setting they are not looked at.
    let own = explained(&dataset, &settings(), "bread");
    dataset.forecasts.clear();
    let without = explained(&dataset, &settings(), "bread");
    assert_eq!((own.explanation, own.forecast), (without.explanation, without.forecast));
}

#[test]
fn where_another_system_says_nothing_the_fallback_stands_in_and_says_so() {
    let mut dataset = shop(&[("bread", 10)]);
    let n_days = unit(&dataset, &external()).horizon();
    dataset.forecasts = (0..5).map(|day| given(day, Some(30.0), &[])).collect();
    // A planned uplift is in what others expect of its days already.
    dataset.promotions.push(PromotionRow {
        promo_id: String::new(),
        item: Some(ItemIdx(0)),
        location: None,
        from: as_of().plus(4),
        to: as_of().plus(5),
        depth: Some(0.2),
        display: false,
        expected_uplift: Some(2.0),
        row: RowRef::default(),
    });
    let detail = explained(&dataset, &external(), "bread");
    let means = means(&detail.forecast);
    assert!(means[..5].iter().all(|mean| (mean - 30.0).abs() < 0.1), "{means:?}");
    assert!((means[5] - 20.0).abs() < 0.1 && (means[6] - 10.0).abs() < 0.1, "{means:?}");
    assert_eq!(detail.line.forecast_model, "external, else recent_mean");
    assert!(detail.forecast_reason.starts_with(&format!("forecast of another system for 5 of {n_days} periods")));
    let told = format!("another system forecasts 5 of {n_days} open periods: recent_mean stands in for the others");
    assert!(detail.explanation.warnings.contains(&told), "{:?}", detail.explanation.warnings);
    dataset.forecasts.clear();
    let none = explained(&dataset, &external(), "bread");
    assert_eq!(none.line.forecast_model, "recent_mean");
    assert!(none.forecast_reason.starts_with("no forecast of another system; "), "{}", none.forecast_reason);
    // Overrides act on what others expect, too.
    dataset.forecasts = (0..5).map(|day| given(day, Some(30.0), &[])).collect();
    dataset.forecast_overrides.push(said(0, (0, 0), factor("2")));
    let both = explained(&dataset, &external(), "bread");
    assert!((both.forecast[0].mean - 60.0).abs() < 0.1 && (both.forecast[1].mean - 30.0).abs() < 0.1);
}

/// What never sold is planned where another system expects it to sell.
#[test]
fn what_never_sold_is_planned_from_what_others_expect() {
    let mut dataset = shop(&[("cake", 0), ("tea", 4)]);
    let reason = |dataset: &Dataset| UnitBuilder::new(dataset, &external(), None).build(ItemIdx(0), SHOP).err();
    assert!(reason(&dataset).is_some());
    dataset.forecasts = (0..60).map(|day| given(day, Some(4.0), &[])).collect();
    assert!(reason(&dataset).is_none());
    let detail = explained(&dataset, &external(), "cake");
    assert!(detail.forecast.iter().all(|point| (point.mean - 4.0).abs() < 0.1), "{:?}", means(&detail.forecast));
    // Poisson demand of 4: the 95 % quantile is 8.
    assert!((7.0..=8.0).contains(&detail.forecast[3].quantiles[6]), "{:?}", detail.forecast[3]);
    assert!(detail.proposal.is_some());
}
