//! Scenarios are plans of data and settings that say the same.

mod fixtures;

use fixtures::RecentMean;
use restock_core::dataset::{BudgetRow, CapacityRow};
use restock_core::proposal::{ProposalSource, ProposalType};
use restock_core::settings::PlanSettings;
use restock_core::{Dataset, Objective, Quantity, RowRef, ServiceType};
use restock_engine::scenario::{Comparison, compare, frontier, with_scenario};
use restock_engine::{Plan, plan};
use restock_inventory::retail_simulator::{ChainConfig, chain};

const FORECASTER: RecentMean = RecentMean { spread: 1.2 };

fn business() -> Dataset {
    chain(&ChainConfig { n_items: 30, n_stores: 2, n_days: 200, ..ChainConfig::example_shop() }, 11)
}

fn settings() -> PlanSettings {
    PlanSettings { policy: "classical".to_owned(), ..PlanSettings::default() }
}

fn plan_of(dataset: &Dataset, settings: &PlanSettings) -> Plan {
    plan(dataset, settings, &FORECASTER, &|_, _| {})
}

fn under(dataset: &Dataset, settings: &PlanSettings, changes: &[&str]) -> Plan {
    let changes: Vec<String> = changes.iter().map(|change| (*change).to_owned()).collect();
    plan_of(dataset, &with_scenario(settings, &changes).unwrap())
}

/// What is ordered: of each line the quantity and the value.
fn orders(plan: &Plan) -> Vec<(String, String, Quantity, Option<restock_core::Money>)> {
    let order =
        |line: &restock_engine::PlanLine| (line.item_id.clone(), line.location_id.clone(), line.quantity, line.value);
    plan.lines.iter().map(order).collect()
}

#[test]
fn a_target_is_that_of_the_settings() {
    let dataset = business();
    let objective = Objective::Service { service_type: ServiceType::FillRate, target: 0.8 };
    let changed = plan_of(&dataset, &PlanSettings { objective, ..settings() });
    let scenario = under(&dataset, &settings(), &["target=0.8"]);
    assert_eq!(orders(&scenario), orders(&changed));
    assert_ne!(orders(&scenario), orders(&plan_of(&dataset, &settings())), "the case says nothing");
    assert_ne!(scenario.plan_id, plan_of(&dataset, &settings()).plan_id);
}

#[test]
fn lead_times_are_those_of_the_lanes() {
    let dataset = business();
    let mut later = dataset.clone();
    for row in &mut later.sources {
        // Far enough that plans must look further ahead than without the change.
        row.lead_time_days = row.lead_time_days.map(|days| days + 45.0);
        row.lead_time_sd_days = None;
    }
    let mut exact = dataset.clone();
    exact.sources.iter_mut().for_each(|row| row.lead_time_sd_days = None);
    // What receipts tell of lead times would be changed by the scenario, and not by the table.
    (later.receipts, exact.receipts) = (Vec::new(), Vec::new());
    let scenario = under(&exact, &settings(), &["lead_time=+45"]);
    assert_eq!(orders(&scenario), orders(&plan_of(&later, &settings())));
    assert_ne!(orders(&scenario), orders(&plan_of(&exact, &settings())), "the case says nothing");
}

#[test]
fn a_change_is_for_those_that_its_filter_names() {
    let dataset = business();
    let store = |location: &&restock_core::dataset::Location| location.kind == "store";
    let location = &dataset.locations.iter().find(store).unwrap().location_id;
    let base = plan_of(&dataset, &settings());
    let change = format!("demand=2x where location.id == '{location}'");
    let scenario = under(&dataset, &settings(), &[&change]);
    let Comparison { lines, .. } = compare(&base, &scenario);
    assert!(lines.len() > 10, "only {} lines differ", lines.len());
    // What the store draws from has more to send; another store expects what it did, and may get less of what is short.
    let kind = |id: &str| &dataset.locations.iter().find(|location| location.location_id == id).unwrap().kind;
    for line in lines.iter().filter(|line| kind(&line.location_id) != "dc") {
        let [before, after] = line.expected_demand;
        if line.location_id != *location {
            assert!(before == after && line.quantity[1] < line.quantity[0], "{line:?}");
            continue;
        }
        assert!((after - 2.0 * before).abs() <= 1e-2 * after + 1e-3, "{line:?}");
    }
    let money = |value: Option<restock_core::Money>| value.unwrap_or_default();
    let difference =
        |line: &restock_engine::scenario::ComparedLine| (money(line.value[1]) - money(line.value[0])).abs();
    assert!(lines.windows(2).all(|pair| difference(&pair[0]) >= difference(&pair[1])), "largest difference first");
}

