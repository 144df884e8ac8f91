//! Streams of NATS, read from a real nats-server. Without that program the tests say so and pass, unless
//! `RESTOCK_NATS_REQUIRED` is set.
#![allow(clippy::print_stdout)]

mod access;
mod fixtures;
mod server;
#[path = "../shared/mod.rs"]
mod shared;
mod stream;
