//! `restock forecast`: demand as quantiles.

use std::fmt::Write;

use restock_core::settings::PlanSettings;
use restock_core::{Dataset, Day, Forecast, ForecastRequest, Forecaster, ItemIdx, LocationIdx};
use restock_engine::{History, UnitBuilder};
use serde_json::json;

use crate::cli::ForecastArgs;
use crate::error::CliError;
use crate::format;
use crate::i18n::Text;
use crate::project::{Project, forecaster, write_file};
use crate::session::{Output, Session};
use crate::table::{Align, Grid};

/// Series printed; the file has all.
const N_SHOWN: usize = 20;

pub(crate) fn run(session: &Session, args: &ForecastArgs) -> Result<Output, CliError> {
    let levels = levels(&args.quantiles)?;
    let project = Project::open(session, &args.data)?;
    let mut loaded = project.load(session)?;
    if let Some(model) = &args.model {
        loaded.settings.forecast_model.clone_from(model);
    }
    let model = forecaster(&loaded.settings.forecast_model, &loaded)?;
    let only = args.only.as_deref();
    let mut series = forecast(session, &loaded.import.dataset, &loaded.settings, model.as_ref(), args.horizon, only);
    if let (true, Some(only)) = (series.is_empty(), only) {
        return Err(CliError::usage(format!("{only:?} is not in the data"))
            .hint("write an item as in the sales file, or item@location"));
    }
    if let Some(out) = &args.out {
        write_file(out, &csv(&series, &levels))?;
    }
    let mut output = if session.json {
        let rows: Vec<_> = series
            .iter()
            .map(|s| {
                let quantiles: Vec<_> = levels.iter().map(|level| json!({
                    "level": level,
                    "values": (0..s.forecast.horizon()).map(|step| quantile(s, step, *level)).collect::<Vec<_>>(),
                })).collect();
                json!({
                    "item_id": s.item_id, "location_id": s.location_id, "days": s.days, "mean": s.forecast.mean,
                    "quantiles": quantiles, "model": s.forecast.model, "reason": s.forecast.reason,
                })
            })
            .collect();
        Output::json(&rows)?
    } else {
        Output::text(table(session, &mut series, &levels, args))
    };
    output.notes = loaded.notes;
    Ok(output)
}

/// The forecast of one item-location in base units.
struct SeriesForecast {
    item_id: String,
    location_id: String,
    /// First day of each period.
    days: Vec<Day>,
    forecast: Forecast,
}

/// Series handed to a model at a time: enough to keep every thread busy.
const BATCH: usize = 256;

fn forecast(
    session: &Session,
    dataset: &Dataset,
    settings: &PlanSettings,
    model: &dyn Forecaster,
    horizon: u32,
    only: Option<&str>,
) -> Vec<SeriesForecast> {
    let units = UnitBuilder::new(dataset, settings, None);
    let builder = &units.history;
    let horizon = horizon as usize;
    let ids = |(item, location): (ItemIdx, LocationIdx)| {
        (&*dataset.items[item.0 as usize].item_id, &*dataset.locations[location.0 as usize].location_id)
    };
    let wanted = |pair: (ItemIdx, LocationIdx)| {
        let (item, location) = ids(pair);
        only.is_none_or(|only| only == item || only == format!("{item}@{location}"))
    };
    let pairs: Vec<_> = builder.pairs_with_sales().filter(|pair| wanted(*pair)).collect();
    let first = builder.first_future_period();
    let days: Vec<Day> = (0..horizon as i32).map(|step| settings.bucket.first_day(first + step)).collect();
    let request = ForecastRequest { horizon, seed: settings.seed };
    let progress = session.progress(session.text(Text::Forecasting));
    let mut out = Vec::with_capacity(pairs.len());
    for batch in pairs.chunks(BATCH) {
        let histories: Vec<History> =
            batch.iter().map(|(item, location)| units.history_of(*item, *location, horizon)).collect();
        let series: Vec<_> = histories.iter().map(|history| history.without_effects().into_owned()).collect();
        for ((pair, history), mut forecast) in batch.iter().zip(&histories).zip(model.forecast(&series, &request)) {
            history.with_effects(&mut forecast);
            units.take_given(pair.0, pair.1, history, &mut forecast);
            let unit = 10_f64.powi(i32::from(dataset.items[pair.0.0 as usize].decimals));
            forecast.mean.iter_mut().chain(&mut forecast.quantiles).for_each(|value| *value /= unit);
            let (item_id, location_id) = ids(*pair);
            out.push(SeriesForecast {
                item_id: item_id.to_owned(),
                location_id: location_id.to_owned(),
                days: days.clone(),
                forecast,
            });
        }
        progress.set(out.len() as u64, pairs.len() as u64);
    }
    out
}

