//! Numbers as people write them, read exactly or refused.
//!
//! A text is first *read* without deciding what its separators mean ([`read`]): `12` has one reading, `1.234,5` has one
//! (the comma is decimal), `1,234` has two. The readings of a whole column then decide its decimal mark
//! ([`NumberColumn`]); what stays open is refused. All arithmetic is on integers, so a value is exact or absent.
//!
//! Accepted besides plain digits: full-width digits; groups of three (or Indian groups) by comma, point, space or
//! apostrophe; a sign before or after; parentheses for negative amounts; a currency sign or code (money only); a
//! percent sign (shares only); a power of ten (`1.5E3`), unless a spreadsheet has visibly dropped digits
//! (`1.23457E+12`).

use restock_core::{Money, Quantity};
use rust_decimal::Decimal;

/// An exact decimal number, `digits * 10^-scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number {
    /// All digits, signed.
    pub digits: i128,
    /// Digits after the point.
    pub scale: u32,
    /// Written with a percent sign; `digits` is already divided by 100 through `scale`.
    pub percent: bool,
    /// Written with a currency sign.
    pub currency: bool,
}

/// What a text can mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// The same whatever the decimal mark.
    Plain(Number),
    /// Only makes sense with a decimal point.
    Point(Number),
    /// Only makes sense with a decimal comma.
    Comma(Number),
    /// Two meanings.
    Either { point: Number, comma: Number },
}

/// Why a text is not a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// Not a number at all.
    NotANumber,
    /// A decimal comma in a column of decimal points, or the other way round.
    OtherMark,
    /// Two meanings in a column that mixes both styles.
    MixedColumn,
    /// A spreadsheet has cut digits off: `1.23457E+12`.
    DroppedDigits,
    /// Too large to hold exactly.
    OutOfRange,
    /// A currency sign where no money is expected.
    Currency,
    /// A percent sign where no share is expected.
    Percent,
    /// The formula instead of its value.
    Formula,
    /// `#REF!` and its like.
    SpreadsheetError,
    /// A date where a number is expected; spreadsheets make one of `3-5` and `1/2`.
    Date,
}

/// Why a text that is no number is none, as closely as can be told.
#[cold]
pub(crate) fn why_not(text: &str) -> Problem {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let day_and_month = || {
        let mut parts = text.split(['-', '/', ' ', '.']).filter(|part| !part.is_empty());
        let (first, second) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        parts.next().is_none()
            && (crate::date::month_name(first).is_some() || crate::date::month_name(second).is_some())
    };
    if text.starts_with('=') {
        Problem::Formula
    } else if is_spreadsheet_error(text) {
        Problem::SpreadsheetError
    } else if digits > 18 && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b',' | b'-' | b'+'))
    {
        Problem::OutOfRange
    } else if day_and_month() || crate::date::read(text).is_ok() {
        Problem::Date
    } else {
        Problem::NotANumber
    }
}

/// What a spreadsheet shows in place of a value it cannot compute.
pub(crate) fn is_spreadsheet_error(text: &str) -> bool {
    matches!(text, "#REF!" | "#VALUE!" | "#NAME?" | "#DIV/0!" | "#NUM!" | "#NULL!" | "#N/A" | "#SPILL!" | "#CALC!")
        || (text.starts_with("##") && text.bytes().all(|byte| byte == b'#'))
}

/// The decimal mark of a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mark {
    #[default]
    Point,
    Comma,
}

impl Mark {
    pub(crate) fn from_char(mark: char) -> Option<Self> {
        match mark {
            '.' => Some(Self::Point),
            ',' => Some(Self::Comma),
            _ => None,
        }
    }
}

const POWERS: [i128; 31] = {
    let mut powers = [1_i128; 31];
    let mut exponent = 1;
    while exponent < 31 {
        powers[exponent] = powers[exponent - 1] * 10;
        exponent += 1;
    }
    powers
};

impl Number {
    const fn new(digits: i128, scale: u32) -> Self {
        Self { digits, scale, percent: false, currency: false }
    }

    /// A whole number.
    pub(crate) const fn whole(value: i64) -> Self {
        Self::new(value as i128, 0)
    }

    /// A decimal of another library.
    pub(crate) fn from_parts(digits: i128, scale: u32) -> Option<Self> {
        (digits.unsigned_abs() < POWERS[30] as u128 && scale <= 30).then_some(Self::new(digits, scale))
    }

