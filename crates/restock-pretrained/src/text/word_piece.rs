//! From text to numbers of word pieces, as models of the BERT family read it (Devlin et al., 2019; Wu et al., 2016).
//!
//! Text is cleaned, lower-cased and stripped of accents, split at spaces and punctuation, with every Chinese character a
//! word of its own; each word is cut greedily into the longest pieces of the vocabulary.
//!
//! # Differences from the Python package
//! Punctuation is told by blocks of characters and not by the Unicode category of each: rare signs outside the blocks of
//! European and Chinese punctuation stay in their word, and mostly become unknown either way.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::chronos::checkpoint::{read_json, refuse};
use crate::weights::{WeightsError, file_error};

/// Longer words are unknown.
const WORD_LENGTH_MAX: usize = 100;

/// A vocabulary of word pieces.
#[derive(Clone, Debug)]
pub(super) struct WordPieces {
    numbers: HashMap<String, u32>,
    /// Whether letters are small and bare.
    is_lower_case: bool,
    unknown: u32,
    first: u32,
    last: u32,
}

/// The parts of `tokenizer.json` that matter.
#[derive(Deserialize)]
struct TokenizerFile {
    model: TokenizerModel,
    normalizer: Option<Normalizer>,
}

#[derive(Deserialize)]
struct TokenizerModel {
    #[serde(rename = "type", default)]
    kind: String,
    vocab: HashMap<String, u32>,
}

#[derive(Deserialize)]
struct Normalizer {
    lowercase: Option<bool>,
}

#[derive(Deserialize)]
struct TokenizerConfig {
    do_lower_case: Option<bool>,
}

impl WordPieces {
    /// Reads `vocab.txt`, or `tokenizer.json` where there is none.
    pub(super) fn read(folder: &Path) -> Result<Self, WeightsError> {
        let path = folder.join("vocab.txt");
        if path.exists() {
            let text = std::fs::read_to_string(&path).map_err(|error| file_error(&path, "cannot be read", &error))?;
            let numbers = text.lines().zip(0..).map(|(piece, number)| (piece.trim_end().to_owned(), number)).collect();
            let config = folder.join("tokenizer_config.json").exists();
            let config: Option<TokenizerConfig> =
                config.then(|| read_json(folder, "tokenizer_config.json")).transpose()?;
            let is_lower_case = config.and_then(|config| config.do_lower_case).unwrap_or(true);
            return Self::new(numbers, is_lower_case, folder, "vocab.txt");
        }
        let file: TokenizerFile = read_json(folder, "tokenizer.json")?;
        if !matches!(file.model.kind.as_str(), "" | "WordPiece") {
            let reason = format!("has a vocabulary of type {:?}, only WordPiece is supported", file.model.kind);
            return refuse(folder, "tokenizer.json", reason);
        }
        let is_lower_case = file.normalizer.and_then(|normalizer| normalizer.lowercase).unwrap_or(true);
        Self::new(file.model.vocab, is_lower_case, folder, "tokenizer.json")
    }

    fn new(
        numbers: HashMap<String, u32>,
        is_lower_case: bool,
        folder: &Path,
        file: &str,
    ) -> Result<Self, WeightsError> {
        let [unknown, first, last] = ["[UNK]", "[CLS]", "[SEP]"].map(|piece| numbers.get(piece).copied());
        match (unknown, first, last) {
            (Some(unknown), Some(first), Some(last)) => Ok(Self { numbers, is_lower_case, unknown, first, last }),
            _ => refuse(folder, file, "lacks one of the pieces [UNK], [CLS] and [SEP]"),
        }
    }

    /// One more than the largest number.
    pub(super) fn size(&self) -> usize {
        self.numbers.values().max().map_or(0, |largest| *largest as usize + 1)
    }

    /// Numbers of the pieces of a text, between the first and the last sign, at most `n_max` of them.
    pub(super) fn numbers(&self, text: &str, n_max: usize) -> Vec<u32> {
        let mut numbers = vec![self.first];
        for word in self.words(text) {
            // The text is data of others and may be long.
            if numbers.len() >= n_max {
                break;
            }
            self.push_pieces(&word, &mut numbers);
        }
        numbers.truncate(n_max - 1);
        numbers.push(self.last);
        numbers
    }

