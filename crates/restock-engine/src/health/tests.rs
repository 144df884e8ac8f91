//! Each check on a shop that triggers it and on one that must not.

use restock_core::dataset::*;
use restock_core::settings::PlanSettings;
use restock_core::{
    Bucket, Day, Finding, FindingCode, ItemIdx, LocationIdx, Money, Quantity, RowRef, Severity, WeekdaySet,
};

use super::{HealthReport, check};

const S1: LocationIdx = LocationIdx(0);
const A: ItemIdx = ItemIdx(0);
const B: ItemIdx = ItemIdx(1);

/// Two items, one or two stores, a supplier; sales are added in any order.
struct Shop {
    dataset: Dataset,
    settings: PlanSettings,
    sales: Vec<(ItemIdx, LocationIdx, Day, Quantity)>,
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn row(row: u32) -> RowRef {
    RowRef { file_idx: 0, row }
}

fn units(whole: i64) -> Quantity {
    Quantity::from_whole(whole)
}

impl Shop {
    fn new() -> Self {
        let item = |id: &str| Item { item_id: id.to_owned(), ..Item::default() };
        let location = |id: &str| Location { location_id: id.to_owned(), ..Location::default() };
        let dataset = Dataset {
            files: vec!["test.csv".to_owned()],
            items: vec![item("A"), item("B")],
            locations: vec![location("S1"), location("S2")],
            suppliers: vec![Supplier { supplier_id: "DAIRY".to_owned(), ..Supplier::default() }],
            ..Dataset::default()
        };
        Self { dataset, settings: PlanSettings::default(), sales: Vec::new() }
    }

    /// One row a day from 2026-01-01 on.
    fn sell(mut self, item: ItemIdx, quantities: impl IntoIterator<Item = i64>) -> Self {
        let first = day("2026-01-01");
        for (idx, quantity) in quantities.into_iter().enumerate() {
            self.sales.push((item, S1, first.plus(idx as i32), units(quantity)));
        }
        self
    }

    fn sell_on(mut self, item: ItemIdx, date: &str, quantity: i64) -> Self {
        self.sales.push((item, S1, day(date), units(quantity)));
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Dataset)) -> Self {
        change(&mut self.dataset);
        self
    }

    fn report(mut self) -> HealthReport {
        self.sales.sort_by_key(|(item, location, day, _)| (*item, *location, *day));
        let table = &mut self.dataset.sales;
        for (idx, (item, location, day, quantity)) in self.sales.into_iter().enumerate() {
            table.item.push(item);
            table.location.push(location);
            table.day.push(day);
            table.quantity.push(quantity);
            table.row.push(row(idx as u32 + 2));
        }
        check(&self.dataset, &self.settings)
    }

    fn found(self, code: FindingCode) -> Vec<Finding> {
        let mut found = self.report().findings;
        found.retain(|finding| finding.code == code);
        found
    }
}

/// A deterministic stand-in for noise: `low..=high`, the same on every run.
fn noise(n: usize, low: i64, high: i64, seed: u64) -> Vec<i64> {
    let mut state = seed;
    (0..n)
        .map(|_| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            low + ((state >> 33) % (high - low + 1) as u64) as i64
        })
        .collect()
}

fn stock(on_hand: i64, as_of: Option<&str>) -> InventoryRow {
    InventoryRow {
        item: A,
        location: S1,
        on_hand: units(on_hand),
        as_of: as_of.map(day),
        lot_id: None,
        expiry: None,
        allocated: Quantity::ZERO,
        blocked: Quantity::ZERO,
        in_transit: Quantity::ZERO,
        row: row(2),
    }
}

fn lane() -> SourceRow {
    let supplier = Origin::Supplier(restock_core::SupplierIdx(0));
    SourceRow { row: row(2), ..crate::fixtures::lane(supplier, 2.0) }
}

fn setting() -> ItemLocationRow {
    ItemLocationRow { row: row(2), ..ItemLocationRow::new(A, S1) }
}

fn open_order(quantity: i64, received: i64, due_on: &str, status: &str) -> OpenOrderRow {
    OpenOrderRow {
        order_id: "PO-1".to_owned(),
        item: A,
        to_location: S1,
        origin: None,
        quantity: units(quantity),
        received: units(received),
        ordered_on: None,
        due_on: Some(day(due_on)),
        status: status.to_owned(),
        row: row(2),
    }
}

fn receipt(ordered_on: &str, days: i32) -> ReceiptRow {
    ReceiptRow {
        order_id: String::new(),
        item: A,
        location: Some(S1),
        origin: None,
        quantity: units(5),
        ordered_on: Some(day(ordered_on)),
        due_on: None,
        received_on: day(ordered_on).plus(days),
        unit_cost: None,
        row: row(2),
    }
}

fn promotion(from: &str, to: &str, depth: Option<f64>) -> PromotionRow {
    PromotionRow {
        promo_id: "P".to_owned(),
        item: Some(A),
        location: None,
        from: day(from),
        to: day(to),
        depth,
        display: false,
        expected_uplift: None,
        row: row(2),
    }
}

use FindingCode::*;

#[test]
fn d01_negative_stock() {
    let found = Shop::new().with(|data| data.inventory = vec![stock(-3, None)]).found(D01);
    insta::assert_snapshot!(found[0].message, @"1 row with negative stock now, lowest -3");
    assert_eq!((found[0].severity, found[0].rows.as_slice(), found[0].n_rows), (Severity::Error, &[row(2)][..], 1));
    let older = |data: &mut Dataset| data.inventory = vec![stock(-3, Some("2026-01-01")), stock(5, Some("2026-01-02"))];
    assert_eq!(Shop::new().with(older).found(D01)[0].severity, Severity::Warning);
    assert!(Shop::new().with(|data| data.inventory = vec![stock(0, None)]).found(D01).is_empty());
}

