//! A million numeric cells in every notation: each is read to exactly the value written, refused with its column, or in
//! quarantine, never read as another magnitude without a word.
//!
//! The oracle never parses. It starts from digits and a scale, writes them in a notation, and knows what came out; where
//! a mutation may have made a text mean something else, it only accepts the value that the whole text spells.

#![expect(clippy::print_stdout, reason = "the figures of a run are worth reading")]

use std::collections::HashMap;
use std::time::Instant;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use restock_core::Quantity;
use restock_store::{ImportError, ImportOptions};

use crate::Folder;

/// How one program writes numbers.
#[derive(Clone, Copy, Debug)]
struct Locale {
    decimal: char,
    /// Between groups of three; `None` writes no groups.
    group: Option<char>,
    indian: bool,
}

const POINT: [Locale; 6] = [
    Locale { decimal: '.', group: None, indian: false },
    Locale { decimal: '.', group: Some(','), indian: false },
    Locale { decimal: '.', group: Some(' '), indian: false },
    Locale { decimal: '.', group: Some('\''), indian: false },
    Locale { decimal: '.', group: Some('\u{202f}'), indian: false },
    Locale { decimal: '.', group: Some(','), indian: true },
];
const COMMA: [Locale; 5] = [
    Locale { decimal: ',', group: None, indian: false },
    Locale { decimal: ',', group: Some('.'), indian: false },
    Locale { decimal: ',', group: Some(' '), indian: false },
    Locale { decimal: ',', group: Some('’'), indian: false },
    Locale { decimal: ',', group: Some('\u{a0}'), indian: false },
];

/// What must become of a cell.
#[derive(Clone, Debug)]
enum Truth {
    /// This many millionths, or refused.
    Exactly(i64),
    /// No value can be meant; it must be refused.
    Refused,
    /// The text was damaged at random: refused, or the value that its characters spell in the column's notation.
    Damaged,
}

/// `digits * 10^-scale` in a locale.
fn write(digits: i64, scale: u32, locale: Locale) -> String {
    let power = 10_i64.pow(scale);
    let (whole, part) = (digits.abs() / power, digits.abs() % power);
    let mut text = String::new();
    let plain = whole.to_string();
    for (idx, digit) in plain.chars().enumerate() {
        let left = plain.len() - idx;
        let at_group = if locale.indian { left == 3 || (left > 3 && left % 2 == 1) } else { left % 3 == 0 };
        if idx > 0
            && at_group
            && let Some(group) = locale.group
        {
            text.push(group);
        }
        text.push(digit);
    }
    if scale > 0 {
        text.push(locale.decimal);
        text.push_str(&format!("{part:0width$}", width = scale as usize));
    }
    text
}

