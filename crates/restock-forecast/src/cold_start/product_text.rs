//! What the text of a product says about its likeness to others, without a model, a dictionary or a network.
//!
//! A text becomes weights of its words and of the runs of three and four characters inside them: hashed TF-IDF
//! (Salton & Buckley, 1988, for the weights; Weinberger et al., 2009, for hashing instead of a dictionary). Runs of
//! characters find `Vollmilch` in `Milch` and survive endings, plurals and typing errors. Scripts without spaces, such as
//! Chinese, count single characters and pairs of them as words.
//!
//! Vectors have length 1, so their product is the cosine of the angle between two texts. They depend on the texts alone
//! and neither on their order nor on the machine.

use std::collections::BTreeMap;

/// Weight of a run of characters beside that of a word.
const RUN_WEIGHT: f64 = 0.5;

/// Lengths of the runs of characters.
const RUN_LENGTHS: [usize; 2] = [3, 4];

/// Longer words are cut: a text is data of others, and may hold anything.
const WORD_LENGTH_MAX: usize = 40;

/// Words of a text that count.
const N_WORDS_MAX: usize = 200;

/// The parts of a product's text that say what it is, in one line: `name | brand | category | attributes | unit`. Empty
/// parts are left out.
///
/// ```
/// use restock_forecast::cold_start::product_text;
/// assert_eq!(product_text(&["Milk 3.5 %", "", "food/dairy", "1 l"]), "Milk 3.5 % | food/dairy | 1 l");
/// ```
pub fn product_text(parts: &[&str]) -> String {
    let parts: Vec<&str> = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()).collect();
    parts.join(" | ")
}

/// Vectors of texts, ready for products: the texts of every feature.
#[derive(Clone, Debug, Default)]
pub struct HashedTexts {
    /// `[n_texts]`: features and weights, by feature; the squares of the weights sum to 1, or there are none.
    texts: Vec<Vec<(u64, f32)>>,
    /// Texts that hold a feature, by feature: text and weight.
    holders: BTreeMap<u64, Vec<(u32, f32)>>,
}

impl HashedTexts {
    /// Vectors of these texts.
    pub fn new<T: AsRef<str>>(texts: &[T]) -> Self {
        let counts: Vec<BTreeMap<u64, f64>> = texts.iter().map(|text| features(text.as_ref())).collect();
        let mut n_texts_with: BTreeMap<u64, u32> = BTreeMap::new();
        for feature in counts.iter().flat_map(BTreeMap::keys) {
            *n_texts_with.entry(*feature).or_default() += 1;
        }
        let n_texts = texts.len() as f64;
        let texts: Vec<Vec<(u64, f32)>> = counts
            .iter()
            .map(|counts| {
                let weights: Vec<(u64, f64)> = counts
                    .iter()
                    .map(|(feature, weight)| {
                        // Rare features say more; what every text holds still counts a little.
                        let rarity = ((1.0 + n_texts) / (1.0 + f64::from(n_texts_with[feature]))).ln() + 1e-3;
                        (*feature, weight * rarity)
                    })
                    .collect();
                let length = weights.iter().map(|(_, weight)| weight * weight).sum::<f64>().sqrt();
                weights.into_iter().map(|(feature, weight)| (feature, (weight / length) as f32)).collect()
            })
            .collect();
        let mut holders: BTreeMap<u64, Vec<(u32, f32)>> = BTreeMap::new();
        for (idx, text) in texts.iter().enumerate() {
            for (feature, weight) in text {
                holders.entry(*feature).or_default().push((idx as u32, *weight));
            }
        }
        Self { texts, holders }
    }

    /// The number of texts.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there are no texts.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// `[n_texts]`: cosine of one text with every text, 0 to 1; 0 with and of texts that say nothing.
    pub fn cosines(&self, idx: usize) -> Vec<f32> {
        let mut cosines = vec![0.0; self.len()];
        for (feature, weight) in &self.texts[idx] {
            for (other, other_weight) in &self.holders[feature] {
                cosines[*other as usize] += weight * other_weight;
            }
        }
        cosines
    }
}

/// Weights of the features of a text: the damped count `1 + ln n` of each word, and of each run of characters.
fn features(text: &str) -> BTreeMap<u64, f64> {
    let mut counts: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
    let mut count = |kind: u8, characters: &[char], weight: f64| {
        counts.entry(hash(kind, characters)).or_insert((0.0, weight)).0 += 1.0;
    };
    for word in words(text) {
        count(b'w', &word, 1.0);
        if is_ideograph(word[0]) {
            continue;
        }
        let bounded: Vec<char> = std::iter::once('_').chain(word).chain(std::iter::once('_')).collect();
        for length in RUN_LENGTHS {
            for run in bounded.windows(length) {
                count(b'r', run, RUN_WEIGHT);
            }
        }
    }
    counts.into_iter().map(|(feature, (n, weight))| (feature, weight * (1.0 + n.ln()))).collect()
}

