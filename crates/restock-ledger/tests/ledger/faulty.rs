//! A ledger whose store fails now and then, from a seed: before anything was written, or after all of it was, when only
//! the answer is lost.

use std::cell::Cell;
use std::path::Path;

use jiff::Timestamp;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use restock_core::{Event, ItemLocation};
use restock_ledger::{
    AuditCheck, AuditEntry, AuditRecord, Batch, ConsumerOffset, Decision, DeskEntry, Filing, Ledger, LedgerError,
    LedgerFinding, Outcome, QuarantineEntry, QuarantineState, Recorded, Snapshot,
};

pub(crate) struct Faulty<L> {
    pub(crate) inner: L,
    rng: ChaCha8Rng,
    /// Of a hundred calls that write, so many fail.
    pub(crate) percent: u32,
    pub(crate) n_faults: u64,
    /// Events of item-locations that were read.
    pub(crate) n_read: Cell<usize>,
    /// Whether reading them fails, too.
    pub(crate) fails_to_read: Cell<bool>,
}

impl<L: Ledger> Faulty<L> {
    pub(crate) fn new(inner: L, seed: u64, percent: u32) -> Self {
        Self {
            inner,
            rng: ChaCha8Rng::seed_from_u64(seed),
            percent,
            n_faults: 0,
            n_read: Cell::new(0),
            fails_to_read: Cell::new(false),
        }
    }

    fn write<T>(&mut self, call: impl FnOnce(&mut L) -> Result<T, LedgerError>) -> Result<T, LedgerError> {
        let fault = self.rng.random_range(0..100) < self.percent;
        if !fault {
            return call(&mut self.inner);
        }
        self.n_faults += 1;
        let when = if self.rng.random_bool(0.5) { "before" } else { "after" };
        if when == "after" {
            call(&mut self.inner)?;
        }
        Err(LedgerError::Storage(format!("a fault {when} the commit").into()))
    }
}

impl<L: Ledger> Ledger for Faulty<L> {
    fn append(&mut self, batch: &Batch) -> Result<Vec<Outcome>, LedgerError> {
        self.write(|inner| inner.append(batch))
    }
    fn last_sequence(&self) -> Result<u64, LedgerError> {
        self.inner.last_sequence()
    }
    fn events(&self, from_sequence: u64, limit: usize) -> Result<Vec<Recorded>, LedgerError> {
        self.inner.events(from_sequence, limit)
    }
    fn events_of(&self, place: &ItemLocation, from_sequence: u64, limit: usize) -> Result<Vec<Recorded>, LedgerError> {
        if self.fails_to_read.get() {
            return Err(LedgerError::Storage("a fault while reading".into()));
        }
        let events = self.inner.events_of(place, from_sequence, limit)?;
        self.n_read.set(self.n_read.get() + events.len());
        Ok(events)
    }
    fn find(&self, source: &str, event_id: &str) -> Result<Option<Recorded>, LedgerError> {
        self.inner.find(source, event_id)
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
        from_id: u64,
        limit: usize,
    ) -> Result<Vec<QuarantineEntry>, LedgerError> {
        self.inner.quarantine(state, from_id, limit)
    }
    fn quarantine_size(&self, state: QuarantineState) -> Result<u64, LedgerError> {
        self.inner.quarantine_size(state)
    }
    fn release(
        &mut self,
        quarantine_id: u64,
        corrected: Option<&Event>,
        decision: &Decision,
    ) -> Result<Outcome, LedgerError> {
        self.write(|inner| inner.release(quarantine_id, corrected, decision))
    }
    fn discard(&mut self, quarantine_id: u64, decision: &Decision) -> Result<(), LedgerError> {
        self.write(|inner| inner.discard(quarantine_id, decision))
    }
    fn save_snapshot(&mut self, name: &str, snapshot: &Snapshot, at: Timestamp) -> Result<(), LedgerError> {
        self.write(|inner| inner.save_snapshot(name, snapshot, at))
    }
    fn latest_snapshot(&self, name: &str) -> Result<Option<Snapshot>, LedgerError> {
        self.inner.latest_snapshot(name)
    }
    fn record(&mut self, entry: &AuditEntry) -> Result<AuditRecord, LedgerError> {
        self.write(|inner| inner.record(entry))
    }
    fn audit_trail(&self, from_number: u64, limit: usize) -> Result<Vec<AuditRecord>, LedgerError> {
        self.inner.audit_trail(from_number, limit)
    }
    fn verify_audit(&self) -> Result<AuditCheck, LedgerError> {
        self.inner.verify_audit()
    }
    fn file(&mut self, filing: &Filing) -> Result<u64, LedgerError> {
        self.write(|inner| inner.file(filing))
    }
    fn desk_entries(&self, from_number: u64, limit: usize) -> Result<Vec<DeskEntry>, LedgerError> {
        self.inner.desk_entries(from_number, limit)
    }
    fn backup(&self, path: &Path) -> Result<(), LedgerError> {
        self.inner.backup(path)
    }
    fn doctor(&self) -> Result<Vec<LedgerFinding>, LedgerError> {
        self.inner.doctor()
    }
}
