//! A trial of count lists on simulated stores, where the truth is known.

use std::collections::BTreeMap;

use rayon::prelude::*;
use restock_core::Dataset;

use super::{
    Assessment, Busyness, CountCosts, CountedError, DayEvidence, Evidence, Invisible, InvisibleByCategory, Supply,
    assess, piece,
};
use crate::retail_simulator::{ChainConfig, RecordErrors, RecordedSeries, inaccurate_chain};

/// What a list is sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Money that a count is expected to save.
    Value,
    /// Probability of an empty shelf under the belief.
    Probability,
    /// Days since the last sale.
    DaysSinceSale,
    /// Units that were to be expected since the last sale, at the mean of the days before: the best rule without a belief.
    ExpectedSinceSale,
    /// The lowest record first.
    LowestRecord,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 5] =
        [Self::Value, Self::Probability, Self::DaysSinceSale, Self::ExpectedSinceSale, Self::LowestRecord];

    fn key(self) -> usize {
        Self::ALL.iter().position(|other| *other == self).expect("every rule is listed")
    }

    /// A short name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Value => "belief: money",
            Self::Probability => "belief: chance",
            Self::DaysSinceSale => "days since sale",
            Self::ExpectedSinceSale => "expected since",
            Self::LowestRecord => "lowest record",
        }
    }
}

/// One simulated chain, and what lists make of it.
pub struct Trial {
    records: Vec<Record>,
}

struct Record {
    is_wrong: bool,
    is_empty: bool,
    /// By [`Rule::ALL`]; larger comes first.
    keys: [f64; 5],
}

/// Days of history that a belief is formed on.
const N_DAYS: usize = 180;

/// Days until a delivery that is ordered on the next order day, and money that a count costs.
const PROTECTION: f64 = 7.0;
const COUNT_COST: f64 = 0.5;

impl Trial {
    /// Ten stores over a year, with records as [`RecordErrors::default`] has them; listed items of which the books have
    /// stock.
    pub fn of(seed: u64) -> Self {
        let config = ChainConfig { n_items: 480, n_stores: 10, ..ChainConfig::default() };
        let (dataset, series) = inaccurate_chain(&config, &RecordErrors::default(), seed);
        Self { records: records(&config, &dataset, &series) }
    }

    /// Records with stock.
    pub fn n_records(&self) -> usize {
        self.records.len()
    }

    /// Share of records that are not the true stock.
    pub fn share_wrong(&self) -> f64 {
        self.records.iter().filter(|record| record.is_wrong).count() as f64 / self.records.len() as f64
    }

    /// Share of records with stock of which nothing is there: unknown stock-outs.
    pub fn share_empty(&self) -> f64 {
        self.records.iter().filter(|record| record.is_empty).count() as f64 / self.records.len() as f64
    }

    /// For every record with stock: the probability of an empty shelf under the belief, 0 where nothing speaks against the
    /// record, and whether nothing is there.
    pub fn chances(&self) -> impl Iterator<Item = (f64, bool)> + '_ {
        let key = Rule::Probability.key();
        self.records.iter().map(move |record| (record.keys[key], record.is_empty))
    }

    /// Unknown stock-outs among the first `share` of a list over those that so many counts at random find in the mean.
    pub fn lift(&self, rule: Rule, share: f64) -> f64 {
        let key = rule.key();
        let mut order: Vec<usize> = (0..self.records.len()).collect();
        order.sort_by(|a, b| self.records[*b].keys[key].total_cmp(&self.records[*a].keys[key]));
        let n_counted = (share * order.len() as f64).round();
        let hits = order[..n_counted as usize].iter().filter(|idx| self.records[**idx].is_empty).count() as f64;
        hits / (n_counted * self.share_empty())
    }
}

