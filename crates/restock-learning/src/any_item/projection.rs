//! What stock will be when an order placed now arrives: mean and variance, period by period, in lanes.
//!
//! From the stock of now demand is taken in each period and what is due is added; where demand is lost, stock does not fall
//! below nothing. Stock less demand is taken for normal: of `a + t·Z` what is above 0 has the mean `t·N(z)` with
//! `N(z) = z·Φ(z) + φ(z)` and `z = a/t`, and the variance `t²·g(z)` with `g(z) = (z² + 1)·Φ(z) + z·φ(z) - N(z)²`. The
//! projected mean is the projected inventory level of van Jaarsveld & Arts (2024, *Operations Research* 72(5)), which
//! computes it without the normal law. Where demand waits, nothing is cut off and both are exact.
//!
//! Orders are kept by their age, so that the last step of every lane is the period before arrival, whatever its lead time.

use restock_inventory::lanes::{Lanes, N_LANES};

use super::problem::LEAD_TIME_MAX;
use crate::network::Row;

/// Beyond so many standard deviations nothing is cut off, or everything.
const Z_MAX: f32 = 6.0;

/// One number for each period before arrival in each lane; place 0 is not used.
pub type ByPeriod = [Lanes<f32>; LEAD_TIME_MAX + 1];

/// The rows of a block that a projection reads.
#[derive(Clone, Copy)]
pub struct Pipeline<'a> {
    /// Stock of now.
    pub on_hand: &'a Row,
    /// `[LEAD_TIME_MAX - 1]`: what was ordered one, two, ... periods ago and has not arrived.
    pub on_order: &'a [Row],
    /// Periods from order to arrival.
    pub lead_time: &'a Row,
    /// 1 where demand is lost, else 0.
    pub is_lost: &'a Row,
    /// `[LEAD_TIME_MAX + 1]`: mean demand by periods before arrival.
    pub means: &'a [Row],
    /// `[LEAD_TIME_MAX + 1]`: variance of demand by periods before arrival.
    pub variances: &'a [Row],
}

/// Stock just before an order of now arrives, and the way there.
#[derive(Clone, Debug)]
pub struct Projection {
    /// Periods that the longest lead time of the block has.
    longest: usize,
    /// Mean of the stock.
    pub mean: Lanes<f32>,
    /// Its variance.
    pub variance: Lanes<f32>,
    /// Standard deviations by which stock exceeds demand in each period before arrival; 0 before now.
    pub z: ByPeriod,
    /// Standard deviation of stock less demand.
    deviation: ByPeriod,
    /// Φ(z); 1 where demand waits.
    distribution: ByPeriod,
    /// φ(z); 0 where demand waits.
    density: ByPeriod,
}

impl Projection {
    /// Nothing computed yet.
    pub const EMPTY: Self = Self {
        longest: 0,
        mean: [0.0; N_LANES],
        variance: [0.0; N_LANES],
        z: [[0.0; N_LANES]; LEAD_TIME_MAX + 1],
        deviation: [[0.0; N_LANES]; LEAD_TIME_MAX + 1],
        distribution: [[0.0; N_LANES]; LEAD_TIME_MAX + 1],
        density: [[0.0; N_LANES]; LEAD_TIME_MAX + 1],
    };

