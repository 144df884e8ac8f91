//! When a backtest is due.

use restock_core::Day;
use serde::{Deserialize, Serialize};

/// How often backtests run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BacktestSchedule {
    /// Days from one backtest to the next where nothing else asks for one.
    pub every_days: u32,
    /// Days that lie between any two, whatever asks for one.
    pub least_days: u32,
    /// Alarms that ask for one.
    pub n_alarms: u32,
    /// New outcomes that ask for one, in percent of those of the last one.
    pub new_outcomes_percent: u32,
    /// Least outcomes for the first one.
    pub first_outcomes: u64,
}

impl Default for BacktestSchedule {
    fn default() -> Self {
        Self { every_days: 28, least_days: 7, n_alarms: 1, new_outcomes_percent: 100, first_outcomes: 100 }
    }
}

/// What has happened since the last backtest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinceBacktest {
    /// The day of the last one.
    pub last: Option<Day>,
    /// Outcomes that there were then.
    pub outcomes_then: u64,
    /// Outcomes that came since.
    pub new_outcomes: u64,
    /// Alarms since.
    pub alarms: u32,
    /// Whether the model or policy in use changed since.
    pub has_changed: bool,
}

/// Why a backtest is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Due {
    /// There has been none, and there are outcomes enough.
    First,
    /// A version was promoted or rolled back.
    Changed,
    /// Alarms say that forecasts no longer fit.
    Alarms,
    /// There is much that the last one did not know.
    NewOutcomes,
    /// It is time.
    Cadence,
}

impl SinceBacktest {
    /// Why a backtest is due on `today`; `None` where it is not.
    ///
    /// ```
    /// use restock_adapt::schedule::{BacktestSchedule, Due, SinceBacktest};
    /// use restock_core::Day;
    /// let since = SinceBacktest { last: Some(Day(0)), outcomes_then: 500, ..SinceBacktest::default() };
    /// assert_eq!(since.due(&BacktestSchedule::default(), Day(27)), None);
    /// assert_eq!(since.due(&BacktestSchedule::default(), Day(28)), Some(Due::Cadence));
    /// ```
    pub fn due(&self, schedule: &BacktestSchedule, today: Day) -> Option<Due> {
        let Some(last) = self.last else {
            return (self.new_outcomes >= schedule.first_outcomes).then_some(Due::First);
        };
        let days = i64::from(today.0) - i64::from(last.0);
        if days < i64::from(schedule.least_days) {
            return None;
        }
        let new_percent = u128::from(self.new_outcomes) * 100;
        if self.has_changed {
            Some(Due::Changed)
        } else if schedule.n_alarms > 0 && self.alarms >= schedule.n_alarms {
            Some(Due::Alarms)
        } else if self.new_outcomes > 0
            && new_percent >= u128::from(self.outcomes_then) * u128::from(schedule.new_outcomes_percent)
        {
            Some(Due::NewOutcomes)
        } else {
            (days >= i64::from(schedule.every_days)).then_some(Due::Cadence)
        }
    }

    /// Notes that a backtest ran.
    pub fn ran(&mut self, day: Day) {
        *self = Self { last: Some(day), outcomes_then: self.outcomes_then + self.new_outcomes, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_and_the_least_distance() {
        let schedule = BacktestSchedule::default();
        let mut since = SinceBacktest { new_outcomes: 99, ..SinceBacktest::default() };
        assert_eq!(since.due(&schedule, Day(1000)), None, "too little is known");
        since.new_outcomes = 400;
        assert_eq!(since.due(&schedule, Day(0)), Some(Due::First));
        since.ran(Day(0));
        assert_eq!(since.due(&schedule, Day(27)), None);
        let alarmed = SinceBacktest { alarms: 1, ..since.clone() };
        assert_eq!((alarmed.due(&schedule, Day(6)), alarmed.due(&schedule, Day(7))), (None, Some(Due::Alarms)));
        let changed = SinceBacktest { has_changed: true, ..alarmed };
        assert_eq!(changed.due(&schedule, Day(7)), Some(Due::Changed));
        since.new_outcomes = 399;
        assert_eq!(since.due(&schedule, Day(27)), None);
        since.new_outcomes = 400;
        assert_eq!(since.due(&schedule, Day(27)), Some(Due::NewOutcomes));
        since.ran(Day(27));
        assert_eq!((since.outcomes_then, since.due(&schedule, Day(55))), (800, Some(Due::Cadence)));
        assert_eq!(since.due(&schedule, Day(-40)), None, "a clock that went back asks for nothing");
    }
}
