//! Safety stock placement on the supply chains of Willems (2008, "Real-world multiechelon supply chains used for
//! inventory optimization", *MSOM* 10(1)): `cargo test --release --test willems_2008 -- --nocapture` prints the costs.
//!
//! The chains may not be shipped; they are read from the folder in `RESTOCK_SHARED`, and skipped without it. Stage times
//! are rounded up to whole days and taken as certain; costs are those of a unit and day at a holding rate of 1.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use restock_inventory::guaranteed_service::{ChainDemand, ChainStage, SearchLimits, ServiceNetwork};

fn folder() -> Option<PathBuf> {
    let shared = std::env::var("RESTOCK_SHARED").unwrap_or_else(|_| "../shared".to_owned());
    let folder = Path::new(&shared).join("data/willems_2008");
    folder.join("stages.parquet").exists().then_some(folder)
}

type Record = HashMap<String, Field>;

fn records(path: &Path) -> Vec<Record> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    rows.map(|row| row.unwrap().get_column_iter().map(|(name, field)| (name.clone(), field.clone())).collect())
        .collect()
}

fn number(record: &Record, name: &str) -> Option<f64> {
    match &record[name] {
        Field::Double(value) if value.is_nan() => None,
        Field::Double(value) => Some(*value),
        Field::Byte(value) => Some(f64::from(*value)),
        Field::Int(value) => Some(f64::from(*value)),
        Field::Null => None,
        other => panic!("{name} is {other}"),
    }
}

fn network(folder: &Path, chain: f64) -> ServiceNetwork {
    let stages: Vec<Record> =
        records(&folder.join("stages.parquet")).into_iter().filter(|row| number(row, "chain") == Some(chain)).collect();
    let idx: HashMap<String, usize> =
        stages.iter().enumerate().map(|(idx, row)| (row["stage"].to_string(), idx)).collect();
    let links: Vec<(usize, usize)> = records(&folder.join("links.parquet"))
        .iter()
        .filter(|row| number(row, "chain") == Some(chain))
        .map(|row| (idx[&row["source"].to_string()], idx[&row["dest"].to_string()]))
        .collect();
    let stages: Vec<ChainStage> = stages
        .iter()
        .map(|row| ChainStage {
            processing_time: (number(row, "stage_time").unwrap_or(0.0) - 1e-9).ceil().max(0.0) as usize,
            cost_added: number(row, "cost").unwrap(),
            demand: number(row, "std_demand").map(|std_dev| ChainDemand {
                std_dev,
                service_level: number(row, "service_level").unwrap(),
                max_service_time: number(row, "max_service_time").unwrap() as usize,
            }),
        })
        .collect();
    ServiceNetwork::from_chain(&stages, &links, 1.0).unwrap()
}

fn report(
    chain: f64,
    network: &ServiceNetwork,
    limits: &SearchLimits,
) -> restock_inventory::guaranteed_service::Placement {
    let begin = Instant::now();
    let placement = network.optimum(limits);
    let n_stocked = placement.safety_stock.iter().filter(|stock| **stock > 0.0).count();
    // Printed for the reader of `--nocapture`.
    #[allow(clippy::print_stdout)]
    {
        println!(
            "chain {chain}: {} stages, {} links, cost {:.2}, proven {:.2}, gap {:.4} %, {n_stocked} stages hold stock, {} nodes, {:.2?}",
            network.stages().len(),
            network.links().len(),
            placement.cost,
            placement.lower_bound,
            100.0 * placement.gap(),
            placement.n_nodes,
            begin.elapsed(),
        );
    }
    placement
}

/// Costs computed independently: chain 0, a tree, with stockpyl 1.0.2; the others as mixed-integer programmes with a
/// binary per stage and net replenishment time, solved to proven optimality by HiGHS. Chains 1 to 7 are no trees.
#[test]
#[allow(clippy::print_stdout)]
fn placements_cost_what_independent_solvers_find() {
    let Some(folder) = folder() else {
        println!("skipped: data/willems_2008 is not in RESTOCK_SHARED");
        return;
    };
    for (chain, cost) in [
        (0.0, 19_086.608686026153),
        (1.0, 19_824.827247565536),
        (3.0, 13_726_689.47961492),
        (5.0, 3_785_654.2981107756),
        (7.0, 10_433_080.843981173),
        (9.0, 2_398_394.858148228),
    ] {
        let placement = report(chain, &network(&folder, chain), &SearchLimits::default());
        assert!((placement.cost / cost - 1.0).abs() < 1e-9, "chain {chain}: {}, independently {cost}", placement.cost);
        assert!(placement.gap() < 1e-8);
    }
}

/// Every chain gets a placement with a proven bound; the largest, of 1,479 stages and 2,069 links, the optimum. The bound
/// is weakest for chain 27, 2.97 % at the root: 3 % guards it against getting weaker, it is no claim about the cost.
#[test]
#[ignore = "minutes for the chains that need many nodes"]
#[allow(clippy::print_stdout)]
fn every_chain_is_placed() {
    let Some(folder) = folder() else {
        println!("skipped: data/willems_2008 is not in RESTOCK_SHARED");
        return;
    };
    let limits = SearchLimits { n_nodes_max: 20, ..SearchLimits::default() };
    for chain in (0..1).chain((1..38).step_by(2)) {
        let chain = f64::from(chain);
        let placement = report(chain, &network(&folder, chain), &limits);
        assert!(
            placement.lower_bound <= placement.cost && placement.gap() < 0.03,
            "chain {chain}: {}",
            placement.gap()
        );
        assert!(chain < 37.0 || placement.gap() < 1e-8);
    }
}
