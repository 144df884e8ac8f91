//! Numbers as people read them: grouped, rounded for show only, with their unit.

use restock_core::{Money, Quantity};

/// A plain decimal text with its whole part grouped by thousands.
fn grouped(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(w, f)| (w, Some(f)));
    let mut out = String::from(sign);
    for (idx, digit) in whole.chars().enumerate() {
        if idx > 0 && (whole.len() - idx).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// A quantity with at least `decimals` digits after the point, never fewer than it needs.
pub(crate) fn quantity(value: Quantity, decimals: u8) -> String {
    let mut decimal = value.to_decimal();
    decimal.rescale(u32::from(decimals.max(value.decimals())));
    grouped(&decimal.to_string())
}

/// A quantity with its sign always shown, for sums.
pub(crate) fn signed_quantity(value: Quantity, decimals: u8) -> String {
    match value.micro().signum() {
        1 => format!("+{}", quantity(value, decimals)),
        -1 => format!("−{}", quantity(-value, decimals)),
        _ => quantity(value, decimals),
    }
}

/// Digits after the point of amounts in a currency.
pub(crate) fn money_decimals(currency: &str) -> u32 {
    if matches!(currency, "JPY" | "KRW" | "VND" | "CLP" | "ISK") { 0 } else { 2 }
}

/// Money rounded to the currency's smallest unit, without the code.
pub(crate) fn money(value: Money, currency: &str) -> String {
    let decimals = money_decimals(currency);
    let mut rounded = value.round_dp(decimals);
    rounded.rescale(decimals);
    if rounded.is_zero() {
        rounded.set_sign_positive(true);
    }
    grouped(&rounded.to_string())
}

/// Money with the code after it.
pub(crate) fn money_with_code(value: Money, currency: &str) -> String {
    format!("{} {currency}", money(value, currency))
}

/// A floating-point amount rounded to `decimals`.
pub(crate) fn float(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return if value > 0.0 { "∞".to_owned() } else { "-".to_owned() };
    }
    let text = format!("{value:.decimals$}");
    let text = if text.trim_start_matches('-').trim_matches(['0', '.']).is_empty() {
        text.trim_start_matches('-').to_owned()
    } else {
        text
    };
    grouped(&text)
}

/// A number of a paper or a solution: at most `decimals` digits, without zeros at the end and without groups.
pub(crate) fn plain(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let text = if decimals == 0 { &text } else { text.trim_end_matches('0').trim_end_matches('.') };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// A gap as a signed percentage without -0, or a dash where there is none because the reference is 0.
pub(crate) fn gap(share: Option<f64>, decimals: usize) -> String {
    let Some(share) = share else { return "–".to_owned() };
    let text = format!("{:+.decimals$} %", 100.0 * share);
    if text.bytes().any(|byte| (b'1'..=b'9').contains(&byte)) { text } else { text.replacen(['+', '-'], "", 1) }
}

/// A share as a percentage: one digit below 10 %, and never a 0 or 100 that is not exact.
pub(crate) fn percent(share: f64) -> String {
    if !share.is_finite() {
        return "-".to_owned();
    }
    let percent = share * 100.0;
    match percent {
        p if p > 0.0 && p < 0.1 => "<0.1%".to_owned(),
        p if p > 99.9 && p < 100.0 => ">99.9%".to_owned(),
        p if p == p.round() || p.abs() >= 1000.0 => format!("{}%", grouped(&format!("{p:.0}"))),
        p if !(10.0..90.0).contains(&p) => format!("{p:.1}%"),
        p => format!("{p:.0}%"),
    }
}

/// A text as a cell of a CSV file: quoted where it must be, and never run as a formula.
pub(crate) fn csv_cell(text: &str) -> String {
    let text = restock_store::write::guard_formula(text);
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.into_owned() }
}

/// A whole number grouped by thousands.
pub(crate) fn count(value: usize) -> String {
    grouped(&value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A gap that rounds to 0 has no sign, and there is none against a cost of 0.
    #[test]
    fn gaps_have_no_noise() {
        assert_eq!(gap(Some(0.0123), 2), "+1.23 %");
        assert_eq!(gap(Some(-1e-9), 3), "0.000 %");
        assert_eq!(gap(None, 3), "–");
        assert_eq!(plain(-1e-9, 4), "0");
    }

    #[test]
    fn numbers_are_grouped_and_keep_their_value() {
        let q = |text: &str| text.parse::<Quantity>().unwrap();
        assert_eq!(quantity(q("1234567.5"), 0), "1,234,567.5");
        assert_eq!(quantity(q("-1234"), 2), "-1,234.00");
        assert_eq!(signed_quantity(q("-12"), 0), "−12");
        assert_eq!(signed_quantity(q("999"), 0), "+999");
        assert_eq!(money("-0.001".parse().unwrap(), "EUR"), "0.00");
        assert_eq!(money("1234.5".parse().unwrap(), "JPY"), "1,234");
        assert_eq!(money_with_code("1000".parse().unwrap(), "EUR"), "1,000.00 EUR");
        assert_eq!(float(-0.001, 1), "0.0");
        assert_eq!(float(-1234.56, 1), "-1,234.6");
        assert_eq!(
            [0.0, 0.0004, 0.05, 0.5, 0.987, 0.9995, 1.0].map(percent),
            ["0%", "<0.1%", "5%", "50%", "98.7%", ">99.9%", "100%"]
        );
        assert_eq!(count(3049), "3,049");
        assert_eq!(["a", "a,b", "=A1", "-2"].map(csv_cell), ["a", "\"a,b\"", "'=A1", "-2"]);
    }
}
