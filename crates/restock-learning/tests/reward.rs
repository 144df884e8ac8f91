//! Rewards on problems small enough to know the answer, and the search for settings.

use restock_inventory::discrete_demand::DiscreteDemand;
use restock_inventory::exact::{Criterion, Settings, evaluate, solve};
use restock_inventory::problems::{ProblemEnvironment, table_of};
use restock_learning::algorithm::Algorithm;
use restock_learning::hyper::Hyper;
use restock_learning::learn::Request;
use restock_learning::preview::{Preview, preview};
use restock_learning::reward::{Objective, Reward, RewardError, Rewarded, StockBand, Terms};
use restock_learning::service::{learn_to_service, solve_to_service};
use restock_learning::simulation::{Plan, simulate};
use restock_learning::successive_halving::Budget;
use restock_learning::training::Seconds;
use restock_learning::tune::{self, tune};
use restock_learning::{LearnedPolicy, Observed};

const NONE: Reward = Reward { goodwill: 0.0, band: None };

fn objective(text: &str, reward: Reward) -> Objective {
    Objective::new(&table_of(text.split(' ')).unwrap(), reward, 0.0).unwrap()
}

fn lost_sales(lead_time: usize, stockout_cost: f64, reward: Reward) -> Objective {
    let text = format!(
        "problem=lost-sales lead_time={lead_time} holding_cost=1 stockout_cost={stockout_cost} demand=poisson:5"
    );
    objective(&text, reward)
}

fn optimum(objective: &Objective) -> Preview {
    let preview = preview(objective, None, 1).unwrap();
    assert!(preview.solved && preview.figures.exact);
    preview
}

fn close(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance, "{a} and {b}");
}

/// A lost unit that costs 4 and 2.5 of goodwill is one that costs 6.5: in the description, and charged by the wrapper.
#[test]
fn goodwill_is_a_dearer_lost_unit() {
    let (with, dearer) = (lost_sales(2, 4.0, Reward { goodwill: 2.5, band: None }), lost_sales(2, 6.5, NONE));
    let (preview, plain) = (optimum(&with), optimum(&dearer));
    assert_eq!(preview.orders, plain.orders);
    close(preview.figures.cost, plain.figures.cost, 1e-9);
    close(preview.figures.goodwill_cost, 2.5 * plain.figures.lost, 1e-9);
    close(preview.figures.own_cost + preview.figures.goodwill_cost, preview.figures.cost, 1e-9);

    let ProblemEnvironment::LostSales(cheap) = &lost_sales(2, 4.0, NONE).problem else { unreachable!() };
    let ProblemEnvironment::LostSales(dear) = &dearer.problem else { unreachable!() };
    let (max_order, max_position) = dear.caps();
    let roomy = restock_inventory::environments::LostSales::with_caps(
        2,
        cheap.costs(),
        cheap.demand().to_vec(),
        max_order,
        max_position,
    );
    let charged = Rewarded::new(&roomy, Terms { lost: 2.5, ..Terms::COST });
    let solved = solve(&charged, Criterion::Average, &Settings::default());
    close(solved.average_cost.unwrap(), plain.figures.cost, 1e-5);
}

/// Where demand waits, goodwill is lost once with each unit newly backordered: under a base-stock level the difference of
/// two shortages, `E[(D(L+1) - S)⁺] - E[(D(L) - S)⁺]` of the demand of `L + 1` and of `L` periods.
#[test]
fn units_newly_backordered_are_those_of_the_closed_form() {
    let text = "problem=s-S order_cost=0 holding_cost=1 stockout_cost=9 lead_time=2 demand=poisson:3";
    let with = objective(text, Reward { goodwill: 4.0, band: None });
    let ProblemEnvironment::BackorderPosition(environment) = &with.problem else { unreachable!() };
    let demand = environment.demand().0.clone();
    let shortage = |n_periods: usize, level: i64| {
        DiscreteDemand::sum(std::iter::repeat_n(&demand, n_periods)).expected_shortage(level as usize)
    };
    let (low, high) = environment.bounds();
    for level in [low, (low + high) / 2, high] {
        let order = |position: &i64| (level - position).max(0);
        let lost = Rewarded::new(environment, Terms { lost: 1.0, ..Terms::NONE });
        let lost = evaluate(&lost, order, Criterion::Average, &Settings::default()).average_cost.unwrap();
        close(lost, shortage(3, level) - shortage(2, level), 1e-6);
    }
    // Costs of the base-stock level that is best with goodwill, by the same closed form.
    let cost = |level: i64| {
        let short = shortage(3, level);
        let held = level as f64 - 9.0 + short;
        held + 9.0 * short + 4.0 * (short - shortage(2, level))
    };
    let least = (low..=high).map(cost).fold(f64::INFINITY, f64::min);
    close(optimum(&with).figures.cost, least, 1e-5);
}

