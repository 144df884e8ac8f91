//! The server through its router, in memory.

mod access;
mod accounts;
mod csrf;
mod dashboard;
mod desk;
mod edit_rules;
mod events;
mod faults;
mod fixtures;
mod imports;
mod intake;
mod jobs;
mod masters;
mod network;
mod openapi;
mod orders;
mod planner;
mod problems;
mod quarantine;
mod rates;
mod reading;
mod said_demand;
mod sessions;
mod stream;
mod tokens;
mod webhooks;
