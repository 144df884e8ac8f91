//! Every kind of business that `restock init` starts: it plans, reports, plays its past, and keeps what it promises.

#[allow(dead_code, reason = "no test crate uses all of it")]
mod common;

use std::collections::BTreeMap;
use std::path::Path;

use common::{json, stdout};
use serde_json::Value;

const AS_OF: &str = "2026-03-02";

/// A project made from a template, with its plan.
struct Business {
    dir: tempfile::TempDir,
    plan: Value,
}

impl Business {
    fn new(template: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        stdout(dir.path(), &["init", "p", "--template", template, "--as-of", AS_OF]);
        let plan = json(dir.path(), &["plan", "p", "--json"]);
        let report = std::fs::read_to_string(dir.path().join("p/out/report.html")).unwrap();
        assert!(report.contains("<html"), "{template} has a report");
        for finding in plan["findings"].as_array().unwrap() {
            let (code, severity) = (finding["code"].as_str().unwrap(), finding["severity"].as_str().unwrap());
            assert_ne!(severity, "error", "{template}: {finding}");
            assert!(!["D15", "D17", "D26"].contains(&code), "{template}: {finding}");
        }
        Self { dir, plan }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn line(&self, item: &str, location: &str) -> &Value {
        let lines = self.plan["lines"].as_array().unwrap();
        let is_it = |line: &&Value| line["item_id"] == item && line["location_id"] == location;
        lines.iter().find(is_it).unwrap_or_else(|| panic!("{item}@{location} is not planned"))
    }

    fn explain(&self, line: &str) -> Value {
        json(self.path(), &["explain", line, "p", "--json"])["line"].clone()
    }

    /// The key figures of the plan's own policies, played over the past.
    fn backtest(&self, model: &str) -> Value {
        let report = json(self.path(), &["backtest", "p", "--policies", "configured", "--model", model, "--json"]);
        assert!(self.path().join("p/out/backtest.html").is_file());
        let policies = report["policies"].as_array().unwrap();
        let mut played = policies.iter().find(|policy| policy["policy"] == "configured").unwrap().clone();
        played["n_days"] = report["n_periods"].clone();
        let shop_rule = policies.iter().find(|policy| policy["policy"] == "shop_rule").unwrap();
        played["shop_rule"] = shop_rule["kpis"].clone();
        played
    }
}

fn number(value: &Value) -> f64 {
    match value {
        Value::String(text) => text.parse().unwrap(),
        value => value.as_f64().unwrap_or_else(|| panic!("{value} is no number")),
    }
}

/// What an order is for, by item, from the first line of its waterfall.
fn used_for(detail: &Value) -> BTreeMap<String, f64> {
    let evidence = detail["explanation"]["waterfall"][0]["evidence"].as_array().unwrap();
    let parts = evidence.iter().filter_map(|pair| {
        let name = pair[0].as_str().unwrap().strip_prefix("used for ")?;
        Some((name.to_owned(), number(&pair[1])))
    });
    parts.collect()
}

/// Ingredients are what guests are expected to order times what recipes take, sub-recipes included, and waste stays below
/// 3 % of what is bought, and 6 % of its value.
#[test]
fn a_restaurant_buys_what_its_menu_takes() {
    let restaurant = Business::new("restaurant");
    let mut wanted: BTreeMap<&str, Vec<(String, f64)>> = BTreeMap::new();
    for dish in ["LASAGNE", "PIZZA-MARGHERITA", "PENNE-POMODORO", "SALMON-CREAM", "PANNA-COTTA"] {
        let detail = restaurant.explain(&format!("{dish}@KITCHEN"));
        assert_eq!(detail["line"]["note"], "made when it is sold; its components are ordered");
        let days = detail["forecast"].as_array().unwrap().iter();
        let days = days.map(|day| (day["day"].as_str().unwrap().to_owned(), number(&day["mean"])));
        wanted.insert(dish, days.collect());
    }
    // By hand, per dish. A litre of sauce takes 1.2 kg of cleaned tomatoes, of which 10 % are peel and 2 % spoilt.
    let tomatoes_per_litre = 1.2 / (0.90 * 0.98);
    let bechamel_of_lasagne = 0.15 / 0.97;
    let by_hand: [(&str, &[(&str, f64)]); 7] = [
        (
            "TOMATO",
            &[
                ("LASAGNE", 0.18 * tomatoes_per_litre),
                ("PIZZA-MARGHERITA", 0.09 * tomatoes_per_litre),
                ("PENNE-POMODORO", 0.20 * tomatoes_per_litre),
            ],
        ),
        (
            "ONION",
            &[
                ("LASAGNE", 0.18 * 0.15 / 0.88),
                ("PIZZA-MARGHERITA", 0.09 * 0.15 / 0.88),
                ("PENNE-POMODORO", 0.20 * 0.15 / 0.88),
            ],
        ),
        ("MILK", &[("LASAGNE", bechamel_of_lasagne * 0.9), ("PANNA-COTTA", 0.04)]),
        ("BUTTER", &[("LASAGNE", bechamel_of_lasagne * 0.08), ("SALMON-CREAM", 0.015)]),
        ("MINCE", &[("LASAGNE", 0.14 / 0.95)]),
        ("SALMON", &[("SALMON-CREAM", 0.18 / 0.88)]),
        ("BASIL", &[("PIZZA-MARGHERITA", 0.1 / 0.8), ("PENNE-POMODORO", 0.15 / 0.8)]),
    ];
    for (ingredient, parts) in by_hand {
        let detail = restaurant.explain(&format!("{ingredient}@KITCHEN"));
        let until = detail["protection_until"].as_str().unwrap();
        let expected = |dish: &str| -> f64 {
            wanted[dish].iter().filter(|(day, _)| day.as_str() <= until).map(|(_, mean)| mean).sum()
        };
        let told = used_for(&detail);
        assert_eq!(told.len(), parts.len(), "{ingredient} is used for {told:?}");
        let mut sum = 0.0;
        for (dish, per_dish) in parts {
            let by_hand = expected(dish) * per_dish;
            sum += by_hand;
            // Paths meet the mean of their forecast within 1 %, and parts are told to a tenth of the smallest unit.
            assert!(
                (told[*dish] - by_hand).abs() <= 0.015 * by_hand + 0.05,
                "{ingredient}: {told:?}, {dish} {by_hand} by hand"
            );
        }
        let planned = number(&detail["line"]["expected_demand"]);
        assert!((planned - sum).abs() <= 0.012 * sum, "{ingredient}: {planned} planned, {sum} by hand");
    }
    let bought: Vec<&str> =
        restaurant.plan["proposals"].as_array().unwrap().iter().map(|line| line["item_id"].as_str().unwrap()).collect();
    assert!(bought.iter().all(|item| !wanted.contains_key(item)), "no dish is bought: {bought:?}");
    // Tonight's order has a cut-off.
    let groups = restaurant.plan["order_groups"].as_array().unwrap();
    assert!(groups.iter().any(|group| group["cut_off"] == "22:00"), "{groups:?}");

    let played = restaurant.backtest("ses");
    let kpis = &played["kpis"];
    assert!(played["n_item_locations"].as_u64().unwrap() >= 13, "ingredients are replayed: {played}");
    assert!(number(&kpis["waste_rate"]) < 0.03, "waste {}", kpis["waste_rate"]);
    let days = number(&played["n_days"]);
    let used = number(&kpis["turns"]) * number(&kpis["mean_stock_value"]) * days / 365.0;
    let wasted = number(&kpis["waste_value"]);
    assert!(wasted < 0.06 * used, "{wasted} wasted of what cost {used}");
    assert!(number(&kpis["fill_rate"]) > 0.97, "served {}", kpis["fill_rate"]);
}

/// Parts follow what is built, machine by machine and through assemblies, with scrap.
#[test]
fn a_factory_buys_parts_for_its_build_plan() {
    let factory = Business::new("manufacturing");
    for item in ["CART-200", "RACK-5"] {
        let line = factory.line(item, "WAREHOUSE");
        assert_eq!(
            line["source"]["LocationId"].as_str().or(line["source"]["location_id"].as_str()),
            Some("PLANT"),
            "{line}"
        );
    }
    // What one cart takes, by hand. Steel comes on one day with one lead time, and fasteners on another.
    let steel = [("TUBE-40", 4.5 / (0.96 * 0.99)), ("SHEET-2MM", 0.75 / 0.92)];
    let fasteners = [
        ("BOLT-M8", 24.0 / 0.98 + 8.0 / 0.98),
        ("TYRE-160", 4.0),
        ("BEARING-6204", 8.0 / 0.99),
        ("SEAL-32", 8.0 / 0.95),
    ];
    for group in [&steel[..], &fasteners[..]] {
        let mut built: Vec<f64> = Vec::new();
        for (part, per_cart) in group {
            let detail = factory.explain(&format!("{part}@PLANT"));
            assert_eq!(detail["explanation"]["unmet_waits"], true, "a build order waits for {part}");
            let told = used_for(&detail);
            let sum: f64 = told.values().sum();
            assert!((sum - number(&detail["explanation"]["waterfall"][0]["value"])).abs() < 1e-6, "{part}: {told:?}");
            built.push(told["CART-200"] / per_cart);
        }
        // The same number of carts, to the tenth of a unit that parts are told to.
        let (least, most) = (built.iter().copied().fold(f64::MAX, f64::min), built.iter().copied().fold(0.0, f64::max));
        assert!(least > 5.0 && most - least < 0.15, "carts built: {built:?}");
    }
    // The order of now, and what the warehouse orders later: at most the 3.2 a day that are sold, and a lot.
    let now = number(&factory.line("CART-200", "WAREHOUSE")["quantity"]);
    let tyres = factory.explain("TYRE-160@PLANT");
    let built = used_for(&tyres)["CART-200"] / 4.0;
    let until: restock_core::Day = tyres["protection_until"].as_str().unwrap().parse().unwrap();
    let days = f64::from(until.0 - tyres["as_of"].as_str().unwrap().parse::<restock_core::Day>().unwrap().0 + 1);
    assert!(now > 0.0 && built > now - 0.1, "{built} carts are built, {now} are ordered now");
    assert!(built < now + 1.2 * 3.2 * days + 5.0, "{built} carts are built in {days} days, {now} are ordered now");

    let kpis = &factory.backtest("ses")["kpis"];
    assert!(number(&kpis["fill_rate"]) > 0.95, "served {}", kpis["fill_rate"]);
}

/// A set is packed of what is sold by itself too: both are wanted of one stock.
#[test]
fn a_web_shop_sells_mugs_alone_and_in_sets() {
    let shop = Business::new("ecommerce");
    let detail = shop.explain("MUG-01@WEB");
    let of_sets = used_for(&detail)["GIFT-SET"];
    let evidence = detail["explanation"]["waterfall"][0]["evidence"].as_array().unwrap();
    let alone = number(&evidence.iter().find(|pair| pair[0] == "sold_as_it_is").unwrap()[1]);
    let expected = number(&detail["explanation"]["waterfall"][0]["value"]);
    assert!((of_sets + alone - expected).abs() < 1e-6, "{of_sets} in sets and {alone} alone of {expected}");
    // Some 1.2 sets and 4 mugs a day.
    assert!((0.1..0.5).contains(&(of_sets / expected)), "{of_sets} of {expected}");
}

/// The tank is never filled beyond what it holds, and does not run dry.
#[test]
fn a_tank_neither_overflows_nor_runs_dry() {
    let station = Business::new("energy");
    let line = station.line("DIESEL", "STATION-1");
    let level = number(&line["position"]) + number(&line["quantity"]);
    assert!(level <= 19_000.0, "{line}");
    let args = ["simulate", "p", "--model", "ses", "--paths", "50", "--days", "56", "--out", "sim", "--json"];
    let report = json(station.path(), &args);
    let lines = report["scenarios"][0]["lines"].as_array().unwrap();
    let diesel = lines.iter().find(|line| line["item_id"] == "DIESEL").unwrap();
    assert!(number(&diesel["fill_rate"]) > 0.999, "{diesel}");
    station.backtest("ses");
}

/// Parts that stop a machine are there although they are hardly ever asked for.
#[test]
fn critical_spares_are_held() {
    let depot = Business::new("spare-parts");
    for item in ["PUMP-SEAL", "GEARBOX-2", "CTRL-BOARD"] {
        assert!(number(&depot.line(item, "DEPOT")["target_level"]) >= 1.0, "{item}: {}", depot.line(item, "DEPOT"));
    }
    let args = ["--policies", "configured", "--model", "tsb", "--json"];
    let report = json(depot.path(), &[&["backtest", "p"][..], &args[..]].concat());
    assert!(number(&report["policies"][0]["kpis"]["fill_rate"]) > 0.9, "{}", report["policies"][0]);
}

/// One order covers the season, no more than the variety sells before it ends and than the store for dangerous goods holds.
#[test]
fn a_season_is_bought_once_and_within_its_limits() {
    let farm = Business::new("agriculture");
    let seed = farm.line("MAIZE-SEED", "FARM-STORE");
    assert!(number(&seed["quantity"]) > 0.0, "the season begins in a few weeks: {seed}");
    let herbicide = farm.line("HERBICIDE-5L", "FARM-STORE");
    assert!(number(&herbicide["position"]) <= 160.0 || number(&herbicide["quantity"]) == 0.0, "{herbicide}");
    assert!(number(&herbicide["position"]) + number(&herbicide["quantity"]) <= 160.0, "{herbicide}");
    // Until the variety ends: some 0.97 · 6 bags · 18 · sqrt(2π) days in the season and 0.03 · 6 a day all the time.
    let covered = number(&seed["position"]) + number(&seed["quantity"]);
    let season = 0.97 * 6.0 * 18.0 * (2.0 * std::f64::consts::PI).sqrt() + 0.03 * 6.0 * 135.0;
    assert!((0.7..1.4).contains(&(covered / season)), "{covered} bags for a season of {season}");
    // Last season, with the one before it to learn from: no worse than the shop's rule, at less than half its cost.
    let played = farm.backtest("auto");
    let (kpis, rule) = (&played["kpis"], &played["shop_rule"]);
    assert!(number(&kpis["fill_rate"]) > 0.8, "served {}", kpis["fill_rate"]);
    assert!(number(&kpis["cost"]) < 0.5 * number(&rule["cost"]), "{} and {} by the rule", kpis["cost"], rule["cost"]);
}

#[test]
fn garages_plan_for_school_days() {
    let garages = Business::new("transport");
    let detail = garages.explain("ADBLUE@GARAGE-N");
    assert!(number(&detail["line"]["demand_per_day"]) > 50.0, "{}", detail["line"]);
    garages.backtest("ses");
}

/// Stores order each day what a leaflet will sell, in cases that fit the shelf, grouped by supplier and cut-off.
#[test]
fn a_shop_orders_cases_for_its_leaflet() {
    let shop = Business::new("retail");
    let groups = shop.plan["order_groups"].as_array().unwrap();
    let dairy = groups.iter().find(|group| group["source"]["supplier_id"] == "DAIRY").expect("milk is ordered today");
    assert_eq!((&dairy["order_by"], &dairy["cut_off"]), (&AS_OF.into(), &"10:00".into()));
    let pack = BTreeMap::from([
        ("MILK-1L", 12.0),
        ("YOG-500", 6.0),
        ("BUTTER-250", 10.0),
        ("RICE-1KG", 8.0),
        ("COFFEE-500", 6.0),
        ("CANDLE", 24.0),
    ]);
    for proposal in shop.plan["proposals"].as_array().unwrap() {
        let cases = number(&proposal["quantity"]) / pack[proposal["item_id"].as_str().unwrap()];
        assert!(cases > 0.0 && cases.fract() == 0.0, "{proposal}");
    }
    for (item, store, display, capacity) in [("MILK-1L", "S01", 12.0, 180.0), ("COFFEE-500", "S02", 4.0, 48.0)] {
        let line = shop.line(item, store);
        let level = number(&line["position"]) + number(&line["quantity"]);
        let until_arrival = number(&line["demand_per_day"]) * (number(&line["lead_time_days"]) + 1.0);
        assert!((display..=capacity + until_arrival).contains(&level), "{line}");
    }
    // The leaflet begins in five days: goods that take five days are ordered for it, and for no more without it.
    let expected = |plan: &Value| -> f64 {
        let lines = plan["lines"].as_array().unwrap().iter();
        lines.filter(|line| line["item_id"] == "RICE-1KG").map(|line| number(&line["expected_demand"])).sum()
    };
    let with = expected(&shop.plan);
    let promotions = shop.path().join("p/data/promotions.csv");
    let known = std::fs::read_to_string(&promotions).unwrap();
    let past: Vec<&str> = known.lines().filter(|line| !line.starts_with("LEAFLET-3")).collect();
    assert_eq!(past.len(), 4, "{known}");
    std::fs::write(&promotions, past.join("\n")).unwrap();
    let without = expected(&json(shop.path(), &["plan", "p", "--json"]));
    assert!(with > 1.2 * without, "{with} with the leaflet, {without} without");
    std::fs::write(&promotions, known).unwrap();
    // Of the past: better served than by the rule of thumb for the money.
    let played = shop.backtest("auto");
    let (kpis, rule) = (&played["kpis"], &played["shop_rule"]);
    assert!(number(&kpis["in_stock"]) > 0.95 && number(&kpis["fill_rate"]) > 0.95, "{kpis}");
    assert!(number(&kpis["cost"]) < number(&rule["cost"]), "{} and {} by the rule", kpis["cost"], rule["cost"]);
}

/// Months of stock follow what goes out, orders stay within their bounds, and a lot that expires before it is used is no stock.
#[test]
fn a_hospital_counts_in_months_and_lots() {
    let hospital = Business::new("medical");
    let usual =
        [("OXYTOCIN-10", 5.0, 10.0), ("AMOX-500", 60.0, 100.0), ("GLOVES-M", 80.0, 50.0), ("SYR-5ML", 35.0, 100.0)];
    for (item, mean, pack) in usual {
        for (ward, share) in [("WARD-A", 1.0), ("WARD-B", 0.7)] {
            let line = hospital.line(item, ward);
            let monthly = number(&line["monthly_consumption"]);
            let by_hand = mean * share * 30.0;
            assert!((0.92..1.08).contains(&(monthly / by_hand)), "{monthly} a month, {by_hand} by hand: {line}");
            let months = number(&line["on_hand"]) / monthly;
            assert!((number(&line["months_of_stock"]) - months).abs() < 0.006, "{line}");
            // On the shelf when the order arrives, to the packs of it and the days of the week; what is missing until then is
            // lost and not ordered.
            let until_then = number(&line["demand_per_day"]) * number(&line["lead_time_days"]);
            let left = (number(&line["position"]) - until_then).max(0.0);
            let after = (left + number(&line["quantity"])) / monthly;
            assert!((0.4..=3.1 + pack / monthly).contains(&after), "{after} months after the order: {line}");
        }
    }
    let summary = &hospital.plan["summary"]["stocked_to_plan"];
    assert_eq!(summary[0], 10, "{summary}");
    let status = std::fs::read_to_string(hospital.path().join("p/out/stock_status.csv")).unwrap();
    let to_plan = status.lines().filter(|line| line.contains(",stocked_to_plan,")).count();
    assert_eq!((status.lines().count(), Some(to_plan as u64)), (11, summary[1].as_u64()), "{status}");
    // Vital items are held for a higher target than others.
    for (item, target) in [("OXYTOCIN-10", "0.995"), ("AMOX-500", "0.97")] {
        let waterfall = hospital.explain(&format!("{item}@WARD-A"))["explanation"]["waterfall"].clone();
        let buffer = waterfall.as_array().unwrap().iter().find(|line| line["code"] == "UNCERTAINTY_BUFFER").unwrap();
        let evidence = buffer["evidence"].as_array().unwrap();
        assert!(evidence.contains(&serde_json::json!(["target", target])), "{item}: {evidence:?}");
    }
    // Four hundred ampoules last eighty days, unless they expire in ten.
    let inventory = hospital.path().join("p/data/inventory.csv");
    let known = std::fs::read_to_string(&inventory).unwrap();
    let with_lot = |expiry: &str| {
        let others = known.lines().filter(|line| !line.starts_with("OXYTOCIN-10,WARD-A"));
        let lot = format!("OXYTOCIN-10,WARD-A,400,2026-03-01,LOT-9,{expiry}");
        let rows: Vec<&str> = others.chain([lot.as_str()]).collect();
        std::fs::write(&inventory, rows.join("\n")).unwrap();
        let plan = json(hospital.path(), &["plan", "p", "--json"]);
        let is_it = |row: &&Value| row["item_id"] == "OXYTOCIN-10" && row["location_id"] == "WARD-A";
        let line = plan["lines"].as_array().unwrap().iter().find(is_it).unwrap().clone();
        let exceptions = plan["exceptions"].as_array().unwrap().iter().filter(is_it);
        let codes: Vec<String> = exceptions.map(|one| one["code"].as_str().unwrap().to_owned()).collect();
        (number(&line["quantity"]), codes)
    };
    let (fresh, codes) = with_lot("2027-06-30");
    assert!(fresh == 0.0 && !codes.contains(&"EXPIRY_RISK".to_owned()), "{fresh} {codes:?}");
    let (expiring, codes) = with_lot("2026-03-12");
    assert!(expiring > 0.0 && codes.contains(&"EXPIRY_RISK".to_owned()), "{expiring} {codes:?}");
}

/// No word of retail is needed: cash in machines is an item with a capacity and a cost of each refill.
#[test]
fn a_blank_project_fills_cash_machines() {
    let dir = tempfile::tempdir().unwrap();
    stdout(dir.path(), &["init", "p", "--template", "blank"]);
    let settings = dir.path().join("p/restock.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    let economics = "[objective]\nmode = \"economics\"\norder_cost = 60.0\ncarrying_cost_per_year = 0.05\n";
    let head = text.split("[objective]").next().unwrap();
    std::fs::write(&settings, format!("{head}{economics}")).unwrap();
    // Notes of 50 in hundreds; Fridays take twice as much. A note that is missing costs a fee.
    let mut withdrawals = "date,location_id,item_id,quantity\n".to_owned();
    let first: restock_core::Day = "2025-09-01".parse().unwrap();
    for (machine, mean) in [("ATM-STATION", 240), ("ATM-MALL", 150)] {
        for day in (0..182).map(|idx| first.plus(idx)) {
            let wave = i64::from((day.0 * 37 + mean) % 41) - 20;
            let notes = if day.weekday_idx() == 4 { 2 * mean as i64 } else { mean as i64 } + wave;
            withdrawals.push_str(&format!("{day},{machine},NOTE-50,{notes}\n"));
        }
    }
    let table = |name: &str, text: &str| std::fs::write(dir.path().join("p/data").join(name), text).unwrap();
    table("sales.csv", &withdrawals);
    table("items.csv", "item_id,name,base_uom,unit_cost,price\nNOTE-50,Note of 50,note,50,50.75\n");
    table("item_locations.csv", "item_id,location_id,max_stock\nNOTE-50,ATM-STATION,2500\nNOTE-50,ATM-MALL,2000\n");
    table("inventory.csv", "item_id,location_id,on_hand\nNOTE-50,ATM-STATION,300\nNOTE-50,ATM-MALL,1500\n");
    table("sources.csv", "item_id,to_location,supplier_id,lead_time_days,pack_size\nNOTE-50,,BANK,1,100\n");
    table("suppliers.csv", "supplier_id,name,order_days\nBANK,Cash centre,mon tue wed thu fri\n");
    let plan = json(dir.path(), &["plan", "p", "--json"]);
    let line = |machine: &str| {
        let lines = plan["lines"].as_array().unwrap();
        lines.iter().find(|line| line["location_id"] == machine).unwrap().clone()
    };
    let station = line("ATM-STATION");
    let (level, quantity) = (number(&station["position"]) + number(&station["quantity"]), number(&station["quantity"]));
    assert!(quantity >= 700.0 && quantity % 100.0 == 0.0 && level <= 2500.0, "a refill pays for days: {station}");
    assert_eq!(number(&line("ATM-MALL")["quantity"]), 0.0, "{}", line("ATM-MALL"));
    let report = json(dir.path(), &["backtest", "p", "--policies", "configured", "--model", "ses", "--json"]);
    let kpis = &report["policies"][0]["kpis"];
    assert!(number(&kpis["fill_rate"]) > 0.97, "{kpis}");
}
