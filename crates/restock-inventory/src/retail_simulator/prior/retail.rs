//! A family of retail series: the layers of demand, each drawn for the family and again, smaller, for each sibling.
//!
//! rate = level x trend x life x weekday x season x payday x events x promotions x price x weather x noise, per day;
//! a period draws its demand around the sum over its days.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use restock_core::forecast::Observation;

use super::super::demand::{CountModel, log_uniform, normal};
use super::shelf::{Shelf, observation};
use super::{N_KNOWN_COVARIATES, PriorCalendar, PriorOptions, PriorSeries, Slot};

pub(super) fn draw(
    options: &PriorOptions,
    calendar: &PriorCalendar,
    n_past: usize,
    n_series: usize,
    rng: &mut ChaCha8Rng,
) -> Vec<PriorSeries> {
    let family = Family::draw(options, calendar, rng);
    let promotions: Vec<Promotions> = family.promotions(calendar, n_series, rng);
    // [n_days]: what the family's promotions add together, in multiples of one usual series.
    let mut pressure = vec![0.0; calendar.n_days()];
    for one in &promotions {
        for (total, log_lift) in pressure.iter_mut().zip(&one.log_lift) {
            *total += (log_lift.exp() - 1.0).max(0.0) / n_series as f64;
        }
    }
    promotions.iter().map(|promotions| series(&family, calendar, promotions, &pressure, n_past, rng)).collect()
}

/// What siblings share.
struct Family {
    log_level: f64,
    /// How restless levels and counts are: 1 for most, less for what sells like clockwork.
    restlessness: f64,
    /// Standard deviation of the log levels of siblings.
    sibling_sd: f64,
    /// Monday to Sunday, logarithms.
    weekdays: [f64; 7],
    weekday_sd: f64,
    /// `[n_days]`: logarithm of season and payday.
    season: Vec<f64>,
    /// `[n_days]`: logarithm of events.
    events: Vec<f64>,
    /// `[n_days]`: events as the record shows them.
    event_slot: Vec<f64>,
    /// `[n_days]`: logarithm of what the generic covariates do, and weather nobody recorded.
    other: Vec<f64>,
    /// Two generic covariates, `[n_days]`.
    generic: [Vec<f64>; 2],
    /// `[n_days]`: 0 or 1.
    open: Vec<f64>,
    /// Closed days are recorded as days without sales.
    closed_as_zero: bool,
    /// `[n_periods]`: logarithm of the trend and noise that all siblings share.
    common: Vec<f64>,
    /// `[7]`: weekday of each residue of the day index.
    first_weekday: usize,
    recorded: [bool; N_KNOWN_COVARIATES],
    with_stockouts: bool,
    records_stockouts: bool,
    records_availability: bool,
    elasticity: f64,
    /// Siblings are promoted together.
    joint_promotions: bool,
    share_promoted: f64,
    /// Share of the others' promotion lift that a sibling loses; negative is a halo.
    cannibalisation: f64,
    count_kind: CountKind,
}

#[derive(Clone, Copy)]
enum CountKind {
    /// Each sibling draws its own.
    Mixed,
    Poisson,
    Overdispersed,
    Lumpy,
    ByWeight,
}

struct Promotions {
    /// `[n_days]`: logarithm of the lift, dips after a promotion included.
    log_lift: Vec<f64>,
    /// `[n_days]`.
    active: Vec<f64>,
    /// `[n_days]`.
    depth: Vec<f64>,
    /// `[n_days]`.
    display: Vec<f64>,
    /// `[n_days]`: logarithm of the regular price over the first one.
    log_price: Vec<f64>,
    price_elasticity: f64,
}

