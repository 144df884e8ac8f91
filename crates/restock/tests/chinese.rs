//! Under `--lang zh-CN` no English sentence is left.

use std::path::Path;
use std::process::Command;

fn restock(dir: &Path, args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_restock"))
        .args(args)
        .args(["--lang", "zh-CN"])
        .current_dir(dir)
        .env_clear()
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    format!("{}{}", text(output.stdout), text(output.stderr))
}

/// Words that are no ids, names of files, columns or models, and may stand in a Chinese text all the same.
const ALLOWED: &[&str] = &[
    // Units, formats, measures and names that Chinese planners use as they are.
    "kg", "csv", "CSV", "Parquet", "XLSX", "JSON", "UTF", "UTC", "ABC", "WQL", "MASE", "RMSSE", "SQL", "WAPE", "zh",
    "CN", "en", "case", "each", "pack", "blake3",
    // The program, its verbs, flags and the words of its syntax.
    "restock", "Restock", "try", "plan", "check", "explain", "import", "export", "backtest", "simulate", "forecast",
    "init", "demo", "config", "toml", "where", "auto", "open", "out", "report", "html", "data", "path", "all", "main",
    "mon", "dmy", "mdy", "cd", "segment", "intake", "train", "tune", "env",
];

/// Runs of English: any two words of lower-case letters in a row that are not allowed.
fn english(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines() {
        // What is quoted is the user's own or is typed as it stands.
        let mut outside = String::new();
        for (idx, part) in line.split(['"', '`']).enumerate() {
            outside.push_str(if idx % 2 == 0 { part } else { "…" });
        }
        let words: Vec<&str> = outside.split(' ').collect();
        let is_english = |word: &str| {
            let word = word.trim_matches(|c: char| !c.is_alphanumeric());
            word.len() >= 2 && word.bytes().all(|byte| byte.is_ascii_lowercase()) && !ALLOWED.contains(&word)
        };
        for pair in words.windows(2) {
            // A comma after a lone word makes it one of a list of names.
            if !pair[0].ends_with(',') && pair.iter().all(|word| is_english(word)) {
                found.push(format!("{} {} in: {line}", pair[0], pair[1]));
            }
        }
    }
    found
}

fn assert_chinese(dir: &Path, runs: &[&[&str]]) {
    let mut left = Vec::new();
    for args in runs {
        let text = restock(dir, args);
        assert!(text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)), "restock {args:?}: {text}");
        left.extend(english(&text).into_iter().map(|found| format!("restock {args:?} says {found}")));
    }
    assert!(left.is_empty(), "{}", left.join("\n"));
}

#[test]
fn english_is_recognised() {
    assert_eq!(english("  stock and every order covers").len(), 4);
    assert_eq!(english("库存 \"stock and open\"，restock plan；MILK-1L").len(), 0);
}

#[test]
fn a_project_speaks_chinese() {
    let dir = tempfile::tempdir().unwrap();
    restock(dir.path(), &["init", "shop", "--as-of", "2026-03-02"]);
    assert_chinese(
        dir.path(),
        &[
            &["init", "other", "--as-of", "2026-03-02"],
            &["plan", "shop"],
            &["check", "shop"],
            &["import", "shop", "--dry-run"],
            &["explain", "MILK-1L@S01", "shop", "--replay"],
            &["explain", "MILK-1L@S01", "shop", "--what-if", "lead_time=9"],
            &["explain", "CANDLE@S02", "shop"],
            &["explain", "MILK-9L", "shop"],
            &["explain", "MILK-1L", "shop", "--what-if", "colour=red"],
            &["forecast", "shop", "--only", "MILK-1L@S01", "--horizon", "7"],
            &["forecast", "shop", "--only", "NOTHING"],
            &["export", "--project", "shop"],
            &["simulate", "shop", "--model", "ses", "--paths", "20", "--days", "28", "--out", "sim"],
            &["simulate", "shop", "--model", "ses", "--shock", "demand=2x"],
            &["backtest", "shop", "--windows", "2", "--policies", "base_stock,min_max", "--model", "ses"],
            &["backtest", "shop", "--forecast", "--models", "ses,tsb", "--windows", "2", "--horizon", "7"],
            &["model", "list", "--project", "shop"],
            &["model", "verify", "--project", "shop"],
            &["model", "promote", "v3", "--project", "shop"],
            &["model", "rollback", "--project", "shop"],
            &["model", "tune", "shop", "--method", "calibrate", "--horizon", "7", "--dry-run"],
            &["model", "pretrain", "--steps", "2", "--tokens", "100", "--validation-batches", "1", "--out", "m"],
            &["model", "pretrain", "--steps", "2", "--total-steps", "1"],
            &["model", "pretrain", "--steps", "2", "--seed", "2", "--out", "m"],
            &["model", "pretrain", "--device", "cuda", "--teacher", "shipped"],
            &["model", "tune", "shop", "--method", "calibrate", "--horizon", "200"],
            &["config", "explain", "--project", "shop"],
            &["config", "explain", "zebra"],
            &["plan"],
        ],
    );
}