#[test]
fn limits_stand_in_for_those_of_tables_and_settings() {
    let mut dataset = business();
    let budget = |scope: &str, amount: &str| BudgetRow {
        scope: scope.to_owned(),
        from: None,
        to: None,
        amount: amount.parse().unwrap(),
        row: RowRef::default(),
    };
    let volume = |volume: f64| CapacityRow {
        scope: "all".to_owned(),
        from: None,
        to: None,
        volume: Some(volume),
        weight: None,
        lines: None,
        row: RowRef::default(),
    };
    dataset.items.iter_mut().for_each(|item| item.volume = Some(0.002));
    let free = plan_of(&dataset, &settings());
    let value = free.summary.order_value;
    let half = (value / restock_core::Money::from(2)).round_dp(2).to_string();

    // Where there is none, and instead of one.
    let with_budget = PlanSettings { budget: half.parse().ok(), ..settings() };
    let expected = orders(&plan_of(&dataset, &with_budget));
    assert_ne!(expected, orders(&free), "the case says nothing");
    let change = format!("budget={half}");
    assert_eq!(orders(&under(&dataset, &settings(), &[&change])), expected);
    assert_eq!(orders(&under(&dataset, &with_budget, &["budget all=1000000"])), orders(&free));

    let with_table = |row| Dataset { budgets: vec![row], ..dataset.clone() };
    let small = with_table(budget("all", "10"));
    assert_eq!(orders(&under(&small, &settings(), &[&change])), expected);
    // One for another scope stands.
    let scope = format!("location:{}", dataset.locations[0].location_id);
    let narrow = with_table(budget(&scope, "0"));
    let both = under(&narrow, &settings(), &[&change]);
    assert!(
        both.lines.iter().all(
            |line| line.location_id != dataset.locations[0].location_id || line.value.unwrap_or_default().is_zero()
        )
    );
    assert!(both.summary.order_value <= half.parse().unwrap());

    let narrow = Dataset { capacities: vec![volume(0.1)], ..dataset.clone() };
    let expected = orders(&plan_of(&narrow, &settings()));
    assert_ne!(expected, orders(&free), "the case says nothing");
    assert_eq!(orders(&under(&dataset, &settings(), &["volume=0.1"])), expected);
    let wide = Dataset { capacities: vec![volume(0.01)], ..dataset.clone() };
    assert_eq!(orders(&under(&wide, &settings(), &["volume all=0.1"])), expected);

    let n_bought =
        |plan: &Plan| plan.proposals.iter().filter(|one| one.proposal_type == ProposalType::Purchase).count();
    dataset.suppliers.iter_mut().for_each(|supplier| supplier.min_order_value = None);
    let n = n_bought(&plan_of(&dataset, &settings())) / 2;
    assert!(n > 2, "{n} lines: the case says nothing");
    assert_eq!(n_bought(&under(&dataset, &settings(), &[&format!("lines={n}")])), n);
}

#[test]
fn containers_of_a_supplier_are_counted_in_their_size() {
    let mut dataset = business();
    dataset.items.iter_mut().for_each(|item| item.volume = Some(0.002));
    let used = |plan: &Plan, supplier_id: &str| -> f64 {
        let source = ProposalSource::SupplierId(supplier_id.to_owned());
        let own = plan.proposals.iter().filter(|proposal| proposal.source == source);
        own.map(|proposal| proposal.quantity.to_f64() * 0.002).sum()
    };
    // An order that a limit takes below a minimum would not be placed at all.
    dataset.suppliers.iter_mut().for_each(|supplier| supplier.min_order_value = None);
    let free = plan_of(&dataset, &settings());
    let volumes: Vec<f64> = dataset.suppliers.iter().map(|supplier| used(&free, &supplier.supplier_id)).collect();
    let idx = (0..volumes.len()).max_by(|a, b| volumes[*a].total_cmp(&volumes[*b])).unwrap();
    // Four containers and a half would travel.
    let size = volumes[idx] / 4.5;
    dataset.suppliers[idx].container_volume = Some(size);
    let supplier_id = dataset.suppliers[idx].supplier_id.clone();
    for n in [0, 1, 3] {
        let change = format!("containers supplier:{supplier_id}={n}");
        let tight = used(&under(&dataset, &settings(), &[&change]), &supplier_id);
        let most = size * f64::from(n);
        assert!(tight <= most + 1e-9 && tight >= 0.8 * most, "{tight} of {most} cubic metres");
    }
}

#[test]
fn more_service_costs_more_stock() {
    let targets = [0.8, 0.9, 0.95, 0.99];
    let done = std::sync::Mutex::new(Vec::new());
    let points = frontier(&business(), &settings(), &FORECASTER, &targets, &|n, total| {
        done.lock().unwrap().push((n, total));
    })
    .unwrap();
    assert_eq!(points.len(), 5);
    assert_eq!((points[0].target, points[4].target), (None, Some(0.99)));
    let (value, service) =
        (|idx: usize| points[idx].summary.order_value, |idx: usize| points[idx].summary.fill_rate[1]);
    for idx in 2..5 {
        assert!(value(idx) > value(idx - 1) && service(idx) >= service(idx - 1), "{:?}", points[idx]);
    }
    assert_eq!(done.into_inner().unwrap().last(), Some(&(5, 5)));
    assert!(frontier(&business(), &settings(), &FORECASTER, &[1.5], &|_, _| {}).is_err());
}
