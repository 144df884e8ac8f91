//! One partition (an item with all its locations, or items connected by bills of materials) played day by day on all
//! paths at once, so that a review looks at its demand scenarios once for all of them.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use restock_core::policy::{DemandDistribution, DemandPaths};
use restock_core::{ItemIdx, LocationIdx, N_LEVELS, StockState, Units};
use restock_inventory::item_location::{ItemLocationParams, PlacedOrder};
use restock_inventory::kpi::Ratio;
use restock_inventory::rationing;

use super::report::{Estimate, SimulatedLine};
use super::volumes::Direction;
use super::{Context, LeadTimeChange, POINT_DAYS, ShockChange};
use crate::batch::{Network, Overrides, Worked, claim, work_out};
use crate::builder::find_pair;
use crate::decide::protection;
use crate::explanation;
use crate::indicators::KpiSums;
use crate::plan::Unplanned;
use crate::play::{self, Frame, Known, Player, Totals, next_random, pick, uniform, whole_units};
use crate::unit::{PlanningUnit, StockKnowledge};

/// Keeps the demand of the simulated world apart from the scenarios that decisions look at.
const WORLD: u64 = 0x7369_6d75_6c61_7465;

/// What a partition adds to the report.
#[derive(Default)]
pub(super) struct Played {
    pub(super) n_item_locations: usize,
    /// `[n_shocks]`: item-locations that each shock changes.
    pub(super) n_matched: Vec<usize>,
    pub(super) costs_assumed: bool,
    pub(super) n_stock_assumed: usize,
    pub(super) has_transfers: bool,
    pub(super) has_components: bool,
    pub(super) unplanned: Vec<Unplanned>,
    pub(super) scenarios: Vec<PlayedScenario>,
}

/// What one scenario of a partition adds.
pub(super) struct PlayedScenario {
    /// `[n_paths]`, customers' demand only.
    pub(super) total: Vec<KpiSums>,
    /// Location, its item-locations and `[n_paths]`, transfers included.
    pub(super) locations: Vec<(String, usize, Vec<KpiSums>)>,
    pub(super) lines: Vec<SimulatedLine>,
    /// `[n_periods × n_paths]`.
    pub(super) stock_value: Vec<f64>,
    /// `[n_points × n_paths]`: sold and wanted by customers, base units.
    pub(super) service: Vec<(f64, f64)>,
}

/// One item-location, the same in every scenario and on every path.
struct Place<'a> {
    location: LocationIdx,
    /// As planned on the first day.
    unit: PlanningUnit,
    frame: Frame,
    units_per_base: f64,
    /// `[n_periods]`: periods to the next opportunity; 0 where there is none.
    review_periods: Vec<usize>,
    /// What the plan orders on the first day, before a short source shares out.
    first_quantity: Units,
    start: StockState,
    /// Lead-time scenarios of an order on the first day, which may wait for its order day, and of later ones.
    lead_times: [Arc<[usize]>; 2],
    /// Periods that a review looks ahead.
    horizon: usize,
    known: Known<'a>,
    /// Demand of the world before any shock.
    demand: DemandPaths,
    /// Changes of demand and lead times in the shocked scenario, by shock: the days it holds and the change.
    shocks: Vec<(Vec<bool>, ShockChange)>,
    seed: u64,
}

/// One scenario of a partition, part of the way through; every list is `[n_places][n_paths]`.
pub(super) struct World {
    /// `[n_places][n_paths × n_periods]`, path-major.
    pub(super) demand: Vec<Vec<Units>>,
    pub(super) players: Vec<Vec<Player>>,
    /// Sent to other locations.
    pub(super) sent: Vec<Vec<Units>>,
    /// Asked for by other locations; what is asked for again because it was not sent counts once.
    pub(super) asked: Vec<Vec<Units>>,
    /// The part of `asked` that was not there when it was asked for.
    pub(super) not_sent: Vec<Vec<Units>>,
    /// What a place asked for at its last order day and was not sent.
    pub(super) waiting: Vec<Vec<Units>>,
    /// `[n_places][n_components × n_paths]`: what recipes have taken beyond whole units, as a numerator.
    remainders: Vec<Vec<i128>>,
    stock_value: Vec<f64>,
    service: Vec<(f64, f64)>,
    is_shocked: bool,
}

