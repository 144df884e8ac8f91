//! Plans of small businesses that tell what must be true, and properties over generated chains.

mod fixtures;

use std::collections::BTreeMap;

use restock_core::dataset::{
    BomRow, Dataset, ItemLocationRow, Origin, ReceiptRow, SourceRow, SubstitutionRow, Supplier,
};
use restock_core::finding::ExceptionCode;
use restock_core::proposal::{ProposalSource, ProposalType, WaterfallCode};
use restock_core::settings::{PlanSettings, Segment};
use restock_core::{
    Bucket, Day, ItemIdx, LocationIdx, Objective, Quantity, RowRef, ServiceType, SupplierIdx, WeekdaySet,
};
use restock_engine::{ExplainError, Explainer, Plan, WhatIf, check_settings, explain};
use restock_inventory::retail_simulator::{ChainConfig, chain};

const AS_OF: &str = "2026-03-02";

fn as_of() -> Day {
    AS_OF.parse().unwrap()
}

fn q(text: &str) -> Quantity {
    text.parse().unwrap()
}

/// A business with one supplier of lead time 2 days and a review every 7 days.
struct Shop(Dataset);

impl Shop {
    fn new(items: &[&str], locations: &[&str]) -> Self {
        let mut dataset = Dataset {
            items: items.iter().map(|id| fixtures::item(id, "0.78", "1.19")).collect(),
            locations: locations.iter().map(|id| fixtures::location(id)).collect(),
            ..Dataset::default()
        };
        dataset.suppliers.push(Supplier { supplier_id: "DAIRY".into(), ..Supplier::default() });
        dataset.sources.push(fixtures::lane(Origin::Supplier(SupplierIdx(0)), 2.0));
        Self(dataset)
    }

    /// Daily sales that end the day before the plan.
    fn sales(mut self, item: u32, location: u32, per_day: &[i64]) -> Self {
        let first = as_of().plus(-(per_day.len() as i32));
        fixtures::sell(&mut self.0, ItemIdx(item), LocationIdx(location), first, per_day.iter().copied());
        self
    }

    fn stock(mut self, item: u32, location: u32, on_hand: &str) -> Self {
        self.0.inventory.push(fixtures::stock(ItemIdx(item), LocationIdx(location), q(on_hand)));
        self
    }

    fn open_order(mut self, item: u32, location: u32, quantity: Quantity, due_in: i32) -> Self {
        let order_id = format!("PO-{}", self.0.open_orders.len() + 1);
        let (to, origin) = ((ItemIdx(item), LocationIdx(location)), Origin::Supplier(SupplierIdx(0)));
        let days = (as_of().plus(-1), as_of().plus(due_in));
        self.0.open_orders.push(fixtures::open_order(order_id, to, origin, quantity, days));
        self
    }

    fn rules(mut self, item: u32, location: u32, change: impl FnOnce(&mut ItemLocationRow)) -> Self {
        let mut row = fixtures::rules(ItemIdx(item), LocationIdx(location));
        change(&mut row);
        self.0.item_locations.push(row);
        self
    }

    fn lane(mut self, change: impl FnOnce(&mut SourceRow)) -> Self {
        change(&mut self.0.sources[0]);
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Dataset)) -> Self {
        change(&mut self.0);
        self
    }
}

fn settings() -> PlanSettings {
    PlanSettings { as_of: Some(as_of()), forecast_model: "weighted_quantiles".into(), ..PlanSettings::default() }
}

fn plan_with(dataset: &Dataset, settings: &PlanSettings) -> Plan {
    let forecaster = restock_forecast::forecaster(&settings.forecast_model).unwrap();
    let plan = restock_engine::plan(dataset, settings, forecaster.as_ref(), &|_, _| {});
    for proposal in &plan.proposals {
        let sum = proposal.explanation.waterfall.iter().fold(Quantity::ZERO, |sum, line| sum + line.value);
        assert_eq!(sum, proposal.quantity, "the waterfall of {} sums exactly", proposal.item_id);
        assert!(proposal.quantity > Quantity::ZERO);
    }
    plan
}

fn plan(shop: &Shop) -> Plan {
    plan_with(&shop.0, &settings())
}

fn codes(plan: &Plan) -> Vec<ExceptionCode> {
    plan.exceptions.iter().map(|exception| exception.code).collect()
}

/// Sales with a weekday pattern, mean 10 a day.
fn ten_a_day(n_days: usize) -> Vec<i64> {
    (0..n_days).map(|idx| [8, 9, 10, 9, 11, 13, 10][idx % 7] + [1, -1, 0, 2, -2][idx % 5]).collect()
}

/// Sales between 1 and 19 a day in no order.
fn uneven(n_days: usize) -> Vec<i64> {
    (0..n_days as i64).map(|idx| 1 + (idx * idx * 7 + idx * 3) % 19).collect()
}

/// odoo #69635: receipts beyond the lead time were ignored, and the order was proposed again.
#[test]
fn an_order_due_far_later_counts_and_is_not_ordered_again() {
    let shop = Shop::new(&["milk"], &["S01"]).sales(0, 0, &ten_a_day(140)).stock(0, 0, "15");
    let without = plan(&shop);
    assert_eq!(without.proposals.len(), 1);
    let ordered = plan(&shop.open_order(0, 0, q("500"), 60));
    assert_eq!(ordered.proposals, [], "500 units are on the way");
    assert!(codes(&ordered).contains(&ExceptionCode::LateSupply), "lateness is an exception: {:?}", codes(&ordered));
    assert_eq!(ordered.lines[0].on_order, q("500"));
}

/// odoo #17320, erpnext #36154: running the planner again, or after the order is placed, doubled the order.
#[test]
fn a_placed_proposal_is_not_proposed_again() {
    let shop = Shop::new(&["milk"], &["S01"]).sales(0, 0, &ten_a_day(140)).stock(0, 0, "15");
    let first = plan(&shop);
    assert_eq!(first, plan(&shop), "plan; plan is the same plan");
    let shop = shop.open_order(0, 0, first.proposals[0].quantity, 2);
    assert_eq!(plan(&shop).proposals, []);
}

/// Milks that sell 4 to 8 a day and soaps that sell one every other day, and two items that never sold: a milk and a
/// soap.
fn milks_and_soaps() -> Shop {
    let names = ["whole milk", "skimmed milk", "oat milk", "goat milk", "soy milk"];
    let soaps = ["rose soap", "dish soap", "olive soap", "hand soap", "baby soap"];
    let ids: Vec<String> = (0..12).map(|idx| format!("A{idx:02}")).collect();
    let mut shop = Shop::new(&ids.iter().map(String::as_str).collect::<Vec<_>>(), &["S01"]);
    for (idx, name) in names.iter().chain(&soaps).chain(&["buffalo milk", "tar soap"]).enumerate() {
        shop.0.items[idx].name = (*name).to_owned();
    }
    for item in 0..10 {
        let per_day: Vec<i64> =
            (0..100).map(|day| if item < 5 { 4 + (day + item) % 5 } else { (day + item) % 2 }).collect();
        shop = shop.sales(item as u32, 0, &per_day).stock(item as u32, 0, "100");
    }
    shop
}

