//! Items that are like an item that has hardly sold, and what they make believable about its demand.
//!
//! Read top to bottom: facts, options, weights, neighbours, prior, the spread that is left.
//!
//! Neighbours are weighted by likeness of text, `exp(cosine / T)`, times kernels of category, price and location; the
//! [`Options::n_neighbours`] heaviest are used, ties included. An item with no text but a category is thus like all of
//! its category, and one that nothing is known of like all items of its location; of very many that weigh the same,
//! [`N_TIES_MAX`] evenly spaced by name stand for all. The logarithm of the rate is the
//! weighted mean of the neighbours' (Nadaraya, 1964; Watson, 1964), and what that mean misses by, leaving one item out,
//! is the spread of the prior.

use std::collections::BTreeSet;

use restock_core::forecast::DemandPrior;

use super::product_text::HashedTexts;
use super::profile::Profile;

/// What is known of an item without its sales.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ItemFacts {
    /// Name or id: how people are told about it.
    pub name: String,
    /// Category path, `food/dairy`; empty when unknown.
    pub category: String,
    /// Base unit of measure; items that are counted in different units are never like each other.
    pub unit: String,
    /// Selling price per base unit.
    pub price: Option<f64>,
}

/// How likeness is weighed. The defaults were chosen with `restock-pretrained/examples/cold_start.rs` at origins before
/// the last two horizons of M5 and Online Retail.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Neighbours that are used.
    pub n_neighbours: usize,
    /// Temperature T of the likeness of text.
    pub temperature: f64,
    /// Weight of an item of another category, for each level of the path that is not shared.
    pub other_category: f64,
    /// Standard deviation of the kernel over the logarithm of the price.
    pub price_bandwidth: f64,
    /// Weight of an item that is known at other locations only.
    pub other_location: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self { n_neighbours: 20, temperature: 0.2, other_category: 0.5, price_bandwidth: 0.7, other_location: 0.5 }
    }
}

/// Vectors of the texts of all items.
#[derive(Clone, Debug)]
pub enum TextVectors {
    /// Hashed words and runs of characters, which need no model.
    Hashed(HashedTexts),
    /// Vectors of length 1 of a model of sentences: `[n_items × width]`.
    Model {
        /// Numbers in a vector.
        width: usize,
        /// All vectors, one behind the other.
        values: Vec<f32>,
    },
}

impl TextVectors {
    /// `[n_items]`: cosine of one item with every item.
    fn cosines(&self, item: usize) -> Vec<f32> {
        match self {
            Self::Hashed(texts) => texts.cosines(item),
            Self::Model { width, values } => {
                let own = &values[item * width..][..*width];
                let product = |other: &[f32]| own.iter().zip(other).map(|(a, b)| a * b).sum::<f32>();
                values.chunks_exact(*width).map(product).collect()
            }
        }
    }
}

/// Items alike: facts, texts and profiles of everything established.
#[derive(Clone, Debug)]
pub struct SimilarItems {
    options: Options,
    items: Vec<ItemFacts>,
    /// `[n_items]`: place of the name among all names.
    name_rank: Vec<usize>,
    /// `[n_items]`: index of the category among `categories`.
    category_of: Vec<usize>,
    /// Each category once.
    categories: Vec<String>,
    texts: TextVectors,
    /// By item, then location.
    profiles: Vec<Profile>,
    /// `[n_items + 1]`: the profiles of item i are `first[i]..first[i + 1]`.
    first: Vec<usize>,
    /// `[n_locations]`: how much more a location sells of the same items than others, as a logarithm; NaN where nothing
    /// is established.
    location_effects: Vec<f64>,
    /// What the weighted mean misses by: root mean square of the logarithm of the rate.
    log_rate_sd: f64,
}

/// An item that stands for another, at one location.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Neighbour {
    item: usize,
    /// Index of its profile at the location, or of one of those elsewhere.
    profile: usize,
    /// Share of all neighbours.
    weight: f64,
    /// Cosine of the texts.
    cosine: f32,
    /// Logarithm of its rate at the location, or what it would be there.
    log_rate: f64,
}