impl Family {
    fn draw(options: &PriorOptions, calendar: &PriorCalendar, rng: &mut ChaCha8Rng) -> Self {
        let n_days = calendar.n_days();
        let first_weekday = calendar.first_days[0].weekday_idx();
        let dates: Vec<(f64, i8, bool)> = {
            let first = calendar.first_days[0];
            let mut date = first.to_date();
            (0..n_days)
                .map(|_| {
                    let one = (
                        f64::from(date.day_of_year() - 1) / f64::from(date.days_in_year()),
                        date.day(),
                        date.day() == date.days_in_month(),
                    );
                    date = date.tomorrow().expect("a day of this century");
                    one
                })
                .collect()
        };
        let mut season = draw_season(&dates, rng);
        if rng.random_bool(0.3) {
            let size = rng.random_range(0.0..0.35);
            for (log_factor, (_, day, last)) in season.iter_mut().zip(&dates) {
                if *day == 1 || *day == 15 || *last {
                    *log_factor += size;
                } else if *day == 2 || *day == 16 {
                    *log_factor += 0.5 * size;
                }
            }
        }
        let weekday_sd = if rng.random_bool(0.2) { 0.0 } else { rng.random_range(0.0..0.5) };
        let weekdays = std::array::from_fn(|_| normal(0.0, weekday_sd, rng));
        let mut open = vec![1.0; n_days];
        if rng.random_bool(0.12) {
            let closed: &[usize] = match rng.random_range(0..10) {
                0..6 => &[6],
                6 | 7 => &[5, 6],
                8 => &[0],
                _ => &[rng.random_range(0..7)],
            };
            for (day_idx, open) in open.iter_mut().enumerate() {
                if closed.contains(&((first_weekday + day_idx) % 7)) {
                    *open = 0.0;
                }
            }
        }
        let (events, event_slot) = draw_events(&dates, &mut open, rng);
        let mut other = vec![0.0; n_days];
        let generic = std::array::from_fn(|_| draw_generic(&dates, &mut other, rng));
        if rng.random_bool(0.3) {
            draw_generic(&dates, &mut other, rng);
        }
        let with_covariates = rng.random_bool(options.share_with_covariates);
        let closed_as_zero = rng.random_bool(0.5);
        let mut recorded = std::array::from_fn(|_| with_covariates && rng.random_bool(0.7));
        // Who knows that a shop was closed also knows when it will be.
        recorded[Slot::Open as usize] = !closed_as_zero && open.contains(&0.0) || recorded[Slot::Open as usize];
        let n_periods = calendar.n_periods();
        let restlessness = if rng.random_bool(0.3) { log_uniform(0.03, 0.6, rng) } else { 1.0 };
        let mut common = random_walk(calendar, 0.5 * restlessness, rng);
        if rng.random_bool(0.3) {
            let noise = Noise::draw(restlessness, rng).path(n_periods, rng);
            common.iter_mut().zip(noise).for_each(|(total, noise)| *total += noise);
        }
        let with_stockouts = rng.random_bool(options.share_with_stockouts);
        let records_stockouts = rng.random_bool(0.8);
        Self {
            // Most items sell in ones and twos; in a sixth of families they sell by the hundred.
            log_level: normal(0.0, 1.5, rng) + if rng.random_bool(0.17) { rng.random_range(1.0..5.0) } else { 0.0 },
            restlessness,
            sibling_sd: rng.random_range(0.3..1.3),
            weekdays,
            weekday_sd,
            season,
            events,
            event_slot,
            other,
            generic,
            open,
            closed_as_zero,
            common,
            first_weekday,
            recorded,
            with_stockouts,
            records_stockouts,
            records_availability: records_stockouts && rng.random_bool(0.5),
            elasticity: log_uniform(0.3, 4.0, rng),
            joint_promotions: rng.random_bool(0.5),
            share_promoted: if rng.random_bool(0.35) { 0.0 } else { rng.random_range(0.3..1.0) },
            cannibalisation: if rng.random_bool(0.5) { 0.0 } else { rng.random_range(-0.1..0.5) },
            count_kind: match rng.random_range(0..100) {
                0..55 => CountKind::Mixed,
                55..67 => CountKind::Poisson,
                67..87 => CountKind::Overdispersed,
                87..94 => CountKind::Lumpy,
                _ => CountKind::ByWeight,
            },
        }
    }