fn records(config: &ChainConfig, dataset: &Dataset, series: &[RecordedSeries]) -> Vec<Record> {
    let first = config.n_days - N_DAYS;
    let mut n_selling = vec![vec![0_u32; N_DAYS]; config.n_stores];
    let mut errors: BTreeMap<&str, Vec<CountedError>> = BTreeMap::new();
    let piece_of = |one: &RecordedSeries| {
        piece(one.sold[first..].iter().copied(), 10_f64.powi(i32::from(dataset.items[one.item_idx].decimals)))
    };
    for one in series {
        for (n, sold) in n_selling[one.store_idx].iter_mut().zip(&one.sold[first..]) {
            *n += u32::from(*sold > 0);
        }
        let category = dataset.items[one.item_idx].category.as_str();
        let mut since = -(Invisible::UNCOUNTED_DAYS as f64);
        for count in &one.counts {
            let n_days = count.day_idx as f64 - since;
            let (error, found_nothing) = (count.corrected as f64 / piece_of(one), count.on_hand == 0);
            errors.entry(category).or_default().push(CountedError { n_days, error, found_nothing });
            since = count.day_idx as f64;
        }
    }
    let busyness = Busyness::of(&n_selling);
    let mut everywhere: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for one in series {
        let total = everywhere.entry(one.item_idx).or_insert_with(|| vec![0.0; N_DAYS]);
        total.iter_mut().zip(&one.sold[first..]).for_each(|(total, sold)| *total += *sold as f64);
    }
    let invisible = InvisibleByCategory::learned(&errors);
    let last_day = config.last_day;
    let is_listed = |one: &&RecordedSeries| {
        let item = &dataset.items[one.item_idx];
        item.launch.is_none_or(|launch| launch <= last_day) && item.end.is_none_or(|end| last_day <= end)
    };
    let with_stock: Vec<&RecordedSeries> = series.iter().filter(|one| one.recorded > 0).filter(is_listed).collect();
    with_stock
        .into_par_iter()
        .map(|one| {
            let item = &dataset.items[one.item_idx];
            let day_of = |idx: usize| last_day.plus(idx as i32 + 1 - config.n_days as i32);
            let mut days: Vec<DayEvidence> = (first..config.n_days)
                .map(|idx| DayEvidence {
                    share: if item.launch.is_none_or(|launch| launch <= day_of(idx)) {
                        busyness.shares(one.store_idx)[idx - first]
                    } else {
                        0.0
                    },
                    sold: one.sold[idx],
                    moved: one.booked[idx],
                    ..DayEvidence::default()
                })
                .collect();
            let others: Vec<f64> =
                everywhere[&one.item_idx].iter().zip(&one.sold[first..]).map(|(all, own)| all - *own as f64).collect();
            busyness.weigh(one.store_idx, &others, &mut days);
            for count in one.counts.iter().filter(|count| count.day_idx >= first) {
                let day = &mut days[count.day_idx - first];
                (day.counted, day.corrected) = (true, count.corrected);
            }
            let before = one.counts.iter().rev().find(|count| count.day_idx < first);
            let n_uncounted_days = before.map_or(Invisible::UNCOUNTED_DAYS, |count| first - 1 - count.day_idx);
            let invisible = invisible.of(&item.category).in_units(piece_of(one));
            let evidence = Evidence { days: &days, recorded: one.recorded, n_uncounted_days, known_from: 0, invisible };
            let assessment = assess(&evidence);
            let margin = match (item.price, item.unit_cost) {
                (Some(price), Some(cost)) => f64::try_from(price - cost).unwrap_or(0.0),
                _ => 0.0,
            };
            let per_unit = margin / 10_f64.powi(i32::from(item.decimals));
            let days_to_next =
                one.arrivals.iter().map(|arrival| f64::from(arrival.periods_ahead)).min_by(f64::total_cmp);
            let supply = Supply { recorded: one.recorded, days_to_next, protection: PROTECTION };
            let costs = CountCosts { lost_unit: per_unit, count: COUNT_COST };
            let value =
                assessment.map_or(f64::NEG_INFINITY, |believed: Assessment| believed.value_of_count(&supply, &costs));
            let chance = assessment.map_or(0.0, |believed| believed.probability_empty);
            let quiet = one.sold.iter().rev().take_while(|sold| **sold == 0).count();
            let until_sale = &one.sold[..one.sold.len() - quiet];
            let mean =
                until_sale.iter().rev().take(N_DAYS).sum::<i64>() as f64 / until_sale.len().clamp(1, N_DAYS) as f64;
            Record {
                is_wrong: one.recorded != one.on_hand,
                is_empty: one.on_hand == 0,
                keys: [value, chance, quiet as f64, quiet as f64 * mean, -(one.recorded as f64)],
            }
        })
        .collect()
}
