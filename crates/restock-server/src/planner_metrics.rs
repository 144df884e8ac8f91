//! What the server counts about its planner.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Upper bounds of the histogram of delays, seconds: from a plan of one place to one of everything.
const BOUNDS: [f64; 12] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0];

#[derive(Default)]
struct Delays {
    n_within: [u64; BOUNDS.len() + 1],
    seconds: f64,
}

/// Counters since the start of the server.
#[derive(Default)]
pub(crate) struct PlannerMetrics {
    delays: Mutex<Delays>,
    runs: AtomicU64,
    changed: AtomicU64,
    failures: AtomicU64,
    /// The last event that the planner has taken in.
    seen: AtomicU64,
}

impl PlannerMetrics {
    /// Counts the time from the commit of the first event of a batch until its proposals were filed.
    pub(crate) fn count_delay(&self, seconds: f64) {
        let mut delays = self.delays.lock().unwrap_or_else(PoisonError::into_inner);
        let idx = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
        delays.n_within[idx] += 1;
        delays.seconds += seconds;
    }

    pub(crate) fn count_run(&self, n_changed: usize) {
        self.runs.fetch_add(1, Ordering::Relaxed);
        self.changed.fetch_add(n_changed as u64, Ordering::Relaxed);
    }

    pub(crate) fn count_failure(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn set_seen(&self, last_sequence: u64) {
        self.seen.store(last_sequence, Ordering::Relaxed);
    }

    /// The text format of Prometheus, version 0.0.4.
    pub(crate) fn text(&self, last_sequence: u64) -> String {
        let lag = last_sequence.saturating_sub(self.seen.load(Ordering::Relaxed));
        let mut out = String::new();
        let name = "restock_commit_to_proposals_seconds";
        let help = "From the commit of the first event of a batch until its proposals were filed.";
        header(&mut out, name, "histogram", help);
        let delays = self.delays.lock().unwrap_or_else(PoisonError::into_inner);
        let mut n_within = 0;
        for (bound, n) in BOUNDS.iter().map(f64::to_string).chain(["+Inf".to_owned()]).zip(delays.n_within) {
            n_within += n;
            line(&mut out, &format!("{name}_bucket{{le=\"{bound}\"}}"), n_within);
        }
        line(&mut out, &format!("{name}_sum"), delays.seconds);
        line(&mut out, &format!("{name}_count"), n_within);
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        for (name, kind, help, value) in [
            ("restock_planner_runs_total", "counter", "Revisions of the planner that were filed.", load(&self.runs)),
            ("restock_planner_changes_total", "counter", "Entries of the desk that they made.", load(&self.changed)),
            (
                "restock_planner_failures_total",
                "counter",
                "Turns in which planning or filing failed.",
                load(&self.failures),
            ),
            ("restock_planner_lag_events", "gauge", "Events that the planner has not taken in.", lag),
        ] {
            header(&mut out, name, kind, help);
            line(&mut out, name, value);
        }
        out
    }
}

fn header(out: &mut String, name: &str, kind: &str, help: &str) {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}").expect("writing to a string");
}

fn line(out: &mut String, name: &str, value: impl std::fmt::Display) {
    writeln!(out, "{name} {value}").expect("writing to a string");
}
