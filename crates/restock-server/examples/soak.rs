//! A whole server under steady load for as long as you like: events to proposals, requests, memory.
//!
//! `cargo run --release -p restock-server --example soak -- BINARY [MINUTES] [ITEM_LOCATIONS] [EVENTS_PER_SECOND]
//! [EVENTS_BEFORE]`, where `BINARY` is a built `restock`. A project of that many item-locations with 60 days of sales is served, and as
//! many events come in before, in batches; then sales, receipts and counts come in one by one, and somebody reads proposals once a second. Printed every minute: times from the commit of an
//! event until its proposals were filed (by the server's own histogram), times of requests, resident memory.

#![expect(clippy::print_stdout, reason = "an example reports")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use jiff::{Timestamp, ToSpan};
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use reqwest::Client;

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Stores that every item is sold in.
const N_STORES: usize = 20;

struct Served {
    process: Child,
    url: String,
    secret: String,
    client: Client,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let mut arguments = std::env::args().skip(1);
    let binary = std::fs::canonicalize(arguments.next().ok_or("name the binary: target/release/restock")?)?;
    let mut number = |usual: u64| arguments.next().map_or(Ok(usual), |text| text.parse());
    let (minutes, n_places, per_second, n_before) = (number(60)?, number(2_000)?, number(50)?, number(0)?);
    let n_items = (n_places as usize).div_ceil(N_STORES);
    let folder = tempfile::tempdir()?;
    write_project(folder.path(), n_items)?;
    let served = start(&binary, folder.path()).await?;
    let began = Instant::now();
    while served.get("/v1/plans").await?["plans"].as_array().is_none_or(Vec::is_empty) {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let n_places = n_items * N_STORES;
    println!("{n_places} item-locations planned {:.1} s after the start", began.elapsed().as_secs_f64());
    println!(
        "minute   events   not taken   request p50 ms   p99 ms   to proposals: within .1 s   within .25 s   within 1 s   longest bucket   MB"
    );
    run(&served, minutes, n_items, per_second, n_before).await
}

/// Sends events at a steady pace, and reports every minute.
async fn run(served: &Served, minutes: u64, n_items: usize, per_second: u64, n_before: u64) -> Result<(), Failed> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut n_sent = 0;
    while n_sent < n_before {
        let lines: Vec<String> =
            (n_sent..n_before.min(n_sent + 5_000)).map(|n| event(&mut rng, n_items, n + 1).to_string()).collect();
        n_sent += lines.len() as u64;
        served.post_many(lines.join("\n")).await?;
    }
    let pause = Duration::from_secs_f64(1.0 / per_second.max(1) as f64);
    let begin = Instant::now();
    let mut next = begin;
    let (mut sent, mut n_failed) = (Vec::new(), 0_u64);
    let mut before = served.delays().await?;
    let mut memory = Vec::new();
    let mut last_read = begin;
    for minute in 1..=minutes {
        while begin.elapsed() < Duration::from_secs(60 * minute) {
            tokio::time::sleep_until(next.into()).await;
            // A slow answer is not made up for: the pace is that of a till, not of a queue.
            next = (next + pause).max(Instant::now() - pause);
            n_sent += 1;
            let asked = Instant::now();
            let is_taken = served.post(&event(&mut rng, n_items, n_sent)).await?;
            n_failed += u64::from(!is_taken);
            sent.push(asked.elapsed().as_secs_f64() * 1e3);
            if last_read.elapsed() > Duration::from_secs(1) {
                served.get("/v1/proposals?limit=100").await?;
                last_read = Instant::now();
            }
        }
        let after = served.delays().await?;
        sent.sort_by(f64::total_cmp);
        let at = |share: f64| sent.get(((sent.len().max(1) - 1) as f64 * share) as usize).copied().unwrap_or(f64::NAN);
        memory.push(resident_mb(served.process.id()));
        println!(
            "{minute:>6} {:>8} {n_failed:>11} {:>16.1} {:>8.1} {:>27} {:>14} {:>12} {:>16} {:>4.0}",
            sent.len(),
            at(0.5),
            at(0.99),
            share(&before, &after, 0.1),
            share(&before, &after, 0.25),
            share(&before, &after, 1.0),
            longest(&before, &after),
            memory.last().expect("just read"),
        );
        std::io::stdout().flush()?;
        (before, n_failed) = (after, 0);
        sent.clear();
    }
    // One reading may fall into a planning turn, which takes memory for a moment: medians are compared.
    let quarters: Vec<String> =
        memory.chunks(memory.len().div_ceil(4).max(1)).map(|quarter| format!("{:.0}", median(quarter))).collect();
    println!("{n_sent} events; memory in MB, median of each quarter of the time: {}", quarters.join(", "));
    Ok(())
}

