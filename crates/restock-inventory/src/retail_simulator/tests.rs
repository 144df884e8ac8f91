use std::collections::BTreeMap;

use restock_core::Units;

use super::*;

fn small() -> ChainConfig {
    ChainConfig { n_items: 120, n_stores: 4, ..ChainConfig::default() }
}

fn histories(config: &ChainConfig, seed: u64) -> Vec<ItemHistory> {
    let mut histories = Vec::new();
    for_each_item(config, seed, |history| histories.push(history.clone()));
    histories
}
