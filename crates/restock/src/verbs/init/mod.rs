//! `restock init`: a project folder with settings and a few sample files to replace.

mod templates;

use std::fmt::Write;
use std::path::Path;

use restock_core::Day;
use serde_json::json;

use crate::cli::{InitArgs, Template};
use crate::error::CliError;
use crate::i18n::Text;
use crate::project::{shell_word, write_file};
use crate::session::{Output, Session};

use templates::{ItemSample, Sample, Source, sample};

pub(crate) fn run(session: &Session, args: &InitArgs) -> Result<Output, CliError> {
    let dir = &args.dir;
    let template = name_of(args.template);
    let files = create(session, dir, args.template)?;
    if session.json {
        return Output::json(&json!({ "template": template, "files": files }));
    }
    let mut text = format!("{}\n", session.fill(Text::InitDone, &[&dir.display(), &template]));
    for file in files {
        let _ = writeln!(text, "  {file}");
    }
    let _ = write!(text, "\n{}\n  ", session.bold(session.text(Text::NextSteps)));
    text.push_str(&session.fill(Text::InitNext, &[&shell_word(&dir.display().to_string())]));
    text.push('\n');
    Ok(Output::text(text))
}

/// The name of a template on the command line.
pub(crate) fn name_of(template: Template) -> String {
    clap::ValueEnum::to_possible_value(&template).expect("no template is hidden").get_name().to_owned()
}

/// Makes a project in a folder that has none, and returns the files that were written.
///
/// # Errors
/// Where there is a project already, or nothing can be written.
pub(crate) fn create(session: &Session, dir: &Path, template: Template) -> Result<Vec<String>, CliError> {
    let config = dir.join("restock.toml");
    if config.exists() {
        return Err(CliError::usage(format!("{} exists already", config.display()))
            .hint("choose another folder, or edit that file"));
    }
    let sample = sample(template);
    // A folder may be named in other ways than by its name, such as `.`.
    let full = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let name = full.file_name().map_or_else(|| "shop".to_owned(), |name| name.to_string_lossy().into_owned());
    let mut written = vec![(config, settings_text(&name, &sample))];
    if template != Template::Blank {
        let today = session.as_of.unwrap_or(session.today);
        written.extend(tables(&sample, today).into_iter().map(|(file, text)| (dir.join("data").join(file), text)));
    }
    for (path, text) in &written {
        write_file(path, text)?;
    }
    if template == Template::Blank {
        let data = dir.join("data");
        std::fs::create_dir_all(&data)
            .map_err(|error| CliError::usage(format!("cannot make {}: {error}", data.display())))?;
    }
    Ok(written.iter().map(|(path, _)| path.display().to_string()).collect())
}

fn settings_text(name: &str, sample: &Sample) -> String {
    let name = toml::Value::String(name.to_owned());
    let bucket = format!("\"{}\"", sample.bucket);
    format!(
        "# Every setting, its default and meaning: restock config explain\n\n[project]\nname = {name}\n\
         currency = \"EUR\"\nbucket = {bucket:<21} # day|week|month\n\n[data]\npath = \"data\"                  \
         # files named by table: sales, inventory, items, suppliers, sources\nmissing_sales = \"zero\"         # \
         zero|unknown|closed\n\n{}",
        sample.settings
    )
}

