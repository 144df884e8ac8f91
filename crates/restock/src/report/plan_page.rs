//! The HTML page of a plan: what to order and why, exceptions, data health, assumptions.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

use restock_core::finding::{PlanException, Severity};
use restock_core::proposal::{Explanation, Proposal};
use restock_core::settings::Lang;
use restock_core::{Bucket, Finding, Money, Quantity};
use restock_engine::{LineDetail, OrderGroup};
use serde::Serialize;
use serde_json::{Value, json};

use super::page::{escape, shell};
use super::{at_risk, at_risk_head, has_money, is_packed, lost_in_units, order_units, source_label, sum_in_words};
use crate::catalogue::{alternative, driver, said};
use crate::format;
use crate::i18n::{
    Text, evidence_key, evidence_value, exception_label, finding_title, limit_label, objective_label, severity_label,
    unit_name, waterfall_label,
};
use crate::project::is_known;
use crate::verbs::plan::Planned;

/// Lines on the page; beyond it a browser becomes slow and a spreadsheet is the better tool.
const N_LINES: usize = 5_000;

#[derive(Serialize)]
struct PageData<'a> {
    t: BTreeMap<&'static str, &'static str>,
    lines: Vec<LineData<'a>>,
    csv: Vec<Vec<String>>,
}

/// One line for the script, names kept short because there are thousands.
#[derive(Serialize)]
struct LineData<'a> {
    /// Quantity.
    q: String,
    /// What is ordered: packs or units.
    p: &'static str,
    /// Sentence.
    s: &'a str,
    wf: Vec<WaterfallData>,
    /// Consequences: label, without, with.
    c: Vec<[String; 3]>,
    mg: Vec<[String; 3]>,
    #[serde(rename = "mgNote")]
    mg_note: Cow<'a, str>,
    sens: Vec<[String; 2]>,
    alt: Vec<[String; 2]>,
    drv: Vec<[String; 2]>,
    /// Exceptions: label, message, action.
    ex: Vec<[&'a str; 3]>,
    warn: Vec<Cow<'a, str>>,
    lin: Vec<String>,
    /// Charts.
    #[serde(skip_serializing_if = "Option::is_none")]
    d: Option<Value>,
}

#[derive(Serialize)]
struct WaterfallData {
    l: &'static str,
    v: String,
    n: f64,
    e: String,
}

/// The page.
pub(crate) fn render(lang: Lang, planned: &Planned) -> String {
    let Planned { plan, details, .. } = planned;
    let details: HashMap<(&str, &str), &LineDetail> =
        details.iter().map(|detail| ((&*detail.line.item_id, &*detail.line.location_id), detail)).collect();
    let mut by_line: HashMap<(&str, &str), Vec<&PlanException>> = HashMap::new();
    for exception in &plan.exceptions {
        by_line.entry((&exception.item_id, &exception.location_id)).or_default().push(exception);
    }
    let proposals = &plan.proposals[..plan.proposals.len().min(N_LINES)];
    let data = PageData {
        t: script_texts(lang),
        lines: proposals
            .iter()
            .map(|proposal| {
                let key = (&*proposal.item_id, &*proposal.destination);
                let exceptions = by_line.get(&key).map_or(&[][..], Vec::as_slice);
                line_data(lang, proposal, exceptions, details.get(&key).copied())
            })
            .collect(),
        csv: csv(proposals, lang),
    };
    let mut body = String::new();
    header(&mut body, lang, planned);
    kpis(&mut body, lang, planned);
    exceptions(&mut body, lang, &plan.exceptions, &plan.currency);
    orders(&mut body, lang, planned, proposals, details.len());
    shadow_prices(&mut body, lang, planned);
    unplanned(&mut body, lang, planned);
    assumptions(&mut body, lang, planned);
    health(&mut body, lang, planned);
    let _ = write!(body, "<footer>{}</footer>", escape(&Text::MadeBy.fill(lang, &[&env!("CARGO_PKG_VERSION")])));
    let title = format!("{} · {}", planned.loaded.name, Text::PlanTitle.fill(lang, &[&plan.as_of]));
    shell(lang, &title, &body, &data)
}

