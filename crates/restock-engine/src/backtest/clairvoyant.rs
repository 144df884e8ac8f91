//! The least cost that any sequence of orders could have had: perfect foresight under the same constraints.
//!
//! # What it may do
//! The clairvoyant starts from the players' stock, knows demand and lead times, and orders at the same opportunities, in
//! whole packs, at least the minimum order and at most what the rules allow in one order. Its goods expire like
//! everybody's. It pays what the indicators count: holding, lost sales, order lines and waste of the periods that count.
//!
//! # Why one number describes the stock
//! The oldest lot leaves first and later arrivals queue up behind it, so what becomes of a lot is known when it arrives:
//! it serves the demand that stock ahead of it leaves, until it expires, and the rest of it is waste. Units that will be
//! thrown away (or will be left over at the end of the replay) are paid for at arrival; the *sellable* stock, in units, is
//! the state. A dynamic programme over (period, sellable stock), backwards in time, is then exact: Wagner & Whitin (1958),
//! *Management Science* 5(1), extended by lost sales (Aksen, Altınkemer & Chand, 2003, *EJOR* 147(2)), packs, minimum and
//! maximum orders and expiry. An order moves the stock from `s` to some `y` that is a whole number of packs away, so the
//! best `y` is the minimum over a sliding window of each residue class, and a period costs `O(units)`.
//!
//! # Where it is a relaxation
//! Each of these can only make it cheaper than exact, so it stays a bound:
//! 1. A maximum of stock caps each order and the sellable stock after each arrival; it does not count what was still on
//!    the shelf when the order was placed and sells before the arrival. A shelf capacity caps each order: the rule looks at
//!    expected stock, which policies may exceed.
//! 2. Caps that a plan sets itself from its forecast (shelf life, end of life, days of cover) and display stock do not
//!    apply.
//! 3. Above [`MAX_CELLS`] units times periods, packs, minimums and maximums are left out, see [`without_rules`].

use std::collections::VecDeque;

use restock_core::stock::Lot;
use restock_core::{CostRates, Units};
use restock_inventory::rules::round_up;

use super::replay::Opportunity;

/// Largest number of (period, stock) states that are worth their time: about a tenth of a second.
const MAX_CELLS: usize = 1 << 24;

/// The bound of one item-location.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Bound {
    pub(super) holding_cost: f64,
    pub(super) stockout_cost: f64,
    pub(super) order_cost: f64,
    pub(super) waste_cost: f64,
    pub(super) demand: Units,
    pub(super) lost: Units,
    /// Whether some sequence of orders reaches this cost; otherwise it is below what is possible.
    pub(super) is_exact: bool,
}

impl Bound {
    pub(super) fn cost(&self) -> f64 {
        self.holding_cost + self.stockout_cost + self.order_cost + self.waste_cost
    }
}

/// What is the same for every sequence of orders.
pub(super) struct Problem<'a> {
    /// `[n_periods]`, units.
    pub(super) demand: &'a [Units],
    /// First period whose cost counts.
    pub(super) first: usize,
    pub(super) opportunities: &'a [Opportunity],
    /// Stock before period 0, the earliest expiry first.
    pub(super) start: &'a [Lot],
    pub(super) shelf_life: Option<usize>,
    pub(super) costs: &'a CostRates,
}

/// The least cost of the periods from `first` on.
pub(super) fn clairvoyant_bound(problem: &Problem<'_>) -> Bound {
    let n = problem.demand.len();
    assert!(problem.first <= n);
    let n_cells: usize = (0..n).map(|t| problem.sellable(t, t) as usize + 1).sum();
    let mut bound = if n_cells <= MAX_CELLS { least_cost(problem) } else { without_rules(problem) };
    bound.demand = problem.demand[problem.first..].iter().sum();
    bound
}

/// Cost to go, split by kind.
#[derive(Clone, Copy, Default)]
struct Value {
    cost: f64,
    holding_cost: f64,
    order_cost: f64,
    waste_cost: f64,
    lost: Units,
}

