//! The HTML page of a backtest: cost, service and stock of each policy, and what was saved, with intervals.

use std::fmt::Write;

use restock_core::Bucket;
use restock_core::settings::Lang;
use restock_engine::backtest::{BacktestReport, Kpis, PolicyKind, PolicyResult, Verdict};
use serde_json::json;

use super::page::{escape, shell};
use crate::format;
use crate::i18n::Text;

/// Item-locations listed.
const N_LINES: usize = 200;

/// The page.
pub(crate) fn render(lang: Lang, name: &str, report: &BacktestReport) -> String {
    let mut body = String::new();
    let t = |text: Text| escape(text.get(lang));
    let title = title(lang, report);
    let headline = match lang {
        Lang::En => &report.headline,
        Lang::ZhCn => &report.headline_zh,
    };
    let _ = write!(
        body,
        "<header><h1>{}</h1><span class=\"soft\">{}</span></header><p class=\"card headline\">{}</p>",
        escape(&title),
        escape(name),
        escape(headline)
    );
    let _ = write!(body, "<h2>{}</h2><div class=\"card\" id=\"costs\"></div>", t(Text::CostParts));
    let _ = write!(body, "<h2>{}</h2>", escape(&Text::SavingTitle.fill(lang, &[&format::percent(report.ci_level)])));
    savings(&mut body, lang, report);
    let _ = write!(
        body,
        "<div class=\"panes\"><div><h2>{}</h2><div class=\"card\" id=\"frontier\"></div></div>\
         <div><h2>{}</h2><div class=\"card chart\" id=\"timeline\"></div></div></div>",
        t(Text::FillVsStock),
        t(Text::StockOverTime)
    );
    let _ = write!(body, "<h2>{}</h2><div class=\"card scroll\"><table><tr><th></th>", t(Text::Indicators));
    for policy in &report.policies {
        let _ = write!(body, "<th class=\"num\">{}</th>", escape(&policy_label(lang, &policy.policy)));
    }
    body.push_str("</tr>");
    for (label, cells) in indicators(lang, report) {
        let _ = write!(body, "<tr><td>{}</td>", escape(&label));
        for cell in cells {
            let _ = write!(body, "<td class=\"num\">{}</td>", escape(&cell));
        }
        body.push_str("</tr>");
    }
    body.push_str("</table></div>");
    notes(&mut body, lang, report);
    lines(&mut body, lang, report);
    let _ = write!(body, "<footer>{}</footer>", escape(&Text::MadeBy.fill(lang, &[&env!("CARGO_PKG_VERSION")])));
    let step = match report.bucket {
        Bucket::Day | Bucket::Week => 7,
        Bucket::Month => 30,
    };
    let parts = [Text::Holding, Text::LostSales, Text::Ordering, Text::Waste].map(|text| text.get(lang));
    let data = json!({
        "lines": [],
        "bt": {
            "currency": report.currency,
            "policies": report.policies.iter().map(|policy| json!({
                "name": policy_label(lang, &policy.policy),
                "own": policy.kind == PolicyKind::Policy,
                "parts": [policy.kpis.holding_cost, policy.kpis.stockout_cost, policy.kpis.order_cost, policy.kpis.waste_cost],
                "stock": policy.kpis.mean_stock_value,
                "fill": policy.kpis.fill_rate,
            })).collect::<Vec<_>>(),
            "bound": [report.bound.holding_cost, report.bound.stockout_cost, report.bound.order_cost, report.bound.waste_cost],
            "step": step,
            "timeline": report.timeline.iter().map(|point| json!([
                point.day.0, point.policies.iter().map(|value| value.stock_value.round()).collect::<Vec<_>>(),
            ])).collect::<Vec<_>>(),
            "t": {
                "parts": parts,
                "bound": Text::Bound.get(lang), "fill": Text::FillRate.get(lang), "stock": Text::AvgStock.get(lang),
                "timeline": Text::StockOverTime.get(lang),
            },
        },
    });
    shell(lang, &format!("{name} · {title}"), &body, &data)
}

/// What was replayed, in one line.
pub(crate) fn title(lang: Lang, report: &BacktestReport) -> String {
    let n_days = report.to.0 - report.from.0 + 1;
    let n = format::count(report.n_item_locations);
    Text::BacktestTitle.fill(lang, &[&n, &n_days, &report.from, &report.to])
}

/// A policy's name, `actual` in words.
pub(crate) fn policy_label(lang: Lang, name: &str) -> String {
    match name {
        "actual" => Text::ActualOrders.get(lang).to_owned(),
        "shop_rule" => Text::ShopRule.get(lang).to_owned(),
        name => name.to_owned(),
    }
}

