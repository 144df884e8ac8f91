//! `restock demo`: a generated chain, written as files, read back, planned and shown.

use restock_inventory::retail_simulator::{ChainConfig, chain};
use restock_store::write::Format;

use crate::cli::{DataArgs, DemoArgs, PlanningArgs};
use crate::error::CliError;
use crate::format;
use crate::i18n::Text;
use crate::project::{Project, Repeated, write_file};
use crate::session::{Output, Session};
use crate::verbs::plan::{N_DETAILS, PlanJson, open_in_browser, plan_loaded, plan_text, write_plan};

/// Chains above this are written as Parquet; below, as CSV that people can look into.
const N_CSV_MAX: u32 = 2_000;

pub(crate) fn run(session: &Session, args: &DemoArgs) -> Result<Output, CliError> {
    let out = &args.out;
    if out.exists() && !out.join("restock.toml").is_file() {
        return Err(CliError::usage(format!("{} exists and is not a demo", out.display()))
            .hint("name another folder with --out"));
    }
    let mut config = if args.items <= N_CSV_MAX {
        let n_stores = if args.items < 3 { args.items as usize } else { 3 };
        ChainConfig { n_items: (args.items as usize).div_ceil(n_stores), n_stores, ..ChainConfig::example_shop() }
    } else {
        ChainConfig::with_item_locations(args.items as usize)
    };
    if let Some(as_of) = session.as_of {
        config.last_day = as_of.plus(-1);
    }
    let progress = session.progress(session.text(Text::Generating));
    progress.set(0, 0);
    let dataset = chain(&config, args.seed);
    let data = out.join("data");
    // Files of an earlier demo would be read along with the new ones.
    if data.is_dir() {
        std::fs::remove_dir_all(&data)
            .map_err(|error| CliError::usage(format!("cannot replace {}: {error}", data.display())))?;
    }
    let failed = |error: &dyn std::fmt::Display| CliError::usage(format!("cannot write {}: {error}", data.display()));
    std::fs::create_dir_all(&data).map_err(|error| failed(&error))?;
    let format = if args.items <= N_CSV_MAX { Format::Csv } else { Format::Parquet };
    restock_store::write::dataset(&dataset, &data, format).map_err(|error| failed(&error))?;
    drop(progress);
    let settings = "# A generated chain; no real company is behind it.\n\n[project]\nname = \"demo\"\ncurrency = \"EUR\"\n\n\
                    [objective]\nmode = \"service\"\nservice = { type = \"fill_rate\", target = 0.98 }\n";
    write_file(&out.join("restock.toml"), settings)?;
    let title = session.fill(
        Text::DemoTitle,
        &[&format::count(dataset.items.len()), &format::count(dataset.locations.len()), &config.n_days, &args.seed],
    );
    drop(dataset);

    let in_demo = Session { project: Some(out.clone()), ..session.clone() };
    let project = Project::open(&in_demo, &DataArgs::default())?;
    let loaded = project.load(&in_demo)?;
    let planned = plan_loaded(&in_demo, loaded, true, N_DETAILS)?;
    let folder = project.default_out();
    let files = write_plan(&in_demo, &planned, &folder)?;
    if args.open {
        open_in_browser(&folder.join("report.html"));
    }
    if session.json {
        return Output::json(&PlanJson::new(&planned, &files));
    }
    let repeated = Repeated::new(&in_demo, &DataArgs::default(), &PlanningArgs::default());
    let mut text = format!("{title}\n{}\n\n", session.dim(session.text(Text::DemoNote)));
    text.push_str(&plan_text(&in_demo, &planned, 15, Some(&folder), &files, &repeated));
    Ok(Output::text(text))
}
