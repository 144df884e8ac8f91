//! The few operations a transformer is made of, for blocks of rows, with the vector instructions of the machine.
//!
//! Every function is deterministic, and what a row becomes depends on that row alone: results are equal bit by bit
//! whatever the size of the block and the number of threads. They differ in the last digits between machines with
//! different vector instructions.

pub(crate) mod attention;
pub(crate) mod attention_gradient;
pub(crate) mod bf16;
pub(crate) mod elementwise;
pub(crate) mod int8;
pub(crate) mod linear;
pub(crate) mod norm;
pub(crate) mod reduced;
pub(crate) mod residual;
pub(crate) mod tile;
pub(crate) mod weight_gradient;
