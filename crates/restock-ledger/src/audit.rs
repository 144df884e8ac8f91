//! The audit trail: who did what, in a chain of hashes.
//!
//! The hash of a record covers the record and the hash of the record before it, so that a change, a gap or a swap
//! anywhere breaks every later hash. A trail that was cut at its end cannot show that by itself: keep the head
//! ([`AuditCheck::head`]) somewhere else, and compare.

use jiff::Timestamp;

/// Something that somebody did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// When; microseconds are kept.
    pub at: Timestamp,
    /// Who, a user or a part of the program.
    pub actor: String,
    /// What, for example `quarantine.release`.
    pub action: String,
    /// To what, for example `quarantine/7`.
    pub subject: String,
    /// Why; empty when nobody said.
    pub reason: String,
    /// State before; empty when there was none.
    pub before: String,
    /// State after; empty when there is none.
    pub after: String,
}

/// An entry of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its number: 1 for the first, without gaps.
    pub number: u64,
    /// What was done.
    pub entry: AuditEntry,
    /// Hash of this record and of the one before.
    pub hash: [u8; 32],
}

/// What [`Ledger::verify_audit`](crate::Ledger::verify_audit) found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditCheck {
    /// How many records there are.
    pub n_records: u64,
    /// The hash of the last record; zeros when there is none.
    pub head: [u8; 32],
    /// The first record that is not the one that was written.
    pub broken_at: Option<u64>,
}

/// The hash before the first record.
pub(crate) const NO_HASH: [u8; 32] = [0; 32];

/// The record that follows a record with hash `previous`.
pub(crate) fn next_record(number: u64, previous: [u8; 32], entry: &AuditEntry) -> AuditRecord {
    let at = Timestamp::from_microsecond(entry.at.as_microsecond()).expect("an instant rounded towards 1970");
    let entry = AuditEntry { at, ..entry.clone() };
    let mut hasher = blake3::Hasher::new();
    hasher.update(&previous);
    hasher.update(&number.to_le_bytes());
    hasher.update(&entry.at.as_microsecond().to_le_bytes());
    for text in [&entry.actor, &entry.action, &entry.subject, &entry.reason, &entry.before, &entry.after] {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    AuditRecord { number, entry, hash: hasher.finalize().into() }
}

/// Follows a trail record by record.
#[derive(Debug)]
pub(crate) struct Verifier {
    check: AuditCheck,
}

impl Verifier {
    pub(crate) fn new() -> Self {
        Self { check: AuditCheck { n_records: 0, head: NO_HASH, broken_at: None } }
    }

    pub(crate) fn add(&mut self, record: &AuditRecord) {
        let expected = next_record(self.check.n_records + 1, self.check.head, &record.entry);
        if self.check.broken_at.is_none() && expected != *record {
            self.check.broken_at = Some(self.check.n_records + 1);
        }
        self.check.n_records += 1;
        self.check.head = record.hash;
    }

    pub(crate) fn finish(self) -> AuditCheck {
        self.check
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record whose own hash was computed again still betrays itself, by the record after it.
    #[test]
    fn a_forged_record_breaks_the_chain_after_it() {
        let entry = |subject: &str| AuditEntry {
            at: Timestamp::UNIX_EPOCH,
            actor: "ada".to_owned(),
            action: "proposal.approve".to_owned(),
            subject: subject.to_owned(),
            reason: String::new(),
            before: String::new(),
            after: String::new(),
        };
        let mut trail: Vec<AuditRecord> = Vec::new();
        for number in 1..=3 {
            let previous = trail.last().map_or(NO_HASH, |record| record.hash);
            trail.push(next_record(number, previous, &entry("p_1")));
        }
        let check = |trail: &[AuditRecord]| {
            let mut verifier = Verifier::new();
            trail.iter().for_each(|record| verifier.add(record));
            verifier.finish()
        };
        assert_eq!(check(&trail).broken_at, None);
        trail[0] = next_record(1, NO_HASH, &entry("p_9"));
        assert_eq!(check(&trail).broken_at, Some(2));
        // Fields cannot be moved into each other: each is hashed with its length.
        let moved = AuditEntry { actor: "adap".to_owned(), action: "roposal.approve".to_owned(), ..entry("p_1") };
        assert_ne!(next_record(1, NO_HASH, &moved).hash, next_record(1, NO_HASH, &entry("p_1")).hash);
    }
}