    /// The decimal that a float was written from: the shortest text that reads back as the same float.
    pub(crate) fn from_f64(value: f64) -> Option<Self> {
        if value == value.trunc() && value.abs() < 9_007_199_254_740_992.0 {
            return Some(Self::whole(value as i64));
        }
        if value.abs() < 1e9 {
            for scale in 1..=6_u32 {
                let power = POWERS[scale as usize] as f64;
                let scaled = (value * power).round();
                // Both operands are exact, so the quotient is the float nearest to this decimal.
                if scaled / power == value {
                    return Some(Self::new(scaled as i128, scale));
                }
            }
        }
        Self::from_shortest(&if value.abs() < 1.0 { format!("{value:e}") } else { value.to_string() })
    }

    /// The same for a single-precision float, whose shortest text is much shorter than that of its double.
    pub(crate) fn from_f32(value: f32) -> Option<Self> {
        if value == value.trunc() && value.abs() < 16_777_216.0 {
            return Some(Self::whole(value as i64));
        }
        if value.abs() < 1e6 {
            for scale in 1..=6_u32 {
                let power = POWERS[scale as usize] as f64;
                let scaled = (f64::from(value) * power).round();
                if (scaled / power) as f32 == value {
                    return Some(Self::new(scaled as i128, scale));
                }
            }
        }
        Self::from_shortest(&if value.abs() < 1.0 { format!("{value:e}") } else { value.to_string() })
    }

    fn from_shortest(text: &str) -> Option<Self> {
        match read(text).ok()? {
            Reading::Plain(number) | Reading::Point(number) | Reading::Either { point: number, .. } => Some(number),
            Reading::Comma(_) => None,
        }
    }

    /// As a quantity, and whether digits beyond the sixth decimal were rounded away.
    pub(crate) fn quantity(self) -> Result<(Quantity, bool), Problem> {
        let (micro, rounded) = self.rounded_to(6).ok_or(Problem::OutOfRange)?;
        let micro = i64::try_from(micro).map_err(|_| Problem::OutOfRange)?;
        if micro.unsigned_abs() > 9_000_000_000_000_000_000 {
            return Err(Problem::OutOfRange);
        }
        Ok((Quantity::from_micro(micro), rounded))
    }

    /// As money, and whether digits beyond the tenth decimal were rounded away.
    pub(crate) fn money(self) -> Result<(Money, bool), Problem> {
        let (number, rounded) = if self.scale > 10 {
            let (digits, rounded) = self.rounded_to(10).ok_or(Problem::OutOfRange)?;
            (Self::new(digits, 10), rounded)
        } else {
            (self, false)
        };
        let money = Decimal::try_from_i128_with_scale(number.digits, number.scale).map_err(|_| Problem::OutOfRange)?;
        Ok((money.normalize(), rounded))
    }

    /// `self * 10^decimals` rounded half away from zero, and whether it was rounded.
    fn rounded_to(self, decimals: u32) -> Option<(i128, bool)> {
        if self.scale <= decimals {
            return self.digits.checked_mul(POWERS[(decimals - self.scale) as usize]).map(|digits| (digits, false));
        }
        let drop = self.scale - decimals;
        if drop > 30 {
            return Some((0, self.digits != 0));
        }
        let power = POWERS[drop as usize];
        let (quotient, rest) = (self.digits / power, self.digits % power);
        let up = if rest.abs() * 2 >= power { rest.signum() } else { 0 };
        Some((quotient + up, rest != 0))
    }

    /// The nearest double.
    pub(crate) fn to_f64(self) -> f64 {
        if self.digits.unsigned_abs() < 1 << 53 && self.scale <= 22 {
            return self.digits as f64 / POWERS[self.scale as usize] as f64;
        }
        format!("{}e-{}", self.digits, self.scale).parse().unwrap_or(f64::NAN)
    }

    /// The nearest single-precision float.
    pub(crate) fn to_f32(self) -> f32 {
        // 10^10 = 2^10 * 5^10 with 5^10 < 2^24, so both operands are exact and the quotient is correctly rounded.
        if self.digits.unsigned_abs() < 1 << 24 && self.scale <= 10 {
            return self.digits as f32 / POWERS[self.scale as usize] as f32;
        }
        format!("{}e-{}", self.digits, self.scale).parse().unwrap_or(f32::NAN)
    }

