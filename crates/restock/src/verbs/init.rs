//! `restock init`: a project folder with settings and a few sample files to replace.

use std::fmt::Write;

use restock_core::Day;
use serde_json::json;

use crate::cli::{InitArgs, Template};
use crate::error::CliError;
use crate::i18n::Text;
use crate::project::{shell_word, write_file};
use crate::session::{Output, Session};

/// Days of sample sales.
const N_DAYS: i32 = 120;

/// What a template fills a project with.
struct Sample {
    /// `[objective]`, `[policy]` and segments.
    settings: &'static str,
    /// `location_id, name, kind, share of demand`.
    locations: &'static [(&'static str, &'static str, &'static str, f64)],
    /// `supplier_id, name, order days, minimum order value, lead time in days`.
    suppliers: &'static [(&'static str, &'static str, &'static str, &'static str, u32)],
    /// `item_id, name, supplier, unit, unit cost, price, pack, shelf life in days (0 = none), mean demand a day`.
    items: &'static [ItemSample],
    /// Share of the week's demand by weekday, Monday first, times seven.
    weekdays: [f64; 7],
    /// Name and values by item of one more column of items, such as `ven`.
    extra: Option<(&'static str, &'static [&'static str])>,
}

type ItemSample = (&'static str, &'static str, usize, &'static str, &'static str, &'static str, u32, u32, f64);

fn sample(template: Template) -> Sample {
    match template {
        Template::Retail | Template::Blank => Sample {
            settings: "[objective]\nmode = \"service\"\nservice = { type = \"fill_rate\", target = 0.98 }\n",
            locations: &[("S01", "Market Street", "store", 1.0), ("S02", "Station", "store", 0.6)],
            suppliers: &[("DAIRY", "Valley Dairy", "mon wed fri", "50", 2), ("DRY", "Dry Goods Ltd", "tue", "100", 5)],
            items: &[
                ("MILK-1L", "Milk 1 l", 0, "each", "0.78", "1.19", 12, 9, 22.0),
                ("YOG-500", "Yoghurt 500 g", 0, "each", "0.95", "1.59", 6, 21, 9.0),
                ("BUTTER-250", "Butter 250 g", 0, "each", "1.70", "2.49", 10, 60, 6.0),
                ("RICE-1KG", "Rice 1 kg", 1, "each", "1.10", "1.99", 8, 0, 4.0),
                ("COFFEE-500", "Coffee 500 g", 1, "each", "4.20", "6.99", 6, 0, 3.0),
                ("CANDLE", "Candle", 1, "each", "0.60", "1.49", 24, 0, 0.4),
            ],
            weekdays: [0.85, 0.85, 0.9, 1.0, 1.2, 1.4, 0.8],
            extra: None,
        },
        Template::Ecommerce => Sample {
            settings: "[objective]\nmode = \"economics\"          # lost margin against holding cost\norder_cost = 12.0\n",
            locations: &[("WEB", "Web warehouse", "dc", 1.0)],
            suppliers: &[("FAR", "Overseas Trading", "fri", "2000", 35), ("NEAR", "Local Print", "mon thu", "0", 6)],
            items: &[
                ("TEE-BLK-M", "T-shirt black M", 1, "each", "4.10", "19.90", 10, 0, 7.0),
                ("TEE-BLK-L", "T-shirt black L", 1, "each", "4.10", "19.90", 10, 0, 6.0),
                ("MUG-01", "Mug", 0, "each", "2.20", "12.90", 36, 0, 4.0),
                ("LAMP-7", "Desk lamp", 0, "each", "11.50", "39.00", 8, 0, 1.5),
                ("CABLE-2M", "Cable 2 m", 0, "each", "0.90", "7.90", 50, 0, 9.0),
            ],
            weekdays: [1.15, 1.0, 1.0, 0.95, 0.85, 0.9, 1.15],
            extra: None,
        },
        Template::Medical => Sample {
            settings: "[objective]\nmode = \"service\"\nservice = { type = \"in_stock\", target = 0.97 }\n\n\
                       [[segment]]                    # vital items\nwhere = \"item.ven == 'V'\"\n\
                       service = { type = \"cycle\", target = 0.995 }\n",
            locations: &[("WARD-A", "Ward A", "ward", 1.0), ("WARD-B", "Ward B", "ward", 0.7)],
            suppliers: &[("CMS", "Central medical store", "mon", "0", 10)],
            items: &[
                ("OXYTOCIN-10", "Oxytocin 10 IU", 0, "ampoule", "0.35", "0.35", 10, 540, 5.0),
                ("AMOX-500", "Amoxicillin 500 mg", 0, "capsule", "0.04", "0.04", 100, 720, 60.0),
                ("GLOVES-M", "Gloves M", 0, "pair", "0.06", "0.06", 50, 0, 80.0),
                ("SYR-5ML", "Syringe 5 ml", 0, "each", "0.05", "0.05", 100, 0, 35.0),
                ("SNAKE-AV", "Antivenom", 0, "vial", "48.00", "48.00", 1, 900, 0.08),
            ],
            weekdays: [1.1, 1.1, 1.1, 1.05, 1.05, 0.8, 0.8],
            extra: Some(("ven", &["V", "E", "E", "E", "V"])),
        },
        Template::Restaurant => Sample {
            settings: "[objective]\nmode = \"economics\"          # margin against waste\n\n[planning]\n\
                       default_review_days = 1.0\ndefault_lead_time_days = 1.0\n",
            locations: &[("KITCHEN", "Kitchen", "store", 1.0)],
            suppliers: &[
                ("MARKET", "Market hall", "mon tue wed thu fri sat", "40", 1),
                ("CASH", "Cash & carry", "tue fri", "0", 1),
            ],
            items: &[
                ("TOMATO", "Tomatoes", 0, "kg", "2.10", "9.00", 1, 6, 7.5),
                ("SALMON", "Salmon fillet", 0, "kg", "17.50", "42.00", 1, 3, 3.2),
                ("CREAM-1L", "Cream 1 l", 1, "each", "2.90", "8.00", 6, 14, 5.0),
                ("PASTA-5KG", "Pasta 5 kg", 1, "each", "7.40", "60.00", 2, 0, 1.1),
                ("BASIL", "Basil", 0, "bunch", "0.90", "4.00", 5, 4, 6.0),
            ],
            weekdays: [0.7, 0.75, 0.85, 1.0, 1.35, 1.5, 0.85],
            extra: None,
        },
        Template::Manufacturing => Sample {
            settings: "[objective]\nmode = \"service\"\nservice = { type = \"cycle\", target = 0.97 }\norder_cost = 45.0\n",
            locations: &[("PLANT", "Plant", "plant", 1.0)],
            suppliers: &[("STEEL", "Steel Works", "mon", "1500", 28), ("FASTEN", "Fasteners Inc", "mon thu", "100", 9)],
            items: &[
                ("SHEET-2MM", "Steel sheet 2 mm", 0, "each", "38.00", "38.00", 10, 0, 6.0),
                ("TUBE-40", "Tube 40 mm", 0, "m", "6.20", "6.20", 6, 0, 24.0),
                ("BOLT-M8", "Bolt M8", 1, "each", "0.06", "0.06", 500, 0, 310.0),
                ("SEAL-32", "Seal 32", 1, "each", "1.15", "1.15", 50, 0, 12.0),
                ("BEARING-6", "Bearing 6204", 1, "each", "3.40", "3.40", 20, 0, 2.5),
            ],
            weekdays: [1.4, 1.4, 1.4, 1.4, 1.4, 0.0, 0.0],
            extra: None,
        },
    }
}

pub(crate) fn run(session: &Session, args: &InitArgs) -> Result<Output, CliError> {
    let dir = &args.dir;
    let config = dir.join("restock.toml");
    if config.exists() {
        return Err(CliError::usage(format!("{} exists already", config.display()))
            .hint("choose another folder, or edit that file"));
    }
    let template = clap::ValueEnum::to_possible_value(&args.template).expect("no template is hidden");
    let template = template.get_name();
    let sample = sample(args.template);
    let name = dir.file_name().map_or_else(|| "shop".to_owned(), |name| name.to_string_lossy().into_owned());
    let mut written = vec![(config, settings_text(&name, &sample))];
    if args.template != Template::Blank {
        let today = session.as_of.unwrap_or(session.today);
        written.extend(tables(&sample, today).map(|(file, text)| (dir.join("data").join(file), text)));
    }
    for (path, text) in &written {
        write_file(path, text)?;
    }
    if args.template == Template::Blank {
        let data = dir.join("data");
        std::fs::create_dir_all(&data)
            .map_err(|error| CliError::usage(format!("cannot make {}: {error}", data.display())))?;
    }
    let files: Vec<String> = written.iter().map(|(path, _)| path.display().to_string()).collect();
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

fn settings_text(name: &str, sample: &Sample) -> String {
    let name = toml::Value::String(name.to_owned());
    format!(
        "# Every setting, its default and meaning: restock config explain\n\n[project]\nname = {name}\n\
         currency = \"EUR\"\nbucket = \"day\"                 # day|week|month\n\n[data]\npath = \"data\"                  \
         # files named by table: sales, inventory, items, suppliers, sources\nmissing_sales = \"zero\"         # \
         zero|unknown|closed\n\n{}",
        sample.settings
    )
}

/// The sample tables: each item sells around its mean, with one stock-out so that the checks have something to show.
fn tables(sample: &Sample, today: Day) -> impl Iterator<Item = (&'static str, String)> {
    let mut random = Random(u64::from(today.0.unsigned_abs()).wrapping_mul(0x9E37_79B9) ^ sample.items.len() as u64);
    let mut sales = "date,location_id,item_id,quantity\n".to_owned();
    let mut inventory = "item_id,location_id,on_hand,as_of\n".to_owned();
    let mut items = "item_id,name,base_uom,unit_cost,price,shelf_life_days".to_owned();
    if let Some((column, _)) = sample.extra {
        let _ = write!(items, ",{column}");
    }
    items.push('\n');
    let mut sources = "item_id,to_location,supplier_id,lead_time_days,pack_size\n".to_owned();
    // Counted in the evening of the last open day.
    let open = |day: &Day| sample.weekdays[day.weekday_idx()] > 0.0;
    let counted_on = (1..=7).map(|back| today.plus(-back)).find(open).unwrap_or(today.plus(-1));
    for (item_idx, (item, name, supplier, uom, cost, price, pack, shelf_life, mean)) in sample.items.iter().enumerate()
    {
        let shelf_life = if *shelf_life > 0 { shelf_life.to_string() } else { String::new() };
        let _ = write!(items, "{item},{name},{uom},{cost},{price},{shelf_life}");
        if let Some((_, values)) = sample.extra {
            let _ = write!(items, ",{}", values[item_idx]);
        }
        items.push('\n');
        let (supplier_id, _, _, _, lead_time) = sample.suppliers[*supplier];
        for (location_idx, (location, _, _, share)) in sample.locations.iter().enumerate() {
            let _ = writeln!(sources, "{item},{location},{supplier_id},{lead_time},{pack}");
            for day in (1..=N_DAYS).rev().map(|back| today.plus(-back)) {
                let quantity = random.poisson(mean * share * sample.weekdays[day.weekday_idx()]);
                // The second item of the first place was out of stock for nine days some weeks ago.
                let days_ago = today.0 - day.0;
                let sold_out = item_idx == 1 && location_idx == 0 && (30..39).contains(&days_ago);
                if quantity > 0 && !sold_out {
                    let _ = writeln!(sales, "{day},{location},{item},{quantity}");
                }
            }
            let on_hand = (mean * share * (f64::from(lead_time) + 4.0) * (0.3 + random.uniform())).round();
            let _ = writeln!(inventory, "{item},{location},{on_hand},{counted_on}");
        }
    }
    let mut locations = "location_id,name,kind\n".to_owned();
    for (location, name, kind, _) in sample.locations {
        let _ = writeln!(locations, "{location},{name},{kind}");
    }
    let mut suppliers = "supplier_id,name,order_days,min_order_value\n".to_owned();
    for (supplier, name, order_days, minimum, _) in sample.suppliers {
        let _ = writeln!(suppliers, "{supplier},{name},{order_days},{minimum}");
    }
    [
        ("sales.csv", sales),
        ("inventory.csv", inventory),
        ("items.csv", items),
        ("locations.csv", locations),
        ("suppliers.csv", suppliers),
        ("sources.csv", sources),
    ]
    .into_iter()
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
    use std::path::Path;

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
            let (first, again): (Vec<_>, Vec<_>) = (tables(&sample, today).collect(), tables(&sample, today).collect());
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
