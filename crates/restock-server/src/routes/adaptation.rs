//! What outcomes of earlier decisions have taught.

use axum::Json;
use axum::extract::State;
use restock_adapt::report::{AlarmReport, ContestReport, LevelCoverage, SegmentReport};
use restock_adapt::{AdaptationReport, BacktestRun, Change, Subject, Verdict};
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::routes::edit_rules::{RuleRow, rows};
use crate::server::App;

/// Coverage of one quantile.
#[derive(Debug, Serialize, ToSchema)]
struct LevelRow {
    /// Nominal level.
    level: f64,
    /// Share of outcomes below the quantile; the level lies between this and `at_or_below` where the forecast is right.
    below: f64,
    /// Share of outcomes at or below it.
    at_or_below: f64,
    /// The level that plans ask of the forecaster now.
    asked: f64,
}

/// How forecasts of a segment have done.
#[derive(Debug, Serialize, ToSchema)]
struct SegmentRow {
    /// `all`, `sparse`, `slow`, `medium` or `fast`.
    segment: &'static str,
    /// Outcomes seen in full.
    n_seen: u64,
    /// Outcomes of which only a lower bound is known.
    n_censored: u64,
    /// Relative bias, positive for over-forecast.
    bias: Option<f64>,
    /// Weighted quantile loss.
    wql: Option<f64>,
    levels: Vec<LevelRow>,
}

/// Evidence that a forecast no longer fits.
#[derive(Debug, Serialize, ToSchema)]
struct AlarmRow {
    /// `DEMAND_SPIKE`, `DEMAND_DROP`, `FORECAST_BIAS` or `MODEL_DRIFT`.
    code: serde_json::Value,
    /// The item; nothing where it is about a whole segment.
    item_id: Option<String>,
    /// The location; nothing where it is about a whole segment.
    location_id: Option<String>,
    /// The segment, where it is about a whole one.
    segment: Option<&'static str>,
    raised_on: String,
    /// When the change most likely began.
    since: String,
    /// Outcomes since then.
    n_outcomes: u32,
    /// Demand seen since then, units.
    demand: f64,
    /// Demand expected since then, units.
    expected: f64,
    message: String,
    /// The same in Chinese.
    message_zh: String,
}

/// A change of what is in use.
#[derive(Debug, Serialize, ToSchema)]
struct ChangeRow {
    day: String,
    /// `entered`, `promoted`, `kept`, `rejected`, `rolled_back_by_evidence`, `rolled_back_by_budget` or `settled`.
    kind: serde_json::Value,
    /// What acts afterwards.
    champion: String,
    other: String,
    /// The evidence in a sentence.
    message: Option<String>,
}

/// Where versions of the demand model or of the policy compete.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ContestRow {
    /// `model` or `policy`.
    of: String,
    /// The version that acts.
    champion: String,
    /// The version that only watches.
    in_shadow: Option<String>,
    /// `quiet`, `trial` or `watch`.
    phase: String,
    /// Relative saving of the version in the shadow.
    saving: Option<f64>,
    /// Its confidence interval, which holds at any time.
    interval: Option<[f64; 2]>,
    /// Periods that have ended.
    n_periods: u32,
    /// Outcomes compared.
    n_outcomes: u64,
    /// The same in a sentence.
    message: Option<String>,
    history: Vec<ChangeRow>,
}

/// What edits of people were worth.
#[derive(Debug, Serialize, ToSchema)]
struct EditRow {
    n_edits: u64,
    /// Edits that cost less than the plan would have.
    n_better: u64,
    /// What they saved in all, currency.
    saved: f64,
}

/// What overrides of forecasts by people were worth.
#[derive(Debug, Serialize, ToSchema)]
struct OverrideValueRow {
    /// Overridden forecasts whose demand was seen in full.
    n_overridden: u64,
    /// Those nearer to what came than the model alone.
    n_better: u64,
    /// Sum of absolute errors of the model alone, base units.
    error_without: f64,
    /// The same with what people said.
    error_with: f64,
}

/// A policy of a backtest.
#[derive(Debug, Serialize, ToSchema)]
struct BacktestPolicyRow {
    policy: String,
    /// Currency.
    cost: f64,
    /// Share of demand met, 0 to 1.
    fill_rate: Option<f64>,
}

/// A backtest that ran because it was due.
#[derive(Debug, Serialize, ToSchema)]
struct BacktestRow {
    day: String,
    /// `first`, `changed`, `alarms`, `new_outcomes` or `cadence`.
    why: serde_json::Value,
    n_item_locations: u64,
    from: String,
    to: String,
    policies: Vec<BacktestPolicyRow>,
}

/// What outcomes of earlier decisions have taught.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AdaptationBody {
    /// The day of the last lesson; nothing before the first plan of a day.
    as_of: Option<String>,
    /// Decisions that wait to be judged.
    n_waiting: u64,
    /// Decisions judged.
    n_judged: u64,
    /// Decisions whose outcome is unknown.
    n_unknown: u64,
    /// Decisions by another model than the one in use.
    n_other_model: u64,
    /// Item-locations watched for drift.
    n_watched: u64,
    /// All together first.
    segments: Vec<SegmentRow>,
    /// Newest first.
    alarms: Vec<AlarmRow>,
    edits: EditRow,
    /// Rules that edits suggest, the most money that they would have saved first; without those that were made or dismissed.
    rules: Vec<RuleRow>,
    overrides: OverrideValueRow,
    contests: Vec<ContestRow>,
    /// Why a backtest is due, where one is.
    backtest_due: Option<serde_json::Value>,
    /// Newest first.
    backtests: Vec<BacktestRow>,
}