    /// `self * by`, exact.
    pub(crate) fn times(self, by: Decimal) -> Option<Self> {
        let digits = self.digits.checked_mul(by.mantissa())?;
        Self::from_parts(digits, self.scale + by.scale())
    }

    /// `self / by`, exact where it ends within twelve more decimals, else rounded there.
    pub(crate) fn over(self, by: Decimal) -> Option<Self> {
        let extra = 12;
        let numerator = self.digits.checked_mul(*POWERS.get((extra + by.scale()) as usize)?)?;
        let (quotient, rest) = (numerator / by.mantissa(), numerator % by.mantissa());
        let up = if rest.abs() * 2 >= by.mantissa().abs() { rest.signum() * by.mantissa().signum() } else { 0 };
        let mut number = Self::from_parts(quotient + up, self.scale + extra)?;
        while number.scale > 0 && number.digits % 10 == 0 {
            number.digits /= 10;
            number.scale -= 1;
        }
        Some(number)
    }

    /// `1 - self`, for shares.
    pub(crate) fn complement(self) -> Self {
        Self { digits: POWERS[self.scale.min(30) as usize] - self.digits, ..self }
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let magnitude = self.digits.unsigned_abs();
        let power = POWERS[self.scale.min(30) as usize] as u128;
        let sign = if self.digits < 0 { "-" } else { "" };
        if self.scale == 0 {
            return write!(f, "{sign}{magnitude}");
        }
        write!(f, "{sign}{}.{:0width$}", magnitude / power, magnitude % power, width = self.scale as usize)
    }
}

/// Reads plain digits with an optional minus and point, the form machines write; `None` asks [`read`].
#[inline]
pub(crate) fn read_plain(text: &[u8]) -> Option<Reading> {
    let (negative, body) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    if body.is_empty() || body.len() > 18 {
        return None;
    }
    let mut digits = 0_i64;
    let mut point = usize::MAX;
    for (idx, &byte) in body.iter().enumerate() {
        if byte.is_ascii_digit() {
            digits = digits * 10 + i64::from(byte - b'0');
        } else if byte == b'.' && point == usize::MAX && idx > 0 {
            point = idx;
        } else {
            return None;
        }
    }
    let signed = i128::from(if negative { -digits } else { digits });
    if point == usize::MAX {
        return Some(Reading::Plain(Number::new(signed, 0)));
    }
    let n_decimals = body.len() - point - 1;
    if n_decimals == 0 {
        return None;
    }
    let number = Number::new(signed, n_decimals as u32);
    if n_decimals == 3 && point <= 3 && body[0] != b'0' {
        return Some(Reading::Either { point: number, comma: Number::new(signed, 0) });
    }
    Some(Reading::Point(number))
}

/// Texts that mean "no value".
pub(crate) fn is_missing(text: &str) -> bool {
    text.is_empty()
        || matches!(
            text,
            "-" | "NA"
                | "N/A"
                | "n/a"
                | "#N/A"
                | "NaN"
                | "nan"
                | "null"
                | "NULL"
                | "Null"
                | "None"
                | "none"
                | "\\N"
                | "无"
                | "—"
        )
}

