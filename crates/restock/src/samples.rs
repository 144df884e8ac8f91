//! A small plan made by hand, for tests of everything that prints one.

use restock_core::finding::{ExceptionCode, PlanException};
use restock_core::proposal::*;
use restock_core::settings::{Lang, PlanSettings};
use restock_core::{Bucket, Day, Finding, FindingCode, Money, Quantity, RowRef, Severity};
use restock_engine::health::MissingTable;
use restock_engine::*;
use restock_store::{Import, TableSummary};

use crate::project::Loaded;
use crate::report::Assumption;
use crate::session::Session;
use crate::verbs::plan::Planned;

pub(crate) fn session(lang: Lang, width: usize) -> Session {
    Session {
        lang,
        json: false,
        color: false,
        width,
        show_progress: false,
        project: None,
        as_of: None,
        today: day("2026-03-02"),
        now: "2026-03-02T08:00:00Z".parse().expect("an instant"),
    }
}

pub(crate) fn day(text: &str) -> Day {
    text.parse().expect("a date")
}

fn q(text: &str) -> Quantity {
    text.parse().expect("a quantity")
}

fn money(text: &str) -> Money {
    text.parse().expect("an amount")
}

/// `(item, name, supplier, pack, waterfall, unit cost, risk)`
fn proposal(
    item: &str,
    name: &str,
    supplier: &str,
    pack: i64,
    steps: &[(WaterfallCode, &str)],
    cost: &str,
    risk: &str,
) -> Proposal {
    let quantity = steps.iter().fold(Quantity::ZERO, |sum, (_, value)| sum + q(value));
    let uom = if quantity.decimals() > 0 { "kg" } else { "each" };
    let packs = Quantity::from_micro(quantity.micro() / pack);
    let order_units = if pack > 1 {
        OrderUnits { quantity: packs, uom: format!("pack of {pack}") }
    } else {
        OrderUnits { quantity, uom: uom.to_owned() }
    };
    let without_order = Consequence {
        p_stockout: 0.83,
        expected_lost_units: 21.7,
        expected_lost_margin: Some(money(risk)),
        expected_waste_units: 0.0,
        days_of_cover: 1.7,
    };
    let with_order = Consequence {
        p_stockout: 0.07,
        expected_lost_units: 0.6,
        days_of_cover: 4.7,
        expected_lost_margin: Some(money("0.25")),
        ..without_order
    };
    Proposal {
        proposal_id: format!("p_{item}"),
        plan_id: "pl_0123456789ab".into(),
        as_of: day("2026-03-02"),
        proposal_type: ProposalType::Purchase,
        item_id: item.into(),
        item_name: name.into(),
        destination: "S01".into(),
        source: ProposalSource::SupplierId(supplier.into()),
        quantity,
        uom: uom.into(),
        order_units,
        unit_cost: Some(money(cost)),
        value: Some(money(cost) * quantity.to_decimal()),
        currency: "EUR".into(),
        order_by: day("2026-03-02"),
        expected_receipt: day("2026-03-04"),
        next_opportunity: day("2026-03-04"),
        status: "proposed".into(),
        automation: "review".into(),
        health: 0.94,
        confidence: 0.88,
        priority: money(risk),
        classes: ["A".into(), "X".into(), "smooth".into()],
        explanation: Explanation {
            sentence: format!(
                "Order {packs} packs of {item}: the stock lasts 1.7 days and the next delivery is 4 days away."
            ),
            sentence_zh: format!("订购 {packs} 包 {item}：库存可用 1.7 天，下次到货在 4 天后。"),
            waterfall: steps
                .iter()
                .map(|(code, value)| WaterfallLine {
                    code: *code,
                    value: q(value),
                    evidence: match code {
                        WaterfallCode::ExpectedDemand => {
                            vec![("from".into(), "2026-03-02".into()), ("to".into(), "2026-03-06".into())]
                        }
                        WaterfallCode::RoundToPack => vec![("pack".into(), pack.to_string())],
                        _ => Vec::new(),
                    },
                })
                .collect(),
            unmet_waits: false,
            without_order,
            with_order,
            marginal: (1..=5)
                .map(|pack| MarginalPack {
                    pack,
                    p_sold: [0.998, 0.97, 0.86, 0.61, 0.33][pack as usize - 1],
                    net_gain: money(["3.61", "3.40", "2.52", "0.93", "-1.02"][pack as usize - 1]),
                })
                .collect(),
            marginal_note: "pack 5 would cost more than it brings".into(),
            sensitivity: vec![
                Sensitivity { what_if: "lead_time=1".into(), quantity: q("36") },
                Sensitivity { what_if: "demand=-20%".into(), quantity: q("24") },
            ],
            alternatives: vec![("base_stock".into(), quantity), ("min_max".into(), q("60"))],
            drivers: vec![("weekday".into(), 9.1), ("trend".into(), -1.2)],
            warnings: vec!["D10: learned lead time 2.4 days, configured 2".into()],
            lineage: Lineage {
                data: "blake3:0123456789abcdef".into(),
                settings: "blake3:fedcba9876543210".into(),
                forecast_model: "auto: ets".into(),
                policy: "base_stock".into(),
                code: "0.1.0".into(),
                seed: 42,
            },
        },
    }
}