    fn promotions(&self, calendar: &PriorCalendar, n_series: usize, rng: &mut ChaCha8Rng) -> Vec<Promotions> {
        let n_days = calendar.n_days();
        let gap = log_uniform(20.0, 120.0, rng);
        let together = draw_spells(n_days, gap, self.first_weekday, rng);
        (0..n_series)
            .map(|_| {
                let mut one = Promotions {
                    log_lift: vec![0.0; n_days],
                    active: vec![0.0; n_days],
                    depth: vec![0.0; n_days],
                    display: vec![0.0; n_days],
                    log_price: draw_prices(n_days, rng),
                    price_elasticity: 0.5 * self.elasticity * rng.random_range(0.0..1.5),
                };
                if !rng.random_bool(self.share_promoted) {
                    return one;
                }
                let own;
                let spells = if self.joint_promotions {
                    &together
                } else {
                    own = draw_spells(n_days, gap * rng.random_range(0.5..2.0), self.first_weekday, rng);
                    &own
                };
                let elasticity = self.elasticity * normal(0.0, 0.3, rng).exp();
                let display_lift = normal(0.2, 0.4, rng).max(0.0);
                let forward_buying = if rng.random_bool(0.5) { 0.0 } else { rng.random_range(0.0..0.4) };
                for &(start, end, depth, display) in spells {
                    let lift = (-elasticity * (1.0 - depth).ln()
                        + if display { display_lift } else { 0.0 }
                        + normal(0.0, 0.12, rng))
                    .clamp(-0.1, 2.2);
                    for day_idx in start..end {
                        one.log_lift[day_idx] += lift;
                        one.active[day_idx] = 1.0;
                        one.depth[day_idx] = depth;
                        one.display[day_idx] = f64::from(u8::from(display));
                    }
                    // Stock in the cupboard: a part of the extra units is missing over the days after.
                    let after = (2 * (end - start)).min(n_days - end);
                    let missing = (forward_buying * (lift.exp() - 1.0) * (end - start) as f64 / after.max(1) as f64)
                        .clamp(0.0, 0.8);
                    for log_lift in &mut one.log_lift[end..end + after] {
                        *log_lift += (1.0 - missing).ln();
                    }
                }
                one
            })
            .collect()
    }
}

/// `[n_days]`: logarithm of the annual season, sometimes of an item that is only wanted in its months.
fn draw_season(dates: &[(f64, i8, bool)], rng: &mut ChaCha8Rng) -> Vec<f64> {
    let n_waves = if rng.random_bool(0.2) { 0 } else { rng.random_range(1..=3) };
    let waves: Vec<(f64, f64, f64)> =
        (1..=n_waves).map(|k| (f64::from(k), rng.random_range(0.0..0.4) / f64::from(k), rng.random::<f64>())).collect();
    let window = rng.random_bool(0.08).then(|| {
        let centre: f64 = rng.random();
        (centre, rng.random_range(0.05..0.25), -rng.random_range(0.7..5.0_f64))
    });
    // The waves are smooth: every fourth day is computed, the days between follow it.
    let mut log_factor = 0.0;
    dates
        .iter()
        .enumerate()
        .map(|(day_idx, (share, _, _))| {
            if day_idx % 4 == 0 {
                log_factor = waves
                    .iter()
                    .map(|(k, size, phase)| size * (std::f64::consts::TAU * (k * share - phase)).cos())
                    .sum();
                if let Some((centre, half_width, off)) = window {
                    let distance = (share - centre).abs().min(1.0 - (share - centre).abs());
                    log_factor += off / (1.0 + (-(distance - half_width) * 60.0).exp());
                }
            }
            log_factor
        })
        .collect()
}