/// A listed item that never sold is ordered on its first day, like what its name is like, and says so.
#[test]
fn a_new_item_is_ordered_like_similar_items() {
    let auto = PlanSettings { forecast_model: "auto".into(), ..settings() };
    let shop = milks_and_soaps().rules(10, 0, |_| {}).rules(11, 0, |_| {});
    let plan = plan_with(&shop.0, &auto);
    assert_eq!(plan.unplanned, []);
    let per_day: Vec<f64> = plan.lines[10..].iter().map(|line| line.demand_per_day).collect();
    assert!(per_day[0] > 1.5 * per_day[1] && per_day[1] > 0.0, "milk and soap a day: {per_day:?}");
    let milk = plan.proposals.iter().find(|proposal| proposal.item_id == "A10").expect("a first order");
    assert_eq!(plan.lines[10].on_hand, q("0"), "never there, so not assumed at its target");
    insta::assert_snapshot!(milk.explanation.sentence, @"Order 110: 33 wanted before the delivery after this one (until 2026-03-10), 85 held for uncertainty (target 98 % fill rate), the shelf assumed empty; 7 left out because that demand is lost before this order arrives on 2026-03-04.");
    insta::assert_snapshot!(milk.explanation.warnings.join("\n"), @"no sales yet: demand is expected like that of 10 similar items, such as oat milk; soy milk; goat milk");
    let forecaster = restock_forecast::forecaster("auto").unwrap();
    let detail = explain(&shop.0, &auto, forecaster.as_ref(), "A10", "S01", &[]).unwrap();
    insta::assert_snapshot!(format!("{}: {}", detail.line.forecast_model, detail.forecast_reason), @"auto: similar items: no sales yet, like 10 similar items, such as oat milk; soy milk; goat milk");
    assert_eq!(detail.proposal.as_ref(), Some(milk));
}

/// What its own days say replaces what similar items said.
#[test]
fn similar_items_fade_as_sales_arrive() {
    let auto = PlanSettings { forecast_model: "auto".into(), ..settings() };
    let per_day = |n_days: usize| {
        let shop = milks_and_soaps().sales(10, 0, &vec![20; n_days]).rules(10, 0, |_| {});
        let plan = plan_with(&shop.0, &auto);
        let line = plan.lines.iter().find(|line| line.item_id == "A10").expect("planned");
        (line.demand_per_day, line.forecast_model.clone())
    };
    let by_day: Vec<f64> = [0, 3, 10, 27].map(|n_days| per_day(n_days).0).to_vec();
    assert!(by_day.is_sorted() && by_day[0] < 10.0 && by_day[3] > 17.0, "{by_day:?}");
    assert_eq!(per_day(20).1, "auto: similar items");
    assert!(per_day(100).1.contains("weighted_quantiles"), "{:?}", per_day(100));
}

/// What the items table alone knows is never ordered and never passed over in silence.
#[test]
fn an_item_that_no_table_lists_is_named() {
    let plan_of = |shop: Shop| plan_with(&shop.0, &settings());
    let unlisted = plan_of(milks_and_soaps());
    let named: Vec<&str> = unlisted.unplanned.iter().map(|line| line.item_id.as_str()).collect();
    assert_eq!(named, ["A10", "A11"]);
    insta::assert_snapshot!(unlisted.unplanned[0].reason, @"no sales yet, and no table says that it is sold here: list it in item_locations, or give its launch day in items");
    let launched = plan_of(milks_and_soaps().with(|dataset| dataset.items[10].launch = Some(as_of().plus(1))));
    assert!(launched.proposals.iter().any(|proposal| proposal.item_id == "A10"), "a launch tomorrow is ordered for");
    let later = plan_of(milks_and_soaps().with(|dataset| dataset.items[10].launch = Some(as_of().plus(200))));
    assert!(later.proposals.iter().all(|proposal| proposal.item_id != "A10"), "a launch in half a year is not");
    let lane = |dataset: &mut Dataset| {
        let own =
            SourceRow { item: Some(ItemIdx(10)), to_location: Some(LocationIdx(0)), ..dataset.sources[0].clone() };
        dataset.sources.push(own);
    };
    let with_source = plan_of(milks_and_soaps().with(lane));
    assert!(with_source.proposals.iter().any(|proposal| proposal.item_id == "A10"), "its own source is enough");
    let ended = plan_of(milks_and_soaps().with(|dataset| dataset.items[10].end = Some(as_of().plus(-1))));
    assert_eq!(ended.unplanned.len(), 1, "what is over needs no word");
}

/// A master table full of dead items with sources is no reason to order them all.
#[test]
fn sources_of_many_dead_items_order_none() {
    let mut shop = milks_and_soaps();
    for idx in 0..30 {
        shop.0.items.push(fixtures::item(&format!("B{idx:02}"), "0.78", "1.19"));
        let item = Some(ItemIdx(12 + idx));
        let own = SourceRow { item, to_location: Some(LocationIdx(0)), ..shop.0.sources[0].clone() };
        shop.0.sources.push(own);
    }
    let plan = plan(&shop);
    assert!(plan.proposals.iter().all(|proposal| !proposal.item_id.starts_with('B')));
    assert_eq!(plan.unplanned.len(), 32);
}

/// A supplier that says that it takes longer from now on is believed, until orders placed since tell something else.
#[test]
fn a_notice_of_the_supplier_holds_over_receipts_of_orders_from_before() {
    let receipt = |ordered: i32, days: i32| ReceiptRow {
        ordered_on: Some(as_of().plus(ordered)),
        origin: Some(Origin::Supplier(SupplierIdx(0))),
        ..fixtures::receipt(ItemIdx(0), LocationIdx(0), 10, as_of().plus(ordered + days))
    };
    let days = |told_on: Option<Day>, since: &[i32]| {
        let shop = Shop::new(&["milk"], &["S01"]).sales(0, 0, &ten_a_day(140)).stock(0, 0, "400");
        let shop = shop.lane(|lane| (lane.lead_time_days, lane.lead_time_told_on) = (Some(9.0), told_on));
        let before = (0..20).map(|idx| receipt(-120 + idx * 3, 2));
        let since = since.iter().enumerate().map(|(idx, days)| receipt(-25 + idx as i32, *days));
        let shop = shop.with(|dataset| dataset.receipts.extend(before.chain(since)));
        plan(&shop).lines[0].lead_time_days
    };
    assert_eq!(days(None, &[]), 2.0, "receipts hold over what a table says");
    let told_on = Some(as_of().plus(-30));
    assert_eq!(days(told_on, &[]), 9.0);
    // How much deliveries vary is learnt from all of them.
    assert!((days(told_on, &[7, 7, 7, 7]) - 9.0).abs() < 0.2, "four receipts are too few");
    assert_eq!(days(told_on, &[7, 7, 7, 7, 7]), 7.0);
}

/// odoo #175876: a minimum order quantity created a proposal without demand.
#[test]
fn a_minimum_order_never_creates_a_need() {
    let lane = |lane: &mut SourceRow| {
        lane.min_order = Some(q("100"));
        lane.pack_size = Some(q("12"));
    };
    let covered = Shop::new(&["milk"], &["S01"]).sales(0, 0, &ten_a_day(140)).stock(0, 0, "400").lane(lane);
    assert_eq!(plan(&covered).proposals, []);
    let never_sold = Shop::new(&["milk", "tea"], &["S01"]).sales(0, 0, &ten_a_day(140)).stock(0, 0, "400").lane(lane);
    let plan_of_both = plan(&never_sold.stock(1, 0, "0"));
    assert_eq!(plan_of_both.proposals, []);
    assert_eq!(plan_of_both.unplanned.len(), 1, "an item that never sold is listed with its reason");
    insta::assert_snapshot!(plan_of_both.unplanned[0].reason,
        @"no sales yet, and no table says that it is sold here: list it in item_locations, or give its launch day in items");

    let short = Shop::new(&["milk"], &["S01"]).sales(0, 0, &ten_a_day(140)).stock(0, 0, "60").lane(lane);
    let plan_of_short = plan(&short);
    let proposal = &plan_of_short.proposals[0];
    assert_eq!(proposal.quantity, q("108"), "raised to 100, then to full packs of 12");
    assert_eq!(proposal.order_units.quantity, q("9"));
    assert_eq!(proposal.order_units.uom, "pack of 12");
}

