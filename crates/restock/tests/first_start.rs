//! The first start: `restock serve` in an empty folder, a file over HTTP, questions, and the first explained orders.

#[allow(dead_code)]
mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::{json, refused};
use serde_json::{Value, json};

struct Served {
    process: Child,
    address: String,
    /// What it said before it listened, and the line after.
    said: Vec<String>,
    /// Headers of the person who is signed in.
    person: String,
}

impl Served {
    /// Starts `restock serve --project shop` and reads the first `n_lines` that it says.
    fn start(dir: &Path, n_lines: usize) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_restock"))
            .args(["serve", "--project", "shop", "--listen", "127.0.0.1:0"])
            .current_dir(dir)
            .env_clear()
            .stderr(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("restock runs");
        let mut lines = BufReader::new(process.stderr.take().unwrap());
        let mut next = || {
            let mut line = String::new();
            lines.read_line(&mut line).unwrap();
            line
        };
        // The log is JSON.
        let said: Vec<String> =
            std::iter::from_fn(|| Some(next())).filter(|line| !line.starts_with('{')).take(n_lines).collect();
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        let listening = said.iter().find(|line| line.contains("listening on")).expect("it listens");
        let address = listening.split_once("http://").unwrap().1.split(',').next().unwrap().to_owned();
        let served = Self { process, address, said, person: String::new() };
        served.until(|| served.ask("GET", "/ready", "", b"").starts_with("HTTP/1.1 200"));
        served
    }