/// Reads one text in every way it can be meant.
pub(crate) fn read(text: &str) -> Result<Reading, Problem> {
    if let Some(reading) = read_plain(text.as_bytes()) {
        return Ok(reading);
    }
    let mut plain = [0_u8; 48];
    let mut len = 0;
    let mut currency = false;
    for character in strip_currency_code(text.trim(), &mut currency).chars() {
        let byte = match character {
            '0'..='9' | '.' | ',' | ' ' | '\'' | '+' | '-' | '(' | ')' | '%' | 'e' | 'E' => character as u8,
            '０'..='９' => b'0' + (character as u32 - '０' as u32) as u8,
            '．' => b'.',
            '，' => b',',
            '\u{a0}' | '\u{202f}' | '\u{2009}' | '\u{2007}' | '\u{3000}' => b' ',
            '’' | '＇' => b'\'',
            '−' | '－' | '–' | '﹣' => b'-',
            '＋' => b'+',
            '（' => b'(',
            '）' => b')',
            '％' => b'%',
            '€' | '$' | '£' | '¥' | '￥' | '₹' | '₩' | '₽' | '₺' | '₫' | '฿' | '＄' | '元' if !currency =>
            {
                currency = true;
                continue;
            }
            _ => return Err(Problem::NotANumber),
        };
        // A number longer than this is not a number of this world.
        *plain.get_mut(len).ok_or(Problem::NotANumber)? = byte;
        len += 1;
    }
    let mut body = plain[..len].trim_ascii();

    let mut negative = false;
    let mut percent = false;
    if let [b'(', inner @ .., b')'] = body {
        (negative, body) = (true, inner.trim_ascii());
        if !body.first().is_some_and(|first| first.is_ascii_digit() || matches!(first, b'.' | b',')) {
            return Err(Problem::NotANumber);
        }
    }
    if let [rest @ .., b'%'] = body {
        (percent, body) = (true, rest.trim_ascii());
    }
    match body {
        [sign @ (b'+' | b'-'), rest @ ..] if !negative => {
            (negative, body) = (*sign == b'-', rest.trim_ascii_start());
        }
        [rest @ .., b'-'] if !negative => (negative, body) = (true, rest.trim_ascii_end()),
        _ => {}
    }

    let (mantissa, exponent) = match body.iter().position(|byte| byte.eq_ignore_ascii_case(&b'e')) {
        Some(idx) => (&body[..idx], Some(read_exponent(&body[idx + 1..])?)),
        None => (body, None),
    };
    let finish = |digits: i128, scale: u32| -> Result<Number, Problem> {
        let mut digits = digits;
        let mut scale = i64::from(scale) + if percent { 2 } else { 0 } - i64::from(exponent.unwrap_or(0));
        if digits == 0 {
            scale = 0;
        }
        // The fewest digits, so that 1.50E1 is 15 and not 15.0 beyond the range.
        while scale > 0 && digits % 10 == 0 && exponent.is_some() {
            digits /= 10;
            scale -= 1;
        }
        if scale < 0 {
            let power = POWERS.get(scale.unsigned_abs() as usize).ok_or(Problem::OutOfRange)?;
            digits = digits.checked_mul(*power).ok_or(Problem::OutOfRange)?;
            scale = 0;
        }
        if digits.unsigned_abs() >= POWERS[30] as u128 || scale > 330 {
            return Err(Problem::OutOfRange);
        }
        if scale > 30 {
            // Only tiny remainders of floating-point arithmetic get here; keep what thirty digits can hold.
            let drop = (scale - 30) as usize;
            digits = if drop > 30 { 0 } else { digits / POWERS[drop] };
            scale = 30;
        }
        let digits = if negative { -digits } else { digits };
        Ok(Number { digits, scale: scale as u32, percent, currency })
    };

    let n_points = mantissa.iter().filter(|&&byte| byte == b'.').count();
    let n_commas = mantissa.iter().filter(|&&byte| byte == b',').count();
    if let Some(exponent) = exponent {
        // Powers of ten come from machines: no groups, one mark at most.
        let (digits, scale) = plain_decimal(mantissa)?;
        let n_significant = digits.unsigned_abs().checked_ilog10().map_or(0, |log| log + 1);
        // The scientific format of spreadsheets, 1.23E+05, shows three digits of any number.
        let is_sheet_format = n_significant == 3 && scale == 2 && body.windows(2).any(|pair| pair == b"E+");
        if (n_significant >= 6 || is_sheet_format) && exponent > scale as i32 {
            return Err(Problem::DroppedDigits);
        }
        let number = finish(digits, scale)?;
        return Ok(match (n_points, n_commas) {
            (0, 0) => Reading::Plain(number),
            (0, _) => Reading::Comma(number),
            _ => Reading::Point(number),
        });
    }
    let as_point = grouped_decimal(mantissa, b'.', b',').map(|(digits, scale)| finish(digits, scale));
    let as_comma = grouped_decimal(mantissa, b',', b'.').map(|(digits, scale)| finish(digits, scale));
    match (as_point, as_comma) {
        (None, None) => Err(Problem::NotANumber),
        (Some(point), None) => Ok(Reading::Point(point?)),
        (None, Some(comma)) => Ok(Reading::Comma(comma?)),
        (Some(point), Some(comma)) if n_points + n_commas == 0 => {
            let _ = comma;
            Ok(Reading::Plain(point?))
        }
        (Some(point), Some(comma)) => Ok(Reading::Either { point: point?, comma: comma? }),
    }
}

