//! Make (or buy) to order: nothing is stocked ahead of demand.

use restock_core::policy::{Decision, Policy, Review};

use crate::base_stock::order_up_to;

/// Orders exactly what is backordered or reserved and not yet covered by stock or open supply.
#[derive(Clone, Copy, Debug, Default)]
pub struct MakeToOrder;

impl Policy for MakeToOrder {
    fn name(&self) -> &str {
        "mto"
    }

    fn decide(&self, review: &Review) -> Decision {
        // With a target of 0 the shortfall is exactly backorders + reserved - on hand - on order.
        order_up_to(review, 0, None, 0.0, review.review_period)
    }
}
