//! Order proposals and their explanation, PRODUCT specification section 1.8.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::quantity::{Money, Quantity};
use crate::time::Day;

/// What a proposal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProposalType {
    /// Buy from a supplier.
    Purchase,
    /// Move from another location.
    Transfer,
    /// Make from components.
    Production,
}

/// Where the goods come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProposalSource {
    /// A supplier.
    SupplierId(String),
    /// Another location.
    LocationId(String),
    /// No source is known; the order still has to be placed somewhere.
    Unknown,
}

/// One order proposal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// Stable id: a hash of (item, source, destination, need window), so that one open need is one proposal.
    pub proposal_id: String,
    /// Id of the plan: a hash of its inputs.
    pub plan_id: String,
    /// The day of the plan.
    pub as_of: Day,
    /// Purchase, transfer or production.
    #[serde(rename = "type")]
    pub proposal_type: ProposalType,
    /// Item.
    pub item_id: String,
    /// Item name; empty when unknown.
    pub item_name: String,
    /// Receiving location.
    pub destination: String,
    /// Where it comes from.
    pub source: ProposalSource,
    /// Quantity in base units.
    pub quantity: Quantity,
    /// Base unit.
    pub uom: String,
    /// The same quantity in order units.
    pub order_units: OrderUnits,
    /// Purchase cost per base unit, if known.
    pub unit_cost: Option<Money>,
    /// Value of the line, if the cost is known.
    pub value: Option<Money>,
    /// ISO 4217 code.
    pub currency: String,
    /// Last day to place the order.
    pub order_by: Day,
    /// Day the goods can be sold.
    pub expected_receipt: Day,
    /// Next day an order could be placed.
    pub next_opportunity: Day,
    /// `proposed` for every new proposal.
    pub status: String,
    /// `review` or `auto`.
    pub automation: String,
    /// Data health of the item-location, 0 to 1.
    pub health: f64,
    /// Confidence in the forecast, 0 to 1.
    pub confidence: f64,
    /// Money at stake when the line is not ordered; lines are ranked by it. Where neither price nor cost is known
    /// (`expected_lost_margin` is then absent) a unit counts as 1: it ranks the line and is no amount of money.
    pub priority: Money,
    /// ABC class by value, XYZ class by variability and Syntetos-Boylan class, such as `A`, `X`, `smooth`.
    pub classes: [String; 3],
    /// Why this quantity.
    pub explanation: Explanation,
}

/// A quantity in the unit that is ordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderUnits {
    /// Number of order units.
    pub quantity: Quantity,
    /// The unit, for example `pack of 12`.
    pub uom: String,
}

/// The lines of a waterfall, in the order they are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WaterfallCode {
    /// Expected demand over the protection interval.
    ExpectedDemand,
    /// Stock held for uncertainty, to reach the target.
    UncertaintyBuffer,
    /// The target level is below expected demand, negative: a low target, large packs or the balance of costs want it so.
    TargetBelowDemand,
    /// Minimum stock, display minimum or safety days above the target level.
    MinimumStock,
    /// Units promised or waited for.
    ReservedOrBackordered,
    /// Usable units on the shelf, negative.
    UsableOnHand,
    /// Open supply that arrives within the protection interval, negative.
    OnOrderInTime,
    /// Open supply that arrives later, negative; it counts, and lateness is an exception.
    OnOrderLate,
    /// What a policy adds to or takes from the plain rule.
    PolicyAdjustment,
    /// The part of stock above the level, so that the order is not negative.
    AlreadyCovered,
    /// Nothing may be ordered.
    DoNotOrder,
    /// Raised to the minimum order.
    Moq,
    /// Rounded to the pack.
    RoundToPack,
    /// Cut to what sells before expiry.
    ShelfLifeCap,
    /// Cut to what is still needed before the item ends.
    EndOfLifeCap,
    /// Cut to the shelf, maximum stock or maximum order.
    CapacityCap,
    /// Raised to a supplier's minimum order value, or left out because it is not reached.
    SupplierMinimum,
    /// Added to fill a container.
    ContainerFill,
    /// Cut by budget or capacity over items.
    BudgetOrCapacity,
    /// Cut because the sending location does not have it.
    SourceShortage,
    /// Changed by a planner.
    PlannerEdit,
}

/// One line of the waterfall.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaterfallLine {
    /// Which line.
    pub code: WaterfallCode,
    /// Signed amount, base units; all lines sum exactly to the proposal's quantity.
    pub value: Quantity,
    /// Numbers behind it, as JSON-like pairs in a fixed order.
    pub evidence: Vec<(String, String)>,
}

/// What happens until the order after this one can arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Consequence {
    /// Probability of a stock-out.
    pub p_stockout: f64,
    /// Expected units of demand not met at once: lost, or waiting where [`Explanation::unmet_waits`].
    pub expected_lost_units: f64,
    /// The margin of those units, if known.
    pub expected_lost_margin: Option<Money>,
    /// Expected units that expire.
    pub expected_waste_units: f64,
    /// Days until expected demand has used up the stock.
    pub days_of_cover: f64,
}

/// What one more pack brings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MarginalPack {
    /// 1 for the first pack.
    pub pack: u32,
    /// Probability that all of it is sold, to what waits as well, within the interval it is bought for.
    pub p_sold: f64,
    /// Expected gain, currency.
    pub net_gain: Money,
}

/// What the quantity would be if one thing were different; each entry equals a real re-plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sensitivity {
    /// The change, in the syntax of `restock explain --what-if`, for example `lead_time=1`.
    #[serde(rename = "if")]
    pub what_if: String,
    /// Quantity under that change.
    pub quantity: Quantity,
}

/// Hashes and versions that reproduce a proposal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage {
    /// Hash of the input data.
    pub data: String,
    /// Hash of the settings.
    pub settings: String,
    /// Model that made the forecast.
    pub forecast_model: String,
    /// Policy that decided.
    pub policy: String,
    /// Version of the program.
    pub code: String,
    /// Seed of the run.
    pub seed: u64,
}

/// Why this quantity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// One sentence from the numbers below, in English.
    pub sentence: String,
    /// The same sentence in Chinese.
    pub sentence_zh: String,
    /// Signed lines that sum exactly to the quantity.
    pub waterfall: Vec<WaterfallLine>,
    /// Whether unmet demand waits for the next delivery, as what other locations and production ask for does, and is
    /// not lost. The consequences and the value of packs then tell what has to wait, each unit once.
    #[serde(default)]
    pub unmet_waits: bool,
    /// If nothing is ordered.
    pub without_order: Consequence,
    /// If this quantity is ordered.
    pub with_order: Consequence,
    /// Value of each pack; ends where the gain turns negative unless a named rule explains it.
    pub marginal: Vec<MarginalPack>,
    /// Named rules that took the order beyond, or kept it short of, the last pack with a gain.
    pub marginal_note: String,
    /// What the quantity would be if one thing were different.
    pub sensitivity: Vec<Sensitivity>,
    /// What other policies would order, by name.
    pub alternatives: Vec<(String, Quantity)>,
    /// What moved the forecast: name and effect in units.
    pub drivers: Vec<(String, f64)>,
    /// Data-health codes and assumptions, in words.
    pub warnings: Vec<String>,
    /// How to reproduce it.
    pub lineage: Lineage,
}

impl fmt::Display for ProposalSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SupplierId(id) | Self::LocationId(id) => f.write_str(id),
            Self::Unknown => f.write_str("-"),
        }
    }
}
