//! Days of the week as people write them.

use restock_core::WeekdaySet;

/// Names, numbers and spans of weekdays; every word must be one, because `monthly` is not Monday.
pub(crate) fn parse_weekdays(text: &str) -> Option<WeekdaySet> {
    const NAMES: [[&str; 3]; 7] = [
        ["monday", "mon", "mo"],
        ["tuesday", "tue", "tu"],
        ["wednesday", "wed", "we"],
        ["thursday", "thu", "th"],
        ["friday", "fri", "fr"],
        ["saturday", "sat", "sa"],
        ["sunday", "sun", "su"],
    ];
    let translated = translate_weekdays(text).to_lowercase();
    match translated.trim() {
        "daily" | "all" | "every day" | "everyday" => return Some(WeekdaySet::ALL),
        "never" => return Some(WeekdaySet::NONE),
        _ => {}
    }
    let day = |word: &str| {
        let word = word.trim_end_matches('.');
        let number = word.parse::<usize>().ok().filter(|number| (1..=7).contains(number)).map(|number| number - 1);
        let name = |names: &[&str; 3]| names.contains(&word) || (word.len() >= 4 && names[0].starts_with(word));
        number.or_else(|| NAMES.iter().position(name)).or(match word {
            "mondays" => Some(0),
            "tuesdays" => Some(1),
            "wednesdays" => Some(2),
            "thursdays" => Some(3),
            "fridays" => Some(4),
            "saturdays" => Some(5),
            "sundays" => Some(6),
            _ => None,
        })
    };
    let mut set = WeekdaySet::NONE;
    let spans = translated.replace(['–', '—', '~', '至'], "-").replace(" - ", "-");
    for word in spans.split([' ', ',', ';', '|', '/', '+', '&']).filter(|word| !word.is_empty()) {
        match word.split_once('-') {
            None => set = set.with(day(word)?),
            Some((first, last)) => {
                let (mut idx, last) = (day(first)?, day(last)?);
                set = set.with(idx);
                while idx != last {
                    idx = (idx + 1) % 7;
                    set = set.with(idx);
                }
            }
        }
    }
    (!set.is_empty()).then_some(set)
}

/// Chinese weekday names as English ones.
fn translate_weekdays(text: &str) -> String {
    const NAMES: [(&str, &str); 8] = [
        ("一", "mon"),
        ("二", "tue"),
        ("三", "wed"),
        ("四", "thu"),
        ("五", "fri"),
        ("六", "sat"),
        ("日", "sun"),
        ("天", "sun"),
    ];
    if text.is_ascii() {
        return text.to_owned();
    }
    if text.contains("每天") || text.contains("每日") {
        return "daily".to_owned();
    }
    let mut words = Vec::new();
    for character in text.chars() {
        let character = character.to_string();
        match NAMES.iter().find(|(name, _)| *name == character) {
            Some((_, english)) => words.push(*english),
            None if matches!(character.as_str(), "至" | "-" | "~" | "–") => words.push("-"),
            None if matches!(character.as_str(), "周" | "星" | "期" | "、" | "，" | "," | " " | ";" | "；") => {}
            None => words.push("?"),
        }
    }
    words.join(" ")
}
