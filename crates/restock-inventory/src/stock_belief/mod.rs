//! What stands on the shelf where records are wrong: a probability for every true on-hand quantity.
//!
//! DeHoratius, Mersereau & Schrage (2008), "Retail inventory management when records are inaccurate", *Manufacturing &
//! Service Operations Management* 10(2), 257-277: stock also changes unseen, demand beyond the stock is lost unseen, and
//! so sales tell about both. The distribution of the true stock is a sufficient summary of what was seen and is brought
//! up to date by Bayes' rule, one day at a time. A day without a sale is evidence of an empty shelf, the more the more was
//! expected; units sold cannot have been missing; a count ends all doubt.
//!
//! The modules in the order of a reading: [`Invisible`] is how stock changes unseen, and how that is learned from counts;
//! [`DemandLaw`] is what is wanted in a day; [`StockBelief`] is the filter; [`Busyness`] is how many customers
//! came; [`assess`] runs the filter over the days of one item-location, and says what a count of it is worth.
//!
//! # Sequence of events in a day
//! 1. Goods that come in: receipts, returns.
//! 2. Unseen changes.
//! 3. Demand, of which at most what is there is sold.
//! 4. What leaves otherwise: waste that was written down, goods sent on to other places.
//! 5. A count, where there is one.
//! 6. A measurement, where a sensor watches the shelf: it is off by its error, and now and then means nothing.
//!
//! # Differences from the paper
//! 1. At most one unseen change happens in a day, of a geometric number of units, lost or found. A day then costs time in
//!    proportion to the stock and not to its square.
//! 2. The level of demand is not known either: the belief is over stock and one of several levels, between which demand
//!    may move. An item that has faded out is not taken for one that is missing.
//! 3. An empty shelf is seen by somebody sooner or later, so days on which nobody did speak for stock.
//! 4. A count is believed.
//!
//! # Result
//! `cargo run --release -p restock-inventory --example phantom_stock`: see [`trial`].
//!
//! # Example
//! The books say 5, one unit a day is wanted on average, and nothing has sold for a week.
//! ```
//! use restock_inventory::stock_belief::{DemandLaw, Invisible, Levels, StockBelief};
//! let law = DemandLaw::new(1.0);
//! let mut belief = StockBelief::counted(5, 60, &Levels::ONE);
//! for _ in 0..7 {
//!     belief.change_unseen(&Invisible { rate: 0.02, mean_size: 3.0, loss_share: 0.8, ..Invisible::PRIOR });
//!     belief.sell(0, &[law.of(0, 1.0)]);
//! }
//! assert!((belief.probability_empty() - 0.845).abs() < 0.001);
//! belief.count(3);
//! assert_eq!((belief.probability_empty(), belief.expected_on_hand()), (0.0, 3.0));
//! ```

mod assess;
mod busyness;
mod demand_law;
mod filter;
mod invisible;
#[cfg(test)]
mod tests;
pub mod trial;

pub use assess::{Assessment, CountCosts, DayEvidence, Evidence, Measured, Supply, assess};
pub use busyness::Busyness;
pub use demand_law::DemandLaw;
pub use filter::{Levels, Likelihood, StockBelief};
pub use invisible::{CountedError, Invisible, InvisibleByCategory, piece};
