//! The desk: what became of each proposal between a plan and the goods on the shelf.
//!
//! ```text
//! proposed ──> edited ──> approved ──> exported ──> acknowledged ──> partially_received ──> closed
//!     └──────────────────────┴─> rejected, superseded, expired
//! ```
//!
//! The desk is a fold of [`DeskEntry`]s, which are appended and never changed. [`Desk::revise`] says what a new plan
//! changes, [`Desk::decide`] what a person does; both are pure, and the ledger writes their entries with the audit trail and
//! the orders that they lead to in one transaction ([`Ledger::file`](crate::Ledger::file)).
//!
//! # Rules
//! 1. One open need is one proposal: an item from one source for one place. A new plan revises it in place.
//! 2. What a person edited or approved is firm: a plan never changes its quantity. It expires when its day to order is over.
//! 3. What was rejected is not proposed again until that day is over.
//! 4. An exported proposal is an order from the same moment on, so that the next plan counts it once.

mod bulk;
mod filing;
mod need;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub use bulk::{Choice, LINE_FIELDS, RULE_ACTOR, line_field, n_approvers};
pub use filing::{DESK_SOURCE, Filing};
use need::NeedKey;
pub use need::{Need, Revision, Scope};
use restock_core::event::OrderLine;
use restock_core::{Day, ItemLocation, Money, Quantity};
use serde::{Deserialize, Serialize};

/// Where a proposal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProposalState {
    /// A plan wants it.
    Proposed,
    /// A person changed its quantity.
    Edited,
    /// It may be ordered.
    Approved,
    /// It is an order.
    Exported,
    /// The source has confirmed the order.
    Acknowledged,
    /// A part has arrived.
    PartiallyReceived,
    /// Everything has arrived, or nothing more will.
    Closed,
    /// A person does not want it.
    Rejected,
    /// Its day to order passed.
    Expired,
    /// The plan wants nothing any more.
    Superseded,
}

impl ProposalState {
    /// All states.
    pub const ALL: [Self; 10] = [
        Self::Proposed,
        Self::Edited,
        Self::Approved,
        Self::Exported,
        Self::Acknowledged,
        Self::PartiallyReceived,
        Self::Closed,
        Self::Rejected,
        Self::Expired,
        Self::Superseded,
    ];

    /// The name in stores and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Edited => "edited",
            Self::Approved => "approved",
            Self::Exported => "exported",
            Self::Acknowledged => "acknowledged",
            Self::PartiallyReceived => "partially_received",
            Self::Closed => "closed",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
        }
    }

    /// Whether it still waits to become an order.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Proposed | Self::Edited | Self::Approved)
    }

    /// Whether neither plan nor person can change it any more.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Closed | Self::Expired | Self::Superseded)
    }

    /// Whether it is an order that goods are expected of.
    pub fn is_ordered(self) -> bool {
        matches!(self, Self::Exported | Self::Acknowledged | Self::PartiallyReceived)
    }
}

/// Something that happened to a proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeskEntry {
    /// The proposal.
    pub proposal_id: String,
    /// What happened.
    pub change: DeskChange,
}

