//! Checks that depend on what the reader hands over, from files to findings.

use std::path::Path;
use std::process::Command;

/// Findings of a code that `restock check` makes of some files: item, severity and message of each.
fn findings(code: &str, files: &[(&str, &str)]) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in files {
        std::fs::write(dir.path().join(name), content).unwrap();
    }
    let report = check(dir.path());
    let found = report["findings"].as_array().unwrap().iter().filter(|finding| finding["code"] == code);
    found
        .map(|finding| {
            let text = |key: &str| finding[key].as_str().unwrap_or("-");
            format!("{} {}: {}", text("item_id"), text("severity"), text("message"))
        })
        .collect()
}

fn check(dir: &Path) -> serde_json::Value {
    let output = Command::new(env!("CARGO_BIN_EXE_restock"))
        .args(["check", ".", "--json", "--fail-on", "never"])
        .current_dir(dir)
        .env_clear()
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Four weeks of five a day; `column` is a further cell of each day.
fn sold(header: &str, column: impl Fn(u32) -> String) -> String {
    let rows = (1..=28).map(|day| format!("2026-02-{day:02},A,5{}\n", column(day)));
    format!("date,item_id,quantity{header}\n{}", rows.collect::<String>())
}

#[test]
fn d08_sales_without_stock() {
    let plain = sold("", |_| String::new());
    let stockouts = |from: u32, to: u32| format!("item_id,from,to\nA,2026-02-{from:02},2026-02-{to:02}\n");
    // The first and the last day of a stock-out may sell.
    let long = stockouts(10, 16);
    let found = findings("D08", &[("sales.csv", &plain), ("stockouts.csv", &long)]);
    assert_eq!(found, ["A warning: 25 units sold on 5 days without stock, first 2026-02-11"]);
    let short = stockouts(10, 11);
    assert_eq!(findings("D08", &[("sales.csv", &plain), ("stockouts.csv", &short)]), [""; 0]);

    let counts: String = (1..=28).map(|day| format!("A,0,2026-02-{day:02}\n")).collect();
    let counts = format!("item_id,on_hand,as_of\n{counts}");
    let found = findings("D08", &[("sales.csv", &plain), ("inventory.csv", &counts)]);
    assert_eq!(found, ["A warning: 130 units sold on 26 days without stock, first 2026-02-02"]);
    let counts = counts.replace("A,0,", "A,3,");
    assert_eq!(findings("D08", &[("sales.csv", &plain), ("inventory.csv", &counts)]), [""; 0]);

    let share =
        |share: &'static str| sold(",stockout_share", move |day| format!(",{}", if day > 20 { share } else { "0" }));
    let found = findings("D08", &[("sales.csv", &share("1"))]);
    assert_eq!(found, ["A warning: 40 units sold on 8 days without stock, first 2026-02-21"]);
    assert_eq!(findings("D08", &[("sales.csv", &share("0.5"))]), [""; 0]);
}

#[test]
fn d22_more_returned_than_sold() {
    let returned = "date,item_id,quantity\n2026-02-01,A,2\n2026-02-02,A,-5\n2026-02-02,B,4\n2026-02-03,B,-4\n";
    let found = findings("D22", &[("sales.csv", returned)]);
    assert_eq!(found, ["A warning: 5 units returned but only 2 sold"]);
    // The same by a column that marks returns.
    let marked = "date,item_id,quantity,is_return\n2026-02-01,A,2,0\n2026-02-02,A,5,1\n2026-02-02,B,4,0\n";
    assert_eq!(findings("D22", &[("sales.csv", marked)]), found);
    let fewer = returned.replace("A,-5", "A,-2");
    assert_eq!(findings("D22", &[("sales.csv", &fewer)]), [""; 0]);
}

#[test]
fn d23_time_zones() {
    let at = |zones: [&str; 2]| {
        let rows = (1..=20).map(|day| format!("2026-02-{day:02}T23:30:00{},A,5\n", zones[(day % 2) as usize]));
        format!("timestamp,item_id,quantity\n{}", rows.collect::<String>())
    };
    let found = findings("D23", &[("sales.csv", &at(["Z", "+08:00"]))]);
    assert_eq!(found, ["- warning: sales time stamps use several offsets from UTC: +08:00 (10 rows), Z (10 rows)"]);
    let summer = findings("D23", &[("sales.csv", &at(["+01:00", "+02:00"]))]);
    assert!(summer.len() == 1 && summer[0].starts_with("- info"), "{summer:?}");
    assert_eq!(findings("D23", &[("sales.csv", &at(["+08:00", "+08:00"]))]), [""; 0]);
    assert_eq!(findings("D23", &[("sales.csv", &at(["", ""]))]), [""; 0]);
}

#[test]
fn d24_category_of_one() {
    let sales: String = ["A", "B", "C", "D", "E"].map(|item| format!("2026-02-01,{item},1\n")).concat();
    let sales = format!("date,item_id,quantity\n{sales}");
    let items = |last: &str| format!("item_id,category\nA,dairy\nB,dairy\nC,bread\nD,bread\nE,{last}\n");
    let found = findings("D24", &[("sales.csv", &sales), ("items.csv", &items("diary"))]);
    assert_eq!(found, ["E info: the only item of category \"diary\": a typo, or no siblings to learn from"]);
    assert_eq!(findings("D24", &[("sales.csv", &sales), ("items.csv", &items("dairy"))]), [""; 0]);
    assert_eq!(findings("D24", &[("sales.csv", &sales), ("items.csv", &items(""))]), [""; 0]);
}

/// A plan made from stale counts, or around rows dated in the future, says so before it lists any order.
#[test]
fn a_plan_tells_stale_stock_and_future_rows() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut sales = "date,item,quantity\n".to_owned();
    for day in 1..=28 {
        sales.push_str(&format!("2026-01-{day:02},tea,{}\n", 1 + day % 5));
    }
    sales.push_str("2026-11-03,tea,4\n");
    std::fs::write(dir.path().join("sales.csv"), sales).expect("a file");
    std::fs::write(dir.path().join("inventory.csv"), "item,on_hand,as_of\ntea,20,2026-01-05\n").expect("a file");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_restock"))
        .args(["plan", ".", "--dry-run"])
        .current_dir(dir.path())
        .env_clear()
        .output()
        .expect("the binary runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(text.contains("for the morning of 2026-01-29"), "{text}");
    let told = text.split("Correct in the data first").nth(1).unwrap_or_else(|| panic!("{text}"));
    assert!(told.contains("newest stock count is 23 days older than the newest sales"), "{text}");
    assert!(told.contains("1 sales row is dated on or after 2026-01-29, up to 2026-11-03, and not used"), "{text}");
}

/// What a store does with the count list: print it, fill it in, and put it with the data.
#[test]
fn a_count_sheet_becomes_data() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    // B sells on to the end, A stopped three weeks before.
    let mut sales = String::from("date,item_id,quantity\n");
    for day in 0..80 {
        let date = format!("2026-{:02}-{:02}", 1 + day / 28, 1 + day % 28);
        if day < 60 {
            sales.push_str(&format!("{date},A,3\n"));
        }
        sales.push_str(&format!("{date},B,2\n"));
    }
    write("sales.csv", &sales);
    write("inventory.csv", "item_id,on_hand\nA,12\nB,40\n");
    write("items.csv", "item_id,item_name,unit_cost,price\nA,\"Tea, green\",1.50,2.50\nB,Salt,1,2\n");
    let run = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_restock"))
            .args(["check", "."])
            .args(args)
            .args(["--fail-on", "never"])
            .current_dir(dir.path())
            .env_clear()
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let list = |text: &str| serde_json::from_str::<Vec<serde_json::Value>>(text).unwrap();
    let sheet = dir.path().join("count_list.csv");
    let listed = list(&run(&["--counts", "--out", "count_list.csv", "--json"]));
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0]["item_id"].as_str(), listed[0]["recorded"].as_str()), (Some("A"), Some("12")));
    let text = std::fs::read_to_string(&sheet).unwrap();
    let rows: Vec<&str> = text.lines().collect();
    assert_eq!(
        rows[0],
        "rank,item_id,item_name,location_id,recorded,recorded_on,on_hand,as_of,probability_empty,saving,reason"
    );
    assert!(
        rows[1].starts_with("1,A,\"Tea, green\",") && rows[1].contains(",12,2026-03-24,,2026-03-24,"),
        "{}",
        rows[1]
    );
    // As it was printed it says nothing new.
    assert_eq!(list(&run(&["--counts", "--json"])), listed);
    assert_eq!(check(dir.path())["n_row_errors"], 0);
    // Counted: nothing was there, and the record of that day no longer counts.
    std::fs::write(&sheet, text.replace(",12,2026-03-24,,", ",12,2026-03-24,0,")).unwrap();
    assert_eq!(list(&run(&["--counts", "--json"])), listed[..0]);
    // Nothing that was counted is overwritten.
    let again = Command::new(env!("CARGO_BIN_EXE_restock"))
        .args(["check", ".", "--counts", "--out", "count_list.csv"])
        .current_dir(dir.path())
        .env_clear()
        .output()
        .unwrap();
    assert!(!again.status.success() && std::fs::read_to_string(&sheet).unwrap().contains(",12,2026-03-24,0,"));
    let told = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(told.contains("has counts filled in and is not overwritten"), "{told}");
    let report = check(dir.path());
    let notes = report["notes"].to_string();
    assert!(notes.contains("1 stock records are replaced by counts"), "{notes}");
}