/// One cell and its truth.
fn cell(rng: &mut ChaCha8Rng, locale: Locale) -> (String, Truth) {
    let scale = [0, 0, 1, 2, 3, 4, 6][rng.random_range(0..7)];
    let size = 10_i64.pow(rng.random_range(1..=9));
    let digits = rng.random_range(0..size);
    let micro = digits * 10_i64.pow(6 - scale);
    let text = write(digits, scale, locale);
    let minus = Truth::Exactly(-micro);
    match rng.random_range(0..24) {
        0 => (format!("-{text}"), minus),
        1 => (format!("{text}-"), minus),
        2 => (format!("({text})"), minus),
        3 => (format!("−{text}"), minus),
        4 => (format!("+{text}"), Truth::Exactly(micro)),
        5 => (format!(" {text}\u{a0}"), Truth::Exactly(micro)),
        6 => {
            let wide = text.chars().map(|c| match c {
                '0'..='9' => char::from_u32('０' as u32 + c as u32 - '0' as u32).unwrap(),
                ',' => '，',
                '.' => '．',
                other => other,
            });
            (wide.collect(), Truth::Exactly(micro))
        }
        // A power of ten, exact.
        7 => {
            let exponent = rng.random_range(-3..=3_i32);
            let plain = write(digits, scale, Locale { group: None, ..locale });
            let shifted = i128::from(micro) * 1000 * 10_i128.pow((exponent + 3) as u32);
            let truth = if shifted % 1_000_000 == 0 {
                i64::try_from(shifted / 1_000_000).map_or(Truth::Refused, Truth::Exactly)
            } else {
                // Beyond six decimals it is rounded, which a note says.
                Truth::Exactly(((shifted + 500_000).div_euclid(1_000_000)) as i64)
            };
            (format!("{plain}{}{exponent}", ['e', 'E'][rng.random_range(0..2)]), truth)
        }
        8 => (format!("{}{text}", ["$", "€", "¥", "EUR ", "￥"][rng.random_range(0..5)]), Truth::Refused),
        9 => (
            format!("{text}{}", [" kg", "pcs", " €", "%", " CHF", "个", "x", "\""][rng.random_range(0..8)]),
            Truth::Refused,
        ),
        10 => {
            (format!("{}{text}", ["--", "~", ">", "ca. ", "=", "'", "0x", "#"][rng.random_range(0..8)]), Truth::Refused)
        }
        11 => {
            let words = [
                "abc", "#REF!", "", "-", "N/A", "1..2", "1,,2", "1.2.3,4", "٣", "½", "1/2", "..", ",", "+", "()", "e5",
            ];
            (words[rng.random_range(0..words.len())].to_owned(), Truth::Refused)
        }
        12 | 13 => {
            let mut characters: Vec<char> = text.chars().collect();
            const SPICE: &[char] =
                &['.', ',', ' ', '\'', '-', '+', '(', ')', 'e', 'E', '%', '0', '9', '\u{a0}', '٣', 'x', '\t', '\0'];
            for _ in 0..rng.random_range(1..4) {
                let at = rng.random_range(0..=characters.len());
                match rng.random_range(0..3) {
                    0 if at < characters.len() => drop(characters.remove(at)),
                    1 if at < characters.len() => characters[at] = SPICE[rng.random_range(0..SPICE.len())],
                    _ => characters.insert(at, SPICE[rng.random_range(0..SPICE.len())]),
                }
            }
            (characters.into_iter().collect(), Truth::Damaged)
        }
        _ => (text, Truth::Exactly(micro)),
    }
}

/// All values that a damaged text can spell, digit for digit, with `decimal` as decimal mark: every separator that is
/// not the mark must divide groups of two or three, so leaving it out changes nothing.
fn spelled(text: &str, decimal: char) -> Option<i64> {
    let mut text: String = text
        .chars()
        .map(|c| match c {
            '\u{a0}' | '\u{202f}' | '\t' => ' ',
            '’' => '\'',
            other => other,
        })
        .collect();
    text = text.trim().to_owned();
    let mut negative = false;
    if let Some(inner) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        (negative, text) = (true, inner.trim().to_owned());
    } else if let Some(rest) = text.strip_prefix(['-', '+']) {
        (negative, text) = (text.starts_with('-'), rest.trim().to_owned());
    } else if let Some(rest) = text.strip_suffix('-') {
        (negative, text) = (true, rest.trim().to_owned());
    }
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa.to_owned(), exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, part) = mantissa.split_once(decimal).unwrap_or((&mantissa, ""));
    let mut parts = whole.split(['.', ',', ' ', '\'']);
    let first = parts.next()?;
    let groups: Vec<&str> = parts.collect();
    if !groups.is_empty() && (first.is_empty() || first.len() > 3) {
        return None;
    }
    if groups.iter().any(|group| !matches!(group.len(), 2 | 3)) || groups.last().is_some_and(|group| group.len() != 3) {
        return None;
    }
    let digits = format!("{first}{}{part}", groups.concat());
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let shift = 6 + exponent - part.len() as i32;
    let value: i128 = digits.parse().ok()?;
    if value == 0 {
        return Some(0);
    }
    let micro = if shift >= 0 {
        value.checked_mul(10_i128.checked_pow(shift as u32)?)?
    } else {
        // Beyond six decimals it is rounded; of 10^-38 nothing is left.
        10_i128.checked_pow(shift.unsigned_abs()).map_or(0, |power| (value + power / 2) / power)
    };
    i64::try_from(if negative { -micro } else { micro }).ok()
}

