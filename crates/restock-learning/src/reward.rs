//! Reward design in business terms: what a lost unit costs in goodwill, a stock band, a price that reaches a service level.
//!
//! A [`Reward`] is added to what a problem costs. Goodwill, and the price of a lost unit by which
//! [`constrained`](crate::constrained) reaches a fill rate, go into the problem's own stock-out cost where unmet demand is
//! lost: enumeration bounds, laws and derivatives stay those of the problem. Where unmet demand waits, the problem's
//! stock-out cost is charged in every period that a unit waits, and a unit newly backordered costs once: that, like the
//! stock band, is charged by [`Rewarded`], which plays the problem's own transition and changes nothing but the cost.

use rand::Rng;
use serde::{Deserialize, Serialize};

use restock_core::Units;
use restock_core::environment::{Environment, FiniteEnvironment, Law, PeriodOutcome, Run};
use restock_inventory::environments::{BackorderPosition, LostSales, Perishable};
use restock_inventory::exact::Criterion;
use restock_inventory::problems::{self, ProblemEnvironment, ProblemError};

use crate::learn::with_environment;
use crate::observed::{Observed, PreparedPolicy};

/// The key of a lost unit's cost in every described problem.
const STOCKOUT_COST: &str = "stockout_cost";

/// Kinds of problems whose unmet demand is lost, at the cost of [`STOCKOUT_COST`] a unit.
const LOST: &[&str] = &["lost-sales", "one-warehouse", "perishable", "worked-example"];

/// States that a problem widened by a stock band may have.
const N_STATES_MAX: f64 = 2e7;

/// A range of stock that costs nothing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StockBand {
    /// Least net stock on the shelf, units.
    pub low: Units,
    /// Most net stock on the shelf, units.
    pub high: Units,
    /// Cost of each unit outside at the end of a period, currency.
    pub cost: f64,
}

impl StockBand {
    /// The cost of a net stock, currency.
    ///
    /// ```
    /// use restock_learning::reward::StockBand;
    ///
    /// let band = StockBand { low: 5, high: 20, cost: 0.5 };
    /// assert_eq!([3, 5, 20, 24].map(|stock| band.cost_of(stock)), [1.0, 0.0, 0.0, 2.0]);
    /// ```
    pub fn cost_of(&self, stock: Units) -> f64 {
        self.cost * ((self.low - stock).max(0) + (stock - self.high).max(0)) as f64
    }
}

/// What a business asks for beyond the costs of a problem.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reward {
    /// Future goodwill: what a lost, or newly backordered, unit costs more, currency.
    pub goodwill: f64,
    /// A stock band.
    pub band: Option<StockBand>,
}

/// A reward that does not fit the problem.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RewardError {
    /// The problem cannot be described so.
    #[error("{0}")]
    Problem(#[from] ProblemError),
    /// The band begins where no stock of the problem is.
    #[error("the stock band begins at {low} units, the problem has room for at most {most}")]
    BandTooHigh {
        /// Where it begins.
        low: Units,
        /// The largest stock.
        most: Units,
    },
}

/// What a period counts, a sum of parts with a weight each: costs, or a figure such as the mean stock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    /// Of the problem's own cost.
    pub cost: f64,
    /// Of a unit lost or newly backordered.
    pub lost: f64,
    /// Of a unit wanted.
    pub demand: f64,
    /// Of a unit on the shelf at the end.
    pub stock: f64,
    /// Of a unit ordered.
    pub ordered: f64,
    /// Of a period with an order.
    pub orders: f64,
    /// The stock band.
    pub band: Option<StockBand>,
}

impl Terms {
    /// Nothing.
    pub const NONE: Self =
        Self { cost: 0.0, lost: 0.0, demand: 0.0, stock: 0.0, ordered: 0.0, orders: 0.0, band: None };

    /// The problem's own cost.
    pub const COST: Self = Self { cost: 1.0, ..Self::NONE };
}

/// An environment that charges other costs, and is otherwise the one it is made of.
#[derive(Debug)]
pub struct Rewarded<'a, E> {
    environment: &'a E,
    terms: Terms,
    /// Whether the costs are the environment's own.
    is_plain: bool,
}

impl<'a, E: Observed> Rewarded<'a, E> {
    /// An environment with other costs.
    pub fn new(environment: &'a E, terms: Terms) -> Self {
        Self { environment, terms, is_plain: terms == Terms::COST }
    }

    /// Whether the costs are the environment's own.
    pub fn is_plain(&self) -> bool {
        self.is_plain
    }
}