#[test]
fn sales_alone_and_broken_files_speak_chinese() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    let mut sales = "Sales report\ndate,item_id,quantity,note\n".to_owned();
    for day in 1..=28 {
        for item in ["A", "B"] {
            sales.push_str(&format!("2026-02-{day:02},{item},{},x\n", 1 + (day * 7) % 5));
        }
    }
    write("sales.csv", &sales);
    let broken = "2026-02-30,A,3,x\n2026-02-27,A,many,x\n27/02/2026,A,\"1,5\",x\n2026-02-27,,2,x\n2026-02-27,A,=1+1,x\n\
                  2026-02-27,A,-2,x\n2026-02-27,A,50%,x\n2026-02-27,A\n2026-02-27,A,1,x,y\n2026-02-27,A,€3,x\n2026-02-28,A,1,x\n";
    write("broken.csv", &format!("{sales}{broken}"));
    write("headers.csv", "when,what\n2026-01-01,a\n");
    write("units.csv", &sales);
    write("bad.csv", "date,item_id,quantity\n2026-02-30,A,3\n");
    write("ambiguous.csv", "date,item_id,quantity\n2026-02-01,A,\"1,234\"\n");
    write("dates.csv", "date,item_id,quantity\n01/02/2026,A,1\n");
    write("shares.csv", "date,item_id,quantity,discount\n2026-02-01,A,1,20%\n2026-02-02,A,1,20\n");
    write("page.csv", "<html><body>login</body></html>\n");
    write("empty.csv", "");
    assert_chinese(
        dir.path(),
        &[
            &["try", "sales.csv", "--out", "out"],
            &["try", "sales.csv", "--out", "out", "--as-of", "2026-02-20"],
            &["try", "sales.csv", "--out", "out", "--as-of", "2025-02-20"],
            &["try", "units.csv", "--out", "out"],
            &["check", "sales.csv"],
            &["explain", "A", "sales.csv"],
            &["try", "broken.csv", "--out", "out"],
            &["check", "broken.csv"],
            &["import", "broken.csv", "--dry-run"],
            &["try", "broken.csv", "--out", "out", "--strict"],
            &["try", "headers.csv"],
            &["try", "bad.csv"],
            &["try", "ambiguous.csv"],
            &["try", "dates.csv"],
            &["try", "shares.csv"],
            &["try", "page.csv"],
            &["try", "empty.csv"],
            &["try", "nothing.csv"],
        ],
    );
    let quarantine = std::fs::read_to_string(dir.path().join("out/quarantine.csv")).unwrap();
    assert!(english(&quarantine.replace(',', "，")).is_empty(), "{quarantine}");
}

