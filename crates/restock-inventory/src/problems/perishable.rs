//! Goods with a shelf life in words.

use restock_core::Units;
use restock_core::environment::{Environment, FiniteEnvironment};
use serde::Deserialize;

use super::{
    Chart, DemandLaw, Figure, PolicyCost, ProblemError, Solved, Watch, at_most, convergence, not_negative,
    small_enough, whole_units,
};
use crate::discrete_demand::DiscreteDemand;
use crate::environments::perishable::{
    HoldingCharge, IssuingLaw, LEAD_TIME_MAX, Perishable, PerishableCosts, PerishableState, SHELF_LIFE_MAX,
};
use crate::exact::{Criterion, PolicyChain, Settings, solve_watched};
use crate::heuristics::{CappedBaseStock, line_search};

/// Goods with a shelf life, unmet demand is lost.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PerishableProblem {
    shelf_life: usize,
    #[serde(default)]
    lead_time: usize,
    #[serde(default)]
    unit_cost: f64,
    #[serde(default)]
    price: f64,
    #[serde(default)]
    holding_cost: f64,
    #[serde(default)]
    stockout_cost: f64,
    #[serde(default)]
    waste_cost: f64,
    #[serde(default = "fifo")]
    issuing: String,
    demand: DemandLaw,
}

/// The quantile of the demand of some periods that is still worth having, units: a unit left to the end of its life costs
/// at least what it cost to buy and throw away, so more than the fractile of all demand until then is never worth it.
fn cover(costs: PerishableCosts, demand: &DiscreteDemand, n_periods: usize) -> Units {
    let margin = costs.price + costs.stockout_cost - costs.unit_cost;
    let overage = (costs.unit_cost + costs.waste_cost + costs.holding_cost).max(1e-3 * margin);
    let total = DiscreteDemand::sum(std::iter::repeat_n(demand, n_periods));
    total.quantile(margin / (margin + overage)).max(1)
}

fn fifo() -> String {
    "fifo".to_owned()
}

impl PerishableProblem {
    fn issuing(&self, demand: &DiscreteDemand) -> Result<IssuingLaw, ProblemError> {
        let share = |text: &str| text.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
        match (self.issuing.as_str(), self.issuing.strip_prefix("mixed:").and_then(share)) {
            ("fifo", _) => Ok(IssuingLaw::fifo(demand)),
            ("lifo", _) => Ok(IssuingLaw::lifo(demand)),
            (_, Some(share)) => Ok(IssuingLaw::drawn(demand, share)),
            (got, None) => Err(ProblemError::Parameter(format!(
                "issuing is {got:?}, expected fifo, lifo or mixed:SHARE with the share of customers who take the oldest"
            ))),
        }
    }

    pub(super) fn environment(&self) -> Result<Perishable, ProblemError> {
        let costs = PerishableCosts {
            unit_cost: not_negative("unit_cost", self.unit_cost)?,
            price: not_negative("price", self.price)?,
            holding_cost: not_negative("holding_cost", self.holding_cost)?,
            stockout_cost: not_negative("stockout_cost", self.stockout_cost)?,
            waste_cost: not_negative("waste_cost", self.waste_cost)?,
        };
        let shelf_life = at_most("shelf_life", self.shelf_life, SHELF_LIFE_MAX, "1 to 8 periods")?;
        if shelf_life == 0 {
            return Err(ProblemError::OutOfRange { name: "shelf_life", got: 0.0, allowed: "1 to 8 periods" });
        }
        let lead_time = at_most("lead_time", self.lead_time, LEAD_TIME_MAX, "at most 8 periods")?;
        let margin = costs.price + costs.stockout_cost - costs.unit_cost;
        if margin <= 0.0 {
            let allowed = "more than unit_cost together with stockout_cost, or nothing is ever ordered";
            return Err(ProblemError::OutOfRange { name: "price", got: costs.price, allowed });
        }
        let demand = whole_units(&self.demand)?;
        let issuing = self.issuing(&demand)?;
        let max_position = cover(costs, &demand, lead_time + shelf_life);
        let charge = HoldingCharge::AfterExpiry;
        let problem = Perishable::new(shelf_life, lead_time, costs, issuing, charge, max_position, max_position);
        small_enough(problem.n_states() as f64, 2e6, "use a shorter shelf life or lead time, or count in packs")?;
        Ok(problem)
    }