impl<E: Observed> Environment for Rewarded<'_, E> {
    type State = E::State;
    type Action = E::Action;
    type Chance = E::Chance;

    fn id(&self) -> &'static str {
        self.environment.id()
    }

    fn initial_state(&self) -> E::State {
        self.environment.initial_state()
    }

    fn sample_action(&self, state: &E::State, rng: &mut dyn Rng) -> E::Action {
        self.environment.sample_action(state, rng)
    }

    fn sample_chance(&self, state: &E::State, action: &E::Action, rng: &mut dyn Rng) -> E::Chance {
        self.environment.sample_chance(state, action, rng)
    }

    /// Sequence of events in a period: 1. those of the environment, 2. the terms are charged instead of its cost.
    fn step(&self, state: &mut E::State, action: &E::Action, chance: &E::Chance) -> PeriodOutcome {
        let outcome = self.environment.step(state, action, chance);
        if self.is_plain {
            return outcome;
        }
        let terms = &self.terms;
        let lost = self.environment.lost_in(state, chance, &outcome);
        let shelf = self.environment.shelf_after(state, chance);
        let ordered = self.environment.ordered_units(action);
        let cost = terms.cost * outcome.cost
            + terms.lost * lost as f64
            + terms.demand * outcome.demand as f64
            + terms.stock * shelf.max(0) as f64
            + terms.ordered * ordered as f64
            + terms.orders * f64::from(u8::from(ordered > 0))
            + terms.band.map_or(0.0, |band| band.cost_of(shelf));
        PeriodOutcome { cost, ..outcome }
    }

    fn units(&self, state: &E::State) -> Units {
        self.environment.units(state)
    }

    fn ordered(&self, state: &E::State, action: &E::Action, chance: &E::Chance) -> Units {
        self.environment.ordered(state, action, chance)
    }
}

impl<E: Observed + FiniteEnvironment> FiniteEnvironment for Rewarded<'_, E> {
    fn n_states(&self) -> usize {
        self.environment.n_states()
    }

    fn state_idx(&self, state: &E::State) -> usize {
        self.environment.state_idx(state)
    }

    fn state(&self, state_idx: usize) -> E::State {
        self.environment.state(state_idx)
    }

    fn actions(&self, state: &E::State, actions: &mut Vec<E::Action>) {
        self.environment.actions(state, actions);
    }

    /// Demand that the environment carries by two ends leads to one next state, and units lost are linear in it too.
    fn chances(&self, state: &E::State, action: &E::Action, chances: &mut Vec<(E::Chance, f64)>) {
        self.environment.chances(state, action, chances);
    }

    /// The laws hold the environment's own costs.
    fn laws(&self) -> Vec<Law> {
        if self.is_plain { self.environment.laws() } else { Vec::new() }
    }

    fn run(&self, state: &E::State, action: &E::Action) -> Run {
        self.environment.run(state, action)
    }
}

impl<E: Observed> Observed for Rewarded<'_, E> {
    fn n_features(&self) -> usize {
        self.environment.n_features()
    }

    fn features(&self, state: &E::State, features: &mut [f32]) {
        self.environment.features(state, features);
    }

    fn n_actions(&self) -> usize {
        self.environment.n_actions()
    }

    fn action(&self, action_idx: usize) -> E::Action {
        self.environment.action(action_idx)
    }

    fn action_idx(&self, action: &E::Action) -> usize {
        self.environment.action_idx(action)
    }

    fn allowed(&self, state: &E::State, allowed: &mut Vec<usize>) {
        self.environment.allowed(state, allowed);
    }

    fn n_quantities(&self) -> usize {
        self.environment.n_quantities()
    }

    fn nearest(&self, state: &E::State, shares: &[f32]) -> usize {
        self.environment.nearest(state, shares)
    }

    fn heuristic(&self, state: &E::State) -> usize {
        self.environment.heuristic(state)
    }

    fn prepared_heuristic(&self) -> PreparedPolicy<'_, E::State> {
        self.environment.prepared_heuristic()
    }

    fn heuristic_name(&self) -> String {
        self.environment.heuristic_name()
    }

    fn ordered_units(&self, action: &E::Action) -> Units {
        self.environment.ordered_units(action)
    }

    fn on_shelf(&self, state: &E::State) -> Units {
        self.environment.on_shelf(state)
    }

    fn shelf_after(&self, next: &E::State, chance: &E::Chance) -> Units {
        self.environment.shelf_after(next, chance)
    }

    fn lost_in(&self, next: &E::State, chance: &E::Chance, outcome: &PeriodOutcome) -> Units {
        self.environment.lost_in(next, chance, outcome)
    }

    fn at_stock(&self, on_hand: Units) -> Option<E::State> {
        self.environment.at_stock(on_hand)
    }

    fn n_numbered(&self) -> Option<usize> {
        self.environment.n_numbered()
    }

    fn number(&self, state: &E::State) -> usize {
        self.environment.number(state)
    }

    fn numbered(&self, number: usize) -> E::State {
        self.environment.numbered(number)
    }
}

