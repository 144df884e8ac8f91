//! The transition function of one item-location: stock, order and demand in, what happened out.
//!
//! Consequence simulation, backtests and `restock simulate` all play this one function, so a unit sold in one of them
//! is a unit sold in all of them. Demand is an argument.

use restock_core::environment::PeriodOutcome;
use restock_core::policy::DemandPaths;
use restock_core::stock::{Arrival, Lot, StockState};
use restock_core::{CostRates, Units};

/// Which lot leaves the shelf first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Issuing {
    /// First expired, first out.
    #[default]
    OldestFirst,
    /// Customers take the freshest.
    FreshestFirst,
}

/// What stays the same from period to period.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ItemLocationParams {
    /// Cost rates, currency.
    pub costs: CostRates,
    /// Periods an arriving unit can be sold, at least 1; `None` never expires.
    pub shelf_life: Option<usize>,
    /// Whether unmet demand waits (`true`) or is lost (`false`).
    pub backorder: bool,
    /// Which lot leaves first.
    pub issuing: Issuing,
}

impl ItemLocationParams {
    /// Lost sales, no expiry, oldest first.
    pub fn lost_sales(costs: CostRates) -> Self {
        Self { costs, shelf_life: None, backorder: false, issuing: Issuing::OldestFirst }
    }
}

/// An order placed at the start of a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlacedOrder {
    /// Units, at least 0; 0 is no order.
    pub quantity: Units,
    /// Periods until the units can be sold; 0 serves the current period.
    pub lead_time: usize,
}

impl PlacedOrder {
    /// No order.
    pub const NONE: PlacedOrder = PlacedOrder { quantity: 0, lead_time: 0 };
}

/// Plays one period.
///
/// Sequence of events:
/// 1. the order is placed and pays the order cost;
/// 2. supply that is due (or overdue) arrives and can be sold for `shelf_life` periods, this one included;
/// 3. reservations, then backorders, are issued from the shelf;
/// 4. demand occurs; what the shelf cannot serve is lost, or waits when `backorder` is set;
/// 5. lots at the end of their life expire, the others get one period older;
/// 6. holding cost is paid for what is left on the shelf, waste cost for what expired, and stock-out cost for the units
///    lost in this period, or with `backorder` for every unit waiting at the end of the period.
///
/// Afterwards `stock` describes the start of the next period. Units are conserved: on hand before + `received` =
/// `sold` + `issued_late` + `expired` + on hand after.
///
/// # Panics
/// When the order, the demand or a part of `stock` is negative, or `shelf_life` is 0.
pub fn step(stock: &mut StockState, order: PlacedOrder, demand: Units, params: &ItemLocationParams) -> PeriodOutcome {
    assert!(order.quantity >= 0 && demand >= 0, "order {} and demand {demand} must be >= 0", order.quantity);
    assert!(stock.backorders >= 0 && stock.reserved >= 0);

    let mut received = 0;
    if order.quantity > 0 {
        if order.lead_time == 0 {
            received = order.quantity;
        } else {
            place(stock, order);
        }
    }
    stock.arrivals.retain_mut(|arrival| {
        if arrival.periods_ahead <= 0 {
            assert!(arrival.quantity >= 0);
            received += arrival.quantity;
            return false;
        }
        arrival.periods_ahead -= 1;
        true
    });
    let periods_left = match params.shelf_life {
        None => i32::MAX,
        Some(shelf_life) => {
            assert!(shelf_life >= 1, "a shelf life of 0 periods cannot be sold");
            i32::try_from(shelf_life - 1).unwrap_or(i32::MAX - 1)
        }
    };
    receive(stock, received, periods_left);

    let (issued_late, sold, expired, on_hand);
    match stock.lots.as_mut_slice() {
        // The common case, a single lot that never expires, touches one number.
        [Lot { periods_left: i32::MAX, quantity }] => {
            let promised = stock.reserved + stock.backorders;
            issued_late = promised.min(*quantity);
            sold = demand.min(*quantity - issued_late);
            *quantity -= issued_late + sold;
            expired = 0;
            on_hand = *quantity;
            if on_hand == 0 {
                stock.lots.clear();
            }
        }
        _ => {
            issued_late = issue(stock, stock.reserved + stock.backorders, params.issuing);
            sold = issue(stock, demand, params.issuing);
            expired = expire(stock);
            on_hand = stock.on_hand();
        }
    }
    let late_to_reserved = issued_late.min(stock.reserved);
    stock.reserved -= late_to_reserved;
    stock.backorders -= issued_late - late_to_reserved;

    let lost = demand - sold;
    let costs = &params.costs;
    let short = if params.backorder {
        stock.backorders += lost;
        stock.backorders
    } else {
        lost
    };
    let mut cost =
        costs.holding_cost * on_hand as f64 + costs.stockout_cost * short as f64 + costs.waste_cost * expired as f64;
    if order.quantity > 0 {
        cost += costs.order_cost;
    }
    PeriodOutcome { demand, sold, lost, expired, received, issued_late, cost }
}