/// Recurring days that lift or lower demand, with the days that lead to them; on a few the shop is closed.
fn draw_events(dates: &[(f64, i8, bool)], open: &mut [f64], rng: &mut ChaCha8Rng) -> (Vec<f64>, Vec<f64>) {
    let n_days = dates.len();
    let (mut log_lift, mut slot) = (vec![0.0; n_days], vec![0.0_f64; n_days]);
    if rng.random_bool(0.15) {
        return (log_lift, slot);
    }
    let as_flag = rng.random_bool(0.5);
    let scaled = rng.random_bool(0.25);
    let n_closed = rng.random_range(0..=3);
    let strength = rng.random_range(0.1..0.6);
    let year_starts: Vec<i64> = {
        // Where years start, one before the first day and one after the last included.
        let mut starts: Vec<i64> = (1..n_days).filter(|&d| dates[d].0 < dates[d - 1].0).map(|d| d as i64).collect();
        let first = starts.first().map_or(-((dates[0].0 * 365.0) as i64), |first| first - 365);
        starts.insert(0, first);
        starts
    };
    for event_idx in 0..rng.random_range(6..=14) {
        let day_of_year = rng.random_range(0..365_i64);
        let moving = rng.random_bool(0.3);
        let lift = normal(0.3 * strength, strength, rng).clamp(-1.0, 1.6);
        let ramp = rng.random_range(0..=10_i64);
        let dip = if rng.random_bool(0.4) { rng.random_range(0.0..0.5) * lift.max(0.0) } else { 0.0 };
        let closed = event_idx < n_closed;
        for start in &year_starts {
            let centre = start + day_of_year + if moving { rng.random_range(-14..=14) } else { 0 };
            for offset in -ramp..=3 {
                let Ok(day_idx) = usize::try_from(centre + offset) else { continue };
                if day_idx >= n_days {
                    continue;
                }
                let shape = if offset <= 0 { 1.0 + offset as f64 / (ramp + 1) as f64 } else { 0.0 };
                log_lift[day_idx] += if offset <= 0 { lift * shape } else { -dip };
                let height = if scaled { (2.0 * lift).clamp(-1.0, 1.0) } else { 1.0 };
                let shown = if as_flag { f64::from(u8::from(offset == 0)) } else { shape };
                if shown * height.abs() > slot[day_idx].abs() {
                    slot[day_idx] = shown * height;
                }
                if closed && offset == 0 {
                    open[day_idx] = 0.0;
                }
            }
        }
    }
    (log_lift, slot)
}

/// A covariate that is known ahead, `[n_days]`; adds what it does to `log_effect`. A third of them do nothing.
fn draw_generic(dates: &[(f64, i8, bool)], log_effect: &mut [f64], rng: &mut ChaCha8Rng) -> Vec<f64> {
    let n_days = dates.len();
    let values: Vec<f64> = match rng.random_range(0..3) {
        0 => {
            // Weather: a season and what the days add to it.
            let (size, phase) = (rng.random_range(0.0..1.2), rng.random::<f64>());
            let phi = rng.random_range(0.4..0.95_f64);
            let sd = (1.0 - phi * phi).sqrt() * rng.random_range(0.3..1.0);
            let mut level = 0.0;
            (0..n_days)
                .map(|d| {
                    level = phi * level + normal(0.0, sd, rng);
                    size * (std::f64::consts::TAU * (dates[d].0 - phase)).cos() + level
                })
                .collect()
        }
        1 => {
            // Days of the month on which something happens: benefits, market days.
            let days: u32 = rng.random::<u32>() & rng.random::<u32>();
            dates.iter().map(|(_, day, _)| f64::from(days >> (*day as u32 % 31) & 1)).collect()
        }
        _ => {
            let (chance, length) = (log_uniform(0.005, 0.1, rng), rng.random_range(1..=4));
            let mut left = 0;
            (0..n_days)
                .map(|_| {
                    if left == 0 && rng.random_bool(chance) {
                        left = length;
                    }
                    let on = left > 0;
                    left -= i32::from(on);
                    f64::from(u8::from(on))
                })
                .collect()
        }
    };
    if rng.random_bool(0.67) {
        let size = normal(0.0, 0.25, rng);
        let lag = if rng.random_bool(0.6) { 0 } else { rng.random_range(1..=3) };
        let shape = rng.random_range(0..3);
        for day_idx in lag..n_days {
            let value = values[day_idx - lag];
            log_effect[day_idx] += size
                * match shape {
                    0 => value,
                    1 => value.max(0.0),
                    _ => value / (1.0 + value.abs()),
                };
        }
    }
    values
}

/// Promotions as (first day, one past the last, depth, display).
fn draw_spells(
    n_days: usize,
    mean_gap: f64,
    first_weekday: usize,
    rng: &mut ChaCha8Rng,
) -> Vec<(usize, usize, f64, bool)> {
    let on_weekday = rng.random_bool(0.6).then(|| rng.random_range(0..7));
    let usual_depth: f64 = rng.random_range(0.05..0.5);
    let share_display = rng.random_range(0.0..0.8);
    let mut spells = Vec::new();
    let mut day_idx = 0;
    loop {
        day_idx += 1 + (-mean_gap * (1.0 - rng.random::<f64>()).ln()) as usize;
        if let Some(weekday_idx) = on_weekday {
            while (first_weekday + day_idx) % 7 != weekday_idx {
                day_idx += 1;
            }
        }
        let end = day_idx + [3, 7, 7, 14][rng.random_range(0..4)];
        if end > n_days {
            return spells;
        }
        let depth = (usual_depth * rng.random_range(0.5..1.5_f64)).clamp(0.03, 0.6);
        spells.push((day_idx, end, depth, rng.random_bool(share_display)));
        day_idx = end;
    }
}

