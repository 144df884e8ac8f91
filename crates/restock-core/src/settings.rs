//! Settings of a plan, with the defaults that `restock config explain` prints.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::forecast::{N_LEVELS, QUANTILE_LEVELS};
use crate::objective::{Objective, ServiceType};
use crate::time::{Bucket, Day};

/// What an absent sales row means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MissingSales {
    /// Nothing was sold.
    #[default]
    Zero,
    /// Nobody knows.
    Unknown,
    /// The place was closed.
    Closed,
}

/// What to assume about stock that no file tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssumedStock {
    /// The position was at its target one review period ago and has been sold from since: the order replaces what
    /// sold, corrected for the change of the target. Flagged on every line.
    #[default]
    AtTarget,
    /// Shelves are empty.
    Zero,
}

/// What a plan does with the belief about true stock where records are probably wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StockBeliefUse {
    /// Nothing.
    Off,
    /// It raises exceptions; orders are for what the records say.
    #[default]
    Warn,
    /// It raises exceptions, and orders are for the stock that is expected to be there.
    Use,
}

/// What a plan makes of perishable stock that stood too warm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColdChain {
    /// Nothing.
    Off,
    /// It ages faster, see [`PlanSettings::cold_chain_q10`].
    #[default]
    Shorten,
    /// It is not sold any more.
    Block,
}

impl ColdChain {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

fn is_default_q10(q10: &f64) -> bool {
    *q10 == DEFAULT_Q10
}

fn default_q10() -> f64 {
    DEFAULT_Q10
}

/// Labuza (1982), *Shelf-Life Dating of Foods*: between 2 and 4 for most chilled foods.
const DEFAULT_Q10: f64 = 3.0;

impl StockBeliefUse {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Share of a scarce stock that is shared in proportion to what is wanted, where nothing else is said.
const DEFAULT_FAIR_SHARE: f64 = 0.5;

fn is_default_fair_share(share: &f64) -> bool {
    *share == DEFAULT_FAIR_SHARE
}

fn default_fair_share() -> f64 {
    DEFAULT_FAIR_SHARE
}

fn is_default_count_cost(cost: &f64) -> bool {
    *cost == DEFAULT_COUNT_COST
}

fn default_count_cost() -> f64 {
    DEFAULT_COUNT_COST
}

/// Two minutes of somebody's time.
const DEFAULT_COUNT_COST: f64 = 0.5;

/// Language of sentences and messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Lang {
    /// English.
    #[default]
    #[serde(rename = "en")]
    En,
    /// Simplified Chinese.
    #[serde(rename = "zh-CN")]
    ZhCn,
}

/// Weights of the learned policy, fitted to a portfolio, in the bytes of their file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyWeights {
    /// SHA-256 of the bytes, hexadecimal: what a plan's identity holds of them.
    pub sha256: String,
    /// The file.
    #[serde(skip)]
    pub bytes: Arc<[u8]>,
}

/// Which levels to ask of forecasts for the nominal ones, because outcomes told so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AskedLevels {
    /// They are for item-locations whose median demand of the protection interval is below this, base units; `None`: for
    /// all others.
    pub median_below: Option<f64>,
    /// `[N_LEVELS]`, non-decreasing: the levels to ask for at [`QUANTILE_LEVELS`].
    pub levels: [f64; N_LEVELS],
}

impl AskedLevels {
    /// The level to ask for any nominal level, by the line between its neighbours; 0 and 1 stay what they are.
    ///
    /// ```
    /// use restock_core::{QUANTILE_LEVELS, settings::AskedLevels};
    /// let asked = AskedLevels { median_below: None, levels: QUANTILE_LEVELS.map(|level| level * level) };
    /// assert!((asked.level(0.5) - 0.25).abs() < 1e-12 && asked.level(1.0) == 1.0);
    /// ```
    pub fn level(&self, nominal: f64) -> f64 {
        let above = QUANTILE_LEVELS.iter().position(|level| *level >= nominal).unwrap_or(N_LEVELS);
        let levels = &self.levels;
        let (from, from_asked) = if above == 0 { (0.0, 0.0) } else { (QUANTILE_LEVELS[above - 1], levels[above - 1]) };
        let (to, to_asked) = if above == N_LEVELS { (1.0, 1.0) } else { (QUANTILE_LEVELS[above], levels[above]) };
        from_asked + (nominal - from) / (to - from) * (to_asked - from_asked)
    }
}

