//! Errors as users see them: what, got, allowed, where, and the way out.

use restock_core::RowError;
use serde_json::json;

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

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn rows(mut self, rows: Vec<RowError>) -> Self {
        self.rows = rows;
        self
    }

    /// The text on the terminal.
    pub(crate) fn render(&self, color: bool) -> String {
        let label = |text: &str, style: console::Style| style.force_styling(color).apply_to(text).to_string();
        let mut text = format!("{} {}\n", label("error:", console::Style::new().red().bold()), self.message);
        if !self.rows.is_empty() {
            text.push('\n');
            text.push_str(&row_errors(&self.rows, self.rows.len()));
        }
        if let Some(hint) = &self.hint {
            text.push_str(&format!("\n{} {hint}\n", label("hint:", console::Style::new().cyan().bold())));
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
pub(crate) fn row_errors(rows: &[RowError], n_total: usize) -> String {
    let mut text = String::new();
    for RowError { file, row, column, value, expected, fix } in rows.iter().take(10) {
        let column = if column.is_empty() { String::new() } else { format!(", column {column:?}") };
        text.push_str(&format!("  {file} row {row}{column}: got {value:?}, expected {expected}\n    fix: {fix}\n"));
    }
    if n_total > rows.len().min(10) {
        text.push_str(&format!("  … and {} more\n", n_total - rows.len().min(10)));
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
        insta::assert_snapshot!(error.render(false), @r#"
        error: 2 rows of sales.csv cannot be read

          sales.csv row 12, column "quantity": got "1,2,3", expected a number
            fix: write 123 or 1.23

        hint: correct them, or leave out --strict to plan without them
        "#);
        assert!(error.render(true).contains("\u{1b}["), "colour when asked for");
        assert_eq!(error.to_json()["error"]["exit_code"], 3);
    }
}
