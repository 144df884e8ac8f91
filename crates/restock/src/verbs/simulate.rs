//! `restock simulate`: the future under the plan's policy, many times, with and without shocks.

use std::fmt::Write;

use restock_engine::simulate::{Estimate, Shock, SimulateError, SimulateOptions, SimulationReport, SiteDay, simulate};

use super::plan::{bullet, open_in_browser, wrap};
use crate::cli::SimulateArgs;
use crate::error::CliError;
use crate::format;
use crate::i18n::Text;
use crate::project::{Project, apply_flags, forecaster, write_file};
use crate::report::simulation_page as page;
use crate::session::{Output, Session};
use crate::table::{Align, Grid};

pub(crate) fn run(session: &Session, args: &SimulateArgs) -> Result<Output, CliError> {
    // A shock that cannot be read is said before any data is.
    let shocks: Vec<Shock> = args
        .shocks
        .iter()
        .map(|text| {
            Shock::parse(text).map_err(|error| {
                CliError::usage(error.to_string())
                    .hint("--shock demand=+30%@2026-12-01..2026-12-24, or --shock lead_time=+5@2026-12-01")
            })
        })
        .collect::<Result<_, _>>()?;
    let project = Project::open(session, &args.data)?;
    let mut loaded = project.load(session)?;
    apply_flags(&mut loaded.settings, &args.planning)?;
    let (n_paths, n_days) = (args.n_paths as usize, args.days as usize);
    let options = SimulateOptions { n_paths, n_days, shocks, volumes: args.volumes.is_some() };
    let model = forecaster(&loaded.settings.forecast_model, &loaded)?;
    let progress = session.progress(session.text(Text::Simulating));
    let report = simulate(&loaded.import.dataset, &loaded.settings, model.as_ref(), &options, &|done, total| {
        progress.set(done as u64, total as u64);
    })
    .map_err(|error| explained(&error, &options))?;
    drop(progress);
    let out = args.out.clone().unwrap_or_else(|| project.default_out());
    let path = out.join("simulation.html");
    write_file(&path, &page::render(session.lang, &loaded.name, &report))?;
    if let Some(file) = &args.volumes {
        write_file(file, &volumes_csv(&report))?;
    }
    if args.open {
        open_in_browser(&path);
    }
    let mut output = if session.json {
        Output::json(&report)?
    } else {
        let mut text = report_text(session, &report, args.top);
        for path in std::iter::once(&path).chain(&args.volumes) {
            let _ = write!(text, "\n{}\n", session.dim(&session.fill(Text::Written, &[&path.display()])));
        }
        Output::text(text)
    };
    output.notes = loaded.notes;
    Ok(output)
}

/// Goods by scenario, location, day and direction: the mean over the futures, and what 5 % and 95 % of them stay below.
fn volumes_csv(report: &SimulationReport) -> String {
    let measures = ["lines", "units", "volume_m3", "weight_kg"];
    let mut text = "scenario,location_id,date,direction".to_owned();
    for measure in measures {
        let _ = write!(text, ",{measure},{measure}_q0.05,{measure}_q0.95");
    }
    text.push_str(",p_over_capacity\n");
    for scenario in &report.scenarios {
        for SiteDay { location_id, day, inbound, outbound, p_over_capacity } in &scenario.volumes {
            for (direction, goods) in [("inbound", inbound), ("outbound", outbound)] {
                let _ = write!(text, "{},{},{day},{direction}", scenario.name, format::csv_cell(location_id));
                for Estimate { mean, low, high } in [goods.lines, goods.units, goods.volume, goods.weight] {
                    let _ = write!(text, ",{},{},{}", plain(mean), plain(low), plain(high));
                }
                let over = p_over_capacity.filter(|_| direction == "inbound").map_or_else(String::new, plain);
                let _ = writeln!(text, ",{over}");
            }
        }
    }
    text
}

/// A number without zeros at its end.
fn plain(number: f64) -> String {
    format!("{}", (number * 1e4).round() / 1e4)
}

fn explained(error: &SimulateError, options: &SimulateOptions) -> CliError {
    let message = error.to_string();
    match error {
        SimulateError::ShockOutside { shock, from, to } => {
            let late = options.shocks.iter().find(|other| other.to_string() == *shock && other.from > *to);
            let hint = match late {
                Some(shock) if shock.from.0 - from.0 < 730 => {
                    format!("--days {} plays until then", shock.from.0 - from.0 + 1)
                }
                _ => format!("name a day from {from} to {to}, such as @{from}"),
            };
            CliError::usage(message).hint(hint)
        }
        SimulateError::ShockMatchesNothing { .. } => CliError::usage(message)
            .hint("item.id, item.abc, item.category, location.id and location.kind are usual fields"),
        SimulateError::NothingToPlay { .. } => {
            CliError::data(message).hint("`restock check` says what to correct in the data")
        }
    }
}

fn report_text(session: &Session, report: &SimulationReport, top: usize) -> String {
    let lang = session.lang;
    let mut text = format!("{}\n\n", session.bold(&page::title(lang, report)));
    for shock in &report.shocks {
        let _ = writeln!(text, "{}: {}", session.text(Text::Shock), shock.text(lang));
    }
    for line in wrap(&page::headline(lang, report), session.width.min(100)) {
        let _ = writeln!(text, "{line}");
    }
    text.push('\n');
    let (head, rows) = page::indicators(lang, report);
    let mut grid = Grid::new();
    for (idx, label) in head.into_iter().enumerate() {
        grid = match idx {
            0 => grid.column(label, Align::Left),
            // On a narrow screen the intervals go first, that of the difference last.
            idx if idx % 2 == 0 => grid.optional(label, Align::Right, 10 - idx as u8),
            _ => grid.column(label, Align::Right),
        };
    }
    text.push_str(&filled(grid, rows).render(session));

    let (head, rows) = page::locations(lang, report);
    let _ = write!(text, "\n{}\n", session.bold(session.text(Text::ByLocation)));
    text.push_str(&filled(columns(head, 1, [0, 0, 5, 1, 6, 4, 3, 2]), rows).render(session));

    let (head, rows) = page::worst_lines(lang, report, top);
    if rows.is_empty() {
        let _ = write!(text, "\n{}\n", session.text(Text::NothingLost));
    } else {
        let title = session.fill(Text::WorstLines, &[&report.currency]);
        let _ = write!(text, "\n{}\n", session.bold(&title));
        text.push_str(&filled(columns(head, 2, [0, 0, 0, 4, 3, 2, 1, 5, 6]), rows).render(session));
    }

    let _ = write!(text, "\n{}\n", session.bold(session.text(Text::HowItWasDone)));
    for note in report.notes.iter().map(|note| note.text(lang).to_owned()).chain(page::left_out(lang, report)) {
        bullet(session, &mut text, &note, None);
    }
    text
}

/// Columns of which the first `n_words` hold words; `ranks` say what goes first on a narrow screen, 0 never.
fn columns<const N: usize>(head: Vec<String>, n_words: usize, ranks: [u8; N]) -> Grid {
    let mut grid = Grid::new();
    for (idx, label) in head.into_iter().enumerate() {
        let align = if idx < n_words { Align::Left } else { Align::Right };
        grid = grid.optional(label, align, ranks[idx.min(N - 1)]);
    }
    grid
}

fn filled(mut grid: Grid, rows: Vec<Vec<String>>) -> Grid {
    rows.into_iter().for_each(|row| grid.row(row));
    grid
}