/// A described problem with its reward, as learners and solvers play it.
#[derive(Clone, Debug)]
pub struct Objective {
    /// The description; where unmet demand is lost its stock-out cost holds goodwill and price.
    pub table: toml::Table,
    /// The environment, with the costs of [`Objective::table`].
    pub problem: ProblemEnvironment,
    /// What is minimised.
    pub criterion: Criterion,
    /// The reward.
    pub reward: Reward,
    /// What a lost unit is charged beyond costs and goodwill to reach a service level, currency.
    pub price: f64,
    /// Whether the price is one of a search for a service level, which may be 0.
    pub for_service: bool,
    /// Whether goodwill and price are in the stock-out cost.
    in_stockout_cost: bool,
    /// The description that was given.
    given: toml::Table,
}

impl Objective {
    /// The objective of a description, as [`problems::environment`] takes it.
    ///
    /// # Errors
    /// [`RewardError`], also where the description is wrong.
    ///
    /// # Examples
    /// ```
    /// use restock_inventory::problems::table_of;
    /// use restock_learning::reward::{Objective, Reward};
    ///
    /// let table = table_of(["problem=lost-sales", "lead_time=1", "holding_cost=1", "stockout_cost=4", "demand=poisson:5"])?;
    /// let goodwill = Objective::new(&table, Reward { goodwill: 2.0, band: None }, 0.0)?;
    /// assert_eq!(goodwill.table["stockout_cost"].as_float(), Some(6.0));
    /// # Ok::<(), restock_learning::reward::RewardError>(())
    /// ```
    pub fn new(table: &toml::Table, reward: Reward, price: f64) -> Result<Self, RewardError> {
        let kind = table.get("problem").and_then(toml::Value::as_str).unwrap_or_default();
        let in_stockout_cost = LOST.contains(&kind);
        let charged = reward.goodwill + price;
        let described = if in_stockout_cost { dearer(table, charged) } else { table.clone() };
        let (mut problem, criterion) = problems::environment(described.clone())?;
        // What is worth having on the shelf is bounded by what a lost unit costs, and by the band on top of that.
        let band_cost = reward.band.map_or(0.0, |band| band.cost);
        let dearest = if in_stockout_cost { band_cost } else { charged + band_cost };
        if dearest > 0.0 {
            let (roomier, _) = problems::environment(dearer(&described, dearest))?;
            problem = with_room(problem, roomier, reward.band.map_or(0, |band| band.low.max(0)))?;
        }
        if let Some(band) = reward.band {
            let most = with_environment!(&problem, environment => largest_shelf(environment));
            if band.low > most {
                return Err(RewardError::BandTooHigh { low: band.low, most });
            }
        }
        Ok(Self {
            table: described,
            problem,
            criterion,
            reward,
            price,
            for_service: false,
            in_stockout_cost,
            given: table.clone(),
        })
    }

    /// The same objective at a price of a lost unit, in a search for a service level.
    ///
    /// # Errors
    /// As [`Objective::new`].
    pub fn at_price(&self, price: f64) -> Result<Self, RewardError> {
        Ok(Self { for_service: true, ..Self::new(&self.given, self.reward, price)? })
    }

    /// The costs of an environment and nothing else.
    pub fn plain(problem: ProblemEnvironment, criterion: Criterion) -> Self {
        let in_stockout_cost = !matches!(
            problem,
            ProblemEnvironment::BackorderPosition(_)
                | ProblemEnvironment::DualSourcing(_)
                | ProblemEnvironment::JointReplenishment(_)
                | ProblemEnvironment::RandomYield(_)
        );
        let reward = Reward::default();
        let table = toml::Table::new();
        Self {
            given: table.clone(),
            table,
            problem,
            criterion,
            reward,
            price: 0.0,
            for_service: false,
            in_stockout_cost,
        }
    }