#[test]
fn d02_stock_above_capacity() {
    let shop = |on_hand| {
        Shop::new().with(|data| {
            data.inventory = vec![stock(on_hand, None)];
            data.item_locations = vec![ItemLocationRow { shelf_capacity: Some(units(10)), ..setting() }];
        })
    };
    insta::assert_snapshot!(shop(11).found(D02)[0].message, @"11 units on hand, the shelf holds 10");
    assert!(shop(10).found(D02).is_empty());

    let full = |volume| {
        Shop::new().with(|data| {
            data.inventory = vec![stock(10, None)];
            data.items[0].volume = Some(volume);
            data.locations[0].attributes.insert("capacity_volume".to_owned(), "5".to_owned());
        })
    };
    insta::assert_snapshot!(full(0.6).found(D02)[0].message, @"stock fills 6.0 m³, the location holds 5.0 m³");
    assert!(full(0.5).found(D02).is_empty());
}

#[test]
fn d03_sales_on_closed_days() {
    let closed_on_sunday = |data: &mut Dataset| {
        let weekdays = (0..6).fold(WeekdaySet::NONE, WeekdaySet::with);
        data.calendars.insert("open".to_owned(), Calendar { weekdays, ..Calendar::default() });
        data.locations[0].calendar = Some("open".to_owned());
    };
    // 2026-01-04 and 2026-01-11 are Sundays.
    let found = Shop::new().sell(A, [5; 14]).with(closed_on_sunday).found(D03);
    insta::assert_snapshot!(found[0].message,
        @"10 units (14.3 %) sold on 2 closed or unlisted days, first 2026-01-04");
    assert_eq!((found[0].severity, found[0].n_rows), (Severity::Warning, 2));
    assert!(Shop::new().sell(A, [5, 5, 5, 0, 5, 5]).with(closed_on_sunday).found(D03).is_empty());
    // Returns on a closed day are no sales.
    assert!(Shop::new().sell(A, [5, 5, 5, -2, 5, 5]).with(closed_on_sunday).found(D03).is_empty());
    let unlisted = |data: &mut Dataset| {
        data.item_locations = vec![ItemLocationRow { listed_from: Some(day("2026-01-03")), ..setting() }];
    };
    assert_eq!(Shop::new().sell(A, [5; 14]).with(unlisted).found(D03)[0].n_rows, 2);
}

#[test]
fn d04_duplicate_rows() {
    // A daily table of two items with one day twice.
    let daily = || Shop::new().sell(A, noise(150, 1, 9, 1)).sell(B, noise(150, 1, 9, 2));
    let quantity = daily().sales[10].3.micro() / 1_000_000;
    let found = daily().sell_on(A, "2026-01-11", quantity).found(D04);
    assert_eq!((found.len(), found[0].n_rows, found[0].severity), (1, 1, Severity::Warning));
    assert!(daily().found(D04).is_empty());
    // Order lines: many keys have several rows, equal ones among them.
    assert!(Shop::new().sell(A, [1; 150]).sell(A, [1; 150]).found(D04).is_empty());
    // The reader knows better than we do: with order numbers, equal quantities of one day are two orders.
    let orders = daily().sell_on(A, "2026-01-11", quantity).with(|data| data.facts.n_order_lines = 301);
    assert!(orders.found(D04).is_empty());
    let copied = daily().with(|data| {
        data.facts.n_duplicate_rows = 7;
        data.facts.duplicate_rows = vec![row(5)];
    });
    let found = copied.found(D04);
    insta::assert_snapshot!(found[0].message,
        @"7 rows equal an earlier row of the same file in every cell; those of sales are counted");
    assert_eq!((found[0].severity, found[0].n_rows), (Severity::Warning, 7));
}

#[test]
fn d04_duplicate_stock_rows() {
    let twice =
        Shop::new().with(|data| data.inventory = vec![stock(5, None), InventoryRow { row: row(3), ..stock(5, None) }]);
    assert_eq!(twice.found(D04)[0].rows, [row(3)]);
    // Another count in the same file is another lot; in a second file it is the same stock again.
    let other = |file_idx| RowRef { file_idx, row: 3 };
    let again = |file_idx| {
        Shop::new().with(move |data| {
            data.inventory = vec![stock(5, None), InventoryRow { row: other(file_idx), ..stock(7, None) }];
        })
    };
    assert_eq!(again(1).found(D04)[0].rows, [other(1)]);
    assert!(again(row(2).file_idx).found(D04).is_empty());
    let lots = Shop::new().with(|data| {
        data.inventory =
            ["L1", "L2"].map(|lot| InventoryRow { lot_id: Some(lot.to_owned()), ..stock(5, None) }).to_vec();
    });
    assert!(lots.found(D04).is_empty());
}

#[test]
fn d04_orders_of_two_files() {
    let line = |order_id: &str, file_idx| OpenOrderRow {
        order_id: order_id.to_owned(),
        item: A,
        to_location: S1,
        origin: None,
        quantity: units(5),
        received: Quantity::ZERO,
        ordered_on: None,
        due_on: None,
        status: String::new(),
        row: RowRef { file_idx, row: 2 },
    };
    let found = |orders: [OpenOrderRow; 2]| Shop::new().with(|data| data.open_orders = orders.to_vec()).found(D04);
    assert_eq!(found([line("PO1", 0), line("PO1", 1)])[0].rows, [RowRef { file_idx: 1, row: 2 }]);
    assert!(found([line("PO1", 0), line("PO1", 0)]).is_empty(), "two deliveries of a line");
    assert!(found([line("PO1", 0), line("PO2", 1)]).is_empty());
    assert!(found([line("", 0), line("", 1)]).is_empty(), "orders without a number");
}

