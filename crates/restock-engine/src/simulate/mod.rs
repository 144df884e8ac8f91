//! "Play the future under the plan's policy many times": what the plan leads to, with and without shocks.
//!
//! Every item-location starts from today's stock and open orders. Day after day, locations with an order opportunity
//! decide with the plan's own function under all ordering rules (the first decision is the plan's), a source that is
//! short shares what it has as a plan does, orders arrive after lead times drawn from what receipts tell, and demand is
//! drawn from the joint forecast. Everything is played by the one transition function.
//!
//! # What is the same on every path
//! The forecast is made once, on the day of the plan, for all days played: forecasting anew on every path and day would
//! cost thousands of times as much. Decisions on a later day see the part of that forecast that a plan of that day would
//! look at, so orders react to the stock that demand leaves behind, and not to what it would teach a forecaster.
//!
//! # Common random numbers
//! With shocks, the baseline is played on the same random numbers: path `i` of both has the same demand before the shock
//! changes it and draws the same lead-time scenarios, so that their difference is the shock's alone. Random numbers are
//! seeded per item-location and path, never per thread.
//!
//! # What it does not know
//! Budgets, containers and supplier minimums over several items are not applied. Suppliers deliver in full. Customers do
//! not wait. Demands of different item-locations are drawn independently of each other.

mod partition;
mod report;
mod shock;
#[cfg(test)]
mod tests;
mod volumes;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use restock_core::dataset::Dataset;
use restock_core::settings::PlanSettings;
use restock_core::{Bucket, Day, Forecaster};

pub use report::{
    Estimate, FanPoint, KpiEstimates, LocationResult, ScenarioResult, ServicePoint, SimulatedLine, SimulationReport,
};
pub use shock::{LeadTimeChange, Shock, ShockChange, ShockError, USUAL_ELASTICITY};
pub use volumes::{Goods, SiteDay};

use crate::backtest::Note;
use crate::builder::UnitBuilder;
use crate::health::LaneIndex;
use crate::indicators::{KpiSums, Kpis};
use partition::{Played, play_partition};
use report::quantile;
use volumes::Volumes;

/// Partitions whose results are in memory before they are summed up; fixed, so that sums do not depend on the number of
/// threads.
const CHUNK: usize = 64;

/// Days per point of the service chart.
const POINT_DAYS: usize = 7;

/// How to simulate.
#[derive(Clone, Debug, PartialEq)]
pub struct SimulateOptions {
    /// Futures per item-location, at least 2.
    pub n_paths: usize,
    /// Days to play, at least 1.
    pub n_days: usize,
    /// What happens besides; the same future without it is played alongside.
    pub shocks: Vec<Shock>,
    /// Whether goods that move are reported by location and day; they take 64 bytes for each location, day and future.
    pub volumes: bool,
}

impl Default for SimulateOptions {
    fn default() -> Self {
        Self { n_paths: 200, n_days: 90, shocks: Vec::new(), volumes: false }
    }
}

/// Why there is no simulation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SimulateError {
    /// A shock that nobody would see.
    #[error("shock {shock:?} holds on none of the days {from} to {to} that are played")]
    ShockOutside {
        /// The shock.
        shock: String,
        /// First day played.
        from: Day,
        /// Last day played.
        to: Day,
    },
    /// A filter that leaves nothing.
    #[error("shock {shock:?} matches none of {n_item_locations} item-locations")]
    ShockMatchesNothing {
        /// The shock.
        shock: String,
        /// Item-locations played.
        n_item_locations: usize,
    },
    /// No item-location can be planned.
    #[error("item-locations to play are 0, at least 1 is needed with sales or a minimum stock before {as_of}")]
    NothingToPlay {
        /// The day of the plan.
        as_of: Day,
    },
}

/// Everything that stays the same during a simulation.
struct Context<'a> {
    dataset: &'a Dataset,
    settings: &'a PlanSettings,
    options: &'a SimulateOptions,
    builder: &'a UnitBuilder<'a>,
    lanes: &'a LaneIndex<'a>,
    forecaster: &'a dyn Forecaster,
    /// The day of the plan.
    start: Day,
    /// Days to play.
    n_periods: usize,
    n_scenarios: usize,
    volumes: Option<Volumes>,
}