/// Adds an order to the pipeline, keeping it sorted by date.
fn place(stock: &mut StockState, order: PlacedOrder) {
    let periods_ahead = i32::try_from(order.lead_time).expect("lead time within 2^31 periods");
    let position = stock.arrivals.partition_point(|arrival| arrival.periods_ahead <= periods_ahead);
    stock.arrivals.insert(position, Arrival { periods_ahead, quantity: order.quantity });
}

/// Puts units on the shelf, keeping lots sorted by expiry.
fn receive(stock: &mut StockState, quantity: Units, periods_left: i32) {
    if quantity == 0 {
        return;
    }
    let position = stock.lots.partition_point(|lot| lot.periods_left < periods_left);
    match stock.lots.get_mut(position) {
        Some(lot) if lot.periods_left == periods_left => lot.quantity += quantity,
        _ => stock.lots.insert(position, Lot { periods_left, quantity }),
    }
}

/// Takes up to `wanted` units from the shelf and returns how many there were.
fn issue(stock: &mut StockState, wanted: Units, issuing: Issuing) -> Units {
    let mut open = wanted;
    let mut take = |lot: &mut Lot| {
        assert!(lot.quantity >= 0);
        let taken = open.min(lot.quantity);
        lot.quantity -= taken;
        open -= taken;
    };
    match issuing {
        Issuing::OldestFirst => stock.lots.iter_mut().for_each(&mut take),
        Issuing::FreshestFirst => stock.lots.iter_mut().rev().for_each(&mut take),
    }
    wanted - open
}

/// Removes lots at the end of their life, ages the others and returns the units removed.
fn expire(stock: &mut StockState) -> Units {
    let mut expired = 0;
    stock.lots.retain_mut(|lot| {
        if lot.periods_left <= 0 {
            expired += lot.quantity;
            return false;
        }
        if lot.periods_left != i32::MAX {
            lot.periods_left -= 1;
        }
        lot.quantity > 0
    });
    expired
}

/// What happens over the next periods, averaged over demand paths.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Projection {
    /// Share of paths in which some demand is not met at once.
    pub p_stockout: f64,
    /// The same before the order placed now arrives on the path.
    pub p_stockout_before_arrival: f64,
    /// Expected demand, units.
    pub expected_demand: f64,
    /// Expected units of demand not met from the shelf at once: lost, or waiting where `backorder` is set. A unit that
    /// waits counts once, however long it waits.
    pub expected_lost: f64,
    /// The part of `expected_lost` before the order placed now arrives on the path; the same for every order quantity.
    pub expected_lost_before_arrival: f64,
    /// Expected units that expire.
    pub expected_expired: f64,
    /// Expected cost, currency.
    pub expected_cost: f64,
    /// `[to - from]`: expected units on the shelf at the end of each counted period.
    pub on_hand: Vec<f64>,
}

/// Unmet demand over the paths of a projection, units and numbers of paths.
#[derive(Default)]
struct Shortages {
    lost: Units,
    lost_before_arrival: Units,
    n_paths: u32,
    n_paths_before_arrival: u32,
}

impl Shortages {
    /// Adds a path by what is not met on it before the order arrives and after.
    fn add(&mut self, [before, after]: [Units; 2]) {
        self.lost += before + after;
        self.lost_before_arrival += before;
        self.n_paths += u32::from(before + after > 0);
        self.n_paths_before_arrival += u32::from(before > 0);
    }
}

