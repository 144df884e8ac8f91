//! TODO
pub mod models;
