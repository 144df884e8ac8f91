//! Everything about one item-location that a plan needs, in one value.
//!
//! A [`PlanningUnit`] holds no reference to the tables it came from, so that a server, a backtest or a distributed
//! engine can hand units around and call the same [`crate::plan_batch`].

use std::sync::Arc;

use restock_core::dataset::Calendar;
use restock_core::forecast::Observation;
use restock_core::policy::OrderingRules;
use restock_core::proposal::{ProposalSource, ProposalType};
use restock_core::{CostRates, Day, Money, Objective, Quantity, SeriesInput, StockState, Units};

use crate::history::History;
use crate::recipe::Fraction;
use crate::said_demand::{ActingOverride, GivenPeriod, PastSurge};
use crate::sensors::ColdBreak;
use crate::what_if::WhatIf;

/// One item-location, ready to plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanningUnit {
    /// Item.
    pub item_id: String,
    /// Item name; empty when unknown.
    pub item_name: String,
    /// Base unit of measure; empty when unknown.
    pub uom: String,
    /// Digits after the point of this item's quantities; one unit is `10^-decimals` base units.
    pub decimals: u8,
    /// Location.
    pub location_id: String,
    /// The morning of the plan.
    pub as_of: Day,
    /// Demand history, by day, week or month as the data are, and known future. Everything else counts in days: a
    /// period of this unit's stock, times and demand paths is a day.
    pub history: History,
    /// Stock and open supply now, in units and days; on hand is 0 while `stock_known` is [`StockKnowledge::Assumed`].
    pub stock: StockState,
    /// Where the stock figure comes from.
    pub stock_known: StockKnowledge,
    /// Units on hand that cannot be used: blocked or expired.
    pub unusable: Units,
    /// Open supply behind `stock.arrivals`, earliest first.
    pub open_orders: Vec<OpenSupply>,
    /// How the item gets here.
    pub lane: Lane,
    /// Ordering rules that do not depend on the forecast.
    pub rules: OrderingRules,
    /// Units in a layer of a pallet, 0 where it does not matter: an order of at least a layer comes in whole layers.
    pub layer: Units,
    /// Units on a pallet, 0 where it does not matter: an order that lacks at most a layer (or a pack, without layers) to
    /// full pallets comes in whole pallets.
    pub pallet: Units,
    /// Units that must stand on the shelf on top of what sells.
    pub display_min: Units,
    /// Extra days of demand to hold.
    pub safety_days: f64,
    /// Name of the order unit, such as `pack of 12`.
    pub order_uom: String,
    /// Days an arriving unit can be sold.
    pub shelf_life: Option<usize>,
    /// Whether unmet demand waits, as the orders of other locations and of production do; that of customers is lost.
    pub backorder: bool,
    /// Last day of sale.
    pub planned_end: Option<Day>,
    /// What goes out of here in a month of 30 days, units, had the shelf never been empty and no surge come;
    /// `None` where nothing is known.
    pub monthly_consumption: Option<f64>,
    /// `[n_periods]` of its own history: surges that people declared; empty where there were none.
    pub surges: Vec<PastSurge>,
    /// Planned promotions: first day, last day, expected uplift where given.
    pub promotions: Vec<(Day, Day, Option<f64>)>,
    /// What people say about its forecast, those that hold against others last.
    pub overrides: Vec<ActingOverride>,
    /// What another system expects, ascending; empty unless its forecasts are wanted.
    pub given: Vec<GivenPeriod>,
    /// Whether forecasts of another system are wanted.
    pub wants_given: bool,
    /// Selling price per base unit, if known.
    pub price: Option<f64>,
    /// Cost rates per unit and day.
    pub costs: CostRates,
    /// Whether cost or price are known, so that money figures mean something.
    pub money_known: bool,
    /// Volume of a base unit, cubic metres.
    pub volume: Option<f64>,
    /// Weight of a base unit, kilograms.
    pub weight: Option<f64>,
    /// What orders should achieve.
    pub objective: Objective,
    /// Policy by name.
    pub policy: String,
    /// What one unit of this item is made of, where it is made here.
    pub components: Vec<Component>,
    /// Whether the item is made when it is sold and never stocked: its components carry its demand.
    pub made_to_order: bool,
    /// Whether recipes connect it with other items, so that it cannot be planned without them.
    pub in_recipe: bool,
    /// What was used of it lately, its own sales included, where other items are made of it: what recipes of today say
    /// of what was sold. It is shown and classified; what is expected comes from the forecasts of those items.
    pub used: Option<Box<History>>,
    /// ABC, XYZ and Syntetos-Boylan class.
    pub classes: [String; 3],
    /// Data health, 0 to 1.
    pub health: f64,
    /// The last order or receipt, units.
    pub last_order: Option<Units>,
    /// The mean of the last (up to twelve) receipts, units, and how many there are.
    pub usual_order: Option<(Units, usize)>,
    /// What was thrown away lately: day and units, above 0.
    pub wasted: Vec<(Day, Units)>,
    /// The worst data-health finding about this item-location, in English and Chinese.
    pub worst_finding: Option<(String, String)>,
    /// What is believed about its stock, where the record is probably wrong.
    pub phantom_stock: Option<PhantomStock>,
    /// What the record says where orders are for what is believed to be there; `stock` is the belief.
    pub believed: Option<BelievedStock>,
    /// Stock that stood too warm.
    pub cold_break: Option<ColdBreak>,
    /// Whether limits over several lines (budget, container, supplier minimum) apply.
    pub is_limited: bool,
    /// Demand is planned as if it were this multiple of what is forecast; 1 unless a scenario says otherwise.
    pub demand_factor: f64,
    /// Assumptions and data-health codes, in words.
    pub warnings: Vec<String>,
}

