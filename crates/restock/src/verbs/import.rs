//! `restock import`: read, report, and write clean tables into the project.

use restock_store::write::Format;
use restock_store::{Import, TableSummary};
use serde_json::json;

use crate::cli::{ImportArgs, TableFormat};
use crate::error::{CliError, row_errors};
use crate::format;
use crate::i18n::Text;
use crate::project::Project;
use crate::session::{Output, Session};
use crate::table::{Align, Grid};
use crate::verbs::plan::{quarantine_csv, write_into};

pub(crate) fn run(session: &Session, args: &ImportArgs) -> Result<Output, CliError> {
    let project = Project::open(session, &args.data)?;
    let loaded = project.load(session)?;
    let import = &loaded.import;
    let mut files = Vec::new();
    if !args.dry_run {
        let out = args.out.clone().unwrap_or_else(|| project.dir.join(&project.config.data_path));
        if args.out.is_none() && project.config_path().is_none() {
            return Err(CliError::usage("there is no project here to import into")
                .hint("name a folder with --out, look first with --dry-run, or make a project with `restock init`"));
        }
        if args.data.paths.is_empty() {
            return Err(CliError::usage("no files were given to import into the project")
                .hint("restock import exports/ --dry-run"));
        }
        let format = match args.format {
            TableFormat::Csv => Format::Csv,
            TableFormat::Parquet => Format::Parquet,
        };
        let failed =
            |error: &dyn std::fmt::Display| CliError::usage(format!("cannot write {}: {error}", out.display()));
        std::fs::create_dir_all(&out).map_err(|error| failed(&error))?;
        files = restock_store::write::dataset(&import.dataset, &out, format).map_err(|error| failed(&error))?;
        if import.n_row_errors > 0 {
            // Beside the folder, so that it is not read as a table next time.
            let beside = out.parent().unwrap_or(&out).to_owned();
            files.push(write_into(&beside, "quarantine.csv", &quarantine_csv(session, &import.row_errors))?);
        }
    }
    let mut output = if session.json {
        let tables: Vec<_> = import.tables.iter().map(table_json).collect();
        Output::json(&json!({
            "tables": tables, "notes": import.notes, "row_errors": import.row_errors,
            "n_row_errors": import.n_row_errors, "hash": import.hash, "files": files,
        }))?
    } else {
        let mut text = tables_text(session, import);
        if args.dry_run {
            text.push_str(&format!("\n{}\n", session.text(Text::DryRun)));
        }
        for file in &files {
            text.push_str(&format!("{}\n", session.dim(&session.fill(Text::Written, &[&file.display()]))));
        }
        Output::text(text)
    };
    output.findings = import.n_row_errors > 0;
    output.notes = loaded.notes;
    Ok(output)
}

fn table_json(table: &TableSummary) -> serde_json::Value {
    json!({
        "table": table.table, "file": table.file, "n_rows": table.n_rows, "n_accepted": table.n_accepted,
        "n_duplicates": table.n_duplicates, "n_filtered": table.n_filtered, "n_row_errors": table.n_row_errors, "columns": table.columns,
        "unused": table.unused,
    })
}

/// What was read from which file and column, what was assumed, and what could not be read.
pub(crate) fn tables_text(session: &Session, import: &Import) -> String {
    let title = session.fill(Text::ImportTitle, &[&import.tables.len()]);
    let mut text = format!("{}\n\n", session.bold(&title));
    let mut grid = Grid::new()
        .column(session.text(Text::Table), Align::Left)
        .column(session.text(Text::File), Align::Left)
        .column(session.text(Text::Rows), Align::Right)
        .optional(session.text(Text::Quarantined), Align::Right, 1)
        .optional(session.text(Text::LeftOut), Align::Right, 2)
        .optional(session.text(Text::Columns), Align::Text, 3);
    for table in &import.tables {
        let mut columns: Vec<String> = table
            .columns
            .iter()
            .map(|(field, header)| if field == header { field.clone() } else { format!("{field} = {header}") })
            .collect();
        if !table.unused.is_empty() {
            columns.push(session.fill(Text::NotUsedColumns, &[&table.unused.join(", ")]));
        }
        let unless_zero = |n: u64| if n > 0 { format::count(n as usize) } else { String::new() };
        grid.row([
            table.table.clone(),
            table.file.clone(),
            format::count(table.n_accepted as usize),
            unless_zero(table.n_row_errors),
            unless_zero(table.n_filtered),
            columns.join(", "),
        ]);
    }
    text.push_str(&grid.render(session));
    if !import.notes.is_empty() {
        text.push('\n');
    }
    for note in &import.notes {
        super::plan::bullet(session, &mut text, &session.said(note), None);
    }
    if import.n_row_errors > 0 {
        let bad = session.fill(Text::RowsBad, &[&format::count(import.n_row_errors)]);
        text.push_str(&format!("\n{}\n", session.paint(&bad, console::Style::new().yellow())));
        text.push_str(&row_errors(&import.row_errors, import.n_row_errors, session.lang));
    }
    text
}