/// What happened to a proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "change")]
pub enum DeskChange {
    /// A plan wants it for the first time.
    Proposed {
        /// What it wants.
        need: Need,
    },
    /// A plan wants something else than before; a firm quantity stays.
    Revised {
        /// What it wants now.
        need: Need,
    },
    /// A plan wants nothing any more.
    Superseded {
        /// The plan.
        plan_id: String,
    },
    /// Its day to order is over.
    Expired {
        /// The day of the plan that found it.
        as_of: Day,
    },
    /// A person changed its quantity.
    Edited {
        /// Who.
        by: String,
        /// Base units.
        quantity: Quantity,
        /// Why.
        reason: String,
    },
    /// A person approved it.
    Approved {
        /// Who.
        by: String,
        /// How many different persons must approve it.
        n_needed: u32,
    },
    /// A person does not want it.
    Rejected {
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// It became an order.
    Exported {
        /// Who.
        by: String,
        /// The order.
        order_id: String,
        /// What the request called itself, so that the same request again orders nothing more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// The hash of what the request said, so that the same key with something else is refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body_hash: Option<String>,
    },
    /// The source has confirmed the order.
    Acknowledged,
    /// So much has arrived in all.
    Received {
        /// Base units.
        quantity: Quantity,
        /// Whether nothing more will come.
        is_over: bool,
    },
}

/// A proposal on the desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filed {
    /// Its id.
    pub proposal_id: String,
    /// The number of its last entry: whoever decides about this version decides about what is here.
    pub version: u64,
    /// Where it stands.
    pub state: ProposalState,
    /// What the last plan wants.
    pub need: Need,
    /// What is or will be ordered, base units: that of the plan, or of the person who edited it.
    pub quantity: Quantity,
    /// Who approved it, each once.
    pub approvals: Vec<String>,
    /// The last reason that a person gave; empty when none did.
    pub reason: String,
    /// The order that it became.
    pub order_id: Option<String>,
    /// What has arrived, base units.
    pub received: Quantity,
}

impl Filed {
    /// Whether a person has decided on its quantity, and it waits to become an order.
    pub fn is_firm(&self) -> bool {
        matches!(self.state, ProposalState::Edited | ProposalState::Approved)
    }

    /// The value of what is or will be ordered, if the cost is known.
    pub fn value(&self) -> Option<Money> {
        self.need.unit_cost.map(|cost| self.quantity.to_decimal() * cost)
    }
}

/// What is known of an order that the desk exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderStanding {
    /// Whether the source confirmed or sent it.
    pub is_confirmed: bool,
    /// Base units that have arrived.
    pub received: Quantity,
    /// Whether nothing more will come: cancelled for the rest.
    pub is_over: bool,
}

/// What a person does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeskDecision {
    /// Orders another quantity, base units.
    Edit {
        /// Base units, whole order units, above 0.
        quantity: Quantity,
        /// Why; not empty.
        reason: String,
    },
    /// Keeps its quantity whatever later plans want: an edit to the quantity that it has.
    Firm {
        /// Why; not empty.
        reason: String,
    },
    /// Lets it be ordered.
    Approve {
        /// How many different persons must do so, at least 1.
        n_needed: u32,
    },
    /// Does not let it be ordered.
    Reject {
        /// Why; not empty.
        reason: String,
    },
    /// Orders it.
    Export {
        /// The order that it becomes a line of.
        order_id: String,
    },
}

/// What a request calls itself, and the hash of what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKey {
    /// The name of the request, among all requests.
    pub key: String,
    /// A hash of its body.
    pub body_hash: String,
}

/// What was exported under a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Exported {
    order_ids: BTreeSet<String>,
    /// `None` where the entries are older than this is kept.
    body_hash: Option<String>,
}

/// Why something cannot be done to a proposal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeskError {
    /// There is no such proposal.
    #[error("there is no proposal {proposal_id:?}")]
    NoSuchProposal {
        /// The id that was given.
        proposal_id: String,
    },
    /// It stands where this cannot be done.
    #[error("proposal {proposal_id} is {}, only one that is {allowed} can be {action}", state.name())]
    WrongState {
        /// The proposal.
        proposal_id: String,
        /// Where it stands.
        state: ProposalState,
        /// Where it would have to stand.
        allowed: &'static str,
        /// What was asked for.
        action: &'static str,
    },
    /// A quantity that cannot be ordered.
    #[error(
        "quantity is {quantity}, proposal {proposal_id} is ordered in whole {order_uom}, at least one: reject it to order nothing"
    )]
    NotWhole {
        /// The proposal.
        proposal_id: String,
        /// The quantity that was given.
        quantity: Quantity,
        /// Base units of an order unit.
        order_multiple: Quantity,
        /// The order unit.
        order_uom: String,
    },
    /// Nobody was named.
    #[error("who decides must be named")]
    NoName,
    /// No reason was given.
    #[error("a reason must be given: the outcome is compared with it later")]
    NoReason,
    /// The same person again.
    #[error("{by:?} has approved proposal {proposal_id} already, another person must do so too")]
    SamePerson {
        /// The proposal.
        proposal_id: String,
        /// Who.
        by: String,
    },
}