#[test]
fn d05_level_jump() {
    let pieces = noise(60, 4, 9, 1);
    let jump = |factor: i64| pieces.iter().copied().chain(noise(60, 4, 9, 2).into_iter().map(move |q| q * factor));
    let found = Shop::new().sell(A, jump(10)).found(D05);
    assert_eq!((found.len(), found[0].severity), (1, Severity::Error));
    assert!(
        found[0].message.starts_with("typical daily quantity jumps up about 10 times on 2026-03-02"),
        "{}",
        found[0].message
    );
    assert_eq!(Shop::new().sell(A, jump(1000)).found(D05).len(), 1);
    // Twice or thirty times the demand is demand; so is a gradual ramp to more than ten times.
    assert!(Shop::new().sell(A, jump(2)).found(D05).is_empty());
    assert!(Shop::new().sell(A, jump(30)).found(D05).is_empty());
    assert!(Shop::new().sell(A, (0..120).map(|t| 2 + t / 4)).found(D05).is_empty());
    // Promotions sell ten times as much, for a while, and are marked.
    let promotion = Shop::new().sell(A, jump(10)).with(|data| {
        data.sales.on_promotion = (0..120).map(|t| u8::from(t >= 60)).collect();
    });
    assert!(promotion.found(D05).is_empty());
    // Intermittent pieces, then bulk orders that are rarer as well: a new customer, not a new unit.
    let rarer = (0..400).map(|t| if t < 200 { i64::from(t % 3 == 0) * 2 } else { i64::from(t % 12 == 0) * 20 });
    assert!(Shop::new().sell(A, rarer).found(D05).is_empty());
    // The same sizes at the same pace are a new unit.
    let same_pace = (0..400).map(|t| i64::from(t % 3 == 0) * if t < 200 { 2 } else { 20 });
    assert_eq!(Shop::new().sell(A, same_pace).found(D05).len(), 1);
}

/// A change of unit is an error where multiples of the factor prove it, and a warning where only the ratio speaks.
#[test]
fn d05_level_jump_by_its_evidence() {
    let pieces = || noise(60, 4, 9, 1);
    // Cases of twelve are counted in pieces from one day on, and pieces in hundreds until one day.
    let dozens = pieces().into_iter().chain(noise(60, 4, 9, 2).into_iter().map(|q| q * 12));
    let found = Shop::new().sell(A, dozens).found(D05);
    assert_eq!((found.len(), found[0].severity), (1, Severity::Error));
    let hundredths = noise(60, 4, 9, 2).into_iter().map(|q| q * 100).chain(pieces());
    let found = Shop::new().sell(A, hundredths).found(D05);
    assert_eq!((found.len(), found[0].severity), (1, Severity::Error));
    // Packs of 24, where the lane knows them.
    let packs = || Shop::new().sell(A, pieces().into_iter().chain(noise(60, 4, 9, 2).into_iter().map(|q| q * 24)));
    assert!(packs().found(D05).is_empty());
    let lane_of_24 = SourceRow { pack_size: Some(units(24)), ..lane() };
    assert_eq!(packs().with(|data| data.sources = vec![lane_of_24]).found(D05)[0].severity, Severity::Error);
    // The ratio alone, quantities of any last digit: demand may rise ten times, but not a thousand times overnight.
    let grown = |factor: i64| {
        let later = noise(60, 4 * factor, 9 * factor, 2);
        Shop::new().sell(A, pieces().into_iter().chain(later)).found(D05)
    };
    assert!(grown(10).iter().all(|finding| finding.severity == Severity::Warning));
    assert!(grown(1000).iter().all(|finding| finding.severity == Severity::Error));
    assert_eq!(grown(1000).len(), 1);
}

/// What sells ten times as much and is no change of unit.
#[test]
fn d05_level_jump_is_not_demand() {
    let season =
        |high: i64| noise(60, 4, 9, 1).into_iter().chain(noise(40, 4 * high, 9 * high, 2)).chain(noise(60, 4, 9, 3));
    assert!(Shop::new().sell(A, season(10)).found(D05).is_empty(), "a season goes as it came");
    let round_season = season(1).enumerate().map(|(t, q)| if (60..100).contains(&t) { q * 10 } else { q });
    assert!(Shop::new().sell(A, round_season).found(D05).is_empty(), "a promotion in packs of ten goes as it came");
    let launch = noise(15, 1, 2, 1).into_iter().chain(noise(20, 10, 20, 2)).chain(noise(60, 80, 120, 3));
    assert!(Shop::new().sell(A, launch).found(D05).is_empty(), "a launch goes on growing");
    let wholesale = noise(120, 1, 3, 1).into_iter().enumerate().map(|(t, q)| if t % 17 == 16 { 200 } else { q });
    assert!(Shop::new().sell(A, wholesale).found(D05).is_empty(), "single large orders");
    let lumpy = |high: i64, seed| {
        let powers = noise(40, 0, 6, seed).into_iter().map(move |power| (high << power) + power);
        powers.flat_map(|q| [q, 0, 0]).collect::<Vec<i64>>()
    };
    let lumpy = lumpy(3, 1).into_iter().chain(lumpy(30, 2));
    assert!(Shop::new().sell(A, lumpy).found(D05).is_empty(), "sizes that vary a hundredfold prove no factor");
    let clearance = noise(60, 21, 35, 1).into_iter().chain(noise(30, 1, 5, 2));
    let found = Shop::new().sell(A, clearance).found(D05);
    assert!(found.iter().all(|finding| finding.severity == Severity::Warning), "an item that fades is not blocked");
}

#[test]
fn d05_single_outlier() {
    let mut quantities = noise(60, 3, 9, 3);
    quantities[30] = 1375;
    let found = Shop::new().sell(A, quantities.clone()).found(D05);
    assert_eq!((found.len(), found[0].severity, found[0].rows.as_slice()), (1, Severity::Warning, &[row(32)][..]));
    quantities[30] = 90;
    assert!(
        Shop::new().sell(A, quantities.clone()).found(D05).is_empty(),
        "15 times the usual may well be a promotion"
    );
    // A heavy tail: 1, 2, 4 ... 1024 has a next largest that is near.
    let heavy = (0..40).map(|t| 1_i64 << (t % 11));
    assert!(Shop::new().sell(A, heavy).found(D05).is_empty());
}