/// A stock record that is probably wrong.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PhantomStock {
    /// Probability that nothing is there.
    pub probability_empty: f64,
    /// Money that a count is expected to save, less what it costs; not above 0 where it is not worth it.
    pub saving: f64,
    /// Why, in a sentence, in English and Chinese.
    pub reason: (String, String),
}

/// A stock record that is not what orders are for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BelievedStock {
    /// What the record says, units.
    pub recorded: Units,
    /// Probability that nothing is there.
    pub probability_empty: f64,
    /// Whether a sensor measured the shelf lately.
    pub is_measured: bool,
}

/// Where a stock figure comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StockKnowledge {
    /// Counted, and brought forward by sales and receipts since `day` (`None` = now).
    Counted {
        /// Day of the count.
        day: Option<Day>,
    },
    /// No table tells; see [`restock_core::settings::AssumedStock`].
    Assumed,
    /// No table tells, and the item was sold out in the last period (or the settings say so): empty.
    AssumedEmpty,
}

/// One open order or transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenSupply {
    /// Order number.
    pub order_id: String,
    /// Units still to come.
    pub quantity: Units,
    /// Day expected.
    pub due: Day,
    /// Whether the day is past.
    pub overdue: bool,
}

/// A component of an item that is made.
#[derive(Clone, Debug, PartialEq)]
pub struct Component {
    /// The component.
    pub item_id: String,
    /// Component base units per parent base unit, yield and scrap included.
    pub factor: Fraction,
}

/// What receipts tell about a lead time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LearnedLeadTime {
    /// Mean, days.
    pub mean_days: f64,
    /// Standard deviation, days.
    pub sd_days: f64,
    /// Receipts it was learned from.
    pub n_receipts: usize,
}

/// How an item gets to a location, and when it can be ordered.
#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    /// Where the goods come from.
    pub source: ProposalSource,
    /// Name of the source; empty when unknown.
    pub source_name: String,
    /// Purchase, transfer or production.
    pub kind: ProposalType,
    /// Purchase cost per base unit, if known.
    pub unit_cost: Option<Money>,
    /// Quantity discounts: from this many units, this cost per base unit.
    pub price_breaks: Vec<(Units, Money)>,
    /// Equally likely lead times, days, ascending, never empty.
    pub lead_days: Arc<[f64]>,
    /// Lead time that a table states, days.
    pub configured_lead_days: Option<f64>,
    /// Lead time that receipts tell.
    pub learned: Option<LearnedLeadTime>,
    /// The day of the next order, the day of the plan or later.
    pub order_day: Day,
    /// The order day after that.
    pub next_order_day: Day,
    /// The days on which later orders may be placed, for lanes that draw from another unit; `None` where no calendar
    /// tells, so that the rhythm of the first two order days goes on.
    pub order_calendar: Option<Arc<Calendar>>,
    /// Time of day by which the order must be placed; empty when unknown.
    pub cut_off: String,
    /// Smallest value of one order over all lines.
    pub min_order_value: Option<Money>,
}