fn strip_currency_code<'a>(text: &'a str, currency: &mut bool) -> &'a str {
    const CODES: [&str; 22] = [
        "EUR", "USD", "GBP", "CNY", "RMB", "CHF", "JPY", "INR", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "AUD", "CAD",
        "HKD", "SGD", "BRL", "MXN", "kr", "zł",
    ];
    for code in CODES {
        let rest = text.strip_prefix(code).or_else(|| text.strip_suffix(code));
        if let Some(rest) = rest {
            *currency = true;
            return rest.trim();
        }
    }
    text
}

fn read_exponent(text: &[u8]) -> Result<i32, Problem> {
    let (sign, digits) = match text {
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => (1, text),
    };
    if digits.is_empty() || digits.len() > 3 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Problem::NotANumber);
    }
    Ok(sign * digits.iter().fold(0, |value, digit| value * 10 + i32::from(digit - b'0')))
}

fn all_digits(text: &[u8]) -> Option<i128> {
    if text.len() > 30 || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0, |value, digit| value * 10 + i128::from(digit - b'0')))
}

/// Digits with at most one mark, whichever it is.
fn plain_decimal(text: &[u8]) -> Result<(i128, u32), Problem> {
    let mark = text.iter().position(|byte| matches!(byte, b'.' | b','));
    let (whole, part) = match mark {
        Some(idx) => (&text[..idx], &text[idx + 1..]),
        None => (text, &text[..0]),
    };
    if whole.is_empty() && part.is_empty() {
        return Err(Problem::NotANumber);
    }
    let scale = part.len() as u32;
    let whole = all_digits(whole).ok_or(Problem::NotANumber)?;
    let part = all_digits(part).ok_or(Problem::NotANumber)?;
    let digits = POWERS.get(scale as usize).and_then(|power| whole.checked_mul(*power)).ok_or(Problem::OutOfRange)?;
    Ok((digits + part, scale))
}

/// Digits in groups with `mark` before the decimals; the groups may be divided by `other`, a space or an apostrophe.
fn grouped_decimal(text: &[u8], mark: u8, other: u8) -> Option<(i128, u32)> {
    let (whole, part) = match text.iter().position(|&byte| byte == mark) {
        Some(idx) => (&text[..idx], Some(&text[idx + 1..])),
        None => (text, None),
    };
    // "5." and "," carry no decimals; ".5" does.
    if part.is_some_and(<[u8]>::is_empty) {
        return None;
    }
    let part = part.unwrap_or_default();
    let part_digits = all_digits(part)?;
    if whole.is_empty() && part.is_empty() {
        return None;
    }
    let separator = whole.iter().copied().find(|byte| !byte.is_ascii_digit());
    let mut whole_digits = 0_i128;
    match separator {
        None => whole_digits = all_digits(whole)?,
        Some(separator) => {
            if separator != other && separator != b' ' && separator != b'\'' {
                return None;
            }
            let n_groups = whole.split(|&byte| byte == separator).count();
            let mut n_pairs = 0;
            for (idx, group) in whole.split(|&byte| byte == separator).enumerate() {
                let fits = match (idx, idx + 1 == n_groups) {
                    (0, _) => (1..=3).contains(&group.len()) && group[0] != b'0',
                    (_, true) => group.len() == 3,
                    _ => matches!(group.len(), 2 | 3),
                };
                if !fits {
                    return None;
                }
                n_pairs += usize::from(idx > 0 && group.len() == 2);
                whole_digits = whole_digits.checked_mul(1000)? / if group.len() == 2 { 10 } else { 1 };
                if idx == 0 {
                    whole_digits = 0;
                }
                whole_digits += all_digits(group)?;
            }
            // Indian groups are pairs all the way: 12,34,567. A mixture of pairs and threes is a typing error.
            let first_len = whole.split(|&byte| byte == separator).next().map_or(0, <[u8]>::len);
            if n_pairs > 0 && (n_pairs != n_groups - 2 || first_len > 2) {
                return None;
            }
        }
    }
    if whole.len() + part.len() > 30 {
        return None;
    }
    Some((whole_digits * POWERS[part.len()] + part_digits, part.len() as u32))
}

