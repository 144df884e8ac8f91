//! Messages damaged at random: nothing panics, nothing is lost, and what is read is what the text spells.

#![expect(clippy::print_stdout, reason = "the figures of a run are worth reading")]

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use restock_core::{EventKind, Quantity};
use restock_ledger::wire;

use crate::generator::{self, Chain};

const CHAIN: Chain = Chain { n_items: 50, n_locations: 5 };

#[test]
fn every_event_reads_back_from_its_text() {
    let mut n_kinds = std::collections::BTreeSet::new();
    for number in 0..20_000 {
        let event = generator::event(CHAIN, "till \"7\"\\", 1, number);
        n_kinds.insert(event.kind.name());
        let text = wire::write(&event);
        assert!(!text.contains('\n'));
        assert_eq!(wire::read_event(text.as_bytes()).as_ref(), Ok(&event), "{text}");
        // Any JSON program can read it.
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["event_id"], event.event_id);
    }
    assert_eq!(n_kinds.len(), EventKind::NAMES.len());
}

/// Bytes are changed, left out, doubled and inserted. What is still read must be canonical: writing it and reading it
/// again gives the same.
#[test]
fn damaged_events_are_refused_or_read_exactly() {
    const SPICE: &[u8] = b"{}[]\":,.\\0123456789eE+-_tfn \t\r\n\x00\xff\xc3\xa9";
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let (mut n_read, mut n_refused) = (0, 0);
    for number in 0..200_000 {
        let mut text = wire::write(&generator::event(CHAIN, "till", 2, number % 5_000)).into_bytes();
        for _ in 0..rng.random_range(1..4) {
            if text.is_empty() {
                break;
            }
            let at = rng.random_range(0..text.len());
            match rng.random_range(0..5) {
                0 => drop(text.remove(at)),
                1 => text[at] = SPICE[rng.random_range(0..SPICE.len())],
                2 => text.insert(at, SPICE[rng.random_range(0..SPICE.len())]),
                3 => {
                    let end = rng.random_range(at..text.len());
                    let copy = text[at..end].to_vec();
                    text.splice(at..at, copy);
                }
                _ => text.truncate(at.max(1)),
            }
        }
        match wire::read_event(&text) {
            Ok(event) => {
                n_read += 1;
                assert_eq!(
                    wire::read_event(wire::write(&event).as_bytes()),
                    Ok(event),
                    "{:?}",
                    String::from_utf8_lossy(&text)
                );
            }
            Err(refusal) => {
                n_refused += 1;
                assert!(!refusal.expected.is_empty() && !refusal.fix.is_empty(), "{refusal}");
            }
        }
        // In a message with good neighbours, only the damaged part is refused, and no byte of it is lost.
        if number % 20 == 0 {
            let good = wire::write(&generator::event(CHAIN, "till", 3, number));
            let message = [good.as_bytes(), b"\n", &text, b"\n", good.as_bytes()].concat();
            let entries = wire::read_ndjson(&message, 1);
            assert!(entries.first().unwrap().event.is_ok() && entries.last().unwrap().event.is_ok());
            let kept: Vec<u8> = entries.iter().flat_map(|entry| entry.raw.clone()).collect();
            let is_break = |byte: &u8| *byte != b'\n' && *byte != b'\r';
            let blank = |bytes: &[u8]| bytes.iter().copied().filter(is_break).collect::<Vec<u8>>();
            assert!(
                blank(&message).len() - blank(&kept).len()
                    <= blank(&text).iter().filter(|byte| byte.is_ascii_whitespace()).count()
            );
            let list = [b"[", good.as_bytes(), b",", &text, b",", good.as_bytes(), b"]"].concat();
            wire::read_json(&list);
        }
    }
    println!("{n_read} read, {n_refused} refused");
    assert!(n_read > 10_000 && n_refused > 10_000, "{n_read} read, {n_refused} refused");
}

/// The oracle never parses: it writes digits with a scale and knows what they are worth.
#[test]
fn no_quantity_is_read_as_another_one() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    for _ in 0..200_000 {
        let scale = rng.random_range(0..=6_u32);
        let size = 10_i64.pow(rng.random_range(1..=12));
        let digits = rng.random_range(0..size);
        let power = 10_i64.pow(scale);
        let text = match scale {
            0 => digits.to_string(),
            _ => format!("{}.{:0width$}", digits / power, digits % power, width = scale as usize),
        };
        let micro = digits * 10_i64.pow(6 - scale);
        let exponent = rng.random_range(0..=scale);
        let json = match rng.random_range(0..4) {
            0 => text,
            1 => format!("\"{text}\""),
            // The same amount as digits and a power of ten.
            2 => format!("{digits}e-{scale}"),
            _ if digits == 0 => format!("0E-{scale}"),
            _ => format!("{digits}{}E-{}", "0".repeat(exponent as usize), scale + exponent),
        };
        let event = format!(
            r#"{{"event_id":"1","source":"s","type":"count","occurred_at":"2026-03-02T14:05:00Z","item_id":"i","location_id":"l","on_hand":{json}}}"#
        );
        let event = wire::read_event(event.as_bytes()).unwrap_or_else(|refusal| panic!("{json}: {refusal}"));
        let EventKind::Count { on_hand, .. } = event.kind else { panic!("{event:?}") };
        assert_eq!(on_hand, Quantity::from_micro(micro), "{json}");
    }
}