/// All proposals, as their entries left them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desk {
    filed: BTreeMap<String, Filed>,
    /// Proposals that something may still happen to, by the place that they are about.
    live: BTreeMap<ItemLocation, BTreeSet<String>>,
    /// Proposals by the order that they became.
    ordered: BTreeMap<String, BTreeSet<String>>,
    /// Orders by what the request that made them called itself.
    requests: BTreeMap<String, Exported>,
    /// The last entry that is in it; 0 before the first.
    last_number: u64,
}

impl Desk {
    /// A desk without proposals.
    pub fn new() -> Self {
        Self::default()
    }

    /// The desk of a ledger.
    ///
    /// # Errors
    /// What the ledger says.
    pub fn read(ledger: &dyn crate::Ledger) -> Result<Self, crate::LedgerError> {
        const N_AT_A_TIME: usize = 10_000;
        let mut desk = Self::new();
        loop {
            let entries = ledger.desk_entries(desk.last_number + 1, N_AT_A_TIME)?;
            entries.iter().for_each(|entry| desk.apply(entry));
            if entries.len() < N_AT_A_TIME {
                return Ok(desk);
            }
        }
    }

    /// A proposal.
    pub fn get(&self, proposal_id: &str) -> Option<&Filed> {
        self.filed.get(proposal_id)
    }

    /// All proposals by id, those that are over too.
    pub fn all(&self) -> impl Iterator<Item = &Filed> {
        self.filed.values()
    }

    /// The number of the last entry that is in it.
    pub fn last_number(&self) -> u64 {
        self.last_number
    }

    /// Ids of orders with their lines.
    pub(crate) fn ordered(&self) -> impl DoubleEndedIterator<Item = (&str, Vec<&Filed>)> {
        self.ordered.iter().map(|(order_id, ids)| (order_id.as_str(), self.lines(ids)))
    }

    /// The same of one order.
    pub(crate) fn ordered_as(&self, order_id: &str) -> Option<(&str, Vec<&Filed>)> {
        self.ordered.get_key_value(order_id).map(|(order_id, ids)| (order_id.as_str(), self.lines(ids)))
    }

    fn lines(&self, ids: &BTreeSet<String>) -> Vec<&Filed> {
        ids.iter().map(|id| &self.filed[id]).collect()
    }

    /// Takes over a proposal of another desk.
    fn hold(&mut self, filed: &Filed) {
        self.filed.entry(filed.proposal_id.clone()).or_insert_with(|| filed.clone());
    }

    /// The orders that were exported under a key; `None` when none were.
    pub fn exported_under(&self, key: &str) -> Option<&BTreeSet<String>> {
        self.requests.get(key).map(|exported| &exported.order_ids)
    }

    /// The hash of the body with which a key came first, where it is known.
    pub fn body_hash_of(&self, key: &str) -> Option<&str> {
        self.requests.get(key)?.body_hash.as_deref()
    }

