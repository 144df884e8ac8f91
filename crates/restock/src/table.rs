//! Tables for terminals: aligned, quiet, and still readable on a narrow screen.

use comfy_table::LineStyle;
use comfy_table::{Attribute, Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table, TableStyle, Width};

use crate::session::Session;

/// How a column is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
    /// Left, and the column that wraps when space is short.
    Text,
}

/// A table under construction; columns that do not fit are left out, the least important first.
pub(crate) struct Grid {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

struct Column {
    header: String,
    align: Align,
    /// 0 always stays; the highest goes first.
    optional: u8,
}

impl Grid {
    pub(crate) fn new() -> Self {
        Self { columns: Vec::new(), rows: Vec::new() }
    }

    pub(crate) fn column(mut self, header: impl Into<String>, align: Align) -> Self {
        self.columns.push(Column { header: header.into(), align, optional: 0 });
        self
    }

    /// A column that may be left out on a narrow screen, the highest `rank` first.
    pub(crate) fn optional(mut self, header: impl Into<String>, align: Align, rank: u8) -> Self {
        self.columns.push(Column { header: header.into(), align, optional: rank });
        self
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let row: Vec<String> = cells.into_iter().collect();
        assert_eq!(row.len(), self.columns.len(), "a cell for every column");
        self.rows.push(row);
    }

    /// Width of a column's content; a wrapping column needs 32 columns at most.
    fn needed(&self, idx: usize) -> usize {
        let widest = self.rows.iter().map(|row| console::measure_text_width(&row[idx])).max().unwrap_or(0);
        let header = console::measure_text_width(&self.columns[idx].header);
        match self.columns[idx].align {
            Align::Text => widest.min(32).max(header),
            _ => widest.max(header),
        }
    }

    /// The table as text, every line indented by two spaces.
    pub(crate) fn render(&self, session: &Session) -> String {
        let width = session.width.saturating_sub(2);
        let mut shown: Vec<usize> =
            (0..self.columns.len()).filter(|idx| self.rows.iter().any(|row| !row[*idx].is_empty())).collect();
        while shown.iter().map(|idx| self.needed(*idx) + 2).sum::<usize>() > width {
            let Some(worst) = shown
                .iter()
                .copied()
                .filter(|idx| self.columns[*idx].optional > 0)
                .max_by_key(|idx| self.columns[*idx].optional)
            else {
                break;
            };
            shown.retain(|idx| *idx != worst);
        }
        let mut table = Table::new();
        table
            .load_style(style())
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(u16::try_from(width).unwrap_or(u16::MAX));
        if session.color {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        table.set_header(shown.iter().map(|idx| {
            Cell::new(&self.columns[*idx].header).set_alignment(self.alignment(*idx)).add_attribute(Attribute::Bold)
        }));
        for row in &self.rows {
            table.add_row(shown.iter().map(|idx| Cell::new(&row[*idx]).set_alignment(self.alignment(*idx))));
        }
        for (place, idx) in shown.iter().enumerate() {
            if let Some(column) = table.column_mut(place) {
                column.set_padding((0, if place + 1 == shown.len() { 0 } else { 2 }));
                if self.columns[*idx].align == Align::Right {
                    column.set_constraint(ColumnConstraint::ContentWidth);
                } else if self.columns[*idx].align == Align::Left && self.needed(*idx) <= 24 {
                    column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(
                        u16::try_from(self.needed(*idx) + 2).unwrap_or(24),
                    )));
                }
            }
        }
        table.lines().map(|line| format!("  {}\n", line.trim_end())).collect()
    }

    fn alignment(&self, idx: usize) -> CellAlignment {
        if self.columns[idx].align == Align::Right { CellAlignment::Right } else { CellAlignment::Left }
    }
}

/// No lines but one under the header.
fn style() -> TableStyle {
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'))
}
