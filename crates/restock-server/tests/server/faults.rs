//! A store that fails now and then, from a seed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use axum::http::StatusCode;
use jiff::Timestamp;
use restock_core::{Event, ItemLocation};
use restock_ledger::{
    AuditCheck, AuditEntry, AuditRecord, Batch, ConsumerOffset, Decision, DeskEntry, Filing, Ledger, LedgerError,
    LedgerFinding, Outcome, QuarantineEntry, QuarantineState, Recorded, Snapshot, SqliteLedger,
};
use restock_server::Role;

use crate::fixtures::{Fixture, sale};

/// Every second append of events fails: one time before anything was written, the next time after all of it was.
pub(crate) struct Faulty {
    pub(crate) inner: SqliteLedger,
    /// `None` where appends do not fail.
    pub(crate) n_appends: Option<u32>,
    /// The audit trail fails while this is set.
    pub(crate) has_no_audit: Arc<AtomicBool>,
    /// Positions of consumers fail while this is set.
    pub(crate) has_no_positions: Arc<AtomicBool>,
    /// So many filings fail: odd ones before anything was written, even ones after all of it was.
    pub(crate) n_file_faults: Arc<AtomicU32>,
}

impl Faulty {
    /// A store whose appends fail.
    pub(crate) fn new(inner: SqliteLedger) -> Self {
        Self { n_appends: Some(0), ..Self::filing(inner, Arc::default()) }
    }

    /// A store whose filings fail.
    pub(crate) fn filing(inner: SqliteLedger, n_file_faults: Arc<AtomicU32>) -> Self {
        Self { inner, n_appends: None, has_no_audit: Arc::default(), has_no_positions: Arc::default(), n_file_faults }
    }
}

fn fault() -> LedgerError {
    LedgerError::Storage("disk full at /secret/path".into())
}

impl Ledger for Faulty {
    fn append(&mut self, batch: &Batch) -> Result<Vec<Outcome>, LedgerError> {
        if batch.entries.is_empty() {
            let fails = self.has_no_positions.load(Ordering::Relaxed);
            return if fails { Err(fault()) } else { self.inner.append(batch) };
        }
        let Some(n_appends) = &mut self.n_appends else { return self.inner.append(batch) };
        *n_appends += 1;
        match *n_appends % 4 {
            1 => Err(fault()),
            3 => self.inner.append(batch).and(Err(fault())),
            _ => self.inner.append(batch),
        }
    }
    fn record(&mut self, entry: &AuditEntry) -> Result<AuditRecord, LedgerError> {
        if self.has_no_audit.load(Ordering::Relaxed) { Err(fault()) } else { self.inner.record(entry) }
    }
    fn last_sequence(&self) -> Result<u64, LedgerError> {
        self.inner.last_sequence()
    }
    fn events(&self, from: u64, limit: usize) -> Result<Vec<Recorded>, LedgerError> {
        self.inner.events(from, limit)
    }
    fn events_of(&self, place: &ItemLocation, from: u64, limit: usize) -> Result<Vec<Recorded>, LedgerError> {
        self.inner.events_of(place, from, limit)
    }
    fn find(&self, source: &str, event_id: &str) -> Result<Option<Recorded>, LedgerError> {
        self.inner.find(source, event_id)
    }
    fn file(&mut self, filing: &Filing) -> Result<u64, LedgerError> {
        match self.n_file_faults.load(Ordering::Relaxed) {
            0 => return self.inner.file(filing),
            n => self.n_file_faults.store(n - 1, Ordering::Relaxed),
        }
        if self.n_file_faults.load(Ordering::Relaxed).is_multiple_of(2) {
            Err(fault())
        } else {
            self.inner.file(filing).and(Err(fault()))
        }
    }
    fn desk_entries(&self, from: u64, limit: usize) -> Result<Vec<DeskEntry>, LedgerError> {
        self.inner.desk_entries(from, limit)
    }
    fn offset(&self, consumer: &str, partition: &str) -> Result<Option<u64>, LedgerError> {
        self.inner.offset(consumer, partition)
    }
    fn offsets(&self) -> Result<Vec<ConsumerOffset>, LedgerError> {
        self.inner.offsets()
    }
    fn quarantine(
        &self,
        state: Option<QuarantineState>,
        from: u64,
        limit: usize,
    ) -> Result<Vec<QuarantineEntry>, LedgerError> {
        self.inner.quarantine(state, from, limit)
    }
    fn quarantine_size(&self, state: QuarantineState) -> Result<u64, LedgerError> {
        self.inner.quarantine_size(state)
    }
    fn release(&mut self, id: u64, corrected: Option<&Event>, decision: &Decision) -> Result<Outcome, LedgerError> {
        self.inner.release(id, corrected, decision)
    }
    fn discard(&mut self, id: u64, decision: &Decision) -> Result<(), LedgerError> {
        self.inner.discard(id, decision)
    }
    fn save_snapshot(&mut self, name: &str, snapshot: &Snapshot, at: Timestamp) -> Result<(), LedgerError> {
        self.inner.save_snapshot(name, snapshot, at)
    }
    fn latest_snapshot(&self, name: &str) -> Result<Option<Snapshot>, LedgerError> {
        self.inner.latest_snapshot(name)
    }
    fn audit_trail(&self, from: u64, limit: usize) -> Result<Vec<AuditRecord>, LedgerError> {
        self.inner.audit_trail(from, limit)
    }
    fn verify_audit(&self) -> Result<AuditCheck, LedgerError> {
        self.inner.verify_audit()
    }
    fn backup(&self, path: &std::path::Path) -> Result<(), LedgerError> {
        self.inner.backup(path)
    }
    fn doctor(&self) -> Result<Vec<LedgerFinding>, LedgerError> {
        self.inner.doctor()
    }
}

#[tokio::test]
async fn what_failed_is_sent_again_and_counts_once() {
    let faulty = Faulty::new(SqliteLedger::in_memory().unwrap());
    let has_no_audit = faulty.has_no_audit.clone();
    let fixture = Fixture::with(Box::new(faulty)).await;
    let mut n_failed = 0;
    for number in 1..=20 {
        loop {
            let answer = fixture.events(&sale(&number.to_string())).await;
            if answer.status == StatusCode::ACCEPTED {
                assert_eq!(answer.json()["outcomes"][0]["sequence"], number);
                break;
            }
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(answer.header("retry-after"), "1");
            assert_eq!(answer.json()["type"], "urn:restock:problem:storage");
            assert!(!answer.text.contains("secret"), "the store's words stay in the log");
            n_failed += 1;
        }
    }
    assert_eq!(n_failed, 20);
    let inventory = fixture.get(Role::Viewer, "/v1/inventory").await.json();
    assert_eq!(inventory["inventory"][0]["on_hand"], "-20");

    // A person's events are acknowledged with their audit record, not before.
    has_no_audit.store(true, Ordering::Relaxed);
    for _ in 0..2 {
        let answer = fixture.post(Role::Admin, "/v1/events", "application/json", &sale("a")).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    has_no_audit.store(false, Ordering::Relaxed);
    while fixture.post(Role::Admin, "/v1/events", "application/json", &sale("a")).await.status != StatusCode::ACCEPTED {
    }
    assert_eq!(fixture.get(Role::Admin, "/v1/audit").await.json()["records"].as_array().unwrap().len(), 1);
}
