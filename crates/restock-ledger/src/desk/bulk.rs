//! The same decision about many proposals, all or none, and the rules that it goes by.

use std::collections::BTreeSet;

use restock_core::filter::Filter;

use restock_core::ItemLocation;

use super::{Desk, DeskChange, DeskDecision, DeskEntry, DeskError, Filed, ProposalState, Scope};

/// The fields of a proposal that filters of lines may name.
pub const LINE_FIELDS: &[&str] = &["item.id", "location.id", "quantity", "source.id", "state", "value"];

/// A field of a proposal by its name in [`LINE_FIELDS`].
pub fn line_field(filed: &Filed, name: &str) -> Option<String> {
    Some(match name {
        "value" => filed.value()?.to_string(),
        "quantity" => filed.quantity.to_string(),
        "state" => filed.state.name().to_owned(),
        "item.id" => filed.need.item_id.clone(),
        "location.id" => filed.need.destination.clone(),
        "source.id" => filed.need.source.to_string(),
        _ => return None,
    })
}

/// How many different persons must approve a proposal: two where the filter holds. Whoever asks for two people by value
/// wants them where the value is not known, too.
pub fn n_approvers(four_eyes_if: Option<&Filter>, filed: &Filed) -> u32 {
    let is_dear = |filter: &Filter| filed.value().is_none() || filter.matches(&|name| line_field(filed, name));
    1 + u32::from(four_eyes_if.is_some_and(is_dear))
}

/// Who approves by a rule of the settings, in the audit trail.
pub const RULE_ACTOR: &str = "restock-rule";

/// Proposals to decide about.
#[derive(Clone, Debug)]
pub enum Choice {
    /// These: each of them must be there and stand where it can be decided.
    Ids(Vec<String>),
    /// The open ones that a filter of [`LINE_FIELDS`] holds for; all open ones without a filter. Those that are decided
    /// already are passed over.
    Open(Option<Filter>),
}

impl Desk {
    /// The proposals of a choice, each once, by id.
    ///
    /// # Errors
    /// [`DeskError::NoSuchProposal`].
    pub fn chosen(&self, choice: &Choice) -> Result<Vec<&Filed>, DeskError> {
        match choice {
            Choice::Ids(ids) => {
                let ids: BTreeSet<&String> = ids.iter().collect();
                let find =
                    |id: &String| self.get(id).ok_or_else(|| DeskError::NoSuchProposal { proposal_id: id.clone() });
                ids.into_iter().map(find).collect()
            }
            Choice::Open(filter) => {
                let holds = |filed: &&Filed| {
                    filter.as_ref().is_none_or(|filter| filter.matches(&|name| line_field(filed, name)))
                };
                Ok(self.all().filter(|filed| filed.state.is_open()).filter(holds).collect())
            }
        }
    }

    /// The entries of a decision about all proposals of a choice that `covers` lets see; what it hides is not there.
    ///
    /// # Errors
    /// [`DeskError`] when one of them cannot be decided so; then none is.
    pub fn decide_all(
        &self,
        choice: &Choice,
        by: &str,
        covers: &dyn Fn(&Filed) -> bool,
        decision: &dyn Fn(&Filed) -> DeskDecision,
    ) -> Result<Vec<DeskEntry>, DeskError> {
        let is_named = matches!(choice, Choice::Ids(_));
        let mut entries = Vec::new();
        for filed in self.chosen(choice)? {
            if !covers(filed) {
                if is_named {
                    return Err(DeskError::NoSuchProposal { proposal_id: filed.proposal_id.clone() });
                }
                continue;
            }
            match self.decide(&filed.proposal_id, by, &decision(filed)) {
                Ok(entry) => entries.push(entry),
                Err(DeskError::WrongState { .. } | DeskError::SamePerson { .. }) if !is_named => {}
                Err(error) => return Err(error),
            }
        }
        Ok(entries)
    }

    /// The proposals that entries touch, as those leave them.
    pub(crate) fn touched(&self, entries: &[DeskEntry]) -> Self {
        let mut touched = Self::new();
        for entry in entries {
            if let Some(filed) = self.get(&entry.proposal_id) {
                touched.hold(filed);
            }
        }
        entries.iter().for_each(|entry| touched.apply(entry));
        touched
    }

    /// The approvals by a rule that follow the entries of a plan: of what they leave proposed, and of everything that is
    /// proposed where the plan was for everything. What a person edited, approved or rejected is left to persons.
    pub fn approve_by_rule(
        &self,
        entries: &[DeskEntry],
        scope: &Scope,
        held: &BTreeSet<ItemLocation>,
        rule: &dyn Fn(&Filed) -> bool,
    ) -> Vec<DeskEntry> {
        let touched = self.touched(entries);
        let others = (*scope == Scope::Everything).then(|| self.all()).into_iter().flatten();
        let others = others.filter(|filed| touched.get(&filed.proposal_id).is_none());
        let candidates = touched.all().chain(others).filter(|filed| {
            filed.state == ProposalState::Proposed && filed.approvals.is_empty() && !held.contains(&filed.need.place())
        });
        let approved = candidates.filter(|filed| rule(filed)).map(|filed| DeskEntry {
            proposal_id: filed.proposal_id.clone(),
            change: DeskChange::Approved { by: RULE_ACTOR.to_owned(), n_needed: 1 },
        });
        approved.collect()
    }
}
