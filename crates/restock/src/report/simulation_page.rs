//! The HTML page of a simulation: what to expect, how stock and service move, and where margin is lost.

use std::fmt::Write;

use restock_core::Bucket;
use restock_core::settings::Lang;
use restock_engine::simulate::{Estimate, KpiEstimates, ScenarioResult, SimulatedLine, SimulationReport};
use serde_json::json;

use super::page::{escape, shell};
use crate::format;
use crate::i18n::Text;

/// Item-locations listed.
const N_LINES: usize = 200;

/// The page.
pub(crate) fn render(lang: Lang, name: &str, report: &SimulationReport) -> String {
    let t = |text: Text| escape(text.get(lang));
    let title = title(lang, report);
    let mut body = format!(
        "<header><h1>{}</h1><span class=\"soft\">{}</span></header><p class=\"card headline\">{}</p>",
        escape(&title),
        escape(name),
        escape(&headline(lang, report))
    );
    for shock in &report.shocks {
        let _ = write!(body, "<p><span class=\"chip hot\">{}</span> {}</p>", t(Text::Shock), escape(shock.text(lang)));
    }
    let _ = write!(
        body,
        "<div class=\"panes\"><div><h2>{}</h2><div class=\"card chart\" id=\"fan\"></div></div>\
         <div><h2>{}</h2><div class=\"card chart\" id=\"service\"></div></div></div>",
        escape(&Text::StockFan.fill(lang, &[&report.currency])),
        t(Text::ServiceByWeek)
    );
    let (head, rows) = indicators(lang, report);
    table(&mut body, Text::Indicators.get(lang), &head, rows);
    let (head, rows) = locations(lang, report);
    table(&mut body, Text::ByLocation.get(lang), &head, rows);
    let (head, rows) = worst_lines(lang, report, N_LINES);
    let title_of_lines = Text::WorstLines.fill(lang, &[&report.currency]);
    if rows.is_empty() {
        let _ = write!(body, "<p class=\"soft\">{}</p>", t(Text::NothingLost));
    } else {
        table(&mut body, &title_of_lines, &head, rows);
    }
    let _ = write!(body, "<h2>{}</h2><ul class=\"list\">", t(Text::HowItWasDone));
    for note in report.notes.iter().map(|note| note.text(lang).to_owned()).chain(left_out(lang, report)) {
        let _ = write!(body, "<li><span class=\"wide\">{}</span></li>", escape(&note));
    }
    let made_by = Text::MadeBy.fill(lang, &[&env!("CARGO_PKG_VERSION")]);
    let _ = write!(body, "</ul><footer>{}</footer>", escape(&made_by));
    let days_per_period = match report.bucket {
        Bucket::Day => 1,
        Bucket::Week => 7,
        Bucket::Month => 30,
    };
    let scenarios: Vec<_> = report
        .scenarios
        .iter()
        .map(|scenario| {
            let stock = scenario.stock_value.iter().map(|point| {
                let [low, lower, middle, upper, high] = point.quantiles.map(f64::round);
                json!([point.day.0, low, lower, middle, upper, high])
            });
            let service = scenario.service.iter().filter_map(|point| {
                let share = point.fill_rate?;
                Some(json!([point.day.0, share.mean, share.low, share.high]))
            });
            json!({
                "name": scenario_label(lang, report, scenario),
                "stock": stock.collect::<Vec<_>>(),
                "service": service.collect::<Vec<_>>(),
            })
        })
        .collect();
    let data = json!({
        "lines": [],
        "sim": {
            "step": days_per_period,
            "weekStep": days_per_period.max(7),
            "scenarios": scenarios,
            "t": { "stock": Text::StockOverTime.get(lang), "service": Text::ServiceByWeek.get(lang) },
        },
    });
    shell(lang, &format!("{name} · {title}"), &body, &data)
}

/// What was played, in one line.
pub(crate) fn title(lang: Lang, report: &SimulationReport) -> String {
    let n_days = report.to.0 - report.from.0 + 1;
    let (n_paths, n) = (format::count(report.n_paths), format::count(report.n_item_locations));
    Text::SimTitle.fill(lang, &[&n_days, &report.from, &report.to, &n_paths, &n])
}

/// What to expect, in a sentence; with a shock, what it changes.
pub(crate) fn headline(lang: Lang, report: &SimulationReport) -> String {
    let kpis = &report.scenarios[0].kpis;
    let share = |kpis: &KpiEstimates| shown(kpis.fill_rate, Kind::Share);
    let money = |value: Option<Estimate>| format!("{} {}", shown(value, Kind::Money), report.currency);
    match (&report.difference, report.scenarios.get(1)) {
        (Some(difference), Some(shocked)) => {
            let change = format!("{} {}", signed(difference.stockout_cost, Kind::Money), report.currency);
            Text::SimShocked.fill(lang, &[&share(&shocked.kpis), &share(kpis), &change])
        }
        _ => Text::SimHeadline.fill(lang, &[&share(kpis), &money(kpis.mean_stock_value), &money(kpis.stockout_cost)]),
    }
}