/// Savings as dots with whiskers on one axis, each with its sentence.
fn savings(body: &mut String, lang: Lang, report: &BacktestReport) {
    if report.savings.is_empty() {
        return;
    }
    let low = report.savings.iter().map(|saving| saving.low).fold(0.0, f64::min).max(-2.0) - 0.02;
    let high = report.savings.iter().map(|saving| saving.high).fold(0.0, f64::max) + 0.02;
    let x = |share: f64| ((share - low) / (high - low) * 100.0).clamp(0.0, 100.0);
    body.push_str("<div class=\"card\">");
    for saving in &report.savings {
        let class = match saving.verdict {
            Verdict::Saves => "good",
            Verdict::NoSavingFound => "none",
            Verdict::CostsMore => "minus",
        };
        let sentence = match lang {
            Lang::En => &saving.sentence,
            Lang::ZhCn => &saving.sentence_zh,
        };
        let pair =
            Text::Against.fill(lang, &[&policy_label(lang, &saving.policy), &policy_label(lang, &saving.baseline)]);
        let _ = write!(
            body,
            "<div class=\"step whisker\"><div class=\"l\">{}<span class=\"ev\">{}</span></div><div class=\"track\">\
             <i class=\"zero\" style=\"left:{:.2}%\"></i><div class=\"bar {class}\" style=\"left:{:.2}%;width:{:.2}%\"></div>\
             <b class=\"{class}\" style=\"left:{:.2}%\"></b></div><div class=\"v\">{}</div></div>",
            escape(&pair),
            escape(sentence),
            x(0.0),
            x(saving.low),
            x(saving.high) - x(saving.low),
            x(saving.share),
            escape(&format::percent(saving.share)),
        );
    }
    body.push_str("</div>");
}

/// Indicators by row, one cell per policy; the terminal shows the same.
pub(crate) fn indicators(lang: Lang, report: &BacktestReport) -> Vec<(String, Vec<String>)> {
    let row = |label: String, show: &dyn Fn(&Kpis) -> String| {
        (label, report.policies.iter().map(|policy| show(&policy.kpis)).collect())
    };
    let share = |value: Option<f64>| value.map_or("–".to_owned(), format::percent);
    let money = |value: f64| format::float(value, 0);
    let plain = |text: Text| text.get(lang).to_owned();
    let priced = |text: Text| format!("{}, {}", text.get(lang), report.currency);
    let mut rows = vec![
        row(priced(Text::Cost), &|kpis| money(kpis.cost)),
        row(plain(Text::FillRate), &|kpis| share(kpis.fill_rate)),
        row(plain(Text::InStock), &|kpis| share(kpis.in_stock)),
        row(priced(Text::AvgStock), &|kpis| money(kpis.mean_stock_value)),
        row(plain(Text::Turns), &|kpis| kpis.turns.map_or("–".to_owned(), |turns| format::float(turns, 1))),
        row(plain(Text::LostDemand), &|kpis| money(kpis.lost)),
        row(plain(Text::KpiLines), &|kpis| format::count(kpis.n_orders as usize)),
    ];
    if report.policies.iter().any(|policy| policy.kpis.waste > 0.0) {
        rows.push(row(plain(Text::Waste), &|kpis| format!("{} ({})", money(kpis.waste), share(kpis.waste_rate))));
    }
    let above = |policy: &PolicyResult| match policy.above_bound {
        Some(above) => format!("{} ({})", money(above), share(policy.gap_to_bound)),
        None => "–".to_owned(),
    };
    rows.push((priced(Text::AboveBound), report.policies.iter().map(above).collect()));
    rows
}

fn notes(body: &mut String, lang: Lang, report: &BacktestReport) {
    let _ = write!(body, "<h2>{}</h2><ul class=\"list\">", Text::HowItWasDone.get(lang));
    for note in &report.notes {
        let _ = write!(body, "<li><span class=\"wide\">{}</span></li>", escape(note.text(lang)));
    }
    for skipped in &report.skipped {
        let n = format::count(skipped.n_item_locations);
        let text = Text::SkippedPairs.fill(lang, &[&n, &skipped.reason.text(lang)]);
        let _ = write!(body, "<li><span class=\"wide soft\">{}</span></li>", escape(&text));
    }
    body.push_str("</ul>");
}

/// Item-locations where the policies differ most in cost.
fn lines(body: &mut String, lang: Lang, report: &BacktestReport) {
    let costs = |idx: usize| {
        report.lines[idx]
            .policies
            .iter()
            .map(|line| line.as_ref().map_or(f64::NAN, |line| line.cost))
            .collect::<Vec<_>>()
    };
    let spread = |idx: &usize| {
        let costs = costs(*idx);
        let low = costs.iter().copied().fold(f64::INFINITY, f64::min);
        costs.iter().copied().fold(f64::NEG_INFINITY, f64::max) - low
    };
    let mut order: Vec<usize> = (0..report.lines.len()).collect();
    order.sort_by(|a, b| spread(b).total_cmp(&spread(a)));
    if order.is_empty() {
        return;
    }
    let title = Text::CostByLine.fill(lang, &[&report.currency]);
    let _ = write!(body, "<h2>{}</h2><div class=\"card scroll\"><table><tr><th></th>", escape(&title));
    for policy in &report.policies {
        let _ = write!(body, "<th class=\"num\">{}</th>", escape(&policy_label(lang, &policy.policy)));
    }
    let _ = write!(body, "<th class=\"num\">{}</th></tr>", escape(Text::Bound.get(lang)));
    for idx in order.iter().take(N_LINES) {
        let line = &report.lines[*idx];
        let _ = write!(
            body,
            "<tr><td><b>{}</b> <span class=\"soft\">{}</span></td>",
            escape(&line.item_id),
            escape(&line.location_id)
        );
        for cost in costs(*idx) {
            let cost = if cost.is_nan() { "–".to_owned() } else { format::float(cost, 2) };
            let _ = write!(body, "<td class=\"num\">{cost}</td>");
        }
        let _ = write!(body, "<td class=\"num soft\">{}</td></tr>", format::float(line.bound, 2));
    }
    body.push_str("</table></div>");
    if order.len() > N_LINES {
        let more = Text::NMore.fill(lang, &[&format::count(order.len() - N_LINES)]);
        let _ = write!(body, "<p class=\"soft small\">{}</p>", escape(&more));
    }
}
