//! Decisions per second of the pretrained policy: 10,000 random items in the middle of their lead-time demand.
//!
//! `cargo bench -p restock-learning --bench pretrained_policy`, on one thread and on two.

use divan::counter::ItemsCount;
use restock_learning::PretrainedPolicy;
use restock_learning::any_item::{ItemGenerator, ItemProblem, ItemRange, ItemState};

const N_ITEMS: usize = 10_000;

fn main() {
    divan::main();
}

#[divan::bench(args = [1, 2])]
fn decisions(bencher: divan::Bencher, n_threads: usize) {
    let items = ItemGenerator { seed: 9, range: ItemRange::ALL }.items(0, N_ITEMS);
    let state = |item: &ItemProblem| {
        let mean = item.scale().ceil() as i64;
        let mut state = ItemState { on_hand: mean, ..ItemState::EMPTY };
        state.pipeline[..item.lead_time().saturating_sub(1)].fill(mean);
        state
    };
    let decisions: Vec<_> = items.iter().map(|item| (item, state(item))).collect();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().expect("threads");
    let policy = PretrainedPolicy::shipped();
    bencher
        .counter(ItemsCount::new(N_ITEMS))
        .bench_local(|| pool.install(|| policy.orders(divan::black_box(&decisions))));
}
