//! Random numbers that depend on what they are for, never on when they are drawn.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// A generator of its own for the subject named by `parts`, for example (promotions, item 17). The same seed and parts
/// give the same numbers on any thread and in any order.
pub(crate) fn stream(seed: u64, parts: &[u64]) -> ChaCha8Rng {
    let mut key = mix(seed);
    for &part in parts {
        key = mix(key ^ part);
    }
    ChaCha8Rng::seed_from_u64(key)
}

/// The SplitMix64 step (Steele, Lea & Flood, 2014).
fn mix(value: u64) -> u64 {
    let z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
