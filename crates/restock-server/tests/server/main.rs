//! The server through its router, in memory.

mod access;
mod desk;
mod events;
mod faults;
mod fixtures;
mod intake;
mod openapi;
mod orders;
mod planner;
mod problems;
mod quarantine;
mod stream;
mod tokens;
