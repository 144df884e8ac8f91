//! From the tables of a business to explained order proposals.
//!
//! [`plan`] is a pure function: dataset, settings and forecaster in, proposals out. Inside, [`HistoryBuilder`] turns
//! sales into demand histories, a [`PlanningUnit`] holds everything about one item-location, and [`plan_batch`] decides
//! a batch of complete items. [`explain`] gives the numbers behind one line. No file, clock or network is touched.

pub mod backtest;
mod batch;
mod builder;
mod closures;
mod decide;
mod effects;
mod exceptions;
mod explain;
mod explanation;
#[cfg(test)]
#[path = "../tests/fixtures/mod.rs"]
mod fixtures;
mod groups;
pub mod health;
mod history;
mod indicators;
mod judgement;
mod limits;
mod live;
mod months_of_stock;
mod newcomers;
mod past;
mod plan;
mod play;
pub mod portfolio;
mod recipe;
mod said_demand;
pub mod scenario;
mod sensors;
mod sentence;
pub mod simulate;
mod ties;
mod unit;
mod what_if;

pub use batch::{UnitPlan, UnitTotals, plan_batch};
pub use builder::UnitBuilder;
pub use effects::{ActingEffect, ActingEffects};
pub use explain::{
    ArrivalPoint, Change, ExplainError, Explained, Explainer, ForecastPoint, HistoryPoint, LineDetail, ProjectionPoint,
    explain,
};
pub use explanation::{LEARNED_SAVING, NOT_USED, OVERRIDE_BY, SIGNAL, USED_FOR};
pub use health::{BelievedRecord, CountLine, HealthReport, HealthScore, MissingTable, check};
pub use history::{History, HistoryBuilder, max_history_periods, plan_day, suggest_bucket};
pub use judgement::{CLASSICAL, ToJudge, facts, interval_forecasts};
pub use live::{LivePlan, Remembering, TablesOf, Whole};
pub use newcomers::item_text;
pub use past::{PastFigures, PastMonth};
pub use plan::{
    DetailedPlan, OrderGroup, Plan, PlanLine, PlanSummary, SettingsError, ShadowPrice, Unplanned, check_settings, plan,
    plan_with_details,
};
pub use recipe::Fraction;
pub use restock_core::filter;
pub use restock_inventory::kpi::Ratio;
pub use said_demand::{ActingOverride, EXTERNAL, GivenPeriod, PastSurge};
pub use sensors::ColdBreak;
pub use unit::{
    BelievedStock, Component, Lane, LearnedLeadTime, OpenSupply, PhantomStock, PlanningUnit, StockKnowledge, Timing,
};
pub use what_if::{WhatIf, WhatIfError};