/// Orders arrive at once: base-stock levels are optimal at every price, and costs are convex in them. So the best level
/// that reaches the target is what the multiplier finds.
#[test]
fn the_constrained_optimum_is_the_best_base_stock_level() {
    let free = lost_sales(0, 4.0, NONE);
    let demand = DiscreteDemand::poisson(5.0, 60);
    let fill_rate = |level: usize| 1.0 - demand.expected_shortage(level) / demand.mean();
    let cost = |level: usize| {
        let short = demand.expected_shortage(level);
        level as f64 - demand.mean() + short + 4.0 * short
    };
    for target in [0.9, 0.97, 0.99, 0.999] {
        let level = (0..60).filter(|level| fill_rate(*level) >= target).min_by(|a, b| cost(*a).total_cmp(&cost(*b)));
        let level = level.unwrap();
        let found = solve_to_service(&free, target, &mut |_| ()).unwrap();
        close(found.best.cost, cost(level), 1e-5);
        close(found.best.fill_rate(), fill_rate(level), 1e-6);
        let bound = found.bound.unwrap();
        assert!(bound <= found.best.cost + 1e-5, "{bound} bounds {}", found.best.cost);
        // The bound is what mixing this level with the one below costs, where that is needed.
        if fill_rate(level - 1) < target && cost(level - 1) < cost(level) {
            let share = (target - fill_rate(level - 1)) / (fill_rate(level) - fill_rate(level - 1));
            close(bound, cost(level - 1) + share * (cost(level) - cost(level - 1)), 1e-4);
        }
        assert_eq!(found.multiplier > 0.0, cost(level) > cost(7).min(cost(8)) + 1e-9, "{target}: {}", found.multiplier);
    }
}

/// A lead time, and the tutorial without a stock-out cost, which has no other reason to order.
#[test]
fn targets_are_reached_and_the_bound_holds() {
    let tutorial = objective("problem=worked-example stockout_cost=0 demand=poisson:30", NONE);
    for (objective, target) in [(lost_sales(2, 4.0, NONE), 0.98), (tutorial, 0.98)] {
        let shown = preview(&objective, Some(target), 1).unwrap();
        let bound = shown.bound.unwrap();
        assert!(shown.figures.fill_rate >= target && shown.price > 0.0, "{shown:?}");
        assert!(bound <= shown.figures.cost + 1e-5 && shown.figures.cost < 1.02 * bound, "{shown:?}");
    }
    let small = "problem=one-warehouse warehouse_holding_cost=0.3 retailer_holding_cost=1 stockout_cost=4 \
                 demand_1=poisson:1 demand_2=poisson:1 warehouse_capacity=2 retailer_capacity=1";
    let error = preview(&objective(small, NONE), Some(0.99), 1).unwrap_err();
    insta::assert_snapshot!(error.to_string(), @"no policy was found that reaches a fill rate of 99.00 %: the best reached 63.21 %");
}

/// A band that begins above the usual stock raises it, one that ends below lowers it; and the caps of the problem, which
/// know nothing of it, do not bind.
#[test]
fn a_band_moves_the_stock() {
    let band = |low, high| Some(StockBand { low, high, cost: 6.0 });
    let minimum = "problem=minimum-order min_order=3 holding_cost=1 stockout_cost=9 lead_time=1 demand=poisson:2";
    let shelf = "problem=perishable shelf_life=3 lead_time=1 unit_cost=0.5 price=1 demand=poisson:3";
    let two = "problem=dual-sourcing regular_lead_time=2 expedited_cost=5 holding_cost=5 stockout_cost=95 demand=uniform:0..4";
    for text in ["problem=lost-sales lead_time=1 holding_cost=1 stockout_cost=4 demand=poisson:5", minimum, shelf, two]
    {
        let at = |band| optimum(&objective(text, Reward { goodwill: 0.0, band })).figures;
        let (usual, high, low) = (at(None), at(band(9, 99)), at(band(-99, 1)));
        assert!(high.mean_stock > usual.mean_stock + 0.5, "{text}: {} {}", high.mean_stock, usual.mean_stock);
        assert!(low.mean_stock < usual.mean_stock, "{text}: {} {}", low.mean_stock, usual.mean_stock);
        assert!(high.band_cost > 0.0 && usual.band_cost == 0.0);
        close(high.own_cost + high.band_cost, high.cost, 1e-9);
        assert!(high.own_cost > usual.cost - 1e-6, "{text}: nothing is cheaper than the optimum");
    }
    let too_high = Reward { goodwill: 0.0, band: band(1_000, 2_000) };
    let table = table_of(two.split(' ')).unwrap();
    let error = Objective::new(&table, too_high, 0.0).unwrap_err();
    assert!(matches!(error, RewardError::BandTooHigh { .. }));
    insta::assert_snapshot!(error, @"the stock band begins at 1000 units, the problem has room for at most 12");
}

