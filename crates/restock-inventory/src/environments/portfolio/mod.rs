//! A portfolio: many items of one's own, each played on demand paths of its own under the rules that its real orders have.
//!
//! A period runs from one order day of an item to the next, as its calendar has them. What is known on an order day is
//! a [`Review`], the same that a plan decides from, so that every [`restock_core::Policy`] can play; what is ordered goes
//! through [`apply_rules`], and each day through [`item_location::step`](crate::item_location::step).
//!
//! Demand comes from outside: paths of a forecast, of history ([`demand::bootstrap`]) or of the retail simulator
//! ([`demand::SimulatedDemand`]). Believed paths, which reviews hold, and played paths have nothing but their law in common.

pub mod demand;

use std::sync::Arc;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use restock_core::environment::{Environment, PeriodOutcome};
use restock_core::objective::Objective;
use restock_core::policy::{DemandPaths, OrderingRules, Review};
use restock_core::stock::StockState;
use restock_core::{CostRates, Units};

use crate::item_location::{Issuing, ItemLocationParams, PlacedOrder, WholeUnits, step};
use crate::rules::apply_rules;
use crate::sellable::{most_before_expiry, needs_after_arrival, sellable};

/// What an item of a portfolio is made of.
#[derive(Clone, Debug)]
pub struct ItemPlan {
    /// What the user calls it: `milk-1l@berlin`.
    pub name: String,
    /// The first day as a plan sees it: stock, rules, costs, objective, lead times of an order placed on an order day;
    /// its demand, `[n_believed × horizon]`, is what is believed.
    pub review: Review,
    /// Days of a path on which an order may be placed, ascending, at least one; the first day is 0.
    pub order_days: Vec<usize>,
    /// Days that a review looks ahead, at least 1.
    pub review_horizon: usize,
    /// Days until the planned end of the item, if it has one.
    pub days_to_end: Option<usize>,
    /// `[n_paths × n_days]`: demand that is played.
    pub played: DemandPaths,
}

/// An item of a portfolio.
#[derive(Clone, Debug)]
pub struct PortfolioItem {
    name: String,
    /// The first day, but for the stock.
    known: Review,
    /// `[n_order_days]`
    order_days: Vec<usize>,
    review_horizon: usize,
    days_to_end: Option<usize>,
    stock: StockState,
    params: ItemLocationParams,
    /// `[n_paths × n_days]`, whole units.
    played: Vec<Units>,
    n_days: usize,
}

impl PortfolioItem {
    /// An item ready to be played.
    ///
    /// # Panics
    /// When there is no order day, one lies beyond the paths, or beliefs end before them.
    pub fn new(plan: ItemPlan) -> Self {
        let ItemPlan { name, mut review, order_days, review_horizon, days_to_end, played } = plan;
        let n_days = played.horizon;
        assert!(!order_days.is_empty() && order_days.is_sorted_by(|one, next| one < next), "{name}: {order_days:?}");
        assert!(order_days[order_days.len() - 1] < n_days, "{name}: {order_days:?} within {n_days} days");
        assert!(review.demand.horizon >= n_days, "{name}: {} of {n_days} days believed", review.demand.horizon);
        let mut whole_paths = Vec::with_capacity(played.values.len());
        for path_idx in 0..played.n_paths() {
            let mut whole = WholeUnits::default();
            whole_paths.extend(played.path(path_idx).iter().map(|wanted| whole.next(*wanted)));
        }
        Self {
            name,
            order_days,
            review_horizon,
            days_to_end,
            params: ItemLocationParams {
                costs: review.costs,
                shelf_life: review.shelf_life,
                backorder: review.backorder,
                issuing: Issuing::OldestFirst,
            },
            stock: std::mem::take(&mut review.stock),
            known: review,
            played: whole_paths,
            n_days,
        }
    }

    /// What the user calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Days of a path on which an order may be placed, ascending.
    pub fn order_days(&self) -> &[usize] {
        &self.order_days
    }

