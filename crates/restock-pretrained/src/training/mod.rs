//! Training of the network on a CPU.
//!
//! [`losses`] says what a forecast costs, [`gradient`] how that changes with every weight.

pub mod gradient;
pub mod losses;
mod network;

pub use gradient::{Trainable, features, head_loss_and_gradient, loss_and_gradient};
pub use losses::Losses;
