//! Times a plan of a simulated chain: `cargo run --release -p restock-engine --example plan_chain -- 3000 auto`.

use std::time::Instant;

use restock_core::settings::PlanSettings;
use restock_inventory::retail_simulator::{ChainConfig, chain};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let n: usize = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(3_000);
    let model = arguments.next().unwrap_or_else(|| "weighted_quantiles".to_owned());
    let start = Instant::now();
    let dataset = chain(&ChainConfig::with_item_locations(n), 42);
    let mut out = vec![format!("generated {} sales rows in {:.1?}", dataset.sales.len(), start.elapsed())];
    let settings = PlanSettings { forecast_model: model.clone(), ..PlanSettings::default() };
    let forecaster = restock_forecast::forecaster(&model).expect("a model name");
    let start = Instant::now();
    let plan = restock_engine::plan(&dataset, &settings, forecaster.as_ref(), &|_, _| {});
    let elapsed = start.elapsed();
    out.push(format!(
        "{} lines, {} proposals, {} exceptions in {elapsed:.1?}: {:.2} ms an item-location",
        plan.lines.len(),
        plan.proposals.len(),
        plan.exceptions.len(),
        elapsed.as_secs_f64() * 1e3 / plan.lines.len().max(1) as f64
    ));
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    out.extend(status.lines().find(|line| line.starts_with("VmHWM")).map(str::to_owned));
    std::io::Write::write_all(&mut std::io::stdout(), (out.join("\n") + "\n").as_bytes()).expect("stdout is open");
}