#[derive(Debug, Default)]
struct Outcomes {
    cells: usize,
    exact: usize,
    quarantined: usize,
    asked_cells: usize,
    asked_columns: usize,
    columns: usize,
}

/// Imports one column and holds every cell against its truth.
fn check_column(cells: &[(String, Truth)], decimal: Option<char>, true_decimal: Option<char>, outcomes: &mut Outcomes) {
    outcomes.columns += 1;
    outcomes.cells += cells.len();
    let mut text = Vec::new();
    {
        let mut writer = csv::Writer::from_writer(&mut text);
        writer.write_record(["date", "item_id", "quantity", "remark"]).unwrap();
        for (idx, (cell, _)) in cells.iter().enumerate() {
            writer.write_record(["2026-03-02", &format!("i{idx}"), cell, "x"]).unwrap();
        }
        writer.flush().unwrap();
    }
    let folder = Folder::new().with("sales.csv", text);
    let options = ImportOptions { max_row_errors: usize::MAX, decimal, ..ImportOptions::default() };
    let import = match folder.import_with(None, &options) {
        Ok(import) => import,
        Err(ImportError::AmbiguousNumbers(ambiguity)) => {
            assert!(decimal.is_none(), "a stated decimal mark leaves nothing open: {ambiguity}");
            assert_eq!(cells[ambiguity.row as usize - 2].0.trim(), ambiguity.value.trim(), "the row shown");
            outcomes.asked_columns += 1;
            outcomes.asked_cells += cells.len();
            return;
        }
        Err(ImportError::NoRowAccepted { n_row_errors, .. }) => {
            outcomes.quarantined += n_row_errors;
            assert_eq!(n_row_errors, cells.len());
            return;
        }
        Err(error) => panic!("{error}"),
    };
    crate::assert_nothing_is_lost(&import);
    let dataset = &import.dataset;
    let refused: HashMap<u64, &str> = import.row_errors.iter().map(|error| (error.row, error.value.as_str())).collect();
    let mut seen = vec![false; cells.len()];
    for row in 0..dataset.sales.len() {
        let idx = dataset.sales.row[row].row as usize - 2;
        let quantity: Quantity = dataset.sales.quantity[row];
        let (text, truth) = &cells[idx];
        seen[idx] = true;
        outcomes.exact += 1;
        match truth {
            Truth::Exactly(micro) => {
                assert_eq!(quantity.micro(), *micro, "{text:?} was read as {quantity} (decimal {true_decimal:?})")
            }
            Truth::Refused => panic!("{text:?} was read as {quantity}"),
            Truth::Damaged => {
                let marks = decimal.or(true_decimal).map_or(vec!['.', ','], |mark| vec![mark]);
                let can_be = marks.iter().any(|&mark| spelled(text, mark) == Some(quantity.micro()));
                assert!(can_be, "{text:?} was read as {quantity} (decimal {true_decimal:?})");
            }
        }
    }
    for (idx, seen) in seen.iter().enumerate() {
        if !seen {
            assert!(refused.contains_key(&(idx as u64 + 2)), "row {} is nowhere: {:?}", idx + 2, cells[idx]);
            outcomes.quarantined += 1;
        }
    }
}

