//! Entries are the same as those of whole messages, however large the input and wherever reading begins again.

use std::io::BufReader;

use proptest::prelude::*;
use restock_intake::Entries;
use restock_ledger::{Incoming, wire};

use crate::fixtures::sale;

fn all(mut entries: Entries<'_>) -> Vec<Incoming> {
    std::iter::from_fn(|| entries.next().unwrap()).collect()
}

/// Reads a few bytes at a time, so that every entry is cut somewhere.
fn read(text: &[u8]) -> Vec<Incoming> {
    all(Entries::new(BufReader::with_capacity(3, text)).unwrap())
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9]{1,3}".prop_map(sale),
        Just("17".to_owned()),
        Just(r#""a, ] } \" \\""#.to_owned()),
        Just(r#"{"a": [1, {"b": "]"}], "c": "\\"}"#.to_owned()),
        Just("[]".to_owned()),
        Just("null".to_owned()),
    ]
}

proptest! {
    #[test]
    fn lists_are_read_as_whole_messages_are(values in prop::collection::vec(value(), 0..8), blank in "[ \n\t]{0,3}") {
        let text = format!("{blank}[{blank}{}{blank}]{blank}", values.join(&format!("{blank},{blank}")));
        prop_assert_eq!(read(text.as_bytes()), wire::read_json(text.as_bytes()));
    }

    #[test]
    fn lines_are_read_as_whole_messages_are(lines in prop::collection::vec("[a-z{}\",\r ]{0,9}", 0..8)) {
        let text = lines.join("\n");
        prop_assume!(!text.trim_start().starts_with('['));
        prop_assert_eq!(read(text.as_bytes()), wire::read_ndjson(text.as_bytes(), 1));
    }

    #[test]
    fn reading_goes_on_where_it_ended(values in prop::collection::vec(value(), 1..8), n_before in 0_usize..8, is_list: bool) {
        let text = match is_list {
            true => format!("[ {} ]\n", values.join(" ,\n")),
            false => format!("{{}}\n{}\n", values.join("\n\n")),
        };
        let whole = read(text.as_bytes());
        let mut first = Entries::new(text.as_bytes()).unwrap();
        let mut parts: Vec<Incoming> = std::iter::from_fn(|| first.next().unwrap()).take(n_before).collect();
        let mut second = Entries::new(text.as_bytes()).unwrap();
        second.skip_to(first.n_bytes()).unwrap();
        parts.extend(all(second));
        prop_assert_eq!(parts, whole);
    }

    #[test]
    fn every_byte_is_counted(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut entries = Entries::new(&bytes[..]).unwrap();
        while entries.next().unwrap().is_some() {}
        prop_assert_eq!(entries.n_bytes(), bytes.len() as u64);
    }
}

#[test]
fn a_list_that_breaks_off_says_so() {
    let shown = |text: &str| {
        let show = |entry: &Incoming| match &entry.event {
            Ok(event) => format!("{}: {}", entry.position, event.event_id),
            Err(refusal) => format!("{}: {refusal}", entry.position),
        };
        read(text.as_bytes()).iter().map(show).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(shown(&format!("[{},{}", sale("a"), sale("b"))), @r#"
    index 0: a
    index 1: b
    index 2: got the end of the text, expected more entries, or the ] of a JSON list; send the whole list again; entries that came whole are known then
    "#);
    insta::assert_snapshot!(shown(&format!("[{},{{\"event_id\":", sale("a"))), @r#"
    index 0: a
    index 1: got "{\"event_id\":", expected a JSON object; correct the JSON: EOF while parsing a value at line 1 column 12
    "#);
    insta::assert_snapshot!(shown(&format!("[{},", sale("a"))), @r#"
    index 0: a
    index 1: got the end of the text, expected more entries, or the ] of a JSON list; send the whole list again; entries that came whole are known then
    "#);
    insta::assert_snapshot!(shown(&format!("[{},]", sale("a"))), @r#"
    index 0: a
    index 1: got "", expected a JSON object; correct the JSON: EOF while parsing a value at line 1 column 0
    "#);
    insta::assert_snapshot!(shown(&format!("[{}] and more", sale("a"))), @r#"
    index 0: a
    index 1: got "and more", expected a JSON object; correct the JSON: expected value at line 1 column 1
    "#);
    insta::assert_snapshot!(shown("["), @r#"index 0: got the end of the text, expected more entries, or the ] of a JSON list; send the whole list again; entries that came whole are known then"#);
    assert_eq!(shown("[ ]"), "");
}

#[test]
fn an_entry_that_is_too_long_is_passed_over() {
    let long = "x".repeat(5_000_000);
    for text in [format!("{{{long}}}\n{}\n", sale("a")), format!("[{{{long}}},{}]", sale("a"))] {
        let entries = read(text.as_bytes());
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0].raw.len(), wire::MAX_EVENT_BYTES + 1);
        insta::allow_duplicates! {
            insta::assert_snapshot!(entries[0].event.as_ref().unwrap_err(), @"got 5000002 bytes, of which the first 65537 are kept here, expected an event of at most 65536 bytes; send fewer or shorter attributes");
        }
        assert!(entries[1].event.is_ok());
    }
}
