//! Savings with a bootstrap interval, and the sentences that go with them.

use std::ops::Range;

use super::report::{Saving, Verdict};
use super::{ACTUAL, SHOP_RULE};
use crate::play::next_random;

/// Resamples of the bootstrap; the ends of a 90 % interval then vary by about a tenth of its half width.
const N_RESAMPLES: usize = 2_000;

/// Below so many independent units a bootstrap interval is too narrow to be believed.
const FEWEST_UNITS: usize = 8;

/// Below so many items, stretches of four weeks of each item are resampled instead of items.
pub(super) const FEW_ITEMS: usize = 20;

/// Costs of a policy and a baseline over one resampling unit: an item, or an item in one stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct CostPair {
    pub(super) policy: f64,
    pub(super) baseline: f64,
}

/// What is said about a comparison.
pub(super) struct Comparison<'a> {
    pub(super) policy: &'a str,
    pub(super) baseline: &'a str,
    pub(super) currency: &'a str,
    pub(super) n_item_locations: usize,
    /// Width of the interval, 0.9 for 5 % on either side.
    pub(super) ci_level: f64,
    pub(super) seed: u64,
}

/// The saving over all units and its percentile bootstrap interval (Efron & Tibshirani 1993, chapter 13).
///
/// Items are resampled whole, because the periods of one item are anything but independent.
pub(super) fn saving(units: &[CostPair], comparison: &Comparison<'_>) -> Saving {
    let Comparison { policy, baseline, currency, n_item_locations, ci_level, seed } = *comparison;
    let sum = |pairs: &mut dyn Iterator<Item = CostPair>| {
        pairs.fold(CostPair::default(), |sum, pair| CostPair {
            policy: sum.policy + pair.policy,
            baseline: sum.baseline + pair.baseline,
        })
    };
    let share_of = |total: CostPair| {
        if total.baseline > 0.0 { (total.baseline - total.policy) / total.baseline } else { 0.0 }
    };
    let total = sum(&mut units.iter().copied());
    let (amount, share) = (total.baseline - total.policy, share_of(total));

    let mut state = seed ^ 0x7361_7669_6e67_7321;
    let mut shares: Vec<f64> = (0..N_RESAMPLES)
        .map(|_| share_of(sum(&mut (0..units.len()).map(|_| units[below(&mut state, units.len())]))))
        .collect();
    shares.sort_unstable_by(f64::total_cmp);
    let tail = (1.0 - ci_level) / 2.0;
    let at = |level: f64| shares[((N_RESAMPLES - 1) as f64 * level).round() as usize];
    let (low, high) = if units.is_empty() { (0.0, 0.0) } else { (at(tail), at(1.0 - tail)) };

    let too_few = units.len() < FEWEST_UNITS;
    let verdict = match () {
        // Nothing can be saved of nothing, and there is no share of it.
        () if total.baseline <= 0.0 && total.policy > 0.0 => Verdict::CostsMore,
        () if too_few || (low <= 0.0 && 0.0 <= high) => Verdict::NoSavingFound,
        () if low > 0.0 => Verdict::Saves,
        () => Verdict::CostsMore,
    };
    // Adding 0 turns the "-0.0" of a saving too small to print into "0.0".
    let percent = |share: f64| format!("{:.1} %", (share * 1000.0).round() / 10.0 + 0.0);
    // "More" is a negative saving, so the ends change sides.
    let (from, to) = if verdict == Verdict::CostsMore { (-high, -low) } else { (low, high) };
    let interval = format!("{:.0} % interval {} to {}", ci_level * 100.0, percent(from), percent(to));
    let interval_zh = format!("{:.0}% 区间 {} 至 {}", ci_level * 100.0, percent(from), percent(to));
    let money = format!("{:.0} {currency}", amount.abs());
    let ([policy_en, policy_zh], [baseline_en, baseline_zh]) = (in_words(policy), in_words(baseline));
    let (sentence, sentence_zh) = match verdict {
        Verdict::CostsMore if total.baseline <= 0.0 => (
            format!(
                "{policy_en} would have cost {money} over {n_item_locations} item-locations and {baseline_en} nothing"
            ),
            format!("{n_item_locations} 个商品-地点中 {policy_zh} 的成本为 {money}，{baseline_zh} 无成本"),
        ),
        Verdict::Saves => (
            format!(
                "{policy_en} would have cost {} less than {baseline_en} ({interval}), {money} over {n_item_locations} \
                 item-locations",
                percent(share)
            ),
            format!(
                "{policy_zh} 的成本比 {baseline_zh} 低 {}（{interval_zh}），{n_item_locations} 个商品-地点共节省 {money}",
                percent(share)
            ),
        ),
        Verdict::CostsMore => (
            format!(
                "{policy_en} would have cost {} more than {baseline_en} ({interval}), {money} over {n_item_locations} \
                 item-locations",
                percent(-share)
            ),
            format!(
                "{policy_zh} 的成本比 {baseline_zh} 高 {}（{interval_zh}），{n_item_locations} 个商品-地点共多花 {money}",
                percent(-share)
            ),
        ),
        Verdict::NoSavingFound if too_few => (
            format!("no saving found: too little data to compare {policy_en} with {baseline_en}"),
            format!("未发现节省：数据太少，无法比较 {policy_zh} 与 {baseline_zh}"),
        ),
        Verdict::NoSavingFound => (
            format!("no saving found: {policy_en} against {baseline_en} {} ({interval} holds zero)", percent(share)),
            format!("未发现节省：{policy_zh} 相对 {baseline_zh} 为 {}（{interval_zh}，包含零）", percent(share)),
        ),
    };
    Saving {
        policy: policy.to_owned(),
        baseline: baseline.to_owned(),
        n_item_locations,
        amount,
        share,
        low,
        high,
        verdict,
        sentence,
        sentence_zh,
    }
}

