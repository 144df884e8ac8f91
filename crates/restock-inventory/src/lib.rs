//! Inventory decisions: policies, ordering rules, allocation over lines, simulation and exact methods.
//!
//! - [`policy()`] finds a replenishment policy by name; each is a pure function from a
//!   [`Review`] to a [`Decision`].
//! - [`rules`] turns what a policy wants into what may be ordered.
//! - [`item_location`] is the one transition function of an item-location.
//! - The remaining modules are named as the field names them.

pub mod allocate;
pub mod base_stock;
pub mod clark_scarf;
pub mod days_of_cover;
pub mod discrete_demand;
pub mod economic_order_quantity;
pub mod environments;
pub mod exact;
pub mod expected_expiry;
pub mod grid_demand;
pub mod guaranteed_service;
pub mod guide;
pub mod heuristics;
pub mod item_location;
pub mod joint_replenishment;
pub mod kpi;
pub mod lanes;
pub mod lost_sales;
pub mod make_to_order;
pub mod min_max;
pub mod newsvendor;
pub mod problems;
pub mod protection_interval;
pub mod published;
pub mod r_q;
pub mod rationing;
pub mod reorder_point;
pub mod retail_simulator;
pub mod rules;
pub mod sellable;
pub mod stock_belief;
pub mod two_moment_fit;
pub mod wagner_whitin;
pub mod zheng_federgruen;

use restock_core::policy::{Decision, Policy, Review};

/// The names that [`policy()`] knows.
pub const POLICY_NAMES: &[&str] =
    &["classical", "base_stock", "s_S", "R_s_S", "s_Q", "min_max", "days_of_cover", "mto", "newsvendor"];

/// The policy of a name in [`POLICY_NAMES`], or `None`. `days_of_cover:21` covers 21 periods.
pub fn policy(name: &str) -> Option<Box<dyn Policy>> {
    Some(match name {
        "classical" => Box::new(Classical),
        "base_stock" => Box::new(base_stock::BaseStock),
        "s_S" => Box::new(reorder_point::OrderUpTo),
        "R_s_S" => Box::new(reorder_point::PeriodicOrderUpTo),
        "s_Q" => Box::new(reorder_point::FixedOrderSize),
        "min_max" => Box::new(min_max::MinMax),
        "days_of_cover" => Box::new(days_of_cover::DaysOfCover::default()),
        "mto" => Box::new(make_to_order::MakeToOrder),
        "newsvendor" => Box::new(newsvendor::Newsvendor),
        _ => {
            let cover_periods = name.strip_prefix("days_of_cover:")?.parse().ok().filter(|periods| *periods > 0)?;
            Box::new(days_of_cover::DaysOfCover { cover_periods: Some(cover_periods) })
        }
    })
}

/// The classical choice: base-stock, or (R, s, S) where the order cost matters; see [`reorder_point::order_cost_matters`] for the rule.
#[derive(Clone, Copy, Debug, Default)]
pub struct Classical;

impl Classical {
    /// The name of the policy that decides a review.
    pub fn choice(review: &Review) -> &'static str {
        if reorder_point::order_cost_matters(review) { "R_s_S" } else { "base_stock" }
    }
}

impl Policy for Classical {
    fn name(&self) -> &str {
        "classical"
    }

    fn decide(&self, review: &Review) -> Decision {
        if reorder_point::order_cost_matters(review) {
            reorder_point::PeriodicOrderUpTo.decide(review)
        } else {
            base_stock::BaseStock.decide(review)
        }
    }

    fn decide_again(&self, review: &Review, earlier: &Decision) -> Decision {
        base_stock::order_up_to_again(review, earlier, review.review_period)
    }
}