pub(super) fn play_partition(context: &Context<'_>, pairs: &[(ItemIdx, LocationIdx)]) -> Played {
    let (units, unplanned) = context.builder.build_partition(pairs);
    let mut played = Played { unplanned, n_matched: vec![0; context.options.shocks.len()], ..Played::default() };
    if units.is_empty() {
        return played;
    }
    let network = Network::new(&units);
    let mut places = places(context, units);
    let mut worlds: Vec<World> =
        (0..context.n_scenarios).map(|scenario| World::new(context, &places, scenario == 1)).collect();
    play(context, &network, &mut places, &mut worlds);

    played.has_transfers = network.below.iter().any(|below| !below.is_empty());
    for (idx, place) in places.iter().enumerate() {
        played.has_components |= !place.unit.components.is_empty() && !network.above[idx].is_empty();
        if place.unit.made_to_order {
            continue;
        }
        played.n_item_locations += 1;
        played.costs_assumed |= !place.unit.money_known;
        played.n_stock_assumed += usize::from(place.unit.stock_known == StockKnowledge::Assumed);
        for (n, (days, _)) in played.n_matched.iter_mut().zip(&place.shocks) {
            *n += usize::from(!days.is_empty());
        }
    }
    played.scenarios = worlds.into_iter().map(|world| sum_up(context, &places, world)).collect();
    played
}

/// The item-locations of a partition with their forecasts over all days, and what the plan orders now.
fn places<'a>(context: &Context<'a>, units: Vec<PlanningUnit>) -> Vec<Place<'a>> {
    let Context { dataset, settings, n_periods, .. } = *context;
    let pair_of = |unit: &PlanningUnit| {
        find_pair(dataset, &unit.item_id, &unit.location_id).expect("a unit is built from the dataset")
    };
    let planned = work_out(&units, settings, context.forecaster, &Overrides::new());
    // The same once more over all days to play, and what the last review looks at.
    let horizon = n_periods + units.iter().map(PlanningUnit::horizon).max().unwrap_or(0);
    let long: Vec<PlanningUnit> = units
        .iter()
        .map(|unit| {
            let (item, location) = pair_of(unit);
            let history = &context.builder.history;
            PlanningUnit { history: history.build(item, location, history.periods_ahead(horizon)), ..unit.clone() }
        })
        .collect();
    let worked = work_out(&long, settings, context.forecaster, &Overrides::new());
    let parts = units.into_iter().zip(long).zip(planned.into_iter().zip(worked));
    parts
        .map(|((unit, long), (planned, worked))| place(context, pair_of(&unit), unit, &long, planned, worked))
        .collect()
}

fn place<'a>(
    context: &Context<'a>,
    pair: (ItemIdx, LocationIdx),
    unit: PlanningUnit,
    long: &PlanningUnit,
    planned: Worked,
    worked: Worked,
) -> Place<'a> {
    let Context { settings, start, n_periods, .. } = *context;
    let every = settings.default_review_days.ceil().max(1.0) as usize;
    let mut review_periods = play::review_periods(context.lanes, &unit, pair, (start, n_periods), every);
    // The plan knows best whether it is an order day.
    let is_order_day = unit.lane.order_day <= start;
    match (is_order_day, review_periods[0]) {
        (true, 0) => review_periods[0] = unit.timing().review_period,
        (false, _) => review_periods[0] = 0,
        _ => {}
    }
    if unit.made_to_order {
        review_periods.fill(0);
    }
    let seed = settings.seed ^ unit.history.series.key;
    let lead_times = [unit.timing().lead_times, play::believed_lead_times(&unit)];
    let params = ItemLocationParams { costs: play::checked(unit.costs), ..explanation::params(&unit) };
    Place {
        location: pair.1,
        frame: Frame {
            counts: long.history.future_open_days()[..n_periods].to_vec(),
            params,
            first_counted: 0,
            block: 0,
        },
        units_per_base: 10_f64.powi(i32::from(unit.decimals)),
        review_periods,
        first_quantity: planned.decided.ruled.quantity,
        start: planned.decided.review.stock,
        lead_times,
        horizon: unit.horizon(),
        demand: world_demand(context, long, &worked, seed ^ WORLD),
        shocks: shocks(context, pair, &unit),
        known: Known::new(settings, unit.clone(), worked.decided.review.demand, start),
        seed,
        unit,
    }
}

