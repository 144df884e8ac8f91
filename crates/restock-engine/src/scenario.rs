//! The plan under other circumstances: what is changed, and how the orders differ.
//!
//! A scenario is a list of changes over the data and settings as they are; nothing is copied and nothing is stored. It is
//! planned by the same function as everything else.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use restock_core::filter::{Filter, FilterError};
use restock_core::proposal::ProposalSource;
use restock_core::settings::PlanSettings;
use restock_core::{Day, Forecaster, Money, Quantity};
use serde::{Deserialize, Serialize};

use crate::plan::{Plan, PlanLine, PlanSummary, ShadowPrice, plan};
use crate::what_if::{WhatIf, WhatIfError};

/// One change of a scenario.
///
/// ```text
/// change = what-if [ "where" filter ]        lead_time=+5 where source.id == 'FAR'
///        | limit [ scope ] "=" amount        budget=5000, volume location:S01=12, containers supplier:FAR=2
/// limit  = "budget" | "volume" | "weight" | "lines" | "containers"
/// scope  = "all" | "supplier:ID" | "location:ID" | "category:PATH", as in the table of budgets
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum ScenarioChange {
    /// Item-locations are planned as if this were so.
    Lines {
        /// What is different.
        what_if: WhatIf,
        /// For which; `None` is all of them.
        filter: Option<Filter>,
    },
    /// A limit over several lines, instead of that of the same kind and scope in tables and settings.
    Limit {
        /// Of what.
        limit: LimitKind,
        /// Over which lines.
        scope: String,
        /// Currency, cubic metres, kilograms, lines or containers.
        amount: f64,
    },
}

/// What may be limited over several lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LimitKind {
    /// Value of orders, currency.
    Budget,
    /// Cubic metres.
    Volume,
    /// Kilograms.
    Weight,
    /// Order lines.
    Lines,
    /// Containers or trucks of a supplier that says how large they are.
    Containers,
}

impl LimitKind {
    const ALL: [Self; 5] = [Self::Budget, Self::Volume, Self::Weight, Self::Lines, Self::Containers];

    /// The name in changes and shadow prices.
    pub fn name(self) -> &'static str {
        match self {
            Self::Budget => "budget",
            Self::Volume => "volume",
            Self::Weight => "weight",
            Self::Lines => "lines",
            Self::Containers => "containers",
        }
    }
}

/// Why a text is not a change of a scenario.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
    /// The what-if.
    #[error(transparent)]
    WhatIf(#[from] WhatIfError),
    /// Not a change at all.
    #[error(
        "change {0:?} is not known, use lead_time, review, target, demand, pack, min_order, on_hand or price, or a limit: \
         budget, volume, weight, lines or containers"
    )]
    Unknown(String),
    /// The filter.
    #[error("change {text:?}: {error}")]
    BadFilter {
        /// The whole text.
        text: String,
        /// What is wrong.
        error: FilterError,
    },
    /// A limit that is not an amount.
    #[error("change {text:?}: the amount is {got:?}, must be a number of 0 or more")]
    BadAmount {
        /// The whole text.
        text: String,
        /// The amount.
        got: String,
    },
    /// A limit over what nobody can name.
    #[error("change {text:?}: {got:?} is no scope, must be {expected}")]
    BadScope {
        /// The whole text.
        text: String,
        /// The scope.
        got: String,
        /// What is allowed.
        expected: &'static str,
    },
    /// A limit for some lines by a filter.
    #[error("change {0:?}: a limit has a scope such as supplier:ID or category:PATH, and no \"where\"")]
    LimitWithFilter(String),
}