/// Lower-case words of letters and digits; ideographs come one by one and two by two.
fn words(text: &str) -> Vec<Vec<char>> {
    let mut words: Vec<Vec<char>> = Vec::new();
    let mut word: Vec<char> = Vec::new();
    let mut last_ideograph: Option<char> = None;
    let finish = |word: &mut Vec<char>, words: &mut Vec<Vec<char>>| {
        if !word.is_empty() {
            words.push(std::mem::take(word));
        }
    };
    for character in text.chars().map(half_width).flat_map(char::to_lowercase) {
        if words.len() >= N_WORDS_MAX {
            break;
        }
        if is_ideograph(character) {
            finish(&mut word, &mut words);
            words.push(vec![character]);
            if let Some(last) = last_ideograph {
                words.push(vec![last, character]);
            }
            last_ideograph = Some(character);
            continue;
        }
        last_ideograph = None;
        if character.is_alphanumeric() {
            if word.len() < WORD_LENGTH_MAX {
                word.push(character);
            }
        } else {
            finish(&mut word, &mut words);
        }
    }
    finish(&mut word, &mut words);
    words
}

/// Characters of scripts that put no spaces between words: Han, kana, Hangul.
fn is_ideograph(character: char) -> bool {
    matches!(u32::from(character), 0x3040..=0x30ff | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xac00..=0xd7af
        | 0xf900..=0xfaff | 0x20000..=0x323af)
}

/// Letters and digits of full width, as Chinese keyboards write them, are those of usual width.
fn half_width(character: char) -> char {
    match u32::from(character) {
        code @ 0xff01..=0xff5e => char::from_u32(code - 0xfee0).unwrap_or(character),
        _ => character,
    }
}

/// FNV-1a over a kind and characters (Fowler, Noll & Vo): 64 bits, so that features hardly ever meet.
fn hash(kind: u8, characters: &[char]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    add(kind);
    for character in characters {
        u32::from(*character).to_le_bytes().into_iter().for_each(&mut add);
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text most like the first one, other than itself.
    fn nearest(texts: &[&str]) -> usize {
        let cosines = HashedTexts::new(texts).cosines(0);
        assert!((cosines[0] - 1.0).abs() < 1e-6, "a text is like itself: {cosines:?}");
        (1..texts.len()).max_by(|a, b| cosines[*a].total_cmp(&cosines[*b])).expect("other texts")
    }

    #[test]
    fn like_products_are_near_in_three_languages() {
        assert_eq!(nearest(&["Organic whole milk 1 l", "Dish soap lemon 1 l", "Whole milk 500 ml", "Notebook A4"]), 2);
        assert_eq!(nearest(&["Bio-Vollmilch 1 L", "Spülmittel Zitrone 1 L", "Schulheft A4", "Frische Milch 0,5 L"]), 3);
        assert_eq!(nearest(&["有机纯牛奶 1升", "洗洁精 柠檬 1升", "纯牛奶 250毫升", "笔记本 A4"]), 2);
        assert_eq!(nearest(&["ＭＩＬＫ １２", "soap 34", "milk 12"]), 2, "full-width letters");
    }

    #[test]
    fn inflections_and_typing_errors_stay_near() {
        let texts = ["christmas decorations glittered", "decoration glitter chrismas", "metal garden spade"];
        assert_eq!(nearest(&texts), 1);
        let cosines = HashedTexts::new(&texts).cosines(0);
        assert!(cosines[1] > 0.15 && cosines[2] < 0.05, "{cosines:?}");
    }

    #[test]
    fn what_all_texts_say_hardly_counts() {
        let texts = ["set of 6 candles", "set of 6 spoons", "candles", "set of 6 plates", "set of 6 bowls"];
        assert_eq!(nearest(&texts), 2);
    }

    #[test]
    fn texts_without_words_are_like_nothing() {
        let texts = HashedTexts::new(&["", " | - ", "milk"]);
        assert_eq!(texts.cosines(0), [0.0; 3]);
        assert_eq!(texts.cosines(1), [0.0; 3]);
        assert_eq!(HashedTexts::new(&[] as &[&str]).len(), 0);
        assert_eq!(HashedTexts::new(&["milk", "soap"]).cosines(0)[1], 0.0, "unknown words share nothing");
    }

    #[test]
    fn vectors_do_not_depend_on_the_order_of_texts() {
        let texts = ["red mug", "blue mug", "red lamp", "蓝色 杯子"];
        let forward = HashedTexts::new(&texts);
        let backward = HashedTexts::new(&texts.iter().rev().collect::<Vec<_>>());
        for a in 0..texts.len() {
            for b in 0..texts.len() {
                assert_eq!(forward.cosines(a)[b], backward.cosines(3 - a)[3 - b]);
            }
        }
    }
}
