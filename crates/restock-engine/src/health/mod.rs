//! Data health: the checks D01 to D28, a score per item-location and table, and what each missing table would improve.
//!
//! Every check is one small function from `facts::Facts` to findings. A check stays silent when the tables it needs
//! are absent: a missing table is reported once, in [`HealthReport::missing_tables`], and not a thousand times as a
//! finding. Thresholds are chosen so that clean data raise nothing above [`Severity::Info`]; each one says why. The one that
//! cannot promise it is D07: demand for an item that stops in one place looks like an empty shelf.

mod count_list;
mod facts;
mod master_checks;
mod missing;
mod recipe_checks;
mod sales_checks;
mod sensor_checks;
mod stock_checks;
mod supply_checks;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rayon::prelude::*;
use restock_core::dataset::Dataset;
use restock_core::finding::in_singular;
use restock_core::settings::PlanSettings;
use restock_core::{Day, Finding, FindingCode, ItemIdx, LocationIdx, RowRef, Severity};
use serde::{Deserialize, Serialize};

pub use count_list::{BelievedRecord, CountLine};
pub use missing::MissingTable;

use facts::Facts;
pub(crate) use facts::LaneIndex;

/// Rows shown with a finding; the count says how many there are in all.
const N_ROWS_SHOWN: usize = 10;

/// What [`check`] found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HealthReport {
    /// The morning the data were looked at: rows dated before it are known.
    pub as_of: Day,
    /// Worst first, then by code, item and location.
    pub findings: Vec<Finding>,
    /// One per item-location seen in any table, by item and location.
    pub scores: Vec<HealthScore>,
    /// 0 to 1 per table that holds rows: one minus the share of its rows that findings point to, an error counting
    /// fully, a warning half and an info not at all.
    pub table_scores: BTreeMap<String, f64>,
    /// Tables that were not given, most useful first.
    pub missing_tables: Vec<MissingTable>,
    /// Item-locations of which the stock record is probably wrong, the count that saves most money first. Where the shelf is
    /// probably empty but a count costs more than it saves, [`CountLine::saving`] is not above 0.
    pub count_list: Vec<CountLine>,
    /// What is believed to be there at item-locations where something speaks against the record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beliefs: Vec<BelievedRecord>,
}

/// How far the data of one item-location can be trusted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HealthScore {
    /// The item.
    pub item_id: String,
    /// The location.
    pub location_id: String,
    /// 0 to 1: the product of 0.5 per error and 0.85 per warning that concerns this item-location, and of 0.8 when its
    /// stock is not known. Infos cost nothing.
    pub score: f64,
    /// The checks that lowered the score, in order.
    pub codes: Vec<FindingCode>,
    /// Whether any table tells its stock, or it has none because it is made when it is sold.
    pub stock_known: bool,
}

impl HealthReport {
    /// The worst severity found; `None` when nothing was.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    /// How many findings there are of each code.
    pub fn counts(&self) -> BTreeMap<FindingCode, usize> {
        let mut counts = BTreeMap::new();
        for finding in &self.findings {
            *counts.entry(finding.code).or_insert(0) += 1;
        }
        counts
    }
}

/// Check the data of one business. Findings of the import itself (duplicate rows, unknown ids, time zones) come in
/// through the dataset where the reader recorded them.
///
/// The checks read each table a few times and never fail; 10 million sales rows take a few seconds.
pub fn check(dataset: &Dataset, settings: &PlanSettings) -> HealthReport {
    let facts = Facts::new(dataset, settings);
    let mut findings: Vec<Finding> = Vec::new();

    // Checks over the sales of one item-location, the only large table, in one parallel pass.
    let per_pair: Vec<Vec<Finding>> = facts
        .pairs
        .par_iter()
        .map(|pair| {
            let history = facts.history(pair);
            sales_checks::PER_PAIR.iter().filter_map(|check| check(&facts, pair, &history)).collect()
        })
        .collect();
    findings.extend(per_pair.into_iter().flatten());
    sales_checks::fold_infos_d08(&mut findings);
    let (count_list, beliefs) = count_list::count_list(&facts);
    findings.extend(count_list::d07_phantom_stock(&facts, &count_list));

    let over_all = [
        sales_checks::OVER_ALL,
        stock_checks::OVER_ALL,
        supply_checks::OVER_ALL,
        master_checks::OVER_ALL,
        recipe_checks::OVER_ALL,
        sensor_checks::OVER_ALL,
    ];
    for checks in over_all {
        for check in checks {
            findings.extend(check(&facts));
        }
    }
    findings.sort_by(|a, b| {
        (b.severity, a.code, &a.item_id, &a.location_id, a.rows.first(), &a.message).cmp(&(
            a.severity,
            b.code,
            &b.item_id,
            &b.location_id,
            b.rows.first(),
            &b.message,
        ))
    });

    let scores = score_pairs(&facts, &findings);
    let table_scores = score_tables(dataset, &findings);
    let missing_tables = missing::missing_tables(&facts);
    HealthReport { as_of: facts.as_of, scores, table_scores, missing_tables, findings, count_list, beliefs }
}

/// The morning up to which `dataset` is known: the day the settings name, or the day after the last sale, where a few
/// stray rows far in the future (D19) do not count as the last sale.
pub fn known_as_of(dataset: &Dataset, settings: &PlanSettings) -> Day {
    restock_core::known::known_as_of(dataset, settings).0
}

fn penalty(severity: Severity) -> f64 {
    match severity {
        Severity::Info => 1.0,
        Severity::Warning => 0.85,
        Severity::Error => 0.5,
    }
}