/// When an order placed at the next opportunity arrives, in days.
#[derive(Clone, Debug, PartialEq)]
pub struct Timing {
    /// Lead-time scenarios from now, days, ascending.
    pub lead_times: Arc<[usize]>,
    /// Days between this order opportunity and the next, at least 1.
    pub review_period: usize,
    /// Day the goods can be sold, under the mean lead time.
    pub expected_receipt: Day,
}

impl Lane {
    /// Mean lead time, days.
    pub fn mean_lead_days(&self) -> f64 {
        self.lead_days.iter().sum::<f64>() / self.lead_days.len() as f64
    }

    /// Days between this order opportunity and the next.
    pub fn review_days(&self) -> i32 {
        (self.next_order_day.0 - self.order_day.0).max(1)
    }

    /// Days from `as_of` to each order day before `horizon`, ascending; the first is the day of the next order.
    pub fn order_steps(&self, as_of: Day, horizon: usize) -> Vec<usize> {
        let first = (self.order_day.0 - as_of.0).max(0) as usize;
        match &self.order_calendar {
            Some(calendar) => {
                let is_open = |step: &usize| *step == first || calendar.is_open(as_of.plus(*step as i32));
                (first..horizon).filter(is_open).collect()
            }
            None => (first..horizon).step_by(self.review_days() as usize).collect(),
        }
    }

    /// The lane's times in days.
    ///
    /// A time that is no whole number of days becomes a mixture of the two next to it with the right mean: half a day of
    /// lead time is no lead time in half of the scenarios and a day in the other half.
    pub fn timing(&self, as_of: Day) -> Timing {
        const N_MIXED: usize = 16;
        let wait = f64::from((self.order_day.0 - as_of.0).max(0));
        let in_periods: Vec<f64> = self.lead_days.iter().map(|days| wait + days).collect();
        let whole = |periods: f64| (periods - periods.round()).abs() < 1e-6;
        let mut lead_times: Vec<usize> = if in_periods.iter().all(|periods| whole(*periods)) {
            in_periods.iter().map(|periods| periods.round() as usize).collect()
        } else {
            // 16 scenarios in all where possible, a power of two in any case, so that they divide the paths evenly.
            let n_each = (N_MIXED / in_periods.len()).max(1);
            in_periods
                .iter()
                .flat_map(|periods| {
                    (0..n_each).map(move |idx| {
                        let share = (idx as f64 + 0.5) / n_each as f64;
                        (periods + share + 1e-9).floor() as usize
                    })
                })
                .collect()
        };
        lead_times.sort_unstable();
        if lead_times.first() == lead_times.last() {
            lead_times.truncate(1);
        }
        let receipt = self.order_day.plus((self.mean_lead_days() - 1e-9).ceil().max(0.0) as i32);
        Timing { lead_times: lead_times.into(), review_period: self.review_days() as usize, expected_receipt: receipt }
    }
}

impl PlanningUnit {
    /// What a unit of unmet demand costs, currency: its margin, or what a service target says that it costs at least where
    /// that is more. At the level that meets a target `α`, the last unit sells with probability `1 - α`, and is held over
    /// half a review period where it does and a whole one where it does not; it is worth that where a lost unit costs
    /// `h · R · (1 + α) / (2 · (1 - α))`, the multiplier of the constraint.
    pub(crate) fn lost_unit(&self) -> f64 {
        let implied = match self.objective {
            Objective::Economics => 0.0,
            Objective::Service { target, .. } => {
                let review = self.timing().review_period as f64;
                self.costs.holding_cost * review * (1.0 + target) / (2.0 * (1.0 - target).max(1e-6))
            }
        };
        self.costs.stockout_cost.max(implied)
    }

    /// What a forecaster reads of its history: as if every day had been as usual. Days of a surge that lasts are divided by
    /// what was declared, so that what it really comes to corrects the forecast; of one that is over nothing is learnt.
    pub(crate) fn usual_series(&self) -> SeriesInput {
        let mut series = self.history.without_effects().into_owned();
        for (idx, surge) in self.surges.iter().enumerate() {
            match surge {
                PastSurge::None => {}
                PastSurge::Lasting(factor) => {
                    series.demand[idx] /= factor;
                    series.sales[idx] /= factor;
                }
                PastSurge::Over => {
                    series.observations[idx] = Observation::Missing;
                    (series.demand[idx], series.sales[idx]) = (0.0, 0.0);
                }
            }
        }
        series
    }