    /// Whether unmet demand is lost; else it waits, and a policy that never orders lets costs grow without bound.
    pub fn loses_demand(&self) -> bool {
        self.in_stockout_cost
    }

    /// What is minimised: all costs, with goodwill, price and band.
    pub fn terms(&self) -> Terms {
        self.terms_at(self.reward.goodwill + self.price, self.reward.band)
    }

    /// What the business pays: all costs with goodwill and band, without the price.
    pub fn terms_paid(&self) -> Terms {
        self.terms_at(self.reward.goodwill, self.reward.band)
    }

    /// The problem's own costs.
    pub fn terms_own(&self) -> Terms {
        self.terms_at(0.0, None)
    }

    /// The problem's costs, with a lost unit that costs so much more, and a band.
    fn terms_at(&self, lost: f64, band: Option<StockBand>) -> Terms {
        let charged = if self.in_stockout_cost { self.reward.goodwill + self.price } else { 0.0 };
        Terms { lost: lost - charged, band, ..Terms::COST }
    }

    /// The largest cost or price in the description, currency: what prices of a lost unit are measured in.
    pub fn unit(&self) -> f64 {
        let is_cost = |key: &str| key.ends_with("cost") || key == "price";
        let costs = self.given.iter().filter(|(key, _)| is_cost(key)).filter_map(|(_, value)| number(value));
        let largest = costs.fold(0.0, f64::max);
        if largest > 0.0 { largest } else { 1.0 }
    }
}

fn number(value: &toml::Value) -> Option<f64> {
    value.as_float().or(value.as_integer().map(|whole| whole as f64))
}

/// The description with a stock-out cost that is higher by so much; one that is no number stays, and is refused later.
fn dearer(table: &toml::Table, by: f64) -> toml::Table {
    let mut table = table.clone();
    let now = table.get(STOCKOUT_COST).map_or(Some(0.0), number);
    if let (Some(now), true) = (now, by != 0.0) {
        table.insert(STOCKOUT_COST.to_owned(), (now + by).into());
    }
    table
}

/// The problem with the enumeration bounds of one whose stock is worth more, and room for `low` units on top of them;
/// bounds that do not depend on costs, and shelves of a given size, stay.
fn with_room(
    problem: ProblemEnvironment,
    roomier: ProblemEnvironment,
    low: Units,
) -> Result<ProblemEnvironment, ProblemError> {
    Ok(match (problem, roomier) {
        (ProblemEnvironment::LostSales(problem), ProblemEnvironment::LostSales(roomier)) => {
            let (max_order, max_position) = (roomier.caps().0 + low, roomier.caps().1 + low);
            let n_pipeline = problem.lead_time().saturating_sub(1);
            let n_states = (max_order as f64 + 1.0).powi(n_pipeline as i32) * max_position as f64;
            if n_states > N_STATES_MAX {
                let way_out = "use a shorter lead time, or a lower stock band";
                return Err(ProblemError::TooLarge { got: n_states, allowed: N_STATES_MAX, way_out });
            }
            let demand = problem.demand().to_vec();
            let problem = LostSales::with_caps(problem.lead_time(), problem.costs(), demand, max_order, max_position);
            ProblemEnvironment::LostSales(problem)
        }
        (ProblemEnvironment::BackorderPosition(problem), ProblemEnvironment::BackorderPosition(roomier)) => {
            let (own, other) = (problem.bounds(), roomier.bounds());
            let bounds = (own.0.min(other.0), own.1.max(other.1) + low);
            let demand = problem.demand().0.clone();
            let costs = problem.problem();
            let problem = BackorderPosition::with_bounds(costs, demand, problem.min_order(), bounds.0, bounds.1);
            ProblemEnvironment::BackorderPosition(problem)
        }
        (ProblemEnvironment::Perishable(problem), ProblemEnvironment::Perishable(roomier)) => {
            let most = roomier.max_order(&roomier.initial_state()) + low;
            ProblemEnvironment::Perishable(Perishable::new(
                problem.shelf_life(),
                problem.lead_time(),
                problem.costs(),
                problem.demand().clone(),
                problem.holding_charge(),
                most,
                most,
            ))
        }
        (problem, _) => problem,
    })
}

/// The most units on the shelf of any state.
fn largest_shelf<E: Observed>(environment: &E) -> Units {
    let n_states = environment.n_numbered().unwrap_or(0);
    (0..n_states).map(|number| environment.on_shelf(&environment.numbered(number))).max().unwrap_or(0)
}