impl Context<'_> {
    fn n_points(&self) -> usize {
        self.n_periods.div_ceil(POINT_DAYS)
    }
}

/// Plays the future of every item-location of a dataset.
///
/// `progress(done, total)` counts item-locations. The same data, settings, forecaster and options give the same report,
/// on any number of threads.
///
/// # Errors
/// [`SimulateError`] when nothing can be planned or a shock changes nothing.
///
/// # Panics
/// When `options` asks for fewer than 2 paths or 1 day.
pub fn simulate(
    dataset: &Dataset,
    settings: &PlanSettings,
    forecaster: &dyn Forecaster,
    options: &SimulateOptions,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<SimulationReport, SimulateError> {
    assert!(options.n_paths >= 2 && options.n_days >= 1);
    let builder = UnitBuilder::new(dataset, settings, None);
    let as_of = builder.history.as_of();
    let lanes = LaneIndex::new(dataset, as_of);
    let to = as_of.plus(options.n_days as i32 - 1);
    for shock in &options.shocks {
        if (0..options.n_days).all(|t| !shock.holds_on(as_of.plus(t as i32))) {
            return Err(SimulateError::ShockOutside { shock: shock.to_string(), from: as_of, to });
        }
    }
    let context = new_context(&builder, &lanes, forecaster, (dataset, settings, options));

    let partitions = builder.partitions();
    let total: usize = partitions.iter().map(Vec::len).sum();
    let done = AtomicUsize::new(0);
    progress(0, total);
    let mut sums = Sums::new(&context);
    for chunk in partitions.chunks(CHUNK) {
        let played: Vec<Played> = chunk
            .par_iter()
            .map(|partition| {
                let played = play_partition(&context, partition);
                progress(done.fetch_add(partition.len(), Ordering::Relaxed) + partition.len(), total);
                played
            })
            .collect();
        played.into_iter().for_each(|played| sums.add(played));
    }
    if sums.n_item_locations == 0 {
        return Err(SimulateError::NothingToPlay { as_of });
    }
    if let Some(idx) = sums.n_matched.iter().position(|n| *n == 0) {
        let shock = options.shocks[idx].to_string();
        return Err(SimulateError::ShockMatchesNothing { shock, n_item_locations: sums.n_item_locations });
    }
    Ok(sums.report(&context, as_of, to))
}

fn new_context<'a>(
    builder: &'a UnitBuilder<'a>,
    lanes: &'a LaneIndex<'a>,
    forecaster: &'a dyn Forecaster,
    (dataset, settings, options): (&'a Dataset, &'a PlanSettings, &'a SimulateOptions),
) -> Context<'a> {
    let n_scenarios = if options.shocks.is_empty() { 1 } else { 2 };
    let volumes =
        options.volumes.then(|| Volumes::new(n_scenarios, dataset.locations.len(), options.n_days, options.n_paths));
    Context {
        dataset,
        settings,
        options,
        builder,
        lanes,
        forecaster,
        start: builder.history.as_of(),
        n_periods: options.n_days,
        n_scenarios,
        volumes,
    }
}

/// Results over all partitions so far.
struct Sums {
    n_item_locations: usize,
    n_matched: Vec<usize>,
    costs_assumed: bool,
    n_stock_assumed: usize,
    has_transfers: bool,
    has_components: bool,
    unplanned: Vec<crate::plan::Unplanned>,
    scenarios: Vec<ScenarioSums>,
}

/// One scenario over all partitions so far.
struct ScenarioSums {
    /// `[n_paths]`.
    total: Vec<KpiSums>,
    /// By location: item-locations and `[n_paths]`.
    locations: BTreeMap<String, (usize, Vec<KpiSums>)>,
    lines: Vec<SimulatedLine>,
    /// `[n_periods × n_paths]`: stock value at the end of a period.
    stock_value: Vec<f64>,
    /// `[n_points × n_paths]`: sold and wanted by customers, base units.
    service: Vec<(f64, f64)>,
}