/// Files of a project: items sold in stores, bought from a supplier.
fn write_project(dir: &Path, n_items: usize) -> Result<(), Failed> {
    std::fs::create_dir_all(dir.join("data"))?;
    std::fs::write(dir.join("restock.toml"), "[forecast]\nmodel = \"ses\"\n[policy]\nkind = \"base_stock\"\n")?;
    let today = jiff::tz::TimeZone::UTC.to_datetime(Timestamp::now()).date();
    let file = |name: &str| std::fs::File::create(dir.join("data").join(name)).map(std::io::BufWriter::new);
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let (mut items, mut stock, mut sales) = (file("items.csv")?, file("inventory.csv")?, file("sales.csv")?);
    writeln!(items, "item_id,unit_cost,price")?;
    writeln!(stock, "item_id,location_id,on_hand,as_of")?;
    writeln!(sales, "date,item_id,location_id,quantity")?;
    for item in 0..n_items {
        writeln!(items, "item-{item:05},2.00,3.50")?;
        for store in 0..N_STORES {
            let rate: f64 = rng.random_range(0.2..6.0);
            let on_hand = (rate * rng.random_range(2.0..14.0)).round();
            writeln!(stock, "item-{item:05},store-{store:02},{on_hand},{}", today.checked_sub(1.day())?)?;
            for back in (1..=60).rev() {
                let sold = (rate * rng.random_range(0.0..2.0)).round();
                if sold > 0.0 {
                    writeln!(sales, "{},item-{item:05},store-{store:02},{sold}", today.checked_sub(back.days())?)?;
                }
            }
        }
    }
    let mut sources = file("sources.csv")?;
    writeln!(sources, "supplier_id,lead_time_days,pack_size\nfarm,3,6")?;
    Ok(())
}