    /// Days from an order day to the next; the rhythm of the first two goes on after the last.
    pub fn review_period(&self, order_day_idx: usize) -> usize {
        let day = |idx: usize| self.order_days.get(idx).copied();
        let gap = |idx: usize| Some(day(idx + 1)? - day(idx)?);
        gap(order_day_idx).or_else(|| gap(0)).unwrap_or(self.known.review_period).max(1)
    }

    /// What is known on an order day, but for the stock.
    pub fn known_on(&self, order_day_idx: usize) -> Review {
        let day = self.order_days[order_day_idx];
        let horizon = self.review_horizon.clamp(1, self.known.demand.horizon - day);
        let demand = Arc::new(self.known.demand.part(day, horizon));
        Review { demand, review_period: self.review_period(order_day_idx), ..self.known.clone() }
    }

    /// The number of played paths.
    pub fn n_paths(&self) -> usize {
        self.played.len() / self.n_days
    }

    /// A played path, `[n_days]`, whole units.
    pub fn path(&self, path_idx: usize) -> &[Units] {
        &self.played[path_idx * self.n_days..(path_idx + 1) * self.n_days]
    }

    /// The same item with other cost rates: those of a price on lost units, for example.
    #[must_use]
    pub fn with_costs(mut self, costs: CostRates) -> Self {
        self.params.costs = costs;
        self.known.costs = costs;
        self
    }
}

/// Items that are ordered independently of each other.
#[derive(Clone, Debug)]
pub struct Portfolio {
    items: Vec<PortfolioItem>,
}

/// One item on an order day of one path.
#[derive(Clone, Debug, PartialEq)]
pub struct PortfolioState {
    /// The item.
    pub item_idx: usize,
    /// The path it is on.
    pub path_idx: usize,
    /// The order day, an index into [`PortfolioItem::order_days`].
    pub order_day_idx: usize,
    /// Stock and supply on the way, on the morning of that day.
    pub stock: StockState,
}

/// What chance decides until the next order day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortfolioChance {
    /// Demand of each day until the next order day, units.
    pub demand: Vec<Units>,
    /// Days until an order placed now can be sold.
    pub lead_time: usize,
    /// The path of the next order day: another one where this one has ended.
    pub path_idx: usize,
}

impl Portfolio {
    /// A portfolio of items.
    ///
    /// # Panics
    /// When there is none.
    pub fn new(items: Vec<PortfolioItem>) -> Self {
        assert!(!items.is_empty(), "a portfolio has at least one item");
        Self { items }
    }

    /// The items.
    pub fn items(&self) -> &[PortfolioItem] {
        &self.items
    }

    /// An item at the beginning of a path, with the stock that it has today.
    pub fn start(&self, item_idx: usize, path_idx: usize) -> PortfolioState {
        let item = &self.items[item_idx];
        let mut stock = item.stock.clone();
        // Before the first order day nothing can be ordered.
        for demand in &item.path(path_idx)[..item.order_days[0]] {
            step(&mut stock, PlacedOrder::NONE, *demand, &item.params);
        }
        PortfolioState { item_idx, path_idx, order_day_idx: 0, stock }
    }

    /// Everything that a policy may know in a state: what a plan would decide from.
    pub fn review(&self, state: &PortfolioState) -> Review {
        let item = &self.items[state.item_idx];
        let mut review = Review { stock: state.stock.clone(), ..item.known_on(state.order_day_idx) };
        if let Some(shelf_life) = review.shelf_life {
            let needs = needs_after_arrival(&review, |lead| lead + shelf_life);
            review.rules.shelf_life_cap = Some(most_before_expiry(needs, &review));
        }
        let until_end = item.days_to_end.map(|end| end.saturating_sub(item.order_days[state.order_day_idx]));
        if let Some(until) = until_end.filter(|until| *until < review.demand.horizon) {
            review.rules.end_of_life_cap = Some(sellable(needs_after_arrival(&review, |_| until)));
        }
        review
    }

    /// Whether a state is on the last order day of its path.
    pub fn is_last(&self, state: &PortfolioState) -> bool {
        state.order_day_idx + 1 == self.items[state.item_idx].order_days.len()
    }

    /// The units that a wanted quantity becomes under the ordering rules of a state.
    pub fn ruled(&self, state: &PortfolioState, wanted: Units) -> Units {
        apply_rules(wanted, &self.review(state)).quantity
    }

