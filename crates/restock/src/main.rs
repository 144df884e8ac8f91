//! The `restock` command.

fn main() {}