impl Problem<'_> {
    /// Units that an endless lot arriving in `arrival` could sell from period `t` on.
    fn sellable(&self, t: usize, arrival: usize) -> Units {
        let end = self.shelf_life.map_or(self.demand.len(), |periods| (arrival + periods).min(self.demand.len()));
        self.demand[t.min(end)..end].iter().sum()
    }

    /// What a unit costs that arrives in `arrival` and is thrown away at the end of period `expiry`, or left over.
    fn unsold(&self, arrival: usize, expiry: Option<usize>) -> Value {
        let n = self.demand.len();
        let last_held = expiry.map_or(n, |expiry| expiry.min(n));
        let n_held = last_held.saturating_sub(arrival.max(self.first));
        let is_waste = expiry.is_some_and(|expiry| (self.first..n).contains(&expiry));
        let holding_cost = self.costs.holding_cost * n_held as f64;
        let waste_cost = if is_waste { self.costs.waste_cost } else { 0.0 };
        Value { cost: holding_cost + waste_cost, holding_cost, waste_cost, ..Value::default() }
    }
}

impl Value {
    /// This after `units` units that nobody buys.
    fn with_unsold(self, units: Units, each: Value) -> Self {
        let units = units as f64;
        Self {
            cost: self.cost + units * each.cost,
            holding_cost: self.holding_cost + units * each.holding_cost,
            waste_cost: self.waste_cost + units * each.waste_cost,
            ..self
        }
    }

    /// This after an order line.
    fn with_order(self, order_cost: f64) -> Self {
        Self { cost: self.cost + order_cost, order_cost: self.order_cost + order_cost, ..self }
    }
}

/// The dynamic programme.
fn least_cost(problem: &Problem<'_>) -> Bound {
    let Problem { demand, first, costs, .. } = *problem;
    let n = demand.len();
    // The last placed comes first, because time runs backwards here.
    let mut opportunities: Vec<&Opportunity> =
        problem.opportunities.iter().filter(|opportunity| opportunity.arrives < n).collect();
    opportunities.sort_by_key(|opportunity| (opportunity.arrives, opportunity.placed));
    // Orders of any size stay below the largest maximum of stock, whichever of them was placed last.
    let max_stock = problem.opportunities.iter().map(|opportunity| opportunity.max_stock.unwrap_or(Units::MAX)).max();

    // `after[s]`: cost to go from the start of the next period with `s` sellable units.
    let mut after = vec![Value::default()];
    for t in (0..n).rev() {
        let most = problem.sellable(t, t);
        let is_counted = t >= first;
        // After arrivals: demand occurs, what is left is held.
        let mut values: Vec<Value> = (0..=most)
            .map(|stock| {
                let left = (stock - demand[t]).max(0);
                let mut value = after[left as usize];
                if is_counted {
                    let (holding_cost, lost) = (costs.holding_cost * left as f64, (demand[t] - stock).max(0));
                    value.cost += holding_cost + costs.stockout_cost * lost as f64;
                    value.holding_cost += holding_cost;
                    value.lost += lost;
                }
                value
            })
            .collect();
        let expiry = problem.shelf_life.map(|periods| t + periods - 1);
        let unsold = problem.unsold(t, expiry);
        while let Some(opportunity) = opportunities.pop_if(|opportunity| opportunity.arrives == t) {
            let order_cost = if opportunity.placed < first { 0.0 } else { costs.order_cost };
            values = best_orders(&values, opportunity, order_cost, unsold, max_stock.unwrap_or(Units::MAX));
        }
        after = values;
    }

    // What becomes of the stock at the start.
    let mut sellable = 0;
    let mut doomed = Vec::new();
    for lot in problem.start {
        let expiry = usize::try_from(lot.periods_left).expect("lots are not expired at the start");
        let expiry = (lot.periods_left != i32::MAX).then_some(expiry);
        let most = demand[..expiry.map_or(n, |expiry| (expiry + 1).min(n))].iter().sum::<Units>();
        let sold = lot.quantity.min((most - sellable).max(0));
        sellable += sold;
        doomed.push((lot.quantity - sold, problem.unsold(0, expiry)));
    }
    let mut least = after[sellable as usize];
    for (units, each) in doomed {
        least = least.with_unsold(units, each);
    }
    Bound {
        holding_cost: least.holding_cost,
        stockout_cost: costs.stockout_cost * least.lost as f64,
        order_cost: least.order_cost,
        waste_cost: least.waste_cost,
        demand: 0,
        lost: least.lost,
        is_exact: problem.opportunities.iter().all(|opportunity| !opportunity.is_capped),
    }
}