fn script_texts(lang: Lang) -> BTreeMap<&'static str, &'static str> {
    [
        ("total", Text::Total),
        ("waterfall", Text::WaterfallTitle),
        ("consequences", Text::WithWithoutTitle),
        ("without", Text::Without),
        ("with", Text::With),
        ("marginal", Text::MarginalTitle),
        ("pack", Text::Pack),
        ("pSold", Text::PSold),
        ("netGain", Text::NetGain),
        ("sensitivity", Text::SensitivityTitle),
        ("if", Text::If),
        ("quantity", Text::Quantity),
        ("alternatives", Text::AlternativesTitle),
        ("drivers", Text::DriversTitle),
        ("projection", Text::StockProjection),
        ("demand", Text::Demand),
        ("sales", Text::ChartHistory),
        ("forecast", Text::ForecastWord),
        ("censored", Text::SoldOut),
        ("stockWith", Text::ChartStockWith),
        ("stockWithout", Text::ChartStockWithout),
        ("band", Text::ChartBand),
        ("thisOrder", Text::ChartOrder),
        ("arrives", Text::ChartArrival),
    ]
    .into_iter()
    .map(|(key, text)| (key, text.get(lang)))
    .collect()
}

fn line_data<'a>(
    lang: Lang,
    proposal: &'a Proposal,
    exceptions: &[&'a PlanException],
    detail: Option<&LineDetail>,
) -> LineData<'a> {
    let Explanation { waterfall, marginal, sensitivity, alternatives, .. } = &proposal.explanation;
    let explanation = &proposal.explanation;
    let decimals =
        waterfall.iter().map(|line| line.value.decimals()).max().unwrap_or(0).max(proposal.quantity.decimals());
    let lineage = &explanation.lineage;
    LineData {
        q: format::quantity(proposal.quantity, decimals),
        p: if is_packed(proposal) { Text::Pack } else { Text::Unit }.get(lang),
        s: match lang {
            Lang::En => &explanation.sentence,
            Lang::ZhCn => &explanation.sentence_zh,
        },
        wf: waterfall
            .iter()
            .filter(|line| line.value != Quantity::ZERO)
            .map(|line| WaterfallData {
                l: waterfall_label(line.code, lang),
                v: format::signed_quantity(line.value, decimals),
                n: line.value.to_f64(),
                e: evidence(&line.evidence, lang),
            })
            .collect(),
        c: consequences(lang, &proposal.explanation, &proposal.currency),
        mg: marginal
            .iter()
            .map(|pack| {
                let gain = has_money(proposal).then(|| format::money(pack.net_gain, &proposal.currency));
                [pack.pack.to_string(), format::percent(pack.p_sold), gain.unwrap_or_else(|| "–".to_owned())]
            })
            .collect(),
        mg_note: said(&explanation.marginal_note, lang),
        sens: sensitivity.iter().map(|entry| [entry.what_if.clone(), format::quantity(entry.quantity, 0)]).collect(),
        alt: alternatives
            .iter()
            .map(|(name, quantity)| [alternative(name, lang), format::quantity(*quantity, 0)])
            .collect(),
        drv: explanation
            .drivers
            .iter()
            .map(|(name, effect)| {
                let sign = if *effect > 0.0 { "+" } else { "" };
                [driver(name, lang), format!("{sign}{}", format::float(*effect, 1))]
            })
            .collect(),
        ex: exceptions
            .iter()
            .map(|exception| {
                let (message, action) = match lang {
                    Lang::En => (&exception.message, &exception.action),
                    Lang::ZhCn => (&exception.message_zh, &exception.action_zh),
                };
                [exception_label(exception.code, lang), message.as_str(), action.as_str()]
            })
            .collect(),
        warn: explanation.warnings.iter().map(|warning| said(warning, lang)).collect(),
        lin: vec![
            format!("{} {}", Text::ModelWord.get(lang), lineage.forecast_model),
            format!("{} {}", Text::PolicyWord.get(lang), lineage.policy),
            format!("{} {}", Text::DataHash.get(lang), abbreviated(&lineage.data)),
            format!("{} {}", Text::SettingsHash.get(lang), abbreviated(&lineage.settings)),
            format!("{} {}", Text::Seed.get(lang), lineage.seed),
        ],
        d: detail.map(chart_data),
    }
}

