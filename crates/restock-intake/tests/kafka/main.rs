//! Topics of Kafka, read from the mock cluster of the client library, which speaks the protocol over sockets.

mod fixtures;
#[path = "../shared/mod.rs"]
mod shared;
mod topic;
