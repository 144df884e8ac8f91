//! Row errors of an import and data-health findings.

use serde::{Deserialize, Serialize};

use crate::dataset::RowRef;
use crate::quantity::Money;

/// One row that could not be taken in. The row is kept in quarantine; the import goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowError {
    /// File name as given by the user.
    pub file: String,
    /// Line or row number, counted as a spreadsheet counts: the header is row 1.
    pub row: u64,
    /// Column header as written in the file; empty when the whole row is at fault.
    pub column: String,
    /// The offending text.
    pub value: String,
    /// What was expected.
    pub expected: String,
    /// The way out.
    pub fix: String,
}

impl std::fmt::Display for RowError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { file, row, column, value, expected, fix } = self;
        write!(f, "{file} row {row}, column {column:?}: got {value:?}, expected {expected}; {fix}")
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Makes the plan less sure.
    Warning,
    /// The item-location should not be ordered without a look.
    Error,
}

/// The data-health checks, D01 to D28.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs)] // The titles below are the documentation.
pub enum FindingCode {
    D01,
    D02,
    D03,
    D04,
    D05,
    D06,
    D07,
    D08,
    D09,
    D10,
    D11,
    D12,
    D13,
    D14,
    D15,
    D16,
    D17,
    D18,
    D19,
    D20,
    D21,
    D22,
    D23,
    D24,
    D25,
    D26,
    D27,
    D28,
}

impl FindingCode {
    /// All codes in order.
    pub const ALL: [FindingCode; 28] = {
        use FindingCode::*;
        [
            D01, D02, D03, D04, D05, D06, D07, D08, D09, D10, D11, D12, D13, D14, D15, D16, D17, D18, D19, D20, D21,
            D22, D23, D24, D25, D26, D27, D28,
        ]
    };

    /// What the check looks for, in a few words.
    pub fn title(self) -> &'static str {
        match self {
            Self::D01 => "negative stock",
            Self::D02 => "stock above capacity",
            Self::D03 => "sales on closed or unlisted days",
            Self::D04 => "duplicate rows",
            Self::D05 => "unit jump by 10 or 1000",
            Self::D06 => "stale inventory",
            Self::D07 => "stock but no sales (phantom stock suspected)",
            Self::D08 => "sales with zero stock",
            Self::D09 => "missing or zero lead time",
            Self::D10 => "learned lead time differs from the configured one by more than half",
            Self::D11 => "overdue open orders",
            Self::D12 => "minimum order above a year of demand",
            Self::D13 => "pack larger than the shelf",
            Self::D14 => "shelf life below the protection interval",
            Self::D15 => "cost or price missing, or negative margin",
            Self::D16 => "circular supply lanes",
            Self::D17 => "no source of supply",
            Self::D18 => "calendar without an order day in the horizon",
            Self::D19 => "events in the future",
            Self::D20 => "unknown item, location or supplier",
            Self::D21 => "launch and end dates inconsistent",
            Self::D22 => "more returned than sold",
            Self::D23 => "time stamps straddle a day boundary",
            Self::D24 => "category with a single item",
            Self::D25 => "promotion without a price",
            Self::D26 => "recipe or bill of materials in a circle, with mixed-up units or without use",
            Self::D27 => "sensor readings and signals that cannot be used",
            Self::D28 => "long time without any sale at a location",
        }
    }
}

