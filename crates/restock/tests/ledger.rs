//! The ledger of a project from the command line: events in, plans that know them, backup, restore and doctor.

mod common;

use std::path::Path;

use common::{json, refused, restock, stdout, text};

const COUNT: &str = r#"{"event_id":"1","source":"till","type":"count","occurred_at":"2026-03-01T06:00:00Z","item_id":"tea","location_id":"main","on_hand":40}"#;

fn sale(id: u32, instant: &str, quantity: u32) -> String {
    format!(
        r#"{{"event_id":"{id}","source":"till","type":"sale","occurred_at":"{instant}","item_id":"tea","location_id":"main","quantity":{quantity}}}"#
    )
}

/// A shop that has sold four teas a day until 28 February 2026.
fn shop(dir: &Path, config: &str) {
    let project = dir.join("shop");
    std::fs::create_dir_all(project.join("data")).unwrap();
    std::fs::write(project.join("restock.toml"), config).unwrap();
    let mut sales = "date,item_id,location_id,quantity\n".to_owned();
    let first: jiff::civil::Date = "2025-09-01".parse().unwrap();
    let last: jiff::civil::Date = "2026-02-28".parse().unwrap();
    let mut day = first;
    while day <= last {
        sales.push_str(&format!("{day},tea,main,4\n"));
        day = day.tomorrow().unwrap();
    }
    std::fs::write(project.join("data/sales.csv"), sales).unwrap();
    let items = "item_id,unit_cost,price\ntea,2,3\n";
    std::fs::write(project.join("data/items.csv"), items).unwrap();
}

fn send(dir: &Path, lines: &[String]) -> serde_json::Value {
    std::fs::write(dir.join("events.ndjson"), lines.join("\n")).unwrap();
    let output = restock(dir, &["ingest", "events.ndjson", "--project", "shop", "--json"]);
    serde_json::from_str(&text(&output.stdout)).unwrap()
}

/// The day of the plan and the stock of its only line.
fn on_hand(dir: &Path, more: &[&str]) -> (String, String) {
    let plan = json(dir, &[&["plan", "--project", "shop", "--json"], more].concat());
    let field = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    (field(&plan["as_of"]), field(&plan["lines"][0]["on_hand"]))
}

#[test]
fn events_change_the_plan_once_in_whatever_order_they_come() {
    let dir = tempfile::tempdir().unwrap();
    shop(dir.path(), "");
    let sales = [sale(2, "2026-03-01T09:00:00Z", 3), sale(3, "2026-03-01T10:00:00Z", 2)];
    let late_first = [sales[1].clone(), COUNT.to_owned(), sales[0].clone()];
    let counts = send(dir.path(), &late_first);
    assert_eq!((&counts["accepted"], &counts["duplicate"]), (&3.into(), &0.into()), "{counts}");
    let again = send(dir.path(), &late_first);
    assert_eq!((&again["accepted"], &again["duplicate"], &again["last_sequence"]), (&0.into(), &3.into(), &3.into()));
    assert_eq!(on_hand(dir.path(), &[]), ("2026-03-02".to_owned(), "35".to_owned()));
    // Who looks back to the first of March knows of no event.
    let (as_of, _) = on_hand(dir.path(), &["--as-of", "2026-03-01"]);
    assert_eq!(as_of, "2026-03-01");
}

/// Lists and lines are told apart by what stands in the file, whatever it is called.
#[test]
fn a_file_is_read_by_what_it_holds() {
    let dir = tempfile::tempdir().unwrap();
    shop(dir.path(), "");
    let list = format!(" [{COUNT},{}]", sale(2, "2026-03-01T09:00:00Z", 3));
    let lines = format!("{COUNT}\n{}\n", sale(3, "2026-03-01T10:00:00Z", 3));
    for (name, content, accepted) in [("a.json", &list, 2), ("b.ndjson", &list, 0), ("c.JSON", &lines, 1)] {
        std::fs::write(dir.path().join(name), content).unwrap();
        let counts = json(dir.path(), &["ingest", name, "--project", "shop", "--json"]);
        assert_eq!((&counts["accepted"], &counts["quarantined"]), (&accepted.into(), &0.into()), "{name}: {counts}");
    }
}