/// The sample tables: each item sells around its mean, and of what recipes take there is some in stock.
fn tables(sample: &Sample, today: Day) -> Vec<(&'static str, String)> {
    let mut random = Random(u64::from(today.0.unsigned_abs()).wrapping_mul(0x9E37_79B9) ^ sample.items.len() as u64);
    let mut sales = "date,location_id,item_id,quantity\n".to_owned();
    let lots = if sample.has_lots { ",lot_id,expiry" } else { "" };
    let mut inventory = format!("item_id,location_id,on_hand,as_of{lots}\n");
    let mut items = "item_id,name,base_uom,unit_cost,price,shelf_life_days".to_owned();
    if let Some((column, _)) = sample.extra {
        let _ = write!(items, ",{column}");
    }
    items.push('\n');
    let mut sources = "item_id,to_location,supplier_id,from_location,lead_time_days,pack_size\n".to_owned();
    // Counted in the evening of the last open day.
    let open = |day: &Day| sample.weekdays[day.weekday_idx()] > 0.0;
    let counted_on = (1..=7).map(|back| today.plus(-back)).find(open).unwrap_or(today.plus(-1));
    for (item_idx, item) in sample.items.iter().enumerate() {
        let ItemSample { id, name, uom, cost, price, pack, mean, .. } = item;
        let shelf_life = if item.shelf_life > 0 { item.shelf_life.to_string() } else { String::new() };
        let _ = write!(items, "{id},{name},{uom},{cost},{price},{shelf_life}");
        if let Some((_, values)) = sample.extra {
            let _ = write!(items, ",{}", values[item_idx]);
        }
        items.push('\n');
        let places = sample.locations.iter().enumerate().filter(|(_, place)| item.at.is_empty() || item.at == place.0);
        for (location_idx, (location, _, _, share)) in places {
            let lead_time = match item.source {
                Source::Supplier(supplier) => {
                    let supplier = &sample.suppliers[supplier];
                    let _ = writeln!(sources, "{id},{location},{},,{},{pack}", supplier.id, supplier.lead_time_days);
                    supplier.lead_time_days
                }
                Source::Place(from, days) => {
                    let _ = writeln!(sources, "{id},{location},,{from},{days},{pack}");
                    days
                }
                // From a place to itself: what is made there.
                Source::MadeAhead(days) => {
                    let _ = writeln!(sources, "{id},{location},,{location},{days},{pack}");
                    days
                }
                Source::Made => 0,
            };
            for day in (1..=sample.n_days).rev().map(|back| today.plus(-back)).filter(|_| *mean > 0.0) {
                let season = (sample.season)(day, today);
                let quantity = random.poisson(mean * share * sample.weekdays[day.weekday_idx()] * season);
                let days_ago = today.0 - day.0;
                let sold_out = sample.sold_out == Some(item_idx) && location_idx == 0 && (30..39).contains(&days_ago);
                if quantity > 0 && !sold_out {
                    let _ = writeln!(sales, "{day},{location},{id},{quantity}");
                }
            }
            if item.source == Source::Made {
                continue;
            }
            let used = usage(sample, id) * share * (sample.season)(today, today);
            // No more than keeps, and at least one of what hardly moves.
            let keeps = if item.shelf_life > 0 { f64::from(item.shelf_life) } else { f64::INFINITY };
            let on_hand = used * (f64::from(lead_time) + 4.0).min(keeps) * (0.3 + random.uniform());
            let on_hand = if used < 0.1 { on_hand.max(1.0) } else { on_hand };
            // Weighed and poured goods are counted to a tenth.
            let on_hand = match *uom {
                "kg" | "l" | "m" if used < 100.0 => (on_hand * 10.0).round() / 10.0,
                _ => on_hand.round(),
            };
            let _ = match (sample.has_lots, item.shelf_life) {
                (false, _) => writeln!(inventory, "{id},{location},{on_hand},{counted_on}"),
                (true, 0) => writeln!(inventory, "{id},{location},{on_hand},{counted_on},,"),
                (true, days) => {
                    // A third is nearly over, and goes out first.
                    let (days, old) = (days as i32, (on_hand / 3.0).ceil());
                    let [soon, late] = [days / 15, days * 3 / 5].map(|left| today.plus(left));
                    writeln!(
                        inventory,
                        "{id},{location},{old},{counted_on},{id}-1,{soon}\n{id},{location},{},{counted_on},{id}-2,{late}",
                        on_hand - old
                    )
                }
            };
        }
    }
    let mut locations = "location_id,name,kind\n".to_owned();
    for (location, name, kind, _) in sample.locations {
        let _ = writeln!(locations, "{location},{name},{kind}");
    }
    let mut suppliers = "supplier_id,name,order_days,cut_off,min_order_value\n".to_owned();
    for supplier in sample.suppliers {
        let templates::SupplierSample { id, name, order_days, cut_off, min_order_value, .. } = supplier;
        let _ = writeln!(suppliers, "{id},{name},{order_days},{cut_off},{min_order_value}");
    }
    let mut tables = vec![
        ("sales.csv", sales),
        ("inventory.csv", inventory),
        ("items.csv", items),
        ("locations.csv", locations),
        ("suppliers.csv", suppliers),
        ("sources.csv", sources),
    ];
    if !sample.recipes.is_empty() {
        let mut bom = "parent_id,component_id,qty_per,yield,scrap\n".to_owned();
        for (parent, component, quantity, yield_share, scrap) in sample.recipes {
            let _ = writeln!(bom, "{parent},{component},{quantity},{yield_share},{scrap}");
        }
        tables.push(("bom.csv", bom));
    }
    tables.extend((sample.more)(today));
    tables
}

/// What is sold and used of an item on a usual day.
fn usage(sample: &Sample, id: &str) -> f64 {
    let own: f64 = sample.items.iter().filter(|item| item.id == id).map(|item| item.mean).sum();
    let share = |text: &str, otherwise| text.parse().unwrap_or(otherwise);
    let rows = sample.recipes.iter().filter(|row| row.1 == id);
    own + rows
        .map(|(parent, _, quantity, yield_share, scrap)| {
            usage(sample, parent) * share(quantity, 0.0) / share(yield_share, 1.0) / (1.0 - share(scrap, 0.0))
        })
        .sum::<f64>()
}

/// SplitMix64 (Steele, Lea & Flood, 2014): enough for sample files.
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Knuth's product method in steps of at most 30, because exp(-mean) vanishes for large means.
    fn poisson(&mut self, mean: f64) -> u32 {
        let (mut rest, mut count) = (mean, 0);
        while rest > 0.0 {
            let limit = (-rest.min(30.0)).exp();
            let mut product = self.uniform();
            while product > limit {
                product *= self.uniform();
                count += 1;
            }
            rest -= 30.0;
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use restock_core::settings::Lang;

    #[test]
    fn every_template_writes_settings_that_read_back_and_tables_with_rows() {
        use clap::ValueEnum;
        for template in Template::value_variants() {
            let sample = sample(*template);
            let text = settings_text("a \"quoted\" name", &sample);
            let config = Config::parse(&text, Path::new("restock.toml"))
                .unwrap_or_else(|e| panic!("{}", e.render(false, Lang::En)));
            assert_eq!(config.name, "a \"quoted\" name");
            let today: Day = "2026-03-02".parse().unwrap();
            let (first, again) = (tables(&sample, today), tables(&sample, today));
            assert_eq!(first, again, "same day, same files");
            for (file, text) in first {
                assert!(text.lines().count() > 1, "{file} has rows");
                let columns = text.lines().next().unwrap().matches(',').count();
                assert!(text.lines().all(|line| line.matches(',').count() == columns), "{file} is rectangular");
            }
        }
    }

    #[test]
    fn sample_demand_has_the_mean_it_should() {
        let mut random = Random(7);
        let mean = (0..4000).map(|_| f64::from(random.poisson(45.0))).sum::<f64>() / 4000.0;
        // Standard error 0.106; five of them.
        assert!((mean - 45.0).abs() < 0.53, "{mean}");
    }
}