impl ScenarioChange {
    /// Reads a change.
    ///
    /// ```
    /// use restock_engine::scenario::ScenarioChange;
    /// for text in ["lead_time=+5 where source.id == 'FAR'", "budget all=5000", "containers supplier:FAR=2"] {
    ///     assert!(ScenarioChange::parse(text).is_ok());
    /// }
    /// assert!(ScenarioChange::parse("containers=2").is_err(), "containers of whom?");
    /// ```
    ///
    /// # Errors
    /// [`ScenarioError`] says what is allowed.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let (head, filter) = text.split_once(" where ").map_or((text, None), |(head, filter)| (head, Some(filter)));
        let (name, value) = head.split_once('=').ok_or_else(|| WhatIfError::NoEquals(text.to_owned()))?;
        let (name, value) = (name.trim(), value.trim());
        let (first, scope) = name.split_once(' ').map_or((name, ""), |(first, scope)| (first, scope.trim()));
        if let Some(limit) = LimitKind::ALL.into_iter().find(|limit| limit.name() == first) {
            if filter.is_some() {
                return Err(ScenarioError::LimitWithFilter(text.to_owned()));
            }
            let bad_scope =
                |expected| ScenarioError::BadScope { text: text.to_owned(), got: scope.to_owned(), expected };
            let kind = scope.split_once(':').map(|(kind, id)| (kind, !id.is_empty()));
            match (limit, kind) {
                (LimitKind::Containers, Some(("supplier", true))) => {}
                (LimitKind::Containers, _) => return Err(bad_scope("supplier:ID, whose containers they are")),
                (_, Some(("supplier" | "location" | "category", true))) => {}
                (_, None) if scope.is_empty() || scope == "all" => {}
                _ => return Err(bad_scope("all, supplier:ID, location:ID or category:PATH")),
            }
            let amount = value.parse::<f64>().ok().filter(|amount| amount.is_finite() && *amount >= 0.0);
            let bad = || ScenarioError::BadAmount { text: text.to_owned(), got: value.to_owned() };
            let amount = amount.filter(|amount| limit != LimitKind::Lines || amount.fract() == 0.0).ok_or_else(bad)?;
            let scope = if scope.is_empty() { "all" } else { scope }.to_owned();
            return Ok(Self::Limit { limit, scope, amount });
        }
        let what_if = WhatIf::parse(head).map_err(|error| match error {
            WhatIfError::UnknownName(name) => ScenarioError::Unknown(name),
            error => error.into(),
        })?;
        if matches!(what_if, WhatIf::Quantity(_)) {
            // It is of one line, and decided there.
            return Err(ScenarioError::Unknown(head.to_owned()));
        }
        let filter = filter.map(Filter::parse).transpose();
        let filter = filter.map_err(|error| ScenarioError::BadFilter { text: text.to_owned(), error })?;
        Ok(Self::Lines { what_if, filter })
    }
}

/// The limits that a scenario sets instead of those of tables and settings; `None` once they are set.
#[derive(Clone, Debug, Default)]
pub(crate) struct LimitChanges(BTreeMap<(LimitKind, String), Option<f64>>);

