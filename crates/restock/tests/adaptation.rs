//! A project learns from its own decisions: outcomes are judged, quantiles recalibrated, changes of demand found, edits scored.

#[allow(dead_code)]
mod common;

use std::fmt::Write;
use std::path::Path;

use common::{json, refused, stdout};
use restock_core::Day;
use serde_json::Value;

const N_ITEMS: usize = 12;

fn day(idx: i32) -> Day {
    "2026-01-01".parse::<Day>().unwrap().plus(idx)
}

/// Sales of `n_days`: every item sells 6 to 15 a day in an order that looks like chance, item-00 three times that from day
/// 120 on.
fn write_sales(dir: &Path, n_days: i32) {
    let mut text = "date,item,location,quantity,price\n".to_owned();
    for idx in 0..n_days {
        for item in 0..N_ITEMS {
            let mixed = ((idx as usize * 97 + item * 31) * 2_654_435_761) >> 7;
            let usual = 6 + mixed % 10;
            let sold = if item == 0 && idx >= 120 { 3 * usual } else { usual };
            writeln!(text, "{},item-{item:02},main,{sold},4.00", day(idx)).unwrap();
        }
    }
    std::fs::write(dir.join("shop/data/sales.csv"), text).unwrap();
}

/// The same, with item-00 growing by 5 % a day from day 100 on.
fn write_growing_sales(dir: &Path, n_days: i32) {
    write_sales(dir, n_days);
    let path = dir.join("shop/data/sales.csv");
    let mut text = "date,item,location,quantity,price\n".to_owned();
    for line in std::fs::read_to_string(&path).unwrap().lines().skip(1) {
        let mut fields: Vec<String> = line.split(',').map(str::to_owned).collect();
        if fields[1] == "item-00" {
            let idx = fields[0].parse::<Day>().unwrap().0 - day(0).0;
            fields[3] = (10.0 * 1.05_f64.powi((idx - 100).max(0))).round().to_string();
        }
        writeln!(text, "{}", fields.join(",")).unwrap();
    }
    std::fs::write(path, text).unwrap();
}

fn shop(dir: &Path) {
    std::fs::create_dir_all(dir.join("shop/data")).unwrap();
    std::fs::write(
        dir.join("shop/restock.toml"),
        "[forecast]\nmodel = \"weighted_quantiles\"\n[planning]\ndefault_lead_time_days = 2\ndefault_review_days = 1\n",
    )
    .unwrap();
    let mut items = "item,unit_cost\n".to_owned();
    (0..N_ITEMS).for_each(|item| writeln!(items, "item-{item:02},2.50").unwrap());
    std::fs::write(dir.join("shop/data/items.csv"), items).unwrap();
}

fn plan(dir: &Path) -> Value {
    json(dir, &["plan", "--project", "shop", "--json"])
}

fn outcomes(dir: &Path) -> Value {
    json(dir, &["model", "outcomes", "--project", "shop", "--json"])
}

#[test]
fn outcomes_judge_decisions_day_by_day() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    shop(dir);
    write_sales(dir, 90);
    insta::assert_snapshot!(refused(dir, &["model", "outcomes", "--project", "shop"]), @r"
    error: nothing was judged yet: there is no project, or no plan of it was made

    hint: the first `restock plan` of each day, or a server, keeps its decisions until outcomes tell
    ");
    let mut spiked = None;
    for n_days in 90..150 {
        write_sales(dir, n_days);
        let planned = plan(dir);
        assert_eq!(planned["as_of"], day(n_days).to_string());
        let of_item = |exception: &&Value| {
            let is_alarm = exception["message"].as_str().unwrap().contains("evidence");
            exception["item_id"] == "item-00" && is_alarm
        };
        let told = planned["exceptions"].as_array().unwrap().iter().find(of_item).cloned();
        spiked = spiked.or(told.map(|exception| (n_days, exception)));
    }
    let (found_on, exception) = spiked.expect("demand that trebled is found");
    assert!((123..145).contains(&found_on), "{found_on}: {exception}");
    assert_eq!(exception["code"], "DEMAND_SPIKE");

    let report = outcomes(dir);
    // An item-location orders nearly every day; each order is judged once, two days after its three days.
    let n_judged = report["n_judged"].as_u64().unwrap();
    assert!((500..=(60 - 4) * N_ITEMS as u64).contains(&n_judged), "{n_judged}");
    assert_eq!((&report["n_unknown"], &report["n_other_model"]), (&0.into(), &0.into()));
    let all = &report["segments"][0];
    assert!(all["bias"].as_f64().unwrap().abs() < 0.2, "{all}");
    let policy = &report["contests"][1];
    assert_eq!((policy["champion"].as_str(), policy["phase"].as_str()), (Some("classical"), Some("trial")));
    assert!(policy["in_shadow"].as_str().unwrap().starts_with("learned "), "{policy}");

    // A day is learnt once, and plans of it are the same.
    let (one, other) = (plan(dir), plan(dir));
    assert_eq!(one, other);
    assert_eq!(outcomes(dir), report);
    let text = stdout(dir, &["model", "outcomes", "--project", "shop"]);
    assert!(text.contains("item-00 @ main: demand is"), "{text}");
    assert!(text.contains("policy in use: classical"), "{text}");

    // What is looked back at, tried out or only read teaches nothing; a line tells which level was asked.
    stdout(dir, &["plan", "--project", "shop", "--as-of", "2026-03-01", "--out", "old"]);
    stdout(dir, &["plan", "--project", "shop", "--policy", "min_max", "--out", "other"]);
    write_sales(dir, 151);
    stdout(dir, &["plan", "--project", "shop", "--dry-run"]);
    assert_eq!(outcomes(dir), report);
    let asked = |plan: &Value| {
        let waterfall = plan["proposals"][0]["explanation"]["waterfall"].to_string();
        waterfall.contains("recalibrated_90")
    };
    assert!(asked(&plan(dir)));
    std::fs::write(
        dir.join("shop/restock.toml"),
        "[forecast]\nmodel = \"weighted_quantiles\"\n[planning]\ndefault_lead_time_days = 2\ndefault_review_days = 1\n[adaptation]\n\
         recalibrate = false\n",
    )
    .unwrap();
    assert!(!asked(&plan(dir)));
}

