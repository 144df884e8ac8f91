//! What the server counts, as Prometheus reads it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use restock_ledger::Outcome;

use crate::routes::events::Counts;

/// Upper bounds of the latency histogram, seconds: a commit takes a few milliseconds.
const BOUNDS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

#[derive(Default)]
struct Latency {
    /// Requests by the first bound that they keep, those beyond all bounds last.
    n_within: [u64; BOUNDS.len() + 1],
    seconds: f64,
}

/// Counters since the start of the server.
#[derive(Default)]
pub(crate) struct Metrics {
    /// By route, method and status: a few dozen rows.
    requests: Mutex<BTreeMap<(String, String, u16), u64>>,
    latencies: Mutex<BTreeMap<String, Latency>>,
    accepted: AtomicU64,
    duplicate: AtomicU64,
    quarantined: AtomicU64,
    conflict: AtomicU64,
    commits: AtomicU64,
    grouped_requests: AtomicU64,
}

impl Metrics {
    pub(crate) fn count_request(&self, route: &str, method: &str, status: u16, seconds: f64) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry((route.to_owned(), method.to_owned(), status)).or_default() += 1;
        drop(requests);
        let mut latencies = self.latencies.lock().unwrap_or_else(PoisonError::into_inner);
        let latency = latencies.entry(route.to_owned()).or_default();
        let idx = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
        latency.n_within[idx] += 1;
        latency.seconds += seconds;
    }

    /// Counts what became of one commit.
    pub(crate) fn count_outcomes(&self, outcomes: &[Outcome], n_requests: usize) {
        let counts = Counts::of(outcomes);
        self.accepted.fetch_add(counts.accepted, Ordering::Relaxed);
        self.duplicate.fetch_add(counts.duplicate, Ordering::Relaxed);
        self.quarantined.fetch_add(counts.quarantined, Ordering::Relaxed);
        self.conflict.fetch_add(counts.conflict, Ordering::Relaxed);
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.grouped_requests.fetch_add(n_requests as u64, Ordering::Relaxed);
    }

    /// The text format of Prometheus, version 0.0.4.
    pub(crate) fn text(&self, n_waiting: usize, last_sequence: u64, n_password_checks: u64) -> String {
        let mut out = String::new();
        header(&mut out, "restock_requests_total", "counter", "Requests by route, method and status.");
        for ((route, method, status), n) in &*self.requests.lock().unwrap_or_else(PoisonError::into_inner) {
            let labels = format!("route=\"{route}\",method=\"{method}\",status=\"{status}\"");
            line(&mut out, &format!("restock_requests_total{{{labels}}}"), n);
        }
        header(&mut out, "restock_request_seconds", "histogram", "Time until the head of the answer.");
        for (route, latency) in &*self.latencies.lock().unwrap_or_else(PoisonError::into_inner) {
            let mut n_within = 0;
            for (idx, n) in latency.n_within.iter().enumerate() {
                n_within += n;
                let bound = BOUNDS.get(idx).map_or("+Inf".to_owned(), f64::to_string);
                line(
                    &mut out,
                    &format!("restock_request_seconds_bucket{{route=\"{route}\",le=\"{bound}\"}}"),
                    n_within,
                );
            }
            line(&mut out, &format!("restock_request_seconds_sum{{route=\"{route}\"}}"), latency.seconds);
            line(&mut out, &format!("restock_request_seconds_count{{route=\"{route}\"}}"), n_within);
        }
        header(&mut out, "restock_events_total", "counter", "Entries of requests by what became of them.");
        for (outcome, n) in [
            ("accepted", &self.accepted),
            ("duplicate", &self.duplicate),
            ("quarantined", &self.quarantined),
            ("conflict", &self.conflict),
        ] {
            let name = format!("restock_events_total{{outcome=\"{outcome}\"}}");
            line(&mut out, &name, n.load(Ordering::Relaxed));
        }
        header(&mut out, "restock_commits_total", "counter", "Transactions with events.");
        line(&mut out, "restock_commits_total", self.commits.load(Ordering::Relaxed));
        header(&mut out, "restock_committed_requests_total", "counter", "Requests with events in those transactions.");
        line(&mut out, "restock_committed_requests_total", self.grouped_requests.load(Ordering::Relaxed));
        header(&mut out, "restock_waiting_requests", "gauge", "Requests that wait for the writer.");
        line(&mut out, "restock_waiting_requests", n_waiting);
        header(&mut out, "restock_password_checks_total", "counter", "Passwords that were checked, right or wrong.");
        line(&mut out, "restock_password_checks_total", n_password_checks);
        header(&mut out, "restock_last_sequence", "gauge", "Number of the last event in the stock book.");
        line(&mut out, "restock_last_sequence", last_sequence);
        out
    }
}

fn header(out: &mut String, name: &str, kind: &str, help: &str) {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}").expect("writing to a string");
}

fn line(out: &mut String, name: &str, value: impl std::fmt::Display) {
    writeln!(out, "{name} {value}").expect("writing to a string");
}
