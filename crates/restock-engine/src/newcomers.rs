//! Items that are new where they are sold, and what items like them make of their demand.
//!
//! An item-location is new while it has been open for fewer than [`N_ESTABLISHED`] periods since it was first listed or
//! sold. It gets the prior and the siblings of [`SimilarItems`]; what is established is what others learn from. Where
//! nothing is new, nothing is compared.
//!
//! # Who is new without a single sale
//! A table has to say that the item is sold at the location: a row of item_locations, a source of this item for this
//! location, an open order, a recent receipt or launch day. An item that only the items table knows is named in the plan
//! with what is missing. Where more than a fifth as many items never sold as do sell, the tables hold dead items too, and
//! a source alone makes none new.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rayon::prelude::*;
use restock_core::dataset::{Dataset, Item};
use restock_core::settings::PlanSettings;
use restock_core::{Bucket, Day, ItemIdx, ItemLocation, LocationIdx, SeriesInput};
use restock_forecast::cold_start::{
    HashedTexts, ItemFacts, N_ESTABLISHED, N_PAST_MAX, Options, Profile, SimilarItems, TextVectors, product_text,
};
use rust_decimal::prelude::ToPrimitive;

use crate::builder::place_of;
use crate::history::HistoryBuilder;

type Pair = (ItemIdx, LocationIdx);

/// Never-sold items over sold ones, above which a source alone does not make an item new; [`N_DEAD_MIN`] never count.
const DEAD_SHARE: f64 = 0.2;
const N_DEAD_MIN: usize = 20;

/// Days before the plan in which a location must have sold a category to be one that sells it, and after which a launch
/// or a first receipt is no longer recent.
pub(crate) const RECENT_DAYS: i32 = 60;

/// Columns of the items table that say nothing about what an item is.
const NOT_TEXT: &[&str] = &["abc", "xyz", "ven", "gtin", "ean", "upc", "barcode", "status", "sku", "url", "image"];

/// The new item-locations of a dataset.
pub(crate) struct Newcomers {
    /// By ids, with their positions among the items and locations that were compared.
    pairs: HashMap<ItemLocation, (usize, usize)>,
    similar: SimilarItems,
}

impl Newcomers {
    /// The new ones of `pairs`, which are sold or meant to be; `None` where there are none, or nothing to learn from.
    pub(crate) fn find(
        dataset: &Dataset,
        settings: &PlanSettings,
        history: &HistoryBuilder<'_>,
        pairs: impl Iterator<Item = Pair>,
    ) -> Option<Self> {
        let pairs: HashSet<Pair> = pairs.filter(|pair| is_new(settings, history, *pair)).collect();
        if pairs.is_empty() {
            return None;
        }
        let unit_of = |item: ItemIdx| 10_f64.powi(-i32::from(dataset.items[item.0 as usize].decimals));
        let with_sales: Vec<Pair> = history.pairs_with_sales().filter(|pair| !pairs.contains(pair)).collect();
        let established: Vec<(Profile, Option<f64>)> = with_sales
            .into_par_iter()
            .filter_map(|(item, location)| {
                let built = history.build_recent(item, location, history.as_of(), 1, N_PAST_MAX);
                let profile = Profile::of(item.0 as usize, location.0 as usize, &built.series, unit_of(item))?;
                Some((profile, built.last_price))
            })
            .collect();
        if established.is_empty() {
            return None;
        }
        let mut prices: Vec<Option<f64>> =
            dataset.items.iter().map(|item| item.price.and_then(|price| price.to_f64())).collect();
        for (profile, price) in &established {
            prices[profile.item] = prices[profile.item].or(*price);
        }
        for (item, location) in &pairs {
            if prices[item.0 as usize].is_none() {
                prices[item.0 as usize] = history.build(*item, *location, 1).last_price;
            }
        }
        let facts = dataset.items.iter().zip(prices).map(|(item, price)| ItemFacts {
            name: if item.name.is_empty() { item.item_id.clone() } else { item.name.clone() },
            category: item.category.clone(),
            unit: item.base_uom.clone(),
            price,
        });
        let profiles = established.into_iter().map(|(profile, _)| profile).collect();
        let similar = SimilarItems::new(facts.collect(), text_vectors(dataset), profiles, Options::default());
        let positions = |pair: Pair| (place_of(dataset, pair), (pair.0.0 as usize, pair.1.0 as usize));
        Some(Self { pairs: pairs.into_iter().map(positions).collect(), similar })
    }

    /// Gives a new item-location its prior and siblings.
    pub(crate) fn attach(&self, place: &ItemLocation, series: &mut SeriesInput, decimals: u8) {
        let Some((item, location)) = self.pairs.get(place) else { return };
        let unit = 10_f64.powi(-i32::from(decimals));
        if let Some((prior, siblings)) = self.similar.prior(*item, *location, unit) {
            series.prior = Some(prior);
            series.siblings = Some(siblings);
        }
    }
}