/// `[n_days]`: logarithm of the regular price over the first one, in steps.
fn draw_prices(n_days: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let chance = rng.random_range(0.0..6.0) / 365.0;
    let drift = rng.random_range(-0.01..0.03);
    let mut level = 0.0_f64;
    (0..n_days)
        .map(|_| {
            if rng.random_bool(chance) {
                level = (level + normal(drift, 0.08, rng)).clamp(-1.0, 1.0);
            }
            level
        })
        .collect()
}

/// `[n_periods]`: logarithm of a level that wanders and sometimes jumps.
fn random_walk(calendar: &PriorCalendar, weight: f64, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let days = calendar.days_per_period();
    let sd = weight * log_uniform(0.001, 0.04, rng) * days.sqrt();
    // A pull back keeps long series in sight: half of a deviation is gone after half a year to five years.
    let pull = (-days * std::f64::consts::LN_2 / log_uniform(180.0, 1800.0, rng)).exp();
    let jump_chance = weight * rng.random_range(0.0..4.0) / calendar.n_periods() as f64;
    let mut level = 0.0;
    (0..calendar.n_periods())
        .map(|_| {
            level = pull * level + normal(0.0, sd, rng);
            if rng.random_bool(jump_chance.min(1.0)) {
                level += normal(0.0, 0.5, rng);
            }
            level
        })
        .collect()
}

/// Noise of the rate from period to period, on the logarithm.
struct Noise {
    phi: f64,
    sd: f64,
}

impl Noise {
    fn draw(restlessness: f64, rng: &mut ChaCha8Rng) -> Self {
        Self { phi: rng.random_range(0.0..0.95), sd: restlessness * log_uniform(0.02, 0.45, rng) }
    }

    /// `[n_periods]`: a path whose exponential has mean 1.
    fn path(&self, n_periods: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
        let innovation = self.sd * (1.0 - self.phi * self.phi).sqrt();
        let mut level = normal(0.0, self.sd, rng);
        (0..n_periods)
            .map(|_| {
                level = self.phi * level + normal(0.0, innovation, rng);
                level - 0.5 * self.sd * self.sd
            })
            .collect()
    }
}

/// `[n_periods]`: how far an item is in its life, 0 before the launch and after the end.
fn life(calendar: &PriorCalendar, n_past: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let days = calendar.days_per_period();
    let n_periods = calendar.n_periods();
    let mut life = vec![1.0; n_periods];
    if rng.random_bool(0.25) {
        // The launch lies before the past or in its first half.
        let launch = calendar.burn_in as f64 + rng.random_range(-0.4..0.5) * n_past as f64;
        let ramp = rng.random_range(14.0..120.0) / days;
        let start: f64 = rng.random_range(0.05..0.9);
        for (t, life) in life.iter_mut().enumerate() {
            let age = t as f64 - launch;
            *life = if age < 0.0 { 0.0 } else { 1.0 - (1.0 - start) * (-age / ramp).exp() };
        }
    }
    if rng.random_bool(0.15) {
        let start = rng.random_range(0..n_periods);
        let half_life = log_uniform(14.0, 180.0, rng) / days;
        for (age, life) in life[start..].iter_mut().enumerate() {
            *life *= (-(age as f64) * std::f64::consts::LN_2 / half_life).exp();
        }
    }
    if rng.random_bool(0.07) {
        let end = rng.random_range(calendar.burn_in + n_past / 2..n_periods + n_periods / 4);
        life[end.min(n_periods)..].fill(0.0);
    }
    life
}

/// `[n_periods]`: 1 while there is interest, 0 while there is none.
fn interest(calendar: &PriorCalendar, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let n_periods = calendar.n_periods();
    if !rng.random_bool(0.22) {
        return vec![1.0; n_periods];
    }
    let days = calendar.days_per_period();
    let off_days = log_uniform(3.0, 120.0, rng);
    let on_days = off_days * log_uniform(0.3, 6.0, rng);
    let chance = |mean_days: f64| 1.0 - (-days / mean_days).exp();
    let mut on = rng.random_bool(on_days / (on_days + off_days));
    (0..n_periods)
        .map(|_| {
            if rng.random_bool(chance(if on { on_days } else { off_days })) {
                on = !on;
            }
            f64::from(u8::from(on))
        })
        .collect()
}