    /// Projects a block.
    #[inline(always)]
    pub fn run(&mut self, pipeline: Pipeline) {
        let longest = pipeline.lead_time.0.iter().fold(0.0_f32, |longest, lead_time| longest.max(*lead_time));
        self.longest = longest as usize;
        self.mean = pipeline.on_hand.0;
        self.variance = [0.0; N_LANES];
        for z in &mut self.z[self.longest + 1..] {
            *z = [0.0; N_LANES];
        }
        for before in (1..=self.longest).rev() {
            let (demand, variance) = (&pipeline.means[before].0, &pipeline.variances[before].0);
            for lane in 0..N_LANES {
                let is_now_or_later = pipeline.lead_time.0[lane] >= before as f32;
                let is_lost = pipeline.is_lost.0[lane] > 0.5;
                let left = self.mean[lane] - demand[lane];
                let squared = self.variance[lane] + variance[lane];
                // Before now there is no variance: any number keeps the division finite.
                let squared = if is_now_or_later { squared } else { 1.0 };
                let deviation = squared.sqrt();
                let z = left / deviation;
                let cut = z.clamp(-Z_MAX, Z_MAX);
                let (distribution, density) = normal(cut);
                let (excess, spread) = excess(cut, distribution, density);
                let mean_lost = deviation * (excess + (z - Z_MAX).max(0.0));
                let mean = if is_lost { mean_lost } else { left };
                let variance = if is_lost { squared * spread } else { squared };
                let due = if before >= 2 { pipeline.on_order[before - 2].0[lane] } else { 0.0 };
                self.mean[lane] = if is_now_or_later { mean + due } else { self.mean[lane] };
                self.variance[lane] = if is_now_or_later { variance } else { 0.0 };
                self.z[before][lane] = if is_now_or_later { z } else { 0.0 };
                self.deviation[before][lane] = deviation;
                self.distribution[before][lane] = if is_lost { distribution } else { 1.0 };
                self.density[before][lane] = if is_lost { density } else { 0.0 };
            }
        }
    }

    /// The way back: adds to the slopes by the stock of now and by what is on order what slopes by the projected mean, its
    /// variance and `z` mean for them.
    #[inline(always)]
    pub fn adjoint(
        &self,
        pipeline: Pipeline,
        mean_slopes: &Lanes<f32>,
        variance_slopes: &Lanes<f32>,
        z_slopes: &ByPeriod,
        on_hand_slopes: &mut Row,
        on_order_slopes: &mut [Row],
    ) {
        let (mut by_mean, mut by_variance) = (*mean_slopes, *variance_slopes);
        for before in 1..=self.longest {
            for lane in 0..N_LANES {
                let is_now_or_later = pipeline.lead_time.0[lane] >= before as f32;
                let is_lost = pipeline.is_lost.0[lane] > 0.5;
                let (z, deviation) = (self.z[before][lane], self.deviation[before][lane]);
                let (distribution, density) = (self.distribution[before][lane], self.density[before][lane]);
                let cut = z.clamp(-Z_MAX, Z_MAX);
                let (excess, spread) = excess(cut, distribution, density);
                let spread_by_z = 2.0 * excess * (1.0 - distribution);
                let (of_mean, of_variance) = (by_mean[lane], by_variance[lane]);
                let (one_by, of_z) = (1.0 / deviation, z_slopes[before][lane]);
                let by_left = of_mean * distribution
                    + if is_lost { of_variance * deviation * spread_by_z } else { 0.0 }
                    + of_z * one_by;
                let by_squared = 0.5 * of_mean * density * one_by
                    + of_variance * if is_lost { spread - 0.5 * cut * spread_by_z } else { 1.0 }
                    - 0.5 * of_z * z * one_by * one_by;
                if before >= 2 {
                    on_order_slopes[before - 2].0[lane] += if is_now_or_later { of_mean } else { 0.0 };
                }
                by_mean[lane] = if is_now_or_later { by_left } else { of_mean };
                by_variance[lane] = if is_now_or_later { by_squared } else { 0.0 };
            }
        }
        for lane in 0..N_LANES {
            on_hand_slopes.0[lane] += by_mean[lane];
        }
    }
}

/// `N(z)` and `g(z)` from Φ(z) and φ(z).
#[inline(always)]
fn excess(z: f32, distribution: f32, density: f32) -> (f32, f32) {
    let excess = (z * distribution + density).max(0.0);
    (excess, ((z * z + 1.0) * distribution + z * density - excess * excess).max(0.0))
}

/// Φ(z) and φ(z) with errors of 1e-7 (Abramowitz & Stegun 1964, 26.2.17).
#[inline(always)]
fn normal(z: f32) -> (f32, f32) {
    const COEFFICIENTS: [f32; 5] = [1.330_274_4, -1.821_255_9, 1.781_477_9, -0.356_563_78, 0.319_381_53];
    let density = 0.398_942_3 * exp_negative(-0.5 * z * z);
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let mut series = 0.0;
    for coefficient in COEFFICIENTS {
        series = (series + coefficient) * t;
    }
    let above = density * series;
    (if z >= 0.0 { 1.0 - above } else { above }, density)
}