fn scenario_label(lang: Lang, report: &SimulationReport, scenario: &ScenarioResult) -> &'static str {
    match scenario.name.as_str() {
        _ if report.scenarios.len() == 1 => Text::Expected.get(lang),
        "shock" => Text::WithShock.get(lang),
        _ => Text::Baseline.get(lang),
    }
}

/// Takes an indicator.
type Value = fn(&KpiEstimates) -> Option<Estimate>;

/// How a number is shown.
#[derive(Clone, Copy)]
enum Kind {
    Share,
    Money,
    Units,
    Ratio,
}

fn number(value: f64, kind: Kind) -> String {
    match kind {
        Kind::Share => format::percent(value),
        Kind::Money | Kind::Units => format::float(value, 0),
        Kind::Ratio => format::float(value, 1),
    }
}

fn shown(value: Option<Estimate>, kind: Kind) -> String {
    value.map_or("–".to_owned(), |value| number(value.mean, kind))
}

/// A difference with its sign; shares in percentage points.
fn signed_number(value: f64, kind: Kind) -> String {
    let text = match kind {
        Kind::Share => format!("{} pp", format::float(value * 100.0, 1)),
        kind => number(value, kind),
    };
    if value > 0.0 { format!("+{text}") } else { text }
}

fn signed(value: Option<Estimate>, kind: Kind) -> String {
    value.map_or("–".to_owned(), |value| signed_number(value.mean, kind))
}

fn interval(value: Option<Estimate>, show: impl Fn(f64) -> String) -> String {
    match value {
        None => String::new(),
        Some(value) if value.low == value.high => show(value.low),
        // An en dash between signs cannot be read.
        Some(value) if show(value.low).starts_with(['-', '+']) || show(value.high).starts_with('+') => {
            format!("{} … {}", show(value.low), show(value.high))
        }
        Some(value) => format!("{}–{}", show(value.low), show(value.high)),
    }
}

/// Headers and rows of the indicators over everything; the terminal shows the same. After the label come pairs of
/// columns, expectation and interval: one pair, or baseline, shock and their difference.
pub(crate) fn indicators(lang: Lang, report: &SimulationReport) -> (Vec<String>, Vec<Vec<String>>) {
    let mut head = vec![String::new()];
    let labels = report.scenarios.iter().map(|scenario| scenario_label(lang, report, scenario));
    for label in labels.chain(report.difference.as_ref().map(|_| Text::DifferenceWord.get(lang))) {
        head.extend([label.to_owned(), Text::Interval.get(lang).to_owned()]);
    }
    let priced = |text: Text| format!("{}, {}", text.get(lang), report.currency);
    let plain = |text: Text| text.get(lang).to_owned();
    let any_waste = report.scenarios.iter().any(|scenario| scenario.kpis.waste.is_some_and(|waste| waste.high > 0.0));
    let waste_rows: [(String, Kind, Value); 2] = [
        (plain(Text::Waste), Kind::Share, |kpis| kpis.waste_rate),
        (format!("– {}", priced(Text::Waste)), Kind::Money, |kpis| kpis.waste_cost),
    ];
    let [waste_rate, waste_cost] = waste_rows.map(|row| any_waste.then_some(row));
    let rows: Vec<(String, Kind, Value)> = [
        Some((plain(Text::FillRate), Kind::Share, (|kpis| kpis.fill_rate) as Value)),
        Some((plain(Text::InStock), Kind::Share, |kpis| kpis.in_stock)),
        Some((plain(Text::CycleService), Kind::Share, |kpis| kpis.cycle_service)),
        Some((priced(Text::AvgStock), Kind::Money, |kpis| kpis.mean_stock_value)),
        Some((plain(Text::Turns), Kind::Ratio, |kpis| kpis.turns)),
        Some((plain(Text::DemandWord), Kind::Units, |kpis| kpis.demand)),
        Some((plain(Text::LostDemand), Kind::Units, |kpis| kpis.lost)),
        waste_rate,
        Some((plain(Text::KpiLines), Kind::Units, |kpis| kpis.n_orders)),
        Some((priced(Text::Cost), Kind::Money, |kpis| kpis.cost)),
        Some((format!("– {}", priced(Text::Holding)), Kind::Money, |kpis| kpis.holding_cost)),
        Some((format!("– {}", priced(Text::LostSales)), Kind::Money, |kpis| kpis.stockout_cost)),
        Some((format!("– {}", priced(Text::Ordering)), Kind::Money, |kpis| kpis.order_cost)),
        waste_cost,
    ]
    .into_iter()
    .flatten()
    .collect();
    let rows = rows.into_iter().map(|(label, kind, value)| {
        let mut row = vec![label];
        for scenario in &report.scenarios {
            let value = value(&scenario.kpis);
            row.extend([shown(value, kind), interval(value, |value| number(value, kind))]);
        }
        if let Some(difference) = &report.difference {
            let value = value(difference);
            row.extend([signed(value, kind), interval(value, |value| signed_number(value, kind))]);
        }
        row
    });
    (head, rows.collect())
}