    /// Adds an entry.
    ///
    /// # Panics
    /// When the entry is about a proposal that was never proposed: entries come from [`Desk::revise`] and
    /// [`Desk::decide`] of the desk before them.
    pub fn apply(&mut self, entry: &DeskEntry) {
        self.last_number += 1;
        let DeskEntry { proposal_id, change } = entry;
        if let DeskChange::Proposed { need } = change {
            let filed = Filed {
                proposal_id: proposal_id.clone(),
                version: self.last_number,
                state: ProposalState::Proposed,
                quantity: need.quantity,
                need: need.clone(),
                approvals: Vec::new(),
                reason: String::new(),
                order_id: None,
                received: Quantity::ZERO,
            };
            self.live.entry(need.place()).or_default().insert(proposal_id.clone());
            self.filed.insert(proposal_id.clone(), filed);
            return;
        }
        let filed = self.filed.get_mut(proposal_id).unwrap_or_else(|| panic!("{proposal_id} was never proposed"));
        filed.version = self.last_number;
        match change {
            DeskChange::Proposed { .. } => unreachable!("handled above"),
            DeskChange::Revised { need } => {
                if filed.state == ProposalState::Proposed {
                    filed.quantity = need.quantity;
                    // Who approved another quantity has not approved this one.
                    filed.approvals.clear();
                }
                filed.need = need.clone();
            }
            DeskChange::Superseded { .. } => filed.state = ProposalState::Superseded,
            DeskChange::Expired { .. } => filed.state = ProposalState::Expired,
            DeskChange::Edited { quantity, reason, .. } => {
                filed.state = ProposalState::Edited;
                filed.quantity = *quantity;
                filed.reason.clone_from(reason);
                filed.approvals.clear();
            }
            DeskChange::Approved { by, n_needed } => {
                if !filed.approvals.contains(by) {
                    filed.approvals.push(by.clone());
                }
                if filed.approvals.len() >= *n_needed as usize {
                    filed.state = ProposalState::Approved;
                }
            }
            DeskChange::Rejected { reason, .. } => {
                filed.state = ProposalState::Rejected;
                filed.reason.clone_from(reason);
            }
            DeskChange::Exported { order_id, key, body_hash, .. } => {
                filed.state = ProposalState::Exported;
                filed.order_id = Some(order_id.clone());
                self.ordered.entry(order_id.clone()).or_default().insert(proposal_id.clone());
                if let Some(key) = key {
                    let exported = self.requests.entry(key.clone()).or_default();
                    exported.order_ids.insert(order_id.clone());
                    exported.body_hash.clone_from(body_hash);
                }
            }
            DeskChange::Acknowledged => filed.state = ProposalState::Acknowledged,
            DeskChange::Received { quantity, is_over } => {
                filed.received = *quantity;
                filed.state = if *is_over { ProposalState::Closed } else { ProposalState::PartiallyReceived };
            }
        }
        let (place, is_over) = (filed.need.place(), filed.state.is_over());
        if is_over && let Some(ids) = self.live.get_mut(&place) {
            ids.remove(proposal_id);
            if ids.is_empty() {
                self.live.remove(&place);
            }
        }
    }

    /// What a plan of a day for everything changes: ids and needs of its proposals; `standing` tells of orders that the desk
    /// exported.
    ///
    /// Applied to this desk and given the same plan again, nothing is left to change.
    pub fn revise(
        &self,
        wanted: &[(String, Need)],
        as_of: Day,
        standing: &dyn Fn(&OrderLine) -> OrderStanding,
    ) -> Vec<DeskEntry> {
        let plan_id = wanted.first().map_or(String::new(), |(_, need)| need.plan_id.clone());
        let revision = Revision { plan_id, as_of, wanted: wanted.to_vec(), scope: Scope::Everything };
        self.revise_by(&revision, &BTreeSet::new(), standing)
    }