/// Findings about a pair, its item, its location, or everything, multiply into the pair's score.
fn score_pairs(facts: &Facts<'_>, findings: &[Finding]) -> Vec<HealthScore> {
    type Key<'a> = (Option<&'a str>, Option<&'a str>);
    let mut by_subject: HashMap<Key<'_>, Vec<&Finding>> = HashMap::new();
    for finding in findings.iter().filter(|finding| finding.severity > Severity::Info) {
        by_subject.entry((finding.item_id.as_deref(), finding.location_id.as_deref())).or_default().push(finding);
    }
    facts
        .pairs
        .iter()
        .map(|pair| {
            let (item_id, location_id) = facts.ids(pair.item, pair.location);
            let subjects =
                [(None, None), (Some(item_id), None), (None, Some(location_id)), (Some(item_id), Some(location_id))];
            // Several findings of one code count once: ten duplicate rows are one problem.
            let mut worst: BTreeMap<FindingCode, Severity> = BTreeMap::new();
            for finding in subjects.iter().filter_map(|subject| by_subject.get(subject)).flatten() {
                let severity = worst.entry(finding.code).or_insert(finding.severity);
                *severity = (*severity).max(finding.severity);
            }
            let stock_known = !pair.inventory.is_empty() || facts.is_made_to_order(pair);
            let stock_factor = if stock_known { 1.0 } else { 0.8 };
            HealthScore {
                item_id: item_id.to_owned(),
                location_id: location_id.to_owned(),
                score: worst.values().map(|severity| penalty(*severity)).product::<f64>() * stock_factor,
                codes: worst.into_keys().collect(),
                stock_known,
            }
        })
        .collect()
}

/// A finding's rows belong to the table that its code is about.
fn score_tables(dataset: &Dataset, findings: &[Finding]) -> BTreeMap<String, f64> {
    let n_rows: [(&str, usize); 23] = [
        ("sales", dataset.sales.len()),
        ("inventory", dataset.inventory.len()),
        ("items", dataset.items.len()),
        ("locations", dataset.locations.len()),
        ("suppliers", dataset.suppliers.len()),
        ("sources", dataset.sources.len()),
        ("item_locations", dataset.item_locations.len()),
        ("open_orders", dataset.open_orders.len()),
        ("receipts", dataset.receipts.len()),
        ("prices", dataset.prices.len()),
        ("promotions", dataset.promotions.len()),
        ("calendars", dataset.calendars.len()),
        ("events", dataset.events.len()),
        ("signals", dataset.signals.len()),
        ("readings", dataset.readings.len()),
        ("stockouts", dataset.stockouts.len()),
        ("bom", dataset.bom.len()),
        ("adjustments", dataset.adjustments.len()),
        ("substitutions", dataset.substitutions.len()),
        ("budgets", dataset.budgets.len()),
        ("uoms", dataset.uoms.len()),
        ("forecast_overrides", dataset.forecast_overrides.len()),
        ("forecasts", dataset.forecasts.len()),
    ];
    let mut bad: BTreeMap<&str, f64> = BTreeMap::new();
    for finding in findings {
        let weight = match finding.severity {
            Severity::Info => 0.0,
            Severity::Warning => 0.5,
            Severity::Error => 1.0,
        };
        *bad.entry(table_of(finding.code)).or_insert(0.0) += weight * finding.n_rows.max(1) as f64;
    }
    n_rows
        .iter()
        .filter(|(_, n_rows)| *n_rows > 0)
        .map(|(table, n_rows)| {
            let share = bad.get(table).copied().unwrap_or(0.0) / *n_rows as f64;
            ((*table).to_owned(), (1.0 - share).clamp(0.0, 1.0))
        })
        .collect()
}

fn table_of(code: FindingCode) -> &'static str {
    use FindingCode::*;
    match code {
        D01 | D02 | D06 | D07 => "inventory",
        D03 | D04 | D05 | D08 | D19 | D20 | D22 | D23 | D28 => "sales",
        D09 | D10 | D12 | D13 | D16 | D17 => "sources",
        D11 => "open_orders",
        D14 | D15 | D21 | D24 => "items",
        D18 => "calendars",
        D25 => "promotions",
        D26 => "bom",
        D27 => "readings",
    }
}

/// A finding about everything; [`about`](Draft::about) and [`rows`](Draft::rows) narrow it down.
struct Draft(Finding);

fn finding(code: FindingCode, severity: Severity, message: [String; 2], fix: [&str; 2]) -> Draft {
    let [message, message_zh] = message;
    let message = in_singular(&message);
    let [fix, fix_zh] = fix.map(str::to_owned);
    Draft(Finding {
        code,
        severity,
        message,
        message_zh,
        fix,
        fix_zh,
        item_id: None,
        location_id: None,
        rows: Vec::new(),
        n_rows: 0,
    })
}

impl Draft {
    fn about(mut self, facts: &Facts<'_>, item: ItemIdx, location: LocationIdx) -> Self {
        let (item_id, location_id) = facts.ids(item, location);
        self.0.item_id = Some(item_id.to_owned());
        self.0.location_id = Some(location_id.to_owned());
        self
    }

    fn about_item(mut self, facts: &Facts<'_>, item: ItemIdx) -> Self {
        self.0.item_id = Some(facts.dataset.items[item.0 as usize].item_id.clone());
        self
    }

    fn about_location(mut self, facts: &Facts<'_>, location: LocationIdx) -> Self {
        self.0.location_id = Some(facts.dataset.locations[location.0 as usize].location_id.clone());
        self
    }

    /// Row links, first ten in file order.
    fn rows(mut self, rows: impl IntoIterator<Item = RowRef>) -> Finding {
        let rows: BTreeSet<RowRef> = rows.into_iter().collect();
        self.0.n_rows = rows.len();
        self.0.rows = rows.into_iter().take(N_ROWS_SHOWN).collect();
        self.0
    }

    fn no_rows(self) -> Finding {
        self.0
    }
}