pub(crate) fn planned() -> Planned {
    use WaterfallCode::*;
    let proposals = vec![
        proposal(
            "MILK-1L",
            "Milk 1 l",
            "DAIRY",
            12,
            &[
                (ExpectedDemand, "62"),
                (UncertaintyBuffer, "12"),
                (ReservedOrBackordered, "3"),
                (UsableOnHand, "-26"),
                (OnOrderInTime, "-12"),
                (RoundToPack, "9"),
            ],
            "0.78",
            "9.10",
        ),
        proposal(
            "SALMON",
            "Salmon <fillet>",
            "MARKET",
            1,
            &[(ExpectedDemand, "3.4"), (UncertaintyBuffer, "1.1"), (UsableOnHand, "-2")],
            "17.5",
            "7.25",
        ),
        proposal(
            "YOG-500",
            "Yoghurt 500 g",
            "DAIRY",
            6,
            &[(ExpectedDemand, "31"), (UncertaintyBuffer, "6"), (UsableOnHand, "-4"), (RoundToPack, "3")],
            "0.95",
            "5.80",
        ),
    ];
    let group = |supplier: &str, n_lines, value: &str| OrderGroup {
        source: ProposalSource::SupplierId(supplier.into()),
        source_name: String::new(),
        destination: "S01".into(),
        n_lines,
        value: money(value),
        order_by: day("2026-03-02"),
        cut_off: if supplier == "DAIRY" { "14:00".into() } else { String::new() },
        volume: 0.0,
        weight: 0.0,
        min_order_value: None,
        source_value: money(value),
        minimum_met: true,
    };
    let summary = PlanSummary {
        n_planned: 5,
        n_unplanned: 1,
        n_proposals: 3,
        order_value: money("115.39"),
        fill_rate: [0.62, 0.985],
        n_stockouts: [3, 0],
        n_stock_assumed: 1,
        lost_margin: [money("22.15"), money("0.75")],
        waiting_margin: [Money::ZERO; 2],
        n_exceptions: 1,
        ..PlanSummary::default()
    };
    let plan = Plan {
        plan_id: "pl_0123456789ab".into(),
        as_of: day("2026-03-02"),
        currency: "EUR".into(),
        bucket: Bucket::Day,
        proposals,
        lines: Vec::new(),
        exceptions: vec![PlanException {
            code: ExceptionCode::StockoutBeforeArrival,
            item_id: "MILK-1L".into(),
            location_id: "S01".into(),
            expected_money: money("9.10"),
            message: "stock lasts 1.7 days, the next delivery is 2 days away".into(),
            message_zh: "库存可用 1.7 天，下次到货在 2 天后".into(),
            action: "ask DAIRY for a delivery tomorrow".into(),
            action_zh: "请 DAIRY 明天送货".into(),
        }],
        unplanned: vec![Unplanned {
            item_id: "CANDLE".into(),
            location_id: "S01".into(),
            reason: "no sale in 400 days".into(),
            reason_zh: "400 天没有销售".into(),
        }],
        findings: vec![Finding {
            code: FindingCode::D10,
            severity: Severity::Warning,
            message: "learned lead time is 2.4 days, sources.csv says 2".into(),
            message_zh: "实际提前期为 2.4 天，sources.csv 为 2 天".into(),
            fix: "correct lead_time_days".into(),
            fix_zh: "更正 lead_time_days".into(),
            item_id: Some("MILK-1L".into()),
            location_id: Some("S01".into()),
            rows: vec![RowRef { file_idx: 0, row: 2 }],
            n_rows: 1,
        }],
        summary,
        order_groups: vec![group("DAIRY", 2, "71.64"), group("MARKET", 1, "43.75")],
        shadow_prices: Vec::new(),
    };
    let import = Import {
        tables: vec![TableSummary {
            table: "sales".into(),
            file: "sales.csv".into(),
            n_rows: 1200,
            n_accepted: 1198,
            ..TableSummary::default()
        }],
        ..Import::default()
    };
    Planned {
        can_backtest: true,
        to_judge: Vec::new(),
        details: details(&plan),
        plan,
        loaded: Loaded {
            import,
            settings: PlanSettings::default(),
            notes: Vec::new(),
            name: "north-stores".into(),
            models: crate::project::models_of(std::path::Path::new("no-project")),
            shadow: crate::shadow::Shadow::read(None, 28, None).expect("no file"),
            adapts: crate::adaptation::Adapts::default(),
            looks_back: false,
        },
        assumptions: vec![Assumption {
            text: "a delivery takes 7 days and orders can be placed every 7 days".into(),
            replace: "--lead-time and --review-period".into(),
        }],
        missing: vec![MissingTable {
            table: "inventory".into(),
            improves: "stock of all 5 item-locations is assumed".into(),
            improves_zh: "全部 5 个商品-地点的库存为假设值".into(),
            n_affected: 5,
        }],
    }
}

