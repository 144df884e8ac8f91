//! Shadow mode: what a version that does not act would have ordered or forecast, kept until outcomes tell what it is worth.

use std::collections::BTreeMap;

use restock_core::{Day, ItemLocation, Quantity};
use serde::{Deserialize, Serialize};

use restock_core::score::quantile_loss;

use crate::decision::Judged;
use crate::promotion::PairedLoss;
use crate::score::IntervalForecast;

/// What a version in the shadow would have done where a decision was taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShadowRecord {
    /// The day of the decision.
    pub decided_on: Day,
    /// The item at its location.
    pub place: ItemLocation,
    /// The version.
    pub version: String,
    /// What it would have ordered, base units; `None` for a version of a demand model whose orders were not reckoned.
    pub would_order: Option<Quantity>,
    /// Its forecast of the same interval; `None` for a policy.
    pub forecast: Option<IntervalForecast>,
}

/// By what versions are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossKind {
    /// Cost of the quantity, currency, reckoned for both by [`Judged::cost_of`].
    Cost,
    /// Quantile loss of the forecast, in units times the unit cost, or units where that is unknown.
    QuantileLoss,
}

/// Records that wait for their outcomes, and what was found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ShadowBook {
    #[serde(with = "crate::pairs")]
    waiting: BTreeMap<(Day, ItemLocation), ShadowRecord>,
    /// Decisions compared.
    pub n_compared: u64,
    /// Decisions that it would have taken otherwise.
    pub n_different: u64,
    /// Units that were ordered in the decisions compared.
    pub ordered: Quantity,
    /// Units that it would have ordered.
    pub would_order: Quantity,
}

impl ShadowBook {
    /// Keeps what a version would have done; one decision a day and place.
    pub fn record(&mut self, record: ShadowRecord) {
        self.waiting.insert((record.decided_on, record.place.clone()), record);
    }

    /// Records that wait.
    pub fn n_waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Compares judged decisions with what `version` would have done: one loss for each whose outcome and loss are known.
    ///
    /// Decisions of people do not count for or against a version: what the plan wanted is compared, edited or not. Quantile
    /// loss needs demand in full, so outcomes behind empty shelves are left out of it, for both versions alike.
    pub fn compare(&mut self, judged: &[Judged], version: &str, kind: LossKind) -> Vec<PairedLoss> {
        let mut losses = Vec::new();
        for judged in judged {
            let key = (judged.record.decided_on, judged.record.place.clone());
            let Some(shadow) = self.waiting.remove(&key).filter(|shadow| shadow.version == version) else { continue };
            let wanted = judged.record.wanted;
            if let Some(would_order) = shadow.would_order {
                self.n_compared += 1;
                self.n_different += u64::from(would_order != wanted);
                self.ordered += wanted;
                self.would_order += would_order;
            }
            let pair = match kind {
                LossKind::Cost => {
                    shadow.would_order.and_then(|order| judged.cost_of(wanted).zip(judged.cost_of(order)))
                }
                LossKind::QuantileLoss => shadow.forecast.as_ref().and_then(|forecast| {
                    let seen = judged.seen().filter(|seen| !seen.is_censored)?;
                    let worth = judged.record.costs.map_or(1.0, |costs| costs.unit_cost);
                    let loss = |of: &IntervalForecast| worth * quantile_loss(&[seen.actual], &of.quantiles);
                    Some((loss(seen.forecast), loss(forecast)))
                }),
            };
            losses.extend(pair.map(|(champion, challenger)| PairedLoss {
                day: judged.record.to.plus(-1),
                champion,
                challenger,
            }));
        }
        losses
    }

    /// Forgets everything that waits: another version is in the shadow now.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use restock_core::N_LEVELS;

    use super::*;
    use crate::decision::tests::record;
    use crate::decision::{DayFacts, Facts, join};

    #[test]
    fn both_versions_are_reckoned_on_the_same_outcome() {
        let mut book = ShadowBook::default();
        let decision = record(0, 3);
        let forecast = IntervalForecast { quantiles: [12.0; N_LEVELS], ..decision.forecast.clone() };
        book.record(ShadowRecord {
            decided_on: Day(0),
            place: decision.place.clone(),
            version: "v2".into(),
            would_order: Some(Quantity::from_whole(10)),
            forecast: Some(forecast),
        });
        let sold = DayFacts { sold: Quantity::from_whole(4), ..DayFacts::default() };
        let days = (0..3).map(|day| (Day(day), sold)).collect();
        let known = Facts { days: [(decision.place.clone(), days)].into(), ..Facts::default() };
        let judged = join([&decision], &known, Day(3), 0);
        // Demand 12, position 2: the plan's 8 lose 2 units of 3.00, the shadow's 10 neither lose nor keep anything.
        let costs = book.clone().compare(&judged, "v2", LossKind::Cost);
        assert_eq!(costs, [PairedLoss { day: Day(2), champion: 6.0, challenger: 0.0 }]);
        // A forecast of 10 for 12: mean over levels of 2·τ·2 is 2 units, of 2.00 each.
        let losses = book.clone().compare(&judged, "v2", LossKind::QuantileLoss);
        assert!((losses[0].champion - 4.0).abs() < 1e-9 && losses[0].challenger == 0.0);
        assert_eq!(book.clone().compare(&judged, "v3", LossKind::Cost), []);
        book.compare(&judged, "v2", LossKind::Cost);
        assert_eq!((book.n_waiting(), book.n_compared, book.n_different), (0, 1, 1));
        assert_eq!(book.compare(&judged, "v2", LossKind::Cost), [], "each once");
    }
}
