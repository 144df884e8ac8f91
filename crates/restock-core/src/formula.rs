//! Texts that a spreadsheet would run as formulas.
//!
//! A spreadsheet that opens a CSV file takes a cell that begins with `=`, `+`, `-`, `@`, a tab or a carriage return for a
//! formula, whoever wrote it (OWASP, "CSV injection"). Such a text is written with an apostrophe before it, the mark by
//! which spreadsheets keep text as text, and read without it, so that ids survive the round trip.

use std::borrow::Cow;

/// Whether a spreadsheet would take the text for a formula; numbers are numbers, whatever their sign.
fn is_formula(text: &[u8]) -> bool {
    let is_number = |text: &[u8]| {
        let digits = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
        digits.iter().any(u8::is_ascii_digit) && digits.iter().all(|byte| byte.is_ascii_digit() || b".,".contains(byte))
    };
    matches!(text.first(), Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r')) && !is_number(text)
}

/// The text without the apostrophes it begins with.
fn bare(text: &[u8]) -> &[u8] {
    let n_marks = text.iter().take_while(|byte| **byte == b'\'').count();
    &text[n_marks..]
}

/// The text as a cell that no spreadsheet runs: `=1+1` as `'=1+1`. A text that looks guarded already gets one more
/// apostrophe, so that reading gives it back.
///
/// ```
/// # use restock_core::formula::guard_formula;
/// assert_eq!(guard_formula("=1+1"), "'=1+1");
/// assert_eq!(guard_formula("-2.5"), "-2.5");
/// assert_eq!(guard_formula("MILK-1L"), "MILK-1L");
/// ```
pub fn guard_formula(text: &str) -> Cow<'_, str> {
    if is_formula(bare(text.as_bytes())) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// The text that [`guard_formula`] made a cell from.
pub fn unguarded(cell: &[u8]) -> &[u8] {
    match cell {
        [b'\'', rest @ ..] if is_formula(bare(rest)) => rest,
        _ => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn formulas_are_guarded_and_numbers_are_not() {
        for (text, cell) in [
            ("=HYPERLINK(\"x\")", "'=HYPERLINK(\"x\")"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("+A1", "'+A1"),
            ("-A1", "'-A1"),
            ("\tA1", "'\tA1"),
            ("'=A1", "''=A1"),
            ("-5", "-5"),
            ("+1,234.5", "+1,234.5"),
            ("'tis", "'tis"),
            ("", ""),
        ] {
            assert_eq!(guard_formula(text), cell);
        }
    }

    proptest! {
        #[test]
        fn every_text_comes_back(text in "['=+@a1-]{0,6}") {
            let cell = guard_formula(&text);
            prop_assert!(!is_formula(cell.as_bytes()));
            prop_assert_eq!(unguarded(cell.as_bytes()), text.as_bytes());
        }
    }
}