    /// What chance decides on the path of a state, given the path that follows it and the lead time of an order.
    pub fn chance(&self, state: &PortfolioState, next_path_idx: usize, lead_time: usize) -> PortfolioChance {
        let item = &self.items[state.item_idx];
        let (path, day) = (item.path(state.path_idx), item.order_days[state.order_day_idx]);
        match item.order_days.get(state.order_day_idx + 1) {
            Some(next) => PortfolioChance { demand: path[day..*next].to_vec(), lead_time, path_idx: state.path_idx },
            None => {
                let before_first = &item.path(next_path_idx)[..item.order_days[0]];
                let demand = path[day..].iter().chain(before_first).copied().collect();
                PortfolioChance { demand, lead_time, path_idx: next_path_idx }
            }
        }
    }
}

impl Environment for Portfolio {
    type State = PortfolioState;

    /// What is wanted, units; the ordering rules say what is ordered.
    type Action = Units;

    type Chance = PortfolioChance;

    fn id(&self) -> &'static str {
        "portfolio-v1"
    }

    /// The first item on its first path.
    fn initial_state(&self) -> PortfolioState {
        self.start(0, 0)
    }

    /// Up to three times what is expected until the order after this one arrives, and a pack and a minimum more.
    fn sample_action(&self, state: &PortfolioState, rng: &mut dyn Rng) -> Units {
        let review = self.items[state.item_idx].known_on(state.order_day_idx);
        let last = review.lead_times[review.lead_times.len() - 1] + review.review_period;
        let expected = review.demand.total(0, last.min(review.demand.horizon)).mean();
        let most = (3.0 * expected).ceil() as Units + review.rules.min_order + review.rules.order_multiple + 1;
        rng.random_range(0..=most)
    }

    /// The path goes on; where it ends, any path of the item follows.
    fn sample_chance(&self, state: &PortfolioState, _: &Units, rng: &mut dyn Rng) -> PortfolioChance {
        let item = &self.items[state.item_idx];
        let lead_times = &item.known.lead_times;
        let lead_time = lead_times[rng.random_range(0..lead_times.len())];
        self.chance(state, rng.random_range(0..item.n_paths()), lead_time)
    }

    /// Sequence of events in a period:
    /// 1. what is wanted becomes an order under the ordering rules of the item;
    /// 2. the order is placed on the first day, and what is due arrives on each day until the next order day;
    /// 3. each of these days has its demand, expiry and costs, as in `item_location::step`;
    /// 4. where the path ends, the next one begins with the stock that is left.
    fn step(&self, state: &mut PortfolioState, action: &Units, chance: &PortfolioChance) -> PeriodOutcome {
        let mut order = PlacedOrder { quantity: self.ruled(state, *action), lead_time: chance.lead_time };
        let item = &self.items[state.item_idx];
        let mut total = PeriodOutcome::default();
        for demand in &chance.demand {
            let day = step(&mut state.stock, order, *demand, &item.params);
            order = PlacedOrder::NONE;
            total.demand += day.demand;
            total.sold += day.sold;
            total.lost += day.lost;
            total.expired += day.expired;
            total.received += day.received;
            total.issued_late += day.issued_late;
            total.cost += day.cost;
        }
        state.order_day_idx = if self.is_last(state) { 0 } else { state.order_day_idx + 1 };
        state.path_idx = chance.path_idx;
        total
    }

    fn units(&self, state: &PortfolioState) -> Units {
        state.stock.on_hand() + state.stock.on_order()
    }

    fn ordered(&self, state: &PortfolioState, action: &Units, _: &PortfolioChance) -> Units {
        self.ruled(state, *action)
    }
}

/// A small portfolio for checks: an item that keeps, one that expires, one that ends and one whose customers wait.
pub(super) fn example() -> Portfolio {
    let plan = example_plan(1);
    let with = |change: fn(&mut ItemPlan)| {
        let mut plan = plan.clone();
        change(&mut plan);
        PortfolioItem::new(plan)
    };
    Portfolio::new(vec![
        with(|_| {}),
        with(|plan| plan.review.shelf_life = Some(4)),
        with(|plan| plan.days_to_end = Some(16)),
        with(|plan| plan.review.backorder = true),
    ])
}