/// The sentence is made from the numbers of the waterfall, in both languages.
#[test]
fn the_sentence_tells_the_waterfall() {
    let shop = Shop::new(&["milk"], &["S01"])
        .sales(0, 0, &uneven(140))
        .stock(0, 0, "29")
        .open_order(0, 0, q("12"), 1)
        .lane(|lane| lane.pack_size = Some(q("12")))
        .with(|dataset| dataset.inventory[0].allocated = q("3"));
    let plan = plan(&shop);
    let explanation = &plan.proposals[0].explanation;
    insta::assert_snapshot!(explanation.sentence, @"Order 5 packs of 12 (60): 80 expected to sell before the delivery after this one (until 2026-03-10), 16 held for uncertainty (target 98 % fill rate), 29 usable in stock, 12 arriving, 3 reserved; rounded up to full packs.");
    insta::assert_snapshot!(explanation.sentence_zh, @"订购 5 包（每包 12，共 60）：下次到货前（至 2026-03-10）预计需求 80，为不确定性预留 16（目标满足率 98%），可用库存 29，在途 12，已预留 3；按整包向上取整。");
    let lines: Vec<String> =
        explanation.waterfall.iter().map(|line| format!("{:?} {}", line.code, line.value)).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    ExpectedDemand 79.7
    UncertaintyBuffer 16.3
    ReservedOrBackordered 3
    UsableOnHand -29
    OnOrderInTime -12
    RoundToPack 2
    ");
}

/// 150 units in the first month, then out of stock: demand is 150 a month, not 25 (msupply mobile #405).
#[test]
fn an_empty_shelf_does_not_lower_demand() {
    let mut shop = Shop::new(&["amoxicillin"], &["ward"]).stock(0, 0, "0");
    let sales = &mut shop.0.sales;
    for (day, quantity) in [("2025-09-10", 80), ("2025-09-25", 70)] {
        sales.item.push(ItemIdx(0));
        sales.location.push(LocationIdx(0));
        sales.day.push(day.parse().unwrap());
        sales.quantity.push(Quantity::from_whole(quantity));
        sales.row.push(RowRef::default());
    }
    let settings = PlanSettings { bucket: Bucket::Month, ..settings() };
    let plan = plan_with(&shop.0, &settings);
    let monthly = plan.lines[0].demand_per_day * 30.4;
    assert!((100.0..=200.0).contains(&monthly), "{monthly} a month, 150 sold in the only month with stock");
    assert_eq!(plan.proposals.len(), 1);
}

/// Sales by week or month; the plan is made on the Monday or first of the month after them.
fn by_period(bucket: Bucket, amounts: &[i64]) -> (Shop, PlanSettings) {
    let as_of: Day = if bucket == Bucket::Week { "2026-03-02" } else { "2026-03-01" }.parse().unwrap();
    let first = bucket.period_of(as_of) - amounts.len() as i32;
    let mut shop = Shop::new(&["steady"], &["S01"]);
    let sales = &mut shop.0.sales;
    for (idx, quantity) in amounts.iter().enumerate() {
        sales.item.push(ItemIdx(0));
        sales.location.push(LocationIdx(0));
        sales.day.push(bucket.first_day(first + idx as i32));
        sales.quantity.push(Quantity::from_whole(*quantity));
        sales.row.push(RowRef::default());
    }
    (shop, PlanSettings { bucket, as_of: Some(as_of), ..settings() })
}

/// 300 ± 17 a month.
fn steady_months() -> Vec<i64> {
    (0..36).map(|idx| 300 + [-22, 9, 17, -5, 24, -16, 2, -11, 20, -24, 13, -7][idx * 5 % 12]).collect()
}

/// Lead times and review periods are days, whatever the period of the data: two weeks of a month that sells 300 need
/// about 300 · 14 / 30.4 = 138 and a buffer for two weeks, not for two months.
#[test]
fn monthly_sales_are_planned_in_days() {
    for (lead_days, review_days, days) in [(0.0, 1.0, 1.0), (7.0, 1.0, 8.0), (7.0, 7.0, 14.0), (30.0, 7.0, 37.0)] {
        let (shop, settings) = by_period(Bucket::Month, &steady_months());
        let shop = shop.lane(|lane| lane.lead_time_days = Some(lead_days)).stock(0, 0, "100");
        let plan = plan_with(&shop.0, &PlanSettings { default_review_days: review_days, ..settings });
        let line = &plan.lines[0];
        let expected = 300.0 * days / 30.4375;
        assert!((line.expected_demand - expected).abs() < 0.06 * expected, "{days} days: {}", line.expected_demand);
        let buffer = line.target_level.to_f64() - line.expected_demand;
        // Twice the Poisson spread of those days, and what the level of the month may be off.
        let most = 2.5 * expected.sqrt() + 0.15 * expected;
        assert!((-1.0..=most).contains(&buffer), "{days} days: buffer {buffer} on {expected}");
        assert_eq!((line.lead_time_days, line.review_days), (lead_days, review_days));
        assert!((line.demand_per_day - 9.86).abs() < 0.6, "{}", line.demand_per_day);
    }
}

/// The same business told by day and by week gets the same plan, within what weeks cannot tell.
#[test]
fn weekly_and_daily_sales_lead_to_similar_orders() {
    let daily = ten_a_day(280);
    let weekly: Vec<i64> = daily.chunks(7).map(|week| week.iter().sum()).collect();
    for lead_days in [2.0, 5.0, 9.0] {
        let shop = Shop::new(&["steady"], &["S01"]).sales(0, 0, &daily).stock(0, 0, "20");
        let by_day = plan(&shop.lane(|lane| lane.lead_time_days = Some(lead_days)));
        let (shop, settings) = by_period(Bucket::Week, &weekly);
        let shop = shop.lane(|lane| lane.lead_time_days = Some(lead_days)).stock(0, 0, "20");
        let by_week = plan_with(&shop.0, &settings);
        let [a, b] = [&by_day, &by_week].map(|plan| plan.proposals[0].quantity.to_f64());
        assert!((a - b).abs() <= 0.15 * a, "lead time {lead_days}: {a} by day, {b} by week");
        assert_eq!(by_day.proposals[0].expected_receipt, by_week.proposals[0].expected_receipt);
        assert_eq!(by_week, plan_with(&shop.0, &settings), "plan; plan is the same plan");
        // Once ordered it is not ordered again.
        let due = by_week.proposals[0].expected_receipt.0 - as_of().0;
        let quantity = by_week.proposals[0].quantity;
        assert_eq!(plan_with(&shop.open_order(0, 0, quantity, due).0, &settings).proposals, [], "{lead_days}");
    }
}

/// In the middle of a month only the rest of it is still to come, and shelf life and planned end count days.
#[test]
fn a_plan_within_a_month_looks_at_the_rest_of_it() {
    let (shop, settings) = by_period(Bucket::Month, &steady_months());
    let settings = PlanSettings { as_of: Some("2026-03-16".parse().unwrap()), ..settings };
    let shop = shop.stock(0, 0, "40").with(|dataset| dataset.items[0].end = Some("2026-03-25".parse().unwrap()));
    let plan = plan_with(&shop.0, &settings);
    let proposal = &plan.proposals[0];
    // Arrival on the 18th; eight days of nearly ten are left then, 20 of the stock are still there.
    let quantity = proposal.quantity.to_f64();
    assert!((45.0..=85.0).contains(&quantity), "{quantity}: {}", proposal.explanation.sentence);
    let detail = explain(
        &shop.0,
        &settings,
        restock_forecast::forecaster("weighted_quantiles").unwrap().as_ref(),
        "steady",
        "S01",
        &[],
    )
    .unwrap();
    assert_eq!(detail.projection[0].day.to_string(), "2026-03-16");
    assert_eq!(detail.projection[1].day.to_string(), "2026-03-17");
    assert_eq!((detail.bucket, detail.forecast[0].day.to_string()), (Bucket::Month, "2026-03-16".to_owned()));
    assert_eq!(detail.protection_until.to_string(), "2026-03-24");

    let (fresh, settings) = by_period(Bucket::Month, &steady_months());
    let fresh = fresh.stock(0, 0, "0").with(|dataset| dataset.items[0].shelf_life_days = Some(4));
    let quantity = plan_with(&fresh.0, &settings).proposals[0].quantity.to_f64();
    assert!((35.0..=56.0).contains(&quantity), "four days of nearly ten sell before expiry, got {quantity}");
}