    /// What went out of here: sales, and for a component also what was used for others.
    pub fn outflow(&self) -> &History {
        self.used.as_deref().unwrap_or(&self.history)
    }

    /// Days from the day of the plan that the future is looked at.
    pub fn horizon(&self) -> usize {
        self.history.horizon()
    }

    /// The lane's times in days.
    pub fn timing(&self) -> Timing {
        self.lane.timing(self.as_of)
    }

    /// `units` as an exact quantity.
    pub fn quantity(&self, units: Units) -> Quantity {
        Quantity::from_units(units, self.decimals)
    }

    /// Whether another system forecasts a future period.
    pub(crate) fn is_given(&self, step: usize) -> bool {
        self.given.binary_search_by_key(&step, |period| period.step).is_ok()
    }

    /// A number of units as a number of base units.
    pub fn base(&self, units: f64) -> f64 {
        units / 10_f64.powi(i32::from(self.decimals))
    }

    /// The day `step` days after the day of the plan.
    pub fn future_day(&self, step: usize) -> Day {
        self.as_of.plus(step as i32)
    }

    /// Purchase cost per base unit of an order of `units` units, quantity discounts included.
    pub fn unit_cost_of(&self, units: Units) -> Option<Money> {
        let by_break = self.lane.price_breaks.iter().rev().find(|(from, _)| units >= *from).map(|(_, cost)| *cost);
        by_break.or(self.lane.unit_cost)
    }

    /// This unit with one thing changed; `demand` changes nothing here, it scales the forecast.
    pub fn with(&self, what_if: &WhatIf) -> Self {
        let mut unit = self.clone();
        let units = |quantity: Quantity| quantity.to_units_ceil(self.decimals);
        match what_if {
            WhatIf::LeadTime(days) => {
                unit.lane.lead_days = Arc::from([*days]);
                unit.lane.configured_lead_days = Some(*days);
            }
            WhatIf::LeadTimeChange(days) => {
                let later = |lead: f64| (lead + days).max(0.0);
                unit.lane.lead_days = unit.lane.lead_days.iter().copied().map(later).collect();
                unit.lane.configured_lead_days = unit.lane.configured_lead_days.map(later);
            }
            WhatIf::Review(days) => unit.lane.next_order_day = unit.lane.order_day.plus(days.ceil() as i32),
            WhatIf::Target(target) => {
                let service_type = match self.objective {
                    Objective::Service { service_type, .. } => service_type,
                    Objective::Economics => restock_core::ServiceType::FillRate,
                };
                unit.objective = Objective::Service { service_type, target: *target };
            }
            // They act on demand paths and on what was decided.
            WhatIf::Demand(_) | WhatIf::Quantity(_) => {}
            WhatIf::Pack(pack) => {
                unit.rules.order_multiple = units(*pack);
                unit.order_uom = order_uom(&self.uom, *pack);
            }
            WhatIf::MinOrder(minimum) => unit.rules.min_order = units(*minimum),
            WhatIf::OnHand(on_hand) => {
                let arrivals = std::mem::take(&mut unit.stock.arrivals);
                unit.stock = StockState { arrivals, ..StockState::with_on_hand(units(*on_hand)) };
                unit.stock_known = StockKnowledge::Counted { day: None };
                (unit.believed, unit.cold_break) = (None, None);
            }
            WhatIf::Price(price) => {
                let per_unit = self.base(1.0);
                let old_margin = self.price.map(|price| price * per_unit - self.costs.unit_cost);
                let multiple =
                    old_margin.filter(|margin| *margin > 0.0).map_or(1.0, |margin| self.costs.stockout_cost / margin);
                unit.price = Some(*price);
                unit.costs.stockout_cost = ((price * per_unit - self.costs.unit_cost) * multiple).max(0.0);
            }
        }
        unit
    }
}

/// The name of an order unit: `pack of 12`, or the base unit itself.
pub(crate) fn order_uom(uom: &str, pack: Quantity) -> String {
    if pack == Quantity::ZERO || pack == Quantity::from_whole(1) {
        return if uom.is_empty() { "unit".to_owned() } else { uom.to_owned() };
    }
    match uom {
        "" | "each" | "unit" => format!("pack of {pack}"),
        uom => format!("pack of {pack} {uom}"),
    }
}
