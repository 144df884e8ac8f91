//! `restock serve` as a process: events over HTTP are in the next plan, and a server that is killed has lost nothing.

#[allow(dead_code)]
mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use common::{json, refused, restock, stdout, text};

const EVENTS: &str = r#"[
{"event_id":"1","source":"till","type":"count","occurred_at":"2026-03-01T06:00:00Z","item_id":"tea","location_id":"main","on_hand":40},
{"event_id":"2","source":"till","type":"sale","occurred_at":"2026-03-01T09:00:00Z","item_id":"tea","location_id":"main","quantity":3}
]"#;

struct Served {
    process: Child,
    address: String,
}

impl Served {
    fn start(dir: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_restock"))
            .args(["serve", "--project", "shop", "--listen", "127.0.0.1:0"])
            .current_dir(dir)
            .env_clear()
            .stderr(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("restock runs");
        let mut lines = BufReader::new(process.stderr.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let address = line.split_once("http://").expect(&line).1.split(',').next().unwrap().to_owned();
        // The log must not fill its pipe.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        let served = Self { process, address };
        while !served.request("GET", "/ready", None, "").starts_with("HTTP/1.1 200") {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        served
    }

    /// The whole answer to a program.
    fn request(&self, method: &str, path: &str, token: Option<&str>, body: &str) -> String {
        let token = token.map_or(String::new(), |token| format!("authorization: Bearer {token}\r\n"));
        self.send(method, path, &token, body)
    }

    /// The whole answer; each header ends its line.
    fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\n{headers}content-type: application/json\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

/// A project with a month of sales, so many a day of each item.
fn shop(dir: &Path, settings: &str, items: &[(&str, u32)]) {
    let project = dir.join("shop");
    std::fs::create_dir_all(project.join("data")).unwrap();
    std::fs::write(project.join("restock.toml"), settings).unwrap();
    let mut sales = "date,item_id,location_id,quantity\n".to_owned();
    for day in 1..=28 {
        for (item, quantity) in items {
            sales.push_str(&format!("2026-02-{day:02},{item},main,{quantity}\n"));
        }
    }
    std::fs::write(project.join("data/sales.csv"), sales).unwrap();
}

/// A new token of the project.
fn token(dir: &Path, name: &str, role: &str) -> String {
    let made = json(dir, &["token", "create", name, "--role", role, "--project", "shop", "--json"]);
    made["token"].as_str().unwrap().to_owned()
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The body of an answer.
fn body(answer: &str) -> serde_json::Value {
    let (_, text) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

fn with_password(dir: &Path, args: &[&str], password: &str) -> std::process::Output {
    let mut process = Command::new(env!("CARGO_BIN_EXE_restock"))
        .args(args)
        .args(["--project", "shop", "--password-stdin"])
        .current_dir(dir)
        .env_clear()
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("restock runs");
    process.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes()).unwrap();
    process.wait_with_output().unwrap()
}

#[test]
fn a_person_logs_in_approves_and_the_trail_says_who() {
    let dir = tempfile::tempdir().unwrap();
    shop(dir.path(), "", &[("tea", 4)]);
    std::fs::write(dir.path().join("events.json"), EVENTS.replace(r#""on_hand":40"#, r#""on_hand":5"#)).unwrap();
    stdout(dir.path(), &["ingest", "events.json", "--project", "shop"]);
    stdout(dir.path(), &["plan", "--publish", "--project", "shop"]);

    let short = with_password(dir.path(), &["user", "create", "ada", "--role", "admin"], "short");
    assert_eq!(short.status.code(), Some(2), "{}", text(&short.stderr));
    assert!(text(&short.stderr).contains("hint: 12 characters"), "{}", text(&short.stderr));
    let untold = restock(dir.path(), &["user", "create", "ada", "--role", "admin", "--project", "shop"]);
    assert!(text(&untold.stderr).contains("--password-stdin"), "without a terminal: {}", text(&untold.stderr));
    const PASSWORD: &str = "four words make one";
    let made = with_password(dir.path(), &["user", "create", "ada", "--role", "admin"], PASSWORD);
    assert_eq!(text(&made.stdout), "ada may log in as admin\n", "{}", text(&made.stderr));
    let listed = json(dir.path(), &["user", "list", "--project", "shop", "--json"]);
    assert_eq!((&listed["users"][0]["name"], &listed["users"][0]["is_disabled"]), (&"ada".into(), &false.into()));
    refused(dir.path(), &["user", "disable", "ada", "--project", "shop"]);

    let served = Served::start(dir.path());
    let log_in = serde_json::json!({ "name": "ada", "password": PASSWORD }).to_string();
    let answer = served.send("POST", "/v1/session", "", &log_in);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    let cookie = format!("cookie: {}\r\n", cookie.split(';').next().unwrap());
    let csrf = body(&answer)["csrf_token"].as_str().unwrap().to_owned();
    let page = body(&served.send("GET", "/v1/proposals?state=open", &cookie, ""));
    let id = page["proposals"][0]["proposal_id"].as_str().unwrap_or_else(|| panic!("{page}")).to_owned();
    let path = format!("/v1/proposals/{id}:approve");
    let unasked = served.send("POST", &path, &cookie, "{}");
    assert!(unasked.starts_with("HTTP/1.1 403") && unasked.contains("csrf"), "{unasked}");
    let headers = format!("{cookie}x-csrf-token: {csrf}\r\nsec-fetch-site: same-origin\r\n");
    let approved = served.send("POST", &path, &headers, "{}");
    assert!(approved.starts_with("HTTP/1.1 200") && body(&approved)["state"] == "approved", "{approved}");
    let trail = body(&served.send("GET", "/v1/audit", &cookie, ""));
    let by = |actor: &str, subject: &str| {
        let records = trail["records"].as_array().unwrap().iter();
        let own = records.filter(|record| record["actor"] == actor && record["subject"] == subject);
        own.map(|record| record["action"].as_str().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(by("command line", "user/ada"), ["user.create"], "{trail}");
    let decided = trail["records"].as_array().unwrap().iter().filter(|record| record["actor"] == "ada");
    assert!(decided.clone().any(|record| record["subject"].as_str().unwrap().contains(&id)), "{trail}");

    // A running server knows another password at once.
    with_password(dir.path(), &["user", "password", "ada"], "other words than before");
    let over = served.send("GET", "/v1/session", &cookie, "");
    assert!(over.starts_with("HTTP/1.1 401"), "{over}");
}

#[test]
fn beyond_this_machine_a_server_says_what_it_needs() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("shop")).unwrap();
    let config = |text: &str| std::fs::write(dir.path().join("shop/restock.toml"), text).unwrap();
    config("");
    let said = refused(dir.path(), &["serve", "--project", "shop", "--listen", "0.0.0.0:0"]);
    assert!(said.contains("server.tls_certificate") && said.contains("server.behind_proxy"), "{said}");
    config("[server]\ntls_certificate = \"server.pem\"\n");
    let said = refused(dir.path(), &["serve", "--project", "shop"]);
    assert!(said.contains("server.tls_certificate is set and server.tls_key is not"), "{said}");
    config("[server]\nhosts = [\"restock.example:443\"]\n");
    let said = refused(dir.path(), &["serve", "--project", "shop"]);
    assert!(said.contains("server.hosts") && said.contains("without ports"), "{said}");
    assert!(!dir.path().join("shop/.restock").exists(), "nothing was begun");
}

#[test]
fn events_over_http_are_in_the_next_plan_and_survive_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    shop(dir.path(), "", &[("tea", 4)]);
    let served = Served::start(dir.path());
    let refused = served.request("POST", "/v1/events", None, EVENTS);
    assert!(refused.starts_with("HTTP/1.1 401") && refused.contains("restock token create"), "{refused}");
    // A running server knows new tokens at once.
    let (till, viewer) = (token(dir.path(), "till", "integrator"), token(dir.path(), "ada", "viewer"));
    let answer = served.request("POST", "/v1/events", Some(&till), EVENTS);
    assert!(answer.starts_with("HTTP/1.1 202") && answer.contains("\"accepted\":2"), "{answer}");
    let forbidden = served.request("POST", "/v1/events", Some(&viewer), EVENTS);
    assert!(forbidden.starts_with("HTTP/1.1 403"), "{forbidden}");
    let stock = served.request("GET", "/v1/inventory", Some(&viewer), "");
    assert!(stock.contains("\"37\"") || stock.contains(":37"), "{stock}");
    // Killed at once, not asked to end.
    drop(served);
    let plan = json(dir.path(), &["plan", "--project", "shop", "--json"]);
    assert_eq!((&plan["as_of"], &plan["lines"][0]["on_hand"]), (&"2026-03-02".into(), &"37".into()));
    let served = Served::start(dir.path());
    let again = served.request("POST", "/v1/events", Some(&till), EVENTS);
    assert!(again.contains("\"duplicate\":2"), "{again}");
    stdout(dir.path(), &["token", "revoke", "till", "--project", "shop"]);
    let revoked = served.request("POST", "/v1/events", Some(&till), EVENTS);
    assert!(revoked.starts_with("HTTP/1.1 401"), "{revoked}");
}

/// Item, quantity of each proposal that a plan makes of the project as it stands.
fn planned(dir: &Path) -> Vec<(String, String)> {
    let plan = json(dir, &["plan", "--project", "shop", "--json"]);
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let mut all: Vec<_> = (plan["proposals"].as_array().unwrap().iter())
        .map(|one| (text(&one["item_id"]), text(&one["quantity"])))
        .collect();
    all.sort();
    all
}

/// The same of the server's desk.
fn on_desk(served: &Served, token: &str) -> Vec<(String, String)> {
    let answer = served.request("GET", "/v1/proposals?state=proposed&limit=100", Some(token), "");
    let page: serde_json::Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let mut all: Vec<_> = (page["proposals"].as_array().unwrap().iter())
        .map(|one| (text(&one["item_id"]), text(&one["quantity"])))
        .collect();
    all.sort();
    all
}

#[test]
fn proposals_follow_events_and_files_as_a_plan_made_anew_would() {
    let dir = tempfile::tempdir().unwrap();
    let project = dir.path().join("shop");
    let settings = "[forecast]\nmodel = \"ses\"\n\n[[intake]]\nkind = \"folder\"\npath = \"inbox\"\n";
    shop(dir.path(), settings, &[("tea", 4), ("rice", 9), ("salt", 2)]);
    std::fs::create_dir_all(project.join("inbox")).unwrap();
    let stock = |tea: u32| {
        format!(
            "item_id,location_id,on_hand,as_of\ntea,main,{tea},2026-02-28\nrice,main,30,2026-02-28\nsalt,main,90,2026-02-28\n"
        )
    };
    std::fs::write(project.join("data/inventory.csv"), stock(60)).unwrap();
    let (till, viewer) = (token(dir.path(), "till", "integrator"), token(dir.path(), "ada", "viewer"));
    let served = Served::start(dir.path());
    let wait_for = |what: &str| {
        let wanted = planned(dir.path());
        for _ in 0..600 {
            if on_desk(&served, &viewer) == wanted {
                return wanted;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("{what}: the desk has {:?}, a plan wants {wanted:?}", on_desk(&served, &viewer));
    };
    let first = wait_for("at the start");
    assert!(first.iter().any(|(item, _)| item == "rice"), "{first:?}");
    let inventory = |item: &str| {
        let path = format!("/v1/inventory?item_id={item}");
        body(&served.request("GET", &path, Some(&viewer), ""))["inventory"][0].clone()
    };
    let tea = inventory("tea");
    assert_eq!((&tea["on_hand"], &tea["counted_in"]), (&"60".into(), &"files".into()), "{tea}");
    // A count over HTTP, and sales from the folder.
    let counted = r#"{"event_id":"c","source":"till","type":"count","occurred_at":"2026-03-01T08:00:00Z","item_id":"tea","location_id":"main","on_hand":3}"#;
    let answer = served.request("POST", "/v1/events", Some(&till), counted);
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    let second = wait_for("after a count");
    assert_ne!(first, second);
    let sold = r#"{"event_id":"s","source":"pos","type":"sale","occurred_at":"2026-03-01T09:00:00Z","item_id":"salt","location_id":"main","quantity":80}"#;
    std::fs::write(project.join("inbox/.part"), sold).unwrap();
    std::fs::rename(project.join("inbox/.part"), project.join("inbox/pos.ndjson")).unwrap();
    for _ in 0..600 {
        if json(dir.path(), &["doctor", "--project", "shop", "--json"])["events"] == 2 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let third = wait_for("after a file in the folder");
    let (tea, salt) = (inventory("tea"), inventory("salt"));
    assert_eq!((&tea["on_hand"], &tea["counted_in"]), (&"3".into(), &"events".into()), "{tea}");
    assert_eq!((&salt["on_hand"], &salt["counted_in"]), (&"10".into(), &"files".into()), "{salt}");
    assert_ne!(second, third);
    let past = |item: &str, day: &str| {
        let path = format!("/v1/inventory?item_id={item}&as_of={day}");
        body(&served.request("GET", &path, Some(&viewer), ""))["inventory"][0]["on_hand"].clone()
    };
    assert_eq!((past("tea", "2026-02-28"), past("salt", "2026-02-28")), ("60".into(), "90".into()));
    assert_eq!((past("tea", "2026-03-01"), past("salt", "2026-03-01")), ("3".into(), "10".into()));
    assert_eq!(past("tea", "2026-02-27"), serde_json::Value::Null, "nobody had counted it");
    assert!(project.join("inbox/done").is_dir());
    // Files that change are read again.
    std::fs::write(project.join("data/inventory.csv"), stock(60).replace("rice,main,30", "rice,main,300")).unwrap();
    let fourth = wait_for("after a file changed");
    assert_ne!(third, fourth);
    // A file that broke is held out, and everybody can see it.
    let rest = |path: &str| body(&served.request("GET", path, Some(&viewer), ""));
    let until_said = |part: &str| {
        for _ in 0..1_200 {
            let problems = rest("/v1/plans")["plans"][0]["problems"].to_string();
            if problems.contains(part) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("{part}: {}", rest("/v1/plans")["plans"][0]);
    };
    std::fs::write(project.join("data/inventory.csv"), stock(60).replace("salt,main,90", "salt,main,many")).unwrap();
    until_said("inventory.csv: 1 row could not be taken in");
    std::fs::write(project.join("data/inventory.csv"), "<html><body>login</body></html>\n").unwrap();
    until_said("those of before stand");
    assert_eq!(rest("/ready")["planning"], "with_problems");
    std::fs::write(project.join("data/inventory.csv"), stock(60)).unwrap();
    until_said("[]");
    assert_eq!(rest("/ready")["planning"], "planned");
    let metrics = served.request("GET", "/metrics", Some(&viewer), "");
    assert!(
        metrics.contains("restock_intake_entries_total{source=\"folder\",kind=\"folder\",outcome=\"accepted\"} 1"),
        "{metrics}"
    );
}

/// A project of two shops that are supplied by a warehouse, with names, costs, minimums and so many days of sales.
fn chain(dir: &Path, n_days: i32) {
    let settings = "[forecast]\nmodel = \"ses\"\n";
    shop(dir, settings, &[]);
    let write = |table: &str, rows: &str| std::fs::write(dir.join(format!("shop/data/{table}.csv")), rows).unwrap();
    let mut sales = "date,item_id,location_id,quantity,unit_price\n".to_owned();
    let last: jiff::civil::Date = "2026-02-28".parse().unwrap();
    for number in 1..=n_days {
        let day = last.checked_sub(jiff::Span::new().days(n_days - number)).unwrap();
        for (item, per_day) in [("rice", 9), ("salt", 2), ("tea", 4)] {
            let quantity = per_day + (number * 7 + per_day) % 3;
            sales.push_str(&format!("{day},{item},east,{quantity},3\n"));
            sales.push_str(&format!("{day},{item},west,{per_day},3\n"));
        }
    }
    write("sales", &sales);
    write("items", "item_id,name,unit_cost,price\nrice,Rice 1 kg,2,3\nsalt,Salt,1,3\ntea,Green tea,1.5,3\n");
    write("locations", "location_id,name,kind\ndepot,Depot,dc\neast,East,store\nwest,West,store\n");
    write("suppliers", "supplier_id,name,min_order_value,cut_off\nmill,The Mill,50,14:00\n");
    write(
        "sources",
        "to_location,supplier_id,from_location,lead_time_days\ndepot,mill,,5\neast,,depot,1\nwest,,depot,1\n",
    );
    write(
        "inventory",
        "item_id,location_id,on_hand,as_of\nrice,east,4,2026-02-28\nrice,west,60,2026-02-28\nrice,depot,40,2026-02-28\n\
         salt,east,30,2026-02-28\nsalt,west,0,2026-02-28\nsalt,depot,500,2026-02-28\ntea,east,9,2026-02-28\n\
         tea,west,12,2026-02-28\ntea,depot,10,2026-02-28\n",
    );
}

/// What is read over HTTP is what the command line says of the same state.
#[test]
fn the_plan_is_read_over_http_as_the_command_line_tells_it() {
    let dir = tempfile::tempdir().unwrap();
    chain(dir.path(), 28);
    let viewer = token(dir.path(), "ada", "viewer");
    let served = Served::start(dir.path());
    let read = |path: &str| {
        let answer = served.request("GET", path, Some(&viewer), "");
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        body(&answer)
    };
    // The first plan is made before the first answer.
    let plan = json(dir.path(), &["plan", "--project", "shop", "--json"]);
    for _ in 0..600 {
        if read("/v1/item-locations")["plan_id"] == plan["plan_id"] {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let page = read("/v1/item-locations?sort=id&limit=100");
    assert_eq!((&page["plan_id"], &page["as_of"]), (&plan["plan_id"], &plan["as_of"]));
    let (rows, lines) = (page["lines"].as_array().unwrap(), plan["lines"].as_array().unwrap());
    assert_eq!((rows.len(), lines.len()), (9, 9));
    for (row, line) in rows.iter().zip(lines) {
        for (name, value) in line.as_object().unwrap().iter().filter(|(name, _)| *name != "source") {
            assert_eq!(&row[name], value, "{name} of {line}");
        }
        let source = [("supplier_id", "supplier_id"), ("from_location", "location_id")];
        for (ours, theirs) in source {
            assert_eq!(row[ours], line["source"].get(theirs).cloned().unwrap_or_default(), "{line}");
        }
        let (item, location) = (line["item_id"].as_str().unwrap(), line["location_id"].as_str().unwrap());
        let proposals = plan["proposals"].as_array().unwrap().iter();
        let mut own = proposals.filter(|one| one["item_id"] == item && one["destination"] == location);
        assert_eq!(row["proposal_id"], own.next().map_or(serde_json::Value::Null, |one| one["proposal_id"].clone()));
    }
    assert!(rows.iter().any(|row| row["quantity"] == "0") && rows.iter().any(|row| row["quantity"] != "0"), "{page}");

    assert!(read("/v1/proposals?limit=100")["proposals"][0]["planned"].is_null(), "only where it is asked for");
    let proposals = read("/v1/proposals?planned=true&limit=100");
    let proposals = proposals["proposals"].as_array().unwrap();
    assert_eq!(proposals.len(), plan["proposals"].as_array().unwrap().len());
    for proposal in proposals {
        let is_own = |row: &&serde_json::Value| {
            row["item_id"] == proposal["item_id"] && row["location_id"] == proposal["destination"]
        };
        let row = rows.iter().find(is_own).unwrap();
        for name in ["item_name", "on_hand", "position", "expected_demand", "p_stockout", "days_of_cover", "health"] {
            assert_eq!(proposal["planned"][name], row[name], "{name} of {proposal}");
        }
        let told = plan["exceptions"].as_array().unwrap().iter();
        let told = told.filter(|one| one["item_id"] == row["item_id"] && one["location_id"] == row["location_id"]);
        let told: Vec<_> = told.map(|one| one["code"].clone()).collect();
        let codes = proposal["planned"]["exception_codes"].as_array().unwrap();
        assert!(codes.iter().all(|code| told.contains(code)), "{codes:?} of {told:?}");
    }

    for place in ["rice@east", "salt@west", "salt@depot", "tea@depot"] {
        let args =
            ["explain", place, "--project", "shop", "--json", "--what-if", "lead_time=6", "--what-if", "demand=+50%"];
        let told = json(dir.path(), &args);
        let path = format!("/v1/item-locations/{}", place.replace('@', "/"));
        let whole = read(&path);
        assert_eq!(whole["line"], told["line"], "{place}");
        assert_eq!(whole["what_if"], serde_json::Value::Null);
        let changed = read(&format!("{path}?what_if=lead_time=6,demand=%2B50%25"));
        assert_eq!((&changed["line"], &changed["what_if"]), (&told["line"], &told["what_if"]), "{place}");
        let (item, location) = place.split_once('@').unwrap();
        let forecast = read(&format!("/v1/forecasts?item={item}&location={location}"));
        for name in ["forecast", "history", "as_of", "bucket", "uom"] {
            assert_eq!(forecast[name], told["line"][name], "{name} of {place}");
        }
        assert_eq!(forecast["reason"], told["line"]["forecast_reason"]);
        assert_eq!(forecast["model"], told["line"]["line"]["forecast_model"]);
    }
    let unknown = served.request("GET", "/v1/item-locations/rice/north", Some(&viewer), "");
    assert!(unknown.starts_with("HTTP/1.1 404") && unknown.contains("location \\\"north\\\""), "{unknown}");

    let kpis = read("/v1/kpis")["kpis"][0].clone();
    for (name, value) in plan["summary"].as_object().unwrap().iter().filter(|(name, _)| *name != "n_exceptions") {
        assert_eq!(&kpis[name], value, "{name}");
    }
    let by_location = read("/v1/kpis?by=location");
    let of_depot = &by_location["kpis"][0];
    assert_eq!(
        (&of_depot["key"], &of_depot["name"], &of_depot["n_planned"]),
        (&"depot".into(), &"Depot".into(), &3.into())
    );
    let (groups, told) = (read("/v1/order-groups"), plan["order_groups"].as_array().unwrap());
    let groups = groups["order_groups"].as_array().unwrap();
    assert_eq!(groups.len(), told.len());
    for (group, told) in groups.iter().zip(told) {
        for (name, value) in told.as_object().unwrap().iter().filter(|(name, _)| *name != "source") {
            assert_eq!(&group[name], value, "{name} of {told}");
        }
    }
    let models = read("/v1/models");
    let listed = json(dir.path(), &["model", "list", "--project", "shop", "--json"]);
    let names = |value: &serde_json::Value| -> Vec<_> {
        let versions = value["versions"].as_array().unwrap().iter();
        versions.map(|one| (one["version"].clone(), one["used"].clone())).collect()
    };
    assert_eq!(names(&models), names(&listed));
    let acting = read("/v1/policies")["acting"].as_array().unwrap().clone();
    assert_eq!(acting.iter().map(|row| row["n_lines"].as_u64().unwrap()).sum::<u64>(), 9);
    assert_eq!(read("/v1/items?text=tea")["items"][0]["unit_cost"], "1.5");
    assert_eq!(read("/v1/suppliers")["suppliers"][0]["min_order_value"], "50");
    assert_eq!(read("/v1/locations?prefix=d")["locations"][0]["kind"], "dc");
}

/// What is asked beside the plan is what the command line says of the same state, and of the same settings.
#[test]
fn simulations_backtests_and_scenarios_are_those_of_the_command_line() {
    let dir = tempfile::tempdir().unwrap();
    chain(dir.path(), 150);
    let planner = token(dir.path(), "ada", "planner");
    let served = Served::start(dir.path());
    let ask = |method: &str, path: &str, sent: &str| {
        let answer = served.request(method, path, Some(&planner), sent);
        assert!(answer.starts_with("HTTP/1.1 20"), "{path}: {answer}");
        body(&answer)
    };
    let over = |path: &str| {
        for _ in 0..1_200 {
            let job = ask("GET", path, "");
            let state = job["job"]["state"].as_str().or(job["state"].as_str()).unwrap().to_owned();
            if state != "waiting" && state != "running" {
                assert_eq!(state, "done", "{job}");
                return job;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("{path} does not end")
    };
    let asked = |path: &str, sent: &str| over(ask("POST", path, sent)["href"].as_str().unwrap())["result"].clone();

    let told = json(
        dir.path(),
        &[
            "simulate",
            "--project",
            "shop",
            "--json",
            "--days",
            "30",
            "--paths",
            "20",
            "--shock",
            "demand=2x@2026-03-05",
        ],
    );
    let sent = r#"{"days":30,"paths":20,"shocks":["demand=2x@2026-03-05"]}"#;
    assert_eq!(asked("/v1/simulations", sent), told);
    let told = json(
        dir.path(),
        &["backtest", "--project", "shop", "--json", "--policies", "base_stock,min_max", "--windows", "1"],
    );
    assert_eq!(asked("/v1/backtests", r#"{"policies":["base_stock","min_max"],"windows":1}"#), told);
    let models = [
        "backtest",
        "--project",
        "shop",
        "--json",
        "--forecast",
        "--models",
        "ses,seasonal_naive",
        "--horizon",
        "3",
        "--windows",
        "1",
    ];
    let sent = r#"{"models":["ses","seasonal_naive"],"horizon":3,"windows":1}"#;
    assert_eq!(asked("/v1/backtests", sent), json(dir.path(), &models));

    let plan = json(dir.path(), &["plan", "--project", "shop", "--json"]);
    let frontier = asked("/v1/frontiers", r#"{"targets":[0.6,0.99]}"#);
    assert_eq!(
        (&frontier[0]["target"], &frontier[0]["summary"]["order_value"]),
        (&serde_json::Value::Null, &plan["summary"]["order_value"])
    );
    let at = |objective: &str| json(dir.path(), &["plan", "--project", "shop", "--json", "--objective", objective]);
    let low = at("fill_rate=0.6");
    assert_eq!(frontier[1]["summary"]["order_value"], low["summary"]["order_value"]);
    assert_ne!(low["summary"]["order_value"], plan["summary"]["order_value"], "the case says nothing");

    let made = ask("POST", "/v1/scenarios", r#"{"name":"less","changes":["target=0.6"]}"#);
    let path = format!("/v1/scenarios/{}", made["scenario_id"].as_str().unwrap());
    let planned = over(&path);
    let summaries = &planned["comparison"]["summaries"];
    assert_eq!(
        (&summaries[0]["order_value"], &summaries[1]["order_value"]),
        (&plan["summary"]["order_value"], &low["summary"]["order_value"])
    );
    let diff = ask("GET", &format!("{path}/diff"), "");
    let quantity = |plan: &serde_json::Value, item: &str, location: &str| {
        let mut lines = plan["lines"].as_array().unwrap().iter();
        lines.find(|line| line["item_id"] == item && line["location_id"] == location).unwrap()["quantity"].clone()
    };
    let lines = diff["lines"].as_array().unwrap();
    assert!(!lines.is_empty());
    for line in lines {
        let (item, location) = (line["item_id"].as_str().unwrap(), line["location_id"].as_str().unwrap());
        assert_eq!(
            line["quantity"],
            serde_json::json!([quantity(&plan, item, location), quantity(&low, item, location)])
        );
    }
    // What comes in is in the next comparison.
    let till = token(dir.path(), "till", "integrator");
    let theft = r#"{"event_id":"1","source":"shelf","type":"adjustment","occurred_at":"2026-03-01T08:00:00Z","item_id":"salt","location_id":"east","quantity":-30}"#;
    let taken = served.request("POST", "/v1/events", Some(&till), theft);
    assert!(taken.starts_with("HTTP/1.1 202"), "{taken}");
    let after = json(dir.path(), &["plan", "--project", "shop", "--json"]);
    assert_ne!(after["summary"]["order_value"], plan["summary"]["order_value"], "the case says nothing");
    let is_in = (0..200).any(|_| {
        ask("POST", &format!("{path}:plan"), "");
        over(&path)["comparison"]["summaries"][0]["order_value"] == after["summary"]["order_value"]
    });
    assert!(is_in, "{after}");
}

/// What is said about master data is planned at once, is there after a kill, and is in the plan of the command line.
#[test]
fn master_data_said_over_http_is_in_the_plan_of_both() {
    let dir = tempfile::tempdir().unwrap();
    chain(dir.path(), 28);
    let planner = token(dir.path(), "ada", "planner");
    let served = Served::start(dir.path());
    let until_same = |served: &Served, what: &str| {
        let wanted = planned(dir.path());
        for _ in 0..1_200 {
            if on_desk(served, &planner) == wanted {
                return wanted;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("{what}: the desk has {:?}, a plan wants {wanted:?}", on_desk(served, &planner));
    };
    let first = until_same(&served, "at the start");
    let quantity =
        |all: &[(String, String)]| all.iter().find(|(item, _)| item == "rice").map(|(_, units)| units.clone());
    let before: f64 = quantity(&first).expect("rice is ordered").parse().unwrap();
    let as_of = json(dir.path(), &["plan", "--project", "shop", "--json"])["as_of"].clone();
    // A lane of its own for rice, in packs of 500.
    let lane = r#"{"to_location":"depot","supplier_id":"mill","item_id":"rice","lead_time_days":5,"pack_size":500}"#;
    let answer = served.request("PUT", "/v1/sources", Some(&planner), lane);
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    let second = until_same(&served, "after a lane");
    let packs: Vec<f64> =
        second.iter().filter(|(item, _)| item == "rice").map(|(_, units)| units.parse().unwrap()).collect();
    assert!(packs.iter().any(|units| *units > 0.0 && units % 500.0 == 0.0), "{before} before, {packs:?} now");
    assert_ne!(first, second);
    assert_eq!(
        json(dir.path(), &["plan", "--project", "shop", "--json"])["as_of"],
        as_of,
        "what is said about the business moves no day"
    );
    // Somebody changes the pack, and ends an item.
    let patch = r#"{"to_location":"depot","supplier_id":"mill","item_id":"rice","pack_size":40}"#;
    assert!(served.request("PATCH", "/v1/sources", Some(&planner), patch).starts_with("HTTP/1.1 200"));
    let settings = served.request("PATCH", "/v1/item-locations/tea/west", Some(&planner), r#"{"do_not_order":true}"#);
    assert!(settings.starts_with("HTTP/1.1 201"), "{settings}");
    let third = until_same(&served, "after a pack");
    assert_ne!(second, third);
    drop(served);
    let served = Served::start(dir.path());
    assert_eq!(until_same(&served, "after a kill"), third);
    let (_, events) = served
        .request("GET", "/v1/events", Some(&planner), "")
        .split_once("\r\n\r\n")
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let n_events = |text: &str| text.matches("\"sequence\"").count();
    assert_eq!(n_events(&events), 3);
    assert!(served.request("PATCH", "/v1/sources", Some(&planner), patch).starts_with("HTTP/1.1 200"));
    let again = served.request("GET", "/v1/events", Some(&planner), "");
    assert_eq!(n_events(&again), 3, "it is what it was");
}

/// What a calendar and a segment say is in the plan of both: the day of an order, and its quantity.
#[test]
fn calendars_and_segments_said_over_http_are_in_the_plan_of_both() {
    let dir = tempfile::tempdir().unwrap();
    chain(dir.path(), 28);
    let settings = dir.path().join("shop/restock.toml");
    let of_files = "[[segment]]\nwhere = \"item.id == 'salt'\"\nservice = { target = 0.6 }\n";
    std::fs::write(&settings, std::fs::read_to_string(&settings).unwrap() + of_files).unwrap();
    let planner = token(dir.path(), "ada", "planner");
    let served = Served::start(dir.path());
    type Line = (String, String, String, String);
    let lines = |all: &serde_json::Value| -> Vec<Line> {
        let text = |one: &serde_json::Value, name: &str| one[name].as_str().unwrap().to_owned();
        let line = |one| (text(one, "item_id"), text(one, "destination"), text(one, "quantity"), text(one, "order_by"));
        let mut lines: Vec<Line> = all["proposals"].as_array().unwrap().iter().map(line).collect();
        lines.sort();
        lines
    };
    let on_desk = |served: &Served| {
        lines(&body(&served.request("GET", "/v1/proposals?state=proposed&limit=100", Some(&planner), "")))
    };
    let until_same = |served: &Served, what: &str| {
        let wanted = lines(&json(dir.path(), &["plan", "--project", "shop", "--json"]));
        for _ in 0..1_200 {
            if on_desk(served) == wanted {
                return wanted;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("{what}: the desk has {:?}, a plan wants {wanted:?}", on_desk(served));
    };
    let say = |served: &Served, method: &str, path: &str, body: &str, status: u16| {
        let answer = served.request(method, path, Some(&planner), body);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{method} {path}: {answer}");
    };
    let of = |lines: &[Line], item: &str, place: &str| {
        lines.iter().find(|line| (line.0.as_str(), line.1.as_str()) == (item, place)).cloned()
    };
    until_same(&served, "at the start");
    // The depot orders of the mill on Thursdays, then on Tuesdays.
    let lane = r#"{"to_location":"depot","supplier_id":"mill","review_calendar":"orders"}"#;
    say(&served, "PUT", "/v1/calendars/orders", r#"{"weekdays":"thu"}"#, 201);
    say(&served, "PATCH", "/v1/sources", lane, 200);
    let thursdays = until_same(&served, "after a calendar");
    let rice = of(&thursdays, "rice", "depot").expect("the depot orders rice");
    assert_eq!(rice.3, "2026-03-05");
    say(&served, "PATCH", "/v1/calendars/orders", r#"{"weekdays":"tue","exceptions":{"2026-03-03":false}}"#, 200);
    let tuesdays = until_same(&served, "after another order day");
    assert_eq!(of(&tuesdays, "rice", "depot").unwrap().3, "2026-03-10", "the next Tuesday is an exception");
    let used = served.request("DELETE", "/v1/calendars/orders", Some(&planner), "");
    assert!(used.starts_with("HTTP/1.1 409") && used.contains("source/*@depot<mill"), "{used}");

    // A question about a proposal is the one about its item-location.
    let proposals = body(&served.request("GET", "/v1/proposals?state=proposed&limit=100", Some(&planner), ""));
    let is_rice = |one: &&serde_json::Value| one["item_id"] == "rice" && one["destination"] == "depot";
    let proposal = proposals["proposals"].as_array().unwrap().iter().find(is_rice).unwrap();
    let path = format!("/v1/proposals/{}/explanation", proposal["proposal_id"].as_str().unwrap());
    let asked = body(&served.request("POST", &path, Some(&planner), r#"{"what_if":{"lead_time":25}}"#));
    let read = body(&served.request("GET", "/v1/item-locations/rice/depot?what_if=lead_time=25", Some(&planner), ""));
    assert_eq!(asked["what_if"], read["what_if"]);
    assert_ne!(asked["what_if"]["line"]["quantity"], read["line"]["line"]["quantity"]);
    assert_eq!(asked["quantity"], proposal["quantity"]);

    // Rice should nearly never run out; of salt the settings say less, and then nothing.
    say(&served, "PUT", "/v1/segments", r#"{"where":"item.id == 'rice'","service_target":0.999}"#, 201);
    let with_segment = until_same(&served, "after a segment");
    let units = |lines: &[Line], item: &str| -> f64 {
        lines.iter().filter(|line| line.0 == item).map(|line| line.2.parse::<f64>().unwrap()).sum()
    };
    assert!(units(&with_segment, "rice") > units(&tuesdays, "rice"), "{with_segment:?}, before {tuesdays:?}");
    say(&served, "DELETE", "/v1/segments?where=item.id%20%3D%3D%20%27salt%27", "", 204);
    let without = until_same(&served, "after a segment of the settings was removed");
    assert!(units(&without, "salt") > units(&with_segment, "salt"), "{without:?}, before {with_segment:?}");
    drop(served);
    let served = Served::start(dir.path());
    assert_eq!(until_same(&served, "after a kill"), without);
    let segments = body(&served.request("GET", "/v1/segments", Some(&planner), ""));
    assert_eq!(segments["segments"].as_array().unwrap().len(), 1, "{segments}");
    assert_eq!(segments["segments"][0]["where"], "item.id == 'rice'");
    // What the settings say of the same filter is said over, field by field.
    say(&served, "PATCH", "/v1/segments", r#"{"where":"item.id == 'salt'","service_target":0.6}"#, 201);
    assert_eq!(until_same(&served, "after it was said again"), with_segment);
}

/// An override changes what is proposed at once, is there after a kill, is in the plan of the command line, and taken back
/// leaves no trace in it; a forecast of another system is used where the settings want it.
#[test]
fn what_is_said_about_demand_is_in_the_plan_of_both() {
    let dir = tempfile::tempdir().unwrap();
    chain(dir.path(), 28);
    let planner = token(dir.path(), "ada", "planner");
    let mut served = Served::start(dir.path());
    let until_same = |served: &Served, what: &str| {
        let wanted = planned(dir.path());
        for _ in 0..1_200 {
            if on_desk(served, &planner) == wanted {
                return wanted;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("{what}: the desk has {:?}, a plan wants {wanted:?}", on_desk(served, &planner));
    };
    let ask = |served: &Served, method: &str, path: &str, sent: &str| {
        let answer = served.request(method, path, Some(&planner), sent);
        assert!(answer.starts_with("HTTP/1.1 20"), "{path}: {answer}");
        body(&answer)
    };
    let first = until_same(&served, "at the start");
    let whole = || json(dir.path(), &["plan", "--project", "shop", "--json"]);
    let before = whole();
    let of_tea = "/v1/forecasts?item=tea&location=east";
    let plain = ask(&served, "GET", of_tea, "");
    let said = r#"{"item_id":"tea","location_id":"east","from":"2026-03-01","to":"2026-03-20","factor":3,"reason":"tea week"}"#;
    let made = ask(&served, "POST", "/v1/forecasts:override", said);
    let busy = until_same(&served, "after an override");
    assert_ne!(first, busy);
    assert_eq!(whole()["as_of"], before["as_of"], "what is said about demand moves no day");
    let forecast = ask(&served, "GET", of_tea, "");
    assert_eq!((&forecast["overrides"][0]["id"], &forecast["overrides"][0]["author"]), (&made["id"], &"ada".into()));
    assert_eq!(forecast["baseline"], plain["forecast"]);
    assert_ne!(forecast["version"], plain["version"]);
    let mean = |body: &serde_json::Value, day: usize| body["forecast"][day]["mean"].as_f64().unwrap();
    assert!((mean(&forecast, 4) - 3.0 * mean(&plain, 4)).abs() < 0.01, "{forecast}");
    let why = stdout(dir.path(), &["explain", "tea@east", "--project", "shop"]);
    assert!(why.contains("override by ada") && why.contains("tea week"), "{why}");

    drop(served);
    served = Served::start(dir.path());
    assert_eq!(until_same(&served, "after a kill"), busy);
    let path = format!("/v1/forecasts/overrides/{}", made["id"].as_str().unwrap());
    ask(&served, "DELETE", &path, "");
    assert_eq!(until_same(&served, "after it was taken back"), first);
    assert_eq!(whole()["lines"], before["lines"]);
    assert_eq!(ask(&served, "GET", of_tea, "")["forecast"], plain["forecast"]);
    drop(served);

    // What the command line exports is read back unchanged, as the forecast of another system.
    let csv = "shop/data/forecasts.csv";
    let export = ["forecast", "--project", "shop", "--horizon", "60", "--quantiles", "0.05,0.5,0.95", "--out", csv];
    stdout(dir.path(), &export);
    let project = dir.path().join("shop");
    std::fs::write(project.join("restock.toml"), "[forecast]\nmodel = \"external\"\n").unwrap();
    let again =
        ["forecast", "--project", "shop", "--horizon", "60", "--quantiles", "0.05,0.5,0.95", "--out", "again.csv"];
    stdout(dir.path(), &again);
    let columns = |path: std::path::PathBuf| -> Vec<String> {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(|line| line.rsplit_once(',').unwrap().0.to_owned()).collect()
    };
    let (exported, read_back) = (columns(dir.path().join(csv)), columns(dir.path().join("again.csv")));
    assert!(exported.len() > 360, "{} rows", exported.len());
    assert_eq!(exported, read_back);
    let plan = whole();
    assert!(plan["lines"].as_array().unwrap().iter().any(|line| line["forecast_model"] == "external"), "{plan}");
    let served = Served::start(dir.path());
    let external = until_same(&served, "with forecasts of another system");
    let n = 400;
    let row = format!(r#"{{"item_id":"rice","location_id":"east","date":"2026-03-02","mean":{n}}}"#);
    assert_eq!(ask(&served, "POST", "/v1/forecasts", &row)["n_changed"], 1);
    assert_ne!(until_same(&served, "after a forecast was given"), external);
}

/// What a surge raises is approved by people, whatever is approved without them else.
#[test]
fn orders_of_a_surge_wait_for_a_person() {
    let dir = tempfile::tempdir().unwrap();
    shop(
        dir.path(),
        "[forecast]\nmodel = \"ses\"\n\n[approval]\nauto_if = \"quantity < 1000000\"\n",
        &[("tea", 4), ("rice", 9)],
    );
    let overrides = "item_id,location_id,from,to,factor,surge,reason\ntea,,2026-03-01,2026-05-30,5,yes,epidemic\n";
    std::fs::write(dir.path().join("shop/data/forecast_overrides.csv"), overrides).unwrap();
    let viewer = token(dir.path(), "ada", "viewer");
    let served = Served::start(dir.path());
    let rest = |path: &str| body(&served.request("GET", path, Some(&viewer), ""));
    let mut states = Vec::new();
    for _ in 0..600 {
        let page = rest("/v1/proposals?limit=100");
        let rows = page["proposals"].as_array().unwrap().iter();
        states =
            rows.map(|row| [&row["item_id"], &row["state"]].map(|text| text.as_str().unwrap().to_owned())).collect();
        states.sort();
        if states.len() == 2 && states.iter().any(|[_, state]| state == "approved") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(states, [["rice", "approved"], ["tea", "proposed"]]);
    let exceptions = rest("/v1/exceptions")["exceptions"].clone();
    let surges: Vec<_> = exceptions.as_array().unwrap().iter().filter(|one| one["code"] == "SURGE_MODE").collect();
    assert_eq!((surges.len(), &surges[0]["item_id"]), (1, &"tea".into()), "{exceptions}");
    assert!(surges[0]["message"].as_str().unwrap().contains("5 times the usual"), "{}", surges[0]);
    // What is told in English only can be said in Chinese, and what nobody knows stays away.
    let messages = r#"{"language":"zh-CN","messages":["D09: no lead time is known, 7 days assumed","so what"]}"#;
    let said = body(&served.request("POST", "/v1/messages:translate", Some(&viewer), messages));
    assert_eq!(said["messages"], serde_json::json!(["D09：提前期未知，假设 7 天", null]));
}