fn levels(levels: &[f64]) -> Result<Vec<f64>, CliError> {
    for level in levels {
        if !(0.01..=0.99).contains(level) {
            return Err(CliError::usage(format!("quantile level is {level}, must be from 0.01 to 0.99"))
                .hint("--quantiles 0.1,0.5,0.9"));
        }
    }
    let mut levels = levels.to_vec();
    levels.sort_by(f64::total_cmp);
    Ok(levels)
}

/// A quantile of one period, linear between the levels a forecast holds.
fn quantile(series: &SeriesForecast, step: usize, level: f64) -> f64 {
    let known = &restock_core::QUANTILE_LEVELS;
    let values = series.forecast.period_quantiles(step);
    let above = known.partition_point(|l| *l < level).clamp(1, known.len() - 1);
    let weight = ((level - known[above - 1]) / (known[above] - known[above - 1])).clamp(0.0, 1.0);
    values[above - 1] * (1.0 - weight) + values[above] * weight
}

fn csv(series: &[SeriesForecast], levels: &[f64]) -> String {
    let mut out = "item_id,location_id,date,mean".to_owned();
    for level in levels {
        let _ = write!(out, ",q{level}");
    }
    out.push_str(",model\n");
    for s in series {
        for step in 0..s.forecast.horizon() {
            let _ =
                write!(out, "{},{},{}", format::csv_cell(&s.item_id), format::csv_cell(&s.location_id), s.days[step]);
            let _ = write!(out, ",{:.4}", s.forecast.mean[step]);
            for level in levels {
                let _ = write!(out, ",{:.4}", quantile(s, step, *level));
            }
            let _ = writeln!(out, ",{}", format::csv_cell(&s.forecast.model));
        }
    }
    out
}

fn table(session: &Session, series: &mut [SeriesForecast], levels: &[f64], args: &ForecastArgs) -> String {
    let total = |s: &SeriesForecast| s.forecast.mean.iter().sum::<f64>();
    series.sort_by(|a, b| total(b).total_cmp(&total(a)));
    let start = series.first().and_then(|s| s.days.first()).map_or(String::new(), ToString::to_string);
    let title = session.fill(Text::ForecastTitle, &[&format::count(series.len()), &args.horizon, &start]);
    let mut text = format!("{}\n\n", session.bold(&title));
    let one = series.len() == 1;
    let mut grid = if one {
        Grid::new().column(session.text(Text::Day), Align::Left)
    } else {
        Grid::new().column(session.text(Text::Item), Align::Left).column(session.text(Text::Location), Align::Left)
    };
    grid = grid.column(session.text(if one { Text::Mean } else { Text::TotalWord }), Align::Right);
    // For many series the quantiles are those of the first period: quantiles of several periods do not add up.
    for level in levels {
        let head = if one { format!("q{level}") } else { format!("{start} q{level}") };
        grid = grid.optional(head, Align::Right, 3);
    }
    if !one {
        grid = grid.optional(session.text(Text::Model), Align::Text, 2);
    }
    let number = |value: f64| format::float(value, if value < 100.0 { 1 } else { 0 });
    if let (true, Some(s)) = (one, series.first()) {
        for step in 0..s.forecast.horizon() {
            let mut row = vec![s.days[step].to_string(), number(s.forecast.mean[step])];
            row.extend(levels.iter().map(|level| number(quantile(s, step, *level))));
            grid.row(row);
        }
    } else {
        for s in series.iter().take(N_SHOWN) {
            let mut row = vec![s.item_id.clone(), s.location_id.clone(), number(total(s))];
            row.extend(levels.iter().map(|level| number(quantile(s, 0, *level))));
            row.push(s.forecast.model.clone());
            grid.row(row);
        }
    }
    text.push_str(&grid.render(session));
    if let (true, Some(s)) = (one, series.first()) {
        text.push_str(&format!(
            "\n  {} {} ({})\n",
            session.text(Text::Model),
            s.forecast.model,
            session.said(&s.forecast.reason)
        ));
    } else if series.len() > N_SHOWN {
        let shown = session.fill(Text::ShowingSeries, &[&N_SHOWN, &format::count(series.len())]);
        text.push_str(&format!("  {}\n", session.dim(&shown)));
    }
    if let Some(out) = &args.out {
        text.push_str(&format!("\n{}\n", session.fill(Text::Written, &[&out.display()])));
    }
    text
}