/// Five a day, an empty shelf, lead time and review of a week: what is lost before the order arrives is not ordered, and
/// the sentence does not say that it will sell. What other locations wait for is ordered in full.
#[test]
fn demand_lost_before_arrival_is_left_out_and_named() {
    let five: Vec<i64> = (0..140).map(|idx| [4, 5, 6, 5, 5][idx % 5]).collect();
    let shop = Shop::new(&["soap"], &["S01"]).sales(0, 0, &five).stock(0, 0, "0");
    let shop = shop.lane(|lane| lane.lead_time_days = Some(7.0));
    let plan = plan(&shop);
    let proposal = &plan.proposals[0];
    let quantity = proposal.quantity.to_f64();
    assert!((35.0..=44.0).contains(&quantity), "{quantity}");
    let left_out = proposal.explanation.waterfall.iter().find(|line| line.code == WaterfallCode::PolicyAdjustment);
    let left_out = left_out.expect("a line names what is lost");
    assert!((-36.0..=-33.0).contains(&left_out.value.to_f64()), "{left_out:?}");
    assert!(left_out.evidence.contains(&("reason".to_owned(), "lost_before_arrival".to_owned())));
    insta::assert_snapshot!(proposal.explanation.sentence, @"Order 36: 70 wanted before the delivery after this one (until 2026-03-15), 1 held for uncertainty (target 98 % fill rate), 0 usable in stock; 35 left out because that demand is lost before this order arrives on 2026-03-09.");
    insta::assert_snapshot!(proposal.explanation.sentence_zh, @"订购 36：下次到货前（至 2026-03-15）预计需求 70，为不确定性预留 1（目标满足率 98%），可用库存 0；35 的需求在本次订货（2026-03-09 到货）前已流失，不计入订购量。");
    // The order counts once it is placed.
    let ordered = shop.open_order(0, 0, proposal.quantity, 7);
    assert_eq!(plan_with(&ordered.0, &settings()).proposals, []);
}

/// A distribution centre owes what stores ask for: nothing of it is lost, so all of it is ordered.
#[test]
fn what_stores_wait_for_is_ordered_in_full() {
    let five: Vec<i64> = (0..140).map(|idx| [4, 5, 6, 5, 5][idx % 5]).collect();
    let shop = Shop::new(&["soap"], &["DC", "S01"]).sales(0, 1, &five).stock(0, 0, "0").stock(0, 1, "80");
    let shop = shop
        .lane(|lane| {
            lane.to_location = Some(LocationIdx(0));
            lane.lead_time_days = Some(14.0);
        })
        .with(|dataset| {
            let lane = SourceRow {
                to_location: Some(LocationIdx(1)),
                origin: Origin::Location(LocationIdx(0)),
                ..dataset.sources[0].clone()
            };
            dataset.sources.push(SourceRow { lead_time_days: Some(1.0), ..lane });
        });
    let plan = plan(&shop);
    let dc = plan.proposals.iter().find(|proposal| proposal.destination == "DC").expect("the DC orders");
    let adjusted = dc.explanation.waterfall.iter().any(|line| line.code == WaterfallCode::PolicyAdjustment);
    assert!(!adjusted, "{}", dc.explanation.sentence);

    // Consequences and packs are told under the same model: what waits is served from the order.
    let explanation = &dc.explanation;
    assert!(explanation.unmet_waits);
    let needed = explanation.marginal.iter().filter(|pack| pack.p_sold > 0.5).map(|pack| pack.pack).max();
    let quantity = dc.quantity.to_f64();
    assert!(f64::from(needed.unwrap()) >= 0.8 * quantity, "{quantity} ordered: {:?}", explanation.marginal);
    // Stores ask for 5 a day from about day 11 on, and nothing can come before day 14.
    let waits = explanation.with_order.expected_lost_units;
    assert!(waits > 0.0 && waits < 0.5 * explanation.without_order.expected_lost_units, "{explanation:?}");
    assert!(explanation.sentence.contains("expected to be asked for"), "{}", explanation.sentence);
    let short = plan.exceptions.iter().find(|exception| exception.location_id == "DC").expect("the DC is empty");
    assert!(short.message.contains("expected to wait"), "{}", short.message);
    // A store's customers do not wait, and the plan's loss is theirs alone.
    assert_eq!(plan.summary.lost_margin[0], plan.summary.lost_margin[1]);
    assert!(plan.summary.waiting_margin[1] < plan.summary.waiting_margin[0]);
}

/// A layer that no cap allows is no reason to order nothing: packs fit.
#[test]
fn packs_fit_where_a_cap_is_below_a_layer() {
    let shop = |max: &str| {
        let shop = Shop::new(&["milk"], &["S01"]).sales(0, 0, &ten_a_day(140)).stock(0, 0, "0");
        let (max_order, pack, layer) = (Some(q(max)), Some(q("7")), Some(q("35")));
        plan(&shop.lane(|lane| {
            (lane.max_order, lane.pack_size, lane.layer_size, lane.pallet_size) =
                (max_order, pack, layer, Some(q("70")));
        }))
    };
    assert_eq!(shop("30").proposals[0].quantity, q("28"), "four packs, a layer is too much");
    assert_eq!(shop("40").proposals[0].quantity, q("35"), "a layer, a pallet is too much");
}

/// A single sale ever: the stock assumed for it is in the order of what sold, not weeks of it.
#[test]
fn a_single_sale_assumes_a_plausible_stock() {
    for n_silent in [0, 9] {
        let mut sold = vec![12];
        sold.extend(vec![0; n_silent]);
        let shop = Shop::new(&["milk", "rare"], &["S01"]).sales(0, 0, &ten_a_day(140)).sales(1, 0, &sold);
        let plan = plan_with(&shop.0, &PlanSettings { forecast_model: "auto".into(), ..settings() });
        let line = plan.lines.iter().find(|line| line.item_id == "rare").unwrap();
        assert!(line.stock_assumed && line.on_hand <= q("36"), "{n_silent} days later: {} assumed", line.on_hand);
        assert!(line.quantity <= q("24"), "{} ordered", line.quantity);
    }
}

/// Where the target wants less than expected demand, no line pretends to be a buffer.
#[test]
fn a_target_below_demand_is_no_buffer() {
    let shop = Shop::new(&["milk"], &["S01"]).sales(0, 0, &uneven(140)).stock(0, 0, "5");
    let objective = Objective::Service { service_type: ServiceType::FillRate, target: 0.5 };
    let plan = plan_with(&shop.0, &PlanSettings { objective, ..settings() });
    let waterfall = &plan.proposals[0].explanation.waterfall;
    let value = |code| waterfall.iter().find(|line| line.code == code).map(|line| line.value);
    assert_eq!(value(WaterfallCode::UncertaintyBuffer), None);
    assert!(value(WaterfallCode::TargetBelowDemand).is_some_and(|value| value < Quantity::ZERO));
    assert!(plan.proposals[0].explanation.sentence.contains("less, because the target allows it"));
}

/// Fresh goods in a case that is larger than what sells before it expires: the plan says what can be reached at best.
#[test]
fn an_unreachable_target_is_an_exception() {
    let one: Vec<i64> = (0..140).map(|idx| [0, 1, 0, 2, 1, 0, 1][idx % 7]).collect();
    let shop = |pack: &str, shelf_life| {
        Shop::new(&["salad"], &["S01"])
            .sales(0, 0, &one)
            .stock(0, 0, "0")
            .lane(|lane| lane.pack_size = Some(q(pack)))
            .with(|dataset| dataset.items[0].shelf_life_days = Some(shelf_life))
    };
    let plan_of = |shop: Shop| plan(&shop);
    let found = plan_of(shop("12", 3));
    let exception = found.exceptions.iter().find(|exception| exception.code == ExceptionCode::TargetUnreachable);
    let exception = exception.expect("12 in a case, two sell in three days");
    assert!(exception.message.starts_with("the smallest order is 12, about 2"), "{}", exception.message);
    assert!(exception.expected_money > "0".parse().unwrap());
    assert!(!codes(&plan_of(shop("1", 30))).contains(&ExceptionCode::TargetUnreachable));
}