/// Settings of one plan. Same settings, data, seed and binary give the same proposals.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanSettings {
    /// The plan is made on the morning of this day; `None` takes the day after the last sale. Only rows dated before
    /// it are known.
    pub as_of: Option<Day>,
    /// Whether that day has begun, and its own rows are known so far: they count in the stock and in what is still expected
    /// of the day; the history ends the day before.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub day_has_begun: bool,
    /// The day on the clock, where there is one: rows dated more than a day later, which no time zone explains, have not
    /// happened.
    #[serde(skip)]
    pub today: Option<Day>,
    /// ISO 4217 code.
    pub currency: String,
    /// Period of the demand histories and their forecasts: a day, a week or a month. Everything after them, such as lead
    /// times, order days and arrivals, counts in days whatever it is.
    pub bucket: Bucket,
    /// What an absent sales row means.
    pub missing_sales: MissingSales,
    /// What to assume about unknown stock.
    pub assumed_stock: AssumedStock,
    /// What orders should achieve, where no segment or item-location says otherwise.
    pub objective: Objective,
    /// Carrying cost as a share of unit cost per year.
    pub carrying_cost_per_year: f64,
    /// Multiple of the margin that a lost sale costs.
    pub lost_sale_margin_multiple: f64,
    /// Fixed cost of one order line, currency.
    pub order_cost: f64,
    /// Share of the price assumed as margin where the cost is unknown.
    pub assumed_margin_share: f64,
    /// Lead time where no lane or receipt tells, days.
    pub default_lead_time_days: f64,
    /// Review period where no calendar tells, days.
    pub default_review_days: f64,
    /// Forecaster by name; `auto` chooses per item-location.
    pub forecast_model: String,
    /// Numbers that the pretrained model computes with: `auto` (the fastest that the processor has), `f32`, `bf16`,
    /// `int8`. Processors agree to a rounding error under `f32`, and a little less under `auto`.
    pub forecast_precision: String,
    /// Extra days of forecast beyond the protection interval.
    pub extra_horizon_days: u32,
    /// Recalibration of forecasts by what came of earlier ones: the first entry that applies to an item-location. Empty:
    /// forecasts are taken as they are.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub recalibration: Vec<AskedLevels>,
    /// Covariates to use: any of `price`, `promotion`, `holiday`, `signal`.
    pub covariates: Vec<String>,
    /// Policy by name; `classical` chooses base-stock, or (R,s,S) where the order cost matters, and `auto` watches beside
    /// it what the learned policy would order, or lets it act.
    pub policy: String,
    /// Whether the learned policy may act under `auto`; else it only watches (shadow mode).
    pub learned_acts: bool,
    /// Largest order of the learned policy as a multiple of the classical one, at least 1.
    pub learned_max_ratio: f64,
    /// Weights of the learned policy that were fitted to the user's items; the shipped ones where there are none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub learned_weights: Option<PolicyWeights>,
    /// Segments: the first whose filter matches overrides the objective or policy.
    pub segments: Vec<Segment>,
    /// Number of demand paths per item-location.
    pub n_paths: usize,
    /// Largest order as days of expected demand, a guard against blow-ups.
    pub max_days_of_cover: Option<f64>,
    /// The least and the most stock that every item-location should have when an order arrives, in months of its
    /// consumption, whatever its policy.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub months_of_stock: Option<[f64; 2]>,
    /// Share of the stock of a sending location that has too little, 0 to 1, that is shared in proportion to what is
    /// wanted; the rest goes where a unit is worth most.
    #[serde(skip_serializing_if = "is_default_fair_share", default = "default_fair_share")]
    pub fair_share: f64,
    /// What to do where stock records are probably wrong.
    #[serde(skip_serializing_if = "StockBeliefUse::is_default", default)]
    pub stock_belief: StockBeliefUse,
    /// What to make of perishable stock that stood above the `max_temperature` of its item.
    #[serde(skip_serializing_if = "ColdChain::is_default", default)]
    pub cold_chain: ColdChain,
    /// How many times faster such stock ages with each 10 degrees above, at least 1.
    #[serde(skip_serializing_if = "is_default_q10", default = "default_q10")]
    pub cold_chain_q10: f64,
    /// Cost of counting one item-location, currency.
    #[serde(skip_serializing_if = "is_default_count_cost", default = "default_count_cost")]
    pub count_cost: f64,
    /// Total order value allowed, currency.
    pub budget: Option<f64>,
    /// What is planned as if it were otherwise, a change each; empty: everything as it is.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub scenario: Vec<String>,
    /// Seed of every random number.
    pub seed: u64,
}

impl PlanSettings {
    /// The first day of which a plan of `as_of` knows nothing.
    pub fn unknown_from(&self, as_of: Day) -> Day {
        as_of.plus(i32::from(self.day_has_begun))
    }
}

/// A rule for some item-locations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// Filter, for example `item.abc == 'C' and location.kind == 'store'`.
    #[serde(rename = "where")]
    pub filter: String,
    /// Objective for these.
    #[serde(default)]
    pub objective: Option<Objective>,
    /// Policy for these.
    #[serde(default)]
    pub policy: Option<String>,
}

impl Default for PlanSettings {
    fn default() -> Self {
        Self {
            as_of: None,
            day_has_begun: false,
            today: None,
            currency: "EUR".to_owned(),
            bucket: Bucket::Day,
            missing_sales: MissingSales::Zero,
            assumed_stock: AssumedStock::AtTarget,
            objective: Objective::Service { service_type: ServiceType::FillRate, target: 0.98 },
            carrying_cost_per_year: 0.22,
            lost_sale_margin_multiple: 1.0,
            order_cost: 0.0,
            assumed_margin_share: 0.3,
            default_lead_time_days: 7.0,
            default_review_days: 7.0,
            forecast_model: "auto".to_owned(),
            forecast_precision: "auto".to_owned(),
            extra_horizon_days: 28,
            recalibration: Vec::new(),
            covariates: ["price", "promotion", "holiday", "signal"].map(str::to_owned).to_vec(),
            policy: "auto".to_owned(),
            learned_acts: false,
            learned_max_ratio: 1.5,
            learned_weights: None,
            segments: Vec::new(),
            n_paths: 256,
            max_days_of_cover: None,
            months_of_stock: None,
            fair_share: DEFAULT_FAIR_SHARE,
            stock_belief: StockBeliefUse::default(),
            cold_chain: ColdChain::default(),
            cold_chain_q10: DEFAULT_Q10,
            count_cost: DEFAULT_COUNT_COST,
            budget: None,
            scenario: Vec::new(),
            seed: 42,
        }
    }
}