/// Items that stand for another.
struct Neighbours {
    /// Heaviest first.
    used: Vec<Neighbour>,
    /// Items that weigh as much as those that are used: more than these, where they stand for others.
    n_alike: usize,
}

/// Neighbours of the same weight that stand for all of that weight, at most: a shop of thousands of items without names
/// would average all of them for each that is new.
const N_TIES_MAX: usize = 256;

/// Fewest neighbours that make a prior: one or two items are no kind of item.
const N_NEIGHBOURS_MIN: usize = 5;

/// Item-locations whose rate is estimated from their neighbours to measure the spread, at most.
const N_LEFT_OUT: usize = 300;

/// Spread of rates where a single item is known.
const LOG_RATE_SD_UNKNOWN: f64 = 1.5;

impl SimilarItems {
    /// Compares items by `texts`, one vector per item, and learns from `profiles`.
    ///
    /// # Panics
    /// When a profile is of an item that is not there.
    pub fn new(items: Vec<ItemFacts>, texts: TextVectors, mut profiles: Vec<Profile>, options: Options) -> Self {
        profiles.sort_by_key(|profile| (profile.item, profile.location));
        let mut first = vec![0; items.len() + 1];
        for profile in &profiles {
            first[profile.item + 1] += 1;
        }
        for item in 0..items.len() {
            first[item + 1] += first[item];
        }
        let location_effects = location_effects(&profiles, &first);
        let names: BTreeSet<&str> = items.iter().map(|item| item.category.as_str()).collect();
        let categories: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let place = |item: &ItemFacts| categories.binary_search(&item.category).expect("every category is there");
        let category_of = items.iter().map(place).collect();
        let mut by_name: Vec<usize> = (0..items.len()).collect();
        by_name.sort_by(|a, b| items[*a].name.cmp(&items[*b].name));
        let mut name_rank = vec![0; items.len()];
        for (rank, item) in by_name.into_iter().enumerate() {
            name_rank[item] = rank;
        }
        let mut similar = Self {
            options,
            items,
            name_rank,
            category_of,
            categories,
            texts,
            profiles,
            first,
            location_effects,
            log_rate_sd: LOG_RATE_SD_UNKNOWN,
        };
        similar.log_rate_sd = similar.left_out_sd();
        similar
    }

    /// The neighbours of an item at a location; none where nothing is established at the location.
    fn neighbours(&self, item: usize, location: usize) -> Neighbours {
        let options = &self.options;
        if self.location_effects.get(location).is_none_or(|effect| effect.is_nan()) {
            return Neighbours { used: Vec::new(), n_alike: 0 };
        }
        let facts = &self.items[item];
        let cosines = self.texts.cosines(item);
        let of_categories: Vec<f64> = self
            .categories
            .iter()
            .map(|category| options.other_category.powi(levels_apart(&facts.category, category)))
            .collect();
        let mut neighbours: Vec<Neighbour> = Vec::new();
        for (other, other_facts) in self.items.iter().enumerate() {
            let profiles = self.first[other]..self.first[other + 1];
            if profiles.is_empty() || facts.unit != other_facts.unit {
                continue;
            }
            let here = self.profiles[profiles.clone()].iter().position(|profile| profile.location == location);
            let (profile, log_rate, at_location) = match here {
                // The item itself, where it is established.
                Some(_) if other == item => continue,
                Some(idx) => (profiles.start + idx, self.profiles[profiles.start + idx].log_rate, 1.0),
                None => {
                    let of_item = &self.profiles[profiles.clone()];
                    let sum: f64 = of_item.iter().map(|one| one.log_rate - self.location_effects[one.location]).sum();
                    let log_rate = sum / of_item.len() as f64 + self.location_effects[location];
                    (profiles.start, log_rate, options.other_location)
                }
            };
            let of_price = match (facts.price, other_facts.price) {
                (Some(a), Some(b)) if a > 0.0 && b > 0.0 => {
                    (-0.5 * ((a / b).ln() / options.price_bandwidth).powi(2)).exp().max(0.01)
                }
                _ => 1.0,
            };
            let of_category = of_categories[self.category_of[other]];
            let of_text = ((f64::from(cosines[other]) - 1.0) / options.temperature).exp();
            let weight = of_text * of_category * of_price * at_location;
            neighbours.push(Neighbour { item: other, profile, weight, cosine: cosines[other], log_rate });
        }
        // All but the heaviest go before the rest is sorted.
        if options.n_neighbours <= neighbours.len() {
            let mut weights: Vec<f64> = neighbours.iter().map(|neighbour| neighbour.weight).collect();
            let (_, last, _) = weights.select_nth_unstable_by(options.n_neighbours - 1, |a, b| b.total_cmp(a));
            let least = *last * (1.0 - 1e-9);
            neighbours.retain(|neighbour| neighbour.weight >= least);
        }
        neighbours.sort_by(|a, b| {
            b.weight.total_cmp(&a.weight).then_with(|| self.name_rank[a.item].cmp(&self.name_rank[b.item]))
        });
        let n_alike = neighbours.len();
        thin_out_ties(&mut neighbours);
        let total: f64 = neighbours.iter().map(|neighbour| neighbour.weight).sum();
        neighbours.iter_mut().for_each(|neighbour| neighbour.weight /= total);
        Neighbours { used: neighbours, n_alike }
    }

