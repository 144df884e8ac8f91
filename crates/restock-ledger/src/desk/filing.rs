//! Entries of the desk with all that belongs to them: their audit records and the orders that they lead to.

use std::collections::BTreeMap;

use jiff::Timestamp;
use restock_core::event::SupplyOrigin;
use restock_core::proposal::ProposalSource;
use restock_core::{Event, EventKind};

use super::{Desk, DeskChange, DeskEntry, Filed, line_of};
use crate::audit::AuditEntry;
use crate::ledger::Batch;

/// The source of events that the desk reports: orders that were exported. Nobody else may use it.
pub const DESK_SOURCE: &str = "restock-desk";

/// Entries of the desk with all that belongs to them, to be written all or nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Filing {
    /// The last entry of the desk that they were made from; others in between make the filing fail.
    pub after: u64,
    /// When.
    pub at: Timestamp,
    /// The entries.
    pub entries: Vec<DeskEntry>,
    /// Their audit records.
    pub audit: Vec<AuditEntry>,
    /// The orders that they lead to.
    pub orders: Option<Batch>,
}

impl Filing {
    /// The filing of entries of a desk, with their audit records and orders.
    pub fn new(desk: &Desk, entries: Vec<DeskEntry>, at: Timestamp) -> Self {
        // Each entry is about the desk after the entries before it; only the proposals that it touches are copied.
        let mut touched = Desk::new();
        let (mut audit, mut orders) = (Vec::new(), Vec::new());
        for entry in &entries {
            if let Some(filed) = desk.get(&entry.proposal_id)
                && touched.get(&entry.proposal_id).is_none()
            {
                touched.hold(filed);
            }
            audit.extend(touched.audit(entry, at));
            orders.extend(touched.order(entry, at).map(crate::Incoming::from_event));
            touched.apply(entry);
        }
        let orders = (!orders.is_empty()).then(|| Batch::new(orders, at));
        Self { after: desk.last_number, at, entries, audit, orders }
    }
}

impl Desk {
    /// The audit record of an entry that a person made; `None` for what a plan or an arrival did.
    pub fn audit(&self, entry: &DeskEntry, at: Timestamp) -> Option<AuditEntry> {
        let (by, action, reason) = match &entry.change {
            DeskChange::Edited { by, reason, .. } => (by, "proposal.edit", reason.clone()),
            DeskChange::Approved { by, .. } => (by, "proposal.approve", String::new()),
            DeskChange::Rejected { by, reason } => (by, "proposal.reject", reason.clone()),
            DeskChange::Exported { by, .. } => (by, "proposal.export", String::new()),
            _ => return None,
        };
        let before = self.filed.get(&entry.proposal_id)?;
        let mut after =
            Self { filed: BTreeMap::from([(entry.proposal_id.clone(), before.clone())]), ..Self::default() };
        after.apply(entry);
        let said = |filed: &Filed| format!("{} {} {}", filed.state.name(), filed.quantity, filed.need.uom);
        Some(AuditEntry {
            at,
            actor: by.clone(),
            action: action.to_owned(),
            subject: format!("proposal/{}", entry.proposal_id),
            reason,
            before: said(before).trim_end().to_owned(),
            after: said(&after.filed[&entry.proposal_id]).trim_end().to_owned(),
        })
    }

    /// The order that an exported proposal is, as an event: with its own key, so that it counts once.
    pub fn order(&self, entry: &DeskEntry, at: Timestamp) -> Option<Event> {
        let DeskChange::Exported { order_id, .. } = &entry.change else { return None };
        let filed = self.filed.get(&entry.proposal_id)?;
        let origin = match &filed.need.source {
            ProposalSource::SupplierId(id) => Some(SupplyOrigin::Supplier(id.clone())),
            ProposalSource::LocationId(id) => Some(SupplyOrigin::Location(id.clone())),
            ProposalSource::Unknown => None,
        };
        let kind = EventKind::OrderPlaced {
            line: line_of(filed, order_id),
            quantity: filed.quantity,
            origin,
            due_on: Some(filed.need.expected_receipt),
        };
        Some(Event {
            event_id: entry.proposal_id.clone(),
            source: DESK_SOURCE.to_owned(),
            occurred_at: at,
            kind,
            attributes: BTreeMap::new(),
        })
    }
}