/// Fractional demand in whole units, rounded cumulatively: totals stay within half a unit.
///
/// ```
/// use restock_inventory::item_location::WholeUnits;
/// let mut whole = WholeUnits::default();
/// assert_eq!([0.4, 0.4, 0.4, 1.0].map(|wanted| whole.next(wanted)), [0, 1, 0, 1]);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct WholeUnits {
    cumulative: f64,
    counted: Units,
}

impl WholeUnits {
    /// The whole units of the next period's demand.
    #[inline]
    pub fn next(&mut self, wanted: f32) -> Units {
        self.cumulative += f64::from(wanted);
        let rounded = (self.cumulative + 0.5) as Units;
        rounded - std::mem::replace(&mut self.counted, rounded)
    }
}

/// Plays every demand path from `stock` with one order placed now and nothing after it, and averages what happens in
/// periods `from..to`. Path `i` sees the lead time `lead_times[i % lead_times.len()]`, the same pairing that the
/// policies use.
///
/// Fractional demand on a path is rounded cumulatively, so that totals stay within half a unit. With reservations or
/// backorders in `stock`, serving them comes first, as in [`step`].
///
/// # Panics
/// When `lead_times` is empty or `from..to` lies outside the horizon.
pub fn project(
    stock: &StockState,
    order_quantity: Units,
    lead_times: &[usize],
    demand: &DemandPaths,
    from: usize,
    to: usize,
    params: &ItemLocationParams,
) -> Projection {
    assert!(!lead_times.is_empty() && from <= to && to <= demand.horizon);
    let n_paths = demand.n_paths();
    let mut projection = Projection { on_hand: vec![0.0; to - from], ..Projection::default() };
    let (mut demand_sum, mut expired_sum) = (0, 0);
    let mut shortages = Shortages::default();

    let never_expires = params.shelf_life.is_none() && stock.lots.iter().all(|lot| lot.periods_left == i32::MAX);
    if never_expires {
        // The same arithmetic as `step` on plain numbers; a test holds the two together.
        let mut arrivals = vec![0; to + 1];
        for arrival in &stock.arrivals {
            arrivals[(arrival.periods_ahead.max(0) as usize).min(to)] += arrival.quantity;
        }
        let mut on_hand_sum = vec![0 as Units; to - from];
        let mut paid_sum = 0 as Units;
        let on_hand_at_start = stock.on_hand();
        for path_idx in 0..n_paths {
            let lead_time = lead_times[path_idx % lead_times.len()].min(to);
            arrivals[lead_time] += order_quantity;
            let (mut on_hand, mut reserved, mut waiting) = (on_hand_at_start, stock.reserved, stock.backorders);
            let mut whole = WholeUnits::default();
            let mut path_lost = [0; 2];
            for (period, wanted) in demand.path(path_idx)[..to].iter().enumerate() {
                let wanted = whole.next(*wanted);
                on_hand += arrivals[period];
                for promised in [&mut reserved, &mut waiting] {
                    let issued = (*promised).min(on_hand);
                    *promised -= issued;
                    on_hand -= issued;
                }
                let sold = wanted.min(on_hand);
                on_hand -= sold;
                let lost = wanted - sold;
                if params.backorder {
                    waiting += lost;
                }
                if period >= from {
                    demand_sum += wanted;
                    path_lost[usize::from(period >= lead_time)] += lost;
                    paid_sum += if params.backorder { waiting } else { lost };
                    on_hand_sum[period - from] += on_hand;
                }
            }
            arrivals[lead_time] -= order_quantity;
            shortages.add(path_lost);
        }
        let held: Units = on_hand_sum.iter().sum();
        let order_cost = if order_quantity > 0 && from == 0 && to > 0 { params.costs.order_cost } else { 0.0 };
        projection.expected_cost =
            (params.costs.holding_cost * held as f64 + params.costs.stockout_cost * paid_sum as f64) / n_paths as f64
                + order_cost;
        for (mean, sum) in projection.on_hand.iter_mut().zip(on_hand_sum) {
            *mean = sum as f64 / n_paths as f64;
        }
    } else {
        let mut state = StockState::default();
        for path_idx in 0..n_paths {
            state.clone_from(stock);
            let lead_time = lead_times[path_idx % lead_times.len()];
            let mut order = PlacedOrder { quantity: order_quantity, lead_time };
            let mut whole = WholeUnits::default();
            let mut path_lost = [0; 2];
            for (period, wanted) in demand.path(path_idx)[..to].iter().enumerate() {
                let outcome = step(&mut state, order, whole.next(*wanted), params);
                order = PlacedOrder::NONE;
                if period >= from {
                    demand_sum += outcome.demand;
                    path_lost[usize::from(period >= lead_time)] += outcome.lost;
                    expired_sum += outcome.expired;
                    projection.expected_cost += outcome.cost / n_paths as f64;
                    projection.on_hand[period - from] += state.on_hand() as f64 / n_paths as f64;
                }
            }
            shortages.add(path_lost);
        }
    }
    projection.p_stockout = f64::from(shortages.n_paths) / n_paths as f64;
    projection.p_stockout_before_arrival = f64::from(shortages.n_paths_before_arrival) / n_paths as f64;
    projection.expected_demand = demand_sum as f64 / n_paths as f64;
    projection.expected_lost = shortages.lost as f64 / n_paths as f64;
    projection.expected_lost_before_arrival = shortages.lost_before_arrival as f64 / n_paths as f64;
    projection.expected_expired = expired_sum as f64 / n_paths as f64;
    projection
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const COSTS: CostRates =
        CostRates { unit_cost: 1.0, holding_cost: 0.5, stockout_cost: 4.0, order_cost: 10.0, waste_cost: 2.0 };

    fn fresh(shelf_life: usize) -> ItemLocationParams {
        ItemLocationParams { shelf_life: Some(shelf_life), ..ItemLocationParams::lost_sales(COSTS) }
    }

    #[test]
    fn a_period_by_hand() {
        let mut stock = StockState::with_on_hand(10);
        stock.arrivals.push(Arrival { periods_ahead: 1, quantity: 7 });
        stock.reserved = 2;
        let params = ItemLocationParams::lost_sales(COSTS);
        let first = step(&mut stock, PlacedOrder { quantity: 5, lead_time: 2 }, 12, &params);
        // 10 on hand, 2 reserved leave first, 8 of 12 sold, 4 lost: 4·4 + order cost 10.
        assert_eq!((first.issued_late, first.sold, first.lost, first.received), (2, 8, 4, 0));
        assert_eq!(first.cost, 26.0);
        let second = step(&mut stock, PlacedOrder::NONE, 3, &params);
        assert_eq!((second.received, second.sold, stock.on_hand()), (7, 3, 4));
        assert_eq!(second.cost, 2.0);
        assert_eq!(stock.arrivals, [Arrival { periods_ahead: 0, quantity: 5 }]);
    }

    #[test]
    fn backorders_wait_and_are_served_first() {
        let params = ItemLocationParams { backorder: true, ..ItemLocationParams::lost_sales(COSTS) };
        let mut stock = StockState::with_on_hand(3);
        let first = step(&mut stock, PlacedOrder { quantity: 4, lead_time: 1 }, 5, &params);
        assert_eq!((first.sold, first.lost, stock.backorders), (3, 2, 2));
        let second = step(&mut stock, PlacedOrder::NONE, 1, &params);
        assert_eq!((second.issued_late, second.sold, stock.on_hand()), (2, 1, 1));
    }

    #[test]
    fn the_oldest_lot_leaves_first_and_expires_on_time() {
        let mut stock = StockState::default();
        step(&mut stock, PlacedOrder { quantity: 5, lead_time: 0 }, 0, &fresh(2));
        let second = step(&mut stock, PlacedOrder { quantity: 5, lead_time: 0 }, 3, &fresh(2));
        assert_eq!((second.sold, second.expired, stock.on_hand()), (3, 2, 5));
        assert_eq!(stock.lots, [Lot { periods_left: 0, quantity: 5 }]);
        let lifo = ItemLocationParams { issuing: Issuing::FreshestFirst, ..fresh(2) };
        let third = step(&mut stock, PlacedOrder { quantity: 5, lead_time: 0 }, 3, &lifo);
        assert_eq!((third.expired, stock.on_hand()), (5, 2));
    }

    prop_compose! {
        fn any_stock()(
            lots in prop::collection::btree_map(0_i32..6, 0_i64..20, 0..4),
            forever in 0_i64..20,
            arrivals in prop::collection::vec((-2_i32..9, 0_i64..20), 0..4),
            backorders in 0_i64..5,
            reserved in 0_i64..5,
            perishable in any::<bool>(),
        ) -> StockState {
            let mut stock = StockState::with_on_hand(forever);
            if perishable {
                stock.lots = lots.into_iter().map(|(periods_left, quantity)| Lot { periods_left, quantity }).collect();
            }
            stock.arrivals =
                arrivals.into_iter().map(|(periods_ahead, quantity)| Arrival { periods_ahead, quantity }).collect();
            stock.arrivals.sort_unstable();
            (stock.backorders, stock.reserved) = (backorders, reserved);
            stock
        }
    }

    proptest! {
        #[test]
        fn units_are_conserved(
            mut stock in any_stock(),
            plays in prop::collection::vec((0_i64..15, 0_usize..5, 0_i64..15), 1..12),
            shelf_life in prop::option::of(1_usize..5),
            backorder in any::<bool>(),
            freshest in any::<bool>(),
        ) {
            let issuing = if freshest { Issuing::FreshestFirst } else { Issuing::OldestFirst };
            let params = ItemLocationParams { costs: COSTS, shelf_life, backorder, issuing };
            for (quantity, lead_time, demand) in plays {
                let (on_hand, position) = (stock.on_hand(), stock.inventory_position());
                let outcome = step(&mut stock, PlacedOrder { quantity, lead_time }, demand, &params);
                prop_assert_eq!(
                    on_hand + outcome.received,
                    outcome.sold + outcome.issued_late + outcome.expired + stock.on_hand()
                );
                let lost = if backorder { 0 } else { outcome.lost };
                prop_assert_eq!(
                    position + quantity,
                    stock.inventory_position() + demand - lost + outcome.expired
                );
                prop_assert_eq!(outcome.demand, outcome.sold + outcome.lost);
                prop_assert!(stock.backorders >= 0 && stock.reserved >= 0);
                prop_assert!(stock.lots.iter().all(|lot| lot.quantity > 0 && lot.periods_left >= 0));
                prop_assert!(stock.lots.is_sorted() && stock.arrivals.is_sorted_by_key(|arrival| arrival.periods_ahead));
            }
        }

        #[test]
        fn the_fast_projection_equals_the_steps(
            on_hand in 0_i64..40,
            arrivals in prop::collection::vec((-1_i32..9, 0_i64..20), 0..4),
            (reserved, backorders) in (0_i64..5, 0_i64..5),
            quantity in 0_i64..30,
            values in prop::collection::vec(0.0_f32..9.0, 24),
            from in 0_usize..4,
            backorder in any::<bool>(),
        ) {
            let mut stock = StockState::with_on_hand(on_hand);
            stock.arrivals =
                arrivals.into_iter().map(|(periods_ahead, quantity)| Arrival { periods_ahead, quantity }).collect();
            stock.arrivals.sort_unstable();
            (stock.reserved, stock.backorders) = (reserved, backorders);
            let paths = DemandPaths { values, horizon: 8 };
            let keeps = ItemLocationParams { backorder, ..ItemLocationParams::lost_sales(COSTS) };
            // A shelf life longer than the horizon takes the general branch and must not change anything.
            let long_life = ItemLocationParams { shelf_life: Some(100), ..keeps };
            let fast = project(&stock, quantity, &[1, 3], &paths, from, 8, &keeps);
            let plain = project(&stock, quantity, &[1, 3], &paths, from, 8, &long_life);
            let shortages = |of: &Projection| {
                [of.p_stockout, of.expected_lost, of.p_stockout_before_arrival, of.expected_lost_before_arrival]
            };
            prop_assert!((fast.expected_cost - plain.expected_cost).abs() < 1e-9);
            prop_assert_eq!(shortages(&fast), shortages(&plain));
            // What is lost before the order arrives is part of what is lost, and no order changes it.
            let nothing = project(&stock, 0, &[1, 3], &paths, from, 8, &keeps);
            prop_assert_eq!(nothing.expected_lost_before_arrival, fast.expected_lost_before_arrival);
            prop_assert!(fast.expected_lost_before_arrival <= fast.expected_lost);
            prop_assert!(fast.on_hand.iter().zip(&plain.on_hand).all(|(a, b)| (a - b).abs() < 1e-9));
        }
    }
}