#[test]
fn edits_are_scored_by_what_came() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    shop(dir);
    write_sales(dir, 120);
    let planned = json(dir, &["plan", "--project", "shop", "--publish", "--json"]);
    let proposals = planned["proposals"].as_array().unwrap();
    let first = proposals.iter().find(|proposal| proposal["item_id"] == "item-00").unwrap();
    let id = first["proposal_id"].as_str().unwrap();
    let edit = ["edit", id, "--quantity", "100", "--reason", "a fair", "--project", "shop"];
    insta::assert_snapshot!(refused(dir, &[&edit[..], &["--by", "Restock-rule"]].concat()), @r"
    error: invalid value 'Restock-rule' for '--by <NAME>': that stands for the program itself in the audit trail, expected the name of a person

    For more information, try '--help'.
    ");
    // Demand trebles, and the planner knew.
    stdout(dir, &edit);
    for n_days in 121..127 {
        write_sales(dir, n_days);
        plan(dir);
    }
    let edits = &outcomes(dir)["edits"];
    assert_eq!((&edits["n_edits"], &edits["n_better"]), (&1.into(), &1.into()), "{edits}");
    assert!(edits["saved"].as_f64().unwrap() > 0.0);
    let text = stdout(dir, &["model", "outcomes", "--project", "shop"]);
    assert!(text.contains("edits: 1 judged, 1 cost less than the plan would have"), "{text}");
}

/// Demand of one item grows by a twentieth a day, and a planner who knows doubles each of its orders: that becomes a rule,
/// with who edited and why, and not before there is evidence.
#[test]
fn edits_that_pay_again_and_again_become_a_rule() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    shop(dir);
    let mut found = None;
    for n_days in 100..150 {
        write_growing_sales(dir, n_days);
        let planned = json(dir, &["plan", "--project", "shop", "--publish", "--json"]);
        let proposals = planned["proposals"].as_array().unwrap();
        if let Some(first) = proposals.iter().find(|proposal| proposal["item_id"] == "item-00") {
            let id = first["proposal_id"].as_str().unwrap();
            let wanted: f64 = first["quantity"].to_string().trim_matches('"').parse().unwrap();
            let doubled = (2.0 * wanted).to_string();
            stdout(
                dir,
                &[
                    "edit",
                    id,
                    "--quantity",
                    &doubled,
                    "--reason",
                    "it is in fashion",
                    "--by",
                    "ann",
                    "--project",
                    "shop",
                ],
            );
        }
        let rules = &outcomes(dir)["rules"];
        if let Some(rule) = rules.as_array().unwrap().first() {
            found = Some((n_days, rule.clone()));
            break;
        }
    }
    let (n_days, rule) = found.expect("a rule is suggested");
    assert!(n_days > 105, "{n_days}: {rule}");
    assert_eq!(
        (&rule["scope"], &rule["item_id"], &rule["location_id"]),
        (&"item_location".into(), &"item-00".into(), &"main".into())
    );
    assert_eq!((&rule["direction"], &rule["ratio"]), (&"more".into(), &2.0.into()));
    assert!(rule["factor"].as_f64().unwrap() > 1.0 && rule["lower"].as_f64().unwrap() > 0.0, "{rule}");
    assert_eq!((&rule["by"][0], &rule["reasons"][0]), (&"ann".into(), &"it is in fashion".into()));
    let text = stdout(dir, &["model", "outcomes", "--project", "shop"]);
    assert!(text.contains("people order 100 % more than the plan of item-00 at main"), "{text}");
    let text = stdout(dir, &["model", "outcomes", "--project", "shop", "--lang", "zh-CN"]);
    assert!(text.contains("item-00 @ main：人工订货比计划多 100 %"), "{text}");
}
