//! What a plan or backtest says to people: shared contents, and the HTML pages made from them.

pub(crate) mod backtest_page;
pub(crate) mod page;
pub(crate) mod plan_page;
pub(crate) mod simulation_page;

use restock_core::proposal::{Proposal, ProposalSource, WaterfallCode};
use restock_core::settings::{AssumedStock, Lang, PlanSettings};
use restock_core::{Dataset, Quantity};
use restock_engine::Plan;
use serde::Serialize;

use crate::format;
use crate::i18n::{Text, objective_label, unit_name, waterfall_short};
use crate::project::is_known;

/// Something the plan takes for granted, and how to replace it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Assumption {
    /// What is assumed.
    pub(crate) text: String,
    /// What replaces it.
    pub(crate) replace: String,
}

/// Days from the period of the last sale to the plan, beyond which sales are called stale.
const DAYS_STALE: f64 = 28.0;

/// Everything a plan assumed because no table or setting told it.
pub(crate) fn assumptions(
    plan: &Plan,
    dataset: &Dataset,
    settings: &PlanSettings,
    configured: bool,
    lang: Lang,
) -> Vec<Assumption> {
    let mut out = Vec::new();
    let mut add = |text: String, replace: Text| {
        out.push(Assumption { text, replace: replace.get(lang).to_owned() });
    };
    let last_sale = dataset.sales.day.iter().copied().filter(|day| *day < plan.as_of).max();
    if let Some(last) = last_sale
        && f64::from(plan.as_of.0 - last.0) > DAYS_STALE + settings.bucket.days()
    {
        add(Text::AssumeStale.fill(lang, &[&last, &(plan.as_of.0 - last.0)]), Text::ReplaceStale);
    }
    let n_planned = format::count(plan.summary.n_planned);
    if plan.summary.n_stock_assumed > 0 {
        let text = match settings.assumed_stock {
            AssumedStock::AtTarget => Text::AssumeStock,
            AssumedStock::Zero => Text::AssumeStockZero,
        };
        add(text.fill(lang, &[&format::count(plan.summary.n_stock_assumed), &n_planned]), Text::ReplaceStock);
    }
    if dataset.sources.is_empty() && dataset.receipts.is_empty() {
        let (lead_time, review) = (settings.default_lead_time_days, settings.default_review_days);
        add(Text::AssumeLeadTime.fill(lang, &[&lead_time, &review]), Text::ReplaceLeadTime);
    }
    if plan.summary.n_without_cost > 0 {
        let share = format::percent(settings.assumed_margin_share);
        let values: [&dyn std::fmt::Display; 3] =
            [&format::count(plan.summary.n_without_cost), &format::count(plan.summary.n_proposals), &share];
        add(Text::AssumeCost.fill(lang, &values), Text::ReplaceCost);
    }
    if settings.as_of.is_none() {
        add(Text::AssumeAsOf.fill(lang, &[&plan.as_of]), Text::ReplaceAsOf);
    }
    if !configured {
        add(Text::AssumeObjective.fill(lang, &[&objective_label(&settings.objective, lang)]), Text::ReplaceObjective);
        add(Text::AssumeCurrency.fill(lang, &[&plan.currency]), Text::ReplaceCurrency);
    }
    out
}

/// The sum of the waterfall in one line: `62 expected +12 buffer −26 on hand +0.5 full packs`.
///
/// Blanks within a term do not break, so that a wrapped sum still reads term by term.
pub(crate) fn sum_in_words(proposal: &Proposal, lang: Lang) -> String {
    let mut words = Vec::new();
    for line in proposal.explanation.waterfall.iter().filter(|line| line.value != Quantity::ZERO) {
        let value =
            if words.is_empty() { format::quantity(line.value, 0) } else { format::signed_quantity(line.value, 0) };
        // Stock that nobody counted is not called stock on hand.
        let assumed = line.evidence.iter().any(|(key, _)| key == "assumed");
        let word = match line.code {
            WaterfallCode::UsableOnHand if assumed => Text::AssumedInStock.get(lang),
            code => waterfall_short(code, lang),
        };
        words.push(format!("{value} {word}").replace(' ', "\u{a0}"));
    }
    words.join(" ")
}

/// Whether price or cost of the line is known. Where neither is, amounts of the plan rank lines and are no money.
pub(crate) fn has_money(proposal: &Proposal) -> bool {
    proposal.explanation.without_order.expected_lost_margin.is_some()
}

/// Units of demand that are expected to be lost, or to wait where unmet demand does, if the line is not ordered.
pub(crate) fn lost_units(proposal: &Proposal) -> f64 {
    proposal.explanation.without_order.expected_lost_units
}

/// Units of demand that are expected to be lost over lines, without and with their orders; what waits is not lost.
pub(crate) fn lost_in_units<'a>(proposals: impl IntoIterator<Item = &'a Proposal>) -> [f64; 2] {
    let mut lost = [0.0; 2];
    for proposal in proposals {
        let explanation = &proposal.explanation;
        if !explanation.unmet_waits {
            lost[0] += explanation.without_order.expected_lost_units;
            lost[1] += explanation.with_order.expected_lost_units;
        }
    }
    lost
}

/// Head of the column that tells what is at stake: money, or units where no line knows money.
pub(crate) fn at_risk_head(lines: &[&Proposal], currency: &str, lang: Lang) -> String {
    if !lines.is_empty() && !lines.iter().any(|line| has_money(line)) {
        return Text::AtRiskUnits.get(lang).to_owned();
    }
    format!("{} {currency}", Text::AtRisk.get(lang))
}

/// What is at stake with a line; `None` when nothing is. Among lines with money, units say that they are units.
pub(crate) fn at_risk(proposal: &Proposal, with_unit: bool, lang: Lang) -> Option<String> {
    if has_money(proposal) {
        return is_known(proposal.priority).then(|| format::money(proposal.priority, &proposal.currency));
    }
    let units = format::float(lost_units(proposal), 1);
    let told = if with_unit { Text::UnitsOf.fill(lang, &[&units]) } else { units };
    (lost_units(proposal) > 0.0).then_some(told)
}

/// Whether the order is in packs rather than base units.
pub(crate) fn is_packed(proposal: &Proposal) -> bool {
    proposal.order_units.quantity != proposal.quantity
}

/// A quantity in order units, such as `4 × pack of 12`; the base unit alone where nothing is packed.
pub(crate) fn order_units(proposal: &Proposal, lang: Lang) -> String {
    if !is_packed(proposal) {
        let uom = unit_name(&proposal.uom, lang);
        return format!("{} {uom}", format::quantity(proposal.quantity, 0)).trim_end().to_owned();
    }
    let units = &proposal.order_units;
    let n = format::quantity(units.quantity, 0);
    match units.uom.strip_prefix("pack of ").filter(|_| lang == Lang::ZhCn) {
        Some(pack) if pack.contains(' ') => format!("{n} 包 × {pack}"),
        Some(pack) => format!("{n} 包 × {pack} 件"),
        None => format!("{n} × {}", units.uom),
    }
}

/// A supplier, or the location a transfer comes from.
pub(crate) fn source_label(source: &ProposalSource, lang: Lang) -> String {
    match source {
        ProposalSource::SupplierId(id) => id.clone(),
        ProposalSource::LocationId(id) => Text::FromLocation.fill(lang, &[id]),
        ProposalSource::Unknown => Text::NoSupplier.get(lang).to_owned(),
    }
}