#[test]
fn d06_stale_stock() {
    let shop = |counted: &'static str| {
        Shop::new().sell(A, [5; 60]).with(move |data| data.inventory = vec![stock(9, Some(counted))])
    };
    let found = shop("2026-02-10").found(D06);
    insta::assert_snapshot!(found[0].message, @"newest stock count is 19 days older than the newest sales");
    assert_eq!(found[0].severity, Severity::Warning);
    assert_eq!(shop("2026-01-01").found(D06)[0].severity, Severity::Error);
    assert!(shop("2026-02-25").found(D06).is_empty());
    // A distribution centre sells nothing itself: its stock is judged by the newest sale anywhere.
    let centre = |counted: &'static str| {
        let counted = InventoryRow { location: LocationIdx(1), ..stock(9, Some(counted)) };
        Shop::new().sell(A, [5; 60]).with(|data| data.inventory = vec![counted])
    };
    assert_eq!(centre("2026-01-01").found(D06)[0].severity, Severity::Error);
    assert!(centre("2026-02-25").found(D06).is_empty());
    assert!(Shop::new().sell(A, [5; 60]).with(|data| data.inventory = vec![stock(9, None)]).found(D06).is_empty());
}

/// 40 days with sales, then 20 without, while item B goes on selling.
fn gone_quiet() -> Shop {
    Shop::new().sell(A, [3; 40]).sell(B, [2; 60]).with(|data| data.inventory = vec![stock(12, None)])
}

#[test]
fn d07_phantom_stock() {
    let found = gone_quiet().found(D07);
    assert_eq!((found.len(), found[0].severity), (1, Severity::Warning));
    assert!(found[0].message.starts_with("12 units on the books and no sale for 20 days"), "{}", found[0].message);
    assert_eq!(found[0].item_id.as_deref(), Some("A"));
    // No stock, no phantom.
    assert!(gone_quiet().with(|data| data.inventory = vec![stock(0, None)]).found(D07).is_empty());
    // The whole shop went quiet: it stopped reporting.
    let silent = Shop::new().sell(A, [3; 40]).with(|data| data.inventory = vec![stock(12, None)]);
    assert!(silent.found(D07).is_empty());
    // Goods that came in yesterday had no chance to sell.
    let received = gone_quiet().with(|data| data.receipts = vec![receipt("2026-02-27", 2)]);
    assert!(received.found(D07).is_empty());
    // An item that sells once a fortnight may well not sell for three weeks.
    let slow = (0..200).map(|t| i64::from(t % 14 == 0 && t < 180));
    let slow = Shop::new().sell(A, slow).sell(B, [2; 200]).with(|data| data.inventory = vec![stock(12, None)]);
    assert!(slow.found(D07).is_empty());
    // By week, the same rule as ever: 40 weeks with sales, then 20 without.
    let mut weekly = Shop::new();
    for week in 0..60 {
        let date = day("2026-01-05").plus(7 * week).to_string();
        weekly = weekly.sell_on(B, &date, 2);
        if week < 40 {
            weekly = weekly.sell_on(A, &date, 3);
        }
    }
    weekly.settings.bucket = Bucket::Week;
    assert!(weekly.with(|data| data.inventory = vec![stock(12, None)]).report().count_list.is_empty());
    let ended = gone_quiet().with(|data| data.items[0].end = Some(day("2026-02-10")));
    assert!(ended.found(D07).is_empty());
}

/// The list of what to count, of a shop where A has probably run out unseen.
#[test]
fn what_to_count_first() {
    let priced = || {
        gone_quiet().with(|data| {
            data.items[0].price = Some("2.50".parse().unwrap());
            data.items[0].unit_cost = Some("1.50".parse().unwrap());
        })
    };
    let report = priced().report();
    let [line] = &report.count_list[..] else { panic!("{:?}", report.count_list) };
    assert_eq!((line.item_id.as_str(), line.location_id.as_str(), line.n_quiet_days), ("A", "S1", 20));
    assert!(line.probability_empty > 0.6 && line.expected_on_hand < 6.0, "{line:?}");
    // Three a day for 20 days; that A, half of what the shop sells, is missing makes the shop look a little quieter.
    assert!((54.0..60.0).contains(&line.expected_when_quiet), "{line:?}");
    assert!(line.reason.starts_with("no sale for 20 days where"), "{}", line.reason);
    assert!(line.reason.ends_with("the record says 12"), "{}", line.reason);
    // The record does not cover two weeks of nearly 3 a day, so goods come anyway: 12 too few, at a margin of 1.
    assert!((6.0..12.0).contains(&line.saving), "{line:?}");
    let mut dear = priced();
    dear.settings.count_cost = 90.0;
    // A count that costs more than it saves: the list, D07 and the exception still say the same.
    let report = dear.report();
    let [line] = &report.count_list[..] else { panic!("{:?}", report.count_list) };
    assert!(line.saving < 0.0 && line.is_probably_empty(), "{line:?}");
    assert!(line.reason.ends_with("; a count costs more than it is expected to save"), "{}", line.reason);
    let found = report.findings.iter().find(|finding| finding.code == D07).unwrap();
    assert!(found.fix.starts_with("look at the shelf when you pass it"), "{}", found.fix);
    // Somebody counted on the last day.
    let counted = priced().with(|data| {
        data.adjustments = vec![AdjustmentRow {
            day: day("2026-03-01"),
            item: A,
            location: S1,
            quantity: units(0),
            reason: "cycle count".to_owned(),
            row: row(2),
        }];
    });
    assert!(counted.report().count_list.is_empty());
}

#[test]
fn one_day_without_a_sale_is_told_in_words() {
    let shop = Shop::new().sell(A, [30; 59]).sell(B, [2; 60]).with(|data| data.inventory = vec![stock(30, None)]);
    let list = shop.report().count_list;
    let reason = list.first().map_or("", |line| line.reason.as_str());
    assert!(reason.starts_with("no sale for 1 day where") && reason.contains(" were expected"), "{list:?}");
}

/// What tables say of empty shelves is no wonder: known stock-outs and records of nothing.
#[test]
fn days_that_were_known_to_be_empty_are_no_wonder() {
    let first = day("2026-01-01");
    let known = |to: i32| {
        gone_quiet().with(|data| {
            let (from, to) = (first.plus(40), first.plus(to));
            data.stockouts = vec![StockoutRow { item: A, location: S1, from, to, row: row(2) }];
        })
    };
    assert!(known(58).found(D07).is_empty());
    let told_empty = gone_quiet().with(|data| {
        let zeros = (40..59).map(|idx| stock(0, Some(&first.plus(idx).to_string())));
        data.inventory = zeros.chain([stock(12, None)]).collect();
    });
    assert!(told_empty.found(D07).is_empty());
}