/// Figures by simulation are the exact ones within four standard errors; the seed is fixed.
#[test]
fn simulated_terms_are_the_exact_ones() {
    let band = StockBand { low: 2, high: 6, cost: 1.5 };
    let objective = lost_sales(2, 4.0, Reward { goodwill: 1.0, band: Some(band) });
    let ProblemEnvironment::LostSales(environment) = &objective.problem else { unreachable!() };
    let all =
        Terms { lost: 1.0, demand: 0.5, stock: 0.25, ordered: 0.125, orders: 2.0, band: Some(band), ..Terms::COST };
    let rewarded = Rewarded::new(environment, all);
    let act = |state: &_| environment.action(environment.heuristic(state));
    let exact = evaluate(&rewarded, act, Criterion::Average, &Settings::default()).average_cost.unwrap();
    let plan = Plan { n_lanes: 400, n_periods: 1_000, ..Plan::test(3) };
    let simulated = simulate(&rewarded, Criterion::Average, &|state| environment.heuristic(state), &plan);
    close(simulated.mean(), exact, 4.0 * simulated.standard_error());
    assert!(simulated.standard_error() < 0.005 * exact);
}

fn request(algorithm: Algorithm, n_epochs: u64) -> Request {
    Request {
        algorithm,
        problem: "a problem".to_owned(),
        seed: 1,
        seconds: f64::INFINITY,
        n_epochs: Some(n_epochs),
        hyper: Hyper::default(),
    }
}

/// A table learned from samples reaches the target as well, near the bound of the exact dual function.
#[test]
fn learners_reach_a_target() {
    let clock = || Seconds::default();
    let objective = lost_sales(1, 4.0, NONE);
    let solved = learn_to_service(&objective, 0.97, &request(Algorithm::Exact, 1), &clock, &mut |_, _| ()).unwrap();
    let learned =
        learn_to_service(&objective, 0.97, &request(Algorithm::QLearning, 12), &clock, &mut |_, _| ()).unwrap();
    let bound = solved.bound.unwrap();
    for found in [&solved, &learned] {
        assert!(found.best.fill_rate() >= 0.97, "{:?}", found.rounds);
        assert!(found.best.cost >= bound - 1e-5 && found.best.cost < 1.06 * bound, "{:?}, bound {bound}", found.rounds);
        assert!(found.bound.unwrap() <= bound + 1e-5, "{:?}", found.bound);
    }
    assert!(learned.rounds.len() <= 6);
}

/// The search depends on its seed and not on that of the test, and never ends worse on validation than the usual settings.
#[test]
fn a_search_never_sees_the_test() {
    let clock = || Seconds::default();
    let objective = lost_sales(1, 4.0, NONE);
    let found = |seed, test_seed| {
        let request = tune::Request {
            algorithm: Algorithm::QLearning,
            problem: "a problem".to_owned(),
            seed,
            test_seed,
            n_configurations: 5,
            budget: Budget::FirstRung(1),
        };
        tune(&objective, &request, &clock, &mut |_| ()).unwrap()
    };
    let (one, other) = (found(1, 1), found(1, 99));
    assert_eq!((&one.search, &one.configurations, &one.policy), (&other.search, &other.configurations, &other.policy));
    assert!(matches!(one.policy, LearnedPolicy::Table { .. }));
    assert_ne!(one.configurations, found(2, 1).configurations);
    for seed in 1..=3 {
        let tuned = found(seed, 1);
        let cost = |trial: usize| tuned.configurations[trial].validation_cost;
        assert!(cost(tuned.search.winner) <= cost(0), "{:?}", tuned.search);
        let rungs: Vec<usize> = tuned.search.rungs.iter().map(Vec::len).collect();
        assert_eq!(rungs, [5, 3, 2]);
        // Rungs of 1, 2 and 4 epochs, which go on from each other; the usual settings go all the way.
        assert_eq!([0, tuned.search.winner].map(|trial| tuned.configurations[trial].curve.len()), [7, 7]);
        assert!(tuned.grade.gap.unwrap() >= -1e-6 && tuned.usual_grade.gap.unwrap() >= -1e-6);
        assert!(tuned.configurations[0].hyper.is_usual());
    }
}
