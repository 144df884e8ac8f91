//! Adaptation of Restock: decisions judged by what came of them, recalibrated quantiles, drift alarms, promotion and
//! rollback of models and policies.
//!
//! Everything here is a pure function or a small state that a snapshot can hold: nothing reads a file, a clock or a random
//! number. Statements of evidence hold at any time: whoever looks at them daily, and acts when they are strong enough, errs no
//! more often than the settings say. Read [`adaptation`] first, which holds the rest together.

pub mod adaptation;
pub mod bets;
pub mod calibration;
pub mod confidence;
pub mod decision;
pub mod drift;
mod pairs;
pub mod promotion;
pub mod report;
pub mod rollback;
pub mod rules;
pub mod schedule;
pub mod score;
pub mod segment;
pub mod shadow;

pub use adaptation::{Adaptation, AdaptationSettings, DayResult};
pub use calibration::{CalibrationSettings, LevelOutcome, Recalibration};
pub use confidence::ConfidenceSequence;
pub use decision::{DecidedBy, DecisionRecord, Facts, Judged, Outcome, Seen, WaitingDecisions, join};
pub use drift::{Alarm, DriftMonitor, DriftSettings, Subject};
pub use promotion::{Decision, LossSums, PairedLoss, Trial, TrialSettings, Verdict};
pub use report::{AdaptationReport, BacktestPolicy, BacktestRun};
pub use rollback::{Change, ChangeKind, Contest, ContestSettings};
pub use rules::{Direction, Rule, RuleScope};
pub use schedule::{BacktestSchedule, Due, SinceBacktest};
pub use score::{IntervalForecast, OutcomeSums, Pit};
pub use segment::Segment;
pub use shadow::{LossKind, ShadowBook, ShadowRecord};