    pub(super) fn solve(&self, watch: Watch<'_>) -> Result<Solved, ProblemError> {
        let problem = self.environment()?;
        let (shelf_life, lead_time) = (problem.shelf_life(), problem.lead_time());
        let max_position = problem.max_order(&problem.initial_state());
        let first_level = cover(problem.costs(), &whole_units(&self.demand)?, lead_time + 1);
        let settings = Settings::default();
        let solution = solve_watched(&problem, Criterion::Average, &settings, watch);
        let optimum = solution.average_cost.expect("an average cost");
        let cost = |level: Units| {
            let policy = CappedBaseStock::uncapped(level);
            let chain = PolicyChain::new(&problem, |state: &PerishableState| {
                policy.order_quantity(state.inventory_position()).min(problem.max_order(state))
            });
            chain.average_cost(&settings).average_cost.expect("an average cost")
        };
        let (level, level_cost) = line_search(first_level, 0..=max_position, 2, cost);
        let curve: Vec<(f64, f64)> =
            ((level / 2).max(1)..=max_position).map(|level| (level as f64, cost(level))).collect();
        let flat = vec![(curve[0].0, optimum), (curve[curve.len() - 1].0, optimum)];
        // What the same number of units is worth depends on how long they keep.
        let orders = |ages: &[usize]| -> Vec<(f64, f64)> {
            let order = |units: Units| {
                let mut state = problem.initial_state();
                ages.iter().for_each(|age| state.on_hand[*age] = units);
                (units as f64, solution.action(&problem, &state) as f64)
            };
            (0..=max_position).map(order).collect()
        };
        let longest = if lead_time == 0 { shelf_life - 1 } else { shelf_life };
        let mut by_age = Vec::new();
        if longest >= 1 {
            by_age.push(("all expire after this period".to_owned(), orders(&[0])));
        }
        if longest >= 2 {
            by_age.push((format!("all keep for {longest} periods"), orders(&[longest - 1])));
        }
        let mut charts = vec![Chart {
            title: "Cost of a base-stock level against the optimum".to_owned(),
            x_label: "base-stock level, units",
            y_label: "cost a period",
            curves: vec![("base-stock".to_owned(), curve), ("optimum".to_owned(), flat)],
        }];
        if !by_age.is_empty() {
            charts.push(Chart {
                title: "Optimal order by the age of what is on hand".to_owned(),
                x_label: "on hand, units",
                y_label: "order, units",
                curves: by_age,
            });
        }
        Ok(Solved {
            problem: format!(
                "goods that keep for {shelf_life} periods, issued {}, demand {}",
                self.issuing, self.demand
            ),
            method: "modified policy iteration on average cost (Puterman & Shin 1978; bounds by Odoni 1969)",
            convergence: Some(convergence(&solution, &settings)),
            figures: vec![
                Figure::new("optimal cost", optimum, "currency a period"),
                Figure::new("states", problem.n_states() as f64, ""),
            ],
            policies: vec![PolicyCost::new(format!("base-stock, S = {level}"), level_cost, optimum)],
            charts,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::problems::{solve, table_of};

    /// Hendrix et al. (2019), shelf life 2, mean 5: a profit of 2.215143, whatever the caps.
    #[test]
    fn the_published_profit_is_found() {
        let pairs =
            ["problem=perishable", "shelf_life=2", "lead_time=1", "unit_cost=0.5", "price=1", "demand=poisson:5"];
        let solved = solve(table_of(pairs).unwrap()).unwrap();
        assert!((solved.figures[0].value + 2.215143).abs() < 1e-4, "{:?}", solved.figures);
    }

    #[test]
    fn descriptions_that_do_not_fit_say_what_is_wrong() {
        let error = |pairs: &[&str]| solve(table_of(pairs.iter().copied()).unwrap()).unwrap_err().to_string();
        insta::assert_snapshot!(error(&["problem=perishable", "shelf_life=2", "stockout_cost=5", "issuing=newest", "demand=poisson:5"]), @r#"issuing is "newest", expected fifo, lifo or mixed:SHARE with the share of customers who take the oldest"#);
        insta::assert_snapshot!(error(&["problem=perishable", "shelf_life=2", "unit_cost=1", "demand=poisson:5"]), @"price is 0, must be more than unit_cost together with stockout_cost, or nothing is ever ordered");
    }
}
