//! Training on a device of libtorch, such as a GPU; behind the feature `torch`.
//!
//! The network is written once more here, in tensors whose gradient libtorch knows. Everything around the steps is that
//! of [`crate::training`], and so are the files.

pub mod backend;
pub mod network;
pub mod optimiser;

pub use backend::{Torch, first_gpu};
