//! What a plan wants, as the desk keeps it, and what a plan says anew.

use std::collections::BTreeSet;

use restock_core::proposal::{Proposal, ProposalSource, ProposalType};
use restock_core::{Day, ItemLocation, Money, Quantity};
use serde::{Deserialize, Serialize};

/// What a plan wants: a proposal without its explanation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// The plan that wants it last.
    pub plan_id: String,
    /// Item.
    pub item_id: String,
    /// Receiving location.
    pub destination: String,
    /// Where it comes from.
    pub source: ProposalSource,
    /// Purchase, transfer or production.
    pub proposal_type: ProposalType,
    /// Quantity, base units.
    pub quantity: Quantity,
    /// Base unit.
    pub uom: String,
    /// Base units of a pack: edits come in whole ones; 0 where it is ordered by the unit.
    pub order_multiple: Quantity,
    /// The order unit, for example `pack of 12`.
    pub order_uom: String,
    /// Purchase cost per base unit, if known.
    pub unit_cost: Option<Money>,
    /// ISO 4217 code.
    pub currency: String,
    /// Last day to place the order.
    pub order_by: Day,
    /// Day the goods can be sold.
    pub expected_receipt: Day,
    /// Money at stake when it is not ordered.
    pub priority: Money,
}

impl From<&Proposal> for Need {
    fn from(proposal: &Proposal) -> Self {
        // Loose units have no pack; a quantity that is cut below its pack tells nothing of it either.
        let n_packs = proposal.order_units.quantity;
        let is_packed = n_packs != proposal.quantity && n_packs.decimals() == 0 && n_packs > Quantity::ZERO;
        let n_packs = n_packs.to_units_floor(0).max(1);
        let is_packed = is_packed && proposal.quantity.micro() % n_packs == 0;
        let pack = if is_packed { Quantity::from_micro(proposal.quantity.micro() / n_packs) } else { Quantity::ZERO };
        Self {
            plan_id: proposal.plan_id.clone(),
            item_id: proposal.item_id.clone(),
            destination: proposal.destination.clone(),
            source: proposal.source.clone(),
            proposal_type: proposal.proposal_type,
            quantity: proposal.quantity,
            uom: proposal.uom.clone(),
            order_multiple: pack,
            order_uom: proposal.order_units.uom.clone(),
            unit_cost: proposal.unit_cost,
            currency: proposal.currency.clone(),
            order_by: proposal.order_by,
            expected_receipt: proposal.expected_receipt,
            priority: proposal.priority,
        }
    }
}

/// What makes two needs the same one.
pub(super) type NeedKey = (String, String, ProposalSource);

impl Need {
    /// The item-location that it is about.
    pub fn place(&self) -> ItemLocation {
        ItemLocation::new(&self.item_id, &self.destination)
    }

    pub(super) fn key(&self) -> NeedKey {
        (self.item_id.clone(), self.destination.clone(), self.source.clone())
    }

    /// Whether another plan wants something else, whatever its id.
    pub(super) fn differs(&self, other: &Self) -> bool {
        let of_plan = Self { plan_id: self.plan_id.clone(), ..other.clone() };
        *self != of_plan
    }
}

/// What a plan wants of the places that it looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// The plan.
    pub plan_id: String,
    /// The day of the plan.
    pub as_of: Day,
    /// Ids and needs of its proposals. Those outside of the scope are passed over.
    pub wanted: Vec<(String, Need)>,
    /// What it looked at.
    pub scope: Scope,
}

/// What a plan looked at: elsewhere it changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All item-locations.
    Everything,
    /// These.
    Places(BTreeSet<ItemLocation>),
}

impl Scope {
    /// Whether an item-location is in it.
    pub fn has(&self, place: &ItemLocation) -> bool {
        match self {
            Self::Everything => true,
            Self::Places(places) => places.contains(place),
        }
    }
}