/// The same goods in pieces, in kilograms with one digit and with three.
#[test]
fn weighed_goods_are_found_like_pieces() {
    let chance = |decimals: u8| {
        let shop = gone_quiet().with(|data| {
            data.items[0].decimals = decimals;
            data.inventory = vec![stock(6, None)];
        });
        let list = shop.report().count_list;
        list.first().map_or(0.0, |line| line.probability_empty)
    };
    let pieces = chance(0);
    assert!(pieces > 0.6, "{pieces}");
    for decimals in [1, 2, 3] {
        assert!((chance(decimals) - pieces).abs() < 0.1, "{} with {decimals} decimals, {pieces}", chance(decimals));
    }
}

#[test]
fn reasons_of_counts_are_whole_words() {
    for reason in
        ["count", "cycle count", "Cycle-Count", "CycleCount", "stocktake 2026", "Inventurdifferenz", "盘亏", "年中盘点"]
    {
        assert!(super::count_list::is_count(reason), "{reason}");
    }
    for reason in ["discount tag damaged", "account correction", "waste", "county fair", ""] {
        assert!(!super::count_list::is_count(reason), "{reason}");
    }
}

#[test]
fn d08_sales_without_stock() {
    let span = |from: &str, to: &str| StockoutRow { item: A, location: S1, from: day(from), to: day(to), row: row(2) };
    let known =
        |to: &'static str| Shop::new().sell(A, [5; 30]).with(move |data| data.stockouts = vec![span("2026-01-05", to)]);
    let found = known("2026-01-09").found(D08);
    insta::assert_snapshot!(found[0].message, @"15 units sold on 3 days without stock, first 2026-01-06");
    assert_eq!(found[0].severity, Severity::Warning);
    assert!(known("2026-01-06").found(D08).is_empty(), "the first and last day may sell");
    let counts = |on_hand: i64| {
        Shop::new().sell(A, [5; 12]).with(|data| {
            let counts = (1..=12).map(|idx| stock(on_hand, Some(&format!("2026-01-{idx:02}"))));
            data.inventory = counts.collect();
        })
    };
    assert_eq!(counts(0).found(D08)[0].n_rows, 10);
    // Shares of the day: one finding with a count for all-day stock-outs; a part of the day is none, and neither are
    // a last piece or a day without a sale.
    let share = |share: f32, sold: i64| {
        let quantities = (0..30).map(move |t| if t % 6 == 5 { sold } else { 20 });
        Shop::new().sell(A, quantities).with(move |data| {
            data.sales.stockout_share = (0..30).map(|t| if t % 6 == 5 { share } else { 0.0 }).collect();
        })
    };
    insta::assert_snapshot!(share(1.0, 12).found(D08)[0].message,
        @"60 units sold on 5 days without stock, first 2026-01-06");
    assert_eq!(share(1.0, 12).found(D08).len(), 1);
    assert!(share(0.9375, 12).found(D08).is_empty());
    assert!(share(1.0, 0).found(D08).is_empty());
    assert!(share(1.0, 1).found(D08).is_empty());
    assert!(counts(4).found(D08).is_empty());
}

#[test]
fn d08_infos_are_told_once_where_there_are_many() {
    let shop = |n_items: u32| {
        let mut shop = Shop::new();
        for idx in 0..n_items {
            let item_id = format!("I{idx:03}");
            if idx >= 2 {
                shop.dataset.items.push(Item { item_id, ..Item::default() });
            }
            shop = shop.sell(ItemIdx(idx), [5; 30]);
        }
        let n_rows = 30 * n_items as usize;
        shop.with(|data| data.sales.stockout_share = (0..n_rows).map(|row| f32::from(row % 30 == 7)).collect())
    };
    assert_eq!(shop(200).found(D08).len(), 200);
    let found = shop(201).found(D08);
    insta::assert_snapshot!(found[0].message,
        @"201 item-locations sold a little on days without stock, 201 sales rows in all");
    assert_eq!((found.len(), found[0].severity, found[0].n_rows), (1, Severity::Info, 201));
}

#[test]
fn d09_missing_lead_time() {
    let shop = |lead_time_days| {
        Shop::new().sell(A, [1; 10]).with(|data| data.sources = vec![SourceRow { lead_time_days, ..lane() }])
    };
    insta::assert_snapshot!(shop(None).found(D09)[0].message,
        @"no lead time for DAIRY -> any location; 7 days are assumed");
    assert_eq!(shop(Some(0.0)).found(D09).len(), 1);
    assert!(shop(Some(1.0)).found(D09).is_empty());
    let learned = shop(None).with(|data| data.receipts = vec![receipt("2026-01-01", 3); 5]);
    assert!(learned.found(D09).is_empty());
}

#[test]
fn d10_learned_lead_time() {
    let shop = |days: i32| {
        Shop::new().sell(A, [1; 60]).with(move |data| {
            data.sources = vec![lane()];
            data.receipts = (1..=6).map(|idx| receipt(&format!("2026-01-0{idx}"), days)).collect();
        })
    };
    insta::assert_snapshot!(shop(4).found(D10)[0].message,
        @"DAIRY -> any location took 4 days (median of 6 receipts), configured are 2");
    assert!(shop(3).found(D10).is_empty(), "half a lead time off is not more than half");
    assert!(shop(2).found(D10).is_empty());
}

#[test]
fn d11_overdue_orders() {
    let shop = |order: OpenOrderRow| Shop::new().sell(A, [1; 60]).with(|data| data.open_orders = vec![order]);
    // The plan is made on 2026-03-02.
    insta::assert_snapshot!(shop(open_order(24, 4, "2026-02-20", "confirmed")).found(D11)[0].message,
        @"1 open order with 20 units is overdue, up to 10 days");
    assert_eq!(shop(open_order(24, 0, "2026-01-20", "")).found(D11)[0].severity, Severity::Error);
    assert!(shop(open_order(24, 0, "2026-03-02", "")).found(D11).is_empty());
    assert!(shop(open_order(24, 24, "2026-02-20", "")).found(D11).is_empty());
    assert!(shop(open_order(24, 0, "2026-02-20", "Cancelled")).found(D11).is_empty());
}