#[test]
fn a_ledger_and_its_server_speak_chinese() {
    let dir = tempfile::tempdir().unwrap();
    restock(dir.path(), &["init", "shop", "--as-of", "2026-03-02"]);
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    let event = |id: &str, rest: &str| {
        format!(r#"{{"event_id":"{id}","source":"till","type":"sale","item_id":"tea","location_id":"main",{rest}}}"#)
    };
    let lines = [
        event("1", r#""occurred_at":"2026-03-01T09:00:00","quantity":3"#),
        event("2", r#""occurred_at":"2999-03-01T09:00:00Z","quantity":3"#),
        event("3", r#""occurred_at":"2026-03-01T09:00:00Z","quantity":3"#),
        event("3", r#""occurred_at":"2026-03-01T09:00:00Z","quantity":4"#),
        event("4", r#""occurred_at":"2026-03-01T09:00:00Z","quantity":-4"#),
        event("5", r#""occurred_at":"2026-03-01T09:00:00Z","quantity":"many""#),
        event("6", r#""occurred_at":"2026-03-01T09:00:00Z""#),
        event("7", r#""occurred_at":"2026-03-01T09:00:00Z","quantity":1.23456789"#),
        event("8", r#""occurred_at":"2026-03-01T09:00:00Z","quantity":1"#).replace("sale", "sold"),
    ];
    let of_terms = [
        r#""type":"calendar_changed","calendar_id":"shop","fields":{"25.12.2026":false}"#,
        r#""type":"calendar_changed","calendar_id":"shop","fields":{"2026-12-25":"closed"}"#,
        r#""type":"calendar_changed","calendar_id":"shop","fields":{"weekdays":"someday"}"#,
        r#""type":"calendar_changed","calendar_id":"shop","fields":{"removed":true,"weekdays":"mon"}"#,
        r#""type":"uom_changed","item_id":"tea","uom":"crate","fields":{"factor":0}"#,
        r#""type":"segment_changed","fields":{"mode":"service"}"#,
        r#""type":"segment_changed","where":" ","fields":{"mode":"service"}"#,
        r#""type":"segment_changed","where":"abc == 'C'","fields":{"mode":"service"}"#,
        r#""type":"segment_changed","where":"item.abc == 'C'","fields":{"mode":"cheap"}"#,
        r#""type":"segment_changed","where":"item.abc == 'C'","fields":{"target":0}"#,
        r#""type":"segment_changed","where":"item.abc == 'C'","fields":{"policy":"oracle"}"#,
    ];
    let of_terms = of_terms.iter().enumerate().map(|(number, fields)| {
        format!(r#"{{"event_id":"t{number}","source":"erp","occurred_at":"2026-03-01T09:00:00Z",{fields}}}"#)
    });
    let lines: Vec<String> = lines.into_iter().chain(of_terms).collect();
    write("events.ndjson", &lines.join("\n"));
    for (project, settings) in [
        ("tls", "[server]\ntls_key = \"key.pem\"\n"),
        ("open", "[server]\nlisten = \"0.0.0.0:0\"\n"),
        ("sources", "[[intake]]\nkind = \"folder\"\npath = \"a\"\n\n[[intake]]\nkind = \"folder\"\npath = \"b\"\n"),
        ("secret", "[[intake]]\nkind = \"nats\"\nurl = \"nats://a:b@c\"\nstream = \"S\"\n"),
    ] {
        std::fs::create_dir_all(dir.path().join(project).join("data")).unwrap();
        write(&format!("{project}/restock.toml"), settings);
    }
    let of_shop = |args: &[&'static str]| [args, &["--project", "shop"]].concat();
    let runs: Vec<Vec<&str>> = [
        &["ingest", "events.ndjson"][..],
        &["doctor"],
        &["doctor", "quarantine", "list"],
        &["doctor", "quarantine", "show", "1"],
        &["doctor", "quarantine", "show", "70"],
        &["doctor", "quarantine", "release", "1", "--reason", "x"],
        &["doctor", "quarantine", "release", "1", "--reason", " "],
        &["doctor", "quarantine", "discard", "1", "--reason", "x"],
        &["doctor", "quarantine", "discard", "1", "--reason", "x"],
        &["doctor", "quarantine", "list", "--state", "discarded"],
        &["backup", "kept.db"],
        &["backup", "kept.db"],
        &["restore", "kept.db"],
        &["user", "create", "ada", "--role", "admin", "--password-stdin"],
        &["user", "create", " ada", "--role", "admin", "--password-stdin"],
        &["user", "disable", "bob"],
        &["user", "remove", "bob"],
        &["token", "create", "till", "--role", "integrator"],
        &["token", "create", "till", "--role", "integrator"],
        &["token", "create", " till", "--role", "integrator"],
        &["token", "create", "restock-rule", "--role", "integrator"],
        &["token", "list"],
        &["token", "revoke", "bob"],
        &["token", "revoke", "till"],
        &["approve", "--filter", "colour == 1"],
        &["approve", "p_nothing"],
        &["edit", "p_nothing", "--quantity", "2", "--reason", "x"],
        &["reject", "p_nothing", "--reason", "x"],
        &["export", "--approved"],
        &["config", "explain", "intake"],
        &["serve", "--as-of", "2026-03-02"],
        &["serve", "--listen", "0.0.0.0:0"],
    ]
    .iter()
    .map(|args| of_shop(args))
    .chain([vec!["plan", "shop", "--publish"]])
    .chain(["tls", "open", "sources", "secret"].map(|project| vec!["serve", "--project", project]))
    .collect();
    assert_chinese(dir.path(), &runs.iter().map(Vec::as_slice).collect::<Vec<_>>());
}

#[test]
fn training_speaks_chinese() {
    let dir = tempfile::tempdir().unwrap();
    let quick = |algo: &'static str| ["train", "--env", "lost-sales-l1", "--algo", algo, "--epochs", "2"];
    let tune = ["tune", "--env", "lost-sales-l1", "--algo", "q-learning", "--configurations", "3", "--epochs", "1"];
    let band = ["--goodwill", "1", "--stock-band", "4..9", "--band-cost", "1"];
    let runs: [&[&str]; 16] = [
        &tune,
        &["train", "--env", "lost-sales-l1", "--hyper", "hyper.toml", "--algo", "dqn"],
        &["train", "--env", "lost-sales-l1", "--algo", "ppo", "--hyper", "rate=1"],
        &["train", "--env", "lost-sales-l1", "--algo", "ppo", "--hyper", "clip=7"],
        &[&["train", "--env", "lost-sales-l1"], &band[..]].concat(),
        &[&["train", "--env", "lost-sales-l1", "--preview"], &band[..]].concat(),
        &["train", "--env", "lost-sales-l1", "--service", "0.98"],
        &["train", "--env", "lost-sales-l1", "--service", "0.98", "--preview"],
        &["train", "--env", "worked-example", "stockout_cost=0"],
        &["train", "--env", "one-warehouse", "warehouse_capacity=1", "retailer_capacity=1", "--service", "0.99"],
        &["train", "--env", "worked-example", "--explain-choice"],
        &quick("q-learning"),
        &quick("pathwise"),
        &["train", "--env", "serial"],
        &["train", "--env", "trucks", "--algo", "pathwise"],
        &["train", "--env", "lost-sales", "--algo", "dcl", "--samples-only"],
    ];
    assert_chinese(dir.path(), &runs);
}