/// What the cells of one column say about its decimal mark.
#[derive(Clone, Debug, Default)]
pub(crate) struct NumberColumn {
    /// The mark in use.
    pub mark: Mark,
    /// Cells with two meanings are refused, because the column mixes both styles.
    pub refuse_either: bool,
    /// The mark was stated and is not to be found out.
    pub fixed: bool,
    /// Cells that need a decimal point.
    pub n_point: u64,
    /// Cells that need a decimal comma.
    pub n_comma: u64,
    /// Cells with two meanings.
    pub n_either: u64,
    /// Those of them written with a comma; the others have a point.
    pub n_either_comma: u64,
    /// The first cell with two meanings: row and text.
    pub first_either: Option<(u64, String)>,
}

/// What a column's decimal mark turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// This mark; `true` where cells with two meanings must be refused.
    Known(Mark, bool),
    /// Nothing but cells with two meanings.
    Open,
    /// Both styles in similar numbers.
    Mixed,
}

impl NumberColumn {
    /// The number meant by `reading`, counting the evidence.
    #[inline]
    pub(crate) fn choose(&mut self, reading: Reading, row: u64, text: &[u8]) -> Result<Number, Problem> {
        match reading {
            Reading::Plain(number) => Ok(number),
            Reading::Point(number) => {
                self.n_point += 1;
                if self.mark == Mark::Point { Ok(number) } else { Err(Problem::OtherMark) }
            }
            Reading::Comma(number) => {
                self.n_comma += 1;
                if self.mark == Mark::Comma { Ok(number) } else { Err(Problem::OtherMark) }
            }
            Reading::Either { point, comma } => {
                if self.n_either == 0 {
                    self.first_either = Some((row, String::from_utf8_lossy(text).into_owned()));
                }
                self.n_either += 1;
                self.n_either_comma += u64::from(text.contains(&b','));
                if self.refuse_either {
                    return Err(Problem::MixedColumn);
                }
                Ok(if self.mark == Mark::Point { point } else { comma })
            }
        }
    }

    /// The decimal mark where nobody divides thousands, and every cell has the same mark.
    pub(crate) fn mark_of_machines(&self) -> Option<Mark> {
        match self.n_either_comma {
            0 => Some(Mark::Point),
            n_comma if n_comma == self.n_either => Some(Mark::Comma),
            _ => None,
        }
    }