async fn start(binary: &Path, dir: &Path) -> Result<Served, Failed> {
    let command = |arguments: &[&str]| {
        let mut command = Command::new(binary);
        command.args(arguments).current_dir(dir);
        command
    };
    let made = command(&["token", "create", "soak", "--role", "admin", "--json", "--project", "."]).output()?;
    let made: serde_json::Value = serde_json::from_slice(&made.stdout)
        .map_err(|error| format!("no token: {error}: {}", String::from_utf8_lossy(&made.stderr)))?;
    let secret = made["token"].as_str().ok_or("no token was shown")?.to_owned();
    let mut process =
        command(&["serve", "--listen", "127.0.0.1:0", "--project", "."]).stderr(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(process.stderr.take().expect("a pipe")).lines();
    let first = lines.find_map(|line| line.ok().filter(|line| line.contains("http://"))).ok_or("no address")?;
    // The log must not fill its pipe; what went wrong is shown.
    std::thread::spawn(move || {
        lines.map_while(Result::ok).filter(|line| line.contains("\"ERROR\"")).for_each(|line| println!("{line}"));
    });
    let address = first.split_once("http://").expect("it has one").1.split([',', ' ']).next().unwrap_or_default();
    let served = Served { process, url: format!("http://{address}"), secret, client: Client::new() };
    while served.client.get(format!("{}/ready", served.url)).send().await.is_ok_and(|answer| answer.status() != 200) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(served)
}

impl Served {
    async fn get(&self, path: &str) -> Result<serde_json::Value, Failed> {
        let answer = self.client.get(format!("{}{path}", self.url)).bearer_auth(&self.secret).send().await?;
        Ok(serde_json::from_str(&answer.text().await?)?)
    }

    async fn post(&self, body: &serde_json::Value) -> Result<bool, Failed> {
        let request = self.client.post(format!("{}/v1/events", self.url)).bearer_auth(&self.secret);
        let answer = request.header("content-type", "application/json").body(body.to_string()).send().await?;
        let is_taken = answer.status() == 202;
        answer.bytes().await?;
        Ok(is_taken)
    }

    async fn post_many(&self, lines: String) -> Result<(), Failed> {
        let request = self.client.post(format!("{}/v1/events", self.url)).bearer_auth(&self.secret);
        let answer = request.header("content-type", "application/x-ndjson").body(lines).send().await?;
        if answer.status() != 202 {
            return Err(format!("a batch of events was answered {}", answer.status()).into());
        }
        answer.bytes().await?;
        Ok(())
    }

    /// The histogram of times from commit to proposals: upper bounds, and how many lie within.
    async fn delays(&self) -> Result<Vec<(f64, f64)>, Failed> {
        let answer = self.client.get(format!("{}/metrics", self.url)).bearer_auth(&self.secret).send().await?;
        let text = answer.text().await?;
        let buckets =
            text.lines().filter_map(|line| line.strip_prefix("restock_commit_to_proposals_seconds_bucket{le=\""));
        let bucket = |line: &str| {
            let (bound, n) = line.split_once("\"} ")?;
            Some((bound.parse().unwrap_or(f64::INFINITY), n.parse().ok()?))
        };
        Ok(buckets.filter_map(bucket).collect())
    }
}

/// Which share of the batches between two readings was within a bound.
fn share(before: &[(f64, f64)], after: &[(f64, f64)], bound: f64) -> String {
    let n = |at: f64| {
        let within =
            |buckets: &[(f64, f64)]| buckets.iter().find(|bucket| bucket.0 >= at).map_or(0.0, |bucket| bucket.1);
        within(after) - within(before)
    };
    format!("{:.2} % of {}", 100.0 * n(bound) / n(f64::INFINITY).max(1.0), n(f64::INFINITY))
}

/// The upper bound of the longest batch between two readings.
fn longest(before: &[(f64, f64)], after: &[(f64, f64)]) -> String {
    let all = after.last().map_or(0.0, |last| last.1) - before.last().map_or(0.0, |last| last.1);
    let holds_all = |idx: &usize| after[*idx].1 - before.get(*idx).map_or(0.0, |bucket| bucket.1) >= all;
    (0..after.len()).find(holds_all).map_or_else(String::new, |idx| format!("{} s", after[idx].0))
}

fn event(rng: &mut ChaCha8Rng, n_items: usize, number: u64) -> serde_json::Value {
    let (item, store) = (rng.random_range(0..n_items), rng.random_range(0..N_STORES));
    let mut event = serde_json::json!({
        "event_id": number.to_string(), "source": "soak", "occurred_at": Timestamp::now().to_string(),
        "item_id": format!("item-{item:05}"), "location_id": format!("store-{store:02}"),
    });
    match [0, 0, 0, 0, 0, 0, 1, 2].choose(rng) {
        Some(0) => {
            event["type"] = "sale".into();
            event["quantity"] = rng.random_range(1..4).into();
        }
        Some(1) => {
            event["type"] = "receipt".into();
            event["quantity"] = 6.into();
        }
        _ => {
            event["type"] = "count".into();
            event["on_hand"] = rng.random_range(0..30).into();
        }
    }
    event
}

/// The value in the middle, the upper of two.
fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Resident memory of a process, MB, where the system tells.
fn resident_mb(id: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok()).map_or(f64::NAN, |kb| kb / 1024.0)
}