    /// What similar items make believable of an item at a location, for quantities in `unit` base units, and their mean
    /// sales, the latest last; `None` with fewer than five neighbours, or where nothing is established at the location.
    pub fn prior(&self, item: usize, location: usize, unit: f64) -> Option<(DemandPrior, Vec<f32>)> {
        let Neighbours { used: neighbours, n_alike } = self.neighbours(item, location);
        if neighbours.len() < N_NEIGHBOURS_MIN {
            return None;
        }
        let profile = |neighbour: &Neighbour| &self.profiles[neighbour.profile];
        let log_rate: f64 = neighbours.iter().map(|one| one.weight * one.log_rate).sum();
        let prior = DemandPrior {
            log_rate: log_rate - unit.ln(),
            log_rate_sd: self.log_rate_sd,
            season_factors: season_factors(neighbours.iter().map(|one| (one.weight, profile(one)))),
            size: weighted_median(neighbours.iter().map(|one| (one.weight, profile(one).size)).collect()),
            source: self.source(item, &neighbours, n_alike),
        };
        Some((prior, self.mean_sales(&neighbours, unit)))
    }

    /// `[n_periods]`: weighted mean sales of the neighbours, units, the latest last; NaN where none was seen.
    fn mean_sales(&self, neighbours: &[Neighbour], unit: f64) -> Vec<f32> {
        let n = neighbours.iter().map(|one| self.profiles[one.profile].sales.len()).max().unwrap_or(0);
        let (mut sums, mut weights) = (vec![0.0_f64; n], vec![0.0_f64; n]);
        for neighbour in neighbours {
            let profile = &self.profiles[neighbour.profile];
            // An item from elsewhere sells here what its rate says.
            let factor = (neighbour.log_rate - profile.log_rate).exp() / unit;
            let start = n - profile.sales.len();
            for (idx, sales) in profile.sales.iter().enumerate().filter(|(_, sales)| sales.is_finite()) {
                sums[start + idx] += neighbour.weight * factor * f64::from(*sales);
                weights[start + idx] += neighbour.weight;
            }
        }
        let mean = |(sum, weight): (f64, f64)| if weight > 0.0 { (sum / weight) as f32 } else { f32::NAN };
        sums.into_iter().zip(weights).map(mean).collect()
    }