/// No stock, hence no sales, must not mean no orders.
#[test]
fn the_death_spiral_is_broken() {
    let mut sold = ten_a_day(100);
    sold.extend([0; 40]);
    let shop = Shop::new(&["milk"], &["S01"]).sales(0, 0, &sold).stock(0, 0, "0");
    let plan = plan(&shop);
    let quantity = plan.proposals[0].quantity.to_f64();
    assert!((70.0..=160.0).contains(&quantity), "nine days at ten a day and a buffer, got {quantity}");
    assert!(codes(&plan).contains(&ExceptionCode::StockoutNow));
    // With stock on the shelf the same silence is a demand of next to nothing.
    let stocked = Shop::new(&["milk"], &["S01"]).sales(0, 0, &sold).stock(0, 0, "60");
    let stocked = plan_with(&stocked.0, &settings());
    assert!(stocked.lines[0].demand_per_day < 0.6 * plan.lines[0].demand_per_day);
}

#[test]
fn unknown_stock_is_replaced_by_what_sold() {
    let shop = Shop::new(&["milk"], &["S01"]).sales(0, 0, &ten_a_day(140));
    let plan = plan(&shop);
    let line = &plan.lines[0];
    assert!(line.stock_assumed);
    let sold_last_week: i64 = ten_a_day(140)[133..].iter().sum();
    let quantity = plan.proposals[0].quantity.to_f64();
    assert!((quantity - sold_last_week as f64).abs() <= 12.0, "{quantity} ordered, {sold_last_week} sold last week");
    assert!(plan.proposals[0].explanation.warnings[0].starts_with("stock is not known"));
    // A better service target changes the level, not the belief about the shelf.
    let forecaster = restock_forecast::forecaster("weighted_quantiles").unwrap();
    let better = explain(&shop.0, &settings(), forecaster.as_ref(), "milk", "S01", &[WhatIf::Target(0.999)]).unwrap();
    assert_eq!(better.line.on_hand, line.on_hand);
    assert!(better.line.quantity > line.quantity);
}

#[test]
fn order_days_and_cut_off_set_the_dates() {
    // 2 March 2026 is a Monday; orders go out on Wednesdays only.
    let shop = Shop::new(&["milk"], &["S01"]).sales(0, 0, &ten_a_day(140)).stock(0, 0, "15").with(|dataset| {
        dataset.suppliers[0].order_days = "wed".parse::<WeekdaySet>().unwrap();
        dataset.suppliers[0].cut_off = Some("14:00".into());
    });
    let plan = plan(&shop);
    let proposal = &plan.proposals[0];
    let dates = [proposal.order_by, proposal.expected_receipt, proposal.next_opportunity].map(|day| day.to_string());
    assert_eq!(dates, ["2026-03-04", "2026-03-06", "2026-03-11"]);
    assert_eq!(plan.order_groups[0].cut_off, "14:00");
}

#[test]
fn a_centre_orders_for_its_stores_and_shares_what_it_has() {
    let shop = || {
        let mut shop = Shop::new(&["milk"], &["DC", "S01", "S02"])
            .sales(0, 1, &ten_a_day(140))
            .sales(0, 2, &ten_a_day(140))
            .stock(0, 1, "10")
            .stock(0, 2, "10");
        let mut lane = shop.0.sources[0].clone();
        shop.0.sources[0].to_location = Some(LocationIdx(0));
        shop.0.sources[0].lead_time_days = Some(5.0);
        lane.origin = Origin::Location(LocationIdx(0));
        lane.pack_size = Some(q("6"));
        lane.lead_time_days = Some(1.0);
        for store in [1, 2] {
            shop.0.sources.push(SourceRow { to_location: Some(LocationIdx(store)), ..lane.clone() });
        }
        shop
    };
    let rich = plan(&shop().stock(0, 0, "1000"));
    let transfers: Vec<_> =
        rich.proposals.iter().filter(|proposal| proposal.proposal_type == ProposalType::Transfer).collect();
    assert_eq!(transfers.len(), 2);
    assert!(transfers.iter().all(|transfer| transfer.source == ProposalSource::LocationId("DC".into())));
    let wanted: f64 = transfers.iter().map(|transfer| transfer.quantity.to_f64()).sum();
    assert!(rich.proposals.iter().all(|proposal| proposal.destination != "DC"), "1000 units cover the stores");

    let poor = plan(&shop().stock(0, 0, "50"));
    let sent: f64 = poor
        .proposals
        .iter()
        .filter(|proposal| proposal.proposal_type == ProposalType::Transfer)
        .map(|proposal| proposal.quantity.to_f64())
        .sum();
    assert_eq!(sent, 48.0, "eight packs of six out of 50, never more than there is");
    let purchase = poor.proposals.iter().find(|proposal| proposal.destination == "DC").expect("the centre orders");
    // It needs what the stores want now and their demand until its own next delivery, less the 50 it has.
    assert!(purchase.quantity.to_f64() > wanted - 50.0 + 100.0, "{} ordered", purchase.quantity);
    assert!(codes(&poor).contains(&ExceptionCode::SupplierShort));
    let short = poor.proposals.iter().find(|proposal| proposal.destination == "S01").unwrap();
    assert!(short.explanation.waterfall.iter().any(|line| line.code == WaterfallCode::SourceShortage));
}

#[test]
fn components_follow_the_parent_exactly() {
    // Pizzas are made when sold; each takes 0.25 kg of flour, and 10 % of the flour is lost.
    let shop = Shop::new(&["flour", "pizza"], &["R1"]).sales(1, 0, &vec![20; 140]).stock(0, 0, "0").with(|dataset| {
        dataset.items[0].decimals = 2;
        dataset.sources[0].item = Some(ItemIdx(0));
        dataset.bom.push(BomRow {
            parent: ItemIdx(1),
            component: ItemIdx(0),
            quantity_per: q("0.25"),
            yield_share: 0.9,
            scrap_share: 0.0,
            row: RowRef::default(),
        });
    });
    let plan = plan(&shop);
    assert_eq!(plan.proposals.len(), 1, "only flour is bought");
    let proposal = &plan.proposals[0];
    assert_eq!(proposal.item_id, "flour");
    let flour = plan.lines.iter().find(|line| line.item_id == "flour").unwrap();
    assert!((flour.demand_per_day - 20.0 * 0.25 / 0.9).abs() < 0.02, "{} kg a day", flour.demand_per_day);
}

#[test]
fn a_budget_holds_and_tells_its_shadow_price() {
    let mut shop = Shop::new(&["a", "b", "c"], &["S01"]);
    for item in 0..3 {
        let sold: Vec<i64> = ten_a_day(140).iter().map(|sold| sold * i64::from(item + 1)).collect();
        shop = shop.sales(item, 0, &sold).stock(item, 0, "5");
    }
    let free = plan(&shop);
    assert_eq!(free.proposals.len(), 3);
    let settings = PlanSettings { budget: Some(150.0), ..settings() };
    let tight = plan_with(&shop.0, &settings);
    let value: f64 = tight.summary.order_value.to_string().parse().unwrap();
    assert!(value <= 150.0 && value > 140.0, "{value} of 150 spent");
    assert!(tight.shadow_prices[0].price > 0.0);
    assert!(codes(&tight).contains(&ExceptionCode::BudgetCut));
    // An explained line is the plan's line.
    let forecaster = restock_forecast::forecaster("weighted_quantiles").unwrap();
    let explainer = Explainer::new(&shop.0, &settings, forecaster.as_ref());
    for proposal in &tight.proposals {
        let detail = explainer.explain(&proposal.item_id, &proposal.destination, &[]).unwrap();
        assert_eq!(detail.proposal.as_ref(), Some(proposal));
    }
}