fn draw_count_model(kind: CountKind, restlessness: f64, rng: &mut ChaCha8Rng) -> CountModel {
    let k = log_uniform(0.3, 60.0, rng) / (restlessness * restlessness);
    let negative_binomial = CountModel::NegativeBinomial { k };
    let lumpy = CountModel::Lumpy { mean_size: 1.0 + log_uniform(0.2, 12.0, rng) };
    match kind {
        CountKind::Poisson => CountModel::Poisson,
        CountKind::Overdispersed => negative_binomial,
        CountKind::Lumpy => lumpy,
        CountKind::ByWeight => {
            CountModel::ByWeight { mean_size: log_uniform(2.0, 60.0, rng), shape: rng.random_range(0.8..6.0) }
        }
        CountKind::Mixed => match rng.random_range(0..100) {
            0..15 => CountModel::Poisson,
            15..50 => negative_binomial,
            50..70 => CountModel::ZeroInflated { zero_share: rng.random_range(0.05..0.7), k },
            70..80 => CountModel::Hurdle { buying_share: rng.random_range(0.1..0.8), k },
            80..93 => lumpy,
            _ => CountModel::LogNormal { log_sd: restlessness * rng.random_range(0.1..0.9) },
        },
    }
}

/// The count of a period of several days: sums of independent days keep the mean and relax the dispersion; days that
/// share a cause relax it less, by `power` below 1.
fn over_days(model: CountModel, days: f64, power: f64) -> CountModel {
    let days = days.powf(power);
    match model {
        CountModel::NegativeBinomial { k } => CountModel::NegativeBinomial { k: k * days },
        CountModel::ZeroInflated { zero_share, k } if days > 1.0 => {
            // Variance over squared mean of one day is 1/k + z (1 + 1/k) over (1 - z), beside the Poisson part.
            let extra = (1.0 / k + zero_share) / (1.0 - zero_share);
            CountModel::NegativeBinomial { k: days / extra }
        }
        CountModel::Hurdle { k, .. } if days > 1.0 => CountModel::NegativeBinomial { k: k * days },
        CountModel::LogNormal { log_sd } => CountModel::LogNormal { log_sd: log_sd / days.sqrt() },
        other => other,
    }
}