/// Whether a source of an item is enough to say that it is sold, or too many have one and never sold.
pub(crate) fn source_is_enough(dataset: &Dataset, history: &HistoryBuilder<'_>) -> bool {
    let sold: BTreeSet<ItemIdx> = history.pairs_with_sales().map(|(item, _)| item).collect();
    let with_source: BTreeSet<ItemIdx> = dataset.sources.iter().filter_map(|row| row.item).collect();
    let n_never = with_source.difference(&sold).count();
    n_never <= N_DEAD_MIN.max((DEAD_SHARE * sold.len() as f64) as usize)
}

/// Whether an item-location has been open for less than what makes it established.
fn is_new(settings: &PlanSettings, history: &HistoryBuilder<'_>, (item, location): Pair) -> bool {
    let as_of = history.as_of();
    if !history.has_sales_at(location) {
        return false;
    }
    let Some(first) = history.first_day_of(item, location).filter(|first| *first < as_of) else { return true };
    let bucket = settings.bucket;
    let n_periods = bucket.period_of(as_of) - bucket.period_of(first);
    // Open a day a week or more.
    if bucket != Bucket::Day || n_periods as usize >= 7 * N_ESTABLISHED {
        return (n_periods.max(0) as usize) < N_ESTABLISHED;
    }
    let open = (first.0..as_of.0).filter(|day| history.is_open(location, Day(*day)));
    open.take(N_ESTABLISHED).count() < N_ESTABLISHED
}

/// Where items are sold that no table but the items table, or sources of theirs for any location, tells of.
///
/// An item with a recent or coming launch is sold wherever its category is; every other one comes to the first such
/// location, to be named there with what is missing.
pub(crate) fn unseen_items(dataset: &Dataset, history: &HistoryBuilder<'_>, seen: &BTreeSet<Pair>) -> Vec<Pair> {
    let mut known = vec![false; dataset.items.len()];
    for (item, _) in seen {
        known[item.0 as usize] = true;
    }
    for row in &dataset.bom {
        known[row.parent.0 as usize] = true;
        known[row.component.0 as usize] = true;
    }
    let as_of = history.as_of();
    let is_over = |item: &Item| item.end.is_some_and(|end| end < as_of);
    let unseen: Vec<usize> = (0..known.len()).filter(|idx| !known[*idx] && !is_over(&dataset.items[*idx])).collect();
    if unseen.is_empty() {
        return Vec::new();
    }
    let mut selling: BTreeMap<&str, BTreeSet<LocationIdx>> = BTreeMap::new();
    let mut selling_any: BTreeSet<LocationIdx> = BTreeSet::new();
    for (item, location) in history.pairs_with_sales() {
        if history.last_sale(item, location).is_some_and(|last| last >= as_of.plus(-RECENT_DAYS)) {
            selling.entry(&dataset.items[item.0 as usize].category).or_default().insert(location);
            selling_any.insert(location);
        }
    }
    let mut pairs = Vec::new();
    for idx in unseen {
        let item = &dataset.items[idx];
        let of_category = selling.get(item.category.as_str()).filter(|_| !item.category.is_empty());
        let locations = of_category.unwrap_or(&selling_any).iter();
        let n_locations = if is_launched(item, as_of) { usize::MAX } else { 1 };
        pairs.extend(locations.take(n_locations).map(|location| (ItemIdx(idx as u32), *location)));
    }
    pairs
}

/// Whether an item has a launch day that is recent or to come.
pub(crate) fn is_launched(item: &Item, as_of: Day) -> bool {
    item.launch.is_some_and(|launch| launch >= as_of.plus(-RECENT_DAYS))
}

/// Vectors of the texts of all items: those of the dataset, where a model made them, or hashed ones.
fn text_vectors(dataset: &Dataset) -> TextVectors {
    let n_items = dataset.items.len().max(1);
    if !dataset.text_vectors.is_empty() {
        assert_eq!(dataset.text_vectors.len() % n_items, 0, "text vectors are [n_items, width]");
        let width = dataset.text_vectors.len() / n_items;
        return TextVectors::Model { width, values: dataset.text_vectors.clone() };
    }
    let texts: Vec<String> = dataset.items.iter().map(item_text).collect();
    TextVectors::Hashed(HashedTexts::new(&texts))
}

/// What the items table says an item is: `name | brand | category | attributes | unit`.
pub fn item_text(item: &Item) -> String {
    let attribute = |name: &str| item.attributes.get(name).map_or("", String::as_str);
    let others = item.attributes.iter().filter(|(name, value)| {
        // Numbers alone, such as codes and sizes without a unit, are like each other by chance.
        *name != "brand" && !NOT_TEXT.contains(&name.as_str()) && value.chars().any(char::is_alphabetic)
    });
    let others: Vec<&str> = others.map(|(_, value)| value.as_str()).collect();
    product_text(&[&item.name, attribute("brand"), &item.category, &others.join(" "), &item.base_uom])
}
