//! Seeded randomness and the normal distribution's quantile function.

use statrs::distribution::{ContinuousCDF, Normal};

/// SplitMix64 (Steele, Lea & Flood, 2014): small, fast, and the same on every platform.
#[derive(Clone, Debug)]
pub(crate) struct SplitMix(u64);

impl SplitMix {
    /// A stream of random numbers from a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 random bits.
    pub(crate) fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A whole number below `n`, uniform up to a bias of `n / 2^64`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next_u64()) * n as u128) >> 64) as usize
    }
}

/// The standard normal quantile function, for `level` in (0, 1).
pub fn normal_quantile(level: f64) -> f64 {
    Normal::standard().inverse_cdf(level)
}
