//! `restock serve` as a process: events over HTTP are in the next plan, and a server that is killed has lost nothing.

#[allow(dead_code)]
mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use common::{json, stdout};

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

    /// The whole answer.
    fn request(&self, method: &str, path: &str, token: Option<&str>, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let token = token.map_or(String::new(), |token| format!("authorization: Bearer {token}\r\n"));
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: shop\r\n{token}content-type: application/json\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn events_over_http_are_in_the_next_plan_and_survive_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let project = dir.path().join("shop");
    std::fs::create_dir_all(project.join("data")).unwrap();
    std::fs::write(project.join("restock.toml"), "").unwrap();
    let mut sales = "date,item_id,location_id,quantity\n".to_owned();
    for day in 1..=28 {
        sales.push_str(&format!("2026-02-{day:02},tea,main,4\n"));
    }
    std::fs::write(project.join("data/sales.csv"), sales).unwrap();
    let token = |name: &str, role: &str| {
        let made = json(dir.path(), &["token", "create", name, "--role", role, "--project", "shop", "--json"]);
        made["token"].as_str().unwrap().to_owned()
    };
    let served = Served::start(dir.path());
    let refused = served.request("POST", "/v1/events", None, EVENTS);
    assert!(refused.starts_with("HTTP/1.1 401") && refused.contains("restock token create"), "{refused}");
    // A running server knows new tokens at once.
    let (till, viewer) = (token("till", "integrator"), token("ada", "viewer"));
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