impl Sums {
    fn new(context: &Context<'_>) -> Self {
        let n_paths = context.options.n_paths;
        let scenarios = (0..context.n_scenarios).map(|_| ScenarioSums {
            total: vec![KpiSums::default(); n_paths],
            locations: BTreeMap::new(),
            lines: Vec::new(),
            stock_value: vec![0.0; context.n_periods * n_paths],
            service: vec![(0.0, 0.0); context.n_points() * n_paths],
        });
        Self {
            n_item_locations: 0,
            n_matched: vec![0; context.options.shocks.len()],
            costs_assumed: false,
            n_stock_assumed: 0,
            has_transfers: false,
            has_components: false,
            unplanned: Vec::new(),
            scenarios: scenarios.collect(),
        }
    }

    fn add(&mut self, played: Played) {
        self.n_item_locations += played.n_item_locations;
        self.costs_assumed |= played.costs_assumed;
        self.n_stock_assumed += played.n_stock_assumed;
        self.has_transfers |= played.has_transfers;
        self.has_components |= played.has_components;
        self.unplanned.extend(played.unplanned);
        for (sum, n) in self.n_matched.iter_mut().zip(played.n_matched) {
            *sum += n;
        }
        for (sums, played) in self.scenarios.iter_mut().zip(played.scenarios) {
            for (sum, part) in sums.total.iter_mut().zip(&played.total) {
                sum.merge(part);
            }
            for (location, n_item_locations, paths) in played.locations {
                let (n, sum) =
                    sums.locations.entry(location).or_insert_with(|| (0, vec![KpiSums::default(); paths.len()]));
                *n += n_item_locations;
                sum.iter_mut().zip(&paths).for_each(|(sum, part)| sum.merge(part));
            }
            sums.lines.extend(played.lines);
            sums.stock_value.iter_mut().zip(&played.stock_value).for_each(|(sum, part)| *sum += part);
            for (sum, part) in sums.service.iter_mut().zip(&played.service) {
                sum.0 += part.0;
                sum.1 += part.1;
            }
        }
    }

    fn report(self, context: &Context<'_>, from: Day, to: Day) -> SimulationReport {
        let Context { start, n_periods, options, settings, .. } = *context;
        let n_days = n_periods as f64;
        let notes = self.notes(context);
        let paths_of = |sums: &[KpiSums]| sums.iter().map(|sums| sums.kpis(n_days)).collect::<Vec<Kpis>>();
        let totals: Vec<Vec<Kpis>> = self.scenarios.iter().map(|sums| paths_of(&sums.total)).collect();
        let difference = (totals.len() == 2).then(|| KpiEstimates::difference(&totals[0], &totals[1]));
        let scenarios = self.scenarios.into_iter().zip(&totals).zip(["baseline", "shock"]).enumerate();
        let scenarios = scenarios.map(|(number, ((mut sums, total), name))| {
            sums.lines.sort_by(|a, b| {
                b.lost_margin
                    .mean
                    .total_cmp(&a.lost_margin.mean)
                    .then_with(|| (&a.item_id, &a.location_id).cmp(&(&b.item_id, &b.location_id)))
            });
            ScenarioResult {
                name: name.to_owned(),
                kpis: KpiEstimates::of(total),
                locations: sums
                    .locations
                    .iter()
                    .map(|(location_id, (n_item_locations, paths))| LocationResult {
                        location_id: location_id.clone(),
                        n_item_locations: *n_item_locations,
                        kpis: KpiEstimates::of(&paths_of(paths)),
                    })
                    .collect(),
                volumes: context
                    .volumes
                    .as_ref()
                    .map_or_else(Vec::new, |volumes| volumes.report(number, context.dataset, start)),
                lines: sums.lines,
                stock_value: sums
                    .stock_value
                    .chunks_exact_mut(options.n_paths)
                    .enumerate()
                    .map(|(t, values)| {
                        let mean = values.iter().sum::<f64>() / values.len() as f64;
                        values.sort_unstable_by(f64::total_cmp);
                        let quantiles = [0.05, 0.25, 0.5, 0.75, 0.95].map(|level| quantile(values, level));
                        FanPoint { day: start.plus(t as i32), mean, quantiles }
                    })
                    .collect(),
                service: sums
                    .service
                    .chunks_exact(options.n_paths)
                    .enumerate()
                    .map(|(point, paths)| {
                        let wanted = paths.iter().filter(|(_, demand)| *demand > 0.0);
                        ServicePoint {
                            day: start.plus((point * POINT_DAYS) as i32),
                            fill_rate: Estimate::of(wanted.map(|(sold, demand)| sold / demand).collect()),
                        }
                    })
                    .collect(),
            }
        });
        let mut unplanned = self.unplanned;
        unplanned.sort_by(|a, b| (&a.item_id, &a.location_id).cmp(&(&b.item_id, &b.location_id)));
        SimulationReport {
            from,
            to,
            bucket: Bucket::Day,
            n_periods,
            n_paths: options.n_paths,
            n_item_locations: self.n_item_locations,
            unplanned,
            forecaster: context.forecaster.name().to_owned(),
            currency: settings.currency.clone(),
            costs_assumed: self.costs_assumed,
            seed: settings.seed,
            shocks: options.shocks.iter().map(Shock::describe).collect(),
            scenarios: scenarios.collect(),
            difference,
            notes,
        }
    }