    /// What a plan changes in its scope, without places that `held` names: there, something was ordered that the plan has
    /// not seen, so what it wants is told by the plan after it.
    pub fn revise_by(
        &self,
        revision: &Revision,
        held: &BTreeSet<ItemLocation>,
        standing: &dyn Fn(&OrderLine) -> OrderStanding,
    ) -> Vec<DeskEntry> {
        let as_of = revision.as_of;
        let is_asked = |place: &ItemLocation| revision.scope.has(place) && !held.contains(place);
        let mut entries = Vec::new();
        let mut say = |proposal_id: &str, change| {
            entries.push(DeskEntry { proposal_id: proposal_id.to_owned(), change });
        };
        let mut needs: BTreeMap<NeedKey, (&str, Need)> = BTreeMap::new();
        for (proposal_id, need) in &revision.wanted {
            if is_asked(&need.place()) {
                needs.insert(need.key(), (proposal_id, need.clone()));
            }
        }
        for filed in self.live_in(&revision.scope) {
            if filed.state.is_ordered() {
                follow_order(filed, standing, &mut say);
                continue;
            }
            if held.contains(&filed.need.place()) {
                continue;
            }
            let key = filed.need.key();
            let is_over = filed.need.order_by < as_of;
            match filed.state {
                ProposalState::Proposed => match needs.remove(&key) {
                    Some((_, need)) if filed.need.differs(&need) => {
                        say(&filed.proposal_id, DeskChange::Revised { need });
                    }
                    Some(_) => {}
                    None => {
                        say(&filed.proposal_id, DeskChange::Superseded { plan_id: revision.plan_id.clone() });
                    }
                },
                ProposalState::Edited | ProposalState::Approved if is_over => {
                    say(&filed.proposal_id, DeskChange::Expired { as_of });
                }
                ProposalState::Edited | ProposalState::Approved => {
                    if let Some((_, need)) = needs.remove(&key)
                        && filed.need.differs(&need)
                    {
                        // The day to order stays that of what was agreed to.
                        let need = Need { order_by: filed.need.order_by, ..need };
                        if filed.need.differs(&need) {
                            say(&filed.proposal_id, DeskChange::Revised { need });
                        }
                    }
                }
                ProposalState::Rejected if !is_over => {
                    needs.remove(&key);
                }
                _ => {}
            }
        }
        for (proposal_id, need) in needs.into_values() {
            say(&self.free_id(proposal_id), DeskChange::Proposed { need });
        }
        entries
    }

    /// What has become of the orders of some places.
    pub fn follow(
        &self,
        places: &BTreeSet<ItemLocation>,
        standing: &dyn Fn(&OrderLine) -> OrderStanding,
    ) -> Vec<DeskEntry> {
        let mut entries = Vec::new();
        let mut say = |proposal_id: &str, change| {
            entries.push(DeskEntry { proposal_id: proposal_id.to_owned(), change });
        };
        for filed in places.iter().flat_map(|place| self.live_at(place)).filter(|filed| filed.state.is_ordered()) {
            follow_order(filed, standing, &mut say);
        }
        entries
    }

    /// Proposals at a place that something may still happen to.
    pub fn live_at(&self, place: &ItemLocation) -> impl Iterator<Item = &Filed> {
        self.live.get(place).into_iter().flatten().map(|proposal_id| &self.filed[proposal_id])
    }

    /// Places with proposals that something may still happen to.
    pub fn live_places(&self) -> impl Iterator<Item = &ItemLocation> {
        self.live.keys()
    }

    /// The same of a scope, by id where that is everything.
    fn live_in(&self, scope: &Scope) -> Vec<&Filed> {
        match scope {
            Scope::Everything => self.filed.values().filter(|filed| !filed.state.is_over()).collect(),
            Scope::Places(places) => places.iter().flat_map(|place| self.live_at(place)).collect(),
        }
    }

    /// The id of a new proposal: the plan's own, or the plan's own and a number where that was used before.
    fn free_id(&self, proposal_id: &str) -> String {
        let taken = |id: &str| self.filed.contains_key(id);
        if !taken(proposal_id) {
            return proposal_id.to_owned();
        }
        (2..).map(|number| format!("{proposal_id}-{number}")).find(|id| !taken(id)).expect("numbers do not end")
    }

