//! The filter language of segments and of lines of the desk.
#![no_main]

use libfuzzer_sys::fuzz_target;
use restock_core::filter::Filter;

/// Values that fields may have: none, empty, texts and numbers of many kinds.
const VALUES: [Option<&str>; 8] =
    [None, Some(""), Some("A"), Some("store"), Some("10"), Some(" -0.5 "), Some("NaN"), Some("1e400")];

fn is_same(one: &Filter, other: &Filter, when: bool) -> bool {
    (0..VALUES.len()).all(|shift| {
        // Each field has a value of its own, the same one every time.
        let field = |name: &str| VALUES[(name.len() + shift) % VALUES.len()].map(str::to_owned);
        (one.matches(&field) == other.matches(&field)) == when
    })
}

fuzz_target!(|text: &str| {
    for known in [&[][..], &["value", "item.id", "source.id", "location.id"]] {
        match Filter::parse_of_lines(text, known) {
            Ok(filter) => {
                let again = |text: String| Filter::parse_of_lines(&text, known);
                assert!(is_same(&filter, &again(text.to_owned()).expect("it was read once"), true));
                // A filter that is as deep as filters may be has no room for more.
                if let Ok(inner) = again(format!("({text})")) {
                    assert!(is_same(&filter, &inner, true), "brackets change nothing");
                }
                if let Ok(negated) = again(format!("not ({text})")) {
                    assert!(is_same(&filter, &negated, false), "not turns it round");
                }
                if let Ok(twice) = again(format!("({text}) and ({text}) or ({text})")) {
                    assert!(is_same(&filter, &twice, true), "saying it again changes nothing");
                }
            }
            Err(error) => {
                assert!((1..=text.chars().count() + 1).contains(&error.at), "{error}");
                assert!(!error.expected.is_empty());
            }
        }
    }
});
