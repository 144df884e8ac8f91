//! Training of the network with libtorch; behind the feature `torch`.
//!
//! The inference engine of this crate needs none of this: what passes between the two is a weights file.

pub mod checkpoint;
pub mod golden;
pub mod network;
pub mod optimiser;
pub mod trainer;

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
}
