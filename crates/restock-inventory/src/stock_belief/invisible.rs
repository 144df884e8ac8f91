//! How stock changes unseen, and how that is learned from counts.

use std::collections::BTreeMap;

use restock_core::Units;

/// Unseen changes of a stock: theft, damage, goods put in the wrong place, deliveries that lack a case, wrong items
/// scanned.
///
/// With probability `rate` a day holds one change, of a geometric number of units, `1, 2, ...` with mean `mean_size`; it
/// is a loss with probability `loss_share`, else units are found. What is learned of many items is counted in the
/// [`piece`] of each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Invisible {
    /// Changes per day, 0 to 1.
    pub rate: f64,
    /// Mean units of a change, at least 1.
    pub mean_size: f64,
    /// Share of changes that are losses.
    pub loss_share: f64,
    /// Probability that somebody sees an empty shelf on a day, where the records say that there is stock, and sets them
    /// right.
    pub seen_per_day: f64,
}

/// What one count found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CountedError {
    /// Days since the count before it, at least 1.
    pub n_days: f64,
    /// Pieces counted less pieces recorded.
    pub error: f64,
    /// Whether nothing was there.
    pub found_nothing: bool,
}

/// Days of observation, and changes, that the prior weighs as much as.
const PRIOR_DAYS: f64 = 1_800.0;
const PRIOR_CHANGES: f64 = 12.0;

/// Largest error that counts find, over the mean change so far: above, one mistyped count would teach more than all others.
const MAX_ERROR: f64 = 10.0;

/// Rounds of expectation and maximisation; each moves the rate by less than the one before.
const N_ROUNDS: usize = 20;

impl Invisible {
    /// What is assumed where nothing was counted.
    ///
    /// DeHoratius & Raman (2008), "Inventory record inaccuracy: an empirical analysis", *Management Science* 54(4),
    /// 627-641, found 65 % of nearly 370,000 records of 37 stores inaccurate. With half a year since the last count,
    /// `1 - exp(-180·rate) = 0.65`. Sizes, that more is lost than found, and how soon
    /// somebody sees an empty shelf (within 50 days in the mean) are assumptions of ours, of the order that the same
    /// authors report.
    pub const PRIOR: Self = Self { rate: 0.0058, mean_size: 4.5, loss_share: 0.6, seen_per_day: 0.02 };

    /// Days since the last count of records that nobody is known to have counted.
    pub const UNCOUNTED_DAYS: usize = 180;

    /// What counts say, with `self` as the prior: empirical Bayes in two steps where `self` was learned from all counts
    /// and `counts` are those of a category.
    ///
    /// Changes come as a Poisson process, so a record that is wrong after `n` days has had `rate·n / (1 - exp(-rate·n))` of
    /// them in the mean; rate, size and share are weighted means with the prior. Counts that found nothing are left out,
    /// because they may have been made for that reason, and that changes may cancel out is left out too: both take
    /// changes for rarer than they are, so that a shelf is rather believed to be full. [`Self::seen_per_day`] stays.
    pub fn learned(self, counts: &[CountedError]) -> Self {
        let counts = || counts.iter().filter(|count| !count.found_nothing);
        let n_days: f64 = counts().map(|count| count.n_days.max(1.0)).sum();
        let wrong: Vec<&CountedError> = counts().filter(|count| count.error != 0.0).collect();
        let most = MAX_ERROR * self.mean_size;
        let pieces: f64 = wrong.iter().map(|count| count.error.abs().min(most)).sum();
        let n_short = wrong.iter().filter(|count| count.error < 0.0).count() as f64;
        let mut learned = self;
        for _ in 0..N_ROUNDS {
            let changes: f64 = wrong
                .iter()
                .map(|count| {
                    let expected = learned.rate * count.n_days.max(1.0);
                    expected / -(-expected).exp_m1()
                })
                .sum();
            learned = Self {
                rate: ((self.rate * PRIOR_DAYS + changes) / (PRIOR_DAYS + n_days)).clamp(1e-6, 0.5),
                mean_size: ((self.mean_size * PRIOR_CHANGES + pieces) / (PRIOR_CHANGES + changes)).max(1.0),
                loss_share: (self.loss_share * PRIOR_CHANGES + n_short) / (PRIOR_CHANGES + wrong.len() as f64),
                ..self
            };
        }
        learned
    }

    /// Changes in pieces as changes in units, of which `piece` are a piece.
    pub fn in_units(self, piece: f64) -> Self {
        Self { mean_size: (self.mean_size * piece).max(1.0), ..self }
    }

    /// The same changes in cells of `cell` units. Where a change is less than a cell, whole cells change the more seldom.
    pub(super) fn in_cells(self, cell: f64) -> Self {
        let mean_size = self.mean_size / cell;
        Self { mean_size: mean_size.max(1.0), rate: self.rate * mean_size.min(1.0), ..self }
    }
}

/// Units that unseen changes of an item are counted in, so that items teach each other, whatever they are measured in.
///
/// It is a base unit, of `scale` units (a bottle, a kilogram), or what a day with sales sells in the mean, where that is
/// less: of a spice of which 50 g are sold a day nobody loses kilograms.
pub fn piece(sold: impl Iterator<Item = Units>, scale: f64) -> f64 {
    let (n_days, units) =
        sold.filter(|sold| *sold > 0).fold((0_u32, 0.0), |(n_days, units), sold| (n_days + 1, units + sold as f64));
    if n_days == 0 { scale } else { scale.min(units / f64::from(n_days)) }
}

/// How stock changes unseen by category of items, each with what all of them say as its prior.
#[derive(Clone, Debug)]
pub struct InvisibleByCategory {
    of_all: Invisible,
    by_category: BTreeMap<String, Invisible>,
}

impl InvisibleByCategory {
    /// What the counts of each category say.
    pub fn learned(counts: &BTreeMap<&str, Vec<CountedError>>) -> Self {
        let all: Vec<CountedError> = counts.values().flatten().copied().collect();
        let of_all = Invisible::PRIOR.learned(&all);
        let by_category = counts.iter().map(|(category, counts)| ((*category).to_owned(), of_all.learned(counts)));
        Self { of_all, by_category: by_category.collect() }
    }

    /// That of a category; of one that was never counted, that of all.
    pub fn of(&self, category: &str) -> Invisible {
        self.by_category.get(category).copied().unwrap_or(self.of_all)
    }
}