/// Cost to go before an order arrives: the better of no order and the best lawful one.
///
/// `after[s]` is the cost to go with `s` sellable units once the order is there; more than the last of them cannot be
/// sold, and each unit beyond costs `unsold`.
fn best_orders(
    after: &[Value],
    opportunity: &Opportunity,
    order_cost: f64,
    unsold: Value,
    max_stock: Units,
) -> Vec<Value> {
    let most = after.len() as Units - 1;
    let pack = opportunity.order_multiple.max(1);
    let smallest = round_up(opportunity.min_order.max(1), pack);
    let largest = opportunity.max_order.map_or(Units::MAX, |units| units / pack * pack);
    let mut best = after.to_vec();
    if smallest > largest {
        return best;
    }
    let mut window: VecDeque<Units> = VecDeque::new();
    for residue in 0..pack.min(most + 1) {
        window.clear();
        let top = most - (most - residue) % pack;
        // Stock falls by a pack at a time, and the window of what an order leads to falls with it.
        for stock in (0..=(top - residue) / pack).rev().map(|packs| residue + packs * pack) {
            let reached = stock.saturating_add(smallest);
            if reached <= most.min(max_stock) {
                while window.back().is_some_and(|y| after[*y as usize].cost >= after[reached as usize].cost) {
                    window.pop_back();
                }
                window.push_back(reached);
            }
            while window.front().is_some_and(|y| *y - stock > largest) {
                window.pop_front();
            }
            let mut consider = |value: Value| {
                let value = value.with_order(order_cost);
                if value.cost < best[stock as usize].cost {
                    best[stock as usize] = value;
                }
            };
            if let Some(y) = window.front() {
                consider(after[*y as usize]);
            }
            // The smallest order that is more than can be sold.
            let too_much = smallest.max(((most - stock) / pack + 1) * pack);
            if too_much <= largest && most <= max_stock {
                consider(after[most as usize].with_unsold(stock + too_much - most, unsold));
            }
        }
    }
    best
}