    fn until(&self, holds: impl Fn() -> bool) {
        for _ in 0..3_000 {
            if holds() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("waited a minute");
    }

    fn ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\n{headers}{}content-length: {}\r\nconnection: close\r\n\r\n",
            self.person,
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// The body of an answer that must have a status.
    fn json(&self, status: u16, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        read(status, &self.ask(method, path, "content-type: application/json\r\n", &body))
    }

    fn upload(&self, name: &str, content: &str) -> Value {
        let kind = "content-type: application/octet-stream\r\n";
        read(201, &self.ask("POST", &format!("/v1/imports?name={name}"), kind, content.as_bytes()))
    }

    /// Signs somebody in, by the path and the body that do so.
    fn sign_in(&mut self, path: &str, body: &Value) {
        let kind = "content-type: application/json\r\n";
        let answer = self.ask("POST", path, kind, body.to_string().as_bytes());
        let cookie = answer.split_once("set-cookie: ").expect(&answer).1.split(';').next().unwrap().to_owned();
        let csrf_token = read(200, &answer)["csrf_token"].as_str().unwrap().to_owned();
        self.person = format!("cookie: {cookie}\r\nx-csrf-token: {csrf_token}\r\nsec-fetch-site: same-origin\r\n");
    }

    fn proposals(&self) -> Vec<Value> {
        let page = self.json(200, "GET", "/v1/proposals?state=open&limit=1000", &Value::Null);
        page["proposals"].as_array().unwrap().clone()
    }

    /// The id and quantity of each open proposal.
    fn quantities(&self) -> Vec<(String, String)> {
        quantities(&self.proposals())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn read(status: u16, answer: &str) -> Value {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    if body.is_empty() {
        Value::Null
    } else {
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
    }
}

/// Quantities of proposals by item, as decimals without zeros at their end.
fn quantities(proposals: &[Value]) -> Vec<(String, String)> {
    let quantity = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut all: Vec<(String, String)> =
        proposals.iter().map(|one| (one["item_id"].as_str().unwrap().to_owned(), quantity(&one["quantity"]))).collect();
    all.sort();
    all
}

/// Eight weeks of sales by weight: no cell says whether its point divides thousands.
fn sales() -> String {
    let mut text = "Datum;Artikel;Menge\n".to_owned();
    for day in 1..=28 {
        for (item, n) in [("flour", 2), ("sugar", 1)] {
            text.push_str(&format!("2024-01-{day:02};{item};{n}.250\n2024-02-{day:02};{item};{n}.125\n"));
        }
    }
    text
}

#[test]
fn an_empty_folder_becomes_a_project_with_explained_orders() {
    let dir = tempfile::tempdir().unwrap();
    let mut served = Served::start(dir.path(), 3);
    assert!(served.said[0].contains("a new project in shop (blank template)"), "{:?}", served.said);
    assert!(dir.path().join("shop/restock.toml").is_file() && dir.path().join("shop/data").is_dir());
    // Nobody has a password by default; whoever started the server was told a code.
    read(401, &served.ask("GET", "/v1/imports", "", b""));
    let code = served.said[2].split_once("code=").expect("a link").1.split(' ').next().unwrap().to_owned();
    assert_eq!(code.len(), 32, "{:?}", served.said);
    let person = |code: &str| json!({ "code": code, "name": "ada", "password": "four words make one" });
    served.json(403, "POST", "/v1/session/first", &person("0"));
    served.sign_in("/v1/session/first", &person(&code));
    served.json(409, "POST", "/v1/session/first", &person(&code));

    // A new project waits; that nothing was planned yet is no failure.
    assert_eq!(served.json(200, "GET", "/v1/plans", &Value::Null)["plans"], json!([]));
    assert!(served.proposals().is_empty());

    let preview = served.upload("..%2F..%2Fkasse.csv", &sales());
    assert_eq!((&preview["file"], &preview["table"]), (&json!("kasse.csv"), &json!("sales")));
    let fields: Vec<_> = preview["columns"].as_array().unwrap().iter().map(|column| column["field"].clone()).collect();
    assert_eq!(fields, ["date", "item_id", "quantity"]);
    let decimal = preview["questions"].as_array().unwrap().iter().find(|one| one["question"] == "decimal").unwrap();
    assert_eq!(decimal["answer"], Value::Null);
    assert_eq!(decimal["answers"][0]["examples"][0], json!({ "cell": "2.250", "reading": "2.250" }));
    assert_eq!(decimal["answers"][1]["examples"][0], json!({ "cell": "2.250", "reading": "2250" }));
    assert_eq!(preview["read"][0]["n_accepted"], 112);
    let path = format!("/v1/imports/{}", preview["import_id"].as_str().unwrap());
    let early = served.json(409, "POST", &format!("{path}:apply"), &Value::Null);
    assert!(early["detail"].as_str().unwrap().contains("decimal"), "{early}");
    let answered = served.json(200, "PATCH", &path, &json!({ "answers": { "decimal": "." } }));
    assert_eq!(answered["is_ready"], true);
    let applied = served.json(200, "POST", &format!("{path}:apply"), &Value::Null);
    assert_eq!((&applied["file"], &applied["read"][0]["n_accepted"]), (&json!("kasse.csv"), &json!(112)));
    served.json(404, "POST", &format!("{path}:apply"), &Value::Null);

    served.until(|| !served.proposals().is_empty());
    let proposals = served.proposals();
    let id = proposals[0]["proposal_id"].as_str().unwrap();
    let explained = served.json(200, "GET", &format!("/v1/proposals/{id}/explanation"), &Value::Null).to_string();
    assert!(explained.contains("waterfall") && explained.contains("sentence"), "{explained}");
    served.until(|| {
        let list = served.json(200, "GET", "/v1/imports", &Value::Null);
        assert_eq!(list["imports"], json!([]));
        list["missing_tables"][0]["table"] == "inventory"
    });

    // The same plan from the command line.
    let plan = json(dir.path(), &["plan", "--project", "shop", "--json"]);
    let planned = plan["proposals"].as_array().unwrap();
    assert_eq!(quantities(planned), served.quantities());
    assert!(planned.iter().all(|one| one["quantity"].to_string().trim_matches('"').parse::<f64>().unwrap() < 1_000.0));

    // A stop at any moment, and a start: everything is there, and nobody is the first again.
    let before = served.quantities();
    let trail = served.json(200, "GET", "/v1/audit", &Value::Null);
    let actions: Vec<&str> =
        trail["records"].as_array().unwrap().iter().map(|record| record["action"].as_str().unwrap()).collect();
    for action in ["user.create", "import.upload", "import.change", "import.apply"] {
        assert!(actions.contains(&action), "{actions:?}");
    }
    drop(served);
    let mut served = Served::start(dir.path(), 1);
    served.sign_in("/v1/session", &json!({ "name": "ada", "password": "four words make one" }));
    served.until(|| served.json(200, "GET", "/v1/plans", &Value::Null)["plans"][0]["outcome"] == "filed");
    assert_eq!(served.quantities(), before);

    // Stock comes later, and what is there is ordered less of.
    let stock = served.upload("stock.csv", "item_id,on_hand,as_of\nflour,500,2024-02-28\n");
    assert_eq!((&stock["table"], &stock["is_ready"]), (&json!("inventory"), &json!(true)));
    let path = format!("/v1/imports/{}:apply", stock["import_id"].as_str().unwrap());
    served.json(200, "POST", &path, &Value::Null);
    served.until(|| served.quantities().iter().all(|(item, _)| item != "flour"));
}

#[test]
fn a_folder_with_other_files_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("letter.txt"), "dear ada").unwrap();
    let said = refused(dir.path(), &["serve", "--listen", "127.0.0.1:0"]);
    assert!(said.contains("has no restock.toml, and other files") && said.contains("--project my-shop"), "{said}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing was made");
}
