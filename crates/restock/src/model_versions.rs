//! Versions of the demand model of a project, as the server tells of them and changes them.

use restock_pretrained::shipped;
use restock_pretrained::tuning::adapter::Card;
use restock_pretrained::tuning::registry::{Entry, Registry, RegistryError, SHIPPED, Version};
use restock_pretrained::tuning::score::Evidence;
use restock_server::{ModelChange, ModelEvidence, ModelOrder, ModelRefusal, ModelRequest, ModelVersion, Models};

/// All versions, the shipped models first, and every change.
///
/// # Errors
/// A folder that cannot be read.
pub(crate) fn list(models: &Registry) -> Result<Models, RegistryError> {
    let pointer = models.pointer()?;
    let active = pointer.active().unwrap_or(SHIPPED);
    let shipped = shipped::NAMES.iter().map(|name| {
        let weights = shipped::weights(name).expect("a shipped name");
        // The first is the one that is used where nothing was promoted.
        let version = if *name == shipped::NAMES[0] { SHIPPED } else { *name };
        ModelVersion {
            version: version.to_owned(),
            method: None,
            base: Some(weights.weights.config().name.clone()),
            sha256: weights.sha256.to_owned(),
            day: None,
            used: active == version,
            evidence: None,
            error: None,
        }
    });
    let fitted = models.versions()?.into_iter().map(|version| fitted(version, active));
    let versions = shipped.chain(fitted).collect();
    Ok(Models { versions, history: pointer.history.into_iter().map(change_of).collect() })
}

fn fitted(version: Version, active: &str) -> ModelVersion {
    let Version { name, sha256, card } = version;
    let used = active == name;
    match card {
        Ok(Card { method, base, day, evidence, .. }) => ModelVersion {
            version: name,
            method: Some(method.name().to_owned()),
            base: Some(base),
            sha256,
            day: Some(day),
            used,
            evidence: evidence.as_ref().map(evidence_of),
            error: None,
        },
        // What is wrong names files of this machine.
        Err(_) => ModelVersion {
            error: Some(damaged(&name)),
            version: name,
            method: None,
            base: None,
            sha256,
            day: None,
            used,
            evidence: None,
        },
    }
}

fn damaged(version: &str) -> String {
    format!("the file of version {version:?} cannot be read or was changed; `restock model verify` says more")
}

fn evidence_of(evidence: &Evidence) -> ModelEvidence {
    ModelEvidence {
        scaled_loss: evidence.tuned.sql.value,
        shipped_scaled_loss: evidence.zero_shot.sql.value,
        improvement: evidence.improvement.value,
        wql: evidence.tuned.wql.value,
    }
}

fn change_of(entry: Entry) -> ModelChange {
    let name = |version: Option<String>| version.unwrap_or_else(|| SHIPPED.to_owned());
    let Entry { action, from, to, day, reason } = entry;
    ModelChange { action, from: name(from), to: name(to), day, reason }
}

/// Uses another version, or says only what that would change.
///
/// # Errors
/// A folder that cannot be read or written; inside, a version that is not used.
pub(crate) fn change(
    models: &Registry,
    order: &ModelOrder,
) -> Result<Result<ModelChange, ModelRefusal>, RegistryError> {
    let changed = if order.is_rehearsal { rehearse(models, order) } else { carry_out(models, order) };
    match changed {
        Ok(entry) => Ok(Ok(change_of(entry))),
        Err(error) => {
            let text = error.to_string();
            match error {
                RegistryError::Unknown { .. } => Ok(Err(ModelRefusal::Unknown(text))),
                RegistryError::NotBetter { .. } => Ok(Err(ModelRefusal::NotBetter(text))),
                RegistryError::NothingBefore => Ok(Err(ModelRefusal::NothingBefore(text))),
                RegistryError::Changed { .. } | RegistryError::Adapter { .. } => {
                    let version = match &order.request {
                        ModelRequest::Promote { version, .. } => version,
                        ModelRequest::RollBack => "before",
                    };
                    Ok(Err(ModelRefusal::Damaged(damaged(version))))
                }
                RegistryError::File { .. } => Err(error),
            }
        }
    }
}

fn carry_out(models: &Registry, order: &ModelOrder) -> Result<Entry, RegistryError> {
    let day = order.day.to_string();
    match &order.request {
        ModelRequest::Promote { version, without_evidence } => {
            models.promote(version, without_evidence.as_deref(), &day, shipped::base())
        }
        ModelRequest::RollBack => models.roll_back(&day),
    }
}

/// What carrying it out would change.
fn rehearse(models: &Registry, order: &ModelOrder) -> Result<Entry, RegistryError> {
    let mut pointer = models.pointer()?;
    let entry = |action: &str, from: Option<String>, to: Option<String>| Entry {
        action: action.to_owned(),
        from,
        to,
        day: order.day.to_string(),
        reason: None,
    };
    match &order.request {
        ModelRequest::Promote { version, without_evidence } => {
            let to = (version != SHIPPED).then(|| version.clone());
            if to.is_some() {
                let adapter = models.load(version, shipped::base())?;
                let is_better = adapter.card.evidence.as_ref().is_some_and(Evidence::is_better);
                if !is_better && without_evidence.is_none() {
                    let found = "its card does not show that it is better".to_owned();
                    return Err(RegistryError::NotBetter { name: version.clone(), found });
                }
            }
            Ok(entry("promote", pointer.active().map(str::to_owned), to))
        }
        ModelRequest::RollBack => {
            let from = pointer.promoted.pop().ok_or(RegistryError::NothingBefore)?;
            let to = pointer.active().map(str::to_owned);
            if let Some(version) = &to {
                models.card(version)?;
            }
            Ok(entry("rollback", from, to))
        }
    }
}