/// A bound for very many units, with any quantity allowed.
///
/// Every unit sold in period `t` came with some arrival in period `a <= t`, so it cost `h·(t - a)`; a unit of demand not
/// met cost `p`; every order that brought a unit sold, and was placed in a counted period, cost `K`. So for the set of
/// arrivals used, the cost is at least
///
/// ```text
/// K · (used arrivals) + Σ_t demand_t · min(p, h · (t - latest used arrival up to t))
/// ```
///
/// where nothing is served later than the shelf life allows. The minimum over sets is a shortest path over arrivals.
/// Stock at the start and orders of the warm-up count as an arrival in the first counted period without `K`.
fn without_rules(problem: &Problem<'_>) -> Bound {
    let Problem { demand, first, costs, shelf_life, .. } = *problem;
    let (h, p) = (costs.holding_cost, costs.stockout_cost);
    let demand = &demand[first..];
    let n = demand.len();
    if n == 0 {
        return Bound::default();
    }
    // Cheapest way to have an arrival in a period; the first counted period is always free.
    let mut fixed_cost = vec![f64::INFINITY; n];
    fixed_cost[0] = 0.0;
    for opportunity in problem.opportunities {
        if let Some(slot) = opportunity.arrives.checked_sub(first).and_then(|t| fixed_cost.get_mut(t)) {
            *slot = slot.min(if opportunity.placed < first { 0.0 } else { costs.order_cost });
        }
    }
    let holding = |age: usize| {
        let cost = h * age as f64;
        (shelf_life.is_none_or(|periods| age < periods) && cost <= p).then_some(cost)
    };
    // `least[a]`: least cost of the periods before `a`, given that an arrival in `a` is used; `least[n]` is the end.
    let mut least = vec![f64::INFINITY; n + 1];
    let mut previous = vec![0_usize; n + 1];
    least[0] = fixed_cost[0];
    for a in 0..n {
        if least[a].is_infinite() {
            continue;
        }
        let mut running = least[a];
        for t in a..n {
            // Another arrival in `t` takes over from here.
            if t > a && running + fixed_cost[t] < least[t] {
                least[t] = running + fixed_cost[t];
                previous[t] = a;
            }
            running += demand[t] as f64 * holding(t - a).unwrap_or(p);
        }
        if running < least[n] {
            least[n] = running;
            previous[n] = a;
        }
    }
    // Read the path backwards to split the cost.
    let mut bound = Bound::default();
    let mut end = n;
    while end > 0 {
        let a = previous[end];
        for (t, wanted) in demand.iter().enumerate().take(end).skip(a) {
            match holding(t - a) {
                Some(cost) => bound.holding_cost += *wanted as f64 * cost,
                None => {
                    bound.stockout_cost += *wanted as f64 * p;
                    bound.lost += *wanted;
                }
            }
        }
        bound.order_cost += fixed_cost[a];
        end = a;
    }
    bound
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use restock_core::StockState;
    use restock_inventory::item_location::{ItemLocationParams, PlacedOrder, step};

    fn costs(holding_cost: f64, stockout_cost: f64, order_cost: f64) -> CostRates {
        CostRates { unit_cost: 1.0, holding_cost, stockout_cost, order_cost, waste_cost: 1.5 }
    }

    fn free(placed: usize, arrives: usize) -> Opportunity {
        Opportunity {
            placed,
            arrives,
            order_multiple: 1,
            min_order: 0,
            max_order: None,
            max_stock: None,
            is_capped: false,
        }
    }

    fn bound_of(demand: &[Units], opportunities: &[Opportunity], first: usize, costs: &CostRates) -> Bound {
        clairvoyant_bound(&Problem { demand, first, opportunities, start: &[], shelf_life: None, costs })
    }

    /// Demand 10 a period, an order a period, lead time 2, nothing at the start.
    #[test]
    fn by_hand() {
        let opportunities: Vec<Opportunity> = (0..5).map(|placed| free(placed, placed + 2)).collect();
        // The first two periods cannot be reached: 20 lost at 5. From then on orders arrive just in time.
        let bound = bound_of(&[10; 5], &opportunities, 0, &costs(1.0, 5.0, 0.0));
        assert_eq!((bound.cost(), bound.lost, bound.demand, bound.is_exact), (100.0, 20, 50, true));
        // With an order cost of 25, one order for three periods (holding 20 + 10) beats two (50 + 10).
        let bound = bound_of(&[10; 5], &opportunities, 0, &costs(1.0, 5.0, 25.0));
        assert_eq!((bound.holding_cost, bound.order_cost, bound.stockout_cost), (30.0, 25.0, 100.0));
        // Packs of 12, one for each of the three periods: 2, 4 and 6 are held at their ends. Two packs would hold 2 and 4
        // and lose 6 at 5.
        let packs: Vec<Opportunity> =
            opportunities.iter().map(|free| Opportunity { order_multiple: 12, ..*free }).collect();
        let bound = bound_of(&[10; 5], &packs, 0, &costs(1.0, 5.0, 0.0));
        assert_eq!((bound.holding_cost, bound.lost), (12.0, 20));
        // Orders of the warm-up are free and what came before does not count.
        let bound = bound_of(&[99, 10, 10], &[free(0, 2), free(0, 1)], 1, &costs(1.0, 5.0, 25.0));
        assert_eq!((bound.cost(), bound.demand), (0.0, 20));
        assert_eq!(bound_of(&[1, 2], &[], 2, &costs(1.0, 5.0, 0.0)).cost(), 0.0);
    }

    /// A case of 8 that keeps 2 days, 3 wanted a day: 6 sell, 2 are thrown away at 1.5, and 3 are held for a night, as are
    /// the 2. That costs 3 + 2 + 3 = 8 and saves 6·p, so it pays for p = 2 and not for p = 1.
    #[test]
    fn fresh_goods_in_cases_by_hand() {
        let case = [Opportunity { order_multiple: 8, ..free(0, 0) }];
        for (stockout_cost, expected) in [(2.0, (5.0, 0.0, 3.0, 0)), (1.0, (0.0, 6.0, 0.0, 6))] {
            let costs = costs(1.0, stockout_cost, 0.0);
            let problem = Problem {
                demand: &[3, 3],
                first: 0,
                opportunities: &case,
                start: &[],
                shelf_life: Some(2),
                costs: &costs,
            };
            let bound = clairvoyant_bound(&problem);
            assert_eq!((bound.holding_cost, bound.stockout_cost, bound.waste_cost, bound.lost), expected);
        }
    }

    /// A random item-location: `periods` of demand and, where there is an order opportunity, its lead time and rules.
    #[derive(Clone, Debug)]
    struct Instance {
        demand: Vec<Units>,
        opportunities: Vec<Opportunity>,
        first: usize,
        start: Units,
        shelf_life: Option<usize>,
        costs: CostRates,
    }

    impl Instance {
        fn lots(&self) -> Vec<Lot> {
            let periods_left = self.shelf_life.map_or(i32::MAX, |periods| periods as i32 - 1);
            if self.start > 0 { vec![Lot { periods_left, quantity: self.start }] } else { Vec::new() }
        }

        fn bound(&self) -> Bound {
            clairvoyant_bound(&self.problem(&self.lots()))
        }

        fn problem<'a>(&'a self, start: &'a [Lot]) -> Problem<'a> {
            let Self { demand, opportunities, first, shelf_life, costs, .. } = self;
            Problem { demand, first: *first, opportunities, start, shelf_life: *shelf_life, costs }
        }

        /// Plays period `t` with the one transition function and returns the cost that counts.
        fn play(&self, stock: &mut StockState, t: usize, quantity: Units) -> f64 {
            let params =
                ItemLocationParams { shelf_life: self.shelf_life, ..ItemLocationParams::lost_sales(self.costs) };
            let lead_time = self.opportunity(t).map_or(0, |opportunity| opportunity.arrives - t);
            let outcome = step(stock, PlacedOrder { quantity, lead_time }, self.demand[t], &params);
            if t >= self.first { outcome.cost } else { 0.0 }
        }

        fn opportunity(&self, t: usize) -> Option<&Opportunity> {
            self.opportunities.iter().find(|opportunity| opportunity.placed == t)
        }

        /// Quantities that the rules allow, 0 first, none larger than `most`.
        fn lawful(&self, stock: &StockState, t: usize, most: Units) -> Vec<Units> {
            let Some(opportunity) = self.opportunity(t) else { return vec![0] };
            let Opportunity { order_multiple, min_order, max_order, max_stock, .. } = *opportunity;
            let room = max_stock.map_or(Units::MAX, |units| units - stock.inventory_position());
            let largest = room.min(max_order.unwrap_or(Units::MAX)).min(most);
            let is_lawful = |units: &Units| *units >= min_order && *units % order_multiple == 0;
            std::iter::once(0).chain((1..=largest).filter(is_lawful)).collect()
        }

        /// The least cost over every sequence of lawful orders up to `most` each.
        fn exhaustive(&self, stock: &StockState, t: usize, most: Units) -> f64 {
            if t == self.demand.len() {
                return 0.0;
            }
            let costs = self.lawful(stock, t, most).into_iter().map(|quantity| {
                let mut stock = stock.clone();
                self.play(&mut stock, t, quantity) + self.exhaustive(&stock, t + 1, most)
            });
            costs.fold(f64::INFINITY, f64::min)
        }

        fn start(&self) -> StockState {
            StockState { lots: self.lots(), ..StockState::default() }
        }
    }

    /// Instances of up to `n` periods with a demand of up to `most` units.
    fn instances(n: usize, most: Units) -> impl Strategy<Value = Instance> {
        let rules =
            (0_usize..4, 1..=most.max(2), 0..=most, prop::option::of(1..=2 * most), prop::option::of(1..=3 * most));
        let periods = prop::collection::vec((0..=most, prop::option::of(rules)), 1..=n);
        let rates = (0_u8..4, 0_u8..8, 0_u8..6, 0_u8..5);
        (periods, 0..=n, 0..=2 * most, prop::option::of(1_usize..5), rates).prop_map(
            |(periods, first, start, shelf_life, (h, p, k, w))| {
                let opportunity = |(placed, (lead_time, order_multiple, min_order, max_order, max_stock))| {
                    let caps: [Option<Units>; 2] = [max_order, max_stock];
                    Opportunity {
                        placed,
                        arrives: placed + lead_time,
                        order_multiple,
                        min_order,
                        max_order: caps.into_iter().flatten().min(),
                        max_stock,
                        is_capped: max_stock.is_some(),
                    }
                };
                let rules = periods.iter().enumerate().filter_map(|(t, (_, rules))| Some((t, (*rules)?)));
                Instance {
                    opportunities: rules.map(opportunity).collect(),
                    first: first.min(periods.len()),
                    demand: periods.into_iter().map(|(demand, _)| demand).collect(),
                    start,
                    shelf_life,
                    costs: CostRates {
                        unit_cost: 1.0,
                        holding_cost: f64::from(h) * 0.35,
                        stockout_cost: f64::from(p),
                        order_cost: f64::from(k) * 2.0,
                        waste_cost: f64::from(w),
                    },
                }
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// Whatever anybody orders under the rules, the bound is not beaten, and leaving the rules out lowers it.
        #[test]
        fn no_sequence_of_orders_beats_it(
            instance in instances(20, 12),
            choices in prop::collection::vec(any::<prop::sample::Index>(), 20),
        ) {
            let bound = instance.bound();
            let mut stock = instance.start();
            let mut cost = 0.0;
            for (t, choice) in choices.iter().enumerate().take(instance.demand.len()) {
                let lawful = instance.lawful(&stock, t, 40);
                let quantity = *choice.get(&lawful);
                cost += instance.play(&mut stock, t, quantity);
            }
            prop_assert!(bound.cost() <= cost + 1e-9, "bound {} above {cost}", bound.cost());
            let relaxed = without_rules(&instance.problem(&[]));
            prop_assert!(relaxed.cost() <= bound.cost() + 1e-9, "{} above {}", relaxed.cost(), bound.cost());
        }

        /// On instances that are small enough to try every sequence of orders, the bound is reached; with a maximum of
        /// stock it may lie below.
        #[test]
        fn it_is_the_least_cost_over_all_sequences(instance in instances(5, 4)) {
            let bound = instance.bound();
            // More than all demand in packs is never worth having.
            let least = instance.exhaustive(&instance.start(), 0, 24);
            prop_assert!(bound.cost() <= least + 1e-9, "{} above {least}", bound.cost());
            if bound.is_exact {
                prop_assert!((bound.cost() - least).abs() < 1e-9, "{} is not {least}", bound.cost());
            }
        }

        /// The shortest path equals trying every set of orders.
        #[test]
        fn without_rules_it_is_the_minimum_over_all_sets(
            demand in prop::collection::vec(0_i64..12, 1..9),
            lead_time in 0_usize..3,
            order_cost in 0_u8..30,
        ) {
            let costs = costs(0.7, 4.0, f64::from(order_cost));
            let orders: Vec<Opportunity> = (0..demand.len()).map(|placed| free(placed, placed + lead_time)).collect();
            let mut least = f64::INFINITY;
            for set in 0_u32..1 << orders.len() {
                let mut cost = 0.0;
                let mut latest = 0;
                for (t, wanted) in demand.iter().enumerate() {
                    if let Some(idx) = orders.iter().position(|order| order.arrives == t)
                        && set >> idx & 1 == 1
                    {
                        latest = t;
                        cost += costs.order_cost;
                    }
                    cost += *wanted as f64 * (costs.holding_cost * (t - latest) as f64).min(costs.stockout_cost);
                }
                least = least.min(cost);
            }
            let problem = Problem {
                demand: &demand, first: 0, opportunities: &orders, start: &[], shelf_life: None, costs: &costs,
            };
            let bound = without_rules(&problem);
            prop_assert!((bound.cost() - least).abs() < 1e-9, "{} is not {}", bound.cost(), least);
        }
    }
}