/// Charts for the first line.
fn details(plan: &Plan) -> Vec<LineDetail> {
    let proposal = &plan.proposals[0];
    let as_of = plan.as_of;
    let weekday = |day: Day| [14.0, 13.0, 15.0, 16.0, 19.0, 24.0, 11.0][day.weekday_idx()];
    let mut stock = [26.0, 26.0];
    let line = PlanLine {
        item_id: proposal.item_id.clone(),
        location_id: proposal.destination.clone(),
        source: proposal.source.clone(),
        on_hand: q("26"),
        stock_assumed: false,
        on_order: q("12"),
        position: q("35"),
        recent_demand_per_day: 16.0,
        expected_demand: 62.0,
        demand_per_day: 15.5,
        target_level: q("74"),
        quantity: proposal.quantity,
        value: proposal.value,
        stock_value: None,
        lead_time_days: 2.0,
        review_days: 2.0,
        p_stockout: [0.83, 0.07],
        fill_rate: [0.6, 0.98],
        days_of_cover: [1.7, 4.7],
        monthly_consumption: Some(480.0),
        months_of_stock: Some(0.05),
        classes: proposal.classes.clone(),
        health: 0.94,
        forecast_model: "auto: ets".into(),
        policy: "base_stock".into(),
        note: String::new(),
    };
    vec![LineDetail {
        line,
        item_name: proposal.item_name.clone(),
        uom: "each".into(),
        as_of,
        bucket: Bucket::Day,
        proposal: Some(proposal.clone()),
        explanation: proposal.explanation.clone(),
        history: (1..=56)
            .rev()
            .map(|back| {
                let (day, sold_out) = (as_of.plus(-back), (20..24).contains(&back));
                let demand = weekday(day) + f64::from((back * 7) % 5) - 2.0;
                HistoryPoint {
                    day,
                    sales: if sold_out { 2.0 } else { demand },
                    demand,
                    observation: if sold_out { "censored" } else { "full" }.into(),
                }
            })
            .collect(),
        forecast: (0..28)
            .map(|ahead| {
                let mean = weekday(as_of.plus(ahead));
                let quantiles = [0.4, 0.6, 0.85, 1.0, 1.15, 1.45, 1.6].map(|factor| mean * factor);
                ForecastPoint { day: as_of.plus(ahead), mean, quantiles }
            })
            .collect(),
        baseline: Vec::new(),
        overrides: Vec::new(),
        arrivals: vec![
            ArrivalPoint { day: as_of.plus(1), quantity: q("12"), order_id: "PO-771".into(), proposed: false },
            ArrivalPoint { day: as_of.plus(2), quantity: proposal.quantity, order_id: String::new(), proposed: true },
        ],
        projection: (0..14)
            .map(|ahead| {
                let demand = weekday(as_of.plus(ahead));
                let arrived = if ahead == 1 { 12.0 } else { 0.0 };
                let ordered = if ahead == 2 { 48.0 } else { 0.0 };
                stock = [(stock[0] + arrived - demand).max(0.0), (stock[1] + arrived + ordered - demand).max(0.0)];
                let spread = 3.0 * f64::from(ahead + 1).sqrt();
                let band = |s: f64| [(s - spread).max(0.0), s, if s > 0.0 { s + spread } else { spread / 3.0 }];
                ProjectionPoint { day: as_of.plus(ahead), without_order: band(stock[0]), with_order: band(stock[1]) }
            })
            .collect(),
        protection_until: as_of.plus(4),
        forecast_reason: "lowest pinball loss in 3 windows".into(),
        exceptions: plan.exceptions.clone(),
        what_if: Vec::new(),
        changes: Vec::new(),
    }]
}