#[test]
fn a_supplier_minimum_is_reached_or_the_order_waits() {
    let shop = |on_hand: &str, minimum: &str| {
        Shop::new(&["a", "b"], &["S01"])
            .sales(0, 0, &ten_a_day(140))
            .sales(1, 0, &ten_a_day(140))
            .stock(0, 0, on_hand)
            .stock(1, 0, "85")
            .with(|dataset| dataset.suppliers[0].min_order_value = Some(minimum.parse().unwrap()))
    };
    let raised = plan(&shop("0", "150"));
    assert!(raised.order_groups[0].minimum_met && raised.order_groups[0].source_value >= "150".parse().unwrap());
    let filled = raised
        .proposals
        .iter()
        .any(|proposal| proposal.explanation.waterfall.iter().any(|line| line.code == WaterfallCode::SupplierMinimum));
    assert!(filled, "the urgent order was raised to the minimum");
    let waiting = plan(&shop("85", "5000"));
    assert_eq!(waiting.proposals, [], "a small need does not buy for 5000");
    assert_eq!(waiting.lines[0].note, "the supplier's minimum is not reached");
}

#[test]
fn segments_and_item_locations_set_the_target() {
    let shop = Shop::new(&["milk"], &["S01"]).sales(0, 0, &ten_a_day(140)).stock(0, 0, "15");
    let segment = |filter: &str, target| Segment {
        filter: filter.into(),
        objective: Some(Objective::Service { service_type: ServiceType::Cycle, target }),
        policy: None,
    };
    let quantity = |settings: &PlanSettings| plan_with(&shop.0, settings).lines[0].quantity;
    let with = |filter: &str| PlanSettings { segments: vec![segment(filter, 0.5)], ..settings() };
    assert!(quantity(&with("location.kind == 'store' and item.abc == 'A'")) < quantity(&settings()));
    assert_eq!(quantity(&with("location.kind == 'dc'")), quantity(&settings()));
    let bad = with("location.kind = dc");
    insta::assert_snapshot!(check_settings(&bad).unwrap_err(),
        @r#"segment 1: filter "location.kind = dc": got "dc" at character 17, expected a value such as 'store' or 10"#);
}

#[test]
fn planned_end_and_do_not_order_hold() {
    let ending = Shop::new(&["milk"], &["S01"])
        .sales(0, 0, &ten_a_day(140))
        .stock(0, 0, "0")
        .with(|dataset| dataset.items[0].end = Some(as_of().plus(4)));
    let quantity = plan(&ending).lines[0].quantity.to_f64();
    assert!(quantity <= 45.0, "three days are left when it arrives, got {quantity}");
    let stopped = Shop::new(&["milk"], &["S01"])
        .sales(0, 0, &ten_a_day(140))
        .stock(0, 0, "0")
        .rules(0, 0, |row| row.do_not_order = true);
    let plan = plan(&stopped);
    assert_eq!(plan.proposals, []);
    assert_eq!(plan.lines[0].note, "nothing may be ordered");
}

#[test]
fn what_cannot_be_explained_says_why() {
    let shop = Shop::new(&["milk", "tea"], &["S01"]).sales(0, 0, &ten_a_day(140));
    let forecaster = restock_forecast::forecaster("weighted_quantiles").unwrap();
    let explain = |item, location| explain(&shop.0, &settings(), forecaster.as_ref(), item, location, &[]);
    assert_eq!(explain("beer", "S01").unwrap_err(), ExplainError::UnknownItem("beer".into()));
    assert_eq!(explain("milk", "S09").unwrap_err(), ExplainError::UnknownLocation("S09".into()));
    insta::assert_snapshot!(explain("tea", "S01").unwrap_err(),
        @"tea@S01 is not planned: no sales yet, and no table says that it is sold here: list it in item_locations, or give its launch day in items");
}

/// Everything a plan promises, on a generated chain with promotions, stock-outs, a distribution centre and calendars.
#[test]
fn a_generated_chain_keeps_every_promise() {
    let config = ChainConfig { n_items: 12, n_stores: 3, n_days: 300, ..ChainConfig::default() };
    for (seed, objective) in [
        (1, PlanSettings::default().objective),
        (2, Objective::Economics),
        (3, Objective::Service { service_type: ServiceType::Cycle, target: 0.9 }),
    ] {
        let dataset = chain(&config, seed);
        let settings = PlanSettings {
            forecast_model: "weighted_quantiles".into(),
            order_cost: if seed == 2 { 3.0 } else { 0.0 },
            objective,
            ..PlanSettings::default()
        };
        let plan = plan_with(&dataset, &settings);
        assert_eq!(plan.lines.len() + plan.unplanned.len(), plan.summary.n_planned + plan.summary.n_unplanned);
        assert!(plan.proposals.len() > 5, "{} proposals", plan.proposals.len());

        // The same plan, byte for byte, on one thread and on four.
        let json = serde_json::to_string(&plan).unwrap();
        for n_threads in [1, 4] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            let again = pool.install(|| plan_with(&dataset, &settings));
            assert_eq!(serde_json::to_string(&again).unwrap(), json);
        }

        // No location sends more than it has.
        let mut sent: BTreeMap<(&str, &str), Quantity> = BTreeMap::new();
        for proposal in &plan.proposals {
            if let ProposalSource::LocationId(from) = &proposal.source {
                let total = sent.entry((&proposal.item_id, from)).or_default();
                *total += proposal.quantity;
            }
        }
        for ((item_id, location_id), total) in sent {
            let line =
                plan.lines.iter().find(|line| line.item_id == item_id && line.location_id == location_id).unwrap();
            assert!(total <= line.on_hand, "{location_id} sends {total} of {} {item_id}", line.on_hand);
        }

        // Packs, minimums and ends of the marginal table.
        for proposal in &plan.proposals {
            assert!(proposal.order_units.quantity > Quantity::ZERO);
            assert!(proposal.order_by <= proposal.expected_receipt && proposal.order_by < proposal.next_opportunity);
            let explanation = &proposal.explanation;
            let last = explanation.marginal.last().unwrap();
            assert!(
                last.net_gain < rust_decimal::Decimal::ZERO || !explanation.marginal_note.is_empty(),
                "the packs of {} end without a reason",
                proposal.item_id
            );
            assert!(!explanation.sentence.contains(" -0") && !explanation.sentence_zh.is_empty());
            assert!(explanation.without_order.p_stockout >= explanation.with_order.p_stockout);
            assert_eq!(explanation.unmet_waits, proposal.destination == "dc", "{}", proposal.destination);
            // One interval for expected demand, its drivers and what is lost of it; expected demand is shown to a tenth.
            let expected = explanation.waterfall[0].value.to_f64();
            let driven: f64 = explanation.drivers.iter().map(|(_, units)| units).sum();
            assert!((driven - expected).abs() < 0.1, "{} is driven by {driven}, not {expected}", proposal.item_id);
            let lost = explanation.without_order.expected_lost_units;
            assert!(explanation.unmet_waits || lost <= expected + 0.051, "{lost} of {expected} is lost");
        }
        for group in &plan.order_groups {
            assert!(group.minimum_met, "{} is below its minimum", group.source);
        }

        // Explanations replay, and sensitivities are re-plans.
        let forecaster = restock_forecast::forecaster(&settings.forecast_model).unwrap();
        let explainer = Explainer::new(&dataset, &settings, forecaster.as_ref());
        for proposal in plan.proposals.iter().step_by(7) {
            let detail = explainer.explain(&proposal.item_id, &proposal.destination, &[]).unwrap();
            assert_eq!(
                serde_json::to_string(&detail.proposal).unwrap(),
                serde_json::to_string(&Some(proposal)).unwrap()
            );
            for sensitivity in &proposal.explanation.sensitivity {
                let what_if = WhatIf::parse(&sensitivity.what_if).unwrap();
                let changed = explainer.explain(&proposal.item_id, &proposal.destination, &[what_if]).unwrap();
                assert_eq!(changed.line.quantity, sensitivity.quantity, "{}", sensitivity.what_if);
            }
            // Any quantity is told as it would be, whatever rules say, and less of it never runs out less.
            let mut p_stockout = 1.0;
            for quantity in [Quantity::ZERO, q("1"), proposal.quantity, proposal.quantity + proposal.quantity] {
                let asked = [WhatIf::Quantity(quantity)];
                let changed = explainer.explain(&proposal.item_id, &proposal.destination, &asked).unwrap();
                let waterfall = &changed.explanation.waterfall;
                let sum = waterfall.iter().fold(Quantity::ZERO, |sum, line| sum + line.value);
                assert_eq!((changed.line.quantity, sum), (quantity, quantity), "{}", proposal.item_id);
                let with = changed.explanation.with_order.p_stockout;
                assert!(with <= p_stockout + 1e-9, "{} of {}: {with} above {p_stockout}", quantity, proposal.item_id);
                p_stockout = with;
                if quantity == proposal.quantity {
                    assert_eq!(changed.explanation.with_order, proposal.explanation.with_order);
                }
            }
        }
    }
}