/// Demand of the simulated futures, `[n_paths × n_periods]`.
fn world_demand(context: &Context<'_>, long: &PlanningUnit, worked: &Worked, seed: u64) -> DemandPaths {
    let n_days = context.n_periods;
    let n_forecast = context.builder.history.periods_ahead(n_days);
    let mut forecast = worked.forecast.clone();
    forecast.mean.truncate(n_forecast);
    forecast.quantiles.truncate(n_forecast * N_LEVELS);
    let demand = long.history.demand_paths(&forecast, context.options.n_paths, seed);
    if demand.horizon == n_days { demand } else { demand.part(0, n_days) }
}

/// `[n_shocks]`: on which days each shock holds at an item-location and what it does; no days where it does not match.
fn shocks(
    context: &Context<'_>,
    (item, location): (ItemIdx, LocationIdx),
    unit: &PlanningUnit,
) -> Vec<(Vec<bool>, ShockChange)> {
    let entity = &context.dataset.items[item.0 as usize];
    let field = |name: &str| context.builder.field(name, entity, location, &unit.lane, &unit.classes);
    let shocks = context.options.shocks.iter();
    shocks
        .map(|shock| {
            let matches = shock.filter.as_ref().is_none_or(|filter| filter.matches(&field));
            let holds = |t: usize| shock.holds_on(context.start.plus(t as i32));
            let days = if matches { (0..context.n_periods).map(holds).collect() } else { Vec::new() };
            (days, shock.change)
        })
        .collect()
}

impl Place<'_> {
    /// The factor on demand of each period under all shocks.
    fn demand_factor(&self, t: usize) -> f64 {
        let factors = self.shocks.iter().filter_map(|(days, change)| match change {
            ShockChange::Demand(factor) if days.get(t) == Some(&true) => Some(*factor),
            ShockChange::Price { factor, elasticity } if days.get(t) == Some(&true) => Some(factor.powf(*elasticity)),
            _ => None,
        });
        factors.product()
    }

    /// Lead-time changes for orders placed in a period.
    fn lead_time_changes(&self, t: usize) -> impl Iterator<Item = LeadTimeChange> + '_ {
        self.shocks.iter().filter_map(move |(days, change)| match change {
            ShockChange::LeadTime(change) if days.get(t) == Some(&true) => Some(*change),
            // What is ordered leaves on the first day after; without one after all that is played.
            ShockChange::SupplierDown if days.get(t) == Some(&true) => {
                let n_days = days[t..].iter().take_while(|down| **down).count();
                Some(LeadTimeChange::Add(n_days as f64))
            }
            _ => None,
        })
    }

    /// Lead time of an order placed on a path in a period; the random numbers are those of item-location, path and
    /// period, so that every scenario draws the same.
    fn lead_time(&self, path: usize, t: usize, is_shocked: bool) -> usize {
        let mut state = self.seed
            ^ (path as u64).wrapping_mul(0xd1b5_4a32_d192_ed03)
            ^ (t as u64).wrapping_mul(0x8cb9_2ba7_2f3d_8dd7);
        let mut lead_time = pick(&self.lead_times[usize::from(t > 0)], next_random(&mut state));
        if is_shocked {
            for change in self.lead_time_changes(t) {
                lead_time = change.apply(lead_time, uniform(next_random(&mut state)));
            }
        }
        lead_time
    }
}

impl World {
    fn new(context: &Context<'_>, places: &[Place<'_>], is_shocked: bool) -> Self {
        let (n_paths, n_periods) = (context.options.n_paths, context.n_periods);
        let demand = places.iter().map(|place| {
            let factors: Vec<f64> =
                (0..n_periods).map(|t| if is_shocked { place.demand_factor(t) } else { 1.0 }).collect();
            let path = |path_idx: usize| {
                let demand = place.demand.path(path_idx).iter().zip(&factors);
                whole_units(&demand.map(|(demand, factor)| f64::from(*demand) * factor).collect::<Vec<f64>>())
            };
            (0..n_paths).flat_map(path).collect()
        });
        let none = vec![vec![0; n_paths]; places.len()];
        Self {
            demand: demand.collect(),
            players: places.iter().map(|place| vec![Player::new(place.start.clone()); n_paths]).collect(),
            sent: none.clone(),
            asked: none.clone(),
            not_sent: none.clone(),
            waiting: none,
            remainders: vec![Vec::new(); places.len()],
            stock_value: vec![0.0; n_periods * n_paths],
            service: vec![(0.0, 0.0); context.n_points() * n_paths],
            is_shocked,
        }
    }
}