#[test]
fn d12_minimum_order() {
    let shop = |min_order, n_days| {
        let sparse = (0..n_days).map(|t| i64::from(t % 30 == 0));
        Shop::new().sell(A, sparse).with(|data| {
            data.sources = vec![SourceRow { min_order: Some(units(min_order)), ..lane() }];
        })
    };
    // 12 or 13 pieces a year.
    assert_eq!(shop(48, 365).found(D12).len(), 1);
    assert!(shop(12, 365).found(D12).is_empty());
    assert!(shop(48, 40).found(D12).is_empty(), "forty days say nothing about a year");
}

#[test]
fn d13_pack_above_shelf() {
    let shop = |pack| {
        Shop::new().with(|data| {
            data.sources = vec![SourceRow { pack_size: Some(units(pack)), ..lane() }];
            data.item_locations = vec![ItemLocationRow { shelf_capacity: Some(units(10)), ..setting() }];
        })
    };
    insta::assert_snapshot!(shop(12).found(D13)[0].message, @"a pack of 12 units does not fit on a shelf of 10");
    assert!(shop(10).found(D13).is_empty());
}

#[test]
fn d14_shelf_life() {
    let shop = |days| {
        Shop::new().sell(A, [1; 10]).with(|data| {
            data.items[0].shelf_life_days = Some(days);
            data.suppliers[0].order_days = "mon thu".parse().unwrap();
            data.sources = vec![lane()];
        })
    };
    // Monday and Thursday: at most four days between orders, and two days of lead time.
    assert_eq!(shop(3).found(D14)[0].severity, Severity::Error);
    assert_eq!(shop(5).found(D14)[0].severity, Severity::Warning);
    assert!(shop(6).found(D14).is_empty());
}

#[test]
fn d15_cost_and_price() {
    let money = |text: &str| Some(text.parse::<Money>().unwrap());
    let shop = || Shop::new().sell(A, [1; 10]).sell(B, [1; 10]);
    assert!(shop().found(D15).is_empty(), "no item has a cost: a missing table, not a finding");
    let partly = shop().with(|data| data.items[0].unit_cost = money("1.50"));
    assert_eq!(partly.found(D15)[0].item_id.as_deref(), Some("B"));
    let priced = |price: &'static str| {
        shop().with(move |data| {
            for item in &mut data.items {
                (item.unit_cost, item.price) = (money("1.50"), money(price));
            }
        })
    };
    insta::assert_snapshot!(priced("1.20").found(D15)[0].message,
        @"regular price 1.20 is below the unit cost 1.50: every sale loses 0.30");
    assert!(priced("1.50").found(D15).is_empty());
    // A clearance below cost on a few days is no negative margin.
    let clearance = shop().with(|data| {
        data.items.iter_mut().for_each(|item| item.unit_cost = money("1.50"));
        data.sales.unit_price = (0..20).map(|idx| if idx % 10 < 3 { 0.99 } else { 2.0 }).collect();
    });
    assert!(clearance.found(D15).is_empty());
    // An item that sold last a year ago has the price of that day, which is what a plan takes.
    let slow = Shop::new().sell(A, [1; 400]).sell(B, [1; 10]).with(|data| {
        data.sales.unit_price = vec![2.0; 410];
    });
    assert!(slow.found(D15).is_empty());
}

#[test]
fn d16_circular_lanes() {
    let transfer = |from: u32, to: u32, priority| SourceRow {
        to_location: Some(LocationIdx(to)),
        origin: Origin::Location(LocationIdx(from)),
        priority,
        row: row(2 + from),
        ..lane()
    };
    let ring = Shop::new().sell(A, [1; 10]).with(|data| data.sources = vec![transfer(0, 1, 0), transfer(1, 0, 0)]);
    let found = ring.found(D16);
    insta::assert_snapshot!(found[0].message,
        @"locations supply each other in a ring, S1 <- S2 <- S1, for 1 item: nothing enters it");
    assert_eq!(found[0].n_rows, 2);
    let helping_out = Shop::new().sell(A, [1; 10]).with(|data| {
        let bought = |to| SourceRow { to_location: Some(LocationIdx(to)), ..lane() };
        data.sources = vec![bought(0), bought(1), transfer(0, 1, 5), transfer(1, 0, 5)];
    });
    assert!(helping_out.found(D16).is_empty());
    let chain = Shop::new().sell(A, [1; 10]).with(|data| {
        data.sources = vec![SourceRow { to_location: Some(LocationIdx(1)), ..lane() }, transfer(1, 0, 0)];
    });
    assert!(chain.found(D16).is_empty());
}

#[test]
fn d17_no_source() {
    let shop = |item| {
        Shop::new().sell(A, [1; 10]).sell(B, [1; 10]).with(|data| data.sources = vec![SourceRow { item, ..lane() }])
    };
    assert_eq!(shop(Some(A)).found(D17)[0].item_id.as_deref(), Some("B"));
    assert!(shop(None).found(D17).is_empty());
    // A delivery names the supplier of an item without a lane, as it does in a plan.
    let delivered = |origin| {
        let receipt = ReceiptRow { item: B, origin, ..receipt("2026-01-05", 4) };
        shop(Some(A)).with(|data| data.receipts = vec![receipt])
    };
    assert!(delivered(Some(lane().origin)).found(D17).is_empty());
    assert_eq!(delivered(None).found(D17).len(), 1, "a receipt from nobody names no supplier");
    assert!(Shop::new().sell(A, [1; 10]).found(D17).is_empty(), "no table of sources: a missing table, not a finding");
}

#[test]
fn d18_no_order_day() {
    let shop = |order_days| {
        Shop::new().sell(A, [1; 10]).with(|data| {
            data.suppliers[0].order_days = order_days;
            data.sources = vec![lane()];
        })
    };
    insta::assert_snapshot!(shop(WeekdaySet::NONE).found(D18)[0].message,
        @"DAIRY takes no order within 56 days from 2026-01-11");
    assert!(shop(WeekdaySet::NONE.with(2)).found(D18).is_empty());
    let holidays = shop(WeekdaySet::NONE.with(2)).with(|data| {
        data.suppliers[0].holidays_calendar = Some("closed".to_owned());
        let closed = Calendar { weekdays: WeekdaySet::NONE, ..Calendar::default() };
        data.calendars.insert("closed".to_owned(), closed);
    });
    assert_eq!(holidays.found(D18).len(), 1);
}