/// An English message that was written for many, in the singular where it counts one: `1 rows are` as `1 row is`.
pub fn in_singular(message: &str) -> String {
    const VERBS: [(&str, &str); 8] = [
        ("are", "is"),
        ("were", "was"),
        ("have", "has"),
        ("equal", "equals"),
        ("count", "counts"),
        ("repeat", "repeats"),
        ("end", "ends"),
        ("come", "comes"),
    ];
    const NOUNS: [&str; 14] = [
        "rows",
        "items",
        "ids",
        "days",
        "units",
        "orders",
        "periods",
        "values",
        "cells",
        "lines",
        "windows",
        "receipts",
        "item-locations",
        "locations",
    ];
    const MARKS: [char; 5] = [',', ';', ':', '.', ')'];
    let words: Vec<&str> = message.split(' ').collect();
    let mut out: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    for one in (0..words.len()).filter(|at| words[*at].trim_start_matches('(') == "1") {
        // At most two words stand between the number and what it counts, as in "1 open sales orders".
        let noun = (one + 1..words.len().min(one + 4)).find(|at| NOUNS.contains(&words[*at].trim_end_matches(MARKS)));
        let Some(at) = noun.filter(|at| !words[one + 1..*at].contains(&"of")) else { continue };
        let plural = words[at].trim_end_matches(MARKS);
        out[at] = format!("{}{}", &plural[..plural.len() - 1], &words[at][plural.len()..]);
        if plural.len() < words[at].len() {
            continue;
        }
        // The verbs up to the next mark: the first soon after the noun, and those that "and" joins to it.
        let (mut is_first, mut in_parentheses) = (true, false);
        for verb in at + 1..words.len() {
            let word = words[verb];
            in_parentheses |= word.starts_with('(');
            if !in_parentheses
                && let Some((_, singular)) = VERBS.iter().find(|(plural, _)| *plural == word)
                && (is_first && verb <= at + 6 || words[verb - 1] == "and")
            {
                out[verb] = (*singular).to_owned();
                is_first = false;
            }
            if word.ends_with(')') {
                in_parentheses = false;
            } else if !in_parentheses && word.ends_with(MARKS) {
                break;
            }
        }
    }
    out.join(" ")
}

/// One data-health finding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Which check.
    pub code: FindingCode,
    /// How bad.
    pub severity: Severity,
    /// What was found, with numbers.
    pub message: String,
    /// The same in Chinese.
    #[serde(default)]
    pub message_zh: String,
    /// What to do.
    pub fix: String,
    /// The same in Chinese.
    #[serde(default)]
    pub fix_zh: String,
    /// The item, where the finding is about one.
    pub item_id: Option<String>,
    /// The location, where the finding is about one.
    pub location_id: Option<String>,
    /// The rows that show it, at most ten.
    pub rows: Vec<RowRef>,
    /// How many rows show it in all.
    pub n_rows: usize,
}

/// The typed exceptions a planner sees, PRODUCT specification section 1.7.
///
/// [`GuardTripped`](Self::GuardTripped) and [`ModelDrift`](Self::ModelDrift) belong to learned policies and models that are
/// kept from run to run. Plans of classical policies never raise them: their models are fitted anew in every plan, and what
/// their rules cut is told by the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs)] // The names are the product's own codes.
pub enum ExceptionCode {
    StockoutNow,
    StockoutBeforeArrival,
    LateSupply,
    SupplierShort,
    Overstock,
    DeadStock,
    ExpiryRisk,
    DemandSpike,
    DemandDrop,
    ForecastBias,
    NewItemNoMatch,
    EndOfLifeBuy,
    PromoUncovered,
    PromoExcess,
    MoqInflated,
    ContainerUnderfilled,
    BudgetCut,
    CapacityCut,
    TransferOpportunity,
    PhantomStock,
    DataBlocked,
    OrderUnusual,
    GuardTripped,
    ModelDrift,
    CalendarGap,
    SubstituteAvailable,
    SurgeMode,
    TargetUnreachable,
}

/// Something a planner should look at, with the money at stake.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanException {
    /// What kind.
    pub code: ExceptionCode,
    /// The item.
    pub item_id: String,
    /// The location.
    pub location_id: String,
    /// Expected money at stake, project currency; exceptions are ranked by it.
    pub expected_money: Money,
    /// What happened, with numbers (English; `message_zh` in Chinese).
    pub message: String,
    /// The same in Chinese.
    pub message_zh: String,
    /// What to do about it.
    pub action: String,
    /// The same in Chinese.
    pub action_zh: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_no_plural() {
        for (many, one) in [
            ("1 item ids are used but not", "1 item id is used but not"),
            ("only 1 days of history; the forecast", "only 1 day of history; the forecast"),
            ("1 of 5 items have no price", "1 of 5 items have no price"),
            ("21 rows are", "21 rows are"),
            ("1 rows, of 1 items: left", "1 row, of 1 item: left"),
            (
                "1 values of column x have more than are kept and were cut",
                "1 value of column x has more than are kept and was cut",
            ),
            (
                "1 sales rows (3 %) equal an earlier row and were kept, as they",
                "1 sales row (3 %) equals an earlier row and was kept, as they",
            ),
            ("offsets: Z (1 rows)", "offsets: Z (1 row)"),
        ] {
            assert_eq!(in_singular(many), one);
        }
    }
}
