//! Training of the network.
//!
//! [`losses`] says what a forecast costs, [`gradient`] how that changes with every weight, [`adamw`] what to do about it.
//! [`trainer`] is the loop around them; it runs on this machine's CPU ([`native`]) or, with the feature `torch`, on a
//! device of libtorch, and continues the checkpoints of either.

pub mod adamw;
pub mod checkpoint;
pub mod gradient;
pub mod initial;
pub mod losses;
pub mod native;
mod network;
pub mod report;
pub mod trainer;
pub mod validation;

use crate::weights::WeightsError;

pub use adamw::{AdamW, AdamWSettings, OptimiserState, learning_rate_share};
pub use gradient::{Trainable, features, head_loss_and_gradient, loss_and_gradient, taught_loss_and_gradient};
pub use losses::Losses;
pub use native::Native;
pub use trainer::{Backend, Trainer, TrainerConfig};
pub use validation::Validation;

/// What can go wrong outside the network: files that cannot be read or written, or belong to another training.
#[derive(Debug, thiserror::Error)]
pub enum TrainingError {
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file does not hold what it must.
    #[error("{path}: {what}")]
    Content {
        /// The file.
        path: String,
        /// What is wrong, and what was expected.
        what: String,
    },
    /// A weights file could not be read or written.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}
