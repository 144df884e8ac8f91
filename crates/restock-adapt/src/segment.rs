//! Segments: item-locations whose forecasts err alike, so that few outcomes of each are many together.

use serde::{Deserialize, Serialize};

use crate::score::IntervalForecast;

/// How much is expected to be wanted over the interval of a decision. It follows from the forecast alone: a segment that
/// depended on the outcome would make right forecasts look wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Segment {
    /// Most likely nothing: the median is 0.
    Sparse,
    /// A median below 5 units.
    Slow,
    /// A median of 5 to below 50 units.
    Medium,
    /// A median of 50 units or more.
    Fast,
}

impl Segment {
    /// All of them, slowest first.
    pub const ALL: [Segment; 4] = [Self::Sparse, Self::Slow, Self::Medium, Self::Fast];

    /// The segment of a decision with this forecast.
    pub fn of(forecast: &IntervalForecast) -> Self {
        let median = forecast.quantiles[restock_core::forecast::MEDIAN_IDX];
        let holds = |segment: &Self| segment.median_below().is_none_or(|most| median < most);
        Self::ALL.into_iter().find(holds).unwrap_or(Self::Fast)
    }

    /// Medians of the segment lie below this, units, and not below that of a slower one; `None` for the fastest.
    pub fn median_below(self) -> Option<f64> {
        match self {
            Self::Sparse => Some(f64::MIN_POSITIVE),
            Self::Slow => Some(5.0),
            Self::Medium => Some(50.0),
            Self::Fast => None,
        }
    }

    /// The name in tables and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sparse => "sparse",
            Self::Slow => "slow",
            Self::Medium => "medium",
            Self::Fast => "fast",
        }
    }
}