fn series(
    family: &Family,
    calendar: &PriorCalendar,
    promotions: &Promotions,
    pressure: &[f64],
    n_past: usize,
    rng: &mut ChaCha8Rng,
) -> PriorSeries {
    let n_periods = calendar.n_periods();
    let days_per_period = calendar.days_per_period();
    let log_level = (family.log_level + normal(0.0, family.sibling_sd, rng)).clamp(-5.0, 7.0);
    let weekdays: [f64; 7] =
        std::array::from_fn(|weekday_idx| family.weekdays[weekday_idx] + normal(0.0, 0.3 * family.weekday_sd, rng));
    let season_weight = rng.random_range(0.6..1.4);
    let event_weight = rng.random_range(0.5..1.5);
    let cannibalisation = family.cannibalisation * rng.random_range(0.0..2.0);

    // [n_periods]: expected demand before noise.
    let mut day_idx = 0;
    let mut rates: Vec<f64> = (0..n_periods)
        .map(|t| {
            let mut rate = 0.0;
            for _ in calendar.days_of(t) {
                if family.open[day_idx] > 0.0 {
                    let log_rate = log_level
                        + weekdays[(family.first_weekday + day_idx) % 7]
                        + season_weight * family.season[day_idx]
                        + event_weight * family.events[day_idx]
                        + family.other[day_idx]
                        + promotions.log_lift[day_idx]
                        - promotions.price_elasticity * promotions.log_price[day_idx];
                    let others = if cannibalisation != 0.0 && promotions.active[day_idx] == 0.0 {
                        (1.0 - cannibalisation * pressure[day_idx]).clamp(0.4, 1.5)
                    } else {
                        1.0
                    };
                    rate += log_rate.clamp(-12.0, 10.0).exp() * others;
                }
                day_idx += 1;
            }
            rate
        })
        .collect();
    let trend = random_walk(calendar, 0.7 * family.restlessness, rng);
    let noise = Noise::draw(family.restlessness, rng).path(n_periods, rng);
    let life = life(calendar, n_past, rng);
    let interest = interest(calendar, rng);
    for (t, rate) in rates.iter_mut().enumerate() {
        *rate *= (family.common[t] + trend[t] + noise[t]).clamp(-5.0, 3.0).exp() * life[t] * interest[t];
    }

    let model = draw_count_model(family.count_kind, family.restlessness, rng);
    let by_weight = matches!(model, CountModel::ByWeight { .. });
    // Goods by weight are counted in small units and recorded in large ones.
    let unit = if by_weight { [0.001, 0.01, 0.1][rng.random_range(0..3)] } else { 1.0 };
    let pack = if by_weight || rng.random_bool(0.82) { 1.0 } else { log_uniform(2.0, 25.0, rng).floor() };
    let model = over_days(model, days_per_period, rng.random_range(0.3..1.0));
    let step = if by_weight { unit } else { pack };
    // Weights sell around the same number of customers whatever the unit.
    let scale = match model {
        CountModel::ByWeight { mean_size, .. } => mean_size,
        _ => 1.0 / step,
    };
    let demand: Vec<f64> = rates.iter().map(|rate| model.draw(rate * scale, rng) as f64 * step).collect();

    let future = calendar.burn_in + n_past;
    let mut sales = demand[..future].to_vec();
    let mut empty = vec![false; future];
    let mut availability = None;
    if family.with_stockouts {
        let shelf = Shelf::draw(days_per_period, future, step, rng);
        let sold = shelf.sell(&demand[..future], rng);
        sales = sold.sales;
        empty = sold.empty;
        if family.records_availability {
            availability = Some(sold.availability[calendar.burn_in..].iter().map(|share| *share as f32).collect());
        }
    }
    let open = calendar.mean_by_period(&family.open);
    let records_closed = !family.closed_as_zero;
    let observations: Vec<Observation> = (calendar.burn_in..future)
        .map(|t| observation(open[t] > 0.0 || !records_closed, empty[t], family.records_stockouts))
        .collect();
    PriorSeries {
        demand: demand[calendar.burn_in..].iter().map(|value| *value as f32).collect(),
        sales: sales[calendar.burn_in..].iter().map(|value| *value as f32).collect(),
        observations,
        availability,
        covariates: covariates(family, calendar, promotions, &open),
        count_valued: !by_weight,
        pack: if by_weight { 1.0 } else { pack as f32 },
    }
}

/// The covariates that are recorded, by slot.
fn covariates(
    family: &Family,
    calendar: &PriorCalendar,
    promotions: &Promotions,
    open: &[f64],
) -> [Option<Vec<f32>>; N_KNOWN_COVARIATES] {
    let by_period = |daily: &[f64]| -> Vec<f32> {
        calendar.mean_by_period(daily)[calendar.burn_in..].iter().map(|value| *value as f32).collect()
    };
    std::array::from_fn(|slot_idx| {
        if !family.recorded[slot_idx] {
            return None;
        }
        Some(match slot_idx {
            slot if slot == Slot::Price as usize => {
                // The usual level: what the regular price was over the last eight weeks.
                let mut usual = promotions.log_price[0];
                let ratio: Vec<f64> = (promotions.log_price.iter().zip(&promotions.depth))
                    .map(|(log_price, depth)| {
                        usual += (log_price - usual) / 28.0;
                        log_price + (1.0 - depth).ln() - usual
                    })
                    .collect();
                by_period(&ratio)
            }
            slot if slot == Slot::Promotion as usize => by_period(&promotions.active),
            slot if slot == Slot::Depth as usize => by_period(&promotions.depth),
            slot if slot == Slot::Display as usize => by_period(&promotions.display),
            slot if slot == Slot::Event as usize => by_period(&family.event_slot),
            slot if slot == Slot::Open as usize => open[calendar.burn_in..].iter().map(|share| *share as f32).collect(),
            slot if slot == Slot::GenericA as usize => by_period(&family.generic[0]),
            _ => by_period(&family.generic[1]),
        })
    })
}