/// What was ordered this morning is on the way, whatever date it carries; when looking back it is not known yet.
#[test]
fn an_order_of_the_plan_day_is_not_ordered_again() {
    let shop = || Shop::new(&["milk"], &["S01"]).sales(0, 0, &ten_a_day(140)).stock(0, 0, "0");
    let first = plan(&shop());
    let quantity = first.proposals[0].quantity;
    for ordered_on in [None, Some(as_of()), Some(as_of().plus(2))] {
        let with_order = shop().open_order(0, 0, quantity, 2).with(|dataset| {
            dataset.open_orders[0].ordered_on = ordered_on;
        });
        assert_eq!(plan(&with_order).proposals, [], "ordered on {ordered_on:?}");
    }
}

/// No stock, hence no sales, for half a year: still an order, with a warning.
#[test]
fn an_empty_shelf_is_still_filled_after_half_a_year() {
    let mut per_day = ten_a_day(140);
    per_day.extend(vec![0; 185]);
    let plan = plan(&Shop::new(&["milk"], &["S01"]).sales(0, 0, &per_day).stock(0, 0, "0"));
    assert!(plan.proposals[0].quantity >= q("50"), "{:?}", plan.unplanned);
    assert!(plan.proposals[0].explanation.warnings.iter().any(|text| text.contains("only if it is still sold")));
}

/// Packs of 7, layers of 35, pallets of 70: small orders come in packs, larger ones in layers, and the last layer that a
/// pallet lacks is added.
#[test]
fn large_orders_come_in_layers_and_pallets() {
    let quantity = |on_hand: &str| {
        let shop = Shop::new(&["milk"], &["S01"]).sales(0, 0, &ten_a_day(140)).stock(0, 0, on_hand).with(|dataset| {
            let lane = &mut dataset.sources[0];
            (lane.pack_size, lane.layer_size, lane.pallet_size) = (Some(q("7")), Some(q("35")), Some(q("70")));
        });
        plan(&shop).proposals.first().map_or(Quantity::ZERO, |proposal| proposal.quantity)
    };
    let mut seen = std::collections::BTreeSet::new();
    for on_hand in (0..100).step_by(4) {
        let units = quantity(&on_hand.to_string()).to_units(0).unwrap();
        assert!(units % 7 == 0 && (units < 35 || units % 35 == 0), "{units} ordered with {on_hand} on hand");
        seen.insert(units);
    }
    assert!(seen.iter().any(|units| 0 < *units && *units < 35), "{seen:?}");
    assert!(seen.contains(&70) && !seen.contains(&105), "{seen:?}");
}

/// Changing nothing changes nothing, also where limits over several lines raised an order.
#[test]
fn a_what_if_that_changes_nothing_gives_the_plan() {
    let shop = Shop::new(&["a", "b"], &["S01"])
        .sales(0, 0, &ten_a_day(140))
        .sales(1, 0, &ten_a_day(140))
        .stock(0, 0, "0")
        .stock(1, 0, "85")
        .with(|dataset| dataset.suppliers[0].min_order_value = Some("150".parse().unwrap()));
    let forecaster = restock_forecast::forecaster("weighted_quantiles").unwrap();
    let settings = settings();
    let explainer = Explainer::new(&shop.0, &settings, forecaster.as_ref());
    let plan = plan(&shop);
    assert!(plan.proposals.iter().any(|proposal| {
        proposal.explanation.waterfall.iter().any(|line| line.code == WaterfallCode::SupplierMinimum)
    }));
    for proposal in &plan.proposals {
        let same = explainer.explain(&proposal.item_id, &proposal.destination, &[WhatIf::Demand(1.0)]).unwrap();
        assert_eq!(same.proposal.unwrap().quantity, proposal.quantity);
    }
}

/// A budget is spent on orders that can be placed: what an order below its supplier's minimum would have used goes to
/// the other supplier.
#[test]
fn a_budget_is_not_lost_to_an_order_that_cannot_be_placed() {
    let shop = Shop::new(&["a", "b"], &["S01"])
        .sales(0, 0, &ten_a_day(140))
        .sales(1, 0, &ten_a_day(140))
        .stock(0, 0, "0")
        .stock(1, 0, "0")
        .with(|dataset| {
            dataset.suppliers.push(Supplier { supplier_id: "SMALL".into(), ..Supplier::default() });
            dataset.suppliers[0].min_order_value = Some("55".parse().unwrap());
            let second = SourceRow {
                origin: Origin::Supplier(SupplierIdx(1)),
                item: Some(ItemIdx(1)),
                ..dataset.sources[0].clone()
            };
            dataset.sources[0].item = Some(ItemIdx(0));
            dataset.sources.push(second);
        });
    let plan = plan_with(&shop.0, &PlanSettings { budget: Some(63.0), ..settings() });
    let value: f64 = plan.summary.order_value.to_string().parse().unwrap();
    let used = plan.shadow_prices.iter().find(|price| price.limit == "budget all").unwrap().used;
    assert!((value - used).abs() < 0.01 && value > 47.0 && value <= 63.0, "{value} spent, {used} reported");
    assert!(plan.order_groups.iter().all(|group| group.minimum_met));
}

/// S1 is empty, S2 holds ten times what it needs, and another item there could be bought instead.
#[test]
fn stock_elsewhere_and_substitutes_are_named() {
    let shop = |parents: [&str; 2]| {
        Shop::new(&["milk", "oat"], &["DC1", "S1", "S2"])
            .sales(0, 1, &ten_a_day(140))
            .sales(0, 2, &ten_a_day(140))
            .sales(1, 1, &ten_a_day(140))
            .stock(0, 1, "0")
            .stock(0, 2, "1000")
            .stock(1, 1, "30")
            .with(|data| {
                for (location, parent) in data.locations[1..].iter_mut().zip(parents) {
                    location.parent_id = Some(parent.to_owned()).filter(|parent| !parent.is_empty());
                }
            })
    };
    let found = |shop: &Shop, code: ExceptionCode| {
        let plan = plan(shop);
        let found: Vec<_> = plan.exceptions.into_iter().filter(|exception| exception.code == code).collect();
        assert!(found.iter().all(|one| (one.item_id.as_str(), one.location_id.as_str()) == ("milk", "S1")));
        found
    };
    for parents in [["", ""], ["DC1", "DC1"]] {
        let found = found(&shop(parents), ExceptionCode::TransferOpportunity);
        assert_eq!(found.len(), 1);
        assert!(found[0].message.starts_with("S2 has "), "{}", found[0].message);
        assert!(found[0].expected_money > "1".parse().unwrap(), "{}", found[0].expected_money);
    }
    assert!(found(&shop(["DC1", ""]), ExceptionCode::TransferOpportunity).is_empty(), "no way from S2 to S1");
    let scarce = shop(["", ""]).with(|data| data.inventory[1].on_hand = q("60"));
    assert!(found(&scarce, ExceptionCode::TransferOpportunity).is_empty());

    assert!(found(&shop(["", ""]), ExceptionCode::SubstituteAvailable).is_empty());
    let substituted = |on_hand: &str| {
        shop(["", ""]).with(|data| {
            data.inventory[2].on_hand = q(on_hand);
            let row = RowRef::default();
            data.substitutions.push(SubstitutionRow { from: ItemIdx(0), to: ItemIdx(1), rate: 0.4, row });
        })
    };
    let named = found(&substituted("300"), ExceptionCode::SubstituteAvailable);
    assert_eq!(named.len(), 1);
    assert!(named[0].message.starts_with("oat can take about "), "{}", named[0].message);
    assert!(found(&substituted("2"), ExceptionCode::SubstituteAvailable).is_empty());
}

