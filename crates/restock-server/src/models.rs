//! Versions of the demand model, as a planner tells of them.

use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

/// How well a version forecast windows that it was not fitted to, beside the model as shipped.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct ModelEvidence {
    /// Scaled quantile loss.
    pub scaled_loss: f64,
    /// That of the model as shipped.
    pub shipped_scaled_loss: f64,
    /// Relative improvement.
    pub improvement: f64,
    /// Weighted quantile loss.
    pub wql: f64,
}

/// A version of the demand model.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ModelVersion {
    /// `shipped`, `v1`, `v2` and so on.
    pub version: String,
    /// How it was fitted; nothing for a shipped model.
    pub method: Option<String>,
    /// Name of the weights that it is or changes; nothing where it cannot be read.
    pub base: Option<String>,
    /// SHA-256 of its file, hexadecimal.
    pub sha256: String,
    /// The day that it was fitted on.
    pub day: Option<String>,
    /// Whether plans use it.
    pub used: bool,
    /// What it was worth on windows that it was not fitted to.
    pub evidence: Option<ModelEvidence>,
    /// Why it cannot be used.
    pub error: Option<String>,
}

/// A change of the version that is used.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ModelChange {
    /// `promote` or `rollback`.
    pub action: String,
    /// The version before.
    pub from: String,
    /// The version afterwards.
    pub to: String,
    /// The day of the change.
    pub day: String,
    /// Why a version without evidence was promoted.
    pub reason: Option<String>,
}

/// Versions there are, and how it came to the one that is used.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Models {
    /// The model as shipped first, then the oldest.
    pub versions: Vec<ModelVersion>,
    /// Every change, oldest first.
    pub history: Vec<ModelChange>,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelRequest {
    /// To use a version.
    Promote {
        /// Its name.
        version: String,
        /// Why it is used without evidence that it is better, where it is.
        without_evidence: Option<String>,
    },
    /// To use again what was used before the last promotion.
    RollBack,
}

/// Who asks for a change of the version, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelOrder {
    /// What is asked for.
    pub request: ModelRequest,
    /// The day of the change.
    pub day: Date,
    /// Only whether it could be done, and what it would change.
    pub is_rehearsal: bool,
}

/// Why another version is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelRefusal {
    /// No such version.
    #[error("{0}")]
    Unknown(String),
    /// Nothing shows that it is better than the model as shipped.
    #[error("{0}")]
    NotBetter(String),
    /// Nothing was promoted before.
    #[error("{0}")]
    NothingBefore(String),
    /// The file of the version was changed or damaged.
    #[error("{0}")]
    Damaged(String),
}