    /// Whom an item is like, in words; `n_alike` items, of which those weigh the same that stand for others.
    fn source(&self, item: usize, neighbours: &[Neighbour], n_alike: usize) -> String {
        let n = n_alike;
        let names: Vec<&str> = neighbours.iter().take(3).map(|one| self.items[one.item].name.as_str()).collect();
        let examples = names.join("; ");
        let is_of_category =
            |one: &Neighbour| levels_apart(&self.items[item].category, &self.items[one.item].category) == 0;
        // Even weights say that nothing but the category, or not even that, tells items apart.
        let even = neighbours[0].weight < neighbours[neighbours.len() - 1].weight * (1.0 + 1e-6);
        if n > 1 && even && !self.items[item].category.is_empty() && neighbours.iter().all(is_of_category) {
            format!("{n} items of the same category, such as {examples}")
        } else if n > 1 && even {
            format!("all {n} items here, for want of a name or category, such as {examples}")
        } else {
            format!("{n} similar items, such as {examples}")
        }
    }

    /// Root mean square of what neighbours miss the logarithm of a rate by, over up to [`N_LEFT_OUT`] item-locations.
    fn left_out_sd(&self) -> f64 {
        let step = self.profiles.len().div_ceil(N_LEFT_OUT).max(1);
        let (mut squares, mut n) = (0.0, 0.0);
        for profile in self.profiles.iter().step_by(step) {
            // The item's other locations are left out as well: a new item is new everywhere.
            let neighbours = self.neighbours(profile.item, profile.location).used;
            if neighbours.is_empty() {
                continue;
            }
            let mean: f64 = neighbours.iter().map(|one| one.weight * one.log_rate).sum();
            squares += (profile.log_rate - mean).powi(2);
            n += 1.0;
        }
        // Two pseudo-items, so that a handful of items do not promise too much.
        let unknown = 2.0 * LOG_RATE_SD_UNKNOWN * LOG_RATE_SD_UNKNOWN;
        ((squares + unknown) / (n + 2.0_f64)).sqrt()
    }
}

/// Of the lightest neighbours, heaviest first, that weigh the same: [`N_TIES_MAX`], evenly spaced, with the weight of all.
fn thin_out_ties(neighbours: &mut Vec<Neighbour>) {
    let Some(lightest) = neighbours.last().map(|neighbour| neighbour.weight) else { return };
    let n_heavier = neighbours.partition_point(|neighbour| neighbour.weight > lightest * (1.0 + 1e-9));
    let n_ties = neighbours.len() - n_heavier;
    if n_ties <= N_TIES_MAX {
        return;
    }
    for kept in 0..N_TIES_MAX {
        let stands_for_all = neighbours[n_heavier + kept * n_ties / N_TIES_MAX];
        neighbours[n_heavier + kept] =
            Neighbour { weight: stands_for_all.weight * n_ties as f64 / N_TIES_MAX as f64, ..stands_for_all };
    }
    neighbours.truncate(n_heavier + N_TIES_MAX);
}

/// Levels of the longer of two category paths that the other does not share; 0 for equal ones.
fn levels_apart(a: &str, b: &str) -> i32 {
    if a == b {
        return 0;
    }
    let levels = |path: &str| if path.is_empty() { 0 } else { path.split('/').count() };
    let shared = a.split('/').zip(b.split('/')).take_while(|(a, b)| a == b && !a.is_empty()).count();
    (levels(a).max(levels(b)) - shared).min(4) as i32
}

/// `[n_locations]`: mean of the logarithm of the rate at a location over that of the same items anywhere.
fn location_effects(profiles: &[Profile], first: &[usize]) -> Vec<f64> {
    let n_locations = profiles.iter().map(|profile| profile.location + 1).max().unwrap_or(0);
    let (mut sums, mut counts) = (vec![0.0; n_locations], vec![0.0; n_locations]);
    for range in first.windows(2) {
        let of_item = &profiles[range[0]..range[1]];
        let mean = of_item.iter().map(|profile| profile.log_rate).sum::<f64>() / of_item.len().max(1) as f64;
        for profile in of_item {
            sums[profile.location] += profile.log_rate - mean;
            counts[profile.location] += 1.0;
        }
    }
    sums.into_iter().zip(counts).map(|(sum, count)| sum / count).collect()
}