/// Headers and rows by location; with a shock, each indicator reads `baseline → with shock`.
pub(crate) fn locations(lang: Lang, report: &SimulationReport) -> (Vec<String>, Vec<Vec<String>>) {
    let priced = |text: Text| format!("{}, {}", text.get(lang), report.currency);
    let head = vec![
        Text::Location.get(lang).to_owned(),
        Text::FillRate.get(lang).to_owned(),
        Text::InStock.get(lang).to_owned(),
        priced(Text::AvgStock),
        Text::Turns.get(lang).to_owned(),
        Text::Waste.get(lang).to_owned(),
        Text::KpiLines.get(lang).to_owned(),
        priced(Text::LostMarginWord),
    ];
    let columns: [(Kind, Value); 7] = [
        (Kind::Share, |kpis| kpis.fill_rate),
        (Kind::Share, |kpis| kpis.in_stock),
        (Kind::Money, |kpis| kpis.mean_stock_value),
        (Kind::Ratio, |kpis| kpis.turns),
        (Kind::Share, |kpis| kpis.waste_rate),
        (Kind::Units, |kpis| kpis.n_orders),
        (Kind::Money, |kpis| kpis.stockout_cost),
    ];
    let rows = report.scenarios[0].locations.iter().enumerate().map(|(idx, location)| {
        let mut row = vec![location.location_id.clone()];
        row.extend(columns.iter().map(|(kind, value)| {
            let cells = report.scenarios.iter().map(|scenario| shown(value(&scenario.locations[idx].kpis), *kind));
            cells.collect::<Vec<_>>().join(" → ")
        }));
        row
    });
    (head, rows.collect())
}

/// Headers and rows of the lines that lose most margin; with a shock, with the baseline's loss beside.
pub(crate) fn worst_lines(lang: Lang, report: &SimulationReport, n_lines: usize) -> (Vec<String>, Vec<Vec<String>>) {
    let mut head: Vec<String> =
        [Text::Item, Text::Location, Text::LostMarginWord, Text::Interval].map(|text| text.get(lang).to_owned()).into();
    let has_shock = report.scenarios.len() > 1;
    if has_shock {
        head.push(Text::Baseline.get(lang).to_owned());
    }
    let rest = [Text::LostDemand, Text::FillRate, Text::PShortage, Text::KpiLines];
    head.extend(rest.map(|text| text.get(lang).to_owned()));
    let worst = report.scenarios.last().expect("there is a baseline");
    let same = |line: &SimulatedLine, other: &SimulatedLine| {
        (&line.item_id, &line.location_id) == (&other.item_id, &other.location_id)
    };
    let lines = worst.lines.iter().filter(|line| line.lost_margin.mean > 0.0).take(n_lines);
    let rows = lines.map(|line| {
        let money = |value: f64| format::float(value, 2);
        let mut row = vec![
            line.item_id.clone(),
            line.location_id.clone(),
            money(line.lost_margin.mean),
            interval(Some(line.lost_margin), money),
        ];
        if has_shock {
            let before = report.scenarios[0].lines.iter().find(|other| same(line, other));
            row.push(before.map_or_else(String::new, |before| money(before.lost_margin.mean)));
        }
        row.extend([
            format::float(line.lost.mean, 1),
            line.fill_rate.map_or("–".to_owned(), format::percent),
            format::percent(line.p_stockout),
            format::float(line.n_orders, 1),
        ]);
        row
    });
    (head, rows.collect())
}

/// What could not be played.
pub(crate) fn left_out(lang: Lang, report: &SimulationReport) -> Option<String> {
    let n = report.unplanned.len();
    (n > 0).then(|| Text::SimUnplanned.fill(lang, &[&format::count(n)]))
}

/// A table whose first column, and every other that holds words, is aligned left.
fn table(body: &mut String, title: &str, head: &[String], rows: Vec<Vec<String>>) {
    let is_word = |idx: usize| idx == 0 || (idx == 1 && rows.iter().all(|row| is_text(&row[1])));
    let class = |idx: usize| if is_word(idx) { "" } else { " class=\"num\"" };
    let _ = write!(body, "<h2>{}</h2><div class=\"card scroll\"><table><tr>", escape(title));
    for (idx, label) in head.iter().enumerate() {
        let _ = write!(body, "<th{}>{}</th>", class(idx), escape(label));
    }
    body.push_str("</tr>");
    for row in &rows {
        body.push_str("<tr>");
        for (idx, cell) in row.iter().enumerate() {
            let _ = write!(body, "<td{}>{}</td>", class(idx), escape(cell));
        }
        body.push_str("</tr>");
    }
    body.push_str("</table></div>");
}

fn is_text(cell: &str) -> bool {
    cell.chars().next().is_some_and(char::is_alphabetic)
}