/// A column as its heading calls it, in English and Chinese.
fn in_words(name: &str) -> [&str; 2] {
    match name {
        SHOP_RULE => ["the simple rule", "简单规则"],
        ACTUAL => ["the actual orders", "实际订货"],
        name => [name; 2],
    }
}

/// A number in `0..n`.
fn below(state: &mut u64, n: usize) -> usize {
    let Range { start, end } = 0..n;
    assert!(start < end);
    ((u128::from(next_random(state)) * n as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(units: &[CostPair]) -> Saving {
        let comparison = Comparison {
            policy: "auto",
            baseline: "shop_rule",
            currency: "EUR",
            n_item_locations: units.len(),
            ci_level: 0.9,
            seed: 42,
        };
        saving(units, &comparison)
    }

    #[test]
    fn a_saving_on_every_item_is_a_saving() {
        let units: Vec<CostPair> =
            (0..50).map(|idx| CostPair { policy: 8.0 + f64::from(idx % 3), baseline: 12.0 }).collect();
        let saving = compare(&units);
        assert_eq!(saving.verdict, Verdict::Saves);
        assert!(saving.low < saving.share && saving.share < saving.high);
        insta::assert_snapshot!(saving.sentence,
            @"auto would have cost 25.2 % less than the simple rule (90 % interval 23.5 % to 26.7 %), 151 EUR over 50 item-locations");
        assert_eq!(compare(&units), saving, "the same seed gives the same interval");
    }

    #[test]
    fn a_saving_that_may_be_chance_is_none() {
        // Half of the items cost 40 % more, half 50 % less: 5 % on average, and nobody knows.
        let units: Vec<CostPair> =
            (0..30).map(|idx| CostPair { policy: [14.0, 5.0][idx % 2], baseline: 10.0 }).collect();
        let saving = compare(&units);
        assert_eq!(saving.verdict, Verdict::NoSavingFound);
        assert!(saving.sentence.starts_with("no saving found"), "{}", saving.sentence);
        assert!(saving.sentence_zh.starts_with("未发现节省"), "{}", saving.sentence_zh);
    }

    #[test]
    fn costing_more_is_said_plainly() {
        let units = vec![CostPair { policy: 12.0, baseline: 10.0 }; 30];
        let saving = compare(&units);
        assert_eq!((saving.verdict, saving.low, saving.high), (Verdict::CostsMore, -0.2, -0.2));
        insta::assert_snapshot!(saving.sentence,
            @"auto would have cost 20.0 % more than the simple rule (90 % interval 20.0 % to 20.0 %), 60 EUR over 30 item-locations");
    }

    #[test]
    fn three_items_prove_nothing() {
        let saving = compare(&[CostPair { policy: 1.0, baseline: 10.0 }; 3]);
        assert_eq!(saving.verdict, Verdict::NoSavingFound);
        assert_eq!(compare(&[]).verdict, Verdict::NoSavingFound);
    }

    #[test]
    fn equal_costs_are_no_saving() {
        let saving = compare(&[CostPair { policy: 10.3, baseline: 10.3 }; 30]);
        assert_eq!((saving.verdict, saving.amount, saving.low, saving.high), (Verdict::NoSavingFound, 0.0, 0.0, 0.0));
        insta::assert_snapshot!(saving.sentence,
            @"no saving found: auto against the simple rule 0.0 % (90 % interval 0.0 % to 0.0 % holds zero)");
        insta::assert_snapshot!(saving.sentence_zh,
            @"未发现节省：auto 相对 简单规则 为 0.0 %（90% 区间 0.0 % 至 0.0 %，包含零）");
        // A loss too small to print is not "-0.0 %".
        let units: Vec<CostPair> =
            (0..30).map(|idx| CostPair { policy: [9.0, 11.001][idx % 2], baseline: 10.0 }).collect();
        assert!(compare(&units).sentence.starts_with("no saving found: auto against the simple rule 0.0 % ("));
    }

    #[test]
    fn a_baseline_without_any_cost_cannot_be_beaten() {
        let saving = compare(&[CostPair { policy: 2.0, baseline: 0.0 }; 30]);
        assert_eq!((saving.verdict, saving.amount), (Verdict::CostsMore, -60.0));
        insta::assert_snapshot!(saving.sentence,
            @"auto would have cost 60 EUR over 30 item-locations and the simple rule nothing");
        assert_eq!(compare(&[CostPair::default(); 30]).verdict, Verdict::NoSavingFound);
    }

    /// In 200 worlds without any difference, a 90 % interval misses zero about 20 times; 40 is four standard deviations.
    #[test]
    fn the_interval_holds_its_level() {
        let mut state = 7;
        let mut noise = || (next_random(&mut state) >> 11) as f64 / (1_u64 << 53) as f64;
        let n_wrong = (0..200)
            .filter(|_| {
                let units: Vec<CostPair> =
                    (0..40).map(|_| CostPair { policy: 10.0 + noise(), baseline: 10.0 + noise() }).collect();
                compare(&units).verdict != Verdict::NoSavingFound
            })
            .count();
        assert!((5..=40).contains(&n_wrong), "{n_wrong} of 200");
    }
}