#[test]
fn d19_future_rows() {
    let shop = || Shop::new().sell(A, [5; 200]);
    let stray = shop().sell_on(A, "2062-01-05", 3).report();
    let found: Vec<_> = stray.findings.iter().filter(|finding| finding.code == D19).collect();
    assert_eq!((found.len(), found[0].severity, found[0].n_rows), (1, Severity::Error, 1));
    assert_eq!(stray.as_of, day("2026-07-20"), "one mistyped year does not move the plan");
    // The same with a mistyped month, which nobody would notice by the year.
    let stray = shop().sell_on(A, "2026-09-05", 3).sell_on(B, "2026-10-09", 1).report();
    let found: Vec<_> = stray.findings.iter().filter(|finding| finding.code == D19).collect();
    assert_eq!((stray.as_of, found[0].severity, found[0].n_rows), (day("2026-07-20"), Severity::Error, 2));
    // In a tiny file a single row is more than 1 % of all.
    let tiny = |days: usize| Shop::new().sell(A, vec![5; days]);
    let stray = tiny(40).sell_on(A, "2026-11-03", 4).report();
    let found: Vec<_> = stray.findings.iter().filter(|finding| finding.code == D19).collect();
    assert_eq!((stray.as_of, found[0].severity, found[0].n_rows), (day("2026-02-10"), Severity::Error, 1));
    assert_eq!(tiny(10).sell_on(A, "2026-03-01", 4).report().as_of, day("2026-01-11"));
    // Too few days to know what is usual, and sales that are rare anyway.
    assert_eq!(tiny(3).sell_on(A, "2026-03-01", 4).report().as_of, day("2026-03-02"));
    let rare = ["2026-01-20", "2026-02-10", "2026-03-01", "2026-03-15", "2026-04-01", "2026-05-20"];
    let rare = rare.iter().fold(Shop::new(), |shop, day| shop.sell_on(A, day, 1));
    assert_eq!(rare.report().as_of, day("2026-05-21"));
    assert!(shop().found(D19).is_empty());
    // A shop that opens again after a long closure is not a typo.
    let reopened = shop().sell_on(A, "2027-01-05", 3);
    let reopened = (6..28).fold(reopened, |shop, idx| shop.sell_on(A, &format!("2027-01-{idx:02}"), 3));
    assert!(reopened.found(D19).is_empty());
    let counted_late = || shop().with(|data| data.inventory = vec![stock(3, Some("2026-12-01"))]);
    assert_eq!(counted_late().found(D19)[0].severity, Severity::Warning);
    // Time travel: later rows are not yet known, and nobody is to blame.
    let mut travel = counted_late();
    travel.settings.as_of = Some(day("2026-03-01"));
    assert!(travel.found(D19).is_empty());
    // The clock tells what has not happened, also where dates alone would not, and a plan of the past is none of it.
    let ahead = |as_of: Option<&str>| {
        let mut shop = shop().sell_on(A, "2026-07-22", 3).sell_on(A, "2026-07-24", 3);
        shop.settings.today = Some(day("2026-07-21"));
        shop.settings.as_of = as_of.map(day);
        shop.report()
    };
    let told = ahead(None);
    let found: Vec<_> = told.findings.iter().filter(|finding| finding.code == D19).collect();
    assert_eq!((told.as_of, found[0].severity, found[0].n_rows), (day("2026-07-23"), Severity::Error, 1));
    let found = ahead(Some("2026-07-21")).findings.into_iter().filter(|finding| finding.code == D19);
    assert_eq!(found.map(|finding| finding.n_rows).collect::<Vec<_>>(), [1]);
    let found = ahead(Some("2026-03-01")).findings.into_iter().filter(|finding| finding.code == D19);
    assert_eq!(found.map(|finding| finding.n_rows).collect::<Vec<_>>(), [1], "a plan of the past knows the clock too");
    let mut travel = shop();
    travel.settings.as_of = Some(day("2026-03-01"));
    travel.settings.today = Some(day("2026-07-21"));
    assert!(travel.found(D19).is_empty(), "what came later was not known then, and is not wrong");
    // A clock that stands before everything is wrong, and counts for nothing.
    let mut early = shop();
    early.settings.today = Some(day("2020-01-01"));
    assert_eq!(early.report().as_of, day("2026-07-20"));
}

#[test]
fn d20_unknown_references() {
    let dangling = Shop::new().with(|data| data.locations[0].calendar = Some("easter".to_owned()));
    insta::assert_snapshot!(dangling.found(D20)[0].message,
        @r#"location S1 names calendar "easter", which no table holds"#);
    let orphan = Shop::new().with(|data| {
        data.facts.orphans = vec![OrphanKey { kind: "item", id: "GHOST".to_owned(), row: row(9) }];
    });
    insta::assert_snapshot!(orphan.found(D20)[0].message,
        @"1 item id is used but not in the table that defines them: GHOST");
    let known = Shop::new().with(|data| {
        data.locations[0].calendar = Some("easter".to_owned());
        data.calendars.insert("easter".to_owned(), Calendar::default());
    });
    assert!(known.found(D20).is_empty());
}

#[test]
fn d21_dates() {
    let shop = |launch: &str, end: &str| {
        let (launch, end) = (Some(day(launch)), Some(day(end)));
        Shop::new().with(|data| (data.items[0].launch, data.items[0].end) = (launch, end))
    };
    insta::assert_snapshot!(shop("2026-05-01", "2026-04-01").found(D21)[0].message,
        @"ends 2026-04-01, before its launch 2026-05-01");
    assert!(shop("2026-04-01", "2026-05-01").found(D21).is_empty());
    let backwards = Shop::new().with(|data| data.promotions = vec![promotion("2026-02-07", "2026-02-01", Some(0.2))]);
    assert_eq!(backwards.found(D21)[0].n_rows, 1);
}

#[test]
fn d22_returns() {
    insta::assert_snapshot!(Shop::new().sell(A, [5, -8, 1, 0, -1]).found(D22)[0].message,
        @"9 units returned but only 6 sold");
    assert!(Shop::new().sell(A, [5, -3, 1, 0, -1]).found(D22).is_empty());
}

#[test]
fn d23_time_zones() {
    let shop = |offsets: &'static [&'static str]| {
        Shop::new().with(|data| data.facts.utc_offsets = offsets.iter().map(|text| ((*text).to_owned(), 5)).collect())
    };
    let found = shop(&["Z", "+08:00"]).found(D23);
    insta::assert_snapshot!(found[0].message,
        @"sales time stamps use several offsets from UTC: Z (5 rows), +08:00 (5 rows)");
    assert_eq!(found[0].severity, Severity::Warning);
    assert_eq!(shop(&["+01:00", "+02:00"]).found(D23)[0].severity, Severity::Info, "summer time");
    assert!(shop(&["+08:00"]).found(D23).is_empty());
}