    fn words(&self, text: &str) -> Vec<String> {
        let mut words: Vec<String> = Vec::new();
        let mut is_open = false;
        let mut push = |character: char, is_open: &mut bool, alone: bool| {
            if alone || !*is_open {
                words.push(String::new());
            }
            words.last_mut().expect("a word was begun").push(character);
            *is_open = !alone;
        };
        for character in text.chars() {
            if character.is_whitespace() {
                is_open = false;
            } else if is_control(character) {
            } else if !self.is_lower_case {
                push(character, &mut is_open, stands_alone(character));
            } else {
                for bare in character.to_lowercase().nfd().filter(|character| !is_combining_mark(*character)) {
                    push(bare, &mut is_open, stands_alone(bare));
                }
            }
        }
        words
    }

    /// Cuts a word into the longest pieces; the whole word is unknown where one part is.
    fn push_pieces(&self, word: &str, numbers: &mut Vec<u32>) {
        let n_before = numbers.len();
        let ends: Vec<usize> = word.char_indices().map(|(at, character)| at + character.len_utf8()).collect();
        if ends.len() > WORD_LENGTH_MAX {
            numbers.push(self.unknown);
            return;
        }
        let mut start = 0;
        while start < word.len() {
            let found = ends.iter().rev().take_while(|end| **end > start).find_map(|end| {
                let part = &word[start..*end];
                let number = if start == 0 { self.numbers.get(part) } else { self.numbers.get(&format!("##{part}")) };
                number.map(|number| (*number, *end))
            });
            match found {
                Some((number, end)) => {
                    numbers.push(number);
                    start = end;
                }
                None => {
                    numbers.truncate(n_before);
                    numbers.push(self.unknown);
                    return;
                }
            }
        }
    }
}

/// Signs that are no text: controls, marks of direction and width, what could not be decoded.
fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(u32::from(character), 0xad | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0xfeff | 0xfffd)
}

/// Punctuation and Chinese characters are words of their own.
fn stands_alone(character: char) -> bool {
    let is_punctuation = character.is_ascii_punctuation()
        || matches!(u32::from(character), 0xa1 | 0xa7 | 0xab | 0xb6 | 0xb7 | 0xbb | 0xbf | 0x2010..=0x2027
            | 0x2030..=0x205e | 0x3001..=0x3003 | 0x3008..=0x3011 | 0x3014..=0x301f | 0xff01..=0xff0f
            | 0xff1a..=0xff20 | 0xff3b..=0xff3d | 0xff3f | 0xff5b..=0xff65);
    let is_chinese = matches!(u32::from(character), 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xf900..=0xfaff
        | 0x20000..=0x2ceaf | 0x2f800..=0x2fa1f);
    is_punctuation || is_chinese
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(vocabulary: &[&str], is_lower_case: bool) -> WordPieces {
        let numbers = ["[UNK]", "[CLS]", "[SEP]"].iter().chain(vocabulary).zip(0..);
        let numbers = numbers.map(|(piece, number)| ((*piece).to_owned(), number)).collect();
        WordPieces::new(numbers, is_lower_case, Path::new("."), "vocab.txt").expect("a vocabulary")
    }

    #[test]
    fn words_are_cut_into_the_longest_pieces() {
        let pieces = pieces(&["milk", "mil", "##k", "##s", "##shake"], true);
        assert_eq!(pieces.numbers("Milks milkshake", 64), [1, 3, 6, 3, 7, 2]);
        assert_eq!(pieces.numbers("milkx", 64), [1, 0, 2], "one unknown part makes the word unknown");
        assert_eq!(pieces.numbers("milk milk milk", 4), [1, 3, 3, 2], "long texts are cut before the last sign");
    }

    #[test]
    fn case_and_accents_stay_where_the_vocabulary_has_them() {
        assert_eq!(pieces(&["kase"], true).numbers("KÄSE", 64), [1, 3, 2]);
        assert_eq!(pieces(&["kase", "Käse"], false).numbers("Käse", 64), [1, 4, 2]);
    }

    #[test]
    fn a_vocabulary_without_its_signs_is_refused() {
        let error = WordPieces::new(HashMap::new(), true, Path::new("model"), "vocab.txt").unwrap_err();
        assert!(error.to_string().contains("lacks one of the pieces"), "{error}");
    }
}