/// What only other lines tell is also in the explanation of one line, with and without a plan at hand.
#[test]
fn an_explained_line_names_transfers_and_substitutes() {
    let shop = Shop::new(&["milk", "oat"], &["S1", "S2"])
        .sales(0, 0, &ten_a_day(140))
        .sales(0, 1, &ten_a_day(140))
        .sales(1, 0, &ten_a_day(140))
        .stock(0, 0, "0")
        .stock(0, 1, "1000")
        .stock(1, 0, "300")
        .with(|data| {
            let row = RowRef::default();
            data.substitutions.push(SubstitutionRow { from: ItemIdx(0), to: ItemIdx(1), rate: 0.4, row });
        });
    let forecaster = restock_forecast::forecaster("weighted_quantiles").unwrap();
    let settings = settings();
    let planned = restock_engine::plan_with_details(&shop.0, &settings, forecaster.as_ref(), 10, &|_, _| {});
    let of_plan = |item: &str, location: &str| {
        let of_line = |one: &&restock_core::finding::PlanException| one.item_id == item && one.location_id == location;
        let mut found: Vec<_> = planned.plan.exceptions.iter().filter(of_line).cloned().collect();
        found.sort_by_key(|exception| exception.code);
        found
    };
    let alone = |item: &str, location: &str| {
        let mut found = explain(&shop.0, &settings, forecaster.as_ref(), item, location, &[]).unwrap().exceptions;
        found.sort_by_key(|exception| exception.code);
        found
    };
    let milk = alone("milk", "S1");
    for code in [ExceptionCode::TransferOpportunity, ExceptionCode::SubstituteAvailable] {
        assert!(milk.iter().any(|exception| exception.code == code), "{milk:?}");
    }
    for (item, location) in [("milk", "S1"), ("milk", "S2"), ("oat", "S1")] {
        assert_eq!(alone(item, location), of_plan(item, location), "{item}@{location}");
    }
    let detail = planned.details.iter().find(|detail| detail.line.item_id == "milk").unwrap();
    assert_eq!(detail.exceptions.len(), milk.len());
}

#[test]
fn a_container_that_leaves_half_empty_is_told() {
    let shop = |container: f64| {
        Shop::new(&["milk", "oat"], &["S01"])
            .sales(0, 0, &ten_a_day(140))
            .sales(1, 0, &ten_a_day(140))
            .stock(0, 0, "0")
            .stock(1, 0, "60")
            .with(|data| {
                data.suppliers[0].container_volume = Some(container);
                data.items.iter_mut().for_each(|item| item.volume = Some(0.01));
            })
    };
    let found = |shop: &Shop| {
        let mut found = plan(shop).exceptions;
        found.retain(|exception| exception.code == ExceptionCode::ContainerUnderfilled);
        found
    };
    let plan = plan(&shop(10.0));
    let volume = plan.order_groups[0].volume;
    let told = found(&shop(10.0));
    assert_eq!((told.len(), told[0].item_id.as_str()), (1, "milk"), "the item that takes most of it");
    let percent = format!("fills {:.0} % of a container by volume", volume * 10.0);
    assert!(told[0].message.contains(&percent), "{} with {volume} m³", told[0].message);
    let forecaster = restock_forecast::forecaster("weighted_quantiles").unwrap();
    let explained = explain(&shop(10.0).0, &settings(), forecaster.as_ref(), "milk", "S01", &[]).unwrap();
    assert!(explained.exceptions.contains(&told[0]), "{:?}", explained.exceptions);
    assert!(found(&shop(volume * 1.05)).is_empty(), "nearly full");
    // Items without a volume say nothing about the container.
    assert!(found(&shop(10.0).with(|data| data.items.iter_mut().for_each(|item| item.volume = None))).is_empty());
}

#[test]
fn forecasts_that_were_always_too_high_are_told() {
    let with = |levels: [i64; 4]| {
        let n_days = [112, 28, 28, 28];
        let days = levels.iter().zip(n_days).flat_map(|(level, n_days)| std::iter::repeat_n(*level, n_days));
        let sold: Vec<i64> = days.enumerate().map(|(day, level)| level + [1, -1, 0, 2, -2][day % 5]).collect();
        let shop = Shop::new(&["milk"], &["S01"]).sales(0, 0, &sold).stock(0, 0, "60");
        let plan = plan_with(&shop.0, &PlanSettings { forecast_model: "auto".into(), ..settings() });
        plan.exceptions.into_iter().find(|exception| exception.code == ExceptionCode::ForecastBias)
    };
    let falling = with([40, 28, 19, 12]).expect("each forecast stayed above what came");
    assert!(falling.message.contains("too high in each of 3 windows"), "{}", falling.message);
    assert_eq!(with([20, 20, 20, 20]), None);
}

/// Under `auto` the learned policy first watches: the classical orders stand, and the explanation says what it would
/// order and save. Once it may act, those orders and no others change, and the waterfall still adds up.
#[test]
fn the_learned_policy_watches_before_it_acts() {
    let ids: Vec<String> = (0..30).map(|item| format!("item-{item:02}")).collect();
    let mut shop = Shop::new(&ids.iter().map(String::as_str).collect::<Vec<_>>(), &["S01"]);
    for item in 0..30_u32 {
        let lumpy: Vec<i64> =
            uneven(200 + item as usize).iter().map(|sold| if sold % 3 == 0 { sold / 2 } else { 0 }).collect();
        shop = shop.sales(item, 0, &lumpy).stock(item, 0, &(12 * item).to_string());
    }
    let shop = shop.lane(|lane| lane.lead_time_days = Some(14.0));
    // Dear stock and a lead time of two reviews: where sales are lost meanwhile, a base-stock order is too large.
    let settings = PlanSettings { objective: Objective::Economics, carrying_cost_per_year: 5.0, ..settings() };
    let of_policy = |policy: &str, learned_acts: bool| {
        plan_with(&shop.0, &PlanSettings { policy: policy.into(), learned_acts, ..settings.clone() })
    };
    let quantities = |plan: &Plan| -> BTreeMap<String, Quantity> {
        plan.proposals.iter().map(|proposal| (proposal.item_id.clone(), proposal.quantity)).collect()
    };
    let (watching, acting) = (of_policy("auto", false), of_policy("auto", true));
    assert_eq!(quantities(&watching), quantities(&of_policy("classical", true)));
    assert_eq!(quantities(&acting), quantities(&of_policy("learned", false)));
    let mut n_watched = 0;
    for proposal in &watching.proposals {
        let would = proposal.explanation.alternatives.iter().find(|(name, _)| name == "learned");
        let acts = acting
            .proposals
            .iter()
            .find(|other| other.item_id == proposal.item_id && other.explanation.lineage.policy == "learned");
        let evidence = proposal.explanation.waterfall.iter().flat_map(|line| &line.evidence);
        assert_eq!(
            evidence.filter(|(key, _)| key == restock_engine::LEARNED_SAVING).count(),
            usize::from(would.is_some())
        );
        let Some((_, quantity)) = would else { continue };
        n_watched += 1;
        assert_ne!(*quantity, proposal.quantity);
        if *quantity > Quantity::ZERO {
            assert_eq!(acts.map(|acts| acts.quantity), Some(*quantity), "{}", proposal.item_id);
        }
    }
    assert!(n_watched > 0, "nothing was watched");
    let least = PlanSettings { policy: "learned".into(), learned_max_ratio: 1.0, ..settings };
    for proposal in
        plan_with(&shop.0, &least).proposals.iter().filter(|proposal| proposal.explanation.lineage.policy == "learned")
    {
        let classical = watching.proposals.iter().find(|other| other.item_id == proposal.item_id);
        assert!(classical.is_none_or(|classical| proposal.quantity <= classical.quantity), "{}", proposal.item_id);
    }
}