#[test]
fn what_cannot_be_read_waits_in_quarantine_and_holds_nothing_up() {
    let dir = tempfile::tempdir().unwrap();
    shop(dir.path(), "");
    let wrong = sale(5, "2026-03-01T09:00:00", 3);
    let other = sale(4, "2026-03-01T09:00:00Z", 9);
    let lines = [COUNT.to_owned(), wrong, sale(4, "2026-03-01T09:00:00Z", 2), "{".to_owned(), other];
    std::fs::write(dir.path().join("events.ndjson"), lines.join("\n")).unwrap();
    let output = restock(dir.path(), &["ingest", "events.ndjson", "--project", "shop"]);
    assert_eq!(output.status.code(), Some(1), "findings");
    insta::assert_snapshot!(text(&output.stdout), @r#"
    2 events taken in, 0 there before, 3 in quarantine; the last event of the ledger is 2
      · quarantine 1 · events.ndjson line 2 · occurred_at: got "2026-03-01T09:00:00", expected an instant such as 2026-03-02T14:05:00+01:00; add the offset from UTC, because the time alone can be read in two ways
      · quarantine 2 · events.ndjson line 4 · got "{", expected a JSON object; correct the JSON: EOF while parsing an object at line 1 column 1
      · quarantine 3 · events.ndjson line 5 · event 2 has the same source and id and says something else
    "#);
    let doctor = restock(dir.path(), &["doctor", "--project", "shop"]);
    insta::assert_snapshot!(text(&doctor.stdout), @r"
    2 events, 3 open in quarantine, 0 audit records
      · entries in quarantine: 3
        release them, corrected where needed, or discard them
    ");
}

/// What waits in quarantine is looked at and decided about without a server, in the words of the API.
#[test]
fn quarantine_is_decided_about() {
    let dir = tempfile::tempdir().unwrap();
    shop(dir.path(), "");
    let early = sale(9, "2999-03-01T09:00:00Z", 3);
    let lines = [COUNT.to_owned(), sale(5, "2026-03-01T09:00:00", 3), "{".to_owned(), early];
    std::fs::write(dir.path().join("events.ndjson"), lines.join("\n")).unwrap();
    restock(dir.path(), &["ingest", "events.ndjson", "--project", "shop"]);
    let run = |args: &[&str]| stdout(dir.path(), &[&["doctor", "quarantine"], args, &["--project", "shop"]].concat());
    insta::assert_snapshot!(run(&["list", "--limit", "2"]), @r#"
      number   state   where    reason
      ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────
           1   open    line 2   occurred_at: got "2026-03-01T09:00:00", expected an instant such as
                                2026-03-02T14:05:00+01:00; add the offset from UTC, because the time alone can be read in
                                two ways
           2   open    line 3   got "{", expected a JSON object; correct the JSON: EOF while parsing an object at line 1
                                column 1
    there may be more: --from 3
    "#);
    let shown = run(&["show", "2"]);
    assert!(shown.starts_with("quarantine 2 · line 3 · ") && shown.ends_with("line 1 column 1\n\n{\n"), "{shown}");
    let args = |args: &[&'static str]| [&["doctor", "quarantine"], args, &["--project", "shop", "--json"]].concat();
    let refusal =
        |args: &[&str]| refused(dir.path(), &[&["doctor", "quarantine"], args, &["--project", "shop"]].concat());
    let error = refusal(&["release", "2", "--reason", "why not"]);
    assert!(error.contains("correct the JSON"), "{error}");
    std::fs::write(dir.path().join("right.json"), sale(5, "2026-03-01T09:00:00Z", 3)).unwrap();
    let corrected = ["release", "1", "--event", "right.json", "--reason", "offset was missing", "--by", "Ada"];
    assert_eq!(run(&corrected), "entry 1 of the quarantine is event 2 now\n");
    assert_eq!(json(dir.path(), &args(&["release", "3", "--reason", "clock was wrong"]))["outcome"], "accepted");
    let discarded = run(&["discard", "2", "--reason", "noise", "--by", "ada"]);
    assert_eq!(discarded, "entry 2 of the quarantine will never be taken in; it stays readable\n");
    assert_eq!(run(&["list"]), "nothing is there\n");
    let all = json(dir.path(), &args(&["list", "--state", "all"]));
    let states: Vec<_> = all["entries"].as_array().unwrap().iter().map(|entry| entry["state"].clone()).collect();
    assert_eq!(states, ["released", "discarded", "released"]);
    let error = refusal(&["discard", "2", "--reason", "again"]);
    assert!(error.contains("discarded"), "{error}");
    let error = refusal(&["show", "7"]);
    assert!(error.contains("7"), "{error}");
    let doctor = json(dir.path(), &["doctor", "--project", "shop", "--json"]);
    assert_eq!(
        (&doctor["events"], &doctor["audit_records"], &doctor["quarantine_open"]),
        (&3.into(), &3.into(), &0.into())
    );
}

#[test]
fn a_backup_brings_the_ledger_back() {
    let dir = tempfile::tempdir().unwrap();
    shop(dir.path(), "");
    let error = refused(dir.path(), &["backup", "kept.db", "--project", "shop"]);
    assert!(error.contains("there is no ledger at"), "{error}");
    send(dir.path(), &[COUNT.to_owned(), sale(2, "2026-03-01T09:00:00Z", 3)]);
    let args = |verb: &'static str| [verb, "kept.db", "--project", "shop"];
    assert_eq!(stdout(dir.path(), &args("backup")), "events 1 to 2 are copied to kept.db\n");
    let output = restock(dir.path(), &args("restore"));
    let error = text(&output.stderr);
    assert!(output.status.code() == Some(3) && error.contains("exists; move it away first"), "{error}");
    let ledger = dir.path().join("shop/.restock/ledger.db");
    std::fs::remove_file(&ledger).unwrap();
    for end in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(dir.path().join(format!("shop/.restock/ledger.db{end}")));
    }
    stdout(dir.path(), &args("restore"));
    let doctor = json(dir.path(), &["doctor", "--project", "shop", "--json"]);
    assert_eq!((&doctor["events"], &doctor["findings"]), (&2.into(), &serde_json::json!([])));
}

/// A sale late in the evening of New York is one of that day there, and of the next in Greenwich.
#[test]
fn days_are_those_of_the_time_zone() {
    for (config, expected) in [("", "2026-03-03"), ("[project]\ntimezone = \"America/New_York\"\n", "2026-03-02")] {
        let dir = tempfile::tempdir().unwrap();
        shop(dir.path(), config);
        send(dir.path(), &[sale(2, "2026-03-02T03:00:00Z", 3)]);
        assert_eq!(on_hand(dir.path(), &[]).0, expected);
    }
}

/// Plan, edit, approve by two, export, plan again: the order counts once, and what a person decided stays.
#[test]
fn a_proposal_goes_from_the_plan_to_an_order() {
    let dir = tempfile::tempdir().unwrap();
    shop(dir.path(), "[approval]\nfour_eyes_if = \"value > 50\"\n");
    send(dir.path(), &[COUNT.replace(r#""on_hand":40"#, r#""on_hand":5"#)]);
    let run = |args: &[&str]| stdout(dir.path(), &[args, &["--project", "shop"]].concat());
    let look = || json(dir.path(), &["approve", "--project", "shop", "--json"])["proposals"].clone();
    run(&["plan", "--publish"]);
    let open = look();
    assert_eq!(open.as_array().unwrap().len(), 1, "{open}");
    let id = open[0]["proposal_id"].as_str().unwrap().to_owned();
    let wanted = open[0]["quantity"].clone();

    run(&["edit", &id, "--quantity", "90", "--reason", "street festival", "--by", "ada"]);
    run(&["plan", "--publish"]);
    let open = look();
    assert_eq!(
        (&open[0]["quantity"], &open[0]["plan_wants"], &open[0]["state"]),
        (&"90".into(), &wanted, &"edited".into())
    );
    // 90 at a cost of 2 are above 50: ada alone is not enough.
    run(&["approve", &id, "--by", "ada"]);
    assert_eq!(look()[0]["state"], "edited");
    let error = refused(dir.path(), &["approve", &id, "--by", "ada", "--project", "shop"]);
    assert!(error.contains("another person must do so too"), "{error}");
    run(&["approve", &id, "--by", "bo"]);
    assert_eq!(look()[0]["state"], "approved");

    let text = run(&["export", "--approved", "--by", "bo"]);
    assert!(text.starts_with("1 line ordered; 1 order file"), "{text}");
    let exported = |dir: &Path| -> Vec<String> {
        let files = std::fs::read_dir(dir.join("shop/out/exported")).unwrap();
        files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect()
    };
    let files = exported(dir.path());
    assert_eq!(files.len(), 1);
    assert!(files[0].contains(",tea,90,"), "{}", files[0]);
    let again = run(&["export", "--approved"]);
    assert!(again.starts_with("0 lines ordered; 0 order files"), "{again}");
    std::fs::remove_dir_all(dir.path().join("shop/out/exported")).unwrap();
    run(&["export", "--approved", "--again"]);
    assert_eq!(exported(dir.path()), files, "written again, not ordered again");
    let error = refused(dir.path(), &["plan", "--publish", "--as-of", "2026-03-01", "--project", "shop"]);
    assert!(error.contains("cannot go on the desk"), "{error}");
    let error = refused(dir.path(), &["reject", "--reason", "no", "--project", "shop"]);
    assert!(error.contains("no proposal is named"), "{error}");
    // What was ordered is on order: nothing more is wanted.
    run(&["plan", "--publish"]);
    assert_eq!(look(), serde_json::json!([]));
    let plan = json(dir.path(), &["plan", "--project", "shop", "--json"]);
    assert_eq!(plan["lines"][0]["on_order"], "90");
    let doctor = json(dir.path(), &["doctor", "--project", "shop", "--json"]);
    assert_eq!(doctor["audit_records"], 4, "an edit, two approvals and an export");
}

/// The newest count holds, whoever reported it, and what moved later brings it forward whatever it was.
#[test]
fn stock_of_files_goes_on_with_events() {
    let movement = |kind: &str, id: u32, day: &str, quantity: u32| {
        format!(
            r#"{{"event_id":"{id}","source":"erp","type":"{kind}","occurred_at":"{day}T12:00:00Z","item_id":"tea","location_id":"main","quantity":{quantity}}}"#
        )
    };
    let case = |as_of: &str, events: &[String]| {
        let dir = tempfile::tempdir().unwrap();
        shop(dir.path(), "");
        let inventory = format!("item_id,location_id,on_hand,as_of\ntea,main,200,{as_of}\n");
        std::fs::write(dir.path().join("shop/data/inventory.csv"), inventory).unwrap();
        send(dir.path(), events);
        let (as_of, on_hand) = on_hand(dir.path(), &[]);
        format!("{as_of} {on_hand}")
    };
    // Four a day are sold until 28 February: a count of the 20th has lost 32 since.
    assert_eq!(case("2026-02-20", &[movement("waste", 1, "2026-02-25", 1)]), "2026-03-01 167");
    assert_eq!(case("2026-02-20", &[movement("receipt", 1, "2026-03-05", 24)]), "2026-03-06 192");
    // A late event of before the count is in it; the same without a day, which is that of the last sale.
    assert_eq!(case("2026-02-27", &[movement("waste", 1, "2026-01-15", 9)]), "2026-03-01 196");
    assert_eq!(case("", &[movement("waste", 1, "2026-01-15", 9)]), "2026-03-01 200");
    assert_eq!(case("", &[movement("waste", 1, "2026-03-02", 9)]), "2026-03-03 191");
}