    /// What is taken for granted.
    fn notes(&self, context: &Context<'_>) -> Vec<Note> {
        let mut notes = Vec::new();
        let mut note = |en: &str, zh: &str| notes.push(Note { en: en.to_owned(), zh: zh.to_owned() });
        note(
            "the forecast is made once, on the first day, for all days; later orders react to the stock that demand leaves \
             behind, not to what a new forecast would say",
            "预测仅在第一天做一次并覆盖全部天数；之后的订货只对需求留下的库存作出反应，不会重新预测",
        );
        note(
            "orders follow the plan's policy and rules on its order days; those of the first day are the plan's own",
            "订货在订货日遵循计划的策略与规则；第一天的订货即计划的订货",
        );
        note(
            "lead times are drawn from what receipts tell; suppliers deliver in full; demand not met is lost; demands of \
             different item-locations are independent",
            "提前期取自收货记录的分布；供应商足量交货；未满足的需求视为流失；不同商品-地点的需求相互独立",
        );
        note(
            "budgets, containers and minimums over several items are not applied",
            "不考虑跨商品的预算、装箱与最低订购额",
        );
        if !context.options.shocks.is_empty() {
            note(
                "forecast and orders do not know of the shock in advance; both columns use the same random numbers, so \
                 their difference is the shock's alone",
                "预测与订货事先不知道冲击；两列使用相同的随机数，其差异仅来自冲击",
            );
        }
        if self.has_transfers {
            note(
                "a location that is short shares what it has among those it supplies, and they ask again for the rest, \
                 which counts once; totals count customers' demand only, a location's own row counts what it sends on as \
                 well",
                "供货地点库存不足时按计划的规则分配，未发出的部分会再次请求，仅计一次；合计仅计顾客需求，各地点行另含其调拨发出的数量",
            );
        }
        if self.has_components {
            note(
                "components used count as demand where the component is; production does not wait for missing components",
                "组件用量计为组件所在地点的需求；生产不会因缺少组件而等待",
            );
        }
        if self.n_stock_assumed > 0 {
            let n = self.n_stock_assumed;
            let en = format!("the stock of {n} item-locations is not known and assumed as in a plan");
            note(&en, &format!("{n} 个商品-地点的库存未知，按计划的方式假设"));
        }
        if self.costs_assumed {
            note(
                "some costs and prices are not known; money is counted with an assumed margin",
                "部分成本或价格未知，金额按假定毛利计算",
            );
        }
        notes
    }
}