/// Evidence as `from 2026-03-02 · to 2026-03-06`.
pub(crate) fn evidence(pairs: &[(String, String)], lang: Lang) -> String {
    pairs
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| format!("{} {}", evidence_key(key, lang), evidence_value(key, value, lang)))
        .collect::<Vec<_>>()
        .join(" · ")
}

fn abbreviated(hash: &str) -> &str {
    hash.get(..18).unwrap_or(hash)
}

/// Rows of the with-and-without table.
pub(crate) fn consequences(lang: Lang, explanation: &Explanation, currency: &str) -> Vec<[String; 3]> {
    let (without, with) = (&explanation.without_order, &explanation.with_order);
    let (units, margin) = if explanation.unmet_waits {
        (Text::WaitingUnits, Text::WaitingMargin)
    } else {
        (Text::LostUnits, Text::LostMargin)
    };
    let row = |text: Text, a: String, b: String| [text.get(lang).to_owned(), a, b];
    let mut rows = vec![
        row(Text::PStockout, format::percent(without.p_stockout), format::percent(with.p_stockout)),
        row(units, format::float(without.expected_lost_units, 1), format::float(with.expected_lost_units, 1)),
    ];
    if let (Some(a), Some(b)) = (without.expected_lost_margin, with.expected_lost_margin) {
        rows.push(row(margin, format::money_with_code(a, currency), format::money_with_code(b, currency)));
    }
    if without.expected_waste_units > 0.0 || with.expected_waste_units > 0.0 {
        rows.push(row(
            Text::WasteUnits,
            format::float(without.expected_waste_units, 1),
            format::float(with.expected_waste_units, 1),
        ));
    }
    rows.push(row(Text::DaysOfCover, format::float(without.days_of_cover, 1), format::float(with.days_of_cover, 1)));
    rows
}

/// Numbers for the two charts: days since 1970, amounts rounded to three digits.
fn chart_data(detail: &LineDetail) -> Value {
    let round = |value: f64| (value * 1e3).round() / 1e3;
    let history = &detail.history[detail.history.len().saturating_sub(56)..];
    json!({
        "step": match detail.bucket { Bucket::Day => 1, Bucket::Week => 7, Bucket::Month => 30 },
        "hist": history.iter().map(|point| {
            let censored = i32::from(point.observation == "censored");
            (point.day.0, round(point.sales), round(point.demand), censored)
        }).collect::<Vec<_>>(),
        "fc": detail.forecast.iter().map(|point| {
            let [_, q10, _, q50, _, q90, _] = point.quantiles;
            (point.day.0, round(point.mean), round(q50), round(q10), round(q50), round(q90))
        }).collect::<Vec<_>>(),
        "arr": detail.arrivals.iter().map(|arrival| {
            (arrival.day.0, format::quantity(arrival.quantity, 0), i32::from(arrival.proposed))
        }).collect::<Vec<_>>(),
        "proj": detail.projection.iter().map(|point| {
            let ([a, b, c], [d, e, f]) = (point.without_order.map(round), point.with_order.map(round));
            (point.day.0, a, b, c, d, e, f)
        }).collect::<Vec<_>>(),
    })
}