#[test]
fn a_million_cells_are_read_exactly_or_not_at_all() {
    const CELLS: usize = 1_000_000;
    let began = Instant::now();
    let mut outcomes = Outcomes::default();
    let mut rng = ChaCha8Rng::seed_from_u64(2026);
    while outcomes.cells < CELLS {
        let n = [1, 2, 3, 8, 60, 400, 3000][rng.random_range(0..7)];
        let points = rng.random_bool(0.5);
        let pick = |rng: &mut ChaCha8Rng| {
            if points { POINT[rng.random_range(0..POINT.len())] } else { COMMA[rng.random_range(0..COMMA.len())] }
        };
        let mark = if points { '.' } else { ',' };
        match rng.random_range(0..4) {
            // One program wrote the column, in one way.
            0 | 1 => {
                let locale = pick(&mut rng);
                let cells: Vec<_> = (0..n).map(|_| cell(&mut rng, locale)).collect();
                // Damaged cells may speak for the other mark; a column of them alone proves nothing.
                let cells = with_proof(cells, locale);
                check_column(&cells, None, Some(mark), &mut outcomes);
            }
            // The decimal mark is stated.
            2 => {
                let locale = pick(&mut rng);
                let cells: Vec<_> = (0..n).map(|_| cell(&mut rng, locale)).collect();
                check_column(&cells, Some(mark), Some(mark), &mut outcomes);
            }
            // Several hands wrote it, both marks occur beyond doubt: what has two meanings must be refused or asked for.
            _ => {
                let mut cells: Vec<_> = (0..n)
                    .map(|_| {
                        let any = if rng.random_bool(0.5) { &POINT[..] } else { &COMMA[..] };
                        let locale = any[rng.random_range(0..any.len())];
                        let (text, truth) = cell(&mut rng, locale);
                        // What a damaged cell means is up to the reader here; skip those.
                        if matches!(truth, Truth::Damaged) {
                            ("7".to_owned(), Truth::Exactly(7_000_000))
                        } else {
                            (text, truth)
                        }
                    })
                    .collect();
                cells.push(("0.25".to_owned(), Truth::Exactly(250_000)));
                cells.push(("0,25".to_owned(), Truth::Exactly(250_000)));
                check_column(&cells, None, None, &mut outcomes);
            }
        }
    }
    let Outcomes { cells, exact, quarantined, asked_cells, asked_columns, columns } = outcomes;
    assert_eq!(cells, exact + quarantined + asked_cells);
    println!(
        "{cells} cells in {columns} columns: {exact} read exactly, {quarantined} in quarantine, {asked_cells} in \
         {asked_columns} columns asked for; {:.1} s",
        began.elapsed().as_secs_f64()
    );
    assert!(exact * 2 > cells, "most of what people write is read");
}

/// Makes sure that undamaged cells prove the column's mark, where damaged ones might speak for another.
fn with_proof(mut cells: Vec<(String, Truth)>, locale: Locale) -> Vec<(String, Truth)> {
    if cells.iter().any(|(_, truth)| matches!(truth, Truth::Damaged)) {
        let proof = format!("0{}5", locale.decimal);
        let n = 1 + cells.len() / 4;
        cells.extend((0..n).map(|_| (proof.clone(), Truth::Exactly(500_000))));
    }
    cells
}

#[test]
fn random_bytes_never_panic() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let (mut n_read, mut n_refused) = (0, 0);
    for round in 0..1500 {
        let mut bytes: Vec<u8> = if round % 3 == 0 { Vec::new() } else { b"date,item_id,quantity\n".to_vec() };
        let n = rng.random_range(0..600);
        match round % 5 {
            0 => bytes.extend((0..n).map(|_| rng.next_u32() as u8)),
            1 => bytes.extend((0..n).map(|_| b"\",;\n\r\t0123456789.-e/: "[rng.random_range(0..22)])),
            2 => {
                let text = "2026-03-02,苹果,\"1,5\"\n02/03/2026,b,1.5\n";
                bytes.extend(text.bytes().cycle().take(n));
                for _ in 0..n / 40 {
                    let at = rng.random_range(0..bytes.len());
                    bytes[at] = rng.next_u32() as u8;
                }
            }
            3 => bytes.extend([&b"PAR1"[..], b"PK\x03\x04", b"\xff\xfe", b"\xef\xbb\xbf", b"\xd0\xcf\x11\xe0"][n % 5]),
            _ => {
                let fields = ["2026-03-02", "a", "1", "\"", "1,000", "99999999999999999999", "#REF!", "=1+1", "", "\0"];
                for _ in 0..n / 8 {
                    bytes.extend_from_slice(fields[rng.random_range(0..fields.len())].as_bytes());
                    bytes.push(b",,\n"[rng.random_range(0..3)]);
                }
            }
        }
        let name = ["sales.csv", "inventory.csv", "calendars.csv", "weather.csv", "items.xlsx", "x.parquet"][round % 6];
        match Folder::new().with(name, bytes).import() {
            Ok(import) => {
                crate::assert_nothing_is_lost(&import);
                n_read += 1;
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                n_refused += 1;
            }
        }
    }
    println!("{n_read} files read, {n_refused} refused");
}