/// Weighted mean of the season factors, scaled to a mean of 1; empty where none has any.
fn season_factors<'a>(profiles: impl Iterator<Item = (f64, &'a Profile)>) -> Vec<f64> {
    let mut factors: Vec<f64> = Vec::new();
    for (weight, profile) in profiles.filter(|(_, profile)| !profile.season_factors.is_empty()) {
        factors.resize(profile.season_factors.len(), 0.0);
        for (factor, own) in factors.iter_mut().zip(&profile.season_factors) {
            *factor += weight * own;
        }
    }
    let mean = factors.iter().sum::<f64>() / factors.len().max(1) as f64;
    factors.iter_mut().for_each(|factor| *factor /= mean);
    factors
}

fn weighted_median(mut values: Vec<(f64, f64)>) -> f64 {
    values.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut below = 0.0;
    for (weight, value) in &values {
        below += weight;
        if below >= 0.5 {
            return *value;
        }
    }
    values.last().map_or(1.0, |(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cold_start::product_text;

    /// An item that sells at a rate in a week with a strong Sunday.
    fn profile(item: usize, location: usize, rate: f64) -> Profile {
        let season_factors = vec![0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 1.6];
        let sales = (0..100).map(|day| (rate * season_factors[day % 7]) as f32).collect();
        Profile { item, location, log_rate: rate.ln(), size: 2.0, season_factors, sales }
    }

    struct Shop {
        /// Name, category, price.
        items: Vec<(&'static str, &'static str, f64)>,
        /// Item, location, rate.
        sold: Vec<(usize, usize, f64)>,
    }

    impl Shop {
        fn similar(&self) -> SimilarItems {
            let facts = self.items.iter().map(|(name, category, price)| ItemFacts {
                name: (*name).to_owned(),
                category: (*category).to_owned(),
                unit: String::new(),
                price: Some(*price).filter(|price| *price > 0.0),
            });
            let texts: Vec<String> =
                self.items.iter().map(|(name, category, _)| product_text(&[name, category])).collect();
            let profiles = self.sold.iter().map(|(item, location, rate)| profile(*item, *location, *rate)).collect();
            let texts = TextVectors::Hashed(HashedTexts::new(&texts));
            SimilarItems::new(facts.collect(), texts, profiles, Options::default())
        }

        fn rate(&self, item: usize, location: usize) -> f64 {
            self.similar().prior(item, location, 1.0).expect("a prior").0.log_rate.exp()
        }
    }

    /// Twenty candles that sell 10 a day, twenty lamps that sell 1 a day; item 0 is a new candle and item 1 a new lamp.
    fn candles_and_lamps() -> Shop {
        const KINDS: [&str; 20] = [
            "blue", "tall", "small", "scented", "birthday", "white", "tea", "gold", "mini", "church", "black", "oak",
            "steel", "green", "night", "wall", "garden", "table", "glass", "round",
        ];
        let mut shop = Shop { items: vec![("pink candle", "", 0.0), ("reading lamp", "", 0.0)], sold: vec![] };
        for (what, rate) in [("candle", 10.0), ("lamp", 1.0)] {
            for kind in KINDS {
                shop.sold.push((shop.items.len(), 0, rate));
                shop.items.push((format!("{kind} {what}").leak(), "", 0.0));
            }
        }
        shop
    }

    #[test]
    fn names_tell_what_sells_much() {
        let shop = candles_and_lamps();
        let (candle, lamp) = (shop.rate(0, 0), shop.rate(1, 0));
        assert!(candle > 9.0 && lamp < 1.2, "{candle} {lamp}");
        let (prior, siblings) = shop.similar().prior(0, 0, 1.0).unwrap();
        assert!(prior.source.starts_with("20 similar items, such as ") && !prior.source.contains("lamp"), "{prior:?}");
        assert_eq!(siblings.len(), 100);
        assert!((prior.season_factors[6] / prior.season_factors[0] - 1.6 / 0.9).abs() < 1e-9);
        // In boxes of ten, a tenth as many.
        let (boxes, of_boxes) = shop.similar().prior(0, 0, 10.0).unwrap();
        assert!((boxes.log_rate - prior.log_rate + 10.0_f64.ln()).abs() < 1e-9);
        assert!((of_boxes[50] * 10.0 / siblings[50] - 1.0).abs() < 1e-5);
    }

    #[test]
    fn the_order_of_items_does_not_matter() {
        let shop = candles_and_lamps();
        let n = shop.items.len();
        let reversed = Shop {
            items: shop.items.iter().rev().copied().collect(),
            sold: shop.sold.iter().rev().map(|(item, location, rate)| (n - 1 - item, *location, *rate)).collect(),
        };
        let (a, of_a) = shop.similar().prior(0, 0, 1.0).unwrap();
        let (b, of_b) = reversed.similar().prior(n - 1, 0, 1.0).unwrap();
        assert_eq!(a.source, b.source);
        assert!((a.log_rate - b.log_rate).abs() < 1e-9 && (a.log_rate_sd - b.log_rate_sd).abs() < 1e-9);
        assert!(of_a.iter().zip(&of_b).all(|(a, b)| (a - b).abs() < 1e-5));
    }

    #[test]
    fn without_a_name_the_category_counts_and_without_that_all_items() {
        let mut shop = Shop { items: vec![("", "food", 0.0), ("", "", 0.0)], sold: vec![] };
        for idx in 0..30 {
            shop.items.push(("", if idx < 12 { "food" } else { "toys" }, 0.0));
            shop.sold.push((idx + 2, 0, if idx < 12 { 4.0 } else { 0.5 }));
        }
        let similar = shop.similar();
        let source = |item: usize| similar.prior(item, 0, 1.0).unwrap().0.source;
        assert!(source(1).starts_with("all 30 items here, for want of a name or category"), "{}", source(1));
        let geometric_mean = ((12.0 * 4.0_f64.ln() + 18.0 * 0.5_f64.ln()) / 30.0).exp();
        assert!((shop.rate(1, 0) - geometric_mean).abs() < 1e-9);
        assert!(shop.rate(0, 0) > 3.0, "{}", shop.rate(0, 0));
    }

    /// Two thousand items of which nothing is known: those that stand for all say what all would, up to chance.
    #[test]
    fn of_very_many_that_weigh_the_same_some_stand_for_all() {
        let mut shop = Shop { items: vec![("", "", 0.0)], sold: vec![] };
        for idx in 0..2_000 {
            shop.items.push((format!("{}", idx * 7_919 % 2_000).leak(), "", 0.0));
            shop.sold.push((idx + 1, 0, 1.0 + (idx % 10) as f64));
        }
        // Nothing but the numbers in their names tells them apart, and the text of the new one has none.
        let similar = shop.similar();
        let neighbours = similar.neighbours(0, 0);
        assert_eq!((neighbours.used.len(), neighbours.n_alike), (N_TIES_MAX, 2_000));
        assert!((neighbours.used.iter().map(|one| one.weight).sum::<f64>() - 1.0).abs() < 1e-9);
        let source = similar.prior(0, 0, 1.0).unwrap().0.source;
        assert!(source.starts_with("all 2000 items here"), "{source}");
        let geometric_mean = ((1..=10).map(|rate| f64::from(rate).ln()).sum::<f64>() / 10.0).exp();
        assert!((shop.rate(0, 0) / geometric_mean).ln().abs() < 0.15, "{} {geometric_mean}", shop.rate(0, 0));
    }

    /// Those that weigh more stay, and the others together keep their weight.
    #[test]
    fn thinned_out_ties_keep_their_weight() {
        let one = |item: usize, weight: f64| Neighbour { item, profile: item, weight, cosine: 0.0, log_rate: 0.0 };
        let mut neighbours: Vec<Neighbour> = (0..5).map(|item| one(item, 2.0)).collect();
        neighbours.extend((5..1_005).map(|item| one(item, 0.5)));
        thin_out_ties(&mut neighbours);
        assert_eq!(neighbours.len(), 5 + N_TIES_MAX);
        assert!((neighbours.iter().map(|one| one.weight).sum::<f64>() - 510.0).abs() < 1e-9);
        let items: BTreeSet<usize> = neighbours.iter().map(|one| one.item).collect();
        assert_eq!(items.len(), neighbours.len());
        assert!(neighbours[..5].iter().all(|one| one.weight == 2.0));
    }

    #[test]
    fn a_price_tells_cheap_from_dear() {
        let mut shop = Shop { items: vec![("", "", 1.0), ("", "", 100.0)], sold: vec![] };
        for idx in 0..40 {
            let dear = idx % 2 == 1;
            shop.items.push(("", "", if dear { 90.0 } else { 1.1 }));
            shop.sold.push((idx + 2, 0, if dear { 0.2 } else { 8.0 }));
        }
        assert!(shop.rate(0, 0) > 7.0 && shop.rate(1, 0) < 0.3);
    }

    /// An item that is new at a small shop sells there what it sells at the large one, less what shops differ by.
    #[test]
    fn the_same_item_elsewhere_is_the_nearest_of_all() {
        let names = ["ham", "jam", "tea", "oil", "rice", "salt", "soap"];
        let mut shop = Shop { items: names.iter().map(|name| (*name, "", 0.0)).collect(), sold: vec![] };
        for item in 0..names.len() {
            let rate = 1.0 + item as f64;
            shop.sold.push((item, 0, 4.0 * rate));
            if item < names.len() - 1 {
                shop.sold.push((item, 1, rate));
            }
        }
        // Soap sells 28 at the large shop; the small one sells a quarter of everything.
        let rate = shop.rate(6, 1);
        assert!((5.0..8.0).contains(&rate), "{rate}");
        assert!(shop.similar().prior(6, 2, 1.0).is_none(), "nothing is known of a third shop");
    }

    #[test]
    fn a_few_items_are_no_kind_of_item() {
        let mut shop = Shop { items: vec![("new", "", 0.0)], sold: vec![] };
        for idx in 1..=5 {
            assert!(shop.similar().prior(0, 0, 1.0).is_none(), "{idx}");
            shop.items.push(("old", "", 0.0));
            shop.sold.push((idx, 0, 2.0));
        }
        assert!(shop.similar().prior(0, 0, 1.0).is_some());
    }

    #[test]
    fn categories_are_apart_by_levels() {
        for (a, b, apart) in [
            ("food/dairy", "food/dairy", 0),
            ("food/dairy", "food/bread", 1),
            ("food/dairy/milk", "food", 2),
            ("food", "toys", 1),
            ("", "food/dairy", 2),
            ("", "", 0),
        ] {
            assert_eq!((levels_apart(a, b), levels_apart(b, a)), (apart, apart), "{a} {b}");
        }
    }

    proptest::proptest! {
        /// Whatever sells, a prior is finite and its spread is above none.
        #[test]
        fn priors_are_finite(rates in proptest::collection::vec((0.001_f64..1e4, 0_usize..3), 5..30)) {
            let mut shop = Shop { items: vec![("new thing", "a", 2.0)], sold: vec![] };
            for (idx, (rate, location)) in rates.iter().enumerate() {
                shop.items.push((["thing", "stuff", ""][idx % 3], ["a", "b/c"][idx % 2], (idx % 4) as f64));
                shop.sold.push((idx + 1, *location, *rate));
            }
            let similar = shop.similar();
            for location in 0..4 {
                if let Some((prior, siblings)) = similar.prior(0, location, 1.0) {
                    proptest::prop_assert!(prior.log_rate.is_finite() && prior.log_rate_sd > 0.0 && prior.size > 0.0);
                    proptest::prop_assert!(siblings.iter().all(|sales| sales.is_nan() || *sales >= 0.0));
                }
            }
        }
    }
}
