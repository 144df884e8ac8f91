//! The binary as users meet it: exit codes, JSON, files and messages.

use std::path::Path;
use std::process::{Command, Output};

/// The command with surroundings that are the same everywhere.
fn restock(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_restock"))
        .args(args)
        .current_dir(dir)
        .env_clear()
        .env("LANG", "C")
        .output()
        .expect("the binary runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("output is UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("messages are UTF-8")
}

/// Runs and insists on an exit code.
fn expect(dir: &Path, args: &[&str], code: i32) -> Output {
    let output = restock(dir, args);
    assert_eq!(output.status.code(), Some(code), "restock {args:?}\n{}\n{}", stdout(&output), stderr(&output));
    output
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", stdout(output)))
}

fn temp() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// A retail project whose data end on the day before 2026-03-02.
fn project() -> tempfile::TempDir {
    let dir = temp();
    expect(dir.path(), &["init", "shop", "--as-of", "2026-03-02"], 0);
    dir
}

const VERBS: [&str; 19] = [
    "init",
    "demo",
    "try",
    "import",
    "check",
    "forecast",
    "plan",
    "explain",
    "export",
    "simulate",
    "backtest",
    "env",
    "bench",
    "solve",
    "train",
    "tune",
    "model",
    "config",
    "completions",
];

#[test]
fn every_verb_has_help() {
    let dir = temp();
    let overview = stdout(&expect(dir.path(), &["--help"], 0));
    for verb in VERBS {
        assert!(overview.contains(&format!("\n  {verb} ")), "{verb} in {overview}");
        let help = stdout(&expect(dir.path(), &[verb, "--help"], 0));
        assert!(help.contains("Usage:") && help.contains("--json"), "{help}");
    }
}

#[test]
fn usage_errors_say_the_way_out_and_exit_with_2() {
    let dir = temp();
    let output = expect(dir.path(), &["plan"], 2);
    insta::assert_snapshot!(stderr(&output), @r"
    error: no data was given and there is no restock.toml here

    hint: `restock try sales.csv` plans one file, `restock init my-shop` makes a project
    ");
    let output = expect(dir.path(), &["plan", "--objective", "fill_rate=98"], 2);
    assert!(stderr(&output).contains("expected fill_rate=0.98, cycle=0.95, in_stock=0.97 or economics"));
    let error = json(&expect(dir.path(), &["plan", "--json"], 2));
    assert_eq!(error["error"]["exit_code"], 2);
    let error = json(&expect(dir.path(), &["plan", "--no-such-flag", "--json"], 2));
    assert!(error["error"]["message"].as_str().is_some_and(|text| text.contains("--no-such-flag")));
}

#[test]
fn data_errors_exit_with_3() {
    let dir = temp();
    let output = expect(dir.path(), &["try", "nothing.csv"], 3);
    insta::assert_snapshot!(stderr(&output), @r"
    error: nothing.csv does not exist

    hint: give a CSV, Parquet or XLSX file, or a folder of them
    ");
    std::fs::write(dir.path().join("sales.csv"), "when,what\n2026-01-01,a\n").unwrap();
    let output = expect(dir.path(), &["try", "sales.csv"], 3);
    assert!(stderr(&output).starts_with("error: ") && stderr(&output).contains("\nhint: "), "{}", stderr(&output));
}

#[test]
fn a_wrong_setting_names_file_line_value_and_what_is_allowed() {
    let dir = project();
    let config = dir.path().join("shop/restock.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("bucket = \"day\"", "bucket = \"dya\"")).unwrap();
    let output = expect(dir.path(), &["plan", "--project", "shop"], 2);
    insta::assert_snapshot!(stderr(&output), @r#"
    error: project.bucket is "dya", expected "day", "week" or "month" (shop/restock.toml line 6)

    hint: the default is "day"
    "#);
}

#[test]
fn every_template_plans_twice_with_the_same_result() {
    for template in ["retail", "ecommerce", "medical", "restaurant", "manufacturing"] {
        let dir = temp();
        expect(dir.path(), &["init", "p", "--template", template, "--as-of", "2026-03-02"], 0);
        let text = stdout(&expect(dir.path(), &["plan", "--project", "p"], 0));
        assert!(text.contains("order by 2026-0") && !text.contains('\u{1b}'), "{template}: {text}");
        let first = std::fs::read(dir.path().join("p/out/plan.json")).unwrap();
        expect(dir.path(), &["plan", "--project", "p"], 0);
        assert!(first == std::fs::read(dir.path().join("p/out/plan.json")).unwrap(), "{template} plans the same again");
        for file in ["orders.csv", "orders.parquet", "report.html"] {
            assert!(dir.path().join("p/out").join(file).is_file(), "{file}");
        }
    }
}

#[test]
fn plan_speaks_json_and_waterfalls_sum_exactly() {
    let dir = project();
    let plan = json(&expect(dir.path(), &["plan", "shop", "--json", "--dry-run"], 0));
    assert!(!dir.path().join("shop/out").exists(), "a dry run writes nothing");
    let proposals = plan["proposals"].as_array().unwrap();
    assert!(!proposals.is_empty());
    for proposal in proposals {
        let micro =
            |value: &serde_json::Value| value.as_str().unwrap().parse::<restock_core::Quantity>().unwrap().micro();
        let sum: i64 =
            proposal["explanation"]["waterfall"].as_array().unwrap().iter().map(|line| micro(&line["value"])).sum();
        assert_eq!(sum, micro(&proposal["quantity"]), "{}", proposal["item_id"]);
    }
}

#[test]
fn one_file_is_enough() {
    let dir = project();
    let data = dir.path().join("shop/data/sales.csv");
    let output = expect(dir.path(), &["try", data.to_str().unwrap(), "--out", "result"], 0);
    let text = stdout(&output);
    assert!(text.contains("Assumed, because no table tells it"), "{text}");
    assert!(text.contains("inventory.csv with item_id, location_id, on_hand"), "{text}");
    assert!(dir.path().join("result/report.html").is_file());
}

#[test]
fn chinese_from_the_flag_and_from_the_locale() {
    let dir = project();
    let flag = stdout(&expect(dir.path(), &["plan", "shop", "--dry-run", "--lang", "zh-CN"], 0));
    assert!(flag.contains("早晨的订货建议"), "{flag}");
    let output = Command::new(env!("CARGO_BIN_EXE_restock"))
        .args(["plan", "shop", "--dry-run"])
        .current_dir(dir.path())
        .env_clear()
        .env("LANG", "zh_CN.UTF-8")
        .output()
        .unwrap();
    assert_eq!(stdout(&output), flag);
}

#[test]
fn colour_only_when_asked_for() {
    let dir = project();
    let colored = stdout(&expect(dir.path(), &["plan", "shop", "--dry-run", "--color", "always"], 0));
    let plain = stdout(&expect(dir.path(), &["plan", "shop", "--dry-run"], 0));
    assert!(colored.contains("\u{1b}[") && !plain.contains('\u{1b}'));
    // Bold headers are padded inside their colour.
    let trimmed = |text: &str| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    assert_eq!(trimmed(&console::strip_ansi_codes(&colored)), trimmed(&plain));
}

#[test]
fn bad_rows_are_listed_and_strict_refuses_them() {
    let dir = project();
    let path = dir.path().join("shop/data/sales.csv");
    let mut text = std::fs::read_to_string(&path).unwrap();
    text.push_str("2026-02-30,S01,MILK-1L,3\n2026-02-27,S01,MILK-1L,many\n");
    std::fs::write(&path, text).unwrap();
    let text = stdout(&expect(dir.path(), &["plan", "shop"], 0));
    assert!(text.contains("2 rows could not be read"), "{text}");
    assert!(text.contains("\"many\"") && text.contains("\"2026-02-30\""), "{text}");
    let quarantine = std::fs::read_to_string(dir.path().join("shop/out/quarantine.csv")).unwrap();
    assert_eq!(quarantine.lines().count(), 3);
    let output = expect(dir.path(), &["plan", "shop", "--strict"], 3);
    assert!(stderr(&output).contains("--strict"), "{}", stderr(&output));
    expect(dir.path(), &["import", "shop", "--dry-run"], 1);
}

#[test]
fn check_tells_refused_rows_and_import_counts_copies() {
    let dir = temp();
    let mut text = "date,item_id,quantity\n".to_owned();
    for day in 1..=28 {
        text.push_str(&format!("2026-02-{day:02},A,5\n"));
    }
    std::fs::write(dir.path().join("sales.csv"), &text).unwrap();
    let output = stdout(&expect(dir.path(), &["check", "sales.csv", "--fail-on", "warning"], 0));
    assert!(output.contains("the data is in good health"), "{output}");
    std::fs::write(dir.path().join("sales.csv"), format!("{text}2026-02-30,A,5\n2026-02-28,A,5\n")).unwrap();
    let output = stdout(&expect(dir.path(), &["check", "sales.csv", "--fail-on", "warning"], 1));
    assert!(output.contains("1 row was refused") && !output.contains("good health"), "{output}");
    expect(dir.path(), &["check", "sales.csv"], 0);
    let report = json(&restock(dir.path(), &["import", "sales.csv", "--dry-run", "--json"]));
    assert!(report["tables"][0]["n_duplicates"].is_u64(), "{report}");
}

#[test]
fn amounts_without_price_and_cost_are_units() {
    let dir = temp();
    let rows: Vec<String> =
        (0..90).map(|t| format!("2026-{:02}-{:02},A,{},{}\n", 1 + t / 28, 1 + t % 28, 3 + t % 5, 2.5)).collect();
    let unpriced = rows.iter().map(|row| format!("{}\n", row.rsplit_once(',').unwrap().0));
    std::fs::write(dir.path().join("first.csv"), format!("date,item_id,quantity\n{}", unpriced.collect::<String>()))
        .unwrap();
    std::fs::write(dir.path().join("second.csv"), format!("date,item_id,quantity,unit_price\n{}", rows.concat()))
        .unwrap();
    let table = |file: &str| stdout(&expect(dir.path(), &["try", file, "--out", "out"], 0));
    let page = || std::fs::read_to_string(dir.path().join("out/report.html")).unwrap();
    let text = table("first.csv");
    assert!(text.contains("at risk, units") && !text.contains("at risk EUR"), "{text}");
    assert!(page().contains("at risk, units") && !page().contains("at risk EUR"));
    let text = table("second.csv");
    assert!(text.contains("at risk EUR") && !text.contains("at risk, units"), "{text}");
    assert!(page().contains("at risk EUR"));
}

#[test]
fn check_fails_on_what_it_is_told_to() {
    let dir = project();
    let report = json(&restock(dir.path(), &["check", "shop", "--json"]));
    assert!(report["findings"].is_array() && report["scores"].is_array());
    let any = !report["findings"].as_array().unwrap().is_empty();
    expect(dir.path(), &["check", "shop", "--fail-on", "info"], i32::from(any));
    expect(dir.path(), &["check", "shop", "--fail-on", "never"], 0);
}

#[test]
fn explain_replays_the_written_line_and_re_plans_it() {
    let dir = project();
    let plan = json(&expect(dir.path(), &["plan", "shop", "--json"], 0));
    let first = &plan["proposals"][0];
    let line = format!("{}@{}", first["item_id"].as_str().unwrap(), first["destination"].as_str().unwrap());
    let output = expect(dir.path(), &["explain", &line, "shop", "--replay", "--json"], 0);
    let explained = json(&output);
    assert_eq!(&explained["line"]["proposal"], first, "the line of the plan, number by number");
    assert_eq!(explained["replay"]["identical"], true);
    let text = stdout(&expect(dir.path(), &["explain", &line, "shop", "--what-if", "demand=+100%"], 0));
    assert!(text.contains("Re-planned with demand=+100%"), "{text}");
    let output = expect(dir.path(), &["explain", "MILK-2L@S01", "shop"], 2);
    assert!(stderr(&output).contains("did you mean \"MILK-1L\"?"), "{}", stderr(&output));
    expect(dir.path(), &["explain", &line, "shop", "--what-if", "colour=red"], 2);
}

#[test]
fn a_replay_that_differs_fails_and_says_what_differs() {
    let dir = project();
    let plan = json(&expect(dir.path(), &["plan", "shop", "--json", "--out", "kept"], 0));
    let id = |line: &serde_json::Value, place: &str| {
        format!("{}@{}", line["item_id"].as_str().unwrap(), line[place].as_str().unwrap())
    };
    let ordered = id(&plan["proposals"][0], "destination");
    let lines = plan["lines"].as_array().unwrap();
    let covered =
        id(lines.iter().find(|line| line["quantity"] == "0").expect("some line needs nothing"), "location_id");
    for line in [&ordered, &covered] {
        expect(dir.path(), &["explain", line, "shop", "--replay", "--plan", "kept"], 0);
        // Other demand, other numbers, ordered or not.
        let args = ["explain", line, "shop", "--model", "seasonal_naive", "--replay", "--plan", "kept"];
        let output = expect(dir.path(), &args, 1);
        assert!(stderr(&output).contains("replayed: differs from the line in kept/plan.json; "), "{}", stderr(&output));
    }
    let args = ["explain", &ordered, "shop", "--objective", "cycle=0.6", "--replay", "--plan", "kept"];
    let message = stderr(&expect(dir.path(), &args, 1));
    assert!(message.contains("settings have changed: repeat the flags of that plan"), "{message}");
    expect(dir.path(), &["explain", &ordered, "shop", "--replay", "--plan", "nowhere"], 3);
    std::fs::write(dir.path().join("kept/plan.json"), "{").unwrap();
    expect(dir.path(), &["explain", &ordered, "shop", "--replay", "--plan", "kept"], 3);
}

#[test]
fn suggested_commands_repeat_the_flags_of_the_run() {
    let dir = project();
    let flags = ["--lead-time", "9", "--as-of", "2026-02-20", "--objective", "cycle=0.9", "--date-format", "%Y-%m-%d"];
    let mut args = vec!["try", "shop/data/sales.csv", "--out", "result"];
    args.extend(flags);
    let text = stdout(&expect(dir.path(), &args, 0));
    let command = |verb: &str| {
        let line =
            text.lines().find_map(|line| line.trim().strip_prefix("restock ").filter(|line| line.starts_with(verb)));
        let line = line.unwrap_or_else(|| panic!("no {verb} in {text}"));
        line.split(" # ").next().unwrap().split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(command("check")[1..], ["shop/data/sales.csv", "--date-format", "%Y-%m-%d", "--as-of", "2026-02-20"]);
    let explain = command("explain");
    let mut args: Vec<&str> = explain.iter().map(String::as_str).collect();
    args.extend(["--replay", "--plan", "result"]);
    expect(dir.path(), &args, 0);
}

#[test]
fn export_writes_one_file_per_supplier_and_destination() {
    let dir = project();
    let output = expect(dir.path(), &["export", "--project", "shop"], 3);
    assert!(stderr(&output).contains("restock plan"), "{}", stderr(&output));
    let plan = json(&expect(dir.path(), &["plan", "shop", "--json"], 0));
    let export = json(&expect(dir.path(), &["export", "--project", "shop", "--json"], 0));
    let files = export["files"].as_array().unwrap();
    assert_eq!(files.len(), plan["order_groups"].as_array().unwrap().len());
    let n_lines: usize = files
        .iter()
        .map(|file| std::fs::read_to_string(dir.path().join(file.as_str().unwrap())).unwrap().lines().count() - 1)
        .sum();
    assert_eq!(n_lines, plan["proposals"].as_array().unwrap().len());
}

#[test]
fn forecast_backtest_simulate_and_demo_run_on_small_data() {
    let dir = project();
    let forecast = json(&expect(dir.path(), &["forecast", "shop", "--horizon", "7", "--json"], 0));
    assert_eq!(forecast[0]["mean"].as_array().unwrap().len(), 7);
    expect(dir.path(), &["forecast", "shop", "--only", "MILK-1L", "--out", "f.csv"], 0);
    let csv = std::fs::read_to_string(dir.path().join("f.csv")).unwrap();
    assert_eq!(csv.lines().count(), 1 + 2 * 28, "two locations, 28 days");
    expect(dir.path(), &["forecast", "shop", "--quantiles", "1.5"], 2);
    expect(dir.path(), &["forecast", "shop", "--model", "crystal_ball"], 2);

    let board = json(&expect(
        dir.path(),
        &[
            "backtest",
            "shop",
            "--forecast",
            "--models",
            "seasonal_naive,ses",
            "--windows",
            "2",
            "--horizon",
            "7",
            "--json",
        ],
        0,
    ));
    assert!(board["rows"].as_array().is_some_and(|rows| rows.len() >= 2), "{board}");
    let args = ["backtest", "shop", "--windows", "2", "--policies", "base_stock,min_max", "--model", "ses", "--json"];
    let report = json(&expect(dir.path(), &args, 0));
    assert!(report["policies"].as_array().is_some_and(|policies| policies.len() >= 2));
    assert!(dir.path().join("shop/out/backtest.html").is_file());

    let args = ["simulate", "shop", "--model", "ses", "--paths", "20", "--days", "28", "--out", "sim", "--json"];
    let report = json(&expect(dir.path(), &args, 0));
    let scenario = &report["scenarios"][0];
    assert_eq!((scenario["name"].as_str(), &report["difference"]), (Some("baseline"), &serde_json::Value::Null));
    assert_eq!((&report["from"], &report["to"]), (&"2026-03-02".into(), &"2026-03-29".into()));
    for kpi in ["fill_rate", "in_stock", "cycle_service", "mean_stock_value", "turns", "n_orders", "stockout_cost"] {
        let value = |part: &str| scenario["kpis"][kpi][part].as_f64().unwrap();
        assert!(value("low") <= value("mean") && value("mean") <= value("high"), "{kpi}: {}", scenario["kpis"]);
    }
    assert_eq!(scenario["stock_value"].as_array().unwrap().len(), 28);
    assert_eq!(scenario["service"].as_array().unwrap().len(), 4);
    let n_lines = scenario["lines"].as_array().unwrap().len() as u64;
    assert_eq!(report["n_item_locations"].as_u64(), Some(n_lines));
    let page = std::fs::read_to_string(dir.path().join("sim/simulation.html")).unwrap();
    assert!(page.contains("id=\"fan\"") && !page.contains("http://") && !page.contains("src="));
    let shock = "demand=2x@2026-03-10 where location.id == 'S01'";
    let args = ["simulate", "shop", "--model", "ses", "--paths", "20", "--days", "28", "--shock", shock];
    let text = stdout(&expect(dir.path(), &args, 0));
    assert!(text.contains("baseline") && text.contains("with shock") && text.contains("difference"), "{text}");
    assert!(text.contains("Shock: demand × 2, from 2026-03-10 on, where location.id == 'S01'"), "{text}");

    let plan = json(&expect(dir.path(), &["demo", "--items", "12", "--json"], 0));
    assert!(plan["summary"]["n_planned"].as_u64() >= Some(12));
    assert!(dir.path().join("restock-demo/out/report.html").is_file());
}

#[test]
fn completions_know_the_verbs() {
    let dir = temp();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = stdout(&expect(dir.path(), &["completions", shell], 0));
        assert!(VERBS.iter().all(|verb| script.contains(verb)), "{shell}");
    }
    expect(dir.path(), &["completions", "tcsh"], 2);
    let refused = json(&expect(dir.path(), &["completions", "bash", "--json"], 2));
    assert_eq!(refused["error"]["hint"], "restock completions bash");
}

#[test]
fn config_explain_lists_and_filters() {
    let dir = temp();
    let rows = json(&expect(dir.path(), &["config", "explain", "--json"], 0));
    assert!(rows.as_array().unwrap().iter().all(|row| row["meaning"].as_str().is_some_and(|text| !text.is_empty())));
    let text = stdout(&expect(dir.path(), &["config", "explain", "service"], 0));
    insta::assert_snapshot!(text, @r#"
    No restock.toml here: every value is the default.

      setting                      value         meaning
      ───────────────────────────────────────────────────────────────────────────────────────────────────────────────
      objective.service.type       "fill_rate"   how service is measured: share of demand met, cycles or days without
                                                 stock-out
      objective.service.target     0.98          service level to reach
      [[segment]] service.type                   how service is measured in the segment
      [[segment]] service.target                 service level of the segment
    "#);
    let text = stdout(&expect(dir.path(), &["config", "explain", "intake.s"], 0));
    insta::assert_snapshot!(text, @"
    No restock.toml here: every value is the default.

      setting              meaning
      ────────────────────────────────────────────────────────
      [[intake]] stream    nats: the stream of JetStream
      [[intake]] subject   nats: only messages of this subject
    ");
    expect(dir.path(), &["config", "explain", "zebra"], 2);
}

#[test]
fn bad_shocks_say_the_way_out() {
    let dir = project();
    let error = |shock: &str| stderr(&expect(dir.path(), &["simulate", "shop", "--model", "ses", "--shock", shock], 2));
    insta::assert_snapshot!(error("demand=2x"), @r#"
    error: shock "demand=2x" has no "@", write for example demand=2x@2026-12-01

    hint: --shock demand=+30%@2026-12-01..2026-12-24, or --shock lead_time=+5@2026-12-01
    "#);
    insta::assert_snapshot!(error("demand=2x@2026-12-01"), @r#"
    error: shock "demand=2x@2026-12-01" holds on none of the days 2026-03-02 to 2026-05-30 that are played

    hint: --days 275 plays until then
    "#);
    insta::assert_snapshot!(error("demand=2x@2026-04 where location.id == 'MOON'"), @r#"
    error: shock "demand=2x@2026-04 where location.id == 'MOON'" matches none of 12 item-locations

    hint: item.id, item.abc, item.category, location.id and location.kind are usual fields
    "#);
}

/// Files of `examples/networks`: valid ones are played, a mistake is named with its file and line.
#[test]
fn networks_are_validated_from_files() {
    let dir = temp();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/networks");
    for name in ["serial.toml", "assembly.toml", "divergent.yaml", "warehouses.toml"] {
        let path = examples.join(name).display().to_string();
        let rows = json(&expect(dir.path(), &["env", "validate", &path, "--steps", "2000", "--json"], 0));
        assert_eq!((&rows[0]["holds"], rows[0]["id"].as_str()), (&serde_json::json!(true), Some(path.as_str())));
    }
    let text = std::fs::read_to_string(examples.join("serial.toml")).unwrap();
    std::fs::write(dir.path().join("bad.toml"), text.replacen("holding_cost = 0.03", "holding_cost = -1", 1)).unwrap();
    insta::assert_snapshot!(stderr(&expect(dir.path(), &["env", "validate", "bad.toml"], 2)), @r#"error: bad.toml: line 18: holding_cost of node "depot" is -1, must be at least 0"#);
    std::fs::write(dir.path().join("bad.yaml"), "horizon: 3\nnodes: 4\n").unwrap();
    let error = stderr(&expect(dir.path(), &["env", "validate", "bad.yaml"], 2));
    assert!(error.starts_with("error: bad.yaml: the network is not valid YAML: "), "{error}");
}

/// A mistake in a file of a problem is named with file, line, key and what is allowed; one in a pair is the pair's.
#[test]
fn mistakes_in_problem_files_name_their_line() {
    let dir = temp();
    let solve = |text: &str, name: &str, pairs: &[&str]| {
        std::fs::write(dir.path().join(name), text).unwrap();
        stderr(&expect(dir.path(), &[&["solve", name], pairs].concat(), 2)).lines().next().unwrap().to_owned()
    };
    let text =
        "problem = \"lost-sales\"\nlead_time = 1\nholding_cost = -1\nstockout_cost = 4\ndemand = \"poisson:5\"\n";
    insta::assert_snapshot!(solve(text, "a.toml", &[]), @"error: a.toml: line 3: holding_cost is -1, must be above 0");
    insta::assert_snapshot!(solve(text, "a.toml", &["holding_cost=1", "lead_time=1.5"]), @"error: lead_time is 1.5, must be a whole number, at least 0");
    let yaml = "problem: lost-sales\nlead_time: 1.5\nholding_cost: 1\nstockout_cost: 4\ndemand: poisson:5\n";
    insta::assert_snapshot!(solve(yaml, "a.yaml", &[]), @"error: a.yaml: line 2: lead_time is 1.5, must be a whole number, at least 0");
    let network = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/networks/serial.toml");
    let network = std::fs::read_to_string(network).unwrap().replacen("holding_cost = 0.03", "holding_cost = -1", 1);
    insta::assert_snapshot!(solve(&network, "n.toml", &[]), @r#"error: n.toml: line 18: holding_cost of node "depot" is -1, must be at least 0"#);
    let error = stderr(&expect(dir.path(), &["solve", "guaranteed-service", "stages=1"], 2));
    assert!(error.ends_with("hint: `restock solve` shows an example file of guaranteed-service\n"), "{error}");
}

/// A problem on the command line and the same in a file, with a page and charts.
#[test]
fn problems_are_solved_from_pairs_and_files() {
    let dir = temp();
    let pairs = ["solve", "lot-sizing", "demands=90,120,80,70", "order_cost=500", "holding_cost=2"];
    let text = stdout(&expect(dir.path(), &pairs, 0));
    for line in ["cost                1380   currency", "order in period 3    150   units", "Wagner & Whitin 1958"] {
        assert!(text.contains(line), "{line} in {text}");
    }
    let file = "problem = \"lot-sizing\"\ndemands = [90, 120, 80, 70]\norder_cost = 500\nholding_cost = 2\n";
    std::fs::write(dir.path().join("lots.toml"), file).unwrap();
    assert_eq!(stdout(&expect(dir.path(), &["solve", "lots.toml"], 0)), text);
    expect(dir.path(), &["solve", "lots.toml", "--out", "page"], 0);
    for name in ["page/lot-sizing.html", "page/lot-sizing-1.svg"] {
        assert!(dir.path().join(name).is_file(), "{name}");
    }
    let network = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/networks/divergent.yaml");
    let solved = json(&expect(dir.path(), &["solve", &network.display().to_string(), "--json"], 0));
    assert!(solved["figures"][0]["name"] == "profit of an episode", "{solved}");
}

/// What has no date or no quantity is not planned as if it had sold nothing.
#[test]
fn a_file_without_sales_is_refused_with_what_it_was_read_as() {
    let dir = temp();
    std::fs::write(dir.path().join("wide.csv"), "item,2024-01,2024-02\nA,5,6\nB,2,3\n").unwrap();
    insta::assert_snapshot!(stderr(&expect(dir.path(), &["try", "wide.csv", "--out", "out"], 3)), @"
    error: no sales were found; the files were read as: items (wide.csv: item, 2024-01, 2024-02)

    hint: sales need one row per item and date, with columns such as date, item and quantity; a wide table with a column per day or month is read with a mapping file (--map, see examples/mappings)
    ");
    assert!(!dir.path().join("out").exists());
    let project = project();
    // Rows that ask for a display would be planned without sales.
    for table in ["sales.csv", "item_locations.csv"] {
        std::fs::remove_file(project.path().join("shop/data").join(table)).unwrap();
    }
    let error = stderr(&expect(project.path(), &["plan", "shop"], 3));
    assert!(error.contains("no sales were found") && error.contains("inventory (inventory.csv: "), "{error}");
}

/// Sales of two items on each of `n_days` days from 2024-01-01.
fn write_sales(dir: &Path, n_days: i32, quantity: impl Fn(i32) -> i32) {
    let first: restock_core::Day = "2024-01-01".parse().unwrap();
    let mut text = "date,item,quantity\n".to_owned();
    for day in 0..n_days {
        let (date, quantity) = (first.plus(day), quantity(day));
        text.push_str(&format!("{date},A,{quantity}\n{date},B,{quantity}\n"));
    }
    std::fs::write(dir.join("sales.csv"), text).unwrap();
}

#[test]
fn where_nothing_could_be_planned_the_reasons_are_told() {
    let dir = temp();
    let told = |extra: &[&str]| {
        let text = stdout(&expect(dir.path(), &[&["try", "sales.csv", "--dry-run"], extra].concat(), 0));
        assert!(!text.contains("Nothing to order") && !text.contains("restock backtest"), "{text}");
        let at = text.find("Nothing could be planned").unwrap_or_else(|| panic!("{text}"));
        (text[at..].split("\n\n").next().unwrap().to_owned(), text)
    };
    write_sales(dir.path(), 120, |_| 0);
    insta::assert_snapshot!(told(&[]).0, @"
    Nothing could be planned
      · 2 item-locations, such as A@main: no sales yet, and no table says that it is sold here: list it in
        item_locations, or give its launch day in items
    ");
    write_sales(dir.path(), 120, |_| -2);
    insta::assert_snapshot!(told(&[]).0, @"
    Nothing could be planned
      · 2 item-locations, such as A@main: no sales yet, and no table says that it is sold here: list it in
        item_locations, or give its launch day in items
    ");
    write_sales(dir.path(), 120, |day| 1 + day % 7);
    let (reasons, text) = told(&["--as-of", "2030-01-01"]);
    insta::assert_snapshot!(reasons, @"
    Nothing could be planned
      · 2 item-locations, such as A@main: no sale since 2024-04-29: give newer sales, or a minimum stock in
        item_locations
    ");
    assert!(text.contains("the last sale is of 2024-04-29, 2073 days before the plan"), "{text}");
}

#[test]
fn a_backtest_is_suggested_only_where_the_history_is_long_enough() {
    let dir = temp();
    for (n_days, suggested) in [(76, false), (120, true)] {
        write_sales(dir.path(), n_days, |day| day % 7);
        let text = stdout(&expect(dir.path(), &["try", "sales.csv", "--dry-run", "--model", "ses"], 0));
        assert_eq!(text.contains("restock backtest"), suggested, "{n_days}: {text}");
    }
    write_sales(dir.path(), 76, |day| day % 7);
    insta::assert_snapshot!(stderr(&expect(dir.path(), &["backtest", "sales.csv", "--windows", "8"], 3)), @"
    error: history is 76 days, at least 112 are needed: some to learn from, some to replay

    hint: give sales that reach further back
    ");
}

/// A version of the shipped model whose quantiles are moved up a little, with or without evidence that this is better.
fn version(with_evidence: bool) -> restock_pretrained::tuning::adapter::Adapter {
    use restock_forecast::evaluate::{Estimate, EvaluateOptions};
    use restock_pretrained::config::N_LEVELS;
    use restock_pretrained::shipped;
    use restock_pretrained::tuning::adapter::{Adapter, Card, Change, Method};
    use restock_pretrained::tuning::calibration::Calibration;
    use restock_pretrained::tuning::score::{Evidence, Scores};
    let estimate = |value: f64| Estimate { value, low: value - 0.01, high: value + 0.01 };
    let evidence = Evidence {
        zero_shot: Scores { sql: estimate(0.8), wql: estimate(0.52) },
        tuned: Scores { sql: estimate(0.776), wql: estimate(0.51) },
        improvement: estimate(0.03),
        n_series: 8,
        n_origins: 3,
        horizon: 2,
        ci_level: EvaluateOptions::default().ci_level,
    };
    let card = Card {
        method: Method::Calibrate,
        base: "base".into(),
        base_sha256: shipped::base().sha256.into(),
        parent: None,
        day: "2026-03-02".into(),
        data: "00ff".into(),
        n_series: 8,
        n_windows: 900,
        bucket: restock_core::Bucket::Day,
        horizon: 2,
        seed: 1,
        steps: 0,
        windows_per_step: 0,
        learning_rate: 0.0,
        seconds: 0.5,
        share: 1.0,
        rank: None,
        alpha: None,
        volume_bounds: vec![],
        evidence: with_evidence.then_some(evidence),
    };
    let shifts = vec![0.1; 2 * N_LEVELS];
    Adapter {
        card,
        change: Change::Calibration(Calibration { bounds: vec![], marginal: shifts.clone(), cumulative: shifts }),
    }
}

#[test]
fn versions_of_the_model_are_listed_promoted_used_and_rolled_back() {
    use restock_pretrained::shipped;
    use restock_pretrained::tuning::registry::Registry;
    let dir = project();
    let shop = dir.path().join("shop");
    let models = Registry::new(shop.join(".restock/models"));
    for with_evidence in [true, false] {
        models.save(&version(with_evidence), shipped::base().weights.config()).unwrap();
    }
    let forecast = || {
        let args = ["forecast", "shop", "--model", "pretrained", "--only", "MILK-1L@S01", "--horizon", "2", "--json"];
        let rows = json(&expect(dir.path(), &args, 0));
        (rows[0]["model"].as_str().unwrap().to_owned(), rows[0]["mean"][0].as_f64().unwrap())
    };
    let (name, as_shipped) = forecast();
    assert_eq!(name, "pretrained");
    expect(&shop, &["model", "promote", "v1"], 0);
    insta::assert_snapshot!(stdout(&expect(&shop, &["model", "list"], 0)), @r#"
      version           method       day             SQL   SQL as shipped   better by      WQL   used
      ─────────────────────────────────────────────────────────────────────────────────────────────────
      shipped           as shipped
      pretrained_nano   as shipped
      v1                calibrate    2026-03-02   0.7760           0.8000     +3.00 %   0.5100   yes
      v2                calibrate    2026-03-02

    Scaled quantile loss (SQL) and weighted quantile loss (WQL) on windows that were not trained on, lower is better.
    "#);
    let (name, tuned) = forecast();
    assert!(name == "pretrained@v1" && as_shipped < tuned, "{name} {as_shipped} {tuned}");

    // Without evidence a reason is needed, and it is written down.
    let refused = expect(dir.path(), &["model", "promote", "v2", "--project", "shop"], 1);
    insta::assert_snapshot!(stderr(&refused), @r#"
    error: version "v2" may not be used: nothing shows that it is better, at least 1 % better than the shipped model is expected

    hint: --force REASON promotes it all the same and writes the reason down
    "#);
    expect(&shop, &["model", "promote", "v2", "--force", "a trial"], 0);
    let listed = json(&expect(&shop, &["model", "list", "--json"], 0));
    assert_eq!(listed["history"][1]["reason"], "a trial");
    assert_eq!((&listed["versions"][3]["used"], &listed["versions"][0]["used"]), (&true.into(), &false.into()));
    insta::assert_snapshot!(stdout(&expect(&shop, &["model", "rollback"], 0)), @r#"
    back to v1; v2 is no longer used
    "#);
    assert_eq!(forecast().0, "pretrained@v1");
    insta::assert_snapshot!(stdout(&expect(&shop, &["model", "verify"], 0)), @r#"
      model             check                                  found
      ──────────────────────────────────────────────────────────────
      shipped           SHA-256 of the file                    holds
      shipped           names, shapes and numbers of tensors   holds
      pretrained_nano   SHA-256 of the file                    holds
      pretrained_nano   names, shapes and numbers of tensors   holds
      v1                SHA-256 of the file                    holds
      v1                weights it changes                     holds
      v1                names, shapes and numbers of tensors   holds
      v2                SHA-256 of the file                    holds
      v2                weights it changes                     holds
      v2                names, shapes and numbers of tensors   holds

    10 of 10 checks hold
    "#);

    // What was learnt of days is not used for weeks, and the run says so.
    let settings = shop.join("restock.toml");
    let by_day = std::fs::read_to_string(&settings).unwrap();
    let by_week = by_day.replacen("bucket = \"day\"", "bucket = \"week\"", 1);
    assert_ne!(by_day, by_week);
    std::fs::write(&settings, by_week).unwrap();
    let args = ["forecast", "shop", "--model", "pretrained", "--only", "MILK-1L@S01", "--horizon", "2", "--json"];
    let output = expect(dir.path(), &args, 0);
    insta::assert_snapshot!(stderr(&output), @"note: version v1 of the pretrained model is tuned to days, the data are in weeks: the shipped model is used in its place");
    let row = &json(&output)[0];
    insta::assert_snapshot!(format!("{}: {}", row["model"].as_str().unwrap(), row["reason"].as_str().unwrap()), @"pretrained: pretrained on simulated shops, not fitted: version v1 is tuned to days, the data are in weeks");
    std::fs::write(&settings, by_day).unwrap();
    assert_eq!(forecast().0, "pretrained@v1");

    // A damaged version is neither used nor hidden.
    let path = models.path("v1");
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    expect(&shop, &["model", "list"], 1);
    let found = json(&expect(&shop, &["model", "verify", "v1", "--json"], 1));
    assert_eq!((&found[0]["holds"], found.as_array().unwrap().len()), (&false.into(), 1));
    let output = expect(dir.path(), &["forecast", "shop", "--model", "pretrained"], 3);
    assert!(
        stderr(&output).contains("was changed or damaged") && stderr(&output).contains("hint: "),
        "{}",
        stderr(&output)
    );
    expect(&shop, &["model", "promote", "shipped"], 0);
    assert_eq!(forecast(), ("pretrained".to_owned(), as_shipped));

    // Files and folders of others.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../restock-pretrained");
    let fixture = |name: &str| root.join(name).display().to_string();
    expect(&shop, &["model", "verify", "pretrained_nano"], 0);
    let args = ["forecast", "shop", "--model", "pretrained_nano", "--only", "MILK-1L@S01", "--horizon", "2", "--json"];
    assert_eq!(json(&expect(dir.path(), &args, 0))[0]["model"], "pretrained_nano");
    expect(&shop, &["model", "verify", &fixture("models/base.safetensors")], 0);
    expect(&shop, &["model", "verify", &fixture("tests/fixtures/chronos/chronos2")], 0);
    expect(&shop, &["model", "verify", &fixture("models/base.md")], 1);
    expect(&shop, &["model", "verify", "v9"], 2);
    expect(dir.path(), &["model", "list", "--project", "no-project"], 2);
}

#[test]
fn tuning_tells_what_every_method_is_worth_and_saves_what_is_better() {
    let dir = project();
    let args = ["model", "tune", "shop", "--method", "calibrate", "--horizon", "7", "--json"];
    let output = restock(dir.path(), &args);
    let told = json(&output);
    assert_eq!(told["attempts"][0]["method"], "calibrate");
    assert!(0.0 < told["attempts"][0]["evidence"]["tuned"]["sql"]["value"].as_f64().unwrap());
    // Whether ten items are evidence enough is for the numbers to say; exit code, file and answer must agree.
    let is_better = told["is_better"].as_bool().unwrap();
    assert_eq!(output.status.code(), Some(i32::from(!is_better)));
    assert_eq!(dir.path().join("shop/.restock/models/v1.safetensors").is_file(), is_better);
    assert_eq!(told["saved"].is_string(), is_better);
    assert!(told["promoted"] == false);

    let output = expect(dir.path(), &["model", "tune", "shop", "--horizon", "256", "--method", "calibrate"], 3);
    assert!(stderr(&output).contains("periods") && stderr(&output).contains("--horizon 7"), "{}", stderr(&output));
    expect(dir.path(), &["model", "tune", "shop", "--budget", "soon"], 2);
}

/// A fruit that starts tomorrow is ordered like other fruit, and says so in both languages; a model of sentences may
/// compare the texts.
#[test]
fn a_new_item_is_explained_by_similar_ones() {
    let dir = temp();
    let shop = dir.path().join("shop");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/shop");
    std::fs::create_dir_all(shop.join("data")).unwrap();
    std::fs::copy(example.join("restock.toml"), shop.join("restock.toml")).unwrap();
    for file in std::fs::read_dir(example.join("data")).unwrap().map(|file| file.unwrap().path()) {
        std::fs::copy(&file, shop.join("data").join(file.file_name().unwrap())).unwrap();
    }
    let append = |table: &str, rows: &str| {
        let path = shop.join("data").join(table);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, format!("{}\n{rows}\n", text.trim_end())).unwrap();
    };
    append("items.csv", "pears-500g,\"Pears, 500 g\",fresh/fruit,each,1.20,2.79,0.0019,,14,2026-03-24,,,Orchard");
    append(
        "sources.csv",
        "dc,market-fresh,,pears-500g,,1,0,1.20,6,6,,,,1,,,,,\nharbour,,dc,pears-500g,,1,0,1.20,,2,,,,1,,orders-fresh,,,",
    );
    let explained = |lang: &str| stdout(&expect(&shop, &["explain", "pears-500g@harbour", "--lang", lang], 0));
    let english = explained("en");
    let english: String = english.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(english.contains("no sales yet: demand is expected like that of 20 similar items, such as"), "{english}");
    assert!(english.contains("auto: similar items (no sales yet, like 20 similar items, such as"), "{english}");
    let chinese = explained("zh-CN");
    assert!(chinese.contains("尚无销售：预计需求与20 个相似商品，例如"), "{chinese}");

    let config = std::fs::read_to_string(shop.join("restock.toml")).unwrap();
    let with_model = |folder: &Path| {
        let folder = folder.display().to_string().replace('\\', "/");
        let text = config.replace("model = \"auto\"", &format!("model = \"auto\"\ntext_model = \"{folder}\""));
        assert_ne!(text, config);
        std::fs::write(shop.join("restock.toml"), text).unwrap();
    };
    with_model(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../restock-pretrained/tests/fixtures/text"));
    assert!(explained("en").contains("similar items"));
    with_model(dir.path());
    let refused = stderr(&expect(&shop, &["plan"], 2));
    assert!(refused.contains("forecast.text_model") && refused.contains("config.json"), "{refused}");
}
