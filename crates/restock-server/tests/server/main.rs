//! The server through its router, in memory.

mod access;
mod events;
mod faults;
mod fixtures;
mod intake;
mod openapi;
mod problems;
mod quarantine;
mod stream;
mod tokens;