/// `eˣ` for `-87 <= x <= 0`, as in [`crate::elementary`], for one number: loops over lanes become vector instructions.
#[inline(always)]
fn exp_negative(x: f32) -> f32 {
    // Adding 1.5·2²³ rounds to an integer, which is then in the low bits.
    const ROUND: f32 = 12_582_912.0;
    const COEFFICIENTS: [f32; 5] = [0.009_675_542, 0.055_507_133, 0.240_221_2, 0.693_146_97, 1.000_000_1];
    let scaled = x * std::f32::consts::LOG2_E;
    let shifted = scaled + ROUND;
    let rest = scaled - (shifted - ROUND);
    let mut series = 0.001_327_647_2;
    for coefficient in COEFFICIENTS {
        series = series * rest + coefficient;
    }
    let power_of_two = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    series * f32::from_bits(power_of_two)
}

#[cfg(test)]
mod tests {
    use super::*;
    use restock_core::environment::Environment;
    use restock_inventory::discrete_demand::DiscreteDemand;
    use restock_inventory::environments::LostSales;
    use restock_inventory::environments::lost_sales::LostSalesCosts;

    #[test]
    fn the_normal_law_keeps_its_digits() {
        use statrs::distribution::{Continuous, ContinuousCDF, Normal};
        let law = Normal::standard();
        for step in -600..=600 {
            let z = step as f32 * 0.01;
            let (distribution, density) = normal(z);
            assert!((f64::from(distribution) - law.cdf(f64::from(z))).abs() < 3e-7, "Φ({z}) = {distribution}");
            assert!((f64::from(density) - law.pdf(f64::from(z))).abs() < 3e-7, "φ({z}) = {density}");
        }
    }

    /// Against the exact law of the stock before arrival, Poisson demand of 9 a period: the normal law is near it.
    #[test]
    fn the_projection_is_near_the_exact_law() {
        let demand = DiscreteDemand::poisson(9.0, 60);
        let costs = LostSalesCosts { holding_cost: 1.0, stockout_cost: 9.0, order_cost: 0.0 };
        let problem = LostSales::with_caps(4, costs, vec![demand], 30, 90);
        for (on_hand, pipeline) in [(3, [9, 8, 10]), (20, [0, 0, 25]), (9, [9, 9, 9]), (40, [5, 0, 12])] {
            let mut state = problem.initial_state();
            state.on_hand = on_hand;
            state.pipeline[..3].copy_from_slice(&pipeline);
            let law = problem.on_hand_at_arrival(&state);
            let exact: f64 = law.iter().enumerate().map(|(units, p)| units as f64 * p).sum();
            let square: f64 = law.iter().enumerate().map(|(units, p)| (units as f64).powi(2) * p).sum();
            let row = |value: f32| Row([value; N_LANES]);
            // By age: the last order first.
            let on_order: Vec<Row> =
                (0..LEAD_TIME_MAX - 1).map(|age| row(if age < 3 { pipeline[2 - age] as f32 } else { 0.0 })).collect();
            let nines = vec![row(9.0); LEAD_TIME_MAX + 1];
            let mut projection = Projection::EMPTY;
            projection.run(Pipeline {
                on_hand: &row(on_hand as f32),
                on_order: &on_order,
                lead_time: &row(4.0),
                is_lost: &row(1.0),
                means: &nines,
                variances: &nines,
            });
            let (mean, variance) = (f64::from(projection.mean[5]), f64::from(projection.variance[5]));
            assert!((mean - exact).abs() < 0.25, "{on_hand} {pipeline:?}: {mean}, exact {exact}");
            let exact = square - exact * exact;
            assert!((variance / exact - 1.0).abs() < 0.2, "{on_hand} {pipeline:?}: {variance}, exact {exact}");
        }
    }
}