#[test]
fn d24_category_of_one() {
    let shop = |categories: &[&str]| {
        let items = categories.iter().enumerate().map(|(idx, category)| Item {
            item_id: format!("{idx:02}"),
            category: (*category).to_owned(),
            ..Item::default()
        });
        let items: Vec<Item> = items.collect();
        Shop::new().with(|data| data.items = items)
    };
    let found = shop(&["dairy", "dairy", "bread", "bread", "diary"]).found(D24);
    assert_eq!((found.len(), found[0].severity), (1, Severity::Info));
    assert!(shop(&["dairy", "dairy", "bread", "bread"]).found(D24).is_empty());
    assert!(shop(&["a", "b", "c", "d", "d"]).found(D24).is_empty(), "fine-grained categories are a choice");
}

#[test]
fn d25_promotions() {
    let shop = |depth| {
        Shop::new()
            .sell(A, [1; 10])
            .with(move |data| data.promotions = vec![promotion("2026-01-20", "2026-01-25", depth)])
    };
    insta::assert_snapshot!(shop(None).found(D25)[0].message,
        @"1 promotions have neither depth nor price, 1 of them still to come");
    assert!(shop(Some(0.2)).found(D25).is_empty());
    let priced = shop(None).with(|data| {
        data.prices = vec![PriceRow {
            item: A,
            location: None,
            from: day("2026-01-20"),
            to: Some(day("2026-01-25")),
            price: "0.99".parse().unwrap(),
            row: row(2),
        }];
    });
    assert!(priced.found(D25).is_empty());
}

#[test]
fn scores_follow_the_findings() {
    let report = gone_quiet().report();
    let score = |id: &str| report.scores.iter().find(|score| score.item_id == id).unwrap();
    // A has a phantom-stock warning and known stock, B no finding and unknown stock.
    assert_eq!((score("A").score, score("A").codes.as_slice(), score("A").stock_known), (0.85, &[D07][..], true));
    assert_eq!((score("B").score, score("B").stock_known), (0.8, false));
    assert_eq!(report.table_scores["sales"], 1.0);
    assert_eq!(report.table_scores["inventory"], 0.5);
    assert_eq!(report.worst(), Some(Severity::Warning));
    assert_eq!(report.counts()[&D07], 1);
}

#[test]
fn missing_tables_say_what_they_would_improve() {
    let report = Shop::new().sell(A, noise(60, 0, 3, 5)).report();
    let tables: Vec<&str> = report.missing_tables.iter().map(|missing| missing.table.as_str()).collect();
    assert_eq!(
        tables,
        ["inventory", "open_orders", "sources", "receipts", "items", "stockouts", "promotions", "prices", "events"]
    );
    insta::assert_snapshot!(report.missing_tables[0].improves, @"stock of all 1 item-locations is assumed; with counts an order replaces what is really gone, and stock-outs in the past are seen");
    assert!(report.findings.is_empty(), "sales alone are enough: {:?}", report.findings);
}

#[test]
fn missing_stockouts_are_told_in_periods_of_the_data() {
    // One sale on the first of January, February and April: two of four months, not 87 of 91 days.
    let told = |bucket| {
        let mut shop = Shop::new().sell_on(A, "2026-01-01", 5).sell_on(A, "2026-02-01", 5).sell_on(A, "2026-04-01", 5);
        shop.settings.bucket = bucket;
        let missing = shop.report().missing_tables;
        missing.into_iter().find(|missing| missing.table == "stockouts").unwrap().improves
    };
    assert!(told(Bucket::Day).starts_with("97 % of item-days have no sale"), "{}", told(Bucket::Day));
    assert!(told(Bucket::Week).starts_with("79 % of item-weeks have no sale"), "{}", told(Bucket::Week));
    assert!(told(Bucket::Month).starts_with("25 % of item-months have no sale"), "{}", told(Bucket::Month));
}

#[test]
fn a_cost_on_a_receipt_or_lane_is_a_known_cost() {
    let cost = || Some("1.50".parse::<Money>().unwrap());
    let asks_for_cost = |shop: Shop| shop.report().missing_tables.iter().any(|missing| missing.table == "items");
    let shop = || Shop::new().sell(A, [1; 10]);
    assert!(asks_for_cost(shop()));
    let received = ReceiptRow { unit_cost: cost(), ..receipt("2026-01-02", 3) };
    assert!(!asks_for_cost(shop().with(|data| data.receipts = vec![received])));
    assert!(!asks_for_cost(shop().with(|data| data.sources = vec![SourceRow { unit_cost: cost(), ..lane() }])));
}

#[test]
fn an_empty_dataset_is_no_reason_to_fail() {
    let report = check(&Dataset::default(), &PlanSettings::default());
    assert!(report.findings.is_empty() && report.scores.is_empty() && report.table_scores.is_empty());
}

#[test]
fn the_report_round_trips_through_json() {
    let report = gone_quiet().report();
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<HealthReport>(&json).unwrap(), report);
}
