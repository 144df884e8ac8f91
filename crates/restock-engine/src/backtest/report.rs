//! What a backtest reports: indicators per policy, the bound, savings, and the sentences that say it honestly.

use restock_core::settings::Lang;
use restock_core::{Bucket, Day};
use serde::{Deserialize, Serialize};

use crate::indicators::Kpis;

/// What [`backtest`](super::backtest) found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BacktestReport {
    /// First day that counts.
    pub from: Day,
    /// Last day that counts.
    pub to: Day,
    /// Length of a period.
    pub bucket: Bucket,
    /// Periods that count.
    pub n_periods: usize,
    /// Periods played before `from` and left out of every number, so that the common starting stock does not matter.
    pub n_warmup_periods: usize,
    /// Item-locations replayed.
    pub n_item_locations: usize,
    /// Item-locations left out, by reason.
    pub skipped: Vec<Skipped>,
    /// Name of the forecaster.
    pub forecaster: String,
    /// Forecasts were made anew every so many periods, from data before that day only.
    pub reforecast_periods: usize,
    /// ISO 4217 code of every money amount.
    pub currency: String,
    /// Whether unit costs were assumed for some or all items, so that money is indicative.
    pub costs_assumed: bool,
    /// Share of the replayed demand that was not sold but estimated, because stock-outs cut sales off.
    pub latent_share: f64,
    /// Seed of lead times and bootstrap.
    pub seed: u64,
    /// Width of the intervals, for example 0.9.
    pub ci_level: f64,
    /// Policies, baselines and what really happened, side by side, in the order asked for.
    pub policies: Vec<PolicyResult>,
    /// What perfect foresight would have cost.
    pub bound: BoundResult,
    /// What each policy saved against each baseline.
    pub savings: Vec<Saving>,
    /// The first thing to say, in English: what the first policy saved against the main baseline, or that it did not.
    pub headline: String,
    /// The same in Chinese.
    pub headline_zh: String,
    /// How the replay was done and what it does not know, one sentence each.
    pub notes: Vec<Note>,
    /// One entry per week that counts (per period where periods are longer), for charts.
    pub timeline: Vec<TimelinePoint>,
    /// One entry per item-location, by item and location.
    pub lines: Vec<BacktestLine>,
    /// Every replayed order, warm-up included, when asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub orders: Vec<ReplayedOrder>,
}

/// An order that a policy would have placed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplayedOrder {
    /// The policy.
    pub policy: String,
    /// Item.
    pub item_id: String,
    /// Location.
    pub location_id: String,
    /// First day of the period in which it was placed.
    pub day: Day,
    /// Quantity, base units.
    pub quantity: f64,
}

/// A sentence in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// English.
    pub en: String,
    /// Chinese.
    pub zh: String,
}

impl Note {
    /// The sentence in a language.
    pub fn text(&self, lang: Lang) -> &str {
        match lang {
            Lang::En => &self.en,
            Lang::ZhCn => &self.zh,
        }
    }
}

/// Item-locations that were not replayed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Why.
    pub reason: Note,
    /// How many.
    pub n_item_locations: usize,
}

/// What kind of column this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyKind {
    /// A policy of ours, deciding on the forecast.
    Policy,
    /// A simple rule that many shops follow.
    Baseline,
    /// What the data say really happened.
    Actual,
}

/// One policy over all item-locations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyResult {
    /// Name as asked for: a policy name, `shop_rule` or `actual`.
    pub policy: String,
    /// What kind.
    pub kind: PolicyKind,
    /// Item-locations that this column covers; `actual` may cover fewer than the others.
    pub n_item_locations: usize,
    /// The indicators.
    pub kpis: Kpis,
    /// Cost minus the clairvoyant bound over the same item-locations, currency, at least 0; `None` for `actual`, which
    /// may order on other days.
    pub above_bound: Option<f64>,
    /// `above_bound` / cost, 0 to 1: the share of the cost that perfect foresight could save at most; `None` where there
    /// is no cost.
    pub gap_to_bound: Option<f64>,
}

/// The clairvoyant bound, summed over item-locations.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BoundResult {
    /// No policy can cost less that orders at the same opportunities, with the same lead times, packs, minimum and
    /// maximum orders and shelf lives.
    pub cost: f64,
    /// Item-locations for which some sequence of orders reaches the bound; for the others it may be lower than that.
    pub n_exact: usize,
    /// Its holding cost.
    pub holding_cost: f64,
    /// Its cost of lost sales (demand that no order could reach in time, or that was cheaper to lose).
    pub stockout_cost: f64,
    /// Its fixed cost of order lines.
    pub order_cost: f64,
    /// Its cost of waste.
    pub waste_cost: f64,
    /// Its fill rate.
    pub fill_rate: Option<f64>,
}

/// What one policy saved against one baseline, with a bootstrap interval over items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Saving {
    /// The policy.
    pub policy: String,
    /// Compared with.
    pub baseline: String,
    /// Item-locations that both cover.
    pub n_item_locations: usize,
    /// Cost of the baseline minus cost of the policy, over the days that count.
    pub amount: f64,
    /// The same as a share of the baseline's cost.
    pub share: f64,
    /// Interval of `share`: lower end.
    pub low: f64,
    /// Interval of `share`: upper end.
    pub high: f64,
    /// What that means.
    pub verdict: Verdict,
    /// The verdict as a sentence in English.
    pub sentence: String,
    /// The same in Chinese.
    pub sentence_zh: String,
}

/// What a saving's interval says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The whole interval is above zero.
    Saves,
    /// The interval holds zero.
    NoSavingFound,
    /// The whole interval is below zero.
    CostsMore,
}

/// One point of the charts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimelinePoint {
    /// First day of the week or period.
    pub day: Day,
    /// Demand, base units.
    pub demand: f64,
    /// Per column of [`BacktestReport::policies`].
    pub policies: Vec<TimelineValue>,
}

/// One policy at one point of the charts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TimelineValue {
    /// Units sold.
    pub sold: f64,
    /// Mean value of stock at the end of a period, at cost.
    pub stock_value: f64,
    /// Total relevant cost.
    pub cost: f64,
}

/// One item-location.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BacktestLine {
    /// Item.
    pub item_id: String,
    /// Location.
    pub location_id: String,
    /// Demand, base units.
    pub demand: f64,
    /// The clairvoyant bound.
    pub bound: f64,
    /// Per column of [`BacktestReport::policies`]; `None` where a column does not cover this item-location.
    pub policies: Vec<Option<LineResult>>,
}

/// One policy on one item-location.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LineResult {
    /// Units sold / demand.
    pub fill_rate: Option<f64>,
    /// Mean value of stock at the end of a period, at cost.
    pub mean_stock_value: f64,
    /// Order lines placed.
    pub n_orders: u64,
    /// Total relevant cost.
    pub cost: f64,
}
