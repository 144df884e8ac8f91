//! Values and rows of PostgreSQL.
//!
//! A text there holds no character 0, a text of ours may. Such a text is written with an escape, so that every text comes
//! back as it was and different texts stay different.

use std::borrow::Cow;

use postgres::types::{ToSql, Type};

use crate::error::LedgerError;
use crate::rows::{Row, Value};
use crate::schema::Kind;

/// Begins an escape: a character that Unicode keeps for private use. `ESCAPE 0` is character 0, `ESCAPE 1` is itself.
const ESCAPE: char = '\u{10FFFD}';

fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', ESCAPE]) {
        return Cow::Borrowed(text);
    }
    let mut written = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\0' => written.extend([ESCAPE, '0']),
            ESCAPE => written.extend([ESCAPE, '1']),
            other => written.push(other),
        }
    }
    Cow::Owned(written)
}

fn unescaped(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(ESCAPE) {
        return Some(Cow::Borrowed(text));
    }
    let mut read = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        read.push(match character {
            ESCAPE => match characters.next()? {
                '0' => '\0',
                '1' => ESCAPE,
                _ => return None,
            },
            other => other,
        });
    }
    Some(Cow::Owned(read))
}

type Bound<'a> = Box<dyn ToSql + Sync + 'a>;

/// A value as a parameter of type `wanted`.
pub(crate) fn bound<'a>(value: &'a Value<'_>, wanted: &Type) -> Bound<'a> {
    match value {
        Value::Null if *wanted == Type::INT8 => Box::new(None::<i64>),
        Value::Null if *wanted == Type::BYTEA => Box::new(None::<&[u8]>),
        Value::Null => Box::new(None::<&str>),
        Value::Integer(number) => Box::new(*number),
        Value::Text(text) => Box::new(escaped(text)),
        Value::Bytes(bytes) => Box::new(&**bytes),
    }
}

/// Column `idx` of all rows as one list.
pub(crate) fn column<'a>(rows: &'a [Vec<Value<'_>>], idx: usize, kind: Kind) -> Bound<'a> {
    let values = rows.iter().map(|row| &row[idx]);
    match kind {
        Kind::Integer => Box::new(
            values
                .map(|value| if let Value::Integer(number) = value { Some(*number) } else { None })
                .collect::<Vec<_>>(),
        ),
        Kind::Text => Box::new(
            values
                .map(|value| if let Value::Text(text) = value { Some(escaped(text)) } else { None })
                .collect::<Vec<_>>(),
        ),
        Kind::Bytes => Box::new(
            values.map(|value| if let Value::Bytes(bytes) = value { Some(&**bytes) } else { None }).collect::<Vec<_>>(),
        ),
    }
}

/// The name of a kind of column in PostgreSQL.
pub(crate) fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Integer => "bigint",
        Kind::Text => "text",
        Kind::Bytes => "bytea",
    }
}

impl Row for postgres::Row {
    fn value(&self, idx: usize) -> Result<Value<'_>, LedgerError> {
        let damaged = |what: String| LedgerError::Damaged { what: format!("column {} of a row {what}", idx + 1) };
        let unreadable = |error: postgres::Error| damaged(format!("cannot be read: {error}"));
        let found = self.columns()[idx].type_();
        Ok(match *found {
            Type::INT8 => self.try_get::<_, Option<i64>>(idx).map_err(unreadable)?.into(),
            Type::BYTEA => self.try_get::<_, Option<&[u8]>>(idx).map_err(unreadable)?.into(),
            Type::TEXT => match self.try_get::<_, Option<&str>>(idx).map_err(unreadable)? {
                None => Value::Null,
                Some(text) => Value::Text(unescaped(text).ok_or_else(|| damaged("has an unknown escape".to_owned()))?),
            },
            _ => return Err(damaged(format!("has the type {found}, which no column of ours has"))),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn texts_come_back_as_they_were(text in "[a\0\u{10FFFD}01]{0,12}|.{0,40}", other in "[a\0\u{10FFFD}01]{0,12}") {
            let (written, other_written) = (escaped(&text), escaped(&other));
            prop_assert!(!written.contains('\0'));
            prop_assert_eq!(unescaped(&written), Some(Cow::Borrowed(text.as_str())));
            prop_assert_eq!(text == other, written == other_written);
        }
    }
}
