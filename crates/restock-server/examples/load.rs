//! Events and requests per second over HTTP on this machine: a server with a ledger in a folder, and clients with
//! connections that are kept, in one process. Everything that is counted was acknowledged, so it is on disk.
//!
//! `cargo run --release -p restock-server --example load -- [SECONDS] [FOLDER]`, where the folder is on the disk to
//! measure.

#![expect(clippy::print_stdout, reason = "an example reports")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use restock_ledger::SqliteLedger;
use restock_server::{NewToken, Role, Security, Server, ServerOptions, Tokens};
use tokio::net::TcpListener;

type Failed = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let mut arguments = std::env::args().skip(1);
    let seconds: u64 = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let folder = tempfile::tempdir_in(arguments.next().map_or_else(std::env::temp_dir, PathBuf::from))?;
    let path = folder.path().join("ledger.db");
    let tokens = Tokens::at(folder.path().join("tokens.json"));
    let new = NewToken { name: "load".to_owned(), role: Role::Integrator, locations: None, expires_at: None };
    let secret = tokens.create(new, Timestamp::now())?;
    let security = Security::in_folder(folder.path());
    let clock = Arc::new(Timestamp::now);
    let mut options = ServerOptions::new(Box::new(SqliteLedger::open(&path)?), tokens, security, clock, TimeZone::UTC);
    options.reader = Some(Box::new(SqliteLedger::open_reader(&path)?));
    let server = Server::new(options)?;
    server.ready().await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(server.serve(listener, async { drop(stopped.await) }));

    println!("events/request   connections   events/s   requests/s   p50 ms   p99 ms   not taken in");
    for (n_events, n_connections) in [(1_000, 1), (1_000, 4), (1, 1), (1, 16), (1, 64), (1, 256)] {
        run(&url, &secret, n_events, n_connections, Duration::from_secs(seconds)).await?;
    }
    let begin = Instant::now();
    drop(stop);
    serving.await??;
    println!("shut down with a snapshot: {:.0} ms", begin.elapsed().as_secs_f64() * 1e3);
    Ok(())
}

/// Ids of events, so that no two are the same.
static N_EVENTS: AtomicU64 = AtomicU64::new(0);

async fn run(url: &str, secret: &str, n_events: u64, n_connections: usize, time: Duration) -> Result<(), Failed> {
    let begin = Instant::now();
    let clients: Vec<_> = (0..n_connections)
        .map(|_| {
            let (url, secret) = (format!("{url}/v1/events"), secret.to_owned());
            tokio::spawn(async move {
                let client = reqwest::Client::builder().tcp_nodelay(true).build()?;
                let (mut latencies, mut n_failed) = (Vec::new(), 0_u64);
                while begin.elapsed() < time {
                    let body = body(n_events);
                    let sent = Instant::now();
                    let request = client.post(&url).bearer_auth(&secret).header("content-type", "application/x-ndjson");
                    let response = request.body(body).send().await?;
                    let is_taken = response.status() == 202;
                    response.bytes().await?;
                    if is_taken {
                        latencies.push(sent.elapsed().as_secs_f64() * 1e3);
                    } else {
                        n_failed += 1;
                    }
                }
                Ok::<_, Failed>((latencies, n_failed))
            })
        })
        .collect();
    let (mut latencies, mut n_failed) = (Vec::new(), 0);
    for client in clients {
        let (own, failed) = client.await??;
        latencies.extend(own);
        n_failed += failed;
    }
    let seconds = begin.elapsed().as_secs_f64();
    latencies.sort_by(f64::total_cmp);
    let quantile = |level: f64| latencies[((latencies.len() - 1) as f64 * level) as usize];
    let per_second = latencies.len() as f64 / seconds;
    println!(
        "{n_events:>14} {n_connections:>13} {:>10.0} {per_second:>12.0} {:>8.1} {:>8.1} {n_failed:>14}",
        per_second * n_events as f64,
        quantile(0.5),
        quantile(0.99)
    );
    Ok(())
}

/// Lines of NDJSON with sales of 10,000 items at 10 locations.
fn body(n_events: u64) -> String {
    let first = N_EVENTS.fetch_add(n_events, Ordering::Relaxed);
    let now = Timestamp::now();
    (first..first + n_events)
        .map(|number| {
            format!(
                "{{\"event_id\":\"{number}\",\"source\":\"load\",\"type\":\"sale\",\"occurred_at\":\"{now}\",\
                 \"item_id\":\"item-{:05}\",\"location_id\":\"store-{:03}\",\"quantity\":\"1\",\"unit_price\":\"0.99\"}}\n",
                number * 7_919 % 10_000,
                number % 10
            )
        })
        .collect()
}