/// An item that sells 0 to 6 a day and is ordered on Mondays and Thursdays in packs of four.
fn example_plan(seed: u64) -> ItemPlan {
    const N_DAYS: usize = 28;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut paths = |n_paths: usize, horizon: usize| DemandPaths {
        values: (0..n_paths * horizon).map(|_| rng.random_range(0..7) as f32).collect(),
        horizon,
    };
    ItemPlan {
        name: "bread@berlin".to_owned(),
        review: Review {
            stock: StockState::with_on_hand(20),
            demand: Arc::new(paths(40, N_DAYS + 14)),
            lead_times: Arc::new([2, 3]),
            review_period: 3,
            rules: OrderingRules { min_order: 6, order_multiple: 4, max_stock: Some(60), ..OrderingRules::default() },
            costs: CostRates {
                unit_cost: 2.0,
                holding_cost: 0.1,
                stockout_cost: 3.0,
                order_cost: 1.0,
                waste_cost: 2.0,
            },
            objective: Objective::Economics,
            shelf_life: None,
            backorder: false,
        },
        order_days: vec![1, 4, 8, 11, 15, 18, 22, 25],
        review_horizon: 14,
        days_to_end: None,
        played: paths(5, N_DAYS),
    }
}

#[cfg(test)]
mod tests {
    use restock_core::policy::Policy;

    use super::*;
    use crate::Classical;
    use crate::environments::check_environment;
    use crate::rules::violations;

    /// The plan of an item of the example with other rules and shelf life, ordered on Mondays and Thursdays.
    fn plan(rules: OrderingRules, shelf_life: Option<usize>) -> ItemPlan {
        let plan = example_plan(3);
        ItemPlan { review: Review { rules, shelf_life, ..plan.review.clone() }, ..plan }
    }

    fn rules() -> OrderingRules {
        OrderingRules { min_order: 6, order_multiple: 4, max_stock: Some(60), ..OrderingRules::default() }
    }

    #[test]
    fn it_is_an_environment_whatever_the_item() {
        for item in example().items {
            check_environment(&Portfolio::new(vec![item]), 5, 400).unwrap();
        }
    }

    /// No policy gets around packs, minimums and maximums, and what is played is what the paths hold.
    #[test]
    fn rules_hold_and_paths_are_played_day_by_day() {
        let portfolio = Portfolio::new(vec![PortfolioItem::new(plan(rules(), None))]);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let (mut state, mut played, mut n_orders) = (portfolio.start(0, 2), 0, 0);
        for _ in 0..8 {
            let wanted = 9 * portfolio.sample_action(&state, &mut rng);
            let ordered = portfolio.ruled(&state, wanted);
            assert_eq!(violations(ordered, &portfolio.review(&state)), []);
            n_orders += usize::from(ordered > 0);
            let chance = portfolio.sample_chance(&state, &wanted, &mut rng);
            played += portfolio.step(&mut state, &wanted, &chance).demand;
        }
        assert!(n_orders >= 2, "{n_orders} orders");
        let item = &portfolio.items()[0];
        let before_first = item.path(state.path_idx)[0];
        assert_eq!(played, item.path(2)[1..].iter().sum::<Units>() + before_first, "day 0 has no order");
        assert_eq!(state.order_day_idx, 0);
    }

    /// An order day tells how long it is to the next, as the calendar has it, and what is believed from then on.
    #[test]
    fn a_review_is_that_of_its_day() {
        let plan = plan(rules(), None);
        let believed = plan.review.demand.clone();
        let portfolio = Portfolio::new(vec![PortfolioItem::new(plan)]);
        let item = &portfolio.items()[0];
        let periods: Vec<usize> = (0..8).map(|idx| item.known_on(idx).review_period).collect();
        assert_eq!(periods, [3, 4, 3, 4, 3, 4, 3, 3]);
        assert_eq!(*item.known_on(2).demand, believed.part(8, 14));
        let decision = Classical.decide(&portfolio.review(&portfolio.start(0, 0)));
        assert!(decision.target_level > 0);
    }
}