/// What a location sends to others in one period, units.
#[derive(Clone, Copy, Default)]
struct Transfers {
    sent: Units,
    /// Asked for and not already waited for.
    asked: Units,
    /// The part of `asked` that is not there.
    not_sent: Units,
}

fn play(context: &Context<'_>, network: &Network, places: &mut [Place<'_>], worlds: &mut [World]) {
    let n_paths = context.options.n_paths;
    let mut orders: Vec<Vec<Vec<Units>>> = vec![vec![vec![0; n_paths]; places.len()]; worlds.len()];
    // Paths often meet a review with the same stock.
    let mut decided: HashMap<StockState, Units> = HashMap::new();
    for t in 0..context.n_periods {
        for (idx, place) in places.iter_mut().enumerate() {
            let review_period = place.review_periods[t];
            if review_period == 0 || t == 0 {
                let quantity = if review_period == 0 { 0 } else { place.first_quantity };
                orders.iter_mut().for_each(|orders| orders[idx].fill(quantity));
                continue;
            }
            place.known.move_to(t, 0, review_period, place.horizon);
            decided.clear();
            for (world, orders) in worlds.iter().zip(&mut orders) {
                for (player, order) in world.players[idx].iter().zip(&mut orders[idx]) {
                    *order = match decided.get(&player.stock) {
                        Some(quantity) => *quantity,
                        None => {
                            let quantity = place.known.decide(&place.unit.policy, &player.stock);
                            decided.insert(player.stock.clone(), quantity);
                            quantity
                        }
                    };
                }
            }
        }
        for (world, orders) in worlds.iter_mut().zip(&mut orders) {
            world.play_period(context, network, places, orders, t);
        }
    }
}

