//! Errors as users see them: what, got, allowed, where, and the way out.

use restock_core::RowError;
use restock_core::settings::Lang;
use serde_json::json;

use crate::catalogue::said;
use crate::i18n::Text;

/// How a command ended; the number is the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well.
    Ok = 0,
    /// The command worked and found something to look at.
    Findings = 1,
    /// The command line or `restock.toml` is wrong.
    Usage = 2,
    /// The data cannot be used.
    Data = 3,
    /// Our mistake, or the machine's.
    Internal = 4,
}

/// An error someone can act on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CliError {
    pub(crate) exit: Exit,
    pub(crate) message: String,
    pub(crate) rows: Vec<RowError>,
    pub(crate) hint: Option<String>,
}

impl CliError {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into(), rows: Vec::new(), hint: None }
    }

    pub(crate) fn data(message: impl Into<String>) -> Self {
        Self { exit: Exit::Data, ..Self::usage(message) }
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self { exit: Exit::Internal, ..Self::usage(message) }
    }

    /// With the way out that an error of a lower layer carries behind its message.
    pub(crate) fn with_hint_of(mut self) -> Self {
        if let Some((message, hint)) = self.message.split_once("\n\nhint: ") {
            (self.message, self.hint) = (message.to_owned(), Some(hint.to_owned()));
        }
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn rows(mut self, rows: Vec<RowError>) -> Self {
        self.rows = rows;
        self
    }

    /// The text on the terminal.
    pub(crate) fn render(&self, color: bool, lang: Lang) -> String {
        let label = |text: Text, style: console::Style| style.force_styling(color).apply_to(text.get(lang)).to_string();
        let message = said(&self.message, lang);
        let mut text = format!("{} {message}\n", label(Text::ErrorLabel, console::Style::new().red().bold()));
        if !self.rows.is_empty() {
            text.push('\n');
            text.push_str(&row_errors(&self.rows, self.rows.len(), lang));
        }
        if let Some(hint) = &self.hint {
            let hint = said(hint, lang);
            text.push_str(&format!("\n{} {hint}\n", label(Text::HintLabel, console::Style::new().cyan().bold())));
        }
        text
    }

    /// The same for machines.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        json!({ "error": {
            "message": self.message, "hint": self.hint, "rows": self.rows, "exit_code": self.exit as u8,
        }})
    }
}

/// At most ten row errors, one per two lines, and how many there are in all.
pub(crate) fn row_errors(rows: &[RowError], n_total: usize, lang: Lang) -> String {
    let mut text = String::new();
    for RowError { file, row, column, value, expected, fix } in rows.iter().take(10) {
        let (column, value) = (format!("{column:?}"), format!("{value:?}"));
        let (expected, fix) = (said(expected, lang), said(fix, lang));
        let line = if column == "\"\"" {
            Text::BadRow.fill(lang, &[file, row, &value, &expected])
        } else {
            Text::BadCell.fill(lang, &[file, row, &value, &expected, &column])
        };
        text.push_str(&format!("  {line}\n    {}\n", Text::BadCellFix.fill(lang, &[&fix])));
    }
    if n_total > rows.len().min(10) {
        let more = crate::format::count(n_total - rows.len().min(10));
        text.push_str(&format!("  {}\n", Text::NMore.fill(lang, &[&more])));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_read_as_the_style_asks() {
        let row = RowError {
            file: "sales.csv".into(),
            row: 12,
            column: "quantity".into(),
            value: "1,2,3".into(),
            expected: "a number".into(),
            fix: "write 123 or 1.23".into(),
        };
        let error = CliError::data("2 rows of sales.csv cannot be read")
            .rows(vec![row])
            .hint("correct them, or leave out --strict to plan without them");
        insta::assert_snapshot!(error.render(false, Lang::En), @r#"
        error: 2 rows of sales.csv cannot be read

          sales.csv row 12, column "quantity": got "1,2,3", expected a number
            fix: write 123 or 1.23

        hint: correct them, or leave out --strict to plan without them
        "#);
        assert!(error.render(true, Lang::En).contains("\u{1b}["), "colour when asked for");
        assert_eq!(error.to_json()["error"]["exit_code"], 3);
    }
}
