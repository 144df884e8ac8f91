//! Entries of files and messages, drop folders, settings and statuses.

mod config;
mod entries;
mod fixtures;
mod folder;
mod status;