impl LimitChanges {
    /// The last one of a kind and scope holds. What cannot be read is no limit; [`crate::check_settings`] finds it.
    pub(crate) fn of(settings: &PlanSettings) -> Self {
        let limits = settings.scenario.iter().filter_map(|text| match ScenarioChange::parse(text) {
            Ok(ScenarioChange::Limit { limit, scope, amount }) => Some(((limit, scope), Some(amount))),
            _ => None,
        });
        Self(limits.collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is left of a limit of tables or settings: what a scenario sets instead of it, once, or itself.
    pub(crate) fn instead_of(&mut self, limit: LimitKind, scope: &str, amount: f64) -> Option<f64> {
        let scope = if scope.is_empty() || scope.eq_ignore_ascii_case("all") { "all" } else { scope };
        match self.0.get_mut(&(limit, scope.to_owned())) {
            Some(changed) => changed.take(),
            None => Some(amount),
        }
    }

    /// Limits of a kind that nothing was replaced by: scope and amount.
    pub(crate) fn new_ones(&self, kind: LimitKind) -> impl Iterator<Item = (&str, f64)> {
        let of_kind = self.0.iter().filter(move |((limit, _), _)| *limit == kind);
        of_kind.filter_map(|((_, scope), amount)| Some((scope.as_str(), (*amount)?)))
    }
}

/// Settings under a scenario, on top of what is changed already.
///
/// # Errors
/// The first change that cannot be read.
pub fn with_scenario(settings: &PlanSettings, changes: &[String]) -> Result<PlanSettings, ScenarioError> {
    for change in changes {
        ScenarioChange::parse(change)?;
    }
    let mut settings = settings.clone();
    settings.scenario.extend(changes.iter().map(|change| change.trim().to_owned()));
    Ok(settings)
}

/// A plan beside the plan as things are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The day of both plans.
    pub as_of: Day,
    /// ISO 4217 code of every money amount.
    pub currency: String,
    /// Totals as things are, and under the scenario.
    pub summaries: [PlanSummary; 2],
    /// Limits as things are, and under the scenario.
    pub limits: [Vec<ShadowPrice>; 2],
    /// Item-locations whose order differs, largest difference in money first (in units where the cost is not known).
    pub lines: Vec<ComparedLine>,
}

/// An item-location as things are, and under a scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComparedLine {
    /// Item.
    pub item_id: String,
    /// Location.
    pub location_id: String,
    /// Where it would come from.
    pub source: ProposalSource,
    /// Proposed, base units.
    pub quantity: [Quantity; 2],
    /// Value of the order, where the cost is known.
    pub value: [Option<Money>; 2],
    /// Expected demand over the protection interval, base units.
    pub expected_demand: [f64; 2],
    /// Probability of a stock-out until the order after this one can arrive, with the order.
    pub p_stockout: [f64; 2],
    /// Days until expected demand has used up stock, order and what is on order.
    pub days_of_cover: [f64; 2],
}

impl ComparedLine {
    fn of(before: Option<&PlanLine>, after: Option<&PlanLine>) -> Option<Self> {
        let any = before.or(after)?;
        let pair = |of: fn(&PlanLine) -> f64| [before, after].map(|line| line.map_or(0.0, of));
        let quantity = [before, after].map(|line| line.map_or(Quantity::ZERO, |line| line.quantity));
        (quantity[0] != quantity[1]).then(|| Self {
            item_id: any.item_id.clone(),
            location_id: any.location_id.clone(),
            source: any.source.clone(),
            quantity,
            value: [before, after].map(|line| line.and_then(|line| line.value)),
            expected_demand: pair(|line| line.expected_demand),
            p_stockout: pair(|line| line.p_stockout[1]),
            days_of_cover: pair(|line| line.days_of_cover[1]),
        })
    }

    /// How much differs: money, then units.
    fn difference(&self) -> (Money, Quantity) {
        let [before, after] = self.value.map(Option::unwrap_or_default);
        let [was, is] = self.quantity;
        ((after - before).abs(), was.max(is) + -was.min(is))
    }
}

/// How a plan differs from another of the same day.
pub fn compare(before: &Plan, after: &Plan) -> Comparison {
    let key = |line: &PlanLine| (line.item_id.clone(), line.location_id.clone());
    let mut pairs: BTreeMap<(String, String), [Option<&PlanLine>; 2]> = BTreeMap::new();
    for line in &before.lines {
        pairs.entry(key(line)).or_default()[0] = Some(line);
    }
    for line in &after.lines {
        pairs.entry(key(line)).or_default()[1] = Some(line);
    }
    let mut lines: Vec<ComparedLine> =
        pairs.into_values().filter_map(|[before, after]| ComparedLine::of(before, after)).collect();
    // Stable: those that differ alike stay by item and location.
    lines.sort_by_key(|line| Reverse(line.difference()));
    Comparison {
        as_of: after.as_of,
        currency: after.currency.clone(),
        summaries: [before.summary.clone(), after.summary.clone()],
        limits: [before.shadow_prices.clone(), after.shadow_prices.clone()],
        lines,
    }
}