    /// What a person's decision about a proposal is as an entry.
    ///
    /// # Errors
    /// [`DeskError`] when it cannot be decided so.
    pub fn decide(&self, proposal_id: &str, by: &str, decision: &DeskDecision) -> Result<DeskEntry, DeskError> {
        let id = || proposal_id.to_owned();
        let filed = self.filed.get(proposal_id).ok_or_else(|| DeskError::NoSuchProposal { proposal_id: id() })?;
        let state = filed.state;
        let wrong = |allowed, action| Err(DeskError::WrongState { proposal_id: id(), state, allowed, action });
        // One person is one name, however it is typed.
        let by = by.trim().to_lowercase();
        if by.is_empty() {
            return Err(DeskError::NoName);
        }
        let change = match decision {
            DeskDecision::Edit { .. } if !state.is_open() => {
                return wrong("proposed, edited or approved", "edited");
            }
            DeskDecision::Firm { .. } if state != ProposalState::Proposed => return wrong("proposed", "firmed"),
            DeskDecision::Reject { .. } if !state.is_open() => {
                return wrong("proposed, edited or approved", "rejected");
            }
            DeskDecision::Approve { .. } if !matches!(state, ProposalState::Proposed | ProposalState::Edited) => {
                return wrong("proposed or edited", "approved");
            }
            DeskDecision::Export { .. } if state != ProposalState::Approved => return wrong("approved", "exported"),
            DeskDecision::Edit { reason, .. } | DeskDecision::Firm { reason } | DeskDecision::Reject { reason }
                if reason.trim().is_empty() =>
            {
                return Err(DeskError::NoReason);
            }
            DeskDecision::Edit { quantity, reason } => {
                let multiple = filed.need.order_multiple;
                let is_whole = if multiple > Quantity::ZERO {
                    quantity.micro() % multiple.micro() == 0
                } else {
                    // As fine as what plans order of it.
                    quantity.decimals() <= filed.need.quantity.decimals()
                };
                if *quantity <= Quantity::ZERO || !is_whole {
                    return Err(DeskError::NotWhole {
                        proposal_id: id(),
                        quantity: *quantity,
                        order_multiple: multiple,
                        order_uom: filed.need.order_uom.clone(),
                    });
                }
                DeskChange::Edited { by, quantity: *quantity, reason: reason.clone() }
            }
            DeskDecision::Firm { reason } => {
                DeskChange::Edited { by, quantity: filed.quantity, reason: reason.clone() }
            }
            DeskDecision::Approve { .. } if filed.approvals.contains(&by) => {
                return Err(DeskError::SamePerson { proposal_id: id(), by });
            }
            DeskDecision::Approve { n_needed } => DeskChange::Approved { by, n_needed: *n_needed },
            DeskDecision::Reject { reason } => DeskChange::Rejected { by, reason: reason.clone() },
            DeskDecision::Export { order_id } => {
                DeskChange::Exported { by, order_id: order_id.clone(), key: None, body_hash: None }
            }
        };
        Ok(DeskEntry { proposal_id: id(), change })
    }
}

/// The line of an order that a proposal is.
fn line_of(filed: &Filed, order_id: &str) -> OrderLine {
    let place = ItemLocation::new(&filed.need.item_id, &filed.need.destination);
    OrderLine { order_id: order_id.to_owned(), place }
}

/// What has become of an order since.
fn follow_order(filed: &Filed, standing: &dyn Fn(&OrderLine) -> OrderStanding, say: &mut impl FnMut(&str, DeskChange)) {
    let Some(order_id) = &filed.order_id else { return };
    let OrderStanding { is_confirmed, received, is_over } = standing(&line_of(filed, order_id));
    let is_over = is_over || received >= filed.quantity;
    if is_over || received > filed.received {
        say(&filed.proposal_id, DeskChange::Received { quantity: received, is_over });
    } else if is_confirmed && filed.state == ProposalState::Exported {
        say(&filed.proposal_id, DeskChange::Acknowledged);
    }
}

impl fmt::Display for ProposalState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
