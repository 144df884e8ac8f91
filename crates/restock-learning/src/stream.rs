//! Random streams that are found by their place: SplitMix64 (Steele, Lea & Flood 2014).
//!
//! A stream belongs to a seed, a purpose, an epoch, a lane and a period. So nothing random has to be stored in a
//! checkpoint, results do not depend on the number of threads, and two policies that are simulated with the same seed
//! meet the same chances in each lane and period (common random numbers), however often the one or the other draws.

use std::convert::Infallible;

use rand::TryRng;

/// The odd number nearest to 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// What numbers are drawn for; streams of different purposes have nothing in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// First weights of a network.
    Weights = 1,
    /// Chances that a learner meets.
    Training,
    /// Actions that a learner tries.
    Exploration,
    /// Which samples a learner looks at again, and in which order.
    Sampling,
    /// Chances by which policies are chosen and training is stopped.
    Validation,
    /// Chances by which the final policy is graded; no learner and no choice ever meets them.
    Test,
}

/// A generator at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    state: u64,
}

impl Stream {
    /// The stream of a place: epoch, lane and period, in any meaning that its purpose gives them.
    pub fn new(seed: u64, purpose: Purpose, epoch: u64, lane: u64, period: u64) -> Self {
        let mut state = mix(seed ^ GOLDEN);
        for part in [purpose as u64, epoch, lane, period] {
            state = mix(state.wrapping_add(GOLDEN) ^ part.wrapping_mul(0xD134_2543_DE82_EF95));
        }
        Self { state }
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix(self.state)
    }

    /// A number in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * 2_f64.powi(-53)
    }

    /// A number below `n`, each as likely up to 2^-40 of it.
    ///
    /// # Panics
    /// When `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        assert!(n > 0, "a number below 0");
        ((u128::from(self.bits()) * n as u128) >> 64) as usize
    }

    /// A number of the standard normal law (Box & Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let (radius, angle) = (1.0 - self.uniform(), self.uniform());
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    }
}

/// The finaliser of SplitMix64.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.bits() >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.bits())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.bits().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Means and correlations of neighbouring places are within four standard errors; the seed is fixed.
    #[test]
    fn neighbouring_places_have_nothing_in_common() {
        const N: usize = 100_000;
        let first = |epoch, lane, period| Stream::new(7, Purpose::Training, epoch, lane, period).uniform() - 0.5;
        let at = |name: &str, n: u64| match name {
            "periods" => first(1, 1, n),
            "lanes" => first(1, n, 3),
            _ => first(n, 2, 3),
        };
        // A product of two uniform numbers has the standard deviation 1/12.
        let error = 1.0 / 12.0 / (N as f64).sqrt();
        for name in ["periods", "lanes", "epochs"] {
            let product = (0..N as u64).map(|n| at(name, n) * at(name, n + 1)).sum::<f64>() / N as f64;
            assert!(product.abs() < 4.0 * error, "{name}: {product}");
            let mean = (0..N as u64).map(|n| at(name, n)).sum::<f64>() / N as f64;
            assert!(mean.abs() < 4.0 * (1.0 / 12.0 / N as f64).sqrt(), "{name}: {mean}");
        }
        let at = |purpose| Stream::new(7, purpose, 1, 1, 1).bits();
        assert_ne!(at(Purpose::Validation), at(Purpose::Test));
    }

    #[test]
    fn draws_have_their_laws() {
        const N: usize = 100_000;
        let mut stream = Stream::new(3, Purpose::Sampling, 0, 0, 0);
        let normals: Vec<f64> = (0..N).map(|_| stream.normal()).collect();
        let mean = normals.iter().sum::<f64>() / N as f64;
        let variance = normals.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / N as f64;
        assert!(mean.abs() < 4.0 / (N as f64).sqrt(), "{mean}");
        assert!((variance - 1.0).abs() < 4.0 * (2.0 / N as f64).sqrt(), "{variance}");
        let mut counts = [0_u32; 7];
        (0..N).for_each(|_| counts[stream.below(7)] += 1);
        let most = counts.iter().map(|count| (f64::from(*count) - N as f64 / 7.0).abs()).fold(0.0, f64::max);
        assert!(most < 4.0 * (N as f64 / 7.0).sqrt(), "{counts:?}");
    }
}