/// The name of an enumerated value.
fn name(value: impl Serialize) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_default()
}

impl From<SegmentReport> for SegmentRow {
    fn from(report: SegmentReport) -> Self {
        let SegmentReport { segment, n_seen, n_censored, bias, wql, levels } = report;
        let row = |LevelCoverage { level, below, at_or_below, asked }| LevelRow { level, below, at_or_below, asked };
        let segment = segment.map_or("all", restock_adapt::Segment::name);
        Self { segment, n_seen, n_censored, bias, wql, levels: levels.into_iter().map(row).collect() }
    }
}

impl From<AlarmReport> for AlarmRow {
    fn from(AlarmReport { alarm, message }: AlarmReport) -> Self {
        let (place, segment) = match &alarm.subject {
            Subject::Place(place) => (Some(place.clone()), None),
            Subject::Segment(segment) => (None, Some(segment.name())),
        };
        let (item_id, location_id) = place.map(|place| (place.item_id, place.location_id)).unzip();
        Self {
            code: name(alarm.code),
            item_id,
            location_id,
            segment,
            raised_on: alarm.raised_on.to_string(),
            since: alarm.since.to_string(),
            n_outcomes: alarm.n_outcomes,
            demand: alarm.demand,
            expected: alarm.expected,
            message_zh: alarm.message_zh(),
            message,
        }
    }
}

impl From<ContestReport> for ContestRow {
    fn from(report: ContestReport) -> Self {
        let ContestReport { of, champion, in_shadow, phase, verdict, message, history } = report;
        let change = |Change { day, kind, champion, other, verdict }| ChangeRow {
            day: restock_core::Day::to_string(&day),
            kind: name(kind),
            champion,
            other,
            message: verdict.as_ref().map(Verdict::message),
        };
        Self {
            of,
            champion,
            in_shadow,
            phase,
            saving: verdict.as_ref().and_then(|verdict| verdict.saving),
            interval: verdict.as_ref().map(|verdict| [verdict.lower, verdict.upper]),
            n_periods: verdict.as_ref().map_or(0, |verdict| verdict.n_periods),
            n_outcomes: verdict.as_ref().map_or(0, |verdict| verdict.n_outcomes),
            message,
            history: history.into_iter().map(change).collect(),
        }
    }
}

impl From<BacktestRun> for BacktestRow {
    fn from(run: BacktestRun) -> Self {
        let BacktestRun { day, why, n_item_locations, from, to, policies } = run;
        let row = |policy: restock_adapt::BacktestPolicy| BacktestPolicyRow {
            policy: policy.policy,
            cost: policy.cost,
            fill_rate: policy.fill_rate,
        };
        let policies = policies.into_iter().map(row).collect();
        Self {
            day: day.to_string(),
            why: name(why),
            n_item_locations,
            from: from.to_string(),
            to: to.to_string(),
            policies,
        }
    }
}

impl AdaptationBody {
    fn new(report: Option<AdaptationReport>, rules: Vec<RuleRow>) -> Self {
        let as_of = report.as_ref().map(|report| report.as_of.to_string());
        let report = report.unwrap_or_default();
        Self {
            as_of,
            n_waiting: report.n_waiting,
            n_judged: report.n_judged,
            n_unknown: report.n_unknown,
            n_other_model: report.n_other_model,
            n_watched: report.n_watched,
            segments: report.segments.into_iter().map(Into::into).collect(),
            alarms: report.alarms.into_iter().map(Into::into).collect(),
            edits: EditRow {
                n_edits: report.edits.n_edits,
                n_better: report.edits.n_better,
                saved: report.edits.saved,
            },
            rules,
            overrides: OverrideValueRow {
                n_overridden: report.overrides.n_overridden,
                n_better: report.overrides.n_better,
                error_without: report.overrides.error_without,
                error_with: report.overrides.error_with,
            },
            contests: report.contests.into_iter().map(Into::into).collect(),
            backtest_due: report.backtest_due.map(name),
            backtests: report.backtests.into_iter().map(Into::into).collect(),
        }
    }
}

/// What outcomes of earlier decisions have taught: coverage of forecasts and the levels asked of them, alarms, contests of
/// models and policies, what edits were worth and which rules they suggest, backtests.
#[utoipa::path(
    get,
    path = "/v1/adaptation",
    responses(
        (status = 200, description = "what was learnt", body = AdaptationBody),
        (status = 409, description = "nobody plans", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn read(State(app): State<App>) -> Result<Json<AdaptationBody>, Problem> {
    let mut report = app.planning.ask(|planner| planner.adaptation()).await?;
    let rules = report.as_mut().map_or_else(Vec::new, |report| std::mem::take(&mut report.rules));
    let rules = rows(&app, rules).await?;
    Ok(Json(AdaptationBody::new(report, rules)))
}