impl World {
    /// Plays one period on all paths once it is known what everybody wants to order.
    fn play_period(
        &mut self,
        context: &Context<'_>,
        network: &Network,
        places: &[Place<'_>],
        orders: &mut [Vec<Units>],
        t: usize,
    ) {
        let (n_paths, n_periods) = (context.options.n_paths, context.n_periods);
        let needs = self.component_needs(network, places, orders, (t, n_periods));
        let transfers: Vec<Vec<Transfers>> = network
            .below
            .iter()
            .enumerate()
            .map(|(idx, below)| self.ration(places, orders, t, (idx, below), context.settings.fair_share))
            .collect();
        for (idx, place) in places.iter().enumerate().filter(|(_, place)| !place.unit.made_to_order) {
            let point = t / POINT_DAYS * n_paths;
            let costs = place.frame.params.costs;
            for path in 0..n_paths {
                let quantity = orders[idx][path];
                let lead_time = if quantity > 0 { place.lead_time(path, t, self.is_shocked) } else { 0 };
                let own = self.demand[idx][path * n_periods + t] + needs.get(idx).map_or(0, |needs| needs[path]);
                let order = PlacedOrder { quantity, lead_time };
                let Transfers { sent, asked, not_sent } = transfers[idx].get(path).copied().unwrap_or_default();
                let player = &mut self.players[idx][path];
                let played = player.play(&place.frame, t, order, own + sent);
                if let Some(volumes) = &context.volumes {
                    let of_unit = (place.unit.volume.unwrap_or(0.0), place.unit.weight.unwrap_or(0.0));
                    let moved = [(Direction::Inbound, played.received), (Direction::Outbound, played.sold)];
                    for (direction, units) in moved.into_iter().filter(|(_, units)| *units > 0) {
                        let place_of = (usize::from(self.is_shocked), place.location);
                        volumes.add(place_of, (t, path), direction, units as f64 / place.units_per_base, of_unit);
                    }
                }
                // What was shared out was there; customers come after it.
                assert!(played.sold >= sent);
                if not_sent > 0 {
                    player.fell_short(&place.frame, t, &played);
                }
                self.sent[idx][path] += sent;
                self.asked[idx][path] += asked;
                self.not_sent[idx][path] += not_sent;
                self.stock_value[t * n_paths + path] += played.on_hand as f64 * costs.unit_cost;
                let service = &mut self.service[point + path];
                service.0 += (played.sold - sent) as f64 / place.units_per_base;
                service.1 += own as f64 / place.units_per_base;
            }
        }
    }

    /// Component units that this period's production and made-to-order sales use, by place; empty where nothing is
    /// made. Production is downstream of its components, so needs are complete when they are passed on. Parts of units
    /// are carried to the next period.
    fn component_needs(
        &mut self,
        network: &Network,
        places: &[Place<'_>],
        orders: &[Vec<Units>],
        (t, n_periods): (usize, usize),
    ) -> Vec<Vec<Units>> {
        if places.iter().all(|place| place.unit.components.is_empty()) {
            return Vec::new();
        }
        let n_paths = self.players.first().map_or(0, Vec::len);
        let mut needs = vec![vec![0; n_paths]; places.len()];
        for idx in network.order.iter().copied() {
            let place = &places[idx];
            let sources = &network.above[idx];
            self.remainders[idx].resize(sources.len() * n_paths, 0);
            for (number, (above, factor)) in sources.iter().enumerate() {
                if network.in_cycle[*above] || network.below[*above].contains(&idx) {
                    continue;
                }
                for path in 0..n_paths {
                    let made = if place.unit.made_to_order {
                        let asked: Units = network.below[idx].iter().map(|below| orders[*below][path]).sum();
                        self.demand[idx][path * n_periods + t] + needs[idx][path] + asked
                    } else {
                        orders[idx][path]
                    };
                    let remainder = &mut self.remainders[idx][number * n_paths + path];
                    let (whole, rest) = factor.of_units(made, *remainder);
                    needs[*above][path] += whole;
                    *remainder = rest;
                }
            }
        }
        needs
    }

    /// Shares the stock of a sending location as a plan does: cuts the orders of those below to what can be sent, and
    /// returns by path how much that is; nothing where nobody is below, or where what is asked for is made for it.
    ///
    /// A place that is sent less than it wants asks again at its next order day. That is no new demand: the request waits,
    /// as the plan of the sending location takes it to.
    fn ration(
        &mut self,
        places: &[Place<'_>],
        orders: &mut [Vec<Units>],
        t: usize,
        (source, below): (usize, &[usize]),
        fair_share: f64,
    ) -> Vec<Transfers> {
        if below.is_empty() || places[source].unit.made_to_order {
            return Vec::new();
        }
        // Made where somebody is short, which is rare.
        let demands: OnceCell<Vec<DemandDistribution>> = OnceCell::new();
        let protected = |idx: &usize| {
            let known = &places[*idx].known;
            known.demand().total(0, protection(&known.unit.timing(), known.demand().horizon))
        };
        let mut transfers = Vec::with_capacity(self.players[source].len());
        for (path, Player { stock, .. }) in self.players[source].iter().enumerate() {
            let wanted: Vec<Units> = below.iter().map(|idx| orders[*idx][path]).collect();
            let due = stock.arrivals.iter().filter(|arrival| arrival.periods_ahead <= 0);
            let due: Units = due.map(|arrival| arrival.quantity).sum();
            let available = (stock.on_hand() + due - stock.reserved - stock.backorders).max(0);
            let is_enough = wanted.iter().sum::<Units>() <= available;
            let granted = if is_enough {
                wanted.clone()
            } else {
                let demands = demands.get_or_init(|| below.iter().map(protected).collect());
                let claims = below.iter().zip(&wanted).zip(demands).map(|((idx, wanted), demand)| {
                    let unit = &places[*idx].unit;
                    claim(unit, &unit.rules, *wanted, self.players[*idx][path].stock.inventory_position(), demand)
                });
                rationing::share(&claims.collect::<Vec<_>>(), available, fair_share)
            };
            let mut transfer = Transfers::default();
            for ((idx, wanted), granted) in below.iter().zip(wanted).zip(granted) {
                if places[*idx].review_periods[t] == 0 {
                    continue;
                }
                orders[*idx][path] = granted;
                let waiting = &mut self.waiting[*idx][path];
                let asked = wanted - (*waiting).min(wanted);
                *waiting = wanted - granted;
                transfer.sent += granted;
                transfer.asked += asked;
                transfer.not_sent += asked.min(*waiting);
            }
            transfers.push(transfer);
        }
        transfers
    }
}

/// What a scenario of a partition adds to the report.
fn sum_up(context: &Context<'_>, places: &[Place<'_>], world: World) -> PlayedScenario {
    let n_paths = context.options.n_paths;
    let mut total = vec![KpiSums::default(); n_paths];
    let mut locations: BTreeMap<&str, (usize, Vec<KpiSums>)> = BTreeMap::new();
    let mut lines = Vec::new();
    for (idx, place) in places.iter().enumerate().filter(|(_, place)| !place.unit.made_to_order) {
        let (n, at_location) =
            locations.entry(&place.unit.location_id).or_insert_with(|| (0, vec![KpiSums::default(); n_paths]));
        *n += 1;
        let unit_cost = place.frame.params.costs.unit_cost;
        let (mut demand, mut fill) = (0.0, Ratio::default());
        let (mut stock, mut ordered, mut expired) = (0, 0, 0);
        let (mut n_orders, mut n_short) = (0, 0);
        for path in 0..n_paths {
            let totals = &world.players[idx][path].totals;
            let [sent, asked, not_sent] = [&world.sent, &world.asked, &world.not_sent].map(|units| units[idx][path]);
            let of_place =
                Totals { demand: totals.demand - sent + asked, lost: totals.lost + not_sent, ..totals.clone() };
            let of_customers = Totals { demand: totals.demand - sent, sold: totals.sold - sent, ..totals.clone() };
            at_location[path].add(&of_place, place.units_per_base, unit_cost);
            total[path].add(&of_customers, place.units_per_base, unit_cost);
            demand += of_place.demand as f64 / place.units_per_base;
            fill += Ratio::new((of_place.demand - of_place.lost) as f64, of_place.demand as f64);
            stock += totals.on_hand;
            ordered += totals.ordered;
            expired += totals.expired;
            n_orders += totals.n_orders;
            n_short += usize::from(of_place.lost > 0);
        }
        let totals = world.players[idx].iter().map(|player| &player.totals);
        let lost = totals.clone().map(|totals| totals.lost as f64 / place.units_per_base);
        let mean = |sum: f64| sum / n_paths as f64;
        let base = |units: Units| mean(units as f64 / place.units_per_base);
        let some = "there are paths";
        lines.push(SimulatedLine {
            item_id: place.unit.item_id.clone(),
            item_name: place.unit.item_name.clone(),
            location_id: place.unit.location_id.clone(),
            policy: place.unit.policy.clone(),
            demand: mean(demand),
            fill_rate: fill.value(),
            lost: Estimate::of(lost.collect()).expect(some),
            lost_margin: Estimate::of(totals.map(|totals| totals.stockout_cost).collect()).expect(some),
            p_stockout: mean(n_short as f64),
            mean_stock_value: mean(stock as f64 * unit_cost / context.n_periods as f64),
            n_orders: mean(n_orders as f64),
            ordered: base(ordered),
            waste: base(expired),
        });
    }
    PlayedScenario {
        total,
        locations: locations.into_iter().map(|(id, (n, paths))| (id.to_owned(), n, paths)).collect(),
        lines,
        stock_value: world.stock_value,
        service: world.service,
    }
}

/// Plays every partition and shows each scenario's players, with the stock they started from.
#[cfg(test)]
pub(super) fn inspect(
    dataset: &restock_core::dataset::Dataset,
    settings: &restock_core::settings::PlanSettings,
    forecaster: &dyn restock_core::Forecaster,
    options: &super::SimulateOptions,
    each: &mut dyn FnMut(&[StockState], &World),
) {
    let builder = crate::builder::UnitBuilder::new(dataset, settings, None);
    let lanes = crate::health::LaneIndex::new(dataset, builder.history.as_of());
    let context = super::new_context(&builder, &lanes, forecaster, (dataset, settings, options));
    for partition in builder.partitions() {
        let (units, _) = builder.build_partition(partition);
        let network = Network::new(&units);
        let mut places = places(&context, units);
        let mut worlds: Vec<World> =
            (0..context.n_scenarios).map(|scenario| World::new(&context, &places, scenario == 1)).collect();
        play(&context, &network, &mut places, &mut worlds);
        let starts: Vec<StockState> = places.iter().map(|place| place.start.clone()).collect();
        worlds.iter().for_each(|world| each(&starts, world));
    }
}
