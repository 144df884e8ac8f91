//! A random generator in lanes: xoshiro128++ (Blackman & Vigna 2021, *ACM Transactions on Mathematical Software* 47(4)).
//!
//! Each lane has a state of its own, drawn by SplitMix64 (Steele, Lea & Flood 2014) from the seed and the number of the
//! lane. A generator of period 2^128 - 1 in each of a million lanes that each draw 2^40 numbers overlaps with a
//! probability below 2^-47.

use super::{Lanes, N_LANES};

/// One generator per lane of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneRng {
    /// `[4, N_LANES]`: the four words of each lane's state.
    words: [Lanes<u32>; 4],
}

impl LaneRng {
    /// The generators of a block; lanes of other blocks or of other seeds have other streams.
    pub fn new(seed: u64, block_idx: u64) -> Self {
        // Mixing the seed first keeps the lanes of neighbouring seeds apart.
        let mut seed_state = seed;
        let mixed_seed = split_mix(&mut seed_state);
        let mut words = [[0; N_LANES]; 4];
        for lane in 0..N_LANES {
            let mut state = mixed_seed ^ (block_idx * N_LANES as u64 + lane as u64).wrapping_mul(0xD134_2543_DE82_EF95);
            for pair in 0..2 {
                let random = split_mix(&mut state);
                words[2 * pair][lane] = random as u32;
                words[2 * pair + 1][lane] = (random >> 32) as u32;
            }
            // All words 0 is the one state that the generator never leaves.
            words[0][lane] |= u32::from(words.iter().all(|word| word[lane] == 0));
        }
        Self { words }
    }

    /// 32 random bits in each lane.
    #[inline(always)]
    pub fn next_u32(&mut self) -> Lanes<u32> {
        let [a, b, c, d] = &mut self.words;
        let mut random = [0; N_LANES];
        for lane in 0..N_LANES {
            let (mut s0, mut s1, mut s2, mut s3) = (a[lane], b[lane], c[lane], d[lane]);
            random[lane] = s0.wrapping_add(s3).rotate_left(7).wrapping_add(s0);
            let shifted = s1 << 9;
            s2 ^= s0;
            s3 ^= s1;
            s1 ^= s2;
            s0 ^= s3;
            s2 ^= shifted;
            s3 = s3.rotate_left(11);
            (a[lane], b[lane], c[lane], d[lane]) = (s0, s1, s2, s3);
        }
        random
    }
}

/// The uniform number in (0, 1) that 32 random bits stand for: the middle of one of 2^32 equal parts.
#[inline(always)]
pub fn uniform(random: u32) -> f64 {
    (f64::from(random) + 0.5) * (1.0 / 4_294_967_296.0)
}

/// The next number of SplitMix64.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut random = *state;
    random = (random ^ (random >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    random = (random ^ (random >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    random ^ (random >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first numbers of the authors' C program `xoshiro128plusplus.c` from the state 1, 2, 3, 4.
    #[test]
    fn numbers_are_those_of_the_authors() {
        let mut rng = LaneRng { words: [[1; N_LANES], [2; N_LANES], [3; N_LANES], [4; N_LANES]] };
        for expected in [641, 1_573_767, 3_222_811_527, 3_517_856_514, 836_907_274, 4_247_214_768] {
            assert_eq!(rng.next_u32(), [expected; N_LANES]);
        }
    }

    /// The first numbers of the authors' `splitmix64.c` from the state 1234567.
    #[test]
    fn seeds_are_mixed_by_split_mix() {
        let mut state = 1_234_567;
        for expected in [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423] {
            assert_eq!(split_mix(&mut state), expected);
        }
    }

    #[test]
    fn uniform_numbers_leave_out_both_ends() {
        assert!(uniform(0) > 0.0 && uniform(u32::MAX) < 1.0);
        assert_eq!(uniform(1 << 31), 0.5 + 2_f64.powi(-33));
    }

    #[test]
    fn lanes_blocks_and_seeds_differ() {
        let mut all = std::collections::BTreeSet::new();
        for seed in 0..20 {
            for block_idx in 0..20 {
                all.extend(LaneRng::new(seed, block_idx).next_u32());
            }
        }
        // Of 12,800 numbers about 0.02 pairs agree by chance.
        assert!(all.len() >= 20 * 20 * N_LANES - 2, "{} distinct numbers", all.len());
    }
}
