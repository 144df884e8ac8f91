//! What adaptation has found, for the API and the dashboard.

use restock_core::{Day, N_LEVELS, QUANTILE_LEVELS};
use serde::{Deserialize, Serialize};

use crate::drift::Alarm;
use crate::promotion::Verdict;
use crate::rollback::{Change, Contest, Phase};
use crate::rules::Rule;
use crate::schedule::Due;
use crate::score::OutcomeSums;
use crate::segment::Segment;

/// Coverage of one quantile.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LevelCoverage {
    /// Nominal level.
    pub level: f64,
    /// Share of outcomes below the quantile; the level lies between this and `at_or_below` where the forecast is right.
    pub below: f64,
    /// Share of outcomes at or below it.
    pub at_or_below: f64,
    /// The level that is asked of the forecaster now.
    pub asked: f64,
}

/// How forecasts of a segment have done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SegmentReport {
    /// The segment; `None` for all together.
    pub segment: Option<Segment>,
    /// Outcomes seen in full.
    pub n_seen: u64,
    /// Outcomes of which only a lower bound is known; they are in none of the shares.
    pub n_censored: u64,
    /// Relative bias, positive for over-forecast.
    pub bias: Option<f64>,
    /// Weighted quantile loss.
    pub wql: Option<f64>,
    /// Coverage of each quantile; empty without outcomes.
    pub levels: Vec<LevelCoverage>,
}

impl SegmentReport {
    /// The report of sums, with the levels that are asked of the forecaster now.
    pub fn of(segment: Option<Segment>, sums: &OutcomeSums, asked: &[f64; N_LEVELS]) -> Self {
        let levels = sums.coverage().map_or(Vec::new(), |coverage| {
            (0..N_LEVELS)
                .map(|idx| LevelCoverage {
                    level: QUANTILE_LEVELS[idx],
                    below: coverage[idx].0,
                    at_or_below: coverage[idx].1,
                    asked: asked[idx],
                })
                .collect()
        });
        Self { segment, n_seen: sums.n_seen, n_censored: sums.n_censored, bias: sums.bias(), wql: sums.wql(), levels }
    }
}

/// An alarm with its sentence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlarmReport {
    /// The alarm.
    #[serde(flatten)]
    pub alarm: Alarm,
    /// What happened.
    pub message: String,
}

/// Where a contest of versions stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContestReport {
    /// What the versions are of: `model` or `policy`.
    pub of: String,
    /// The version that acts.
    pub champion: String,
    /// The version in the shadow.
    pub in_shadow: Option<String>,
    /// `quiet`, `trial` or `watch`.
    pub phase: String,
    /// The saving of the version in the shadow, with its confidence interval and the days that it needs.
    pub verdict: Option<Verdict>,
    /// The same in a sentence.
    pub message: Option<String>,
    /// Every change, oldest first.
    pub history: Vec<Change>,
}

impl ContestReport {
    /// The report of a contest.
    pub fn of(name: &str, contest: &Contest) -> Self {
        let (phase, trial) = match contest.phase() {
            Phase::Quiet => ("quiet", None),
            Phase::Trial(trial) => ("trial", Some(trial)),
            Phase::Watch(trial) => ("watch", Some(trial)),
        };
        let verdict = trial.map(crate::promotion::Trial::verdict);
        Self {
            of: name.to_owned(),
            champion: contest.champion().to_owned(),
            in_shadow: contest.in_shadow().map(str::to_owned),
            phase: phase.to_owned(),
            message: verdict.as_ref().map(Verdict::message),
            verdict,
            history: contest.history().to_vec(),
        }
    }
}

/// What edits of people were worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EditReport {
    /// Edits whose outcome and costs are known.
    pub n_edits: u64,
    /// Edits that cost less than the plan would have.
    pub n_better: u64,
    /// What they saved in all, currency; negative where the plan would have cost less.
    pub saved: f64,
}

/// What overrides of forecasts by people were worth: forecast value added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OverrideReport {
    /// Overridden forecasts of protection intervals whose demand was seen in full.
    pub n_overridden: u64,
    /// Those whose expected demand was nearer to what came than that of the model.
    pub n_better: u64,
    /// Sum of absolute errors of the model alone, base units.
    pub error_without: f64,
    /// The same with what people said.
    pub error_with: f64,
}

/// A backtest that ran because it was due.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BacktestRun {
    /// The day on which it ran.
    pub day: Day,
    /// Why.
    pub why: Due,
    /// Item-locations that it replayed.
    pub n_item_locations: u64,
    /// First day that counts.
    pub from: Day,
    /// Last day that counts.
    pub to: Day,
    /// What each policy would have cost, the configured one first.
    pub policies: Vec<BacktestPolicy>,
}

/// A policy of a backtest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BacktestPolicy {
    /// Its name.
    pub policy: String,
    /// Cost over the days that count, currency.
    pub cost: f64,
    /// Share of demand met, 0 to 1; `None` without demand.
    pub fill_rate: Option<f64>,
}

/// Everything that adaptation has found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AdaptationReport {
    /// The day.
    pub as_of: Day,
    /// Decisions that wait to be judged.
    pub n_waiting: u64,
    /// Decisions judged.
    pub n_judged: u64,
    /// Decisions whose outcome is unknown, because days of it are.
    pub n_unknown: u64,
    /// Decisions by another model than the one in use: levels and alarms learn nothing from them.
    pub n_other_model: u64,
    /// All together first, then each segment with outcomes.
    pub segments: Vec<SegmentReport>,
    /// Item-locations watched for drift.
    pub n_watched: u64,
    /// The last alarms, newest first.
    pub alarms: Vec<AlarmReport>,
    /// What edits were worth.
    pub edits: EditReport,
    /// Rules that they suggest, the most money that they would have saved first.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// What overrides of forecasts were worth.
    #[serde(default)]
    pub overrides: OverrideReport,
    /// Contests of models and policies.
    pub contests: Vec<ContestReport>,
    /// Why a backtest is due, where one is.
    pub backtest_due: Option<Due>,
    /// The last backtest.
    pub last_backtest: Option<Day>,
    /// Backtests that ran, newest first.
    pub backtests: Vec<BacktestRun>,
}