/// A point of the curve of service against stock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FrontierPoint {
    /// The service target of every item-location; `None`: as things are.
    pub target: Option<f64>,
    /// Totals of the plan.
    pub summary: PlanSummary,
    /// Limits, and what one more unit of each would bring.
    pub limits: Vec<ShadowPrice>,
}

/// What each service target would cost: the plan as things are, then one for each target.
///
/// `progress(done, total)` counts plans.
///
/// # Errors
/// A target that is none.
pub fn frontier(
    dataset: &restock_core::Dataset,
    settings: &PlanSettings,
    forecaster: &dyn Forecaster,
    targets: &[f64],
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Vec<FrontierPoint>, ScenarioError> {
    let mut points = Vec::with_capacity(targets.len() + 1);
    let total = targets.len() + 1;
    for target in std::iter::once(None).chain(targets.iter().copied().map(Some)) {
        let changes: Vec<String> = target.iter().map(|target| WhatIf::Target(*target).to_string()).collect();
        let changed = with_scenario(settings, &changes)?;
        progress(points.len(), total);
        // Whoever does not want the plan any more is heard between its item-locations.
        let planned = plan(dataset, &changed, forecaster, &|_, _| progress(points.len(), total));
        points.push(FrontierPoint { target, summary: planned.summary, limits: planned.shadow_prices });
    }
    progress(total, total);
    Ok(points)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_read() {
        let read = |text| ScenarioChange::parse(text).unwrap();
        assert_eq!(read("target=0.95"), ScenarioChange::Lines { what_if: WhatIf::Target(0.95), filter: None });
        let filter = Filter::parse("item.abc == 'A'").unwrap();
        let what_if = WhatIf::LeadTimeChange(5.0);
        assert_eq!(read("lead_time=+5 where item.abc == 'A'"), ScenarioChange::Lines { what_if, filter: Some(filter) });
        let limit = |limit, scope: &str, amount| ScenarioChange::Limit { limit, scope: scope.to_owned(), amount };
        assert_eq!(read("budget=500"), limit(LimitKind::Budget, "all", 500.0));
        assert_eq!(read("volume location:S 1=2.5"), limit(LimitKind::Volume, "location:S 1", 2.5));
        assert_eq!(read("containers supplier:FAR=0"), limit(LimitKind::Containers, "supplier:FAR", 0.0));
    }

    #[test]
    fn errors_say_what_is_allowed() {
        let error = |text| ScenarioChange::parse(text).unwrap_err().to_string();
        insta::assert_snapshot!(error("budget=-1"), @r#"change "budget=-1": the amount is "-1", must be a number of 0 or more"#);
        insta::assert_snapshot!(error("lines=1.5"), @r#"change "lines=1.5": the amount is "1.5", must be a number of 0 or more"#);
        insta::assert_snapshot!(error("containers=2"), @r#"change "containers=2": "" is no scope, must be supplier:ID, whose containers they are"#);
        insta::assert_snapshot!(error("budget shop:1=2"), @r#"change "budget shop:1=2": "shop:1" is no scope, must be all, supplier:ID, location:ID or category:PATH"#);
        insta::assert_snapshot!(error("budget=5 where item.abc == 'A'"), @r#"change "budget=5 where item.abc == 'A'": a limit has a scope such as supplier:ID or category:PATH, and no "where""#);
        insta::assert_snapshot!(error("colour=red"), @r#"change "colour" is not known, use lead_time, review, target, demand, pack, min_order, on_hand or price, or a limit: budget, volume, weight, lines or containers"#);
        insta::assert_snapshot!(error("target=0.9 where abc == 'A'"), @r#"change "target=0.9 where abc == 'A'": filter "abc == 'A'": got "abc" at character 1, expected a field such as item.abc, location.kind or source.id"#);
    }
}