    /// The decimal mark that the cells seen so far prove.
    pub(crate) fn verdict(&self) -> Verdict {
        if self.fixed {
            return Verdict::Known(self.mark, false);
        }
        match (self.n_point, self.n_comma) {
            (0, 0) if self.n_either > 0 => Verdict::Open,
            (_, 0) => Verdict::Known(Mark::Point, false),
            (0, _) => Verdict::Known(Mark::Comma, false),
            (point, comma) if point >= 2 * comma => Verdict::Known(Mark::Point, true),
            (point, comma) if comma >= 2 * point => Verdict::Known(Mark::Comma, true),
            _ if self.n_either == 0 => {
                Verdict::Known(if self.n_point >= self.n_comma { Mark::Point } else { Mark::Comma }, true)
            }
            _ => Verdict::Mixed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str) -> String {
        let mark = |number: Number| {
            format!(
                "{number}{}{}",
                if number.percent { " (percent)" } else { "" },
                if number.currency { " (money)" } else { "" }
            )
        };
        match read(text) {
            Ok(Reading::Plain(number)) => mark(number),
            Ok(Reading::Point(number)) => format!("point: {}", mark(number)),
            Ok(Reading::Comma(number)) => format!("comma: {}", mark(number)),
            Ok(Reading::Either { point, comma }) => format!("{} or {}", mark(point), mark(comma)),
            Err(problem) => format!("{problem:?}"),
        }
    }

    #[test]
    fn every_way_to_write_a_number_is_decided() {
        let texts = [
            "12",
            "-12",
            "+12",
            "0",
            "-0",
            "007",
            "12.5",
            "12,5",
            "0.125",
            "0,125",
            ".5",
            ",5",
            "5.",
            "1,234",
            "1.234",
            "1234,567",
            "12,34",
            "1,234,567",
            "1.234.567",
            "1,234.5",
            "1.234,5",
            "1.234.5",
            "1,23,4",
            "12,34,567",
            "1,2,345",
            "1 234",
            "1 234,5",
            "1\u{a0}234.50",
            "1\u{202f}234\u{202f}567",
            "1'234.5",
            "1’234",
            "1 23",
            "1,234 567",
            "5-",
            "5.25-",
            "-5-",
            "(5)",
            "(1,234.50)",
            "-(5)",
            "(-5)",
            "−5",
            "１２．５",
            "１，２３４，５６７",
            "€ 5",
            "5 €",
            "$1,234.50",
            "-$5",
            "￥12.50",
            "12元",
            "EUR 12,50",
            "12.50 CHF",
            "€ 5 €",
            "20%",
            "12,5 %",
            "1E5",
            "1.5E3",
            "1,5e-3",
            "2.5e+03",
            "1.23457E+12",
            "1.234567E+06",
            "1e400",
            "1E",
            "E5",
            "1E5E5",
            "12 kg",
            "abc",
            "1.2.3.4",
            "0x10",
            "1_000",
            "٣",
            "--5",
            "1-2",
            "∞",
            "99999999999999999999999999999999",
        ];
        let shown: Vec<String> = texts.iter().map(|text| format!("{text:?} = {}", show(text))).collect();
        insta::assert_snapshot!(shown.join("\n"));
    }

    #[test]
    fn floats_are_read_as_the_decimal_they_were_written_from() {
        for (value, text) in
            [(0.1_f32, "0.1"), (3.97, "3.97"), (8.26, "8.26"), (1e-3, "0.001"), (0.7, "0.7"), (1234.5, "1234.5")]
        {
            assert_eq!(Number::from_f32(value).unwrap().to_string(), text);
        }
        assert_eq!(Number::from_f64(0.1 + 0.2).unwrap().quantity().unwrap(), ("0.3".parse().unwrap(), true));
        assert_eq!(Number::from_f64(3.666_666_666_7).unwrap().quantity().unwrap(), ("3.666667".parse().unwrap(), true));
        assert_eq!(Number::from_f64(1e12).unwrap().to_string(), "1000000000000");
        assert_eq!(Number::from_f64(1e-9).unwrap().quantity().unwrap(), (Quantity::ZERO, true));
        assert!(Number::from_f64(f64::NAN).is_none() && Number::from_f64(f64::INFINITY).is_none());
        // Every float up to six decimals equals its shortest text.
        let mut state = 1_u64;
        for _ in 0..200_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let value = f32::from_bits((state >> 32) as u32);
            if value.abs() < 1e12 && value.abs() > 1e-12 {
                let number = Number::from_f32(value).unwrap();
                assert_eq!(number.to_f32(), value, "{value} became {number}");
                assert_eq!(number.to_string(), format!("{value}"), "shortest text");
            }
            let value = f64::from_bits(state);
            if value.abs() < 1e12 && value.abs() > 1e-9 {
                assert_eq!(Number::from_f64(value).unwrap().to_f64(), value);
            }
        }
    }

    #[test]
    fn a_column_decides_or_stays_open() {
        let verdict = |texts: &[&str]| {
            let mut column = NumberColumn::default();
            for (row, text) in texts.iter().enumerate() {
                let _ = column.choose(read(text).unwrap(), row as u64, text.as_bytes());
            }
            column.verdict()
        };
        assert_eq!(verdict(&["1", "2"]), Verdict::Known(Mark::Point, false));
        assert_eq!(verdict(&["1,234", "2"]), Verdict::Open);
        assert_eq!(verdict(&["1.234", "2"]), Verdict::Open);
        assert_eq!(verdict(&["1,234", "2.5"]), Verdict::Known(Mark::Point, false));
        assert_eq!(verdict(&["1,234", "2,5"]), Verdict::Known(Mark::Comma, false));
        assert_eq!(verdict(&["1,234", "2,5", "3.5"]), Verdict::Mixed);
        assert_eq!(verdict(&["1,234", "2,5", "3.5", "4.5"]), Verdict::Known(Mark::Point, true));
    }

    #[test]
    fn multiplying_and_dividing_are_exact_or_rounded_far_behind_the_point() {
        let number = |text: &str| match read(text).unwrap() {
            Reading::Plain(number) | Reading::Point(number) => number,
            other => panic!("{other:?}"),
        };
        assert_eq!(number("18").over(Decimal::from(24)).unwrap().to_string(), "0.75");
        assert_eq!(number("1").over(Decimal::from(3)).unwrap().to_string(), "0.333333333333");
        assert_eq!(number("-12.5").times("-1".parse().unwrap()).unwrap().to_string(), "12.5");
    }
}
