//! Fitting the pretrained model to the user's own history, and keeping what was fitted.
//!
//! | module | what |
//! |---|---|
//! | [`windows`] | what is trained on and what is validated on; nothing is read beyond its end |
//! | [`calibration`] | quantiles moved by what they missed on hold-out windows |
//! | [`low_rank`] | low-rank adapters: what they add to weights, and their gradient |
//! | [`score`] | tuned against zero-shot, and what counts as better |
//! | [`mod@tune`] | every method within a budget, the best against the shipped model |
//! | [`adapter`] | what a fit changes about the shipped weights, as a file |
//! | [`registry`] | versions of a project: saved, listed, promoted, rolled back |

pub mod adapter;
pub mod calibration;
pub mod low_rank;
pub mod registry;
pub mod score;
pub mod tune;
pub mod windows;