fn csv(proposals: &[Proposal], lang: Lang) -> Vec<Vec<String>> {
    let header = [
        "supplier",
        "destination",
        "item_id",
        "item_name",
        "quantity",
        "uom",
        "order_units",
        "order_uom",
        "value",
        "currency",
        "order_by",
        "expected_receipt",
        "why",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    rows.extend(proposals.iter().map(|p| {
        vec![
            p.source.to_string(),
            p.destination.clone(),
            p.item_id.clone(),
            p.item_name.clone(),
            p.quantity.to_string(),
            p.uom.clone(),
            p.order_units.quantity.to_string(),
            p.order_units.uom.clone(),
            p.value.map_or(String::new(), |value| value.to_string()),
            p.currency.clone(),
            p.order_by.to_string(),
            p.expected_receipt.to_string(),
            sum_in_words(p, lang).replace('\u{a0}', " "),
        ]
        .iter()
        .map(|text| restock_store::write::guard_formula(text).into_owned())
        .collect()
    }));
    rows
}

fn header(body: &mut String, lang: Lang, planned: &Planned) {
    let plan = &planned.plan;
    let _ = write!(
        body,
        "<header><h1>{}</h1><span class=\"soft\">{} · {} <code>{}</code></span></header>",
        escape(&Text::PlanTitle.fill(lang, &[&plan.as_of])),
        escape(&planned.loaded.name),
        Text::PlanId.get(lang),
        escape(plan.plan_id.get(..15).unwrap_or(&plan.plan_id)),
    );
}

fn card(body: &mut String, label: &str, number: &str, class: &str, note: &str) {
    let _ = write!(
        body,
        "<div class=\"card\"><div class=\"small soft\">{}</div><div class=\"n {class}\">{}</div><div class=\"small soft\">{}</div></div>",
        escape(label),
        escape(number),
        escape(note)
    );
}

fn kpis(body: &mut String, lang: Lang, planned: &Planned) {
    let (plan, summary) = (&planned.plan, &planned.plan.summary);
    let money = |value: Money| format::money_with_code(value, &plan.currency);
    body.push_str("<div class=\"cards\">");
    if summary.n_without_cost < summary.n_proposals || summary.n_proposals == 0 {
        let note = if summary.n_without_cost > 0 {
            Text::SummaryPartCost.fill(lang, &[&format::count(summary.n_without_cost)])
        } else {
            String::new()
        };
        card(body, Text::KpiValue.get(lang), &money(summary.order_value), "", &note);
    }
    let n_enough = summary.n_planned.saturating_sub(summary.n_proposals);
    let note = format!("{} {}", format::count(n_enough), Text::NotOrdered.get(lang));
    card(body, Text::KpiLines.get(lang), &format::count(summary.n_proposals), "", &note);
    let ([lost, lost_with], [waits, waits_with]) = (summary.lost_margin, summary.waiting_margin);
    if is_known(waits) {
        let parts = |lost: Money, waits: Money| Text::KpiLostAndWaiting.fill(lang, &[&money(lost), &money(waits)]);
        card(body, Text::KpiRiskWithout.get(lang), &money(lost + waits), "bad", &parts(lost, waits));
        card(body, Text::KpiRiskWith.get(lang), &money(lost_with + waits_with), "good", &parts(lost_with, waits_with));
    } else if is_known(lost) {
        card(body, Text::KpiRiskWithout.get(lang), &money(lost), "bad", Text::AtRiskHelp.get(lang));
        card(body, Text::KpiRiskWith.get(lang), &money(lost_with), "good", "");
    } else if !plan.proposals.is_empty() && !plan.proposals.iter().any(has_money) {
        let units = |lost: f64| Text::UnitsOf.fill(lang, &[&format::float(lost, 0)]);
        let [without, with] = lost_in_units(&plan.proposals);
        card(body, Text::KpiRiskWithout.get(lang), &units(without), "bad", Text::AtRiskHelp.get(lang));
        card(body, Text::KpiRiskWith.get(lang), &units(with), "good", "");
    }
    let [without, with] = summary.n_stockouts;
    let note = Text::KpiStockoutsHelp.fill(lang, &[&format::count(with)]);
    card(body, Text::KpiStockouts.get(lang), &format::count(without), "", &note);
    let arrow = summary.fill_rate.map(format::percent).join(" → ");
    let note = objective_label(&planned.loaded.settings.objective, lang);
    card(body, Text::FillRate.get(lang), &arrow, "", &note);
    if is_known(summary.stock_value) {
        card(body, Text::StockValue.get(lang), &money(summary.stock_value), "", "");
    }
    body.push_str("</div>");
}

fn exceptions(body: &mut String, lang: Lang, exceptions: &[PlanException], currency: &str) {
    let _ = write!(body, "<h2>{} <span class=\"soft\">{}</span></h2>", Text::TopExceptions.get(lang), exceptions.len());
    if exceptions.is_empty() {
        let _ = write!(body, "<p class=\"soft\">{}</p>", Text::NoExceptions.get(lang));
        return;
    }
    let item = |body: &mut String, exception: &PlanException| {
        let (message, action) = match lang {
            Lang::En => (&exception.message, &exception.action),
            Lang::ZhCn => (&exception.message_zh, &exception.action_zh),
        };
        let money = if is_known(exception.expected_money) {
            format::money_with_code(exception.expected_money, currency)
        } else {
            String::new()
        };
        let _ = write!(
            body,
            "<li><span><b>{}</b> <span class=\"soft\">{}</span> <span class=\"chip hot\">{}</span></span><span class=\"money\">{}</span>\
             <span class=\"wide\">{} <span class=\"soft\">{}</span></span></li>",
            escape(&exception.item_id),
            escape(&exception.location_id),
            escape(exception_label(exception.code, lang)),
            escape(&money),
            escape(message),
            escape(action),
        );
    };
    folded_list(body, lang, exceptions, 6, 500, item);
}

/// The first few entries of a list, the others behind a click, and the rest as a number.
fn folded_list<T>(
    body: &mut String,
    lang: Lang,
    entries: &[T],
    n_open: usize,
    n_max: usize,
    item: impl Fn(&mut String, &T),
) {
    let (open, rest) = entries.split_at(entries.len().min(n_open));
    body.push_str("<ul class=\"list\">");
    open.iter().for_each(|entry| item(body, entry));
    body.push_str("</ul>");
    if rest.is_empty() {
        return;
    }
    let more = Text::NMore.fill(lang, &[&format::count(rest.len())]);
    let _ = write!(body, "<details class=\"more\"><summary>{}</summary><ul class=\"list\">", escape(&more));
    rest.iter().take(n_max).for_each(|entry| item(body, entry));
    if rest.len() > n_max {
        let more = Text::NMore.fill(lang, &[&format::count(rest.len() - n_max)]);
        let _ = write!(body, "<li class=\"soft\">{}</li>", escape(&more));
    }
    body.push_str("</ul></details>");
}

fn orders(body: &mut String, lang: Lang, planned: &Planned, proposals: &[Proposal], n_details: usize) {
    let plan = &planned.plan;
    let _ = write!(
        body,
        "<h2>{} <span class=\"soft\">{}</span></h2>",
        Text::OrdersTitle.get(lang),
        format::count(plan.proposals.len())
    );
    if proposals.is_empty() {
        let nothing = if plan.summary.n_planned == 0 { Text::NothingPlanned } else { Text::NothingToOrder };
        let _ = write!(body, "<p>{}</p>", nothing.get(lang));
        return;
    }
    let search = escape(Text::Search.get(lang));
    let _ = write!(
        body,
        "<div class=\"tools\"><input type=\"search\" id=\"search\" placeholder=\"{search}\" aria-label=\"{search}\">\
         <button type=\"button\" id=\"csv\">{}</button></div>",
        Text::ExportCsv.get(lang)
    );
    // Groups in the order of their most valuable line.
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut places = HashMap::new();
    for (idx, proposal) in proposals.iter().enumerate() {
        let place = *places.entry((&proposal.source, &proposal.destination)).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[place].push(idx);
    }
    for lines in &groups {
        let first = &proposals[lines[0]];
        let group = plan.order_groups.iter().find(|g| g.source == first.source && g.destination == first.destination);
        let members: Vec<&Proposal> = lines.iter().map(|idx| &proposals[*idx]).collect();
        order_group(body, lang, plan, &members, group);
        let any_money = members.iter().any(|line| has_money(line));
        for idx in lines {
            order_line(body, lang, *idx, &proposals[*idx], any_money);
        }
        body.push_str("</section>");
    }
    if proposals.len() < plan.proposals.len() {
        let counts = (format::count(proposals.len()), format::count(plan.proposals.len()));
        let _ = write!(body, "<p class=\"soft\">{}</p>", Text::LinesLimited.fill(lang, &[&counts.0, &counts.1]));
    }
    if n_details < proposals.len() {
        let note = Text::DetailsLimited.fill(lang, &[&format::count(n_details)]);
        let _ = write!(body, "<p class=\"small soft\">{}</p>", escape(&note));
    }
}

fn order_group(
    body: &mut String,
    lang: Lang,
    plan: &restock_engine::Plan,
    lines: &[&Proposal],
    group: Option<&OrderGroup>,
) {
    let first = lines[0];
    let name = group.map(|group| group.source_name.as_str()).filter(|name| !name.is_empty());
    let _ = write!(body, "<section class=\"group\"><h3>{}", escape(&source_label(&first.source, lang)));
    if let Some(name) = name.filter(|name| *name != first.source.to_string()) {
        let _ = write!(body, " <span class=\"soft\">{}</span>", escape(name));
    }
    let _ = write!(body, " → {}", escape(&first.destination));
    let mut facts = vec![Text::lines(lang, group.map_or(lines.len(), |group| group.n_lines))];
    if let Some(group) = group {
        if is_known(group.value) {
            facts.push(format::money_with_code(group.value, &plan.currency));
        }
        if !group.minimum_met
            && let Some(minimum) = group.min_order_value
        {
            facts.push(Text::MinimumMissed.fill(lang, &[&format::money_with_code(minimum, &plan.currency)]));
        }
        if group.volume > 0.0 {
            facts.push(format!("{} m³", format::float(group.volume, 2)));
        }
    }
    let cut_off = group.map_or("", |group| &group.cut_off);
    facts.push(format!("{} {} {cut_off}", Text::OrderBy.get(lang), first.order_by).trim_end().to_owned());
    facts.push(format!("{} {}", Text::Arrives.get(lang), first.expected_receipt));
    let _ = write!(body, "<span class=\"soft\">{}</span></h3>", escape(&facts.join(" · ")));
    let heads = [
        Text::Item.get(lang).to_owned(),
        Text::Order.get(lang).to_owned(),
        format!("{} {}", Text::Value.get(lang), plan.currency),
        Text::StockoutWithout.get(lang).to_owned(),
        Text::Cover.get(lang).to_owned(),
        at_risk_head(lines, &plan.currency, lang),
    ];
    body.push_str("<div class=\"row heads\">");
    for head in heads {
        let _ = write!(body, "<span>{}</span>", escape(&head));
    }
    body.push_str("</div>");
}

fn order_line(body: &mut String, lang: Lang, idx: usize, proposal: &Proposal, any_money: bool) {
    let explanation = &proposal.explanation;
    let days = |days: f64| format::float(days.min(999.0), 0);
    let packed = proposal.order_units.uom != proposal.uom && !proposal.order_units.uom.is_empty();
    let base = if packed {
        format!(" = {} {}", format::quantity(proposal.quantity, 0), unit_name(&proposal.uom, lang))
    } else {
        String::new()
    };
    let key = format!("{} {} {} {}", proposal.item_id, proposal.item_name, proposal.destination, proposal.source);
    let value = proposal.value.map_or("–".to_owned(), |value| format::money(value, &proposal.currency));
    let priority = at_risk(proposal, any_money, lang).unwrap_or_else(|| "–".to_owned());
    let risk_head = if any_money { Text::AtRisk } else { Text::AtRiskUnits };
    let class = if explanation.without_order.p_stockout > 0.5 { "chip hot" } else { "" };
    let _ = write!(
        body,
        "<details class=\"line\" id=\"line-{idx}\" data-i=\"{idx}\" data-k=\"{}\"><summary class=\"row\">\
         <span class=\"item\"><b>{}</b> <span class=\"soft\">{}</span></span>\
         <span><span class=\"qty\">{}</span> <span class=\"soft\">{}</span></span>\
         <span data-h=\"{}\">{value}</span><span data-h=\"{}\"><span class=\"{class}\">{}</span></span>\
         <span data-h=\"{}\">{} → {} {}</span><span class=\"risk\" data-h=\"{}\">{priority}</span>\
         </summary><div class=\"why\"></div></details>",
        escape(&key.to_lowercase()),
        escape(&proposal.item_id),
        escape(&proposal.item_name),
        escape(&order_units(proposal, lang)),
        escape(&base),
        Text::Value.get(lang),
        Text::StockoutWithout.get(lang),
        format::percent(explanation.without_order.p_stockout),
        Text::Cover.get(lang),
        days(explanation.without_order.days_of_cover),
        days(explanation.with_order.days_of_cover),
        if lang == Lang::ZhCn { "天" } else { "d" },
        risk_head.get(lang),
    );
}

fn shadow_prices(body: &mut String, lang: Lang, planned: &Planned) {
    let prices = &planned.plan.shadow_prices;
    if prices.is_empty() {
        return;
    }
    let _ = write!(body, "<h2>{}</h2><div class=\"card scroll\"><table><tr>", Text::ShadowTitle.get(lang));
    for (idx, head) in [Text::Limit, Text::Allowed, Text::Used, Text::PerUnit].iter().enumerate() {
        let _ = write!(body, "<th{}>{}</th>", if idx > 0 { " class=\"num\"" } else { "" }, head.get(lang));
    }
    body.push_str("</tr>");
    for price in prices {
        let _ = write!(
            body,
            "<tr><td>{}</td><td class=\"num\">{}</td><td class=\"num\">{}</td><td class=\"num\">{}</td></tr>",
            escape(&limit_label(&price.limit, lang)),
            format::float(price.allowed, 2),
            format::float(price.used, 2),
            format::float(price.price, 3)
        );
    }
    body.push_str("</table></div>");
}

fn unplanned(body: &mut String, lang: Lang, planned: &Planned) {
    let unplanned = &planned.plan.unplanned;
    if unplanned.is_empty() {
        return;
    }
    let _ = write!(body, "<h2>{} <span class=\"soft\">{}</span></h2>", Text::Unplanned.get(lang), unplanned.len());
    folded_list(body, lang, unplanned, 5, 500, |body, entry| {
        let reason = match lang {
            Lang::En => &entry.reason,
            Lang::ZhCn => &entry.reason_zh,
        };
        let _ = write!(
            body,
            "<li><span class=\"wide\"><b>{}</b> <span class=\"soft\">{}</span> {}</span></li>",
            escape(&entry.item_id),
            escape(&entry.location_id),
            escape(reason)
        );
    });
}

fn assumptions(body: &mut String, lang: Lang, planned: &Planned) {
    let _ = write!(body, "<h2>{}</h2>", Text::Assumed.get(lang));
    if planned.assumptions.is_empty() {
        let _ = write!(body, "<p class=\"soft\">{}</p>", Text::NoAssumptions.get(lang));
    } else {
        body.push_str("<ul class=\"list\">");
        for assumption in &planned.assumptions {
            let replace = Text::AssumedReplace.fill(lang, &[&assumption.replace]);
            let _ = write!(
                body,
                "<li><span class=\"wide\">{}</span><span class=\"wide small soft\">{}</span></li>",
                escape(&assumption.text),
                escape(&replace)
            );
        }
        body.push_str("</ul>");
    }
    if planned.missing.is_empty() {
        return;
    }
    let _ = write!(body, "<h2>{}</h2><ul class=\"list\">", Text::Missing.get(lang));
    for table in &planned.missing {
        let improves = match lang {
            Lang::En => &table.improves,
            Lang::ZhCn => &table.improves_zh,
        };
        let _ =
            write!(body, "<li><span class=\"wide\"><b>{}</b> {}</span></li>", escape(&table.table), escape(improves));
    }
    body.push_str("</ul>");
}

fn health(body: &mut String, lang: Lang, planned: &Planned) {
    let findings = &planned.plan.findings;
    let import = &planned.loaded.import;
    let _ = write!(body, "<h2>{} <span class=\"soft\">{}</span></h2>", Text::DataHealth.get(lang), findings.len());
    let mut read = Vec::new();
    for table in &import.tables {
        let rows = Text::RowsRead.fill(lang, &[&format::count(table.n_accepted as usize)]);
        read.push(format!("{} {rows} ({})", table.table, table.file));
    }
    if import.n_row_errors > 0 {
        read.push(Text::RowsBad.fill(lang, &[&format::count(import.n_row_errors)]));
    }
    let _ = write!(body, "<p class=\"small soft\">{}", escape(&read.join(" · ")));
    for note in &import.notes {
        let _ = write!(body, "<br>{}", escape(&said(note, lang)));
    }
    body.push_str("</p>");
    if findings.is_empty() {
        let _ = write!(body, "<p class=\"soft\">{}</p>", Text::CheckClean.get(lang));
        return;
    }
    let item = |body: &mut String, finding: &Finding| {
        let (message, fix) = match lang {
            Lang::ZhCn if !finding.message_zh.is_empty() => (&finding.message_zh, &finding.fix_zh),
            _ => (&finding.message, &finding.fix),
        };
        let class = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "",
        };
        let subject: Vec<&str> =
            [&finding.item_id, &finding.location_id].into_iter().flatten().map(String::as_str).collect();
        let _ = write!(
            body,
            "<li><span><b>{:?}</b> {} <span class=\"soft\">{}</span></span><span class=\"chip {class}\">{}</span>\
             <span class=\"wide\">{} <span class=\"soft\">{}</span></span></li>",
            finding.code,
            escape(finding_title(finding.code, lang)),
            escape(&subject.join("@")),
            severity_label(finding.severity, lang),
            escape(message),
            escape(fix),
        );
    };
    folded_list(body, lang, findings, 6, 500, item);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn the_page_stands_alone_in_both_languages() {
        let planned = samples::planned();
        for lang in [Lang::En, Lang::ZhCn] {
            let page = render(lang, &planned);
            for outside in ["http://", "https://", "//cdn", "@import", "url("] {
                assert!(!page.contains(outside), "{outside} would need a network");
            }
            assert!(page.contains("Salmon &lt;fillet&gt;"), "names are escaped");
            assert!(page.contains(Text::OrdersTitle.get(lang)));
            assert_eq!(page.matches("<details class=\"line\"").count(), 3, "one row per line");
            // For a look at it: RESTOCK_SAMPLE_DIR=/tmp cargo test -p restock the_page
            if let Ok(dir) = std::env::var("RESTOCK_SAMPLE_DIR") {
                std::fs::write(format!("{dir}/sample-{lang:?}.html"), &page).expect("the folder can be written");
            }
        }
    }

    #[test]
    fn bars_on_the_page_add_up_to_the_quantity() {
        let planned = samples::planned();
        for proposal in &planned.plan.proposals {
            let data = line_data(Lang::En, proposal, &[], None);
            let sum: f64 = data.wf.iter().map(|line| line.n).sum();
            assert!((sum - proposal.quantity.to_f64()).abs() < 1e-9);
        }
    }
}
